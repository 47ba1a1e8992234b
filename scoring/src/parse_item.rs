//! Compiling one item: its common fields, the fields of its type, its condition.

use serde_json::Value;

use crate::condition::{self, Condition};
use crate::fraction::Fraction;
use crate::kind::{
    ChoiceOption, ItemKind, Knot, MultiMode, NpsScale, NumericScale, Options, RatingMap, RatingScale, TypeName,
};
use crate::parse::{Ids, MAX_WEIGHT, unique_id};
use crate::problem::{ProblemCode, Problems};
use crate::read::{Object, bp, decimal, entry, int_in};
use crate::standard::{Critical, DimensionShare, EvidenceKind, EvidencePolicy, Item, Measured, NaPolicy, Role, Scope};
use crate::words::Word;

/// Largest distance of an option's points from zero.
const MAX_POINTS: i64 = 1_000_000;

const COMMON_FIELDS: [&str; 12] = [
    "id",
    "section",
    "type",
    "weight",
    "required",
    "na_allowed",
    "na",
    "scored",
    "role",
    "dimensions",
    "critical",
    "evidence",
];

/// What could be read of an item.
#[derive(Default)]
pub(crate) struct Draft<'a> {
    /// The item without its condition; `None` when a part it cannot do without is at fault.
    pub(crate) item: Option<Item>,
    /// The type, known more often than the whole item.
    pub(crate) type_name: Option<TypeName>,
    /// The JSON of the condition and its pointer.
    show_if: Option<(&'a Value, String)>,
}

/// Reads an item except its condition.
pub(crate) fn draft<'a>(
    item: Object<'a>,
    id: Option<&str>,
    sections: &Ids,
    dimension_ids: &Ids,
    problems: &mut Problems,
) -> Draft<'a> {
    let type_name = item.word::<TypeName>("type", problems);
    // Phrases are presentation: publishing looks at them, scores never do.
    item.only(&[&COMMON_FIELDS, &["show_if", "phrases"], fields_of(type_name)], true, problems);

    let section = reference(&item, "section", sections, problems);
    let weight = item.int("weight", 0, MAX_WEIGHT, problems);
    let required = item.flag("required", true, problems);
    let na_allowed = item.flag("na_allowed", false, problems);
    let na = item.optional_word("na", NaPolicy::Exclude, problems);
    let scored = item.flag("scored", true, problems);
    let role = item.optional_word("role", Role::Normal, problems);
    let dimensions = dimension_shares(&item, dimension_ids, problems);
    let critical = critical(&item, problems);
    let evidence = item.optional_word("evidence", EvidencePolicy::Never, problems);
    // Presentation fields: whatever stands there never makes the standard invalid.
    let evidence_kind = item.get("evidence_kind").and_then(Value::as_str).and_then(EvidenceKind::from_word);
    let measured = item.get("measured").and_then(Value::as_str).and_then(Measured::from_word);
    let kind = type_name.and_then(|type_name| kind(&item, type_name, problems));

    let show_if = item.get("show_if").map(|value| (value, item.at("show_if")));
    let parts = id.zip(section).zip(weight).zip(kind);
    let item = parts.map(|(((id, section), weight), kind)| Item {
        id: id.to_owned(),
        section,
        kind,
        weight,
        required,
        na_allowed,
        na,
        scored,
        role,
        dimensions,
        critical,
        evidence,
        evidence_kind,
        measured,
        show_if: None,
    });
    Draft { item, type_name, show_if }
}

/// Compiles the conditions of all items, each of which may look at earlier items only.
pub(crate) fn conditions(drafts: &mut [Draft], ids: &Ids, problems: &mut Problems) {
    for position in 0..drafts.len() {
        let Some((value, pointer)) = drafts[position].show_if.take() else { continue };
        let context = condition::Context { position, ids, drafts };
        let compiled: Option<Condition> = condition::compile(value, pointer, &context, problems);
        if let Some(item) = &mut drafts[position].item {
            item.show_if = compiled;
        }
    }
}

fn fields_of(type_name: Option<TypeName>) -> &'static [&'static str] {
    match type_name {
        Some(TypeName::YesNo) => &["positive"],
        Some(TypeName::Choice) => &["options"],
        Some(TypeName::Rating) => &["min", "max", "map", "table"],
        Some(TypeName::Multi) => &["options", "mode"],
        Some(TypeName::Numeric) => &["min", "max", "bands", "steps", "otherwise_bp"],
        Some(TypeName::Nps) => &["map"],
        Some(TypeName::Text) => &[],
        // Without a type, any field of some type may be right.
        None => &["positive", "options", "min", "max", "map", "table", "mode", "bands", "steps", "otherwise_bp"],
    }
}

fn reference(object: &Object, key: &str, ids: &Ids, problems: &mut Problems) -> Option<usize> {
    let id = object.text(key, problems)?;
    let found = ids.get(id).copied();
    if found.is_none() {
        let message = format!("nothing has the id \"{id}\": correct it here or add it there");
        problems.push(object.at(key), ProblemCode::UnknownRef, message);
    }
    found
}

fn dimension_shares(item: &Object, ids: &Ids, problems: &mut Problems) -> Vec<DimensionShare> {
    let mut found = Vec::new();
    let mut seen = Ids::new();
    let pointer = item.at("dimensions");
    for (position, value) in item.optional_list("dimensions", problems).unwrap_or_default().iter().enumerate() {
        let Some(share) = Object::open(value, entry(&pointer, position), problems) else { continue };
        share.only(&[&["id", "share_bp"]], false, problems);
        let share_bp = share.optional_bp("share_bp", problems).unwrap_or(10_000);
        let Some(id) = unique_id(&share, position, &mut seen, problems) else { continue };
        match ids.get(id) {
            Some(&dimension) => found.push(DimensionShare { dimension, share_bp }),
            None => {
                let message = format!("add a dimension with the id \"{id}\", or correct the id");
                problems.push(share.at("id"), ProblemCode::UnknownRef, message);
            }
        }
    }
    found
}

fn critical(item: &Object, problems: &mut Problems) -> Option<Critical> {
    let critical = Object::open(item.get("critical")?, item.at("critical"), problems)?;
    critical.only(&[&["scope", "cap_bp", "fail_below_bp"]], false, problems);
    let scope = critical.word::<Scope>("scope", problems);
    let cap_bp = critical.int("cap_bp", 0, 10_000, problems);
    let fail_below_bp = critical.optional_bp("fail_below_bp", problems).unwrap_or(10_000);
    let (scope, cap_bp) = scope.zip(cap_bp)?;
    Some(Critical { scope, cap_bp, fail_below_bp })
}

fn kind(item: &Object, type_name: TypeName, problems: &mut Problems) -> Option<ItemKind> {
    Some(match type_name {
        TypeName::YesNo => ItemKind::YesNo { positive: item.flag("positive", true, problems) },
        TypeName::Choice => ItemKind::Choice { options: options(item, problems)? },
        TypeName::Rating => rating(item, problems)?,
        TypeName::Multi => {
            let mode = item.optional_word("mode", MultiMode::Sum, problems);
            ItemKind::Multi { options: options(item, problems)?, mode }
        }
        TypeName::Numeric => numeric(item, problems),
        TypeName::Nps => ItemKind::Nps { scale: item.optional_word("map", NpsScale::Unscored, problems) },
        TypeName::Text => ItemKind::Text,
    })
}

fn options(item: &Object, problems: &mut Problems) -> Option<Options> {
    let list = item.list("options", problems)?;
    let pointer = item.at("options");
    if list.len() < 2 {
        problems.push(pointer.as_str(), ProblemCode::TooFew, "add options: there must be at least two");
    }
    let mut found = Vec::new();
    let mut seen = Ids::new();
    for (position, value) in list.iter().enumerate() {
        let Some(option) = Object::open(value, entry(&pointer, position), problems) else { continue };
        option.only(&[&["id", "points"]], true, problems);
        let id = unique_id(&option, position, &mut seen, problems);
        let points = option.int("points", -MAX_POINTS, MAX_POINTS, problems);
        if let Some((id, points)) = id.zip(points) {
            found.push(ChoiceOption { id: id.to_owned(), points });
        }
    }
    Some(Options::new(found))
}

fn rating(item: &Object, problems: &mut Problems) -> Option<ItemKind> {
    let map = item.optional_word("map", RatingMap::Linear, problems);
    let min = item.int("min", i64::MIN, i64::MAX, problems);
    let max = item.int("max", i64::MIN, i64::MAX, problems);
    if map == RatingMap::Proportional && min.is_some_and(|min| min < 0) {
        let message = "start at zero or above, or choose the map \"linear\"";
        problems.push(item.at("min"), ProblemCode::OutOfRange, message);
    }
    let table = table(item, problems);
    let (min, max) = min.zip(max)?;
    if min >= max {
        problems.push(item.at("max"), ProblemCode::NotIncreasing, format!("choose a number above {min}"));
    }
    let steps = i128::from(max) - i128::from(min) + 1;
    if let Some(table) = &table
        && table.len() as i128 != steps
    {
        let message = format!("give one entry a step from {min} to {max}: {} instead of {}", steps.max(0), table.len());
        problems.push(item.at("table"), ProblemCode::BadLength, message);
    }
    let scale = match (table, map) {
        (Some(table), _) => RatingScale::Table(table.into_iter().map(|bp| bp.unwrap_or(0)).collect()),
        (None, RatingMap::Linear) => RatingScale::Linear,
        (None, RatingMap::Proportional) => RatingScale::Proportional,
    };
    Some(ItemKind::Rating { min, max, scale })
}

fn table(item: &Object, problems: &mut Problems) -> Option<Vec<Option<i64>>> {
    let list = item.optional_list("table", problems)?;
    let pointer = item.at("table");
    let read = |(position, value)| bp(value, &entry(&pointer, position), problems);
    Some(list.iter().enumerate().map(read).collect())
}

fn numeric(item: &Object, problems: &mut Problems) -> ItemKind {
    let mut bound = |key| item.get(key).and_then(|value| decimal(value, &item.at(key), problems));
    let (min, max) = (bound("min"), bound("max"));
    if item.has("bands") && item.has("steps") {
        let message = "keep either \"bands\" (straight lines) or \"steps\"";
        problems.push(item.at("steps"), ProblemCode::BadValue, message);
    }
    let bands = knots(item, "bands", problems);
    let steps = knots(item, "steps", problems);
    let otherwise_bp = if item.has("steps") {
        item.int("otherwise_bp", 0, 10_000, problems)
    } else {
        item.optional_bp("otherwise_bp", problems)
    };
    let scale = match (bands, steps) {
        (Some(knots), _) => NumericScale::Bands(knots),
        (None, Some(knots)) => NumericScale::Steps { knots, otherwise_bp: otherwise_bp.unwrap_or(0) },
        (None, None) => NumericScale::Unscored,
    };
    ItemKind::Numeric { min, max, scale }
}

fn knots(item: &Object, key: &str, problems: &mut Problems) -> Option<Vec<Knot>> {
    let list = item.optional_list(key, problems)?;
    let pointer = item.at(key);
    if list.is_empty() {
        problems.push(pointer.as_str(), ProblemCode::TooFew, format!("add an entry, or remove the member \"{key}\""));
    }
    let mut found = Vec::new();
    let mut before: Option<Fraction> = None;
    for (position, value) in list.iter().enumerate() {
        let pointer = entry(&pointer, position);
        let Some([x, score]) = value.as_array().map(Vec::as_slice) else {
            problems.push(pointer, ProblemCode::BadType, "write a pair [value, basis points] here");
            continue;
        };
        let x_pointer = entry(&pointer, 0);
        let x = decimal(x, &x_pointer, problems);
        let bp = int_in(score, &entry(&pointer, 1), 0, 10_000, problems);
        if let (Some(x), Some(before)) = (&x, &before)
            && x <= before
        {
            let message = "sort the entries: each value must be above the one before";
            problems.push(x_pointer, ProblemCode::NotIncreasing, message);
        }
        before = x.clone().or(before);
        if let (Some(x), Some(bp)) = (x, bp) {
            found.push(Knot { x, bp });
        }
    }
    Some(found)
}
