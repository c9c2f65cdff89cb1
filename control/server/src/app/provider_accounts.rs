//! Accounts at vendors: their keys are sealed here and never given back.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use control_api::provider_account::{
    AccountOptions, NewProviderAccount, ProviderAccount, ProviderAccountChange, TrialAnswer, TrialRequest,
    Vendor, VendorAbout, Voices,
};
use control_api::{List, Paging, problem};
use control_store::{OrgTx, Page, Place, provider_account as store, secret};
use domain::{ProviderAccountId, Secret, SecretId};

use super::ctx::{Change, Ctx, Done, Expected, Principal, missing, refused};
use super::fields::Fields;
use super::paging;
use crate::Server;
use crate::error::Error;
use crate::ports::Account;

const TAKEN: &str = "there is an account of that name: change it, or choose another name";
const UNKNOWN: &str = "its secret is not there";
const KEY_MOST: usize = 8_000;
const READ_AT_ONCE: i64 = 200;

fn shown(row: store::ProviderAccount) -> Result<ProviderAccount, Error> {
    Ok(ProviderAccount {
        id: row.id,
        name: row.name,
        vendor: Vendor::named(&row.vendor).ok_or_else(|| unreadable(&row.vendor))?,
        options: serde_json::from_value(row.options).map_err(|error| Error::fault(&error))?,
        key_hint: row.hint,
        enabled: row.enabled,
        revision: row.revision,
        created_at: row.created_at.to_string(),
        updated_at: row.updated_at.to_string(),
    })
}

fn unreadable(vendor: &str) -> Error {
    Error::new(&problem::INTERNAL, format!("this version of the server knows no vendor {vendor:?}"))
}

pub(crate) async fn list(ctx: &Ctx, server: &Server, asked: &Paging) -> Result<List<ProviderAccount>, Error> {
    let page = paging::page(server, "provider-accounts", asked)?;
    let mut tx = ctx.tx(server).await?;
    let rows = store::list(&mut tx, page).await?;
    tx.commit().await?;
    let placed = |row: store::ProviderAccount| Ok(((row.created_at, row.id.as_uuid()), shown(row)?));
    let rows = rows.into_iter().map(placed).collect::<Result<Vec<_>, Error>>()?;
    Ok(paging::list(server, "provider-accounts", page, rows, |(place, _)| *place, |(_, account)| account))
}

/// Names of the organization's accounts at carriers.
pub(super) async fn at_carriers(tx: &mut OrgTx) -> Result<Vec<String>, Error> {
    let mut names = Vec::new();
    let mut after = None;
    loop {
        let rows = store::list(tx, Page { after, limit: READ_AT_ONCE }).await?;
        let Some(last) = rows.last() else { return Ok(names) };
        after = Some(Place { at: last.created_at, id: last.id.as_uuid() });
        let carries = |row: &store::ProviderAccount| {
            matches!(Vendor::named(&row.vendor), Some(Vendor::Twilio | Vendor::Telnyx))
        };
        names.extend(rows.into_iter().filter(carries).map(|row| row.name));
    }
}

pub(crate) async fn one(ctx: &Ctx, server: &Server, id: &str) -> Result<Done<ProviderAccount>, Error> {
    let wanted = parsed(id)?;
    let mut tx = ctx.tx(server).await?;
    let found = store::find(&mut tx, wanted).await?.ok_or_else(|| missing("provider account", id))?;
    tx.commit().await?;
    let revision = found.revision;
    Ok(Done::found(shown(found)?, revision))
}

pub(crate) async fn create(
    ctx: &Ctx,
    server: &Server,
    new: NewProviderAccount,
) -> Result<Done<ProviderAccount>, Error> {
    let about = about(server, new.vendor)?;
    let mut fields = Fields::default();
    check_name(&mut fields, &new.name);
    check_key(&mut fields, new.key.as_ref());
    check_options(&mut fields, &about, &new.options);
    if about.needs_key && new.key.is_none() {
        fields.wrong("/key", "missing", format!("{} needs a key", about.title));
    }
    fields.check()?;
    may_choose_address(ctx, new.options.base_url.as_ref())?;
    let options = serde_json::to_value(&new.options).map_err(|error| Error::fault(&error))?;
    let id = ProviderAccountId::generate();
    let mut tx = ctx.tx(server).await?;
    let secret = sealed(ctx, server, &mut tx, new.key.as_ref()).await?;
    let row = store::New {
        name: &new.name,
        vendor: new.vendor.name(),
        options: &options,
        secret,
        enabled: new.enabled.unwrap_or(true),
    };
    store::create(&mut tx, id, row).await.map_err(refused(TAKEN, UNKNOWN))?;
    let made = store::find(&mut tx, id).await?.ok_or_else(|| missing("provider account", &id.to_string()))?;
    let made = shown(made)?;
    let change = Change::of("provider_account.create", made.id).to(&made);
    let revision = made.revision;
    let done = ctx.commit(tx, change, Done::made(made, revision)).await?;
    server.ports.vendors.changed(ctx.org);
    Ok(done)
}

pub(crate) async fn change(
    ctx: &Ctx,
    server: &Server,
    id: &str,
    expected: Expected,
    wanted: ProviderAccountChange,
) -> Result<Done<ProviderAccount>, Error> {
    let key = parsed(id)?;
    let mut tx = ctx.tx(server).await?;
    let row = store::lock(&mut tx, key).await?.ok_or_else(|| missing("provider account", id))?;
    let former = row.secret;
    let before = shown(row)?;
    expected.check(before.revision, &before)?;
    let options = wanted.options.unwrap_or_else(|| before.options.clone());
    let mut fields = Fields::default();
    check_key(&mut fields, wanted.key.as_ref());
    if options != before.options {
        // What was saved when it was looked at less closely may still be switched off.
        check_options(&mut fields, &about(server, before.vendor)?, &options);
    }
    fields.check()?;
    if options.base_url != before.options.base_url {
        may_choose_address(ctx, options.base_url.as_ref())?;
        // A key that was entered for one address must not be sent to another.
        if wanted.key.is_none() && former.is_some() {
            let detail =
                "enter the key again together with another `base_url`: it was given for the former one";
            let mut fields = Fields::default();
            fields.wrong("/key", "missing", detail);
            fields.check()?;
        }
    }
    let sealed = sealed(ctx, server, &mut tx, wanted.key.as_ref()).await?;
    let json = serde_json::to_value(&options).map_err(|error| Error::fault(&error))?;
    store::update(&mut tx, key, &json, sealed.or(former), wanted.enabled.unwrap_or(before.enabled)).await?;
    if let (Some(_), Some(former)) = (sealed, former) {
        secret::delete(&mut tx, former).await?;
    }
    let after = store::find(&mut tx, key).await?.ok_or_else(|| missing("provider account", id))?;
    let after = shown(after)?;
    let change = Change::of("provider_account.update", key).from(&before).to(&after);
    let revision = after.revision;
    let done = ctx.commit(tx, change, Done::found(after, revision)).await?;
    server.ports.vendors.changed(ctx.org);
    Ok(done)
}

pub(crate) async fn delete(ctx: &Ctx, server: &Server, id: &str, expected: Expected) -> Result<(), Error> {
    let key = parsed(id)?;
    let mut tx = ctx.tx(server).await?;
    let row = store::lock(&mut tx, key).await?.ok_or_else(|| missing("provider account", id))?;
    let former = row.secret;
    let before = shown(row)?;
    expected.check(before.revision, &before)?;
    let served = store::served_by(&mut tx, &before.name).await?;
    if !served.is_empty() {
        let detail = format!(
            "it serves {}: publish versions that name another account first, or switch this one off",
            served.join(", ")
        );
        return Err(Error::new(&problem::IN_USE, detail));
    }
    store::delete(&mut tx, key).await?;
    if let Some(former) = former {
        secret::delete(&mut tx, former).await?;
    }
    ctx.audit(&mut tx, &Change::of("provider_account.delete", key).from(&before)).await?;
    tx.commit().await?;
    server.ports.vendors.changed(ctx.org);
    Ok(())
}

/// A real request to the vendor. That it fails is an answer, not an error.
pub(crate) async fn try_out(
    ctx: &Ctx,
    server: &Server,
    id: &str,
    wanted: TrialRequest,
) -> Result<TrialAnswer, Error> {
    let account = opened(ctx, server, id).await?;
    let mut fields = Fields::default();
    for (pointer, text) in [("/model", &wanted.model), ("/voice", &wanted.voice)] {
        if let Some(text) = text {
            fields.text(pointer, text, 1, 200);
        }
    }
    fields.check()?;
    Ok(server.ports.vendors.try_out(account, wanted).await)
}

pub(crate) async fn voices(ctx: &Ctx, server: &Server, id: &str) -> Result<Voices, Error> {
    let account = opened(ctx, server, id).await?;
    let found = server.ports.vendors.voices(account).await;
    let data = found.map_err(|detail| Error::new(&problem::VENDOR_FAILED, detail))?;
    Ok(Voices { data })
}

/// With its key in the clear, for the request at hand.
async fn opened(ctx: &Ctx, server: &Server, id: &str) -> Result<Account, Error> {
    let wanted = parsed(id)?;
    let mut tx = ctx.tx(server).await?;
    let found = store::with_key(&mut tx, wanted).await?.ok_or_else(|| missing("provider account", id))?;
    tx.commit().await?;
    server.vault.account(found).map_err(|detail| Error::new(&problem::SECRET_UNREADABLE, detail))
}

async fn sealed(
    ctx: &Ctx,
    server: &Server,
    tx: &mut control_store::OrgTx,
    key: Option<&Secret<String>>,
) -> Result<Option<SecretId>, Error> {
    let Some(key) = key else { return Ok(None) };
    let id = SecretId::generate();
    secret::create(tx, id, &server.vault.seal(ctx.org, id, key)).await?;
    Ok(Some(id))
}

fn about(server: &Server, vendor: Vendor) -> Result<VendorAbout, Error> {
    let known = server.ports.vendors.all().into_iter().find(|about| about.vendor == vendor);
    known.ok_or_else(|| unreadable(vendor.name()))
}

/// The server itself connects to the address: whoever chooses it could reach what only the server can.
fn may_choose_address(ctx: &Ctx, address: Option<&String>) -> Result<(), Error> {
    if address.is_none() || ctx.principal == Principal::Operator {
        return Ok(());
    }
    ctx.operator("chooses the addresses that the server connects to (`/options/base_url`)")
}

/// Of one that comes from elsewhere than the API: the same that the API asks, as far as it is asked of every vendor.
pub(crate) fn check_given(name: &str, key: &Secret<String>, options: &AccountOptions) -> Result<(), Error> {
    let mut fields = Fields::default();
    check_name(&mut fields, name);
    check_key(&mut fields, Some(key));
    check_texts(&mut fields, options);
    fields.check()
}

/// An order of providers means the server's own models by this name: an account of it would never be asked.
const BUILT_IN: &str = "built-in";

fn check_name(fields: &mut Fields, name: &str) {
    fields.name("/name", name);
    if name == BUILT_IN {
        fields.wrong("/name", "reserved", "`built-in` names the server's own models: choose another name");
    }
}

fn check_key(fields: &mut Fields, key: Option<&Secret<String>>) {
    if let Some(key) = key {
        fields.text("/key", key.expose(), 1, KEY_MOST);
        if key.expose().chars().any(|letter| letter.is_control() && letter != '\n') {
            fields.wrong("/key", "invalid", "a key has no control characters");
        }
    }
}

fn check_options(fields: &mut Fields, about: &VendorAbout, options: &AccountOptions) {
    if about.needs_region && options.region.is_none() && options.base_url.is_none() {
        fields.wrong("/options/region", "missing", format!("{} needs a region", about.title));
    }
    if about.needs_base_url && options.base_url.is_none() {
        fields.wrong("/options/base_url", "missing", format!("{} needs an address", about.title));
    }
    if about.vendor == Vendor::Twilio && options.account_sid.is_none() {
        fields.wrong("/options/account_sid", "missing", "Twilio needs the account's SID, AC…");
    }
    if about.vendor == Vendor::Telnyx && options.public_key.is_none() {
        fields.wrong(
            "/options/public_key",
            "missing",
            "Telnyx needs its public key, with which its webhooks are verified",
        );
    }
    let is_sid = |sid: &str| {
        let hex = sid.strip_prefix("AC").unwrap_or_default();
        hex.len() == 32 && hex.bytes().all(|byte| byte.is_ascii_hexdigit())
    };
    if about.vendor == Vendor::Twilio && options.account_sid.as_deref().is_some_and(|sid| !is_sid(sid)) {
        let detail = "an account's SID is AC and 32 digits from 0 to f, as Twilio's console shows it";
        fields.wrong("/options/account_sid", "invalid", detail);
    }
    let is_key = |key: &str| STANDARD.decode(key).is_ok_and(|key| key.len() == 32);
    if about.vendor == Vendor::Telnyx && options.public_key.as_deref().is_some_and(|key| !is_key(key)) {
        let detail = "a public key is 32 bytes in base64 (44 characters), as Telnyx's portal shows it";
        fields.wrong("/options/public_key", "invalid", detail);
    }
    check_texts(fields, options);
}

fn check_texts(fields: &mut Fields, options: &AccountOptions) {
    if let Some(url) = &options.base_url {
        fields.text("/options/base_url", url, 8, 300);
        let known = ["https://", "wss://", "http://", "ws://"].iter().any(|scheme| url.starts_with(scheme));
        if !known || url.contains(['?', '#', '@', ' ']) {
            let detail = "an address begins with https:// or wss:// (http:// and ws:// for servers beside this one), without credentials, query or fragment";
            fields.wrong("/options/base_url", "invalid", detail);
        }
    }
    if let Some(region) = &options.region {
        fields.text("/options/region", region, 1, 63);
        if !region.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-') {
            fields.wrong("/options/region", "invalid", "a region has lower-case letters, digits and hyphens");
        }
    }
    if options.calls_per_second.is_some_and(|many| !(1..=100).contains(&many)) {
        fields.wrong("/options/calls_per_second", "invalid", "1 to 100 calls a second");
    }
    let codes = [
        ("/options/account_sid", &options.account_sid, ""),
        ("/options/public_key", &options.public_key, "+/="),
        ("/options/connection_id", &options.connection_id, "-"),
    ];
    for (pointer, text, beside) in codes {
        let Some(text) = text else { continue };
        fields.text(pointer, text, 1, 64);
        if !text.chars().all(|letter| letter.is_ascii_alphanumeric() || beside.contains(letter)) {
            fields.wrong(pointer, "invalid", "letters and digits alone, as the carrier shows it");
        }
    }
    let texts = [
        ("/options/stt_model", &options.stt_model),
        ("/options/llm_model", &options.llm_model),
        ("/options/tts_model", &options.tts_model),
        ("/options/voice", &options.voice),
    ];
    for (pointer, text) in texts {
        if let Some(text) = text {
            fields.text(pointer, text, 1, 200);
        }
    }
}

fn parsed(id: &str) -> Result<ProviderAccountId, Error> {
    id.parse().map_err(|_| missing("provider account", id))
}
