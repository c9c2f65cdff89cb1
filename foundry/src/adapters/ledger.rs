//! Who really serves a call: every stream that a session or its agent reads passes by here, and what a route says of its choice is kept until
//! the turn goes on record. A provider that is asked without a route serves by itself.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use agents_run::{AskedAhead, ChatUsed, Meter};
use control_store::entry::Speculation;
use domain::{ProviderName, ServedBy, TurnId};
use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt};
use providers_api::{
    Error, Llm, LlmEvent, LlmRequest, LlmStream, ProviderInfo, Stt, SttEvent, SttRequest, SttStream, Tts,
    TtsEvent, TtsRequest, TtsStream,
};

/// Of one call.
#[derive(Default)]
pub(crate) struct Ledger(Mutex<Noted>);

#[derive(Default)]
struct Noted {
    listening: Option<ProviderName>,
    /// Of turns that are not over, and of guesses that came to nothing.
    turns: BTreeMap<TurnId, ServedBy>,
    /// Every account that has served, in order, and how many of them were told of.
    accounts: Vec<String>,
    told: usize,
    /// Since it was last told of.
    speculation: Speculation,
}

impl Ledger {
    /// What the caller said is complete: whoever listens now has recognised it.
    pub(crate) fn heard(&self, turn: TurnId) {
        let mut noted = self.lock();
        if let Some(name) = noted.listening.clone() {
            add(&mut noted.turns.entry(turn).or_default().recognition, name);
        }
    }

    /// Who served a turn that is over.
    pub(crate) fn finished(&self, turn: TurnId) -> ServedBy {
        let mut noted = self.lock();
        let served_by = noted.turns.remove(&turn).unwrap_or_default();
        noted.turns.retain(|other, _| *other > turn);
        served_by
    }

    /// Accounts that have begun to serve since this was last asked.
    pub(crate) fn joined(&self) -> Vec<String> {
        let mut noted = self.lock();
        let all = noted.accounts.len();
        let told = std::mem::replace(&mut noted.told, all);
        noted.accounts.get(told..).unwrap_or_default().to_vec()
    }

    /// What asking ahead came to since this was last asked.
    pub(crate) fn speculation(&self) -> Speculation {
        std::mem::take(&mut self.lock().speculation)
    }

    pub(crate) fn listening(self: &Arc<Self>, stt: Arc<dyn Stt>) -> Arc<dyn Stt> {
        Arc::new(Watched { inner: stt, ledger: Arc::clone(self) })
    }

    pub(crate) fn speaking(self: &Arc<Self>, tts: Arc<dyn Tts>) -> Arc<dyn Tts> {
        Arc::new(Watched { inner: tts, ledger: Arc::clone(self) })
    }

    pub(crate) fn thinking(self: &Arc<Self>, llm: Arc<dyn Llm>) -> Arc<dyn Llm> {
        Arc::new(Watched { inner: llm, ledger: Arc::clone(self) })
    }

    fn serves(&self, info: &ProviderInfo, put: impl FnOnce(&mut Noted, ProviderName)) {
        let name = ProviderName { account: info.account.clone(), model: info.model.clone() };
        let mut noted = self.lock();
        if !noted.accounts.contains(&name.account) {
            noted.accounts.push(name.account.clone());
        }
        put(&mut noted, name);
    }

    /// Held for the microseconds of a note.
    fn lock(&self) -> MutexGuard<'_, Noted> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Meter for Ledger {
    fn chat(&self, used: ChatUsed) {
        let Speculation { adopted, discarded, wasted_tokens } = &mut self.lock().speculation;
        match used.ahead {
            AskedAhead::No => {}
            AskedAhead::Adopted => *adopted += 1,
            AskedAhead::InVain => {
                *discarded += 1;
                *wasted_tokens += used.usage.input_tokens + used.usage.output_tokens;
            }
        }
    }
}

fn add(names: &mut Vec<ProviderName>, name: ProviderName) {
    if !names.contains(&name) {
        names.push(name);
    }
}

struct Watched<P: ?Sized> {
    inner: Arc<P>,
    ledger: Arc<Ledger>,
}

/// Of one stream.
struct Watch {
    ledger: Arc<Ledger>,
    own: ProviderInfo,
    turn: Option<TurnId>,
    /// Somebody serves it.
    served: bool,
}

impl Watch {
    /// `given`: something useful came, and not only who it will come from.
    fn saw(
        &mut self,
        served: Option<&ProviderInfo>,
        given: bool,
        put: impl FnOnce(&mut Noted, ProviderName),
    ) {
        if let Some(info) = served {
            self.ledger.serves(info, put);
        } else if given && !self.served {
            self.ledger.serves(&self.own, put);
        }
        self.served |= served.is_some() || given;
    }
}

impl<P: ?Sized> Watched<P> {
    fn watch(&self, own: &ProviderInfo, turn: Option<TurnId>) -> Watch {
        Watch { ledger: Arc::clone(&self.ledger), own: own.clone(), turn, served: false }
    }
}

impl Stt for Watched<dyn Stt> {
    fn info(&self) -> &ProviderInfo {
        self.inner.info()
    }

    fn open(&self, request: SttRequest) -> BoxFuture<'_, Result<SttStream, Error>> {
        let mut watch = self.watch(self.inner.info(), None);
        let opening = self.inner.open(request);
        async move {
            let SttStream { input, events } = opening.await?;
            let events = events.inspect(move |event| {
                let served = if let Ok(SttEvent::Served(info)) = event { Some(info.as_ref()) } else { None };
                let given = matches!(event, Ok(SttEvent::Transcript(_)));
                watch.saw(served, given, |noted, name| noted.listening = Some(name));
            });
            Ok(SttStream { input, events: events.boxed() })
        }
        .boxed()
    }
}

impl Tts for Watched<dyn Tts> {
    fn info(&self) -> &ProviderInfo {
        self.inner.info()
    }

    fn warm(&self, request: &TtsRequest, turns: usize) {
        self.inner.warm(request, turns);
    }

    fn open(&self, request: TtsRequest) -> BoxFuture<'_, Result<TtsStream, Error>> {
        let mut watch = self.watch(self.inner.info(), request.turn);
        let opening = self.inner.open(request);
        async move {
            let TtsStream { input, events } = opening.await?;
            let events = events.inspect(move |event| {
                let served = if let Ok(TtsEvent::Served(info)) = event { Some(info.as_ref()) } else { None };
                let (given, turn) = (matches!(event, Ok(TtsEvent::Audio(_))), watch.turn);
                watch.saw(served, given, |noted, name| {
                    turn.into_iter()
                        .for_each(|turn| add(&mut noted.turns.entry(turn).or_default().voice, name.clone()));
                });
            });
            Ok(TtsStream { input, events: events.boxed() })
        }
        .boxed()
    }
}

impl Llm for Watched<dyn Llm> {
    fn info(&self) -> &ProviderInfo {
        self.inner.info()
    }

    fn chat(&self, request: LlmRequest) -> BoxFuture<'_, Result<LlmStream, Error>> {
        let mut watch = self.watch(self.inner.info(), request.turn);
        let asking = self.inner.chat(request);
        async move {
            let events = asking.await?.inspect(move |event| {
                let served = if let Ok(LlmEvent::Served(info)) = event { Some(info.as_ref()) } else { None };
                let given =
                    matches!(event, Ok(LlmEvent::Text(_) | LlmEvent::Voiced(_) | LlmEvent::ToolCall(_)));
                let turn = watch.turn;
                watch.saw(served, given, |noted, name| {
                    turn.into_iter().for_each(|turn| {
                        add(&mut noted.turns.entry(turn).or_default().thinking, name.clone())
                    });
                });
            });
            Ok(events.boxed())
        }
        .boxed()
    }
}

#[cfg(test)]
mod tests;
