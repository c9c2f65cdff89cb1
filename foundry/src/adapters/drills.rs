//! Fault drills that run: which calls they strike, and with what. Follows the database, so that a drill that was started on another
//! server, or before this one began, strikes here too; and ends when its time is over, in calls that run.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use control_server::ports;
use control_store::{Db, Reason, drill};
use domain::{DrillId, EnvironmentId, OrgId, SessionId};
use jiff::Timestamp;
use media_session::lines;
use providers_api::{Ability, Llm, Stt, Tts};
use providers_fake::Drilled;
use providers_fake::drill::{Fault, Moment, picks};
use providers_route::{Health, Nobody, breaker};
use runtime::{Kind, Tasks};
use serde::de::DeserializeOwned;

use crate::adapters::catalogue::Catalogue;
use crate::adapters::follow::follow;

const FOLLOW: Kind = Kind::new("drills.follow");
const RELOAD: Kind = Kind::new("drills.reload");
/// So late is another server's drill seen, and so late one ends.
const FOLLOW_EVERY: Duration = Duration::from_secs(2);

/// What runs.
pub(crate) struct Drills {
    db: Db,
    running: Mutex<HashMap<DrillId, Arc<Drill>>>,
    tasks: Arc<Tasks>,
}

/// One that runs, or is over.
pub(crate) struct Drill {
    pub(crate) id: DrillId,
    org: OrgId,
    environment: EnvironmentId,
    ability: Ability,
    fault: Fault,
    moment: Moment,
    provider: Option<String>,
    share_permille: u32,
    ends_at: Timestamp,
    over: Arc<AtomicBool>,
    /// Breakers and learned waits of struck calls: nobody else's calls are moved by them.
    pub(crate) health: Arc<Health>,
}

impl Drills {
    /// # Errors
    /// When the database does not answer.
    pub(crate) async fn open(db: Db, tasks: &Arc<Tasks>) -> Result<Arc<Self>, control_store::Error> {
        let drills = Arc::new(Self { db, running: Mutex::default(), tasks: Arc::clone(tasks) });
        drills.reload().await?;
        let following = Arc::clone(&drills);
        follow(tasks, FOLLOW, FOLLOW_EVERY, "drills", move || {
            let drills = Arc::clone(&following);
            async move { drills.reload().await.inspect_err(|_| drills.end(Timestamp::now())) }
        });
        Ok(drills)
    }

    /// The drill that strikes a call, if one does: the same answer for the same call, however often it is asked.
    pub(crate) fn striking(
        &self,
        org: OrgId,
        environment: Option<EnvironmentId>,
        session: SessionId,
    ) -> Option<Arc<Drill>> {
        let environment = environment?;
        let now = Timestamp::now();
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let of_call = |drill: &&Arc<Drill>| drill.org == org && drill.environment == environment;
        running.values().filter(of_call).find(|drill| drill.strikes(session, now)).cloned()
    }

    async fn reload(&self) -> Result<(), control_store::Error> {
        let now = Timestamp::now();
        let mut tx = self.db.system_tx(Reason::LoadDrills).await?;
        let rows = drill::running(&mut tx, now).await?;
        tx.commit().await?;
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let mut former = std::mem::take(&mut *running);
        for row in rows {
            match former.remove(&row.id) {
                Some(known) => _ = running.insert(row.id, known),
                None => {
                    if let Some(drill) = Drill::of(row) {
                        tracing::warn!(drill = %drill.id, org = %drill.org, ability = ?drill.ability, fault = ?drill.fault, moment = ?drill.moment, "a fault drill begins");
                        running.insert(drill.id, Arc::new(drill));
                    }
                }
            }
        }
        former.into_values().for_each(|drill| drill.end());
        Ok(())
    }

    /// Those whose time is over, whatever the database says.
    fn end(&self, now: Timestamp) {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        running.retain(|_, drill| {
            let runs = drill.ends_at > now;
            if !runs {
                drill.end();
            }
            runs
        });
    }
}

impl Drill {
    fn of(row: drill::Drill) -> Option<Self> {
        Some(Self {
            id: row.id,
            org: row.org,
            environment: row.environment,
            ability: match row.ability.as_str() {
                "stt" => Ability::Stt,
                "llm" => Ability::Llm,
                "tts" => Ability::Tts,
                _ => return None,
            },
            fault: named(row.fault)?,
            moment: named(row.moment)?,
            provider: row.provider,
            share_permille: u32::try_from(row.share_permille).ok()?,
            ends_at: row.ends_at,
            over: Arc::default(),
            health: Arc::new(Health::new(breaker::Options::default(), Arc::new(Nobody))),
        })
    }

    fn strikes(&self, session: SessionId, now: Timestamp) -> bool {
        self.ends_at > now && picks(self.id.as_uuid().as_u128(), session, self.share_permille)
    }

    fn end(&self) {
        tracing::warn!(drill = %self.id, "a fault drill is over");
        self.over.store(true, Ordering::Relaxed);
    }

    fn fits(&self, ability: Ability, place: usize, provider: &str) -> bool {
        let named = self.provider.as_ref().map_or(place == 1, |name| name == provider);
        self.ability == ability && named
    }
}

/// The provider at a place of a call's order, counted from 1 among those that are there, struck where the call's drill says so.
pub(crate) fn stt(
    drill: Option<&Arc<Drill>>,
    place: usize,
    name: &str,
    provider: Arc<dyn Stt>,
) -> Arc<dyn Stt> {
    match struck(drill, Ability::Stt, (place, name), &provider) {
        Some(struck) => Arc::new(struck),
        None => provider,
    }
}

pub(crate) fn llm(
    drill: Option<&Arc<Drill>>,
    place: usize,
    name: &str,
    provider: Arc<dyn Llm>,
) -> Arc<dyn Llm> {
    match struck(drill, Ability::Llm, (place, name), &provider) {
        Some(struck) => Arc::new(struck),
        None => provider,
    }
}

pub(crate) fn tts(
    drill: Option<&Arc<Drill>>,
    place: usize,
    name: &str,
    provider: Arc<dyn Tts>,
) -> Arc<dyn Tts> {
    match struck(drill, Ability::Tts, (place, name), &provider) {
        Some(struck) => Arc::new(struck),
        None => provider,
    }
}

fn struck<P: ?Sized>(
    drill: Option<&Arc<Drill>>,
    ability: Ability,
    (place, name): (usize, &str),
    provider: &Arc<P>,
) -> Option<Drilled<P>> {
    let drill = drill.filter(|drill| drill.fits(ability, place, name))?;
    Some(Drilled::new(Arc::clone(provider), drill.fault, drill.moment).until(Arc::clone(&drill.over)))
}

/// As the API and the store write it.
fn named<T: DeserializeOwned>(name: String) -> Option<T> {
    serde_json::from_value(serde_json::Value::String(name)).ok()
}

/// The part that the control plane sees.
pub(crate) struct Control {
    pub(crate) drills: Arc<Drills>,
    /// Whose agents have words of their own.
    pub(crate) catalogue: Arc<Catalogue>,
}

impl ports::Drills for Control {
    fn changed(&self) {
        let drills = Arc::clone(&self.drills);
        self.drills.tasks.spawn(RELOAD, async move {
            if let Err(error) = drills.reload().await {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "drills are looked at again in a moment"
                );
            }
        });
    }

    fn apologies(&self) -> Vec<String> {
        // In the built-in voice where an agent's own was never there.
        let mut apologies = vec![lines::APOLOGY.to_owned()];
        let served = self.catalogue.served().1;
        apologies.extend(served.iter().map(|callable| callable.ready.options.lines.apology.clone()));
        apologies.sort_unstable();
        apologies.dedup();
        apologies
    }
}
