//! The texts of a standard in a reader's language.

use serde_json::Value;

/// The language of texts that are not there in the one asked for.
const FALLBACK: &str = "en";

/// The texts of one standard version in one language: else in English, else the id itself.
#[derive(Clone, Copy, Debug)]
pub struct Texts<'a> {
    body: &'a Value,
    lang: &'a str,
}

impl<'a> Texts<'a> {
    /// The texts in the body of a standard.
    pub fn new(body: &'a Value, lang: &'a str) -> Self {
        Self { body, lang }
    }

    /// The title of the standard.
    pub fn title(&self) -> String {
        let id = self.body.get("id").and_then(Value::as_str).unwrap_or_default();
        self.pick(self.body.get("title")).unwrap_or(id).to_owned()
    }

    /// The title of a section.
    pub fn section(&self, id: &str) -> String {
        self.of("sections", "id", id, "title").unwrap_or(id).to_owned()
    }

    /// The title of a dimension.
    pub fn dimension(&self, id: &str) -> String {
        self.of("dimensions", "id", id, "title").unwrap_or(id).to_owned()
    }

    /// The text of an item.
    pub fn item(&self, id: &str) -> String {
        self.of("items", "id", id, "text").unwrap_or(id).to_owned()
    }

    /// The advice of an item, if it has any.
    pub fn advice(&self, id: &str) -> Option<String> {
        self.of("items", "id", id, "advice").map(str::to_owned)
    }

    /// Whether an item has advice in any language.
    pub fn has_advice(&self, id: &str) -> bool {
        self.entry("items", "id", id).and_then(|item| item.get("advice")).is_some_and(|advice| !advice.is_null())
    }

    /// A band with its title, such as `B – Good`.
    pub fn band(&self, label: &str) -> String {
        match self.of("bands", "label", label, "title") {
            Some(title) => format!("{label} – {title}"),
            None => label.to_owned(),
        }
    }

    fn of(&self, list: &str, key: &str, id: &str, text: &str) -> Option<&'a str> {
        self.pick(self.entry(list, key, id)?.get(text))
    }

    fn entry(&self, list: &str, key: &str, id: &str) -> Option<&'a Value> {
        let entries = self.body.get(list)?.as_array()?;
        entries.iter().find(|entry| entry.get(key).and_then(Value::as_str) == Some(id))
    }

    fn pick(&self, texts: Option<&'a Value>) -> Option<&'a str> {
        let texts = texts?;
        let text = [self.lang, FALLBACK].iter().find_map(|lang| texts.get(lang)?.as_str()).or(texts.as_str());
        text.filter(|text| !text.trim().is_empty())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_missing_language_falls_back_to_english_then_to_the_id() {
        let body = json!({
            "id": "greeting",
            "title": {"en": "Greeting", "et": "Tervitus"},
            "items": [{"id": "a", "text": {"en": "Greeted"}}, {"id": "b", "text": {"et": "Naeratas"}}],
            "bands": [{"min_bp": 0, "label": "C", "title": {"et": "Nõrk"}}],
        });
        let texts = Texts::new(&body, "et");
        assert_eq!(texts.title(), "Tervitus");
        assert_eq!(
            (texts.item("a"), texts.item("b"), texts.item("c")),
            ("Greeted".into(), "Naeratas".into(), "c".into())
        );
        assert_eq!(texts.band("C"), "C – Nõrk");
        assert_eq!(texts.advice("a"), None);
        assert_eq!(Texts::new(&body, "hu").item("b"), "b");
    }
}
