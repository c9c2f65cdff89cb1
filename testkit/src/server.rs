//! The real program, serving on ports of its own until dropped.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use crate::http::{self, Reply};
use crate::postgres;
use crate::process::{self, Holdings};

/// Local models are loaded, warmed and measured before a server is ready, on a machine that may be busy.
const READY_WITHIN: Duration = Duration::from_secs(120);
/// A server told to stop has no call left in almost every test.
const STOP_WITHIN: Duration = Duration::from_secs(10);
const READY_LINE: &str = "Agent Foundry is ready: ";

pub struct Server {
    child: Child,
    url: String,
    folder: TempDir,
    /// Of the cluster that the tests of this process share.
    database: String,
}

impl Server {
    /// Starts `program serve` with `args`, on ports that the system picks unless they name one, and waits until it takes calls.
    #[must_use]
    pub fn start(program: &str, args: &[&str]) -> Self {
        Self::launch(program, args)
            .unwrap_or_else(|(status, log)| unreachable!("the server ended ({status}):\n{log}"))
    }

    /// As `start`; an early end is an answer: how it ended and what it said.
    ///
    /// # Errors
    /// The server ended before it was ready.
    pub fn launch(program: &str, args: &[&str]) -> Result<Self, (ExitStatus, String)> {
        Self::launch_in(program, args, &[])
    }

    /// As `launch`, with more of an environment.
    ///
    /// # Errors
    /// The server ended before it was ready.
    pub fn launch_in(
        program: &str,
        args: &[&str],
        environment: &[(&str, &str)],
    ) -> Result<Self, (ExitStatus, String)> {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let database = postgres::empty();
        let child = spawn(program, args, environment, folder.path(), &database);
        let mut server = Self { child, url: String::new(), folder, database };
        server.get_ready()?;
        Ok(server)
    }

    /// Starts it again on the same data, after it has ended or, where it still runs, as after a power cut.
    ///
    /// # Errors
    /// The server ended before it was ready.
    pub fn restart(&mut self, program: &str, args: &[&str]) -> Result<(), (ExitStatus, String)> {
        let _ended_already = self.child.kill();
        let _reaped = self.child.wait();
        self.child = spawn(program, args, &[], self.folder.path(), &self.database);
        self.get_ready()
    }

    fn get_ready(&mut self) -> Result<(), (ExitStatus, String)> {
        match process::wait_for("a server that is ready", READY_WITHIN, || self.look()) {
            Ok(url) => {
                self.url = url;
                Ok(())
            }
            Err(status) => Err((status, self.log())),
        }
    }

    fn look(&mut self) -> Option<Result<String, ExitStatus>> {
        if let Ok(Some(status)) = self.child.try_wait() {
            return Some(Err(status));
        }
        let said = std::fs::read_to_string(self.folder.path().join("stdout")).unwrap_or_default();
        let (_, rest) = said.split_once(READY_LINE)?;
        let (url, _) = rest.split_once('\n')?;
        // What follows is for browsers: it signs them in.
        let (url, _) = url.split_once("/#").unwrap_or((url, ""));
        Some(Ok(url.trim().to_owned()))
    }

    /// URL of its database.
    #[must_use]
    pub fn database(&self) -> &str {
        &self.database
    }

    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    #[must_use]
    pub fn data_dir(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Everything it has written so far.
    #[must_use]
    pub fn log(&self) -> String {
        let read = |name: &str| std::fs::read(self.folder.path().join(name)).unwrap_or_default();
        format!("{}{}", String::from_utf8_lossy(&read("stdout")), String::from_utf8_lossy(&read("stderr")))
    }

    #[must_use]
    pub fn holdings(&self) -> Holdings {
        process::holdings(self.pid()).expect("the server runs")
    }

    #[must_use]
    pub fn get(&self, path: &str) -> Reply {
        http::request(&self.url, "GET", path, &[], b"").expect("the server answers")
    }

    /// The operator's token, where the server made it.
    #[must_use]
    pub fn token(&self) -> String {
        std::fs::read_to_string(self.data_dir().join("operator-token")).unwrap_or_default()
    }

    /// As the operator.
    #[must_use]
    pub fn read(&self, path: &str) -> Reply {
        let bearer = format!("Bearer {}", self.token());
        http::request(&self.url, "GET", path, &[("authorization", &bearer)], b"").expect("the server answers")
    }

    #[must_use]
    pub fn post(&self, path: &str, body: &Value) -> Reply {
        let headers = [("content-type", "application/json")];
        http::request(&self.url, "POST", path, &headers, body.to_string().as_bytes())
            .expect("the server answers")
    }

    /// SIGTERM, as an init system sends it.
    pub fn terminate(&self) {
        process::signal(self.pid(), "TERM");
    }

    /// Waits for its end, which something else asked for.
    pub fn ended(&mut self, within: Duration) -> Option<ExitStatus> {
        process::ended(&mut self.child, within)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Ok(Some(_)) = self.child.try_wait() {
            return;
        }
        process::signal(self.pid(), "INT");
        if process::ended(&mut self.child, STOP_WITHIN).is_none() {
            let _gone = self.child.kill();
            let _reaped = self.child.wait();
        }
    }
}

fn spawn(program: &str, args: &[&str], environment: &[(&str, &str)], folder: &Path, database: &str) -> Child {
    let file = |name: &str| std::fs::File::create(folder.join(name)).expect("writable");
    let mut command = Command::new(program);
    // In the environment, which a test's own flag overrides.
    command.env("FOUNDRY_DATABASE_URL", database).envs(environment.iter().copied());
    command.args(["serve", "--data-dir"]).arg(folder.join("data")).args(args);
    if !args.contains(&"--listen") {
        command.args(["--listen", "127.0.0.1:0"]);
    }
    command
        .stdin(Stdio::null())
        .stdout(file("stdout"))
        .stderr(file("stderr"))
        .spawn()
        .expect("the program was built with these tests")
}
