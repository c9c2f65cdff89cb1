#[path = "../../fuzz/drive.rs"]
mod drive;

use testkit::fuzz::Effort;

const EFFORT: Effort = Effort { noise: 2_000, mutated: 2_000, changes: 12 };

fn run(target: &str, drive: impl Fn(&[u8])) {
    EFFORT.run(env!("CARGO_MANIFEST_DIR"), target, drive);
}

#[test]
fn no_packets_make_the_track_jump_spin_or_panic() {
    run("packets", drive::packets);
}

#[test]
fn no_packets_make_the_jitter_buffer_spin_or_panic() {
    run("jitter", drive::jitter);
}

#[test]
fn no_bytes_make_the_key_readers_panic() {
    run("dtmf", drive::dtmf);
}
