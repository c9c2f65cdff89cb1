//! Where callers' words may go, and what a definition names that cannot serve; and which accounts are not asked for now.

use std::borrow::Cow;

use control_api::agents::{DefinitionProblem, Severity};
use control_api::provider_account::Ability;
use control_server::ports::{Account, OpenAccount};
use domain::OrgId;
use serde::Deserialize as _;
use serde_json::Value;
use tokio::time::Instant;

use super::{BUILT_IN, Bench, Binding, Known, Providers};
use crate::adapters::attempts::Client;

/// Whether the account is in one of these regions, each a name or its beginning and `*`. One that does not say where it is is in none.
pub(super) fn has(regions: &[String], account: &Account) -> bool {
    let Some(region) = &account.options.region else { return false };
    regions.iter().any(|allowed| match allowed.strip_suffix('*') {
        Some(beginning) => region.starts_with(beginning),
        None => region == allowed,
    })
}

impl Known {
    /// What is not allowed is as if it were not there.
    fn allows(&self, org: OrgId, name: &str, regions: &[String]) -> bool {
        name == BUILT_IN
            || regions.is_empty()
            || self.accounts.get(&(org, name.to_owned())).is_some_and(|kept| has(regions, &kept.account))
    }
}

impl Bench {
    /// Of what an agent names, what is in its regions: those alone are asked, as fallbacks, too.
    pub(crate) fn within<'a>(&self, client: &Client, chosen: &'a Providers) -> Cow<'a, Providers> {
        if chosen.residency.is_empty() {
            return Cow::Borrowed(chosen);
        }
        let known = self.accounts.borrow().clone();
        let kept = |bindings: &[Binding]| -> Vec<Binding> {
            let allowed = |binding: &&Binding| {
                let allowed = known.allows(client.org, &binding.provider, &chosen.residency);
                if !allowed {
                    tracing::warn!(
                        agent = client.agent_name,
                        account = binding.provider,
                        "outside of the agent's regions, and not asked"
                    );
                }
                allowed
            };
            bindings.iter().filter(allowed).cloned().collect()
        };
        let mut within = Providers {
            stt: kept(&chosen.stt),
            llm: kept(&chosen.llm),
            tts: kept(&chosen.tts),
            realtime: kept(&chosen.realtime),
            ..chosen.clone()
        };
        if chosen.llm.is_empty() {
            let names = known.order.get(&client.org).into_iter().flatten();
            let names = names.filter(|name| known.allows(client.org, name, &chosen.residency));
            within.llm = names.map(|name| Binding::to(name)).collect();
        }
        if within.llm.is_empty() {
            // An empty list would be all; the server's own models do not think.
            within.llm.push(Binding::to(BUILT_IN));
        }
        Cow::Owned(within)
    }

    /// What a definition's `options` name that cannot serve: accounts outside of the regions are refused; those that are not there are
    /// passed over in calls, and may be made later.
    pub(crate) fn check(&self, org: OrgId, options: &Value) -> Vec<DefinitionProblem> {
        let Ok(chosen) = Providers::deserialize(&options["providers"]) else {
            // None, or not as it should be: the definition's own check says so.
            return Vec::new();
        };
        let known = self.accounts.borrow().clone();
        let mut problems = Vec::new();
        let orders = [
            ("stt", &chosen.stt),
            ("llm", &chosen.llm),
            ("tts", &chosen.tts),
            ("realtime", &chosen.realtime),
        ];
        for (ability, bindings) in orders {
            for (place, binding) in bindings.iter().enumerate() {
                let Some((severity, detail)) =
                    known.fault(org, ability, &binding.provider, &chosen.residency)
                else {
                    continue;
                };
                problems.push(DefinitionProblem {
                    pointer: format!("/options/providers/{ability}/{place}/provider"),
                    node: None,
                    field: format!("options.providers.{ability}[{place}].provider"),
                    detail,
                    severity,
                });
            }
        }
        problems
    }

    /// What of an organization's accounts is not asked for now.
    pub(super) fn passed_over(&self, org: OrgId) -> Vec<OpenAccount> {
        let beginning = format!("{org}/");
        let open = self.health.open(Instant::now()).into_iter().filter_map(|(key, left)| {
            Some(OpenAccount {
                account: key.tenant.strip_prefix(&beginning)?.to_owned(),
                ability: match key.ability {
                    providers_api::Ability::Stt => Ability::Stt,
                    providers_api::Ability::Llm => Ability::Llm,
                    providers_api::Ability::Tts => Ability::Tts,
                    providers_api::Ability::Embed => return None,
                },
                model: key.model.clone(),
                region: key.region.clone(),
                left,
            })
        });
        open.collect()
    }
}

impl Known {
    fn fault(&self, org: OrgId, ability: &str, name: &str, regions: &[String]) -> Option<(Severity, String)> {
        if name == BUILT_IN {
            let thinks = ability == "llm";
            return thinks.then(|| {
                (Severity::Warning, "the server's own models do not think: name an account".to_owned())
            });
        }
        let key = (org, name.to_owned());
        if self.outside.contains(&key) {
            let detail = format!(
                "the account {name:?} is outside of the organization's regions: name another, or give the account its region"
            );
            return Some((Severity::Error, detail));
        }
        match self.accounts.get(&key).map(|kept| &kept.account) {
            None => {
                let detail = format!("there is no account {name:?} in use: calls go on with the next");
                Some((Severity::Warning, detail))
            }
            Some(account) if !regions.is_empty() && !has(regions, account) => {
                let at = account
                    .options
                    .region
                    .as_deref()
                    .map_or("nowhere that is said".to_owned(), |at| format!("in {at}"));
                let detail = format!(
                    "the account {name:?} is {at}, and `residency` allows {}: name another, or give the account its region",
                    regions.join(", ")
                );
                Some((Severity::Error, detail))
            }
            Some(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{HashMap, HashSet};
    use std::sync::Arc;

    use control_api::provider_account::{AccountOptions, Vendor};
    use domain::ProviderAccountId;

    use super::super::kept::Kept;
    use super::*;

    fn known(org: OrgId, accounts: &[(&str, Option<&str>)]) -> Known {
        let account = |(name, region): &(&str, Option<&str>)| {
            let options = AccountOptions { region: region.map(str::to_owned), ..AccountOptions::default() };
            let account = Account {
                org,
                id: ProviderAccountId::generate(),
                name: (*name).to_owned(),
                vendor: Vendor::Openai,
                options,
                key: None,
            };
            ((org, (*name).to_owned()), Arc::new(Kept::new(account)))
        };
        Known {
            accounts: accounts.iter().map(account).collect::<HashMap<_, _>>(),
            outside: HashSet::from([(org, "abroad".to_owned())]),
            ..Known::default()
        }
    }

    #[test]
    fn accounts_outside_of_the_regions_are_refused_and_missing_ones_are_named() {
        let org = OrgId::generate();
        let known =
            known(org, &[("home", Some("europe-west4")), ("far", Some("us-east1")), ("somewhere", None)]);
        let regions = ["europe*".to_owned(), "eu".to_owned()];
        let fault = |name: &str, regions: &[String]| {
            known.fault(org, "stt", name, regions).map(|(severity, _)| severity)
        };
        assert_eq!(fault("home", &regions), None);
        assert_eq!(fault("far", &regions), Some(Severity::Error));
        assert_eq!(fault("somewhere", &regions), Some(Severity::Error));
        assert_eq!(fault("far", &[]), None);
        assert_eq!(fault("abroad", &[]), Some(Severity::Error));
        assert_eq!(fault("nobody", &[]), Some(Severity::Warning));
        assert_eq!(fault(BUILT_IN, &regions), None);
        for (name, allowed) in
            [("home", true), ("far", false), ("somewhere", false), ("nobody", false), (BUILT_IN, true)]
        {
            assert_eq!(known.allows(org, name, &regions), allowed, "{name}");
        }
        assert!(!known.allows(OrgId::generate(), "home", &regions), "another organization's");
    }
}
