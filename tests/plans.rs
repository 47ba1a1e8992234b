//! Action plans: what they propose, in which order, and how people work on them.

use serde_json::{Value, json};

use crate::support::app::TestApp;
use crate::support::world::{Person, World, id_of};
use crate::support::{new_id, on_both, tiny};

on_both!(
    critical_failures_come_first_then_what_weighs_most,
    a_plan_follows_what_is_published,
    somebody_works_on_an_action,
    all_problems_of_a_change_are_named,
    what_is_missed_again_is_counted,
);

async fn plan(world: &World, more: &str) -> Vec<Value> {
    let path = format!("/v1/branches/{}/action-plan{more}", world.branches[0]);
    world.admin.client.get(&path).ok().await["actions"].as_array().expect("actions").clone()
}

fn items(actions: &[Value]) -> Vec<&str> {
    actions.iter().map(|action| action["item_id"].as_str().expect("an item")).collect()
}

async fn critical_failures_come_first_then_what_weighs_most(app: &TestApp) {
    let world = World::make(app).await;
    assert_eq!(plan(&world, "").await, Vec::<Value>::new());
    world.publish(0, &tiny::fair()).await;
    world.publish(0, &tiny::dishonest()).await;
    let actions = plan(&world, "").await;
    let short = |action: &Value| {
        json!([
            action["position"],
            action["item_id"],
            action["critical"],
            action["lost_bp"],
            action["asked"],
            action["failed"],
            action["repeats"],
            action["state"],
        ])
    };
    assert_eq!(
        actions.iter().map(short).collect::<Vec<_>>(),
        [
            // one of two visits loses .4 x 1/5
            json!([1, "honest", true, 400, 2, 1, 0, "proposed"]),
            // both lose .4 x 2/5, .4 x 2/5 x 1/2 and .6 x 1/4 x 1/4
            json!([2, "offer", false, 1600, 2, 2, 0, "proposed"]),
            json!([3, "needs", false, 800, 2, 2, 0, "proposed"]),
            json!([4, "polite", false, 375, 2, 2, 0, "proposed"]),
        ]
    );
    // The chain's language, or the one asked for.
    let texts = |actions: &[Value]| json!([actions[1]["item_text"], actions[1]["advice"]]);
    assert_eq!(texts(&actions), json!(["Pakuti kahte valikut", "Paku kahte valikut."]));
    assert_eq!(texts(&plan(&world, "?lang=en").await), json!(["Offered two choices", "Offer two choices."]));
    assert_eq!(texts(&plan(&world, "?lang=hu").await), json!(["Két választást kínáltak", "Kínáljon két választást."]));
    let path = format!("/v1/branches/{}/action-plan?wave={}", world.branches[0], new_id());
    world.admin.client.get(&path).problem(404, "not_found").await;
}

async fn a_plan_follows_what_is_published(app: &TestApp) {
    let world = World::make(app).await;
    let fair = world.publish(0, &tiny::fair()).await;
    let dishonest = world.publish(0, &tiny::dishonest()).await;
    let before = plan(&world, "").await;
    assert_eq!(items(&before), ["honest", "offer", "needs", "polite"]);
    // Somebody begins with one; another has an owner only.
    for (action, change) in [(&before[0], json!({"state": "open"})), (&before[3], json!({"owner": "Mari"}))] {
        let path = format!("/v1/actions/{}", id_of(action));
        world.admin.client.patch(&path, &change).if_match(action["etag"].as_str().expect("a tag")).ok().await;
    }
    world.review(&dishonest, &["unpublish"]).await;
    let after = plan(&world, "").await;
    assert_eq!(items(&after), ["offer", "needs", "polite", "honest"], "what somebody works on stays, behind the rest");
    assert_eq!((&after[3]["critical"], &after[3]["failed"]), (&json!(false), &json!(0)));
    assert_eq!(after[0]["id"], before[1]["id"], "the same action");
    world.review(&fair, &["unpublish"]).await;
    assert_eq!(items(&plan(&world, "").await), ["polite", "honest"], "untouched proposals go");
    world.publish(0, &tiny::perfect()).await;
    assert_eq!(items(&plan(&world, "").await), ["polite", "honest"]);
}

fn change(person: &Person, action: &Value, change: &Value) -> crate::support::client::Call {
    person.client.patch(&format!("/v1/actions/{}", id_of(action)), change)
}

fn tag(action: &Value) -> String {
    action["etag"].as_str().expect("a tag").to_owned()
}

async fn somebody_works_on_an_action(app: &TestApp) {
    let world = World::make(app).await;
    world.publish(0, &tiny::fair()).await;
    world.publish(1, &tiny::fair()).await;
    let action = plan(&world, "").await.remove(0);
    let manager = world.branch_manager(app).await;
    let viewer = world.chain_viewer(app).await;
    change(&manager, &action, &json!({"state": "open"})).problem(428, "condition_missing").await;
    change(&viewer, &action, &json!({"state": "open"})).if_match("*").problem(403, "not_allowed").await;
    change(&world.auditor, &action, &json!({"state": "open"})).if_match("*").problem(403, "not_allowed").await;
    let body = json!({"owner": "Mari Maasikas", "due_on": "2026-12-01", "state": "open"});
    let answer = change(&manager, &action, &body).if_match(&tag(&action)).send().await.expect(200);
    let open = answer.json();
    assert_eq!((answer.etag(), &open["etag"]), ("\"2\"".to_owned(), &json!("\"2\"")));
    assert_eq!((open["owner"].as_str(), open["due_on"].as_str()), (Some("Mari Maasikas"), Some("2026-12-01")));
    let stale =
        change(&world.admin, &action, &json!({"owner": "Juku"})).if_match(&tag(&action)).problem(412, "stale").await;
    assert_eq!(stale.etag(), "\"2\"");
    // What is absent stays, null empties, and nothing changed means the same tag.
    let emptied = change(&manager, &action, &json!({"owner": null})).if_match("\"2\"").ok().await;
    assert_eq!((&emptied["owner"], emptied["due_on"].as_str()), (&Value::Null, Some("2026-12-01")));
    assert_eq!(change(&manager, &action, &json!({})).if_match("\"3\"").ok().await["etag"], "\"3\"");
    for (state, etag) in [("in_progress", "\"3\""), ("done", "\"4\"")] {
        assert_eq!(change(&manager, &action, &json!({"state": state})).if_match(etag).ok().await["state"], state);
    }
    let refused =
        change(&manager, &action, &json!({"state": "open"})).if_match("\"5\"").problem(409, "illegal_state").await;
    assert_eq!(refused.detail(), "The action is done and cannot become open. It can become: verified, reopened.");
    for state in ["verified", "reopened"] {
        change(&manager, &action, &json!({"state": state})).if_match("\"5\"").problem(409, "only_measured").await;
    }
    // Another branch's action is not there for this manager.
    let path = format!("/v1/branches/{}/action-plan", world.branches[1]);
    let theirs = world.admin.client.get(&path).ok().await["actions"][0].clone();
    change(&manager, &theirs, &json!({"state": "open"})).if_match("*").problem(404, "not_found").await;
    // The history tells what changed and not whose name it was.
    let events = world.admin.client.all("/v1/events", 200).await;
    let updates: Vec<_> = events.iter().filter(|event| event["kind"] == "action.updated").collect();
    assert_eq!(updates.len(), 4);
    assert!(!json!(events).to_string().contains("Maasikas"));
}

async fn all_problems_of_a_change_are_named(app: &TestApp) {
    let world = World::make(app).await;
    world.publish(0, &tiny::fair()).await;
    let action = plan(&world, "").await.remove(0);
    let send = |body: Value| change(&world.admin, &action, &body).if_match("\"1\"");
    send(json!({"owner": " ", "due_on": "1200-01-01", "drop_reason": "x"}))
        .invalid(&[("/owner", "empty"), ("/due_on", "bad_date"), ("/drop_reason", "not_allowed")])
        .await;
    send(json!({"state": "dropped"})).invalid(&[("/drop_reason", "missing")]).await;
    send(json!({"state": "dropped", "drop_reason": ""})).invalid(&[("/drop_reason", "empty")]).await;
    for (bad, problem) in [
        (json!({"boss": "x"}), ("/boss", "unknown_field")),
        (json!({"state": "finished"}), ("/state", "bad_value")),
        (json!({"due_on": "soon"}), ("/due_on", "bad_date")),
        (json!([]), ("", "bad_type")),
    ] {
        send(bad).invalid(&[problem]).await;
    }
    let dropped = send(json!({"state": "dropped", "drop_reason": "Pood suleti."})).ok().await;
    assert_eq!((dropped["state"].as_str(), dropped["drop_reason"].as_str()), (Some("dropped"), Some("Pood suleti.")));
    let over = change(&world.admin, &action, &json!({"state": "open"}))
        .if_match(dropped["etag"].as_str().expect("a tag"))
        .problem(409, "illegal_state")
        .await;
    assert!(over.detail().ends_with("It can become: nothing."), "{}", over.describe());
    world
        .admin
        .client
        .patch(&format!("/v1/actions/{}", new_id()), &json!({}))
        .if_match("*")
        .problem(404, "not_found")
        .await;
}

async fn what_is_missed_again_is_counted(app: &TestApp) {
    let world = World::make(app).await;
    world.publish(0, &tiny::fair()).await;
    let autumn = world.add_wave("2026 autumn", "regular", "2026-09-01", "2026-10-31").await;
    let mut better = tiny::fair();
    better["polite"] = json!({"v": 5});
    better["greet"] = json!({"v": false});
    world.publish_in(&autumn, 0, &better).await;
    let repeats = |actions: Vec<Value>| -> Vec<Value> {
        actions.iter().map(|action| json!([action["item_id"], action["repeats"]])).collect()
    };
    // greet loses .6 x 3/4; offer .16, needs .08
    let wanted = [json!(["greet", 0]), json!(["offer", 1]), json!(["needs", 1])];
    assert_eq!(repeats(plan(&world, "").await), wanted);
    let spring = repeats(plan(&world, &format!("?wave={}", world.wave)).await);
    assert_eq!(spring, [json!(["offer", 0]), json!(["needs", 0]), json!(["polite", 0])]);
}
