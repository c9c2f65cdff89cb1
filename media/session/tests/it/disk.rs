//! A disk that stalls: the call goes on, and its log is complete when the disk is back.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use domain::SessionEvent;
use media_core::LegEvent;
use media_flight::Record;

use crate::sim::{Setup, Sim, wait};

#[derive(Default)]
struct Disk {
    stalled: AtomicBool,
    written: Mutex<Vec<u8>>,
}

/// Stalls at its first write until it is let go.
struct File {
    disk: Arc<Disk>,
    go: Option<Receiver<()>>,
}

impl io::Write for File {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Some(go) = self.go.take() {
            self.disk.stalled.store(true, Ordering::Relaxed);
            // A call that waits for it could not let it go.
            let _gone_on = go.recv_timeout(Duration::from_secs(8));
            self.disk.stalled.store(false, Ordering::Relaxed);
        }
        self.disk.written.lock().expect("not poisoned").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// In real time: a thread that is stalled knows no other.
#[tokio::test]
async fn a_disk_that_stalls_holds_up_no_call_and_loses_none_of_its_log() {
    let disk = Arc::<Disk>::default();
    let (go, wait_for_it) = channel();
    let file = File { disk: Arc::clone(&disk), go: Some(wait_for_it) };
    let sim = Sim::start(Setup { flight: Some(Box::new(file)), ..Setup::default() }).await;
    let began = sim.until(5_000, |e| matches!(e, SessionEvent::AgentSaying { .. })).await;
    while sim.caller.sounds().len() < 25 && began.elapsed() < Duration::from_secs(5) {
        wait(20).await;
    }
    assert!(disk.stalled.load(Ordering::Relaxed), "the call waited for its log");
    assert!(sim.caller.sounds().len() >= 25, "the agent is not heard");
    sim.caller.event(LegEvent::Closed).await;
    sim.ended().await;
    let left = async {
        while sim.directory.counts().taken > 0 {
            wait(20).await;
        }
    };
    assert!(tokio::time::timeout(Duration::from_secs(4), left).await.is_ok(), "its place is not given back");
    assert!(disk.stalled.load(Ordering::Relaxed), "the end of the call waited for its log");

    go.send(()).expect("it waits");
    sim.tasks.shutdown().await;
    let log = disk.written.lock().expect("not poisoned").clone();
    let records: Result<Vec<_>, _> = media_flight::Reader::new(log.as_slice()).expect("a header").collect();
    let last = records.expect("every line can be read").pop();
    assert!(matches!(last, Some(Record::Event(_, SessionEvent::Ended { .. }))), "{last:?}");
}
