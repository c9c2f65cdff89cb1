//! The condition language: compare, and, or, not, exists, in, literals and paths. It reads, it cannot do anything.
//!
//! ```text
//! booking.service == 'haircut' and not exists booking.phone
//! facts.hours[heard.day.weekday].open <= '09:00' or now.weekday in ['saturday', 'sunday']
//! ```
//! What does not exist is null; null is false; comparing values of different types is false.

use std::cmp::Ordering;

use serde_json::{Map, Value};

#[derive(Debug, Clone, PartialEq)]
pub struct Expression(Ast);

#[derive(Debug, Clone, PartialEq)]
enum Ast {
    Literal(Value),
    List(Vec<Ast>),
    Path(String, Vec<Step>),
    Not(Box<Ast>),
    Exists(Box<Ast>),
    And(Box<Ast>, Box<Ast>),
    Or(Box<Ast>, Box<Ast>),
    Compare(Box<Ast>, Comparison, Box<Ast>),
}

#[derive(Debug, Clone, PartialEq)]
enum Step {
    Field(String),
    Index(Box<Ast>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    In,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("at character {at}: {reason}")]
pub struct ExpressionError {
    /// Counted from 1.
    pub at: usize,
    pub reason: String,
}

/// What paths can name: the first part of a path is one of these.
#[derive(Debug, Clone, Copy)]
pub struct Scope<'a> {
    pub roots: &'a [(&'a str, &'a Value)],
    pub state: &'a Map<String, Value>,
}

impl<'a> Scope<'a> {
    fn root(&self, name: &str) -> Option<&'a Value> {
        self.roots
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, value)| *value)
            .or_else(|| self.state.get(name))
    }
}

/// Deepest nesting; protects the stack from hostile texts.
const DEEPEST: usize = 32;
/// Most lexemes: a row of `or` is as deep as it is long once it is read.
const LONGEST: usize = 1_000;

impl Expression {
    pub fn parse(text: &str) -> Result<Self, ExpressionError> {
        let mut parser = Parser { tokens: lex(text)?, at: 0, depth: 0, end: text.chars().count() + 1 };
        if let Some((at, _)) = parser.tokens.get(LONGEST) {
            return Err(ExpressionError { at: *at, reason: "too long".to_owned() });
        }
        let ast = parser.or()?;
        match parser.tokens.get(parser.at) {
            None => Ok(Self(ast)),
            Some((at, token)) => {
                Err(ExpressionError { at: *at, reason: format!("{token:?} is one too many") })
            }
        }
    }

    #[must_use]
    pub fn value(&self, scope: &Scope<'_>) -> Value {
        evaluate(&self.0, scope)
    }

    /// Whether the value is there and not false, zero or empty.
    #[must_use]
    pub fn holds(&self, scope: &Scope<'_>) -> bool {
        truth(&self.value(scope))
    }

    /// The first parts of all paths in it, for validation.
    #[must_use]
    pub fn roots(&self) -> Vec<&str> {
        let mut roots = Vec::new();
        collect_roots(&self.0, &mut roots);
        roots
    }
}

fn collect_roots<'a>(ast: &'a Ast, roots: &mut Vec<&'a str>) {
    match ast {
        Ast::Literal(_) => {}
        Ast::List(items) => items.iter().for_each(|item| collect_roots(item, roots)),
        Ast::Path(root, steps) => {
            roots.push(root);
            for step in steps {
                if let Step::Index(index) = step {
                    collect_roots(index, roots);
                }
            }
        }
        Ast::Not(inner) | Ast::Exists(inner) => collect_roots(inner, roots),
        Ast::And(left, right) | Ast::Or(left, right) | Ast::Compare(left, _, right) => {
            collect_roots(left, roots);
            collect_roots(right, roots);
        }
    }
}

fn evaluate(ast: &Ast, scope: &Scope<'_>) -> Value {
    match ast {
        Ast::Literal(value) => value.clone(),
        Ast::List(items) => Value::Array(items.iter().map(|item| evaluate(item, scope)).collect()),
        Ast::Path(root, steps) => follow(root, steps, scope),
        Ast::Not(inner) => Value::Bool(!truth(&evaluate(inner, scope))),
        Ast::Exists(inner) => Value::Bool(!evaluate(inner, scope).is_null()),
        Ast::And(left, right) => {
            let left = evaluate(left, scope);
            if truth(&left) { evaluate(right, scope) } else { left }
        }
        Ast::Or(left, right) => {
            let left = evaluate(left, scope);
            if truth(&left) { left } else { evaluate(right, scope) }
        }
        Ast::Compare(left, how, right) => {
            Value::Bool(compare(&evaluate(left, scope), *how, &evaluate(right, scope)))
        }
    }
}

fn follow(root: &str, steps: &[Step], scope: &Scope<'_>) -> Value {
    let Some(mut value) = scope.root(root) else { return Value::Null };
    for step in steps {
        let next = match step {
            Step::Field(name) => value.get(name.as_str()),
            Step::Index(index) => match evaluate(index, scope) {
                Value::String(name) => value.get(name.as_str()),
                Value::Number(number) => number.as_u64().and_then(|at| value.get(usize::try_from(at).ok()?)),
                _ => None,
            },
        };
        match next {
            Some(next) => value = next,
            None => return Value::Null,
        }
    }
    value.clone()
}

fn truth(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(value) => *value,
        Value::Number(value) => value.as_f64() != Some(0.0),
        Value::String(value) => !value.is_empty(),
        Value::Array(value) => !value.is_empty(),
        Value::Object(value) => !value.is_empty(),
    }
}

fn compare(left: &Value, how: Comparison, right: &Value) -> bool {
    match how {
        Comparison::Equal => equal(left, right),
        Comparison::NotEqual => !equal(left, right),
        Comparison::In => match right {
            Value::Array(items) => items.iter().any(|item| equal(left, item)),
            Value::Object(fields) => left.as_str().is_some_and(|name| fields.contains_key(name)),
            Value::String(text) => left.as_str().is_some_and(|part| text.contains(part)),
            _ => false,
        },
        _ => order(left, right).is_some_and(|order| match how {
            Comparison::Less => order == Ordering::Less,
            Comparison::LessOrEqual => order != Ordering::Greater,
            Comparison::Greater => order == Ordering::Greater,
            _ => order != Ordering::Less,
        }),
    }
}

fn equal(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => left.as_f64() == right.as_f64(),
        _ => left == right,
    }
}

fn order(left: &Value, right: &Value) -> Option<Ordering> {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => left.as_f64()?.partial_cmp(&right.as_f64()?),
        (Value::String(left), Value::String(right)) => Some(left.cmp(right)),
        _ => None,
    }
}

#[derive(Debug, Clone, PartialEq)]
enum Lexeme {
    Word(String),
    Text(String),
    Number(f64),
    Sign(&'static str),
}

const SIGNS: [&str; 12] = ["==", "!=", "<=", ">=", "<", ">", "(", ")", "[", "]", ".", ","];

fn lex(text: &str) -> Result<Vec<(usize, Lexeme)>, ExpressionError> {
    let chars: Vec<char> = text.chars().collect();
    let mut tokens = Vec::new();
    let mut at = 0;
    while at < chars.len() {
        let start = at;
        let c = chars[at];
        let lexeme = if c.is_whitespace() {
            at += 1;
            continue;
        } else if c == '\'' || c == '"' {
            let end = (at + 1..chars.len()).find(|end| chars[*end] == c);
            let end =
                end.ok_or(ExpressionError { at: start + 1, reason: "the text has no end".to_owned() })?;
            at = end + 1;
            Lexeme::Text(chars[start + 1..end].iter().collect())
        } else if c.is_ascii_digit() || (c == '-' && chars.get(at + 1).is_some_and(char::is_ascii_digit)) {
            at += 1;
            while at < chars.len()
                && (chars[at].is_ascii_digit()
                    || (chars[at] == '.' && chars.get(at + 1).is_some_and(char::is_ascii_digit)))
            {
                at += 1;
            }
            let number: String = chars[start..at].iter().collect();
            Lexeme::Number(number.parse().map_err(|_| ExpressionError {
                at: start + 1,
                reason: format!("\"{number}\" is no number"),
            })?)
        } else if c.is_alphabetic() || c == '_' {
            while at < chars.len() && (chars[at].is_alphanumeric() || chars[at] == '_') {
                at += 1;
            }
            Lexeme::Word(chars[start..at].iter().collect())
        } else {
            let sign = SIGNS
                .into_iter()
                .find(|sign| sign.chars().enumerate().all(|(offset, c)| chars.get(at + offset) == Some(&c)));
            let sign = sign.ok_or_else(|| ExpressionError {
                at: start + 1,
                reason: format!("\"{c}\" means nothing here"),
            })?;
            at += sign.len();
            Lexeme::Sign(sign)
        };
        tokens.push((start + 1, lexeme));
    }
    Ok(tokens)
}

struct Parser {
    tokens: Vec<(usize, Lexeme)>,
    at: usize,
    depth: usize,
    end: usize,
}

impl Parser {
    fn peek(&self) -> Option<&Lexeme> {
        self.tokens.get(self.at).map(|(_, lexeme)| lexeme)
    }

    fn word(&mut self, word: &str) -> bool {
        let there = matches!(self.peek(), Some(Lexeme::Word(found)) if found == word);
        self.at += usize::from(there);
        there
    }

    fn sign(&mut self, sign: &str) -> bool {
        let there = matches!(self.peek(), Some(Lexeme::Sign(found)) if *found == sign);
        self.at += usize::from(there);
        there
    }

    fn error<T>(&self, reason: impl Into<String>) -> Result<T, ExpressionError> {
        let at = self.tokens.get(self.at).map_or(self.end, |(at, _)| *at);
        Err(ExpressionError { at, reason: reason.into() })
    }

    fn or(&mut self) -> Result<Ast, ExpressionError> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return self.error("nested too deeply");
        }
        let mut left = self.and()?;
        while self.word("or") {
            left = Ast::Or(Box::new(left), Box::new(self.and()?));
        }
        self.depth -= 1;
        Ok(left)
    }

    fn and(&mut self) -> Result<Ast, ExpressionError> {
        let mut left = self.not()?;
        while self.word("and") {
            left = Ast::And(Box::new(left), Box::new(self.not()?));
        }
        Ok(left)
    }

    fn not(&mut self) -> Result<Ast, ExpressionError> {
        let mut times = 0;
        while self.word("not") {
            times += 1;
        }
        let inner = self.comparison()?;
        if times > DEEPEST {
            return self.error("nested too deeply");
        }
        Ok((0..times).fold(inner, |inner, _| Ast::Not(Box::new(inner))))
    }

    fn comparison(&mut self) -> Result<Ast, ExpressionError> {
        let left = self.operand()?;
        let how = if self.sign("==") {
            Comparison::Equal
        } else if self.sign("!=") {
            Comparison::NotEqual
        } else if self.sign("<=") {
            Comparison::LessOrEqual
        } else if self.sign(">=") {
            Comparison::GreaterOrEqual
        } else if self.sign("<") {
            Comparison::Less
        } else if self.sign(">") {
            Comparison::Greater
        } else if self.word("in") {
            Comparison::In
        } else {
            return Ok(left);
        };
        Ok(Ast::Compare(Box::new(left), how, Box::new(self.operand()?)))
    }

    fn operand(&mut self) -> Result<Ast, ExpressionError> {
        if self.sign("(") {
            let inner = self.or()?;
            return if self.sign(")") { Ok(inner) } else { self.error("a \")\" is missing") };
        }
        if self.sign("[") {
            return self.list();
        }
        let Some((_, lexeme)) = self.tokens.get(self.at).cloned() else {
            return self.error("something is missing at the end");
        };
        self.at += 1;
        match lexeme {
            Lexeme::Text(text) => Ok(Ast::Literal(Value::String(text))),
            Lexeme::Number(number) => Ok(Ast::Literal(number_value(number))),
            Lexeme::Word(word) => match word.as_str() {
                "true" => Ok(Ast::Literal(Value::Bool(true))),
                "false" => Ok(Ast::Literal(Value::Bool(false))),
                "null" => Ok(Ast::Literal(Value::Null)),
                "exists" => {
                    let mut times = 1;
                    while self.word("exists") {
                        times += 1;
                    }
                    if times > DEEPEST {
                        return self.error("nested too deeply");
                    }
                    let inner = self.operand()?;
                    Ok((0..times).fold(inner, |inner, _| Ast::Exists(Box::new(inner))))
                }
                "and" | "or" | "not" | "in" => {
                    self.at -= 1;
                    self.error(format!("a value is missing before \"{word}\""))
                }
                _ => self.path(word),
            },
            Lexeme::Sign(sign) => {
                self.at -= 1;
                self.error(format!("a value is missing before \"{sign}\""))
            }
        }
    }

    fn list(&mut self) -> Result<Ast, ExpressionError> {
        let mut items = Vec::new();
        while !self.sign("]") {
            if !items.is_empty() && !self.sign(",") {
                return self.error("a \",\" or \"]\" is missing");
            }
            items.push(self.or()?);
        }
        Ok(Ast::List(items))
    }

    fn path(&mut self, root: String) -> Result<Ast, ExpressionError> {
        let mut steps = Vec::new();
        loop {
            if self.sign(".") {
                match self.tokens.get(self.at).cloned() {
                    Some((_, Lexeme::Word(name))) => {
                        self.at += 1;
                        steps.push(Step::Field(name));
                    }
                    _ => return self.error("the name of a field is missing after \".\""),
                }
            } else if self.sign("[") {
                steps.push(Step::Index(Box::new(self.or()?)));
                if !self.sign("]") {
                    return self.error("a \"]\" is missing");
                }
            } else {
                return Ok(Ast::Path(root, steps));
            }
        }
    }
}

fn number_value(number: f64) -> Value {
    if number.fract() == 0.0 && number.abs() < 9e15 {
        Value::from(number as i64)
    } else {
        Value::from(number)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn value(text: &str) -> Value {
        let state = json!({"booking": {"service": "haircut", "count": 2, "tags": ["a", "b"]}, "empty": ""});
        let facts = json!({"hours": {"monday": {"open": "09:00"}, "sunday": null}, "day": "monday"});
        let roots = [("facts", &facts)];
        let scope = Scope { roots: &roots, state: state.as_object().unwrap() };
        Expression::parse(text).unwrap().value(&scope)
    }

    #[test]
    fn conditions_compare_combine_and_look_up() {
        for text in [
            "booking.service == 'haircut' and not exists booking.phone",
            "booking.count >= 2",
            "booking.count in [1, 2]",
            "'service' in booking",
            "facts.hours[facts.day].open <= '09:30'",
            "not facts.hours.sunday",
            "booking.tags[1] == \"b\"",
            "exists booking and (false or true)",
            "not not true",
            "nothing.at.all == null",
            "not empty",
            "not ('a' < 1)",
            "-1.5 < 0",
        ] {
            assert!(truth(&value(text)), "{text}");
        }
        assert_eq!(value("booking.phone or booking.service"), json!("haircut"));
    }

    #[test]
    fn an_error_names_the_place() {
        for (text, at) in [
            ("a ==", 5),
            ("a b", 3),
            ("'open", 1),
            ("a.", 3),
            ("(a", 3),
            ("a; b", 2),
            ("and b", 1),
            ("[1 2]", 4),
            ("", 1),
        ] {
            assert_eq!(Expression::parse(text).map_err(|error| error.at), Err(at), "{text}");
        }
    }

    #[test]
    fn no_text_is_deeper_than_the_stack() {
        let rows =
            [("(", "a"), ("exists ", "a"), ("not ", "a"), ("not exists ", "a"), ("a or ", "a"), ("a[", "a")];
        for (piece, end) in rows {
            assert!(Expression::parse(&format!("{}{end}", piece.repeat(200_000))).is_err(), "{piece}");
        }
        assert!(Expression::parse("not exists exists not_there.at_all").is_ok());
    }

    #[test]
    fn the_roots_of_all_paths_are_known() {
        let expression = Expression::parse("facts.hours[heard.day] and exists booking.name").unwrap();
        assert_eq!(expression.roots(), ["facts", "heard", "booking"]);
    }
}
