//! Filling pages from top to bottom: the cursor, headings, paragraphs, and the footer of every page.

use super::{
    canvas::{Colour, INK, Jpeg, Mark, PAGE_HEIGHT, PAGE_WIDTH, QUIET, RULE},
    format,
    report::BranchReport,
    text::{Face, Fonts, Weight},
    words::{Words, fill},
};

/// White at the left and right.
pub(super) const MARGIN: f32 = 42.0;
/// Width between the margins.
pub(super) const WIDTH: f32 = PAGE_WIDTH - 2.0 * MARGIN;
/// Where text ends above the footer.
pub(super) const BOTTOM: f32 = PAGE_HEIGHT - 58.0;
/// Size of running text.
pub(super) const BODY: f32 = 9.0;
/// Size of text of second rank.
pub(super) const SMALL: f32 = 7.8;
/// Line height over text size.
pub(super) const LEADING: f32 = 1.34;

/// Where text starts on a page after the first.
pub(super) const TOP: f32 = 46.0;

/// Pages being filled.
pub(super) struct Flow<'a> {
    /// The fonts to measure with.
    pub fonts: &'static Fonts,
    /// The report's own words.
    pub words: &'static Words,
    /// The chain's colour, dark enough for paper.
    pub accent: Colour,
    /// Distance of the next thing from the top of the page.
    pub y: f32,
    pages: Vec<Vec<Mark>>,
    images: Vec<Jpeg<'a>>,
    outline: Vec<Entry>,
}

/// A heading, as a reader's list of contents shows it.
pub(super) struct Entry {
    /// The heading.
    pub title: &'static str,
    /// Its page, from 0.
    pub page: usize,
    /// Its distance from the top of the page.
    pub y: f32,
}

/// Finished pages.
pub(super) struct Pages<'a> {
    /// The fonts measured with.
    pub fonts: &'static Fonts,
    /// Marks of each page.
    pub pages: Vec<Vec<Mark>>,
    /// Images the marks speak of.
    pub images: Vec<Jpeg<'a>>,
    /// Headings in order.
    pub outline: Vec<Entry>,
}

impl<'a> Flow<'a> {
    /// An empty first page.
    pub(super) fn new(fonts: &'static Fonts, report: &BranchReport) -> Self {
        let words = Words::of(report.lang);
        let accent = Colour(report.chain_colour).on_paper();
        let outline = vec![Entry { title: words.summary, page: 0, y: 0.0 }];
        Self { fonts, words, accent, y: 0.0, pages: vec![Vec::new()], images: Vec::new(), outline }
    }

    /// The face of a weight.
    pub(super) fn face(&self, weight: Weight) -> &'static Face {
        self.fonts.face(weight)
    }

    /// Room left on this page.
    pub(super) fn room(&self) -> f32 {
        BOTTOM - self.y
    }

    /// Starts the next page, with a strip in the chain's colour.
    pub(super) fn new_page(&mut self) {
        self.pages.push(Vec::new());
        self.y = TOP;
        let colour = self.accent;
        self.put(Mark::Fill { x: 0.0, y: 0.0, width: PAGE_WIDTH, height: 7.0, colour });
    }

    /// Starts the next page unless `height` fits here.
    pub(super) fn need(&mut self, height: f32) {
        if self.room() < height && self.y > TOP {
            self.new_page();
        }
    }

    /// Puts a mark on this page.
    pub(super) fn put(&mut self, mark: Mark) {
        if let Some(page) = self.pages.last_mut() {
            page.push(mark);
        }
    }

    /// Adds an image and returns its number for [`Mark::Image`].
    pub(super) fn add_image(&mut self, jpeg: Jpeg<'a>) -> usize {
        self.images.push(jpeg);
        self.images.len() - 1
    }

    /// Puts one line of cleaned text with its base line at `y`; returns its width.
    pub(super) fn line(&mut self, x: f32, y: f32, text: &str, size: f32, colour: Colour, weight: Weight) -> f32 {
        let width = self.face(weight).width(text, size);
        if !text.is_empty() {
            self.put(Mark::Text { x, y, weight, size, colour, text: text.to_owned() });
        }
        width
    }

    /// Puts a line of cleaned text that ends at `right`.
    pub(super) fn line_right(&mut self, right: f32, y: f32, text: &str, size: f32, colour: Colour, weight: Weight) {
        let width = self.face(weight).width(text, size);
        self.line(right - width, y, text, size, colour, weight);
    }

    /// Puts wrapped text into a column from the top `y`, without page breaks; returns the top of what may follow.
    #[expect(clippy::too_many_arguments, reason = "a place, a text and its look")]
    pub(super) fn block(
        &mut self,
        x: f32,
        y: f32,
        width: f32,
        text: &str,
        size: f32,
        colour: Colour,
        weight: Weight,
    ) -> f32 {
        let mut y = y;
        for line in self.face(weight).wrap(text, size, width) {
            self.line(x, y + size, &line, size, colour, weight);
            y += size * LEADING;
        }
        y
    }

    /// The height [`Flow::block`] will take.
    pub(super) fn block_height(&self, width: f32, text: &str, size: f32, weight: Weight) -> f32 {
        self.face(weight).wrap(text, size, width).len() as f32 * size * LEADING
    }

    /// A heading with an outline entry, kept together with `follow` points of what comes after it.
    pub(super) fn heading(&mut self, title: &'static str, follow: f32) {
        const SIZE: f32 = 14.0;
        self.need(34.0 + follow);
        if self.y > TOP {
            self.y += 14.0;
        }
        self.outline.push(Entry { title, page: self.pages.len() - 1, y: self.y });
        let colour = self.accent;
        self.put(Mark::Fill { x: MARGIN, y: self.y + 1.5, width: 4.0, height: 13.5, colour });
        self.line(MARGIN + 11.0, self.y + 13.0, title, SIZE, INK, Weight::Bold);
        self.y += 25.0;
    }

    /// A paragraph over the full width, broken over pages by lines.
    pub(super) fn paragraph(&mut self, text: &str, size: f32, colour: Colour) {
        self.lead_paragraph("", text, size, colour, Weight::Regular);
    }

    /// A paragraph that starts with a few bold words.
    pub(super) fn lead_paragraph(&mut self, lead: &str, text: &str, size: f32, colour: Colour, weight: Weight) {
        let bold = self.face(Weight::Bold);
        let lead = bold.fit(lead, size, WIDTH / 2.0);
        let indent = if lead.is_empty() { 0.0 } else { bold.width(&lead, size) + size * 0.4 };
        let face = self.face(weight);
        // The first line is shorter by the lead: wrap it alone, then wrap what it left.
        let clean = face.clean(text).split([' ', '\n']).filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
        let first = face.wrap(&clean, size, WIDTH - indent).into_iter().next().unwrap_or_default();
        let rest = clean.get(first.len()..).unwrap_or_default();
        let rest = face.wrap(rest, size, WIDTH);
        self.need(size * LEADING * (1 + rest.len()).min(3) as f32);
        let top = self.y + size;
        self.line(MARGIN, top, &lead, size, INK, Weight::Bold);
        self.line(MARGIN + indent, top, &first, size, colour, weight);
        self.y += size * LEADING;
        for line in rest {
            self.need(size * LEADING);
            self.line(MARGIN, self.y + size, &line, size, colour, weight);
            self.y += size * LEADING;
        }
        self.y += size * 0.55;
    }

    /// Writes the footers, now that the number of pages is known.
    pub(super) fn finish(mut self, report: &BranchReport) -> Pages<'a> {
        const SIZE: f32 = 7.5;
        let face = self.face(Weight::Regular);
        let total = self.pages.len().to_string();
        let date = fill(self.words.data_as_of, &[("date", &format::date(report.lang, report.data_as_of))]);
        let names = [&report.branch_name, &report.wave_name].map(|name| name.trim()).into_iter();
        let names = names.filter(|name| !name.is_empty()).collect::<Vec<_>>().join(" · ");
        let names = face.fit(&names, SIZE, WIDTH - 90.0);
        let about = face.fit(&format!("{} · {date}", report.firm_name.trim()), SIZE, WIDTH);
        let about = if report.firm_name.trim().is_empty() { face.clean(&date) } else { about };
        for (index, page) in self.pages.iter_mut().enumerate() {
            let number = fill(self.words.page, &[("page", &(index + 1).to_string()), ("pages", &total)]);
            let (top, left, right) = (PAGE_HEIGHT - 46.0, MARGIN, PAGE_WIDTH - MARGIN);
            page.push(Mark::Line { from: (left, top), to: (right, top), thickness: 0.5, colour: RULE });
            let mut text = |x: f32, y: f32, text: &str| {
                let text = text.to_owned();
                page.push(Mark::Text { x, y, weight: Weight::Regular, size: SIZE, colour: QUIET, text });
            };
            text(left, top + 12.0, &names);
            text(right - face.width(&number, SIZE), top + 12.0, &number);
            text(left, top + 22.0, &about);
        }
        Pages { fonts: self.fonts, pages: self.pages, images: self.images, outline: self.outline }
    }
}
