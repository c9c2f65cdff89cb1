//! Whether a value can be: opening hours, bounds, the calendar. A refusal says why, and what texts may tell the caller about it.

use jiff::civil::{Date, Time};
use serde_json::{Value, json};

use super::Walk;
use super::collect::slot;
use crate::compile::{Asking, Collecting};
use crate::node::SlotKind;
use crate::spoken;
use crate::understand::{self, Clock, Day, Reading};

/// A value fit for the state, or why not.
pub(super) type Verdict = Result<Value, (&'static str, Value)>;

impl Walk {
    pub(super) fn judge(&self, collecting: &Collecting, asking: &Asking, reading: &Reading) -> Verdict {
        let slot = &asking.slot;
        let bounds = |value: usize, low: &'static str, high: &'static str, least: u32, most: u32| {
            let value = u32::try_from(value).unwrap_or(u32::MAX);
            let about = json!({"label": slot.label, "min": slot.min.unwrap_or(least), "max": slot.max.unwrap_or(most), "value": value});
            if value < slot.min.unwrap_or(least) {
                Err((low, about))
            } else if value > slot.max.unwrap_or(most) {
                Err((high, about))
            } else {
                Ok(())
            }
        };
        match reading {
            Reading::Date(Day::On(day)) => self.judge_day(collecting, asking, *day),
            Reading::Date(Day::Nonexistent) => Err(("no_such_day", json!({"label": slot.label}))),
            Reading::Time(clock) => self.judge_time(collecting, asking, *clock),
            Reading::Name(name) => Ok(json!(name)),
            Reading::Digits(digits) => {
                bounds(digits.len(), "too_short", "too_long", 7, 15).map(|()| json!(digits))
            }
            Reading::Choice(key) => Ok(json!(key)),
            Reading::Number(value) => {
                bounds(*value as usize, "too_small", "too_large", 0, u32::MAX).map(|()| json!(value))
            }
            Reading::YesNo(value) => Ok(json!(value)),
            Reading::Text(text) => {
                bounds(text.chars().count(), "too_short", "too_long", 1, 2000).map(|()| json!(text))
            }
        }
    }

    fn judge_day(&self, collecting: &Collecting, asking: &Asking, day: Date) -> Verdict {
        let today = self.now.date();
        let about = json!({"label": asking.slot.label, "date": day.to_string(), "weekday": understand::weekday_of(day), "value": spoken::speak(&json!(day.to_string()), "day", today)});
        let ahead = today.until(day).map_or(i32::MAX, |span| span.get_days());
        if day < today {
            return Err(("past", about));
        }
        if asking.slot.max_days_ahead.is_some_and(|most| i64::from(ahead) > i64::from(most)) {
            return Err(("too_far", about));
        }
        if let Hours::Closed = self.hours(collecting, day) {
            return Err(("closed", about));
        }
        Ok(json!(day.to_string()))
    }

    fn judge_time(&self, collecting: &Collecting, asking: &Asking, clock: Clock) -> Verdict {
        let day = self.chosen_day(collecting);
        let hours = day.map_or(Hours::Unknown, |day| self.hours(collecting, day));
        let before_close = asking.slot.last_before_close_minutes.unwrap_or(0);
        let open = |time: Time| match &hours {
            Hours::Open { open, close, .. } => {
                time >= *open && minutes(time) + before_close <= minutes(*close)
            }
            Hours::Closed | Hours::Unknown => (7..20).contains(&time.hour()),
        };
        let time = match clock {
            Clock::Exact(time) => time,
            Clock::Either(early, late) if open(early) || !open(late) && early.hour() >= 7 => early,
            Clock::Either(_, late) => late,
            Clock::Vague(part) => {
                return Err(("vague", json!({"label": asking.slot.label, "part": part.name()})));
            }
        };
        let mut about = json!({"label": asking.slot.label, "value": spoken::speak(&text_of(time), "time", self.now.date())});
        if let Hours::Open { value, .. } = &hours {
            about["hours"] = json!(spoken::speak(value, "hours", self.now.date()));
        }
        if let Some(day) = day {
            about["day"] = json!(spoken::speak(&json!(day.to_string()), "day", self.now.date()));
        }
        if matches!(hours, Hours::Open { .. }) && !open(time) {
            return Err(("outside_hours", about));
        }
        if day == Some(self.now.date()) && time <= self.now.time() {
            return Err(("too_early", about));
        }
        match asking.slot.step_minutes {
            Some(step) if step > 0 && !minutes(time).is_multiple_of(step) => {
                about["step"] = json!(step);
                Err(("step", about))
            }
            _ => Ok(text_of(time)),
        }
    }

    fn chosen_day(&self, collecting: &Collecting) -> Option<Date> {
        let asking = collecting.slots.iter().find(|asking| asking.slot.kind == SlotKind::Date)?;
        self.held(collecting, &asking.slot.name)?.as_str()?.parse().ok()
    }

    fn hours(&self, collecting: &Collecting, day: Date) -> Hours {
        let Some(expression) = &collecting.opening_hours else { return Hours::Unknown };
        let week = self.value(expression);
        let Some(value) = week.get(understand::weekday_of(day)) else { return Hours::Unknown };
        let part = |name: &str| value.get(name).and_then(Value::as_str).and_then(parse_time);
        match (part("open"), part("close")) {
            (Some(open), Some(close)) => Hours::Open { open, close, value: value.clone() },
            _ => Hours::Closed,
        }
    }

    /// What texts may say about a slot and its value.
    pub(super) fn about(&self, collecting: &Collecting, name: &str) -> Value {
        let Some(asking) = slot(collecting, name) else { return Value::Null };
        let held = self.held(collecting, name).cloned().unwrap_or(Value::Null);
        let format = match asking.slot.kind {
            SlotKind::Date => "day",
            SlotKind::Time => "time",
            SlotKind::Phone => "phone",
            SlotKind::Number => "number",
            _ => "text",
        };
        let said = asking
            .slot
            .vocabulary
            .as_ref()
            .and_then(|vocabulary| self.graph.vocabularies.get(vocabulary)?.get(held.as_str()?))
            .cloned();
        let value = said.map_or_else(
            || spoken::speak(&held, format, self.now.date()),
            |said| spoken::speak(&said, "text", self.now.date()),
        );
        json!({"name": name, "label": asking.slot.label, "value": value})
    }
}

enum Hours {
    Open { open: Time, close: Time, value: Value },
    Closed,
    Unknown,
}

fn minutes(time: Time) -> u32 {
    u32::from(time.hour().unsigned_abs()) * 60 + u32::from(time.minute().unsigned_abs())
}

/// As definitions and slots write times: `HH:MM`.
pub fn parse_time(text: &str) -> Option<Time> {
    let (hour, minute) = text.split_once(':')?;
    Time::new(hour.parse().ok()?, minute.parse().ok()?, 0, 0).ok()
}

fn text_of(time: Time) -> Value {
    json!(time.strftime("%H:%M").to_string())
}
