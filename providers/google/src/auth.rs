//! Who asks: a service account whose assertions are exchanged for tokens, or an API key.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use domain::Secret;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use providers_api::ErrorKind;
use providers_link::http::{Answer, json};
use providers_link::{Client, Fault};
use tokio::time::Instant;

use crate::wire::{Assertion, Denied, Issued, ServiceAccount, status};

const SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";
/// Google's longest.
const ASSERTION_SECONDS: i64 = 3_600;
/// A token is replaced so long before its end: longer than a stream of recognition lives, which keeps the token it began with.
const EARLY: Duration = Duration::from_secs(360);

/// Cheap to clone.
#[derive(Debug, Clone)]
pub struct Credentials(Arc<Kind>);

#[derive(Debug)]
enum Kind {
    ApiKey(Secret<String>),
    Account { email: String, project: String, key_id: String, key: Secret<String> },
}

/// The file is none of a service account.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "no key of a service account: {0}. Create one in the Google Cloud console (IAM, service accounts, keys, JSON)"
)]
pub struct Unusable(String);

impl Credentials {
    #[must_use]
    pub fn api_key(key: Secret<String>) -> Self {
        Self(Arc::new(Kind::ApiKey(key)))
    }

    /// Of a service account, by the text of its key file.
    ///
    /// # Errors
    /// When the text is none, or its private key is none of RSA.
    pub fn service_account(json: &Secret<String>) -> Result<Self, Unusable> {
        // The reasons of the parsers could quote the text, and with it the key.
        let account: ServiceAccount = serde_json::from_str(json.expose())
            .map_err(|_| Unusable("`type`, `client_email` or `private_key` is missing".to_owned()))?;
        if account.kind != "service_account" {
            return Err(Unusable(format!("its type is {:?}", account.kind)));
        }
        let key = Secret::new(account.private_key);
        encoding(&key)?;
        Ok(Self(Arc::new(Kind::Account {
            email: account.client_email,
            project: account.project_id,
            key_id: account.private_key_id,
            key,
        })))
    }

    /// The account's own project; an API key does not say.
    #[must_use]
    pub fn project(&self) -> Option<&str> {
        match &*self.0 {
            Kind::ApiKey(_) => None,
            Kind::Account { project, .. } => Some(project),
        }
    }
}

/// Holds the token of one set of credentials. Cheap to clone; all clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Auth(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    client: Client,
    credentials: Credentials,
    quota_project: Option<String>,
    url: String,
    /// A token is there by then, or none comes.
    within: Duration,
    token: Mutex<Option<Token>>,
    /// Held while a token is fetched, so that a thousand calls ask for one.
    fetching: tokio::sync::Mutex<()>,
}

#[derive(Debug, Clone)]
struct Token {
    value: Secret<String>,
    replace_at: Instant,
    ends_at: Instant,
}

impl Auth {
    pub(crate) fn new(client: Client, options: &crate::Options) -> Self {
        Self(Arc::new(Inner {
            client,
            credentials: options.credentials.clone(),
            quota_project: options.quota_project.clone(),
            url: options.token_url.clone(),
            within: options.connect_within,
            token: Mutex::new(None),
            fetching: tokio::sync::Mutex::new(()),
        }))
    }

    /// Sees to it that `headers` has what a request needs. Cancel-safe.
    ///
    /// # Errors
    /// When there is no token that is still good and Google gives none.
    pub(crate) async fn ready(&self) -> Result<(), Fault> {
        if matches!(&*self.0.credentials.0, Kind::ApiKey(_)) || self.is_fresh() {
            return Ok(());
        }
        let _turn = self.0.fetching.lock().await;
        if self.is_fresh() {
            return Ok(());
        }
        match self.fetch().await {
            Ok(token) => {
                *self.lock() = Some(token);
                Ok(())
            }
            // The one we have is good for some minutes more.
            Err(fault) if self.lock().as_ref().is_some_and(|token| Instant::now() < token.ends_at) => {
                tracing::warn!(%fault.reason, "google gave no new token, the old one is used");
                Ok(())
            }
            Err(fault) => Err(fault),
        }
    }

    /// What a refusal over REST means.
    pub(crate) fn judged(&self, answer: &Answer, body: &str) -> Fault {
        if answer.status == 401 {
            self.forget();
        }
        status::rest(answer.status, answer.retry_after, body)
    }

    /// The token was refused: the next request brings another.
    pub(crate) fn forget(&self) {
        *self.lock() = None;
    }

    /// What says who asks, by lower-case names. Without a token where `ready` was never called: Google refuses the request then.
    pub(crate) fn headers(&self) -> Vec<(&'static str, Secret<String>)> {
        let mut headers = Vec::new();
        match &*self.0.credentials.0 {
            Kind::ApiKey(key) => headers.push(("x-goog-api-key", key.clone())),
            Kind::Account { .. } => {
                if let Some(token) = self.lock().as_ref() {
                    headers.push(("authorization", Secret::new(format!("Bearer {}", token.value.expose()))));
                }
            }
        }
        if let Some(project) = &self.0.quota_project {
            headers.push(("x-goog-user-project", Secret::new(project.clone())));
        }
        headers
    }

    fn is_fresh(&self) -> bool {
        self.lock().as_ref().is_some_and(|token| Instant::now() < token.replace_at)
    }

    async fn fetch(&self) -> Result<Token, Fault> {
        let begun = Instant::now();
        let assertion = self.assertion(jiff::Timestamp::now().as_second())?;
        let body = format!(
            "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion={}",
            assertion.expose()
        );
        let request = self
            .0
            .client
            .post(&self.0.url)
            .timeout(self.0.within)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(body);
        let (_, body) = self.0.client.send(request, |answer, body| denied(answer.status, body)).await?;
        let issued: Issued = json(body).await?;
        let lives = Duration::from_secs(issued.expires_in);
        Ok(Token {
            value: Secret::new(issued.access_token),
            replace_at: begun + lives.saturating_sub(EARLY).max(lives / 2),
            ends_at: begun + lives,
        })
    }

    /// A signed claim to be the account. `now` in seconds of Unix time.
    fn assertion(&self, now: i64) -> Result<Secret<String>, Fault> {
        let Kind::Account { email, key_id, key, .. } = &*self.0.credentials.0 else {
            return Err(Fault::new(ErrorKind::Rejected, "an API key needs no token"));
        };
        let claims = Assertion {
            iss: email,
            scope: SCOPE,
            // What Google's endpoint expects, wherever a proxy or a stand-in is.
            aud: "https://oauth2.googleapis.com/token",
            iat: now,
            exp: now + ASSERTION_SECONDS,
        };
        let header = Header { kid: Some(key_id.clone()), ..Header::new(Algorithm::RS256) };
        encoding(key)
            .map_err(|why| Fault::new(ErrorKind::Unauthorized, why))
            .and_then(|key| {
                jsonwebtoken::encode(&header, &claims, &key)
                    .map_err(|_| Fault::new(ErrorKind::Unauthorized, "the account's key cannot sign"))
            })
            .map(Secret::new)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Token>> {
        self.0.token.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn encoding(key: &Secret<String>) -> Result<EncodingKey, Unusable> {
    EncodingKey::from_rsa_pem(key.expose().as_bytes())
        .map_err(|_| Unusable("its private key is no RSA key in PEM".to_owned()))
}

/// What a refusal of the token endpoint means. An account or a key that Google does not accept is a 400 there.
fn denied(status: u16, body: &str) -> Fault {
    let denied: Denied = serde_json::from_str(body).unwrap_or_default();
    let kind = match (status, denied.error.as_str()) {
        (400, "invalid_grant" | "invalid_client" | "unauthorized_client" | "invalid_scope") => {
            ErrorKind::Unauthorized
        }
        _ => providers_link::codes::status(status, None),
    };
    Fault::new(kind, format!("no token: HTTP {status} {}: {}", denied.error, denied.error_description))
}

#[cfg(test)]
mod tests;
