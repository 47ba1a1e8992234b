//! The commands: what they print, and their exit codes. 0 is done, 1 failed, 2 bad usage or unreadable input.

use serde_json::{Value, json};

use crate::support::app::{Kind, TestApp};
use crate::support::files::{fixture_json, in_repository};
use crate::support::on_both;
use crate::support::tiny;
use crate::support::world::World;

on_both!(firms_and_people_are_added, standards_are_imported_and_published);

async fn firms_and_people_are_added(app: &TestApp) {
    let firm = app.peegel(&["firm", "add", "--code", "alpha", "--name", "Alpha OÜ"]).await.expect(0);
    assert_eq!(firm.text().trim().len(), 36, "prints the id: {}", firm.text());
    let again = app.peegel(&["firm", "add", "--code", "alpha", "--name", "Other"]).await.expect(1);
    assert!(again.stderr.contains("code_taken"), "{}", again.stderr);
    let empty = app.peegel(&["firm", "add", "--code", " ", "--name", ""]).await.expect(1);
    assert!(empty.stderr.contains("/code bad_code") && empty.stderr.contains("/name empty"), "{}", empty.stderr);
    app.peegel(&["firm", "add", "--code", "x"]).await.expect(2);

    let user = |more: &'static [&'static str]| [&["user", "add", "--role", "auditor"], more].concat();
    let made = app.peegel(&user(&["--email", "one@alpha.example"])).await.expect(0);
    let password = made.text().trim().strip_prefix("password: ").expect("a password");
    app.client().sign_in("one@alpha.example", password).await;
    let given = user(&["--email", "two@alpha.example", "--password-stdin", "--locale", "et"]);
    app.peegel_with_input(&given, "a long password of mine\n").await.expect(0);
    let me = app.client().sign_in("two@alpha.example", "a long password of mine").await.get("/v1/me").ok().await;
    assert_eq!((me["locale"].as_str(), me["name"].as_str()), (Some("et"), Some("two@alpha.example")));
    let short = app.peegel_with_input(&user(&["--email", "no", "--password-stdin"]), "short\n").await.expect(1);
    assert!(
        short.stderr.contains("/email bad_email") && short.stderr.contains("/password bad_length"),
        "{}",
        short.stderr
    );
    app.peegel(&["user", "add", "--email", "x@alpha.example", "--role", "king"]).await.expect(2);
    app.peegel(&user(&["--email", "x@alpha.example", "--firm", "nobody"])).await.expect(2);
    app.peegel(&user(&["--email", "x@alpha.example", "--chain", "nowhere"])).await.expect(2);
    app.peegel(&user(&["--email", "x@alpha.example", "--branch", "B1"])).await.expect(2);
    app.peegel(&["firm", "add", "--code", "beta", "--name", "Beta"]).await.expect(0);
    let unclear = app.peegel(&user(&["--email", "x@alpha.example"])).await.expect(2);
    assert!(unclear.stderr.contains("alpha, beta"), "{}", unclear.stderr);

    // Limited people, by the codes of chain and branches.
    let world = World::named(app, "gamma").await;
    let manager = [
        "user",
        "add",
        "--firm",
        "gamma",
        "--email",
        "m@gamma.example",
        "--role",
        "branch_manager",
        "--chain",
        "shops",
        "--branch",
        "B1",
        "--branch",
        "B3",
        "--password-stdin",
    ];
    app.peegel_with_input(&manager, "a long password of mine\n").await.expect(0);
    let manager = app.client().sign_in("m@gamma.example", "a long password of mine").await;
    let scope = &manager.get("/v1/me").ok().await["memberships"][0]["scope"];
    assert_eq!(scope, &json!({"chain_id": world.chain, "branch_ids": [world.branches[0], world.branches[2]]}));
    assert_eq!(manager.all("/v1/branches", 50).await.len(), 2);
}

async fn standards_are_imported_and_published(app: &TestApp) {
    let world = World::make(app).await;
    let file = |name: &str, standard: &Value| {
        let path = app.folder().join(name);
        std::fs::write(&path, standard.to_string()).expect("a file");
        path.to_str().expect("a path").to_owned()
    };
    let second = file("second.json", &tiny::version(2));
    let said = app.peegel(&["standard", "check", &second]).await.expect(0);
    assert!(said.text().starts_with("tiny version 2: 8 items, sha256 "), "{}", said.text());
    let imported = app.peegel(&["standard", "import", &second]).await.expect(0);
    assert!(imported.text().starts_with("tiny version 2: draft, sha256 "), "{}", imported.text());
    for _ in 0..2 {
        let published = app.peegel(&["standard", "publish", &second]).await.expect(0);
        assert!(published.text().starts_with("tiny version 2: published, sha256 "), "{}", published.text());
    }
    world.reviewer.client.get("/v1/standards/tiny/versions/2").ok().await;
    let mut changed = tiny::version(2);
    changed["title"]["en"] = json!("Other");
    let said = app.peegel(&["standard", "publish", &file("changed.json", &changed)]).await.expect(1);
    assert!(said.stderr.contains("version_exists"), "{}", said.stderr);

    let mut wrong = tiny::version(3);
    wrong["items"][0]["section"] = json!("cellar");
    wrong["colour"] = json!("red");
    let wrong = file("wrong.json", &wrong);
    for command in ["check", "import", "publish"] {
        let said = app.peegel(&["standard", command, &wrong]).await.expect(1);
        for pointer in ["problem /items/0/section ", "problem /colour "] {
            assert!(said.text().contains(pointer), "{pointer} in {}", said.text());
        }
        app.peegel(&["standard", command, "/no/such/file.json"]).await.expect(2);
        std::fs::write(app.folder().join("text.json"), "not json").expect("a file");
        app.peegel(&["standard", command, "text.json"]).await.expect(2);
    }
    app.peegel(&["standard", "import", &second, "--firm", "nobody"]).await.expect(2);
}

#[tokio::test]
async fn scores_need_no_database() {
    let app = TestApp::stopped(Kind::Sqlite).await;
    let file = |name: &str, content: &Value| {
        std::fs::write(app.folder().join(name), content.to_string()).expect("a file");
    };
    file("standard.json", &tiny::standard());
    // Evidence is a count here.
    let mut answers = tiny::dishonest();
    for item in ["front", "offer"] {
        answers[item]["evidence"] = json!(1);
    }
    file("answers.json", &answers);
    let score = ["score", "--standard", "standard.json", "--answers", "answers.json"];
    let result: Value = serde_json::from_str(app.peegel(&score).await.expect(0).text()).expect("JSON");
    let visit = &result["visit"];
    assert_eq!((&result["ok"], &visit["score_bp"], &visit["capped"]), (&json!(true), &json!(4000), &json!(true)));
    assert_eq!((&visit["raw"], &visit["score"]), (&json!("257/400"), &json!("2/5")), ".6425 and .4, exactly");
    assert_eq!(result["critical_failures"], json!([{"item": "honest", "scope": "visit", "cap_bp": 4000}]));

    file("answers.json", &json!({"greet": {"v": 3}}));
    let refused: Value = serde_json::from_str(app.peegel(&score).await.expect(1).text()).expect("JSON");
    assert_eq!(refused["ok"], false);
    assert_eq!(refused["errors"][0], json!({"item": "greet", "code": "bad_type"}));
    let rescored = [&score[..], &["--mode", "rescore"]].concat();
    assert_eq!(serde_json::from_str::<Value>(app.peegel(&rescored).await.expect(0).text()).expect("JSON")["ok"], true);
    file("answers.json", &json!([1]));
    let unreadable: Value = serde_json::from_str(app.peegel(&score).await.expect(2).text()).expect("JSON");
    assert_eq!(unreadable["answers_errors"][0]["code"], "unreadable");
    file("answers.json", &json!({}));
    file("standard.json", &json!({"id": "x"}));
    let invalid: Value = serde_json::from_str(app.peegel(&score).await.expect(2).text()).expect("JSON");
    assert!(invalid["standard_errors"].as_array().is_some_and(|errors| !errors.is_empty()), "{invalid}");
    app.peegel(&["score", "--standard", "standard.json"]).await.expect(2);
    app.peegel(&["score"]).await.expect(2);
    assert!(!app.data().exists(), "nothing was made on the way");
}

#[tokio::test]
async fn golden_cases_score_as_expected() {
    let app = TestApp::stopped(Kind::Sqlite).await;
    let path = in_repository("fixtures/scoring/scoring_cases.json");
    let said = app.peegel(&["score", "--cases", path.to_str().expect("a path")]).await.expect(0);
    let cases = fixture_json("scoring/scoring_cases.json");
    let cases = cases.as_array().expect("cases");
    let lines: Vec<Value> =
        said.text().lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect();
    assert_eq!(lines.len(), cases.len());
    assert!(cases.len() > 200, "{} cases", cases.len());
    for (line, case) in lines.iter().zip(cases) {
        assert_eq!(line["id"], case["id"]);
        let mut result = line["result"].clone();
        // The words of messages are free.
        for error in result["standard_errors"].as_array_mut().into_iter().flatten() {
            error.as_object_mut().expect("an error").remove("message");
        }
        let mut expected = case["expected"].clone();
        for error in expected["standard_errors"].as_array_mut().into_iter().flatten() {
            error.as_object_mut().expect("an error").remove("message");
        }
        assert_eq!(result, expected, "{}", case["id"]);
    }
    app.peegel(&["score", "--cases", "/no/such/file"]).await.expect(2);
}

#[tokio::test]
async fn statistics_need_no_database() {
    let app = TestApp::stopped(Kind::Sqlite).await;
    let stats = async |method: &str, input: &str, code: i32| -> Value {
        let said = app.peegel_with_input(&["stats", method], input).await.expect(code);
        serde_json::from_str(said.text()).expect("one JSON object")
    };
    let share = stats("wilson", r#"{"k": 3, "n": 3}"#, 0).await;
    assert_eq!((&share["n"], &share["p"], &share["upper"]), (&json!(3), &json!(1.0), &json!(1.0)));
    assert_eq!(stats("wilson", r#"{"k": 0, "n": 0}"#, 1).await["error"]["code"], "too_few");
    assert_eq!(stats("wilson", r#"{"k": 1, "n": 2, "sided": 1}"#, 1).await["error"]["code"], "bad_input");
    assert_eq!(stats("wilson", "not json", 2).await["error"]["code"], "unreadable");
    assert_eq!(stats("wilson", "", 2).await["error"]["code"], "unreadable");
    assert_eq!(stats("median", "{}", 2).await["error"]["code"], "unknown_method");

    let methods = app.peegel(&["stats", "--list"]).await.expect(0);
    assert_eq!(methods.text().lines().count(), 19);
    assert!(methods.text().starts_with("wilson\nnps\ncsi\n") && methods.text().ends_with("\nflags\n"));

    let path = in_repository("fixtures/scoring/stats_cases.json");
    let said = app.peegel(&["stats", "--cases", path.to_str().expect("a path")]).await.expect(0);
    let cases = fixture_json("scoring/stats_cases.json");
    let cases = cases.as_array().expect("cases");
    assert_eq!(said.text().lines().count(), cases.len());
    for (line, case) in said.text().lines().zip(cases) {
        let line: Value = serde_json::from_str(line).expect("a line of JSON");
        let (got, expected) = (&line["output"]["error"]["code"], &case["expected"]["error"]["code"]);
        assert_eq!((&line["id"], got), (&case["id"], expected), "the numbers are compared beside the library");
    }
    let missing = app.peegel(&["stats", "--cases", "/no/such/file"]).await.expect(2);
    assert_eq!(serde_json::from_str::<Value>(missing.text()).expect("JSON")["error"]["code"], "unreadable");

    app.peegel(&["stats"]).await.expect(2);
    app.peegel(&["stats", "wilson", "--list"]).await.expect(2);
    assert!(!app.data().exists(), "nothing was made on the way");
}

#[tokio::test]
async fn usage_is_explained() {
    let app = TestApp::stopped(Kind::Sqlite).await;
    let help = app.peegel(&["--help"]).await.expect(0);
    let commands = [
        "serve", "worker", "demo", "migrate", "score", "receipt", "standard", "stats", "rehearse", "report", "firm",
        "user", "audit", "jobs", "doctor", "openapi",
    ];
    for command in commands {
        assert!(help.text().lines().any(|line| line.trim().starts_with(command)), "{command} in {}", help.text());
        let help = app.peegel(&[command, "--help"]).await.expect(0);
        assert!(help.text().contains("Usage: peegel "), "{}", help.text());
    }
    let version = app.peegel(&["--version"]).await.expect(0);
    assert_eq!(version.text().trim(), concat!("peegel ", env!("CARGO_PKG_VERSION")));
    app.peegel(&[]).await.expect(2);
    app.peegel(&["sing"]).await.expect(2);
    app.peegel(&["serve", "--listen", "nowhere:99999"]).await.expect(1);
    let said = app.peegel(&["migrate", "--data", "/dev/null/x"]).await.expect(1);
    assert!(said.stderr.contains("cannot be made"), "{}", said.stderr);
    app.peegel(&["migrate", "--database-url", "postgres://nobody@127.0.0.1:1/none"]).await.expect(1);
}
