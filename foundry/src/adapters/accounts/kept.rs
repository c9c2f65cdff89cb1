//! An account with what was made of it: a provider for each ability and model, made once. Calls share its connections, its token and what it
//! remembers of conversations.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use control_server::ports::Account;
use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt};
use providers_api::{
    Error, Llm, LlmRequest, LlmStream, ProviderInfo, SpeechModel, SpeechRequest, SpeechStream, Stt,
    SttRequest, SttStream, Tts, TtsRequest, TtsStream,
};

use super::hidden::Hidden;
use crate::vendors::{self, Reach, Unfit};

pub(super) struct Kept {
    pub(super) account: Account,
    stt: Made<dyn Stt>,
    llm: Made<dyn Llm>,
    tts: Made<dyn Tts>,
}

/// By model; `None`: the account's own. As many as agents name.
type Made<P> = Mutex<HashMap<Option<String>, Arc<P>>>;

impl Kept {
    pub(super) fn new(account: Account) -> Self {
        Self { account, stt: Mutex::default(), llm: Mutex::default(), tts: Mutex::default() }
    }

    /// Whether what was made of it is what would be made now.
    pub(super) fn is_of(&self, account: &Account) -> bool {
        let whole = |account: &Account| {
            let Account { org, id, name, vendor, options, key } = account.clone();
            (org, id, name, vendor, options, key)
        };
        whole(&self.account) == whole(account)
    }

    pub(super) fn stt(&self, reach: &Reach, model: Option<&str>) -> Result<Arc<dyn Stt>, Unfit> {
        once(&self.stt, model, || stt(reach, &self.account, model))
    }

    pub(super) fn llm(&self, reach: &Reach, model: Option<&str>) -> Result<Arc<dyn Llm>, Unfit> {
        once(&self.llm, model, || llm(reach, &self.account, model))
    }

    pub(super) fn tts(&self, reach: &Reach, model: Option<&str>) -> Result<Arc<dyn Tts>, Unfit> {
        once(&self.tts, model, || tts(reach, &self.account, model))
    }

    /// Made for each call: its connection is of the call alone.
    pub(super) fn speech(&self, model: Option<&str>) -> Result<Arc<dyn SpeechModel>, Unfit> {
        let inner = vendors::speech(&self.account, model)?;
        let (info, hidden) = (of(&self.account, inner.info()), Hidden::of(self.account.key.as_ref()));
        Ok(Arc::new(Named { inner, info, hidden }))
    }
}

fn once<P: ?Sized>(
    made: &Made<P>,
    model: Option<&str>,
    make: impl FnOnce() -> Result<Arc<P>, Unfit>,
) -> Result<Arc<P>, Unfit> {
    let mut made = made.lock().unwrap_or_else(PoisonError::into_inner);
    let key = model.map(str::to_owned);
    if let Some(provider) = made.get(&key) {
        return Ok(Arc::clone(provider));
    }
    let provider = make()?;
    made.insert(key, Arc::clone(&provider));
    Ok(provider)
}

pub(super) fn stt(reach: &Reach, account: &Account, model: Option<&str>) -> Result<Arc<dyn Stt>, Unfit> {
    let inner = vendors::stt(reach, account, model)?;
    let (info, hidden) = (of(account, inner.info()), Hidden::of(account.key.as_ref()));
    Ok(Arc::new(Named { inner, info, hidden }))
}

pub(super) fn llm(reach: &Reach, account: &Account, model: Option<&str>) -> Result<Arc<dyn Llm>, Unfit> {
    let inner = vendors::llm(reach, account, model)?;
    let (info, hidden) = (of(account, inner.info()), Hidden::of(account.key.as_ref()));
    Ok(Arc::new(Named { inner, info, hidden }))
}

pub(super) fn tts(reach: &Reach, account: &Account, model: Option<&str>) -> Result<Arc<dyn Tts>, Unfit> {
    let inner = vendors::tts(reach, account, model)?;
    let (info, hidden) = (of(account, inner.info()), Hidden::of(account.key.as_ref()));
    Ok(Arc::new(Named { inner, info, hidden }))
}

/// The server's own.
pub(super) fn own_stt(inner: Arc<dyn Stt>, account: &str) -> Arc<dyn Stt> {
    let info = ProviderInfo { account: account.to_owned(), ..inner.info().clone() };
    Arc::new(Named { inner, info, hidden: Hidden::default() })
}

pub(super) fn own_tts(inner: Arc<dyn Tts>, account: &str) -> Arc<dyn Tts> {
    let info = ProviderInfo { account: account.to_owned(), ..inner.info().clone() };
    Arc::new(Named { inner, info, hidden: Hidden::default() })
}

/// What is measured of servers at an address of their own says nothing of the vendor's: their region is the address.
fn of(account: &Account, info: &ProviderInfo) -> ProviderInfo {
    let mut info = ProviderInfo { account: account.name.clone(), ..info.clone() };
    if let Some(url) = &account.options.base_url
        && info.region.is_empty()
    {
        let rest = url.split_once("://").map_or(url.as_str(), |(_, rest)| rest);
        rest.split('/').next().unwrap_or_default().clone_into(&mut info.region);
    }
    info
}

/// A provider under the name of the account that it works for, whose key its errors do not show.
struct Named<P: ?Sized> {
    inner: Arc<P>,
    info: ProviderInfo,
    hidden: Hidden,
}

impl Stt for Named<dyn Stt> {
    fn info(&self) -> &ProviderInfo {
        &self.info
    }

    fn open(&self, request: SttRequest) -> BoxFuture<'_, Result<SttStream, Error>> {
        let hidden = self.hidden.clone();
        let opening = self.inner.open(request);
        async move {
            let SttStream { input, events } = opening.await.map_err(|error| hidden.error(error))?;
            let events = events.map(move |event| event.map_err(|error| hidden.error(error)));
            Ok(SttStream { input, events: events.boxed() })
        }
        .boxed()
    }
}

impl Llm for Named<dyn Llm> {
    fn info(&self) -> &ProviderInfo {
        &self.info
    }

    fn chat(&self, request: LlmRequest) -> BoxFuture<'_, Result<LlmStream, Error>> {
        let hidden = self.hidden.clone();
        let asking = self.inner.chat(request);
        async move {
            let events = asking.await.map_err(|error| hidden.error(error))?;
            Ok(events.map(move |event| event.map_err(|error| hidden.error(error))).boxed())
        }
        .boxed()
    }
}

impl Tts for Named<dyn Tts> {
    fn info(&self) -> &ProviderInfo {
        &self.info
    }

    fn warm(&self, request: &TtsRequest, turns: usize) {
        self.inner.warm(request, turns);
    }

    fn open(&self, request: TtsRequest) -> BoxFuture<'_, Result<TtsStream, Error>> {
        let hidden = self.hidden.clone();
        let opening = self.inner.open(request);
        async move {
            let TtsStream { input, events } = opening.await.map_err(|error| hidden.error(error))?;
            let events = events.map(move |event| event.map_err(|error| hidden.error(error)));
            Ok(TtsStream { input, events: events.boxed() })
        }
        .boxed()
    }
}

impl SpeechModel for Named<dyn SpeechModel> {
    fn info(&self) -> &ProviderInfo {
        &self.info
    }

    fn open(&self, request: SpeechRequest) -> BoxFuture<'_, Result<SpeechStream, Error>> {
        let hidden = self.hidden.clone();
        let opening = self.inner.open(request);
        async move {
            let SpeechStream { input, events, good_for } =
                opening.await.map_err(|error| hidden.error(error))?;
            let events = events.map(move |event| event.map_err(|error| hidden.error(error)));
            Ok(SpeechStream { input, events: events.boxed(), good_for })
        }
        .boxed()
    }
}

#[cfg(test)]
mod tests;
