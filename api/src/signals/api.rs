//! Endpoints of signals.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use poem::web::Data;
use poem_openapi::OpenApi;
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;
use uuid::Uuid;

use crate::access::Operation;
use crate::app::{App, Area};
use crate::failure::Failure;
use crate::http::auth::Auth;
use crate::http::body::Checked;
use crate::signals::service;
use crate::signals::types::{SignalAnswer, SignalJudgement, SignalPrecisions, SignalView, SignalsView};

/// Signals.
pub struct SignalsApi;

#[OpenApi(tag = "Area::Review")]
impl SignalsApi {
    /// List the signals of a visit
    ///
    /// What about a visit does not fit together, each with its reason and figures, and when and where the auditor was by
    /// the phone. They are looked for after the visit is filed and after each of its files is looked into. None stops,
    /// scores or pays anything, and no chain is told of any. Auditors see those of their own visits that a reviewer
    /// asked them about.
    #[oai(path = "/v1/visits/:id/signals", method = "get", operation_id = "list_signals")]
    async fn list_signals(
        &self,
        app: Data<&Arc<App>>,
        auth: Auth,
        /// The visit.
        id: Path<Uuid>,
    ) -> Result<Json<SignalsView>, Failure> {
        let caller = auth.caller(Operation::ListSignals)?;
        Ok(Json(service::list(&app, &caller, id.0).await?))
    }

    /// Share a signal
    ///
    /// Asks the auditor about it: from then on the auditor reads code, reason and figures, and can answer. Their phone is
    /// told.
    #[oai(path = "/v1/signals/:id/share", method = "post", operation_id = "share_signal")]
    async fn share_signal(
        &self,
        app: Data<&Arc<App>>,
        auth: Auth,
        /// The signal.
        id: Path<Uuid>,
    ) -> Result<Json<SignalView>, Failure> {
        let caller = auth.caller(Operation::ShareSignal)?;
        Ok(Json(service::share(&app, &caller, id.0).await?))
    }

    /// Answer a signal
    ///
    /// What the auditor says to a signal that a reviewer asked about. It is said once.
    #[oai(path = "/v1/signals/:id/answer", method = "post", operation_id = "answer_signal")]
    async fn answer_signal(
        &self,
        app: Data<&Arc<App>>,
        auth: Auth,
        /// The signal.
        id: Path<Uuid>,
        body: Checked<SignalAnswer>,
    ) -> Result<Json<SignalView>, Failure> {
        let caller = auth.caller(Operation::AnswerSignal)?;
        Ok(Json(service::answer(&app, &caller, id.0, body.0.answer).await?))
    }

    /// Judge a signal
    ///
    /// Says whether it was right: whether something was wrong with the visit, as it says. The firm sees how often each
    /// kind of signal is. A later verdict replaces an earlier one; nobody judges signals of their own visits.
    #[oai(path = "/v1/signals/:id/verdict", method = "post", operation_id = "judge_signal")]
    async fn judge_signal(
        &self,
        app: Data<&Arc<App>>,
        auth: Auth,
        /// The signal.
        id: Path<Uuid>,
        body: Checked<SignalJudgement>,
    ) -> Result<Json<SignalView>, Failure> {
        let caller = auth.caller(Operation::JudgeSignal)?;
        Ok(Json(service::judge(&app, &caller, id.0, body.0.verdict, body.0.note).await?))
    }

    /// Get the precision of signals
    ///
    /// How often each kind of signal was right in the eyes of the firm's reviewers, with its interval. It tells signals
    /// that are worth looking at from those that are not, and nothing of auditors.
    #[oai(path = "/v1/signals/precision", method = "get", operation_id = "get_signal_precision")]
    async fn get_signal_precision(
        &self,
        app: Data<&Arc<App>>,
        auth: Auth,
        /// Only signals found at this time or later.
        from: Query<Option<DateTime<Utc>>>,
        /// Only signals found before this time.
        until: Query<Option<DateTime<Utc>>>,
    ) -> Result<Json<SignalPrecisions>, Failure> {
        let caller = auth.caller(Operation::GetSignalPrecision)?;
        Ok(Json(service::precision(&app, &caller, from.0, until.0).await?))
    }
}
