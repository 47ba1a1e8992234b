//! Publishing by wave: the preview of what the chain gets, taking results back, and what of a wave is open.

use serde_json::{Value, json};

use crate::support::app::TestApp;
use crate::support::world::{File, World, filing};
use crate::support::{new_id, on_both, tiny};

on_both!(
    a_preview_is_what_the_chain_gets,
    a_wave_is_published_in_one_go,
    many_publish_a_wave_at_once,
    what_is_taken_back_is_told,
    a_wave_is_not_closed_over_open_things,
);

/// A visit that was filed and approved.
async fn approved(world: &World, branch: usize, answers: &Value) -> String {
    let visit = world.file(&world.assign(branch, 1).await.remove(0), answers).await;
    world.review(&visit, &["review", "approve"]).await;
    visit
}

fn of_wave(world: &World, what: &str) -> String {
    format!("/v1/waves/{}/{what}", world.wave)
}

/// Events of some kind, by their objects.
async fn events(world: &World, kind: &str) -> Vec<String> {
    let all = world.admin.client.all("/v1/events", 200).await;
    let of_kind = all.into_iter().filter(|event| event["kind"] == kind);
    of_kind.map(|event| event["object"].as_str().expect("an object").to_owned()).collect()
}

async fn a_preview_is_what_the_chain_gets(app: &TestApp) {
    let world = World::make(app).await;
    let viewer = world.chain_viewer(app).await.client;
    let mut answers = tiny::dishonest();
    answers["why"] = json!({"v": "Mari ütles, et ei jõua."});
    let visit = approved(&world, 0, &answers).await;
    let path = format!("/v1/visits/{visit}/preview");
    viewer.get(&path).problem(403, "not_allowed").await;
    world.auditor.client.get(&path).problem(403, "not_allowed").await;
    viewer.get(&of_wave(&world, "preview")).problem(403, "not_allowed").await;
    world.reviewer.client.get(&format!("/v1/visits/{}/preview", new_id())).problem(404, "not_found").await;
    world.reviewer.client.get(&format!("/v1/waves/{}/preview", new_id())).problem(404, "not_found").await;
    let (draft, body) = (new_id(), filing(&world.assign_one().await, "draft", &tiny::fair(), &[]));
    world.auditor.client.put(&format!("/v1/visits/{draft}"), &body).if_absent().created().await;
    world.reviewer.client.get(&format!("/v1/visits/{draft}/preview")).problem(409, "not_filed").await;

    let preview = world.reviewer.client.get(&path).ok().await;
    assert_eq!((&preview["state"], &preview["hidden_because"]), (&json!("approved"), &json!([])));
    assert!(!preview["result"].to_string().contains("Mari"), "{preview}");
    assert_eq!(world.reviewer.client.all(&of_wave(&world, "preview"), 1).await, std::slice::from_ref(&preview));
    assert_eq!(viewer.all("/v1/results", 50).await, Vec::<Value>::new(), "nobody else sees it yet");
    world.review(&visit, &["publish"]).await;
    let id = preview["result"]["result_id"].as_str().expect("an id");
    let result = viewer.get(&format!("/v1/results/{id}")).ok().await;
    assert_eq!(result, preview["result"], "exactly what was shown before");
    assert!(world.reviewer.client.all(&of_wave(&world, "preview"), 50).await.is_empty());

    // What could not be made, and what is not shown at all.
    let (attempt, door) = (approved(&world, 1, &tiny::fair()).await, File::front());
    drop(door);
    app.execute("UPDATE visits SET reporting = 'excluded' WHERE state = 'approved'").await.expect("an update");
    let hidden = world.reviewer.client.get(&format!("/v1/visits/{attempt}/preview")).ok().await;
    assert_eq!(hidden["hidden_because"], json!(["excluded"]));
}

async fn a_wave_is_published_in_one_go(app: &TestApp) {
    let world = World::make(app).await;
    let viewer = world.chain_viewer(app).await.client;
    let path = of_wave(&world, "publish");
    viewer.act(&path).problem(403, "not_allowed").await;
    world.auditor.client.act(&path).problem(403, "not_allowed").await;
    world.reviewer.client.act(&format!("/v1/waves/{}/publish", new_id())).problem(404, "not_found").await;
    let client = &world.reviewer.client;
    client.post(&path, &json!({"visit_ids": []})).invalid(&[("/visit_ids", "too_few")]).await;
    let both = json!({"visit_ids": [new_id()], "cursor": "eA"});
    client.post(&path, &both).invalid(&[("/cursor", "not_allowed")]).await;
    client.post(&path, &json!({"cursor": "eA"})).problem(400, "bad_cursor").await;

    let mut ready = Vec::new();
    for branch in [0, 0, 1, 2] {
        ready.push(approved(&world, branch, &tiny::fair()).await);
    }
    let waiting = world.file(&world.assign_one().await, &tiny::perfect()).await;
    let stranger = new_id();
    let some = client.post(&path, &json!({"visit_ids": [ready[3], waiting, stranger, ready[3]]})).ok().await;
    assert_eq!((&some["published"], &some["remaining"]), (&json!([ready[3]]), &json!(3)));
    let refused: Vec<_> = some["refused"].as_array().expect("a list").iter().map(|one| one["code"].clone()).collect();
    assert_eq!(refused, ["illegal_state", "not_found"]);
    assert!(some["refused"][0]["message"].as_str().expect("a text").contains("Allowed now: review"), "{some}");
    let rest = client.act(&path).ok().await;
    let mut published: Vec<_> = rest["published"].as_array().expect("a list").clone();
    published.sort_by_key(Value::to_string);
    let mut expected: Vec<_> = ready[..3].iter().map(|id| json!(id)).collect();
    expected.sort_by_key(Value::to_string);
    assert_eq!(published, expected);
    assert_eq!((&rest["remaining"], &rest["next_cursor"], &rest["refused"]), (&json!(0), &Value::Null, &json!([])));
    // Again, it is harmless.
    let again = client.act(&path).ok().await;
    assert_eq!((&again["published"], &again["refused"]), (&json!([]), &json!([])));
    assert_eq!(viewer.all("/v1/results", 50).await.len(), 4);
    let card = viewer.get(&format!("/v1/chains/{}/scorecard?wave={}", world.chain, world.wave)).ok().await;
    assert_eq!(card["overall"]["visits"], json!(4));
    assert_eq!(card["appeals"], json!({"open": 0, "upheld": 0, "declined": 0, "withdrawn": 0}));
    let plan = viewer.get(&format!("/v1/branches/{}/action-plan", world.branches[0])).ok().await;
    assert!(!plan["actions"].as_array().expect("actions").is_empty());
    assert_eq!(events(&world, "visit.published").await.len(), 4);
    app.peegel(&["audit", "verify"]).await.expect(0);
}

async fn many_publish_a_wave_at_once(app: &TestApp) {
    let world = World::make(app).await;
    for branch in [0, 1] {
        approved(&world, branch, &tiny::fair()).await;
    }
    let path = of_wave(&world, "publish");
    let calls = (0..50).map(|_| world.reviewer.client.act(&path).ok());
    let answers = futures_util::future::join_all(calls).await;
    let published: usize = answers.iter().map(|answer| answer["published"].as_array().expect("a list").len()).sum();
    assert_eq!(published, 2, "each visit once");
    assert_eq!(events(&world, "visit.published").await.len(), 2);
    let card = world.admin.client.get(&format!("/v1/chains/{}/scorecard", world.chain)).ok().await;
    assert_eq!(card["overall"]["visits"], json!(2));
}

async fn what_is_taken_back_is_told(app: &TestApp) {
    let world = World::make(app).await;
    let (viewer, manager) = (world.chain_viewer(app).await.client, world.branch_manager(app).await.client);
    let visit = world.publish(0, &tiny::fair()).await;
    let other = world.publish(2, &tiny::perfect()).await;
    let result = world.result_of(0).await["result_id"].as_str().expect("an id").to_owned();
    let unpublish = format!("/v1/visits/{visit}/unpublish");
    let reviewer = &world.reviewer.client;
    let blank = json!({"reason": "Jüri eksis.", "public_reason": " "});
    reviewer.post(&unpublish, &blank).invalid(&[("/public_reason", "empty")]).await;
    let why = json!({"reason": "Jüri eksis.", "public_reason": "Vale kauplus."});
    reviewer.post(&unpublish, &why).ok().await;
    reviewer.post(&unpublish, &why).problem(409, "illegal_state").await;

    for (client, is_seen) in [(&viewer, true), (&manager, true), (&world.admin.client, true)] {
        let list = client.get("/v1/results").ok().await;
        let told: Vec<_> = list["withdrawn"].as_array().expect("a list").iter().map(|one| &one["result_id"]).collect();
        assert_eq!(told == [&json!(result)], is_seen, "{list}");
        assert_eq!(list["withdrawn"][0]["reason"], json!("Vale kauplus."));
        let gone = client.get(&format!("/v1/results/{result}")).problem(410, "withdrawn").await;
        assert!(gone.detail().contains("Vale kauplus.") && !gone.detail().contains("Jüri"), "{}", gone.detail());
        client.get(&format!("/v1/results/{result}/receipt")).problem(410, "withdrawn").await;
        client.get(&format!("/v1/results/{result}/photos/1?size=320")).problem(410, "withdrawn").await;
    }
    let south = json!({"chain_id": world.chain, "region_id": world.regions[1], "branch_ids": []});
    let south = world.person(app, "south", "chain_viewer", Some(south)).await.client;
    south.get(&format!("/v1/results/{result}")).problem(404, "not_found").await;
    assert_eq!(south.get("/v1/results").ok().await["withdrawn"], json!([]));
    // Both kinds are paged together.
    reviewer.post(&format!("/v1/visits/{other}/unpublish"), &json!({"reason": "x"})).ok().await;
    world.publish(1, &tiny::perfect()).await;
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = viewer.get(&format!("/v1/results?limit=1{cursor}")).ok().await;
        let of = |name: &str| page[name].as_array().expect("a list").clone();
        let entries = [of("data"), of("withdrawn")].concat();
        assert_eq!(entries.len(), 1, "{page}");
        seen.push(entries[0]["result_id"].as_str().expect("an id").to_owned());
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert!(seen.len() == 3 && seen.is_sorted(), "{seen:?}");
    // Published again, it is there as before.
    reviewer.act(&format!("/v1/visits/{visit}/publish")).ok().await;
    viewer.get(&format!("/v1/results/{result}")).ok().await;
    let list = viewer.get(&format!("/v1/results?branch_id={}", world.branches[0])).ok().await;
    assert_eq!(list["withdrawn"], json!([]));
}

async fn a_wave_is_not_closed_over_open_things(app: &TestApp) {
    let world = World::make(app).await;
    let (checklist, close) = (of_wave(&world, "checklist"), of_wave(&world, "close"));
    let viewer = world.chain_viewer(app).await.client;
    viewer.get(&checklist).problem(403, "not_allowed").await;
    world.admin.client.get(&format!("/v1/waves/{}/checklist", new_id())).problem(404, "not_found").await;
    let clear = world.reviewer.client.get(&checklist).ok().await;
    assert_eq!(clear, json!({"wave_id": world.wave, "state": "open", "is_clear": true, "points": []}));

    let open = world.assign_one().await;
    let ready = approved(&world, 0, &tiny::fair()).await;
    let waiting = world.file(&world.assign_one().await, &tiny::perfect()).await;
    let (without, photo) = (new_id(), File::front());
    let body = filing(&world.assign_one().await, "submitted", &tiny::perfect(), &[&photo]);
    world.auditor.client.put(&format!("/v1/visits/{without}"), &body).if_absent().created().await;
    let list = world.admin.client.get(&checklist).ok().await;
    assert_eq!(list["is_clear"], json!(false));
    let points = list["points"].as_array().expect("points");
    let told: Vec<_> = points.iter().map(|point| json!([point["kind"], point["count"]])).collect();
    assert_eq!(
        told,
        [
            json!(["unfulfilled_assignments", 1]),
            json!(["missing_files", 1]),
            json!(["submitted", 2]),
            json!(["approved_unpublished", 1]),
        ]
    );
    assert_eq!((&points[0]["first_ids"], &points[1]["first_ids"]), (&json!([open]), &json!([without])));
    assert_eq!(points[3]["first_ids"], json!([ready]));
    assert!(points[2]["first_ids"].as_array().expect("ids").contains(&json!(waiting)));

    let admin = &world.admin.client;
    let refused = admin.act(&close).problem(409, "open_points").await;
    assert!(refused.detail().contains("2 submitted"), "{}", refused.detail());
    admin.post(&close, &json!({"reason": "x"})).problem(409, "open_points").await;
    admin.post(&close, &json!({"despite": true})).invalid(&[("/reason", "missing")]).await;
    admin.post(&close, &json!({"despite": true, "reason": " "})).invalid(&[("/reason", "empty")]).await;
    let why = json!({"despite": true, "reason": "The shop burnt down."});
    assert_eq!(admin.post(&close, &why).ok().await["state"], json!("closed"));
    let again = admin.post(&close, &why).problem(409, "illegal_state").await;
    assert!(again.detail().contains("Allowed now: nothing"), "{}", again.detail());
    let all = admin.all("/v1/events", 200).await;
    let closed = all.iter().find(|event| event["kind"] == "wave.closed").expect("a fact");
    assert_eq!(closed["payload"]["despite"]["submitted"], json!(2));
    assert_eq!(closed["payload"]["reason"], json!("The shop burnt down."));
}
