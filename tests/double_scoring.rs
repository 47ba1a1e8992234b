//! Double scoring: drawn when a visit is taken for review, done without knowing the first scoring, and compared with it.

use serde_json::{Value, json};

use crate::support::app::TestApp;
use crate::support::client::{Answer, Call};
use crate::support::world::{Person, World, filing, proofs};
use crate::support::{eventually, new_id, on_both, tiny};

on_both!(
    a_second_reviewer_scores_without_knowing_the_first,
    the_share_of_a_wave_is_drawn_once_and_for_all,
    what_is_filed_anew_is_scored_anew,
    of_fifty_at_once_one_wins,
    the_agreement_is_that_of_the_answers,
    what_second_scorers_wrote_goes_with_them,
);

/// A second reviewer, and a wave all of whose visits are scored twice.
async fn world(app: &TestApp) -> (World, Person) {
    let world = World::make(app).await;
    let second = world.person(app, "second", "reviewer", None).await;
    share(&world, 10_000).await;
    (world, second)
}

async fn share(world: &World, share_bp: i32) {
    let path = format!("/v1/waves/{}", world.wave);
    let wave = world.admin.client.patch(&path, &json!({"double_scoring_bp": share_bp})).ok().await;
    assert_eq!(wave["double_scoring_bp"], share_bp);
}

fn scoring(visit: &str, rest: &str) -> String {
    format!("/v1/visits/{visit}/second-scoring{rest}")
}

fn put(who: &Person, visit: &str, answers: &Value) -> Call {
    who.client.put(&scoring(visit, ""), &json!({"answers": answers}))
}

/// A visit that a reviewer has taken.
async fn taken(world: &World, answers: &Value) -> String {
    let visit = world.file(&world.assign_one().await, answers).await;
    world.review(&visit, &["review"]).await;
    visit
}

async fn a_second_reviewer_scores_without_knowing_the_first(app: &TestApp) {
    let (world, second) = world(app).await;
    let path = format!("/v1/waves/{}", world.wave);
    world.reviewer.client.patch(&path, &json!({"double_scoring_bp": 1})).problem(403, "not_allowed").await;
    let made_up = format!("/v1/waves/{}", new_id());
    world.admin.client.patch(&made_up, &json!({"double_scoring_bp": 1})).problem(404, "not_found").await;
    let bad = json!({"double_scoring_bp": 10_001, "name": "x"});
    let wrong = [("/double_scoring_bp", "out_of_range"), ("/name", "unknown_field")];
    world.admin.client.patch(&path, &bad).invalid(&wrong).await;
    let viewer = world.chain_viewer(app).await;
    let seen = viewer.client.get(&path).ok().await;
    assert!(seen.get("double_scoring_bp").is_none(), "no chain is told of it: {seen}");

    let mut answers = tiny::fair();
    answers["greet"]["comment"] = json!("He smiled at me.");
    answers["why"] = json!({"v": "We only have this one."});
    let visit = taken(&world, &answers).await;
    let list = |who: &Person| {
        let client = who.client.clone();
        async move { client.all("/v1/second-scorings", 50).await }
    };
    let mine = list(&second).await;
    assert_eq!((mine.len(), &mine[0]["visit_id"], &mine[0]["state"]), (1, &json!(visit), &json!("waiting")));
    assert_eq!((list(&world.reviewer).await.len(), list(&world.admin).await.len()), (0, 0));
    let told = eventually("the scorer is told", || async { second.client.all("/v1/notices", 50).await.pop() }).await;
    assert_eq!((&told["kind"], &told["about_id"]), (&json!("second_scoring_waiting"), &json!(visit)));

    // The scorer reads what there is to score by, and nothing that others made of it.
    let view = second.client.get(&scoring(&visit, "")).ok().await;
    let notes = json!([
        {"item_id": "greet", "comment": "He smiled at me."}, {"item_id": "why", "text": "We only have this one."},
    ]);
    let shown: Vec<_> = view["notes"].as_array().expect("notes").iter().map(without_nulls).collect();
    assert_eq!(json!(shown), notes);
    assert_eq!(view["files"].as_array().map(Vec::len), Some(2));
    assert!(view["answers"].is_null() && view["score_bp"].is_null());
    for rest in ["", "/scores", "/receipt", "/signals"] {
        second.client.get(&format!("/v1/visits/{visit}{rest}")).problem(403, "blind").await;
        world.reviewer.client.get(&format!("/v1/visits/{visit}{rest}")).send().await.expect(200);
    }
    let score_in_list = async |who: &Person| {
        let visits = who.client.all("/v1/visits", 50).await;
        visits.iter().find(|one| one["id"] == json!(visit)).expect("the visit")["score_bp"].clone()
    };
    assert_eq!((score_in_list(&second).await, score_in_list(&world.reviewer).await), (Value::Null, json!(7225)));
    // Who scores it second does not take it first.
    world.review(&visit, &["release"]).await;
    second.client.act(&format!("/v1/visits/{visit}/review")).problem(403, "blind").await;
    world.review(&visit, &["review"]).await;

    // Nobody else scores, or reads before both are done.
    for who in [&world.reviewer, &world.admin] {
        who.client.get(&scoring(&visit, "")).problem(403, "blind").await;
        put(who, &visit, &json!({"greet": {"v": true}})).problem(403, "not_the_scorer").await;
        who.client.act(&scoring(&visit, "/submit")).problem(403, "not_the_scorer").await;
    }
    for who in [&world.auditor, &viewer] {
        who.client.get(&scoring(&visit, "")).problem(403, "not_allowed").await;
    }
    let undrawn = world
        .publish_in(&world.add_wave("2026 summer", "regular", "2026-06-01", "2026-08-31").await, 1, &tiny::fair())
        .await;
    second.client.get(&scoring(&undrawn, "")).problem(404, "not_found").await;
    second.client.get(&scoring(&new_id(), "")).problem(404, "not_found").await;

    second.client.act(&scoring(&visit, "/submit")).problem(409, "illegal_state").await;
    second.client.put(&scoring(&visit, ""), &json!({})).invalid(&[("/answers", "missing")]).await;
    let bad = json!({
        "greet": {"v": "yes"}, "polite": {"v": 6}, "nothing": {"v": true}, "needs": {"v": "some", "moments": []},
        "offer": {"na": true},
    });
    let answer = put(&second, &visit, &bad).problem(422, "invalid").await;
    let mut found = answer.problems();
    found.sort();
    let mut wanted = crate::support::client::owned(&[
        ("/answers/greet/v", "bad_type"),
        ("/answers/polite/v", "out_of_range"),
        ("/answers/nothing", "unknown_item"),
        ("/answers/needs/v", "unknown_option"),
        ("/answers/needs/moments", "unknown_field"),
        ("/answers/offer", "na_not_allowed"),
    ]);
    wanted.sort();
    assert_eq!(found, wanted, "{}", answer.describe());
    put(&second, &visit, &json!({})).ok().await;
    second.client.act(&scoring(&visit, "/submit")).invalid(&[("/answers", "missing")]).await;
    let saved = put(&second, &visit, &tiny::perfect()).ok().await;
    assert_eq!((&saved["state"], &saved["answers"]), (&json!("scoring"), &tiny::perfect()));
    second.client.get(&format!("/v1/visits/{visit}")).problem(403, "blind").await;
    let done = second.client.act(&scoring(&visit, "/submit")).ok().await;
    assert_eq!((&done["state"], &done["score_bp"]), (&json!("submitted"), &json!(10_000)));
    let again = second.client.act(&scoring(&visit, "/submit")).problem(409, "illegal_state").await;
    assert!(again.detail().contains("is submitted"), "{}", again.detail());
    put(&second, &visit, &tiny::fair()).problem(409, "illegal_state").await;
    let reason = json!({"reason": "x"});
    second.client.post(&scoring(&visit, "/drop"), &reason).problem(409, "illegal_state").await;

    // Now everything opens for who scored second, and the second scoring for others once the visit is approved.
    second.client.get(&format!("/v1/visits/{visit}")).ok().await;
    assert_eq!(score_in_list(&second).await, 7225);
    world.reviewer.client.get(&scoring(&visit, "")).problem(403, "blind").await;
    world.review(&visit, &["approve"]).await;
    for who in [&world.reviewer, &world.admin] {
        assert_eq!(who.client.get(&scoring(&visit, "")).ok().await["score_bp"], 10_000);
    }
    assert_eq!(list(&second).await, Vec::<Value>::new());
    let view = world.admin.client.get(&format!("/v1/visits/{visit}/scores")).ok().await;
    assert_eq!(view["data"].as_array().map(Vec::len), Some(1), "the visit's own score stays as it is");
    let events = world.admin.client.all("/v1/events", 200).await;
    let kinds: Vec<_> = events
        .iter()
        .filter(|event| event["object"] == json!(format!("visit/{visit}")))
        .map(|event| event["kind"].as_str().expect("a kind").trim_start_matches("visit."))
        .collect();
    let wanted = ["submitted", "second_scoring_drawn", "review_started", "released", "review_started", "second_scored"];
    assert_eq!(kinds[..6], wanted);
}

fn without_nulls(value: &Value) -> Value {
    let members = value.as_object().expect("an object").iter().filter(|(_, value)| !value.is_null());
    Value::Object(members.map(|(name, value)| (name.clone(), value.clone())).collect())
}

async fn drawn(app: &TestApp) -> Vec<String> {
    let rows = app.query("SELECT CAST(state AS TEXT) AS state FROM second_scorings ORDER BY id").await;
    rows.iter().map(|row| row.try_get("", "state").expect("a state")).collect()
}

async fn the_share_of_a_wave_is_drawn_once_and_for_all(app: &TestApp) {
    let world = World::make(app).await;
    let second = world.person(app, "second", "reviewer", None).await;
    // No share, no second scoring; none either where nobody else reviews, or for a visit that could not be made.
    let first = taken(&world, &tiny::fair()).await;
    assert_eq!(drawn(app).await, Vec::<String>::new());
    share(&world, 5_000).await;
    // Taking it again asks again: the lot is the same each time.
    for _ in 0..3 {
        world.review(&first, &["release", "review"]).await;
    }
    let after_first = drawn(app).await.len();
    assert!(after_first <= 1);
    let mut visits = vec![first];
    for _ in 0..19 {
        visits.push(taken(&world, &tiny::fair()).await);
    }
    let half = drawn(app).await.len();
    assert!((3..=17).contains(&half), "{half} of 20, about half");
    // What was drawn at half is drawn at all, and what was not is drawn now.
    share(&world, 10_000).await;
    for visit in &visits {
        world.review(visit, &["release", "review"]).await;
    }
    assert_eq!(drawn(app).await.len(), 20);
    let waiting = second.client.all("/v1/second-scorings", 7).await;
    assert_eq!(waiting.len(), 20, "there is one other reviewer");

    // Dropped with a reason, by who scores or a firm admin, once.
    let path = scoring(&visits[0], "/drop");
    second.client.post(&path, &json!({"reason": " "})).invalid(&[("/reason", "empty")]).await;
    let reason = json!({"reason": "The photo is too dark."});
    world.reviewer.client.post(&path, &reason).problem(403, "not_the_scorer").await;
    let dropped = second.client.post(&path, &reason).ok().await;
    assert_eq!((&dropped["state"], &dropped["dropped_because"]), (&json!("dropped"), &reason["reason"]));
    let again = second.client.post(&path, &reason).problem(409, "illegal_state").await;
    assert!(again.detail().contains("Allowed now: nothing"), "{}", again.detail());
    put(&second, &visits[0], &json!({})).problem(409, "illegal_state").await;
    world.admin.client.post(&scoring(&visits[1], "/drop"), &reason).ok().await;
    world.review(&visits[0], &["release", "review"]).await;
    assert_eq!(drawn(app).await.iter().filter(|state| *state == "dropped").count(), 2, "it stays dropped");
    second.client.get(&format!("/v1/visits/{}", visits[0])).ok().await;

    // A visit that could not be made has nothing to score.
    let (visit, files) = (new_id(), proofs(&tiny::perfect()));
    let mut body = filing(&world.assign_one().await, "submitted", &json!({}), &[&files[0]]);
    body["outcome"] = json!("attempted");
    // What says why it could not be made is asked for in time.
    let path = format!("/v1/visits/{visit}");
    let filed = world.auditor.client.put(&path, &body).if_absent().send().await;
    if filed.status == 422 {
        body["attempted_because"] = json!("closed");
        let etag = filed.header("etag").to_owned();
        let again = world.auditor.client.put(&path, &body);
        let again = if etag.is_empty() { again.if_absent() } else { again.if_match(&etag) };
        assert!(again.send().await.status < 300);
    }
    files[0].upload(&world.auditor).await;
    world.processed(&visit).await;
    world.review(&visit, &["review"]).await;
    assert_eq!(drawn(app).await.len(), 20);
}

async fn what_is_filed_anew_is_scored_anew(app: &TestApp) {
    let (world, second) = world(app).await;
    let visit = taken(&world, &tiny::fair()).await;
    put(&second, &visit, &tiny::fair()).ok().await;
    second.client.act(&scoring(&visit, "/submit")).ok().await;
    world.review(&visit, &["return"]).await;
    // Of what is with its auditor nothing can be scored.
    let other = taken(&world, &tiny::fair()).await;
    put(&second, &other, &tiny::fair()).ok().await;
    world.review(&other, &["return"]).await;
    put(&second, &other, &tiny::fair()).problem(409, "illegal_state").await;
    second.client.act(&scoring(&other, "/submit")).problem(409, "illegal_state").await;
    let path = format!("/v1/visits/{visit}");
    let answer = world.auditor.client.get(&path).send().await;
    let view = answer.json();
    let manifest: Vec<Value> = view["files"].as_array().expect("files").iter().map(entry).collect();
    let body = json!({
        "assignment_id": view["assignment_id"], "state": "submitted", "answers": tiny::fair(), "evidence": manifest,
        "device": {"model": "again"},
    });
    world.auditor.client.put(&path, &body).if_match(&answer.etag()).ok().await;
    assert_eq!(second.client.get(&scoring(&visit, "")).ok().await["state"], "submitted");
    world.review(&visit, &["review"]).await;
    // Who has submitted may have read why it was returned: somebody else scores it, here the only one left.
    let view = world.admin.client.get(&scoring(&visit, "")).ok().await;
    assert_eq!((&view["state"], &view["answers"], &view["score_bp"]), (&json!("waiting"), &Value::Null, &Value::Null));
    world.admin.client.get(&path).problem(403, "blind").await;
    // What was scored of the visit as it was before is in no pair.
    world.review(&visit, &["approve"]).await;
    let agreement = world.admin.client.get("/v1/agreement?standard_id=tiny&version=1").ok().await;
    assert_eq!(agreement["pairs"], 0);
    put(&world.admin, &visit, &tiny::perfect()).ok().await;
    world.admin.client.act(&scoring(&visit, "/submit")).ok().await;
    let agreement = world.admin.client.get("/v1/agreement?standard_id=tiny&version=1").ok().await;
    assert_eq!(agreement["pairs"], 1);
}

fn entry(file: &Value) -> Value {
    let names = ["id", "item_ids", "kind", "file_name", "sha256", "bytes"];
    Value::Object(names.into_iter().map(|name| (name.to_owned(), file[name].clone())).collect())
}

/// Sends fifty at once: one succeeds, the others are told that it is done.
async fn one_of_fifty(call: impl Fn() -> Call) {
    let answers: Vec<Answer> = futures_util::future::join_all((0..50).map(|_| call().send())).await;
    let won = answers.iter().filter(|answer| answer.status == 200).count();
    assert_eq!(won, 1, "{}", answers[0].describe());
    for answer in answers.into_iter().filter(|answer| answer.status != 200) {
        let detail = answer.problem(409, "illegal_state").detail();
        assert!(detail.contains("Allowed now: "), "{detail}");
    }
}

async fn of_fifty_at_once_one_wins(app: &TestApp) {
    let (world, second) = world(app).await;
    let visit = world.file(&world.assign_one().await, &tiny::fair()).await;
    one_of_fifty(|| world.reviewer.client.act(&format!("/v1/visits/{visit}/review"))).await;
    assert_eq!(drawn(app).await, ["waiting"]);
    put(&second, &visit, &tiny::fair()).ok().await;
    one_of_fifty(|| second.client.act(&scoring(&visit, "/submit"))).await;
    let other = taken(&world, &tiny::fair()).await;
    let reason = json!({"reason": "Nothing to be seen."});
    one_of_fifty(|| second.client.post(&scoring(&other, "/drop"), &reason)).await;
    assert_eq!(drawn(app).await, ["submitted", "dropped"]);
    let events = world.admin.client.all("/v1/events", 200).await;
    for kind in ["visit.second_scored", "visit.second_scoring_dropped"] {
        assert_eq!(events.iter().filter(|event| event["kind"] == kind).count(), 1, "{kind}");
    }
}

/// Krippendorff's alpha of two raters by its definition: one minus the disagreement within pairs over that among all
/// values.
fn alpha(pairs: &[(f64, f64)], delta: impl Fn(&[f64], f64, f64) -> f64) -> f64 {
    let all: Vec<f64> = pairs.iter().flat_map(|(a, b)| [*a, *b]).collect();
    let n = all.len() as f64;
    let seen = 2.0 * pairs.iter().map(|(a, b)| delta(&all, *a, *b)).sum::<f64>() / n;
    let pairs_of_all: f64 = all.iter().map(|a| all.iter().map(|b| delta(&all, *a, *b)).sum::<f64>()).sum();
    1.0 - seen / (pairs_of_all / (n * (n - 1.0)))
}

fn nominal(_: &[f64], a: f64, b: f64) -> f64 {
    if a == b { 0.0 } else { 1.0 }
}

fn interval(_: &[f64], a: f64, b: f64) -> f64 {
    (a - b).powi(2)
}

/// By the values from one to the other, each end counted half.
fn ordinal(all: &[f64], a: f64, b: f64) -> f64 {
    let (low, high) = (a.min(b), a.max(b));
    let count = |of: &dyn Fn(f64) -> bool| all.iter().filter(|value| of(**value)).count() as f64;
    let between = count(&|value| value > low && value < high);
    let ends = if low == high { 0.0 } else { count(&|value| value == low || value == high) / 2.0 };
    (between + ends).powi(2)
}

/// ICC1 of two raters by its definition.
fn icc1(pairs: &[(f64, f64)]) -> f64 {
    let n = pairs.len() as f64;
    let mean = |(a, b): &(f64, f64)| f64::midpoint(*a, *b);
    let grand = pairs.iter().map(mean).sum::<f64>() / n;
    let between = 2.0 * pairs.iter().map(|pair| (mean(pair) - grand).powi(2)).sum::<f64>() / (n - 1.0);
    let within = pairs.iter().map(|(a, b)| (a - b).powi(2) / 2.0).sum::<f64>() / n;
    (between - within) / (between + within)
}

#[track_caller]
fn assert_near(told: &Value, computed: f64, what: &str) {
    let told = told.as_f64().unwrap_or_else(|| panic!("{what}: {told}"));
    assert!((told - computed).abs() < 0.00006, "{what}: {told}, by hand {computed}");
}

async fn the_agreement_is_that_of_the_answers(app: &TestApp) {
    let (world, second) = world(app).await;
    let path = "/v1/agreement?standard_id=tiny&version=1";
    let none = world.reviewer.client.get(path).ok().await;
    assert_eq!(
        (&none["pairs"], &none["visit"]["alpha"], &none["visit"]["icc1"]),
        (&json!(0), &Value::Null, &Value::Null)
    );
    world.auditor.client.get(path).problem(403, "not_allowed").await;
    world.admin.client.get("/v1/agreement?standard_id=tiny&version=9").problem(404, "not_found").await;
    world.admin.client.get("/v1/agreement?standard_id=tiny").send().await.expect(400);
    // Greeted, politeness and needs of the first and the second scoring of six visits. The rest is as in `perfect`.
    let scored: [(bool, i64, &str, bool, i64, &str); 6] = [
        (true, 5, "full", true, 5, "full"),
        (true, 4, "part", true, 3, "part"),
        (false, 2, "none", true, 2, "part"),
        (false, 1, "none", false, 1, "none"),
        (true, 3, "part", true, 5, "full"),
        (true, 5, "full", true, 4, "full"),
    ];
    let answers = |greet: bool, polite: i64, needs: &str| {
        let mut answers = tiny::perfect();
        (answers["greet"]["v"], answers["polite"]["v"], answers["needs"]["v"]) =
            (json!(greet), json!(polite), json!(needs));
        answers
    };
    let points =
        |needs: &str| ["none", "part", "full"].iter().position(|option| *option == needs).expect("an option") as f64;
    // Of sale, needs weighs 2 of 5; of contact, greeting 3 and politeness 1 of 8.
    let score = |greet: bool, polite: i64, needs: &str| {
        let contact = (f64::from(u8::from(greet)) * 3.0 + (polite - 1) as f64 / 4.0 + 4.0) / 8.0;
        let sale = (points(needs) + 3.0) / 5.0;
        (10_000.0 * (0.6 * contact + 0.4 * sale) + 0.5).floor()
    };
    for (greet, polite, needs, second_greet, second_polite, second_needs) in scored {
        let visit = taken(&world, &answers(greet, polite, needs)).await;
        put(&second, &visit, &answers(second_greet, second_polite, second_needs)).ok().await;
        second.client.act(&scoring(&visit, "/submit")).ok().await;
        world.review(&visit, &["approve", "publish"]).await;
        // What comes after both are done is not what the first reviewer thought.
        world.review(&visit, &["unpublish"]).await;
    }
    // One that only the second has judged is no pair.
    let half = taken(&world, &tiny::perfect()).await;
    put(&second, &half, &tiny::perfect()).ok().await;
    second.client.act(&scoring(&half, "/submit")).ok().await;

    let told = world.reviewer.client.get(path).ok().await;
    assert_eq!((&told["standard_id"], &told["version"], &told["pairs"]), (&json!("tiny"), &json!(1), &json!(6)));
    let items = told["items"].as_array().expect("items");
    let ids: Vec<_> = items.iter().map(|item| item["item_id"].as_str().expect("an id")).collect();
    assert_eq!(ids, ["greet", "polite", "queue", "front", "needs", "offer", "honest"], "texts are not compared");
    let of = |id: &str| items[ids.iter().position(|known| *known == id).expect("the item")]["figures"].clone();

    let greet: Vec<_> = scored.iter().map(|s| (f64::from(u8::from(s.0)), f64::from(u8::from(s.3)))).collect();
    let figures = of("greet");
    assert_eq!((&figures["level"], &figures["n"], &figures["scored"]), (&json!("nominal"), &json!(6), &json!(6)));
    assert_near(&figures["equal"], 5.0 / 6.0, "greet, equal");
    assert_near(&figures["alpha"], alpha(&greet, nominal), "greet, alpha");
    assert_near(&figures["icc1"], icc1(&greet), "greet, icc1");
    // By hand: 12 values, 3 of them no; one pair of six differs.
    assert_near(&figures["alpha"], 1.0 - (2.0 / 12.0) / (2.0 * 3.0 * 9.0 / 132.0), "greet, alpha by hand");

    let polite: Vec<_> = scored.iter().map(|s| (s.1 as f64, s.4 as f64)).collect();
    let figures = of("polite");
    assert_eq!(figures["level"], "ordinal");
    assert_near(&figures["equal"], 0.5, "polite, equal");
    assert_near(&figures["alpha"], alpha(&polite, ordinal), "polite, alpha");
    assert_near(&figures["icc1"], icc1(&polite), "polite, icc1");
    assert!(figures["icc1_lower"].as_f64() < figures["icc1"].as_f64());
    assert!(figures["icc1_upper"].as_f64() > figures["icc1"].as_f64());

    let needs: Vec<_> = scored.iter().map(|s| (points(s.2) / 2.0, points(s.5) / 2.0)).collect();
    let figures = of("needs");
    assert_eq!(figures["level"], "nominal");
    assert_near(&figures["alpha"], alpha(&needs, nominal), "needs, alpha");
    assert_near(&figures["icc1"], icc1(&needs), "needs, icc1");
    // All alike: they agree, and nothing can be told.
    let figures = of("honest");
    assert_eq!((&figures["equal"], &figures["alpha"], &figures["icc1"]), (&json!(1.0), &Value::Null, &Value::Null));

    let whole: Vec<_> = scored.iter().map(|s| (score(s.0, s.1, s.2), score(s.3, s.4, s.5))).collect();
    assert_eq!((&told["visit"]["level"], &told["visit"]["n"]), (&json!("interval"), &json!(6)));
    assert_near(&told["visit"]["alpha"], alpha(&whole, interval), "visit, alpha");
    assert_near(&told["visit"]["icc1"], icc1(&whole), "visit, icc1");
}

async fn what_second_scorers_wrote_goes_with_them(app: &TestApp) {
    let (world, second) = world(app).await;
    let visit = taken(&world, &tiny::fair()).await;
    let mut answers = tiny::fair();
    answers["greet"]["comment"] = json!("Mari at the till was kind.");
    put(&second, &visit, &answers).ok().await;
    second.client.act(&scoring(&visit, "/submit")).ok().await;
    let held = second.client.get("/v1/me/data").ok().await;
    assert!(held["firms"][0]["second_scorings"].to_string().contains("Mari at the till"), "{held}");
    let erase = json!({"email": second.email, "reason": "left"});
    world.admin.client.post(&format!("/v1/users/{}/erase", second.id), &erase).created().await;
    let kept = eventually("their words are gone", || async {
        let rows = app.query("SELECT answers FROM second_scorings").await;
        let kept: String = rows[0].try_get("", "answers").expect("answers");
        (!kept.contains("Mari")).then_some(kept)
    })
    .await;
    let kept: Value = serde_json::from_str(&kept).expect("JSON");
    assert_eq!((&kept["greet"]["v"], &kept["needs"]["v"]), (&json!(true), &json!("part")), "what they answered stays");
}
