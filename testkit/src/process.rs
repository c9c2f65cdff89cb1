//! What a process of this machine holds, and how to end it by its id. Linux alone.

use std::io::{self, Read};
use std::process::{Child, Command, ExitStatus};
use std::time::{Duration, Instant};

/// What a process holds at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Holdings {
    pub descriptors: usize,
    pub threads: usize,
    pub resident_kb: u64,
}

/// # Errors
/// When the process is gone.
pub fn holdings(pid: u32) -> io::Result<Holdings> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let number = |key: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(key)).unwrap_or_default();
        line.split_whitespace().next().and_then(|word| word.parse::<u64>().ok()).unwrap_or_default()
    };
    Ok(Holdings {
        descriptors: std::fs::read_dir(format!("/proc/{pid}/fd"))?.count(),
        threads: usize::try_from(number("Threads:")).unwrap_or_default(),
        resident_kb: number("VmRSS:"),
    })
}

/// Sends `signal` (`TERM`, `INT`, `KILL`) to one process.
pub fn signal(pid: u32, signal: &str) {
    let sent = Command::new("kill").arg(format!("-{signal}")).arg(pid.to_string()).status();
    assert!(sent.is_ok_and(|status| status.success()), "could not send {signal} to process {pid}");
}

/// Asks again and again until there is an answer.
#[expect(clippy::disallowed_methods, reason = "another process is watched: it wakes nobody here")]
pub fn wait_for<T>(what: &str, within: Duration, mut look: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(began.elapsed() < within, "{what}: not within {within:?}");
        std::thread::sleep(Duration::from_millis(25));
    }
}

/// The end of a child, if it comes in time.
#[expect(clippy::disallowed_methods, reason = "another process is watched: it wakes nobody here")]
pub fn ended(child: &mut Child, within: Duration) -> Option<ExitStatus> {
    let began = Instant::now();
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Some(status),
            Ok(None) if began.elapsed() < within => std::thread::sleep(Duration::from_millis(25)),
            _ => return None,
        }
    }
}

/// What a command printed and how it ended.
#[derive(Debug)]
pub struct Ran {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

/// Runs a command to its end; past `within` it is killed and the test fails.
pub fn run(command: &mut Command, within: Duration) -> Ran {
    let files = tempfile::tempdir().expect("a temporary folder can be made");
    let create = |name: &str| std::fs::File::create(files.path().join(name)).expect("writable");
    let mut child = command
        .stdin(std::process::Stdio::null())
        .stdout(create("stdout"))
        .stderr(create("stderr"))
        .spawn()
        .unwrap_or_else(|error| unreachable!("cannot start {command:?}: {error}"));
    let status = ended(&mut child, within);
    if status.is_none() {
        let _gone = child.kill();
        let _reaped = child.wait();
    }
    let read = |name: &str| {
        let mut bytes = Vec::new();
        let file = std::fs::File::open(files.path().join(name)).expect("just written");
        io::BufReader::new(file).read_to_end(&mut bytes).expect("readable");
        String::from_utf8_lossy(&bytes).into_owned()
    };
    let (stdout, stderr) = (read("stdout"), read("stderr"));
    let status = status.unwrap_or_else(|| {
        unreachable!("{command:?} took longer than {within:?}\nstdout: {stdout}\nstderr: {stderr}")
    });
    Ran { code: status.code(), stdout, stderr }
}
