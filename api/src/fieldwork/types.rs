//! Waves and assignments in requests and in answers.

use chrono::{DateTime, NaiveDate, Utc};
use poem_openapi::Object;
use uuid::Uuid;

use crate::access::Reach;
use crate::entity::wave;
use crate::scenarios::types::AssignmentScenario;
use crate::words::{AssignmentState, WaveKind, WaveState};

/// A wave to be added.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
pub struct NewWave {
    /// The chain.
    pub chain_id: Uuid,
    /// The name, unique in the chain, such as `2026 autumn`.
    #[oai(validator(min_length = 1, max_length = 200))]
    pub name: String,
    /// What it is. Averages are over regular waves.
    pub kind: WaveKind,
    /// Its first day.
    pub opens_on: NaiveDate,
    /// Its last day.
    pub closes_on: NaiveDate,
    /// The share of its visits that a second reviewer scores too, in basis points; 0 if absent.
    #[oai(validator(minimum(value = "0"), maximum(value = "10000")))]
    pub double_scoring_bp: Option<i32>,
}

/// What to change of a wave; what is absent stays.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
pub struct WaveChange {
    /// The share of its visits that a second reviewer scores too, in basis points. It is for visits that are taken for
    /// review from now on.
    #[oai(validator(minimum(value = "0"), maximum(value = "10000")))]
    pub double_scoring_bp: Option<i32>,
}

/// Closing a wave in which things are open.
#[derive(Debug, Default, Object)]
#[oai(deny_unknown_fields)]
pub struct WaveClosing {
    /// True to close it although things are open.
    pub despite: Option<bool>,
    /// Why, in 1 to 2000 characters; required with `despite`.
    #[oai(validator(max_length = 2000))]
    pub reason: Option<String>,
}

/// One round of visits for a chain.
#[derive(Debug, Object)]
pub struct WaveView {
    /// Its id.
    pub id: Uuid,
    /// The chain.
    pub chain_id: Uuid,
    /// Its name, unique in the chain.
    pub name: String,
    /// What it is. Averages are over regular waves.
    pub kind: WaveKind,
    /// How far it has come.
    pub state: WaveState,
    /// Its first day.
    pub opens_on: NaiveDate,
    /// Its last day.
    pub closes_on: NaiveDate,
    /// When it was added.
    pub created_at: DateTime<Utc>,
    /// The share of its visits that a second reviewer scores too, in basis points; for the firm only.
    #[oai(skip_serializing_if_is_none)]
    pub double_scoring_bp: Option<i32>,
}

impl WaveView {
    /// A wave as somebody sees it who reaches so far.
    pub fn seen_by(reach: Reach, row: wave::Model) -> Self {
        Self {
            double_scoring_bp: Some(row.double_scoring_bp).filter(|_| reach == Reach::Firm),
            id: row.id,
            chain_id: row.chain_id,
            name: row.name,
            kind: row.kind,
            state: row.state,
            opens_on: row.opens_on,
            closes_on: row.closes_on,
            created_at: row.created_at,
        }
    }
}

/// Assignments to be added to a wave.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
pub struct NewAssignments {
    /// The wave.
    pub wave_id: Uuid,
    /// The assignments.
    #[oai(validator(min_items = 1, max_items = 1000))]
    pub assignments: Vec<NewAssignment>,
}

/// An assignment to be added.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
pub struct NewAssignment {
    /// An id of your own making; the server makes one if it is absent.
    pub id: Option<Uuid>,
    /// The branch to visit, of the wave's chain; in a competitor wave of a rival too. A rival is compared with one
    /// client only.
    pub branch_id: Uuid,
    /// The standard to visit by.
    #[oai(validator(max_length = 64))]
    pub standard_id: String,
    /// The version of the standard, which must be published.
    #[oai(validator(minimum(value = "1")))]
    pub standard_version: i32,
    /// The scenario to play, one of the firm's. The assignment keeps the version that it is made with.
    #[oai(validator(max_length = 64))]
    pub scenario_id: Option<String>,
    /// The version of the scenario; the newest if absent.
    #[oai(validator(minimum(value = "1")))]
    pub scenario_version: Option<i32>,
    /// The membership of the auditor; without one the assignment goes to the job board.
    pub auditor_id: Option<Uuid>,
    /// The earliest time of the visit.
    pub window_start: DateTime<Utc>,
    /// The latest time of the visit.
    pub window_end: DateTime<Utc>,
}

/// The assignments that were added.
#[derive(Debug, Object)]
pub struct AddedAssignments {
    /// The assignments, in the order of the request.
    pub data: Vec<AssignmentView>,
}

/// An assignment with all that a phone needs to go there.
#[derive(Debug, Object)]
pub struct AssignmentView {
    /// Its id.
    pub id: Uuid,
    /// How far it has come.
    pub state: AssignmentState,
    /// The wave.
    pub wave_id: Uuid,
    /// The name of the wave.
    pub wave_name: String,
    /// The chain of the branch; in a competitor wave this is the rival.
    pub chain_id: Uuid,
    /// The name of that chain.
    pub chain_name: String,
    /// The branch.
    pub branch_id: Uuid,
    /// The code of the branch.
    pub branch_code: String,
    /// The name of the branch.
    pub branch_name: String,
    /// Where the branch is.
    pub branch_address: String,
    /// Degrees north of the branch.
    pub latitude: Option<f64>,
    /// Degrees east of the branch.
    pub longitude: Option<f64>,
    /// The IANA name of the branch's time zone.
    pub time_zone: String,
    /// The standard to visit by.
    #[oai(validator(max_length = 64))]
    pub standard_id: String,
    /// The version of the standard.
    pub standard_version: i32,
    /// The sha256 of the version, which is its entity tag: a copy with this tag need not be read again.
    pub standard_sha256: String,
    /// The scenario to play.
    pub scenario_id: Option<String>,
    /// What to play, in the version that the assignment was made with; null without a scenario.
    pub scenario: Option<AssignmentScenario>,
    /// The membership of the auditor; absent on the job board.
    pub auditor_id: Option<Uuid>,
    /// The earliest time of the visit.
    pub window_start: DateTime<Utc>,
    /// The latest time of the visit.
    pub window_end: DateTime<Utc>,
    /// When it was added.
    pub created_at: DateTime<Utc>,
}
