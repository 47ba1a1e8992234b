//! Erasing people, and telling them what is held on them.

use reqwest::Method;
use serde_json::{Value, json};

use crate::access::{Ids, call, everybody, made_up};
use crate::openapi::{document, operations};
use crate::receipts::{keys_file, verdict, verify};
use crate::retention::{add_exif, add_signal, add_stay, age, close, files_under, is_stored, lines, number};
use crate::support::app::{Kind, TestApp};
use crate::support::files::{fixture, sha256};
use crate::support::world::{File, PASSWORD, Person, World, filing, proofs, return_order};
use crate::support::{eventually, new_id, on_both, on_buckets, tiny, today};
use crate::uploads::creation;

on_both!(
    nothing_of_an_erased_person_is_left,
    an_erasure_needs_the_right_person_and_no_open_visits,
    another_firm_keeps_what_it_has,
    an_erasure_goes_on_after_a_kill,
    a_hold_delays_an_erasure,
    a_hold_keeps_what_a_reviewer_wrote,
    the_words_of_others_on_an_action_stay,
    each_reads_what_is_theirs,
    who_left_is_forgotten_in_time,
);

on_buckets!(an_erasure_goes_on_after_a_kill);

const NAME: &str = "Marta Märgistatud";

/// Asks for an erasure.
async fn erase(world: &World, person: &Person) -> Value {
    let body = json!({"email": person.email, "reason": "request"});
    world.admin.client.post(&format!("/v1/users/{}/erase", person.id), &body).created().await
}

/// Waits until an erasure has come so far.
async fn until(world: &World, id: &str, state: &str) -> Value {
    eventually(&format!("the erasure is {state}"), || async {
        let all = world.admin.client.all("/v1/erasures", 50).await;
        all.into_iter().find(|erasure| erasure["id"] == id && erasure["state"] == state)
    })
    .await
}

async fn erased(world: &World, person: &Person) -> Value {
    let erasure = erase(world, person).await;
    until(world, erasure["id"].as_str().expect("an id"), "done").await
}

/// What was written, said or found of one auditor, in all the places where such things stand.
struct Marked {
    marta: Person,
    visit: String,
    photo: File,
    marks: Vec<&'static str>,
}

const MARKS: [&str; 21] = [
    NAME,
    "marta@alpha.example",
    "mark-answer",
    "mark-comment",
    "mark-file-name",
    "mark-lost",
    "mark-device",
    "mark-draft-text",
    "mark-draft-file",
    "mark-position",
    "mark-exif",
    "mark-key-name",
    "mark-reason",
    "mark-na-text",
    "mark-second-answer",
    "mark-upload-file",
    "mark-client",
    "mark-notice",
    "mark-giver",
    "mark-speaker",
    "mark-said",
];

async fn marked(app: &TestApp, world: &World) -> Marked {
    let body = json!({"email": "marta@alpha.example", "name": NAME, "role": "auditor", "password": PASSWORD});
    world.admin.client.post("/v1/users", &body).once(&new_id()).created().await;
    let token = app
        .client()
        .post("/v1/sessions", &json!({"email": "marta@alpha.example", "password": PASSWORD}))
        .header("user-agent", "mark-client/1")
        .created()
        .await;
    let client = app.client().with_token(token["access_token"].as_str().expect("a token"));
    let id = client.get("/v1/me").ok().await["membership_id"].as_str().expect("an id").to_owned();
    let marta = Person { client, email: "marta@alpha.example".to_owned(), id };
    let key = json!({"name": "mark-key-name", "rights": ["read_chains"], "expires_on": today(), "password": PASSWORD});
    marta.client.post("/v1/api-keys", &key).created().await;
    let given = vec![world.assignment(0, Some(&marta)); 2];
    let assignments = world.assign_in(&world.wave, given).await;
    let mut answers = tiny::fair();
    answers["why"] = json!({"v": "mark-answer"});
    answers["greet"]["comment"] = json!("mark-comment");
    answers["queue"] = json!({"na": true, "v": "mark-na-text"});
    let photo = File::new("photo", &["front"], "mark-file-name.jpg", crate::support::world::small_photo(77));
    let (offer, lost) = (File::offer(), File::new("document", &[], "lost.pdf", vec![1]));
    let call = File::new("recording", &["offer"], "mark-call.m4a", fixture("media/call_en_tea_good.m4a"));
    let visit = new_id();
    let mut body = filing(&assignments[0], "submitted", &answers, &[&photo, &offer, &lost, &call]);
    body["device"] = json!({"model": "mark-device", "os": "x", "app": "y"});
    marta.client.put(&format!("/v1/visits/{visit}"), &body).if_absent().created().await;
    for file in [&photo, &offer, &call] {
        file.upload(&marta).await;
    }
    let path = format!("/v1/evidence/{}/lost", lost.id);
    marta.client.post(&path, &json!({"reason": "mark-lost"})).ok().await;
    eventually("the photos are processed", || async {
        let view = world.admin.client.get(&format!("/v1/visits/{visit}")).ok().await;
        let files = view["files"].as_array().expect("files").clone();
        files.iter().all(|file| file["state"] != "stored").then_some(())
    })
    .await;
    let review = |mv: &str| world.reviewer.client.act(&format!("/v1/visits/{visit}/{mv}"));
    review("review").ok().await;
    review("return").json(&return_order("greet", "mark-reason: look again")).ok().await;
    let tag = marta.client.get(&format!("/v1/visits/{visit}")).send().await.expect(200).etag();
    answers["why"] = json!({"v": "mark-second-answer"});
    body["answers"] = answers;
    marta.client.put(&format!("/v1/visits/{visit}"), &body).if_match(&tag).ok().await;
    world.review(&visit, &["review", "approve", "publish"]).await;
    let path = format!("/v1/evidence/{}/transcript?language=en", call.id);
    let words = "[00:01] mark-speaker: mark-said it";
    let put = marta.client.call(Method::PUT, &path).header("content-type", "text/plain").bytes(words);
    put.send().await.expect(200);
    let consent = json!({
        "visit_id": visit, "basis": "explicit_consent", "given_by": "mark-giver",
        "given_at": "2026-03-02T09:00:00Z", "notice": "mark-notice",
    });
    marta.client.post("/v1/consents", &consent).created().await;
    add_stay(app, &visit, r#"[{"at":"mark-position"}]"#).await;
    add_exif(app, &photo.id, r#"{"owner":"mark-exif"}"#).await;
    // A draft that is never filed, with a file that is on its way.
    let (drafted, uploading) = (new_id(), File::new("document", &[], "mark-draft-file.pdf", vec![7; 5000]));
    let on_its_way = File::new("document", &[], "mark-upload-file.pdf", vec![8; 5000]);
    let body = filing(&assignments[1], "draft", &json!({"why": {"v": "mark-draft-text"}}), &[&uploading, &on_its_way]);
    marta.client.put(&format!("/v1/visits/{drafted}"), &body).if_absent().created().await;
    uploading.upload(&marta).await;
    creation(&marta.client, &on_its_way).send().await.expect(201);
    Marked { marta, visit, photo, marks: MARKS.to_vec() }
}

/// The whole database as text.
async fn dump(app: &TestApp) -> String {
    match app.kind() {
        // Everything in the file, the pages that hold nothing any more included. The server has stopped.
        Kind::Sqlite => {
            String::from_utf8_lossy(&std::fs::read(app.data().join("peegel.db")).expect("a file")).into_owned()
        }
        Kind::Postgres => {
            let tables = app.query("SELECT tablename::text AS name FROM pg_tables WHERE schemaname = 'public'").await;
            let mut text = String::new();
            for table in tables {
                let name: String = table.try_get("", "name").expect("a name");
                for row in app.query(&format!("SELECT t::text AS row FROM \"{name}\" t")).await {
                    text.push_str(&row.try_get::<String>("", "row").expect("a text"));
                    text.push('\n');
                }
            }
            text
        }
    }
}

#[track_caller]
fn assert_nothing_of(marks: &[&str], text: &str, place: &str) {
    for mark in marks {
        if let Some(at) = text.find(mark) {
            let around: String = text[..at].chars().rev().take(200).collect::<Vec<_>>().into_iter().rev().collect();
            panic!("{place} still has {mark}: {around}…{}", text[at..].chars().take(100).collect::<String>());
        }
    }
}

async fn nothing_of_an_erased_person_is_left(app: &TestApp) {
    let world = World::make(app).await;
    let people = everybody(app, &world).await;
    let Marked { marta, visit, photo, marks } = marked(app, &world).await;
    let admin = &world.admin.client;

    // Everything is told first, to the firm and to herself.
    let told = admin.get(&format!("/v1/users/{}/data", marta.id)).send().await.expect(200);
    assert_eq!(told.header("content-type"), "application/json; charset=utf-8");
    let told = told.json();
    assert_eq!((&told["format"], &told["person"]["name"]), (&json!("peegel.person-data/1"), &json!(NAME)));
    let own = marta.client.get("/v1/me/data").ok().await;
    for mark in &marks {
        // Devices of the account are no business of a firm to which they are not bound.
        if *mark != "mark-client" {
            assert!(told.to_string().contains(mark), "{mark} is not told to the firm");
        }
        if *mark != "mark-upload-file" {
            assert!(own.to_string().contains(mark), "{mark} is not told to herself");
        }
    }
    let filed = told["firms"][0]["visits"].as_array().expect("visits");
    assert_eq!(filed.len(), 2);
    let files = filed.iter().find(|one| one["id"] == visit.as_str()).expect("the visit")["files"].to_string();
    assert!(files.contains(&sha256(&photo.bytes)));
    assert!(
        !told.to_string().contains("_sha256\":\"pgl") && !own.to_string().contains("argon2"),
        "nothing opens anything"
    );
    world.reviewer.client.get(&format!("/v1/users/{}/data", marta.id)).problem(403, "not_allowed").await;

    let scores = admin.get(&format!("/v1/visits/{visit}/scores")).send().await.expect(200).body;
    let scorecard = format!("/v1/branches/{}/scorecard?wave={}", world.branches[0], world.wave);
    let figures = admin.get(&scorecard).send().await.expect(200).body;
    let receipt = format!("/v1/visits/{visit}/receipt?texts=withheld");
    let withheld = admin.get(&receipt).send().await.expect(200).body;

    let erasure = erased(&world, &marta).await;
    assert_eq!((&erasure["visits_total"], &erasure["visits_done"]), (&json!(2), &json!(2)));
    // At once, and for good.
    marta.client.get("/v1/me").problem(401, "unauthenticated").await;
    let again = json!({"email": "marta@alpha.example", "password": PASSWORD});
    app.client().post("/v1/sessions", &again).problem(401, "wrong_sign_in").await;
    let user = admin.all("/v1/users", 200).await.into_iter().find(|user| user["membership_id"] == marta.id.as_str());
    let user = user.expect("a row that says nothing");
    assert_eq!((&user["state"], &user["name"]), (&json!("disabled"), &erasure["label"]));
    admin.patch(&format!("/v1/users/{}", marta.id), &json!({"enabled": true})).problem(409, "erased").await;
    assert_eq!(erase(&world, &marta).await["id"], erasure["id"], "again is the same");
    // The scores stay, bit by bit.
    assert!(admin.get(&format!("/v1/visits/{visit}/scores")).send().await.expect(200).body == scores);
    assert!(admin.get(&scorecard).send().await.expect(200).body == figures);
    assert!(admin.get(&receipt).send().await.expect(200).body == withheld);
    let gone = admin.get(&format!("/v1/evidence/{}/content", photo.id)).problem(410, "purged").await;
    assert!(gone.detail().contains("the person who filed it was erased"), "{}", gone.detail());
    // Signed, and the history is whole.
    let keys = keys_file(app).await;
    let signed = lines(&world.admin).await;
    assert!(signed.len() >= 3, "two visits and the person");
    for line in signed {
        assert_eq!(verdict(&verify(&line, &[&keys]).await.expect(0))["because"], "erasure");
    }
    app.peegel(&["audit", "export", "-o", "history.jsonl"]).await.expect(0);
    app.peegel(&["audit", "verify", "--key", &keys, "history.jsonl"]).await.expect(0);
    app.peegel(&["audit", "verify"]).await.expect(0);
    assert_nothing_of(
        &marks,
        &std::fs::read_to_string(app.folder().join("history.jsonl")).expect("a file"),
        "the history",
    );

    // No answer tells, to nobody.
    let mut ids: Ids = made_up();
    ids.extend([
        ("visits", visit.clone()),
        ("evidence", photo.id.clone()),
        ("users", marta.id.clone()),
        ("chains", world.chain.clone()),
        ("branches", world.branches[0].clone()),
        ("waves", world.wave.clone()),
        ("results", world.result_of(0).await["result_id"].as_str().expect("an id").to_owned()),
        ("purges", erasure["id"].as_str().expect("an id").to_owned()),
    ]);
    let mut read = 0;
    for operation in operations(&document(app).await).iter().filter(|operation| operation.method == "GET") {
        for (role, person) in &people {
            let answer = call(&person.client, operation, &ids).await;
            assert!(answer.status < 500, "{}", answer.describe());
            let text = String::from_utf8_lossy(&answer.body).into_owned();
            assert_nothing_of(&marks, &text, &format!("{} as {role}", operation.path));
            read += usize::from(answer.status == 200);
        }
    }
    assert!(read > 60, "{read} answers");
    // Nor the files.
    app.stop().await;
    let database = dump(app).await;
    assert_nothing_of(&marks, &database, "the database");
    assert!(database.contains(erasure["label"].as_str().expect("a label")), "it was read");
    for path in files_under(&app.data()) {
        let text = String::from_utf8_lossy(&std::fs::read(&path).expect("a file")).into_owned();
        assert_nothing_of(&marks, &text, &path.display().to_string());
    }
    // The bytes go with the next sweeps.
    app.execute(&format!("UPDATE blobs SET created_at = '{}' WHERE refs = 0", crate::retention::ago(2)))
        .await
        .expect("an update");
    app.serve(&[]).await;
    eventually("the bytes are removed", || async { (!is_stored(app, &sha256(&photo.bytes)).await).then_some(()) })
        .await;
}

async fn an_erasure_needs_the_right_person_and_no_open_visits(app: &TestApp) {
    let world = World::make(app).await;
    let admin = &world.admin.client;
    let path = format!("/v1/users/{}/erase", world.auditor.id);
    let body = |email: &str| json!({"email": email, "reason": "left"});
    admin.post(&path, &body("somebody@alpha.example")).invalid(&[("/email", "differs")]).await;
    admin.post(&path, &json!({"email": world.auditor.email})).invalid(&[("/reason", "missing")]).await;
    let own = format!("/v1/users/{}/erase", world.admin.id);
    admin.post(&own, &body(&world.admin.email)).problem(409, "last_admin").await;
    admin.post(&format!("/v1/users/{}/erase", new_id()), &body("a@b.example")).problem(404, "not_found").await;
    let visit = world.file(&world.assign_one().await, &tiny::perfect()).await;
    let refused = admin.post(&path, &body(&world.auditor.email)).problem(409, "visits_open").await;
    assert!(refused.detail().contains(&visit), "{}", refused.detail());
    world.review(&visit, &["review"]).await;
    admin.post(&path, &body(&world.auditor.email)).problem(409, "visits_open").await;
    world.review(&visit, &["reject"]).await;
    let hold = json!({"on": "person", "object_id": world.auditor.id, "reason": "A dispute."});
    let hold = admin.post("/v1/holds", &hold).created().await["id"].as_str().expect("an id").to_owned();
    let held = admin.post(&path, &body(&world.auditor.email)).problem(409, "held").await;
    assert!(held.detail().contains(&hold), "{}", held.detail());
    admin.act(&format!("/v1/holds/{hold}/release")).ok().await;
    assert_eq!(number(app, "SELECT COUNT(*) AS n FROM erasures").await, 0, "nothing has happened yet");
    erased(&world, &world.auditor).await;
    // A reviewer is erased with what they wrote on the visits of others.
    let assignment =
        world.assign_in(&world.wave, vec![world.assignment(0, Some(&world.other_auditor))]).await.remove(0);
    let (other, front) = (new_id(), File::front());
    let body = filing(&assignment, "submitted", &tiny::perfect(), &[&front]);
    world.other_auditor.client.put(&format!("/v1/visits/{other}"), &body).if_absent().created().await;
    front.upload(&world.other_auditor).await;
    world.processed(&other).await;
    world.review(&other, &["review", "return"]).await;
    let reason = "SELECT COUNT(*) AS n FROM visits WHERE review_reason IS NOT NULL";
    assert_eq!(number(app, reason).await, 1);
    erased(&world, &world.reviewer).await;
    assert_eq!(number(app, reason).await, 0);
    assert_eq!(number(app, "SELECT COUNT(*) AS n FROM events WHERE payload LIKE '%Palun vaata%'").await, 0);
    app.peegel(&["audit", "verify"]).await.expect(0);
    let view = admin.get(&format!("/v1/visits/{other}")).ok().await;
    assert_eq!((&view["state"], &view["purged"]), (&json!("returned"), &json!([])), "the visit is not theirs");
}

async fn another_firm_keeps_what_it_has(app: &TestApp) {
    let (world, beta) = (World::make(app).await, World::named(app, "beta").await);
    let visit = world.publish(0, &tiny::fair()).await;
    // The auditor works for both.
    let body = json!({"email": world.auditor.email, "name": "Known to beta", "role": "auditor"});
    beta.admin.client.post("/v1/users", &body).created().await;
    let invited = world.auditor.client.get("/v1/me").ok().await["invitations"][0]["membership_id"].clone();
    let invited = invited.as_str().expect("an invitation").to_owned();
    world.auditor.client.act(&format!("/v1/memberships/{invited}/accept")).ok().await;
    let there = Person { id: invited.clone(), ..world.auditor.clone() };
    let erasure = erased(&world, &world.auditor).await;
    assert_eq!(erasure["membership_ids"].as_array().expect("ids").len(), 1);
    // The account goes on in the other firm, and this one does not learn of it.
    let client = app.client().sign_in(&world.auditor.email, PASSWORD).await;
    let me = client.get("/v1/me").ok().await;
    assert_eq!(me["memberships"].as_array().expect("memberships").len(), 1, "{me}");
    assert_eq!(me["membership_id"], invited.as_str());
    client.get(&format!("/v1/visits/{visit}")).problem(404, "not_found").await;
    let own = client.get("/v1/me/data").ok().await;
    assert_eq!(own["firms"].as_array().expect("firms").len(), 1);
    assert_eq!(own["firms"][0]["firm_name"], "Firm beta");
    let users = beta.admin.client.all("/v1/users", 50).await;
    assert!(users.iter().any(|user| user["email"] == world.auditor.email.as_str() && user["name"] == "Known to beta"));
    let here = world.admin.client.all("/v1/users", 50).await;
    assert!(!Value::from(here).to_string().contains(&world.auditor.email));
    // When the other one lets go too, the account is gone.
    erased(&beta, &there).await;
    let query = format!("SELECT COUNT(*) AS n FROM users WHERE email = '{}'", world.auditor.email);
    assert_eq!(number(app, &query).await, 0);
    // They can come back as somebody new.
    let body = json!({"email": world.auditor.email, "name": "Back", "role": "auditor", "password": PASSWORD});
    let back = world.admin.client.post("/v1/users", &body).created().await;
    assert_ne!(back["membership_id"], world.auditor.id.as_str());
    app.client().sign_in(&world.auditor.email, PASSWORD).await;
}

async fn an_erasure_goes_on_after_a_kill(app: &TestApp) {
    let world = World::make(app).await;
    let mut visits = Vec::new();
    for assignment in world.assign(0, 12).await {
        let (visit, files) = (new_id(), proofs(&tiny::fair()));
        let mut answers = tiny::fair();
        answers["why"] = json!({"v": "mark-answer"});
        let body = filing(&assignment, "submitted", &answers, &files.iter().collect::<Vec<_>>());
        world.auditor.client.put(&format!("/v1/visits/{visit}"), &body).if_absent().created().await;
        for file in &files {
            file.upload(&world.auditor).await;
        }
        visits.push(visit);
    }
    for visit in &visits {
        world.processed(visit).await;
        world.review(visit, &["review", "approve", "publish"]).await;
    }
    let erasure = erase(&world, &world.auditor).await["id"].as_str().expect("an id").to_owned();
    let left = "SELECT COUNT(*) AS n FROM visits WHERE purged <> 63";
    eventually("some are done", || async { (number(app, left).await < 11).then_some(()) }).await;
    app.kill().await;
    let lease = "UPDATE jobs SET lease_until = '2020-01-01T00:00:00+00:00' WHERE state = 'running'";
    app.execute(lease).await.expect("an update");
    app.serve(&[]).await;
    let done = until(&world, &erasure, "done").await;
    assert_eq!((&done["visits_total"], &done["visits_done"]), (&json!(12), &json!(12)));
    assert_eq!(number(app, left).await, 0);
    assert_eq!(number(app, "SELECT COUNT(*) AS n FROM evidence WHERE state <> 'purged'").await, 0);
    assert_eq!(
        number(app, "SELECT COUNT(*) AS n FROM blobs WHERE refs > 0").await,
        0,
        "each reference was given up once"
    );
    assert_eq!(number(app, "SELECT COUNT(*) AS n FROM revisions WHERE answers LIKE '%mark-answer%'").await, 0);
    app.peegel(&["audit", "verify"]).await.expect(0);
    app.peegel(&["blobs", "verify"]).await.expect(0);
}

async fn a_hold_delays_an_erasure(app: &TestApp) {
    let world = World::make(app).await;
    let (kept, free) = (world.publish(0, &tiny::fair()).await, world.publish(1, &tiny::fair()).await);
    let hold = json!({"on": "branch", "object_id": world.branches[0], "reason": "A complaint is open."});
    let hold = world.admin.client.post("/v1/holds", &hold).created().await["id"].as_str().expect("an id").to_owned();
    let erasure = erase(&world, &world.auditor).await["id"].as_str().expect("an id").to_owned();
    let waits = until(&world, &erasure, "waiting").await;
    assert_eq!((&waits["visits_done"], &waits["visits_held"]), (&json!(1), &json!(1)));
    let purged =
        async |visit: &str| world.admin.client.get(&format!("/v1/visits/{visit}")).ok().await["purged"].clone();
    assert_eq!((purged(&kept).await, purged(&free).await.as_array().expect("classes").len()), (json!([]), 6));
    // The name is gone all the same.
    let users = world.admin.client.all("/v1/users", 50).await;
    assert!(!Value::from(users).to_string().contains(&world.auditor.email));
    world.admin.client.act(&format!("/v1/holds/{hold}/release")).ok().await;
    until(&world, &erasure, "done").await;
    assert_eq!(purged(&kept).await.as_array().expect("classes").len(), 6);
}

async fn a_hold_keeps_what_a_reviewer_wrote(app: &TestApp) {
    let world = World::make(app).await;
    let admin = &world.admin.client;
    let mut visits = Vec::new();
    for branch in [0, 1] {
        let assignment = world.assign(branch, 1).await.remove(0);
        let visit = world.file(&assignment, &tiny::perfect()).await;
        world.review(&visit, &["review", "return"]).await;
        let verdict = json!({"verdict": "wrong", "note": "Palun küsi üle."});
        let signal = add_signal(app, &visit).await;
        world.reviewer.client.post(&format!("/v1/signals/{signal}/verdict"), &verdict).ok().await;
        visits.push(visit);
    }
    let consent = json!({
        "visit_id": visits[0], "basis": "explicit_consent", "given_by": "Palun", "given_at": "2026-03-02T09:00:00Z",
        "notice": "Palun",
    });
    world.reviewer.client.post("/v1/consents", &consent).created().await;
    let agreement = json!({
        "chain_id": world.chain, "basis": "works_agreement", "given_by": "the works council",
        "given_at": "2026-03-02T09:00:00Z", "notice": "Calls are recorded.",
    });
    world.reviewer.client.post("/v1/consents", &agreement).created().await;
    let hold = async |on: &str, object: &str| {
        let body = json!({"on": on, "object_id": object, "reason": "A complaint is open."});
        admin.post("/v1/holds", &body).created().await["id"].as_str().expect("an id").to_owned()
    };
    let release = async |id: &str| admin.act(&format!("/v1/holds/{id}/release")).ok().await;
    let written = async || {
        let of = |table: &str, condition: &str| format!("SELECT COUNT(*) AS n FROM {table} WHERE {condition}");
        [
            number(app, &of("visits", "review_reason IS NOT NULL")).await,
            number(app, &of("events", "payload LIKE '%Palun vaata%'")).await,
            number(app, &of("signals", "verdict_note IS NOT NULL")).await,
            number(app, &of("consents", "given_by IS NOT NULL OR notice <> ''")).await,
        ]
    };
    assert_eq!(written().await, [2, 2, 2, 2]);
    let on_branch = hold("branch", &world.branches[0]).await;
    let erasure = erase(&world, &world.reviewer).await["id"].as_str().expect("an id").to_owned();
    let waits = until(&world, &erasure, "waiting").await;
    assert_eq!((&waits["visits_total"], &waits["visits_held"]), (&json!(0), &json!(1)), "{waits}");
    assert_eq!(written().await, [1, 1, 1, 2], "what the hold is on stays, the rest is gone");
    let view = admin.get(&format!("/v1/visits/{}", visits[0])).ok().await;
    assert_eq!(view["review_reason"], "Palun vaata üle.");
    app.peegel(&["audit", "verify"]).await.expect(0);

    // A hold on the person, made while the erasure waits, keeps all of it.
    let on_person = hold("person", &world.reviewer.id).await;
    let finished = "SELECT COUNT(*) AS n FROM events WHERE kind = 'erasure.finished'";
    let times = number(app, finished).await;
    release(&on_branch).await;
    eventually("it was looked at again", || async { (number(app, finished).await > times).then_some(()) }).await;
    until(&world, &erasure, "waiting").await;
    assert_eq!(written().await, [1, 1, 1, 2]);
    release(&on_person).await;
    until(&world, &erasure, "done").await;
    assert_eq!(written().await, [0, 0, 0, 1], "an agreement of the chain is the firm's proof");
    app.peegel(&["audit", "verify"]).await.expect(0);
}

async fn the_words_of_others_on_an_action_stay(app: &TestApp) {
    let world = World::make(app).await;
    world.publish(0, &tiny::fair()).await;
    let (manager, leaves) = (world.branch_manager(app).await, world.person(app, "leaves", "firm_admin", None).await);
    let plan = format!("/v1/branches/{}/action-plan", world.branches[0]);
    let actions = world.admin.client.get(&plan).ok().await["actions"].as_array().expect("actions").clone();
    let change = async |person: &Person, n: usize, change: Value| {
        let path = format!("/v1/actions/{}", actions[n]["id"].as_str().expect("an id"));
        person.client.patch(&path, &change).if_match("*").ok().await;
    };
    // Theirs, and then somebody else's; somebody else's, of which they changed the day; theirs to the end.
    change(&leaves, 0, json!({"owner": "First"})).await;
    change(&manager, 0, json!({"owner": "Mari"})).await;
    change(&manager, 1, json!({"owner": "Juku"})).await;
    change(&leaves, 1, json!({"due_on": "2026-12-24"})).await;
    change(&leaves, 2, json!({"owner": "Kalle"})).await;
    let owners = async || {
        let actions = world.admin.client.get(&plan).ok().await["actions"].clone();
        json!(actions.as_array().expect("actions").iter().map(|action| action["owner"].clone()).collect::<Vec<_>>())
    };
    let hold = json!({"on": "chain", "object_id": world.chain, "reason": "A complaint is open."});
    let hold = world.admin.client.post("/v1/holds", &hold).created().await["id"].as_str().expect("an id").to_owned();
    let erasure = erase(&world, &leaves).await["id"].as_str().expect("an id").to_owned();
    until(&world, &erasure, "waiting").await;
    assert_eq!(owners().await, json!(["Mari", "Juku", "Kalle"]));
    world.admin.client.act(&format!("/v1/holds/{hold}/release")).ok().await;
    until(&world, &erasure, "done").await;
    assert_eq!(owners().await, json!(["Mari", "Juku", null]));
}

async fn each_reads_what_is_theirs(app: &TestApp) {
    let world = World::make(app).await;
    let call = crate::consent::recording();
    let visit = crate::consent::visit_with(&world, 0, &[&call]).await;
    let path = format!("/v1/evidence/{}/transcript?language=hu", call.id);
    let put = world.reviewer.client.call(Method::PUT, &path).header("content-type", "text/plain").bytes("Jó napot!");
    put.send().await.expect(200);
    let signal = add_signal(app, &visit).await;
    let verdict = json!({"verdict": "wrong", "note": "Suspected before."});
    world.reviewer.client.post(&format!("/v1/signals/{signal}/verdict"), &verdict).ok().await;
    let consent = json!({
        "visit_id": visit, "basis": "explicit_consent", "given_by": "the manager", "given_at": "2026-03-02T09:00:00Z",
        "notice": "It is recorded.",
    });
    world.reviewer.client.post("/v1/consents", &consent).created().await;
    let own = async |person: &Person| person.client.get("/v1/me/data").ok().await["firms"][0].clone();
    let by_firm = async |person: &Person| {
        world.admin.client.get(&format!("/v1/users/{}/data", person.id)).ok().await["firms"][0].clone()
    };
    // The auditor is told of signals that a reviewer asked about, and never what was made of them.
    let told = own(&world.auditor).await;
    assert_eq!(told["visits"][0]["signals"], json!([]));
    assert!(!told.to_string().contains("Suspected"), "{told}");
    assert!(by_firm(&world.auditor).await["visits"][0]["signals"].to_string().contains("Suspected"));
    world.reviewer.client.act(&format!("/v1/signals/{signal}/share")).ok().await;
    let told = own(&world.auditor).await;
    assert_eq!(told["visits"][0]["signals"][0]["code"], "short_stay");
    assert!(!told.to_string().contains("Suspected") && !told["visits"].to_string().contains("verdict"), "{told}");

    // A reviewer reads what they did, and nothing opens anything.
    for told in [own(&world.reviewer).await, by_firm(&world.reviewer).await] {
        assert_eq!((&told["verdicts"][0]["verdict_note"], &told["visits"]), (&json!("Suspected before."), &json!([])));
        assert_eq!(told["consents"][0]["given_by"], "the manager");
        assert!(told["transcripts"][0]["cues"].to_string().contains("Jó napot"), "{told}");
        for name in ["transcriptions", "holds", "actions", "retention_rules", "erasures", "kept_answers"] {
            assert!(told[name].is_array(), "{name}");
        }
    }
    let admins = own(&world.admin).await;
    assert!(admins["kept_answers"].as_array().expect("answers").iter().all(|kept| kept["answer"].is_null()));
    let made = by_firm(&world.auditor).await["kept_answers"].clone();
    assert!(made.as_array().expect("answers").iter().all(|kept| kept["operation"] == "create_user"), "{made}");
    let person = world.auditor.client.get("/v1/me/data").ok().await;
    assert!(person["links"].is_array() && person["letters"].is_array() && !person.to_string().contains("token_sha256"));

    // What may not be heard is not read either, by nobody.
    crate::consent::set_policy(&world, "refuse").await;
    for told in [own(&world.auditor).await, by_firm(&world.auditor).await] {
        let files = told["visits"][0]["files"].as_array().expect("files").clone();
        let file = files.iter().find(|file| file["id"] == call.id.as_str()).expect("the recording");
        assert_eq!((&file["transcript"]["withheld"], &file["transcript"]["cues"]), (&json!(true), &Value::Null));
        assert!(!told.to_string().contains("Jó napot"));
    }
    assert!(!own(&world.reviewer).await.to_string().contains("Jó napot"));
}

async fn who_left_is_forgotten_in_time(app: &TestApp) {
    let world = World::make(app).await;
    let visit = world.publish(0, &tiny::fair()).await;
    let days = json!({"days": {"auditor_identity": 100}});
    world.admin.client.put("/v1/firm/retention", &days).ok().await;
    close(app, &world, 40).await;
    age(app, 200).await;
    app.peegel(&["purge"]).await.expect(0);
    assert_eq!(number(app, "SELECT COUNT(*) AS n FROM erasures").await, 0, "who works for the firm stays");
    world.admin.client.patch(&format!("/v1/users/{}", world.auditor.id), &json!({"enabled": false})).ok().await;
    app.peegel(&["purge"]).await.expect(0);
    assert_eq!(number(app, "SELECT COUNT(*) AS n FROM erasures").await, 0, "they left just now");
    let left = format!(
        "UPDATE memberships SET sessions_after = '{}' WHERE sessions_after IS NOT NULL",
        crate::retention::ago(150)
    );
    app.execute(&left).await.expect("an update");
    app.peegel(&["purge"]).await.expect(0);
    let erasure = eventually("it is done", || async {
        let all = world.admin.client.all("/v1/erasures", 50).await;
        all.into_iter().find(|erasure| erasure["state"] == "done")
    })
    .await;
    assert_eq!((&erasure["extent"], &erasure["reason"]), (&json!("identity"), &json!("retention")));
    let users = world.admin.client.all("/v1/users", 50).await;
    assert!(!Value::from(users).to_string().contains(&world.auditor.email));
    let view = world.admin.client.get(&format!("/v1/visits/{visit}")).ok().await;
    assert_eq!(view["purged"], json!([]), "what they filed has periods of its own");

    // They can still ask for the rest, under the address that stands there; what the marks of earlier purges say is not
    // relied on.
    app.execute("UPDATE visits SET purged = 63").await.expect("an update");
    let users = world.admin.client.all("/v1/users", 50).await;
    let nobody = users.iter().find(|user| user["membership_id"] == world.auditor.id.as_str()).expect("a row");
    let body = json!({"email": nobody["email"], "reason": "request"});
    let path = format!("/v1/users/{}/erase", world.auditor.id);
    let whole = world.admin.client.post(&path, &body).created().await;
    assert_eq!((&whole["extent"], &whole["label"]), (&json!("person"), &erasure["label"]));
    assert_ne!(whole["id"], erasure["id"]);
    until(&world, whole["id"].as_str().expect("an id"), "done").await;
    assert_eq!(number(app, "SELECT COUNT(*) AS n FROM evidence WHERE state <> 'purged'").await, 0);
    assert_eq!(number(app, "SELECT COUNT(*) AS n FROM revisions WHERE withheld IS NULL").await, 0);
    assert_eq!(world.admin.client.post(&path, &body).created().await["id"], whole["id"], "again is the same");
    // Both stand beside the keys, and neither is done again.
    let said = app.peegel(&["erasures", "replay"]).await.expect(0);
    assert!(said.text().starts_with("2 erasures are known, 0 were done once more"), "{}", said.text());
}

/// An older copy of the database is put back: who was erased since is erased once more, by what lies beside the keys.
#[tokio::test]
async fn an_erasure_survives_a_restore() {
    let app = TestApp::start(Kind::Sqlite).await;
    let world = World::make(&app).await;
    let visit = world.publish(0, &tiny::fair()).await;
    let backup = app.folder().join("backup.db");
    app.execute(&format!("VACUUM INTO '{}'", backup.display())).await.expect("a backup");
    let erasure = erased(&world, &world.auditor).await;
    app.stop().await;
    let tombstones = app.data().join("keys/erasures.jsonl");
    let text = std::fs::read_to_string(&tombstones).expect("a note of it");
    assert!(text.contains(erasure["id"].as_str().expect("an id")) && !text.contains("example"), "ids alone: {text}");

    let restore = || {
        for leftover in ["peegel.db-wal", "peegel.db-shm"] {
            drop(std::fs::remove_file(app.data().join(leftover)));
        }
        std::fs::copy(&backup, app.data().join("peegel.db")).expect("a copy");
    };
    restore();
    let query = format!("SELECT COUNT(*) AS n FROM users WHERE email = '{}'", world.auditor.email);
    assert_eq!(number(&app, &query).await, 1, "the backup has them");
    let said = app.peegel(&["erasures", "replay"]).await.expect(0);
    assert!(said.text().starts_with("1 erasures are known, 1 were done once more"), "{}", said.text());
    assert_eq!(number(&app, &query).await, 0);
    let said = app.peegel(&["erasures", "replay"]).await.expect(0);
    assert!(said.text().starts_with("1 erasures are known, 0 were"), "{}", said.text());
    app.serve(&[]).await;
    let again = until(&world, erasure["id"].as_str().expect("an id"), "done").await;
    assert_eq!(again["label"], erasure["label"]);
    let view = world.admin.client.get(&format!("/v1/visits/{visit}")).ok().await;
    assert_eq!(view["purged"].as_array().expect("classes").len(), 6);
    app.peegel(&["audit", "verify"]).await.expect(0);
    app.stop().await;

    // A server does the same when it starts; a line that somebody else wrote is passed over.
    restore();
    let forged = text.replace(&world.auditor.id, &world.reviewer.id).replace("\"id\":\"", "\"id\":\"0");
    std::fs::write(&tombstones, format!("{forged}{text}")).expect("a file");
    app.expect_error("no erasure that a key of this installation signed").await;
    app.serve(&[]).await;
    until(&world, erasure["id"].as_str().expect("an id"), "done").await;
    let users = world.admin.client.all("/v1/users", 50).await;
    let users = Value::from(users).to_string();
    assert!(!users.contains(&world.auditor.email) && users.contains(&world.reviewer.email), "{users}");
    app.finish().await;
}
