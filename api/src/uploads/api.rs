//! Endpoints of uploads: tus 1.0.0.

use std::sync::Arc;

use poem::http::header;
use poem::web::Data;
use poem::{Body, FromRequest, Request, RequestBody};
use poem_openapi::param::{Header, Path};
use poem_openapi::payload::{Binary, Payload};
use poem_openapi::registry::{MetaMediaType, MetaRequest};
use poem_openapi::{ApiExtractor, ApiExtractorType, ApiResponse, ExtractParamOptions, OpenApi};

use crate::access::Operation;
use crate::app::{App, Area};
use crate::failure::{Failure, Kind};
use crate::http::auth::Auth;
use crate::http::content::NoContent;
use crate::http::limits::FILE_LIMIT_BYTES;
use crate::http::tus::VERSION;
use crate::uploads::protocol::{self, CHECKSUMS, Checksum, EXTENSIONS, MEDIA_TYPE, http_date};
use crate::uploads::service::{self, Piece, Plan, Standing};

/// Uploads.
pub struct UploadsApi;

/// What the server can do.
#[derive(ApiResponse)]
enum Discovered {
    /// What the server can do.
    #[oai(status = 204)]
    Abilities(
        /// The versions of tus that are spoken.
        #[oai(header = "Tus-Version")]
        String,
        /// The extensions that are spoken.
        #[oai(header = "Tus-Extension")]
        String,
        /// The largest file, in bytes.
        #[oai(header = "Tus-Max-Size")]
        String,
        /// The checksums that are known.
        #[oai(header = "Tus-Checksum-Algorithm")]
        String,
    ),
}

/// An upload was made, or was there.
#[derive(ApiResponse)]
enum Created {
    /// The upload is there.
    #[oai(status = 201)]
    Made(
        /// Its address. Whoever has it can go on with the upload, so keep it secret.
        #[oai(header = "Location")]
        String,
        /// How many bytes of it are on the disk.
        #[oai(header = "Upload-Offset")]
        String,
        /// Until when it can go on.
        #[oai(header = "Upload-Expires")]
        String,
    ),
}

/// How far an upload is.
#[derive(ApiResponse)]
enum Standings {
    /// How far it is.
    #[oai(status = 200)]
    Known(
        /// How many bytes of it are on the disk.
        #[oai(header = "Upload-Offset")]
        String,
        /// The size of the file, if it is known.
        #[oai(header = "Upload-Length")]
        Option<String>,
        /// `1` while the size of the file is not known.
        #[oai(header = "Upload-Defer-Length")]
        Option<String>,
        /// The metadata as it was sent.
        #[oai(header = "Upload-Metadata")]
        String,
        /// Until when it can go on.
        #[oai(header = "Upload-Expires")]
        String,
    ),
}

/// A piece was added.
#[derive(ApiResponse)]
enum Appended {
    /// The whole piece is on the disk.
    #[oai(status = 204)]
    Done(
        /// How many bytes of the file are on the disk.
        #[oai(header = "Upload-Offset")]
        String,
        /// Until when the upload can go on.
        #[oai(header = "Upload-Expires")]
        String,
    ),
}

#[OpenApi(tag = "Area::Evidence")]
impl UploadsApi {
    /// Find out how uploads work here
    ///
    /// Discovery of tus 1.0.0: the versions, extensions, checksums and the largest file.
    #[oai(path = "/v1/uploads", method = "options", operation_id = "discover_uploads")]
    async fn discover_uploads(&self) -> Discovered {
        Discovered::Abilities(VERSION.into(), EXTENSIONS.into(), FILE_LIMIT_BYTES.to_string(), CHECKSUMS.into())
    }

    /// Begin an upload that can go on
    ///
    /// For a file that a visit's manifest names, also while the visit is a draft. It may bring the first piece. Doing it
    /// again for the same file gives the same upload. Its address works without signing in for 7 days, so that it
    /// outlives access tokens; it ends with the membership.
    #[oai(path = "/v1/uploads", method = "post", operation_id = "create_upload")]
    #[expect(clippy::too_many_arguments, reason = "one for each header of the protocol")]
    async fn create_upload(
        &self,
        app: Data<&Arc<App>>,
        auth: Auth,
        /// The version of tus: `1.0.0`.
        #[oai(name = "Tus-Resumable")]
        _version: Header<String>,
        /// The size of the file.
        #[oai(name = "Upload-Length")]
        length: Header<Option<String>>,
        /// `1` instead of the size when it is not known yet.
        #[oai(name = "Upload-Defer-Length")]
        deferred: Header<Option<String>>,
        /// Pairs of a key and a value in base64. `evidence_id` is required: the id of the file in the manifest.
        #[oai(name = "Upload-Metadata")]
        metadata: Header<Option<String>>,
        /// The checksum of the piece that the request brings: `sha1` or `sha256`, and its base64.
        #[oai(name = "Upload-Checksum")]
        checksum: Header<Option<String>>,
        body: Chunk,
    ) -> Result<Created, Failure> {
        let caller = auth.caller(Operation::CreateUpload)?;
        let plan = plan(length.0.as_deref(), deferred.0.as_deref(), metadata.0, body.is_of_parts)?;
        let checksum = checksum.0.as_deref().map(Checksum::read).transpose()?;
        let is_with_upload = body.is_there()?;
        let made = service::create(&app, &caller, plan).await?;
        let mut standing = made.standing;
        // A request that comes again brings a piece that is there.
        if is_with_upload && standing.offset == 0 {
            standing = service::append(&app, &made.code, body.piece(0, None, checksum)).await?;
        }
        let location = format!("/v1/uploads/{}", made.code);
        Ok(Created::Made(location, standing.offset.to_string(), http_date(standing.expires_at)))
    }

    /// Ask how far an upload is
    ///
    /// The next piece goes on from `Upload-Offset`: so many bytes are on the disk. A request that is still sending to
    /// this upload is made to stop.
    #[oai(path = "/v1/uploads/:code", method = "head", operation_id = "get_upload")]
    async fn get_upload(
        &self,
        app: Data<&Arc<App>>,
        /// The version of tus: `1.0.0`.
        #[oai(name = "Tus-Resumable")]
        _version: Header<String>,
        /// The end of the address that `POST /v1/uploads` gave.
        code: Path<String>,
    ) -> Result<Standings, Failure> {
        let Standing { offset, length, metadata, expires_at } = service::standing_of(&app, &code.0).await?;
        let deferred = length.is_none().then(|| "1".to_owned());
        let length = length.map(|length| length.to_string());
        Ok(Standings::Known(offset.to_string(), length, deferred, metadata, http_date(expires_at)))
    }

    /// Send a piece of an upload
    ///
    /// It is on the disk when this answers; what has arrived when the connection breaks stays as well. With the last
    /// piece the file is compared with the manifest, and stored or refused as by a plain `PUT`.
    #[oai(path = "/v1/uploads/:code", method = "patch", operation_id = "append_upload")]
    #[expect(clippy::too_many_arguments, reason = "one for each header of the protocol")]
    async fn append_upload(
        &self,
        app: Data<&Arc<App>>,
        /// The version of tus: `1.0.0`.
        #[oai(name = "Tus-Resumable")]
        _version: Header<String>,
        /// The end of the address that `POST /v1/uploads` gave.
        code: Path<String>,
        /// Where the piece begins.
        #[oai(name = "Upload-Offset")]
        offset: Header<String>,
        /// The size of the file, once, where it was not known before.
        #[oai(name = "Upload-Length")]
        length: Header<Option<String>>,
        /// The checksum of the piece: `sha1` or `sha256`, and its base64.
        #[oai(name = "Upload-Checksum")]
        checksum: Header<Option<String>>,
        body: Chunk,
    ) -> Result<Appended, Failure> {
        body.is_offset_stream()?;
        let offset = protocol::bytes("Upload-Offset", &offset.0)?;
        let length = length.0.as_deref().map(protocol::length).transpose()?;
        let checksum = checksum.0.as_deref().map(Checksum::read).transpose()?;
        let standing = service::append(&app, &code.0, body.piece(offset, length, checksum)).await?;
        Ok(Appended::Done(standing.offset.to_string(), http_date(standing.expires_at)))
    }

    /// Give up an upload
    ///
    /// Frees what has arrived; the file can be sent anew. A file that has arrived whole belongs to its visit and stays.
    #[oai(path = "/v1/uploads/:code", method = "delete", operation_id = "delete_upload")]
    async fn delete_upload(
        &self,
        app: Data<&Arc<App>>,
        /// The version of tus: `1.0.0`.
        #[oai(name = "Tus-Resumable")]
        _version: Header<String>,
        /// The end of the address that `POST /v1/uploads` gave.
        code: Path<String>,
    ) -> Result<NoContent, Failure> {
        service::terminate(&app, &code.0).await?;
        Ok(NoContent)
    }
}

/// What the headers of a request announce.
fn plan(
    length: Option<&str>,
    deferred: Option<&str>,
    metadata: Option<String>,
    is_of_parts: bool,
) -> Result<Plan, Failure> {
    if is_of_parts {
        let detail = "Uploads in several parts are not spoken here. Send the file as a whole.";
        return Err(Failure::malformed("concatenation_not_supported", detail));
    }
    let length = match (length, deferred) {
        (Some(length), None) => Some(protocol::length(length)?),
        (None, Some("1")) => None,
        _ => {
            let detail = "Send either `Upload-Length` or `Upload-Defer-Length: 1`.";
            return Err(Failure::malformed("bad_header", detail));
        }
    };
    let metadata = metadata.unwrap_or_default();
    Ok(Plan { evidence_id: protocol::evidence_id(&metadata)?, length, metadata })
}

/// The body of a request that may bring a piece of a file.
struct Chunk {
    body: Body,
    content_type: Option<String>,
    /// None when it comes without its size being announced.
    announced: Option<u64>,
    /// Whether `Upload-Concat` says that the file comes in several uploads.
    is_of_parts: bool,
}

impl Chunk {
    /// Whether it brings anything, of the right type.
    fn is_there(&self) -> Result<bool, Failure> {
        if self.announced == Some(0) {
            return Ok(false);
        }
        self.is_offset_stream()?;
        Ok(true)
    }

    fn is_offset_stream(&self) -> Result<(), Failure> {
        let media_type = self.content_type.as_deref().map(|text| text.split(';').next().unwrap_or_default().trim());
        if media_type.is_some_and(|text| text.eq_ignore_ascii_case(MEDIA_TYPE)) {
            return Ok(());
        }
        let detail = format!("Send a piece as `Content-Type: {MEDIA_TYPE}`.");
        Err(Failure::new(Kind::WrongMediaType, "wrong_media_type", detail))
    }

    fn piece(
        self,
        offset: u64,
        length: Option<u64>,
        checksum: Option<Checksum>,
    ) -> Piece<futures_util::stream::BoxStream<'static, Result<bytes::Bytes, std::io::Error>>> {
        let body = Box::pin(self.body.into_bytes_stream());
        Piece { offset, length, announced: self.announced, checksum, body }
    }
}

impl<'a> ApiExtractor<'a> for Chunk {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];

    type ParamType = ();
    type ParamRawType = ();

    fn request_meta() -> Option<MetaRequest> {
        let content = MetaMediaType { content_type: MEDIA_TYPE, schema: Binary::<Body>::schema_ref() };
        Some(MetaRequest { description: None, content: vec![content], required: false })
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        _options: ExtractParamOptions<Self::ParamType>,
    ) -> poem::Result<Self> {
        let announced = match request.header(header::CONTENT_LENGTH) {
            Some(bytes) => bytes.parse().ok(),
            None if request.headers().contains_key(header::TRANSFER_ENCODING) => None,
            None => Some(0),
        };
        let content_type = request.content_type().map(str::to_owned);
        let is_of_parts = request.headers().contains_key("upload-concat");
        let body = <Body as FromRequest>::from_request(request, body).await?;
        Ok(Self { body, content_type, announced, is_of_parts })
    }
}
