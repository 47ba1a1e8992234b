//! Photos that look alike: by the bits of how they look, and by their bytes.

use std::collections::BTreeMap;

use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use uuid::Uuid;

use crate::app::App;
use crate::entity::evidence;
use crate::evidence::service::visible;
use crate::evidence::types::{SimilarEvidence, SimilarEvidenceList};
use crate::failure::{Failure, Kind};
use crate::people::types::Caller;
use crate::review::store::same_person;
use crate::visits::store::visit_by_id;

/// Photos that differ in at most so many of 64 bits look alike. Every such photo is found: of four bands of 16 bits at
/// least one has at most one wrong bit.
pub const ALIKE_WITHIN: u32 = 7;
/// Most photos that are named as alike.
const MOST_NAMED: usize = 50;
/// Most photos of the firm that are looked at for each band. Beyond that a band tells nothing apart, as when a firm has
/// thousands of photos of one thing, and the first ones will do.
const MOST_IN_BAND: u64 = 2_000;
/// Bits of a band.
const BAND_BITS: u32 = 16;

/// A photo that looks like another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Near {
    /// The file.
    pub evidence_id: Uuid,
    /// Its visit.
    pub visit_id: Uuid,
    /// In how many of 64 bits they differ.
    pub distance: u32,
}

/// The photos of a firm that differ from `phash` in at most `max_distance` bits, and in at most [`ALIKE_WITHIN`]; the
/// nearest first, at most 50.
///
/// # Errors
///
/// [`DbErr`] when the database fails.
pub async fn near_duplicates(
    db: &impl ConnectionTrait,
    firm_id: Uuid,
    phash: i64,
    max_distance: u32,
    except_evidence_id: Uuid,
) -> Result<Vec<Near>, DbErr> {
    let max_distance = Ord::min(max_distance, ALIKE_WITHIN);
    let mut found = BTreeMap::new();
    for from in (0..u64::BITS).step_by(BAND_BITS as usize) {
        let rows: Vec<(Uuid, Uuid, i64)> = evidence::Entity::find()
            .select_only()
            .columns([evidence::Column::Id, evidence::Column::VisitId, evidence::Column::Phash])
            .filter(evidence::Column::FirmId.eq(firm_id))
            .filter(evidence::Column::Phash.is_not_null())
            // In the words of the index.
            .filter(Expr::cust(format!("((phash >> {from}) & 65535)")).is_in(probes(phash, from)))
            .limit(MOST_IN_BAND)
            .into_tuple()
            .all(db)
            .await?;
        for (evidence_id, visit_id, other) in rows {
            let distance = peegel_media::distance(phash.cast_unsigned(), other.cast_unsigned());
            if distance <= max_distance && evidence_id != except_evidence_id {
                found.insert((distance, evidence_id), visit_id);
            }
        }
    }
    let near = |((distance, evidence_id), visit_id)| Near { evidence_id, visit_id, distance };
    Ok(found.into_iter().take(MOST_NAMED).map(near).collect())
}

/// What a band of a hash may look like in a photo that is near it: as it is, and with each bit the other way.
fn probes(phash: i64, from: u32) -> Vec<i64> {
    let band = (phash >> from) & 0xFFFF;
    std::iter::once(band).chain((0..BAND_BITS).map(|bit| band ^ (1 << bit))).collect()
}

/// The photos of the firm that look like one, and the files with the same bytes.
///
/// # Errors
///
/// * 403 `own_visit` when the caller filed its visit, under whatever membership.
/// * 404 when there is no such file.
pub async fn similar(app: &App, caller: &Caller, id: Uuid) -> Result<SimilarEvidenceList, Failure> {
    let row = visible(app, caller, id).await?;
    let db = app.db.reader();
    let visit = visit_by_id(db, caller.firm_id, row.visit_id).await?.ok_or_else(|| Failure::not_found("evidence"))?;
    if same_person(db, caller.firm_id, visit.auditor_id, caller.membership_id).await? {
        let detail = "You filed this visit yourself; somebody else has to look into its files.";
        return Err(Failure::new(Kind::Forbidden, "own_visit", detail));
    }
    let mut distances = BTreeMap::new();
    if let Some(phash) = row.phash {
        for near in near_duplicates(db, caller.firm_id, phash, ALIKE_WITHIN, id).await? {
            distances.insert(near.evidence_id, near.distance);
        }
    }
    let of_firm = || evidence::Entity::find().filter(evidence::Column::FirmId.eq(caller.firm_id));
    let mut others = of_firm().filter(evidence::Column::Id.is_in(distances.keys().copied())).all(db).await?;
    if let Some(sha256) = row.sha256.as_deref().filter(|_| row.stored_at.is_some()) {
        let same = of_firm()
            .filter(evidence::Column::Sha256.eq(sha256))
            .filter(evidence::Column::StoredAt.is_not_null())
            .filter(evidence::Column::Id.ne(id))
            .order_by_asc(evidence::Column::Id)
            .limit(MOST_NAMED as u64);
        others.extend(same.all(db).await?.into_iter().filter(|same| !distances.contains_key(&same.id)));
    }
    let mut data: Vec<_> = others
        .into_iter()
        .map(|other| SimilarEvidence {
            same_bytes: other.sha256.is_some() && other.sha256 == row.sha256,
            distance: distances.get(&other.id).copied(),
            id: other.id,
            visit_id: other.visit_id,
            file_name: other.file_name,
            captured_at: other.captured_at,
            stored_at: other.stored_at,
        })
        .collect();
    data.sort_by_key(|other| (!other.same_bytes, other.distance, other.id));
    data.truncate(MOST_NAMED);
    Ok(SimilarEvidenceList { data })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_near_has_a_band_that_is_probed() {
        let phash = 0x0123_4567_89AB_CDEF_u64.cast_signed().wrapping_neg();
        let mut state = 1_u64;
        for round in 0..20_000 {
            let mut other = phash;
            for _ in 0..=round % ALIKE_WITHIN {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                other ^= 1_i64 << (state >> 58);
            }
            let is_probed = |from: &u32| probes(phash, *from).contains(&((other >> from) & 0xFFFF));
            assert!([0, 16, 32, 48].iter().any(is_probed), "{other:x}");
        }
        // Two wrong bits in every band are not promised.
        let far = phash ^ 0x0003_0003_0003_0003;
        assert!(![0, 16, 32, 48].iter().any(|from| probes(phash, *from).contains(&((far >> from) & 0xFFFF))));
    }
}
