//! From running calls to the database: a queue that never makes a call wait, a journal on disk, and one writer that tries until the
//! database takes it.
//!
//! What was put on disk survives the process; what waits in the queue is lost with it, which is a fifth of a second of events.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use runtime::{Kind, Tasks};
use tokio::sync::{mpsc, watch};

use crate::entry::{Entry, Fenced};
use crate::ingest::{Known, Written};
use crate::journal::{self, Appender, Piece, Room, Taker};
use crate::metrics::{CONNECTIONS, ENTRIES_LOST, EVENTS_WRITTEN};
use crate::{Db, Error};

/// Entries between the calls and the disk: seconds of a full server. When full the entry is dropped and counted; a call never waits.
const QUEUE: usize = 16_384;
/// What is put on disk at once; so long do entries wait for company.
const APPEND_EVERY: Duration = Duration::from_millis(200);
/// Between two looks at the journal while the database takes everything.
const WRITE_EVERY: Duration = Duration::from_millis(250);
/// Entries of one transaction.
const BATCH: usize = 2_000;
/// After an error, doubling up to the longest.
const PAUSE_SHORTEST: Duration = Duration::from_millis(500);
const PAUSE_LONGEST: Duration = Duration::from_secs(5);

const APPEND: Kind = Kind::vital("store.journal");
const WRITE: Kind = Kind::vital("store.writer");

/// Where calls put what is to be kept. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Recorder {
    queue: mpsc::Sender<Entry>,
    state: watch::Receiver<State>,
    fence: Option<Fence>,
}

/// Of a call that another server may take over: what is put with it is not written any more when one has. Clones share it.
#[derive(Debug, Clone)]
pub struct Fence {
    number: i32,
    fallen: Arc<AtomicBool>,
}

impl Fence {
    /// Of the lease that has this number.
    #[must_use]
    pub fn new(number: i32) -> Self {
        Self { number, fallen: Arc::default() }
    }

    /// The lease is lost: what is put from now on is not kept either, whoever has the call now.
    pub fn fall(&self) {
        self.fallen.store(true, Ordering::Release);
    }
}

/// How the writing goes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct State {
    /// Whether the database took the last batch.
    pub behind: bool,
    /// How often everything that was on disk had been written.
    pub rounds: u64,
}

impl Recorder {
    /// Never waits: where the queue is full the entry is lost, and counted.
    pub fn put(&self, entry: Entry) {
        let entry = match &self.fence {
            Some(fence) if fence.fallen.load(Ordering::Acquire) => return,
            Some(fence) => Entry::Fenced(Box::new(Fenced { fence: fence.number, entry })),
            None => entry,
        };
        if self.queue.try_send(entry).is_err() {
            lost("queue_full", 1);
        }
    }

    /// For one call, as long as its lease is ours.
    #[must_use]
    pub fn fenced(&self, fence: Fence) -> Self {
        Self { fence: Some(fence), ..self.clone() }
    }

    #[must_use]
    pub fn state(&self) -> State {
        *self.state.borrow()
    }

    /// Waits until everything that is on disk now has been written. Cancel-safe.
    pub async fn written(&self) {
        let mut state = self.state.clone();
        // The round under way may have begun before the last entry came to the disk.
        let wanted = state.borrow().rounds + 2;
        let _ended = state.wait_for(|state| state.rounds >= wanted).await;
    }
}

/// Starts both tasks. When `tasks` is told to end, what is in the queue is put on disk first, and then written if the database takes it.
///
/// # Errors
/// When the journal's folder cannot be used.
pub fn start(folder: &Path, options: journal::Options, db: Db, tasks: &Tasks) -> io::Result<Recorder> {
    let appender = Appender::open(folder, options)?;
    let (queue, entries) = mpsc::channel(QUEUE);
    let (report, state) = watch::channel(State::default());
    let own = Arc::new(tasks.child());
    let (journal, appended) = watch::channel(Appended::default());
    tasks.spawn_graceful(APPEND, append(entries, appender, Arc::clone(&own), journal));
    tasks.spawn_graceful(WRITE, write(Taker::open(folder), db, report, own, appended));
    Ok(Recorder { queue, state, fence: None })
}

/// What the one task has put on disk for the other.
#[derive(Debug, Clone, Copy, Default)]
struct Appended {
    batches: u64,
    /// Nothing more comes.
    ended: bool,
}

fn lost(why: &'static str, count: usize) {
    metrics::counter!(ENTRIES_LOST, "why" => why).increment(count as u64);
}

async fn append(
    mut entries: mpsc::Receiver<Entry>,
    appender: Appender,
    tasks: Arc<Tasks>,
    journal: watch::Sender<Appended>,
) {
    let token = tasks.token();
    let mut appender = Some(appender);
    let mut waiting = Vec::new();
    let mut last = false;
    while !last {
        tokio::select! {
            count = entries.recv_many(&mut waiting, QUEUE) => last = count == 0,
            () = token.cancelled() => {
                last = true;
                while let Ok(entry) = entries.try_recv() {
                    waiting.push(entry);
                }
            }
        }
        if !waiting.is_empty() {
            appender = put_by(&tasks, appender, std::mem::take(&mut waiting)).await;
            journal.send_modify(|appended| appended.batches += 1);
        }
        if !last && token.run_until_cancelled(tokio::time::sleep(APPEND_EVERY)).await.is_none() {
            continue;
        }
    }
    journal.send_modify(|appended| appended.ended = true);
}

async fn put_by(tasks: &Tasks, appender: Option<Appender>, entries: Vec<Entry>) -> Option<Appender> {
    let mut appender = appender?;
    let work = move || {
        put_down(&mut appender, &entries);
        appender
    };
    match tasks.spawn_blocking(APPEND, work).await {
        Ok(appender) => Some(appender),
        Err(panic) => {
            tracing::error!(error = %panic, "the journal's writer broke off");
            None
        }
    }
}

fn encode(entries: &[Entry]) -> Vec<u8> {
    let mut lines = Vec::with_capacity(entries.len() * 256);
    for entry in entries {
        let begin = lines.len();
        match serde_json::to_writer(&mut lines, entry) {
            Ok(()) => {
                no_nul(&mut lines[begin..]);
                lines.push(b'\n');
            }
            Err(_) => {
                lines.truncate(begin);
                lost("damaged", 1);
            }
        }
    }
    lines
}

/// Postgres takes no U+0000 in a text, and callers may type one: it becomes the sign for what cannot be shown.
fn no_nul(line: &mut [u8]) {
    const NUL: &[u8] = br"\u0000";
    let mut at = 0;
    while let Some(found) = line[at..].windows(NUL.len()).position(|window| window == NUL) {
        line[at + found..][..NUL.len()].copy_from_slice(br"\ufffd");
        at += found + NUL.len();
    }
}

/// All of them; where the journal is full, those that have a reserve.
fn put_down(appender: &mut Appender, entries: &[Entry]) {
    let lines = encode(entries);
    if appender.has_room(lines.len() as u64, Room::Ordinary) {
        return append_lines(appender, &lines);
    }
    let vital: Vec<Entry> = entries.iter().filter(|entry| entry.is_vital()).cloned().collect();
    let mut count = entries.len();
    let lines = encode(&vital);
    if appender.has_room(lines.len() as u64, Room::Reserve) {
        append_lines(appender, &lines);
        count -= vital.len();
    }
    tracing::error!(count, "the journal is full: the database has been away for too long; events are lost");
    lost("journal_full", count);
}

fn append_lines(appender: &mut Appender, lines: &[u8]) {
    if let Err(cut) = appender.append(lines) {
        let count = lines.iter().filter(|byte| **byte == b'\n').count() - cut.kept;
        tracing::error!(error = %cut.source, count, "events of calls could not be put on disk and are lost");
        lost("journal_failed", count);
    }
}

async fn write(
    mut taker: Taker,
    db: Db,
    report: watch::Sender<State>,
    tasks: Arc<Tasks>,
    mut appended: watch::Receiver<Appended>,
) {
    let token = tasks.token();
    let mut known = Known::default();
    let mut pause = PAUSE_SHORTEST;
    // How many batches had come when the journal was last seen to hold no more. Before the first look: unknown.
    let mut emptied = None;
    loop {
        metrics::gauge!(CONNECTIONS).set(f64::from(db.connections()));
        // Read before the journal is: after the end of the other task nothing more comes.
        let before = *appended.borrow_and_update();
        let last = before.ended || appended.has_changed().is_err();
        // A thread is not woken to find nothing.
        let read = if emptied == Some(before.batches) {
            Ok(None)
        } else {
            let reading = tasks.spawn_blocking(WRITE, move || {
                let read = taker.next(BATCH);
                (taker, read)
            });
            let Ok((ours, read)) = reading.await else { return };
            taker = ours;
            read
        };
        let wait = match read {
            Ok(None) => {
                emptied = Some(before.batches);
                report.send_modify(|state| *state = State { behind: false, rounds: state.rounds + 1 });
                pause = PAUSE_SHORTEST;
                WRITE_EVERY
            }
            Ok(Some(piece)) => match deliver(&db, &mut known, &piece).await {
                Ok(()) => {
                    taker.taken(&piece);
                    continue;
                }
                Err(Behind) => behind(&report, &mut pause),
            },
            Err(error) => {
                tracing::error!(%error, "the journal cannot be read");
                behind(&report, &mut pause)
            }
        };
        if last {
            return; // all is written, or stays on disk for the next start
        }
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = token.cancelled() => { let _ended = appended.wait_for(|appended| appended.ended).await; }
        }
    }
}

/// Says so, and how long to wait this time.
fn behind(report: &watch::Sender<State>, pause: &mut Duration) -> Duration {
    report.send_modify(|state| state.behind = true);
    let wait = *pause;
    *pause = (wait * 2).min(PAUSE_LONGEST);
    wait
}

/// The database is away: the same again later.
struct Behind;

async fn deliver(db: &Db, known: &mut Known, piece: &Piece) -> Result<(), Behind> {
    if piece.damaged > 0 {
        tracing::error!(count = piece.damaged, "lines of the journal could not be read");
        lost("damaged", piece.damaged);
    }
    match db.write(known, &piece.entries).await {
        Ok(written) => {
            count(written);
            Ok(())
        }
        Err(error) if !error.refuses() => {
            known.clear();
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "the database takes no events now; they wait on disk"
            );
            Err(Behind)
        }
        Err(error) => {
            known.clear();
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "the database refused events; each call's are tried by themselves"
            );
            one_by_one(db, known, piece).await
        }
    }
}

fn count(written: Written) {
    metrics::counter!(EVENTS_WRITTEN).increment(written.events as u64);
    if written.unknown > 0 {
        lost("unknown_call", written.unknown);
    }
    if written.late > 0 {
        tracing::warn!(
            count = written.late,
            "entries of calls that another server has taken over are not written"
        );
        lost("taken_over", written.late);
    }
}

/// What one call brings must not keep those of the others.
async fn one_by_one(db: &Db, known: &mut Known, piece: &Piece) -> Result<(), Behind> {
    let mut sessions: Vec<_> = piece.entries.iter().map(Entry::session).collect();
    sessions.sort_unstable();
    sessions.dedup();
    // What belongs to no call is tried together.
    for session in sessions {
        let own: Vec<Entry> =
            piece.entries.iter().filter(|entry| entry.session() == session).cloned().collect();
        match db.write(known, &own).await {
            Ok(written) => count(written),
            Err(error) if !error.refuses() => return Err(Behind),
            Err(error) => {
                known.clear();
                let session = session.map(|session| session.to_string());
                tracing::error!(
                    session,
                    error = &error as &dyn std::error::Error,
                    "the database refuses events of this call; they are lost"
                );
                lost("refused", own.len());
            }
        }
    }
    Ok(())
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Self::Setup(error.to_string())
    }
}
