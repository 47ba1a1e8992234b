//! A consent in requests and in answers.

use chrono::{DateTime, Utc};
use poem_openapi::Object;
use uuid::Uuid;

use crate::entity::consent;
use crate::words::{ConsentBasis, ConsentScope};

/// A consent to be recorded. It names what it is about: one of `evidence_id`, `visit_id`, `branch_id` and `chain_id`.
#[derive(Debug, Object)]
pub struct NewConsent {
    /// One recording, of a visit that was filed.
    pub evidence_id: Option<Uuid>,
    /// All recordings of a visit.
    pub visit_id: Option<Uuid>,
    /// All recordings at a branch, over the time that `covers_from` and `covers_until` say.
    pub branch_id: Option<Uuid>,
    /// All recordings at the branches of a chain, over the time that `covers_from` and `covers_until` say.
    pub chain_id: Option<Uuid>,
    /// On what basis people may be recorded.
    pub basis: ConsentBasis,
    /// Who gave it, as a role or function such as `works council`; no name. Stays with the firm.
    #[oai(validator(max_length = 200))]
    pub given_by: Option<String>,
    /// When it was given; at most 15 minutes ahead of the server's clock.
    pub given_at: DateTime<Utc>,
    /// What was said or shown, or the document and its version, in at most 2000 characters.
    #[oai(validator(max_length = 2000))]
    pub notice: String,
    /// The country whose law it goes by, in two letters (ISO 3166-1).
    #[oai(validator(pattern = "^[A-Z]{2}$"))]
    pub country: Option<String>,
    /// The document of the visit that proves it, of a visit that was filed.
    pub proof_id: Option<Uuid>,
    /// The first moment that it covers; every earlier one if absent. Only for a branch or a chain.
    pub covers_from: Option<DateTime<Utc>>,
    /// The last moment that it covers; every later one if absent. Only for a branch or a chain.
    pub covers_until: Option<DateTime<Utc>>,
}

/// The consent of those who are heard in a recording, as a phone notes it.
#[derive(Debug, Object)]
pub struct ConsentIn {
    /// On what basis they may be recorded.
    pub basis: ConsentBasis,
    /// When it was given, by the phone's clock.
    pub given_at: DateTime<Utc>,
    /// What was said or shown, or the document and its version, in at most 2000 characters.
    #[oai(validator(max_length = 2000))]
    pub notice: String,
}

/// A parsed consent of a manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// On what basis they may be recorded.
    pub basis: ConsentBasis,
    /// When it was given, by the phone's clock.
    pub given_at: DateTime<Utc>,
    /// What was said or shown.
    pub notice: String,
}

/// Why a consent is withdrawn.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
pub struct Withdrawal {
    /// What happened, in 1 to 1000 characters.
    #[oai(validator(max_length = 1000))]
    pub reason: String,
}

/// A consent to recordings.
#[derive(Debug, Object)]
pub struct ConsentView {
    /// Its id.
    pub id: Uuid,
    /// How much it is about.
    pub scope: ConsentScope,
    /// The chain whose branches it is about. People consent where they work: of a visit to a rival, the rival.
    pub chain_id: Uuid,
    /// The branch; absent for a whole chain.
    pub branch_id: Option<Uuid>,
    /// The visit; absent for whole branches and chains.
    pub visit_id: Option<Uuid>,
    /// The recording, if it is about one.
    pub evidence_id: Option<Uuid>,
    /// On what basis people may be recorded.
    pub basis: ConsentBasis,
    /// Who gave it, as a role or function.
    pub given_by: Option<String>,
    /// When it was given.
    pub given_at: DateTime<Utc>,
    /// What was said or shown.
    pub notice: String,
    /// The country whose law it goes by.
    pub country: Option<String>,
    /// The document that proves it.
    pub proof_id: Option<Uuid>,
    /// The first moment that it covers.
    pub covers_from: Option<DateTime<Utc>>,
    /// The last moment that it covers.
    pub covers_until: Option<DateTime<Utc>>,
    /// The membership that recorded it.
    pub recorded_by: Uuid,
    /// When it was recorded.
    pub recorded_at: DateTime<Utc>,
    /// When it was withdrawn; absent while it holds.
    pub withdrawn_at: Option<DateTime<Utc>>,
    /// The membership that recorded the withdrawal.
    pub withdrawn_by: Option<Uuid>,
    /// Why it was withdrawn.
    pub withdrawal_reason: Option<String>,
}

impl From<consent::Model> for ConsentView {
    fn from(row: consent::Model) -> Self {
        Self {
            id: row.id,
            scope: row.scope,
            chain_id: row.chain_id,
            branch_id: row.branch_id,
            visit_id: row.visit_id,
            evidence_id: row.evidence_id,
            basis: row.basis,
            given_by: row.given_by,
            given_at: row.given_at,
            notice: row.notice,
            country: row.country,
            proof_id: row.proof_id,
            covers_from: row.covers_from,
            covers_until: row.covers_until,
            recorded_by: row.recorded_by,
            recorded_at: row.recorded_at,
            withdrawn_at: row.withdrawn_at,
            withdrawn_by: row.withdrawn_by,
            withdrawal_reason: row.withdrawal_reason,
        }
    }
}
