//! API keys: made, rotated and revoked by whoever acts for the organization.

use control_api::api_key::{ApiKey, NewApiKey, Rotate};
use control_api::{List, Paging, problem};
use control_store::api_key as store;
use domain::ApiKeyId;

use super::access::later;
use super::ctx::{Change, Ctx, Done, missing};
use super::fields::Fields;
use super::keys::NewKey;
use super::{instant, paging};
use crate::Server;
use crate::error::Error;

const NAME_MOST: usize = 100;
const GRACE_SECONDS: u32 = 86_400;
const GRACE_MOST: u32 = 30 * 86_400;

pub(crate) fn shown(row: store::ApiKey) -> ApiKey {
    ApiKey {
        id: row.id,
        name: row.name,
        hint: row.hint,
        created_at: row.created_at.to_string(),
        created_by: row.created_by,
        expires_at: row.expires_at.map(|at| at.to_string()),
        last_used_at: row.last_used_at.map(|at| at.to_string()),
        revoked_at: row.revoked_at.map(|at| at.to_string()),
        key: None,
    }
}

pub(crate) async fn list(ctx: &Ctx, server: &Server, asked: &Paging) -> Result<List<ApiKey>, Error> {
    let page = paging::page(server, "api-keys", asked)?;
    let mut tx = ctx.tx(server).await?;
    let rows = store::list(&mut tx, page).await?;
    tx.commit().await?;
    Ok(paging::list(server, "api-keys", page, rows, |row| (row.created_at, row.id.as_uuid()), shown))
}

pub(crate) async fn one(ctx: &Ctx, server: &Server, id: &str) -> Result<ApiKey, Error> {
    let wanted = parsed(id)?;
    let mut tx = ctx.tx(server).await?;
    let found = store::find(&mut tx, wanted).await?.ok_or_else(|| missing("API key", id))?;
    tx.commit().await?;
    Ok(shown(found))
}

pub(crate) async fn create(ctx: &Ctx, server: &Server, new: NewApiKey) -> Result<Done<ApiKey>, Error> {
    let mut fields = Fields::default();
    fields.line("/name", &new.name, 1, NAME_MOST);
    let expires_at = new.expires_at.as_deref().map(instant::read);
    match &expires_at {
        Some(Err(why)) => fields.wrong("/expires_at", "invalid", why),
        Some(Ok(at)) if *at <= server.ports.clock.now() => {
            fields.wrong("/expires_at", "invalid", "must lie in the future");
        }
        _ => {}
    }
    fields.check()?;
    let key = NewKey::generate();
    let row = store::NewKey {
        id: ApiKeyId::generate(),
        name: &new.name,
        hint: &key.hint,
        hash: &key.hash,
        expires_at: expires_at.and_then(Result::ok),
        by: &ctx.principal.actor(),
    };
    let mut tx = ctx.tx(server).await?;
    let made = shown(store::create(&mut tx, row).await?);
    let change = Change::of("api_key.create", made.id).to(&made);
    let done = Done { body: made, status: 201, revision: None };
    // What is kept for a repeated request must not hold the key: it is added after.
    let mut done = ctx.commit(tx, change, done).await?;
    done.body.key = Some(key.secret.expose().clone());
    server.keys.forget();
    Ok(done)
}

pub(crate) async fn rotate(
    ctx: &Ctx,
    server: &Server,
    id: &str,
    wanted: Rotate,
) -> Result<Done<ApiKey>, Error> {
    let wanted_id = parsed(id)?;
    let grace = wanted.grace_seconds.unwrap_or(GRACE_SECONDS);
    let mut fields = Fields::default();
    fields.range("/grace_seconds", i64::from(grace), 0, i64::from(GRACE_MOST));
    fields.check()?;
    let mut tx = ctx.tx(server).await?;
    let before = store::lock(&mut tx, wanted_id).await?.map(shown).ok_or_else(|| missing("API key", id))?;
    if before.revoked_at.is_some() {
        return Err(Error::new(&problem::CONFLICT, "the key was revoked: make another"));
    }
    let key = NewKey::generate();
    let until = later(server.ports.clock.now(), u64::from(grace));
    let after = shown(store::rotate(&mut tx, wanted_id, &key.hash, &key.hint, until).await?);
    let change = Change::of("api_key.rotate", wanted_id).from(&before).to(&after);
    let mut done = ctx.commit(tx, change, Done { body: after, status: 200, revision: None }).await?;
    done.body.key = Some(key.secret.expose().clone());
    server.keys.forget();
    Ok(done)
}

/// Its secrets are worth nothing from now on; it stays in the list.
pub(crate) async fn revoke(ctx: &Ctx, server: &Server, id: &str) -> Result<(), Error> {
    let wanted = parsed(id)?;
    let mut tx = ctx.tx(server).await?;
    let before = store::lock(&mut tx, wanted).await?.map(shown).ok_or_else(|| missing("API key", id))?;
    let after = shown(store::revoke(&mut tx, wanted).await?);
    if before.revoked_at.is_none() {
        ctx.audit(&mut tx, &Change::of("api_key.revoke", wanted).from(&before).to(&after)).await?;
    }
    tx.commit().await?;
    server.keys.forget();
    Ok(())
}

fn parsed(id: &str) -> Result<ApiKeyId, Error> {
    id.parse().map_err(|_| missing("API key", id))
}
