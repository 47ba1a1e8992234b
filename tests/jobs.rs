//! Work after a commit: taken over from a worker that died, given up with a reason, and run again when asked.

use serde_json::json;

use crate::support::app::{Kind, TestApp};
use crate::support::world::{File, World, filing, small_photo};
use crate::support::{eventually, new_id, on_both, tiny};

on_both!(what_was_given_up_is_listed_and_run_again, a_firm_sees_its_own_jobs_only, the_command_line_lists_and_retries);

/// A visit with photos that no worker has looked at.
async fn file_photos(world: &World, count: u32) -> (String, Vec<File>) {
    let visit = new_id();
    let files: Vec<_> =
        (0..count).map(|n| File::new("photo", &["front"], &format!("{n}.jpg"), small_photo(1000 + n))).collect();
    let body = filing(&world.assign_one().await, "submitted", &tiny::perfect(), &files.iter().collect::<Vec<_>>());
    world.auditor.client.put(&format!("/v1/visits/{visit}"), &body).if_absent().created().await;
    for file in &files {
        file.upload(&world.auditor).await;
    }
    (visit, files)
}

/// Makes the looks at files that wait look as if each had taken its worker with it eight times.
async fn wear_out(app: &TestApp) {
    app.expect_error("a job never came to its end").await;
    let worn = "UPDATE jobs SET state = 'running', attempts = 8, lease_until = '2020-01-01 00:00:00+00:00' \
                WHERE kind = 'evidence.process'";
    app.execute(worn).await.expect("jobs are worn out");
}

async fn restart(app: &TestApp, arguments: &[&str]) {
    app.stop().await;
    app.serve(arguments).await;
}

async fn what_was_given_up_is_listed_and_run_again(app: &TestApp) {
    let world = World::make(app).await;
    restart(app, &["--no-worker"]).await;
    let (visit, files) = file_photos(&world, 2).await;
    let admin = &world.admin.client;
    let waiting = admin.all("/v1/jobs?state=ready", 50).await;
    let waiting: Vec<_> = waiting.iter().filter(|job| job["kind"] == "evidence.process").collect();
    assert_eq!(waiting.len(), 2, "{waiting:?}");
    let id = waiting[0]["id"].as_str().expect("an id").to_owned();
    admin.act(&format!("/v1/jobs/{id}/retry")).problem(409, "illegal_state").await;
    wear_out(app).await;
    restart(app, &[]).await;
    let dead = eventually("the jobs are given up", || async {
        let dead = admin.all("/v1/jobs?state=dead", 50).await;
        (dead.len() == 2).then_some(dead)
    })
    .await;
    assert_eq!(dead[0]["attempts"], 8);
    assert!(dead[0]["last_error"].as_str().is_some_and(|error| error.contains("the worker ended")), "{dead:?}");
    let view = admin.get(&format!("/v1/visits/{visit}")).ok().await;
    for file in view["files"].as_array().expect("files") {
        assert_eq!((&file["state"], &file["problem_code"]), (&json!("unpreviewable"), &json!("processing_failed")));
    }
    for job in &dead {
        let path = format!("/v1/jobs/{}/retry", job["id"].as_str().expect("an id"));
        let again = admin.act(&path).ok().await;
        assert_eq!((&again["state"], &again["attempts"]), (&json!("ready"), &json!(0)));
    }
    eventually("both files are looked at", || async {
        let view = admin.get(&format!("/v1/visits/{visit}")).ok().await;
        let files = view["files"].as_array().expect("files").clone();
        files.iter().all(|file| file["state"] == "processed" && file["problem_code"].is_null()).then_some(())
    })
    .await;
    eventually("what is done is gone", || async { admin.all("/v1/jobs", 50).await.is_empty().then_some(()) }).await;
    let events = admin.all("/v1/events", 200).await;
    assert_eq!(events.iter().filter(|event| event["kind"] == "job.retried").count(), files.len());
}

async fn a_firm_sees_its_own_jobs_only(app: &TestApp) {
    let (alpha, beta) = (World::make(app).await, World::named(app, "beta").await);
    restart(app, &["--no-worker"]).await;
    file_photos(&beta, 1).await;
    assert_eq!(alpha.admin.client.all("/v1/jobs", 50).await.len(), 0);
    let theirs = beta.admin.client.all("/v1/jobs", 50).await;
    let path = format!("/v1/jobs/{}/retry", theirs[0]["id"].as_str().expect("an id"));
    alpha.admin.client.act(&path).problem(404, "not_found").await;
}

async fn the_command_line_lists_and_retries(app: &TestApp) {
    let world = World::make(app).await;
    restart(app, &["--no-worker"]).await;
    let (visit, _) = file_photos(&world, 3).await;
    wear_out(app).await;
    restart(app, &[]).await;
    let dead = eventually("the jobs are given up", || async {
        let said = app.peegel(&["jobs", "list"]).await.expect(0);
        let lines: Vec<_> = said.text().lines().map(str::to_owned).collect();
        (lines.len() == 3).then_some(lines)
    })
    .await;
    let first: serde_json::Value = serde_json::from_str(&dead[0]).expect("JSON");
    let id = first["id"].as_str().expect("an id");
    assert!(app.peegel(&["jobs", "retry", id]).await.expect(0).text().contains("evidence.process runs again"));
    app.peegel(&["jobs", "retry", id]).await.expect(2);
    app.peegel(&["jobs", "retry", &new_id()]).await.expect(2);
    assert_eq!(app.peegel(&["jobs", "retry", "--all"]).await.expect(0).text().trim(), "2 jobs run again");
    world.processed(&visit).await;
    eventually("nothing is left", || async { app.query("SELECT id FROM jobs").await.is_empty().then_some(()) }).await;
}

/// Two workers beside a server, one of them killed again and again in the middle of its work: every file is looked at,
/// and none twice.
#[tokio::test]
async fn workers_that_die_lose_and_double_nothing() {
    let app = TestApp::start(Kind::Postgres).await;
    let world = World::make(&app).await;
    restart(&app, &["--no-worker"]).await;
    let (visit, files) = file_photos(&world, 60).await;
    let log = || std::fs::File::create(app.folder().join("worker.log")).expect("a log file");
    let mut steady = app.command(["worker"]).stderr(log()).spawn().expect("a worker");
    for pause_ms in [150, 250, 350, 450] {
        let mut doomed = app.command(["worker"]).stderr(log()).spawn().expect("a worker");
        tokio::time::sleep(std::time::Duration::from_millis(pause_ms)).await;
        doomed.kill().await.expect("SIGKILL arrives");
    }
    // What was running when its worker died would wait for the end of its lease, a minute.
    eventually("the rest is done", || async {
        app.query("SELECT id FROM jobs WHERE state = 'ready'").await.is_empty().then_some(())
    })
    .await;
    app.execute("UPDATE jobs SET lease_until = '2020-01-01 00:00:00+00:00' WHERE state = 'running'")
        .await
        .expect("leases end");
    eventually("every file is looked at", || async {
        let view = world.admin.client.get(&format!("/v1/visits/{visit}")).ok().await;
        let done = view["files"].as_array().expect("files").iter().filter(|file| file["state"] == "processed").count();
        (done == files.len()).then_some(())
    })
    .await;
    eventually("no job is left", || async { app.query("SELECT id FROM jobs").await.is_empty().then_some(()) }).await;
    let events = world.admin.client.all("/v1/events", 200).await;
    let mut looked_at: Vec<_> = events
        .iter()
        .filter(|event| event["kind"] == "evidence.processed")
        .map(|event| event["object"].as_str().expect("an id").to_owned())
        .collect();
    looked_at.sort_unstable();
    let n = looked_at.len();
    looked_at.dedup();
    assert_eq!((n, looked_at.len()), (files.len(), files.len()), "each file once");
    steady.kill().await.expect("SIGKILL arrives");
    app.finish().await;
}
