//! Two versions of a standard, side by side.

use std::collections::{BTreeMap, BTreeSet};

use poem_openapi::types::Any;
use serde_json::{Map, Value};

use crate::standards::types::{MemberDifference, PartChange, PartDifference, VersionComparison};

/// Members of a standard that are compared part by part, or say which version it is.
const NOT_WHOLE: [&str; 5] = ["id", "version", "sections", "dimensions", "items"];

/// What differs from one version to another.
pub fn compare(from: &Value, to: &Value) -> VersionComparison {
    let (empty, id) = (Map::new(), |file: &Value| file["id"].as_str().unwrap_or_default().to_owned());
    let number = |file: &Value| file["version"].as_i64().and_then(|n| i32::try_from(n).ok()).unwrap_or_default();
    let (before, after) = (from.as_object().unwrap_or(&empty), to.as_object().unwrap_or(&empty));
    let (items, unchanged_items) = parts(from, to, "items");
    VersionComparison {
        standard_id: id(to),
        from_version: number(from),
        to_version: number(to),
        members: members(before, after, &NOT_WHOLE),
        sections: parts(from, to, "sections").0,
        dimensions: parts(from, to, "dimensions").0,
        items,
        unchanged_items,
    }
}

/// Members that differ, by name.
fn members(from: &Map<String, Value>, to: &Map<String, Value>, except: &[&str]) -> Vec<MemberDifference> {
    let names: BTreeSet<_> = from.keys().chain(to.keys()).filter(|name| !except.contains(&name.as_str())).collect();
    let differing = names.into_iter().filter(|name| from.get(*name) != to.get(*name));
    let difference = |name: &String| MemberDifference {
        name: name.clone(),
        from: from.get(name).cloned().map(Any),
        to: to.get(name).cloned().map(Any),
    };
    differing.map(difference).collect()
}

/// Parts of a list that differ, in the order of the later version and then those that are gone; and how many do not.
fn parts(from: &Value, to: &Value, list: &str) -> (Vec<PartDifference>, usize) {
    let (before, after) = (by_id(from, list), by_id(to, list));
    let places: BTreeMap<_, _> = before.iter().enumerate().map(|(n, (id, part))| (*id, (n, *part))).collect();
    let common: Vec<_> = after.iter().filter_map(|(id, _)| places.get(id)).map(|(n, _)| *n).collect();
    let stayed = longest_rising(&common);
    let (mut found, mut unchanged, empty) = (Vec::new(), 0, Map::new());
    for (position, (id, part)) in after.iter().enumerate() {
        let old = places.get(id);
        let members = members(old.map_or(&empty, |(_, old)| old), part, &["id"]);
        let change = match old {
            None => PartChange::Added,
            Some(_) if !members.is_empty() => PartChange::Changed,
            Some((n, _)) if !stayed.contains(n) => PartChange::Moved,
            Some(_) => {
                unchanged += 1;
                continue;
            }
        };
        let (from_position, to_position) = (old.map(|(n, _)| *n), Some(position));
        found.push(PartDifference { id: (*id).to_owned(), change, from_position, to_position, members });
    }
    let kept: BTreeSet<_> = after.iter().map(|(id, _)| *id).collect();
    for (position, (id, part)) in before.iter().enumerate().filter(|(_, (id, _))| !kept.contains(id)) {
        found.push(PartDifference {
            id: (*id).to_owned(),
            change: PartChange::Removed,
            from_position: Some(position),
            to_position: None,
            members: members(part, &empty, &["id"]),
        });
    }
    (found, unchanged)
}

fn by_id<'a>(file: &'a Value, list: &str) -> Vec<(&'a str, &'a Map<String, Value>)> {
    let entries = file.get(list).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_object);
    entries.filter_map(|part| Some((part.get("id")?.as_str()?, part))).collect()
}

/// The most numbers that stand in rising order: what one need not move. The first such choice from the end counts.
fn longest_rising(numbers: &[usize]) -> BTreeSet<usize> {
    // For each number the longest row that ends with it, and the position of the one before.
    let mut ends: Vec<(usize, Option<usize>)> = Vec::with_capacity(numbers.len());
    for (position, number) in numbers.iter().enumerate() {
        let earlier = (0..position).filter(|before| numbers[*before] < *number);
        let best = earlier.max_by_key(|before| ends[*before].0);
        ends.push((best.map_or(1, |before| ends[before].0 + 1), best));
    }
    let mut at = (0..numbers.len()).max_by_key(|position| ends[*position].0);
    let mut found = BTreeSet::new();
    while let Some(position) = at {
        found.insert(numbers[position]);
        at = ends[position].1;
    }
    found
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn standard(items: &[(&str, i64)]) -> Value {
        let items: Vec<_> = items.iter().map(|(id, weight)| json!({"id": id, "weight": weight})).collect();
        json!({"id": "tiny", "version": 1, "pass_bp": 7000, "items": items})
    }

    fn told(found: &VersionComparison) -> Vec<(&str, PartChange)> {
        found.items.iter().map(|part| (part.id.as_str(), part.change)).collect()
    }

    #[test]
    fn the_same_has_no_differences() {
        let one = standard(&[("a", 1), ("b", 2)]);
        let found = compare(&one, &one);
        assert!(found.members.is_empty() && found.items.is_empty());
        assert_eq!(found.unchanged_items, 2);
    }

    #[test]
    fn what_was_added_removed_changed_and_moved_is_told_apart() {
        let from = standard(&[("a", 1), ("b", 2), ("c", 3), ("d", 4), ("e", 5)]);
        let mut to = standard(&[("e", 5), ("a", 1), ("x", 9), ("c", 30), ("d", 4)]);
        to["version"] = json!(2);
        to["pass_bp"] = json!(8000);
        let found = compare(&from, &to);
        let expected = [
            ("e", PartChange::Moved),
            ("x", PartChange::Added),
            ("c", PartChange::Changed),
            ("b", PartChange::Removed),
        ];
        assert_eq!((told(&found), found.unchanged_items), (expected.to_vec(), 2));
        assert_eq!((found.from_version, found.to_version), (1, 2));
        assert_eq!(found.members.iter().map(|member| member.name.as_str()).collect::<Vec<_>>(), ["pass_bp"]);
        let changed = &found.items[2];
        assert_eq!((changed.from_position, changed.to_position), (Some(2), Some(3)));
        let weight = &changed.members[0];
        let value = |side: &Option<Any<Value>>| side.as_ref().map(|value| value.0.clone());
        assert_eq!((value(&weight.from), value(&weight.to)), (Some(json!(3)), Some(json!(30))));
    }
}
