//! What would be said to a call that might be, why, and how it sounds.

use std::sync::Arc;

use control_api::greeting::{
    ConsideredGreeting, GreetingAudio, GreetingAudioRequest, GreetingPreview, GreetingPreviewRequest,
    GreetingSource, WantedLanguage,
};
use control_api::problem;
use control_store::{OrgTx, agent, alias, environment, greeting as store, serving};
use domain::{AgentId, EnvironmentId, GreetingId, Language, wire_name};
use greetings::{Asked, Book, Caller, Explained, Heard, Verdict};
use jiff::Zoned;
use serde_json::Value;

use super::book::book;
use super::check;
use crate::Server;
use crate::app::agents;
use crate::app::ctx::{Ctx, missing};
use crate::app::fields::Fields;
use crate::app::instant;
use crate::error::Error;
use crate::ports::{Speaking, Unspoken};

const VARIABLES_MOST: usize = 32;

/// A call is never stored; this stands for its session, so that the same question has the same answer.
const SESSION: &str = "preview";
/// What calls that are tried out of any environment say of theirs.
const DRAFT: &str = "draft";

pub(crate) async fn of(
    ctx: &Ctx,
    server: &Server,
    asked: GreetingPreviewRequest,
) -> Result<GreetingPreview, Error> {
    let mut fields = Fields::default();
    let at = instant::field(&mut fields, "/at", asked.at.as_deref(), server.ports.clock.now());
    let caller = caller(&mut fields, &asked);
    let draft = asked.draft.map(|draft| check::new(&mut fields, "/draft", draft));
    fields.check()?;
    let mut tx = ctx.tx(server).await?;
    let place = Place::find(&mut tx, asked.agent_id, asked.environment_id).await?;
    let mut rows = store::every(&mut tx).await?;
    let calendar = store::calendar(&mut tx).await?;
    tx.commit().await?;
    let drafted = asked.replaces.unwrap_or_else(GreetingId::generate);
    if let Some((scope, set)) = draft.clone() {
        rows.retain(|row| row.id != drafted);
        rows.push(store::Greeting {
            id: drafted,
            scope,
            set,
            experiment_round: 0,
            experiment_since: None,
            revision: 0,
            created_at: at,
            updated_at: at,
        });
    }
    let titles: Vec<(GreetingId, String)> = rows.iter().map(|row| (row.id, title(row))).collect();
    let drafted = draft.is_some().then_some(drafted);
    let (book, _faults) = book(rows, calendar);
    let asks = Asked {
        agent: place.agent.id,
        agent_title: &place.title,
        agent_language: &place.language,
        domain: place.agent.domain,
        environment: asked.environment_id,
        environment_name: &place.environment,
        channel: asked.channel_id,
        caller: &caller,
        session: SESSION,
        at,
    };
    Ok(told(&book, &asks, asked.arm.as_deref(), &place, drafted, &titles))
}

fn told(
    book: &Book,
    asks: &Asked<'_>,
    arm: Option<&str>,
    place: &Place,
    draft: Option<GreetingId>,
    titles: &[(GreetingId, String)],
) -> GreetingPreview {
    let chosen = book.choose_arm(asks, arm);
    let (text, source) = match &chosen {
        Some(chosen) if draft == Some(chosen.greeting) => (Some(chosen.text.clone()), GreetingSource::Draft),
        Some(chosen) => (Some(chosen.text.clone()), GreetingSource::Greeting),
        None => match place.greeting(&book.local(asks.at)) {
            Some(own) => (Some(own), GreetingSource::Agent),
            None => (None, GreetingSource::Nothing),
        },
    };
    let id = |id: GreetingId| (draft != Some(id)).then_some(id);
    let considered = |one: Explained| ConsideredGreeting {
        greeting_id: id(one.id),
        title: titles
            .iter()
            .find(|(known, _)| *known == one.id)
            .map(|(_, title)| title.clone())
            .unwrap_or_default(),
        fits: matches!(one.verdict, Verdict::Fits(_)),
        chosen: one.chosen,
        why: why(&one),
    };
    let wanted = |(language, heard): (Language, Heard)| WantedLanguage {
        language: language.0,
        heard: wire_name(&heard),
    };
    GreetingPreview {
        text,
        greeting_id: chosen.as_ref().and_then(|chosen| id(chosen.greeting)),
        source,
        arm: chosen.and_then(|chosen| chosen.arm),
        local_time: book.local(asks.at).strftime("%A %Y-%m-%d %H:%M %Z").to_string(),
        holiday: book.holiday(asks.at).map(str::to_owned),
        languages: book.languages(asks).into_iter().map(wanted).collect(),
        considered: book.explain(asks).into_iter().map(considered).collect(),
    }
}

fn why(one: &Explained) -> String {
    match (&one.verdict, one.beaten_by) {
        (Verdict::Not(why), _) => why.to_string(),
        (Verdict::Fits(_), None) => "it is said".to_owned(),
        (Verdict::Fits(_), Some(by)) => {
            let reason = match by {
                "priority" => "has a higher priority",
                "scope" => "is for fewer calls",
                "language" => "is in a language that the caller wants more",
                "schedule" => "has a schedule that holds now",
                _ => "is older",
            };
            format!("it fits, but the one that is said {reason}")
        }
    }
}

/// What people call it in a list.
fn title(row: &store::Greeting) -> String {
    if row.set.title.is_empty() {
        row.set.wordings.first().cloned().unwrap_or_default()
    } else {
        row.set.title.clone()
    }
}

fn caller(fields: &mut Fields, asked: &GreetingPreviewRequest) -> Caller {
    if asked.variables.len() > VARIABLES_MOST {
        fields.wrong("/variables", "out_of_range", format!("at most {VARIABLES_MOST} variables"));
    }
    for name in asked.variables.keys() {
        if !name.starts_with("caller.") && !name.starts_with("session.") {
            let detail = "variables of a call are named caller.NAME or session.NAME";
            fields.wrong(
                &format!("/variables/{}", name.replace('~', "~0").replace('/', "~1")),
                "invalid",
                detail,
            );
        }
    }
    Caller {
        number: asked.caller_number.clone(),
        language: asked.language.clone().and_then(|tag| check::tag(fields, "", tag)).map(Language),
        accepts: asked.accept_language.clone(),
        variables: asked.variables.iter().map(|(name, value)| (name.clone(), value.clone())).collect(),
    }
}

/// An agent as it is in an environment, or as it is drafted.
struct Place {
    agent: agent::Agent,
    title: String,
    environment: String,
    language: Language,
    definition: String,
}

impl Place {
    async fn find(tx: &mut OrgTx, agent: AgentId, environment: Option<EnvironmentId>) -> Result<Self, Error> {
        let agent = agents::named(tx, &agent.to_string()).await?;
        let (name, served) = match environment {
            None => (DRAFT.to_owned(), None),
            Some(id) => {
                let found = environment::find(tx, id).await?;
                let found = found.ok_or_else(|| missing("environment", &id.to_string()))?;
                (found.name, alias::find(tx, agent.id, id).await?)
            }
        };
        let stored = match served {
            Some(served) => serving::version(tx, &agent.name, served.number).await?,
            None => serving::draft(tx, &agent.name).await?,
        };
        // A draft may be anything: what is not there is as the graph takes it to be.
        let definition = stored.map(|stored| stored.definition).unwrap_or_default();
        let read: Value = serde_json::from_str(&definition).unwrap_or_default();
        let language = serde_json::from_value(read["language"].clone()).unwrap_or_default();
        let title = read["title"].as_str().unwrap_or_default().to_owned();
        // As a call names it.
        let title = if title.is_empty() { agent.name.clone() } else { title };
        Ok(Self { title, environment: name, language, definition, agent })
    }

    /// What its definition greets with, in one of its wordings, as a call at that time begins. Of a draft that no call could begin with, the
    /// first wording as it is written.
    fn greeting(&self, now: &Zoned) -> Option<String> {
        let graph = agents_graph::parse(&self.definition).and_then(agents_graph::compile);
        let Ok(graph) = graph else {
            let read: Value = serde_json::from_str(&self.definition).unwrap_or_default();
            return read["greeting"][0].as_str().map(str::to_owned);
        };
        let said = agents_graph::Walk::new(Arc::new(graph), 0).start(0, now);
        let said: Vec<String> = said
            .into_iter()
            .filter_map(|action| match action {
                agents_graph::Action::Say(text) => Some(text),
                _ => None,
            })
            .collect();
        (!said.is_empty()).then(|| said.join(" "))
    }
}

pub(crate) async fn audio(
    ctx: &Ctx,
    server: &Server,
    wanted: GreetingAudioRequest,
) -> Result<GreetingAudio, Error> {
    let mut fields = Fields::default();
    fields.text("/text", &wanted.text, 1, greetings::template::TEXT_MOST);
    fields.check()?;
    let mut tx = ctx.tx(server).await?;
    let agent = agents::named(&mut tx, &wanted.agent_id.to_string()).await?;
    let environment = match wanted.environment_id {
        None => None,
        Some(id) => {
            let found = environment::find(&mut tx, id).await?;
            Some(found.ok_or_else(|| missing("environment", &id.to_string()))?.name)
        }
    };
    tx.commit().await?;
    let speaking = Speaking {
        org: ctx.org,
        agent: agent.name,
        environment,
        text: wanted.text,
        voice: usize::try_from(wanted.voice.unwrap_or_default()).unwrap_or(usize::MAX),
    };
    server.ports.greetings.speak(speaking).await.map_err(|unspoken| match unspoken {
        Unspoken::NoVoice(_) => {
            let mut fields = Fields::default();
            fields.wrong("/voice", "out_of_range", unspoken.to_string());
            fields.check().err().unwrap_or_else(|| Error::new(&problem::BODY_UNFIT, unspoken.to_string()))
        }
        Unspoken::Failed(reason) => {
            Error::new(&problem::VENDOR_FAILED, format!("the greeting could not be spoken: {reason}"))
        }
    })
}
