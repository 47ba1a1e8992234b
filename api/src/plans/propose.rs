//! Which actions a plan proposes, from the totals of a branch in a wave. Pure: no database, no clock.
//!
//! An action is worth what the mean score of the branch would gain if its item were always met. Critical failures
//! come first and all of them; of the rest only as many as people can do.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use crate::entity::action;
use crate::scorecards::figures::{ByStandard, StandardKey, half_up, over_all};
use crate::scorecards::service::Standards;
use crate::scorecards::texts::Texts;
use crate::scorecards::totals::{CRITICAL, LOST, MET, VISIT};
use crate::words::ActionState;

/// Most actions that are not critical failures.
const MOST_ACTIONS: usize = 5;

/// What the visits of a wave say about an item.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Measured {
    /// Whether it failed as a critical item.
    pub critical: bool,
    /// What the mean score would gain if it were always met, in millionths of the full score.
    pub lost_ppm: i64,
    /// Visits that asked it.
    pub asked: i32,
    /// Visits that did not fully meet it.
    pub failed: i32,
}

/// An item that the plan names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pick {
    /// The standard and its version.
    pub standard: StandardKey,
    /// The item.
    pub item_id: String,
    /// What the visits say about it.
    pub measured: Measured,
}

/// What the totals say about an item; nothing when no visit is left that asked it.
pub fn measure(totals: &ByStandard, standard: &StandardKey, item_id: &str) -> Measured {
    let Some(tallies) = totals.get(standard) else { return Measured::default() };
    let met = tallies.of(MET, item_id);
    let small = |n: i64| i32::try_from(n).unwrap_or(i32::MAX);
    Measured {
        critical: tallies.of(CRITICAL, item_id).sum > 0,
        // Over all visits of the wave, so that gains under several standards can be compared and added.
        lost_ppm: half_up(tallies.of(LOST, item_id).sum, over_all(totals, VISIT).n).unwrap_or(0),
        asked: small(met.n),
        failed: small(met.n - met.sum),
    }
}

/// The items of a plan, most important first. One whose stored action was dropped takes no place.
pub fn pick(totals: &ByStandard, standards: &Standards, stored: &[action::Model]) -> Vec<Pick> {
    let mut picks = Vec::new();
    for (key, compiled) in standards {
        let texts = Texts::new(&compiled.body, "");
        for item in compiled.standard.items() {
            let measured = measure(totals, key, &item.id);
            if measured.failed > 0 && (measured.critical || texts.has_advice(&item.id)) {
                picks.push(Pick { standard: key.clone(), item_id: item.id.clone(), measured });
            }
        }
    }
    picks.retain(|pick| !stored.iter().any(|row| row.state == ActionState::Dropped && is_of(row, pick)));
    // Stable: what weighs the same stays in the order of the questionnaire.
    picks.sort_by_key(|pick| (!pick.measured.critical, -pick.measured.lost_ppm));
    let critical = picks.iter().filter(|pick| pick.measured.critical).count();
    picks.truncate(critical + MOST_ACTIONS);
    picks
}

/// What has to be written for a plan to say what was picked.
#[derive(Debug, Default)]
pub struct Revision {
    /// New actions.
    pub added: Vec<action::Model>,
    /// Actions that changed.
    pub changed: Vec<action::Model>,
    /// Actions that go, untouched by anybody.
    pub removed: Vec<Uuid>,
}

/// Fits the stored actions of a branch and wave to what was picked. `begin` makes an empty action for an item.
///
/// What somebody works on stays, behind what was picked and with new figures; proposals nobody touched go.
pub fn revise(
    totals: &ByStandard,
    picks: Vec<Pick>,
    mut stored: Vec<action::Model>,
    mut begin: impl FnMut(&Pick) -> action::Model,
) -> Revision {
    let mut revision = Revision::default();
    let mut position = 0;
    let mut place = |row: &action::Model, measured: Measured| {
        position += 1;
        let Measured { critical, lost_ppm, asked, failed } = measured;
        action::Model { position, critical, lost_ppm, asked, failed, ..row.clone() }
    };
    for pick in picks {
        match stored.iter().position(|row| is_of(row, &pick)) {
            Some(index) => {
                let row = stored.remove(index);
                let placed = place(&row, pick.measured);
                revision.changed.extend((placed != row).then_some(placed));
            }
            None => revision.added.push(place(&begin(&pick), pick.measured)),
        }
    }
    stored.sort_by_key(|row| (row.position, row.id));
    for row in stored {
        if is_untouched(&row) {
            revision.removed.push(row.id);
            continue;
        }
        let key = (row.standard_id.clone(), row.standard_version);
        let placed = place(&row, measure(totals, &key, &row.item_id));
        revision.changed.extend((placed != row).then_some(placed));
    }
    revision
}

fn is_of(row: &action::Model, pick: &Pick) -> bool {
    (row.standard_id.as_str(), row.standard_version, row.item_id.as_str())
        == (pick.standard.0.as_str(), pick.standard.1, pick.item_id.as_str())
}

fn is_untouched(row: &action::Model) -> bool {
    row.state == ActionState::Proposed && row.owner.is_none() && row.due_on.is_none()
}

/// The actions whose number of repeats is not what it should be, with the right number: in how many waves in a row
/// before its own the item had an action that was not dropped. Versions of a standard keep their item ids.
pub fn repeats(actions: &[action::Model], waves_newest_first: &[Uuid]) -> Vec<action::Model> {
    let mut by_wave: BTreeMap<Uuid, BTreeSet<(&str, &str)>> = BTreeMap::new();
    for row in actions.iter().filter(|row| row.state != ActionState::Dropped) {
        by_wave.entry(row.wave_id).or_default().insert((&row.standard_id, &row.item_id));
    }
    let count = |row: &action::Model| {
        let item = (row.standard_id.as_str(), row.item_id.as_str());
        let earlier = waves_newest_first.iter().skip_while(|id| **id != row.wave_id).skip(1);
        let in_a_row = earlier.take_while(|id| by_wave.get(id).is_some_and(|items| items.contains(&item)));
        i32::try_from(in_a_row.count()).unwrap_or(i32::MAX)
    };
    let right = actions.iter().map(|row| action::Model { repeats: count(row), ..row.clone() });
    right.zip(actions).filter(|(right, row)| right != *row).map(|(right, _)| right).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use peegel_scoring::Standard;
    use serde_json::json;

    use super::*;
    use crate::scorecards::figures::{Tallies, Tally};
    use crate::standards::cache::CompiledStandard;

    fn key() -> StandardKey {
        ("greeting".to_owned(), 1)
    }

    fn standards() -> Standards {
        let item = |n: i32| {
            json!({
                "id": format!("i{n}"), "section": "s", "type": "yes_no", "weight": 1,
                "advice": if n == 8 { json!(null) } else { json!({"en": "Do it."}) },
            })
        };
        let body = json!({
            "id": "greeting", "version": 1, "sections": [{"id": "s", "weight": 1}],
            "items": (1..=8).map(item).collect::<Vec<_>>(),
        });
        let standard = Standard::parse(&body).unwrap();
        [(key(), Arc::new(CompiledStandard { standard, body }))].into()
    }

    /// Two visits that asked every item; each entry is an item, how often it was met, and the loss in both.
    fn totals(items: &[(&str, i64, i64)], critical: &[&str]) -> ByStandard {
        let visits = [("visit".to_owned(), Tally { n: 2, sum: 12_000 })];
        let met = items.iter().map(|(id, met, _)| (format!("met/{id}"), Tally { n: 2, sum: *met }));
        let lost = items.iter().map(|(id, _, lost)| (format!("lost/{id}"), Tally { n: 2, sum: *lost }));
        let failed = critical.iter().map(|id| (format!("critical/{id}"), Tally { n: 1, sum: 1 }));
        [(key(), visits.into_iter().chain(met).chain(lost).chain(failed).collect::<Tallies>())].into()
    }

    fn ids(picks: &[Pick]) -> Vec<&str> {
        picks.iter().map(|pick| pick.item_id.as_str()).collect()
    }

    fn row(item_id: &str, wave: u128) -> action::Model {
        action::Model {
            firm_id: Uuid::nil(),
            id: Uuid::from_u128(wave * 100 + u128::from(item_id.as_bytes()[1])),
            branch_id: Uuid::nil(),
            wave_id: Uuid::from_u128(wave),
            standard_id: "greeting".to_owned(),
            standard_version: 1,
            item_id: item_id.to_owned(),
            state: ActionState::Proposed,
            position: 1,
            critical: false,
            lost_ppm: 0,
            asked: 0,
            failed: 0,
            repeats: 0,
            owner: None,
            due_on: None,
            drop_reason: None,
            edit_number: 1,
            created_at: chrono::DateTime::UNIX_EPOCH,
            updated_at: chrono::DateTime::UNIX_EPOCH,
        }
    }

    #[test]
    fn critical_failures_come_first_then_the_largest_loss_then_the_questionnaire() {
        let totals = totals(&[("i1", 1, 10), ("i2", 0, 30), ("i3", 1, 10), ("i4", 1, 0)], &["i4"]);
        let picks = pick(&totals, &standards(), &[]);
        assert_eq!(ids(&picks), ["i4", "i2", "i1", "i3"]);
        assert_eq!(picks[1].measured, Measured { critical: false, lost_ppm: 15, asked: 2, failed: 2 });
    }

    #[test]
    fn an_item_always_met_or_without_advice_is_no_action() {
        assert_eq!(pick(&totals(&[("i1", 2, 0), ("i8", 0, 90)], &[]), &standards(), &[]), []);
        assert_eq!(ids(&pick(&totals(&[("i8", 0, 90)], &["i8"]), &standards(), &[])), ["i8"]);
    }

    #[test]
    fn at_most_five_and_every_critical_failure() {
        let all: Vec<_> = ["i1", "i2", "i3", "i4", "i5", "i6", "i7"].map(|id| (id, 0, 10)).into();
        let picks = pick(&totals(&all, &["i6", "i7"]), &standards(), &[]);
        assert_eq!(ids(&picks), ["i6", "i7", "i1", "i2", "i3", "i4", "i5"]);
        assert_eq!(pick(&totals(&all, &[]), &standards(), &[]).len(), 5);
    }

    #[test]
    fn a_dropped_action_takes_none_of_the_five_places() {
        let all: Vec<_> = ["i1", "i2", "i3", "i4", "i5", "i6", "i7"].map(|id| (id, 0, 10)).into();
        let totals = totals(&all, &[]);
        let dropped = action::Model { state: ActionState::Dropped, ..row("i2", 1) };
        let stored = vec![dropped];
        let picks = pick(&totals, &standards(), &stored);
        assert_eq!(ids(&picks), ["i1", "i3", "i4", "i5", "i6"]);
        let revision = revise(&totals, picks, stored, |pick| row(&pick.item_id, 1));
        let changed: Vec<_> = revision.changed.iter().map(|row| (row.item_id.as_str(), row.position)).collect();
        assert_eq!((changed, revision.removed), (vec![("i2", 6)], Vec::new()));
    }

    #[test]
    fn no_scored_visit_means_no_action() {
        let attempted = [(key(), [("attempted".to_owned(), Tally { n: 1, sum: 1 })].into_iter().collect())].into();
        assert_eq!(pick(&attempted, &standards(), &[]), []);
    }

    #[test]
    fn what_somebody_works_on_stays_and_untouched_proposals_go() {
        let totals = totals(&[("i1", 1, 10), ("i2", 2, 0), ("i3", 2, 0)], &[]);
        let worked_on = action::Model { owner: Some("Mari".to_owned()), asked: 9, ..row("i2", 1) };
        let revision = revise(&totals, pick(&totals, &standards(), &[]), vec![row("i3", 1), worked_on], |pick| {
            row(&pick.item_id, 1)
        });
        assert_eq!(
            revision.added.iter().map(|row| (row.item_id.as_str(), row.position)).collect::<Vec<_>>(),
            [("i1", 1)]
        );
        let changed: Vec<_> =
            revision.changed.iter().map(|row| (row.item_id.as_str(), row.position, row.asked)).collect();
        assert_eq!(changed, [("i2", 2, 2)]);
        assert_eq!(revision.removed, [row("i3", 1).id]);
    }

    #[test]
    fn a_plan_that_already_says_it_is_left_alone() {
        let totals = totals(&[("i1", 1, 10)], &[]);
        let stored = action::Model { lost_ppm: 5, asked: 2, failed: 1, ..row("i1", 1) };
        let revision = revise(&totals, pick(&totals, &standards(), &[]), vec![stored], |pick| row(&pick.item_id, 1));
        assert!(revision.added.is_empty() && revision.changed.is_empty() && revision.removed.is_empty());
    }

    #[test]
    fn repeats_count_waves_in_a_row() {
        let waves = [4, 3, 2, 1].map(Uuid::from_u128);
        let dropped = action::Model { state: ActionState::Dropped, ..row("i2", 3) };
        let actions = [row("i1", 1), row("i1", 3), row("i1", 4), row("i2", 2), dropped, row("i2", 4)];
        let changed: Vec<_> =
            repeats(&actions, &waves).into_iter().map(|row| (row.item_id, row.wave_id, row.repeats)).collect();
        assert_eq!(changed, [("i1".to_owned(), waves[0], 1), ("i2".to_owned(), waves[1], 1)]);
    }
}
