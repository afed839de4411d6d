//! PostgreSQL.
pub struct PostgresStore; 
impl PostgresStore { pub async fn open(_url: &str, _direct: &str, _s: super::StoreSettings) -> Result<Self, super::StoreError> { unimplemented!() } }
