//! Setting up: chains, regions, branches, standards, waves and assignments.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::app::TestApp;
use crate::support::chain::checked_events;
use crate::support::client::owned;
use crate::support::files::{fixture_json, sha256};
use crate::support::world::{Person, World, id_of, ids_of};
use crate::support::{new_id, on_both, tiny};

on_both!(
    chains_are_added_with_all_problems_named,
    a_chain_is_changed,
    branches_in_bulk_are_all_or_nothing,
    a_thousand_branches_come_in_one_request,
    a_repeated_bulk_request_has_one_effect,
    limited_people_see_their_chain_only,
    a_chain_does_not_see_the_standards_of_others,
    auditors_see_what_they_can_visit,
    all_problems_of_a_standard_are_named,
    published_versions_never_change,
    every_standard_of_the_fixtures_can_be_published,
    waves_open_and_close_once,
    assignments_in_bulk_are_all_or_nothing,
    the_job_board,
);

async fn chains_are_added_with_all_problems_named(app: &TestApp) {
    let world = World::make(app).await;
    let add = |body: Value| world.admin.client.post("/v1/chains", &body);
    add(json!({"code": "no spaces", "kind": "friend", "locale": "xx", "colour": "red", "owner": 1}))
        .invalid(&[
            ("/code", "bad_code"),
            ("/name", "missing"),
            ("/kind", "bad_value"),
            ("/locale", "bad_value"),
            ("/colour", "bad_value"),
            ("/owner", "unknown_field"),
        ])
        .await;
    let chain = json!({"code": "shops", "name": "Poed", "kind": "client", "locale": "hu", "colour": "#00ff00"});
    add(chain.clone()).invalid(&[("/code", "duplicate")]).await;
    add(json!([1])).problem(422, "invalid").await;
    world.admin.client.act("/v1/chains").bytes("{").problem(400, "malformed_json").await;
    world
        .admin
        .client
        .act("/v1/chains")
        .header("content-type", "text/xml")
        .bytes("<a/>")
        .problem(415, "wrong_media_type")
        .await;
    let nul = json!({"code": "nul", "name": "a\u{0}b", "kind": "client", "locale": "hu", "colour": "#00ff00"});
    add(nul).invalid(&[("/name", "bad_character")]).await;

    let mut other = chain;
    other["code"] = json!("more");
    let added = add(other).created().await;
    assert_eq!(added["recording_policy"], "needs_proof");
    let path = format!("/v1/chains/{}", id_of(&added));
    assert_eq!(world.reviewer.client.get(&path).ok().await, added);
    assert_eq!(world.admin.client.all("/v1/chains", 1).await.len(), 2);
}

async fn a_chain_is_changed(app: &TestApp) {
    let (world, beta) = (World::make(app).await, World::named(app, "beta").await);
    let change = |by: &Person, id: &str, body: Value| by.client.patch(&format!("/v1/chains/{id}"), &body);
    app.client().patch(&format!("/v1/chains/{}", world.chain), &json!({})).problem(401, "unauthenticated").await;
    for person in [&world.reviewer, &world.auditor, &world.chain_viewer(app).await] {
        change(person, &world.chain, json!({"name": "N"})).problem(403, "not_allowed").await;
    }
    change(&world.admin, &beta.chain, json!({"name": "N"})).problem(404, "not_found").await;
    let wrong = json!({"name": " ", "locale": "fi", "colour": "red", "recording_policy": "maybe", "code": "new"});
    let problems = [
        ("/name", "empty"),
        ("/locale", "bad_value"),
        ("/colour", "bad_value"),
        ("/recording_policy", "bad_value"),
        ("/code", "unknown_field"),
    ];
    let wrong = change(&world.admin, &world.chain, wrong).problem(422, "invalid").await.problems();
    assert_eq!(wrong.iter().collect::<BTreeSet<_>>(), owned(&problems).iter().collect::<BTreeSet<_>>());
    let before = world.admin.client.get(&format!("/v1/chains/{}", world.chain)).ok().await;
    assert_eq!(change(&world.admin, &world.chain, json!({"name": before["name"]})).ok().await, before);
    let new = json!({"name": "Poed", "locale": "en", "colour": "#00ff00", "recording_policy": "refuse"});
    let changed = change(&world.admin, &world.chain, new.clone()).ok().await;
    for (name, value) in new.as_object().expect("members") {
        assert_eq!(&changed[name], value);
    }
    assert_eq!((&changed["code"], &changed["created_at"]), (&before["code"], &before["created_at"]));
    change(&world.admin, &world.chain, json!({"colour": "#00FF00", "name": null})).ok().await;
    let events = checked_events(&world.admin.client).await;
    let facts: Vec<_> = events.iter().filter(|event| event["kind"] == "chain.changed").collect();
    let fields = json!(["name", "locale", "colour", "recording_policy"]);
    assert_eq!((&facts[0]["payload"]["fields"], &facts[1]["payload"]["fields"]), (&fields, &json!(["colour"])));
    assert_eq!(facts.len(), 2, "what changes nothing is no fact");
}

fn branch(code: &str) -> Value {
    json!({"code": code, "name": code, "address": "Pikk 1", "time_zone": "Europe/Tallinn"})
}

async fn branches_in_bulk_are_all_or_nothing(app: &TestApp) {
    let world = World::make(app).await;
    let mut far = branch("N2");
    (far["latitude"], far["longitude"]) = (json!(91), json!(24.5));
    let mut nowhere = branch("N3");
    (nowhere["time_zone"], nowhere["region"]) = (json!("Mars/Base"), json!("west"));
    let mut half = branch("N4");
    (half["latitude"], half["staff"]) = (json!(59), json!(["Mari"]));
    let entries = json!([branch("N1"), far, nowhere, half, branch("N1"), branch("B1"), 7]);
    let body = json!({"chain_id": world.chain, "branches": entries});
    world
        .admin
        .client
        .post("/v1/branches", &body)
        .invalid(&[
            ("/branches/1/latitude", "out_of_range"),
            ("/branches/2/region", "unknown_ref"),
            ("/branches/2/time_zone", "bad_value"),
            ("/branches/3/longitude", "missing"),
            ("/branches/3/staff", "unknown_field"),
            ("/branches/4/code", "duplicate"),
            ("/branches/5/code", "duplicate"),
            ("/branches/6", "bad_type"),
        ])
        .await;
    // Nothing of it was stored, not even the first, which was right.
    assert_eq!(world.admin.client.all("/v1/branches", 50).await.len(), 3);

    let body = json!({"chain_id": new_id(), "branches": []});
    let problems = [("/chain_id", "unknown_ref"), ("/branches", "too_few")];
    let answer = world.admin.client.post("/v1/branches", &body).problem(422, "invalid").await;
    let mut found = answer.problems();
    found.sort();
    let mut wanted = owned(&problems);
    wanted.sort();
    assert_eq!(found, wanted);
}

async fn a_thousand_branches_come_in_one_request(app: &TestApp) {
    let world = World::make(app).await;
    let many: Vec<_> = (0..1001).map(|n| branch(&format!("M{n}"))).collect();
    let body = json!({"chain_id": world.chain, "branches": many});
    world.admin.client.post("/v1/branches", &body).invalid(&[("/branches", "too_many")]).await;
    let body = json!({"chain_id": world.chain, "branches": many[..1000]});
    let added = world.admin.client.post("/v1/branches", &body).created().await;
    let codes: Vec<_> = added["data"].as_array().expect("entries").iter().map(|row| row["code"].clone()).collect();
    assert_eq!(codes, (0..1000).map(|n| json!(format!("M{n}"))).collect::<Vec<_>>(), "in the order of the request");
    assert_eq!(world.admin.client.all("/v1/branches", 200).await.len(), 1003);
}

async fn a_repeated_bulk_request_has_one_effect(app: &TestApp) {
    let world = World::make(app).await;
    let body = json!({"chain_id": world.chain, "branches": [branch("K1"), branch("K2")]});
    let send = || world.admin.client.post("/v1/branches", &body).once("bulk");
    // Eight at once, as an impatient client does it.
    let answers = futures_util::future::join_all((0..8).map(|_| send().send())).await;
    for answer in &answers {
        assert!(answer.status == 201 || answer.status == 409, "{}", answer.describe());
    }
    let first = send().created().await;
    for answer in answers.iter().filter(|answer| answer.status == 201) {
        assert_eq!(answer.json(), first);
    }
    assert_eq!(world.admin.client.all("/v1/branches", 50).await.len(), 5);
    // The key is the caller's own and of this operation.
    let wave = json!({"chain_id": world.chain, "name": "w", "kind": "peak", "opens_on": "2026-01-01", "closes_on": "2026-01-02"});
    world.admin.client.post("/v1/waves", &wave).once("bulk").created().await;
}

async fn limited_people_see_their_chain_only(app: &TestApp) {
    let world = World::make(app).await;
    let other = json!({"code": "more", "name": "Veel", "kind": "client", "locale": "et", "colour": "#00ff00"});
    let other = id_of(&world.admin.client.post("/v1/chains", &other).created().await);
    let body = json!({"chain_id": other, "branches": [branch("X1")]});
    let foreign = ids_of(&world.admin.client.post("/v1/branches", &body).created().await).remove(0);
    let viewer = world.chain_viewer(app).await.client;
    let north = world.region_viewer(app).await.client;
    let manager = world.branch_manager(app).await.client;

    let codes = async |client: &crate::support::client::Client| -> Vec<String> {
        let rows = client.all("/v1/branches", 2).await;
        rows.iter().map(|row| row["code"].as_str().expect("a code").to_owned()).collect()
    };
    assert_eq!(codes(&viewer).await, ["B1", "B2", "B3"]);
    assert_eq!(codes(&north).await, ["B1", "B2"]);
    assert_eq!(codes(&manager).await, ["B1"]);
    for client in [&viewer, &north, &manager] {
        assert_eq!(ids_of(&client.get("/v1/chains").ok().await), [world.chain.as_str()]);
        assert_eq!(ids_of(&client.get("/v1/waves").ok().await), [world.wave.as_str()]);
        client.get(&format!("/v1/chains/{other}")).problem(404, "not_found").await;
        client.get(&format!("/v1/branches/{foreign}")).problem(404, "not_found").await;
        client.get(&format!("/v1/chains/{other}/regions")).problem(404, "not_found").await;
    }
    north.get(&format!("/v1/branches/{}", world.branches[2])).problem(404, "not_found").await;
    manager.get(&format!("/v1/branches/{}", world.branches[1])).problem(404, "not_found").await;
    // A standard is seen by a chain's people once their chain was visited by it.
    viewer.get("/v1/standards/tiny/versions/1").problem(404, "not_found").await;
    world.assign_one().await;
    viewer.get("/v1/standards/tiny/versions/1").ok().await;
}

/// Another client of the same firm with a branch, a wave, and an assignment by a standard of its own.
struct Rival {
    chain: String,
    branch: String,
    wave: String,
    assignment: String,
}

async fn rival(world: &World, auditor_id: Option<&str>) -> Rival {
    let admin = &world.admin.client;
    let chain = json!({"code": "rival", "name": "Konkurent", "kind": "client", "locale": "et", "colour": "#00ff00"});
    let chain = id_of(&admin.post("/v1/chains", &chain).created().await);
    let body = json!({"chain_id": chain, "branches": [branch("X1")]});
    let branch = ids_of(&admin.post("/v1/branches", &body).created().await).remove(0);
    let mut standard = tiny::version(1);
    standard["id"] = json!("rivals-own");
    admin.post("/v1/standards", &standard).created().await;
    admin.post("/v1/standards/rivals-own/publish", &json!({"version": 1})).ok().await;
    let wave = json!({
        "chain_id": chain, "name": "secret spring", "kind": "regular", "opens_on": "2026-03-01", "closes_on": "2026-05-31",
    });
    let wave = id_of(&admin.post("/v1/waves", &wave).created().await);
    let mut assignment = world.assignment(0, None);
    (assignment["branch_id"], assignment["standard_id"]) = (json!(branch), json!("rivals-own"));
    if let Some(id) = auditor_id {
        assignment["auditor_id"] = json!(id);
    }
    let assignment = world.assign_in(&wave, vec![assignment]).await.remove(0);
    Rival { chain, branch, wave, assignment }
}

async fn a_chain_does_not_see_the_standards_of_others(app: &TestApp) {
    let world = World::make(app).await;
    world.assign_one().await;
    let rival = rival(&world, None).await;
    let scope = json!({"chain_id": rival.chain, "branch_ids": []});
    let theirs = world.person(app, "theirs", "chain_viewer", Some(scope)).await.client;
    let scope = json!({"chain_id": rival.chain, "branch_ids": [rival.branch]});
    let their_manager = world.person(app, "their-manager", "branch_manager", Some(scope)).await.client;
    let viewer = world.chain_viewer(app).await.client;
    let north = world.region_viewer(app).await.client;
    let manager = world.branch_manager(app).await.client;
    for (client, own, other) in [
        (&viewer, "tiny", "rivals-own"),
        (&north, "tiny", "rivals-own"),
        (&manager, "tiny", "rivals-own"),
        (&theirs, "rivals-own", "tiny"),
        (&their_manager, "rivals-own", "tiny"),
    ] {
        let listed = client.get("/v1/standards").ok().await;
        assert_eq!(ids_of(&listed), [own], "and nothing else of the firm");
        client.get(&format!("/v1/standards/{own}/versions/1")).ok().await;
        client.get(&format!("/v1/standards/{other}/versions/1")).problem(404, "not_found").await;
    }
    // A newer version of one's own standard shows nothing, not even its title, until it is used.
    let mut next = tiny::version(2);
    next["title"]["en"] = json!("Still a secret");
    world.admin.client.post("/v1/standards", &next).created().await;
    world.admin.client.post("/v1/standards/tiny/publish", &json!({"version": 2})).ok().await;
    let listed = viewer.get("/v1/standards").ok().await;
    assert_eq!(listed["data"][0]["versions"].as_array().map(Vec::len), Some(1));
    assert_eq!(listed["data"][0]["title"]["en"], "Tiny visit");
    viewer.get("/v1/standards/tiny/versions/2").problem(404, "not_found").await;
}

async fn auditors_see_what_they_can_visit(app: &TestApp) {
    let world = World::make(app).await;
    let rival = rival(&world, Some(&world.other_auditor.id)).await;
    let (auditor, other) = (&world.auditor.client, &world.other_auditor.client);
    let paths = [
        ("chains", &rival.chain),
        ("branches", &rival.branch),
        ("waves", &rival.wave),
        ("standards", &"rivals-own".to_owned()),
    ];
    let one = |name: &str, id: &str| match name {
        "standards" => format!("/v1/standards/{id}/versions/1"),
        _ => format!("/v1/{name}/{id}"),
    };
    // Nothing to visit, nothing to know; then one's own.
    for (name, _) in paths {
        assert_eq!(auditor.all(&format!("/v1/{name}"), 2).await, Vec::<Value>::new(), "{name}");
    }
    world.assign(1, 2).await;
    let own = [
        ("chains", &world.chain),
        ("branches", &world.branches[1]),
        ("waves", &world.wave),
        ("standards", &"tiny".to_owned()),
    ];
    for ((name, id), (_, foreign)) in own.into_iter().zip(paths) {
        assert_eq!(ids_of(&auditor.get(&format!("/v1/{name}")).ok().await), [id.as_str()], "{name}");
        assert_eq!(ids_of(&other.get(&format!("/v1/{name}")).ok().await), [foreign.as_str()], "{name}");
        auditor.get(&one(name, id)).ok().await;
        auditor.get(&one(name, foreign)).problem(404, "not_found").await;
        other.get(&one(name, foreign)).ok().await;
        other.get(&one(name, id)).problem(404, "not_found").await;
    }
    auditor.get(&format!("/v1/chains/{}/regions", rival.chain)).problem(404, "not_found").await;
    for query in [format!("branches?chain_id={}", rival.chain), format!("waves?chain_id={}", rival.chain)] {
        assert_eq!(auditor.all(&format!("/v1/{query}"), 50).await, Vec::<Value>::new(), "{query}");
    }
    // What goes to the job board is for all to see, and what somebody takes from it is theirs again.
    other.act(&format!("/v1/assignments/{}/hand-back", rival.assignment)).ok().await;
    assert_eq!(auditor.all("/v1/chains", 1).await.len(), 2);
    for (name, id) in paths {
        auditor.get(&one(name, id)).ok().await;
    }
    other.act(&format!("/v1/assignments/{}/claim", rival.assignment)).ok().await;
    for (name, id) in paths {
        auditor.get(&one(name, id)).problem(404, "not_found").await;
    }
    // Whose visit it is still finds what it is of when the assignment has gone to somebody else.
    let visit = new_id();
    let draft = json!({"assignment_id": rival.assignment, "state": "draft", "answers": {}});
    other.put(&format!("/v1/visits/{visit}"), &draft).if_absent().created().await;
    other.act(&format!("/v1/assignments/{}/hand-back", rival.assignment)).ok().await;
    auditor.act(&format!("/v1/assignments/{}/claim", rival.assignment)).ok().await;
    for (name, id) in paths {
        other.get(&one(name, id)).ok().await;
    }
}

async fn all_problems_of_a_standard_are_named(app: &TestApp) {
    let world = World::make(app).await;
    let mut standard = tiny::version(2);
    standard["pass_bp"] = json!(10_001);
    standard["items"][0]["section"] = json!("cellar");
    standard["items"][1]["min"] = json!(6);
    standard["items"][7]["show_if"]["item"] = json!("later");
    standard["colour"] = json!("red");
    for path in ["/v1/standards/check", "/v1/standards"] {
        let answer = world.admin.client.post(path, &standard).problem(422, "invalid").await;
        let pointers: Vec<_> = answer.problems().into_iter().map(|(pointer, _)| pointer).collect();
        for wanted in ["/pass_bp", "/items/0/section", "/colour"] {
            assert!(pointers.iter().any(|pointer| pointer == wanted), "{wanted} in {pointers:?}");
        }
        assert!(pointers.iter().any(|pointer| pointer.starts_with("/items/1/")), "{pointers:?}");
        assert!(pointers.iter().any(|pointer| pointer.starts_with("/items/7/show_if")), "{pointers:?}");
    }
    // A thousand of them are named, and how many more there are.
    let mut endless = tiny::version(2);
    endless["title"]["en"] = json!(vec!["bell\u{7}"; 5000]);
    for path in ["/v1/standards/check", "/v1/standards"] {
        let answer = world.admin.client.post(path, &endless).problem(422, "invalid").await;
        let problems = answer.problems();
        assert_eq!((problems.len(), problems[1000].1.as_str()), (1001, "more_problems"));
    }
    assert_eq!(
        world.admin.client.get("/v1/standards").ok().await["data"][0]["versions"].as_array().map(Vec::len),
        Some(1)
    );
    let fine = world.admin.client.post("/v1/standards/check", &tiny::version(2)).ok().await;
    assert_eq!((fine["items"].as_u64(), fine["version"].as_u64()), (Some(8), Some(2)));
    world.admin.client.get("/v1/standards/tiny/versions/2").problem(404, "not_found").await;
}

async fn published_versions_never_change(app: &TestApp) {
    let world = World::make(app).await;
    let admin = &world.admin.client;
    let draft = admin.post("/v1/standards", &tiny::version(2)).created().await;
    assert_eq!(draft["state"], "draft");
    // Auditors do not see drafts; another file replaces one.
    world.auditor.client.get("/v1/standards/tiny/versions/2").problem(404, "not_found").await;
    let mut changed = tiny::version(2);
    changed["title"]["en"] = json!("Other");
    assert_ne!(admin.post("/v1/standards", &changed).created().await["sha256"], draft["sha256"]);
    let published = admin.post("/v1/standards/tiny/publish", &json!({"version": 2})).ok().await;
    assert_eq!(published["state"], "published");
    let again = admin.post("/v1/standards/tiny/publish", &json!({"version": 2})).problem(409, "illegal_state").await;
    assert!(again.detail().contains("published"), "{}", again.describe());
    admin.post("/v1/standards", &tiny::version(2)).problem(409, "version_exists").await;
    assert_eq!(
        admin.post("/v1/standards", &changed).created().await["state"],
        "published",
        "the same bytes are no change"
    );
    admin.post("/v1/standards/tiny/publish", &json!({"version": 9})).problem(404, "not_found").await;
    admin.post("/v1/standards/tiny/publish", &json!({"version": "2", "x": 1})).problem(422, "invalid").await;

    let mut assignment = world.assignment(0, None);
    assignment["standard_version"] = json!(2);
    world.assign_in(&world.wave, vec![assignment]).await;
    let answer = world.auditor.client.get("/v1/standards/tiny/versions/2").send().await.expect(200);
    assert_eq!(answer.json(), changed);
    assert_eq!(answer.etag(), format!("\"{}\"", sha256(&answer.body)), "the tag is the hash of exactly these bytes");
    assert_eq!(answer.header("cache-control"), "private, max-age=31536000, immutable");
    let unchanged =
        world.auditor.client.get("/v1/standards/tiny/versions/2").header("if-none-match", &answer.etag()).send().await;
    assert_eq!(unchanged.expect(304).body, b"");
}

async fn every_standard_of_the_fixtures_can_be_published(app: &TestApp) {
    let world = World::make(app).await;
    let names = ["retail-visit", "chat-email", "complaint-handling", "branch-environment", "mystery-call"];
    for name in names {
        let standard = fixture_json(&format!("standards/{name}.json"));
        let added = world.admin.client.post("/v1/standards", &standard).created().await;
        assert_eq!(added["standard_id"], name);
        let version = json!({"version": added["version"]});
        world.admin.client.post(&format!("/v1/standards/{name}/publish"), &version).ok().await;
    }
    let listed: Vec<_> =
        world.reviewer.client.all("/v1/standards", 2).await.iter().map(|row| row["id"].clone()).collect();
    let sorted = ["branch-environment", "chat-email", "complaint-handling", "mystery-call", "retail-visit", "tiny"];
    assert_eq!(listed, sorted);
}

async fn waves_open_and_close_once(app: &TestApp) {
    let world = World::make(app).await;
    let admin = &world.admin.client;
    let wave = |name: &str, last: &str| json!({"chain_id": world.chain, "name": name, "kind": "baseline", "opens_on": "2026-06-01", "closes_on": last});
    admin
        .post("/v1/waves", &wave("2026 spring", "2026-05-31"))
        .invalid(&[("/name", "duplicate"), ("/closes_on", "out_of_range")])
        .await;
    let body = json!({"chain_id": new_id(), "name": "", "kind": "odd", "opens_on": "1.6.2026"});
    admin
        .post("/v1/waves", &body)
        .invalid(&[
            ("/chain_id", "unknown_ref"),
            ("/name", "empty"),
            ("/kind", "bad_value"),
            ("/opens_on", "bad_date"),
            ("/closes_on", "missing"),
        ])
        .await;
    let added = admin.post("/v1/waves", &wave("summer", "2026-06-30")).created().await;
    assert_eq!(added["state"], "planned");
    let path = format!("/v1/waves/{}", id_of(&added));
    let early = admin.act(&format!("{path}/close")).problem(409, "illegal_state").await;
    assert_eq!(early.detail(), "The wave is planned; cannot close it. Allowed now: open.");
    admin.act(&format!("{path}/open")).ok().await;
    admin.act(&format!("{path}/open")).problem(409, "illegal_state").await;
    assert_eq!(admin.act(&format!("{path}/close")).ok().await["state"], "closed");
    assert_eq!(world.reviewer.client.get(&path).ok().await["state"], "closed");
    let body = json!({"wave_id": id_of(&added), "assignments": [world.assignment(0, None)]});
    admin.post("/v1/assignments", &body).problem(409, "wave_closed").await;
}

async fn assignments_in_bulk_are_all_or_nothing(app: &TestApp) {
    let world = World::make(app).await;
    let other = World::named(app, "beta").await;
    let good = world.assignment(0, Some(&world.auditor));
    let with = |name: &str, value: Value| {
        let mut entry = good.clone();
        entry[name] = value;
        entry
    };
    let id = new_id();
    let entries = json!([
        good,
        with("branch_id", json!(other.branches[0])),
        with("auditor_id", json!(world.reviewer.id)),
        with("standard_version", json!(7)),
        with("standard_id", json!("unheard-of")),
        with("window_end", json!("2019-01-01T00:00:00Z")),
        with("id", json!(id)),
        with("id", json!(id)),
        with("id", json!("seven")),
        with("fee", json!(12)),
    ]);
    world
        .admin
        .client
        .post("/v1/assignments", &json!({"wave_id": world.wave, "assignments": entries}))
        .invalid(&[
            ("/assignments/1/branch_id", "unknown_ref"),
            ("/assignments/2/auditor_id", "unknown_ref"),
            ("/assignments/3/standard_version", "unknown_ref"),
            ("/assignments/4/standard_id", "unknown_ref"),
            ("/assignments/5/window_end", "out_of_range"),
            ("/assignments/7/id", "duplicate"),
            ("/assignments/8/id", "bad_id"),
            ("/assignments/9/fee", "unknown_field"),
        ])
        .await;
    assert_eq!(world.admin.client.all("/v1/assignments", 50).await, Vec::<Value>::new());
    // A draft of a standard cannot be assigned.
    world.admin.client.post("/v1/standards", &tiny::version(2)).created().await;
    world
        .admin
        .client
        .post("/v1/assignments", &json!({"wave_id": world.wave, "assignments": [with("standard_version", json!(2))]}))
        .invalid(&[("/assignments/0/standard_version", "not_published")])
        .await;
    let foreign = json!({"wave_id": other.wave, "assignments": [good]});
    world.admin.client.post("/v1/assignments", &foreign).invalid(&[("/wave_id", "unknown_ref")]).await;

    // Ids of one's own making, and everything a phone needs.
    let body = json!({"wave_id": world.wave, "assignments": [with("id", json!(id))]});
    let added = world.admin.client.post("/v1/assignments", &body).created().await;
    let added = &added["data"][0];
    assert_eq!((added["id"].as_str(), added["state"].as_str()), (Some(id.as_str()), Some("assigned")));
    assert_eq!((added["branch_code"].as_str(), added["chain_name"].as_str()), (Some("B1"), Some("Kauplused")));
    assert_eq!((added["latitude"].as_f64(), added["longitude"].as_f64()), (Some(59.437), Some(24.7536)));
    let tag = world.auditor.client.get("/v1/standards/tiny/versions/1").send().await.etag();
    assert_eq!(added["standard_sha256"], tag.trim_matches('"'));
    world.admin.client.post("/v1/assignments", &body).invalid(&[("/assignments/0/id", "duplicate")]).await;
}

async fn the_job_board(app: &TestApp) {
    let world = World::make(app).await;
    let open = world.assign_in(&world.wave, vec![world.assignment(0, None); 3]).await;
    let mine = world.assign(1, 1).await.remove(0);
    let (first, second) = (&world.auditor.client, &world.other_auditor.client);
    let path = |id: &str, mv: &str| format!("/v1/assignments/{id}{mv}");
    assert_eq!(first.all("/v1/assignments", 2).await.len(), 4);
    assert_eq!(second.all("/v1/assignments", 2).await.len(), 3, "the board, and nobody else's");
    assert_eq!(ids_of(&first.get("/v1/assignments?mine=true").ok().await), [mine.as_str()]);
    second.get(&path(&mine, "")).problem(404, "not_found").await;
    second.act(&path(&mine, "/decline")).problem(404, "not_found").await;

    // Two reach for the same one: one gets it, and may ask again.
    let (a, b) = (path(&open[0], "/claim"), path(&open[0], "/claim"));
    let (a, b) = tokio::join!(first.act(&a).send(), second.act(&b).send());
    let mut statuses = [a.status, b.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 404], "{} | {}", a.describe(), b.describe());
    let (winner, loser) = if a.status == 200 { (first, second) } else { (second, first) };
    assert_eq!(winner.act(&path(&open[0], "/claim")).ok().await["state"], "claimed");
    loser.get(&path(&open[0], "")).problem(404, "not_found").await;

    assert_eq!(winner.act(&path(&open[0], "/hand-back")).ok().await["auditor_id"], Value::Null);
    assert_eq!(loser.act(&path(&open[0], "/claim")).ok().await["state"], "claimed");
    assert_eq!(loser.act(&path(&open[0], "/decline")).ok().await["state"], "declined");
    let over = loser.act(&path(&open[0], "/claim")).problem(409, "illegal_state").await;
    assert_eq!(over.detail(), "The assignment is declined; cannot claim it. Allowed now: nothing.");
    assert_eq!(world.admin.client.act(&path(&open[1], "/cancel")).ok().await["state"], "cancelled");
    world.admin.client.act(&path(&open[1], "/cancel")).problem(409, "illegal_state").await;
    let states = ["open", "claimed", "assigned", "declined", "cancelled"];
    let mut counts = Vec::new();
    for state in states {
        counts.push(world.admin.client.all(&format!("/v1/assignments?state={state}"), 50).await.len());
    }
    assert_eq!(counts, [1, 0, 1, 1, 1]);
}
