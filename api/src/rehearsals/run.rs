//! Running a rehearsal: the history streams by, chain by chain, branch by branch, in blocks of a few thousand visits.
//!
//! What is kept grows with branches and draws, never with visits.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::Value;
use tokio::sync::watch;
use uuid::Uuid;

use crate::app::App;
use crate::canonical::canonical;
use crate::chains::store::{BranchFilter, chains_by_ids, list_branches};
use crate::entity::chain;
use crate::failure::Failure;
use crate::rehearsals::chain::{Bands, Candidate, ChainRun, Published, band_at, bands_of};
use crate::rehearsals::store::{self, History, PublishedVisit};
use crate::rehearsals::types::{ChainRehearsal, RehearsalReport};
use crate::rehearsals::weights::DRAWS;

/// Visits read at once; each brings its answers along.
const VISITS_AT_ONCE: u64 = 500;
/// Branches looked up at once.
const BRANCHES_AT_ONCE: u64 = 200;

/// What to rehearse.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The firm.
    pub firm_id: Uuid,
    /// The candidate, checked.
    pub standard: Value,
    /// The standard whose history is scored again.
    pub history_of: String,
    /// Only this chain.
    pub chain_id: Option<Uuid>,
    /// What the draws of weights start from.
    pub seed: i64,
}

/// How far a rehearsal has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Visits scored again.
    pub done: i64,
    /// Visits to score again.
    pub total: i64,
}

/// Scores a history again under a candidate and changes nothing. `progress` always holds how far it has come.
///
/// # Errors
///
/// [`Failure`] (500) when the database fails or the candidate does not compile.
pub async fn rehearse(app: &App, plan: &Plan, progress: &watch::Sender<Progress>) -> Result<RehearsalReport, Failure> {
    let candidate = Candidate::new(&plan.standard, plan.seed);
    let candidate = Arc::new(candidate.ok_or_else(|| Failure::internal("the candidate does not compile"))?);
    let db = app.db.reader();
    let history = History { firm_id: plan.firm_id, standard_id: &plan.history_of, chain_id: plan.chain_id };
    let total = i64::try_from(store::count_history(db, history).await?).unwrap_or(i64::MAX);
    progress.send_replace(Progress { done: 0, total });
    let ids = store::chains_of_history(db, history).await?;
    let mut chains = chains_by_ids(db, plan.firm_id, &ids).await?;
    chains.sort_by(|a, b| a.code.cmp(&b.code));

    let mut walk = Walk { app, history, bands: HashMap::new(), progress };
    let mut reports = Vec::with_capacity(chains.len());
    for chain in chains {
        reports.push(walk.chain(chain, &candidate).await?);
    }
    let (id, version) = (candidate.standard.id().to_owned(), candidate.standard.version().to_string());
    Ok(RehearsalReport {
        label: format!("simulation of {id} version {version} on history"),
        standard_id: id,
        standard_version: version.parse().unwrap_or(0),
        standard_sha256: canonical(&plan.standard)?.sha256,
        history_of: plan.history_of.clone(),
        seed: plan.seed,
        draws: DRAWS.into(),
        visits: progress.borrow().done,
        chains: reports,
    })
}

/// The way through a history.
struct Walk<'a> {
    app: &'a App,
    history: History<'a>,
    /// Bands of the versions met so far.
    bands: HashMap<i32, Bands>,
    progress: &'a watch::Sender<Progress>,
}

impl Walk<'_> {
    async fn chain(&mut self, chain: chain::Model, candidate: &Arc<Candidate>) -> Result<ChainRehearsal, Failure> {
        let filter = BranchFilter { chain_id: Some(chain.id), ..BranchFilter::default() };
        let history = History { chain_id: Some(chain.id), ..self.history };
        let db = self.app.db.reader();
        let mut run = ChainRun::new(Arc::clone(candidate));
        let mut last_branch = None;
        loop {
            let branches =
                list_branches(db, self.history.firm_id, filter.clone(), last_branch, BRANCHES_AT_ONCE).await?;
            let Some(newest) = branches.last() else { break };
            last_branch = Some(newest.id);
            for branch in branches {
                let mut last_visit = None;
                loop {
                    let page = store::published_after(db, history, branch.id, last_visit, VISITS_AT_ONCE).await?;
                    let Some(newest) = page.last() else { break };
                    last_visit = Some(newest.id);
                    let done = i64::try_from(page.len()).unwrap_or(0);
                    let mut visits = Vec::with_capacity(page.len());
                    for visit in page {
                        visits.push(self.published(visit).await?);
                    }
                    let of = (branch.id, branch.code.clone());
                    run = apart(run, move |run| run.add(of, &visits)).await?;
                    self.progress.send_modify(|progress| progress.done += done);
                }
            }
        }
        let run = apart(run, |run| {
            run.score_draws();
            Ok(())
        });
        Ok(run.await?.finish(chain.id, chain.code))
    }

    async fn published(&mut self, visit: PublishedVisit) -> Result<Published, Failure> {
        let bands = match self.bands.get(&visit.standard_version) {
            Some(bands) => Arc::clone(bands),
            None => self.read_bands(visit.standard_version).await?,
        };
        let score_bp = visit.score_bp.map(i64::from).filter(|_| !visit.insufficient);
        Ok(Published {
            answers: visit.answers,
            score_bp,
            band: score_bp.and_then(|bp| band_at(&bands, bp)),
            version: visit.standard_version,
            bands,
            scored_share_bp: visit.scored_share_bp.map(i64::from),
        })
    }

    async fn read_bands(&mut self, version: i32) -> Result<Bands, Failure> {
        let History { firm_id, standard_id, .. } = self.history;
        let compiled = self.app.standards.get(self.app.db.reader(), firm_id, standard_id, version).await?;
        let compiled = compiled.ok_or_else(|| Failure::internal(format!("{standard_id} {version} is gone")))?;
        let bands = bands_of(&compiled.standard);
        self.bands.insert(version, Arc::clone(&bands));
        Ok(bands)
    }
}

// Off the threads that serve requests: it takes tens of milliseconds.
async fn apart(
    mut run: ChainRun,
    work: impl FnOnce(&mut ChainRun) -> Result<(), serde_json::Error> + Send + 'static,
) -> Result<ChainRun, Failure> {
    let worked = tokio::task::spawn_blocking(move || work(&mut run).map(|()| run)).await;
    worked.map_err(Failure::internal)?.map_err(Failure::internal)
}
