//! When a greeting is said: days, hours and holidays on the wall clock of a time zone.

use std::collections::BTreeMap;
use std::fmt;

use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use serde::{Deserialize, Serialize};

/// More windows or holidays than a year has days are a mistake.
pub const WINDOWS_MOST: usize = 50;
pub const HOLIDAYS_MOST: usize = 400;

/// As it is stored. All that is said must hold; what is left out does not narrow.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Schedule {
    /// IANA name; the organization's where there is none.
    pub time_zone: Option<String>,
    /// One of them must be open. None: at any time.
    pub windows: Vec<Window>,
    pub holidays: Holidays,
    /// First and last day.
    pub from: Option<Date>,
    pub until: Option<Date>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// None: every day.
    #[serde(default)]
    pub days: Vec<Day>,
    pub from: Clock,
    /// Not included. At or before `from`: on the next day.
    pub to: Clock,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Day {
    Mon,
    Tue,
    Wed,
    Thu,
    Fri,
    Sat,
    Sun,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Holidays {
    /// A holiday is a day like others.
    #[default]
    Any,
    Only,
    Never,
}

/// Minutes since midnight, `00:00` to `24:00`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Clock(u16);

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no time of day: write hours and minutes such as 08:30, up to 24:00")]
pub struct NoClock(String);

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Holiday {
    pub date: Date,
    /// As `{holiday}` says it.
    #[serde(default)]
    pub name: String,
}

/// An organization's time.
#[derive(Debug, Clone)]
pub struct Calendar {
    pub zone: TimeZone,
    holidays: BTreeMap<Date, String>,
}

/// A schedule with its zone found.
#[derive(Debug, Clone)]
pub struct Timetable {
    schedule: Schedule,
    zone: Option<TimeZone>,
}

/// Why a timetable does not hold now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Closed {
    Before(Date),
    After(Date),
    /// Its name; may be empty.
    Holiday(String),
    NoHoliday,
    Hours {
        day: Day,
        at: Clock,
    },
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleError {
    #[error("there is no time zone {0:?}: write an IANA name such as Europe/Berlin or UTC")]
    Zone(String),
    #[error("the last day is before the first")]
    Days,
    #[error("more than {WINDOWS_MOST} windows")]
    Windows,
}

impl Timetable {
    /// # Errors
    /// A zone that is not there, days in the wrong order, too many windows.
    pub fn new(schedule: Schedule) -> Result<Self, ScheduleError> {
        if schedule.windows.len() > WINDOWS_MOST {
            return Err(ScheduleError::Windows);
        }
        if let (Some(from), Some(until)) = (schedule.from, schedule.until)
            && until < from
        {
            return Err(ScheduleError::Days);
        }
        let zone = schedule.time_zone.as_deref().map(zone).transpose()?;
        Ok(Self { schedule, zone })
    }

    /// Whether it holds at this instant. What lies past midnight belongs to the day on which its window opened, holidays too.
    ///
    /// # Errors
    /// Why not.
    pub fn holds(&self, calendar: &Calendar, at: Timestamp) -> Result<(), Closed> {
        let local = at.to_zoned(self.zone.clone().unwrap_or_else(|| calendar.zone.clone()));
        if self.schedule.windows.is_empty() {
            return self.day_holds(calendar, local.date());
        }
        let (today, minute) = (local.date(), clock(&local));
        let mut closed = Closed::Hours { day: Day::of(today), at: minute };
        for window in &self.schedule.windows {
            for opened in [Some(today), today.yesterday().ok()].into_iter().flatten() {
                if !window.covers(opened, today, minute) {
                    continue;
                }
                match self.day_holds(calendar, opened) {
                    Ok(()) => return Ok(()),
                    Err(why) => closed = why,
                }
            }
        }
        Err(closed)
    }

    fn day_holds(&self, calendar: &Calendar, day: Date) -> Result<(), Closed> {
        let Schedule { from, until, holidays, .. } = &self.schedule;
        if let Some(from) = from.filter(|from| day < *from) {
            return Err(Closed::Before(from));
        }
        if let Some(until) = until.filter(|until| day > *until) {
            return Err(Closed::After(until));
        }
        match (holidays, calendar.holiday(day)) {
            (Holidays::Only, None) => Err(Closed::NoHoliday),
            (Holidays::Never, Some(name)) => Err(Closed::Holiday(name.to_owned())),
            _ => Ok(()),
        }
    }
}

impl Window {
    /// Whether a window that opens on the day `opened` is open at this minute of `today`.
    fn covers(&self, opened: Date, today: Date, minute: Clock) -> bool {
        if !self.days.is_empty() && !self.days.contains(&Day::of(opened)) {
            return false;
        }
        let over_midnight = self.to <= self.from;
        if opened == today {
            minute >= self.from && (over_midnight || minute < self.to)
        } else {
            over_midnight && minute < self.to
        }
    }
}

impl Calendar {
    /// # Errors
    /// A zone that is not there.
    pub fn new(time_zone: &str, holidays: Vec<Holiday>) -> Result<Self, ScheduleError> {
        let holidays = holidays.into_iter().map(|holiday| (holiday.date, holiday.name)).collect();
        Ok(Self { zone: zone(time_zone)?, holidays })
    }

    /// The name of the day's holiday, which may be empty.
    #[must_use]
    pub fn holiday(&self, day: Date) -> Option<&str> {
        self.holidays.get(&day).map(String::as_str)
    }
}

impl Default for Calendar {
    fn default() -> Self {
        Self { zone: TimeZone::UTC, holidays: BTreeMap::new() }
    }
}

fn zone(name: &str) -> Result<TimeZone, ScheduleError> {
    TimeZone::get(name).map_err(|_| ScheduleError::Zone(name.to_owned()))
}

fn clock(local: &Zoned) -> Clock {
    Clock(u16::from(local.hour().unsigned_abs()) * 60 + u16::from(local.minute().unsigned_abs()))
}

impl Day {
    #[must_use]
    pub fn of(date: Date) -> Self {
        match date.weekday() {
            Weekday::Monday => Self::Mon,
            Weekday::Tuesday => Self::Tue,
            Weekday::Wednesday => Self::Wed,
            Weekday::Thursday => Self::Thu,
            Weekday::Friday => Self::Fri,
            Weekday::Saturday => Self::Sat,
            Weekday::Sunday => Self::Sun,
        }
    }

    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Mon => "Monday",
            Self::Tue => "Tuesday",
            Self::Wed => "Wednesday",
            Self::Thu => "Thursday",
            Self::Fri => "Friday",
            Self::Sat => "Saturday",
            Self::Sun => "Sunday",
        }
    }
}

impl TryFrom<String> for Clock {
    type Error = NoClock;

    fn try_from(text: String) -> Result<Self, NoClock> {
        let read = || {
            let (hours, minutes) = text.split_once(':')?;
            let plain = |part: &str| part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
            if !plain(hours) || !plain(minutes) {
                return None;
            }
            let (hours, minutes): (u16, u16) = (hours.parse().ok()?, minutes.parse().ok()?);
            (minutes < 60 && hours * 60 + minutes <= 24 * 60).then_some(Self(hours * 60 + minutes))
        };
        read().ok_or(NoClock(text))
    }
}

impl From<Clock> for String {
    fn from(clock: Clock) -> Self {
        clock.to_string()
    }
}

impl fmt::Display for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.0 / 60, self.0 % 60)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schedule(json: &str) -> Timetable {
        Timetable::new(serde_json::from_str(json).expect("a schedule")).expect("fit")
    }

    fn berlin() -> Calendar {
        let holiday = Holiday { date: "2026-12-25".parse().expect("a day"), name: "Christmas".to_owned() };
        Calendar::new("Europe/Berlin", vec![holiday]).expect("a zone")
    }

    fn at(text: &str) -> Timestamp {
        text.parse().expect("an instant")
    }

    #[test]
    fn hours_are_those_of_the_wall_clock_in_summer_and_in_winter() {
        let office = schedule(r#"{"windows":[{"days":["mon"],"from":"08:00","to":"12:00"}]}"#);
        // Mondays: 08:00 in Berlin is 06:00 UTC in summer and 07:00 UTC in winter.
        assert_eq!(office.holds(&berlin(), at("2026-07-06T06:00:00Z")), Ok(()));
        assert_eq!(
            office.holds(&berlin(), at("2026-11-30T06:59:59Z")),
            Err(Closed::Hours { day: Day::Mon, at: Clock(7 * 60 + 59) })
        );
        assert_eq!(office.holds(&berlin(), at("2026-11-30T07:00:00Z")), Ok(()));
        assert!(office.holds(&berlin(), at("2026-11-30T11:00:00Z")).is_err(), "the end is not included");
    }

    #[test]
    fn a_window_past_midnight_belongs_to_the_day_it_opened_on() {
        let night = schedule(r#"{"windows":[{"days":["fri"],"from":"22:00","to":"02:00"}]}"#);
        let utc = Calendar::default();
        assert_eq!(night.holds(&utc, at("2026-11-27T22:00:00Z")), Ok(()));
        assert_eq!(night.holds(&utc, at("2026-11-28T01:59:00Z")), Ok(()));
        assert!(night.holds(&utc, at("2026-11-28T02:00:00Z")).is_err());
        assert!(night.holds(&utc, at("2026-11-27T01:00:00Z")).is_err(), "Thursday's night");
    }

    #[test]
    fn holidays_and_days_narrow() {
        let noon = at("2026-12-25T11:00:00Z");
        assert_eq!(schedule(r#"{"holidays":"only"}"#).holds(&berlin(), noon), Ok(()));
        assert_eq!(
            schedule(r#"{"holidays":"never"}"#).holds(&berlin(), noon),
            Err(Closed::Holiday("Christmas".to_owned()))
        );
        let day: Date = "2026-12-26".parse().expect("a day");
        assert_eq!(schedule(r#"{"from":"2026-12-26"}"#).holds(&berlin(), noon), Err(Closed::Before(day)));
        assert_eq!(schedule(r#"{"until":"2026-12-25"}"#).holds(&berlin(), noon), Ok(()));
        // It is the 26th in Berlin already.
        assert_eq!(
            schedule(r#"{"holidays":"only"}"#).holds(&berlin(), at("2026-12-25T23:00:00Z")),
            Err(Closed::NoHoliday)
        );
    }

    #[test]
    fn a_schedule_may_have_a_zone_of_its_own() {
        let tokyo =
            schedule(r#"{"time_zone":"Asia/Tokyo","windows":[{"days":[],"from":"09:00","to":"10:00"}]}"#);
        assert_eq!(tokyo.holds(&berlin(), at("2026-11-30T00:30:00Z")), Ok(()));
        let nowhere = Schedule { time_zone: Some("Mars/Base".to_owned()), ..Schedule::default() };
        assert_eq!(Timetable::new(nowhere).err(), Some(ScheduleError::Zone("Mars/Base".to_owned())));
    }

    #[test]
    fn times_of_day_are_read_strictly() {
        for wrong in ["8:00", "24:01", "08:60", "0800", "", "-1:00", "aa:bb"] {
            assert!(Clock::try_from(wrong.to_owned()).is_err(), "{wrong}");
        }
        assert_eq!(
            Clock::try_from("24:00".to_owned()).map(|clock| clock.to_string()),
            Ok("24:00".to_owned())
        );
    }
}
