//! Who may do what: every operation of the document, without a token, with every role, and with another firm's ids.

use std::collections::BTreeMap;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use crate::openapi::{Operation, document, operations};
use crate::support::app::TestApp;
use crate::support::client::{Answer, Client};
use crate::support::files::fixture;
use crate::support::world::{File, PASSWORD, Person, World, filing, id_of, return_order, small_photo};
use crate::support::{eventually, new_id, on_both, tiny, today};

on_both!(
    nothing_but_signing_in_works_without_a_token,
    every_role_may_do_what_the_table_says,
    another_firms_objects_are_not_there,
    bodies_and_queries_cannot_reach_another_firm,
);

/// Operations that anybody may call: what tells nothing of anybody, and uploads and links, whose addresses are secrets.
/// Think twice before adding one.
const OPEN: [&str; 13] = [
    "accept_invitation",
    "append_upload",
    "create_session",
    "delete_upload",
    "discover_uploads",
    "finish_password_reset",
    "get_keys",
    "get_link",
    "get_livez",
    "get_readyz",
    "get_upload",
    "refresh_session",
    "request_password_reset",
];

/// The roles, in the order of the columns of the table.
pub const ROLES: [&str; 5] = ["firm_admin", "reviewer", "auditor", "chain_viewer", "branch_manager"];

/// Who may do what, as it is printed in the repository.
const TABLE: &str = include_str!("../openapi/rights.md");

/// One row of the table.
#[derive(Clone, Debug)]
pub struct Row {
    /// How far it reaches for each role; `-` where it is forbidden.
    pub reach: BTreeMap<&'static str, String>,
    /// The kind of object that has states, and those in which the operation is possible; none when in all.
    pub when: Option<(String, Vec<String>)>,
}

impl Row {
    /// Whether a role may call it.
    pub fn allows(&self, role: &str) -> bool {
        self.reach[role] != "-"
    }
}

/// The table, by operation.
pub fn table() -> BTreeMap<String, Row> {
    let rows = TABLE.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| operation |"));
    let row = |line: &str| {
        let cells: Vec<_> = line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect();
        assert_eq!(cells.len(), 8, "{line}");
        let when = cells[7]
            .split_once(": ")
            .map(|(kind, states)| (kind.to_owned(), states.split(", ").map(str::to_owned).collect()));
        let reach = ROLES.into_iter().zip(cells[2..7].iter().cloned()).collect();
        (cells[0].clone(), Row { reach, when })
    };
    rows.map(row).collect()
}

/// The row of an operation. One that is not listed fails the tests.
pub fn row(operation: &str) -> Row {
    table().remove(operation).unwrap_or_else(|| panic!("{operation} has no row in openapi/rights.md"))
}

/// A body that is well formed, where the operation takes one.
fn body(operation: &str) -> Option<Value> {
    Some(match operation {
        "create_session" => json!({"email": "a@b.example", "password": "x"}),
        "create_user" => json!({"email": "x", "name": "x", "role": "auditor", "password": "x"}),
        "refresh_session" => json!({"refresh_token": "x"}),
        "request_password_reset" => json!({"email": "a@b.example"}),
        "finish_password_reset" => json!({"token": "x", "password": "x"}),
        "accept_invitation" => json!({"token": "x"}),
        "change_password" => json!({"current_password": "x", "new_password": "x"}),
        "begin_totp" => json!({"password": "x"}),
        "confirm_totp" => json!({"code": "x"}),
        "remove_totp" | "renew_recovery_codes" => json!({"password": "x", "code": "x"}),
        "create_api_key" => json!({"name": "x", "rights": [], "expires_on": "2026-01-01", "password": "x"}),
        "reject_visit" | "reopen_visit" | "unpublish_visit" | "include_visit" | "clear_quarantine"
        | "lose_evidence" | "withdraw_consent" | "decline_appeal" => {
            json!({"reason": "x"})
        }
        "return_visit" => return_order("greet", "x"),
        "exclude_visit" => json!({"reason": "x", "payable": true}),
        "create_question" | "add_question_message" => json!({"text": "x"}),
        "put_correction_draft" => json!({"base_revision": 1, "changes": []}),
        "correct_visit" => {
            let change = json!({"item_id": "polite", "answer": {"v": 4}, "reason": "x"});
            json!({"base_revision": 1, "changes": [change]})
        }
        "create_appeal" => json!({"items": [{"item_id": "x", "reason": "x"}]}),
        "uphold_appeal" => json!({"answer": {"v": true}, "reason": "x"}),
        "create_appeal_file_link" => json!({}),
        "answer_signal" => json!({"answer": "x"}),
        "judge_signal" => json!({"verdict": "wrong"}),
        "publish_standard" => json!({"version": 1}),
        "approve_visit" | "update_action" | "update_user" | "update_firm" | "update_chain" | "update_evidence" => {
            json!({})
        }
        "create_evidence_link" => json!({"file": "content"}),
        "create_result_photo_link" => json!({"size": "320"}),
        "create_action_plan_link" => json!({}),
        "create_regions" => json!({"regions": []}),
        "put_firm_retention" | "put_chain_retention" => json!({"days": null}),
        "create_hold" => json!({"on": "visit", "object_id": new_id(), "reason": "x"}),
        "erase_user" => json!({"email": "a@b.example", "reason": "request"}),
        "push_visits" => json!({"items": []}),
        "put_visit" => json!({"assignment_id": new_id(), "state": "draft", "answers": {}}),
        "import_standard" | "check_standard" | "create_chain" | "create_branches" | "create_wave"
        | "create_assignments" | "create_rehearsal" | "create_consent" => json!({}),
        _ => return None,
    })
}

/// Ids of objects, by the first part of the paths that name them.
pub type Ids = BTreeMap<&'static str, String>;

/// Ids of nothing.
pub fn made_up() -> Ids {
    let names = [
        "chains",
        "regions",
        "branches",
        "waves",
        "assignments",
        "visits",
        "evidence",
        "consents",
        "actions",
        "appeals",
        "appeal files",
        "memberships",
        "rehearsals",
        "results",
        "users",
        "sessions",
        "api-keys",
        "jobs",
        "holds",
        "links",
        "purges",
        "recordings",
        "signals",
        "questions",
    ];
    let mut ids: Ids = names.into_iter().map(|name| (name, new_id())).collect();
    ids.insert("standards", "nowhere".to_owned());
    ids
}

/// Calls an operation with ids of such objects.
pub async fn call(client: &Client, operation: &Operation, ids: &Ids) -> Answer {
    call_with(client, operation, ids, body(&operation.id)).await
}

/// The kind of object that the path of an operation begins with.
pub fn kind_of(operation: &Operation) -> &str {
    operation.path.trim_start_matches("/v1/").split('/').next().expect("a first part")
}

/// Calls an operation with ids of such objects and a body.
pub async fn call_with(client: &Client, operation: &Operation, ids: &Ids, body: Option<Value>) -> Answer {
    let of_recording = ["/transcript", "/transcription", "/waveform"].iter().any(|end| operation.path.ends_with(end));
    let kind = if of_recording { "recordings" } else { kind_of(operation) };
    let mut path = operation.path.clone();
    for name in ["{id}", "{visit_id}", "{evidence_id}", "{result_id}", "{token}"] {
        if path.contains(name) {
            path = path.replace(name, ids.get(kind).unwrap_or_else(|| panic!("an id for {}", operation.path)));
        }
    }
    path = path.replace("{n}", "1");
    if path.contains("{file_id}") {
        path = path.replace("{file_id}", &ids["appeal files"]);
    }
    assert!(!path.contains('{'), "{path}");
    if matches!(operation.id.as_str(), "get_evidence_preview" | "get_result_photo") {
        path.push_str("?size=320");
    }
    match operation.id.as_str() {
        "put_evidence_transcript" => path.push_str("?language=et"),
        "search_transcripts" => path.push_str("?q=tere"),
        "get_appeal_rates" => path.push_str("?by=item"),
        _ => {}
    }
    let mut call = client.call(operation.method.parse().expect("a method"), &path);
    call = match operation.id.as_str() {
        "put_visit" => call.if_absent(),
        "update_action" => call.if_match("*"),
        "create_upload" => call
            .header("tus-resumable", "1.0.0")
            .header("upload-length", "1")
            .header("upload-metadata", &format!("evidence_id {}", BASE64_STANDARD.encode(&ids["evidence"]))),
        "put_evidence_content" | "put_appeal_file" => {
            call.header("content-type", "application/octet-stream").bytes(b"x".to_vec())
        }
        "put_evidence_transcript" => call.header("content-type", "text/plain").bytes(b"x".to_vec()),
        _ => call,
    };
    if let Some(body) = body {
        call = call.json(&body);
    }
    call.send().await
}

async fn nothing_but_signing_in_works_without_a_token(app: &TestApp) {
    let operations = operations(&document(app).await);
    for operation in &operations {
        let is_open = OPEN.contains(&operation.id.as_str());
        let needs_token = operation.object["security"].as_array().is_some_and(|schemes| !schemes.is_empty());
        assert_eq!(needs_token, !is_open, "{} says so in the document", operation.id);
        if !is_open {
            for client in [app.client(), app.client().with_token("pgl_at_made_up"), app.client().with_token("")] {
                let answer = call(&client, operation, &made_up()).await;
                answer.problem(401, "unauthenticated");
            }
        }
    }
    let rows = table();
    let open: Vec<_> = rows.iter().filter(|(_, row)| row.reach["auditor"] == "anybody").map(|(id, _)| id).collect();
    assert_eq!(open, OPEN, "the table names the operations that anybody may call");
    assert_eq!(rows.len(), operations.len(), "one row an operation");
    for name in OPEN {
        assert!(operations.iter().any(|operation| operation.id == name), "{name} is gone from the document");
    }
}

/// Somebody of each role.
pub async fn everybody(app: &TestApp, world: &World) -> Vec<(&'static str, Person)> {
    vec![
        ("firm_admin", world.admin.clone()),
        ("reviewer", world.reviewer.clone()),
        ("auditor", world.auditor.clone()),
        ("chain_viewer", world.chain_viewer(app).await),
        ("branch_manager", world.branch_manager(app).await),
    ]
}

async fn every_role_may_do_what_the_table_says(app: &TestApp) {
    let world = World::make(app).await;
    let people = everybody(app, &world).await;
    for operation in operations(&document(app).await) {
        if OPEN.contains(&operation.id.as_str()) || operation.id == "delete_session" {
            continue;
        }
        let row = row(&operation.id);
        for (role, person) in &people {
            let answer = call(&person.client, &operation, &made_up()).await;
            if row.allows(role) {
                assert!(!matches!(answer.status, 401 | 403 | 405 | 500..), "{role}: {}", answer.describe());
                if operation.path.contains("id}") && operation.id != "put_visit" {
                    answer.problem(404, "not_found");
                }
            } else {
                answer.problem(403, "not_allowed");
            }
        }
    }
}

/// One object of each kind in a firm, with a standard that no other firm has.
pub async fn objects(world: &World) -> Ids {
    let mut standard = tiny::standard();
    standard["id"] = json!("foreign");
    world.admin.client.post("/v1/standards", &standard).created().await;
    world.admin.client.post("/v1/standards/foreign/publish", &json!({"version": 1})).ok().await;
    let visit = world.publish(0, &tiny::fair()).await;
    let view = world.admin.client.get(&format!("/v1/visits/{visit}")).ok().await;
    let signal = signal(world).await;
    let asked = json!({"item_id": "greet", "text": "Who greeted you?"});
    let asked = world.reviewer.client.post(&format!("/v1/visits/{visit}/questions"), &asked).created().await;
    let question = id_of(&asked);
    let aside = json!({"base_revision": 1, "changes": []});
    world.admin.client.put(&format!("/v1/visits/{visit}/correction"), &aside).ok().await;
    let plan = world.admin.client.get(&format!("/v1/branches/{}/action-plan", world.branches[0])).ok().await;
    let rehearsal = json!({"standard": tiny::version(2)});
    let rehearsal = id_of(&world.admin.client.post("/v1/rehearsals", &rehearsal).created().await);
    eventually("the rehearsal ends", || async {
        let view = world.admin.client.get(&format!("/v1/rehearsals/{rehearsal}")).ok().await;
        (view["state"] == "done").then_some(())
    })
    .await;
    let recording = File::new("recording", &[], "call.mp3", fixture("media/call_hu_parcel_rude.mp3"));
    let of_recording = new_id();
    let body = filing(&world.assign_one().await, "draft", &json!({}), &[&recording]);
    world.auditor.client.put(&format!("/v1/visits/{of_recording}"), &body).if_absent().created().await;
    recording.upload(&world.auditor).await;
    world.processed(&of_recording).await;
    let transcript = format!("/v1/evidence/{}/transcript?language=et", recording.id);
    let attached = world.auditor.client.put_bytes(&transcript, format!("Tere {}", world.code));
    attached.ok().await;
    let consent = json!({
        "visit_id": visit, "basis": "spoken_notice", "given_at": "2026-05-04T13:00:00Z", "notice": "It is recorded.",
    });
    let session = world.auditor.client.get("/v1/sessions").ok().await;
    let key = json!({"name": "k", "rights": ["read_chains"], "expires_on": today(), "password": PASSWORD});
    let key = world.admin.client.post("/v1/api-keys", &key).created().await;
    let hold = json!({"on": "branch", "object_id": world.branches[1], "reason": "A complaint is open."});
    let hold = world.admin.client.post("/v1/holds", &hold).created().await;
    let gone = json!({"email": "gone@left.example", "name": "Gone", "role": "auditor", "password": PASSWORD});
    let gone = world.admin.client.post("/v1/users", &gone).created().await["membership_id"].clone();
    let path = format!("/v1/users/{}/erase", gone.as_str().expect("an id"));
    world.admin.client.post(&path, &json!({"email": "gone@left.example", "reason": "left"})).created().await;
    eventually("they are gone", || async {
        let erasures = world.admin.client.get("/v1/erasures").ok().await;
        (erasures["data"][0]["state"] == "done").then_some(())
    })
    .await;
    let purges = world.admin.client.get("/v1/purges").ok().await;
    let (appeal, appeal_file) = appeal(world).await;
    BTreeMap::from([
        ("appeals", appeal),
        ("appeal files", appeal_file),
        ("rehearsals", rehearsal),
        ("results", world.result_of(0).await["result_id"].as_str().expect("an id").to_owned()),
        ("chains", world.chain.clone()),
        ("regions", world.regions[0].clone()),
        ("branches", world.branches[0].clone()),
        ("waves", world.wave.clone()),
        ("assignments", world.assign_one().await),
        ("visits", visit),
        ("evidence", id_of(&view["files"][0])),
        ("recordings", recording.id),
        ("consents", id_of(&world.admin.client.post("/v1/consents", &consent).created().await)),
        ("actions", id_of(&plan["actions"][0])),
        ("memberships", world.auditor.id.clone()),
        ("users", world.auditor.id.clone()),
        ("sessions", session["data"][0]["session_id"].as_str().expect("a session").to_owned()),
        ("api-keys", id_of(&key)),
        ("holds", id_of(&hold)),
        ("purges", id_of(&purges["data"][0])),
        ("signals", signal),
        ("questions", question),
        // What was given up is made in `jobs`.
        ("jobs", new_id()),
        ("standards", "foreign".to_owned()),
    ])
}

/// An appeal against the result of the first branch, with a file.
async fn appeal(world: &World) -> (String, String) {
    let email = format!("appeals-{}@{}.example", new_id(), world.code);
    let scope = json!({"chain_id": world.chain, "branch_ids": []});
    let body = json!({"email": email, "name": "A", "role": "chain_viewer", "password": PASSWORD, "scope": scope});
    world.admin.client.post("/v1/users", &body).created().await;
    let viewer = world.admin.client.sign_in(&email, PASSWORD).await;
    let result = world.result_of(0).await["result_id"].as_str().expect("an id").to_owned();
    let items = json!({"items": [{"item_id": "greet", "reason": "x"}]});
    let filed = viewer.post(&format!("/v1/results/{result}/appeals"), &items).created().await;
    let (appeal, file) = (id_of(&filed["data"][0]), new_id());
    viewer.put_bytes(&format!("/v1/appeals/{appeal}/files/{file}"), small_photo(1)).ok().await;
    (appeal, file)
}

/// A signal of the auditor's visits that a reviewer asked about.
async fn signal(world: &World) -> String {
    let mut body = filing(&world.assign_one().await, "submitted", &tiny::perfect(), &[&File::front()]);
    body["stay"] = json!({"arrived_at": "2026-05-04T10:00:00Z", "left_at": "2026-05-04T10:01:00Z"});
    let path = format!("/v1/visits/{}", new_id());
    world.auditor.client.put(&path, &body).if_absent().created().await;
    let id = eventually("the visit is looked at", || async {
        let found = world.reviewer.client.get(&format!("{path}/signals")).ok().await;
        found["data"].get(0).map(id_of)
    })
    .await;
    world.reviewer.client.act(&format!("/v1/signals/{id}/share")).ok().await;
    id
}

/// Asserts that two answers tell the same, but for the number of the request and the time.
#[track_caller]
fn assert_same(one: &Answer, other: &Answer) {
    let told = |answer: &Answer| {
        let mut headers = answer.headers.clone();
        for name in ["date", "x-request-id"] {
            headers.remove(name);
        }
        let mut body = answer.json();
        body["request_id"] = Value::Null;
        (answer.status, headers, body)
    };
    assert_eq!(told(one), told(other), "{}", one.describe());
}

async fn another_firms_objects_are_not_there(app: &TestApp) {
    let (world, beta) = (World::make(app).await, World::named(app, "beta").await);
    let (people, theirs) = (everybody(app, &world).await, objects(&beta).await);
    let before = beta.admin.client.all("/v1/events", 200).await;
    let mut named = 0;
    let operations = operations(&document(app).await);
    for operation in operations.iter().filter(|operation| operation.path.contains("id}")) {
        let row = row(&operation.id);
        for (role, person) in &people {
            let answer = call(&person.client, operation, &theirs).await;
            assert_same(&answer, &call(&person.client, operation, &made_up()).await);
            match (row.allows(role), operation.id.as_str()) {
                (false, _) => drop(answer.problem(403, "not_allowed")),
                // The id of a visit is the phone's own, in its own firm.
                (true, "put_visit") => drop(answer.problem(422, "invalid")),
                (true, _) => drop(answer.problem(404, "not_found")),
            }
            named += 1;
        }
        // The objects are there for those whose they are. What a transcription service was given takes one.
        if operation.method == "GET" && operation.id != "get_transcription" {
            assert_eq!(call(&beta.admin.client, operation, &theirs).await.status, 200, "{}", operation.id);
        }
    }
    assert!(named > 200, "{named} calls");
    // No list, count or own page holds anything of them either.
    for operation in operations.iter().filter(|operation| operation.method == "GET" && !operation.path.contains('{')) {
        for (role, person) in &people {
            let answer = call(&person.client, operation, &theirs).await;
            let text = String::from_utf8_lossy(&answer.body).into_owned();
            for told in theirs.values().map(String::as_str).chain(["beta"]) {
                assert!(!text.contains(told), "{role} reads {told}: {}", answer.describe());
            }
        }
    }
    assert_eq!(beta.admin.client.all("/v1/events", 200).await, before, "nothing happened in the other firm");
}

async fn bodies_and_queries_cannot_reach_another_firm(app: &TestApp) {
    let (world, beta) = (World::make(app).await, World::named(app, "beta").await);
    beta.publish(0, &tiny::fair()).await;
    let admin = &world.admin.client;
    let branch = json!({"code": "N1", "name": "N", "address": "Pikk 1", "time_zone": "Europe/Tallinn"});
    let body = json!({"chain_id": beta.chain, "branches": [branch]});
    admin.post("/v1/branches", &body).invalid(&[("/chain_id", "unknown_ref")]).await;
    let body = json!({
        "chain_id": beta.chain, "name": "w", "kind": "regular", "opens_on": "2026-01-01", "closes_on": "2026-02-01",
    });
    admin.post("/v1/waves", &body).invalid(&[("/chain_id", "unknown_ref")]).await;
    let mut assignment = world.assignment(0, Some(&beta.auditor));
    assignment["branch_id"] = json!(beta.branches[0]);
    let body = json!({"wave_id": world.wave, "assignments": [assignment]});
    admin
        .post("/v1/assignments", &body)
        .invalid(&[("/assignments/0/branch_id", "unknown_ref"), ("/assignments/0/auditor_id", "unknown_ref")])
        .await;
    let assignment = beta.assign_one().await;
    let body = json!({"assignment_id": assignment, "state": "draft", "answers": {}});
    world
        .auditor
        .client
        .put(&format!("/v1/visits/{}", new_id()), &body)
        .if_absent()
        .invalid(&[("/assignment_id", "unknown_ref")])
        .await;
    for query in [
        format!("visits?wave_id={}", beta.wave),
        format!("visits?branch_id={}", beta.branches[0]),
        format!("assignments?wave_id={}", beta.wave),
        format!("branches?chain_id={}", beta.chain),
        format!("waves?chain_id={}", beta.chain),
    ] {
        assert_eq!(admin.all(&format!("/v1/{query}"), 50).await, Vec::<Value>::new(), "{query}");
        assert_ne!(beta.admin.client.all(&format!("/v1/{query}"), 50).await, Vec::<Value>::new(), "{query}");
    }
    for path in ["scorecard", "action-plan", "action-plan.pdf"] {
        let path = format!("/v1/branches/{}/{path}?wave={}", world.branches[0], beta.wave);
        admin.get(&path).problem(404, "not_found").await;
    }
    // A cursor of another firm's list reads on in one's own.
    let cursor = beta.admin.client.get("/v1/users?limit=1").ok().await["next_cursor"].clone();
    let page = admin.get(&format!("/v1/users?cursor={}", cursor.as_str().expect("a cursor"))).ok().await;
    assert!(!page.to_string().contains("beta.example"), "{page}");
}
