//! Recordings: taken, heard and kept back by the policy of the chain and the consents that there are.

use serde_json::{Value, json};

use crate::support::app::{Kind, TestApp};
use crate::support::chain::{checked_events, count};
use crate::support::client::{Call, owned};
use crate::support::files::fixture;
use crate::support::world::{File, Person, World, filing, id_of, ids_of};
use crate::support::{new_id, now, on_both, on_buckets, tiny};
use crate::uploads::creation;

on_both!(
    a_recording_is_heard_with_a_consent,
    a_withdrawal_bites_at_once_and_everywhere,
    no_auditor_lifts_a_withdrawal,
    sound_of_any_kind_is_guarded,
    consents_cover_branches_and_chains_over_time,
    a_consent_comes_with_the_manifest,
    recordings_are_not_taken_where_they_are_refused,
    what_was_stored_before_a_refusal_stays,
    rivals_are_not_recorded,
    everything_wrong_with_a_consent_is_named,
    consents_are_seen_by_whom_they_concern,
    a_withdrawal_and_its_like_at_once,
    a_reviewer_shows_and_keeps_back_files,
    many_recordings_are_judged_by_indexes,
);

on_buckets!(a_recording_is_heard_with_a_consent, recordings_are_not_taken_where_they_are_refused);

/// A recording of a call in a shop.
pub fn recording() -> File {
    File::new("recording", &["offer"], &format!("{}.mp3", new_id()), fixture("media/call_hu_parcel_rude.mp3"))
}

/// Says what may happen to the recordings of the world's chain.
pub async fn set_policy(world: &World, policy: &str) {
    let path = format!("/v1/chains/{}", world.chain);
    let changed = world.admin.client.patch(&path, &json!({"recording_policy": policy})).ok().await;
    assert_eq!(changed["recording_policy"], policy);
}

/// The body of a visit that is filed with a photo of the front and other files.
fn filed(assignment: &str, front: &File, files: &[&File]) -> Value {
    filing(assignment, "submitted", &tiny::perfect(), &[&[front], files].concat())
}

/// A visit of a branch that was filed with some recordings, all of them stored.
pub async fn visit_with(world: &World, branch: usize, files: &[&File]) -> String {
    let (visit, front) = (new_id(), File::front());
    let assignment = world.assign(branch, 1).await.remove(0);
    let body = filed(&assignment, &front, files);
    world.auditor.client.put(&format!("/v1/visits/{visit}"), &body).if_absent().created().await;
    for file in [&[&front], files].concat() {
        file.upload(&world.auditor).await;
    }
    world.processed(&visit).await;
    visit
}

fn play(by: &Person, file: &File) -> Call {
    by.client.get(&format!("/v1/evidence/{}/content", file.id)).header("range", "bytes=0-9")
}

/// Whether a file can be played, by everybody who sees it; the visit says the same.
async fn is_heard(world: &World, visit: &str, file: &File) -> bool {
    let mut heard = Vec::new();
    for person in [&world.auditor, &world.reviewer, &world.admin] {
        let answer = play(person, file).send().await;
        heard.push(answer.status == 206);
        if answer.status != 206 {
            answer.problem(403, "recording_not_permitted");
        }
        let view = person.client.get(&format!("/v1/visits/{visit}")).ok().await;
        let unheard = view["unheard"].as_array().expect("a list");
        heard.push(!unheard.contains(&json!(file.id)));
    }
    assert!(heard.iter().all(|one| *one == heard[0]), "{heard:?}");
    heard[0]
}

/// A consent about something.
fn about(member: &str, id: &str) -> Value {
    json!({
        member: id, "basis": "spoken_notice", "given_at": "2026-05-04T13:00:00Z",
        "notice": "See kõne salvestatakse.",
    })
}

async fn record(by: &Person, body: &Value) -> Value {
    by.client.post("/v1/consents", body).created().await
}

fn withdraw(by: &Person, consent: &str) -> Call {
    by.client.post(&format!("/v1/consents/{consent}/withdraw"), &json!({"reason": "Ta ei soovi."}))
}

async fn a_recording_is_heard_with_a_consent(app: &TestApp) {
    let world = World::make(app).await;
    let (call, other) = (recording(), recording());
    let mut sound = File::new("document", &[], "note.wav", fixture("media/shop_et_counter_rude.wav"));
    sound.entry["media_type"] = json!("text/plain");
    let visit = visit_with(&world, 0, &[&call, &other, &sound]).await;
    assert!(is_heard(&world, &visit, &call).await, "the chain allows it");
    set_policy(&world, "needs_proof").await;
    for file in [&call, &other, &sound] {
        assert!(!is_heard(&world, &visit, file).await);
    }
    let of_call = record(&world.auditor, &about("evidence_id", &call.id)).await;
    assert_eq!(
        (of_call["scope"].as_str(), of_call["recorded_by"].as_str()),
        (Some("recording"), Some(&*world.auditor.id))
    );
    assert_eq!((&of_call["visit_id"], &of_call["branch_id"]), (&json!(visit), &json!(world.branches[0])));
    assert!(is_heard(&world, &visit, &call).await);
    assert!(!is_heard(&world, &visit, &other).await, "it is about one recording");
    let of_visit = record(&world.reviewer, &about("visit_id", &visit)).await;
    for file in [&call, &other, &sound] {
        assert!(is_heard(&world, &visit, file).await);
    }
    // Without proof of it, what is stored is neither lost nor changed.
    set_policy(&world, "refuse").await;
    assert!(!is_heard(&world, &visit, &call).await);
    set_policy(&world, "needs_proof").await;
    assert_eq!(world.reviewer.client.get(&format!("/v1/evidence/{}/content", call.id)).send().await.body, call.bytes);
    let list = world.admin.client.all(&format!("/v1/consents?visit_id={visit}"), 1).await;
    assert_eq!(list, [of_call, of_visit]);
    let events = checked_events(&world.admin.client).await;
    assert_eq!((count(&events, "consent.recorded"), count(&events, "chain.changed")), (2, 3));
    assert!(!json!(events).to_string().contains("salvestatakse"), "what people were told is not in the history");
}

async fn a_withdrawal_bites_at_once_and_everywhere(app: &TestApp) {
    let world = World::make(app).await;
    let call = recording();
    let visit = visit_with(&world, 0, &[&call]).await;
    let mine = id_of(&record(&world.auditor, &about("visit_id", &visit)).await);
    let mut agreement = about("chain_id", &world.chain);
    agreement["basis"] = json!("works_agreement");
    record(&world.admin, &agreement).await;
    let withdrawn = withdraw(&world.reviewer, &mine).ok().await;
    assert_eq!(
        (&withdrawn["withdrawn_by"], &withdrawn["withdrawal_reason"]),
        (&json!(world.reviewer.id), &json!("Ta ei soovi."))
    );
    // Neither a policy that asks for nothing nor the agreement of the chain helps.
    for policy in ["allow", "needs_proof"] {
        set_policy(&world, policy).await;
        assert!(!is_heard(&world, &visit, &call).await, "{policy}");
    }
    assert_eq!(withdraw(&world.auditor, &mine).ok().await, withdrawn, "the first time counts");
    record(&world.admin, &agreement).await;
    assert!(!is_heard(&world, &visit, &call).await, "a new agreement does not speak for a person");
    // The auditor cannot talk it away; a reviewer who has it in writing can.
    for body in [about("visit_id", &visit), about("evidence_id", &call.id)] {
        world.auditor.client.post("/v1/consents", &body).problem(409, "consent_withdrawn").await;
    }
    record(&world.reviewer, &about("visit_id", &visit)).await;
    assert!(is_heard(&world, &visit, &call).await);
    let events = checked_events(&world.admin.client).await;
    assert_eq!(count(&events, "consent.withdrawn"), 1);
    assert!(!json!(events).to_string().contains("soovi"));
}

async fn no_auditor_lifts_a_withdrawal(app: &TestApp) {
    let world = World::make(app).await;
    set_policy(&world, "needs_proof").await;
    let (visit, front, mut call) = (new_id(), File::front(), recording());
    let assignment = world.assign_one().await;
    let path = format!("/v1/visits/{visit}");
    world.auditor.client.put(&path, &filed(&assignment, &front, &[&call])).if_absent().created().await;
    for file in [&front, &call] {
        file.upload(&world.auditor).await;
    }
    world.processed(&visit).await;
    let of_visit = id_of(&record(&world.reviewer, &about("visit_id", &visit)).await);
    assert!(is_heard(&world, &visit, &call).await);
    let facts = async || {
        let view = world.reviewer.client.get(&path).ok().await;
        let files = view["files"].as_array().expect("files");
        files.iter().find(|file| file["id"] == call.id.as_str()).expect("the call")["facts"].clone()
    };
    assert!(facts().await["first_speech_ms"].is_number());
    withdraw(&world.reviewer, &of_visit).ok().await;
    let silent = facts().await;
    assert_eq!(silent["duration_ms"], 48_703);
    for told in ["speech_bp", "first_speech_ms", "longest_hold_at_ms", "level_cdb"] {
        assert!(silent.get(told).is_none(), "{silent}");
    }

    // Filed again with a consent of its own.
    world.review(&visit, &["review", "return"]).await;
    call.entry["consent"] =
        json!({"basis": "spoken_notice", "given_at": "2026-05-04T13:00:00Z", "notice": "See kõne salvestatakse."});
    let tag = world.auditor.client.get(&path).send().await.etag();
    world.auditor.client.put(&path, &filed(&assignment, &front, &[&call])).if_match(&tag).ok().await;
    assert!(!is_heard(&world, &visit, &call).await);

    // What a branch or a chain took back, no auditor gives; a reviewer who has it in writing does.
    for policy in ["allow", "needs_proof"] {
        set_policy(&world, policy).await;
        for (n, wide) in [about("branch_id", &world.branches[1]), about("chain_id", &world.chain)].iter().enumerate() {
            let withdrawn = id_of(&record(&world.admin, wide).await);
            withdraw(&world.admin, &withdrawn).ok().await;
            let other = recording();
            let visit = visit_with(&world, 1, &[&other]).await;
            record(&world.auditor, &about("visit_id", &visit)).await;
            record(&world.auditor, &about("evidence_id", &other.id)).await;
            assert!(!is_heard(&world, &visit, &other).await, "{policy} {n}");
            record(&world.reviewer, &about("evidence_id", &other.id)).await;
            assert!(is_heard(&world, &visit, &other).await, "{policy} {n}");
        }
    }
}

/// What players open is no document, whatever it is called.
async fn sound_of_any_kind_is_guarded(app: &TestApp) {
    let world = World::make(app).await;
    set_policy(&world, "needs_proof").await;
    let made = |name: &str, arguments: &[&str]| {
        let sine = ["-v", "error", "-y", "-f", "lavfi", "-i", "sine=duration=2"];
        crate::support::files::run("ffmpeg", app.folder(), &[&sine, arguments, &[name]].concat());
        let bytes = std::fs::read(app.folder().join(name)).expect("a file");
        let mut file = File::new("document", &[], &format!("{name}.txt"), bytes);
        file.entry["media_type"] = json!("text/plain");
        file
    };
    let files: Vec<_> = ["a.caf", "a.aiff", "a.wma", "a.avi", "a.mpg", "a.ts", "a.au", "a.w64", "a.ac3", "a.mp2"]
        .map(|name| made(name, &[]))
        .into_iter()
        .collect();
    let visit = visit_with(&world, 0, &files.iter().collect::<Vec<_>>()).await;
    for file in &files {
        assert!(!is_heard(&world, &visit, file).await, "{}", file.entry);
    }
    set_policy(&world, "refuse").await;
    let another = made("b.caf", &[]);
    let (refused, front) = (new_id(), File::front());
    let assignment = world.assign_one().await;
    let body = filed(&assignment, &front, &[&another]);
    world.auditor.client.put(&format!("/v1/visits/{refused}"), &body).if_absent().created().await;
    let path = format!("/v1/evidence/{}/content", another.id);
    world.auditor.client.put_bytes(&path, another.bytes.clone()).problem(422, "recording_refused").await;
}

async fn consents_cover_branches_and_chains_over_time(app: &TestApp) {
    let world = World::make(app).await;
    set_policy(&world, "needs_proof").await;
    let mut visits = Vec::new();
    let day = |ago: i64| (now() - chrono::Duration::days(ago)).format("%Y-%m-%d").to_string();
    for (branch, day) in [(0, day(12)), (0, day(11)), (1, day(11))] {
        let mut call = recording();
        call.entry["captured_at"] = json!(format!("{day}T12:00:00Z"));
        visits.push((visit_with(&world, branch, &[&call]).await, call));
    }
    let heard = async || {
        let mut heard = Vec::new();
        for (visit, call) in &visits {
            heard.push(is_heard(&world, visit, call).await);
        }
        heard
    };
    let mut of_branch = about("branch_id", &world.branches[0]);
    of_branch["covers_from"] = json!(format!("{}T00:00:00Z", day(11)));
    let of_branch = id_of(&record(&world.reviewer, &of_branch).await);
    assert_eq!(heard().await, [false, true, false]);
    let mut of_chain = about("chain_id", &world.chain);
    (of_chain["covers_from"], of_chain["covers_until"]) =
        (json!(format!("{}T00:00:00Z", day(20))), json!(format!("{}T11:59:59Z", day(11))));
    let first = id_of(&record(&world.reviewer, &of_chain).await);
    assert_eq!(heard().await, [true, true, false]);
    // One that ends is replaced by the next; what is about less goes on beside it.
    withdraw(&world.admin, &first).ok().await;
    assert_eq!(heard().await, [false, true, false]);
    of_chain["covers_until"] = Value::Null;
    record(&world.reviewer, &of_chain).await;
    assert_eq!(heard().await, [true, true, true]);
    withdraw(&world.admin, &of_branch).ok().await;
    assert_eq!(heard().await, [true, false, true], "the branch withdrew, and the chain does not speak for it");
    let of_first = format!("/v1/consents?branch_id={}", world.branches[0]);
    assert_eq!(world.admin.client.all(&of_first, 50).await.len(), 1);
    assert_eq!(world.admin.client.all(&format!("/v1/consents?chain_id={}", world.chain), 2).await.len(), 3);
}

async fn a_consent_comes_with_the_manifest(app: &TestApp) {
    let world = World::make(app).await;
    set_policy(&world, "needs_proof").await;
    let (mut call, other, front) = (recording(), recording(), File::front());
    // The phone's clock may be a year ahead.
    let told =
        json!({"basis": "explicit_consent", "given_at": "2099-05-04T13:00:00Z", "notice": "Kas tohib salvestada?"});
    call.entry["consent"] = told.clone();
    let (visit, assignment) = (new_id(), world.assign_one().await);
    let path = format!("/v1/visits/{visit}");
    let mut draft = filed(&assignment, &front, &[&call, &other]);
    draft["state"] = json!("draft");
    let tag = world.auditor.client.put(&path, &draft).if_absent().send().await.expect(201).etag();
    assert_eq!(world.admin.client.all("/v1/consents", 50).await, Vec::<Value>::new(), "a draft records nothing");
    for (body, problem) in [
        (about("evidence_id", &call.id), ("/evidence_id", "not_filed")),
        (about("evidence_id", &front.id), ("/evidence_id", "wrong_evidence_kind")),
    ] {
        world.auditor.client.post("/v1/consents", &body).invalid(&[problem]).await;
    }
    // By a push, as from a phone that was without a network.
    let item = json!({"visit_id": visit, "if_match": tag, "visit": filed(&assignment, &front, &[&call, &other])});
    let pushed = world.auditor.client.post("/v1/sync/push", &json!({"items": [item]})).ok().await;
    assert_eq!(pushed["results"][0]["status"], "updated", "{pushed}");
    for file in [&front, &call, &other] {
        file.upload(&world.auditor).await;
    }
    world.processed(&visit).await;
    let recorded = world.auditor.client.all("/v1/consents", 50).await;
    assert_eq!(recorded.len(), 1, "{recorded:?}");
    for name in ["basis", "given_at", "notice"] {
        let expected = told[name].as_str().expect("a text").trim_end_matches('Z');
        assert!(recorded[0][name].as_str().is_some_and(|text| text.starts_with(expected)), "{}", recorded[0]);
    }
    assert_eq!((&recorded[0]["scope"], &recorded[0]["evidence_id"]), (&json!("recording"), &json!(call.id)));
    assert!(is_heard(&world, &visit, &call).await && !is_heard(&world, &visit, &other).await);

    // What is filed again records it once, and does not bring it back once it was withdrawn.
    withdraw(&world.reviewer, &id_of(&recorded[0])).ok().await;
    world.review(&visit, &["review", "return"]).await;
    let tag = world.auditor.client.get(&path).send().await.etag();
    call.entry["consent"]["notice"] = json!("Teine tekst");
    let again = filed(&assignment, &front, &[&call, &other]);
    let tag = world.auditor.client.put(&path, &again).if_match(&tag).send().await.expect(200).etag();
    assert!(!is_heard(&world, &visit, &call).await);
    // More files bring theirs; one that was left out comes later.
    let (mut more, mut late) = (recording(), other);
    (more.entry["consent"], late.entry["consent"]) = (told.clone(), told);
    let longer = filed(&assignment, &front, &[&call, &late, &more]);
    world.auditor.client.put(&path, &longer).if_match(&tag).send().await.expect(200);
    more.upload(&world.auditor).await;
    assert!(is_heard(&world, &visit, &more).await && is_heard(&world, &visit, &late).await);
    assert!(!is_heard(&world, &visit, &call).await);
    assert_eq!(world.admin.client.all("/v1/consents", 50).await.len(), 3);
    let events = checked_events(&world.admin.client).await;
    assert_eq!(count(&events, "consent.recorded"), 3);
}

async fn recordings_are_not_taken_where_they_are_refused(app: &TestApp) {
    let world = World::make(app).await;
    set_policy(&world, "refuse").await;
    let (call, front) = (recording(), File::front());
    let film = File::new("photo", &["offer"], "film.jpg", fixture("media/call_et_coffee_good.m4a"));
    let sound = File::new("document", &[], "notes.txt", fixture("media/shop_et_counter_rude.wav"));
    let (visit, assignment) = (new_id(), world.assign_one().await);
    let path = format!("/v1/visits/{visit}");
    let body = filed(&assignment, &front, &[&film, &call, &sound]);
    let refused = world.auditor.client.put(&path, &body).if_absent().problem(422, "kept_as_draft").await;
    assert_eq!(refused.problems(), owned(&[("/evidence/2/kind", "recording_refused")]));
    let view = world.auditor.client.get(&path).ok().await;
    assert_eq!(
        (view["state"].as_str(), view["files"].as_array().map(Vec::len)),
        (Some("draft"), Some(4)),
        "nothing is lost"
    );
    // By neither way a byte of it is taken.
    let content = |file: &File| format!("/v1/evidence/{}/content", file.id);
    for _ in 0..2 {
        world.auditor.client.put_bytes(&content(&call), call.bytes.clone()).problem(422, "recording_refused").await;
        creation(&world.auditor.client, &call).problem(422, "recording_refused").await;
    }
    assert_eq!(world.auditor.client.get(&path).ok().await["files"], view["files"], "it waits as it was");
    // Sound under another name shows in its bytes.
    world.auditor.client.put_bytes(&content(&film), film.bytes.clone()).problem(422, "recording_refused").await;
    let location = creation(&world.auditor.client, &sound).send().await.expect(201).header("location").to_owned();
    let whole = crate::uploads::piece(&app.client(), &location, 0, &sound.bytes);
    whole.problem(422, "recording_refused").await;
    let files = world.auditor.client.get(&path).ok().await["files"].clone();
    for file in files.as_array().expect("files").iter().filter(|file| file["id"] == film.id || file["id"] == sound.id) {
        assert_eq!(
            (file["state"].as_str(), file["problem_code"].as_str()),
            (Some("refused"), Some("recording_refused"))
        );
    }
    assert_eq!(app.incoming().await, 0, "nothing is left behind");
    let referred = app.query("SELECT sha256 FROM blobs WHERE refs > 0").await;
    assert_eq!(referred.len(), 0, "nothing is stored");
    // Without them the visit goes its way.
    front.upload(&world.auditor).await;
    let tag = refused.etag();
    world.auditor.client.put(&path, &filed(&assignment, &front, &[])).if_match(&tag).ok().await;
    // More files for what was filed are refused, and the visit stays filed.
    let tag = world.auditor.client.get(&path).send().await.etag();
    let more = world.auditor.client.put(&path, &filed(&assignment, &front, &[&call])).if_match(&tag);
    more.invalid(&[("/evidence/1/kind", "recording_refused")]).await;
    assert_eq!(world.auditor.client.get(&path).ok().await["state"], "submitted");
}

async fn what_was_stored_before_a_refusal_stays(app: &TestApp) {
    let world = World::make(app).await;
    let (stored, waiting, front) = (recording(), recording(), File::front());
    let (visit, assignment) = (new_id(), world.assign_one().await);
    let path = format!("/v1/visits/{visit}");
    let body = filed(&assignment, &front, &[&stored, &waiting]);
    world.auditor.client.put(&path, &body).if_absent().created().await;
    front.upload(&world.auditor).await;
    stored.upload(&world.auditor).await;
    set_policy(&world, "refuse").await;
    // What is there may come again; what was only announced has to be given up.
    stored.upload(&world.auditor).await;
    let content = format!("/v1/evidence/{}/content", waiting.id);
    let refused =
        world.auditor.client.put_bytes(&content, waiting.bytes.clone()).problem(422, "recording_refused").await;
    assert!(refused.detail().contains("lost"), "{}", refused.describe());
    let lost = json!({"reason": "Salvestisi ei võeta."});
    world.auditor.client.post(&format!("/v1/evidence/{}/lost", waiting.id), &lost).ok().await;
    // What was filed is frozen: the next filing must name both, and may.
    world.review(&visit, &["review", "return"]).await;
    let tag = world.auditor.client.get(&path).send().await.etag();
    let mut again = body;
    again["answers"]["greet"]["comment"] = json!("Tere!");
    world.auditor.client.put(&path, &again).if_match(&tag).ok().await;
    assert!(!is_heard(&world, &visit, &stored).await);
    set_policy(&world, "allow").await;
    assert!(is_heard(&world, &visit, &stored).await);
    // A draft whose recording is stored already can be filed too.
    let (call, front) = (recording(), File::front());
    let (visit, assignment) = (new_id(), world.assign_one().await);
    let mut draft = filed(&assignment, &front, &[&call]);
    draft["state"] = json!("draft");
    let path = format!("/v1/visits/{visit}");
    let tag = world.auditor.client.put(&path, &draft).if_absent().send().await.expect(201).etag();
    call.upload(&world.auditor).await;
    set_policy(&world, "refuse").await;
    world.auditor.client.put(&path, &filed(&assignment, &front, &[&call])).if_match(&tag).ok().await;
}

async fn rivals_are_not_recorded(app: &TestApp) {
    let world = World::make(app).await;
    let rival = json!({"code": "rival", "name": "R", "kind": "competitor", "locale": "et", "colour": "#1F4E79", "recording_policy": "allow"});
    let rival = id_of(&world.admin.client.post("/v1/chains", &rival).created().await);
    let branch = json!({"code": "R1", "name": "R1", "address": "Pikk 9", "time_zone": "Europe/Tallinn"});
    let branch = json!({"chain_id": rival, "branches": [branch]});
    let branch = ids_of(&world.admin.client.post("/v1/branches", &branch).created().await).remove(0);
    let wave = world.add_wave("Rivaalid", "competitor", "2026-03-01", "2026-05-31").await;
    let mut assignment = world.assignment(0, Some(&world.auditor));
    assignment["branch_id"] = json!(branch);
    let assignment = world.assign_in(&wave, vec![assignment]).await.remove(0);
    let (call, front) = (recording(), File::front());
    let path = format!("/v1/visits/{}", new_id());
    let body = filed(&assignment, &front, &[&call]);
    let refused = world.auditor.client.put(&path, &body).if_absent().problem(422, "kept_as_draft").await;
    assert_eq!(refused.problems(), owned(&[("/evidence/1/kind", "recording_refused")]));
    world
        .auditor
        .client
        .put_bytes(&format!("/v1/evidence/{}/content", call.id), call.bytes.clone())
        .problem(422, "recording_refused")
        .await;
}

async fn everything_wrong_with_a_consent_is_named(app: &TestApp) {
    let (world, beta) = (World::make(app).await, World::named(app, "beta").await);
    let (call, front) = (recording(), File::front());
    let notes = File::new("document", &[], "agreement.txt", b"signed".to_vec());
    let visit = visit_with(&world, 0, &[&call, &notes]).await;
    let theirs = visit_with(&beta, 0, &[]).await;
    let post = |by: &Person, body: &Value| by.client.post("/v1/consents", body);
    post(&world.reviewer, &json!({})).problem(422, "invalid").await;
    world.reviewer.client.act("/v1/consents").bytes("{").problem(400, "malformed_json").await;
    let mut wrong = about("visit_id", &theirs);
    (wrong["basis"], wrong["notice"], wrong["proof_id"]) = (json!("hearsay"), json!("x".repeat(2001)), json!(new_id()));
    let problems = [("/basis", "bad_value"), ("/notice", "too_long"), ("/visit_id", "unknown_ref")];
    post(&world.reviewer, &wrong).invalid(&problems).await;
    for (member, id) in [
        ("chain_id", &beta.chain),
        ("branch_id", &beta.branches[0]),
        ("visit_id", &theirs),
        ("evidence_id", &front.id),
        ("visit_id", &world.chain),
    ] {
        post(&world.reviewer, &about(member, id)).invalid(&[(&format!("/{member}"), "unknown_ref")]).await;
    }
    let mut proven = about("visit_id", &visit);
    proven["proof_id"] = json!(call.id);
    post(&world.reviewer, &proven).invalid(&[("/proof_id", "wrong_evidence_kind")]).await;
    proven["proof_id"] = json!(new_id());
    post(&world.reviewer, &proven).invalid(&[("/proof_id", "unknown_ref")]).await;
    (proven["proof_id"], proven["given_by"], proven["country"]) =
        (json!(notes.id), json!("töökeskkonnavolinik"), json!("EE"));
    let made = post(&world.reviewer, &proven).once("k").created().await;
    assert_eq!(post(&world.reviewer, &proven).once("k").created().await, made);
    let other = about("visit_id", &visit);
    post(&world.reviewer, &other).once("k").problem(422, "idempotency_key_reused").await;
    assert_eq!(world.admin.client.get(&format!("/v1/consents/{}", id_of(&made))).ok().await, made);
    // Auditors speak for their own visits.
    for (member, id) in [("chain_id", &world.chain), ("branch_id", &world.branches[0])] {
        post(&world.auditor, &about(member, id)).invalid(&[(&format!("/{member}"), "not_allowed")]).await;
    }
    post(&world.other_auditor, &about("visit_id", &visit)).invalid(&[("/visit_id", "unknown_ref")]).await;
    post(&world.other_auditor, &about("evidence_id", &call.id)).invalid(&[("/evidence_id", "unknown_ref")]).await;
    let empty = json!({"reason": " "});
    let path = format!("/v1/consents/{}/withdraw", id_of(&made));
    world.reviewer.client.post(&path, &empty).invalid(&[("/reason", "empty")]).await;
    let long = json!({"reason": "x".repeat(1001)});
    world.reviewer.client.post(&path, &long).invalid(&[("/reason", "too_long")]).await;
    assert_eq!(world.admin.client.all("/v1/consents", 50).await, [made]);
}

async fn consents_are_seen_by_whom_they_concern(app: &TestApp) {
    let (world, beta) = (World::make(app).await, World::named(app, "beta").await);
    let call = recording();
    let visit = visit_with(&world, 0, &[&call]).await;
    let of_visit = record(&world.auditor, &about("visit_id", &visit)).await;
    let of_chain = record(&world.admin, &about("chain_id", &world.chain)).await;
    assert_eq!(world.reviewer.client.all("/v1/consents", 50).await, [of_visit.clone(), of_chain.clone()]);
    assert_eq!(world.auditor.client.all("/v1/consents", 50).await, std::slice::from_ref(&of_visit));
    assert_eq!(world.other_auditor.client.all("/v1/consents", 50).await, Vec::<Value>::new());
    assert_eq!(beta.admin.client.all(&format!("/v1/consents?chain_id={}", world.chain), 50).await, Vec::<Value>::new());
    for (person, consent) in [
        (&world.other_auditor, &of_visit),
        (&world.auditor, &of_chain),
        (&beta.admin, &of_visit),
        (&beta.auditor, &of_chain),
    ] {
        person.client.get(&format!("/v1/consents/{}", id_of(consent))).problem(404, "not_found").await;
        withdraw(person, &id_of(consent)).problem(404, "not_found").await;
    }
    for person in [world.chain_viewer(app).await, world.branch_manager(app).await] {
        person.client.get("/v1/consents").problem(403, "not_allowed").await;
        person.client.post("/v1/consents", &about("chain_id", &world.chain)).problem(403, "not_allowed").await;
    }
    assert_eq!(world.reviewer.client.all("/v1/consents", 50).await, [of_visit, of_chain], "nothing happened");
}

async fn a_withdrawal_and_its_like_at_once(app: &TestApp) {
    let world = World::make(app).await;
    let call = recording();
    let visit = visit_with(&world, 0, &[&call]).await;
    for round in 0..4 {
        let consent = id_of(&record(&world.reviewer, &about("visit_id", &visit)).await);
        assert!(is_heard(&world, &visit, &call).await, "{round}");
        let withdrawals = (0..10).map(|_| withdraw(&world.reviewer, &consent).send());
        let own = about("visit_id", &visit);
        let records = (0..10).map(|_| world.auditor.client.post("/v1/consents", &own).send());
        let (withdrawn, recorded) =
            tokio::join!(futures_util::future::join_all(withdrawals), futures_util::future::join_all(records));
        let first = withdrawn[0].json();
        assert!(withdrawn.iter().all(|answer| answer.json() == first), "it is withdrawn once");
        assert!(recorded.iter().all(|answer| [201, 409].contains(&answer.status)));
        // Whatever the auditor recorded came before the withdrawal, or was refused.
        assert!(!is_heard(&world, &visit, &call).await, "{round}");
    }
    let events = checked_events(&world.admin.client).await;
    assert_eq!(count(&events, "consent.withdrawn"), 4);
}

async fn a_reviewer_shows_and_keeps_back_files(app: &TestApp) {
    let world = World::make(app).await;
    let (call, notes) = (recording(), File::new("document", &[], "notes.txt", b"notes".to_vec()));
    let visit = visit_with(&world, 0, &[&call, &notes]).await;
    world.review(&visit, &["review", "approve", "publish"]).await;
    let view = world.admin.client.get(&format!("/v1/visits/{visit}")).ok().await;
    let photo = view["files"].as_array().expect("files").iter().find(|file| file["kind"] == "photo").expect("a photo");
    let viewer = world.chain_viewer(app).await;
    let result = world.result_of(0).await["result_id"].as_str().expect("an id").to_owned();
    let photos = async || {
        let result = viewer.client.get(&format!("/v1/results/{result}")).ok().await;
        result["photos"].as_array().expect("photos").len()
    };
    let show = |by: &Person, id: &str, is_visible: bool| {
        by.client.patch(&format!("/v1/evidence/{id}"), &json!({"chain_visible": is_visible}))
    };
    let photo = id_of(photo);
    assert_eq!(photos().await, 1);
    show(&world.auditor, &photo, false).problem(403, "not_allowed").await;
    show(&world.reviewer, &new_id(), false).problem(404, "not_found").await;
    let body = json!({"chain_visible": "no", "state": "lost"});
    let wrong = world.reviewer.client.patch(&format!("/v1/evidence/{photo}"), &body).problem(422, "invalid").await;
    assert_eq!(wrong.problems().len(), 2);
    assert_eq!(show(&world.reviewer, &photo, false).ok().await["chain_visible"], false);
    show(&world.reviewer, &photo, false).ok().await;
    assert_eq!(photos().await, 0);
    viewer.client.get(&format!("/v1/results/{result}/photos/1?size=320")).problem(404, "not_found").await;
    show(&world.reviewer, &photo, true).ok().await;
    assert_eq!(photos().await, 1);
    // A recording only while it may be heard, and results do not play it; a document never.
    set_policy(&world, "needs_proof").await;
    show(&world.reviewer, &call.id, true).problem(403, "recording_not_permitted").await;
    record(&world.reviewer, &about("visit_id", &visit)).await;
    assert_eq!(show(&world.reviewer, &call.id, true).ok().await["chain_visible"], true);
    assert_eq!(photos().await, 1);
    show(&world.reviewer, &notes.id, true).invalid(&[("/chain_visible", "not_allowed")]).await;
    let events = checked_events(&world.admin.client).await;
    assert_eq!(count(&events, "evidence.changed"), 3);
}

async fn many_recordings_are_judged_by_indexes(app: &TestApp) {
    let world = World::make(app).await;
    let visit = visit_with(&world, 0, &[&recording()]).await;
    record(&world.reviewer, &about("visit_id", &visit)).await;
    let (explain, column, new_id, unchecked) = match app.kind() {
        Kind::Sqlite => ("EXPLAIN QUERY PLAN", 3, "randomblob(16)", "PRAGMA foreign_keys = OFF"),
        Kind::Postgres => ("EXPLAIN", 0, "gen_random_uuid()", "SET session_replication_role = replica"),
    };
    // Many consents of other visits, which nobody has to file: only then is it clear which index is worth it.
    app.execute(&format!(
        "{unchecked}; INSERT INTO consents (firm_id, id, scope, chain_id, branch_id, visit_id, basis, given_at, notice, \
         recorded_by, recorded_at) WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < \
         20000) SELECT firm_id, {new_id}, scope, {new_id}, {new_id}, {new_id}, 'one_party_law', given_at, notice, \
         recorded_by, recorded_at FROM consents, numbers; ANALYZE"
    ))
    .await
    .expect("many consents");
    // The queries of `consent::store::about`.
    let one = |of: &str| format!("(SELECT {of} FROM consents WHERE basis = 'spoken_notice' LIMIT 1)");
    for (index, condition) in [
        ("consents_by_visit", format!("visit_id IN ({})", one("visit_id"))),
        ("consents_by_branch", format!("branch_id IN ({}) AND scope = 'branch'", one("branch_id"))),
        ("consents_by_chain", format!("chain_id IN ({}) AND scope = 'chain'", one("chain_id"))),
    ] {
        let query = format!("{explain} SELECT * FROM consents WHERE firm_id = {} AND {condition}", one("firm_id"));
        let rows = app.query(&query).await;
        let lines: Vec<String> = rows.iter().map(|row| row.try_get_by_index(column).expect("a line")).collect();
        assert!(lines.iter().any(|line| line.contains(index)), "{index} is not used: {lines:#?}");
    }
}
