//! The line of signalling breaks while audio goes on.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use media_core::LegEvent;
use runtime::tasks::{Kind, Tasks};
use testkit::livekit::LiveKit;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::support::{active, heard_of, number_of, options, ticket, visit, within};

const RELAY: Kind = Kind::new("tests.relay");

/// Passes TCP on, until it is told to cut every connection there is.
struct Relay {
    url: String,
    cuts: watch::Sender<()>,
    taken: Arc<AtomicUsize>,
}

impl Relay {
    async fn to(port: u16, tasks: &Tasks) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("ws://{}", listener.local_addr().expect("bound"));
        let (cuts, cut) = watch::channel(());
        let taken = Arc::<AtomicUsize>::default();
        let (counted, own) = (Arc::clone(&taken), tasks.child());
        tasks.spawn(RELAY, async move {
            while let Ok((mut near, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::SeqCst);
                let mut cut = cut.clone();
                cut.mark_unchanged();
                own.spawn(RELAY, async move {
                    let Ok(mut far) = TcpStream::connect(("127.0.0.1", port)).await else { return };
                    tokio::select! {
                        _ = copy_bidirectional(&mut near, &mut far) => {}
                        _ = cut.changed() => {}
                    }
                });
            }
        });
        Self { url, cuts, taken }
    }

    fn cut(&self) {
        self.cuts.send_replace(());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_that_breaks_is_resumed_and_no_audio_is_missed() {
    let server = LiveKit::start();
    let tasks = Tasks::new();
    let relay = Relay::to(server.port(), &tasks).await;
    let mut ann = visit(ticket(&relay.url, "desk", "ann"), options(), &tasks);
    let mut bob = visit(ticket(&server.url(), "desk", "bob"), options(), &tasks);
    active(&mut ann).await;
    active(&mut bob).await;
    let (_, mut said) = heard_of(&ann, &mut bob, 0, 10).await;
    relay.cut();
    let mut numbers = Vec::new();
    let resumed = async {
        // Both directions, for as long as the line takes to come back and the connections to find each other.
        while relay.taken.load(Ordering::SeqCst) < 2 || numbers.len() < 100 {
            let (heard, next) = heard_of(&ann, &mut bob, said, 10).await;
            numbers.extend(heard.iter().map(number_of));
            said = next;
        }
    };
    within("the line", resumed).await;
    let (back, _) = heard_of(&bob, &mut ann, 0, 25).await;
    assert_eq!(back.len(), 25);
    assert!(numbers.windows(2).all(|pair| pair[1] == pair[0] + 1), "nothing is missing: {numbers:?}");
    let mut told = Vec::new();
    while let Ok(event) = ann.peer.events.try_recv() {
        told.push(event);
    }
    assert!(!told.contains(&LegEvent::Lost), "the session never knew");
    within("all tasks", tasks.shutdown()).await;
}
