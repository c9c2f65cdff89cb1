use super::*;

struct Fixture {
    table: Table,
    now: Instant,
    inboxes: Vec<mpsc::Receiver<Arrived>>,
}

impl Fixture {
    fn with(ids: &[&str]) -> Self {
        #[expect(
            clippy::disallowed_methods,
            reason = "the table takes time as an argument; a test needs one origin"
        )]
        let now = Instant::now();
        let mut fixture = Self { table: Table::default(), now, inboxes: Vec::new() };
        for id in ids {
            let (inbox, receiver) = mpsc::channel(4);
            fixture.table.insert(Arc::from(*id), None, format!("u-{id}"), inbox, mpsc::channel(1).0);
            fixture.inboxes.push(receiver);
        }
        fixture
    }

    fn goes_to(&mut self, port: u16, datagram: &[u8]) -> Option<usize> {
        let source = SocketAddr::from(([192, 0, 2, 1], port));
        let inbox = self.table.route(source, datagram, self.now)?.clone();
        let arrived = Arrived { at: self.now, source, local: None, bytes: bytes::Bytes::new() };
        inbox.try_send(arrived).expect("room");
        self.inboxes.iter_mut().position(|receiver| receiver.try_recv().is_ok())
    }
}

fn check(ufrag: &str) -> Vec<u8> {
    let name = format!("{ufrag}:theirs");
    let mut bytes = vec![0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42];
    bytes.extend([0; 12]);
    bytes.extend([0, 6, 0, name.len() as u8]);
    bytes.extend(name.bytes());
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

const RTP: &[u8] = &[0x80, 111, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0];

#[test]
fn an_address_is_known_after_a_connectivity_check_and_forgotten_with_its_peer() {
    let mut net = Fixture::with(&["a", "b"]);
    assert_eq!(net.goes_to(5000, RTP), None);
    assert_eq!(net.goes_to(5000, &check("u-b")), Some(1));
    assert_eq!(net.goes_to(5000, RTP), Some(1));
    assert_eq!(net.goes_to(5001, &check("nobody")), None);
    net.table.remove("b");
    assert_eq!(net.goes_to(5000, RTP), None);
    net.table.remove("a");
    assert_eq!((net.table.peers(), net.table.routes(), net.table.half_open()), (0, 0, 0));
}

#[test]
fn a_live_peers_address_is_not_taken_over_but_a_silent_ones_is() {
    let mut net = Fixture::with(&["victim", "other"]);
    net.goes_to(5000, &check("u-victim"));
    assert_eq!(net.goes_to(5000, &check("u-other")), Some(1), "the check itself is answered");
    assert_eq!(net.goes_to(5000, RTP), Some(0), "the media is not");
    net.now += ADDRESS_IS_HELD_FOR;
    assert_eq!(net.goes_to(5000, &check("u-other")), Some(1));
    assert_eq!(net.goes_to(5000, RTP), Some(1), "a page was reloaded on the same port");
    net.table.remove("victim");
    assert_eq!(net.goes_to(5000, RTP), Some(1), "the old holder's end does not take it away");
}

#[test]
fn one_peer_cannot_fill_the_table() {
    let mut net = Fixture::with(&["a"]);
    for port in 1..=1000 {
        net.goes_to(port, &check("u-a"));
    }
    assert_eq!(net.table.routes(), ADDRESSES_PER_PEER + 1);
    assert_eq!(net.goes_to(1000, RTP), Some(0), "the newest stays");
    net.table.remove("a");
    assert_eq!(net.table.routes(), 0);
}

#[test]
fn half_open_peers_are_counted_until_they_connect_or_end() {
    let mut net = Fixture::with(&["a", "b", "c"]);
    net.table.connected("a");
    net.table.connected("a");
    assert_eq!(net.table.half_open(), 2);
    net.table.remove("b");
    net.table.remove("a");
    assert_eq!(net.table.half_open(), 1);
}

#[test]
fn after_an_ice_restart_only_the_new_name_counts() {
    let mut net = Fixture::with(&["a"]);
    net.table.rename("a", "fresh".to_owned());
    assert_eq!(net.goes_to(5000, &check("u-a")), None);
    assert_eq!(net.goes_to(5000, &check("fresh")), Some(0));
}
