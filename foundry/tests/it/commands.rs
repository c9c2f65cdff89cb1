//! The commands beside `serve` and `call`, and what `serve` says when it cannot.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use testkit::Server;
use testkit::process::{self, Ran};

use crate::house::{self, PROGRAM};

const WITHIN: Duration = Duration::from_secs(60);

fn foundry(arguments: &[&str]) -> Command {
    let mut command = Command::new(PROGRAM);
    command.args(arguments);
    command
}

fn run(command: &mut Command) -> Ran {
    process::run(command, WITHIN)
}

/// A folder with the real models, but for what `change` does to it.
fn models(change: impl FnOnce(&Path)) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let from = cache();
    let copied =
        process::run(Command::new("cp").arg("-rs").arg(from).arg(folder.path().join("models")), WITHIN);
    assert_eq!(copied.code, Some(0), "{}", copied.stderr);
    // A link to the real one would be written through.
    let _none = std::fs::remove_file(folder.path().join("models/stamps.json"));
    change(&folder.path().join("models"));
    folder
}

fn cache() -> std::path::PathBuf {
    let dir = run(&mut foundry(&["models", "verify"]));
    assert_eq!(dir.code, Some(0), "run `foundry models pull` first: {}", dir.stdout);
    let (_, path) = dir.stdout.trim().rsplit_once(" in ").expect("says where they lie");
    path.into()
}

/// The largest model file: its loss cannot go unnoticed.
fn largest(folder: &Path) -> std::path::PathBuf {
    let found =
        run(Command::new("find").arg("-L").arg(folder).args(["-name", "*.ort", "-o", "-name", "*.onnx"]));
    let mut files: Vec<std::path::PathBuf> = found.stdout.lines().map(Into::into).collect();
    files.sort_by_key(|file| std::fs::metadata(file).map(|data| data.len()).unwrap_or_default());
    files.pop().expect("there are models")
}

#[test]
fn a_missing_model_file_is_named_with_the_command_that_mends_it() {
    let folder = models(|models| std::fs::remove_file(largest(models)).expect("removable"));
    let models = folder.path().join("models");
    let models = models.to_str().expect("plain");
    let Err((status, log)) = Server::launch(PROGRAM, &["--providers", "local", "--models-dir", models])
    else {
        unreachable!("served without a model");
    };
    assert!(!status.success());
    assert!(log.contains("MODEL_MISSING") && log.contains("models pull"), "{log}");
    assert!(!log.contains("panicked"), "{log}");
}

#[test]
fn a_corrupt_model_file_is_refused_before_it_is_loaded() {
    let folder = models(|models| {
        let file = largest(models);
        let mut bytes = std::fs::read(&file).expect("readable");
        let middle = bytes.len() / 2;
        bytes[middle] ^= 0xff;
        std::fs::remove_file(&file).expect("removable");
        std::fs::write(&file, bytes).expect("writable");
    });
    let models = folder.path().join("models");
    let models = models.to_str().expect("plain");
    let Err((status, log)) = Server::launch(PROGRAM, &["--providers", "local", "--models-dir", models])
    else {
        unreachable!("served with a corrupt model");
    };
    assert!(!status.success());
    assert!(log.contains("MODEL_CORRUPT") && log.contains("models pull"), "{log}");
    assert!(!log.contains("panicked"), "{log}");
}

#[test]
fn doctor_finds_a_sound_machine_sound_and_a_taken_port_taken() {
    let data = tempfile::tempdir().expect("a temporary folder can be made");
    let data = data.path().to_str().expect("plain");
    let sound = run(&mut foundry(&["doctor", "--listen", "127.0.0.1:0", "--data-dir", data]));
    assert_eq!(sound.code, Some(0), "{}{}", sound.stdout, sound.stderr);
    assert!(sound.stdout.contains("models") && !sound.stdout.contains("FAIL"), "{}", sound.stdout);

    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("bound").to_string();
    let found =
        run(&mut foundry(&["doctor", "--listen", &address, "--data-dir", data, "--providers", "fake"]));
    assert_eq!(found.code, Some(1));
    assert!(found.stdout.contains("FAIL") && found.stdout.contains("--listen"), "{}", found.stdout);
    // By its own server, as far as the data directory tells.
    let lock = std::fs::File::create(std::path::Path::new(data).join("server.lock")).expect("writable");
    lock.lock().expect("nobody has it");
    let running =
        run(&mut foundry(&["doctor", "--listen", &address, "--data-dir", data, "--providers", "fake"]));
    assert_eq!(running.code, Some(0), "{}", running.stdout);
    assert!(running.stdout.contains("a server runs on this data directory"), "{}", running.stdout);
    drop(lock);

    let nowhere =
        run(&mut foundry(&["doctor", "--listen", "127.0.0.1:0", "--data-dir", data, "--models-dir", data]));
    assert_eq!(nowhere.code, Some(1));
    assert!(nowhere.stdout.contains("models pull"), "{}", nowhere.stdout);
}

#[test]
fn doctor_looks_at_the_ports_of_phones() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let data = folder.path().join("data");
    let sockets = std::iter::repeat_with(|| std::net::UdpSocket::bind("127.0.0.1:0").expect("a port"));
    let mut even = sockets.filter(|socket| socket.local_addr().expect("bound").port() % 2 == 0);
    let (held, free) = (even.next().expect("endless"), even.next().expect("endless"));
    let (held_at, free_at) = (held.local_addr().expect("bound"), free.local_addr().expect("bound").port());
    drop(free);
    let only = |port: u16| format!("{port}-{port}");
    let doctor = |listen: &str, audio: String| {
        let mut doctor = foundry(&["doctor", "--listen", "127.0.0.1:0", "--providers", "fake", "--data-dir"]);
        doctor.arg(&data).args(["--sip-listen", listen, "--sip-rtp", &audio]);
        run(&mut doctor)
    };
    let sound = doctor("127.0.0.1:0", only(free_at));
    assert!(sound.stdout.contains("ok    sip"), "{}", sound.stdout);
    let busy = doctor(&held_at.to_string(), only(free_at));
    assert!(busy.stdout.contains("FAIL  sip") && busy.stdout.contains("--sip-listen"), "{}", busy.stdout);
    let audio = doctor("127.0.0.1:0", only(held_at.port()));
    assert!(audio.stdout.contains("1 of 1 ports of audio"), "{}", audio.stdout);
    assert_eq!(audio.code, Some(1));
}

#[test]
fn doctor_leaves_nothing_behind() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let doctor = |data: &Path| {
        let mut command =
            foundry(&["doctor", "--listen", "127.0.0.1:0", "--providers", "fake", "--data-dir"]);
        run(command.arg(data))
    };
    let sound = doctor(&folder.path().join("not/yet/there"));
    assert_eq!(sound.code, Some(0), "{}{}", sound.stdout, sound.stderr);
    let left: Vec<_> = std::fs::read_dir(folder.path()).expect("readable").collect();
    assert!(left.is_empty(), "{left:?}");
    let file = folder.path().join("file");
    std::fs::write(&file, "").expect("writable");
    let unsound = doctor(&file.join("data"));
    assert!(unsound.code == Some(1) && unsound.stdout.contains("--data-dir"), "{}", unsound.stdout);
}

#[test]
fn doctor_finds_what_would_stop_serve() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let broken = folder.path().join("agents");
    std::fs::create_dir(&broken).expect("writable");
    std::fs::write(broken.join("shop.json"), "{\"name\": \"shop\"}").expect("writable");
    let config = folder.path().join("foundry.toml");
    let pem = folder.path().join("none.pem");
    let text = format!(
        "agents_dir = {broken:?}\n[providers]\nspeech = \"deepgram\"\n[server.tls]\ncert = {pem:?}\nkey = {pem:?}\n"
    );
    std::fs::write(&config, text).expect("writable");
    let mut command = foundry(&["doctor", "--listen", "127.0.0.1:0", "--data-dir"]);
    command.arg(folder.path().join("data")).arg("--config").arg(&config);
    let found = run(command.env_remove("DEEPGRAM_API_KEY").env_remove("FOUNDRY_PROVIDERS"));
    assert_eq!(found.code, Some(1), "{}", found.stdout);
    for (what, code) in [
        ("providers", "PROVIDER_KEY_MISSING"),
        ("agents", "AGENT_INVALID: "),
        ("agents", "shop.json"),
        ("tls", "TLS_CERT_UNREADABLE"),
    ] {
        let failed = |line: &&str| line.starts_with("FAIL") && line.contains(what) && line.contains(code);
        assert!(found.stdout.lines().any(|line| failed(&line)), "no {what} {code}: {}", found.stdout);
    }
}

#[test]
fn the_dumped_configuration_holds_what_is_effective_and_no_secret() {
    let mut command = foundry(&["config", "dump", "--listen", "127.0.0.1:4321", "--max-calls", "7"]);
    let secrets = |command: &mut Command| {
        command
            .env("DEEPGRAM_API_KEY", "dg-0123456789-secret")
            .env("FOUNDRY_OPERATOR_TOKEN", "operator-0123456789")
            .env("FOUNDRY_TOKEN_KEY", "signature-0123456789");
    };
    secrets(&mut command);
    let dump = run(command.env("FOUNDRY_LOG", "warn").env("FOUNDRY_PUBLIC_URL", "https://voice.example.com"));
    assert_eq!(dump.code, Some(0), "{}", dump.stderr);
    assert!(!dump.stdout.contains("0123456789"), "a secret is shown: {}", dump.stdout);
    for effective in [
        "127.0.0.1:4321",
        "max = 7",
        "filter = \"warn\"",
        "public_url = \"https://voice.example.com\"",
        "providers.deepgram.api_key: [secret]",
        "server.operator_token: [secret]",
        "server.token_key: [secret]",
    ] {
        assert!(dump.stdout.contains(effective), "no {effective} in: {}", dump.stdout);
    }
    // What is dumped is a configuration again.
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let file = folder.path().join("foundry.toml");
    std::fs::write(&file, &dump.stdout).expect("writable");
    let mut again = foundry(&["config", "dump", "--config"]);
    secrets(again.arg(&file));
    let again = run(&mut again);
    assert_eq!(again.stdout, dump.stdout);
}

#[test]
fn a_misspelt_key_of_the_configuration_is_named() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let file = folder.path().join("foundry.toml");
    std::fs::write(&file, "[server]\nlisten_to = \"127.0.0.1:1\"\n").expect("writable");
    let refused = run(foundry(&["serve", "--config"]).arg(&file));
    assert_refused(&refused, "CONFIG_INVALID", &["listen_to", "foundry.toml"]);
}

fn assert_refused(ran: &Ran, code: &str, named: &[&str]) {
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.stderr.starts_with(&format!("error: {code}: ")), "{ran:?}");
    for name in named {
        assert!(ran.stderr.contains(name), "no {name}: {ran:?}");
    }
    assert!(house::root().join(format!("docs/errors/{code}.md")).is_file(), "{code} has no page");
}

#[test]
fn a_configuration_that_cannot_be_used_is_refused_by_code_and_key() {
    let none = run(foundry(&["serve", "--config", "no-such-file.toml"]).env_remove("FOUNDRY_CONFIG"));
    assert_refused(&none, "CONFIG_UNREADABLE", &["no-such-file.toml"]);
    for (arguments, named) in [
        (["--max-calls", "0"], "calls.max"),
        (["--operator-token", "short"], "operator_token"),
        (["--public-url", "voice.example.com"], "public_url"),
        (["--allow-origin", "example.com/path"], "example.com/path"),
        (["--ice-server", "http://example.com"], "ice_servers"),
        (["--log", "media_session=loud"], "media_session=loud"),
    ] {
        let refused =
            run(foundry(&["serve", "--providers", "fake", "--listen", "127.0.0.1:0"]).args(arguments));
        assert_refused(&refused, "CONFIG_INVALID", &[named]);
    }
}

#[test]
fn an_address_that_is_not_this_machines_is_refused_by_code() {
    let refused = run(&mut foundry(&["serve", "--providers", "fake", "--listen", "192.0.2.1:0"]));
    assert_refused(&refused, "PORT_UNUSABLE", &["192.0.2.1", "--listen"]);
}

#[test]
fn a_second_server_on_one_data_directory_is_refused_and_does_the_first_no_harm() {
    let _quiet = house::among_others();
    let first = house::timed("", &[]);
    let data = first.data_dir();
    let live = data.join("calls/ses_00000000000070008000000000000000.live");
    std::fs::write(&live, "a running call").expect("writable");
    let mut serve = foundry(&["serve", "--providers", "fake", "--listen", "127.0.0.1:0", "--data-dir"]);
    let second = run(serve.arg(&data));
    assert_eq!(second.code, Some(1), "{}", second.stderr);
    assert!(second.stderr.contains("DATA_DIR_IN_USE"), "{}", second.stderr);
    assert!(second.stderr.contains(&first.pid().to_string()), "{}", second.stderr);
    assert!(live.exists(), "the log of a running call was taken");
    assert_eq!(first.get("/healthz").status, 200);
}

#[test]
fn two_servers_on_one_port_are_told_apart() {
    let _quiet = house::among_others();
    let first = house::timed("", &[]);
    let address = testkit::http::authority(first.url()).replace("localhost", "127.0.0.1");
    let second = run(&mut foundry(&["serve", "--providers", "fake", "--listen", &address]));
    assert_refused(&second, "PORT_IN_USE", &[&address, "--listen"]);
    assert_eq!(first.get("/healthz").status, 200);
}

/// A command that only asks must not leave a database behind that nobody meant.
#[test]
fn keys_and_exports_of_a_directory_without_a_server_name_it_and_make_nothing() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let data = folder.path().join("data");
    let (data_dir, out) = (data.display().to_string(), folder.path().join("agents").display().to_string());
    for asked in [&["key", "create", "--name", "trial"][..], &["export", &out], &["admin-link"]] {
        let refused = run(foundry(asked).args(["--data-dir", &data_dir]));
        assert_refused(&refused, "DATA_DIR_EMPTY", &[&data_dir, "--data-dir"]);
    }
    assert!(!data.exists(), "a database was made");
}
