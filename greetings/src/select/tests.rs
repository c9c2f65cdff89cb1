use proptest::prelude::*;

use super::*;
use crate::schedule::Schedule;

fn rule(scope: Scope) -> Rule {
    Rule { id: GreetingId::generate(), scope, language: None, timetable: None, priority: 0, enabled: true }
}

fn call() -> Call {
    Call {
        agent: AgentId::generate(),
        domain: Some(DomainId::generate()),
        environment: Some(EnvironmentId::generate()),
        channel: Some(ChannelId::generate()),
        languages: vec![Language("de-CH".to_owned()), Language("en".to_owned())],
        at: "2026-11-30T08:00:00Z".parse().expect("an instant"),
    }
}

/// Each scope that fits the call, widest first.
fn scopes(call: &Call) -> [Scope; 6] {
    let none = Scope::default();
    let agent = Scope { agent: Some(call.agent), ..none };
    [
        none,
        Scope { environment: call.environment, ..none },
        Scope { domain: call.domain, ..none },
        agent,
        Scope { environment: call.environment, ..agent },
        Scope { channel: call.channel, ..none },
    ]
}

#[test]
fn the_narrowest_scope_wins_whatever_the_order() {
    let call = call();
    let mut rules: Vec<Rule> = scopes(&call).into_iter().map(rule).collect();
    while let Some(last) = rules.last().map(|rule| rule.id) {
        rules.reverse();
        assert_eq!(select(&rules, &call, &Calendar::default()).map(|rule| rule.id), Some(last));
        rules.reverse();
        rules.pop();
    }
    assert!(select(&rules, &call, &Calendar::default()).is_none());
}

#[test]
fn a_priority_overrides_every_scope() {
    let call = call();
    let narrow = rule(scopes(&call)[5]);
    let storm = Rule { priority: 1, ..rule(Scope::default()) };
    let rules = [narrow, storm];
    assert_eq!(select(&rules, &call, &Calendar::default()).map(|rule| rule.id), Some(rules[1].id));
    let told = explain(&rules, &call, &Calendar::default());
    assert_eq!((told[0].chosen, told[1].beaten_by), (true, Some("priority")));
}

#[test]
fn the_language_that_is_wanted_more_wins_and_one_that_is_not_does_not_fit() {
    let call = call();
    let of = |tag: &str| Rule { language: Some(Language(tag.to_owned())), ..rule(Scope::default()) };
    let rules = [rule(Scope::default()), of("en"), of("de"), of("fr")];
    let told = explain(&rules, &call, &Calendar::default());
    let order: Vec<GreetingId> = told.iter().map(|one| one.id).collect();
    assert_eq!(order, [rules[2].id, rules[1].id, rules[0].id, rules[3].id]);
    assert_eq!(told[3].verdict, Verdict::Not(Why::OtherLanguage(Language("fr".to_owned()))));
}

#[test]
fn a_schedule_that_holds_comes_before_none_and_one_that_does_not_says_why() {
    let call = call();
    let at = |window: &str| {
        let schedule: Schedule =
            serde_json::from_str(&format!(r#"{{"windows":[{window}]}}"#)).expect("a schedule");
        Rule { timetable: Some(Timetable::new(schedule).expect("fit")), ..rule(Scope::default()) }
    };
    let rules = [
        rule(Scope::default()),
        at(r#"{"from":"08:00","to":"09:00"}"#),
        at(r#"{"days":["tue"],"from":"08:00","to":"09:00"}"#),
    ];
    let told = explain(&rules, &call, &Calendar::default());
    assert_eq!((told[0].id, told[1].beaten_by), (rules[1].id, Some("schedule")));
    let Verdict::Not(why) = &told[2].verdict else { unreachable!("Monday") };
    assert_eq!(why.to_string(), "Monday 08:00 is not within its hours");
}

proptest! {
    /// Whatever the rules: what is said is what is explained, it fits, nothing that fits ranks above it, and the order of the list says nothing.
    #[test]
    fn what_is_said_is_what_is_explained(
        drawn in prop::collection::vec((0..6usize, any::<bool>(), -1..2i32, 0..4usize), 0..40),
        turn in 0..40usize,
    ) {
        let call = call();
        let languages = [None, Some("de"), Some("en"), Some("fr")];
        let mut rules: Vec<Rule> = drawn.iter().map(|(scope, enabled, priority, language)| Rule {
            enabled: *enabled,
            priority: *priority,
            language: languages[*language].map(|tag| Language(tag.to_owned())),
            ..rule(scopes(&call)[*scope])
        }).collect();
        let calendar = Calendar::default();
        let chosen = select(&rules, &call, &calendar).map(|rule| rule.id);
        let told = explain(&rules, &call, &calendar);
        prop_assert_eq!(told.len(), rules.len());
        prop_assert_eq!(told.iter().find(|one| one.chosen).map(|one| one.id), chosen);
        let ranks: Vec<Rank> = told.iter().filter_map(|one| match one.verdict {
            Verdict::Fits(rank) => Some(rank),
            Verdict::Not(_) => None,
        }).collect();
        prop_assert!(ranks.windows(2).all(|pair| pair[0] > pair[1]));
        if !rules.is_empty() {
            let at = turn % rules.len();
            rules.rotate_left(at);
        }
        prop_assert_eq!(select(&rules, &call, &calendar).map(|rule| rule.id), chosen);
    }
}
