//! What the fields of a body must be, beyond their types. All that is wrong is said at once.

use control_api::problem::{self, FieldError};

use super::line;
use crate::error::Error;

pub(crate) const TITLE_MOST: usize = 200;

#[derive(Default)]
pub(crate) struct Fields(Vec<FieldError>);

impl Fields {
    pub(crate) fn wrong(&mut self, pointer: &str, code: &str, detail: impl Into<String>) {
        self.0.push(FieldError { pointer: pointer.to_owned(), code: code.to_owned(), detail: detail.into() });
    }

    /// Lower-case letters, digits and hyphens, as URLs take them.
    pub(crate) fn name(&mut self, pointer: &str, name: &str) {
        if !is_name(name) {
            let detail =
                "a name has 1 to 63 lower-case letters, digits and hyphens, and does not begin with a hyphen";
            self.wrong(pointer, "invalid", detail);
        }
    }

    pub(crate) fn text(&mut self, pointer: &str, text: &str, least: usize, most: usize) {
        let length = text.chars().count();
        if length < least {
            let detail = if least == 1 {
                "must not be empty".to_owned()
            } else {
                format!("{least} characters are needed")
            };
            self.wrong(pointer, "too_short", detail);
        } else if length > most {
            self.wrong(pointer, "too_long", format!("{length} characters are more than {most}"));
        }
    }

    /// One line that people read in lists: nothing in it may hide, break the line or turn what follows around.
    pub(crate) fn line(&mut self, pointer: &str, text: &str, least: usize, most: usize) {
        let shown = if text.trim().is_empty() { "" } else { text };
        self.text(pointer, shown, least, most);
        if let Some(mark) = line::unreadable(text) {
            self.wrong(pointer, "unreadable", line::said(mark));
        }
    }

    pub(crate) fn range(&mut self, pointer: &str, value: i64, least: i64, most: i64) {
        if !(least..=most).contains(&value) {
            self.wrong(pointer, "out_of_range", format!("must be between {least} and {most}, not {value}"));
        }
    }

    pub(crate) fn check(self) -> Result<(), Error> {
        let Some(first) = self.0.first() else { return Ok(()) };
        let detail = format!("{}: {}", first.pointer, first.detail);
        Err(Error { errors: self.0, ..Error::new(&problem::BODY_UNFIT, detail) })
    }
}

/// What another code than `BODY_INVALID` refuses, and where.
pub(crate) fn of_field(
    definition: &'static problem::Definition,
    pointer: &str,
    code: &str,
    detail: String,
) -> Error {
    let at = FieldError { pointer: pointer.to_owned(), code: code.to_owned(), detail: detail.clone() };
    Error { errors: vec![at], ..Error::new(definition, detail) }
}

pub(crate) fn is_name(name: &str) -> bool {
    (1..=63).contains(&name.len())
        && !name.starts_with('-')
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

/// Numbers after `@` name versions, and `draft` the draft.
pub(crate) fn is_environment(name: &str) -> bool {
    is_name(name) && name != "draft" && name.starts_with(|first: char| first.is_ascii_lowercase())
}
