//! A month of a firm's work, from the assignments to the second publication, with every number computed beside the
//! server: 40 branches, 120 visits, one that could not be made, two that came late, returns, corrections, second
//! scorings and appeals.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::support::app::TestApp;
use crate::support::chain::{checked_events, count};
use crate::support::world::{File, Person, World, filing, ids_of, proofs};
use crate::support::{Dice, eventually, new_id, on_both, tiny};

on_both!(a_month_adds_up);

const BRANCHES: usize = 40;
const VISITS: usize = 120;

/// A visit, as the test knows it.
struct Filed {
    id: String,
    branch: usize,
    assignment: String,
    etag: String,
    files: Vec<File>,
    /// What counts in the end.
    answers: Value,
    fate: Fate,
}

/// What becomes of a visit on the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Smooth,
    Attempted,
    Late,
    Returned,
    Corrected,
    Excluded,
    CorrectedAfterwards,
}

fn fate(n: usize) -> Fate {
    match n {
        7 => Fate::Attempted,
        13 | 14 => Fate::Late,
        20..26 => Fate::Returned,
        30..34 => Fate::Corrected,
        40 => Fate::Excluded,
        50 => Fate::CorrectedAfterwards,
        _ => Fate::Smooth,
    }
}

/// Answers that differ from visit to visit.
fn answers(dice: &mut Dice) -> Value {
    let mut answers = tiny::perfect();
    answers["greet"] = json!({"v": dice.below(5) > 0});
    answers["polite"] = json!({"v": 1 + dice.below(5)});
    answers["queue"] = match dice.below(3) {
        0 => json!({"na": true}),
        n => json!({"v": n == 1}),
    };
    let needs = ["full", "part", "none"][dice.below(3)];
    answers["needs"] = json!({"v": needs});
    if dice.below(3) == 0 {
        answers["offer"] = json!({"v": false});
    }
    if dice.below(12) == 0 {
        answers["honest"] = json!({"v": false});
    }
    answers
}

/// The score of answers in basis points, from the standard's text alone: contact and sale weigh 60 and 40, a dishonest
/// visit gets 4000 at most.
fn score_bp(answers: &Value) -> i64 {
    let met = |item: &str| i64::from(answers[item]["v"] == true);
    let is_asked = answers["queue"]["na"] != true;
    let contact = 12 * met("greet") + (answers["polite"]["v"].as_i64().expect("a rating") - 1) + 16 * met("queue");
    let contact_full = if is_asked { 32 } else { 16 };
    let needs = match answers["needs"]["v"].as_str() {
        Some("full") => 2,
        Some("part") => 1,
        _ => 0,
    };
    let sale = needs + 2 * met("offer") + met("honest");
    // (6/10 x contact/contact_full + 4/10 x sale/5) x 10000, half up
    let (above, below) = (30 * contact + 4 * sale * contact_full, 50 * contact_full);
    let bp = (2 * 10_000 * above + below) / (2 * below);
    if met("honest") == 1 { bp } else { bp.min(4000) }
}

async fn a_month_adds_up(app: &TestApp) {
    let world = World::make(app).await;
    let second = world.person(app, "second", "reviewer", None).await;
    let viewer = world.chain_viewer(app).await;
    let branches = branches(&world).await;
    let wave = world.add_wave("2026 November", "regular", "2026-11-01", "2026-11-30").await;
    let share = json!({"double_scoring_bp": 2500});
    world.admin.client.patch(&format!("/v1/waves/{wave}"), &share).ok().await;

    let mut visits = file_all(&world, &wave, &branches).await;
    let scored_twice = review_all(&world, &second, &mut visits).await;
    assert!(scored_twice > 0, "a quarter of 120 visits is scored twice");
    publish_all(&world, &wave, &visits).await;
    check_scores(app, &world, &wave, &branches, &visits).await;

    // Published, and still wrong: a correction moves the totals at once.
    let late = visits.iter_mut().find(|visit| visit.fate == Fate::CorrectedAfterwards).expect("one");
    let other = if late.answers["polite"]["v"] == 5 { 4 } else { 5 };
    correct(&world.reviewer, late, "polite", &json!({"v": other})).await;
    check_scores(app, &world, &wave, &branches, &visits).await;

    appeal_three(&world, &viewer, &second, &mut visits, &wave).await;
    check_scores(app, &world, &wave, &branches, &visits).await;

    // Two go back for a day.
    let away: Vec<_> = visits.iter().filter(|visit| visit.fate == Fate::Returned).take(2).collect();
    for visit in &away {
        world.review(&visit.id, &["unpublish"]).await;
    }
    let without: Vec<_> = visits.iter().filter(|visit| away.iter().all(|away| away.id != visit.id)).collect();
    let card = world.admin.client.get(&format!("/v1/chains/{}/scorecard?wave={wave}", world.chain)).ok().await;
    assert_eq!(card["overall"]["visits"], without.iter().filter(|visit| is_counted(visit)).count());
    for visit in &away {
        world.review(&visit.id, &["publish"]).await;
    }
    check_scores(app, &world, &wave, &branches, &visits).await;

    // Nothing is open, so the wave closes without a word.
    let checklist = world.admin.client.get(&format!("/v1/waves/{wave}/checklist")).ok().await;
    assert_eq!(checklist["points"], json!([]), "{checklist}");
    world.admin.client.act(&format!("/v1/waves/{wave}/close")).ok().await;

    // The totals are what they would be if made anew, and the history tells all of it.
    let before = totals(app).await;
    app.peegel(&["scorecards", "rebuild"]).await.expect(0);
    assert_eq!(totals(app).await, before);
    check_story(app, &world, &visits).await;
}

/// Adds branches to the three of the world.
async fn branches(world: &World) -> Vec<String> {
    let branch = |n: usize| {
        json!({
            "code": format!("M{n}"), "name": format!("Kuupood {n}"), "address": format!("Kuu {n}, Tartu"),
            "region": if n.is_multiple_of(2) { "north" } else { "south" }, "time_zone": "Europe/Tallinn",
        })
    };
    let body = json!({"chain_id": world.chain, "branches": (0..BRANCHES).map(branch).collect::<Vec<_>>()});
    ids_of(&world.admin.client.post("/v1/branches", &body).created().await)
}

async fn file_all(world: &World, wave: &str, branches: &[String]) -> Vec<Filed> {
    let assignment = |n: usize| {
        let mut assignment = world.assignment(0, Some(&world.auditor));
        assignment["branch_id"] = json!(branches[n % BRANCHES]);
        if fate(n) == Fate::Late {
            assignment["window_end"] = json!("2020-01-02T08:00:00Z");
        }
        assignment
    };
    let assignments = world.assign_in(wave, (0..VISITS).map(assignment).collect()).await;
    assert_eq!(assignments.len(), VISITS);
    let mut dice = Dice(2026);
    let mut visits = Vec::new();
    for (n, assignment) in assignments.into_iter().enumerate() {
        let (id, answers) = (new_id(), answers(&mut dice));
        let files = if fate(n) == Fate::Attempted { vec![File::front()] } else { proofs(&answers) };
        let mut body = filing(&assignment, "submitted", &answers, &files.iter().collect::<Vec<_>>());
        if fate(n) == Fate::Attempted {
            body["answers"] = json!({});
            body["outcome"] = json!("attempted");
            body["attempted_because"] = json!("closed");
        }
        let filed = world.auditor.client.put(&format!("/v1/visits/{id}"), &body).if_absent().send().await.expect(201);
        for file in &files {
            file.upload(&world.auditor).await;
        }
        let etag = filed.etag();
        visits.push(Filed { id, branch: n % BRANCHES, assignment, etag, files, answers, fate: fate(n) });
    }
    for visit in &visits {
        world.processed(&visit.id).await;
    }
    visits
}

/// Reviews every visit as its fate wants it, and gives how many were scored a second time.
async fn review_all(world: &World, second: &Person, visits: &mut [Filed]) -> usize {
    let mut scored_twice = 0;
    for visit in visits.iter_mut() {
        let path = format!("/v1/visits/{}", visit.id);
        world.reviewer.client.act(&format!("{path}/review")).ok().await;
        match visit.fate {
            Fate::Returned => return_it(world, visit).await,
            Fate::Corrected => {
                let other = json!({"v": visit.answers["greet"]["v"] == false});
                correct(&world.reviewer, visit, "greet", &other).await;
            }
            Fate::Excluded => {
                let body = json!({"reason": "Pood oli ümberehituses.", "payable": true});
                world.reviewer.client.post(&format!("{path}/exclude"), &body).ok().await;
            }
            _ => {}
        }
        let second_path = format!("{path}/second-scoring");
        let asked = second.client.get(&second_path).send().await;
        if asked.status == 200 {
            // The second reviewer sees what the auditor filed, and answers with a will of their own.
            let answers = json!({"answers": visit.answers});
            second.client.put(&second_path, &answers).ok().await;
            second.client.act(&format!("{second_path}/submit")).ok().await;
            scored_twice += 1;
        }
        let approve = match visit.fate {
            Fate::Late => json!({"quarantine_cleared_because": "Telefonil polnud levi."}),
            _ => json!({}),
        };
        if visit.fate == Fate::Late {
            let refused = world.reviewer.client.post(&format!("{path}/approve"), &json!({}));
            refused.problem(409, "quarantined").await;
        }
        world.reviewer.client.post(&format!("{path}/approve"), &approve).ok().await;
    }
    scored_twice
}

/// Returns a visit over one item; the auditor answers it anew, and it is taken again.
async fn return_it(world: &World, visit: &mut Filed) {
    let path = format!("/v1/visits/{}", visit.id);
    let body = json!({
        "items": [{"item_id": "polite", "reason": "Kommentaar ütleb muud."}], "due_at": "2099-01-01T00:00:00Z",
    });
    world.reviewer.client.post(&format!("{path}/return"), &body).ok().await;
    let other = if visit.answers["polite"]["v"] == 3 { 2 } else { 3 };
    visit.answers["polite"] = json!({"v": other});
    let files: Vec<_> = visit.files.iter().collect();
    let body = filing(&visit.assignment, "submitted", &visit.answers, &files);
    let filed = world.auditor.client.put(&path, &body).if_match(&visit.etag).send().await.expect(200);
    assert_eq!(filed.json()["state"], "resubmitted");
    visit.etag = filed.etag();
    world.reviewer.client.act(&format!("{path}/review")).ok().await;
}

/// Corrects one answer, with its reason.
async fn correct(reviewer: &Person, visit: &mut Filed, item: &str, answer: &Value) {
    let path = format!("/v1/visits/{}", visit.id);
    let revision = reviewer.client.get(&path).ok().await["revision"].clone();
    let change = json!({"item_id": item, "answer": answer, "reason": "Salvestus ütleb muud."});
    let body = json!({"base_revision": revision, "changes": [change]});
    reviewer.client.post(&format!("{path}/correct"), &body).ok().await;
    visit.answers[item] = answer.clone();
}

async fn publish_all(world: &World, wave: &str, visits: &[Filed]) {
    let preview = world.admin.client.all(&format!("/v1/waves/{wave}/preview"), 50).await;
    let shown = visits.iter().filter(|visit| visit.fate != Fate::Excluded).count();
    assert_eq!(preview.len(), shown, "everything that would be published is shown before");
    let answer = world.reviewer.client.post(&format!("/v1/waves/{wave}/publish"), &json!({})).ok().await;
    assert_eq!(answer["published"].as_array().map(Vec::len), Some(shown), "{answer}");
    // What was shown is what the chain reads.
    let results = world.admin.client.all(&format!("/v1/results?wave_id={wave}"), 50).await;
    assert_eq!(results.len(), shown);
    let previewed = |preview: &Value| preview["result"]["score"]["score_bp"].clone();
    let mut before: Vec<_> = preview.iter().map(previewed).map(|bp| bp.to_string()).collect();
    let mut after: Vec<_> = results.iter().map(|result| result["score"]["score_bp"].to_string()).collect();
    before.sort_unstable();
    after.sort_unstable();
    assert_eq!(after, before);
    assert!(after.iter().filter(|bp| *bp != "null").count() > VISITS / 2, "scores are compared");
}

/// Three appeals: one upheld, one declined, one withdrawn.
async fn appeal_three(world: &World, viewer: &Person, second: &Person, visits: &mut [Filed], wave: &str) {
    let mut appeals = Vec::new();
    for result in viewer.client.all(&format!("/v1/results?wave_id={wave}"), 50).await {
        let path = format!("/v1/results/{}", result["result_id"].as_str().expect("an id"));
        let whole = viewer.client.get(&path).ok().await;
        let found = |item: &str| {
            let items = whole["items"].as_array().expect("items");
            items.iter().find(|found| found["id"] == item).map(|found| found["value"].clone())
        };
        if found("greet") == Some(json!(false)) && found("honest") == Some(json!(true)) {
            let body = json!({"items": [{"item_id": "greet", "reason": "Kaamera näitab tervitust."}]});
            let made = viewer.client.post(&format!("{path}/appeals"), &body).created().await;
            appeals.push((ids_of(&made).remove(0), path));
        }
        if appeals.len() == 3 {
            break;
        }
    }
    assert_eq!(appeals.len(), 3, "three visits without a greeting");
    let upheld = format!("/v1/appeals/{}", appeals[0].0);
    let visit = second.client.get(&upheld).ok().await["visit_id"].as_str().expect("a visit").to_owned();
    let receipt = second.client.get(&format!("/v1/visits/{visit}/receipt")).ok().await;
    let first_version = receipt["score_version"].clone();
    let body = json!({"answer": {"v": true}, "reason": "Kaamera näitab seda tõesti."});
    world.reviewer.client.post(&format!("{upheld}/uphold"), &body).problem(403, "first_reviewer").await;
    second.client.post(&format!("{upheld}/uphold"), &body).ok().await;
    let known = visits.iter_mut().find(|known| known.id == visit).expect("the one");
    known.answers["greet"] = json!({"v": true});
    let scores = world.admin.client.get(&format!("/v1/visits/{visit}/scores")).ok().await;
    let last = scores["data"].as_array().and_then(|scores| scores.last()).expect("scores");
    assert_eq!((&last["revision_kind"], &last["score_bp"]), (&json!("appeal"), &json!(score_bp(&known.answers))));
    // The score before is read, and its receipt got, as ever.
    let again = format!("/v1/visits/{visit}/receipt?version={}", first_version.as_i64().expect("a version"));
    assert_eq!(second.client.get(&again).ok().await["result"], receipt["result"]);
    let reason = json!({"reason": "Kaamera ei näita ust."});
    second.client.post(&format!("/v1/appeals/{}/decline", appeals[1].0), &reason).ok().await;
    viewer.client.act(&format!("/v1/appeals/{}/withdraw", appeals[2].0)).ok().await;
    for ((appeal, path), state) in appeals.iter().zip(["upheld", "declined", "withdrawn"]) {
        let refused = second.client.post(&format!("/v1/appeals/{appeal}/decline"), &reason);
        let detail = refused.problem(409, "illegal_state").await.detail();
        assert!(detail.contains("Allowed now: nothing"), "{detail}");
        let told = viewer.client.get(path).ok().await["appeals"].clone();
        assert_eq!((&told[0]["item_id"], &told[0]["state"]), (&json!("greet"), &json!(state)));
    }
}

/// Whether a visit has a score that counts.
fn is_counted(visit: &Filed) -> bool {
    !matches!(visit.fate, Fate::Attempted | Fate::Excluded)
}

/// Compares every score, the totals of every branch and the chain's mean with what the answers give.
async fn check_scores(app: &TestApp, world: &World, wave: &str, branches: &[String], visits: &[Filed]) {
    let mut sums = BTreeMap::<&str, (i64, i64)>::new();
    for visit in visits.iter().filter(|visit| is_counted(visit)) {
        let sum = sums.entry(&branches[visit.branch]).or_default();
        *sum = (sum.0 + 1, sum.1 + score_bp(&visit.answers));
    }
    let rows = app.query("SELECT branch_id, n, sum FROM totals WHERE metric = 'visit' AND n > 0").await;
    let stored: BTreeMap<String, (i64, i64)> = rows
        .iter()
        .map(|row| {
            let branch: uuid::Uuid = row.try_get("", "branch_id").expect("a branch");
            (branch.to_string(), (row.try_get("", "n").expect("n"), row.try_get("", "sum").expect("sum")))
        })
        .collect();
    let wanted: BTreeMap<String, (i64, i64)> = sums.iter().map(|(branch, sum)| ((*branch).to_owned(), *sum)).collect();
    assert_eq!(stored, wanted);
    let (n, sum) = sums.values().fold((0, 0), |(n, sum), one| (n + one.0, sum + one.1));
    let card = world.admin.client.get(&format!("/v1/chains/{}/scorecard?wave={wave}", world.chain)).ok().await;
    let overall = &card["overall"];
    assert_eq!((&overall["visits"], &overall["mean_bp"]), (&json!(n), &json!((2 * sum + n) / (2 * n))));
    assert_eq!(overall["attempted"], 1);
}

/// All totals, as text.
async fn totals(app: &TestApp) -> Vec<String> {
    let text = "CAST(branch_id AS TEXT)";
    let text = if app.kind() == crate::support::app::Kind::Sqlite { "hex(branch_id)" } else { text };
    let columns = format!("{text} AS branch, metric, n, sum, sum_squares");
    let rows = app.query(&format!("SELECT {columns} FROM totals WHERE n <> 0 ORDER BY 1, 2")).await;
    rows.iter()
        .map(|row| {
            let number = |column: &str| row.try_get::<i64>("", column).expect("a number");
            let name = |column: &str| row.try_get::<String>("", column).expect("a text");
            format!("{} {} {} {} {}", name("branch"), name("metric"), number("n"), number("sum"), number("sum_squares"))
        })
        .collect()
}

/// The history is whole, and tells each visit's story in its order.
async fn check_story(app: &TestApp, world: &World, visits: &[Filed]) {
    let events = checked_events(&world.admin.client).await;
    for (kind, n) in [
        ("visit.submitted", VISITS),
        ("visit.returned", 6),
        ("visit.resubmitted", 6),
        ("visit.excluded", 1),
        ("visit.corrected", 6),
        ("visit.published", VISITS - 1 + 2),
        ("visit.unpublished", 2),
        ("appeal.opened", 3),
        ("appeal.upheld", 1),
        ("appeal.declined", 1),
        ("appeal.withdrawn", 1),
        ("wave.closed", 1),
    ] {
        assert_eq!(count(&events, kind), n, "{kind}");
    }
    let order = [
        "visit.submitted",
        "visit.review_started",
        "visit.returned",
        "visit.resubmitted",
        "visit.review_started",
        "visit.approved",
        "visit.published",
    ];
    for visit in visits.iter().filter(|visit| visit.fate == Fate::Returned) {
        let object = format!("visit/{}", visit.id);
        let told: Vec<_> = events
            .iter()
            .filter(|event| event["object"] == object)
            .filter_map(|event| event["kind"].as_str())
            .filter(|kind| order.contains(kind))
            .take(order.len())
            .collect();
        assert_eq!(told, order, "{object}");
    }
    let said = app.peegel(&["audit", "verify"]).await.expect(0);
    assert!(said.text().contains("the chain is whole"), "{}", said.text());
    eventually("no job waits", || async {
        let jobs = world.admin.client.get("/v1/jobs").ok().await;
        jobs["data"].as_array().is_some_and(Vec::is_empty).then_some(())
    })
    .await;
}
