//! Files of visits: stored as announced, served in parts, previewed, and never a danger.

use serde_json::{Value, json};

use crate::support::app::TestApp;
use crate::support::client::{Call, owned};
use crate::support::files::{fixture, jpeg_size, sha256};
use crate::support::world::{File, World, filing, small_photo};
use crate::support::{new_id, on_both, on_buckets};

on_both!(
    bytes_are_stored_as_announced,
    wrong_bytes_are_refused_and_the_right_ones_may_follow,
    parts_of_a_file,
    a_photo_has_previews,
    a_recording_is_measured_and_guarded,
    hostile_files_are_stored_and_marked,
    files_belong_to_their_visit,
    the_same_bytes_are_stored_once,
    a_file_beyond_the_limit_is_refused,
);

on_buckets!(
    bytes_are_stored_as_announced,
    wrong_bytes_are_refused_and_the_right_ones_may_follow,
    parts_of_a_file,
    a_photo_has_previews,
    a_recording_is_measured_and_guarded,
    the_same_bytes_are_stored_once,
);

/// A draft with these files.
async fn draft(world: &World, files: &[&File]) -> String {
    let visit = new_id();
    let body = filing(&world.assign_one().await, "draft", &json!({}), files);
    world.auditor.client.put(&format!("/v1/visits/{visit}"), &body).if_absent().created().await;
    visit
}

fn send(world: &World, file: &File, bytes: Vec<u8>) -> Call {
    world.auditor.client.put_bytes(&format!("/v1/evidence/{}/content", file.id), bytes)
}

fn fetch(world: &World, file: &File) -> Call {
    world.auditor.client.get(&format!("/v1/evidence/{}/content", file.id))
}

async fn bytes_are_stored_as_announced(app: &TestApp) {
    let world = World::make(app).await;
    let photo = File::new("photo", &["front"], "poe \"esine\"; ü.jpg", fixture("media/notice_wet_floor.jpg"));
    let mut silent = File::new("document", &[], "notes.txt", b"notes of the auditor".to_vec());
    for name in ["sha256", "bytes"] {
        silent.entry.as_object_mut().expect("an object").remove(name);
    }
    let visit = draft(&world, &[&photo, &silent]).await;
    fetch(&world, &photo).problem(404, "not_found").await;
    let stored = photo.upload(&world.auditor).await;
    assert_eq!((stored["state"].as_str(), stored["visit_id"].as_str()), (Some("stored"), Some(visit.as_str())));
    assert_eq!(
        (stored["sha256"].as_str(), stored["bytes"].as_u64()),
        (Some(sha256(&photo.bytes).as_str()), Some(photo.bytes.len() as u64))
    );
    assert_eq!(stored["media_type"], "image/jpeg");
    // Again is harmless; hash and size that were not announced are filled in.
    photo.upload(&world.auditor).await;
    assert_eq!(silent.upload(&world.auditor).await["sha256"], sha256(&silent.bytes));
    send(&world, &silent, b"other bytes".to_vec()).problem(409, "already_stored").await;

    let answer = fetch(&world, &photo).send().await.expect(200);
    assert_eq!(answer.body, photo.bytes);
    assert_eq!(answer.etag(), format!("\"{}\"", sha256(&photo.bytes)));
    assert_eq!(answer.header("content-type"), "image/jpeg");
    assert_eq!(answer.header("content-security-policy"), "sandbox; default-src 'none'; frame-ancestors 'none'");
    assert_eq!(answer.header("accept-ranges"), "bytes");
    assert_eq!(answer.header("content-encoding"), "");
    assert_eq!(
        answer.header("content-disposition"),
        "inline; filename=\"poe _esine__ _.jpg\"; filename*=UTF-8''poe%20%22esine%22%3B%20%C3%BC.jpg"
    );
    let same = fetch(&world, &photo).header("if-none-match", &answer.etag()).send().await.expect(304);
    assert_eq!(same.body, b"");
    world.reviewer.client.get(&format!("/v1/evidence/{}/content", photo.id)).send().await.expect(200);
}

async fn wrong_bytes_are_refused_and_the_right_ones_may_follow(app: &TestApp) {
    let world = World::make(app).await;
    let photo = File::front();
    let visit = draft(&world, &[&photo]).await;
    let wrong = send(&world, &photo, b"something else".to_vec()).problem(422, "differs_from_manifest").await;
    let both = [("/sha256", "differs_from_manifest"), ("/bytes", "differs_from_manifest")];
    assert_eq!(wrong.problems(), owned(&both));
    let mut flipped = photo.bytes.clone();
    *flipped.last_mut().expect("bytes") ^= 1;
    let wrong = send(&world, &photo, flipped).problem(422, "differs_from_manifest").await;
    assert_eq!(wrong.problems(), owned(&both[..1]));
    send(&world, &photo, Vec::new()).problem(422, "empty_file").await;
    send(&world, &photo, b"something else".to_vec()).problem(422, "differs_from_manifest").await;

    let view = world.auditor.client.get(&format!("/v1/visits/{visit}")).ok().await;
    assert_eq!(
        (view["files"][0]["state"].as_str(), view["files"][0]["problem_code"].as_str()),
        (Some("refused"), Some("differs_from_manifest"))
    );
    assert_eq!(view["evidence"]["arrived"], 0, "a refused file has not arrived");
    fetch(&world, &photo).problem(404, "not_found").await;
    let stored = photo.upload(&world.auditor).await;
    assert_eq!((stored["state"].as_str(), &stored["problem_code"]), (Some("stored"), &Value::Null));
    assert_eq!(app.incoming().await, 0, "nothing refused is left behind");
}

async fn parts_of_a_file(app: &TestApp) {
    let world = World::make(app).await;
    let bytes: Vec<u8> = (0..100_000_u32).map(|n| u8::try_from(n % 251).expect("a byte")).collect();
    let file = File::new("document", &[], "part.bin", bytes.clone());
    draft(&world, &[&file]).await;
    file.upload(&world.auditor).await;
    let part = |range: &'static str| fetch(&world, &file).header("range", range);
    for (range, from, to) in [
        ("bytes=0-0", 0, 1),
        ("bytes=10-19", 10, 20),
        ("bytes=99990-", 99_990, 100_000),
        ("bytes=-5", 99_995, 100_000),
        ("bytes=99999-200000", 99_999, 100_000),
        ("bytes=-200000", 0, 100_000),
    ] {
        let answer = part(range).send().await.expect(206);
        assert_eq!(answer.body, bytes[from..to], "{range}");
        assert_eq!(answer.header("content-range"), format!("bytes {from}-{}/100000", to - 1), "{range}");
        assert_eq!(answer.etag(), format!("\"{}\"", sha256(&bytes)), "{range}");
    }
    for range in ["bytes=100000-", "bytes=200000-300000", "bytes=-0"] {
        let answer = part(range).problem(416, "range_not_satisfiable").await;
        assert_eq!(answer.header("content-range"), "bytes */100000", "{range}");
    }
    // What is no range of bytes, and several at once, give the whole file.
    for range in ["bytes=5-2", "lines=1-2", "bytes=0-1,5-6", "bytes=a-b", "bytes=18446744073709551616-"] {
        assert_eq!(part(range).send().await.expect(200).body.len(), 100_000, "{range}");
    }
}

async fn a_photo_has_previews(app: &TestApp) {
    let world = World::make(app).await;
    // Stored sideways, with an orientation and a position in its EXIF.
    let sideways = File::new("photo", &["front"], "s.jpg", fixture("media/front_nurmeaken_tallinn.jpg"));
    let screen = File::new("photo", &["offer"], "screen.png", fixture("media/chat_nurmeaken_good.png"));
    let visit = draft(&world, &[&sideways, &screen]).await;
    let preview =
        |file: &File, size: &str| world.auditor.client.get(&format!("/v1/evidence/{}/preview?size={size}", file.id));
    for file in [&sideways, &screen] {
        preview(file, "320").problem(404, "not_found").await;
        file.upload(&world.auditor).await;
    }
    for view in world.processed(&visit).await {
        assert_eq!((view["state"].as_str(), view["has_preview"].as_bool()), (Some("processed"), Some(true)), "{view}");
    }
    for file in [&sideways, &screen] {
        for (size, edge) in [("320", 320), ("1600", 1600)] {
            let answer = preview(file, size).send().await.expect(200);
            assert_eq!(answer.header("content-type"), "image/jpeg");
            assert_ne!(answer.etag(), format!("\"{}\"", sha256(&file.bytes)));
            let (width, height) = jpeg_size(&answer.body);
            assert!(width.max(height) <= edge && width.max(height) >= edge.min(600), "{width} x {height} for {size}");
            assert!(!answer.body.windows(4).any(|window| window == b"Exif"), "previews carry no EXIF");
            preview(file, size).header("if-none-match", &answer.etag()).send().await.expect(304);
        }
    }
    preview(&sideways, "640").problem(400, "malformed").await;
    // The original keeps what it had.
    assert_eq!(fetch(&world, &sideways).send().await.expect(200).body, sideways.bytes);
}

async fn a_recording_is_measured_and_guarded(app: &TestApp) {
    let world = World::make(app).await;
    let files = [
        ("call_et_coffee_good.m4a", "audio/mp4"),
        ("call_hu_parcel_rude.mp3", "audio/mpeg"),
        ("shop_et_counter_rude.wav", "audio/wav"),
    ];
    let files =
        files.map(|(name, media)| (File::new("recording", &["offer"], name, fixture(&format!("media/{name}"))), media));
    let visit = draft(&world, &[&files[0].0, &files[1].0, &files[2].0]).await;
    for (file, media_type) in &files {
        assert_eq!(file.upload(&world.auditor).await["media_type"], *media_type);
    }
    for view in world.processed(&visit).await {
        assert_eq!((view["state"].as_str(), view["has_preview"].as_bool()), (Some("processed"), Some(false)), "{view}");
        let duration = view["facts"]["duration_ms"].as_i64().expect("a duration");
        assert!((5_000..120_000).contains(&duration), "{view}");
    }
    assert_eq!(fetch(&world, &files[0].0).send().await.expect(200).body, files[0].0.bytes);

    // Another chain does not let recordings be played without proof of consent; they are kept all the same.
    let shy = json!({"code": "shy", "name": "Vaikne", "kind": "client", "locale": "et", "colour": "#00ff00"});
    let shy = world.admin.client.post("/v1/chains", &shy).created().await;
    let branch = json!({"code": "S1", "name": "S1", "address": "Pikk 1", "time_zone": "Europe/Tallinn"});
    let branch = json!({"chain_id": shy["id"], "branches": [branch]});
    let branch = world.admin.client.post("/v1/branches", &branch).created().await;
    let wave = json!({"chain_id": shy["id"], "name": "w", "kind": "regular", "opens_on": "2026-01-01", "closes_on": "2026-02-01"});
    let wave = world.admin.client.post("/v1/waves", &wave).created().await;
    let mut assignment = world.assignment(0, Some(&world.auditor));
    assignment["branch_id"] = branch["data"][0]["id"].clone();
    let assignment = world.assign_in(wave["id"].as_str().expect("an id"), vec![assignment]).await.remove(0);
    let call = File::new("recording", &["offer"], "call.mp3", fixture("media/call_hu_parcel_rude.mp3"));
    let body = filing(&assignment, "draft", &json!({}), &[&call]);
    world.auditor.client.put(&format!("/v1/visits/{}", new_id()), &body).if_absent().created().await;
    call.upload(&world.auditor).await;
    for person in [&world.auditor, &world.reviewer, &world.admin] {
        let path = format!("/v1/evidence/{}/content", call.id);
        person.client.get(&path).problem(403, "recording_not_permitted").await;
        person.client.get(&path).header("range", "bytes=0-9").problem(403, "recording_not_permitted").await;
    }
}

async fn hostile_files_are_stored_and_marked(app: &TestApp) {
    let world = World::make(app).await;
    let files: Vec<_> = [
        ("photo", "text_named_photo.jpg", "application/octet-stream"),
        ("photo", "page_named_photo.jpg", "application/octet-stream"),
        ("photo", "huge_60000x60000.png", "image/png"),
        ("photo", "huge_65500x65500.jpg", "image/jpeg"),
        ("photo", "wrong_crc.png", "image/png"),
        ("recording", "truncated.mp3", "audio/mpeg"),
        ("recording", "truncated.m4a", "audio/mp4"),
        ("recording", "text_named_photo.jpg", "application/octet-stream"),
        ("photo", "truncated.jpg", "image/jpeg"),
        ("photo", "exif_loop.jpg", "image/jpeg"),
    ]
    .into_iter()
    .enumerate()
    .map(|(n, (kind, name, media))| {
        (File::new(kind, &[], &format!("{n}-{name}"), fixture(&format!("media/hostile/{name}"))), name, media)
    })
    .collect();
    let visit = draft(&world, &files.iter().map(|(file, ..)| file).collect::<Vec<_>>()).await;
    for (file, name, media_type) in &files {
        let stored = file.upload(&world.auditor).await;
        assert_eq!(stored["media_type"], *media_type, "{name}: what the content shows, never what the name says");
    }
    let views = world.processed(&visit).await;
    for (file, name, _) in &files {
        let view = views.iter().find(|view| view["id"] == file.id.as_str()).expect("the file");
        // Cut-off recordings and photos may still be read as far as they go.
        let readable = ["truncated.mp3", "truncated.m4a", "truncated.jpg", "exif_loop.jpg"].contains(name);
        if view["state"] == "processed" {
            assert!(readable, "{view}");
            assert_eq!(view["facts"]["truncated"], *name != "exif_loop.jpg", "{view}");
        } else {
            assert_eq!(view["has_preview"], false, "{view}");
            for member in ["problem_code", "problem"] {
                assert!(view[member].as_str().is_some_and(|text| !text.is_empty()), "{member} of {view}");
            }
            let preview = format!("/v1/evidence/{}/preview?size=320", file.id);
            world.auditor.client.get(&preview).problem(404, "not_found").await;
        }
        // Never lost: whatever it is, it can be fetched, and no browser runs it.
        let answer = fetch(&world, file).send().await.expect(200);
        assert_eq!(answer.body, file.bytes, "{name}");
        assert_eq!(answer.header("content-security-policy"), "sandbox; default-src 'none'; frame-ancestors 'none'");
        assert!(!answer.header("content-type").contains("html"), "{name}");
    }
    app.client().get("/readyz").ok().await;
    let peak = app.peak_memory_bytes().await;
    assert!(peak < 512 * 1024 * 1024, "the server took {} MiB", peak / 1024 / 1024);
}

async fn files_belong_to_their_visit(app: &TestApp) {
    let world = World::make(app).await;
    let photo = File::front();
    draft(&world, &[&photo]).await;
    photo.upload(&world.auditor).await;
    let beta = World::named(app, "beta").await;
    let content = format!("/v1/evidence/{}/content", photo.id);
    let preview = format!("/v1/evidence/{}/preview?size=320", photo.id);
    for stranger in [&world.other_auditor, &beta.auditor] {
        stranger.client.get(&content).problem(404, "not_found").await;
        stranger.client.get(&preview).problem(404, "not_found").await;
        stranger.client.put_bytes(&content, photo.bytes.clone()).problem(404, "not_found").await;
    }
    for person in [world.chain_viewer(app).await, world.branch_manager(app).await] {
        person.client.get(&content).problem(403, "not_allowed").await;
    }
    world.reviewer.client.put_bytes(&content, photo.bytes.clone()).problem(403, "not_allowed").await;
    world
        .auditor
        .client
        .put_bytes(&format!("/v1/evidence/{}/content", new_id()), b"x".to_vec())
        .problem(404, "not_found")
        .await;
    app.client().get(&content).problem(401, "unauthenticated").await;
}

async fn the_same_bytes_are_stored_once(app: &TestApp) {
    let world = World::make(app).await;
    let bytes = small_photo(99);
    let (first, second) = (File::new("photo", &[], "1.jpg", bytes.clone()), File::new("photo", &[], "2.jpg", bytes));
    let visit = draft(&world, &[&first, &second]).await;
    tokio::join!(first.upload(&world.auditor), second.upload(&world.auditor));
    world.processed(&visit).await;
    for file in [&first, &second] {
        assert_eq!(fetch(&world, file).send().await.expect(200).body, file.bytes);
    }
    let refs: Vec<i64> = app
        .query(&format!("SELECT CAST(refs AS BIGINT) AS refs FROM blobs WHERE sha256 = '{}'", sha256(&first.bytes)))
        .await
        .iter()
        .map(|row| row.try_get("", "refs").expect("a number"))
        .collect();
    assert_eq!(refs, [2]);
    assert_eq!(app.incoming().await, 0);
}

async fn a_file_beyond_the_limit_is_refused(app: &TestApp) {
    let world = World::make(app).await;
    let photo = File::front();
    draft(&world, &[&photo]).await;
    // The size is announced, so that nothing of it needs to be sent.
    let path = format!("/v1/evidence/{}/content", photo.id);
    let head = format!(
        "PUT {path} HTTP/1.1\r\nHost: peegel\r\nAuthorization: Bearer {}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
        world.auditor.client.token(),
        200 * 1024 * 1024 + 1,
    );
    let mut wire = crate::support::wire::Wire::connect(&app.base()).await.expect("a connection");
    wire.send(head.as_bytes()).await;
    let answer = wire.answer().await;
    assert!(answer.starts_with("HTTP/1.1 413 ") && answer.contains("\"too_large\""), "{answer}");
    photo.upload(&world.auditor).await;
}
