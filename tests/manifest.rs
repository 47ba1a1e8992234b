//! What may become of the files of a visit: drafts that change their minds, visits that come back, files that never
//! come.

use serde_json::{Value, json};

use crate::support::app::TestApp;
use crate::support::world::{File, World, filing, proofs, return_order};
use crate::support::{new_id, on_both, tiny};

on_both!(
    a_draft_drops_renames_and_swaps_its_files,
    what_was_filed_is_frozen_and_what_was_not_may_go,
    stored_bytes_cannot_be_claimed_to_be_something_else,
    a_file_that_never_comes_is_declared_lost,
    a_resubmitted_attempt_has_no_score,
    an_empty_comment_is_no_comment,
    drafts_and_a_submit_at_once_fulfil_the_assignment,
);

async fn a_draft_drops_renames_and_swaps_its_files(app: &TestApp) {
    let world = World::make(app).await;
    let (assignment, visit) = (world.assign_one().await, new_id());
    let path = format!("/v1/visits/{visit}");
    let (mut one, mut two, three) = (File::front(), File::front(), File::front());
    one.entry["file_name"] = json!("a.jpg");
    two.entry["file_name"] = json!("b.jpg");
    let put = |files: &[&File]| world.auditor.client.put(&path, &filing(&assignment, "draft", &tiny::fair(), files));
    put(&[&one, &two]).if_absent().created().await;
    one.upload(&world.auditor).await;
    one.entry["file_name"] = json!("b.jpg");
    two.entry["file_name"] = json!("a.jpg");
    put(&[&one, &two]).if_match("\"1\"").ok().await;
    let files = world.auditor.client.get(&path).ok().await["files"].clone();
    let name = |id: &str| {
        let file = files.as_array().and_then(|files| files.iter().find(|file| file["id"] == id));
        file.map(|file| file["file_name"].clone()).unwrap_or_default()
    };
    assert_eq!((name(&one.id), name(&two.id)), (json!("b.jpg"), json!("a.jpg")));
    let saved = put(&[&three]).if_match("\"2\"").ok().await;
    assert_eq!((&saved["evidence"]["total"], &saved["evidence"]["arrived"]), (&json!(1), &json!(0)));
    world.auditor.client.get(&format!("/v1/evidence/{}/content", one.id)).problem(404, "not_found").await;
}

/// A visit that was filed with one photo and sent back.
async fn returned(world: &World, answers: &Value) -> (String, String, Vec<File>) {
    let (assignment, visit, files) = (world.assign_one().await, new_id(), proofs(answers));
    let all: Vec<_> = files.iter().collect();
    let body = filing(&assignment, "submitted", answers, &all);
    world.auditor.client.put(&format!("/v1/visits/{visit}"), &body).if_absent().created().await;
    for file in &files {
        file.upload(&world.auditor).await;
    }
    world.review(&visit, &["review"]).await;
    let order = return_order("greet", "Look again, please.");
    world.reviewer.client.post(&format!("/v1/visits/{visit}/return"), &order).ok().await;
    (assignment, visit, files)
}

async fn what_was_filed_is_frozen_and_what_was_not_may_go(app: &TestApp) {
    let world = World::make(app).await;
    let (assignment, visit, files) = returned(&world, &tiny::perfect()).await;
    let path = format!("/v1/visits/{visit}");
    let put = |body: &Value| world.auditor.client.put(&path, body);
    let wrong = File::front();
    let mut renamed = File { id: files[0].id.clone(), entry: files[0].entry.clone(), bytes: Vec::new() };
    renamed.entry["file_name"] = json!("renamed.jpg");
    renamed.entry["item_ids"] = json!([]);
    put(&filing(&assignment, "draft", &tiny::perfect(), &[&renamed, &wrong])).if_match("\"1\"").ok().await;
    let view = world.auditor.client.get(&path).ok().await;
    let kept = view["files"].as_array().and_then(|all| all.iter().find(|file| file["id"] == files[0].id.as_str()));
    assert_eq!(kept.map(|file| &file["file_name"]), Some(&files[0].entry["file_name"]), "what was filed stays");
    // Without the filed one it is refused; without the one that was only in a draft it is not.
    let without = filing(&assignment, "submitted", &tiny::perfect(), &[&wrong]);
    put(&without).if_match("\"2\"").invalid(&[("/evidence", "frozen")]).await;
    let filed = put(&filing(&assignment, "submitted", &tiny::perfect(), &[&files[0]])).if_match("\"2\"").ok().await;
    assert_eq!((&filed["state"], &filed["evidence"]["total"]), (&json!("resubmitted"), &json!(1)));
    world.review(&visit, &["review", "approve", "publish"]).await;
}

async fn stored_bytes_cannot_be_claimed_to_be_something_else(app: &TestApp) {
    let world = World::make(app).await;
    let (assignment, visit) = (world.assign_one().await, new_id());
    let path = format!("/v1/visits/{visit}");
    let mut file = File::new("document", &[], "hello.txt", b"hello text".to_vec());
    let draft = filing(&assignment, "draft", &tiny::perfect(), &[&file]);
    world.auditor.client.put(&path, &draft).if_absent().created().await;
    file.upload(&world.auditor).await;
    file.entry["kind"] = json!("photo");
    file.entry["item_ids"] = json!(["front"]);
    file.entry["bytes"] = json!(5);
    let claim = filing(&assignment, "submitted", &tiny::perfect(), &[&file]);
    let problems = [("/evidence/0/kind", "differs_from_stored"), ("/evidence/0/bytes", "differs_from_stored")];
    world.auditor.client.put(&path, &claim).if_match("\"1\"").invalid(&problems).await;
}

async fn a_file_that_never_comes_is_declared_lost(app: &TestApp) {
    let world = World::make(app).await;
    let (assignment, visit) = (world.assign_one().await, new_id());
    let file = File::front();
    let body = filing(&assignment, "submitted", &tiny::perfect(), &[&file]);
    world.auditor.client.put(&format!("/v1/visits/{visit}"), &body).if_absent().created().await;
    let review = format!("/v1/visits/{visit}/review");
    world.reviewer.client.act(&review).problem(409, "evidence_incomplete").await;
    let lost = format!("/v1/evidence/{}/lost", file.id);
    world.reviewer.client.post(&lost, &json!({"reason": "x"})).problem(403, "not_allowed").await;
    world.other_auditor.client.post(&lost, &json!({"reason": "x"})).problem(404, "not_found").await;
    let view = world.auditor.client.post(&lost, &json!({"reason": "The phone fell into the river."})).ok().await;
    assert_eq!((&view["state"], &view["problem_code"]), (&json!("lost"), &json!("lost")));
    world.auditor.client.post(&lost, &json!({"reason": "The phone fell into the river."})).ok().await;
    world.reviewer.client.act(&review).ok().await;
}

async fn a_resubmitted_attempt_has_no_score(app: &TestApp) {
    let world = World::make(app).await;
    let (assignment, visit, files) = returned(&world, &tiny::perfect()).await;
    let mut body = filing(&assignment, "submitted", &json!({}), &[&files[0]]);
    body["outcome"] = json!("attempted");
    body["attempted_because"] = json!("closed");
    let path = format!("/v1/visits/{visit}");
    let filed = world.auditor.client.put(&path, &body).if_match("\"1\"").ok().await;
    assert_eq!(filed["score"], Value::Null);
    let view = world.auditor.client.get(&path).ok().await;
    assert_eq!((&view["outcome"], &view["score_bp"]), (&json!("attempted"), &Value::Null));
    world.review(&visit, &["review", "approve", "publish"]).await;
    let card = world.admin.client.get(&format!("/v1/branches/{}/scorecard", world.branches[0])).ok().await;
    let overall = &card["overall"];
    assert_eq!((&overall["visits"], &overall["attempted"], &overall["mean_bp"]), (&json!(0), &json!(1), &Value::Null));
}

async fn an_empty_comment_is_no_comment(app: &TestApp) {
    let world = World::make(app).await;
    let mut answers = tiny::perfect();
    answers["greet"]["comment"] = json!("");
    answers["polite"]["comment"] = json!("two\r\nlines");
    let body = filing(&world.assign_one().await, "draft", &answers, &[]);
    world.auditor.client.put(&format!("/v1/visits/{}", new_id()), &body).if_absent().created().await;
}

async fn drafts_and_a_submit_at_once_fulfil_the_assignment(app: &TestApp) {
    let world = World::make(app).await;
    for _ in 0..6 {
        let assignment = world.assign_one().await;
        let front = File::front();
        let submit = filing(&assignment, "submitted", &tiny::perfect(), &[&front]);
        let draft = filing(&assignment, "draft", &tiny::perfect(), &[]);
        let put = |body: &Value| {
            let call = world.auditor.client.put(&format!("/v1/visits/{}", new_id()), body).if_absent();
            tokio::spawn(async move { call.created().await })
        };
        let calls = [put(&draft), put(&draft), put(&submit), put(&draft), put(&draft)];
        for call in calls {
            call.await.expect("an answer");
        }
        let now = world.auditor.client.get(&format!("/v1/assignments/{assignment}")).ok().await;
        assert_eq!(now["state"], "fulfilled");
    }
}
