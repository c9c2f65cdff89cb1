//! What vendors charge: the list that the server ships, and an organization's own prices, which come before it.

use domain::PriceId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What vendors charge for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Input tokens that are neither cached, nor written to the cache, nor of audio.
    InputToken,
    CachedToken,
    CacheWrittenToken,
    OutputToken,
    AudioInputToken,
    AudioOutputToken,
    Character,
    AudioInSecond,
    AudioOutSecond,
    Request,
}

/// Another price from so many units of a month on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Tier {
    #[schema(minimum = 1, maximum = 1_000_000_000_000_000i64)]
    pub from: i64,
    #[schema(minimum = 0, maximum = 1_000_000_000_000_000i64)]
    pub price_nano_usd: i64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Price {
    #[schema(value_type = String, example = "prc_019ab0e61c7a7d53a1d1d8ea5e3a6f10")]
    pub id: PriceId,
    pub vendor: String,
    /// A model's name, or its beginning and `*`.
    pub model: String,
    pub unit: Unit,
    /// Nano-dollars for `per` units: $2.50 for a million tokens is 2500000000 per 1000000.
    pub price_nano_usd: i64,
    pub per: i64,
    #[schema(format = DateTime)]
    pub valid_from: String,
    pub tiers: Vec<Tier>,
    pub note: String,
    pub revision: i32,
    #[schema(format = DateTime)]
    pub created_at: String,
    #[schema(format = DateTime)]
    pub updated_at: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewPrice {
    /// Such as `openai`: as accounts name their vendor.
    #[schema(min_length = 1, max_length = 63, pattern = "^[a-z0-9_]+$")]
    pub vendor: String,
    /// A model's name, or its beginning and `*`. The closest one counts.
    #[schema(min_length = 1, max_length = 200, pattern = "^[^*\\x00-\\x1f\\x7f-\\x9f]*\\*?$")]
    pub model: String,
    pub unit: Unit,
    /// Nano-dollars for `per` units.
    #[schema(minimum = 0, maximum = 1_000_000_000_000_000i64)]
    pub price_nano_usd: i64,
    /// 1 unless given: 1000000 where a million is charged for, 60 where a minute is.
    #[schema(minimum = 1, maximum = 1_000_000_000)]
    pub per: Option<i64>,
    /// For requests from then on; from ever on unless given.
    #[schema(format = DateTime)]
    pub valid_from: Option<String>,
    /// Ascending by `from`.
    #[serde(default)]
    #[schema(max_items = 20)]
    pub tiers: Vec<Tier>,
    #[serde(default)]
    #[schema(max_length = 500)]
    pub note: String,
}

/// What is left out stays as it is. What has been charged already stays, too.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PriceChange {
    #[schema(minimum = 0, maximum = 1_000_000_000_000_000i64)]
    pub price_nano_usd: Option<i64>,
    #[schema(minimum = 1, maximum = 1_000_000_000)]
    pub per: Option<i64>,
    #[schema(max_items = 20)]
    pub tiers: Option<Vec<Tier>>,
    #[schema(max_length = 500)]
    pub note: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PriceImport {
    /// Each in place of the one of the same vendor, model, unit and time, if there is one.
    #[schema(min_items = 1, max_items = 1000)]
    pub prices: Vec<NewPrice>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PricesImported {
    pub created: u32,
    pub replaced: u32,
}

/// What the server ships, which counts where the organization has no price of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PriceList {
    pub data: Vec<ShippedPrice>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ShippedPrice {
    pub vendor: String,
    pub model: String,
    pub unit: Unit,
    pub price_nano_usd: i64,
    pub per: i64,
    #[schema(format = DateTime)]
    pub valid_from: String,
    pub tiers: Vec<Tier>,
    /// Where it is from, and what it is worth.
    pub note: String,
}
