//! What the outcomes of an experiment's arms say: whether they differ by more than chance, by how much, and when it is too early to tell.
//!
//! Over all arms Pearson's chi-squared test; of each arm with the first a two-proportion z-test, whose p-values are corrected for their number
//! after Holm; of each rate Wilson's interval, of each difference Newcombe's. All at 95 %. The tests assume that one looks once, at a number
//! of calls that was decided before.

/// Of one arm.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Share {
    pub of: u64,
    pub reached: u64,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Findings {
    pub arms: Vec<Finding>,
    /// That the arms are the same, over all of them.
    pub overall: Option<Overall>,
    pub conclusion: Conclusion,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    pub share: Share,
    /// `None` where no call was counted.
    pub rate: Option<Interval>,
    /// This arm's rate less the first's; `None` for the first.
    pub difference: Option<Interval>,
    /// Corrected. `None` for the first, and where there is not enough data.
    pub p: Option<f64>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    pub value: f64,
    pub low: f64,
    pub high: f64,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Overall {
    pub chi_squared: f64,
    pub degrees: u32,
    pub p: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Conclusion {
    /// The approximations of the tests do not hold yet.
    NotEnoughData,
    NoDifference,
    /// The arm at this place differs from the first, with the best rate of those that do.
    Differs(usize),
}

/// The level of all tests.
pub const ALPHA: f64 = 0.05;
const Z_95: f64 = 1.959_963_984_540_054;
/// Cochran's rule for the approximation.
const EXPECTED_LEAST: f64 = 5.0;
/// Fewer calls in an arm say nothing, whatever they came to.
pub const CALLS_LEAST: u64 = 30;

/// What is to be said of these arms, the first of which the others are compared with.
#[must_use]
pub fn compare(shares: &[Share]) -> Findings {
    let enough = enough(shares);
    let first = shares.first().copied().unwrap_or_default();
    let raw: Vec<f64> = shares.iter().skip(1).map(|share| two_proportions(first, *share)).collect();
    let corrected = holm(&raw);
    let arms: Vec<Finding> = shares
        .iter()
        .enumerate()
        .map(|(place, share)| Finding {
            share: *share,
            rate: wilson(*share),
            difference: (place > 0).then(|| newcombe(first, *share)).flatten(),
            p: place.checked_sub(1).filter(|_| enough).and_then(|at| corrected.get(at).copied()),
        })
        .collect();
    let overall = enough.then(|| chi_squared(shares));
    let conclusion = conclude(&arms, overall);
    Findings { arms, overall, conclusion }
}

fn conclude(arms: &[Finding], overall: Option<Overall>) -> Conclusion {
    let Some(overall) = overall else { return Conclusion::NotEnoughData };
    if overall.p >= ALPHA {
        return Conclusion::NoDifference;
    }
    let differing = arms.iter().enumerate().filter(|(_, arm)| arm.p.is_some_and(|p| p < ALPHA));
    let best = differing.max_by(|(_, a), (_, b)| rate(a.share).total_cmp(&rate(b.share)));
    best.map_or(Conclusion::NoDifference, |(place, _)| Conclusion::Differs(place))
}

/// Every arm has calls enough, and enough of them on both sides.
fn enough(shares: &[Share]) -> bool {
    let pooled = pooled(shares);
    shares.len() > 1
        && shares.iter().all(|share| {
            let of = number(share.of);
            share.of >= CALLS_LEAST && of * pooled.min(1.0 - pooled) >= EXPECTED_LEAST
        })
}

fn pooled(shares: &[Share]) -> f64 {
    let (reached, of) =
        shares.iter().fold((0, 0), |(reached, of), share| (reached + share.reached, of + share.of));
    rate(Share { of, reached })
}

fn rate(share: Share) -> f64 {
    if share.of == 0 { 0.0 } else { number(share.reached) / number(share.of) }
}

/// Two-sided, with the pooled variance.
fn two_proportions(a: Share, b: Share) -> f64 {
    let pooled = pooled(&[a, b]);
    let variance = pooled * (1.0 - pooled) * (1.0 / number(a.of.max(1)) + 1.0 / number(b.of.max(1)));
    if variance <= 0.0 {
        return 1.0;
    }
    let z = (rate(b) - rate(a)).abs() / variance.sqrt();
    libm::erfc(z / std::f64::consts::SQRT_2)
}

/// Step-down: the smallest p-value is multiplied by the number of tests, the next by one fewer, and none falls below one before it.
fn holm(raw: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..raw.len()).collect();
    order.sort_by(|a, b| raw[*a].total_cmp(&raw[*b]));
    let mut corrected = vec![1.0; raw.len()];
    let mut floor: f64 = 0.0;
    for (done, place) in order.iter().enumerate() {
        floor = floor.max((raw[*place] * number((raw.len() - done) as u64)).min(1.0));
        corrected[*place] = floor;
    }
    corrected
}

fn wilson(share: Share) -> Option<Interval> {
    if share.of == 0 {
        return None;
    }
    let (n, p, z2) = (number(share.of), rate(share), Z_95 * Z_95);
    let centre = (p + z2 / (2.0 * n)) / (1.0 + z2 / n);
    let half = Z_95 / (1.0 + z2 / n) * (p * (1.0 - p) / n + z2 / (4.0 * n * n)).sqrt();
    Some(Interval { value: p, low: (centre - half).max(0.0), high: (centre + half).min(1.0) })
}

/// From the intervals of both rates (Newcombe 1998, method 10).
fn newcombe(first: Share, other: Share) -> Option<Interval> {
    let (a, b) = (wilson(first)?, wilson(other)?);
    let value = b.value - a.value;
    let low = value - ((b.value - b.low).powi(2) + (a.high - a.value).powi(2)).sqrt();
    let high = value + ((b.high - b.value).powi(2) + (a.value - a.low).powi(2)).sqrt();
    Some(Interval { value, low, high })
}

fn chi_squared(shares: &[Share]) -> Overall {
    let pooled = pooled(shares);
    let sum = shares.iter().map(|share| {
        let (of, reached) = (number(share.of), number(share.reached));
        let (yes, no) = (of * pooled, of * (1.0 - pooled));
        (reached - yes).powi(2) / yes + (of - reached - no).powi(2) / no
    });
    let (chi_squared, degrees) = (sum.sum::<f64>(), u32::try_from(shares.len()).unwrap_or(1).max(2) - 1);
    Overall { chi_squared, degrees, p: above(f64::from(degrees) / 2.0, chi_squared / 2.0) }
}

/// The regularised upper incomplete gamma function Q(a, x), by its series below `a + 1` and its continued fraction (Lentz) above.
fn above(a: f64, x: f64) -> f64 {
    if x <= 0.0 {
        return 1.0;
    }
    let scale = (a * x.ln() - x - libm::lgamma(a)).exp();
    if x < a + 1.0 {
        let (mut term, mut sum) = (1.0 / a, 1.0 / a);
        for n in 1..1_000 {
            term *= x / (a + f64::from(n));
            sum += term;
            if term < sum * 1e-15 {
                break;
            }
        }
        return (1.0 - sum * scale).clamp(0.0, 1.0);
    }
    let tiny = 1e-300;
    let mut b = x + 1.0 - a;
    let (mut c, mut d) = (1.0 / tiny, 1.0 / b);
    let mut fraction = d;
    for n in 1..1_000 {
        let an = -f64::from(n) * (f64::from(n) - a);
        b += 2.0;
        d = 1.0 / (an * d + b).abs().max(tiny).copysign(an * d + b);
        c = b + an / c;
        let step = c * d;
        fraction *= step;
        if (step - 1.0).abs() < 1e-15 {
            break;
        }
    }
    (scale * fraction).clamp(0.0, 1.0)
}

#[expect(clippy::cast_precision_loss, reason = "2^53 calls are more than there are")]
const fn number(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shares(pairs: &[(u64, u64)]) -> Vec<Share> {
        pairs.iter().map(|(reached, of)| Share { of: *of, reached: *reached }).collect()
    }

    fn near(a: f64, b: f64) -> bool {
        (a - b).abs() < 1e-4 * b.abs().max(1e-3)
    }

    /// Upper tails of the chi-squared distribution as tables print them.
    #[test]
    fn tails_are_those_of_the_tables() {
        for (chi, degrees, p) in [
            (3.841_459, 1, 0.05),
            (5.991_465, 2, 0.05),
            (14.067_140, 7, 0.05),
            (6.634_897, 1, 0.01),
            (0.102_587, 2, 0.95),
            (24.321_886, 7, 0.001),
        ] {
            let found = above(f64::from(degrees) / 2.0, chi / 2.0);
            assert!(near(found, p), "{chi} {degrees}: {found}");
        }
    }

    #[test]
    fn two_arms_are_judged_as_by_hand() {
        // 120 of 1000 and 157 of 1000: pooled 0.1385, z = 0.037 / sqrt(0.1385 * 0.8615 * 0.002) = 2.39519.
        let found = compare(&shares(&[(120, 1000), (157, 1000)]));
        let overall = found.overall.expect("enough");
        assert!(near(overall.chi_squared, 5.736_93), "{overall:?}");
        assert!(near(overall.p, 0.016_612), "{overall:?}");
        // With one degree of freedom both tests are one.
        assert!(near(found.arms[1].p.expect("enough"), overall.p));
        assert_eq!(found.conclusion, Conclusion::Differs(1));
    }

    #[test]
    fn intervals_are_wilsons_and_newcombes() {
        // Newcombe (1998): 56/70 and 48/80 differ by 0.2, with the interval 0.0524 to 0.3339 by his method 10.
        let found = compare(&shares(&[(48, 80), (56, 70)]));
        let difference = found.arms[1].difference.expect("both have calls");
        assert!(
            (difference.low - 0.0524).abs() < 5e-5 && (difference.high - 0.3339).abs() < 5e-5,
            "{difference:?}"
        );
        // Of 81/263 Newcombe gives 0.2553 to 0.3662 by Wilson's method.
        let rate = wilson(Share { of: 263, reached: 81 }).expect("calls");
        assert!((rate.low - 0.2553).abs() < 5e-5 && (rate.high - 0.3662).abs() < 5e-5, "{rate:?}");
    }

    #[test]
    fn several_comparisons_are_corrected_after_holm() {
        let corrected = holm(&[0.01, 0.04, 0.03]);
        for (found, expected) in corrected.iter().zip([0.03, 0.06, 0.06]) {
            assert!(near(*found, expected), "{corrected:?}");
        }
        // By itself arm 1 would differ at 0.03; of seven comparisons one comes out so by chance every fifth time.
        let mut arms = vec![(100, 1000), (131, 1000)];
        arms.extend([(100, 1000); 6]);
        let found = compare(&shares(&arms));
        assert!(found.arms[1].p.is_some_and(|p| p > ALPHA), "{:?}", found.arms[1].p);
        assert_eq!(found.conclusion, Conclusion::NoDifference);
    }

    #[test]
    fn it_says_when_it_is_too_early() {
        for early in [
            vec![],
            vec![(5, 10), (9, 10)],
            vec![(0, 1000), (0, 1000)],
            vec![(2, 40), (3, 40)],
            vec![(50, 100)],
        ] {
            let found = compare(&shares(&early));
            assert_eq!(found.conclusion, Conclusion::NotEnoughData, "{early:?}");
            assert!(found.overall.is_none() && found.arms.iter().all(|arm| arm.p.is_none()));
        }
        assert_eq!(compare(&shares(&[(10, 100), (11, 100)])).conclusion, Conclusion::NoDifference);
    }

    proptest! {
        #[test]
        fn whatever_the_counts_probabilities_are_probabilities(drawn in prop::collection::vec((0..3000u64, 0..3000u64), 0..8)) {
            let shares: Vec<Share> = drawn.iter().map(|(a, b)| Share { of: *a.max(b), reached: *a.min(b) }).collect();
            let found = compare(&shares);
            if let Some(overall) = found.overall {
                prop_assert!((0.0..=1.0).contains(&overall.p));
            }
            for arm in &found.arms {
                prop_assert!(arm.p.is_none_or(|p| (0.0..=1.0).contains(&p)));
                if let Some(rate) = arm.rate {
                    prop_assert!(0.0 <= rate.low && rate.low <= rate.value + 1e-9 && rate.value <= rate.high + 1e-9 && rate.high <= 1.0);
                }
                if let Some(difference) = arm.difference {
                    prop_assert!(difference.low <= difference.value && difference.value <= difference.high);
                }
            }
        }

        /// Of equal arms a difference is found in about one of twenty experiments, not more; here the arms are the same to the call.
        #[test]
        fn arms_that_are_the_same_do_not_differ(reached in 10..90u64, arms in 2..8usize) {
            let same = vec![Share { of: 100, reached }; arms];
            prop_assert_eq!(compare(&same).conclusion, Conclusion::NoDifference);
        }
    }
}
