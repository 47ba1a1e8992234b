//! The tables: what the database itself forbids, on both databases alike.

use std::collections::BTreeSet;

use serde_json::json;

use crate::openapi::document;
use crate::support::app::{Kind, TestApp};
use crate::support::world::World;
use crate::support::{on_both, tiny};

on_both!(
    the_words_of_columns_are_those_of_the_api,
    the_database_forbids_references_into_another_firm,
    migrating_again_changes_nothing,
);

/// Columns that hold words, with the lists of the API.
const COLUMNS: [(&str, &str, &str); 29] = [
    ("memberships", "role", "Role"),
    ("chains", "kind", "ChainKind"),
    ("chains", "recording_policy", "RecordingPolicy"),
    ("standards", "kind", "StandardKind"),
    ("standard_versions", "state", "VersionState"),
    ("waves", "kind", "WaveKind"),
    ("waves", "state", "WaveState"),
    ("assignments", "state", "AssignmentState"),
    ("visits", "state", "VisitState"),
    ("visits", "outcome", "Outcome"),
    ("visits", "attempted_because", "AttemptedBecause"),
    ("visits", "reporting", "Reporting"),
    ("visits", "quarantine_reason", "QuarantineReason"),
    ("revisions", "kind", "RevisionKind"),
    ("consents", "basis", "ConsentBasis"),
    ("consents", "scope", "ConsentScope"),
    ("evidence", "kind", "EvidenceKind"),
    ("evidence", "state", "EvidenceState"),
    ("transcripts", "format", "TranscriptFormat"),
    ("transcriptions", "state", "TranscriptionState"),
    ("actions", "state", "ActionState"),
    ("appeals", "state", "AppealState"),
    ("questions", "state", "QuestionState"),
    ("signals", "code", "SignalCode"),
    ("signals", "verdict", "SignalVerdict"),
    ("notices", "kind", "NoticeKind"),
    ("notices", "about", "NoticeAbout"),
    ("notice_settings", "digest", "NoticeDigest"),
    ("second_scorings", "state", "SecondScoringState"),
];

/// The words that the database allows in a column.
async fn checked_words(app: &TestApp, table: &str, column: &str) -> BTreeSet<String> {
    let (query, marker) = match app.kind() {
        Kind::Sqlite => (
            format!("SELECT sql AS def FROM sqlite_master WHERE type = 'table' AND name = '{table}'"),
            format!("(\"{column}\" IN ("),
        ),
        Kind::Postgres => (
            format!(
                "SELECT pg_get_constraintdef(c.oid) AS def FROM pg_constraint c \
                 JOIN pg_class t ON t.oid = c.conrelid WHERE c.contype = 'c' AND t.relname = '{table}'"
            ),
            format!("({column})::text = ANY"),
        ),
    };
    for row in app.query(&query).await {
        let definition: String = row.try_get("", "def").expect("a definition");
        if let Some((_, list)) = definition.split_once(&marker) {
            let list = list.split(['(', ')']).find(|part| part.contains('\'')).expect("words");
            return list.split('\'').skip(1).step_by(2).map(ToOwned::to_owned).collect();
        }
    }
    panic!("the database checks nothing of {table}.{column}");
}

async fn the_words_of_columns_are_those_of_the_api(app: &TestApp) {
    let document = document(app).await;
    for (table, column, schema) in COLUMNS {
        let words = document["components"]["schemas"][schema]["enum"].as_array();
        let words = words.unwrap_or_else(|| panic!("{schema} is a list of words")).iter();
        let words: BTreeSet<_> = words.map(|word| word.as_str().expect("a word").to_owned()).collect();
        assert!(words.len() >= 2, "{schema}");
        assert_eq!(checked_words(app, table, column).await, words, "{table}.{column}");
    }
}

async fn the_database_forbids_references_into_another_firm(app: &TestApp) {
    let (world, beta) = (World::make(app).await, World::named(app, "beta").await);
    world.publish(0, &tiny::fair()).await;
    beta.publish(0, &tiny::fair()).await;
    for (table, column, target) in [
        ("regions", "chain_id", "chains"),
        ("branches", "chain_id", "chains"),
        ("branch_regions", "region_id", "regions"),
        ("waves", "chain_id", "chains"),
        ("assignments", "branch_id", "branches"),
        ("assignments", "wave_id", "waves"),
        ("assignments", "auditor_id", "memberships"),
        ("visits", "assignment_id", "assignments"),
        ("visits", "auditor_id", "memberships"),
        ("revisions", "visit_id", "visits"),
        ("scores", "visit_id", "visits"),
        ("evidence", "visit_id", "visits"),
        ("actions", "branch_id", "branches"),
        ("notices", "membership_id", "memberships"),
        ("notices", "branch_id", "branches"),
    ] {
        let foreign = format!("(SELECT MIN(id) FROM {target} WHERE {target}.firm_id <> {table}.firm_id)");
        // PostgreSQL has no MIN of UUIDs.
        let foreign = match app.kind() {
            Kind::Sqlite => foreign,
            Kind::Postgres => {
                format!("(SELECT id FROM {target} WHERE {target}.firm_id <> {table}.firm_id ORDER BY id LIMIT 1)")
            }
        };
        let update = format!("UPDATE {table} SET {column} = {foreign}");
        let refused = app.execute(&update).await.expect_err(&update).to_string().to_lowercase();
        assert!(refused.contains("foreign key"), "{table}.{column}: {refused}");
        // With an id of its own firm the same statement goes through.
        let own = foreign.replace("<>", "=");
        if (table, column) != ("scores", "visit_id") && (table, column) != ("revisions", "visit_id") {
            let update = format!("UPDATE {table} SET {column} = {column} WHERE {column} = {own}");
            app.execute(&update).await.unwrap_or_else(|error| panic!("{update}: {error}"));
        }
    }
    for (table, column) in [("visits", "state"), ("evidence", "kind"), ("memberships", "role")] {
        let update = format!("UPDATE {table} SET {column} = 'lost in space'");
        let refused = app.execute(&update).await.expect_err(&update).to_string().to_lowercase();
        assert!(refused.contains("check constraint"), "{refused}");
    }
}

async fn migrating_again_changes_nothing(app: &TestApp) {
    let world = World::make(app).await;
    let applied = async || app.query("SELECT version FROM seaql_migrations").await.len();
    let before = applied().await;
    assert!(before >= 14, "{before} migrations");
    app.peegel(&["migrate"]).await.expect(0);
    assert_eq!(applied().await, before);
    assert_eq!(world.admin.client.get("/v1/chains").ok().await["data"][0]["id"], json!(world.chain));

    // Tables of a newer program are refused, not used.
    let newer = "INSERT INTO seaql_migrations (version, applied_at) VALUES ('m29990101_000001_newer', 1)";
    app.execute(newer).await.expect("a row");
    let refused = app.peegel(&["migrate"]).await.expect(1);
    assert!(refused.stderr.contains("cannot be opened"), "{}", refused.stderr);
    app.execute("DELETE FROM seaql_migrations WHERE version LIKE 'm2999%'").await.expect("a row less");
}
