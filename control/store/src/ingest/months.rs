//! Sums of months, by vendor and model: tiers and budgets are reckoned by them, so that no batch of requests reads the whole month again.

use std::collections::BTreeMap;

use domain::OrgId;
use jiff::Timestamp;
use sqlx::PgConnection;

use super::requests::{Tiered, signed};
use crate::Error;
use crate::at::to_database;
use crate::budget::month;
use crate::entry::ProviderRequest;
use crate::pricing::{Unit, Usage};

/// Those of one batch.
#[derive(Debug, Default)]
pub(super) struct Months(BTreeMap<Key, Sum>);

/// Whose, of which month, vendor, model.
type Key = (OrgId, Timestamp, String, String);

#[derive(Debug, Default)]
struct Sum {
    requests: i64,
    cost_nano: i64,
    usage: Usage,
}

impl Months {
    pub(super) fn add(&mut self, request: &ProviderRequest, cost_nano: i64) {
        let key = (request.org, month(request.at), request.vendor.clone(), request.model.clone());
        let sum = self.0.entry(key).or_default();
        sum.requests += 1;
        sum.cost_nano = sum.cost_nano.saturating_add(cost_nano);
        let (all, one) = (&mut sum.usage, &request.usage);
        for (all, one) in [
            (&mut all.input_tokens, one.input_tokens),
            (&mut all.cached_tokens, one.cached_tokens),
            (&mut all.cache_written_tokens, one.cache_written_tokens),
            (&mut all.output_tokens, one.output_tokens),
            (&mut all.audio_input_tokens, one.audio_input_tokens),
            (&mut all.audio_output_tokens, one.audio_output_tokens),
            (&mut all.characters, one.characters),
            (&mut all.audio_in_us, one.audio_in_us),
            (&mut all.audio_out_us, one.audio_out_us),
        ] {
            *all = all.saturating_add(one);
        }
    }

    /// In the order of their keys, so that two writers wait for each other and never in a circle.
    pub(super) async fn write(&self, connection: &mut PgConnection) -> Result<(), Error> {
        for ((org, at, vendor, model), Sum { requests, cost_nano, usage }) in &self.0 {
            sqlx::query!(
                "insert into app.costs_month as c (org_id, at, vendor, model, requests, cost_nano, input_tokens, cached_tokens,
                    cache_written_tokens, output_tokens, audio_input_tokens, audio_output_tokens, characters, audio_in_us, audio_out_us)
                 values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
                 on conflict (org_id, at, vendor, model) do update set
                    requests = c.requests + excluded.requests, cost_nano = c.cost_nano + excluded.cost_nano,
                    input_tokens = c.input_tokens + excluded.input_tokens, cached_tokens = c.cached_tokens + excluded.cached_tokens,
                    cache_written_tokens = c.cache_written_tokens + excluded.cache_written_tokens,
                    output_tokens = c.output_tokens + excluded.output_tokens,
                    audio_input_tokens = c.audio_input_tokens + excluded.audio_input_tokens,
                    audio_output_tokens = c.audio_output_tokens + excluded.audio_output_tokens,
                    characters = c.characters + excluded.characters, audio_in_us = c.audio_in_us + excluded.audio_in_us,
                    audio_out_us = c.audio_out_us + excluded.audio_out_us",
                org.as_uuid(),
                to_database(*at),
                vendor,
                model,
                requests,
                cost_nano,
                signed(usage.input_tokens),
                signed(usage.cached_tokens),
                signed(usage.cache_written_tokens),
                signed(usage.output_tokens),
                signed(usage.audio_input_tokens),
                signed(usage.audio_output_tokens),
                signed(usage.characters),
                signed(usage.audio_in_us),
                signed(usage.audio_out_us),
            )
            .execute(&mut *connection)
            .await?;
        }
        Ok(())
    }
}

/// What the month had of a price's unit before, in parts of the unit.
pub(super) async fn before(connection: &mut PgConnection, key: &Tiered) -> Result<i128, Error> {
    let (org, at, vendor, model, unit) = key;
    let row = sqlx::query!(
        r#"select coalesce(sum(requests), 0)::bigint as "requests!", coalesce(sum(input_tokens), 0)::bigint as "input!",
            coalesce(sum(cached_tokens), 0)::bigint as "cached!", coalesce(sum(cache_written_tokens), 0)::bigint as "cache_written!",
            coalesce(sum(output_tokens), 0)::bigint as "output!", coalesce(sum(audio_input_tokens), 0)::bigint as "audio_input!",
            coalesce(sum(audio_output_tokens), 0)::bigint as "audio_output!", coalesce(sum(characters), 0)::bigint as "characters!",
            coalesce(sum(audio_in_us), 0)::bigint as "audio_in!", coalesce(sum(audio_out_us), 0)::bigint as "audio_out!"
         from app.costs_month where org_id = $1 and at = $2 and vendor = $3
            and case when right($4, 1) = '*' then starts_with(model, left($4, -1)) else model = $4 end"#,
        org.as_uuid(),
        to_database(*at),
        vendor,
        model,
    )
    .fetch_one(connection)
    .await?;
    if *unit == Unit::Request {
        return Ok(row.requests.into());
    }
    let count = |value: i64| u64::try_from(value).unwrap_or_default();
    let usage = Usage {
        input_tokens: count(row.input),
        cached_tokens: count(row.cached),
        cache_written_tokens: count(row.cache_written),
        output_tokens: count(row.output),
        audio_input_tokens: count(row.audio_input),
        audio_output_tokens: count(row.audio_output),
        characters: count(row.characters),
        audio_in_us: count(row.audio_in),
        audio_out_us: count(row.audio_out),
        estimated: false,
    };
    let mut quantities = usage.quantities().into_iter();
    Ok(quantities.find(|(of, _)| of == unit).map_or(0, |(_, quantity)| quantity))
}
