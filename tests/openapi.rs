//! The document that describes the API: fresh, and complete enough to work from.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::support::app::{Kind, TestApp};
use crate::support::files::in_repository;

/// The document, as the program prints it.
pub async fn document(app: &TestApp) -> Value {
    serde_json::from_str(app.peegel(&["openapi"]).await.expect(0).text()).expect("JSON")
}

/// An operation of the document.
pub struct Operation {
    /// Its id.
    pub id: String,
    /// `GET` and so on.
    pub method: String,
    /// The path with its parameters in braces.
    pub path: String,
    /// Everything said of it.
    pub object: Value,
}

/// All operations.
pub fn operations(document: &Value) -> Vec<Operation> {
    let mut operations = Vec::new();
    for (path, methods) in document["paths"].as_object().expect("paths") {
        for (method, object) in methods.as_object().expect("methods") {
            let id = object["operationId"].as_str().unwrap_or_else(|| panic!("{method} {path} has an id")).to_owned();
            operations.push(Operation {
                id,
                method: method.to_uppercase(),
                path: path.clone(),
                object: object.clone(),
            });
        }
    }
    assert!(operations.len() >= 50, "{} operations", operations.len());
    operations
}

fn is_text(value: &Value) -> bool {
    value.as_str().is_some_and(|text| !text.trim().is_empty())
}

#[tokio::test]
async fn the_document_in_the_repository_is_fresh() {
    let app = TestApp::start(Kind::Sqlite).await;
    let printed = app.peegel(&["openapi"]).await.expect(0);
    let served = app.client().get("/openapi.json").send().await.expect(200);
    assert_eq!(served.header("content-type"), "application/json; charset=utf-8");
    assert!(served.body == printed.stdout, "GET /openapi.json differs from `peegel openapi`");
    let files = [
        ("openapi.json", &["openapi"][..]),
        ("operations.txt", &["openapi", "--operations"]),
        ("rights.md", &["openapi", "--rights"]),
    ];
    for (file, arguments) in files {
        let printed = app.peegel(arguments).await.expect(0).stdout;
        let kept = std::fs::read(in_repository("openapi").join(file)).unwrap_or_default();
        let command = arguments.join(" ");
        assert!(kept == printed, "openapi/{file} is not fresh; run: peegel {command} > openapi/{file}");
    }
    app.finish().await;
}

#[tokio::test]
async fn every_operation_says_what_it_does() {
    let app = TestApp::stopped(Kind::Sqlite).await;
    let document = document(&app).await;
    let mut ids = BTreeSet::new();
    for operation in operations(&document) {
        let Operation { id, object, .. } = &operation;
        assert!(ids.insert(id.clone()), "{id} is the id of two operations");
        let verb = id.split('_').next().expect("a verb");
        assert!(id.contains('_') && !verb.is_empty(), "{id} should be verb_noun");
        assert_eq!(object["tags"].as_array().map(Vec::len), Some(1), "{id} has a tag");
        for member in ["summary", "description"] {
            assert!(is_text(&object[member]), "{id} has a {member}");
        }
        let summary = object["summary"].as_str().expect("a summary");
        assert!(summary.len() <= 60 && !summary.ends_with('.'), "{id}: a short summary: {summary}");
        let parameters = object["parameters"].as_array().cloned().unwrap_or_default();
        for parameter in &parameters {
            assert!(is_text(&parameter["description"]), "{id}: {} is described", parameter["name"]);
        }
        let answers = object["responses"].as_object().expect("responses");
        assert!(answers.keys().any(|status| status.starts_with('2')), "{id} has a good answer");
        if !parameters.is_empty() || object.get("requestBody").is_some() {
            assert!(answers.keys().any(|status| status.starts_with('4')), "{id} takes input, so it can be refused");
        }
        for (status, answer) in answers {
            assert!(is_text(&answer["description"]), "{id} {status} is described");
            if status.starts_with(['4', '5']) {
                let media = answer["content"].as_object().expect("a body");
                assert!(media.contains_key("application/problem+json"), "{id} {status} is a problem");
            }
        }
    }
    for (name, schema) in document["components"]["schemas"].as_object().expect("schemas") {
        assert!(is_text(&schema["description"]) || name.starts_with("Page_"), "{name} is described");
        for (member, property) in schema["properties"].as_object().into_iter().flatten() {
            let is_described = is_text(&property["description"]) || property.get("$ref").is_some();
            assert!(is_described, "{name}.{member} is described");
        }
    }
}

#[tokio::test]
async fn every_json_body_has_an_example() {
    let app = TestApp::stopped(Kind::Sqlite).await;
    let mut missing = Vec::new();
    for Operation { id, object, .. } in operations(&document(&app).await) {
        let mut check = |what: String, body: &Value| {
            for (media_type, media) in body["content"].as_object().into_iter().flatten() {
                if media_type.starts_with("application/json") && media.get("example").is_none() {
                    missing.push(format!("{id} {what}"));
                }
            }
        };
        check("request".to_owned(), &object["requestBody"]);
        for (status, answer) in object["responses"].as_object().expect("responses") {
            if status.starts_with('2') {
                check(status.clone(), answer);
            }
        }
    }
    assert!(missing.is_empty(), "without an example: {}", missing.join(", "));
}
