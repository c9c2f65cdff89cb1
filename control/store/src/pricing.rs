//! What a request to a vendor cost, in nano-dollars: usage times prices, in whole numbers alone. What has no price is not known, never 0.

use std::sync::OnceLock;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What vendors charge for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Input tokens that are none of the three below.
    InputToken,
    CachedToken,
    CacheWrittenToken,
    OutputToken,
    AudioInputToken,
    AudioOutputToken,
    Character,
    AudioInSecond,
    AudioOutSecond,
    /// Whatever it used.
    Request,
}

/// What a request used; zero where a unit does not apply.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Usage {
    /// All input tokens: cached ones, those written to the cache and those of audio included.
    pub input_tokens: u64,
    pub cached_tokens: u64,
    pub cache_written_tokens: u64,
    /// All output tokens, those of audio included.
    pub output_tokens: u64,
    pub audio_input_tokens: u64,
    pub audio_output_tokens: u64,
    pub characters: u64,
    pub audio_in_us: u64,
    pub audio_out_us: u64,
    /// Counted by us, since the vendor has not said.
    pub estimated: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Price {
    pub vendor: String,
    /// A model's name, or its beginning and `*`.
    pub model: String,
    pub unit: Unit,
    /// For `per` units.
    pub price_nano_usd: i64,
    pub per: i64,
    pub valid_from: Timestamp,
    /// Ascending.
    #[serde(default)]
    pub tiers: Vec<Tier>,
    #[serde(default)]
    pub note: String,
}

/// Another price from so many units of a month on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tier {
    pub from: i64,
    pub price_nano_usd: i64,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Priced {
    /// `None`: not known.
    pub nano_usd: Option<i128>,
    /// Units that were used and have no price.
    pub missing: Vec<Unit>,
}

/// What may be charged: an organization's own prices, then the shipped ones.
#[derive(Debug, Clone, Copy)]
pub struct Prices<'a> {
    pub own: &'a [Price],
    pub shipped: &'a [Price],
}

/// Prices as vendors publish them. Nobody vouches for them: each says so in its note.
#[must_use]
pub fn shipped() -> &'static [Price] {
    static LIST: OnceLock<Vec<Price>> = OnceLock::new();
    LIST.get_or_init(|| {
        serde_json::from_str(include_str!("../assets/prices.json")).expect("a test reads the shipped list")
    })
}

/// The cost of one request of a model at a time. `used` says how much of a price's unit the month had before, in parts of a second where
/// the unit is seconds: it is asked for prices with tiers alone.
#[must_use]
pub fn cost(
    (vendor, model): (&str, &str),
    usage: &Usage,
    prices: Prices<'_>,
    at: Timestamp,
    used: impl Fn(&Price) -> i128,
) -> Priced {
    let (mut sum, mut missing, mut media, mut covered) = (0, Vec::new(), Vec::new(), false);
    for (unit, quantity) in usage.quantities() {
        if quantity == 0 {
            continue;
        }
        match prices.of(vendor, model, unit, at) {
            Some(price) => {
                let before = if price.tiers.is_empty() { 0 } else { used(price) };
                sum += price.charge(quantity, before);
                covered = true;
            }
            None if unit == Unit::Request => {}
            None if unit.is_medium() => media.push(unit),
            None => missing.push(unit),
        }
    }
    // Measures of sound and text are ways to charge for the same thing: with one that has a price, none is missing.
    if !covered {
        missing.append(&mut media);
    }
    Priced { nano_usd: missing.is_empty().then_some(sum), missing }
}

impl Unit {
    pub const ALL: [Self; 10] = [
        Self::InputToken,
        Self::CachedToken,
        Self::CacheWrittenToken,
        Self::OutputToken,
        Self::AudioInputToken,
        Self::AudioOutputToken,
        Self::Character,
        Self::AudioInSecond,
        Self::AudioOutSecond,
        Self::Request,
    ];

    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::InputToken => "input_token",
            Self::CachedToken => "cached_token",
            Self::CacheWrittenToken => "cache_written_token",
            Self::OutputToken => "output_token",
            Self::AudioInputToken => "audio_input_token",
            Self::AudioOutputToken => "audio_output_token",
            Self::Character => "character",
            Self::AudioInSecond => "audio_in_second",
            Self::AudioOutSecond => "audio_out_second",
            Self::Request => "request",
        }
    }

    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|unit| unit.name() == name)
    }

    const fn is_medium(self) -> bool {
        matches!(self, Self::Character | Self::AudioInSecond | Self::AudioOutSecond)
    }

    /// Quantities are counted in such parts of the unit.
    const fn parts(self) -> i128 {
        match self {
            Self::AudioInSecond | Self::AudioOutSecond => 1_000_000,
            _ => 1,
        }
    }
}

impl Usage {
    /// Each token under one unit alone, in parts of the unit. The request itself is one.
    #[must_use]
    pub fn quantities(&self) -> [(Unit, i128); 10] {
        let text =
            self.input_tokens.saturating_sub(self.cached_tokens).saturating_sub(self.cache_written_tokens);
        [
            (Unit::InputToken, text.saturating_sub(self.audio_input_tokens).into()),
            (Unit::CachedToken, self.cached_tokens.into()),
            (Unit::CacheWrittenToken, self.cache_written_tokens.into()),
            (Unit::OutputToken, self.output_tokens.saturating_sub(self.audio_output_tokens).into()),
            (Unit::AudioInputToken, self.audio_input_tokens.into()),
            (Unit::AudioOutputToken, self.audio_output_tokens.into()),
            (Unit::Character, self.characters.into()),
            (Unit::AudioInSecond, self.audio_in_us.into()),
            (Unit::AudioOutSecond, self.audio_out_us.into()),
            (Unit::Request, 1),
        ]
    }
}

impl Prices<'_> {
    /// The one in force: an own one before a shipped one, then the closest name, then the newest.
    #[must_use]
    pub fn of(&self, vendor: &str, model: &str, unit: Unit, at: Timestamp) -> Option<&Price> {
        let best = |list: &'_ [Price]| {
            let fit = list.iter().enumerate().filter(|(_, price)| {
                price.unit == unit && price.vendor == vendor && price.valid_from <= at && price.fits(model)
            });
            fit.max_by_key(|(_, price)| (!price.model.ends_with('*'), price.model.len(), price.valid_from))
                .map(|(place, _)| place)
        };
        best(self.own)
            .map(|place| &self.own[place])
            .or_else(|| best(self.shipped).map(|place| &self.shipped[place]))
    }
}

impl Price {
    #[must_use]
    pub fn fits(&self, model: &str) -> bool {
        self.model.strip_suffix('*').map_or(self.model == model, |beginning| model.starts_with(beginning))
    }

    /// For so many parts of the unit, after those of the month before; half a nano-dollar counts as one.
    fn charge(&self, quantity: i128, before: i128) -> i128 {
        let parts = self.unit.parts();
        let (mut at, end) = (before, before.saturating_add(quantity));
        let (mut price, mut sum) = (i128::from(self.price_nano_usd), 0_i128);
        for tier in &self.tiers {
            let from = i128::from(tier.from) * parts;
            if from > at {
                let until = from.min(end);
                sum = sum.saturating_add((until - at).saturating_mul(price));
                at = until;
            }
            price = tier.price_nano_usd.into();
        }
        sum = sum.saturating_add((end - at).saturating_mul(price));
        let whole = i128::from(self.per.max(1)) * parts;
        sum.saturating_add(whole / 2) / whole
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    fn price(vendor: &str, model: &str, unit: Unit, price_nano_usd: i64, per: i64) -> Price {
        Price {
            vendor: vendor.into(),
            model: model.into(),
            unit,
            price_nano_usd,
            per,
            valid_from: at("2026-01-01T00:00:00Z"),
            tiers: Vec::new(),
            note: String::new(),
        }
    }

    const NOW: &str = "2026-11-26T10:00:00Z";

    fn priced(model: (&str, &str), usage: Usage, own: &[Price]) -> Priced {
        cost(model, &usage, Prices { own, shipped: &[] }, at(NOW), |_| 0)
    }

    fn dear() -> Vec<Price> {
        vec![
            // $2.50, $1.25 and $10 for a million.
            price("openai", "gpt-x", Unit::InputToken, 2_500_000_000, 1_000_000),
            price("openai", "gpt-x", Unit::CachedToken, 1_250_000_000, 1_000_000),
            price("openai", "gpt-x", Unit::OutputToken, 10_000_000_000, 1_000_000),
            // $0.0077 a minute, and $30 for a million characters.
            price("deepgram", "nova*", Unit::AudioInSecond, 7_700_000, 60),
            price("voices", "*", Unit::Character, 30_000_000_000, 1_000_000),
        ]
    }

    #[test]
    fn the_shipped_list_can_be_read_and_says_what_it_is_worth() {
        let list = shipped();
        assert!(list.len() > 20);
        for (n, price) in list.iter().enumerate() {
            assert!(price.price_nano_usd >= 0 && price.per > 0, "{price:?}");
            assert!(
                price.vendor == "local" || price.note.contains("check before relying on it"),
                "{price:?}"
            );
            let twice = list[..n].iter().any(|other| {
                (&other.vendor, &other.model, other.unit, other.valid_from)
                    == (&price.vendor, &price.model, price.unit, price.valid_from)
            });
            assert!(!twice, "{price:?}");
        }
    }

    #[test]
    fn cached_tokens_are_part_of_the_input_and_priced_apart() {
        let usage = Usage { input_tokens: 1000, cached_tokens: 400, output_tokens: 100, ..Usage::default() };
        // 600 × 2500 + 400 × 1250 + 100 × 10 000.
        assert_eq!(priced(("openai", "gpt-x"), usage, &dear()).nano_usd, Some(3_000_000));
    }

    #[test]
    fn what_has_no_price_is_not_known_and_named() {
        let usage = Usage { input_tokens: 10, cache_written_tokens: 4, output_tokens: 1, ..Usage::default() };
        let found = priced(("openai", "gpt-x"), usage, &dear());
        assert_eq!(found, Priced { nano_usd: None, missing: vec![Unit::CacheWrittenToken] });
        let found = priced(("openai", "other"), Usage { output_tokens: 1, ..Usage::default() }, &dear());
        assert_eq!(found, Priced { nano_usd: None, missing: vec![Unit::OutputToken] });
        // Charged by tokens that the vendor has not told: the characters that we counted are no reason to say 0.
        let found = priced(("openai", "gpt-x"), Usage { characters: 9, ..Usage::default() }, &dear());
        assert_eq!(found, Priced { nano_usd: None, missing: vec![Unit::Character] });
    }

    #[test]
    fn sound_and_text_are_charged_by_whichever_has_a_price_and_nothing_costs_nothing() {
        let usage = Usage { characters: 100, audio_out_us: 5_000_000, ..Usage::default() };
        assert_eq!(priced(("voices", "v1"), usage, &dear()).nano_usd, Some(3_000_000));
        assert_eq!(priced(("nobody", "m"), Usage::default(), &[]).nano_usd, Some(0));
    }

    #[test]
    fn the_closest_name_and_the_newest_price_in_force_count_and_own_ones_come_first() {
        let mut list = vec![
            price("v", "m*", Unit::Request, 1, 1),
            price("v", "m-large*", Unit::Request, 2, 1),
            price("v", "m-large-2", Unit::Request, 3, 1),
        ];
        list.push(Price {
            valid_from: at("2026-06-01T00:00:00Z"),
            ..price("v", "m-large-2", Unit::Request, 4, 1)
        });
        list.push(Price {
            valid_from: at("2027-01-01T00:00:00Z"),
            ..price("v", "m-large-2", Unit::Request, 5, 1)
        });
        let own = [price("v", "m-s*", Unit::Request, 9, 1)];
        let of = |model, when| {
            let prices = Prices { own: &own, shipped: &list };
            prices.of("v", model, Unit::Request, at(when)).map(|price| price.price_nano_usd)
        };
        assert_eq!(of("m-tiny", NOW), Some(1));
        assert_eq!(of("m-large-1", NOW), Some(2));
        assert_eq!(of("m-large-2", NOW), Some(4));
        assert_eq!(of("m-large-2", "2026-02-01T00:00:00Z"), Some(3));
        assert_eq!(of("m-small", NOW), Some(9));
        assert_eq!(of("x", NOW), None);
        assert_eq!(of("m-tiny", "2025-12-31T23:59:59Z"), None, "not yet in force");
    }

    #[test]
    fn a_request_across_the_border_of_a_tier_is_charged_on_both_sides() {
        let mut voice = price("v", "m", Unit::Character, 1_000, 1);
        voice.tiers =
            vec![Tier { from: 1_000, price_nano_usd: 500 }, Tier { from: 2_000, price_nano_usd: 100 }];
        let charged = |characters, before| {
            let usage = Usage { characters, ..Usage::default() };
            let prices = Prices { own: std::slice::from_ref(&voice), shipped: &[] };
            cost(("v", "m"), &usage, prices, at(NOW), |_| before).nano_usd
        };
        assert_eq!(charged(100, 0), Some(100_000));
        assert_eq!(charged(100, 950), Some(50 * 1_000 + 50 * 500));
        assert_eq!(charged(2_000, 500), Some(500 * 1_000 + 1_000 * 500 + 500 * 100));
        assert_eq!(charged(10, 5_000), Some(1_000));
        let mut listening = price("v", "m", Unit::AudioInSecond, 60, 60);
        listening.tiers = vec![Tier { from: 60, price_nano_usd: 0 }];
        assert_eq!(listening.charge(120_000_000, 0), 60, "tiers of seconds, quantities of microseconds");
    }

    /// A day of 10,000 requests, against a table that was computed by hand.
    #[test]
    fn a_scripted_day_comes_to_the_cent_of_the_hand_computed_table() {
        let (mut sum, mut unknown) = (0_i128, 0);
        for n in 0..10_000_u32 {
            let (model, usage) = match n % 10 {
                // Streamed to the end.
                0..=3 => (
                    ("openai", "gpt-x"),
                    Usage { input_tokens: 1_200, output_tokens: 80, ..Usage::default() },
                ),
                // From the cache.
                4 | 5 => (
                    ("openai", "gpt-x"),
                    Usage {
                        input_tokens: 2_000,
                        cached_tokens: 1_536,
                        output_tokens: 60,
                        ..Usage::default()
                    },
                ),
                // Cancelled when the caller spoke: what had come until then, by our own count.
                6 => (
                    ("openai", "gpt-x"),
                    Usage { input_tokens: 1_200, output_tokens: 7, estimated: true, ..Usage::default() },
                ),
                7 => (("deepgram", "nova-3"), Usage { audio_in_us: 3_250_000, ..Usage::default() }),
                8 => {
                    (("voices", "v1"), Usage { characters: 123, audio_out_us: 8_000_000, ..Usage::default() })
                }
                _ => (("nobody", "new-model"), Usage { input_tokens: 5, ..Usage::default() }),
            };
            let found = priced(model, usage, &dear());
            match found.nano_usd {
                Some(nano) => sum += nano,
                None => unknown += 1,
            }
        }
        // 4 000 × $0.0038         (1 200 × $2.50 + 80 × $10 a million) = $15.20
        // 2 000 × $0.00368        (464 × $2.50 + 1 536 × $1.25 + 60 × $10 a million) = $7.36
        // 1 000 × $0.00307        (1 200 × $2.50 + 7 × $10 a million) = $3.07
        // 1 000 × $0.000417083    (3.25 s of $0.0077 a minute, to the nano-dollar) = $0.417083
        // 1 000 × $0.00369        (123 × $30 a million) = $3.69
        assert_eq!((sum, unknown), (29_737_083_000, 1_000));
    }
}
