//! How the rooms are put together: which provider, which agent, which transport, into one serving process.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use anyhow::Context;
use axum::Router;
use control_server::ports::SystemClock;
use control_server::{AdminCode, Ports, Vault};
use domain::{OrgId, Secret};
use media_session::Directory;
use media_session::directory::Kept;
use runtime::{Kind, Tasks};
use tokio::sync::Notify;

use crate::adapters::accounts::{Bench, Vendors};
use crate::adapters::at_once::AtOnce;
use crate::adapters::call_log::CallLog;
use crate::adapters::carriers::left;
use crate::adapters::carriers::legs::Legs;
use crate::adapters::carriers::out::Paces;
use crate::adapters::carriers::{Carriers, Line};
use crate::adapters::catalogue::{self, Catalogue, Source};
use crate::adapters::control::{Definitions, Platform};
use crate::adapters::dialler::{self, Desk, Dialler, Rights};
use crate::adapters::drills::{self, Drills};
use crate::adapters::entry::{Entry, MOST_SILENT};
use crate::adapters::greeter::Greeter;
use crate::adapters::halves::Halves;
use crate::adapters::health::{Health, Metrics};
use crate::adapters::leases::Leases;
use crate::adapters::live::Live;
use crate::adapters::phones::{Lines, Phones};
use crate::adapters::recordings::{self, Recordings};
use crate::adapters::returning::Returning;
use crate::adapters::rooms::{self, Rooms};
use crate::adapters::shared::Redis;
use crate::adapters::spending::Spending;
use crate::adapters::summaries::Summaries;
use crate::cmd::coded;
use crate::config::Config;
use crate::data_dir::DataDir;
use crate::listen;
use crate::operator;
use crate::speech::{CALLS_WITHOUT_MODELS, Speech};
use crate::store::Store;
use crate::switchboard::{Crew, Folders, Record, Switchboard};

const TIDY: Kind = Kind::new("calls.tidy");
const TIDY_EVERY: Duration = Duration::from_secs(600);

/// The running server.
pub(crate) struct House {
    tasks: Arc<Tasks>,
    directory: Directory,
    board: Arc<Switchboard>,
    ports: Ports,
    store: Store,
    /// The default organization.
    home: OrgId,
    /// Signs one browser in.
    code: Arc<AdminCode>,
    vault: Arc<Vault>,
    /// Where it was made here and not configured.
    operator_token: Option<Secret<String>>,
    token_key: Secret<String>,
    /// An address of this machine that others may reach it by.
    address: Option<IpAddr>,
    /// Where SIP is listened for.
    phones: Option<SocketAddr>,
    /// Where the room is not what was asked for.
    note: Option<String>,
    data: DataDir,
}

impl House {
    pub(crate) async fn build(config: &Config, metrics: runtime::telemetry::Metrics) -> anyhow::Result<Self> {
        let data = DataDir::take(&config.data_dir).map_err(|error| coded(error.failure(), error))?;
        let calls = data.calls().to_owned();
        CallLog::tidy(&calls, config.calls.keep, true)
            .with_context(|| format!("reading {}", calls.display()))?;
        let recordings = data.recordings().to_owned();
        let keep_days = config.recordings.keep_days;
        recordings::mend(&recordings)
            .and_then(|()| recordings::tidy(&recordings, keep_days, SystemTime::now()))
            .with_context(|| format!("reading {}", recordings.display()))?;
        let operator_token = match &config.server.operator_token {
            Some(_given) => None,
            None => Some(
                operator::kept(&config.data_dir, operator::TOKEN)
                    .map_err(|error| coded(error.failure(), error))?,
            ),
        };
        let token_key = match &config.server.token_key {
            Some(given) => given.clone(),
            None => operator::kept(&config.data_dir, operator::KEY)
                .map_err(|error| coded(error.failure(), error))?,
        };
        let sockets = media_socket::Options::default();
        sockets.validate().map_err(|wrong| anyhow::anyhow!("the sockets' options: {wrong}"))?;
        let tasks = Arc::new(Tasks::new());
        metrics.keep_up(&tasks);
        keep_tidy(&tasks, calls.clone(), config.calls.keep, recordings.clone(), keep_days);
        let rtc = media_rtc::Server::bind(
            media_rtc::Options {
                listen: config.media_listen(),
                advertise: config.server.advertise.clone(),
                // As long as its session waits for the caller.
                return_within_ms: u64::from(config.session.reattach_s) * 1_000,
                max_half_open_per_address: config.server.connecting_per_address,
                ..media_rtc::Options::default()
            },
            &tasks,
        )
        .map_err(|error| {
            anyhow::anyhow!("{}: {error}; choose another with --media-listen IP:PORT", error.failure().code)
        })?;
        let store = Store::open(config).await?;
        let speech = Speech::start(config, &tasks).await?;
        let address =
            rtc.candidates_announced().iter().map(SocketAddr::ip).find(|address| !address.is_loopback());
        let (room, note) = room(config.calls.max, speech.capacity);
        let directory = Directory::new(room);
        let parts = speech.parts.clone();
        let sources = catalogue::sources(config, speech.embedder.clone()).await?;
        let home = seed(&store, sources).await?;
        let vault = Arc::new(Vault::new(&master_key(config)?));
        let made = control_server::seed_accounts(store.db(), home, &vault, &config.accounts).await;
        for name in made.map_err(|error| coded(error.failure(), error))? {
            tracing::info!(account = name, "an account at a vendor was made of a key in the environment");
        }
        let bench =
            Bench::open(store.db().clone(), store.recorder().clone(), Arc::clone(&vault), &speech, &tasks)
                .await;
        let bench = bench.map_err(|error| coded(error.failure(), error))?;
        bench.look_after(other_servers(config)?);
        let drills = Drills::open(store.db().clone(), &tasks).await;
        let drills = drills.map_err(|error| coded(error.failure(), error))?;
        let catalogue =
            Catalogue::load(config, store.db().clone(), home, speech.embedder.clone(), Arc::clone(&tasks))
                .await?;
        let catalogue = Arc::new(catalogue);
        catalogue.follow(&tasks);
        let record = Record { recorder: store.recorder().clone(), server: store.server() };
        let folders = Folders { calls: calls.clone(), recordings: recordings.clone() };
        let patience = Duration::from_secs(u64::from(config.session.reattach_s));
        let returning = Returning::find(
            &catalogue,
            store.db(),
            store.recorder().clone(),
            store.server(),
            patience,
            recordings.clone(),
            &tasks,
        )
        .await;
        let returning = returning.map_err(|error| coded(error.failure(), error))?;
        let greeter =
            Greeter::start(store.db().clone(), Arc::clone(&catalogue), Arc::clone(&bench), &tasks).await;
        let greeter = greeter.map_err(|error| coded(error.failure(), error))?;
        let at_once =
            AtOnce::start(&speech, Arc::clone(&catalogue), Arc::clone(&bench), Arc::clone(&tasks)).await;
        let platform = Platform::new(&parts, &store);
        let crew = Crew {
            bench: Arc::clone(&bench),
            drills: Arc::clone(&drills),
            catalogue: Arc::clone(&catalogue),
            greeter: Arc::clone(&greeter),
            at_once: Arc::clone(&at_once),
        };
        let live = Arc::new(Live::new(directory.clone(), store.server()));
        let board = Switchboard::new(speech, crew, record, folders, returning, Arc::clone(&live));
        let board = Arc::new(board);
        board.keep_warm(&tasks);
        let spending = Spending::follow(store.db().clone(), directory.clone(), &tasks).await;
        let spending = spending.map_err(|error| coded(error.failure(), error))?;
        at_once.render_ahead();
        greeter.render_ahead(directory.clone());
        let callers = config.sip.trunks.iter().filter_map(|trunk| {
            let shown = trunk.caller.clone().or_else(|| trunk.user.clone())?;
            Some((trunk.name.clone(), shown))
        });
        let rights = Arc::new(Rights {
            home,
            trunks: config.sip.trunks.iter().map(|trunk| trunk.name.clone()).collect(),
            callers: callers.collect(),
            lent: config.sip.lent.clone(),
        });
        let lines = Arc::new(Lines::new(directory.clone()));
        let phones = match config.sip.options() {
            Some(options) => {
                let named =
                    options.tls_listen.map(|address| address.ip()).into_iter().chain(options.advertise);
                let names = listen::names(named);
                let tls = options.tls_listen.map(|_| listen::identity(&config.sip.tls(), names)).transpose();
                let identity = tls.map_err(|error| coded(error.failure(), error))?.flatten().map(Arc::new);
                let bound = media_sip::Server::bind_as(options, identity, &tasks).await;
                let (server, ringing) = bound.map_err(|error| coded(error.failure(), error))?;
                let phones = Phones {
                    board: Arc::clone(&board),
                    directory: directory.clone(),
                    spending: Arc::clone(&spending),
                    tasks: Arc::clone(&tasks),
                    lines: Arc::clone(&lines),
                    rights: Arc::clone(&rights),
                    open: config.sip.open,
                };
                phones.answer(server.clone(), ringing);
                Some(server)
            }
            None => None,
        };
        let livekit = config.livekit.server();
        let doors = livekit.clone().map(|(url, keys)| {
            let url = config.livekit.public_url.clone().unwrap_or(url);
            Arc::new(rooms::Doors { url, keys, board: Arc::clone(&board) })
                as Arc<dyn control_server::ports::Rooms>
        });
        if let Some((url, keys)) = livekit {
            let leases = Leases::start(store.db().clone(), store.server(), url.clone(), &tasks);
            let trust = config.livekit.trust()?;
            let options = providers_link::http::Options { trust: Some(trust.config()), ..Default::default() };
            let rooms = Rooms {
                client: providers_link::Client::new(options),
                leases,
                board: Arc::clone(&board),
                directory: directory.clone(),
                spending: Arc::clone(&spending),
                tasks: Arc::clone(&tasks),
                url,
                keys,
                trust,
                credentials: Arc::new(media_rtc::link::Credentials::generate()),
                reattach: patience,
            };
            rooms.open();
        }
        let (line, legs) = (Line::new(), Legs::default());
        let record =
            left::Record::start(store.db().clone(), store.server(), Arc::clone(&vault), line.clone(), &tasks);
        let desk = Arc::new(Desk {
            sip: phones.clone(),
            board: Arc::clone(&board),
            directory: directory.clone(),
            spending: Arc::clone(&spending),
            tasks: Arc::clone(&tasks),
            db: store.db().clone(),
            server: store.server(),
            rights,
            carriers: dialler::Carriers {
                bench: Arc::clone(&bench),
                line: line.clone(),
                legs: legs.clone(),
                record: record.clone(),
                paces: Paces::default(),
                public_url: config.surface().own_origin(),
            },
            lines,
            kept: Kept { percent: config.calls.kept_for_callers_percent },
            queued: Notify::new(),
            last: Mutex::default(),
        });
        board.calls_people_by(&desk);
        desk.open().await.map_err(|error| coded(error.failure(), error))?;
        let dialler = Dialler(desk);
        let carriers = Carriers {
            catalogue: Arc::clone(&catalogue),
            directory: directory.clone(),
            spending: Arc::clone(&spending),
            line: line.clone(),
            legs: legs.clone(),
            server: store.server(),
        };
        let entry = Entry {
            board: Arc::clone(&board),
            spending,
            line,
            legs,
            record,
            directory: directory.clone(),
            rtc: rtc.clone(),
            sockets,
            tasks: Arc::clone(&tasks),
            halves: Halves::default(),
            silent: Arc::new(tokio::sync::Semaphore::new(MOST_SILENT)),
        };
        let summaries = Arc::new(Summaries::new(Arc::clone(&bench), store.db().clone()));
        let ports = Ports {
            calls: Arc::new(entry),
            carriers: Arc::new(carriers),
            log: Arc::new(CallLog::new(calls)),
            recordings: Arc::new(Recordings::new(recordings, tasks.child())),
            health: Arc::new(Health { directory: directory.clone(), parts }),
            metrics: Arc::new(Metrics { process: metrics, rtc }),
            clock: Arc::new(SystemClock),
            definitions: Arc::new(Definitions {
                catalogue: Arc::clone(&catalogue),
                bench: Arc::clone(&bench),
                tasks: Arc::clone(&tasks),
            }),
            platform: Arc::new(platform),
            vendors: Arc::new(Vendors(bench)),
            greetings: greeter,
            drills: Arc::new(drills::Control { drills, catalogue }),
            rooms: doors,
            dialler: Arc::new(dialler),
            live,
        };
        let kept = Arc::clone(&ports.recordings);
        let dialling = Arc::clone(&ports.dialler);
        control_server::jobs::start(store.db(), store.server(), kept, summaries, dialling, &tasks);
        let code = Arc::new(AdminCode::generate());
        let noted = code.note(store.db(), home).await;
        noted.map_err(|error| coded(error.failure(), error))?;
        Ok(Self {
            tasks,
            directory,
            board,
            ports,
            store,
            home,
            code,
            vault,
            operator_token,
            token_key,
            address,
            phones: phones.map(|server| server.address()),
            note,
            data,
        })
    }

    pub(crate) fn router(&self, config: &Config) -> anyhow::Result<Router> {
        let mut options = config.surface();
        if let Some(made) = &self.operator_token {
            options.operator_token = Some(made.clone());
        }
        options.token_key = Some(self.token_key.clone());
        let store = control_server::Store::of(self.store.db().clone(), self.home);
        Ok(control_server::Server::new(
            options,
            self.ports.clone(),
            store,
            Arc::clone(&self.code),
            Arc::clone(&self.vault),
        )?)
    }

    /// Good once, for the link that is printed.
    pub(crate) fn admin_code(&self) -> Option<String> {
        self.code.shown()
    }

    /// Told to commands on this machine. They can be told otherwise: the server does not end for it.
    pub(crate) fn reached_at(&self, url: &str) {
        if let Err(error) = self.data.reached_at(url) {
            tracing::warn!(%error, "commands beside this server will not know its address");
        }
    }

    pub(crate) fn address(&self) -> Option<IpAddr> {
        self.address
    }

    pub(crate) fn phones(&self) -> Option<SocketAddr> {
        self.phones
    }

    pub(crate) fn tasks(&self) -> &Tasks {
        &self.tasks
    }

    pub(crate) fn calls_now(&self) -> usize {
        self.directory.counts().running
    }

    /// One line for the person who started it.
    pub(crate) fn says(&self) -> String {
        let lines = self.directory.counts().capacity;
        let note = self.note.as_ref().map(|note| format!(" ({note})")).unwrap_or_default();
        format!("{} and room for {lines} calls at once{note}.", self.board.titles())
    }

    pub(crate) async fn drain(&self, deadline: Duration, grace: Duration) -> bool {
        self.directory.drain(deadline, grace).await
    }

    /// The store last: what calls leave behind at their end is written.
    pub(crate) async fn shutdown(&self) {
        self.tasks.shutdown().await;
        self.store.close().await;
    }
}

/// How many calls at once, and what to say where that is not what was asked for: a call that this machine cannot carry is
/// refused in so many words, never taken to stutter.
fn room(asked: Option<usize>, carried: Option<usize>) -> (usize, Option<String>) {
    match (asked, carried) {
        (Some(asked), Some(carried)) if asked > carried => {
            let note =
                format!("not the {asked} asked for: this machine carries {carried} with the embedded models");
            (carried, Some(note))
        }
        (asked, carried) => (asked.or(carried).unwrap_or(CALLS_WITHOUT_MODELS), None),
    }
}

/// The oldest logs and recordings go while the server runs, too.
fn keep_tidy(tasks: &Tasks, calls: PathBuf, keep: usize, recordings: PathBuf, keep_days: u32) {
    let own = tasks.child();
    tasks.spawn(TIDY, async move {
        loop {
            tokio::time::sleep(TIDY_EVERY).await;
            let (calls, recordings) = (calls.clone(), recordings.clone());
            let tidy = move || {
                CallLog::tidy(&calls, keep, false)
                    .and_then(|()| recordings::tidy(&recordings, keep_days, SystemTime::now()))
            };
            if let Ok(Err(error)) = own.spawn_blocking(TIDY, tidy).await {
                tracing::warn!(%error, "old call logs or recordings could not be removed");
            }
        }
    });
}

/// The way to the other servers, where there is one.
fn other_servers(config: &Config) -> anyhow::Result<Option<Arc<dyn providers_route::shared::Shared>>> {
    let Some(url) = &config.store.redis_url else { return Ok(None) };
    let root = config.store.redis_ca.as_ref().map(|path| {
        std::fs::read(path)
            .with_context(|| format!("CONFIG_INVALID: store.redis_ca: cannot read {}", path.display()))
    });
    let redis = Redis::new(url, &config.store.redis_namespace, root.transpose()?)
        .map_err(|wrong| anyhow::anyhow!("CONFIG_INVALID: FOUNDRY_REDIS_URL (store.redis_url) {wrong}"))?;
    Ok(Some(Arc::new(redis)))
}

fn master_key(config: &Config) -> anyhow::Result<Secret<String>> {
    match &config.store.master_key {
        Some(given) => Ok(given.clone()),
        None => operator::kept(&config.data_dir, operator::MASTER_KEY)
            .map_err(|error| coded(error.failure(), error)),
    }
}

/// The default organization with its agents: made at the first start, brought up to the agents folder at every other.
async fn seed(store: &Store, sources: Vec<Source>) -> anyhow::Result<OrgId> {
    let definitions = sources.into_iter().map(|source| control_server::Definition {
        name: source.name,
        title: source.title,
        json: source.json,
        source: if source.shipped { control_server::Source::Shipped } else { control_server::Source::Folder },
    });
    let seeded = control_server::seed(store.db(), definitions.collect()).await;
    seeded.map_err(|error| coded(error.failure(), error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_given_more_calls_than_the_machine_carries() {
        assert_eq!(room(None, Some(3)), (3, None));
        assert_eq!(room(Some(2), Some(3)), (2, None));
        let (calls, note) = room(Some(50), Some(3));
        assert_eq!(calls, 3);
        assert!(note.is_some_and(|note| note.contains("50") && note.contains("carries 3")));
        // Vendors do the heavy work: the operator knows their limits.
        assert_eq!(room(Some(50), None), (50, None));
        assert_eq!(room(None, None), (CALLS_WITHOUT_MODELS, None));
    }
}
