//! Tools that look something up and change nothing: the time anywhere, arithmetic, units.

use agents_graph::{ToolError, spoken_time};
use jiff::Zoned;
use jiff::tz::TimeZone;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{arithmetic, units};

/// The answer of the tool of this name; `None` where none of these has it.
pub(super) fn answer(
    name: &str,
    args: &Value,
    now: impl FnOnce() -> Zoned,
) -> Option<Result<Value, ToolError>> {
    let answer = match name {
        "clock.now" => clock(args, &now()),
        "math.evaluate" => evaluate(args),
        "units.convert" => convert(args),
        _ => return None,
    };
    Some(answer.map_err(|message| ToolError { code: "TOOL_ARGUMENTS".to_owned(), message }))
}

fn clock(args: &Value, now: &Zoned) -> Result<Value, String> {
    #[derive(Deserialize)]
    struct Args {
        #[serde(default)]
        zone: String,
    }
    let Args { zone } = read(args, "zone")?;
    let there = match zone.trim() {
        "" => now.clone(),
        zone => now.with_time_zone(named(zone)?),
    };
    Ok(json!({
        "zone": there.time_zone().iana_name().unwrap_or_default(),
        "date": there.date().to_string(),
        "weekday": there.strftime("%A").to_string(),
        "time": there.strftime("%H:%M").to_string(),
        "spoken": spoken_time(there.time()),
        "utc_offset": there.strftime("%:z").to_string(),
    }))
}

/// A zone by its IANA name, or by the city that it is named after.
fn named(zone: &str) -> Result<TimeZone, String> {
    if let Ok(found) = TimeZone::get(zone) {
        return Ok(found);
    }
    let city = zone.rsplit('/').next().unwrap_or(zone).trim().replace(' ', "_");
    let known = jiff::tz::db().available().map(|name| name.as_str().to_owned());
    let mut fitting: Vec<String> = known
        .filter(|name| name.rsplit('/').next().is_some_and(|last| last.eq_ignore_ascii_case(&city)))
        .collect();
    // Of several names of one place the plainest.
    fitting.sort_by_key(|name| (name.len(), name.clone()));
    let found = fitting.first().and_then(|name| TimeZone::get(name).ok());
    found.ok_or_else(|| format!("\"{zone}\" is no time zone; give an IANA name such as Europe/Paris"))
}

fn evaluate(args: &Value) -> Result<Value, String> {
    #[derive(Deserialize)]
    struct Args {
        expression: String,
    }
    let Args { expression } = read(args, "expression")?;
    let value = arithmetic::evaluate(&expression)?;
    Ok(json!({"expression": expression, "value": plain(value)}))
}

fn convert(args: &Value) -> Result<Value, String> {
    #[derive(Deserialize)]
    struct Args {
        value: f64,
        from: String,
        to: String,
    }
    let Args { value, from, to } = read(args, "value, from, to")?;
    let converted = units::convert(value, &from, &to)?;
    Ok(json!({"value": plain(converted), "unit": to}))
}

fn read<T: serde::de::DeserializeOwned>(args: &Value, wanted: &str) -> Result<T, String> {
    serde_json::from_value(args.clone()).map_err(|error| format!("{wanted}: {error}"))
}

/// A number as people write it: ten significant digits, no fraction where there is none.
fn plain(value: f64) -> Value {
    let rounded: f64 = format!("{value:.9e}").parse().unwrap_or(value);
    let whole = rounded.fract() == 0.0 && rounded.abs() < 9e15;
    #[expect(clippy::cast_possible_truncation, reason = "whole and within what an i64 holds")]
    if whole { json!(rounded as i64) } else { json!(rounded) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(name: &str, args: &Value) -> Result<Value, ToolError> {
        answer(name, args, || "2026-11-23T10:30:00[Europe/Berlin]".parse().unwrap()).unwrap()
    }

    #[test]
    fn the_time_is_known_everywhere_and_by_the_citys_name() {
        assert_eq!(ask("clock.now", &json!({})).unwrap()["time"], "10:30");
        for zone in ["Asia/Tokyo", "Tokyo", "tokyo", "Japan/Tokyo"] {
            let there = ask("clock.now", &json!({"zone": zone})).unwrap();
            assert_eq!((&there["time"], &there["weekday"]), (&json!("18:30"), &json!("Monday")), "{zone}");
        }
        assert_eq!(ask("clock.now", &json!({"zone": "new york"})).unwrap()["time"], "04:30");
        assert_eq!(ask("clock.now", &json!({"zone": "Atlantis"})).unwrap_err().code, "TOOL_ARGUMENTS");
    }

    #[test]
    fn sums_and_units() {
        let value = |args| ask("math.evaluate", &args).map(|answer| answer["value"].clone());
        assert_eq!(value(json!({"expression": "0.1 + 0.2"})).unwrap(), json!(0.3));
        assert_eq!(value(json!({"expression": "17 * 24"})).unwrap(), json!(408));
        assert!(value(json!({"expression": "1 / 0"})).is_err() && value(json!({})).is_err());
        let converted = ask("units.convert", &json!({"value": 5, "from": "miles", "to": "km"})).unwrap();
        assert_eq!(converted, json!({"value": 8.04672, "unit": "km"}));
    }

    #[test]
    fn other_names_are_other_tools() {
        assert!(answer("appointments.book", &json!({}), Zoned::now).is_none());
    }
}
