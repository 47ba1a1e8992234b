//! JSON bodies that are checked against the document before anything reads them.
//!
//! The framework's own reading names one problem of many without its place, and takes numbers for texts. Here every
//! problem of shape is named at once with its pointer, and what is checked is the very schema that is served. Problems
//! of content, such as blank texts and days too long ago, are named by the rooms, together with those no schema knows.

use std::sync::LazyLock;

use poem::{Request, RequestBody};
use poem_openapi::registry::{MetaRequest, MetaSchemaRef, Registry};
use poem_openapi::types::{ParseFromJSON, Type};
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};
use serde_json::{Map, Value};

use crate::failure::{Failure, FieldProblem};
use crate::http::json::{RawJson, escape, id, is_day, time};
use crate::ops::document;

/// The named schemas of the document.
static SCHEMAS: LazyLock<Value> = LazyLock::new(|| document::document()["components"]["schemas"].take());

/// A JSON body of the shape that its schema says.
pub struct Checked<T>(pub T);

impl<'a, T: ParseFromJSON + Type> ApiExtractor<'a> for Checked<T> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];

    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        T::register(registry);
    }

    fn request_meta() -> Option<MetaRequest> {
        RawJson::<T>::request_meta()
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        options: ExtractParamOptions<Self::ParamType>,
    ) -> poem::Result<Self> {
        let body = <RawJson<T> as ApiExtractor>::from_request(request, body, options).await?;
        Ok(Self(checked(body.value()?)?))
    }
}

/// Reads a value as `T`.
///
/// # Errors
///
/// 422 naming everything that is not of the shape of the schema.
pub fn checked<T: ParseFromJSON + Type>(value: Value) -> Result<T, Failure> {
    let mut problems = Vec::new();
    if let MetaSchemaRef::Reference(name) = T::schema_ref() {
        Check { schemas: &SCHEMAS, problems: &mut problems }.value(&SCHEMAS[name.as_str()], &value, "");
    }
    if !problems.is_empty() {
        return Err(Failure::invalid(problems));
    }
    let rest = |message| Failure::invalid(vec![FieldProblem::new("", "bad_value", message)]);
    T::parse_from_json(Some(value)).map_err(|error| rest(error.into_message()))
}

/// Compares values with schemas, as far as the document uses them. Patterns are left to the types and the rooms.
struct Check<'a> {
    schemas: &'a Value,
    problems: &'a mut Vec<FieldProblem>,
}

impl Check<'_> {
    fn problem(&mut self, pointer: &str, code: &str, message: impl Into<String>) {
        self.problems.push(FieldProblem::new(pointer, code, message));
    }

    fn value(&mut self, schema: &Value, value: &Value, pointer: &str) {
        if let Some(name) = schema["$ref"].as_str().and_then(|path| path.rsplit('/').next()) {
            let schemas = self.schemas;
            return self.value(&schemas[name], value, pointer);
        }
        if value.is_null() && may_be_null(schema) {
            return;
        }
        // The alternative to a named schema is null.
        for part in schema["allOf"].as_array().into_iter().flatten().chain(schema["anyOf"].get(0)) {
            self.value(part, value, pointer);
        }
        let is_of_type = match schema["type"].as_str() {
            Some("object") => value.as_object().map(|object| self.object(schema, object, pointer)).is_some(),
            Some("array") => value.as_array().map(|list| self.list(schema, list, pointer)).is_some(),
            Some("string") => value.as_str().map(|text| self.text(schema, text, pointer)).is_some(),
            Some("integer") => value.as_i64().map(|number| self.number(schema, number as f64, pointer)).is_some(),
            Some("number") => value.as_f64().map(|number| self.number(schema, number, pointer)).is_some(),
            Some("boolean") => value.is_boolean(),
            _ => true,
        };
        if !is_of_type {
            let wanted = match schema["type"].as_str() {
                Some("object") => "an object",
                Some("array") => "a list",
                Some("string") => "a text",
                Some("integer") => "a whole number",
                Some("number") => "a number",
                _ => "true or false",
            };
            self.problem(pointer, "bad_type", format!("must be {wanted}"));
        }
    }

    fn object(&mut self, schema: &Value, object: &Map<String, Value>, pointer: &str) {
        for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            if !object.contains_key(name) {
                self.problem(&format!("{pointer}/{}", escape(name)), "missing", "is required");
            }
        }
        for (name, member) in object {
            let pointer = format!("{pointer}/{}", escape(name));
            match schema["properties"].get(name).or(schema.get("additionalProperties")) {
                Some(Value::Bool(false)) => self.problem(&pointer, "unknown_field", "is not a member known here"),
                Some(schema) => self.value(schema, member, &pointer),
                None => {}
            }
        }
    }

    fn list(&mut self, schema: &Value, list: &[Value], pointer: &str) {
        let count = list.len() as u64;
        match (schema["minItems"].as_u64(), schema["maxItems"].as_u64()) {
            (Some(min), _) if count < min => {
                self.problem(pointer, "too_few", format!("has {count} entries; at least {min} are needed"));
            }
            (_, Some(max)) if count > max => {
                self.problem(pointer, "too_many", format!("has {count} entries; at most {max} are allowed"));
            }
            _ => {
                for (position, entry) in list.iter().enumerate() {
                    self.value(&schema["items"], entry, &format!("{pointer}/{position}"));
                }
            }
        }
    }

    fn text(&mut self, schema: &Value, text: &str, pointer: &str) {
        let max_chars = schema["maxLength"].as_u64().and_then(|max| usize::try_from(max).ok()).unwrap_or(usize::MAX);
        if let Some(words) = schema["enum"].as_array() {
            if !words.iter().any(|word| word == text) {
                let words: Vec<_> = words.iter().filter_map(Value::as_str).collect();
                self.problem(pointer, "bad_value", format!("is one of: {}", words.join(", ")));
            }
            return;
        }
        if text.chars().count() > max_chars {
            self.problem(pointer, "too_long", format!("must have at most {max_chars} characters"));
        }
        match schema["format"].as_str() {
            Some("uuid") if id(text).is_none() => {
                self.problem(pointer, "bad_id", "must be a UUID such as 0198c2f4-7d5b-7e3a-9c1d-2f6b8a4e0c11");
            }
            Some("date") if !is_day(text) => {
                self.problem(pointer, "bad_date", "must be a day such as 2026-11-22");
            }
            Some("date-time") if time(text).is_none() => {
                self.problem(pointer, "bad_time", "must be a time such as 2026-11-22T09:30:00Z");
            }
            _ => {}
        }
    }

    fn number(&mut self, schema: &Value, number: f64, pointer: &str) {
        let (min, max) = (schema["minimum"].as_f64(), schema["maximum"].as_f64());
        if min.is_some_and(|min| number < min) || max.is_some_and(|max| number > max) {
            let bound = |word: &str, bound: Option<f64>| bound.map(|bound| format!("{word} {bound}"));
            let bounds: Vec<_> = bound("at least", min).into_iter().chain(bound("at most", max)).collect();
            self.problem(pointer, "out_of_range", format!("must be {}", bounds.join(" and ")));
        }
    }
}

fn may_be_null(schema: &Value) -> bool {
    schema["nullable"] == true || schema["anyOf"].as_array().is_some_and(|any| any.iter().any(may_be_null))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::people::types::{NewUser, UserChange};
    use crate::plans::types::ActionChange;

    fn problems<T: ParseFromJSON + Type>(value: Value) -> Vec<(String, String)> {
        let failure = checked::<T>(value).err().map(|failure| failure.errors).unwrap_or_default();
        failure.into_iter().map(|problem| (problem.pointer, problem.code)).collect()
    }

    fn named(expected: &[(&str, &str)]) -> Vec<(String, String)> {
        expected.iter().map(|(pointer, code)| ((*pointer).to_owned(), (*code).to_owned())).collect()
    }

    #[test]
    fn every_problem_is_named_with_its_place() {
        let value = json!({
            "email": 7, "name": ["A"], "role": "king", "locale": "en", "password": null, "king/of": 1,
            "scope": {"chain_id": "0198C2F47D5B7E3A9C1D2F6B8A4E0C11", "branch_ids": [true], "all": true},
        });
        let found = problems::<NewUser>(value);
        let expected = named(&[
            ("/email", "bad_type"),
            ("/name", "bad_type"),
            ("/role", "bad_value"),
            ("/king~1of", "unknown_field"),
            ("/scope/chain_id", "bad_id"),
            ("/scope/branch_ids/0", "bad_type"),
            ("/scope/all", "unknown_field"),
        ]);
        assert_eq!(found.iter().collect::<std::collections::BTreeSet<_>>(), expected.iter().collect());
        assert_eq!(
            problems::<NewUser>(json!({})),
            named(&[("/email", "missing"), ("/name", "missing"), ("/role", "missing")])
        );
        assert_eq!(problems::<NewUser>(json!([])), named(&[("", "bad_type")]));
    }

    #[test]
    fn what_may_be_absent_may_be_null() {
        let empty = json!({"name": null, "role": null, "scope": null, "enabled": null});
        assert!(problems::<UserChange>(empty).is_empty());
        assert!(problems::<ActionChange>(json!({"owner": null, "due_on": null, "drop_reason": null})).is_empty());
        assert_eq!(problems::<UserChange>(json!({"enabled": "yes"})), named(&[("/enabled", "bad_type")]));
    }

    #[test]
    fn days_and_lengths_are_those_of_the_document() {
        for day in ["2026-1-2", "soon", "2026-02-30", "+12026-01-01", "2026-01-01T00:00:00Z"] {
            assert_eq!(problems::<ActionChange>(json!({"due_on": day})), named(&[("/due_on", "bad_date")]), "{day}");
        }
        assert!(problems::<ActionChange>(json!({"due_on": "2026-11-22"})).is_empty());
        assert_eq!(problems::<ActionChange>(json!({"owner": "x".repeat(201)})), named(&[("/owner", "too_long")]));
        assert!(problems::<ActionChange>(json!({"owner": "õ".repeat(200)})).is_empty());
    }
}
