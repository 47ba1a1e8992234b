//! A firm with everything that visits need, for the programs that measure how they are filed.

use serde_json::{Value, json};

use crate::running::{Client, Outcome, Server};
use crate::sample;

const BRANCHES: usize = 100;

/// Somebody who files visits.
pub struct Auditor {
    /// Signs in requests.
    pub token: String,
    /// What is to be filed.
    pub assignment_ids: Vec<Value>,
}

/// The firm's administrator, who prepares the work and counts what came of it.
pub struct Admin {
    /// Closed by the server after a long pause; then it takes another one.
    pub client: Client,
    token: String,
}

impl Admin {
    /// Signs in.
    pub fn sign_in(server: &Server, password: &str) -> Outcome<Self> {
        let mut client = Client::connect(&server.address)?;
        let session = session(&mut client, "admin@example.org", password)?;
        let token = text(&session["access_token"])?;
        Ok(Self { client, token })
    }

    /// Sends JSON and expects JSON.
    pub fn call(&mut self, method: &str, path: &str, body: &Value) -> Outcome<Value> {
        self.client.json(method, path, &self.token, body)
    }

    /// Makes everything that visits need, and auditors with their assignments.
    pub fn prepare(&mut self, auditors: usize, visits_each: usize) -> Outcome<Vec<Auditor>> {
        self.call("POST", "/v1/standards", &sample::standard())?;
        self.call("POST", "/v1/standards/load/publish", &json!({"version": 1}))?;
        let chain = json!({"code": "load", "name": "Load", "kind": "client", "locale": "en", "colour": "#336699"});
        let chain_id = text(&self.call("POST", "/v1/chains", &chain)?["id"])?;
        let branch = |i| json!({"code": format!("B{i}"), "name": format!("Branch {i}"), "address": "Long Street 1", "time_zone": "Europe/Tallinn"});
        let branches: Vec<_> = (0..BRANCHES).map(branch).collect();
        let branches = self.call("POST", "/v1/branches", &json!({"chain_id": chain_id, "branches": branches}))?;
        let branch_ids = branches["data"].as_array().ok_or("no branches")?.iter().map(|branch| &branch["id"]);
        let branch_ids: Vec<_> = branch_ids.collect();
        let wave = json!({"chain_id": chain_id, "name": "Load", "kind": "regular", "opens_on": "2020-01-01", "closes_on": "2099-12-31"});
        let wave_id = text(&self.call("POST", "/v1/waves", &wave)?["id"])?;
        self.call("POST", &format!("/v1/waves/{wave_id}/open"), &Value::Null)?;
        let mut all = Vec::with_capacity(auditors);
        for auditor in 0..auditors {
            let (email, password) = (format!("auditor{auditor}@example.org"), "one of many auditors");
            let user =
                json!({"email": email, "name": "Auditor", "role": "auditor", "locale": "en", "password": password});
            self.call("POST", "/v1/users", &user)?;
            let session = session(&mut self.client, &email, password)?;
            let token = text(&session["access_token"])?;
            let auditor_id = &session["memberships"][0]["membership_id"];
            let mut assignment_ids = Vec::with_capacity(visits_each);
            let assignments: Vec<_> = (0..visits_each)
                .map(|n| {
                    json!({
                        "branch_id": branch_ids[n % branch_ids.len()], "standard_id": "load", "standard_version": 1,
                        "auditor_id": auditor_id, "window_start": "2020-01-01T00:00:00Z", "window_end": "2099-12-31T00:00:00Z",
                    })
                })
                .collect();
            for some in assignments.chunks(1000) {
                let added = self.call("POST", "/v1/assignments", &json!({"wave_id": wave_id, "assignments": some}))?;
                let added = added["data"].as_array().ok_or("no assignments")?;
                assignment_ids.extend(added.iter().map(|assignment| assignment["id"].clone()));
            }
            all.push(Auditor { token, assignment_ids });
        }
        Ok(all)
    }

    /// Counts the visits that were submitted.
    pub fn count_submitted(&mut self) -> Outcome<usize> {
        let (mut count, mut cursor) = (0, String::new());
        loop {
            let page = self.call("GET", &format!("/v1/visits?state=submitted&limit=200{cursor}"), &Value::Null)?;
            count += page["data"].as_array().ok_or("no page")?.len();
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return Ok(count),
            }
        }
    }
}

fn session(client: &mut Client, email: &str, password: &str) -> Outcome<Value> {
    client.json("POST", "/v1/sessions", "", &json!({"email": email, "password": password}))
}

fn text(value: &Value) -> Outcome<String> {
    Ok(value.as_str().ok_or("a text is missing in an answer")?.to_owned())
}
