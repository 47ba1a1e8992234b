//! Appeals: who files them, until when and with what, who decides them, and what comes of it everywhere.

use serde_json::{Value, json};

use crate::receipts::verify;
use crate::support::app::TestApp;
use crate::support::client::Client;
use crate::support::files::fixture;
use crate::support::pdf::checked_text;
use crate::support::world::{Person, World, id_of, small_photo};
use crate::support::{new_id, on_both, tiny};

on_both!(
    an_upheld_appeal_changes_the_score_and_is_told_everywhere,
    who_files_what_and_until_when,
    files_of_an_appeal,
    an_appeal_is_taken_back,
    one_of_many_decides,
    rates_of_appeals,
    what_an_appeal_settled_stays,
);

/// The result of the first branch.
async fn result(world: &World) -> String {
    world.result_of(0).await["result_id"].as_str().expect("an id").to_owned()
}

fn appeal(items: &[&str]) -> Value {
    let reason = |item: &str| format!("{item}: Nii ei olnud.");
    let items: Vec<_> = items.iter().map(|item| json!({"item_id": item, "reason": reason(item)})).collect();
    json!({"items": items})
}

/// Files appeals; gives their ids.
async fn file(client: &Client, result: &str, items: &[&str]) -> Vec<String> {
    let filed = client.post(&format!("/v1/results/{result}/appeals"), &appeal(items)).created().await;
    filed["data"].as_array().expect("a list").iter().map(id_of).collect()
}

/// A reviewer who had nothing to do with the visits so far.
async fn second(app: &TestApp, world: &World) -> Person {
    world.person(app, "second", "reviewer", None).await
}

async fn kinds(world: &World, start: &str) -> Vec<String> {
    let all = world.admin.client.all("/v1/events", 200).await;
    let kinds = all.iter().map(|event| event["kind"].as_str().expect("a kind").to_owned());
    kinds.filter(|kind| kind.starts_with(start)).collect()
}

async fn an_upheld_appeal_changes_the_score_and_is_told_everywhere(app: &TestApp) {
    let world = World::make(app).await;
    let (manager, viewer) = (world.branch_manager(app).await, world.chain_viewer(app).await);
    let second = second(app, &world).await;
    let visit = world.publish(0, &tiny::fair()).await;
    let result = result(&world).await;
    let path = format!("/v1/results/{result}");
    let first_receipt = viewer.client.get(&format!("{path}/receipt")).send().await.expect(200).body;
    let filed = file(&manager.client, &result, &["offer", "polite"]).await;
    let [offer, polite] = [&filed[0], &filed[1]].map(|id| format!("/v1/appeals/{id}"));
    let checklist = world.admin.client.get(&format!("/v1/waves/{}/checklist", world.wave)).ok().await;
    assert_eq!(
        (&checklist["points"][0]["kind"], &checklist["points"][0]["count"]),
        (&json!("open_appeals"), &json!(2))
    );

    // Not allowed: chains, and whoever judged the visit. A wrong decision is told with its place.
    let uphold = json!({"answer": {"v": true}, "reason": "Salvestis kinnitab.", "also": [
        {"item_id": "needs", "answer": {"v": "full"}, "reason": "Sama hetk."},
        {"item_id": "why", "answer": null, "reason": "Ei küsita enam."},
    ]});
    viewer.client.post(&format!("{offer}/uphold"), &uphold).problem(403, "not_allowed").await;
    world.auditor.client.post(&format!("{offer}/uphold"), &uphold).problem(403, "not_allowed").await;
    world.reviewer.client.post(&format!("{offer}/uphold"), &uphold).problem(403, "first_reviewer").await;
    world
        .reviewer
        .client
        .post(&format!("{offer}/decline"), &json!({"reason": "x"}))
        .problem(403, "first_reviewer")
        .await;
    second.client.post(&format!("/v1/appeals/{}/uphold", new_id()), &uphold).problem(404, "not_found").await;
    let wrong = json!({"answer": {"v": "maybe"}, "reason": "x", "also": [
        {"item_id": "nowhere", "answer": {"v": true}, "reason": "y"},
    ]});
    let refused = second.client.post(&format!("{offer}/uphold"), &wrong).problem(422, "invalid").await;
    let places: Vec<_> = refused.problems().into_iter().map(|(pointer, _)| pointer).collect();
    assert!(places.iter().all(|place| place.starts_with("/answer") || place.starts_with("/also/0")), "{places:?}");
    second
        .client
        .post(&format!("{offer}/uphold"), &json!({"answer": {"v": true}, "reason": " "}))
        .invalid(&[("/reason", "empty")])
        .await;
    assert_eq!(kinds(&world, "appeal.").await, ["appeal.opened", "appeal.opened"], "nothing came of these");

    // One member of `also` changes nothing, so it is refused; without it the appeal is upheld.
    second.client.post(&format!("{offer}/uphold"), &uphold).invalid(&[("/also/1/answer", "unchanged")]).await;
    let mut uphold = uphold;
    uphold["also"].as_array_mut().expect("a list").pop();
    let view = second.client.get(&offer).ok().await;
    assert_eq!((&view["can_decide"], &view["visit_id"]), (&json!(true), &json!(visit)));
    assert_eq!(world.reviewer.client.get(&offer).ok().await["can_decide"], json!(false));
    let upheld = second.client.post(&format!("{offer}/uphold"), &uphold).ok().await;
    // Contact stays 15/16; sale is 5 of 5 now: .6 x 15/16 + .4 = .9625.
    let change = json!({"from_version": 1, "from_bp": 7225, "to_version": 2, "to_bp": 9625});
    assert_eq!((&upheld["state"], &upheld["change"]), (&json!("upheld"), &change));
    let declined = second.client.post(&format!("{polite}/decline"), &json!({"reason": "Neli on neli."})).ok().await;
    assert_eq!((&declined["state"], &declined["decision"]), (&json!("declined"), &json!("Neli on neli.")));
    // Final: nothing moves any more.
    for (path, of) in [(&offer, "upheld"), (&polite, "declined")] {
        for (client, act, body) in [
            (&second.client, "uphold", json!({"answer": {"v": 5}, "reason": "x"})),
            (&second.client, "decline", json!({"reason": "x"})),
            (&manager.client, "withdraw", Value::Null),
        ] {
            let call = client.act(&format!("{path}/{act}"));
            let call = if body.is_null() { call } else { call.json(&body) };
            let refused = call.problem(409, "illegal_state").await;
            let told = format!("The appeal is {of}; cannot {act} it. Allowed now: nothing.");
            assert_eq!(refused.detail(), told);
        }
    }
    manager.client.post(&format!("{path}/appeals"), &appeal(&["offer"])).problem(409, "already_appealed").await;

    // Both scores are there, for the firm and for the chain, and both receipts verify.
    let scores = world.admin.client.get(&format!("/v1/visits/{visit}/scores")).ok().await;
    let told: Vec<_> = scores["data"]
        .as_array()
        .expect("scores")
        .iter()
        .map(|score| json!([score["score_bp"], score["revision_kind"]]))
        .collect();
    assert_eq!(told, [json!([7225, "submission"]), json!([9625, "appeal"])]);
    let old = viewer.client.get(&format!("{path}/receipt?version=1")).send().await.expect(200).body;
    assert_eq!(old, first_receipt, "the receipt of the first score is what it was");
    let new = viewer.client.get(&format!("{path}/receipt")).send().await.expect(200).body;
    assert_ne!(old, new);
    for receipt in [&old, &new] {
        verify(receipt, &[]).await.expect(0);
    }
    viewer.client.get(&format!("{path}/receipt?version=3")).problem(404, "no_score").await;
    let full = format!("/v1/visits/{visit}/receipt?version=1");
    verify(&world.admin.client.get(&full).send().await.expect(200).body, &[]).await.expect(0);

    // What the chain reads: the new score, the outcome with its reason, and nobody.
    let read = viewer.client.get(&path).ok().await;
    assert_eq!((&read["score"]["score_bp"], &read["score_version"]), (&json!(9625), &json!(2)));
    let lines = read["appeals"].as_array().expect("appeals");
    assert_eq!(lines.len(), 2);
    let line = lines.iter().find(|line| line["item_id"] == "offer").expect("a line");
    assert_eq!((&line["change"], &line["decision"]), (&change, &json!("Salvestis kinnitab.")));
    let branch = &world.branches[0];
    let card = viewer.client.get(&format!("/v1/branches/{branch}/scorecard")).ok().await;
    assert_eq!((&card["overall"]["mean_bp"], &card["appeals"]), (&json!(9625), &read["appeals"]));
    let chain = viewer.client.get(&format!("/v1/chains/{}/scorecard", world.chain)).ok().await;
    assert_eq!(chain["appeals"], json!({"open": 0, "upheld": 1, "declined": 1, "withdrawn": 0}));
    let plan = manager.client.get(&format!("/v1/branches/{branch}/action-plan")).ok().await;
    assert_eq!(plan["appeals"], read["appeals"]);
    assert!(plan["actions"].as_array().expect("actions").iter().all(|action| action["item_id"] != "offer"), "{plan}");
    for (lang, words) in [
        ("en", ["Appeals", "Upheld: the score was corrected", "Declined: the finding stands", "96.3"]),
        ("et", ["Vaidlustused", "Rahuldatud: tulemust parandati", "Jäeti rahuldamata: hinnang kehtib", "96,3"]),
        (
            "hu",
            [
                "Felülvizsgálati kérelmek",
                "Elfogadva: az eredményt javítottuk",
                "Elutasítva: az értékelés érvényes",
                "96,3",
            ],
        ),
    ] {
        let pdf = viewer.client.get(&format!("/v1/branches/{branch}/action-plan.pdf?lang={lang}")).send().await;
        let pdf = pdf.expect(200).body;
        let text = checked_text(app.folder(), &pdf).await;
        for word in words.iter().chain(&["Salvestis kinnitab.", "Neli on neli."]) {
            assert!(text.contains(word), "{word:?} in the report ({lang}):\n{text}");
        }
    }
    for seen in
        [&read, &card, &plan, &viewer.client.get(&offer).ok().await, &manager.client.get("/v1/appeals").ok().await]
    {
        let seen = seen.to_string();
        for hidden in [&visit, &world.auditor.id, &world.reviewer.id, &second.id, &manager.id] {
            assert!(!seen.contains(hidden.as_str()), "{hidden} in {seen}");
        }
        assert!(!seen.contains("Sama hetk"), "what else changed stays with the firm: {seen}");
    }
    // Totals are what counting anew gives, and the history is whole.
    let before = app.query("SELECT metric, n, sum, sum_squares FROM totals ORDER BY metric").await.len();
    app.peegel(&["scorecards", "rebuild"]).await.expect(0);
    assert_eq!(app.query("SELECT metric, n, sum, sum_squares FROM totals ORDER BY metric").await.len(), before);
    let again = viewer.client.get(&format!("/v1/branches/{branch}/scorecard")).ok().await;
    assert_eq!(again, card);
    assert_eq!(kinds(&world, "appeal.").await, ["appeal.opened", "appeal.opened", "appeal.upheld", "appeal.declined"]);
    app.peegel(&["audit", "verify"]).await.expect(0);
}

async fn who_files_what_and_until_when(app: &TestApp) {
    let world = World::make(app).await;
    let (manager, viewer) = (world.branch_manager(app).await, world.chain_viewer(app).await);
    world.publish(0, &tiny::perfect()).await;
    let result = result(&world).await;
    let path = format!("/v1/results/{result}/appeals");
    for person in [&world.admin, &world.reviewer, &world.auditor] {
        person.client.post(&path, &appeal(&["greet"])).problem(403, "not_allowed").await;
    }
    let south = json!({"chain_id": world.chain, "region_id": world.regions[1], "branch_ids": []});
    let south = world.person(app, "south", "chain_viewer", Some(south)).await.client;
    south.post(&path, &appeal(&["greet"])).problem(404, "not_found").await;
    manager
        .client
        .post(&format!("/v1/results/{}/appeals", new_id()), &appeal(&["greet"]))
        .problem(404, "not_found")
        .await;
    manager.client.post(&path, &json!({"items": []})).invalid(&[("/items", "too_few")]).await;
    // The question about what was said is asked only when nothing was offered.
    let wrong = json!({"items": [
        {"item_id": "greet", "reason": " "}, {"item_id": "greet", "reason": "x"}, {"item_id": "why", "reason": "x"},
        {"item_id": "nowhere", "reason": "x"},
    ]});
    manager
        .client
        .post(&path, &wrong)
        .invalid(&[
            ("/items/0/reason", "empty"),
            ("/items/1/item_id", "duplicate"),
            ("/items/2/item_id", "unknown_ref"),
            ("/items/3/item_id", "unknown_ref"),
        ])
        .await;
    assert_eq!(viewer.client.get("/v1/appeals").ok().await["data"], json!([]));
    // Filed once, whatever comes twice.
    let key = new_id();
    let first = manager.client.post(&path, &appeal(&["greet"])).once(&key).created().await;
    assert_eq!(manager.client.post(&path, &appeal(&["greet"])).once(&key).created().await, first);
    manager.client.post(&path, &appeal(&["queue", "greet"])).problem(409, "already_appealed").await;
    let id = id_of(&first["data"][0]);
    let seen = viewer.client.get(&format!("/v1/appeals/{id}")).ok().await;
    assert_eq!((&seen["state"], &seen["item_id"], &seen["is_mine"]), (&json!("open"), &json!("greet"), &json!(false)));
    assert!(seen.get("filed_at").is_none() && seen.get("filed_by").is_none(), "{seen}");
    assert_eq!(id.parse::<uuid::Uuid>().expect("an id").get_version_num(), 4, "it tells no time");
    south.get(&format!("/v1/appeals/{id}")).problem(404, "not_found").await;
    for (query, count) in [
        ("state=open".to_owned(), 1),
        ("state=upheld".to_owned(), 0),
        (format!("result_id={result}"), 1),
        (format!("branch_id={}", world.branches[1]), 0),
        (format!("wave_id={}", world.wave), 1),
    ] {
        assert_eq!(viewer.client.all(&format!("/v1/appeals?{query}"), 1).await.len(), count, "{query}");
    }
    // The chain's days, counted from the day of publishing.
    let chain = format!("/v1/chains/{}", world.chain);
    world.admin.client.patch(&chain, &json!({"appeal_days": 366})).invalid(&[("/appeal_days", "out_of_range")]).await;
    crate::retention::age(app, 15).await;
    let as_long_ago = "UPDATE scores SET created_at = (SELECT MIN(published_at) FROM visits)";
    app.execute(as_long_ago).await.expect("an update");
    manager.client.post(&path, &appeal(&["queue"])).problem(409, "too_late").await;
    assert_eq!(world.admin.client.patch(&chain, &json!({"appeal_days": 20})).ok().await["appeal_days"], json!(20));
    file(&manager.client, &result, &["queue"]).await;
    // What is taken back takes no appeals, and those that are open stay open.
    let visit = world.admin.client.all("/v1/visits", 50).await.remove(0);
    world.review(&id_of(&visit), &["unpublish"]).await;
    manager.client.post(&path, &appeal(&["honest"])).problem(410, "withdrawn").await;
    assert_eq!(viewer.client.get(&format!("/v1/appeals/{id}")).ok().await["state"], json!("open"));
    let card = viewer.client.get(&format!("/v1/branches/{}/scorecard", world.branches[0])).ok().await;
    assert_eq!(card["appeals"], json!([]), "what does not count is not told of");
}

async fn files_of_an_appeal(app: &TestApp) {
    let world = World::make(app).await;
    let (manager, viewer) = (world.branch_manager(app).await, world.chain_viewer(app).await);
    world.publish(0, &tiny::perfect()).await;
    let result = result(&world).await;
    let appeal = file(&manager.client, &result, &["greet"]).await.remove(0);
    let path = |file: &str| format!("/v1/appeals/{appeal}/files/{file}");
    let (one, photo) = (new_id(), small_photo(3));
    world.admin.client.put_bytes(&path(&one), photo.clone()).problem(403, "not_allowed").await;
    let missing = format!("/v1/appeals/{}/files/{one}", new_id());
    manager.client.put_bytes(&missing, photo.clone()).problem(404, "not_found").await;
    manager.client.put_bytes(&path(&one), Vec::new()).problem(422, "empty_file").await;
    manager.client.put_bytes(&path(&one), b"<html>".to_vec()).problem(422, "bad_file").await;
    let call = fixture("media/call_hu_parcel_rude.mp3");
    manager.client.put_bytes(&path(&one), call).problem(422, "bad_file").await;
    let mut large = photo.clone();
    large.resize(10 * 1024 * 1024 + 1, 0);
    manager.client.put_bytes(&path(&one), large).problem(413, "too_large").await;
    let stored = manager.client.put_bytes(&path(&one), photo.clone()).ok().await;
    assert_eq!((&stored["id"], &stored["media_type"]), (&json!(one), &json!("image/jpeg")));
    assert_eq!(manager.client.put_bytes(&path(&one), photo.clone()).ok().await, stored, "twice is once");
    manager.client.put_bytes(&path(&one), small_photo(4)).problem(409, "already_stored").await;
    // More than a JSON body may have.
    let mut paper = b"%PDF-1.7\n".to_vec();
    paper.resize(3 * 1024 * 1024, b' ');
    viewer.client.put_bytes(&path(&new_id()), paper.clone()).ok().await;
    for seed in 5..8 {
        manager.client.put_bytes(&path(&new_id()), small_photo(seed)).ok().await;
    }
    manager.client.put_bytes(&path(&new_id()), small_photo(9)).problem(409, "too_many_files").await;
    let view = world.reviewer.client.get(&format!("/v1/appeals/{appeal}")).ok().await;
    assert_eq!(view["files"].as_array().map(Vec::len), Some(5));
    assert_eq!((&view["files"][0], &view["files"][1]["media_type"]), (&stored, &json!("application/pdf")));
    for person in [&world.reviewer, &viewer, &manager] {
        let read = person.client.get(&path(&one)).send().await.expect(200);
        assert!(read.body == photo && read.header("content-security-policy").contains("sandbox"));
    }
    world.auditor.client.get(&path(&one)).problem(403, "not_allowed").await;
    viewer.client.get(&path(&new_id())).problem(404, "not_found").await;
    let link = viewer.client.post(&format!("{}/links", path(&one)), &json!({"download": true})).created().await;
    let fetched = app.client().get(link["url"].as_str().expect("an address")).send().await.expect(200);
    assert!(fetched.body == photo && fetched.header("content-disposition").starts_with("attachment"));
    app.peegel(&["blobs", "verify"]).await.expect(0);
    // Once it is decided, nothing is added.
    manager.client.act(&format!("/v1/appeals/{appeal}/withdraw")).ok().await;
    manager.client.put_bytes(&path(&new_id()), photo).problem(409, "illegal_state").await;
    // With the visit's documents they go, and with its texts what was said.
    crate::retention::keep(&world, &json!({"documents": 30, "free_text": 30})).await;
    crate::retention::close(app, &world, 31).await;
    crate::retention::age(app, 31).await;
    crate::retention::purge(app).await;
    let left = world.reviewer.client.get(&format!("/v1/appeals/{appeal}")).ok().await;
    assert_eq!((&left["files"], &left["reason"], &left["state"]), (&json!([]), &json!(""), &json!("withdrawn")));
    viewer.client.get(&path(&one)).problem(404, "not_found").await;
}

async fn an_appeal_is_taken_back(app: &TestApp) {
    let world = World::make(app).await;
    let (manager, viewer) = (world.branch_manager(app).await, world.chain_viewer(app).await);
    let scope = json!({"chain_id": world.chain, "branch_ids": [world.branches[0]]});
    let deputy = world.person(app, "deputy", "branch_manager", Some(scope)).await;
    world.publish(0, &tiny::fair()).await;
    let result = result(&world).await;
    let ids = file(&manager.client, &result, &["greet", "offer"]).await;
    let withdraw = |id: &str| format!("/v1/appeals/{id}/withdraw");
    world.reviewer.client.act(&withdraw(&ids[0])).problem(403, "not_allowed").await;
    deputy.client.act(&withdraw(&ids[0])).problem(403, "not_yours").await;
    viewer.client.act(&withdraw(&new_id())).problem(404, "not_found").await;
    assert_eq!(manager.client.act(&withdraw(&ids[0])).ok().await["state"], json!("withdrawn"));
    manager.client.act(&withdraw(&ids[0])).problem(409, "illegal_state").await;
    assert_eq!(viewer.client.act(&withdraw(&ids[1])).ok().await["state"], json!("withdrawn"));
    // What was taken back may be brought again, by somebody else too.
    file(&deputy.client, &result, &["offer", "greet"]).await;
    assert_eq!(kinds(&world, "appeal.withdrawn").await.len(), 2);
}

async fn one_of_many_decides(app: &TestApp) {
    let world = World::make(app).await;
    let manager = world.branch_manager(app).await;
    let second = second(app, &world).await;
    world.publish(0, &tiny::fair()).await;
    let result = result(&world).await;
    let body = appeal(&["offer"]);
    let path = format!("/v1/results/{result}/appeals");
    let calls = (0..50).map(|_| manager.client.post(&path, &body).send());
    let answers = futures_util::future::join_all(calls).await;
    let filed: Vec<_> = answers.iter().filter(|answer| answer.status == 201).collect();
    assert_eq!(filed.len(), 1, "one is filed");
    for answer in answers.into_iter().filter(|answer| answer.status != 201) {
        answer.problem(409, "already_appealed");
    }
    let id = world.admin.client.get("/v1/appeals").ok().await["data"][0]["id"].as_str().expect("an id").to_owned();
    let calls = (0..50).map(|n| {
        let path = format!("/v1/appeals/{id}");
        match n % 3 {
            0 => second.client.post(&format!("{path}/uphold"), &json!({"answer": {"v": true}, "reason": "x"})).send(),
            1 => second.client.post(&format!("{path}/decline"), &json!({"reason": "x"})).send(),
            _ => manager.client.act(&format!("{path}/withdraw")).send(),
        }
    });
    let answers = futures_util::future::join_all(calls).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1, "one moves it");
    for answer in answers.into_iter().filter(|answer| answer.status != 200) {
        answer.problem(409, "illegal_state");
    }
    assert_eq!(kinds(&world, "appeal.").await.len(), 2);
}

async fn rates_of_appeals(app: &TestApp) {
    let world = World::make(app).await;
    let (manager, viewer) = (world.branch_manager(app).await, world.chain_viewer(app).await);
    let second = second(app, &world).await;
    world.publish(0, &tiny::fair()).await;
    let result = result(&world).await;
    let ids = file(&manager.client, &result, &["greet", "offer", "needs", "polite"]).await;
    let offer = json!({"answer": {"v": true}, "reason": "Õige."});
    second.client.post(&format!("/v1/appeals/{}/uphold", ids[1]), &offer).ok().await;
    second.client.post(&format!("/v1/appeals/{}/decline", ids[2]), &json!({"reason": "Ei."})).ok().await;
    manager.client.act(&format!("/v1/appeals/{}/withdraw", ids[3])).ok().await;
    let rates = async |by: &str| world.admin.client.all(&format!("/v1/appeals/rates?by={by}"), 1).await;
    for person in [&world.reviewer, &viewer, &manager, &world.auditor] {
        person.client.get("/v1/appeals/rates?by=item").problem(403, "not_allowed").await;
    }
    world.admin.client.get("/v1/appeals/rates").problem(400, "malformed").await;
    let items = rates("item").await;
    let told: Vec<_> = items.iter().map(|rate| json!([rate["item_id"], rate["upheld_share_bp"]])).collect();
    assert_eq!(told, [json!(["greet", null]), json!(["needs", 0]), json!(["offer", 10_000]), json!(["polite", null])]);
    for (by, member, id) in [
        ("branch", "branch_id", &world.branches[0]),
        ("auditor", "membership_id", &world.auditor.id),
        ("reviewer", "membership_id", &world.reviewer.id),
    ] {
        let found = rates(by).await;
        assert_eq!(found.len(), 1, "{by}");
        let rate = &found[0];
        assert_eq!(rate[member], json!(id), "{by}: whose work it was, not who decided");
        let counts = ["open", "upheld", "declined", "withdrawn"].map(|state| rate[state].clone());
        assert_eq!(counts, [json!(1), json!(1), json!(1), json!(1)]);
        assert_eq!((&rate["upheld_share_bp"], &rate["too_few"]), (&json!(5000), &json!(true)));
    }
    assert!(rates(&format!("item&wave_id={}", new_id())).await.is_empty());
}

async fn what_an_appeal_settled_stays(app: &TestApp) {
    let world = World::make(app).await;
    let (viewer, second) = (world.chain_viewer(app).await, second(app, &world).await);
    let visit = world.publish(0, &tiny::fair()).await;
    let result = result(&world).await;
    let appeals = file(&viewer.client, &result, &["offer"]).await;
    let upheld = json!({"answer": {"v": true}, "reason": "Pakuti."});
    second.client.post(&format!("/v1/appeals/{}/uphold", appeals[0]), &upheld).ok().await;

    // The firm cannot correct it back; other answers it can, and the chain sees the scores that counted.
    let correct = |revision: u32, item: &str, v: Value| {
        let change = json!({"item_id": item, "answer": {"v": v}, "reason": "Salvestus ütleb muud."});
        let body = json!({"base_revision": revision, "changes": [change]});
        world.reviewer.client.post(&format!("/v1/visits/{visit}/correct"), &body)
    };
    correct(2, "polite", json!(5)).ok().await;
    let refused = correct(3, "offer", json!(false)).problem(409, "settled_by_appeal").await.detail();
    assert!(refused.contains("offer"), "{refused}");
    let receipt = |version: u32| format!("/v1/results/{result}/receipt?version={version}");
    for version in 1..=3 {
        assert_eq!(viewer.client.get(&receipt(version)).ok().await["score_version"], version);
    }
    viewer.client.get(&receipt(4)).problem(404, "no_score").await;
    // What the firm corrects while it is not published stays the firm's alone.
    world.review(&visit, &["unpublish"]).await;
    correct(3, "greet", json!(false)).ok().await;
    correct(4, "greet", json!(true)).ok().await;
    world.review(&visit, &["publish"]).await;
    viewer.client.get(&receipt(4)).problem(404, "no_score").await;
    assert_eq!(viewer.client.get(&receipt(5)).ok().await["score_version"], 5);

    // Left out of reports, it is told as taken back.
    let path = format!("/v1/results/{result}");
    let body = json!({"reason": "Vale pood.", "payable": true});
    world.reviewer.client.post(&format!("/v1/visits/{visit}/exclude"), &body).ok().await;
    viewer.client.get(&path).problem(410, "withdrawn").await;
    let list = viewer.client.get("/v1/results").ok().await;
    assert_eq!((&list["data"], &list["withdrawn"][0]["result_id"]), (&json!([]), &json!(result)));
    world.reviewer.client.post(&format!("/v1/visits/{visit}/include"), &json!({"reason": "Õige pood."})).ok().await;
    assert_eq!(viewer.client.get(&path).ok().await["score_version"], 5);
}
