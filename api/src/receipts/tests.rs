//! Receipts that are honest, damaged and forged.

use chrono::NaiveDate;
use ed25519_dalek::SigningKey;
use peegel_scoring::{ENGINE_VERSION, Mode, Outcome, Standard, score};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::canonical::canonical;
use crate::receipts::receipt::{FORMAT, Facts, issue};
use crate::receipts::types::Texts;
use crate::receipts::verify::{KeyUsed, Verdict, verify};
use crate::signing::key::{PublicKey, sign};

fn key() -> SigningKey {
    SigningKey::from_bytes(&[42; 32])
}

fn standard() -> Value {
    json!({
        "id": "door", "version": 3, "sections": [{"id": "s", "weight": 1}], "pass_bp": 5000,
        "items": [
            {"id": "greeted", "section": "s", "type": "yes_no", "weight": 3},
            {"id": "front", "section": "s", "type": "yes_no", "weight": 1, "evidence": "always"},
            {"id": "shelf", "section": "s", "type": "yes_no", "weight": 1, "evidence": "on_fail"},
            {"id": "story", "section": "s", "type": "text", "weight": 0, "required": false},
            {
                "id": "who", "section": "s", "type": "yes_no", "weight": 1, "required": false,
                "show_if": {"item": "story", "op": "answered"},
            },
        ],
    })
}

fn answers() -> Map<String, Value> {
    let answers = json!({
        "greeted": {"v": false, "comment": "Mari looked away \u{1F600} \"so\"."}, "front": {"v": true},
        "shelf": {"v": true}, "story": {"v": "Õhtul oli järjekord.\n"}, "who": {"v": true},
    });
    answers.as_object().unwrap().clone()
}

/// A score as the server stores it.
fn facts(answers: Map<String, Value>, files: &[&str], mode: Mode) -> Facts {
    let mut scored = answers.clone();
    // A null answer is none.
    scored.retain(|_, answer| answer.is_object());
    for (item, answer) in &mut scored {
        if let Some(answer) = answer.as_object_mut() {
            answer.remove("comment");
            if files.contains(&item.as_str()) {
                answer.insert("evidence".to_owned(), json!(2));
            }
        }
    }
    let Outcome::Scored(result) = score(&Standard::parse(&standard()).unwrap(), &scored, mode) else {
        panic!("the answers have no faults")
    };
    Facts {
        firm_id: Uuid::from_u128(1),
        visit_id: Uuid::from_u128(2),
        public_id: Uuid::from_u128(3),
        score_version: 1,
        revision: 1,
        standard: standard(),
        answers,
        purged: Vec::new(),
        result: serde_json::from_str(&canonical(&result).unwrap().text).unwrap(),
        engine_version: ENGINE_VERSION.to_owned(),
        scored_on: NaiveDate::from_ymd_opt(2026, 11, 22).unwrap(),
    }
}

fn receipt(texts: Texts) -> String {
    issue(&facts(answers(), &["front"], Mode::Submit), texts, &key()).unwrap()
}

fn codes(verdict: &Verdict) -> Vec<(&str, &str)> {
    assert_eq!(verdict.ok, verdict.problems.is_empty());
    verdict.problems.iter().map(|p| (p.code, p.pointer.as_deref().unwrap_or(""))).collect()
}

/// The receipt changed, with its hashes, and signed by another key.
fn forged(texts: Texts, change: impl FnOnce(&mut Value)) -> Verdict {
    let mut document: Value = serde_json::from_str(&receipt(texts)).unwrap();
    change(&mut document);
    document.as_object_mut().unwrap().remove("signature");
    for name in ["standard", "result", "answers"] {
        if document.get(name).is_some() && (name != "answers" || texts == Texts::Full) {
            document[format!("{name}_sha256")] = json!(canonical(&document[name]).unwrap().sha256);
        }
    }
    let forger = SigningKey::from_bytes(&[13; 32]);
    if document.get("public_key").is_some() {
        document["public_key"] = json!(PublicKey::of(&forger).to_text());
        document["key_id"] = json!(PublicKey::of(&forger).id());
    }
    document["signature"] = json!(sign(&forger, FORMAT, canonical(&document).unwrap().text.as_bytes()));
    let text = canonical(&document).unwrap().text;
    let with_key = verify(text.as_bytes(), Some(&[PublicKey::of(&key())]));
    if document.get("public_key").is_some() {
        assert!(codes(&with_key).contains(&("unknown_key", "/key_id")), "{with_key:?}");
    }
    verify(text.as_bytes(), None)
}

#[test]
fn an_honest_receipt_is_the_same() {
    for texts in [Texts::Full, Texts::Withheld] {
        let text = receipt(texts);
        assert_eq!(text, receipt(texts), "the same bytes each time");
        let verdict = verify(text.as_bytes(), None);
        assert_eq!(codes(&verdict), []);
        assert_eq!((verdict.key, verdict.score_version, verdict.score_bp), (KeyUsed::Embedded, Some(1), Some(5000)));
        assert!(verdict.notes[0].contains("identity was not checked"), "{verdict:?}");
        let keys = [PublicKey::of(&SigningKey::from_bytes(&[1; 32])), PublicKey::of(&key())];
        let verdict = verify(text.as_bytes(), Some(&keys));
        assert_eq!((codes(&verdict), verdict.key), (vec![], KeyUsed::Given));
        assert_eq!(codes(&verify(text.as_bytes(), Some(&keys[..1]))), [("unknown_key", "/key_id")]);
    }
}

#[test]
fn a_receipt_for_the_client_tells_no_more_than_it_must() {
    let (full, withheld) = (receipt(Texts::Full), receipt(Texts::Withheld));
    let (full, shown): (Value, Value) =
        (serde_json::from_str(&full).unwrap(), serde_json::from_str(&withheld).unwrap());
    assert_eq!(shown["withheld"], json!(["greeted", "story"]));
    assert_eq!(shown["answers"]["greeted"], json!({"v": false, "comment": ""}));
    assert_eq!(shown["answers"]["story"], json!({"v": ""}));
    for word in ["Mari", "Õhtul", full["visit_id"].as_str().unwrap()] {
        assert!(!withheld.contains(word), "{word}");
    }
    for name in ["result", "result_sha256", "standard_sha256", "proven", "public_id"] {
        assert_eq!(shown[name], full[name], "{name}");
    }
    assert_eq!(full["proven"], json!(["front"]));
    assert_eq!(full["answers_sha256"], canonical(&answers()).unwrap().sha256);
    let verdict = verify(withheld.as_bytes(), None);
    assert_eq!(verdict.visit, Some(Uuid::from_u128(3)));
    assert!(verdict.ok && verdict.notes[1].contains("withheld"), "{verdict:?}");
    // A hash of the whole answers would let the client try one text after the other.
    assert_eq!(shown["answers_sha256"], canonical(&shown["answers"]).unwrap().sha256);
}

#[test]
fn words_in_the_wrong_place_are_withheld_too() {
    let mut answers = answers();
    // What an item does not take, as in history under another version, and what stands beside N/A.
    answers["greeted"] = json!({"v": "Mari Maasikas"});
    answers["shelf"] = json!({"v": ["Mari Maasikas", "Mari Maasikas"]});
    answers["front"] = json!({"na": true, "v": "Mari Maasikas", "comment": ""});
    answers.insert("gone".to_owned(), json!({"v": "Mari Maasikas"}));
    let text = issue(&facts(answers, &["front"], Mode::Rescore), Texts::Withheld, &key()).unwrap();
    assert!(!text.contains("Mari"), "{text}");
    let shown: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(shown["withheld"], json!(["front", "gone", "greeted", "shelf", "story"]));
    assert_eq!(shown["answers"]["shelf"], json!({"v": ["", ""]}));
    let verdict = verify(text.as_bytes(), None);
    assert!(verdict.ok, "{verdict:?}");
}

#[test]
fn any_byte_changed_added_or_removed_fails() {
    let keys = [PublicKey::of(&key())];
    for texts in [Texts::Full, Texts::Withheld] {
        let bytes = receipt(texts).into_bytes();
        let fails = |changed: &[u8], what: &str, at: usize| {
            assert!(!verify(changed, Some(&keys)).ok, "{what} byte {at}");
        };
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1 << (at % 8);
            fails(&changed, "flipped", at);
            changed[at] = bytes[at].wrapping_add(1);
            fails(&changed, "counted up", at);
            changed.remove(at);
            fails(&changed, "removed", at);
            changed.insert(at, b' ');
            changed.insert(at, bytes[at]);
            fails(&changed, "space after", at);
        }
        let text = String::from_utf8(bytes).unwrap();
        let twice = text.replacen("\"mode\"", "\"mode\":\"submit\",\"mode\"", 1);
        let escaped = text.replacen("\"mode\"", "\"m\\u006fde\"", 1);
        let other_form = text.replacen("\"revision\":1", "\"revision\":1.0", 1);
        let others = [format!("{text}\n"), format!("\u{feff}{text}"), twice, escaped, other_form];
        for other in others {
            assert_ne!(other, text);
            fails(other.as_bytes(), "other form", 0);
        }
        for length in 0..text.len() {
            fails(&text.as_bytes()[..length], "cut at", length);
        }
    }
}

#[test]
fn a_forged_score_is_named_to_the_member() {
    let verdict = forged(Texts::Full, |document| {
        document["result"]["visit"]["score_bp"] = json!(9900);
        document["result"]["visit"]["passed"] = json!(null);
        document["result"]["items"][0]["extra"] = json!(1);
    });
    assert_eq!(
        codes(&verdict),
        [
            ("score_differs", "/result/items/0/extra"),
            ("score_differs", "/result/visit/passed"),
            ("score_differs", "/result/visit/score_bp"),
        ]
    );
    let found = serde_json::to_value(&verdict.problems).unwrap();
    assert_eq!((&found[2]["stored"], &found[2]["recomputed"]), (&json!(9900), &json!(5000)));
    assert_eq!((&found[1]["stored"], &found[1]["recomputed"]), (&Value::Null, &json!(true)));
    assert!(found[0].get("recomputed").is_none(), "{found}");
    assert_eq!(verdict.score_bp, Some(9900));

    let verdict = forged(Texts::Full, |document| document["answers"]["greeted"]["v"] = json!(true));
    assert!(codes(&verdict).contains(&("score_differs", "/result/visit/score_bp")), "{verdict:?}");
    let verdict = forged(Texts::Withheld, |document| document["standard"]["items"][0]["weight"] = json!(30));
    assert!(codes(&verdict).contains(&("score_differs", "/result/visit/score")), "{verdict:?}");
}

#[test]
fn every_member_is_needed_and_no_other_is_known() {
    let text = receipt(Texts::Full);
    let document: Value = serde_json::from_str(&text).unwrap();
    // The forger of these tests fills in what he signs with.
    let is_forged = |name: &str| matches!(name, "signature" | "key_id") || name.ends_with("_sha256");
    for name in document.as_object().unwrap().keys().filter(|name| !is_forged(name)) {
        let verdict = forged(Texts::Full, |document| {
            document.as_object_mut().unwrap().remove(name);
        });
        assert!(codes(&verdict).contains(&("missing", &format!("/{name}"))), "{name}: {verdict:?}");
    }
    for (name, wrong, code) in [
        ("format", json!("peegel.receipt/2"), "unknown_format"),
        ("firm_id", json!("alpha"), "bad_member"),
        ("score_version", json!(0), "bad_member"),
        ("mode", json!("mild"), "bad_member"),
        ("answers", json!([]), "bad_member"),
        ("proven", json!([1]), "bad_member"),
        ("withheld", json!(null), "missing"),
        ("withheld", json!(["nothing"]), "unknown_ref"),
        ("scored_on", json!("yesterday"), "bad_member"),
        ("engine_version", json!("99"), "unknown_engine"),
        ("colour", json!("red"), "unknown_field"),
    ] {
        let verdict = forged(Texts::Full, |document| document[name] = wrong.clone());
        assert!(codes(&verdict).contains(&(code, &format!("/{name}"))), "{name} {wrong}: {verdict:?}");
    }
    let verdict = forged(Texts::Full, |document| document["engine_version"] = json!("99"));
    assert_eq!(codes(&verdict), [("unknown_engine", "/engine_version")], "what can be checked still is");
    let verdict = forged(Texts::Full, |document| document["standard"]["items"][1]["section"] = json!("x"));
    assert_eq!(codes(&verdict), [("bad_standard", "/standard/items/1/section")]);
    let verdict = forged(Texts::Full, |document| document["proven"] = json!([]));
    assert_eq!(codes(&verdict), [("refused", "/answers/front")]);
}

#[test]
fn hashes_keys_and_signatures_are_each_checked() {
    let text = receipt(Texts::Full);
    let document: Value = serde_json::from_str(&text).unwrap();
    let changed = |name: &str, value: Value| {
        let mut document = document.clone();
        document[name] = value;
        verify(canonical(&document).unwrap().text.as_bytes(), None)
    };
    for name in ["standard", "answers", "result"] {
        let verdict = changed(&format!("{name}_sha256"), json!("0".repeat(64)));
        assert_eq!(codes(&verdict), [("hash_differs", &*format!("/{name}_sha256")), ("bad_signature", "/signature")]);
        assert_eq!(verdict.problems[0].recomputed, Some(document[format!("{name}_sha256")].clone()));
    }
    let other = PublicKey::of(&SigningKey::from_bytes(&[9; 32]));
    let verdict = changed("public_key", json!(other.to_text()));
    assert_eq!(codes(&verdict), [("key_id_differs", "/key_id"), ("bad_signature", "/signature")]);
    let padded = format!("{}=", document["public_key"].as_str().unwrap());
    assert_eq!(codes(&changed("public_key", json!(padded))), [("bad_key", "/public_key")]);
    assert_eq!(codes(&changed("public_key", json!("A".repeat(43)))), [("bad_key", "/public_key")]);
    assert_eq!(codes(&changed("signature", json!("A".repeat(86)))), [("bad_signature", "/signature")]);
    assert_eq!(codes(&changed("signature", json!("x"))), [("bad_signature", "/signature")]);
}

#[test]
fn history_that_was_scored_again_keeps_its_warnings() {
    let mut answers = answers();
    answers.insert("gone".to_owned(), json!({"v": "Mari again"}));
    answers.insert("nothing".to_owned(), json!(null));
    answers["shelf"]["v"] = json!(false);
    // No file for the front, one for the shelf.
    let facts = facts(answers, &["shelf"], Mode::Rescore);
    for texts in [Texts::Full, Texts::Withheld] {
        let text = issue(&facts, texts, &key()).unwrap();
        let document: Value = serde_json::from_str(&text).unwrap();
        assert_eq!((&document["mode"], &document["proven"]), (&json!("rescore"), &json!(["shelf"])));
        assert_eq!(texts == Texts::Full, text.contains("Mari"), "what the standard does not know may be a text");
        let problems = codes(&verify(text.as_bytes(), None)).len();
        assert_eq!(problems, 0, "{:?}", verify(text.as_bytes(), None));
    }
}

#[test]
fn hostile_files_come_to_an_end() {
    let nested = format!("{}{}", "[".repeat(1_000_000), "]".repeat(1_000_000));
    let members: String = (0..200_000).map(|n| format!("\"m{n:06}\":0,")).collect();
    let many = format!("{{{members}\"z\":0}}");
    let long = "9".repeat(1_000_000);
    for hostile in [&*nested, &many, &long, "", "null", "[]", "{}", "\u{0}", "1e400", "\"\\ud800\""] {
        let verdict = verify(hostile.as_bytes(), None);
        assert!(!verdict.ok && verdict.problems.len() <= 1001, "{} problems", verdict.problems.len());
    }
    let item = |n: usize| {
        json!({
            "id": format!("i{n}"), "section": "s", "type": "rating", "weight": 1, "min": 0, "max": 1_000_003 + 2 * n,
        })
    };
    for (items, place) in [(20_000, "/standard"), (5000, "/standard/items"), (400, "/standard/items/")] {
        let verdict = forged(Texts::Full, |document| {
            document["standard"]["items"] = (0..items).map(item).collect();
            document["answers"] = (0..items).map(|n| (format!("i{n}"), json!({"v": 1}))).collect();
        });
        let found = codes(&verdict);
        assert!(found.len() == 1 && found[0].0 == "too_large" && found[0].1.starts_with(place), "{found:?}");
    }
    let verdict = forged(Texts::Full, |document| document["result"] = json!(vec![0; 100_000]));
    assert!(!verdict.ok && verdict.problems.len() <= 1001);
}
