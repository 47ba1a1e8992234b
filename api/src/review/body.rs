//! A JSON body that may be left out, which the framework allows only for requests that still name a content type.

use poem::{FromRequest, Request, RequestBody};
use poem_openapi::payload::{Json, Payload};
use poem_openapi::registry::{MetaMediaType, MetaRequest, Registry};
use poem_openapi::types::{ParseFromJSON, Type};
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};

use crate::failure::{Failure, Kind};

/// The body, or nothing.
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
        let malformed = |what: &str| Failure::malformed("malformed", format!("The body cannot be read: {what}."));
        let value = serde_json::from_slice(&bytes).map_err(|error| malformed(&error.to_string()))?;
        let parsed = T::parse_from_json(Some(value)).map_err(|error| malformed(&error.into_message()))?;
        Ok(Self(Some(parsed)))
    }
}
