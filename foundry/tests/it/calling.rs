//! `foundry call` as its users run it: a process, recordings in, lines of JSON out.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use testkit::Server;
use testkit::process::{self, Ran};

use crate::house::PROGRAM;

/// The longest script here is a booking of eight lines, with replies of up to ten seconds each.
const CALL_WITHIN: Duration = Duration::from_secs(180);

pub(crate) struct Call {
    pub(crate) ran: Ran,
    pub(crate) turns: Vec<Value>,
    /// What the agent said, as it was recorded.
    pub(crate) recording: PathBuf,
    _folder: tempfile::TempDir,
}

/// One recording to speak, and when: `None` after the agent has finished.
pub(crate) type Line = (PathBuf, Option<f64>);

/// A recording of the project, spoken when the agent has finished.
pub(crate) fn line(name: &str) -> Line {
    (testkit::speech(name), None)
}

pub(crate) fn place(server: &Server, transport: &str, script: &[Line]) -> Call {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let recording = folder.path().join("reply.wav");
    let ran = process::run(&mut command(server, transport, script, &recording), CALL_WITHIN);
    let parsed = |line: &str| serde_json::from_str(line).expect("one JSON object a line");
    let turns = ran.stdout.lines().map(parsed).collect();
    let call = Call { ran, turns, recording, _folder: folder };
    for turn in &call.turns {
        eprintln!("{transport}: {turn}");
    }
    call
}

/// The command line of a call, for tests that watch or kill the process themselves.
pub(crate) fn command(server: &Server, transport: &str, script: &[Line], recording: &Path) -> Command {
    let mut command = Command::new(PROGRAM);
    command.args([
        "call",
        "--url",
        server.url(),
        "--agent",
        "front-desk",
        "--transport",
        transport,
        "--json",
    ]);
    command.arg("--out").arg(recording);
    for (wav, at) in script {
        command.arg("--wav").arg(wav);
        if let Some(seconds) = at {
            command.arg("--at").arg(seconds.to_string());
        }
    }
    command
}

impl Call {
    /// Ended well: every line answered, exit code 0.
    pub(crate) fn assert_answered(&self, lines: usize) {
        assert_eq!(self.ran.code, Some(0), "stderr: {}\nstdout: {}", self.ran.stderr, self.ran.stdout);
        assert_eq!(self.turns.len(), lines + 1, "the greeting and {lines} turns: {}", self.ran.stdout);
        for turn in &self.turns {
            assert_eq!(turn["answered"], true, "{turn}");
        }
    }

    pub(crate) fn user(&self, turn: usize) -> &str {
        self.text(turn, "user_text")
    }

    pub(crate) fn agent(&self, turn: usize) -> &str {
        self.text(turn, "agent_text")
    }

    fn text(&self, turn: usize, side: &str) -> &str {
        self.turns.get(turn).and_then(|turn| turn[side].as_str()).unwrap_or_default()
    }

    /// Everything the agent said, by its own account.
    pub(crate) fn all_agent(&self) -> String {
        (0..self.turns.len()).map(|turn| self.agent(turn)).collect::<Vec<_>>().join(" ")
    }
}
