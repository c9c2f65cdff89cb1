//! What callers can reach: every served version, drafts and older versions when somebody tries them, each made ready (`making`). Follows the
//! database: what is published is called a second later, and a running call keeps what it began with.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use agents_graph::AgentDefinition;
use agents_run::tools::{Appointments, Builtin};
use agents_run::{Ports, SystemClock};
use anyhow::Context;
use control_store::serving::{self, Serving, Way};
use control_store::{Db, Reason, greeting, route};
use domain::{AgentId, ChannelId, EnvironmentId, OrgId, RouteId};
use futures::{StreamExt, stream};
use providers_api::Embedder;
use runtime::{Kind, Tasks};
use sha2::{Digest, Sha256};
use tokio::sync::watch;

use crate::adapters::attempts::Client;
use crate::adapters::follow::follow;
use crate::adapters::paces::Latency;
use crate::config::Config;

mod making;
mod routes;

use making::{Maker, dressed};
pub(crate) use making::{Ready, Source, check_alone, sources};
pub(crate) use routes::Reach;

const FOLLOW: Kind = Kind::new("agents.follow");
const MAKE: Kind = Kind::new("agents.make");
/// So late is another server's change seen; one's own is at once.
const FOLLOW_EVERY: Duration = Duration::from_secs(1);
/// Versions that are made ready at once when a server starts.
const MAKERS: usize = 4;
/// Drafts and older versions that are kept ready; beyond, all are made again when they are asked for.
const TRIALS: usize = 64;
/// Where callers land who name an agent alone.
pub(crate) const HOME_ENVIRONMENT: &str = "prod";

/// Somebody whom a caller can be connected to.
#[derive(Clone)]
pub(crate) struct Callable {
    pub(crate) org: OrgId,
    pub(crate) agent: AgentId,
    pub(crate) name: String,
    /// 0: the draft.
    pub(crate) version: i32,
    pub(crate) environment: Option<EnvironmentId>,
    pub(crate) channel: Option<ChannelId>,
    /// Of its graph, where the call begins; `None`: at the agent's entry.
    pub(crate) node: Option<String>,
    pub(crate) ready: Arc<Ready>,
}

#[derive(Default)]
struct Served {
    stamp: String,
    /// Versions of it that are still being made ready.
    missing: usize,
    /// By organization, agent and environment.
    agents: BTreeMap<(OrgId, String, String), Callable>,
    /// By the id of the channel, or of the route.
    ways: HashMap<String, Callable>,
    hosts: HashMap<String, Callable>,
    /// For the p95 of the response, in ms, of agents that name no target of their own.
    targets: HashMap<OrgId, u64>,
    routes: routing::Table,
    leads_rooms: bool,
}

/// Of what a version is made of.
type Hash = [u8; 32];

/// Versions that are not served yet, though they are published.
#[derive(Default)]
struct Making {
    running: HashSet<Hash>,
    /// They cannot be made ready, and are not tried again.
    failed: HashSet<Hash>,
    /// One version at a time for each organization, so that none waits for the many or the large ones of another.
    turns: HashMap<OrgId, Arc<tokio::sync::Mutex<()>>>,
}

struct Trial {
    revision: i32,
    callable: Callable,
}

pub(crate) struct Catalogue {
    db: Db,
    maker: Maker,
    ports: Ports,
    /// The organization of callers who name none.
    home: OrgId,
    served: watch::Sender<Arc<Served>>,
    trials: Mutex<HashMap<String, Trial>>,
    /// By the hash of what they are made of; those in use.
    made: Mutex<HashMap<Hash, Arc<Ready>>>,
    making: Mutex<Making>,
    reloading: tokio::sync::Mutex<()>,
}

impl Catalogue {
    /// # Errors
    /// When the database does not answer.
    pub(crate) async fn load(
        config: &Config,
        db: Db,
        home: OrgId,
        embedder: Option<Arc<dyn Embedder>>,
        tasks: Arc<Tasks>,
    ) -> anyhow::Result<Self> {
        let maker = Maker::new(config, embedder)?;
        let clock = Arc::new(SystemClock);
        let appointments = Appointments::new(config.data_dir.join("appointments.jsonl"), clock.clone());
        let tools = Arc::new(Builtin::new(appointments, Arc::clone(&tasks)));
        let catalogue = Self {
            db,
            maker,
            ports: Ports { llm: None, meter: None, tools, clock, tasks, bridges: None },
            home,
            served: watch::Sender::default(),
            trials: Mutex::default(),
            made: Mutex::default(),
            making: Mutex::default(),
            reloading: tokio::sync::Mutex::default(),
        };
        catalogue.make_all().await.context("STORE_FAILED: loading the agents")?;
        Ok(catalogue)
    }

    /// Before the first call: everything that is published.
    async fn make_all(&self) -> Result<(), control_store::Error> {
        let missing = stream::iter(self.assemble().await?);
        missing
            .for_each_concurrent(MAKERS, async |(hash, serving)| drop(self.made(hash, &serving).await))
            .await;
        self.assemble().await.map(drop)
    }

    /// Follows what other servers and commands change, too.
    pub(crate) fn follow(self: &Arc<Self>, tasks: &Tasks) {
        let following = Arc::clone(self);
        follow(tasks, FOLLOW, FOLLOW_EVERY, "agents", move || {
            let catalogue = Arc::clone(&following);
            async move { catalogue.reload().await }
        });
    }

    /// Serves what has changed, each version as soon as it is ready; does not wait for those that are not.
    pub(crate) async fn reload(self: &Arc<Self>) -> Result<(), control_store::Error> {
        for (hash, serving) in self.assemble().await? {
            if !self.making().running.insert(hash) {
                continue;
            }
            let catalogue = Arc::clone(self);
            self.ports.tasks.spawn(MAKE, async move {
                let turn = Arc::clone(catalogue.making().turns.entry(serving.org).or_default());
                let turn = turn.lock().await;
                // Held until it is served: what nobody holds is forgotten.
                let _ready = catalogue.made(hash, &serving).await;
                drop(turn);
                catalogue.making().running.remove(&hash);
                if let Err(error) = catalogue.assemble().await {
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "the agents are looked at again in a moment"
                    );
                }
            });
        }
        Ok(())
    }

    /// Puts together what is served of all that is ready, and gives what is not. Until a version is ready, and where it cannot be, the
    /// one before it is served.
    async fn assemble(&self) -> Result<Vec<(Hash, Serving)>, control_store::Error> {
        // One after the other: of two the slower must not put back what it read first.
        let _turn = self.reloading.lock().await;
        let mut tx = self.db.system_tx(Reason::LoadAgents).await?;
        let stamp = serving::stamp(&mut tx).await?;
        let before = Arc::clone(&self.served.borrow());
        if before.missing == 0 && before.stamp == stamp {
            return Ok(Vec::new());
        }
        let (agents, ways) = (serving::all(&mut tx).await?, serving::ways(&mut tx).await?);
        let targets = serving::latency_targets(&mut tx).await?;
        let (routes, calendars) = (route::open(&mut tx).await?, greeting::calendars(&mut tx).await?);
        tx.commit().await?;
        let targets =
            targets.into_iter().filter_map(|(org, ms)| Some((org, u64::try_from(ms).ok()?))).collect();
        let mut served = Served { stamp, targets, ..Served::default() };
        let (mut missing, mut seen) = (Vec::new(), HashSet::new());
        for serving in agents {
            let hash = hash(&serving.definition, serving.version);
            seen.insert(hash);
            let key = (serving.org, serving.agent_name.clone(), serving.environment_name.clone());
            if let Some(ready) = self.known(hash) {
                served.agents.insert(key, callable(&serving, ready));
                continue;
            }
            if let Some(former) = before.agents.get(&key) {
                served.agents.insert(key, former.clone());
            }
            if !self.making().failed.contains(&hash) {
                missing.push((hash, serving));
            }
        }
        self.making().failed.retain(|hash| seen.contains(hash));
        served.missing = missing.len();
        served.open(&ways);
        served.lead(routes, calendars, &ways);
        self.served.send_replace(Arc::new(served));
        self.forget_unused();
        Ok(missing)
    }

    /// Of one that is published. It is told of once that it cannot be made.
    async fn made(&self, hash: Hash, serving: &Serving) -> Option<Arc<Ready>> {
        match self.ready(&serving.definition, serving.version).await {
            Ok(ready) => Some(ready),
            Err(error) => {
                tracing::error!(agent = serving.agent_name, version = serving.version, error = %format!("{error:#}"), "this version cannot be served");
                self.making().failed.insert(hash);
                None
            }
        }
    }

    /// The same definition is made once, however many environments serve it.
    async fn ready(&self, definition: &str, version: i32) -> anyhow::Result<Arc<Ready>> {
        let key = hash(definition, version);
        if let Some(ready) = self.known(key) {
            return Ok(ready);
        }
        let json = dressed(definition, version)?;
        let ready = Arc::new(self.maker.make(&json).await?);
        self.made.lock().unwrap_or_else(PoisonError::into_inner).insert(key, Arc::clone(&ready));
        Ok(ready)
    }

    fn known(&self, hash: Hash) -> Option<Arc<Ready>> {
        self.made.lock().unwrap_or_else(PoisonError::into_inner).get(&hash).cloned()
    }

    fn making(&self) -> MutexGuard<'_, Making> {
        self.making.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn forget_unused(&self) {
        self.made
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .retain(|_, ready| Arc::strong_count(ready) > 1);
    }

    /// What only the program knows of a definition's settings, such as whether a file is there: the pointer, and what is wrong.
    pub(crate) fn check(&self, definition: &AgentDefinition) -> Result<(), String> {
        self.maker.check(definition).map_err(|error| format!("{error:#}"))
    }

    /// An agent of an organization at one of its versions (0: the draft), whether it is served or not. `None`: there is none.
    pub(crate) async fn at(&self, org: OrgId, agent: &str, version: i32) -> anyhow::Result<Option<Callable>> {
        let Some(found) = self.stored(org, agent, version).await? else { return Ok(None) };
        self.tried(org, agent, &found).await.map(Some)
    }

    /// What was stored, made ready beside what is served.
    async fn tried(&self, org: OrgId, name: &str, found: &serving::Trial) -> anyhow::Result<Callable> {
        let ready = self.ready(&found.definition, found.version).await?;
        let (agent, name, version) = (found.agent, name.to_owned(), found.version);
        Ok(Callable { org, agent, name, version, environment: None, channel: None, node: None, ready })
    }

    async fn stored(&self, org: OrgId, agent: &str, version: i32) -> anyhow::Result<Option<serving::Trial>> {
        let mut tx = self.db.org_tx(org).await?;
        let found = match version {
            0 => serving::draft(&mut tx, agent).await?,
            number => serving::version(&mut tx, agent, number).await?,
        };
        tx.commit().await?;
        Ok(found)
    }

    /// Makes a draft or an older version ready, where `name` asks for one. After it `find` knows it.
    pub(crate) async fn prepare(&self, name: &str) -> anyhow::Result<()> {
        let Some((org, wanted)) = self.wanted(name) else { return Ok(()) };
        let Some((agent, trial)) = wanted.trial() else { return Ok(()) };
        let found = self.stored(org, agent, trial.unwrap_or_default()).await?;
        let Some(found) = found else { return Ok(()) };
        let known =
            self.trials.lock().unwrap_or_else(PoisonError::into_inner).get(name).map(|trial| trial.revision);
        if known == Some(found.revision) {
            return Ok(());
        }
        let callable = self.tried(org, agent, &found).await?;
        self.forget_unused();
        let mut trials = self.trials.lock().unwrap_or_else(PoisonError::into_inner);
        if trials.len() >= TRIALS {
            trials.clear();
        }
        trials.insert(name.to_owned(), Trial { revision: found.revision, callable });
        Ok(())
    }

    /// Whom a caller means: `front-desk`, `front-desk@staging`, the id of a channel or route, and what was prepared: `front-desk@draft`, `front-desk@3`.
    /// Agents of another organization than the default one have its id before their name: `org_.../front-desk`.
    pub(crate) fn find(&self, name: &str) -> Option<Callable> {
        let served = Arc::clone(&self.served.borrow());
        let (org, wanted) = self.wanted(name)?;
        match wanted {
            Wanted::Way(id) => served.ways.get(id).cloned(),
            Wanted::Environment(agent, environment) => {
                served.agents.get(&(org, agent.to_owned(), environment.to_owned())).cloned()
            }
            Wanted::Draft(_) | Wanted::Version(..) => {
                let trials = self.trials.lock().unwrap_or_else(PoisonError::into_inner);
                trials.get(name).map(|trial| trial.callable.clone())
            }
        }
    }

    /// The agents of other organizations than the default one, by the names that `find` knows them by.
    pub(crate) fn elsewhere(&self) -> Vec<(String, Callable)> {
        let served = Arc::clone(&self.served.borrow());
        let others = served
            .agents
            .iter()
            .filter(|((org, _, environment), _)| *org != self.home && environment == HOME_ENVIRONMENT);
        others.map(|((org, name, _), callable)| (format!("{org}/{name}"), callable.clone())).collect()
    }

    /// Whose agent a name means; of a channel or route, only where there is one.
    pub(crate) fn owner(&self, name: &str) -> Option<OrgId> {
        match self.wanted(name)? {
            (_, Wanted::Way(id)) => self.served.borrow().ways.get(id).map(|callable| callable.org),
            (org, _) => Some(org),
        }
    }

    fn wanted<'a>(&self, name: &'a str) -> Option<(OrgId, Wanted<'a>)> {
        match name.split_once('/') {
            None => Some((self.home, Wanted::of(name))),
            Some((org, name)) => Some((org.parse().ok()?, Wanted::of(name))),
        }
    }

    /// How long callers may wait: as the agent says, or its organization.
    pub(crate) fn latency(&self, callable: &Callable) -> Option<Latency> {
        let of_all = || self.served.borrow().targets.get(&callable.org).copied().map(Latency::of);
        let latency = callable.ready.latency.clone().or_else(of_all)?;
        Some(latency.said_in(&callable.ready.agent.graph().definition.language))
    }

    /// The agent that a hostname leads to, as a channel or route.
    pub(crate) fn of_host(&self, host: &str) -> Option<String> {
        let served = Arc::clone(&self.served.borrow());
        if let Some(channel) = served.hosts.get(host).and_then(|callable| callable.channel) {
            return Some(channel.to_string());
        }
        match self.reach(&routing::Arrival { host: Some(host.to_owned()), ..routing::Arrival::default() }) {
            Reach::Route(name) => Some(name),
            Reach::Unserved | Reach::Nobody => None,
        }
    }

    /// Everybody who is served, in each environment; and what differs when they may be others.
    pub(crate) fn served(&self) -> (String, Vec<Callable>) {
        let served = Arc::clone(&self.served.borrow());
        (format!("{} {}", served.stamp, served.missing), served.agents.values().cloned().collect())
    }

    fn shown(&self) -> Vec<Callable> {
        let served = Arc::clone(&self.served.borrow());
        let home = served
            .agents
            .iter()
            .filter(|((org, _, environment), _)| *org == self.home && environment == HOME_ENVIRONMENT);
        home.filter(|(_, callable)| !callable.ready.page.hidden)
            .map(|(_, callable)| callable.clone())
            .collect()
    }

    /// Those that a person may choose, of those that can serve.
    pub(crate) fn agents(&self, can_serve: impl Fn(&Callable) -> bool) -> Vec<control_api::Agent> {
        let page = |callable: Callable| control_api::Agent {
            title: callable.ready.title().to_owned(),
            name: callable.name,
            description: callable.ready.page.description.clone(),
            suggestions: callable.ready.page.suggestions.clone(),
        };
        self.shown().into_iter().filter(can_serve).map(page).collect()
    }

    /// What conversations of its agents work with.
    pub(crate) fn ports(&self) -> &Ports {
        &self.ports
    }
}

/// What a caller's word for an agent asks for.
enum Wanted<'a> {
    /// A channel, or a route.
    Way(&'a str),
    Environment(&'a str, &'a str),
    Draft(&'a str),
    Version(&'a str, i32),
}

impl<'a> Wanted<'a> {
    fn of(name: &'a str) -> Self {
        let is = |prefix: &str| name.strip_prefix(prefix).is_some_and(|rest| rest.starts_with('_'));
        if is(ChannelId::PREFIX) || is(RouteId::PREFIX) {
            return Self::Way(name);
        }
        match name.split_once('@') {
            None => Self::Environment(name, HOME_ENVIRONMENT),
            Some((agent, "draft")) => Self::Draft(agent),
            Some((agent, which)) => match which.parse() {
                Ok(number) => Self::Version(agent, number),
                Err(_) => Self::Environment(agent, which),
            },
        }
    }

    /// The agent whose draft or version must be made first.
    fn trial(self) -> Option<(&'a str, Option<i32>)> {
        match self {
            Self::Draft(agent) => Some((agent, None)),
            Self::Version(agent, number) => Some((agent, Some(number))),
            Self::Way(_) | Self::Environment(..) => None,
        }
    }
}

fn hash(definition: &str, version: i32) -> Hash {
    let mut hash = Sha256::new();
    hash.update(version.to_le_bytes());
    hash.update(definition);
    hash.finalize().into()
}

fn callable(serving: &Serving, ready: Arc<Ready>) -> Callable {
    Callable {
        org: serving.org,
        agent: serving.agent,
        name: serving.agent_name.clone(),
        version: serving.version,
        environment: Some(serving.environment),
        channel: None,
        node: None,
        ready,
    }
}

impl Served {
    fn open(&mut self, ways: &[Way]) {
        for way in ways {
            let served = self.agents.values().find(|callable| {
                callable.org == way.org
                    && callable.agent == way.agent
                    && callable.environment == Some(way.environment)
            });
            let Some(callable) = served.cloned() else { continue };
            let callable = Callable { channel: Some(way.channel), ..callable };
            if way.kind == "host" {
                self.hosts.insert(way.address.clone(), callable.clone());
            }
            self.ways.insert(way.channel.to_string(), callable);
        }
    }
}

impl Callable {
    /// As those who keep the books name it.
    pub(crate) fn client(&self) -> Client {
        Client {
            org: self.org,
            agent: self.agent,
            agent_name: self.name.clone(),
            environment: self.environment,
            drill: None,
            pace: None,
        }
    }
}

#[cfg(test)]
mod tests;
