//! Webhooks of carriers: whose they are, and what is passed on.

use axum::http::Method;
use serde_json::json;

use crate::fake::{Ask, KEY_OF_VENDOR, ask};
use crate::plane::{Plane, text};

async fn account(plane: &Plane, vendor: &str, options: serde_json::Value) -> String {
    let body = json!({"name": vendor, "vendor": vendor, "key": KEY_OF_VENDOR, "options": options});
    text(&plane.post("/v1/provider-accounts", body).await.json()["id"])
}

fn webhook(id: &str, signature: &str) -> Ask {
    ask(Method::POST, &format!("/carriers/{id}/voice"))
        .header("host", "voice.example.com")
        .header("x-forwarded-proto", "https")
        .header("x-signature", signature)
}

#[tokio::test]
async fn a_carrier_is_known_by_its_accounts_key_and_told_where_the_audio_goes() {
    let plane = Plane::new().await;
    let id = account(&plane, "twilio", json!({"account_sid": "AC00000000000000000000000000000001"})).await;
    let told = webhook(&id, KEY_OF_VENDOR).of(&plane.router).await;
    assert_eq!((told.status.as_u16(), told.header("content-type")), (200, Some("text/xml")), "{}", told.text);
    let parts: Vec<&str> = told.text.split(' ').collect();
    let path = format!("https://voice.example.com/carriers/{id}/voice");
    assert_eq!(
        (parts[0], parts[1]),
        (path.as_str(), format!("wss://voice.example.com/media/twilio/{id}").as_str())
    );
    assert!(parts[2].starts_with("v1."), "a token for one stream");
    webhook(&id, "another key").of(&plane.router).await.is_problem(403, "WEBHOOK_UNSIGNED");
}

#[tokio::test]
async fn who_is_no_carrier_or_switched_off_is_not_there() {
    let plane = Plane::new().await;
    let speech = account(&plane, "deepgram", json!({})).await;
    let telnyx =
        account(&plane, "telnyx", json!({"public_key": "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="}))
            .await;
    for id in [speech.as_str(), "main", "pac_019ab0e61c7a7d53a1d1d8ea5e3a6f10"] {
        webhook(id, KEY_OF_VENDOR).of(&plane.router).await.is_problem(404, "NOT_FOUND");
    }
    assert_eq!(webhook(&telnyx, KEY_OF_VENDOR).of(&plane.router).await.status.as_u16(), 200);
    plane.patch(&format!("/v1/provider-accounts/{telnyx}"), json!({"enabled": false})).await.json();
    webhook(&telnyx, KEY_OF_VENDOR).of(&plane.router).await.is_problem(404, "NOT_FOUND");
}

#[tokio::test]
async fn an_account_that_could_not_verify_its_carrier_is_refused() {
    let plane = Plane::new().await;
    for (vendor, pointer) in [("twilio", "/options/account_sid"), ("telnyx", "/options/public_key")] {
        let option = pointer.trim_start_matches("/options/");
        for options in [json!({}), json!({option: "hello"}), json!({option: "AAAA"})] {
            let body = json!({"name": vendor, "vendor": vendor, "key": "k", "options": options});
            let refused = plane.post("/v1/provider-accounts", body).await.is_problem(422, "BODY_INVALID");
            assert_eq!(refused["errors"][0]["pointer"], pointer, "{options}");
        }
    }
}
