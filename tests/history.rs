//! Makes a long history: some visits are filed and published through the API, then copied in the database over many
//! branches. For measuring what reads or rescores it all.
//!
//! ```sh
//! cargo build --release && cargo run --release --example history -- --data target/history --visits 1000000
//! ```
//!
//! The folder must be new. Branches differ: the copies of each are of visits that went about as well.

mod running;
mod sample;

use std::path::PathBuf;

use clap::Parser;
use sea_orm::{ConnectionTrait, Database, DatabaseConnection, DbBackend, Statement};
use serde_json::{Value, json};

use running::{Client, Outcome, Server, add_user, built_program, run};

/// Visits that are filed and published one by one.
const FILED: usize = 200;
const PASSWORD: &str = "one of a long history";

/// Makes a long history of published visits
#[derive(Parser)]
struct Arguments {
    /// The program; the one built beside this if absent
    #[arg(long)]
    peegel: Option<PathBuf>,
    /// A new folder
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// A PostgreSQL database without tables; SQLite in the folder if absent
    #[arg(long, value_name = "URL")]
    database_url: Option<String>,
    /// Published visits in the end
    #[arg(long, default_value_t = 1_000_000)]
    visits: usize,
    /// Branches
    #[arg(long, default_value_t = 2000)]
    branches: usize,
}

fn main() -> Outcome<()> {
    let arguments = Arguments::parse();
    if arguments.data.exists() {
        return Err(format!("{} is there already; name a new folder", arguments.data.display()).into());
    }
    let program = arguments.peegel.clone().map_or_else(built_program, Ok)?;
    let mut settings = vec!["--data", arguments.data.to_str().ok_or("the folder is not UTF-8")?];
    settings.extend(arguments.database_url.iter().flat_map(|url| ["--database-url", url]));
    run(&program, &[&["firm", "add", "--code", "long", "--name", "Long"], settings.as_slice()].concat())?;
    let password = add_user(&program, &settings, "admin@example.org", "Admin", "firm_admin")?;
    let server = Server::start(&program, &settings)?;
    let mut admin = Person::sign_in(&server, "admin@example.org", &password)?;
    admin.publish_some(&server, arguments.branches)?;
    server.stop()?;

    let url = arguments.database_url.clone();
    let url = url.unwrap_or_else(|| format!("sqlite://{}", arguments.data.join("peegel.db").display()));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async { copy(&Database::connect(url).await?, arguments.visits).await })?;
    print!("{}", run(&program, &[&["scorecards", "rebuild"], settings.as_slice()].concat())?);
    println!("; sign in as admin@example.org with {password}");
    Ok(())
}

struct Person {
    client: Client,
    token: String,
    membership: Value,
}

impl Person {
    fn sign_in(server: &Server, email: &str, password: &str) -> Outcome<Self> {
        let mut client = Client::connect(&server.address)?;
        let session = client.json("POST", "/v1/sessions", "", &json!({"email": email, "password": password}))?;
        let token = session["access_token"].as_str().ok_or("no token")?.to_owned();
        Ok(Self { client, token, membership: session["memberships"][0]["membership_id"].clone() })
    }

    fn call(&mut self, method: &str, path: &str, body: &Value) -> Outcome<Value> {
        self.client.json(method, path, &self.token, body)
    }

    fn publish_some(&mut self, server: &Server, branches: usize) -> Outcome<()> {
        let none = Value::Null;
        self.call("POST", "/v1/standards", &sample::standard())?;
        self.call("POST", "/v1/standards/load/publish", &json!({"version": 1}))?;
        let chain = json!({"code": "long", "name": "Long", "kind": "client", "locale": "en", "colour": "#336699"});
        let chain_id = self.call("POST", "/v1/chains", &chain)?["id"].clone();
        let mut branch_id = Value::Null;
        for some in (0..branches).collect::<Vec<_>>().chunks(500) {
            let branch = |i: &usize| {
                json!({
                    "code": format!("B{i}"), "name": format!("Branch {i}"), "address": "Long Street 1",
                    "time_zone": "Europe/Tallinn",
                })
            };
            let body = json!({"chain_id": chain_id, "branches": some.iter().map(branch).collect::<Vec<_>>()});
            branch_id = self.call("POST", "/v1/branches", &body)?["data"][0]["id"].clone();
        }
        let wave = json!({
            "chain_id": chain_id, "name": "Long", "kind": "regular", "opens_on": "2020-01-01", "closes_on": "2099-12-31",
        });
        let wave_id = self.call("POST", "/v1/waves", &wave)?["id"].clone();
        self.call("POST", &format!("/v1/waves/{}/open", wave_id.as_str().ok_or("no id")?), &none)?;
        let user = json!({
            "email": "auditor@example.org", "name": "Auditor", "role": "auditor", "locale": "en", "password": PASSWORD,
        });
        self.call("POST", "/v1/users", &user)?;
        let mut auditor = Person::sign_in(server, "auditor@example.org", PASSWORD)?;
        let assignment = json!({
            "branch_id": branch_id, "standard_id": "load", "standard_version": 1, "auditor_id": auditor.membership,
            "window_start": "2020-01-01T00:00:00Z", "window_end": "2099-12-31T00:00:00Z",
        });
        let body = json!({"wave_id": wave_id, "assignments": vec![assignment; FILED]});
        let assignments = self.call("POST", "/v1/assignments", &body)?;
        for (n, assignment) in assignments["data"].as_array().ok_or("no assignments")?.iter().enumerate() {
            let (id, body) = sample::visit(&assignment["id"], n as u64);
            let bytes = serde_json::to_vec(&body)?;
            let headers = [("content-type", "application/json"), ("if-none-match", "*")];
            let path = format!("/v1/visits/{id}");
            let filed = running::request("PUT", &path, &auditor.token, &headers, &bytes);
            auditor.client.send(&filed)?.json()?;
            for (decision, body) in [("review", &none), ("approve", &json!({})), ("publish", &none)] {
                self.call("POST", &format!("{path}/{decision}"), body)?;
            }
        }
        Ok(())
    }
}

/// Copies the published visits until there are as many as asked for, spread over the branches.
async fn copy(db: &DatabaseConnection, visits: usize) -> Outcome<()> {
    let copies = visits.saturating_sub(FILED);
    let (numbers, id) = match db.get_database_backend() {
        DbBackend::Postgres => (format!("SELECT generate_series(0, {copies} - 1) AS i"), "gen_random_uuid()"),
        _ => (format!("SELECT 0 AS i UNION ALL SELECT i + 1 FROM numbers WHERE i + 1 < {copies}"), "randomblob(16)"),
    };
    let window = FILED / 4;
    let steps = [
        format!(
            "CREATE TABLE copies AS WITH RECURSIVE numbers AS ({numbers}), \
             filed AS (SELECT visit_id, row_number() OVER (ORDER BY score_bp, visit_id) - 1 AS k FROM scores), \
             places AS (SELECT id, row_number() OVER (ORDER BY id) - 1 AS k FROM branches) \
             SELECT filed.visit_id AS old, {id} AS new, {id} AS public_id, places.id AS branch_id FROM numbers \
             JOIN places ON places.k = i % (SELECT count(*) FROM branches) \
             JOIN filed ON filed.k = (places.k * 37) % {start} + (i / (SELECT count(*) FROM branches) * 13 + places.k) % {window}",
            start = FILED - window,
        ),
        copy_of(
            "visits",
            &[("id", "new"), ("branch_id", "branch_id"), ("public_id", "public_id")],
            "id",
            "assignment_id, wave_id, client_chain_id, auditor_id, standard_id, standard_version, state, outcome, \
             reporting, quarantine_reason, reviewer_id, review_reason, write_number, write_sha256, write_status, \
             write_answer, current_revision, current_score_version, device_at, received_at, skew_ms, submitted_at, \
             published_at",
        ),
        copy_of(
            "revisions",
            &[("visit_id", "new")],
            "visit_id",
            "revision, kind, answers, answers_sha256, device, author_id, reasons, created_at",
        ),
        copy_of(
            "scores",
            &[("visit_id", "new")],
            "visit_id",
            "score_version, revision, standard_id, standard_version, engine_version, score_bp, raw_bp, insufficient, \
             scored_share_bp, result, created_at",
        ),
        "DROP TABLE copies".to_owned(),
        "ANALYZE".to_owned(),
    ];
    for step in steps {
        db.execute_unprepared(&step).await?;
    }
    let count = Statement::from_string(db.get_database_backend(), "SELECT count(*) AS n FROM visits");
    let count: i64 = db.query_one_raw(count).await?.ok_or("no count")?.try_get_by_index(0)?;
    if usize::try_from(count)? != visits.max(FILED) {
        return Err(format!("{count} visits are there").into());
    }
    Ok(())
}

/// Copies rows with other values in some columns.
fn copy_of(table: &str, changed: &[(&str, &str)], key: &str, same: &str) -> String {
    let names: Vec<_> = changed.iter().map(|(column, _)| *column).collect();
    let values: Vec<_> = changed.iter().map(|(_, value)| format!("copies.{value}")).collect();
    let rows: Vec<_> = same.split(',').map(|column| format!("rows_.{}", column.trim())).collect();
    format!(
        "INSERT INTO {table} (firm_id, {}, {same}) SELECT rows_.firm_id, {}, {} FROM copies \
         JOIN {table} rows_ ON rows_.{key} = copies.old",
        names.join(", "),
        values.join(", "),
        rows.join(", "),
    )
}
