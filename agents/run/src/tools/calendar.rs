//! Which times of a day are free: pure arithmetic on opening hours and appointments.

use jiff::ToSpan;
use jiff::civil::{Date, Time};
use serde_json::Value;

/// Minutes between times that can be booked.
const STEP: u32 = 15;
/// How many days ahead a free time is looked for.
const DAYS: i64 = 60;

/// Minutes of a day that are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Taken {
    pub(super) date: Date,
    pub(super) from: u32,
    pub(super) minutes: u32,
}

pub(super) fn minute_of(time: Time) -> u32 {
    u32::from(time.hour().unsigned_abs()) * 60 + u32::from(time.minute().unsigned_abs())
}

pub(super) fn time_of(minute: u32) -> Time {
    Time::new((minute / 60 % 24) as i8, (minute % 60) as i8, 0, 0).unwrap_or(Time::MIN)
}

pub(super) fn is_free(taken: &[Taken], date: Date, from: u32, minutes: u32) -> bool {
    !taken
        .iter()
        .any(|other| other.date == date && from < other.from + other.minutes && other.from < from + minutes)
}

/// Opening and closing minute of a day. Without hours every day is open from nine to five.
pub(super) fn hours(week: &Value, date: Date) -> Option<(u32, u32)> {
    if !week.is_object() {
        return Some((9 * 60, 17 * 60));
    }
    let name = date.strftime("%A").to_string().to_lowercase();
    let day = week.get(&name)?;
    let part = |field: &str| -> Option<u32> {
        let (hour, minute) = day.get(field)?.as_str()?.split_once(':')?;
        Some(hour.parse::<u32>().ok()? * 60 + minute.parse::<u32>().ok()?)
    };
    Some((part("open")?, part("close")?))
}

/// All free times of a day from minute `earliest` on.
pub(super) fn free(taken: &[Taken], week: &Value, date: Date, minutes: u32, earliest: u32) -> Vec<u32> {
    let Some((open, close)) = hours(week, date) else { return Vec::new() };
    let start = open.max(earliest).div_ceil(STEP) * STEP;
    (start..close)
        .step_by(STEP as usize)
        .filter(|from| from + minutes <= close && is_free(taken, date, *from, minutes))
        .collect()
}

/// The first free time at or after the given one.
pub(super) fn next_free(
    taken: &[Taken],
    week: &Value,
    date: Date,
    from: u32,
    minutes: u32,
) -> Option<(Date, u32)> {
    (0..DAYS).find_map(|days| {
        let day = date.checked_add(days.days()).ok()?;
        let earliest = if days == 0 { from } else { 0 };
        free(taken, week, day, minutes, earliest).first().map(|at| (day, *at))
    })
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use serde_json::json;

    use super::*;

    #[test]
    fn the_next_free_time_skips_what_is_taken_and_closed() {
        let week = json!({"monday": {"open": "09:00", "close": "10:00"}, "wednesday": {"open": "09:00", "close": "10:00"}});
        let monday = date(2026, 11, 23);
        let taken = [Taken { date: monday, from: 540, minutes: 45 }];
        assert_eq!(free(&taken, &week, monday, 15, 0), [585]);
        assert_eq!(next_free(&taken, &week, monday, 540, 30), Some((date(2026, 11, 25), 540)));
        assert_eq!(next_free(&taken, &json!({}), monday, 540, 30), None);
        assert!(!is_free(&taken, monday, 570, 15) && is_free(&taken, monday, 585, 15));
    }
}
