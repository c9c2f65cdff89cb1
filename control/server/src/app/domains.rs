//! Business areas: read and changed by whoever acts for the organization.

use control_api::domain::{Domain, DomainChange, NewDomain};
use control_api::{List, Paging, problem};
use control_store::domain as store;
use domain::DomainId;

use super::ctx::{Change, Ctx, Done, Expected, in_use, missing, refused};
use super::fields::{Fields, TITLE_MOST};
use super::{greetings, paging};
use crate::Server;
use crate::error::Error;

const TAKEN: &str = "the organization has a domain of that name";

pub(crate) fn shown(row: store::Domain) -> Domain {
    Domain {
        id: row.id,
        name: row.name,
        title: row.title,
        revision: row.revision,
        created_at: row.created_at.to_string(),
        updated_at: row.updated_at.to_string(),
    }
}

pub(crate) async fn list(ctx: &Ctx, server: &Server, asked: &Paging) -> Result<List<Domain>, Error> {
    let page = paging::page(server, "domains", asked)?;
    let mut tx = ctx.tx(server).await?;
    let rows = store::list(&mut tx, page).await?;
    tx.commit().await?;
    Ok(paging::list(server, "domains", page, rows, |row| (row.created_at, row.id.as_uuid()), shown))
}

pub(crate) async fn one(ctx: &Ctx, server: &Server, id: &str) -> Result<Done<Domain>, Error> {
    let wanted = parsed(id)?;
    let mut tx = ctx.tx(server).await?;
    let found = store::find(&mut tx, wanted).await?.ok_or_else(|| missing("domain", id))?;
    tx.commit().await?;
    let revision = found.revision;
    Ok(Done::found(shown(found), revision))
}

pub(crate) async fn create(ctx: &Ctx, server: &Server, new: NewDomain) -> Result<Done<Domain>, Error> {
    let title = new.title.unwrap_or_else(|| new.name.clone());
    checked(&new.name, Some(&title))?;
    let mut tx = ctx.tx(server).await?;
    let row =
        store::create(&mut tx, DomainId::generate(), &new.name, &title).await.map_err(refused(TAKEN, ""))?;
    let made = shown(row);
    let change = Change::of("domain.create", made.id).to(&made);
    let revision = made.revision;
    ctx.commit(tx, change, Done::made(made, revision)).await
}

pub(crate) async fn change(
    ctx: &Ctx,
    server: &Server,
    id: &str,
    expected: Expected,
    wanted: DomainChange,
) -> Result<Done<Domain>, Error> {
    let key = parsed(id)?;
    let mut tx = ctx.tx(server).await?;
    let before = store::lock(&mut tx, key).await?.map(shown).ok_or_else(|| missing("domain", id))?;
    expected.check(before.revision, &before)?;
    let name = wanted.name.unwrap_or_else(|| before.name.clone());
    checked(&name, wanted.title.as_deref())?;
    let title = wanted.title.unwrap_or_else(|| before.title.clone());
    let row = store::update(&mut tx, key, &name, &title).await.map_err(refused(TAKEN, ""))?;
    let after = shown(row);
    let change = Change::of("domain.update", key).from(&before).to(&after);
    let revision = after.revision;
    ctx.commit(tx, change, Done::found(after, revision)).await
}

pub(crate) async fn delete(ctx: &Ctx, server: &Server, id: &str, expected: Expected) -> Result<(), Error> {
    let key = parsed(id)?;
    let mut tx = ctx.tx(server).await?;
    let before = store::lock(&mut tx, key).await?.map(shown).ok_or_else(|| missing("domain", id))?;
    expected.check(before.revision, &before)?;
    let greeted = greetings::go_with(ctx, &mut tx, |scope| scope.domain == Some(key)).await?;
    store::delete(&mut tx, key).await.map_err(in_use(&problem::IN_USE, IN_USE))?;
    ctx.audit(&mut tx, &Change::of("domain.delete", key).from(&before)).await?;
    tx.commit().await?;
    if greeted {
        server.ports.greetings.changed(ctx.org);
    }
    Ok(())
}

const IN_USE: &str = "agents are in this domain: give them another first";

fn parsed(id: &str) -> Result<DomainId, Error> {
    id.parse().map_err(|_| missing("domain", id))
}

/// A title that stays is not looked at again.
fn checked(name: &str, title: Option<&str>) -> Result<(), Error> {
    let mut fields = Fields::default();
    fields.name("/name", name);
    if let Some(title) = title {
        fields.line("/title", title, 1, TITLE_MOST);
    }
    fields.check()
}
