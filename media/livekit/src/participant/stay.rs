//! One stay in a room, from having joined it until it is left or has to be entered anew: the loop, and what each message does.

use std::time::{Duration, Instant};

use media_core::{LegCommand, LegEvent};
use media_rtc::Candidate;
use media_rtc::link::Happening;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::room::{Heard, Line, Room};
use super::{Begun, Ended, Over, Participant, now, now_ms};
use crate::metrics::RECONNECTS;
use crate::options::With;
use crate::roster::Change;
use crate::signal::{self, Opened};
use crate::wire::{
    DisconnectReason, Leave, LeaveAction, Ping, Request, Response, SessionDescription, Target, Trickle,
};

/// Between two attempts to bring the line back.
const REDIAL_PAUSE: Duration = Duration::from_millis(250);
/// For a goodbye to leave.
const GOODBYE: Duration = Duration::from_millis(300);

impl Participant {
    pub(super) async fn stay(
        &mut self,
        mut room: Box<Room>,
        base: &str,
        commands: &mut mpsc::Receiver<LegCommand>,
        stop: &CancellationToken,
    ) -> Over {
        let over = loop {
            if let Err(over) = self.settle(&mut room, base) {
                break over;
            }
            let wake = tokio::time::Instant::from_std(self.deadline(&room));
            let Room { line, publisher, subscriber, .. } = &mut *room;
            let step = tokio::select! {
                biased;
                () = stop.cancelled() => Err(Over::Ended(Ended::Dropped)),
                command = commands.recv() => self.command(&mut room, command),
                Some(ask) = self.asks.recv() => {
                    self.ask_page(&mut room, ask);
                    Ok(())
                }
                Some(press) = self.presses.recv() => {
                    self.press(&mut room, press);
                    Ok(())
                }
                () = self.outbox.room() => Ok(()),
                read = publisher.link.readable() => readable(read),
                read = subscriber.link.readable() => readable(read),
                heard = Room::heard(line) => self.heard(&mut room, heard, base),
                () = tokio::time::sleep_until(wake) => Ok(()),
            };
            if let Err(over) = step {
                break over;
            }
        };
        goodbye(room, &over).await;
        over
    }

    fn deadline(&self, room: &Room) -> Instant {
        let mut wake = room.publisher.due.min(room.subscriber.due);
        if let Line::Up(_) = room.line {
            wake = wake.min(room.pulse.due());
        }
        // Past it, only what is missing besides can change anything.
        let heard = room.caller_since.filter(|_| !self.active && !room.is_heard(now(), &self.options));
        let nobody = self.begins.is_some().then(|| self.entered + self.options.caller_within());
        let waits = [
            self.calls.due(),
            self.before.due(),
            heard.map(|since| since + self.options.heard_within()),
            room.broken.map(|since| since + self.options.resume_within()),
            nobody,
        ];
        waits.into_iter().flatten().fold(wake, Instant::min)
    }

    /// Everything that is due, until the next input.
    fn settle(&mut self, room: &mut Room, base: &str) -> Result<(), Over> {
        let now = now();
        self.carry_out(room, base, now)?;
        self.calls.timeout(now);
        if self.before.due().is_some_and(|due| now >= due) {
            self.begin_without(now);
        }
        if self.outbox.is_gone() {
            return Err(Over::Ended(Ended::Dropped));
        }
        if self.begins.is_some() && now >= self.entered + self.options.caller_within() {
            return Err(Over::Ended(Ended::Nobody));
        }
        if room.broken.is_some_and(|since| now >= since + self.options.resume_within()) {
            return Err(Over::Rejoin("the connection did not come back"));
        }
        if let Line::Up(_) = room.line {
            match room.pulse.beat(now).filter(|_| !room.stuck) {
                Some(true) => room.say(Request::Ping(Ping { timestamp: now_ms(), rtt: 0 })),
                Some(false) => {}
                None => room.redial(base, self, Duration::ZERO, now),
            }
        }
        self.settle_activity(room, now);
        Ok(())
    }

    fn carry_out(&mut self, room: &mut Room, base: &str, now: Instant) -> Result<(), Over> {
        for publishes in [true, false] {
            let wired = if publishes { &mut room.publisher } else { &mut room.subscriber };
            if now >= wired.due {
                wired.link.tick(now);
            }
            loop {
                let wired = if publishes { &mut room.publisher } else { &mut room.subscriber };
                match wired.link.poll() {
                    Happening::Wait(due) => {
                        wired.due = due;
                        break;
                    }
                    Happening::Connected => {
                        wired.up = true;
                        self.whole(room);
                    }
                    Happening::Disconnected => {
                        wired.up = false;
                        // ICE is restarted with the line: the server does so for its side.
                        if let Line::Up(_) = room.line {
                            room.redial(base, self, Duration::ZERO, now);
                        }
                    }
                    Happening::Candidate(candidate) => {
                        let target = if publishes { Target::Publisher } else { Target::Subscriber };
                        room.trickle(target, &candidate);
                    }
                    Happening::Closed => return Err(Over::Rejoin("a peer connection was closed")),
                    Happening::Packet { mid, packet } => {
                        let heard = self.roster.hears().map(|source| source.track.as_str());
                        if heard.is_some()
                            && room.tracks.get(&mid).map(String::as_str) == heard
                            && let Some(packet) = self.before.keeps(packet)
                        {
                            self.outbox.push(LegEvent::Packet(self.splice.next(packet)));
                        }
                    }
                    Happening::Data { bytes, .. } => self.data(room, &bytes),
                    // Of the publisher's link: nothing is sent on the other.
                    Happening::Quality(quality) => self.outbox.push(LegEvent::Quality(quality)),
                }
            }
        }
        Ok(())
    }

    /// Nothing is broken any more, where nothing is.
    fn whole(&self, room: &mut Room) {
        let hears = room.subscriber.up || room.answer.is_none();
        if room.publisher.up && hears && matches!(room.line, Line::Up(_)) {
            room.broken = None;
        }
    }

    fn command(&mut self, room: &mut Room, command: Option<LegCommand>) -> Result<(), Over> {
        match command {
            Some(LegCommand::Packet(packet)) => {
                room.publisher.link.send_audio(&packet, now());
                // Written packets leave with the next poll.
                room.publisher.due = room.publisher.due.min(now());
            }
            Some(LegCommand::Message(message)) => self.tell(room, &message),
            // Nothing of ours waits anywhere: rooms play as it comes.
            Some(LegCommand::Clear) => {}
            Some(LegCommand::Close) | None => return Err(Over::Ended(Ended::Dropped)),
        }
        Ok(())
    }

    fn heard(&mut self, room: &mut Room, heard: Heard, base: &str) -> Result<(), Over> {
        let now = now();
        match heard {
            Heard::Response(Some(response)) => {
                room.pulse.heard(now);
                response.message.map_or(Ok(()), |message| self.response(room, message, base))
            }
            Heard::Response(None) => {
                room.redial(base, self, Duration::ZERO, now);
                Ok(())
            }
            Heard::Dialled(Ok((signal, Opened::Resumed))) => {
                tracing::info!("the line to the room is back");
                metrics::counter!(RECONNECTS, "what" => "resume").increment(1);
                room.resumed(signal, self.roster.hears(), now);
                self.show_state(room);
                self.whole(room);
                Ok(())
            }
            Heard::Dialled(Ok((_, Opened::Joined(_)))) => Err(Over::Rejoin("the server no longer knew us")),
            Heard::Dialled(Ok((_, Opened::Told(leave)))) => told_to_leave(&leave, true),
            Heard::Dialled(Err(error)) => {
                if !error.may_pass() {
                    return Err(Over::Rejoin("the line was refused"));
                }
                tracing::debug!(%error, "the line to the room is not back yet");
                room.redial(base, self, REDIAL_PAUSE, now);
                Ok(())
            }
        }
    }

    fn response(&mut self, room: &mut Room, response: Response, base: &str) -> Result<(), Over> {
        match response {
            Response::Answer(answer) => {
                if let Err(error) = room.publisher.link.answered(&answer.sdp) {
                    tracing::warn!(%error, "LiveKit's answer");
                    return Err(Over::Rejoin("the answer did not fit"));
                }
                room.publisher.due = now();
            }
            Response::Offer(offer) => return offered(room, &offer),
            Response::Trickle(trickle) => candidate(room, &trickle),
            Response::Update(update) => {
                for change in self.roster.update(update.participants) {
                    self.apply(room, change)?;
                }
                self.note_state();
            }
            Response::TrackPublished(published) if published.cid == room.cid => {
                room.published = Some(published);
            }
            // Of ours, of which there is one; it may come before the track is said to be published.
            Response::TrackSubscribed(_) => room.subscribed = true,
            Response::RefreshToken(token) => self.token = domain::Secret::new(token),
            Response::Leave(leave) => match leave.action() {
                LeaveAction::Resume => room.redial(base, self, Duration::ZERO, now()),
                _ => return told_to_leave(&leave, false),
            },
            Response::TrackPublished(_) | Response::Join(_) | Response::Reconnect(_) | Response::Pong(_) => {}
        }
        Ok(())
    }

    /// What a change of who is there means.
    pub(super) fn apply(&mut self, room: &mut Room, change: Change) -> Result<(), Over> {
        match change {
            Change::Linked(caller) => {
                room.caller_since = Some(now());
                self.calls_now.send_replace(Some(caller.clone()));
                if let Some(begins) = self.begins.take() {
                    // Nobody may wait for it.
                    let _unasked = begins.send(Begun { room: room.name.clone(), caller });
                }
            }
            Change::Hear(source) => {
                self.splice.cut();
                // Whoever goes on with a call of another server begins in mid-talk.
                let buffered = source.as_ref().is_some_and(|source| source.buffered)
                    && self.options.other.is_none()
                    && self.options.with == With::People;
                let track = source.as_ref().map(|source| source.track.as_str());
                self.before.hears(track, buffered, now());
                if let Some(before) = room.hears.take() {
                    room.subscribe(&before, false);
                }
                if let Some(source) = &source {
                    room.subscribe(source, true);
                }
                room.hears = source;
            }
            // The session is told by what it no longer hears.
            Change::Lost => self.page_left(),
            Change::Left => return Err(Over::Ended(Ended::Left)),
        }
        if self.roster.present() {
            room.caller_since.get_or_insert_with(now);
        }
        Ok(())
    }
}

/// The server's offer of what we hear.
fn offered(room: &mut Room, offer: &SessionDescription) -> Result<(), Over> {
    let sdp = match room.subscriber.link.offered(&offer.sdp) {
        Ok(sdp) => sdp,
        Err(error) => {
            tracing::warn!(%error, "LiveKit's offer");
            return Err(Over::Rejoin("the offer could not be answered"));
        }
    };
    room.tracks = tracks(&offer.sdp).collect();
    let answer = SessionDescription { r#type: "answer".to_owned(), sdp, id: offer.id };
    room.answer = Some(answer.clone());
    room.say(Request::Answer(answer));
    room.subscriber.due = now();
    Ok(())
}

fn candidate(room: &mut Room, trickle: &Trickle) {
    let Ok(candidate) = serde_json::from_str::<Candidate>(&trickle.candidate_init) else { return };
    let wired = match trickle.target() {
        Target::Publisher => &mut room.publisher,
        Target::Subscriber => &mut room.subscriber,
    };
    wired.link.candidate(&candidate);
    wired.due = now();
}

fn told_to_leave(leave: &Leave, again: bool) -> Result<(), Over> {
    let reason = leave.reason();
    tracing::info!(?reason, action = ?leave.action(), "LiveKit tells us to leave");
    if leave.action() != LeaveAction::Disconnect || again || signal::may_return(reason) {
        return Err(Over::Rejoin("the server said so"));
    }
    // Of two with one identity the other one has the room now.
    Err(Over::Ended(if reason == DisconnectReason::DuplicateIdentity { Ended::Lost } else { Ended::Left }))
}

/// A socket for audio that broke is made anew with the room.
fn readable(read: std::io::Result<()>) -> Result<(), Over> {
    read.map_err(|error| {
        tracing::debug!(%error, "socket of a room");
        Over::Rejoin("a socket broke")
    })
}

async fn goodbye(mut room: Box<Room>, over: &Over) {
    if matches!(over, Over::Ended(_)) {
        let reason = DisconnectReason::ClientInitiated as i32;
        room.say(Request::Leave(Leave { reason, action: LeaveAction::Disconnect as i32 }));
    }
    room.publisher.link.close();
    room.subscriber.link.close();
    if let Line::Up(signal) = room.line {
        // The line's task sends what waits, and ends.
        drop(signal.sender);
        let mut receiver = signal.receiver;
        let drained = async { while receiver.recv().await.is_some() {} };
        let _late = tokio::time::timeout(GOODBYE, drained).await;
    }
}

/// The tracks of an offer by their media sections: `a=msid:<stream> <track>`.
fn tracks(sdp: &str) -> impl Iterator<Item = (String, String)> {
    sdp.split("\nm=").skip(1).filter_map(|section| {
        let line = |prefix| section.lines().find_map(|line| line.strip_prefix(prefix)).map(str::trim);
        let track = line("a=msid:")?.split_ascii_whitespace().nth(1)?;
        Some((line("a=mid:")?.to_owned(), track.to_owned()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tracks_of_an_offer_are_found_by_their_sections() {
        let sdp = "v=0\r\na=msid-semantic: WMS *\r\nm=application 9 X\r\na=mid:0\r\nm=audio 9 X\r\na=mid:1\r\n\
                   a=msid:PA_1 TR_2\r\nm=audio 9 X\r\na=mid:2\r\na=msid:PA_3\r\n";
        assert_eq!(tracks(sdp).collect::<Vec<_>>(), [("1".to_owned(), "TR_2".to_owned())]);
    }

    #[test]
    fn who_is_sent_away_leaves_and_who_is_sent_elsewhere_comes_back() {
        let leave = |reason, action| Leave { reason: reason as i32, action: action as i32 };
        let over = |leave: &Leave| told_to_leave(leave, false).expect_err("always");
        let removed = leave(DisconnectReason::RoomDeleted, LeaveAction::Disconnect);
        assert!(matches!(over(&removed), Over::Ended(Ended::Left)));
        let twin = leave(DisconnectReason::DuplicateIdentity, LeaveAction::Disconnect);
        assert!(matches!(over(&twin), Over::Ended(Ended::Lost)));
        let stops = leave(DisconnectReason::ServerShutdown, LeaveAction::Disconnect);
        assert!(matches!(over(&stops), Over::Rejoin(_)));
        let moved = leave(DisconnectReason::Unknown, LeaveAction::Reconnect);
        assert!(matches!(over(&moved), Over::Rejoin(_)));
    }
}
