//! How the rooms are put together: which provider, which agent, which transport, into one serving process.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use axum::Router;
use control_server::Ports;
use control_server::ports::SystemClock;
use domain::{Secret, Voice};
use media_session::ports::NOT_UNDERSTOOD;
use media_session::{ClientProtocol, Clip, Clips, Directory, Leg, Parts, Place, sentence};
use runtime::{Kind, Tasks};

use crate::adapters::call_log::CallLog;
use crate::adapters::dialogue::{Answering, Catalogue};
use crate::adapters::entry::Entry;
use crate::adapters::health::{Health, Metrics};
use crate::adapters::sink::Sink;
use crate::cmd::coded;
use crate::config::Config;
use crate::data_dir::DataDir;
use crate::operator;
use crate::speech::{CALLS_WITHOUT_MODELS, Speech};

/// What the agent says when a provider fails, rendered at start so that it needs none.
const APOLOGY: &str = "I'm sorry, I'm having a technical problem. Please give me a moment.";

const TIDY: Kind = Kind::new("calls.tidy");
const TIDY_EVERY: Duration = Duration::from_secs(600);

/// The running server.
pub(crate) struct House {
    tasks: Arc<Tasks>,
    directory: Directory,
    board: Arc<Switchboard>,
    ports: Ports,
    /// Where it was made here and not configured.
    operator_token: Option<Secret<String>>,
    /// An address of this machine that others may reach it by.
    address: Option<IpAddr>,
    /// Where the room is not what was asked for.
    note: Option<String>,
    _data: DataDir,
}

impl House {
    pub(crate) async fn build(config: &Config, metrics: runtime::telemetry::Metrics) -> anyhow::Result<Self> {
        let data = DataDir::take(&config.data_dir).map_err(|error| coded(error.failure(), error))?;
        let calls = data.calls().to_owned();
        CallLog::tidy(&calls, config.calls.keep, true)
            .with_context(|| format!("reading {}", calls.display()))?;
        let operator_token = match &config.server.operator_token {
            Some(_given) => None,
            None => Some(operator::kept(&config.data_dir).map_err(|error| coded(error.failure(), error))?),
        };
        let sockets = media_socket::Options::default();
        sockets.validate().map_err(|wrong| anyhow::anyhow!("the sockets' options: {wrong}"))?;
        let tasks = Arc::new(Tasks::new());
        metrics.keep_up(&tasks);
        keep_tidy(&tasks, calls.clone(), config.calls.keep);
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
        let speech = Speech::start(config).await?;
        let address =
            rtc.candidates_announced().iter().map(SocketAddr::ip).find(|address| !address.is_loopback());
        let (room, note) = room(config.calls.max, speech.capacity);
        let directory = Directory::new(room);
        let parts = speech.parts.clone();
        let catalogue = Catalogue::load(config, speech.embedder.clone(), Arc::clone(&tasks)).await?;
        let board = Arc::new(Switchboard::new(speech, catalogue, calls.clone()).await);
        let entry = Entry {
            board: Arc::clone(&board),
            directory: directory.clone(),
            rtc: rtc.clone(),
            sockets,
            tasks: Arc::clone(&tasks),
        };
        let ports = Ports {
            calls: Arc::new(entry),
            log: Arc::new(CallLog::new(calls, tasks.child())),
            health: Arc::new(Health { directory: directory.clone(), parts }),
            metrics: Arc::new(Metrics { process: metrics, rtc }),
            clock: Arc::new(SystemClock),
        };
        Ok(Self { tasks, directory, board, ports, operator_token, address, note, _data: data })
    }

    pub(crate) fn router(&self, config: &Config) -> anyhow::Result<Router> {
        let mut options = config.surface();
        if let Some(made) = &self.operator_token {
            options.operator_token = Some(made.clone());
        }
        Ok(control_server::Server::new(options, self.ports.clone())?)
    }

    /// Made at start or before; `None` where the operator gave one, which is theirs to know.
    pub(crate) fn operator_token(&self) -> Option<&Secret<String>> {
        self.operator_token.as_ref()
    }

    pub(crate) fn address(&self) -> Option<IpAddr> {
        self.address
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

    pub(crate) async fn shutdown(&self) {
        self.tasks.shutdown().await;
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

/// The oldest logs go while the server runs, too.
fn keep_tidy(tasks: &Tasks, calls: PathBuf, keep: usize) {
    let own = tasks.child();
    tasks.spawn(TIDY, async move {
        loop {
            tokio::time::sleep(TIDY_EVERY).await;
            let folder = calls.clone();
            let tidied = own.spawn_blocking(TIDY, move || CallLog::tidy(&folder, keep, false)).await;
            if let Ok(Err(error)) = tidied {
                tracing::warn!(%error, "old call logs could not be removed");
            }
        }
    });
}

/// Connects a caller's leg to an agent in a new session.
pub(crate) struct Switchboard {
    catalogue: Catalogue,
    speech: Speech,
    apology: Clip,
    clips: Arc<Clips>,
    calls: PathBuf,
}

impl Switchboard {
    async fn new(speech: Speech, catalogue: Catalogue, calls: PathBuf) -> Self {
        let voice = Voice::default();
        let apology = speech.clip(APOLOGY, &voice).await.unwrap_or_else(|| Clip::tones(APOLOGY));
        let mut clips = Clips::new();
        for text in sentence::cut(NOT_UNDERSTOOD) {
            clips.extend(speech.clip(&text, &voice).await.map(|clip| (text, clip)));
        }
        Self { catalogue, speech, apology, clips: Arc::new(clips), calls }
    }

    pub(crate) fn has(&self, agent: &str) -> bool {
        self.catalogue.has(agent)
    }

    pub(crate) fn agents(&self) -> Vec<control_api::Agent> {
        self.catalogue.agents()
    }

    fn titles(&self) -> String {
        format!("Agents: {};", self.catalogue.titles())
    }

    pub(crate) fn connect(
        &self,
        place: Place,
        tasks: &Tasks,
        agent: &str,
        resume_within: Duration,
        leg: Leg,
        protocol: Box<dyn ClientProtocol>,
    ) {
        let id = place.id();
        let Some(Answering { dialogue, mut options, background, version }) =
            self.catalogue.dialogue(agent, id)
        else {
            return;
        };
        options.reattach_s = u32::try_from(resume_within.as_secs()).unwrap_or(options.reattach_s);
        let flight = Some(crate::adapters::call_log::create(&self.calls, id));
        let parts = Parts {
            agent: agent.to_owned(),
            agent_version: version,
            stt: Arc::clone(&self.speech.stt),
            tts: Arc::clone(&self.speech.tts),
            vad: self.speech.vad(),
            end_of_turn: self.speech.end_of_turn(),
            dialogue,
            sink: Box::new(Sink),
            protocol,
            leg,
            flight,
            apology: self.apology.clone(),
            clips: Arc::clone(&self.clips),
            background,
            options,
        };
        // The directory keeps the handle; the session ends by itself.
        drop(media_session::start(place, tasks, parts));
    }
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
