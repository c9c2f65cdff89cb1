//! Times of day: "three in the afternoon", "half past two", "3 pm", "15:30", "noon".

use domain::numbers::as_tens as tens;
use jiff::civil::Time;

use super::numbers::small;
use super::tokens::{Found, Words};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    Morning,
    Afternoon,
    Evening,
}

impl Part {
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Morning => "morning",
            Self::Afternoon => "afternoon",
            Self::Evening => "evening",
        }
    }
}

/// What was said of the time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clock {
    Exact(Time),
    /// "at three": this time before noon or twelve hours later.
    Either(Time, Time),
    /// "in the morning", without an hour.
    Vague(Part),
}

/// The first time of day that is named. `expected` says that a time was asked for, so that a bare "three" is one.
#[must_use]
pub fn find(words: &Words, expected: bool) -> Option<Found<Clock>> {
    (0..words.len())
        .find_map(|at| exact(words, at, expected))
        .or_else(|| (0..words.len()).find_map(|at| vague(words, at)))
}

fn exact(words: &Words, at: usize, expected: bool) -> Option<Found<Clock>> {
    match words.word(at) {
        "noon" | "midday" => {
            return Some(Found { value: Clock::Exact(Time::constant(12, 0, 0, 0)), from: at, to: at + 1 });
        }
        "midnight" => return Some(Found { value: Clock::Exact(Time::midnight()), from: at, to: at + 1 }),
        "lunchtime" => {
            return Some(Found { value: Clock::Exact(Time::constant(12, 0, 0, 0)), from: at, to: at + 1 });
        }
        _ => {}
    }
    let (hour, minute, mut end, marked) = past_or_to(words, at).or_else(|| plain(words, at))?;
    let oclock = matches!(words.word(end), "o'clock" | "oclock");
    end += usize::from(oclock);
    if words.word(end) == "o" && words.word(end + 1) == "clock" {
        end += 2;
    }
    let half = half_of_day(words, end);
    let lead = matches!(
        words.before(at, 1),
        "at" | "around" | "about" | "by" | "after" | "say" | "for" | "to" | "meant" | "mean"
    ) || matches!((words.before(at, 2), words.before(at, 1)), ("make", "it") | ("make", "that"));
    let counted = matches!(
        words.word(end),
        "people"
            | "persons"
            | "weeks"
            | "week"
            | "days"
            | "day"
            | "months"
            | "minutes"
            | "hours"
            | "dollars"
            | "times"
            | "of"
    );
    if counted || !(marked || oclock || half.is_some() || lead || expected) || hour > 24 || minute > 59 {
        return None;
    }
    // Digits in a row are a telephone number.
    let running = small(words.word(end)).is_some() || small(words.before(at, 1)).is_some();
    if half.is_none() && running && !marked {
        return None;
    }
    let (part, end) = half.map_or((None, end), |(part, end)| (Some(part), end));
    clock(hour, minute, part).map(|value| Found { value, from: at, to: end })
}

/// "half past two", "a quarter to five", "ten to three", "twenty past four".
fn past_or_to(words: &Words, at: usize) -> Option<(u32, u32, usize, bool)> {
    let start = at + usize::from(words.word(at) == "a");
    let (minutes, mut end) = match words.word(start) {
        "half" => (30, start + 1),
        "quarter" => (15, start + 1),
        word => match tens(word) {
            Some(ten) => match small(words.word(start + 1)).filter(|one| (1..10).contains(one)) {
                Some(one) => (ten + one, start + 2),
                None => (ten, start + 1),
            },
            None => (small(word).filter(|value| (1..30).contains(value))?, start + 1),
        },
    };
    // "ninety to ten" is no time of day.
    if !(1..60).contains(&minutes) {
        return None;
    }
    end += usize::from(words.word(end) == "minutes");
    let to = match words.word(end) {
        "past" | "after" => false,
        "to" | "till" | "before" | "of" => true,
        _ => return None,
    };
    let hour = small(words.word(end + 1)).filter(|hour| (1..=12).contains(hour))?;
    if to {
        // "from nine to five" is a span and no time.
        if words.before(start, 1) == "from" {
            return None;
        }
        let hour = if hour == 1 { 12 } else { hour - 1 };
        return Some((hour, 60 - minutes, end + 2, true));
    }
    Some((hour, minutes, end + 2, true))
}

/// "3", "3:30", "15:30", "three thirty", "nine oh five".
fn plain(words: &Words, at: usize) -> Option<(u32, u32, usize, bool)> {
    let word = words.word(at);
    if let Some((hour, minute)) = word.split_once(':') {
        return Some((hour.parse().ok()?, minute.parse().ok()?, at + 1, true));
    }
    if word.len() == 4 && word.bytes().all(|byte| byte.is_ascii_digit()) {
        // "1530" is a time only where something says so.
        let value: u32 = word.parse().ok()?;
        return Some((value / 100, value % 100, at + 1, false));
    }
    let (hour, at) = match tens(word) {
        Some(20) => match small(words.word(at + 1)).filter(|one| (1..4).contains(one)) {
            Some(one) => (20 + one, at + 1),
            None => (20, at),
        },
        Some(_) => return None,
        None => (small(word)?, at),
    };
    if hour > 24 {
        return None;
    }
    let next = words.word(at + 1);
    if let Some(ten) = tens(next) {
        if let Some(one) = small(words.word(at + 2)).filter(|one| (1..10).contains(one)) {
            return Some((hour, ten + one, at + 3, ten < 60));
        }
        return Some((hour, ten, at + 2, ten < 60));
    }
    if matches!(next, "oh" | "o")
        && let Some(one) = small(words.word(at + 2)).filter(|one| (1..10).contains(one))
    {
        return Some((hour, one, at + 3, small(words.word(at + 3)).is_none()));
    }
    let teen = if next.len() == 2 || next.len() > 3 { small(next) } else { None };
    if let Some(minute) = teen.filter(|minute| (10..60).contains(minute) && !words.pause_after(at)) {
        return Some((hour, minute, at + 2, false));
    }
    Some((hour, 0, at + 1, false))
}

fn half_of_day(words: &Words, at: usize) -> Option<(Part, usize)> {
    match words.word(at) {
        "am" => return Some((Part::Morning, at + 1)),
        "pm" => return Some((Part::Afternoon, at + 1)),
        "a" if words.word(at + 1) == "m" => return Some((Part::Morning, at + 2)),
        "p" if words.word(at + 1) == "m" => return Some((Part::Afternoon, at + 2)),
        "tonight" => return Some((Part::Evening, at + 1)),
        _ => {}
    }
    let start = if words.starts(at, &["in", "the"]) {
        at + 2
    } else if words.word(at) == "at" || matches!(words.word(at), "this" | "tomorrow") {
        at + 1
    } else {
        at
    };
    part(words.word(start)).map(|part| (part, start + 1))
}

fn part(word: &str) -> Option<Part> {
    match word {
        "morning" | "mornings" => Some(Part::Morning),
        "afternoon" | "afternoons" => Some(Part::Afternoon),
        "evening" | "evenings" | "night" => Some(Part::Evening),
        _ => None,
    }
}

fn vague(words: &Words, at: usize) -> Option<Found<Clock>> {
    let part = part(words.word(at))?;
    // A greeting names no time.
    if words.before(at, 1) == "good" {
        return None;
    }
    Some(Found { value: Clock::Vague(part), from: at, to: at + 1 })
}

fn clock(hour: u32, minute: u32, part: Option<Part>) -> Option<Clock> {
    let time = |hour: u32| Time::new(i8::try_from(hour).ok()?, i8::try_from(minute).ok()?, 0, 0).ok();
    let hour = if hour == 24 { 0 } else { hour };
    if hour > 12 || hour == 0 {
        return time(hour).map(Clock::Exact);
    }
    match part {
        Some(Part::Morning) => time(hour % 12).map(Clock::Exact),
        Some(_) => time(hour % 12 + 12).map(Clock::Exact),
        None => Some(Clock::Either(time(hour % 12)?, time(hour % 12 + 12)?)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str, expected: bool) -> String {
        match find(&Words::new(text), expected).map(|found| found.value) {
            Some(Clock::Exact(time)) => time.strftime("%H:%M").to_string(),
            Some(Clock::Either(early, late)) => {
                format!("{}|{}", early.strftime("%H:%M"), late.strftime("%H:%M"))
            }
            Some(Clock::Vague(part)) => part.name().to_owned(),
            None => "-".to_owned(),
        }
    }

    #[test]
    fn every_way_to_name_a_time() {
        for (text, time) in [
            ("three in the afternoon", "15:00"),
            ("next Tuesday at three in the afternoon please", "15:00"),
            ("half past two", "02:30|14:30"),
            ("half past two in the afternoon", "14:30"),
            ("a quarter to five", "04:45|16:45"),
            ("quarter past nine am", "09:15"),
            ("ten to three", "02:50|14:50"),
            ("twenty past four", "04:20|16:20"),
            ("twenty five past four", "04:25|16:25"),
            ("3 pm", "15:00"),
            ("3pm", "15:00"),
            ("3:30 p.m.", "15:30"),
            ("12 pm", "12:00"),
            ("12 am", "00:00"),
            ("at ten in the morning", "10:00"),
            ("noon", "12:00"),
            ("15:30", "15:30"),
            ("three thirty", "03:30|15:30"),
            ("ten o'clock", "10:00|22:00"),
            ("at ten", "10:00|22:00"),
            ("make it four", "04:00|16:00"),
            ("nine oh five in the morning", "09:05"),
            ("four fifteen pm", "16:15"),
            ("five in the evening", "17:00"),
            ("in the morning", "morning"),
        ] {
            assert_eq!(at(text, false), time, "{text}");
        }
    }

    #[test]
    fn a_bare_number_is_a_time_only_where_one_was_asked_for() {
        assert_eq!(at("three", true), "03:00|15:00");
        assert_eq!(at("1530", true), "15:30");
        for text in [
            "three",
            "a table for two people",
            "in two weeks",
            "good morning",
            "five five five zero one four two",
            "5550142",
            "december third",
        ] {
            assert_eq!(at(text, false), "-", "{text}");
        }
        assert_eq!(at("five five five zero one four two", true), "-");
    }

    #[test]
    fn more_minutes_than_an_hour_has_are_not_counted_from_it() {
        for text in ["ninety to ten", "sixty to ten", "ninety nine past three", "a ninety five before two"] {
            assert_eq!(past_or_to(&Words::new(text), 0), None, "{text}");
            let _no_panic = at(text, true);
        }
        assert_eq!(at("fifty nine to ten", false), "09:01|21:01");
    }
}
