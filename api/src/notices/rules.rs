//! Which facts of the history tell whom, and of what.

use std::collections::BTreeMap;

use sea_orm::DatabaseTransaction;
use serde_json::Value;
use uuid::Uuid;

use crate::chains::store::{branch_by_id, current_region_of};
use crate::entity::{event, membership, visit};
use crate::events::store::of_objects;
use crate::failure::Failure;
use crate::fieldwork::store::assignment_by_id;
use crate::notices::settings::is_for;
use crate::notices::store;
use crate::people::store::membership_by_id;
use crate::people::types::Scope;
use crate::visits::store::visit_by_id;
use crate::words::{MembershipState, NoticeAbout, NoticeKind, Reporting, Role};

/// Whom a fact tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Whom {
    /// The auditor of the visit or of the assignment.
    Auditor,
    /// Who asked, or who took the visit for review.
    Asker,
    /// Who may decide: everybody who reviews but the visit's own reviewer.
    OtherReviewers,
    /// Whom the payload names as the second scorer.
    Scorer,
    /// Who reads the result for the chain.
    Chain,
    /// Who filed the appeal.
    Appellant,
}

/// Facts and the notices that they become.
const RULES: [(&str, NoticeKind, Whom); 17] = {
    use NoticeKind::*;
    use Whom::*;
    [
        ("assignment.created", AssignmentGiven, Auditor),
        ("assignment.cancelled", AssignmentCancelled, Auditor),
        ("visit.returned", VisitReturned, Auditor),
        ("visit.rejected", VisitRejected, Auditor),
        ("visit.approved", VisitApproved, Auditor),
        // An appeal that is upheld corrects the visit too.
        ("visit.corrected", VisitCorrected, Auditor),
        ("visit.published", VisitPublished, Auditor),
        ("visit.published", ResultPublished, Chain),
        ("visit.unpublished", ResultWithdrawn, Chain),
        ("visit.signal_shared", SignalShared, Auditor),
        ("visit.second_scoring_drawn", SecondScoringWaiting, Scorer),
        ("question.asked", QuestionAsked, Auditor),
        ("question.answered", QuestionAnswered, Asker),
        ("appeal.opened", AppealOpened, OtherReviewers),
        ("appeal.withdrawn", AppealWithdrawn, OtherReviewers),
        ("appeal.upheld", AppealDecided, Appellant),
        ("appeal.declined", AppealDecided, Appellant),
    ]
};

/// The kinds of facts that tell anybody.
pub fn kinds() -> impl Iterator<Item = &'static str> {
    RULES.iter().map(|(kind, ..)| *kind)
}

/// Whether a fact of this kind tells anybody.
pub fn tells(kind: &str) -> bool {
    kinds().any(|named| named == kind)
}

/// Something that somebody is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// The membership.
    pub membership_id: Uuid,
    /// What.
    pub kind: NoticeKind,
    /// What kind of object it is about.
    pub about: NoticeAbout,
    /// The object.
    pub about_id: Uuid,
    /// Its branch.
    pub branch_id: Option<Uuid>,
    /// Its wave.
    pub wave_id: Option<Uuid>,
}

/// Those of a firm who are told of more than what is their own, by what they may know.
pub struct People(Vec<(membership::Model, Scope)>);

impl People {
    /// Reads them.
    ///
    /// # Errors
    ///
    /// [`Failure`] (500) when the database fails.
    pub async fn read(tx: &DatabaseTransaction, firm_id: Uuid) -> Result<Self, Failure> {
        let rows = store::told_by_role(tx, firm_id).await?;
        let scoped = |row: membership::Model| {
            let scope = serde_json::from_str(&row.scope).unwrap_or_default();
            (row, scope)
        };
        Ok(Self(rows.into_iter().map(scoped).collect()))
    }

    fn with_role(&self, roles: &[Role]) -> impl Iterator<Item = &(membership::Model, Scope)> {
        self.0.iter().filter(move |(row, _)| roles.contains(&row.role))
    }
}

/// What a fact is about.
struct Subject {
    auditor_id: Option<Uuid>,
    branch_id: Option<Uuid>,
    wave_id: Option<Uuid>,
    visit: Option<visit::Model>,
}

/// What a fact tells whom; nobody is told of what they did themselves, and nobody twice of one fact.
///
/// # Errors
///
/// [`Failure`] (500) when the database fails.
pub async fn told(tx: &DatabaseTransaction, people: &People, fact: &event::Model) -> Result<Vec<Told>, Failure> {
    let payload: Value = fact.payload.as_deref().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    let Some(subject) = subject(tx, fact, &payload).await? else { return Ok(Vec::new()) };
    let mut told: BTreeMap<Uuid, Told> = BTreeMap::new();
    for (_, kind, whom) in RULES.iter().filter(|(named, ..)| *named == fact.kind) {
        let Some((about, about_id)) = about(fact, &subject, *whom) else { continue };
        for membership_id in whom_of(tx, people, fact, &payload, &subject, *whom).await? {
            if fact.actor_id == Some(membership_id) || !is_told(tx, fact.firm_id, membership_id, *kind).await? {
                continue;
            }
            let (branch_id, wave_id) = (subject.branch_id, subject.wave_id);
            told.entry(membership_id).or_insert(Told {
                membership_id,
                kind: *kind,
                about,
                about_id,
                branch_id,
                wave_id,
            });
        }
    }
    Ok(told.into_values().collect())
}

/// Whether somebody is there, and of a role that is told this.
async fn is_told(tx: &DatabaseTransaction, firm_id: Uuid, id: Uuid, kind: NoticeKind) -> Result<bool, Failure> {
    let row = membership_by_id(tx, firm_id, id).await?;
    Ok(row.is_some_and(|row| row.state == MembershipState::Active && row.erased_at.is_none() && is_for(kind, row.role)))
}

fn uuid_of(payload: &Value, name: &str) -> Option<Uuid> {
    payload[name].as_str()?.parse().ok()
}

fn object_id(fact: &event::Model, kind: &str) -> Option<Uuid> {
    fact.object.strip_prefix(kind)?.strip_prefix('/')?.parse().ok()
}

async fn subject(tx: &DatabaseTransaction, fact: &event::Model, payload: &Value) -> Result<Option<Subject>, Failure> {
    if let Some(id) = object_id(fact, "assignment") {
        let row = assignment_by_id(tx, fact.firm_id, id).await?;
        // Whoever had it when it happened: by now it may be another's.
        let auditor_id = fact.audience_id.or_else(|| uuid_of(payload, "auditor_id"));
        return Ok(row.map(|row| Subject {
            auditor_id,
            branch_id: Some(row.branch_id),
            wave_id: Some(row.wave_id),
            visit: None,
        }));
    }
    let row = match object_id(fact, "visit").or_else(|| uuid_of(payload, "visit_id")) {
        Some(id) => visit_by_id(tx, fact.firm_id, id).await?,
        None => match uuid_of(payload, "result_id") {
            Some(id) => store::visit_by_public_id(tx, fact.firm_id, id).await?,
            None => None,
        },
    };
    Ok(row.map(|row| Subject {
        auditor_id: Some(row.auditor_id),
        branch_id: Some(row.branch_id),
        wave_id: Some(row.wave_id),
        visit: Some(row),
    }))
}

/// The object that people are told of: chains know visits by their public ids only.
fn about(fact: &event::Model, subject: &Subject, whom: Whom) -> Option<(NoticeAbout, Uuid)> {
    let visit = subject.visit.as_ref();
    match whom {
        Whom::Auditor if visit.is_none() => Some((NoticeAbout::Assignment, object_id(fact, "assignment")?)),
        Whom::Auditor | Whom::Asker | Whom::Scorer => Some((NoticeAbout::Visit, visit?.id)),
        Whom::Chain => Some((NoticeAbout::Result, visit?.public_id)),
        Whom::OtherReviewers | Whom::Appellant => Some((NoticeAbout::Appeal, object_id(fact, "appeal")?)),
    }
}

async fn whom_of(
    tx: &DatabaseTransaction,
    people: &People,
    fact: &event::Model,
    payload: &Value,
    subject: &Subject,
    whom: Whom,
) -> Result<Vec<Uuid>, Failure> {
    let reviewer = subject.visit.as_ref().and_then(|visit| visit.reviewer_id);
    Ok(match whom {
        Whom::Auditor => subject.auditor_id.into_iter().collect(),
        Whom::Asker => uuid_of(payload, "asked_by").or(reviewer).into_iter().collect(),
        Whom::Scorer => uuid_of(payload, "scorer_id").into_iter().collect(),
        Whom::OtherReviewers => {
            let users: Vec<_> = people.0.iter().filter(|(row, _)| Some(row.id) == reviewer).collect();
            let is_first = |row: &membership::Model| users.iter().any(|(first, _)| first.user_id == row.user_id);
            let others = people.with_role(&[Role::Reviewer, Role::FirmAdmin]);
            others.filter(|(row, _)| !is_first(row)).map(|(row, _)| row.id).collect()
        }
        Whom::Chain => match &subject.visit {
            Some(visit) => readers(tx, people, visit).await?,
            None => Vec::new(),
        },
        Whom::Appellant => {
            let facts = of_objects(tx, fact.firm_id, std::slice::from_ref(&fact.object)).await?;
            let opened = facts.into_iter().find(|earlier| earlier.kind == "appeal.opened");
            opened.and_then(|earlier| earlier.actor_id).into_iter().collect()
        }
    })
}

/// Who reads the result of a visit for its chain.
async fn readers(tx: &DatabaseTransaction, people: &People, visit: &visit::Model) -> Result<Vec<Uuid>, Failure> {
    if visit.reporting != Reporting::Included || visit.quarantine_reason.is_some() {
        return Ok(Vec::new());
    }
    let branch = branch_by_id(tx, visit.firm_id, visit.branch_id).await?;
    let is_own = branch.is_some_and(|branch| branch.chain_id == visit.client_chain_id);
    let region_id = current_region_of(tx, visit.firm_id, visit.branch_id).await?;
    let reads = |(row, scope): &&(membership::Model, Scope)| match row.role {
        Role::BranchManager => is_own && scope.branch_ids.contains(&visit.branch_id),
        Role::ChainViewer => {
            scope.chain_id == Some(visit.client_chain_id)
                && scope.region_id.is_none_or(|region| Some(region) == region_id)
        }
        _ => false,
    };
    Ok(people.with_role(&[Role::ChainViewer, Role::BranchManager]).filter(reads).map(|(row, _)| row.id).collect())
}
