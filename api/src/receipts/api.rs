//! The endpoints of receipts.

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::param::{Header, Path, Query};
use poem_openapi::{ApiResponse, OpenApi};
use uuid::Uuid;

use crate::access::Operation;
use crate::app::{App, Area};
use crate::failure::Failure;
use crate::http::auth::Auth;
use crate::http::conditions::{etag, not_modified};
use crate::http::json::StoredJson;
use crate::receipts::service::{self, Issued};
use crate::receipts::types::{EvidenceReceiptDocument, ReceiptDocument, Texts};
use crate::secrets::sha256_hex;

/// Score receipts.
pub struct ReceiptsApi;

/// A receipt, or that the copy there is the current one.
#[derive(ApiResponse)]
pub enum ReceiptAnswer {
    /// The receipt. Keep its bytes as they are.
    #[oai(status = 200)]
    Whole(
        StoredJson<ReceiptDocument>,
        /// The sha256 of the receipt.
        #[oai(header = "ETag")]
        String,
        /// The name to save it under.
        #[oai(header = "Content-Disposition")]
        String,
        /// To be asked for again: another key may sign later.
        #[oai(header = "Cache-Control")]
        String,
    ),
    /// The copy named in `If-None-Match` is the current one.
    #[oai(status = 304)]
    Unchanged(
        /// The sha256 of the receipt.
        #[oai(header = "ETag")]
        String,
    ),
}

impl ReceiptAnswer {
    /// Answers a request for a receipt.
    pub fn of(issued: Issued, if_none_match: Option<&str>) -> Self {
        let tag = etag(sha256_hex(issued.text.as_bytes()));
        if not_modified(if_none_match, &tag) {
            return Self::Unchanged(tag);
        }
        let saved_as = format!("attachment; filename=\"{}\"", issued.file_name);
        Self::Whole(StoredJson::new(issued.text), tag, saved_as, "private, no-cache".to_owned())
    }
}

/// An evidence receipt, or that the copy there is the current one.
#[derive(ApiResponse)]
enum EvidenceReceiptAnswer {
    /// The receipt. Keep its bytes as they are.
    #[oai(status = 200)]
    Whole(
        StoredJson<EvidenceReceiptDocument>,
        /// The sha256 of the receipt.
        #[oai(header = "ETag")]
        String,
        /// The name to save it under.
        #[oai(header = "Content-Disposition")]
        String,
        /// To be asked for again: more files may arrive.
        #[oai(header = "Cache-Control")]
        String,
    ),
    /// The copy named in `If-None-Match` is the current one.
    #[oai(status = 304)]
    Unchanged(
        /// The sha256 of the receipt.
        #[oai(header = "ETag")]
        String,
    ),
}

#[OpenApi(tag = "Area::Receipts")]
impl ReceiptsApi {
    /// Get the receipt of a score
    ///
    /// Everything that made a score, signed: `peegel receipt verify` recomputes and checks it with nothing but the file
    /// and the public key (`get_keys`). The bytes are the same each time while the same key signs. Auditors get those
    /// of their own visits. A visit without a score is 404 `no_score`.
    #[oai(path = "/v1/visits/:visit_id/receipt", method = "get", operation_id = "get_visit_receipt")]
    async fn get_visit_receipt(
        &self,
        app: Data<&Arc<App>>,
        auth: Auth,
        /// The visit.
        visit_id: Path<Uuid>,
        /// Which of its scores, 1, 2, 3 and so on; the one that counts if absent.
        version: Query<Option<i32>>,
        /// `withheld` to hand it on to the client: free texts and comments are replaced by empty ones, and the visit has
        /// its public id only. It recomputes to the same score. `full` if absent.
        texts: Query<Option<Texts>>,
        /// The ETag of the copy you have.
        #[oai(name = "If-None-Match")]
        if_none_match: Header<Option<String>>,
    ) -> Result<ReceiptAnswer, Failure> {
        let caller = auth.caller(Operation::GetVisitReceipt)?;
        let issued = service::receipt(&app, &caller, visit_id.0, version.0, texts.0.unwrap_or_default()).await?;
        Ok(ReceiptAnswer::of(issued, if_none_match.0.as_deref()))
    }

    /// Get the receipt of a visit's evidence
    ///
    /// Which files of the visit are durably stored, each with the sha256 of its bytes, which were lost and which are
    /// missing; signed. Only what stands in `files` may be deleted from a phone. `peegel receipt verify` checks it with
    /// nothing but the file and the public key (`get_keys`). Auditors get those of their own visits.
    #[oai(path = "/v1/visits/:visit_id/evidence-receipt", method = "get", operation_id = "get_evidence_receipt")]
    async fn get_evidence_receipt(
        &self,
        app: Data<&Arc<App>>,
        auth: Auth,
        /// The visit.
        visit_id: Path<Uuid>,
        /// The ETag of the copy you have.
        #[oai(name = "If-None-Match")]
        if_none_match: Header<Option<String>>,
    ) -> Result<EvidenceReceiptAnswer, Failure> {
        let caller = auth.caller(Operation::GetEvidenceReceipt)?;
        let issued = service::evidence_receipt(&app, &caller, visit_id.0).await?;
        let tag = etag(sha256_hex(issued.text.as_bytes()));
        if not_modified(if_none_match.0.as_deref(), &tag) {
            return Ok(EvidenceReceiptAnswer::Unchanged(tag));
        }
        let saved_as = format!("attachment; filename=\"{}\"", issued.file_name);
        Ok(EvidenceReceiptAnswer::Whole(StoredJson::new(issued.text), tag, saved_as, "private, no-cache".to_owned()))
    }
}
