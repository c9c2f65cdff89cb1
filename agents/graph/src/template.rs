//! Texts with values in them.
//!
//! `{path}` puts a value in, `{path|format}` as a voice says it, `{if condition}..{elif condition}..{else}..{end}` chooses.
//! `{{` and `}}` are braces. A value that does not exist is nothing.

use jiff::civil::Date;
use serde_json::Value;

use crate::expression::{Expression, ExpressionError, Scope};
use crate::spoken;

#[derive(Debug, Clone, Default, PartialEq)]
pub struct Template(Vec<Piece>);

#[derive(Debug, Clone, PartialEq)]
enum Piece {
    Text(String),
    Value(Expression, String),
    /// Conditions in order with what they choose; the last one may be without.
    Choose(Vec<(Option<Expression>, Vec<Piece>)>),
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    #[error("\"{{{source_text}}}\": {error}")]
    Expression { source_text: String, error: ExpressionError },
    #[error("\"{0}\" is no format; there are {known}", known = spoken::FORMATS.join(", "))]
    Format(String),
    #[error("a \"{{\" has no \"}}\"")]
    Open,
    #[error("\"{{{0}}}\" has no \"{{if}}\" before it")]
    Stray(String),
    #[error("an \"{{if}}\" has no \"{{end}}\"")]
    Endless,
}

impl Template {
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        let mut parts = cut(text)?.into_iter().peekable();
        let pieces = pieces(&mut parts, 0)?;
        match parts.next() {
            None => Ok(Self(pieces)),
            Some(Part::Tag(tag)) => Err(TemplateError::Stray(tag)),
            Some(Part::Text(_)) => Err(TemplateError::Open),
        }
    }

    /// The text, with runs of blanks made one.
    #[must_use]
    pub fn render(&self, scope: &Scope<'_>, today: Date) -> String {
        let mut text = String::new();
        render(&self.0, scope, today, &mut text);
        let joined = text.split_whitespace().collect::<Vec<_>>().join(" ");
        joined.replace(" .", ".").replace(" ,", ",").replace(" ?", "?")
    }

    /// The text with its lines; in each, runs of blanks are made one.
    #[must_use]
    pub fn render_lines(&self, scope: &Scope<'_>, today: Date) -> String {
        let mut text = String::new();
        render(&self.0, scope, today, &mut text);
        let lines = text.trim().lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
        lines.collect::<Vec<_>>().join("\n")
    }

    #[must_use]
    pub fn roots(&self) -> Vec<&str> {
        let mut roots = Vec::new();
        collect_roots(&self.0, &mut roots);
        roots
    }
}

fn collect_roots<'a>(pieces: &'a [Piece], roots: &mut Vec<&'a str>) {
    for piece in pieces {
        match piece {
            Piece::Text(_) => {}
            Piece::Value(expression, _) => roots.extend(expression.roots()),
            Piece::Choose(branches) => {
                for (condition, inner) in branches {
                    roots.extend(condition.iter().flat_map(Expression::roots));
                    collect_roots(inner, roots);
                }
            }
        }
    }
}

fn render(pieces: &[Piece], scope: &Scope<'_>, today: Date, text: &mut String) {
    for piece in pieces {
        match piece {
            Piece::Text(plain) => text.push_str(plain),
            Piece::Value(expression, format) => {
                text.push_str(&spoken::speak(&expression.value(scope), format, today))
            }
            Piece::Choose(branches) => {
                let chosen = branches
                    .iter()
                    .find(|(condition, _)| condition.as_ref().is_none_or(|condition| condition.holds(scope)));
                if let Some((_, inner)) = chosen {
                    render(inner, scope, today, text);
                }
            }
        }
    }
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
            '{' if chars.peek() == Some(&'{') => {
                chars.next();
                plain.push('{');
            }
            '}' if chars.peek() == Some(&'}') => {
                chars.next();
                plain.push('}');
            }
            '{' => {
                let mut tag = String::new();
                loop {
                    match chars.next() {
                        Some('}') => break,
                        Some(c) => tag.push(c),
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

type Parts = std::iter::Peekable<std::vec::IntoIter<Part>>;

/// Deepest nesting of conditions; protects the stack from hostile texts.
const DEEPEST: usize = 16;

fn pieces(parts: &mut Parts, depth: usize) -> Result<Vec<Piece>, TemplateError> {
    let mut pieces = Vec::new();
    if depth > DEEPEST {
        return Err(TemplateError::Endless);
    }
    while let Some(part) = parts.peek() {
        match part {
            Part::Tag(tag) if tag == "end" || tag == "else" || tag.starts_with("elif ") => break,
            _ => {}
        }
        match parts.next() {
            Some(Part::Text(text)) => pieces.push(Piece::Text(text)),
            Some(Part::Tag(tag)) => match tag.strip_prefix("if ") {
                Some(condition) => pieces.push(choice(parts, condition, depth)?),
                None => pieces.push(value(&tag)?),
            },
            None => break,
        }
    }
    Ok(pieces)
}

fn choice(parts: &mut Parts, condition: &str, depth: usize) -> Result<Piece, TemplateError> {
    let mut branches = vec![(Some(expression(condition)?), pieces(parts, depth + 1)?)];
    loop {
        match parts.next() {
            Some(Part::Tag(tag)) if tag == "end" => return Ok(Piece::Choose(branches)),
            Some(Part::Tag(tag)) if tag == "else" => branches.push((None, pieces(parts, depth + 1)?)),
            Some(Part::Tag(tag)) => {
                let condition = tag.strip_prefix("elif ").ok_or(TemplateError::Endless)?;
                branches.push((Some(expression(condition)?), pieces(parts, depth + 1)?));
            }
            _ => return Err(TemplateError::Endless),
        }
    }
}

fn value(tag: &str) -> Result<Piece, TemplateError> {
    let (source, format) =
        tag.split_once('|').map_or((tag, "text"), |(source, format)| (source, format.trim()));
    if !spoken::FORMATS.contains(&format) {
        return Err(TemplateError::Format(format.to_owned()));
    }
    Ok(Piece::Value(expression(source)?, format.to_owned()))
}

fn expression(text: &str) -> Result<Expression, TemplateError> {
    Expression::parse(text).map_err(|error| TemplateError::Expression { source_text: text.to_owned(), error })
}

/// A literal of JSON, in which a text that begins with "=" is an expression.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Given {
    Literal(Value),
    Expression(Expression),
    Object(Vec<(String, Given)>),
    List(Vec<Given>),
}

impl Given {
    pub(crate) fn parse(value: &Value) -> Result<Self, ExpressionError> {
        Ok(match value {
            Value::String(text) => match text.strip_prefix('=') {
                Some(source) => Self::Expression(Expression::parse(source)?),
                None => Self::Literal(value.clone()),
            },
            Value::Object(fields) => Self::Object(
                fields.iter().map(|(name, value)| Ok((name.clone(), Self::parse(value)?))).collect::<Result<
                    _,
                    ExpressionError,
                >>(
                )?,
            ),
            Value::Array(items) => Self::List(items.iter().map(Self::parse).collect::<Result<_, _>>()?),
            other => Self::Literal(other.clone()),
        })
    }

    pub(crate) fn value(&self, scope: &Scope<'_>) -> Value {
        match self {
            Self::Literal(value) => value.clone(),
            Self::Expression(expression) => expression.value(scope),
            Self::Object(fields) => {
                Value::Object(fields.iter().map(|(name, value)| (name.clone(), value.value(scope))).collect())
            }
            Self::List(items) => Value::Array(items.iter().map(|item| item.value(scope)).collect()),
        }
    }

    pub(crate) fn roots(&self) -> Vec<&str> {
        match self {
            Self::Literal(_) => Vec::new(),
            Self::Expression(expression) => expression.roots(),
            Self::Object(fields) => fields.iter().flat_map(|(_, value)| value.roots()).collect(),
            Self::List(items) => items.iter().flat_map(Self::roots).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use serde_json::json;

    use super::*;

    fn render(text: &str) -> String {
        let state = json!({"booking": {"name": "Maria", "date": "2026-12-01", "price": 45}});
        let scope = Scope { roots: &[], state: state.as_object().unwrap() };
        Template::parse(text).unwrap().render(&scope, date(2026, 11, 23))
    }

    #[test]
    fn values_formats_and_conditions() {
        assert_eq!(render("Thanks, {booking.name}."), "Thanks, Maria.");
        assert_eq!(
            render("On {booking.date|day} for {booking.price|money}"),
            "On Tuesday, December first for forty-five dollars"
        );
        assert_eq!(render("{if booking.phone}a{elif booking.name == 'Maria'}b{else}c{end}!"), "b!");
        assert_eq!(render("x {if booking.phone}y {end}z {nothing} ."), "x z.");
        assert_eq!(render("{{braces}}"), "{braces}");
    }

    #[test]
    fn mistakes_are_explained() {
        for text in ["{", "{a|nonsense}", "{if a}b", "b{end}", "{if a}b{else}", "{a ==}", "{elif x}"] {
            assert!(Template::parse(text).is_err(), "{text}");
        }
    }
}
