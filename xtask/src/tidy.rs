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
    let codes = sources(&rules, root, &mut wrong)?;
    error_pages(root, &codes, &mut wrong)?;
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

/// Reads every tracked text file once. Returns the stable error codes that the product's sources name.
fn sources(rules: &Rules, root: &Path, wrong: &mut BTreeSet<String>) -> anyhow::Result<BTreeSet<String>> {
    let mut codes = BTreeSet::new();
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
            if !file.contains("/tests/") && !file.starts_with("xtask/") {
                codes.extend(codes_in(text.split("#[cfg(test)]").next().unwrap_or_default()));
            }
        }
    }
    Ok(codes)
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

/// Every page of docs/errors is listed, and every code that the error table's room names has a page.
fn error_pages(root: &Path, codes: &BTreeSet<String>, wrong: &mut BTreeSet<String>) -> anyhow::Result<()> {
    let listed = std::fs::read_to_string(root.join("docs/errors/README.md")).unwrap_or_default();
    let pages: BTreeSet<String> = std::fs::read_dir(root.join("docs/errors"))
        .context("docs/errors")?
        .filter_map(|entry| entry.ok()?.path().file_stem()?.to_str().map(str::to_owned))
        .filter(|stem| stem != "README")
        .collect();
    for page in &pages {
        if !listed.contains(page.as_str()) {
            wrong.insert(format!("docs/errors/{page}.md: not listed in docs/errors/README.md"));
        }
    }
    for code in codes.difference(&pages) {
        wrong.insert(format!("{code}: has no page in docs/errors/"));
    }
    Ok(())
}

/// The stable codes that a line makes a failure of: `Failure::caller("CODE")` and its like, and the widget's `code: 'CODE'`.
fn codes_in(text: &str) -> impl Iterator<Item = String> + '_ {
    text.lines()
        .filter(|line| {
            line.contains("Failure::")
                || line.contains("Code(\"")
                || line.contains("= Caller, ")
                || line.contains("= Platform, ")
        })
        .flat_map(|line| {
            line.split(|c: char| !(c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_'))
                .filter(|word| {
                    word.len() > 5 && word.contains('_') && word.starts_with(|c: char| c.is_ascii_uppercase())
                })
                .map(str::to_owned)
                .collect::<Vec<_>>()
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_found_where_failures_are_made() {
        let text = "Self::A => Failure::caller(\"OFFER_INVALID\"),\n AGENT_UNKNOWN = Caller, 404, Retry::Never\n const SOCKET_BUFFER: u32 = 1;";
        assert_eq!(codes_in(text).collect::<Vec<_>>(), ["OFFER_INVALID", "AGENT_UNKNOWN"]);
    }
}
