//! Organizations: a key reads and changes its own, the operator all.

use control_api::organization::{NewOrganization, Organization, OrganizationChange};
use control_api::{List, Paging, problem};
use control_store::org::Keep;
use control_store::{Db, Reason, domain as domains, environment, org as store};
use domain::{DomainId, EnvironmentId, OrgId};

use super::ctx::{Change, Ctx, Done, Expected, Principal, missing, refused};
use super::fields::{Fields, TITLE_MOST};
use super::paging;
use crate::Server;
use crate::error::Error;

const TAKEN: &str = "there is an organization of that name";
const REGIONS_MOST: usize = 50;

pub(crate) fn shown(row: store::Org) -> Organization {
    Organization {
        id: row.id,
        name: row.name,
        title: row.title,
        residency: row.residency,
        recordings_keep_days: row.keep.recordings_days,
        calls_keep_days: row.keep.calls_days,
        latency_target_ms: row.latency_target_ms,
        revision: row.revision,
        created_at: row.created_at.to_string(),
        updated_at: row.updated_at.to_string(),
    }
}

pub(crate) async fn list(ctx: &Ctx, server: &Server, asked: &Paging) -> Result<List<Organization>, Error> {
    let page = paging::page(server, "organizations", asked)?;
    let rows = if ctx.principal == Principal::Operator {
        let mut tx = ctx.system(server, Reason::Organizations).await?;
        let rows = store::list(&mut tx, page).await?;
        tx.commit().await?;
        rows
    } else {
        let mut tx = ctx.tx(server).await?;
        let own = store::own(&mut tx).await?;
        tx.commit().await?;
        // A page after its own has nothing left.
        own.into_iter().filter(|_| page.after.is_none()).collect()
    };
    Ok(paging::list(server, "organizations", page, rows, |row| (row.created_at, row.id.as_uuid()), shown))
}

/// The context of the organization that a path names: the operator's goes into it, a key's is in it or nowhere.
fn within(ctx: &Ctx, id: &str) -> Result<Ctx, Error> {
    let wanted: OrgId = id.parse().map_err(|_| missing("organization", id))?;
    if ctx.principal != Principal::Operator && wanted != ctx.org {
        return Err(missing("organization", id));
    }
    Ok(Ctx { org: wanted, ..ctx.clone() })
}

pub(crate) async fn one(ctx: &Ctx, server: &Server, id: &str) -> Result<Done<Organization>, Error> {
    let ctx = within(ctx, id)?;
    let mut tx = ctx.tx(server).await?;
    let found = store::own(&mut tx).await?.ok_or_else(|| missing("organization", id))?;
    tx.commit().await?;
    let revision = found.revision;
    Ok(Done::found(shown(found), revision))
}

pub(crate) async fn create(
    ctx: &Ctx,
    server: &Server,
    new: NewOrganization,
) -> Result<Done<Organization>, Error> {
    ctx.operator("makes organizations")?;
    let title = new.title.unwrap_or_else(|| new.name.clone());
    let keep = Keep { recordings_days: new.recordings_keep_days, calls_days: new.calls_keep_days };
    checked(&new.name, Some(&title), keep)?;
    let db = &server.store.opened()?.db;
    let id = found(db, &new.name, &title, keep).await.map_err(refused(TAKEN, ""))?;
    furnish(db, id).await?;
    // The row is the new organization's; the answer for the idempotency key is the one's that the request acts in.
    let within = Ctx { org: id, claim: None, ..ctx.clone() };
    let mut tx = within.tx(server).await?;
    let row = store::own(&mut tx).await?.ok_or_else(|| missing("organization", &new.name))?;
    let made = shown(row);
    within.audit(&mut tx, &Change::of("organization.create", made.id).to(&made)).await?;
    tx.commit().await?;
    let revision = made.revision;
    let change = Change::of("organization.create", made.id).to(&made);
    if ctx.claim.is_none() {
        return Ok(Done::made(made, revision));
    }
    let tx = ctx.tx(server).await?;
    ctx.commit(tx, change, Done::made(made, revision)).await
}

async fn found(db: &Db, name: &str, title: &str, keep: Keep) -> Result<OrgId, control_store::Error> {
    let mut tx = db.system_tx(Reason::Organizations).await?;
    let made = store::create(&mut tx, OrgId::generate(), name, title, keep).await?;
    tx.commit().await?;
    Ok(made.id)
}

/// The organization of that name, made with what every new one has where it is not there.
pub(crate) async fn ensured(db: &Db, name: &str, title: &str) -> Result<OrgId, control_store::Error> {
    let known = async || {
        let mut tx = db.system_tx(Reason::Organizations).await?;
        let known = store::named(&mut tx, name).await?;
        tx.commit().await?;
        Ok::<_, control_store::Error>(known.map(|org| org.id))
    };
    let id = match known().await? {
        Some(id) => id,
        None => match found(db, name, title, Keep::default()).await {
            Ok(id) => id,
            // Another server was faster.
            Err(error @ control_store::Error::Conflict { .. }) => known().await?.ok_or(error)?,
            Err(error) => return Err(error),
        },
    };
    furnish(db, id).await?;
    Ok(id)
}

/// What every new organization has. One that has an environment was furnished before.
async fn furnish(db: &Db, org: OrgId) -> Result<(), control_store::Error> {
    let mut tx = db.org_tx(org).await?;
    let one = control_store::Page { after: None, limit: 1 };
    if store::lock(&mut tx).await?.is_some() && environment::list(&mut tx, one).await?.is_empty() {
        for (name, title) in [("dev", "Development"), ("staging", "Staging"), ("prod", "Production")] {
            environment::create(&mut tx, EnvironmentId::generate(), name, title).await?;
        }
        if domains::named(&mut tx, "main").await?.is_none() {
            domains::create(&mut tx, DomainId::generate(), "main", "Main").await?;
        }
    }
    tx.commit().await
}

pub(crate) async fn change(
    ctx: &Ctx,
    server: &Server,
    id: &str,
    expected: Expected,
    wanted: OrganizationChange,
) -> Result<Done<Organization>, Error> {
    let ctx = within(ctx, id)?;
    let mut tx = ctx.tx(server).await?;
    let before = store::lock(&mut tx).await?.map(shown).ok_or_else(|| missing("organization", id))?;
    expected.check(before.revision, &before)?;
    let name = wanted.name.unwrap_or_else(|| before.name.clone());
    let keep = Keep {
        recordings_days: wanted.recordings_keep_days.unwrap_or(before.recordings_keep_days),
        calls_days: wanted.calls_keep_days.unwrap_or(before.calls_keep_days),
    };
    checked(&name, wanted.title.as_deref(), keep)?;
    let title = wanted.title.unwrap_or_else(|| before.title.clone());
    let residency = wanted.residency.unwrap_or_else(|| before.residency.clone());
    check_residency(&residency)?;
    let target = wanted.latency_target_ms.unwrap_or(before.latency_target_ms);
    check_target(target)?;
    if before.name == DEFAULT && name != DEFAULT {
        let detail = "the organization `default` keeps its name: the server finds it by that";
        return Err(Error::new(&problem::IN_USE, detail));
    }
    let row = store::update(&mut tx, &name, &title, keep, &residency, target).await;
    let row = row.map_err(refused(TAKEN, ""))?;
    let after = shown(row);
    let change = Change::of("organization.update", after.id).from(&before).to(&after);
    let revision = after.revision;
    let done = ctx.commit(tx, change, Done::found(after, revision)).await?;
    server.ports.vendors.changed(ctx.org);
    Ok(done)
}

/// The operator acts in it unless they name another.
pub(crate) const DEFAULT: &str = "default";

/// A title that stays is not looked at again.
fn checked(name: &str, title: Option<&str>, keep: Keep) -> Result<(), Error> {
    let mut fields = Fields::default();
    fields.name("/name", name);
    if let Some(title) = title {
        fields.line("/title", title, 1, TITLE_MOST);
    }
    let both = [("/recordings_keep_days", keep.recordings_days), ("/calls_keep_days", keep.calls_days)];
    for (pointer, days) in both {
        if let Some(days) = days {
            fields.range(pointer, i64::from(days), 1, 3650);
        }
    }
    fields.check()
}

fn check_target(ms: Option<i32>) -> Result<(), Error> {
    let mut fields = Fields::default();
    if let Some(ms) = ms {
        fields.range("/latency_target_ms", i64::from(ms), 1, 60_000);
    }
    fields.check()
}

/// As regions of accounts are written, each whole or its beginning and `*`.
fn check_residency(regions: &[String]) -> Result<(), Error> {
    let mut fields = Fields::default();
    if regions.len() > REGIONS_MOST {
        fields.wrong("/residency", "too_long", format!("at most {REGIONS_MOST} regions"));
    }
    for (place, region) in regions.iter().enumerate().take(REGIONS_MOST) {
        let pointer = format!("/residency/{place}");
        fields.text(&pointer, region, 1, 64);
        let name = region.strip_suffix('*').unwrap_or(region);
        if !name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-') {
            let detail = "a region has lower-case letters, digits and hyphens, and may end in one `*`";
            fields.wrong(&pointer, "invalid", detail);
        }
    }
    fields.check()
}
