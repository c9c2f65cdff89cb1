//! The scenarios of `tests/sipp`, played by the real sipp.

use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use domain::Secret;
use testkit::process::{self, Ran};

use crate::desk::{Desk, tone};

const WITHIN: Duration = Duration::from_secs(60);
const SOON: Duration = Duration::from_secs(10);

pub(crate) fn play(desk: &Desk, scenario: &str, more: &[&str]) -> Ran {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    std::fs::write(folder.path().join("tone.ulaw"), tone(100)).expect("writable");
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/sipp").join(scenario);
    assert!(path.is_file(), "{}", path.display());
    let mut command = Command::new("sipp");
    command.current_dir(folder.path()).arg(desk.address().to_string()).arg("-sf").arg(path);
    command.args([
        "-i",
        "127.0.0.1",
        "-nostdin",
        "-timeout",
        "30",
        "-timeout_error",
        "-trace_err",
        "-s",
        "front-desk",
    ]);
    command.args(["-error_file", "errors.log"]);
    if !more.contains(&"-m") {
        command.args(["-m", "1"]);
    }
    command.args(more);
    let ran = process::run(&mut command, WITHIN);
    let errors = std::fs::read_to_string(folder.path().join("errors.log")).unwrap_or_default();
    assert_eq!(ran.code, Some(0), "{scenario}: {}\n{}\n{errors}", ran.stdout, ran.stderr);
    ran
}

#[test]
fn a_call_with_audio() {
    let desk = Desk::open(|_| {});
    play(&desk, "call.xml", &[]);
    desk.is_empty(SOON);
    let seen = &desk.seen()[0];
    assert!(seen.active && seen.closed && seen.loud > 80, "{seen:?}");
}

#[test]
fn a_call_over_tcp() {
    let desk = Desk::open(|_| {});
    play(&desk, "call.xml", &["-t", "t1"]);
    desk.is_empty(SOON);
    assert!(desk.seen()[0].loud > 80);
}

#[test]
fn an_invite_without_a_description() {
    let desk = Desk::open(|_| {});
    play(&desk, "late_offer.xml", &[]);
    desk.is_empty(SOON);
    assert!(desk.seen()[0].active);
}

#[test]
fn a_cancel_while_it_rings_and_one_that_comes_too_late() {
    let desk = Desk::open(|options| options.ring_ms = 2_000);
    play(&desk, "cancel.xml", &[]);
    desk.is_empty(SOON);
    assert!(!desk.seen()[0].active);
    let quick = Desk::open(|_| {});
    play(&quick, "late_cancel.xml", &[]);
    quick.is_empty(SOON);
    assert!(quick.seen()[0].active, "the call goes on");
}

#[test]
fn options_are_answered_within_and_outside_of_a_call() {
    let desk = Desk::open(|_| {});
    play(&desk, "options.xml", &[]);
    desk.is_empty(SOON);
}

#[test]
fn hold_resume_and_another_address() {
    let desk = Desk::open(|_| {});
    play(&desk, "hold.xml", &[]);
    desk.is_empty(SOON);
}

#[test]
fn session_timers_are_kept_and_too_short_ones_refused() {
    let desk = Desk::open(|_| {});
    play(&desk, "session_timer.xml", &[]);
    desk.is_empty(SOON);
}

#[test]
fn only_who_knows_the_password_is_let_in() {
    let open = |password: &str| {
        let password = password.to_owned();
        Desk::open(move |options| {
            options.users.insert("anna".to_owned(), Secret::new(password));
        })
    };
    let desk = open("s3cret");
    play(&desk, "digest.xml", &["-au", "anna", "-ap", "s3cret"]);
    desk.is_empty(SOON);
    assert!(desk.seen()[0].active);
    play(&desk, "digest_wrong.xml", &["-au", "anna", "-ap", "guessed"]);
    assert_eq!(desk.seen().len(), 1);
}

#[test]
fn who_is_not_here_and_what_cannot_be_spoken_is_refused() {
    let desk = Desk::open(|_| {});
    play(&desk, "refused.xml", &["-s", "nobody"]);
    play(&desk, "not_acceptable.xml", &[]);
    desk.is_empty(SOON);
}

#[test]
#[expect(clippy::disallowed_methods, reason = "what the other side waits is measured, in real time")]
fn fifty_calls_a_second_are_all_set_up() {
    let desk = Desk::open(|options| {
        options.rtp_last = 21_999;
        options.calls_per_address = 0;
    });
    let began = Instant::now();
    play(&desk, "short.xml", &["-r", "50", "-m", "200", "-l", "400"]);
    eprintln!("200 calls at 50 a second in {:?}", began.elapsed());
    desk.is_empty(SOON);
    assert_eq!(desk.seen().len(), 200);
}
