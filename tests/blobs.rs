//! Stored files: verified, cleared away when nothing refers to them, and whole when the disk is full.

use std::fs::File as DiskFile;
use std::io::Write;
use std::path::PathBuf;
use std::process::Command;

use reqwest::Method;
use serde_json::json;

use crate::support::app::{Kind, TestApp};
use crate::support::client::Client;
use crate::support::files::sha256;
use crate::support::world::{File, World, filing};
use crate::support::{eventually, new_id, now, on_both, on_buckets};
use crate::uploads::{creation, draft, expect_stored, made, noise, offset_of, piece, tus};

on_both!(
    what_is_missing_or_differs_is_named,
    what_nothing_refers_to_is_removed,
    bytes_that_are_being_removed_wait,
    what_cannot_be_read_is_named_and_passed_over,
    what_no_row_tells_of_is_found,
    other_stores_are_refused,
);

on_buckets!(what_nothing_refers_to_is_removed, bytes_that_are_being_removed_wait, what_no_row_tells_of_is_found);

/// Where a stored file lies; there is one firm.
fn place(app: &TestApp, file: &File) -> PathBuf {
    let blobs = app.data().join("blobs");
    let folders = std::fs::read_dir(&blobs).expect("a folder").filter_map(Result::ok).map(|entry| entry.path());
    let firm = folders.into_iter().find(|path| !path.ends_with("incoming")).expect("the folder of the firm");
    let name = sha256(&file.bytes);
    firm.join(&name[..2]).join(&name[2..4]).join(name)
}

fn document(seed: u64, length: usize) -> File {
    File::new("document", &[], &format!("{seed}.bin"), noise(seed, length))
}

async fn what_is_missing_or_differs_is_named(app: &TestApp) {
    let world = World::make(app).await;
    let files = [document(1, 3000), document(2, 3000), File::front()];
    let visit = draft(&world, &files.iter().collect::<Vec<_>>()).await;
    for file in &files {
        file.upload(&world.auditor).await;
    }
    let views = world.processed(&visit).await;
    // Three files, and the photo without what clients do not see; it is too small for several sizes of it.
    let whole = app.peegel(&["blobs", "verify"]).await.expect(0);
    assert!(whole.text().starts_with("alpha: 4 files of "), "{}", whole.text());
    assert!(whole.text().ends_with(" bytes, 0 missing, 0 differ, 0 unreadable\n"), "{}", whole.text());
    app.peegel(&["blobs", "verify", "--firm", "alpha"]).await.expect(0);
    app.peegel(&["blobs", "verify", "--firm", "nobody"]).await.expect(2);

    let mut changed = files[0].bytes.clone();
    changed[1500] ^= 1;
    std::fs::write(place(app, &files[0]), changed).expect("a file");
    std::fs::remove_file(place(app, &files[1])).expect("a file");
    let preview = format!("/v1/evidence/{}/preview?size=320", files[2].id);
    let preview = world.auditor.client.get(&preview).send().await.expect(200);
    let preview = File { bytes: preview.body, ..files[2].clone() };
    DiskFile::options().write(true).open(place(app, &preview)).and_then(|file| file.set_len(10)).expect("a file");
    let said = app.peegel(&["blobs", "verify"]).await.expect(1);
    for (what, file, of) in
        [("differs", &files[0], ""), ("missing", &files[1], ""), ("differs", &preview, "a preview of ")]
    {
        let line = format!("alpha: {what}: {}, {of}evidence {} of visit {visit}\n", sha256(&file.bytes), file.id);
        assert!(said.text().contains(&line), "{line} in {}", said.text());
    }
    assert!(said.text().ends_with(", 1 missing, 2 differ, 0 unreadable\n"), "{}", said.text());
    assert_eq!(views.len(), 3);
}

async fn what_cannot_be_read_is_named_and_passed_over(app: &TestApp) {
    app.expect_error("Is a directory").await;
    let world = World::make(app).await;
    let mut files = [document(4, 3000), document(5, 3000)];
    draft(&world, &files.each_ref()).await;
    for file in &files {
        file.upload(&world.auditor).await;
    }
    files.sort_by_key(|file| sha256(&file.bytes));
    let [unreadable, missing] = files.each_ref().map(|file| place(app, file));
    std::fs::remove_file(&unreadable).and_then(|()| std::fs::create_dir(&unreadable)).expect("a folder in its place");
    std::fs::remove_file(missing).expect("a file");
    let said = app.peegel(&["blobs", "verify"]).await.expect(1);
    for (what, file) in [("cannot be read", &files[0]), ("missing", &files[1])] {
        assert!(said.text().contains(&format!("alpha: {what}: {}", sha256(&file.bytes))), "{}", said.text());
    }
    assert!(said.text().ends_with(", 1 missing, 0 differ, 1 unreadable\n"), "{}", said.text());
    std::fs::remove_dir(&unreadable).expect("a folder");
}

/// Bytes at a place of which no row tells, as a server leaves them that is killed between the two.
async fn what_no_row_tells_of_is_found(app: &TestApp) {
    let world = World::make(app).await;
    let kept = document(6, 1000);
    draft(&world, &[&kept]).await;
    kept.upload(&world.auditor).await;
    app.stop().await;
    // Which part is looked at follows from the time; another ten minutes may begin meanwhile.
    let slice = u8::try_from((now().timestamp() / 600).rem_euclid(256)).expect("a byte");
    let rows = app.query("SELECT code FROM firms").await;
    assert_eq!(rows.len(), 1);
    for first in [slice, slice.wrapping_add(1)] {
        let name = format!("{first:02x}{}", "ab".repeat(31));
        match app.bucket() {
            Some(bucket) => {
                let names = bucket.names("").await;
                let firm = names[0].split('/').next().expect("the firm").to_owned();
                bucket.put(&format!("{firm}/{}/{}/{name}", &name[..2], &name[2..4]), vec![1; 10]).await;
            }
            None => {
                let firm = place(app, &kept).ancestors().nth(3).expect("the folder of the firm").to_owned();
                let folder = firm.join(&name[..2]).join(&name[2..4]);
                std::fs::create_dir_all(&folder)
                    .and_then(|()| std::fs::write(folder.join(&name), [1; 10]))
                    .expect("a file");
            }
        }
    }
    app.serve(&[]).await;
    let end = "ab".repeat(31);
    let noted = format!("SELECT COUNT(*) AS n FROM blobs WHERE sha256 LIKE '%{end}' AND refs = 0 AND bytes = 10");
    eventually("it is noted", || async {
        (app.query(&noted).await[0].try_get::<i64>("", "n").expect("a number") > 0).then_some(())
    })
    .await;
    assert_eq!(refs(app, &kept).await, Some(1), "what is known stays as it is");
}

async fn what_nothing_refers_to_is_removed(app: &TestApp) {
    let world = World::make(app).await;
    let [dropped, fresh, kept] = [1, 2, 3].map(|seed| document(seed, 1000));
    let files = [&dropped, &fresh, &kept];
    let visit = draft(&world, &files).await;
    for file in files {
        file.upload(&world.auditor).await;
    }
    world.processed(&visit).await;
    let view = world.auditor.client.get(&format!("/v1/visits/{visit}")).send().await.expect(200);
    let assignment = view.json()["assignment_id"].as_str().expect("an id").to_owned();
    let body = filing(&assignment, "draft", &json!({}), &[&kept]);
    world.auditor.client.put(&format!("/v1/visits/{visit}"), &body).if_match(&view.etag()).send().await.expect(200);
    app.stop().await;
    for file in [&dropped, &kept] {
        set(app, file, &format!("created_at = '{}'", ago(chrono::Duration::days(2)))).await;
    }
    app.serve(&[]).await;
    // What was removed is remembered for a while.
    eventually("the bytes are removed", || async { (refs(app, &dropped).await == Some(-2)).then_some(()) }).await;
    assert_eq!((refs(app, &fresh).await, refs(app, &kept).await), (Some(0), Some(1)));
    for (file, is_there) in [(&dropped, false), (&fresh, true), (&kept, true)] {
        assert_eq!(is_stored(app, file).await, is_there, "{}", file.id);
    }
    app.peegel(&["blobs", "verify"]).await.expect(0);
    app.stop().await;
    set(app, &dropped, &format!("created_at = '{}'", ago(chrono::Duration::minutes(11)))).await;
    app.serve(&[]).await;
    eventually("they are forgotten", || async { refs(app, &dropped).await.is_none().then_some(()) }).await;
    // The same bytes may come again.
    let again = File::new("document", &[], "again.bin", dropped.bytes.clone());
    draft(&world, &[&again]).await;
    again.upload(&world.auditor).await;
    expect_stored(&world, &again).await;
}

/// Whatever the store does late, nothing refers to bytes that it was asked to remove.
async fn bytes_that_are_being_removed_wait(app: &TestApp) {
    let world = World::make(app).await;
    let first = document(5, 3000);
    let visit = draft(&world, &[&first]).await;
    first.upload(&world.auditor).await;
    world.processed(&visit).await;
    let [at_once, in_pieces] = ["a.bin", "b.bin"].map(|name| File::new("document", &[], name, first.bytes.clone()));
    draft(&world, &[&at_once, &in_pieces]).await;
    let location = made(&world, &in_pieces).await;
    let client = app.client();
    piece(&client, &location, 0, &first.bytes[..1000]).send().await.expect(204);
    for mark in [-1, -2] {
        set(app, &first, &format!("refs = {mark}")).await;
        let content = format!("/v1/evidence/{}/content", at_once.id);
        let answer = world.auditor.client.put_bytes(&content, first.bytes.clone()).problem(503, "busy").await;
        assert_eq!(answer.header("retry-after"), "60");
        let offset = offset_of_any(&client, &location).await;
        piece(&client, &location, offset, &first.bytes[offset..]).problem(503, "busy").await;
        assert_eq!(offset_of_any(&client, &location).await, 3000, "nothing has to be sent again");
    }
    // They came again while they were marked: the sweep sees that, and lets go of them.
    app.stop().await;
    set(app, &first, &format!("created_at = '{}'", ago(chrono::Duration::minutes(11)))).await;
    app.serve(&[]).await;
    eventually("they can be referred to", || async { refs(app, &first).await.filter(|refs| *refs >= 0) }).await;
    at_once.upload(&world.auditor).await;
    eventually("the other is finished", || async {
        let answer = tus(&app.client(), Method::HEAD, &location).send().await;
        (answer.status == 200).then_some(())
    })
    .await;
    for file in [&at_once, &in_pieces] {
        expect_stored(&world, file).await;
    }
    app.peegel(&["blobs", "verify"]).await.expect(0);
}

/// How far an upload is, whether its file can be finished at this moment or not.
async fn offset_of_any(client: &Client, location: &str) -> usize {
    let answer = tus(client, Method::HEAD, location).send().await;
    match answer.status {
        200 => answer.header("upload-offset").parse().expect("a number"),
        // All is there, and it cannot be finished.
        503 => 3000,
        _ => panic!("{}", answer.describe()),
    }
}

/// A time as the server writes it into SQLite, which compares texts.
pub fn ago(duration: chrono::Duration) -> String {
    let at = chrono::SubsecRound::trunc_subsecs(now() - duration, 6);
    at.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, false)
}

/// Changes the row of stored bytes.
async fn set(app: &TestApp, file: &File, what: &str) {
    let statement = format!("UPDATE blobs SET {what} WHERE sha256 = '{}'", sha256(&file.bytes));
    app.execute(&statement).await.expect("an update");
}

/// How many refer to stored bytes; below none are the marks of the sweep.
async fn refs(app: &TestApp, file: &File) -> Option<i64> {
    let query = format!("SELECT CAST(refs AS BIGINT) AS refs FROM blobs WHERE sha256 = '{}'", sha256(&file.bytes));
    app.query(&query).await.first().map(|row| row.try_get("", "refs").expect("a number"))
}

/// Whether bytes lie in their place.
async fn is_stored(app: &TestApp, file: &File) -> bool {
    let name = sha256(&file.bytes);
    match app.bucket() {
        Some(bucket) => bucket.names("").await.iter().any(|key| key.ends_with(&name)),
        None => place(app, file).exists(),
    }
}

async fn other_stores_are_refused(app: &TestApp) {
    for place in ["gs://bucket/prefix", "s3://", "s3://Bucket/prefix", "s3://bucket/../prefix", "s3://bucket/a//b"] {
        let said = app.peegel(&["blobs", "verify", "--blobs", place]).await.expect(2);
        assert!(said.stderr.contains(place), "{}", said.stderr);
    }
    let folder = format!("file://{}", app.data().join("blobs").display());
    app.peegel(&["blobs", "verify", "--blobs", &folder]).await.expect(0);
}

/// A small disk of its own, until the end of the test.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(folder: PathBuf, size: &str) -> Option<Self> {
        std::fs::create_dir_all(&folder).expect("a folder");
        let size = format!("size={size}");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(&folder).output();
        mounted.is_ok_and(|output| output.status.success()).then_some(Self(folder))
    }

    fn grow(&self) {
        let grown = Command::new("mount").args(["-o", "remount,size=30m"]).arg(&self.0).status().expect("mount runs");
        assert!(grown.success());
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        drop(Command::new("umount").arg("--lazy").arg(&self.0).status());
    }
}

#[tokio::test]
async fn a_full_disk_loses_nothing() {
    for kind in [Kind::Sqlite, Kind::Postgres] {
        let app = TestApp::stopped(kind).await;
        let Some(disk) = SmallDisk::mount(app.folder().join("disk"), "3m") else {
            eprintln!("SKIPPED a_full_disk_loses_nothing: a small disk can only be mounted by root");
            return;
        };
        let blobs = disk.0.to_str().expect("a path").to_owned();
        app.serve(&["--blobs", &blobs]).await;
        let world = World::make(&app).await;
        let (small, large, plain) = (document(1, 500_000), document(2, 6_000_000), document(3, 5_000_000));
        draft(&world, &[&small, &large, &plain]).await;
        small.upload(&world.auditor).await;
        let put = |client: &Client, file: &File| {
            client.put_bytes(&format!("/v1/evidence/{}/content", file.id), file.bytes.clone())
        };
        put(&world.auditor.client, &plain).problem(507, "storage_full").await;
        let made = creation(&world.auditor.client, &large).send().await.expect(201);
        let location = made.header("location").to_owned();
        piece(&app.client(), &location, 0, &large.bytes).problem(507, "storage_full").await;
        let told = offset_of(&app, &location).await;
        assert!(told > 0 && told < 3_000_000, "{told}");
        piece(&app.client(), &location, told, &large.bytes[told..]).problem(507, "storage_full").await;
        // What is stored is whole, and what had arrived goes on when there is room.
        let content = world.auditor.client.get(&format!("/v1/evidence/{}/content", small.id)).send().await.expect(200);
        assert!(content.body == small.bytes);
        disk.grow();
        let told = offset_of(&app, &location).await;
        piece(&app.client(), &location, told, &large.bytes[told..]).send().await.expect(204);
        put(&world.auditor.client, &plain).send().await.expect(200);
        for file in [&small, &large, &plain] {
            let content = world.auditor.client.get(&format!("/v1/evidence/{}/content", file.id)).send().await;
            assert!(content.expect(200).body == file.bytes, "{} differs", file.id);
        }
        app.peegel(&["blobs", "verify", "--blobs", &blobs]).await.expect(0);
        tus(&app.client(), Method::HEAD, &location).send().await.expect(200);
        app.stop().await;
    }
}

/// SQLite ends a transaction by itself when the disk is full. Nothing may be acknowledged after that which is not kept.
#[tokio::test]
async fn a_full_database_acknowledges_nothing() {
    let app = TestApp::stopped(Kind::Sqlite).await;
    app.expect_error("storage full").await;
    // A job may end while there is no room to note it; it runs again then.
    app.expect_error("storage_full").await;
    let Some(disk) = SmallDisk::mount(app.data(), "12m") else {
        eprintln!("SKIPPED a_full_database_acknowledges_nothing: a small disk can only be mounted by root");
        return;
    };
    app.serve(&[]).await;
    let world = World::make(&app).await;
    let assignments = world.assign(0, 6).await;
    let client = &world.auditor.client;
    let put = |id: &str, n: usize| {
        let body = filing(&assignments[n], "draft", &json!({"why": {"v": "a".repeat(4000)}}), &[]);
        client.put(&format!("/v1/visits/{id}"), &body).if_absent()
    };
    let first = new_id();
    put(&first, 0).created().await;
    let filler = disk.0.join("filler");
    let mut fill = DiskFile::create(&filler).expect("a file");
    while fill.write_all(&[0; 4096]).is_ok() {}
    drop(fill);
    let refused = new_id();
    put(&refused, 1).problem(507, "storage_full").await;
    client.get(&format!("/v1/visits/{refused}")).problem(404, "not_found").await;
    std::fs::remove_file(&filler).expect("room");
    // A replay changes nothing and ends in a rollback; what comes after it has to be kept all the same.
    put(&first, 0).created().await;
    let mut kept = vec![(first, 0)];
    for n in 1..4 {
        let id = new_id();
        put(&id, n).created().await;
        client.get(&format!("/v1/visits/{id}")).ok().await;
        kept.push((id, n));
    }
    app.kill().await;
    app.serve(&[]).await;
    for (id, _) in &kept {
        client.get(&format!("/v1/visits/{id}")).ok().await;
    }
    app.peegel(&["audit", "verify"]).await.expect(0);
    app.finish().await;
    drop(disk);
}
