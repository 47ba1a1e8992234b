//! The main way through, from an empty folder to the action plan in the chain's hands, with every number by hand.

use serde_json::{Value, json};

use crate::support::app::TestApp;
use crate::support::chain::{checked_events, count};
use crate::support::client::Client;
use crate::support::files::{fixture, sha256};
use crate::support::pdf::checked_text;
use crate::support::world::{File, PASSWORD, filing, id_of, ids_of};
use crate::support::{eventually, new_id, on_both, tiny};

on_both!(from_an_empty_folder_to_the_action_plan);

async fn person(app: &TestApp, admin: &Client, email: &str, role: &str, scope: Option<Value>) -> (Client, String) {
    let mut body = json!({"email": email, "name": email, "role": role, "password": PASSWORD});
    if let Some(scope) = scope {
        body["scope"] = scope;
    }
    let user = admin.post("/v1/users", &body).once(email).created().await;
    let id = user["membership_id"].as_str().expect("an id").to_owned();
    (app.client().sign_in(email, PASSWORD).await, id)
}

async fn from_an_empty_folder_to_the_action_plan(app: &TestApp) {
    // The firm and its first person, by the command line.
    app.peegel(&["firm", "add", "--code", "peegli", "--name", "Peegli Audit OÜ"]).await.expect(0);
    let admin = ["user", "add", "--email", "admin@peegli.example", "--role", "firm_admin", "--password-stdin"];
    app.peegel_with_input(&admin, PASSWORD).await.expect(0);
    let admin = app.client().sign_in("admin@peegli.example", PASSWORD).await;

    // The chain, its region, two branches, the standard and the wave.
    let chain = json!({
        "code": "nurme", "name": "Nurme Kodu", "kind": "client", "locale": "et", "colour": "#2E7D32",
        "recording_policy": "allow",
    });
    let chain = id_of(&admin.post("/v1/chains", &chain).once("chain").created().await);
    let regions = json!({"regions": [{"code": "north", "name": "Põhja-Eesti"}]});
    let regions = admin.post(&format!("/v1/chains/{chain}/regions"), &regions).once("regions").created().await;
    let branch = |code: &str, name: &str| json!({"code": code, "name": name, "address": "Viru 4", "region": "north", "time_zone": "Europe/Tallinn"});
    let branches =
        json!({"chain_id": chain, "branches": [branch("TLN", "Tallinna pood"), branch("TRT", "Tartu pood")]});
    let branches = ids_of(&admin.post("/v1/branches", &branches).once("branches").created().await);
    admin.post("/v1/standards", &tiny::standard()).once("standard").created().await;
    admin.post("/v1/standards/tiny/publish", &json!({"version": 1})).ok().await;
    let wave = |name: &str, month: &str| {
        json!({
            "chain_id": chain, "name": name, "kind": "regular",
            "opens_on": format!("2026-{month}-01"), "closes_on": format!("2026-{month}-30"),
        })
    };
    let spring = id_of(&admin.post("/v1/waves", &wave("2026 kevad", "04")).once("spring").created().await);
    admin.act(&format!("/v1/waves/{spring}/open")).ok().await;

    // The people.
    let (auditor, auditor_id) = person(app, &admin, "auditor@peegli.example", "auditor", None).await;
    let (reviewer, _) = person(app, &admin, "reviewer@peegli.example", "reviewer", None).await;
    let (viewer, _) =
        person(app, &admin, "chain@nurme.example", "chain_viewer", Some(json!({"chain_id": chain}))).await;
    let scope = json!({"chain_id": chain, "branch_ids": [branches[0]]});
    let (manager, _) = person(app, &admin, "manager@nurme.example", "branch_manager", Some(scope)).await;

    // What the auditor plays, from the library.
    admin.post("/v1/scenarios", &json!({"from_library": "C1", "id": "gift"})).created().await;

    // Assignments: one given, one from the job board.
    let window = ("2026-04-01T06:00:00Z", "2099-04-30T18:00:00Z");
    let assignment = |branch: &str, auditor: Option<&str>| {
        json!({
            "branch_id": branch, "standard_id": "tiny", "standard_version": 1, "scenario_id": "gift",
            "auditor_id": auditor, "window_start": window.0, "window_end": window.1,
        })
    };
    let assignments = json!({
        "wave_id": spring,
        "assignments": [assignment(&branches[0], Some(&auditor_id)), assignment(&branches[1], None)],
    });
    let assignments = ids_of(&admin.post("/v1/assignments", &assignments).once("assignments").created().await);
    auditor.act(&format!("/v1/assignments/{}/claim", assignments[1])).ok().await;

    // The phone pulls its work and the standard, and works offline from here.
    let mine = auditor.all("/v1/assignments?mine=true", 1).await;
    assert_eq!(mine.len(), 2);
    let given = mine.iter().find(|assignment| assignment["id"] == assignments[0].as_str()).expect("the one given");
    assert_eq!((given["branch_name"].as_str(), given["scenario_id"].as_str()), (Some("Tallinna pood"), Some("gift")));
    let standard = auditor.get("/v1/standards/tiny/versions/1").send().await.expect(200);
    assert_eq!(standard.etag().trim_matches('"'), given["standard_sha256"]);
    assert_eq!(standard.json(), tiny::standard());

    // The first visit: a draft with a photo, then the submit with a recording too.
    let visit = new_id();
    let path = format!("/v1/visits/{visit}");
    let front = File::new("photo", &["front"], "fassaad.jpg", fixture("media/front_nurmeaken_tallinn.jpg"));
    let call = File::new("recording", &["offer"], "kassa.mp3", fixture("media/call_hu_parcel_rude.mp3"));
    let half = json!({"greet": {"v": true}, "front": {"v": true}});
    let draft = filing(&assignments[0], "draft", &half, &[&front]);
    let saved = auditor.put(&path, &draft).if_absent().send().await.expect(201);
    let upload = async |file: &File| {
        auditor.put_bytes(&format!("/v1/evidence/{}/content", file.id), file.bytes.clone()).ok().await
    };
    assert_eq!(upload(&front).await["state"], "stored");
    let mut answers = tiny::fair();
    answers["why"] = json!({"v": "Pakuti ainult üht.", "comment": "Kiire hetk."});
    let mut whole = filing(&assignments[0], "submitted", &answers, &[&front, &call]);
    whole["device"] = json!({"at": "2026-04-12T10:00:00Z", "model": "Fieldphone 5", "app": "peegel 1"});
    let filed = auditor.put(&path, &whole).if_match(&saved.etag()).send().await.expect(200);
    assert_eq!(filed.json()["score"]["score_bp"], 7225);
    assert_eq!(filed.json()["evidence"]["missing"], json!([{"id": call.id, "file_name": "kassa.mp3"}]));
    reviewer.act(&format!("{path}/review")).problem(409, "evidence_incomplete").await;
    upload(&call).await;
    // The answer was lost on the way: the same write gets the same answer.
    let again = auditor.put(&path, &whole).if_match(&saved.etag()).send().await.expect(200);
    assert_eq!(again.body, filed.body);

    // The second visit, in one request.
    let second = new_id();
    let door = File::front();
    let body = filing(&assignments[1], "submitted", &tiny::perfect(), &[&door]);
    let perfect = auditor.put(&format!("/v1/visits/{second}"), &body).if_absent().created().await;
    assert_eq!(perfect["score"]["score_bp"], 10_000);
    upload(&door).await;
    for visit in [&visit, &second] {
        eventually("the files are processed", || async {
            let files = reviewer.get(&format!("/v1/visits/{visit}")).ok().await["files"].clone();
            files.as_array().expect("files").iter().all(|file| file["state"] == "processed").then_some(())
        })
        .await;
    }

    // The reviewer sees what was filed, and publishes it.
    let waiting = reviewer.all("/v1/visits?state=submitted&evidence_complete=true", 50).await;
    assert_eq!(waiting.len(), 2);
    let preview = reviewer.get(&format!("/v1/evidence/{}/preview?size=320", front.id)).send().await.expect(200);
    assert_eq!(preview.header("content-type"), "image/jpeg");
    let part = reviewer.get(&format!("/v1/evidence/{}/content", call.id)).header("range", "bytes=100-199");
    assert_eq!(part.send().await.expect(206).body, call.bytes[100..200]);
    for visit in [&visit, &second] {
        reviewer.act(&format!("/v1/visits/{visit}/review")).ok().await;
        reviewer.post(&format!("/v1/visits/{visit}/approve"), &json!({})).ok().await;
    }
    // Nothing counts before it is published.
    let scorecard = format!("/v1/branches/{}/scorecard", branches[0]);
    assert_eq!(viewer.get(&scorecard).ok().await["overall"]["visits"], 0);
    for visit in [&visit, &second] {
        assert_eq!(reviewer.act(&format!("/v1/visits/{visit}/publish")).ok().await["state"], "published");
    }

    // The chain reads: (7225 + 10000) / 2 = 8612.5.
    let card = viewer.get(&format!("/v1/chains/{chain}/scorecard")).ok().await;
    assert_eq!((&card["overall"]["visits"], &card["overall"]["mean_bp"]), (&json!(2), &json!(8613)));
    let region = viewer.get(&format!("/v1/regions/{}/scorecard", ids_of(&regions)[0])).ok().await;
    assert_eq!(region["overall"], card["overall"]);
    let card = manager.get(&scorecard).ok().await;
    assert_eq!((&card["overall"]["mean_bp"], &card["overall"]["passed"]), (&json!(7225), &json!(1)));
    let sections = &card["standards"][0]["sections"];
    assert_eq!((&sections[0]["mean_bp"], &sections[1]["mean_bp"]), (&json!(9375), &json!(4000)));
    manager.get(&format!("/v1/branches/{}/scorecard", branches[1])).problem(404, "not_found").await;

    // The branch works on its plan.
    let plan = format!("/v1/branches/{}/action-plan", branches[0]);
    let actions = manager.get(&plan).ok().await["actions"].as_array().expect("actions").clone();
    let gains: Vec<_> = actions.iter().map(|action| json!([action["item_id"], action["lost_bp"]])).collect();
    // What is lost adds up to what is missing: 1600 + 800 + 375 = 10000 - 7225.
    assert_eq!(gains, [json!(["offer", 1600]), json!(["needs", 800]), json!(["polite", 375])]);
    assert_eq!(actions[0]["advice"], "Paku kahte valikut.");
    let offer = format!("/v1/actions/{}", id_of(&actions[0]));
    let change = json!({"owner": "Mari Maasikas", "due_on": "2026-05-15", "state": "open"});
    let tag = actions[0]["etag"].as_str().expect("a tag");
    manager.patch(&offer, &change).if_match(tag).ok().await;

    // The PDF, by the API and by the command, the same bytes.
    let pdf = manager.get(&format!("{plan}.pdf?lang=et")).send().await.expect(200).body;
    let text = checked_text(app.folder(), &pdf).await;
    for words in ["Nurme Kodu", "Tallinna pood", "2026 kevad", "72,3", "Tegevuskava", "Paku kahte valikut.", "Maasikas"]
    {
        assert!(text.contains(words), "{words:?} in the report:\n{text}");
    }
    let file = app.folder().join("tln.pdf");
    let output = file.to_str().expect("a path");
    app.peegel(&["report", "--branch", "TLN", "--wave", "2026 kevad", "--lang", "et", "-o", output]).await.expect(0);
    assert!(std::fs::read(&file).expect("a report") == pdf, "the command writes the same bytes");

    // Half a year later it is better.
    let autumn = id_of(&admin.post("/v1/waves", &wave("2026 sügis", "10")).once("autumn").created().await);
    admin.act(&format!("/v1/waves/{spring}/close")).ok().await;
    admin.act(&format!("/v1/waves/{autumn}/open")).ok().await;
    let body = json!({"wave_id": autumn, "assignments": [assignment(&branches[0], Some(&auditor_id))]});
    let assignment = ids_of(&admin.post("/v1/assignments", &body).once("autumn").created().await).remove(0);
    let (third, door) = (new_id(), File::front());
    let mut answers = tiny::perfect();
    answers["needs"] = json!({"v": "part"});
    let body = filing(&assignment, "submitted", &answers, &[&door]);
    // sale 4/5: .6 + .4 x .8 = .92
    let filed = auditor.put(&format!("/v1/visits/{third}"), &body).if_absent().created().await;
    assert_eq!((&filed["score"]["score_bp"], &filed["score"]["band"]), (&json!(9200), &json!("A")));
    upload(&door).await;
    reviewer.act(&format!("/v1/visits/{third}/review")).ok().await;
    reviewer.post(&format!("/v1/visits/{third}/approve"), &json!({})).ok().await;
    reviewer.act(&format!("/v1/visits/{third}/publish")).ok().await;
    let card = viewer.get(&scorecard).ok().await;
    assert_eq!(card["wave"]["name"], "2026 sügis");
    assert_eq!((&card["overall"]["mean_bp"], &card["overall"]["previous"]["change_bp"]), (&json!(9200), &json!(1975)));
    let actions = manager.get(&plan).ok().await["actions"].clone();
    assert_eq!(actions.as_array().map(Vec::len), Some(1));
    assert_eq!((actions[0]["item_id"].as_str(), &actions[0]["repeats"]), (Some("needs"), &json!(1)));
    // The spring's report did not move.
    let spring_pdf = format!("{plan}.pdf?lang=et&wave={spring}");
    assert_eq!(manager.get(&spring_pdf).send().await.expect(200).etag(), format!("\"{}\"", sha256(&pdf)));

    // All of it is in the history, in order and unbroken.
    let events = checked_events(&admin).await;
    let wanted = [
        ("chain.created", 1),
        ("branch.created", 2),
        ("standard.published", 1),
        ("wave.created", 2),
        ("assignment.created", 3),
        ("visit.submitted", 3),
        ("evidence.stored", 4),
        ("visit.published", 3),
        ("action.updated", 1),
    ];
    for (kind, n) in wanted {
        assert_eq!(count(&events, kind), n, "{kind}");
    }
    let text = json!(events).to_string();
    for personal in ["@", "Maasikas", "Fieldphone"] {
        assert!(!text.contains(personal), "{personal} in the history");
    }
}
