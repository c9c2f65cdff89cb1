//! A vendor's outage, put on: a provider around a provider, which lets everything pass until the moment of its fault.
//!
//! What a fault looks like from outside is all there is to it: routes, breakers and sessions cannot tell it from the vendor's own, so
//! that what they do then is what they would do. Refuses to choose whom it strikes beyond `picks`: who may drill whose calls is
//! decided by whoever wraps a provider.

mod strike;
mod weigh;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use domain::SessionId;
use futures::FutureExt;
use futures::future::BoxFuture;
use providers_api::{
    Ability, Error, ErrorKind, Llm, LlmRequest, LlmStream, ProviderInfo, Stt, SttRequest, SttStream, Tts,
    TtsRequest, TtsStream,
};
use serde::{Deserialize, Serialize};

use strike::Struck;

/// How late everything comes from a vendor that is slow: later than anybody waits, and it does come.
pub const SLOW: Duration = Duration::from_secs(3);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// Nobody answers at the vendor's address.
    Refuse,
    /// Says nothing more, and does not hang up.
    Hang,
    /// Everything comes `SLOW` later.
    Slow,
    /// Sends what its protocol does not allow.
    Garbage,
    /// Hangs up.
    Close,
    /// Claims success and gives nothing: sentences without audio, replies without words, empty transcripts.
    Silence,
    /// Has no credit left.
    Quota,
}

/// When in a turn it strikes. What is opened after that is struck at the same moment again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Moment {
    /// A stream or reply is asked for.
    Connect,
    /// It was opened, and the first words or sound are due.
    BeforeOutput,
    /// Some words or sound of it were given.
    MidSentence,
    /// One turn was served whole: what runs on breaks, and what is asked for after it is struck as at `Connect`.
    BetweenTurns,
}

impl Fault {
    pub const ALL: [Self; 7] =
        [Self::Refuse, Self::Hang, Self::Slow, Self::Garbage, Self::Close, Self::Silence, Self::Quota];

    /// As the vendor's failure is reported; `None`: it is not reported at all.
    const fn kind(self) -> Option<ErrorKind> {
        match self {
            Self::Refuse => Some(ErrorKind::Unreachable),
            Self::Garbage => Some(ErrorKind::Protocol),
            Self::Close => Some(ErrorKind::Closed),
            Self::Quota => Some(ErrorKind::Exhausted),
            Self::Hang | Self::Slow | Self::Silence => None,
        }
    }

    fn error(self, ability: Ability, provider: &str) -> Option<Error> {
        self.kind().map(|kind| Error::new(ability, kind, provider, "a fault drill"))
    }
}

impl Moment {
    pub const ALL: [Self; 4] = [Self::Connect, Self::BeforeOutput, Self::MidSentence, Self::BetweenTurns];
}

/// Whether a session is among this share of all (in thousandths). The same sessions of a drill wherever and whenever they are asked
/// about, and others of another drill.
#[must_use]
pub fn picks(drill: u128, session: SessionId, share_permille: u32) -> bool {
    let bytes = drill.to_be_bytes().into_iter().chain(session.as_uuid().into_bytes());
    // FNV-1a, and a last stir, since ids that follow each other differ in few bits.
    let hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    let stirred = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    (stirred >> 32) * 1_000 < u64::from(share_permille) << 32
}

/// A provider that is struck. One for each call, since the moments are those of the call.
pub struct Drilled<P: ?Sized> {
    inner: Arc<P>,
    fault: Fault,
    moment: Moment,
    served: Arc<AtomicBool>,
    over: Arc<AtomicBool>,
}

impl<P: ?Sized> Drilled<P> {
    #[must_use]
    pub fn new(inner: Arc<P>, fault: Fault, moment: Moment) -> Self {
        Self { inner, fault, moment, served: Arc::default(), over: Arc::default() }
    }

    /// Strikes nothing that is opened once this is true.
    #[must_use]
    pub fn until(mut self, over: Arc<AtomicBool>) -> Self {
        self.over = over;
        self
    }

    fn strikes_at_once(&self) -> bool {
        match self.moment {
            Moment::Connect => true,
            Moment::BetweenTurns => self.served.load(Ordering::Relaxed),
            Moment::BeforeOutput | Moment::MidSentence => false,
        }
    }

    /// Of what is asked for now. Cancel-safe: nothing was asked for yet.
    async fn connect(&self, ability: Ability, provider: &str) -> Result<Struck, Error> {
        if self.over.load(Ordering::Relaxed) {
            return Ok(Struck::never(ability, provider));
        }
        let struck = self.strikes_at_once();
        if struck {
            if let Some(error) = self.fault.error(ability, provider) {
                return Err(error);
            }
            match self.fault {
                Fault::Hang => std::future::pending().await,
                Fault::Slow => tokio::time::sleep(SLOW).await,
                _ => {}
            }
        }
        Ok(Struck {
            fault: self.fault,
            moment: self.moment,
            served: Arc::clone(&self.served),
            ability,
            provider: provider.to_owned(),
            // Who was only slow to open is not slow again: one delay can be told from another.
            now: struck && self.fault == Fault::Silence,
        })
    }
}

impl Stt for Drilled<dyn Stt> {
    fn info(&self) -> &ProviderInfo {
        self.inner.info()
    }

    fn open(&self, request: SttRequest) -> BoxFuture<'_, Result<SttStream, Error>> {
        async move {
            let struck = self.connect(Ability::Stt, &self.info().name).await?;
            let SttStream { input, events } = self.inner.open(request).await?;
            Ok(SttStream { input, events: struck.over(events) })
        }
        .boxed()
    }
}

impl Llm for Drilled<dyn Llm> {
    fn info(&self) -> &ProviderInfo {
        self.inner.info()
    }

    fn chat(&self, request: LlmRequest) -> BoxFuture<'_, Result<LlmStream, Error>> {
        async move {
            let struck = self.connect(Ability::Llm, &self.info().name).await?;
            Ok(struck.over(self.inner.chat(request).await?))
        }
        .boxed()
    }
}

impl Tts for Drilled<dyn Tts> {
    fn info(&self) -> &ProviderInfo {
        self.inner.info()
    }

    fn warm(&self, request: &TtsRequest, turns: usize) {
        self.inner.warm(request, turns);
    }

    fn open(&self, request: TtsRequest) -> BoxFuture<'_, Result<TtsStream, Error>> {
        async move {
            let struck = self.connect(Ability::Tts, &self.info().name).await?;
            let TtsStream { input, events } = self.inner.open(request).await?;
            Ok(TtsStream { input, events: struck.over(events) })
        }
        .boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_of_sessions_is_picked_and_it_stays_the_same() {
        let sessions: Vec<SessionId> =
            (0..4_000_u32).map(|n| format!("ses_0197{n:028x}").parse().expect("an id")).collect();
        let picked = |drill, share| -> Vec<bool> {
            sessions.iter().map(|session| picks(drill, *session, share)).collect()
        };
        let count = |picked: &[bool]| picked.iter().filter(|picked| **picked).count();
        assert_eq!((count(&picked(7, 0)), count(&picked(7, 1_000))), (0, sessions.len()));
        let fifth = picked(7, 200);
        assert!((700..900).contains(&count(&fifth)), "{}", count(&fifth));
        assert_eq!(fifth, picked(7, 200), "sticky");
        assert_ne!(fifth, picked(8, 200), "another drill strikes others");
        let both = fifth.iter().zip(picked(7, 500)).filter(|(small, large)| **small && !*large).count();
        assert_eq!(both, 0, "a larger share holds the smaller");
    }
}
