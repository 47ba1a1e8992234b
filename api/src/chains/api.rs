//! Endpoints of chains, regions and branches.

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::OpenApi;
use poem_openapi::param::{Header, Path, Query};
use poem_openapi::payload::Json;
use uuid::Uuid;

use crate::access::Operation;
use crate::app::{App, Area};
use crate::chains::types::{
    AddedBranches, AddedRegions, BranchView, ChainChange, ChainView, NewBranches, NewChain, NewRegions, RegionView,
};
use crate::chains::{service, store};
use crate::failure::Failure;
use crate::http::auth::Auth;
use crate::http::json::{Created, RawJson};
use crate::http::paging::{Page, Slice};

/// Chains.
pub struct ChainsApi;

#[OpenApi(tag = "Area::Chains")]
impl ChainsApi {
    /// Create a chain
    ///
    /// Adds a client, or a client's rival. All problems of the body are named at once.
    #[oai(path = "/v1/chains", method = "post", operation_id = "create_chain")]
    async fn create_chain(
        &self,
        app: Data<&Arc<App>>,
        auth: Auth,
        /// Makes a repeated request harmless.
        #[oai(name = "Idempotency-Key")]
        idempotency_key: Header<Option<String>>,
        body: RawJson<NewChain>,
    ) -> Result<Created<ChainView>, Failure> {
        let caller = auth.caller(Operation::CreateChain)?;
        Ok(Created::new(service::create_chain(&app, &caller, idempotency_key.0, &body.value()?).await?))
    }

    /// List chains
    ///
    /// The chains that the caller may know of, in the order they were added. Auditors know those that they visit, or
    /// could, and the same goes for branches, waves and standards.
    #[oai(path = "/v1/chains", method = "get", operation_id = "list_chains")]
    async fn list_chains(
        &self,
        app: Data<&Arc<App>>,
        auth: Auth,
        /// Entries of a page, 1 to 200; 50 if absent.
        limit: Query<Option<u64>>,
        /// Where the last page ended.
        cursor: Query<Option<String>>,
    ) -> Result<Json<Page<ChainView>>, Failure> {
        let caller = auth.caller(Operation::ListChains)?;
        let slice = Slice::of(limit.0, cursor.0.as_deref())?;
        Ok(Json(service::list_chains(&app, &caller, &slice).await?))
    }

    /// Get a chain
    ///
    /// One chain that the caller may know of.
    #[oai(path = "/v1/chains/:id", method = "get", operation_id = "get_chain")]
    async fn get_chain(
        &self,
        app: Data<&Arc<App>>,
        auth: Auth,
        /// The chain.
        id: Path<Uuid>,
    ) -> Result<Json<ChainView>, Failure> {
        let caller = auth.caller(Operation::GetChain)?;
        Ok(Json(service::visible_chain(&app, &caller, id.0).await?.into()))
    }

    /// Update a chain
    ///
    /// Changes its name, the looks of its reports and what may happen to its recordings; what is absent stays. A policy
    /// counts at once, also for what is stored already: `refuse` takes no more recordings and plays none, `needs_proof`
    /// plays those with a consent, `allow` all but those whose consent was withdrawn.
    #[oai(path = "/v1/chains/:id", method = "patch", operation_id = "update_chain")]
    async fn update_chain(
        &self,
        app: Data<&Arc<App>>,
        auth: Auth,
        /// The chain.
        id: Path<Uuid>,
        body: RawJson<ChainChange>,
    ) -> Result<Json<ChainView>, Failure> {
        let caller = auth.caller(Operation::UpdateChain)?;
        Ok(Json(service::update_chain(&app, &caller, id.0, &body.value()?).await?))
    }

    /// Create regions
    ///
    /// Adds regions to a chain, all or none. All problems of the body are named at once.
    #[oai(path = "/v1/chains/:id/regions", method = "post", operation_id = "create_regions")]
    async fn create_regions(
        &self,
        app: Data<&Arc<App>>,
        auth: Auth,
        /// The chain.
        id: Path<Uuid>,
        /// Makes a repeated request harmless.
        #[oai(name = "Idempotency-Key")]
        idempotency_key: Header<Option<String>>,
        body: RawJson<NewRegions>,
    ) -> Result<Created<AddedRegions>, Failure> {
        let caller = auth.caller(Operation::CreateRegions)?;
        let answer = service::create_regions(&app, &caller, idempotency_key.0, id.0, &body.value()?).await?;
        Ok(Created::new(answer))
    }

    /// List regions
    ///
    /// The regions of a chain in the order they were added: all of them, or those that the caller belongs to.
    #[oai(path = "/v1/chains/:id/regions", method = "get", operation_id = "list_regions")]
    async fn list_regions(
        &self,
        app: Data<&Arc<App>>,
        auth: Auth,
        /// The chain.
        id: Path<Uuid>,
        /// Entries of a page, 1 to 200; 50 if absent.
        limit: Query<Option<u64>>,
        /// Where the last page ended.
        cursor: Query<Option<String>>,
    ) -> Result<Json<Page<RegionView>>, Failure> {
        let caller = auth.caller(Operation::ListRegions)?;
        let slice = Slice::of(limit.0, cursor.0.as_deref())?;
        let chain = service::visible_chain(&app, &caller, id.0).await?;
        let only = service::only_regions(&app, &caller).await?;
        let (db, after) = (app.db.reader(), slice.after()?);
        let rows = store::list_regions(db, caller.firm_id, chain.id, only, after, slice.limit + 1).await?;
        Ok(Json(slice.page(rows, |row| row.id.to_string(), Into::into)))
    }

    /// Create branches
    ///
    /// Adds branches to a chain, all or none. All problems of the body are named at once, with pointers such as
    /// `/branches/3/code`.
    #[oai(path = "/v1/branches", method = "post", operation_id = "create_branches")]
    async fn create_branches(
        &self,
        app: Data<&Arc<App>>,
        auth: Auth,
        /// Makes a repeated request harmless.
        #[oai(name = "Idempotency-Key")]
        idempotency_key: Header<Option<String>>,
        body: RawJson<NewBranches>,
    ) -> Result<Created<AddedBranches>, Failure> {
        let caller = auth.caller(Operation::CreateBranches)?;
        Ok(Created::new(service::create_branches(&app, &caller, idempotency_key.0, &body.value()?).await?))
    }

    /// List branches
    ///
    /// The branches that the caller sees, in the order they were added.
    #[oai(path = "/v1/branches", method = "get", operation_id = "list_branches")]
    async fn list_branches(
        &self,
        app: Data<&Arc<App>>,
        auth: Auth,
        /// Only branches of this chain.
        chain_id: Query<Option<Uuid>>,
        /// Entries of a page, 1 to 200; 50 if absent.
        limit: Query<Option<u64>>,
        /// Where the last page ended.
        cursor: Query<Option<String>>,
    ) -> Result<Json<Page<BranchView>>, Failure> {
        let caller = auth.caller(Operation::ListBranches)?;
        let slice = Slice::of(limit.0, cursor.0.as_deref())?;
        Ok(Json(service::list_branches(&app, &caller, chain_id.0, &slice).await?))
    }

    /// Get a branch
    ///
    /// One branch that the caller sees, with the region it is in now.
    #[oai(path = "/v1/branches/:id", method = "get", operation_id = "get_branch")]
    async fn get_branch(
        &self,
        app: Data<&Arc<App>>,
        auth: Auth,
        /// The branch.
        id: Path<Uuid>,
    ) -> Result<Json<BranchView>, Failure> {
        let caller = auth.caller(Operation::GetBranch)?;
        Ok(Json(service::branch(&app, &caller, id.0).await?))
    }
}
