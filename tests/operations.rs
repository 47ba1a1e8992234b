//! Running the server: alive, ready, stopped in good order, and what its answers carry.

use serde_json::json;

use crate::support::app::{Kind, TestApp};
use crate::support::wire::{Wire, request};
use crate::support::world::{File, World, filing};
use crate::support::{eventually, new_id, on_both};

on_both!(
    a_server_says_that_it_is_alive_and_ready,
    a_server_that_cannot_store_is_not_ready,
    a_server_asked_to_stop_finishes_what_it_began,
    everything_is_there_after_a_restart,
    a_data_folder_has_one_server,
    the_pages_need_no_other_host,
);

async fn a_server_says_that_it_is_alive_and_ready(app: &TestApp) {
    let client = app.client();
    assert_eq!(client.get("/livez").ok().await, json!({"status": "ok"}));
    assert_eq!(client.get("/readyz").ok().await, json!({"status": "ok", "version": env!("CARGO_PKG_VERSION")}));
    let answer = client.get("/livez").header("x-request-id", "phone-7.42").send().await;
    assert_eq!(answer.header("x-request-id"), "phone-7.42");
    assert_eq!(answer.header("cache-control"), "no-store");
    let answer = client.get("/livez").header("x-request-id", "a b").send().await;
    assert_ne!(answer.header("x-request-id"), "a b");
    client.delete("/livez").problem(405, "method_not_allowed").await;
    client.get("/").problem(404, "no_such_address").await;
}

async fn a_server_that_cannot_store_is_not_ready(app: &TestApp) {
    let (client, blobs) = (app.client(), app.data().join("blobs"));
    client.get("/readyz").ok().await;
    let aside = app.data().join("aside");
    std::fs::rename(&blobs, &aside).expect("a folder that can be moved");
    std::fs::write(&blobs, b"in the way").expect("a file");
    let problem = client.get("/readyz").problem(503, "not_ready").await;
    assert!(problem.detail().contains("Files cannot be stored"), "{}", problem.describe());
    client.get("/livez").ok().await;
    std::fs::remove_file(&blobs).expect("the file");
    std::fs::rename(&aside, &blobs).expect("the folder");
    client.get("/readyz").ok().await;

    app.execute("ALTER TABLE seaql_migrations RENAME TO hidden").await.expect("a renamed table");
    client.get("/readyz").problem(503, "not_ready").await;
    app.execute("ALTER TABLE hidden RENAME TO seaql_migrations").await.expect("a renamed table");
    client.get("/readyz").ok().await;
}

async fn a_server_asked_to_stop_finishes_what_it_began(app: &TestApp) {
    let world = World::make(app).await;
    let file = File::new("document", &[], "slow.bin", vec![7; 300_000]);
    let body = filing(&world.assign_one().await, "draft", &json!({}), &[&file]);
    world.auditor.client.put(&format!("/v1/visits/{}", new_id()), &body).if_absent().created().await;
    let token = world.auditor.client.token();
    let path = format!("/v1/evidence/{}/content", file.id);
    let request = request("PUT", &path, token, &[("Connection", "close")], &file.bytes);
    let mut wire = Wire::connect(&app.base()).await.expect("a connection");
    wire.send(&request[..200_000]).await;
    // The server has begun to receive it.
    let incoming = app.data().join("blobs/incoming");
    eventually("the upload has begun", || async {
        let mut entries = std::fs::read_dir(&incoming).expect("the folder of uploads");
        entries.next().map(drop)
    })
    .await;
    app.signal("TERM").await;
    eventually("no new connections", || async { Wire::connect(&app.base()).await.is_err().then_some(()) }).await;
    wire.send(&request[200_000..]).await;
    let answer = wire.answer().await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    app.stopped_by_itself().await;

    app.serve(&[]).await;
    assert_eq!(world.auditor.client.get(&path).send().await.expect(200).body, file.bytes);
}

async fn everything_is_there_after_a_restart(app: &TestApp) {
    let world = World::make(app).await;
    let visit = world.publish(0, &crate::support::tiny::fair()).await;
    let paths = [
        "/v1/me".to_owned(),
        "/v1/users".to_owned(),
        "/v1/branches".to_owned(),
        "/v1/standards".to_owned(),
        "/v1/events?limit=200".to_owned(),
        format!("/v1/visits/{visit}"),
        format!("/v1/visits/{visit}/scores"),
        format!("/v1/chains/{}/scorecard", world.chain),
        format!("/v1/branches/{}/action-plan", world.branches[0]),
        format!("/v1/branches/{}/action-plan.pdf", world.branches[0]),
    ];
    let read = async || {
        let mut answers = Vec::new();
        for path in &paths {
            answers.push(world.admin.client.get(path).send().await.expect(200).body);
        }
        answers
    };
    let before = read().await;
    app.stop().await;
    // Sessions outlive the process; a server without a worker answers the same.
    app.serve(&["--no-worker"]).await;
    assert!(read().await == before, "an answer changed");
}

async fn a_data_folder_has_one_server(app: &TestApp) {
    if app.kind() == Kind::Sqlite {
        for command in ["serve", "worker"] {
            let said = app.peegel(&[command]).await.expect(2);
            assert!(said.stderr.contains("is in use by another"), "{}", said.stderr);
        }
    }
    // Other commands work beside the server.
    app.peegel(&["migrate"]).await.expect(0);
    app.peegel(&["firm", "add", "--code", "beside", "--name", "Beside"]).await.expect(0);
}

async fn the_pages_need_no_other_host(app: &TestApp) {
    let page = app.client().get("/docs").send().await.expect(200);
    assert!(page.header("content-security-policy").contains("default-src 'none'"));
    let html = String::from_utf8(page.body).expect("text");
    for tag in ["<link", "<script", "<img"] {
        for part in html.split(tag).skip(1) {
            let tag = part.split('>').next().unwrap_or_default();
            assert!(!tag.contains("http://") && !tag.contains("https://") && !tag.contains("=\"//"), "{tag}");
        }
    }
}

/// A phone whose token has ended must learn so, and not take it for a bad line and send the photo for ever.
#[tokio::test]
async fn a_refusal_reaches_a_client_that_is_still_sending() {
    let app = TestApp::start(Kind::Sqlite).await;
    let photo = vec![7; 4_000_000];
    for _ in 0..20 {
        let path = format!("/v1/evidence/{}/content", new_id());
        let client = app.client().with_token("pgl_at_ended");
        client.put_bytes(&path, photo.clone()).problem(401, "unauthenticated").await;
    }
    app.finish().await;
}
