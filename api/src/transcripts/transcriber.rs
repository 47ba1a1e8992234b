//! Speaking with a transcription service: one request of the HTTP interface that OpenAI made and many speak, with the file
//! as it streams from the store. What it answers is taken for a stranger's: bounded, checked, cleaned.

use std::fmt::{Debug, Formatter};
use std::time::Duration;

use chrono::{DateTime, Utc};
use reqwest::header::{ACCEPT, RETRY_AFTER};
use reqwest::multipart::{Form, Part};
use reqwest::{Body, Client, Response, StatusCode, Url};
use serde::Deserialize;

use crate::config::{Hidden, TranscriptionSettings};
use crate::evidence::blobs::Opened;
use crate::http::outgoing::{Outgoing, Refused};
use crate::transcripts::folding::terms;
use crate::transcripts::parse::{MAX_CUE_CHARS, MAX_CUES, MAX_TIME_MS, MAX_WORDS, is_control, one_line};
use crate::transcripts::types::Cue;

/// Largest answer that is read, in bytes. An hour of talk takes about 3 MB with all that services add to it.
const ANSWER_LIMIT_BYTES: usize = 16 * 1024 * 1024;
/// The longest pause that a service can ask for.
const LONGEST_PAUSE_S: i64 = 60 * 60;
/// How long a look at the service may take.
const ANSWERS_WITHIN: Duration = Duration::from_secs(10);

/// A transcription service.
pub struct Transcriber {
    outgoing: Outgoing,
    base: Url,
    key: Option<Hidden>,
    model: String,
    timeout: Duration,
}

/// A recording on its way.
pub struct Recording {
    /// The stored file.
    pub file: Opened,
    /// What was found in it.
    pub media_type: String,
    /// The language that is spoken, as a tag.
    pub language: String,
}

/// Why there is no transcript.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// It may go better later, in this many seconds if the service said so.
    Later { what: String, after_s: Option<u32> },
    /// It would go the same way again: a code for programs, and words.
    Never { code: &'static str, what: String },
}

impl Trouble {
    fn later(what: impl Into<String>) -> Self {
        Self::Later { what: what.into(), after_s: None }
    }

    fn never(code: &'static str, what: impl Into<String>) -> Self {
        Self::Never { code, what: what.into() }
    }
}

impl From<Refused> for Trouble {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::NotPublic => Self::never("address_refused", format!("The service is not called: {refused}.")),
            Refused::Unresolved | Refused::NoClient(_) => Self::later(format!("The service is not called: {refused}.")),
        }
    }
}

impl Debug for Transcriber {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Transcriber").field("base", &self.base.as_str()).finish_non_exhaustive()
    }
}

impl Transcriber {
    /// The service that the settings name, if they name one.
    ///
    /// # Errors
    ///
    /// What is wrong with its address.
    pub fn new(settings: &TranscriptionSettings) -> Result<Option<Self>, String> {
        let Some(text) = &settings.transcription_url else { return Ok(None) };
        let outgoing = Outgoing { this_machine: true, networks: settings.transcription_networks.clone() };
        let bad = |why: &str| format!("--transcription-url is not like https://HOST: {why}");
        let mut base = outgoing.url(text).map_err(bad)?;
        if base.query().is_some() {
            return Err(bad("it has a part behind ?; leave it out"));
        }
        // Many write the address with the version of the interface behind it.
        let path = base.path().trim_end_matches('/').trim_end_matches("/v1").to_owned();
        base.set_path(&path);
        Ok(Some(Self {
            outgoing,
            base,
            key: settings.transcription_key.clone(),
            model: settings.transcription_model.clone(),
            timeout: settings.transcription_timeout,
        }))
    }

    /// The address of a resource.
    fn at(&self, path: &str) -> Url {
        let mut url = self.base.clone();
        url.set_path(&format!("{}{path}", self.base.path().trim_end_matches('/')));
        url
    }

    /// A way to the service at this moment: its name is resolved and looked at anew.
    ///
    /// # Errors
    ///
    /// [`Trouble`] when it leads where it must not, or nowhere.
    pub async fn reach(&self) -> Result<Client, Trouble> {
        Ok(self.outgoing.client(&self.base).await?)
    }

    /// Sends a recording and reads what is said in it.
    ///
    /// # Errors
    ///
    /// [`Trouble`]; what the service said is not repeated.
    pub async fn transcribe(
        &self,
        way: &Client,
        recording: Recording,
        now: DateTime<Utc>,
    ) -> Result<Vec<Cue>, Trouble> {
        let Recording { file, media_type, language } = recording;
        let bytes = file.bytes;
        let stream = file.stream(0, bytes).await.map_err(|failure| Trouble::later(failure.detail))?;
        let file = Part::stream_with_length(Body::wrap_stream(stream), bytes)
            .file_name(format!("recording.{}", extension(&media_type)))
            .mime_str(&media_type)
            .map_err(|_| Trouble::never("bad_media_type", "The media type of the file cannot be sent."))?;
        let spoken = language.split('-').next().unwrap_or_default().to_owned();
        let form = Form::new()
            .text("model", self.model.clone())
            .text("language", spoken)
            .text("response_format", "verbose_json")
            .part("file", file);
        let mut request = way.post(self.at("/v1/audio/transcriptions")).multipart(form).timeout(self.timeout);
        if let Some(key) = &self.key {
            request = request.bearer_auth(key.reveal());
        }
        let response = request.header(ACCEPT, "application/json").send().await.map_err(|error| self.broken(&error))?;
        check_status(&response, now)?;
        cues(&self.read(response).await?)
    }

    /// Reads an answer to its end, or to the limit.
    async fn read(&self, mut response: Response) -> Result<Vec<u8>, Trouble> {
        let too_large = || {
            let what = format!("The service answered with more than {} MiB.", ANSWER_LIMIT_BYTES / 1024 / 1024);
            Trouble::never("answer_too_large", what)
        };
        if response.content_length().is_some_and(|length| length > ANSWER_LIMIT_BYTES as u64) {
            return Err(too_large());
        }
        let mut answer = Vec::new();
        while let Some(piece) = response.chunk().await.map_err(|error| self.broken(&error))? {
            if answer.len() + piece.len() > ANSWER_LIMIT_BYTES {
                return Err(too_large());
            }
            answer.extend_from_slice(&piece);
        }
        Ok(answer)
    }

    /// What went wrong on the way, without what a library says of it: that may hold the address with its parts.
    fn broken(&self, error: &reqwest::Error) -> Trouble {
        Trouble::later(if error.is_timeout() && !error.is_connect() {
            format!("The service did not answer within {} s.", self.timeout.as_secs_f64())
        } else if error.is_connect() {
            "No connection to the service can be made.".to_owned()
        } else {
            "The connection to the service broke.".to_owned()
        })
    }

    /// Looks whether the service answers, and sends no recording: how it went, either way.
    ///
    /// # Errors
    ///
    /// What is wrong.
    pub async fn test(&self) -> Result<String, String> {
        let way = self.outgoing.client(&self.base).await.map_err(|refused| refused.to_string())?;
        let mut request = way.get(self.at("/v1/models")).timeout(ANSWERS_WITHIN);
        if let Some(key) = &self.key {
            request = request.bearer_auth(key.reveal());
        }
        let response = request.send().await.map_err(|error| match self.broken(&error) {
            Trouble::Later { what, .. } | Trouble::Never { what, .. } => what,
        })?;
        match response.status() {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Err("the service does not take the key".to_owned()),
            status if status.is_redirection() || status.is_server_error() => {
                Err(format!("the service answered {}", status.as_u16()))
            }
            // Not all of them list their models.
            _ => Ok("the transcription service answers".to_owned()),
        }
    }
}

/// What the end of a file name says to services that go by it.
fn extension(media_type: &str) -> &'static str {
    match media_type {
        "audio/wav" => "wav",
        "audio/mpeg" => "mp3",
        "audio/mp4" | "audio/m4a" | "audio/x-m4a" => "m4a",
        "video/mp4" => "mp4",
        "audio/3gpp" | "video/3gpp" => "3gp",
        "audio/flac" => "flac",
        "audio/ogg" | "video/ogg" => "ogg",
        "audio/webm" | "video/webm" => "webm",
        "audio/amr" => "amr",
        _ => "bin",
    }
}

fn check_status(response: &Response, now: DateTime<Utc>) -> Result<(), Trouble> {
    let status = response.status();
    if status.is_success() {
        return Ok(());
    }
    let what = format!("The service answered {}.", status.as_u16());
    let is_passing =
        status.is_server_error() || matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT);
    if is_passing {
        let after = response.headers().get(RETRY_AFTER).and_then(|after| after.to_str().ok());
        return Err(Trouble::Later { what, after_s: after.and_then(|after| pause_s(after, now)) });
    }
    let code = if status.is_redirection() { "redirected" } else { "refused_by_service" };
    Err(Trouble::never(code, what))
}

/// The seconds of a `Retry-After`, a number or a time, within bounds.
fn pause_s(after: &str, now: DateTime<Utc>) -> Option<u32> {
    let after = after.trim();
    let seconds = after.parse::<u32>().map(i64::from).ok().or_else(|| {
        let at = DateTime::parse_from_rfc2822(after).ok()?;
        Some((at.to_utc() - now).num_seconds())
    })?;
    u32::try_from(seconds.clamp(0, LONGEST_PAUSE_S)).ok()
}

/// What is read of an answer; all else that is in it is passed over.
#[derive(Deserialize)]
struct Answer {
    text: Option<String>,
    segments: Option<Vec<Segment>>,
}

#[derive(Deserialize)]
struct Segment {
    start: f64,
    end: f64,
    text: String,
}

/// The cues of an answer.
fn cues(answer: &[u8]) -> Result<Vec<Cue>, Trouble> {
    let bad = |why: &str| Trouble::never("bad_answer", format!("The answer of the service cannot be used: {why}."));
    let Answer { text, segments } = serde_json::from_slice(answer).map_err(|_| bad("it is not what was asked for"))?;
    let mut cues = Vec::new();
    match (segments, text) {
        (Some(segments), _) if !segments.is_empty() => {
            for Segment { start, end, text } in segments {
                let (start_ms, end_ms) = ms(start).zip(ms(end)).ok_or_else(|| bad("a time is out of bounds"))?;
                if end_ms < start_ms {
                    return Err(bad("something ends before it begins"));
                }
                push(&mut cues, (Some(start_ms), Some(end_ms)), &text);
            }
        }
        (_, Some(text)) => push(&mut cues, (None, None), &text),
        _ => return Err(bad("it has neither segments nor a text")),
    }
    if cues.len() > MAX_CUES || terms(cues.iter().map(|cue| cue.text.as_str())).len() > 2 * MAX_WORDS {
        return Err(bad("it is longer than a transcript may be"));
    }
    cues.sort_by_key(|cue| cue.start_ms);
    Ok(cues)
}

/// Adds what is said as one cue, or as several when it is too long for one.
fn push(cues: &mut Vec<Cue>, (start_ms, end_ms): (Option<i64>, Option<i64>), text: &str) {
    let clean: String = text.chars().map(|c| if is_control(c) { ' ' } else { c }).collect();
    let letters: Vec<char> = one_line(&clean).chars().collect();
    for part in letters.chunks(MAX_CUE_CHARS) {
        cues.push(Cue { start_ms, end_ms, speaker: None, text: part.iter().collect() });
    }
}

/// Seconds as milliseconds, from the beginning to the end of a day.
fn ms(seconds: f64) -> Option<i64> {
    let ms = seconds * 1000.0;
    // What is no number is in no range.
    #[expect(clippy::cast_possible_truncation, reason = "it is within a day")]
    (0.0..=MAX_TIME_MS as f64).contains(&ms).then_some(ms.round() as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bad(answer: &str) -> &'static str {
        match cues(answer.as_bytes()) {
            Err(Trouble::Never { code, .. }) => code,
            other => panic!("{other:?} of {answer}"),
        }
    }

    #[test]
    fn an_answer_gives_its_segments() {
        let answer = r#"{"task": "transcribe", "language": "estonian", "duration": 3.5, "text": " Tere! Jah.", "segments": [
            {"id": 1, "start": 1.2345, "end": 3.5, "text": " Jah.", "tokens": [1, 2], "avg_logprob": -0.3},
            {"id": 0, "start": 0, "end": 1.2345, "text": " Te\u0000re!\n\u202e "}]}"#;
        let cue = |start, end, text: &str| Cue {
            start_ms: Some(start),
            end_ms: Some(end),
            speaker: None,
            text: text.to_owned(),
        };
        assert_eq!(cues(answer.as_bytes()), Ok(vec![cue(0, 1235, "Te re!"), cue(1235, 3500, "Jah.")]));
        let text = Cue { text: "Tere".to_owned(), ..Cue::default() };
        assert_eq!(cues(br#"{"text": "Tere", "segments": []}"#), Ok(vec![text.clone()]));
        assert_eq!(cues(br#"{"text": "Tere"}"#), Ok(vec![text]));
        assert_eq!(cues(br#"{"text": " \n"}"#), Ok(vec![]));
        let long = format!(r#"{{"text": "{}"}}"#, "õ".repeat(MAX_CUE_CHARS + 1));
        assert_eq!(cues(long.as_bytes()).map(|cues| cues.len()), Ok(2));
    }

    #[test]
    fn hostile_answers_are_refused() {
        let segment =
            |start: &str, end: &str| format!(r#"{{"segments": [{{"start": {start}, "end": {end}, "text": "x"}}]}}"#);
        for answer in [
            "",
            "null",
            "[]",
            "{}",
            "{\"text\": 7}",
            "<html>",
            "{\"text\": \"a\"",
            "{\"text\": \"\\ud800\"}",
            &segment("-1", "1"),
            &segment("2", "1"),
            &segment("0", "86401"),
            &segment("0", "1e308"),
            &segment("0", "null"),
            &segment("\"0\"", "1"),
            &"[".repeat(100_000),
        ] {
            assert_eq!(bad(answer), "bad_answer", "{}", &answer[..answer.len().min(60)]);
        }
        assert_eq!(bad(&segment("0", "1e999")), "bad_answer");
        let many = vec![r#"{"start": 0, "end": 1, "text": "x"}"#; MAX_CUES + 1].join(",");
        assert_eq!(bad(&format!(r#"{{"segments": [{many}]}}"#)), "bad_answer");
    }

    #[test]
    fn pauses_are_bounded() {
        let now = DateTime::from_timestamp(1_445_412_400, 0).expect("a time");
        for (after, seconds) in [
            ("7", Some(7)),
            (" 0 ", Some(0)),
            ("99999999", Some(3600)),
            ("Wed, 21 Oct 2015 07:28:00 GMT", Some(80)),
            ("Wed, 21 Oct 2015 07:00:00 GMT", Some(0)),
            ("Wed, 21 Oct 2099 07:28:00 GMT", Some(3600)),
            ("-1", None),
            ("soon", None),
            ("", None),
        ] {
            assert_eq!(pause_s(after, now), seconds, "{after}");
        }
    }

    #[test]
    fn an_address_may_hold_a_path_and_the_version() {
        let service = |url: &str| {
            let settings = TranscriptionSettings { transcription_url: Some(url.to_owned()), ..Default::default() };
            Transcriber::new(&settings).map(|service| service.map(|it| it.at("/v1/models").to_string()))
        };
        for url in ["https://api.example", "https://api.example/", "https://api.example/v1", "https://api.example/v1/"]
        {
            assert_eq!(service(url), Ok(Some("https://api.example/v1/models".to_owned())), "{url}");
        }
        assert_eq!(service("https://a.example/x/v1"), Ok(Some("https://a.example/x/v1/models".to_owned())));
        assert_eq!(service("http://127.0.0.1:9000"), Ok(Some("http://127.0.0.1:9000/v1/models".to_owned())));
        for url in ["http://api.example", "https://api.example?x", "https://me:hush@api.example", "nowhere"] {
            let why = service(url).expect_err("refused");
            assert!(why.contains("--transcription-url") && !why.contains("hush"), "{why}");
        }
    }
}
