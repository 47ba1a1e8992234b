//! The document `peegel.receipt/1`: what made a score, put together, signed, and scored again. No database, no clock.

use std::collections::BTreeSet;

use chrono::NaiveDate;
use ed25519_dalek::SigningKey;
use peegel_scoring::{AnswerCode, AnswerProblem, Mode, Outcome, Standard, score};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::canonical::canonical;
use crate::failure::Failure;
use crate::receipts::types::Texts;
use crate::signing::key::{PublicKey, sign};
use crate::visits::moments::MEMBER;
use crate::visits::withhold::without_texts;

/// What the document is; also the line that goes under the signature before it.
pub const FORMAT: &str = "peegel.receipt/1";

/// What is stored of a score.
#[derive(Clone, Debug)]
pub struct Facts {
    /// The firm.
    pub firm_id: Uuid,
    /// The visit.
    pub visit_id: Uuid,
    /// The visit, as its chain knows it.
    pub public_id: Uuid,
    /// 1, 2, 3 and so on.
    pub score_version: i32,
    /// The number of the set of answers.
    pub revision: i32,
    /// The version of the standard.
    pub standard: Value,
    /// The answers as they were filed.
    pub answers: Map<String, Value>,
    /// The items whose texts a purge has taken away.
    pub purged: Vec<String>,
    /// The result as it is stored.
    pub result: Value,
    /// The version of the scoring rules that made it.
    pub engine_version: String,
    /// The day of the scoring: in UTC, and at the branch where texts are withheld.
    pub scored_on: NaiveDate,
}

/// Writes and signs a receipt. The same facts, texts and key give the same bytes.
///
/// # Errors
///
/// [`Failure`] (500) when the standard is none, which a published one always is.
pub fn issue(facts: &Facts, texts: Texts, key: &SigningKey) -> Result<String, Failure> {
    let standard = Standard::parse(&facts.standard)
        .map_err(|problems| Failure::internal(format!("a scored standard has {} problems", problems.len())))?;
    let public = PublicKey::of(key);
    let mut document = json!({
        "format": FORMAT,
        "firm_id": facts.firm_id,
        "public_id": facts.public_id,
        "score_version": facts.score_version,
        "revision": facts.revision,
        "mode": mode_word(mode_of(&facts.result)),
        "standard": facts.standard,
        "standard_sha256": canonical(&facts.standard)?.sha256,
        "proven": proven(&standard, &facts.answers, &facts.result),
        "result": facts.result,
        "result_sha256": canonical(&facts.result)?.sha256,
        "engine_version": facts.engine_version,
        "scored_on": facts.scored_on,
        "key_id": public.id(),
        "public_key": public.to_text(),
    });
    let answers = match texts {
        Texts::Full => {
            document["visit_id"] = json!(facts.visit_id);
            facts.answers.clone()
        }
        Texts::Withheld => {
            let (mut answers, mut withheld) = without_texts(&standard, facts.answers.clone());
            // Moments of recordings decide nothing and go without a trace.
            for members in answers.values_mut().filter_map(Value::as_object_mut) {
                members.remove(MEMBER);
            }
            // The same bytes as before the purge.
            withheld.extend(facts.purged.iter().cloned());
            withheld.sort_unstable();
            withheld.dedup();
            document["withheld"] = json!(withheld);
            answers
        }
    };
    // Of the answers as they stand here: a hash of the whole ones would let a guess at a withheld text be confirmed.
    document["answers_sha256"] = json!(canonical(&answers)?.sha256);
    document["answers"] = json!(answers);
    document["signature"] = json!(sign(key, FORMAT, canonical(&document)?.text.as_bytes()));
    Ok(canonical(&document)?.text)
}

/// The mode that a result was made in: rescoring alone leaves warnings, if only none.
pub fn mode_of(result: &Value) -> Mode {
    if result.get("warnings").is_some() { Mode::Rescore } else { Mode::Submit }
}

/// The word of a mode.
pub fn mode_word(mode: Mode) -> &'static str {
    match mode {
        Mode::Submit => "submit",
        Mode::Rescore => "rescore",
    }
}

/// The mode of a word.
pub fn mode_of_word(word: &str) -> Option<Mode> {
    [Mode::Submit, Mode::Rescore].into_iter().find(|mode| mode_word(*mode) == word)
}

/// Scores the answers of a receipt again.
///
/// # Errors
///
/// What scoring has against the answers.
pub fn recompute(
    standard: &Standard,
    answers: &Map<String, Value>,
    proven: &[String],
    mode: Mode,
) -> Result<Value, Vec<AnswerProblem>> {
    match score(standard, &scored(answers, proven), mode) {
        Outcome::Scored(result) => Ok(json!(*result)),
        Outcome::Refused(problems) => Err(problems),
    }
}

/// The answers as the scoring engine takes them: without comments and moments, and with a file where one proves them.
/// Scoring asks for at least one and takes no notice of more.
fn scored(answers: &Map<String, Value>, proven: &[String]) -> Map<String, Value> {
    let proven: BTreeSet<_> = proven.iter().collect();
    let mut scored = Map::new();
    for (item, answer) in answers {
        // No answer; anything else that is no object is for scoring to refuse.
        if answer.is_null() {
            continue;
        }
        let mut answer = answer.clone();
        if let Some(members) = answer.as_object_mut() {
            members.remove("comment");
            members.remove(MEMBER);
            if proven.contains(item) {
                members.insert("evidence".to_owned(), json!(1));
            }
        }
        scored.insert(item.clone(), answer);
    }
    scored
}

/// The items that needed a file and had one, which follows from the result: filing a visit without is refused, and
/// rescoring it leaves a warning.
fn proven(standard: &Standard, answers: &Map<String, Value>, result: &Value) -> Vec<String> {
    let warned: BTreeSet<_> = result["warnings"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|warning| warning["code"] == AnswerCode::EvidenceMissing.as_str())
        .filter_map(|warning| warning["item"].as_str())
        .collect();
    let without_files = score(standard, &scored(answers, &[]), Mode::Submit);
    let Outcome::Refused(problems) = without_files else { return Vec::new() };
    let needed = problems.into_iter().filter(|problem| problem.code == AnswerCode::EvidenceMissing);
    needed.map(|problem| problem.item).filter(|item| !warned.contains(item.as_str())).collect()
}
