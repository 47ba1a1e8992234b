//! Reading consents, with all that is wrong with them.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;
use uuid::Uuid;

use crate::consent::types::Told;
use crate::failure::FieldProblem;
use crate::http::json::Reader;
use crate::words::ConsentBasis;

/// Most characters of who gave a consent.
const GIVEN_BY_CHARS: usize = 200;
/// Most characters of what was said or shown.
pub const NOTICE_CHARS: usize = 2000;
/// How far ahead of the server's clock the time of a consent may be.
const AHEAD: TimeDelta = TimeDelta::minutes(15);

/// What a consent says that it is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About {
    /// One recording.
    Recording(Uuid),
    /// All recordings of a visit.
    Visit(Uuid),
    /// All recordings at a branch.
    Branch(Uuid),
    /// All recordings at the branches of a chain.
    Chain(Uuid),
}

/// A member that says what a consent is about, and as what.
type Naming = (&'static str, fn(Uuid) -> About);

/// The members that say what a consent is about, the one about least first.
const ABOUT: [Naming; 4] = [
    ("evidence_id", About::Recording),
    ("visit_id", About::Visit),
    ("branch_id", About::Branch),
    ("chain_id", About::Chain),
];

impl About {
    /// The member that names it.
    pub fn member(self) -> &'static str {
        match self {
            Self::Recording(_) => "evidence_id",
            Self::Visit(_) => "visit_id",
            Self::Branch(_) => "branch_id",
            Self::Chain(_) => "chain_id",
        }
    }

    /// Whether it is about a visit, or a part of one.
    pub fn is_of_visit(self) -> bool {
        matches!(self, Self::Recording(_) | Self::Visit(_))
    }
}

/// A consent as it was sent, as far as it could be read.
#[derive(Debug)]
pub struct Draft {
    /// What it is about.
    pub about: Option<About>,
    /// On what basis people may be recorded.
    pub basis: Option<ConsentBasis>,
    /// Who gave it.
    pub given_by: Option<String>,
    /// When.
    pub given_at: Option<DateTime<Utc>>,
    /// What was said or shown.
    pub notice: Option<String>,
    /// The country whose law it goes by.
    pub country: Option<String>,
    /// The document that proves it.
    pub proof_id: Option<Uuid>,
    /// The first moment that it covers.
    pub covers_from: Option<DateTime<Utc>>,
    /// The last moment that it covers.
    pub covers_until: Option<DateTime<Utc>>,
}

/// Reads a consent; what is wrong with it is in the reader.
pub fn consent(reader: &mut Reader<'_>, now: DateTime<Utc>) -> Draft {
    let about = about(reader);
    let (basis, given_by) = (reader.word("basis"), reader.optional_text("given_by", GIVEN_BY_CHARS));
    let (given_at, notice) = (reader.time("given_at"), reader.text("notice", NOTICE_CHARS));
    if given_at.is_some_and(|at| at > now + AHEAD) {
        reader.problem("given_at", "in_the_future", "is ahead of the server's clock by more than 15 minutes");
    }
    let country = reader.optional_text("country", 2);
    let is_country = |text: &str| text.len() == 2 && text.bytes().all(|b| b.is_ascii_uppercase());
    if country.as_deref().is_some_and(|country| !is_country(country)) {
        reader.problem("country", "bad_value", "must be a country in two capital letters, such as EE");
    }
    let proof_id = reader.optional_uuid("proof_id");
    let (covers_from, covers_until) = (reader.optional_time("covers_from"), reader.optional_time("covers_until"));
    if covers_from.zip(covers_until).is_some_and(|(from, until)| until < from) {
        reader.problem("covers_until", "out_of_range", "must not be before `covers_from`");
    }
    let is_of_visit = about.is_some_and(About::is_of_visit);
    for (name, is_there) in [("covers_from", covers_from.is_some()), ("covers_until", covers_until.is_some())] {
        if is_there && is_of_visit {
            reader.problem(name, "not_allowed", "is only for a branch or a chain");
        }
    }
    if proof_id.is_some() && about.is_some() && !is_of_visit {
        reader.problem("proof_id", "not_allowed", "is only for a visit or a recording");
    }
    Draft { about, basis, given_by, given_at, notice, country, proof_id, covers_from, covers_until }
}

/// The one thing that it is about.
fn about(reader: &mut Reader<'_>) -> Option<About> {
    let is_there = |reader: &mut Reader<'_>, name| reader.optional_value(name).is_some();
    let named: Vec<_> = ABOUT.into_iter().filter(|(name, _)| is_there(reader, name)).collect();
    let (name, of) = *named.first().or_else(|| {
        reader.problem(
            "visit_id",
            "missing",
            "name what it is about: `evidence_id`, `visit_id`, `branch_id` or `chain_id`",
        );
        None
    })?;
    for (other, _) in &named[1..] {
        reader.problem(other, "not_allowed", format!("a consent is about one thing, and this one names `{name}`"));
    }
    reader.optional_uuid(name).map(of)
}

/// Reads the consent that stands with a recording in a manifest. Nothing is wrong with its time, whatever the phone's
/// clock says.
pub fn told(value: &Value, pointer: String) -> Result<Told, Vec<FieldProblem>> {
    let mut reader = Reader::new(value, pointer);
    let basis = reader.word("basis");
    let given_at = reader.time("given_at");
    let notice = reader.text("notice", NOTICE_CHARS);
    let problems = reader.finish();
    let told = || Some(Told { basis: basis?, given_at: given_at?, notice: notice? });
    told().filter(|_| problems.is_empty()).ok_or(problems)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn problems(body: &Value) -> Vec<(String, String)> {
        let mut reader = Reader::new(body, "");
        consent(&mut reader, DateTime::from_timestamp(1_796_000_000, 0).unwrap());
        reader.finish().into_iter().map(|problem| (problem.pointer, problem.code)).collect()
    }

    #[test]
    fn all_problems_of_a_consent_are_named_at_once() {
        let id = "0198c2f4-7d5b-7e3a-9c1d-2f6b8a4e0c11";
        let found = problems(&json!({
            "visit_id": id, "chain_id": id, "basis": "hearsay", "given_by": "", "given_at": "2099-01-01T00:00:00Z",
            "country": "ee", "covers_from": "2026-02-01T00:00:00Z", "covers_until": "2026-01-01T00:00:00Z", "name": 1,
        }));
        let found: Vec<_> = found.iter().map(|(pointer, code)| (pointer.as_str(), code.as_str())).collect();
        assert_eq!(
            found,
            [
                ("/chain_id", "not_allowed"),
                ("/basis", "bad_value"),
                ("/given_by", "empty"),
                ("/notice", "missing"),
                ("/given_at", "in_the_future"),
                ("/country", "bad_value"),
                ("/covers_until", "out_of_range"),
                ("/covers_from", "not_allowed"),
                ("/covers_until", "not_allowed"),
                ("/name", "unknown_field"),
            ]
        );
        let nothing =
            json!({"basis": "one_party_law", "given_at": "2026-01-01T00:00:00Z", "notice": "x", "proof_id": id});
        assert_eq!(problems(&nothing), [("/visit_id".to_owned(), "missing".to_owned())]);
    }
}
