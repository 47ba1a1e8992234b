//! How far a right reaches inside a firm: other chains, regions, branches and auditors, and states of the object.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::access::{Ids, Row, call, call_with, kind_of, made_up, objects, row, table};
use crate::openapi::{Operation, document, operations};
use crate::support::app::{Kind, TestApp};
use crate::support::client::Client;
use crate::support::files::in_repository;
use crate::support::wire::{Wire, request};
use crate::support::world::{Person, World, filing, id_of, ids_of, return_order};
use crate::support::{new_id, on_both, tiny};
use crate::throttling::expect_alike;

on_both!(
    what_another_chain_and_another_auditor_have_is_not_there,
    what_another_region_and_branch_have_is_not_there,
    a_visit_moves_only_where_the_table_says,
    an_assignment_moves_only_where_the_table_says,
    no_body_sets_what_the_server_decides,
    rights_are_those_of_the_moment_of_writing,
    two_who_disable_each_other_leave_one,
);

/// A rival chain measured by the same firm, with a visit by the other auditor.
async fn rival(world: &World) -> World {
    let admin = &world.admin.client;
    let chain = json!({
        "code": "rivals", "name": "Rivaalid", "kind": "client", "locale": "en", "colour": "#5B2C6F",
        "recording_policy": "allow",
    });
    let chain = id_of(&admin.post("/v1/chains", &chain).created().await);
    let regions = json!({"regions": [{"code": "east", "name": "East"}, {"code": "west", "name": "West"}]});
    let regions = ids_of(&admin.post(&format!("/v1/chains/{chain}/regions"), &regions).created().await);
    let branch = |code: &str, region: &str| {
        json!({
            "code": code, "name": code, "address": "Rivaal 1", "time_zone": "Europe/Tallinn",
            "region": region,
        })
    };
    let body =
        json!({"chain_id": chain, "branches": [branch("R1", "east"), branch("R2", "east"), branch("R3", "west")]});
    let branches = ids_of(&admin.post("/v1/branches", &body).created().await);
    let mut rival = World {
        code: world.code.clone(),
        admin: world.admin.clone(),
        reviewer: world.reviewer.clone(),
        auditor: world.other_auditor.clone(),
        other_auditor: world.auditor.clone(),
        chain,
        regions: regions.try_into().expect("two regions"),
        branches: branches.try_into().expect("three branches"),
        wave: String::new(),
    };
    rival.wave = rival.add_wave("2026 rival", "regular", "2026-01-01", "2026-06-30").await;
    rival
}

async fn what_another_chain_and_another_auditor_have_is_not_there(app: &TestApp) {
    let world = World::make(app).await;
    let rival = rival(&world).await;
    let theirs = objects(&rival).await;
    let outsiders = [
        ("auditor", world.auditor.clone()),
        ("chain_viewer", world.chain_viewer(app).await),
        ("chain_viewer", world.region_viewer(app).await),
        ("branch_manager", world.branch_manager(app).await),
    ];
    let operations = operations(&document(app).await);
    let mut hidden = 0;
    for operation in operations.iter().filter(|operation| operation.path.contains("id}")) {
        let row = row(&operation.id);
        for (role, person) in &outsiders {
            let answer = call(&person.client, operation, &theirs).await;
            match row.reach[role].as_str() {
                "-" => drop(answer.problem(403, "not_allowed")),
                "firm" => assert!(answer.status < 300 || operation.method != "GET", "{}", answer.describe()),
                _ if operation.id == "put_visit" => {
                    assert!(matches!(answer.status, 404 | 412 | 422), "{}", answer.describe());
                }
                _ => {
                    let answer = answer.problem(404, "not_found");
                    let made_up = call(&person.client, operation, &made_up()).await;
                    assert_eq!(answer.detail(), made_up.detail(), "{}", answer.describe());
                    hidden += 1;
                }
            }
        }
    }
    assert!(hidden > 50, "{hidden} objects were asked for");
    let told: Vec<_> =
        ["chains", "regions", "branches", "waves", "visits", "evidence", "actions", "assignments", "standards"]
            .into_iter()
            .map(|kind| theirs[kind].as_str())
            .chain(["rival", "Rivaal"])
            .collect();
    for operation in operations.iter().filter(|operation| operation.method == "GET" && !operation.path.contains('{')) {
        for (role, person) in &outsiders {
            let reach = row(&operation.id).reach[role].clone();
            let answer = call(&person.client, operation, &theirs).await;
            if reach == "firm" {
                continue;
            }
            let text = String::from_utf8_lossy(&answer.body).into_owned();
            for told in &told {
                assert!(!text.contains(told), "{role} reads {told}: {}", answer.describe());
            }
        }
    }
}

/// Objects of another firm take as long to be refused as objects that nobody has.
#[tokio::test]
async fn what_others_have_takes_no_longer_than_nothing() {
    for kind in [Kind::Sqlite, Kind::Postgres] {
        let app = TestApp::start(kind).await;
        let (world, beta) = (World::make(&app).await, World::named(&app, "beta").await);
        let theirs = objects(&beta).await;
        let admin = world.admin.client.token();
        for (name, path) in
            [("visits", ""), ("visits", "/scores"), ("evidence", "/content"), ("branches", "/scorecard")]
        {
            let what = format!("{kind:?} {name}{path}");
            expect_alike(&what, &app, 20, async |client: &Client, is_theirs: bool| {
                let id = if is_theirs { theirs[name].clone() } else { new_id() };
                let path = format!("/v1/{name}/{id}{path}");
                client.with_token(admin).get(&path).problem(404, "not_found").await;
            })
            .await;
        }
        app.finish().await;
    }
}

/// Operations with an id of one of these kinds are tried.
async fn expect_hidden(app: &TestApp, role: &str, person: &Person, theirs: &Ids, kinds: &[&str]) {
    let mut hidden = 0;
    for operation in operations(&document(app).await) {
        if !operation.path.contains("id}") || !kinds.contains(&kind_of(&operation)) || !row(&operation.id).allows(role)
        {
            continue;
        }
        call(&person.client, &operation, theirs).await.problem(404, "not_found");
        hidden += 1;
    }
    assert!(hidden >= 4, "{role}: {hidden}");
}

async fn what_another_region_and_branch_have_is_not_there(app: &TestApp) {
    let mut world = World::make(app).await;
    // What the objects are made of begins with the first branch and region.
    world.branches.rotate_right(1);
    world.regions.rotate_right(1);
    let south = objects(&world).await;
    world.branches.rotate_left(1);
    world.regions.rotate_left(1);
    let viewer = world.region_viewer(app).await;
    expect_hidden(app, "chain_viewer", &viewer, &south, &["regions", "branches", "actions", "results"]).await;
    let manager = world.branch_manager(app).await;
    expect_hidden(app, "branch_manager", &manager, &south, &["regions", "branches", "actions", "results"]).await;
    // Another branch of the same region.
    world.branches.swap(0, 1);
    let visit = world.publish(0, &tiny::fair()).await;
    let view = world.admin.client.get(&format!("/v1/visits/{visit}")).ok().await;
    let plan = world.admin.client.get(&format!("/v1/branches/{}/action-plan", world.branches[0])).ok().await;
    let mut next_door = south.clone();
    next_door.insert("branches", world.branches[0].clone());
    next_door.insert("actions", id_of(&plan["actions"][0]));
    assert_eq!(view["branch_id"], json!(world.branches[0]));
    expect_hidden(app, "branch_manager", &manager, &next_door, &["branches", "actions"]).await;
    for person in [&viewer, &manager] {
        let list = person.client.all("/v1/branches", 50).await;
        assert!(!json!(list).to_string().contains(&south["branches"]), "{list:?}");
    }
}

/// Operations whose row names states of this kind of object.
pub async fn moving(app: &TestApp, kind: &str) -> Vec<(Operation, Row, Vec<String>)> {
    let rows = table();
    let mut moving = Vec::new();
    for operation in operations(&document(app).await) {
        let row = rows[&operation.id].clone();
        if let Some((_, states)) = row.when.clone().filter(|(named, _)| named == kind) {
            moving.push((operation, row, states));
        }
    }
    moving
}

/// The states of a visit.
pub const VISIT_STATES: [&str; 8] =
    ["draft", "submitted", "in_review", "returned", "resubmitted", "rejected", "approved", "published"];

/// A visit in a state.
pub async fn visit_in(world: &World, state: &str) -> String {
    let moves: &[&str] = match state {
        "draft" => {
            let (assignment, visit) = (world.assign_one().await, new_id());
            let body = filing(&assignment, "draft", &tiny::perfect(), &[]);
            world.auditor.client.put(&format!("/v1/visits/{visit}"), &body).if_absent().created().await;
            return visit;
        }
        "submitted" => &[],
        "in_review" => &["review"],
        "returned" | "resubmitted" => &["review", "return"],
        "rejected" => &["review", "reject"],
        "approved" => &["review", "approve"],
        "published" => &["review", "approve", "publish"],
        other => panic!("{other}"),
    };
    let visit = world.file(&world.assign_one().await, &tiny::fair()).await;
    world.review(&visit, moves).await;
    if state == "resubmitted" {
        put(&world.auditor.client, &visit, world).await.expect(200);
    }
    visit
}

/// Files a visit again as it was filed.
pub async fn put(client: &Client, visit: &str, world: &World) -> crate::support::client::Answer {
    let path = format!("/v1/visits/{visit}");
    let answer = world.auditor.client.get(&path).send().await;
    let view = answer.json();
    let answers = if view["answers"].is_null() { view["draft"]["answers"].clone() } else { view["answers"].clone() };
    let manifest: Vec<_> = view["files"].as_array().expect("files").iter().map(entry).collect();
    let body = json!({
        "assignment_id": view["assignment_id"], "state": "submitted", "answers": answers, "evidence": manifest,
        // Unlike what was sent before, so that it is no replay.
        "device": {"model": new_id()},
    });
    client.put(&path, &body).if_match(&answer.etag()).send().await
}

fn entry(file: &Value) -> Value {
    let mut entry = json!({});
    for name in ["id", "item_ids", "kind", "file_name", "sha256", "bytes"] {
        entry[name] = file[name].clone();
    }
    entry
}

async fn a_visit_moves_only_where_the_table_says(app: &TestApp) {
    let world = World::make(app).await;
    let (viewer, manager) = (world.chain_viewer(app).await, world.branch_manager(app).await);
    let people = [
        ("firm_admin", &world.admin),
        ("reviewer", &world.reviewer),
        ("auditor", &world.auditor),
        ("chain_viewer", &viewer),
        ("branch_manager", &manager),
    ];
    let moving = moving(app, "visit").await;
    assert!(moving.len() >= 9, "{}", moving.len());
    for state in VISIT_STATES {
        let visit = visit_in(&world, state).await;
        let ids = Ids::from([("visits", visit.clone())]);
        let mut possible = 0;
        for (operation, row, states) in &moving {
            for (role, person) in people {
                let is_possible = states.iter().any(|named| named == state);
                if row.allows(role) && is_possible {
                    possible += 1;
                    continue;
                }
                let answer = if operation.id == "put_visit" && row.allows(role) {
                    put(&person.client, &visit, &world).await
                } else {
                    let body = body_of(operation);
                    call_with(&person.client, operation, &ids, body).await
                };
                match row.allows(role) {
                    true => answer.problem(409, "illegal_state"),
                    false => answer.problem(403, "not_allowed"),
                };
            }
        }
        assert!(possible > 0, "{state} is no dead end");
        let after = world.admin.client.get(&format!("/v1/visits/{visit}")).ok().await;
        assert_eq!(after["state"], state, "nothing moved");
    }
    // Everything that is possible, each from a visit of its own.
    for (operation, row, states) in &moving {
        for state in states {
            let visit = visit_in(&world, state).await;
            let (_, person) = people.into_iter().rev().find(|(role, _)| row.allows(role)).expect("somebody");
            let ids = Ids::from([("visits", visit.clone())]);
            let answer = match operation.id.as_str() {
                "put_visit" if state == "draft" => {
                    let etag = person.client.get(&format!("/v1/visits/{visit}")).send().await.etag();
                    let view = person.client.get(&format!("/v1/visits/{visit}")).ok().await;
                    let assignment = view["assignment_id"].as_str().expect("an assignment");
                    let body = filing(assignment, "draft", &tiny::fair(), &[]);
                    person.client.put(&format!("/v1/visits/{visit}"), &body).if_match(&etag).send().await
                }
                "put_visit" => put(&person.client, &visit, &world).await,
                _ => call_with(&person.client, operation, &ids, body_of(operation)).await,
            };
            assert!(answer.status < 300, "from {state}: {}", answer.describe());
        }
    }
}

/// A body that is well formed, where a move takes one.
pub fn body_of(operation: &Operation) -> Option<Value> {
    let reason = json!({"reason": "Palun vaata üle."});
    operation.object.get("requestBody").map(|_| match operation.id.as_str() {
        "approve_visit" | "review_visit" => json!({}),
        "return_visit" => return_order("greet", "Palun vaata üle."),
        "exclude_visit" => json!({"reason": "Palun vaata üle.", "payable": true}),
        "correct_visit" => {
            let change = json!({"item_id": "polite", "answer": {"v": 1}, "reason": "Palun vaata üle."});
            json!({"base_revision": 1, "changes": [change]})
        }
        "put_visit" => filing(&new_id(), "draft", &json!({}), &[]),
        _ => reason,
    })
}

async fn an_assignment_moves_only_where_the_table_says(app: &TestApp) {
    let world = World::make(app).await;
    let states = ["open", "claimed", "assigned", "started", "fulfilled", "declined", "cancelled"];
    let moving = moving(app, "assignment").await;
    assert!(moving.len() >= 4, "{}", moving.len());
    let auditor = &world.auditor.client;
    for state in states {
        for (operation, row, possible) in &moving {
            let open = world.assign_in(&world.wave, vec![world.assignment(0, None)]).await.remove(0);
            let id = match state {
                "open" => open,
                "claimed" => {
                    auditor.act(&format!("/v1/assignments/{open}/claim")).ok().await;
                    open
                }
                "cancelled" => {
                    auditor.act(&format!("/v1/assignments/{open}/claim")).ok().await;
                    world.admin.client.act(&format!("/v1/assignments/{open}/cancel")).ok().await;
                    open
                }
                _ => world.assign_one().await,
            };
            match state {
                "started" => {
                    let body = filing(&id, "draft", &json!({}), &[]);
                    auditor.put(&format!("/v1/visits/{}", new_id()), &body).if_absent().created().await;
                }
                "fulfilled" => drop(world.file(&id, &tiny::perfect()).await),
                "declined" => drop(auditor.act(&format!("/v1/assignments/{id}/decline")).ok().await),
                _ => {}
            }
            let ids = Ids::from([("assignments", id.clone())]);
            let person = if row.allows("auditor") { &world.auditor } else { &world.admin };
            for (role, other) in [("reviewer", &world.reviewer), ("auditor", &world.other_auditor)] {
                if row.allows(role) && (state != "open" || !possible.contains(&state.to_owned())) {
                    let status = call(&other.client, operation, &ids).await.status;
                    assert!(matches!(status, 404 | 409), "{role}: {} of {state} is {status}", operation.id);
                } else if !row.allows(role) {
                    call(&other.client, operation, &ids).await.problem(403, "not_allowed");
                }
            }
            let answer = call(&person.client, operation, &ids).await;
            if possible.contains(&state.to_owned()) {
                answer.expect(200);
            } else if operation.id == "claim_assignment" && state == "claimed" {
                // Claiming again what one has is a replay.
                answer.expect(200);
            } else {
                answer.problem(409, "illegal_state");
            }
        }
    }
}

/// What no body may set, whoever sends it (mass assignment).
const DECIDED: [&str; 9] =
    ["id", "firm_id", "tenant_id", "role", "state", "status", "score_bp", "created_at", "is_admin"];

async fn no_body_sets_what_the_server_decides(app: &TestApp) {
    let world = World::make(app).await;
    let document = document(app).await;
    let ids = objects(&world).await;
    let examples = std::fs::read(in_repository("openapi/examples.json")).expect("the examples");
    let examples: BTreeMap<String, Value> = serde_json::from_slice(&examples).expect("JSON");
    let mut tried = 0;
    for operation in operations(&document) {
        let example = examples.get(&operation.id).map(|example| example["request"].clone()).unwrap_or_default();
        if !example.is_object() {
            continue;
        }
        let row = row(&operation.id);
        let person = if row.allows("firm_admin") { &world.admin } else { &world.auditor };
        let before = app.query("SELECT seq FROM events").await.len();
        for name in DECIDED {
            if example.get(name).is_some() || knows(&document, &operation, name) {
                continue;
            }
            let mut body = example.clone();
            body[name] = json!("firm_admin");
            let answer = call_with(&person.client, &operation, &ids, Some(body)).await;
            // What is published takes no change at all, whatever is in it; and nobody scores this visit a second time.
            let is_of = |name: &str| row.when.as_ref().is_some_and(|(of, _)| of == name);
            let is_closed = match answer.status {
                409 => is_of("version"),
                404 => operation.path.ends_with("/second-scoring"),
                _ => false,
            };
            assert!(is_closed || matches!(answer.status, 400 | 422), "{name}: {}", answer.describe());
            tried += 1;
        }
        let after = app.query("SELECT seq FROM events").await.len();
        assert_eq!(before, after, "{} did nothing", operation.id);
    }
    assert!(tried > 200, "{tried}");
}

/// Whether the schema of a body has this member.
fn knows(document: &Value, operation: &Operation, name: &str) -> bool {
    let schema = &operation.object["requestBody"]["content"]["application/json; charset=utf-8"]["schema"];
    let reference = schema["$ref"].as_str().unwrap_or_default().trim_start_matches('#');
    document.pointer(reference).is_some_and(|schema| schema["properties"].get(name).is_some())
}

/// The head and the first byte of a request, which is all that somebody sends while they still have the right.
async fn begin(app: &TestApp, person: &Person, method: &str, path: &str, body: &Value) -> (Wire, Vec<u8>) {
    let conditions: &[(&str, &str)] = if method == "PUT" { &[("if-none-match", "*")] } else { &[] };
    let headers = [&[("content-type", "application/json"), ("connection", "close")], conditions].concat();
    let body = body.to_string().into_bytes();
    let whole = request(method, path, person.client.token(), &headers, &body);
    let (first, rest) = whole.split_at(whole.len() - body.len() + 1);
    let mut wire = Wire::connect(&app.base()).await.expect("a connection");
    wire.send(first).await;
    (wire, rest.to_vec())
}

async fn rights_are_those_of_the_moment_of_writing(app: &TestApp) {
    let world = World::make(app).await;
    let second = world.person(app, "second", "firm_admin", None).await;
    let branch = json!({"code": "N1", "name": "N", "address": "Pikk 1", "time_zone": "Europe/Tallinn"});
    let wave = json!({
        "chain_id": world.chain, "name": "w", "kind": "regular", "opens_on": "2026-01-01", "closes_on": "2026-02-01",
    });
    let chain = json!({"code": "late", "name": "Late", "kind": "client", "locale": "et", "colour": "#1F4E79"});
    let user = json!({"email": "late@alpha.example", "name": "Late", "role": "firm_admin", "locale": "en"});
    let assignments = json!({"wave_id": world.wave, "assignments": [world.assignment(0, None)]});
    let draft = filing(&world.assign_one().await, "draft", &tiny::perfect(), &[]);
    let visit = visit_in(&world, "in_review").await;
    let myself = format!("/v1/users/{}", second.id);
    let asked = [
        (&second, "POST", "/v1/users".to_owned(), user),
        (&second, "PATCH", myself.clone(), json!({"role": "firm_admin"})),
        (&second, "PATCH", myself, json!({"enabled": true})),
        (&second, "PATCH", "/v1/firm".to_owned(), json!({"require_totp": false})),
        (&second, "POST", "/v1/chains".to_owned(), chain),
        (
            &second,
            "POST",
            format!("/v1/chains/{}/regions", world.chain),
            json!({"regions": [{"code": "w", "name": "W"}]}),
        ),
        (&second, "POST", "/v1/branches".to_owned(), json!({"chain_id": world.chain, "branches": [branch]})),
        (&second, "POST", "/v1/waves".to_owned(), wave),
        (&second, "POST", "/v1/standards".to_owned(), tiny::version(2)),
        (&second, "POST", "/v1/assignments".to_owned(), assignments),
        (&second, "POST", format!("/v1/visits/{visit}/reject"), json!({"reason": "x"})),
        (&world.auditor, "PUT", format!("/v1/visits/{}", new_id()), draft),
    ];
    let mut half_sent = Vec::new();
    for (person, method, path, body) in &asked {
        half_sent.push((format!("{method} {path}"), begin(app, person, method, path, body).await));
    }
    // More than the server takes for a slow body.
    tokio::time::sleep(std::time::Duration::from_millis(800)).await;
    for person in [&second, &world.auditor] {
        let path = format!("/v1/users/{}", person.id);
        world.admin.client.patch(&path, &json!({"enabled": false})).ok().await;
    }
    let before = world.admin.client.all("/v1/events", 200).await;
    for (what, (mut wire, rest)) in half_sent {
        wire.send(&rest).await;
        let answer = wire.answer().await;
        let status = answer.split(' ').nth(1).expect("a status");
        assert!(["401", "403"].contains(&status), "{what}: {answer}");
    }
    assert_eq!(world.admin.client.all("/v1/events", 200).await, before, "nothing happened");
}

async fn two_who_disable_each_other_leave_one(app: &TestApp) {
    let world = World::make(app).await;
    for round in 0..5 {
        let one = world.person(app, &format!("one{round}"), "firm_admin", None).await;
        let other = world.person(app, &format!("other{round}"), "firm_admin", None).await;
        let off = json!({"enabled": false});
        let (of_other, of_one) = (format!("/v1/users/{}", other.id), format!("/v1/users/{}", one.id));
        let (a, b) = tokio::join!(one.client.patch(&of_other, &off).send(), other.client.patch(&of_one, &off).send());
        let done = [a.status, b.status].iter().filter(|status| **status == 200).count();
        assert_eq!(done, 1, "{} {}", a.describe(), b.describe());
    }
}
