//! The OpenAPI document as it is served and checked in, and the page that shows it.

use std::collections::HashMap;

use poem::endpoint::make_sync;
use poem::http::header;
use poem::{Endpoint, Response};
use serde_json::{Map, Value, json};

use crate::access::{self, Needs};
use crate::app;
use crate::words::Role;

/// Requests and answers shown with the operations, by operation id; recorded from a running server.
const EXAMPLES: &str = include_str!("../../../openapi/examples.json");

/// The document.
pub fn document() -> Value {
    let mut document: Value = serde_json::from_str(&app::service().spec()).unwrap_or_default();
    let examples: Value = serde_json::from_str(EXAMPLES).unwrap_or_default();
    // The framework writes a 3.1 member into a 3.0 document.
    if let Some(root) = document.as_object_mut() {
        root.remove("webhooks");
    }
    let types = types_of(&document);
    for schema in document["components"]["schemas"].as_object_mut().into_iter().flat_map(Map::values_mut) {
        tidy_schema(schema, &types);
    }
    if let Some(paths) = document["paths"].as_object_mut() {
        for operations in paths.values_mut().filter_map(Value::as_object_mut) {
            for operation in operations.values_mut() {
                tidy(operation, &examples);
                say_who(operation);
            }
        }
    }
    document
}

/// The document as pretty JSON.
pub fn json() -> String {
    let mut text = serde_json::to_string_pretty(&document()).unwrap_or_default();
    text.push('\n');
    text
}

/// One line an operation: id, method, path and who may call it without signing in.
pub fn operations() -> String {
    let document = document();
    let mut lines = Vec::new();
    for (path, operations) in document["paths"].as_object().into_iter().flatten() {
        for (method, operation) in operations.as_object().into_iter().flatten() {
            let id = operation["operationId"].as_str().unwrap_or_default();
            let open = if is_open(operation) { " (open)" } else { "" };
            lines.push(format!("{id:32} {:6} {path}{open}\n", method.to_uppercase()));
        }
    }
    lines.sort_unstable();
    lines.concat()
}

/// Whether an operation can be called without signing in.
fn is_open(operation: &Value) -> bool {
    operation["security"].as_array().is_none_or(Vec::is_empty)
}

/// The type of every named schema, by the reference to it.
fn types_of(document: &Value) -> HashMap<String, Value> {
    let schemas = document["components"]["schemas"].as_object().into_iter().flatten();
    schemas.map(|(name, schema)| (format!("#/components/schemas/{name}"), schema["type"].clone())).collect()
}

/// Says what the framework leaves unsaid: that members which may be absent may also be null, in requests as in answers.
fn tidy_schema(schema: &mut Value, types: &HashMap<String, Value>) {
    let required: Vec<_> = schema["required"].as_array().into_iter().flatten().cloned().collect();
    for (name, member) in schema.get_mut("properties").and_then(Value::as_object_mut).into_iter().flatten() {
        if member["format"] == "naive-date" {
            member["format"] = json!("date");
        }
        let Some(members) = member.as_object_mut() else { continue };
        if members.contains_key("default") || required.iter().any(|known| known == name) {
            continue;
        }
        let reference =
            members.get("allOf").and_then(|all| all.get(0)).filter(|first| first["$ref"].is_string()).cloned();
        if let Some(reference) = reference {
            let of_type = reference["$ref"].as_str().and_then(|path| types.get(path)).cloned().unwrap_or_default();
            members.remove("allOf");
            let nothing = json!({"type": of_type, "nullable": true, "enum": [null]});
            members.insert("anyOf".to_owned(), json!([reference, nothing]));
        } else if members.contains_key("type") {
            members.insert("nullable".to_owned(), json!(true));
        }
    }
}

/// Removes answers that an operation cannot give, and adds its examples.
fn tidy(operation: &mut Value, examples: &Value) {
    let names: Vec<String> = operation["parameters"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|parameter| parameter["name"].as_str().map(str::to_lowercase))
        .collect();
    let has = |name: &str| names.iter().any(|known| known == name);
    let has_body = operation.get("requestBody").is_some();
    let is_open = is_open(operation);
    let is_bare = names.is_empty() && !has_body;
    let example = examples[operation["operationId"].as_str().unwrap_or_default()].clone();
    let Some(members) = operation.as_object_mut() else { return };
    if is_open {
        // Says that it is open, where nothing would leave it unsaid.
        members.insert("security".to_owned(), json!([]));
    }
    if let Some(answers) = members.get_mut("responses").and_then(Value::as_object_mut) {
        let mut drop_unless = |status: &str, possible: bool| {
            if !possible {
                answers.remove(status);
            }
        };
        let writes_with_condition = has("if-match");
        drop_unless("401", !is_open || has_body);
        drop_unless("403", !is_open);
        drop_unless("404", !is_bare);
        // These are of the address and the head of any request, not of an operation.
        drop_unless("405", false);
        drop_unless("414", false);
        drop_unless("431", false);
        drop_unless("409", has_body || !is_bare);
        drop_unless("412", writes_with_condition);
        drop_unless("428", writes_with_condition);
        drop_unless("413", has_body);
        drop_unless("415", has_body);
        drop_unless("422", has_body);
        drop_unless("416", has("range"));
        drop_unless("429", is_open && has_body);
        drop_unless("507", has_body);
        drop_unless("400", !is_bare);
        for (status, answer) in answers.iter_mut() {
            if answer["description"].as_str().is_none_or(|text| text.trim().is_empty()) {
                answer["description"] = json!("Done.");
            }
            if let Some(body) = example["responses"].get(status) {
                set_example(answer.get_mut("content"), body);
            }
        }
    }
    if let Some(body) = example.get("request") {
        set_example(members.get_mut("requestBody").and_then(|request| request.get_mut("content")), body);
    }
}

/// Says in the description who may call an operation.
fn say_who(operation: &mut Value) {
    let Some(Needs::To(right)) = access::needs(operation["operationId"].as_str().unwrap_or_default()) else { return };
    let roles: Vec<_> = access::roles(right).map(Role::as_str).collect();
    let description = operation["description"].as_str().unwrap_or_default();
    operation["description"] = json!(format!("{description}\n\nFor {}.", roles.join(", ")).trim_start());
}

fn set_example(content: Option<&mut Value>, body: &Value) {
    for media in content.and_then(Value::as_object_mut).into_iter().flat_map(Map::values_mut) {
        media["example"] = body.clone();
    }
}

/// The page that shows the document; everything it needs is in it.
pub fn page() -> impl Endpoint {
    // The framework's page shows its own document and names a font of another host; ours must work without any.
    let service = app::service();
    let html = service.rapidoc_html().replace(&service.spec(), &document().to_string());
    let without_fonts: String =
        html.lines().filter(|line| !line.contains("<link href=\"https://")).collect::<Vec<_>>().join("\n");
    make_sync(move |_| {
        Response::builder()
            .header(header::CONTENT_TYPE, "text/html; charset=utf-8")
            .header(
                header::CONTENT_SECURITY_POLICY,
                "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src 'self' data:; \
                 connect-src 'self'; base-uri 'none'; frame-ancestors 'none'",
            )
            .body(without_fonts.clone())
    })
}

/// Serves the document.
pub fn endpoint() -> impl Endpoint {
    let document = json();
    make_sync(move |_| {
        Response::builder().header(header::CONTENT_TYPE, "application/json; charset=utf-8").body(document.clone())
    })
}
