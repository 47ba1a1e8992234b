//! Scorecards, as they are read.

use poem_openapi::Object;
use uuid::Uuid;

use crate::appeals::types::{AppealCounts, AppealLine};
use crate::entity::wave;
use crate::words::WaveKind;

/// The wave that scores are of.
#[derive(Clone, Debug, Object)]
pub struct ScorecardWave {
    /// The wave.
    pub id: Uuid,
    /// Its name.
    pub name: String,
    /// Its kind. Results of kinds other than `regular` stand on their own and enter no average over waves.
    pub kind: WaveKind,
}

impl From<&wave::Model> for ScorecardWave {
    fn from(row: &wave::Model) -> Self {
        Self { id: row.id, name: row.name.clone(), kind: row.kind }
    }
}

/// What came out of some visits.
#[derive(Clone, Debug, Object)]
pub struct ScoreFigures {
    /// Visits with a score that counts.
    pub visits: i64,
    /// The mean of their scores, in basis points; null without visits.
    pub mean_bp: Option<i64>,
    /// True below three visits: read them as single observations, not as a trend.
    pub few_visits: bool,
    /// Visits that have a pass mark.
    pub judged: i64,
    /// How many of those passed.
    pub passed: i64,
    /// Critical items that failed, over all visits.
    pub critical_failures: i64,
    /// Visits of which too little was scored to count.
    pub insufficient: i64,
    /// Visits that could not be made.
    pub attempted: i64,
    /// The wave of the same kind before this one; null when nothing was published there.
    pub previous: Option<PreviousFigures>,
}

/// The same for the wave before.
#[derive(Clone, Debug, Object)]
pub struct PreviousFigures {
    /// The wave before.
    pub wave: ScorecardWave,
    /// Its visits with a score that counts.
    pub visits: i64,
    /// The mean of their scores, in basis points.
    pub mean_bp: i64,
    /// This mean less that one, in basis points. Null when the two waves used different standards or versions: their
    /// scores are not of the same thing.
    pub change_bp: Option<i64>,
}

/// The results of one version of a standard.
#[derive(Clone, Debug, Object)]
pub struct StandardScores {
    /// The standard.
    pub standard_id: String,
    /// Its version.
    pub standard_version: i32,
    /// Its title.
    pub title: String,
    /// The figures of the visits made by it.
    #[oai(flatten)]
    pub figures: ScoreFigures,
    /// The sections, in the order of the visit.
    pub sections: Vec<PartScores>,
    /// The dimensions of service, in the order of the standard.
    pub dimensions: Vec<PartScores>,
    /// The items that were asked, in the order of the questionnaire.
    pub items: Vec<ItemScores>,
}

/// The results of a section or a dimension.
#[derive(Clone, Debug, Object)]
pub struct PartScores {
    /// Its id in the standard.
    pub id: String,
    /// Its title.
    pub title: String,
    /// Visits that have a value.
    pub n: i64,
    /// The mean of these values, in basis points.
    pub mean_bp: Option<i64>,
    /// The mean in the wave before, by the same version of the standard.
    pub previous_mean_bp: Option<i64>,
}

/// The results of an item.
#[derive(Clone, Debug, Object)]
pub struct ItemScores {
    /// Its id in the standard.
    pub id: String,
    /// The section it is asked in.
    pub section_id: String,
    /// Its text.
    pub text: String,
    /// Visits that asked it and got an answer with a score.
    pub asked: i64,
    /// How many of those met it in full.
    pub met: i64,
    /// The share of those, in basis points.
    pub met_share_bp: Option<i64>,
    /// The mean of its scores, in basis points.
    pub mean_bp: Option<i64>,
    /// What the mean score of the visits would gain if it were always met, in basis points.
    pub lost_bp: i64,
    /// Visits in which it failed as a critical item.
    pub critical_failures: i64,
}

/// The results of a branch in a wave. Only published visits count.
#[derive(Debug, Object)]
pub struct BranchScorecard {
    /// The branch.
    pub branch_id: Uuid,
    /// Its code in the chain.
    pub branch_code: String,
    /// Its name.
    pub branch_name: String,
    /// Its chain.
    pub chain_id: Uuid,
    /// The wave.
    pub wave: ScorecardWave,
    /// The language of the titles and texts.
    pub lang: String,
    /// All visits together, whatever their standard; every visit weighs the same.
    pub overall: ScoreFigures,
    /// Each version of each standard that was used.
    pub standards: Vec<StandardScores>,
    /// Appeals against the published visits, in the order they were filed.
    pub appeals: Vec<AppealLine>,
}

/// The results of a chain or a region in a wave. Only published visits count.
#[derive(Debug, Object)]
pub struct NetworkScorecard {
    /// The chain.
    pub chain_id: Uuid,
    /// The region; null for the whole chain.
    pub region_id: Option<Uuid>,
    /// The wave.
    pub wave: ScorecardWave,
    /// The language of the titles and texts.
    pub lang: String,
    /// All visits together, whatever their standard; every visit weighs the same.
    pub overall: ScoreFigures,
    /// The typical visit: the mean over visits, in basis points. Branches with more visits weigh more.
    pub typical_visit_mean_bp: Option<i64>,
    /// The typical branch: the mean of the branches' means, in basis points. Every branch weighs the same.
    pub typical_branch_mean_bp: Option<i64>,
    /// Each version of each standard that was used.
    pub standards: Vec<StandardScores>,
    /// Appeals against the published visits.
    pub appeals: AppealCounts,
    /// The branches that have scored visits, ordered by id and not by score.
    pub branches: Vec<BranchLine>,
}

/// One branch of a chain or region.
#[derive(Clone, Debug, Object)]
pub struct BranchLine {
    /// The branch.
    pub id: Uuid,
    /// Its code in its chain.
    pub code: String,
    /// Its name.
    pub name: String,
    /// Its visits with a score that counts.
    pub visits: i64,
    /// The mean of their scores, in basis points.
    pub mean_bp: Option<i64>,
    /// True below three visits: read them as single observations.
    pub few_visits: bool,
}
