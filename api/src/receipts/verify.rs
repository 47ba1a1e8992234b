//! Verifying a score receipt: bytes and keys in, verdict out. Needs nothing else.

use peegel_scoring::{ENGINE_VERSION, Problem, ProblemCode, Standard, publish};
use serde::Serialize;
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::canonical::canonical;
use crate::failure::FieldProblem;
use crate::http::json::{Reader, escape};
use crate::receipts::differences::{MOST, differences};
use crate::receipts::receipt::{FORMAT, mode_of_word, recompute};
use crate::receipts::signed::{Signer, check_bytes, check_signature, signer_note};
use crate::signing::key::PublicKey;
use crate::standards::check::LIMIT_BYTES as STANDARD_LIMIT_BYTES;

/// Largest receipt, in bytes: several times one with the largest standard and the largest visit.
pub const LIMIT_BYTES: usize = 8 * 1024 * 1024;

/// Which key the signature was checked with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyUsed {
    /// One that was given: the signer is known.
    Given,
    /// The one inside the receipt: it says that nothing was changed since, and not who signed.
    Embedded,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Finding {
    /// A word that programs can act on, snake_case.
    pub code: &'static str,
    /// JSON pointer to the member, where it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pointer: Option<String>,
    /// What it means.
    pub message: String,
    /// What the receipt says; absent where it says nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stored: Option<Value>,
    /// What it should say; absent where it should say nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recomputed: Option<Value>,
}

/// What came of the verification.
#[derive(Clone, Debug, Serialize)]
pub struct Verdict {
    /// True when the receipt is whole, signed, and recomputes to the same score.
    pub ok: bool,
    /// The visit; its public id where texts are withheld.
    pub visit: Option<Uuid>,
    /// 1, 2, 3 and so on.
    pub score_version: Option<i64>,
    /// The score that the receipt states, in basis points.
    pub score_bp: Option<i64>,
    /// The id of the key that the receipt names.
    pub key_id: Option<String>,
    /// Which key the signature was checked with.
    pub key: KeyUsed,
    /// What this verification cannot say.
    pub notes: Vec<String>,
    /// Everything that is wrong.
    pub problems: Vec<Finding>,
}

/// The members of a receipt, as far as they can be read.
#[derive(Default)]
struct Members<'a> {
    visit_id: Option<Uuid>,
    public_id: Option<Uuid>,
    score_version: Option<i64>,
    mode: Option<String>,
    standard: Option<&'a Value>,
    standard_sha256: Option<String>,
    answers: Option<&'a Map<String, Value>>,
    answers_sha256: Option<String>,
    proven: Option<Vec<String>>,
    is_withheld: bool,
    result: Option<&'a Value>,
    result_sha256: Option<String>,
    engine_version: Option<String>,
    key_id: Option<String>,
    public_key: Option<String>,
    signature: Option<String>,
}

/// What is wrong so far. A hostile file must not make more of it than fits in memory.
#[derive(Default)]
pub(super) struct Findings {
    list: Vec<Finding>,
    more: usize,
}

impl Findings {
    fn push(&mut self, finding: Finding) {
        if self.list.len() < MOST {
            self.list.push(finding);
        } else {
            self.more += 1;
        }
    }

    /// Adds a finding about a member, or about the whole where the pointer is empty.
    pub(super) fn add(&mut self, code: &'static str, pointer: &str, message: impl Into<String>) {
        let pointer = (!pointer.is_empty()).then(|| pointer.to_owned());
        self.push(Finding { code, pointer, message: message.into(), stored: None, recomputed: None });
    }

    pub(super) fn differs(
        &mut self,
        code: &'static str,
        pointer: &str,
        message: &str,
        stored: &str,
        recomputed: String,
    ) {
        self.push(Finding {
            code,
            pointer: Some(pointer.to_owned()),
            message: message.to_owned(),
            stored: Some(stored.into()),
            recomputed: Some(recomputed.into()),
        });
    }

    /// Ends looking.
    pub(super) fn finish(mut self) -> Vec<Finding> {
        if self.more > 0 {
            let message = format!("and {} more problems", self.more);
            self.list.push(Finding { code: "more", pointer: None, message, stored: None, recomputed: None });
        }
        self.list
    }
}

/// Verifies a receipt. With `given` keys the signature must be of one of them; without, it is checked with the key
/// inside the receipt, and the notes say that this tells nothing of who signed.
pub fn verify(bytes: &[u8], given: Option<&[PublicKey]>) -> Verdict {
    let mut findings = Findings::default();
    let document: Option<Value> = match serde_json::from_slice(bytes) {
        Ok(document) => Some(document),
        Err(error) => {
            findings.add("malformed", "", format!("is not JSON: {error}"));
            None
        }
    };
    let members = document.as_ref().map(|document| read(document, &mut findings)).unwrap_or_default();
    if let Some(document) = &document {
        check_bytes(bytes, document, &mut findings);
        check_hashes(&members, &mut findings);
        let signer = Signer {
            key_id: members.key_id.as_deref(),
            public_key: members.public_key.as_deref(),
            signature: members.signature.as_deref(),
        };
        check_signature(document, FORMAT, &signer, given, &mut findings);
        check_score(&members, &mut findings);
    }
    let key = if given.is_some() { KeyUsed::Given } else { KeyUsed::Embedded };
    let problems = findings.finish();
    Verdict {
        ok: problems.is_empty(),
        visit: members.visit_id.or(members.public_id),
        score_version: members.score_version,
        score_bp: members.result.and_then(|result| result["visit"]["score_bp"].as_i64()),
        notes: notes(&members, key),
        key_id: members.key_id,
        key,
        problems,
    }
}

fn notes(members: &Members<'_>, key: KeyUsed) -> Vec<String> {
    let mut notes: Vec<_> = signer_note(key, members.key_id.as_deref()).into_iter().collect();
    if members.is_withheld {
        let text = "Texts are withheld: they never score, and stand here as empty ones.";
        notes.push(text.to_owned());
    }
    notes
}

/// Reads the members and names those that are missing, unknown or of a wrong type.
fn read<'a>(document: &'a Value, findings: &mut Findings) -> Members<'a> {
    let mut reader = Reader::new(document, "");
    let format = reader.text("format", 64);
    reader.uuid("firm_id");
    let is_withheld = document.get("withheld").is_some();
    let withheld = if is_withheld { texts(&mut reader, "withheld") } else { None };
    let visit_id = if is_withheld { None } else { reader.uuid("visit_id") };
    reader.date("scored_on");
    whole(&mut reader, "revision");
    let members = Members {
        visit_id,
        public_id: reader.uuid("public_id"),
        score_version: whole(&mut reader, "score_version"),
        mode: reader.text("mode", 16),
        standard: reader.value("standard"),
        standard_sha256: reader.text("standard_sha256", 64),
        answers: reader.object("answers"),
        answers_sha256: reader.text("answers_sha256", 64),
        proven: texts(&mut reader, "proven"),
        is_withheld,
        result: reader.value("result"),
        result_sha256: reader.text("result_sha256", 64),
        engine_version: reader.text("engine_version", 16),
        key_id: reader.text("key_id", 64),
        public_key: reader.text("public_key", 64),
        signature: reader.text("signature", 128),
    };
    if let Some(format) = format.filter(|format| format != FORMAT) {
        reader.problem("format", "unknown_format", format!("is {format}; this program knows {FORMAT}"));
    }
    if let (Some(withheld), Some(answers)) = (withheld, members.answers)
        && let Some(item) = withheld.iter().find(|item| !answers.contains_key(*item))
    {
        reader.problem("withheld", "unknown_ref", format!("names {item}, which has no answer"));
    }
    for FieldProblem { pointer, code, message } in reader.finish() {
        findings.add(member_code(&code), &pointer, message);
    }
    members
}

/// A list of ids of items.
fn texts(reader: &mut Reader<'_>, name: &'static str) -> Option<Vec<String>> {
    let list = reader.list(name, usize::MAX)?;
    let texts: Option<Vec<_>> = list.iter().map(|entry| entry.as_str().map(str::to_owned)).collect();
    if texts.is_none() {
        reader.problem(name, "bad_type", "must be a list of texts");
    }
    texts
}

/// A number that counts from 1.
fn whole(reader: &mut Reader<'_>, name: &'static str) -> Option<i64> {
    reader.value(name)?;
    reader.optional_integer(name, 1, i32::MAX.into())
}

/// The codes of members that cannot be read; few enough to be words of their own.
pub(super) fn member_code(code: &str) -> &'static str {
    match code {
        "missing" => "missing",
        "unknown_field" => "unknown_field",
        "unknown_format" => "unknown_format",
        "unknown_ref" => "unknown_ref",
        _ => "bad_member",
    }
}

fn check_hashes(members: &Members<'_>, findings: &mut Findings) {
    let mut check = |pointer: &str, value: Option<Value>, stored: &Option<String>| {
        let (Some(value), Some(stored)) = (value, stored) else { return };
        let Ok(recomputed) = canonical(&value) else { return };
        if recomputed.sha256 != *stored {
            let message = "is not the sha256 of what it stands for";
            findings.differs("hash_differs", pointer, message, stored, recomputed.sha256);
        }
    };
    check("/standard_sha256", members.standard.cloned(), &members.standard_sha256);
    check("/result_sha256", members.result.cloned(), &members.result_sha256);
    check("/answers_sha256", members.answers.map(|answers| answers.clone().into()), &members.answers_sha256);
}

/// Scores the answers again and compares.
fn check_score(members: &Members<'_>, findings: &mut Findings) {
    let mode = members.mode.as_deref().and_then(mode_of_word);
    if members.mode.is_some() && mode.is_none() {
        findings.add("bad_member", "/mode", "must be submit or rescore");
    }
    if let Some(version) = members.engine_version.as_deref().filter(|version| *version != ENGINE_VERSION) {
        let message = format!(
            "the score was made by version {version} of the scoring rules and this program knows {ENGINE_VERSION}: it \
             was not recomputed"
        );
        return findings.add("unknown_engine", "/engine_version", message);
    }
    let standard = members.standard.and_then(|standard| compile(standard, findings));
    let all = (standard, members.answers, members.proven.as_deref(), mode, members.result);
    let (Some(standard), Some(answers), Some(proven), Some(mode), Some(result)) = all else { return };
    match recompute(&standard, answers, proven, mode) {
        Ok(recomputed) => {
            let mut found = Vec::new();
            differences("/result", result, &recomputed, &mut found);
            for difference in found {
                findings.push(Finding {
                    code: "score_differs",
                    pointer: Some(difference.pointer),
                    message: "is not what the answers score under the standard".to_owned(),
                    stored: difference.stored,
                    recomputed: difference.recomputed,
                });
            }
        }
        Err(problems) => {
            for problem in problems {
                let message = format!("cannot be scored: {}", problem.code.as_str());
                findings.add("refused", &format!("/answers/{}", escape(&problem.item)), message);
            }
        }
    }
}

/// The standard, unless it is none, or beyond what can be published: scoring it could take for ever.
fn compile(value: &Value, findings: &mut Findings) -> Option<Standard> {
    if !canonical(value).is_ok_and(|canonical| canonical.text.len() <= STANDARD_LIMIT_BYTES) {
        let message = format!("is larger than {STANDARD_LIMIT_BYTES} bytes, which no published standard is");
        findings.add("too_large", "/standard", message);
        return None;
    }
    let mut add = |problem: Problem, code| {
        let message = format!("{}: {}", problem.code.as_str(), problem.message);
        findings.add(code, &format!("/standard{}", problem.pointer), message);
    };
    match Standard::parse(value) {
        Ok(standard) => {
            let is_too_large =
                |problem: &Problem| matches!(problem.code, ProblemCode::TooMany | ProblemCode::DenominatorTooLarge);
            let beyond = publish::check(value, &standard).problems.into_iter().find(is_too_large);
            let fits = beyond.is_none();
            beyond.into_iter().for_each(|problem| add(problem, "too_large"));
            fits.then_some(standard)
        }
        Err(problems) => {
            problems.into_iter().for_each(|problem| add(problem, "bad_standard"));
            None
        }
    }
}
