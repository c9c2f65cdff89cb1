//! Requests of ours on their way: to their final answer, with a password where one is asked for.

use std::sync::atomic::{AtomicU32, Ordering};

use rsipstack::dialog::authenticate::{AuthRetry, Credential, handle_client_authenticate};
use rsipstack::sip::{Response, SipMessage};
use rsipstack::transaction::Transaction;

use crate::call::Shared;
use crate::dial::reach;
use crate::tls::{Unreached, lives};
use crate::trunk::Trunk;

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

/// The final answer to a request, which is asked again with a password where one is wanted and there is one.
pub(crate) async fn carried(
    mut transaction: Transaction,
    credential: Option<Credential>,
    sent: &AtomicU32,
) -> Option<Response> {
    let mut retry = AuthRetry::new();
    transaction.send().await.ok()?;
    while let Some(message) = transaction.receive().await {
        let SipMessage::Response(response) = message else { continue };
        if response.status_code.code() < 200 {
            continue;
        }
        let again = again(&transaction, &response, credential.as_ref(), &mut retry, sent).await;
        let Some(again) = again else { return Some(response) };
        transaction = again;
        transaction.send().await.ok()?;
    }
    None
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
