//! When the calls of a campaign begin, and who is called again: rules without a clock or a database.

use control_api::campaign::CampaignState as State;
use greetings::{Calendar, Timetable};
use jiff::{SignedDuration, Timestamp};

/// Calls that a pace owes after a wait are not made all at once: those of a second at most.
const CATCH_UP: SignedDuration = SignedDuration::from_secs(1);

/// What is wanted of a campaign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Move {
    Start,
    Pause,
    Resume,
    Cancel,
}

impl Move {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Cancel => "cancel",
        }
    }
}

/// Where a move leads; what is so already stays. `None`: nowhere from here.
pub(crate) const fn next(state: State, wanted: Move) -> Option<State> {
    match (wanted, state) {
        (Move::Start, State::Draft | State::Running) | (Move::Resume, State::Paused | State::Running) => {
            Some(State::Running)
        }
        (Move::Pause, State::Running | State::Paused) => Some(State::Paused),
        (Move::Cancel, State::Draft | State::Running | State::Paused | State::Cancelled) => {
            Some(State::Cancelled)
        }
        _ => None,
    }
}

/// How many calls at once, and in a minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pace {
    pub(crate) concurrency: i64,
    pub(crate) per_minute: i64,
}

/// Calls that may begin now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Begin {
    pub(crate) calls: i64,
    /// From one to the next.
    gap: SignedDuration,
    from: Timestamp,
}

impl Pace {
    /// With so many under way; `next_at`: when the next may begin, as the last left it.
    pub(crate) fn begin(self, now: Timestamp, under_way: i64, next_at: Option<Timestamp>) -> Begin {
        let gap = SignedDuration::from_micros(60_000_000 / self.per_minute.max(1));
        let from = next_at.unwrap_or(now).max(now - CATCH_UP);
        let owed = if from > now {
            0
        } else {
            let late = now.duration_since(from).as_micros() / gap.as_micros().max(1);
            i64::try_from(late).unwrap_or(i64::MAX).saturating_add(1)
        };
        let room = (self.concurrency - under_way).max(0);
        Begin { calls: owed.min(room), gap, from }
    }
}

impl Begin {
    /// When the next may begin after `begun` of them did.
    pub(crate) fn next_at(self, begun: i64) -> Timestamp {
        let ahead = self.gap.checked_mul(i32::try_from(begun).unwrap_or(i32::MAX)).unwrap_or(self.gap);
        self.from.checked_add(ahead).unwrap_or(self.from)
    }
}

/// Who is called again.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Retry<'a> {
    pub(crate) outcomes: &'a [String],
    pub(crate) attempts_most: i32,
    pub(crate) after: SignedDuration,
}

impl Retry<'_> {
    /// When, after the `attempt`-th call ended so. `None`: that was the last.
    pub(crate) fn again(&self, outcome: &str, attempt: i32, now: Timestamp) -> Option<Timestamp> {
        let wanted = self.outcomes.iter().any(|known| known == outcome);
        (wanted && attempt < self.attempts_most).then(|| now.checked_add(self.after).unwrap_or(now))
    }
}

/// Whether people may be called now. Without a timetable: always.
pub(crate) fn open(timetable: Option<&Timetable>, calendar: &Calendar, now: Timestamp) -> bool {
    timetable.is_none_or(|timetable| timetable.holds(calendar, now).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    /// Calls begun in each of so many looks, `step_ms` apart, where each call lasts `lasts_ms`.
    fn run(pace: Pace, looks: i64, step_ms: i64, lasts_ms: i64) -> Vec<i64> {
        let start = at("2026-11-26T10:00:00Z");
        let (mut next_at, mut ends) = (None, Vec::<Timestamp>::new());
        let mut begun = Vec::new();
        for look in 0..looks {
            let now = start + SignedDuration::from_millis(look * step_ms);
            ends.retain(|end| *end > now);
            let begin = pace.begin(now, i64::try_from(ends.len()).expect("few"), next_at);
            begun.push(begin.calls);
            if begin.calls > 0 {
                next_at = Some(begin.next_at(begin.calls));
            }
            let end = now + SignedDuration::from_millis(lasts_ms);
            ends.extend((0..begin.calls).map(|_| end));
        }
        begun
    }

    #[test]
    fn no_more_calls_begin_in_a_minute_than_the_pace_has() {
        for per_minute in [1, 7, 60, 600] {
            let begun: i64 = run(Pace { concurrency: 100, per_minute }, 300, 200, 100).iter().sum();
            // The last look lies before the last call's time.
            let about = per_minute - 1..=per_minute;
            assert!(about.contains(&begun), "{begun} in the first 60 seconds at {per_minute} a minute");
        }
    }

    #[test]
    fn no_more_calls_run_at_once_than_there_may() {
        let begun = run(Pace { concurrency: 3, per_minute: 600 }, 50, 100, 1_000);
        assert_eq!(begun[..10].iter().sum::<i64>(), 3, "{begun:?}");
        assert_eq!(begun[10..20].iter().sum::<i64>(), 3, "{begun:?}");
    }

    #[test]
    fn after_a_wait_the_calls_that_were_not_made_are_not_made_up_for() {
        let (pace, now) = (Pace { concurrency: 100, per_minute: 600 }, at("2026-11-26T10:00:00Z"));
        let begin = pace.begin(now, 0, Some(at("2026-11-26T08:00:00Z")));
        assert_eq!(begin.calls, 11);
        assert_eq!(begin.next_at(11), at("2026-11-26T10:00:00.1Z"));
        assert_eq!(pace.begin(now, 0, Some(at("2026-11-26T10:00:01Z"))).calls, 0);
        assert_eq!(pace.begin(now, 100, None).calls, 0);
        assert_eq!(pace.begin(now, 120, None).calls, 0);
    }

    #[test]
    fn who_was_busy_is_called_again_as_often_as_the_rules_say() {
        let outcomes = ["busy".to_owned(), "no_answer".to_owned()];
        let rules = Retry { outcomes: &outcomes, attempts_most: 3, after: SignedDuration::from_mins(20) };
        let now = at("2026-11-26T10:00:00Z");
        assert_eq!(rules.again("busy", 1, now), Some(at("2026-11-26T10:20:00Z")));
        assert_eq!(rules.again("no_answer", 2, now), Some(at("2026-11-26T10:20:00Z")));
        assert_eq!(rules.again("busy", 3, now), None);
        assert_eq!(rules.again("completed", 1, now), None);
        assert_eq!(rules.again("declined", 1, now), None);
    }

    #[test]
    fn people_are_called_in_the_hours_of_their_time_zone() {
        let schedule = serde_json::json!({
            "time_zone": "America/New_York", "windows": [{"days": ["mon", "tue", "wed", "thu", "fri"], "from": "09:00", "to": "17:00"}]
        });
        let timetable = Timetable::new(serde_json::from_value(schedule).expect("a schedule")).expect("valid");
        let calendar = Calendar::new("UTC", Vec::new()).expect("a zone");
        let may = |now| open(Some(&timetable), &calendar, at(now));
        // A Friday; New York is five hours behind.
        assert!(may("2026-11-27T14:00:00Z") && may("2026-11-27T21:59:00Z"));
        assert!(!may("2026-11-27T13:59:00Z") && !may("2026-11-27T22:00:00Z"));
        assert!(!may("2026-11-28T15:00:00Z"), "a Saturday");
        assert!(open(None, &calendar, at("2026-11-28T03:00:00Z")));
    }

    #[test]
    fn a_campaign_goes_where_it_may_and_stays_where_it_is() {
        use State::{Cancelled, Completed, Draft, Paused, Running};
        for (wanted, from, to) in [
            (Move::Start, Draft, Some(Running)),
            (Move::Start, Running, Some(Running)),
            (Move::Start, Paused, None),
            (Move::Start, Completed, None),
            (Move::Pause, Running, Some(Paused)),
            (Move::Pause, Paused, Some(Paused)),
            (Move::Pause, Draft, None),
            (Move::Resume, Paused, Some(Running)),
            (Move::Resume, Draft, None),
            (Move::Cancel, Draft, Some(Cancelled)),
            (Move::Cancel, Running, Some(Cancelled)),
            (Move::Cancel, Completed, None),
            (Move::Resume, Cancelled, None),
        ] {
            assert_eq!(next(from, wanted), to, "{wanted:?} from {from:?}");
        }
        for state in [Draft, Running, Paused, Completed, Cancelled] {
            assert_eq!(serde_json::from_value(state.name().into()).ok(), Some(state));
        }
    }
}
