//! The rules as data: `arrows.toml`, parsed.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context;

pub(crate) struct Rules {
    arrows: BTreeMap<String, Vec<String>>,
    doors: BTreeMap<String, Vec<String>>,
    pure_crates: Vec<String>,
    pure_never: Vec<String>,
    pub(crate) budget_code_lines: usize,
    pub(crate) budget_reasons: BTreeMap<String, String>,
}

impl Rules {
    pub(crate) fn read(path: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
        Self::parse(&text).with_context(|| format!("in {}", path.display()))
    }

    fn parse(text: &str) -> anyhow::Result<Self> {
        let root: toml::Table = text.parse()?;
        let lists = |key: &str| -> anyhow::Result<BTreeMap<String, Vec<String>>> {
            let table =
                root.get(key).and_then(toml::Value::as_table).with_context(|| format!("no [{key}]"))?;
            table.iter().map(|(name, value)| Ok((name.clone(), strings(value)?))).collect()
        };
        let pure = root.get("pure").and_then(toml::Value::as_table).context("no [pure]")?;
        let budget = root.get("budget").and_then(toml::Value::as_table).context("no [budget]")?;
        Ok(Self {
            arrows: lists("arrows")?,
            doors: lists("doors")?,
            pure_crates: strings(pure.get("crates").context("no pure.crates")?)?,
            pure_never: strings(pure.get("never").context("no pure.never")?)?,
            budget_code_lines: budget
                .get("code_lines")
                .and_then(toml::Value::as_integer)
                .and_then(|lines| usize::try_from(lines).ok())
                .context("no budget.code_lines")?,
            budget_reasons: budget
                .get("reasons")
                .and_then(toml::Value::as_table)
                .into_iter()
                .flatten()
                .map(|(file, why)| (file.clone(), why.as_str().unwrap_or_default().to_owned()))
                .collect(),
        })
    }

    /// What is wrong with `from` naming `to`, both crates of the workspace.
    pub(crate) fn arrow(&self, from: &str, to: &str) -> Option<String> {
        let Some(allowed) = self.arrows.get(from) else {
            return Some(format!("{from} is not in arrows.toml: say what it may name"));
        };
        let ok = allowed.iter().any(|name| name == to || name == "*");
        (!ok).then(|| format!("{from} -> {to}: not an arrow of the house; declare a port in {from}, or decide in docs/decisions/"))
    }

    /// What is wrong with the workspace crate `from` naming the outside crate `to`.
    pub(crate) fn door(&self, from: &str, to: &str) -> Option<String> {
        if let Some(doors) = self.doors.get(to)
            && !doors.iter().any(|door| door == from)
        {
            return Some(format!("{from} -> {to}: only {} may depend on it", doors.join(", ")));
        }
        let impure =
            self.pure_crates.iter().any(|name| name == from) && self.pure_never.iter().any(|name| name == to);
        impure.then(|| format!("{from} -> {to}: this room does no I/O"))
    }
}

fn strings(value: &toml::Value) -> anyhow::Result<Vec<String>> {
    let list = value.as_array().context("expected a list of names")?;
    list.iter().map(|item| item.as_str().map(str::to_owned).context("expected a name")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules() -> Rules {
        Rules::parse(
            r#"
            [arrows]
            low = []
            high = ["low"]
            top = ["*"]
            [doors]
            sqlx = ["store"]
            [pure]
            crates = ["low"]
            never = ["tokio"]
            [budget]
            code_lines = 500
            "#,
        )
        .expect("well-formed")
    }

    #[test]
    fn arrows_point_one_way() {
        assert_eq!(rules().arrow("high", "low"), None);
        assert_eq!(rules().arrow("top", "high"), None);
        assert!(rules().arrow("low", "high").is_some());
        assert!(rules().arrow("unknown", "low").is_some());
    }

    #[test]
    fn an_outside_crate_has_one_door_and_pure_rooms_have_no_runtime() {
        assert_eq!(rules().door("store", "sqlx"), None);
        assert!(rules().door("high", "sqlx").is_some());
        assert!(rules().door("low", "tokio").is_some());
        assert_eq!(rules().door("high", "tokio"), None);
    }
}
