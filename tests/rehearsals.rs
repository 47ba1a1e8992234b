//! Rehearsals: history under a candidate, computed by hand from the tiny standard, and nothing touched.

use serde_json::{Value, json};

use crate::support::app::TestApp;
use crate::support::world::{World, id_of};
use crate::support::{eventually, on_both, tiny};

on_both!(
    a_candidate_is_rehearsed_and_nothing_changes,
    the_published_version_itself_changes_nothing,
    the_command_prints_what_the_api_answers,
    problems_of_a_candidate_are_named_at_once,
    only_so_many_wait_at_once,
);

/// Version 2: needs weighs 6, band B begins at 7500, and a smile is asked for, which nobody answered yet.
///
/// Fair: .6 x 15/16 + .4 x 4/9 = .74027..; perfect: 1; dishonest: raw .6 x 15/16 + .4 x 3/9, capped at .4.
fn candidate() -> Value {
    let mut standard = tiny::version(2);
    standard["bands"][1]["min_bp"] = json!(7500);
    let items = standard["items"].as_array_mut().expect("items");
    items.iter_mut().find(|item| item["id"] == "needs").expect("needs")["weight"] = json!(6);
    let texts = json!({"en": "Smiled", "et": "Naeratas", "hu": "Mosolygott"});
    items.insert(
        0,
        json!({
            "id": "smile", "section": "contact", "type": "yes_no", "weight": 2, "text": texts, "advice": texts,
        }),
    );
    standard
}

/// Two visits at B1 (7225 and 10000), one at B2 (4000, capped) and one at B3 (10000), and one at a competitor.
async fn history(world: &World) {
    world.publish(0, &tiny::fair()).await;
    world.publish(0, &tiny::perfect()).await;
    world.publish(1, &tiny::dishonest()).await;
    world.publish(2, &tiny::perfect()).await;
    let wave = world.add_wave("2026 rivals", "competitor", "2026-03-01", "2026-05-31").await;
    world.publish_in(&wave, 2, &tiny::dishonest()).await;
}

async fn rehearse(world: &World, body: &Value) -> Value {
    let id = id_of(&world.admin.client.post("/v1/rehearsals", body).created().await);
    let path = format!("/v1/rehearsals/{id}");
    let done = eventually("the rehearsal ends", || async {
        let view = world.admin.client.get(&path).ok().await;
        (view["state"] == "done").then_some(view)
    })
    .await;
    assert_eq!(done["visits_done"], done["visits_total"], "{done}");
    world.admin.client.get(&format!("{path}/report")).ok().await
}

/// What a rehearsal must not touch.
async fn untouched(world: &World) -> Vec<Value> {
    let client = &world.admin.client;
    let mut seen = vec![
        client.get(&format!("/v1/chains/{}/scorecard", world.chain)).ok().await,
        client.get("/v1/standards").ok().await,
    ];
    for visit in client.all("/v1/visits", 50).await {
        seen.push(client.get(&format!("/v1/visits/{}/scores", id_of(&visit))).ok().await);
        seen.push(visit);
    }
    seen
}

async fn a_candidate_is_rehearsed_and_nothing_changes(app: &TestApp) {
    let world = World::make(app).await;
    history(&world).await;
    let before = untouched(&world).await;
    let report = rehearse(&world, &json!({"standard": candidate(), "seed": 7})).await;
    assert_eq!(untouched(&world).await, before);

    assert_eq!(report["label"], "simulation of tiny version 2 on history");
    assert_eq!((&report["visits"], &report["seed"], &report["draws"]), (&json!(4), &json!(7), &json!(200)));
    let chains = report["chains"].as_array().expect("chains");
    assert_eq!(chains.len(), 1);
    let chain = &chains[0];
    assert_eq!(chain["chain"], "shops");
    // Branches: (8612.5 + 4000 + 10000) / 3, and (8701.5 + 4000 + 10000) / 3. Shares: fair and dishonest 9/13, the
    // perfect ones whole; under the candidate 13/19 and 17/19.
    let figures = |visits: i64, mean_bp: i64, share: i64| json!({"visits": visits, "insufficient": 0, "typical_branch_mean_bp": mean_bp, "scored_share_bp": share});
    assert_eq!(chain["old"], figures(4, 7538, 8462));
    assert_eq!(chain["new"], figures(4, 7567, 7895));
    // (178 + 0 + 0 + 0) / 4
    assert_eq!(chain["typical_visit_change_bp"], 45);
    assert_eq!(chain["band_moves"], json!([{"from": "B", "to": "C", "visits": 1}]));
    assert_eq!(
        chain["coverage"],
        json!([
            {"item_id": "smile", "asked": 4, "answered": 0, "unusable": 0},
            {"item_id": "why", "asked": 2, "answered": 0, "unusable": 0},
        ])
    );
    let branches = chain["branches"].as_array().expect("branches");
    let line = |branch: &Value| {
        json!([
            branch["branch"],
            branch["old"]["visits"],
            branch["old"]["mean_bp"],
            branch["old"]["band"],
            branch["new"]["mean_bp"],
            branch["new"]["band"],
            branch["change_bp"],
            branch["band_moves"],
            branch["coverage_warning"],
            branch["rank_move"],
        ])
    };
    assert_eq!(
        branches.iter().map(line).collect::<Vec<_>>(),
        [
            json!(["B1", 2, 8613, "B", 8702, "B", 89, 1, true, null]),
            // One visit gives no band.
            json!(["B2", 1, 4000, null, 4000, null, 0, 0, false, null]),
            json!(["B3", 1, 10_000, null, 10_000, null, 0, 0, true, null]),
        ]
    );
    // Nothing that is drawn lets the capped branch, the middling one and the perfect one change places.
    let steady = |rank: i64| json!({"rank": rank, "rank_low": rank, "rank_high": rank, "rank_changes_bp": 0, "band_changes_bp": 0});
    let sensitivity: Vec<_> = branches.iter().map(|branch| branch["sensitivity"].clone()).collect();
    assert_eq!(sensitivity, [steady(2), steady(3), steady(1)]);
    assert_eq!(chain["sensitivity"], json!({"any_order_change_bp": 0, "changed_pairs_bp": 0}));

    let again = rehearse(&world, &json!({"standard": candidate(), "seed": 7, "chain_id": world.chain})).await;
    assert_eq!(again, report, "the same history, candidate and seed give the same report");
}

async fn the_published_version_itself_changes_nothing(app: &TestApp) {
    let world = World::make(app).await;
    history(&world).await;
    // Enough visits for one branch to be the best beyond doubt.
    for branch in [0, 1, 2] {
        world.publish(branch, &if branch == 2 { tiny::perfect() } else { tiny::dishonest() }).await;
    }
    let report = rehearse(&world, &json!({"standard": tiny::standard()})).await;
    let chain = &report["chains"][0];
    assert_eq!((&chain["typical_visit_change_bp"], &chain["band_moves"]), (&json!(0), &json!([])));
    assert_eq!(chain["old"], chain["new"]);
    for branch in chain["branches"].as_array().expect("branches") {
        assert_eq!(branch["old"], branch["new"]);
        assert_eq!((&branch["coverage_warning"], &branch["rank_move"]), (&json!(false), &Value::Null));
    }
}

async fn the_command_prints_what_the_api_answers(app: &TestApp) {
    let world = World::make(app).await;
    history(&world).await;
    let report = rehearse(&world, &json!({"standard": candidate()})).await;
    let file = app.folder().join("candidate.json");
    std::fs::write(&file, candidate().to_string()).expect("a file");
    let file = file.to_str().expect("a path");
    let said = app.peegel(&["rehearse", "--standard", file, "--chain", "shops"]).await.expect(0);
    assert_eq!(serde_json::from_str::<Value>(said.text()).expect("JSON"), report);
    assert!(said.stderr.contains("4 of 4 visits"), "{}", said.stderr);

    app.peegel(&["rehearse", "--standard", file, "--chain", "nowhere"]).await.expect(2);
    app.peegel(&["rehearse", "--standard", "nowhere.json"]).await.expect(2);
    let other = app.peegel(&["rehearse", "--standard", file, "--history-of", "other"]).await.expect(0);
    assert!(other.stderr.contains("name a standard with --history-of: tiny"), "{}", other.stderr);
    std::fs::write(app.folder().join("bad.json"), json!({"id": "bad"}).to_string()).expect("a file");
    let bad = app.folder().join("bad.json");
    let bad = app.peegel(&["rehearse", "--standard", bad.to_str().expect("a path")]).await.expect(1);
    assert!(bad.text().contains("/items missing") && bad.text().contains("/version missing"), "{}", bad.text());
}

async fn problems_of_a_candidate_are_named_at_once(app: &TestApp) {
    let world = World::make(app).await;
    let mut bad = tiny::version(2);
    bad["items"][0]["weight"] = json!(-1);
    bad["items"][1]["section"] = json!("nowhere");
    let body = json!({
        "standard": bad, "seed": -1, "chain_id": world.branches[0], "history_of": "nothing", "extra": 1,
    });
    let problems = [
        ("/seed", "out_of_range"),
        ("/extra", "unknown_field"),
        ("/history_of", "unknown_ref"),
        ("/chain_id", "unknown_ref"),
        ("/standard/items/0/weight", "out_of_range"),
        ("/standard/items/1/section", "unknown_ref"),
    ];
    world.admin.client.post("/v1/rehearsals", &body).invalid(&problems).await;
    world.admin.client.post("/v1/rehearsals", &json!({})).invalid(&[("/standard", "missing")]).await;
    world
        .reviewer
        .client
        .post("/v1/rehearsals", &json!({"standard": tiny::standard()}))
        .problem(403, "not_allowed")
        .await;
}

async fn only_so_many_wait_at_once(app: &TestApp) {
    let world = World::make(app).await;
    app.stop().await;
    app.serve(&["--no-worker"]).await;
    let body = json!({"standard": tiny::standard()});
    let client = &world.admin.client;
    let first = client.post("/v1/rehearsals", &body).once("one").created().await;
    assert_eq!(client.post("/v1/rehearsals", &body).once("one").created().await, first);
    let path = format!("/v1/rehearsals/{}/report", id_of(&first));
    client.get(&path).problem(409, "not_done").await;
    for _ in 1..4 {
        client.post("/v1/rehearsals", &body).created().await;
    }
    client.post("/v1/rehearsals", &body).problem(409, "too_many_rehearsals").await;
    assert_eq!(client.all("/v1/rehearsals", 3).await.len(), 4);
    let beta = World::named(app, "beta").await;
    beta.admin.client.get(&path).problem(404, "not_found").await;
}
