//! Page one: what a manager needs if this is the only page that gets read.

use super::{
    bars,
    canvas::{INK, Mark, QUIET, RULE},
    format, headline,
    layout::{BODY, BOTTOM, Flow, LEADING, MARGIN, SMALL, WIDTH},
    report::{Action, BranchReport, Strength},
    table,
    text::Weight,
    words::fill,
};

/// Strengths and steps named on page one.
const TOP: usize = 3;
/// White between the two columns.
const GUTTER: f32 = 24.0;
/// Width of each of the two columns.
pub(super) const COLUMN: f32 = (WIDTH - GUTTER) / 2.0;
/// Size of the titles on page one.
pub(super) const SUBTITLE: f32 = 11.0;
const LABEL: f32 = 8.2;

/// Draws the summary on the first page. Returns whether every section and dimension found room.
pub(super) fn draw<'a>(flow: &mut Flow<'a>, report: &'a BranchReport) -> bool {
    headline::header(flow, report);
    headline::score(flow, report);
    let steps = &report.actions[..report.actions.len().min(TOP)];
    let floor = BOTTOM - steps_height(flow, report, steps);
    let top = flow.y;

    // Long texts may leave little room: rather one strength than no result.
    let mut strengths = &report.strengths[..report.strengths.len().min(TOP)];
    while strengths.len() > 1 && floor - top - strengths_height(flow, report, strengths) < 60.0 {
        strengths = &strengths[..strengths.len() - 1];
    }
    let left_floor = floor - strengths_height(flow, report, strengths);
    let columns = [
        bars::Chart { title: flow.words.sections, bars: &report.sections, x: MARGIN, floor: left_floor },
        bars::Chart { title: flow.words.dimensions, bars: &report.dimensions, x: MARGIN + COLUMN + GUTTER, floor },
    ];
    let [left, right] = bars::draw(flow, report, &columns);
    flow.y = left.end;
    draw_strengths(flow, report, strengths);
    flow.y = flow.y.max(right.end);
    draw_steps(flow, report, steps);
    left.all_shown && right.all_shown
}

fn strength_lines(flow: &Flow, strength: &Strength) -> Vec<String> {
    flow.face(Weight::Regular).wrap_at_most(&strength.text, LABEL, COLUMN - 12.0, 3)
}

fn strengths_height(flow: &Flow, report: &BranchReport, strengths: &[Strength]) -> f32 {
    if strengths.is_empty() {
        let width = COLUMN - 12.0;
        return 30.0 + flow.block_height(width, no_strengths(flow, report), BODY, Weight::Regular);
    }
    let lines: usize = strengths.iter().map(|strength| strength_lines(flow, strength).len()).sum();
    26.0 + lines as f32 * LABEL * 1.3 + strengths.len() as f32 * (SMALL * LEADING + 5.0)
}

fn no_strengths(flow: &Flow, report: &BranchReport) -> &'static str {
    if report.summary.visits == 0 { flow.words.nothing_measured } else { flow.words.no_strengths }
}

fn draw_strengths(flow: &mut Flow, report: &BranchReport, strengths: &[Strength]) {
    flow.y += 2.0;
    flow.line(MARGIN, flow.y + SUBTITLE, flow.words.strengths, SUBTITLE, INK, Weight::Bold);
    flow.y += 19.0;
    if strengths.is_empty() {
        let text = no_strengths(flow, report);
        flow.y = flow.block(MARGIN, flow.y, COLUMN, text, BODY, QUIET, Weight::Regular) + 6.0;
    }
    for strength in strengths {
        let top = flow.y;
        for line in strength_lines(flow, strength) {
            flow.line(MARGIN + 10.0, flow.y + LABEL, &line, LABEL, INK, Weight::Regular);
            flow.y += LABEL * 1.3;
        }
        let met = format::met(report.lang, strength.passed, strength.asked);
        flow.line(MARGIN + 10.0, flow.y + SMALL, &met, SMALL, QUIET, Weight::Regular);
        flow.y += SMALL * LEADING;
        let (height, colour) = (flow.y - top - 1.0, flow.accent);
        flow.put(Mark::Fill { x: MARGIN, y: top + 1.0, width: 2.5, height, colour });
        flow.y += 5.0;
    }
}

/// Width of the text of a step; the reasons stand to the right of it.
const STEP: f32 = WIDTH - 24.0 - 150.0;

fn step_lines(flow: &Flow, action: &Action) -> (Vec<String>, Vec<String>) {
    let (what, item) = action.what_and_item();
    let what = flow.face(Weight::Bold).wrap_at_most(what, BODY, STEP, 3);
    (what, flow.face(Weight::Regular).wrap_at_most(item.unwrap_or_default(), SMALL, STEP, 2))
}

fn step_height(flow: &Flow, action: &Action) -> f32 {
    let (what, item) = step_lines(flow, action);
    let text = what.len() as f32 * BODY * LEADING + item.len() as f32 * SMALL * LEADING;
    let reasons = if action.critical { 3 } else { 2 };
    text.max(reasons as f32 * (SMALL * LEADING + 1.5)) + 9.0
}

fn steps_height(flow: &Flow, report: &BranchReport, steps: &[Action]) -> f32 {
    let rows: f32 = steps.iter().map(|action| step_height(flow, action)).sum();
    let hint = if report.actions.is_empty() { 30.0 } else { SMALL * LEADING + 4.0 };
    34.0 + rows + hint
}

fn draw_steps(flow: &mut Flow, report: &BranchReport, steps: &[Action]) {
    let words = flow.words;
    flow.y += 10.0;
    flow.line(MARGIN, flow.y + SUBTITLE, words.next_steps, SUBTITLE, INK, Weight::Bold);
    flow.y += 17.0;
    if steps.is_empty() {
        let text = if report.summary.visits == 0 { words.no_actions_yet } else { words.no_actions };
        flow.y = flow.block(MARGIN, flow.y + 2.0, WIDTH, text, BODY, INK, Weight::Regular);
        return;
    }
    for action in steps {
        let (top, bottom) = (flow.y, flow.y + step_height(flow, action));
        flow.put(Mark::Line { from: (MARGIN, top), to: (MARGIN + WIDTH, top), thickness: 0.5, colour: RULE });
        flow.line(MARGIN, top + 4.0 + 12.0, &action.number.to_string(), 13.0, INK, Weight::Bold);
        let (what, item) = step_lines(flow, action);
        let x = MARGIN + 24.0;
        let mut y = top + 3.5;
        for line in &what {
            flow.line(x, y + BODY, line, BODY, INK, Weight::Bold);
            y += BODY * LEADING;
        }
        for line in &item {
            flow.line(x, y + SMALL, line, SMALL, QUIET, Weight::Regular);
            y += SMALL * LEADING;
        }
        let x = MARGIN + WIDTH - 142.0;
        let mut y = top + 3.5;
        if action.critical {
            table::tag(flow, x, y, words.critical);
            y += SMALL * LEADING + 4.0;
        }
        let gain = fill(words.gain, &[("points", &format::points(report.lang, action.lost_bp))]);
        let missed = format::missed(report.lang, action.failed, action.asked);
        let gain = if action.lost_bp > 0 { gain } else { String::new() };
        for text in [gain, missed].iter().filter(|text| !text.is_empty()) {
            y = flow.block(x, y, 142.0, text, SMALL, INK, Weight::Regular);
        }
        flow.y = bottom.max(y + 4.0);
    }
    flow.line(MARGIN, flow.y + SMALL + 2.0, words.see_plan, SMALL, QUIET, Weight::Regular);
    flow.y += SMALL * LEADING + 2.0;
}
