//! An organization's own prices of what vendors charge for.

use std::collections::BTreeSet;

use control_api::price::{
    NewPrice, Price, PriceChange, PriceImport, PriceList, PricesImported, ShippedPrice, Tier, Unit,
};
use control_api::{List, Paging};
use control_store::{alert, price as store, pricing};
use domain::PriceId;
use jiff::Timestamp;

use super::ctx::{Change, Ctx, Done, Expected, missing, refused};
use super::fields::Fields;
use super::{instant, paging};
use crate::Server;
use crate::error::Error;

const TAKEN: &str =
    "there is a price of that vendor, model and unit from that time on: change it, or choose another time";
const UNKNOWN: &str = "the organization is not there";
const NANO_MOST: i64 = 1_000_000_000_000_000;
const PER_MOST: i64 = 1_000_000_000;
const TIERS_MOST: usize = 20;
const IMPORT_MOST: usize = 1000;
const NOTE_MOST: usize = 500;

/// Before any request to a vendor was made.
const EVER: Timestamp = Timestamp::UNIX_EPOCH;

macro_rules! units {
    ($($name:ident),*) => {
        pub(crate) const fn shown_unit(unit: pricing::Unit) -> Unit {
            match unit { $(pricing::Unit::$name => Unit::$name),* }
        }

        const fn unit(unit: Unit) -> pricing::Unit {
            match unit { $(Unit::$name => pricing::Unit::$name),* }
        }
    };
}

units!(
    InputToken,
    CachedToken,
    CacheWrittenToken,
    OutputToken,
    AudioInputToken,
    AudioOutputToken,
    Character,
    AudioInSecond,
    AudioOutSecond,
    Request
);

fn shown(row: store::Price) -> Price {
    Price {
        id: row.id,
        unit: shown_unit(row.price.unit),
        price_nano_usd: row.price.price_nano_usd,
        per: row.price.per,
        valid_from: row.price.valid_from.to_string(),
        tiers: shown_tiers(&row.price.tiers),
        vendor: row.price.vendor,
        model: row.price.model,
        note: row.price.note,
        revision: row.revision,
        created_at: row.created_at.to_string(),
        updated_at: row.updated_at.to_string(),
    }
}

fn shown_tiers(tiers: &[pricing::Tier]) -> Vec<Tier> {
    tiers.iter().map(|tier| Tier { from: tier.from, price_nano_usd: tier.price_nano_usd }).collect()
}

pub(crate) fn shipped() -> PriceList {
    let price = |price: &pricing::Price| ShippedPrice {
        vendor: price.vendor.clone(),
        model: price.model.clone(),
        unit: shown_unit(price.unit),
        price_nano_usd: price.price_nano_usd,
        per: price.per,
        valid_from: price.valid_from.to_string(),
        tiers: shown_tiers(&price.tiers),
        note: price.note.clone(),
    };
    PriceList { data: pricing::shipped().iter().map(price).collect() }
}

pub(crate) async fn list(ctx: &Ctx, server: &Server, asked: &Paging) -> Result<List<Price>, Error> {
    let page = paging::page(server, "prices", asked)?;
    let mut tx = ctx.tx(server).await?;
    let rows = store::list(&mut tx, page).await?;
    tx.commit().await?;
    Ok(paging::list(server, "prices", page, rows, |row| (row.created_at, row.id.as_uuid()), shown))
}

pub(crate) async fn one(ctx: &Ctx, server: &Server, id: &str) -> Result<Done<Price>, Error> {
    let wanted = parsed(id)?;
    let mut tx = ctx.tx(server).await?;
    let found = store::find(&mut tx, wanted).await?.ok_or_else(|| missing("price", id))?;
    tx.commit().await?;
    let revision = found.revision;
    Ok(Done::found(shown(found), revision))
}

pub(crate) async fn create(ctx: &Ctx, server: &Server, new: NewPrice) -> Result<Done<Price>, Error> {
    let mut fields = Fields::default();
    let price = checked(&mut fields, "", new);
    fields.check()?;
    let id = PriceId::generate();
    let mut tx = ctx.tx(server).await?;
    store::create(&mut tx, id, &price).await.map_err(refused(TAKEN, UNKNOWN))?;
    alert::priced(&mut tx, &price.vendor, &price.model, price.unit).await?;
    let made = store::find(&mut tx, id).await?.ok_or_else(|| missing("price", &id.to_string()))?;
    let made = shown(made);
    let change = Change::of("price.create", made.id).to(&made);
    let revision = made.revision;
    ctx.commit(tx, change, Done::made(made, revision)).await
}

/// All of them or none.
pub(crate) async fn import(
    ctx: &Ctx,
    server: &Server,
    wanted: PriceImport,
) -> Result<Done<PricesImported>, Error> {
    let mut fields = Fields::default();
    let count = i64::try_from(wanted.prices.len()).unwrap_or(i64::MAX);
    fields.range("/prices", count, 1, i64::try_from(IMPORT_MOST).unwrap_or(i64::MAX));
    let (mut prices, mut seen) = (Vec::new(), BTreeSet::new());
    for (n, new) in wanted.prices.into_iter().enumerate().take(IMPORT_MOST) {
        let pointer = format!("/prices/{n}");
        let price = checked(&mut fields, &pointer, new);
        if !seen.insert((price.vendor.clone(), price.model.clone(), price.unit, price.valid_from)) {
            let detail = "the list has this vendor, model, unit and time already";
            fields.wrong(&pointer, "conflict", detail);
        }
        prices.push(price);
    }
    fields.check()?;
    // In the order of their key, so that two imports wait for each other and never in a circle.
    prices.sort_by(|a, b| {
        let key = |price: &pricing::Price| {
            (price.vendor.clone(), price.model.clone(), price.unit, price.valid_from)
        };
        key(a).cmp(&key(b))
    });
    let mut done = PricesImported { created: 0, replaced: 0 };
    let mut tx = ctx.tx(server).await?;
    for price in &prices {
        if store::put(&mut tx, PriceId::generate(), price).await? {
            done.created += 1;
        } else {
            done.replaced += 1;
        }
        alert::priced(&mut tx, &price.vendor, &price.model, price.unit).await?;
    }
    let change = Change::of("price.import", ctx.org).to(&prices);
    ctx.commit(tx, change, Done { body: done, status: 200, revision: None }).await
}

pub(crate) async fn change(
    ctx: &Ctx,
    server: &Server,
    id: &str,
    expected: Expected,
    wanted: PriceChange,
) -> Result<Done<Price>, Error> {
    let key = parsed(id)?;
    let mut tx = ctx.tx(server).await?;
    let row = store::lock(&mut tx, key).await?.ok_or_else(|| missing("price", id))?;
    let mut price = row.price.clone();
    let before = shown(row);
    expected.check(before.revision, &before)?;
    price.price_nano_usd = wanted.price_nano_usd.unwrap_or(price.price_nano_usd);
    price.per = wanted.per.unwrap_or(price.per);
    price.note = wanted.note.unwrap_or(price.note);
    if let Some(wanted) = wanted.tiers {
        price.tiers = tiers(&wanted);
    }
    let mut fields = Fields::default();
    check(&mut fields, "", &price);
    fields.check()?;
    store::update(&mut tx, key, &price).await?;
    let after = store::find(&mut tx, key).await?.ok_or_else(|| missing("price", id))?;
    let after = shown(after);
    let change = Change::of("price.update", key).from(&before).to(&after);
    let revision = after.revision;
    ctx.commit(tx, change, Done::found(after, revision)).await
}

pub(crate) async fn delete(ctx: &Ctx, server: &Server, id: &str, expected: Expected) -> Result<(), Error> {
    let key = parsed(id)?;
    let mut tx = ctx.tx(server).await?;
    let before = shown(store::lock(&mut tx, key).await?.ok_or_else(|| missing("price", id))?);
    expected.check(before.revision, &before)?;
    store::delete(&mut tx, key).await?;
    ctx.audit(&mut tx, &Change::of("price.delete", key).from(&before)).await?;
    Ok(tx.commit().await?)
}

/// As it is stored; what is wrong is said with its place after `pointer`.
fn checked(fields: &mut Fields, pointer: &str, new: NewPrice) -> pricing::Price {
    let place = format!("{pointer}/valid_from");
    let valid_from = instant::field(fields, &place, new.valid_from.as_deref(), EVER);
    let vendor = &new.vendor;
    fields.text(&format!("{pointer}/vendor"), vendor, 1, 63);
    if !vendor.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_') {
        let detail = "a vendor has lower-case letters, digits and underscores, as in `GET /v1/vendors`";
        fields.wrong(&format!("{pointer}/vendor"), "invalid", detail);
    }
    let (model, at) = (&new.model, format!("{pointer}/model"));
    fields.text(&at, model, 1, 200);
    let beginning = model.strip_suffix('*').unwrap_or(model);
    if beginning.chars().any(|letter| letter == '*' || letter.is_control()) {
        fields.wrong(&at, "invalid", "a model's name, or its beginning and one `*` at the end");
    }
    let price = pricing::Price {
        vendor: new.vendor,
        model: new.model,
        unit: unit(new.unit),
        price_nano_usd: new.price_nano_usd,
        per: new.per.unwrap_or(1),
        valid_from,
        tiers: tiers(&new.tiers),
        note: new.note,
    };
    check(fields, pointer, &price);
    price
}

fn check(fields: &mut Fields, pointer: &str, price: &pricing::Price) {
    fields.range(&format!("{pointer}/price_nano_usd"), price.price_nano_usd, 0, NANO_MOST);
    fields.range(&format!("{pointer}/per"), price.per, 1, PER_MOST);
    fields.text(&format!("{pointer}/note"), &price.note, 0, NOTE_MOST);
    if price.tiers.len() > TIERS_MOST {
        fields.wrong(&format!("{pointer}/tiers"), "too_long", format!("at most {TIERS_MOST} tiers"));
    }
    let mut last = 0;
    for (n, tier) in price.tiers.iter().enumerate() {
        let place = format!("{pointer}/tiers/{n}");
        fields.range(&format!("{place}/from"), tier.from, 1, NANO_MOST);
        fields.range(&format!("{place}/price_nano_usd"), tier.price_nano_usd, 0, NANO_MOST);
        if tier.from <= last {
            fields.wrong(&format!("{place}/from"), "invalid", "must be more than that of the tier before");
        }
        last = tier.from;
    }
}

fn tiers(wanted: &[Tier]) -> Vec<pricing::Tier> {
    let tier = |tier: &Tier| pricing::Tier { from: tier.from, price_nano_usd: tier.price_nano_usd };
    wanted.iter().map(tier).collect()
}

fn parsed(id: &str) -> Result<PriceId, Error> {
    id.parse().map_err(|_| missing("price", id))
}
