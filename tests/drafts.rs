//! Drafts of standards: edited from the copy that was read, compared, copied, and ended.

use serde_json::{Value, json};

use crate::support::app::TestApp;
use crate::support::chain::{checked_events, count};
use crate::support::client::{Answer, Call};
use crate::support::world::{Person, World, filing};
use crate::support::{new_id, on_both, tiny};

on_both!(
    a_draft_is_edited_from_the_copy_that_was_read,
    items_are_put_moved_and_removed,
    the_library_gives_items_to_drafts,
    two_versions_are_compared,
    a_version_is_copied,
    a_retired_version_takes_no_new_assignments,
    of_fifty_at_once_one_wins,
);

const DRAFT: &str = "/v1/standards/tiny/versions/2";

/// A world with version 2 of the tiny standard as a draft.
async fn with_draft(app: &TestApp) -> World {
    let world = World::make(app).await;
    world.admin.client.post("/v1/standards", &tiny::version(2)).created().await;
    world
}

async fn read(person: &Person, path: &str) -> (Value, String) {
    let answer = person.client.get(path).send().await.expect(200);
    (answer.json(), answer.etag())
}

/// Every edit of a draft, harmless on the tiny standard.
fn edits(person: &Person, path: &str) -> Vec<Call> {
    let mut whole = tiny::version(2);
    whole["pass_bp"] = json!(6000);
    let item = json!({"section": "sale", "type": "yes_no", "weight": 1});
    vec![
        person.client.put(path, &whole),
        person.client.patch(path, &json!({"pass_bp": 6500})),
        person.client.put(&format!("{path}/items/extra"), &item),
        person.client.delete(&format!("{path}/items/queue")),
    ]
}

async fn a_draft_is_edited_from_the_copy_that_was_read(app: &TestApp) {
    let (world, beta) = (with_draft(app).await, World::named(app, "beta").await);
    for person in [&world.reviewer, &world.auditor, &world.chain_viewer(app).await] {
        for edit in edits(person, DRAFT) {
            edit.if_match("*").problem(403, "not_allowed").await;
        }
    }
    for path in ["/v1/standards/tiny/versions/7", "/v1/standards/none/versions/1", "/v1/standards/%00/versions/1"] {
        for edit in edits(&world.admin, path) {
            edit.if_match("*").problem(404, "not_found").await;
        }
    }
    for edit in edits(&beta.admin, DRAFT) {
        edit.if_match("*").problem(404, "not_found").await;
    }
    let (before, tag) = read(&world.admin, DRAFT).await;
    for edit in edits(&world.admin, DRAFT) {
        edit.problem(428, "condition_missing").await;
    }
    for edit in edits(&world.admin, DRAFT) {
        assert_eq!(edit.if_match("\"old\"").problem(412, "stale").await.etag(), tag);
    }
    let wrong = json!({"pass_bp": 10_001, "bands": [], "items": [], "aggregation": "odd", "owner": 1, "channel": 7});
    let wrong = world.admin.client.patch(DRAFT, &wrong).if_match(&tag).problem(422, "invalid").await.problems();
    for wanted in ["/items", "/owner", "/pass_bp", "/bands", "/aggregation", "/channel"] {
        assert!(wrong.iter().any(|(pointer, _)| pointer == wanted), "{wanted} in {wrong:?}");
    }
    // What the items need stays: a section, a dimension, a language less is a problem of theirs.
    let less = json!({"sections": [{"id": "contact", "weight": 1}], "dimensions": [], "languages": ["en", "fi"]});
    let less = world.admin.client.patch(DRAFT, &less).if_match(&tag).problem(422, "invalid").await.problems();
    for wanted in ["/items/4/section", "/items/0/dimensions/0/id"] {
        assert!(less.iter().any(|(pointer, _)| pointer == wanted), "{wanted} in {less:?}");
    }
    let mut other = tiny::version(3);
    (other["id"], other["pass_bp"]) = (json!("other"), json!(-1));
    let other = world.admin.client.put(DRAFT, &other).if_match(&tag).problem(422, "invalid").await.problems();
    for wanted in ["/id", "/version", "/pass_bp"] {
        assert!(other.iter().any(|(pointer, _)| pointer == wanted), "{wanted} in {other:?}");
    }
    assert_eq!(read(&world.admin, DRAFT).await, (before, tag.clone()), "nothing was changed");

    let change = json!({"pass_bp": 6500, "title": {"en": "New", "et": "Uus", "hu": "Új"}, "channel": null});
    let send = |tag: &str| world.admin.client.patch(DRAFT, &change).if_match(tag);
    let answer = send(&tag).send().await.expect(200);
    let (changed, new) = read(&world.reviewer, DRAFT).await;
    assert_eq!((answer.etag(), &answer.json()["sha256"]), (new.clone(), &json!(new.trim_matches('"'))));
    assert_eq!(
        (&changed["pass_bp"], &changed["title"]["et"], &changed["items"]),
        (&json!(6500), &json!("Uus"), &tiny::version(2)["items"])
    );
    // The answer was lost: the same change from the same copy is no other change.
    assert_eq!(send(&tag).send().await.expect(200).etag(), new);
    let mut whole = changed.clone();
    whole["pass_bp"] = json!(6000);
    world.admin.client.put(DRAFT, &whole).if_match(&tag).problem(412, "stale").await;
    let last = world.admin.client.put(DRAFT, &whole).if_match(&new).send().await.expect(200).etag();
    assert_eq!(read(&world.admin, DRAFT).await, (whole.clone(), last.clone()));
    world.admin.client.patch(DRAFT, &json!({})).if_match(&last).ok().await;

    world.admin.client.post("/v1/standards/tiny/publish", &json!({"version": 2})).ok().await;
    for edit in edits(&world.admin, DRAFT) {
        let refused = edit.if_match(&last).problem(409, "illegal_state").await;
        assert_eq!(refused.detail(), "The version is published; cannot edit it. Allowed now: retire.");
    }
    let events = checked_events(&world.admin.client).await;
    let kinds: Vec<_> = events
        .iter()
        .filter(|event| event["object"] == "standard/tiny" && event["payload"]["version"] == 2)
        .map(|event| event["kind"].as_str().expect("a kind"))
        .collect();
    let wanted = ["imported", "draft_changed", "draft_replaced", "published"];
    assert_eq!(kinds, wanted.map(|kind| format!("standard.{kind}")), "what changed nothing is no fact");
    let fact = events.iter().find(|event| event["kind"] == "standard.draft_changed").expect("a fact");
    assert_eq!(fact["payload"]["members"], json!(["pass_bp", "title"]));
}

/// The ids of the items of the draft, in their order.
async fn order(world: &World) -> Vec<String> {
    let items = read(&world.admin, DRAFT).await.0["items"].clone();
    items.as_array().expect("items").iter().map(|item| item["id"].as_str().expect("an id").to_owned()).collect()
}

/// Sends an edit from the current copy.
async fn edit(world: &World, call: impl FnOnce(&World) -> Call) -> Answer {
    let tag = read(&world.admin, DRAFT).await.1;
    call(world).if_match(&tag).send().await
}

async fn items_are_put_moved_and_removed(app: &TestApp) {
    let world = with_draft(app).await;
    let path = |id: &str| format!("{DRAFT}/items/{id}");
    let put = |id: &str, body: Value| {
        let path = path(id);
        move |world: &World| world.admin.client.put(&path, &body)
    };
    let text = json!({"en": "Thanked", "et": "Tänati", "hu": "Megköszönték"});
    let good = json!({"section": "sale", "type": "yes_no", "weight": 1, "text": text, "advice": text});
    let wrong =
        json!({"id": "other", "section": "cellar", "type": "rating", "weight": -1, "text": {"en": "T"}, "fee": 1});
    let wrong = edit(&world, put("thanks", wrong)).await.problem(422, "invalid").problems();
    for wanted in ["/id", "/fee", "/section", "/weight", "/min", "/max"] {
        assert!(wrong.iter().any(|(pointer, _)| pointer == wanted), "{wanted} in {wrong:?}");
    }
    let half = json!({"section": "sale", "type": "yes_no", "weight": 1, "text": {"en": "T"}});
    let half = edit(&world, put("thanks", half)).await.problem(422, "invalid");
    assert_eq!(half.problems(), [("/text".to_owned(), "missing_language".to_owned())]);
    for id in ["1st", "%01", "a%20b"] {
        edit(&world, put(id, good.clone())).await.problem(422, "invalid");
    }
    edit(&world, put("thanks?before=nothing", good.clone())).await.problem(422, "invalid");
    // What another item looks at cannot become something else.
    let offer = json!({"section": "sale", "type": "text", "weight": 0});
    let refused = edit(&world, put("offer", offer)).await.problem(422, "invalid").json();
    assert!(refused["errors"].to_string().contains("/items/7/show_if"), "{refused}");

    let first = ["greet", "polite", "queue", "front", "needs", "offer", "honest", "why"];
    edit(&world, put("thanks", good.clone())).await.expect(200);
    assert_eq!(order(&world).await, [&first[..], &["thanks"]].concat());
    let mut heavier = good.clone();
    (heavier["weight"], heavier["help"]) = (json!(5), Value::Null);
    edit(&world, put("thanks?before=greet", heavier.clone())).await.expect(200);
    assert_eq!(order(&world).await, [&["thanks"], &first[..]].concat());
    let again = edit(&world, put("thanks", heavier)).await.expect(200);
    assert_eq!(again.json()["items"], 9);
    assert_eq!(read(&world.admin, DRAFT).await.0["items"][0]["weight"], 5);

    let delete = |id: &str| {
        let path = path(id);
        move |world: &World| world.admin.client.delete(&path)
    };
    edit(&world, delete("nothing")).await.problem(404, "not_found");
    let needed = edit(&world, delete("offer")).await.problem(409, "item_needed").problems();
    assert!(needed[0].0.starts_with("/items/8/show_if"), "{needed:?}");
    edit(&world, delete("thanks")).await.expect(200);
    edit(&world, delete("thanks")).await.problem(404, "not_found");
    assert_eq!(order(&world).await, first);
    let events = checked_events(&world.admin.client).await;
    assert_eq!((count(&events, "standard.item_put"), count(&events, "standard.item_removed")), (2, 1));
}

async fn the_library_gives_items_to_drafts(app: &TestApp) {
    let world = with_draft(app).await;
    let path = format!("{DRAFT}/items/warned");
    let put = |body: Value| {
        let path = path.clone();
        move |world: &World| world.admin.client.put(&path, &body)
    };
    let unknown = edit(&world, put(json!({"from_bank": "BNK-99", "section": "sale"}))).await.problem(422, "invalid");
    assert_eq!(unknown.problems()[0], ("/from_bank".to_owned(), "unknown_ref".to_owned()));
    let nowhere = edit(&world, put(json!({"from_bank": "BNK-01"}))).await.problem(422, "invalid");
    assert_eq!(nowhere.problems(), [("/section".to_owned(), "missing".to_owned())]);
    let body = json!({"from_bank": "BNK-01", "section": "sale", "weight": 9});
    edit(&world, put(body)).await.expect(200);
    let (draft, _) = read(&world.admin, DRAFT).await;
    let (item, bank) = (&draft["items"][8], world.admin.client.get("/v1/library/items/BNK-01").ok().await);
    assert_eq!((&item["id"], &item["weight"], &item["from_bank"]), (&json!("warned"), &json!(9), &Value::Null));
    assert_eq!((&item["text"], &item["advice"]), (&bank["item"]["text"], &bank["item"]["advice"]));
    assert_eq!(item["dimensions"], json!([{"id": "information"}]));
    let dimension = draft["dimensions"].as_array().expect("dimensions").last().expect("one").clone();
    assert_eq!(dimension["id"], "information");
    assert!(dimension["title"]["et"].is_string(), "{dimension}");
    world.admin.client.post("/v1/standards/tiny/publish", &json!({"version": 2})).ok().await;
    let events = checked_events(&world.admin.client).await;
    let fact = events.iter().find(|event| event["kind"] == "standard.item_put").expect("a fact");
    assert_eq!((&fact["payload"]["item_id"], &fact["payload"]["from_bank"]), (&json!("warned"), &json!("BNK-01")));
}

async fn two_versions_are_compared(app: &TestApp) {
    let world = with_draft(app).await;
    let mut next = tiny::version(2);
    next["pass_bp"] = json!(8000);
    next["sections"][1]["weight"] = json!(50);
    let items = next["items"].as_array_mut().expect("items");
    items[1]["weight"] = json!(2);
    items[1]["advice"]["en"] = json!("Be polite.");
    items.remove(2);
    let honest = items.remove(5);
    items.insert(0, honest);
    items.push(json!({"id": "thanks", "section": "sale", "type": "yes_no", "weight": 1}));
    world.admin.client.put(DRAFT, &next).if_match("*").ok().await;
    let path = "/v1/standards/tiny/versions/1/compare/2";
    world.admin.client.get("/v1/standards/tiny/versions/1/compare/3").problem(404, "not_found").await;
    // Who does not see drafts does not see what they would change.
    let viewer = world.chain_viewer(app).await;
    world.assign_one().await;
    for person in [&world.auditor, &viewer] {
        person.client.get(path).problem(404, "not_found").await;
        person.client.get("/v1/standards/tiny/versions/1/compare/1").ok().await;
    }
    let found = world.reviewer.client.get(path).ok().await;
    assert_eq!(
        (&found["from_version"], &found["to_version"], &found["unchanged_items"]),
        (&json!(1), &json!(2), &json!(5))
    );
    assert_eq!(found["members"], json!([{"name": "pass_bp", "from": 7000, "to": 8000}]));
    assert_eq!(
        found["sections"],
        json!([{
            "id": "sale", "change": "changed", "from_position": 1, "to_position": 1,
            "members": [{"name": "weight", "from": 40, "to": 50}],
        }])
    );
    assert_eq!(found["dimensions"], json!([]));
    let short = |part: &Value| json!([part["id"], part["change"], part["from_position"], part["to_position"]]);
    let parts = found["items"].as_array().expect("items");
    assert_eq!(
        parts.iter().map(short).collect::<Vec<_>>(),
        [
            json!(["honest", "moved", 6, 0]),
            json!(["polite", "changed", 1, 2]),
            json!(["thanks", "added", null, 7]),
            json!(["queue", "removed", 2, null]),
        ]
    );
    let names: Vec<_> = parts[1]["members"].as_array().expect("members").iter().map(|member| &member["name"]).collect();
    assert_eq!(names, ["advice", "weight"]);
    let back = world.reviewer.client.get("/v1/standards/tiny/versions/2/compare/1").ok().await;
    assert_eq!(back["members"], json!([{"name": "pass_bp", "from": 8000, "to": 7000}]));
}

async fn a_version_is_copied(app: &TestApp) {
    let (world, beta) = (World::make(app).await, World::named(app, "beta").await);
    let path = "/v1/standards/tiny/versions/1/copy";
    let copy = |body: Value| world.admin.client.post(path, &body);
    world.reviewer.client.post(path, &json!({"version": 2})).problem(403, "not_allowed").await;
    world
        .admin
        .client
        .post("/v1/standards/tiny/versions/9/copy", &json!({"version": 2}))
        .problem(404, "not_found")
        .await;
    copy(json!({"id": "1st", "version": 0, "title": {}}))
        .invalid(&[("/id", "bad_id"), ("/version", "out_of_range"), ("/title", "unknown_field")])
        .await;
    copy(json!({})).invalid(&[("/version", "missing")]).await;
    let there = copy(json!({"version": 1})).problem(409, "version_exists").await;
    assert_eq!(there.detail(), "Version 1 of tiny is there already, as published. Choose another number.");
    let made = copy(json!({"version": 2})).once("copy").created().await;
    assert_eq!((&made["state"], &made["version"]), (&json!("draft"), &json!(2)));
    assert_eq!(read(&world.admin, DRAFT).await.0, tiny::version(2));
    assert_eq!(copy(json!({"version": 2})).once("copy").created().await, made, "the first answer");
    copy(json!({"version": 3})).once("copy").problem(422, "idempotency_key_reused").await;
    copy(json!({"version": 2})).problem(409, "version_exists").await;
    // Of a draft, as another standard.
    let other = json!({"id": "shorter", "version": 1});
    world.admin.client.post(&format!("{DRAFT}/copy"), &other).created().await;
    let (shorter, _) = read(&world.admin, "/v1/standards/shorter/versions/1").await;
    assert_eq!((&shorter["id"], &shorter["items"]), (&json!("shorter"), &tiny::standard()["items"]));
    beta.admin.client.get("/v1/standards/shorter/versions/1").problem(404, "not_found").await;
    let events = checked_events(&world.admin.client).await;
    let facts: Vec<_> = events.iter().filter(|event| event["kind"] == "standard.copied").collect();
    assert_eq!(facts.len(), 2);
    assert_eq!(facts[1]["object"], "standard/shorter");
    assert_eq!(facts[1]["payload"]["from"], json!({"standard_id": "tiny", "version": 2}));
}

async fn a_retired_version_takes_no_new_assignments(app: &TestApp) {
    let world = with_draft(app).await;
    let (begun, waiting) = (world.assign_one().await, world.assign_one().await);
    let visit = new_id();
    let draft = filing(&begun, "draft", &json!({}), &[]);
    world.auditor.client.put(&format!("/v1/visits/{visit}"), &draft).if_absent().created().await;
    let retire = |person: &Person, n: u32| person.client.act(&format!("/v1/standards/tiny/versions/{n}/retire"));
    retire(&world.reviewer, 1).problem(403, "not_allowed").await;
    retire(&world.admin, 9).problem(404, "not_found").await;
    let early = retire(&world.admin, 2).problem(409, "illegal_state").await;
    assert_eq!(early.detail(), "The version is draft; cannot retire it. Allowed now: edit, publish.");
    let retired = retire(&world.admin, 1).ok().await;
    assert_eq!((&retired["state"], &retired["items"]), (&json!("retired"), &json!(8)));
    let again = retire(&world.admin, 1).problem(409, "illegal_state").await;
    assert_eq!(again.detail(), "The version is retired; cannot retire it. Allowed now: nothing.");
    world.admin.client.post("/v1/standards/tiny/publish", &json!({"version": 1})).problem(409, "illegal_state").await;
    let body = json!({"wave_id": world.wave, "assignments": [world.assignment(0, None)]});
    let refused = world.admin.client.post("/v1/assignments", &body);
    refused.invalid(&[("/assignments/0/standard_version", "not_published")]).await;
    // What was given before goes on to the end.
    let filed = world.file(&waiting, &tiny::fair()).await;
    world.review(&filed, &["review", "approve", "publish"]).await;
    let card = world.admin.client.get(&format!("/v1/branches/{}/scorecard", world.branches[0])).ok().await;
    assert_eq!(card["overall"]["mean_bp"], 7225);
    world.auditor.client.get("/v1/standards/tiny/versions/1").ok().await;
    // A copy of it begins anew.
    let copy = json!({"version": 3});
    world.admin.client.post("/v1/standards/tiny/versions/1/copy", &copy).created().await;
    let events = checked_events(&world.admin.client).await;
    assert_eq!(count(&events, "standard.retired"), 1);
}

/// The statuses of calls made at the same moment.
async fn at_once(calls: Vec<Call>) -> Vec<u16> {
    let answers = futures_util::future::join_all(calls.into_iter().map(Call::send)).await;
    answers.into_iter().map(|answer| answer.status).collect()
}

fn expect_one(statuses: &[u16], winner: u16, loser: u16) {
    assert_eq!(statuses.iter().filter(|status| **status == winner).count(), 1, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == loser).count(), statuses.len() - 1, "{statuses:?}");
}

async fn of_fifty_at_once_one_wins(app: &TestApp) {
    let world = with_draft(app).await;
    let admin = &world.admin.client;
    let tag = read(&world.admin, DRAFT).await.1;
    let patches = (0..50).map(|n| admin.patch(DRAFT, &json!({"pass_bp": 5000 + n})).if_match(&tag)).collect();
    expect_one(&at_once(patches).await, 200, 412);
    let tag = read(&world.admin, DRAFT).await.1;
    let deletes = (0..50).map(|_| admin.delete(&format!("{DRAFT}/items/queue")).if_match(&tag)).collect();
    expect_one(&at_once(deletes).await, 200, 412);
    let copies = (0..50).map(|_| admin.post(&format!("{DRAFT}/copy"), &json!({"version": 3}))).collect();
    expect_one(&at_once(copies).await, 201, 409);
    let publish = |_| admin.post("/v1/standards/tiny/publish", &json!({"version": 2}));
    expect_one(&at_once((0..50).map(publish).collect()).await, 200, 409);
    let retire = |_| admin.act(&format!("{DRAFT}/retire"));
    expect_one(&at_once((0..50).map(retire).collect()).await, 200, 409);
    let events = checked_events(admin).await;
    for kind in ["draft_changed", "item_removed", "copied", "retired"] {
        assert_eq!(count(&events, &format!("standard.{kind}")), 1, "{kind}");
    }
}
