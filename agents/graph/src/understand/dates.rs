//! Days: "tomorrow", "next Tuesday", "the 5th", "December third", "in two weeks".

use jiff::civil::{Date, Weekday};
use jiff::{Span, ToSpan};

use super::numbers::{cardinal, ordinal};
use super::tokens::{Found, Words};

const WEEKDAYS: [(&str, &[&str]); 7] = [
    ("monday", &["mon", "mondays", "munday"]),
    ("tuesday", &["tue", "tues", "tuesdays", "teusday", "chewsday"]),
    ("wednesday", &["wed", "weds", "wednesdays", "wensday", "wendsday"]),
    ("thursday", &["thu", "thur", "thurs", "thursdays", "thrusday", "thirsday"]),
    ("friday", &["fri", "fridays"]),
    ("saturday", &["sat", "saturdays", "saterday"]),
    ("sunday", &["sundays"]),
];
const MONTHS: [(&str, &str); 12] = [
    ("january", "jan"),
    ("february", "feb"),
    ("march", "mar"),
    ("april", "apr"),
    ("may", "may"),
    ("june", "jun"),
    ("july", "jul"),
    ("august", "aug"),
    ("september", "sept"),
    ("october", "oct"),
    ("november", "nov"),
    ("december", "dec"),
];

/// The first day that is named. `expected` says that a day was asked for, so that a bare "fifth" is one.
#[must_use]
pub fn find(words: &Words, today: Date, expected: bool) -> Option<Found<Date>> {
    (0..words.len()).find_map(|at| {
        relative(words, at, today)
            .or_else(|| in_span(words, at, today))
            .or_else(|| weekday_phrase(words, at, today))
            .or_else(|| month_day(words, at, today))
            .or_else(|| slashed(words, at, today))
            .or_else(|| day_of_month(words, at, today, expected))
    })
}

pub(crate) fn weekday_of(date: Date) -> &'static str {
    WEEKDAYS[date.weekday().to_monday_zero_offset() as usize].0
}

pub(crate) fn month_of(date: Date) -> &'static str {
    MONTHS[date.month() as usize - 1].0
}

fn found(value: Date, from: usize, to: usize) -> Option<Found<Date>> {
    Some(Found { value, from, to })
}

fn plus(day: Date, span: Span) -> Option<Date> {
    day.checked_add(span).ok()
}

fn relative(words: &Words, at: usize, today: Date) -> Option<Found<Date>> {
    if words.starts(at, &["the", "day", "after", "tomorrow"]) {
        return found(plus(today, 2.days())?, at, at + 4);
    }
    if words.starts(at, &["day", "after", "tomorrow"]) {
        return found(plus(today, 2.days())?, at, at + 3);
    }
    if words.starts(at, &["right", "now"]) || words.starts(at, &["this", "minute"]) {
        return found(today, at, at + 2);
    }
    match words.word(at) {
        "today" | "tonight" | "todays" | "today's" => found(today, at, at + 1),
        // "this afternoon" is today; the part of the day stays for the time.
        "this" if matches!(words.word(at + 1), "morning" | "afternoon" | "evening") => {
            found(today, at, at + 1)
        }
        "tomorrow" | "tomorow" | "tommorow" | "tommorrow" | "tomorrow's" => {
            found(plus(today, 1.day())?, at, at + 1)
        }
        "now" if at + 1 == words.len() || words.pause_after(at) => found(today, at, at + 1),
        "weekend" => found(plus(today, i64::from(days_until(today, Weekday::Saturday)).days())?, at, at + 1),
        _ => None,
    }
}

/// "in two weeks", "in a week", "two weeks from now", "a week from Tuesday".
fn in_span(words: &Words, at: usize, today: Date) -> Option<Found<Date>> {
    let start = at + usize::from(words.word(at) == "in");
    let (count, used) = match words.word(start) {
        "a" | "an" | "one" => (1, 1),
        "couple" => (2, 1 + usize::from(words.word(start + 1) == "of")),
        _ => cardinal(words, start)?,
    };
    if words.word(start) == "a" && words.word(start + 1) == "couple" {
        return in_span_unit(words, at, start + 2 + usize::from(words.word(start + 2) == "of"), 2, today);
    }
    in_span_unit(words, at, start + used, count, today)
}

fn in_span_unit(words: &Words, at: usize, unit: usize, count: u32, today: Date) -> Option<Found<Date>> {
    let count = i64::from(count);
    if count > 60 {
        return None;
    }
    let (span, end) = match words.word(unit) {
        "day" | "days" => (count.days(), unit + 1),
        "week" | "weeks" => ((count * 7).days(), unit + 1),
        "month" | "months" => (count.months(), unit + 1),
        _ => return None,
    };
    if words.word(end) == "from" {
        if matches!(words.word(end + 1), "now" | "today") {
            return found(plus(today, span)?, at, end + 2);
        }
        let base = relative(words, end + 1, today).or_else(|| weekday_phrase(words, end + 1, today))?;
        return found(plus(base.value, span)?, at, base.to);
    }
    (words.word(at) == "in").then(|| plus(today, span)).flatten().and_then(|day| found(day, at, end))
}

fn weekday(word: &str) -> Option<Weekday> {
    let index = WEEKDAYS.iter().position(|(name, others)| {
        *name == word || others.contains(&word) || word.strip_suffix("'s") == Some(name)
    })?;
    Weekday::from_monday_zero_offset(index as i8).ok()
}

/// Days from `today` to the next such weekday, 1 to 7.
fn days_until(today: Date, day: Weekday) -> i32 {
    let ahead = i32::from(day.to_monday_zero_offset()) - i32::from(today.weekday().to_monday_zero_offset());
    if ahead <= 0 { ahead + 7 } else { ahead }
}

fn in_next_week(today: Date, day: Weekday) -> i32 {
    7 - i32::from(today.weekday().to_monday_zero_offset()) + i32::from(day.to_monday_zero_offset())
}

fn weekday_phrase(words: &Words, at: usize, today: Date) -> Option<Found<Date>> {
    if words.starts(at, &["next", "week"]) {
        let start = at + 2 + usize::from(words.word(at + 2) == "on");
        let day = weekday(words.word(start))?;
        return found(plus(today, i64::from(in_next_week(today, day)).days())?, at, start + 1);
    }
    let (lead, start) = match words.word(at) {
        lead @ ("next" | "this" | "coming") => (lead, at + 1),
        _ => ("", at),
    };
    let start = start + usize::from(!lead.is_empty() && words.word(start) == "coming");
    let day = weekday(words.word(start))?;
    let mut end = start + 1;
    let ahead = if words.starts(end, &["next", "week"]) {
        end += 2;
        in_next_week(today, day)
    } else if words.word(end) == "week" {
        end += 1;
        days_until(today, day) + 7
    } else if lead == "next" {
        in_next_week(today, day)
    } else if lead == "this" && day == today.weekday() {
        0
    } else {
        days_until(today, day)
    };
    // "Monday the 30th": the number is the more exact.
    if let Some(exact) = ordinal_day(words, end, today).or_else(|| month_day(words, end, today)) {
        return found(exact.value, at, exact.to);
    }
    found(plus(today, i64::from(ahead).days())?, at, end)
}

fn ordinal_day(words: &Words, at: usize, today: Date) -> Option<Found<Date>> {
    let start = at + usize::from(words.word(at) == "the");
    let (day, used) = ordinal(words, start)?;
    let mut end = start + used;
    let of = end + usize::from(words.word(end) == "of");
    if let Some(month) = month(words.word(of)) {
        end = of + 1;
        return found(upcoming(today, month, day)?, at, end);
    }
    found(upcoming_day(today, day)?, at, end)
}

fn month(word: &str) -> Option<i8> {
    let index = MONTHS.iter().position(|(name, short)| *name == word || *short == word)?;
    Some(index as i8 + 1)
}

/// "December third", "December 3", "3 December", "the third of December 2026".
fn month_day(words: &Words, at: usize, today: Date) -> Option<Found<Date>> {
    if let Some(month) = month(words.word(at)) {
        let start = at + 1 + usize::from(words.word(at + 1) == "the");
        let (day, used) = ordinal(words, start).or_else(|| cardinal(words, start))?;
        return with_year(words, today, month, day, at, start + used);
    }
    let start = at + usize::from(words.word(at) == "the");
    let (day, used) = ordinal(words, start).or_else(|| cardinal(words, start))?;
    let of = start + used + usize::from(words.word(start + used) == "of");
    let month = month(words.word(of))?;
    with_year(words, today, month, day, at, of + 1)
}

fn with_year(words: &Words, today: Date, month: i8, day: u32, at: usize, end: usize) -> Option<Found<Date>> {
    if let Ok(year @ 2000..2200) = words.word(end).parse::<i16>() {
        return found(Date::new(year, month, i8::try_from(day).ok()?).ok()?, at, end + 1);
    }
    found(upcoming(today, month, day)?, at, end)
}

/// "12/5": month first, as American English writes it, unless only the other order is a date.
fn slashed(words: &Words, at: usize, today: Date) -> Option<Found<Date>> {
    let (left, right) = words.word(at).split_once('/')?;
    let (left, right): (u32, u32) = (left.parse().ok()?, right.parse().ok()?);
    let day = if (1..=12).contains(&left) {
        upcoming(today, left as i8, right)?
    } else {
        upcoming(today, i8::try_from(right).ok()?, left)?
    };
    found(day, at, at + 1)
}

fn day_of_month(words: &Words, at: usize, today: Date, expected: bool) -> Option<Found<Date>> {
    let lead = words.word(at) == "the";
    let digits = words.word(at).as_bytes().first().is_some_and(u8::is_ascii_digit);
    if lead || digits || expected {
        // "the first time", "a second": only an ordinal that ends there is a day.
        let day = ordinal_day(words, at, today)?;
        let next = words.word(day.to);
        return (!matches!(next, "time" | "one" | "thing" | "person" | "floor" | "visit")).then_some(day);
    }
    None
}

/// The next such day of a month, today included.
fn upcoming_day(today: Date, day: u32) -> Option<Date> {
    let day = i8::try_from(day).ok()?;
    (0..12).find_map(|months| {
        let first = today.first_of_month().checked_add(months.months()).ok()?;
        let date = Date::new(first.year(), first.month(), day).ok()?;
        (date >= today).then_some(date)
    })
}

fn upcoming(today: Date, month: i8, day: u32) -> Option<Date> {
    let day = i8::try_from(day).ok()?;
    (0..8).find_map(|years| {
        let date = Date::new(today.year() + years, month, day).ok()?;
        (date >= today).then_some(date)
    })
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    /// 23 November 2026 is a Monday.
    fn at(text: &str) -> Option<String> {
        find(&Words::new(text), date(2026, 11, 23), false).map(|found| found.value.to_string())
    }

    #[test]
    fn every_way_to_name_a_day() {
        for (text, day) in [
            ("today please", "2026-11-23"),
            ("tomorrow", "2026-11-24"),
            ("the day after tomorrow", "2026-11-25"),
            ("Tuesday", "2026-11-24"),
            ("next Tuesday at three in the afternoon", "2026-12-01"),
            ("this coming friday", "2026-11-27"),
            ("Thursday next week", "2026-12-03"),
            ("next week on thursday", "2026-12-03"),
            ("monday", "2026-11-30"),
            ("a week from tuesday", "2026-12-01"),
            ("two weeks from now", "2026-12-07"),
            ("in two weeks", "2026-12-07"),
            ("in a week", "2026-11-30"),
            ("in a couple of days", "2026-11-25"),
            ("in 3 days", "2026-11-26"),
            ("the 5th", "2026-12-05"),
            ("the fifth", "2026-12-05"),
            ("on the twenty fourth", "2026-11-24"),
            ("the 5th of January", "2027-01-05"),
            ("December third", "2026-12-03"),
            ("december the third", "2026-12-03"),
            ("Dec 3", "2026-12-03"),
            ("3 December 2027", "2027-12-03"),
            ("the third of december", "2026-12-03"),
            ("12/5", "2026-12-05"),
            ("25/12", "2026-12-25"),
            ("monday the 30th", "2026-11-30"),
            ("wensday", "2026-11-25"),
            ("on thurs", "2026-11-26"),
            ("are you open on saturdays", "2026-11-28"),
            ("this weekend", "2026-11-28"),
            ("this afternoon", "2026-11-23"),
            ("are you open right now", "2026-11-23"),
        ] {
            assert_eq!(at(text).as_deref(), Some(day), "{text}");
        }
    }

    #[test]
    fn what_names_no_day_is_no_day() {
        for text in [
            "",
            "three in the afternoon",
            "february thirtieth",
            "the first time",
            "just a second",
            "may I",
            "five five five zero one four two",
            "99/99",
        ] {
            assert_eq!(at(text), None, "{text}");
        }
    }

    #[test]
    fn a_bare_ordinal_counts_where_a_day_was_asked_for() {
        let day = find(&Words::new("fifth"), date(2026, 11, 23), true).map(|found| found.value);
        assert_eq!(day, Some(date(2026, 12, 5)));
    }
}
