//! Endpoints of evidence.

use std::sync::Arc;

use poem::Body;
use poem::web::Data;
use poem_openapi::OpenApi;
use poem_openapi::param::{Header, Path, Query};
use poem_openapi::payload::{Binary, Json};
use uuid::Uuid;

use crate::access::Operation;
use crate::app::{App, Area};
use crate::evidence::types::{EvidenceView, Loss, PreviewSize, SimilarEvidenceList};
use crate::evidence::{service, similar};
use crate::failure::Failure;
use crate::http::auth::Auth;
use crate::http::body::Checked;
use crate::http::content::{FileAnswer, Range};

/// Evidence.
pub struct EvidenceApi;

#[OpenApi(tag = "Area::Evidence")]
impl EvidenceApi {
    /// Put the bytes of a file
    ///
    /// Sends a file that a visit's manifest names, at most 200 MiB, also while the visit is a draft. It is on disk
    /// when this answers. Hash and size are checked against the manifest; sending the same bytes again is harmless.
    #[oai(path = "/v1/evidence/:evidence_id/content", method = "put", operation_id = "put_evidence_content")]
    async fn put_evidence_content(
        &self,
        app: Data<&Arc<App>>,
        auth: Auth,
        /// The id in the manifest.
        evidence_id: Path<Uuid>,
        body: Binary<Body>,
    ) -> Result<Json<EvidenceView>, Failure> {
        let caller = auth.caller(Operation::PutEvidenceContent)?;
        Ok(Json(service::put_content(&app, &caller, evidence_id.0, body.0).await?))
    }

    /// Give up a file
    ///
    /// For the auditor whose file is gone and will never be sent: it no longer holds up the review, which sees the
    /// reason. Repeating it changes nothing.
    #[oai(path = "/v1/evidence/:evidence_id/lost", method = "post", operation_id = "lose_evidence")]
    async fn lose_evidence(
        &self,
        app: Data<&Arc<App>>,
        auth: Auth,
        /// The id in the manifest.
        evidence_id: Path<Uuid>,
        body: Checked<Loss>,
    ) -> Result<Json<EvidenceView>, Failure> {
        let caller = auth.caller(Operation::LoseEvidence)?;
        Ok(Json(service::lose(&app, &caller, evidence_id.0, body.0.reason).await?))
    }

    /// Get the bytes of a file
    ///
    /// The file as it was sent, whole or the `Range` asked for. Recordings are played only where the chain's policy
    /// allows it.
    #[oai(path = "/v1/evidence/:evidence_id/content", method = "get", operation_id = "get_evidence_content")]
    async fn get_evidence_content(
        &self,
        app: Data<&Arc<App>>,
        auth: Auth,
        /// The id in the manifest.
        evidence_id: Path<Uuid>,
        /// Which bytes, such as `bytes=0-1023`.
        #[oai(name = "Range")]
        range: Header<Option<String>>,
        /// The ETag of the copy that `Range` continues; if it is another one, the whole file is sent.
        #[oai(name = "If-Range")]
        if_range: Header<Option<String>>,
        /// The ETag of a copy that is there already.
        #[oai(name = "If-None-Match")]
        if_none_match: Header<Option<String>>,
    ) -> Result<FileAnswer, Failure> {
        let caller = auth.caller(Operation::GetEvidenceContent)?;
        let file = service::content(&app, &caller, evidence_id.0).await?;
        let range = Range { asked: range.0.as_deref(), only_if: if_range.0.as_deref() };
        FileAnswer::of(&app.blobs, file, range, if_none_match.0.as_deref()).await
    }

    /// Get a preview
    ///
    /// A photo as an upright JPEG without metadata.
    #[oai(path = "/v1/evidence/:evidence_id/preview", method = "get", operation_id = "get_evidence_preview")]
    async fn get_evidence_preview(
        &self,
        app: Data<&Arc<App>>,
        auth: Auth,
        /// The id in the manifest.
        evidence_id: Path<Uuid>,
        /// The long edge in pixels.
        size: Query<PreviewSize>,
        /// The ETag of a copy that is there already.
        #[oai(name = "If-None-Match")]
        if_none_match: Header<Option<String>>,
    ) -> Result<FileAnswer, Failure> {
        let caller = auth.caller(Operation::GetEvidencePreview)?;
        let file = service::preview(&app, &caller, evidence_id.0, size.0).await?;
        FileAnswer::of(&app.blobs, file, Range::default(), if_none_match.0.as_deref()).await
    }

    /// Find files that look alike
    ///
    /// The photos of the firm that look like this one, whatever their size, quality and brightness, and the files with
    /// the same bytes. A hint for the reviewer, never a verdict.
    #[oai(path = "/v1/evidence/:evidence_id/similar", method = "get", operation_id = "list_similar_evidence")]
    async fn list_similar_evidence(
        &self,
        app: Data<&Arc<App>>,
        auth: Auth,
        /// The id in the manifest.
        evidence_id: Path<Uuid>,
    ) -> Result<Json<SimilarEvidenceList>, Failure> {
        let caller = auth.caller(Operation::ListSimilarEvidence)?;
        Ok(Json(similar::similar(&app, &caller, evidence_id.0).await?))
    }
}
