//! What a campaign must be, each fault with its field.

use control_api::campaign::{CampaignChange, NewCampaign, RetryRules};
use control_store::campaign::Setting;
use domain::wire_name;

use crate::app::calls::{RING_S, detection};
use crate::app::fields::{Fields, TITLE_MOST};
use crate::app::greetings::check::schedule;

const CONCURRENCY: u32 = 1;
const CONCURRENCY_MOST: u32 = 100;
const PER_MINUTE: u32 = 10;
const PER_MINUTE_MOST: u32 = 600;
const ATTEMPTS_MOST: u32 = 10;
const AFTER_S_MOST: u32 = 604_800;

pub(super) fn new(fields: &mut Fields, new: NewCampaign) -> Setting {
    let (at_machine, message) = detection(fields, &new.machine_detection);
    let (retry_on, attempts_most, retry_after_s) = retry(fields, &new.retry);
    Setting {
        title: text(fields, "/title", new.title, TITLE_MOST),
        agent: text(fields, "/agent", new.agent, TITLE_MOST),
        trunk: text(fields, "/trunk", new.trunk, TITLE_MOST),
        caller: new.from.map(|from| text(fields, "/from", from, 64)),
        ring_s: number(fields, "/ring_s", new.ring_s.unwrap_or(RING_S), 5, 180),
        at_machine,
        message,
        concurrency: number(
            fields,
            "/concurrency",
            new.concurrency.unwrap_or(CONCURRENCY),
            1,
            CONCURRENCY_MOST,
        ),
        per_minute: number(fields, "/per_minute", new.per_minute.unwrap_or(PER_MINUTE), 1, PER_MINUTE_MOST),
        retry_on,
        attempts_most,
        retry_after_s,
        schedule: new.schedule.and_then(|given| schedule(fields, "", &given)),
    }
}

/// What is not given stays, and is not looked at again.
pub(super) fn changed(fields: &mut Fields, before: Setting, wanted: CampaignChange) -> Setting {
    let (at_machine, message) = match &wanted.machine_detection {
        Some(given) => detection(fields, given),
        None => (before.at_machine, before.message),
    };
    let (retry_on, attempts_most, retry_after_s) = match &wanted.retry {
        Some(given) => retry(fields, given),
        None => (before.retry_on, before.attempts_most, before.retry_after_s),
    };
    Setting {
        title: wanted.title.map_or(before.title, |given| text(fields, "/title", given, TITLE_MOST)),
        agent: wanted.agent.map_or(before.agent, |given| text(fields, "/agent", given, TITLE_MOST)),
        trunk: wanted.trunk.map_or(before.trunk, |given| text(fields, "/trunk", given, TITLE_MOST)),
        caller: wanted
            .from
            .map_or(before.caller, |given| given.map(|given| text(fields, "/from", given, 64))),
        ring_s: wanted.ring_s.map_or(before.ring_s, |given| number(fields, "/ring_s", given, 5, 180)),
        at_machine,
        message,
        concurrency: wanted
            .concurrency
            .map_or(before.concurrency, |given| number(fields, "/concurrency", given, 1, CONCURRENCY_MOST)),
        per_minute: wanted
            .per_minute
            .map_or(before.per_minute, |given| number(fields, "/per_minute", given, 1, PER_MINUTE_MOST)),
        retry_on,
        attempts_most,
        retry_after_s,
        schedule: wanted
            .schedule
            .map_or(before.schedule, |given| given.and_then(|given| schedule(fields, "", &given))),
    }
}

fn text(fields: &mut Fields, pointer: &str, text: String, most: usize) -> String {
    fields.line(pointer, &text, 1, most);
    text
}

fn number(fields: &mut Fields, pointer: &str, value: u32, least: u32, most: u32) -> i32 {
    fields.range(pointer, value.into(), least.into(), most.into());
    i32::try_from(value).unwrap_or(i32::MAX)
}

fn retry(fields: &mut Fields, rules: &RetryRules) -> (Vec<String>, i32, i32) {
    let mut named: Vec<String> = rules.outcomes.iter().map(wire_name).collect();
    named.dedup();
    let attempts = number(fields, "/retry/attempts", rules.attempts, 1, ATTEMPTS_MOST);
    (named, attempts, number(fields, "/retry/after_s", rules.after_s, 1, AFTER_S_MOST))
}
