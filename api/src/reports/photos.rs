//! Photos in a grid, each with its caption, and the index of those that are not printed.

use super::{
    MAX_INLINE_PHOTOS,
    canvas::{INK, Jpeg, Mark, PAPER, QUIET},
    format,
    layout::{BODY, Flow, LEADING, MARGIN, SMALL, WIDTH},
    report::{BranchReport, Day, Photo},
    table::{self, Column, Piece},
    text::Weight,
};

const GAP: f32 = 14.0;
/// Lines a caption may take; a longer one ends in an ellipsis.
const CAPTION_LINES: usize = 6;

/// Draws the photos and the index.
pub(super) fn draw<'a>(flow: &mut Flow<'a>, report: &'a BranchReport) {
    let (printed, more) = report.photos.split_at(report.photos.len().min(MAX_INLINE_PHOTOS));
    grid(flow, report, printed);
    index(flow, report, more);
}

fn grid<'a>(flow: &mut Flow<'a>, report: &BranchReport, photos: &'a [Photo]) {
    if photos.is_empty() {
        return;
    }
    // A few photos are shown large.
    let columns = if photos.len() <= 6 { 2 } else { 3 };
    let width = (WIDTH - GAP * (columns - 1) as f32) / columns as f32;
    let height = width * 0.75;
    flow.heading(flow.words.photos, height + 40.0);
    for row in photos.chunks(columns) {
        let captions: Vec<(Vec<String>, Vec<String>)> =
            row.iter().map(|photo| caption(flow, report, photo, width)).collect();
        let lines = captions
            .iter()
            .map(|(text, about)| text.len() as f32 * LEADING * BODY + about.len() as f32 * LEADING * SMALL);
        let tallest = height + 5.0 + lines.fold(0.0, f32::max) + 12.0;
        flow.need(tallest);
        for (column, (photo, (text, about))) in row.iter().zip(captions).enumerate() {
            let x = MARGIN + (width + GAP) * column as f32;
            frame(flow, photo, x, width, height);
            let mut y = flow.y + height + 5.0;
            for line in text {
                flow.line(x, y + BODY, &line, BODY, INK, Weight::Regular);
                y += BODY * LEADING;
            }
            for line in about {
                flow.line(x, y + SMALL, &line, SMALL, QUIET, Weight::Regular);
                y += SMALL * LEADING;
            }
        }
        flow.y += tallest;
    }
}

fn caption(flow: &Flow, report: &BranchReport, photo: &Photo, width: f32) -> (Vec<String>, Vec<String>) {
    let regular = flow.face(Weight::Regular);
    let text = regular.wrap_at_most(&photo.caption, BODY, width, CAPTION_LINES);
    let about = about(report, photo.day, &photo.item_ids);
    (text, regular.wrap_at_most(&about, SMALL, width, 3))
}

fn about(report: &BranchReport, day: Day, item_ids: &[String]) -> String {
    let day = format::date(report.lang, day);
    if item_ids.is_empty() { day } else { format!("{day} · {}", item_ids.join(", ")) }
}

/// The photo in the middle of its frame, with its own proportions.
fn frame<'a>(flow: &mut Flow<'a>, photo: &'a Photo, x: f32, width: f32, height: f32) {
    let y = flow.y;
    flow.put(Mark::Fill { x, y, width, height, colour: PAPER });
    match Jpeg::read(&photo.jpeg) {
        Some(jpeg) => {
            let (w, h) = jpeg.fit(width, height);
            let image = flow.add_image(jpeg);
            let (x, y) = (x + (width - w) / 2.0, y + (height - h) / 2.0);
            flow.put(Mark::Image { x, y, width: w, height: h, image });
        }
        None => {
            let text = flow.words.photo_broken;
            flow.block(x + 10.0, y + height / 2.0 - BODY, width - 20.0, text, BODY, QUIET, Weight::Regular);
        }
    }
}

fn index(flow: &mut Flow, report: &BranchReport, more: &[Photo]) {
    let words = flow.words;
    let printable = more.iter().map(|photo| (&photo.caption, &photo.item_ids, photo.day));
    let listed = report.photo_index.iter().map(|photo| (&photo.caption, &photo.item_ids, photo.day));
    let mut entries = printable.chain(listed).peekable();
    if entries.peek().is_none() {
        return;
    }
    flow.heading(words.photo_index, 80.0);
    flow.paragraph(words.photo_index_intro, BODY, QUIET);
    let columns = [
        Column { title: words.photo, width: WIDTH - 200.0 },
        Column { title: words.item, width: 110.0 },
        Column { title: words.day, width: 90.0 },
    ];
    let rows = entries.map(|(caption, item_ids, day)| {
        let caption = if caption.trim().is_empty() { "–" } else { caption };
        vec![
            vec![Piece::Text(caption.to_owned())],
            vec![Piece::Text(item_ids.join(", "))],
            vec![Piece::Text(format::date(report.lang, day))],
        ]
    });
    table::draw(flow, &columns, rows);
}
