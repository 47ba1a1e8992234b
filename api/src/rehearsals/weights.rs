//! Weights moved at random, the same way each time.

use peegel_scoring::Standard;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// How many sets of weights are drawn.
pub const DRAWS: u32 = 200;
/// What a weight is multiplied by, at the least and at the most, in thousandths: 20 % either way.
const FACTORS: std::ops::RangeInclusive<i64> = 800..=1200;
/// The largest weight that a standard may have.
const MAX_WEIGHT: i64 = 1_000_000;

/// A standard with the weights of one draw: of its items, and of its sections.
///
/// Each factor depends on the seed, the draw and the id alone, so that adding an item leaves the factors of the
/// others as they were. `None` when `standard` is not valid.
pub fn drawn(standard: &Value, seed: i64, draw: u32) -> Option<Standard> {
    let mut standard = standard.clone();
    for list in ["items", "sections"] {
        let parts = standard.get_mut(list)?.as_array_mut()?;
        let heaviest = parts.iter().filter_map(|part| part["weight"].as_i64()).max().unwrap_or(0);
        // In the finest unit in which the heaviest still fits, so that light ones are rounded as little as can be.
        let unit = ((heaviest * FACTORS.end() + MAX_WEIGHT - 1) / MAX_WEIGHT).max(1);
        for part in parts {
            let moved = part["weight"].as_i64()? * factor(&format!("{seed}/{draw}/{list}/{}", part["id"].as_str()?));
            part["weight"] = json!((2 * moved + unit) / (2 * unit));
        }
    }
    Standard::parse(&standard).ok()
}

// Evenly spread over the factors, but for a bias far below one in 10^16.
fn factor(of: &str) -> i64 {
    let digest = Sha256::digest(of);
    let number = digest.iter().take(8).fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    let choices = FACTORS.end() - FACTORS.start() + 1;
    FACTORS.start() + i64::try_from(number % choices.unsigned_abs()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn factors_reach_both_ends_and_nothing_beyond() {
        let factors: Vec<_> = (0..20_000).map(|n| factor(&n.to_string())).collect();
        assert_eq!(factors.iter().min(), Some(&800));
        assert_eq!(factors.iter().max(), Some(&1200));
        let sum: i64 = factors.iter().sum();
        assert!((sum / 20_000 - 1000).abs() < 3, "they are centred: {sum}");
    }

    #[test]
    fn weights_move_by_a_fifth_at_most_and_zero_stays() {
        let item = |id: &str, weight: i64| json!({"id": id, "section": "s", "type": "yes_no", "weight": weight});
        for heaviest in [1, 833, 834, 1000, 20_000] {
            let standard = json!({
                "id": "tiny", "version": 1, "sections": [{"id": "s", "weight": 3}],
                "items": [item("a", heaviest), item("b", 0), item("c", 1)],
            });
            let unit = (heaviest as f64 * 1200.0 / 1e6).ceil();
            for draw in 0..200 {
                let drawn = drawn(&standard, 1, draw).expect("a valid standard");
                let weights: Vec<_> = drawn.items().iter().map(|item| item.weight).collect();
                let moved = |weight: i64, of: i64| weight as f64 * unit / (of as f64 * 1000.0);
                // Rounding adds half a unit.
                let slack = unit / 2000.0;
                for (weight, of) in [(weights[0], heaviest), (weights[2], 1)] {
                    assert!((0.8 - slack..=1.2 + slack).contains(&moved(weight, of)), "{heaviest}: {weights:?}");
                }
                assert_eq!(weights[1], 0);
                assert!((2400..=3600).contains(&drawn.sections()[0].weight));
            }
        }
    }
}
