//! API keys: shown once, limited in what they may do and for how long, revoked at once.

use serde_json::{Value, json};

use crate::account::{code_at, enrol};
use crate::openapi::{document, operations};
use crate::support::app::TestApp;
use crate::support::client::Client;
use crate::support::mail::letters;
use crate::support::world::{PASSWORD, Person, World, id_of};
use crate::support::{eventually, new_id, now, on_both, today};

on_both!(
    a_key_does_what_it_was_given_and_nothing_else,
    a_key_never_gives_more_than_its_membership,
    a_key_shows_the_second_factor_that_a_firm_demands,
    keys_end,
    a_key_is_made_with_what_a_sign_in_takes,
    keys_end_with_all_sessions,
    all_problems_of_a_new_key_are_named,
    everybody_sees_their_own_keys_and_admins_all,
    no_key_manages_people_passwords_or_keys,
);

async fn make(by: &Client, operations: &[&str]) -> (Client, Value) {
    let body = json!({"name": "Dashboard", "rights": operations, "expires_on": today(), "password": PASSWORD});
    let made = by.post("/v1/api-keys", &body).created().await;
    (by.with_token(made["key"].as_str().expect("a key")), made)
}

async fn a_key_does_what_it_was_given_and_nothing_else(app: &TestApp) {
    let world = World::make(app).await;
    let (key, made) = make(&world.admin.client, &["read_chains", "manage_chains", "read_chains"]).await;
    assert!(made["key"].as_str().is_some_and(|key| key.starts_with("pgl_key_") && key.len() == 57), "{made}");
    assert_eq!(made["rights"], json!(["read_chains", "manage_chains"]));
    assert_eq!(made["membership_id"], json!(world.admin.id));
    key.get("/v1/chains").ok().await;
    key.get("/v1/visits").problem(403, "not_granted").await;
    let chain = json!({"code": "by-key", "name": "K", "kind": "client", "locale": "et", "colour": "#1F4E79"});
    key.post("/v1/chains", &chain).once("k").created().await;
    let events = world.admin.client.all("/v1/events", 200).await;
    let kinds: Vec<_> = events.iter().rev().take(2).map(|event| (&event["kind"], &event["actor_id"])).collect();
    assert_eq!(
        kinds,
        [(&json!("chain.created"), &json!(world.admin.id)), (&json!("api_key.created"), &json!(world.admin.id))]
    );
    // It is shown once, and stored as a hash.
    let list = world.admin.client.get("/v1/api-keys").ok().await;
    assert!(list["data"][0].get("key").is_none() && !list.to_string().contains("pgl_key_"), "{list}");
    let row = &app.query("SELECT key_sha256, name FROM api_keys").await[0];
    assert_eq!(row.try_get::<String>("", "key_sha256").expect("a hash").len(), 64);
    eventually("the use is noted", || async {
        let list = world.admin.client.get("/v1/api-keys").ok().await;
        list["data"][0]["last_used_at"].is_string().then_some(())
    })
    .await;
    // A header cannot lend it another membership.
    key.get("/v1/chains").header("peegel-membership", &world.auditor.id).ok().await;
    key.get("/v1/assignments").header("peegel-membership", &world.auditor.id).problem(403, "not_granted").await;
}

async fn a_key_never_gives_more_than_its_membership(app: &TestApp) {
    let world = World::make(app).await;
    let manager = world.branch_manager(app).await;
    let (key, _) = make(&manager.client, &["read_results"]).await;
    key.get(&format!("/v1/branches/{}/scorecard", world.branches[0])).ok().await;
    key.get(&format!("/v1/branches/{}/scorecard", world.branches[1])).problem(404, "not_found").await;
    // It was made for what the membership reached then. With another scope or role it ends; with another name it does not.
    let path = format!("/v1/users/{}", manager.id);
    let scorecard = |key: &Client| key.get(&format!("/v1/branches/{}/scorecard", world.branches[1]));
    world.admin.client.patch(&path, &json!({"name": "Uus Nimi"})).ok().await;
    scorecard(&key).problem(404, "not_found").await;
    let wider = json!({"scope": {"chain_id": world.chain, "branch_ids": [world.branches[0], world.branches[1]]}});
    world.admin.client.patch(&path, &wider).ok().await;
    scorecard(&key).problem(401, "unauthenticated").await;
    let (key, _) = make(&manager.client, &["read_results"]).await;
    scorecard(&key).ok().await;
    world.admin.client.patch(&path, &json!({"role": "auditor"})).ok().await;
    scorecard(&key).problem(401, "unauthenticated").await;
    let events = world.admin.client.all("/v1/events", 200).await;
    let revoked: Vec<_> = events.iter().filter(|event| event["kind"] == "api_key.revoked").collect();
    assert_eq!(revoked.len(), 2, "{revoked:?}");
    assert!(revoked.iter().all(|event| event["payload"]["reason"] == "membership_changed"), "{revoked:?}");
}

async fn a_key_shows_the_second_factor_that_a_firm_demands(app: &TestApp) {
    let world = World::make(app).await;
    let admin = &world.admin.client;
    let (before, _) = make(admin, &["read_chains"]).await;
    let (of_auditor, _) = make(&world.auditor.client, &["read_chains"]).await;
    let (secret, _) = enrol(admin).await;
    let body = json!({"name": "k", "rights": ["read_chains"], "expires_on": today(), "password": PASSWORD,
        "code": code_at(&secret, 0)});
    let made = admin.post("/v1/api-keys", &body).created().await;
    let after = admin.with_token(made["key"].as_str().expect("a key"));
    before.get("/v1/chains").ok().await;
    admin.patch("/v1/firm", &json!({"require_totp": true})).ok().await;
    before.get("/v1/chains").problem(403, "totp_required").await;
    after.get("/v1/chains").ok().await;
    // Of auditors nothing is demanded.
    of_auditor.get("/v1/chains").ok().await;
    admin.patch("/v1/firm", &json!({"require_totp": false})).ok().await;
    before.get("/v1/chains").ok().await;
}

async fn keys_end(app: &TestApp) {
    let world = World::make(app).await;
    let (key, made) = make(&world.auditor.client, &["read_chains"]).await;
    let (other, _) = make(&world.auditor.client, &["read_chains"]).await;
    let path = format!("/v1/api-keys/{}", id_of(&made));
    world.reviewer.client.delete(&path).problem(404, "not_found").await;
    key.get("/v1/chains").ok().await;
    world.auditor.client.delete(&path).send().await.expect(204);
    key.get("/v1/chains").problem(401, "unauthenticated").await;
    world.auditor.client.delete(&path).problem(404, "not_found").await;
    other.get("/v1/chains").ok().await;
    app.execute("UPDATE api_keys SET expires_at = '2020-01-01 00:00:00+00:00'").await.expect("an update");
    other.get("/v1/chains").problem(401, "unauthenticated").await;
    // Twenty live ones are enough; those that ended do not count.
    for n in 0..21 {
        let name = format!("{n}");
        let body = json!({"name": name, "rights": ["read_chains"], "expires_on": today(), "password": PASSWORD});
        let call = world.auditor.client.post("/v1/api-keys", &body);
        if n < 20 { drop(call.created().await) } else { drop(call.problem(409, "too_many_keys").await) }
    }
}

async fn a_key_is_made_with_what_a_sign_in_takes(app: &TestApp) {
    let world = World::make(app).await;
    let client = &world.auditor.client;
    let add = |more: Value| {
        let mut body = json!({"name": "k", "rights": ["read_chains"], "expires_on": today()});
        for (name, value) in more.as_object().expect("an object") {
            body[name] = value.clone();
        }
        client.post("/v1/api-keys", &body)
    };
    add(json!({})).invalid(&[("/password", "missing")]).await;
    add(json!({"password": "wrong"})).invalid(&[("/password", "wrong_password")]).await;
    add(json!({"password": PASSWORD})).created().await;
    // With the second factor too, if there is one; its codes work once here as well.
    let (secret, codes) = enrol(client).await;
    add(json!({"password": PASSWORD})).invalid(&[("/code", "missing")]).await;
    add(json!({"password": PASSWORD, "code": "000000"})).invalid(&[("/code", "wrong_code")]).await;
    let code = code_at(&secret, 0);
    add(json!({"password": PASSWORD, "code": code})).created().await;
    add(json!({"password": PASSWORD, "code": code})).invalid(&[("/code", "wrong_code")]).await;
    add(json!({"password": PASSWORD, "code": codes[0]})).created().await;
    // Guessing is limited as at the sign-in.
    let mut last = 0;
    for _ in 0..12 {
        last = add(json!({"password": "wrong"})).send().await.status;
    }
    assert_eq!(last, 429);
    assert_eq!(client.all("/v1/api-keys", 50).await.len(), 3);
}

async fn keys_end_with_all_sessions(app: &TestApp) {
    let world = World::make(app).await;
    let beta = World::named(app, "beta").await;
    let Person { email, id, .. } = &world.auditor;
    // The person has a key in each of two firms.
    let member = json!({"email": email, "name": "A", "role": "auditor"});
    let member = beta.admin.client.post("/v1/users", &member).created().await["membership_id"].clone();
    let member = member.as_str().expect("an id");
    world.auditor.client.act(&format!("/v1/memberships/{member}/accept")).ok().await;
    let keys = async || {
        let here = app.client().sign_in(email, PASSWORD).await;
        let body = json!({"name": "k", "rights": ["read_chains"], "expires_on": today(), "password": PASSWORD});
        let mut keys = Vec::new();
        for membership in [id.as_str(), member] {
            let made = here.post("/v1/api-keys", &body).header("peegel-membership", membership).created().await;
            keys.push(here.with_token(made["key"].as_str().expect("a key")));
        }
        (here, keys)
    };
    let work = async |keys: &[Client], expected: [bool; 2]| {
        for (key, expected) in keys.iter().zip(expected) {
            let call = key.get("/v1/chains");
            if expected { drop(call.ok().await) } else { drop(call.problem(401, "unauthenticated").await) }
        }
    };
    let reasons = async |world: &World| {
        let events = world.admin.client.all("/v1/events", 200).await;
        let revoked = events.iter().filter(|event| event["kind"] == "api_key.revoked");
        let told = revoked.map(|event| {
            let by_admin = event["actor_id"] == json!(world.admin.id);
            let reason = event["payload"]["reason"].as_str().expect("a reason");
            format!("{reason}{}", if by_admin { " by admin" } else { "" })
        });
        told.collect::<Vec<_>>()
    };

    // One device is not all; a new password is the person's own doing; everywhere is everywhere.
    let (here, both) = keys().await;
    here.delete("/v1/sessions").send().await.expect(204);
    let change = |from: &str, to: &str| json!({"current_password": from, "new_password": to});
    let other = app.client().sign_in(email, PASSWORD).await;
    other.post("/v1/me/password", &change(PASSWORD, "another long password")).send().await.expect(204);
    other.post("/v1/me/password", &change("another long password", PASSWORD)).send().await.expect(204);
    work(&both, [true, true]).await;
    other.delete("/v1/sessions?all=true").send().await.expect(204);
    work(&both, [false, false]).await;

    // What a firm does counts for that firm.
    let (_, both) = keys().await;
    world.admin.client.act(&format!("/v1/users/{id}/sign-out")).send().await.expect(204);
    work(&both, [false, true]).await;
    let path = format!("/v1/users/{member}");
    beta.admin.client.patch(&path, &json!({"enabled": false})).ok().await;
    beta.admin.client.patch(&path, &json!({"enabled": true})).ok().await;
    work(&both, [false, false]).await;

    let (_, both) = keys().await;
    app.client().post("/v1/password-resets", &json!({"email": email})).send().await.expect(202);
    let reset = eventually("the letter", || async {
        letters(app, email).into_iter().find(|letter| letter.subject.contains("Choose a new"))
    })
    .await;
    let finish = json!({"token": reset.code(), "password": "neli juhuslikku sõna"});
    app.client().post("/v1/password-resets/finish", &finish).send().await.expect(204);
    work(&both, [false, false]).await;

    assert_eq!(reasons(&world).await, ["signed_out", "signed_out by admin", "password_reset"]);
    assert_eq!(reasons(&beta).await, ["signed_out", "disabled by admin", "password_reset"]);
}

async fn all_problems_of_a_new_key_are_named(app: &TestApp) {
    let world = World::make(app).await;
    let add = |mut body: Value| {
        body["password"] = json!(PASSWORD);
        world.auditor.client.post("/v1/api-keys", &body)
    };
    let day = |days: i64| (now() + chrono::TimeDelta::days(days)).date_naive().to_string();
    add(json!({"name": " ", "rights": ["manage_users"], "expires_on": "2020-01-01"}))
        .invalid(&[("/name", "empty"), ("/rights/0", "not_allowed"), ("/expires_on", "out_of_range")])
        .await;
    add(json!({"name": "x", "rights": [], "expires_on": "2020-01"}))
        .invalid(&[("/expires_on", "bad_date"), ("/rights", "too_few")])
        .await;
    let operations = json!(["file_visits", "review_visits", "manage_users", "manage_api_keys"]);
    add(json!({"name": "x", "rights": operations, "expires_on": day(367)}))
        .invalid(&[
            ("/rights/1", "not_allowed"),
            ("/rights/2", "not_allowed"),
            ("/rights/3", "not_allowed"),
            ("/expires_on", "out_of_range"),
        ])
        .await;
    add(json!({"name": "x", "rights": ["rule_the_world"], "expires_on": day(1)}))
        .invalid(&[("/rights/0", "bad_value")])
        .await;
    add(json!({"name": "x", "rights": ["file_visits"], "expires_on": day(364)})).created().await;
}

async fn everybody_sees_their_own_keys_and_admins_all(app: &TestApp) {
    let (world, beta) = (World::make(app).await, World::named(app, "beta").await);
    for person in [&world.admin, &world.auditor, &world.reviewer, &beta.auditor] {
        make(&person.client, &["read_chains"]).await;
    }
    assert_eq!(world.auditor.client.all("/v1/api-keys", 1).await.len(), 1);
    let all = world.admin.client.all("/v1/api-keys", 2).await;
    assert_eq!(all.len(), 3);
    assert_eq!(beta.admin.client.all("/v1/api-keys", 50).await.len(), 1);
    let of_auditor = all.iter().find(|key| key["membership_id"] == json!(world.auditor.id)).expect("the key");
    world.admin.client.delete(&format!("/v1/api-keys/{}", id_of(of_auditor))).send().await.expect(204);
    let own = world.auditor.client.all("/v1/api-keys", 50).await;
    assert!(own[0]["revoked_at"].is_string(), "a key that ended stays in the list");
}

async fn no_key_manages_people_passwords_or_keys(app: &TestApp) {
    let world = World::make(app).await;
    let everything = [
        "manage_chains",
        "read_chains",
        "manage_standards",
        "read_standards",
        "manage_assignments",
        "read_assignments",
        "read_visits",
        "manage_transcripts",
        "search_transcripts",
        "review_visits",
        "read_results",
        "work_actions",
        "read_events",
    ];
    let (key, _) = make(&world.admin.client, &everything).await;
    let tags = ["People", "Account"];
    let mut tried = 0;
    for operation in operations(&document(app).await) {
        let is_open = operation.object["security"].as_array().is_none_or(Vec::is_empty);
        if is_open || !tags.contains(&operation.object["tags"][0].as_str().expect("a tag")) {
            continue;
        }
        let path = operation.path.replace("{id}", &new_id());
        let body = match operation.id.as_str() {
            "create_user" => json!({"email": "x@y.example", "name": "x", "role": "auditor"}),
            "change_password" => json!({"current_password": "x", "new_password": "x"}),
            "begin_totp" => json!({"password": "x"}),
            "confirm_totp" => json!({"code": "x"}),
            "remove_totp" | "renew_recovery_codes" => json!({"password": "x", "code": "x"}),
            "create_api_key" => json!({"name": "x", "rights": ["read_chains"], "expires_on": today(), "password": "x"}),
            _ => json!({}),
        };
        let mut call = key.call(operation.method.parse().expect("a method"), &path);
        if operation.object.get("requestBody").is_some() {
            call = call.json(&body);
        }
        let answer = call.send().await.expect(403);
        let code = answer.json()["code"].as_str().expect("a code").to_owned();
        assert!(["not_for_keys", "not_granted"].contains(&code.as_str()), "{}", answer.describe());
        tried += 1;
    }
    assert!(tried >= 20, "{tried}");
}
