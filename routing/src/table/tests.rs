use super::*;

const MONDAY_NOON: &str = "2026-11-30T12:00:00Z";

struct House {
    org: OrgId,
    routes: Vec<Route>,
}

impl House {
    fn new() -> Self {
        Self { org: OrgId::generate(), routes: Vec::new() }
    }

    fn add(&mut self, conditions: Conditions, schedule: Option<&str>) -> RouteId {
        let timetable = schedule
            .map(|json| Timetable::new(serde_json::from_str(json).expect("a schedule")).expect("fit"));
        let id = RouteId::generate();
        let (agent, environment) = (AgentId::generate(), EnvironmentId::generate());
        self.routes.push(Route {
            id,
            org: self.org,
            conditions,
            timetable,
            agent,
            environment,
            channel: false,
        });
        id
    }

    /// A channel that leads its place by itself.
    fn open(&mut self, conditions: Conditions) -> RouteId {
        let id = self.add(conditions, None);
        self.routes.last_mut().expect("added").channel = true;
        id
    }

    fn table(&self) -> Table {
        Table::new(self.routes.clone(), HashMap::new())
    }

    fn reached(&self, arrival: &Arrival, at: &str) -> Option<RouteId> {
        self.table().reach(arrival, at.parse().expect("an instant")).map(|route| route.id)
    }
}

fn number(pattern: &str) -> Conditions {
    Conditions { number: Some(Pattern::number(pattern).expect("a number")), ..Conditions::default() }
}

fn called(number: &str) -> Arrival {
    Arrival { number: Some(number.to_owned()), ..Arrival::default() }
}

fn header(name: &str, value: &str) -> Header {
    Header { name: name.to_owned(), value: value.to_owned() }
}

#[test]
fn the_whole_number_wins_over_its_beginnings_however_it_is_dialled() {
    let mut house = House::new();
    let country = house.add(number("+41*"), None);
    let town = house.add(number("+4144*"), None);
    let desk = house.add(number("+41441234567"), None);
    for brought in ["+41441234567", "0041 44 123 45 67", "41441234567"] {
        assert_eq!(house.reached(&called(brought), MONDAY_NOON), Some(desk), "{brought}");
    }
    assert_eq!(house.reached(&called("+41449999999"), MONDAY_NOON), Some(town));
    assert_eq!(house.reached(&called("+41319999999"), MONDAY_NOON), Some(country));
    assert_eq!(house.reached(&called("+49301234567"), MONDAY_NOON), None);
    assert_eq!(house.reached(&Arrival::default(), MONDAY_NOON), None, "a call that brings nothing");
}

#[test]
fn each_part_narrows_and_the_earlier_part_decides() {
    let mut house = House::new();
    let org = house.org;
    let any = house.add(Conditions::default(), None);
    let trunk = house.add(Conditions { trunk: Some("main".into()), ..Conditions::default() }, None);
    let vip = Conditions {
        trunk: Some("main".into()),
        headers: vec![header("X-Line", "vip")],
        ..Conditions::default()
    };
    let vip = house.add(vip, None);
    let desk = house.add(number("+4144*"), None);
    let from = |trunk: &str, headers: Vec<Header>| Arrival {
        org: Some(org),
        trunk: Some(trunk.to_owned()),
        number: Some("+15550100".to_owned()),
        headers,
        ..Arrival::default()
    };
    assert_eq!(house.reached(&from("other", vec![]), MONDAY_NOON), Some(any));
    assert_eq!(house.reached(&from("main", vec![header("x-line", "VIP")]), MONDAY_NOON), Some(trunk));
    assert_eq!(house.reached(&from("main", vec![header("x-line", "vip")]), MONDAY_NOON), Some(vip));
    let numbered =
        Arrival { number: Some("+41440000000".to_owned()), ..from("main", vec![header("x-line", "vip")]) };
    assert_eq!(house.reached(&numbered, MONDAY_NOON), Some(desk), "a number is more than trunk and headers");
}

#[test]
fn hours_narrow_in_their_time_zone_and_what_is_always_open_stands_in() {
    let mut house = House::new();
    let always = house.add(number("+15550100"), None);
    let office = r#"{"time_zone": "America/New_York", "windows": [{"days": ["mon"], "from": "08:00", "to": "18:00"}]}"#;
    let office = house.add(number("+15550100"), Some(office));
    assert_eq!(house.reached(&called("+15550100"), "2026-11-30T12:59:00Z"), Some(always), "07:59 there");
    assert_eq!(house.reached(&called("+15550100"), "2026-11-30T13:00:00Z"), Some(office));
    assert_eq!(house.reached(&called("+15550100"), "2026-12-01T13:00:00Z"), Some(always), "a Tuesday");
}

#[test]
fn of_two_alike_the_older_one_wins() {
    let mut house = House::new();
    let first = house.add(number("+15550100"), None);
    house.add(number("+15550100"), None);
    house.routes.reverse();
    assert_eq!(house.reached(&called("+15550100"), MONDAY_NOON), Some(first));
}

#[test]
fn a_call_of_an_organization_reaches_no_other_and_nobodys_call_needs_a_place() {
    let (mut ours, mut theirs) = (House::new(), House::new());
    let mine = ours.add(Conditions::default(), None);
    theirs.add(number("+15550100"), None);
    let table = Table::new([ours.routes.clone(), theirs.routes.clone()].concat(), HashMap::new());
    let at = MONDAY_NOON.parse().expect("an instant");
    let reached = |org: Option<OrgId>, number: &str| {
        table.reach(&Arrival { org, ..called(number) }, at).map(|route| (route.org, route.id))
    };
    assert_eq!(reached(Some(ours.org), "+15550100"), Some((ours.org, mine)));
    assert_eq!(reached(None, "+15550100").map(|(org, _)| org), Some(theirs.org));
    assert_eq!(reached(None, "+15550199"), None, "a route without a place takes no stranger's call");
    let why = table.explain(&called("+15550199"), at);
    assert_eq!(
        why.iter().map(|one| one.verdict.clone()).collect::<Vec<_>>(),
        [Err(Miss::Nobodys), Err(Miss::Number)]
    );
}

#[test]
fn rooms_and_hostnames_are_places_too() {
    let mut house = House::new();
    let room =
        |text: &str| Conditions { room: Some(Pattern::name(text).expect("a name")), ..Conditions::default() };
    let support = house.add(room("support-*"), None);
    let vip = house.add(room("support-vip"), None);
    let host =
        house.add(Conditions { host: Some("voice.example.com".into()), ..Conditions::default() }, None);
    let into = |name: &str| Arrival { room: Some(name.to_owned()), ..Arrival::default() };
    assert_eq!(house.reached(&into("support-7"), MONDAY_NOON), Some(support));
    assert_eq!(house.reached(&into("support-vip"), MONDAY_NOON), Some(vip));
    assert_eq!(house.reached(&into("Support-vip"), MONDAY_NOON), None);
    let at = Arrival { host: Some("Voice.Example.com".to_owned()), ..Arrival::default() };
    assert_eq!(house.reached(&at, MONDAY_NOON), Some(host));
}

#[test]
fn a_test_says_of_each_route_why() {
    let mut house = House::new();
    let wide = house.add(number("+4144*"), None);
    let closed = house.add(number("+41441234567"), Some(r#"{"holidays": "only"}"#));
    let other = house.add(number("+15550100"), None);
    let told: Vec<_> = house
        .table()
        .explain(&called("+41441234567"), MONDAY_NOON.parse().expect("an instant"))
        .into_iter()
        .map(|one| {
            let why = one.verdict.map_or_else(|miss| miss.to_string(), |fit| fit.to_string());
            (one.id, one.chosen, why)
        })
        .collect();
    assert_eq!(
        told,
        [
            (wide, true, "fits by the first 5 characters of the number".to_owned()),
            (closed, false, "only on holidays".to_owned()),
            (other, false, "another number".to_owned()),
        ]
    );
}

#[test]
fn a_channel_leads_its_number_where_no_route_for_all_of_it_does() {
    let mut house = House::new();
    let channel = house.open(number("+41441234567"));
    let town = house.add(number("+4144*"), None);
    assert_eq!(
        house.reached(&called("+41441234567"), MONDAY_NOON),
        Some(channel),
        "it names the whole number"
    );
    assert_eq!(house.reached(&called("+41449999999"), MONDAY_NOON), Some(town));
    let desk = house.add(number("+41441234567"), None);
    assert_eq!(
        house.reached(&called("0041441234567"), MONDAY_NOON),
        Some(desk),
        "a route for it goes first, though it is younger"
    );
    let room =
        house.open(Conditions { room: Some(Pattern::Exact("a b*".to_owned())), ..Conditions::default() });
    let enters = |name: &str| Arrival { room: Some(name.to_owned()), ..Arrival::default() };
    assert_eq!(house.reached(&enters("a b*"), MONDAY_NOON), Some(room));
    assert_eq!(house.reached(&enters("a bc"), MONDAY_NOON), None, "a room's star is a letter");
}
