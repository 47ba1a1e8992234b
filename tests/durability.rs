//! What was answered with 2xx is there afterwards, once: when the server is killed, and when clients hang up.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use serde_json::{Value, json};

use crate::support::app::TestApp;
use crate::support::chain::{checked_events, count};
use crate::support::client::Answer;
use crate::support::wire::{Farewell, Wire, request};
use crate::support::world::{File, World, filing, id_of, small_photo};
use crate::support::{Dice, eventually, new_id, on_both, tiny};

on_both!(
    killed_in_a_storm_of_submits,
    killed_in_a_storm_of_uploads,
    killed_in_a_storm_of_publishing,
    clients_that_hang_up_leave_whole_visits_or_none,
    clients_that_hang_up_leave_whole_files_or_none,
    what_has_begun_survives_a_reset,
);

/// Connections of a storm.
const CONNECTIONS: usize = 8;

/// A write of a storm: what is sent, and the answer if there was one.
struct Write {
    path: String,
    body: Value,
    answer: Option<Answer>,
}

impl Write {
    /// A submit of the visit of an assignment. Its only file is not sent.
    fn submit(assignment: &str) -> Self {
        let body = filing(assignment, "submitted", &tiny::perfect(), &[&File::front()]);
        Self { path: format!("/v1/visits/{}", new_id()), body, answer: None }
    }
}

/// Sends things over several connections, and kills the server after `after` answers. Gives back all of them.
async fn storm<T: Send, F>(app: &TestApp, items: Vec<T>, after: usize, send: impl Fn(T) -> F) -> Vec<T>
where
    F: Future<Output = (T, bool)>,
{
    let queue = Mutex::new(items.into_iter().collect::<VecDeque<_>>());
    let done = Mutex::new(Vec::new());
    let (answered, is_dead) = (AtomicUsize::new(0), AtomicBool::new(false));
    let connection = async || {
        while !is_dead.load(Ordering::SeqCst) {
            let Some(item) = queue.lock().expect("a lock").pop_front() else { return };
            let (item, has_answer) = send(item).await;
            done.lock().expect("a lock").push(item);
            if has_answer {
                answered.fetch_add(1, Ordering::SeqCst);
            }
        }
    };
    let connections = futures_util::future::join_all((0..CONNECTIONS).map(|_| connection()));
    let killer = async {
        eventually("enough answers", || async { (answered.load(Ordering::SeqCst) >= after).then_some(()) }).await;
        app.kill().await;
        is_dead.store(true, Ordering::SeqCst);
    };
    tokio::join!(connections, killer);
    let mut items = done.into_inner().expect("a lock");
    items.extend(queue.into_inner().expect("a lock"));
    items
}

async fn killed_in_a_storm_of_submits(app: &TestApp) {
    let world = World::make(app).await;
    let client = &world.auditor.client;
    let mut writes: Vec<_> = world.assign(0, 360).await.iter().map(|id| Write::submit(id)).collect();
    for round in 0..3 {
        let (acknowledged, open): (Vec<_>, Vec<_>) = writes.into_iter().partition(|write| write.answer.is_some());
        writes = storm(app, open, 25 + 20 * round, |write| async {
            let answer = client.put(&write.path, &write.body).if_absent().try_send().await;
            if let Some(answer) = &answer {
                assert_eq!(answer.status, 201, "{}", answer.describe());
            }
            let has_answer = answer.is_some();
            (Write { answer, ..write }, has_answer)
        })
        .await;
        assert!(writes.iter().any(|write| write.answer.is_none()), "the server was killed in the middle");
        writes.extend(acknowledged);
        app.serve(&[]).await;
        app.client().get("/readyz").ok().await;

        // Everything that was answered is there, and what was not is there whole or not at all.
        let stored = world.admin.client.all("/v1/visits", 200).await;
        for write in &writes {
            let id = write.path.rsplit('/').next().expect("an id");
            let visit = stored.iter().find(|visit| visit["id"] == id);
            assert!(write.answer.is_none() || visit.is_some(), "{id} was acknowledged and is gone");
            if let Some(visit) = visit {
                assert_eq!((&visit["state"], &visit["score_bp"]), (&json!("submitted"), &json!(10_000)), "{visit}");
            }
        }
        for write in writes.iter().filter(|write| write.answer.is_some()).take(20) {
            let view = client.get(&write.path).send().await.expect(200);
            let first = write.answer.as_ref().expect("an answer");
            assert_eq!(view.etag(), first.etag());
            assert_eq!(view.json()["revision"], 1);
        }
    }
    // The phones send everything again; what had been answered gets the same answer.
    for write in &writes {
        let again = client.put(&write.path, &write.body).if_absent().send().await.expect(201);
        if let Some(first) = &write.answer {
            assert_eq!((&again.body, again.etag()), (&first.body, first.etag()));
        }
    }
    exactly_once(app, &world, writes.len()).await;
}

/// Each of `visits` submits had its effect once: one visit, revision, score and event each, one assignment fulfilled.
async fn exactly_once(app: &TestApp, world: &World, visits: usize) {
    let wanted = i64::try_from(visits).expect("a small number");
    for table in ["visits", "revisions", "scores", "evidence"] {
        let rows = app.query(&format!("SELECT COUNT(*) AS n FROM {table}")).await;
        let n: i64 = rows[0].try_get("", "n").expect("a number");
        assert_eq!(n, wanted, "rows of {table}");
    }
    let rows = app.query("SELECT COUNT(*) AS n FROM visit_drafts").await;
    assert_eq!(rows[0].try_get::<i64>("", "n").expect("a number"), 0);
    let events = checked_events(&world.admin.client).await;
    assert_eq!(count(&events, "visit.submitted"), visits);
    let fulfilled = world.admin.client.all("/v1/assignments?state=fulfilled", 200).await;
    assert_eq!(fulfilled.len(), visits);
}

async fn killed_in_a_storm_of_uploads(app: &TestApp) {
    let world = World::make(app).await;
    let client = &world.auditor.client;
    let mut files = Vec::new();
    for (seed, assignment) in (0..).step_by(16).zip(world.assign(0, 5).await) {
        let own: Vec<_> = (seed..seed + 16)
            .map(|n| File::new("photo", &["front"], &format!("{n}.jpg"), small_photo(n * 40_503)))
            .collect();
        let body = filing(&assignment, "draft", &json!({}), &own.iter().collect::<Vec<_>>());
        client.put(&format!("/v1/visits/{}", new_id()), &body).if_absent().created().await;
        files.extend(own.into_iter().map(|file| (file, false)));
    }
    for after in [8, 16] {
        let (stored, open): (Vec<_>, Vec<_>) = files.into_iter().partition(|(_, is_stored)| *is_stored);
        files = storm(app, open, after, |(file, _)| async {
            let path = format!("/v1/evidence/{}/content", file.id);
            let answer = client.put_bytes(&path, file.bytes.clone()).try_send().await;
            if let Some(answer) = &answer {
                assert_eq!(answer.status, 200, "{}", answer.describe());
            }
            ((file, answer.is_some()), answer.is_some())
        })
        .await;
        files.extend(stored);
        app.serve(&[]).await;
        for (file, _) in files.iter().filter(|(_, is_stored)| *is_stored) {
            let answer = client.get(&format!("/v1/evidence/{}/content", file.id)).send().await.expect(200);
            assert_eq!(answer.body, file.bytes, "{}", file.id);
        }
    }
    // All are sent again, and all jobs are done in the end, also those whose worker was killed before it began.
    for (file, _) in &files {
        file.upload(&world.auditor).await;
    }
    let events = checked_events(&world.admin.client).await;
    assert_eq!(count(&events, "evidence.stored"), files.len(), "each file was stored once");
    for visit in world.admin.client.all("/v1/visits", 50).await {
        assert_eq!(visit["evidence"]["missing"], json!([]));
    }
    let claimed = "UPDATE jobs SET lease_until = run_at WHERE state = 'running'";
    eventually("all files are processed", || async {
        // A job that was running when its worker died is taken over when its lease ends, in a minute.
        app.execute(claimed).await.expect("an update");
        let rows = app.query("SELECT COUNT(*) AS n FROM evidence WHERE state <> 'processed'").await;
        (rows[0].try_get::<i64>("", "n").expect("a number") == 0).then_some(())
    })
    .await;
}

async fn killed_in_a_storm_of_publishing(app: &TestApp) {
    let world = World::make(app).await;
    let mut visits = Vec::new();
    for assignment in world.assign(0, 20).await {
        let (visit, front) = (new_id(), File::front());
        let body = filing(&assignment, "submitted", &tiny::perfect(), &[&front]);
        world.auditor.client.put(&format!("/v1/visits/{visit}"), &body).if_absent().created().await;
        front.upload(&world.auditor).await;
        world.review(&visit, &["review", "approve"]).await;
        visits.push((visit, false));
    }
    let visits = storm(app, visits, 5, |(visit, _)| async {
        let answer = world.reviewer.client.act(&format!("/v1/visits/{visit}/publish")).try_send().await;
        ((visit, answer.is_some()), answer.is_some())
    })
    .await;
    app.serve(&[]).await;
    let published: Vec<_> = world.admin.client.all("/v1/visits?state=published", 50).await.iter().map(id_of).collect();
    for (visit, _) in visits.iter().filter(|(_, is_answered)| *is_answered) {
        assert!(published.contains(visit), "{visit} was acknowledged as published");
    }
    let scorecard = format!("/v1/branches/{}/scorecard", world.branches[0]);
    let card = world.admin.client.get(&scorecard).ok().await;
    assert_eq!(card["overall"]["visits"], published.len(), "totals are of the same transaction");
    for (visit, _) in &visits {
        let answer = world.reviewer.client.act(&format!("/v1/visits/{visit}/publish")).send().await;
        assert_eq!(answer.status, if published.contains(visit) { 409 } else { 200 }, "{}", answer.describe());
    }
    assert_eq!(world.admin.client.get(&scorecard).ok().await["overall"]["visits"], 20);
    assert_eq!(count(&checked_events(&world.admin.client).await, "visit.published"), 20);
}

async fn clients_that_hang_up_leave_whole_visits_or_none(app: &TestApp) {
    let world = World::make(app).await;
    let token = world.auditor.client.token();
    let mut dice = Dice(20_261_122);
    let headers = [("Content-Type", "application/json"), ("If-None-Match", "*")];
    let mut sent = Vec::new();
    for (n, assignment) in world.assign(0, 120).await.iter().enumerate() {
        let write = Write::submit(assignment);
        let request = request("PUT", &write.path, token, &headers, write.body.to_string().as_bytes());
        // Half of them leave somewhere in the middle, half of them after the last byte.
        let cut = if n % 2 == 0 { dice.below(request.len()) } else { request.len() };
        let farewell = if n % 4 < 2 { Farewell::Fin } else { Farewell::Rst };
        let mut wire = Wire::connect(&app.base()).await.expect("a connection");
        wire.send(&request[..cut]).await;
        for _ in 0..dice.below(4) {
            // The server gets as far as it gets.
            tokio::task::yield_now().await;
            app.client().get("/livez").ok().await;
        }
        wire.leave(farewell).await;
        sent.push((write, cut == request.len(), farewell));
    }
    // A client that closed its side after the last byte has sent a whole request.
    for (write, _, _) in sent.iter().filter(|(_, is_whole, farewell)| *is_whole && *farewell == Farewell::Fin) {
        eventually("the visit is filed", || async {
            let answer = world.auditor.client.get(&write.path).send().await;
            (answer.status == 200).then_some(())
        })
        .await;
    }
    let (mut reset, mut survived) = (0, 0);
    for (write, is_whole, farewell) in &sent {
        let before = world.auditor.client.get(&write.path).send().await;
        assert!(matches!(before.status, 200 | 404), "{}", before.describe());
        assert!(*is_whole || before.status == 404, "half a request has no effect: {}", before.describe());
        if *is_whole && *farewell == Farewell::Rst {
            reset += 1;
            survived += usize::from(before.status == 200);
        }
        // Nobody got an answer, so everybody asks again.
        let again = world.auditor.client.put(&write.path, &write.body).if_absent().send().await.expect(201);
        assert_eq!((again.etag(), &again.json()["revision"]), ("\"1\"".to_owned(), &json!(1)));
    }
    assert!(survived > 0, "of {reset} requests that were reset after the last byte, none had its effect");
    exactly_once(app, &world, sent.len()).await;
}

async fn clients_that_hang_up_leave_whole_files_or_none(app: &TestApp) {
    let world = World::make(app).await;
    let token = world.auditor.client.token();
    let mut dice = Dice(7);
    let files: Vec<_> = (0..40)
        .map(|n| {
            let bytes = (0..60_000_u32).map(|k| u8::try_from((k * 7 + n) % 256).expect("a byte")).collect();
            File::new("document", &[], &format!("{n}.bin"), bytes)
        })
        .collect();
    let body = filing(&world.assign_one().await, "draft", &json!({}), &files.iter().collect::<Vec<_>>());
    let visit = format!("/v1/visits/{}", new_id());
    world.auditor.client.put(&visit, &body).if_absent().created().await;
    for (n, file) in files.iter().enumerate() {
        let request = request("PUT", &format!("/v1/evidence/{}/content", file.id), token, &[], &file.bytes);
        let cut = if n % 2 == 0 { dice.below(request.len()) } else { request.len() };
        let mut wire = Wire::connect(&app.base()).await.expect("a connection");
        wire.send(&request[..cut]).await;
        for _ in 0..dice.below(4) {
            app.client().get("/livez").ok().await;
        }
        wire.leave(if n % 4 < 2 { Farewell::Fin } else { Farewell::Rst }).await;
    }
    let states = || async {
        let view = world.auditor.client.get(&visit).ok().await;
        let files = view["files"].as_array().expect("files").clone();
        move |id: &str| files.iter().find(|file| file["id"] == id).expect("the file")["state"].clone()
    };
    eventually("whole files are stored", || async {
        let state = states().await;
        let whole = files.iter().enumerate().filter(|(n, _)| n % 4 == 1);
        whole.into_iter().all(|(_, file)| ["stored", "processed"].iter().any(|s| state(&file.id) == *s)).then_some(())
    })
    .await;
    eventually("nothing half lies about", || async {
        let incoming = std::fs::read_dir(app.data().join("blobs/incoming")).expect("the folder of uploads");
        (incoming.count() == 0).then_some(())
    })
    .await;
    let state = states().await;
    for (n, file) in files.iter().enumerate() {
        if n % 2 == 0 {
            assert_eq!(state(&file.id), "declared", "half a file has no effect, and is not held against anybody");
        }
        file.upload(&world.auditor).await;
        let content = world.auditor.client.get(&format!("/v1/evidence/{}/content", file.id)).send().await.expect(200);
        assert_eq!(content.body, file.bytes);
    }
    assert_eq!(count(&checked_events(&world.admin.client).await, "evidence.stored"), files.len());
}

async fn what_has_begun_survives_a_reset(app: &TestApp) {
    const BATCHES: usize = 10;
    const BRANCHES: usize = 500;
    let world = World::make(app).await;
    for batch in 0..BATCHES {
        let branch = |n: usize| json!({"code": format!("R{batch}.{n}"), "name": "R", "address": "Pikk 1", "time_zone": "Europe/Tallinn"});
        let branches: Vec<_> = (0..BRANCHES).map(branch).collect();
        let body = json!({"chain_id": world.chain, "branches": branches}).to_string();
        let headers = [("Content-Type", "application/json")];
        let request = request("POST", "/v1/branches", world.admin.client.token(), &headers, body.as_bytes());
        let mut wire = Wire::connect(&app.base()).await.expect("a connection");
        wire.send(&request).await;
        // Once the server has answered somebody else it has had the time to begin, and not to end.
        app.client().get("/livez").ok().await;
        wire.leave(Farewell::Rst).await;
    }
    // One or two may have been reset before the server had read them.
    let count_batches = async || {
        let mut counts = [0; BATCHES];
        for branch in world.admin.client.all("/v1/branches", 200).await {
            let code = branch["code"].as_str().expect("a code");
            if let Some((batch, _)) = code.strip_prefix('R').and_then(|code| code.split_once('.')) {
                counts[batch.parse::<usize>().expect("a number")] += 1;
            }
        }
        counts
    };
    let counts = eventually("most requests had their effect", || async {
        let counts = count_batches().await;
        (counts.iter().filter(|count| **count == BRANCHES).count() >= BATCHES - 2).then_some(counts)
    })
    .await;
    assert!(counts.iter().all(|count| [0, BRANCHES].contains(count)), "all or nothing: {counts:?}");
}
