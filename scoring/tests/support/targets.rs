//! The bodies of the fuzz targets: what must hold for any bytes at all.
//!
//! Each panics when a promise of the crate is broken; bytes that are not what it reads are passed over. They are run by
//! the fuzzers in `scoring/fuzz` and, over seeded mutations of the fixtures, by `tests/fuzz.rs`.

use std::sync::OnceLock;

use peegel_scoring::stats::{self, StatErrorCode};
use peegel_scoring::{
    Fraction, ItemKind, MAX_DECIMAL_LENGTH, Mode, Problem, ProblemCode, Standard, publish, score_json,
};
use serde_json::{Map, Value, json};

#[path = "laws.rs"]
mod laws;
#[path = "mutate.rs"]
pub mod mutate;
#[path = "numbers.rs"]
pub mod numbers;

use numbers::Numbers;

/// A target by name.
pub type Target = (&'static str, fn(&[u8]));

/// Every target by the name of its fuzzer.
pub const TARGETS: [Target; 5] = [
    ("standard", standard),
    ("answers", answers),
    ("decimal", decimal),
    ("stats", stats),
    ("score_command", score_command),
];

const SCORING_CASES: &str = include_str!("../../../fixtures/scoring/scoring_cases.json");
const STATS_CASES: &str = include_str!("../../../fixtures/scoring/stats_cases.json");
const READY: [&str; 6] = [
    include_str!("../../../fixtures/standards/retail-visit.json"),
    include_str!("../../../fixtures/standards/mystery-call.json"),
    include_str!("../../../fixtures/standards/chat-email.json"),
    include_str!("../../../fixtures/standards/complaint-handling.json"),
    include_str!("../../../fixtures/standards/branch-environment.json"),
    include_str!("../../../fixtures/standards/competitor-comparison.json"),
];

/// Documents to begin with, made of the fixtures.
pub fn seeds(target: &str) -> Vec<Vec<u8>> {
    let cases: Vec<Value> = serde_json::from_str(SCORING_CASES).expect("the cases are JSON");
    let bytes = |json: &Value| json.to_string().into_bytes();
    match target {
        "standard" => {
            let ready = READY.iter().map(|text| bytes(&serde_json::from_str(text).expect("JSON")));
            cases.iter().map(|case| bytes(&case["standard"])).chain(ready).collect()
        }
        "answers" => {
            let of_cases =
                cases.iter().enumerate().map(|(n, case)| format!("{}\n{}", n + READY.len(), case["answers"]));
            let mut numbers = Numbers(1);
            let of_ready = (0..READY.len()).map(|n| format!("{n}\n{}", json!(answers_to(ready(n), &mut numbers))));
            of_cases.chain(of_ready).map(String::into_bytes).collect()
        }
        "decimal" => {
            let long = format!("{}.{}", "9".repeat(60), "1".repeat(39));
            let pairs = ["0\n1", "200.5\n-0.125", "-0.50\n007", "3.333333333\n60", "1e3\n.5", &long];
            let mut seeds: Vec<_> = pairs.iter().map(|pair| pair.as_bytes().to_vec()).collect();
            seeds.push(format!("170141183460469231731687303715884105727\n{long}").into_bytes());
            seeds
        }
        "stats" => {
            let cases: Vec<Value> = serde_json::from_str(STATS_CASES).expect("the cases are JSON");
            let line = |case: &Value| format!("{}\n{}", case["method"].as_str().unwrap_or("?"), case["input"]);
            cases.iter().map(|case| line(case).into_bytes()).collect()
        }
        _ => cases
            .iter()
            .map(|case| json!({"mode": case["mode"], "standard": case["standard"], "answers": case["answers"]}))
            .map(|case| bytes(&case))
            .collect(),
    }
}

/// A standard: its problems are in order and stand where they say; a valid one can be published or not, and scored.
pub fn standard(bytes: &[u8]) {
    let Ok(json) = serde_json::from_slice::<Value>(bytes) else { return };
    let standard = match Standard::parse(&json) {
        Ok(standard) => standard,
        Err(problems) => {
            assert!(!problems.is_empty(), "refused without a problem");
            return check_problems(&json, &problems);
        }
    };
    let report = publish::check(&json, &standard);
    check_problems(&json, &report.problems);
    check_problems(&json, &report.warnings);
    let mut numbers =
        Numbers(bytes.iter().fold(7, |hash, byte| hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3));
    let mut visits = vec![Map::new()];
    visits.extend((0..2).map(|_| answers_to(&standard, &mut numbers)));
    laws::check_visits(&standard, &visits);
}

/// Answers to one of the ready standards, chosen by the first line: scored in every way.
pub fn answers(bytes: &[u8]) {
    let (head, body) = mutate::split(bytes);
    let Ok(Value::Object(answers)) = serde_json::from_slice(body) else { return };
    let place = std::str::from_utf8(head).ok().and_then(|line| line.trim().parse().ok());
    laws::check_visits(ready(place.unwrap_or(head.len())), &[answers]);
}

/// Two decimals, a line each: read by the grammar, and reckoned with exactly.
pub fn decimal(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let mut lines = text.split('\n');
    let read = |line: Option<&str>| {
        let line = line.unwrap_or("");
        let found = Fraction::decimal(line);
        assert_eq!(found.is_some(), is_decimal(line), "{line:?}");
        found
    };
    let (first, second) = (text.split('\n').next().unwrap_or(""), read(text.split('\n').nth(1)));
    let Some(x) = read(lines.next()) else { return };
    check_number(first, &x);
    let Some(y) = second else { return };
    let (sum, product) = (&x + &y, &x * &y);
    assert_eq!((&sum - &y, &sum - &x), (x.clone(), y.clone()));
    assert_eq!(product.checked_div(&y), (!y.is_zero()).then(|| x.clone()));
    assert_eq!(&product - &(&x * &(&y - &Fraction::ONE)), x);
    assert_eq!(x.cmp(&y), (&x - &y).cmp(&Fraction::ZERO));
    assert_eq!(x.cmp(&y).reverse(), y.cmp(&x));
    assert_eq!(x == y, (&x - &y).is_zero());
    assert!((x.to_bp() <= y.to_bp()) || x > y, "rounding keeps the order");
}

fn is_decimal(text: &str) -> bool {
    let mut parts = text.strip_prefix('-').unwrap_or(text).split('.');
    let digits = |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_digit());
    let whole = parts.next().is_some_and(digits);
    whole && parts.next().is_none_or(digits) && parts.next().is_none() && text.len() <= MAX_DECIMAL_LENGTH
}

fn check_number(text: &str, x: &Fraction) {
    let opposite = text.strip_prefix('-').map_or_else(|| format!("-{text}"), str::to_owned);
    if opposite.len() <= MAX_DECIMAL_LENGTH {
        let opposite = Fraction::decimal(&opposite).expect("the sign changes nothing");
        assert!((x + &opposite).is_zero());
    }
    let longer = if text.contains('.') { format!("{text}0") } else { format!("{text}.0") };
    if longer.len() <= MAX_DECIMAL_LENGTH {
        assert_eq!(Fraction::decimal(&longer).as_ref(), Some(x), "a final zero changes nothing");
    }
    let near: f64 = text.parse().expect("a decimal is a number");
    assert!((x.to_f64() - near).abs() <= 1e-15 * near.abs(), "{} is not near {near}", x.to_f64());
    let bp = x.to_bp();
    if i64::MIN < bp && bp < i64::MAX {
        let above = &(x * &Fraction::whole(10_000)) - &Fraction::whole(bp);
        let half = Fraction::from_bp(5_000);
        assert!(above < half && above >= &Fraction::ZERO - &half, "half up: {x} gives {bp}");
    }
    check_fraction(&x.to_string());
}

// Lowest terms with a positive denominator, as it stands in JSON.
fn check_fraction(text: &str) {
    let (above, below) = text.split_once('/').expect("a fraction has a stroke");
    assert!(!below.starts_with(['-', '0']) && !above.starts_with("-0"), "{text}");
    if let (Some(a), Some(b)) = (Fraction::decimal(above), Fraction::decimal(below)) {
        assert_eq!(a.checked_div(&b).map(|x| x.to_string()).as_deref(), Some(text), "lowest terms");
    }
}

/// An input of the method named in the first line: a result with every number it promises, or an error with its reason.
pub fn stats(bytes: &[u8]) {
    let (head, body) = mutate::split(bytes);
    let name = std::str::from_utf8(head).unwrap_or("").trim();
    // Its result has a number for each pair of estimates: a long list is slow, and that is no fault.
    if name == "ranks" && body.len() > 4096 {
        return;
    }
    let printed = stats::answer(name, body);
    assert!(printed.output.is_object() && printed.exit_code <= 2);
    let Ok(input) = serde_json::from_slice::<Value>(body) else { return };
    let Some(result) = stats::stats_json(name, input) else { return };
    match result {
        Ok(output) => {
            check_numbers(name, "", &output);
            assert_eq!((printed.output, printed.exit_code), (output, 0));
        }
        Err(failure) => {
            assert!(!failure.message.is_empty());
            assert_eq!(failure.groups.is_empty(), failure.code != StatErrorCode::Disconnected);
            assert_eq!((printed.output, printed.exit_code), (json!({"error": failure}), 1));
        }
    }
}

/// Members that may be null, by method.
const NULLABLE: [(&str, &[&str]); 13] = [
    ("nps", &["difference"]),
    ("servqual", &["weighted"]),
    ("interval", &["s_pool", "mean", "method", "df", "sd", "lower", "upper", "own", "pooled"]),
    ("moderated-variance", &["d0"]),
    ("exact-bootstrap", &["z0", "a", "alpha", "bca"]),
    ("icc", &["ci"]),
    ("krippendorff", &["nominal", "ordinal", "interval", "ratio"]),
    ("d-study", &["g", "phi"]),
    ("shrink", &["msb", "msw", "n0", "s2_branch_raw"]),
    ("crossed", &["raw", "z", "q"]),
    ("ranks", &["p_above_target", "tier"]),
    ("uplift", &["fail_rate"]),
    ("flags", &["z"]),
];

// A number that is not one is written as null, so null may stand only where it means "there is none".
fn check_numbers(method: &str, member: &str, value: &Value) {
    match value {
        Value::Null => {
            let nullable = NULLABLE.iter().any(|(name, members)| *name == method && members.contains(&member));
            assert!(nullable, "{method}: {member} is null");
        }
        Value::Array(list) => {
            // In a list, null means what it means for the member, but for the two numbers of limits.
            let limits = list.len() == 2 && list.iter().any(Value::is_number);
            assert!(!limits || list.iter().all(|limit| !limit.is_null()), "{method}: {member} lacks a limit");
            list.iter().for_each(|value| check_numbers(method, member, value));
        }
        Value::Object(members) => members.iter().for_each(|(member, value)| check_numbers(method, member, value)),
        Value::Number(number) => {
            let within = |low: f64, high: f64| number.as_f64().is_some_and(|n| (low..=high).contains(&n));
            match member {
                "p" | "q" | "holm" | "by" | "p_better" | "p_above_target" | "reliability" | "fail_rate" => {
                    assert!(within(0.0, 1.0), "{method}: {member} = {number}");
                }
                "se" | "var" | "sd" | "s_pool" | "mad" | "pev" | "post_var" | "entropy_bits" => {
                    assert!(within(0.0, f64::MAX), "{method}: {member} = {number}");
                }
                _ => {}
            }
        }
        Value::Bool(_) | Value::String(_) => {}
    }
}

/// A case `{standard, answers, mode}`: what `peegel score` prints has its members, no more and no fewer.
pub fn score_command(bytes: &[u8]) {
    let Ok(case) = serde_json::from_slice::<Value>(bytes) else { return };
    let part = |name: &str| case.get(name).unwrap_or(&Value::Null);
    let mode = if part("mode") == "rescore" { Mode::Rescore } else { Mode::Submit };
    let (printed, exit_code) = score_json(part("standard"), part("answers"), mode);
    if exit_code == 0 {
        return check_printed(&printed, mode);
    }
    assert_eq!(printed["ok"], false);
    let list = ["errors", "standard_errors", "answers_errors"].into_iter().find(|list| printed.get(list).is_some());
    assert_eq!(exit_code, if list == Some("errors") { 1 } else { 2 });
    assert!(list.is_some_and(|list| printed[list].as_array().is_some_and(|list| !list.is_empty())), "{printed}");
}

fn check_printed(printed: &Value, mode: Mode) {
    let mut members = vec!["critical_failures", "dimensions", "items", "ok", "sections", "visit"];
    members.extend((mode == Mode::Rescore).then_some("warnings"));
    check_members(printed, &members);
    let visit = ["band", "capped", "insufficient", "passed", "raw", "score", "score_bp", "scored_share_bp"];
    check_members(&printed["visit"], &visit);
    let lists: [(&str, &[&str]); 4] = [
        ("critical_failures", &["cap_bp", "item", "scope"]),
        ("sections", &["capped", "earned", "id", "possible", "score", "score_bp", "scored_share_bp"]),
        ("dimensions", &["id", "possible", "score", "score_bp"]),
        ("items", &["id", "lost", "score", "status"]),
    ];
    let mut objects = vec![&printed["visit"]];
    for (list, members) in lists {
        for entry in printed[list].as_array().expect("a list") {
            check_members(entry, members);
            objects.push(entry);
        }
    }
    for member in ["raw", "score", "earned", "possible", "lost"] {
        objects.iter().filter_map(|object| object.get(member)?.as_str()).for_each(check_fraction);
    }
}

fn check_members(object: &Value, expected: &[&str]) {
    let mut members: Vec<_> = object.as_object().expect("an object").keys().map(String::as_str).collect();
    members.sort_unstable();
    assert_eq!(members, expected);
}

// Sorted, none twice, each at a member that is there, or absent from an object that is.
fn check_problems(json: &Value, problems: &[Problem]) {
    let keys: Vec<_> = problems.iter().map(|problem| (problem.pointer.as_str(), problem.code.as_str())).collect();
    assert!(keys.windows(2).all(|pair| pair[0] < pair[1]), "out of order: {keys:?}");
    for problem in problems {
        assert!(!problem.message.is_empty(), "{problem}");
        let missing = problem.code == ProblemCode::Missing;
        assert_eq!(missing, json.pointer(&problem.pointer).is_none(), "{problem}");
        if missing {
            let (parent, _) = problem.pointer.rsplit_once('/').expect("the root is not missing");
            assert!(json.pointer(parent).is_some_and(Value::is_object), "{problem}");
        }
    }
    // A message may quote what it is about, but a list of problems must not outgrow the document.
    let words: usize = problems.iter().map(|problem| problem.message.len()).sum();
    assert!(words <= 400 * problems.len() + json.to_string().len(), "{words} bytes of messages");
    let of_member = |problem: &&Problem| matches!(problem.code, ProblemCode::BadType | ProblemCode::OutOfRange);
    let members: Vec<_> = problems.iter().filter(of_member).map(|problem| problem.pointer.as_str()).collect();
    assert!(members.windows(2).all(|pair| pair[0] != pair[1]), "two problems of type or range: {members:?}");
}

// The ready standards, then those of the valid cases.
fn ready(place: usize) -> &'static Standard {
    static STANDARDS: OnceLock<Vec<Standard>> = OnceLock::new();
    let standards = STANDARDS.get_or_init(|| {
        let cases: Vec<Value> = serde_json::from_str(SCORING_CASES).expect("the cases are JSON");
        let ready = READY.iter().map(|text| serde_json::from_str(text).expect("JSON"));
        ready
            .chain(cases.into_iter().map(|mut case| case["standard"].take()))
            .map(|json| Standard::parse(&json).or_else(|_| Standard::parse(&greeting())).expect("a valid standard"))
            .collect()
    });
    &standards[place % standards.len()]
}

// Stands for the cases with an invalid standard.
fn greeting() -> Value {
    json!({"id": "greeting", "version": 1, "sections": [{"id": "door", "weight": 1}], "items": [
        {"id": "a", "section": "door", "type": "yes_no", "weight": 1},
        {"id": "b", "section": "door", "type": "numeric", "weight": 1, "bands": [["0.5", 0], [7, 10_000]]},
    ]})
}

/// Answers to a standard, most of them valid.
fn answers_to(standard: &Standard, numbers: &mut Numbers) -> Map<String, Value> {
    let mut answers = Map::new();
    for item in standard.items() {
        let answer = match numbers.below(10) {
            0 => continue,
            1 => json!({"na": true}),
            2 => mutate::odd(numbers),
            _ => json!({"v": value(&item.kind, numbers), "evidence": numbers.below(3)}),
        };
        answers.insert(item.id.clone(), answer);
    }
    answers
}

fn value(kind: &ItemKind, numbers: &mut Numbers) -> Value {
    let any = |low: i64, high: i64, n: u64| {
        let steps = i128::from(high) - i128::from(low) + 1;
        json!((i128::from(low) + i128::from(n) % steps) as i64)
    };
    let long = format!("{}.{}", numbers.below(400), "123456789".repeat(numbers.below(10)) + "5");
    match kind {
        ItemKind::YesNo { .. } => json!(numbers.below(2) == 0),
        ItemKind::Choice { options } => json!(numbers.pick(options.as_slice()).id),
        ItemKind::Multi { options, .. } => {
            let chosen = options.as_slice().iter().filter(|_| numbers.below(2) == 0);
            json!(chosen.map(|option| option.id.as_str()).collect::<Vec<_>>())
        }
        ItemKind::Rating { min, max, .. } => any(*min, *max, numbers.next()),
        ItemKind::Numeric { .. } => {
            let whole = json!(numbers.below(400));
            numbers.pick(&[whole, json!("60.5"), json!("-3.25"), json!(long)])
        }
        ItemKind::Nps { .. } => any(0, 10, numbers.next()),
        _ => json!("text"),
    }
}
