//! Rooms in which somebody waits for an agent that no worker took. LiveKit offers a room once: where no worker was there or had a place at
//! that moment, nobody ever comes. Here is decided which rooms are to be asked about, and what is to be offered once more. Without I/O.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use crate::dispatch::{Dispatch, Room};

/// An offer that is under way is answered in less.
const UNDER_WAY: Duration = Duration::from_secs(2);
/// What was offered in vain is offered again after as long again, up to this.
const LONGEST: Duration = Duration::from_secs(30);
/// A room of which nothing is wanted may ask for another agent later.
const AGAIN_AFTER: Duration = Duration::from_secs(15);
/// At most so many rooms are asked about at once.
const MOST: usize = 32;

/// The rooms of one LiveKit server.
#[derive(Debug, Default)]
pub struct Waiting {
    /// By their `sid`.
    rooms: BTreeMap<String, Seen>,
}

#[derive(Debug)]
struct Seen {
    /// When to ask about it next.
    due: Instant,
    /// By agents that are wanted in it.
    wanted: BTreeMap<String, Wanted>,
    /// Dispatches of agents that were in the room all the same.
    answered: BTreeSet<String>,
}

impl Seen {
    const fn due(due: Instant) -> Self {
        Self { due, wanted: BTreeMap::new(), answered: BTreeSet::new() }
    }
}

#[derive(Debug)]
struct Wanted {
    /// The dispatch as it is now: each time that it is offered again it is a new one.
    id: String,
    since: Instant,
    /// How often it was offered in vain, by whichever server.
    again: u32,
}

impl Wanted {
    fn is_due(&mut self, id: &str, now: Instant) -> bool {
        if self.id != id {
            *self = Self { id: id.to_owned(), since: now, again: self.again + 1 };
        }
        let patience = UNDER_WAY.saturating_mul(1 << self.again.min(8)).min(LONGEST);
        now >= self.since + patience
    }
}

impl Waiting {
    /// Of the rooms that there are, those to be asked about now. Who is not among them any more is forgotten.
    pub fn look(&mut self, rooms: Vec<Room>, now: Instant) -> Vec<Room> {
        let there: BTreeSet<&str> = rooms.iter().map(|room| room.sid.as_str()).collect();
        self.rooms.retain(|sid, _| there.contains(sid.as_str()));
        let due = |room: &Room| self.rooms.get(&room.sid).map(|seen| seen.due);
        // Where nobody is nobody waits.
        let mut due: Vec<(Option<Instant>, Room)> = rooms
            .into_iter()
            .filter(|room| room.num_participants > 0)
            .map(|room| (due(&room), room))
            .filter(|(due, _)| due.is_none_or(|due| now >= due))
            .collect();
        // Those that were never looked at first, then who has waited longest.
        due.sort_by_key(|(due, _)| *due);
        due.into_iter().take(MOST).map(|(_, room)| room).collect()
    }

    /// What a room asks for. `ours`: this server serves it, and has a place. Gives what is to be offered now.
    pub fn asked_for(
        &mut self,
        room: &Room,
        dispatches: Vec<Dispatch>,
        ours: impl Fn(&Dispatch) -> bool,
        now: Instant,
    ) -> Vec<Dispatch> {
        let seen = self.rooms.entry(room.sid.clone()).or_insert(Seen::due(now));
        // Of one agent once, however often it was asked for.
        let mut untaken: BTreeMap<String, Dispatch> = BTreeMap::new();
        for dispatch in dispatches.into_iter().filter(|dispatch| !dispatch.is_taken() && ours(dispatch)) {
            if seen.answered.contains(&dispatch.id) {
                continue;
            }
            let first = untaken.entry(dispatch.agent_name.clone()).or_insert_with(|| dispatch.clone());
            if dispatch.id < first.id {
                *first = dispatch;
            }
        }
        seen.wanted.retain(|agent, _| untaken.contains_key(agent));
        seen.due = if untaken.is_empty() { now + AGAIN_AFTER } else { now };
        let is_due = |dispatch: &Dispatch| {
            let fresh = || Wanted { id: dispatch.id.clone(), since: now, again: 0 };
            seen.wanted.entry(dispatch.agent_name.clone()).or_insert_with(fresh).is_due(&dispatch.id, now)
        };
        untaken.into_values().filter(is_due).collect()
    }

    /// The agent is in the room, by whichever dispatch: this one brings nobody when that call is over.
    pub fn answered(&mut self, room: &Room, dispatch: Dispatch) {
        if let Some(seen) = self.rooms.get_mut(&room.sid) {
            seen.answered.insert(dispatch.id);
        }
    }

    /// Nothing was heard of the room: others are not to wait for it.
    pub fn put_off(&mut self, room: &Room, now: Instant) {
        let due = now + AGAIN_AFTER;
        self.rooms.entry(room.sid.clone()).or_insert(Seen::due(due)).due = due;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn room(sid: &str, num_participants: u32) -> Room {
        Room { sid: sid.to_owned(), name: sid.to_lowercase(), num_participants }
    }

    fn dispatches(id: usize, taken: bool) -> Vec<Dispatch> {
        let jobs = if taken { r#"[{"id":"AJ_1"}]"# } else { "[]" };
        let one =
            format!(r#"{{"id":"AD_{id}","agent_name":"desk","room":"rm_1","state":{{"jobs":{jobs}}}}}"#);
        vec![serde_json::from_str(&one).expect("a dispatch")]
    }

    struct Clock(Instant);

    impl Clock {
        fn at(&self, ms: u64) -> Instant {
            self.0 + Duration::from_millis(ms)
        }
    }

    fn clock() -> Clock {
        Clock(tokio::time::Instant::now().into_std())
    }

    #[test]
    fn what_nobody_takes_is_offered_again_ever_more_rarely_until_somebody_does() {
        let (clock, mut waiting) = (clock(), Waiting::default());
        let one = room("RM_1", 1);
        let mut offered = Vec::new();
        for ms in (0..100_000).step_by(1_000) {
            assert_eq!(waiting.look(vec![one.clone()], clock.at(ms)).len(), 1, "it is watched");
            let now = dispatches(offered.len(), false);
            if !waiting.asked_for(&one, now, |_| true, clock.at(ms)).is_empty() {
                offered.push(ms / 1_000);
            }
        }
        assert_eq!(offered, [2, 7, 16, 33, 64, 95]);
        assert!(waiting.asked_for(&one, dispatches(6, true), |_| true, clock.at(100_000)).is_empty());
        assert!(waiting.look(vec![one.clone()], clock.at(101_000)).is_empty(), "somebody came");
        // Another that is asked for later is another matter.
        assert_eq!(waiting.look(vec![one.clone()], clock.at(115_000)).len(), 1);
        assert!(waiting.asked_for(&one, dispatches(7, false), |_| true, clock.at(115_000)).is_empty());
        assert_eq!(waiting.asked_for(&one, dispatches(7, false), |_| true, clock.at(117_000)).len(), 1);
    }

    #[test]
    fn what_another_server_has_just_offered_again_is_given_its_time() {
        let (clock, mut waiting) = (clock(), Waiting::default());
        let one = room("RM_1", 1);
        for (ms, id, due) in [(0, 1, false), (1_999, 2, false), (2_001, 2, false), (5_999, 2, true)] {
            let offered = waiting.asked_for(&one, dispatches(id, false), |_| true, clock.at(ms));
            assert_eq!(!offered.is_empty(), due, "{ms}");
        }
    }

    #[test]
    fn an_agent_that_was_asked_for_twice_is_offered_once() {
        let (clock, mut waiting) = (clock(), Waiting::default());
        let one = room("RM_1", 1);
        let both = || [dispatches(2, false), dispatches(1, false)].concat();
        for (ms, wanted) in [(0, 0), (1_000, 0), (2_000, 1)] {
            let offered = waiting.asked_for(&one, both(), |_| true, clock.at(ms));
            assert_eq!(offered.len(), wanted, "{ms}");
            assert!(offered.iter().all(|dispatch| dispatch.id == "AD_1"));
        }
    }

    #[test]
    fn what_was_answered_by_another_is_not_offered_when_that_call_is_over() {
        let (clock, mut waiting) = (clock(), Waiting::default());
        let one = room("RM_1", 1);
        let mut offered = Vec::new();
        for ms in [0, 2_000] {
            offered = waiting.asked_for(&one, dispatches(1, false), |_| true, clock.at(ms));
        }
        waiting.answered(&one, offered.remove(0));
        assert!(waiting.asked_for(&one, dispatches(1, false), |_| true, clock.at(60_000)).is_empty());
        waiting.asked_for(&one, dispatches(2, false), |_| true, clock.at(60_000));
        assert_eq!(waiting.asked_for(&one, dispatches(2, false), |_| true, clock.at(63_000)).len(), 1);
    }

    #[test]
    fn a_room_of_which_nothing_is_heard_keeps_no_other_waiting() {
        let (clock, mut waiting) = (clock(), Waiting::default());
        let (dead, alive) = (room("RM_1", 1), room("RM_2", 1));
        waiting.put_off(&dead, clock.at(0));
        assert_eq!(waiting.look(vec![dead.clone(), alive.clone()], clock.at(1_000)), [alive]);
        assert_eq!(waiting.look(vec![dead.clone()], clock.at(15_000)), [dead]);
    }

    #[test]
    fn what_others_serve_and_rooms_without_anybody_are_left_alone() {
        let (clock, mut waiting) = (clock(), Waiting::default());
        assert!(waiting.look(vec![room("RM_1", 0)], clock.at(0)).is_empty());
        for ms in [0, 15_000, 30_000] {
            let due = waiting.look(vec![room("RM_1", 1)], clock.at(ms));
            assert!(waiting.asked_for(&due[0], dispatches(1, false), |_| false, clock.at(ms)).is_empty());
        }
    }

    #[test]
    fn many_rooms_take_turns_and_what_ended_is_forgotten() {
        let (clock, mut waiting) = (clock(), Waiting::default());
        let all: Vec<Room> = (0..80).map(|n| room(&format!("RM_{n}"), 1)).collect();
        let mut asked = BTreeSet::new();
        for ms in [0, 1_000, 2_000] {
            for due in waiting.look(all.clone(), clock.at(ms)) {
                assert!(waiting.asked_for(&due, Vec::new(), |_| true, clock.at(ms)).is_empty());
                assert!(asked.insert(due.sid), "none twice before all were");
            }
        }
        assert_eq!(asked.len(), 80);
        assert!(waiting.look(Vec::new(), clock.at(3_000)).is_empty());
        assert!(waiting.rooms.is_empty());
    }
}
