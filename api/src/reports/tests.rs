//! The whole way from a report to bytes.

use super::report::{Appeal, AppealOutcome};
use super::*;

/// A report with a bit of everything; `lang` and texts to be changed by the tests.
fn sample(lang: Lang) -> BranchReport {
    let day = Day::new(2026, 11, 20);
    BranchReport {
        lang,
        firm_name: "Peegelvesi OÜ".into(),
        chain_name: "Nurmeaken".into(),
        chain_colour: [0, 84, 150],
        chain_logo_jpeg: None,
        branch_code: "TRT-01".into(),
        branch_name: "Tartu Kaubamaja".into(),
        branch_address: Some("Riia 1, Tartu".into()),
        region_name: Some("Lõuna-Eesti".into()),
        wave_name: "2026 sügis".into(),
        wave_kind: WaveKind::Regular,
        wave_from: Some(Day::new(2026, 9, 1)),
        wave_to: Some(day),
        standards: vec!["Retail store visit, v1".into()],
        data_as_of: day,
        summary: Summary { visits: 2, mean_bp: Some(8235), pass_bp: Some(8000), passed: 1, ..Summary::default() },
        sections: vec![bar("Fizetés és lezárás")],
        dimensions: vec![bar("Empaatia"), Bar { mean_bp: None, n: 0, ..bar("Ausus") }],
        strengths: vec![Strength { item_id: "A1".into(), text: "Töötaja tervitas".into(), passed: 2, asked: 2 }],
        actions: vec![action(1)],
        appeals: vec![Appeal {
            item_id: "A2".into(),
            text: "Naeratas".into(),
            outcome: AppealOutcome::Upheld,
            decided_on: None,
            reason: Some("A felvételen hallható".into()),
            change_bp: Some((7225, 8235)),
        }],
        visits: vec![VisitLine {
            public_id: "K7Q2-9M".into(),
            day,
            part_of_day: PartOfDay::Evening,
            standard: "Retail store visit".into(),
            score_bp: Some(8235),
            band: Some("B – Good".into()),
            outcome: VisitOutcome::Completed,
        }],
        photos: vec![Photo { jpeg: b"not a photo".to_vec(), caption: "Uks".into(), item_ids: vec![], day }],
        photo_index: vec![PhotoEntry { caption: "Lett".into(), item_ids: vec!["A0".into()], day }],
    }
}

fn bar(title: &str) -> Bar {
    Bar { title: title.into(), mean_bp: Some(12_000), n: 2, previous_bp: Some(20_000) }
}

fn action(number: u32) -> Action {
    Action {
        number,
        item_id: "B1".into(),
        title: "A munkatárs két nyitott kérdést tett fel".into(),
        advice: "Válasszatok két nyitott kérdést".into(),
        critical: true,
        repeat_waves: 3,
        lost_bp: 340,
        failed: 2,
        asked: 3,
        owner: None,
        due_on: None,
        state: ActionState::InProgress,
    }
}

fn pages(pdf: &[u8]) -> usize {
    lopdf::Document::load_mem(pdf).expect("a readable PDF").get_pages().len()
}

#[test]
fn the_same_report_gives_the_same_bytes() {
    for lang in [Lang::En, Lang::Et, Lang::Hu] {
        let first = render(&sample(lang)).expect("a PDF");
        assert!(first.starts_with(b"%PDF-1.7"));
        assert_eq!(first, render(&sample(lang)).expect("a PDF"));
    }
    assert_ne!(render(&sample(Lang::En)).ok(), render(&sample(Lang::Et)).ok());
}

#[test]
fn title_author_language_and_outline_are_set_and_dates_are_not() {
    let pdf = render(&sample(Lang::Hu)).expect("a PDF");
    let file = lopdf::Document::load_mem(&pdf).expect("a readable PDF");
    let catalog = file.catalog().expect("a catalog");
    assert_eq!(catalog.get(b"Lang").and_then(lopdf::Object::as_str).ok(), Some(&b"hu"[..]));
    assert!(catalog.has(b"Outlines"));
    let info = file.trailer.get(b"Info").and_then(lopdf::Object::as_reference).expect("info");
    let info = file.get_dictionary(info).expect("info");
    assert!(info.has(b"Title") && info.has(b"Author") && !info.has(b"CreationDate") && !info.has(b"ModDate"));
}

#[test]
fn nothing_to_report_is_still_a_report() {
    let mut report = sample(Lang::En);
    report.summary = Summary::default();
    report.sections.clear();
    report.dimensions.clear();
    report.strengths.clear();
    report.actions.clear();
    report.appeals.clear();
    report.visits.clear();
    report.photos.clear();
    report.photo_index.clear();
    for text in [&mut report.firm_name, &mut report.chain_name, &mut report.branch_name, &mut report.wave_name] {
        text.clear();
    }
    assert_eq!(pages(&render(&report).expect("a PDF")), 2);
}

#[test]
fn hostile_texts_never_fail() {
    let texts = ["", " ", "\0\u{1}\u{7f}", "שלום עולם العربية", "店🙂👩‍👩‍👧\u{fe0f}", "(\\)<>{}%/", "o\u{30b}\n\n\nx"];
    let long = "ő".repeat(20_000);
    for text in texts.into_iter().chain([long.as_str()]) {
        let mut report = sample(Lang::Hu);
        report.branch_name = text.into();
        report.firm_name = text.into();
        report.branch_address = Some(text.into());
        report.sections = vec![bar(text); 40];
        report.dimensions = vec![bar(text); 40];
        let act = Action { title: text.into(), advice: text.into(), owner: Some(text.into()), ..action(u32::MAX) };
        report.actions = vec![act];
        report.strengths[0].text = text.into();
        report.visits[0].public_id = text.into();
        report.photos[0].caption = text.into();
        report.photos[0].item_ids = vec![text.into()];
        report.photo_index[0].caption = text.into();
        report.standards = vec![text.into()];
        report.summary.band = Some(text.into());
        assert!(pages(&render(&report).expect("a PDF")) >= 2);
    }
}

#[test]
fn long_plans_take_more_pages() {
    let mut report = sample(Lang::Et);
    let short = pages(&render(&report).expect("a PDF"));
    report.actions = (1..=60).map(action).collect();
    assert!(pages(&render(&report).expect("a PDF")) > short + 2);
}

#[test]
fn words_read_back() {
    assert_eq!("in_progress".parse(), Ok(ActionState::InProgress));
    assert!("EN".parse::<Lang>().is_err());
    assert_eq!("2026-11-22".parse(), Ok(Day::new(2026, 11, 22)));
    assert_eq!("2026-11-22T10:00:00Z".parse(), Ok(Day::new(2026, 11, 22)));
    for wrong in ["", "2026", "2026-13-01", "2026-00-10", "x-1-1", "-1-1-1", "99999999999-1-1"] {
        assert!(wrong.parse::<Day>().is_err(), "{wrong}");
    }
}
