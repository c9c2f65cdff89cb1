//! Requests of ours on their way: to their final answer, with a password where one is asked for.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use rsipstack::dialog::authenticate::{AuthRetry, Credential, handle_client_authenticate};
use rsipstack::sip::{Response, SipMessage};
use rsipstack::transaction::Transaction;
use rsipstack::transport::SipConnection;
use tokio_util::sync::CancellationToken;

use crate::call::Shared;
use crate::dial::reach;
use crate::metrics::SENT_ANEW;
use crate::tls::{Unreached, lives};
use crate::trunk::Trunk;

/// So often a request goes out anew whose connection is lost: one that loses more has other troubles.
const ANEW: u32 = 2;

/// Where the connection of its call is gone the request takes the one that now leads to the call's trunk, or a new one. Its answer comes back by
/// that, whatever the request says of where it came from (RFC 3261 section 18.2.2).
///
/// # Errors
/// When the trunk cannot be reached.
pub(crate) async fn led(
    transaction: &mut Transaction,
    shared: &Shared,
    trunk: &Trunk,
) -> Result<(), Unreached> {
    if transaction.connection.as_ref().is_none_or(|connection| !connection.is_reliable() || lives(connection))
    {
        return Ok(());
    }
    let (connection, _) = reach(shared, &transaction.endpoint_inner, trunk).await?;
    transaction.connection = Some(connection);
    Ok(())
}

/// The final answer to a request, which is asked again with a password where one is wanted and there is one, and sent anew where its connection
/// is lost before that and `trunk` leads to the other side.
pub(crate) async fn carried(
    mut transaction: Transaction,
    credential: Option<Credential>,
    sent: &AtomicU32,
    trunk: Option<(&Shared, &Trunk)>,
) -> Option<Response> {
    let (mut retry, mut left) = (AuthRetry::new(), ANEW);
    transaction.send().await.ok()?;
    loop {
        let connection = transaction.connection.as_ref().filter(|connection| connection.is_reliable());
        let token = connection.and_then(SipConnection::cancel_token);
        let message = tokio::select! {
            biased;
            message = transaction.receive() => message?,
            () = lost(token), if trunk.is_some() && left > 0 => {
                left -= 1;
                let (shared, trunk) = trunk?;
                transaction = anew(transaction, shared, trunk).await?;
                transaction.send().await.ok()?;
                continue;
            }
        };
        let SipMessage::Response(response) = message else { continue };
        if response.status_code.code() < 200 {
            continue;
        }
        let again = again(&transaction, &response, credential.as_ref(), &mut retry, sent).await;
        let Some(again) = again else { return Some(response) };
        transaction = again;
        transaction.send().await.ok()?;
    }
}

/// The same request by another connection: whoever had it already knows it by its branch, and says again what they said.
async fn anew(transaction: Transaction, shared: &Shared, trunk: &Trunk) -> Option<Transaction> {
    let (key, request) = (transaction.key.clone(), transaction.original.clone());
    let endpoint = Arc::clone(&transaction.endpoint_inner);
    // Gives its name back, which the next one takes.
    drop(transaction);
    let reached = reach(shared, &endpoint, trunk).await;
    let (connection, _) = reached
        .inspect_err(|why| tracing::warn!(%why, "a request of ours was lost with its connection"))
        .ok()?;
    metrics::counter!(SENT_ANEW).increment(1);
    Some(Transaction::new_client(key, request, endpoint, Some(connection)))
}

/// Pends where nothing can be lost.
pub(crate) async fn lost(connection: Option<CancellationToken>) {
    match connection {
        Some(token) => token.cancelled_owned().await,
        None => std::future::pending().await,
    }
}

/// The request anew where the answer to it was a challenge that we can meet.
pub(crate) async fn again(
    transaction: &Transaction,
    response: &Response,
    credential: Option<&Credential>,
    retry: &mut AuthRetry,
    sent: &AtomicU32,
) -> Option<Transaction> {
    let challenged = matches!(response.status_code.code(), 401 | 407);
    let credential = credential.filter(|_| challenged && retry.should_answer(response))?;
    let sequence = sent.fetch_add(1, Ordering::Relaxed) + 1;
    let again = handle_client_authenticate(sequence, transaction, response.clone(), credential).await;
    again.inspect_err(|error| tracing::debug!(%error, "a challenge that cannot be met")).ok()
}
