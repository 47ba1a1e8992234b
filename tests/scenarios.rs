//! Scenarios of a firm: made, changed by versions, pinned to assignments, and told to each as far as they may know.

use serde_json::{Value, json};

use crate::support::app::TestApp;
use crate::support::chain::{checked_events, count};
use crate::support::client::Call;
use crate::support::world::{World, id_of};
use crate::support::{on_both, tiny};

on_both!(
    a_firm_makes_scenarios_of_its_own,
    a_scenario_changes_by_versions,
    an_assignment_keeps_its_version,
    each_reads_what_they_may,
    of_fifty_changes_one_wins,
);

fn texts(text: &str) -> Value {
    json!({"en": format!("{text} in English"), "et": format!("{text} eesti keeles")})
}

fn gift() -> Value {
    json!({
        "id": "gift", "title": texts("A gift"), "channel": "store_visit", "script": texts("Ask for a gift"),
        "pass_criteria": [texts("Asked for whom")], "items": ["needs", "RSV-B1"],
    })
}

/// The scenario without its id, as it is put.
fn changed(script: &str) -> Value {
    let mut body = gift();
    body.as_object_mut().expect("an object").remove("id");
    body["script"] = texts(script);
    body
}

async fn a_firm_makes_scenarios_of_its_own(app: &TestApp) {
    let (world, beta) = (World::make(app).await, World::named(app, "beta").await);
    let create = |body: &Value| world.admin.client.post("/v1/scenarios", body);
    for person in [&world.reviewer, &world.auditor, &world.chain_viewer(app).await] {
        person.client.post("/v1/scenarios", &gift()).problem(403, "not_allowed").await;
    }
    for person in [&world.auditor, &world.branch_manager(app).await] {
        person.client.get("/v1/scenarios").problem(403, "not_allowed").await;
        person.client.get("/v1/scenarios/gift").problem(403, "not_allowed").await;
    }
    world.admin.client.get("/v1/scenarios/gift").problem(404, "not_found").await;
    world.admin.client.get("/v1/scenarios/%00").problem(404, "not_found").await;
    let wrong = json!({
        "id": "a b", "title": {"en": "", "et": "B"}, "channel": "tv", "script": {"en": "C"},
        "pass_criteria": ["x"], "items": ["1st"], "fee": 2,
    });
    create(&wrong)
        .invalid(&[
            ("/id", "bad_id"),
            ("/title/en", "empty"),
            ("/channel", "bad_value"),
            ("/pass_criteria/0", "bad_type"),
            ("/items/0", "bad_id"),
            ("/script", "missing_language"),
            ("/fee", "unknown_field"),
        ])
        .await;
    create(&json!({"from_library": "C99"})).invalid(&[("/from_library", "unknown_ref")]).await;
    let made = create(&gift()).once("gift").created().await;
    assert_eq!((&made["version"], &made["from_library"]), (&json!(1), &Value::Null));
    assert_eq!(create(&gift()).once("gift").created().await, made);
    create(&gift()).invalid(&[("/id", "duplicate")]).await;
    let library = world.admin.client.get("/v1/library/scenarios/C3").ok().await;
    let taken = create(&json!({"from_library": "C3"})).created().await;
    for member in ["id", "title", "channel", "script", "pass_criteria", "items"] {
        assert_eq!(taken[member], library[member], "{member}");
    }
    let own = json!({"from_library": "C3", "id": "angry", "channel": "phone", "items": []});
    let own = create(&own).created().await;
    assert_eq!((&own["channel"], &own["items"], &own["script"]), (&json!("phone"), &json!([]), &library["script"]));
    let ids = |list: Vec<Value>| list.iter().map(id_of).collect::<Vec<_>>();
    assert_eq!(ids(world.reviewer.client.all("/v1/scenarios", 1).await), ["C3", "angry", "gift"]);
    assert_eq!(ids(world.reviewer.client.all("/v1/scenarios?channel=store_visit", 1).await), ["gift"]);
    assert!(beta.admin.client.all("/v1/scenarios", 50).await.is_empty());
    beta.admin.client.get("/v1/scenarios/gift").problem(404, "not_found").await;
    let events = checked_events(&world.admin.client).await;
    assert_eq!(count(&events, "scenario.created"), 3);
    assert!(!json!(events).to_string().contains("Ask for a gift"), "the history tells no script");
}

async fn a_scenario_changes_by_versions(app: &TestApp) {
    let world = World::make(app).await;
    let admin = &world.admin.client;
    let path = "/v1/scenarios/gift";
    let put = |script: &str| admin.put(path, &changed(script));
    put("New").if_match("*").problem(404, "not_found").await;
    admin.post("/v1/scenarios", &gift()).created().await;
    let first = admin.get(path).send().await.expect(200);
    world.reviewer.client.put(path, &changed("New")).if_match("*").problem(403, "not_allowed").await;
    put("New").problem(428, "condition_missing").await;
    put("New").if_match("\"old\"").problem(412, "stale").await;
    let id = admin.put(path, &gift()).if_match("*");
    id.invalid(&[("/id", "unknown_field")]).await;
    admin.get(path).header("if-none-match", &first.etag()).send().await.expect(304);
    let second = put("New").if_match(&first.etag()).send().await.expect(200);
    assert_eq!((&second.json()["version"], &second.json()["script"]), (&json!(2), &texts("New")));
    // The answer was lost on the way.
    assert_eq!(put("New").if_match(&first.etag()).send().await.expect(200).json(), second.json());
    put("Newer").if_match(&first.etag()).problem(412, "stale").await;
    assert_eq!(admin.get(path).ok().await, second.json());
    assert_eq!(admin.get(&format!("{path}/versions/1")).ok().await, first.json());
    assert_eq!(admin.get(&format!("{path}/versions/2")).send().await.expect(200).etag(), second.etag());
    admin.get(&format!("{path}/versions/3")).problem(404, "not_found").await;
    let events = checked_events(admin).await;
    assert_eq!((count(&events, "scenario.created"), count(&events, "scenario.changed")), (1, 1));
}

async fn an_assignment_keeps_its_version(app: &TestApp) {
    let (world, beta) = (World::make(app).await, World::named(app, "beta").await);
    let admin = &world.admin.client;
    beta.admin.client.post("/v1/scenarios", &gift()).created().await;
    let with = |id: Value, version: Value| {
        let mut entry = world.assignment(0, Some(&world.auditor));
        (entry["scenario_id"], entry["scenario_version"]) = (id, version);
        entry
    };
    let post = |entries: Vec<Value>| {
        let body = json!({"wave_id": world.wave, "assignments": entries});
        admin.post("/v1/assignments", &body)
    };
    post(vec![with(json!("gift"), Value::Null)]).invalid(&[("/assignments/0/scenario_id", "unknown_ref")]).await;
    admin.post("/v1/scenarios", &gift()).created().await;
    post(vec![
        with(json!("gift"), json!(2)),
        with(json!("other"), json!(1)),
        with(Value::Null, json!(1)),
        with(json!("gift"), json!("1")),
    ])
    .invalid(&[
        ("/assignments/0/scenario_version", "unknown_ref"),
        ("/assignments/1/scenario_id", "unknown_ref"),
        ("/assignments/2/scenario_id", "missing"),
        ("/assignments/3/scenario_version", "out_of_range"),
    ])
    .await;
    let first = world.assign_in(&world.wave, vec![with(json!("gift"), Value::Null)]).await.remove(0);
    admin.put("/v1/scenarios/gift", &changed("New")).if_match("*").ok().await;
    let later = vec![with(json!("gift"), Value::Null), with(json!("gift"), json!(1)), with(Value::Null, Value::Null)];
    let later = world.assign_in(&world.wave, later).await;
    let told = async |id: &str| {
        let view = world.auditor.client.get(&format!("/v1/assignments/{id}")).ok().await;
        (view["scenario"]["version"].clone(), view["scenario"]["script"].clone())
    };
    assert_eq!(told(&first).await, (json!(1), texts("Ask for a gift")));
    assert_eq!(told(&later[0]).await, (json!(2), texts("New")));
    assert_eq!(told(&later[1]).await, (json!(1), texts("Ask for a gift")));
    assert_eq!(told(&later[2]).await, (Value::Null, Value::Null));
    let events = checked_events(admin).await;
    let fact = events.iter().rev().find(|event| event["object"] == format!("assignment/{first}")).expect("a fact");
    assert_eq!((&fact["payload"]["scenario_id"], &fact["payload"]["scenario_version"]), (&json!("gift"), &json!(1)));
}

async fn each_reads_what_they_may(app: &TestApp) {
    let world = World::make(app).await;
    world.admin.client.post("/v1/scenarios", &gift()).created().await;
    let mut entry = world.assignment(0, Some(&world.auditor));
    entry["scenario_id"] = json!("gift");
    let assignment = world.assign_in(&world.wave, vec![entry]).await.remove(0);
    let expected = json!({
        "id": "gift", "version": 1, "title": texts("A gift"), "channel": "store_visit", "script": texts("Ask for a gift"),
    });
    let auditor = &world.auditor.client;
    assert_eq!(auditor.get(&format!("/v1/assignments/{assignment}")).ok().await["scenario"], expected);
    assert_eq!(auditor.get("/v1/assignments?mine=true").ok().await["data"][0]["scenario"], expected);
    let feed = auditor.get("/v1/sync/changes").ok().await;
    let change = feed["changes"].as_array().expect("changes").iter().find(|change| change["type"] == "assignment");
    assert_eq!(change.expect("the assignment")["object"]["scenario"], expected);
    assert!(!feed.to_string().contains("Asked for whom"), "what is looked for is not the auditor's to know");
    let visit = world.file(&assignment, &tiny::fair()).await;
    world.review(&visit, &["review", "approve", "publish"]).await;
    assert!(!auditor.get(&format!("/v1/visits/{visit}")).ok().await.to_string().contains("Asked for whom"));
    let result = world.result_of(0).await["result_id"].as_str().expect("an id").to_owned();
    for person in [&world.chain_viewer(app).await, &world.branch_manager(app).await, &world.reviewer] {
        let result = person.client.get(&format!("/v1/results/{result}")).ok().await;
        assert_eq!(result["scenario_name"], texts("A gift"));
        let text = result.to_string();
        assert!(!text.contains("Ask for a gift") && !text.contains("Asked for whom"), "{text}");
    }
    // A visit without one has none.
    world.publish(1, &tiny::perfect()).await;
    let other = world.result_of(1).await["result_id"].as_str().expect("an id").to_owned();
    assert_eq!(world.admin.client.get(&format!("/v1/results/{other}")).ok().await["scenario_name"], Value::Null);
}

async fn of_fifty_changes_one_wins(app: &TestApp) {
    let world = World::make(app).await;
    let admin = &world.admin.client;
    let made = (0..50).map(|_| admin.post("/v1/scenarios", &gift()).send());
    let made: Vec<_> = futures_util::future::join_all(made).await.into_iter().map(|answer| answer.status).collect();
    assert_eq!(made.iter().filter(|status| **status == 201).count(), 1, "{made:?}");
    assert_eq!(made.iter().filter(|status| **status == 422).count(), 49, "{made:?}");
    let tag = admin.get("/v1/scenarios/gift").send().await.expect(200).etag();
    let put = |n: u32| admin.put("/v1/scenarios/gift", &changed(&format!("Number {n}"))).if_match(&tag);
    let statuses = futures_util::future::join_all((0..50).map(put).map(Call::send)).await;
    let statuses: Vec<_> = statuses.into_iter().map(|answer| answer.status).collect();
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == 412).count(), 49, "{statuses:?}");
    assert_eq!(admin.get("/v1/scenarios/gift").ok().await["version"], 2);
    assert_eq!(count(&checked_events(admin).await, "scenario.changed"), 1);
}
