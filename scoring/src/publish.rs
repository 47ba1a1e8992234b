//! What a version must fulfil before it is published or imported, beyond being valid.
//!
//! Scoring works without these checks; they keep published standards readable in every language
//! and within limits that screens, forms and statistics can rely on.

use num_integer::Integer;
use serde_json::{Map, Value};

use crate::fraction::Fraction;
use crate::kind::{ItemKind, MultiMode, NumericScale, Options, RatingScale};
use crate::phrases;
use crate::problem::{Problem, ProblemCode, Problems};
use crate::read::{entry, join};
use crate::standard::{EvidenceKind, Item, Measured, Standard, Version};
use crate::words::Word;

/// Most items of a published standard.
pub const MAX_ITEMS: usize = 500;

/// Most options of an item of a published standard.
pub const MAX_OPTIONS: usize = 200;

/// Most languages of a published standard.
pub const MAX_LANGUAGES: usize = 100;

/// Longest code of a language, in bytes: what RFC 5646 asks programs to have room for.
const MAX_LANGUAGE_LENGTH: usize = 35;

/// Most languages that a message names.
const NAMED_LANGUAGES: usize = 5;

/// Members that hold a text by language.
const TEXTS: [&str; 4] = ["title", "text", "help", "advice"];

/// What publishing finds: problems forbid it, warnings do not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PublishReport {
    /// What must be corrected, sorted by pointer, then code.
    pub problems: Vec<Problem>,
    /// What may be intended, sorted by pointer, then code.
    pub warnings: Vec<Problem>,
}

impl PublishReport {
    /// Whether the version may be published: whether it has no problem.
    ///
    /// ```
    /// use peegel_scoring::{Problem, ProblemCode, publish::PublishReport};
    /// let mut report = PublishReport::default();
    /// report.warnings.push(Problem::new("/sections/1", ProblemCode::EmptySection, "add an item or remove the section"));
    /// assert!(report.is_publishable());
    /// report.problems.push(Problem::new("/id", ProblemCode::BadId, "start the id with a letter"));
    /// assert!(!report.is_publishable());
    /// ```
    pub fn is_publishable(&self) -> bool {
        self.problems.is_empty()
    }
}

/// Checks a valid standard for publishing.
///
/// `json` is the document `standard` was parsed from. Checked as problems: ids match
/// `[A-Za-z_][A-Za-z0-9._-]{0,63}`, at most [`MAX_ITEMS`] items, [`MAX_OPTIONS`] options an item and
/// [`MAX_LANGUAGES`] languages, a whole-number version, every `title`, `text`, `help` and `advice` in
/// every language of `languages`, known evidence kinds, known measures (`measured`) and only of numeric items in
/// seconds or minutes, phrases ([`crate::phrases`]) in these languages, bounds of numeric items that admit a value, and
/// item scores with a common denominator small enough for exact sums in 128 bits.
///
/// ```
/// use peegel_scoring::{Standard, publish};
/// use serde_json::json;
///
/// let mut json = json!({
///     "id": "tiny", "version": 1, "languages": ["en", "et"], "sections": [{"id": "s", "weight": 1}],
///     "items": [{"id": "a", "section": "s", "type": "yes_no", "weight": 3,
///                "text": {"en": "Were you greeted?", "et": "Kas sind tervitati?"}}],
/// });
/// assert!(publish::check(&json, &Standard::parse(&json).unwrap()).is_publishable());
///
/// json["version"] = json!("draft");
/// json["items"][0]["text"] = json!({"en": "Were you greeted?"});
/// let report = publish::check(&json, &Standard::parse(&json).unwrap());
/// let found: Vec<_> = report.problems.iter().map(|p| (p.pointer.as_str(), p.code.as_str())).collect();
/// assert_eq!(found, [("/items/0/text", "missing_language"), ("/version", "bad_type")]);
/// ```
pub fn check(json: &Value, standard: &Standard) -> PublishReport {
    let mut problems = Problems::default();
    ids(standard, &mut problems);
    sizes(standard, &mut problems);
    if !matches!(standard.version, Version::Number(_)) {
        problems.push("/version", ProblemCode::BadType, "number the versions of a published standard: 1, 2, 3");
    }
    presentation(json, &mut problems);
    bounds(standard, &mut problems);
    denominators(standard, &mut problems);
    PublishReport { problems: problems.into_sorted(), warnings: warnings(json, standard) }
}

fn is_good_id(id: &str) -> bool {
    let mut bytes = id.bytes();
    let first = bytes.next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_');
    first && id.len() <= 64 && bytes.all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
}

fn ids(standard: &Standard, problems: &mut Problems) {
    let mut check = |id: &str, pointer: String| {
        if !is_good_id(id) {
            let message =
                "start the id with a letter or _, go on with letters, digits, dot, _ or -, at most 64 characters";
            problems.push(pointer, ProblemCode::BadId, message);
        }
    };
    check(&standard.id, "/id".to_owned());
    for (position, section) in standard.sections.iter().enumerate() {
        check(&section.id, format!("/sections/{position}/id"));
    }
    for (position, dimension) in standard.dimensions.iter().enumerate() {
        check(&dimension.id, format!("/dimensions/{position}/id"));
    }
    for (position, item) in standard.items.iter().enumerate() {
        check(&item.id, format!("/items/{position}/id"));
        for (number, option) in item.options().iter().enumerate() {
            check(&option.id, format!("/items/{position}/options/{number}/id"));
        }
    }
}

fn sizes(standard: &Standard, problems: &mut Problems) {
    if standard.items.len() > MAX_ITEMS {
        let message = format!("split the standard: {} items, at most {MAX_ITEMS}", standard.items.len());
        problems.push("/items", ProblemCode::TooMany, message);
    }
    for (position, item) in standard.items.iter().enumerate() {
        let options = item.options().len();
        if options > MAX_OPTIONS {
            let message = format!("shorten the list: {options} options, at most {MAX_OPTIONS}");
            problems.push(format!("/items/{position}/options"), ProblemCode::TooMany, message);
        }
    }
}

// Texts and languages of the standard, its sections, dimensions, bands, items and options.
fn presentation(json: &Value, problems: &mut Problems) {
    let Some(root) = json.as_object() else { return };
    let languages = languages(root, problems);
    texts(root, "", &languages, problems);
    for list in ["sections", "dimensions", "bands", "items"] {
        for (part, pointer) in objects(root, list, "") {
            texts(part, &pointer, &languages, problems);
            for (option, pointer) in objects(part, "options", &pointer) {
                texts(option, &pointer, &languages, problems);
            }
            evidence_kind(part, &pointer, problems);
            if list == "items" {
                phrases::check(part, &pointer, &languages, problems);
            }
            measured(part, &pointer, problems);
        }
    }
}

fn objects<'a>(parent: &'a Map<String, Value>, list: &str, pointer: &str) -> Vec<(&'a Map<String, Value>, String)> {
    let pointer = join(pointer, list);
    let entries = parent.get(list).and_then(Value::as_array).into_iter().flatten().enumerate();
    entries.filter_map(|(position, value)| Some((value.as_object()?, entry(&pointer, position)))).collect()
}

fn languages<'a>(root: &'a Map<String, Value>, problems: &mut Problems) -> Vec<&'a str> {
    let Some(value) = root.get("languages") else { return Vec::new() };
    let Some(list) = value.as_array().filter(|list| !list.is_empty()) else {
        problems.push("/languages", ProblemCode::BadType, "write a list of language codes such as [\"en\", \"et\"]");
        return Vec::new();
    };
    if list.len() > MAX_LANGUAGES {
        let message = format!("shorten the list: {} languages, at most {MAX_LANGUAGES}", list.len());
        problems.push("/languages", ProblemCode::TooMany, message);
    }
    let mut found = Vec::new();
    // Every text is looked for in every language, so an endless list must not be followed to its end.
    for (position, value) in list.iter().enumerate().take(MAX_LANGUAGES) {
        let pointer = entry("/languages", position);
        match value.as_str().filter(|language| (1..=MAX_LANGUAGE_LENGTH).contains(&language.len())) {
            None => problems.push(pointer, ProblemCode::BadType, "write a language code such as \"en\""),
            Some(language) if found.contains(&language) => {
                problems.push(pointer, ProblemCode::Duplicate, "remove the language: it is listed before");
            }
            Some(language) => found.push(language),
        }
    }
    found
}

fn texts(part: &Map<String, Value>, pointer: &str, languages: &[&str], problems: &mut Problems) {
    for key in TEXTS {
        let Some(text) = part.get(key) else { continue };
        let missing: Vec<_> = languages.iter().copied().filter(|language| !speaks(text, language)).collect();
        if !missing.is_empty() {
            let mut message = format!("add the text in: {}", missing[..missing.len().min(NAMED_LANGUAGES)].join(", "));
            if missing.len() > NAMED_LANGUAGES {
                message += &format!(" and {} more", missing.len() - NAMED_LANGUAGES);
            }
            problems.push(join(pointer, key), ProblemCode::MissingLanguage, message);
        }
    }
}

fn speaks(text: &Value, language: &str) -> bool {
    text.get(language).and_then(Value::as_str).is_some_and(|text| !text.trim().is_empty())
}

fn evidence_kind(part: &Map<String, Value>, pointer: &str, problems: &mut Problems) {
    if let Some(value) = part.get("evidence_kind")
        && value.as_str().and_then(EvidenceKind::from_word).is_none()
    {
        let message = "choose one of \"photo\", \"recording\", \"either\"";
        problems.push(join(pointer, "evidence_kind"), ProblemCode::BadValue, message);
    }
}

fn measured(part: &Map<String, Value>, pointer: &str, problems: &mut Problems) {
    let Some(value) = part.get("measured") else { return };
    let mut wrong = |key, message| problems.push(join(pointer, key), ProblemCode::BadValue, message);
    if value.as_str().and_then(Measured::from_word).is_none() {
        wrong("measured", "choose one of \"ring\", \"hold\", \"talk\"");
    }
    if part.get("type").and_then(Value::as_str) != Some("numeric") {
        wrong("measured", "remove it: only numeric items are measured");
    } else if !matches!(part.get("unit").and_then(Value::as_str), Some("s" | "min")) {
        wrong("unit", "choose \"s\" or \"min\": what is measured is a time");
    }
}

fn bounds(standard: &Standard, problems: &mut Problems) {
    for (position, item) in standard.items.iter().enumerate() {
        if let ItemKind::Numeric { min: Some(min), max: Some(max), .. } = &item.kind
            && min > max
        {
            let message = "choose a number not below \"min\": no answer can be valid now";
            problems.push(format!("/items/{position}/max"), ProblemCode::NotIncreasing, message);
        }
    }
}

// Sums stay below `common denominator * total weight * 20000`, which must fit 128 bits. The first
// item that breaks the bound is named, because the ones before it fit.
fn denominators(standard: &Standard, problems: &mut Problems) {
    let weight: i128 = standard.items.iter().map(|item| i128::from(item.weight)).sum();
    let factor = weight.max(1) * 20_000;
    let mut common: i128 = 1;
    for (position, item) in standard.items.iter().enumerate().filter(|(_, item)| item.is_scorable()) {
        let grown = denominator(item).and_then(|own| lcm(common, own));
        match grown.filter(|grown| grown.checked_mul(factor).is_some()) {
            Some(grown) => common = grown,
            None => {
                let message = "simplify the bands, points or range of this item: use rounder numbers, so that the \
                               scores of all items keep a common denominator below 128 bits";
                problems.push(format!("/items/{position}"), ProblemCode::DenominatorTooLarge, message);
                return;
            }
        }
    }
}

fn lcm(a: i128, b: i128) -> Option<i128> {
    (a / a.gcd(&b)).checked_mul(b)
}

/// A common denominator of all scores of an item, `None` beyond 128 bits.
///
/// For a numeric item with bands: of all values that are multiples of the common step of its knots.
/// Finer values are scored exactly too, in big integers where needed.
fn denominator(item: &Item) -> Option<i128> {
    let of_bp = |bp: i64| Fraction::from_bp(bp).small_denominator();
    match &item.kind {
        ItemKind::YesNo { .. } | ItemKind::Text => Some(1),
        ItemKind::Choice { options } => of_options(options, MultiMode::Best),
        ItemKind::Multi { options, mode } => of_options(options, *mode),
        ItemKind::Rating { min, max, scale } => match scale {
            RatingScale::Linear => Some(i128::from(*max) - i128::from(*min)),
            RatingScale::Proportional => Some((*max).into()),
            RatingScale::Table(table) => fold(table.iter().map(|&bp| of_bp(bp))),
        },
        ItemKind::Nps { .. } => Some(10),
        ItemKind::Numeric { scale, .. } => match scale {
            NumericScale::Unscored => Some(1),
            NumericScale::Steps { knots, otherwise_bp } => {
                fold(knots.iter().map(|knot| of_bp(knot.bp)).chain([of_bp(*otherwise_bp)]))
            }
            NumericScale::Bands(knots) => {
                let step = fold(knots.iter().map(|knot| knot.x.small_denominator()))?;
                let levels = knots.iter().map(|knot| of_bp(knot.bp));
                let slopes = knots.windows(2).map(|pair| {
                    let rise = Fraction::from_bp(pair[1].bp - pair[0].bp);
                    let slope = rise.checked_div(&(&pair[1].x - &pair[0].x))?;
                    slope.checked_div(&Fraction::new(step, 1)?)?.small_denominator()
                });
                fold(levels.chain(slopes))
            }
        },
    }
}

fn fold(mut denominators: impl Iterator<Item = Option<i128>>) -> Option<i128> {
    denominators.try_fold(1, |common, own| lcm(common, own?))
}

fn of_options(options: &Options, mode: MultiMode) -> Option<i128> {
    let each = options.as_slice().iter().map(|option| i128::from(option.points));
    let common = each.clone().fold(0, |common: i128, points| common.gcd(&points));
    let whole = match mode {
        MultiMode::Sum => each.map(|points| points.max(0)).sum(),
        MultiMode::Best => each.max().unwrap_or(0),
        MultiMode::AllOrNothing => return Some(1),
    };
    Some(if whole <= 0 { 1 } else { whole / common.max(1) })
}

fn warnings(json: &Value, standard: &Standard) -> Vec<Problem> {
    let mut warnings = Problems::default();
    if !standard.items.iter().any(|item| item.is_normal_scorable() && item.weight > 0) {
        let message = "give at least one scored item of role normal a weight: every score will be null";
        warnings.push("/items", ProblemCode::NothingScored, message);
    }
    // The highest weight of an item, by section; none in a section without items.
    let mut highest = vec![None; standard.sections.len()];
    for item in &standard.items {
        highest[item.section] = highest[item.section].max(Some(item.weight));
    }
    for (position, (section, highest)) in standard.sections.iter().zip(highest).enumerate() {
        let pointer = format!("/sections/{position}");
        if highest.is_none() {
            let message = format!("add an item to \"{}\" or remove the section", section.id);
            warnings.push(pointer, ProblemCode::EmptySection, message);
        } else if highest == Some(0) {
            let message = format!("give an item of \"{}\" a weight: the section has no score", section.id);
            warnings.push(pointer, ProblemCode::ZeroWeightSection, message);
        }
    }
    for (position, item) in standard.items.iter().enumerate() {
        let pointer = format!("/items/{position}/na");
        if !item.na_allowed && json.pointer(&pointer).is_some() {
            let message = "allow N/A with \"na_allowed\": true, or remove the policy: it does nothing now";
            warnings.push(pointer, ProblemCode::NaWithoutNaAllowed, message);
        }
    }
    warnings.into_sorted()
}
