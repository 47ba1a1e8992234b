//! Working without a network: pushing visits that waited, and learning what changed.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::receipts::{keys_file, verdict, verify};
use crate::support::app::{Kind, TestApp};
use crate::support::chain::{checked_events, count};
use crate::support::client::Client;
use crate::support::files::sha256;
use crate::support::sealed::resealed;
use crate::support::world::{File, Person, World, filing};
use crate::support::{new_id, on_both, tiny};

on_both!(
    each_pushed_visit_has_a_result_of_its_own,
    what_is_wrong_around_the_visits_is_named_at_once,
    pushing_again_changes_nothing,
    changes_of_one_visit_are_made_in_turn,
    a_copy_may_come_with_its_original,
    nobody_learns_of_assignments_of_others,
    a_visit_without_its_assignment_is_told_with_its_standard,
    what_only_a_draft_names_has_no_receipt,
    no_clock_is_refused,
    an_evidence_receipt_lists_what_is_durable,
    a_changed_evidence_receipt_fails,
    a_phone_learns_everything_page_by_page,
    a_phone_learns_what_changed,
    a_second_phone_learns_that_work_has_begun,
    what_is_lost_comes_once_as_deleted,
    a_closed_wave_leaves_the_job_board,
    nothing_comes_to_the_job_board_of_a_closed_wave,
    another_device_sees_that_a_draft_moved_on,
    a_cursor_is_for_whom_it_was_given_to,
    old_cursors_end,
    a_cursor_is_good_for_ninety_days,
    a_page_costs_the_same_beside_many_facts,
    work_in_other_hands_is_kept,
    the_loser_of_two_devices_is_filed_as_a_copy,
    a_copy_leaves_the_assignment_to_the_first,
    a_slow_network_costs_no_deadline,
    more_evidence_is_a_new_revision,
);

const PUSH: &str = "/v1/sync/push";
const CHANGES: &str = "/v1/sync/changes";

/// An item that creates.
fn creates(visit: &str, body: &Value) -> Value {
    json!({"visit_id": visit, "if_none_match": "*", "visit": body})
}

async fn push(client: &Client, items: &[Value]) -> Vec<Value> {
    let answer = client.post(PUSH, &json!({"items": items})).ok().await;
    assert!(answer["server_time"].is_string());
    answer["results"].as_array().expect("results").clone()
}

fn statuses(results: &[Value]) -> Vec<(&str, u64)> {
    results
        .iter()
        .map(|r| (r["status"].as_str().expect("a word"), r["http_status"].as_u64().expect("a status")))
        .collect()
}

async fn each_pushed_visit_has_a_result_of_its_own(app: &TestApp) {
    let world = World::make(app).await;
    let a = world.assign(0, 4).await;
    let (front, other) = (File::front(), File::front());
    let fine = filing(&a[0], "submitted", &tiny::perfect(), &[&front]);
    let draft = filing(&a[1], "draft", &json!({}), &[]);
    let lacking = filing(&a[2], "submitted", &json!({}), &[]);
    let mut shapeless = draft.clone();
    shapeless["made_up"] = json!(1);
    let taken = new_id();
    world
        .auditor
        .client
        .put(&format!("/v1/visits/{taken}"), &filing(&a[3], "draft", &json!({}), &[]))
        .if_absent()
        .created()
        .await;
    let foreign = new_id();
    let theirs = world.assign_in(&world.wave, vec![world.assignment(0, Some(&world.other_auditor))]).await.remove(0);
    let body = filing(&theirs, "draft", &json!({}), &[]);
    world.other_auditor.client.put(&format!("/v1/visits/{foreign}"), &body).if_absent().created().await;
    let items = [
        creates(&new_id(), &fine),
        creates(&new_id(), &draft),
        creates(&new_id(), &lacking),
        creates(&new_id(), &shapeless),
        creates(&taken, &filing(&a[3], "submitted", &tiny::perfect(), &[&other])),
        json!({"visit_id": taken, "if_match": "\"1\"", "visit": filing(&a[3], "draft", &tiny::fair(), &[])}),
        json!({"visit_id": new_id(), "visit": draft}),
        creates(&foreign, &body),
        creates(&new_id(), &json!(7)),
    ];
    let results = push(&world.auditor.client, &items).await;
    let wanted = [
        ("created", 201),
        ("created", 201),
        ("invalid", 422),
        ("invalid", 422),
        ("conflict", 412),
        ("updated", 200),
        ("invalid", 428),
        ("refused", 404),
        ("invalid", 422),
    ];
    assert_eq!(statuses(&results), wanted, "{results:#?}");
    for (item, result) in items.iter().zip(&results) {
        assert_eq!(item["visit_id"], result["visit_id"]);
        assert_eq!(result["retryable"], false);
        assert_eq!(result["saved"].is_null(), !result["problem"].is_null(), "{result}");
    }
    assert_eq!((&results[0]["saved"]["score"]["score_bp"], &results[0]["etag"]), (&json!(10_000), &json!("\"1\"")));
    assert_eq!((&results[2]["problem"]["code"], &results[2]["etag"]), (&json!("kept_as_draft"), &json!("\"1\"")));
    assert_eq!(results[3]["problem"]["errors"][0]["pointer"], "/made_up", "pointers are into the visit");
    assert_eq!((&results[4]["problem"]["code"], &results[4]["etag"]), (&json!("stale"), &json!("\"1\"")));
    for (n, state) in [(0, "submitted"), (1, "draft"), (2, "draft"), (5, "draft")] {
        let path = format!("/v1/visits/{}", items[n]["visit_id"].as_str().expect("an id"));
        assert_eq!(world.auditor.client.get(&path).ok().await["state"], state);
    }
}

async fn what_is_wrong_around_the_visits_is_named_at_once(app: &TestApp) {
    let world = World::make(app).await;
    let client = &world.auditor.client;
    app.client().post(PUSH, &json!({"items": []})).problem(401, "unauthenticated").await;
    world.reviewer.client.post(PUSH, &json!({"items": []})).problem(403, "not_allowed").await;
    client.post(PUSH, &json!([])).problem(422, "invalid").await;
    client.post(PUSH, &json!({})).invalid(&[("/items", "missing")]).await;
    let draft = filing(&world.assign_one().await, "draft", &json!({}), &[]);
    let visit = new_id();
    let body = json!({
        "items": [creates(&visit, &draft), {"visit_id": "x"}, {"visit_id": new_id(), "visit": draft, "etag": 1}], "x": 1,
    });
    client
        .post(PUSH, &body)
        .invalid(&[
            ("/x", "unknown_field"),
            ("/items/1/visit_id", "bad_id"),
            ("/items/1/visit", "missing"),
            ("/items/2/etag", "unknown_field"),
        ])
        .await;
    client.get(&format!("/v1/visits/{visit}")).problem(404, "not_found").await;
    let many: Vec<_> = (0..101).map(|_| creates(&new_id(), &draft)).collect();
    client.post(PUSH, &json!({"items": many})).invalid(&[("/items", "too_many")]).await;
    let mut large = draft.clone();
    large["answers"] = json!({"why": {"v": "x".repeat(1024 * 1024)}});
    client.post(PUSH, &json!({"items": [creates(&visit, &large)]})).problem(413, "too_large").await;
}

async fn pushing_again_changes_nothing(app: &TestApp) {
    let world = World::make(app).await;
    let files: Vec<_> = (0..20).map(|_| File::front()).collect();
    let assignments = world.assign(0, 20).await;
    let items: Vec<_> = assignments
        .iter()
        .zip(&files)
        .map(|(assignment, file)| creates(&new_id(), &filing(assignment, "submitted", &tiny::perfect(), &[file])))
        .collect();
    let first = push(&world.auditor.client, &items).await;
    assert_eq!(statuses(&first), vec![("created", 201); 20]);
    let events = world.admin.client.all("/v1/events", 200).await;
    let again = push(&world.auditor.client, &items).await;
    assert_eq!(statuses(&again), vec![("unchanged", 201); 20]);
    for (one, other) in first.iter().zip(&again) {
        assert_eq!((&one["saved"], &one["etag"]), (&other["saved"], &other["etag"]));
    }
    assert_eq!(world.admin.client.all("/v1/events", 200).await, events, "nothing happened");
}

async fn changes_of_one_visit_are_made_in_turn(app: &TestApp) {
    let world = World::make(app).await;
    let (assignment, visit, front) = (world.assign_one().await, new_id(), File::front());
    let change = |tag: &str, state: &str, answers: &Value| json!({"visit_id": visit, "if_match": tag, "visit": filing(&assignment, state, answers, &[&front])});
    let items = [
        creates(&visit, &filing(&assignment, "draft", &json!({}), &[])),
        change("\"1\"", "draft", &tiny::fair()),
        change("\"1\"", "draft", &json!({})),
        change("\"2\"", "submitted", &tiny::perfect()),
    ];
    let results = push(&world.auditor.client, &items).await;
    assert_eq!(statuses(&results), [("created", 201), ("updated", 200), ("conflict", 412), ("updated", 200)]);
    assert_eq!(results[3]["saved"]["state"], "submitted");
    // The answer was lost. What a later change of the push has overtaken is no conflict that anybody has to look at.
    let again = push(&world.auditor.client, &items).await;
    assert_eq!(statuses(&again), [("unchanged", 200); 4]);
    for result in &again {
        assert_eq!((&result["etag"], &result["problem"]), (&json!("\"3\""), &Value::Null));
    }
    // What another device has changed since is one.
    let body = filing(&assignment, "submitted", &tiny::fair(), &[&front]);
    world.auditor.client.put(&format!("/v1/visits/{visit}"), &body).if_match("\"3\"").send().await.expect(409);
    assert_eq!(statuses(&push(&world.auditor.client, &items[..3]).await), [("conflict", 412); 3]);
}

async fn a_copy_may_come_with_its_original(app: &TestApp) {
    let world = World::make(app).await;
    let (assignment, [visit, copy]) = (world.assign_one().await, [new_id(), new_id()]);
    let mut body = filing(&assignment, "draft", &json!({}), &[]);
    body["copy_of"] = json!(visit);
    let items = [creates(&copy, &body), creates(&visit, &filing(&assignment, "draft", &json!({}), &[]))];
    assert_eq!(statuses(&push(&world.auditor.client, &items).await), [("created", 201); 2]);
    assert_eq!(statuses(&push(&world.auditor.client, &items).await), [("unchanged", 201); 2]);
}

async fn nobody_learns_of_assignments_of_others(app: &TestApp) {
    let world = World::make(app).await;
    let theirs = world.assign_in(&world.wave, vec![world.assignment(0, Some(&world.other_auditor))]).await.remove(0);
    let answer = async |assignment: &str, tag: Option<&str>| {
        let put = world
            .auditor
            .client
            .put(&format!("/v1/visits/{}", new_id()), &filing(assignment, "draft", &json!({}), &[]));
        let call = if let Some(tag) = tag { put.if_match(tag) } else { put.if_absent() };
        let answer = call.problem(422, "invalid").await;
        (answer.problems(), answer.detail())
    };
    for tag in [None, Some("\"1\"")] {
        assert_eq!(answer(&theirs, tag).await, answer(&new_id(), tag).await);
    }
    // Nor how busy the firm is.
    let cursor = world.auditor.client.get(CHANGES).ok().await["next_cursor"].as_str().expect("a cursor").to_owned();
    let again = world.auditor.client.get(CHANGES).ok().await["next_cursor"].as_str().expect("a cursor").to_owned();
    assert_ne!(cursor, again, "sealed");
    for cursor in [&cursor, &again] {
        world.auditor.client.get(&format!("{CHANGES}?cursor={cursor}")).ok().await;
        world.other_auditor.client.get(&format!("{CHANGES}?cursor={cursor}")).problem(400, "bad_cursor").await;
    }
}

async fn a_visit_without_its_assignment_is_told_with_its_standard(app: &TestApp) {
    let world = World::make(app).await;
    let (assignment, visit) = (world.assign_one().await, new_id());
    let body = filing(&assignment, "draft", &json!({}), &[]);
    world.auditor.client.put(&format!("/v1/visits/{visit}"), &body).if_absent().created().await;
    world.admin.client.act(&format!("/v1/assignments/{assignment}/cancel")).ok().await;
    let page = world.auditor.client.get(CHANGES).ok().await;
    let types: Vec<_> =
        page["changes"].as_array().expect("changes").iter().map(|change| change["type"].clone()).collect();
    assert!(types.contains(&json!("standard")) && types.contains(&json!("visit")), "{page}");
    assert!(!types.contains(&json!("assignment")), "{page}");
}

async fn what_only_a_draft_names_has_no_receipt(app: &TestApp) {
    let world = World::make(app).await;
    let (assignment, visit) = (world.assign_one().await, new_id());
    let front = File::front();
    let body = filing(&assignment, "draft", &tiny::perfect(), &[&front]);
    world.auditor.client.put(&format!("/v1/visits/{visit}"), &body).if_absent().created().await;
    front.upload(&world.auditor).await;
    let answer = world.auditor.client.get(&receipt_path(&visit)).send().await.expect(200);
    let receipt = answer.json();
    assert_eq!((&receipt["complete"], &receipt["files"], &receipt["revision"]), (&json!(false), &json!([]), &json!(0)));
    let keys = keys_file(app).await;
    assert_eq!(verdict(&verify(&answer.body, &[&keys]).await.expect(0))["ok"], true);
    let body = filing(&assignment, "submitted", &tiny::perfect(), &[&front]);
    world.auditor.client.put(&format!("/v1/visits/{visit}"), &body).if_match("\"1\"").ok().await;
    let receipt = world.auditor.client.get(&receipt_path(&visit)).ok().await;
    assert_eq!((&receipt["complete"], &receipt["revision"]), (&json!(true), &json!(1)));
    assert_eq!(receipt["files"][0]["evidence_id"], front.id.as_str());
}

async fn no_clock_is_refused(app: &TestApp) {
    let world = World::make(app).await;
    let assignments = world.assign(0, 3).await;
    let clocks = ["1970-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "2026-03-12T14:00:00+14:00"];
    for (assignment, clock) in assignments.iter().zip(clocks) {
        let (visit, front) = (new_id(), File::front());
        let mut body = filing(assignment, "submitted", &tiny::perfect(), &[&front]);
        body["device"] = json!({"at": clock, "monotonic_ms": 0, "model": visit});
        let now = world.auditor.client.post(PUSH, &json!({"items": []})).ok().await["server_time"].clone();
        let sent = json!({"at": now, "monotonic_ms": 9_007_199_254_740_991_i64});
        let push = json!({"items": [creates(&visit, &body)], "device": sent});
        let answer = world.auditor.client.post(PUSH, &push).ok().await;
        assert_eq!(answer["results"][0]["status"], "created");
        let view = world.auditor.client.get(&format!("/v1/visits/{visit}")).ok().await;
        let skew = view["skew_ms"].as_i64().expect("a skew");
        assert!(skew.abs() < 60_000, "the clock at the moment of sending counts, not that of the visit: {skew}");
        assert!(view["device_at"].is_string());
        let stored = app.query(&format!("SELECT device FROM revisions WHERE device LIKE '%{visit}%'")).await;
        let device: String = stored[0].try_get("", "device").expect("the device");
        let device: Value = serde_json::from_str(&device).expect("JSON");
        assert_eq!((&device["monotonic_ms"], &device["sent"]["monotonic_ms"]), (&json!(0), &sent["monotonic_ms"]));
    }
}

fn receipt_path(visit: &str) -> String {
    format!("/v1/visits/{visit}/evidence-receipt")
}

/// A visit with a file that arrived, one that is lost and one that is missing.
async fn three_files(world: &World) -> (String, [File; 3]) {
    let (visit, files) = (new_id(), [File::front(), File::front(), File::front()]);
    let body = filing(&world.assign_one().await, "submitted", &tiny::perfect(), &files.each_ref());
    world.auditor.client.put(&format!("/v1/visits/{visit}"), &body).if_absent().created().await;
    files[0].upload(&world.auditor).await;
    let reason = json!({"reason": "Telefon kukkus vette."});
    world.auditor.client.post(&format!("/v1/evidence/{}/lost", files[1].id), &reason).ok().await;
    (visit, files)
}

async fn an_evidence_receipt_lists_what_is_durable(app: &TestApp) {
    let world = World::make(app).await;
    let path = receipt_path(&new_id());
    app.client().get(&path).problem(401, "unauthenticated").await;
    world.auditor.client.get(&path).problem(404, "not_found").await;
    let (visit, files) = three_files(&world).await;
    let path = receipt_path(&visit);
    world.other_auditor.client.get(&path).problem(404, "not_found").await;
    world.chain_viewer(app).await.client.get(&path).problem(403, "not_allowed").await;
    let answer = world.auditor.client.get(&path).send().await.expect(200);
    assert_eq!(answer.etag(), format!("\"{}\"", sha256(&answer.body)));
    let receipt = answer.json();
    assert_eq!((&receipt["format"], &receipt["revision"]), (&json!("peegel.evidence-receipt/1"), &json!(1)));
    assert_eq!((&receipt["visit_id"], &receipt["complete"]), (&json!(visit), &json!(false)));
    let stored = &receipt["files"].as_array().expect("files")[0];
    assert_eq!((&stored["evidence_id"], &stored["sha256"]), (&json!(files[0].id), &json!(sha256(&files[0].bytes))));
    assert_eq!((&stored["bytes"], &stored["file_name"]), (&json!(files[0].bytes.len()), &files[0].entry["file_name"]));
    assert!(stored["stored_at"].is_string());
    let lost = json!([{"evidence_id": files[1].id, "file_name": files[1].entry["file_name"], "reason": "Telefon kukkus vette."}]);
    assert_eq!(receipt["lost"], lost);
    assert_eq!(receipt["missing"], json!([{"evidence_id": files[2].id, "file_name": files[2].entry["file_name"]}]));
    for person in [&world.reviewer, &world.admin] {
        assert_eq!(person.client.get(&path).send().await.expect(200).body, answer.body, "the same bytes for all");
    }
    let unchanged = world.auditor.client.get(&path).header("if-none-match", &answer.etag()).send().await;
    unchanged.expect(304);

    let keys = keys_file(app).await;
    let said = verify(&answer.body, &[&keys]).await.expect(0);
    let found = verdict(&said);
    assert_eq!((&found["ok"], &found["visit"], &found["files"]), (&json!(true), &json!(visit), &json!(1)));
    assert_eq!((&found["complete"], &found["key"]), (&json!(false), &json!("given")));
    files[2].upload(&world.auditor).await;
    let answer = world.auditor.client.get(&path).send().await.expect(200);
    assert_eq!(answer.json()["complete"], true);
    let said = verify(&answer.body, &[]).await.expect(0);
    assert!(verdict(&said)["notes"][0].as_str().expect("a note").contains("identity was not checked"));
}

async fn a_changed_evidence_receipt_fails(app: &TestApp) {
    // The command knows no database.
    if app.kind() == Kind::Postgres {
        return;
    }
    let world = World::make(app).await;
    let (visit, _) = three_files(&world).await;
    let receipt = world.auditor.client.get(&receipt_path(&visit)).send().await.expect(200);
    let text = String::from_utf8(receipt.body.clone()).expect("text");
    let hash = receipt.json()["files"][0]["sha256"].as_str().expect("a hash").to_owned();
    for changed in [
        text.replace("\"complete\":false", "\"complete\":true"),
        text.replace(&hash, &sha256(b"other")),
        text.replace("\"revision\":1", "\"revision\":2"),
        text.replace(':', ": "),
        text.replace("peegel.evidence-receipt/1", "peegel.receipt/1"),
        text.replace("\"missing\":[", "\"missing\":[7,"),
    ] {
        assert_ne!(changed, text);
        let said = verify(changed.as_bytes(), &[]).await.expect(1);
        assert!(!verdict(&said)["problems"].as_array().expect("problems").is_empty());
    }
}

/// All pages from a cursor on: what changed, the drafts of the last page, and the cursor for later.
async fn pull(client: &Client, cursor: Option<&str>, limit: u32) -> (Vec<Value>, Vec<Value>, String) {
    let (mut changes, mut cursor) = (Vec::new(), cursor.map(ToOwned::to_owned));
    loop {
        let at = cursor.map(|cursor| format!("&cursor={cursor}")).unwrap_or_default();
        let page = client.get(&format!("/v1/sync/changes?limit={limit}{at}")).ok().await;
        let entries = page["changes"].as_array().expect("changes");
        let facts = entries.iter().filter(|change| change["type"] != "standard").count();
        // Filing a visit tells of its assignment too.
        assert!(facts <= 2 * limit as usize, "{facts}");
        changes.extend(entries.iter().cloned());
        let next = page["next_cursor"].as_str().expect("a cursor").to_owned();
        if page["has_more"] == false {
            return (changes, page["drafts"].as_array().expect("drafts").clone(), next);
        }
        assert!(page["drafts"].is_null());
        cursor = Some(next);
    }
}

/// `type id` of what is there, and of what is deleted, with the last word on each.
fn told(changes: &[Value]) -> BTreeMap<String, bool> {
    let name = |change: &Value| {
        format!("{} {}", change["type"].as_str().expect("a type"), change["id"].as_str().expect("an id"))
    };
    changes.iter().map(|change| (name(change), change["deleted"].as_bool().expect("a flag"))).collect()
}

fn there(kind: &str, ids: &[&String]) -> BTreeMap<String, bool> {
    ids.iter().map(|id| (format!("{kind} {id}"), false)).collect()
}

async fn a_phone_learns_everything_page_by_page(app: &TestApp) {
    let world = World::make(app).await;
    let client = &world.auditor.client;
    let (empty, drafts, _) = pull(client, None, 50).await;
    assert_eq!((empty, drafts), (vec![], vec![]));
    let own = world.assign(0, 5).await;
    let open = world.assign_in(&world.wave, vec![world.assignment(1, None); 4]).await;
    world.assign_in(&world.wave, vec![world.assignment(1, Some(&world.other_auditor)); 3]).await;
    let done = world.publish(0, &tiny::fair()).await;
    let filed = world.file(&own[0], &tiny::fair()).await;
    let mut wanted = there("assignment", &own.iter().chain(&open).collect::<Vec<_>>());
    wanted.extend(there("visit", &[&filed]));
    wanted.insert("standard tiny/1".to_owned(), false);
    for limit in [1, 3, 4, 50] {
        let (changes, ..) = pull(client, None, limit).await;
        assert_eq!(told(&changes), wanted, "limit {limit}; {done} is decided");
        let once = changes.iter().filter(|change| change["type"] != "standard").count();
        assert_eq!(once, 10, "each once");
    }
    let (changes, ..) = pull(client, None, 200).await;
    let first = &changes[0];
    assert_eq!(
        (first["type"].as_str(), first["object"]["href"].as_str()),
        (Some("standard"), Some("/v1/standards/tiny/versions/1"))
    );
    let document = client.get("/v1/standards/tiny/versions/1").send().await.expect(200);
    assert_eq!(format!("\"{}\"", first["object"]["sha256"].as_str().expect("a hash")), document.etag());
    assert_eq!(first["etag"], document.etag());
    assert_eq!(document.header("cache-control"), "private, max-age=31536000, immutable");
    let one = changes.iter().find(|change| change["id"] == own[1].as_str()).expect("the assignment");
    let view = client.get(&format!("/v1/assignments/{}", own[1])).ok().await;
    assert_eq!(one["object"], view, "all that a phone needs to go there");
    let visit = changes.iter().find(|change| change["id"] == filed.as_str()).expect("the visit");
    assert_eq!((visit["etag"].as_str(), &visit["object"]["state"]), (Some("\"1\""), &json!("submitted")));
}

async fn a_second_phone_learns_that_work_has_begun(app: &TestApp) {
    let world = World::make(app).await;
    let client = &world.auditor.client;
    let own = world.assign_one().await;
    let (_, _, cursor) = pull(client, None, 50).await;
    let visit = new_id();
    let body = filing(&own, "draft", &json!({}), &[]);
    let saved = client.put(&format!("/v1/visits/{visit}"), &body).if_absent().created().await;
    let (changes, _, cursor) = pull(client, Some(&cursor), 50).await;
    let assignment = changes.iter().find(|change| change["type"] == "assignment").expect("the assignment");
    assert_eq!(assignment["object"]["state"], "started");
    // Once: later drafts leave no fact.
    let body = filing(&own, "draft", &json!({"greet": {"v": true}}), &[]);
    let etag = saved["etag"].as_str().expect("a tag");
    client.put(&format!("/v1/visits/{visit}"), &body).if_match(etag).send().await.expect(200);
    let (changes, ..) = pull(client, Some(&cursor), 50).await;
    assert_eq!(changes, Vec::<Value>::new());
}

async fn a_phone_learns_what_changed(app: &TestApp) {
    let world = World::make(app).await;
    let client = &world.auditor.client;
    let own = world.assign(0, 2).await;
    let (_, _, cursor) = pull(client, None, 50).await;
    let (changes, _, cursor) = pull(client, Some(&cursor), 50).await;
    assert_eq!(changes, Vec::<Value>::new(), "nothing twice");
    let (visit, files) = (new_id(), [File::front(), File::front()]);
    let body = filing(&own[0], "submitted", &tiny::perfect(), &files.each_ref());
    client.put(&format!("/v1/visits/{visit}"), &body).if_absent().created().await;
    files[0].upload(&world.auditor).await;
    let (changes, _, cursor) = pull(client, Some(&cursor), 50).await;
    let mut wanted = there("assignment", &[&own[0]]);
    wanted.extend(there("visit", &[&visit]));
    wanted.insert("standard tiny/1".to_owned(), false);
    assert_eq!((told(&changes), changes.len()), (wanted, 3), "several changes of one thing are one entry");
    let of_visit =
        |changes: &[Value]| changes.iter().find(|change| change["type"] == "visit").expect("a visit")["object"].clone();
    let evidence = of_visit(&changes)["evidence"].clone();
    assert_eq!((&evidence["arrived"], &evidence["total"]), (&json!(1), &json!(2)));
    assert_eq!(evidence["missing"], json!([{"id": files[1].id, "file_name": files[1].entry["file_name"]}]));
    let assignment = changes.iter().find(|change| change["type"] == "assignment").expect("an assignment");
    assert_eq!(assignment["object"]["state"], "fulfilled");
    files[1].upload(&world.auditor).await;
    world.review(&visit, &["review", "return"]).await;
    let (changes, drafts, _) = pull(client, Some(&cursor), 1).await;
    let object = of_visit(&changes[changes.len() - 1..]);
    assert_eq!(object["state"], "returned");
    assert!(object["review_reason"].is_string());
    assert_eq!(drafts.len(), 1, "what is returned can be written");
}

async fn what_is_lost_comes_once_as_deleted(app: &TestApp) {
    let world = World::make(app).await;
    let (client, other) = (&world.auditor.client, &world.other_auditor.client);
    let own = world.assign(0, 3).await;
    let open = world.assign_in(&world.wave, vec![world.assignment(1, None); 2]).await;
    let (_, _, cursor) = pull(client, None, 50).await;
    let (_, _, others) = pull(other, None, 50).await;
    let act = async |client: &Client, id: &str, verb: &str| {
        drop(client.act(&format!("/v1/assignments/{id}/{verb}")).ok().await)
    };
    act(client, &own[0], "hand-back").await;
    act(client, &own[1], "decline").await;
    act(&world.admin.client, &own[2], "cancel").await;
    act(other, &open[0], "claim").await;
    act(&world.admin.client, &open[1], "cancel").await;
    let (changes, _, cursor) = pull(client, Some(&cursor), 2).await;
    let name = |id: &String| format!("assignment {id}");
    let found = told(&changes);
    assert!(!found[&name(&own[0])], "it is on the job board now");
    for id in [&own[1], &own[2], &open[0], &open[1]] {
        assert!(found[&name(id)], "{id} is gone");
    }
    let gone = changes.iter().find(|change| change["deleted"] == true).expect("one");
    assert!(gone["object"].is_null(), "nothing is told of what is another's");
    let (changes, _, others) = pull(other, Some(&others), 50).await;
    let wanted = [(name(&own[0]), false), (name(&open[0]), false), (name(&open[1]), true)];
    let found: BTreeMap<_, _> = told(&changes).into_iter().filter(|(name, _)| name.starts_with("assignment")).collect();
    assert_eq!(found, wanted.into(), "another auditor learns of the job board only");
    act(other, &own[0], "claim").await;
    let (changes, _, cursor) = pull(client, Some(&cursor), 50).await;
    assert_eq!(told(&changes), BTreeMap::from([(name(&own[0]), true)]));
    // What goes on with it in other hands is no business of the first phone's.
    world.admin.client.act(&format!("/v1/assignments/{}/cancel", own[0])).ok().await;
    assert_eq!(pull(client, Some(&cursor), 50).await.0, Vec::<Value>::new());
    assert!(told(&pull(other, Some(&others), 50).await.0)[&name(&own[0])]);
}

async fn a_closed_wave_leaves_the_job_board(app: &TestApp) {
    let world = World::make(app).await;
    let (client, other) = (&world.auditor.client, &world.other_auditor.client);
    let summer = world.add_wave("2026 summer", "regular", "2026-06-01", "2026-08-31").await;
    // More than one statement can take.
    let mut open = Vec::new();
    for _ in 0..3 {
        open.extend(world.assign_in(&world.wave, vec![world.assignment(1, None); 1000]).await);
    }
    let elsewhere = world.assign_in(&summer, vec![world.assignment(1, None)]).await.remove(0);
    let claimed = open.pop().expect("an assignment");
    client.act(&format!("/v1/assignments/{claimed}/claim")).ok().await;
    let (_, _, cursor) = pull(client, None, 200).await;
    let (_, _, others) = pull(other, None, 200).await;
    world.close_wave(&world.wave).await;

    let name = |id: &String| format!("assignment {id}");
    let gone: BTreeMap<_, _> = open.iter().map(|id| (name(id), true)).collect();
    let (changes, _, cursor) = pull(client, Some(&cursor), 200).await;
    assert_eq!(changes.len(), open.len(), "each once");
    assert!(told(&changes) == gone, "what nobody took is gone; what was claimed is not");
    assert!(told(&pull(other, Some(&others), 200).await.0) == gone);
    let wanted = there("assignment", &[&elsewhere]);
    let of = |found: Vec<Value>| found.into_iter().filter(|change| change["type"] == "assignment").collect::<Vec<_>>();
    assert_eq!(told(&of(pull(other, None, 50).await.0)), wanted, "another phone never hears of them");
    assert_eq!(other.all("/v1/assignments", 50).await.len(), 1);
    for verb in ["", "/claim"] {
        let path = format!("/v1/assignments/{}{verb}", open[0]);
        let call = if verb.is_empty() { other.get(&path) } else { other.act(&path) };
        call.problem(404, "not_found").await;
    }
    let view = world.admin.client.get(&format!("/v1/assignments/{}", open[0])).ok().await;
    assert_eq!((&view["state"], &view["auditor_id"]), (&json!("expired"), &Value::Null));
    let expired = count(&checked_events(&world.admin.client).await, "assignment.expired");
    assert_eq!(expired, open.len());

    // What is handed back now is for nobody, and work on it is kept all the same.
    let path = format!("/v1/assignments/{claimed}");
    assert_eq!(client.act(&format!("{path}/hand-back")).ok().await["state"], "expired");
    let (changes, ..) = pull(client, Some(&cursor), 50).await;
    assert_eq!(told(&changes), BTreeMap::from([(name(&claimed), true)]));
    assert_eq!(told(&of(pull(other, None, 50).await.0)), wanted);
    let late = filing(&claimed, "submitted", &tiny::perfect(), &[&File::front()]);
    assert_eq!(file(&world.auditor, &late).await.1["quarantine_reason"], "assignment_withdrawn");
}

async fn nothing_comes_to_the_job_board_of_a_closed_wave(app: &TestApp) {
    let world = World::make(app).await;
    let (admin, client, other) = (&world.admin.client, &world.auditor.client, &world.other_auditor.client);
    for round in 0..4 {
        let wave = world.add_wave(&format!("round {round}"), "regular", "2026-06-01", "2026-08-31").await;
        let mut ids = world.assign_in(&wave, vec![world.assignment(0, None); 8]).await;
        let mine = ids.split_off(4);
        for id in &mine {
            client.act(&format!("/v1/assignments/{id}/claim")).ok().await;
        }
        // All at the same moment: the wave is closed, some are handed back, some are taken, and more are added.
        let back = async |id: &String| client.act(&format!("/v1/assignments/{id}/hand-back")).send().await.expect(200);
        let take = async |id: &String| {
            let answer = other.act(&format!("/v1/assignments/{id}/claim")).send().await;
            assert!(matches!(answer.status, 200 | 404), "{}", answer.describe());
        };
        let add = async || {
            let body = json!({"wave_id": wave, "assignments": [world.assignment(0, None), world.assignment(1, None)]});
            let answer = admin.post("/v1/assignments", &body).send().await;
            assert!(matches!(answer.status, 201 | 409), "{}", answer.describe());
        };
        let close = async || world.close_wave(&wave).await;
        tokio::join!(
            back(&mine[0]),
            take(&ids[0]),
            add(),
            back(&mine[1]),
            close(),
            take(&ids[1]),
            back(&mine[2]),
            add(),
            take(&ids[2]),
            back(&mine[3]),
            take(&ids[3]),
        );
        let left = admin.all(&format!("/v1/assignments?wave_id={wave}&state=open"), 50).await;
        assert_eq!(left, Vec::<Value>::new(), "round {round}");
    }
}

async fn another_device_sees_that_a_draft_moved_on(app: &TestApp) {
    let world = World::make(app).await;
    let (assignment, visit) = (world.assign_one().await, new_id());
    let path = format!("/v1/visits/{visit}");
    let draft = |answers: &Value| filing(&assignment, "draft", answers, &[]);
    world.auditor.client.put(&path, &draft(&json!({}))).if_absent().created().await;
    let (_, drafts, cursor) = pull(&world.auditor.client, None, 50).await;
    assert_eq!((&drafts[0]["visit_id"], &drafts[0]["etag"]), (&json!(visit), &json!("\"1\"")));
    world.auditor.client.put(&path, &draft(&tiny::fair())).if_match("\"1\"").ok().await;
    let (changes, drafts, _) = pull(&world.auditor.client, Some(&cursor), 50).await;
    assert_eq!((changes.len(), &drafts[0]["etag"]), (0, &json!("\"2\"")), "drafts leave no facts");
    let (_, drafts, _) = pull(&world.other_auditor.client, None, 50).await;
    assert_eq!(drafts, Vec::<Value>::new());
}

async fn a_cursor_is_for_whom_it_was_given_to(app: &TestApp) {
    let world = World::make(app).await;
    let list = |person: &Person, query: &str| person.client.get(&format!("/v1/sync/changes{query}"));
    app.client().get("/v1/sync/changes").problem(401, "unauthenticated").await;
    list(&world.reviewer, "").problem(403, "not_allowed").await;
    let (_, _, cursor) = pull(&world.auditor.client, None, 50).await;
    let mut other = cursor.clone().into_bytes();
    other[9] ^= 1;
    let other = String::from_utf8(other).expect("text");
    for made_up in ["", "x", "MA", &other, &cursor[..cursor.len() - 4]] {
        list(&world.auditor, &format!("?cursor={made_up}")).problem(400, "bad_cursor").await;
    }
    list(&world.other_auditor, &format!("?cursor={cursor}")).problem(400, "bad_cursor").await;
    for limit in ["0", "201"] {
        list(&world.auditor, &format!("?limit={limit}")).problem(400, "bad_limit").await;
    }
}

async fn old_cursors_end(app: &TestApp) {
    let world = World::make(app).await;
    world.assign(0, 1).await;
    let (_, _, cursor) = pull(&world.auditor.client, None, 50).await;
    // As after a backup was restored, and other things happened since.
    app.execute("UPDATE events SET hash = 'x' WHERE seq = (SELECT max(seq) FROM events)").await.expect("an update");
    let refused =
        world.auditor.client.get(&format!("/v1/sync/changes?cursor={cursor}")).problem(410, "cursor_expired").await;
    assert!(refused.detail().contains("Begin without"), "{}", refused.describe());
    let (changes, ..) = pull(&world.auditor.client, None, 50).await;
    assert!(changes.len() == 2);
}

async fn a_cursor_is_good_for_ninety_days(app: &TestApp) {
    let world = World::make(app).await;
    world.assign(0, 1).await;
    let (_, _, cursor) = pull(&world.auditor.client, None, 50).await;
    let events = world.admin.client.all("/v1/events", 50).await;
    let firm = events[0]["object"].as_str().and_then(|object| object.strip_prefix("firm/")).expect("the firm's first");
    // The same cursor as if it had been given out some time ago.
    let owner = format!("sync cursor\n{firm}\n{}", world.auditor.id);
    let aged = |seconds: i64| {
        resealed(app, &owner, &cursor, |text| {
            let (given, place) = text.split_once(':').expect("a time");
            format!("{}:{place}", given.parse::<i64>().expect("seconds") - seconds)
        })
    };
    assert_eq!(aged(0), cursor);
    let days = 90 * 86_400;
    let (changes, _, next) = pull(&world.auditor.client, Some(&aged(days - 600)), 50).await;
    assert_eq!(changes, Vec::<Value>::new());
    let path = format!("/v1/sync/changes?cursor={}", aged(days + 1));
    let refused = world.auditor.client.get(&path).problem(410, "cursor_expired").await;
    assert!(refused.detail().contains("90 days"), "{}", refused.describe());
    // Each page gives a new one, so a phone that asks now and then never meets the limit.
    assert_eq!(pull(&world.auditor.client, Some(&next), 50).await.0, Vec::<Value>::new());
    assert_eq!(pull(&world.auditor.client, None, 50).await.0.len(), 2);
}

async fn a_page_costs_the_same_beside_many_facts(app: &TestApp) {
    let world = World::make(app).await;
    world.assign(0, 1).await;
    let plan = match app.kind() {
        Kind::Sqlite => "EXPLAIN QUERY PLAN",
        Kind::Postgres => "EXPLAIN",
    };
    // As if most of the firm's history concerned nobody: only then is it clear which index is worth it.
    let firm = "(SELECT firm_id FROM firm_heads LIMIT 1)";
    let numbers = "WITH RECURSIVE numbers(n) AS (SELECT 1000 UNION ALL SELECT n + 1 FROM numbers WHERE n < 41000)";
    app.execute(&format!(
        "INSERT INTO events (firm_id, seq, kind, object, at, feed, payload_sha256, hash, audience_id) {numbers} \
         SELECT {firm}, n, 'x.x', 'x/x', (SELECT max(at) FROM events), true, 'x', 'x', \
         CASE WHEN n % 2 = 0 THEN (SELECT id FROM memberships WHERE id <> (SELECT audience_id FROM events WHERE audience_id IS NOT NULL LIMIT 1) LIMIT 1) END FROM numbers"
    ))
    .await
    .expect("many facts");
    app.execute("ANALYZE").await.expect("figures");
    for (condition, index) in [
        (
            "audience_id = (SELECT audience_id FROM events WHERE seq < 1000 AND audience_id IS NOT NULL LIMIT 1)",
            "events_by_audience",
        ),
        ("on_board = true", "events_on_board"),
    ] {
        let query = format!(
            "{plan} SELECT * FROM events WHERE firm_id = {firm} AND {condition} AND seq > 3 AND seq <= 50000 \
             ORDER BY seq LIMIT 51"
        );
        let rows = app.query(&query).await;
        let text: Vec<String> = rows
            .iter()
            .map(|row| row.try_get_by_index(if app.kind() == Kind::Sqlite { 3 } else { 0 }).expect("a line"))
            .collect();
        assert!(text.iter().any(|line| line.contains(index)), "{text:#?}");
        assert!(!text.iter().any(|line| line.contains("TEMP B-TREE FOR ORDER")), "{text:#?}");
    }
}

/// Files a visit; gives its id and what was answered.
async fn file(person: &Person, body: &Value) -> (String, Value) {
    let visit = new_id();
    let filed = person.client.put(&format!("/v1/visits/{visit}"), body).if_absent().created().await;
    (visit, filed)
}

async fn work_in_other_hands_is_kept(app: &TestApp) {
    let world = World::make(app).await;
    let (me, other) = (&world.auditor, &world.other_auditor);
    let whole = |assignment: &str| filing(assignment, "submitted", &tiny::perfect(), &[&File::front()]);
    let act = async |person: &Person, id: &str, verb: &str| {
        person.client.act(&format!("/v1/assignments/{id}/{verb}")).ok().await;
    };
    let own = world.assign(0, 3).await;
    let open = world.assign_in(&world.wave, vec![world.assignment(1, None); 3]).await;
    // Handed back, and claimed and done by somebody else, while the first phone had no network.
    act(me, &own[0], "hand-back").await;
    act(other, &own[0], "claim").await;
    let (first, filed) = file(me, &whole(&own[0])).await;
    assert_eq!(filed["quarantine_reason"], "assignment_withdrawn");
    let (_, filed) = file(other, &whole(&own[0])).await;
    assert_eq!(filed["quarantine_reason"], Value::Null, "whoever has it now is not in the way of it");
    assert_eq!(file(me, &whole(&own[0])).await.1["quarantine_reason"], "assignment_withdrawn");
    assert_eq!(me.client.get(&format!("/v1/visits/{first}")).ok().await["state"], "submitted");
    // Handed back, and on the job board; declined.
    act(me, &own[1], "hand-back").await;
    assert_eq!(file(me, &whole(&own[1])).await.1["quarantine_reason"], "assignment_withdrawn");
    act(me, &own[2], "decline").await;
    assert_eq!(file(me, &whole(&own[2])).await.1["quarantine_reason"], "assignment_withdrawn");
    // Claimed, handed back, cancelled.
    act(me, &open[0], "claim").await;
    act(me, &open[0], "hand-back").await;
    act(&world.admin, &open[0], "cancel").await;
    assert_eq!(file(me, &whole(&open[0])).await.1["quarantine_reason"], "assignment_withdrawn");
    // What one never had is another matter.
    act(other, &open[1], "claim").await;
    for id in [&open[1], &open[2]] {
        let path = format!("/v1/visits/{}", new_id());
        me.client.put(&path, &whole(id)).if_absent().invalid(&[("/assignment_id", "unknown_ref")]).await;
    }
    // A draft is kept as well.
    let draft = filing(&own[0], "draft", &json!({}), &[]);
    assert_eq!(file(me, &draft).await.1["state"], "draft");
}

async fn the_loser_of_two_devices_is_filed_as_a_copy(app: &TestApp) {
    let world = World::make(app).await;
    let me = &world.auditor;
    let assignments = world.assign(0, 2).await;
    let assignment = &assignments[0];
    let visit = new_id();
    let path = format!("/v1/visits/{visit}");
    me.client.put(&path, &filing(assignment, "draft", &json!({}), &[])).if_absent().created().await;
    let (one, two) = (File::front(), File::front());
    let won = filing(assignment, "submitted", &tiny::perfect(), &[&one]);
    let mut lost = filing(assignment, "submitted", &tiny::perfect(), &[&two]);
    lost["answers"]["greet"]["comment"] = json!("from the other phone");
    me.client.put(&path, &won).if_match("\"1\"").ok().await;
    let refused = me.client.put(&path, &lost).if_match("\"1\"").problem(412, "stale").await;
    assert_eq!(refused.etag(), "\"2\"");
    one.upload(me).await;

    let refused = async |body: &Value, code: &str| {
        me.client.put(&format!("/v1/visits/{}", new_id()), body).if_absent().invalid(&[("/copy_of", code)]).await;
    };
    let copy = |of: &str| {
        let mut copy = lost.clone();
        copy["copy_of"] = json!(of);
        copy
    };
    refused(&copy(&new_id()), "unknown_ref").await;
    let (elsewhere, _) = file(me, &filing(&assignments[1], "draft", &json!({}), &[])).await;
    refused(&copy(&elsewhere), "unknown_ref").await;
    let (second, filed) = file(me, &copy(&visit)).await;
    assert_eq!(filed["quarantine_reason"], "copy");
    two.upload(me).await;
    let view = me.client.get(&format!("/v1/visits/{second}")).ok().await;
    assert_eq!((&view["copy_of"], &view["state"]), (&json!(visit), &json!("submitted")));
    // A copy of a copy is one of the first; what was said stays.
    let mut third = filing(assignment, "draft", &json!({}), &[]);
    third["copy_of"] = json!(second);
    let (third, _) = file(me, &third).await;
    assert_eq!(me.client.get(&format!("/v1/visits/{third}")).ok().await["copy_of"], visit);
    let mut other = filing(assignment, "draft", &tiny::fair(), &[]);
    let third_path = format!("/v1/visits/{third}");
    me.client.put(&third_path, &other).if_match("\"1\"").ok().await;
    assert_eq!(me.client.get(&third_path).ok().await["copy_of"], visit, "it may be left out");
    let (fourth, _) = file(me, &filing(assignment, "draft", &json!({}), &[])).await;
    other["copy_of"] = json!(visit);
    let fourth = format!("/v1/visits/{fourth}");
    me.client.put(&fourth, &other).if_match("\"1\"").invalid(&[("/copy_of", "frozen")]).await;

    // Only one of them counts.
    world.review(&visit, &["review", "approve", "publish"]).await;
    world.review(&second, &["review"]).await;
    let act = |id: &str, mv: &str| format!("/v1/visits/{id}/{mv}");
    let reviewer = &world.reviewer.client;
    let refused = reviewer.post(&act(&second, "approve"), &json!({})).problem(409, "quarantined").await;
    assert!(refused.detail().contains("copy"));
    let because = json!({"quarantine_cleared_because": "See on õige."});
    reviewer.post(&act(&second, "approve"), &because).ok().await;
    reviewer.act(&act(&second, "publish")).problem(409, "copy_published").await;
    let unpublish = json!({"reason": "Teine on õige."});
    reviewer.post(&act(&visit, "unpublish"), &unpublish).ok().await;
    reviewer.act(&act(&second, "publish")).ok().await;
    reviewer.act(&act(&visit, "publish")).problem(409, "copy_published").await;
}

async fn a_copy_leaves_the_assignment_to_the_first(app: &TestApp) {
    let world = World::make(app).await;
    let me = &world.auditor;
    let assignment = world.assign_one().await;
    let (visit, _) = file(me, &filing(&assignment, "draft", &json!({}), &[])).await;
    let mut copy = filing(&assignment, "submitted", &tiny::perfect(), &[&File::front()]);
    copy["copy_of"] = json!(visit);
    assert_eq!(file(me, &copy).await.1["quarantine_reason"], "copy");
    let whole = filing(&assignment, "submitted", &tiny::perfect(), &[&File::front()]);
    let filed = me.client.put(&format!("/v1/visits/{visit}"), &whole).if_match("\"1\"").ok().await;
    assert_eq!(filed["quarantine_reason"], Value::Null);
}

async fn a_slow_network_costs_no_deadline(app: &TestApp) {
    let world = World::make(app).await;
    let assignment = world.assign_one().await;
    let files = [File::front(), File::front()];
    let body = filing(&assignment, "submitted", &tiny::perfect(), &files.each_ref());
    let (visit, filed) = file(&world.auditor, &body).await;
    assert_eq!(filed["quarantine_reason"], Value::Null);
    app.execute("UPDATE assignments SET window_end = window_start").await.expect("an update");
    for file in &files {
        file.upload(&world.auditor).await;
    }
    let view = world.auditor.client.get(&format!("/v1/visits/{visit}")).ok().await;
    assert_eq!((&view["quarantine_reason"], &view["evidence"]["arrived"]), (&Value::Null, &json!(2)));
    // Nor does another file that is added afterwards.
    let more = File::front();
    let body = filing(&assignment, "submitted", &tiny::perfect(), &[&files[0], &files[1], &more]);
    let path = format!("/v1/visits/{visit}");
    let added = world.auditor.client.put(&path, &body).if_match("\"1\"").ok().await;
    assert_eq!((&added["quarantine_reason"], &added["revision"]), (&Value::Null, &json!(2)));
    let late = filing(&assignment, "submitted", &tiny::perfect(), &[&File::front()]);
    assert_eq!(file(&world.auditor, &late).await.1["quarantine_reason"], "assignment_fulfilled");
    let assignment = world.assign_one().await;
    app.execute("UPDATE assignments SET window_end = window_start").await.expect("an update");
    let late = filing(&assignment, "submitted", &tiny::perfect(), &[&File::front()]);
    assert_eq!(file(&world.auditor, &late).await.1["quarantine_reason"], "arrived_late");
}

async fn more_evidence_is_a_new_revision(app: &TestApp) {
    let world = World::make(app).await;
    let assignment = world.assign_one().await;
    let (front, more, offer) = (File::front(), File::front(), File::offer());
    let body = |answers: &Value, files: &[&File]| filing(&assignment, "submitted", answers, files);
    let answers = tiny::perfect();
    let (visit, first) = file(&world.auditor, &body(&answers, &[&front])).await;
    front.upload(&world.auditor).await;
    let path = format!("/v1/visits/{visit}");
    let put = |body: &Value, tag: &str| world.auditor.client.put(&path, body).if_match(tag);
    // Nothing else may change while the visit waits for its review.
    put(&body(&tiny::fair(), &[&front, &more, &offer]), "\"1\"").problem(409, "illegal_state").await;
    let mut same = body(&answers, &[&front]);
    same["device"] = json!({"model": "x"});
    put(&same, "\"1\"").problem(409, "illegal_state").await;
    put(&filing(&assignment, "draft", &answers, &[&front, &more]), "\"1\"").problem(409, "illegal_state").await;
    put(&body(&answers, &[&more]), "\"1\"").invalid(&[("/evidence", "frozen")]).await;
    let wrong = File::new("recording", &["front"], "a.mp3", b"x".to_vec());
    put(&body(&answers, &[&front, &wrong]), "\"1\"")
        .invalid(&[("/evidence/1/item_ids/0", "wrong_evidence_kind")])
        .await;
    let longer = body(&answers, &[&front, &more]);
    put(&longer, "\"7\"").problem(412, "stale").await;
    let added = put(&longer, "\"1\"").send().await.expect(200);
    assert_eq!(added.etag(), "\"2\"");
    let saved = added.json();
    assert_eq!((&saved["state"], &saved["revision"]), (&json!("submitted"), &json!(2)));
    assert_eq!((&saved["score_version"], &saved["score"]), (&json!(1), &first["score"]), "the score is that of before");
    assert_eq!((&saved["evidence"]["arrived"], &saved["evidence"]["total"]), (&json!(1), &json!(2)));
    assert_eq!(put(&longer, "\"1\"").ok().await, saved, "a replay");
    world.reviewer.client.act(&format!("{path}/review")).problem(409, "evidence_incomplete").await;
    more.upload(&world.auditor).await;
    let receipt = world.auditor.client.get(&receipt_path(&visit)).ok().await;
    assert_eq!((&receipt["revision"], &receipt["complete"]), (&json!(2), &json!(true)));
    let scores = world.reviewer.client.get(&format!("{path}/scores")).ok().await;
    assert_eq!(scores["data"].as_array().expect("scores").len(), 1);
    let events = world.admin.client.all("/v1/events", 200).await;
    assert!(events.iter().any(|event| event["kind"] == "visit.evidence_added"));
    world.review(&visit, &["review"]).await;
    put(&body(&answers, &[&front, &more, &File::front()]), "\"2\"").problem(409, "illegal_state").await;
    world.review(&visit, &["return"]).await;
    let another = File::front();
    let again = put(&body(&answers, &[&front, &more, &another]), "\"2\"").ok().await;
    assert_eq!((&again["state"], &again["revision"]), (&json!("resubmitted"), &json!(3)));
    let last = File::front();
    let again = put(&body(&answers, &[&front, &more, &another, &last]), "\"3\"").ok().await;
    assert_eq!((&again["state"], &again["revision"]), (&json!("resubmitted"), &json!(4)));
    another.upload(&world.auditor).await;
    last.upload(&world.auditor).await;
    world.review(&visit, &["review", "approve", "publish"]).await;
    assert_eq!(
        world.admin.client.get(&format!("{path}/receipt")).ok().await["revision"],
        3,
        "the answers that were scored"
    );
}
