//! The answer with a transcript: as JSON, or as WebVTT for players.

use poem::http::header;
use poem::{FromRequest, IntoResponse, Request, RequestBody, Response};
use poem_openapi::payload::Payload;
use poem_openapi::registry::{
    MetaMediaType, MetaRequest, MetaResponse, MetaResponses, MetaSchema, MetaSchemaRef, Registry,
};
use poem_openapi::types::{ToJSON, Type};
use poem_openapi::{ApiExtractor, ApiExtractorType, ApiResponse, Enum, ExtractParamOptions};

use crate::http::json::StoredJson;
use crate::http::limits::too_large;
use crate::transcripts::parse::TRANSCRIPT_LIMIT_BYTES;
use crate::transcripts::types::{CueView, TranscriptView};

/// The media type of WebVTT.
const WEBVTT: &str = "text/vtt; charset=utf-8";
/// How long a cue is shown when nobody says when it ends.
const SHOWN_MS: i64 = 5000;

/// A form of a transcript.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[oai(rename_all = "snake_case")]
pub enum Form {
    /// Cues in JSON.
    Json,
    /// WebVTT, with the cues that have times.
    Vtt,
}

/// The body of a transcript, of any media type that may hold one.
pub struct TranscriptFile {
    /// What the request says that it is.
    pub media_type: Option<String>,
    /// The bytes.
    pub bytes: Vec<u8>,
}

impl<'a> ApiExtractor<'a> for TranscriptFile {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];

    type ParamType = ();
    type ParamRawType = ();

    fn request_meta() -> Option<MetaRequest> {
        let media = ["text/vtt", "application/x-subrip", "text/plain", "application/octet-stream"];
        Some(MetaRequest { description: None, content: media.map(file_of).into(), required: true })
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        _options: ExtractParamOptions<Self::ParamType>,
    ) -> poem::Result<Self> {
        let bytes = <Vec<u8> as FromRequest>::from_request(request, body).await?;
        if bytes.len() as u64 > TRANSCRIPT_LIMIT_BYTES {
            return Err(too_large(TRANSCRIPT_LIMIT_BYTES).into());
        }
        Ok(Self { media_type: request.content_type().map(str::to_owned), bytes })
    }
}

fn file_of(content_type: &'static str) -> MetaMediaType {
    let schema = MetaSchema { format: Some("binary"), ..MetaSchema::new("string") };
    MetaMediaType { content_type, schema: MetaSchemaRef::Inline(Box::new(schema)) }
}

/// A transcript in the form that was asked for.
pub struct TranscriptAnswer(Response);

impl TranscriptAnswer {
    /// The answer: in the form named, else in the first of both that `Accept` names, else as JSON.
    pub fn new(view: &TranscriptView, form: Option<Form>, accept: Option<&str>) -> Self {
        let response = match form.unwrap_or_else(|| accepted(accept)) {
            Form::Json => StoredJson::<TranscriptView>::new(view.to_json_string()).into_response(),
            Form::Vtt => Response::builder()
                .header(header::CONTENT_TYPE, WEBVTT)
                .header(header::CONTENT_SECURITY_POLICY, "sandbox; default-src 'none'; frame-ancestors 'none'")
                .body(webvtt(&view.cues)),
        };
        Self(response.with_header(header::VARY, "accept").into_response())
    }
}

fn accepted(accept: Option<&str>) -> Form {
    let kinds = accept.unwrap_or_default().split(',').map(|kind| kind.split(';').next().unwrap_or_default().trim());
    let form = |kind: &str| match kind.to_ascii_lowercase().as_str() {
        "application/json" | "*/*" => Some(Form::Json),
        "text/vtt" | "text/*" => Some(Form::Vtt),
        _ => None,
    };
    kinds.filter_map(form).next().unwrap_or(Form::Json)
}

/// A WebVTT file of the cues that have times.
fn webvtt(cues: &[CueView]) -> String {
    let mut file = "WEBVTT\n".to_owned();
    for (n, cue) in cues.iter().enumerate() {
        let Some(start_ms) = cue.start_ms else { continue };
        let next_ms = cues[n + 1..].iter().find_map(|next| next.start_ms);
        let end_ms = cue.end_ms.unwrap_or_else(|| next_ms.map_or(start_ms + SHOWN_MS, |next_ms| next_ms.max(start_ms)));
        let voice = cue.speaker.as_ref().map_or_else(String::new, |speaker| format!("<v {}>", escaped(speaker)));
        file.push_str(&format!("\n{} --> {}\n{voice}{}\n", time(start_ms), time(end_ms), escaped(&cue.text)));
    }
    file
}

fn time(ms: i64) -> String {
    let (seconds, minutes, hours) = (ms / 1000, ms / 60_000, ms / 3_600_000);
    format!("{hours:02}:{:02}:{:02}.{:03}", minutes % 60, seconds % 60, ms % 1000)
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

impl IntoResponse for TranscriptAnswer {
    fn into_response(self) -> Response {
        self.0
    }
}

impl ApiResponse for TranscriptAnswer {
    fn meta() -> MetaResponses {
        let json = MetaMediaType {
            content_type: <StoredJson<TranscriptView> as Payload>::CONTENT_TYPE,
            schema: TranscriptView::schema_ref(),
        };
        MetaResponses {
            responses: vec![MetaResponse {
                description: "What is said.",
                status: Some(200),
                status_range: None,
                content: vec![json, file_of(WEBVTT)],
                headers: vec![],
            }],
        }
    }

    fn register(registry: &mut Registry) {
        TranscriptView::register(registry);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transcripts::parse::parse;

    #[test]
    fn the_form_is_the_first_that_is_accepted() {
        for accept in [None, Some(""), Some("*/*"), Some("application/json, text/vtt"), Some("image/png")] {
            assert_eq!(accepted(accept), Form::Json, "{accept:?}");
        }
        for accept in ["text/vtt", "Text/VTT; q=1, */*", "text/*"] {
            assert_eq!(accepted(Some(accept)), Form::Vtt, "{accept}");
        }
    }

    #[test]
    fn what_is_written_is_read_again() {
        let cue = |start_ms, end_ms, speaker: Option<&str>, text: &str| CueView {
            start_ms,
            end_ms,
            speaker: speaker.map(str::to_owned),
            text: text.to_owned(),
            beyond_recording: false,
        };
        let cues = [
            cue(Some(1500), Some(2500), Some("Mari & <Jaan>"), "5 < 6 --> 7 &amp; <b>"),
            cue(None, None, None, "no time"),
            cue(Some(2000), None, None, "open"),
            cue(Some(3_661_001), None, None, "last"),
        ];
        let (_, read) = parse(webvtt(&cues).as_bytes(), Some("text/vtt")).expect("cues");
        let read: Vec<_> =
            read.into_iter().map(|cue| (cue.start_ms, cue.end_ms, cue.speaker.unwrap_or_default(), cue.text)).collect();
        let wanted =
            |start, end, speaker: &str, text: &str| (Some(start), Some(end), speaker.to_owned(), text.to_owned());
        assert_eq!(
            read,
            [
                wanted(1500, 2500, "Mari & <Jaan>", "5 < 6 --> 7 &amp; <b>"),
                wanted(2000, 3_661_001, "", "open"),
                wanted(3_661_001, 3_666_001, "", "last"),
            ]
        );
    }
}
