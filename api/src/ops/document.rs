//! The OpenAPI document as it is served and checked in, and the page that shows it.

use std::collections::{BTreeSet, HashMap};

use poem::endpoint::make_sync;
use poem::http::header;
use poem::{Endpoint, Response};
use serde_json::{Map, Value, json};

use crate::access::{self, Needs};
use crate::app;
use crate::http::paging::{DEFAULT_LIMIT, MAX_LIMIT};
use crate::http::tus;
use crate::words::Role;

/// Operations on what may be gone for good: purged, or too old to go on from.
const GOES: &[&str] = &[
    "list_changes",
    "put_evidence_content",
    "get_evidence_content",
    "get_evidence_preview",
    "create_evidence_link",
    "get_visit_receipt",
    "get_result",
    "get_result_receipt",
    "create_appeal",
    "get_result_photo",
    "create_result_photo_link",
];
/// Requests and answers shown with the operations, by operation id; recorded from a running server.
const EXAMPLES: &str = include_str!("../../../openapi/examples.json");

/// What `http::json::text_problem` lets pass: not blank, and no control characters but line breaks and tabs.
const TEXT_PATTERN: &str =
    r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]*$";
/// The days and times that can be stored.
const YEARS_PATTERN: &str = "^(19[7-9][0-9]|[2-9][0-9]{3})-";
/// The schema of a file that the scoring rules read: nothing in it may be null, and its texts have rules of their own.
const STANDARD: &str = "StandardDocument";
/// Texts of requests that may be anything: what they are is looked up, not kept.
const FREE_TEXTS: [&str; 1] = ["email"];
/// Operations behind a sign-in that ask for passwords and codes, or send mail: they are throttled as well.
const THROTTLED: [&str; 8] = [
    "begin_totp",
    "change_password",
    "confirm_totp",
    "create_api_key",
    "create_user",
    "invite_user",
    "remove_totp",
    "renew_recovery_codes",
];

/// The document.
pub fn document() -> Value {
    let mut document: Value = serde_json::from_str(&app::service().spec()).unwrap_or_default();
    let examples: Value = serde_json::from_str(EXAMPLES).unwrap_or_default();
    // The framework writes a 3.1 member into a 3.0 document.
    if let Some(root) = document.as_object_mut() {
        root.remove("webhooks");
    }
    let (types, requested) = (types_of(&document), requested(&document));
    for (name, schema) in document["components"]["schemas"].as_object_mut().into_iter().flatten() {
        if name == STANDARD {
            schema["additionalProperties"] = json!(false);
            continue;
        }
        say_nullable(schema, &types);
        if requested.contains(name) {
            say_strict(schema);
        }
    }
    if let Some(paths) = document["paths"].as_object_mut() {
        for operations in paths.values_mut().filter_map(Value::as_object_mut) {
            for (method, operation) in operations.iter_mut() {
                say_parameters(operation, method);
                tidy(operation, method, &examples);
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

/// The named schemas that bodies of requests are made of.
fn requested(document: &Value) -> BTreeSet<String> {
    let operations = document["paths"].as_object().into_iter().flat_map(Map::values).filter_map(Value::as_object);
    let mut open: Vec<_> = operations.flat_map(Map::values).map(|operation| &operation["requestBody"]).collect();
    let mut found = BTreeSet::new();
    while let Some(value) = open.pop() {
        match value {
            Value::Object(members) => open.extend(members.values()),
            Value::Array(list) => open.extend(list),
            Value::String(path) => {
                if let Some(name) = path.strip_prefix("#/components/schemas/")
                    && found.insert(name.to_owned())
                {
                    open.push(&document["components"]["schemas"][name]);
                }
            }
            _ => {}
        }
    }
    found
}

/// Says of what a request sends that unknown members are refused, that texts are neither blank nor hold control
/// characters, and from when on days and times count.
fn say_strict(schema: &mut Value) {
    let Some(members) = schema.as_object_mut() else { return };
    if members.contains_key("properties") {
        members.insert("additionalProperties".to_owned(), json!(false));
    }
    let of_texts = members.get("properties").and_then(Value::as_object).into_iter().flatten();
    let free: Vec<_> = of_texts.map(|(name, _)| name.clone()).filter(|name| FREE_TEXTS.contains(&&**name)).collect();
    if members.get("type").is_some_and(|of_type| of_type == "string") && !members.contains_key("enum") {
        match members.get("format").and_then(Value::as_str) {
            None if !members.contains_key("pattern") => {
                members.insert("minLength".to_owned(), json!(1));
                members.insert("pattern".to_owned(), json!(TEXT_PATTERN));
            }
            Some("date" | "date-time") => {
                members.insert("pattern".to_owned(), json!(YEARS_PATTERN));
            }
            _ => {}
        }
    }
    for part in ["items", "additionalProperties"] {
        members.get_mut(part).into_iter().for_each(say_strict);
    }
    let properties = members.get_mut("properties").and_then(Value::as_object_mut).into_iter().flatten();
    properties.filter(|(name, _)| !free.contains(name)).for_each(|(_, member)| say_strict(member));
}

/// Says of the parameters that many operations share what they may be.
fn say_parameters(operation: &mut Value, method: &str) {
    for parameter in operation.get_mut("parameters").and_then(Value::as_array_mut).into_iter().flatten() {
        let said = match parameter["name"].as_str() {
            Some("limit") => {
                let (least, most) = (1, MAX_LIMIT);
                json!({"type": "integer", "format": "int32", "minimum": least, "maximum": most, "default": DEFAULT_LIMIT})
            }
            Some("cursor") => json!({"type": "string", "pattern": "^[A-Za-z0-9_-]+$"}),
            // Printable, and more than quotes and blanks.
            Some("Idempotency-Key") => json!({"type": "string", "maxLength": 128, "pattern": "^[ -~]*[!#-~][ -~]*$"}),
            Some("If-None-Match") if method != "get" => json!({"type": "string", "enum": ["*"]}),
            Some("Tus-Resumable") => json!({"type": "string", "enum": [tus::VERSION]}),
            Some("Upload-Offset" | "Upload-Length") => json!({"type": "string", "pattern": "^[0-9]{1,18}$"}),
            Some("Upload-Defer-Length") => json!({"type": "string", "enum": ["1"]}),
            Some("Upload-Checksum") => {
                // The base64 of 20 or 32 bytes, filled up or not: the last digit has two bits to spare.
                let end = "[AEIMQUYcgkosw048]=?";
                let pattern = format!("^(sha1 [A-Za-z0-9+/]{{26}}{end}|sha256 [A-Za-z0-9+/]{{42}}{end})$");
                json!({"type": "string", "pattern": pattern})
            }
            Some("Upload-Metadata") => {
                parameter["required"] = json!(true);
                continue;
            }
            _ => continue,
        };
        parameter["schema"] = said;
    }
}

/// Says what the framework leaves unsaid: that members which may be absent may also be null, in requests as in answers.
fn say_nullable(schema: &mut Value, types: &HashMap<String, Value>) {
    let required: Vec<_> = schema["required"].as_array().into_iter().flatten().cloned().collect();
    for (name, member) in schema.get_mut("properties").and_then(Value::as_object_mut).into_iter().flatten() {
        if member["format"] == "naive-date" {
            member["format"] = json!("date");
        }
        if let Some(entry) = member.get_mut("additionalProperties").filter(|entry| entry["$ref"].is_string()) {
            *entry = json!({"anyOf": or_null(entry.take(), types)});
        }
        let Some(members) = member.as_object_mut() else { continue };
        if members.contains_key("default") || required.iter().any(|known| known == name) {
            continue;
        }
        let reference =
            members.get("allOf").and_then(|all| all.get(0)).filter(|first| first["$ref"].is_string()).cloned();
        if let Some(reference) = reference {
            members.remove("allOf");
            members.insert("anyOf".to_owned(), or_null(reference, types));
        } else if members.contains_key("type") {
            members.insert("nullable".to_owned(), json!(true));
        }
    }
}

/// The alternatives of a named schema and null.
fn or_null(reference: Value, types: &HashMap<String, Value>) -> Value {
    let of_type = reference["$ref"].as_str().and_then(|path| types.get(path)).cloned().unwrap_or_default();
    let nothing = json!({"type": of_type, "nullable": true, "enum": [null]});
    json!([reference, nothing])
}

/// Removes answers that an operation cannot give, and adds its examples.
fn tidy(operation: &mut Value, method: &str, examples: &Value) {
    let names: Vec<String> = operation["parameters"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|parameter| parameter["name"].as_str().map(str::to_lowercase))
        .collect();
    let has = |name: &str| names.iter().any(|known| known == name);
    let has_body = operation.get("requestBody").is_some();
    let is_open = is_open(operation);
    // Of an upload that its address names.
    let is_upload = has("tus-resumable");
    // Of a file that its address opens.
    let is_link = has("token") && is_open;
    let media = operation["requestBody"]["content"].as_object();
    let takes_file = media.is_some_and(|media| media.keys().any(|name| name.ends_with("octet-stream")));
    let is_bare = names.is_empty() && !has_body;
    let id = operation["operationId"].as_str().unwrap_or_default().to_owned();
    let example = examples[&id].clone();
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
        drop_unless("403", !is_open || is_upload || is_link);
        drop_unless("404", !is_bare);
        // These are of the address and the head of any request, not of an operation.
        drop_unless("405", false);
        drop_unless("414", false);
        drop_unless("431", false);
        // A draft has no preview yet.
        drop_unless("409", (method != "get" || id == "get_visit_preview") && !is_bare);
        drop_unless("410", is_upload || is_link || GOES.contains(&id.as_str()));
        drop_unless("412", writes_with_condition || is_upload);
        drop_unless("423", is_upload);
        drop_unless("460", has("upload-checksum"));
        drop_unless("428", writes_with_condition);
        drop_unless("413", has_body);
        drop_unless("415", has_body);
        drop_unless("422", has_body || is_upload);
        drop_unless("416", has("range"));
        drop_unless("429", (is_open && has_body) || takes_file || THROTTLED.contains(&id.as_str()));
        drop_unless("507", has_body);
        drop_unless("400", !is_bare);
        if let Some(answer) = answers.get_mut("412").filter(|_| is_upload) {
            answer["description"] =
                json!("Another version of tus was named, or none. `Tus-Version` says which is spoken.");
            answer["headers"] =
                json!({"Tus-Version": {"description": "What is spoken.", "schema": {"type": "string"}}});
        }
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
    for (media_type, media) in content.and_then(Value::as_object_mut).into_iter().flatten() {
        // Examples are JSON; the same may be had in another form.
        if media_type.contains("json") {
            media["example"] = body.clone();
        }
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
