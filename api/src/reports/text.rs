//! Letters on paper: which ones the fonts have, how wide they are, and where lines break.

use std::{
    collections::{BTreeSet, HashMap},
    sync::OnceLock,
};

use allsorts::{
    binary::read::ReadScope,
    font_data::FontData,
    subset::{CmapTarget, SubsetProfile, subset},
    tables::{FontTableProvider, cmap::Cmap},
    tag,
};
use printpdf::ParsedFont;

use super::ReportError;

/// The two faces of the report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Weight {
    /// Noto Sans Regular.
    Regular,
    /// Noto Sans Bold.
    Bold,
}

/// One face: the file and the advance of every letter in it.
pub(super) struct Face {
    ttf: &'static [u8],
    advances: HashMap<char, f32>,
    replacement: char,
}

/// Both faces.
pub(super) struct Fonts {
    regular: Face,
    bold: Face,
}

/// The fonts, read once in a process: reading them takes longer than a short report.
pub(super) fn fonts() -> Result<&'static Fonts, ReportError> {
    static FONTS: OnceLock<Result<Fonts, String>> = OnceLock::new();
    let read = || Ok(Fonts { regular: Face::read(notosans::REGULAR_TTF)?, bold: Face::read(notosans::BOLD_TTF)? });
    FONTS.get_or_init(read).as_ref().map_err(|error| ReportError::Font(error.clone()))
}

impl Fonts {
    /// The face of a weight.
    pub(super) fn face(&self, weight: Weight) -> &Face {
        match weight {
            Weight::Regular => &self.regular,
            Weight::Bold => &self.bold,
        }
    }
}

impl Face {
    fn read(ttf: &'static [u8]) -> Result<Self, String> {
        let mut warnings = Vec::new();
        let font = ParsedFont::from_bytes(ttf, 0, &mut warnings).ok_or("not a font")?;
        let em = f32::from(font.units_per_em.max(1));
        let advances: HashMap<char, f32> = font
            .codepoint_to_glyph
            .iter()
            .filter(|(_, glyph)| **glyph != 0)
            .filter_map(|(code, glyph)| Some((char::from_u32(*code)?, f32::from(font.get_glyph_width(*glyph)?) / em)))
            .collect();
        let replacement = ['□', '¤', '?'].into_iter().find(|c| advances.contains_key(c)).ok_or("no letters")?;
        Ok(Self { ttf, advances, replacement })
    }

    /// Text made printable: accents joined to their letters, control and invisible characters gone, letters the font
    /// lacks as a box. Line feeds stay.
    pub(super) fn clean(&self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        for c in text.chars() {
            if let Some(joined) = out.chars().next_back().and_then(|base| compose(base, c)) {
                out.pop();
                out.push(joined);
                continue;
            }
            match c {
                '\n' | '\u{a0}' => out.push(c),
                '\u{2028}' | '\u{2029}' => out.push('\n'),
                // Figure and narrow spaces also keep what they join on one line.
                '\u{2007}' | '\u{202f}' => out.push('\u{a0}'),
                c if c.is_whitespace() => out.push(' '),
                c if is_invisible(c) => {}
                c if self.advances.contains_key(&c) => out.push(c),
                _ => out.push(self.replacement),
            }
        }
        out
    }

    /// Width of cleaned text.
    pub(super) fn width(&self, text: &str, size: f32) -> f32 {
        text.chars().map(|c| self.advance(c)).sum::<f32>() * size
    }

    fn advance(&self, c: char) -> f32 {
        self.advances.get(&c).copied().unwrap_or(0.5)
    }

    /// Breaks text into lines no wider than `width`: at spaces, and inside a word only if it has no line of its own.
    /// Empty text has no lines.
    pub(super) fn wrap(&self, text: &str, size: f32, width: f32) -> Vec<String> {
        let mut lines = Vec::new();
        for paragraph in self.clean(text).split('\n') {
            let mut line = String::new();
            // Only plain spaces break; a no-break space is part of its word.
            for word in paragraph.split(' ').filter(|word| !word.is_empty()) {
                let gap = if line.is_empty() { "" } else { " " };
                if self.width(&line, size) + self.width(gap, size) + self.width(word, size) <= width {
                    line.push_str(gap);
                    line.push_str(word);
                    continue;
                }
                if !line.is_empty() {
                    lines.push(std::mem::take(&mut line));
                }
                line = self.break_word(word, size, width, &mut lines);
            }
            if !line.is_empty() {
                lines.push(line);
            }
        }
        lines
    }

    /// Like [`Face::wrap`], with the last of `most` lines ending in an ellipsis if there is more.
    pub(super) fn wrap_at_most(&self, text: &str, size: f32, width: f32, most: usize) -> Vec<String> {
        let mut lines = self.wrap(text, size, width);
        if lines.len() > most {
            let rest = lines.split_off(most.saturating_sub(1)).join(" ");
            lines.push(self.fit(&rest, size, width));
        }
        lines
    }

    /// Breaks one word, after a hyphen or slash in the last half of a line where there is one. Full lines go to
    /// `lines`; the rest is returned.
    fn break_word(&self, word: &str, size: f32, width: f32, lines: &mut Vec<String>) -> String {
        let mut rest = String::new();
        let mut used = 0.0;
        for c in word.chars() {
            let advance = self.advance(c) * size;
            // A letter wider than the line still has to go somewhere.
            if used + advance > width && !rest.is_empty() {
                let cut = rest
                    .rfind(['-', '–', '/', '_', '.', ',', '@'])
                    .map(|at| at + rest[at..].chars().next().map_or(1, char::len_utf8));
                let cut = cut.filter(|cut| *cut * 2 > rest.len()).unwrap_or(rest.len());
                let tail = rest.split_off(cut);
                lines.push(std::mem::replace(&mut rest, tail));
                used = self.width(&rest, size);
            }
            rest.push(c);
            used += advance;
        }
        rest
    }

    /// Text on one line, its end replaced by an ellipsis if it is too wide.
    pub(super) fn fit(&self, text: &str, size: f32, width: f32) -> String {
        let clean = self.clean(text).replace('\n', " ");
        if self.width(&clean, size) <= width {
            return clean;
        }
        let mut room = width - self.advance('…') * size;
        let kept: String = clean
            .chars()
            .take_while(|c| {
                room -= self.advance(*c) * size;
                room >= 0.0
            })
            .collect();
        // Rather lose a whole word than leave a piece of one, unless that would lose half the line.
        let kept = match kept.rfind(' ') {
            Some(space) if space * 2 > kept.len() && !clean[kept.len()..].starts_with(' ') => &kept[..space],
            _ => &kept,
        };
        format!("{}…", kept.trim_end())
    }

    /// The face cut down to the letters in use.
    pub(super) fn subset(&self, used: &BTreeSet<char>) -> Result<ParsedFont, ReportError> {
        let failed = |error: &dyn std::fmt::Debug| ReportError::Font(format!("{error:?}"));
        let file = ReadScope::new(self.ttf).read::<FontData<'_>>().map_err(|e| failed(&e))?;
        let tables = file.table_provider(0).map_err(|e| failed(&e))?;
        let cmap = tables.read_table_data(tag::CMAP).map_err(|e| failed(&e))?;
        let cmap = ReadScope::new(&cmap).read::<Cmap<'_>>().map_err(|e| failed(&e))?;
        let (_, map) = allsorts::font::read_cmap_subtable(&cmap)
            .map_err(|e| failed(&e))?
            .ok_or_else(|| failed(&"no character map"))?;
        // Glyph 0 must lead every subset; a set keeps the order the same for the same letters.
        let mut glyphs: BTreeSet<u16> =
            used.iter().filter_map(|c| map.map_glyph(u32::from(*c)).ok().flatten()).collect();
        glyphs.insert(0);
        let glyphs: Vec<u16> = glyphs.into_iter().collect();
        let bytes = subset(&tables, &glyphs, &SubsetProfile::Pdf, CmapTarget::Unicode).map_err(|e| failed(&e))?;
        ParsedFont::from_bytes(&bytes, 0, &mut Vec::new()).ok_or_else(|| failed(&"the subset cannot be read"))
    }
}

/// Characters that have no look of their own: controls, joiners, direction marks, variation selectors, soft hyphens.
fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{e0000}'..='\u{e0fff}')
}

/// Joins a combining accent to its letter. Texts typed on some phones arrive taken apart, and an accent drawn by itself
/// lands beside the letter.
fn compose(base: char, accent: char) -> Option<char> {
    let (from, to) = match accent {
        '\u{300}' => ("AEIOUaeiou", "ÀÈÌÒÙàèìòù"),
        '\u{301}' => ("ACEILNORSUYZaceilnorsuyz", "ÁĆÉÍĹŃÓŔŚÚÝŹáćéíĺńóŕśúýź"),
        '\u{302}' => ("AEIOUaeiou", "ÂÊÎÔÛâêîôû"),
        '\u{303}' => ("ANOUanou", "ÃÑÕŨãñõũ"),
        '\u{304}' => ("AEIOUaeiou", "ĀĒĪŌŪāēīōū"),
        '\u{306}' => ("AGUИaguи", "ĂĞŬЙăğŭй"),
        '\u{308}' => ("AEIOUYaeiouyЕе", "ÄËÏÖÜŸäëïöüÿЁё"),
        '\u{30a}' => ("AUau", "ÅŮåů"),
        '\u{30b}' => ("OUou", "ŐŰőű"),
        '\u{30c}' => ("CDENRSTZcdenrstz", "ČĎĚŇŘŠŤŽčďěňřšťž"),
        '\u{327}' => ("CSTcst", "ÇŞŢçşţ"),
        _ => return None,
    };
    let at = from.chars().position(|c| c == base)?;
    to.chars().nth(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn face() -> &'static Face {
        fonts().expect("built-in fonts").face(Weight::Regular)
    }

    #[test]
    fn lines_break_at_spaces_and_fit() {
        let text = "A munkatárs félbeszakítás nélkül végighallgatta a látogatót, és összefoglalta az igényt";
        let lines = face().wrap(text, 9.0, 120.0);
        assert!(lines.len() > 2);
        assert!(lines.iter().all(|line| face().width(line, 9.0) <= 120.0));
        assert_eq!(lines.join(" "), text);
    }

    #[test]
    fn words_without_a_space_break_anywhere() {
        let word = "x".repeat(500);
        let lines = face().wrap(&format!("a {word} b"), 9.0, 60.0);
        assert!(lines.iter().all(|line| face().width(line, 9.0) <= 60.0));
        assert_eq!(lines.concat().replace(' ', ""), format!("a{word}b"));
        assert_eq!(face().wrap("Kauplus/kontor", 10.0, 50.0)[0], "Kauplus/");
        assert_eq!(face().wrap("WW", 100.0, 1.0), ["W", "W"]);
    }

    #[test]
    fn no_break_spaces_hold_and_line_feeds_break() {
        assert_eq!(face().wrap("aaaa 22\u{a0}Nov", 10.0, 50.0), ["aaaa", "22\u{a0}Nov"]);
        assert_eq!(face().wrap("a\n\nb\n", 10.0, 50.0), ["a", "b"]);
        assert!(face().wrap("", 10.0, 50.0).is_empty());
        assert!(face().wrap(" \t\u{0}", 10.0, 50.0).is_empty());
    }

    #[test]
    fn everything_can_be_printed() {
        let clean = |text: &str| face().clean(text);
        assert_eq!(clean("Tõrva, Győr, „ž”–€ Ωж"), "Tõrva, Győr, „ž”–€ Ωж");
        assert_eq!(clean("o\u{30b}u\u{308}"), "őü");
        assert_eq!(clean("a\u{0}b\u{202e}c\u{200d}\td"), "abc d");
        assert!(clean("店🙂שלום").chars().all(|c| c == face().replacement));
    }

    #[test]
    fn too_long_lines_end_in_an_ellipsis() {
        let fitted = face().fit(&"Kaubamaja ".repeat(30), 8.0, 100.0);
        assert!(fitted.ends_with('…') && face().width(&fitted, 8.0) <= 100.0);
        assert_eq!(face().fit("Kauba\nmaja", 8.0, 100.0), "Kauba maja");
    }
}
