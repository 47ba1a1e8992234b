//! How long data is kept: periods by class, the purge, its signed lines, and holds that stop it.

use reqwest::Method;
use serde_json::{Value, json};

use crate::receipts::{keys_file, verdict, verify};
use crate::support::app::{Kind, TestApp};
use crate::support::files::{fixture, sha256};
use crate::support::pdf::images;
use crate::support::world::{File, Person, World, filing, proofs};
use crate::support::{Dice, eventually, new_id, now, on_both, on_buckets, tiny, today};
use crate::uploads::noise;

on_both!(
    a_rule_is_the_chains_or_the_firms,
    what_is_due_goes_and_scores_stay,
    what_is_not_published_goes_too,
    what_is_said_after_a_purge_goes_too,
    a_photo_that_comes_after_a_purge_loses_its_place_too,
    nothing_of_a_held_visit_is_replaced,
    originals_go_with_what_cameras_wrote,
    a_hold_keeps_what_it_is_on,
    a_line_cannot_be_changed_unseen,
    a_payload_is_erased_by_a_line_only,
    the_night_comes_once,
);

on_buckets!(what_is_due_goes_and_scores_stay);

/// The time some days ago, as the server writes it.
pub fn ago(days: i64) -> String {
    crate::blobs::ago(chrono::Duration::days(days))
}

/// Closes the wave, as if some days ago.
pub async fn close(app: &TestApp, world: &World, days: i64) {
    world.close_wave(&world.wave).await;
    app.execute(&format!("UPDATE waves SET closed_at = '{}'", ago(days))).await.expect("an update");
}

/// Makes all visits some days old.
pub async fn age(app: &TestApp, days: i64) {
    let at = ago(days);
    for column in ["received_at", "submitted_at", "published_at"] {
        let statement = format!("UPDATE visits SET {column} = '{at}' WHERE {column} IS NOT NULL");
        app.execute(&statement).await.expect("an update");
    }
}

/// Says how long the chain's data is kept.
pub async fn keep(world: &World, days: &Value) -> Value {
    let path = format!("/v1/chains/{}/retention", world.chain);
    world.admin.client.put(&path, &json!({"days": days})).ok().await
}

pub async fn purge(app: &TestApp) -> String {
    app.peegel(&["purge"]).await.expect(0).text().to_owned()
}

/// The texts of a visit that stands for all kinds of data.
const WHY: &str = "He said that MARK is sold out.";
const COMMENT: &str = "A tall man called MARK.";

struct Filed {
    visit: String,
    files: Vec<File>,
    recording: File,
    document: File,
}

impl Filed {
    fn photo(&self) -> &str {
        &self.files[0].id
    }
}

/// A published visit with files of all kinds, texts, a reason of the review, and where the phone was.
async fn published(app: &TestApp, world: &World) -> Filed {
    let mut answers = tiny::fair();
    answers["why"] = json!({"v": WHY});
    answers["greet"]["comment"] = json!(COMMENT);
    let (visit, files) = (new_id(), proofs(&answers));
    let recording = File::new("recording", &[], "MARK-call.m4a", fixture("media/call_en_tea_good.m4a"));
    let document = File::new("document", &[], "MARK-receipt.bin", noise(11, 4000));
    let all: Vec<_> = files.iter().chain([&recording, &document]).collect();
    let assignment = world.assign_one().await;
    let mut body = filing(&assignment, "submitted", &answers, &all);
    body["device"] = json!({"model": "MARK-phone", "os": "os", "app": "app"});
    world.auditor.client.put(&format!("/v1/visits/{visit}"), &body).if_absent().created().await;
    for file in &all {
        file.upload(&world.auditor).await;
    }
    world.processed(&visit).await;
    let path = format!("/v1/evidence/{}/transcript?language=en", recording.id);
    let put = world.auditor.client.call(Method::PUT, &path).header("content-type", "text/plain").bytes("MARK said it");
    put.send().await.expect(200);
    world.review(&visit, &["review", "approve", "publish", "unpublish", "publish"]).await;
    add_stay(app, &visit, r#"[{"lat":59.4370001,"lon":24.7536001,"mark":"MARK-place"}]"#).await;
    add_exif(app, &files[0].id, r#"{"model":"MARK-camera"}"#).await;
    Filed { visit, files, recording, document }
}

/// An id as it stands in SQL.
pub fn sql_id(app: &TestApp, id: &str) -> String {
    match app.kind() {
        Kind::Sqlite => format!("X'{}'", id.replace('-', "")),
        Kind::Postgres => format!("'{id}'"),
    }
}

/// Notes where the phone was, as a phone will tell it.
pub async fn add_stay(app: &TestApp, visit: &str, positions: &str) {
    let statement = format!(
        "INSERT INTO stays (firm_id, visit_id, auditor_id, arrived_at, left_at, positions, device_sha256, created_at) \
         SELECT firm_id, id, auditor_id, received_at, received_at, '{positions}', '{}', received_at FROM visits WHERE id = {}",
        "a".repeat(64),
        sql_id(app, visit),
    );
    app.execute(&statement).await.expect("an insert");
}

/// Notes what the camera wrote into a photo.
pub async fn add_exif(app: &TestApp, file: &str, exif: &str) {
    let statement = format!("UPDATE evidence SET exif = '{exif}', phash = 7 WHERE id = {}", sql_id(app, file));
    app.execute(&statement).await.expect("an update");
}

/// One number of one row.
pub async fn number(app: &TestApp, query: &str) -> i64 {
    let rows = app.query(&format!("SELECT CAST(n AS BIGINT) AS n FROM ({query}) AS counted")).await;
    rows.first().expect("a row").try_get("", "n").expect("a number")
}

/// The row of stored bytes: how many refer to them.
async fn refs(app: &TestApp, file: &File) -> i64 {
    number(app, &format!("SELECT refs AS n FROM blobs WHERE sha256 = '{}'", sha256(&file.bytes))).await
}

/// All totals as text.
async fn totals(app: &TestApp) -> String {
    let rows = app
        .query(
            "SELECT metric, CAST(n AS BIGINT) AS n, CAST(sum AS BIGINT) AS total, CAST(sum_squares AS BIGINT) AS squares \
             FROM totals ORDER BY metric",
        )
        .await;
    let line = |row: &sea_orm::QueryResult| {
        let number = |name: &str| row.try_get::<i64>("", name).expect("a number");
        let metric: String = row.try_get("", "metric").expect("a text");
        format!("{metric} {} {} {}", number("n"), number("total"), number("squares"))
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

async fn a_rule_is_the_chains_or_the_firms(app: &TestApp) {
    let world = World::make(app).await;
    let admin = &world.admin.client;
    let path = format!("/v1/chains/{}/retention", world.chain);
    let nothing = admin.get(&path).ok().await;
    assert_eq!(nothing["of"], "nobody", "until somebody says otherwise, everything is kept");
    assert_eq!(admin.get("/v1/firm/retention").ok().await["of"], "nobody");
    admin.put("/v1/firm/retention", &json!({"days": {"photos": 400, "auditor_identity": 900}})).ok().await;
    let firms = admin.get(&path).ok().await;
    assert_eq!((&firms["of"], &firms["days"]["photos"]), (&json!("firm"), &json!(400)));
    let own = keep(&world, &json!({"recordings": 90})).await;
    assert_eq!((&own["of"], &own["days"]["recordings"]), (&json!("chain"), &json!(90)));
    assert!(own["days"]["photos"].is_null(), "all of them anew: {own}");
    assert_eq!(keep(&world, &json!({"recordings": 90})).await["changed_at"], own["changed_at"], "nothing changed");
    let back = keep(&world, &Value::Null).await;
    assert_eq!((&back["of"], &back["days"]["photos"]), (&json!("firm"), &json!(400)));
    let wrong = json!({"days": {"photos": 0, "exif": 36501, "faces": 1}});
    let problems = [("/days/exif", "out_of_range"), ("/days/faces", "unknown_field"), ("/days/photos", "out_of_range")];
    let mut found = admin.put(&path, &wrong).problem(422, "invalid").await.problems();
    found.sort();
    assert_eq!(found, crate::support::client::owned(&problems));
    for (role, person) in crate::access::everybody(app, &world).await {
        let expected = if role == "firm_admin" { 200 } else { 403 };
        assert_eq!(person.client.get(&path).send().await.status, expected, "{role}");
    }
    let events = admin.all("/v1/events", 200).await;
    let changed: Vec<_> = events.iter().filter(|event| event["kind"] == "retention.changed").collect();
    assert_eq!(changed.len(), 3, "{changed:?}");
    // It is for people to say, not for programs.
    let key = json!({"name": "k", "rights": ["manage_privacy"], "expires_on": today(), "password": crate::support::world::PASSWORD});
    let refused = admin.post("/v1/api-keys", &key).problem(422, "invalid").await;
    assert_eq!(refused.problems()[0].0, "/rights/0");
}

async fn what_is_due_goes_and_scores_stay(app: &TestApp) {
    let world = World::make(app).await;
    let viewer = world.chain_viewer(app).await;
    let filed = published(app, &world).await;
    let admin = &world.admin.client;
    let visit = format!("/v1/visits/{}", filed.visit);
    let receipt = format!("{visit}/receipt?texts=withheld");
    let result = world.result_of(0).await["result_id"].as_str().expect("an id").to_owned();
    let scorecard = format!("/v1/branches/{}/scorecard?wave={}", world.branches[0], world.wave);
    let plan = format!("/v1/branches/{}/action-plan?wave={}", world.branches[0], world.wave);
    let pdf = format!("/v1/branches/{}/action-plan.pdf?wave={}&lang=en", world.branches[0], world.wave);
    let reads = [receipt.clone(), format!("{visit}/scores"), scorecard, plan, format!("/v1/results/{result}/receipt")];
    let mut before = Vec::new();
    for path in &reads {
        before.push(admin.get(path).send().await.expect(200).body);
    }
    let counted = totals(app).await;
    keep(
        &world,
        &json!({"photos": 31, "documents": 31, "recordings": 31, "exif": 31, "positions": 31, "free_text": 60}),
    )
    .await;
    assert!(purge(app).await.contains("alpha: purge "), "nothing is due, the wave is open");
    assert_eq!(refs(app, &filed.document).await, 1);
    age(app, 32).await;
    purge(app).await;
    assert_eq!(refs(app, &filed.document).await, 1, "the wave is open");
    close(app, &world, 29).await;
    purge(app).await;
    assert_eq!(refs(app, &filed.document).await, 1, "it was closed 29 days ago");
    app.execute(&format!("UPDATE waves SET closed_at = '{}'", ago(31))).await.expect("an update");
    let forecast = app.peegel(&["purge", "--dry-run", "--firm", "alpha"]).await.expect(0);
    let bytes = filed.document.bytes.len();
    let line = format!("alpha: shops: documents of 1 visits would go, 1 files of {bytes} bytes\n");
    assert!(forecast.text().contains(&line), "{}", forecast.text());
    assert_eq!(refs(app, &filed.document).await, 1, "a rehearsal deletes nothing");

    let said = purge(app).await;
    assert!(said.contains(&format!("documents of 1 visits, 1 files of {bytes} bytes")), "{said}");
    assert!(said.contains("photos of 1 visits, 2 files") && said.contains("recordings of 1 visits, 1 files"), "{said}");
    for file in filed.files.iter().chain([&filed.recording, &filed.document]) {
        assert_eq!(refs(app, file).await, 0, "{}", file.id);
        for person in [&world.auditor, &world.reviewer] {
            let gone = person.client.get(&format!("/v1/evidence/{}/content", file.id)).problem(410, "purged").await;
            let detail = gone.detail();
            assert!(detail.contains("of this chain are kept for 31 days") && detail.contains("20"), "{detail}");
        }
    }
    admin.get(&format!("/v1/evidence/{}/preview?size=320", filed.photo())).problem(410, "purged").await;
    // It cannot come again.
    let path = format!("/v1/evidence/{}/content", filed.photo());
    world.auditor.client.put_bytes(&path, filed.files[0].bytes.clone()).problem(410, "purged").await;
    let view = admin.get(&visit).ok().await;
    assert_eq!(view["purged"], json!(["photos", "recordings", "documents", "exif", "positions"]));
    for file in view["files"].as_array().expect("files") {
        assert_eq!((&file["state"], &file["has_preview"]), (&json!("purged"), &json!(false)), "{file}");
        assert!(file["sha256"].is_string() && file["bytes"].is_i64(), "what proves it stays: {file}");
        assert!(file["facts"].is_null() && !file.to_string().contains("MARK"), "{file}");
    }
    assert_eq!(view["evidence"]["missing"], json!([]));
    assert_eq!(view["answers"]["why"]["v"], WHY, "texts have a period of their own");
    let rows = "SELECT COUNT(*) AS n FROM stays WHERE positions IS NULL AND device_sha256 IS NULL";
    assert_eq!(number(app, rows).await, 1);
    for table in ["transcripts", "transcript_terms"] {
        assert_eq!(number(app, &format!("SELECT COUNT(*) AS n FROM {table}")).await, 0, "{table}");
    }
    assert_eq!(number(app, "SELECT COUNT(*) AS n FROM revisions WHERE device LIKE '%MARK%'").await, 0);
    let evidence_receipt = admin.get(&format!("{visit}/evidence-receipt")).ok().await;
    assert_eq!((&evidence_receipt["files"], &evidence_receipt["complete"]), (&json!([]), &json!(true)));
    viewer.client.get(&format!("/v1/results/{result}/photos/1?size=320")).problem(410, "purged").await;
    assert_eq!(viewer.client.get(&format!("/v1/results/{result}")).ok().await["photos"], json!([]));
    let report = admin.get(&pdf).send().await.expect(200).body;
    assert_eq!(images(app.folder(), &report).await, []);

    age(app, 61).await;
    let said = purge(app).await;
    assert!(said.contains("free_text of 1 visits, 0 files"), "{said}");
    let view = admin.get(&visit).ok().await;
    assert_eq!((&view["answers"]["why"]["v"], &view["answers"]["greet"]["comment"]), (&json!(""), &json!("")));
    assert_eq!(view["answers"]["polite"]["v"], 4, "what is no text stays");
    assert!(!view.to_string().contains("MARK") && view["review_reason"].is_null(), "{view}");
    for kind in ["visit.unpublished", "visit.approved"] {
        let events = admin.all("/v1/events", 200).await;
        let event = events.iter().find(|event| event["kind"] == kind).expect("an event");
        assert_eq!(event["payload"].is_null(), kind == "visit.unpublished", "only what somebody wrote: {event}");
    }
    let full = admin.get(&format!("{visit}/receipt")).problem(410, "purged").await;
    assert!(full.detail().contains("texts=withheld"), "{}", full.detail());
    for (path, before) in reads.iter().zip(&before) {
        let after = admin.get(path).send().await.expect(200).body;
        assert!(&after == before, "{path}:\n{}\n{}", String::from_utf8_lossy(before), String::from_utf8_lossy(&after));
    }
    let keys = keys_file(app).await;
    let receipt = admin.get(&receipt).send().await.expect(200).body;
    assert_eq!(verdict(&verify(&receipt, &[&keys]).await.expect(0))["ok"], true);
    app.peegel(&["scorecards", "rebuild"]).await.expect(0);
    assert_eq!(totals(app).await, counted);

    // The history is whole, and says what was taken.
    let whole = app.peegel(&["audit", "verify"]).await.expect(0);
    assert!(whole.text().contains("the chain is whole"), "{}", whole.text());
    app.peegel(&["audit", "export", "-o", "history.jsonl"]).await.expect(0);
    app.peegel(&["audit", "verify", "--key", &keys, "history.jsonl"]).await.expect(0);
    app.peegel(&["audit", "verify", "--key", &keys, "--against", "history.jsonl"]).await.expect(0);
    let purges = admin.all("/v1/purges", 50).await;
    assert_eq!(purges.len(), 5, "{purges:?}");
    assert_eq!((&purges[0]["state"], &purges[0]["failed"]), (&json!("done"), &json!(0)));
    let first = purges.iter().find(|purge| purge["counts"].as_array().is_some_and(|counts| counts.len() == 5));
    let lines = admin
        .all(&format!("/v1/purges/{}/lines", first.expect("one with five classes")["id"].as_str().expect("an id")), 50)
        .await;
    assert_eq!(lines.len(), 1);
    assert_eq!(lines[0]["object"], format!("visit/{}", filed.visit));
    let files = lines[0]["document"]["files"].as_array().expect("files");
    let hashes: Vec<_> = files.iter().map(|file| file["sha256"].as_str().expect("a hash").to_owned()).collect();
    assert_eq!(hashes.len(), 4);
    assert!(hashes.contains(&sha256(&filed.document.bytes)));
    // Doing it again does nothing.
    let events = admin.all("/v1/events", 200).await.len();
    assert!(!purge(app).await.contains(" visits, "), "nothing is left to do");
    assert_eq!(admin.all("/v1/events", 200).await.len(), events + 1, "but that it was looked");

    // What nothing refers to is removed by the sweep.
    app.stop().await;
    app.execute(&format!("UPDATE blobs SET created_at = '{}' WHERE refs = 0", ago(2))).await.expect("an update");
    app.serve(&[]).await;
    eventually("the bytes are removed", || async { (refs(app, &filed.document).await == -2).then_some(()) }).await;
    for file in filed.files.iter().chain([&filed.recording, &filed.document]) {
        assert!(!is_stored(app, &sha256(&file.bytes)).await, "{}", file.id);
    }
    app.peegel(&["blobs", "verify"]).await.expect(0);
}

/// Whether bytes lie anywhere in the store.
pub async fn is_stored(app: &TestApp, name: &str) -> bool {
    match app.bucket() {
        Some(bucket) => bucket.names("").await.iter().any(|key| key.ends_with(name)),
        None => files_under(&app.data().join("blobs")).iter().any(|path| path.ends_with(name)),
    }
}

/// All files below a folder.
pub fn files_under(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() { found.extend(files_under(&path)) } else { found.push(path) }
    }
    found
}

async fn what_is_not_published_goes_too(app: &TestApp) {
    let world = World::make(app).await;
    let put = async |state: &str, files: &[&File]| {
        let visit = new_id();
        let mut answers = tiny::fair();
        answers["why"] = json!({"v": WHY});
        let body = filing(&world.assign_one().await, state, &answers, files);
        world.auditor.client.put(&format!("/v1/visits/{visit}"), &body).if_absent().created().await;
        for file in files {
            file.upload(&world.auditor).await;
        }
        world.processed(&visit).await;
        visit
    };
    let (front, offer) = (File::front(), File::offer());
    let draft = put("draft", &[&front]).await;
    let (second, third) = (File::front(), File::offer());
    let rejected = put("submitted", &[&second, &third]).await;
    world.review(&rejected, &["review", "reject"]).await;
    let waits = put("submitted", &[&File::front(), &offer]).await;
    keep(&world, &json!({"photos": 100, "free_text": 100})).await;
    close(app, &world, 40).await;
    age(app, 99).await;
    purge(app).await;
    assert_eq!(refs(app, &front).await, 1);
    age(app, 101).await;
    purge(app).await;
    let waiting = world.admin.client.get(&format!("/v1/visits/{waits}")).ok().await;
    assert_eq!((&waiting["purged"], refs(app, &offer).await), (&json!([]), 1), "what would prove it is still needed");
    assert!(waiting.to_string().contains("MARK"), "{waiting}");
    world.review(&waits, &["review", "reject"]).await;
    purge(app).await;
    for visit in [&draft, &rejected, &waits] {
        let view = world.admin.client.get(&format!("/v1/visits/{visit}")).ok().await;
        assert!(!view.to_string().contains("MARK"), "{view}");
        assert_eq!((&view["purged"], &view["draft"]), (&json!(["photos", "free_text"]), &Value::Null));
    }
    assert_eq!((refs(app, &front).await, refs(app, &second).await), (0, 0));
    // A draft that goes on is data anew, and goes once more in its time. What was purged is referred to no more.
    let view = world.auditor.client.get(&format!("/v1/visits/{draft}")).send().await.expect(200);
    let assignment = view.json()["assignment_id"].as_str().expect("an id").to_owned();
    let body = filing(&assignment, "draft", &json!({"why": {"v": WHY}}), &[]);
    world.auditor.client.put(&format!("/v1/visits/{draft}"), &body).if_match(&view.etag()).ok().await;
    assert_eq!(refs(app, &front).await, 0);
    assert_eq!(world.admin.client.get(&format!("/v1/visits/{draft}")).ok().await["purged"], json!([]));
    age(app, 101).await;
    purge(app).await;
    let view = world.admin.client.get(&format!("/v1/visits/{draft}")).ok().await;
    assert!(!view.to_string().contains("MARK"), "{view}");
}

/// A signal of a visit, as if it had been found.
pub async fn add_signal(app: &TestApp, visit: &str) -> String {
    // A look that is still to come would take it back.
    crate::signals::looked_at(app).await;
    let id = new_id();
    let statement = format!(
        "INSERT INTO signals (firm_id, id, visit_id, code, subject_id, figures, found_at) \
         SELECT firm_id, {}, id, 'short_stay', id, '{{\"stay_s\":120,\"least_s\":300}}', received_at FROM visits WHERE id = {}",
        sql_id(app, &id),
        sql_id(app, visit),
    );
    app.execute(&statement).await.expect("an insert");
    id
}

/// What purges are told to leave: counts of texts of reviews, consents and signals, and of events that have one.
async fn texts_left(app: &TestApp, mark: &str) -> [i64; 4] {
    let of = |table: &str, condition: &str| format!("SELECT COUNT(*) AS n FROM {table} WHERE {condition}");
    [
        number(app, &of("visits", "review_reason IS NOT NULL")).await,
        number(app, &of("consents", "given_by IS NOT NULL OR notice <> '' OR withdrawal_reason IS NOT NULL")).await,
        number(app, &of("signals", "answer IS NOT NULL OR verdict_note IS NOT NULL")).await,
        number(app, &of("events", &format!("payload LIKE '%{mark}%'"))).await,
    ]
}

async fn what_is_said_after_a_purge_goes_too(app: &TestApp) {
    let world = World::make(app).await;
    let filed = published(app, &world).await;
    let (admin, visit) = (&world.admin.client, format!("/v1/visits/{}", filed.visit));
    let one_day = json!({"photos": 1, "documents": 1, "recordings": 1, "exif": 1, "positions": 1, "free_text": 1});
    keep(&world, &one_day).await;
    close(app, &world, 40).await;
    age(app, 40).await;
    purge(app).await;
    assert_eq!(admin.get(&visit).ok().await["purged"].as_array().expect("classes").len(), 6);
    assert_eq!(texts_left(app, "LATE").await, [0; 4]);

    // A reviewer, the auditor and a reviewer again have their say, each after a purge of its own.
    let signal = add_signal(app, &filed.visit).await;
    let consent = json!({
        "visit_id": filed.visit, "basis": "explicit_consent", "given_by": "LATE giver",
        "given_at": "2026-03-02T09:00:00Z", "notice": "LATE notice",
    });
    let reviewer = &world.reviewer.client;
    reviewer.act(&format!("{visit}/unpublish")).json(&json!({"reason": "LATE reason"})).ok().await;
    assert_eq!(texts_left(app, "LATE").await, [1, 0, 0, 1]);
    purge(app).await;
    assert_eq!(texts_left(app, "LATE").await, [0; 4]);
    let consent = world.auditor.client.post("/v1/consents", &consent).created().await;
    assert_eq!(texts_left(app, "LATE").await, [0, 1, 0, 0]);
    purge(app).await;
    let withdraw = format!("/v1/consents/{}/withdraw", consent["id"].as_str().expect("an id"));
    reviewer.act(&withdraw).json(&json!({"reason": "LATE withdrawal"})).ok().await;
    assert_eq!(texts_left(app, "LATE").await, [0, 1, 0, 0]);
    purge(app).await;
    reviewer.act(&format!("/v1/signals/{signal}/share")).ok().await;
    world.auditor.client.post(&format!("/v1/signals/{signal}/answer"), &json!({"answer": "LATE answer"})).ok().await;
    assert_eq!(texts_left(app, "LATE").await, [0, 0, 1, 0]);
    purge(app).await;
    assert_eq!(texts_left(app, "LATE").await, [0; 4]);
    let verdict = json!({"verdict": "wrong", "note": "LATE note"});
    reviewer.post(&format!("/v1/signals/{signal}/verdict"), &verdict).ok().await;
    assert_eq!(texts_left(app, "LATE").await, [0, 0, 1, 0]);
    purge(app).await;
    assert_eq!(texts_left(app, "LATE").await, [0; 4]);
    assert_eq!(admin.get(&visit).ok().await["purged"].as_array().expect("classes").len(), 6);
    let lines = lines(&world.admin).await.len();
    purge(app).await;
    assert_eq!(crate::retention::lines(&world.admin).await.len(), lines, "nothing is left to do");
    app.peegel(&["audit", "verify"]).await.expect(0);
}

/// A photo into which something wrote tags.
fn tagged(seed: u32, tags: &[&str]) -> Vec<u8> {
    let path = std::env::temp_dir().join(format!("peegel-retention-{}.jpg", new_id()));
    std::fs::write(&path, crate::support::world::small_photo(seed)).expect("a photo");
    let exiftool =
        std::process::Command::new("exiftool").args(["-q", "-overwrite_original"]).args(tags).arg(&path).status();
    assert!(exiftool.expect("exiftool runs").success());
    let bytes = std::fs::read(&path).expect("the photo");
    std::fs::remove_file(&path).expect("its end");
    bytes
}

async fn a_photo_that_comes_after_a_purge_loses_its_place_too(app: &TestApp) {
    let world = World::make(app).await;
    let exif =
        ["-Model=MARK", "-GPSLatitude=59.437", "-GPSLongitude=24.7536", "-GPSLatitudeRef=N", "-GPSLongitudeRef=E"];
    let xmp = ["-XMP-exif:GPSLatitude=59.437", "-XMP-exif:GPSLongitude=24.7536", "-XMP-dc:Creator=MARK"];
    let photos = [
        File::new("photo", &["front"], "exif.jpg", tagged(61, &exif)),
        File::new("photo", &["front"], "xmp.jpg", tagged(62, &xmp)),
    ];
    let visit = new_id();
    let body = filing(&world.assign_one().await, "draft", &json!({}), &photos.iter().collect::<Vec<_>>());
    world.auditor.client.put(&format!("/v1/visits/{visit}"), &body).if_absent().created().await;
    keep(&world, &json!({"exif": 1})).await;
    close(app, &world, 40).await;
    age(app, 40).await;
    purge(app).await;
    let admin = &world.admin.client;
    let purged = async || admin.get(&format!("/v1/visits/{visit}")).ok().await["purged"].clone();
    assert_eq!(purged().await, json!(["exif"]));
    for photo in &photos {
        photo.upload(&world.auditor).await;
    }
    world.processed(&visit).await;
    assert_eq!(purged().await, json!([]), "what has come is purged in its turn");
    assert_eq!(number(app, "SELECT COUNT(*) AS n FROM evidence WHERE exif LIKE '%MARK%'").await, 1);
    purge(app).await;
    assert_eq!(number(app, "SELECT COUNT(*) AS n FROM evidence WHERE exif IS NOT NULL").await, 0);
    for photo in &photos {
        assert_eq!(refs(app, photo).await, 0);
        admin.get(&format!("/v1/evidence/{}/content", photo.id)).problem(410, "purged").await;
        admin.get(&format!("/v1/evidence/{}/preview?size=1600", photo.id)).send().await.expect(200);
    }
    assert_eq!(purged().await, json!(["exif"]));
    app.peegel(&["blobs", "verify"]).await.expect(0);
}

async fn nothing_of_a_held_visit_is_replaced(app: &TestApp) {
    let world = World::make(app).await;
    let filed = published(app, &world).await;
    let admin = &world.admin.client;
    let hold = json!({"on": "visit", "object_id": filed.visit, "reason": "A complaint is open."});
    let hold = admin.post("/v1/holds", &hold).created().await["id"].as_str().expect("an id").to_owned();
    let path = format!("/v1/evidence/{}/transcript", filed.recording.id);
    let put = || {
        let put = world.reviewer.client.call(Method::PUT, &format!("{path}?language=en"));
        put.header("content-type", "text/plain").bytes("Nobody said that.")
    };
    for person in [&world.auditor, &world.reviewer, &world.admin] {
        let held = person.client.delete(&path).problem(409, "held").await;
        assert!(held.detail().contains(&hold), "{}", held.detail());
    }
    put().problem(409, "held").await;
    assert!(admin.get(&path).ok().await.to_string().contains("MARK said it"));
    admin.act(&format!("/v1/holds/{hold}/release")).ok().await;
    put().ok().await;
    admin.delete(&path).send().await.expect(204);
}

async fn originals_go_with_what_cameras_wrote(app: &TestApp) {
    let world = World::make(app).await;
    let filed = published(app, &world).await;
    add_exif(app, filed.photo(), r#"{"model": "MARK"}"#).await;
    keep(&world, &json!({"exif": 10, "photos": 100})).await;
    close(app, &world, 40).await;
    age(app, 40).await;
    purge(app).await;
    let (with, without) = (&filed.files[0], &filed.files[1]);
    // What was read of a photo is not all that a camera may have written.
    assert_eq!((refs(app, with).await, refs(app, without).await), (0, 0));
    let admin = &world.admin.client;
    let gone = admin.get(&format!("/v1/evidence/{}/content", with.id)).problem(410, "purged").await;
    assert!(gone.detail().contains("Its previews are left."), "{}", gone.detail());
    for photo in [with, without] {
        admin.get(&format!("/v1/evidence/{}/preview?size=1600", photo.id)).send().await.expect(200);
    }
    admin.get(&format!("/v1/evidence/{}/content", without.id)).problem(410, "purged").await;
    assert_eq!(number(app, "SELECT COUNT(*) AS n FROM evidence WHERE exif IS NOT NULL").await, 0);
    let receipt = admin.get(&format!("/v1/visits/{}/evidence-receipt", filed.visit)).ok().await;
    assert!(!receipt["files"].to_string().contains(&with.id), "a phone may not count on it: {receipt}");
    app.peegel(&["blobs", "verify"]).await.expect(0);
    age(app, 101).await;
    purge(app).await;
    admin.get(&format!("/v1/evidence/{}/preview?size=1600", with.id)).problem(410, "purged").await;
    assert_eq!(number(app, "SELECT COUNT(*) AS n FROM blobs WHERE refs <> 0 AND refs <> 1").await, 0);
}

async fn a_hold_keeps_what_it_is_on(app: &TestApp) {
    let world = World::make(app).await;
    let visit = world.publish(0, &tiny::fair()).await;
    let admin = &world.admin.client;
    let photos = "SELECT COUNT(*) AS n FROM evidence WHERE state = 'purged'";
    keep(&world, &json!({"photos": 31})).await;
    close(app, &world, 40).await;
    age(app, 40).await;
    let mut made = Vec::new();
    for (on, object) in
        [("visit", &visit), ("branch", &world.branches[0]), ("chain", &world.chain), ("person", &world.auditor.id)]
    {
        let body = json!({"on": on, "object_id": object, "reason": "A complaint is open."});
        let key = new_id();
        let hold = admin.post("/v1/holds", &body).once(&key).created().await;
        assert_eq!(admin.post("/v1/holds", &body).once(&key).created().await, hold, "once");
        let id = hold["id"].as_str().expect("an id").to_owned();
        assert!(purge(app).await.contains(&format!("1 visits are held by {id}")), "{on}");
        assert!(app.peegel(&["purge", "--dry-run"]).await.expect(0).text().contains("shops: 1 visits are held"));
        assert_eq!(number(app, photos).await, 0, "{on}");
        let last = admin.get("/v1/purges?limit=1").ok().await["data"][0].clone();
        assert_eq!((&last["held"][0]["hold_id"], &last["held"][0]["visits"]), (&json!(id), &json!(1)));
        let released = admin.act(&format!("/v1/holds/{id}/release")).ok().await;
        assert_eq!(released["released_by"], world.admin.id);
        assert_eq!(admin.act(&format!("/v1/holds/{id}/release")).ok().await, released, "again changes nothing");
        made.push(id);
    }
    let listed: Vec<_> =
        admin.all("/v1/holds", 2).await.iter().map(|hold| hold["id"].as_str().expect("an id").to_owned()).collect();
    assert_eq!(listed, made);
    assert_eq!(admin.all("/v1/holds?in_force=true", 50).await, Vec::<Value>::new());
    // Other visits are held by nothing of this one.
    let body = json!({"on": "branch", "object_id": world.branches[1], "reason": "Another one."});
    admin.post("/v1/holds", &body).created().await;
    purge(app).await;
    assert_eq!(number(app, photos).await, 2);
    let nobodys = json!({"on": "visit", "object_id": new_id(), "reason": " "});
    let found = admin.post("/v1/holds", &nobodys).problem(422, "invalid").await;
    assert!(found.problems().iter().any(|(pointer, _)| pointer == "/reason"), "{}", found.describe());
    let nobodys = json!({"on": "person", "object_id": visit, "reason": "x"});
    admin.post("/v1/holds", &nobodys).invalid(&[("/object_id", "unknown_ref")]).await;
    admin.act(&format!("/v1/holds/{}/release", new_id())).problem(404, "not_found").await;
}

/// The lines of all purges in canonical form, as `peegel receipt verify` takes them.
pub async fn lines(person: &Person) -> Vec<Vec<u8>> {
    let mut lines = Vec::new();
    for purge in person.client.all("/v1/purges", 50).await {
        let path = format!("/v1/purges/{}/lines", purge["id"].as_str().expect("an id"));
        for line in person.client.all(&path, 50).await {
            lines.push(serde_json_canonicalizer::to_vec(&line["document"]).expect("canonical JSON"));
        }
    }
    lines
}

async fn a_line_cannot_be_changed_unseen(app: &TestApp) {
    let world = World::make(app).await;
    world.publish(0, &tiny::fair()).await;
    keep(&world, &json!({"photos": 1, "free_text": 1})).await;
    close(app, &world, 40).await;
    age(app, 40).await;
    purge(app).await;
    let line = lines(&world.admin).await.remove(0);
    let keys = keys_file(app).await;
    let told = verdict(&verify(&line, &[&keys]).await.expect(0));
    assert_eq!((&told["ok"], &told["because"], &told["files"]), (&json!(true), &json!("retention"), &json!(2)));
    assert!(verdict(&verify(&line, &[]).await.expect(0))["notes"].to_string().contains("identity was not checked"));
    let stranger = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
    verify(&line, &[stranger]).await.expect(1);
    let mut dice = Dice(5);
    for _ in 0..12 {
        let mut changed = line.clone();
        let at = dice.below(changed.len());
        changed[at] ^= 1 << dice.below(7);
        if changed != line {
            let said = verify(&changed, &[&keys]).await;
            assert_eq!(said.code, 1, "byte {at}: {}", said.text());
        }
    }
    for (one, other) in [("\"photos\"", "\"exif\""), ("\"retention\"", "\"erasure\""), ("visit/", "visit/0")] {
        let text = String::from_utf8(line.clone()).expect("text");
        assert!(text.contains(one), "{text}");
        verify(text.replacen(one, other, 1).as_bytes(), &[&keys]).await.expect(1);
    }
}

/// A payload may be gone where a line names it, and nowhere else.
async fn a_payload_is_erased_by_a_line_only(app: &TestApp) {
    let world = World::make(app).await;
    let visit = world.publish(0, &tiny::fair()).await;
    world.review(&visit, &["unpublish", "publish"]).await;
    keep(&world, &json!({"free_text": 1})).await;
    close(app, &world, 40).await;
    age(app, 40).await;
    purge(app).await;
    app.peegel(&["audit", "verify"]).await.expect(0);
    let events = world.admin.client.all("/v1/events", 200).await;
    let seq = |kind: &str| {
        let event = events.iter().find(|event| event["kind"] == kind).expect("an event");
        event["seq"].as_i64().expect("a number")
    };
    let (erased, line, other) = (seq("visit.unpublished"), seq("visit.purged"), seq("visit.submitted"));
    let named = events.iter().find(|event| event["kind"] == "visit.purged").expect("a line");
    assert_eq!(named["payload"]["erased_events"][0]["seq"], erased);
    app.peegel(&["audit", "export", "-o", "good.jsonl"]).await.expect(0);
    let text = std::fs::read_to_string(app.folder().join("good.jsonl")).expect("a file");
    // A line of a purge that names another event is not signed, whatever the hashes say.
    let forged = text.replace(&format!("\\\"seq\\\":{erased}"), &format!("\\\"seq\\\":{other}"));
    assert_ne!(forged, text);
    std::fs::write(app.folder().join("forged.jsonl"), forged).expect("a file");
    let said = app.peegel(&["audit", "verify", "forged.jsonl"]).await.expect(1);
    assert!(said.text().contains(&format!("event {line} is wrong")), "{}", said.text());
    let wipe = |seq: i64| format!("UPDATE events SET payload = NULL, salt = NULL WHERE seq = {seq}");
    for (wiped, why) in [(line, erased.min(line)), (other, other)] {
        let kept = app.query(&format!("SELECT payload, salt FROM events WHERE seq = {wiped}")).await;
        let text = |name: &str| kept[0].try_get::<String>("", name).expect("a text").replace('\'', "''");
        app.execute(&wipe(wiped)).await.expect("an update");
        let said = app.peegel(&["audit", "verify"]).await.expect(1);
        let expected =
            format!("alpha: event {why} is wrong: its payload is gone, and no event says that it was erased");
        assert!(said.text().contains(&expected), "{}", said.text());
        let back =
            format!("UPDATE events SET payload = '{}', salt = '{}' WHERE seq = {wiped}", text("payload"), text("salt"));
        app.execute(&back).await.expect("an update");
        app.peegel(&["audit", "verify"]).await.expect(0);
    }
}

async fn the_night_comes_once(app: &TestApp) {
    let world = World::make(app).await;
    world.publish(0, &tiny::fair()).await;
    keep(&world, &json!({"photos": 31})).await;
    close(app, &world, 40).await;
    age(app, 40).await;
    let restart = async || {
        app.stop().await;
        app.serve(&[]).await;
    };
    restart().await;
    let admin = &world.admin.client;
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    assert_eq!(
        admin.all("/v1/purges", 50).await,
        Vec::<Value>::new(),
        "what was said today counts from the next night on"
    );
    app.execute(&format!("UPDATE retention_rules SET changed_at = '{}'", ago(2))).await.expect("an update");
    restart().await;
    let others = match app.kind() {
        Kind::Postgres => vec![app.second_server().await, app.second_server().await],
        Kind::Sqlite => Vec::new(),
    };
    let night = eventually("the night has come", || async {
        let purges = admin.all("/v1/purges", 50).await;
        purges.into_iter().find(|purge| purge["state"] == "done")
    })
    .await;
    let day = (now() - chrono::Duration::hours(2)).date_naive().to_string();
    assert_eq!((&night["day"], &night["counts"][0]["files"]), (&json!(day), &json!(2)));
    drop(others);
    restart().await;
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    assert_eq!(admin.all("/v1/purges", 50).await.len(), 1, "one a night, however many look");
}
