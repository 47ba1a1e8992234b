//! Signed-in devices: tokens that are exchanged, lost, replayed and ended.

use serde_json::{Value, json};

use crate::support::app::TestApp;
use crate::support::client::Client;
use crate::support::on_both;
use crate::support::wire::{Farewell, Wire};
use crate::support::world::{PASSWORD, World};

on_both!(
    a_refresh_gives_new_tokens_for_the_same_session,
    a_lost_answer_does_not_sign_out_and_a_third_use_does,
    a_cut_connection_after_a_refresh_is_forgiven_once,
    using_the_new_tokens_makes_the_old_one_a_replay,
    two_refreshes_at_the_same_moment_leave_one_good,
    many_refreshes_at_the_same_moment_never_make_two_sessions,
    a_stolen_token_shows_itself_however_late,
    a_twin_that_asks_from_elsewhere_is_a_thief,
    signing_in_anew_ends_what_the_device_had,
    tokens_end,
    tokens_have_a_form_that_is_checked_first,
    devices_are_listed_and_ended,
    the_use_of_a_device_is_noted_once_a_minute,
    firm_admins_end_sessions_for_their_firm_only,
    firm_admins_end_sessions_in_every_role,
    a_change_of_a_membership_bites_on_the_next_request,
);

/// Signs in; the tokens and the session.
async fn sign_in(app: &TestApp, email: &str) -> Value {
    app.client().post("/v1/sessions", &json!({"email": email, "password": PASSWORD})).created().await
}

fn with(app: &TestApp, session: &Value) -> Client {
    app.client().with_token(session["access_token"].as_str().expect("an access token"))
}

fn refresh_of(session: &Value) -> Value {
    json!({"refresh_token": session["refresh_token"]})
}

async fn refresh(app: &TestApp, session: &Value) -> Value {
    app.client().post("/v1/sessions/refresh", &refresh_of(session)).created().await
}

/// Events of a kind in a firm.
async fn events(world: &World, kind: &str) -> Vec<Value> {
    let events = world.admin.client.all("/v1/events", 200).await;
    events.into_iter().filter(|event| event["kind"] == kind).collect()
}

async fn a_refresh_gives_new_tokens_for_the_same_session(app: &TestApp) {
    let world = World::make(app).await;
    let first = sign_in(app, &world.auditor.email).await;
    assert_eq!((&first["expires_in"], &first["refresh_expires_in"]), (&json!(900), &json!(90 * 24 * 3600)));
    let second = refresh(app, &first).await;
    assert_eq!(first["session_id"], second["session_id"]);
    assert_eq!(first["memberships"], second["memberships"]);
    for token in ["access_token", "refresh_token"] {
        assert_ne!(first[token], second[token]);
    }
    with(app, &second).get("/v1/me").ok().await;
    // Requests that were on their way with the old access token are not lost.
    with(app, &first).get("/v1/me").ok().await;
    // Nothing but hashes is stored.
    for column in ["access_sha256", "refresh_sha256"] {
        for row in app.query(&format!("SELECT {column} AS stored FROM sessions")).await {
            let stored: String = row.try_get("", "stored").expect("a text");
            assert!(stored.len() == 64 && !stored.contains("pgl"), "{stored}");
        }
    }
    // A session that is bound to a membership stays bound.
    let body = json!({"email": world.auditor.email, "password": PASSWORD, "membership_id": world.auditor.id});
    let bound = app.client().post("/v1/sessions", &body).created().await;
    let bound = refresh(app, &bound).await;
    assert_eq!(with(app, &bound).get("/v1/me").ok().await["membership_id"], json!(world.auditor.id));
}

async fn a_lost_answer_does_not_sign_out_and_a_third_use_does(app: &TestApp) {
    let world = World::make(app).await;
    let other = World::named(app, "beta").await;
    let member = json!({"email": world.auditor.email, "name": "A", "role": "auditor"});
    let member = other.admin.client.post("/v1/users", &member).created().await;
    let accept = format!("/v1/memberships/{}/accept", member["membership_id"].as_str().expect("an id"));
    world.auditor.client.act(&accept).ok().await;

    let first = sign_in(app, &world.auditor.email).await;
    let lost = refresh(app, &first).await;
    let found = refresh(app, &first).await;
    with(app, &found).get("/v1/me").ok().await;
    with(app, &lost).get("/v1/me").problem(401, "unauthenticated").await;
    assert_eq!(events(&world, "session.replayed").await.len(), 0);

    app.client().post("/v1/sessions/refresh", &refresh_of(&first)).problem(401, "token_replayed").await;
    with(app, &found).get("/v1/me").problem(401, "unauthenticated").await;
    app.client().post("/v1/sessions/refresh", &refresh_of(&found)).problem(401, "unauthenticated").await;
    // Every firm of the person is told, once, and no other device is signed out.
    for world in [&world, &other] {
        let events = events(world, "session.replayed").await;
        assert_eq!(events.len(), 1, "{events:?}");
        assert_eq!(events[0]["object"], format!("session/{}", first["session_id"].as_str().expect("an id")));
        assert!(!events[0].to_string().contains("auditor@"), "{events:?}");
    }
    app.client().post("/v1/sessions/refresh", &refresh_of(&first)).problem(401, "unauthenticated").await;
    assert_eq!(events(&world, "session.replayed").await.len(), 1);
    world.auditor.client.get("/v1/me").ok().await;
}

async fn a_cut_connection_after_a_refresh_is_forgiven_once(app: &TestApp) {
    let world = World::make(app).await;
    for farewell in [Farewell::Fin, Farewell::Rst] {
        let first = sign_in(app, &world.auditor.email).await;
        let body = refresh_of(&first).to_string();
        let request = format!(
            "POST /v1/sessions/refresh HTTP/1.1\r\nHost: peegel\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let mut wire = Wire::connect(&app.base()).await.expect("a connection");
        wire.send(request.as_bytes()).await;
        // The server has done it, and nobody reads the answer.
        crate::support::eventually("the token is exchanged", || async {
            let exchanged = app.query("SELECT id FROM sessions WHERE refreshes > 0 AND ended_at IS NULL").await;
            (!exchanged.is_empty()).then_some(())
        })
        .await;
        wire.leave(farewell).await;
        let again = refresh(app, &first).await;
        with(app, &again).get("/v1/me").ok().await;
        app.client().post("/v1/sessions/refresh", &refresh_of(&first)).problem(401, "token_replayed").await;
        with(app, &again).get("/v1/me").problem(401, "unauthenticated").await;
    }
}

async fn using_the_new_tokens_makes_the_old_one_a_replay(app: &TestApp) {
    let world = World::make(app).await;
    // The access token was used.
    let first = sign_in(app, &world.auditor.email).await;
    let second = refresh(app, &first).await;
    with(app, &second).get("/v1/me").ok().await;
    app.client().post("/v1/sessions/refresh", &refresh_of(&first)).problem(401, "token_replayed").await;
    with(app, &second).get("/v1/me").problem(401, "unauthenticated").await;
    // The refresh token was used.
    let first = sign_in(app, &world.auditor.email).await;
    let third = refresh(app, &refresh(app, &first).await).await;
    app.client().post("/v1/sessions/refresh", &refresh_of(&first)).problem(401, "token_replayed").await;
    app.client().post("/v1/sessions/refresh", &refresh_of(&third)).problem(401, "unauthenticated").await;
    // What was thought lost turns up much later in somebody else's hands.
    let first = sign_in(app, &world.auditor.email).await;
    let lost = refresh(app, &first).await;
    app.execute("UPDATE sessions SET created_at = '2020-01-01 00:00:00+00:00'").await.expect("an update");
    let found = refresh(app, &first).await;
    app.client().post("/v1/sessions/refresh", &refresh_of(&lost)).problem(401, "token_replayed").await;
    with(app, &found).get("/v1/me").problem(401, "unauthenticated").await;
    assert_eq!(events(&world, "session.replayed").await.len(), 3);
}

async fn two_refreshes_at_the_same_moment_leave_one_good(app: &TestApp) {
    let world = World::make(app).await;
    for _ in 0..5 {
        let first = sign_in(app, &world.auditor.email).await;
        let (a, b) = tokio::join!(refresh(app, &first), refresh(app, &first));
        let mut good = Vec::new();
        for session in [a, b] {
            let answer = with(app, &session).get("/v1/me").send().await;
            match answer.status {
                200 => good.push(session),
                _ => {
                    answer.problem(401, "unauthenticated");
                    // The window that lost hears why, and signs nobody out.
                    let refused = app.client().post("/v1/sessions/refresh", &refresh_of(&session));
                    refused.problem(401, "refreshed_elsewhere").await;
                }
            }
        }
        assert_eq!(good.len(), 1);
        with(app, &refresh(app, &good[0]).await).get("/v1/me").ok().await;
    }
    assert_eq!(events(&world, "session.replayed").await.len(), 0);
    assert_eq!(events(&world, "session.refreshed_elsewhere").await.len(), 5);
}

async fn many_refreshes_at_the_same_moment_never_make_two_sessions(app: &TestApp) {
    let world = World::make(app).await;
    let first = sign_in(app, &world.auditor.email).await;
    let family = first["session_id"].as_str().expect("an id");
    let calls = (0..50).map(|_| app.client().post("/v1/sessions/refresh", &refresh_of(&first)).send());
    let answers = futures_util::future::join_all(calls).await;
    let made = answers.iter().filter(|answer| answer.status == 201).count();
    assert_eq!(made, 2, "the first use, and one more for a lost answer");
    assert!(answers.iter().all(|answer| matches!(answer.status, 201 | 401)));
    for answer in answers.iter().filter(|answer| answer.status == 201) {
        with(app, &answer.json()).get("/v1/me").problem(401, "unauthenticated").await;
    }
    assert_eq!(events(&world, "session.replayed").await.len(), 1);
    let rows = app.query("SELECT family_id FROM sessions WHERE ended_at IS NULL AND replaced_by IS NULL").await;
    assert_eq!(rows.len(), 4, "only the four people of the world are signed in; {family} is not");
}

/// The owner's phone lies idle while a thief goes on; the token that it then sends was exchanged long ago.
async fn a_stolen_token_shows_itself_however_late(app: &TestApp) {
    let world = World::make(app).await;
    let first = sign_in(app, &world.auditor.email).await;
    let mut thief = first.clone();
    for _ in 0..3 {
        thief = refresh(app, &thief).await;
        with(app, &thief).get("/v1/me").ok().await;
    }
    let past = "'2020-01-01 00:00:00+00:00'";
    let age = format!("UPDATE sessions SET refreshed_at = {past}, access_expires_at = {past}");
    app.execute(&format!("{age} WHERE replaced_by IS NOT NULL")).await.expect("an update");
    thief = refresh(app, &thief).await;
    let rows = app.query(&format!("SELECT id FROM sessions WHERE refreshed_at = {past}")).await;
    assert!(rows.is_empty(), "its row is gone");
    assert_eq!(events(&world, "session.replayed").await.len(), 0);

    // A token of nobody, and one of another device, are no replay of it.
    let mut foreign = sign_in(app, &world.auditor.email).await;
    foreign = refresh(app, &foreign).await;
    with(app, &thief).get("/v1/me").ok().await;

    app.client().post("/v1/sessions/refresh", &refresh_of(&first)).problem(401, "token_replayed").await;
    with(app, &thief).get("/v1/me").problem(401, "unauthenticated").await;
    app.client().post("/v1/sessions/refresh", &refresh_of(&thief)).problem(401, "unauthenticated").await;
    app.client().post("/v1/sessions/refresh", &refresh_of(&first)).problem(401, "unauthenticated").await;
    let events = events(&world, "session.replayed").await;
    assert_eq!(events.len(), 1, "{events:?}");
    assert_eq!(events[0]["object"], format!("session/{}", first["session_id"].as_str().expect("an id")));
    with(app, &foreign).get("/v1/me").ok().await;
}

/// Owner and thief refresh with the same token within a moment, and the thief uses what came last.
async fn a_twin_that_asks_from_elsewhere_is_a_thief(app: &TestApp) {
    let world = World::make(app).await;
    let elsewhere = app.client().at_address(std::net::Ipv4Addr::new(127, 9, 77, 1));
    let mut replays = 0;
    for is_far in [true, false] {
        let first = sign_in(app, &world.auditor.email).await;
        let own = refresh(app, &first).await;
        let stolen = match is_far {
            true => elsewhere.post("/v1/sessions/refresh", &refresh_of(&first)),
            false => app.client().post("/v1/sessions/refresh", &refresh_of(&first)).header("user-agent", "curl/8"),
        };
        let stolen = stolen.created().await;
        // Until it is used, nobody can tell which of both is to go; the firm hears of it, once.
        for _ in 0..2 {
            app.client().post("/v1/sessions/refresh", &refresh_of(&own)).problem(401, "refreshed_elsewhere").await;
        }
        let told = events(&world, "session.refreshed_elsewhere").await;
        assert_eq!(told.len(), replays + 1, "{told:?}");
        with(app, &stolen).get("/v1/me").ok().await;
        app.client().post("/v1/sessions/refresh", &refresh_of(&own)).problem(401, "token_replayed").await;
        with(app, &stolen).get("/v1/me").problem(401, "unauthenticated").await;
        replays += 1;
        assert_eq!(events(&world, "session.replayed").await.len(), replays);
    }
}

async fn signing_in_anew_ends_what_the_device_had(app: &TestApp) {
    let world = World::make(app).await;
    let first = sign_in(app, &world.auditor.email).await;
    let stolen = refresh(app, &first).await;
    with(app, &stolen).get("/v1/me").ok().await;
    let mut body = json!({"email": world.auditor.email, "password": PASSWORD});
    // Somebody else's device is none of one's business.
    body["device_token"] = sign_in(app, &world.reviewer.email).await["refresh_token"].clone();
    app.client().post("/v1/sessions", &body).created().await;
    world.reviewer.client.get("/v1/me").ok().await;
    with(app, &stolen).get("/v1/me").ok().await;
    // Any token that the device had will do, however old.
    body["device_token"] = first["refresh_token"].clone();
    let anew = app.client().post("/v1/sessions", &body).created().await;
    assert_ne!(anew["session_id"], first["session_id"]);
    with(app, &stolen).get("/v1/me").problem(401, "unauthenticated").await;
    app.client().post("/v1/sessions/refresh", &refresh_of(&stolen)).problem(401, "unauthenticated").await;
    with(app, &refresh(app, &anew).await).get("/v1/me").ok().await;
    world.auditor.client.get("/v1/me").ok().await;
}

async fn tokens_end(app: &TestApp) {
    let world = World::make(app).await;
    let session = sign_in(app, &world.auditor.email).await;
    let past = "'2020-01-01 00:00:00+00:00'";
    app.execute(&format!("UPDATE sessions SET access_expires_at = {past}")).await.expect("an update");
    with(app, &session).get("/v1/me").problem(401, "unauthenticated").await;
    let session = refresh(app, &session).await;
    with(app, &session).get("/v1/me").ok().await;
    app.execute(&format!("UPDATE sessions SET refresh_expires_at = {past}")).await.expect("an update");
    app.client().post("/v1/sessions/refresh", &refresh_of(&session)).problem(401, "unauthenticated").await;

    // A year after signing in it is over, however often it was refreshed.
    let session = sign_in(app, &world.auditor.email).await;
    let almost = chrono::TimeDelta::days(365) - chrono::TimeDelta::minutes(5);
    let signed_in = crate::support::now() - almost;
    let update = format!("UPDATE sessions SET signed_in_at = '{}'", signed_in.format("%Y-%m-%d %H:%M:%S%.6f+00:00"));
    app.execute(&update).await.expect("an update");
    let last = refresh(app, &session).await;
    let (access, refresh) = (last["expires_in"].as_i64(), last["refresh_expires_in"].as_i64());
    assert!(access == refresh && (200..=300).contains(&access.expect("seconds")), "{last}");
    // Rows that nothing depends on are forgotten at the next sign-in.
    app.execute(&format!("UPDATE sessions SET refresh_expires_at = {past}")).await.expect("an update");
    sign_in(app, &world.auditor.email).await;
    let user = "SELECT s.id FROM sessions s JOIN users u ON u.id = s.user_id WHERE u.email LIKE 'auditor@%'";
    assert_eq!(app.query(user).await.len(), 1);
}

async fn tokens_have_a_form_that_is_checked_first(app: &TestApp) {
    let world = World::make(app).await;
    let session = sign_in(app, &world.auditor.email).await;
    for (name, prefix) in [("access_token", "pgl_at_"), ("refresh_token", "pgl_rt_")] {
        let token = session[name].as_str().expect("a token");
        assert!(token.starts_with(prefix) && token.len() == prefix.len() + 49, "{token}");
        assert!(token[prefix.len()..].bytes().all(|byte| byte.is_ascii_alphanumeric()), "{token}");
    }
    // One kind of token does not pass for another.
    app.client()
        .with_token(session["refresh_token"].as_str().expect("a token"))
        .get("/v1/me")
        .problem(401, "unauthenticated")
        .await;
    let swapped = json!({"refresh_token": session["access_token"]});
    app.client().post("/v1/sessions/refresh", &swapped).problem(401, "unauthenticated").await;
    // What has not the checksum is no question for the database: it is refused even when there is none.
    let mut typo = session["access_token"].as_str().expect("a token").to_owned();
    let last = if typo.ends_with('0') { '1' } else { '0' };
    typo.pop();
    typo.push(last);
    app.execute("ALTER TABLE sessions RENAME TO elsewhere").await.expect("a rename");
    app.client().with_token(&typo).get("/v1/me").problem(401, "unauthenticated").await;
    app.execute("ALTER TABLE elsewhere RENAME TO sessions").await.expect("a rename");
    with(app, &session).get("/v1/me").ok().await;
}

async fn devices_are_listed_and_ended(app: &TestApp) {
    let world = World::make(app).await;
    let body = json!({"email": world.auditor.email, "password": PASSWORD});
    let long = format!("Phone {}", "x".repeat(300));
    let phone = app.client().post("/v1/sessions", &body).header("user-agent", &long).created().await;
    let phone = refresh(app, &phone).await;
    let tablet = app.client().post("/v1/sessions", &body).header("user-agent", "Tablet/1").created().await;
    let list = with(app, &tablet).get("/v1/sessions").ok().await;
    let list = list["data"].as_array().expect("a list");
    assert_eq!(list.len(), 3, "{list:?}");
    assert_eq!(list[2]["client"], "Tablet/1");
    assert!(list[1]["client"].as_str().expect("a name").chars().count() <= 200);
    let current: Vec<_> = list.iter().map(|device| device["current"] == true).collect();
    assert_eq!(current, [false, false, true]);
    assert_eq!(list[1]["session_id"], phone["session_id"]);

    // The lost phone is signed out at once, and only that; another person's devices are not there.
    let path = |session: &Value| format!("/v1/sessions/{}", session["session_id"].as_str().expect("an id"));
    let stranger = &world.reviewer.client;
    stranger.delete(&path(&phone)).problem(404, "not_found").await;
    with(app, &tablet).delete(&path(&phone)).send().await.expect(204);
    with(app, &phone).get("/v1/me").problem(401, "unauthenticated").await;
    app.client().post("/v1/sessions/refresh", &refresh_of(&phone)).problem(401, "unauthenticated").await;
    with(app, &tablet).delete(&path(&phone)).problem(404, "not_found").await;
    with(app, &tablet).get("/v1/me").ok().await;

    // Everywhere at once.
    with(app, &tablet).delete("/v1/sessions?all=true").send().await.expect(204);
    for client in [with(app, &tablet), world.auditor.client.clone()] {
        client.get("/v1/me").problem(401, "unauthenticated").await;
    }
    app.client().post("/v1/sessions/refresh", &refresh_of(&tablet)).problem(401, "unauthenticated").await;
    world.reviewer.client.get("/v1/me").ok().await;
}

async fn the_use_of_a_device_is_noted_once_a_minute(app: &TestApp) {
    let world = World::make(app).await;
    let session = sign_in(app, &world.auditor.email).await;
    let client = with(app, &session);
    let family = session["session_id"].as_str().expect("an id").to_owned();
    let noted = async || {
        let devices = client.get("/v1/sessions").ok().await;
        let devices = devices["data"].as_array().expect("a list").clone();
        let own = devices.into_iter().find(|device| device["session_id"] == json!(family)).expect("the device");
        own["last_used_at"].as_str().expect("a time").to_owned()
    };
    let first = noted().await;
    for _ in 0..5 {
        assert_eq!(noted().await, first, "not a write a request");
    }
    app.execute("UPDATE sessions SET used_at = '2026-01-01 00:00:00+00:00'").await.expect("an update");
    crate::support::eventually("the use is noted", || async {
        let now = noted().await;
        (now.as_str() > first.as_str()).then_some(())
    })
    .await;
}

async fn firm_admins_end_sessions_for_their_firm_only(app: &TestApp) {
    let world = World::make(app).await;
    let other = World::named(app, "beta").await;
    let (admin, auditor) = (&world.admin.client, &world.auditor);
    let path = |id: &str| format!("/v1/users/{id}/sign-out");
    admin.act(&path(&other.auditor.id)).problem(404, "not_found").await;
    world.reviewer.client.act(&path(&auditor.id)).problem(403, "not_allowed").await;

    // Who belongs to one firm only is signed out altogether.
    let session = sign_in(app, &auditor.email).await;
    admin.act(&path(&auditor.id)).send().await.expect(204);
    with(app, &session).get("/v1/me").problem(401, "unauthenticated").await;
    app.client().post("/v1/sessions/refresh", &refresh_of(&session)).problem(401, "unauthenticated").await;
    let session = sign_in(app, &auditor.email).await;
    with(app, &session).get("/v1/visits").ok().await;

    // Who belongs to two is signed out of the one.
    let member = json!({"email": auditor.email, "name": "A", "role": "auditor"});
    let member = other.admin.client.post("/v1/users", &member).created().await;
    let member = member["membership_id"].as_str().expect("an id");
    with(app, &session).act(&format!("/v1/memberships/{member}/accept")).ok().await;
    admin.act(&path(&auditor.id)).send().await.expect(204);
    let visits = |membership: &str| with(app, &session).get("/v1/visits").header("peegel-membership", membership);
    visits(&auditor.id).problem(401, "unauthenticated").await;
    visits(member).ok().await;
    // A refresh does not bring it back; signing in does.
    let refreshed = refresh(app, &session).await;
    let visits = |session: &Value| with(app, session).get("/v1/visits").header("peegel-membership", &auditor.id);
    visits(&refreshed).problem(401, "unauthenticated").await;
    visits(&sign_in(app, &auditor.email).await).ok().await;
    assert_eq!(events(&world, "membership.signed_out").await.len(), 2);
}

async fn firm_admins_end_sessions_in_every_role(app: &TestApp) {
    let (world, other) = (World::make(app).await, World::named(app, "beta").await);
    let auditor = &world.auditor;
    let mut memberships = vec![auditor.id.clone()];
    for (by, role) in [(&world.admin, "reviewer"), (&other.admin, "auditor")] {
        let member = json!({"email": auditor.email, "name": "A", "role": role});
        let member = by.client.post("/v1/users", &member).created().await;
        let id = member["membership_id"].as_str().expect("an id").to_owned();
        auditor.client.act(&format!("/v1/memberships/{id}/accept")).ok().await;
        memberships.push(id);
    }
    let session = sign_in(app, &auditor.email).await;
    let key =
        json!({"name": "k", "rights": ["read_chains"], "expires_on": crate::support::today(), "password": PASSWORD});
    let key = with(app, &session).post("/v1/api-keys", &key).header("peegel-membership", &memberships[1]);
    let key = app.client().with_token(key.created().await["key"].as_str().expect("a key"));
    key.get("/v1/chains").ok().await;
    world.admin.client.act(&format!("/v1/users/{}/sign-out", auditor.id)).send().await.expect(204);
    let ask = |membership: &str| with(app, &session).get("/v1/visits").header("peegel-membership", membership);
    ask(&memberships[0]).problem(401, "unauthenticated").await;
    ask(&memberships[1]).problem(401, "unauthenticated").await;
    ask(&memberships[2]).ok().await;
    key.get("/v1/chains").problem(401, "unauthenticated").await;
    let objects: Vec<_> = events(&world, "membership.signed_out").await.iter().map(|e| e["object"].clone()).collect();
    assert_eq!(
        objects,
        [json!(format!("membership/{}", memberships[0])), json!(format!("membership/{}", memberships[1]))]
    );
}

async fn a_change_of_a_membership_bites_on_the_next_request(app: &TestApp) {
    let world = World::make(app).await;
    let (admin, auditor) = (&world.admin.client, &world.auditor);
    let path = format!("/v1/users/{}", auditor.id);
    auditor.client.get("/v1/visits").ok().await;
    let user = admin.patch(&path, &json!({"enabled": false})).ok().await;
    assert_eq!(user["state"], "disabled");
    auditor.client.get("/v1/visits").problem(403, "no_membership").await;
    assert_eq!(auditor.client.get("/v1/me").ok().await["memberships"], json!([]));
    let user = admin.patch(&path, &json!({"enabled": true})).ok().await;
    assert_eq!(user["state"], "active", "it was accepted before");
    // What was ended stays ended: they sign in again.
    auditor.client.get("/v1/visits").problem(401, "unauthenticated").await;
    let auditor = app.client().sign_in(&auditor.email, PASSWORD).await;
    auditor.get("/v1/visits").ok().await;

    // A role and its scope.
    let viewer = json!({"role": "chain_viewer"});
    admin.patch(&path, &viewer).invalid(&[("/scope/chain_id", "missing")]).await;
    let viewer = json!({"role": "chain_viewer", "scope": {"chain_id": world.chain}, "name": "Uus Nimi"});
    let user = admin.patch(&path, &viewer).ok().await;
    assert_eq!((&user["role"], &user["name"]), (&json!("chain_viewer"), &json!("Uus Nimi")));
    auditor.get("/v1/visits").problem(403, "not_allowed").await;
    auditor.get(&format!("/v1/chains/{}/scorecard", world.chain)).ok().await;
    let user = admin.patch(&path, &json!({"role": "auditor"})).ok().await;
    assert_eq!(user["scope"], json!({"branch_ids": []}), "another role has no scope of the old one");
    auditor.get("/v1/visits").ok().await;

    // Nothing else can be changed, and the firm keeps somebody who runs it.
    for (name, value) in [("email", json!("x@y.example")), ("firm_id", json!(world.chain)), ("state", json!("active"))]
    {
        let pointer = format!("/{name}");
        admin.patch(&path, &json!({name: value})).invalid(&[(pointer.as_str(), "unknown_field")]).await;
    }
    let own = format!("/v1/users/{}", world.admin.id);
    admin.patch(&own, &json!({"enabled": false})).problem(409, "last_admin").await;
    admin.patch(&own, &json!({"role": "reviewer"})).problem(409, "last_admin").await;
    let second = format!("/v1/users/{}", world.reviewer.id);
    admin.patch(&second, &json!({"role": "firm_admin"})).ok().await;
    admin.patch(&own, &json!({"enabled": false})).ok().await;
    admin.get("/v1/users").problem(403, "no_membership").await;
    // Two admins who disable each other at the same moment: one stays.
    world.reviewer.client.patch(&own, &json!({"enabled": true})).ok().await;
    admin.get("/v1/users").problem(401, "unauthenticated").await;
    let admin = &app.client().sign_in(&world.admin.email, PASSWORD).await;
    let disable = |by: &Client, id: &str| by.patch(id, &json!({"enabled": false})).send();
    let (a, b) = tokio::join!(disable(admin, &second), disable(&world.reviewer.client, &own));
    let mut statuses = [a.status, b.status];
    statuses.sort_unstable();
    assert!([[200, 401], [200, 403], [200, 409]].contains(&statuses), "{statuses:?}");
}
