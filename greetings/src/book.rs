//! An organization's greetings, ready to choose from: which one, in whose words, with the caller's data in it.

use domain::{AgentId, ChannelId, DomainId, EnvironmentId, GreetingId, Language};
use jiff::{Timestamp, Zoned};

use crate::experiment::{self, Experiment, Sticky};
use crate::language::{self, Heard, Prefix};
use crate::schedule::{Calendar, Day};
use crate::select::{self, Call, Explained, Rule};
use crate::template::{Template, TemplateError, Values};

/// One greeting as it is stored.
#[derive(Debug, Clone)]
pub struct Entry {
    pub rule: Rule,
    pub wordings: Vec<String>,
    pub experiment: Option<Experiment>,
    pub round: i32,
}

#[derive(Debug, Clone, Default)]
pub struct Book {
    rules: Vec<Rule>,
    /// In the order of the rules.
    texts: Vec<Texts>,
    calendar: Calendar,
    prefixes: Vec<Prefix>,
}

#[derive(Debug, Clone)]
struct Texts {
    wordings: Vec<Template>,
    /// One that runs, with the templates of its arms in their order.
    experiment: Option<(Experiment, Vec<Template>)>,
    round: i32,
}

/// A text that cannot be said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    pub greeting: GreetingId,
    pub error: TemplateError,
}

/// A call that asks for its greeting.
#[derive(Debug, Clone)]
pub struct Asked<'a> {
    pub agent: AgentId,
    /// As people know it.
    pub agent_title: &'a str,
    pub agent_language: &'a Language,
    pub domain: Option<DomainId>,
    pub environment: Option<EnvironmentId>,
    pub environment_name: &'a str,
    pub channel: Option<ChannelId>,
    pub caller: &'a Caller,
    /// Of the call alone.
    pub session: &'a str,
    pub at: Timestamp,
}

/// What is known of who calls.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Caller {
    /// E.164.
    pub number: Option<String>,
    /// That they chose.
    pub language: Option<Language>,
    /// `Accept-Language` of their client.
    pub accepts: Option<String>,
    /// Names with `caller.` or `session.` before them.
    pub variables: Vec<(String, String)>,
}

/// Of one caller.
const VARIABLES_MOST: usize = 32;
const VARIABLE_NAME_MOST: usize = 64;

impl Caller {
    /// What a page or a carrier says of the caller; a name of neither space is one of the session. What is too much is left out: a call
    /// is not refused for its greeting.
    pub fn tell(&mut self, name: &str, text: String) {
        let own = name.starts_with("caller.") || name.starts_with("session.");
        let name = if own { name.to_owned() } else { format!("session.{name}") };
        if self.variables.len() >= VARIABLES_MOST || name.len() > VARIABLE_NAME_MOST {
            return;
        }
        if name == "caller.number" {
            self.number = Some(text.clone());
        }
        self.variables.push((name, text));
    }
}

/// Who calls is nobody's business in a log.
impl std::fmt::Debug for Caller {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Caller").field("language", &self.language).finish_non_exhaustive()
    }
}

/// What a caller is greeted with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chosen {
    pub greeting: GreetingId,
    pub round: i32,
    /// Of a running experiment.
    pub arm: Option<String>,
    pub text: String,
    pub language: Language,
    pub goal: Option<String>,
}

impl Book {
    /// Texts that cannot be said are left out and named; a greeting without any is left out whole.
    #[must_use]
    pub fn new(entries: Vec<Entry>, calendar: Calendar, prefixes: Vec<Prefix>) -> (Self, Vec<Fault>) {
        let mut book = Self { calendar, prefixes, ..Self::default() };
        let mut faults = Vec::new();
        for Entry { rule, wordings, experiment, round } in entries {
            let mut parse = |text: &String| {
                Template::parse(text).map_err(|error| faults.push(Fault { greeting: rule.id, error })).ok()
            };
            let wordings: Vec<Template> = wordings.iter().filter_map(&mut parse).collect();
            let experiment = experiment.filter(|experiment| experiment.running).and_then(|experiment| {
                let texts: Option<Vec<Template>> =
                    experiment.arms.iter().map(|arm| parse(&arm.text)).collect();
                Some((experiment, texts?))
            });
            if !wordings.is_empty() || experiment.is_some() {
                book.rules.push(rule);
                book.texts.push(Texts { wordings, experiment, round });
            }
        }
        (book, faults)
    }

    /// `None`: the agent greets in its own words.
    #[must_use]
    pub fn choose(&self, asked: &Asked<'_>) -> Option<Chosen> {
        self.choose_arm(asked, None)
    }

    /// As `choose`, in the arm that is asked for where it has one of that name.
    #[must_use]
    pub fn choose_arm(&self, asked: &Asked<'_>, arm: Option<&str>) -> Option<Chosen> {
        let (call, heard) = self.call(asked);
        let rule = select::select(&self.rules, &call, &self.calendar)?;
        let texts = self.rules.iter().position(|one| one.id == rule.id).and_then(|at| self.texts.get(at))?;
        let language = rule.language.clone().or_else(|| heard.last().map(|(own, _)| own.clone()))?;
        let values = self.values(asked, &language);
        let name = rule.id.to_string();
        let (key, template, goal) = match &texts.experiment {
            Some((experiment, templates)) => {
                let subject = match experiment.sticky {
                    Sticky::Caller => asked.caller.number.as_deref().or(asked.caller.id()),
                    Sticky::Session => None,
                };
                let wanted = arm.and_then(|key| experiment.arms.iter().find(|arm| arm.key == key));
                let assigned = experiment.assign(&name, texts.round, subject.unwrap_or(asked.session));
                let arm = wanted.or(assigned)?;
                let at = experiment.arms.iter().position(|one| one.key == arm.key)?;
                let goal = experiment.goal.as_ref().map(crate::Goal::text);
                (Some(arm.key.clone()), templates.get(at)?, goal)
            }
            None => {
                let at = experiment::turn(&name, asked.session, texts.wordings.len());
                (None, texts.wordings.get(at)?, None)
            }
        };
        let round = texts.round;
        Some(Chosen { greeting: rule.id, round, arm: key, text: template.render(&values), language, goal })
    }

    /// What is thought of each greeting for this call.
    #[must_use]
    pub fn explain(&self, asked: &Asked<'_>) -> Vec<Explained> {
        let (call, _) = self.call(asked);
        select::explain(&self.rules, &call, &self.calendar)
    }

    /// The languages that are tried, most wanted first, and from whom they were learned.
    #[must_use]
    pub fn languages(&self, asked: &Asked<'_>) -> Vec<(Language, Heard)> {
        let caller = asked.caller;
        language::wanted(
            caller.language.as_ref(),
            caller.number.as_deref(),
            &self.prefixes,
            caller.accepts.as_deref(),
            asked.agent_language,
        )
    }

    /// On the organization's wall clock.
    #[must_use]
    pub fn local(&self, at: Timestamp) -> Zoned {
        at.to_zoned(self.calendar.zone.clone())
    }

    #[must_use]
    pub fn holiday(&self, at: Timestamp) -> Option<&str> {
        self.calendar.holiday(self.local(at).date())
    }

    /// Every text that callers of an agent in an environment may hear and that is the same for all of them, to be rendered ahead.
    #[must_use]
    pub fn fixed(&self, asked: &Asked<'_>) -> Vec<String> {
        let told = |rule: &Rule| {
            rule.scope.agent.is_none_or(|agent| agent == asked.agent)
                && (rule.scope.domain.is_none() || rule.scope.domain == asked.domain)
                && (rule.scope.environment.is_none() || rule.scope.environment == asked.environment)
        };
        let mut found = Vec::new();
        for (rule, texts) in self.rules.iter().zip(&self.texts).filter(|(rule, _)| rule.enabled && told(rule))
        {
            let language = rule.language.clone().unwrap_or_else(|| asked.agent_language.clone());
            let values = self.values(asked, &language);
            let arms = texts.experiment.iter().flat_map(|(_, templates)| templates);
            // While an experiment runs nobody hears the wordings.
            let wordings = texts.wordings.iter().filter(|_| texts.experiment.is_none());
            for template in arms
                .chain(wordings)
                .filter(|template| template.needs_only(&["agent", "environment", "language"]))
            {
                let text = template.render(&values);
                if !found.contains(&text) {
                    found.push(text);
                }
            }
        }
        found
    }

    fn call(&self, asked: &Asked<'_>) -> (Call, Vec<(Language, Heard)>) {
        let heard = self.languages(asked);
        let call = Call {
            agent: asked.agent,
            domain: asked.domain,
            environment: asked.environment,
            channel: asked.channel,
            languages: heard.iter().map(|(language, _)| language.clone()).collect(),
            at: asked.at,
        };
        (call, heard)
    }

    fn values(&self, asked: &Asked<'_>, language: &Language) -> Values {
        let local = self.local(asked.at);
        let hour = usize::from(local.hour().unsigned_abs());
        let mut values = Values::default();
        // First, so that nobody can say who the agent is.
        for (name, value) in &asked.caller.variables {
            values.set(name.as_str(), value);
        }
        if let Some(number) = &asked.caller.number {
            values.set("caller.number", number);
        }
        values.set("agent", asked.agent_title);
        values.set("environment", asked.environment_name);
        values.set("language", &language.0);
        values.set("weekday", weekday(Day::of(local.date()), language));
        values.set("hour", &hour.to_string());
        values.set("part_of_day", part_of_day(hour, language));
        if let Some(holiday) = self.calendar.holiday(local.date()) {
            values.set("holiday", holiday);
        }
        values
    }
}

impl Caller {
    /// Something that names them, where there is no number.
    fn id(&self) -> Option<&str> {
        self.variables.iter().find(|(name, _)| name == "caller.id").map(|(_, id)| id.as_str())
    }
}

const WEEKDAYS: [(&str, [&str; 7]); 4] = [
    ("en", ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]),
    ("de", ["Montag", "Dienstag", "Mittwoch", "Donnerstag", "Freitag", "Samstag", "Sonntag"]),
    ("es", ["lunes", "martes", "miércoles", "jueves", "viernes", "sábado", "domingo"]),
    ("fr", ["lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche"]),
];
/// From 5, from 12, from 18 and from 23 o'clock.
const PARTS: [(&str, [&str; 4]); 4] = [
    ("en", ["morning", "afternoon", "evening", "night"]),
    ("de", ["Morgen", "Tag", "Abend", "Nacht"]),
    ("es", ["mañana", "tarde", "noche", "noche"]),
    ("fr", ["matin", "après-midi", "soir", "nuit"]),
];

/// In English where the words of a language are not known here.
fn weekday(day: Day, language: &Language) -> &'static str {
    words(&WEEKDAYS, language)[day as usize]
}

fn part_of_day(hour: usize, language: &Language) -> &'static str {
    let words = words(&PARTS, language);
    match hour {
        5..=11 => words[0],
        12..=17 => words[1],
        18..=22 => words[2],
        _ => words[3],
    }
}

fn words<const N: usize>(
    known: &'static [(&'static str, [&'static str; N])],
    language: &Language,
) -> &'static [&'static str; N] {
    let primary = language.0.split('-').next().unwrap_or_default().to_ascii_lowercase();
    let found = known.iter().find(|(tag, _)| *tag == primary).or(known.first());
    &found.expect("each table begins with English").1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiment::Arm;
    use crate::select::Scope;

    struct Setup {
        agent: AgentId,
        language: Language,
        caller: Caller,
    }

    impl Setup {
        fn new() -> Self {
            Self { agent: AgentId::generate(), language: Language::default(), caller: Caller::default() }
        }

        fn asked<'a>(&'a self, session: &'a str) -> Asked<'a> {
            Asked {
                agent: self.agent,
                agent_title: "Front desk",
                agent_language: &self.language,
                domain: None,
                environment: None,
                environment_name: "prod",
                channel: None,
                caller: &self.caller,
                session,
                at: "2026-11-30T19:30:00Z".parse().expect("an instant"),
            }
        }
    }

    fn entry(language: Option<&str>, wordings: &[&str]) -> Entry {
        Entry {
            rule: Rule {
                id: GreetingId::generate(),
                scope: Scope::default(),
                language: language.map(|tag| Language(tag.to_owned())),
                timetable: None,
                priority: 0,
                enabled: true,
            },
            wordings: wordings.iter().map(|text| (*text).to_owned()).collect(),
            experiment: None,
            round: 0,
        }
    }

    fn book(entries: Vec<Entry>) -> Book {
        let (book, faults) = Book::new(entries, Calendar::default(), Vec::new());
        assert_eq!(faults, []);
        book
    }

    #[test]
    fn a_caller_is_greeted_by_name_in_their_language() {
        let mut setup = Setup::new();
        setup.caller.language = Some(Language("de".to_owned()));
        setup.caller.variables = vec![
            ("caller.name".to_owned(), "Anna".to_owned()),
            ("agent".to_owned(), "Somebody else".to_owned()),
        ];
        let book = book(vec![
            entry(None, &["Hello."]),
            entry(
                Some("de"),
                &["Guten {part_of_day}{if caller.name}, {caller.name}{end}! {agent} am {weekday}."],
            ),
        ]);
        let chosen = book.choose(&setup.asked("s")).expect("one fits");
        assert_eq!(chosen.text, "Guten Abend, Anna! Front desk am Montag.");
        assert_eq!(chosen.language, Language("de".to_owned()));
    }

    #[test]
    fn one_caller_hears_one_arm_and_callers_hear_all() {
        let mut entry = entry(None, &["Wordings."]);
        let arm = |key: &str| Arm { key: key.to_owned(), weight: 1, text: format!("Arm {key}.") };
        let goal = Some(crate::Goal::Note("appointment".to_owned()));
        let arms = vec![arm("a"), arm("b"), arm("c")];
        entry.experiment = Some(Experiment { arms, sticky: Sticky::Caller, goal, running: true });
        let paused = Entry {
            experiment: entry
                .experiment
                .clone()
                .map(|experiment| Experiment { running: false, ..experiment }),
            ..entry.clone()
        };
        let book_of = |entry| book(vec![entry]);
        let running = book_of(entry);
        let mut setup = Setup::new();
        let mut heard = std::collections::BTreeSet::new();
        for caller in 0..50 {
            setup.caller.number = Some(format!("+49301{caller}"));
            let first = running.choose(&setup.asked("s1")).expect("one fits");
            assert_eq!(
                Some(&first),
                running.choose(&setup.asked("s2")).as_ref(),
                "another call, the same arm"
            );
            assert_eq!(first.goal.as_deref(), Some("note:appointment"));
            heard.insert(first.text);
        }
        assert_eq!(heard.into_iter().collect::<Vec<_>>(), ["Arm a.", "Arm b.", "Arm c."]);
        let asked = setup.asked("s");
        assert_eq!(running.choose_arm(&asked, Some("b")).and_then(|chosen| chosen.arm).as_deref(), Some("b"));
        assert_eq!(book_of(paused).choose(&asked).map(|chosen| chosen.text).as_deref(), Some("Wordings."));
    }

    #[test]
    fn what_can_be_rendered_ahead_is_known() {
        let setup = Setup::new();
        let other = Entry {
            rule: Rule {
                scope: Scope { agent: Some(AgentId::generate()), ..Scope::default() },
                ..entry(None, &[]).rule
            },
            ..entry(None, &["Not for this agent."])
        };
        let book = book(vec![
            entry(None, &["Hello from {agent}.", "Good {part_of_day}."]),
            entry(Some("de"), &["Hallo {caller.name|default:\"du\"}.", "Guten Tag."]),
            other,
        ]);
        assert_eq!(book.fixed(&setup.asked("s")), ["Hello from Front desk.", "Guten Tag."]);
    }

    #[test]
    fn a_text_that_cannot_be_said_is_left_out_and_named() {
        let setup = Setup::new();
        let bad = entry(None, &["Hello {nobody}.", "{"]);
        let id = bad.rule.id;
        let (book, faults) =
            Book::new(vec![bad, entry(Some("en"), &["Hi."])], Calendar::default(), Vec::new());
        assert_eq!(faults.iter().map(|fault| fault.greeting).collect::<Vec<_>>(), [id, id]);
        assert_eq!(book.choose(&setup.asked("s")).map(|chosen| chosen.text).as_deref(), Some("Hi."));
    }
}
