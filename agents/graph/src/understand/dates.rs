//! Days: "tomorrow", "next Tuesday", "the 5th", "December third", "in two weeks"; also those that are past or do not exist, so
//! that they are not taken for others.

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

/// A day that was named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Day {
    On(Date),
    /// "February 30th".
    Nonexistent,
}

impl Day {
    fn of(date: Option<Date>) -> Self {
        date.map_or(Self::Nonexistent, Self::On)
    }
}

/// The first day that is named and can be; where none can be, the first that is named. `expected` says that a day was asked
/// for, so that a bare "fifth" is one.
#[must_use]
pub fn find(words: &Words, today: Date, expected: bool) -> Option<Found<Day>> {
    let mut first = None;
    let mut at = 0;
    while at < words.len() {
        let Some(day) = at_word(words, at, today, expected) else {
            at += 1;
            continue;
        };
        if matches!(day.value, Day::On(date) if date >= today) {
            return Some(day);
        }
        at = day.to.max(at + 1);
        first.get_or_insert(day);
    }
    first
}

fn at_word(words: &Words, at: usize, today: Date, expected: bool) -> Option<Found<Day>> {
    let on = |day: Found<Date>| Found { value: Day::On(day.value), from: day.from, to: day.to };
    relative(words, at, today)
        .or_else(|| past(words, at, today))
        .or_else(|| in_span(words, at, today))
        .map(on)
        .or_else(|| weekday_phrase(words, at, today))
        .or_else(|| month_day(words, at, today))
        .or_else(|| slashed(words, at, today))
        .or_else(|| day_of_month(words, at, today, expected))
}

pub(crate) fn weekday_of(date: Date) -> &'static str {
    WEEKDAYS[date.weekday().to_monday_zero_offset() as usize].0
}

pub(crate) fn month_of(date: Date) -> &'static str {
    MONTHS[date.month() as usize - 1].0
}

fn found<T>(value: T, from: usize, to: usize) -> Option<Found<T>> {
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

/// "yesterday", "last Monday", "this past Friday", "two days ago".
fn past(words: &Words, at: usize, today: Date) -> Option<Found<Date>> {
    if words.starts(at, &["day", "before", "yesterday"]) {
        return found(plus(today, (-2).days())?, at, at + 3);
    }
    if words.word(at) == "yesterday" {
        return found(plus(today, (-1).days())?, at, at + 1);
    }
    if let Some(day) = last_weekday(words, at, today) {
        return Some(day);
    }
    let (count, used) = match words.word(at) {
        "a" | "an" => (1, 1),
        _ => cardinal(words, at).filter(|(count, _)| *count <= 60)?,
    };
    let unit = match words.word(at + used) {
        "day" | "days" => 1,
        "week" | "weeks" => 7,
        _ => return None,
    };
    let ago = words.word(at + used + 1) == "ago";
    ago.then(|| plus(today, (-unit * i64::from(count)).days()))
        .flatten()
        .and_then(|day| found(day, at, at + used + 2))
}

/// "last Monday", "this past Monday", "Monday last week".
fn last_weekday(words: &Words, at: usize, today: Date) -> Option<Found<Date>> {
    let lead = at + usize::from(words.word(at) == "this");
    if matches!(words.word(lead), "last" | "past") {
        let day = weekday(words.word(lead + 1))?;
        // 7 days ahead is the same weekday as today: a week back.
        let back = if day == today.weekday() { 7 } else { 7 - days_until(today, day) };
        return found(plus(today, i64::from(-back).days())?, at, lead + 2);
    }
    let day = weekday(words.word(at)).filter(|_| words.starts(at + 1, &["last", "week"]))?;
    found(plus(today, i64::from(in_next_week(today, day) - 14).days())?, at, at + 3)
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
        let (base, to) = match relative(words, end + 1, today) {
            Some(day) => (day.value, day.to),
            None => match weekday_phrase(words, end + 1, today)? {
                Found { value: Day::On(day), to, .. } => (day, to),
                _ => return None,
            },
        };
        return found(plus(base, span)?, at, to);
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

fn weekday_phrase(words: &Words, at: usize, today: Date) -> Option<Found<Day>> {
    if words.starts(at, &["next", "week"]) {
        let start = at + 2 + usize::from(words.word(at + 2) == "on");
        let day = weekday(words.word(start))?;
        return found(Day::On(plus(today, i64::from(in_next_week(today, day)).days())?), at, start + 1);
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
    found(Day::On(plus(today, i64::from(ahead).days())?), at, end)
}

/// The first of the month in "(the fifth of) next month".
fn stated_month(words: &Words, at: usize, today: Date) -> Option<(Date, usize)> {
    let ahead: i64 = match words.word(at) {
        "last" => -1,
        "this" => 0,
        "next" => 1,
        _ => return None,
    };
    let first = plus(today.first_of_month(), ahead.months())?;
    (words.word(at + 1) == "month").then_some((first, at + 2))
}

fn ordinal_day(words: &Words, at: usize, today: Date) -> Option<Found<Day>> {
    let start = at + usize::from(words.word(at) == "the");
    let (day, used) = ordinal(words, start)?;
    let mut end = start + used;
    let of = end + usize::from(words.word(end) == "of");
    if let Some(month) = month(words.word(of)) {
        end = of + 1;
        return found(Day::of(upcoming(today, month, day)), at, end);
    }
    if let Some((first, to)) = stated_month(words, of, today) {
        let date = i8::try_from(day).ok().and_then(|day| Date::new(first.year(), first.month(), day).ok());
        return found(Day::of(date), at, to);
    }
    found(Day::On(upcoming_day(today, day)?), at, end)
}

fn month(word: &str) -> Option<i8> {
    let index = MONTHS.iter().position(|(name, short)| *name == word || *short == word)?;
    Some(index as i8 + 1)
}

/// "December third", "December 3", "3 December", "the third of December 2026".
fn month_day(words: &Words, at: usize, today: Date) -> Option<Found<Day>> {
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

fn with_year(words: &Words, today: Date, month: i8, day: u32, at: usize, end: usize) -> Option<Found<Day>> {
    if let Ok(year @ 2000..2200) = words.word(end).parse::<i16>() {
        let date = i8::try_from(day).ok().and_then(|day| Date::new(year, month, day).ok());
        return found(Day::of(date), at, end + 1);
    }
    found(Day::of(upcoming(today, month, day)), at, end)
}

/// "12/5": month first, as American English writes it, unless only the other order is a date.
fn slashed(words: &Words, at: usize, today: Date) -> Option<Found<Day>> {
    let (left, right) = words.word(at).split_once('/')?;
    let (left, right): (u32, u32) = (left.parse().ok()?, right.parse().ok()?);
    let (month, day) = if (1..=12).contains(&left) { (left, right) } else { (right, left) };
    // "24/7" is no day, and neither is anything that no calendar has.
    if (left, right) == (24, 7) || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    found(Day::of(upcoming(today, i8::try_from(month).ok()?, day)), at, at + 1)
}

fn day_of_month(words: &Words, at: usize, today: Date, expected: bool) -> Option<Found<Day>> {
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
        find(&Words::new(text), date(2026, 11, 23), false).map(|found| match found.value {
            Day::On(day) => day.to_string(),
            Day::Nonexistent => "none".to_owned(),
        })
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
            "are you open 24/7",
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
        assert_eq!(day, Some(Day::On(date(2026, 12, 5))));
    }

    #[test]
    fn a_day_that_is_past_or_does_not_exist_is_no_other_day() {
        for (text, day) in [
            ("February 30th", "none"),
            ("february thirtieth", "none"),
            ("the 31st of April", "none"),
            ("31 november", "none"),
            ("monday the 31st of november", "none"),
            ("2/30", "none"),
            ("february 29th 2027", "none"),
            ("february 29th", "2028-02-29"),
            ("last Monday", "2026-11-16"),
            ("last friday", "2026-11-20"),
            ("this past Wednesday", "2026-11-18"),
            ("thursday last week", "2026-11-19"),
            ("yesterday", "2026-11-22"),
            ("the day before yesterday", "2026-11-21"),
            ("two days ago", "2026-11-21"),
            ("a week ago", "2026-11-16"),
            ("the fifth of this month", "2026-11-05"),
            ("the 25th of next month", "2026-12-25"),
            ("november 1st 2026", "2026-11-01"),
            // Another day that can be counts more.
            ("I came last Monday and I want Thursday", "2026-11-26"),
            ("not February 30th, March 1st", "2027-03-01"),
        ] {
            assert_eq!(at(text).as_deref(), Some(day), "{text}");
        }
    }
}
