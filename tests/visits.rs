//! Filing a visit: drafts, submits with all problems, replays, stale edits, conditions, and the manifest.

use serde_json::{Value, json};

use crate::support::app::TestApp;
use crate::support::client::{Answer, owned};
use crate::support::wire::Wire;
use crate::support::world::{File, World, filing, id_of, proofs};
use crate::support::{new_id, on_both, tiny};

on_both!(
    a_draft_grows_into_a_submitted_visit,
    one_request_creates_and_submits,
    an_invalid_submit_is_kept_as_a_draft_with_all_problems,
    problems_of_shape_keep_nothing,
    the_manifest_must_prove_what_it_says,
    conditions_guard_every_write,
    a_replay_gets_the_stored_answer_whatever_happened_since,
    the_same_write_at_once_files_one_visit,
    different_writes_at_once_have_one_winner,
    a_critical_failure_caps_the_score,
    a_visit_that_could_not_be_made_needs_proof,
    late_data_is_kept_and_flagged,
    visits_belong_to_their_auditor,
    visits_are_listed_by_state_and_evidence,
    limits_of_size_and_form,
);

/// Writes a visit as its auditor.
fn put(world: &World, visit: &str, body: &Value) -> crate::support::client::Call {
    world.auditor.client.put(&format!("/v1/visits/{visit}"), body)
}

async fn get(world: &World, visit: &str) -> Value {
    world.auditor.client.get(&format!("/v1/visits/{visit}")).ok().await
}

async fn a_draft_grows_into_a_submitted_visit(app: &TestApp) {
    let world = World::make(app).await;
    let (assignment, visit, front, offer) = (world.assign_one().await, new_id(), File::front(), File::offer());
    // A draft may be empty, and wrong.
    let draft = filing(&assignment, "draft", &json!({"greet": {"v": 12}, "who": {"v": 1}}), &[&front]);
    let saved = put(&world, &visit, &draft).if_absent().send().await.expect(201);
    assert_eq!(saved.etag(), "\"1\"");
    let body = saved.json();
    assert_eq!((body["state"].as_str(), body["revision"].as_i64()), (Some("draft"), Some(0)));
    assert_eq!((&body["score"], &body["etag"]), (&Value::Null, &json!("\"1\"")));
    let view = get(&world, &visit).await;
    assert_eq!((&view["draft"], &view["answers"]), (&draft, &Value::Null));
    let state = |view: Value| view["state"].as_str().expect("a state").to_owned();
    let assigned = || world.auditor.client.get(&format!("/v1/assignments/{}", assignment.clone()));
    assert_eq!(state(assigned().ok().await), "started");

    // Files may be sent while the visit is a draft; one file goes and another comes.
    front.upload(&world.auditor).await;
    let draft = filing(&assignment, "draft", &tiny::fair(), &[&offer]);
    let saved = put(&world, &visit, &draft).if_match("\"1\"").send().await.expect(200);
    assert_eq!(saved.etag(), "\"2\"");
    world.auditor.client.get(&format!("/v1/evidence/{}/content", front.id)).problem(404, "not_found").await;
    let front = File::front();
    let mut answers = tiny::fair();
    answers["why"] = json!({"v": "Öeldi: \"pole\".", "comment": "Kassas"});
    let whole = filing(&assignment, "submitted", &answers, &[&front, &offer]);
    let filed = put(&world, &visit, &whole).if_match("\"2\"").send().await.expect(200);
    assert_eq!(filed.etag(), "\"3\"");
    let filed = filed.json();
    assert_eq!((filed["state"].as_str(), filed["revision"].as_i64()), (Some("submitted"), Some(1)));
    assert_eq!(filed["evidence"]["total"], 2);
    assert_eq!(filed["evidence"]["arrived"], 0);
    let missing: Vec<_> = filed["evidence"]["missing"].as_array().expect("files").iter().map(id_of).collect();
    assert_eq!(missing.len(), 2);
    assert!(missing.contains(&front.id) && missing.contains(&offer.id));

    let view = get(&world, &visit).await;
    assert_eq!((&view["draft"], &view["answers"], &view["score_bp"]), (&Value::Null, &answers, &json!(7225)));
    assert_eq!(view["etag"], "\"3\"");
    assert_eq!(state(assigned().ok().await), "fulfilled");
    // Evidence that arrives does not change the tag.
    front.upload(&world.auditor).await;
    let view = get(&world, &visit).await;
    assert_eq!((&view["etag"], &view["evidence"]["arrived"]), (&json!("\"3\""), &json!(1)));
}

async fn one_request_creates_and_submits(app: &TestApp) {
    let world = World::make(app).await;
    let (assignment, visit, files) = (world.assign_one().await, new_id(), proofs(&tiny::fair()));
    let mut body = filing(&assignment, "submitted", &tiny::fair(), &files.iter().collect::<Vec<_>>());
    body["device"] = json!({"at": "2026-03-12T14:00:00.1234567+02:00", "model": "Fieldphone 5", "monotonic_ms": 81});
    let filed = put(&world, &visit, &body).if_absent().created().await;
    assert_eq!(
        filed["score"],
        json!({
            "score_bp": 7225, "raw_bp": 7225, "band": "B", "passed": true, "insufficient": false,
            // queue, N/A, weighs 4 of the 13 that were asked
            "scored_share_bp": 6923, "capped": false,
        })
    );
    let view = get(&world, &visit).await;
    let at: chrono::DateTime<chrono::FixedOffset> =
        view["device_at"].as_str().expect("a time").parse().expect("RFC 3339");
    assert_eq!(at.to_rfc3339(), "2026-03-12T12:00:00.123456+00:00", "UTC, microseconds");
    assert!(view["skew_ms"].as_i64().is_some_and(|skew| skew > 0), "the phone's clock is far behind");

    let scores = world.auditor.client.get(&format!("/v1/visits/{visit}/scores")).ok().await;
    let scores = scores["data"].as_array().expect("scores");
    assert_eq!(scores.len(), 1);
    let score = &scores[0];
    assert_eq!((score["score_version"].as_i64(), score["revision"].as_i64()), (Some(1), Some(1)));
    assert_eq!((score["revision_kind"].as_str(), score["score_bp"].as_i64()), (Some("submission"), Some(7225)));
    let result = &score["result"];
    let section = |id: &str| {
        let sections = result["sections"].as_array().expect("sections");
        sections.iter().find(|section| section["id"] == id).expect("the section")["score_bp"].clone()
    };
    assert_eq!((section("contact"), section("sale")), (json!(9375), json!(4000)));
    let items = result["items"].as_array().expect("items");
    let status = |id: &str| items.iter().find(|item| item["id"] == id).expect("the item")["status"].clone();
    assert_eq!((status("queue"), status("greet"), status("why")), (json!("na"), json!("ok"), json!("unanswered")));
}

async fn an_invalid_submit_is_kept_as_a_draft_with_all_problems(app: &TestApp) {
    let world = World::make(app).await;
    let (assignment, visit) = (world.assign_one().await, new_id());
    let recording = File::new("recording", &["front", "cellar"], "call.mp3", b"not sent".to_vec());
    let answers = json!({
        "greet": {"na": true}, "polite": {"v": 6}, "needs": {"v": "some"}, "offer": {"v": true},
        "honest": {"v": "yes"}, "why": {"v": "hidden"}, "made/up": {"v": 1}, "front": {"v": true},
    });
    let body = filing(&assignment, "submitted", &answers, &[&recording]);
    let refused = put(&world, &visit, &body).if_absent().problem(422, "kept_as_draft").await;
    let wanted = owned(&[
        ("/answers/greet", "na_not_allowed"),
        ("/answers/polite/v", "out_of_range"),
        ("/answers/front", "evidence_missing"),
        ("/answers/needs/v", "unknown_option"),
        ("/answers/honest/v", "bad_type"),
        ("/answers/why", "answer_for_hidden"),
        ("/answers/made~1up", "unknown_item"),
        ("/evidence/0/item_ids/0", "wrong_evidence_kind"),
        ("/evidence/0/item_ids/1", "unknown_ref"),
    ]);
    assert_eq!(refused.problems(), wanted, "{}", refused.describe());
    assert_eq!(refused.etag(), "\"1\"");
    let view = get(&world, &visit).await;
    assert_eq!((view["state"].as_str(), &view["draft"]), (Some("draft"), &body));
    assert_eq!((&view["score_bp"], &view["revision"]), (&Value::Null, &json!(0)));

    // The phone that lost the answer sends it again, and learns the same.
    let again = put(&world, &visit, &body).if_absent().problem(422, "kept_as_draft").await;
    assert_eq!((again.problems(), again.etag()), (wanted, "\"1\"".to_owned()));

    // Everything missing is named, in the order of the questionnaire.
    let body = filing(&assignment, "submitted", &json!({}), &[]);
    let refused = put(&world, &visit, &body).if_match("\"1\"").problem(422, "kept_as_draft").await;
    let missing = ["greet", "polite", "front", "needs", "offer", "honest"];
    let wanted: Vec<_> =
        missing.iter().map(|item| (format!("/answers/{item}"), "missing_required".to_owned())).collect();
    assert_eq!(refused.problems(), wanted);
    let files = proofs(&tiny::fair());
    let body = filing(&assignment, "submitted", &tiny::fair(), &files.iter().collect::<Vec<_>>());
    put(&world, &visit, &body).if_match(&refused.etag()).ok().await;
}

async fn problems_of_shape_keep_nothing(app: &TestApp) {
    let world = World::make(app).await;
    let (assignment, visit) = (world.assign_one().await, new_id());
    let body = json!({
        "assignment_id": assignment, "state": "sent", "outcome": "maybe",
        "answers": {"greet": {"v": true, "value": 1}, "polite": 4, "why": {"v": "a\u{0}b"}},
        "evidence": [
            {"id": "x", "item_ids": [1], "kind": "film", "file_name": "a/b.jpg", "sha256": "ABC", "bytes": -1},
            {"id": visit, "item_ids": [], "kind": "photo", "file_name": "same.jpg"},
            {"id": visit, "item_ids": [], "kind": "photo", "file_name": "same.jpg", "captured_at": "yesterday"},
        ],
        "device": {"at": 5, "imei": "3"},
        "extra": null,
    });
    put(&world, &visit, &body)
        .if_absent()
        .invalid(&[
            ("/state", "bad_value"),
            ("/outcome", "bad_value"),
            ("/extra", "unknown_field"),
            ("/answers/greet/value", "unknown_field"),
            ("/answers/polite", "bad_type"),
            ("/answers/why/v", "bad_character"),
            ("/evidence/0/id", "bad_id"),
            ("/evidence/0/item_ids/0", "bad_type"),
            ("/evidence/0/kind", "bad_value"),
            ("/evidence/0/file_name", "bad_character"),
            ("/evidence/0/sha256", "bad_value"),
            ("/evidence/0/bytes", "out_of_range"),
            ("/evidence/2/captured_at", "bad_time"),
            ("/evidence/2/id", "duplicate"),
            ("/evidence/2/file_name", "duplicate"),
            ("/device/at", "bad_time"),
            ("/device/imei", "unknown_field"),
        ])
        .await;
    world.auditor.client.get(&format!("/v1/visits/{visit}")).problem(404, "not_found").await;
    for body in [json!([]), json!("visit"), json!(null)] {
        put(&world, &visit, &body).if_absent().problem(422, "invalid").await;
    }
    put(&world, &visit, &json!({}))
        .if_absent()
        .invalid(&[("/assignment_id", "missing"), ("/state", "missing"), ("/answers", "missing")])
        .await;
    let draft = filing(&new_id(), "draft", &json!({}), &[]);
    put(&world, &visit, &draft).if_absent().invalid(&[("/assignment_id", "unknown_ref")]).await;
    put(&world, "seven", &draft).if_absent().problem(400, "malformed").await;
    assert_eq!(world.admin.client.get("/v1/visits").ok().await["data"], json!([]));
}

async fn the_manifest_must_prove_what_it_says(app: &TestApp) {
    let world = World::make(app).await;
    let assignments = world.assign(0, 3).await;
    // Either a photo or a recording proves `offer`, a document does not; `front` takes photos only.
    let attempt = async |assignment: &str, kind: &str, proves: &str| -> Answer {
        let (front, visit) = (File::front(), new_id());
        let proof = File::new(kind, &[proves], &format!("{visit}.bin"), visit.clone().into_bytes());
        let body = filing(assignment, "submitted", &tiny::fair(), &[&front, &proof]);
        put(&world, &visit, &body).if_absent().send().await
    };
    let refused = attempt(&assignments[0], "document", "offer").await.problem(422, "kept_as_draft");
    let wanted = [("/answers/offer", "evidence_missing"), ("/evidence/1/item_ids/0", "wrong_evidence_kind")];
    assert_eq!(refused.problems(), owned(&wanted));
    let refused = attempt(&assignments[1], "recording", "front").await.problem(422, "kept_as_draft");
    let wanted = [("/answers/offer", "evidence_missing"), ("/evidence/1/item_ids/0", "wrong_evidence_kind")];
    assert_eq!(refused.problems(), owned(&wanted));
    attempt(&assignments[2], "recording", "offer").await.expect(201);

    // An id that another visit's file has cannot be taken.
    let (front, offer) = (File::front(), File::offer());
    let assignments = world.assign(0, 2).await;
    let body = filing(&assignments[0], "draft", &json!({}), &[&front, &offer]);
    put(&world, &new_id(), &body).if_absent().created().await;
    let body = filing(&assignments[1], "draft", &json!({}), &[&front]);
    put(&world, &new_id(), &body).if_absent().invalid(&[("/evidence", "id_taken")]).await;
}

async fn conditions_guard_every_write(app: &TestApp) {
    let world = World::make(app).await;
    let (assignment, visit) = (world.assign_one().await, new_id());
    let draft = |n: u32| filing(&assignment, "draft", &json!({"why": {"v": format!("text {n}")}}), &[]);
    put(&world, &visit, &draft(1)).problem(428, "condition_missing").await;
    put(&world, &visit, &draft(1)).if_absent().if_match("\"1\"").problem(400, "bad_condition").await;
    put(&world, &visit, &draft(1)).header("if-none-match", "\"1\"").problem(400, "bad_condition").await;
    put(&world, &visit, &draft(1)).if_match("\"1\"").problem(412, "absent").await;
    put(&world, &visit, &draft(1)).if_match("*").problem(412, "absent").await;
    put(&world, &visit, &draft(1)).if_absent().created().await;
    assert_eq!(put(&world, &visit, &draft(2)).if_absent().problem(412, "stale").await.etag(), "\"1\"");
    assert_eq!(put(&world, &visit, &draft(2)).if_match("\"7\"").problem(412, "stale").await.etag(), "\"1\"");
    assert_eq!(put(&world, &visit, &draft(2)).if_match("W/\"1\"").problem(412, "stale").await.etag(), "\"1\"");
    assert_eq!(put(&world, &visit, &draft(2)).if_match("\"0\", \"1\"").send().await.expect(200).etag(), "\"2\"");
    assert_eq!(put(&world, &visit, &draft(3)).if_match("*").send().await.expect(200).etag(), "\"3\"");
    // A stale edit changed nothing.
    assert_eq!(put(&world, &visit, &draft(4)).if_match("\"2\"").problem(412, "stale").await.etag(), "\"3\"");
    assert_eq!(get(&world, &visit).await["draft"], draft(3));
    let other = filing(&world.assign_one().await, "draft", &json!({}), &[]);
    put(&world, &visit, &other).if_match("\"3\"").invalid(&[("/assignment_id", "unknown_ref")]).await;
}

async fn a_replay_gets_the_stored_answer_whatever_happened_since(app: &TestApp) {
    let world = World::make(app).await;
    let (assignment, visit, files) = (world.assign_one().await, new_id(), proofs(&tiny::fair()));
    let body = filing(&assignment, "submitted", &tiny::fair(), &files.iter().collect::<Vec<_>>());
    let first = put(&world, &visit, &body).if_absent().send().await.expect(201);
    for file in &files {
        file.upload(&world.auditor).await;
    }
    // Members in another order and other white space are the same write.
    let shuffled = format!(
        "{{ \"evidence\" : {}, \"answers\":{},\n\"state\":\"submitted\",\"assignment_id\":\"{assignment}\"}}",
        body["evidence"], body["answers"]
    );
    let path = format!("/v1/visits/{visit}");
    let replay = |condition: (&'static str, &'static str)| {
        let call = world.auditor.client.call(reqwest::Method::PUT, &path).header("content-type", "application/json");
        call.header(condition.0, condition.1).bytes(shuffled.clone())
    };
    let check = |answer: Answer| {
        let answer = answer.expect(201);
        assert_eq!((answer.body.clone(), answer.etag()), (first.body.clone(), first.etag()), "{}", answer.describe());
    };
    check(replay(("if-none-match", "*")).send().await);
    check(replay(("if-match", "\"99\"")).send().await);
    world.review(&visit, &["review", "approve", "publish"]).await;
    check(replay(("if-none-match", "*")).send().await);
    // Another write is no replay.
    let other = filing(&assignment, "submitted", &tiny::perfect(), &[&files[0]]);
    let answer = put(&world, &visit, &other).if_match("*").problem(409, "illegal_state").await;
    assert_eq!(
        answer.detail(),
        "The visit is published; cannot submit it. Allowed now: unpublish, correct, exclude, include."
    );
    let view = get(&world, &visit).await;
    assert_eq!((&view["revision"], &view["state"]), (&json!(1), &json!("published")));
}

async fn the_same_write_at_once_files_one_visit(app: &TestApp) {
    let world = World::make(app).await;
    let (assignment, visit, files) = (world.assign_one().await, new_id(), proofs(&tiny::fair()));
    let body = filing(&assignment, "submitted", &tiny::fair(), &files.iter().collect::<Vec<_>>());
    let puts = (0..16).map(|_| put(&world, &visit, &body).if_absent().send());
    let answers = futures_util::future::join_all(puts).await;
    for answer in &answers {
        assert_eq!(answer.status, 201, "{}", answer.describe());
        assert_eq!(answer.body, answers[0].body);
    }
    assert_eq!(get(&world, &visit).await["revision"], 1);
    let scores = world.auditor.client.get(&format!("/v1/visits/{visit}/scores")).ok().await;
    assert_eq!(scores["data"].as_array().map(Vec::len), Some(1));
    let events = world.admin.client.all("/v1/events", 200).await;
    assert_eq!(events.iter().filter(|event| event["kind"] == "visit.submitted").count(), 1);
}

async fn different_writes_at_once_have_one_winner(app: &TestApp) {
    let world = World::make(app).await;
    let (assignment, visit) = (world.assign_one().await, new_id());
    let draft = |n: usize| filing(&assignment, "draft", &json!({"why": {"v": format!("text {n}")}}), &[]);
    let bodies: Vec<_> = (0..12).map(draft).collect();
    let first = futures_util::future::join_all(bodies.iter().map(|body| put(&world, &visit, body).if_absent().send()));
    let first = first.await;
    let mut statuses: Vec<_> = first.iter().map(|answer| answer.status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [vec![201], vec![412; 11]].concat());
    let bodies: Vec<_> = (100..112).map(draft).collect();
    let then =
        futures_util::future::join_all(bodies.iter().map(|body| put(&world, &visit, body).if_match("\"1\"").send()));
    let then = then.await;
    let mut statuses: Vec<_> = then.iter().map(|answer| answer.status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [vec![200], vec![412; 11]].concat());
    let winner = then.iter().position(|answer| answer.status == 200).expect("a winner");
    assert_eq!(get(&world, &visit).await["draft"], bodies[winner], "what was answered is what is there");
}

async fn a_critical_failure_caps_the_score(app: &TestApp) {
    let world = World::make(app).await;
    let files = proofs(&tiny::dishonest());
    let body = filing(&world.assign_one().await, "submitted", &tiny::dishonest(), &files.iter().collect::<Vec<_>>());
    let filed = put(&world, &new_id(), &body).if_absent().created().await;
    let score = &filed["score"];
    assert_eq!((&score["score_bp"], &score["raw_bp"]), (&json!(4000), &json!(6425)));
    assert_eq!((&score["capped"], &score["passed"], &score["band"]), (&json!(true), &json!(false), &json!("C")));

    let front = File::front();
    let body = filing(&world.assign_one().await, "submitted", &tiny::perfect(), &[&front]);
    let filed = put(&world, &new_id(), &body).if_absent().created().await;
    assert_eq!((&filed["score"]["score_bp"], &filed["score"]["band"]), (&json!(10_000), &json!("A")));
}

async fn a_visit_that_could_not_be_made_needs_proof(app: &TestApp) {
    let world = World::make(app).await;
    let (assignment, visit) = (world.assign_one().await, new_id());
    let mut body = filing(&assignment, "submitted", &json!({}), &[]);
    body["outcome"] = json!("attempted");
    let refused = put(&world, &visit, &body).if_absent().problem(422, "kept_as_draft").await;
    assert_eq!(refused.problems(), owned(&[("/attempted_because", "missing"), ("/evidence", "missing")]));
    let door = File::new("photo", &[], "closed.jpg", b"door".to_vec());
    let mut body = filing(&assignment, "submitted", &json!({"greet": {"v": false, "comment": "Suletud"}}), &[&door]);
    body["outcome"] = json!("attempted");
    body["attempted_because"] = json!("closed");
    let filed = put(&world, &visit, &body).if_match(&refused.etag()).ok().await;
    assert_eq!((filed["state"].as_str(), &filed["score"]), (Some("submitted"), &Value::Null));
    assert_eq!((&filed["revision"], &filed["score_version"]), (&json!(1), &json!(0)));
    let view = get(&world, &visit).await;
    assert_eq!((view["outcome"].as_str(), &view["score_bp"]), (Some("attempted"), &Value::Null));
    assert_eq!(view["attempted_because"], "closed");
}

async fn late_data_is_kept_and_flagged(app: &TestApp) {
    let world = World::make(app).await;
    let mut late = world.assignment(0, Some(&world.auditor));
    late["window_end"] = json!("2020-01-02T00:00:00Z");
    let mut assignments = world.assign_in(&world.wave, vec![late]).await;
    assignments.extend(world.assign(0, 4).await);
    let [late, withdrawn, twice, closed, fine] = assignments.try_into().expect("five");
    let file = async |assignment: &str| -> (String, Value) {
        let (visit, front) = (new_id(), File::front());
        let body = filing(assignment, "submitted", &tiny::perfect(), &[&front]);
        let filed = put(&world, &visit, &body).if_absent().created().await;
        front.upload(&world.auditor).await;
        (visit, filed["quarantine_reason"].clone())
    };
    assert_eq!(file(&fine).await.1, Value::Null);
    assert_eq!(file(&late).await.1, "arrived_late");
    file(&twice).await;
    assert_eq!(file(&twice).await.1, "assignment_fulfilled");
    world.admin.client.act(&format!("/v1/assignments/{withdrawn}/cancel")).ok().await;
    let (visit, reason) = file(&withdrawn).await;
    assert_eq!(reason, "assignment_withdrawn");
    world.admin.client.act(&format!("/v1/waves/{}/close", world.wave)).ok().await;
    assert_eq!(file(&closed).await.1, "wave_closed");

    // A reviewer has to say why it counts all the same.
    let path = |mv: &str| format!("/v1/visits/{visit}/{mv}");
    world.reviewer.client.act(&path("review")).ok().await;
    let refused = world.reviewer.client.post(&path("approve"), &json!({})).problem(409, "quarantined").await;
    assert!(refused.detail().contains("assignment_withdrawn"), "{}", refused.describe());
    let because = json!({"quarantine_cleared_because": "Kliendiga kokku lepitud."});
    let view = world.reviewer.client.post(&path("approve"), &because).ok().await;
    assert_eq!((view["state"].as_str(), &view["quarantine_reason"]), (Some("approved"), &Value::Null));
}

async fn visits_belong_to_their_auditor(app: &TestApp) {
    let world = World::make(app).await;
    let (assignment, visit) = (world.assign_one().await, new_id());
    let draft = filing(&assignment, "draft", &json!({}), &[]);
    let other = &world.other_auditor.client;
    let path = format!("/v1/visits/{visit}");
    other.put(&path, &draft).if_absent().invalid(&[("/assignment_id", "unknown_ref")]).await;
    put(&world, &visit, &draft).if_absent().created().await;
    // The same bytes from somebody else are no replay.
    other.put(&path, &draft).if_absent().problem(404, "not_found").await;
    other.put(&path, &draft).if_match("*").problem(404, "not_found").await;
    for path in [path.clone(), format!("{path}/scores")] {
        other.get(&path).problem(404, "not_found").await;
        world.reviewer.client.get(&path).ok().await;
    }
    for person in [&world.admin, &world.reviewer] {
        person.client.put(&path, &draft).if_match("*").problem(403, "not_allowed").await;
    }
    for person in [world.chain_viewer(app).await, world.branch_manager(app).await] {
        person.client.get(&path).problem(403, "not_allowed").await;
    }
    // Another firm may use the same id, and neither learns of the other.
    let beta = World::named(app, "beta").await;
    beta.auditor.client.get(&path).problem(404, "not_found").await;
    beta.auditor.client.put(&path, &draft).if_absent().invalid(&[("/assignment_id", "unknown_ref")]).await;
    let theirs = filing(&beta.assign_one().await, "draft", &json!({"why": {"v": "beta"}}), &[]);
    put(&beta, &visit, &theirs).if_absent().created().await;
    assert_eq!(get(&world, &visit).await["draft"], draft);
    assert_eq!(get(&beta, &visit).await["draft"], theirs);
}

async fn visits_are_listed_by_state_and_evidence(app: &TestApp) {
    let world = World::make(app).await;
    let assignments = world.assign(0, 3).await;
    let whole = world.file(&assignments[0], &tiny::fair()).await;
    let (waiting, front) = (new_id(), File::front());
    let body = filing(&assignments[1], "submitted", &tiny::perfect(), &[&front]);
    put(&world, &waiting, &body).if_absent().created().await;
    let draft = new_id();
    put(&world, &draft, &filing(&assignments[2], "draft", &json!({}), &[])).if_absent().created().await;
    let list = async |query: &str| -> Vec<String> {
        world.reviewer.client.all(&format!("/v1/visits?{query}"), 1).await.iter().map(id_of).collect()
    };
    let mut sorted = vec![whole.clone(), waiting.clone(), draft.clone()];
    sorted.sort();
    assert_eq!(list("").await, sorted);
    assert_eq!(list("state=submitted&evidence_complete=true").await, [whole.as_str()]);
    assert_eq!(list("state=submitted&evidence_complete=false").await, [waiting.as_str()]);
    assert_eq!(list("state=draft").await, [draft.as_str()]);
    assert_eq!(list(&format!("branch_id={}", world.branches[1])).await, Vec::<String>::new());
    assert_eq!(list(&format!("wave_id={}", world.wave)).await, sorted);
    assert_eq!(world.other_auditor.client.all("/v1/visits", 50).await, Vec::<Value>::new());
    let rows = world.reviewer.client.all("/v1/visits?state=submitted&evidence_complete=true", 50).await;
    assert_eq!((&rows[0]["score_bp"], &rows[0]["evidence"]["arrived"]), (&json!(7225), &json!(2)));
}

async fn limits_of_size_and_form(app: &TestApp) {
    let world = World::make(app).await;
    let (assignment, visit) = (world.assign_one().await, new_id());
    let raw = |body: Vec<u8>| {
        let call = world.auditor.client.call(reqwest::Method::PUT, &format!("/v1/visits/{visit}"));
        call.header("content-type", "application/json").if_absent().bytes(body)
    };
    raw(b"{\"assignment_id\":".to_vec()).problem(400, "malformed_json").await;
    raw(b"\xff\xfe{}".to_vec()).problem(400, "malformed_json").await;
    too_large(app, &world, &visit).await;
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    raw(deep.into_bytes()).problem(400, "json_too_deep").await;
    let long = json!({"why": {"v": "õ".repeat(5_001)}, "greet": {"v": true, "comment": "x".repeat(5_001)}});
    put(&world, &visit, &filing(&assignment, "draft", &long, &[]))
        .if_absent()
        .invalid(&[("/answers/greet/comment", "too_long"), ("/answers/why/v", "too_long")])
        .await;
    let many: serde_json::Map<_, _> = (0..501).map(|n| (format!("i{n}"), json!({"v": true}))).collect();
    put(&world, &visit, &filing(&assignment, "draft", &Value::Object(many), &[]))
        .if_absent()
        .invalid(&[("/answers", "too_many")])
        .await;
    // Numbers that no computer should trip over.
    let odd = json!({"polite": {"v": 1e300}, "greet": {"v": 9_007_199_254_740_993_u64}, "needs": {"v": "💥"}});
    let body = filing(&assignment, "submitted", &odd, &[]);
    let refused = put(&world, &visit, &body).if_absent().send().await;
    assert_eq!(refused.status, 422, "{}", refused.describe());
    world.auditor.client.get("/v1/nowhere").problem(404, "no_such_address").await;
    world.auditor.client.delete(&format!("/v1/visits/{visit}")).problem(405, "method_not_allowed").await;
}

/// Two mebibytes are the limit, whether the size is announced or not.
async fn too_large(app: &TestApp, world: &World, visit: &str) {
    let limit = 2 * 1024 * 1024;
    let head = format!(
        "PUT /v1/visits/{visit} HTTP/1.1\r\nHost: peegel\r\nAuthorization: Bearer {}\r\nIf-None-Match: *\r\n\
         Content-Type: application/json\r\nConnection: close\r\n",
        world.auditor.client.token(),
    );
    let announced = format!("{head}Content-Length: {}\r\n\r\n", limit + 1).into_bytes();
    let mut counted = format!("{head}Transfer-Encoding: chunked\r\n\r\n{:x}\r\n", limit + 1).into_bytes();
    counted.resize(counted.len() + limit + 1, b' ');
    for request in [announced, counted] {
        let mut wire = Wire::connect(&app.base()).await.expect("a connection");
        wire.send(&request).await;
        let answer = wire.answer().await;
        assert!(answer.starts_with("HTTP/1.1 413 ") && answer.contains("\"too_large\""), "{answer}");
    }
}
