//! Every object with a table of moves, in every state: each move that can be asked for over HTTP and that the table does
//! not have is 409 and names those that it has.

use std::collections::BTreeSet;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use crate::access::{Ids, call_with};
use crate::reach::{VISIT_STATES, body_of, moving, put, visit_in};
use crate::support::app::{Kind, TestApp};
use crate::support::client::{Answer, Call, Client};
use crate::support::world::{File, World, filing, id_of, small_photo};
use crate::support::{new_id, on_both, tiny};

on_both!(
    an_assignment_refuses_what_its_table_does_not_have,
    a_visit_refuses_what_its_table_does_not_have,
    evidence_refuses_what_its_table_does_not_have,
    an_action_refuses_what_its_table_does_not_have,
    a_wave_refuses_what_its_table_does_not_have,
    a_version_refuses_what_its_table_does_not_have,
    a_question_refuses_what_its_table_does_not_have,
    an_appeal_refuses_what_its_table_does_not_have,
    a_second_scoring_refuses_what_its_table_does_not_have,
);

/// The tables, as the program has them.
const TABLES: &str = include_str!("../api/src/states.rs");

/// One table: the moves with the states before and after.
struct Table {
    what: &'static str,
    moves: Vec<(String, String, String)>,
}

impl Table {
    /// The table of this name, of objects that answers call so.
    fn of(name: &str, what: &'static str) -> Self {
        let (_, rest) = TABLES.split_once(&format!("pub const {name}:")).unwrap_or_else(|| panic!("{name}"));
        let end = rest.find("\n};").into_iter().chain(rest.find("];")).min().expect("the end of a table");
        let rows = rest[..end].split('(').filter_map(|row| row.split_once(')')).map(|(row, _)| row);
        let row = |row: &str| {
            let cells: Vec<_> = row.split(',').map(str::trim).collect();
            let [from, mv, to] = cells.try_into().ok()?;
            Some((word(from), mv.strip_prefix('"')?.strip_suffix('"')?.to_owned(), word(to)))
        };
        let moves: Vec<_> = rows.filter_map(row).collect();
        assert!(moves.len() >= 2, "{name} has {} moves", moves.len());
        Self { what, moves }
    }

    /// The states that the table names.
    fn states(&self) -> BTreeSet<&str> {
        self.moves.iter().flat_map(|(from, _, to)| [from.as_str(), to.as_str()]).collect()
    }

    fn has(&self, state: &str, mv: &str) -> bool {
        self.moves.iter().any(|(from, named, _)| from == state && named == mv)
    }

    /// Expects that a move is refused in a state, with the moves that are allowed.
    fn refuses(&self, answer: Answer, state: &str, mv: &str) {
        let allowed: Vec<_> =
            self.moves.iter().filter(|(from, ..)| from == state).map(|(_, mv, _)| mv.as_str()).collect();
        let allowed = if allowed.is_empty() { "nothing".to_owned() } else { allowed.join(", ") };
        let detail = answer.problem(409, "illegal_state").detail();
        assert_eq!(detail, format!("The {} is {state}; cannot {mv} it. Allowed now: {allowed}.", self.what));
    }
}

/// The word of a variant, such as `in_review` of `VisitState::InReview`.
fn word(variant: &str) -> String {
    let name = variant.rsplit("::").next().unwrap_or(variant);
    let mut word = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() && !word.is_empty() {
            word.push('_');
        }
        word.push(letter.to_ascii_lowercase());
    }
    word
}

async fn an_assignment_refuses_what_its_table_does_not_have(app: &TestApp) {
    let world = World::make(app).await;
    let table = Table::of("ASSIGNMENT_MOVES", "assignment");
    let auditor = &world.auditor.client;
    let wave = world.add_wave("to be closed", "peak", "2026-03-01", "2026-05-31").await;
    let expired = world.assign_in(&wave, vec![world.assignment(0, None)]).await.remove(0);
    let despite = json!({"despite": true, "reason": "Nobody took it."});
    world.admin.client.post(&format!("/v1/waves/{wave}/close"), &despite).ok().await;
    let mut tried = 0;
    for state in table.states() {
        let id = match state {
            "open" | "claimed" => world.assign_in(&world.wave, vec![world.assignment(0, None)]).await.remove(0),
            "expired" => expired.clone(),
            _ => world.assign_one().await,
        };
        let path = format!("/v1/assignments/{id}");
        match state {
            "claimed" => drop(auditor.act(&format!("{path}/claim")).ok().await),
            "declined" => drop(auditor.act(&format!("{path}/decline")).ok().await),
            "cancelled" => drop(world.admin.client.act(&format!("{path}/cancel")).ok().await),
            "fulfilled" => drop(world.file(&id, &tiny::perfect()).await),
            "started" => {
                let body = filing(&id, "draft", &json!({}), &[]);
                auditor.put(&format!("/v1/visits/{}", new_id()), &body).if_absent().created().await;
            }
            _ => {}
        }
        assert_eq!(world.admin.client.get(&path).ok().await["state"], state);
        for (client, mv, verb) in [
            (auditor, "claim", "claim"),
            (auditor, "decline", "decline"),
            (auditor, "hand_back", "hand-back"),
            (&world.admin.client, "cancel", "cancel"),
        ] {
            // Claiming again what one has is a replay, and what expired is not there for auditors.
            let is_other = (state, mv) == ("claimed", "claim") || (state == "expired" && mv != "cancel");
            if !table.has(state, mv) && !is_other {
                table.refuses(client.act(&format!("{path}/{verb}")).send().await, state, mv);
                tried += 1;
            }
        }
        assert_eq!(world.admin.client.get(&path).ok().await["state"], state, "nothing moved");
    }
    assert!(tried >= 17, "{tried}");
}

async fn a_visit_refuses_what_its_table_does_not_have(app: &TestApp) {
    let world = World::make(app).await;
    let table = Table::of("VISIT_MOVES", "visit");
    assert_eq!(table.states(), VISIT_STATES.into_iter().collect());
    let moving = moving(app, "visit").await;
    let mut tried = 0;
    for state in VISIT_STATES {
        let visit = visit_in(&world, state).await;
        let ids = Ids::from([("visits", visit.clone())]);
        for (operation, _, states) in &moving {
            if states.iter().any(|named| named == state) {
                continue;
            }
            let mv = operation.id.strip_suffix("_visit").unwrap_or(&operation.id);
            if mv == "put" {
                table.refuses(put(&world.auditor.client, &visit, &world).await, state, "submit");
            } else {
                let answer = call_with(&world.reviewer.client, operation, &ids, body_of(operation)).await;
                table.refuses(answer, state, mv);
            }
            tried += 1;
        }
        assert_eq!(world.admin.client.get(&format!("/v1/visits/{visit}")).ok().await["state"], state);
    }
    assert!(tried >= 50, "{tried}");
}

async fn evidence_refuses_what_its_table_does_not_have(app: &TestApp) {
    let world = World::make(app).await;
    let table = Table::of("EVIDENCE_MOVES", "evidence");
    let auditor = &world.auditor.client;
    let mut tried = BTreeSet::new();
    for state in table.states() {
        let file = File::front();
        let visit = format!("/v1/visits/{}", new_id());
        let body = filing(&world.assign_one().await, "draft", &json!({}), &[&file]);
        auditor.put(&visit, &body).if_absent().created().await;
        let path = format!("/v1/evidence/{}", file.id);
        let content = |bytes: &[u8]| auditor.put_bytes(&format!("{path}/content"), bytes.to_vec());
        let lose = || auditor.post(&format!("{path}/lost"), &json!({"reason": "The phone broke."}));
        match state {
            "uploading" => drop(creation(auditor, &file).send().await.expect(201)),
            "refused" => drop(content(b"wrong").problem(422, "differs_from_manifest").await),
            "lost" => drop(lose().ok().await),
            "stored" | "processed" | "unpreviewable" => {
                file.upload(&world.auditor).await;
                world.processed(visit.trim_start_matches("/v1/visits/")).await;
                set_state(app, &file.id, state).await;
            }
            _ => {}
        }
        let is_in = |view: &Value| view["files"][0]["state"] == state;
        assert!(is_in(&auditor.get(&visit).ok().await), "{state}");
        let is_stored = matches!(state, "stored" | "processed" | "unpreviewable");
        if is_stored {
            // Bytes under an id never change; the same ones are a replay.
            content(b"others").problem(409, "already_stored").await;
            content(&file.bytes).ok().await;
            creation(auditor, &file).problem(409, "already_stored").await;
        } else if !table.has(state, "store") {
            table.refuses(content(&file.bytes).send().await, state, "store");
            tried.insert((state.to_owned(), "store"));
        }
        // An upload that is under way is gone on with.
        if !is_stored && state != "uploading" && !table.has(state, "upload") {
            table.refuses(creation(auditor, &file).send().await, state, "upload");
            tried.insert((state.to_owned(), "upload"));
        }
        // To lose again what is lost is a replay.
        if state != "lost" && !table.has(state, "lose") {
            table.refuses(lose().send().await, state, "lose");
            tried.insert((state.to_owned(), "lose"));
        }
        assert!(is_in(&auditor.get(&visit).ok().await), "nothing moved");
    }
    assert_eq!(tried.len(), 5, "{tried:?}");
}

/// A request for the upload of a file.
fn creation(client: &Client, file: &File) -> Call {
    client
        .act("/v1/uploads")
        .header("tus-resumable", "1.0.0")
        .header("upload-length", &file.bytes.len().to_string())
        .header("upload-metadata", &format!("evidence_id {}", BASE64_STANDARD.encode(&file.id)))
}

/// Puts a file into a state that lasts for moments only, or follows from what cannot be shown.
async fn set_state(app: &TestApp, file: &str, state: &str) {
    let hex = file.replace('-', "");
    let id = match app.kind() {
        Kind::Sqlite => format!("x'{hex}'"),
        Kind::Postgres => format!("'{file}'"),
    };
    app.execute(&format!("UPDATE evidence SET state = '{state}' WHERE id = {id}")).await.expect("an update");
}

async fn an_action_refuses_what_its_table_does_not_have(app: &TestApp) {
    let world = World::make(app).await;
    let table = Table::of("ACTION_MOVES", "action");
    world.publish(0, &tiny::fair()).await;
    let path = format!("/v1/branches/{}/action-plan", world.branches[0]);
    let action = id_of(&world.admin.client.get(&path).ok().await["actions"][0]);
    let mut tried = 0;
    for state in table.states() {
        // Two of them follow from later visits alone.
        app.execute(&format!("UPDATE actions SET state = '{state}'")).await.expect("an update");
        let becomes: Vec<_> =
            table.moves.iter().filter(|(from, ..)| from == state).map(|(_, _, to)| to.as_str()).collect();
        for wanted in table.states().into_iter().filter(|wanted| *wanted != state && !becomes.contains(wanted)) {
            let mut change = json!({"state": wanted});
            if wanted == "dropped" {
                change["drop_reason"] = json!("Not worth it.");
            }
            let answer = world.admin.client.patch(&format!("/v1/actions/{action}"), &change).if_match("*").send().await;
            if matches!(wanted, "verified" | "reopened") {
                answer.problem(409, "only_measured");
            } else {
                let allowed = if becomes.is_empty() { "nothing".to_owned() } else { becomes.join(", ") };
                let expected = format!("The action is {state} and cannot become {wanted}. It can become: {allowed}.");
                assert_eq!(answer.problem(409, "illegal_state").detail(), expected);
            }
            tried += 1;
        }
        assert_eq!(world.admin.client.get(&path).ok().await["actions"][0]["state"], state, "nothing moved");
    }
    assert!(tried >= 28, "{tried}");
}

async fn a_wave_refuses_what_its_table_does_not_have(app: &TestApp) {
    let world = World::make(app).await;
    let table = Table::of("WAVE_MOVES", "wave");
    let wave = json!({
        "chain_id": world.chain, "name": "walked", "kind": "peak", "opens_on": "2026-03-01", "closes_on": "2026-05-31",
    });
    let path = format!("/v1/waves/{}", id_of(&world.admin.client.post("/v1/waves", &wave).created().await));
    for (state, next) in [("planned", Some("open")), ("open", Some("close")), ("closed", None)] {
        assert_eq!(world.admin.client.get(&path).ok().await["state"], state);
        for mv in ["open", "close"].into_iter().filter(|mv| !table.has(state, mv)) {
            table.refuses(world.admin.client.act(&format!("{path}/{mv}")).send().await, state, mv);
        }
        if let Some(next) = next {
            world.admin.client.act(&format!("{path}/{next}")).ok().await;
        }
    }
}

async fn a_version_refuses_what_its_table_does_not_have(app: &TestApp) {
    let world = World::make(app).await;
    let table = Table::of("VERSION_MOVES", "version");
    let admin = &world.admin.client;
    admin.post("/v1/standards", &tiny::version(2)).created().await;
    let path = "/v1/standards/tiny/versions/2";
    let asked = || -> Vec<(&str, Call)> {
        let item = json!({"section": "sale", "type": "yes_no", "weight": 1});
        vec![
            ("edit", admin.put(path, &tiny::version(2)).if_match("*")),
            ("edit", admin.patch(path, &json!({"pass_bp": 1})).if_match("*")),
            ("edit", admin.put(&format!("{path}/items/extra"), &item).if_match("*")),
            ("edit", admin.delete(&format!("{path}/items/queue")).if_match("*")),
            ("publish", admin.post("/v1/standards/tiny/publish", &json!({"version": 2}))),
            ("retire", admin.act(&format!("{path}/retire"))),
        ]
    };
    for state in ["draft", "published", "retired"] {
        for (mv, call) in asked() {
            if !table.has(state, mv) {
                table.refuses(call.send().await, state, mv);
            }
        }
        match state {
            "draft" => drop(admin.post("/v1/standards/tiny/publish", &json!({"version": 2})).ok().await),
            "published" => drop(admin.act(&format!("{path}/retire")).ok().await),
            _ => {}
        }
    }
}

async fn a_question_refuses_what_its_table_does_not_have(app: &TestApp) {
    let world = World::make(app).await;
    let table = Table::of("QUESTION_MOVES", "question");
    let visit = world.file(&world.assign_one().await, &tiny::fair()).await;
    let question = json!({"item_id": "polite", "text": "Neli või viis?"});
    let asked = world.reviewer.client.post(&format!("/v1/visits/{visit}/questions"), &question).created().await;
    let path = format!("/v1/questions/{}", id_of(&asked));
    let said = json!({"text": "Neli."});
    let mut tried = 0;
    for state in table.states() {
        app.execute(&format!("UPDATE questions SET state = '{state}'")).await.expect("an update");
        for (client, mv, verb) in [
            (&world.auditor.client, "answer", "messages"),
            (&world.reviewer.client, "ask", "messages"),
            (&world.reviewer.client, "close", "close"),
        ] {
            if !table.has(state, mv) {
                let call = client.act(&format!("{path}/{verb}"));
                let call = if verb == "close" { call } else { call.json(&said) };
                table.refuses(call.send().await, state, mv);
                tried += 1;
            }
        }
    }
    assert_eq!(tried, 3);
}

async fn an_appeal_refuses_what_its_table_does_not_have(app: &TestApp) {
    let world = World::make(app).await;
    let table = Table::of("APPEAL_MOVES", "appeal");
    let manager = world.branch_manager(app).await;
    world.publish(0, &tiny::fair()).await;
    let result = world.result_of(0).await["result_id"].as_str().expect("an id").to_owned();
    let items = json!({"items": [{"item_id": "offer", "reason": "Pakuti kahte."}]});
    let filed = manager.client.post(&format!("/v1/results/{result}/appeals"), &items).created().await;
    let path = format!("/v1/appeals/{}", id_of(&filed["data"][0]));
    let mut tried = 0;
    for state in table.states() {
        let decided = if matches!(state, "upheld" | "declined") { ", decided_at = filed_at" } else { "" };
        app.execute(&format!("UPDATE appeals SET state = '{state}'{decided}")).await.expect("an update");
        let decision = json!({"reason": "Ei pakutud."});
        let upheld = json!({"answer": {"v": true}, "reason": "Pakuti."});
        let file = format!("{path}/files/{}", new_id());
        for (mv, call) in [
            ("withdraw", manager.client.act(&format!("{path}/withdraw"))),
            ("attach", manager.client.put_bytes(&file, small_photo(3))),
            ("uphold", world.admin.client.post(&format!("{path}/uphold"), &upheld)),
            ("decline", world.admin.client.post(&format!("{path}/decline"), &decision)),
        ] {
            if !table.has(state, mv) {
                table.refuses(call.send().await, state, mv);
                tried += 1;
            }
        }
    }
    assert_eq!(tried, 12);
}

async fn a_second_scoring_refuses_what_its_table_does_not_have(app: &TestApp) {
    let world = World::make(app).await;
    let table = Table::of("SECOND_SCORING_MOVES", "second scoring");
    let share = json!({"double_scoring_bp": 10_000});
    world.admin.client.patch(&format!("/v1/waves/{}", world.wave), &share).ok().await;
    let visit = world.file(&world.assign_one().await, &tiny::fair()).await;
    // Nobody else reviews, so that the firm's admin scores it a second time.
    world.review(&visit, &["review"]).await;
    let (path, scorer) = (format!("/v1/visits/{visit}/second-scoring"), &world.admin.client);
    let mut tried = 0;
    for state in table.states() {
        app.execute(&format!("UPDATE second_scorings SET state = '{state}'")).await.expect("an update");
        for (mv, call) in [
            ("save", scorer.put(&path, &json!({"answers": tiny::fair()}))),
            ("submit", scorer.act(&format!("{path}/submit"))),
            ("drop", scorer.post(&format!("{path}/drop"), &json!({"reason": "Ma tunnen poodi."}))),
        ] {
            if !table.has(state, mv) {
                table.refuses(call.send().await, state, mv);
                tried += 1;
            }
        }
    }
    assert_eq!(tried, 7);
}
