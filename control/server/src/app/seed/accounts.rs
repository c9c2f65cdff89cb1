//! Accounts at vendors for keys that whoever starts the server has in the environment.

use control_api::provider_account::{AccountOptions, Vendor};
use control_store::{Db, Error, audit, org as store, provider_account, secret};
use domain::{OrgId, ProviderAccountId, Secret, SecretId};
use serde_json::json;

use crate::app::provider_accounts::check_given;
use crate::app::vault::Vault;

/// An account as the environment gives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GivenAccount {
    pub name: String,
    pub vendor: Vendor,
    pub options: AccountOptions,
    pub key: Secret<String>,
}

/// Makes those whose names are not taken: an account that is there stays as somebody has changed it. Gives the names of those made. One that
/// the API would refuse is named in the log and keeps no server from starting.
///
/// # Errors
/// When the database does not take it.
pub async fn seed_accounts(
    db: &Db,
    org: OrgId,
    vault: &Vault,
    given: &[GivenAccount],
) -> Result<Vec<String>, Error> {
    let mut made = Vec::new();
    for account in given {
        if let Err(wrong) = check_given(&account.name, &account.key, &account.options) {
            tracing::error!(
                account = account.name,
                wrong = wrong.detail,
                "no account is made of the environment"
            );
            continue;
        }
        let mut tx = db.org_tx(org).await?;
        // One server at a time: each account is made once.
        store::lock(&mut tx).await?;
        if provider_account::is_taken(&mut tx, &account.name).await? {
            continue;
        }
        let (id, key) = (ProviderAccountId::generate(), SecretId::generate());
        secret::create(&mut tx, key, &vault.seal(org, key, &account.key)).await?;
        let options = json!(account.options);
        let new = provider_account::New {
            name: &account.name,
            vendor: account.vendor.name(),
            options: &options,
            secret: Some(key),
            enabled: true,
        };
        provider_account::create(&mut tx, id, new).await?;
        let change = audit::Change {
            actor: "environment",
            action: "provider_account.create",
            target: &id.to_string(),
            before: None,
            after: Some(&json!({"name": account.name, "vendor": account.vendor, "options": account.options})),
            request_id: "",
        };
        audit::write(&mut tx, change).await?;
        tx.commit().await?;
        made.push(account.name.clone());
    }
    Ok(made)
}
