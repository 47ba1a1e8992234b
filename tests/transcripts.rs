//! What is said in recordings: attached, read, searched, removed; and written by a service that may misbehave.

use std::sync::Arc;

use reqwest::Method;
use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::support::app::TestApp;
use crate::support::client::Call;
use crate::support::files::{fixture, sha256};
use crate::support::transcriber::{TranscriptionService, Way, good_answer};
use crate::support::world::{File, Person, World, filing, id_of, proofs};
use crate::support::{eventually, new_id, on_both, on_buckets, tiny};

on_both!(
    a_transcript_is_attached_read_and_removed,
    files_of_every_kind_and_what_is_wrong_with_them,
    it_is_for_those_who_may_hear_the_recording,
    words_are_found,
    a_page_ends_and_goes_on,
    a_file_that_a_draft_drops_takes_its_words_along,
    phrases_are_suggested_with_their_moments,
    a_service_transcribes_what_was_processed,
    a_service_is_asked_on_demand,
    a_service_that_fails_for_a_while_is_asked_again,
    a_service_that_misbehaves_is_not_believed,
    no_voice_leaves_without_consent,
    a_recording_leaves_as_a_stream,
    a_service_is_only_where_the_operator_says,
);

on_buckets!(a_transcript_is_attached_read_and_removed, a_service_transcribes_what_was_processed);

/// A call whose length is about a minute.
fn call() -> File {
    File::new("recording", &["offer"], &format!("{}.m4a", new_id()), fixture("media/call_et_coffee_good.m4a"))
}

fn path(file: &File) -> String {
    format!("/v1/evidence/{}/transcript", file.id)
}

/// A draft that names some files, which are sent and processed.
async fn filed(world: &World, files: &[&File]) -> String {
    let visit = named(world, files).await;
    for file in files {
        file.upload(&world.auditor).await;
    }
    world.processed(&visit).await;
    visit
}

/// A draft that names some files.
async fn named(world: &World, files: &[&File]) -> String {
    let (visit, assignment) = (new_id(), world.assign_one().await);
    let body = filing(&assignment, "draft", &json!({}), files);
    world.auditor.client.put(&format!("/v1/visits/{visit}"), &body).if_absent().created().await;
    visit
}

/// A visit that is submitted with a recording, which is processed.
async fn submitted(world: &World, file: &File) -> String {
    let (visit, assignment, answers) = (new_id(), world.assign_one().await, tiny::perfect());
    let files = proofs(&answers);
    let all: Vec<_> = files.iter().chain([file]).collect();
    let body = filing(&assignment, "submitted", &answers, &all);
    world.auditor.client.put(&format!("/v1/visits/{visit}"), &body).if_absent().created().await;
    for file in all {
        file.upload(&world.auditor).await;
    }
    world.processed(&visit).await;
    visit
}

/// A consent to a recording.
async fn consent(by: &Person, file: &File) -> String {
    let consent = json!({
        "evidence_id": file.id, "basis": "spoken_notice", "given_at": "2026-05-04T13:00:00Z", "notice": "It is recorded.",
    });
    id_of(&by.client.post("/v1/consents", &consent).created().await)
}

/// `PUT` of a transcript.
fn attach(by: &Person, file: &File, language: &str, text: &str) -> Call {
    let path = format!("{}?language={language}", path(file));
    by.client.call(Method::PUT, &path).header("content-type", "text/plain").bytes(text)
}

/// Beginning and end of a cue, who speaks, and what.
type SaidCue<'a> = (Option<i64>, Option<i64>, Option<&'a str>, &'a str);

/// Texts of cues with their times.
fn said(view: &Value) -> Vec<SaidCue<'_>> {
    let cues = view["cues"].as_array().expect("cues");
    cues.iter()
        .map(|cue| {
            let text = cue["text"].as_str().expect("a text");
            (cue["start_ms"].as_i64(), cue["end_ms"].as_i64(), cue["speaker"].as_str(), text)
        })
        .collect()
}

async fn a_transcript_is_attached_read_and_removed(app: &TestApp) {
    let world = World::make(app).await;
    let (file, photo) = (call(), File::front());
    let visit = named(&world, &[&file, &photo]).await;
    let put = |by: &Person| attach(by, &file, "et", "[00:01] Mari: Tere!\n[00:03] Head aega.");
    app.client().call(Method::PUT, &format!("{}?language=et", path(&file))).problem(401, "unauthenticated").await;
    put(&world.other_auditor).problem(404, "not_found").await;
    put(&world.chain_viewer(app).await).problem(403, "not_allowed").await;
    // Nothing is stored yet that it could be of.
    put(&world.auditor).problem(409, "illegal_state").await;
    for file in [&file, &photo] {
        file.upload(&world.auditor).await;
    }
    world.processed(&visit).await;
    attach(&world.auditor, &photo, "et", "Tere").problem(422, "not_a_recording").await;
    world.auditor.client.get(&path(&file)).problem(404, "not_found").await;
    world.auditor.client.delete(&path(&file)).problem(404, "not_found").await;

    let view = put(&world.auditor).ok().await;
    assert_eq!(said(&view), [(Some(1000), Some(3000), Some("Mari"), "Tere!"), (Some(3000), None, None, "Head aega.")]);
    for (member, value) in [
        ("evidence_id", json!(file.id)),
        ("visit_id", json!(visit)),
        ("language", json!("et")),
        ("format", json!("text")),
        ("author_id", json!(world.auditor.id)),
        ("cues_beyond_recording", json!(0)),
    ] {
        assert_eq!(view[member], value, "{member}");
    }
    assert!((55_000..70_000).contains(&view["duration_ms"].as_i64().expect("a length")), "{view}");
    for person in [&world.auditor, &world.reviewer, &world.admin] {
        assert_eq!(person.client.get(&path(&file)).ok().await, view);
    }
    // Another one takes its place; its words are found, those of the first are not.
    let again = attach(&world.auditor, &file, "hu-HU", "Jó napot!").ok().await;
    assert_eq!((said(&again).len(), again["language"].as_str()), (1, Some("hu-HU")));
    assert_eq!(found(&world, "tere").await, Vec::<String>::new());
    assert_eq!(found(&world, "napot").await, std::slice::from_ref(&file.id));

    // What a reviewer attaches stays the reviewer's.
    attach(&world.reviewer, &file, "et", "Tere jälle").ok().await;
    put(&world.auditor).problem(403, "transcript_of_others").await;
    world.auditor.client.delete(&path(&file)).problem(403, "transcript_of_others").await;
    put(&world.admin).ok().await;
    world.reviewer.client.delete(&path(&file)).send().await.expect(204);
    world.reviewer.client.delete(&path(&file)).problem(404, "not_found").await;
    assert_eq!(found(&world, "tere").await, Vec::<String>::new());
    put(&world.auditor).ok().await;
    world.auditor.client.delete(&path(&file)).send().await.expect(204);

    let events = world.admin.client.all("/v1/events", 200).await;
    let facts: Vec<_> = events
        .iter()
        .filter(|event| event["kind"].as_str().is_some_and(|kind| kind.starts_with("transcript.")))
        .collect();
    assert_eq!(facts.len(), 7, "{facts:?}");
    for fact in facts {
        assert_eq!(fact["object"], format!("evidence/{}", file.id));
        assert!(!fact.to_string().to_lowercase().contains("tere"), "no words in the history: {fact}");
    }
}

async fn files_of_every_kind_and_what_is_wrong_with_them(app: &TestApp) {
    let world = World::make(app).await;
    let file = call();
    filed(&world, &[&file]).await;
    let put = |media_type: &str, bytes: &[u8]| {
        let call = world.reviewer.client.call(Method::PUT, &format!("{}?language=et", path(&file)));
        let call = if media_type.is_empty() { call } else { call.header("content-type", media_type) };
        call.bytes(bytes)
    };
    let webvtt = "\u{feff}WEBVTT\r\n\r\n1\r\n00:01.500 --> 00:02.000\r\n<v Mari>Tere, <i>mina</i> &amp; &lt;sina&gt;\r\n\r\n\
        10:00.000 --> 10:01.000\r\nkaua pärast\r\n";
    let view = put("text/vtt", webvtt.as_bytes()).ok().await;
    assert_eq!(
        said(&view),
        [
            (Some(1500), Some(2000), Some("Mari"), "Tere, mina & <sina>"),
            (Some(600_000), Some(601_000), None, "kaua pärast")
        ]
    );
    // The second one cannot be of this recording.
    assert_eq!(
        (&view["cues"][0]["beyond_recording"], &view["cues"][1]["beyond_recording"]),
        (&json!(false), &json!(true))
    );
    assert_eq!(view["cues_beyond_recording"], 1);
    let subrip = "1\n00:00:01,000 --> 00:00:04,000\nüks\n\n2\n00:00:02,000 --> 00:00:03,000\nkaks\n";
    for media_type in ["application/x-subrip", "text/plain", "application/octet-stream", ""] {
        let view = put(media_type, subrip.as_bytes()).ok().await;
        assert_eq!(view["format"], "subrip", "{media_type}");
        assert_eq!(said(&view), [(Some(1000), Some(4000), None, "üks"), (Some(2000), Some(3000), None, "kaks")]);
    }
    // As WebVTT for a player, by either way, and with JSON when nobody asks.
    for call in [
        world.reviewer.client.get(&format!("{}?format=vtt", path(&file))),
        world.reviewer.client.get(&path(&file)).header("accept", "text/vtt"),
    ] {
        let answer = call.send().await.expect(200);
        assert_eq!(answer.header("content-type"), "text/vtt; charset=utf-8");
        assert_eq!(answer.header("cache-control"), "no-store");
        assert_eq!(
            String::from_utf8_lossy(&answer.body),
            "WEBVTT\n\n00:00:01.000 --> 00:00:04.000\nüks\n\n00:00:02.000 --> 00:00:03.000\nkaks\n"
        );
    }
    let json =
        world.reviewer.client.get(&format!("{}?format=json", path(&file))).header("accept", "text/vtt").ok().await;
    assert_eq!(json["cues"].as_array().map(Vec::len), Some(2));
    world.reviewer.client.get(&format!("{}?format=srt", path(&file))).problem(400, "malformed").await;

    put("text/vtt", b"WEBVTT\n\nx\n00:02.000 --> 00:01.000\ny\n\nz\n")
        .invalid(&[("/lines/4", "ends_before_it_begins"), ("/lines/7", "no_times")])
        .await;
    put("text/plain", b"Tere\0\nja\xff").problem(422, "invalid").await;
    put("text/plain", b"Te\0re\n\nj\x1ba")
        .invalid(&[("/lines/1", "control_character"), ("/lines/3", "control_character")])
        .await;
    put("text/plain", b"").invalid(&[("/lines/1", "no_cues")]).await;
    put("text/plain", &vec![b'a'; 1024 * 1024 + 1]).problem(413, "too_large").await;
    let many = "ä\n".repeat(20_000);
    assert_eq!(put("text/plain", many.as_bytes()).ok().await["cues"].as_array().map(Vec::len), Some(20_000));
    put("text/plain", format!("{many}b").as_bytes()).invalid(&[("/lines/20001", "too_many_cues")]).await;
    for language in ["", "estonian", "e", "et_EE", "et-", "et%20"] {
        attach(&world.reviewer, &file, language, "Tere").problem(400, "malformed").await;
    }
    world.reviewer.client.call(Method::PUT, &path(&file)).bytes("Tere").problem(400, "malformed").await;
}

/// What a chain says of recordings from now on.
async fn policy(app: &TestApp, world: &World, policy: &str) {
    let set = format!("UPDATE chains SET recording_policy = '{policy}' WHERE code = 'shops'");
    app.execute(&set).await.expect("an update");
    assert_eq!(world.admin.client.get(&format!("/v1/chains/{}", world.chain)).ok().await["recording_policy"], policy);
}

async fn it_is_for_those_who_may_hear_the_recording(app: &TestApp) {
    let world = World::make(app).await;
    let beta = World::named(app, "beta").await;
    let file = call();
    filed(&world, &[&file]).await;
    attach(&world.auditor, &file, "et", "[0:01] salajane sõna").ok().await;
    let reads = async |status: u16, code: &str| {
        for person in [&world.auditor, &world.reviewer, &world.admin] {
            person.client.get(&path(&file)).problem(status, code).await;
            person.client.get(&format!("{}?format=vtt", path(&file))).problem(status, code).await;
        }
    };
    for forbidding in ["needs_proof", "refuse"] {
        policy(app, &world, forbidding).await;
        reads(403, "recording_not_permitted").await;
        attach(&world.auditor, &file, "et", "uus").problem(403, "recording_not_permitted").await;
        assert_eq!(found(&world, "salajane").await, Vec::<String>::new(), "{forbidding}");
    }
    policy(app, &world, "allow").await;
    assert_eq!(found(&world, "salajane").await, std::slice::from_ref(&file.id));
    // Removing is always possible.
    policy(app, &world, "refuse").await;
    world.auditor.client.delete(&path(&file)).send().await.expect(204);
    policy(app, &world, "allow").await;
    reads(404, "not_found").await;

    attach(&world.auditor, &file, "et", "[0:01] salajane sõna").ok().await;
    for stranger in [&world.other_auditor, &beta.auditor, &beta.reviewer, &beta.admin] {
        stranger.client.get(&path(&file)).problem(404, "not_found").await;
        stranger.client.delete(&path(&file)).problem(404, "not_found").await;
        attach(stranger, &file, "et", "x").problem(404, "not_found").await;
    }
    for person in [world.chain_viewer(app).await, world.branch_manager(app).await] {
        person.client.get(&path(&file)).problem(403, "not_allowed").await;
        person.client.get("/v1/transcripts?q=salajane").problem(403, "not_allowed").await;
    }
    world.auditor.client.get("/v1/transcripts?q=salajane").problem(403, "not_allowed").await;
    assert_eq!(found(&beta, "salajane").await, Vec::<String>::new());
}

/// The recordings that a search finds.
async fn found(world: &World, query: &str) -> Vec<String> {
    let hits = world.reviewer.client.all(&format!("/v1/transcripts?q={query}"), 200).await;
    hits.iter().map(|hit| hit["evidence_id"].as_str().expect("an id").to_owned()).collect()
}

async fn words_are_found(app: &TestApp) {
    let world = World::make(app).await;
    let (one, two, three) = (call(), call(), call());
    filed(&world, &[&one, &two]).await;
    let other_wave = world.add_wave("2026 autumn", "regular", "2026-09-01", "2026-11-30").await;
    let assignment = world.assign_in(&other_wave, vec![world.assignment(1, Some(&world.auditor))]).await.remove(0);
    let body = filing(&assignment, "draft", &json!({}), &[&three]);
    world.auditor.client.put(&format!("/v1/visits/{}", new_id()), &body).if_absent().created().await;
    three.upload(&world.auditor).await;
    let texts = ["call_et_coffee_good", "call_hu_basket_good", "call_en_tea_good"];
    for ((file, text), language) in [&one, &two, &three].into_iter().zip(texts).zip(["et", "hu", "en"]) {
        let text = fixture(&format!("media/{text}.txt"));
        attach(&world.auditor, file, language, &String::from_utf8(text).expect("a text")).ok().await;
    }
    let ids = |files: &[&File]| -> Vec<String> {
        let mut ids: Vec<_> = files.iter().map(|file| file.id.clone()).collect();
        ids.sort();
        ids
    };
    for (query, files) in [
        ("kohvimasinat", vec![&one]),
        ("KOHVIMASINAT", vec![&one]),
        // A beginning is enough of the last word, and of no other one; nor when a blank follows.
        ("kohvim", vec![&one]),
        ("kohvim%20tassi", vec![]),
        ("tassi%20kohvim", vec![&one]),
        ("kohvim%20", vec![]),
        // Without accents all are found, with accents the very ones.
        ("aitah", vec![&one]),
        ("ait%C3%A4h", vec![&one]),
        ("ait%C3%A1h", vec![]),
        ("turelmet", vec![&two]),
        ("k%C3%B6sz%C3%B6n%C3%B6m", vec![&two]),
        // All words, wherever they stand.
        ("wedding%20honey", vec![&three]),
        ("wedding%20tassi", vec![]),
        ("e-mail%20offer%20within%20the%20hour%20sixty%20sets%20tea%20goodbye%20joan", vec![&three]),
        ("e-mail%20offer%20within%20the%20hour%20sixty%20sets%20tea%20goodbye%20jane", vec![]),
        // A word that more than one has: as a whole, and as a beginning.
        ("a%20", vec![&two, &three]),
        ("ko", vec![&one, &two]),
        ("%3F%20%21", vec![]),
        ("%25", vec![]),
        ("_ohvimasinat", vec![]),
    ] {
        assert_eq!(found(&world, query).await, ids(&files), "{query}");
    }
    let hits = world.reviewer.client.get("/v1/transcripts?q=neljasaja%20nelisada").ok().await;
    assert_eq!(hits["data"], json!([]));
    let hits = world.reviewer.client.get("/v1/transcripts?q=kuni%20nelisada").ok().await;
    let hit = &hits["data"][0];
    assert_eq!((hit["language"].as_str(), hit["cues_found"].as_i64()), (Some("et"), Some(2)), "{hit}");
    assert_eq!(
        hit["snippets"],
        json!([
            {"start_ms": 18_000, "speaker": "Klient", "text": "Viis tassi, piimaga jah. Kuni nelisada eurot."},
            {"start_ms": 22_000, "speaker": "Töötaja", "text": "Selge: viis tassi, piimakohv, kuni nelisada eurot. Vaatan laoseisu, palun oodake hetk."},
        ])
    );
    assert_eq!(hits["next_cursor"], Value::Null);
    for (filter, files) in [
        (format!("&wave_id={other_wave}"), vec![&three]),
        (format!("&wave_id={}", world.wave), vec![&two]),
        (format!("&chain_id={}", world.chain), vec![&two, &three]),
        (format!("&chain_id={}&wave_id={other_wave}", world.chain), vec![&three]),
        (format!("&chain_id={}", new_id()), vec![]),
    ] {
        assert_eq!(found(&world, &format!("a%20{filter}")).await, ids(&files), "{filter}");
    }
    let client = &world.reviewer.client;
    client.get("/v1/transcripts").problem(400, "malformed").await;
    client.get("/v1/transcripts?q=").problem(400, "malformed").await;
    client.get(&format!("/v1/transcripts?q={}", "a".repeat(201))).problem(400, "malformed").await;
    client.get("/v1/transcripts?q=a&limit=201").problem(400, "bad_limit").await;
    client.get("/v1/transcripts?q=a&cursor=x").problem(400, "bad_cursor").await;
    client.get("/v1/transcripts?q=a&chain_id=x").problem(400, "malformed").await;
}

async fn a_page_ends_and_goes_on(app: &TestApp) {
    let world = World::make(app).await;
    let files: Vec<_> =
        (0..7).map(|_| File::new("recording", &[], &format!("{}.mp3", new_id()), call().bytes)).collect();
    filed(&world, &files.iter().collect::<Vec<_>>()).await;
    for file in &files {
        attach(&world.auditor, file, "et", "sama sõna igal pool").ok().await;
    }
    // One that may not be heard among them; whoever turns the pages does not notice.
    let hidden = call();
    submitted(&world, &hidden).await;
    attach(&world.auditor, &hidden, "et", "sama sõna siin").ok().await;
    let consent = consent(&world.reviewer, &hidden).await;
    let withdraw = format!("/v1/consents/{consent}/withdraw");
    world.reviewer.client.post(&withdraw, &json!({"reason": "They asked."})).ok().await;
    let mut wanted: Vec<_> = files.iter().map(|file| file.id.clone()).collect();
    wanted.sort();
    for limit in [1, 2, 3, 7, 8] {
        for query in ["sama", "s%C3%B5na%20sama%20", "sam"] {
            let hits = world.reviewer.client.all(&format!("/v1/transcripts?q={query}"), limit).await;
            let ids: Vec<_> = hits.iter().map(|hit| hit["evidence_id"].as_str().expect("an id")).collect();
            assert_eq!(ids, wanted, "{query} by {limit}");
        }
    }
    let page = world.reviewer.client.get("/v1/transcripts?q=sama&limit=7").ok().await;
    assert_eq!(page["next_cursor"], Value::Null, "the last page says that it is the last");
}

async fn a_file_that_a_draft_drops_takes_its_words_along(app: &TestApp) {
    let world = World::make(app).await;
    let (file, assignment, visit) = (call(), world.assign_one().await, new_id());
    let path = format!("/v1/visits/{visit}");
    let body = filing(&assignment, "draft", &json!({}), &[&file]);
    let tag = world.auditor.client.put(&path, &body).if_absent().send().await.expect(201).etag();
    file.upload(&world.auditor).await;
    world.processed(&visit).await;
    attach(&world.auditor, &file, "et", "kadunud sõnad").ok().await;
    let without = filing(&assignment, "draft", &json!({}), &[]);
    world.auditor.client.put(&path, &without).if_match(&tag).ok().await;
    world.auditor.client.get(&self::path(&file)).problem(404, "not_found").await;
    for table in ["transcripts", "transcript_terms", "transcriptions"] {
        assert!(app.query(&format!("SELECT firm_id FROM {table}")).await.is_empty(), "{table}");
    }
}

async fn phrases_are_suggested_with_their_moments(app: &TestApp) {
    let world = World::make(app).await;
    let mut standard = tiny::standard();
    standard["id"] = json!("spoken");
    for (item, phrases) in [
        ("greet", json!({"heard": {"et": ["tere päevast", "tere hommikust"], "en": ["good morning"]}})),
        ("needs", json!({"heard": {"et": ["kui suur on eelarve", "mitu * päevas"]}})),
        ("offer", json!({"heard": {"et": ["kolm* valikut"]}})),
        ("honest", json!({"not_heard": {"et": ["pole minu töö", "sobivaid on kaks üks"]}})),
    ] {
        let items = standard["items"].as_array_mut().expect("items");
        items.iter_mut().find(|one| one["id"] == item).expect("an item")["phrases"] = phrases;
    }
    world.admin.client.post("/v1/standards", &standard).created().await;
    world.admin.client.post("/v1/standards/spoken/publish", &json!({"version": 1})).ok().await;
    let mut assignment = world.assignment(0, Some(&world.auditor));
    assignment["standard_id"] = json!("spoken");
    let assignment = world.assign_in(&world.wave, vec![assignment]).await.remove(0);
    let (visit, file) = (new_id(), call());
    let body = filing(&assignment, "draft", &json!({}), &[&file]);
    world.auditor.client.put(&format!("/v1/visits/{visit}"), &body).if_absent().created().await;
    file.upload(&world.auditor).await;
    world.processed(&visit).await;
    let suggestions = format!("/v1/visits/{visit}/suggestions");
    let by_phrases = async |by: &Person| -> Vec<Value> {
        let view = by.client.get(&suggestions).ok().await;
        view["data"].as_array().expect("a list").iter().filter(|one| one["source"] == "phrase").cloned().collect()
    };
    assert_eq!(by_phrases(&world.auditor).await, Vec::<Value>::new(), "nothing was written down yet");
    let text = String::from_utf8(fixture("media/call_et_coffee_good.txt")).expect("a text");
    attach(&world.auditor, &file, "et-EE", &text).ok().await;
    let found = by_phrases(&world.auditor).await;
    assert_eq!(by_phrases(&world.reviewer).await, found);
    let told: Vec<_> = found
        .iter()
        .map(|one| {
            let text = |member: &str| one[member].as_str().unwrap_or_default().to_owned();
            (text("item_id"), one["value"].clone(), one["at_ms"].as_i64(), text("certainty"), text("reason"))
        })
        .collect();
    let wanted = |item: &str, value: Value, at_ms: Option<i64>, certainty: &str, reason: &str| {
        (item.to_owned(), value, at_ms, certainty.to_owned(), reason.to_owned())
    };
    assert_eq!(
        told,
        [
            wanted("greet", json!(true), Some(2000), "likely", "Heard at 0:02: “tere päevast”."),
            wanted("needs", Value::Null, Some(12_000), "likely", "Heard at 0:12: “kui suur on eelarve”."),
            wanted("offer", json!(false), None, "unsure", "Not heard in the whole transcript."),
            wanted(
                "honest",
                json!(false),
                Some(34_000),
                "likely",
                "Forbidden phrase heard at 0:34: “sobivaid on kaks üks”."
            ),
        ]
    );
    assert_eq!(
        found[1]["figures"],
        json!({"phrases": 2, "said": [
            {"phrase": "kui suur on eelarve", "at_ms": 12_000}, {"phrase": "mitu * päevas", "at_ms": 12_000},
        ]})
    );
    // In another language, there is nothing to hear; of what may not be heard, nothing is told.
    attach(&world.auditor, &file, "hu", &text).ok().await;
    assert_eq!(by_phrases(&world.reviewer).await, Vec::<Value>::new());
    attach(&world.auditor, &file, "et", "[0:01] Tere päevast! [laughs]").ok().await;
    let cut = by_phrases(&world.reviewer).await;
    assert_eq!((cut[0]["certainty"].as_str(), cut[0]["at_ms"].as_i64()), (Some("unsure"), Some(1000)), "{cut:?}");
    assert!(
        cut[0]["reason"].as_str().is_some_and(|reason| reason.contains("The transcript ends at 0:01 of 1:0")),
        "{cut:?}"
    );
    policy(app, &world, "refuse").await;
    let view = world.reviewer.client.get(&suggestions).ok().await;
    assert_eq!((&view["data"], &view["withheld"]), (&json!([]), &json!([file.id])));
}

/// Starts the server anew with a transcription service.
async fn serve_with(app: &TestApp, service: &TranscriptionService, more: &[&str]) {
    app.stop().await;
    let url = service.url();
    app.serve(&[&["--transcription-url", &url, "--transcription-key", "hush hush key"], more].concat()).await;
}

/// Waits until the service has come to an end with a recording.
async fn ended(world: &World, file: &File) -> Value {
    let path = format!("/v1/evidence/{}/transcription", file.id);
    eventually("the transcription ends", || async {
        let view = world.reviewer.client.get(&path).ok().await;
        (view["state"] != "queued").then_some(view)
    })
    .await
}

/// Asks for a transcript, in a language that says how the service treats it.
fn ask(by: &Person, file: &File, language: &str) -> Call {
    by.client.post(&format!("/v1/evidence/{}/transcription", file.id), &json!({"language": language}))
}

async fn a_service_transcribes_what_was_processed(app: &TestApp) {
    let service = TranscriptionService::start().await;
    serve_with(app, &service, &["--transcription-model", "large"]).await;
    let world = World::make(app).await;
    let (file, photo) = (call(), File::front());
    filed(&world, &[&file, &photo]).await;
    let view = ended(&world, &file).await;
    assert_eq!((view["state"].as_str(), &view["author_id"]), (Some("done"), &Value::Null), "{view}");
    let transcript = world.auditor.client.get(&path(&file)).ok().await;
    assert_eq!(
        said(&transcript),
        [(Some(0), Some(2500), None, "Tere päevast!"), (Some(2500), Some(6480), None, "Kuidas saan aidata?")]
    );
    assert_eq!(
        (&transcript["format"], &transcript["author_id"], &transcript["language"]),
        (&json!("service"), &Value::Null, &json!("et"))
    );
    assert_eq!(found(&world, "paevast").await, std::slice::from_ref(&file.id));
    world.reviewer.client.get(&format!("/v1/evidence/{}/transcription", photo.id)).problem(404, "not_found").await;

    let sent = service.was_sent("et", 1).await;
    assert_eq!(sent.len(), 1, "{sent:?}");
    let sent = &sent[0];
    assert!(sent.head.starts_with("POST /v1/audio/transcriptions HTTP/1.1\r\n"), "{}", sent.head);
    let head = sent.head.to_lowercase();
    assert!(head.contains("\r\nauthorization: bearer hush hush key\r\n"), "{head}");
    let fields = [("model", "large"), ("language", "et"), ("response_format", "verbose_json")];
    assert_eq!(sent.fields, fields.map(|(name, value)| (name.to_owned(), value.to_owned())).into());
    assert_eq!(sent.file_sha256, sha256(&file.bytes), "the file as it was sent");
    assert!(
        sent.file_head.contains("filename=\"recording.m4a\"") && sent.file_head.contains("audio/mp4"),
        "{}",
        sent.file_head
    );
    for told in [&file.id, &world.auditor.id, &world.code] {
        assert!(!sent.head.contains(told.as_str()) && !sent.file_head.contains(told.as_str()), "{told} leaves");
    }
    assert!(!app.log().contains("hush hush"), "the key is in the log");
    // Who attaches one after that is believed, and so is who attached one before.
    attach(&world.reviewer, &file, "et", "Mina kuulsin muud").ok().await;
    ask(&world.reviewer, &file, "et").problem(409, "has_transcript").await;
}

async fn a_service_is_asked_on_demand(app: &TestApp) {
    let world = World::make(app).await;
    let (file, photo, absent) = (call(), File::front(), call());
    filed(&world, &[&file, &photo]).await;
    named(&world, &[&absent]).await;
    ask(&world.reviewer, &file, "hu").problem(409, "no_transcription_service").await;
    let service = TranscriptionService::start().await;
    serve_with(app, &service, &[]).await;
    let url = format!("/v1/evidence/{}/transcription", file.id);
    app.client().get(&url).problem(401, "unauthenticated").await;
    app.client().act(&url).problem(401, "unauthenticated").await;
    for person in [&world.auditor, &world.other_auditor] {
        ask(person, &file, "hu").problem(403, "not_allowed").await;
    }
    ask(&world.reviewer, &photo, "hu").problem(422, "not_a_recording").await;
    ask(&world.reviewer, &absent, "hu").problem(409, "illegal_state").await;
    ask(&world.reviewer, &call(), "hu").problem(404, "not_found").await;
    world.reviewer.client.get(&url).problem(404, "not_found").await;
    let ask_by = |body: Value| world.reviewer.client.post(&url, &body);
    ask_by(json!({"language": 7, "model": "y"}))
        .invalid(&[("/language", "bad_type"), ("/model", "unknown_field")])
        .await;
    ask_by(json!({"language": "x"})).invalid(&[("", "bad_value")]).await;

    let told = Arc::new(Notify::new());
    service.treat("hu", [Way::Held(told.clone())]);
    let asked = ask(&world.reviewer, &file, "HU-hu").once("one").created().await;
    assert_eq!((asked["state"].as_str(), asked["language"].as_str()), (Some("queued"), Some("hu-hu")));
    assert_eq!(asked["author_id"], world.reviewer.id.as_str());
    service.was_sent("hu", 1).await;
    // Asking while it works changes nothing, and neither does the same request again.
    assert_eq!(ask(&world.reviewer, &file, "hu").created().await, asked);
    assert_eq!(ask(&world.reviewer, &file, "HU-hu").once("one").created().await, asked);
    assert_eq!(world.auditor.client.get(&url).ok().await, asked, "the auditor sees how far it has come");
    told.notify_one();
    assert_eq!(ended(&world, &file).await["state"], "done");
    assert_eq!(world.reviewer.client.get(&path(&file)).ok().await["language"], "hu-hu");
    assert_eq!(service.sent("hu").len(), 1);
    // Once more, with another language; without a body, that of the chain.
    assert_eq!(world.reviewer.client.act(&url).created().await["language"], "et");
    assert_eq!(ended(&world, &file).await["state"], "done");
    assert_eq!(world.reviewer.client.get(&path(&file)).ok().await["language"], "et");
}

async fn a_service_that_fails_for_a_while_is_asked_again(app: &TestApp) {
    let service = TranscriptionService::start().await;
    let world = World::make(app).await;
    let files: Vec<_> = (0..5).map(|_| call()).collect();
    filed(&world, &files.iter().collect::<Vec<_>>()).await;
    serve_with(app, &service, &["--transcription-timeout", "1.5"]).await;
    let answer = |status, headers| Way::Answer(status, headers, "{\"error\": \"c4n4ry\"}".to_owned());
    let ways = [
        ("aa", answer(429, "Retry-After: 9\r\n")),
        ("bb", answer(503, "Retry-After: 0\r\n")),
        ("cc", Way::Silent),
        ("dd", Way::Broken),
        ("ee", Way::Cut),
    ];
    for ((language, way), file) in ways.into_iter().zip(&files) {
        service.treat(language, [way]);
        ask(&world.reviewer, file, language).created().await;
    }
    for file in &files {
        assert_eq!(ended(&world, file).await["state"], "done");
    }
    let gap = |language: &str| {
        let sent = service.sent(language);
        (sent[1].at - sent[0].at).num_milliseconds()
    };
    assert!(gap("aa") >= 9_000, "the pause that was asked for: {} ms", gap("aa"));
    for language in ["bb", "cc", "dd"] {
        assert!(gap(language) >= 3_700, "no pause is shorter than our own: {} ms", gap(language));
    }
    assert_eq!(service.sent("ee").len(), 1, "the first one was cut before it had come");
    assert!(!app.log().contains("c4n4ry"), "what a service says is not logged");
}

async fn a_service_that_misbehaves_is_not_believed(app: &TestApp) {
    let service = TranscriptionService::start().await;
    let world = World::make(app).await;
    let file = call();
    filed(&world, &[&file]).await;
    serve_with(app, &service, &[]).await;
    let answer = |status, headers, body: &str| Way::Answer(status, headers, body.to_owned());
    let good = good_answer().to_string();
    let metadata = "Location: http://169.254.169.254/latest/meta-data/\r\n";
    for (n, (way, code)) in [
        (answer(400, "", "{\"error\": {\"message\": \"c4n4ry\"}}"), "refused_by_service"),
        (answer(401, "Retry-After: 1\r\n", "c4n4ry"), "refused_by_service"),
        (answer(413, "", ""), "refused_by_service"),
        (answer(301, metadata, &good), "redirected"),
        (answer(307, metadata, &good), "redirected"),
        (answer(200, "", "{\"text\": "), "bad_answer"),
        (answer(200, "", "[1, 2]"), "bad_answer"),
        (answer(200, "Content-Type: text/html\r\n", "<html>c4n4ry</html>"), "bad_answer"),
        (answer(200, "", "{\"segments\": [{\"start\": 5, \"end\": 1, \"text\": \"c4n4ry\"}]}"), "bad_answer"),
        (answer(200, "Content-Encoding: gzip\r\n", "c4n4ry"), "bad_answer"),
        (Way::Huge(10 * 1024 * 1024 * 1024), "answer_too_large"),
        (Way::Endless, "answer_too_large"),
    ]
    .into_iter()
    .enumerate()
    {
        let language = format!("x{}", char::from(b'a' + u8::try_from(n).expect("few")));
        service.treat(&language, [way]);
        ask(&world.reviewer, &file, &language).created().await;
        let view = ended(&world, &file).await;
        assert_eq!((view["state"].as_str(), view["problem_code"].as_str()), (Some("failed"), Some(code)), "{view}");
        assert!(view["problem"].as_str().is_some_and(|problem| !problem.is_empty()), "{view}");
        assert!(!view.to_string().contains("c4n4ry"), "{view}");
        assert_eq!(service.sent(&language).len(), 1, "it is not asked again");
    }
    world.reviewer.client.get(&path(&file)).problem(404, "not_found").await;
    assert!(!app.log().contains("c4n4ry"), "what a service says is not logged");
    let peak = app.peak_memory_bytes().await;
    assert!(peak < 400 * 1024 * 1024, "{} MiB", peak / 1024 / 1024);
    // It has made up its mind.
    ask(&world.reviewer, &file, "et").created().await;
    assert_eq!(ended(&world, &file).await["state"], "done");
}

async fn no_voice_leaves_without_consent(app: &TestApp) {
    let service = TranscriptionService::start().await;
    serve_with(app, &service, &[]).await;
    let world = World::make(app).await;
    policy(app, &world, "needs_proof").await;
    let file = call();
    filed(&world, &[&file]).await;
    // What was queued by itself is forgotten.
    let url = format!("/v1/evidence/{}/transcription", file.id);
    eventually("it is not queued any more", || async {
        (world.reviewer.client.get(&url).send().await.status == 404).then_some(())
    })
    .await;
    ask(&world.reviewer, &file, "aa").problem(403, "recording_not_permitted").await;
    assert!(service.sent("et").is_empty() && service.sent("aa").is_empty());
    // A consent has it sent.
    let consented = call();
    submitted(&world, &consented).await;
    consent(&world.auditor, &consented).await;
    assert_eq!(ended(&world, &consented).await["state"], "done");
    world.auditor.client.get(&path(&consented)).ok().await;
    assert_eq!(service.sent("et").len(), 1);

    // It may be heard when it is asked for, and not any more when it is its turn.
    policy(app, &world, "allow").await;
    let (told, other) = (Arc::new(Notify::new()), call());
    filed(&world, &[&other]).await;
    assert_eq!(ended(&world, &other).await["state"], "done");
    service.treat("bb", [Way::Held(told.clone())]);
    ask(&world.reviewer, &other, "bb").created().await;
    service.was_sent("bb", 1).await;
    ask(&world.reviewer, &file, "cc").created().await;
    policy(app, &world, "refuse").await;
    told.notify_one();
    for file in [&other, &file] {
        let view = ended(&world, file).await;
        assert_eq!(
            (&view["state"], &view["problem_code"]),
            (&json!("failed"), &json!("recording_not_permitted")),
            "{view}"
        );
    }
    assert!(service.sent("cc").is_empty(), "the bytes stayed in the house");
    policy(app, &world, "allow").await;
    world.reviewer.client.get(&path(&file)).problem(404, "not_found").await;
    let kept = world.reviewer.client.get(&path(&other)).ok().await;
    assert_eq!(kept["language"], "et", "the answer that came too late is not stored: {kept}");
}

async fn a_recording_leaves_as_a_stream(app: &TestApp) {
    let service = TranscriptionService::start().await;
    let world = World::make(app).await;
    // A WAV of 120 MB with nothing in it.
    let bytes = 120_000_000_u32;
    let mut wav = b"RIFF".to_vec();
    wav.extend((bytes - 8).to_le_bytes());
    wav.extend(b"WAVEfmt \x10\0\0\0\x01\0\x01\0\x40\x1f\0\0\x80\x3e\0\0\x02\0\x10\0data");
    wav.extend((bytes - 44).to_le_bytes());
    wav.resize(bytes as usize, 0);
    let file = File::new("recording", &[], "long.wav", wav);
    filed(&world, &[&file]).await;
    serve_with(app, &service, &[]).await;
    let before = app.peak_memory_bytes().await;
    ask(&world.reviewer, &file, "et").created().await;
    assert_eq!(ended(&world, &file).await["state"], "done");
    let sent = service.sent("et").remove(0);
    assert!(sent.bytes > file.bytes.len(), "{sent:?}");
    let grown = app.peak_memory_bytes().await - before;
    assert!(grown < 40 * 1024 * 1024, "{} MiB more", grown / 1024 / 1024);
}

async fn a_service_is_only_where_the_operator_says(app: &TestApp) {
    let world = World::make(app).await;
    let file = call();
    filed(&world, &[&file]).await;
    app.stop().await;
    for url in ["http://whisper.example", "http://10.0.0.1:9000", "https://me:s3cr3t-pw@whisper.example", "whisper"] {
        let said = app.peegel(&["serve", "--listen", "127.0.0.1:0", "--transcription-url", url]).await.expect(1);
        assert!(said.stderr.contains("--transcription-url") && !said.stderr.contains("s3cr3t-pw"), "{}", said.stderr);
    }
    // Inner networks, those of clouds, and the same in other clothes.
    for (n, url) in
        ["https://10.0.0.1", "https://169.254.169.254", "https://[::ffff:127.0.0.1]", "https://[64:ff9b::a9fe:a9fe]"]
            .iter()
            .enumerate()
    {
        app.serve(&["--transcription-url", url]).await;
        ask(&world.reviewer, &file, ["aa", "bb", "cc", "dd"][n]).created().await;
        let view = ended(&world, &file).await;
        assert_eq!(view["problem_code"], "address_refused", "{url}: {view}");
        app.stop().await;
        let said = app.peegel(&["doctor", "--transcription-url", url]).await.expect(0);
        assert!(
            said.text().contains("warn transcription: the address leads into a network that is not public"),
            "{}",
            said.text()
        );
    }
    let doctor = async |arguments: &[&str], code: i32| {
        let said = app.peegel(&[&["doctor"], arguments].concat()).await.expect(code);
        assert!(!said.text().contains("hush"), "{}", said.text());
        said.text().lines().find(|line| line.contains(" transcription: ")).expect("a line").to_owned()
    };
    assert!(doctor(&[], 0).await.starts_with("ok "), "nothing is set");
    assert!(doctor(&["--transcription-url", "http://whisper.example"], 1).await.starts_with("fail "));
    let service = TranscriptionService::start().await;
    let url = service.url();
    assert!(doctor(&["--transcription-url", &url, "--transcription-key", "hush"], 0).await.starts_with("ok "));
    let wrong = doctor(&["--transcription-url", &url, "--transcription-key", "wrong hush"], 0).await;
    assert!(wrong.starts_with("warn ") && wrong.contains("key"), "{wrong}");
    assert!(doctor(&["--transcription-url", "http://127.0.0.1:1"], 0).await.starts_with("warn "));
    app.serve(&[]).await;
}
