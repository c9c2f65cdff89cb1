//! What a voice gave and the session has not been given yet: audio goes out a little ahead of when it is played.
//!
//! Pure. A voice that breaks off has given most of a sentence by then, and what nobody can have heard can still be said by the
//! next, in one voice.

use std::collections::VecDeque;
use std::time::Duration;

use domain::MediaTime;
use providers_api::{Error, TtsEvent};
use tokio::time::Instant;

/// So much is given ahead of when it is played,
const LEAD: Duration = Duration::from_millis(600);
/// and so much more at once, so that few wake-ups do.
const BATCH: Duration = Duration::from_millis(200);
/// With this much held back no more is taken from the voice: bounds the memory of a turn.
const MOST: Duration = Duration::from_secs(20);

pub(crate) struct Ahead {
    /// In order.
    events: VecDeque<TtsEvent>,
    /// How much audio that is.
    held: Duration,
    /// Just after the audio that was given.
    out: MediaTime,
    /// Until then there is something to play, of what was given.
    dry: Instant,
}

impl Ahead {
    pub(crate) fn new(now: Instant) -> Self {
        Self { events: VecDeque::new(), held: Duration::ZERO, out: MediaTime::ZERO, dry: now }
    }

    pub(crate) fn push(&mut self, event: TtsEvent) {
        self.held += length(&event);
        self.events.push_back(event);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    pub(crate) fn is_full(&self) -> bool {
        self.held >= MOST
    }

    /// Up to here it was given.
    pub(crate) const fn out(&self) -> MediaTime {
        self.out
    }

    /// Until then there is something to play, given or not.
    pub(crate) fn dry(&self) -> Instant {
        self.dry + self.held
    }

    /// When more is to be given.
    pub(crate) fn due(&self, now: Instant) -> Option<Instant> {
        (!self.is_empty()).then(|| self.dry.checked_sub(LEAD).unwrap_or(now))
    }

    /// Gives what will be played soon.
    pub(crate) fn let_out(&mut self, now: Instant, into: &mut VecDeque<Result<TtsEvent, Error>>) {
        let lead = now + LEAD;
        let most = if self.dry > lead { lead } else { lead + BATCH };
        while let Some(event) = self.events.front() {
            if let TtsEvent::Audio(frame) = event {
                if self.dry > most {
                    return;
                }
                self.out = frame.end();
                self.dry = self.dry.max(now) + length(event);
                self.held = self.held.saturating_sub(length(event));
            }
            into.extend(self.events.pop_front().map(Ok));
        }
    }

    /// Everything, since nobody here knows what of it will be played.
    pub(crate) fn all(&mut self) -> impl Iterator<Item = TtsEvent> + '_ {
        self.held = Duration::ZERO;
        self.events.drain(..)
    }

    /// What is held back from this position on never was. Gives where the audio ends now.
    pub(crate) fn cut_off(&mut self, at: MediaTime) -> MediaTime {
        while let Some(TtsEvent::Audio(frame)) = self.events.back_mut()
            && frame.end() > at
        {
            let keep = at.saturating_sub(frame.at).as_samples(frame.rate_hz) as usize;
            let before = frame.duration();
            frame.samples.truncate(keep);
            self.held = self.held.saturating_sub((before - frame.duration()).as_duration());
            if keep > 0 {
                break;
            }
            self.events.pop_back();
        }
        let audio =
            |event: &TtsEvent| if let TtsEvent::Audio(frame) = event { Some(frame.end()) } else { None };
        self.events.iter().rev().find_map(audio).unwrap_or(self.out)
    }
}

fn length(event: &TtsEvent) -> Duration {
    if let TtsEvent::Audio(frame) = event { frame.duration().as_duration() } else { Duration::ZERO }
}

#[cfg(test)]
mod tests {
    use domain::AudioFrame;

    use super::*;

    fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    fn frame(n: u64) -> TtsEvent {
        let at = MediaTime::from_millis(n * 100);
        TtsEvent::Audio(AudioFrame { samples: vec![1; 1_600], rate_hz: 16_000, at })
    }

    fn given(ahead: &mut Ahead, now: Instant) -> usize {
        let mut out = VecDeque::new();
        ahead.let_out(now, &mut out);
        out.len()
    }

    #[tokio::test]
    async fn what_is_played_soon_is_given_and_the_rest_when_its_time_comes() {
        let now = Instant::now();
        let mut ahead = Ahead::new(now);
        (0..30).for_each(|n| ahead.push(frame(n)));
        ahead.push(TtsEvent::SentenceDone { sentence: 0 });
        assert_eq!((given(&mut ahead, now), ahead.out().as_millis()), (9, 900));
        assert_eq!((ahead.due(now), ahead.dry()), (Some(now + ms(300)), now + ms(3_000)));
        assert_eq!(given(&mut ahead, now + ms(299)), 0);
        assert_eq!(given(&mut ahead, now + ms(300)), 3);
        let rest: usize = (400..3_000).step_by(100).map(|at| given(&mut ahead, now + ms(at))).sum();
        assert_eq!(rest, 19, "with the end of the sentence behind its audio");
        assert_eq!((ahead.due(now), ahead.is_empty()), (None, true));
    }

    #[tokio::test]
    async fn what_is_cut_off_was_never_given_and_ends_at_a_sample() {
        let now = Instant::now();
        let mut ahead = Ahead::new(now);
        (0..30).for_each(|n| ahead.push(frame(n)));
        given(&mut ahead, now);
        assert_eq!(ahead.cut_off(MediaTime::from_millis(1_250)).as_millis(), 1_250);
        assert_eq!(ahead.dry(), now + ms(1_250));
        assert_eq!(ahead.cut_off(MediaTime::ZERO).as_millis(), 900, "what went out stays");
    }
}
