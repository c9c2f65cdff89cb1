//! Appointments in a file: one JSON object a line, appended and synced, never rewritten.
//!
//! Two bookings of one time cannot both succeed: check and append happen under the lock of the file, so other processes are
//! kept out as well. The same booking of the same session is stored once, however often it is tried; one with another name,
//! phone or length is a correction, and stands in place of the line before it.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::sync::Arc;

use agents_graph::{ToolError, parse_time, spoken_list, spoken_time};
use jiff::Zoned;
use jiff::civil::{Date, Time};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::calendar::{self, Taken};
use crate::ports::{Clock, ToolCall};

/// Length where the graph names none, in minutes.
const MINUTES: u32 = 30;
/// How many free times are told at once: more nobody keeps in mind.
const TOLD: usize = 3;

/// A line of the file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Appointment {
    pub key: String,
    pub session: String,
    pub service: String,
    pub date: Date,
    /// `HH:MM`.
    pub time: String,
    pub minutes: u32,
    pub name: String,
    pub phone: String,
    pub booked_at: String,
}

impl Appointment {
    /// The later of two such lines stands.
    fn is_of_the_same(&self, other: &Self) -> bool {
        (&self.session, &self.service, self.date, &self.time)
            == (&other.session, &other.service, other.date, &other.time)
    }

    fn says_the_same(&self, other: &Self) -> bool {
        (&self.name, &self.phone, self.minutes) == (&other.name, &other.phone, other.minutes)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operation {
    Book,
    Find,
    List,
}

impl Operation {
    pub(super) fn named(name: &str) -> Option<Self> {
        match name {
            "book" => Some(Self::Book),
            "find" => Some(Self::Find),
            "list" => Some(Self::List),
            _ => None,
        }
    }
}

pub struct Appointments {
    path: PathBuf,
    clock: Arc<dyn Clock>,
}

#[derive(Debug, thiserror::Error)]
enum Failed {
    #[error("the appointments in {path} could not be {what}: {source}")]
    File { path: PathBuf, what: &'static str, source: io::Error },
    #[error("\"{0}\" is missing or not what it should be")]
    Argument(&'static str),
    #[error("nobody waits for the booking any more; it was not made")]
    Late,
}

impl From<Failed> for ToolError {
    fn from(failed: Failed) -> Self {
        let code = match failed {
            Failed::File { .. } => "TOOL_FAILED",
            Failed::Argument(_) => "TOOL_ARGUMENTS",
            Failed::Late => "TOOL_TIMED_OUT",
        };
        Self { code: code.to_owned(), message: failed.to_string() }
    }
}

#[derive(Deserialize)]
struct BookArgs {
    service: String,
    date: Date,
    time: String,
    name: String,
    phone: String,
    #[serde(default)]
    minutes: Option<u32>,
    #[serde(default)]
    hours: Value,
}

#[derive(Deserialize)]
struct FindArgs {
    #[serde(default)]
    date: Option<Date>,
    #[serde(default)]
    minutes: Option<u32>,
    #[serde(default)]
    hours: Value,
}

impl Appointments {
    /// The file and its directory are made when the first appointment is stored.
    #[must_use]
    pub fn new(path: PathBuf, clock: Arc<dyn Clock>) -> Self {
        Self { path, clock }
    }

    /// Every appointment that stands, in the order of booking.
    pub fn all(&self) -> io::Result<Vec<Appointment>> {
        match File::open(&self.path) {
            Ok(mut file) => Ok(standing(read(&mut file)?)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }

    pub(super) fn now(&self) -> Zoned {
        self.clock.now()
    }

    pub(super) fn perform(&self, operation: Operation, call: &ToolCall) -> Result<Value, ToolError> {
        match operation {
            Operation::Book => self.book(call),
            Operation::Find => self.find(call),
            Operation::List => {
                Ok(json!({"appointments": self.all().map_err(|source| self.failed("read", source))?}))
            }
        }
    }

    fn book(&self, call: &ToolCall) -> Result<Value, ToolError> {
        let args: BookArgs = serde_json::from_value(call.args.clone())
            .map_err(|_| Failed::Argument("service, date, time, name, phone"))?;
        let time = parse_time(&args.time).ok_or(Failed::Argument("time"))?;
        let appointment = Appointment {
            key: call.key.clone(),
            session: call.session.clone(),
            service: args.service,
            date: args.date,
            time: time.strftime("%H:%M").to_string(),
            minutes: args.minutes.filter(|minutes| *minutes > 0).unwrap_or(MINUTES),
            name: args.name,
            phone: args.phone,
            booked_at: self.clock.now().timestamp().to_string(),
        };
        let mut file = self.open().map_err(|source| self.failed("opened", source))?;
        file.lock().map_err(|source| self.failed("locked", source))?;
        let booked = read(&mut file).map_err(|source| self.failed("read", source))?;
        let (known, others) = known(booked, &appointment);
        if let Some(known) = known {
            return Ok(json!({"status": "booked", "appointment": known}));
        }
        if let Some(taken) = clash(&others, &appointment, time, &args.hours) {
            return Ok(taken);
        }
        // The lock may have been waited for, longer than the caller waits.
        if !call.permit.take() {
            return Err(Failed::Late.into());
        }
        append(&mut file, &appointment).map_err(|source| self.failed("written", source))?;
        Ok(json!({"status": "booked", "appointment": appointment}))
    }

    fn find(&self, call: &ToolCall) -> Result<Value, ToolError> {
        let args: FindArgs =
            serde_json::from_value(call.args.clone()).map_err(|_| Failed::Argument("date"))?;
        let taken = taken(&self.all().map_err(|source| self.failed("read", source))?);
        let minutes = args.minutes.filter(|minutes| *minutes > 0).unwrap_or(MINUTES);
        let now = self.clock.now().datetime();
        let after = |date: Date| if date == now.date() { calendar::minute_of(now.time()) + 1 } else { 0 };
        let date = match args.date {
            Some(date) => date,
            None => calendar::next_free(&taken, &args.hours, now.date(), after(now.date()), minutes)
                .map_or(now.date(), |(date, _)| date),
        };
        let free = calendar::free(&taken, &args.hours, date, minutes, after(date));
        let times: Vec<Time> = spread(&free).into_iter().map(calendar::time_of).collect();
        let spoken: Vec<String> = times.iter().map(|time| spoken_time(*time)).collect();
        let times: Vec<String> = times.iter().map(|time| time.strftime("%H:%M").to_string()).collect();
        let closed = calendar::hours(&args.hours, date).is_none();
        Ok(
            json!({"date": date.to_string(), "closed": closed, "times": times, "spoken": spoken_list(&spoken), "count": free.len()}),
        )
    }

    fn open(&self) -> io::Result<File> {
        if let Some(directory) = self.path.parent() {
            std::fs::create_dir_all(directory)?;
        }
        // Names and phone numbers: for nobody else on this machine.
        OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(&self.path)
    }

    fn failed(&self, what: &'static str, source: io::Error) -> ToolError {
        Failed::File { path: self.path.clone(), what, source }.into()
    }
}

/// The line that stores this already, and the appointments of everybody else.
fn known(lines: Vec<Appointment>, wanted: &Appointment) -> (Option<Appointment>, Vec<Appointment>) {
    let tried = lines.iter().find(|line| line.key == wanted.key).cloned();
    let (own, others): (Vec<_>, Vec<_>) =
        standing(lines).into_iter().partition(|line| line.is_of_the_same(wanted));
    (tried.or_else(|| own.into_iter().find(|line| line.says_the_same(wanted))), others)
}

/// The answer where somebody else has the time.
fn clash(others: &[Appointment], wanted: &Appointment, time: Time, hours: &Value) -> Option<Value> {
    let taken = taken(others);
    let from = calendar::minute_of(time);
    if calendar::is_free(&taken, wanted.date, from, wanted.minutes) {
        return None;
    }
    let next = calendar::next_free(&taken, hours, wanted.date, from, wanted.minutes);
    let next = next.map(|(date, at)| json!({"date": date.to_string(), "time": calendar::time_of(at).strftime("%H:%M").to_string()}));
    Some(json!({"status": "taken", "next": next}))
}

/// Some of the free times over the day, the first always.
fn spread(free: &[u32]) -> Vec<u32> {
    if free.len() <= TOLD {
        return free.to_vec();
    }
    (0..TOLD).map(|part| free[part * (free.len() - 1) / (TOLD - 1)]).collect()
}

fn taken(booked: &[Appointment]) -> Vec<Taken> {
    booked
        .iter()
        .filter_map(|known| {
            Some(Taken {
                date: known.date,
                from: calendar::minute_of(parse_time(&known.time)?),
                minutes: known.minutes,
            })
        })
        .collect()
}

/// Without what was corrected later; a correction takes the place of what it corrects.
fn standing(lines: Vec<Appointment>) -> Vec<Appointment> {
    let mut standing: Vec<Appointment> = Vec::with_capacity(lines.len());
    for line in lines {
        match standing.iter_mut().find(|known| known.is_of_the_same(&line)) {
            Some(known) => *known = line,
            None => standing.push(line),
        }
    }
    standing
}

/// A line that a crash left unfinished is no appointment.
fn read(file: &mut File) -> io::Result<Vec<Appointment>> {
    let mut text = Vec::new();
    file.seek(SeekFrom::Start(0))?;
    file.read_to_end(&mut text)?;
    Ok(text.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect())
}

fn append(file: &mut File, appointment: &Appointment) -> io::Result<()> {
    let mut line = serde_json::to_vec(appointment)?;
    line.push(b'\n');
    let length = file.seek(SeekFrom::End(0))?;
    if length > 0 {
        let mut last = [0];
        file.seek(SeekFrom::End(-1))?;
        file.read_exact(&mut last)?;
        if last != [b'\n'] {
            line.insert(0, b'\n');
        }
    }
    // Of an appointment that is told to have failed, nothing may stay.
    file.write_all(&line).and_then(|()| file.sync_data()).inspect_err(|_| drop(file.set_len(length)))
}

#[cfg(test)]
mod tests;
