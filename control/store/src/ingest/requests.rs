//! Requests to vendors: each once by its id, with its cost as of the prices in force, and the sums of its hour from those alone that
//! were not there before.

use std::collections::{BTreeMap, HashMap, HashSet, hash_map};

use domain::OrgId;
use jiff::Timestamp;
use sqlx::PgConnection;
use uuid::Uuid;

use super::months;
use crate::Error;
use crate::at::{floor, to_database};
use crate::budget::month;
use crate::cost::Sums;
use crate::entry::{Outcome, ProviderRequest};
use crate::metrics::REQUESTS_UNPRICED;
use crate::price::price_of;
use crate::pricing::{self, Price, Priced, Prices, Unit};

/// Those that were not there before.
pub(super) async fn write<'a>(
    connection: &mut PgConnection,
    requests: &[&'a ProviderRequest],
) -> Result<Vec<&'a ProviderRequest>, Error> {
    if requests.is_empty() {
        return Ok(Vec::new());
    }
    let fresh = not_there(connection, requests).await?;
    let own = own_prices(connection, &fresh).await?;
    let used = used(connection, &fresh, &own).await?;
    let (mut sums, mut months) = (BTreeMap::new(), months::Months::default());
    let mut written = Vec::new();
    for (request, priced) in price(&fresh, &own, used) {
        let Some(domain) = insert(connection, request, &priced).await? else { continue };
        written.push(request);
        warn(request, &priced);
        add(&mut sums, request, domain, &priced);
        months.add(request, cost_nano(&priced).unwrap_or_default());
    }
    // In the order of their keys, so that two writers wait for each other and never in a circle.
    for (key, sum) in &sums {
        add_sum(connection, key, sum).await?;
    }
    months.write(connection).await?;
    Ok(written)
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    org: OrgId,
    at: Timestamp,
    agent_name: String,
    domain: Option<Uuid>,
    environment: Option<Uuid>,
    ability: String,
    provider: String,
    model: String,
}

async fn not_there<'a>(
    connection: &mut PgConnection,
    requests: &[&'a ProviderRequest],
) -> Result<Vec<&'a ProviderRequest>, Error> {
    let ids: Vec<Uuid> = requests.iter().map(|request| request.id.as_uuid()).collect();
    let there = sqlx::query_scalar!("select id from app.provider_requests where id = any($1)", &ids)
        .fetch_all(connection)
        .await?;
    let mut seen: HashSet<Uuid> = there.into_iter().collect();
    Ok(requests.iter().copied().filter(|request| seen.insert(request.id.as_uuid())).collect())
}

async fn own_prices(
    connection: &mut PgConnection,
    requests: &[&ProviderRequest],
) -> Result<HashMap<OrgId, Vec<Price>>, Error> {
    let orgs: HashSet<Uuid> = requests.iter().map(|request| request.org.as_uuid()).collect();
    let orgs: Vec<Uuid> = orgs.into_iter().collect();
    let rows = sqlx::query!(
        "select org_id, vendor, model, unit, price_nano, per, valid_from, tiers, note from app.prices where org_id = any($1)",
        &orgs
    )
    .fetch_all(connection)
    .await?;
    let mut found: HashMap<OrgId, Vec<Price>> = HashMap::new();
    for row in rows {
        let whole = (row.price_nano, row.per);
        match price_of(row.vendor, row.model, &row.unit, whole, row.valid_from, row.tiers, row.note) {
            Ok(price) => found.entry(OrgId::from_uuid(row.org_id)).or_default().push(price),
            // One price that cannot be read must not keep every call's events from their tables.
            Err(error) => {
                tracing::error!(%error, org = %OrgId::from_uuid(row.org_id), "a price is damaged and passed over")
            }
        }
    }
    Ok(found)
}

/// Whose, of which month, vendor, model as the price names it, and unit.
pub(super) type Tiered = (OrgId, Timestamp, String, String, Unit);
/// In parts of the unit.
type Used = HashMap<Tiered, i128>;

fn tiered(request: &ProviderRequest, price: &Price) -> Tiered {
    (request.org, month(request.at), price.vendor.clone(), price.model.clone(), price.unit)
}

/// Of prices with tiers alone: what the month had before.
async fn used(
    connection: &mut PgConnection,
    requests: &[&ProviderRequest],
    own: &HashMap<OrgId, Vec<Price>>,
) -> Result<Used, Error> {
    let mut used = Used::new();
    for request in requests {
        let prices = of(own, request.org);
        for unit in Unit::ALL {
            let price = prices.of(&request.vendor, &request.model, unit, request.at);
            let Some(price) = price.filter(|price| !price.tiers.is_empty()) else { continue };
            let key = tiered(request, price);
            if let hash_map::Entry::Vacant(vacant) = used.entry(key) {
                let before = months::before(connection, vacant.key()).await?;
                vacant.insert(before);
            }
        }
    }
    Ok(used)
}

fn of(own: &HashMap<OrgId, Vec<Price>>, org: OrgId) -> Prices<'_> {
    Prices { own: own.get(&org).map_or(&[], Vec::as_slice), shipped: pricing::shipped() }
}

/// In the order in which they were made, since each moves the next ones on through the tiers.
fn price<'a>(
    requests: &[&'a ProviderRequest],
    own: &HashMap<OrgId, Vec<Price>>,
    mut used: Used,
) -> Vec<(&'a ProviderRequest, Priced)> {
    let mut ordered = requests.to_vec();
    ordered.sort_by_key(|request| (request.at, request.id));
    let mut priced = Vec::with_capacity(ordered.len());
    for request in ordered {
        let (prices, model) = (of(own, request.org), (request.vendor.as_str(), request.model.as_str()));
        let before = |price: &Price| used.get(&tiered(request, price)).copied().unwrap_or_default();
        let cost = pricing::cost(model, &request.usage, prices, request.at, before);
        for (unit, quantity) in request.usage.quantities() {
            if let Some(price) = prices.of(model.0, model.1, unit, request.at)
                && let Some(sum) = used.get_mut(&tiered(request, price))
            {
                *sum += quantity;
            }
        }
        priced.push((request, cost));
    }
    priced
}

fn cost_nano(priced: &Priced) -> Option<i64> {
    priced.nano_usd.map(|nano| i64::try_from(nano).unwrap_or(i64::MAX))
}

pub(super) fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// The domain of its agent, if it has one; `None` where it is there, or its organization is gone.
async fn insert(
    connection: &mut PgConnection,
    request: &ProviderRequest,
    priced: &Priced,
) -> Result<Option<Option<Uuid>>, Error> {
    let (usage, missing) = (&request.usage, priced.missing.iter().map(|unit| unit.name().to_owned()));
    let missing: Vec<String> = missing.collect();
    let row = sqlx::query_scalar!(
        "insert into app.provider_requests (id, org_id, session_id, turn, at, agent_name, domain_id, environment_id, ability, provider, vendor,
            model, region, why, outcome, error_code, connect_us, first_us, took_us, input_tokens, cached_tokens, cache_written_tokens,
            output_tokens, audio_input_tokens, audio_output_tokens, characters, audio_in_us, audio_out_us, estimated, cost_nano, unpriced)
         select $1, o.id, $3, $4, $5, $6, (select a.domain_id from app.agents a where a.org_id = o.id and a.id = $7), $8, $9, $10, $11,
            $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26, $27, $28, $29, $30, $31
         from app.orgs o where o.id = $2 on conflict do nothing returning domain_id",
        request.id.as_uuid(),
        request.org.as_uuid(),
        request.session.map(|id| id.as_uuid()),
        request.turn.and_then(|turn| i32::try_from(turn).ok()),
        to_database(request.at),
        request.agent_name,
        request.agent.map(|id| id.as_uuid()),
        request.environment.map(|id| id.as_uuid()),
        request.ability,
        request.provider,
        request.vendor,
        request.model,
        request.region,
        request.why,
        request.outcome.name(),
        request.error_code,
        request.connect_us,
        request.first_us,
        request.took_us,
        signed(usage.input_tokens),
        signed(usage.cached_tokens),
        signed(usage.cache_written_tokens),
        signed(usage.output_tokens),
        signed(usage.audio_input_tokens),
        signed(usage.audio_output_tokens),
        signed(usage.characters),
        signed(usage.audio_in_us),
        signed(usage.audio_out_us),
        usage.estimated,
        cost_nano(priced),
        &missing,
    )
    .fetch_optional(connection)
    .await?;
    Ok(row)
}

/// Nobody may take what is not known for nothing.
fn warn(request: &ProviderRequest, priced: &Priced) {
    if priced.nano_usd.is_none() {
        metrics::counter!(REQUESTS_UNPRICED, "vendor" => request.vendor.clone()).increment(1);
        tracing::debug!(vendor = request.vendor, model = request.model, missing = ?priced.missing, "a request has no price");
    }
}

fn add(sums: &mut BTreeMap<Key, Sums>, request: &ProviderRequest, domain: Option<Uuid>, priced: &Priced) {
    let key = Key {
        org: request.org,
        at: floor(request.at, 3600),
        agent_name: request.agent_name.clone(),
        domain,
        environment: request.environment.map(|id| id.as_uuid()),
        ability: request.ability.clone(),
        provider: request.provider.clone(),
        model: request.model.clone(),
    };
    let (sum, usage, cost) = (sums.entry(key).or_default(), &request.usage, cost_nano(priced));
    sum.requests += 1;
    sum.failures += i64::from(request.outcome == Outcome::Failed);
    sum.cost_nano = sum.cost_nano.saturating_add(cost.unwrap_or_default());
    sum.unpriced += i64::from(cost.is_none());
    sum.estimated += i64::from(usage.estimated);
    for (of, value) in [
        (&mut sum.input_tokens, usage.input_tokens),
        (&mut sum.cached_tokens, usage.cached_tokens),
        (&mut sum.output_tokens, usage.output_tokens),
        (&mut sum.characters, usage.characters),
        (&mut sum.audio_in_us, usage.audio_in_us),
        (&mut sum.audio_out_us, usage.audio_out_us),
    ] {
        *of = of.saturating_add(signed(value));
    }
}

async fn add_sum(connection: &mut PgConnection, key: &Key, sum: &Sums) -> Result<(), Error> {
    sqlx::query!(
        "insert into app.costs_hour as c (org_id, at, agent_name, domain_id, environment_id, ability, provider, model, requests, failures,
            cost_nano, unpriced, estimated, input_tokens, cached_tokens, output_tokens, characters, audio_in_us, audio_out_us)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)
         on conflict (org_id, at, agent_name, domain_id, environment_id, ability, provider, model) do update set
            requests = c.requests + excluded.requests, failures = c.failures + excluded.failures,
            cost_nano = c.cost_nano + excluded.cost_nano, unpriced = c.unpriced + excluded.unpriced,
            estimated = c.estimated + excluded.estimated, input_tokens = c.input_tokens + excluded.input_tokens,
            cached_tokens = c.cached_tokens + excluded.cached_tokens, output_tokens = c.output_tokens + excluded.output_tokens,
            characters = c.characters + excluded.characters, audio_in_us = c.audio_in_us + excluded.audio_in_us,
            audio_out_us = c.audio_out_us + excluded.audio_out_us",
        key.org.as_uuid(),
        to_database(key.at),
        key.agent_name,
        key.domain,
        key.environment,
        key.ability,
        key.provider,
        key.model,
        sum.requests,
        sum.failures,
        sum.cost_nano,
        sum.unpriced,
        sum.estimated,
        sum.input_tokens,
        sum.cached_tokens,
        sum.output_tokens,
        sum.characters,
        sum.audio_in_us,
        sum.audio_out_us,
    )
    .execute(connection)
    .await?;
    Ok(())
}
