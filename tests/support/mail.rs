//! Letters, as a mail program reads them.

use mail_parser::MessageParser;

use super::app::TestApp;
use super::eventually;

/// A letter.
#[derive(Clone, Debug)]
pub struct Letter {
    /// The address it goes to.
    pub to: String,
    /// The subject.
    pub subject: String,
    /// The text.
    pub text: String,
}

impl Letter {
    /// Reads a letter (RFC 5322).
    pub fn parse(bytes: &[u8]) -> Self {
        let message = MessageParser::default().parse(bytes).expect("a letter");
        let to = message.to().and_then(|to| to.first()).and_then(|to| to.address()).expect("an address");
        assert!(message.date().is_some() && message.message_id().is_some() && message.from().is_some());
        let text = message.body_text(0).expect("a text").replace("\r\n", "\n");
        Self { to: to.to_owned(), subject: message.subject().expect("a subject").to_owned(), text }
    }

    /// The one-time code in it.
    pub fn code(&self) -> String {
        let start = self.text.find("pgl_lnk_").unwrap_or_else(|| panic!("a code in {}", self.text));
        self.text[start..].chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect()
    }
}

/// The letters to an address in the outbox, oldest first.
pub fn letters(app: &TestApp, to: &str) -> Vec<Letter> {
    let Ok(entries) = std::fs::read_dir(app.data().join("outbox")) else { return Vec::new() };
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    // Ids sort as they were made.
    paths.sort();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "eml"));
    let letters = paths.into_iter().map(|path| Letter::parse(&std::fs::read(path).expect("a file")));
    letters.filter(|letter| letter.to == to).collect()
}

/// Waits for the `n`th letter to an address.
pub async fn letter(app: &TestApp, to: &str, n: usize) -> Letter {
    eventually("a letter arrives", || async { letters(app, to).into_iter().nth(n - 1) }).await
}
