//! The top of page one: whose report this is, the score, and the figures that belong to it.

use super::{
    canvas::{Colour, INK, Jpeg, Mark, PAGE_WIDTH, PAPER, QUIET, RULE, WHITE},
    format,
    layout::{BODY, Flow, LEADING, MARGIN, SMALL, WIDTH},
    report::BranchReport,
    text::Weight,
    words::{self, fill},
};

/// The band in the chain's colour: who, where and when.
pub(super) fn header<'a>(flow: &mut Flow<'a>, report: &'a BranchReport) {
    let logo = report.chain_logo_jpeg.as_deref().and_then(Jpeg::read);
    let room = WIDTH - if logo.is_some() { 130.0 } else { 0.0 };
    let colour = Colour(report.chain_colour);
    let ink = colour.text_on();
    let regular = flow.face(Weight::Regular);
    let bold = flow.face(Weight::Bold);

    let join = |parts: &[Option<&str>]| {
        let parts = parts.iter().flatten().map(|part| part.trim()).filter(|part| !part.is_empty());
        parts.collect::<Vec<_>>().join(" · ")
    };
    let over = join(&[Some(&report.chain_name), Some(flow.words.title)]);
    let size = if bold.wrap(&report.branch_name, 21.0, room).len() > 2 { 15.0 } else { 21.0 };
    let names = bold.wrap_at_most(&report.branch_name, size, room, 3);
    let place = join(&[Some(&report.branch_code), report.region_name.as_deref(), report.branch_address.as_deref()]);
    let places = regular.wrap_at_most(&place, BODY, room, 2);
    let kind = words::wave_kind(report.lang, report.wave_kind);
    let span = format::span(report.lang, report.wave_from, report.wave_to);
    let wave = join(&[Some(&report.wave_name), kind, span.as_deref()]);
    let waves = bold.wrap_at_most(&wave, 10.5, room, 2);

    // The band is drawn first, so its height is worked out before the text is put down.
    let height = 31.0
        + names.len() as f32 * size * 1.25
        + places.len() as f32 * BODY * LEADING
        + waves.len() as f32 * 10.5 * LEADING
        + 19.0;
    flow.put(Mark::Fill { x: 0.0, y: 0.0, width: PAGE_WIDTH, height, colour });
    flow.put(Mark::Line { from: (0.0, height), to: (PAGE_WIDTH, height), thickness: 0.8, colour: flow.accent });
    let mut y = 31.0;
    flow.line(MARGIN, y, &regular.fit(&over, BODY, room), BODY, ink, Weight::Regular);
    for name in &names {
        y += size * 1.25;
        flow.line(MARGIN, y, name, size, ink, Weight::Bold);
    }
    y += 4.0;
    for line in &places {
        y += BODY * LEADING;
        flow.line(MARGIN, y, line, BODY, ink, Weight::Regular);
    }
    y += 2.0;
    for line in &waves {
        y += 10.5 * LEADING;
        flow.line(MARGIN, y, line, 10.5, ink, Weight::Bold);
    }
    if let Some(logo) = logo {
        let (width, plate) = (112.0, (height - 40.0).min(56.0));
        let (x, y) = (MARGIN + WIDTH - width, (height - plate) / 2.0);
        flow.put(Mark::Fill { x, y, width, height: plate, colour: WHITE });
        let (w, h) = logo.fit(width - 10.0, plate - 10.0);
        let image = flow.add_image(logo);
        flow.put(Mark::Image { x: x + (width - w) / 2.0, y: y + (plate - h) / 2.0, width: w, height: h, image });
    }
    flow.y = height + 10.0;
    if !report.standards.is_empty() {
        let text = format!("{}: {}", flow.words.standard, report.standards.join("; "));
        for line in regular.wrap_at_most(&text, SMALL, WIDTH, 2) {
            flow.line(MARGIN, flow.y + SMALL, &line, SMALL, QUIET, Weight::Regular);
            flow.y += SMALL * LEADING;
        }
    }
    flow.y += 6.0;
}

/// The big number with its band, and what belongs to it.
pub(super) fn score(flow: &mut Flow, report: &BranchReport) {
    const BIG: f32 = 40.0;
    let (lang, summary, words) = (report.lang, &report.summary, flow.words);
    let top = flow.y;
    let shown = summary.mean_bp.map_or_else(|| "–".to_owned(), |bp| format::percent(lang, bp));
    let width = flow.line(MARGIN, top + 36.0, &shown, BIG, INK, Weight::Bold);
    let mut y = top + 44.0;
    if let Some(band) = summary.band.as_deref().filter(|band| !band.trim().is_empty()) {
        // Long band titles go below the number, short ones beside it would leave a ragged edge: always below.
        for line in flow.face(Weight::Bold).wrap_at_most(band, 12.0, 150.0, 2) {
            flow.line(MARGIN, y + 12.0, &line, 12.0, INK, Weight::Bold);
            y += 12.0 * LEADING;
        }
    }
    if summary.visits > 0 {
        y = flow.block(MARGIN, y, 150.0, &format::mean_of(lang, summary.visits), BODY, QUIET, Weight::Regular);
    }
    let facts = (WIDTH - 165.0_f32.max(width + 12.0)) / 3.0;
    let mut lowest = y;
    for (index, (label, value, unit, note)) in facts_of(flow, report).into_iter().enumerate() {
        let x = MARGIN + WIDTH - facts * (3 - index) as f32;
        lowest = lowest.max(fact(flow, x, top, facts, label, &value, unit, &note));
    }
    for index in 1..=3 {
        let x = MARGIN + WIDTH - facts * index as f32;
        flow.put(Mark::Line { from: (x, top + 2.0), to: (x, lowest), thickness: 0.6, colour: RULE });
    }
    flow.y = lowest + 8.0;

    let few = summary.visits > 0 && (summary.few_visits || summary.visits < 3);
    let sentence = match summary.visits {
        0 => Some(words.no_visits.to_owned()),
        n if few => Some(format::few_visits(lang, n)),
        _ => None,
    };
    if let Some(sentence) = sentence {
        let height = flow.block_height(WIDTH - 24.0, &sentence, BODY, Weight::Bold) + 11.0;
        flow.put(Mark::Fill { x: MARGIN, y: flow.y, width: WIDTH, height, colour: PAPER });
        flow.put(Mark::Fill { x: MARGIN, y: flow.y, width: 3.0, height, colour: INK });
        flow.block(MARGIN + 12.0, flow.y + 4.5, WIDTH - 24.0, &sentence, BODY, INK, Weight::Bold);
        flow.y += height + 4.0;
    }
    flow.y += 8.0;
}

type Fact = (&'static str, String, &'static str, String);

/// The three figures beside the score: visits, change, pass mark or critical items.
fn facts_of(flow: &Flow, report: &BranchReport) -> [Fact; 3] {
    let (lang, summary, words) = (report.lang, &report.summary, flow.words);
    let attempts = if summary.attempted > 0 { format::attempts(lang, summary.attempted) } else { String::new() };
    let visits = (words.visits, summary.visits.to_string(), "", attempts);

    let change = match (&summary.previous, summary.mean_bp) {
        (Some(previous), Some(mean)) => {
            // A long name must not push the results off the page.
            let wave = flow.face(Weight::Regular).fit(previous.wave_name.trim(), SMALL, 180.0);
            let values: [(&str, &str); 3] = [
                ("wave", &wave),
                ("score", &format::percent(lang, previous.mean_bp)),
                ("visits", &format::visits(lang, previous.visits)),
            ];
            (format::change(lang, mean, previous.mean_bp), words.points, fill(words.change_note, &values))
        }
        (Some(_), None) => ("–".to_owned(), "", words.no_change.to_owned()),
        (None, _) if summary.not_comparable => ("–".to_owned(), "", words.not_comparable.to_owned()),
        (None, _) => ("–".to_owned(), "", words.no_previous.to_owned()),
    };
    let change = (words.change, change.0, change.1, change.2);

    let critical = match (summary.visits, summary.critical_failures) {
        (0, _) => String::new(),
        (_, 0) => words.all_critical_met.to_owned(),
        (_, n) => fill(words.critical_missed, &[("n", &n.to_string())]),
    };
    let last = match summary.pass_bp {
        Some(pass) => {
            let mark = fill(words.pass_mark, &[("score", &format::percent(lang, pass))]);
            let passed = match summary.visits {
                0 => "–".to_owned(),
                visits => format::out_of(lang, summary.passed, visits),
            };
            (words.passed, passed, "", format!("{mark} {critical}"))
        }
        None => {
            let missed = if summary.visits == 0 { "–".to_owned() } else { summary.critical_failures.to_string() };
            (words.critical_items, missed, "", critical)
        }
    };
    [visits, change, last]
}

#[expect(clippy::too_many_arguments, reason = "a place and the four parts of a fact")]
fn fact(flow: &mut Flow, x: f32, top: f32, width: f32, label: &str, value: &str, unit: &str, note: &str) -> f32 {
    let (x, width) = (x + 9.0, width - 13.0);
    // Labels of one or two lines share the same base line for their values.
    let lines = flow.face(Weight::Regular).wrap_at_most(label, SMALL, width, 2);
    for (index, line) in lines.iter().enumerate() {
        flow.line(x, top + SMALL + index as f32 * SMALL * 1.25, line, SMALL, QUIET, Weight::Regular);
    }
    let y = top + 37.0;
    let used = flow.line(x, y, value, 16.0, INK, Weight::Bold);
    flow.line(x + used + 4.0, y, unit, SMALL, INK, Weight::Regular);
    flow.block(x, y + 6.0, width, note, SMALL, QUIET, Weight::Regular)
}
