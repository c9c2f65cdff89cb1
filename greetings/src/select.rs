//! Which of an organization's greetings fits a call, and why each other does not.
//!
//! The order in which those that fit are preferred: higher priority; then the narrower scope (a channel, an agent, a domain, an environment, in
//! this order of weight); then the language that the caller wants more; then a schedule before none; then the older one. Two calls that are
//! alike are greeted alike.

use std::cmp::Reverse;
use std::fmt;

use domain::{AgentId, ChannelId, DomainId, EnvironmentId, GreetingId, Language};
use jiff::Timestamp;

use crate::language::understands;
use crate::schedule::{Calendar, Closed, Timetable};

/// When a greeting is said.
#[derive(Debug, Clone)]
pub struct Rule {
    /// Ordered by time of making.
    pub id: GreetingId,
    pub scope: Scope,
    /// `None`: whatever the caller speaks.
    pub language: Option<Language>,
    pub timetable: Option<Timetable>,
    pub priority: i32,
    pub enabled: bool,
}

/// For which calls. `None` does not narrow.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Scope {
    pub agent: Option<AgentId>,
    pub domain: Option<DomainId>,
    pub environment: Option<EnvironmentId>,
    pub channel: Option<ChannelId>,
}

/// What a call is, as far as greetings ask.
#[derive(Debug, Clone)]
pub struct Call {
    pub agent: AgentId,
    pub domain: Option<DomainId>,
    pub environment: Option<EnvironmentId>,
    pub channel: Option<ChannelId>,
    /// Most wanted first.
    pub languages: Vec<Language>,
    pub at: Timestamp,
}

/// Why a greeting does not fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why {
    Off,
    OtherAgent,
    OtherDomain,
    OtherEnvironment,
    OtherChannel,
    /// Of the greeting.
    OtherLanguage(Language),
    Closed(Closed),
}

/// How well a greeting fits; the greatest is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rank {
    priority: i32,
    channel: bool,
    agent: bool,
    domain: bool,
    environment: bool,
    language: Option<Reverse<usize>>,
    scheduled: bool,
    age: Reverse<GreetingId>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    Fits(Rank),
    Not(Why),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explained {
    pub id: GreetingId,
    pub verdict: Verdict,
    pub chosen: bool,
    /// Of one that fits and is not said: by what the one that is said comes before it.
    pub beaten_by: Option<&'static str>,
}

/// The greeting that is said; none leaves the word to the agent's own.
#[must_use]
pub fn select<'a>(rules: &'a [Rule], call: &Call, calendar: &Calendar) -> Option<&'a Rule> {
    let ranked = rules.iter().filter_map(|rule| Some((rule.judge(call, calendar).ok()?, rule)));
    ranked.max_by_key(|(rank, _)| *rank).map(|(_, rule)| rule)
}

/// What was thought of each, in the order in which they are preferred; those that do not fit last.
#[must_use]
pub fn explain(rules: &[Rule], call: &Call, calendar: &Calendar) -> Vec<Explained> {
    let mut judged: Vec<(GreetingId, Result<Rank, Why>)> =
        rules.iter().map(|rule| (rule.id, rule.judge(call, calendar))).collect();
    judged.sort_by_key(|(id, verdict)| (Reverse(verdict.as_ref().ok().copied()), *id));
    let best = judged.first().and_then(|(_, verdict)| verdict.as_ref().ok().copied());
    judged
        .into_iter()
        .enumerate()
        .map(|(place, (id, verdict))| match verdict {
            Ok(rank) => {
                let beaten_by = best.filter(|_| place > 0).map(|best| best.beats(&rank));
                Explained { id, verdict: Verdict::Fits(rank), chosen: place == 0, beaten_by }
            }
            Err(why) => Explained { id, verdict: Verdict::Not(why), chosen: false, beaten_by: None },
        })
        .collect()
}

impl Rule {
    fn judge(&self, call: &Call, calendar: &Calendar) -> Result<Rank, Why> {
        if !self.enabled {
            return Err(Why::Off);
        }
        // The cheap conditions first: most greetings of a large organization are of other agents.
        self.scope.fits(call)?;
        let language = match &self.language {
            None => None,
            Some(own) => {
                let place = call.languages.iter().position(|wanted| understands(wanted, own));
                Some(Reverse(place.ok_or_else(|| Why::OtherLanguage(own.clone()))?))
            }
        };
        if let Some(timetable) = &self.timetable {
            timetable.holds(calendar, call.at).map_err(Why::Closed)?;
        }
        Ok(Rank {
            priority: self.priority,
            channel: self.scope.channel.is_some(),
            agent: self.scope.agent.is_some(),
            domain: self.scope.domain.is_some(),
            environment: self.scope.environment.is_some(),
            language,
            scheduled: self.timetable.is_some(),
            age: Reverse(self.id),
        })
    }
}

impl Scope {
    fn fits(&self, call: &Call) -> Result<(), Why> {
        let same = |wanted: bool, why: Why| if wanted { Ok(()) } else { Err(why) };
        same(self.agent.is_none_or(|agent| agent == call.agent), Why::OtherAgent)?;
        same(self.domain.is_none() || self.domain == call.domain, Why::OtherDomain)?;
        same(self.environment.is_none() || self.environment == call.environment, Why::OtherEnvironment)?;
        same(self.channel.is_none() || self.channel == call.channel, Why::OtherChannel)
    }
}

impl Rank {
    /// By what this one comes before the other.
    fn beats(&self, other: &Self) -> &'static str {
        if self.priority != other.priority {
            "priority"
        } else if (self.channel, self.agent, self.domain, self.environment)
            != (other.channel, other.agent, other.domain, other.environment)
        {
            "scope"
        } else if self.language != other.language {
            "language"
        } else if self.scheduled != other.scheduled {
            "schedule"
        } else {
            "age"
        }
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Off => f.write_str("it is switched off"),
            Self::OtherAgent => f.write_str("it is for another agent"),
            Self::OtherDomain => f.write_str("it is for another domain"),
            Self::OtherEnvironment => f.write_str("it is for another environment"),
            Self::OtherChannel => f.write_str("it is for another channel"),
            Self::OtherLanguage(language) => write!(f, "the caller does not ask for {language}"),
            Self::Closed(closed) => closed.fmt(f),
        }
    }
}

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Before(day) => write!(f, "it begins on {day}"),
            Self::After(day) => write!(f, "it was for days up to {day}"),
            Self::Holiday(name) if name.is_empty() => f.write_str("it is not said on holidays"),
            Self::Holiday(name) => write!(f, "it is not said on holidays, and it is {name}"),
            Self::NoHoliday => f.write_str("it is for holidays alone"),
            Self::Hours { day, at } => write!(f, "{} {at} is not within its hours", day.name()),
        }
    }
}

#[cfg(test)]
mod tests;
