//! Calls that run here, for the console: as they stand, heard, whispered into, ended.
//!
//! Whoever listens gets both legs' tracks, made of the packets as a recording has them: off the call's own task, which only clones them.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::extract::ws::{Message, WebSocket};
use control_api::live::LiveCall;
use control_server::ports::{self, Accept};
use control_store::opposite::Opposite;
use domain::{AgentState, AudioFrame, EndReason, FRAME, OrgId, Role, ServerId, SessionId};
use futures::FutureExt;
use futures::future::BoxFuture;
use media_core::{Delivery, Inbound, inbound};
use media_session::{Directory, Handle, Tapped};
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior};

/// Frames of one leg that wait for the other's. More is a leg whose clock runs faster: the oldest goes.
const AHEAD: usize = 10;
/// A listener that takes nothing for so long is let go.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(5);
const SAMPLES: usize = AudioFrame::samples_per_frame(inbound::RATE_HZ);

pub(crate) struct Live {
    directory: Directory,
    server: ServerId,
    calls: Mutex<HashMap<SessionId, Begun>>,
}

/// What is known of a call from its beginning.
struct Begun {
    org: OrgId,
    agent: String,
    opposite: Option<Opposite>,
    at: jiff::Timestamp,
    listeners: Arc<()>,
}

impl Live {
    pub(crate) fn new(directory: Directory, server: ServerId) -> Self {
        Self { directory, server, calls: Mutex::default() }
    }

    /// A call of the organization is about to run. Those that have ended are forgotten.
    pub(crate) fn begins(&self, session: SessionId, org: OrgId, agent: &str, opposite: Option<Opposite>) {
        let mut calls = self.calls();
        calls.retain(|id, _| self.directory.get(*id).is_some());
        let begun = Begun {
            org,
            agent: agent.to_owned(),
            opposite,
            at: jiff::Timestamp::now(),
            listeners: Arc::default(),
        };
        calls.insert(session, begun);
    }

    fn calls(&self) -> MutexGuard<'_, HashMap<SessionId, Begun>> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ports::Live for Live {
    fn server(&self) -> ServerId {
        self.server
    }

    fn calls(&self, org: OrgId) -> Vec<LiveCall> {
        let calls = self.calls();
        let mut live: Vec<LiveCall> = calls
            .iter()
            .filter(|(_, begun)| begun.org == org)
            .filter_map(|(id, begun)| Some(shown(&self.directory.get(*id)?, begun, self.server)))
            .collect();
        live.sort_by_key(|call| std::cmp::Reverse(call.id));
        live
    }

    fn whisper(&self, id: SessionId, text: String) -> BoxFuture<'_, Option<bool>> {
        async move { self.directory.get(id)?.whisper(text).await.ok() }.boxed()
    }

    fn prompt(&self, id: SessionId, text: String) -> BoxFuture<'_, Option<bool>> {
        async move { self.directory.get(id)?.prompt(text).await.ok() }.boxed()
    }

    fn end(&self, id: SessionId) -> BoxFuture<'_, Option<()>> {
        async move { self.directory.get(id)?.end(EndReason::OperatorEnded).await.ok() }.boxed()
    }

    fn listen(&self, id: SessionId) -> Option<Accept> {
        let handle = self.directory.get(id)?;
        let listener = Arc::clone(&self.calls().get(&id)?.listeners);
        Some(Box::new(move |socket| {
            async move {
                let _listener = listener;
                if let Ok(packets) = handle.listen().await {
                    sound(socket, packets).await;
                }
            }
            .boxed()
        }))
    }
}

fn shown(handle: &Handle, begun: &Begun, server: ServerId) -> LiveCall {
    let status = handle.status();
    let state = match status.agent {
        _ if status.bridged => "bridged",
        AgentState::Initializing => "initializing",
        AgentState::Listening => "listening",
        AgentState::Thinking => "thinking",
        AgentState::Speaking => "speaking",
    };
    let (direction, party) = control_server::other_side(begun.opposite.as_ref());
    LiveCall {
        server_id: server,
        here: true,
        id: handle.id(),
        agent: begun.agent.clone(),
        transport: status.transport.to_owned(),
        direction,
        party,
        started_at: begun.at.to_string(),
        state: state.to_owned(),
        connected: status.connected,
        turns: status.turns,
        listeners: u32::try_from(Arc::strong_count(&begun.listeners) - 1).unwrap_or(u32::MAX),
    }
}

/// Gives the call's sound until either side ends.
async fn sound(mut socket: WebSocket, mut packets: mpsc::Receiver<Tapped>) {
    let mut both = Both::new(Instant::now());
    let mut ticks = tokio::time::interval(FRAME);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        tokio::select! {
            tapped = packets.recv() => match tapped {
                Some(tapped) => both.push(tapped, Instant::now()),
                None => break, // the call is over
            },
            said = socket.recv() => match said {
                Some(Ok(Message::Close(_)) | Err(_)) | None => break,
                Some(Ok(_)) => {}
            },
            now = ticks.tick() => while let Some(frame) = both.poll(now) {
                let sent = tokio::time::timeout(PATIENCE, socket.send(Message::Binary(frame.into()))).await;
                if !matches!(sent, Ok(Ok(()))) {
                    return;
                }
            },
        }
    }
    let _gone = tokio::time::timeout(PATIENCE, socket.send(Message::Close(None))).await;
}

/// The two tracks of a call in step.
struct Both {
    caller: Track,
    agent: Track,
}

struct Track {
    inbound: Inbound,
    frames: VecDeque<AudioFrame>,
}

impl Track {
    fn new(now: Instant) -> Self {
        let mut inbound = Inbound::new(inbound::Options::default(), media_codec::decoders());
        inbound.carried_by(Delivery::Datagrams);
        inbound.start(now.into_std());
        Self { inbound, frames: VecDeque::new() }
    }

    fn poll(&mut self, now: Instant) {
        while let inbound::Output::Frame(frame) = self.inbound.poll(now.into_std()) {
            if self.frames.len() == AHEAD {
                self.frames.pop_front();
            }
            self.frames.push_back(frame);
        }
    }
}

impl Both {
    fn new(now: Instant) -> Self {
        Self { caller: Track::new(now), agent: Track::new(now) }
    }

    fn push(&mut self, Tapped { leg, packet }: Tapped, now: Instant) {
        let track = match leg {
            Role::Caller => &mut self.caller,
            Role::Agent => &mut self.agent,
        };
        track.inbound.push(packet, now.into_std());
    }

    /// 20 ms of both, the caller's sample first, once both have them.
    fn poll(&mut self, now: Instant) -> Option<Vec<u8>> {
        self.caller.poll(now);
        self.agent.poll(now);
        if self.caller.frames.is_empty() || self.agent.frames.is_empty() {
            return None;
        }
        let (caller, agent) = (self.caller.frames.pop_front()?, self.agent.frames.pop_front()?);
        let mut bytes = Vec::with_capacity(SAMPLES * 4);
        for (left, right) in caller.samples.iter().zip(&agent.samples) {
            bytes.extend(left.to_le_bytes());
            bytes.extend(right.to_le_bytes());
        }
        Some(bytes)
    }
}

#[cfg(test)]
mod tests {
    use media_core::{Codec, Packet, g711};

    use super::*;

    fn packet(n: u16, sample: i16, at: Instant) -> Packet {
        Packet {
            codec: Codec::Pcmu,
            sequence: n,
            timestamp: u32::from(n) * 160,
            marker: false,
            payload: vec![g711::encode_ulaw(sample); 160].into(),
            at: at.into_std(),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn both_legs_are_heard_each_in_its_channel_also_while_one_is_silent() {
        let mut both = Both::new(Instant::now());
        let (mut left, mut right, mut frames) = (0, 0, 0);
        for n in 0..100 {
            both.push(Tapped { leg: Role::Caller, packet: packet(n, 8_000, Instant::now()) }, Instant::now());
            if n >= 50 {
                let packet = packet(n, -4_000, Instant::now());
                both.push(Tapped { leg: Role::Agent, packet }, Instant::now());
            }
            tokio::time::advance(FRAME).await;
            while let Some(frame) = both.poll(Instant::now()) {
                frames += 1;
                assert_eq!(frame.len(), 1_280);
                let sample = |at: usize| i16::from_le_bytes([frame[at], frame[at + 1]]);
                left += u32::from(sample(640) > 6_000);
                right += u32::from(sample(642) < -3_000);
            }
        }
        assert!((85..=100).contains(&frames), "{frames}");
        assert!(left > 80 && (35..=50).contains(&right), "{left} {right}");
    }
}
