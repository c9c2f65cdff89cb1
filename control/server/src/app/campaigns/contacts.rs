//! Contacts of a campaign: as they are listed, and as they come in a file.

use std::collections::{BTreeMap, HashMap, HashSet};

use control_api::campaign::{Contact, ContactChange, ContactState, Imported, RowError, SampleRow};
use control_api::{List, Paging, problem};
use control_store::campaign as store;
use domain::{ContactId, Pii};
use jiff::Timestamp;
use serde_json::json;

use super::parsed;
use crate::Server;
use crate::app::calls::{VARIABLE_MOST, VARIABLES_MOST, is_variable, told};
use crate::app::ctx::{Change, Ctx, Done, missing};
use crate::app::fields::{Fields, of_field};
use crate::app::greetings::read;
use crate::app::paging;
use crate::error::Error;

/// Of one campaign.
const CONTACTS_MOST: i64 = 20_000;
const ERRORS_SHOWN: usize = 200;
const SAMPLE: usize = 5;
/// Of a number, with what people write between its digits.
const NUMBER_MOST: usize = 64;
const NUMBER_NAMES: [&str; 4] = ["number", "phone", "phone_number", "telephone"];

pub(crate) async fn list(
    ctx: &Ctx,
    server: &Server,
    id: &str,
    asked: &Paging,
) -> Result<List<Contact>, Error> {
    let key = parsed(id)?;
    let scope = format!("contacts-{}", key.as_uuid().simple());
    let page = paging::page(server, &scope, asked)?;
    let mut tx = ctx.tx(server).await?;
    store::find(&mut tx, key).await?.ok_or_else(|| missing("campaign", id))?;
    let rows = store::contacts(&mut tx, key, page).await?;
    tx.commit().await?;
    let placed = |row: store::Contact| Ok(((row.created_at, row.id.as_uuid()), shown(row)?));
    let rows = rows.into_iter().map(placed).collect::<Result<Vec<_>, Error>>()?;
    Ok(paging::list(server, &scope, page, rows, |(place, _)| *place, |(_, contact)| contact))
}

fn shown(row: store::Contact) -> Result<Contact, Error> {
    let unreadable = || Error::fault(&control_store::Error::Content(format!("contact {}", row.id)));
    let state: ContactState = read(json!(row.state)).ok_or_else(unreadable)?;
    Ok(Contact {
        id: row.id,
        number: row.number.0,
        variables: row.variables.into_iter().map(|(name, value)| (name, value.0)).collect(),
        state,
        attempts: row.attempts,
        due_at: row.due_at.to_string(),
        outcome: row.outcome,
        call_id: row.call,
    })
}

/// Takes the rows of a file that can be taken. With `dry_run` nothing is stored, and the answer is the same.
pub(crate) async fn import(
    ctx: &Ctx,
    server: &Server,
    id: &str,
    text: &str,
    dry_run: bool,
) -> Result<Done<Imported>, Error> {
    let key = parsed(id)?;
    // By the clock of the job that has them called.
    let now = Timestamp::now();
    let mut tx = ctx.tx(server).await?;
    let campaign = store::lock(&mut tx, key).await?.ok_or_else(|| missing("campaign", id))?;
    if matches!(campaign.state.as_str(), "completed" | "cancelled") {
        return Err(Error::new(&problem::CAMPAIGN_STATE, "the campaign is over: make another"));
    }
    let mut file = rows(text).map_err(|detail| Error::new(&problem::CSV_INVALID, detail))?;
    let numbers: Vec<String> = file.rows.iter().map(|row| row.number.clone()).collect();
    let known = store::known(&mut tx, key, &numbers).await?;
    file.leave_out(&known, store::size(&mut tx, key).await?);
    let contacts: Vec<_> = file.rows.iter().map(Row::contact).collect();
    if !dry_run {
        store::add(&mut tx, key, &contacts, now).await?;
    }
    let imported = file.told(dry_run);
    let change = Change::of("campaign.import", key)
        .to(&json!({ "taken": imported.taken, "refused": imported.refused }));
    let done = Done { body: imported, status: 200, revision: None };
    if dry_run && ctx.claim.is_none() {
        tx.commit().await?;
        return Ok(done);
    }
    ctx.commit(tx, change, done).await
}

/// Whoever waits to be called: another number, or something else that is told of them.
pub(crate) async fn change(
    ctx: &Ctx,
    server: &Server,
    (id, contact): (&str, &str),
    wanted: ContactChange,
) -> Result<Done<Contact>, Error> {
    let (key, person) = (parsed(id)?, parsed_contact(contact)?);
    let mut fields = Fields::default();
    let number = wanted.number.as_deref().map(plain).transpose();
    let number = number.unwrap_or_else(|detail| {
        fields.wrong("/number", "invalid", detail);
        None
    });
    if let Some(variables) = &wanted.variables {
        told(&mut fields, variables);
    }
    fields.check()?;
    let mut tx = ctx.tx(server).await?;
    let campaign = store::lock(&mut tx, key).await?.ok_or_else(|| missing("campaign", id))?;
    let before = store::hold(&mut tx, key, person).await?.ok_or_else(|| missing("contact", contact))?;
    if matches!(campaign.state.as_str(), "completed" | "cancelled") {
        return Err(Error::new(&problem::CAMPAIGN_STATE, "the campaign is over: make another"));
    }
    may_change(&before)?;
    let number = number.unwrap_or_else(|| before.number.0.clone());
    if number != before.number.0
        && !store::known(&mut tx, key, std::slice::from_ref(&number)).await?.is_empty()
    {
        let detail = "the campaign has this number already".to_owned();
        return Err(of_field(&problem::BODY_UNFIT, "/number", "taken", detail));
    }
    let variables = wanted.variables.map_or_else(
        || before.variables.clone(),
        |variables| variables.into_iter().map(|(name, text)| (name, Pii(text))).collect(),
    );
    store::change_contact(&mut tx, person, &number, &variables).await?;
    let after = store::hold(&mut tx, key, person).await?.ok_or_else(|| missing("contact", contact))?;
    // Who they are stands in the contact alone.
    let change = Change::of("campaign.contact_change", key).to(&json!({ "contact_id": person }));
    let body = shown(after)?;
    ctx.commit(tx, change, Done { body, status: 200, revision: None }).await
}

/// They are not called, or not again.
pub(crate) async fn remove(ctx: &Ctx, server: &Server, (id, contact): (&str, &str)) -> Result<(), Error> {
    let (key, person) = (parsed(id)?, parsed_contact(contact)?);
    let mut tx = ctx.tx(server).await?;
    store::lock(&mut tx, key).await?.ok_or_else(|| missing("campaign", id))?;
    let found = store::hold(&mut tx, key, person).await?.ok_or_else(|| missing("contact", contact))?;
    if found.state == "calling" {
        return Err(Error::new(&problem::CONTACT_BUSY, BEING_CALLED));
    }
    store::remove_contact(&mut tx, person).await?;
    let change = Change::of("campaign.contact_remove", key).to(&json!({ "contact_id": person }));
    ctx.audit(&mut tx, &change).await?;
    tx.commit().await?;
    Ok(())
}

const BEING_CALLED: &str =
    "the contact is being called, or its call waits for a line: try again when that is over";

/// Whoever is being called stays as they are, and so does what a call was made with that is over.
fn may_change(contact: &store::Contact) -> Result<(), Error> {
    let detail = match contact.state.as_str() {
        "waiting" => return Ok(()),
        "calling" => BEING_CALLED,
        _ => "the contact is not called any more: what came of it stays as it is",
    };
    Err(Error::new(&problem::CONTACT_BUSY, detail))
}

fn parsed_contact(id: &str) -> Result<ContactId, Error> {
    id.parse().map_err(|_| missing("contact", id))
}

/// A file of contacts, as far as it can be read.
#[derive(Debug, Default)]
struct File {
    variables: Vec<String>,
    rows: Vec<Row>,
    errors: Vec<RowError>,
}

#[derive(Debug)]
struct Row {
    line: u64,
    number: String,
    told: BTreeMap<String, String>,
}

impl Row {
    fn contact(&self) -> store::NewContact {
        let told = self.told.iter().map(|(name, value)| (name.clone(), Pii(value.clone())));
        (ContactId::generate(), self.number.clone(), told.collect())
    }
}

impl File {
    fn wrong(&mut self, line: u64, detail: impl Into<String>) {
        self.errors.push(RowError { line, detail: detail.into() });
    }

    /// Who is there already, and who is too many.
    fn leave_out(&mut self, known: &[String], size: i64) {
        let rows = std::mem::take(&mut self.rows);
        let known: HashSet<&str> = known.iter().map(String::as_str).collect();
        let mut room = CONTACTS_MOST - size;
        for row in rows {
            if known.contains(row.number.as_str()) {
                self.wrong(row.line, "the campaign has this number already");
            } else if room <= 0 {
                self.wrong(row.line, format!("a campaign has at most {CONTACTS_MOST} contacts"));
            } else {
                room -= 1;
                self.rows.push(row);
            }
        }
        self.errors.sort_by_key(|error| error.line);
    }

    fn told(mut self, dry_run: bool) -> Imported {
        let count = |length: usize| u32::try_from(length).unwrap_or(u32::MAX);
        let (taken, refused) = (count(self.rows.len()), count(self.errors.len()));
        self.errors.truncate(ERRORS_SHOWN);
        let sample = self.rows.into_iter().take(SAMPLE);
        Imported {
            taken,
            refused,
            dry_run,
            variables: self.variables,
            errors: self.errors,
            sample: sample
                .map(|row| SampleRow { line: row.line, number: row.number, variables: row.told })
                .collect(),
        }
    }
}

/// The file's rows; those that cannot be taken are left out and named by their lines.
fn rows(text: &str) -> Result<File, String> {
    // The reader would count lines that end in two characters one late.
    let text = text.trim_start_matches('\u{feff}').replace("\r\n", "\n");
    let separator = separator(text.lines().next().unwrap_or_default());
    if let Some(line) = open_quote(&text, separator) {
        return Err(format!(
            "line {line}: a quotation mark is opened there and never closed, so that all that follows would be one field; close it, or write it twice where it is meant as a sign"
        ));
    }
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(separator)
        .flexible(true)
        .trim(csv::Trim::All)
        .from_reader(text.as_bytes());
    let header = reader.headers().map_err(|error| error.to_string())?.clone();
    let names: Vec<String> = header.iter().map(column).collect();
    let number = names
        .iter()
        .position(|name| NUMBER_NAMES.contains(&name.as_str()))
        .ok_or_else(|| "the first line must name the columns, and one of them must be `number`".to_owned())?;
    let mut file = File::default();
    for (at, name) in names.iter().enumerate().filter(|(at, _)| *at != number) {
        if !is_variable(name) {
            return Err(format!(
                "column {}: {:?} is no name: write letters, digits and underscores",
                at + 1,
                header.get(at).unwrap_or_default()
            ));
        }
        if names.iter().take(at).any(|before| before == name) {
            return Err(format!("two columns are called {name:?}"));
        }
        file.variables.push(name.clone());
    }
    if file.variables.len() > VARIABLES_MOST {
        return Err(format!("at most {VARIABLES_MOST} columns besides the number"));
    }
    let mut seen: HashMap<String, u64> = HashMap::new();
    for record in reader.records() {
        let record = match record {
            Ok(record) => record,
            Err(error) => {
                let line = error.position().map_or(0, csv::Position::line);
                file.wrong(line, format!("it cannot be read: {error}"));
                continue;
            }
        };
        let line = record.position().map_or(0, csv::Position::line);
        if record.len() != names.len() {
            file.wrong(line, format!("it has {} fields; the header has {}", record.len(), names.len()));
            continue;
        }
        match row(line, &names, number, &record) {
            Ok(row) => match seen.get(&row.number) {
                Some(first) => file.wrong(line, format!("the number is in line {first} already")),
                None => {
                    seen.insert(row.number.clone(), line);
                    file.rows.push(row);
                }
            },
            Err(detail) => file.wrong(line, detail),
        }
    }
    Ok(file)
}

/// The line of a quotation mark that nothing closes: the reader would take the rest of the file for the field.
fn open_quote(text: &str, separator: u8) -> Option<u64> {
    enum At {
        Begin,
        Plain,
        /// Since the line.
        Quoted(u64),
        /// After a mark that closes the field, or is the first of two.
        Closed(u64),
    }
    let (mut at, mut line) = (At::Begin, 1);
    for byte in text.bytes() {
        at = match (at, byte) {
            (At::Begin, b'"') => At::Quoted(line),
            (At::Quoted(since), b'"') => At::Closed(since),
            (At::Closed(since), b'"') | (At::Quoted(since), _) => At::Quoted(since),
            (_, b'\n' | b'\r') => At::Begin,
            (_, byte) if byte == separator => At::Begin,
            _ => At::Plain,
        };
        line += u64::from(byte == b'\n');
    }
    match at {
        At::Quoted(since) => Some(since),
        At::Begin | At::Plain | At::Closed(_) => None,
    }
}

fn row(line: u64, names: &[String], number: usize, record: &csv::StringRecord) -> Result<Row, String> {
    let dialled = plain(record.get(number).unwrap_or_default())?;
    let mut told = BTreeMap::new();
    for (at, (name, value)) in names.iter().zip(record).enumerate() {
        if at == number || value.is_empty() {
            continue;
        }
        if value.contains('\0') {
            return Err(format!("`{name}` has the character U+0000"));
        }
        let length = value.chars().count();
        if length > VARIABLE_MOST {
            return Err(format!("`{name}` has {length} characters: {VARIABLE_MOST} at most"));
        }
        told.insert(name.clone(), value.to_owned());
    }
    Ok(Row { line, number: dialled, told })
}

/// The number as it is dialled, without what people write for their eyes.
fn plain(text: &str) -> Result<String, String> {
    if text.is_empty() {
        return Err("the number is missing".to_owned());
    }
    let plain: String = text.chars().filter(|c| !c.is_whitespace() && !"()/-.\u{a0}'".contains(*c)).collect();
    let digits = plain.strip_prefix('+').unwrap_or(&plain);
    let dialable = !digits.is_empty()
        && plain.len() <= NUMBER_MOST
        && digits.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_*#".contains(&byte))
        // A list of people has numbers: words in their column are the wrong column.
        && digits.bytes().any(|byte| byte.is_ascii_digit());
    if dialable { Ok(plain) } else { Err(format!("{text:?} is no number: write it such as +4930123456")) }
}

/// As greetings name it: `First name` is `first_name`, and `name` the caller's.
fn column(text: &str) -> String {
    let lower = text.trim().to_lowercase();
    let name: String = lower.chars().map(|c| if c.is_whitespace() || c == '-' { '_' } else { c }).collect();
    if name == "name" { "caller.name".to_owned() } else { name }
}

/// What the header is cut at: spreadsheets of some countries write semicolons.
fn separator(header: &str) -> u8 {
    let count = |separator: char| header.matches(separator).count();
    [(b',', ','), (b';', ';'), (b'\t', '\t')]
        .into_iter()
        .rev()
        .max_by_key(|(_, c)| count(*c))
        .map_or(b',', |(byte, _)| byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> File {
        rows(text).expect("a file")
    }

    fn numbers(file: &File) -> Vec<&str> {
        file.rows.iter().map(|row| row.number.as_str()).collect()
    }

    #[test]
    fn rows_become_contacts_with_what_greetings_say_of_them() {
        let file = read(
            "Number,Name,First name,due\n+49 (30) 123-456, Maria Lopez ,Maria,\n\"+1 212 555 0100\",\"Miller, Jo\",Jo,Monday\n",
        );
        assert_eq!(numbers(&file), ["+4930123456", "+12125550100"]);
        assert_eq!(file.variables, ["caller.name", "first_name", "due"]);
        assert_eq!(file.rows[0].told["caller.name"], "Maria Lopez");
        assert!(!file.rows[0].told.contains_key("due"), "an empty field is none");
        assert_eq!(file.rows[1].told["caller.name"], "Miller, Jo");
        assert!(file.errors.is_empty(), "{:?}", file.errors);
    }

    #[test]
    fn what_is_wrong_with_a_row_is_said_with_its_line_and_the_others_are_taken() {
        let long = "x".repeat(VARIABLE_MOST + 1);
        let text = format!(
            "number,city\n+4930,Berlin\n,Rome\nsip:a@b,Oslo\n+4930,Berlin again\n+41,Bern,more\n+42,{long}\n\"+43\",\"two\nlines\"\n+44,London\n"
        );
        let mut file = read(&text);
        assert_eq!(numbers(&file), ["+4930", "+43", "+44"]);
        file.leave_out(&["+44".to_owned()], 0);
        let said: Vec<(u64, &str)> =
            file.errors.iter().map(|error| (error.line, error.detail.as_str())).collect();
        assert_eq!(said.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [3, 4, 5, 6, 7, 10], "{said:?}");
        assert_eq!(said[0].1, "the number is missing");
        assert!(said[1].1.contains("is no number"), "{said:?}");
        assert_eq!(said[2].1, "the number is in line 2 already");
        assert!(said[3].1.contains("3 fields"), "{said:?}");
        assert!(said[4].1.contains("characters"), "{said:?}");
        assert!(said[5].1.contains("already"), "{said:?}");
        let told = file.told(true);
        assert_eq!((told.taken, told.refused, told.sample.len()), (2, 6, 2));
    }

    #[test]
    fn words_are_no_number_and_what_people_write_between_digits_is_none_of_it() {
        assert!(plain("abc def").is_err() && plain("+").is_err() && plain("").is_err());
        assert_eq!(plain("+49 (30) 123-456").as_deref(), Ok("+4930123456"));
        assert_eq!(plain("*21#").as_deref(), Ok("*21#"));
        assert_eq!(plain("desk2").as_deref(), Ok("desk2"), "of an extension");
    }

    #[test]
    fn a_quotation_mark_that_nothing_closes_is_named_with_its_line() {
        for (text, line) in [
            ("number,name\n+4930,Maria\n+4931,\"Jo\n", 3),
            ("number,name\n+4930,\"Maria\n+4931,Jo\n+4932,Al", 2),
            ("number;name\r\n+4930;\"two\r\nlines\"\r\n+4931;\"says \"\"hello\"\"", 4),
            ("number,\"name\n+4930,Maria\n", 1),
        ] {
            let said = rows(text).expect_err("refused");
            assert!(said.starts_with(&format!("line {line}: ")), "{text:?}: {said}");
        }
        // Marks inside of a field without them, twice, or closed at the file's very end.
        let fair = "number,name\n+4930,the 5\" one\n+4931,\"\"\"Jo\"\"\"\n+4932, \"Al\n+4933,\"Di\"";
        let file = read(fair);
        assert_eq!(numbers(&file), ["+4930", "+4931", "+4932", "+4933"]);
        let said: Vec<&str> = file.rows.iter().map(|row| row.told["caller.name"].as_str()).collect();
        assert_eq!(said, ["the 5\" one", "\"Jo\"", "\"Al", "Di"]);
    }

    #[test]
    fn a_file_without_a_header_that_can_be_used_is_refused_whole() {
        for text in ["", "+4930,Berlin\n+4931,Bonn\n", "name,city\nMaria,Berlin\n"] {
            assert!(rows(text).expect_err("refused").contains("`number`"), "{text:?}");
        }
        assert!(rows("number,a b!\n+1,x\n").expect_err("refused").contains("is no name"));
        assert!(rows("number,a,A\n+1,x,y\n").expect_err("refused").contains("two columns"));
    }

    #[test]
    fn spreadsheets_write_semicolons_marks_of_order_and_other_ends_of_lines() {
        let file = read("\u{feff}phone;name\r\n+4930;Maria\r\n+4931;Jo\r\n");
        assert_eq!((numbers(&file), file.rows[1].line), (vec!["+4930", "+4931"], 3));
    }

    #[test]
    fn a_campaign_that_is_full_takes_nobody_more() {
        let mut file = read("number\n+1\n+2\n+3\n");
        file.leave_out(&[], CONTACTS_MOST - 2);
        assert_eq!((numbers(&file), file.errors[0].line), (vec!["+1", "+2"], 4));
    }
}
