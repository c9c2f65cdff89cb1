//! Servers that tests share while they overlap, and the quiet that timing needs.

use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, PoisonError, Weak};

use testkit::Server;

pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_foundry");

/// How many tests that need little of the machine run beside each other: their time goes by in calls at the pace of speech.
const BESIDE: usize = 3;

/// Who has the machine: one test alone, or a few that need little of it.
static MACHINE: Machine =
    Machine { state: Mutex::new(Taken { places: 0, wanted_whole: 0 }), freed: Condvar::new() };

struct Machine {
    state: Mutex<Taken>,
    freed: Condvar,
}

struct Taken {
    places: usize,
    /// Tests that wait for the whole: nobody begins beside others before them.
    wanted_whole: usize,
}

/// The machine, or a place on it, until it is dropped.
pub(crate) struct Quiet(usize);

impl Drop for Quiet {
    fn drop(&mut self) {
        MACHINE.state.lock().unwrap_or_else(PoisonError::into_inner).places -= self.0;
        MACHINE.freed.notify_all();
    }
}

/// For a test with local models, a browser or a server of LiveKit: two cores carry one such conversation in good time, not two.
pub(crate) fn quiet() -> Quiet {
    let mut taken = MACHINE.state.lock().unwrap_or_else(PoisonError::into_inner);
    taken.wanted_whole += 1;
    let mut taken =
        MACHINE.freed.wait_while(taken, |taken| taken.places > 0).unwrap_or_else(PoisonError::into_inner);
    taken.wanted_whole -= 1;
    taken.places = BESIDE;
    Quiet(BESIDE)
}

/// For a test whose recogniser, models and voices are scripted, and which looks at what is said rather than at how soon.
pub(crate) fn among_others() -> Quiet {
    let taken = MACHINE.state.lock().unwrap_or_else(PoisonError::into_inner);
    let full = |taken: &mut Taken| taken.places >= BESIDE || taken.wanted_whole > 0;
    MACHINE.freed.wait_while(taken, full).unwrap_or_else(PoisonError::into_inner).places += 1;
    Quiet(1)
}

/// Ended with the last test that holds it, and started anew by the next: statics would outlive the tests.
struct Shared {
    server: Mutex<Weak<Server>>,
    arguments: &'static [&'static str],
}

impl Shared {
    const fn new(arguments: &'static [&'static str]) -> Self {
        Self { server: Mutex::new(Weak::new()), arguments }
    }

    /// Its start loads models on every core, so that it waits for quiet as a call does: ask before the quiet of the test itself.
    fn get(&self) -> Arc<Server> {
        let running = || self.server.lock().unwrap_or_else(PoisonError::into_inner).upgrade();
        if let Some(running) = running() {
            return running;
        }
        let _quiet = quiet();
        // Another test may have started it meanwhile.
        if let Some(running) = running() {
            return running;
        }
        let started = Arc::new(Server::start(PROGRAM, self.arguments));
        *self.server.lock().unwrap_or_else(PoisonError::into_inner) = Arc::downgrade(&started);
        started
    }
}

static SPEAKING: Shared = Shared::new(&["--providers", "local"]);

/// A server as a newcomer has it: the embedded models, every default.
pub(crate) fn speaking() -> Arc<Server> {
    SPEAKING.get()
}

/// What the fake recogniser of `timed` servers hears, line by line, in every call.
pub(crate) const FAKE_LINES: &str = "[\"What are your opening hours?\", \"Thank you, goodbye.\"]";

/// A cheap server with scripted providers; `settings` is added to its configuration file.
pub(crate) fn timed(settings: &str, arguments: &[&str]) -> Server {
    hearing(FAKE_LINES, settings, arguments)
}

/// As `timed`, with other lines; `settings` goes on in the table of the fake recogniser.
pub(crate) fn hearing(lines: &str, settings: &str, arguments: &[&str]) -> Server {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let config = folder.path().join("foundry.toml");
    let text = format!("[providers]\nspeech = \"fake\"\n[providers.fake.stt]\nlines = {lines}\n{settings}\n");
    std::fs::write(&config, text).expect("writable");
    let config = config.to_str().expect("temporary folders have plain names");
    // Read once at start; the folder may go afterwards.
    Server::start(PROGRAM, &[&["--config", config], arguments].concat())
}

/// Of the checkout.
pub(crate) fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}
