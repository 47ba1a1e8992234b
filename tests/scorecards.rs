//! Scorecards: exact numbers, computed by hand from the tiny standard, and who may read them.

use serde_json::{Value, json};

use crate::support::app::TestApp;
use crate::support::world::{File, World, filing};
use crate::support::{new_id, on_both, tiny};

on_both!(
    means_are_exact_for_branch_region_and_chain,
    sections_dimensions_and_items_add_up,
    the_change_since_the_wave_before,
    attempts_are_told_apart,
    each_role_reads_its_own_part,
);

async fn card(world: &World, path: &str) -> Value {
    world.admin.client.get(&format!("/v1/{path}")).ok().await
}

/// Two visits at B1 (7225 and 10000), one at B2 (4000, capped) and one at B3 (10000).
async fn four_visits(world: &World) {
    world.publish(0, &tiny::fair()).await;
    world.publish(0, &tiny::perfect()).await;
    world.publish(1, &tiny::dishonest()).await;
    world.publish(2, &tiny::perfect()).await;
}

async fn means_are_exact_for_branch_region_and_chain(app: &TestApp) {
    let world = World::make(app).await;
    let empty = card(&world, &format!("branches/{}/scorecard", world.branches[0])).await;
    assert_eq!((&empty["overall"]["visits"], &empty["overall"]["mean_bp"]), (&json!(0), &Value::Null));
    four_visits(&world).await;
    let branch = card(&world, &format!("branches/{}/scorecard", world.branches[0])).await;
    assert_eq!((branch["branch_code"].as_str(), branch["wave"]["name"].as_str()), (Some("B1"), Some("2026 spring")));
    // 17225 / 2 = 8612.5, half up
    assert_eq!(
        branch["overall"],
        json!({
            "visits": 2, "mean_bp": 8613, "few_visits": true, "judged": 2, "passed": 2, "critical_failures": 0,
            "insufficient": 0, "attempted": 0, "previous": null,
        })
    );
    let chain = card(&world, &format!("chains/{}/scorecard", world.chain)).await;
    // (7225 + 10000 + 4000 + 10000) / 4 = 7806.25
    assert_eq!(
        chain["overall"],
        json!({
            "visits": 4, "mean_bp": 7806, "few_visits": false, "judged": 4, "passed": 3, "critical_failures": 1,
            "insufficient": 0, "attempted": 0, "previous": null,
        })
    );
    assert_eq!(chain["typical_visit_mean_bp"], 7806);
    // (8612.5 + 4000 + 10000) / 3 = 7537.5, rounded once
    assert_eq!(chain["typical_branch_mean_bp"], 7538);
    let line = |line: &Value| (line["code"].clone(), line["visits"].clone(), line["mean_bp"].clone());
    let lines = |card: &Value| card["branches"].as_array().expect("branches").iter().map(line).collect::<Vec<_>>();
    let wanted = [("B1", 2, 8613), ("B2", 1, 4000), ("B3", 1, 10_000)];
    let wanted = wanted.map(|(code, visits, mean)| (json!(code), json!(visits), json!(mean)));
    assert_eq!(lines(&chain), wanted);
    let north = card(&world, &format!("regions/{}/scorecard", world.regions[0])).await;
    // 21225 / 3, and (8612.5 + 4000) / 2
    assert_eq!((&north["overall"]["mean_bp"], &north["typical_branch_mean_bp"]), (&json!(7075), &json!(6306)));
    assert_eq!(lines(&north), wanted[..2]);
}

async fn sections_dimensions_and_items_add_up(app: &TestApp) {
    let world = World::make(app).await;
    four_visits(&world).await;
    let chain = card(&world, &format!("chains/{}/scorecard?lang=hu", world.chain)).await;
    let standards = chain["standards"].as_array().expect("standards");
    assert_eq!(standards.len(), 1);
    let standard = &standards[0];
    assert_eq!((standard["standard_id"].as_str(), standard["title"].as_str()), (Some("tiny"), Some("Apró látogatás")));
    assert_eq!((&standard["visits"], &standard["mean_bp"]), (&json!(4), &json!(7806)));
    let parts = |name: &str| -> Vec<Value> {
        let parts = standard[name].as_array().expect("parts").iter();
        parts.map(|part| json!([part["id"], part["title"], part["n"], part["mean_bp"]])).collect()
    };
    assert_eq!(
        parts("sections"),
        [
            // 9375, 10000, 9375, 10000
            json!(["contact", "Kapcsolat", 4, 9688]),
            // 4000, 10000, 2000, 10000
            json!(["sale", "Eladás", 4, 6500]),
        ]
    );
    assert_eq!(
        parts("dimensions"),
        [
            json!(["politeness", "Udvariasság", 4, 9688]),
            // (1 + 0) / 4 and 1, twice each
            json!(["needs", "Igényfelmérés", 4, 6250]),
        ]
    );
    let items = standard["items"].as_array().expect("items").iter();
    let items: Vec<_> = items
        .map(|item| {
            json!([
                item["id"],
                item["asked"],
                item["met"],
                item["met_share_bp"],
                item["mean_bp"],
                item["lost_bp"],
                item["critical_failures"],
            ])
        })
        .collect();
    assert_eq!(
        items,
        [
            json!(["greet", 4, 4, 10_000, 10_000, 0, 0]),
            // two visits lose .6 x 1/4 x 1/4 = .0375 of four: 187.5, half up
            json!(["polite", 4, 2, 5000, 8750, 188, 0]),
            // N/A in two visits
            json!(["queue", 2, 2, 10_000, 10_000, 0, 0]),
            json!(["front", 4, 4, 10_000, 10_000, 0, 0]),
            // two visits lose .4 x 2/5 x 1/2 = .08
            json!(["needs", 4, 2, 5000, 7500, 400, 0]),
            // two visits lose .4 x 2/5 = .16
            json!(["offer", 4, 2, 5000, 5000, 800, 0]),
            // one visit loses .4 x 1/5 = .08
            json!(["honest", 4, 3, 7500, 7500, 200, 1]),
        ]
    );
}

async fn the_change_since_the_wave_before(app: &TestApp) {
    let world = World::make(app).await;
    world.publish(0, &tiny::fair()).await;
    let autumn = world.add_wave("2026 autumn", "regular", "2026-09-01", "2026-10-31").await;
    // A wave of another kind in between stands beside the regular ones.
    let peak = world.add_wave("2026 summer peak", "peak", "2026-07-01", "2026-07-31").await;
    world.publish_in(&peak, 0, &tiny::dishonest()).await;
    world.publish_in(&autumn, 0, &tiny::perfect()).await;
    let path = format!("branches/{}/scorecard", world.branches[0]);
    let latest = card(&world, &path).await;
    assert_eq!(latest["wave"]["name"], "2026 autumn");
    let previous = &latest["overall"]["previous"];
    assert_eq!(previous["wave"]["name"], "2026 spring");
    assert_eq!(
        (&previous["mean_bp"], &previous["change_bp"], &previous["visits"]),
        (&json!(7225), &json!(2775), &json!(1))
    );
    let sections = &latest["standards"][0]["sections"];
    assert_eq!((&sections[1]["mean_bp"], &sections[1]["previous_mean_bp"]), (&json!(10_000), &json!(4000)));
    let first = card(&world, &format!("{path}?wave={}", world.wave)).await;
    assert_eq!((&first["overall"]["mean_bp"], &first["overall"]["previous"]), (&json!(7225), &Value::Null));
    let stands_alone = card(&world, &format!("{path}?wave={peak}")).await;
    assert_eq!(
        (&stands_alone["overall"]["mean_bp"], &stands_alone["overall"]["previous"]),
        (&json!(4000), &Value::Null)
    );

    // Another version of the standard measures something else: no change is claimed.
    let next = world.add_wave("2027 spring", "regular", "2027-03-01", "2027-05-31").await;
    world.admin.client.post("/v1/standards", &tiny::version(2)).created().await;
    world.admin.client.post("/v1/standards/tiny/publish", &json!({"version": 2})).ok().await;
    let mut assignment = world.assignment(0, Some(&world.auditor));
    assignment["standard_version"] = json!(2);
    let assignment = world.assign_in(&next, vec![assignment]).await.remove(0);
    let visit = world.file(&assignment, &tiny::fair()).await;
    world.review(&visit, &["review", "approve", "publish"]).await;
    let latest = card(&world, &path).await;
    assert_eq!(latest["wave"]["name"], "2027 spring");
    let previous = &latest["overall"]["previous"];
    assert_eq!((&previous["mean_bp"], &previous["change_bp"]), (&json!(10_000), &Value::Null));
    for query in [format!("wave={}", new_id()), format!("wave={}", world.chain)] {
        world.admin.client.get(&format!("/v1/{path}?{query}")).problem(404, "not_found").await;
    }
    world.admin.client.get(&format!("/v1/{path}?lang=xx")).problem(400, "malformed").await;
}

async fn attempts_are_told_apart(app: &TestApp) {
    let world = World::make(app).await;
    world.publish(0, &tiny::fair()).await;
    let (visit, door) = (new_id(), File::front());
    let mut body = filing(&world.assign_one().await, "submitted", &json!({}), &[&door]);
    body["outcome"] = json!("attempted");
    body["attempted_because"] = json!("closed");
    world.auditor.client.put(&format!("/v1/visits/{visit}"), &body).if_absent().created().await;
    door.upload(&world.auditor).await;
    world.review(&visit, &["review", "approve", "publish"]).await;
    let branch = card(&world, &format!("branches/{}/scorecard", world.branches[0])).await;
    let overall = &branch["overall"];
    assert_eq!((&overall["visits"], &overall["mean_bp"], &overall["attempted"]), (&json!(1), &json!(7225), &json!(1)));
    world.review(&visit, &["unpublish"]).await;
    let branch = card(&world, &format!("branches/{}/scorecard", world.branches[0])).await;
    assert_eq!(branch["overall"]["attempted"], 0);
}

async fn each_role_reads_its_own_part(app: &TestApp) {
    let world = World::make(app).await;
    four_visits(&world).await;
    let viewer = world.chain_viewer(app).await;
    let north = world.region_viewer(app).await;
    let manager = world.branch_manager(app).await;
    let paths = [
        format!("/v1/chains/{}/scorecard", world.chain),
        format!("/v1/regions/{}/scorecard", world.regions[0]),
        format!("/v1/regions/{}/scorecard", world.regions[1]),
        format!("/v1/branches/{}/scorecard", world.branches[0]),
        format!("/v1/branches/{}/scorecard", world.branches[1]),
        format!("/v1/branches/{}/scorecard", world.branches[2]),
        format!("/v1/branches/{}/action-plan", world.branches[1]),
        format!("/v1/branches/{}/action-plan.pdf", world.branches[2]),
    ];
    for (person, statuses) in [
        (&world.admin, [200; 8]),
        (&world.reviewer, [200; 8]),
        (&viewer, [200; 8]),
        (&north, [404, 200, 404, 200, 200, 404, 200, 404]),
        (&manager, [404, 404, 404, 200, 404, 404, 404, 404]),
        (&world.auditor, [403; 8]),
    ] {
        for (path, status) in paths.iter().zip(statuses) {
            let answer = person.client.get(path).send().await;
            assert_eq!(answer.status, status, "{}: {}", person.email, answer.describe());
        }
    }
    // Nothing in what a chain reads names staff or auditors.
    for path in &paths {
        let text = String::from_utf8_lossy(&viewer.client.get(path).send().await.expect(200).body).into_owned();
        for secret in [&world.auditor.id, &world.auditor.email, &world.reviewer.id] {
            assert!(!text.contains(secret.as_str()), "{secret} in {path}");
        }
    }
}
