//! A real Postgres of the test process's own, and databases of it that no other test sees.
//!
//! The cluster is made at the first call, without fsync, and ends with the process. Each database is empty, or a copy of a template that
//! is filled once.

use std::collections::BTreeMap;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError, mpsc};
use std::time::Duration;

use crate::process;

const READY_WITHIN: Duration = Duration::from_secs(120);
/// Owns every database, and is no superuser.
const OWNER: &str = "foundry_owner";
/// How a cluster's folder begins; then come its process and a number.
const FOLDER: &str = "agent-foundry-test-";

/// One running cluster.
pub struct Cluster {
    folder: PathBuf,
    binaries: PathBuf,
    postgres: Mutex<Option<Child>>,
    templates: Mutex<BTreeMap<String, ()>>,
}

static CLUSTER: OnceLock<Cluster> = OnceLock::new();
static DATABASES: AtomicU32 = AtomicU32::new(0);

/// The cluster that the tests of this process share.
#[must_use]
pub fn shared() -> &'static Cluster {
    CLUSTER.get_or_init(Cluster::start)
}

/// URL of a new, empty database of the shared cluster.
#[must_use]
pub fn empty() -> String {
    shared().create(None)
}

/// URL of a new database of the shared cluster that is a copy of `template`, which `fill` makes when it is first asked for.
#[must_use]
pub fn copy_of(template: &str, fill: impl FnOnce(&str)) -> String {
    let cluster = shared();
    let name = format!("template_{template}");
    {
        let mut templates = cluster.templates.lock().unwrap_or_else(PoisonError::into_inner);
        if !templates.contains_key(template) {
            let _none = cluster.sql("postgres", &format!("create database {name} owner {OWNER}"));
            fill(&cluster.url(&name));
            templates.insert(template.to_owned(), ());
        }
    }
    cluster.create(Some(&name))
}

impl Cluster {
    /// Makes and starts one. Its processes end with this one; its files go with it, those of the shared one when the next is made.
    #[must_use]
    pub fn start() -> Self {
        sweep(&std::env::temp_dir());
        let binaries = binaries();
        let folder = std::env::temp_dir().join(format!("{FOLDER}{}-{}", std::process::id(), next()));
        std::fs::create_dir(&folder).expect("a new folder");
        std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o755)).expect("it is ours");
        let user = runs_as();
        if let Some((user, group)) = user {
            chown(&folder, Some(user), Some(group)).expect("root may");
        }
        let mut initdb = as_user(&binaries.join("initdb"), user);
        initdb
            .args(["-U", "postgres", "-E", "UTF8", "--locale=C.UTF-8", "--auth=trust", "-N", "-D"])
            .arg(folder.join("data"));
        let made = process::run(&mut initdb, READY_WITHIN);
        assert_eq!(made.code, Some(0), "initdb: {}", made.stderr);
        let cluster = Self { folder, binaries, postgres: Mutex::new(None), templates: Mutex::default() };
        cluster.resume();
        let _none = cluster.sql("postgres", &format!("create role {OWNER} login createrole"));
        cluster
    }

    /// Starts it again after `kill` or `stop`.
    pub fn resume(&self) {
        let mut postgres = as_user(&self.binaries.join("postgres"), runs_as());
        postgres.arg("-D").arg(self.folder.join("data"));
        let socket = format!("unix_socket_directories={}", self.folder.display());
        for setting in
            ["listen_addresses=", "fsync=off", "full_page_writes=off", "max_connections=300", &socket]
        {
            postgres.args(["-c", setting]);
        }
        let log = std::fs::File::create(self.folder.join("log")).expect("writable");
        postgres.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        *self.postgres.lock().unwrap_or_else(PoisonError::into_inner) = Some(kept(postgres));
        process::wait_for("a Postgres that answers", READY_WITHIN, || self.psql("postgres", "select 1").ok());
    }

    /// As when the machine loses power: nothing is said to anyone.
    pub fn kill(&self) {
        self.end("KILL");
    }

    /// As when an administrator stops it at once.
    pub fn stop(&self) {
        self.end("INT");
    }

    fn end(&self, signal: &str) {
        let child = self.postgres.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(mut child) = child else { return };
        process::signal(child.id(), signal);
        let ended = process::ended(&mut child, READY_WITHIN);
        assert!(ended.is_some(), "Postgres does not end");
    }

    #[must_use]
    pub fn url(&self, database: &str) -> String {
        format!("postgres://{OWNER}@localhost/{database}?host={}", self.folder.display())
    }

    /// URL of a new database.
    #[must_use]
    pub fn create(&self, template: Option<&str>) -> String {
        let name = format!("test_{}", next());
        let from = template.map(|template| format!(" template {template}")).unwrap_or_default();
        let _none = self.sql("postgres", &format!("create database {name} owner {OWNER}{from}"));
        self.url(&name)
    }

    /// What a statement answers as the superuser, whom no policy binds: rows by line, columns by `|`.
    #[must_use]
    pub fn sql(&self, database: &str, statement: &str) -> String {
        self.psql(database, statement).unwrap_or_else(|said| unreachable!("{statement}: {said}"))
    }

    fn psql(&self, database: &str, statement: &str) -> Result<String, String> {
        let mut psql = Command::new(self.binaries.join("psql"));
        psql.args(["-XqAt", "-v", "ON_ERROR_STOP=1", "-U", "postgres", "-h"]).arg(&self.folder);
        psql.args(["-d", database, "-c", statement]);
        let ran = process::run(&mut psql, READY_WITHIN);
        if ran.code == Some(0) { Ok(ran.stdout.trim().to_owned()) } else { Err(ran.stderr) }
    }
}

/// As the superuser in the database of a URL that came from here.
#[must_use]
pub fn sql(url: &str, statement: &str) -> String {
    try_sql(url, statement).unwrap_or_else(|said| unreachable!("{statement}: {said}"))
}

/// As `sql`; a refusal is an answer.
///
/// # Errors
/// What Postgres said.
pub fn try_sql(url: &str, statement: &str) -> Result<String, String> {
    let database = url.split('?').next().and_then(|url| url.rsplit('/').next()).expect("a URL of ours");
    shared().psql(database, statement)
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.end("INT");
        let _left = std::fs::remove_dir_all(&self.folder);
    }
}

/// Removes the clusters of processes that have ended: what a process shares is dropped by nobody.
fn sweep(folder: &Path) {
    let processes = Path::new("/proc");
    if !processes.join("self").exists() {
        return;
    }
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let process = name.to_str().and_then(|name| name.strip_prefix(FOLDER)?.split('-').next());
        if process.is_some_and(|process| !processes.join(process).exists()) {
            let _gone_already = std::fs::remove_dir_all(entry.path());
        }
    }
}

fn next() -> u32 {
    DATABASES.fetch_add(1, Ordering::Relaxed)
}

/// Starts it from a thread that lives as long as the process: the system ends the child with the thread that made it, so that nothing
/// is left running when a test process is killed.
fn kept(mut command: Command) -> Child {
    let (send, receive) = mpsc::channel();
    std::thread::spawn(move || {
        let child = command.spawn().expect("Postgres can be started");
        if send.send(child).is_ok() {
            loop {
                std::thread::park();
            }
        }
    });
    receive.recv().expect("the thread has started it")
}

/// Postgres never runs as root.
fn runs_as() -> Option<(u32, u32)> {
    use std::os::unix::fs::MetadataExt;
    if std::fs::metadata("/proc/self").expect("Linux").uid() != 0 {
        return None;
    }
    let users = std::fs::read_to_string("/etc/passwd").expect("readable");
    let line = users.lines().find(|line| line.starts_with("postgres:")).expect("the package makes the user");
    let number = |n| line.split(':').nth(n).and_then(|field| field.parse().ok()).expect("a number");
    Some((number(2), number(3)))
}

fn as_user(program: &Path, user: Option<(u32, u32)>) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "INT"]);
    if let Some((user, group)) = user {
        command.args([format!("--reuid={user}"), format!("--regid={group}"), "--clear-groups".to_owned()]);
    }
    command.arg("--").arg(program).current_dir("/");
    command
}

/// The newest of Debian's, else whatever stands on the path.
fn binaries() -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut folders: Vec<(u32, PathBuf)> = versions
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin"))))
        .filter(|(_, folder): &(u32, PathBuf)| folder.join("initdb").is_file())
        .collect();
    folders.sort_unstable();
    if let Some((_, folder)) = folders.pop() {
        return folder;
    }
    let asked = Command::new("pg_config")
        .arg("--bindir")
        .output()
        .expect("PostgreSQL is installed: make test installs it");
    PathBuf::from(String::from_utf8_lossy(&asked.stdout).trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ended_processes_left_is_swept_and_nothing_else() {
        let folder = tempfile::tempdir().expect("a folder");
        let ours = format!("{FOLDER}{}-0", std::process::id());
        // No process has a number above 2^22.
        for name in [&ours, "agent-foundry-test-99999999-3", "another"] {
            std::fs::create_dir(folder.path().join(name)).expect("writable");
        }
        sweep(folder.path());
        let left = std::fs::read_dir(folder.path()).expect("readable").flatten();
        let mut left: Vec<_> = left.map(|entry| entry.file_name().into_string().expect("plain")).collect();
        left.sort();
        assert_eq!(left, [ours, "another".to_owned()]);
    }
}
