//! How busy this server is, as LiveKit chooses workers by it: by its places, and by how late its frames of audio go out.

use std::sync::Arc;
use std::time::Duration;

use media_livekit::Load;
use tokio::sync::watch;
use tokio::time::Instant;

use super::Rooms;

/// A frame of audio: how late this comes is how late frames go out.
const TICK: Duration = Duration::from_millis(20);
/// Ticks that are looked at together: five seconds. A moment of late frames, as while a model loads, is no reason to send callers away.
const TICKS: usize = 250;
/// So often what they say is told.
const TOLD_EVERY: usize = 25;
/// Where one frame in twenty is late by this the server is at its end.
const LATE: Duration = Duration::from_millis(20);

/// Of the last ticks how late they came.
struct Lateness {
    ticks: [Duration; TICKS],
    next: usize,
}

impl Lateness {
    const fn new() -> Self {
        Self { ticks: [Duration::ZERO; TICKS], next: 0 }
    }

    fn tick(&mut self, late: Duration) {
        self.ticks[self.next] = late;
        self.next = (self.next + 1) % TICKS;
    }

    /// From 0; 1 is a server at its end.
    fn load(&self) -> f32 {
        let mut sorted = self.ticks;
        let (_, late, _) = sorted.select_nth_unstable(TICKS * 95 / 100);
        late.as_secs_f32() / LATE.as_secs_f32()
    }
}

/// Tells `load` how late frames of audio would go out, and how many places are left.
pub(super) async fn watch_load(rooms: Arc<Rooms>, load: watch::Sender<Load>) {
    let mut lateness = Lateness::new();
    let mut ticks = 0;
    loop {
        let due = Instant::now() + TICK;
        tokio::time::sleep_until(due).await;
        lateness.tick(Instant::now().saturating_duration_since(due));
        ticks += 1;
        let before = *load.borrow();
        if ticks == TOLD_EVERY {
            ticks = 0;
            load.send_replace(rooms.load(lateness.load()));
        } else if rooms.load(0.0).free != before.free {
            // Full, or no longer: said at once.
            load.send_replace(Load { load: before.load, ..rooms.load(0.0) });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// After so many ticks of which one in `every` is late by 40 ms.
    fn load(ticks: usize, every: usize) -> f32 {
        let mut lateness = Lateness::new();
        for tick in 0..ticks {
            let late = if tick % every == 0 { 40 } else { 1 };
            lateness.tick(Duration::from_millis(late));
        }
        lateness.load()
    }

    #[test]
    fn a_moment_of_late_frames_is_no_load_and_one_that_lasts_is() {
        assert!(load(250, 100) < 0.1, "one in a hundred");
        assert!(load(12, 1) < 0.1, "a quarter of a second of it");
        assert!(load(20, 1) > 1.0, "no longer a moment");
        assert!(load(250, 10) > 1.0, "one in ten, all the time");
        let mut lateness = Lateness::new();
        (0..250).for_each(|_| lateness.tick(Duration::from_millis(40)));
        (0..245).for_each(|_| lateness.tick(Duration::ZERO));
        assert!(lateness.load() < 0.1, "it is over");
    }
}
