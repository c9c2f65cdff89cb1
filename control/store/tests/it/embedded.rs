//! The private cluster.

use std::path::PathBuf;

use control_store::{Access, Db, Embedded, Error, embedded};

/// Where the user whom Postgres runs as may go.
fn folder() -> tempfile::TempDir {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).expect("it is ours");
    folder
}

async fn start(folder: &tempfile::TempDir) -> Embedded {
    let made = Embedded::start(&folder.path().join("pg"), &embedded::Options::default()).await;
    made.expect("Postgres is installed by the tests' setup")
}

#[tokio::test]
async fn a_cluster_is_made_once_keeps_its_data_and_is_closed_to_others() {
    use std::os::unix::fs::PermissionsExt;
    let folder = folder();
    let cluster = start(&folder).await;
    let db = Db::open(&cluster.access()).await.expect("migrated");
    assert!(
        db.version()
            .split('.')
            .next()
            .and_then(|major| major.parse::<u32>().ok())
            .is_some_and(|major| major >= 15)
    );
    let socket = folder.path().join("pg/socket");
    assert_eq!(std::fs::metadata(&socket).expect("there").permissions().mode() & 0o777, 0o700);
    db.close().await;
    cluster.stop().await;
    let cluster = start(&folder).await;
    let db = Db::open(&cluster.access()).await.expect("migrated before");
    db.ping().await.expect("it answers");
    db.close().await;
    cluster.stop().await;
}

#[tokio::test]
async fn what_a_killed_server_left_running_is_stopped_and_its_files_are_taken_over() {
    let folder = folder();
    let first = start(&folder).await;
    let left = folder.path().join("pg/data/postmaster.pid");
    let pid = std::fs::read_to_string(&left).expect("it runs").lines().next().expect("a process").to_owned();
    std::mem::forget(first); // as when the process is killed and nothing tells Postgres
    let second = start(&folder).await;
    let now = std::fs::read_to_string(&left).expect("it runs").lines().next().expect("a process").to_owned();
    assert_ne!(pid, now);
    Db::open(&second.access()).await.expect("it answers").close().await;
    second.stop().await;
}

#[tokio::test]
async fn a_cluster_that_died_is_revived() {
    let folder = folder();
    let mut cluster = start(&folder).await;
    let db = Db::open(&cluster.access()).await.expect("migrated");
    let file = std::fs::read_to_string(folder.path().join("pg/data/postmaster.pid")).expect("it runs");
    let pid = file.lines().next().and_then(|line| line.trim().parse().ok()).expect("a process");
    testkit::process::signal(pid, "KILL");
    cluster.died().await;
    assert!(db.ping().await.is_err_and(|error| error.passes()));
    cluster.revive().await.expect("it recovers");
    db.ping().await.expect("the pools find it again");
    db.close().await;
    cluster.stop().await;
}

#[tokio::test]
async fn files_of_another_version_are_left_alone() {
    let folder = folder();
    std::fs::create_dir_all(folder.path().join("pg/data")).expect("writable");
    std::fs::write(folder.path().join("pg/data/PG_VERSION"), "9.6\n").expect("writable");
    let refused =
        Embedded::start(&folder.path().join("pg"), &embedded::Options::default()).await.expect_err("refused");
    assert!(matches!(&refused, embedded::Error::OtherVersion { found, .. } if found == "9.6"), "{refused}");
    let nothing = embedded::Options { binaries: Some(PathBuf::from("/nonexistent")) };
    let refused = Embedded::start(&folder.path().join("pg"), &nothing).await.expect_err("refused");
    assert_eq!(refused.failure().code.0, "POSTGRES_MISSING");
}

#[tokio::test]
async fn a_newer_schema_is_refused_and_a_url_that_is_none_is_said() {
    let (db, url) = crate::support::database().await;
    db.close().await;
    crate::support::sql(
        &url,
        "insert into app._sqlx_migrations (version, description, success, checksum, execution_time) values (999999, 'later', true, '\\x00', 0)",
    )
    .await;
    let refused = Db::open(&Access::url(&url).expect("a URL")).await.expect_err("refused");
    assert!(matches!(refused, Error::SchemaNewer { version: 999_999 }), "{refused}");
    assert!(Access::url("mysql://here").is_err());
}
