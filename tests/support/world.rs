//! A small firm with people, a chain, branches, a standard and a wave, made through the command line and the API.

use serde_json::{Value, json};

use super::app::TestApp;
use super::client::Client;
use super::files::sha256;
use super::{eventually, new_id, tiny};

/// The password of everybody.
pub const PASSWORD: &str = "correct horse battery";

/// Somebody in a firm.
#[derive(Clone)]
pub struct Person {
    /// Signed in.
    pub client: Client,
    /// The address to sign in with.
    pub email: String,
    /// The membership.
    pub id: String,
}

/// A firm with what it takes to visit.
pub struct World {
    /// The firm's code.
    pub code: String,
    /// Runs the firm.
    pub admin: Person,
    /// Reviews.
    pub reviewer: Person,
    /// Visits.
    pub auditor: Person,
    /// Visits too.
    pub other_auditor: Person,
    /// The chain, `shops`, with reports in Estonian; its recordings may be played.
    pub chain: String,
    /// The regions `north` and `south`.
    pub regions: [String; 2],
    /// The branches `B1` and `B2` in the north and `B3` in the south.
    pub branches: [String; 3],
    /// The wave `2026 spring`, regular and open.
    pub wave: String,
}

/// A file of a manifest.
#[derive(Clone, Debug)]
pub struct File {
    /// Its id.
    pub id: String,
    /// Its entry in the manifest.
    pub entry: Value,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

impl File {
    /// A file that proves items, with its hash and size in the manifest.
    pub fn new(kind: &str, item_ids: &[&str], file_name: &str, bytes: Vec<u8>) -> Self {
        let id = new_id();
        let entry = json!({
            "id": id, "item_ids": item_ids, "kind": kind, "file_name": file_name,
            "sha256": sha256(&bytes), "bytes": bytes.len(),
        });
        Self { id, entry, bytes }
    }

    /// A photo of the shop front, different each time.
    pub fn front() -> Self {
        let id = new_id();
        let seed = id.bytes().rev().take(6).fold(0_u32, |seed, byte| seed.wrapping_mul(31).wrapping_add(byte.into()));
        Self::new("photo", &["front"], &format!("front-{id}.jpg"), small_photo(seed))
    }

    /// A photo that proves that two choices were not offered.
    pub fn offer() -> Self {
        let id = new_id();
        Self::new("photo", &["offer"], &format!("offer-{id}.jpg"), small_photo(7))
    }

    /// Sends its bytes; they are stored then.
    pub async fn upload(&self, auditor: &Person) -> Value {
        let path = format!("/v1/evidence/{}/content", self.id);
        auditor.client.put_bytes(&path, self.bytes.clone()).ok().await
    }
}

/// A JPEG of 48 x 32 pixels, whose colours follow from `seed`.
pub fn small_photo(seed: u32) -> Vec<u8> {
    let [_, red, green, blue] = seed.to_be_bytes();
    let image = image::RgbImage::from_fn(48, 32, |x, y| {
        let shade = u8::try_from((x * 3 + y) % 256).expect("a byte");
        image::Rgb([red, green.wrapping_add(shade), blue ^ shade])
    });
    let mut jpeg = std::io::Cursor::new(Vec::new());
    image.write_to(&mut jpeg, image::ImageFormat::Jpeg).expect("a JPEG");
    jpeg.into_inner()
}

/// The body of a visit.
pub fn filing(assignment: &str, state: &str, answers: &Value, files: &[&File]) -> Value {
    let evidence: Vec<_> = files.iter().map(|file| file.entry.clone()).collect();
    json!({"assignment_id": assignment, "state": state, "answers": answers, "evidence": evidence})
}

/// What returning a visit takes: one item, and more than time enough.
pub fn return_order(item_id: &str, reason: &str) -> Value {
    json!({
        "items": [{"item_id": item_id, "reason": reason}], "due_at": "2099-12-31T20:00:00Z", "reason": reason,
    })
}

/// The files that answers to the tiny standard need as proof.
pub fn proofs(answers: &Value) -> Vec<File> {
    let mut files = vec![File::front()];
    if answers["offer"]["v"] == false {
        files.push(File::offer());
    }
    files
}

/// The id that an answer carries.
pub fn id_of(answer: &Value) -> String {
    answer["id"].as_str().unwrap_or_else(|| panic!("an id in {answer}")).to_owned()
}

/// The ids of the entries that an answer carries.
pub fn ids_of(answer: &Value) -> Vec<String> {
    answer["data"].as_array().unwrap_or_else(|| panic!("entries in {answer}")).iter().map(id_of).collect()
}

impl World {
    /// The first firm, `alpha`.
    pub async fn make(app: &TestApp) -> Self {
        Self::named(app, "alpha").await
    }

    /// A firm with this code.
    pub async fn named(app: &TestApp, code: &str) -> Self {
        let admin = first_admin(app, code).await;
        let reviewer = add_person(app, &admin, code, "reviewer", "reviewer", None).await;
        let auditor = add_person(app, &admin, code, "auditor", "auditor", None).await;
        let other_auditor = add_person(app, &admin, code, "other", "auditor", None).await;
        prove_all(app).await;
        let shops = json!({
            "code": "shops", "name": "Kauplused", "kind": "client", "locale": "et", "colour": "#1F4E79",
            "recording_policy": "allow",
        });
        let chain = id_of(&admin.client.post("/v1/chains", &shops).created().await);
        let regions = json!({"regions": [{"code": "north", "name": "Põhi"}, {"code": "south", "name": "Lõuna"}]});
        let regions = admin.client.post(&format!("/v1/chains/{chain}/regions"), &regions).created().await;
        let branch = |n: u32, region: &str| {
            json!({
                "code": format!("B{n}"), "name": format!("Pood {n}"), "address": format!("Pikk {n}, Tallinn"),
                "region": region, "time_zone": "Europe/Tallinn", "latitude": 59.437, "longitude": 24.7536,
            })
        };
        let branches =
            json!({"chain_id": chain, "branches": [branch(1, "north"), branch(2, "north"), branch(3, "south")]});
        let branches = admin.client.post("/v1/branches", &branches).created().await;
        admin.client.post("/v1/standards", &tiny::standard()).created().await;
        admin.client.post("/v1/standards/tiny/publish", &json!({"version": 1})).ok().await;
        let mut world = Self {
            code: code.to_owned(),
            reviewer,
            auditor,
            other_auditor,
            chain,
            regions: ids_of(&regions).try_into().expect("two regions"),
            branches: ids_of(&branches).try_into().expect("three branches"),
            wave: String::new(),
            admin,
        };
        world.wave = world.add_wave("2026 spring", "regular", "2026-03-01", "2026-05-31").await;
        world
    }

    /// Adds an open wave.
    pub async fn add_wave(&self, name: &str, kind: &str, opens_on: &str, closes_on: &str) -> String {
        let wave = json!({
            "chain_id": self.chain, "name": name, "kind": kind, "opens_on": opens_on, "closes_on": closes_on,
        });
        let wave = id_of(&self.admin.client.post("/v1/waves", &wave).created().await);
        self.admin.client.act(&format!("/v1/waves/{wave}/open")).ok().await;
        wave
    }

    /// Closes a wave, whatever is open in it.
    pub async fn close_wave(&self, wave: &str) {
        let despite = json!({"despite": true, "reason": "The wave is over."});
        self.admin.client.post(&format!("/v1/waves/{wave}/close"), &despite).ok().await;
    }

    /// An assignment to the tiny standard, as `POST /v1/assignments` takes it.
    pub fn assignment(&self, branch: usize, auditor: Option<&Person>) -> Value {
        let mut assignment = json!({
            "branch_id": self.branches[branch], "standard_id": tiny::ID, "standard_version": 1,
            "window_start": "2020-01-01T08:00:00Z", "window_end": "2099-12-31T20:00:00Z",
        });
        if let Some(auditor) = auditor {
            assignment["auditor_id"] = json!(auditor.id);
        }
        assignment
    }

    /// Adds assignments to a wave.
    pub async fn assign_in(&self, wave: &str, assignments: Vec<Value>) -> Vec<String> {
        let body = json!({"wave_id": wave, "assignments": assignments});
        ids_of(&self.admin.client.post("/v1/assignments", &body).created().await)
    }

    /// Gives the auditor some assignments at a branch.
    pub async fn assign(&self, branch: usize, count: usize) -> Vec<String> {
        self.assign_in(&self.wave, vec![self.assignment(branch, Some(&self.auditor)); count]).await
    }

    /// Gives the auditor one assignment at the first branch.
    pub async fn assign_one(&self) -> String {
        self.assign(0, 1).await.remove(0)
    }

    /// Files a visit with its proofs and waits until they are processed.
    pub async fn file(&self, assignment: &str, answers: &Value) -> String {
        let (visit, files) = (new_id(), proofs(answers));
        let files: Vec<_> = files.iter().collect();
        let body = filing(assignment, "submitted", answers, &files);
        self.auditor.client.put(&format!("/v1/visits/{visit}"), &body).if_absent().created().await;
        for file in files {
            file.upload(&self.auditor).await;
        }
        self.processed(&visit).await;
        visit
    }

    /// Waits until all files of a visit are processed, and gives them.
    pub async fn processed(&self, visit: &str) -> Vec<Value> {
        eventually("all files are processed", || async {
            let view = self.admin.client.get(&format!("/v1/visits/{visit}")).ok().await;
            let files = view["files"].as_array().expect("files").clone();
            let is_done = |file: &Value| matches!(file["state"].as_str(), Some("processed" | "unpreviewable"));
            files.iter().all(is_done).then_some(files)
        })
        .await
    }

    /// Makes a move of the review.
    pub async fn review(&self, visit: &str, moves: &[&str]) -> Value {
        let mut view = Value::Null;
        for mv in moves {
            let call = self.reviewer.client.act(&format!("/v1/visits/{visit}/{mv}"));
            view = match *mv {
                "return" => {
                    let view = self.admin.client.get(&format!("/v1/visits/{visit}")).ok().await;
                    let item = view["answers"].as_object().and_then(|answers| answers.keys().next().cloned());
                    call.json(&return_order(&item.expect("an answer"), "Palun vaata üle."))
                }
                "reject" | "reopen" | "unpublish" => call.json(&json!({"reason": "Palun vaata üle."})),
                "approve" => call.json(&json!({})),
                _ => call,
            }
            .ok()
            .await;
        }
        view
    }

    /// A visit that was filed, reviewed and published, in a wave.
    pub async fn publish_in(&self, wave: &str, branch: usize, answers: &Value) -> String {
        let assignments = vec![self.assignment(branch, Some(&self.auditor))];
        let assignment = self.assign_in(wave, assignments).await.remove(0);
        let visit = self.file(&assignment, answers).await;
        self.review(&visit, &["review", "approve", "publish"]).await;
        visit
    }

    /// A visit that was filed, reviewed and published.
    pub async fn publish(&self, branch: usize, answers: &Value) -> String {
        self.publish_in(&self.wave, branch, answers).await
    }

    /// The one result of a branch.
    pub async fn result_of(&self, branch: usize) -> Value {
        let path = format!("/v1/results?branch_id={}", self.branches[branch]);
        let mut results = self.admin.client.all(&path, 50).await;
        assert_eq!(results.len(), 1, "{results:?}");
        results.remove(0)
    }

    /// All scores that a visit ever had, oldest first, in basis points.
    pub async fn result_scores(&self, visit: &str) -> Vec<i64> {
        let scores = self.admin.client.get(&format!("/v1/visits/{visit}/scores")).ok().await;
        let scores = scores["data"].as_array().expect("scores");
        scores.iter().map(|score| score["score_bp"].as_i64().expect("a score")).collect()
    }

    /// Adds somebody to the firm.
    pub async fn person(&self, app: &TestApp, name: &str, role: &str, scope: Option<Value>) -> Person {
        let person = add_person(app, &self.admin, &self.code, name, role, scope).await;
        prove_all(app).await;
        person
    }

    /// Somebody who reads the results of the whole chain.
    pub async fn chain_viewer(&self, app: &TestApp) -> Person {
        self.person(app, "viewer", "chain_viewer", Some(json!({"chain_id": self.chain, "branch_ids": []}))).await
    }

    /// Somebody who reads the results of the north.
    pub async fn region_viewer(&self, app: &TestApp) -> Person {
        let scope = json!({"chain_id": self.chain, "region_id": self.regions[0], "branch_ids": []});
        self.person(app, "north", "chain_viewer", Some(scope)).await
    }

    /// Somebody who manages the first branch.
    pub async fn branch_manager(&self, app: &TestApp) -> Person {
        let scope = json!({"chain_id": self.chain, "branch_ids": [self.branches[0]]});
        self.person(app, "manager", "branch_manager", Some(scope)).await
    }
}

/// Makes a firm and its first person by the command line.
async fn first_admin(app: &TestApp, code: &str) -> Person {
    let name = format!("Firm {code}");
    app.peegel(&["firm", "add", "--code", code, "--name", &name]).await.expect(0);
    let email = format!("admin@{code}.example");
    let arguments = ["user", "add", "--firm", code, "--email", &email, "--role", "firm_admin", "--password-stdin"];
    app.peegel_with_input(&arguments, &format!("{PASSWORD}\n")).await.expect(0);
    sign_in(app, email).await
}

/// The name of somebody: one that nothing else has, so that it is found wherever it should not be.
pub fn name_of(name: &str) -> String {
    format!("{name} Isikunimi")
}

async fn add_person(app: &TestApp, admin: &Person, code: &str, name: &str, role: &str, scope: Option<Value>) -> Person {
    let email = format!("{name}@{code}.example");
    let mut body = json!({"email": email, "name": name_of(name), "role": role, "password": PASSWORD});
    if let Some(scope) = scope {
        body["scope"] = scope;
    }
    admin.client.post("/v1/users", &body).created().await;
    sign_in(app, email).await
}

/// As if everybody had used a code from a mail. What a first password is worth until then has tests of its own.
async fn prove_all(app: &TestApp) {
    app.execute("UPDATE users SET proven_at = created_at WHERE proven_at IS NULL").await.expect("an update");
}

async fn sign_in(app: &TestApp, email: String) -> Person {
    let client = app.client().sign_in(&email, PASSWORD).await;
    let me = client.get("/v1/me").ok().await;
    let id = me["membership_id"].as_str().expect("one membership").to_owned();
    Person { client, email, id }
}
