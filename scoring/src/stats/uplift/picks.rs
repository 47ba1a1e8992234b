//! What to act on first, and where to stop.

use std::collections::HashMap;

use super::{ItemUplift, UpliftInput};

/// People do not do more than this at a time, knock-out failures apart.
const MOST_PICKED: usize = 3;

/// Enough is covered with this share of what can be won.
const ENOUGH: f64 = 0.6;

/// One person does not do more than this at a time, knock-out failures apart.
const MOST_PER_OWNER: usize = 2;

/// Positions of the items worth an action: knock-out failures, then priority, then the order given.
pub(super) fn order(items: &[ItemUplift]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..items.len()).filter(|position| items[*position].eligible).collect();
    // In millionths of a basis point, so that equal priorities stay equal in spite of rounding.
    let priority = |position: usize| (items[position].priority * 1e6).round();
    order.sort_by(|&a, &b| {
        let critical_first = items[b].critical_failure.cmp(&items[a].critical_failure);
        critical_first.then_with(|| priority(b).total_cmp(&priority(a)))
    });
    order
}

/// Positions of the items to act on now.
pub(super) fn picked(order: &[usize], items: &[ItemUplift], input: &UpliftInput, recoverable_bp: f64) -> Vec<usize> {
    let enough = ENOUGH * recoverable_bp * (1.0 - 1e-12);
    let mut picked = Vec::new();
    let mut covered = 0.0;
    let mut by_owner: HashMap<&str, usize> = HashMap::new();
    for &position in order {
        let owner = input.items[position].owner.as_deref();
        if !items[position].critical_failure {
            if picked.len() >= MOST_PICKED || covered >= enough {
                break;
            }
            if owner.is_some_and(|owner| by_owner.get(owner).is_some_and(|count| *count >= MOST_PER_OWNER)) {
                continue;
            }
        }
        if let Some(owner) = owner {
            *by_owner.entry(owner).or_default() += 1;
        }
        covered += items[position].uplift_bp;
        picked.push(position);
    }
    picked
}
