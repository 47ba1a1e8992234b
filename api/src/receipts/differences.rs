//! Exactly what differs between two JSON documents.

use serde_json::Value;

use crate::http::json::escape;

/// Most differences that are looked for: a hostile file must not make more of them than fit in memory.
pub const MOST: usize = 1000;

/// A place where two documents differ. A member that one of them lacks has no value there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// JSON pointer (RFC 6901) to the place.
    pub pointer: String,
    /// What is stored there.
    pub stored: Option<Value>,
    /// What should be there.
    pub recomputed: Option<Value>,
}

/// Adds the differences between two documents at `pointer`, until there are [`MOST`].
pub fn differences(pointer: &str, stored: &Value, recomputed: &Value, found: &mut Vec<Difference>) {
    if found.len() >= MOST {
        return;
    }
    match (stored, recomputed) {
        (Value::Object(stored), Value::Object(recomputed)) => {
            let only_recomputed = recomputed.keys().filter(|name| !stored.contains_key(*name));
            for name in stored.keys().chain(only_recomputed) {
                let pointer = format!("{pointer}/{}", escape(name));
                member(pointer, stored.get(name), recomputed.get(name), found);
            }
        }
        (Value::Array(stored), Value::Array(recomputed)) => {
            for i in 0..stored.len().max(recomputed.len()) {
                member(format!("{pointer}/{i}"), stored.get(i), recomputed.get(i), found);
            }
        }
        _ if stored == recomputed => {}
        _ => found.push(Difference {
            pointer: pointer.to_owned(),
            stored: Some(stored.clone()),
            recomputed: Some(recomputed.clone()),
        }),
    }
}

fn member(pointer: String, stored: Option<&Value>, recomputed: Option<&Value>, found: &mut Vec<Difference>) {
    match (stored, recomputed) {
        (Some(stored), Some(recomputed)) => differences(&pointer, stored, recomputed, found),
        _ if found.len() >= MOST => {}
        _ => found.push(Difference { pointer, stored: stored.cloned(), recomputed: recomputed.cloned() }),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_place_is_named_once() {
        let stored = json!({"a": {"x/y": 1, "z": [1, 2, 3]}, "gone": null, "same": [{"k": "v"}]});
        let recomputed = json!({"a": {"x/y": 2, "z": [1, {"n": 2}]}, "new": true, "same": [{"k": "v"}]});
        let mut found = Vec::new();
        differences("/result", &stored, &recomputed, &mut found);
        let found: Vec<_> = found.into_iter().map(|d| (d.pointer, d.stored, d.recomputed)).collect();
        let at = |pointer: &str, stored, recomputed| (format!("/result{pointer}"), stored, recomputed);
        assert_eq!(
            found,
            [
                at("/a/x~1y", Some(json!(1)), Some(json!(2))),
                at("/a/z/1", Some(json!(2)), Some(json!({"n": 2}))),
                at("/a/z/2", Some(json!(3)), None),
                at("/gone", Some(Value::Null), None),
                at("/new", None, Some(json!(true))),
            ]
        );
    }
    #[test]
    fn there_is_an_end_to_it() {
        let mut found = Vec::new();
        differences("", &json!(vec![0; 100_000]), &json!([]), &mut found);
        assert_eq!(found.len(), MOST);
    }
}
