//! Rehearsals in answers and requests, and their report.

use chrono::{DateTime, Utc};
use poem_openapi::Object;
use uuid::Uuid;

use crate::entity::rehearsal;
use crate::standards::types::StandardDocument;
use crate::words::RehearsalState;

/// A rehearsal to run.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
pub struct RehearsalIn {
    /// The candidate: a whole standard file, which need not be stored.
    pub standard: StandardDocument,
    /// Only the history of this chain; all chains if absent.
    pub chain_id: Option<Uuid>,
    /// The standard whose history is scored again; the candidate's own id if absent.
    #[oai(validator(max_length = 64))]
    pub history_of: Option<String>,
    /// Starts the draws of weights, 0 to 4294967295; 1 if absent. The same seed gives the same report.
    #[oai(validator(minimum(value = "0"), maximum(value = "4294967295")))]
    pub seed: Option<i64>,
}

/// A rehearsal and how far it has come.
#[derive(Debug, Object)]
pub struct RehearsalView {
    /// Its id.
    pub id: Uuid,
    /// How far it has come.
    pub state: RehearsalState,
    /// The candidate's id.
    pub standard_id: String,
    /// The candidate's version.
    pub standard_version: i32,
    /// The sha256 of the candidate in canonical form.
    pub standard_sha256: String,
    /// The standard whose history is scored again.
    pub history_of: String,
    /// The chain it is limited to.
    pub chain_id: Option<Uuid>,
    /// What the draws of weights start from.
    pub seed: i64,
    /// Published visits to score again; null until they were counted.
    pub visits_total: Option<i64>,
    /// Visits scored again so far.
    pub visits_done: i64,
    /// Why it failed.
    pub failure: Option<String>,
    /// When it was asked for.
    pub created_at: DateTime<Utc>,
    /// When it ended.
    pub finished_at: Option<DateTime<Utc>>,
}

impl From<rehearsal::Model> for RehearsalView {
    fn from(row: rehearsal::Model) -> Self {
        Self {
            id: row.id,
            state: row.state,
            standard_id: row.standard_id,
            standard_version: row.standard_version,
            standard_sha256: row.standard_sha256,
            history_of: row.history_of,
            chain_id: row.chain_id,
            seed: row.seed,
            visits_total: row.visits_total,
            visits_done: row.visits_done,
            failure: row.failure,
            created_at: row.created_at,
            finished_at: row.finished_at,
        }
    }
}

/// What a candidate standard would have made of the published history. A simulation: nothing is changed by it.
#[derive(Debug, Object)]
pub struct RehearsalReport {
    /// What this is, for whoever finds the file: `simulation of <standard> version <n> on history`.
    pub label: String,
    /// The candidate's id.
    pub standard_id: String,
    /// The candidate's version.
    pub standard_version: i32,
    /// The sha256 of the candidate in canonical form.
    pub standard_sha256: String,
    /// The standard whose history was scored again.
    pub history_of: String,
    /// What the draws of weights start from.
    pub seed: i64,
    /// Sets of weights drawn, each weight moved by up to 20 % either way.
    pub draws: i64,
    /// Published visits scored again, of waves of every kind but competitor; visits kept out of reports are none of them.
    pub visits: i64,
    /// Each chain by itself, in the order of their codes; branches are never compared across chains.
    pub chains: Vec<ChainRehearsal>,
}

/// A chain under the candidate.
#[derive(Debug, Object)]
pub struct ChainRehearsal {
    /// The chain.
    pub chain_id: Uuid,
    /// Its code.
    pub chain: String,
    /// The chain as it is published.
    pub old: ChainFigures,
    /// The chain under the candidate.
    pub new: ChainFigures,
    /// Mean change of a visit that has a score under both, in basis points, rounded half up; each visit weighs the same.
    pub typical_visit_change_bp: Option<i64>,
    /// Visits that change their band, by old and new band; null stands for no band.
    pub band_moves: Vec<BandMove>,
    /// What the candidate asks and the history does not answer. Empty when every answer could be used.
    pub coverage: Vec<ItemCoverage>,
    /// How much hangs on the choice of the weights.
    pub sensitivity: ChainSensitivity,
    /// Why branches have no ranks, when they have none.
    pub no_ranks_because: Option<String>,
    /// The branches with published visits, in the order of their codes.
    pub branches: Vec<BranchRehearsal>,
}

/// A chain on one side of the comparison.
#[derive(Debug, Object)]
pub struct ChainFigures {
    /// Visits with a score that counts.
    pub visits: i64,
    /// Visits of which too little was scored.
    pub insufficient: i64,
    /// The mean of the branches' means in basis points; each branch weighs the same.
    pub typical_branch_mean_bp: Option<i64>,
    /// The mean share of the weight asked that was scored, in basis points, over all visits.
    pub scored_share_bp: Option<i64>,
}

/// Visits that go from one band to another.
#[derive(Debug, Object)]
pub struct BandMove {
    /// The band as published.
    pub from: Option<String>,
    /// The band under the candidate.
    pub to: Option<String>,
    /// How many visits.
    pub visits: i64,
}

/// An item of the candidate that the history does not wholly answer.
#[derive(Debug, Object)]
pub struct ItemCoverage {
    /// The item.
    pub item_id: String,
    /// Visits that would be asked it.
    pub asked: i64,
    /// Visits with an answer that could be used, N/A included.
    pub answered: i64,
    /// Visits with an answer that could not be used: an option, a type or a range that the candidate does not have.
    pub unusable: i64,
}

/// How the order of a chain's branches holds when the weights are moved.
#[derive(Debug, Object)]
pub struct ChainSensitivity {
    /// Share of draws in which any two branches change their order, in basis points.
    pub any_order_change_bp: Option<i64>,
    /// Share of pairs of branches that change their order in a draw, in basis points, over all draws.
    pub changed_pairs_bp: Option<i64>,
}

/// A branch under the candidate.
#[derive(Debug, Object)]
pub struct BranchRehearsal {
    /// The branch.
    pub branch_id: Uuid,
    /// Its code.
    pub branch: String,
    /// The branch as it is published.
    pub old: BranchFigures,
    /// The branch under the candidate.
    pub new: BranchFigures,
    /// Mean change of a visit that has a score under both, in basis points, rounded half up.
    pub change_bp: Option<i64>,
    /// Visits that have a score under both.
    pub compared: i64,
    /// Visits that change their band.
    pub band_moves: i64,
    /// The move in rank, only where no rank is possible under both: where the intervals of the two sides are apart.
    pub rank_move: Option<RankMove>,
    /// True when the history answers clearly less of the candidate than of the standard it was filed under: visits
    /// become insufficient, or the scored share falls by five points or more.
    pub coverage_warning: bool,
    /// How the branch's place holds when the weights are moved; null without a score.
    pub sensitivity: Option<BranchSensitivity>,
}

/// A branch on one side of the comparison.
#[derive(Debug, Object)]
pub struct BranchFigures {
    /// Visits with a score that counts.
    pub visits: i64,
    /// Visits of which too little was scored.
    pub insufficient: i64,
    /// Their mean in basis points, rounded half up.
    pub mean_bp: Option<i64>,
    /// The band of the mean, by the newest version that the visits were scored by; null without bands and for fewer
    /// than two visits.
    pub band: Option<String>,
    /// The share of the weight asked that was scored, in basis points, over all visits.
    pub scored_share_bp: Option<i64>,
    /// The estimated score in basis points: the mean, drawn towards the chain's as far as few visits demand.
    pub estimate_bp: Option<i64>,
    /// The expected rank, 1 is best, in hundredths: 250 is between second and third.
    pub expected_rank_hundredths: Option<i64>,
    /// The best rank that the visits do not rule out.
    pub rank_low: Option<i64>,
    /// The worst rank that the visits do not rule out.
    pub rank_high: Option<i64>,
}

/// A move in rank that chance does not explain.
#[derive(Debug, Object)]
pub struct RankMove {
    /// The expected rank as published, in hundredths.
    pub from_hundredths: i64,
    /// The expected rank under the candidate, in hundredths.
    pub to_hundredths: i64,
}

/// How a branch's place by its mean holds over the draws.
#[derive(Debug, Object)]
pub struct BranchSensitivity {
    /// Its rank by the mean with the candidate's own weights; 1 is best.
    pub rank: i64,
    /// The rank that one draw in twenty is at or better than.
    pub rank_low: i64,
    /// The rank that one draw in twenty is at or worse than.
    pub rank_high: i64,
    /// Share of draws in which its rank is another, in basis points.
    pub rank_changes_bp: i64,
    /// Share of draws in which the band of its mean is another, in basis points.
    pub band_changes_bp: i64,
}
