//! Records the examples of the OpenAPI document: starts Peegel on an empty folder, walks the main way through it by
//! HTTP, and keeps one request and its answer for every operation. What differs from run to run (ids, times, hashes,
//! tokens) is replaced by values that do not, so the file changes only when the API does.
//!
//! ```sh
//! cargo build && cargo run --example record-examples            # writes openapi/examples.json
//! cargo build && cargo run --example record-examples -- --check # says whether it is the recorded one
//! ```

mod running;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use chrono::{DateTime, Duration, SecondsFormat, Utc};
use clap::Parser;
use sea_orm::{ConnectionTrait, Database};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use running::{Client, Outcome, Server, add_user, built_program, request, run};

/// The day of the examples.
const EXAMPLE_TIME: &str = "2026-10-05T09:00:00Z";
const PASSWORD: &str = "correct horse battery staple";

/// Records the examples of the OpenAPI document
#[derive(Parser)]
struct Arguments {
    /// The program; the one built beside this if absent
    #[arg(long)]
    peegel: Option<PathBuf>,
    /// Write nothing; fail when the file is not what would be written
    #[arg(long)]
    check: bool,
}

fn main() -> Outcome<()> {
    let arguments = Arguments::parse();
    let program = arguments.peegel.map_or_else(built_program, Ok)?;
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let folder = root.join("target").join(format!("examples-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let recorded = record(&program, &folder, &root);
    std::fs::remove_dir_all(&folder)?;
    let mut examples = recorded?;
    let document: Value = serde_json::from_str(&run(&program, &["openapi"])?)?;
    let missing = without_example(&document, &examples);
    if !missing.is_empty() {
        return Err(format!("the walk of tests/examples.rs leaves out: {}", missing.join(", ")).into());
    }
    Replacer::default().replace(&mut examples)?;
    let text = format!("{}\n", serde_json::to_string_pretty(&examples)?);
    let file = root.join("openapi/examples.json");
    if !arguments.check {
        std::fs::write(&file, text)?;
    } else if std::fs::read_to_string(&file)? != text {
        return Err("openapi/examples.json is not what a running server answers; record it again".into());
    }
    Ok(())
}

/// Operations that answer with JSON and have no example.
fn without_example(document: &Value, examples: &BTreeMap<String, Value>) -> Vec<String> {
    let operations = document["paths"].as_object().into_iter().flat_map(|paths| paths.values());
    operations
        .filter_map(Value::as_object)
        .flat_map(|methods| methods.values())
        .filter(|operation| {
            let answers = operation["responses"].as_object().into_iter().flatten();
            answers.filter(|(status, _)| status.starts_with('2')).any(|(_, answer)| {
                answer["content"]
                    .as_object()
                    .is_some_and(|media| media.keys().any(|name| name.starts_with("application/json")))
            })
        })
        .filter_map(|operation| operation["operationId"].as_str())
        .filter(|id| !examples.contains_key(*id))
        .map(str::to_owned)
        .collect()
}

/// Somebody with a connection of their own.
struct Person {
    client: Client,
    token: String,
    membership_id: String,
}

/// The examples by operation id.
#[derive(Default)]
struct Recorder {
    examples: BTreeMap<String, Value>,
}

impl Recorder {
    fn sign_in(&mut self, server: &Server, email: &str, password: &str) -> Outcome<Person> {
        let mut person =
            Person { client: Client::connect(&server.address)?, token: String::new(), membership_id: String::new() };
        let body = json!({"email": email, "password": password});
        let session = self.call(&mut person, "create_session", "POST", "/v1/sessions", &body)?;
        person.token = text(&session["access_token"])?;
        person.membership_id = text(&session["memberships"][0]["membership_id"])?;
        Ok(person)
    }

    /// Calls an operation and keeps the first request and answer of each status.
    fn call(&mut self, by: &mut Person, operation: &str, method: &str, path: &str, body: &Value) -> Outcome<Value> {
        self.call_with(by, operation, method, path, &[], body)
    }

    fn call_with(
        &mut self,
        by: &mut Person,
        operation: &str,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &Value,
    ) -> Outcome<Value> {
        let bytes = if body.is_null() { Vec::new() } else { serde_json::to_vec(body)? };
        let mut headers = headers.to_vec();
        if !body.is_null() {
            headers.push(("content-type", "application/json"));
        }
        let answer = by.client.send(&request(method, path, &by.token, &headers, &bytes))?;
        let status = answer.status.to_string();
        let json = answer.json().map_err(|error| format!("{operation}: {error}"))?;
        self.keep(operation, body, &status, &json);
        Ok(json)
    }

    fn keep(&mut self, operation: &str, body: &Value, status: &str, answer: &Value) {
        let example = self.examples.entry(operation.to_owned()).or_insert_with(|| json!({"responses": {}}));
        if !body.is_null() && example.get("request").is_none() {
            example["request"] = body.clone();
        }
        if !answer.is_null() && example["responses"].get(status).is_none() {
            example["responses"][status] = answer.clone();
        }
    }
}

fn text(value: &Value) -> Outcome<String> {
    Ok(value.as_str().ok_or("a text is missing in an answer")?.to_owned())
}

/// Walks the main way.
fn record(program: &Path, folder: &Path, root: &Path) -> Outcome<BTreeMap<String, Value>> {
    let settings = ["--data", folder.to_str().ok_or("the folder is not UTF-8")?];
    run(program, &[&["firm", "add", "--code", "hobekaja", "--name", "Hõbekaja Audits"], &settings[..]].concat())?;
    let password = add_user(program, &settings, "kadri@hobekaja.example", "Kadri Lepp", "firm_admin")?;
    // Nobody listens there: what is to be transcribed waits.
    let server = Server::start(program, &[&settings[..], &["--transcription-url", "http://127.0.0.1:9"]].concat())?;
    let mut recorder = Recorder::default();
    let mut admin = recorder.sign_in(&server, "kadri@hobekaja.example", &password)?;
    let set_up = set_up(&mut recorder, &mut admin)?;
    let mut auditor = recorder.sign_in(&server, "mari@hobekaja.example", PASSWORD)?;
    let mut reviewer = recorder.sign_in(&server, "tonis@hobekaja.example", PASSWORD)?;
    let assignments = fieldwork(&mut recorder, &mut admin, &mut auditor, &set_up)?;
    let visit = visit(&mut recorder, &mut auditor, &mut reviewer, &assignments[0], root)?;
    lost_file(&mut recorder, &mut auditor, &assignments[1])?;
    let chain = format!("/v1/chains/{}", set_up.chain_id);
    admin.client.json("PATCH", &chain, &admin.token, &json!({"recording_policy": "allow"}))?;
    transcript(&mut recorder, &mut auditor, &mut reviewer, &assignments[3], root)?;
    admin.client.json("PATCH", &chain, &admin.token, &json!({"recording_policy": "needs_proof"}))?;
    review(&mut recorder, &mut auditor, &mut reviewer, &assignments, &visit)?;
    appeals(&mut recorder, &mut admin, &mut reviewer, &server, &set_up, &visit)?;
    second_scorings(&mut recorder, &mut admin, &mut auditor, &mut reviewer, &set_up)?;
    notices(&mut recorder, &mut auditor, &set_up)?;
    account(&mut recorder, &mut admin, &server, folder)?;
    jobs(&mut recorder, &mut admin, folder)?;
    privacy(&mut recorder, &mut admin, &server, &set_up)?;
    results(&mut recorder, &mut admin, &mut reviewer, &set_up)?;
    server.stop()?;
    Ok(recorder.examples)
}

/// What the firm makes before anybody visits.
struct SetUp {
    chain_id: String,
    region_id: String,
    branch_id: String,
    wave_id: String,
}

fn set_up(recorder: &mut Recorder, admin: &mut Person) -> Outcome<SetUp> {
    let none = Value::Null;
    for (operation, path) in [("get_livez", "/livez"), ("get_readyz", "/readyz"), ("get_me", "/v1/me")] {
        recorder.call(admin, operation, "GET", path, &none)?;
    }
    let chain = json!({
        "code": "nurmeaken", "name": "Nurmeaken", "kind": "client", "locale": "et", "colour": "#2B6E5B",
        "recording_policy": "needs_proof",
    });
    let chain_id = text(&recorder.call(admin, "create_chain", "POST", "/v1/chains", &chain)?["id"])?;
    recorder.call(admin, "list_chains", "GET", "/v1/chains", &none)?;
    recorder.call(admin, "get_chain", "GET", &format!("/v1/chains/{chain_id}"), &none)?;
    let change = json!({"colour": "#1F4E79", "recording_policy": "needs_proof"});
    recorder.call(admin, "update_chain", "PATCH", &format!("/v1/chains/{chain_id}"), &change)?;
    let regions_path = format!("/v1/chains/{chain_id}/regions");
    let regions = json!({"regions": [{"code": "north", "name": "Northern Estonia"}]});
    let regions = recorder.call(admin, "create_regions", "POST", &regions_path, &regions)?;
    recorder.call(admin, "list_regions", "GET", &regions_path, &none)?;
    let branches = json!({"chain_id": chain_id, "branches": [
        {
            "code": "TLN-01", "name": "Nurmeaken Tallinn", "address": "Viru 1, Tallinn", "region": "north",
            "latitude": 59.4369, "longitude": 24.7536, "time_zone": "Europe/Tallinn", "format": "store",
        },
        {"code": "DESK", "name": "Nurmeaken call desk", "address": "+372 600 0000", "time_zone": "Europe/Tallinn", "format": "call_desk"},
    ]});
    let branches = recorder.call(admin, "create_branches", "POST", "/v1/branches", &branches)?;
    let branch_id = text(&branches["data"][0]["id"])?;
    recorder.call(admin, "list_branches", "GET", "/v1/branches", &none)?;
    recorder.call(admin, "get_branch", "GET", &format!("/v1/branches/{branch_id}"), &none)?;
    for (name, email, role, scope) in [
        (
            "Jaan Saar",
            "jaan@nurmeaken.example",
            "branch_manager",
            json!({"chain_id": chain_id, "branch_ids": [branch_id]}),
        ),
        ("Mari Kask", "mari@hobekaja.example", "auditor", json!({})),
        ("Tõnis Rebane", "tonis@hobekaja.example", "reviewer", json!({})),
    ] {
        let user =
            json!({"name": name, "email": email, "role": role, "scope": scope, "locale": "et", "password": PASSWORD});
        recorder.call(admin, "create_user", "POST", "/v1/users", &user)?;
    }
    recorder.call(admin, "list_users", "GET", "/v1/users", &none)?;
    recorder.call(admin, "check_standard", "POST", "/v1/standards/check", &standard())?;
    recorder.call(admin, "import_standard", "POST", "/v1/standards", &standard())?;
    let version = json!({"version": 1});
    recorder.call(admin, "publish_standard", "POST", "/v1/standards/short-visit/publish", &version)?;
    recorder.call(admin, "list_standards", "GET", "/v1/standards", &none)?;
    recorder.call(admin, "get_standard_version", "GET", "/v1/standards/short-visit/versions/1", &none)?;
    drafts(recorder, admin)?;
    let wave = json!({
        "chain_id": chain_id, "name": "2026 autumn", "kind": "regular", "opens_on": "2026-10-01", "closes_on": "2099-12-31",
    });
    let wave_id = text(&recorder.call(admin, "create_wave", "POST", "/v1/waves", &wave)?["id"])?;
    recorder.call(admin, "open_wave", "POST", &format!("/v1/waves/{wave_id}/open"), &none)?;
    recorder.call(admin, "list_waves", "GET", "/v1/waves", &none)?;
    recorder.call(admin, "get_wave", "GET", &format!("/v1/waves/{wave_id}"), &none)?;
    Ok(SetUp { chain_id, region_id: text(&regions["data"][0]["id"])?, branch_id, wave_id })
}

/// The next version, edited; the library; and scenarios.
fn drafts(recorder: &mut Recorder, admin: &mut Person) -> Outcome<()> {
    let (none, any) = (Value::Null, [("if-match", "*")]);
    let (first, draft) = ("/v1/standards/short-visit/versions/1", "/v1/standards/short-visit/versions/2");
    let of = json!({"version": 2});
    recorder.call(admin, "copy_standard_version", "POST", &format!("{first}/copy"), &of)?;
    let mut whole = standard();
    (whole["version"], whole["pass_bp"]) = (json!(2), json!(7500));
    recorder.call_with(admin, "put_standard_version", "PUT", draft, &any, &whole)?;
    let change = json!({"pass_bp": 7000});
    recorder.call_with(admin, "update_standard_version", "PATCH", draft, &any, &change)?;
    let item = json!({"from_bank": "BNK-01", "section": "shop", "weight": 2});
    let path = format!("{draft}/items/warned");
    recorder.call_with(admin, "put_standard_item", "PUT", &format!("{path}?before=offer"), &any, &item)?;
    recorder.call(admin, "compare_standard_versions", "GET", &format!("{first}/compare/2"), &none)?;
    recorder.call_with(admin, "delete_standard_item", "DELETE", &path, &any, &none)?;
    let other = json!({"id": "old-visit", "version": 1});
    admin.client.json("POST", &format!("{draft}/copy"), &admin.token, &other)?;
    admin.client.json("POST", "/v1/standards/old-visit/publish", &admin.token, &json!({"version": 1}))?;
    let retire = "/v1/standards/old-visit/versions/1/retire";
    recorder.call(admin, "retire_standard_version", "POST", retire, &none)?;
    for (operation, path) in [
        ("list_library_items", "items?dimension=information&limit=1"),
        ("get_library_item", "items/BNK-01"),
        ("list_library_scenarios", "scenarios?channel=phone&limit=1"),
        ("get_library_scenario", "scenarios/C3"),
    ] {
        recorder.call(admin, operation, "GET", &format!("/v1/library/{path}"), &none)?;
    }
    let both = |en: &str, et: &str| json!({"en": en, "et": et});
    let mut scenario = json!({
        "id": "gift", "title": both("A gift for a colleague", "Kingitus kolleegile"), "channel": "store_visit",
        "script": both("Ask for a gift and say nothing of the price.", "Küsi kingitust ja ära räägi hinnast."),
        "pass_criteria": [both("Was asked how much it may cost", "Küsiti, palju see maksta tohib")],
        "items": ["offer"],
    });
    recorder.call(admin, "create_scenario", "POST", "/v1/scenarios", &scenario)?;
    recorder.call(admin, "list_scenarios", "GET", "/v1/scenarios", &none)?;
    scenario.as_object_mut().ok_or("no object")?.remove("id");
    scenario["channel"] = json!("any");
    recorder.call_with(admin, "put_scenario", "PUT", "/v1/scenarios/gift", &any, &scenario)?;
    recorder.call(admin, "get_scenario", "GET", "/v1/scenarios/gift", &none)?;
    recorder.call(admin, "get_scenario_version", "GET", "/v1/scenarios/gift/versions/1", &none)?;
    Ok(())
}

/// Gives work to the auditor, who takes, hands back and declines some.
fn fieldwork(
    recorder: &mut Recorder,
    admin: &mut Person,
    auditor: &mut Person,
    set_up: &SetUp,
) -> Outcome<Vec<String>> {
    let none = Value::Null;
    let assignment = |auditor_id: Option<&str>| {
        let mut assignment = json!({
            "branch_id": set_up.branch_id, "standard_id": "short-visit", "standard_version": 1,
            "window_start": "2026-10-01T06:00:00Z", "window_end": "2099-12-31T18:00:00Z",
        });
        if let Some(id) = auditor_id {
            assignment["auditor_id"] = json!(id);
        }
        assignment
    };
    let given = Some(auditor.membership_id.as_str());
    let body = json!({"wave_id": set_up.wave_id, "assignments": [assignment(given), assignment(None)]});
    let added = recorder.call(admin, "create_assignments", "POST", "/v1/assignments", &body)?;
    let more =
        json!({"wave_id": set_up.wave_id, "assignments": [assignment(given), assignment(given), assignment(given)]});
    let more = recorder.call(admin, "create_assignments", "POST", "/v1/assignments", &more)?;
    let ids = [&added["data"][0]["id"], &more["data"][0]["id"], &more["data"][1]["id"], &more["data"][2]["id"]];
    let ids: Vec<_> = ids.into_iter().map(text).collect::<Outcome<_>>()?;
    recorder.call(auditor, "list_assignments", "GET", "/v1/assignments?mine=true&limit=1", &none)?;
    recorder.call(auditor, "get_assignment", "GET", &format!("/v1/assignments/{}", ids[0]), &none)?;
    let open = text(&added["data"][1]["id"])?;
    for (operation, verb) in [("claim_assignment", "claim"), ("hand_back_assignment", "hand-back")] {
        recorder.call(auditor, operation, "POST", &format!("/v1/assignments/{open}/{verb}"), &none)?;
    }
    recorder.call(auditor, "decline_assignment", "POST", &format!("/v1/assignments/{}/decline", ids[2]), &none)?;
    recorder.call(admin, "cancel_assignment", "POST", &format!("/v1/assignments/{open}/cancel"), &none)?;
    Ok(ids)
}

/// The auditor files a visit with a photo.
fn visit(
    recorder: &mut Recorder,
    auditor: &mut Person,
    reviewer: &mut Person,
    assignment_id: &str,
    root: &Path,
) -> Outcome<String> {
    let none = Value::Null;
    let visit = "7d3c5b0a-53f4-4c1e-9f0a-2f6f6d1f3a11";
    let photo = "b9a1b1f6-4f0e-4d57-8a3b-0f1d9f7c2e22";
    let bytes = std::fs::read(root.join("fixtures/media/front_nurmeaken_tallinn.jpg"))?;
    let body = json!({
        "assignment_id": assignment_id, "state": "submitted", "outcome": "completed",
        "answers": {
            "greeted": {"v": false, "comment": "Nobody looked up."}, "wait": {"v": 140},
            "front": {"v": 4}, "offer": {"v": ["asked", "showed"]}, "story": {"v": "Two assistants talked at the till."},
        },
        "evidence": [{
            "id": photo, "item_ids": ["front"], "kind": "photo", "file_name": "front.jpg",
            "sha256": hex(&Sha256::digest(&bytes)), "bytes": bytes.len(), "media_type": "image/jpeg",
            "captured_at": "2026-10-05T08:41:00Z",
        }],
        "device": {
            "at": "2026-10-05T09:00:00Z", "model": "Pixel 9", "os": "Android 16", "app": "example 1.0",
            "id": "5c0f1c34-8f53-4d7e-9a07-6e1d0a7b9c66",
        },
        "stay": {
            "arrived_at": "2026-10-05T08:39:00Z", "left_at": "2026-10-05T08:42:30Z", "answering_ms": 412_000,
            "positions": [{
                "at": "2026-10-05T08:40:00Z", "latitude": 59.43701, "longitude": 24.75344, "accuracy_m": 14.2,
                "is_mock": false,
            }],
        },
    });
    let path = format!("/v1/visits/{visit}");
    recorder.call_with(auditor, "put_visit", "PUT", &path, &[("if-none-match", "*")], &body)?;
    // What is found before the photo comes is found first.
    signal_of(reviewer, &path, "short_stay")?;
    let content = format!("/v1/evidence/{photo}/content");
    let headers = [("content-type", "application/octet-stream")];
    let stored = auditor.client.send(&request("PUT", &content, &auditor.token, &headers, &bytes))?.json()?;
    recorder.keep("put_evidence_content", &none, "200", &stored);
    // Until the photo is processed, the answer depends on who is faster.
    for _ in 0..200 {
        let view = auditor.client.json("GET", &path, &auditor.token, &none)?;
        if view["files"][0]["state"] == "processed" {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    signals(recorder, auditor, reviewer, &path)?;
    recorder.call(auditor, "get_visit", "GET", &path, &none)?;
    recorder.call(reviewer, "list_visits", "GET", "/v1/visits?state=submitted&evidence_complete=true", &none)?;
    recorder.call(reviewer, "get_visit_scores", "GET", &format!("{path}/scores"), &none)?;
    recorder.call(reviewer, "get_visit_receipt", "GET", &format!("{path}/receipt"), &none)?;
    recorder.call(reviewer, "get_keys", "GET", "/v1/keys", &none)?;
    recorder.call(auditor, "get_evidence_receipt", "GET", &format!("{path}/evidence-receipt"), &none)?;
    recorder.call(reviewer, "list_similar_evidence", "GET", &format!("/v1/evidence/{photo}/similar"), &none)?;
    let file = content.trim_end_matches("/content");
    let link = json!({"file": "preview_320"});
    recorder.call(reviewer, "create_evidence_link", "POST", &format!("{file}/links"), &link)?;
    recorder.call(reviewer, "update_evidence", "PATCH", file, &json!({"chain_visible": true}))?;
    consents(recorder, auditor, reviewer, visit)?;
    Ok(visit.to_owned())
}

/// The auditor begins a visit with a recording, and writes down what is said in it.
fn transcript(
    recorder: &mut Recorder,
    auditor: &mut Person,
    reviewer: &mut Person,
    assignment_id: &str,
    root: &Path,
) -> Outcome<()> {
    let none = Value::Null;
    let call = "d1c3d3b8-6b2a-4f79-8c5d-2b3f9e4a5c66";
    let bytes = std::fs::read(root.join("fixtures/media/call_et_coffee_good.m4a"))?;
    let body = json!({
        "assignment_id": assignment_id, "state": "draft", "answers": {},
        "evidence": [{"id": call, "item_ids": [], "kind": "recording", "file_name": "call.m4a"}],
    });
    let visit = "/v1/visits/2a7b5a5f-9e2c-4c6f-8b88-ad1e6f7a8b99";
    recorder.call_with(auditor, "put_visit", "PUT", visit, &[("if-none-match", "*")], &body)?;
    let path = format!("/v1/evidence/{call}");
    let headers = [("content-type", "application/octet-stream")];
    auditor.client.send(&request("PUT", &format!("{path}/content"), &auditor.token, &headers, &bytes))?.json()?;
    // What came with the manifest counts when the visit is filed.
    let consent = json!({
        "visit_id": "2a7b5a5f-9e2c-4c6f-8b88-ad1e6f7a8b99", "basis": "spoken_notice",
        "given_at": "2026-10-05T08:50:00Z", "notice": "This call is recorded.", "given_by": "the shift lead",
    });
    auditor.client.json("POST", "/v1/consents", &auditor.token, &consent)?;
    // Until it is processed, its length is not known.
    for _ in 0..200 {
        if auditor.client.json("GET", visit, &auditor.token, &none)?["files"][0]["state"] == "processed" {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    let text = "WEBVTT\n\n00:02.000 --> 00:07.000\n<v Töötaja>Tere päevast! Kuidas saan aidata?\n\n\
        00:52.000 --> 00:56.000\n<v Töötaja>Kas saan veel millegagi aidata?\n";
    let put = format!("{path}/transcript?language=et");
    let put = request("PUT", &put, &auditor.token, &[("content-type", "text/vtt")], text.as_bytes());
    let attached = auditor.client.send(&put)?.json()?;
    recorder.keep("put_evidence_transcript", &none, "200", &attached);
    recorder.call(reviewer, "get_evidence_transcript", "GET", &format!("{path}/transcript"), &none)?;
    recorder.call(reviewer, "search_transcripts", "GET", "/v1/transcripts?q=veel%20aid", &none)?;
    recorder.call(reviewer, "get_evidence_waveform", "GET", &format!("{path}/waveform"), &none)?;
    recorder.call(reviewer, "list_suggestions", "GET", &format!("{visit}/suggestions"), &none)?;
    auditor.client.send(&request("DELETE", &format!("{path}/transcript"), &auditor.token, &[], &[]))?;
    let spoken = json!({"language": "et"});
    recorder.call(reviewer, "create_transcription", "POST", &format!("{path}/transcription"), &spoken)?;
    recorder.call(reviewer, "get_transcription", "GET", &format!("{path}/transcription"), &none)?;
    Ok(())
}

/// Those who are recorded are told, and one of them thinks again.
fn consents(recorder: &mut Recorder, auditor: &mut Person, reviewer: &mut Person, visit: &str) -> Outcome<()> {
    let none = Value::Null;
    let consent = json!({
        "visit_id": visit, "basis": "spoken_notice", "given_at": "2026-10-05T08:50:00Z", "country": "EE",
        "given_by": "the employee at the till", "notice": "This conversation is recorded to improve our service.",
    });
    let consent = recorder.call(auditor, "create_consent", "POST", "/v1/consents", &consent)?;
    let path = format!("/v1/consents/{}", text(&consent["id"])?);
    recorder.call(reviewer, "list_consents", "GET", "/v1/consents?limit=1", &none)?;
    recorder.call(reviewer, "get_consent", "GET", &path, &none)?;
    let reason = json!({"reason": "The employee asked us to leave it out."});
    recorder.call(reviewer, "withdraw_consent", "POST", &format!("{path}/withdraw"), &reason)?;
    Ok(())
}

/// Waits for a signal of a visit, and gives its id.
fn signal_of(reviewer: &mut Person, visit: &str, code: &str) -> Outcome<String> {
    for _ in 0..200 {
        let found = reviewer.client.json("GET", &format!("{visit}/signals"), &reviewer.token, &Value::Null)?;
        let found = found["data"].as_array().ok_or("no list of signals")?;
        if let Some(signal) = found.iter().find(|signal| signal["code"] == code) {
            return text(&signal["id"]);
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    Err("no signal".into())
}

/// The reviewer asks about the short stay, and thinks the answer good.
fn signals(recorder: &mut Recorder, auditor: &mut Person, reviewer: &mut Person, visit: &str) -> Outcome<()> {
    let (none, list) = (Value::Null, format!("{visit}/signals"));
    // Signals of the photo come after those of the visit.
    signal_of(reviewer, visit, "capture_time")?;
    let signal = signal_of(reviewer, visit, "short_stay")?;
    let path = |verb: &str| format!("/v1/signals/{signal}/{verb}");
    recorder.call(reviewer, "list_signals", "GET", &list, &none)?;
    recorder.call(reviewer, "share_signal", "POST", &path("share"), &none)?;
    let answer = json!({"answer": "They closed for stocktaking and asked me to leave."});
    recorder.call(auditor, "answer_signal", "POST", &path("answer"), &answer)?;
    let verdict = json!({"verdict": "wrong", "note": "The note on the door says the same."});
    recorder.call(reviewer, "judge_signal", "POST", &path("verdict"), &verdict)?;
    recorder.call(reviewer, "get_signal_precision", "GET", "/v1/signals/precision", &none)?;
    Ok(())
}

/// The auditor begins a visit whose photo will never come.
fn lost_file(recorder: &mut Recorder, auditor: &mut Person, assignment_id: &str) -> Outcome<()> {
    let photo = "c0b2c2a7-5a1f-4e68-9b4c-1a2e8d3f4b55";
    let body = json!({
        "assignment_id": assignment_id, "state": "draft", "answers": {},
        "evidence": [{"id": photo, "item_ids": ["front"], "kind": "photo", "file_name": "front.jpg"}],
    });
    let path = "/v1/visits/1f6a4f4e-8d1b-4b5e-8a77-9c0d5e6f7a88";
    recorder.call_with(auditor, "put_visit", "PUT", path, &[("if-none-match", "*")], &body)?;
    // From a phone that had no network, and from another one that did not know of the first.
    let change = |greeted: bool| {
        let mut visit = body.clone();
        visit["answers"] = json!({"greeted": {"v": greeted}});
        json!({"visit_id": &path[11..], "if_match": "\"1\"", "visit": visit})
    };
    let clocks = json!({"at": "2026-10-05T09:00:00Z", "monotonic_ms": 81_220_400});
    let push = json!({"items": [change(true), change(false)], "device": clocks});
    recorder.call(auditor, "push_visits", "POST", "/v1/sync/push", &push)?;
    recorder.call(auditor, "list_changes", "GET", "/v1/sync/changes", &Value::Null)?;
    let reason = json!({"reason": "The phone fell into the water."});
    recorder.call(auditor, "lose_evidence", "POST", &format!("/v1/evidence/{photo}/lost"), &reason)?;
    Ok(())
}

/// The reviewer goes every way once, and publishes in the end.
fn review(
    recorder: &mut Recorder,
    auditor: &mut Person,
    reviewer: &mut Person,
    assignments: &[String],
    visit: &str,
) -> Outcome<()> {
    let none = Value::Null;
    let path = |verb: &str| format!("/v1/visits/{visit}/{verb}");
    recorder.call(reviewer, "review_visit", "POST", &path("review"), &json!({"take_over": false}))?;
    recorder.call(reviewer, "release_visit", "POST", &path("release"), &none)?;
    recorder.call(reviewer, "review_visit", "POST", &path("review"), &json!({"take_over": false}))?;
    let order = json!({
        "items": [{"item_id": "story", "reason": "Please say which till it was."}],
        "due_at": "2099-12-31T20:00:00Z",
    });
    recorder.call(reviewer, "return_visit", "POST", &path("return"), &order)?;
    let view = auditor.client.json("GET", &format!("/v1/visits/{visit}"), &auditor.token, &none)?;
    let etag = text(&view["etag"])?;
    let mut again = recorder.examples["put_visit"]["request"].clone();
    again["answers"]["story"]["v"] = json!("Two assistants talked at the till by the door.");
    again["assignment_id"] = json!(assignments[0]);
    recorder.call_with(auditor, "put_visit", "PUT", &format!("/v1/visits/{visit}"), &[("if-match", &etag)], &again)?;
    recorder.call(reviewer, "review_visit", "POST", &path("review"), &json!({"take_over": false}))?;
    desk(recorder, auditor, reviewer, visit)?;
    let reason = json!({"reason": "The receipt is of another shop."});
    recorder.call(reviewer, "reject_visit", "POST", &path("reject"), &reason)?;
    let reason = json!({"reason": "It was the right shop after all: the receipt has the old name."});
    recorder.call(reviewer, "reopen_visit", "POST", &path("reopen"), &reason)?;
    recorder.call(reviewer, "approve_visit", "POST", &path("approve"), &json!({}))?;
    recorder.call(reviewer, "publish_visit", "POST", &path("publish"), &none)?;
    let reason = json!({"reason": "Published by mistake before the wave ended."});
    recorder.call(reviewer, "unpublish_visit", "POST", &path("unpublish"), &reason)?;
    recorder.call(reviewer, "publish_visit", "POST", &path("publish"), &none)?;
    Ok(())
}

/// The wave is previewed and published, and the branch appeals.
fn appeals(
    recorder: &mut Recorder,
    admin: &mut Person,
    reviewer: &mut Person,
    server: &Server,
    set_up: &SetUp,
    visit: &str,
) -> Outcome<()> {
    let none = Value::Null;
    let told = json!({"reason": "The preview was skipped.", "public_reason": "It is looked at once more."});
    reviewer.client.json("POST", &format!("/v1/visits/{visit}/unpublish"), &reviewer.token, &told)?;
    recorder.call(reviewer, "get_visit_preview", "GET", &format!("/v1/visits/{visit}/preview"), &none)?;
    let wave = format!("/v1/waves/{}", set_up.wave_id);
    recorder.call(reviewer, "list_wave_preview", "GET", &format!("{wave}/preview"), &none)?;
    let these = json!({"visit_ids": [visit]});
    recorder.call(reviewer, "publish_wave", "POST", &format!("{wave}/publish"), &these)?;
    recorder.call(reviewer, "get_wave_checklist", "GET", &format!("{wave}/checklist"), &none)?;
    let mut jaan = recorder.sign_in(server, "jaan@nurmeaken.example", PASSWORD)?;
    let results = jaan.client.json("GET", "/v1/results", &jaan.token, &none)?;
    let path = format!("/v1/results/{}/appeals", text(&results["data"][0]["result_id"])?);
    let items = json!({"items": [
        {"item_id": "greeted", "reason": "The greeting is on our own camera."},
        {"item_id": "wait", "reason": "The till was closed for lunch."},
        {"item_id": "front", "reason": "The window was cleaned on the next day."},
    ]});
    let filed = recorder.call(&mut jaan, "create_appeal", "POST", &path, &items)?;
    let ids: Vec<_> = (0..3).map(|n| text(&filed["data"][n]["id"])).collect::<Outcome<_>>()?;
    let appeal = |n: usize| format!("/v1/appeals/{}", ids[n]);
    let file = format!("{}/files/2b6c1d7e-3f0a-4c55-9d21-6a7b8c9d0e1f", appeal(0));
    let headers = [("content-type", "application/pdf")];
    let bytes = b"%PDF-1.7 A still of the camera at the door.";
    let stored = jaan.client.send(&request("PUT", &file, &jaan.token, &headers, bytes))?.json()?;
    recorder.keep("put_appeal_file", &none, "200", &stored);
    recorder.call(
        &mut jaan,
        "create_appeal_file_link",
        "POST",
        &format!("{file}/links"),
        &json!({"download": true}),
    )?;
    recorder.call(&mut jaan, "withdraw_appeal", "POST", &format!("{}/withdraw", appeal(2)), &none)?;
    let upheld = json!({"answer": {"v": true}, "reason": "The still shows it."});
    recorder.call(admin, "uphold_appeal", "POST", &format!("{}/uphold", appeal(0)), &upheld)?;
    let declined = json!({"reason": "The opening hours at the door say otherwise."});
    recorder.call(admin, "decline_appeal", "POST", &format!("{}/decline", appeal(1)), &declined)?;
    recorder.call(admin, "get_appeal", "GET", &appeal(0), &none)?;
    recorder.call(&mut jaan, "list_appeals", "GET", "/v1/appeals?limit=1&state=upheld", &none)?;
    recorder.call(admin, "get_appeal_rates", "GET", "/v1/appeals/rates?by=branch", &none)?;
    Ok(())
}

/// Two visits are scored a second time: one is, the other cannot be.
fn second_scorings(
    recorder: &mut Recorder,
    admin: &mut Person,
    auditor: &mut Person,
    reviewer: &mut Person,
    set_up: &SetUp,
) -> Outcome<()> {
    let none = Value::Null;
    let wave = format!("/v1/waves/{}", set_up.wave_id);
    recorder.call(admin, "update_wave", "PATCH", &wave, &json!({"double_scoring_bp": 10_000}))?;
    let assignment = json!({
        "branch_id": set_up.branch_id, "standard_id": "short-visit", "standard_version": 1,
        "auditor_id": auditor.membership_id,
        "window_start": "2026-10-01T06:00:00Z", "window_end": "2099-12-31T18:00:00Z",
    });
    let body = json!({"wave_id": set_up.wave_id, "assignments": [assignment.clone(), assignment]});
    let added = admin.client.json("POST", "/v1/assignments", &admin.token, &body)?;
    let mut filed = recorder.examples["put_visit"]["request"].clone();
    let visits = ["3b8c6c60-7d3e-4a5f-8c11-5d4e3c2b1a01", "4c9d7d71-8e4f-4b60-9d22-6e5f4d3c2b02"];
    for (at, visit) in visits.into_iter().enumerate() {
        filed["assignment_id"] = added["data"][at]["id"].clone();
        filed["state"] = json!("submitted");
        let photo = ["5d0e8e82-9f50-4c71-8e33-7f605e4d3c03", "6e1f9f93-a061-4d82-9f44-80716f5e4d04"][at];
        filed["evidence"][0]["id"] = json!(photo);
        let path = format!("/v1/visits/{visit}");
        let headers = [("content-type", "application/json"), ("if-none-match", "*")];
        let put = request("PUT", &path, &auditor.token, &headers, &serde_json::to_vec(&filed)?);
        auditor.client.send(&put)?.json()?;
        let lost = json!({"reason": "The phone fell into the water."});
        auditor.client.json("POST", &format!("/v1/evidence/{photo}/lost"), &auditor.token, &lost)?;
        reviewer.client.json("POST", &format!("{path}/review"), &reviewer.token, &none)?;
    }
    let path = format!("/v1/visits/{}/second-scoring", visits[0]);
    recorder.call(admin, "list_second_scorings", "GET", "/v1/second-scorings?limit=1", &none)?;
    let answers = json!({"answers": {
        "greeted": {"v": true, "comment": "Somebody nods at the back."}, "front": {"v": 4}, "wait": {"v": 150},
    }});
    recorder.call(admin, "put_second_scoring", "PUT", &path, &answers)?;
    recorder.call(admin, "get_second_scoring", "GET", &path, &none)?;
    recorder.call(admin, "submit_second_scoring", "POST", &format!("{path}/submit"), &none)?;
    let reason = json!({"reason": "Nothing but the questionnaire is there to score by."});
    let other = format!("/v1/visits/{}/second-scoring/drop", visits[1]);
    recorder.call(admin, "drop_second_scoring", "POST", &other, &reason)?;
    let approve = format!("/v1/visits/{}/approve", visits[0]);
    reviewer.client.json("POST", &approve, &reviewer.token, &json!({}))?;
    let agreement = "/v1/agreement?standard_id=short-visit&version=1";
    recorder.call(reviewer, "get_agreement", "GET", agreement, &none)?;
    admin.client.json("PATCH", &wave, &admin.token, &json!({"double_scoring_bp": 0}))?;
    Ok(())
}

/// The auditor reads what happened, and says how to be told.
fn notices(recorder: &mut Recorder, auditor: &mut Person, set_up: &SetUp) -> Outcome<()> {
    let none = Value::Null;
    // The last thing that happened was that a visit was approved.
    for _ in 0..200 {
        let list = auditor.client.json("GET", "/v1/notices?limit=1", &auditor.token, &none)?;
        if list["data"][0]["kind"] == "visit_approved" && list["data"][0]["wave_id"] == json!(set_up.wave_id) {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    let list = recorder.call(auditor, "list_notices", "GET", "/v1/notices?limit=2", &none)?;
    let newest = text(&list["data"][0]["id"])?;
    recorder.call(auditor, "read_notice", "POST", &format!("/v1/notices/{newest}/read"), &none)?;
    recorder.call(auditor, "read_notices", "POST", "/v1/notices/read", &json!({"until_id": newest}))?;
    let settings = json!({"digest": "daily", "kinds": [
        {"kind": "visit_returned", "in_app": true, "email": true},
        {"kind": "assignment_given", "in_app": true, "email": false},
    ]});
    recorder.call(auditor, "put_notice_settings", "PUT", "/v1/me/notice-settings", &settings)?;
    recorder.call(auditor, "get_notice_settings", "GET", "/v1/me/notice-settings", &none)?;
    Ok(())
}

/// The reviewer looks at everything, asks, and corrects an answer.
fn desk(recorder: &mut Recorder, auditor: &mut Person, reviewer: &mut Person, visit: &str) -> Outcome<()> {
    let none = Value::Null;
    let path = |verb: &str| format!("/v1/visits/{visit}/{verb}");
    recorder.call(reviewer, "list_review_queue", "GET", "/v1/review-queue?taken=mine", &none)?;
    let question = json!({"item_id": "front", "text": "Was the left window lit?"});
    let asked = recorder.call(reviewer, "create_question", "POST", &path("questions"), &question)?;
    let asked = format!("/v1/questions/{}", text(&asked["id"])?);
    let answer = json!({"text": "No, it was dark on both sides."});
    recorder.call(auditor, "add_question_message", "POST", &format!("{asked}/messages"), &answer)?;
    recorder.call(reviewer, "list_questions", "GET", &path("questions"), &none)?;
    recorder.call(reviewer, "close_question", "POST", &format!("{asked}/close"), &none)?;
    let mut change = json!({"item_id": "front", "answer": {"v": 3}});
    let draft = json!({"base_revision": 2, "changes": [change]});
    recorder.call(reviewer, "put_correction_draft", "PUT", &path("correction"), &draft)?;
    recorder.call(reviewer, "get_correction_draft", "GET", &path("correction"), &none)?;
    recorder.call(reviewer, "delete_correction_draft", "DELETE", &path("correction"), &none)?;
    change["reason"] = json!("Both windows were dark, as the auditor says.");
    let correction = json!({"base_revision": 2, "changes": [change]});
    recorder.call(reviewer, "correct_visit", "POST", &path("correct"), &correction)?;
    recorder.call(auditor, "list_revisions", "GET", &path("revisions"), &none)?;
    recorder.call(reviewer, "get_review_view", "GET", &path("review"), &none)?;
    let reason = json!({"reason": "It was another shop of the chain.", "payable": true});
    recorder.call(reviewer, "exclude_visit", "POST", &path("exclude"), &reason)?;
    let reason = json!({"reason": "It was the right shop after all."});
    recorder.call(reviewer, "include_visit", "POST", &path("include"), &reason)?;
    let reason = json!({"reason": "The phone had no network for a week."});
    recorder.call(reviewer, "clear_quarantine", "POST", &path("clear-quarantine"), &reason)?;
    Ok(())
}

/// Somebody new is invited, guards the account, makes a key for a program, and leaves.
fn account(recorder: &mut Recorder, admin: &mut Person, server: &Server, folder: &Path) -> Outcome<()> {
    let none = Value::Null;
    let email = "liis@hobekaja.example";
    let user = json!({"name": "Liis Tamm", "email": email, "role": "reviewer", "locale": "en"});
    let user = admin.client.json("POST", "/v1/users", &admin.token, &user)?;
    let user = format!("/v1/users/{}", text(&user["membership_id"])?);
    letter_code(folder, 1)?;
    recorder.call(admin, "invite_user", "POST", &format!("{user}/invite"), &none)?;
    let accept = json!({"token": letter_code(folder, 2)?, "password": PASSWORD, "name": "Liis"});
    recorder.call(admin, "accept_invitation", "POST", "/v1/invitations/accept", &accept)?;
    let change = json!({"name": "Liis Tamm-Kask", "enabled": true});
    recorder.call(admin, "update_user", "PATCH", &user, &change)?;
    recorder.call(admin, "get_firm", "GET", "/v1/firm", &none)?;
    recorder.call(admin, "update_firm", "PATCH", "/v1/firm", &json!({"require_totp": false}))?;

    let mut liis = recorder.sign_in(server, email, PASSWORD)?;
    let again = json!({"email": email, "password": PASSWORD});
    let headers = [("content-type", "application/json"), ("user-agent", "Peegel phone 1.0")];
    let phone = request("POST", "/v1/sessions", "", &headers, &serde_json::to_vec(&again)?);
    let phone = liis.client.send(&phone)?.json()?;
    let refresh = json!({"refresh_token": phone["refresh_token"]});
    recorder.call_with(&mut liis, "refresh_session", "POST", "/v1/sessions/refresh", &headers[1..], &refresh)?;
    recorder.call(&mut liis, "list_sessions", "GET", "/v1/sessions", &none)?;
    let phone = format!("/v1/sessions/{}", text(&phone["session_id"])?);
    recorder.call(&mut liis, "end_session", "DELETE", &phone, &none)?;

    let begun = recorder.call(&mut liis, "begin_totp", "POST", "/v1/me/totp", &json!({"password": PASSWORD}))?;
    let secret = text(&begun["secret"])?;
    // The codes of three steps count at any time, each once.
    let code = |step: i64| -> Outcome<String> {
        #[expect(clippy::disallowed_methods, reason = "the phone's clock")]
        let at = u64::try_from(Utc::now().timestamp() + 30 * step)?;
        let secret = totp_rs::Secret::try_from_base32(&secret).map_err(|_| "no base32")?;
        Ok(totp_rs::Builder::new().with_secret(secret).build_noncompliant().generate(at).to_string())
    };
    let confirm = json!({"code": code(-1)?});
    recorder.call(&mut liis, "confirm_totp", "POST", "/v1/me/totp/confirm", &confirm)?;
    let both = json!({"password": PASSWORD, "code": code(0)?});
    recorder.call(&mut liis, "renew_recovery_codes", "POST", "/v1/me/recovery-codes", &both)?;
    let both = json!({"password": PASSWORD, "code": code(1)?});
    recorder.call(&mut liis, "remove_totp", "POST", "/v1/me/totp/remove", &both)?;

    #[expect(clippy::disallowed_methods, reason = "a key ends within a year of now")]
    let expires_on = (Utc::now() + Duration::days(200)).date_naive();
    let key = json!({
        "name": "Dashboard of the head office", "rights": ["read_chains", "read_results"], "expires_on": expires_on,
        "password": PASSWORD,
    });
    let key = recorder.call(&mut liis, "create_api_key", "POST", "/v1/api-keys", &key)?;
    recorder.call(&mut liis, "list_api_keys", "GET", "/v1/api-keys", &none)?;
    let key = format!("/v1/api-keys/{}", text(&key["id"])?);
    recorder.call(&mut liis, "revoke_api_key", "DELETE", &key, &none)?;

    let change = json!({"current_password": PASSWORD, "new_password": "neli juhuslikku sõna"});
    recorder.call(&mut liis, "change_password", "POST", "/v1/me/password", &change)?;
    let email = json!({"email": email});
    recorder.call(&mut liis, "request_password_reset", "POST", "/v1/password-resets", &email)?;
    let finish = json!({"token": letter_code(folder, 3)?, "password": PASSWORD});
    recorder.call(&mut liis, "finish_password_reset", "POST", "/v1/password-resets/finish", &finish)?;
    recorder.call(admin, "sign_out_user", "POST", &format!("{user}/sign-out"), &none)?;
    Ok(())
}

/// Waits until there are `count` letters with a one-time code, and gives the last one.
fn letter_code(folder: &Path, count: usize) -> Outcome<String> {
    for _ in 0..200 {
        let entries = std::fs::read_dir(folder.join("outbox")).into_iter().flatten();
        let mut paths: Vec<_> = entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>()?;
        paths.retain(|path| path.extension().is_some_and(|extension| extension == "eml"));
        paths.sort();
        let letters = paths.iter().map(std::fs::read_to_string).collect::<Result<Vec<_>, _>>()?;
        let mut codes = letters.iter().filter_map(|letter| letter.split_once("pgl_lnk_"));
        if let Some((_, code)) = codes.nth(count - 1) {
            let code: String = code.chars().take_while(char::is_ascii_alphanumeric).collect();
            return Ok(format!("pgl_lnk_{code}"));
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    Err("a letter does not come".into())
}

/// Work that was given up, which no walk through the API makes.
fn jobs(recorder: &mut Recorder, admin: &mut Person, folder: &Path) -> Outcome<()> {
    let given_up = "INSERT INTO jobs (id, firm_id, kind, payload, state, run_at, attempts, last_error, created_at) \
        SELECT unhex('01900000000070008000' || hex(substr(id, 11))), id, 'evidence.process', '{\"evidence_id\": \"01900000-0000-7000-8000-000000000000\"}', \
        'dead', created_at, 8, 'the worker ended before the job did, every time', created_at FROM firms";
    let database = format!("sqlite://{}", folder.join("peegel.db").display());
    tokio::runtime::Runtime::new()?.block_on(async {
        Database::connect(database).await?.execute_unprepared(given_up).await?;
        Ok::<_, sea_orm::DbErr>(())
    })?;
    let dead = recorder.call(admin, "list_jobs", "GET", "/v1/jobs?state=dead", &Value::Null)?;
    let path = format!("/v1/jobs/{}/retry", text(&dead["data"][0]["id"])?);
    recorder.call(admin, "retry_job", "POST", &path, &Value::Null)?;
    Ok(())
}

/// How long data is kept, a hold, and somebody who is erased.
fn privacy(recorder: &mut Recorder, admin: &mut Person, server: &Server, set_up: &SetUp) -> Outcome<()> {
    let none = Value::Null;
    let of_firm = json!({"days": {"photos": 400, "recordings": 90, "exif": 90, "positions": 90, "free_text": 400}});
    recorder.call(admin, "put_firm_retention", "PUT", "/v1/firm/retention", &of_firm)?;
    recorder.call(admin, "get_firm_retention", "GET", "/v1/firm/retention", &none)?;
    let path = format!("/v1/chains/{}/retention", set_up.chain_id);
    recorder.call(admin, "put_chain_retention", "PUT", &path, &json!({"days": {"recordings": 30}}))?;
    recorder.call(admin, "get_chain_retention", "GET", &path, &none)?;
    let hold = json!({"on": "branch", "object_id": set_up.branch_id, "reason": "A complaint about the till is open."});
    let hold = recorder.call(admin, "create_hold", "POST", "/v1/holds", &hold)?;
    recorder.call(admin, "list_holds", "GET", "/v1/holds?in_force=true", &none)?;
    let release = format!("/v1/holds/{}/release", text(&hold["id"])?);
    recorder.call(admin, "release_hold", "POST", &release, &none)?;
    let email = "peeter@hobekaja.example";
    let leaver =
        json!({"name": "Peeter Kask", "email": email, "role": "auditor", "locale": "et", "password": PASSWORD});
    let leaver = admin.client.json("POST", "/v1/users", &admin.token, &leaver)?;
    let leaver = format!("/v1/users/{}", text(&leaver["membership_id"])?);
    recorder.call(admin, "export_user_data", "GET", &format!("{leaver}/data"), &none)?;
    let mut peeter = recorder.sign_in(server, email, PASSWORD)?;
    recorder.call(&mut peeter, "export_my_data", "GET", "/v1/me/data", &none)?;
    let erase = format!("{leaver}/erase");
    recorder.call(admin, "erase_user", "POST", &erase, &json!({"email": email, "reason": "request"}))?;
    for _ in 0..200 {
        let list = admin.client.json("GET", "/v1/erasures", &admin.token, &none)?;
        if list["data"][0]["state"] == "done" {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    recorder.call(admin, "list_erasures", "GET", "/v1/erasures", &none)?;
    let purges = recorder.call(admin, "list_purges", "GET", "/v1/purges", &none)?;
    let lines = format!("/v1/purges/{}/lines", text(&purges["data"][0]["id"])?);
    recorder.call(admin, "list_purge_lines", "GET", &lines, &none)?;
    Ok(())
}

/// What the chain reads, and the end of the wave.
fn results(recorder: &mut Recorder, admin: &mut Person, reviewer: &mut Person, set_up: &SetUp) -> Outcome<()> {
    let none = Value::Null;
    let SetUp { chain_id, region_id, branch_id, wave_id } = set_up;
    for (operation, path) in [
        ("get_branch_scorecard", format!("/v1/branches/{branch_id}/scorecard?lang=en")),
        ("get_chain_scorecard", format!("/v1/chains/{chain_id}/scorecard?lang=en")),
        ("get_region_scorecard", format!("/v1/regions/{region_id}/scorecard?lang=en")),
    ] {
        recorder.call(reviewer, operation, "GET", &path, &none)?;
    }
    let list = recorder.call(reviewer, "list_results", "GET", "/v1/results", &none)?;
    let result = format!("/v1/results/{}", text(&list["data"][0]["result_id"])?);
    recorder.call(reviewer, "get_result", "GET", &result, &none)?;
    recorder.call(reviewer, "get_result_receipt", "GET", &format!("{result}/receipt"), &none)?;
    let size = json!({"size": "1600"});
    recorder.call(reviewer, "create_result_photo_link", "POST", &format!("{result}/photos/1/links"), &size)?;
    let link = json!({"wave_id": wave_id, "lang": "en"});
    let links = format!("/v1/branches/{branch_id}/action-plan/links");
    recorder.call(reviewer, "create_action_plan_link", "POST", &links, &link)?;
    let plan = format!("/v1/branches/{branch_id}/action-plan?lang=en");
    let plan = recorder.call(reviewer, "get_action_plan", "GET", &plan, &none)?;
    let action = &plan["actions"][0];
    let (path, etag) = (format!("/v1/actions/{}", text(&action["id"])?), text(&action["etag"])?);
    let change = json!({"owner": "Jaan Saar", "due_on": "2026-11-01", "state": "open"});
    recorder.call_with(reviewer, "update_action", "PATCH", &path, &[("if-match", &etag)], &change)?;
    recorder.call(admin, "list_events", "GET", "/v1/events?limit=3", &none)?;
    rehearsal(recorder, admin)?;
    let despite = json!({"despite": true, "reason": "The last visits were cancelled with the branch."});
    recorder.call(admin, "close_wave", "POST", &format!("/v1/waves/{wave_id}/close"), &despite)?;
    // Somebody known already is invited to a second role.
    let second = json!({"name": "Kadri Lepp", "email": "kadri@hobekaja.example", "role": "auditor", "locale": "et"});
    recorder.call(admin, "create_user", "POST", "/v1/users", &second)?;
    let me = admin.client.json("GET", "/v1/me", &admin.token, &none)?;
    let accept = format!("/v1/memberships/{}/accept", text(&me["invitations"][0]["membership_id"])?);
    recorder.call(admin, "accept_membership", "POST", &accept, &none)?;
    recorder.call(admin, "delete_session", "DELETE", "/v1/sessions", &none)?;
    Ok(())
}

/// A second version of the standard on what is published.
fn rehearsal(recorder: &mut Recorder, admin: &mut Person) -> Outcome<()> {
    let none = Value::Null;
    let mut candidate = standard();
    candidate["version"] = json!(2);
    candidate["items"][1]["weight"] = json!(3);
    let asked = json!({"standard": candidate, "seed": 1});
    let asked = recorder.call(admin, "create_rehearsal", "POST", "/v1/rehearsals", &asked)?;
    let path = format!("/v1/rehearsals/{}", text(&asked["id"])?);
    for _ in 0..200 {
        if admin.client.json("GET", &path, &admin.token, &none)?["state"] == "done" {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    recorder.call(admin, "get_rehearsal", "GET", &path, &none)?;
    recorder.call(admin, "list_rehearsals", "GET", "/v1/rehearsals", &none)?;
    recorder.call(admin, "get_rehearsal_report", "GET", &format!("{path}/report"), &none)?;
    Ok(())
}

/// A standard short enough to be read in the document.
fn standard() -> Value {
    let both = |en: &str, et: &str| json!({"en": en, "et": et});
    json!({
        "format": "peegel.standard/1", "id": "short-visit", "version": 1, "languages": ["en", "et"],
        "title": both("Short visit", "Lühike külastus"), "aggregation": "pooled", "pass_bp": 8000,
        "bands": [
            {"min_bp": 8000, "label": "A", "title": both("Good", "Hea")},
            {"min_bp": 0, "label": "B", "title": both("Weak", "Nõrk")},
        ],
        "dimensions": [
            {"id": "politeness", "title": both("Politeness", "Viisakus")},
            {"id": "speed", "title": both("Speed", "Kiirus")},
        ],
        "sections": [{"id": "shop", "weight": 100, "title": both("In the shop", "Poes")}],
        "items": [
            {
                "id": "greeted", "section": "shop", "type": "yes_no", "weight": 4,
                "text": both("An assistant greeted the visitor first", "Müüja tervitas esimesena"),
                "advice": both("Look up and say hello before the visitor does.", "Tervitage enne külastajat."),
                "dimensions": [{"id": "politeness"}], "critical": {"scope": "visit", "cap_bp": 6000},
            },
            {
                "id": "wait", "section": "shop", "type": "numeric", "weight": 3, "unit": "s", "min": 0,
                "steps": [[60, 10000], [180, 5000]], "otherwise_bp": 0,
                "text": both("Seconds until served", "Sekundeid teenindamiseni"),
                "advice": both("Open a second till when three people wait.", "Avage kolme ootaja korral teine kassa."),
                "dimensions": [{"id": "speed"}],
            },
            {
                "id": "front", "section": "shop", "type": "rating", "weight": 2, "min": 1, "max": 5, "map": "linear",
                "text": both("How tidy the shop front is", "Kui korras on poe esine"),
                "evidence": "always", "evidence_kind": "photo",
            },
            {
                "id": "offer", "section": "shop", "type": "multi", "weight": 2, "mode": "sum",
                "text": both("What the assistant did", "Mida müüja tegi"), "dimensions": [{"id": "politeness"}],
                "options": [
                    {"id": "asked", "points": 40, "text": both("Asked what is needed", "Küsis soovi")},
                    {"id": "showed", "points": 40, "text": both("Showed the goods", "Näitas kaupa")},
                    {"id": "tried", "points": 20, "text": both("Let the visitor try", "Lasi proovida")},
                ],
            },
            {
                "id": "story", "section": "shop", "type": "text", "weight": 0, "required": false,
                "text": both("What happened", "Mis juhtus"),
            },
        ],
    })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Gives ids, times, hashes and tokens the same values in every run, equal ones the same.
#[derive(Default)]
struct Replacer {
    known: BTreeMap<String, String>,
    counts: BTreeMap<&'static str, u32>,
    /// Times of requests; they are the same in every run already.
    given: BTreeSet<DateTime<Utc>>,
    /// Times of answers; they keep their order.
    passed: BTreeSet<DateTime<Utc>>,
}

impl Replacer {
    fn replace(&mut self, examples: &mut BTreeMap<String, Value>) -> Outcome<()> {
        for example in examples.values() {
            times(&example["request"], &mut self.given);
            times(&example["responses"], &mut self.passed);
        }
        for example in examples.values_mut() {
            self.value("", example)?;
        }
        Ok(())
    }

    fn value(&mut self, name: &str, value: &mut Value) -> Outcome<()> {
        match value {
            Value::String(text) => *text = self.text(name, text)?,
            // The phone's clock stands on the day of the examples, ours does not.
            Value::Number(_) if name == "skew_ms" => *value = json!(840),
            Value::Array(list) => list.iter_mut().try_for_each(|entry| self.value(name, entry))?,
            Value::Object(members) => members.iter_mut().try_for_each(|(name, member)| self.value(name, member))?,
            _ => {}
        }
        Ok(())
    }

    fn text(&mut self, name: &str, text: &str) -> Outcome<String> {
        match name {
            "access_token" | "refresh_token" => return Ok(format!("example-{}", name.replace('_', "-"))),
            "key_id" | "kid" => return Ok("21fe31dfa154a261".to_owned()),
            "public_key" | "x" => return Ok("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo".to_owned()),
            "signature" => return Ok("example-signature".to_owned()),
            // A day of ours, not of the request.
            "scored_on" | "published_on" | "proposed_on" | "changed_on" | "happened_on" => {
                return Ok(EXAMPLE_TIME[..10].to_owned());
            }
            "password" | "current_password" => return Ok(PASSWORD.to_owned()),
            "token" => return Ok("pgl_lnk_example".to_owned()),
            "url" if text.starts_with("/v1/links/") => return Ok("/v1/links/pgl_url_example".to_owned()),
            "key" => return Ok("pgl_key_example".to_owned()),
            "code" if text.len() == 6 && text.bytes().all(|byte| byte.is_ascii_digit()) => {
                return Ok("287082".to_owned());
            }
            "secret" => return Ok("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ".to_owned()),
            "otpauth_uri" => {
                let secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
                return Ok(format!("otpauth://totp/Peegel:liis%40hobekaja.example?secret={secret}&issuer=Peegel"));
            }
            "recovery_codes" => return Ok(self.known(text, "paper", |n| format!("k7dm-4wxq-9r2t-hc8e-v3nz-{n:04}"))),
            "expires_on" => return Ok("2027-04-23".to_owned()),
            "label" if text.starts_with("Erased ") => return Ok("Erased 3f9c21aa".to_owned()),
            "next_cursor" => return Ok("ZXhhbXBsZQ".to_owned()),
            "salt" => {
                return Ok(
                    self.known(text, "salt", |n| hex(&Sha256::digest(n.to_string()))[..text.len().min(64)].to_owned())
                );
            }
            _ => {}
        }
        if let Ok(time) = DateTime::parse_from_rfc3339(text) {
            let time = time.to_utc();
            if self.given.contains(&time) {
                return Ok(text.to_owned());
            }
            let rank = self.passed.range(..time).filter(|earlier| !self.given.contains(earlier)).count();
            let at = DateTime::parse_from_rfc3339(EXAMPLE_TIME)?.to_utc() + Duration::minutes(i64::try_from(rank)?);
            return Ok(at.to_rfc3339_opts(SecondsFormat::Micros, true));
        }
        let mut replaced = String::with_capacity(text.len());
        let is_part = |c: char| c.is_ascii_hexdigit() || c == '-';
        let mut rest = text;
        while let Some(start) = rest.find(is_part) {
            let (before, word) = rest.split_at(start);
            let end = word.find(|c| !is_part(c)).unwrap_or(word.len());
            let (word, after) = word.split_at(end);
            replaced.push_str(before);
            replaced.push_str(&self.word(word));
            rest = after;
        }
        replaced.push_str(rest);
        Ok(replaced)
    }

    fn word(&mut self, word: &str) -> String {
        let dashes: Vec<_> = word.match_indices('-').map(|(at, _)| at).collect();
        if word.len() == 36 && dashes == [8, 13, 18, 23] {
            // An id keeps its kind: those that the server made are ordered by time.
            let kind = if word[14..].starts_with('7') { "7" } else { "4" };
            return self.known(word, "id", |n| format!("01998f0e-0000-{kind}000-8000-{n:012x}"));
        }
        if word.len() == 64 && dashes.is_empty() {
            return self.known(word, "hash", |n| hex(&Sha256::digest(format!("hash {n}"))));
        }
        word.to_owned()
    }

    fn known(&mut self, text: &str, kind: &'static str, made: impl Fn(u32) -> String) -> String {
        if let Some(known) = self.known.get(text) {
            return known.clone();
        }
        let count = self.counts.entry(kind).or_default();
        *count += 1;
        let value = made(*count);
        self.known.insert(text.to_owned(), value.clone());
        value
    }
}

fn times(value: &Value, found: &mut BTreeSet<DateTime<Utc>>) {
    match value {
        Value::String(text) => found.extend(DateTime::parse_from_rfc3339(text).map(|time| time.to_utc())),
        Value::Array(list) => list.iter().for_each(|entry| times(entry, found)),
        Value::Object(members) => members.values().for_each(|member| times(member, found)),
        _ => {}
    }
}
