//! Stored files: verified, cleared away when nothing refers to them, and whole when the disk is full.

use std::fs::File as DiskFile;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, SystemTime};

use reqwest::Method;
use serde_json::json;

use crate::support::app::{Kind, TestApp};
use crate::support::client::Client;
use crate::support::files::sha256;
use crate::support::world::{File, World, filing};
use crate::support::{eventually, now, on_both};
use crate::uploads::{creation, draft, made, noise, offset_of, piece, tus};

on_both!(
    what_is_missing_or_differs_is_named,
    what_nothing_refers_to_is_removed,
    what_took_days_has_just_come,
    other_stores_are_refused,
);

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
    assert!(whole.text().ends_with(" bytes, 0 missing, 0 differ\n"), "{}", whole.text());
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
    assert!(said.text().ends_with(", 1 missing, 2 differ\n"), "{}", said.text());
    assert_eq!(views.len(), 3);
}

async fn what_nothing_refers_to_is_removed(app: &TestApp) {
    let world = World::make(app).await;
    let [dropped, fresh, arriving, kept] = [1, 2, 3, 4].map(|seed| document(seed, 1000));
    let files = [&dropped, &fresh, &arriving, &kept];
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
    // One was stored two days ago. Another's bytes came again just now, and their row is on the way.
    let long_ago = (now() - chrono::Duration::days(2)).to_rfc3339_opts(chrono::SecondsFormat::Micros, true);
    for file in [&dropped, &arriving, &kept] {
        let statement = format!("UPDATE blobs SET created_at = '{long_ago}' WHERE sha256 = '{}'", sha256(&file.bytes));
        app.execute(&statement).await.expect("an update");
    }
    let before = SystemTime::from(now()) - Duration::from_secs(2 * 24 * 3600);
    for file in [&dropped, &kept] {
        let opened = DiskFile::options().write(true).open(place(app, file)).expect("a file");
        opened.set_modified(before).expect("a file with a time");
    }
    app.serve(&[]).await;
    eventually("the file is removed", || async { (!place(app, &dropped).exists()).then_some(()) }).await;
    for file in [&fresh, &arriving, &kept] {
        assert!(place(app, file).exists(), "{}", file.id);
    }
    let rows = app.query("SELECT COUNT(*) AS n FROM blobs WHERE refs >= 0").await;
    assert_eq!(rows[0].try_get::<i64>("", "n").expect("a number"), 3);
    app.peegel(&["blobs", "verify"]).await.expect(0);
    // The same bytes may come again.
    let again = File::new("document", &[], "again.bin", dropped.bytes.clone());
    draft(&world, &[&again]).await;
    again.upload(&world.auditor).await;
    assert!(place(app, &again).exists());
}

/// The sweep knows by its time that a file has just come to its place, however long it was on its way.
async fn what_took_days_has_just_come(app: &TestApp) {
    let world = World::make(app).await;
    let file = document(5, 3000);
    draft(&world, &[&file]).await;
    let location = made(&world, &file).await;
    piece(&app.client(), &location, 0, &file.bytes[..2999]).send().await.expect(204);
    let arriving = app.data().join("blobs/incoming");
    let arriving =
        std::fs::read_dir(&arriving).expect("a folder").filter_map(Result::ok).next().expect("a file").path();
    let before = SystemTime::from(now()) - Duration::from_secs(3 * 24 * 3600);
    app.stop().await;
    let opened = DiskFile::options().append(true).open(&arriving).expect("a file");
    std::io::Write::write_all(&mut (&opened), &file.bytes[2999..]).expect("the last byte");
    opened.set_modified(before).expect("a file with a time");
    app.serve(&[]).await;
    // Whole already when the phone comes back.
    assert_eq!(offset_of(app, &location).await, 3000);
    let stored = place(app, &file);
    let age = SystemTime::from(now()).duration_since(stored.metadata().and_then(|m| m.modified()).expect("a time"));
    assert!(age.is_ok_and(|age| age < Duration::from_secs(600)), "it looks as old as its last byte");
    // A server that was killed while it removed something has it back when it starts.
    app.stop().await;
    let firm = stored.ancestors().nth(3).and_then(|path| path.file_name()).expect("a firm").to_str().expect("an id");
    let aside = format!("blobs/incoming/{firm}.{}.{}.removed", sha256(&file.bytes), crate::support::new_id());
    std::fs::rename(&stored, app.data().join(aside)).expect("a moved file");
    app.serve(&[]).await;
    assert!(stored.exists());
    app.peegel(&["blobs", "verify"]).await.expect(0);
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
    fn mount(folder: PathBuf) -> Option<Self> {
        std::fs::create_dir_all(&folder).expect("a folder");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=3m", "tmpfs"]).arg(&folder).output();
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
        let Some(disk) = SmallDisk::mount(app.folder().join("disk")) else {
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
