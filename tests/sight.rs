//! What each role sees: every member of every answer, and that nothing of an auditor gets through to a chain.
//!
//! `tests/sight/ROLE.txt` holds the members that a role reads of everything that can be read. A change there is a change
//! of what somebody learns: look at it, then write the files anew with `PEEGEL_TESTS_WRITE=1`.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::openapi::{document, operations};
use crate::support::app::TestApp;
use crate::support::client::{Answer, Client};
use crate::support::files::{fixture, in_repository};
use crate::support::pdf::checked_text;
use crate::support::world::{File, PASSWORD, Person, World, filing, id_of, return_order, small_photo};
use crate::support::{eventually, new_id, on_both, setting, tiny};

on_both!(each_role_sees_these_members, nothing_of_an_auditor_gets_through);

/// Members that are shown as one: documents of the standards' authors, and payloads that differ by the kind of event.
const WHOLE: [&str; 2] = ["payload", "standard"];

/// Every path of a JSON value that leads to something, with lists as `[]`.
fn paths(value: &Value, path: &str, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) if !members.is_empty() => {
            for (name, member) in members {
                let path = format!("{path}.{name}");
                if WHOLE.contains(&name.as_str()) {
                    found.insert(path);
                } else {
                    paths(member, &path, found);
                }
            }
        }
        Value::Array(entries) if !entries.is_empty() => {
            for entry in entries {
                paths(entry, &format!("{path}[]"), found);
            }
        }
        _ => drop(found.insert(path.to_owned())),
    }
}

/// The scenario that is played.
const SCENARIO: &str = "gift";

/// Ids of objects, by the names that stand for them in the paths of the document.
type Ids = BTreeMap<&'static str, String>;

/// The path of a `GET` of the document with the ids of such objects; none for those about other things than visits and
/// people, for links, which give to anybody what they were made for, for ends of mails, and for what is held on a person, which is all of it
/// (`erasure`).
fn target(path: &str, ids: &Ids) -> Option<String> {
    if ["/v1/rehearsals/", "/v1/links/", "/v1/purges/", "/v1/unsubscribe/"].iter().any(|start| path.starts_with(start))
        || path.ends_with("/data")
    {
        return None;
    }
    let of_recording = ["/transcript", "/transcription", "/waveform"].iter().any(|end| path.ends_with(end));
    let first = path.trim_start_matches("/v1/").split('/').next().expect("a first part");
    let kind = if of_recording { "recordings" } else { first };
    let of_library = if path.contains("items") { "BNK-01" } else { "C1" };
    let mut target = path.replace("{n}", "1").replace("{m}", "1").replace("{key}", of_library);
    target = target.replace("{file_id}", &ids["appeal files"]);
    if let Some(start) = target.find('{') {
        let end = target.find('}').expect("its end");
        let id = ids.get(kind).unwrap_or_else(|| panic!("an id for {path}"));
        target.replace_range(start..=end, id);
    }
    assert!(!target.contains('{'), "{target}");
    if target.ends_with("/preview") || target.contains("/photos/") {
        target.push_str("?size=320");
    }
    if target == "/v1/transcripts" {
        target.push_str("?q=said");
    }
    if target == "/v1/agreement" {
        target.push_str("?standard_id=tiny&version=1");
    }
    if target == "/v1/appeals/rates" {
        target.push_str("?by=item");
    }
    if target == "/v1/events" {
        target.push_str("?limit=200");
    }
    Some(target)
}

/// The paths of everything that can be read, as the document has them, with those to ask for.
async fn reads(app: &TestApp, ids: &Ids) -> Vec<(String, String)> {
    let all = operations(&document(app).await).into_iter().filter(|operation| operation.method == "GET");
    let reads: Vec<_> = all.filter_map(|operation| Some((target(&operation.path, ids)?, operation.path))).collect();
    assert!(reads.len() > 30, "{} reads", reads.len());
    reads.into_iter().map(|(target, path)| (path, target)).collect()
}

async fn everybody(app: &TestApp, world: &World) -> Vec<(&'static str, Person)> {
    vec![
        ("firm_admin", world.admin.clone()),
        ("reviewer", world.reviewer.clone()),
        ("auditor", world.auditor.clone()),
        ("chain_viewer", world.chain_viewer(app).await),
        ("region_viewer", world.region_viewer(app).await),
        ("branch_manager", world.branch_manager(app).await),
    ]
}

async fn objects(world: &World, visit: &str) -> Ids {
    let view = world.admin.client.get(&format!("/v1/visits/{visit}")).ok().await;
    let file = |kind: &str| {
        let file = view["files"].as_array().expect("files").iter().find(|file| file["kind"] == kind);
        id_of(file.unwrap_or_else(|| panic!("a {kind}")))
    };
    BTreeMap::from([
        ("chains", world.chain.clone()),
        ("regions", world.regions[0].clone()),
        ("branches", world.branches[0].clone()),
        ("waves", world.wave.clone()),
        ("standards", tiny::ID.to_owned()),
        ("scenarios", SCENARIO.to_owned()),
        ("assignments", view["assignment_id"].as_str().expect("an id").to_owned()),
        ("visits", visit.to_owned()),
        ("evidence", file("photo")),
        ("recordings", file("recording")),
        ("consents", id_of(&world.admin.client.get("/v1/consents").ok().await["data"][0])),
        ("results", world.result_of(0).await["result_id"].as_str().expect("an id").to_owned()),
    ])
}

/// An appeal of the branch with a file, upheld by somebody who did not judge the visit.
async fn upheld(world: &World, people: &[(&'static str, Person)], result: &str) -> [(&'static str, String); 2] {
    let manager = &people.iter().find(|(role, _)| *role == "branch_manager").expect("a manager").1.client;
    let items = json!({"items": [{"item_id": "needs", "reason": "Küsiti küll."}]});
    let filed = manager.post(&format!("/v1/results/{result}/appeals"), &items).created().await;
    // Of its own making, so it tells the chain nothing; one of version 7 would look as if it did.
    let (appeal, file) = (id_of(&filed["data"][0]), "5c0f1c34-8f53-4d7e-9a07-6e1d0a7b9c66".to_owned());
    manager.put_bytes(&format!("/v1/appeals/{appeal}/files/{file}"), small_photo(5)).ok().await;
    let answer = json!({"answer": {"v": "full"}, "reason": "Salvestis kinnitab."});
    world.admin.client.post(&format!("/v1/appeals/{appeal}/uphold"), &answer).ok().await;
    [("appeals", appeal), ("appeal files", file)]
}

/// A published visit with everything that a visit can have.
async fn full_visit(world: &World, mark: &str) -> String {
    let visit = new_id();
    let scenario = json!({"from_library": "C1", "id": SCENARIO});
    world.admin.client.post("/v1/scenarios", &scenario).once(SCENARIO).created().await;
    let mut assignment = world.assignment(0, Some(&world.auditor));
    assignment["scenario_id"] = json!(SCENARIO);
    let assignment = world.assign_in(&world.wave, vec![assignment]).await.remove(0);
    let mut answers = tiny::fair();
    answers["greet"]["comment"] = json!(format!("{mark}-comment"));
    answers["queue"] = json!({"na": true, "v": format!("{mark}-beside")});
    answers["why"] = json!({"v": format!("{mark}-text"), "comment": format!("{mark}-more")});
    let mut files = [
        File::new("photo", &["front", "offer"], &format!("{mark}-front.jpg"), marked_photo(mark)),
        File::new("document", &[], &format!("{mark}-notes.txt"), format!("{mark}-notes").into_bytes()),
        File::new("recording", &["offer"], &format!("{mark}-call.mp3"), fixture("media/call_hu_parcel_rude.mp3")),
    ];
    files[1].entry["item_ids"] = json!([]);
    for (file, minute) in files.iter_mut().zip(["13:31:07", "13:33:09", "13:35:01"]) {
        file.entry["captured_at"] = json!(format!("2026-05-04T{minute}Z"));
        file.entry["media_type"] = json!(format!("image/{mark}"));
    }
    let mut body = filing(&assignment, "submitted", &answers, &files.iter().collect::<Vec<_>>());
    body["device"] = json!({
        "at": "2026-05-04T13:37:11Z", "monotonic_ms": 13_371_337_133_i64, "model": format!("{mark}-model"),
        "os": format!("{mark}-os"), "app": format!("{mark}-app"),
    });
    let path = format!("/v1/visits/{visit}");
    world.auditor.client.put(&path, &body).if_absent().created().await;
    for file in &files {
        file.upload(&world.auditor).await;
    }
    world.processed(&visit).await;
    let transcript = format!("/v1/evidence/{}/transcript?language=et", files[2].id);
    let text = format!("[0:01] {mark}-speaker: {mark} was said");
    world.auditor.client.put_bytes(&transcript, text).ok().await;
    let consent = json!({
        "visit_id": visit, "basis": "spoken_notice", "given_at": "2026-05-04T13:31:07Z", "country": "EE",
        "given_by": format!("{mark}-giver"), "notice": format!("{mark}-notice"), "proof_id": files[1].id,
    });
    let consent = id_of(&world.auditor.client.post("/v1/consents", &consent).created().await);
    let reason = json!({"reason": format!("{mark}-withdrawal")});
    world.reviewer.client.post(&format!("/v1/consents/{consent}/withdraw"), &reason).ok().await;
    // Those of the call agreed to it.
    let consent = json!({
        "evidence_id": files[2].id, "basis": "spoken_notice", "given_at": "2026-05-04T13:31:07Z",
        "notice": format!("{mark}-notice"),
    });
    world.reviewer.client.post("/v1/consents", &consent).created().await;
    // It goes back once, so that there is a reason and a second revision.
    world.review(&visit, &["review"]).await;
    let order = return_order("greet", &format!("{mark}-return"));
    world.reviewer.client.post(&format!("{path}/return"), &order).ok().await;
    let tag = world.auditor.client.get(&path).send().await.etag();
    world.auditor.client.put(&path, &body).if_match(&tag).send().await;
    body["answers"]["polite"] = json!({"v": 3, "comment": format!("{mark}-third")});
    let tag = world.auditor.client.get(&path).send().await.etag();
    world.auditor.client.put(&path, &body).if_match(&tag).ok().await;
    world.review(&visit, &["review", "approve", "publish"]).await;
    let reason = json!({"reason": format!("{mark}-unpublish")});
    world.reviewer.client.post(&format!("{path}/unpublish"), &reason).ok().await;
    world.review(&visit, &["publish"]).await;
    visit
}

/// The bytes of a rational of three parts, as a position has it in EXIF.
fn rationals(parts: [u32; 3]) -> Vec<u8> {
    parts.into_iter().flat_map(|part| [part.to_le_bytes(), 1_u32.to_le_bytes()].concat()).collect()
}

/// Where the marked photo was taken.
const LATITUDE: [u32; 3] = [59, 26, 13];
const LONGITUDE: [u32; 3] = [24, 44, 57];

/// A photo with a marked camera, a position and a comment in it.
fn marked_photo(mark: &str) -> Vec<u8> {
    let photo = small_photo(77);
    let camera = format!("{mark}-camera\0").into_bytes();
    let entry = |tag: u16, kind: u16, count: u32, value: [u8; 4]| {
        [&tag.to_le_bytes()[..], &kind.to_le_bytes(), &count.to_le_bytes(), &value].concat()
    };
    let length = |bytes: &[u8]| u32::try_from(bytes.len()).expect("few bytes");
    // Little-endian TIFF: the main directory at 8, the one of the position behind it, then the values.
    let (main, position) = (8_u32, 8_u32 + 2 + 2 * 12 + 4);
    let values = position + 2 + 4 * 12 + 4;
    let mut tiff = [&b"II*\0"[..], &main.to_le_bytes(), &2_u16.to_le_bytes()].concat();
    tiff.extend(entry(0x0110, 2, length(&camera), (values + 48).to_le_bytes()));
    tiff.extend(entry(0x8825, 4, 1, position.to_le_bytes()));
    tiff.extend([&0_u32.to_le_bytes()[..], &4_u16.to_le_bytes()].concat());
    tiff.extend(entry(1, 2, 2, *b"N\0\0\0"));
    tiff.extend(entry(2, 5, 3, values.to_le_bytes()));
    tiff.extend(entry(3, 2, 2, *b"E\0\0\0"));
    tiff.extend(entry(4, 5, 3, (values + 24).to_le_bytes()));
    tiff.extend([&0_u32.to_le_bytes()[..], &rationals(LATITUDE), &rationals(LONGITUDE), &camera].concat());
    let segment = |marker: u8, content: &[u8]| {
        let length = u16::try_from(content.len() + 2).expect("a short segment");
        [&[0xff, marker][..], &length.to_be_bytes(), content].concat()
    };
    let exif = segment(0xe1, &[&b"Exif\0\0"[..], &tiff].concat());
    let comment = segment(0xfe, format!("{mark}-jpeg-comment").as_bytes());
    [&photo[..2], &exif, &comment, &photo[2..]].concat()
}

async fn each_role_sees_these_members(app: &TestApp) {
    let world = World::make(app).await;
    let people = everybody(app, &world).await;
    let visit = full_visit(&world, "m4rk").await;
    // Something in every list.
    world.assign_in(&world.wave, vec![world.assignment(1, None)]).await;
    let key =
        json!({"name": "k", "rights": ["read_chains"], "expires_on": crate::support::today(), "password": PASSWORD});
    for (_, person) in &people {
        person.client.post("/v1/api-keys", &key).created().await;
    }
    let plan = format!("/v1/branches/{}/action-plan", world.branches[0]);
    let action = world.admin.client.get(&plan).ok().await["actions"][0].clone();
    let change = json!({"owner": "Jaan", "due_on": "2026-12-01", "state": "open"});
    let path = format!("/v1/actions/{}", id_of(&action));
    world.admin.client.patch(&path, &change).if_match(action["etag"].as_str().expect("a tag")).ok().await;

    let mut ids = objects(&world, &visit).await;
    ids.extend(upheld(&world, &people, &ids["results"]).await);
    eventually("everybody is told who is told anything of it", || async {
        for (_, person) in people.iter().filter(|(role, _)| !["firm_admin", "reviewer"].contains(role)) {
            let told = person.client.get("/v1/notices").ok().await;
            if told["data"].as_array().is_none_or(Vec::is_empty) {
                return None;
            }
        }
        Some(())
    })
    .await;
    let reads = reads(app, &ids).await;
    let mut differing = Vec::new();
    for (role, person) in &people {
        let mut text = String::new();
        for (path, target) in &reads {
            let answer = person.client.get(target).send().await;
            text.push_str(&format!("GET {path} {}\n", answer.status));
            let media = answer.header("content-type");
            if answer.status != 200 {
                continue;
            }
            if !media.starts_with("application/json") {
                text.push_str(&format!("  {media}\n"));
                continue;
            }
            let mut found = BTreeSet::new();
            if path != "/v1/standards/{id}/versions/{n}" {
                paths(&answer.json(), "", &mut found);
            }
            for path in found {
                text.push_str(&format!("  {path}\n"));
            }
        }
        let file = in_repository(&format!("tests/sight/{role}.txt"));
        if setting("PEEGEL_TESTS_WRITE").is_some() {
            std::fs::create_dir_all(file.parent().expect("a folder")).expect("a folder");
            std::fs::write(&file, &text).expect("a file");
        } else if std::fs::read_to_string(&file).unwrap_or_default() != text {
            differing.push(format!("{}:\n{}", file.display(), differences(&file, &text)));
        }
    }
    assert!(
        differing.is_empty(),
        "what a role sees has changed. If it should, write the files anew with PEEGEL_TESTS_WRITE=1 and look at the \
         difference.\n{}",
        differing.join("\n")
    );
}

/// Lines of one text and not the other, each with the operation above it.
fn differences(file: &std::path::Path, text: &str) -> String {
    let kept = std::fs::read_to_string(file).unwrap_or_default();
    let lines = |text: &str| -> BTreeSet<String> {
        let mut operation = "";
        let mut lines = BTreeSet::new();
        let owned = text.to_owned();
        for line in owned.lines() {
            if line.starts_with("GET") {
                operation = line;
            }
            lines.insert(format!("{operation}{}", if line == operation { "" } else { line }));
        }
        lines
    };
    let (before, now) = (lines(&kept), lines(text));
    let gone = before.difference(&now).map(|line| format!("- {line}"));
    gone.chain(now.difference(&before).map(|line| format!("+ {line}"))).collect::<Vec<_>>().join("\n")
}

/// Everything that somebody can fetch: bodies and headers, each with the path that it came from.
async fn everything(app: &TestApp, client: &Client, ids: &Ids) -> Vec<(String, Answer)> {
    let mut answers = Vec::new();
    let mut targets: Vec<String> = reads(app, ids).await.into_iter().map(|(_, target)| target).collect();
    let result = format!("/v1/results/{}", ids["results"]);
    targets.extend((1..5).map(|n| format!("{result}/photos/{n}?size=1600")));
    let branch = &ids["branches"];
    for lang in ["en", "et", "hu"] {
        targets.push(format!("/v1/branches/{branch}/action-plan?lang={lang}"));
        targets.push(format!("/v1/branches/{branch}/action-plan.pdf?lang={lang}"));
    }
    for target in targets {
        let answer = client.get(&target).send().await;
        answers.push((target, answer));
    }
    let plan = client.get(&format!("/v1/branches/{branch}/action-plan")).ok().await;
    let action = &plan["actions"][0];
    let change = json!({"owner": "Jaan"});
    let tag = action["etag"].as_str().expect("a tag");
    let answer = client.patch(&format!("/v1/actions/{}", id_of(action)), &change).if_match(tag).send().await;
    answers.push(("PATCH /v1/actions".to_owned(), answer));
    answers
}

/// Whether bytes hold others, in upper or lower case.
fn holds(bytes: &[u8], needle: &[u8]) -> bool {
    bytes.windows(needle.len()).any(|window| window.eq_ignore_ascii_case(needle))
}

async fn nothing_of_an_auditor_gets_through(app: &TestApp) {
    let mark = "m4rk";
    let mut world = World::make(app).await;
    world.auditor = world.person(app, &format!("{mark}-auditor"), "auditor", None).await;
    world.reviewer = world.person(app, &format!("{mark}-reviewer"), "reviewer", None).await;
    let people = everybody(app, &world).await;
    // Times in version 7 ids are cut to milliseconds, and ids of the same one may count on.
    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    let begun = crate::support::now();
    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    let visit = full_visit(&world, mark).await;
    let admin = &world.admin.client;
    let view = admin.get(&format!("/v1/visits/{visit}")).ok().await;
    let mut ids = objects(&world, &visit).await;
    ids.extend(upheld(&world, &people, &ids["results"]).await);

    // What must not be found, and that it is there to be found.
    let mut secrets = vec![mark.to_owned(), "13:37:11".to_owned(), "13:31:07".to_owned(), "13:33:09".to_owned()];
    for person in [&world.auditor, &world.reviewer] {
        secrets.push(person.id.clone());
        let me = person.client.get("/v1/me").ok().await;
        secrets.push(me["user_id"].as_str().expect("an id").to_owned());
    }
    secrets.extend([visit.clone(), ids["assignments"].clone()]);
    for file in view["files"].as_array().expect("files") {
        secrets.push(id_of(file));
        secrets.push(file["sha256"].as_str().expect("a hash").to_owned());
    }
    for member in ["received_at", "submitted_at", "published_at", "skew_ms"] {
        let secret = &view[member];
        secrets.push(secret.as_str().map_or_else(|| secret.to_string(), str::to_owned));
    }
    let photo = admin.get(&format!("/v1/evidence/{}/content", ids["evidence"])).send().await.expect(200).body;
    let positions = [rationals(LATITUDE), rationals(LONGITUDE), b"Exif".to_vec()];
    for needle in positions.iter().map(Vec::as_slice).chain(["m4rk-camera", "m4rk-jpeg-comment"].map(str::as_bytes)) {
        assert!(holds(&photo, needle), "the original has it");
    }
    let all = view.to_string() + &admin.get("/v1/users").ok().await.to_string();
    let scores = admin.get(&format!("/v1/visits/{visit}/receipt")).ok().await.to_string();
    for word in ["comment", "beside", "text", "more", "third", "front.jpg", "notes.txt", "auditor"] {
        assert!((all.clone() + &scores).contains(&format!("{mark}-{word}")), "{word} is stored");
    }

    let (mut bodies, mut pdfs) = (0, 0);
    let of_chain = |role: &str| ["chain_viewer", "region_viewer", "branch_manager"].contains(&role);
    for (role, person) in people.iter().filter(|(role, _)| of_chain(role)) {
        for (target, answer) in everything(app, &person.client, &ids).await {
            let mut texts = vec![answer.body.clone()];
            if answer.status == 200 && answer.header("content-type") == "application/pdf" {
                texts.push(checked_text(app.folder(), &answer.body).await.into_bytes());
                pdfs += 1;
            }
            texts.extend(answer.headers.iter().map(|(_, value)| value.as_bytes().to_vec()));
            // What was asked for may be named in what comes back.
            let given = |secret: &str| target.contains(secret);
            for secret in &secrets {
                let found = texts.iter().any(|text| holds(text, secret.as_bytes()));
                assert!(!found || given(secret), "{role} finds {secret} in {target}: {}", answer.describe());
            }
            for position in &positions {
                assert!(!holds(&answer.body, position), "{role} finds a position or EXIF in {target}");
            }
            bodies += usize::from(answer.status == 200);
            // One's own devices and keys tell of oneself.
            let is_own = ["/v1/me", "/v1/sessions", "/v1/api-keys"].contains(&target.as_str());
            if !is_own && answer.header("content-type").starts_with("application/json") {
                let late = later_than(begun, &String::from_utf8_lossy(&answer.body));
                assert!(late.is_empty(), "{role} finds in {target} what tells the time: {late:?}");
            }
        }
    }
    assert!(bodies > 60 && pdfs >= 12, "{bodies} bodies, {pdfs} PDFs");
    // The same look finds what the firm reads.
    for (_, target) in reads(app, &ids).await {
        let answer = admin.get(&target).send().await;
        if target == format!("/v1/visits/{visit}") || target.starts_with("/v1/visits?") || target == "/v1/visits" {
            assert!(!later_than(begun, &String::from_utf8_lossy(&answer.body)).is_empty(), "{target}");
        }
    }
    // What an auditor reads of the reviewer and of other auditors: nothing by name.
    for (target, answer) in auditors_reads(app, &world.other_auditor.client, &ids).await {
        for secret in &secrets {
            let found = holds(&answer.body, secret.as_bytes());
            assert!(!found || target.contains(secret.as_str()), "another auditor finds {secret} in {target}");
        }
    }
    for (target, answer) in auditors_reads(app, &world.auditor.client, &ids).await {
        for secret in [&world.reviewer.email, &"m4rk-reviewer".to_owned(), &world.other_auditor.id] {
            assert!(!holds(&answer.body, secret.as_bytes()), "an auditor finds {secret} in {target}");
        }
    }
    // Once it is unpublished, nothing is left.
    world.review(&visit, &["unpublish"]).await;
    let viewer = &people.iter().find(|(role, _)| *role == "chain_viewer").expect("a viewer").1.client;
    eventually("it is gone", || async {
        let gone = viewer.get(&format!("/v1/results/{}", ids["results"])).send().await;
        (gone.status == 410).then_some(())
    })
    .await;
}

async fn auditors_reads(app: &TestApp, client: &Client, ids: &Ids) -> Vec<(String, Answer)> {
    let mut answers = Vec::new();
    for (_, target) in reads(app, ids).await {
        let answer = client.get(&target).send().await;
        answers.push((target, answer));
    }
    answers
}

/// Times and version 7 ids of a text that lie behind a moment.
fn later_than(moment: chrono::DateTime<chrono::Utc>, text: &str) -> Vec<String> {
    let mut late = Vec::new();
    for word in text.split('"') {
        if let Ok(time) = chrono::DateTime::parse_from_rfc3339(word)
            && time.to_utc() > moment
        {
            late.push(word.to_owned());
        }
        let Ok(id) = word.parse::<uuid::Uuid>() else { continue };
        let millis = i64::try_from(id.as_u128() >> 80).expect("48 bits");
        if id.get_version_num() == 7 && millis > moment.timestamp_millis() {
            late.push(word.to_owned());
        }
    }
    late
}
