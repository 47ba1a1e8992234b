//! Tables that break over pages: the header is repeated, and a row is split only if it is taller than a page.

use super::{
    canvas::{Colour, INK, Mark, PAPER, QUIET, RULE, WHITE},
    layout::{BODY, BOTTOM, Flow, LEADING, MARGIN, SMALL, TOP, WIDTH},
    text::Weight,
};

const PAD_X: f32 = 5.0;
const PAD_Y: f32 = 5.0;
const HEADER_SIZE: f32 = 7.8;

/// A piece of a cell, on lines of its own.
pub(super) enum Piece {
    /// Running text.
    Text(String),
    /// Text that leads the row.
    Strong(String),
    /// Text of second rank.
    Small(String),
    /// A word in white on black, see [`tag`].
    Tag(String),
    /// A line to write on by hand.
    WriteIn,
}

/// A column: its title and its share of the width.
pub(super) struct Column {
    /// The title.
    pub title: &'static str,
    /// Width in points; the columns of a table add up to [`WIDTH`].
    pub width: f32,
}

/// A line of a cell, ready to be put down.
struct Line {
    height: f32,
    kind: Kind,
}

enum Kind {
    Words { text: String, size: f32, colour: Colour, weight: Weight },
    Tag(String),
    Rule,
}

/// Draws a table at the cursor.
pub(super) fn draw(flow: &mut Flow, columns: &[Column], rows: impl Iterator<Item = Vec<Vec<Piece>>>) {
    let header_height = header_height(flow, columns);
    let mut headed = false;
    for row in rows {
        let mut cells: Vec<std::vec::IntoIter<Line>> = columns
            .iter()
            .zip(row)
            .map(|(column, pieces)| lines(flow, column.width - 2.0 * PAD_X, pieces).into_iter())
            .collect();
        let mut needed = tallest(&cells) + 2.0 * PAD_Y;
        let wanted = needed + if headed { 0.0 } else { header_height };
        if flow.room() < wanted.min(120.0) || (flow.room() < wanted && needed + header_height < page_height()) {
            flow.new_page();
            headed = false;
        }
        loop {
            if !headed {
                header(flow, columns, header_height);
                headed = true;
            }
            put_row(flow, columns, &mut cells);
            needed = tallest(&cells);
            if needed <= 0.0 {
                break;
            }
            flow.new_page();
            headed = false;
        }
    }
    flow.y += 4.0;
}

/// Height that a fresh page offers to a table.
fn page_height() -> f32 {
    BOTTOM - TOP
}

fn tallest(cells: &[std::vec::IntoIter<Line>]) -> f32 {
    cells.iter().map(|cell| cell.as_slice().iter().map(|line| line.height).sum()).fold(0.0, f32::max)
}

fn lines(flow: &Flow, width: f32, pieces: Vec<Piece>) -> Vec<Line> {
    let mut lines = Vec::new();
    for piece in pieces {
        let (text, size, colour, weight) = match piece {
            Piece::Text(text) => (text, BODY, INK, Weight::Regular),
            Piece::Strong(text) => (text, BODY, INK, Weight::Bold),
            Piece::Small(text) => (text, SMALL, QUIET, Weight::Regular),
            Piece::Tag(text) => {
                let text = flow.face(Weight::Bold).fit(&text, SMALL, width - 6.0);
                lines.push(Line { height: SMALL + 8.0, kind: Kind::Tag(text) });
                continue;
            }
            Piece::WriteIn => {
                lines.push(Line { height: BODY * LEADING + 9.0, kind: Kind::Rule });
                continue;
            }
        };
        let wrapped = flow.face(weight).wrap(&text, size, width);
        lines.extend(
            wrapped
                .into_iter()
                .map(|text| Line { height: size * LEADING, kind: Kind::Words { text, size, colour, weight } }),
        );
    }
    lines
}

fn header_height(flow: &Flow, columns: &[Column]) -> f32 {
    let height =
        |column: &Column| flow.block_height(column.width - 2.0 * PAD_X, column.title, HEADER_SIZE, Weight::Bold);
    columns.iter().map(height).fold(0.0, f32::max) + 8.0
}

fn header(flow: &mut Flow, columns: &[Column], height: f32) {
    let (top, mut x) = (flow.y, MARGIN);
    flow.put(Mark::Fill { x, y: top, width: WIDTH, height, colour: PAPER });
    for column in columns {
        let width = column.width - 2.0 * PAD_X;
        flow.block(x + PAD_X, top + 3.0, width, column.title, HEADER_SIZE, INK, Weight::Bold);
        x += column.width;
    }
    flow.y = top + height;
    rule(flow, 0.9, INK);
}

/// Puts down as much of a row as the page holds and takes it out of the cells.
fn put_row(flow: &mut Flow, columns: &[Column], cells: &mut [std::vec::IntoIter<Line>]) {
    let top = flow.y + PAD_Y;
    let room = flow.room() - 2.0 * PAD_Y;
    let (mut x, mut lowest) = (MARGIN, top);
    for (column, cell) in columns.iter().zip(cells) {
        let mut y = top;
        // A page always takes at least one line, or a row could wait for ever.
        while let Some(next) = cell.as_slice().first() {
            if y > top && y - top + next.height > room {
                break;
            }
            y += next.height;
            if let Some(line) = cell.next() {
                put_line(flow, x + PAD_X, y - line.height, column.width - 2.0 * PAD_X, line);
            }
        }
        lowest = lowest.max(y);
        x += column.width;
    }
    flow.y = lowest + PAD_Y;
    rule(flow, 0.5, RULE);
}

fn put_line(flow: &mut Flow, x: f32, y: f32, width: f32, line: Line) {
    match line.kind {
        Kind::Words { text, size, colour, weight } => {
            flow.line(x, y + size, &text, size, colour, weight);
        }
        Kind::Tag(text) => tag(flow, x, y + 1.5, &text),
        Kind::Rule => {
            let y = y + BODY + 6.0;
            flow.put(Mark::Line { from: (x, y), to: (x + width, y), thickness: 0.6, colour: QUIET });
        }
    }
}

/// A word in white on black: the one mark that must not be missed, on any printer.
pub(super) fn tag(flow: &mut Flow, x: f32, y: f32, text: &str) {
    let width = flow.face(Weight::Bold).width(text, SMALL) + 6.0;
    let height = SMALL + 4.0;
    flow.put(Mark::Fill { x, y, width, height, colour: INK });
    flow.line(x + 3.0, y + SMALL + 0.6, text, SMALL, WHITE, Weight::Bold);
}

fn rule(flow: &mut Flow, thickness: f32, colour: Colour) {
    let y = flow.y;
    flow.put(Mark::Line { from: (MARGIN, y), to: (MARGIN + WIDTH, y), thickness, colour });
}
