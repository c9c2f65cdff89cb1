//! The record in the database, and the end of what was left behind by the account's own key.

use std::sync::Arc;

use control_server::Vault;
use control_server::ports::Account;
use control_store::carrier_call::{self, Abandoned, Call};
use control_store::{Db, Error, Reason, provider_account};
use domain::{OrgId, ServerId};
use futures::FutureExt;
use futures::future::BoxFuture;

use super::{Changes, LASTS, Shelf};
use crate::adapters::carriers::Line;

/// What is not ended by then has long been ended by its carrier's own limit, or its account has no right to.
const ATTEMPTS: i32 = 20;

/// Calls that a server which was gone had left to their carriers, and that were ended, by `outcome` (`ended`, `not_ended`).
const LEFT: &str = "carrier_calls_left_behind_total";

pub(super) struct InDatabase {
    pub(super) db: Db,
    pub(super) server: ServerId,
    pub(super) vault: Arc<Vault>,
    pub(super) line: Line,
}

impl Shelf for InDatabase {
    fn abandon(&self) -> BoxFuture<'_, Result<u64, Error>> {
        async move {
            let mut tx = self.db.system_tx(Reason::Outbound).await?;
            let left = carrier_call::abandon(&mut tx, self.server).await?;
            tx.commit().await?;
            Ok(left)
        }
        .boxed()
    }

    fn renew(&self, held: Vec<(OrgId, Call)>) -> BoxFuture<'_, Result<(), Error>> {
        async move {
            let mut tx = self.db.system_tx(Reason::Outbound).await?;
            carrier_call::hold(&mut tx, &held, self.server, LASTS).await?;
            carrier_call::hold_no_others(&mut tx, &held, self.server).await?;
            tx.commit().await
        }
        .boxed()
    }

    fn write<'a>(&'a self, changes: &'a Changes) -> BoxFuture<'a, Result<(), Error>> {
        async move {
            let mut tx = self.db.system_tx(Reason::Outbound).await?;
            for call in &changes.over {
                carrier_call::release(&mut tx, call).await?;
            }
            let held = [changes.held.as_slice(), &changes.not_ended].concat();
            carrier_call::hold(&mut tx, &held, self.server, LASTS).await?;
            for (_, call) in &changes.not_ended {
                carrier_call::give_up(&mut tx, call, LASTS).await?;
            }
            tx.commit().await
        }
        .boxed()
    }

    fn take(&self, silent: bool, limit: usize) -> BoxFuture<'_, Result<Vec<Abandoned>, Error>> {
        async move {
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            let mut tx = self.db.system_tx(Reason::Outbound).await?;
            let taken = carrier_call::take(&mut tx, self.server, silent, limit, LASTS).await?;
            tx.commit().await?;
            Ok(taken)
        }
        .boxed()
    }

    fn end(&self, left: Abandoned) -> BoxFuture<'_, Result<(), Error>> {
        async move {
            let ended = match &self.account(&left).await? {
                Some(account) => self.line.hang_up(account, &left.call.call).await,
                None => false,
            };
            let outcome = if ended { "ended" } else { "not_ended" };
            metrics::counter!(LEFT, "outcome" => outcome).increment(1);
            if !ended && left.attempts < ATTEMPTS {
                return Ok(());
            }
            let mut tx = self.db.system_tx(Reason::Outbound).await?;
            carrier_call::release(&mut tx, &left.call).await?;
            tx.commit().await
        }
        .boxed()
    }
}

impl InDatabase {
    async fn account(&self, left: &Abandoned) -> Result<Option<Account>, Error> {
        let mut tx = self.db.system_tx(Reason::FindTenant).await?;
        let found = provider_account::of_anyone(&mut tx, left.call.account).await?;
        tx.commit().await?;
        Ok(found.filter(|found| found.org == left.org).and_then(|found| self.vault.account(found).ok()))
    }
}
