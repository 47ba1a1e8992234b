//! Results as horizontal bars: a label and a number on each, so that they read without colour.

use super::{
    canvas::{Colour, INK, Mark, QUIET, WHITE},
    format,
    layout::{BODY, Flow, SMALL},
    report::{Bar, BranchReport},
    summary::{COLUMN, SUBTITLE},
    text::Weight,
    words::fill,
};

const BAR: f32 = 5.6;
const LABEL: f32 = 8.2;
const LABEL_LEADING: f32 = 1.22;
const TITLE: f32 = 18.0;
/// What is left of a bar when its length is gone.
const TRACK: Colour = Colour([228, 230, 234]);
/// White under a bar, from airy to tight; the first that shows everything is taken.
const GAPS: [f32; 3] = [5.0, 3.4, 2.0];

/// A column of bars with its title.
pub(super) struct Chart<'a> {
    /// What the bars are.
    pub title: &'static str,
    /// The results.
    pub bars: &'a [Bar],
    /// The left end of the column.
    pub x: f32,
    /// The lowest point the column may reach.
    pub floor: f32,
}

/// How a column came out.
pub(super) struct Drawn {
    /// Whether every bar found room.
    pub all_shown: bool,
    /// Where the column ends.
    pub end: f32,
}

/// A bar's texts, measured.
struct Row {
    label: Vec<String>,
    value: String,
    size: f32,
    weight: Weight,
}

impl Row {
    fn new(flow: &Flow, report: &BranchReport, bar: &Bar) -> Self {
        let (value, size, weight) = match bar.mean_bp {
            Some(bp) => (format::percent(report.lang, bp), 9.0, Weight::Bold),
            None => (flow.words.not_measured.to_owned(), SMALL, Weight::Regular),
        };
        // How many visits stand behind a bar is said where it is not the number on top of the page.
        let own_n = bar.mean_bp.is_some() && bar.n != report.summary.visits;
        let label = match own_n {
            true => format!("{} ({})", bar.title, format::visits(report.lang, bar.n)),
            false => bar.title.clone(),
        };
        let room = COLUMN - flow.face(weight).width(&value, size) - 8.0;
        let label = flow.face(Weight::Regular).wrap_at_most(&label, LABEL, room, 2);
        Self { label, value, size, weight }
    }

    fn height(&self) -> f32 {
        self.label.len().max(1) as f32 * LABEL * LABEL_LEADING + 2.4 + BAR
    }
}

/// Draws two columns side by side from the cursor, both as tight as the fuller one needs.
pub(super) fn draw(flow: &mut Flow, report: &BranchReport, charts: &[Chart<'_>; 2]) -> [Drawn; 2] {
    let rows = charts
        .each_ref()
        .map(|chart| -> Vec<Row> { chart.bars.iter().map(|bar| Row::new(flow, report, bar)).collect() });
    let fits = |gap: f32| {
        charts
            .iter()
            .zip(&rows)
            .all(|(chart, rows)| flow.y + TITLE + rows.iter().map(|row| row.height() + gap).sum::<f32>() <= chart.floor)
    };
    // Where even the tightest would not do, the rest is on another page and there is no need to crowd.
    let gap = GAPS.into_iter().find(|gap| fits(*gap)).unwrap_or(GAPS[0]);
    let [left, right] = rows;
    [column(flow, &charts[0], &left, gap), column(flow, &charts[1], &right, gap)]
}

fn column(flow: &mut Flow, chart: &Chart<'_>, rows: &[Row], gap: f32) -> Drawn {
    let (x, words, mut y) = (chart.x, flow.words, flow.y);
    flow.line(x, y + SUBTITLE, chart.title, SUBTITLE, INK, Weight::Bold);
    if chart.bars.iter().any(|bar| bar.previous_bp.is_some()) {
        let width = flow.face(Weight::Regular).width(words.previous_tick, 7.0);
        let left = x + COLUMN - width;
        flow.line(left, y + SUBTITLE, words.previous_tick, 7.0, QUIET, Weight::Regular);
        tick(flow, left - 5.0, y + SUBTITLE - 6.5, 8.0);
    }
    y += TITLE;
    if rows.is_empty() {
        let end = flow.block(x, y, COLUMN, words.nothing_measured, BODY, QUIET, Weight::Regular);
        return Drawn { all_shown: true, end: end + 10.0 };
    }
    for (index, (bar, row)) in chart.bars.iter().zip(rows).enumerate() {
        let left_over = rows.len() - index;
        // Keep a line for "n more", unless this is the last one.
        let reserve = if left_over > 1 { 12.0 } else { 0.0 };
        let fits = y + row.height() + gap + reserve <= chart.floor;
        let rest_fits = || y + rows[index..].iter().map(|row| row.height() + gap).sum::<f32>() <= chart.floor;
        if !fits && !rest_fits() {
            let more = fill(words.more_results, &[("n", &left_over.to_string())]);
            flow.line(x, y + SMALL, &more, SMALL, QUIET, Weight::Regular);
            return Drawn { all_shown: false, end: y + 16.0 };
        }
        for (at, line) in row.label.iter().enumerate() {
            let base = y + LABEL + at as f32 * LABEL * LABEL_LEADING;
            flow.line(x, base, line, LABEL, INK, Weight::Regular);
        }
        let base = y + LABEL + row.label.len().saturating_sub(1) as f32 * LABEL * LABEL_LEADING;
        flow.line_right(x + COLUMN, base, &row.value, row.size, INK, row.weight);
        draw_bar(flow, x, base + 3.6, bar);
        y += row.height() + gap;
    }
    Drawn { all_shown: true, end: y + 6.0 }
}

fn draw_bar(flow: &mut Flow, x: f32, y: f32, bar: &Bar) {
    // Scores above 100% exist; the bar ends with its track and the number says the rest.
    let length = |bp: u32| COLUMN * bp.min(10_000) as f32 / 10_000.0;
    flow.put(Mark::Fill { x, y, width: COLUMN, height: BAR, colour: TRACK });
    if let Some(mean) = bar.mean_bp {
        let colour = flow.accent;
        flow.put(Mark::Fill { x, y, width: length(mean), height: BAR, colour });
    }
    if let Some(previous) = bar.previous_bp {
        tick(flow, x + length(previous), y - 1.4, BAR + 2.8);
    }
}

/// The mark of the previous wave: dark with a white edge, so that it shows on the bar and beside it.
fn tick(flow: &mut Flow, x: f32, y: f32, height: f32) {
    flow.put(Mark::Fill { x: x - 1.5, y, width: 3.0, height, colour: WHITE });
    flow.put(Mark::Fill { x: x - 0.7, y, width: 1.4, height, colour: INK });
}
