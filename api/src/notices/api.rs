//! Endpoints of notices.

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::{Html, Json};
use poem_openapi::{ApiResponse, OpenApi};
use uuid::Uuid;

use crate::access::Operation;
use crate::app::{App, Area};
use crate::failure::Failure;
use crate::http::auth::Auth;
use crate::http::body::Checked;
use crate::http::paging::{Page, Slice};
use crate::notices::types::{NewNoticeSettings, NoticeSettings, NoticeView, NoticesRead, ReadUntil};
use crate::notices::{service, unsubscribe};

/// Notices.
pub struct NoticesApi;

/// What a browser may do with the page: send its one button.
const PAGE_POLICY: &str = "default-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

#[derive(ApiResponse)]
enum PageAnswer {
    /// A page for people.
    #[oai(status = 200)]
    Page(
        Html<String>,
        /// What a browser may do with it.
        #[oai(header = "Content-Security-Policy")]
        String,
    ),
}

fn page(text: String) -> PageAnswer {
    PageAnswer::Page(Html(text), PAGE_POLICY.to_owned())
}

#[OpenApi(tag = "Area::Notices")]
impl NoticesApi {
    /// List my notices
    ///
    /// What happened that concerns the caller, the newest first: what they have to do, and what became of what they did.
    /// Notices are kept for 180 days.
    #[oai(path = "/v1/notices", method = "get", operation_id = "list_notices")]
    async fn list_notices(
        &self,
        app: Data<&Arc<App>>,
        auth: Auth,
        /// Only those that were not read.
        unread: Query<Option<bool>>,
        /// Entries of a page, 1 to 200; 50 if absent.
        limit: Query<Option<u64>>,
        /// Where the last page ended.
        cursor: Query<Option<String>>,
    ) -> Result<Json<Page<NoticeView>>, Failure> {
        let caller = auth.caller(Operation::ListNotices)?;
        let slice = Slice::of(limit.0, cursor.0.as_deref())?;
        Ok(Json(service::list(&app, &caller, unread.0.unwrap_or(false), &slice).await?))
    }

    /// Mark a notice as read
    ///
    /// What was read goes into no letter any more.
    #[oai(path = "/v1/notices/:id/read", method = "post", operation_id = "read_notice")]
    async fn read_notice(
        &self,
        app: Data<&Arc<App>>,
        auth: Auth,
        /// The notice.
        id: Path<Uuid>,
    ) -> Result<Json<NoticeView>, Failure> {
        let caller = auth.caller(Operation::ReadNotice)?;
        Ok(Json(service::read_one(&app, &caller, id.0).await?))
    }

    /// Mark notices as read
    ///
    /// The one that is named and all older ones; those that came since stay as they are.
    #[oai(path = "/v1/notices/read", method = "post", operation_id = "read_notices")]
    async fn read_notices(
        &self,
        app: Data<&Arc<App>>,
        auth: Auth,
        body: Checked<ReadUntil>,
    ) -> Result<Json<NoticesRead>, Failure> {
        let caller = auth.caller(Operation::ReadNotices)?;
        Ok(Json(service::read_until(&app, &caller, body.0.until_id).await?))
    }

    /// Get how I am told
    ///
    /// For the membership that the request acts under.
    #[oai(path = "/v1/me/notice-settings", method = "get", operation_id = "get_notice_settings")]
    async fn get_notice_settings(&self, app: Data<&Arc<App>>, auth: Auth) -> Result<Json<NoticeSettings>, Failure> {
        let caller = auth.caller(Operation::GetNoticeSettings)?;
        Ok(Json(service::settings(&app, &caller).await?))
    }

    /// Set how I am told
    ///
    /// Replaces what was set before, for what happens from now on. Mails that are on their way leave out what is not
    /// wanted any more.
    #[oai(path = "/v1/me/notice-settings", method = "put", operation_id = "put_notice_settings")]
    async fn put_notice_settings(
        &self,
        app: Data<&Arc<App>>,
        auth: Auth,
        body: Checked<NewNoticeSettings>,
    ) -> Result<Json<NoticeSettings>, Failure> {
        let caller = auth.caller(Operation::PutNoticeSettings)?;
        Ok(Json(service::put_settings(&app, &caller, body.0).await?))
    }

    /// Ask before ending mails
    ///
    /// The page behind the links in letters. It ends nothing by itself, because programs follow links too.
    #[oai(path = "/v1/unsubscribe/:token", method = "get", operation_id = "get_unsubscribe_page")]
    async fn get_unsubscribe_page(
        &self,
        app: Data<&Arc<App>>,
        /// The end of the address that the letter has.
        token: Path<String>,
    ) -> Result<PageAnswer, Failure> {
        Ok(page(unsubscribe::asked(&app, &token.0).await?))
    }

    /// End mails
    ///
    /// What the button of the page does, and what mail programs do at one click (RFC 8058): no more mails about that kind of
    /// notices, or about any. Doing it again changes nothing; `put_notice_settings` takes it back.
    #[oai(path = "/v1/unsubscribe/:token", method = "post", operation_id = "end_mails")]
    async fn end_mails(
        &self,
        app: Data<&Arc<App>>,
        /// The end of the address that the letter has.
        token: Path<String>,
    ) -> Result<PageAnswer, Failure> {
        Ok(page(unsubscribe::end(&app, &token.0).await?))
    }
}
