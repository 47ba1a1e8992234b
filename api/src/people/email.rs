//! E-mail addresses as they are kept and compared.

use unicode_normalization::UnicodeNormalization;

/// An address as it is kept, looked up and counted: in lower case and in normal form C, because keyboards make the same
/// letter in different ways.
pub fn normal(typed: &str) -> String {
    typed.trim().to_lowercase().nfc().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_has_one_form() {
        assert_eq!(normal(" Jo\u{303}e@Alpha.example "), "jõe@alpha.example");
        assert_eq!(normal("J\u{d5}E@alpha.example"), "jõe@alpha.example");
        assert_eq!(normal(&normal("I\u{307}@x.example")), normal("I\u{307}@x.example"));
    }
}
