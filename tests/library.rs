//! The library that comes with the program: items and scenarios, found by dimension, language and channel.

use serde_json::{Value, json};

use crate::support::app::TestApp;
use crate::support::files::fixture_json;
use crate::support::on_both;
use crate::support::world::World;

on_both!(items_are_found_by_dimension_and_language, scenarios_are_found_by_channel_dimension_and_language);

fn ids(entries: &[Value]) -> Vec<&str> {
    entries.iter().map(|entry| entry["id"].as_str().expect("an id")).collect()
}

async fn items_are_found_by_dimension_and_language(app: &TestApp) {
    let world = World::make(app).await;
    for person in [&world.auditor, &world.chain_viewer(app).await, &world.branch_manager(app).await] {
        for path in ["items", "items/BNK-01", "scenarios", "scenarios/C1"] {
            person.client.get(&format!("/v1/library/{path}")).problem(403, "not_allowed").await;
        }
    }
    let client = &world.reviewer.client;
    client.get("/v1/library/items/C1").problem(404, "not_found").await;
    client.get("/v1/library/items?cursor=nonsense").problem(400, "bad_cursor").await;
    let bank = fixture_json("standards/bank.json");
    let all = client.all("/v1/library/items", 4).await;
    assert_eq!(json!(all.iter().map(|entry| entry["item"].clone()).collect::<Vec<_>>()), bank["items"]);
    assert_eq!(client.get("/v1/library/items/BNK-02").ok().await, all[1]);
    let delight = client.all("/v1/library/items?dimension=delight&language=hu", 1).await;
    let measures =
        |item: &&Value| item["dimensions"].as_array().is_some_and(|list| list.contains(&json!({"id": "delight"})));
    let expected: Vec<_> = bank["items"].as_array().expect("items").iter().filter(measures).cloned().collect();
    assert_eq!(ids(&delight), ids(&expected));
    assert!(!delight.is_empty() && delight.len() < all.len());
    assert!(client.all("/v1/library/items?language=fi", 50).await.is_empty());
    assert!(client.all("/v1/library/items?dimension=nothing", 50).await.is_empty());
}

async fn scenarios_are_found_by_channel_dimension_and_language(app: &TestApp) {
    let world = World::make(app).await;
    let client = &world.admin.client;
    client.get("/v1/library/scenarios/BNK-01").problem(404, "not_found").await;
    client.get("/v1/library/scenarios?channel=tv").problem(400, "malformed").await;
    let all = client.all("/v1/library/scenarios", 10).await;
    let file = fixture_json("standards/scenarios.json");
    assert_eq!(ids(&all), ids(file["scenarios"].as_array().expect("scenarios")));
    let first = client.get("/v1/library/scenarios/C1").ok().await;
    assert_eq!(first, all[0]);
    for member in ["title", "script", "pass_criteria", "items", "channel"] {
        assert_eq!(first[member], file["scenarios"][0][member], "{member}");
    }
    let phone = client.all("/v1/library/scenarios?channel=phone", 50).await;
    assert!(phone.iter().all(|entry| entry["channel"] == "phone" || entry["channel"] == "any"));
    assert!(phone.len() < all.len());
    let dimension = first["dimensions"][0].as_str().expect("a dimension").to_owned();
    let some = client.all(&format!("/v1/library/scenarios?dimension={dimension}&language=et"), 50).await;
    assert!(ids(&some).contains(&"C1") && some.len() < all.len());
    assert!(client.all("/v1/library/scenarios?language=fi", 50).await.is_empty());
}
