//! Recordings: what is heard in them, the waveform under a player, answers that point at a second, and what is suggested
//! for timed items.

use serde_json::{Value, json};
use tokio::process::Command;

use crate::receipts::{keys_file, verify};
use crate::support::app::TestApp;
use crate::support::client::Call;
use crate::support::files::{fixture, fixture_json, in_repository};
use crate::support::world::{File, World, filing};
use crate::support::{new_id, on_both, on_buckets, setting, tiny};

on_both!(
    a_waveform_is_for_those_who_may_hear,
    what_cannot_be_decoded_is_stored_and_marked,
    a_browser_records_and_plays_from_a_second,
    answers_point_at_a_second,
    figures_are_suggested_for_timed_items,
);

on_buckets!(a_waveform_is_for_those_who_may_hear, what_cannot_be_decoded_is_stored_and_marked);

fn call_file(name: &str) -> File {
    File::new("recording", &["offer"], name, fixture(&format!("media/{name}")))
}

/// A draft with these files, all sent and looked into.
async fn sent(world: &World, files: &[&File]) -> (String, Vec<Value>) {
    let visit = new_id();
    let body = filing(&world.assign_one().await, "draft", &json!({}), files);
    world.auditor.client.put(&format!("/v1/visits/{visit}"), &body).if_absent().created().await;
    for file in files {
        file.upload(&world.auditor).await;
    }
    let views = world.processed(&visit).await;
    (visit, views)
}

fn waveform(client: &crate::support::client::Client, file: &File) -> Call {
    client.get(&format!("/v1/evidence/{}/waveform", file.id))
}

async fn a_waveform_is_for_those_who_may_hear(app: &TestApp) {
    let world = World::make(app).await;
    let (call, photo) = (call_file("call_hu_parcel_rude.mp3"), File::front());
    let announced = call_file("call_et_coffee_good.m4a");
    let visit = new_id();
    let assignment = world.assign_one().await;
    let body = filing(&assignment, "draft", &json!({}), &[&call, &photo, &announced]);
    world.auditor.client.put(&format!("/v1/visits/{visit}"), &body).if_absent().created().await;
    waveform(&world.auditor.client, &announced).problem(404, "not_found").await;
    for file in [&call, &photo] {
        file.upload(&world.auditor).await;
    }
    let path = format!("/v1/evidence/{}/waveform", call.id);
    let heard = crate::support::eventually("the recording was listened to", || async {
        let answer = world.auditor.client.get(&path).send().await;
        (answer.status == 200).then(|| answer.json())
    })
    .await;
    assert_eq!(heard["duration_ms"], 48_703);
    let peaks = heard["peaks"].as_array().expect("peaks");
    let peak_ms = heard["peak_ms"].as_u64().expect("a length");
    assert!((peaks.len() as u64 * peak_ms).abs_diff(48_703) <= peak_ms, "{} x {peak_ms}", peaks.len());
    assert!(peaks.iter().all(|peak| peak.as_u64().is_some_and(|peak| peak <= 255)));
    let speech = heard["speech"].as_array().expect("speech");
    let first = speech[0]["start_ms"].as_u64().expect("a time");
    assert!(first.abs_diff(12_000) < 700, "four rings come first: {heard}");
    assert_eq!(heard["figures"]["first_speech_ms"], speech[0]["start_ms"]);
    assert!(heard["figures"]["hold_ms"].as_u64().expect("a hold").abs_diff(8_800) < 1_500, "{}", heard["figures"]);
    let view = world.reviewer.client.get(&format!("/v1/visits/{visit}")).ok().await;
    let facts = view["files"].as_array().and_then(|files| files.iter().find(|file| file["id"] == call.id.as_str()));
    let facts = &facts.expect("the recording")["facts"];
    assert_eq!((&facts["codec"], &facts["speech_bp"]), (&json!("mp3"), &heard["figures"]["speech_bp"]));

    waveform(&world.reviewer.client, &call).ok().await;
    waveform(&world.admin.client, &photo).problem(404, "not_found").await;
    waveform(&world.other_auditor.client, &call).problem(404, "not_found").await;
    let other = World::named(app, "beta").await;
    waveform(&other.admin.client, &call).problem(404, "not_found").await;

    // A draft that drops the recording takes its waveform along.
    let body = filing(&assignment, "draft", &json!({}), &[&photo]);
    world.auditor.client.put(&format!("/v1/visits/{visit}"), &body).if_match("\"1\"").ok().await;
    waveform(&world.auditor.client, &call).problem(404, "not_found").await;

    // Where it may not be played, it may not be seen who speaks when.
    let shy = json!({"code": "shy", "name": "Vaikne", "kind": "client", "locale": "et", "colour": "#00ff00"});
    let shy = world.admin.client.post("/v1/chains", &shy).created().await;
    let branch = json!({"code": "S1", "name": "S1", "address": "Pikk 1", "time_zone": "Europe/Tallinn"});
    let branch = json!({"chain_id": shy["id"], "branches": [branch]});
    let branch = world.admin.client.post("/v1/branches", &branch).created().await;
    let wave = json!({
        "chain_id": shy["id"], "name": "w", "kind": "regular", "opens_on": "2026-01-01", "closes_on": "2026-02-01",
    });
    let wave = world.admin.client.post("/v1/waves", &wave).created().await;
    let mut assignment = world.assignment(0, Some(&world.auditor));
    assignment["branch_id"] = branch["data"][0]["id"].clone();
    let assignment = world.assign_in(wave["id"].as_str().expect("an id"), vec![assignment]).await.remove(0);
    let quiet = call_file("shop_et_counter_rude.wav");
    let visit = new_id();
    let body = filing(&assignment, "draft", &json!({}), &[&quiet]);
    world.auditor.client.put(&format!("/v1/visits/{visit}"), &body).if_absent().created().await;
    quiet.upload(&world.auditor).await;
    world.processed(&visit).await;
    for person in [&world.auditor, &world.reviewer, &world.admin] {
        waveform(&person.client, &quiet).problem(403, "recording_not_permitted").await;
        let offered = person.client.get(&format!("/v1/visits/{visit}/suggestions")).ok().await;
        assert_eq!(offered, json!({"data": [], "waiting": [], "withheld": [quiet.id]}));
    }
}

async fn what_cannot_be_decoded_is_stored_and_marked(app: &TestApp) {
    let world = World::make(app).await;
    let folder = app.folder();
    let made = Command::new("ffmpeg")
        .args(["-v", "error", "-y", "-f", "lavfi", "-i", "sine=duration=3", "-c:a", "gsm_ms", "-ar", "8000"])
        .arg(folder.join("old.wav"))
        .status()
        .await;
    // What the ffmpeg of this machine cannot write, it is spared.
    let old = match made.is_ok_and(|status| status.success()) {
        true => std::fs::read(folder.join("old.wav")).expect("a file"),
        false => hostile_wav(0x1234),
    };
    let old = File::new("recording", &["offer"], "old.wav", old);
    let unknown = File::new("recording", &["offer"], "unknown.wav", hostile_wav(0x1234));
    let text = File::new("recording", &["offer"], "call.mp3", b"not a recording".to_vec());
    let (visit, views) = sent(&world, &[&old, &unknown, &text]).await;
    let view = |file: &File| views.iter().find(|view| view["id"] == file.id.as_str()).expect("the file").clone();
    assert_eq!(view(&unknown)["state"], "unpreviewable", "{}", view(&unknown));
    assert_eq!(view(&unknown)["problem_code"], "unsupported_codec");
    assert_eq!(view(&unknown)["facts"]["duration_ms"], 2_000, "its length is known all the same");
    assert_eq!(view(&text)["problem_code"], "not_a_recording");
    for file in [&old, &unknown, &text] {
        let content = world.auditor.client.get(&format!("/v1/evidence/{}/content", file.id)).send().await.expect(200);
        assert_eq!(content.body, file.bytes);
    }
    for file in [&unknown, &text] {
        waveform(&world.auditor.client, file).problem(404, "not_found").await;
    }
    let offered = world.auditor.client.get(&format!("/v1/visits/{visit}/suggestions")).ok().await;
    assert_eq!((&offered["data"], &offered["waiting"]), (&json!([]), &json!([])));
}

/// Two seconds in a codec that nobody knows.
fn hostile_wav(tag: u16) -> Vec<u8> {
    let mut wav = b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0".to_vec();
    wav.extend(tag.to_le_bytes());
    wav.extend([1, 0, 0x40, 0x1F, 0, 0, 0xE8, 0x03, 0, 0, 1, 0, 8, 0]);
    wav.extend(b"data\xD0\x07\0\0");
    wav.resize(wav.len() + 2_000, 7);
    wav
}

/// Runs Chromium with a plan, and gives what it printed.
async fn chromium(app: &TestApp, mut plan: Value) -> String {
    let found = setting("PATH").unwrap_or_default();
    let found = found.split(':').map(|folder| format!("{folder}/chromium"));
    let found = found.into_iter().find(|path| std::path::Path::new(path).exists());
    plan["chromium"] = json!(found.expect("chromium; tests/run.sh installs it"));
    plan["modules"] = json!(in_repository("target/tools/clients/node_modules"));
    let path = app.folder().join(format!("{}.json", new_id()));
    std::fs::write(&path, plan.to_string()).expect("a plan");
    let output = Command::new("node")
        .arg(in_repository("tests/clients/recorder.mjs"))
        .arg(&path)
        .env("no_proxy", "127.0.0.1")
        .kill_on_drop(true)
        .output()
        .await
        .expect("node; tests/run.sh installs it");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

async fn a_browser_records_and_plays_from_a_second(app: &TestApp) {
    let world = World::make(app).await;
    let folder = app.folder().join("browser");
    std::fs::create_dir(&folder).expect("a folder");
    let spoken = folder.join("spoken.wav");
    let text = "Good morning, this is the shop in Long Street, how can I help you today?";
    let said = Command::new("espeak-ng").args(["-v", "en", "-w"]).arg(&spoken).arg(text).status().await;
    assert!(said.expect("espeak-ng; tests/run.sh installs it").success());
    let types = [("audio/webm;codecs=opus", "browser.webm", "webm"), ("audio/mp4;codecs=opus", "browser.mp4", "mp4")];
    let files: Vec<_> = types
        .iter()
        .map(|(media_type, name, _)| json!({"media_type": media_type, "path": folder.join(name)}))
        .collect();
    chromium(app, json!({"files": files, "seconds": 6, "sound": spoken})).await;
    let files: Vec<_> = types
        .iter()
        .map(|(_, name, _)| File::new("recording", &["offer"], name, std::fs::read(folder.join(name)).expect("a file")))
        .collect();
    let (_, views) = sent(&world, &files.iter().collect::<Vec<_>>()).await;
    for (file, (_, name, container)) in files.iter().zip(types) {
        let view = views.iter().find(|view| view["id"] == file.id.as_str()).expect("the file");
        let facts = &view["facts"];
        assert_eq!(
            (&view["state"], &facts["container"], &facts["codec"]),
            (&json!("processed"), &json!(container), &json!("opus")),
            "{name}: {view}"
        );
        assert_eq!(facts["truncated"], false, "{name}: {facts}");
        let duration_ms = facts["duration_ms"].as_u64().expect("a duration");
        assert!((5_000..8_000).contains(&duration_ms), "{name}: {facts}");
        assert!(facts["speech_bp"].as_u64().is_some_and(|speech| speech > 4_000), "{name}: {facts}");
    }

    // From a second to bytes: the element asks for the part that it needs.
    let long = call_file("call_en_tea_good.m4a");
    sent(&world, &[&long]).await;
    let address = format!("{}/v1/evidence/{}/content", app.base(), long.id);
    let token = world.reviewer.client.token().to_owned();
    let play = json!({"play": {"address": address, "token": token, "second": 40}});
    let said = chromium(app, play).await;
    let said: Value = serde_json::from_str(&said).expect("JSON");
    assert!(said["duration"].as_f64().is_some_and(|seconds| (50.0..70.0).contains(&seconds)), "{said}");
    assert!(said["at"].as_f64().is_some_and(|at| (40.0..42.0).contains(&at)), "{said}");
    assert!(said["asked"].as_array().is_some_and(|asked| asked.iter().all(|range| range != "")), "{said}");
    let half = long.bytes.len() / 2;
    let part = world.reviewer.client.get(&format!("/v1/evidence/{}/content", long.id));
    let part = part.header("range", &format!("bytes={half}-")).send().await.expect(206);
    assert_eq!(part.body, long.bytes[half..]);
}

async fn answers_point_at_a_second(app: &TestApp) {
    let world = World::make(app).await;
    let (call, front) = (call_file("call_hu_parcel_rude.mp3"), File::front());
    let visit = new_id();
    let path = format!("/v1/visits/{visit}");
    let assignment = world.assign_one().await;
    let mut answers = tiny::perfect();
    let moment = |file: &File, at_ms: i64| json!({"evidence_id": file.id, "at_ms": at_ms});
    answers["greet"]["moments"] = json!([moment(&call, 12_100), moment(&call, 34_000)]);
    let put = |state: &str, answers: &Value| {
        world.auditor.client.put(&path, &filing(&assignment, state, answers, &[&call, &front]))
    };

    // A draft keeps them as they are; filing looks at what they name.
    let mut draft = answers.clone();
    draft["polite"]["moments"] = json!([moment(&front, 5), {"evidence_id": new_id(), "at_ms": 5}]);
    put("draft", &draft).if_absent().created().await;
    let view = world.auditor.client.get(&path).ok().await;
    assert_eq!(view["draft"]["answers"]["polite"]["moments"], draft["polite"]["moments"]);
    let problems = [
        ("/answers/polite/moments/0/evidence_id", "wrong_evidence_kind"),
        ("/answers/polite/moments/1/evidence_id", "unknown_ref"),
    ];
    put("submitted", &draft).if_match("\"1\"").problem(422, "kept_as_draft").await.problem(422, "kept_as_draft");
    let again = put("submitted", &draft).if_match("\"2\"").send().await;
    assert_eq!(again.problems(), crate::support::client::owned(&problems));
    let mut wrong = answers.clone();
    wrong["greet"]["moments"] = json!([{"evidence_id": call.id, "at_ms": -1}]);
    put("draft", &wrong).if_match("\"2\"").invalid(&[("/answers/greet/moments/0/at_ms", "out_of_range")]).await;

    // The length is found after the filing: the moment behind the end is told, and nothing is refused.
    answers["needs"]["moments"] = json!([moment(&call, 90_000)]);
    let filed = put("submitted", &answers).if_match("\"2\"").ok().await;
    assert_eq!(filed["state"], "submitted");
    assert_eq!(filed["score"]["score_bp"], 10_000, "moments score nothing");
    assert_eq!(world.auditor.client.get(&path).ok().await["stray_moments"], json!([]));
    for file in [&call, &front] {
        file.upload(&world.auditor).await;
    }
    world.processed(&visit).await;
    let view = world.reviewer.client.get(&path).ok().await;
    assert_eq!(view["answers"]["greet"]["moments"], answers["greet"]["moments"]);
    let stray = json!([{"item_id": "needs", "evidence_id": call.id, "at_ms": 90_000, "duration_ms": 48_703}]);
    assert_eq!(view["stray_moments"], stray);
    // Sent again it is the same write.
    let replayed = put("submitted", &answers).if_match("\"2\"").ok().await;
    assert_eq!(replayed, filed);

    // Known lengths are looked at when it is filed.
    world.review(&visit, &["review", "return"]).await;
    answers["needs"]["comment"] = json!("Near the end.");
    let late = put("submitted", &answers).if_match("\"3\"").send().await;
    assert_eq!(late.problems(), crate::support::client::owned(&[("/answers/needs/moments/0/at_ms", "out_of_range")]));
    answers["needs"]["moments"] = json!([moment(&call, 48_703)]);
    put("submitted", &answers).if_match("\"4\"").ok().await;
    assert_eq!(world.auditor.client.get(&path).ok().await["stray_moments"], json!([]));

    // The firm's receipt holds them and verifies; what leaves the firm does not.
    world.review(&visit, &["review", "approve", "publish"]).await;
    let receipt = world.reviewer.client.get(&format!("{path}/receipt")).send().await.expect(200);
    assert_eq!(receipt.json()["answers"]["greet"]["moments"], answers["greet"]["moments"]);
    let result = world.result_of(0).await;
    let shown =
        world.reviewer.client.get(&format!("/v1/results/{}/receipt", result["result_id"].as_str().expect("an id")));
    let shown = shown.send().await.expect(200);
    let keys = keys_file(app).await;
    for receipt in [&receipt, &shown] {
        let said = verify(&receipt.body, &[&keys]).await;
        assert_eq!(said.code, 0, "{}", said.stderr);
    }
    for seen in [shown.json(), result] {
        assert!(!seen.to_string().contains("moments") && !seen.to_string().contains(&call.id), "{seen}");
    }
}

async fn figures_are_suggested_for_timed_items(app: &TestApp) {
    let world = World::make(app).await;
    let mut standard = fixture_json("standards/mystery-call.json");
    standard["id"] = json!("timed-call");
    world.admin.client.post("/v1/standards", &standard).created().await;
    world.admin.client.post("/v1/standards/timed-call/publish", &json!({"version": 1})).ok().await;
    let mut assignment = world.assignment(0, Some(&world.auditor));
    assignment["standard_id"] = json!("timed-call");
    let assignments = world.assign_in(&world.wave, vec![assignment; 2]).await;
    let mut call = call_file("call_et_kettle_weak.m4a");
    call.entry["item_ids"] = json!(["MCL-A1", "MCL-D1"]);
    let visit = new_id();
    let path = format!("/v1/visits/{visit}/suggestions");
    let body = filing(&assignments[0], "draft", &json!({}), &[&call]);
    world.auditor.client.put(&format!("/v1/visits/{visit}"), &body).if_absent().created().await;
    let waiting = world.auditor.client.get(&path).ok().await;
    assert_eq!(waiting, json!({"data": [], "waiting": [call.id], "withheld": []}));
    call.upload(&world.auditor).await;
    world.processed(&visit).await;
    let offered = world.auditor.client.get(&path).ok().await;
    let data = offered["data"].as_array().expect("suggestions");
    let items: Vec<_> = data.iter().map(|one| one["item_id"].as_str().expect("an item")).collect();
    assert_eq!(items, ["MCL-A1", "MCL-D1"], "{offered}");
    for (one, seconds, from_ms) in [(&data[0], 12, 12_000), (&data[1], 10, 28_500)] {
        assert_eq!(
            (&one["source"], &one["unit"], &one["evidence_id"]),
            (&json!("measured"), &json!("s"), &json!(call.id))
        );
        assert!(one["value"].as_i64().is_some_and(|value| (value - seconds).abs() <= 1), "{one}");
        assert!(one["at_ms"].as_i64().is_some_and(|at_ms| (at_ms - from_ms).abs() <= 2_000), "{one}");
        assert_eq!(one["certainty"], "likely", "{one}");
        assert!(one["reason"].as_str().is_some_and(|reason| !reason.is_empty()) && one["figures"].is_object(), "{one}");
    }
    // Nothing was entered, and who has no business with the visit sees nothing.
    let view = world.auditor.client.get(&format!("/v1/visits/{visit}")).ok().await;
    assert_eq!(view["draft"]["answers"], json!({}));
    assert_eq!(world.reviewer.client.get(&path).ok().await, offered);
    world.other_auditor.client.get(&path).problem(404, "not_found").await;
    let viewer = world.chain_viewer(app).await;
    viewer.client.get(&path).problem(403, "not_allowed").await;

    // Of two recordings each counts for what it proves; what begins with a voice was not ringing.
    let mut shop = call_file("shop_et_counter_rude.wav");
    shop.entry["item_ids"] = json!(["MCL-A1"]);
    let mut other = call_file("call_et_coffee_good.m4a");
    other.entry["item_ids"] = json!(["MCL-D1"]);
    let visit = new_id();
    let body = filing(&assignments[1], "draft", &json!({}), &[&shop, &other]);
    world.auditor.client.put(&format!("/v1/visits/{visit}"), &body).if_absent().created().await;
    for file in [&shop, &other] {
        file.upload(&world.auditor).await;
    }
    world.processed(&visit).await;
    let offered = world.auditor.client.get(&format!("/v1/visits/{visit}/suggestions")).ok().await;
    let told = |n: usize| (offered["data"][n]["item_id"].clone(), offered["data"][n]["evidence_id"].clone());
    assert_eq!(told(0), (json!("MCL-A1"), json!(shop.id)), "{offered}");
    assert_eq!(offered["data"][0]["certainty"], "unsure");
    assert_eq!(told(1), (json!("MCL-D1"), json!(other.id)));
    assert_eq!(offered["data"].as_array().map(Vec::len), Some(2));
}
