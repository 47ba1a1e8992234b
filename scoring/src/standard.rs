//! The compiled standard: what scoring needs, checked and with every reference resolved.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;
use serde_json::Value;

use crate::condition::Condition;
use crate::kind::{ChoiceOption, ItemKind};
use crate::parse;
use crate::problem::Problem;
use crate::words::words;

/// One immutable version of a checklist with weights, ready to score with.
///
/// Holds no texts: titles, questions and advice stay in the JSON it was parsed from. Nothing in it
/// can change, so one copy in an `Arc` serves all threads.
#[derive(Clone, Debug)]
pub struct Standard {
    pub(crate) id: String,
    pub(crate) version: Version,
    pub(crate) aggregation: Aggregation,
    pub(crate) unanswered: UnansweredPolicy,
    pub(crate) cap_bonus: bool,
    pub(crate) min_scored_share_bp: i64,
    pub(crate) pass_bp: Option<i64>,
    pub(crate) sections: Vec<Section>,
    pub(crate) dimensions: Vec<Dimension>,
    pub(crate) bands: Vec<Band>,
    pub(crate) items: Vec<Item>,
    /// Position of each item by id.
    pub(crate) index: BTreeMap<String, usize>,
}

impl Standard {
    /// Compiles a scoring standard or a full standard file.
    ///
    /// Presentation fields (`title`, `text`, `advice` and so on) are ignored; any other unknown
    /// field is a problem.
    ///
    /// # Errors
    ///
    /// All problems at once, sorted by pointer, then code.
    ///
    /// ```
    /// use peegel_scoring::Standard;
    /// use serde_json::json;
    ///
    /// let problems = Standard::parse(&json!({
    ///     "id": "tiny", "version": 1, "sections": [{"id": "s", "weight": 1}],
    ///     "items": [{"id": "a", "section": "x", "type": "yes_no", "wieght": 3}],
    /// }))
    /// .unwrap_err();
    /// let found: Vec<_> = problems.iter().map(|p| (p.pointer.as_str(), p.code.as_str())).collect();
    /// assert_eq!(found, [
    ///     ("/items/0/section", "unknown_ref"),
    ///     ("/items/0/weight", "missing"),
    ///     ("/items/0/wieght", "unknown_field"),
    /// ]);
    /// ```
    pub fn parse(standard: &Value) -> Result<Self, Vec<Problem>> {
        parse::standard(standard)
    }

    /// The id all versions of this standard share.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The version, not interpreted by scoring.
    pub fn version(&self) -> &Version {
        &self.version
    }

    /// How section scores become the visit score.
    pub fn aggregation(&self) -> Aggregation {
        self.aggregation
    }

    /// How optional items left empty enter a submitted visit.
    pub fn unanswered(&self) -> UnansweredPolicy {
        self.unanswered
    }

    /// Whether bonus items stop lifting a score at full marks.
    pub fn cap_bonus(&self) -> bool {
        self.cap_bonus
    }

    /// Smallest share of the asked weight that must be scored, in basis points, 0..=10000.
    pub fn min_scored_share_bp(&self) -> i64 {
        self.min_scored_share_bp
    }

    /// The pass mark in basis points, 0..=10000, when there is one.
    pub fn pass_bp(&self) -> Option<i64> {
        self.pass_bp
    }

    /// The sections in the order of the visit.
    pub fn sections(&self) -> &[Section] {
        &self.sections
    }

    /// The dimensions in the order of the standard.
    pub fn dimensions(&self) -> &[Dimension] {
        &self.dimensions
    }

    /// The grade bands in the order of the standard; empty when it has none.
    pub fn bands(&self) -> &[Band] {
        &self.bands
    }

    /// The items in the order of the questionnaire.
    pub fn items(&self) -> &[Item] {
        &self.items
    }

    /// Position of the band a score lies in.
    pub(crate) fn band_of(&self, score_bp: i64) -> Option<usize> {
        let reached = self.bands.iter().enumerate().filter(|(_, band)| band.min_bp <= score_bp);
        reached.max_by_key(|(_, band)| band.min_bp).map(|(position, _)| position)
    }

    /// The item with this id.
    pub fn item(&self, id: &str) -> Option<&Item> {
        self.index.get(id).map(|&position| &self.items[position])
    }
}

/// The version of a standard: a whole number or a word.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Version {
    /// A whole number, as publishing requires.
    Number(i64),
    /// Any text; good enough to score with, refused at publish.
    Text(String),
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Version::Number(n) => write!(f, "{n}"),
            Version::Text(text) => f.write_str(text),
        }
    }
}

words! {
    /// How section scores become the visit score.
    Aggregation {
        /// Points earned over points possible, over all sections (the default).
        Pooled = "pooled",
        /// The mean of the section scores by section weight.
        WeightedSections = "weighted_sections",
    }
}

words! {
    /// How visible optional items left empty enter a submitted visit.
    UnansweredPolicy {
        /// They leave the sums (the default).
        Exclude = "exclude",
        /// They count as a score of zero.
        Zero = "zero",
    }
}

/// A part of the visit with its weight.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Section {
    /// Id, unique among the sections.
    pub id: String,
    /// Weight in `weighted_sections`, 0..=1000000; without effect when pooled.
    pub weight: i64,
}

/// Something that items measure, across sections.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Dimension {
    /// Id, unique among the dimensions.
    pub id: String,
}

/// A grade that starts at a score.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Band {
    /// Lowest score of the band in basis points, 0..=10000.
    pub min_bp: i64,
    /// What the grade is called, for example `"A"`.
    pub label: String,
}

/// One question of the standard.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Item {
    /// Id, unique among the items and stable over versions.
    pub id: String,
    /// Position of its section in [`Standard::sections`].
    pub section: usize,
    /// The type with the fields of that type.
    pub kind: ItemKind,
    /// Weight, 0..=1000000; zero is informational.
    pub weight: i64,
    /// Whether a submitted visit must answer it when it is visible.
    pub required: bool,
    /// Whether N/A is an answer.
    pub na_allowed: bool,
    /// How an N/A answer enters the sums.
    pub na: NaPolicy,
    /// Whether it enters sums at all; unscored items still are validated and can be critical.
    pub scored: bool,
    /// How its points count.
    pub role: Role,
    /// The dimensions it serves.
    pub dimensions: Vec<DimensionShare>,
    /// What failing it does to the section or the visit.
    pub critical: Option<Critical>,
    /// When evidence must come with an answer.
    pub evidence: EvidencePolicy,
    /// Which evidence proves it (the presentation field `evidence_kind`, without effect on scores).
    pub evidence_kind: Option<EvidenceKind>,
    pub(crate) show_if: Option<Condition>,
}

impl Item {
    /// Whether the item is shown only under a condition on earlier items (`show_if`).
    pub fn has_condition(&self) -> bool {
        self.show_if.is_some()
    }

    /// Whether answers of this item can enter sums: scored, and of a type that yields a score.
    pub fn is_scorable(&self) -> bool {
        self.scored && self.kind.yields_score()
    }

    /// Whether the item belongs to the ordinary points: scorable and of role normal.
    pub fn is_normal_scorable(&self) -> bool {
        self.role == Role::Normal && self.is_scorable()
    }

    /// The answer options in order; empty for types without options.
    pub fn options(&self) -> &[ChoiceOption] {
        match &self.kind {
            ItemKind::Choice { options } | ItemKind::Multi { options, .. } => &options.list,
            _ => &[],
        }
    }
}

/// The share of an item's weight that counts for a dimension.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DimensionShare {
    /// Position in [`Standard::dimensions`].
    pub dimension: usize,
    /// Share of the weight in basis points, 0..=10000.
    pub share_bp: i64,
}

/// What failing an item does.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Critical {
    /// What is capped.
    pub scope: Scope,
    /// The highest score left in basis points, 0..=10000; 10000 keeps the number but fails.
    pub cap_bp: i64,
    /// The item fails below this score, in basis points, 0..=10000.
    pub fail_below_bp: i64,
}

words! {
    /// What a critical item caps.
    Scope {
        /// The score of the item's section.
        Section = "section",
        /// The score of the visit.
        Visit = "visit",
    }
}

words! {
    /// How an N/A answer enters the sums.
    NaPolicy {
        /// As if the item were not there (the default).
        Exclude = "exclude",
        /// As a score of zero.
        Zero = "zero",
        /// As a full score.
        Full = "full",
    }
}

words! {
    /// How an item's points count.
    Role {
        /// Earned over possible.
        Normal = "normal",
        /// Earned points are added, nothing is possible.
        Bonus = "bonus",
        /// Lost points are subtracted, nothing is possible.
        Penalty = "penalty",
    }
}

words! {
    /// When evidence must come with an answer.
    EvidencePolicy {
        /// Never (the default).
        Never = "never",
        /// With every answer.
        Always = "always",
        /// When the score of the item is below one.
        OnFail = "on_fail",
    }
}

words! {
    /// Which evidence proves an item.
    EvidenceKind {
        /// A photo.
        Photo = "photo",
        /// A recording.
        Recording = "recording",
        /// A photo or a recording.
        Either = "either",
    }
}
