//! Endpoints of consents.

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::OpenApi;
use poem_openapi::param::{Header, Path, Query};
use poem_openapi::payload::Json;
use uuid::Uuid;

use crate::access::Operation;
use crate::app::{App, Area};
use crate::consent::record;
use crate::consent::store::Filter;
use crate::consent::types::{ConsentView, NewConsent, Withdrawal};
use crate::failure::Failure;
use crate::http::auth::Auth;
use crate::http::body::Checked;
use crate::http::json::{Created, RawJson};
use crate::http::paging::{Page, Slice};

/// Consents.
pub struct ConsentApi;

#[OpenApi(tag = "Area::Evidence")]
impl ConsentApi {
    /// Record a consent
    ///
    /// Notes that those who are recorded agreed to it, or were told: of one recording, a visit, a branch or a whole chain.
    /// It counts at once. Auditors record it for their own visits; without a network, with the recording in the manifest.
    /// All problems of the body are named at once.
    #[oai(path = "/v1/consents", method = "post", operation_id = "create_consent")]
    async fn create_consent(
        &self,
        app: Data<&Arc<App>>,
        auth: Auth,
        /// Makes a repeated request harmless.
        #[oai(name = "Idempotency-Key")]
        idempotency_key: Header<Option<String>>,
        body: RawJson<NewConsent>,
    ) -> Result<Created<ConsentView>, Failure> {
        let caller = auth.caller(Operation::CreateConsent)?;
        Ok(Created::new(record::create(&app, &caller, idempotency_key.0, &body.value()?).await?))
    }

    /// List consents
    ///
    /// In the order they were recorded, withdrawn ones included. Auditors see those of their own visits.
    #[oai(path = "/v1/consents", method = "get", operation_id = "list_consents")]
    #[expect(clippy::too_many_arguments, reason = "one for each filter")]
    async fn list_consents(
        &self,
        app: Data<&Arc<App>>,
        auth: Auth,
        /// Only consents at branches of this chain, and of the whole chain.
        chain_id: Query<Option<Uuid>>,
        /// Only consents at this branch, and of the whole branch.
        branch_id: Query<Option<Uuid>>,
        /// Only consents of this visit and its recordings.
        visit_id: Query<Option<Uuid>>,
        /// Entries of a page, 1 to 200; 50 if absent.
        limit: Query<Option<u64>>,
        /// Where the last page ended.
        cursor: Query<Option<String>>,
    ) -> Result<Json<Page<ConsentView>>, Failure> {
        let caller = auth.caller(Operation::ListConsents)?;
        let slice = Slice::of(limit.0, cursor.0.as_deref())?;
        let filter = Filter { chain_id: chain_id.0, branch_id: branch_id.0, visit_id: visit_id.0, ..Filter::default() };
        Ok(Json(record::list(&app, &caller, filter, &slice).await?))
    }

    /// Get a consent
    ///
    /// One consent, withdrawn or not.
    #[oai(path = "/v1/consents/:id", method = "get", operation_id = "get_consent")]
    async fn get_consent(
        &self,
        app: Data<&Arc<App>>,
        auth: Auth,
        /// The consent.
        id: Path<Uuid>,
    ) -> Result<Json<ConsentView>, Failure> {
        let caller = auth.caller(Operation::GetConsent)?;
        Ok(Json(record::visible(&app, &caller, id.0).await?.into()))
    }

    /// Withdraw a consent
    ///
    /// From the next request on, what it covered is neither played nor exported, also where the chain's policy demands no
    /// consent and where a wider one covers it too. A consent of the same scope that is recorded later lets it be heard
    /// again. Repeating it changes nothing.
    #[oai(path = "/v1/consents/:id/withdraw", method = "post", operation_id = "withdraw_consent")]
    async fn withdraw_consent(
        &self,
        app: Data<&Arc<App>>,
        auth: Auth,
        /// The consent.
        id: Path<Uuid>,
        body: Checked<Withdrawal>,
    ) -> Result<Json<ConsentView>, Failure> {
        let caller = auth.caller(Operation::WithdrawConsent)?;
        Ok(Json(record::withdraw(&app, &caller, id.0, &body.0.reason).await?))
    }
}
