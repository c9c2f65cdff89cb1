//! What a greeting must be, each fault with its field.

use control_api::greeting::{Experiment, GreetingChange, NewGreeting, Schedule, Wording};
use control_store::greeting::{Scope, Setting};
use greetings::experiment::ExperimentError;
use greetings::schedule::{ScheduleError, Timetable};
use greetings::template::TemplateError;
use greetings::{Template, language};
use serde_json::Value;

use crate::app::fields::{Fields, TITLE_MOST, is_name};

const WORDINGS_MOST: usize = 20;
const GOAL_MOST: usize = 100;
const PRIORITY_MOST: i64 = 100;

/// `at` is the pointer of the object that the greeting is.
pub(super) fn new(fields: &mut Fields, at: &str, new: NewGreeting) -> (Scope, Setting) {
    let scope = Scope {
        agent: new.agent_id,
        domain: new.domain_id,
        environment: new.environment_id,
        channel: new.channel_id,
    };
    if scope.agent.is_some() && scope.domain.is_some() {
        fields.wrong(
            &format!("{at}/domain_id"),
            "invalid",
            "a greeting is for an agent or for a domain, not for both",
        );
    }
    let set = Setting {
        title: title(fields, at, new.title.unwrap_or_default()),
        language: new.language.and_then(|language| tag(fields, at, language)),
        priority: priority(fields, at, new.priority.unwrap_or_default()),
        schedule: new.schedule.and_then(|given| schedule(fields, at, &given)),
        wordings: wordings(fields, at, new.wordings),
        experiment: new.experiment.and_then(|given| experiment(fields, at, &given)),
        enabled: new.enabled.unwrap_or(true),
    };
    (scope, set)
}

/// What is not given stays, and is not looked at again.
pub(super) fn changed(fields: &mut Fields, before: &Setting, wanted: GreetingChange) -> Setting {
    let before = before.clone();
    Setting {
        title: wanted.title.map_or(before.title, |given| title(fields, "", given)),
        language: match wanted.language {
            None => before.language,
            Some(given) => given.and_then(|given| tag(fields, "", given)),
        },
        priority: wanted.priority.map_or(before.priority, |given| priority(fields, "", given)),
        schedule: match wanted.schedule {
            None => before.schedule,
            Some(given) => given.and_then(|given| schedule(fields, "", &given)),
        },
        wordings: wanted.wordings.map_or(before.wordings, |given| wordings(fields, "", given)),
        experiment: match wanted.experiment {
            None => before.experiment,
            Some(given) => given.and_then(|given| experiment(fields, "", &given)),
        },
        enabled: wanted.enabled.unwrap_or(before.enabled),
    }
}

fn title(fields: &mut Fields, at: &str, title: String) -> String {
    fields.line(&format!("{at}/title"), &title, 0, TITLE_MOST);
    title
}

pub(super) fn tag(fields: &mut Fields, at: &str, tag: String) -> Option<String> {
    if language::is_tag(&tag) {
        return Some(tag);
    }
    fields.wrong(&format!("{at}/language"), "invalid", "a language is written such as de or de-CH (BCP 47)");
    None
}

fn priority(fields: &mut Fields, at: &str, priority: i32) -> i32 {
    fields.range(&format!("{at}/priority"), priority.into(), -PRIORITY_MOST, PRIORITY_MOST);
    priority
}

fn wordings(fields: &mut Fields, at: &str, wordings: Vec<Wording>) -> Vec<String> {
    let wordings: Vec<String> = wordings.into_iter().map(|wording| wording.0).collect();
    if wordings.is_empty() || wordings.len() > WORDINGS_MOST {
        fields.wrong(
            &format!("{at}/wordings"),
            "out_of_range",
            format!("1 to {WORDINGS_MOST} wordings are needed"),
        );
    }
    for (index, wording) in wordings.iter().enumerate() {
        template(fields, &format!("{at}/wordings/{index}"), wording);
    }
    wordings
}

fn template(fields: &mut Fields, pointer: &str, text: &str) {
    let Err(error) = Template::parse(text) else { return };
    let code = match error {
        TemplateError::Empty => "too_short",
        TemplateError::Long(_) => "too_long",
        TemplateError::Unknown { .. } => "unknown",
        _ => "invalid",
    };
    fields.wrong(pointer, code, error.to_string());
}

/// As it is stored.
pub(crate) fn schedule(fields: &mut Fields, at: &str, given: &Schedule) -> Option<Value> {
    let stored = serde_json::to_value(given).ok()?;
    let read: greetings::Schedule = match serde_path_to_error::deserialize(&stored) {
        Ok(read) => read,
        Err(error) => {
            let pointer = format!("{at}/schedule{}", pointer(error.path()));
            fields.wrong(&pointer, "invalid", error.inner().to_string());
            return None;
        }
    };
    for (index, window) in given.windows.iter().enumerate() {
        if window.days.len() > 7 {
            let detail = "a week has seven days";
            fields.wrong(&format!("{at}/schedule/windows/{index}/days"), "out_of_range", detail);
        }
    }
    for (field, day) in [("from", &given.from), ("until", &given.until)] {
        if let Some(day) = day {
            self::day(fields, &format!("{at}/schedule/{field}"), day);
        }
    }
    match Timetable::new(read) {
        Ok(_) => Some(stored),
        Err(error) => {
            let field = match error {
                ScheduleError::Zone(_) => "time_zone",
                ScheduleError::Days => "until",
                ScheduleError::Windows => "windows",
            };
            fields.wrong(&format!("{at}/schedule/{field}"), "invalid", error.to_string());
            None
        }
    }
}

/// Other ways of writing a day are read, too, but not written by everybody the same.
pub(super) fn day(fields: &mut Fields, pointer: &str, day: &str) {
    if day.parse::<jiff::civil::Date>().is_ok_and(|read| read.to_string() == day) {
        return;
    }
    fields.wrong(pointer, "invalid", "a day is written such as 2026-12-25");
}

fn experiment(fields: &mut Fields, at: &str, given: &Experiment) -> Option<Value> {
    let at = format!("{at}/experiment");
    for (index, arm) in given.arms.iter().enumerate() {
        if !is_name(&arm.key) {
            let detail = "an arm's key has 1 to 63 lower-case letters, digits and hyphens";
            fields.wrong(&format!("{at}/arms/{index}/key"), "invalid", detail);
        }
        template(fields, &format!("{at}/arms/{index}/text"), &arm.text);
    }
    if let Some(goal) = &given.goal {
        fields.text(&format!("{at}/goal/name"), &goal.name, 1, GOAL_MOST);
    }
    let stored = serde_json::to_value(given).ok()?;
    let read: greetings::Experiment = serde_json::from_value(stored.clone())
        .map_err(|error| fields.wrong(&at, "invalid", error.to_string()))
        .ok()?;
    let Err((place, error)) = read.check() else { return Some(stored) };
    let field = match error {
        ExperimentError::Twice(_) => "/key",
        ExperimentError::Weight(_) => "/weight",
        ExperimentError::Arms(_) | ExperimentError::Weightless => "",
    };
    let place = place.map(|place| format!("/{place}{field}")).unwrap_or_default();
    fields.wrong(&format!("{at}/arms{place}"), "invalid", error.to_string());
    None
}

fn pointer(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    path.iter()
        .filter_map(|segment| match segment {
            Segment::Seq { index } => Some(format!("/{index}")),
            Segment::Map { key } => Some(format!("/{key}")),
            Segment::Enum { .. } | Segment::Unknown => None,
        })
        .collect()
}
