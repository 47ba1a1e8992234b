//! What is secret or personal is never logged and never counted: everybody uses marked values, at the most talkative
//! level, and the marks are looked for.

use serde_json::json;

use crate::support::app::{Kind, TestApp};
use crate::support::files::fixture;
use crate::support::wire::Wire;
use crate::support::world::{File, PASSWORD, World, filing, name_of, proofs, return_order};
use crate::support::{new_id, tiny};

/// What stands in every secret and every personal word.
const MARK: &str = "c4n4ry";

async fn marked_values_are_not_logged(kind: Kind) {
    let app = TestApp::stopped(kind).await;
    app.serve(&["--log", "trace", "--cors-origins", "https://app.example.org"]).await;
    let world = World::make(&app).await;
    let nobody = app.client();
    let password = format!("{MARK} password that is long");
    let email = format!("{MARK}@alpha.example");
    let user = json!({"email": email, "name": format!("{MARK} Person"), "role": "auditor", "password": password});
    world.admin.client.post("/v1/users", &user).once(&format!("{MARK}-key")).created().await;
    let auditor = app.client().sign_in(&email, &password).await;

    // What goes wrong is where things are logged.
    let wrong = json!({"email": email, "password": format!("{MARK} wrong password")});
    nobody.post("/v1/sessions", &wrong).problem(401, "wrong_sign_in").await;
    nobody.with_token(&format!("pgl_at_{MARK}")).get("/v1/me").problem(401, "unauthenticated").await;
    nobody.get("/v1/me").header("cookie", &format!("session={MARK}")).problem(401, "unauthenticated").await;
    nobody.get("/livez").header("x-request-id", &format!("{MARK} \t forged")).send().await;
    nobody.get("/livez").header("user-agent", MARK).header("origin", &format!("https://{MARK}.example")).send().await;
    nobody.get("/metrics").header("x-forwarded-for", MARK).send().await;
    world.admin.client.get(&format!("/v1/chains?cursor={MARK}&limit={MARK}")).send().await.expect(400);
    world.admin.client.get("/v1/me").header("peegel-membership", MARK).problem(400, "bad_membership").await;
    world.admin.client.post("/v1/users", &user).send().await;
    for body in [
        format!("{{\"email\": \"{MARK}"),
        format!("{{\"{MARK}\": \"{MARK}\"}}"),
        format!("{{\"email\": 7, \"password\": \"{MARK}\"}}"),
        format!("\u{1}{MARK}"),
    ] {
        for path in ["/v1/sessions", "/v1/users", "/v1/standards", "/v1/branches", "/v1/chains"] {
            let call = world.admin.client.call(reqwest::Method::POST, path).header("content-type", "application/json");
            let answer = call.bytes(body.clone()).send().await;
            assert!((400..500).contains(&answer.status), "{}", answer.describe());
        }
    }
    for long in [300, 20_000] {
        let branch =
            json!({"code": "X", "name": MARK.repeat(long), "address": format!("{MARK} road"), "time_zone": MARK});
        let body = json!({"chain_id": world.chain, "branches": [branch]});
        world.admin.client.post("/v1/branches", &body).send().await;
    }

    // A visit with marked answers, comments, files and reasons, all the way.
    let mut answers = tiny::fair();
    answers["greet"]["comment"] = json!(format!("{MARK} said hello\r\n2026-01-01T00:00:00Z ERROR forged"));
    answers["why"] = json!({"v": format!("{MARK} was said")});
    let mut assignment = world.assignment(0, None);
    assignment["auditor_id"] = auditor.get("/v1/me").ok().await["membership_id"].clone();
    let assignment = world.assign_in(&world.wave, vec![assignment]).await.remove(0);
    let visit = new_id();
    let mut files = proofs(&tiny::fair());
    let mut notes = File::new("document", &[], &format!("{MARK}-notes.txt"), format!("{MARK} in a file").into_bytes());
    notes.entry["item_ids"] = json!([]);
    files.push(notes);
    let call = File::new("recording", &[], &format!("{MARK}.mp3"), fixture("media/call_hu_parcel_rude.mp3"));
    let transcript = format!("/v1/evidence/{}/transcript?language=et", call.id);
    files.push(call);
    let refs: Vec<_> = files.iter().collect();
    let path = format!("/v1/visits/{visit}");
    let body = filing(&assignment, "submitted", &answers, &refs);
    auditor.put(&path, &body).if_absent().created().await;
    let mut invalid = body.clone();
    invalid["answers"][MARK] = json!({"v": MARK});
    invalid["evidence"][0]["file_name"] = json!(format!("{MARK}\r\nERROR.jpg"));
    auditor.put(&path, &invalid).if_match("*").send().await;
    for file in &files {
        let path = format!("/v1/evidence/{}/content", file.id);
        auditor.put_bytes(&path, format!("{MARK} other bytes")).send().await;
        auditor.put_bytes(&path, file.bytes.clone()).header("content-type", MARK).send().await;
        auditor.put_bytes(&path, file.bytes.clone()).send().await;
    }
    for text in
        [format!("{MARK} was said\u{7}"), format!("[0:99] {MARK}: {MARK}"), format!("[0:01] {MARK}: {MARK} was said")]
    {
        auditor.put_bytes(&transcript, text).send().await;
    }
    world.reviewer.client.get(&transcript).ok().await;
    assert_eq!(world.reviewer.client.all(&format!("/v1/transcripts?q={MARK}"), 50).await.len(), 1);
    world.reviewer.client.get(&format!("/v1/transcripts?q={MARK}&chain_id={MARK}")).send().await.expect(400);
    world.processed(&visit).await;
    let consent = json!({
        "visit_id": visit, "basis": "spoken_notice", "given_at": "2026-05-04T13:31:07Z",
        "given_by": format!("{MARK} giver"), "notice": format!("{MARK} notice"),
    });
    let consent = auditor.post("/v1/consents", &consent).created().await;
    let path_of = format!("/v1/consents/{}/withdraw", consent["id"].as_str().expect("an id"));
    auditor.post(&path_of, &json!({"reason": format!("{MARK} reason")})).ok().await;
    let link = format!("/v1/evidence/{}/links", files[0].id);
    let link = auditor.post(&link, &json!({"file": "content"})).created().await;
    let url = link["url"].as_str().expect("an address").to_owned();
    nobody.get(&url).send().await.expect(200);
    nobody.get(&url.replace("pgl", "%70gl")).send().await.expect(200);
    nobody.get(&format!("/{url}/{MARK}")).send().await;
    nobody.get(&format!("/v1/links/{MARK}")).problem(403, "bad_link").await;
    world.reviewer.client.act(&format!("{path}/review")).ok().await;
    let order = return_order("greet", &format!("{MARK} reason"));
    world.reviewer.client.post(&format!("{path}/return"), &order).ok().await;
    auditor.get(&path).ok().await;
    auditor.delete("/v1/sessions").send().await.expect(204);

    // Below HTTP: broken heads, lines and bodies.
    for broken in [
        format!("GET /{MARK} {MARK} HTTP/9\r\n\r\n"),
        format!("GET / HTTP/1.1\r\nHost: p\r\n{MARK} : {MARK}\r\n\r\n"),
        format!("POST /v1/sessions HTTP/1.1\r\nHost: p\r\nContent-Length: {MARK}\r\n\r\n"),
        format!(
            "POST /v1/sessions HTTP/1.1\r\nHost: p\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n{MARK}\r\n"
        ),
        format!("POST /v1/sessions HTTP/1.1\r\nHost: p\r\nContent-Length: 4\r\nTransfer-Encoding: {MARK}\r\n\r\n"),
    ] {
        let mut wire = Wire::connect(&app.base()).await.expect("a connection");
        wire.send(broken.as_bytes()).await;
        wire.answer().await;
    }
    nobody.get("/v1/visits/%0d%0a2026-01-01T00:00:00Z%20ERROR%20forged").send().await;
    nobody.get("/v1/visits/%1b%5b31mred").send().await;

    let figures = nobody.get("/metrics").send().await.expect(200);
    assert!(!String::from_utf8_lossy(&figures.body).to_lowercase().contains(MARK));
    app.stop().await;
    let log = app.log();
    assert!(log.contains(" DEBUG ") && log.contains("answered"), "it says everything");
    let mut secrets = vec![MARK.to_owned(), PASSWORD.to_owned(), url["/v1/links/pgl_url_".len()..].to_owned()];
    for person in [&world.admin, &world.reviewer, &world.auditor] {
        secrets.push(person.client.token().to_owned());
        secrets.push(person.email.clone());
    }
    for line in log.lines() {
        for secret in &secrets {
            assert!(!line.to_lowercase().contains(&secret.to_lowercase()), "{secret} is in the log: {line}");
        }
        let year = line.get(..4).unwrap_or_default();
        assert!(year.bytes().all(|byte| byte.is_ascii_digit()) && year.len() == 4, "no line of its own: {line}");
        assert!(!line.contains('\u{1b}'), "no colours of others: {line}");
    }
}

#[tokio::test]
async fn what_tests_send_and_get_is_looked_for_in_every_log() {
    let app = TestApp::start(Kind::Sqlite).await;
    let world = World::make(&app).await;
    let totp = world.auditor.client.post("/v1/me/totp", &json!({"password": PASSWORD})).created().await;
    let wanted =
        [PASSWORD, world.admin.client.token(), &name_of("auditor"), totp["secret"].as_str().expect("a secret")];
    let secrets = app.secrets();
    for secret in wanted {
        assert!(secrets.iter().any(|known| known == secret), "{secret}");
    }
    app.finish().await;
}

#[tokio::test]
async fn secrets_are_not_logged_on_sqlite() {
    marked_values_are_not_logged(Kind::Sqlite).await;
}

#[tokio::test]
async fn secrets_are_not_logged_on_postgres() {
    marked_values_are_not_logged(Kind::Postgres).await;
}
