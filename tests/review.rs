//! The review: every move, who may make it, and what it needs.

use serde_json::{Value, json};

use crate::support::app::TestApp;
use crate::support::client::Call;
use crate::support::world::{File, Person, World, filing, proofs, return_order};
use crate::support::{new_id, on_both, tiny};

on_both!(
    a_visit_is_reviewed_and_published,
    a_visit_waits_for_its_evidence,
    a_returned_visit_is_filed_again,
    nobody_reviews_their_own_visit,
    one_reviewer_at_a_time,
    a_rejected_visit_is_reopened_with_a_reason,
    moves_that_are_not_allowed_name_those_that_are,
    publishing_at_once_counts_once,
    a_return_names_items_and_a_deadline,
    an_idle_review_is_taken_over_once,
    a_correction_is_a_new_revision,
    a_published_visit_is_corrected_with_its_totals,
    corrections_at_once_have_one_winner,
    a_correction_is_put_aside,
    the_queue_is_in_the_order_asked_for,
    an_excluded_visit_does_not_count,
    a_quarantine_is_cleared_with_a_reason,
);

fn mv(person: &Person, visit: &str, name: &str) -> Call {
    person.client.act(&format!("/v1/visits/{visit}/{name}"))
}

fn because(person: &Person, visit: &str, name: &str, reason: &str) -> Call {
    mv(person, visit, name).json(&json!({"reason": reason}))
}

async fn a_visit_is_reviewed_and_published(app: &TestApp) {
    let world = World::make(app).await;
    let visit = world.file(&world.assign_one().await, &tiny::fair()).await;
    let taken = mv(&world.reviewer, &visit, "review").ok().await;
    assert_eq!(
        (taken["state"].as_str(), taken["reviewer_id"].as_str()),
        (Some("in_review"), Some(world.reviewer.id.as_str()))
    );
    let approved = mv(&world.reviewer, &visit, "approve").json(&json!({})).ok().await;
    assert_eq!((approved["state"].as_str(), &approved["published_at"]), (Some("approved"), &Value::Null));
    let published = mv(&world.reviewer, &visit, "publish").ok().await;
    assert_eq!(published["state"], "published");
    assert!(published["published_at"].is_string());
    let scorecard = format!("/v1/branches/{}/scorecard", world.branches[0]);
    assert_eq!(world.admin.client.get(&scorecard).ok().await["overall"]["mean_bp"], 7225);

    because(&world.reviewer, &visit, "unpublish", " ").invalid(&[("/reason", "empty")]).await;
    let back = because(&world.reviewer, &visit, "unpublish", "Vale pood.").ok().await;
    assert_eq!((back["state"].as_str(), &back["published_at"]), (Some("approved"), &Value::Null));
    let card = world.admin.client.get(&scorecard).ok().await;
    assert_eq!((&card["overall"]["visits"], &card["overall"]["mean_bp"]), (&json!(0), &Value::Null));
    mv(&world.reviewer, &visit, "publish").ok().await;
    assert_eq!(world.admin.client.get(&scorecard).ok().await["overall"]["mean_bp"], 7225);
    let events = world.admin.client.all("/v1/events", 200).await;
    let kinds: Vec<_> = events
        .iter()
        .filter(|event| event["object"] == format!("visit/{visit}"))
        .map(|event| event["kind"].as_str().expect("a kind"))
        .collect();
    let wanted = ["submitted", "review_started", "approved", "published", "unpublished", "published"];
    assert_eq!(kinds, wanted.map(|kind| format!("visit.{kind}")));
}

async fn a_visit_waits_for_its_evidence(app: &TestApp) {
    let world = World::make(app).await;
    let (visit, files) = (new_id(), proofs(&tiny::fair()));
    let body = filing(&world.assign_one().await, "submitted", &tiny::fair(), &files.iter().collect::<Vec<_>>());
    world.auditor.client.put(&format!("/v1/visits/{visit}"), &body).if_absent().created().await;
    let names: Vec<_> = files.iter().map(|file| file.entry["file_name"].as_str().expect("a name")).collect();
    let refused = mv(&world.reviewer, &visit, "review").problem(409, "evidence_incomplete").await.detail();
    assert!(
        refused.starts_with("0 of 2 files have arrived.") && names.iter().all(|name| refused.contains(name)),
        "{refused}"
    );
    files[0].upload(&world.auditor).await;
    let path = format!("/v1/evidence/{}/content", files[1].id);
    world.auditor.client.put_bytes(&path, b"wrong".to_vec()).problem(422, "differs_from_manifest").await;
    let refused = mv(&world.reviewer, &visit, "review").problem(409, "evidence_incomplete").await.detail();
    assert_eq!(refused, format!("1 of 2 files have arrived. Still missing: {}.", names[1]));
    files[1].upload(&world.auditor).await;
    mv(&world.reviewer, &visit, "review").ok().await;
}

async fn a_returned_visit_is_filed_again(app: &TestApp) {
    let world = World::make(app).await;
    let (assignment, visit, files) = (world.assign_one().await, new_id(), proofs(&tiny::fair()));
    let path = format!("/v1/visits/{visit}");
    let put = |body: &Value| world.auditor.client.put(&path, body);
    let all: Vec<_> = files.iter().collect();
    put(&filing(&assignment, "submitted", &tiny::fair(), &all)).if_absent().created().await;
    for file in &files {
        file.upload(&world.auditor).await;
    }
    mv(&world.reviewer, &visit, "review").ok().await;
    let mut order = return_order("polite", "Viisakus 4 või 5?");
    order["to"] = json!("me");
    mv(&world.reviewer, &visit, "return").json(&order).invalid(&[("/to", "unknown_field")]).await;
    let order = return_order("polite", "Viisakus 4 või 5?");
    let returned = mv(&world.reviewer, &visit, "return").json(&order).ok().await;
    assert_eq!(
        (returned["state"].as_str(), returned["review_reason"].as_str()),
        (Some("returned"), Some("Viisakus 4 või 5?"))
    );
    let view = world.auditor.client.get(&path).ok().await;
    assert_eq!(view["review_reason"], "Viisakus 4 või 5?");
    let tag = view["etag"].as_str().expect("a tag").to_owned();

    // The manifest froze; files may be added.
    let mut better = tiny::fair();
    better["polite"] = json!({"v": 5});
    let dropped = filing(&assignment, "submitted", &better, &[&files[0], &File::offer()]);
    put(&dropped).if_match(&tag).invalid(&[("/evidence", "frozen")]).await;
    let more = File::offer();
    let draft = filing(&assignment, "draft", &better, &[&files[0], &files[1]]);
    let saved = put(&draft).if_match(&tag).send().await.expect(200);
    assert_eq!(saved.json()["state"], "returned", "a draft files nothing");
    let whole = filing(&assignment, "submitted", &better, &[&files[0], &files[1], &more]);
    let filed = put(&whole).if_match(&saved.etag()).ok().await;
    // contact 4/4, sale 2/5: .6 + .16
    assert_eq!((filed["state"].as_str(), &filed["score"]["score_bp"]), (Some("resubmitted"), &json!(7600)));
    assert_eq!((&filed["revision"], &filed["score_version"]), (&json!(2), &json!(2)));
    mv(&world.reviewer, &visit, "review").problem(409, "evidence_incomplete").await;
    more.upload(&world.auditor).await;
    world.review(&visit, &["review", "approve", "publish"]).await;

    let scores = world.auditor.client.get(&format!("{path}/scores")).ok().await;
    let scores = scores["data"].as_array().expect("scores");
    let line = |score: &Value| (score["revision_kind"].clone(), score["score_bp"].clone());
    let lines: Vec<_> = scores.iter().map(line).collect();
    assert_eq!(lines, [(json!("submission"), json!(7225)), (json!("resubmission"), json!(7600))]);
    let card = world.admin.client.get(&format!("/v1/branches/{}/scorecard", world.branches[0])).ok().await;
    assert_eq!((&card["overall"]["visits"], &card["overall"]["mean_bp"]), (&json!(1), &json!(7600)));
}

async fn nobody_reviews_their_own_visit(app: &TestApp) {
    let world = World::make(app).await;
    let body = json!({
        "email": world.auditor.email, "name": "Both", "role": "reviewer", "password": "a password for nothing",
    });
    let second = world.admin.client.post("/v1/users", &body).created().await["membership_id"].clone();
    app.execute("UPDATE memberships SET state = 'active' WHERE state = 'pending'").await.expect("an update");
    let visit = new_id();
    let (first, second) = (world.auditor.id.as_str(), second.as_str().expect("an id"));
    let front = File::front();
    let body = filing(&world.assign_one().await, "submitted", &tiny::perfect(), &[&front]);
    let client = &world.auditor.client;
    client.put(&format!("/v1/visits/{visit}"), &body).if_absent().header("peegel-membership", first).created().await;
    let content = format!("/v1/evidence/{}/content", front.id);
    client.put_bytes(&content, front.bytes.clone()).header("peegel-membership", first).ok().await;
    let own = client.act(&format!("/v1/visits/{visit}/review")).header("peegel-membership", second);
    own.problem(403, "own_visit").await;
    mv(&world.reviewer, &visit, "review").ok().await;
    let own = client.post(&format!("/v1/visits/{visit}/approve"), &json!({})).header("peegel-membership", second);
    own.problem(403, "own_visit").await;
    client
        .act(&format!("/v1/visits/{visit}/review"))
        .header("peegel-membership", first)
        .problem(403, "not_allowed")
        .await;
}

async fn one_reviewer_at_a_time(app: &TestApp) {
    let world = World::make(app).await;
    let second = world.person(app, "second", "reviewer", None).await;
    let visit = world.file(&world.assign_one().await, &tiny::perfect()).await;
    let (a, b) = tokio::join!(mv(&world.reviewer, &visit, "review").send(), mv(&second, &visit, "review").send());
    let mut statuses = [a.status, b.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409], "{} | {}", a.describe(), b.describe());
    let (taker, other) = if a.status == 200 { (&world.reviewer, &second) } else { (&second, &world.reviewer) };
    for name in ["release", "return", "reject", "approve"] {
        let call = mv(other, &visit, name);
        let call = match name {
            "release" => call,
            "approve" => call.json(&json!({})),
            "return" => call.json(&return_order("polite", "x")),
            _ => call.json(&json!({"reason": "x"})),
        };
        call.problem(403, "not_the_reviewer").await;
    }
    assert_eq!(mv(taker, &visit, "release").ok().await["reviewer_id"], Value::Null);
    mv(other, &visit, "review").ok().await;
    // A firm admin can help out.
    mv(&world.admin, &visit, "release").ok().await;
}

async fn a_rejected_visit_is_reopened_with_a_reason(app: &TestApp) {
    let world = World::make(app).await;
    let visit = world.file(&world.assign_one().await, &tiny::perfect()).await;
    mv(&world.reviewer, &visit, "review").ok().await;
    let rejected = because(&world.reviewer, &visit, "reject", "Pole tõendeid.").ok().await;
    assert_eq!(rejected["state"], "rejected");
    mv(&world.reviewer, &visit, "publish").problem(409, "illegal_state").await;
    let long = "x".repeat(2001);
    let refused = because(&world.reviewer, &visit, "reopen", &long).send().await;
    assert!(matches!(refused.status, 400 | 422), "{}", refused.describe());
    let reopened = because(&world.reviewer, &visit, "reopen", "Tõend leiti.").ok().await;
    assert_eq!(
        (reopened["state"].as_str(), reopened["review_reason"].as_str()),
        (Some("in_review"), Some("Tõend leiti."))
    );
    world.review(&visit, &["approve", "publish"]).await;
}

async fn moves_that_are_not_allowed_name_those_that_are(app: &TestApp) {
    let world = World::make(app).await;
    let visit = world.file(&world.assign_one().await, &tiny::perfect()).await;
    let detail = async |name: &str| -> String {
        let call = mv(&world.reviewer, &visit, name);
        let call = match name {
            "review" | "release" | "publish" => call,
            "approve" => call.json(&json!({})),
            "return" => call.json(&return_order("polite", "x")),
            _ => call.json(&json!({"reason": "x"})),
        };
        call.problem(409, "illegal_state").await.detail()
    };
    for name in ["release", "return", "reject", "reopen", "approve", "publish", "unpublish"] {
        assert_eq!(
            detail(name).await,
            format!("The visit is submitted; cannot {name} it. Allowed now: review, add_evidence, clear_quarantine.")
        );
    }
    world.review(&visit, &["review"]).await;
    for name in ["review", "reopen", "publish", "unpublish"] {
        let wanted = format!(
            "The visit is in_review; cannot {name} it. Allowed now: release, return, reject, approve, take_over, \
                 correct, exclude, include, clear_quarantine."
        );
        assert_eq!(detail(name).await, wanted);
    }
    world.review(&visit, &["approve"]).await;
    for name in ["review", "release", "return", "reject", "reopen", "approve", "unpublish"] {
        assert_eq!(
            detail(name).await,
            format!("The visit is approved; cannot {name} it. Allowed now: publish, correct, exclude, include.")
        );
    }
    world.review(&visit, &["publish"]).await;
    for name in ["review", "release", "return", "reject", "reopen", "approve", "publish"] {
        assert_eq!(
            detail(name).await,
            format!("The visit is published; cannot {name} it. Allowed now: unpublish, correct, exclude, include.")
        );
    }
    mv(&world.reviewer, &new_id(), "review").problem(404, "not_found").await;
}

async fn publishing_at_once_counts_once(app: &TestApp) {
    let world = World::make(app).await;
    let assignments = world.assign(0, 6).await;
    let mut visits = Vec::new();
    for assignment in &assignments {
        let visit = world.file(assignment, &tiny::fair()).await;
        world.review(&visit, &["review", "approve"]).await;
        visits.push(visit);
    }
    let calls = visits.iter().flat_map(|visit| (0..3).map(|_| mv(&world.reviewer, visit, "publish").send()));
    let answers = futures_util::future::join_all(calls).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 6);
    assert_eq!(answers.iter().filter(|answer| answer.status == 409).count(), 12);
    let card = world.admin.client.get(&format!("/v1/chains/{}/scorecard", world.chain)).ok().await;
    assert_eq!((&card["overall"]["visits"], &card["overall"]["mean_bp"]), (&json!(6), &json!(7225)));
}

async fn a_return_names_items_and_a_deadline(app: &TestApp) {
    let world = World::make(app).await;
    let (assignment, visit, files) = (world.assign_one().await, new_id(), proofs(&tiny::fair()));
    let (path, all) = (format!("/v1/visits/{visit}"), files.iter().collect::<Vec<_>>());
    let put = |body: &Value| world.auditor.client.put(&path, body);
    put(&filing(&assignment, "submitted", &tiny::fair(), &all)).if_absent().created().await;
    for file in &files {
        file.upload(&world.auditor).await;
    }
    mv(&world.reviewer, &visit, "review").ok().await;
    let send = |order: &Value| mv(&world.reviewer, &visit, "return").json(order);
    let order = json!({
        "items": [{"item_id": "polite", "reason": " "}, {"item_id": "polite", "reason": "x"}],
        "due_at": "2020-01-01T00:00:00Z", "reason": "",
    });
    let wanted = [("/reason", "empty"), ("/items/0/reason", "empty"), ("/items/1/item_id", "duplicate")];
    let problems = send(&order).problem(422, "invalid").await.problems();
    for (pointer, code) in wanted.into_iter().chain([("/due_at", "in_the_past")]) {
        assert!(problems.contains(&(pointer.to_owned(), code.to_owned())), "{pointer}: {problems:?}");
    }
    send(&return_order("nothing", "x")).invalid(&[("/items/0/item_id", "unknown_ref")]).await;
    send(&json!({"items": [], "due_at": "2099-01-01T00:00:00Z"})).problem(422, "invalid").await;
    send(&json!({"reason": "x"})).problem(422, "invalid").await;
    let cursor = world.auditor.client.get("/v1/sync/changes").ok().await["next_cursor"].clone();
    let mut order = return_order("polite", "Neli või viis?");
    order.as_object_mut().expect("an order").remove("reason");
    let back = send(&order).ok().await;
    assert_eq!((back["state"].as_str(), back["due_at"].is_string()), (Some("returned"), true));
    assert_eq!(back["review_reason"], Value::Null);
    let view = world.auditor.client.get(&path).ok().await;
    assert_eq!(view["returned"]["items"], order["items"]);
    assert_eq!(view["returned"]["due_at"].as_str().map(|at| &at[..10]), Some("2099-12-31"));
    let since = format!("/v1/sync/changes?cursor={}", cursor.as_str().expect("a cursor"));
    let changes = world.auditor.client.get(&since).ok().await;
    let told = changes["changes"].as_array().expect("changes").iter().find(|change| change["type"] == "visit");
    assert_eq!(told.expect("the visit")["object"]["returned"]["items"], order["items"]);

    // What was changed since stands out.
    let mut better = tiny::fair();
    better["polite"] = json!({"v": 5});
    put(&filing(&assignment, "submitted", &better, &all)).if_match(view["etag"].as_str().expect("a tag")).ok().await;
    mv(&world.reviewer, &visit, "review").ok().await;
    let review = world.reviewer.client.get(&format!("{path}/review?lang=en")).ok().await;
    let asked = review["items"].as_array().expect("items").iter().map(|item| json!([item["item_id"], item["text"]]));
    let wanted = tiny::standard()["items"].clone();
    let wanted = wanted.as_array().expect("items").iter().map(|item| json!([item["id"], item["text"]["en"]]));
    assert_eq!(asked.collect::<Vec<_>>(), wanted.collect::<Vec<_>>());
    assert_eq!((&review["reviewed_revision"], &review["changed_since_review"]), (&json!(1), &json!(["polite"])));
    let item = review["items"].as_array().expect("items").iter().find(|item| item["item_id"] == "polite");
    let item = item.expect("the item");
    assert_eq!((&item["original"]["v"], &item["current"]["v"]), (&json!(4), &json!(5)));
    assert_eq!((&item["return_reason"], &item["score"]), (&json!("Neli või viis?"), &json!("1/1")));
    let ids: Vec<_> = review["items"].as_array().expect("items").iter().map(|item| item["item_id"].clone()).collect();
    assert_eq!(ids[..4], ["greet", "polite", "queue", "front"].map(|id| json!(id)));
    assert_eq!(review["score"]["visit"]["score_bp"], 7600);
    let kinds: Vec<_> = review["history"]
        .as_array()
        .expect("history")
        .iter()
        .map(|fact| fact["kind"].as_str().expect("kind"))
        .collect();
    let wanted = ["submitted", "review_started", "returned", "resubmitted", "review_started"];
    assert_eq!(kinds, wanted.map(|kind| format!("visit.{kind}")));
    world.auditor.client.get(&format!("{path}/review")).problem(403, "not_allowed").await;
    world.review(&visit, &["approve"]).await;
    assert_eq!(world.auditor.client.get(&path).ok().await["returned"], Value::Null);
}

async fn an_idle_review_is_taken_over_once(app: &TestApp) {
    let world = World::make(app).await;
    let others =
        [world.person(app, "second", "reviewer", None).await, world.person(app, "third", "reviewer", None).await];
    let visit = world.file(&world.assign_one().await, &tiny::perfect()).await;
    let over = json!({"take_over": true});
    let take = |person: &Person| mv(person, &visit, "review").json(&over);
    // Nobody has it, so there is nobody to take it from.
    assert_eq!(take(&world.reviewer).ok().await["reviewer_id"], json!(world.reviewer.id));
    mv(&others[0], &visit, "review").problem(409, "illegal_state").await;
    take(&others[0]).problem(409, "not_idle").await;
    let idle = "UPDATE visits SET acted_at = '2026-01-01 00:00:00+00:00' WHERE state = 'in_review'";
    app.execute(idle).await.expect("an update");
    let queue = others[0].client.get("/v1/review-queue").ok().await;
    assert_eq!(queue["data"][0]["can_take_over"], true);
    // What its reviewer does counts.
    let draft = json!({"base_revision": 1, "changes": [{"item_id": "polite"}]});
    world.reviewer.client.put(&format!("/v1/visits/{visit}/correction"), &draft).ok().await;
    take(&others[0]).problem(409, "not_idle").await;
    app.execute(idle).await.expect("an update");
    let calls = (0..50).map(|n| take(&others[n % 2]).send());
    let answers = futures_util::future::join_all(calls).await;
    let won: Vec<_> = answers.iter().filter(|answer| answer.status == 200).collect();
    assert_eq!(won.len(), 1, "{:?}", answers.iter().map(|answer| answer.status).collect::<Vec<_>>());
    assert!(answers.iter().all(|answer| matches!(answer.status, 200 | 409)));
    let taker = won[0].json()["reviewer_id"].clone();
    assert!(others.iter().any(|person| taker == json!(person.id)));
    mv(&world.reviewer, &visit, "approve").json(&json!({})).problem(403, "not_the_reviewer").await;
    let events = world.admin.client.all("/v1/events", 200).await;
    let told: Vec<_> = events.iter().filter(|event| event["kind"] == "visit.taken_over").collect();
    assert_eq!((told.len(), &told[0]["payload"]["taken_from"]), (1, &json!(world.reviewer.id)));
}

fn correction(base_revision: i32, changes: &Value) -> Value {
    json!({"base_revision": base_revision, "changes": changes})
}

async fn a_correction_is_a_new_revision(app: &TestApp) {
    let world = World::make(app).await;
    let second = world.person(app, "second", "reviewer", None).await;
    let visit = world.file(&world.assign_one().await, &tiny::fair()).await;
    let path = format!("/v1/visits/{visit}");
    let correct = |person: &Person, body: &Value| person.client.post(&format!("{path}/correct"), body);
    let polite = json!([{"item_id": "polite", "answer": {"v": 5}, "reason": "Salvestisel kõlab teisiti."}]);
    correct(&world.reviewer, &correction(1, &polite)).problem(409, "illegal_state").await;
    mv(&world.reviewer, &visit, "review").ok().await;
    correct(&second, &correction(1, &polite)).problem(403, "not_the_reviewer").await;
    correct(&world.auditor, &correction(1, &polite)).problem(403, "not_allowed").await;
    correct(&world.reviewer, &correction(2, &polite)).problem(409, "other_revision").await;
    let wrong = json!([
        {"item_id": "polite", "answer": {"v": 4}, "reason": "x"},
        {"item_id": "polite", "answer": {"v": 5}, "reason": "x"},
        {"item_id": "greet", "answer": {"v": false}, "reason": "\t"},
    ]);
    let wanted =
        [("/changes/0/answer", "unchanged"), ("/changes/1/item_id", "duplicate"), ("/changes/2/reason", "empty")];
    correct(&world.reviewer, &correction(1, &wrong)).invalid(&wanted).await;
    // What scoring has against them is said of them; an item that is not asked any more has to go too.
    let wrong = json!([
        {"item_id": "polite", "answer": {"v": 9}, "reason": "x"}, {"item_id": "nothing", "answer": {"v": 1}, "reason": "x"},
        {"item_id": "greet", "reason": "x"},
    ]);
    let wanted = [
        ("/changes/2/answer", "missing_required"),
        ("/changes/0/answer/v", "out_of_range"),
        ("/changes/1/item_id", "unknown_item"),
    ];
    correct(&world.reviewer, &correction(1, &wrong)).invalid(&wanted).await;
    let corrected = correct(&world.reviewer, &correction(1, &polite)).ok().await;
    assert_eq!((&corrected["revision"], &corrected["score_version"]), (&json!(2), &json!(2)));
    assert_eq!((&corrected["score_bp"], &corrected["state"]), (&json!(7600), &json!("in_review")));
    // A changed answer needs no proof of its own: the score says that there is none.
    let unproven = json!([{"item_id": "needs", "answer": {"v": "full"}, "reason": "Kuulda."}]);
    correct(&world.reviewer, &correction(2, &unproven)).ok().await;
    let list = world.auditor.client.get(&format!("{path}/revisions")).ok().await;
    let list = list["data"].as_array().expect("revisions");
    let line = |of: &Value| (of["kind"].clone(), of["score_version"].clone(), of["changes"].as_array().map(Vec::len));
    let lines: Vec<_> = list.iter().map(line).collect();
    let kinds = [("submission", 1, 0), ("correction", 2, 1), ("correction", 3, 1)];
    assert_eq!(lines, kinds.map(|(kind, version, n)| (json!(kind), json!(version), Some(n))));
    let change = &list[1]["changes"][0];
    assert_eq!((&change["before"]["v"], &change["after"]["v"]), (&json!(4), &json!(5)));
    assert_eq!(change["reason"], "Salvestisel kõlab teisiti.");
    world.other_auditor.client.get(&format!("{path}/revisions")).problem(404, "not_found").await;
    // The receipt of a corrected score recomputes like any other.
    let receipt = world.reviewer.client.get(&format!("{path}/receipt")).ok().await;
    assert_eq!((&receipt["score_version"], &receipt["revision"]), (&json!(3), &json!(3)));
    let events = world.admin.client.all("/v1/events", 200).await;
    let told: Vec<_> = events.iter().filter(|event| event["kind"] == "visit.corrected").collect();
    assert_eq!((told.len(), &told[0]["payload"]["items"]), (2, &json!(["polite"])));
}

async fn a_published_visit_is_corrected_with_its_totals(app: &TestApp) {
    let world = World::make(app).await;
    let second = world.person(app, "second", "reviewer", None).await;
    let visit = world.publish(0, &tiny::fair()).await;
    let card = async || {
        let card = world.admin.client.get(&format!("/v1/branches/{}/scorecard", world.branches[0])).ok().await;
        (card["overall"]["visits"].clone(), card["overall"]["mean_bp"].clone())
    };
    assert_eq!(card().await, (json!(1), json!(7225)));
    let polite = json!([{"item_id": "polite", "answer": {"v": 5}, "reason": "Viga."}]);
    let call = second.client.post(&format!("/v1/visits/{visit}/correct"), &correction(1, &polite));
    assert_eq!(call.ok().await["state"], "published");
    assert_eq!(card().await, (json!(1), json!(7600)));
    let totals = async || {
        let query = "SELECT metric, CAST(n AS TEXT) AS n, CAST(sum AS TEXT) AS sum FROM totals ORDER BY metric";
        let text = |row: &sea_orm::QueryResult, name: &str| row.try_get::<String>("", name).expect("a text");
        let rows = app.query(query).await;
        rows.iter().map(|row| (text(row, "metric"), text(row, "n"), text(row, "sum"))).collect::<Vec<_>>()
    };
    let before = totals().await;
    app.peegel(&["scorecards", "rebuild"]).await.expect(0);
    assert_eq!(totals().await, before, "made anew they are the same");
    because(&world.reviewer, &visit, "unpublish", "x").ok().await;
    assert_eq!(card().await, (json!(0), Value::Null));
    assert_eq!(world.result_scores(&visit).await, [7225, 7600]);
}

async fn corrections_at_once_have_one_winner(app: &TestApp) {
    let world = World::make(app).await;
    let visit = world.publish(0, &tiny::fair()).await;
    let polite = json!([{"item_id": "polite", "answer": {"v": 5}, "reason": "Viga."}]);
    let body = correction(1, &polite);
    let path = format!("/v1/visits/{visit}/correct");
    let answers =
        futures_util::future::join_all((0..50).map(|_| world.reviewer.client.post(&path, &body).send())).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1);
    for answer in answers.into_iter().filter(|answer| answer.status != 200) {
        answer.problem(409, "other_revision");
    }
    assert_eq!(world.result_scores(&visit).await, [7225, 7600]);
}

async fn a_correction_is_put_aside(app: &TestApp) {
    let world = World::make(app).await;
    let visit = world.file(&world.assign_one().await, &tiny::fair()).await;
    let path = format!("/v1/visits/{visit}/correction");
    let client = &world.reviewer.client;
    let unfinished = json!({"base_revision": 1, "changes": [{"item_id": "polite", "answer": {"v": 5}}]});
    client.put(&path, &unfinished).problem(409, "illegal_state").await;
    mv(&world.reviewer, &visit, "review").ok().await;
    client.get(&path).problem(404, "not_found").await;
    client.delete(&path).problem(404, "not_found").await;
    let mut blank = unfinished.clone();
    blank["changes"][0]["reason"] = json!(" ");
    client.put(&path, &blank).invalid(&[("/changes/0/reason", "empty")]).await;
    client.put(&path, &unfinished).ok().await;
    let kept = client.put(&path, &unfinished).ok().await;
    assert_eq!((&kept["is_stale"], &kept["changes"][0]["answer"]["v"]), (&json!(false), &json!(5)));
    let view = client.get(&format!("/v1/visits/{visit}/review")).ok().await;
    assert_eq!(view["correction_draft"]["changes"][0]["item_id"], "polite");
    world.admin.client.get(&path).problem(404, "not_found").await;
    client.delete(&path).send().await.expect(204);
    client.put(&path, &unfinished).ok().await;
    let polite = json!([{"item_id": "polite", "answer": {"v": 5}, "reason": "Viga."}]);
    client.post(&format!("/v1/visits/{visit}/correct"), &correction(1, &polite)).ok().await;
    client.get(&path).problem(404, "not_found").await;
}

async fn the_queue_is_in_the_order_asked_for(app: &TestApp) {
    let world = World::make(app).await;
    let mut visits = Vec::new();
    for assignment in world.assign(0, 4).await {
        visits.push(world.file(&assignment, &tiny::fair()).await);
    }
    let client = &world.reviewer.client;
    let queue = async |query: &str| -> Vec<String> {
        let all = client.all(&format!("/v1/review-queue?{query}"), 1).await;
        all.iter().map(|entry| entry["visit_id"].as_str().expect("an id").to_owned()).collect()
    };
    assert_eq!(queue("").await, visits);
    // Two are returned, the later one first.
    for (visit, due) in [(&visits[0], "2099-06-02T00:00:00Z"), (&visits[2], "2099-06-01T00:00:00Z")] {
        mv(&world.reviewer, visit, "review").ok().await;
        let mut order = return_order("polite", "x");
        order["due_at"] = json!(due);
        mv(&world.reviewer, visit, "return").json(&order).ok().await;
    }
    mv(&world.admin, &visits[1], "review").ok().await;
    let by_id = |mut some: Vec<String>| {
        some.sort();
        some
    };
    let due = queue("order=deadline").await;
    assert_eq!(due[..2], [visits[2].clone(), visits[0].clone()]);
    assert_eq!(by_id(due[2..].to_vec()), by_id(vec![visits[1].clone(), visits[3].clone()]));
    assert_eq!(queue("taken=free").await, [visits[3].clone()]);
    assert_eq!(queue("taken=mine").await, [visits[0].clone(), visits[2].clone()]);
    assert_eq!(by_id(queue("order=signals").await), by_id(visits.clone()));
    assert!(queue(&format!("wave_id={}", new_id())).await.is_empty());
    let page = client.get("/v1/review-queue?limit=1").ok().await;
    let entry = &page["data"][0];
    assert_eq!((&entry["evidence"]["arrived"], &entry["evidence"]["total"]), (&json!(2), &json!(2)));
    assert_eq!((&entry["open_questions"], &entry["can_take_over"]), (&json!(0), &json!(false)));
    let cursor = page["next_cursor"].as_str().expect("a cursor");
    client.get(&format!("/v1/review-queue?order=signals&cursor={cursor}")).problem(400, "bad_cursor").await;
    world.auditor.client.get("/v1/review-queue").problem(403, "not_allowed").await;
}

async fn an_excluded_visit_does_not_count(app: &TestApp) {
    let world = World::make(app).await;
    let visit = world.publish(0, &tiny::fair()).await;
    let card = async || {
        let card = world.admin.client.get(&format!("/v1/branches/{}/scorecard", world.branches[0])).ok().await;
        (card["overall"]["visits"].clone(), card["overall"]["mean_bp"].clone())
    };
    let exclude =
        |reason: &str| mv(&world.reviewer, &visit, "exclude").json(&json!({"reason": reason, "payable": true}));
    exclude(" ").invalid(&[("/reason", "empty")]).await;
    mv(&world.reviewer, &visit, "exclude").json(&json!({"reason": "x"})).problem(422, "invalid").await;
    let calls = futures_util::future::join_all((0..50).map(|_| exclude("Vale pood.").send())).await;
    assert!(calls.iter().all(|answer| answer.status == 200), "{}", calls[0].describe());
    assert_eq!(card().await, (json!(0), Value::Null));
    let view = world.auditor.client.get(&format!("/v1/visits/{visit}")).ok().await;
    assert_eq!((&view["reporting"], &view["payable"]), (&json!("excluded"), &json!(true)));
    assert_eq!(view["reporting_reason"], "Vale pood.");
    // A correction of it is kept and counts nowhere.
    let polite = json!([{"item_id": "polite", "answer": {"v": 5}, "reason": "Viga."}]);
    world.reviewer.client.post(&format!("/v1/visits/{visit}/correct"), &correction(1, &polite)).ok().await;
    assert_eq!(card().await, (json!(0), Value::Null));
    because(&world.reviewer, &visit, "include", "Õige pood.").ok().await;
    because(&world.reviewer, &visit, "include", "Õige pood.").ok().await;
    assert_eq!(card().await, (json!(1), json!(7600)));
    let events = world.admin.client.all("/v1/events", 200).await;
    for kind in ["visit.excluded", "visit.included"] {
        assert_eq!(events.iter().filter(|event| event["kind"] == kind).count(), 1, "{kind}");
    }
}

async fn a_quarantine_is_cleared_with_a_reason(app: &TestApp) {
    let world = World::make(app).await;
    let mut late = world.assignment(0, Some(&world.auditor));
    late["window_end"] = json!("2020-01-02T00:00:00Z");
    let assignment = world.assign_in(&world.wave, vec![late]).await.remove(0);
    let visit = world.file(&assignment, &tiny::fair()).await;
    assert_eq!(
        world.reviewer.client.get("/v1/review-queue").ok().await["data"][0]["quarantine_reason"],
        "arrived_late"
    );
    because(&world.reviewer, &visit, "clear-quarantine", "").invalid(&[("/reason", "empty")]).await;
    let calls = (0..50).map(|_| because(&world.reviewer, &visit, "clear-quarantine", "Levi puudus.").send());
    let answers = futures_util::future::join_all(calls).await;
    assert!(answers.iter().all(|answer| answer.status == 200), "{}", answers[0].describe());
    let events = world.admin.client.all("/v1/events", 200).await;
    let told: Vec<_> = events.iter().filter(|event| event["kind"] == "visit.quarantine_cleared").collect();
    assert_eq!((told.len(), &told[0]["payload"]["cleared"]), (1, &json!("arrived_late")));
    world.review(&visit, &["review", "approve", "publish"]).await;
}
