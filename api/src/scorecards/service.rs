//! Reading scorecards. The cost depends on branches and items, not on the number of visits.

use std::collections::BTreeMap;
use std::sync::Arc;

use sea_orm::ConnectionTrait;
use uuid::Uuid;

use crate::app::App;
use crate::appeals;
use crate::chains;
use crate::chains::service::only_chain;
use crate::entity::{branch, chain, wave};
use crate::failure::Failure;
use crate::fieldwork::store::{previous_wave, waves_of_branch, waves_of_chain};
use crate::people::types::Caller;
use crate::scorecards::figures::{
    ByStandard, FEW_VISITS, StandardKey, Tallies, Tally, by_standard, half_up, mean_of_means, over_all,
};
use crate::scorecards::store::{self, Within};
use crate::scorecards::texts::Texts;
use crate::scorecards::totals::{
    ATTEMPTED, CRITICAL, DIMENSION, INSUFFICIENT, ITEM, LOST, MET, PASSED, SECTION, VISIT,
};
use crate::scorecards::types::{
    BranchLine, BranchScorecard, ItemScores, NetworkScorecard, PartScores, PreviousFigures, ScoreFigures,
    StandardScores,
};
use crate::standards::cache::CompiledStandard;
use crate::words::WaveKind;

/// Millionths in one basis point.
const PPM_OF_BP: i64 = 100;

/// Compiled standards by id and version.
pub type Standards = BTreeMap<StandardKey, Arc<CompiledStandard>>;

/// The totals of a wave and of the wave before, with the standards they are of.
pub struct Reading {
    /// The wave.
    pub wave: wave::Model,
    /// Its totals.
    pub totals: ByStandard,
    /// The wave of the same kind before it, if there is one.
    pub previous: Option<(wave::Model, ByStandard)>,
    /// The standards of the wave's totals.
    pub standards: Standards,
}

impl Reading {
    /// The totals of the wave before under the standards of this one, in the same versions; none when it lacks one of
    /// them, because scores under different standards cannot be compared.
    pub fn comparable(&self) -> Option<ByStandard> {
        let (_, before) = self.previous.as_ref()?;
        let scored = |tallies: &Tallies| tallies.get(VISIT).n > 0;
        let now = self.totals.iter().filter(|(_, tallies)| scored(tallies));
        now.map(|(key, _)| Some((key.clone(), before.get(key).filter(|tallies| scored(tallies))?.clone()))).collect()
    }
}

/// The scorecard of a branch.
///
/// # Errors
///
/// As [`branch_in_wave`].
pub async fn branch_scorecard(
    app: &App,
    caller: &Caller,
    branch_id: Uuid,
    wave_id: Option<Uuid>,
    lang: Option<String>,
) -> Result<BranchScorecard, Failure> {
    let (branch, wave) = branch_in_wave(app, caller, branch_id, wave_id).await?;
    let chain = chain_of(app, caller.firm_id, branch.chain_id).await?;
    let within = Within::Branches(vec![branch.id]);
    let appeals = appeals::lines::of_branch(app, &branch, wave.id).await?;
    let reading = read(app, caller.firm_id, wave, &within).await?;
    let lang = lang.unwrap_or(chain.locale);
    Ok(BranchScorecard {
        appeals: appeals.into_iter().map(|(line, _)| line).collect(),
        branch_id: branch.id,
        branch_code: branch.code,
        branch_name: branch.name,
        chain_id: chain.id,
        wave: (&reading.wave).into(),
        overall: overall(&reading),
        standards: standards(&reading, &lang),
        lang,
    })
}

/// The scorecard of a chain.
///
/// # Errors
///
/// 404 when the caller does not see all of the chain's results, or it has no such wave.
pub async fn chain_scorecard(
    app: &App,
    caller: &Caller,
    chain_id: Uuid,
    wave_id: Option<Uuid>,
    lang: Option<String>,
) -> Result<NetworkScorecard, Failure> {
    let chain = chains::service::visible_chain(app, caller, chain_id).await?;
    // Who sees one region of a chain knows the chain, and not its results.
    if !caller.sees_chain(chain.id) {
        return Err(Failure::not_found("chain"));
    }
    network_scorecard(app, caller.firm_id, chain, None, Within::All, wave_id, lang).await
}

/// The scorecard of a region: of the branches that are in it now.
///
/// # Errors
///
/// 404 when the caller does not see the region, or its chain has no such wave.
pub async fn region_scorecard(
    app: &App,
    caller: &Caller,
    region_id: Uuid,
    wave_id: Option<Uuid>,
    lang: Option<String>,
) -> Result<NetworkScorecard, Failure> {
    let region = chains::service::visible_region(app, caller, region_id).await?;
    let chain = chain_of(app, caller.firm_id, region.chain_id).await?;
    let branches = chains::store::branches_of_region(app.db.reader(), caller.firm_id, region.id).await?;
    let within = Within::Branches(branches.into_iter().map(|branch| branch.id).collect());
    network_scorecard(app, caller.firm_id, chain, Some(region.id), within, wave_id, lang).await
}

async fn network_scorecard(
    app: &App,
    firm_id: Uuid,
    chain: chain::Model,
    region_id: Option<Uuid>,
    within: Within,
    wave_id: Option<Uuid>,
    lang: Option<String>,
) -> Result<NetworkScorecard, Failure> {
    let waves = waves_of_chain(app.db.reader(), firm_id, chain.id).await?;
    let wave = choose_wave(app, waves, chain.id, &within, wave_id).await?;
    let mut by_branch: BTreeMap<Uuid, Tally> = BTreeMap::new();
    for (id, n, sum) in store::visit_totals_by_branch(app.db.reader(), firm_id, wave.id, &within).await? {
        let tally = by_branch.entry(id).or_default();
        *tally = tally.plus(Tally { n, sum });
    }
    let ids: Vec<_> = by_branch.keys().copied().collect();
    let mut rows = chains::store::branches_by_ids(app.db.reader(), firm_id, &ids).await?;
    rows.sort_by_key(|row| row.id);
    let line = |row: branch::Model| {
        let tally = by_branch.get(&row.id).copied().unwrap_or_default();
        BranchLine {
            id: row.id,
            code: row.code,
            name: row.name,
            visits: tally.n,
            mean_bp: tally.mean(),
            few_visits: tally.n < FEW_VISITS,
        }
    };
    let appeals = appeals::lines::counts(app, firm_id, wave.id, &within).await?;
    let reading = read(app, firm_id, wave, &within).await?;
    let lang = lang.unwrap_or(chain.locale);
    let overall = overall(&reading);
    Ok(NetworkScorecard {
        appeals,
        chain_id: chain.id,
        region_id,
        wave: (&reading.wave).into(),
        typical_visit_mean_bp: overall.mean_bp,
        typical_branch_mean_bp: mean_of_means(by_branch.values().copied()),
        overall,
        standards: standards(&reading, &lang),
        branches: rows.into_iter().map(line).collect(),
        lang,
    })
}

/// The chain that something known to exist belongs to.
///
/// # Errors
///
/// 404 when it is not there.
pub async fn chain_of(app: &App, firm_id: Uuid, chain_id: Uuid) -> Result<chain::Model, Failure> {
    let row = chains::store::chain_by_id(app.db.reader(), firm_id, chain_id).await?;
    row.ok_or_else(|| Failure::not_found("chain"))
}

/// A branch with the wave asked for, or its latest in which something was published.
///
/// A rival's branch has the waves of the client that it is compared with. Who sees all of that client's results sees the
/// branch through such a wave, and only when the wave is named.
///
/// # Errors
///
/// 404 when the caller does not see the branch, or it has no such wave.
pub async fn branch_in_wave(
    app: &App,
    caller: &Caller,
    branch_id: Uuid,
    wave_id: Option<Uuid>,
) -> Result<(branch::Model, wave::Model), Failure> {
    let (db, firm_id) = (app.db.reader(), caller.firm_id);
    let not_found = || Failure::not_found("branch");
    let branch = chains::store::branch_by_id(db, firm_id, branch_id).await?.ok_or_else(not_found)?;
    let mut waves = waves_of_branch(db, firm_id, &branch).await?;
    // What was measured for one chain is not for another, not even for the one that was measured.
    waves.retain(|wave| only_chain(caller).is_none_or(|only| only == wave.chain_id));
    let through_wave = waves
        .iter()
        .any(|wave| Some(wave.id) == wave_id && wave.chain_id != branch.chain_id && caller.sees_chain(wave.chain_id));
    if !through_wave {
        chains::service::visible_branch(app, caller, branch_id).await?;
    }
    let within = Within::Branches(vec![branch.id]);
    let wave = choose_wave(app, waves, branch.chain_id, &within, wave_id).await?;
    Ok((branch, wave))
}

/// The wave asked for among those that open one after the other; without one, the latest in which something was
/// published. A chain's waves at its competitors are never meant unless they are named.
async fn choose_wave(
    app: &App,
    mut waves: Vec<wave::Model>,
    chain_id: Uuid,
    within: &Within,
    wave_id: Option<Uuid>,
) -> Result<wave::Model, Failure> {
    waves.reverse();
    match wave_id {
        Some(id) => waves.retain(|wave| wave.id == id),
        None => waves.retain(|wave| wave.kind != WaveKind::Competitor || wave.chain_id != chain_id),
    }
    if wave_id.is_none() {
        for wave in &waves {
            if store::has_totals(app.db.reader(), wave.firm_id, wave.id, within).await? {
                return Ok(wave.clone());
            }
        }
    }
    waves.into_iter().next().ok_or_else(|| Failure::not_found("wave"))
}

/// Reads the totals of a wave and of the one before.
///
/// # Errors
///
/// [`Failure`] (500) when the database fails.
pub async fn read(app: &App, firm_id: Uuid, wave: wave::Model, within: &Within) -> Result<Reading, Failure> {
    let db = app.db.reader();
    let totals = by_standard(store::sums(db, firm_id, wave.id, within).await?);
    let previous = match previous_wave(db, firm_id, &wave).await? {
        Some(previous) => {
            let totals = by_standard(store::sums(db, firm_id, previous.id, within).await?);
            Some((previous, totals))
        }
        None => None,
    };
    let standards = standards_of(app, db, firm_id, totals.keys()).await?;
    Ok(Reading { wave, totals, previous, standards })
}

/// The standards of some results, by id and version.
///
/// # Errors
///
/// [`Failure`] (500) when the database fails or one of them is gone, which the database forbids.
pub async fn standards_of(
    app: &App,
    db: &impl ConnectionTrait,
    firm_id: Uuid,
    keys: impl Iterator<Item = &StandardKey>,
) -> Result<Standards, Failure> {
    let mut standards = Standards::new();
    for key in keys {
        if !standards.contains_key(key) {
            let found = app.standards.get(db, firm_id, &key.0, key.1).await?;
            let gone = || Failure::internal(format!("the standard {} v{} is gone", key.0, key.1));
            standards.insert(key.clone(), found.ok_or_else(gone)?);
        }
    }
    Ok(standards)
}

/// The figures over all standards of a wave.
pub fn overall(reading: &Reading) -> ScoreFigures {
    let mut figures = figures(|metric| over_all(&reading.totals, metric));
    figures.critical_failures = reading.totals.values().map(Tallies::critical_failures).sum();
    if let Some((wave, totals)) = &reading.previous {
        let comparable = reading.comparable();
        let before = over_all(comparable.as_ref().unwrap_or(totals), VISIT);
        figures.previous = previous(wave, before, figures.mean_bp.filter(|_| comparable.is_some()));
    }
    figures
}

fn figures(tally: impl Fn(&str) -> Tally) -> ScoreFigures {
    let (visits, passed) = (tally(VISIT), tally(PASSED));
    ScoreFigures {
        visits: visits.n,
        mean_bp: visits.mean(),
        few_visits: visits.n < FEW_VISITS,
        judged: passed.n,
        passed: passed.sum,
        critical_failures: 0,
        insufficient: tally(INSUFFICIENT).n,
        attempted: tally(ATTEMPTED).n,
        previous: None,
    }
}

fn previous(wave: &wave::Model, before: Tally, mean_now_bp: Option<i64>) -> Option<PreviousFigures> {
    let mean_bp = before.mean()?;
    let change_bp = mean_now_bp.map(|now| now - mean_bp);
    Some(PreviousFigures { wave: wave.into(), visits: before.n, mean_bp, change_bp })
}

fn standards(reading: &Reading, lang: &str) -> Vec<StandardScores> {
    let view = |(key, tallies): (&StandardKey, &Tallies)| {
        let compiled = reading.standards.get(key)?;
        let texts = Texts::new(&compiled.body, lang);
        let earlier = reading.previous.as_ref().and_then(|(wave, totals)| Some((wave, totals.get(key)?)));
        let mut figures = figures(|metric| tallies.get(metric));
        figures.critical_failures = tallies.critical_failures();
        figures.previous = earlier.and_then(|(wave, before)| previous(wave, before.get(VISIT), figures.mean_bp));
        let part = |kind: &str, id: &str, title: String| {
            let tally = tallies.of(kind, id);
            PartScores {
                id: id.to_owned(),
                title,
                n: tally.n,
                mean_bp: tally.mean(),
                previous_mean_bp: earlier.and_then(|(_, before)| before.of(kind, id).mean()),
            }
        };
        let standard = &compiled.standard;
        Some(StandardScores {
            standard_id: key.0.clone(),
            standard_version: key.1,
            title: texts.title(),
            sections: standard.sections().iter().map(|s| part(SECTION, &s.id, texts.section(&s.id))).collect(),
            dimensions: standard.dimensions().iter().map(|d| part(DIMENSION, &d.id, texts.dimension(&d.id))).collect(),
            items: items(compiled, tallies, &texts),
            figures,
        })
    };
    reading.totals.iter().filter_map(view).collect()
}

fn items(compiled: &CompiledStandard, tallies: &Tallies, texts: &Texts<'_>) -> Vec<ItemScores> {
    let visits = tallies.get(VISIT).n;
    let view = |item: &peegel_scoring::Item| {
        let met = tallies.of(MET, &item.id);
        if met.n == 0 {
            return None;
        }
        let section = compiled.standard.sections().get(item.section)?;
        Some(ItemScores {
            id: item.id.clone(),
            section_id: section.id.clone(),
            text: texts.item(&item.id),
            asked: met.n,
            met: met.sum,
            met_share_bp: half_up(met.sum * 10_000, met.n),
            mean_bp: tallies.of(ITEM, &item.id).mean(),
            lost_bp: half_up(tallies.of(LOST, &item.id).sum, visits * PPM_OF_BP).unwrap_or(0),
            critical_failures: tallies.of(CRITICAL, &item.id).sum,
        })
    };
    compiled.standard.items().iter().filter_map(view).collect()
}
