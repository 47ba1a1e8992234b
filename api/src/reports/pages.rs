//! The pages after the summary: the plan, strengths, all results, visits and appeals.

use super::{
    canvas::QUIET,
    format,
    layout::{BODY, Flow, WIDTH},
    report::{Action, Bar, BranchReport, Lang},
    table::{self, Column, Piece},
    words::{self, Words, fill},
};

/// Draws the plan and what stands behind it. `all_shown` is false if page one had no room for every result.
pub(super) fn draw(flow: &mut Flow, report: &BranchReport, all_shown: bool) {
    flow.new_page();
    actions(flow, report);
    strengths(flow, report);
    if !all_shown {
        all_results(flow, report);
    }
    visits(flow, report);
    if !report.appeals.is_empty() {
        appeals(flow, report);
    }
}

impl Action {
    /// What to do, and the item it is about where that is another text.
    pub(super) fn what_and_item(&self) -> (&str, Option<&str>) {
        let (advice, title) = (self.advice.trim(), self.title.trim());
        match (advice.is_empty(), title.is_empty()) {
            (true, true) => (&self.item_id, None),
            (true, false) => (title, None),
            (false, true) => (advice, Some(&self.item_id)),
            (false, false) => (advice, Some(title)),
        }
    }
}

fn actions(flow: &mut Flow, report: &BranchReport) {
    let (lang, words) = (report.lang, flow.words);
    flow.heading(words.actions, 120.0);
    if report.actions.is_empty() {
        let text = if report.summary.visits == 0 { words.no_actions_yet } else { words.no_actions };
        return flow.paragraph(text, BODY, QUIET);
    }
    flow.paragraph(words.actions_intro, BODY, QUIET);
    let columns = [
        Column { title: words.number, width: 28.0 },
        Column { title: words.what_to_do, width: WIDTH - 28.0 - 106.0 - 70.0 - 66.0 - 68.0 },
        Column { title: words.why, width: 106.0 },
        Column { title: words.owner, width: 70.0 },
        Column { title: words.due, width: 66.0 },
        Column { title: words.state, width: 68.0 },
    ];
    let rows = report.actions.iter().map(|action| {
        let (what, item) = action.what_and_item();
        let mut what = vec![Piece::Strong(what.to_owned())];
        what.extend(item.map(|_| Piece::Small(with_id(&action.title, &action.item_id))));
        let owner = action.owner.as_deref().map(str::trim).filter(|owner| !owner.is_empty());
        vec![
            vec![Piece::Strong(action.number.to_string())],
            what,
            reasons(lang, words, action),
            vec![owner.map_or(Piece::WriteIn, |owner| Piece::Text(owner.to_owned()))],
            vec![action.due_on.map_or(Piece::WriteIn, |due| Piece::Text(format::date(lang, due)))],
            vec![Piece::Text(words::action_state(lang, action.state).to_owned())],
        ]
    });
    table::draw(flow, &columns, rows);
}

fn reasons(lang: Lang, words: &Words, action: &Action) -> Vec<Piece> {
    let mut reasons = Vec::new();
    if action.critical {
        reasons.push(Piece::Tag(words.critical.to_owned()));
    }
    // A critical item can be missed without costing points.
    if action.lost_bp > 0 {
        reasons.push(Piece::Text(fill(words.gain, &[("points", &format::points(lang, action.lost_bp))])));
    }
    reasons.push(Piece::Small(format::missed(lang, action.failed, action.asked)));
    if action.repeat_waves >= 2 {
        reasons.push(Piece::Small(fill(words.repeated, &[("n", &action.repeat_waves.to_string())])));
    }
    reasons
}

fn strengths(flow: &mut Flow, report: &BranchReport) {
    let words = flow.words;
    flow.heading(words.strengths, 90.0);
    if report.strengths.is_empty() {
        let text = if report.summary.visits == 0 { words.nothing_measured } else { words.no_strengths };
        return flow.paragraph(text, BODY, QUIET);
    }
    flow.paragraph(words.strengths_intro, BODY, QUIET);
    let columns = [Column { title: words.item, width: WIDTH - 190.0 }, Column { title: words.result, width: 190.0 }];
    let rows = report.strengths.iter().map(|strength| {
        vec![
            vec![Piece::Text(with_id(&strength.text, &strength.item_id))],
            vec![Piece::Text(format::met(report.lang, strength.passed, strength.asked))],
        ]
    });
    table::draw(flow, &columns, rows);
}

fn all_results(flow: &mut Flow, report: &BranchReport) {
    let (lang, words) = (report.lang, flow.words);
    flow.heading(words.all_results, 90.0);
    for (title, bars) in [(words.sections, &report.sections), (words.dimensions, &report.dimensions)] {
        if bars.is_empty() {
            continue;
        }
        let columns = [
            Column { title, width: WIDTH - 240.0 },
            Column { title: words.score, width: 80.0 },
            Column { title: words.visits, width: 70.0 },
            Column { title: words.previous_title, width: 90.0 },
        ];
        let score = |bp: Option<u32>| bp.map_or_else(|| "–".to_owned(), |bp| format::percent(lang, bp));
        let rows = bars.iter().map(|bar: &Bar| {
            vec![
                vec![Piece::Text(bar.title.clone())],
                vec![Piece::Strong(score(bar.mean_bp))],
                vec![Piece::Text(bar.n.to_string())],
                vec![Piece::Text(score(bar.previous_bp))],
            ]
        });
        table::draw(flow, &columns, rows);
        flow.y += 8.0;
    }
}

fn visits(flow: &mut Flow, report: &BranchReport) {
    let (lang, words) = (report.lang, flow.words);
    flow.heading(words.visits, 70.0);
    if report.visits.is_empty() {
        return flow.paragraph(words.no_visit_rows, BODY, QUIET);
    }
    let columns = [
        Column { title: words.visit, width: 84.0 },
        Column { title: words.day, width: 92.0 },
        Column { title: words.standard, width: WIDTH - 84.0 - 92.0 - 62.0 - 92.0 - 74.0 },
        Column { title: words.score, width: 62.0 },
        Column { title: words.band, width: 92.0 },
        Column { title: words.outcome, width: 74.0 },
    ];
    let rows = report.visits.iter().map(|visit| {
        let score = visit.score_bp.map_or_else(|| "–".to_owned(), |bp| format::percent(lang, bp));
        let band = visit.band.as_deref().filter(|band| !band.trim().is_empty()).unwrap_or("–");
        vec![
            vec![Piece::Text(visit.public_id.clone())],
            vec![
                Piece::Text(format::date(lang, visit.day)),
                Piece::Small(words::part_of_day(lang, visit.part_of_day).to_owned()),
            ],
            vec![Piece::Text(visit.standard.clone())],
            vec![Piece::Strong(score)],
            vec![Piece::Text(band.to_owned())],
            vec![Piece::Text(words::visit_outcome(lang, visit.outcome).to_owned())],
        ]
    });
    table::draw(flow, &columns, rows);
}

fn appeals(flow: &mut Flow, report: &BranchReport) {
    let (lang, words) = (report.lang, flow.words);
    flow.heading(words.appeals, 90.0);
    flow.paragraph(words.appeals_intro, BODY, QUIET);
    let columns = [
        Column { title: words.item, width: WIDTH - 310.0 },
        Column { title: words.decision, width: 220.0 },
        Column { title: words.decided_on, width: 90.0 },
    ];
    let rows = report.appeals.iter().map(|appeal| {
        let decided = appeal.decided_on.map_or_else(|| "–".to_owned(), |day| format::date(lang, day));
        let mut decision = vec![Piece::Strong(words::appeal_outcome(lang, appeal.outcome).to_owned())];
        let percent = |bp| format::percent(lang, bp);
        decision.extend(appeal.change_bp.map(|(before, after)| {
            Piece::Text(fill(words.score_changed, &[("before", &percent(before)), ("after", &percent(after))]))
        }));
        decision.extend(appeal.reason.as_deref().map(|reason| Piece::Small(reason.to_owned())));
        vec![vec![Piece::Text(with_id(&appeal.text, &appeal.item_id))], decision, vec![Piece::Text(decided)]]
    });
    table::draw(flow, &columns, rows);
}

/// An item's text with the id under which photos and appeals name it.
fn with_id(text: &str, item_id: &str) -> String {
    match (text.trim(), item_id.trim()) {
        ("", id) => id.to_owned(),
        (text, "") => text.to_owned(),
        (text, id) => format!("{text} ({id})"),
    }
}
