//! The document `peegel.evidence-receipt/1`: which files of a visit are durably stored. No database, no clock.

use ed25519_dalek::SigningKey;
use serde_json::json;
use uuid::Uuid;

use crate::canonical::canonical;
use crate::entity::evidence;
use crate::evidence::service::has_bytes;
use crate::failure::Failure;
use crate::signing::key::{PublicKey, sign};
use crate::visits::manifest::is_missing;
use crate::words::EvidenceState;

/// What the document is; also the line that goes under the signature before it.
pub const FORMAT: &str = "peegel.evidence-receipt/1";

/// Writes and signs a receipt over the files of a visit that were filed, as their committed rows tell them: a row says that
/// a file is stored only after its bytes and its name are durable. What only a draft names is left out, because the next
/// draft may drop it. The same rows and key give the same bytes.
///
/// # Errors
///
/// [`Failure`] (500) when a stored file lacks its hash, which never happens.
pub fn issue(
    firm_id: Uuid,
    visit_id: Uuid,
    revision: i32,
    files: &[evidence::Model],
    key: &SigningKey,
) -> Result<String, Failure> {
    let (mut stored, mut lost, mut missing) = (Vec::new(), Vec::new(), Vec::new());
    for file in files.iter().filter(|file| file.revision > 0) {
        let mut entry = json!({"evidence_id": file.id, "file_name": file.file_name});
        // What was purged is not stored any more, and was neither lost nor is it missing.
        if has_bytes(file.state) && file.purged_at.is_none() {
            let (Some(sha256), Some(bytes), Some(at)) = (&file.sha256, file.bytes, file.stored_at) else {
                return Err(Failure::internal(format!("the stored file {} lacks its hash", file.id)));
            };
            entry["sha256"] = json!(sha256);
            entry["bytes"] = json!(bytes);
            entry["stored_at"] = json!(at);
            stored.push(entry);
        } else if file.state == EvidenceState::Lost {
            entry["reason"] = json!(file.problem);
            lost.push(entry);
        } else if is_missing(file.state) {
            missing.push(entry);
        }
    }
    let public = PublicKey::of(key);
    let mut document = json!({
        "format": FORMAT,
        "firm_id": firm_id,
        "visit_id": visit_id,
        "revision": revision,
        "complete": revision > 0 && missing.is_empty(),
        "files": stored,
        "lost": lost,
        "missing": missing,
        "key_id": public.id(),
        "public_key": public.to_text(),
    });
    document["signature"] = json!(sign(key, FORMAT, canonical(&document)?.text.as_bytes()));
    Ok(canonical(&document)?.text)
}
