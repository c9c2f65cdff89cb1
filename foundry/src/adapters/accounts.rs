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
use providers_api::{Llm, Stt, Tts};
use providers_route::call::{hearing, speaking, thinking};
use providers_route::shared::{Shared, keep_in_step};
use providers_route::{Alternative, Health, LlmRoute, Options, Setting, SttRoute, TtsRoute};
use runtime::{Kind, Tasks};
use serde::Deserialize;
use tokio::sync::watch;

use crate::adapters::alone::Alone;
use crate::adapters::attempts::{Attempts, Books, Client};
use crate::adapters::drills;
use crate::adapters::follow::follow;
use crate::adapters::speech_to_speech::Way;
use crate::speech::Speech;
use crate::vendors::{self, Reach};

mod hidden;
mod kept;
mod residency;
mod trial;
mod voices;

use hidden::Hidden;
use kept::Kept;
pub(crate) use trial::wav;
pub(crate) use voices::OneVoice;

const RELOAD: Kind = Kind::new("accounts.reload");
const FOLLOW: Kind = Kind::new("accounts.follow");
/// So late is another server's change seen; one's own is at once.
const FOLLOW_EVERY: Duration = Duration::from_secs(2);
/// A page waits for it.
const VOICES_WITHIN: Duration = Duration::from_secs(10);
/// What agents call the server's own models.
pub(crate) const BUILT_IN: &str = "built-in";

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

type Accounts = HashMap<(OrgId, String), Arc<Kept>>;

/// The accounts of every organization, and the routes made of them.
pub(crate) struct Bench {
    db: Db,
    vault: Arc<Vault>,
    reach: Reach,
    own_stt: Arc<dyn Stt>,
    own_tts: Arc<dyn Tts>,
    /// Of the two, as prices name it.
    own_vendor: &'static str,
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

impl Known {
    /// One at a carrier.
    fn carrier(&self, org: OrgId, name: &str) -> Option<&Account> {
        let kept = self.accounts.get(&(org, name.to_owned()))?;
        Some(&kept.account).filter(|account| is_carrier(account.vendor))
    }
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
            own_stt: kept::own_stt(Arc::clone(&speech.stt), BUILT_IN),
            own_tts: kept::own_tts(Arc::clone(&speech.tts), BUILT_IN),
            own_vendor: speech.vendor,
            health: Arc::new(Health::new(providers_route::breaker::Options::default(), attempts.clone())),
            attempts,
            recorder,
            accounts: watch::Sender::default(),
            tasks: Arc::clone(tasks),
        });
        bench.reload().await?;
        let following = Arc::clone(&bench);
        follow(tasks, FOLLOW, FOLLOW_EVERY, "accounts", move || {
            let bench = Arc::clone(&following);
            async move { bench.reload().await }
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

    /// Reads the accounts again where they have changed: one that is as it was keeps what was made of it. One whose key cannot be opened is
    /// left out and named in the log.
    pub(crate) async fn reload(&self) -> Result<(), control_store::Error> {
        let mut tx = self.db.system_tx(Reason::LoadProviders).await?;
        let stamp = provider_account::stamp(&mut tx).await?;
        if self.accounts.borrow().stamp == stamp {
            return Ok(());
        }
        let stored = provider_account::usable(&mut tx).await?;
        let regions: HashMap<_, _> = provider_account::residencies(&mut tx).await?.into_iter().collect();
        tx.commit().await?;
        let before = Arc::clone(&self.accounts.borrow());
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
                    let key = (org, name);
                    let former = before.accounts.get(&key).filter(|kept| kept.is_of(&account));
                    let kept = former.cloned().unwrap_or_else(|| Arc::new(Kept::new(account)));
                    known.accounts.insert(key, kept);
                }
                Err(reason) => {
                    tracing::error!(%org, %reason, "an account at a vendor cannot be used");
                }
            }
        }
        self.accounts.send_replace(Arc::new(known));
        Ok(())
    }

    /// Names of the organization's accounts at carriers, in the order in which they were made.
    pub(crate) fn carriers(&self, org: OrgId) -> Vec<String> {
        let known = self.accounts.borrow();
        let names = known.order.get(&org).into_iter().flatten();
        names.filter(|name| known.carrier(org, name).is_some()).cloned().collect()
    }

    /// The organization's account of that name at a carrier.
    pub(crate) fn carrier(&self, org: OrgId, name: &str) -> Option<Account> {
        self.accounts.borrow().carrier(org, name).cloned()
    }

    /// Whether anybody has an account at a carrier.
    pub(crate) fn has_carriers(&self) -> bool {
        self.accounts.borrow().accounts.values().any(|kept| is_carrier(kept.account.vendor))
    }

    /// Who listens to callers of an agent.
    pub(crate) fn stt(&self, client: &Client, bindings: &[Binding]) -> Arc<dyn Stt> {
        let known = Arc::clone(&self.accounts.borrow());
        let (mut vendors, mut place) = (HashMap::new(), 0);
        let ways: Vec<_> = bindings
            .iter()
            .filter_map(|binding| {
                let found = self.found(&known, client.org, binding, Some(&self.own_stt), Kept::stt);
                let found = found.or_warn(client.org, binding)?;
                vendors.insert(binding.provider.clone(), found.vendor);
                place += 1;
                let ears = drills::stt(client.drill.as_ref(), place, &binding.provider, found.provider);
                let mut way = Alternative::new(ears, tenant(client, binding));
                // What listens segment by segment gives no words before the final.
                way.partials = found.vendor != Vendor::OpenaiCompatible.name();
                Some(way)
            })
            .collect();
        if ways.is_empty() || is_built_in(bindings) {
            return self.own_ears(client);
        }
        match SttRoute::new(ways, self.setting(hearing(), client, vendors)) {
            Ok(route) => Arc::new(route),
            Err(error) => {
                tracing::error!(%error, "no route for speech to text; the built-in models listen");
                self.own_ears(client)
            }
        }
    }

    /// Who speaks for an agent whose own voice is `voice`.
    pub(crate) fn tts(&self, client: &Client, bindings: &[Binding], voice: &Voice) -> Arc<dyn Tts> {
        let known = Arc::clone(&self.accounts.borrow());
        let (mut vendors, mut asked) = (HashMap::new(), 0);
        let ways: Vec<_> = bindings
            .iter()
            .enumerate()
            .filter_map(|(place, binding)| {
                let found = self.found(&known, client.org, binding, Some(&self.own_tts), Kept::tts);
                let found = found.or_warn(client.org, binding)?;
                vendors.insert(binding.provider.clone(), found.vendor);
                asked += 1;
                let voice_of = drills::tts(client.drill.as_ref(), asked, &binding.provider, found.provider);
                let mut way = Alternative::new(voice_of, tenant(client, binding));
                // A voice is known to its own vendor alone: the agent's is that of the first.
                let name = binding.voice.clone().or_else(|| (place > 0).then(String::new));
                way.voice = name.map(|name| Voice { name, ..voice.clone() });
                way.cheap = binding.cheap;
                Some(way)
            })
            .collect();
        if ways.is_empty() || is_built_in(bindings) {
            return self.own_voice(client);
        }
        match TtsRoute::new(ways, self.setting(speaking(), client, vendors)) {
            Ok(route) => Arc::new(route),
            Err(error) => {
                tracing::error!(%error, "no route for text to speech; the built-in voice speaks");
                self.own_voice(client)
            }
        }
    }

    /// Who thinks for an agent; `None`: nobody, since the organization has no account that can.
    pub(crate) fn llm(&self, client: &Client, bindings: &[Binding]) -> Option<Arc<dyn Llm>> {
        self.thinker(client, bindings, thinking(), self.health_of(client))
    }

    /// As `llm`, with other waits, and with breakers and measures of its own.
    pub(crate) fn thinker(
        &self,
        client: &Client,
        bindings: &[Binding],
        options: Options,
        health: &Arc<Health>,
    ) -> Option<Arc<dyn Llm>> {
        let mut vendors = HashMap::new();
        let mut ways = Vec::new();
        for (binding, found) in self.minds(client.org, bindings) {
            let Some(found) = found.or_warn(client.org, &binding) else { continue };
            vendors.insert(binding.provider.clone(), found.vendor);
            let place = ways.len() + 1;
            let mind = drills::llm(client.drill.as_ref(), place, &binding.provider, found.provider);
            let mut way = Alternative::new(mind, tenant(client, &binding));
            way.cheap = binding.cheap;
            ways.push(way);
        }
        let setting = Setting { health: Arc::clone(health), ..self.setting(options, client, vendors) };
        let route = LlmRoute::new(ways, setting).ok()?;
        Some(Arc::new(route))
    }

    /// Whether anybody thinks for an agent; without bindings: whether the organization has an account that can.
    pub(crate) fn can_think(&self, org: OrgId, bindings: &[Binding]) -> bool {
        self.minds(org, bindings).iter().any(|(_, found)| found.0.is_ok())
    }

    /// For what is not to share its breakers and measures with calls.
    pub(crate) fn health_apart(&self) -> Health {
        Health::new(providers_route::breaker::Options::default(), self.attempts.clone())
    }

    /// Who hears and speaks for an agent, in the order in which they are asked; empty: nobody.
    pub(crate) fn speech(&self, client: &Client, bindings: &[Binding], voice: &Voice) -> Vec<Way> {
        let known = Arc::clone(&self.accounts.borrow());
        let way = |binding: &Binding| {
            let kept = known.accounts.get(&(client.org, binding.provider.clone()))?;
            let model = kept.speech(binding.model.as_deref()).inspect_err(
                |reason| tracing::warn!(org = %client.org, account = binding.provider, %reason, "an account cannot serve"),
            );
            let model = model.ok()?;
            let vendors = HashMap::from([(binding.provider.clone(), kept.account.vendor.name())]);
            let name = binding.voice.clone().unwrap_or_default();
            Some(Way {
                model,
                voice: Voice { name, ..voice.clone() },
                tenant: tenant(client, binding).into(),
                observer: self.books(client.org, Some(client.clone()), vendors),
            })
        };
        bindings.iter().filter_map(way).collect()
    }

    /// Those that the agent names; else the organization's accounts that can, in the order in which they were made.
    fn minds(&self, org: OrgId, bindings: &[Binding]) -> Vec<(Binding, Sought<dyn Llm>)> {
        let known = Arc::clone(&self.accounts.borrow());
        let sought = |binding: Binding| {
            let found = self.found(&known, org, &binding, None, Kept::llm);
            (binding, found)
        };
        if !bindings.is_empty() {
            return bindings.iter().cloned().map(sought).collect();
        }
        let every = known.order.get(&org).into_iter().flatten().map(|name| sought(Binding::to(name)));
        // Not every account is one for thinking.
        every.filter(|(_, found)| found.0.is_ok()).collect()
    }

    fn own_ears(&self, client: &Client) -> Arc<dyn Stt> {
        let ears = drills::stt(client.drill.as_ref(), 1, BUILT_IN, Arc::clone(&self.own_stt));
        Arc::new(Alone::new(ears, self.own_books(client)))
    }

    fn own_voice(&self, client: &Client) -> Arc<dyn Tts> {
        let voice = drills::tts(client.drill.as_ref(), 1, BUILT_IN, Arc::clone(&self.own_tts));
        Arc::new(Alone::new(voice, self.own_books(client)))
    }

    fn own_books(&self, client: &Client) -> Arc<Books> {
        let vendors = HashMap::from([(BUILT_IN.to_owned(), self.own_vendor)]);
        self.books(client.org, Some(client.clone()), vendors)
    }

    fn books(
        &self,
        org: OrgId,
        client: Option<Client>,
        vendors: HashMap<String, &'static str>,
    ) -> Arc<Books> {
        let (recorder, attempts) = (self.recorder.clone(), Arc::clone(&self.attempts));
        Arc::new(Books { recorder, org, client, vendors, attempts })
    }

    fn setting(&self, options: Options, client: &Client, vendors: HashMap<String, &'static str>) -> Setting {
        let books = self.books(client.org, Some(client.clone()), vendors);
        let health = Arc::clone(self.health_of(client));
        Setting { options, health, observer: books, pace: client.pace.clone() }
    }

    /// What a drill breaks is whole for every other call.
    fn health_of<'a>(&'a self, client: &'a Client) -> &'a Arc<Health> {
        client.drill.as_ref().map_or(&self.health, |drill| &drill.health)
    }

    /// Whoever a binding names.
    fn found<P: ?Sized>(
        &self,
        known: &Known,
        org: OrgId,
        binding: &Binding,
        own: Option<&Arc<P>>,
        make: impl Fn(&Kept, &Reach, Option<&str>) -> Result<Arc<P>, vendors::Unfit>,
    ) -> Sought<P> {
        if binding.provider == BUILT_IN {
            let own = own.ok_or_else(|| "the built-in models listen and speak alone".to_owned());
            return Sought(own.map(|own| Found { provider: Arc::clone(own), vendor: self.own_vendor }));
        }
        let Some(kept) = known.accounts.get(&(org, binding.provider.clone())) else {
            return Sought(Err("no account of that name is there and switched on".to_owned()));
        };
        let made = make(kept, &self.reach, binding.model.as_deref());
        Sought(made.map(|provider| Found { provider, vendor: kept.account.vendor.name() }))
    }
}

struct Found<P: ?Sized> {
    provider: Arc<P>,
    /// As prices name it.
    vendor: &'static str,
}

struct Sought<P: ?Sized>(Result<Found<P>, vendors::Unfit>);

impl<P: ?Sized> Sought<P> {
    /// Said in the log where there is nobody, since the call goes on with the others.
    fn or_warn(self, org: OrgId, binding: &Binding) -> Option<Found<P>> {
        self.0
            .inspect_err(|reason| {
                tracing::warn!(%org, account = binding.provider, %reason, "the agent names an account that cannot serve");
            })
            .ok()
    }
}

const fn is_carrier(vendor: Vendor) -> bool {
    matches!(vendor, Vendor::Telnyx | Vendor::Twilio)
}

/// Nobody else is named.
fn is_built_in(bindings: &[Binding]) -> bool {
    bindings.iter().all(|binding| binding.provider == BUILT_IN)
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
        async move {
            let vendors = HashMap::from([(account.name.clone(), account.vendor.name())]);
            let books = self.0.books(account.org, None, vendors);
            trial::run(&self.0.reach, &account, &wanted, self.0.own_tts.as_ref(), books).await
        }
        .boxed()
    }

    fn voices(&self, account: Account) -> BoxFuture<'_, Result<Vec<VoiceChoice>, String>> {
        async move {
            let listed = tokio::time::timeout(VOICES_WITHIN, vendors::voices(&self.0.reach, &account)).await;
            let listed = listed.unwrap_or_else(|_elapsed| {
                Err(format!("no list of voices within {} s", VOICES_WITHIN.as_secs()))
            });
            listed.map_err(|reason| Hidden::of(account.key.as_ref()).text(&reason))
        }
        .boxed()
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
