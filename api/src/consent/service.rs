//! Whether a recording may be heard, and what proves it.

use std::collections::{BTreeSet, HashSet};

use sea_orm::ConnectionTrait;
use uuid::Uuid;

use crate::chains::store::{branch_by_id, branches_by_ids, chain_by_id, chains_by_ids};
use crate::consent::decide::{Recording, Verdict, covers, holds_voices, policy, verdict};
use crate::consent::store;
use crate::entity::evidence;
use crate::failure::{Failure, Kind};
use crate::visits::store::{visit_by_id, visits_by_ids};
use crate::words::RecordingPolicy;

/// Whether a file may be heard. What holds no voices always may.
///
/// Everything that plays, previews, transcribes, searches or exports a recording asks this, at every request.
///
/// # Errors
///
/// * 403 `recording_not_permitted` when the policy, missing proof or a withdrawal forbid it.
/// * 404 `purged` when it was removed for good.
pub async fn check_recording(db: &impl ConnectionTrait, file: &evidence::Model) -> Result<(), Failure> {
    if !has_voices(file) {
        return Ok(());
    }
    let found = verdicts(db, file.firm_id, &[file]).await?.pop();
    let detail = match found.map_or(Verdict::Refused, |(_, verdict)| verdict) {
        Verdict::Heard => return Ok(()),
        Verdict::Purged => return Err(Failure::new(Kind::NotFound, "purged", "The recording was removed for good.")),
        Verdict::Refused => "The chain's policy does not let recordings be played.",
        Verdict::NoProof => "The chain plays recordings only with proof of consent, and there is none.",
        Verdict::Withdrawn => "The consent to this recording was withdrawn.",
    };
    Err(Failure::new(Kind::Forbidden, "recording_not_permitted", detail))
}

/// Which of these files of a firm may be heard, for lists, searches and exports: at most a page of them. What holds no
/// voices always may.
///
/// # Errors
///
/// [`Failure`] (500) when the database fails.
pub async fn heard(
    db: &impl ConnectionTrait,
    firm_id: Uuid,
    files: &[evidence::Model],
) -> Result<HashSet<Uuid>, Failure> {
    let (voices, others): (Vec<_>, Vec<_>) = files.iter().partition(|file| has_voices(file));
    let judged = verdicts(db, firm_id, &voices).await?;
    let may = judged.into_iter().filter(|(_, verdict)| *verdict == Verdict::Heard).map(|(id, _)| id);
    Ok(may.chain(others.iter().map(|file| file.id)).collect())
}

/// Judges recordings of a firm.
async fn verdicts(
    db: &impl ConnectionTrait,
    firm_id: Uuid,
    files: &[&evidence::Model],
) -> Result<Vec<(Uuid, Verdict)>, Failure> {
    if files.is_empty() {
        return Ok(Vec::new());
    }
    let visits = visits_by_ids(db, firm_id, &distinct(files.iter().map(|file| file.visit_id))).await?;
    let branches = branches_by_ids(db, firm_id, &distinct(visits.iter().map(|visit| visit.branch_id))).await?;
    let clients = visits.iter().map(|visit| visit.client_chain_id);
    let chain_ids = distinct(clients.chain(branches.iter().map(|branch| branch.chain_id)));
    let chains = chains_by_ids(db, firm_id, &chain_ids).await?;
    let visit_ids = visits.iter().map(|visit| visit.id).collect();
    let branch_ids = branches.iter().map(|branch| branch.id).collect();
    let consents = store::about(db, firm_id, visit_ids, branch_ids, chain_ids).await?;
    let chain = |id| chains.iter().find(|chain| chain.id == id);
    let judge = |file: &evidence::Model| {
        let visit = visits.iter().find(|visit| visit.id == file.visit_id)?;
        let branch = branches.iter().find(|branch| branch.id == visit.branch_id)?;
        let recording = Recording {
            id: file.id,
            visit_id: visit.id,
            branch_id: branch.id,
            chain_id: branch.chain_id,
            auditor_id: visit.auditor_id,
            at: file.captured_at.unwrap_or(file.declared_at),
            declared_at: file.declared_at,
        };
        let policy = policy(chain(visit.client_chain_id)?, chain(branch.chain_id)?);
        let covering: Vec<_> = consents.iter().filter(|consent| covers(consent, &recording)).collect();
        Some((file.id, verdict(policy, file.state, visit.auditor_id, &covering)))
    };
    Ok(files.iter().copied().filter_map(judge).collect())
}

fn has_voices(file: &evidence::Model) -> bool {
    holds_voices(file.kind, file.media_type.as_deref())
}

fn distinct(ids: impl Iterator<Item = Uuid>) -> Vec<Uuid> {
    ids.collect::<BTreeSet<_>>().into_iter().collect()
}

/// What holds for recordings at a branch.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// The chain of the branch.
    pub chain_id: Uuid,
    /// What may happen to them.
    pub policy: RecordingPolicy,
}

/// What holds for recordings at a branch that is visited for a client.
///
/// # Errors
///
/// [`Failure`] (500) when the database fails.
pub async fn rules(
    db: &impl ConnectionTrait,
    firm_id: Uuid,
    client_chain_id: Uuid,
    branch_id: Uuid,
) -> Result<Rules, Failure> {
    let gone = || Failure::internal(format!("the branch {branch_id} or a chain of it is gone"));
    let branch = branch_by_id(db, firm_id, branch_id).await?.ok_or_else(gone)?;
    let client = chain_by_id(db, firm_id, client_chain_id).await?.ok_or_else(gone)?;
    let of_branch = chain_by_id(db, firm_id, branch.chain_id).await?.ok_or_else(gone)?;
    Ok(Rules { chain_id: branch.chain_id, policy: policy(&client, &of_branch) })
}

/// Checks that a file that is about to come, or has come as this media type, is taken: where the policy refuses
/// recordings, nothing is stored that may hold voices.
///
/// # Errors
///
/// 422 `recording_refused` when it is not.
pub async fn check_taken(
    db: &impl ConnectionTrait,
    file: &evidence::Model,
    media_type: Option<&str>,
) -> Result<(), Failure> {
    if !holds_voices(file.kind, media_type) {
        return Ok(());
    }
    let gone = || Failure::not_found("evidence");
    let visit = visit_by_id(db, file.firm_id, file.visit_id).await?.ok_or_else(gone)?;
    if rules(db, file.firm_id, visit.client_chain_id, visit.branch_id).await?.policy != RecordingPolicy::Refuse {
        return Ok(());
    }
    let detail = "No recordings are taken here. Leave it out of the visit; if it was filed, give it up as lost.";
    Err(Failure::new(Kind::Invalid, "recording_refused", detail))
}
