//! Channels: where callers come in.

use control_api::channel::{Channel, ChannelChange, ChannelKind, NewChannel};
use control_api::{List, Paging};
use control_store::channel as store;
use domain::ChannelId;
use routing::Pattern;

use super::ctx::{Change, Ctx, Done, Expected, missing, refused};
use super::fields::{Fields, is_name};
use super::routes::not_claimed;
use super::{greetings, paging, space};
use crate::Server;
use crate::error::Error;

const TAKEN: &str = "there is a channel of that kind and address";
const UNKNOWN: &str = "the agent or environment is not there";

pub(crate) fn shown(row: store::Channel) -> Channel {
    Channel {
        id: row.id,
        // The schema takes no others.
        kind: ChannelKind::named(&row.kind).unwrap_or(ChannelKind::Widget),
        address: row.address,
        agent_id: row.agent,
        environment_id: row.environment,
        enabled: row.enabled,
        revision: row.revision,
        created_at: row.created_at.to_string(),
        updated_at: row.updated_at.to_string(),
    }
}

pub(crate) async fn list(ctx: &Ctx, server: &Server, asked: &Paging) -> Result<List<Channel>, Error> {
    let page = paging::page(server, "channels", asked)?;
    let mut tx = ctx.tx(server).await?;
    let rows = store::list(&mut tx, page).await?;
    tx.commit().await?;
    Ok(paging::list(server, "channels", page, rows, |row| (row.created_at, row.id.as_uuid()), shown))
}

pub(crate) async fn one(ctx: &Ctx, server: &Server, id: &str) -> Result<Done<Channel>, Error> {
    let wanted = parsed(id)?;
    let mut tx = ctx.tx(server).await?;
    let found = store::find(&mut tx, wanted).await?.ok_or_else(|| missing("channel", id))?;
    tx.commit().await?;
    let revision = found.revision;
    Ok(Done::found(shown(found), revision))
}

pub(crate) async fn create(ctx: &Ctx, server: &Server, new: NewChannel) -> Result<Done<Channel>, Error> {
    let address = if new.kind == ChannelKind::Host { new.address.to_ascii_lowercase() } else { new.address };
    let mut fields = Fields::default();
    check_address(&mut fields, new.kind, &address);
    fields.check()?;
    if new.kind == ChannelKind::Host {
        // Whoever has a hostname takes every call that names no agent there.
        ctx.operator("gives hostnames to organizations")?;
    }
    let mut tx = ctx.tx(server).await?;
    if new.kind == ChannelKind::Room {
        // A star in it is a letter.
        space::may_claim(ctx, server, &mut tx, "/address", &Pattern::Exact(address.clone())).await?;
    }
    let (id, place) = (ChannelId::generate(), (new.kind.name(), address.as_str()));
    let enabled = new.enabled.unwrap_or(true);
    let row = store::create(&mut tx, id, place, new.agent_id, new.environment_id, enabled).await;
    let made = shown(row.map_err(not_claimed(vec!["/address"], TAKEN, UNKNOWN))?);
    let change = Change::of("channel.create", made.id).to(&made);
    let revision = made.revision;
    ctx.commit(tx, change, Done::made(made, revision)).await
}

pub(crate) async fn change(
    ctx: &Ctx,
    server: &Server,
    id: &str,
    expected: Expected,
    wanted: ChannelChange,
) -> Result<Done<Channel>, Error> {
    let key = parsed(id)?;
    let mut tx = ctx.tx(server).await?;
    let before = store::lock(&mut tx, key).await?.map(shown).ok_or_else(|| missing("channel", id))?;
    expected.check(before.revision, &before)?;
    let agent = wanted.agent_id.unwrap_or(before.agent_id);
    let environment = wanted.environment_id.unwrap_or(before.environment_id);
    let row = store::update(&mut tx, key, agent, environment, wanted.enabled.unwrap_or(before.enabled)).await;
    let after = shown(row.map_err(refused(TAKEN, UNKNOWN))?);
    let change = Change::of("channel.update", key).from(&before).to(&after);
    let revision = after.revision;
    ctx.commit(tx, change, Done::found(after, revision)).await
}

pub(crate) async fn delete(ctx: &Ctx, server: &Server, id: &str, expected: Expected) -> Result<(), Error> {
    let key = parsed(id)?;
    let mut tx = ctx.tx(server).await?;
    let before = store::lock(&mut tx, key).await?.map(shown).ok_or_else(|| missing("channel", id))?;
    expected.check(before.revision, &before)?;
    let greeted = greetings::go_with(ctx, &mut tx, |scope| scope.channel == Some(key)).await?;
    store::delete(&mut tx, key).await?;
    ctx.audit(&mut tx, &Change::of("channel.delete", key).from(&before)).await?;
    tx.commit().await?;
    if greeted {
        server.ports.greetings.changed(ctx.org);
    }
    Ok(())
}

fn parsed(id: &str) -> Result<ChannelId, Error> {
    id.parse().map_err(|_| missing("channel", id))
}

/// The address of a web page, as a browser shows it.
fn is_page(address: &str) -> bool {
    let rest = address.strip_prefix("https://").or_else(|| address.strip_prefix("http://"));
    let host = rest.and_then(|rest| rest.split(['/', '?']).next()).unwrap_or_default();
    let known = |byte: u8| byte.is_ascii_alphanumeric() || b"-.:[]".contains(&byte);
    let path = |byte: u8| byte.is_ascii_graphic() && !b"#\"<>\\^`{|}".contains(&byte);
    host.bytes().any(|byte| byte.is_ascii_alphanumeric())
        && host.bytes().all(known)
        && address.bytes().all(path)
}

fn check_address(fields: &mut Fields, kind: ChannelKind, address: &str) {
    fields.text("/address", address, 1, 253);
    let wrong = match kind {
        ChannelKind::Number => {
            let digits = address.strip_prefix('+').unwrap_or_default();
            let fits = (2..=15).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
            (!fits).then_some("a number is `+` and 2 to 15 digits")
        }
        ChannelKind::Host => {
            let fits = address.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-.".contains(&byte))
                && !address.starts_with(['-', '.'])
                && !address.ends_with(['-', '.']);
            (!fits).then_some("a hostname has letters, digits, hyphens and dots")
        }
        ChannelKind::Widget => (!is_name(address) && !is_page(address)).then_some(
            "a widget's address is a name of 1 to 63 lower-case letters, digits and hyphens, or the page that it stands on, such as https://shop.example.com/booking",
        ),
        ChannelKind::Room => {
            let fits = address.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
            (!fits).then_some("an address has ASCII characters alone")
        }
    };
    if let Some(detail) = wrong {
        fields.wrong("/address", "invalid", detail);
    }
}
