//! `If-Match` and `If-None-Match`, and the entity tags they speak of.

use crate::failure::{Failure, Kind};

/// What a write demands of the current state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// `If-None-Match: *`: there must be nothing yet.
    Absent,
    /// `If-Match`: one of these tags, or anything if the list is empty (`*`).
    Matches(Vec<String>),
}

impl Condition {
    /// Reads the condition of a write.
    ///
    /// # Errors
    ///
    /// * 428 `condition_missing` when neither header is there.
    /// * 400 `bad_condition` when both are, or `If-None-Match` is anything but `*`.
    pub fn of_write(if_match: Option<&str>, if_none_match: Option<&str>) -> Result<Self, Failure> {
        match (if_match, if_none_match.map(str::trim)) {
            (None, None) => Err(Failure::new(
                Kind::ConditionMissing,
                "condition_missing",
                "Send `If-None-Match: *` to create, or `If-Match` with the ETag of the copy you changed.",
            )),
            (None, Some("*")) => Ok(Self::Absent),
            (Some(tags), None) => Ok(Self::Matches(split(tags))),
            _ => Err(Failure::malformed(
                "bad_condition",
                "Send either `If-None-Match: *` or `If-Match`, not both and nothing else.",
            )),
        }
    }

    /// Whether an object with this tag (or none) may be written.
    ///
    /// # Errors
    ///
    /// 412 `stale` with the current tag, when there is an object; without one, 412 `absent`.
    pub fn check(&self, current: Option<&str>) -> Result<(), Failure> {
        match (self, current) {
            (Self::Absent, None) => Ok(()),
            (Self::Matches(tags), Some(current)) if tags.is_empty() || tags.iter().any(|tag| tag == current) => Ok(()),
            (_, Some(current)) => Err(Failure::stale(current.to_owned())),
            (Self::Matches(_), None) => Err(Failure::new(
                Kind::Stale,
                "absent",
                "There is nothing yet to change. Send `If-None-Match: *` to create it.",
            )),
        }
    }
}

/// True when `If-None-Match` of a read names the current tag, so that the answer is 304.
pub fn not_modified(if_none_match: Option<&str>, current: &str) -> bool {
    let weak = |tag: &str| tag.strip_prefix("W/").unwrap_or(tag).to_owned();
    if_none_match.is_some_and(|tags| tags.trim() == "*" || split(tags).iter().any(|tag| weak(tag) == current))
}

fn split(tags: &str) -> Vec<String> {
    if tags.trim() == "*" {
        return Vec::new();
    }
    // An empty list would read as `*`; a tag that never matches does not.
    let tags: Vec<_> = tags.split(',').map(|tag| tag.trim().to_owned()).collect();
    if tags.is_empty() { vec![String::new()] } else { tags }
}

/// A strong entity tag.
pub fn etag(text: impl std::fmt::Display) -> String {
    format!("\"{text}\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_write_without_a_condition_is_428() {
        assert_eq!(Condition::of_write(None, None).unwrap_err().kind, Kind::ConditionMissing);
    }

    #[test]
    fn an_old_tag_is_412_with_the_current_one() {
        let condition = Condition::of_write(Some("\"3\""), None).unwrap();
        assert!(condition.check(Some("\"3\"")).is_ok());
        let failure = condition.check(Some("\"4\"")).unwrap_err();
        assert_eq!((failure.kind, failure.etag.as_deref()), (Kind::Stale, Some("\"4\"")));
    }

    #[test]
    fn creating_over_something_is_412() {
        let condition = Condition::of_write(None, Some("*")).unwrap();
        assert!(condition.check(None).is_ok());
        assert!(condition.check(Some("\"1\"")).is_err());
    }
}
