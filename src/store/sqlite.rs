//! SQLite.
pub struct SqliteStore; 
impl SqliteStore { pub async fn open(_url: &str,  _s: super::StoreSettings) -> Result<Self, super::StoreError> { unimplemented!() } }
