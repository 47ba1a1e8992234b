//! From the JSON of a standard to the compiled form, with all problems at once.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::parse_item::{self, Draft};
use crate::problem::{Problem, ProblemCode, Problems};
use crate::read::{Object, entry};
use crate::standard::{Aggregation, Band, Dimension, Section, Standard, UnansweredPolicy, Version};

/// Highest weight of an item or a section.
pub(crate) const MAX_WEIGHT: i64 = 1_000_000;

const FIELDS: [&str; 11] = [
    "id",
    "version",
    "aggregation",
    "unanswered",
    "cap_bonus",
    "min_scored_share_bp",
    "pass_bp",
    "sections",
    "dimensions",
    "bands",
    "items",
];

/// Positions of things by id; the first of two with the same id counts.
pub(crate) type Ids<'a> = BTreeMap<&'a str, usize>;

/// See [`Standard::parse`].
pub(crate) fn standard(value: &Value) -> Result<Standard, Vec<Problem>> {
    let mut problems = Problems::default();
    let compiled = compile(value, &mut problems);
    let problems = problems.into_sorted();
    match compiled {
        Some(standard) if problems.is_empty() => Ok(standard),
        _ => Err(problems),
    }
}

// Goes on after a fault with whatever can be read. `None`, or a standard with holes, comes only
// together with problems.
fn compile(value: &Value, problems: &mut Problems) -> Option<Standard> {
    let root = Object::open(value, String::new(), problems)?;
    root.only(&[&FIELDS], true, problems);

    let id = root.text("id", problems);
    let version = version(&root, problems);
    let aggregation = root.optional_word("aggregation", Aggregation::Pooled, problems);
    let unanswered = root.optional_word("unanswered", UnansweredPolicy::Exclude, problems);
    let cap_bonus = root.flag("cap_bonus", true, problems);
    let min_scored_share_bp = root.optional_bp("min_scored_share_bp", problems).unwrap_or(0);
    let pass_bp = root.optional_bp("pass_bp", problems);

    let mut section_ids = Ids::new();
    let sections = sections(&root, &mut section_ids, problems);
    let mut dimension_ids = Ids::new();
    let dimensions = dimensions(&root, &mut dimension_ids, problems);
    let bands = bands(&root, problems);

    let mut item_ids = Ids::new();
    let mut drafts = Vec::new();
    for (position, value) in root.list("items", problems).unwrap_or_default().iter().enumerate() {
        let pointer = entry("/items", position);
        let item = Object::open(value, pointer, problems);
        drafts.push(match item {
            Some(item) => {
                let id = unique_id(&item, position, &mut item_ids, problems);
                parse_item::draft(item, id, &section_ids, &dimension_ids, problems)
            }
            None => Draft::default(),
        });
    }
    // Only now, because a condition on a later item is another fault than one on an unknown item.
    parse_item::conditions(&mut drafts, &item_ids, problems);

    let items: Vec<_> = drafts.into_iter().filter_map(|draft| draft.item).collect();
    Some(Standard {
        id: id?.to_owned(),
        version: version?,
        aggregation,
        unanswered,
        cap_bonus,
        min_scored_share_bp,
        pass_bp,
        sections,
        dimensions,
        bands,
        index: items.iter().enumerate().map(|(position, item)| (item.id.clone(), position)).collect(),
        items,
    })
}

fn version(root: &Object, problems: &mut Problems) -> Option<Version> {
    let value = root.required("version", problems)?;
    let found = match value {
        Value::String(text) => Some(Version::Text(text.clone())),
        Value::Number(n) => n.as_i64().map(Version::Number),
        _ => None,
    };
    if found.is_none() {
        problems.push(root.at("version"), ProblemCode::BadType, "write a whole number, or a string");
    }
    found
}

fn sections<'a>(root: &Object<'a>, ids: &mut Ids<'a>, problems: &mut Problems) -> Vec<Section> {
    let mut found = Vec::new();
    for (position, value) in root.list("sections", problems).unwrap_or_default().iter().enumerate() {
        let Some(section) = Object::open(value, entry("/sections", position), problems) else { continue };
        section.only(&[&["id", "weight"]], true, problems);
        let id = unique_id(&section, position, ids, problems);
        let weight = section.int("weight", 0, MAX_WEIGHT, problems);
        if let (Some(id), Some(weight)) = (id, weight) {
            found.push(Section { id: id.to_owned(), weight });
        }
    }
    found
}

fn dimensions<'a>(root: &Object<'a>, ids: &mut Ids<'a>, problems: &mut Problems) -> Vec<Dimension> {
    let mut found = Vec::new();
    for (position, value) in root.optional_list("dimensions", problems).unwrap_or_default().iter().enumerate() {
        let Some(dimension) = Object::open(value, entry("/dimensions", position), problems) else { continue };
        dimension.only(&[&["id"]], true, problems);
        if let Some(id) = unique_id(&dimension, position, ids, problems) {
            found.push(Dimension { id: id.to_owned() });
        }
    }
    found
}

fn bands(root: &Object, problems: &mut Problems) -> Vec<Band> {
    let Some(list) = root.optional_list("bands", problems) else { return Vec::new() };
    if list.is_empty() {
        problems.push("/bands", ProblemCode::TooFew, "add a band, or remove the member \"bands\"");
        return Vec::new();
    }
    let mut found: Vec<Band> = Vec::new();
    let mut limits = BTreeSet::new();
    for (position, value) in list.iter().enumerate() {
        let Some(band) = Object::open(value, entry("/bands", position), problems) else { continue };
        band.only(&[&["min_bp", "label"]], true, problems);
        let min_bp = band.int("min_bp", 0, 10_000, problems);
        let label = band.text("label", problems);
        if let Some(min_bp) = min_bp
            && !limits.insert(min_bp)
        {
            let message = "give each band its own lowest score: an earlier band starts here too";
            problems.push(band.at("min_bp"), ProblemCode::Duplicate, message);
        }
        if let (Some(min_bp), Some(label)) = (min_bp, label) {
            found.push(Band { min_bp, label: label.to_owned() });
        }
    }
    if !limits.contains(&0) {
        problems.push("/bands", ProblemCode::NoZeroBand, "add a band with \"min_bp\": 0, so that every score has one");
    }
    found
}

/// The id of an object, noted when it is missing, no string or used before.
pub(crate) fn unique_id<'a>(
    object: &Object<'a>,
    position: usize,
    ids: &mut Ids<'a>,
    problems: &mut Problems,
) -> Option<&'a str> {
    let id = object.text("id", problems)?;
    if let Some(first) = ids.get(id) {
        let message = format!("choose another id: entry {first} of this list has it too");
        problems.push(object.at("id"), ProblemCode::Duplicate, message);
    } else {
        ids.insert(id, position);
    }
    Some(id)
}
