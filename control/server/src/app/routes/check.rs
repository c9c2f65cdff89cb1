//! What a route must be, each fault with its field.

use control_api::route::{NewRoute, RouteChange, RouteHeader};
use control_store::route::Setting;
use routing::{Pattern, PatternError};
use serde_json::Value;

use crate::app::fields::{Fields, TITLE_MOST, is_name};
use crate::app::greetings::check::schedule;

const HEADERS_MOST: usize = 5;
const HEADER_NAME_MOST: usize = 64;
const HEADER_VALUE_MOST: usize = 256;
const HOST_MOST: usize = 253;
const NODE_MOST: usize = 128;

/// `at` is the pointer of the object that the route is.
pub(super) fn new(fields: &mut Fields, at: &str, new: NewRoute) -> Setting {
    Setting {
        title: title(fields, at, new.title.unwrap_or_default()),
        number: new
            .number
            .and_then(|given| pattern(fields, &format!("{at}/number"), &given, Pattern::number)),
        room: new.room.and_then(|given| pattern(fields, &format!("{at}/room"), &given, Pattern::name)),
        host: new.host.and_then(|given| host(fields, at, &given)),
        trunk: new.trunk.and_then(|given| trunk(fields, at, given)),
        headers: headers(fields, at, &new.headers),
        schedule: new.schedule.and_then(|given| schedule(fields, at, &given)),
        agent: new.agent_id,
        environment: new.environment_id,
        node: new.node.map(|given| node(fields, at, given)),
        enabled: new.enabled.unwrap_or(true),
    }
}

/// What is not given stays, and is not looked at again.
pub(super) fn changed(fields: &mut Fields, before: Setting, wanted: RouteChange) -> Setting {
    Setting {
        title: wanted.title.map_or(before.title, |given| title(fields, "", given)),
        number: wanted.number.map_or(before.number, |given| {
            given.and_then(|given| pattern(fields, "/number", &given, Pattern::number))
        }),
        room: wanted.room.map_or(before.room, |given| {
            given.and_then(|given| pattern(fields, "/room", &given, Pattern::name))
        }),
        host: wanted.host.map_or(before.host, |given| given.and_then(|given| host(fields, "", &given))),
        trunk: wanted.trunk.map_or(before.trunk, |given| given.and_then(|given| trunk(fields, "", given))),
        headers: wanted.headers.map_or(before.headers, |given| headers(fields, "", &given)),
        schedule: wanted
            .schedule
            .map_or(before.schedule, |given| given.and_then(|given| schedule(fields, "", &given))),
        agent: wanted.agent_id.unwrap_or(before.agent),
        environment: wanted.environment_id.unwrap_or(before.environment),
        node: wanted.node.map_or(before.node, |given| given.map(|given| node(fields, "", given))),
        enabled: wanted.enabled.unwrap_or(before.enabled),
    }
}

fn title(fields: &mut Fields, at: &str, title: String) -> String {
    fields.line(&format!("{at}/title"), &title, 0, TITLE_MOST);
    title
}

/// Whether the agent has it is known of the version that is served.
fn node(fields: &mut Fields, at: &str, given: String) -> String {
    fields.text(&format!("{at}/node"), &given, 1, NODE_MOST);
    given
}

/// As routes write it.
fn pattern(
    fields: &mut Fields,
    pointer: &str,
    given: &str,
    read: fn(&str) -> Result<Pattern, PatternError>,
) -> Option<String> {
    match read(given) {
        Ok(pattern) => Some(pattern.to_string()),
        Err(error) => {
            fields.wrong(pointer, "invalid", error.to_string());
            None
        }
    }
}

fn host(fields: &mut Fields, at: &str, given: &str) -> Option<String> {
    let fits = (1..=HOST_MOST).contains(&given.len())
        && given.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-.".contains(&byte))
        && given
            .split('.')
            .all(|label| !label.is_empty() && !label.starts_with('-') && !label.ends_with('-'));
    if fits {
        return Some(given.to_ascii_lowercase());
    }
    fields.wrong(&format!("{at}/host"), "invalid", "a hostname has letters, digits, hyphens and dots");
    None
}

fn trunk(fields: &mut Fields, at: &str, given: String) -> Option<String> {
    if is_name(&given) {
        return Some(given);
    }
    let detail = "a trunk or account has a name of 1 to 63 lower-case letters, digits and hyphens";
    fields.wrong(&format!("{at}/trunk"), "invalid", detail);
    None
}

fn headers(fields: &mut Fields, at: &str, given: &[RouteHeader]) -> Value {
    if given.len() > HEADERS_MOST {
        fields.wrong(&format!("{at}/headers"), "out_of_range", format!("at most {HEADERS_MOST} headers"));
    }
    for (index, header) in given.iter().enumerate() {
        let at = format!("{at}/headers/{index}");
        let fits = (1..=HEADER_NAME_MOST).contains(&header.name.len())
            && header.name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        if !fits {
            let detail = "a header's name has 1 to 64 letters, digits and hyphens";
            fields.wrong(&format!("{at}/name"), "invalid", detail);
        }
        fields.text(&format!("{at}/value"), &header.value, 0, HEADER_VALUE_MOST);
    }
    Value::Array(
        given
            .iter()
            .map(|header| serde_json::json!({ "name": header.name, "value": header.value }))
            .collect(),
    )
}
