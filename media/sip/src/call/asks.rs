//! Requests of ours within a call, each in a task of its own.

use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::time::Duration;

use rsipstack::dialog::authenticate::Credential;
use rsipstack::sip::Response;
use rsipstack::transaction::Transaction;
use runtime::Kind;
use tokio::sync::{OwnedSemaphorePermit, mpsc};

use super::{Call, Meaning, Shared, Told};
use crate::asking::{carried, led};
use crate::machine::Request;
use crate::trace::Witness;

const REQUEST: Kind = Kind::new("sip.request");

/// So long the session may wait for how the last request went.
const WITNESSED: Duration = Duration::from_secs(1);

/// What a request outlives the call with.
pub(crate) struct Last {
    /// Among the requests in work.
    place: Option<OwnedSemaphorePermit>,
    witness: Witness,
}

impl Last {
    async fn hears(self, mut asking: impl Future<Output = Option<Response>> + Unpin) -> Option<Response> {
        let Self { place: _place, witness } = self;
        if let Ok(answer) = tokio::time::timeout(WITNESSED, &mut asking).await {
            if let Some(answer) = &answer {
                witness.saw(false, &answer.to_string());
            }
            return answer;
        }
        drop(witness);
        asking.await
    }
}

/// The answer to a request of ours; by another connection where its own is gone.
async fn asked(
    mut transaction: Transaction,
    credential: Option<Credential>,
    sent: &AtomicU32,
    shared: &Shared,
    trunk: Option<&str>,
) -> Option<Response> {
    let trunk = shared.options.trunks.iter().find(|one| Some(one.name.as_str()) == trunk);
    if let Some(trunk) = trunk
        && let Err(why) = led(&mut transaction, shared, trunk).await
    {
        tracing::warn!(%why, "the connection of a SIP call is gone, and there is no other");
        return None;
    }
    carried(transaction, credential, sent, trunk.map(|trunk| (shared, trunk))).await
}

impl Call {
    /// Sends a request of ours in a task of its own, which outlives the call where that is a BYE.
    pub(super) fn ask(&mut self, request: &Request) {
        let transaction = match self.dialog.request(request) {
            Ok(transaction) => transaction,
            Err(error) => return tracing::warn!(%error, "a SIP request could not be built"),
        };
        let goodbye = matches!(request, Request::Bye { .. });
        let tell = (!goodbye).then(|| (self.tell.clone(), Told::of_refresh as Meaning));
        let last = goodbye.then(|| Last { place: self.place.take(), witness: self.witness.clone() });
        self.carry(transaction, tell, last);
    }

    /// Sends a request of ours that is not the call's INVITE, and tells what its answer does to the session.
    pub(crate) fn carry(
        &self,
        transaction: Transaction,
        tell: Option<(mpsc::Sender<Told>, Meaning)>,
        last: Option<Last>,
    ) {
        self.saw(true, &transaction.original.to_string());
        let seen = self.tell.clone();
        let stack = self.shared.stack.clone();
        let credential = self.outbound.as_ref().and_then(|outbound| outbound.credential.clone());
        let sent = self.dialog.sent();
        let shared = Arc::clone(&self.shared);
        let trunk = self.party.trunk.clone();
        let work = async move {
            let asking = Box::pin(asked(transaction, credential, &sent, &shared, trunk.as_deref()));
            let answer = match last {
                // Nobody is told any more: the call is over.
                Some(last) => last.hears(asking).await,
                None => {
                    let answer = asking.await;
                    if let Some(answer) = &answer {
                        let _over = seen.send(Told::Seen(answer.to_string())).await;
                    }
                    answer
                }
            };
            if let Some((tell, meaning)) = tell {
                let _over = tell.send(meaning(answer.as_ref())).await;
            }
        };
        self.shared
            .tasks
            .spawn_graceful(REQUEST, async move { stack.run_until_cancelled(Box::pin(work)).await });
    }
}
