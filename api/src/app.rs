//! Where the parts meet: what the handlers share, and the routes.

use std::path::PathBuf;
use std::sync::Arc;

use poem::{Endpoint, EndpointExt, Route};
use poem_openapi::{LicenseObject, OpenApiService, ServerObject, Tags};
use tokio_util::sync::CancellationToken;

use crate::account::api::AccountApi;
use crate::agreement::api::AgreementApi;
use crate::apikeys::api::ApiKeysApi;
use crate::appeals::api::AppealsApi;
use crate::chains::api::ChainsApi;
use crate::clock::Clock;
use crate::config::EdgeSettings;
use crate::consent::api::ConsentApi;
use crate::db::Db;
use crate::erasure::api::ErasureApi;
use crate::events::api::EventsApi;
use crate::evidence::api::EvidenceApi;
use crate::evidence::blobs::Blobs;
use crate::fieldwork::api::FieldworkApi;
use crate::http;
use crate::http::Edge;
use crate::ids::Ids;
use crate::jobs::api::JobsApi;
use crate::jobs::queue::Wake;
use crate::library::api::LibraryApi;
use crate::links::api::LinksApi;
use crate::mail::transport::Mailer;
use crate::metrics::Metrics;
use crate::notices::api::NoticesApi;
use crate::ops;
use crate::ops::api::OpsApi;
use crate::ops::metrics::{self, Readers};
use crate::people::api::PeopleApi;
use crate::people::throttle::Throttle;
use crate::plans::api::PlansApi;
use crate::publishing::api::PublishingApi;
use crate::receipts::api::ReceiptsApi;
use crate::rehearsals::api::RehearsalsApi;
use crate::results::api::ResultsApi;
use crate::retention::api::RetentionApi;
use crate::review::api::ReviewApi;
use crate::review::desk_api::DeskApi;
use crate::scenarios::api::ScenariosApi;
use crate::scorecards::api::ScorecardsApi;
use crate::sessions::api::SessionsApi;
use crate::signals::api::SignalsApi;
use crate::signing::api::KeysApi;
use crate::signing::keyring::Keyring;
use crate::standards::api::StandardsApi;
use crate::standards::cache::StandardCache;
use crate::suggestions::api::SuggestionsApi;
use crate::sync::api::SyncApi;
use crate::transcripts::api::TranscriptsApi;
use crate::transcripts::transcriber::Transcriber;
use crate::uploads::api::UploadsApi;
use crate::vault::Vault;
use crate::visits::api::VisitsApi;
use crate::visits::committer::Committer;

/// What everything shares.
pub struct App {
    /// The database.
    pub db: Db,
    /// The time.
    pub clock: Clock,
    /// New ids.
    pub ids: Ids,
    /// Stored files.
    pub blobs: Blobs,
    /// Compiled standards.
    pub standards: StandardCache,
    /// The keys that sign receipts.
    pub signing: Keyring,
    /// Where written visits queue for their commit.
    pub committer: Committer,
    /// Tells the worker that a job was queued.
    pub wake: Wake,
    /// What is counted as it happens.
    pub metrics: Arc<Metrics>,
    /// Sends letters.
    pub mailer: Mailer,
    /// Has recordings transcribed, if a service is set.
    pub transcriber: Option<Transcriber>,
    /// Seals what should not stand in the database.
    pub vault: Vault,
    /// How often somebody may try.
    pub throttle: Throttle,
    /// Cancelled when the server stops: what can go on later saves what it has, and ends.
    pub stopping: CancellationToken,
}

/// What leaves the house.
pub struct Outside {
    /// Letters.
    pub mailer: Mailer,
    /// Recordings to be transcribed, if a service is set.
    pub transcriber: Option<Transcriber>,
}

impl App {
    /// Puts the parts together and starts the committer.
    pub fn new(
        db: Db,
        clock: Clock,
        ids: Ids,
        blobs: Blobs,
        signing_keys: PathBuf,
        outside: Outside,
        vault: Vault,
    ) -> Arc<Self> {
        Arc::new_cyclic(|app| Self {
            committer: Committer::start(app.clone(), db.backend()),
            db,
            clock,
            ids,
            blobs,
            standards: StandardCache::default(),
            signing: Keyring::new(signing_keys),
            wake: Wake::default(),
            metrics: Metrics::new(),
            mailer: outside.mailer,
            transcriber: outside.transcriber,
            vault,
            throttle: Throttle::default(),
            stopping: CancellationToken::new(),
        })
    }
}

/// Areas of the API.
#[derive(Tags)]
pub enum Area {
    /// Signing in and out, and the people of a firm.
    People,
    /// One's own password, second factor and API keys.
    Account,
    /// Chains, their regions and branches.
    Chains,
    /// Standards and their versions.
    Standards,
    /// Waves and assignments.
    Fieldwork,
    /// Visits, their answers and scores.
    Visits,
    /// Photos, recordings and documents of visits.
    Evidence,
    /// What a phone takes along and brings back.
    Sync,
    /// Reviewing and publishing.
    Review,
    /// Signed receipts of scores, and the keys that sign them.
    Receipts,
    /// Published visits, as their chain sees them.
    Results,
    /// What chains and branches hold against results, and what came of it.
    Appeals,
    /// Scores of branches, regions and chains over waves.
    Scorecards,
    /// What branches are asked to do, on screen and as PDF.
    Plans,
    /// What people are told of, in the app and by mail.
    Notices,
    /// The firm's history.
    Events,
    /// How long data is kept, what was deleted, and what is held on people.
    Privacy,
    /// Is it alive, is it ready.
    Operations,
}

/// The framework takes sixteen at once, so those of accounts are one.
type Apis = (
    (SessionsApi, AccountApi, ApiKeysApi, NoticesApi),
    PeopleApi,
    ChainsApi,
    (StandardsApi, LibraryApi),
    RehearsalsApi,
    (FieldworkApi, ScenariosApi),
    (VisitsApi, SyncApi, SuggestionsApi),
    (EvidenceApi, UploadsApi, TranscriptsApi, ConsentApi, LinksApi),
    (ReviewApi, DeskApi, SignalsApi, PublishingApi, AppealsApi, AgreementApi),
    ReceiptsApi,
    KeysApi,
    ResultsApi,
    ScorecardsApi,
    PlansApi,
    (EventsApi, RetentionApi, ErasureApi),
    (OpsApi, JobsApi),
);

/// The API with its document.
pub fn service() -> OpenApiService<Apis, ()> {
    let apis = (
        (SessionsApi, AccountApi, ApiKeysApi, NoticesApi),
        PeopleApi,
        ChainsApi,
        (StandardsApi, LibraryApi),
        RehearsalsApi,
        (FieldworkApi, ScenariosApi),
        (VisitsApi, SyncApi, SuggestionsApi),
        (EvidenceApi, UploadsApi, TranscriptsApi, ConsentApi, LinksApi),
        (ReviewApi, DeskApi, SignalsApi, PublishingApi, AppealsApi, AgreementApi),
        ReceiptsApi,
        KeysApi,
        ResultsApi,
        ScorecardsApi,
        PlansApi,
        (EventsApi, RetentionApi, ErasureApi),
        (OpsApi, JobsApi),
    );
    OpenApiService::new(apis, "Peegel", env!("CARGO_PKG_VERSION"))
        .description(include_str!("../web/description.md"))
        .license(LicenseObject::new("MIT OR Apache-2.0").url("https://spdx.org/licenses/MIT.html"))
        .server(ServerObject::new("/").description("This installation"))
}

/// All routes.
pub fn routes(app: Arc<App>, settings: &EdgeSettings) -> impl Endpoint + use<> {
    let document = ops::document::document();
    let readers = if settings.metrics_listen.is_some() { Readers::Nobody } else { Readers::ThisMachine };
    let routes = Route::new()
        .at("/openapi.json", poem::get(ops::document::endpoint()))
        .at("/docs", poem::get(ops::document::page()))
        .at("/metrics", poem::get(metrics::page(app.clone(), readers)))
        .nest("/", service())
        .data(app.clone());
    http::shell(routes, edge(&app, settings), &document)
}

/// The routes of the listener for figures.
pub fn metrics_routes(app: &Arc<App>, settings: &EdgeSettings) -> impl Endpoint + use<> {
    let routes = Route::new().at("/metrics", poem::get(metrics::page(app.clone(), Readers::Anybody)));
    http::shell(routes, edge(app, settings), &serde_json::Value::Null)
}

fn edge(app: &App, settings: &EdgeSettings) -> Edge {
    Edge {
        ids: app.ids.clone(),
        proxies: settings.proxies(),
        cors: settings.cors(),
        pace: settings.patience().pace,
        metrics: app.metrics.clone(),
    }
}
