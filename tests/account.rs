//! What proves who somebody is: invitations, passwords, resets, second factors, and the letters about them.

use serde_json::{Value, json};
use totp_rs::{Builder, Secret};

use crate::support::app::TestApp;
use crate::support::client::{Call, Client};
use crate::support::mail::{Letter, letter, letters};
use crate::support::smtp::SmtpServer;
use crate::support::world::{PASSWORD, Person, World};
use crate::support::{eventually, now, on_both};

on_both!(
    a_new_person_accepts_an_invitation_and_chooses_a_password,
    a_known_person_accepts_and_keeps_the_password,
    a_first_password_opens_no_other_firm,
    a_reset_takes_back_an_account_with_a_first_password,
    whoever_asks_first_a_mailed_code_decides,
    invitations_end,
    a_forgotten_password_is_reset_by_a_link,
    a_link_works_once_even_when_fifty_try,
    nobody_learns_who_has_an_account,
    a_password_is_changed_by_who_knows_it,
    weak_passwords_are_refused_everywhere,
    a_password_of_older_parameters_is_hashed_anew,
    a_second_factor_guards_the_sign_in,
    recovery_codes_work_once,
    a_second_factor_is_removed_with_both_factors,
    firms_demand_a_second_factor_of_staff,
    secrets_are_not_in_the_database,
    letters_go_to_an_smtp_server_that_may_fail_first,
);

const NEW_PASSWORD: &str = "neli juhuslikku sõna";

fn accept(app: &TestApp, body: &Value) -> Call {
    app.client().post("/v1/invitations/accept", body)
}

fn sign_in(app: &TestApp, email: &str, password: &str) -> Call {
    app.client().post("/v1/sessions", &json!({"email": email, "password": password}))
}

fn sign_in_with(app: &TestApp, email: &str, code: &str) -> Call {
    app.client().post("/v1/sessions", &json!({"email": email, "password": PASSWORD, "code": code}))
}

async fn request_reset(app: &TestApp, email: &str) -> Value {
    let answer = app.client().post("/v1/password-resets", &json!({"email": email})).send().await;
    answer.expect(202).json()
}

fn finish_reset(app: &TestApp, token: &str, password: &str) -> Call {
    app.client().post("/v1/password-resets/finish", &json!({"token": token, "password": password}))
}

/// Kinds of the events of a firm that are about a membership.
async fn events_of(world: &World, membership: &str) -> Vec<String> {
    let events = world.admin.client.all("/v1/events", 200).await;
    let own = events.into_iter().filter(|event| event["object"] == format!("membership/{membership}"));
    own.map(|event| event["kind"].as_str().expect("a kind").to_owned()).collect()
}

/// The code that an authenticator app shows, some steps from now.
pub fn code_at(secret: &str, steps: i64) -> String {
    let secret = Secret::try_from_base32(secret).expect("base32");
    let at = u64::try_from(now().timestamp() + 30 * steps).expect("after 1970");
    Builder::new().with_secret(secret).build_noncompliant().generate(at).to_string()
}

/// Sets up a second factor; the secret and the recovery codes.
pub async fn enrol(client: &Client) -> (String, Vec<String>) {
    let begun = client.post("/v1/me/totp", &json!({"password": PASSWORD})).created().await;
    let secret = begun["secret"].as_str().expect("a secret").to_owned();
    let uri = begun["otpauth_uri"].as_str().expect("a link");
    assert!(
        uri.starts_with("otpauth://totp/Peegel:") && uri.contains(&format!("?secret={secret}&issuer=Peegel")),
        "{uri}"
    );
    // The step before leaves the codes of now and of the next step for the test. It may end this very moment.
    let confirm = || client.post("/v1/me/totp/confirm", &json!({"code": code_at(&secret, -1)}));
    let mut answer = confirm().send().await;
    if answer.status == 422 {
        answer = confirm().send().await;
    }
    let done = answer.expect(200).json();
    let codes = done["recovery_codes"].as_array().expect("codes");
    (secret, codes.iter().map(|code| code.as_str().expect("a code").to_owned()).collect())
}

async fn a_new_person_accepts_an_invitation_and_chooses_a_password(app: &TestApp) {
    let world = World::make(app).await;
    let email = "mari@alpha.example";
    let body = json!({"email": email, "name": "Mari Maasikas", "role": "auditor", "locale": "et"});
    let user = world.admin.client.post("/v1/users", &body).created().await;
    let letter = letter(app, email, 1).await;
    assert_eq!(letter.subject, "Firm alpha kutsub sind Peegelisse");
    assert!(letter.text.starts_with("Tere, Mari Maasikas!\n"), "{}", letter.text);
    let token = letter.code();
    let users = world.admin.client.all("/v1/users", 50).await;
    assert_eq!(users.last().expect("a user")["state"], "pending");
    sign_in(app, email, NEW_PASSWORD).problem(401, "wrong_sign_in").await;

    accept(app, &json!({"token": token})).invalid(&[("/password", "missing")]).await;
    accept(app, &json!({"token": token, "password": "mari@alpha.example", "name": " "}))
        .invalid(&[("/password", "too_obvious"), ("/name", "empty")])
        .await;
    accept(app, &json!({"token": "x", "password": NEW_PASSWORD})).invalid(&[("/token", "bad_link")]).await;
    // An invitation does not reset a password.
    finish_reset(app, &token, NEW_PASSWORD).invalid(&[("/token", "bad_link")]).await;
    let body = json!({"token": token, "password": NEW_PASSWORD, "name": "Mari M."});
    let accepted = accept(app, &body).ok().await;
    assert_eq!(accepted["email"], email);
    assert_eq!(accepted["membership"]["membership_id"], user["membership_id"]);
    assert_eq!(accepted["membership"]["firm_name"], "Firm alpha");
    accept(app, &body).invalid(&[("/token", "bad_link")]).await;
    // The accented letter may come in another form from another keyboard.
    let decomposed = NEW_PASSWORD.replace('õ', "o\u{303}");
    let session = sign_in(app, email, &decomposed).created().await;
    let client = app.client().with_token(session["access_token"].as_str().expect("a token"));
    assert_eq!(client.get("/v1/me").ok().await["name"], "Mari M.");
    client.get("/v1/visits").ok().await;
    let membership = user["membership_id"].as_str().expect("an id");
    assert_eq!(events_of(&world, membership).await, ["membership.created", "membership.accepted"]);
}

async fn a_known_person_accepts_and_keeps_the_password(app: &TestApp) {
    let (world, beta) = (World::make(app).await, World::named(app, "beta").await);
    let body = json!({"email": world.auditor.email, "name": "Other name", "role": "auditor"});
    let known = beta.admin.client.post("/v1/users", &body).created().await;
    let body = json!({"email": "new@beta.example", "name": "New", "role": "auditor"});
    let new = beta.admin.client.post("/v1/users", &body).created().await;
    // Neither the answer nor the list tells who was known before.
    let members = |user: &Value| user.as_object().expect("an object").keys().cloned().collect::<Vec<_>>();
    assert_eq!(members(&known), members(&new));
    let users = beta.admin.client.all("/v1/users", 50).await;
    assert!(users.iter().rev().take(2).all(|user| user["state"] == "pending"), "{users:?}");

    let token = letter(app, &world.auditor.email, 1).await.code();
    accept(app, &json!({"token": token, "password": NEW_PASSWORD})).invalid(&[("/password", "not_allowed")]).await;
    accept(app, &json!({"token": token})).ok().await;
    sign_in(app, &world.auditor.email, NEW_PASSWORD).problem(401, "wrong_sign_in").await;
    let session = sign_in(app, &world.auditor.email, PASSWORD).created().await;
    assert_eq!(session["memberships"].as_array().map(Vec::len), Some(2));
}

/// Somebody whom the admin of a firm made with a password of the firm's choice, signed in with it by that admin.
async fn with_first_password(app: &TestApp, world: &World, email: &str) -> Client {
    let body = json!({"email": email, "name": "V", "role": "auditor", "password": PASSWORD});
    world.admin.client.post("/v1/users", &body).created().await;
    app.client().sign_in(email, PASSWORD).await
}

async fn invite(world: &World, email: &str) -> String {
    let body = json!({"email": email, "name": "W", "role": "firm_admin"});
    let user = world.admin.client.post("/v1/users", &body).created().await;
    user["membership_id"].as_str().expect("an id").to_owned()
}

async fn a_first_password_opens_no_other_firm(app: &TestApp) {
    let (alpha, beta) = (World::make(app).await, World::named(app, "beta").await);
    let email = "ohver@elsewhere.example";
    let thief = with_first_password(app, &alpha, email).await;
    // Prepared for later: a second factor, a key, a password of one's own.
    let (secret, codes) = enrol(&thief).await;
    let key = json!({
        "name": "k", "rights": ["read_chains"], "expires_on": crate::support::today(), "password": PASSWORD,
        "code": code_at(&secret, 0),
    });
    let key = thief.post("/v1/api-keys", &key).created().await;
    let key = thief.with_token(key["key"].as_str().expect("a key"));
    let change = json!({"current_password": PASSWORD, "new_password": "chosen by the thief"});
    thief.post("/v1/me/password", &change).send().await.expect(204);
    key.get("/v1/chains").ok().await;

    let member = invite(&beta, email).await;
    // The thief learns nothing of it, and can do nothing with it.
    let me = thief.get("/v1/me").ok().await;
    assert_eq!((&me["invitations"], &me["address_proven"]), (&json!([]), &json!(false)));
    for id in [member.as_str(), &crate::support::new_id()] {
        let refused = thief.act(&format!("/v1/memberships/{id}/accept")).problem(403, "address_not_proven").await;
        assert!(refused.detail().contains("link in the mail"), "{}", refused.describe());
    }
    let body = json!({"current_password": "chosen by the thief", "new_password": "beta-beta-beta-77"});
    thief.post("/v1/me/password", &body).send().await.expect(204);
    // What the firm changes of the membership it has does not prove anything either.
    let users = alpha.admin.client.all("/v1/users", 50).await;
    let own = users.iter().find(|user| user["email"] == email).expect("the user");
    let path = format!("/v1/users/{}", own["membership_id"].as_str().expect("an id"));
    alpha.admin.client.patch(&path, &json!({"role": "reviewer"})).ok().await;
    thief.act(&format!("/v1/memberships/{member}/accept")).problem(403, "address_not_proven").await;

    // Whoever has the mail is asked for the same as somebody new, and takes the account.
    let token = letter(app, email, 3).await.code();
    let missing = accept(app, &json!({"token": token})).invalid(&[("/password", "missing")]).await;
    let new = "kaval@elsewhere.example";
    invite(&beta, new).await;
    let of_new = letter(app, new, 1).await.code();
    let of_new = accept(app, &json!({"token": of_new})).invalid(&[("/password", "missing")]).await;
    assert_eq!(missing.json()["errors"], of_new.json()["errors"]);
    accept(app, &json!({"token": token, "password": "beta-beta-beta-77"}))
        .invalid(&[("/password", "too_obvious")])
        .await;
    accept(app, &json!({"token": token, "password": NEW_PASSWORD})).ok().await;

    // Nothing of what was there before opens it: no session, key, password, second factor.
    thief.get("/v1/me").problem(401, "unauthenticated").await;
    key.get("/v1/chains").problem(401, "unauthenticated").await;
    for password in [PASSWORD, "chosen by the thief", "beta-beta-beta-77"] {
        sign_in(app, email, password).problem(401, "wrong_sign_in").await;
    }
    let session = sign_in(app, email, NEW_PASSWORD).created().await;
    assert_eq!(session["memberships"].as_array().map(Vec::len), Some(2), "alpha's own membership stays");
    let victim = app.client().with_token(session["access_token"].as_str().expect("a token"));
    let me = victim.get("/v1/me").ok().await;
    assert_eq!((&me["totp_since"], &me["recovery_codes_left"]), (&Value::Null, &json!(0)));
    assert_eq!(me["address_proven"], true);
    let body = json!({"email": email, "password": NEW_PASSWORD, "code": codes[0]});
    app.client().post("/v1/sessions", &body).created().await;
    // The firm that had made the account reads of it as of any reset, and nothing of another firm.
    let told = events_of(&alpha, own["membership_id"].as_str().expect("an id")).await;
    assert_eq!(told.last().map(String::as_str), Some("membership.password_reset"), "{told:?}");
    assert_eq!(events_of(&beta, &member).await, ["membership.created", "membership.accepted"]);
    // From now on it is an account like any other.
    let second = json!({"email": email, "name": "W", "role": "reviewer"});
    let second = beta.admin.client.post("/v1/users", &second).created().await["membership_id"].clone();
    victim.act(&format!("/v1/memberships/{}/accept", second.as_str().expect("an id"))).ok().await;
}

async fn a_reset_takes_back_an_account_with_a_first_password(app: &TestApp) {
    let alpha = World::make(app).await;
    let email = "ohver@elsewhere.example";
    let thief = with_first_password(app, &alpha, email).await;
    let begun = sign_in(app, email, PASSWORD).created().await;
    enrol(&thief).await;
    request_reset(app, email).await;
    let token = letter(app, email, 2).await.code();
    finish_reset(app, &token, NEW_PASSWORD).send().await.expect(204);
    thief.get("/v1/me").problem(401, "unauthenticated").await;
    let refresh = json!({"refresh_token": begun["refresh_token"]});
    app.client().post("/v1/sessions/refresh", &refresh).problem(401, "unauthenticated").await;
    // The second factor was the thief's.
    let session = sign_in(app, email, NEW_PASSWORD).created().await;
    let victim = app.client().with_token(session["access_token"].as_str().expect("a token"));
    assert_eq!(victim.get("/v1/me").ok().await["address_proven"], true);
    // Once proven, a reset leaves the second factor alone (`a_second_factor_guards_the_sign_in`), and an invitation the
    // password.
    let beta = World::named(app, "beta").await;
    invite(&beta, email).await;
    let letters = eventually("the invitation", || async {
        letters(app, email).into_iter().find(|letter| letter.subject.contains("invites you"))
    });
    let token = letters.await.code();
    accept(app, &json!({"token": token, "password": NEW_PASSWORD})).invalid(&[("/password", "not_allowed")]).await;
    accept(app, &json!({"token": token})).ok().await;
    victim.get("/v1/me").ok().await;
}

async fn whoever_asks_first_a_mailed_code_decides(app: &TestApp) {
    let (alpha, beta) = (World::make(app).await, World::named(app, "beta").await);
    // Invited by one firm, then "made" by another while the invitation waits: the password is not taken.
    let email = "esimene@elsewhere.example";
    invite(&beta, email).await;
    let body = json!({"email": email, "name": "V", "role": "auditor", "password": PASSWORD});
    let made = alpha.admin.client.post("/v1/users", &body).created().await["membership_id"].clone();
    sign_in(app, email, PASSWORD).problem(401, "wrong_sign_in").await;
    let token = letter(app, email, 1).await.code();
    accept(app, &json!({"token": token, "password": NEW_PASSWORD})).ok().await;
    let session = sign_in(app, email, NEW_PASSWORD).created().await;
    assert_eq!(session["memberships"].as_array().map(Vec::len), Some(1));
    let victim = app.client().with_token(session["access_token"].as_str().expect("a token"));
    assert_eq!(victim.get("/v1/me").ok().await["invitations"][0]["membership_id"], made);

    // Accepted first, then "made" by another: pending, and the password stays.
    let email = "teine@elsewhere.example";
    invite(&beta, email).await;
    let token = letter(app, email, 1).await.code();
    accept(app, &json!({"token": token, "password": NEW_PASSWORD})).ok().await;
    let body = json!({"email": email, "name": "V", "role": "auditor", "password": PASSWORD});
    alpha.admin.client.post("/v1/users", &body).created().await;
    sign_in(app, email, PASSWORD).problem(401, "wrong_sign_in").await;
    sign_in(app, email, NEW_PASSWORD).created().await;

    // The operator's word is enough.
    let arguments = ["user", "add", "--firm", "alpha", "--email", "op@elsewhere.example", "--role", "auditor"];
    app.peegel_with_input(&[&arguments[..], &["--password-stdin"]].concat(), &format!("{PASSWORD}\n")).await.expect(0);
    let operated = app.client().sign_in("op@elsewhere.example", PASSWORD).await;
    let member = invite(&beta, "op@elsewhere.example").await;
    operated.act(&format!("/v1/memberships/{member}/accept")).ok().await;

    // Two links of one account at the same moment: one takes it, and the other one's password is not left in it.
    let email = "kolmas@elsewhere.example";
    let thief = with_first_password(app, &alpha, email).await;
    invite(&beta, email).await;
    request_reset(app, email).await;
    letter(app, email, 2).await;
    let both = letters(app, email);
    let find = |subject: &str| both.iter().find(|letter| letter.subject.contains(subject)).expect("a letter").code();
    let (invitation, reset) = (find("invites you"), find("Choose a new"));
    let body = json!({"token": invitation, "password": "by the invitation"});
    let (a, b) = tokio::join!(accept(app, &body).send(), finish_reset(app, &reset, "by the reset here").send());
    assert_eq!(b.status, 204, "{}", b.describe());
    assert!(matches!(a.status, 200 | 422), "{}", a.describe());
    sign_in(app, email, "by the reset here").created().await;
    sign_in(app, email, "by the invitation").problem(401, "wrong_sign_in").await;
    thief.get("/v1/me").problem(401, "unauthenticated").await;
}

async fn invitations_end(app: &TestApp) {
    let world = World::make(app).await;
    let email = "juku@alpha.example";
    let body = json!({"email": email, "name": "Juku", "role": "auditor"});
    let user = world.admin.client.post("/v1/users", &body).created().await;
    let path = format!("/v1/users/{}", user["membership_id"].as_str().expect("an id"));
    let first = letter(app, email, 1).await.code();
    let try_with = |token: &str| accept(app, &json!({"token": token, "password": NEW_PASSWORD}));

    // Too old; the firm sends another.
    app.execute("UPDATE links SET expires_at = '2020-01-01 00:00:00+00:00'").await.expect("an update");
    try_with(&first).invalid(&[("/token", "bad_link")]).await;
    world.admin.client.act(&format!("{path}/invite")).send().await.expect(204);
    let second = letter(app, email, 2).await.code();
    assert_ne!(first, second);
    // Withdrawn; a person who never accepted is not let in by enabling.
    world.admin.client.patch(&path, &json!({"enabled": false})).ok().await;
    try_with(&second).invalid(&[("/token", "bad_link")]).await;
    world.admin.client.act(&format!("{path}/invite")).problem(409, "not_pending").await;
    let back = world.admin.client.patch(&path, &json!({"enabled": true})).ok().await;
    assert_eq!(back["state"], "pending");
    try_with(&second).ok().await;
    world.admin.client.act(&format!("{path}/invite")).problem(409, "not_pending").await;
}

async fn a_forgotten_password_is_reset_by_a_link(app: &TestApp) {
    let world = World::make(app).await;
    let email = &world.auditor.email;
    request_reset(app, &format!(" {} ", email.to_uppercase())).await;
    let token = letter(app, email, 1).await.code();
    finish_reset(app, &token, "too short").invalid(&[("/password", "bad_length")]).await;
    accept(app, &json!({"token": token})).invalid(&[("/token", "bad_link")]).await;
    // Asking twice is no harm: each link works until one was used.
    request_reset(app, email).await;
    let other = letter(app, email, 2).await.code();
    finish_reset(app, &token, NEW_PASSWORD).send().await.expect(204);
    for used in [&token, &other] {
        finish_reset(app, used, "yet another password").invalid(&[("/token", "bad_link")]).await;
    }
    // All devices are signed out, the old password is void, and the person and the firm are told.
    world.auditor.client.get("/v1/me").problem(401, "unauthenticated").await;
    sign_in(app, email, PASSWORD).problem(401, "wrong_sign_in").await;
    sign_in(app, email, NEW_PASSWORD).created().await;
    assert!(events_of(&world, &world.auditor.id).await.contains(&"membership.password_reset".to_owned()));
    let notice = letter(app, email, 3).await;
    assert!(notice.subject.contains("password was changed") && !notice.text.contains("pgl_"), "{notice:?}");

    request_reset(app, email).await;
    let token = letter(app, email, 4).await.code();
    app.execute("UPDATE links SET expires_at = '2020-01-01 00:00:00+00:00'").await.expect("an update");
    finish_reset(app, &token, PASSWORD).invalid(&[("/token", "bad_link")]).await;
}

async fn a_link_works_once_even_when_fifty_try(app: &TestApp) {
    let world = World::make(app).await;
    request_reset(app, &world.auditor.email).await;
    let token = letter(app, &world.auditor.email, 1).await.code();
    let calls = (0..50).map(|n| finish_reset(app, &token, &format!("{NEW_PASSWORD} {n}")).send());
    let answers = futures_util::future::join_all(calls).await;
    let done: Vec<_> = answers.iter().enumerate().filter(|(_, answer)| answer.status == 204).collect();
    assert_eq!(done.len(), 1, "{:?}", answers.iter().map(|answer| answer.status).collect::<Vec<_>>());
    assert!(answers.iter().all(|answer| matches!(answer.status, 204 | 422 | 429 | 503)));
    sign_in(app, &world.auditor.email, &format!("{NEW_PASSWORD} {}", done[0].0)).created().await;
}

async fn nobody_learns_who_has_an_account(app: &TestApp) {
    let world = World::make(app).await;
    let mut answers = Vec::new();
    for email in [world.auditor.email.as_str(), "nobody@alpha.example", "not an address", "\u{1}", ""] {
        answers.push(request_reset(app, email).await);
    }
    assert!(answers.windows(2).all(|pair| pair[0] == pair[1]), "{answers:?}");
    letter(app, &world.auditor.email, 1).await;
    eventually("all jobs are done", || async { app.query("SELECT id FROM jobs").await.is_empty().then_some(()) }).await;
    assert_eq!(letters(app, "nobody@alpha.example").len(), 0);
    // Beyond the limit of an account the answer stays, and no more mail comes.
    for _ in 0..4 {
        assert_eq!(request_reset(app, &world.auditor.email).await, answers[0]);
    }
    eventually("all jobs are done", || async { app.query("SELECT id FROM jobs").await.is_empty().then_some(()) }).await;
    assert_eq!(letters(app, &world.auditor.email).len(), 3);
    // One address asks for ten, then it has to wait.
    request_reset(app, "somebody@alpha.example").await;
    let refused = app.client().post("/v1/password-resets", &json!({"email": "x@alpha.example"}));
    let refused = refused.problem(429, "too_many_attempts").await;
    assert!(
        refused.header("retry-after").parse::<u32>().is_ok_and(|s| (1..=60).contains(&s)),
        "{}",
        refused.describe()
    );
}

async fn a_password_is_changed_by_who_knows_it(app: &TestApp) {
    let world = World::make(app).await;
    let Person { client, email, id } = &world.auditor;
    let other = app.client().sign_in(email, PASSWORD).await;
    let change = |current: &str, new: &str| {
        client.post("/v1/me/password", &json!({"current_password": current, "new_password": new}))
    };
    change("wrong", NEW_PASSWORD).invalid(&[("/current_password", "wrong_password")]).await;
    change(PASSWORD, PASSWORD).invalid(&[("/new_password", "unchanged")]).await;
    change(PASSWORD, "Password1234").invalid(&[("/new_password", "too_common")]).await;
    change(PASSWORD, NEW_PASSWORD).send().await.expect(204);
    client.get("/v1/me").ok().await;
    other.get("/v1/me").problem(401, "unauthenticated").await;
    sign_in(app, email, PASSWORD).problem(401, "wrong_sign_in").await;
    sign_in(app, email, NEW_PASSWORD).created().await;
    assert!(events_of(&world, id).await.contains(&"membership.password_changed".to_owned()));
    letter(app, email, 1).await;
    // Guessing here is limited as at the sign-in.
    let mut last = 0;
    for _ in 0..12 {
        last = change("wrong", PASSWORD).send().await.status;
    }
    assert_eq!(last, 429);
}

async fn weak_passwords_are_refused_everywhere(app: &TestApp) {
    let world = World::make(app).await;
    let add = |password: &str| {
        let body = json!({"email": "mari.maasikas@x.example", "name": "Mari", "role": "auditor", "password": password});
        world.admin.client.post("/v1/users", &body)
    };
    add("elevenchars").invalid(&[("/password", "bad_length")]).await;
    add(&"ab".repeat(65)).invalid(&[("/password", "bad_length")]).await;
    for common in ["PASSWORD1234", "qwertyuiop123", "zzzzzzzzzzzzzz"] {
        add(common).invalid(&[("/password", "too_common")]).await;
    }
    for obvious in ["maasikas-2026", "Peegel!2026peegel", "firmalpha2026"] {
        add(obvious).invalid(&[("/password", "too_obvious")]).await;
    }
    let long: String = ('a'..='z').cycle().take(120).chain("öäüõőű ☺".chars()).collect();
    assert_eq!(long.chars().count(), 128);
    add(&long).created().await;
    sign_in(app, "mari.maasikas@x.example", &long).created().await;
    // Nothing is cut off.
    sign_in(app, "mari.maasikas@x.example", long.trim_end_matches('☺')).problem(401, "wrong_sign_in").await;
    let refused = app.peegel_with_input(
        &["user", "add", "--firm", "alpha", "--email", "c@x.example", "--role", "auditor", "--password-stdin"],
        "password1234\n",
    );
    assert!(refused.await.expect(1).stderr.contains("too_common"));
}

async fn a_password_of_older_parameters_is_hashed_anew(app: &TestApp) {
    let world = World::make(app).await;
    let old = "$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHRzYWx0$";
    let hash = {
        use argon2::password_hash::PasswordHasher;
        let params = argon2::Params::new(8, 1, 1, None).expect("parameters");
        let argon2 = argon2::Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, params);
        argon2.hash_password_with_salt(PASSWORD.as_bytes(), b"somesaltsalt").expect("a hash").to_string()
    };
    assert!(hash.starts_with(old), "{hash}");
    let user = format!("user_id = (SELECT id FROM users WHERE email = '{}')", world.auditor.email);
    app.execute(&format!("UPDATE credentials SET secret = '{hash}' WHERE {user}")).await.expect("an update");
    sign_in(app, &world.auditor.email, "wrong").problem(401, "wrong_sign_in").await;
    sign_in(app, &world.auditor.email, PASSWORD).created().await;
    let stored = async || {
        let rows = app.query(&format!("SELECT secret FROM credentials WHERE {user}")).await;
        assert_eq!(rows.len(), 1);
        rows[0].try_get::<String>("", "secret").expect("a text")
    };
    let new = stored().await;
    assert!(new.starts_with("$argon2id$v=19$m=47104,t=1,p=1$"), "{new}");
    sign_in(app, &world.auditor.email, PASSWORD).created().await;
    assert_eq!(stored().await, new, "once is enough");
}

async fn a_second_factor_guards_the_sign_in(app: &TestApp) {
    let world = World::make(app).await;
    let Person { client, email, id } = &world.auditor;
    client.post("/v1/me/totp", &json!({"password": "wrong"})).invalid(&[("/password", "wrong_password")]).await;
    client.post("/v1/me/totp/confirm", &json!({"code": "123456"})).problem(409, "totp_not_begun").await;
    client.post("/v1/me/totp", &json!({"password": PASSWORD})).created().await;
    client.post("/v1/me/totp/confirm", &json!({"code": "12345x"})).invalid(&[("/code", "wrong_code")]).await;
    // Begun is not set up.
    sign_in(app, email, PASSWORD).created().await;
    assert_eq!(client.get("/v1/me").ok().await["totp_since"], Value::Null);

    let (secret, codes) = enrol(client).await;
    assert_eq!(codes.len(), 10);
    let me = client.get("/v1/me").ok().await;
    assert!(me["totp_since"].is_string() && me["recovery_codes_left"] == 10, "{me}");
    client.post("/v1/me/totp", &json!({"password": PASSWORD})).problem(409, "totp_exists").await;
    assert!(events_of(&world, id).await.contains(&"membership.totp_set_up".to_owned()));
    letter(app, email, 1).await;

    // Only who knows the password learns that there is a second factor.
    sign_in(app, email, "wrong").problem(401, "wrong_sign_in").await;
    sign_in(app, email, PASSWORD).problem(401, "totp_required").await;
    let code = code_at(&secret, 0);
    sign_in_with(app, email, &format!("{} {}", &code[..3], &code[3..])).created().await;
    // A code works once, and none before it afterwards.
    sign_in_with(app, email, &code).problem(401, "wrong_code").await;
    sign_in_with(app, email, &code_at(&secret, 1)).created().await;
    sign_in_with(app, email, &code_at(&secret, 0)).problem(401, "wrong_code").await;
    // A reset does not get around it.
    request_reset(app, email).await;
    let token = letter(app, email, 2).await.code();
    finish_reset(app, &token, NEW_PASSWORD).send().await.expect(204);
    sign_in(app, email, NEW_PASSWORD).problem(401, "totp_required").await;
    // Guessing the code is over soon, also for who knows the password.
    let mut last = 0;
    for _ in 0..6 {
        let body = json!({"email": email, "password": NEW_PASSWORD, "code": "000000"});
        last = app.client().post("/v1/sessions", &body).send().await.status;
    }
    assert_eq!(last, 429);
}

async fn recovery_codes_work_once(app: &TestApp) {
    let world = World::make(app).await;
    let Person { client, email, .. } = &world.auditor;
    let (secret, codes) = enrol(client).await;
    // 32 different characters have five bits each: at least 112.
    let readable = |code: &String| code.len() == 29 && code.split('-').all(|group| group.len() == 4);
    assert!(codes.iter().all(readable), "six groups of four");
    sign_in_with(app, email, &codes[0].to_uppercase()).created().await;
    sign_in_with(app, email, &codes[0]).problem(401, "wrong_code").await;
    assert_eq!(client.get("/v1/me").ok().await["recovery_codes_left"], 9);
    // Twenty use the same one at the same moment.
    let calls = (0..20).map(|_| sign_in_with(app, email, &codes[1]).send());
    let answers = futures_util::future::join_all(calls).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 201).count(), 1);
    app.stop().await;
    app.serve(&[]).await;
    let both = json!({"password": PASSWORD, "code": code_at(&secret, 0)});
    let renewed = client.post("/v1/me/recovery-codes", &both).ok().await;
    assert_eq!(renewed["recovery_codes"].as_array().map(Vec::len), Some(10));
    sign_in_with(app, email, &codes[2]).problem(401, "wrong_code").await;
    sign_in_with(app, email, renewed["recovery_codes"][0].as_str().expect("a code")).created().await;
}

async fn a_second_factor_is_removed_with_both_factors(app: &TestApp) {
    let world = World::make(app).await;
    let Person { client, email, .. } = &world.auditor;
    let remove =
        |password: &str, code: &str| client.post("/v1/me/totp/remove", &json!({"password": password, "code": code}));
    remove(PASSWORD, "123456").problem(409, "no_totp").await;
    let (secret, _) = enrol(client).await;
    remove("wrong", &code_at(&secret, 0)).invalid(&[("/password", "wrong_password")]).await;
    remove(PASSWORD, "000000").invalid(&[("/code", "wrong_code")]).await;
    remove(PASSWORD, &code_at(&secret, 0)).send().await.expect(204);
    sign_in(app, email, PASSWORD).created().await;
    assert_eq!(client.get("/v1/me").ok().await["recovery_codes_left"], 0);
}

async fn firms_demand_a_second_factor_of_staff(app: &TestApp) {
    let world = World::make(app).await;
    let admin = &world.admin;
    let demand = || admin.client.patch("/v1/firm", &json!({"require_totp": true}));
    demand().problem(409, "no_totp").await;
    enrol(&admin.client).await;
    assert_eq!(demand().ok().await["require_totp"], true);
    assert_eq!(admin.client.get("/v1/firm").ok().await["require_totp"], true);
    world.auditor.client.get("/v1/firm").problem(403, "not_allowed").await;
    // It bites on the next request; reviewers may only set one up, auditors go on.
    world.reviewer.client.get("/v1/visits").problem(403, "totp_required").await;
    world.auditor.client.get("/v1/visits").ok().await;
    let session = sign_in(app, &world.reviewer.email, PASSWORD).created().await;
    assert_eq!(session["totp_enrolment_required"], true);
    world.reviewer.client.get("/v1/me").ok().await;
    let (secret, _) = enrol(&world.reviewer.client).await;
    world.reviewer.client.get("/v1/visits").ok().await;
    let session = sign_in_with(app, &world.reviewer.email, &code_at(&secret, 0)).created().await;
    assert_eq!(session["totp_enrolment_required"], false);
    let client = app.client().with_token(session["access_token"].as_str().expect("a token"));
    client.get("/v1/visits").ok().await;
    // A refresh keeps what was shown; removing it takes it away.
    let refresh = json!({"refresh_token": session["refresh_token"]});
    let session = app.client().post("/v1/sessions/refresh", &refresh).created().await;
    let client = app.client().with_token(session["access_token"].as_str().expect("a token"));
    client.get("/v1/visits").ok().await;
    let both = json!({"password": PASSWORD, "code": code_at(&secret, 1)});
    client.post("/v1/me/totp/remove", &both).send().await.expect(204);
    client.get("/v1/visits").problem(403, "totp_required").await;
}

async fn secrets_are_not_in_the_database(app: &TestApp) {
    let world = World::make(app).await;
    let (secret, codes) = enrol(&world.auditor.client).await;
    request_reset(app, &world.reviewer.email).await;
    let token = letter(app, &world.reviewer.email, 1).await.code();
    let mut stored = String::new();
    for query in [
        "SELECT secret AS text FROM credentials",
        "SELECT token_sha256 AS text FROM links",
        "SELECT payload AS text FROM jobs",
        "SELECT payload AS text FROM events",
    ] {
        for row in app.query(query).await {
            stored += &row.try_get::<String>("", "text").expect("a text");
        }
    }
    for canary in [secret.as_str(), codes[0].as_str(), token.as_str(), PASSWORD] {
        assert!(!stored.contains(canary) && !app.log().contains(canary), "{canary}");
    }
    let key = app.data().join("keys/vault.secret");
    let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&key).expect("the key").permissions());
    assert_eq!(mode & 0o777, 0o600);
    // With another key the second factor is closed, not open.
    app.stop().await;
    std::fs::remove_file(&key).expect("the key goes");
    app.serve(&["--log", "off"]).await;
    let answer = sign_in_with(app, &world.auditor.email, &code_at(&secret, 0)).send().await;
    assert_eq!(answer.status, 500);
    sign_in_with(app, &world.auditor.email, &codes[0]).created().await;
}

async fn letters_go_to_an_smtp_server_that_may_fail_first(app: &TestApp) {
    let world = World::make(app).await;
    let smtp = SmtpServer::start(1).await;
    app.stop().await;
    let url = format!("smtp://{}", smtp.address);
    app.serve(&[
        "--smtp-url",
        &url,
        "--mail-from",
        "Audits <audits@alpha.example>",
        "--app-url",
        "https://app.example/",
    ])
    .await;
    let email = "oszi.kata@alpha.example";
    let body = json!({"email": email, "name": "Őszi Kata", "role": "auditor", "locale": "hu"});
    world.admin.client.post("/v1/users", &body).created().await;
    eventually("the first attempt fails", || async {
        let failed = app.query("SELECT last_error AS text FROM jobs WHERE state = 'ready' AND attempts = 1").await;
        let text: String = failed.first()?.try_get("", "text").expect("a text");
        assert!(text.contains("451") && !text.contains("kata"), "{text}");
        app.execute("UPDATE jobs SET run_at = '2020-01-01 00:00:00+00:00'").await.ok()
    })
    .await;
    let (to, bytes) = smtp.letter().await;
    assert_eq!(to, email);
    let letter = Letter::parse(&bytes);
    assert_eq!(letter.subject, "Firm alpha meghívja Önt a Peegel rendszerbe");
    assert!(letter.text.contains("Kedves Őszi Kata!"), "{}", letter.text);
    assert!(letter.text.contains(&format!("\nhttps://app.example/invitation#{}\n", letter.code())), "{}", letter.text);
    accept(app, &json!({"token": letter.code(), "password": NEW_PASSWORD})).ok().await;
    assert!(!app.data().join("outbox").exists());
    eventually("the job is done", || async { app.query("SELECT id FROM jobs").await.is_empty().then_some(()) }).await;
    assert!(!app.log().contains("oszi.kata"), "no address in the log");
}
