//! Endpoints of scorecards.

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::OpenApi;
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;
use uuid::Uuid;

use crate::access::Operation;
use crate::app::{App, Area};
use crate::failure::Failure;
use crate::http::auth::Auth;
use crate::scorecards::service;
use crate::scorecards::types::{BranchScorecard, NetworkScorecard};

/// Scorecards.
pub struct ScorecardsApi;

#[OpenApi(tag = "Area::Scorecards")]
impl ScorecardsApi {
    /// Get the scorecard of a branch
    ///
    /// Means with their number of visits, sections, dimensions and items, and the change since the wave before. Only
    /// published visits count. A competitor's branch is read with the client's wave that visited it.
    #[oai(path = "/v1/branches/:id/scorecard", method = "get", operation_id = "get_branch_scorecard")]
    async fn get_branch_scorecard(
        &self,
        app: Data<&Arc<App>>,
        auth: Auth,
        /// The branch.
        id: Path<Uuid>,
        /// The wave; the latest with published visits if absent.
        wave: Query<Option<Uuid>>,
        /// The language of titles and texts; the chain's if absent.
        #[oai(validator(pattern = "^(en|et|hu)$"))]
        lang: Query<Option<String>>,
    ) -> Result<Json<BranchScorecard>, Failure> {
        let caller = auth.caller(Operation::GetBranchScorecard)?;
        Ok(Json(service::branch_scorecard(&app, &caller, id.0, wave.0, lang.0).await?))
    }

    /// Get the scorecard of a chain
    ///
    /// Sums over all branches of the wave: the typical visit and the typical branch, each labelled, and a line for
    /// every branch. With a competitor wave these are the rivals' branches.
    #[oai(path = "/v1/chains/:id/scorecard", method = "get", operation_id = "get_chain_scorecard")]
    async fn get_chain_scorecard(
        &self,
        app: Data<&Arc<App>>,
        auth: Auth,
        /// The chain.
        id: Path<Uuid>,
        /// The wave; the latest with published visits if absent.
        wave: Query<Option<Uuid>>,
        /// The language of titles and texts; the chain's if absent.
        #[oai(validator(pattern = "^(en|et|hu)$"))]
        lang: Query<Option<String>>,
    ) -> Result<Json<NetworkScorecard>, Failure> {
        let caller = auth.caller(Operation::GetChainScorecard)?;
        Ok(Json(service::chain_scorecard(&app, &caller, id.0, wave.0, lang.0).await?))
    }

    /// Get the scorecard of a region
    ///
    /// The same as for a chain, over the branches that are in the region now.
    #[oai(path = "/v1/regions/:id/scorecard", method = "get", operation_id = "get_region_scorecard")]
    async fn get_region_scorecard(
        &self,
        app: Data<&Arc<App>>,
        auth: Auth,
        /// The region.
        id: Path<Uuid>,
        /// The wave; the latest with published visits if absent.
        wave: Query<Option<Uuid>>,
        /// The language of titles and texts; the chain's if absent.
        #[oai(validator(pattern = "^(en|et|hu)$"))]
        lang: Query<Option<String>>,
    ) -> Result<Json<NetworkScorecard>, Failure> {
        let caller = auth.caller(Operation::GetRegionScorecard)?;
        Ok(Json(service::region_scorecard(&app, &caller, id.0, wave.0, lang.0).await?))
    }
}
