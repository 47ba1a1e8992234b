//! What scoring columns gives for each visit.

use crate::columns::points::Points;
use crate::result::ScoreResult;
use crate::standard::Standard;

/// The scores of many visits, each equal to what [`score()`](crate::score()) gives for the visit alone.
///
/// Visits keep the order of the columns, sections and dimensions that of the standard. Can be used
/// again for the next block, which then needs no new memory.
#[derive(Clone, Debug, Default)]
pub struct Figures {
    pub(super) raw_bp: Points,
    pub(super) score_bp: Points,
    pub(super) scored_share_bp: Points,
    pub(super) sections: Vec<Points>,
    pub(super) dimensions: Vec<Points>,
    pub(super) bands: Vec<u16>,
    pub(super) marks: Vec<u8>,
    pub(super) has_pass_mark: bool,
}

/// No band.
pub(super) const NO_BAND: u16 = u16::MAX;

/// A critical item failed on the visit.
pub(super) const CAPPED: u8 = 1;
/// Too little was scored.
pub(super) const INSUFFICIENT: u8 = 2;
/// The visit passed.
pub(super) const PASSED: u8 = 4;

impl Figures {
    /// No visits.
    pub fn new() -> Self {
        Self::default()
    }

    /// The number of visits.
    pub fn len(&self) -> usize {
        self.marks.len()
    }

    /// Whether there is no visit.
    pub fn is_empty(&self) -> bool {
        self.marks.is_empty()
    }

    /// The scores before caps on the visit.
    pub fn raw_bp(&self) -> &Points {
        &self.raw_bp
    }

    /// The scores after all caps.
    pub fn score_bp(&self) -> &Points {
        &self.score_bp
    }

    /// Scored over asked weight, 0..=10000; absent when nothing with weight was asked.
    pub fn scored_share_bp(&self) -> &Points {
        &self.scored_share_bp
    }

    /// The scores of each section after its caps.
    pub fn sections(&self) -> &[Points] {
        &self.sections
    }

    /// The scores of each dimension.
    pub fn dimensions(&self) -> &[Points] {
        &self.dimensions
    }

    /// Position of the visit's band in [`Standard::bands`]; `None` without bands, when insufficient or beyond the last visit.
    pub fn band(&self, visit: usize) -> Option<usize> {
        self.bands.get(visit).filter(|&&band| band != NO_BAND).map(|&band| band.into())
    }

    /// Whether a critical item failed on the visit, even if its cap does not bind; false beyond the last visit.
    pub fn capped(&self, visit: usize) -> bool {
        self.has(visit, CAPPED)
    }

    /// Whether too little was scored to judge the visit; false beyond the last visit.
    pub fn insufficient(&self, visit: usize) -> bool {
        self.has(visit, INSUFFICIENT)
    }

    /// Whether the visit passed; `None` without a pass mark, when insufficient or beyond the last visit.
    pub fn passed(&self, visit: usize) -> Option<bool> {
        let judged = self.has_pass_mark && visit < self.len() && !self.insufficient(visit);
        judged.then(|| self.has(visit, PASSED))
    }

    fn has(&self, visit: usize, mark: u8) -> bool {
        self.marks.get(visit).is_some_and(|marks| marks & mark != 0)
    }

    /// Makes room for `visits` visits; what was there before may remain until it is written over.
    pub(super) fn reset(&mut self, standard: &Standard, visits: usize) {
        self.sections.resize_with(standard.sections.len(), Points::default);
        self.dimensions.resize_with(standard.dimensions.len(), Points::default);
        let visit = [&mut self.raw_bp, &mut self.score_bp, &mut self.scored_share_bp];
        for points in visit.into_iter().chain(&mut self.sections).chain(&mut self.dimensions) {
            points.reset(visits);
        }
        self.bands.resize(visits, NO_BAND);
        self.marks.resize(visits, 0);
        self.has_pass_mark = standard.pass_bp.is_some();
    }

    /// Takes over the result of the exact path.
    pub(super) fn set(&mut self, visit: usize, standard: &Standard, result: &ScoreResult) {
        let of = &result.visit;
        self.raw_bp.set(visit, of.raw.as_ref().map(|raw| raw.to_bp()));
        self.score_bp.set(visit, of.score_bp);
        self.scored_share_bp.set(visit, of.scored_share_bp);
        for (points, section) in self.sections.iter_mut().zip(&result.sections) {
            points.set(visit, section.score_bp);
        }
        for (points, dimension) in self.dimensions.iter_mut().zip(&result.dimensions) {
            points.set(visit, dimension.score_bp);
        }
        let band = of.score_bp.filter(|_| !of.insufficient).and_then(|score_bp| standard.band_of(score_bp));
        self.bands[visit] = band.and_then(|band| u16::try_from(band).ok()).unwrap_or(NO_BAND);
        let marks = [(of.capped, CAPPED), (of.insufficient, INSUFFICIENT), (of.passed == Some(true), PASSED)];
        self.marks[visit] = marks.iter().filter(|(set, _)| *set).map(|(_, mark)| mark).sum();
    }
}
