//! Unmodified clients of tus on a line that breaks 200 times: every file arrives as it was.
//!
//! `tests/run.sh` installs them in `target/tools/clients`.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::process::Command;

use crate::support::app::TestApp;
use crate::support::chain::{checked_events, count};
use crate::support::cutter::Cutter;
use crate::support::files::in_repository;
use crate::support::world::{File, World};
use crate::support::{eventually, new_id, on_both, on_buckets, setting};
use crate::uploads::{draft, noise};

on_buckets!(tus_js_client_in_node, tuspy_with_checksums);

on_both!(tus_js_client_in_node, tus_js_client_with_other_options, tus_js_client_in_chromium, tuspy_with_checksums);

/// Where the clients are installed.
pub fn tools() -> PathBuf {
    in_repository("target/tools/clients")
}

/// Chromium, as the distribution has it.
pub fn chromium() -> String {
    let path = setting("PATH").unwrap_or_default();
    let found =
        path.split(':').map(|folder| format!("{folder}/chromium")).find(|path| std::path::Path::new(path).exists());
    found.expect("chromium; tests/run.sh installs it")
}

fn files(count: u64, length: usize) -> Vec<File> {
    let file =
        |n| File::new("document", &[], &format!("{n}.bin"), noise(n, length + usize::try_from(n).expect("small")));
    (1..=count).map(file).collect()
}

/// Uploads files with a client through a line that breaks `cuts` times. More files follow until all of that happened.
async fn through_a_bad_line(app: &TestApp, program: &str, script: &str, options: Value, cuts: usize) {
    let world = World::named(app, &format!("f{}", &new_id()[28..])).await;
    let cutter = Cutter::start(&app.base(), cuts as u64, cuts, 120_000).await;
    let mut sent = 0;
    while sent == 0 || cutter.cuts_left() > 0 {
        let files = files(8, 250_000);
        draft(&world, &files.iter().collect::<Vec<_>>()).await;
        run(app, &world, &cutter.base, program, script, &options, &files).await;
        for file in &files {
            let content =
                world.auditor.client.get(&format!("/v1/evidence/{}/content", file.id)).send().await.expect(200);
            assert!(content.body == file.bytes, "{} differs", file.id);
        }
        sent += files.len();
        assert!(sent < 400, "the line does not break often enough");
    }
    assert_eq!(count(&checked_events(&world.admin.client).await, "evidence.stored"), sent);
    eventually("nothing lies about", || async { (app.incoming().await == 0).then_some(()) }).await;
}

/// Runs a client to its end.
async fn run(app: &TestApp, world: &World, base: &str, program: &str, script: &str, options: &Value, files: &[File]) {
    let folder = app.folder().join(new_id());
    std::fs::create_dir(&folder).expect("a folder");
    let listed: Vec<_> = files
        .iter()
        .map(|file| {
            let path = folder.join(&file.id);
            std::fs::write(&path, &file.bytes).expect("a file");
            json!({"id": file.id, "path": path})
        })
        .collect();
    let mut plan = options.clone();
    plan["modules"] = json!(tools().join("node_modules"));
    plan["endpoint"] = json!(format!("{base}/v1/uploads"));
    plan["token"] = json!(world.auditor.client.token());
    plan["files"] = json!(listed);
    let path = folder.join("plan.json");
    std::fs::write(&path, plan.to_string()).expect("a plan");
    let mut command = Command::new(program);
    command.arg(in_repository("tests/clients").join(script)).arg(&path).stdin(Stdio::null()).kill_on_drop(true);
    command.env("no_proxy", "127.0.0.1").stdout(Stdio::piped()).stderr(Stdio::piped());
    let client = command.spawn().unwrap_or_else(|error| panic!("{program}: {error}; tests/run.sh installs it"));
    let output = tokio::time::timeout(Duration::from_secs(300), client.wait_with_output()).await;
    let output = output.expect("the client ends in time").expect("the client runs");
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{script} {options}:\n{said}");
}

async fn tus_js_client_in_node(app: &TestApp) {
    through_a_bad_line(app, "node", "upload.mjs", json!({}), 200).await;
}

async fn tus_js_client_with_other_options(app: &TestApp) {
    for options in [
        json!({"with_creation": true}),
        json!({"chunk_bytes": 30_000}),
        json!({"deferred": true, "chunk_bytes": 30_000}),
    ] {
        through_a_bad_line(app, "node", "upload.mjs", options, 20).await;
    }
}

async fn tus_js_client_in_chromium(app: &TestApp) {
    let port =
        std::net::TcpListener::bind("127.0.0.1:0").expect("a free port").local_addr().expect("an address").port();
    app.stop().await;
    app.serve(&["--cors-origins", &format!("http://127.0.0.1:{port}")]).await;
    let options = json!({"page_port": port, "chromium": chromium(), "chunk_bytes": 100_000});
    through_a_bad_line(app, "node", "browser.mjs", options, 40).await;
}

async fn tuspy_with_checksums(app: &TestApp) {
    let python = tools().join("venv/bin/python");
    let python = python.to_str().expect("a path");
    through_a_bad_line(app, python, "upload.py", json!({"chunk_bytes": 40_000}), 200).await;
}
