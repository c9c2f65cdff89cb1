//! Who asks for what in whose name: the first parameter of everything below the handlers.

use control_api::about::PrincipalKind;
use control_api::problem::{self, Definition, FieldError};
use control_store::{OrgTx, Reason, SystemTx, audit, idempotency};
use domain::{ApiKeyId, OrgId};
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use crate::Server;
use crate::error::Error;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Principal {
    /// Whoever runs the server. Acts in one organization at a time, and in any.
    Operator,
    Key {
        id: ApiKeyId,
        name: String,
    },
}

impl Principal {
    pub(crate) const fn kind(&self) -> PrincipalKind {
        match self {
            Self::Operator => PrincipalKind::Operator,
            Self::Key { .. } => PrincipalKind::Key,
        }
    }

    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Operator => "operator",
            Self::Key { name, .. } => name,
        }
    }

    /// As the audit log and versions name them.
    pub(crate) fn actor(&self) -> String {
        match self {
            Self::Operator => "operator".to_owned(),
            Self::Key { name, .. } => format!("key:{name}"),
        }
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Ctx {
    pub(crate) principal: Principal,
    pub(crate) org: OrgId,
    pub(crate) request_id: String,
    /// The row that the answer is to be written to, where the request came with an `Idempotency-Key`.
    pub(crate) claim: Option<Uuid>,
}

impl Ctx {
    pub(crate) async fn tx(&self, server: &Server) -> Result<OrgTx, Error> {
        Ok(server.store.opened()?.db.org_tx(self.org).await?)
    }

    pub(crate) async fn system(&self, server: &Server, reason: Reason) -> Result<SystemTx, Error> {
        Ok(server.store.opened()?.db.system_tx(reason).await?)
    }

    /// For what the operator alone may do.
    pub(crate) fn operator(&self, what: &str) -> Result<(), Error> {
        if self.principal == Principal::Operator {
            return Ok(());
        }
        Err(Error::new(&problem::OPERATOR_ONLY, format!("only the operator of the server {what}")))
    }
}

/// What a request asked for, done: the resource, and how it is answered.
#[derive(Debug)]
pub(crate) struct Done<T> {
    pub(crate) body: T,
    pub(crate) status: u16,
    pub(crate) revision: Option<i32>,
}

impl<T> Done<T> {
    pub(crate) const fn found(body: T, revision: i32) -> Self {
        Self { body, status: 200, revision: Some(revision) }
    }

    pub(crate) const fn made(body: T, revision: i32) -> Self {
        Self { body, status: 201, revision: Some(revision) }
    }

    pub(crate) fn etag(&self) -> Option<String> {
        self.revision.map(|revision| format!("\"{revision}\""))
    }
}

/// What the audit log says of a change.
pub(crate) struct Change<'a> {
    pub(crate) action: &'a str,
    pub(crate) target: String,
    pub(crate) before: Option<Value>,
    pub(crate) after: Option<Value>,
}

impl<'a> Change<'a> {
    pub(crate) fn of(action: &'a str, target: impl ToString) -> Self {
        Self { action, target: target.to_string(), before: None, after: None }
    }

    pub(crate) fn from<B: Serialize>(mut self, before: &B) -> Self {
        self.before = serde_json::to_value(before).ok();
        self
    }

    pub(crate) fn to<A: Serialize>(mut self, after: &A) -> Self {
        self.after = serde_json::to_value(after).ok();
        self
    }
}

impl Ctx {
    /// Writes down who changed what.
    pub(crate) async fn audit(&self, tx: &mut OrgTx, change: &Change<'_>) -> Result<(), Error> {
        let written = audit::Change {
            actor: &self.principal.actor(),
            action: change.action,
            target: &change.target,
            before: change.before.as_ref(),
            after: change.after.as_ref(),
            request_id: &self.request_id,
        };
        Ok(audit::write(tx, written).await?)
    }

    /// Ends a change: the audit row and the answer for the request's idempotency key, in the transaction of the effect.
    pub(crate) async fn commit<T: Serialize>(
        &self,
        mut tx: OrgTx,
        change: Change<'_>,
        done: Done<T>,
    ) -> Result<Done<T>, Error> {
        self.audit(&mut tx, &change).await?;
        if let Some(claim) = self.claim {
            let body = serde_json::to_vec(&done.body).map_err(|error| Error::fault(&error))?;
            let answer = idempotency::Answer { status: done.status, etag: done.etag(), body };
            idempotency::answer(&mut tx, claim, &answer).await?;
        }
        tx.commit().await?;
        Ok(done)
    }
}

/// What `If-Match` asks of a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expected {
    /// No header.
    Anything,
    /// `*`: whatever there is.
    Present,
    Revision(i32),
}

impl Expected {
    /// The resource must be as the client took it to be; `current` is then part of the refusal.
    pub(crate) fn check<T: Serialize>(self, revision: i32, current: &T) -> Result<(), Error> {
        match self {
            Self::Revision(expected) if expected != revision => {
                let detail =
                    format!("the resource has revision {revision} by now, and `If-Match` says {expected}");
                let mut error = Error::new(&problem::PRECONDITION_FAILED, detail);
                error.current = serde_json::to_value(current).ok().filter(|current| !current.is_null());
                Err(error)
            }
            _ => Ok(()),
        }
    }

    /// For changes that nobody must make without knowing what they change.
    pub(crate) fn required(self) -> Result<Self, Error> {
        if self == Self::Anything {
            let detail =
                "send `If-Match` with the revision that the change was made from, which is the draft's ETag";
            return Err(Error::new(&problem::PRECONDITION_REQUIRED, detail));
        }
        Ok(self)
    }
}

/// What is not in the organization of the request.
pub(crate) fn missing(kind: &str, id: &str) -> Error {
    Error::new(&problem::NOT_FOUND, format!("the organization has no {kind} {id:?}"))
}

/// Says in our words what a row could not be made or changed for.
pub(crate) fn refused(conflict: &str, reference: &str) -> impl Fn(control_store::Error) -> Error {
    move |error| match &error {
        control_store::Error::Conflict { constraint } if constraint != "idempotency_keys_claim" => {
            Error::new(&problem::CONFLICT, conflict)
        }
        control_store::Error::Reference { constraint } => Error {
            errors: REFERENCES.into_iter().filter(|name| constraint.contains(name)).map(not_there).collect(),
            ..Error::new(&problem::REFERENCE_UNKNOWN, reference)
        },
        _ => error.into(),
    }
}

/// Fields by which rows refer to others, as the rules of the schema are named after them, too.
const REFERENCES: [&str; 4] = ["agent_id", "environment_id", "domain_id", "channel_id"];

fn not_there(field: &str) -> FieldError {
    let detail = "the organization has nothing of this id".to_owned();
    FieldError { pointer: format!("/{field}"), code: "unknown".to_owned(), detail }
}

/// As `refused`, for what others may refer to.
pub(crate) fn in_use(
    definition: &'static Definition,
    detail: &str,
) -> impl Fn(control_store::Error) -> Error {
    move |error| match &error {
        control_store::Error::Reference { .. } => Error::new(definition, detail),
        _ => error.into(),
    }
}
