//! Requests of ours within a call, each in a task of its own.

use std::sync::Arc;

use rsipstack::transaction::Transaction;
use runtime::Kind;
use tokio::sync::{OwnedSemaphorePermit, mpsc};

use super::{Call, Meaning, Told};
use crate::asking::{carried, led};
use crate::machine::Request;

const REQUEST: Kind = Kind::new("sip.request");

impl Call {
    /// Sends a request of ours in a task of its own, which outlives the call where that is a BYE.
    pub(super) fn ask(&mut self, request: &Request) {
        let transaction = match self.dialog.request(request) {
            Ok(transaction) => transaction,
            Err(error) => return tracing::warn!(%error, "a SIP request could not be built"),
        };
        let goodbye = matches!(request, Request::Bye { .. });
        let tell = (!goodbye).then(|| (self.tell.clone(), Told::of_refresh as Meaning));
        let permit = if goodbye { self.place.take() } else { None };
        self.carry(transaction, tell, permit);
    }

    /// Sends a request of ours that is not the call's INVITE, and tells what its answer does to the session.
    pub(crate) fn carry(
        &self,
        mut transaction: Transaction,
        tell: Option<(mpsc::Sender<Told>, Meaning)>,
        permit: Option<OwnedSemaphorePermit>,
    ) {
        self.saw(true, &transaction.original.to_string());
        let seen = self.tell.clone();
        let stack = self.shared.stack.clone();
        let credential = self.outbound.as_ref().and_then(|outbound| outbound.credential.clone());
        let sent = self.dialog.sent();
        let shared = Arc::clone(&self.shared);
        let trunk = self.party.trunk.clone();
        let work = async move {
            let _permit = permit;
            let trunk = shared.options.trunks.iter().find(|one| Some(&one.name) == trunk.as_ref());
            let led = match trunk {
                Some(trunk) => led(&mut transaction, &shared, trunk).await,
                None => Ok(()),
            };
            let answer = match led {
                Ok(()) => {
                    let trunk = trunk.map(|trunk| (&*shared, trunk));
                    carried(transaction, credential, &sent, trunk).await
                }
                Err(why) => {
                    tracing::warn!(%why, "the connection of a SIP call is gone, and there is no other");
                    None
                }
            };
            if let Some(answer) = &answer {
                let _over = seen.send(Told::Seen(answer.to_string())).await;
            }
            if let Some((tell, meaning)) = tell {
                let _over = tell.send(meaning(answer.as_ref())).await;
            }
        };
        self.shared
            .tasks
            .spawn_graceful(REQUEST, async move { stack.run_until_cancelled(Box::pin(work)).await });
    }
}
