//! Who listens, thinks and speaks in a call: the organization's accounts in the order that the agent names, behind routes, with the server's
//! own models as one of them. Follows the database.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use control_api::provider_account::{TrialAnswer, TrialRequest, Vendor, VendorAbout, VoiceChoice};
use control_server::Vault;
use control_server::ports::{self, Account, OpenAccount};
use control_store::{Db, Reason, Recorder, provider_account};
use domain::{OrgId, Voice};
use futures::FutureExt;
use futures::future::BoxFuture;
use providers_api::{Llm, ProviderInfo, Stt, Tts};
use providers_route::shared::{Shared, keep_in_step};
use providers_route::{Alternative, Health, LlmRoute, Options, Setting, SttRoute, TtsRoute};
use runtime::{Kind, Tasks};
use serde::Deserialize;
use tokio::sync::watch;

use crate::adapters::attempts::{Attempts, Books, Client};
use crate::adapters::drills;
use crate::adapters::speech_to_speech::Way;
use crate::speech::Speech;
use crate::vendors::{self, Reach};
use crate::waits::{hearing, speaking, thinking};

mod residency;
mod trial;
mod voices;

pub(crate) use trial::wav;
pub(crate) use voices::OneVoice;

const RELOAD: Kind = Kind::new("accounts.reload");
const FOLLOW: Kind = Kind::new("accounts.follow");
/// So late is another server's change seen; one's own is at once.
const FOLLOW_EVERY: Duration = Duration::from_secs(2);
/// What agents call the server's own models.
pub(crate) const BUILT_IN: &str = "built-in";
/// Their vendor, as prices name it.
const LOCAL: &str = "local";

/// What an agent's definition says under `options.providers`: for each ability an order, of which the first that works serves. Empty: the
/// built-in models listen and speak, and the organization's accounts think, in the order in which they were made.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Providers {
    pub(crate) stt: Vec<Binding>,
    pub(crate) llm: Vec<Binding>,
    pub(crate) tts: Vec<Binding>,
    /// Regions that the accounts may be in, beside what the organization says; none: anywhere.
    pub(crate) residency: Vec<String>,
    /// Models that hear the caller and speak for nodes of kind `llm`; where none of them does, the others serve. Empty: none is asked.
    pub(crate) realtime: Vec<Binding>,
}

impl Providers {
    /// # Errors
    /// What cannot serve any call, by its field.
    pub(crate) fn check(&self, has_llm_node: bool) -> Result<(), String> {
        let field = "field \"options.providers.realtime\"";
        if self.realtime.iter().any(|binding| binding.provider == BUILT_IN) {
            return Err(format!("{field}: no built-in model hears and speaks; name an account at OpenAI"));
        }
        if !self.realtime.is_empty() && !has_llm_node {
            return Err(format!("{field}: it answers for nodes of kind \"llm\", and this agent has none"));
        }
        Ok(())
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Binding {
    /// Name of an account, or `built-in`.
    provider: String,
    /// The account's own unless given.
    #[serde(default)]
    model: Option<String>,
    /// Of a voice, as the vendor names it; the agent's own where it is the first, else the account's.
    #[serde(default)]
    voice: Option<String>,
    /// Comes first while answers are slower than the agent's target.
    #[serde(default)]
    cheap: bool,
}

type Accounts = HashMap<(OrgId, String), Arc<Account>>;

/// The accounts of every organization, and the routes made of them.
pub(crate) struct Bench {
    db: Db,
    vault: Arc<Vault>,
    reach: Reach,
    own_stt: Arc<dyn Stt>,
    own_tts: Arc<dyn Tts>,
    health: Arc<Health>,
    attempts: Arc<Attempts>,
    recorder: Recorder,
    accounts: watch::Sender<Arc<Known>>,
    tasks: Arc<Tasks>,
}

#[derive(Default)]
struct Known {
    stamp: String,
    accounts: Accounts,
    /// Names in the order in which the accounts were made.
    order: HashMap<OrgId, Vec<String>>,
    /// Not used, since their organization's callers' words may not go where they are.
    outside: HashSet<(OrgId, String)>,
}

impl Bench {
    /// # Errors
    /// When the database does not answer.
    pub(crate) async fn open(
        db: Db,
        recorder: Recorder,
        vault: Arc<Vault>,
        speech: &Speech,
        tasks: &Arc<Tasks>,
    ) -> Result<Arc<Self>, control_store::Error> {
        let attempts = Arc::new(Attempts);
        let reach = Reach {
            client: providers_link::Client::new(providers_link::http::Options::default()),
            pool: providers_link::Pool::new(tasks),
        };
        let bench = Arc::new(Self {
            db,
            vault,
            reach,
            own_stt: Arc::clone(&speech.stt),
            own_tts: Arc::clone(&speech.tts),
            health: Arc::new(Health::new(providers_route::breaker::Options::default(), attempts.clone())),
            attempts,
            recorder,
            accounts: watch::Sender::default(),
            tasks: Arc::clone(tasks),
        });
        bench.reload().await?;
        let following = Arc::clone(&bench);
        tasks.spawn(FOLLOW, async move {
            loop {
                tokio::time::sleep(FOLLOW_EVERY).await;
                if let Err(error) = following.reload().await {
                    tracing::debug!(
                        error = &error as &dyn std::error::Error,
                        "the accounts could not be looked at"
                    );
                }
            }
        });
        Ok(bench)
    }

    /// Whoever is not asked is looked after in the background, and told to other servers where there is a way to them.
    pub(crate) fn look_after(&self, shared: Option<Arc<dyn Shared>>) {
        providers_route::keep_probing(Arc::clone(&self.health), &self.tasks);
        if let Some(shared) = shared {
            keep_in_step(Arc::clone(&self.health), shared, super::shared::EVERY, &self.tasks);
        }
    }

    /// Reads the accounts again where they have changed. One whose key cannot be opened is left out and named in the log.
    pub(crate) async fn reload(&self) -> Result<(), control_store::Error> {
        let mut tx = self.db.system_tx(Reason::LoadProviders).await?;
        let stamp = provider_account::stamp(&mut tx).await?;
        if self.accounts.borrow().stamp == stamp {
            return Ok(());
        }
        let stored = provider_account::usable(&mut tx).await?;
        let regions: HashMap<_, _> = provider_account::residencies(&mut tx).await?.into_iter().collect();
        tx.commit().await?;
        let mut known = Known { stamp, ..Known::default() };
        for row in stored {
            let (org, name) = (row.org, row.name.clone());
            match self.vault.account(row) {
                Ok(account) if regions.get(&org).is_some_and(|list| !residency::has(list, &account)) => {
                    tracing::info!(%org, account = name, "an account is outside of the organization's regions and not used");
                    known.outside.insert((org, name));
                }
                Ok(account) => {
                    known.order.entry(org).or_default().push(name.clone());
                    known.accounts.insert((org, name), Arc::new(account));
                }
                Err(reason) => {
                    tracing::error!(%org, %reason, "an account at a vendor cannot be used");
                }
            }
        }
        self.accounts.send_replace(Arc::new(known));
        Ok(())
    }

    /// Who listens to callers of an agent.
    pub(crate) fn stt(&self, client: &Client, bindings: &[Binding]) -> Arc<dyn Stt> {
        let known = Arc::clone(&self.accounts.borrow());
        let mut named = Vec::new();
        let ways: Vec<_> = bindings
            .iter()
            .filter_map(|binding| {
                let (provider, vendor) =
                    self.found(&known, client.org, binding, Arc::clone(&self.own_stt), vendors::stt)?;
                named.push((provider.info().clone(), binding.provider.clone(), vendor));
                let provider = drills::stt(client.drill.as_ref(), named.len(), &binding.provider, provider);
                let mut way = Alternative::new(provider, tenant(client, binding));
                // What listens segment by segment gives no words before the final.
                way.partials = vendor != Vendor::OpenaiCompatible.name();
                Some(way)
            })
            .collect();
        if ways.is_empty() || bindings.iter().all(|binding| binding.provider == BUILT_IN) {
            return drills::stt(client.drill.as_ref(), 1, BUILT_IN, Arc::clone(&self.own_stt));
        }
        match SttRoute::new(ways, self.setting(hearing(), client, named)) {
            Ok(route) => Arc::new(route),
            Err(error) => {
                tracing::error!(%error, "no route for speech to text; the built-in models listen");
                Arc::clone(&self.own_stt)
            }
        }
    }

    /// Who speaks for an agent whose own voice is `voice`.
    pub(crate) fn tts(&self, client: &Client, bindings: &[Binding], voice: &Voice) -> Arc<dyn Tts> {
        let known = Arc::clone(&self.accounts.borrow());
        let mut named = Vec::new();
        let ways: Vec<_> = bindings
            .iter()
            .enumerate()
            .filter_map(|(place, binding)| {
                let (provider, vendor) =
                    self.found(&known, client.org, binding, Arc::clone(&self.own_tts), vendors::tts)?;
                named.push((provider.info().clone(), binding.provider.clone(), vendor));
                let provider = drills::tts(client.drill.as_ref(), named.len(), &binding.provider, provider);
                let mut way = Alternative::new(provider, tenant(client, binding));
                // A voice is known to its own vendor alone: the agent's is that of the first.
                let name = binding.voice.clone().or_else(|| (place > 0).then(String::new));
                way.voice = name.map(|name| Voice { name, ..voice.clone() });
                way.cheap = binding.cheap;
                Some(way)
            })
            .collect();
        if ways.is_empty() || bindings.iter().all(|binding| binding.provider == BUILT_IN) {
            return drills::tts(client.drill.as_ref(), 1, BUILT_IN, Arc::clone(&self.own_tts));
        }
        match TtsRoute::new(ways, self.setting(speaking(), client, named)) {
            Ok(route) => Arc::new(route),
            Err(error) => {
                tracing::error!(%error, "no route for text to speech; the built-in voice speaks");
                Arc::clone(&self.own_tts)
            }
        }
    }

    /// Who thinks for an agent; `None`: nobody, since the organization has no account that can.
    pub(crate) fn llm(&self, client: &Client, bindings: &[Binding]) -> Option<Arc<dyn Llm>> {
        self.thinker(client, bindings, thinking(), &self.health)
    }

    /// As `llm`, with other waits, and with breakers and measures of its own.
    pub(crate) fn thinker(
        &self,
        client: &Client,
        bindings: &[Binding],
        options: Options,
        health: &Arc<Health>,
    ) -> Option<Arc<dyn Llm>> {
        let known = Arc::clone(&self.accounts.borrow());
        let org = client.org;
        let mut named = Vec::new();
        let every: Vec<Binding>;
        let bindings = if bindings.is_empty() {
            let names = known.order.get(&org).into_iter().flatten();
            every = names.map(|name| Binding::to(name)).collect();
            &every
        } else {
            bindings
        };
        let ways: Vec<_> = bindings
            .iter()
            .filter_map(|binding| {
                let account = known.accounts.get(&(org, binding.provider.clone()))?;
                let provider = vendors::llm(&self.reach, account, binding.model.as_deref()).ok()?;
                named.push((provider.info().clone(), binding.provider.clone(), account.vendor.name()));
                let provider = drills::llm(client.drill.as_ref(), named.len(), &binding.provider, provider);
                let mut way = Alternative::new(provider, tenant(client, binding));
                way.cheap = binding.cheap;
                Some(way)
            })
            .collect();
        let setting = Setting { health: Arc::clone(health), ..self.setting(options, client, named) };
        let route = LlmRoute::new(ways, setting).ok()?;
        Some(Arc::new(route))
    }

    /// Whether an organization has an account that can.
    pub(crate) fn can_think(&self, org: OrgId) -> bool {
        let known = Arc::clone(&self.accounts.borrow());
        let mut accounts = known.order.get(&org).into_iter().flatten();
        accounts.any(|name| {
            let account = known.accounts.get(&(org, name.clone()));
            account.is_some_and(|account| vendors::llm(&self.reach, account, None).is_ok())
        })
    }

    /// For what is not to share its breakers and measures with calls.
    pub(crate) fn health_apart(&self) -> Health {
        Health::new(providers_route::breaker::Options::default(), self.attempts.clone())
    }

    /// Who hears and speaks for an agent, in the order in which they are asked; empty: nobody.
    pub(crate) fn speech(&self, client: &Client, bindings: &[Binding], voice: &Voice) -> Vec<Way> {
        let known = Arc::clone(&self.accounts.borrow());
        let way = |binding: &Binding| {
            let account = known.accounts.get(&(client.org, binding.provider.clone()))?;
            let model = vendors::speech(account, binding.model.as_deref()).inspect_err(
                |reason| tracing::warn!(org = %client.org, account = binding.provider, %reason, "an account cannot serve"),
            );
            let model = model.ok()?;
            let named = vec![(model.info().clone(), binding.provider.clone(), account.vendor.name())];
            let name = binding.voice.clone().unwrap_or_default();
            Some(Way {
                model,
                voice: Voice { name, ..voice.clone() },
                tenant: tenant(client, binding).into(),
                observer: self.books(client, named),
            })
        };
        bindings.iter().filter_map(way).collect()
    }

    fn setting(
        &self,
        options: Options,
        client: &Client,
        accounts: Vec<(ProviderInfo, String, &'static str)>,
    ) -> Setting {
        let observer = self.books(client, accounts);
        let health = client.drill.as_ref().map_or(&self.health, |drill| &drill.health);
        Setting { options, health: Arc::clone(health), observer, pace: client.pace.clone() }
    }

    fn books(&self, client: &Client, accounts: Vec<(ProviderInfo, String, &'static str)>) -> Arc<Books> {
        Arc::new(Books {
            recorder: self.recorder.clone(),
            client: client.clone(),
            accounts,
            attempts: Arc::clone(&self.attempts),
        })
    }

    /// Whoever a binding names; said in the log where there is nobody, since the call goes on with the others.
    fn found<P: ?Sized>(
        &self,
        known: &Known,
        org: OrgId,
        binding: &Binding,
        own: Arc<P>,
        make: impl Fn(&Reach, &Account, Option<&str>) -> Result<Arc<P>, vendors::Unfit>,
    ) -> Option<(Arc<P>, &'static str)> {
        if binding.provider == BUILT_IN {
            return Some((own, LOCAL));
        }
        let Some(account) = known.accounts.get(&(org, binding.provider.clone())) else {
            tracing::warn!(%org, account = binding.provider, "the agent names an account that is not there or switched off");
            return None;
        };
        make(&self.reach, account, binding.model.as_deref())
            .map(|provider| (provider, account.vendor.name()))
            .inspect_err(
                |reason| tracing::warn!(%org, account = binding.provider, %reason, "an account cannot serve"),
            )
            .ok()
    }
}

/// Breakers are apart for each account: of two at one vendor one may have no credit left.
fn tenant(client: &Client, binding: &Binding) -> String {
    format!("{}/{}", client.org, binding.provider)
}

impl Binding {
    fn to(name: &str) -> Self {
        Self { provider: name.to_owned(), model: None, voice: None, cheap: false }
    }
}

/// The part of the bench that the control plane sees.
pub(crate) struct Vendors(pub(crate) Arc<Bench>);

impl ports::Vendors for Vendors {
    fn all(&self) -> Vec<VendorAbout> {
        vendors::all()
    }

    fn try_out(&self, account: Account, wanted: TrialRequest) -> BoxFuture<'_, TrialAnswer> {
        async move { trial::run(&self.0.reach, &account, &wanted, self.0.own_tts.as_ref()).await }.boxed()
    }

    fn voices(&self, account: Account) -> BoxFuture<'_, Result<Vec<VoiceChoice>, String>> {
        async move { vendors::voices(&self.0.reach, &account).await }.boxed()
    }

    fn open(&self, org: OrgId) -> Vec<OpenAccount> {
        self.0.passed_over(org)
    }

    fn changed(&self, _: OrgId) {
        let bench = Arc::clone(&self.0);
        self.0.tasks.spawn(RELOAD, async move {
            if let Err(error) = bench.reload().await {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "the accounts are read again in a moment"
                );
            }
        });
    }
}
