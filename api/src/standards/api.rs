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
use crate::http::conditions::{Condition, etag, not_modified};
use crate::http::json::{Created, RawJson, StoredJson};
use crate::http::paging::{Page, Slice};
use crate::standards::drafts::{self, Target};
use crate::standards::service;
use crate::standards::types::{
    CopyVersion, DraftChange, PublishVersion, StandardCheckView, StandardDocument, StandardItemIn, StandardVersionView,
    StandardView, VersionComparison,
};
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

#[derive(ApiResponse)]
enum DraftAnswer {
    /// The draft as it is now.
    #[oai(status = 200)]
    Saved(
        Json<StandardVersionView>,
        /// The new entity tag: the sha256 of the document.
        #[oai(header = "ETag")]
        String,
    ),
}

impl DraftAnswer {
    fn of(view: StandardVersionView) -> Self {
        let tag = etag(&view.sha256);
        Self::Saved(Json(view), tag)
    }
}

fn target(standard_id: &str, version: i32, if_match: Option<String>) -> Result<Target<'_>, Failure> {
    Ok(Target { standard_id, version, condition: Condition::of_write(if_match.as_deref(), None)? })
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

    /// Replace a draft
    ///
    /// Gives a draft another document, of the same id and version. All problems are named at once, with pointers into
    /// it. A published version never changes: copy it as the next one.
    #[oai(path = "/v1/standards/:id/versions/:n", method = "put", operation_id = "put_standard_version")]
    async fn put_standard_version(
        &self,
        app: Data<&Arc<App>>,
        auth: Auth,
        /// The standard.
        id: Path<String>,
        /// The version.
        n: Path<i32>,
        /// The entity tag of the copy that the change was made from.
        #[oai(name = "If-Match")]
        if_match: Header<Option<String>>,
        body: RawJson<StandardDocument>,
    ) -> Result<DraftAnswer, Failure> {
        let caller = auth.caller(Operation::PutStandardVersion)?;
        let target = target(&id, n.0, if_match.0)?;
        Ok(DraftAnswer::of(drafts::put(&app, &caller, &target, &body.value()?).await?))
    }

    /// Change a draft
    ///
    /// Changes members of the standard itself, such as its title, its sections or its pass mark. The draft is checked as
    /// a whole; pointers to items are into the draft.
    #[oai(path = "/v1/standards/:id/versions/:n", method = "patch", operation_id = "update_standard_version")]
    async fn update_standard_version(
        &self,
        app: Data<&Arc<App>>,
        auth: Auth,
        /// The standard.
        id: Path<String>,
        /// The version.
        n: Path<i32>,
        /// The entity tag of the copy that the change was made from.
        #[oai(name = "If-Match")]
        if_match: Header<Option<String>>,
        body: RawJson<DraftChange>,
    ) -> Result<DraftAnswer, Failure> {
        let caller = auth.caller(Operation::UpdateStandardVersion)?;
        let target = target(&id, n.0, if_match.0)?;
        Ok(DraftAnswer::of(drafts::update(&app, &caller, &target, &body.value()?).await?))
    }

    /// Put an item into a draft
    ///
    /// Adds an item, or replaces the one with this id; an item of the library by `from_bank`. It keeps its place or
    /// stands last, unless `before` names another item. The draft is checked as a whole; pointers are into the body.
    #[oai(path = "/v1/standards/:id/versions/:n/items/:item_id", method = "put", operation_id = "put_standard_item")]
    #[expect(clippy::too_many_arguments, reason = "one for each part of the address and each header")]
    async fn put_standard_item(
        &self,
        app: Data<&Arc<App>>,
        auth: Auth,
        /// The standard.
        id: Path<String>,
        /// The version.
        n: Path<i32>,
        /// The item.
        item_id: Path<String>,
        /// The item that it shall stand before.
        before: Query<Option<String>>,
        /// The entity tag of the copy that the change was made from.
        #[oai(name = "If-Match")]
        if_match: Header<Option<String>>,
        body: RawJson<StandardItemIn>,
    ) -> Result<DraftAnswer, Failure> {
        let caller = auth.caller(Operation::PutStandardItem)?;
        let target = target(&id, n.0, if_match.0)?;
        let body = body.value()?;
        Ok(DraftAnswer::of(drafts::put_item(&app, &caller, &target, &item_id, before.0.as_deref(), &body).await?))
    }

    /// Remove an item from a draft
    ///
    /// An item that others look at stays (409 `item_needed`).
    #[oai(
        path = "/v1/standards/:id/versions/:n/items/:item_id",
        method = "delete",
        operation_id = "delete_standard_item"
    )]
    async fn delete_standard_item(
        &self,
        app: Data<&Arc<App>>,
        auth: Auth,
        /// The standard.
        id: Path<String>,
        /// The version.
        n: Path<i32>,
        /// The item.
        item_id: Path<String>,
        /// The entity tag of the copy that the change was made from.
        #[oai(name = "If-Match")]
        if_match: Header<Option<String>>,
    ) -> Result<DraftAnswer, Failure> {
        let caller = auth.caller(Operation::DeleteStandardItem)?;
        let target = target(&id, n.0, if_match.0)?;
        Ok(DraftAnswer::of(drafts::delete_item(&app, &caller, &target, &item_id).await?))
    }

    /// Compare two versions of a standard
    ///
    /// What differs from version `n` to version `m`: members of the standard, and sections, dimensions and items that
    /// were added, removed, changed or moved.
    #[oai(
        path = "/v1/standards/:id/versions/:n/compare/:m",
        method = "get",
        operation_id = "compare_standard_versions"
    )]
    async fn compare_standard_versions(
        &self,
        app: Data<&Arc<App>>,
        auth: Auth,
        /// The standard.
        id: Path<String>,
        /// The version to begin with.
        n: Path<i32>,
        /// The version to compare it with.
        m: Path<i32>,
    ) -> Result<Json<VersionComparison>, Failure> {
        let caller = auth.caller(Operation::CompareStandardVersions)?;
        Ok(Json(drafts::compare(&app, &caller, &id, n.0, m.0).await?))
    }

    /// Copy a version of a standard
    ///
    /// Makes a draft from a version in whatever state: the next version of the same standard, or another standard.
    #[oai(path = "/v1/standards/:id/versions/:n/copy", method = "post", operation_id = "copy_standard_version")]
    async fn copy_standard_version(
        &self,
        app: Data<&Arc<App>>,
        auth: Auth,
        /// The standard.
        id: Path<String>,
        /// The version.
        n: Path<i32>,
        /// Makes a repeated request harmless.
        #[oai(name = "Idempotency-Key")]
        idempotency_key: Header<Option<String>>,
        body: RawJson<CopyVersion>,
    ) -> Result<Created<StandardVersionView>, Failure> {
        let caller = auth.caller(Operation::CopyStandardVersion)?;
        let of = (id.0.as_str(), n.0);
        Ok(Created::new(drafts::copy(&app, &caller, idempotency_key.0, of, &body.value()?).await?))
    }

    /// Retire a version of a standard
    ///
    /// It takes no new assignments from then on. Assignments that are there go on, and everything measured by it stays.
    #[oai(path = "/v1/standards/:id/versions/:n/retire", method = "post", operation_id = "retire_standard_version")]
    async fn retire_standard_version(
        &self,
        app: Data<&Arc<App>>,
        auth: Auth,
        /// The standard.
        id: Path<String>,
        /// The version.
        n: Path<i32>,
    ) -> Result<Json<StandardVersionView>, Failure> {
        let caller = auth.caller(Operation::RetireStandardVersion)?;
        Ok(Json(drafts::retire(&app, &caller, &id, n.0).await?))
    }
}
