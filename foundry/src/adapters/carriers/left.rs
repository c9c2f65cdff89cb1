//! Calls at carriers outlive the server that has them: each is on record while it is ours, and what a server leaves behind when it dies is ended
//! by another, or by itself when it starts anew. Calls never wait for the record; one that could not be put on it is only as safe as its server.

use std::sync::Arc;
use std::time::Duration;

use control_server::Vault;
use control_server::ports::Account;
use control_store::carrier_call::{self, Abandoned, Call};
use control_store::{Db, Error, Reason, provider_account};
use domain::{OrgId, ServerId};
use runtime::{Kind, Tasks};
use tokio::sync::mpsc;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use super::Line;
use super::legs::Name;

const KEEP: Kind = Kind::new("carriers.record");
/// Words that wait to be written. When full a call is not on record, and its end is found out when it is taken for left behind.
const WORDS: usize = 1_024;
/// When the server stops, for calls that are still to be ended.
const LAST_WORDS: Duration = Duration::from_secs(25);
const BEAT: Duration = Duration::from_secs(10);
/// A server of which the database hears nothing for so long is gone. One that only cannot reach it loses its calls with that.
const LASTS: Duration = Duration::from_secs(60);
/// So many calls left behind are ended at a time.
const TAKEN: i64 = 16;
/// What is not ended by then has long been ended by its carrier's own limit, or its account has no right to.
const ATTEMPTS: i32 = 20;

/// Calls that a server which was gone had left to their carriers, and that were ended, by `outcome` (`ended`, `not_ended`).
const LEFT: &str = "carrier_calls_left_behind_total";

/// Cheap to clone.
#[derive(Clone)]
pub(crate) struct Record(mpsc::Sender<Word>);

enum Word {
    Ours(OrgId, Call),
    Over(Call),
    NotEnded(Call),
}

/// A call on record. Dropping it takes it off.
pub(crate) struct Entry {
    record: Record,
    call: Option<Call>,
}

impl Record {
    /// Keeps it from now on until `tasks` ends.
    pub(crate) fn start(db: Db, server: ServerId, vault: Arc<Vault>, line: Line, tasks: &Tasks) -> Self {
        let (words, written) = mpsc::channel(WORDS);
        let keeper = Keeper { db, server, vault, line, waiting: Vec::new(), open: 0, has_looked: false };
        tasks.spawn_graceful(KEEP, keeper.run(written, tasks.token()));
        Self(words)
    }

    /// This call is ours.
    pub(crate) fn ours(&self, org: OrgId, name: &Name) -> Entry {
        let call = Call { account: name.0, call: name.1.clone() };
        self.note(Word::Ours(org, call.clone()));
        Entry { record: self.clone(), call: Some(call) }
    }

    fn note(&self, word: Word) {
        if self.0.try_send(word).is_err() {
            tracing::warn!("calls at carriers are not on record: the database is too slow");
        }
    }
}

impl Entry {
    /// The carrier did not end it: it is tried again later, whatever becomes of this server.
    pub(crate) fn not_ended(mut self) {
        if let Some(call) = self.call.take() {
            self.record.note(Word::NotEnded(call));
        }
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        if let Some(call) = self.call.take() {
            self.record.note(Word::Over(call));
        }
    }
}

struct Keeper {
    db: Db,
    server: ServerId,
    vault: Arc<Vault>,
    line: Line,
    /// Not written yet, since the database was away.
    waiting: Vec<Word>,
    /// Calls that run.
    open: usize,
    /// What an earlier life of this server left is told from what this one has.
    has_looked: bool,
}

impl Keeper {
    /// Ends with `stopping`, when no call is ours any more.
    async fn run(mut self, mut words: mpsc::Receiver<Word>, stopping: CancellationToken) {
        let mut beat = tokio::time::interval(BEAT);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let last = async {
            stopping.cancelled().await;
            tokio::time::sleep(LAST_WORDS).await;
        };
        tokio::pin!(last);
        loop {
            tokio::select! {
                Some(word) = words.recv() => {
                    self.take(word);
                    while let Ok(word) = words.try_recv() {
                        self.take(word);
                    }
                }
                _ = beat.tick() => {
                    if let Err(error) = self.look().await {
                        let error = &error as &dyn std::error::Error;
                        tracing::debug!(error, "calls at carriers could not be renewed; again in a moment");
                    }
                }
                () = stopping.cancelled(), if self.open == 0 => {}
                () = &mut last => return,
            }
            if let Err(error) = self.write().await {
                let error = &error as &dyn std::error::Error;
                tracing::debug!(error, "calls at carriers could not be put on record; again in a moment");
            }
            if self.open == 0 && stopping.is_cancelled() {
                return;
            }
        }
    }

    fn take(&mut self, word: Word) {
        match &word {
            Word::Ours(..) => self.open += 1,
            Word::Over(over) => {
                self.open = self.open.saturating_sub(1);
                // Both at once are nothing: what waits for the database is no more than what runs.
                let before = self.waiting.len();
                self.waiting.retain(|word| !matches!(word, Word::Ours(_, call) if call == over));
                if self.waiting.len() < before {
                    return;
                }
            }
            Word::NotEnded(_) => self.open = self.open.saturating_sub(1),
        }
        self.waiting.push(word);
    }

    async fn write(&mut self) -> Result<(), Error> {
        if self.waiting.is_empty() || !self.has_looked {
            return Ok(());
        }
        let mut tx = self.db.system_tx(Reason::Outbound).await?;
        for word in &self.waiting {
            match word {
                Word::Ours(org, call) => carrier_call::hold(&mut tx, *org, call, self.server, LASTS).await?,
                Word::Over(call) => carrier_call::release(&mut tx, call).await?,
                Word::NotEnded(call) => carrier_call::give_up(&mut tx, call, LASTS).await?,
            }
        }
        tx.commit().await?;
        self.waiting.clear();
        Ok(())
    }

    async fn look(&mut self) -> Result<(), Error> {
        let mut tx = self.db.system_tx(Reason::Outbound).await?;
        if !self.has_looked {
            let left = carrier_call::abandon(&mut tx, self.server).await?;
            if left > 0 {
                tracing::warn!(
                    calls = left,
                    "calls at carriers were left behind when the server died; they are ended"
                );
            }
        }
        carrier_call::renew(&mut tx, self.server, LASTS).await?;
        let taken = carrier_call::take(&mut tx, self.server, TAKEN, LASTS).await?;
        tx.commit().await?;
        self.has_looked = true;
        // At once: what runs is to be renewed again in time.
        let ended = taken.into_iter().map(|left| self.end(left));
        futures::future::try_join_all(ended).await.map(drop)
    }

    async fn end(&self, left: Abandoned) -> Result<(), Error> {
        let account = self.account(&left).await?;
        let ended = match &account {
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

    async fn account(&self, left: &Abandoned) -> Result<Option<Account>, Error> {
        let mut tx = self.db.system_tx(Reason::FindTenant).await?;
        let found = provider_account::of_anyone(&mut tx, left.call.account).await?;
        tx.commit().await?;
        Ok(found.filter(|found| found.org == left.org).and_then(|found| self.vault.account(found).ok()))
    }
}
