//! Tools that come with the product.

mod appointments;
mod arithmetic;
mod calendar;
mod everyday;
mod units;

use std::sync::Arc;

use agents_graph::ToolError;
use futures::FutureExt;
use futures::future::BoxFuture;
use runtime::tasks::{Kind, Tasks};
use serde_json::Value;

pub use appointments::{Appointment, Appointments};

use crate::ports::{ToolCall, Tools};

const CALENDAR: Kind = Kind::new("agents-run.calendar");

/// The built-in tools by name: `appointments.book`, `appointments.find`, `appointments.list`, which keep a file; `clock.now`,
/// `math.evaluate`, `units.convert`, which have no effects and answer at once.
#[derive(Clone)]
pub struct Builtin {
    appointments: Arc<Appointments>,
    /// Owner of the work on files.
    tasks: Arc<Tasks>,
}

impl Builtin {
    #[must_use]
    pub fn new(appointments: Appointments, tasks: Arc<Tasks>) -> Self {
        Self { appointments: Arc::new(appointments), tasks }
    }
}

impl Tools for Builtin {
    fn call(&self, call: ToolCall) -> BoxFuture<'static, Result<Value, ToolError>> {
        let (appointments, tasks) = (Arc::clone(&self.appointments), Arc::clone(&self.tasks));
        let at_once = everyday::answer(&call.name, &call.args, || self.appointments.now());
        if let Some(answer) = at_once {
            return std::future::ready(answer).boxed();
        }
        async move {
            let Some(operation) =
                call.name.strip_prefix("appointments.").and_then(appointments::Operation::named)
            else {
                let message = format!("there is no tool \"{}\"", call.name);
                return Err(ToolError { code: "TOOL_UNKNOWN".to_owned(), message });
            };
            // The file is read and written on a thread that may block. It goes on when nobody waits for it any more; whether it
            // may then still write, the call's permit says.
            let work = tasks.spawn_blocking(CALENDAR, move || appointments.perform(operation, &call));
            work.await.unwrap_or_else(|_| {
                Err(ToolError {
                    code: "TOOL_FAILED".to_owned(),
                    message: "the calendar broke off".to_owned(),
                })
            })
        }
        .boxed()
    }
}
