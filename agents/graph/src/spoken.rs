//! Values as a voice says them: no digits, no abbreviations, nothing a synthesiser can read wrongly.

use domain::numbers;
use jiff::ToSpan;
use jiff::civil::{Date, Time};
use serde_json::Value;

use crate::understand::{self, Words};

/// The formats a template can name.
pub(crate) const FORMATS: [&str; 14] = [
    "text", "day", "date", "weekday", "time", "hours", "phone", "money", "number", "ordinal", "spell",
    "list", "lower", "capital",
];

/// The value in the given format; a value that the format does not fit is written plainly.
pub(crate) fn speak(value: &Value, format: &str, today: Date) -> String {
    match format {
        "day" => date(value).map(|date| day(date, today)),
        "date" => date(value).map(full_date),
        "weekday" => date(value).map(|date| capital(understand::weekday_of(date))),
        "time" => time(value).map(clock),
        "hours" => hours(value),
        "phone" => value.as_str().map(phone),
        "money" => value.as_f64().map(money),
        "number" => value.as_u64().map(numbers::cardinal),
        "ordinal" => value.as_u64().map(numbers::ordinal),
        "spell" => value.as_str().map(|text| {
            text.chars()
                .filter(|c| !c.is_whitespace())
                .map(|c| c.to_uppercase().to_string())
                .collect::<Vec<_>>()
                .join(", ")
        }),
        "list" => value.as_array().map(|items| list(&items.iter().map(plain).collect::<Vec<_>>())),
        "lower" => value.as_str().map(str::to_lowercase),
        "capital" => value.as_str().map(capital),
        _ => None,
    }
    .unwrap_or_else(|| plain(value))
}

fn plain(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(items) => list(&items.iter().map(plain).collect::<Vec<_>>()),
        other => other.to_string(),
    }
}

fn date(value: &Value) -> Option<Date> {
    value.as_str().or_else(|| value.get("date")?.as_str())?.parse().ok()
}

fn time(value: &Value) -> Option<Time> {
    let text = value.as_str()?;
    let (hour, minute) = text.split_once(':')?;
    Time::new(hour.parse().ok()?, minute.get(..2)?.parse().ok()?, 0, 0).ok()
}

/// "today", "tomorrow", "Thursday" within the week, else weekday and date.
fn day(date: Date, today: Date) -> String {
    let days = today.until(date).map_or(i32::MAX, |span| span.get_days());
    match days {
        0 => "today".to_owned(),
        1 => "tomorrow".to_owned(),
        2..=6 => capital(understand::weekday_of(date)),
        _ => full_date(date),
    }
}

fn full_date(date: Date) -> String {
    let month = capital(understand::month_of(date));
    format!(
        "{}, {month} {}",
        capital(understand::weekday_of(date)),
        numbers::ordinal(u64::from(date.day().unsigned_abs()))
    )
}

/// "ten thirty in the morning".
#[must_use]
pub fn clock(time: Time) -> String {
    let (hour, minute) = (time.hour(), time.minute());
    if minute == 0 && hour == 12 {
        return "noon".to_owned();
    }
    if minute == 0 && hour == 0 {
        return "midnight".to_owned();
    }
    let part = match hour {
        0..12 => "in the morning",
        12..18 => "in the afternoon",
        _ => "in the evening",
    };
    format!("{} {part}", short_clock(time))
}

fn short_clock(time: Time) -> String {
    let hour = numbers::cardinal(u64::from(((time.hour() + 11) % 12 + 1).unsigned_abs()));
    match time.minute() {
        0 => hour,
        minute @ 1..10 => format!("{hour} oh {}", numbers::cardinal(u64::from(minute.unsigned_abs()))),
        minute => {
            format!("{hour} {}", numbers::cardinal(u64::from(minute.unsigned_abs())).replace('-', " "))
        }
    }
}

/// `{"open": "09:00", "close": "18:00"}` as "nine in the morning to six in the evening".
fn hours(value: &Value) -> Option<String> {
    let (open, close) = (time(value.get("open")?)?, time(value.get("close")?)?);
    Some(format!("{} to {}", clock(open), clock(close)))
}

/// Digit by digit, in groups with pauses.
pub(crate) fn phone(digits: &str) -> String {
    let digits: Vec<char> = digits.chars().filter(char::is_ascii_digit).collect();
    let groups: &[usize] = match digits.len() {
        7 => &[3, 4],
        8 => &[4, 4],
        10 => &[3, 3, 4],
        11 => &[1, 3, 3, 4],
        _ => &[],
    };
    let mut spoken = Vec::new();
    let mut rest = digits.as_slice();
    let mut sizes = groups.iter().copied();
    while !rest.is_empty() {
        let size = sizes.next().unwrap_or(3).min(rest.len());
        let (group, tail) = rest.split_at(size);
        spoken.push(numbers::digits(&group.iter().collect::<String>()));
        rest = tail;
    }
    spoken.join(", ")
}

fn money(amount: f64) -> String {
    let cents = (amount.abs() * 100.0).round() as u64;
    let (dollars, cents) = (cents / 100, cents % 100);
    let unit = if dollars == 1 { "dollar" } else { "dollars" };
    let whole = format!("{} {unit}", numbers::cardinal(dollars));
    match cents {
        0 => whole,
        _ if dollars == 0 => format!("{} cents", numbers::cardinal(cents)),
        _ => format!("{whole} and {} cents", numbers::cardinal(cents)),
    }
}

/// "a, b, and c".
#[must_use]
pub fn list(items: &[String]) -> String {
    match items {
        [] => String::new(),
        [only] => only.clone(),
        [first, second] => format!("{first} and {second}"),
        [start @ .., last] => format!("{}, and {last}", start.join(", ")),
    }
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

/// A date as expressions see it: `date` and `weekday`.
pub(crate) fn day_value(date: Date) -> Value {
    serde_json::json!({"date": date.to_string(), "weekday": understand::weekday_of(date)})
}

/// `now` as expressions see it.
pub(crate) fn now_value(now: jiff::civil::DateTime) -> Value {
    let tomorrow = now.date().checked_add(1.day()).unwrap_or(now.date());
    serde_json::json!({
        "date": now.date().to_string(), "weekday": understand::weekday_of(now.date()),
        "time": now.time().strftime("%H:%M").to_string(), "hour": now.hour(), "tomorrow": understand::weekday_of(tomorrow),
    })
}

/// Whether nearly all of a text was heard: its last words were, or `share` of all.
pub(crate) fn mostly_heard(said: &str, heard: &str, share: f32) -> bool {
    let (said, heard) = (Words::new(said).len(), Words::new(heard).len());
    said == 0 || heard as f32 >= said as f32 * share
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_spoken_without_digits() {
        let today = date(2026, 11, 23);
        for (value, format, spoken) in [
            (json!("2026-11-23"), "day", "today"),
            (json!("2026-11-24"), "day", "tomorrow"),
            (json!("2026-11-27"), "day", "Friday"),
            (json!("2026-12-01"), "day", "Tuesday, December first"),
            (json!({"date": "2026-12-22"}), "date", "Tuesday, December twenty-second"),
            (json!("15:00"), "time", "three in the afternoon"),
            (json!("10:30"), "time", "ten thirty in the morning"),
            (json!("09:05"), "time", "nine oh five in the morning"),
            (json!("12:00"), "time", "noon"),
            (json!("18:45"), "time", "six forty five in the evening"),
            (
                json!({"open": "09:00", "close": "18:00"}),
                "hours",
                "nine in the morning to six in the evening",
            ),
            (json!("5550142"), "phone", "five five five, zero one four two"),
            (json!(45), "money", "forty-five dollars"),
            (json!(1.5), "money", "one dollar and fifty cents"),
            (json!(["a", "b", "c"]), "list", "a, b, and c"),
            (json!("Lopez"), "spell", "L, O, P, E, Z"),
            (json!("nonsense"), "date", "nonsense"),
            (json!(null), "time", ""),
        ] {
            assert_eq!(speak(&value, format, today), spoken);
        }
    }

    #[test]
    fn an_unfinished_question_was_not_asked() {
        assert!(mostly_heard("a b c d e", "a b c d", 0.7));
        assert!(!mostly_heard("a b c d e", "a b", 0.7));
    }
}
