//! A real user agent with real audio: baresip calls, plays a recording, and records what it hears.

use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use media_sip::Trunk;
use testkit::process;

use crate::desk::{Desk, WHISTLE_HZ};
use crate::dial::{free, trunk};

const SOON: Duration = Duration::from_secs(15);

/// What baresip reads at its start; modules lie where the distribution puts them.
pub(crate) fn configure(folder: &Path, codec: &str, port: u16, account: &str) {
    let modules = "/usr/lib/baresip/modules";
    let config = format!(
        "module_path {modules}\nmodule stdio.so\nmodule g711.so\nmodule g722.so\nmodule opus.so\nmodule srtp.so\nmodule aufile.so\nmodule aubridge.so\n\
         module sndfile.so\nmodule_tmp account.so\nmodule_app menu.so\nsip_listen 127.0.0.1:{port}\n\
         audio_source aufile,{0}/tone.wav\naudio_player aubridge,nil\naudio_alert aubridge,nil\nsnd_path {0}\n\
         rtp_timeout 60\n",
        folder.display()
    );
    std::fs::write(folder.join("config"), config).expect("writable");
    std::fs::write(
        folder.join("accounts"),
        format!("<sip:caller@127.0.0.1>;regint=0;answermode=auto;audio_codecs={codec}{account}\n"),
    )
    .expect("writable");
    std::fs::write(folder.join("contacts"), "").expect("writable");
    let spec = hound::WavSpec {
        channels: 1,
        // It takes no recording of another rate than what is agreed on.
        sample_rate: match codec {
            opus if opus.starts_with("opus") => 48_000,
            wide if wide.contains("G722") => 16_000,
            _ => 8_000,
        },
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut wav = hound::WavWriter::create(folder.join("tone.wav"), spec).expect("writable");
    for n in 0..spec.sample_rate * 10 {
        let sample = (n as f32 * 400.0 * std::f32::consts::TAU / spec.sample_rate as f32).sin() * 8_000.0;
        wav.write_sample(sample as i16).expect("written");
    }
    wav.finalize().expect("written");
}

/// Loudest stretch of 20 ms in what was recorded, as a root mean square.
pub(crate) fn loudest(folder: &Path) -> f64 {
    let rms = |frame: &[i16]| {
        (frame.iter().map(|sample| f64::from(*sample).powi(2)).sum::<f64>() / frame.len() as f64).sqrt()
    };
    heard(folder).1.chunks(160).map(rms).fold(0.0, f64::max)
}

/// What was recorded, and its rate.
fn heard(folder: &Path) -> (u32, Vec<i16>) {
    let recorded = std::fs::read_dir(folder).expect("readable").flatten().map(|entry| entry.path());
    let dump = recorded
        .filter(|path| path.to_string_lossy().contains("dec"))
        .find(|path| path.extension().is_some_and(|end| end == "wav"));
    let Some(reader) = dump.and_then(|dump| hound::WavReader::open(dump).ok()) else {
        return (0, Vec::new());
    };
    (reader.spec().sample_rate, reader.into_samples::<i16>().flatten().collect())
}

/// How much of the loudest frame of 20 ms is one frequency, from 0 to 1.
fn share_of(hz: f64, (rate, samples): &(u32, Vec<i16>)) -> f64 {
    let power = |frame: &[i16]| frame.iter().map(|sample| f64::from(*sample).powi(2)).sum::<f64>();
    let length = (rate / 50).max(1) as usize;
    let Some(frame) = samples.chunks_exact(length).max_by(|a, b| power(a).total_cmp(&power(b))) else {
        return 0.0;
    };
    let (mut sine, mut cosine) = (0.0, 0.0);
    for (n, sample) in frame.iter().enumerate() {
        let turns = hz * n as f64 / f64::from(*rate) * std::f64::consts::TAU;
        sine += turns.sin() * f64::from(*sample);
        cosine += turns.cos() * f64::from(*sample);
    }
    2.0 * (sine.powi(2) + cosine.powi(2)) / (length as f64 * power(frame).max(1.0))
}

fn call(desk: &Desk, codec: &str, transport: &str, account: &str) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    configure(folder.path(), codec, 0, account);
    let log = dial(folder.path(), &format!("sip:front-desk@{}{transport}", desk.address()));
    (folder, log)
}

/// Calls and runs until its time is over; what it logged.
pub(crate) fn dial(folder: &Path, whom: &str) -> String {
    let mut child = start(folder, Some(&format!("/dial {whom}")));
    let ended = process::ended(&mut child, Duration::from_secs(30));
    if let Some(mut stdin) = child.stdin.take() {
        let _closed = stdin.write_all(b"q");
    }
    let log = std::fs::read_to_string(folder.join("log"));
    assert!(ended.is_some(), "baresip ends by itself: {log:?}");
    std::fs::read_to_string(folder.join("log")).unwrap_or_default()
}

/// Runs it for six seconds.
pub(crate) fn start(folder: &Path, command: Option<&str>) -> Child {
    start_for(folder, command, 6)
}

fn start_for(folder: &Path, command: Option<&str>, seconds: u32) -> Child {
    let mut baresip = Command::new("baresip");
    baresip.arg("-f").arg(folder).args(["-t", &seconds.to_string()]);
    if let Some(command) = command {
        baresip.args(["-e", command]);
    }
    baresip
        .stdin(Stdio::piped())
        .stdout(std::fs::File::create(folder.join("log")).expect("writable"))
        .stderr(Stdio::null())
        .spawn()
        .expect("baresip is installed by scripts/setup.sh test")
}

#[test]
fn baresip_and_the_voice_hear_each_other_in_both_laws() {
    for codec in ["PCMU/8000/1", "PCMA/8000/1"] {
        let desk = Desk::open(|_| {});
        let (folder, log) = call(&desk, codec, "", "");
        desk.is_empty(SOON);
        let seen = desk.seen().pop().unwrap_or_default();
        assert!(seen.active && seen.closed && seen.packets > 100, "{codec}: {seen:?}\n{log}");
        assert!(loudest(folder.path()) > 3_000.0, "{codec}: heard {}\n{log}", loudest(folder.path()));
    }
}

#[test]
fn baresip_says_how_it_hears_us_and_how_far_it_is() {
    let desk = Desk::open(|_| {});
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    configure(folder.path(), "PCMU/8000/1", 0, "");
    // Its reports come every five seconds.
    let whom = format!("/dial sip:front-desk@{}", desk.address());
    let mut child = start_for(folder.path(), Some(&whom), 14);
    assert!(process::ended(&mut child, Duration::from_secs(40)).is_some(), "baresip ends by itself");
    desk.is_empty(SOON);
    let seen = desk.seen().pop().unwrap_or_default();
    let quality = seen.quality.unwrap_or_else(|| unreachable!("it reported: {seen:?}"));
    let received = quality.received.expect("of our packets");
    assert!(received.highest > 0 && received.lost < 20, "{quality:?}");
    assert!(quality.round_trip.is_some_and(|round_trip| round_trip < Duration::from_secs(2)), "{quality:?}");
}

#[test]
fn baresip_and_the_voice_hear_each_other_in_wide_sound() {
    let desk = Desk::open(|options| options.g722 = true);
    let (folder, log) = call(&desk, "PCMU/8000/1,G722/16000/1", "", "");
    desk.is_empty(SOON);
    let seen = desk.seen().pop().unwrap_or_default();
    assert!(seen.active && seen.closed && seen.loud > 100, "{seen:?}\n{log}");
    let heard = heard(folder.path());
    let whistle = share_of(WHISTLE_HZ, &heard);
    assert!(heard.0 == 16_000 && whistle > 0.9, "{whistle} of {} Hz\n{log}", heard.0);
}

#[test]
fn baresip_is_called_in_wide_sound() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let port = free();
    configure(folder.path(), "G722/16000/1,PCMU/8000/1", port, "");
    let mut child = start(folder.path(), None);
    let desk = Desk::open(|options| {
        (options.g722, options.opus) = (true, false);
        options.trunks.push(trunk(port));
    });
    assert_eq!(desk.dial("caller", Duration::from_secs(10)).1, Ok(()));
    assert!(process::ended(&mut child, Duration::from_secs(30)).is_some(), "baresip ends by itself");
    desk.is_empty(SOON);
    let (seen, heard) = (desk.seen().pop().unwrap_or_default(), heard(folder.path()));
    assert!(seen.active && seen.closed && seen.loud > 100, "{seen:?}");
    assert!(share_of(WHISTLE_HZ, &heard) > 0.9, "{} of {} Hz", share_of(WHISTLE_HZ, &heard), heard.0);
}

#[test]
fn baresip_calls_over_tcp() {
    let desk = Desk::open(|_| {});
    let (_folder, log) = call(&desk, "PCMU/8000/1", ";transport=tcp", "");
    desk.is_empty(SOON);
    let seen = desk.seen().pop().unwrap_or_default();
    assert!(seen.active && seen.closed && seen.loud > 100, "{seen:?}\n{log}");
}

/// Whom `trunk` leads to answers, and both hear each other.
fn called(account: &str, change: impl FnOnce(&mut Trunk)) {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let port = free();
    configure(folder.path(), "PCMU/8000/1", port, account);
    let mut child = start(folder.path(), None);
    let mut trunk = trunk(port);
    change(&mut trunk);
    let desk = Desk::open(move |options| {
        options.keys_in_plain = trunk.srtp;
        options.trunks.push(trunk);
    });
    assert_eq!(desk.dial("caller", Duration::from_secs(10)).1, Ok(()));
    let ended = process::ended(&mut child, Duration::from_secs(30));
    assert!(ended.is_some(), "baresip ends by itself");
    desk.is_empty(SOON);
    let seen = desk.seen().pop().unwrap_or_default();
    assert!(seen.active && seen.closed && seen.loud > 100, "{seen:?}");
    assert!(loudest(folder.path()) > 3_000.0, "heard {}", loudest(folder.path()));
}

#[test]
fn baresip_is_called_and_both_hear_each_other() {
    called("", |_| {});
}

#[test]
fn baresip_calls_with_enciphered_audio() {
    let desk = Desk::open(|options| options.srtp_required = true);
    let (folder, log) = call(&desk, "PCMU/8000/1", "", ";mediaenc=srtp-mand");
    desk.is_empty(SOON);
    let seen = desk.seen().pop().unwrap_or_default();
    assert!(seen.active && seen.closed && seen.loud > 100, "{seen:?}\n{log}");
    assert!(loudest(folder.path()) > 3_000.0, "heard {}\n{log}", loudest(folder.path()));
}

#[test]
fn baresip_is_called_with_enciphered_audio() {
    called(";mediaenc=srtp-mand", |trunk| trunk.srtp = true);
}
