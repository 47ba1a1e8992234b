//! Files in a bucket of an S3-compatible store: in parts and tails, from one server to the next, and when the store or a
//! server fails. What holds for every store is tested where the store does not matter (`on_buckets`).

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::app::{Kind, TestApp};
use crate::support::bucket::TestBucket;
use crate::support::client::Client;
use crate::support::files::sha256;
use crate::support::wire::{Farewell, Wire, request};
use crate::support::world::{File, World, filing};
use crate::support::{Dice, eventually, on_buckets};
use crate::uploads::{
    document, draft, expect_stored, made, offset_of, patch, piece, send_rest, sha256_checksum, state_of,
};

on_buckets!(
    large_files_come_in_parts_and_tails,
    a_checksum_counts_across_parts,
    a_broken_connection_keeps_what_arrived,
    a_stopping_server_keeps_what_arrived,
    a_killed_server_loses_little,
    a_server_killed_at_any_moment_loses_no_file,
    a_store_that_fails_loses_nothing,
    what_is_missing_or_differs_is_named,
    what_nobody_knows_of_is_removed,
    parts_that_count_for_nothing_are_aborted,
    what_the_store_has_lost_is_begun_anew,
    slow_phones_make_way,
    slow_phones_that_check_make_way,
    slow_files_take_no_place_of_small_ones,
    a_tail_that_is_another_is_noticed,
    a_large_file_may_come_at_once,
);

/// What the store takes as one part.
const PART: usize = 5 * 1024 * 1024;

fn bucket(app: &TestApp) -> &TestBucket {
    app.bucket().expect("a bucket")
}

/// The name of the object of a stored file; there is one firm.
async fn place(app: &TestApp, file: &File) -> String {
    let name = sha256(&file.bytes);
    let end = format!("/{}/{}/{name}", &name[..2], &name[2..4]);
    let names = bucket(app).names("").await;
    names.into_iter().find(|name| name.ends_with(&end)).expect("the object of the file")
}

/// Waits until some request works on an upload, and has read what was sent to it.
async fn held(app: &TestApp) {
    eventually("somebody works on an upload", || async {
        let rows = app.query("SELECT COUNT(*) AS n FROM uploads WHERE holder IS NOT NULL").await;
        (rows[0].try_get::<i64>("", "n").expect("a number") == 1).then_some(())
    })
    .await;
    tokio::time::sleep(Duration::from_millis(700)).await;
}

/// Sends the head of a piece and so many of its bytes, and no more.
async fn begin_piece(base: &str, location: &str, offset: usize, file: &File, bytes: usize) -> Wire {
    let request = patch(location, offset, &file.bytes[offset..]);
    let mut wire = Wire::connect(base).await.expect("a connection");
    wire.send(&request[..request.len() - (file.bytes.len() - offset) + bytes]).await;
    wire
}

/// Sends the head of a first piece with its checksum and so many of its bytes, and no more.
async fn begin_checked(app: &TestApp, location: &str, piece: &[u8], bytes: usize) -> Wire {
    let head = String::from_utf8(patch(location, 0, &[])).expect("a head without a body");
    let (length, sum) = (piece.len(), sha256_checksum(piece));
    let more = format!("Content-Length: {length}\r\nUpload-Checksum: {sum}\r\nConnection: close\r\n");
    let mut wire = Wire::connect(&app.base()).await.expect("a connection");
    wire.send(head.replace("Content-Length: 0\r\n", &more).as_bytes()).await;
    wire.send(&piece[..bytes]).await;
    wire
}

/// How far an upload is, asked as often as clients do while a dead server still holds it.
async fn patient_offset(client: &Client, location: &str) -> usize {
    eventually("the upload is free", || async {
        let answer = crate::uploads::tus(client, Method::HEAD, location).send().await;
        assert!(matches!(answer.status, 200 | 423), "{}", answer.describe());
        (answer.status == 200).then(|| answer.header("upload-offset").parse().expect("a number"))
    })
    .await
}

async fn large_files_come_in_parts_and_tails(app: &TestApp) {
    let world = World::make(app).await;
    let (file, small) = (document(1, 2 * PART + 1_234_567), document(2, 5000));
    draft(&world, &[&file, &small]).await;
    let location = made(&world, &file).await;
    let sizes = [3_000_000, 1, 0, PART, 999_999].into_iter().chain(std::iter::repeat_n(10, 40));
    let mut offset = 0;
    for size in sizes.chain([usize::MAX]) {
        let size = size.min(file.bytes.len() - offset);
        let answer = piece(&app.client(), &location, offset, &file.bytes[offset..offset + size]).send().await;
        offset += size;
        assert_eq!(answer.expect(204).header("upload-offset"), offset.to_string());
        if offset < file.bytes.len() {
            assert_eq!(offset_of(app, &location).await, offset);
            assert!(bucket(app).names("incoming").await.len() <= 33, "small objects are put together");
        }
    }
    expect_stored(&world, &file).await;
    assert_eq!(app.incoming().await, 0);
    assert_eq!(bucket(app).get(&place(app, &file).await).await, file.bytes);
    // One that is smaller than a part, in pieces.
    let location = made(&world, &small).await;
    for (n, bytes) in small.bytes.chunks(700).enumerate() {
        piece(&app.client(), &location, n * 700, bytes).send().await.expect(204);
    }
    expect_stored(&world, &small).await;
    assert_eq!(app.incoming().await, 0);
    app.peegel(&["blobs", "verify"]).await.expect(0);
}

async fn a_checksum_counts_across_parts(app: &TestApp) {
    let world = World::make(app).await;
    let file = document(3, 2 * PART + 50_000);
    draft(&world, &[&file]).await;
    let location = made(&world, &file).await;
    let (first, second) = file.bytes.split_at(PART - 1000);
    let checked =
        |offset, bytes: &[u8], sum: &str| piece(&app.client(), &location, offset, bytes).header("upload-checksum", sum);
    checked(0, first, &sha256_checksum(first)).send().await.expect(204);
    // Parts of it are in the store already when it turns out to be wrong.
    let mut wrong = second.to_vec();
    *wrong.last_mut().expect("a byte") ^= 1;
    let answer = checked(first.len(), &wrong, &sha256_checksum(second)).problem(460, "checksum_mismatch").await;
    assert_eq!(answer.header("upload-offset"), first.len().to_string());
    assert_eq!(offset_of(app, &location).await, first.len());
    checked(first.len(), second, &sha256_checksum(second)).send().await.expect(204);
    expect_stored(&world, &file).await;
    assert_eq!(app.incoming().await, 0);
}

async fn a_broken_connection_keeps_what_arrived(app: &TestApp) {
    let world = World::make(app).await;
    let file = document(4, 2 * PART);
    draft(&world, &[&file]).await;
    let location = made(&world, &file).await;
    let mut offset = 0;
    for (sent, farewell) in [(200_000, Farewell::Fin), (PART + 3, Farewell::Rst), (70_000, Farewell::Rst)] {
        let wire = begin_piece(&app.base(), &location, offset, &file, sent).await;
        held(app).await;
        wire.leave(farewell).await;
        let told = offset_of(app, &location).await;
        assert_eq!(told, offset + sent);
        offset = told;
    }
    // Nobody has told the server that this one is dead; whoever asks gets what it brought.
    let _half_dead = begin_piece(&app.base(), &location, offset, &file, 80_000).await;
    held(app).await;
    assert_eq!(offset_of(app, &location).await, offset + 80_000);
    send_rest(app, &location, &file.bytes).await;
    expect_stored(&world, &file).await;
}

async fn a_stopping_server_keeps_what_arrived(app: &TestApp) {
    let world = World::make(app).await;
    let file = document(5, PART + 100_000);
    draft(&world, &[&file]).await;
    let location = made(&world, &file).await;
    let wire = begin_piece(&app.base(), &location, 0, &file, 1_500_000).await;
    held(app).await;
    app.stop().await;
    assert!(wire.answer().await.starts_with("HTTP/1.1 503 "));
    app.serve(&[]).await;
    assert_eq!(patient_offset(&app.client(), &location).await, 1_500_000);
    send_rest(app, &location, &file.bytes).await;
    expect_stored(&world, &file).await;
}

async fn a_killed_server_loses_little(app: &TestApp) {
    let world = World::make(app).await;
    let file = document(6, 3 * PART);
    draft(&world, &[&file]).await;
    let location = made(&world, &file).await;
    piece(&app.client(), &location, 0, &file.bytes[..70_000]).send().await.expect(204);
    let wire = begin_piece(&app.base(), &location, 70_000, &file, 2 * PART).await;
    eventually("two parts are noted", || async {
        let rows = app.query("SELECT received FROM uploads").await;
        (rows[0].try_get::<i64>("", "received").expect("a number") == 2 * PART as i64).then_some(())
    })
    .await;
    app.kill().await;
    drop(wire);
    app.serve(&[]).await;
    // The dead server's turn lapses after some seconds, in which clients of tus are told to try again.
    assert_eq!(patient_offset(&app.client(), &location).await, 2 * PART);
    send_rest(app, &location, &file.bytes).await;
    expect_stored(&world, &file).await;
    assert_eq!(app.incoming().await, 0);
}

async fn a_server_killed_at_any_moment_loses_no_file(app: &TestApp) {
    let world = World::make(app).await;
    let mut dice = Dice(7);
    for n in 0..6 {
        let file = document(700 + n, PART + 200_000);
        let visit = draft(&world, &[&file]).await;
        let location = made(&world, &file).await;
        let sending = {
            let call = piece(&app.client(), &location, 0, &file.bytes);
            tokio::spawn(async move { call.try_send().await.map(|answer| answer.status) })
        };
        tokio::time::sleep(Duration::from_millis(20 + dice.below(400) as u64)).await;
        app.kill().await;
        let answered = sending.await.expect("a request");
        app.serve(&[]).await;
        if answered == Some(204) {
            expect_stored(&world, &file).await;
            continue;
        }
        if state_of(&world, &visit, &file).await["state"] == "uploading" {
            let offset = patient_offset(&app.client(), &location).await;
            if offset < file.bytes.len() {
                piece(&app.client(), &location, offset, &file.bytes[offset..]).send().await.expect(204);
            }
        }
        expect_stored(&world, &file).await;
    }
    // What a server left that was killed while it cleared away is swept.
    app.stop().await;
    for name in bucket(app).names("incoming").await {
        bucket(app).age(&name, 1).await;
    }
    app.serve(&[]).await;
    eventually("nothing lies about", || async { (app.incoming().await == 0).then_some(()) }).await;
    app.peegel(&["blobs", "verify"]).await.expect(0);
}

async fn a_store_that_fails_loses_nothing(app: &TestApp) {
    let world = World::make(app).await;
    let (file, other) = (document(8, 20_000), document(9, 20_000));
    let visit = draft(&world, &[&file, &other]).await;
    let location = made(&world, &file).await;
    piece(&app.client(), &location, 0, &file.bytes[..5000]).send().await.expect(204);
    // Once is not worth a word.
    bucket(app).fail(1, 503).await;
    piece(&app.client(), &location, 5000, &file.bytes[5000..7000]).send().await.expect(204);
    // Nor does a 404 of somebody in between mean that anything is lost.
    bucket(app).fail(1, 404).await;
    piece(&app.client(), &location, 7000, &file.bytes[7000..8000]).problem(503, "storage_unavailable").await;
    assert_eq!(offset_of(app, &location).await, 7000);
    bucket(app).fail(1_000_000, 503).await;
    let answer = piece(&app.client(), &location, 7000, &file.bytes[7000..]).problem(503, "storage_unavailable").await;
    assert_eq!(answer.header("retry-after"), "5");
    assert_eq!(offset_of(app, &location).await, 7000, "what is known needs no store");
    let content = format!("/v1/evidence/{}/content", other.id);
    world
        .auditor
        .client
        .call(Method::PUT, &content)
        .bytes(other.bytes.clone())
        .problem(503, "storage_unavailable")
        .await;
    app.client().get("/readyz").problem(503, "not_ready").await;
    for file in [&file, &other] {
        assert!(matches!(state_of(&world, &visit, file).await["state"].as_str(), Some("declared" | "uploading")));
    }
    bucket(app).fail(0, 503).await;
    app.client().get("/readyz").ok().await;
    send_rest(app, &location, &file.bytes).await;
    other.upload(&world.auditor).await;
    for file in [&file, &other] {
        expect_stored(&world, file).await;
    }
}

async fn what_is_missing_or_differs_is_named(app: &TestApp) {
    let world = World::make(app).await;
    let files = [document(10, 3000), document(11, 3000), File::front()];
    let visit = draft(&world, &files.iter().collect::<Vec<_>>()).await;
    for file in &files {
        file.upload(&world.auditor).await;
    }
    world.processed(&visit).await;
    let whole = app.peegel(&["blobs", "verify"]).await.expect(0);
    assert!(whole.text().starts_with("alpha: 4 files of "), "{}", whole.text());
    let mut changed = files[0].bytes.clone();
    changed[1500] ^= 1;
    let names = [place(app, &files[0]).await, place(app, &files[1]).await];
    bucket(app).put(&names[0], changed).await;
    bucket(app).delete(&names[1]).await;
    let said = app.peegel(&["blobs", "verify"]).await.expect(1);
    for (what, file) in [("differs", &files[0]), ("missing", &files[1])] {
        let line = format!("alpha: {what}: {}, evidence {} of visit {visit}\n", sha256(&file.bytes), file.id);
        assert!(said.text().contains(&line), "{line} in {}", said.text());
    }
    assert!(said.text().ends_with(", 1 missing, 1 differ, 0 unreadable\n"), "{}", said.text());
    let doctor = app.peegel(&["doctor"]).await;
    assert!(doctor.text().contains("ok   files: the bucket"), "{}", doctor.text());
    let nowhere = app.peegel(&["doctor", "--blobs", "s3://peegel-nowhere"]).await.expect(1);
    assert!(nowhere.text().contains("fail files: the bucket peegel-nowhere cannot be used"), "{}", nowhere.text());
}

async fn what_nobody_knows_of_is_removed(app: &TestApp) {
    app.stop().await;
    let [old, new] = [(); 2].map(|()| format!("incoming/{}/000000000000-x", crate::support::new_id()));
    for name in [&old, &new] {
        bucket(app).put(name, vec![1]).await;
    }
    bucket(app).age(&old, 1).await;
    app.serve(&[]).await;
    eventually("it is removed", || async { (!bucket(app).names("").await.contains(&old)).then_some(()) }).await;
    assert!(bucket(app).names("").await.contains(&new), "its row may be on the way");
}

/// Parts of which no row tells cost money for ever.
async fn parts_that_count_for_nothing_are_aborted(app: &TestApp) {
    let world = World::make(app).await;
    let (file, dropped) = (document(50, 3 * PART), document(51, 2 * PART));
    let visit = draft(&world, &[&file, &dropped]).await;
    let location = made(&world, &file).await;
    let wrong = sha256_checksum(b"other");
    let answer = piece(&app.client(), &location, 0, &file.bytes[..PART + 10]).header("upload-checksum", &wrong);
    answer.problem(460, "checksum_mismatch").await;
    assert_eq!(bucket(app).unfinished().await, 0);
    let rows = app.query("SELECT bytes FROM upload_days").await;
    assert_eq!(rows[0].try_get::<i64>("", "bytes").expect("a number"), PART as i64 + 10, "it counts for the day");
    // One that is given up, and one whose file a draft no longer names.
    piece(&app.client(), &location, 0, &file.bytes[..PART + 10]).send().await.expect(204);
    let other = made(&world, &dropped).await;
    piece(&app.client(), &other, 0, &dropped.bytes[..PART + 10]).send().await.expect(204);
    assert_eq!(bucket(app).unfinished().await, 2);
    crate::uploads::tus(&app.client(), Method::DELETE, &location).send().await.expect(204);
    assert_eq!(bucket(app).unfinished().await, 1);
    let view = world.auditor.client.get(&format!("/v1/visits/{visit}")).send().await.expect(200);
    let body = filing(view.json()["assignment_id"].as_str().expect("an id"), "draft", &json!({}), &[&file]);
    world.auditor.client.put(&format!("/v1/visits/{visit}"), &body).if_match(&view.etag()).send().await.expect(200);
    piece(&app.client(), &other, PART + 10, &dropped.bytes[PART + 10..]).problem(410, "upload_gone").await;
    app.stop().await;
    app.serve(&[]).await;
    eventually("its parts are aborted", || async { (bucket(app).unfinished().await == 0).then_some(()) }).await;
    eventually("and its tail", || async { (app.incoming().await == 0).then_some(()) }).await;
}

async fn what_the_store_has_lost_is_begun_anew(app: &TestApp) {
    let world = World::make(app).await;
    let (file, small) = (document(52, 2 * PART), document(53, 5000));
    draft(&world, &[&file, &small]).await;
    let (location, other) = (made(&world, &file).await, made(&world, &small).await);
    piece(&app.client(), &location, 0, &file.bytes[..PART + 10]).send().await.expect(204);
    piece(&app.client(), &other, 0, &small.bytes[..10]).send().await.expect(204);
    // As a rule of the bucket does that is shorter than an upload, and somebody who tidies up.
    bucket(app).abort_all().await;
    for name in bucket(app).names("incoming").await {
        bucket(app).delete(&name).await;
    }
    piece(&app.client(), &location, PART + 10, &file.bytes[PART + 10..]).problem(410, "upload_gone").await;
    piece(&app.client(), &other, 10, &small.bytes[10..]).problem(410, "upload_gone").await;
    for file in [&file, &small] {
        let location = made(&world, file).await;
        assert_eq!(offset_of(app, &location).await, 0);
        piece(&app.client(), &location, 0, &file.bytes).send().await.expect(204);
        expect_stored(&world, file).await;
    }
}

/// A server that was held up between its turn and its first write changes nothing of what another one has acknowledged.
#[tokio::test]
async fn a_late_server_overwrites_nothing() {
    let app = TestApp::start_on_bucket(Kind::Postgres).await;
    let world = World::make(&app).await;
    let file = document(60, 100_000);
    draft(&world, &[&file]).await;
    let location = made(&world, &file).await;
    let elsewhere = app.server_elsewhere().await;
    let there = elsewhere.client();
    let (last, first) = file.bytes[..10_000].split_last().expect("bytes");
    let mut wire = begin_checked(&app, &location, &file.bytes[..10_000], first.len()).await;
    eventually("the first has its turn", || async {
        let rows = app.query("SELECT COUNT(*) AS n FROM uploads WHERE holder IS NOT NULL").await;
        (rows[0].try_get::<i64>("", "n").expect("a number") == 1).then_some(())
    })
    .await;
    // Wherever it is, but not where the database would wait for it.
    loop {
        app.signal("STOP").await;
        let waiting = "SELECT COUNT(*) AS n FROM pg_stat_activity WHERE datname = current_database() \
                       AND (state LIKE 'idle in transaction%' OR state = 'active') AND pid <> pg_backend_pid()";
        if app.query(waiting).await[0].try_get::<i64>("", "n").expect("a number") == 0 {
            break;
        }
        app.signal("CONT").await;
        tokio::time::sleep(Duration::from_millis(3)).await;
    }
    // What it waits for comes while it can do nothing.
    wire.send(&[*last]).await;
    assert!(patient_offset(&there, &location).await <= 10_000);
    let offset = patient_offset(&there, &location).await;
    piece(&there, &location, offset, &file.bytes[offset..70_000]).send().await.expect(204);
    app.signal("CONT").await;
    let late = wire.answer().await;
    assert!(["204", "423", "409"].iter().any(|status| late.starts_with(&format!("HTTP/1.1 {status}"))), "{late}");
    assert_eq!(offset_of(&app, &location).await, 70_000);
    send_rest(&app, &location, &file.bytes).await;
    expect_stored(&world, &file).await;
    drop(elsewhere);
    app.finish().await;
}

/// Asserts that a file comes through while 48 uploads hold all places.
async fn expect_way_is_made(app: &TestApp, world: &World, file: &File) {
    eventually("all hold theirs", || async {
        let rows = app.query("SELECT COUNT(*) AS n FROM uploads WHERE holder IS NOT NULL").await;
        (rows[0].try_get::<i64>("", "n").expect("a number") == 48).then_some(())
    })
    .await;
    let location = made(world, file).await;
    piece(&app.client(), &location, 0, &file.bytes).send().await.expect(204);
    expect_stored(world, file).await;
}

async fn slow_phones_make_way(app: &TestApp) {
    let world = World::make(app).await;
    let files: Vec<_> = (0..50).map(|n| document(600 + n, 3000)).collect();
    draft(&world, &files.iter().collect::<Vec<_>>()).await;
    let mut slow = Vec::new();
    for file in &files[..48] {
        let location = made(&world, file).await;
        slow.push((begin_piece(&app.base(), &location, 0, file, 100).await, location));
    }
    expect_way_is_made(app, &world, &files[48]).await;
    files[49].upload(&world.auditor).await;
    // What they had sent is kept, and they go on.
    for ((wire, location), file) in slow.into_iter().zip(&files).take(3) {
        drop(wire);
        assert_eq!(offset_of(app, &location).await, 100);
        send_rest(app, &location, &file.bytes).await;
        expect_stored(&world, file).await;
    }
}

/// Pieces with a checksum count for nothing until they are compared, and make way all the same.
async fn slow_phones_that_check_make_way(app: &TestApp) {
    let world = World::make(app).await;
    let files: Vec<_> = (0..50).map(|n| document(660 + n, 3000)).collect();
    draft(&world, &files.iter().collect::<Vec<_>>()).await;
    let mut slow = Vec::new();
    for file in &files[..48] {
        let location = made(&world, file).await;
        slow.push((begin_checked(app, &location, &file.bytes, 100).await, location));
    }
    expect_way_is_made(app, &world, &files[48]).await;
    let mut slow = slow.into_iter().zip(&files);
    // One comes to its end and agrees, one to another end and does not, one breaks off.
    let ((mut wire, _), file) = slow.next().expect("one");
    wire.send(&file.bytes[100..]).await;
    eventually("it is whole", || async {
        let answer = world.auditor.client.get(&format!("/v1/evidence/{}/content", file.id)).send().await;
        (answer.status == 200 && answer.body == file.bytes).then_some(())
    })
    .await;
    let ((mut wire, location), file) = slow.next().expect("one");
    wire.send(&vec![0; 2900]).await;
    assert_eq!(patient_offset(&app.client(), &location).await, 0);
    send_rest(app, &location, &file.bytes).await;
    expect_stored(&world, file).await;
    let ((wire, location), file) = slow.next().expect("one");
    drop(wire);
    assert_eq!(patient_offset(&app.client(), &location).await, 0);
    send_rest(app, &location, &file.bytes).await;
    expect_stored(&world, file).await;
}

async fn slow_files_take_no_place_of_small_ones(app: &TestApp) {
    let world = World::make(app).await;
    let files: Vec<_> = (0..18).map(|n| document(720 + n, 60_000)).collect();
    draft(&world, &files.iter().collect::<Vec<_>>()).await;
    let mut slow = Vec::new();
    for file in &files[..17] {
        let path = format!("/v1/evidence/{}/content", file.id);
        let request = request("PUT", &path, world.auditor.client.token(), &[], &file.bytes);
        let mut wire = Wire::connect(&app.base()).await.expect("a connection");
        wire.send(&request[..request.len() - 1000]).await;
        slow.push(wire);
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    files[17].upload(&world.auditor).await;
    expect_stored(&world, &files[17]).await;
}

async fn a_tail_that_is_another_is_noticed(app: &TestApp) {
    let world = World::make(app).await;
    for (seed, other) in [(740, vec![7; 1000]), (741, vec![7; 500])] {
        let file = document(seed, 3000);
        draft(&world, &[&file]).await;
        let location = made(&world, &file).await;
        piece(&app.client(), &location, 0, &file.bytes[..1000]).send().await.expect(204);
        let names = bucket(app).names("incoming").await;
        assert_eq!(names.len(), 1);
        bucket(app).put(&names[0], other).await;
        piece(&app.client(), &location, 1000, &file.bytes[1000..]).problem(410, "upload_gone").await;
        let location = made(&world, &file).await;
        send_rest(app, &location, &file.bytes).await;
        expect_stored(&world, &file).await;
    }
}

async fn a_large_file_may_come_at_once(app: &TestApp) {
    let world = World::make(app).await;
    let (file, exact, wrong) = (document(30, 3 * PART + 17), document(31, PART), document(32, PART + 1));
    let visit = draft(&world, &[&file, &exact, &wrong]).await;
    for file in [&file, &exact] {
        file.upload(&world.auditor).await;
        expect_stored(&world, file).await;
    }
    let content = format!("/v1/evidence/{}/content", wrong.id);
    let mut bytes = wrong.bytes.clone();
    bytes[PART] ^= 1;
    world.auditor.client.call(Method::PUT, &content).bytes(bytes).problem(422, "differs_from_manifest").await;
    assert_eq!(state_of(&world, &visit, &wrong).await["problem_code"], Value::from("differs_from_manifest"));
    let part = world.auditor.client.get(&format!("/v1/evidence/{}/content", file.id));
    let part = part.header("range", "bytes=5242870-5242890").send().await.expect(206);
    assert_eq!(part.body, file.bytes[5_242_870..=5_242_890]);
    eventually("nothing lies about", || async { (app.incoming().await == 0).then_some(()) }).await;
}

/// Servers that share nothing but the database, the bucket and the keys go on with what another one has begun, also in the
/// middle, and also when that is killed.
#[tokio::test]
async fn another_server_elsewhere_goes_on() {
    let app = TestApp::start_on_bucket(Kind::Postgres).await;
    let world = World::make(&app).await;
    let file = document(40, 3 * PART + 1000);
    draft(&world, &[&file]).await;
    let location = made(&world, &file).await;
    let elsewhere = app.server_elsewhere().await;
    let there = elsewhere.client();
    let _half_dead = begin_piece(&app.base(), &location, 0, &file, PART + 100_000).await;
    held(&app).await;
    let head = crate::uploads::tus(&there, Method::HEAD, &location).send().await.expect(200);
    assert_eq!(head.header("upload-offset"), (PART + 100_000).to_string());
    let mut offset = PART + 100_000;
    for client in [&there, &app.client(), &there] {
        piece(client, &location, offset, &file.bytes[offset..offset + 100_000]).send().await.expect(204);
        offset += 100_000;
    }
    let _lost = begin_piece(&app.base(), &location, offset, &file, PART).await;
    eventually("a part more is noted", || async {
        let rows = app.query("SELECT received FROM uploads").await;
        (rows[0].try_get::<i64>("", "received").expect("a number") == 2 * PART as i64).then_some(())
    })
    .await;
    app.kill().await;
    assert_eq!(patient_offset(&there, &location).await, 2 * PART);
    piece(&there, &location, 2 * PART, &file.bytes[2 * PART..]).send().await.expect(204);
    app.serve(&[]).await;
    expect_stored(&world, &file).await;
    assert_eq!(app.incoming().await, 0);
    drop(elsewhere);
    app.finish().await;
}
