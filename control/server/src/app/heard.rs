//! What recognition cost, turn by turn: a stream hears many turns, and each pays for the time in which it was heard. Pure, and exact: the
//! shares of one request add up to its cost.

use std::collections::BTreeMap;
use std::time::Duration;

use control_store::cost::Recognition;
use domain::{SessionEvent, TurnId};

/// Of one turn.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Share {
    pub(crate) cost_nano: i64,
    /// Requests that heard it and have no price.
    pub(crate) unpriced: i64,
}

/// Turns of callers, and when each was complete: it was listened to from the one before on.
pub(crate) fn complete<'a>(
    events: impl IntoIterator<Item = &'a (Duration, SessionEvent)>,
) -> Vec<(TurnId, Duration)> {
    let turn = |(at, event): &(Duration, SessionEvent)| match event {
        SessionEvent::CallerTurn { turn, .. } => Some((*turn, *at)),
        _ => None,
    };
    events.into_iter().filter_map(turn).collect()
}

/// What was heard after the last turn is the last's; where nobody has said anything it is nobody's.
pub(crate) fn shares(turns: &[(TurnId, Duration)], heard: &[Recognition]) -> BTreeMap<TurnId, Share> {
    let mut shares: BTreeMap<TurnId, Share> = BTreeMap::new();
    for request in heard {
        let (from, to) = (request.from_us, request.to_us.max(request.from_us));
        let length = i128::from(to - from);
        let mut given = 0;
        for (place, (turn, at)) in turns.iter().enumerate() {
            let last = place + 1 == turns.len();
            let began = place.checked_sub(1).map_or(i64::MIN, |before| us(turns[before].1));
            let until = if last { i64::MAX } else { us(*at) };
            // One without length was over at once: whoever was listened to then.
            let hears = if length == 0 { (began..until).contains(&to) } else { began < to && from < until };
            if !hears {
                continue;
            }
            let share = shares.entry(*turn).or_default();
            let Some(cost) = request.cost_nano else {
                share.unpriced += 1;
                continue;
            };
            // All up to here, less what the turns before were given: what is rounded is in the next.
            let heard = i128::from(until.min(to) - from);
            let sum = if length == 0 { cost } else { part(cost, heard, length) };
            share.cost_nano += sum - given;
            given = sum;
        }
    }
    shares
}

fn part(cost: i64, heard: i128, length: i128) -> i64 {
    i64::try_from(i128::from(cost) * heard / length).unwrap_or(cost)
}

fn us(at: Duration) -> i64 {
    i64::try_from(at.as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(from_us: i64, to_us: i64, cost_nano: i64) -> Recognition {
        Recognition { from_us, to_us, cost_nano: Some(cost_nano) }
    }

    fn turns(complete_s: &[u64]) -> Vec<(TurnId, Duration)> {
        (1..).zip(complete_s).map(|(turn, at)| (TurnId(turn), Duration::from_secs(*at))).collect()
    }

    fn costs(turns: &[(TurnId, Duration)], heard: &[Recognition]) -> Vec<i64> {
        let shares = shares(turns, heard);
        turns.iter().map(|(turn, _)| shares.get(turn).map_or(0, |share| share.cost_nano)).collect()
    }

    #[test]
    fn a_stream_is_shared_by_time_and_a_segment_belongs_to_its_turn() {
        let turns = turns(&[10, 30, 40]);
        assert_eq!(costs(&turns, &[request(0, 60_000_000, 600)]), [100, 200, 300], "the rest is the last's");
        assert_eq!(costs(&turns, &[request(12_000_000, 14_000_000, 7)]), [0, 7, 0]);
        assert_eq!(costs(&turns, &[request(29_000_000, 31_000_000, 7)]), [0, 3, 4], "rounded once");
        assert_eq!(costs(&turns, &[request(-500, 0, 5), request(10_000_000, 10_000_000, 9)]), [5, 9, 0]);
        assert!(shares(&[], &[request(0, 9, 9)]).is_empty());
    }

    #[test]
    fn what_has_no_price_is_missing_in_each_turn_that_it_heard() {
        let unpriced = Recognition { from_us: 5_000_000, to_us: 20_000_000, cost_nano: None };
        let shares = shares(&turns(&[10, 30, 40]), &[unpriced, request(0, 1_000_000, 4)]);
        assert_eq!(shares[&TurnId(1)], Share { cost_nano: 4, unpriced: 1 });
        assert_eq!(shares[&TurnId(2)], Share { cost_nano: 0, unpriced: 1 });
        assert!(!shares.contains_key(&TurnId(3)));
    }

    #[test]
    fn the_shares_add_up_to_the_cost_however_they_are_cut() {
        let cuts: [&[u64]; 5] = [&[7], &[0, 0], &[3, 4, 5], &[1, 90, 91, 600], &[13, 13, 13, 14]];
        for complete in cuts {
            let turns = turns(complete);
            for from_us in (-3_000_000..95_000_000).step_by(777_777) {
                for (length, cost) in [(0, 5), (1, 1), (999_983, 100_003), (61_000_001, i64::MAX / 2)] {
                    let shares = costs(&turns, &[request(from_us, from_us + length, cost)]);
                    assert_eq!(shares.iter().sum::<i64>(), cost, "{complete:?} {from_us} {length}");
                    assert!(shares.iter().all(|share| *share >= 0), "{complete:?} {from_us} {length}");
                }
            }
        }
    }
}
