//! Uploads that go on where they broke off (tus 1.0.0): what each request answers, and what is on the disk when the
//! connection, the server or the client's patience ends in the middle.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::app::TestApp;
use crate::support::chain::{checked_events, count};
use crate::support::client::{Answer, Call, Client};
use crate::support::wire::{Farewell, Wire, request};
use crate::support::world::{File, PASSWORD, Person, World, filing};
use crate::support::{Dice, eventually, new_id, on_both, on_buckets};

on_both!(
    discovery_and_versions,
    an_upload_is_made_once,
    what_cannot_be_made,
    a_file_comes_in_pieces,
    a_piece_must_begin_where_the_last_one_ended,
    the_first_piece_may_come_at_once,
    the_size_may_come_later,
    a_wrong_checksum_changes_nothing,
    a_file_that_is_not_the_announced_one_is_refused,
    an_upload_can_be_given_up,
    an_upload_expires,
    the_address_is_all_it_takes,
    the_address_outlives_every_session,
    rights_that_end_in_the_middle_store_nothing,
    connections_that_break_keep_what_arrived,
    a_new_connection_takes_over,
    a_stopping_or_killed_server_keeps_what_arrived,
    a_crash_before_the_end_is_noted_is_made_good,
    a_file_may_change_its_fate_meanwhile,
    what_the_disk_has_lost_is_begun_anew,
    what_ends_takes_its_bytes_along,
    what_is_dropped_counts_for_the_day,
    what_comes_for_nothing_counts_for_the_day,
    another_file_is_not_the_one_that_is_stored,
    two_ways_at_once_do_not_wait_for_each_other,
    races_at_the_end_leave_nothing_behind,
    quotas_hold,
    a_holder_that_does_not_let_go_is_named,
    the_largest_file_takes_little_memory,
);

// What is told of bytes that were on their way when something broke differs, and is in `buckets`.
on_buckets!(
    an_upload_is_made_once,
    a_file_comes_in_pieces,
    a_piece_must_begin_where_the_last_one_ended,
    the_first_piece_may_come_at_once,
    the_size_may_come_later,
    a_file_that_is_not_the_announced_one_is_refused,
    an_upload_can_be_given_up,
    an_upload_expires,
    a_file_may_change_its_fate_meanwhile,
    what_ends_takes_its_bytes_along,
    what_is_dropped_counts_for_the_day,
    what_comes_for_nothing_counts_for_the_day,
    another_file_is_not_the_one_that_is_stored,
    quotas_hold,
    the_largest_file_takes_little_memory,
);

/// Bytes that differ from place to place and from file to file.
pub fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut dice = Dice(seed);
    (0..length).map(|_| u8::try_from(dice.below(256)).expect("a byte")).collect()
}

/// A document of some length.
pub fn document(seed: u64, length: usize) -> File {
    File::new("document", &[], &format!("{seed}-{}.bin", new_id()), noise(seed, length))
}

/// A draft with these files.
pub async fn draft(world: &World, files: &[&File]) -> String {
    let visit = new_id();
    let body = filing(&world.assign_one().await, "draft", &json!({}), files);
    world.auditor.client.put(&format!("/v1/visits/{visit}"), &body).if_absent().created().await;
    visit
}

/// `Upload-Metadata` that names a file.
fn metadata(file: &File) -> String {
    format!("filename {},evidence_id {}", BASE64_STANDARD.encode("a b.bin"), BASE64_STANDARD.encode(&file.id))
}

/// A request of tus 1.0.0.
pub fn tus(client: &Client, method: Method, path: &str) -> Call {
    client.call(method, path).header("tus-resumable", "1.0.0")
}

/// A request for the upload of a file.
pub fn creation(client: &Client, file: &File) -> Call {
    tus(client, Method::POST, "/v1/uploads")
        .header("upload-metadata", &metadata(file))
        .header("upload-length", &file.bytes.len().to_string())
}

/// The address of a new upload.
pub async fn made(world: &World, file: &File) -> String {
    location(&creation(&world.auditor.client, file).send().await.expect(201))
}

fn location(answer: &Answer) -> String {
    let location = answer.header("location").to_owned();
    assert!(location.starts_with("/v1/uploads/pgl_up_"), "{location}");
    location
}

/// A request with a piece of a file.
pub fn piece(client: &Client, location: &str, offset: usize, bytes: &[u8]) -> Call {
    tus(client, Method::PATCH, location)
        .header("content-type", "application/offset+octet-stream")
        .header("upload-offset", &offset.to_string())
        .bytes(bytes)
}

/// How many bytes of an upload are on the disk.
pub async fn offset_of(app: &TestApp, location: &str) -> usize {
    let answer = tus(&app.client(), Method::HEAD, location).send().await.expect(200);
    assert_eq!(answer.header("cache-control"), "no-store");
    answer.header("upload-offset").parse().expect("a number")
}

/// Goes on to the end, as clients do: they ask how far it is, and try again when another request was quicker.
pub async fn send_rest(app: &TestApp, location: &str, bytes: &[u8]) {
    eventually("the rest is taken", || async {
        let offset = offset_of(app, location).await;
        if offset == bytes.len() {
            return Some(());
        }
        let answer = piece(&app.client(), location, offset, &bytes[offset..]).send().await;
        assert!(matches!(answer.status, 204 | 409 | 423), "{}", answer.describe());
        (answer.status == 204).then_some(())
    })
    .await;
}

/// What a visit says of a file.
pub async fn state_of(world: &World, visit: &str, file: &File) -> Value {
    let view = world.admin.client.get(&format!("/v1/visits/{visit}")).ok().await;
    let files = view["files"].as_array().expect("files").clone();
    files.into_iter().find(|entry| entry["id"] == file.id.as_str()).expect("the file")
}

/// Asserts that a file is stored as it was sent.
pub async fn expect_stored(world: &World, file: &File) {
    let answer = world.auditor.client.get(&format!("/v1/evidence/{}/content", file.id)).send().await.expect(200);
    assert!(answer.body == file.bytes, "{} differs", file.id);
}

async fn discovery_and_versions(app: &TestApp) {
    let world = World::make(app).await;
    let (anybody, auditor) = (app.client(), &world.auditor.client);
    for version in [None, Some("0.2.2")] {
        let mut call = anybody.call(Method::OPTIONS, "/v1/uploads");
        if let Some(version) = version {
            call = call.header("tus-resumable", version);
        }
        let answer = call.send().await.expect(204);
        assert_eq!(answer.header("tus-version"), "1.0.0");
        assert_eq!(
            answer.header("tus-extension"),
            "creation,creation-with-upload,creation-defer-length,expiration,checksum,termination"
        );
        assert_eq!(answer.header("tus-max-size"), (200 * 1024 * 1024).to_string());
        assert_eq!(answer.header("tus-checksum-algorithm"), "sha1,sha256");
    }
    let file = document(1, 10);
    draft(&world, &[&file]).await;
    let location = made(&world, &file).await;
    // What speaks another version is not looked at, and told which one is spoken.
    for (method, path) in [(Method::POST, "/v1/uploads"), (Method::PATCH, &location), (Method::DELETE, &location)] {
        for version in [None, Some("0.2.2"), Some("1.0.1")] {
            let mut call = auditor.call(method.clone(), path).header("upload-offset", "0");
            if let Some(version) = version {
                call = call.header("tus-resumable", version);
            }
            let answer = call.problem(412, "unsupported_version").await;
            assert_eq!(answer.header("tus-version"), "1.0.0");
        }
    }
    assert_eq!(auditor.call(Method::HEAD, &location).send().await.status, 412);
    assert_eq!(offset_of(app, &location).await, 0);
    // Every answer names the version.
    for (call, status) in [
        (creation(&anybody, &file), 401),
        (tus(auditor, Method::PUT, "/v1/uploads"), 405),
        (tus(auditor, Method::GET, &location), 405),
        (tus(&anybody, Method::HEAD, "/v1/uploads/pgl_up_nothing"), 404),
        (tus(&anybody, Method::DELETE, &location), 204),
        (tus(&anybody, Method::HEAD, &location), 410),
        (tus(&anybody, Method::HEAD, &format!("{location}/more")), 404),
    ] {
        let answer = call.send().await.expect(status);
        assert_eq!(answer.header("tus-resumable"), "1.0.0", "{}", answer.describe());
        assert_eq!(answer.header("upload-offset"), "", "{}", answer.describe());
    }
    // Another method in a header wins over the real one.
    let location = made(&world, &file).await;
    let answer = tus(&anybody, Method::POST, &location)
        .header("x-http-method-override", "PATCH")
        .header("content-type", "application/offset+octet-stream")
        .header("upload-offset", "0")
        .bytes(&file.bytes[..4])
        .send()
        .await
        .expect(204);
    assert_eq!(answer.header("upload-offset"), "4");
    tus(&anybody, Method::GET, &location).header("x-http-method-override", "DELETE").send().await.expect(204);
    anybody.get("/v1/me").header("x-http-method-override", "OPTIONS").problem(401, "unauthenticated").await;
}

async fn an_upload_is_made_once(app: &TestApp) {
    let world = World::make(app).await;
    let file = document(2, 5000);
    let visit = draft(&world, &[&file]).await;
    assert_eq!(state_of(&world, &visit, &file).await["state"], "declared");
    let first = creation(&world.auditor.client, &file).send().await.expect(201);
    let location = location(&first);
    assert_eq!(first.header("upload-offset"), "0");
    let expires = chrono::DateTime::parse_from_rfc2822(first.header("upload-expires")).expect("a date of HTTP");
    let days = (expires.to_utc() - crate::support::now()).num_hours();
    assert!((7 * 24 - 1..=7 * 24).contains(&days), "{expires}");
    assert_eq!(state_of(&world, &visit, &file).await["state"], "uploading");
    // The answer was lost: the same upload again, also when both come at once, and after some bytes.
    let calls: Vec<_> = (0..4).map(|_| creation(&world.auditor.client, &file).send()).collect();
    for again in futures_util::future::join_all(calls).await {
        assert_eq!(again.expect(201).header("location"), location);
    }
    piece(&app.client(), &location, 0, &file.bytes[..1234]).send().await.expect(204);
    let again = creation(&world.auditor.client, &file).send().await.expect(201);
    assert_eq!((again.header("location"), again.header("upload-offset")), (location.as_str(), "1234"));
    let head = tus(&app.client(), Method::HEAD, &location).send().await.expect(200);
    assert_eq!((head.header("upload-offset"), head.header("upload-length")), ("1234", "5000"));
    assert_eq!(head.header("upload-metadata"), metadata(&file));
    assert_eq!(head.header("upload-expires"), first.header("upload-expires"));
    assert_eq!(head.header("upload-defer-length"), "");
    // Saving the draft again changes nothing of what is on its way.
    let view = world.auditor.client.get(&format!("/v1/visits/{visit}")).send().await.expect(200);
    let more = document(2000, 10);
    let body = filing(view.json()["assignment_id"].as_str().expect("an id"), "draft", &json!({}), &[&file, &more]);
    world.auditor.client.put(&format!("/v1/visits/{visit}"), &body).if_match(&view.etag()).send().await.expect(200);
    assert_eq!(state_of(&world, &visit, &file).await["state"], "uploading");
    let both = [document(3, 10), document(4, 10)];
    draft(&world, &[&both[0], &both[1]]).await;
    let calls: Vec<_> = (0..6).map(|_| creation(&world.auditor.client, &both[0]).send()).collect();
    let answers = futures_util::future::join_all(calls).await;
    for answer in &answers {
        assert_eq!(answer.header("location"), answers[0].header("location"), "{}", answer.describe());
    }
    assert_ne!(made(&world, &both[1]).await, answers[0].header("location"));
    if app.bucket().is_none() {
        assert_eq!(app.incoming().await, 3, "one file each");
    }
    // Of what came in another way meanwhile nothing is left to send, and what was never begun needs no upload.
    both[1].upload(&world.auditor).await;
    let again = creation(&world.auditor.client, &both[1]).send().await.expect(201);
    assert_eq!(again.header("upload-offset"), "10");
    more.upload(&world.auditor).await;
    creation(&world.auditor.client, &more).problem(409, "already_stored").await;
}

async fn what_cannot_be_made(app: &TestApp) {
    let world = World::make(app).await;
    let (file, mut open) = (document(5, 100), document(6, 100));
    for member in ["sha256", "bytes"] {
        open.entry.as_object_mut().expect("an object").remove(member);
    }
    let visit = draft(&world, &[&file, &open]).await;
    let auditor = &world.auditor.client;
    let call = || tus(auditor, Method::POST, "/v1/uploads");
    let named = metadata(&file);
    call().header("upload-metadata", &named).problem(400, "bad_header").await;
    for (name, value) in [("upload-length", "-1"), ("upload-length", "ten"), ("upload-defer-length", "2")] {
        call().header("upload-metadata", &named).header(name, value).problem(400, "bad_header").await;
    }
    creation(auditor, &file).header("upload-defer-length", "1").problem(400, "bad_header").await;
    call().header("upload-length", "100").problem(400, "bad_metadata").await;
    for wrong in ["filename eA==", "evidence_id !", "evidence_id eA==", "a eA==,a eA=="] {
        call().header("upload-length", "100").header("upload-metadata", wrong).problem(400, "bad_metadata").await;
    }
    creation(auditor, &file).header("upload-concat", "partial").problem(400, "concatenation_not_supported").await;
    let large = (200 * 1024 * 1024 + 1).to_string();
    let answer =
        call().header("upload-metadata", &named).header("upload-length", &large).problem(413, "too_large").await;
    assert_eq!(answer.header("tus-max-size"), (200 * 1024 * 1024).to_string());
    let answer = call().header("upload-metadata", &named).header("upload-length", "99");
    let answer = answer.problem(422, "differs_from_manifest").await;
    assert_eq!(answer.problems(), [("/bytes".to_owned(), "differs_from_manifest".to_owned())]);
    call().header("upload-metadata", &metadata(&open)).header("upload-length", "0").problem(422, "empty_file").await;
    creation(auditor, &file)
        .header("content-type", "image/jpeg")
        .bytes(b"x".to_vec())
        .problem(415, "wrong_media_type")
        .await;
    creation(auditor, &file)
        .header("content-type", "application/offset+octet-stream")
        .header("upload-checksum", "md5 eA==")
        .bytes(b"x".to_vec())
        .problem(400, "bad_checksum")
        .await;
    // Nobody else's file, and none that is not there.
    creation(&world.other_auditor.client, &file).problem(404, "not_found").await;
    creation(&world.admin.client, &file).problem(403, "not_allowed").await;
    creation(auditor, &document(7, 100)).problem(404, "not_found").await;
    let beta = World::named(app, "beta").await;
    creation(&beta.auditor.client, &file).problem(404, "not_found").await;
    assert_eq!(state_of(&world, &visit, &file).await["state"], "declared", "nothing was begun");
    assert_eq!(app.incoming().await, 0);
}

async fn a_file_comes_in_pieces(app: &TestApp) {
    let world = World::make(app).await;
    let (tiny, photo) = (document(8, 120), File::front());
    let visit = draft(&world, &[&tiny, &photo]).await;
    // Byte by byte.
    let location = made(&world, &tiny).await;
    for (at, byte) in tiny.bytes.iter().enumerate() {
        let answer = piece(&app.client(), &location, at, &[*byte]).send().await.expect(204);
        assert_eq!(answer.header("upload-offset"), (at + 1).to_string());
        assert!(answer.header("upload-expires").ends_with(" GMT"));
        if at % 40 == 0 {
            assert_eq!(offset_of(app, &location).await, at + 1);
            piece(&app.client(), &location, at + 1, b"").send().await.expect(204);
        }
    }
    expect_stored(&world, &tiny).await;
    // The end is where it stays, and coming again is harmless.
    assert_eq!(offset_of(app, &location).await, 120);
    piece(&app.client(), &location, 120, b"").send().await.expect(204);
    let answer = piece(&app.client(), &location, 119, &tiny.bytes[119..]).problem(409, "wrong_offset").await;
    assert_eq!(answer.header("upload-offset"), "120");
    let again = creation(&world.auditor.client, &tiny).send().await.expect(201);
    assert_eq!((again.header("location"), again.header("upload-offset")), (location.as_str(), "120"));
    tus(&app.client(), Method::DELETE, &location).problem(403, "already_stored").await;

    let location = made(&world, &photo).await;
    let middle = photo.bytes.len() / 2;
    piece(&app.client(), &location, 0, &photo.bytes[..middle]).send().await.expect(204);
    piece(&app.client(), &location, middle, &photo.bytes[middle..]).send().await.expect(204);
    let files = world.processed(&visit).await;
    let view = files.iter().find(|view| view["id"] == photo.id.as_str()).expect("the photo");
    assert_eq!((&view["media_type"], &view["has_preview"]), (&json!("image/jpeg"), &json!(true)));
    assert_eq!(app.incoming().await, 0);
    assert_eq!(count(&checked_events(&world.admin.client).await, "evidence.stored"), 2);
}

async fn a_piece_must_begin_where_the_last_one_ended(app: &TestApp) {
    let world = World::make(app).await;
    let file = document(9, 100);
    draft(&world, &[&file]).await;
    let location = made(&world, &file).await;
    let anybody = app.client();
    piece(&anybody, &location, 0, &file.bytes[..50]).send().await.expect(204);
    for offset in [0, 49, 51, 100, 1_000_000] {
        let answer = piece(&anybody, &location, offset, &file.bytes[50..]).problem(409, "wrong_offset").await;
        assert_eq!(answer.header("upload-offset"), "50");
    }
    let bare = || tus(&anybody, Method::PATCH, &location).bytes(file.bytes[50..].to_vec());
    let typed = || bare().header("content-type", "application/offset+octet-stream");
    bare().header("upload-offset", "50").problem(415, "wrong_media_type").await;
    bare().header("upload-offset", "50").header("content-type", "text/plain").problem(415, "wrong_media_type").await;
    typed().problem(400, "malformed").await;
    for wrong in ["-50", "fifty", "5e1"] {
        typed().header("upload-offset", wrong).problem(400, "bad_header").await;
    }
    // Beyond the end nothing comes, whether it was announced or not.
    let beyond = piece(&anybody, &location, 50, &[0; 51]).problem(413, "too_large").await;
    assert_eq!(beyond.header("upload-offset"), "50");
    let head = chunked(&location, 50);
    let mut wire = Wire::connect(&app.base()).await.expect("a connection");
    wire.send(&head).await;
    for part in [&file.bytes[50..90], &[7; 30][..]] {
        wire.send(format!("{:x}\r\n", part.len()).as_bytes()).await;
        wire.send(part).await;
        wire.send(b"\r\n").await;
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    wire.send(b"0\r\n\r\n").await;
    let answer = wire.answer().await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    assert!(offset_of(app, &location).await <= 90);
    send_rest(app, &location, &file.bytes).await;
    expect_stored(&world, &file).await;
}

/// The head of a piece whose size is not announced.
fn chunked(location: &str, offset: usize) -> Vec<u8> {
    format!(
        "PATCH {location} HTTP/1.1\r\nHost: peegel\r\nTus-Resumable: 1.0.0\r\nUpload-Offset: {offset}\r\n\
         Content-Type: application/offset+octet-stream\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    )
    .into_bytes()
}

async fn the_first_piece_may_come_at_once(app: &TestApp) {
    let world = World::make(app).await;
    let (whole, part) = (document(10, 3000), document(11, 3000));
    draft(&world, &[&whole, &part]).await;
    let with = |file: &File, bytes: &[u8]| {
        creation(&world.auditor.client, file).header("content-type", "application/offset+octet-stream").bytes(bytes)
    };
    let answer = with(&whole, &whole.bytes).send().await.expect(201);
    assert_eq!(answer.header("upload-offset"), "3000");
    expect_stored(&world, &whole).await;
    let answer = with(&part, &part.bytes[..1000]).send().await.expect(201);
    assert_eq!(answer.header("upload-offset"), "1000");
    // The answer was lost: what is there is not added again.
    let again = with(&part, &part.bytes[..1000]).send().await.expect(201);
    assert_eq!((again.header("location"), again.header("upload-offset")), (answer.header("location"), "1000"));
    piece(&app.client(), &location(&again), 1000, &part.bytes[1000..]).send().await.expect(204);
    expect_stored(&world, &part).await;
}

async fn the_size_may_come_later(app: &TestApp) {
    let world = World::make(app).await;
    let (file, mut silent) = (document(12, 900), document(13, 900));
    for member in ["sha256", "bytes"] {
        silent.entry.as_object_mut().expect("an object").remove(member);
    }
    draft(&world, &[&file, &silent]).await;
    let deferred = |file: &File| {
        let call = tus(&world.auditor.client, Method::POST, "/v1/uploads").header("upload-defer-length", "1");
        call.header("upload-metadata", &metadata(file))
    };
    for file in [&file, &silent] {
        let location = location(&deferred(file).send().await.expect(201));
        let anybody = app.client();
        piece(&anybody, &location, 0, &file.bytes[..400]).send().await.expect(204);
        let head = tus(&anybody, Method::HEAD, &location).send().await.expect(200);
        assert_eq!((head.header("upload-defer-length"), head.header("upload-length")), ("1", ""));
        let with_length = |offset: usize, bytes: &[u8], length: &str| {
            piece(&anybody, &location, offset, bytes).header("upload-length", length)
        };
        with_length(400, &file.bytes[400..500], "399").problem(409, "wrong_length").await;
        with_length(400, &file.bytes[400..500], "900").send().await.expect(204);
        let head = tus(&anybody, Method::HEAD, &location).send().await.expect(200);
        assert_eq!((head.header("upload-defer-length"), head.header("upload-length")), ("", "900"));
        with_length(500, &file.bytes[500..600], "901").problem(409, "length_is_known").await;
        with_length(500, &file.bytes[500..], "900").send().await.expect(204);
        expect_stored(&world, file).await;
    }
    // All bytes may be there before the size is known.
    let late = document(14, 50);
    draft(&world, &[&late]).await;
    let location = location(&deferred(&late).send().await.expect(201));
    piece(&app.client(), &location, 0, &late.bytes).send().await.expect(204);
    piece(&app.client(), &location, 50, b"").header("upload-length", "51").problem(422, "differs_from_manifest").await;
    piece(&app.client(), &location, 50, b"").header("upload-length", "50").send().await.expect(204);
    expect_stored(&world, &late).await;
}

pub fn sha256_checksum(bytes: &[u8]) -> String {
    use sha2::Digest;
    format!("sha256 {}", BASE64_STANDARD.encode(sha2::Sha256::digest(bytes)))
}

async fn a_wrong_checksum_changes_nothing(app: &TestApp) {
    let world = World::make(app).await;
    let file = document(15, 200_000);
    draft(&world, &[&file]).await;
    let location = made(&world, &file).await;
    let anybody = app.client();
    let (first, second) = (&file.bytes[..70_000], &file.bytes[70_000..140_000]);
    let checked = |offset: usize, bytes: &[u8], sum: &str| {
        piece(&anybody, &location, offset, bytes).header("upload-checksum", sum)
    };
    checked(0, first, &sha256_checksum(first)).send().await.expect(204);
    for sum in [sha256_checksum(first), "sha1 AAAAAAAAAAAAAAAAAAAAAAAAAAA=".to_owned()] {
        let answer = checked(70_000, second, &sum).problem(460, "checksum_mismatch").await;
        assert_eq!(answer.header("upload-offset"), "70000");
        assert_eq!(offset_of(app, &location).await, 70_000);
    }
    for wrong in ["md5 eA==", "sha256", "sha1 eA==", "sha256 !"] {
        checked(70_000, second, wrong).problem(400, "bad_checksum").await;
    }
    // A piece that was not checked whole is not kept: when the connection breaks, and when the server is killed.
    let request = |part: usize| {
        let head = format!(
            "PATCH {location} HTTP/1.1\r\nHost: peegel\r\nTus-Resumable: 1.0.0\r\nUpload-Offset: 70000\r\n\
             Content-Type: application/offset+octet-stream\r\nUpload-Checksum: {}\r\nContent-Length: {}\r\n\r\n",
            sha256_checksum(second),
            second.len()
        );
        [head.as_bytes(), &second[..part]].concat()
    };
    for farewell in [Farewell::Fin, Farewell::Rst] {
        let mut wire = Wire::connect(&app.base()).await.expect("a connection");
        wire.send(&request(50_000)).await;
        wire.leave(farewell).await;
        assert_eq!(offset_of(app, &location).await, 70_000);
    }
    let mut wire = Wire::connect(&app.base()).await.expect("a connection");
    wire.send(&request(50_000)).await;
    on_disk(app, |bytes| bytes > 70_000).await;
    app.kill().await;
    app.serve(&[]).await;
    assert_eq!(offset_of(app, &location).await, 70_000);
    checked(70_000, second, &sha256_checksum(second)).send().await.expect(204);
    let sha1 = "sha1 2jmj7l5rSw0yVb/vlWAYkK/YBwk=";
    checked(140_000, &file.bytes[140_000..140_000], sha1).send().await.expect(204);
    piece(&anybody, &location, 140_000, &file.bytes[140_000..]).send().await.expect(204);
    expect_stored(&world, &file).await;
}

/// Waits until the only file that arrives has so many bytes.
async fn on_disk(app: &TestApp, is_enough: impl Fn(u64) -> bool) -> u64 {
    eventually("bytes are on the disk", || async { Some(arrived(app)).filter(|bytes| is_enough(*bytes)) }).await
}

/// How many bytes of the one upload are on the disk.
fn arrived(app: &TestApp) -> u64 {
    let files = std::fs::read_dir(app.data().join("blobs/incoming")).expect("a folder").filter_map(Result::ok);
    let mut uploads = files.filter(|file| file.path().extension().is_some_and(|end| end == "upload"));
    uploads.next().and_then(|file| file.metadata().ok()).map_or(0, |metadata| metadata.len())
}

async fn a_file_that_is_not_the_announced_one_is_refused(app: &TestApp) {
    let world = World::make(app).await;
    let file = document(16, 1000);
    let visit = draft(&world, &[&file]).await;
    let location = made(&world, &file).await;
    let mut wrong = file.bytes.clone();
    wrong[500] ^= 1;
    piece(&app.client(), &location, 0, &wrong[..600]).send().await.expect(204);
    let answer = piece(&app.client(), &location, 600, &wrong[600..]).problem(422, "differs_from_manifest").await;
    assert_eq!(answer.problems(), [("/sha256".to_owned(), "differs_from_manifest".to_owned())]);
    assert_eq!(answer.header("upload-offset"), "");
    let view = state_of(&world, &visit, &file).await;
    assert_eq!((&view["state"], &view["problem_code"]), (&json!("refused"), &json!("differs_from_manifest")));
    assert_eq!(tus(&app.client(), Method::HEAD, &location).send().await.status, 410);
    piece(&app.client(), &location, 0, &file.bytes).problem(410, "upload_gone").await;
    tus(&app.client(), Method::DELETE, &location).problem(410, "upload_gone").await;
    assert_eq!(app.incoming().await, 0);
    // The visit is kept, and the right file may follow.
    let second = made(&world, &file).await;
    assert_ne!(second, location);
    let view = state_of(&world, &visit, &file).await;
    assert_eq!((&view["state"], &view["problem_code"]), (&json!("uploading"), &Value::Null));
    piece(&app.client(), &second, 0, &file.bytes).send().await.expect(204);
    expect_stored(&world, &file).await;
}

async fn an_upload_can_be_given_up(app: &TestApp) {
    let world = World::make(app).await;
    let file = document(17, 1000);
    let visit = draft(&world, &[&file]).await;
    let first = made(&world, &file).await;
    piece(&app.client(), &first, 0, &file.bytes[..600]).send().await.expect(204);
    tus(&app.client(), Method::DELETE, &first).send().await.expect(204);
    assert_eq!(app.incoming().await, 0, "what it held is free");
    assert_eq!(state_of(&world, &visit, &file).await["state"], "declared");
    for method in [Method::PATCH, Method::DELETE] {
        let call = tus(&app.client(), method, &first).header("content-type", "application/offset+octet-stream");
        call.header("upload-offset", "600").problem(410, "upload_gone").await;
    }
    let second = made(&world, &file).await;
    assert_ne!(second, first);
    assert_eq!(offset_of(app, &second).await, 0);
    // Half a file does not stand in the way of a whole one.
    piece(&app.client(), &second, 0, &file.bytes[..600]).send().await.expect(204);
    file.upload(&world.auditor).await;
    piece(&app.client(), &second, 600, &file.bytes[600..]).problem(409, "wrong_offset").await;
    assert_eq!(offset_of(app, &second).await, 1000, "its client finds that all is there");
    expect_stored(&world, &file).await;
    assert_eq!(app.incoming().await, 0);
    assert_eq!(count(&checked_events(&world.admin.client).await, "evidence.stored"), 1);
}

async fn an_upload_expires(app: &TestApp) {
    let world = World::make(app).await;
    let (file, done) = (document(18, 1000), document(19, 1000));
    let visit = draft(&world, &[&file, &done]).await;
    let (location, finished) = (made(&world, &file).await, made(&world, &done).await);
    piece(&app.client(), &location, 0, &file.bytes[..600]).send().await.expect(204);
    piece(&app.client(), &finished, 0, &done.bytes).send().await.expect(204);
    app.execute("UPDATE uploads SET expires_at = created_at").await.expect("an update");
    for location in [&location, &finished] {
        assert_eq!(tus(&app.client(), Method::HEAD, location).send().await.status, 410);
        piece(&app.client(), location, 600, b"x").problem(410, "upload_gone").await;
    }
    // It is cleared away, and the file can be sent anew.
    app.stop().await;
    app.serve(&[]).await;
    eventually("the upload is cleared away", || async { (app.incoming().await == 0).then_some(()) }).await;
    eventually("the file waits again", || async {
        (state_of(&world, &visit, &file).await["state"] == "declared").then_some(())
    })
    .await;
    let second = made(&world, &file).await;
    assert_ne!(second, location);
    piece(&app.client(), &second, 0, &file.bytes).send().await.expect(204);
    expect_stored(&world, &file).await;
    creation(&world.auditor.client, &done).problem(409, "already_stored").await;
}

async fn the_address_is_all_it_takes(app: &TestApp) {
    let world = World::make(app).await;
    let (file, other) = (document(20, 1000), document(21, 1000));
    draft(&world, &[&file, &other]).await;
    let (location, second) = (made(&world, &file).await, made(&world, &other).await);
    // The phone is signed out in the middle; what it has begun goes on.
    piece(&app.client(), &location, 0, &file.bytes[..100]).send().await.expect(204);
    world.auditor.client.delete("/v1/sessions").send().await.expect(204);
    creation(&world.auditor.client, &file).problem(401, "unauthenticated").await;
    assert_eq!(offset_of(app, &location).await, 100);
    piece(&app.client(), &location, 100, &file.bytes[100..]).send().await.expect(204);
    let auditor = app.client().sign_in(&world.auditor.email, PASSWORD).await;
    let content = auditor.get(&format!("/v1/evidence/{}/content", file.id)).send().await.expect(200);
    assert_eq!(content.body, file.bytes);
    // Nothing that looks like an address is one.
    let code = second.rsplit('/').next().expect("a code");
    let mut typo = code.to_owned();
    let last = if typo.pop() == Some('x') { 'y' } else { 'x' };
    typo.push(last);
    for wrong in [typo.as_str(), "pgl_up_", world.auditor.client.token(), &new_id()] {
        tus(&auditor, Method::DELETE, &format!("/v1/uploads/{wrong}")).problem(404, "not_found").await;
    }
    // It ends with the membership, and begins again with it.
    let user = format!("/v1/users/{}", world.auditor.id);
    world.admin.client.patch(&user, &json!({"enabled": false})).ok().await;
    assert_eq!(tus(&app.client(), Method::HEAD, &second).send().await.status, 403);
    piece(&app.client(), &second, 0, &other.bytes).problem(403, "membership_disabled").await;
    tus(&app.client(), Method::DELETE, &second).problem(403, "membership_disabled").await;
    world.admin.client.patch(&user, &json!({"enabled": true})).ok().await;
    assert_eq!(offset_of(app, &second).await, 0);
    // The log does not hold what opens it.
    for secret in [code, location.rsplit('/').next().expect("a code"), &code["pgl_up_".len()..]] {
        assert!(!app.log().contains(secret), "the log holds an address");
    }
    assert!(app.log().contains("/v1/uploads/{code}"), "the log says what was asked for");
}

/// The address opens nothing but one file whose hash is announced, so ending sessions, whatever for, does not cost the
/// auditor what the phone has begun to send. Ending the membership, or its role, does.
async fn the_address_outlives_every_session(app: &TestApp) {
    let world = World::make(app).await;
    let files: Vec<_> = (0..3).map(|n| document(30 + n, 900)).collect();
    let visit = draft(&world, &files.iter().collect::<Vec<_>>()).await;
    let go_on = async |location: &str, file: &File, from: usize| {
        piece(&app.client(), location, from, &file.bytes[from..from + 300]).send().await.expect(204);
    };
    let sign_in = async || {
        let body = json!({"email": world.auditor.email, "password": PASSWORD});
        app.client().post("/v1/sessions", &body).created().await
    };
    let as_auditor = |session: &Value| app.client().with_token(session["access_token"].as_str().expect("a token"));
    let begin =
        async |session: &Value, file: &File| location(&creation(&as_auditor(session), file).send().await.expect(201));
    // Signed out everywhere by the firm.
    let session = sign_in().await;
    let first = begin(&session, &files[0]).await;
    go_on(&first, &files[0], 0).await;
    world.admin.client.act(&format!("/v1/users/{}/sign-out", world.auditor.id)).send().await.expect(204);
    as_auditor(&session).get("/v1/me").problem(401, "unauthenticated").await;
    assert_eq!(offset_of(app, &first).await, 300);
    go_on(&first, &files[0], 300).await;
    // Signed out because a stolen token came back.
    let session = sign_in().await;
    let second = begin(&session, &files[1]).await;
    go_on(&second, &files[1], 0).await;
    let refresh = async |session: &Value| {
        let body = json!({"refresh_token": session["refresh_token"]});
        app.client().post("/v1/sessions/refresh", &body).send().await
    };
    let next = refresh(&session).await.expect(201).json();
    refresh(&next).await.expect(201);
    assert_eq!(refresh(&session).await.expect(401).json()["code"], "token_replayed");
    as_auditor(&next).get("/v1/me").problem(401, "unauthenticated").await;
    go_on(&second, &files[1], 300).await;
    // Neither made it possible to begin anything.
    creation(&as_auditor(&session), &files[2]).problem(401, "unauthenticated").await;
    for (location, file) in [(&first, &files[0]), (&second, &files[1])] {
        go_on(location, file, 600).await;
        let content = as_auditor(&sign_in().await).get(&format!("/v1/evidence/{}/content", file.id)).send().await;
        assert!(content.expect(200).body == file.bytes);
    }
    // Another role ends it for as long as it lasts, and its own address changes nothing about that.
    let third = begin(&sign_in().await, &files[2]).await;
    go_on(&third, &files[2], 0).await;
    let user = format!("/v1/users/{}", world.auditor.id);
    world.admin.client.patch(&user, &json!({"role": "reviewer"})).ok().await;
    assert_eq!(tus(&app.client(), Method::HEAD, &third).send().await.status, 403);
    piece(&app.client(), &third, 300, &files[2].bytes[300..]).problem(403, "membership_disabled").await;
    world.admin.client.patch(&user, &json!({"role": "auditor"})).ok().await;
    assert_eq!(offset_of(app, &third).await, 300);
    assert_eq!(state_of(&world, &visit, &files[2]).await["state"], "uploading");
}

async fn rights_that_end_in_the_middle_store_nothing(app: &TestApp) {
    let world = World::make(app).await;
    let user = format!("/v1/users/{}", world.auditor.id);
    for (seed, taken, given) in [
        (40, json!({"enabled": false}), json!({"enabled": true})),
        (41, json!({"role": "reviewer"}), json!({"role": "auditor"})),
    ] {
        let file = document(seed, 100_000);
        let auditor =
            Person { client: app.client().sign_in(&world.auditor.email, PASSWORD).await, ..world.auditor.clone() };
        let visit = new_id();
        let body = filing(&world.assign_one().await, "draft", &json!({}), &[&file]);
        auditor.client.put(&format!("/v1/visits/{visit}"), &body).if_absent().created().await;
        let location = location(&creation(&auditor.client, &file).send().await.expect(201));
        let request = patch(&location, 0, &file.bytes);
        let request = String::from_utf8_lossy(&request[..request.len() - 100_000])
            .replace("Upload-Offset", "Connection: close\r\nUpload-Offset");
        let mut wire = Wire::connect(&app.base()).await.expect("a connection");
        wire.send(request.as_bytes()).await;
        wire.send(&file.bytes[..60_000]).await;
        on_disk(app, |bytes| bytes == 60_000).await;
        world.admin.client.patch(&user, &taken).ok().await;
        wire.send(&file.bytes[60_000..]).await;
        let answer = wire.answer().await;
        assert!(answer.starts_with("HTTP/1.1 403") && answer.contains("membership_disabled"), "{answer}");
        assert_eq!(state_of(&world, &visit, &file).await["state"], "uploading");
        assert_eq!(tus(&app.client(), Method::HEAD, &location).send().await.status, 403);
        // What has arrived is not lost for somebody who gets the right back.
        world.admin.client.patch(&user, &given).ok().await;
        assert_eq!(offset_of(app, &location).await, 100_000);
        let content = format!("/v1/evidence/{}/content", file.id);
        let stored = world.admin.client.get(&content).send().await.expect(200);
        assert!(stored.body == file.bytes);
    }
    assert_eq!(app.incoming().await, 0);
}

/// The bytes of a piece on the wire.
pub fn patch(location: &str, offset: usize, bytes: &[u8]) -> Vec<u8> {
    let head = format!(
        "PATCH {location} HTTP/1.1\r\nHost: peegel\r\nTus-Resumable: 1.0.0\r\nUpload-Offset: {offset}\r\n\
         Content-Type: application/offset+octet-stream\r\nContent-Length: {}\r\n\r\n",
        bytes.len()
    );
    [head.as_bytes(), bytes].concat()
}

async fn connections_that_break_keep_what_arrived(app: &TestApp) {
    let world = World::make(app).await;
    let mut dice = Dice(22);
    let files: Vec<_> = (0..12).map(|n| document(100 + n, 150_000)).collect();
    draft(&world, &files.iter().collect::<Vec<_>>()).await;
    let mut kept = 0;
    for (n, file) in files.iter().enumerate() {
        let location = made(&world, file).await;
        let (mut offset, mut most) = (0, 0);
        for cut in 0..6 {
            let request = patch(&location, offset, &file.bytes[offset..]);
            let head = request.len() - (file.bytes.len() - offset);
            // Somewhere in the head, in the body, or after the last byte.
            let sent = match cut {
                0 => dice.below(head),
                5 => request.len(),
                _ => head + dice.below((request.len() - head) / 2 + 1),
            };
            let mut wire = Wire::connect(&app.base()).await.expect("a connection");
            wire.send(&request[..sent]).await;
            for _ in 0..dice.below(3) {
                app.client().get("/livez").ok().await;
            }
            // Every other time the server had time to take some of it, however busy the machine is.
            for _ in 0..if cut % 2 == 0 && sent > head { 200 } else { 0 } {
                if arrived(app) > offset as u64 {
                    break;
                }
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            }
            wire.leave(if (n + cut) % 2 == 0 { Farewell::Fin } else { Farewell::Rst }).await;
            let told = offset_of(app, &location).await;
            most = most.max(offset + sent.saturating_sub(head));
            // Never less than was told before, and never what nobody sent. A broken connection may still bring bytes.
            assert!((offset..=most).contains(&told), "{offset} to {most}: {told}");
            kept += usize::from(told > offset);
            offset = told;
            if offset == file.bytes.len() {
                break;
            }
        }
        send_rest(app, &location, &file.bytes).await;
        expect_stored(&world, file).await;
    }
    assert!(kept > 20, "of 60 broken connections {kept} brought something");
    eventually("nothing lies about", || async { (app.incoming().await == 0).then_some(()) }).await;
    assert_eq!(count(&checked_events(&world.admin.client).await, "evidence.stored"), files.len());
}

async fn a_new_connection_takes_over(app: &TestApp) {
    let world = World::make(app).await;
    let file = document(23, 300_000);
    draft(&world, &[&file]).await;
    let location = made(&world, &file).await;
    let mut half_dead = Vec::new();
    let mut offset = 0;
    for round in 0..3 {
        // The phone has lost this connection, and nobody has told the server.
        let request = patch(&location, offset, &file.bytes[offset..]);
        let mut wire = Wire::connect(&app.base()).await.expect("a connection");
        wire.send(&request[..request.len() + offset + 60_000 - file.bytes.len()]).await;
        on_disk(app, |bytes| bytes == offset as u64 + 60_000).await;
        half_dead.push(wire);
        let before = std::time::Duration::from_secs(3);
        if round < 2 {
            let told = tokio::time::timeout(before, offset_of(app, &location)).await.expect("an answer in time");
            assert_eq!(told, offset + 60_000, "what had arrived is kept");
        }
        offset += 60_000;
    }
    // Going on without asking takes over as well.
    piece(&app.client(), &location, offset, &file.bytes[offset..]).send().await.expect(204);
    expect_stored(&world, &file).await;
    for wire in half_dead {
        drop(wire);
    }
}

async fn a_stopping_or_killed_server_keeps_what_arrived(app: &TestApp) {
    let world = World::make(app).await;
    let file = document(24, 400_000);
    draft(&world, &[&file]).await;
    let location = made(&world, &file).await;
    let mut offset = 0;
    for (round, is_kill) in [(0, false), (1, true), (2, false), (3, true)] {
        let request = patch(&location, offset, &file.bytes[offset..]);
        let sent = request.len() - (file.bytes.len() - offset) + 70_000 + round;
        let mut wire = Wire::connect(&app.base()).await.expect("a connection");
        wire.send(&request[..sent]).await;
        let arrived = on_disk(app, |bytes| bytes > offset as u64).await;
        if is_kill {
            app.kill().await;
        } else {
            app.stop().await;
            let answer = wire.answer().await;
            assert!(answer.starts_with("HTTP/1.1 503 ") && answer.contains("\"stopping\""), "{answer}");
        }
        app.serve(&[]).await;
        let told = offset_of(app, &location).await;
        assert!(told as u64 >= arrived && told <= offset + 70_000 + round, "{told}, {arrived} on the disk");
        offset = told;
    }
    assert!(offset > 0);
    piece(&app.client(), &location, offset, &file.bytes[offset..]).send().await.expect(204);
    expect_stored(&world, &file).await;
}

async fn a_crash_before_the_end_is_noted_is_made_good(app: &TestApp) {
    let world = World::make(app).await;
    let files: Vec<_> = (0..3).map(|n| document(200 + n, 2000)).collect();
    let visit = draft(&world, &files.iter().collect::<Vec<_>>()).await;
    let mut locations = Vec::new();
    for file in &files {
        let location = made(&world, file).await;
        piece(&app.client(), &location, 0, &file.bytes).send().await.expect(204);
        locations.push(location);
    }
    world.processed(&visit).await;
    app.stop().await;
    // As if the server had died after the file was moved to its place, and before that was noted: of the first in
    // everything, of the second in the upload alone. Of the third it died before it was moved, and nobody asks again.
    app.execute("UPDATE uploads SET state = 'open'").await.expect("an update");
    for file in [&files[0], &files[2]] {
        let statement =
            format!("UPDATE evidence SET state = 'uploading', stored_at = NULL WHERE id = {}", id(app, file));
        app.execute(&statement).await.expect("an update");
    }
    let row =
        format!("SELECT CAST(id AS {}) AS id FROM uploads WHERE evidence_id = {}", text_type(app), id(app, &files[2]));
    let upload = &app.query(&row).await[0];
    let upload: String = match app.kind() {
        crate::support::app::Kind::Postgres => upload.try_get("", "id").expect("an id"),
        crate::support::app::Kind::Sqlite => {
            let bytes: Vec<u8> = upload.try_get("", "id").expect("an id");
            uuid::Uuid::from_slice(&bytes).expect("an id").to_string()
        }
    };
    let sha256 = crate::support::files::sha256(&files[2].bytes);
    let blobs = app.data().join("blobs");
    let firm = std::fs::read_dir(&blobs).expect("a folder").filter_map(Result::ok);
    let firm = firm.map(|entry| entry.path()).find(|path| !path.ends_with("incoming")).expect("the folder of the firm");
    let place = firm.join(&sha256[..2]).join(&sha256[2..4]).join(&sha256);
    std::fs::rename(place, blobs.join("incoming").join(format!("{upload}.upload"))).expect("a file");
    // Nor was it noted how far it had come.
    let lagging =
        format!("UPDATE uploads SET hash_state = NULL, received = 500 WHERE evidence_id = {}", id(app, &files[2]));
    app.execute(&lagging).await.expect("an update");
    app.serve(&[]).await;
    for location in &locations[..2] {
        assert_eq!(offset_of(app, location).await, 2000);
    }
    world.processed(&visit).await;
    for file in &files {
        expect_stored(&world, file).await;
    }
    eventually("nothing lies about", || async { (app.incoming().await == 0).then_some(()) }).await;
}

fn text_type(app: &TestApp) -> &'static str {
    match app.kind() {
        crate::support::app::Kind::Postgres => "TEXT",
        crate::support::app::Kind::Sqlite => "BLOB",
    }
}

/// The id of a file as a literal of the database.
fn id(app: &TestApp, file: &File) -> String {
    match app.kind() {
        crate::support::app::Kind::Postgres => format!("'{}'", file.id),
        crate::support::app::Kind::Sqlite => format!("X'{}'", file.id.replace('-', "")),
    }
}

async fn a_file_may_change_its_fate_meanwhile(app: &TestApp) {
    let world = World::make(app).await;
    let (lost, kept) = (document(25, 1000), document(26, 1000));
    let visit = draft(&world, &[&lost, &kept]).await;
    let (location, other) = (made(&world, &lost).await, made(&world, &kept).await);
    piece(&app.client(), &location, 0, &lost.bytes[..500]).send().await.expect(204);
    piece(&app.client(), &other, 0, &kept.bytes[..500]).send().await.expect(204);
    // Given up by its auditor, it takes no bytes any more.
    let reason = json!({"reason": "Telefon läks katki."});
    world.auditor.client.post(&format!("/v1/evidence/{}/lost", lost.id), &reason).ok().await;
    piece(&app.client(), &location, 500, &lost.bytes[500..]).problem(410, "upload_gone").await;
    creation(&world.auditor.client, &lost).problem(409, "illegal_state").await;
    assert_eq!(state_of(&world, &visit, &lost).await["state"], "lost");
    // A draft that no longer names a file takes its upload with it.
    let view = world.auditor.client.get(&format!("/v1/visits/{visit}")).send().await.expect(200);
    let body = filing(view.json()["assignment_id"].as_str().expect("an id"), "draft", &json!({}), &[&lost]);
    world.auditor.client.put(&format!("/v1/visits/{visit}"), &body).if_match(&view.etag()).send().await.expect(200);
    assert_eq!(tus(&app.client(), Method::HEAD, &other).send().await.status, 410);
    piece(&app.client(), &other, 500, &kept.bytes[500..]).problem(410, "upload_gone").await;
}

/// A draft whose manifest does not say how large its files are, nor what they are.
async fn open_draft(world: &World, files: &[&File]) -> (String, String) {
    let (visit, assignment) = (new_id(), world.assign_one().await);
    let mut body = filing(&assignment, "draft", &json!({}), files);
    for entry in body["evidence"].as_array_mut().expect("files") {
        let entry = entry.as_object_mut().expect("a file");
        entry.retain(|name, _| !["bytes", "sha256"].contains(&name.as_str()));
    }
    world.auditor.client.put(&format!("/v1/visits/{visit}"), &body).if_absent().created().await;
    (visit, assignment)
}

async fn what_ends_takes_its_bytes_along(app: &TestApp) {
    let world = World::make(app).await;
    let [replaced, at_once, lost] = [50, 51, 52].map(|seed| document(seed, 2000));
    open_draft(&world, &[&replaced, &at_once, &lost]).await;
    let mut locations = Vec::new();
    for file in [&replaced, &at_once, &lost] {
        locations.push(made(&world, file).await);
        piece(&app.client(), locations.last().expect("one"), 0, &file.bytes[..1999]).send().await.expect(204);
    }
    // The same file has another size now.
    let creation = tus(&world.auditor.client, Method::POST, "/v1/uploads")
        .header("upload-metadata", &metadata(&replaced))
        .header("upload-length", "1500");
    let second = location(&creation.send().await.expect(201));
    assert_ne!(second, locations[0]);
    at_once.upload(&world.auditor).await;
    let reason = json!({"reason": "Telefon läks katki."});
    world.auditor.client.post(&format!("/v1/evidence/{}/lost", lost.id), &reason).ok().await;
    for (location, file) in [(&locations[0], &replaced), (&locations[2], &lost)] {
        piece(&app.client(), location, 1999, &file.bytes[1999..]).problem(410, "upload_gone").await;
    }
    // The one that came otherwise is whole, so its client finds nothing left to send.
    piece(&app.client(), &locations[1], 1999, &at_once.bytes[1999..]).problem(409, "wrong_offset").await;
    assert_eq!(offset_of(app, &locations[1]).await, 2000);
    assert_eq!(app.incoming().await, usize::from(app.bucket().is_none()), "the one that is open");
    piece(&app.client(), &second, 0, &replaced.bytes[..1500]).send().await.expect(204);
    assert_eq!(app.incoming().await, 0);
    expect_stored(&world, &at_once).await;
}

async fn what_the_disk_has_lost_is_begun_anew(app: &TestApp) {
    let world = World::make(app).await;
    let files = [document(60, 2000), document(61, 2000)];
    draft(&world, &files.iter().collect::<Vec<_>>()).await;
    for (file, noted) in files.iter().zip([500, 2000]) {
        let location = made(&world, file).await;
        piece(&app.client(), &location, 0, &file.bytes[..500]).send().await.expect(204);
        app.execute(&format!("UPDATE uploads SET received = {noted} WHERE state = 'open'")).await.expect("an update");
        let folder = std::fs::read_dir(app.data().join("blobs/incoming")).expect("a folder");
        folder.filter_map(Result::ok).for_each(|entry| std::fs::remove_file(entry.path()).expect("a file"));
        piece(&app.client(), &location, 500, &file.bytes[500..]).problem(410, "upload_gone").await;
        let second = made(&world, file).await;
        assert_ne!(second, location);
        assert_eq!(offset_of(app, &second).await, 0);
        piece(&app.client(), &second, 0, &file.bytes).send().await.expect(204);
        expect_stored(&world, file).await;
    }
}

async fn what_is_dropped_counts_for_the_day(app: &TestApp) {
    let world = World::make(app).await;
    let (dropped, stored) = (document(53, 3000), document(54, 1000));
    let visit = draft(&world, &[&dropped, &stored]).await;
    let sent_today = async || {
        let rows = app.query("SELECT bytes FROM upload_days").await;
        rows[0].try_get::<i64>("", "bytes").expect("a number")
    };
    let location = made(&world, &dropped).await;
    piece(&app.client(), &location, 0, &dropped.bytes[..2000]).send().await.expect(204);
    piece(&app.client(), &location, 2000, &dropped.bytes[2000..2999]).send().await.expect(204);
    assert_eq!(sent_today().await, 2999);
    let view = world.auditor.client.get(&format!("/v1/visits/{visit}")).send().await.expect(200);
    let body = filing(view.json()["assignment_id"].as_str().expect("an id"), "draft", &json!({}), &[&stored]);
    world.auditor.client.put(&format!("/v1/visits/{visit}"), &body).if_match(&view.etag()).send().await.expect(200);
    assert_eq!(sent_today().await, 2999);
    stored.upload(&world.auditor).await;
    assert_eq!(sent_today().await, 3999);
    // What is there already can be sent again whatever the day has brought.
    app.execute(&format!("UPDATE upload_days SET bytes = {}", 4_i64 << 30)).await.expect("an update");
    stored.upload(&world.auditor).await;
}

/// The last piece meets whatever else may happen to its file at that moment.
async fn races_at_the_end_leave_nothing_behind(app: &TestApp) {
    let world = World::make(app).await;
    let auditor = &world.auditor.client;
    for round in 0..40 {
        let file = document(6000 + round, 2000);
        let visit = new_id();
        let assignment = world.assign_one().await;
        let body = filing(&assignment, "draft", &json!({}), &[&file]);
        auditor.put(&format!("/v1/visits/{visit}"), &body).if_absent().created().await;
        let location = made(&world, &file).await;
        piece(&app.client(), &location, 0, &file.bytes[..1000]).send().await.expect(204);
        let last = piece(&app.client(), &location, 1000, &file.bytes[1000..]);
        let (last, other) = match round % 5 {
            0 => tokio::join!(last.send(), creation(auditor, &file).send()),
            1 => {
                let body = filing(&assignment, "draft", &json!({}), &[]);
                tokio::join!(last.send(), auditor.put(&format!("/v1/visits/{visit}"), &body).if_match("\"1\"").send())
            }
            2 => {
                let lost = format!("/v1/evidence/{}/lost", file.id);
                tokio::join!(last.send(), auditor.post(&lost, &json!({"reason": "Katki."})).send())
            }
            3 => tokio::join!(last.send(), tus(&app.client(), Method::DELETE, &location).send()),
            _ => {
                let content = format!("/v1/evidence/{}/content", file.id);
                tokio::join!(last.send(), auditor.put_bytes(&content, file.bytes.clone()).send())
            }
        };
        assert!(last.status < 500 && other.status < 500, "{} and {}", last.describe(), other.describe());
        if round % 5 == 0 {
            assert_eq!((last.status, other.status), (204, 201), "{}", other.describe());
        }
    }
    eventually("nothing is open", || async {
        let rows = app.query("SELECT COUNT(*) AS n FROM uploads WHERE state = 'open'").await;
        (rows[0].try_get::<i64>("", "n").expect("a number") == 0).then_some(())
    })
    .await;
    // Every file that lies there is known, if only to the sweep.
    let rows = app.query("SELECT sha256 FROM blobs").await;
    let known: Vec<String> = rows.iter().map(|row| row.try_get("", "sha256").expect("a hash")).collect();
    let mut folders = vec![app.data().join("blobs")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder").filter_map(Result::ok) {
            if entry.file_type().expect("a type").is_dir() {
                folders.push(entry.path());
            } else if !entry.path().parent().is_some_and(|parent| parent.ends_with("incoming")) {
                let name = entry.file_name().into_string().expect("a hash");
                assert!(known.contains(&name), "nobody knows of {name}");
            }
        }
    }
    app.peegel(&["blobs", "verify"]).await.expect(0);
}

async fn bytes_of_day(app: &TestApp) -> i64 {
    let rows = app.query("SELECT bytes FROM upload_days").await;
    rows[0].try_get("", "bytes").expect("a number")
}

async fn what_comes_for_nothing_counts_for_the_day(app: &TestApp) {
    let world = World::make(app).await;
    let [stored, whole] = [1, 2].map(|n| document(250 + n, 40_000));
    draft(&world, &[&stored, &whole]).await;
    stored.upload(&world.auditor).await;
    assert_eq!(bytes_of_day(app).await, 40_000);
    let put = |file: &File, bytes: Vec<u8>| {
        world.auditor.client.put_bytes(&format!("/v1/evidence/{}/content", file.id), bytes)
    };
    put(&stored, stored.bytes.clone()).send().await.expect(200);
    put(&stored, vec![7; 5000]).problem(409, "already_stored").await;
    put(&whole, vec![7; 3000]).problem(422, "differs_from_manifest").await;
    assert_eq!(bytes_of_day(app).await, 88_000);
    let path = format!("/v1/evidence/{}/content", whole.id);
    let request = request("PUT", &path, world.auditor.client.token(), &[], &[8; 30_000]);
    let mut wire = Wire::connect(&app.base()).await.expect("a connection");
    wire.send(&request[..request.len() - 1000]).await;
    wire.leave(Farewell::Fin).await;
    eventually("what broke off is counted", || async { (bytes_of_day(app).await == 117_000).then_some(()) }).await;
    // Whose size is not known yet counts as the manifest says, not as the most that a file may have.
    let many: Vec<_> = (0..24).map(|n| document(260 + n, 5000)).collect();
    draft(&world, &many.iter().collect::<Vec<_>>()).await;
    for file in &many {
        let deferred =
            tus(&world.auditor.client, Method::POST, "/v1/uploads").header("upload-metadata", &metadata(file));
        deferred.header("upload-defer-length", "1").send().await.expect(201);
    }
    app.execute("UPDATE upload_days SET bytes = 4294967297").await.expect("an update");
    put(&stored, stored.bytes.clone()).problem(429, "day_quota").await;
}

async fn another_file_is_not_the_one_that_is_stored(app: &TestApp) {
    let world = World::make(app).await;
    let mut file = document(290, 5000);
    file.entry.as_object_mut().expect("an entry").retain(|name, _| name != "sha256" && name != "bytes");
    draft(&world, &[&file]).await;
    let location = made(&world, &file).await;
    piece(&app.client(), &location, 0, &file.bytes).send().await.expect(204);
    for length in [999, 5001] {
        let other = File { bytes: noise(9, length), ..file.clone() };
        creation(&world.auditor.client, &other).problem(422, "differs_from_manifest").await;
    }
    let again = creation(&world.auditor.client, &file).send().await.expect(201);
    assert_eq!((again.header("location"), again.header("upload-offset")), (location.as_str(), "5000"));
    // A piece beyond the end has no place, however it is sent.
    piece(&app.client(), &location, 5000, &[1; 500]).problem(409, "wrong_offset").await;
    let head = format!(
        "PATCH {location} HTTP/1.1\r\nHost: x\r\nTus-Resumable: 1.0.0\r\nContent-Type: application/offset+octet-stream\r\n\
         Upload-Offset: 5000\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    );
    for (body, status) in [("3\r\nabc\r\n0\r\n\r\n", "409"), ("0\r\n\r\n", "204")] {
        let mut wire = Wire::connect(&app.base()).await.expect("a connection");
        wire.send(format!("{head}{body}").as_bytes()).await;
        let answer = wire.answer().await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{answer}");
    }
}

/// A phone that gave up its upload for a plain `PUT` while the last piece is still being saved.
async fn two_ways_at_once_do_not_wait_for_each_other(app: &TestApp) {
    let world = World::make(app).await;
    let files: Vec<_> = (0..20).map(|n| document(270 + n, 3000)).collect();
    draft(&world, &files.iter().collect::<Vec<_>>()).await;
    for file in &files {
        let location = made(&world, file).await;
        piece(&app.client(), &location, 0, &file.bytes[..1000]).send().await.expect(204);
        let client = app.client();
        let pieces = piece(&client, &location, 1000, &file.bytes[1000..2000]).send();
        let put =
            world.auditor.client.put_bytes(&format!("/v1/evidence/{}/content", file.id), file.bytes.clone()).send();
        let (piece, put) = tokio::join!(pieces, put);
        put.expect(200);
        assert!(matches!(piece.status, 204 | 409 | 410 | 423), "{}", piece.describe());
        expect_stored(&world, file).await;
    }
}

async fn quotas_hold(app: &TestApp) {
    let world = World::make(app).await;
    let files: Vec<_> = (0..3).map(|n| document(300 + n, 1000)).collect();
    draft(&world, &files.iter().collect::<Vec<_>>()).await;
    let location = made(&world, &files[0]).await;
    piece(&app.client(), &location, 0, &files[0].bytes).send().await.expect(204);
    let put = format!("/v1/evidence/{}/content", files[1].id);
    let day: i64 = 4 << 30;
    // One more byte than there is room for today; uploads that are open count.
    for (sent, is_full) in [(day - 2000, false), (day - 1999, true)] {
        app.execute(&format!("UPDATE upload_days SET bytes = {sent}")).await.expect("an update");
        let second = creation(&world.auditor.client, &files[2]).send().await;
        if is_full {
            // The upload that is there goes on; nothing new begins.
            second.expect(201);
            let answer = world.auditor.client.put_bytes(&put, files[1].bytes.clone()).problem(429, "day_quota").await;
            let seconds: u32 = answer.header("retry-after").parse().expect("seconds");
            assert!(seconds <= 86_400);
            creation(&world.auditor.client, &files[1]).problem(429, "day_quota").await;
        } else {
            second.expect(201);
        }
    }
    app.execute("UPDATE upload_days SET bytes = 0").await.expect("an update");
    app.execute(&format!("UPDATE evidence SET bytes = {} WHERE id = {}", (8_i64 << 30) - 999, id(app, &files[0])))
        .await
        .expect("an update");
    creation(&world.auditor.client, &files[1]).problem(413, "visit_full").await;
    world.auditor.client.put_bytes(&put, files[1].bytes.clone()).problem(413, "visit_full").await;
    // Another day, another visit.
    let fresh = document(303, 1000);
    draft(&world, &[&fresh]).await;
    fresh.upload(&world.auditor).await;
    let rows = app.query("SELECT bytes FROM upload_days").await;
    assert_eq!(rows[0].try_get::<i64>("", "bytes").expect("a number"), 1000);
}

async fn a_holder_that_does_not_let_go_is_named(app: &TestApp) {
    let world = World::make(app).await;
    let file = document(400, 1000);
    draft(&world, &[&file]).await;
    let location = made(&world, &file).await;
    piece(&app.client(), &location, 0, &file.bytes[..300]).send().await.expect(204);
    // As another process does that hangs.
    let folder = std::fs::read_dir(app.data().join("blobs/incoming")).expect("the folder of uploads");
    let path = folder.filter_map(Result::ok).next().expect("a file").path();
    let held = std::fs::File::open(&path).expect("a file");
    held.lock().expect("a lock");
    let began = crate::support::now();
    let answer = piece(&app.client(), &location, 300, &file.bytes[300..]).problem(423, "upload_in_use").await;
    let waited = (crate::support::now() - began).num_milliseconds();
    assert!((3000..10_000).contains(&waited), "{waited} ms");
    assert_eq!((answer.header("upload-offset"), answer.header("retry-after")), ("", "1"));
    let head = tus(&app.client(), Method::HEAD, &location).send().await.expect(423);
    assert_eq!(head.header("upload-offset"), "");
    // Whoever asked has left a note for the holder, and it goes with the lock.
    let asking = tokio::spawn({
        let call = tus(&app.client(), Method::HEAD, &location);
        async move { call.send().await.expect(200).header("upload-offset").to_owned() }
    });
    eventually("a note is left", || async { path.with_extension("wanted").exists().then_some(()) }).await;
    drop(held);
    assert_eq!(asking.await.expect("an answer"), "300");
    assert!(!path.with_extension("wanted").exists());
    send_rest(app, &location, &file.bytes).await;
    expect_stored(&world, &file).await;
}

/// Any process with the same folder and database can go on with what another one has begun, also in the middle.
#[tokio::test]
async fn another_server_goes_on() {
    let app = TestApp::start(crate::support::app::Kind::Postgres).await;
    let world = World::make(&app).await;
    let file = document(401, 300_000);
    draft(&world, &[&file]).await;
    let location = made(&world, &file).await;
    let second = app.second_server().await;
    let request = patch(&location, 0, &file.bytes);
    let mut half_dead = Wire::connect(&app.base()).await.expect("a connection");
    half_dead.send(&request[..request.len() - 200_000]).await;
    on_disk(&app, |bytes| bytes == 100_000).await;
    let there = second.client();
    let head = tus(&there, Method::HEAD, &location).send().await.expect(200);
    assert_eq!(head.header("upload-offset"), "100000");
    piece(&there, &location, 100_000, &file.bytes[100_000..200_000]).send().await.expect(204);
    // The first one has let go, and goes on in its turn.
    assert_eq!(offset_of(&app, &location).await, 200_000);
    piece(&app.client(), &location, 200_000, &file.bytes[200_000..]).send().await.expect(204);
    let head = tus(&there, Method::HEAD, &location).send().await.expect(200);
    assert_eq!(head.header("upload-offset"), "300000");
    expect_stored(&world, &file).await;
    drop((half_dead, second));
    app.finish().await;
}

async fn the_largest_file_takes_little_memory(app: &TestApp) {
    let world = World::make(app).await;
    let length = 200 * 1024 * 1024;
    let pattern = noise(500, 1 << 20);
    let file = File::new("document", &[], "large.bin", pattern.repeat(length >> 20));
    draft(&world, &[&file]).await;
    let location = made(&world, &file).await;
    let before = app.peak_memory_bytes().await;
    let began = crate::support::now();
    // Two thirds, then the rest by a server that has seen none of it.
    let cut = length / 3 * 2;
    piece(&app.client(), &location, 0, &file.bytes[..cut]).send().await.expect(204);
    let seconds = (crate::support::now() - began).as_seconds_f64();
    println!("{:?}: {:.0} MB/s", app.kind(), cut as f64 / 1e6 / seconds);
    let grown = app.peak_memory_bytes().await.saturating_sub(before);
    app.stop().await;
    app.serve(&[]).await;
    piece(&app.client(), &location, cut, &file.bytes[cut..]).send().await.expect(204);
    let peak = app.peak_memory_bytes().await;
    println!("{:?}: grown by {} kB, afterwards {} kB in all", app.kind(), grown / 1024, peak / 1024);
    assert!(grown < 48 << 20, "the server grew by {grown} bytes");
    assert!(peak < 128 << 20, "a new server took {peak} bytes");
    expect_stored(&world, &file).await;
}
