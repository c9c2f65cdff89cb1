//! The pools, each in the hat of one role, and the schema brought up to date before they are opened.

use std::str::FromStr;
use std::time::Duration;

use sqlx::migrate::{MigrateError, Migrator};
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::{ConnectOptions, Connection, PgConnection};

use crate::Error;

static MIGRATIONS: Migrator = sqlx::migrate!("./migrations");
const ROLES: &str = include_str!("roles.sql");
const HATS: &str = include_str!("hats.sql");
/// Of the roles' statements and of migrations: one server at a time.
const LOCK: i64 = 0x666f_756e_6472_7900;

const ROLE_ATTEMPTS: u32 = 5;
const OVERTAKEN_PAUSE: Duration = Duration::from_millis(50);

/// Oldest server: `security_invoker` of views and `nulls not distinct` came with it.
const OLDEST: u32 = 150_000;

/// For requests and pages. A handler that waits longer for a connection than this fails rather than piles up.
const APP_CONNECTIONS: u32 = 10;
/// For key look-ups and the writer of events.
const SYSTEM_CONNECTIONS: u32 = 4;
const ACQUIRE_WITHIN: Duration = Duration::from_secs(5);
/// No statement of ours takes longer on purpose.
const STATEMENT_LIMIT: &str = "15s";
/// Nothing else is waited for within a transaction.
const IDLE_LIMIT: &str = "30s";

/// How the database is reached, and in which hats.
#[derive(Clone)]
pub struct Access {
    owner: PgConnectOptions,
    /// Whether the roles are logins of their own (the private cluster), or put on by one login after it has come in.
    logins: bool,
}

impl std::fmt::Debug for Access {
    /// Without the password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Access").field("host", &self.owner.get_host()).finish_non_exhaustive()
    }
}

impl Access {
    /// An existing server, by the URL of the role that owns the schema.
    ///
    /// # Errors
    /// When it is no URL of a Postgres database.
    pub fn url(url: &str) -> Result<Self, Error> {
        if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
            return Err(Error::Setup("the database's URL must begin with postgres://".to_owned()));
        }
        let owner = PgConnectOptions::from_str(url)
            .map_err(|error| Error::Setup(format!("the database's URL cannot be read: {error}")))?;
        Ok(Self { owner, logins: false })
    }

    pub(crate) fn private(socket: &std::path::Path, port: u16) -> Self {
        let owner = PgConnectOptions::new_without_pgpass()
            .socket(socket)
            .port(port)
            .username(crate::embedded::OWNER)
            .database(crate::embedded::DATABASE);
        Self { owner, logins: true }
    }

    fn limited(&self) -> PgConnectOptions {
        self.owner.clone().application_name("agent-foundry").options([
            ("statement_timeout", STATEMENT_LIMIT),
            ("idle_in_transaction_session_timeout", IDLE_LIMIT),
        ])
    }

    async fn pool(&self, role: &'static str, most: u32) -> Result<PgPool, Error> {
        let options = if self.logins { self.limited().username(role) } else { self.limited() };
        let hat = if self.logins { None } else { Some(role) };
        let pool = PgPoolOptions::new()
            .max_connections(most)
            .acquire_timeout(ACQUIRE_WITHIN)
            .after_connect(move |connection, _| {
                Box::pin(async move {
                    match hat {
                        Some("foundry_app") => {
                            sqlx::raw_sql("set role foundry_app").execute(connection).await.map(drop)
                        }
                        Some(_) => {
                            sqlx::raw_sql("set role foundry_system").execute(connection).await.map(drop)
                        }
                        None => Ok(()),
                    }
                })
            })
            .connect_with(options)
            .await?;
        Ok(pool)
    }
}

/// The database, open. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Db {
    pub(crate) app: PgPool,
    pub(crate) system: PgPool,
    /// As the server names itself, such as `15.18`.
    version: String,
}

impl Db {
    /// Brings the schema up to date and opens the pools.
    ///
    /// # Errors
    /// When the server does not answer, is too old, has a newer schema, or its roles cannot be made.
    pub async fn open(access: &Access) -> Result<Self, Error> {
        let mut owner = access.owner.clone().application_name("agent-foundry-setup").connect().await?;
        let version = check_version(&mut owner).await?;
        prepare(&mut owner, access.logins, None).await?;
        owner.close().await?;
        let app = access.pool("foundry_app", APP_CONNECTIONS).await?;
        let system = access.pool("foundry_system", SYSTEM_CONNECTIONS).await?;
        let db = Self { app, system, version };
        db.check_roles().await?;
        Ok(db)
    }

    /// Brings a new database, or one that is older still, to a schema of before and no further: what upgrades are tried on.
    ///
    /// # Errors
    /// As `open`.
    pub async fn make_as_of(access: &Access, migration: i64) -> Result<(), Error> {
        let mut owner = access.owner.clone().application_name("agent-foundry-setup").connect().await?;
        prepare(&mut owner, access.logins, Some(migration)).await?;
        Ok(owner.close().await?)
    }

    /// The server's version, without changing anything.
    ///
    /// # Errors
    /// When it does not answer or is too old.
    pub async fn look(access: &Access) -> Result<String, Error> {
        let mut owner = access.owner.clone().application_name("agent-foundry-look").connect().await?;
        let version = check_version(&mut owner).await?;
        owner.close().await?;
        Ok(version)
    }

    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Whether the database answers now.
    ///
    /// # Errors
    /// What it answered instead.
    pub async fn ping(&self) -> Result<(), Error> {
        sqlx::raw_sql("select 1").execute(&self.app).await?;
        Ok(())
    }

    /// Connections that are open now, idle ones too.
    #[must_use]
    pub fn connections(&self) -> u32 {
        self.app.size() + self.system.size()
    }

    /// Waits for what runs and closes every connection.
    pub async fn close(&self) {
        self.app.close().await;
        self.system.close().await;
    }

    /// Neither hat may pass row-level security by.
    async fn check_roles(&self) -> Result<(), Error> {
        for pool in [&self.app, &self.system] {
            let (name, strong): (String, bool) = sqlx::query_as(
                "select rolname::text, rolsuper or rolbypassrls from pg_roles where rolname = current_user",
            )
            .fetch_one(pool)
            .await?;
            if strong {
                let said = format!(
                    "the role {name} passes row-level security by: alter role {name} nosuperuser nobypassrls"
                );
                return Err(Error::Setup(said));
            }
        }
        Ok(())
    }
}

async fn check_version(owner: &mut PgConnection) -> Result<String, Error> {
    let (number, name): (String, String) = sqlx::query_as(
        "select current_setting('server_version_num'), split_part(current_setting('server_version'), ' ', 1)",
    )
    .fetch_one(owner)
    .await?;
    if number.parse::<u32>().is_ok_and(|number| number >= OLDEST) {
        return Ok(name);
    }
    Err(Error::Setup(format!("the database is Postgres {name}: 15 or newer is needed")))
}

/// Roles, then migrations, one server at a time.
async fn prepare(owner: &mut PgConnection, logins: bool, target: Option<i64>) -> Result<(), Error> {
    sqlx::query("select pg_advisory_lock($1)").bind(LOCK).execute(&mut *owner).await?;
    let done = brought_up(owner, logins, target).await;
    sqlx::query("select pg_advisory_unlock($1)").bind(LOCK).execute(&mut *owner).await?;
    done
}

async fn brought_up(owner: &mut PgConnection, logins: bool, target: Option<i64>) -> Result<(), Error> {
    for statements in [ROLES, if logins { "" } else { HATS }] {
        make_roles(owner, statements).await.map_err(|error| {
            Error::Setup(format!(
                "the roles foundry_app and foundry_system cannot be made ({error}): have an administrator make them and grant them to the role of the database's URL, or give that role createrole"
            ))
        })?;
    }
    sqlx::raw_sql("set search_path = app, pg_catalog").execute(&mut *owner).await?;
    MIGRATIONS.run_direct(target, owner, false).await.map_err(|error| match error {
        MigrateError::VersionMissing(version) => Error::SchemaNewer { version },
        MigrateError::VersionMismatch(version) => Error::SchemaChanged { version },
        other => Error::Migration(other),
    })
}

/// Roles belong to the whole cluster, locks to one database: another server may make them in the same moment, in its own
/// database. The statements find what is there, so that whoever came second tries again.
async fn make_roles(owner: &mut PgConnection, statements: &'static str) -> Result<(), sqlx::Error> {
    for _ in 1..ROLE_ATTEMPTS {
        match sqlx::raw_sql(statements).execute(&mut *owner).await {
            Err(sqlx::Error::Database(error)) if error.code().is_some_and(|code| overtaken(&code)) => {
                tokio::time::sleep(OVERTAKEN_PAUSE).await;
            }
            other => return other.map(drop),
        }
    }
    sqlx::raw_sql(statements).execute(owner).await.map(drop)
}

/// Unique violation, duplicate object, or a tuple that another transaction changed meanwhile (an internal error, to Postgres).
fn overtaken(code: &str) -> bool {
    ["23505", "42710", "XX000"].contains(&code)
}
