//! One-time codes of links: each signs one browser in. One of them is the running server's own, which it prints at its start; those of
//! `foundry admin-link` lie in the database.

use std::sync::{Mutex, PoisonError};

use control_api::problem;
use control_store::admin_link::{self, Redeemed};
use control_store::{Db, audit};
use domain::{OrgId, Secret};
use jiff::Timestamp;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::Server;
use crate::app::token::same_secret;
use crate::error::Error;

/// Cheap to make; good until it was used, and as long as the process lives.
#[derive(Default)]
pub struct AdminCode(Mutex<Option<Printed>>);

struct Printed {
    /// As the audit log names the link.
    id: Uuid,
    code: Secret<String>,
    used_at: Option<Timestamp>,
}

impl AdminCode {
    /// A new code. `shown` is what the link is made of: `/#admin=CODE`.
    #[must_use]
    pub fn generate() -> Self {
        Self(Mutex::new(Some(Printed { id: Uuid::now_v7(), code: Secret::new(random()), used_at: None })))
    }

    /// `None`: there is none, or it was used.
    #[must_use]
    pub fn shown(&self) -> Option<String> {
        let printed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        printed.as_ref().filter(|one| one.used_at.is_none()).map(|one| one.code.expose().clone())
    }

    /// Puts into the audit log that there is such a link, where there is one.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn note(&self, db: &Db, org: OrgId) -> Result<(), control_store::Error> {
        let printed = self.0.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(|one| one.id);
        let Some(id) = printed else { return Ok(()) };
        let mut tx = db.org_tx(org).await?;
        audit::write(&mut tx, made(&id.to_string(), "server")).await?;
        tx.commit().await
    }

    /// What the code is worth; if it is good, it is no more from now on.
    pub(crate) fn redeem(&self, given: &str, now: Timestamp) -> Redeemed {
        let mut printed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(printed) = printed.as_mut().filter(|one| same_secret(given, one.code.expose())) else {
            return Redeemed::Unknown;
        };
        match printed.used_at {
            Some(at) => Redeemed::Used(at),
            None => {
                printed.used_at = Some(now);
                Redeemed::Good(printed.id)
            }
        }
    }
}

/// Of a new link: its code, and what is stored of it.
pub struct AdminLink {
    pub code: Secret<String>,
    pub hash: [u8; 32],
}

impl AdminLink {
    #[must_use]
    pub fn generate() -> Self {
        let code = random();
        Self { hash: hash(&code), code: Secret::new(code) }
    }
}

fn random() -> String {
    format!("{:032x}", rand::random::<u128>())
}

/// The code has full entropy.
fn hash(code: &str) -> [u8; 32] {
    Sha256::digest(code.as_bytes()).into()
}

/// # Errors
/// Why the code signs nobody in, and what does.
pub(crate) async fn redeem(server: &Server, given: &str, request_id: &str) -> Result<(), Error> {
    let now = server.ports.clock.now();
    let worth = match server.code.redeem(given, now) {
        Redeemed::Unknown => stored(server, given, now, request_id).await?,
        Redeemed::Good(id) => {
            // It signs in while the database is away, too.
            if let Err(error) = note_use(server, id, request_id).await {
                tracing::warn!(link = %id, code = %error.definition.code(), "that a link was used is not in the audit log");
            }
            return Ok(());
        }
        known => known,
    };
    let spent = |why: String| {
        let detail = format!(
            "{why}: `foundry admin-link` on the server's machine prints another one; the operator's token signs in, too"
        );
        Err(Error::new(&problem::ADMIN_LINK_SPENT, detail))
    };
    match worth {
        Redeemed::Good(_) => Ok(()),
        Redeemed::Used(at) => spent(format!("this link was used already, {}", when(at))),
        Redeemed::Expired(at) => spent(format!("this link was good until {}", when(at))),
        Redeemed::Unknown => spent("this link is of an earlier start of the server, or of none".to_owned()),
    }
}

fn when(at: Timestamp) -> impl std::fmt::Display {
    at.strftime("%Y-%m-%d %H:%M UTC")
}

/// While the database is away nobody knows of other links than the server's own.
async fn stored(server: &Server, given: &str, now: Timestamp, request_id: &str) -> Result<Redeemed, Error> {
    let opened = server.store.opened()?;
    let mut tx = opened.db.org_tx(opened.organization).await?;
    let worth = admin_link::redeem(&mut tx, &hash(given), now).await?;
    if let Redeemed::Good(id) = worth {
        audit::write(&mut tx, used(&id.to_string(), request_id)).await?;
    }
    tx.commit().await?;
    Ok(worth)
}

async fn note_use(server: &Server, id: Uuid, request_id: &str) -> Result<(), Error> {
    let opened = server.store.opened()?;
    let mut tx = opened.db.org_tx(opened.organization).await?;
    audit::write(&mut tx, used(&id.to_string(), request_id)).await?;
    tx.commit().await?;
    Ok(())
}

fn used<'a>(link: &'a str, request_id: &'a str) -> audit::Change<'a> {
    audit::Change {
        actor: "operator",
        action: "admin_link.use",
        target: link,
        before: None,
        after: None,
        request_id,
    }
}

fn made<'a>(link: &'a str, actor: &'a str) -> audit::Change<'a> {
    audit::Change {
        actor,
        action: "admin_link.create",
        target: link,
        before: None,
        after: None,
        request_id: "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_good_once_and_known_afterwards() {
        let (first, second) = (Timestamp::UNIX_EPOCH, Timestamp::MAX);
        let code = AdminCode::generate();
        let shown = code.shown().expect("there is one");
        for other in ["", &shown[1..]] {
            assert_eq!(code.redeem(other, first), Redeemed::Unknown);
        }
        assert!(matches!(code.redeem(&shown, first), Redeemed::Good(_)));
        assert_eq!(code.redeem(&shown, second), Redeemed::Used(first));
        assert_eq!(code.shown(), None);
        assert_eq!(AdminCode::default().redeem("", first), Redeemed::Unknown);
    }
}
