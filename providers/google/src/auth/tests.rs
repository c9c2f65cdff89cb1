//! Assertions and what is made of refusals; the exchange itself is tried over a socket in `tests/it`.

use jsonwebtoken::{DecodingKey, Validation};
use serde_json::{Value, json};

use super::*;

fn file(key: &str) -> Secret<String> {
    let file = json!({
        "type": "service_account", "project_id": "acme", "private_key_id": "key-7", "private_key": key,
        "client_email": "voice@acme.iam.gserviceaccount.com", "token_uri": "https://elsewhere.example/token",
    });
    Secret::new(file.to_string())
}

fn pair() -> rcgen::KeyPair {
    rcgen::KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).expect("an RSA key")
}

#[test]
fn an_assertion_names_the_account_and_is_signed_with_its_key() {
    let pair = pair();
    let credentials = Credentials::service_account(&file(&pair.serialize_pem())).expect("a key file");
    assert_eq!(credentials.project(), Some("acme"));
    let options = crate::Options::new(credentials);
    assert_eq!(options.project, "acme");
    let auth = Auth::new(Client::new(providers_link::http::Options::default()), &options);
    let now = jiff::Timestamp::now().as_second();
    let assertion = auth.assertion(now).expect("signed");

    let mut wanted = Validation::new(Algorithm::RS256);
    wanted.set_audience(&["https://oauth2.googleapis.com/token"]);
    let key = DecodingKey::from_rsa_pem(pair.public_key_pem().as_bytes()).expect("its public half");
    let read = jsonwebtoken::decode::<Value>(assertion.expose(), &key, &wanted).expect("a good signature");
    assert_eq!(read.header.kid.as_deref(), Some("key-7"));
    assert_eq!(
        read.claims,
        json!({
            "iss": "voice@acme.iam.gserviceaccount.com", "scope": SCOPE,
            "aud": "https://oauth2.googleapis.com/token", "iat": now, "exp": now + 3_600,
        })
    );
}

#[test]
fn what_is_no_key_file_is_refused_without_being_quoted() {
    for text in ["", "{}", "[1]", "not-json sk-1", r#"{"type":"service_account","private_key":"sk-1"}"#] {
        let why = Credentials::service_account(&Secret::new(text.to_owned())).expect_err(text).to_string();
        assert!(!why.contains("sk-1"), "{why}");
    }
    let why = Credentials::service_account(&file("sk-1")).expect_err("no PEM").to_string();
    assert!(why.contains("no RSA key") && !why.contains("sk-1"), "{why}");
    let user = r#"{"type":"authorized_user","private_key":"sk-1","client_email":"a@b"}"#;
    let why = Credentials::service_account(&Secret::new(user.to_owned())).expect_err("a user").to_string();
    assert!(why.contains("authorized_user"), "{why}");
}

#[test]
fn nothing_of_the_credentials_can_be_printed() {
    let pem = pair().serialize_pem();
    let account = Credentials::service_account(&file(&pem)).expect("a key file");
    let key = Credentials::api_key(Secret::new("sk-1".to_owned()));
    let shown = format!("{account:?} {key:?}");
    assert!(!shown.contains("sk-1") && !shown.contains("BEGIN"), "{shown}");
}

#[test]
fn refusals_of_the_token_endpoint_are_told_apart() {
    let body =
        |error: &str| json!({ "error": error, "error_description": "Invalid JWT Signature." }).to_string();
    assert_eq!(denied(400, &body("invalid_grant")).kind, ErrorKind::Unauthorized);
    assert_eq!(denied(401, &body("invalid_client")).kind, ErrorKind::Unauthorized);
    assert_eq!(denied(400, &body("unsupported_grant_type")).kind, ErrorKind::Rejected);
    assert_eq!(denied(500, "").kind, ErrorKind::Unreachable);
    assert_eq!(denied(503, "<html>").kind, ErrorKind::Limited(None));
}

#[tokio::test]
async fn while_no_new_token_comes_the_old_one_serves_to_its_end() {
    let credentials = Credentials::service_account(&file(&pair().serialize_pem())).expect("a key file");
    let mut options = crate::Options::new(credentials);
    options.token_url = "http://127.0.0.1:9/token".to_owned(); // nobody is there
    options.quota_project = Some("billing".to_owned());
    let auth = Auth::new(Client::new(providers_link::http::Options::default()), &options);
    let now = Instant::now();
    let minute = Duration::from_secs(60);
    let token =
        |replace_at, ends_at| Token { value: Secret::new("ya29.old".to_owned()), replace_at, ends_at };

    *auth.lock() = Some(token(now, now + minute));
    assert_eq!(auth.ready().await, Ok(()));
    let headers: Vec<(&str, String)> =
        auth.headers().into_iter().map(|(name, value)| (name, value.expose().clone())).collect();
    let wanted = [("authorization", "Bearer ya29.old"), ("x-goog-user-project", "billing")];
    assert_eq!(headers, wanted.map(|(name, value)| (name, value.to_owned())));

    *auth.lock() = Some(token(now, now));
    assert_eq!(auth.ready().await.map_err(|fault| fault.kind), Err(ErrorKind::Unreachable));
    *auth.lock() = Some(token(now + minute, now + 2 * minute));
    assert_eq!(auth.ready().await, Ok(()), "nobody is asked");
    auth.forget();
    assert!(auth.ready().await.is_err());
}
