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
/// can change, so one copy in an `Arc` serves all threads. Weights are whole points, shares and
/// scores basis points: 10000 is full marks.
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
    /// field is a problem. Takes time and memory in proportion to the length of the document.
    ///
    /// # Errors
    ///
    /// All problems at once, sorted by pointer, then code; the first group of
    /// [`ProblemCode`](crate::ProblemCode) says which there are.
    ///
    /// ```
    /// use peegel_scoring::Standard;
    /// use serde_json::json;
    ///
    /// let standard = Standard::parse(&json!({
    ///     "id": "tiny", "version": 1, "sections": [{"id": "s", "weight": 1}],
    ///     "items": [{"id": "a", "section": "s", "type": "yes_no", "weight": 3, "text": {"en": "Greeted?"}}],
    /// }));
    /// assert_eq!(standard.unwrap().items().len(), 1);
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
    ///
    /// ```
    /// # use {peegel_scoring::Standard, serde_json::json};
    /// let standard = Standard::parse(&json!({"id": "tiny", "version": 1, "sections": [], "items": []})).unwrap();
    /// assert_eq!(standard.id(), "tiny");
    /// ```
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The version, not interpreted by scoring.
    ///
    /// ```
    /// # use {peegel_scoring::{Standard, Version}, serde_json::json};
    /// let standard = Standard::parse(&json!({"id": "tiny", "version": 7, "sections": [], "items": []})).unwrap();
    /// assert_eq!(*standard.version(), Version::Number(7));
    /// ```
    pub fn version(&self) -> &Version {
        &self.version
    }

    /// How section scores become the visit score.
    ///
    /// ```
    /// # use {peegel_scoring::{Aggregation, Standard}, serde_json::json};
    /// let standard = Standard::parse(&json!({"id": "tiny", "version": 1, "sections": [], "items": []})).unwrap();
    /// assert_eq!(standard.aggregation(), Aggregation::Pooled);
    /// ```
    pub fn aggregation(&self) -> Aggregation {
        self.aggregation
    }

    /// How optional items left empty enter a submitted visit; a rescored one always leaves them out.
    ///
    /// ```
    /// # use {peegel_scoring::{Standard, UnansweredPolicy}, serde_json::json};
    /// let json = json!({"id": "tiny", "version": 1, "unanswered": "zero", "sections": [], "items": []});
    /// assert_eq!(Standard::parse(&json).unwrap().unanswered(), UnansweredPolicy::Zero);
    /// ```
    pub fn unanswered(&self) -> UnansweredPolicy {
        self.unanswered
    }

    /// Whether bonus items stop lifting a score at full marks; true unless the standard says otherwise.
    ///
    /// ```
    /// # use {peegel_scoring::Standard, serde_json::json};
    /// let standard = Standard::parse(&json!({"id": "tiny", "version": 1, "sections": [], "items": []})).unwrap();
    /// assert!(standard.cap_bonus());
    /// ```
    pub fn cap_bonus(&self) -> bool {
        self.cap_bonus
    }

    /// Smallest share of the asked weight that must be scored, in basis points, 0..=10000; 0 unless the
    /// standard says otherwise. A visit below it is insufficient: shown, but without grade.
    ///
    /// ```
    /// # use {peegel_scoring::Standard, serde_json::json};
    /// let json = json!({"id": "tiny", "version": 1, "min_scored_share_bp": 7000, "sections": [], "items": []});
    /// assert_eq!(Standard::parse(&json).unwrap().min_scored_share_bp(), 7000);
    /// ```
    pub fn min_scored_share_bp(&self) -> i64 {
        self.min_scored_share_bp
    }

    /// The pass mark in basis points, 0..=10000, when there is one; a visit passes from it on.
    ///
    /// ```
    /// # use {peegel_scoring::Standard, serde_json::json};
    /// let json = json!({"id": "tiny", "version": 1, "pass_bp": 8000, "sections": [], "items": []});
    /// assert_eq!(Standard::parse(&json).unwrap().pass_bp(), Some(8000));
    /// ```
    pub fn pass_bp(&self) -> Option<i64> {
        self.pass_bp
    }

    /// The sections in the order of the visit.
    ///
    /// ```
    /// # use {peegel_scoring::Standard, serde_json::json};
    /// let json = json!({"id": "tiny", "version": 1, "sections": [{"id": "door", "weight": 60}], "items": []});
    /// assert_eq!(Standard::parse(&json).unwrap().sections()[0].weight, 60);
    /// ```
    pub fn sections(&self) -> &[Section] {
        &self.sections
    }

    /// The dimensions in the order of the standard; empty when it has none.
    ///
    /// ```
    /// # use {peegel_scoring::Standard, serde_json::json};
    /// let json = json!({"id": "tiny", "version": 1, "dimensions": [{"id": "warmth"}], "sections": [], "items": []});
    /// assert_eq!(Standard::parse(&json).unwrap().dimensions()[0].id, "warmth");
    /// ```
    pub fn dimensions(&self) -> &[Dimension] {
        &self.dimensions
    }

    /// The grade bands in the order of the standard; empty when it has none. One of them starts at 0.
    ///
    /// ```
    /// # use {peegel_scoring::Standard, serde_json::json};
    /// let mut json = json!({"id": "tiny", "version": 1, "sections": [], "items": []});
    /// json["bands"] = json!([{"min_bp": 9000, "label": "A"}, {"min_bp": 0, "label": "B"}]);
    /// assert_eq!(Standard::parse(&json).unwrap().bands()[0].label, "A");
    ///
    /// json["bands"] = json!([{"min_bp": 9000, "label": "A"}]);
    /// assert_eq!(Standard::parse(&json).unwrap_err()[0].code.as_str(), "no_zero_band");
    /// ```
    pub fn bands(&self) -> &[Band] {
        &self.bands
    }

    /// The items in the order of the questionnaire; conditions look at earlier ones only.
    ///
    /// ```
    /// # use {peegel_scoring::Standard, serde_json::json};
    /// let mut json = json!({"id": "tiny", "version": 1, "sections": [{"id": "s", "weight": 1}]});
    /// json["items"] = json!([{"id": "a", "section": "s", "type": "text", "weight": 0}]);
    /// assert_eq!(Standard::parse(&json).unwrap().items()[0].id, "a");
    /// ```
    pub fn items(&self) -> &[Item] {
        &self.items
    }

    /// Position of the band a score lies in.
    pub(crate) fn band_of(&self, score_bp: i64) -> Option<usize> {
        let reached = self.bands.iter().enumerate().filter(|(_, band)| band.min_bp <= score_bp);
        reached.max_by_key(|(_, band)| band.min_bp).map(|(position, _)| position)
    }

    /// The item with this id, `None` when the standard has no such item.
    ///
    /// ```
    /// # use {peegel_scoring::Standard, serde_json::json};
    /// let standard = Standard::parse(&json!({
    ///     "id": "tiny", "version": 1, "sections": [{"id": "s", "weight": 1}],
    ///     "items": [{"id": "a", "section": "s", "type": "yes_no", "weight": 3}],
    /// }))
    /// .unwrap();
    /// assert_eq!(standard.item("a").map(|item| item.weight), Some(3));
    /// assert!(standard.item("b").is_none());
    /// ```
    pub fn item(&self, id: &str) -> Option<&Item> {
        self.index.get(id).map(|&position| &self.items[position])
    }
}

/// The version of a standard: a whole number or a word. Displayed as it stands in JSON, without quotes.
///
/// ```
/// # use peegel_scoring::Version;
/// assert_eq!([Version::Number(7).to_string(), Version::Text("draft".to_owned()).to_string()], ["7", "draft"]);
/// ```
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
///
/// Its score is (points earned + bonus - penalty) / points possible, at least 0 and, with
/// [`cap_bonus`](Standard::cap_bonus), at most 1; then capped by the critical items that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Section {
    /// Id, unique among the sections.
    pub id: String,
    /// Weight in `weighted_sections`, 0..=1000000; without effect when pooled.
    pub weight: i64,
}

/// Something that items measure, across sections.
///
/// Its score is the sum of weight x share x score over the sum of weight x share, of the ordinary items
/// that serve it: a diagnosis that caps, bonus and penalty leave alone.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Dimension {
    /// Id, unique among the dimensions.
    pub id: String,
}

/// A grade that starts at a score; a visit has the highest one it reaches, by its rounded basis points.
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
    /// Which figure of a recording answers it (the presentation field `measured`, without effect on scores).
    pub measured: Option<Measured>,
    pub(crate) show_if: Option<Condition>,
}

impl Item {
    /// Whether the item is shown only under a condition on earlier items (`show_if`).
    ///
    /// ```
    /// # use {peegel_scoring::Standard, serde_json::json};
    /// let standard = Standard::parse(&json!({
    ///     "id": "tiny", "version": 1, "sections": [{"id": "s", "weight": 1}],
    ///     "items": [
    ///         {"id": "queue", "section": "s", "type": "yes_no", "weight": 0},
    ///         {"id": "minutes", "section": "s", "type": "numeric", "weight": 0,
    ///          "show_if": {"item": "queue", "op": "eq", "value": true}},
    ///     ],
    /// }))
    /// .unwrap();
    /// assert!(standard.items()[1].has_condition());
    /// assert!(!standard.items()[0].has_condition());
    /// ```
    pub fn has_condition(&self) -> bool {
        self.show_if.is_some()
    }

    /// Whether answers of this item can enter sums: scored, and of a type that yields a score.
    ///
    /// ```
    /// # use {peegel_scoring::Standard, serde_json::json};
    /// let standard = Standard::parse(&json!({
    ///     "id": "tiny", "version": 1, "sections": [{"id": "s", "weight": 1}],
    ///     "items": [
    ///         {"id": "greeted", "section": "s", "type": "yes_no", "weight": 3},
    ///         {"id": "remarks", "section": "s", "type": "text", "weight": 0},
    ///         {"id": "rain", "section": "s", "type": "yes_no", "weight": 0, "scored": false},
    ///     ],
    /// }))
    /// .unwrap();
    /// assert!(standard.items()[0].is_scorable());
    /// assert!(!standard.items()[1].is_scorable() && !standard.items()[2].is_scorable());
    /// ```
    pub fn is_scorable(&self) -> bool {
        self.scored && self.kind.yields_score()
    }

    /// Whether the item belongs to the ordinary points, those that are possible: scorable and of role normal.
    ///
    /// ```
    /// # use {peegel_scoring::Standard, serde_json::json};
    /// let standard = Standard::parse(&json!({
    ///     "id": "tiny", "version": 1, "sections": [{"id": "s", "weight": 1}],
    ///     "items": [
    ///         {"id": "greeted", "section": "s", "type": "yes_no", "weight": 3},
    ///         {"id": "by_name", "section": "s", "type": "yes_no", "weight": 1, "role": "bonus"},
    ///     ],
    /// }))
    /// .unwrap();
    /// assert!(standard.items()[0].is_normal_scorable());
    /// assert!(!standard.items()[1].is_normal_scorable());
    /// ```
    pub fn is_normal_scorable(&self) -> bool {
        self.role == Role::Normal && self.is_scorable()
    }

    /// The answer options in order; empty for types without options.
    ///
    /// ```
    /// # use {peegel_scoring::Standard, serde_json::json};
    /// let standard = Standard::parse(&json!({
    ///     "id": "tiny", "version": 1, "sections": [{"id": "s", "weight": 1}],
    ///     "items": [
    ///         {"id": "shelf", "section": "s", "type": "choice", "weight": 3,
    ///          "options": [{"id": "full", "points": 2}, {"id": "gaps", "points": 1}]},
    ///         {"id": "remarks", "section": "s", "type": "text", "weight": 0},
    ///     ],
    /// }))
    /// .unwrap();
    /// assert_eq!(standard.items()[0].options()[1].id, "gaps");
    /// assert!(standard.items()[1].options().is_empty());
    /// ```
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

words! {
    /// Which figure of a recording a numeric item asks for, in seconds or minutes.
    Measured {
        /// From the start to the first speech.
        Ring = "ring",
        /// Stretches without speech between the first and the last word, together.
        Hold = "hold",
        /// From the first to the last word, less the time on hold.
        Talk = "talk",
    }
}
