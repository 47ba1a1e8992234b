//! JSON that our own code parses, and JSON that is sent exactly as it is stored.

use std::marker::PhantomData;

use bytes::Bytes;
use futures_util::Stream;
use poem::http::header;
use poem::{Body, FromRequest, IntoResponse, Request, RequestBody, Response};
use poem_openapi::payload::{Json, ParsePayload, Payload};
use poem_openapi::registry::{MetaMediaType, MetaRequest, MetaResponse, MetaResponses, MetaSchemaRef, Registry};
use poem_openapi::types::{ParseFromJSON, Type};
use poem_openapi::{ApiExtractor, ApiExtractorType, ApiResponse, ExtractParamOptions};
use serde_json::Value;

use crate::failure::{Failure, FieldProblem, Kind};
use crate::http::body::checked;

/// The media type of JSON in requests and answers.
const MEDIA_TYPE: &str = "application/json; charset=utf-8";

/// A JSON body declared as `T` and handed over as it came, because the framework would name one problem of many.
pub struct RawJson<T> {
    bytes: Vec<u8>,
    declared: PhantomData<fn() -> T>,
}

impl<T> RawJson<T> {
    /// Its size in bytes.
    pub fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// The body as a value.
    ///
    /// # Errors
    ///
    /// 400 `malformed_json` when it is not JSON.
    pub fn value(&self) -> Result<Value, Failure> {
        serde_json::from_slice(&self.bytes)
            .map_err(|error| Failure::malformed("malformed_json", format!("The body is not JSON: {error}.")))
    }
}

impl<T: Type> Payload for RawJson<T> {
    const CONTENT_TYPE: &'static str = MEDIA_TYPE;

    fn check_content_type(content_type: &str) -> bool {
        Json::<T>::check_content_type(content_type)
    }

    fn schema_ref() -> MetaSchemaRef {
        T::schema_ref()
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

impl<T: Type> ParsePayload for RawJson<T> {
    const IS_REQUIRED: bool = true;

    async fn from_request(request: &Request, body: &mut RequestBody) -> poem::Result<Self> {
        Ok(Self { bytes: <Vec<u8> as FromRequest>::from_request(request, body).await?, declared: PhantomData })
    }
}

impl<'a, T: Type> ApiExtractor<'a> for RawJson<T> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];

    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        <Self as Payload>::register(registry);
    }

    fn request_meta() -> Option<MetaRequest> {
        Some(MetaRequest {
            description: None,
            content: vec![MetaMediaType { content_type: MEDIA_TYPE, schema: <Self as Payload>::schema_ref() }],
            required: true,
        })
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        _options: ExtractParamOptions<Self::ParamType>,
    ) -> poem::Result<Self> {
        if let Some(content_type) = request.content_type()
            && !Self::check_content_type(content_type)
        {
            let detail = format!("Send `application/json`, not `{content_type}`.");
            return Err(Failure::new(Kind::WrongMediaType, "wrong_media_type", detail).into());
        }
        <Self as ParsePayload>::from_request(request, body).await
    }
}

/// A JSON body that may be left out; the framework allows that only to requests that still name a content type.
pub struct OptionalJson<T>(pub Option<T>);

impl<'a, T: ParseFromJSON + Type> ApiExtractor<'a> for OptionalJson<T> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];

    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        T::register(registry);
    }

    fn request_meta() -> Option<MetaRequest> {
        let content = MetaMediaType { content_type: Json::<T>::CONTENT_TYPE, schema: T::schema_ref() };
        Some(MetaRequest { description: None, content: vec![content], required: false })
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        _options: ExtractParamOptions<Self::ParamType>,
    ) -> poem::Result<Self> {
        let bytes = <Vec<u8> as FromRequest>::from_request(request, body).await?;
        if bytes.is_empty() {
            return Ok(Self(None));
        }
        if let Some(content_type) = request.content_type()
            && !Json::<T>::check_content_type(content_type)
        {
            let detail = format!("Send `application/json`, not `{content_type}`.");
            return Err(Failure::new(Kind::WrongMediaType, "wrong_media_type", detail).into());
        }
        Ok(Self(Some(checked(RawJson::<T> { bytes, declared: PhantomData }.value()?)?)))
    }
}

/// JSON that is sent as it is made, declared as `T`.
pub struct StreamedJson<T> {
    body: Body,
    declared: PhantomData<fn() -> T>,
}

impl<T> StreamedJson<T> {
    /// Pieces that together must be JSON of the declared shape; an error in them breaks the answer off.
    pub fn new(pieces: impl Stream<Item = Result<Bytes, std::io::Error>> + Send + 'static) -> Self {
        Self { body: Body::from_bytes_stream(pieces), declared: PhantomData }
    }
}

impl<T: Type> IntoResponse for StreamedJson<T> {
    fn into_response(self) -> Response {
        Response::builder().header(header::CONTENT_TYPE, MEDIA_TYPE).body(self.body)
    }
}

impl<T: Type> ApiResponse for StreamedJson<T> {
    fn meta() -> MetaResponses {
        StoredJson::<T>::meta()
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

/// JSON text that is sent exactly as it is, declared as `T`.
pub struct StoredJson<T> {
    text: String,
    declared: PhantomData<fn() -> T>,
}

impl<T> StoredJson<T> {
    /// Text that must already be JSON of the declared shape.
    pub fn new(text: String) -> Self {
        Self { text, declared: PhantomData }
    }
}

impl<T: Type> Payload for StoredJson<T> {
    const CONTENT_TYPE: &'static str = MEDIA_TYPE;

    fn schema_ref() -> MetaSchemaRef {
        T::schema_ref()
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

impl<T: Type> IntoResponse for StoredJson<T> {
    fn into_response(self) -> Response {
        Response::builder().header(header::CONTENT_TYPE, MEDIA_TYPE).body(self.text)
    }
}

impl<T: Type> ApiResponse for StoredJson<T> {
    fn meta() -> MetaResponses {
        MetaResponses {
            responses: vec![MetaResponse {
                description: "",
                status: Some(200),
                status_range: None,
                content: vec![MetaMediaType { content_type: MEDIA_TYPE, schema: T::schema_ref() }],
                headers: vec![],
            }],
        }
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

/// Reads members of a JSON object one by one and collects every problem on the way.
///
/// Wrong types, missing and unknown members, forbidden characters and lengths all end up in one list, with pointers.
pub struct Reader<'a> {
    object: Option<&'a serde_json::Map<String, Value>>,
    pointer: String,
    seen: Vec<&'static str>,
    /// What is wrong so far.
    pub problems: Vec<FieldProblem>,
}

impl<'a> Reader<'a> {
    /// Starts on the object at `pointer`; anything else is one `bad_type` problem.
    pub fn new(value: &'a Value, pointer: impl Into<String>) -> Self {
        let pointer = pointer.into();
        let object = value.as_object();
        let mut problems = Vec::new();
        if object.is_none() {
            problems.push(FieldProblem::new(pointer.clone(), "bad_type", "must be an object"));
        }
        Self { object, pointer, seen: Vec::new(), problems }
    }

    /// Adds a problem with one of the members.
    pub fn problem(&mut self, name: &str, code: &str, message: impl Into<String>) {
        let pointer = format!("{}/{}", self.pointer, escape(name));
        self.problems.push(FieldProblem::new(pointer, code, message));
    }

    /// A member that may be absent; null counts as absent.
    pub fn optional_value(&mut self, name: &'static str) -> Option<&'a Value> {
        self.seen.push(name);
        self.object?.get(name).filter(|value| !value.is_null())
    }

    /// A member that must be there.
    pub fn value(&mut self, name: &'static str) -> Option<&'a Value> {
        let value = self.optional_value(name);
        if value.is_none() && self.object.is_some() {
            self.problem(name, "missing", "is required");
        }
        value
    }

    /// A text of `1..=max_chars` characters without control characters.
    pub fn text(&mut self, name: &'static str, max_chars: usize) -> Option<String> {
        let value = self.value(name)?;
        self.as_text(name, value, max_chars)
    }

    /// Like [`Reader::text`], but may be absent.
    pub fn optional_text(&mut self, name: &'static str, max_chars: usize) -> Option<String> {
        let value = self.optional_value(name)?;
        self.as_text(name, value, max_chars)
    }

    fn as_text(&mut self, name: &str, value: &Value, max_chars: usize) -> Option<String> {
        let Some(text) = value.as_str() else {
            self.problem(name, "bad_type", "must be a text");
            return None;
        };
        match text_problem(text, max_chars) {
            Some((code, message)) => {
                self.problem(name, code, message);
                None
            }
            None => Some(text.to_owned()),
        }
    }

    /// A UUID (RFC 9562) in its usual form.
    pub fn uuid(&mut self, name: &'static str) -> Option<uuid::Uuid> {
        let value = self.value(name)?;
        self.as_uuid(name, value)
    }

    /// Like [`Reader::uuid`], but may be absent.
    pub fn optional_uuid(&mut self, name: &'static str) -> Option<uuid::Uuid> {
        let value = self.optional_value(name)?;
        self.as_uuid(name, value)
    }

    fn as_uuid(&mut self, name: &str, value: &Value) -> Option<uuid::Uuid> {
        let id = value.as_str().and_then(id);
        if id.is_none() {
            self.problem(name, "bad_id", "must be a UUID such as 0198c2f4-7d5b-7e3a-9c1d-2f6b8a4e0c11");
        }
        id
    }

    /// One of a closed list of words.
    pub fn word<W: std::str::FromStr<Err = String>>(&mut self, name: &'static str) -> Option<W> {
        let value = self.value(name)?;
        self.as_word(name, value)
    }

    /// Like [`Reader::word`], but may be absent.
    pub fn optional_word<W: std::str::FromStr<Err = String>>(&mut self, name: &'static str) -> Option<W> {
        let value = self.optional_value(name)?;
        self.as_word(name, value)
    }

    fn as_word<W: std::str::FromStr<Err = String>>(&mut self, name: &str, value: &Value) -> Option<W> {
        match value.as_str().unwrap_or_default().parse() {
            Ok(word) => Some(word),
            Err(message) => {
                self.problem(name, "bad_value", message);
                None
            }
        }
    }

    /// A whole number within bounds.
    pub fn optional_integer(&mut self, name: &'static str, min: i64, max: i64) -> Option<i64> {
        let value = self.optional_value(name)?;
        let number = value.as_i64().filter(|n| (min..=max).contains(n));
        if number.is_none() {
            self.problem(name, "out_of_range", format!("must be a whole number from {min} to {max}"));
        }
        number
    }

    /// A day as YYYY-MM-DD.
    pub fn date(&mut self, name: &'static str) -> Option<chrono::NaiveDate> {
        let value = self.value(name)?;
        let day = value.as_str().and_then(day);
        if day.is_none() {
            self.problem(name, "bad_date", "must be a day such as 2026-11-22");
        }
        day
    }

    /// A time in RFC 3339, cut to microseconds.
    pub fn time(&mut self, name: &'static str) -> Option<chrono::DateTime<chrono::Utc>> {
        let value = self.value(name)?;
        self.as_time(name, value)
    }

    /// Like [`Reader::time`], but may be absent.
    pub fn optional_time(&mut self, name: &'static str) -> Option<chrono::DateTime<chrono::Utc>> {
        let value = self.optional_value(name)?;
        self.as_time(name, value)
    }

    fn as_time(&mut self, name: &str, value: &Value) -> Option<chrono::DateTime<chrono::Utc>> {
        let time = value.as_str().and_then(time);
        if time.is_none() {
            self.problem(name, "bad_time", "must be a time such as 2026-11-22T09:30:00Z");
        }
        time
    }

    /// A list of at most `max` entries.
    pub fn list(&mut self, name: &'static str, max: usize) -> Option<&'a [Value]> {
        let value = self.value(name)?;
        self.as_list(name, value, max)
    }

    /// Like [`Reader::list`], but may be absent.
    pub fn optional_list(&mut self, name: &'static str, max: usize) -> Option<&'a [Value]> {
        let value = self.optional_value(name)?;
        self.as_list(name, value, max)
    }

    fn as_list(&mut self, name: &str, value: &'a Value, max: usize) -> Option<&'a [Value]> {
        let Some(list) = value.as_array() else {
            self.problem(name, "bad_type", "must be a list");
            return None;
        };
        if list.len() > max {
            self.problem(name, "too_many", format!("has {} entries; at most {max} are allowed", list.len()));
            return None;
        }
        Some(list)
    }

    /// An object.
    pub fn object(&mut self, name: &'static str) -> Option<&'a serde_json::Map<String, Value>> {
        let value = self.value(name)?;
        if value.as_object().is_none() {
            self.problem(name, "bad_type", "must be an object");
        }
        value.as_object()
    }

    /// Ends reading: members that nobody asked for are problems too.
    pub fn finish(mut self) -> Vec<FieldProblem> {
        if let Some(object) = self.object {
            for name in object.keys().filter(|name| !self.seen.contains(&name.as_str())) {
                let pointer = format!("{}/{}", self.pointer, escape(name));
                self.problems.push(FieldProblem::new(pointer, "unknown_field", "is not a member known here"));
            }
        }
        self.problems
    }
}

/// A UUID (RFC 9562) in its usual form.
pub fn id(text: &str) -> Option<uuid::Uuid> {
    Some(text).filter(|text| text.len() == 36)?.parse().ok()
}

/// Whether a text is a day as YYYY-MM-DD.
pub fn is_day(text: &str) -> bool {
    // Shorter and longer ones are days to the parser, and none to RFC 3339.
    text.len() == 10 && text.parse::<chrono::NaiveDate>().is_ok()
}

/// A day as YYYY-MM-DD, from 1970 on.
fn day(text: &str) -> Option<chrono::NaiveDate> {
    Some(text).filter(|text| is_day(text))?.parse().ok().filter(is_in_time)
}

/// A time in RFC 3339, from 1970 on, cut to microseconds.
pub fn time(text: &str) -> Option<chrono::DateTime<chrono::Utc>> {
    let time = chrono::DateTime::parse_from_rfc3339(text).ok()?;
    // It is the year in UTC that is stored.
    chrono::DateTime::from_timestamp_micros(time.timestamp_micros()).filter(is_in_time)
}

/// RFC 3339 has four-digit years.
fn is_in_time(day: &impl chrono::Datelike) -> bool {
    (1970..=9999).contains(&day.year())
}

/// Whether a text is a sha256 in lower-case hex.
pub fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

/// Escapes one step of a JSON pointer.
pub fn escape(step: &str) -> String {
    step.replace('~', "~0").replace('/', "~1")
}

/// What is wrong with a text, if anything: empty, too long, or with control characters other than line breaks.
pub fn text_problem(text: &str, max_chars: usize) -> Option<(&'static str, String)> {
    if text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t')) {
        return Some(("bad_character", "must not contain control characters".to_owned()));
    }
    if text.trim().is_empty() {
        return Some(("empty", "must not be empty".to_owned()));
    }
    if text.chars().count() > max_chars {
        return Some(("too_long", format!("must have at most {max_chars} characters")));
    }
    None
}

/// 201 with JSON text declared as `T`.
pub struct Created<T>(StoredJson<T>);

impl<T> Created<T> {
    /// Text that must already be JSON of the declared shape.
    pub fn new(text: String) -> Self {
        Self(StoredJson::new(text))
    }
}

impl<T: Type> IntoResponse for Created<T> {
    fn into_response(self) -> Response {
        let mut response = self.0.into_response();
        response.set_status(poem::http::StatusCode::CREATED);
        response
    }
}

impl<T: Type> ApiResponse for Created<T> {
    fn meta() -> MetaResponses {
        let mut meta = StoredJson::<T>::meta();
        for response in &mut meta.responses {
            response.status = Some(201);
            response.description = "Created, or the answer of the first request with this Idempotency-Key.";
        }
        meta
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}
