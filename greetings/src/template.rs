//! A greeting's text with the caller's data in it: `{caller.name|default:"there"}`, and `{if caller.name}..{else}..{end}` where a value may be missing.
//!
//! No code, no loops, no nesting of values: what a caller brings is put in as text and never read as a template. What may be missing needs a
//! default or an `if`, which is said when the text is saved and not when a caller waits.

use std::collections::BTreeMap;
use std::fmt;

/// Of a template and of what becomes of it.
pub const TEXT_MOST: usize = 1000;
/// Of one value.
pub const VALUE_MOST: usize = 100;
const DEPTH_MOST: usize = 4;

/// Names that every call has a value for.
pub const ALWAYS: &[&str] = &["agent", "environment", "language", "weekday", "hour", "part_of_day"];
/// Names that some calls have a value for. Besides them there is whatever follows `caller.` and `session.`.
pub const SOMETIMES: &[&str] = &["holiday", "caller.number", "caller.name"];
const OPEN_ROOTS: &[&str] = &["caller.", "session."];
const FILTERS: &str = "default, title, upper, lower, first, digits";

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template(Vec<Piece>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    Value(Value),
    If { name: String, then: Vec<Piece>, otherwise: Vec<Piece> },
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Value {
    name: String,
    filters: Vec<Filter>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Filter {
    Default(String),
    /// Each Word Begins With A Capital.
    Title,
    Upper,
    Lower,
    /// The first word.
    First,
    /// Read one by one: `1 2 3`.
    Digits,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    #[error("a greeting needs text")]
    Empty,
    #[error("{0} characters are more than {TEXT_MOST}")]
    Long(usize),
    #[error("a \"{{\" has no \"}}\": write \"{{{{\" for a brace that is said")]
    Open,
    #[error("a \"}}\" has no \"{{\": write \"}}}}\" for a brace that is said")]
    Close,
    #[error("\"{{{0}}}\" is no name: names have letters, digits, dots and underscores")]
    Name(String),
    #[error("there is no value called \"{name}\"{}: there are {known}, and your own as caller.NAME and session.NAME", near(.name), known = ALWAYS.iter().chain(SOMETIMES).copied().collect::<Vec<_>>().join(", "))]
    Unknown { name: String },
    #[error(
        "a call may have no \"{name}\": write {{{name}|default:\"...\"}}, or put it into {{if {name}}}...{{end}}"
    )]
    MayBeMissing { name: String },
    #[error("\"{0}\" is no filter; there are {FILTERS}")]
    Filter(String),
    #[error("\"default\" needs a text in quotes: default:\"there\"")]
    Default,
    #[error("an \"{{if}}\" has no \"{{end}}\"")]
    Endless,
    #[error("\"{{{0}}}\" has no \"{{if}}\" before it")]
    Stray(String),
    #[error("\"{{if}}\" within \"{{if}}\" more than {DEPTH_MOST} deep")]
    Deep,
}

/// The nearest name, where a letter or two is all that differs.
fn near(name: &str) -> String {
    let found = ALWAYS.iter().chain(SOMETIMES).find(|known| {
        let (a, b): (Vec<char>, Vec<char>) = (name.chars().collect(), known.chars().collect());
        let same = a.iter().zip(&b).take_while(|(x, y)| x == y).count();
        let tail = a.iter().rev().zip(b.iter().rev()).take_while(|(x, y)| x == y).count();
        a.len().abs_diff(b.len()) <= 1 && same + tail + 2 >= a.len().max(b.len()) && same + tail > 2
    });
    found.map(|known| format!(" (did you mean \"{known}\"?)")).unwrap_or_default()
}

/// What a call knows, by name.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Values(BTreeMap<String, String>);

impl Values {
    /// Control characters are dropped, and what is longer than a value may be is cut. An empty value is none.
    pub fn set(&mut self, name: impl Into<String>, value: &str) {
        let clean: String = value.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let short: String = clean.trim().chars().take(VALUE_MOST).collect();
        if !short.is_empty() {
            self.0.insert(name.into(), short);
        }
    }

    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }
}

/// Values are of callers.
impl fmt::Debug for Values {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Template {
    /// # Errors
    /// What is wrong with it, for who writes it.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        let length = text.chars().count();
        if text.trim().is_empty() {
            return Err(TemplateError::Empty);
        }
        if length > TEXT_MOST {
            return Err(TemplateError::Long(length));
        }
        let mut parts = cut(text)?.into_iter();
        let (pieces, end) = pieces(&mut parts, 0)?;
        match end {
            None => {
                check(&pieces, &mut Vec::new())?;
                Ok(Self(pieces))
            }
            Some(stray) => Err(TemplateError::Stray(stray)),
        }
    }

    /// The text, in which runs of blanks are one.
    #[must_use]
    pub fn render(&self, values: &Values) -> String {
        let mut text = String::new();
        render(&self.0, values, &mut text);
        let joined = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let tidy = [" .", " ,", " ?", " !"].iter().fold(joined, |text, stop| text.replace(stop, &stop[1..]));
        tidy.chars().take(TEXT_MOST).collect()
    }

    /// Whether it says the same to every caller whose `names` are the same.
    #[must_use]
    pub fn needs_only(&self, names: &[&str]) -> bool {
        let mut used = Vec::new();
        collect(&self.0, &mut used);
        used.iter().all(|name| names.contains(name))
    }
}

fn collect<'a>(pieces: &'a [Piece], used: &mut Vec<&'a str>) {
    for piece in pieces {
        match piece {
            Piece::Text(_) => {}
            Piece::Value(value) => used.push(&value.name),
            Piece::If { name, then, otherwise } => {
                used.push(name);
                collect(then, used);
                collect(otherwise, used);
            }
        }
    }
}

fn render(pieces: &[Piece], values: &Values, text: &mut String) {
    for piece in pieces {
        match piece {
            Piece::Text(plain) => text.push_str(plain),
            Piece::Value(value) => text.push_str(&value.said(values)),
            Piece::If { name, then, otherwise } => {
                let chosen = if values.get(name).is_some() { then } else { otherwise };
                render(chosen, values, text);
            }
        }
    }
}

impl Value {
    fn said(&self, values: &Values) -> String {
        let mut said = values.get(&self.name).map(str::to_owned);
        for filter in &self.filters {
            said = match (filter, said) {
                (Filter::Default(text), None) => Some(text.clone()),
                (_, None) => None,
                (filter, Some(text)) => Some(filter.apply(text)),
            };
        }
        said.unwrap_or_default()
    }
}

impl Filter {
    fn apply(&self, text: String) -> String {
        match self {
            Self::Default(_) => text,
            Self::Title => {
                let word = |word: &str| {
                    let mut chars = word.chars();
                    let first =
                        chars.next().map(|c| c.to_uppercase().collect::<String>()).unwrap_or_default();
                    first + &chars.as_str().to_lowercase()
                };
                text.split_whitespace().map(word).collect::<Vec<_>>().join(" ")
            }
            Self::Upper => text.to_uppercase(),
            Self::Lower => text.to_lowercase(),
            Self::First => text.split_whitespace().next().unwrap_or_default().to_owned(),
            Self::Digits => {
                text.chars().filter(char::is_ascii_digit).map(String::from).collect::<Vec<_>>().join(" ")
            }
        }
    }

    fn parse(text: &str) -> Result<Self, TemplateError> {
        Ok(match text {
            "title" => Self::Title,
            "upper" => Self::Upper,
            "lower" => Self::Lower,
            "first" => Self::First,
            "digits" => Self::Digits,
            _ => {
                let given = text.strip_prefix("default").map(str::trim_start);
                let given = given.and_then(|rest| rest.strip_prefix(':')).map(str::trim);
                match given {
                    Some(quoted) => {
                        let inner = quoted.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
                        Self::Default(inner.ok_or(TemplateError::Default)?.to_owned())
                    }
                    None if text == "default" => return Err(TemplateError::Default),
                    None => return Err(TemplateError::Filter(text.to_owned())),
                }
            }
        })
    }
}

/// Every name is known, and what may be missing has a default or stands where it is not missing.
fn check<'a>(pieces: &'a [Piece], present: &mut Vec<&'a str>) -> Result<(), TemplateError> {
    for piece in pieces {
        match piece {
            Piece::Text(_) => {}
            Piece::Value(value) => {
                let name = value.name.as_str();
                known(name)?;
                let covered = ALWAYS.contains(&name)
                    || present.contains(&name)
                    || value.filters.iter().any(|filter| matches!(filter, Filter::Default(_)));
                if !covered {
                    return Err(TemplateError::MayBeMissing { name: name.to_owned() });
                }
            }
            Piece::If { name, then, otherwise } => {
                known(name)?;
                present.push(name);
                let checked = check(then, present);
                present.pop();
                checked?;
                check(otherwise, present)?;
            }
        }
    }
    Ok(())
}

fn known(name: &str) -> Result<(), TemplateError> {
    let open = OPEN_ROOTS.iter().any(|root| name.strip_prefix(root).is_some_and(|rest| !rest.is_empty()));
    if open || ALWAYS.contains(&name) || SOMETIMES.contains(&name) {
        return Ok(());
    }
    Err(TemplateError::Unknown { name: name.to_owned() })
}

enum Part {
    Text(String),
    Tag(String),
}

fn cut(text: &str) -> Result<Vec<Part>, TemplateError> {
    let mut parts = Vec::new();
    let mut plain = String::new();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '{' | '}' if chars.peek() == Some(&c) => {
                chars.next();
                plain.push(c);
            }
            '}' => return Err(TemplateError::Close),
            '{' => {
                let mut tag = String::new();
                let mut quoted = false;
                loop {
                    match chars.next() {
                        Some('}') if !quoted => break,
                        Some(c) => {
                            quoted ^= c == '"';
                            tag.push(c);
                        }
                        None => return Err(TemplateError::Open),
                    }
                }
                if !plain.is_empty() {
                    parts.push(Part::Text(std::mem::take(&mut plain)));
                }
                parts.push(Part::Tag(tag.trim().to_owned()));
            }
            c => plain.push(c),
        }
    }
    if !plain.is_empty() {
        parts.push(Part::Text(plain));
    }
    Ok(parts)
}

/// Up to the end or to a tag that ends a branch, which is given back.
fn pieces(
    parts: &mut std::vec::IntoIter<Part>,
    depth: usize,
) -> Result<(Vec<Piece>, Option<String>), TemplateError> {
    if depth > DEPTH_MOST {
        return Err(TemplateError::Deep);
    }
    let mut found = Vec::new();
    while let Some(part) = parts.next() {
        match part {
            Part::Text(text) => found.push(Piece::Text(text)),
            Part::Tag(tag) if tag == "else" || tag == "end" => return Ok((found, Some(tag))),
            Part::Tag(tag) => match tag.strip_prefix("if ") {
                Some(name) => found.push(branches(name.trim(), parts, depth)?),
                None => found.push(Piece::Value(value(&tag)?)),
            },
        }
    }
    Ok((found, None))
}

fn branches(
    condition: &str,
    parts: &mut std::vec::IntoIter<Part>,
    depth: usize,
) -> Result<Piece, TemplateError> {
    let name = name(condition)?;
    let (then, end) = pieces(parts, depth + 1)?;
    let (otherwise, end) = match end.as_deref() {
        Some("else") => pieces(parts, depth + 1)?,
        _ => (Vec::new(), end),
    };
    match end.as_deref() {
        Some("end") => Ok(Piece::If { name, then, otherwise }),
        Some(other) => Err(TemplateError::Stray(other.to_owned())),
        None => Err(TemplateError::Endless),
    }
}

fn value(tag: &str) -> Result<Value, TemplateError> {
    let mut parts = pipes(tag).into_iter();
    let name = name(parts.next().unwrap_or_default().trim())?;
    let filters = parts.map(|filter| Filter::parse(filter.trim())).collect::<Result<_, _>>()?;
    Ok(Value { name, filters })
}

/// Cut at `|`, except within quotes.
fn pipes(tag: &str) -> Vec<&str> {
    let mut quoted = false;
    tag.split(|c| {
        quoted ^= c == '"';
        c == '|' && !quoted
    })
    .collect()
}

fn name(text: &str) -> Result<String, TemplateError> {
    let fits = |part: &str| {
        part.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    if text.len() <= 64 && text.split('.').all(fits) {
        return Ok(text.to_owned());
    }
    Err(TemplateError::Name(text.to_owned()))
}

#[cfg(test)]
mod tests;
