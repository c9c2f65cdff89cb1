//! Who is in the room, who of them is the caller, and which of their tracks is heard. Without I/O.
//!
//! The caller is the first person who is there; whoever was the caller before has the preference, so that a conversation goes on with
//! the same person after the room had to be entered anew.

use std::collections::BTreeMap;
use std::fmt;

use crate::options::With;
use crate::wire::{
    DisconnectReason, PRE_CONNECT_BUFFER, Participant, ParticipantKind, ParticipantState, TrackSource,
    TrackType,
};

/// A person in a room, or a telephone.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Caller {
    pub identity: String,
    pub name: String,
    pub metadata: String,
    /// As the room has them: those of a telephone begin with `sip.`.
    pub attributes: BTreeMap<String, String>,
    /// Whether the caller is a telephone.
    pub sip: bool,
}

/// Who calls is nobody's business in a log.
impl fmt::Debug for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Caller").field("sip", &self.sip).finish_non_exhaustive()
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Change {
    /// This is the caller from now on.
    Linked(Caller),
    /// The track to hear from now on: its owner's id and its own.
    Hear(Option<Source>),
    /// The caller left on purpose, and nobody else is there.
    Left,
    /// The caller's connection broke; they may come back.
    Lost,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Source {
    pub(crate) participant: String,
    pub(crate) track: String,
    /// What was said before it was published comes by itself.
    pub(crate) buffered: bool,
}

#[derive(Debug, Default)]
pub(crate) struct Roster {
    /// Our own id in the room.
    own: String,
    people: Vec<Participant>,
    with: With,
    /// Of whom it was before us that the caller is: has the preference as long as there is none.
    expected: Option<String>,
    linked: Option<Caller>,
    hears: Option<Source>,
    present: bool,
}

impl Roster {
    pub(crate) fn new(with: With, expected: Option<String>) -> Self {
        Self { with, expected, ..Self::default() }
    }

    /// The room as it is when we enter. Who was the caller before still is, as soon as they are there.
    pub(crate) fn enter(&mut self, own: &str, others: Vec<Participant>) -> Vec<Change> {
        own.clone_into(&mut self.own);
        self.people.clear();
        self.hears = None;
        self.present = false;
        self.update(others)
    }

    /// News of others.
    pub(crate) fn update(&mut self, news: Vec<Participant>) -> Vec<Change> {
        let mut left = None;
        for one in news.into_iter().filter(|one| one.sid != self.own) {
            self.people.retain(|known| known.sid != one.sid);
            if one.state() == ParticipantState::Disconnected {
                if self.linked.as_ref().is_some_and(|linked| linked.identity == one.identity) {
                    left = Some(one.disconnect_reason());
                }
            } else {
                self.people.push(one);
            }
        }
        self.settle(left)
    }

    pub(crate) const fn caller(&self) -> Option<&Caller> {
        self.linked.as_ref()
    }

    /// Of the caller, where they are in the room.
    pub(crate) fn attribute(&self, name: &str) -> Option<&str> {
        let one = self.last(&self.linked.as_ref()?.identity)?;
        one.attributes.get(name).map(String::as_str)
    }

    /// Whether the caller is in the room now.
    /// What the caller's client knows of what clients do among themselves.
    pub(crate) fn client_protocol(&self) -> i32 {
        self.linked
            .as_ref()
            .and_then(|linked| self.last(&linked.identity))
            .map_or(0, |one| one.client_protocol)
    }

    pub(crate) const fn present(&self) -> bool {
        self.present
    }

    pub(crate) const fn hears(&self) -> Option<&Source> {
        self.hears.as_ref()
    }

    fn settle(&mut self, left: Option<DisconnectReason>) -> Vec<Change> {
        let mut changes = Vec::new();
        let gone = left.is_some_and(is_on_purpose);
        let before = self.linked.as_ref().map(|linked| linked.identity.clone());
        let same = before.as_deref().and_then(|identity| self.last(identity));
        // While a caller who was lost may come back nobody takes their place.
        let next = match (&before, same) {
            (_, Some(same)) => Some(same),
            (Some(_), None) if !gone => None,
            _ => self.first(),
        };
        let next = next.map(|one| (caller(one), track(one)));
        let was_present = std::mem::replace(&mut self.present, next.is_some());
        match next {
            Some((caller, heard)) => {
                if before.as_deref() != Some(caller.identity.as_str()) {
                    changes.push(Change::Linked(caller.clone()));
                }
                self.linked = Some(caller);
                self.hear(heard, &mut changes);
            }
            None => {
                self.hear(None, &mut changes);
                if was_present {
                    changes.push(if gone { Change::Left } else { Change::Lost });
                } else if gone {
                    // Lost before, and now known not to come back.
                    changes.push(Change::Left);
                }
            }
        }
        changes
    }

    fn hear(&mut self, source: Option<Source>, changes: &mut Vec<Change>) {
        // What a track is said to be may change while it goes on.
        let same = |one: &Source| (one.participant.clone(), one.track.clone());
        if self.hears.as_ref().map(same) != source.as_ref().map(same) {
            self.hears.clone_from(&source);
            changes.push(Change::Hear(source));
        }
    }

    fn first(&self) -> Option<&Participant> {
        let mut fit = self.people.iter().filter(|one| match self.with {
            With::People => is_caller(one),
            With::Agents => one.kind() == ParticipantKind::Agent,
        });
        let expected = self.expected.as_deref().and_then(|identity| self.last(identity));
        expected.or_else(|| fit.next())
    }

    /// The one with this identity who came last: a connection that broke may still be listed beside the one that took its place.
    fn last(&self, identity: &str) -> Option<&Participant> {
        self.people.iter().rev().find(|one| one.identity == identity)
    }
}

fn is_caller(one: &Participant) -> bool {
    let kind = matches!(
        one.kind(),
        ParticipantKind::Standard
            | ParticipantKind::Sip
            | ParticipantKind::Ingress
            | ParticipantKind::Connector
            | ParticipantKind::Bridge
    );
    // An avatar speaks for an agent.
    kind && !one.attributes.contains_key("lk.publish_on_behalf")
}

fn caller(one: &Participant) -> Caller {
    Caller {
        identity: one.identity.clone(),
        name: one.name.clone(),
        metadata: one.metadata.clone(),
        attributes: one.attributes.iter().map(|(name, value)| (name.clone(), value.clone())).collect(),
        sip: one.kind() == ParticipantKind::Sip,
    }
}

/// The microphone; of a caller who publishes none, any audio that is not that of a screen. The newest, where there are several.
fn track(one: &Participant) -> Option<Source> {
    let audio = || one.tracks.iter().rev().filter(|track| track.r#type() == TrackType::Audio);
    let microphone = audio().find(|track| track.source() == TrackSource::Microphone);
    let other = || audio().find(|track| track.source() != TrackSource::ScreenShareAudio);
    let track = microphone.or_else(other)?;
    let buffered = track.audio_features.contains(&PRE_CONNECT_BUFFER);
    Some(Source { participant: one.sid.clone(), track: track.sid.clone(), buffered })
}

fn is_on_purpose(reason: DisconnectReason) -> bool {
    matches!(
        reason,
        DisconnectReason::ClientInitiated
            | DisconnectReason::ParticipantRemoved
            | DisconnectReason::RoomDeleted
            | DisconnectReason::RoomClosed
            | DisconnectReason::UserRejected
            | DisconnectReason::UserUnavailable
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Track;

    fn person(sid: &str, identity: &str, tracks: &[&str]) -> Participant {
        let track = |sid: &&str| Track {
            sid: (*sid).to_owned(),
            r#type: TrackType::Audio as i32,
            source: TrackSource::Microphone as i32,
            ..Track::default()
        };
        Participant {
            sid: sid.to_owned(),
            identity: identity.to_owned(),
            state: ParticipantState::Active as i32,
            tracks: tracks.iter().map(track).collect(),
            ..Participant::default()
        }
    }

    fn gone(sid: &str, identity: &str, reason: DisconnectReason) -> Participant {
        Participant {
            state: ParticipantState::Disconnected as i32,
            disconnect_reason: reason as i32,
            ..person(sid, identity, &[])
        }
    }

    fn source(participant: &str, track: &str) -> Change {
        let (participant, track) = (participant.to_owned(), track.to_owned());
        Change::Hear(Some(Source { participant, track, buffered: false }))
    }

    fn linked(changes: &[Change]) -> Option<&str> {
        changes.iter().find_map(|change| match change {
            Change::Linked(caller) => Some(caller.identity.as_str()),
            _ => None,
        })
    }

    #[test]
    fn the_first_person_is_the_caller_and_agents_are_not() {
        let mut roster = Roster::default();
        let agent = Participant { kind: ParticipantKind::Agent as i32, ..person("PA_2", "other", &["TR_9"]) };
        assert_eq!(roster.enter("PA_1", vec![agent, person("PA_1", "me", &[])]), []);
        let changes = roster.update(vec![person("PA_3", "ann", &["TR_1"])]);
        assert_eq!(linked(&changes), Some("ann"));
        assert!(changes.contains(&source("PA_3", "TR_1")));
        assert_eq!(roster.update(vec![person("PA_4", "bob", &["TR_2"])]), [], "the second waits");
    }

    #[test]
    fn whoever_was_the_caller_before_us_is_where_they_are_there() {
        let both = || vec![person("PA_3", "bob", &["TR_1"]), person("PA_4", "ann", &["TR_2"])];
        let mut roster = Roster::new(With::People, Some("ann".to_owned()));
        assert_eq!(linked(&roster.enter("PA_1", both())), Some("ann"));
        let mut roster = Roster::new(With::People, Some("eve".to_owned()));
        assert_eq!(linked(&roster.enter("PA_1", both())), Some("bob"));
    }

    #[test]
    fn a_caller_speaks_with_the_agent_and_knows_it_again_when_another_server_has_taken_over() {
        let agent = |sid: &str, track: &str| {
            let attributes = [("lk.agent.state".to_owned(), "listening".to_owned())].into();
            let kind = ParticipantKind::Agent as i32;
            Participant { kind, attributes, ..person(sid, "desk", &[track]) }
        };
        let mut roster = Roster::new(With::Agents, None);
        let changes = roster.enter("PA_1", vec![person("PA_3", "bob", &["TR_1"]), agent("PA_4", "TR_2")]);
        assert_eq!((linked(&changes), changes.contains(&source("PA_4", "TR_2"))), (Some("desk"), true));
        assert_eq!(roster.attribute("lk.agent.state"), Some("listening"));
        let gone = gone("PA_4", "desk", DisconnectReason::DuplicateIdentity);
        assert_eq!(roster.update(vec![gone, agent("PA_5", "TR_3")]), [source("PA_5", "TR_3")]);
    }

    #[test]
    fn a_track_that_comes_with_what_was_said_before_says_so() {
        let mut ann = person("PA_3", "ann", &["TR_1"]);
        ann.tracks[0].audio_features = vec![1, PRE_CONNECT_BUFFER];
        let mut roster = Roster::default();
        roster.enter("PA_1", vec![ann]);
        assert!(roster.hears().is_some_and(|source| source.buffered));
    }

    #[test]
    fn another_track_of_the_caller_is_followed() {
        let mut roster = Roster::default();
        roster.enter("PA_1", vec![person("PA_3", "ann", &["TR_1"])]);
        assert_eq!(roster.update(vec![person("PA_3", "ann", &[])]), [Change::Hear(None)]);
        assert_eq!(roster.update(vec![person("PA_3", "ann", &["TR_5"])]), [source("PA_3", "TR_5")]);
    }

    #[test]
    fn when_the_caller_goes_the_next_one_takes_over_and_after_the_last_it_is_over() {
        let mut roster = Roster::default();
        roster.enter("PA_1", vec![person("PA_3", "ann", &["TR_1"]), person("PA_4", "bob", &["TR_2"])]);
        let changes = roster.update(vec![gone("PA_3", "ann", DisconnectReason::ClientInitiated)]);
        assert_eq!((linked(&changes), changes.contains(&source("PA_4", "TR_2"))), (Some("bob"), true));
        let changes = roster.update(vec![gone("PA_4", "bob", DisconnectReason::ClientInitiated)]);
        assert_eq!(changes, [Change::Hear(None), Change::Left]);
    }

    #[test]
    fn a_caller_whose_connection_broke_is_waited_for_and_known_again() {
        let mut roster = Roster::default();
        roster.enter("PA_1", vec![person("PA_3", "ann", &["TR_1"]), person("PA_4", "bob", &["TR_2"])]);
        let changes = roster.update(vec![gone("PA_3", "ann", DisconnectReason::ConnectionTimeout)]);
        assert_eq!(changes, [Change::Hear(None), Change::Lost]);
        let changes = roster.update(vec![person("PA_7", "ann", &["TR_8"])]);
        assert_eq!(changes, [source("PA_7", "TR_8")]);
        assert!(roster.present());
    }

    #[test]
    fn a_connection_that_takes_the_place_of_its_own_loses_nothing() {
        let mut roster = Roster::default();
        roster.enter("PA_1", vec![person("PA_3", "ann", &["TR_1"])]);
        let changes = roster.update(vec![
            gone("PA_3", "ann", DisconnectReason::DuplicateIdentity),
            person("PA_4", "ann", &["TR_2"]),
        ]);
        assert_eq!(changes, [source("PA_4", "TR_2")]);
    }

    #[test]
    fn a_room_that_is_entered_anew_has_the_same_caller() {
        let mut roster = Roster::default();
        roster.enter("PA_1", vec![person("PA_3", "ann", &["TR_1"])]);
        assert_eq!(roster.enter("PA_9", vec![person("PA_4", "bob", &["TR_2"])]), [], "bob is somebody else");
        assert_eq!(roster.update(vec![person("PA_5", "ann", &["TR_3"])]), [source("PA_5", "TR_3")]);
    }
}
