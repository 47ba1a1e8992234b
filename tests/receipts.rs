//! Score receipts: what they hold, who gets them, and that the program alone can verify them.

use std::path::Path;
use std::process::Stdio;

use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use ed25519_dalek::{Signer, SigningKey};
use serde_json::{Value, json};
use tokio::process::Command;

use crate::support::app::{Kind, Said, TestApp};
use crate::support::client::{Answer, Client};
use crate::support::files::sha256;
use crate::support::world::{File, World, filing, proofs};
use crate::support::{Dice, new_id, on_both, tiny};

on_both!(
    a_receipt_holds_all_that_made_the_score,
    every_score_keeps_its_receipt,
    texts_are_withheld_from_the_client,
    receipts_are_for_those_who_see_the_visit,
    what_has_no_score_has_no_receipt,
    a_changed_receipt_fails,
    a_forged_receipt_fails,
    a_new_key_signs_at_once_and_the_old_one_stays_known,
    a_key_that_others_can_read_stops_the_server,
);

fn path(visit: &str) -> String {
    format!("/v1/visits/{visit}/receipt")
}

async fn receipt(client: &Client, visit: &str) -> Answer {
    client.get(&path(visit)).send().await.expect(200)
}

/// `peegel receipt verify` of some bytes, in an empty folder of its own.
pub async fn verify(bytes: &[u8], keys: &[&str]) -> Said {
    let elsewhere = TestApp::stopped(Kind::Sqlite).await;
    std::fs::write(elsewhere.folder().join("receipt.json"), bytes).expect("a file");
    let mut arguments = vec!["receipt", "verify", "receipt.json"];
    for key in keys {
        arguments.extend(["--key", key]);
    }
    // The address leads nowhere: it must not be asked for.
    let mut command = elsewhere.command(&arguments);
    let output = command.env("PEEGEL_DATABASE_URL", "postgres://nobody@127.0.0.1:1/none").output().await;
    let output = output.expect("the program runs");
    assert!(!elsewhere.data().exists(), "nothing was made on the way");
    Said {
        code: output.status.code().expect("an exit code"),
        stdout: output.stdout,
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// What it printed.
pub fn verdict(said: &Said) -> Value {
    serde_json::from_str(said.text()).unwrap_or_else(|error| panic!("{error}: {}", said.text()))
}

/// Codes and pointers of the problems found.
fn problems(verdict: &Value) -> Vec<(&str, &str)> {
    let problems = verdict["problems"].as_array().expect("problems").iter();
    problems.map(|p| (p["code"].as_str().expect("a code"), p["pointer"].as_str().unwrap_or(""))).collect()
}

/// The answer of `GET /v1/keys` as a file.
pub async fn keys_file(app: &TestApp) -> String {
    let keys = app.client().get("/v1/keys").send().await.expect(200);
    let file = app.folder().join("keys.json");
    std::fs::write(&file, keys.body).expect("a file");
    file.to_str().expect("a path").to_owned()
}

/// The ids of the published keys, the one that signs first.
async fn key_ids(app: &TestApp) -> Vec<String> {
    let keys = app.client().get("/v1/keys").ok().await;
    keys["keys"].as_array().expect("keys").iter().map(|key| key["kid"].as_str().expect("an id").to_owned()).collect()
}

fn canonical(value: &Value) -> Vec<u8> {
    serde_json_canonicalizer::to_vec(value).expect("canonical JSON")
}

/// What OpenSSL says of the signature over the bytes as they are, with only the member `signature` cut out.
async fn openssl_accepts(folder: &Path, receipt: &[u8], public_key: &str) -> bool {
    let text = std::str::from_utf8(receipt).expect("UTF-8");
    let (before, rest) = text.split_once(",\"signature\":\"").expect("a signature");
    let (signature, after) = rest.split_once('"').expect("its end");
    let message = format!("peegel.receipt/1\n{before}{after}");
    let raw_key = BASE64_URL_SAFE_NO_PAD.decode(public_key).expect("base64url");
    // SubjectPublicKeyInfo of Ed25519 (RFC 8410) is a fixed head and the key.
    let head = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
    let signature = BASE64_URL_SAFE_NO_PAD.decode(signature).expect("base64url");
    for (name, bytes) in
        [("message", message.as_bytes()), ("signature", &signature), ("key.der", &[&head[..], &raw_key].concat())]
    {
        std::fs::write(folder.join(name), bytes).expect("a file");
    }
    let verify = "pkeyutl -verify -pubin -keyform DER -inkey key.der -rawin -in message -sigfile signature";
    let mut openssl = Command::new("openssl");
    openssl.args(verify.split(' ')).current_dir(folder).stdin(Stdio::null());
    let output = openssl.output().await.expect("openssl. tests/run.sh installs it");
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("Signature Verif"), "{said}");
    output.status.success()
}

async fn a_receipt_holds_all_that_made_the_score(app: &TestApp) {
    let world = World::make(app).await;
    let visit = world.file(&world.assign_one().await, &tiny::fair()).await;
    let answer = receipt(&world.auditor.client, &visit).await;
    assert_eq!(answer.header("content-type"), "application/json; charset=utf-8");
    assert_eq!(answer.header("content-disposition"), format!("attachment; filename=\"receipt-{visit}-v1.json\""));
    assert_eq!(answer.header("cache-control"), "private, no-cache");
    assert_eq!(answer.etag(), format!("\"{}\"", sha256(&answer.body)));
    let unchanged =
        world.admin.client.get(&path(&visit)).header("if-none-match", &answer.etag()).send().await.expect(304);
    assert_eq!((unchanged.body.len(), unchanged.etag()), (0, answer.etag()));
    for again in ["", "?version=1", "?texts=full"] {
        let again = world.admin.client.get(&format!("{}{again}", path(&visit))).send().await.expect(200);
        assert!(again.body == answer.body, "the same bytes each time");
    }

    let document = answer.json();
    assert_eq!(canonical(&document), answer.body);
    let score = &world.admin.client.get(&format!("/v1/visits/{visit}/scores")).ok().await["data"][0];
    for (member, value) in [
        ("format", json!("peegel.receipt/1")),
        ("visit_id", json!(visit)),
        ("score_version", json!(1)),
        ("revision", json!(1)),
        ("mode", json!("submit")),
        ("standard", tiny::standard()),
        ("answers", tiny::fair()),
        ("result", score["result"].clone()),
        ("engine_version", score["engine_version"].clone()),
        ("scored_on", json!(score["created_at"].as_str().expect("a time")[..10])),
        ("proven", json!(["front", "offer"])),
    ] {
        assert_eq!(document[member], value, "{member}");
    }
    for member in ["standard", "answers", "result"] {
        assert_eq!(document[format!("{member}_sha256")], sha256(&canonical(&document[member])), "{member}");
    }
    let text = String::from_utf8(answer.body.clone()).expect("UTF-8");
    for secret in [&world.auditor.id, &world.branches[0], &world.chain, &world.wave, "auditor", "Pikk 1", "59.437"] {
        assert!(!text.contains(secret), "{secret} is nobody's business");
    }

    let keys = app.client().get("/v1/keys").ok().await;
    let key = &keys["keys"][0];
    assert_eq!(
        (&key["kty"], &key["crv"], &key["use"], &key["alg"]),
        (&json!("OKP"), &json!("Ed25519"), &json!("sig"), &json!("EdDSA"))
    );
    assert_eq!((&document["key_id"], &document["public_key"]), (&key["kid"], &key["x"]));
    let raw = BASE64_URL_SAFE_NO_PAD.decode(key["x"].as_str().expect("a key")).expect("base64url");
    assert_eq!(key["kid"], sha256(&raw)[..16]);
    assert!(openssl_accepts(app.folder(), &answer.body, key["x"].as_str().expect("a key")).await);

    let said = verdict(&verify(&answer.body, &[]).await.expect(0));
    assert_eq!(
        (&said["ok"], &said["visit"], &said["score_version"], &said["score_bp"], &said["key_id"], &said["key"]),
        (&json!(true), &json!(visit), &json!(1), &json!(7225), &key["kid"], &json!("embedded"))
    );
    assert!(said["notes"][0].as_str().expect("a note").contains("identity was not checked"), "{said}");
    let hex: String = raw.iter().map(|byte| format!("{byte:02x}")).collect();
    let file = keys_file(app).await;
    for given in [file.as_str(), &hex, &BASE64_STANDARD.encode(&raw), key["x"].as_str().expect("a key")] {
        let said = verdict(&verify(&answer.body, &[given]).await.expect(0));
        assert_eq!((&said["key"], &said["notes"]), (&json!("given"), &json!([])), "{given}");
    }
}

async fn every_score_keeps_its_receipt(app: &TestApp) {
    let world = World::make(app).await;
    let (assignment, visit, files) = (world.assign_one().await, new_id(), proofs(&tiny::fair()));
    let put = format!("/v1/visits/{visit}");
    let body = filing(&assignment, "submitted", &tiny::fair(), &files.iter().collect::<Vec<_>>());
    world.auditor.client.put(&put, &body).if_absent().created().await;
    for file in &files {
        file.upload(&world.auditor).await;
    }
    let first = receipt(&world.admin.client, &visit).await.body;
    world.review(&visit, &["review", "return"]).await;
    // Filed again with other answers, and what was a photo of the front now proves something else.
    let mut better = tiny::fair();
    better["polite"] = json!({"v": 5});
    let mut files = [files[0].clone(), files[1].clone(), File::front()];
    files[0].entry["item_ids"] = json!(["offer"]);
    files[1].entry["item_ids"] = json!([]);
    let tag = world.auditor.client.get(&put).send().await.etag();
    let body = filing(&assignment, "submitted", &better, &files.iter().collect::<Vec<_>>());
    world.auditor.client.put(&put, &body).if_match(&tag).ok().await;
    files[2].upload(&world.auditor).await;
    world.review(&visit, &["review", "approve", "publish"]).await;

    let of =
        async |query: &str| world.auditor.client.get(&format!("{}{query}", path(&visit))).send().await.expect(200).body;
    assert!(of("?version=1").await == first, "a receipt never changes");
    let second = of("?version=2").await;
    assert!(of("").await == second, "the current one, if none is named");
    let key = keys_file(app).await;
    for (bytes, score_version, revision, score_bp) in [(first, 1, 1, 7225), (second, 2, 2, 7600)] {
        let said = verdict(&verify(&bytes, &[&key]).await.expect(0));
        assert_eq!((&said["score_version"], &said["score_bp"]), (&json!(score_version), &json!(score_bp)));
        let document: Value = serde_json::from_slice(&bytes).expect("JSON");
        assert_eq!(document["revision"], revision);
    }
    for version in [0, 3, -1] {
        let missing = world.admin.client.get(&format!("{}?version={version}", path(&visit)));
        missing.problem(404, "no_score").await;
    }
    for query in ["version=x", "version=99999999999", "texts=none"] {
        world.admin.client.get(&format!("{}?{query}", path(&visit))).problem(400, "malformed").await;
    }
}

async fn texts_are_withheld_from_the_client(app: &TestApp) {
    let world = World::make(app).await;
    let mut answers = tiny::fair();
    answers["why"] = json!({"v": "Mari ütles, et ei jõua."});
    answers["greet"]["comment"] = json!("Mari seisis seljaga.");
    let visit = world.file(&world.assign_one().await, &answers).await;
    let full = receipt(&world.reviewer.client, &visit).await;
    assert_eq!(full.json()["answers"], answers);
    let withheld = world.reviewer.client.get(&format!("{}?texts=withheld", path(&visit))).send().await.expect(200);
    let document = withheld.json();
    assert_eq!(document["withheld"], json!(["greet", "why"]));
    assert_eq!(
        (&document["answers"]["why"], &document["answers"]["greet"]["comment"]),
        (&json!({"v": ""}), &json!(""))
    );
    assert_ne!(document["answers_sha256"], full.json()["answers_sha256"]);
    assert_eq!(document["public_id"], full.json()["public_id"]);
    let text = String::from_utf8(withheld.body.clone()).expect("UTF-8");
    assert!(!text.contains("Mari") && !text.contains(&visit), "{text}");
    let name = format!("receipt-{}-v1.json", document["public_id"].as_str().expect("an id"));
    assert_eq!(withheld.header("content-disposition"), format!("attachment; filename=\"{name}\""));
    let said = verdict(&verify(&withheld.body, &[&keys_file(app).await]).await.expect(0));
    assert_eq!((&said["visit"], &said["score_bp"]), (&document["public_id"], &json!(7225)));
    assert!(said["notes"][0].as_str().expect("a note").contains("Texts are withheld"), "{said}");
    // Filling a text in again breaks hash and signature.
    let filled = text.replacen("\"why\":{\"v\":\"\"}", "\"why\":{\"v\":\"Hea!\"}", 1);
    assert_ne!(filled, text);
    let said = verdict(&verify(filled.as_bytes(), &[]).await.expect(1));
    assert_eq!(problems(&said), [("hash_differs", "/answers_sha256"), ("bad_signature", "/signature")]);
}

async fn receipts_are_for_those_who_see_the_visit(app: &TestApp) {
    let (world, beta) = (World::make(app).await, World::named(app, "beta").await);
    let visit = world.publish(0, &tiny::fair()).await;
    for person in [&world.admin, &world.reviewer, &world.auditor] {
        receipt(&person.client, &visit).await;
    }
    for person in [&world.other_auditor, &beta.admin, &beta.auditor] {
        person.client.get(&path(&visit)).problem(404, "not_found").await;
    }
    for person in [world.chain_viewer(app).await, world.branch_manager(app).await] {
        person.client.get(&path(&visit)).problem(403, "not_allowed").await;
        person.client.get(&format!("{}?texts=withheld", path(&visit))).problem(403, "not_allowed").await;
    }
    app.client().get(&path(&visit)).problem(401, "unauthenticated").await;
    world.admin.client.get(&path(&new_id())).problem(404, "not_found").await;
}

async fn what_has_no_score_has_no_receipt(app: &TestApp) {
    let world = World::make(app).await;
    let assignments = world.assign(0, 2).await;
    let (draft, attempt) = (new_id(), new_id());
    let body = filing(&assignments[0], "draft", &json!({}), &[]);
    world.auditor.client.put(&format!("/v1/visits/{draft}"), &body).if_absent().created().await;
    let refused = world.auditor.client.get(&path(&draft)).problem(404, "no_score").await;
    assert!(refused.detail().contains("was not filed"), "{}", refused.describe());
    let proof = File::new("photo", &[], "closed.jpg", b"closed".to_vec());
    let mut body = filing(&assignments[1], "submitted", &json!({}), &[&proof]);
    body["outcome"] = json!("attempted");
    body["attempted_because"] = json!("closed");
    world.auditor.client.put(&format!("/v1/visits/{attempt}"), &body).if_absent().created().await;
    let refused = world.auditor.client.get(&path(&attempt)).problem(404, "no_score").await;
    assert!(refused.detail().contains("could not be made"), "{}", refused.describe());
    world.auditor.client.get(&format!("{}?version=1", path(&attempt))).problem(404, "no_score").await;
}

async fn a_changed_receipt_fails(app: &TestApp) {
    let world = World::make(app).await;
    let visit = world.file(&world.assign_one().await, &tiny::dishonest()).await;
    let bytes = receipt(&world.admin.client, &visit).await.body;
    let key = keys_file(app).await;
    verify(&bytes, &[&key]).await.expect(0);
    // Every byte is tried in api/src/receipts/tests.rs; some of them here, with the program as it is delivered.
    let mut dice = Dice(6);
    for _ in 0..25 {
        let mut changed = bytes.clone();
        let at = dice.below(bytes.len());
        changed[at] ^= 1 << dice.below(8);
        let said = verdict(&verify(&changed, &[&key]).await.expect(1));
        assert!(said["ok"] == false && !problems(&said).is_empty(), "byte {at}: {said}");
    }
    let text = String::from_utf8(bytes).expect("UTF-8");
    for (changed, code) in [
        (format!("{text}\n"), "not_canonical"),
        (format!(" {text}"), "not_canonical"),
        (text.replace(',', ", "), "not_canonical"),
        (text[..text.len() - 1].to_owned(), "malformed"),
        (String::new(), "malformed"),
        ("{}".to_owned(), "missing"),
    ] {
        let said = verdict(&verify(changed.as_bytes(), &[&key]).await.expect(1));
        assert!(problems(&said).iter().any(|(found, _)| *found == code), "{code}: {said}");
    }
    let large = vec![b' '; 9 * 1024 * 1024];
    assert!(verify(&large, &[]).await.expect(2).stderr.contains("larger than"));
    for missing in ["no-such-file", "."] {
        app.peegel(&["receipt", "verify", missing]).await.expect(2);
        assert!(verify(text.as_bytes(), &[missing]).await.expect(2).stderr.contains("no Ed25519 key"));
    }
    // A receipt is no key.
    assert!(verify(text.as_bytes(), &["receipt.json"]).await.expect(2).stderr.contains("holds no Ed25519 key"));
    app.peegel(&["receipt", "verify"]).await.expect(2);
}

async fn a_forged_receipt_fails(app: &TestApp) {
    let world = World::make(app).await;
    let visit = world.file(&world.assign_one().await, &tiny::fair()).await;
    let mut document = receipt(&world.admin.client, &visit).await.json();
    document["result"]["visit"]["score_bp"] = json!(9900);
    document["result"]["visit"]["band"] = json!("A");
    document["result_sha256"] = json!(sha256(&canonical(&document["result"])));
    // The forger has a key too.
    let forger = SigningKey::from_bytes(&[13; 32]);
    let public = forger.verifying_key().to_bytes();
    document["public_key"] = json!(BASE64_URL_SAFE_NO_PAD.encode(public));
    document["key_id"] = json!(sha256(&public)[..16]);
    document.as_object_mut().expect("an object").remove("signature");
    let message = [&b"peegel.receipt/1\n"[..], &canonical(&document)].concat();
    document["signature"] = json!(BASE64_URL_SAFE_NO_PAD.encode(forger.sign(&message).to_bytes()));
    let forged = canonical(&document);
    let said = verdict(&verify(&forged, &[]).await.expect(1));
    assert_eq!(problems(&said), [("score_differs", "/result/visit/band"), ("score_differs", "/result/visit/score_bp")]);
    let found = &said["problems"][1];
    assert_eq!((&found["stored"], &found["recomputed"]), (&json!(9900), &json!(7225)));
    let said = verdict(&verify(&forged, &[&keys_file(app).await]).await.expect(1));
    assert_eq!(problems(&said)[0], ("unknown_key", "/key_id"), "{said}");
}

async fn a_new_key_signs_at_once_and_the_old_one_stays_known(app: &TestApp) {
    let world = World::make(app).await;
    let visit = world.file(&world.assign_one().await, &tiny::fair()).await;
    let before = receipt(&world.admin.client, &visit).await;
    let old = key_ids(app).await;
    assert_eq!(old.len(), 1);
    let new = app.peegel(&["receipt", "rotate-key"]).await.expect(0).text().trim().to_owned();
    assert_eq!(key_ids(app).await, [new.as_str(), &old[0]]);
    let after = receipt(&world.admin.client, &visit).await;
    assert_eq!((&before.json()["key_id"], &after.json()["key_id"]), (&json!(old[0]), &json!(new)));
    assert_ne!(before.etag(), after.etag());
    app.stop().await;
    app.serve(&[]).await;
    assert_eq!(key_ids(app).await, [new.as_str(), &old[0]]);
    let keys = keys_file(app).await;
    for receipt in [&before, &after] {
        verify(&receipt.body, &[&keys]).await.expect(0);
    }

    let folder = app.data().join("keys");
    assert_eq!(mode(&folder), 0o700);
    for id in [&new, &old[0]] {
        let file = folder.join(format!("{id}.key"));
        assert_eq!(mode(&file), 0o600);
        let key: Value = serde_json::from_slice(&std::fs::read(&file).expect("a key")).expect("JSON");
        let secret = key["d"].as_str().expect("a secret");
        assert!(!app.log().contains(secret), "a secret is in the log");
        assert!(!app.client().get("/v1/keys").ok().await.to_string().contains(secret));
    }
    assert!(app.log().contains(&new), "the log names the key that signs");
    app.peegel(&["receipt", "rotate-key", "--data", "nowhere"]).await.expect(2);
    let made = app.peegel(&["receipt", "rotate-key", "--signing-keys", "elsewhere"]).await.expect(0);
    assert_eq!(mode(&app.folder().join(format!("elsewhere/{}.key", made.text().trim()))), 0o600);
}

fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).unwrap_or_else(|error| panic!("{}: {error}", path.display())).permissions().mode() & 0o777
}

async fn a_key_that_others_can_read_stops_the_server(app: &TestApp) {
    use std::os::unix::fs::PermissionsExt;
    let id = key_ids(app).await.remove(0);
    app.stop().await;
    let file = app.data().join(format!("keys/{id}.key"));
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o640)).expect("another mode");
    let said = app.peegel(&["serve", "--listen", "127.0.0.1:0"]).await.expect(1);
    assert!(said.stderr.contains("unusable_keys") && said.stderr.contains("chmod 600 "), "{}", said.stderr);
    // Commands that sign nothing do not need it.
    app.peegel(&["firm", "add", "--code", "beside", "--name", "Beside"]).await.expect(0);
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).expect("the right mode");
    app.serve(&[]).await;
    assert_eq!(key_ids(app).await, [id]);
}

/// Two servers that share a folder of keys and start for the first time at once.
async fn two_first_starts(kind: Kind) {
    let (one, other) = (TestApp::stopped(kind).await, TestApp::stopped(kind).await);
    let shared = one.folder().join("shared-keys");
    let settings = ["--signing-keys", shared.to_str().expect("a path")];
    tokio::join!(one.serve(&settings), other.serve(&settings));
    let ids = key_ids(&one).await;
    assert_eq!((ids.len(), &ids), (1, &key_ids(&other).await));
    assert!(!one.data().join("keys").exists());
    other.finish().await;
    one.finish().await;
}

#[tokio::test]
async fn servers_that_start_together_agree_on_a_key() {
    two_first_starts(Kind::Sqlite).await;
    two_first_starts(Kind::Postgres).await;
}
