//! Taking in visits that waited for a network, each as a unit of work of its own.

use std::collections::BTreeMap;

use futures_util::future::join_all;
use poem_openapi::types::ParseFromJSON;
use serde_json::Value;
use uuid::Uuid;

use crate::app::App;
use crate::failure::{Failure, FieldProblem, Kind};
use crate::http::conditions::Condition;
use crate::http::json::Reader;
use crate::http::problem::Problem;
use crate::people::types::Caller;
use crate::sync::types::{PushOut, PushResult, PushStatus};
use crate::visits;
use crate::visits::service::{Contact, Saved};
use crate::visits::types::VisitSaved;

/// Most visits of one request.
pub const MAX_ITEMS: usize = 100;
/// Largest request, in bytes.
pub const LIMIT_BYTES: usize = 1024 * 1024;
/// Longest list of entity tags, in characters.
const MAX_TAG_CHARS: usize = 200;

/// A request, read.
#[derive(Debug)]
struct Push<'a> {
    items: Vec<Item<'a>>,
    contact: Contact,
}

/// One visit of it.
#[derive(Debug)]
struct Item<'a> {
    visit_id: Uuid,
    if_match: Option<String>,
    if_none_match: Option<String>,
    visit: &'a Value,
}

/// Saves or files visits, each by itself and by the rules of `PUT /v1/visits/{visit_id}`. Visits are taken beside each
/// other, so that the committer writes them together; several changes of one visit one after the other, and copies after
/// what they may be copies of.
///
/// # Errors
///
/// * 413 `too_large` beyond [`LIMIT_BYTES`].
/// * 422 naming everything wrong around the visits; nothing was taken then. What is wrong with one visit is told in its
///   result.
pub async fn push(app: &App, caller: &Caller, bytes: usize, body: &Value) -> Result<PushOut, Failure> {
    if bytes > LIMIT_BYTES {
        let detail = format!("The body is larger than the limit of {LIMIT_BYTES} bytes. Send fewer visits at once.");
        return Err(Failure::new(Kind::TooLarge, "too_large", detail));
    }
    let Push { items, contact } = parse(body).map_err(Failure::invalid)?;
    let count = items.len();
    let mut of_visits: BTreeMap<Uuid, Vec<(usize, Item<'_>)>> = BTreeMap::new();
    for (position, item) in items.into_iter().enumerate() {
        of_visits.entry(item.visit_id).or_default().push((position, item));
    }
    let in_turn = async |items: Vec<(usize, Item<'_>)>| {
        let mut results = Vec::with_capacity(items.len());
        for (position, item) in items {
            results.push((position, take(app, caller, contact, item).await));
        }
        overtaken(&mut results);
        results
    };
    let is_copy = |items: &Vec<(usize, Item<'_>)>| items.iter().any(|(_, item)| item.visit.get("copy_of").is_some());
    let (copies, others): (Vec<_>, Vec<_>) = of_visits.into_values().partition(is_copy);
    let mut results = Vec::with_capacity(count);
    for visits in [others, copies] {
        results.extend(join_all(visits.into_iter().map(&in_turn)).await.into_iter().flatten());
    }
    results.sort_unstable_by_key(|(position, _)| *position);
    debug_assert_eq!(results.len(), count, "a result for each");
    let results = results.into_iter().map(|(_, result)| result).collect();
    Ok(PushOut { results, server_time: app.clock.now() })
}

/// Makes the answers to several changes of one visit the same when they are sent again: a change that a later one of them
/// has overtaken long ago is no conflict.
fn overtaken(results: &mut [(usize, PushResult)]) {
    let mut later = None;
    for (_, result) in results.iter_mut().rev() {
        if result.status == PushStatus::Unchanged {
            later.clone_from(&result.etag);
        } else if result.http_status == 412 && later.is_some() {
            result.status = PushStatus::Unchanged;
            result.http_status = 200;
            result.etag.clone_from(&later);
            result.problem = None;
        }
    }
}

async fn take(app: &App, caller: &Caller, contact: Contact, item: Item<'_>) -> PushResult {
    let condition = Condition::of_write(item.if_match.as_deref(), item.if_none_match.as_deref());
    let saved = match condition {
        Ok(condition) => visits::service::put_visit(app, caller, item.visit_id, condition, contact, item.visit).await,
        Err(failure) => Err(failure),
    };
    match saved.and_then(taken) {
        Ok((saved, answer)) => PushResult {
            visit_id: item.visit_id,
            status: match (saved.replayed, saved.created) {
                (true, _) => PushStatus::Unchanged,
                (false, true) => PushStatus::Created,
                (false, false) => PushStatus::Updated,
            },
            http_status: if saved.created { 201 } else { 200 },
            retryable: false,
            etag: Some(saved.etag),
            saved: Some(answer),
            problem: None,
        },
        Err(failure) => {
            let problem = Problem::of(&failure);
            PushResult {
                visit_id: item.visit_id,
                status: status(failure.kind),
                http_status: problem.status,
                retryable: is_passing(&failure),
                etag: failure.etag,
                saved: None,
                problem: Some(problem),
            }
        }
    }
}

/// The answer that was stored, read again.
fn taken(saved: Saved) -> Result<(Saved, VisitSaved), Failure> {
    let answer =
        VisitSaved::parse_from_json_string(&saved.answer).map_err(|error| Failure::internal(error.message()))?;
    Ok((saved, answer))
}

fn status(kind: Kind) -> PushStatus {
    match kind {
        Kind::Stale | Kind::Conflict | Kind::Gone => PushStatus::Conflict,
        Kind::Malformed | Kind::Invalid | Kind::ConditionMissing | Kind::TooLarge => PushStatus::Invalid,
        _ => PushStatus::Refused,
    }
}

/// Whether the same may be taken later as it is.
fn is_passing(failure: &Failure) -> bool {
    matches!(failure.kind, Kind::Internal | Kind::Unavailable | Kind::StorageFull | Kind::TooMany | Kind::Timeout)
        || failure.code == "in_flight"
}

/// Reads what stands around the visits.
fn parse(body: &Value) -> Result<Push<'_>, Vec<FieldProblem>> {
    let mut reader = Reader::new(body, "");
    let list = reader.list("items", MAX_ITEMS).unwrap_or_default();
    let clocks = reader.optional_value("device");
    let mut problems = reader.finish();
    let mut contact = Contact::default();
    if let Some(clocks) = clocks {
        let mut reader = Reader::new(clocks, "/device");
        contact.at = reader.optional_time("at");
        contact.monotonic_ms = reader.optional_integer("monotonic_ms", 0, 9_007_199_254_740_991);
        problems.extend(reader.finish());
    }
    let mut items = Vec::with_capacity(list.len());
    for (position, entry) in list.iter().enumerate() {
        let mut reader = Reader::new(entry, format!("/items/{position}"));
        let visit_id = reader.uuid("visit_id");
        let if_match = reader.optional_text("if_match", MAX_TAG_CHARS);
        let if_none_match = reader.optional_text("if_none_match", 1);
        if if_none_match.as_deref().is_some_and(|tag| tag != "*") {
            reader.problem("if_none_match", "bad_value", "is `*`, to create, or is left out");
        }
        let visit = reader.value("visit");
        problems.extend(reader.finish());
        if let (Some(visit_id), Some(visit)) = (visit_id, visit) {
            items.push(Item { visit_id, if_match, if_none_match, visit });
        }
    }
    if problems.is_empty() { Ok(Push { items, contact }) } else { Err(problems) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn all_problems_around_the_visits_are_named_at_once() {
        let id = Uuid::from_u128(7);
        let body = json!({
            "items": [
                {"visit_id": id, "visit": {"nonsense": 1}, "if_none_match": "*"},
                {"visit_id": "x", "visit": {}, "if_none_match": "+"},
                {"visit_id": id, "etag": "x", "if_match": 3},
                7,
            ],
            "device": {"at": "noon"}, "more": 1,
        });
        let found: Vec<_> = parse(&body).unwrap_err().into_iter().map(|problem| problem.pointer).collect();
        let wanted = [
            "/more",
            "/device/at",
            "/items/1/visit_id",
            "/items/1/if_none_match",
            "/items/2/if_match",
            "/items/2/visit",
            "/items/2/etag",
            "/items/3",
        ];
        assert_eq!(found, wanted);
        assert_eq!(parse(&json!({"items": []})).unwrap().items.len(), 0);
    }

    #[test]
    fn what_passes_is_told_from_what_stays() {
        assert!(is_passing(&Failure::conflict("in_flight", "x")));
        assert!(!is_passing(&Failure::conflict("illegal_state", "x")));
        assert!(is_passing(&Failure::new(Kind::Unavailable, "busy", "x")));
        assert!(!is_passing(&Failure::stale("\"1\"".to_owned())));
    }
}
