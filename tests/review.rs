//! The review: every move, who may make it, and what it needs.

use serde_json::{Value, json};

use crate::support::app::TestApp;
use crate::support::client::Call;
use crate::support::world::{File, Person, World, filing, proofs};
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
    because(&world.reviewer, &visit, "return", "").invalid(&[("/reason", "empty")]).await;
    let unknown_member = json!({"reason": "x", "to": "me"});
    mv(&world.reviewer, &visit, "return").json(&unknown_member).invalid(&[("/to", "unknown_field")]).await;
    let returned = because(&world.reviewer, &visit, "return", "Viisakus 4 või 5?").ok().await;
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
            _ => call.json(&json!({"reason": "x"})),
        };
        call.problem(409, "illegal_state").await.detail()
    };
    for name in ["release", "return", "reject", "reopen", "approve", "publish", "unpublish"] {
        assert_eq!(
            detail(name).await,
            format!("The visit is submitted; cannot {name} it. Allowed now: review, add_evidence.")
        );
    }
    world.review(&visit, &["review"]).await;
    for name in ["review", "reopen", "publish", "unpublish"] {
        let wanted =
            format!("The visit is in_review; cannot {name} it. Allowed now: release, return, reject, approve.");
        assert_eq!(detail(name).await, wanted);
    }
    world.review(&visit, &["approve"]).await;
    for name in ["review", "release", "return", "reject", "reopen", "approve", "unpublish"] {
        assert_eq!(detail(name).await, format!("The visit is approved; cannot {name} it. Allowed now: publish."));
    }
    world.review(&visit, &["publish"]).await;
    for name in ["review", "release", "return", "reject", "reopen", "approve", "publish"] {
        assert_eq!(detail(name).await, format!("The visit is published; cannot {name} it. Allowed now: unpublish."));
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
