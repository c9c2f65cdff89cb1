//! The two kinds of transaction, and nothing else that leads to a connection.

use domain::OrgId;
use sqlx::{AssertSqlSafe, PgConnection, Postgres, Transaction};

use crate::metrics::SYSTEM_TRANSACTIONS;
use crate::{Db, Error};

/// In one organization: row-level security shows and takes its rows alone.
#[must_use = "what is not committed is undone"]
pub struct OrgTx {
    tx: Transaction<'static, Postgres>,
    org: OrgId,
}

impl OrgTx {
    #[must_use]
    pub fn org(&self) -> OrgId {
        self.org
    }

    pub(crate) fn connection(&mut self) -> &mut PgConnection {
        &mut self.tx
    }

    /// # Errors
    /// When the database does not take it; nothing of the transaction is then kept.
    pub async fn commit(self) -> Result<(), Error> {
        Ok(self.tx.commit().await?)
    }
}

/// Why a transaction is of no single organization. A new reason is a decision about tenants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// Whose key is this? The organization follows from the answer.
    FindKey,
    /// Which organization does a hostname or a channel lead to?
    FindTenant,
    /// A new organization, or the list of all, by the operator.
    Organizations,
    /// Events of calls, of whichever organizations had them.
    WriteEvents,
    /// Calls that a crash left open.
    CloseInterrupted,
    /// Which conversations in rooms are this process's, and which are nobody's any more.
    Leases,
    /// Outdated rows of all organizations.
    Retention,
    /// Ended calls of which nobody has said what came of them, or that a model is to sum up.
    Summarise,
    /// Which agents this process answers for.
    LoadAgents,
    /// With which accounts this process calls vendors.
    LoadProviders,
    /// What organizations have spent of their budgets, and what else their requests to vendors tell.
    Spending,
    /// With what this process greets callers.
    LoadGreetings,
    /// Which calls this process puts faults on.
    LoadDrills,
    /// Which calls of ours may begin, and what became of those whose server died.
    Outbound,
    /// Whether the database is fit: roles, policies.
    Inspect,
}

impl Reason {
    /// As metrics and logs name it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::FindKey => "find_key",
            Self::FindTenant => "find_tenant",
            Self::Organizations => "organizations",
            Self::WriteEvents => "write_events",
            Self::CloseInterrupted => "close_interrupted",
            Self::Leases => "leases",
            Self::Retention => "retention",
            Self::Summarise => "summarise",
            Self::LoadAgents => "load_agents",
            Self::LoadProviders => "load_providers",
            Self::Spending => "spending",
            Self::LoadGreetings => "load_greetings",
            Self::LoadDrills => "load_drills",
            Self::Outbound => "outbound",
            Self::Inspect => "inspect",
        }
    }
}

/// Across organizations, for a reason.
#[must_use = "what is not committed is undone"]
pub struct SystemTx {
    tx: Transaction<'static, Postgres>,
}

impl SystemTx {
    pub(crate) fn connection(&mut self) -> &mut PgConnection {
        &mut self.tx
    }

    /// # Errors
    /// When the database does not take it; nothing of the transaction is then kept.
    pub async fn commit(self) -> Result<(), Error> {
        Ok(self.tx.commit().await?)
    }
}

impl Db {
    /// Begins a transaction in which the rows of one organization are all there is.
    ///
    /// # Errors
    /// When no connection is to be had.
    pub async fn org_tx(&self, org: OrgId) -> Result<OrgTx, Error> {
        // One round trip; a UUID cannot break out of its quotes.
        let begin = format!("begin; set local app.org_id = '{}'", org.as_uuid());
        let tx = self.app.begin_with(AssertSqlSafe(begin)).await?;
        Ok(OrgTx { tx, org })
    }

    /// Begins a transaction that sees every organization. Each is counted by its reason and stands in the debug log.
    ///
    /// # Errors
    /// When no connection is to be had.
    pub async fn system_tx(&self, reason: Reason) -> Result<SystemTx, Error> {
        metrics::counter!(SYSTEM_TRANSACTIONS, "reason" => reason.name()).increment(1);
        tracing::debug!(target: "audit", reason = reason.name(), "system transaction");
        Ok(SystemTx { tx: self.system.begin().await? })
    }
}
