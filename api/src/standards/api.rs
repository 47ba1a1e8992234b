//! Endpoints of standards.

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::param::{Header, Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, OpenApi};

use crate::access::Operation;
use crate::app::{App, Area};
use crate::entity::standard_version;
use crate::failure::Failure;
use crate::http::auth::Auth;
use crate::http::conditions::{etag, not_modified};
use crate::http::json::{Created, RawJson, StoredJson};
use crate::http::paging::{Page, Slice};
use crate::standards::service;
use crate::standards::types::{PublishVersion, StandardCheckView, StandardDocument, StandardVersionView, StandardView};
use crate::words::VersionState;

/// Standards.
pub struct StandardsApi;

#[derive(ApiResponse)]
enum DocumentAnswer {
    /// The document, exactly as it is stored and hashed.
    #[oai(status = 200)]
    Whole(
        StoredJson<StandardDocument>,
        /// The sha256 of the document.
        #[oai(header = "ETag")]
        String,
        /// Published versions never change and may be kept.
        #[oai(header = "Cache-Control")]
        String,
    ),
    /// The copy named in `If-None-Match` is the current one.
    #[oai(status = 304)]
    Unchanged(
        /// The sha256 of the document.
        #[oai(header = "ETag")]
        String,
        /// Published versions never change and may be kept.
        #[oai(header = "Cache-Control")]
        String,
    ),
}

impl DocumentAnswer {
    fn of(row: standard_version::Model, if_none_match: Option<&str>) -> Self {
        let tag = etag(&row.body_sha256);
        let keep = match row.state {
            VersionState::Draft => "private, no-cache",
            VersionState::Published | VersionState::Retired => "private, max-age=31536000, immutable",
        };
        if not_modified(if_none_match, &tag) {
            return Self::Unchanged(tag, keep.to_owned());
        }
        Self::Whole(StoredJson::new(row.body), tag, keep.to_owned())
    }
}

#[OpenApi(tag = "Area::Standards")]
impl StandardsApi {
    /// Import a standard
    ///
    /// Stores a standard file as a draft of its version. All problems are named at once, with pointers into the file.
    /// The same file again changes nothing; another file replaces a draft and is refused once the version is published.
    #[oai(path = "/v1/standards", method = "post", operation_id = "import_standard")]
    async fn import_standard(
        &self,
        app: Data<&Arc<App>>,
        auth: Auth,
        /// Makes a repeated request harmless.
        #[oai(name = "Idempotency-Key")]
        idempotency_key: Header<Option<String>>,
        body: RawJson<StandardDocument>,
    ) -> Result<Created<StandardVersionView>, Failure> {
        let caller = auth.caller(Operation::ImportStandard)?;
        Ok(Created::new(service::import_once(&app, &caller, idempotency_key.0, &body.value()?).await?))
    }

    /// Check a standard
    ///
    /// Says what importing the file would say, and stores nothing.
    #[oai(path = "/v1/standards/check", method = "post", operation_id = "check_standard")]
    async fn check_standard(
        &self,
        auth: Auth,
        body: RawJson<StandardDocument>,
    ) -> Result<Json<StandardCheckView>, Failure> {
        auth.caller(Operation::CheckStandard)?;
        Ok(Json(service::check_file(&body.value()?)?))
    }

    /// List standards
    ///
    /// The standards that the caller sees with their versions, by id. Chain viewers and branch managers see what their
    /// chain was visited by.
    #[oai(path = "/v1/standards", method = "get", operation_id = "list_standards")]
    async fn list_standards(
        &self,
        app: Data<&Arc<App>>,
        auth: Auth,
        /// Entries of a page, 1 to 200; 50 if absent.
        limit: Query<Option<u64>>,
        /// Where the last page ended.
        cursor: Query<Option<String>>,
    ) -> Result<Json<Page<StandardView>>, Failure> {
        let caller = auth.caller(Operation::ListStandards)?;
        let slice = Slice::of(limit.0, cursor.0.as_deref())?;
        Ok(Json(service::list(&app, &caller, &slice).await?))
    }

    /// Publish a standard
    ///
    /// Publishes a draft version. From then on it never changes and can be assigned.
    #[oai(path = "/v1/standards/:id/publish", method = "post", operation_id = "publish_standard")]
    async fn publish_standard(
        &self,
        app: Data<&Arc<App>>,
        auth: Auth,
        /// The standard.
        id: Path<String>,
        body: RawJson<PublishVersion>,
    ) -> Result<Json<StandardVersionView>, Failure> {
        let caller = auth.caller(Operation::PublishStandard)?;
        let version = service::version_to_publish(&body.value()?)?;
        Ok(Json(service::publish(&app, caller.firm_id, Some(&caller), &id, version).await?))
    }

    /// Get a version of a standard
    ///
    /// The document in canonical form, byte for byte as it is stored and hashed. Once published it may be kept forever.
    #[oai(path = "/v1/standards/:id/versions/:n", method = "get", operation_id = "get_standard_version")]
    async fn get_standard_version(
        &self,
        app: Data<&Arc<App>>,
        auth: Auth,
        /// The standard.
        id: Path<String>,
        /// The version.
        n: Path<i32>,
        /// The ETag of the copy you have.
        #[oai(name = "If-None-Match")]
        if_none_match: Header<Option<String>>,
    ) -> Result<DocumentAnswer, Failure> {
        let caller = auth.caller(Operation::GetStandardVersion)?;
        let row = service::visible_version(&app, &caller, &id, n.0).await?;
        Ok(DocumentAnswer::of(row, if_none_match.0.as_deref()))
    }
}
