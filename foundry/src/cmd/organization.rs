//! The organization that a command works in.

use control_store::{Db, Reason, org};
use domain::OrgId;

/// Made at the first start of a server.
pub(crate) const DEFAULT: &str = "default";

/// # Errors
/// When there is none of that name.
pub(crate) async fn find(db: &Db, name: &str) -> anyhow::Result<OrgId> {
    let mut tx = db.system_tx(Reason::Organizations).await?;
    let found = org::named(&mut tx, name).await?;
    tx.commit().await?;
    match found {
        Some(found) => Ok(found.id),
        None if name == DEFAULT => {
            anyhow::bail!("there is no organization yet: the first `foundry serve` on this database makes it")
        }
        None => anyhow::bail!("there is no organization {name:?}"),
    }
}
