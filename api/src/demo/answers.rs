//! Answers that an auditor might have given, from how good a branch truly is.

use peegel_scoring::{Mode, Outcome, Standard, score};
use serde_json::{Map, Value, json};

use crate::demo::random::Random;
use crate::demo::story::{Branch, Visit};
use crate::failure::Failure;

/// The longest time that can be heard in a recording of the story, in seconds: they are all a little longer.
const MOST_HEARD_S: i64 = 40;
/// Rounds of mending answers until the standard takes them.
const ROUNDS: usize = 8;

/// Answers by item id that the standard accepts.
///
/// # Errors
///
/// [`Failure`] when the story asks for what the standard does not allow.
pub fn answers(
    standard: &Standard,
    body: &Value,
    branch: &Branch,
    visit: &Visit,
    random: &mut Random,
) -> Result<Map<String, Value>, Failure> {
    let quality = branch.quality_by_wave.get(&visit.wave).copied().unwrap_or(branch.quality);
    let mut answers = Map::new();
    for item in body["items"].as_array().into_iter().flatten() {
        let id = item["id"].as_str().unwrap_or_default();
        let weak = branch.weak_items.iter().any(|weak| weak == id);
        let chance = if weak { quality * 0.35 } else { 1.0 - (1.0 - quality) * 0.8 };
        let mut good = random.chance((chance * 1_000_000.0) as u64);
        if item["critical"].is_object() {
            good = visit.critical_failure.as_deref() != Some(id);
        }
        if !good && item["evidence"] == "on_fail" && !proved(visit, id) {
            good = true;
        }
        if let Some(answer) = answer(item, id, good, visit, random) {
            answers.insert(id.to_owned(), answer);
        }
    }
    for _ in 0..ROUNDS {
        match score(standard, &with_evidence(&answers, visit), Mode::Submit) {
            Outcome::Scored(_) => return Ok(answers),
            Outcome::Refused(problems) => {
                for problem in problems {
                    let item = body["items"]
                        .as_array()
                        .and_then(|items| items.iter().find(|i| i["id"] == problem.item.as_str()));
                    let again = item.and_then(|item| answer(item, &problem.item, true, visit, random));
                    match (problem.code.as_str(), again) {
                        ("missing_required" | "evidence_missing", Some(good)) => {
                            answers.insert(problem.item, good);
                        }
                        _ => {
                            answers.remove(&problem.item);
                        }
                    }
                }
            }
        }
    }
    Err(Failure::internal(format!("no answers fit the standard of visit {}", visit.key)))
}

fn proved(visit: &Visit, item: &str) -> bool {
    visit.proofs.iter().any(|proof| proof.items.iter().any(|proved| proved == item))
}

fn with_evidence(answers: &Map<String, Value>, visit: &Visit) -> Map<String, Value> {
    let mut all = answers.clone();
    for (id, answer) in &mut all {
        if proved(visit, id) {
            answer["evidence"] = json!(1);
        }
        if let Some(answer) = answer.as_object_mut() {
            answer.remove("comment");
        }
    }
    all
}

/// One answer, well or badly done; none for texts with nothing to say.
fn answer(item: &Value, id: &str, good: bool, visit: &Visit, random: &mut Random) -> Option<Value> {
    if visit.na_items.iter().any(|na| na == id) && item["na_allowed"] == true {
        return Some(json!({"na": true}));
    }
    let v = match item["type"].as_str()? {
        "yes_no" => {
            let positive = item["positive"].as_bool().unwrap_or(true);
            json!(positive == good)
        }
        "choice" => {
            let options = item["options"].as_array()?;
            let most = options.iter().filter_map(|option| option["points"].as_i64()).max()?;
            let fitting: Vec<_> = options.iter().filter(|option| (option["points"] == most) == good).collect();
            fitting.get(random.below(fitting.len())).or(options.first().as_ref()).map(|option| option["id"].clone())?
        }
        "multi" => {
            let options = item["options"].as_array()?;
            let positive = options.iter().filter(|option| option["points"].as_i64() > Some(0));
            let named = if good { options.len() } else { 1 };
            json!(positive.take(named).map(|option| option["id"].clone()).collect::<Vec<_>>())
        }
        "rating" => {
            let (min, max) = (item["min"].as_i64()?, item["max"].as_i64()?);
            let step = i64::try_from(random.below(2)).unwrap_or(0);
            json!(if good { max - step } else { (min + step + 1).min(max) })
        }
        "nps" => json!(if good { 8 + random.below(3) } else { 3 + random.below(4) }),
        "numeric" => {
            let value = number(item, good, random);
            let is_heard = item["unit"] == "s" && item["evidence_kind"] == "recording" && proved(visit, id);
            json!(if is_heard { value.min(MOST_HEARD_S) } else { value })
        }
        "text" => json!(visit.texts.get(id)?),
        _ => return None,
    };
    Some(json!({"v": v}))
}

/// A measured value before the first knot of the scale, or beyond it. Scales of the standards fall with the value.
fn number(item: &Value, good: bool, random: &mut Random) -> i64 {
    let knots = item["steps"].as_array().or(item["bands"].as_array());
    let knot = |n: usize| knots.and_then(|knots| knots.get(n)).and_then(|knot| knot[0].as_i64());
    let first = knot(0).unwrap_or(30).max(1);
    let second = knot(1).unwrap_or(first * 2).max(first + 1);
    let within = |from: i64, to: i64, random: &mut Random| {
        from + i64::try_from(random.below(usize::try_from(to - from + 1).unwrap_or(1))).unwrap_or(0)
    };
    let value = if good { within(first / 3, first, random) } else { within(first + 1, second + second / 3, random) };
    value.max(item["min"].as_i64().unwrap_or(0)).min(item["max"].as_i64().unwrap_or(i64::MAX))
}
