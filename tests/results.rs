//! Results: what a chain reads of a published visit, who reads it, and that it goes when the visit is unpublished.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::app::{Kind, TestApp};
use crate::support::client::Client;
use crate::support::files::{fixture, jpeg_size, sha256};
use crate::support::world::{File, PASSWORD, Person, World, filing, id_of, ids_of};
use crate::support::{new_id, on_both, tiny};

on_both!(
    a_result_holds_what_was_found,
    an_attempt_has_no_score,
    the_photos_of_a_result,
    the_receipt_of_a_result,
    each_role_reads_its_own_results,
    a_rival_is_read_by_the_client_alone,
    what_does_not_count_is_not_there,
    the_list_is_filtered_and_paged,
);

fn ids(rows: &[Value]) -> BTreeSet<String> {
    rows.iter().map(|row| row["result_id"].as_str().expect("an id").to_owned()).collect()
}

fn path(result: &Value) -> String {
    format!("/v1/results/{}", result["result_id"].as_str().expect("an id"))
}

/// Files a visit with answers, files and what the phone says, and publishes it.
async fn publish(world: &World, branch: usize, answers: &Value, files: &[File], device: Value) -> String {
    let (assignment, visit) = (world.assign(branch, 1).await.remove(0), new_id());
    let mut body = filing(&assignment, "submitted", answers, &files.iter().collect::<Vec<_>>());
    body["device"] = device;
    world.auditor.client.put(&format!("/v1/visits/{visit}"), &body).if_absent().created().await;
    for file in files {
        file.upload(&world.auditor).await;
    }
    world.processed(&visit).await;
    world.review(&visit, &["review", "approve", "publish"]).await;
    visit
}

async fn a_result_holds_what_was_found(app: &TestApp) {
    let world = World::make(app).await;
    let mut answers = tiny::dishonest();
    answers["why"] = json!({"v": "Mari ütles, et ei jõua."});
    answers["greet"]["comment"] = json!("Seisis seljaga.");
    // Beside N/A anything may stand; nobody looks at it.
    answers["queue"] = json!({"na": true, "v": "Mari ja Jüri"});
    // A quarter past ten in the evening of UTC is past midnight in Tallinn.
    let device = json!({"at": "2026-05-03T22:15:00Z"});
    let visit = publish(&world, 0, &answers, &[File::front(), File::offer()], device).await;
    let viewer = world.chain_viewer(app).await.client;
    let listed = viewer.get("/v1/results").ok().await;
    let scores = world.admin.client.get(&format!("/v1/visits/{visit}/scores")).ok().await;
    let published = world.admin.client.get(&format!("/v1/visits/{visit}")).ok().await["published_at"].clone();
    let published: chrono::DateTime<chrono::Utc> = published.as_str().expect("a time").parse().expect("a time");
    let published_on = published.with_timezone(&chrono_tz::Europe::Tallinn).date_naive().to_string();
    let row = json!({
        "result_id": listed["data"][0]["result_id"], "wave_id": world.wave, "branch_id": world.branches[0],
        "standard_id": "tiny", "standard_version": 1, "visited_on": "2026-05-04", "part_of_day": "morning",
        "outcome": "completed", "attempted_because": null, "score_version": 1, "published_on": published_on,
        "score": {
            "score_bp": 4000, "raw_bp": 6425, "band": "C", "passed": false, "insufficient": false,
            "scored_share_bp": scores["data"][0]["result"]["visit"]["scored_share_bp"], "capped": true,
        },
    });
    assert_eq!(listed, json!({"data": [row], "withdrawn": [], "next_cursor": null}));
    let result = viewer.get(&path(&row)).send().await.expect(200);
    assert_eq!(result.header("cache-control"), "no-store");
    let result = result.json();
    for (member, value) in row.as_object().expect("members") {
        assert_eq!(&result[member], value, "{member}");
    }
    let trace = &scores["data"][0]["result"];
    let items = result["items"].as_array().expect("items");
    let line =
        |item: &Value| json!([item["id"], item["value"], item["na"], item["withheld"], item["critical_failure"]]);
    assert_eq!(
        items.iter().map(line).collect::<Vec<_>>(),
        [
            json!(["greet", true, false, false, false]),
            json!(["polite", 4, false, false, false]),
            json!(["queue", null, true, false, false]),
            json!(["front", true, false, false, false]),
            json!(["needs", "part", false, false, false]),
            json!(["offer", false, false, false, false]),
            json!(["honest", false, false, false, true]),
            json!(["why", null, false, true, false]),
        ]
    );
    for (item, traced) in items.iter().zip(trace["items"].as_array().expect("items")) {
        assert_eq!((&item["id"], &item["score"], &item["lost"]), (&traced["id"], &traced["score"], &traced["lost"]));
    }
    assert_eq!((&result["sections"], &result["dimensions"]), (&trace["sections"], &trace["dimensions"]));
    let members: BTreeSet<_> = result.as_object().expect("members").keys().map(String::as_str).collect();
    let mut known: BTreeSet<_> = row.as_object().expect("members").keys().map(String::as_str).collect();
    known.extend(["sections", "dimensions", "items", "photos", "appeals", "appeal_until", "scenario_name"]);
    assert_eq!(members, known);

    // The firm reads exactly the same.
    for person in [&world.admin, &world.reviewer] {
        assert_eq!(person.client.get(&path(&row)).ok().await, result);
    }
    // Items that were not asked are not there.
    publish(&world, 1, &tiny::perfect(), &[File::front()], json!({})).await;
    let perfect = viewer.get(&path(&world.result_of(1).await)).ok().await;
    assert!(perfect["items"].as_array().expect("items").iter().all(|item| item["id"] != "why"), "{perfect}");
    let id: uuid::Uuid = row["result_id"].as_str().expect("an id").parse().expect("a UUID");
    assert_eq!(id.get_version_num(), 4, "it tells no time");
}

async fn an_attempt_has_no_score(app: &TestApp) {
    let world = World::make(app).await;
    let (visit, door) = (new_id(), File::front());
    let answers = json!({"greet": {"v": "Mari sulges ukse."}, "nothing": {"v": "of the standard"}});
    let mut body = filing(&world.assign_one().await, "submitted", &answers, &[&door]);
    body["outcome"] = json!("attempted");
    body["attempted_because"] = json!("closed");
    world.auditor.client.put(&format!("/v1/visits/{visit}"), &body).if_absent().created().await;
    door.upload(&world.auditor).await;
    world.processed(&visit).await;
    world.review(&visit, &["review", "approve", "publish"]).await;
    let viewer = world.chain_viewer(app).await.client;
    let row = world.result_of(0).await;
    assert_eq!((&row["outcome"], &row["score"], &row["score_version"]), (&json!("attempted"), &Value::Null, &json!(0)));
    assert_eq!(row["attempted_because"], "closed");
    let result = viewer.get(&path(&row)).ok().await;
    for part in ["items", "sections", "dimensions"] {
        assert_eq!(result[part], json!([]), "{part}");
    }
    assert_eq!(result["photos"].as_array().map(Vec::len), Some(1), "the closed door can be seen");
    let refused = viewer.get(&format!("{}/receipt", path(&row))).problem(404, "no_score").await;
    assert!(!refused.detail().contains("version"), "{}", refused.detail());
}

async fn the_photos_of_a_result(app: &TestApp) {
    let world = World::make(app).await;
    let photo = |name: &str, items: &[&str]| File::new("photo", items, name, fixture(&format!("media/{name}")));
    let mut files = [
        photo("front_nurmeaken_tallinn.jpg", &["front"]),
        photo("queue_nurmeaken_long.jpg", &["front", "offer"]),
        photo("notice_wet_floor.jpg", &["front"]),
        File::new("photo", &["front"], "broken.jpg", b"no photo".to_vec()),
        File::new("recording", &["offer"], "call.mp3", fixture("media/call_hu_parcel_rude.mp3")),
        File::new("document", &[], "notes.pdf", b"%PDF-1.4 notes".to_vec()),
    ];
    files[5].entry["item_ids"] = json!([]);
    publish(&world, 0, &tiny::fair(), &files, json!({})).await;
    app.execute("UPDATE evidence SET chain_visible = FALSE WHERE file_name = 'notice_wet_floor.jpg'")
        .await
        .expect("an update");
    let viewer = world.chain_viewer(app).await.client;
    let row = world.result_of(0).await;
    let photos = viewer.get(&path(&row)).ok().await["photos"].clone();
    assert_eq!(
        photos,
        json!([
            {"n": 1, "item_ids": ["front"], "width_px": photos[0]["width_px"], "height_px": photos[0]["height_px"]},
            {"n": 2, "item_ids": ["front", "offer"], "width_px": photos[1]["width_px"], "height_px": photos[1]["height_px"]},
        ])
    );
    assert!(photos[0]["width_px"].as_i64() > Some(1000), "{photos}");
    let mut tags = BTreeSet::new();
    for n in [1, 2] {
        for size in [320, 1600] {
            let one = format!("{}/photos/{n}?size={size}", path(&row));
            let answer = viewer.get(&one).send().await.expect(200);
            assert_eq!(answer.header("content-type"), "image/jpeg");
            assert_eq!(answer.header("cache-control"), "private, no-cache");
            assert!(answer.header("content-security-policy").starts_with("sandbox;"), "{answer:?}");
            let name = format!("inline; filename=\"photo-{n}.jpg\"; filename*=UTF-8''photo-{n}.jpg");
            assert_eq!(answer.header("content-disposition"), name);
            let (width, height) = jpeg_size(&answer.body);
            assert_eq!(width.max(height), size, "{one}");
            assert!(!answer.body.windows(4).any(|window| window == b"Exif"), "{one}");
            assert_eq!(answer.etag(), format!("\"{}\"", sha256(&answer.body)), "of these bytes, not of the original");
            tags.insert(answer.etag());
            let unchanged = viewer.get(&one).header("if-none-match", &answer.etag()).send().await.expect(304);
            assert!(unchanged.body.is_empty());
            // There is nothing to be asked for in parts, and no way to the original.
            let ranged = viewer.get(&one).header("range", "bytes=0-9").send().await;
            assert_eq!(ranged.body.len(), answer.body.len());
        }
    }
    assert_eq!(tags.len(), 4);
    for n in ["3", "1000"] {
        viewer.get(&format!("{}/photos/{n}?size=320", path(&row))).problem(404, "not_found").await;
    }
    for (n, size) in [
        ("0", "320"),
        ("4294967295", "320"),
        ("-1", "320"),
        ("x", "320"),
        ("4294967296", "320"),
        ("1", "5000"),
        ("1", "original"),
        ("1", ""),
    ] {
        viewer.get(&format!("{}/photos/{n}?size={size}", path(&row))).problem(400, "malformed").await;
    }
    viewer.get(&format!("{}/photos/1", path(&row))).problem(400, "malformed").await;
}

async fn the_receipt_of_a_result(app: &TestApp) {
    let world = World::make(app).await;
    let mut answers = tiny::fair();
    answers["why"] = json!({"v": "Mari ütles, et ei jõua."});
    answers["queue"] = json!({"na": true, "v": "Mari ja Jüri", "comment": "Jüri ka"});
    let visit = publish(&world, 0, &answers, &[File::front(), File::offer()], json!({})).await;
    let manager = world.branch_manager(app).await.client;
    let row = world.result_of(0).await;
    let receipt = manager.get(&format!("{}/receipt", path(&row))).send().await.expect(200);
    let staffs = world.reviewer.client.get(&format!("/v1/visits/{visit}/receipt?texts=withheld")).send().await;
    assert!(staffs.body == receipt.body, "what the firm hands on is what the chain fetches");
    let document = receipt.json();
    assert_eq!((&document["public_id"], &document["withheld"]), (&row["result_id"], &json!(["queue", "why"])));
    assert_eq!(document["answers"]["queue"], json!({"na": true, "v": "", "comment": ""}));
    assert!(document.get("visit_id").is_none());
    for secret in ["Mari", "Jüri"] {
        assert!(!document.to_string().contains(secret), "{document}");
    }
    let name = format!("attachment; filename=\"receipt-{}-v1.json\"", row["result_id"].as_str().expect("an id"));
    assert_eq!(receipt.header("content-disposition"), name);
    manager.get(&format!("{}/receipt", path(&row))).header("if-none-match", &receipt.etag()).send().await.expect(304);
    let file = app.folder().join("receipt.json");
    std::fs::write(&file, &receipt.body).expect("a file");
    let said = app.peegel(&["receipt", "verify", file.to_str().expect("a path")]).await.expect(0);
    assert!(said.text().contains("\"ok\": true") || said.text().contains("\"ok\":true"), "{}", said.text());
}

/// Results that somebody sees, listed and one by one.
async fn seen(client: &Client, all: &[Value]) -> BTreeSet<String> {
    let listed = ids(&client.all("/v1/results", 2).await);
    for row in all {
        let paths = [path(row), format!("{}/receipt", path(row)), format!("{}/photos/1?size=320", path(row))];
        for path in paths {
            let answer = client.get(&path).send().await;
            if listed.contains(row["result_id"].as_str().expect("an id")) {
                answer.expect(200);
            } else {
                answer.problem(404, "not_found");
            }
        }
    }
    listed
}

/// An id as it is written in SQL.
fn literal(app: &TestApp, id: &str) -> String {
    match app.kind() {
        Kind::Sqlite => format!("X'{}'", id.replace('-', "")),
        Kind::Postgres => format!("'{id}'"),
    }
}

/// Somebody of another client of the firm.
async fn outsider(app: &TestApp, world: &World) -> Person {
    let chain = json!({"code": "more", "name": "Veel", "kind": "client", "locale": "et", "colour": "#00ff00"});
    let chain = id_of(&world.admin.client.post("/v1/chains", &chain).created().await);
    world.person(app, "outsider", "chain_viewer", Some(json!({"chain_id": chain, "branch_ids": []}))).await
}

async fn each_role_reads_its_own_results(app: &TestApp) {
    let (world, beta) = (World::make(app).await, World::named(app, "beta").await);
    beta.publish(0, &tiny::fair()).await;
    let mut all = Vec::new();
    for branch in 0..3 {
        world.publish(branch, &tiny::fair()).await;
        all.push(world.result_of(branch).await);
    }
    let own = |branches: &[usize]| ids(&branches.iter().map(|branch| all[*branch].clone()).collect::<Vec<_>>());
    let viewer = world.chain_viewer(app).await;
    let north = world.region_viewer(app).await;
    let manager = world.branch_manager(app).await;
    let outsider = outsider(app, &world).await;
    for (person, branches) in [
        (&world.admin, &[0, 1, 2][..]),
        (&world.reviewer, &[0, 1, 2]),
        (&viewer, &[0, 1, 2]),
        (&north, &[0, 1]),
        (&manager, &[0]),
        (&outsider, &[]),
        (&beta.auditor, &[]),
    ] {
        if person.id == beta.auditor.id {
            person.client.get("/v1/results").problem(403, "not_allowed").await;
            continue;
        }
        assert_eq!(seen(&person.client, &all).await, own(branches), "{}", person.email);
    }
    assert_eq!(ids(&beta.admin.client.all("/v1/results", 50).await).intersection(&own(&[0, 1, 2])).count(), 0);
    for row in &all {
        beta.admin.client.get(&path(row)).problem(404, "not_found").await;
    }
    for more in ["", "/receipt", "/photos/1?size=320"] {
        world.auditor.client.get(&format!("{}{more}", path(&all[0]))).problem(403, "not_allowed").await;
    }
    // Filters reach no further.
    for (client, query) in [
        (&north.client, format!("branch_id={}", world.branches[2])),
        (&manager.client, format!("branch_id={}", world.branches[1])),
        (&outsider.client, format!("wave_id={}", world.wave)),
        (&viewer.client, format!("wave_id={}", beta.wave)),
        (&viewer.client, format!("branch_id={}", beta.branches[0])),
    ] {
        assert_eq!(client.all(&format!("/v1/results?{query}"), 50).await, Vec::<Value>::new(), "{query}");
    }
    // A branch that moves takes its results along, as it does in scorecards.
    let (moved, region) = (literal(app, &world.branches[2]), literal(app, &world.regions[0]));
    let insert = format!(
        "INSERT INTO branch_regions (firm_id, branch_id, valid_from, region_id) \
         SELECT firm_id, branch_id, '2099-01-01', {region} FROM branch_regions WHERE branch_id = {moved}"
    );
    app.execute(&insert).await.expect("a row");
    assert_eq!(seen(&north.client, &all).await, own(&[0, 1, 2]));
    let card = north.client.get(&format!("/v1/regions/{}/scorecard", world.regions[0])).ok().await;
    assert_eq!(card["overall"]["visits"], 3);
    // A key reads what its person reads.
    let key =
        json!({"name": "k", "rights": ["read_results"], "expires_on": crate::support::today(), "password": PASSWORD});
    let key = manager.client.post("/v1/api-keys", &key).created().await;
    let key = app.client().with_token(key["key"].as_str().expect("a key"));
    assert_eq!(seen(&key, &all).await, own(&[0]));
}

async fn a_rival_is_read_by_the_client_alone(app: &TestApp) {
    let world = World::make(app).await;
    let admin = &world.admin.client;
    let chain = json!({"code": "rival", "name": "Kolmtuba", "kind": "competitor", "locale": "et", "colour": "#00ff00"});
    let rival = id_of(&admin.post("/v1/chains", &chain).created().await);
    let branch = json!({"code": "R1", "name": "Rivaal", "address": "Pikk 9", "time_zone": "Europe/Tallinn"});
    let body = json!({"chain_id": rival, "branches": [branch]});
    let branch = ids_of(&admin.post("/v1/branches", &body).created().await).remove(0);
    let wave = world.add_wave("2026 rivals", "competitor", "2026-03-01", "2026-05-31").await;
    let mut assignment = world.assignment(0, Some(&world.auditor));
    assignment["branch_id"] = json!(branch);
    let assignment = world.assign_in(&wave, vec![assignment]).await.remove(0);
    let visit = world.file(&assignment, &tiny::fair()).await;
    world.review(&visit, &["review", "approve", "publish"]).await;
    let row = admin.all("/v1/results", 50).await.remove(0);
    assert_eq!((&row["branch_id"], &row["wave_id"]), (&json!(branch), &json!(wave)));

    let viewer = world.chain_viewer(app).await.client;
    assert_eq!(seen(&viewer, std::slice::from_ref(&row)).await.len(), 1);
    // Not by parts of the client's chain, nor by somebody who was given the rival as if it were a client.
    let scope = |branches: Value| Some(json!({"chain_id": rival, "branch_ids": branches}));
    for person in [
        world.region_viewer(app).await,
        world.branch_manager(app).await,
        world.person(app, "rivals", "chain_viewer", scope(json!([]))).await,
        world.person(app, "rivals-manager", "branch_manager", scope(json!([branch]))).await,
    ] {
        assert_eq!(seen(&person.client, std::slice::from_ref(&row)).await.len(), 0, "{}", person.email);
        for name in ["scorecard", "action-plan", "action-plan.pdf"] {
            for query in ["", &format!("?wave={wave}")] {
                let path = format!("/v1/branches/{branch}/{name}{query}");
                person.client.get(&path).problem(404, "not_found").await;
            }
        }
    }
    viewer.get(&format!("/v1/branches/{branch}/scorecard?wave={wave}")).ok().await;
}

async fn what_does_not_count_is_not_there(app: &TestApp) {
    let world = World::make(app).await;
    let visit = world.file(&world.assign_one().await, &tiny::fair()).await;
    let viewer = world.chain_viewer(app).await.client;
    let none = async || {
        for client in [&viewer, &world.admin.client] {
            assert_eq!(client.get("/v1/results").ok().await["data"], json!([]));
        }
    };
    none().await;
    world.review(&visit, &["review"]).await;
    none().await;
    world.review(&visit, &["approve"]).await;
    none().await;
    world.review(&visit, &["publish"]).await;
    let row = world.result_of(0).await;
    let fetch = [path(&row), format!("{}/receipt", path(&row)), format!("{}/photos/1?size=320", path(&row))];
    let mut tags = Vec::new();
    for path in &fetch {
        tags.push(viewer.get(path).send().await.expect(200).header("etag").to_owned());
    }
    let gone = async |status: u16, code: &str| {
        none().await;
        for (path, tag) in fetch.iter().zip(&tags) {
            viewer.get(path).problem(status, code).await;
            viewer.get(path).header("if-none-match", tag).problem(status, code).await;
            viewer.get(path).header("if-none-match", "*").problem(status, code).await;
        }
    };
    world.review(&visit, &["unpublish"]).await;
    gone(410, "withdrawn").await;
    world.review(&visit, &["publish"]).await;
    assert_eq!(world.result_of(0).await["result_id"], row["result_id"], "the same id again");
    for (hide, show, (status, code)) in [
        ("reporting = 'excluded'", "reporting = 'included'", (410, "withdrawn")),
        ("quarantine_reason = 'arrived_late'", "quarantine_reason = NULL", (404, "not_found")),
    ] {
        app.execute(&format!("UPDATE visits SET {hide}")).await.expect("an update");
        gone(status, code).await;
        app.execute(&format!("UPDATE visits SET {show}")).await.expect("an update");
        viewer.get(&path(&row)).ok().await;
    }
    // The ids of the firm are no ids here.
    viewer.get(&format!("/v1/results/{visit}")).problem(404, "not_found").await;
    viewer.get("/v1/results/nonsense").problem(400, "malformed").await;
}

async fn the_list_is_filtered_and_paged(app: &TestApp) {
    let world = World::make(app).await;
    let autumn = world.add_wave("2026 autumn", "regular", "2026-09-01", "2026-10-31").await;
    for branch in [0, 0, 1, 2] {
        world.publish(branch, &tiny::perfect()).await;
    }
    world.publish_in(&autumn, 0, &tiny::perfect()).await;
    let viewer = world.chain_viewer(app).await.client;
    let all = viewer.all("/v1/results", 50).await;
    assert_eq!(all.len(), 5);
    for limit in [1, 2, 4, 5] {
        assert_eq!(viewer.all("/v1/results", limit).await, all, "pages of {limit}");
    }
    let order: Vec<_> = all.iter().map(|row| row["result_id"].as_str().expect("an id")).collect();
    assert!(order.is_sorted(), "by the ids, which tell no time: {order:?}");
    for (query, count) in [
        (format!("wave_id={}", world.wave), 4),
        (format!("wave_id={autumn}"), 1),
        (format!("branch_id={}", world.branches[0]), 3),
        (format!("branch_id={}&wave_id={}", world.branches[0], world.wave), 2),
        (format!("branch_id={}&wave_id={autumn}", world.branches[1]), 0),
        (format!("branch_id={}", new_id()), 0),
    ] {
        for limit in [1, 50] {
            let rows = viewer.all(&format!("/v1/results?{query}"), limit).await;
            assert_eq!(rows.len(), count, "{query}");
            let of =
                |row: &&Value| query.contains(row["branch_id"].as_str().expect("an id")) || !query.contains("branch");
            assert!(rows.iter().all(|row| of(&row)), "{query}: {rows:?}");
        }
    }
    // A page is full as long as there is more that one may see.
    let manager = world.branch_manager(app).await.client;
    let page = manager.get("/v1/results?limit=2").ok().await;
    assert_eq!(page["data"].as_array().map(Vec::len), Some(2));
    assert_eq!(manager.all("/v1/results", 2).await.len(), 3);
    viewer.get("/v1/results?limit=201").problem(400, "bad_limit").await;
    viewer.get("/v1/results?cursor=eA").problem(400, "bad_cursor").await;
    viewer.get("/v1/results?wave_id=x").problem(400, "malformed").await;
}
