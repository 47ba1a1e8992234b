//! Endpoints of waves and assignments.

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::OpenApi;
use poem_openapi::param::{Header, Path, Query};
use poem_openapi::payload::Json;
use uuid::Uuid;

use crate::access::Operation;
use crate::app::{App, Area};
use crate::failure::Failure;
use crate::fieldwork::service::{self, Move};
use crate::fieldwork::store::AssignmentFilter;
use crate::fieldwork::types::{
    AddedAssignments, AssignmentView, NewAssignments, NewWave, WaveChange, WaveClosing, WaveView,
};
use crate::http::auth::Auth;
use crate::http::body::Checked;
use crate::http::json::{Created, OptionalJson, RawJson};
use crate::http::paging::{Page, Slice};
use crate::words::AssignmentState;

/// Fieldwork.
pub struct FieldworkApi;

#[OpenApi(tag = "Area::Fieldwork")]
impl FieldworkApi {
    /// Create a wave
    ///
    /// Adds a round of visits to a chain, planned and not yet open. All problems of the body are named at once.
    #[oai(path = "/v1/waves", method = "post", operation_id = "create_wave")]
    async fn create_wave(
        &self,
        app: Data<&Arc<App>>,
        auth: Auth,
        /// Makes a repeated request harmless.
        #[oai(name = "Idempotency-Key")]
        idempotency_key: Header<Option<String>>,
        body: RawJson<NewWave>,
    ) -> Result<Created<WaveView>, Failure> {
        let caller = auth.caller(Operation::CreateWave)?;
        Ok(Created::new(service::create_wave(&app, &caller, idempotency_key.0, &body.value()?).await?))
    }

    /// List waves
    ///
    /// The waves that the caller may know of, in the order they were added.
    #[oai(path = "/v1/waves", method = "get", operation_id = "list_waves")]
    async fn list_waves(
        &self,
        app: Data<&Arc<App>>,
        auth: Auth,
        /// Only waves of this chain.
        chain_id: Query<Option<Uuid>>,
        /// Entries of a page, 1 to 200; 50 if absent.
        limit: Query<Option<u64>>,
        /// Where the last page ended.
        cursor: Query<Option<String>>,
    ) -> Result<Json<Page<WaveView>>, Failure> {
        let caller = auth.caller(Operation::ListWaves)?;
        let slice = Slice::of(limit.0, cursor.0.as_deref())?;
        Ok(Json(service::list_waves(&app, &caller, chain_id.0, &slice).await?))
    }

    /// Get a wave
    ///
    /// One wave that the caller may know of.
    #[oai(path = "/v1/waves/:id", method = "get", operation_id = "get_wave")]
    async fn get_wave(
        &self,
        app: Data<&Arc<App>>,
        auth: Auth,
        /// The wave.
        id: Path<Uuid>,
    ) -> Result<Json<WaveView>, Failure> {
        let caller = auth.caller(Operation::GetWave)?;
        let row = service::visible_wave(&app, &caller, id.0).await?;
        Ok(Json(WaveView::seen_by(caller.reach, row)))
    }

    /// Change a wave
    ///
    /// Sets which share of its visits a second reviewer scores too.
    #[oai(path = "/v1/waves/:id", method = "patch", operation_id = "update_wave")]
    async fn update_wave(
        &self,
        app: Data<&Arc<App>>,
        auth: Auth,
        /// The wave.
        id: Path<Uuid>,
        body: Checked<WaveChange>,
    ) -> Result<Json<WaveView>, Failure> {
        let caller = auth.caller(Operation::UpdateWave)?;
        Ok(Json(service::update_wave(&app, &caller, id.0, body.0).await?))
    }

    /// Open a wave
    ///
    /// Says that its visits have begun.
    #[oai(path = "/v1/waves/:id/open", method = "post", operation_id = "open_wave")]
    async fn open_wave(
        &self,
        app: Data<&Arc<App>>,
        auth: Auth,
        /// The wave.
        id: Path<Uuid>,
    ) -> Result<Json<WaveView>, Failure> {
        let caller = auth.caller(Operation::OpenWave)?;
        Ok(Json(service::open_wave(&app, &caller, id.0).await?))
    }

    /// Close a wave
    ///
    /// Says that its visits are over. It takes no new assignments, and those on the job board expire; visits that arrive
    /// later are kept and flagged. While something of it is open, as `get_wave_checklist` tells, it is 409 `open_points`
    /// unless the body says `despite` and why; otherwise the body may be left out.
    #[oai(path = "/v1/waves/:id/close", method = "post", operation_id = "close_wave")]
    async fn close_wave(
        &self,
        app: Data<&Arc<App>>,
        auth: Auth,
        /// The wave.
        id: Path<Uuid>,
        body: OptionalJson<WaveClosing>,
    ) -> Result<Json<WaveView>, Failure> {
        let caller = auth.caller(Operation::CloseWave)?;
        Ok(Json(service::close_wave(&app, &caller, id.0, body.0.unwrap_or_default()).await?))
    }

    /// Create assignments
    ///
    /// Adds assignments to a wave, all or none: on the job board, or given to an auditor. All problems of the body are
    /// named at once, with pointers such as `/assignments/3/branch_id`.
    #[oai(path = "/v1/assignments", method = "post", operation_id = "create_assignments")]
    async fn create_assignments(
        &self,
        app: Data<&Arc<App>>,
        auth: Auth,
        /// Makes a repeated request harmless.
        #[oai(name = "Idempotency-Key")]
        idempotency_key: Header<Option<String>>,
        body: RawJson<NewAssignments>,
    ) -> Result<Created<AddedAssignments>, Failure> {
        let caller = auth.caller(Operation::CreateAssignments)?;
        Ok(Created::new(service::create_assignments(&app, &caller, idempotency_key.0, &body.value()?).await?))
    }

    /// List assignments
    ///
    /// By id, each with all that a phone needs to go there. An auditor sees their own and those on the job board.
    #[oai(path = "/v1/assignments", method = "get", operation_id = "list_assignments")]
    #[expect(clippy::too_many_arguments, reason = "one for each query parameter")]
    async fn list_assignments(
        &self,
        app: Data<&Arc<App>>,
        auth: Auth,
        /// Only those given to or claimed by the caller.
        mine: Query<Option<bool>>,
        /// Only those of this wave.
        wave_id: Query<Option<Uuid>>,
        /// Only those in this state.
        state: Query<Option<AssignmentState>>,
        /// Entries of a page, 1 to 200; 50 if absent.
        limit: Query<Option<u64>>,
        /// Where the last page ended.
        cursor: Query<Option<String>>,
    ) -> Result<Json<Page<AssignmentView>>, Failure> {
        let caller = auth.caller(Operation::ListAssignments)?;
        let slice = Slice::of(limit.0, cursor.0.as_deref())?;
        let filter = AssignmentFilter { wave_id: wave_id.0, state: state.0, ..AssignmentFilter::default() };
        Ok(Json(service::list_assignments(&app, &caller, mine.0.unwrap_or(false), filter, &slice).await?))
    }

    /// Get an assignment
    ///
    /// One assignment with all that a phone needs to go there.
    #[oai(path = "/v1/assignments/:id", method = "get", operation_id = "get_assignment")]
    async fn get_assignment(
        &self,
        app: Data<&Arc<App>>,
        auth: Auth,
        /// The assignment.
        id: Path<Uuid>,
    ) -> Result<Json<AssignmentView>, Failure> {
        let caller = auth.caller(Operation::GetAssignment)?;
        Ok(Json(service::get_assignment(&app, &caller, id.0).await?))
    }

    /// Claim an assignment
    ///
    /// The auditor takes it from the job board. Claiming it again changes nothing.
    #[oai(path = "/v1/assignments/:id/claim", method = "post", operation_id = "claim_assignment")]
    async fn claim_assignment(
        &self,
        app: Data<&Arc<App>>,
        auth: Auth,
        /// The assignment.
        id: Path<Uuid>,
    ) -> Result<Json<AssignmentView>, Failure> {
        let caller = auth.caller(Operation::ClaimAssignment)?;
        Ok(Json(service::move_assignment(&app, &caller, id.0, Move::Claim).await?))
    }

    /// Decline an assignment
    ///
    /// The auditor who has it will not do it, and nobody else will either.
    #[oai(path = "/v1/assignments/:id/decline", method = "post", operation_id = "decline_assignment")]
    async fn decline_assignment(
        &self,
        app: Data<&Arc<App>>,
        auth: Auth,
        /// The assignment.
        id: Path<Uuid>,
    ) -> Result<Json<AssignmentView>, Failure> {
        let caller = auth.caller(Operation::DeclineAssignment)?;
        Ok(Json(service::move_assignment(&app, &caller, id.0, Move::Decline).await?))
    }

    /// Hand back an assignment
    ///
    /// The auditor who has it puts it back on the job board; after its wave was closed it expires instead.
    #[oai(path = "/v1/assignments/:id/hand-back", method = "post", operation_id = "hand_back_assignment")]
    async fn hand_back_assignment(
        &self,
        app: Data<&Arc<App>>,
        auth: Auth,
        /// The assignment.
        id: Path<Uuid>,
    ) -> Result<Json<AssignmentView>, Failure> {
        let caller = auth.caller(Operation::HandBackAssignment)?;
        Ok(Json(service::move_assignment(&app, &caller, id.0, Move::HandBack).await?))
    }

    /// Cancel an assignment
    ///
    /// The firm takes it back for good. A visit that was under way is kept and flagged when it arrives.
    #[oai(path = "/v1/assignments/:id/cancel", method = "post", operation_id = "cancel_assignment")]
    async fn cancel_assignment(
        &self,
        app: Data<&Arc<App>>,
        auth: Auth,
        /// The assignment.
        id: Path<Uuid>,
    ) -> Result<Json<AssignmentView>, Failure> {
        let caller = auth.caller(Operation::CancelAssignment)?;
        Ok(Json(service::move_assignment(&app, &caller, id.0, Move::Cancel).await?))
    }
}
