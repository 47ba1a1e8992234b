//! Endpoints of periods, holds and purges.

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::OpenApi;
use poem_openapi::param::{Header, Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::types::Any;
use uuid::Uuid;

use crate::access::Operation;
use crate::app::{App, Area};
use crate::entity::purge_line;
use crate::failure::Failure;
use crate::http::auth::Auth;
use crate::http::body::Checked;
use crate::http::json::Created;
use crate::http::paging::{Page, Slice};
use crate::retention::types::{HoldIn, HoldView, PurgeLineView, PurgeView, RetentionIn, RetentionView};
use crate::retention::{holds, purge, rules, store};

/// Periods, holds and purges.
pub struct RetentionApi;

#[OpenApi(tag = "Area::Privacy")]
impl RetentionApi {
    /// Get how long data is kept
    ///
    /// The periods of chains that have none of their own. Until the firm says otherwise, everything is kept.
    #[oai(path = "/v1/firm/retention", method = "get", operation_id = "get_firm_retention")]
    async fn get_firm_retention(&self, app: Data<&Arc<App>>, auth: Auth) -> Result<Json<RetentionView>, Failure> {
        let caller = auth.caller(Operation::GetFirmRetention)?;
        Ok(Json(rules::get(&app, &caller, None).await?))
    }

    /// Say how long data is kept
    ///
    /// For chains that have no periods of their own. They count from the publication of a visit (of one that was never
    /// published, from its filing), and never end before the wave has been closed for 30 days. What has ended is purged in
    /// the next night, for good; scores and statistics stay.
    #[oai(path = "/v1/firm/retention", method = "put", operation_id = "put_firm_retention")]
    async fn put_firm_retention(
        &self,
        app: Data<&Arc<App>>,
        auth: Auth,
        body: Checked<RetentionIn>,
    ) -> Result<Json<RetentionView>, Failure> {
        let caller = auth.caller(Operation::PutFirmRetention)?;
        Ok(Json(rules::put(&app, &caller, None, body.0.days).await?))
    }

    /// Get how long a chain's data is kept
    ///
    /// The periods that count for the chain: its own, or the firm's.
    #[oai(path = "/v1/chains/:id/retention", method = "get", operation_id = "get_chain_retention")]
    async fn get_chain_retention(
        &self,
        app: Data<&Arc<App>>,
        auth: Auth,
        /// The chain.
        id: Path<Uuid>,
    ) -> Result<Json<RetentionView>, Failure> {
        let caller = auth.caller(Operation::GetChainRetention)?;
        Ok(Json(rules::get(&app, &caller, Some(id.0)).await?))
    }

    /// Say how long a chain's data is kept
    ///
    /// Periods of the chain's own, in place of the firm's as a whole; without `days` it follows the firm again.
    #[oai(path = "/v1/chains/:id/retention", method = "put", operation_id = "put_chain_retention")]
    async fn put_chain_retention(
        &self,
        app: Data<&Arc<App>>,
        auth: Auth,
        /// The chain.
        id: Path<Uuid>,
        body: Checked<RetentionIn>,
    ) -> Result<Json<RetentionView>, Failure> {
        let caller = auth.caller(Operation::PutChainRetention)?;
        Ok(Json(rules::put(&app, &caller, Some(id.0), body.0.days).await?))
    }

    /// Make a hold
    ///
    /// Keeps a visit, a branch, a chain or a person from being purged and erased until it is released, whatever the periods
    /// say: because of a complaint, a dispute, a court.
    #[oai(path = "/v1/holds", method = "post", operation_id = "create_hold")]
    async fn create_hold(
        &self,
        app: Data<&Arc<App>>,
        auth: Auth,
        /// Makes a repeated request harmless.
        #[oai(name = "Idempotency-Key")]
        idempotency_key: Header<Option<String>>,
        body: Checked<HoldIn>,
    ) -> Result<Created<HoldView>, Failure> {
        let caller = auth.caller(Operation::CreateHold)?;
        Ok(Created::new(holds::create(&app, &caller, idempotency_key.0, body.0).await?))
    }

    /// List holds
    ///
    /// In the order they were made.
    #[oai(path = "/v1/holds", method = "get", operation_id = "list_holds")]
    async fn list_holds(
        &self,
        app: Data<&Arc<App>>,
        auth: Auth,
        /// Only holds in force (true), or those that were released (false).
        in_force: Query<Option<bool>>,
        /// Entries of a page, 1 to 200; 50 if absent.
        limit: Query<Option<u64>>,
        /// Where the last page ended.
        cursor: Query<Option<String>>,
    ) -> Result<Json<Page<HoldView>>, Failure> {
        let caller = auth.caller(Operation::ListHolds)?;
        let slice = Slice::of(limit.0, cursor.0.as_deref())?;
        let (db, after) = (app.db.reader(), slice.after()?);
        let rows = store::list_holds(db, caller.firm_id, in_force.0, after, slice.limit + 1).await?;
        Ok(Json(slice.page(rows, |row| row.id.to_string(), Into::into)))
    }

    /// Release a hold
    ///
    /// What is due goes in the next night, and erasures that waited for it go on.
    #[oai(path = "/v1/holds/:id/release", method = "post", operation_id = "release_hold")]
    async fn release_hold(
        &self,
        app: Data<&Arc<App>>,
        auth: Auth,
        /// The hold.
        id: Path<Uuid>,
    ) -> Result<Json<HoldView>, Failure> {
        let caller = auth.caller(Operation::ReleaseHold)?;
        Ok(Json(holds::release(&app, &caller, id.0).await?))
    }

    /// List purges
    ///
    /// What was purged, newest first: one entry a night, or an erasure, with figures by class and what a hold kept.
    #[oai(path = "/v1/purges", method = "get", operation_id = "list_purges")]
    async fn list_purges(
        &self,
        app: Data<&Arc<App>>,
        auth: Auth,
        /// Entries of a page, 1 to 200; 50 if absent.
        limit: Query<Option<u64>>,
        /// Where the last page ended.
        cursor: Query<Option<String>>,
    ) -> Result<Json<Page<PurgeView>>, Failure> {
        let caller = auth.caller(Operation::ListPurges)?;
        let slice = Slice::of(limit.0, cursor.0.as_deref())?;
        let rows = store::list_purges(app.db.reader(), caller.firm_id, slice.after()?, slice.limit + 1).await?;
        let views = rows.into_iter().map(purge::view).collect::<Result<Vec<_>, _>>()?;
        Ok(Json(slice.page(views, |view| view.id.to_string(), |view| view)))
    }

    /// List the lines of a purge
    ///
    /// What was taken of each visit or person: files by hash, answers by the hash they had, and the rule. Each is signed and
    /// stands in the history too.
    #[oai(path = "/v1/purges/:id/lines", method = "get", operation_id = "list_purge_lines")]
    async fn list_purge_lines(
        &self,
        app: Data<&Arc<App>>,
        auth: Auth,
        /// The purge.
        id: Path<Uuid>,
        /// Entries of a page, 1 to 200; 50 if absent.
        limit: Query<Option<u64>>,
        /// Where the last page ended.
        cursor: Query<Option<String>>,
    ) -> Result<Json<Page<PurgeLineView>>, Failure> {
        let caller = auth.caller(Operation::ListPurgeLines)?;
        let slice = Slice::of(limit.0, cursor.0.as_deref())?;
        let (db, firm_id) = (app.db.reader(), caller.firm_id);
        let purge = store::purge_by_id(db, firm_id, id.0).await?.ok_or_else(|| Failure::not_found("purge"))?;
        let rows = store::lines(db, firm_id, purge.id, slice.after()?, slice.limit + 1).await?;
        let view = |row: purge_line::Model| PurgeLineView {
            id: row.id,
            object: row.object,
            document: Any(serde_json::from_str(&row.line).unwrap_or_default()),
        };
        Ok(Json(slice.page(rows, |row| row.id.to_string(), view)))
    }
}
