//! Random valid answers.

use peegel_scoring::ItemKind;
use serde_json::{Value, json};

use super::numbers::Numbers;

/// A value that no dictionary lists where it is interpolated.
const LONG: &str = "61.0000000000000000000000000000000000000000001";

/// A valid answer to an item; numbers are not negative and below 900.
pub fn value(kind: &ItemKind, numbers: &mut Numbers) -> Value {
    match kind {
        ItemKind::YesNo { .. } => json!(numbers.below(2) == 0),
        ItemKind::Choice { options } => json!(options.as_slice()[numbers.below(options.as_slice().len())].id),
        ItemKind::Multi { options, .. } => {
            let mut chosen: Vec<_> =
                options.as_slice().iter().filter(|_| numbers.below(2) == 0).map(|o| &o.id).collect();
            if numbers.below(2) == 0 {
                chosen.reverse();
            }
            json!(chosen)
        }
        ItemKind::Rating { min, max, .. } => json!(min + numbers.below((max - min + 1) as usize) as i64),
        ItemKind::Numeric { .. } => match numbers.below(4) {
            0 => json!(numbers.below(400)),
            1 => json!(format!("{}.{}", numbers.below(70), numbers.below(100))),
            2 => json!(format!("{}.0", numbers.below(5))),
            _ => json!(numbers.pick(&["0", "2.5", "60.50", "300", "899.999", LONG])),
        },
        ItemKind::Nps { .. } => json!(numbers.below(11)),
        _ => json!("text"),
    }
}
