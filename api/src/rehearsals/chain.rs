//! One chain under a candidate: what is added up while its visits stream by, and the report made of it.

use std::collections::BTreeMap;
use std::num::NonZero;
use std::sync::Arc;

use peegel_scoring::columns::{Columns, Figures, Moments, Scorer};
use peegel_scoring::{AnswerCode, Item, Mode, Standard, Status, score};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::rehearsals::sensitivity::Sensitivity;
use crate::rehearsals::standing::{Standing, standings};
use crate::rehearsals::types::{
    BandMove, BranchFigures, BranchRehearsal, ChainFigures, ChainRehearsal, ItemCoverage, RankMove,
};
use crate::rehearsals::weights::{DRAWS, drawn};
use crate::scorecards::figures::{Tally, mean_of_means};

/// Visits scored together.
const BLOCK: usize = 4096;
/// A scored share that falls this far, in basis points, is warned of.
const SHARE_FALL_BP: i64 = 500;
/// Fewest visits for a branch to have a band.
const BAND_VISITS: i64 = 2;

/// The candidate, compiled once for its own weights and once for each draw.
pub struct Candidate {
    /// The candidate.
    pub standard: Standard,
    bands: Bands,
    draws: Vec<Scorer>,
}

impl Candidate {
    /// Compiles a candidate and draws its weights; `None` when it is not valid.
    pub fn new(body: &Value, seed: i64) -> Option<Self> {
        let standard = Standard::parse(body).ok()?;
        let draws = (0..DRAWS).map(|draw| Some(Scorer::new(&drawn(body, seed, draw)?)));
        Some(Self { draws: draws.collect::<Option<_>>()?, bands: bands_of(&standard), standard })
    }
}

/// The bands of a version: the lowest score and the label of each, best first.
pub type Bands = Arc<[(i64, Arc<str>)]>;

/// The label of a band, if there is one.
type Label = Option<Arc<str>>;

/// Brings bands into order.
pub fn bands_of(standard: &Standard) -> Bands {
    let mut bands: Vec<_> = standard.bands().iter().map(|band| (band.min_bp, Arc::from(band.label.as_str()))).collect();
    bands.sort_by_key(|(min_bp, _)| std::cmp::Reverse(*min_bp));
    bands.into()
}

/// The band of a score.
pub fn band_at(bands: &Bands, score_bp: i64) -> Option<Arc<str>> {
    bands.iter().find(|(min_bp, _)| *min_bp <= score_bp).map(|(_, label)| Arc::clone(label))
}

/// A visit as it is published.
#[derive(Clone, Debug)]
pub struct Published {
    /// The answers in force, as JSON.
    pub answers: String,
    /// Its score, if that counts.
    pub score_bp: Option<i64>,
    /// The band of the score.
    pub band: Option<Arc<str>>,
    /// The version it is scored by.
    pub version: i32,
    /// The bands of that version.
    pub bands: Bands,
    /// The share of the weight that was scored.
    pub scored_share_bp: Option<i64>,
}

/// A chain while its visits stream by.
pub struct ChainRun {
    candidate: Arc<Candidate>,
    columns: Columns,
    /// The visits in the columns, each as the position of its branch.
    block: Vec<usize>,
    branches: Vec<Branch>,
    moves: BTreeMap<(Label, Label), i64>,
    coverage: Vec<ItemCoverage>,
    /// The sums of each draw, by branch.
    draws: Vec<Vec<Tally>>,
}

/// What is known of a branch.
struct Branch {
    id: Uuid,
    code: String,
    old: Side,
    new: Side,
    /// The change of visits with a score under both.
    change: Tally,
    band_moves: i64,
    /// The newest version that a visit is scored by, and its bands.
    newest: (i32, Bands),
}

impl Branch {
    fn new((id, code): (Uuid, String)) -> Self {
        let (old, new) = (Side::default(), Side::default());
        Self { id, code, old, new, change: Tally::default(), band_moves: 0, newest: (0, Arc::new([])) }
    }
}

/// A branch on one side of the comparison.
#[derive(Clone, Copy, Default)]
struct Side {
    score: Tally,
    squares: i128,
    insufficient: i64,
    share: Tally,
}

impl Side {
    fn count(&mut self, score_bp: Option<i64>, scored_share_bp: Option<i64>) {
        match score_bp {
            Some(bp) => {
                self.score = self.score.plus(Tally { n: 1, sum: bp });
                self.squares += i128::from(bp) * i128::from(bp);
            }
            None => self.insufficient += 1,
        }
        if let Some(bp) = scored_share_bp {
            self.share = self.share.plus(Tally { n: 1, sum: bp });
        }
    }
}

impl ChainRun {
    /// Begins a chain.
    pub fn new(candidate: Arc<Candidate>) -> Self {
        Self {
            columns: Columns::new(&candidate.standard),
            block: Vec::with_capacity(BLOCK),
            branches: Vec::new(),
            moves: BTreeMap::new(),
            coverage: candidate.standard.items().iter().map(uncovered).collect(),
            draws: vec![Vec::new(); candidate.draws.len()],
            candidate,
        }
    }

    /// Adds visits of a branch, after those of other branches.
    ///
    /// # Errors
    ///
    /// When stored answers are not JSON.
    pub fn add(&mut self, of: (Uuid, String), visits: &[Published]) -> Result<(), serde_json::Error> {
        if self.branches.last().is_none_or(|last| last.id != of.0) {
            self.branches.push(Branch::new(of));
        }
        for visit in visits {
            let answers: Map<_, _> = serde_json::from_str(&visit.answers)?;
            self.count(visit, &answers);
            self.columns.push(&answers);
            self.block.push(self.branches.len() - 1);
            if self.block.len() >= BLOCK {
                self.score_draws();
            }
        }
        Ok(())
    }

    fn count(&mut self, old: &Published, answers: &Map<String, Value>) {
        let Some(result) = score(&self.candidate.standard, answers, Mode::Rescore).scored() else { return };
        let new = &result.visit;
        let score_bp = new.score_bp.filter(|_| !new.insufficient);
        let band = score_bp.and_then(|bp| band_at(&self.candidate.bands, bp));
        if let Some(branch) = self.branches.last_mut() {
            branch.old.count(old.score_bp, old.scored_share_bp);
            branch.new.count(score_bp, new.scored_share_bp);
            if old.version > branch.newest.0 {
                branch.newest = (old.version, Arc::clone(&old.bands));
            }
            if let (Some(old), Some(new)) = (old.score_bp, score_bp) {
                branch.change = branch.change.plus(Tally { n: 1, sum: new - old });
            }
            branch.band_moves += i64::from(old.band != band);
        }
        if old.band != band {
            *self.moves.entry((old.band.clone(), band)).or_default() += 1;
        }
        for (item, coverage) in result.items.iter().zip(&mut self.coverage) {
            coverage.asked += i64::from(item.status != Status::Hidden);
            coverage.answered += i64::from(matches!(item.status, Status::Ok | Status::Na));
        }
        for warning in result.warnings.iter().flatten() {
            if let Some(coverage) = self.coverage.iter_mut().find(|of| of.item_id == warning.item) {
                coverage.unusable += i64::from(is_unusable(warning.code));
            }
        }
    }

    /// Scores the visits added since the last time under each draw of weights.
    pub fn score_draws(&mut self) {
        let branches = self.branches.len();
        let threads = std::thread::available_parallelism().map_or(1, NonZero::get);
        let share = self.draws.len().div_ceil(threads);
        let (columns, block) = (&self.columns, &self.block);
        std::thread::scope(|scope| {
            for (scorers, draws) in self.candidate.draws.chunks(share).zip(self.draws.chunks_mut(share)) {
                scope.spawn(move || {
                    let mut figures = Figures::default();
                    for (scorer, means) in scorers.iter().zip(draws) {
                        means.resize(branches, Tally::default());
                        // The items are the candidate's own, so the columns fit.
                        if scorer.score(columns, &mut figures).is_err() {
                            continue;
                        }
                        for (position, branch) in block.iter().enumerate() {
                            let score_bp = figures.score_bp().get(position);
                            if let Some(sum) = score_bp.filter(|_| !figures.insufficient(position)) {
                                means[*branch] = means[*branch].plus(Tally { n: 1, sum });
                            }
                        }
                    }
                });
            }
        });
        self.columns.clear();
        self.block.clear();
    }

    /// The report, after the last block was scored.
    pub fn finish(self, chain_id: Uuid, chain: String) -> ChainRehearsal {
        let sides = |side: fn(&Branch) -> Side| self.branches.iter().map(side).collect::<Vec<_>>();
        let (old, new) = (sides(|branch| branch.old), sides(|branch| branch.new));
        let (old_standings, new_standings) = (standings_of(&old), standings_of(&new));
        let no_ranks_because = old_standings.as_ref().err().or(new_standings.as_ref().err()).cloned();
        let unranked = |_| vec![None; self.branches.len()];
        let old_standings = old_standings.unwrap_or_else(unranked);
        let new_standings = new_standings.unwrap_or_else(unranked);
        let own: Vec<_> = new.iter().map(|side| side.score).collect();
        let sensitivity = Sensitivity::of(&own, &self.draws);
        let bands = &self.candidate.bands;

        let change = self.branches.iter().fold(Tally::default(), |all, branch| all.plus(branch.change));
        let standings = old_standings.into_iter().zip(new_standings);
        let mut branches: Vec<_> = (self.branches.iter().zip(standings).enumerate())
            .map(|(position, (branch, (old, new)))| BranchRehearsal {
                branch_id: branch.id,
                branch: branch.code.clone(),
                old: branch_figures(branch.old, &branch.newest.1, old),
                new: branch_figures(branch.new, bands, new),
                change_bp: branch.change.mean(),
                compared: branch.change.n,
                band_moves: branch.band_moves,
                rank_move: old.zip(new).and_then(|(old, new)| rank_move(old, new)),
                coverage_warning: is_less_covered(branch),
                sensitivity: sensitivity.of_branch(position, |bp| band_at(bands, bp)),
            })
            .collect();
        branches.sort_by(|a, b| a.branch.cmp(&b.branch));
        let word = |label: &Option<Arc<str>>| label.as_deref().map(ToOwned::to_owned);
        ChainRehearsal {
            chain_id,
            chain,
            old: chain_figures(&old),
            new: chain_figures(&new),
            typical_visit_change_bp: change.mean(),
            band_moves: (self.moves.iter())
                .map(|((from, to), visits)| BandMove { from: word(from), to: word(to), visits: *visits })
                .collect(),
            coverage: self.coverage.into_iter().filter(is_worth_telling).collect(),
            sensitivity: sensitivity.of_chain(),
            no_ranks_because,
            branches,
        }
    }
}

fn uncovered(item: &Item) -> ItemCoverage {
    ItemCoverage { item_id: item.id.clone(), asked: 0, answered: 0, unusable: 0 }
}

fn is_worth_telling(item: &ItemCoverage) -> bool {
    item.answered < item.asked || item.unusable > 0
}

// An answer that is there and does not fit; one that is not there is plainly missing.
fn is_unusable(code: AnswerCode) -> bool {
    matches!(
        code,
        AnswerCode::NaNotAllowed
            | AnswerCode::BadType
            | AnswerCode::UnknownOption
            | AnswerCode::DuplicateOption
            | AnswerCode::OutOfRange
    )
}

fn standings_of(sides: &[Side]) -> Result<Vec<Option<Standing>>, String> {
    let totals =
        sides.iter().map(|side| Moments::from_parts(side.score.n.unsigned_abs(), side.score.sum.into(), side.squares));
    standings(&totals.collect::<Result<Vec<_>, _>>().map_err(|error| error.to_string())?)
}

fn chain_figures(sides: &[Side]) -> ChainFigures {
    ChainFigures {
        visits: sides.iter().map(|side| side.score.n).sum(),
        insufficient: sides.iter().map(|side| side.insufficient).sum(),
        typical_branch_mean_bp: mean_of_means(sides.iter().map(|side| side.score)),
        scored_share_bp: sides.iter().fold(Tally::default(), |all, side| all.plus(side.share)).mean(),
    }
}

fn branch_figures(side: Side, bands: &Bands, standing: Option<Standing>) -> BranchFigures {
    let mean_bp = side.score.mean();
    BranchFigures {
        visits: side.score.n,
        insufficient: side.insufficient,
        mean_bp,
        band: mean_bp
            .filter(|_| side.score.n >= BAND_VISITS)
            .and_then(|bp| band_at(bands, bp))
            .map(|label| label.to_string()),
        scored_share_bp: side.share.mean(),
        estimate_bp: standing.map(|standing| standing.estimate_bp),
        expected_rank_hundredths: standing.map(|standing| standing.expected_rank_hundredths),
        rank_low: standing.map(|standing| standing.rank_low),
        rank_high: standing.map(|standing| standing.rank_high),
    }
}

// The ranks that one side leaves possible are none of those that the other does.
fn rank_move(old: Standing, new: Standing) -> Option<RankMove> {
    let is_apart = old.rank_high < new.rank_low || new.rank_high < old.rank_low;
    is_apart.then_some(RankMove {
        from_hundredths: old.expected_rank_hundredths,
        to_hundredths: new.expected_rank_hundredths,
    })
}

fn is_less_covered(branch: &Branch) -> bool {
    let fall = branch.old.share.mean().zip(branch.new.share.mean()).map(|(old, new)| old - new);
    branch.new.insufficient > branch.old.insufficient || fall.is_some_and(|fall| fall >= SHARE_FALL_BP)
}
