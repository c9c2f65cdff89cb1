//! Values that are kept encrypted. What is here never saw the clear text.

use domain::SecretId;

use crate::{Error, OrgTx};

/// A value as it is kept. Only who has the master key can open it.
#[derive(Clone, PartialEq, Eq)]
pub struct Sealed {
    pub sealed: Vec<u8>,
    pub wrapped_key: Vec<u8>,
    pub master_key: String,
    pub hint: String,
}

impl std::fmt::Debug for Sealed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sealed").field("master_key", &self.master_key).finish_non_exhaustive()
    }
}

/// # Errors
/// When the database does not take it.
pub async fn create(tx: &mut OrgTx, id: SecretId, value: &Sealed) -> Result<(), Error> {
    sqlx::query!(
        "insert into app.secrets (id, org_id, sealed, wrapped_key, master_key, hint) values ($1, $2, $3, $4, $5, $6)",
        id.as_uuid(),
        tx.org().as_uuid(),
        value.sealed,
        value.wrapped_key,
        value.master_key,
        value.hint
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// # Errors
/// `Reference`: something still names it.
pub async fn delete(tx: &mut OrgTx, id: SecretId) -> Result<(), Error> {
    sqlx::query!("delete from app.secrets where id = $1", id.as_uuid()).execute(tx.connection()).await?;
    Ok(())
}
