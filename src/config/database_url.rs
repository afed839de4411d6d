//! The address of a database, whose password does not show.
//! Must not check it or open anything.

use url::Url;

/// The database where none is named: a file in the working folder.
pub(super) const DEFAULT_DATABASE: &str = "sqlite://jobcast.db";

/// An address of a database, which may hold a password and therefore prints as dots.
#[derive(Clone, PartialEq, Eq)]
pub struct DatabaseUrl(String);

impl Default for DatabaseUrl {
    fn default() -> DatabaseUrl {
        DatabaseUrl::new(DEFAULT_DATABASE)
    }
}

impl DatabaseUrl {
    /// An address, which is not checked.
    pub fn new(url: &str) -> DatabaseUrl {
        DatabaseUrl(url.to_owned())
    }

    /// Where the database is, without user and password.
    pub fn place(&self) -> String {
        match Url::parse(&self.0) {
            Ok(url) if url.scheme() == "sqlite" => self.0.clone(),
            Ok(url) => format!("{}://{}{}", url.scheme(), url.host_str().unwrap_or_default(), url.path()),
            Err(_) => format!("{self:?}"),
        }
    }

    /// The address with its password.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl std::str::FromStr for DatabaseUrl {
    /// Checked when it is opened: the error of a command line repeats the value, and with it the password.
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<DatabaseUrl, Self::Err> {
        Ok(DatabaseUrl::new(text))
    }
}

impl std::fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0.split_once(':').map_or("", |(scheme, _)| scheme))?;
        f.write_str("://…")
    }
}
