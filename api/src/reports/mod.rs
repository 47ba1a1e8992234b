//! The branch report: one PDF for a branch and a wave, for the people who run the branch.
//!
//! [`render`] turns a [`BranchReport`] (plain data, gathered by the caller) into the bytes of a PDF. It knows no
//! database, clock or network, and the same report gives the same bytes in every process.
//!
//! From data to paper: [`report`] holds the data, [`words`] and [`mod@format`] the three languages, [`text`] measures and
//! wraps, [`layout`] and [`table`] fill pages with [`canvas`] marks, [`summary`], [`headline`], [`bars`], [`pages`], [`photos`] and
//! [`method`] are what is printed, and [`pdf`] writes the file.

pub mod assemble;
mod bars;
mod canvas;
mod format;
mod headline;
mod layout;
mod method;
mod pages;
mod pdf;
mod photos;
mod report;
mod summary;
mod table;
#[cfg(test)]
mod tests;
mod text;
mod words;

pub use report::{
    Action, ActionState, Appeal, Bar, BranchReport, Day, Lang, PartOfDay, Photo, PhotoEntry, PreviousWave, Strength,
    Summary, VisitLine, VisitOutcome, WaveKind,
};

use layout::Flow;

/// Photos printed with the report; the rest are listed in an index, so that one branch's PDF stays easy to mail.
pub const MAX_INLINE_PHOTOS: usize = 24;

/// Why a report could not be made. Nothing in the texts, numbers or photos of a report leads here.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// A built-in font could not be read or cut down to the letters in use.
    #[error("the built-in font cannot be used: {0}")]
    Font(String),
    /// The finished pages could not be written as a PDF.
    #[error("the PDF cannot be written: {0}")]
    Write(String),
}

/// Renders the PDF of a branch and wave in the report's language.
///
/// Never fails because of what the texts hold: letters the font lacks print as a box, control characters vanish,
/// over-long words are broken, and a photo that is not a JPEG becomes a labelled empty frame.
pub fn render(report: &BranchReport) -> Result<Vec<u8>, ReportError> {
    let fonts = text::fonts()?;
    let mut flow = Flow::new(fonts, report);
    let all_shown = summary::draw(&mut flow, report);
    pages::draw(&mut flow, report, all_shown);
    photos::draw(&mut flow, report);
    method::draw(&mut flow, report);
    pdf::write(report, flow.finish(report))
}
