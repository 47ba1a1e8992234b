//! Questions of reviewers to auditors: asked, answered, asked again, closed.

use serde_json::{Value, json};

use crate::support::app::TestApp;
use crate::support::world::{Person, World, filing, id_of};
use crate::support::{new_id, on_both, tiny};

on_both!(a_question_is_asked_answered_and_closed, what_is_no_question_is_refused, closing_at_once_has_one_winner,);

async fn ask(person: &Person, visit: &str, body: &Value) -> Value {
    person.client.post(&format!("/v1/visits/{visit}/questions"), body).created().await
}

async fn a_question_is_asked_answered_and_closed(app: &TestApp) {
    let world = World::make(app).await;
    let visit = world.file(&world.assign_one().await, &tiny::fair()).await;
    let cursor = world.auditor.client.get("/v1/sync/changes").ok().await["next_cursor"].clone();
    let asked = ask(&world.reviewer, &visit, &json!({"item_id": "polite", "text": "Neli või viis?"})).await;
    assert_eq!((&asked["state"], &asked["item_id"]), (&json!("open"), &json!("polite")));
    assert_eq!(asked["messages"][0]["text"], "Neli või viis?");
    // The phone is told, with what is asked.
    let since = format!("/v1/sync/changes?cursor={}", cursor.as_str().expect("a cursor"));
    let phone = async || -> Value {
        let changes = world.auditor.client.get(&since).ok().await;
        let told = changes["changes"].as_array().expect("changes").iter().find(|change| change["type"] == "visit");
        told.expect("the visit")["object"]["questions"].clone()
    };
    assert_eq!(phone().await, json!([asked]));
    let path = format!("/v1/questions/{}", id_of(&asked));
    let write = |person: &Person, text: &str| person.client.post(&format!("{path}/messages"), &json!({"text": text}));
    write(&world.other_auditor, "x").problem(404, "not_found").await;
    write(&world.auditor, " ").invalid(&[("/text", "empty")]).await;
    let answered = write(&world.auditor, "Viis, aga kirjutasin valesti.").ok().await;
    assert_eq!((&answered["state"], &answered["messages"][1]["by_auditor"]), (&json!("answered"), &json!(true)));
    let queue = world.reviewer.client.get("/v1/review-queue").ok().await;
    assert_eq!((&queue["data"][0]["open_questions"], &queue["data"][0]["answered_questions"]), (&json!(0), &json!(1)));
    assert_eq!(write(&world.reviewer, "Kindel?").ok().await["state"], "open");
    assert_eq!(write(&world.auditor, "Kindel.").ok().await["state"], "answered");
    world.auditor.client.act(&format!("{path}/close")).problem(403, "not_allowed").await;
    let closed = world.reviewer.client.act(&format!("{path}/close")).ok().await;
    assert_eq!((&closed["state"], closed["closed_at"].is_string()), (&json!("closed"), true));
    let refused = write(&world.auditor, "x").problem(409, "illegal_state").await.detail();
    assert_eq!(refused, "The question is closed; cannot answer it. Allowed now: nothing.");
    world.reviewer.client.act(&format!("{path}/close")).problem(409, "illegal_state").await;
    assert_eq!(phone().await, json!([]));
    // It stays with the visit, for both.
    for person in [&world.auditor, &world.reviewer] {
        let view = person.client.get(&format!("/v1/visits/{visit}")).ok().await;
        assert_eq!(view["questions"][0]["messages"].as_array().map(Vec::len), Some(4));
        let list = person.client.get(&format!("/v1/visits/{visit}/questions")).ok().await;
        assert_eq!(list["data"], view["questions"]);
    }
    let events = world.admin.client.all("/v1/events", 200).await;
    let kinds: Vec<_> = events.iter().filter_map(|event| event["kind"].as_str()).collect();
    let kinds: Vec<_> = kinds.into_iter().filter(|kind| kind.starts_with("question.")).collect();
    let wanted = ["asked", "answered", "asked", "answered", "closed"].map(|kind| format!("question.{kind}"));
    assert_eq!(kinds, wanted);
    let told = events.iter().find(|event| event["kind"] == "question.asked").expect("an event");
    assert!(!told.to_string().contains("Neli"), "what was written stays out of the history");
}

async fn what_is_no_question_is_refused(app: &TestApp) {
    let world = World::make(app).await;
    let visit = world.file(&world.assign_one().await, &tiny::fair()).await;
    let path = format!("/v1/visits/{visit}/questions");
    let body = json!({"text": "Miks?"});
    world.auditor.client.post(&path, &body).problem(403, "not_allowed").await;
    let client = &world.reviewer.client;
    client.post(&format!("/v1/visits/{}/questions", new_id()), &body).problem(404, "not_found").await;
    client.post(&path, &json!({"text": " "})).invalid(&[("/text", "empty")]).await;
    let unknown = json!({"text": "Miks?", "item_id": "nothing"});
    client.post(&path, &unknown).invalid(&[("/item_id", "unknown_ref")]).await;
    client.post(&path, &json!({"text": "Miks?", "to": 1})).invalid(&[("/to", "unknown_field")]).await;
    let draft = new_id();
    let begun = filing(&world.assign_one().await, "draft", &json!({}), &[]);
    world.auditor.client.put(&format!("/v1/visits/{draft}"), &begun).if_absent().created().await;
    client.post(&format!("/v1/visits/{draft}/questions"), &body).problem(409, "illegal_state").await;
    // The same request twice asks once.
    let first = client.post(&path, &body).once("one").created().await;
    let again = client.post(&path, &body).once("one").created().await;
    assert_eq!(first, again);
    let other = json!({"text": "Millal?"});
    client.post(&path, &other).once("one").problem(422, "idempotency_key_reused").await;
    assert_eq!(client.get(&path).ok().await["data"].as_array().map(Vec::len), Some(1));
}

async fn closing_at_once_has_one_winner(app: &TestApp) {
    let world = World::make(app).await;
    let visit = world.file(&world.assign_one().await, &tiny::fair()).await;
    let asked = ask(&world.reviewer, &visit, &json!({"text": "Miks?"})).await;
    let close = format!("/v1/questions/{}/close", id_of(&asked));
    let answers = futures_util::future::join_all((0..50).map(|_| world.reviewer.client.act(&close).send())).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1);
    for answer in answers.into_iter().filter(|answer| answer.status != 200) {
        answer.problem(409, "illegal_state");
    }
}
