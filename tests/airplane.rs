//! A whole trip without a network: sync, fill twenty visits with sixty files in the air, and send everything over a
//! network that cuts, each request twice, to a server that is killed twice.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, RwLock};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::receipts::{keys_file, verdict, verify};
use crate::support::app::TestApp;
use crate::support::client::{Answer, Call, Client, Secrets};
use crate::support::files::sha256;
use crate::support::world::{File, World, filing};
use crate::support::{Dice, eventually, new_id, on_both, on_buckets, tiny};

on_both!(a_trip_without_a_network);
on_buckets!(a_trip_without_a_network);

const VISITS: usize = 20;
const FILES_OF_VISIT: usize = 3;
/// Visits of one push: small enough that some get through.
const BATCH: usize = 4;

/// A network between phone and server that cuts connections.
struct Network {
    listener: TcpListener,
    /// How many there were; each was cut but the last.
    connections: AtomicUsize,
}

impl Network {
    async fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        Self { listener, connections: AtomicUsize::new(0) }
    }

    fn base(&self) -> String {
        format!("http://{}", self.listener.local_addr().expect("an address"))
    }

    /// Passes connections on to wherever the server listens at the moment, each for some bytes only.
    async fn run(&self, app: &TestApp) {
        let mut dice = Dice(2026);
        loop {
            let (phone, _) = self.listener.accept().await.expect("a connection");
            let address = app.base().trim_start_matches("http://").to_owned();
            // A cut falls into the head, the body or the answer of some request.
            let (up, down) = match dice.below(3) {
                0 => (usize::MAX, dice.below(6_000)),
                1 => (dice.below(80_000), usize::MAX),
                _ => (dice.below(400_000), usize::MAX),
            };
            self.connections.fetch_add(1, Ordering::Relaxed);
            let resets = dice.below(2) == 0;
            tokio::spawn(async move {
                let Ok(server) = TcpStream::connect(address).await else { return };
                if resets {
                    drop((phone.set_zero_linger(), server.set_zero_linger()));
                }
                let (mut from_phone, mut to_phone) = phone.into_split();
                let (mut from_server, mut to_server) = server.into_split();
                // Whichever ends first, both connections end.
                tokio::select! {
                    () = pass(&mut from_phone, &mut to_server, up) => {}
                    () = pass(&mut from_server, &mut to_phone, down) => {}
                }
            });
        }
    }
}

/// Passes on at most `most` bytes.
async fn pass(from: &mut (impl AsyncReadExt + Unpin), to: &mut (impl AsyncWriteExt + Unpin), most: usize) {
    let (mut left, mut buffer) = (most, vec![0; 16 * 1024]);
    while left > 0 {
        let wanted = buffer.len().min(left);
        match from.read(&mut buffer[..wanted]).await {
            Ok(0) | Err(_) => return,
            Ok(n) => {
                if to.write_all(&buffer[..n]).await.is_err() {
                    return;
                }
                left -= n;
            }
        }
    }
}

/// A phone on that network.
struct Phone {
    client: Client,
    /// Requests that were answered.
    answered: AtomicUsize,
}

impl Phone {
    /// Sends a request until it is answered.
    async fn until_answered(&self, call: &impl Fn(&Client) -> Call) -> Answer {
        let answer = eventually("an answer", || async {
            let answer = call(&self.client).try_send().await.filter(|answer| answer.status < 500);
            if answer.is_none() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            answer
        })
        .await;
        self.answered.fetch_add(1, Ordering::Relaxed);
        answer
    }

    /// Sends a request until it is answered, and then all of it once more; gives the second answer.
    async fn twice(&self, call: impl Fn(&Client) -> Call) -> Value {
        assert_taken(&self.until_answered(&call).await);
        let again = self.until_answered(&call).await;
        assert_taken(&again);
        again.json()
    }

    /// Everything that changed since a cursor.
    async fn pull(&self, mut cursor: Option<String>) -> (Vec<Value>, String) {
        let mut changes = Vec::new();
        loop {
            let at = cursor.map(|cursor| format!("&cursor={cursor}")).unwrap_or_default();
            let page = self.twice(|client| client.get(&format!("/v1/sync/changes?limit=7{at}"))).await;
            changes.extend(page["changes"].as_array().expect("changes").iter().cloned());
            let next = page["next_cursor"].as_str().expect("a cursor").to_owned();
            if page["has_more"] == false {
                return (changes, next);
            }
            cursor = Some(next);
        }
    }

    /// Pushes visits in batches; gives the entity tag of each.
    async fn push(&self, items: &[Value], state: &str) -> BTreeMap<String, String> {
        let mut tags = BTreeMap::new();
        for batch in items.chunks(BATCH) {
            let body = json!({"items": batch, "device": {"monotonic_ms": 1}});
            let answer = self.twice(|client| client.post("/v1/sync/push", &body)).await;
            for result in answer["results"].as_array().expect("results") {
                assert_eq!(result["status"], "unchanged", "the second time: {result}");
                assert_eq!(result["saved"]["state"], state, "{result}");
                let text = |name: &str| result[name].as_str().expect("a text").to_owned();
                tags.insert(text("visit_id"), text("etag"));
            }
        }
        tags
    }

    /// Sends a file until it is stored, and once more.
    async fn send_file(&self, file: &File) {
        let path = format!("/v1/evidence/{}/content", file.id);
        let stored = self.twice(|client| client.put_bytes(&path, file.bytes.clone())).await;
        assert_eq!(stored["sha256"], sha256(&file.bytes));
    }
}

#[track_caller]
fn assert_taken(answer: &Answer) {
    assert!((200..300).contains(&answer.status), "{}", answer.describe());
}

/// A visit as it waits on the phone.
struct Waiting {
    id: String,
    draft: Value,
    whole: Value,
    files: Vec<File>,
}

fn fill(assignment: &str, n: usize) -> Waiting {
    let document = |k: usize| {
        let bytes = (0..20_000 + 1_500 * n).map(|i| u8::try_from((i * 7 + n * 31 + k * 101) % 256).expect("a byte"));
        File::new("document", &[], &format!("notes-{n}-{k}.bin"), bytes.chain(new_id().into_bytes()).collect())
    };
    let files = vec![File::front(), document(1), document(2)];
    let of_files: Vec<_> = files.iter().collect();
    let with_clocks = |mut body: Value| {
        body["device"] = json!({"at": "2026-11-22T08:00:00Z", "monotonic_ms": 60_000 * n});
        body
    };
    Waiting {
        id: new_id(),
        draft: with_clocks(filing(assignment, "draft", &json!({}), &of_files[..1])),
        whole: with_clocks(filing(assignment, "submitted", &tiny::perfect(), &of_files)),
        files,
    }
}

async fn count(app: &TestApp, what: &str) -> i64 {
    app.query(&format!("SELECT count(*) AS n FROM {what}")).await[0].try_get("", "n").expect("a count")
}

async fn a_trip_without_a_network(app: &TestApp) {
    let world = World::make(app).await;
    let mut late = world.assignment(0, Some(&world.auditor));
    late["window_end"] = json!("2020-01-02T00:00:00Z");
    let given = [vec![world.assignment(0, Some(&world.auditor)); VISITS - 2], vec![late; 2]].concat();
    let given = world.assign_in(&world.wave, given).await;
    let network = Network::new().await;
    let client = Client::new(Arc::new(RwLock::new(network.base())), Secrets::default());
    let phone = Phone { client: client.with_token(world.auditor.client.token()), answered: AtomicUsize::new(0) };

    let trip = async {
        // At the airport.
        let (changes, cursor) = phone.pull(None).await;
        let mut assignments: Vec<String> = Vec::new();
        for change in &changes {
            match change["type"].as_str() {
                Some("assignment") => assignments.push(change["id"].as_str().expect("an id").to_owned()),
                _ => {
                    let href = change["object"]["href"].as_str().expect("an address");
                    phone.twice(|client| client.get(href)).await;
                }
            }
        }
        assignments.sort_unstable();
        let mut wanted = given.clone();
        wanted.sort_unstable();
        assert_eq!(assignments, wanted);

        // In the air.
        let visits: Vec<_> = given.iter().enumerate().map(|(n, assignment)| fill(assignment, n)).collect();

        // Down again.
        let drafts: Vec<_> = visits
            .iter()
            .map(|visit| json!({"visit_id": visit.id, "if_none_match": "*", "visit": visit.draft}))
            .collect();
        let tags = phone.push(&drafts, "draft").await;
        let whole: Vec<_> = visits
            .iter()
            .map(|visit| json!({"visit_id": visit.id, "if_match": tags[&visit.id], "visit": visit.whole}))
            .collect();
        phone.push(&whole, "submitted").await;
        // The deadline passes while the files are on their way.
        app.execute("UPDATE assignments SET window_end = window_start").await.expect("an update");
        for visit in &visits {
            for file in &visit.files {
                phone.send_file(file).await;
            }
        }
        (visits, cursor)
    };
    let killings = async {
        // Among the pushes, and among the files.
        for after in [30, 100] {
            eventually("the phone gets on", || async {
                (phone.answered.load(Ordering::Relaxed) >= after).then_some(())
            })
            .await;
            app.kill().await;
            app.serve(&[]).await;
        }
    };
    let ((visits, cursor), ()) = tokio::select! {
        () = network.run(app) => unreachable!("the network runs for ever"),
        done = async { tokio::join!(trip, killings) } => done,
    };
    let connections = network.connections.load(Ordering::Relaxed);
    assert!(connections > 40, "the network is bad enough: {connections} connections");

    let files = i64::try_from(VISITS * FILES_OF_VISIT).expect("a small number");
    let of_visits = i64::try_from(VISITS).expect("a small number");
    for table in ["visits", "revisions", "scores"] {
        assert_eq!(count(app, table).await, of_visits, "{table}");
    }
    assert_eq!(count(app, "visit_drafts").await, 0);
    assert_eq!(count(app, "evidence WHERE state IN ('stored', 'processed', 'unpreviewable')").await, files);
    assert_eq!(count(app, "evidence").await, files);
    assert_eq!(count(app, "visits WHERE quarantine_reason = 'arrived_late'").await, 2, "those that were late before");
    assert_eq!(count(app, "visits WHERE quarantine_reason IS NULL").await, of_visits - 2);
    assert_eq!(count(app, "events WHERE kind = 'visit.submitted'").await, of_visits);
    assert_eq!(count(app, "events WHERE kind = 'evidence.stored'").await, files);

    // Only now may the phone delete its files.
    let keys = keys_file(app).await;
    for (n, visit) in visits.iter().enumerate() {
        let path = format!("/v1/visits/{}/evidence-receipt", visit.id);
        let receipt = world.auditor.client.get(&path).send().await.expect(200);
        let listed = receipt.json();
        assert_eq!((&listed["complete"], &listed["missing"]), (&json!(true), &json!([])));
        let of = |name: &str| -> BTreeMap<String, String> {
            let files = listed["files"].as_array().expect("files").iter();
            files
                .map(|file| {
                    (
                        file["evidence_id"].as_str().expect("an id").to_owned(),
                        file[name].as_str().expect("a text").to_owned(),
                    )
                })
                .collect()
        };
        let wanted: BTreeMap<_, _> = visit.files.iter().map(|file| (file.id.clone(), sha256(&file.bytes))).collect();
        assert_eq!(of("sha256"), wanted);
        if n == 0 {
            assert_eq!(verdict(&verify(&receipt.body, &[&keys]).await.expect(0))["ok"], true);
        }
        let content = world.auditor.client.get(&format!("/v1/evidence/{}/content", visit.files[1].id)).send().await;
        assert_eq!(content.expect(200).body, visit.files[1].bytes);
    }
    // And it learns what became of everything.
    let (mut told, mut cursor) = (BTreeMap::new(), cursor);
    loop {
        let page = world.auditor.client.get(&format!("/v1/sync/changes?cursor={cursor}")).ok().await;
        for change in page["changes"].as_array().expect("changes").iter().filter(|change| change["type"] == "visit") {
            told.insert(
                change["id"].as_str().expect("an id").to_owned(),
                change["object"]["evidence"]["arrived"].clone(),
            );
        }
        page["next_cursor"].as_str().expect("a cursor").clone_into(&mut cursor);
        if page["has_more"] == false {
            break;
        }
    }
    assert_eq!(told, visits.iter().map(|visit| (visit.id.clone(), json!(FILES_OF_VISIT))).collect());
}
