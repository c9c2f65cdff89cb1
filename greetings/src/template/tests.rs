use proptest::prelude::*;

use super::*;

fn values(pairs: &[(&str, &str)]) -> Values {
    let mut values = Values::default();
    for (name, value) in pairs {
        values.set(*name, value);
    }
    values
}

fn said(text: &str, pairs: &[(&str, &str)]) -> String {
    Template::parse(text).expect("fit").render(&values(pairs))
}

#[test]
fn values_are_put_in_as_a_voice_says_them() {
    let anna = [("caller.name", "anna MARIA"), ("session.order", "A-12 34"), ("agent", "Front desk")];
    assert_eq!(said("Hello {caller.name|default:\"there\"|title}.", &anna), "Hello Anna Maria.");
    assert_eq!(said("Hello {caller.name|default:\"there\"|first|title}!", &[]), "Hello There!");
    assert_eq!(
        said("Order {session.order|digits|default:\"\"}: {agent}.", &anna),
        "Order 1 2 3 4: Front desk."
    );
    assert_eq!(said("Hi{if caller.name} {caller.name}{else} you{end} .", &anna), "Hi anna MARIA.");
    assert_eq!(said("Hi{if caller.name} {caller.name}{else} you{end}.", &[]), "Hi you.");
    assert_eq!(said("{{agent}} says {session.x|default:\"a | } b\"}", &[]), "{agent} says a | } b");
}

#[test]
fn what_may_be_missing_is_refused_when_it_is_saved() {
    let refused = |text: &str| Template::parse(text).expect_err("refused").to_string();
    for (text, says) in [
        ("Hello {caller.name}", "{caller.name|default:\"...\"}"),
        ("{if caller.name}x{else}{caller.name}{end}", "a call may have no \"caller.name\""),
        ("{wekday}", "did you mean \"weekday\""),
        ("{customer.name|default:\"x\"}", "there is no value called \"customer.name\""),
        ("{agent|shout}", "no filter"),
        ("{agent|default}", "default:\"there\""),
        ("{agent", "no \"}\""),
        ("agent}", "no \"{\""),
        ("{if agent}x", "no \"{end}\""),
        ("x{end}", "no \"{if}\""),
        ("{agent.__class__.x()}", "no name"),
        ("{caller.}", "no name"),
        ("  ", "needs text"),
        (&"x".repeat(1001), "more than 1000"),
        (&"{if agent}".repeat(6), "deep"),
    ] {
        assert!(refused(text).contains(says), "{text}: {}", refused(text));
    }
}

#[test]
fn a_caller_cannot_write_a_template() {
    let nasty = [("caller.name", "{agent}\n{if agent}\u{7}x")];
    assert_eq!(said("Hello {caller.name|default:\"\"}", &nasty), "Hello {agent} {if agent} x");
    let long = "x".repeat(5000);
    assert_eq!(said("{caller.name|default:\"\"}", &[("caller.name", &long)]).len(), VALUE_MOST);
}

#[test]
fn what_says_the_same_to_all_callers_is_known() {
    let parse = |text: &str| Template::parse(text).expect("fit");
    assert!(parse("Hello from {agent}").needs_only(&["agent"]));
    assert!(!parse("Hello{if caller.name} you{end}").needs_only(&["agent"]));
}

#[test]
fn values_are_not_in_logs() {
    let shown = format!("{:?}", values(&[("caller.name", "Anna")]));
    assert!(shown.contains("caller.name") && !shown.contains("Anna"), "{shown}");
}

proptest! {
    #[test]
    fn no_text_makes_it_panic_and_none_becomes_longer_than_may_be(text in any::<String>(), value in any::<String>()) {
        if let Ok(template) = Template::parse(&text) {
            let rendered = template.render(&values(&[("caller.name", &value), ("agent", &value)]));
            prop_assert!(rendered.chars().count() <= TEXT_MOST);
        }
    }

    #[test]
    fn what_looks_like_a_template_is_read_or_refused(parts in prop::collection::vec(prop::sample::select(vec![
        "{", "}", "{{", "}}", "if ", "else", "end", "agent", "caller.name", "|", "default:", "\"", "x", " ", ".",
    ]), 0..24)) {
        if let Ok(template) = Template::parse(&parts.concat()) {
            let _text = template.render(&Values::default());
        }
    }

    /// Nothing that is accepted says an empty value where the caller has none: with and without values there is text.
    #[test]
    fn what_is_accepted_is_said_whole(name in "[a-z]{1,8}", fallback in "[a-z]{1,8}") {
        let text = format!("{{session.{name}|default:\"{fallback}\"}}");
        prop_assert_eq!(Template::parse(&text).expect("fit").render(&Values::default()), fallback);
        let bare = format!("{{session.{name}}}");
        prop_assert!(Template::parse(&bare).is_err());
    }
}
