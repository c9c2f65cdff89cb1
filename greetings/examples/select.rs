//! How long it takes to choose a greeting among many: `cargo run --release -p greetings --example select [RULES] [CALLS]`.
//!
//! Every rule fits but for its schedule or language, so that nothing is left out early: the worst that an organization can do.

use std::time::{Duration, Instant};

use domain::{AgentId, GreetingId, Language};
use greetings::book::{Asked, Book, Caller, Entry};
use greetings::{Calendar, Rule, Schedule, Scope, Timetable};

fn main() {
    let mut numbers = std::env::args().skip(1).filter_map(|number| number.parse::<usize>().ok());
    let (rules, calls) = (numbers.next().unwrap_or(1_000), numbers.next().unwrap_or(20_000));
    let agent = AgentId::generate();
    let book = book(agent, rules);
    let language = Language::default();
    let caller = Caller {
        number: Some("+4930123456".to_owned()),
        accepts: Some("de-DE,de;q=0.9,en;q=0.7".to_owned()),
        variables: vec![("caller.name".to_owned(), "Anna".to_owned())],
        ..Caller::default()
    };
    let begun: jiff::Timestamp = "2026-11-30T08:00:00Z".parse().expect("an instant");
    let mut took: Vec<Duration> = (0..calls)
        .map(|call| {
            let session = call.to_string();
            let minutes = i64::try_from(call).unwrap_or_default();
            let at = begun + jiff::SignedDuration::from_mins(minutes);
            let asked = Asked {
                agent,
                agent_title: "Front desk",
                agent_language: &language,
                domain: None,
                environment: None,
                environment_name: "prod",
                channel: None,
                caller: &caller,
                session: &session,
                at,
            };
            #[expect(clippy::disallowed_methods, reason = "what is measured is real time")]
            let now = Instant::now();
            let chosen = book.choose(&asked);
            let took = now.elapsed();
            assert!(chosen.is_some_and(|chosen| chosen.text.contains("Anna")), "one is said always");
            took
        })
        .collect();
    took.sort_unstable();
    let at = |share: usize| {
        took.get((calls * share / 1000).min(calls.saturating_sub(1))).copied().unwrap_or_default()
    };
    let line = format!(
        "{rules} rules, {calls} calls: median {:?}, 99th percentile {:?}, 99.9th {:?}, longest {:?}",
        at(500),
        at(990),
        at(999),
        took.last().copied().unwrap_or_default()
    );
    #[expect(clippy::print_stdout, reason = "a command for people")]
    {
        println!("{line}");
    }
}

fn book(agent: AgentId, rules: usize) -> Book {
    let zones = ["Europe/Berlin", "America/New_York", "Asia/Tokyo", "UTC"];
    let entries = (0..rules).map(|n| {
        let schedule = Schedule {
            time_zone: Some(zones[n % zones.len()].to_owned()),
            windows: serde_json::from_str(&format!(
                r#"[{{"days":["mon","wed"],"from":"{:02}:{:02}","to":"{:02}:{:02}"}},{{"days":["fri"],"from":"22:00","to":"04:00"}}]"#,
                n % 23,
                n % 60,
                n % 23 + 1,
                n % 60
            ))
            .expect("windows"),
            ..Schedule::default()
        };
        let timetable = (n > 0).then(|| Timetable::new(schedule).expect("a timetable"));
        let language = (n % 3 == 1).then(|| Language("de".to_owned()));
        let rule = Rule {
            id: GreetingId::generate(),
            scope: Scope { agent: (n % 2 == 0).then_some(agent), ..Scope::default() },
            language,
            timetable,
            priority: 0,
            enabled: true,
        };
        let wordings = vec!["Good {part_of_day}, {caller.name|default:\"you\"}. This is {agent}.".to_owned()];
        Entry { rule, wordings, experiment: None, round: 0 }
    });
    let (book, faults) = Book::new(entries.collect(), Calendar::default(), Vec::new());
    assert!(faults.is_empty());
    book
}
