//! Why the store could not do what it was asked, in kinds that a caller can act on.

use domain::{Failure, Retry};

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the database does not answer")]
    Unavailable(#[source] sqlx::Error),
    /// Something else has what must be unique; `constraint` names the rule.
    #[error("another row has the same value ({constraint})")]
    Conflict { constraint: String },
    /// A row names another that is not there (any more), or is named by one.
    #[error("a row refers to one that is not there, or is referred to ({constraint})")]
    Reference { constraint: String },
    /// A value that the schema does not take.
    #[error("a value is not allowed ({constraint})")]
    Value { constraint: String },
    #[error(
        "the database has the schema of a newer version of this program ({version}): install that version, or give an older backup"
    )]
    SchemaNewer { version: i64 },
    #[error("the database has another text for its migration {version}: it was made by a changed program")]
    SchemaChanged { version: i64 },
    #[error("the schema cannot be brought up to date")]
    Migration(#[source] sqlx::migrate::MigrateError),
    #[error("{0}")]
    Setup(String),
    #[error("what is stored cannot be read: {0}")]
    Content(String),
    #[error("the database refused a statement")]
    Other(#[source] sqlx::Error),
}

impl Error {
    #[must_use]
    pub const fn failure(&self) -> Failure {
        match self {
            Self::Unavailable(_) => Failure::platform("STORE_UNAVAILABLE", Retry::Now),
            Self::SchemaNewer { .. } | Self::SchemaChanged { .. } | Self::Migration(_) => {
                Failure::platform("STORE_SCHEMA", Retry::Never)
            }
            Self::Setup(_) => Failure::platform("STORE_SETUP", Retry::Never),
            Self::Conflict { .. } | Self::Reference { .. } | Self::Value { .. } => {
                Failure::caller("STORE_REFUSED")
            }
            Self::Content(_) | Self::Other(_) => Failure::platform("STORE_FAILED", Retry::Never),
        }
    }

    /// Whether the database will never take it: what it says itself is wrong, and not how the database stands.
    #[must_use]
    pub fn refuses(&self) -> bool {
        match self {
            Self::Conflict { .. } | Self::Reference { .. } | Self::Value { .. } | Self::Content(_) => true,
            // Data exceptions and limits of the program; everything else (a full disk, a lock, a time limit) may pass.
            Self::Other(sqlx::Error::Database(database)) => {
                database.code().is_some_and(|code| code.starts_with("22") || code.starts_with("54"))
            }
            Self::Other(sqlx::Error::Encode(_)) => true,
            _ => false,
        }
    }

    /// Whether the same may succeed once the database is back.
    #[must_use]
    pub const fn passes(&self) -> bool {
        matches!(self, Self::Unavailable(_))
    }
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        use sqlx::error::ErrorKind;
        match &error {
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed
            | sqlx::Error::Protocol(_) => Self::Unavailable(error),
            sqlx::Error::Database(database) => {
                let constraint = database.constraint().unwrap_or_default().to_owned();
                match (database.kind(), database.code().as_deref()) {
                    (ErrorKind::UniqueViolation, _) => Self::Conflict { constraint },
                    (ErrorKind::ForeignKeyViolation, _) => Self::Reference { constraint },
                    (ErrorKind::CheckViolation | ErrorKind::NotNullViolation, _) => {
                        Self::Value { constraint }
                    }
                    // An exclusion is a uniqueness of ranges.
                    (_, Some("23P01")) => Self::Conflict { constraint },
                    // Connection exceptions, a server that starts or stops, too many connections.
                    (_, Some(code))
                        if code.starts_with("08") || code.starts_with("57P") || code == "53300" =>
                    {
                        Self::Unavailable(error)
                    }
                    _ => Self::Other(error),
                }
            }
            _ => Self::Other(error),
        }
    }
}
