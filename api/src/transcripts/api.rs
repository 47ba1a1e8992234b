//! Endpoints of transcripts.

use std::sync::Arc;

use poem::Request;
use poem::web::Data;
use poem_openapi::OpenApi;
use poem_openapi::param::{Header, Path, Query};
use poem_openapi::payload::Json;
use uuid::Uuid;

use crate::access::Operation;
use crate::app::{App, Area};
use crate::failure::Failure;
use crate::http::auth::Auth;
use crate::http::content::NoContent;
use crate::http::json::{Created, OptionalJson};
use crate::http::paging::{Page, Slice};
use crate::transcripts::answer::{Form, TranscriptAnswer, TranscriptFile};
use crate::transcripts::service::NewTranscript;
use crate::transcripts::store::Filter;
use crate::transcripts::types::{NewTranscription, TranscriptHit, TranscriptView, TranscriptionView};
use crate::transcripts::{search, service, transcription};

/// Transcripts.
pub struct TranscriptsApi;

#[OpenApi(tag = "Area::Evidence")]
impl TranscriptsApi {
    /// Attach a transcript
    ///
    /// What is said in a recording: WebVTT, SubRip (SRT) or plain text in UTF-8, at most 1 MiB. `text/vtt` and
    /// `application/x-subrip` are taken at their word, anything else is looked at. In a plain text every line is a cue;
    /// `[01:02]` before it is its time, and then `Name:` its speaker. It takes the place of an earlier one; an auditor
    /// replaces only what they attached themselves. Every line that is wrong is named, as `/lines/N`. Like the
    /// recording, it is for those who may hear that.
    #[oai(path = "/v1/evidence/:evidence_id/transcript", method = "put", operation_id = "put_evidence_transcript")]
    async fn put_evidence_transcript(
        &self,
        app: Data<&Arc<App>>,
        auth: Auth,
        /// The id in the manifest.
        evidence_id: Path<Uuid>,
        /// The language, as a tag such as `et` or `hu-HU`.
        #[oai(validator(max_length = 35, pattern = "^[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*$"))]
        language: Query<String>,
        body: TranscriptFile,
    ) -> Result<Json<TranscriptView>, Failure> {
        let caller = auth.caller(Operation::PutEvidenceTranscript)?;
        let (media_type, bytes) = (body.media_type.as_deref(), body.bytes.as_slice());
        let new = NewTranscript { language: &language.0, media_type, bytes };
        Ok(Json(service::put(&app, &caller, evidence_id.0, new).await?))
    }

    /// Get a transcript
    ///
    /// What is said in a recording, with its times, as JSON or, by `format` or `Accept: text/vtt`, as WebVTT for a player.
    /// Only where the recording may be heard.
    #[oai(path = "/v1/evidence/:evidence_id/transcript", method = "get", operation_id = "get_evidence_transcript")]
    async fn get_evidence_transcript(
        &self,
        app: Data<&Arc<App>>,
        auth: Auth,
        request: &Request,
        /// The id in the manifest.
        evidence_id: Path<Uuid>,
        /// The form; if absent, `Accept` decides.
        format: Query<Option<Form>>,
    ) -> Result<TranscriptAnswer, Failure> {
        let caller = auth.caller(Operation::GetEvidenceTranscript)?;
        let view = service::transcript(&app, &caller, evidence_id.0).await?;
        Ok(TranscriptAnswer::new(&view, format.0, request.header("accept")))
    }

    /// Remove a transcript
    ///
    /// It is found by no search any more. An auditor removes only what they attached themselves.
    #[oai(
        path = "/v1/evidence/:evidence_id/transcript",
        method = "delete",
        operation_id = "delete_evidence_transcript"
    )]
    async fn delete_evidence_transcript(
        &self,
        app: Data<&Arc<App>>,
        auth: Auth,
        /// The id in the manifest.
        evidence_id: Path<Uuid>,
    ) -> Result<NoContent, Failure> {
        let caller = auth.caller(Operation::DeleteEvidenceTranscript)?;
        service::remove(&app, &caller, evidence_id.0).await?;
        Ok(NoContent)
    }

    /// Search transcripts
    ///
    /// The transcripts that hold all words of `q`, each with up to five places, by the ids of their recordings. Case does
    /// not matter; a word without accents is found with any, one with accents only with these. The last word may be a
    /// beginning, unless a blank follows it. Recordings that may not be heard are not found.
    #[oai(path = "/v1/transcripts", method = "get", operation_id = "search_transcripts")]
    #[expect(clippy::too_many_arguments, reason = "one for each query parameter")]
    async fn search_transcripts(
        &self,
        app: Data<&Arc<App>>,
        auth: Auth,
        /// Words that are said, 1 to 200 characters.
        #[oai(validator(min_length = 1, max_length = 200))]
        q: Query<String>,
        /// Only visits for this chain.
        chain_id: Query<Option<Uuid>>,
        /// Only visits in this wave.
        wave_id: Query<Option<Uuid>>,
        /// Entries of a page, 1 to 200; 50 if absent.
        limit: Query<Option<u64>>,
        /// Where the last page ended.
        cursor: Query<Option<String>>,
    ) -> Result<Json<Page<TranscriptHit>>, Failure> {
        let caller = auth.caller(Operation::SearchTranscripts)?;
        let slice = Slice::of(limit.0, cursor.0.as_deref())?;
        let filter = Filter { chain_id: chain_id.0, wave_id: wave_id.0 };
        Ok(Json(search::search(&app, &caller, &q.0, filter, &slice).await?))
    }

    /// Have a recording transcribed
    ///
    /// Gives the recording to the transcription service, if one is set, and stores its answer as the transcript, in place
    /// of one that the service wrote before. Whether it may be heard is asked again before it leaves and before the
    /// answer is stored.
    #[oai(path = "/v1/evidence/:evidence_id/transcription", method = "post", operation_id = "create_transcription")]
    async fn create_transcription(
        &self,
        app: Data<&Arc<App>>,
        auth: Auth,
        /// The id in the manifest.
        evidence_id: Path<Uuid>,
        /// Makes a repeated request harmless.
        #[oai(name = "Idempotency-Key")]
        idempotency_key: Header<Option<String>>,
        body: OptionalJson<NewTranscription>,
    ) -> Result<Created<TranscriptionView>, Failure> {
        let caller = auth.caller(Operation::CreateTranscription)?;
        let language = body.0.and_then(|body| body.language);
        Ok(Created::new(transcription::create(&app, &caller, evidence_id.0, idempotency_key.0, language).await?))
    }

    /// Get a transcription
    ///
    /// How far the transcription service has come with a recording.
    #[oai(path = "/v1/evidence/:evidence_id/transcription", method = "get", operation_id = "get_transcription")]
    async fn get_transcription(
        &self,
        app: Data<&Arc<App>>,
        auth: Auth,
        /// The id in the manifest.
        evidence_id: Path<Uuid>,
    ) -> Result<Json<TranscriptionView>, Failure> {
        let caller = auth.caller(Operation::GetTranscription)?;
        Ok(Json(transcription::transcription(&app, &caller, evidence_id.0).await?.into()))
    }
}
