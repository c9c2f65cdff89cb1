//! `cargo xtask tidy`: reads the workspace and names what is out of order. Changes nothing.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;
use cargo_metadata::{DependencyKind, MetadataCommand, Package};

use crate::rules::Rules;

/// Text that belongs to a machine or a registry and not into the project.
/// Assembled, so that this file does not contain it.
fn forbidden() -> Vec<String> {
    vec![
        ["/wor", "k/"].concat(),
        ["/far", "m/"].concat(),
        ["registry.npmjs", ".org"].concat(),
        ["files.python", "hosted"].concat(),
    ]
}

pub(crate) fn run() -> anyhow::Result<ExitCode> {
    let metadata = MetadataCommand::new().no_deps().exec().context("cargo metadata")?;
    let root = metadata.workspace_root.as_std_path();
    let rules = Rules::read(&root.join("xtask/arrows.toml"))?;
    let mut wrong = BTreeSet::new();
    let names: BTreeSet<&str> = metadata.packages.iter().map(|package| package.name.as_ref()).collect();
    for package in &metadata.packages {
        directions(&rules, &names, package, &mut wrong);
        name_is_path(root, package, &mut wrong);
    }
    let words = sources(&rules, root, &mut wrong)?;
    error_pages(root, &words, &mut wrong)?;
    for line in &wrong {
        eprintln!("tidy: {line}");
    }
    eprintln!("tidy: {} crates, {} out of order", metadata.packages.len(), wrong.len());
    Ok(if wrong.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn directions(rules: &Rules, names: &BTreeSet<&str>, package: &Package, wrong: &mut BTreeSet<String>) {
    for dependency in &package.dependencies {
        let inside = names.contains(dependency.name.as_str());
        if dependency.kind == DependencyKind::Development {
            continue;
        }
        if inside && dependency.name == "testkit" {
            wrong.insert(format!("{} -> testkit: only ever a dev-dependency", package.name));
        } else if inside {
            wrong.extend(rules.arrow(&package.name, &dependency.name));
        } else {
            wrong.extend(rules.door(&package.name, &dependency.name));
        }
    }
}

fn name_is_path(root: &Path, package: &Package, wrong: &mut BTreeSet<String>) {
    let folder =
        package.manifest_path.parent().map(|folder| folder.as_std_path().to_path_buf()).unwrap_or_default();
    let expected = folder.strip_prefix(root).unwrap_or(&folder).to_string_lossy().replace('/', "-");
    if package.name.as_ref() != expected {
        wrong.insert(format!("{}: the crate in {} is named {expected}", package.name, folder.display()));
    }
}

/// What the product's sources, without their tests, say of error codes.
#[derive(Default)]
struct Words {
    /// Stable codes that a failure is made of.
    codes: BTreeSet<String>,
    /// Every word in capitals.
    all: BTreeSet<String>,
}

/// Reads every tracked text file once.
fn sources(rules: &Rules, root: &Path, wrong: &mut BTreeSet<String>) -> anyhow::Result<Words> {
    let mut words = Words::default();
    let listed = std::process::Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard"])
        .current_dir(root)
        .output()
        .context("git ls-files")?;
    for file in String::from_utf8_lossy(&listed.stdout).lines() {
        let Ok(text) = std::fs::read_to_string(root.join(file)) else { continue }; // binary, or deleted and not yet staged
        if !file.ends_with(".lock") {
            for word in forbidden() {
                if text.contains(&word) {
                    wrong.insert(format!(
                        "{file}: contains {word:?}, which belongs to one machine or registry"
                    ));
                }
            }
        }
        if file.ends_with(".rs") {
            rust_file(rules, file, &text, wrong);
            if !file.contains("/tests/") && !file.ends_with("/tests.rs") && !file.starts_with("xtask/") {
                let product = text.split("#[cfg(test)]").next().unwrap_or_default();
                if !speaks_of_vendors(file) {
                    words.codes.extend(rust_codes(product));
                }
                words.all.extend(capitals(product).map(str::to_owned));
            }
        }
        if file.starts_with("web/") && file.contains("/src/") && file.ends_with(".ts") {
            words.codes.extend(web_codes(&text));
            words.all.extend(capitals(&text).map(str::to_owned));
        }
    }
    Ok(words)
}

fn rust_file(rules: &Rules, file: &str, text: &str, wrong: &mut BTreeSet<String>) {
    let unnamed = ["/tests/", "/fuzz_targets/"].iter().any(|folder| file.contains(folder))
        || file.ends_with("/tests.rs")
        || file.ends_with("build.rs");
    if !text.starts_with("//!") && !unnamed {
        wrong.insert(format!("{file}: begins without `//!` saying what it is"));
    }
    let stem = Path::new(file).file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    if ["utils", "util", "helpers", "common", "manager"].contains(&stem) {
        wrong.insert(format!("{file}: a name that says nothing; name the file by its meaning"));
    }
    let product = text.split("#[cfg(test)]").next().unwrap_or_default();
    let code =
        product.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("//")).count();
    let tests = file.contains("/tests/") || file.ends_with("tests.rs");
    if code > rules.budget_code_lines && !tests && !rules.budget_reasons.contains_key(file) {
        wrong.insert(format!(
            "{file}: {code} code lines, past {}: split it by meaning, or give a reason in arrows.toml",
            rules.budget_code_lines
        ));
    }
}

/// Every page of docs/errors is listed and belongs to a code, and every code has a page.
fn error_pages(root: &Path, words: &Words, wrong: &mut BTreeSet<String>) -> anyhow::Result<()> {
    let listed = std::fs::read_to_string(root.join("docs/errors/README.md")).unwrap_or_default();
    let pages: BTreeSet<String> = std::fs::read_dir(root.join("docs/errors"))
        .context("docs/errors")?
        .filter_map(|entry| entry.ok()?.path().file_stem()?.to_str().map(str::to_owned))
        .filter(|stem| stem != "README")
        .collect();
    for page in &pages {
        if !listed.contains(&format!("({page}.md)")) {
            wrong.insert(format!("docs/errors/{page}.md: not listed in docs/errors/README.md"));
        }
        if !named(&words.all, page) {
            wrong.insert(format!("docs/errors/{page}.md: no source makes this code"));
        }
    }
    for code in words.codes.difference(&pages) {
        wrong.insert(format!("{code}: has no page in docs/errors/"));
    }
    Ok(())
}

/// What looks like a code there is a vendor's word: ours for it is made in `providers/api`.
fn speaks_of_vendors(file: &str) -> bool {
    let ours =
        ["providers/api/", "providers/link/", "providers/route/", "providers/fake/", "providers/local/"];
    file.starts_with("loadtest/vendors/")
        || file == "foundry/src/vendors.rs"
        || file.starts_with("providers/") && !ours.iter().any(|room| file.starts_with(room))
}

/// Whole, or put together from an ability and what became of it, as `providers/api` does.
fn named(words: &BTreeSet<String>, code: &str) -> bool {
    words.contains(code)
        || code
            .split_once('_')
            .is_some_and(|(ability, rest)| words.contains(ability) && words.contains(&format!("_{rest}")))
}

/// The stable codes that Rust makes failures of: a text that is a code, or one that begins with a code and a colon, and
/// the rows of the HTTP surface's table.
fn rust_codes(text: &str) -> impl Iterator<Item = String> + '_ {
    let code_lines = text.lines().map(str::trim_start).filter(|line| !line.starts_with("//"));
    code_lines.flat_map(|line| {
        let row = line.contains("= Caller, ") || line.contains("= Platform, ");
        let quoted = line.match_indices('"').map(|(at, _)| &line[at + 1..]);
        let quoted = quoted.filter_map(|rest| {
            let word = rest.split(not_capital).next()?;
            (rest[word.len()..].starts_with('"') || rest[word.len()..].starts_with(": ")).then_some(word)
        });
        let table = row.then(|| line.split(not_capital).next().unwrap_or_default());
        quoted.chain(table).filter(|word| is_code(word)).map(str::to_owned).collect::<Vec<_>>()
    })
}

/// The same in the pages and the widget: every text that is a code, or a list of codes.
fn web_codes(text: &str) -> impl Iterator<Item = String> + '_ {
    let texts = text.lines().flat_map(|line| line.split('\'').skip(1).step_by(2));
    let lists = texts.filter(|text| text.split(' ').all(is_code));
    lists.flat_map(|list| list.split(' ')).map(str::to_owned)
}

fn capitals(text: &str) -> impl Iterator<Item = &str> {
    text.split(not_capital).filter(|word| word.len() > 1)
}

fn not_capital(c: char) -> bool {
    !(c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
}

/// Two words at least, and no variable of the environment.
fn is_code(word: &str) -> bool {
    const ENVIRONMENT: [&str; 11] = [
        "AGENT_FOUNDRY_",
        "FOUNDRY_",
        "DEEPGRAM_",
        "OPENAI_",
        "LIVEKIT_URL",
        "LIVEKIT_API_",
        "XDG_",
        "TOKIO_",
        "CARGO_",
        "LC_",
        "PG_",
    ];
    word.len() > 5
        && word.contains('_')
        && !word.contains(not_capital)
        && word.starts_with(|c: char| c.is_ascii_uppercase())
        && !ENVIRONMENT.iter().any(|prefix| word.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_found_where_failures_are_made() {
        let text = "Self::A => Failure::caller(\"OFFER_INVALID\"),\n AGENT_UNKNOWN = Caller, 404, Retry::Never\n \
            const SOCKET_BUFFER: u32 = 1;\n format!(\"DATA_DIR_UNUSABLE: cannot\") env = \"FOUNDRY_LISTEN\"\n \
            // \"SAID_ONLY\"\n let code = \"TOOL_FAILED\".to_owned();";
        let codes: Vec<_> = rust_codes(text).collect();
        assert_eq!(codes, ["OFFER_INVALID", "AGENT_UNKNOWN", "DATA_DIR_UNUSABLE", "TOOL_FAILED"]);
    }

    #[test]
    fn codes_of_the_web_are_found_alone_and_in_lists() {
        let text = "  new Refused('PAGE_FAILED', 'This page failed', x);\n  'MICROPHONE_BUSY',\n \
            'SERVER_FULL TOKEN_EXPIRED'.split(\n const READY_MS = 'ready';";
        let codes: Vec<_> = web_codes(text).collect();
        assert_eq!(codes, ["PAGE_FAILED", "MICROPHONE_BUSY", "SERVER_FULL", "TOKEN_EXPIRED"]);
    }

    #[test]
    fn a_page_belongs_to_a_code_that_is_made_whole_or_in_two_parts() {
        let words = ["TTS", "_TIMED_OUT", "TOOL_FAILED"].map(str::to_owned).into();
        assert!(named(&words, "TOOL_FAILED") && named(&words, "TTS_TIMED_OUT"));
        assert!(!named(&words, "TTS_TIMEOUT"));
    }
}
