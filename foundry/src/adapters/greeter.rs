//! Greets callers: chooses from the organization's greetings in memory, and has what they say spoken before anybody calls. Follows the database.
//!
//! Nothing of it waits when a call connects: a sentence that is not rendered yet is asked for at once, and synthesised in the call should it
//! come too late.

mod ahead;
mod speak;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use control_store::greeting::{self as store, Began};
use control_store::{Db, Reason};
use domain::{AgentId, DomainId, EnvironmentId, Language, OrgId, SessionId};
use greetings::{Asked, Book, Caller, Chosen};
use jiff::Timestamp;
use media_session::{Clips, Directory, sentence};
use runtime::{Kind, Tasks};
use tokio::sync::{Notify, watch};

use crate::adapters::accounts::{Bench, OneVoice};
use crate::adapters::catalogue::{Callable, Catalogue};
use crate::adapters::shelf::{Shelf, keep_rendered};
use crate::speech;

const FOLLOW: Kind = Kind::new("greetings.follow");
const RENDER: Kind = Kind::new("greetings.render");
/// So late is another server's change seen; one's own is at once.
const FOLLOW_EVERY: Duration = Duration::from_secs(1);
/// About a quarter of an hour of speech. When full, what was not said for longest is rendered again when it is needed.
const SHELF_BYTES: usize = 48 << 20;

/// Seconds that choosing a greeting took.
const SELECT_SECONDS: &str = "greeting_select_seconds";

pub(crate) struct Greeter {
    db: Db,
    catalogue: Arc<Catalogue>,
    bench: Arc<Bench>,
    tasks: Arc<Tasks>,
    known: watch::Sender<Arc<Known>>,
    shelf: Shelf,
    /// Something was changed here.
    changed: Notify,
}

#[derive(Default)]
struct Known {
    stamp: String,
    books: HashMap<OrgId, Book>,
    domains: HashMap<AgentId, DomainId>,
    environments: HashMap<EnvironmentId, String>,
}

/// How a call begins.
pub(crate) struct Opening {
    /// In place of the agent's own.
    pub(crate) text: Option<String>,
    pub(crate) began: Began,
    pub(crate) clips: Arc<Clips>,
}

impl Greeter {
    /// # Errors
    /// When the database does not answer.
    pub(crate) async fn start(
        db: Db,
        catalogue: Arc<Catalogue>,
        bench: Arc<Bench>,
        tasks: &Arc<Tasks>,
    ) -> Result<Arc<Self>, control_store::Error> {
        let greeter = Arc::new(Self {
            db,
            catalogue,
            bench,
            tasks: Arc::clone(tasks),
            known: watch::Sender::default(),
            shelf: Shelf::new(SHELF_BYTES),
            changed: Notify::new(),
        });
        greeter.reload().await?;
        let following = Arc::clone(&greeter);
        tasks.spawn(FOLLOW, async move {
            loop {
                // Elapsed or told: either way it is time to look.
                let _told = tokio::time::timeout(FOLLOW_EVERY, following.changed.notified()).await;
                if let Err(error) = following.reload().await {
                    tracing::debug!(
                        error = &error as &dyn std::error::Error,
                        "the greetings could not be looked at"
                    );
                }
            }
        });
        Ok(greeter)
    }

    /// From now on, until the process ends. `calls`: who is there already comes first.
    pub(crate) fn render_ahead(self: &Arc<Self>, calls: Directory) {
        let rendering = Arc::clone(self);
        self.tasks.spawn(RENDER, async move {
            let stamp = || {
                let greetings = rendering.known.borrow().stamp.clone();
                (rendering.catalogue.served().0, rendering.bench.stamp(), greetings)
            };
            keep_rendered(stamp, || rendering.render_all(&calls)).await;
        });
    }

    async fn reload(&self) -> Result<(), control_store::Error> {
        let mut tx = self.db.system_tx(Reason::LoadGreetings).await?;
        let stamp = store::stamp(&mut tx).await?;
        if self.known.borrow().stamp == stamp {
            return Ok(());
        }
        let said = store::said(&mut tx).await?;
        let calendars = store::calendars(&mut tx).await?;
        let (domains, environments) = (store::domains(&mut tx).await?, store::environments(&mut tx).await?);
        tx.commit().await?;
        let mut rows: HashMap<OrgId, Vec<store::Greeting>> = HashMap::new();
        for (org, greeting) in said {
            rows.entry(org).or_default().push(greeting);
        }
        let mut calendars: HashMap<OrgId, store::Calendar> = calendars.into_iter().collect();
        let mut known = Known {
            stamp,
            domains: domains.into_iter().collect(),
            environments: environments.into_iter().collect(),
            ..Known::default()
        };
        for (org, rows) in rows {
            let (book, faults) =
                control_server::greeting_book(rows, calendars.remove(&org).unwrap_or_default());
            for fault in faults {
                tracing::error!(%org, greeting = %fault.greeting, error = %fault.error, "a wording cannot be said and is left out");
            }
            known.books.insert(org, book);
        }
        self.known.send_replace(Arc::new(known));
        Ok(())
    }

    /// Decides how a call begins. Takes microseconds: everything is in memory.
    pub(crate) fn open(
        self: &Arc<Self>,
        callable: &Callable,
        session: SessionId,
        caller: &Caller,
        base: &Clips,
    ) -> Opening {
        let begun = tokio::time::Instant::now();
        let known = Arc::clone(&self.known.borrow());
        let at = Timestamp::now();
        // What comes to nothing for this caller is no greeting: the agent has one of its own.
        let chosen = known
            .choose(callable, &session.to_string(), caller, at)
            .filter(|chosen| !sentence::cut(&chosen.text).is_empty());
        metrics::histogram!(SELECT_SECONDS).record(begun.elapsed().as_secs_f64());
        let sentences: Vec<String> = match &chosen {
            Some(chosen) => sentence::cut(&chosen.text),
            None => ahead::own(callable).iter().flat_map(|text| sentence::cut(text)).collect(),
        };
        let voice = self.lead(callable);
        let (mut clips, begins) = (base.clone(), !sentences.is_empty());
        let missing = self.shelf.lay(&mut clips, sentences, std::slice::from_ref(&voice));
        let rendered = missing.is_empty() && begins;
        let clips = Arc::new(clips);
        // Of the agent's own wordings nobody knows which is said: they are rendered by and by.
        if chosen.is_some() {
            self.render_now(voice, missing, Arc::clone(&clips));
        }
        let language = own_language(callable).0.clone();
        let began = match &chosen {
            None => Began { language, rendered, ..Began::default() },
            Some(chosen) => Began {
                greeting: Some(chosen.greeting),
                round: chosen.round,
                arm: chosen.arm.clone(),
                language: chosen.language.0.clone(),
                goal: chosen.goal.clone(),
                rendered,
            },
        };
        Opening { text: chosen.map(|chosen| chosen.text), began, clips }
    }

    /// The first voice that is well: what follows the greeting is said by the same.
    fn lead(&self, callable: &Callable) -> OneVoice {
        let mut voices = self.bench.voices_of(callable);
        let well = voices.iter().position(|voice| voice.well).unwrap_or_default();
        voices.swap_remove(well)
    }

    /// What says this caller's name is not kept: nobody else hears it.
    fn render_now(&self, voice: OneVoice, missing: Vec<String>, clips: Arc<Clips>) {
        if missing.is_empty() {
            return;
        }
        self.tasks.spawn(RENDER, async move {
            for text in missing {
                if let Some(clip) = speech::rendered(voice.tts.as_ref(), &text, &voice.who.voice).await {
                    clips.fill(clip);
                }
            }
        });
    }
}

impl Known {
    fn choose(&self, callable: &Callable, session: &str, caller: &Caller, at: Timestamp) -> Option<Chosen> {
        self.books.get(&callable.org)?.choose(&self.asked(callable, session, caller, at))
    }

    fn asked<'a>(
        &'a self,
        callable: &'a Callable,
        session: &'a str,
        caller: &'a Caller,
        at: Timestamp,
    ) -> Asked<'a> {
        let environment = callable.environment.and_then(|id| self.environments.get(&id));
        Asked {
            agent: callable.agent,
            agent_title: callable.ready.title(),
            agent_language: own_language(callable),
            domain: self.domains.get(&callable.agent).copied(),
            environment: callable.environment,
            // Drafts and older versions are tried out of any environment.
            environment_name: environment.map_or("draft", String::as_str),
            channel: callable.channel,
            caller,
            session,
            at,
        }
    }
}

fn own_language(callable: &Callable) -> &Language {
    &callable.ready.agent.graph().definition.language
}
