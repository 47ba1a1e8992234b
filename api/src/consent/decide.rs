//! The rule: which recordings may be heard, by the policy of the chain and the consents that there are.

use std::cmp::Ordering;

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use crate::entity::{chain, consent};
use crate::words::{ChainKind, ConsentScope, EvidenceKind, EvidenceState, RecordingPolicy};

/// Whether a recording may be played, previewed, transcribed, searched and exported; if not, why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It may.
    Heard,
    /// The policy refuses recordings.
    Refused,
    /// The policy demands proof of consent, and there is none.
    NoProof,
    /// A consent was withdrawn.
    Withdrawn,
    /// It was removed for good.
    Purged,
}

/// How far what the phone says of the time of a recording may be from when the server first heard of it, to be believed: a
/// phone may be without a network for long.
const LATE: TimeDelta = TimeDelta::days(31);

/// A recording as consents see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recording {
    /// The file.
    pub id: Uuid,
    /// Its visit.
    pub visit_id: Uuid,
    /// The branch of the visit.
    pub branch_id: Uuid,
    /// The chain of that branch.
    pub chain_id: Uuid,
    /// Who filed the visit.
    pub auditor_id: Uuid,
    /// When it was made, by the phone; if that says nothing, when the server heard of it.
    pub at: DateTime<Utc>,
    /// When the server heard of it.
    pub declared_at: DateTime<Utc>,
}

/// True for what may hold voices: everything announced as a recording, and sound and film under another name.
pub fn holds_voices(kind: EvidenceKind, media_type: Option<&str>) -> bool {
    let sounds = |media_type: &str| media_type.starts_with("audio/") || media_type.starts_with("video/");
    kind == EvidenceKind::Recording || media_type.is_some_and(sounds)
}

/// What may happen to recordings of a branch of `of_branch` that was visited for `client`: what the client says. At
/// rivals nobody is recorded.
pub fn policy(client: &chain::Model, of_branch: &chain::Model) -> RecordingPolicy {
    if of_branch.kind == ChainKind::Competitor { RecordingPolicy::Refuse } else { client.recording_policy }
}

/// Whether a consent is about a recording. What is beyond belief of the phone's clock gains nothing: then both times have to
/// be covered by what allows it, and either by what was withdrawn.
pub fn covers(consent: &consent::Model, recording: &Recording) -> bool {
    let within = |at: DateTime<Utc>| {
        consent.covers_from.is_none_or(|from| from <= at) && consent.covers_until.is_none_or(|until| at <= until)
    };
    let is_believed = (recording.declared_at - recording.at).abs() <= LATE;
    let in_time = match consent.withdrawn_at {
        Some(_) => within(recording.at) || !is_believed && within(recording.declared_at),
        None => within(recording.at) && (is_believed || within(recording.declared_at)),
    };
    match consent.scope {
        ConsentScope::Chain => consent.chain_id == recording.chain_id && in_time,
        ConsentScope::Branch => consent.branch_id == Some(recording.branch_id) && in_time,
        ConsentScope::Visit => consent.visit_id == Some(recording.visit_id),
        ConsentScope::Recording => consent.evidence_id == Some(recording.id),
    }
}

/// Judges a recording by the consents that cover it.
///
/// A withdrawal counts for all that its consent covered: against every wider consent, against those of the same scope
/// that were recorded before it, and against a policy that demands none. A consent that is about less stands beside it,
/// but not one that the auditor recorded afterwards: who made a recording does not lift a no.
pub fn verdict(
    policy: RecordingPolicy,
    state: EvidenceState,
    auditor_id: Uuid,
    covering: &[&consent::Model],
) -> Verdict {
    if state == EvidenceState::Purged {
        return Verdict::Purged;
    }
    if policy == RecordingPolicy::Refuse {
        return Verdict::Refused;
    }
    let withdrawn: Vec<_> =
        covering.iter().filter_map(|consent| Some((consent.withdrawn_at?, breadth(consent)))).collect();
    let stands = |consent: &consent::Model| {
        let is_beaten = |(at, of): &(DateTime<Utc>, u8)| match breadth(consent).cmp(of) {
            _ if consent.recorded_by == auditor_id && consent.recorded_at >= *at => true,
            Ordering::Greater => true,
            Ordering::Equal => consent.recorded_at <= *at,
            Ordering::Less => false,
        };
        consent.withdrawn_at.is_none() && !withdrawn.iter().any(is_beaten)
    };
    if covering.iter().any(|consent| stands(consent)) {
        Verdict::Heard
    } else if !withdrawn.is_empty() {
        Verdict::Withdrawn
    } else if policy == RecordingPolicy::Allow {
        Verdict::Heard
    } else {
        Verdict::NoProof
    }
}

/// How much a consent is about: more for a wider scope.
fn breadth(consent: &consent::Model) -> u8 {
    match consent.scope {
        ConsentScope::Recording => 0,
        ConsentScope::Visit => 1,
        ConsentScope::Branch => 2,
        ConsentScope::Chain => 3,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::ConsentBasis;

    const CHAIN: Uuid = Uuid::from_u128(1);
    const BRANCH: Uuid = Uuid::from_u128(2);
    const VISIT: Uuid = Uuid::from_u128(3);
    const FILE: Uuid = Uuid::from_u128(4);
    const AUDITOR: Uuid = Uuid::from_u128(5);

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(second, 0).unwrap()
    }

    fn consent(scope: ConsentScope, recorded: i64, withdrawn: Option<i64>) -> consent::Model {
        let is_about = |narrowest: &[ConsentScope], id| narrowest.contains(&scope).then_some(id);
        use ConsentScope::{Branch, Recording, Visit};
        consent::Model {
            firm_id: Uuid::nil(),
            id: Uuid::nil(),
            scope,
            chain_id: CHAIN,
            branch_id: is_about(&[Branch, Visit, Recording], BRANCH),
            visit_id: is_about(&[Visit, Recording], VISIT),
            evidence_id: is_about(&[Recording], FILE),
            basis: ConsentBasis::SpokenNotice,
            given_by: None,
            given_at: at(0),
            notice: String::new(),
            country: None,
            proof_id: None,
            covers_from: None,
            covers_until: None,
            recorded_by: Uuid::nil(),
            recorded_at: at(recorded),
            withdrawn_by: None,
            withdrawn_at: withdrawn.map(at),
            withdrawal_reason: None,
        }
    }

    fn judged(policy: RecordingPolicy, consents: &[consent::Model]) -> Verdict {
        verdict(policy, EvidenceState::Processed, AUDITOR, &consents.iter().collect::<Vec<_>>())
    }

    #[test]
    fn sound_under_another_name_is_guarded_like_a_recording() {
        assert!(holds_voices(EvidenceKind::Recording, None));
        for (kind, media_type) in [(EvidenceKind::Photo, "audio/wav"), (EvidenceKind::Document, "video/mp4")] {
            assert!(holds_voices(kind, Some(media_type)));
        }
        assert!(!holds_voices(EvidenceKind::Photo, Some("image/jpeg")));
        assert!(!holds_voices(EvidenceKind::Document, None));
    }

    #[test]
    fn the_policy_decides_without_consents() {
        assert_eq!(judged(RecordingPolicy::Allow, &[]), Verdict::Heard);
        assert_eq!(judged(RecordingPolicy::NeedsProof, &[]), Verdict::NoProof);
        assert_eq!(judged(RecordingPolicy::Refuse, &[]), Verdict::Refused);
        assert_eq!(verdict(RecordingPolicy::Allow, EvidenceState::Purged, AUDITOR, &[]), Verdict::Purged);
    }

    #[test]
    fn a_consent_of_any_scope_is_proof_and_does_not_move_a_refusal() {
        for scope in [ConsentScope::Chain, ConsentScope::Branch, ConsentScope::Visit, ConsentScope::Recording] {
            assert_eq!(judged(RecordingPolicy::NeedsProof, &[consent(scope, 1, None)]), Verdict::Heard);
            assert_eq!(judged(RecordingPolicy::Refuse, &[consent(scope, 1, None)]), Verdict::Refused);
            for policy in [RecordingPolicy::NeedsProof, RecordingPolicy::Allow] {
                assert_eq!(judged(policy, &[consent(scope, 1, Some(2))]), Verdict::Withdrawn);
            }
        }
    }

    #[test]
    fn a_withdrawal_beats_what_is_wider_or_older() {
        use ConsentScope::{Chain, Recording, Visit};
        let judged = |consents: &[consent::Model]| judged(RecordingPolicy::NeedsProof, consents);
        // The person withdrew: the agreement of the chain does not help, not even a new one.
        for recorded in [1, 3] {
            assert_eq!(judged(&[consent(Chain, recorded, None), consent(Recording, 1, Some(2))]), Verdict::Withdrawn);
        }
        assert_eq!(judged(&[consent(Visit, 2, None), consent(Visit, 1, Some(2))]), Verdict::Withdrawn);
        // They agreed anew, or the agreement ended and they had agreed themselves.
        assert_eq!(judged(&[consent(Recording, 3, None), consent(Recording, 1, Some(2))]), Verdict::Heard);
        assert_eq!(judged(&[consent(Recording, 1, None), consent(Chain, 1, Some(2))]), Verdict::Heard);
    }

    #[test]
    fn an_auditor_lifts_no_withdrawal() {
        use ConsentScope::{Branch, Chain, Recording, Visit};
        let by_auditor = |scope, recorded| consent::Model { recorded_by: AUDITOR, ..consent(scope, recorded, None) };
        for policy in [RecordingPolicy::NeedsProof, RecordingPolicy::Allow] {
            for withdrawn in [Visit, Branch, Chain] {
                for scope in [Recording, Visit] {
                    let withdrawn = consent(withdrawn, 1, Some(2));
                    let later = [withdrawn.clone(), by_auditor(scope, 3)];
                    assert_eq!(judged(policy, &later), Verdict::Withdrawn, "{scope} after {}", withdrawn.scope);
                    let by_reviewer = [withdrawn, consent(scope, 3, None)];
                    assert_eq!(judged(policy, &by_reviewer), Verdict::Heard);
                }
            }
        }
        // Whoever agreed before the chain's agreement ended agreed all the same.
        let before = [consent(Chain, 1, Some(2)), by_auditor(Recording, 1)];
        assert_eq!(judged(RecordingPolicy::NeedsProof, &before), Verdict::Heard);
    }

    #[test]
    fn the_phones_clock_lifts_nothing() {
        let about = |day: i64, declared: i64| Recording {
            at: at(day * 86_400),
            declared_at: at(declared * 86_400),
            ..RECORDING
        };
        let over_time = |withdrawn| consent::Model {
            covers_from: Some(at(100 * 86_400)),
            covers_until: Some(at(200 * 86_400)),
            ..consent(ConsentScope::Branch, 1, withdrawn)
        };
        for (day, declared, allows, forbids) in [
            (150, 150, true, true),
            (199, 220, true, true),
            (90, 105, false, false),
            // Said to be of then, and heard of much later, or before.
            (150, 300, false, true),
            (150, 50, false, true),
            (10, 150, false, true),
            (10, 300, false, false),
        ] {
            assert_eq!(covers(&over_time(None), &about(day, declared)), allows, "{day} {declared}");
            assert_eq!(covers(&over_time(Some(1)), &about(day, declared)), forbids, "{day} {declared}");
        }
    }

    const RECORDING: Recording = Recording {
        id: FILE,
        visit_id: VISIT,
        branch_id: BRANCH,
        chain_id: CHAIN,
        auditor_id: AUDITOR,
        at: DateTime::UNIX_EPOCH,
        declared_at: DateTime::UNIX_EPOCH,
    };

    #[test]
    fn a_consent_covers_its_own() {
        let recording = Recording { at: at(10), declared_at: at(10), ..RECORDING };
        let other = Uuid::from_u128(9);
        let elsewhere = [
            (ConsentScope::Chain, Recording { chain_id: other, ..recording }),
            (ConsentScope::Branch, Recording { branch_id: other, ..recording }),
            (ConsentScope::Visit, Recording { visit_id: other, ..recording }),
            (ConsentScope::Recording, Recording { id: other, ..recording }),
        ];
        for (scope, elsewhere) in elsewhere {
            let consent = consent(scope, 1, None);
            assert!(covers(&consent, &recording) && !covers(&consent, &elsewhere), "{scope}");
        }
        // Ids of visits are made by phones: one that is the id of a chain means nothing.
        assert!(!covers(&consent(ConsentScope::Visit, 1, None), &Recording { visit_id: CHAIN, ..recording }));
        let over_time = |from, until| consent::Model {
            covers_from: Some(at(from)),
            covers_until: Some(at(until)),
            ..consent(ConsentScope::Branch, 1, None)
        };
        assert!(covers(&over_time(10, 10), &recording));
        assert!(!covers(&over_time(11, 20), &recording) && !covers(&over_time(1, 9), &recording));
    }
}
