//! Links: files by address alone, for five minutes, as long as their maker may see them.

use std::net::TcpListener;
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::process::Command;

use crate::clients::{chromium, tools};
use crate::consent::{recording, set_policy, visit_with};
use crate::support::app::TestApp;
use crate::support::client::Call;
use crate::support::files::{fixture, in_repository, jpeg_size, sha256};
use crate::support::pdf::checked_text;
use crate::support::sealed::resealed;
use crate::support::world::{File, PASSWORD, Person, World, id_of};
use crate::support::{new_id, now, on_both, on_buckets, tiny, today};

on_both!(
    a_link_opens_its_file,
    a_link_is_made_for_what_one_sees,
    a_link_ends_after_five_minutes,
    a_link_is_good_for_its_file_alone,
    a_link_ends_with_its_maker,
    consent_is_asked_at_every_fetch,
    chains_have_links_to_photos_and_plans,
    many_fetch_at_once,
    a_browser_shows_and_plays_by_links,
);

on_buckets!(a_link_opens_its_file, consent_is_asked_at_every_fetch);

/// Asks for a link to a file of a piece of evidence.
fn ask(by: &Person, id: &str, file: &str) -> Call {
    by.client.post(&format!("/v1/evidence/{id}/links"), &json!({"file": file}))
}

/// The address that a link has.
async fn link(call: Call) -> String {
    url_of(&call.created().await)
}

fn url_of(made: &Value) -> String {
    let url = made["url"].as_str().expect("an address").to_owned();
    assert!(url.starts_with("/v1/links/pgl_url_") && url.len() < 400, "{url}");
    url
}

fn fetch(app: &TestApp, url: &str) -> Call {
    app.client().get(url)
}

async fn a_link_opens_its_file(app: &TestApp) {
    let world = World::make(app).await;
    let photo = File::new("photo", &["front"], "poe \"esine\"; ü.jpg", fixture("media/front_nurmeaken_tallinn.jpg"));
    let call = recording();
    let visit = visit_with(&world, 0, &[&photo, &call]).await;
    let before = now();
    for person in [&world.auditor, &world.reviewer, &world.admin] {
        let made = ask(person, &photo.id, "content").send().await.expect(201);
        let expires = made.json()["expires_at"].as_str().expect("a time").parse::<chrono::DateTime<chrono::Utc>>();
        let left = expires.expect("a time") - before;
        assert!((295..=320).contains(&left.num_seconds()), "{left}");
        let answer = fetch(app, &url_of(&made.json())).send().await.expect(200);
        assert_eq!(answer.body, photo.bytes);
        for (name, value) in [
            ("content-type", "image/jpeg"),
            ("cache-control", "private, no-store"),
            ("referrer-policy", "no-referrer"),
            ("content-security-policy", "sandbox; default-src 'none'; frame-ancestors 'none'"),
            ("cross-origin-resource-policy", "cross-origin"),
            ("accept-ranges", "bytes"),
        ] {
            assert_eq!(answer.header(name), value, "{name}");
        }
        let disposition = "inline; filename=\"poe _esine__ _.jpg\"; filename*=UTF-8''poe%20%22esine%22%3B%20%C3%BC.jpg";
        assert_eq!(answer.header("content-disposition"), disposition);
    }
    for (file, edge) in [("preview_320", 320), ("preview_1600", 1600)] {
        let url = link(ask(&world.reviewer, &photo.id, file)).await;
        let answer = fetch(app, &url).send().await.expect(200);
        let (width, height) = jpeg_size(&answer.body);
        assert_eq!(width.max(height), edge);
        fetch(app, &url).header("if-none-match", &answer.etag()).send().await.expect(304);
    }
    // To be saved instead of shown.
    let body = json!({"file": "content", "download": true});
    let url = link(world.auditor.client.post(&format!("/v1/evidence/{}/links", call.id), &body)).await;
    let saved = fetch(app, &url).send().await.expect(200);
    assert!(saved.header("content-disposition").starts_with("attachment; filename=\""), "{}", saved.describe());
    let url = link(ask(&world.auditor, &call.id, "content")).await;
    for (range, from, to) in
        [("bytes=0-9", 0, 10), ("bytes=1000-1999", 1000, 2000), ("bytes=-7", call.bytes.len() - 7, call.bytes.len())]
    {
        let part = fetch(app, &url).header("range", range).send().await.expect(206);
        assert_eq!(part.body, call.bytes[from..to]);
        assert_eq!(part.header("content-range"), format!("bytes {from}-{}/{}", to - 1, call.bytes.len()));
        assert_eq!(part.etag(), format!("\"{}\"", sha256(&call.bytes)));
    }
    fetch(app, &url).header("range", "bytes=99999999-").problem(416, "range_not_satisfiable").await;
    // Two links to one file differ, and neither names anything.
    let other = link(ask(&world.auditor, &call.id, "content")).await;
    assert_ne!(url, other);
    for word in [&call.id, &visit, &world.auditor.id] {
        assert!(!url.contains(word.as_str()) && !url.contains(&word.replace('-', "")), "{url}");
    }
    for url in [url, other] {
        assert!(!app.log().contains(&url[10..]), "it is in the log");
    }
    assert!(app.log().contains("/v1/links/{token}"), "that somebody fetched is");
}

async fn a_link_is_made_for_what_one_sees(app: &TestApp) {
    let (world, beta) = (World::make(app).await, World::named(app, "beta").await);
    let call = recording();
    let visit = visit_with(&world, 0, &[&call]).await;
    ask(&world.auditor, &new_id(), "content").problem(404, "not_found").await;
    for stranger in [&world.other_auditor, &beta.admin, &beta.auditor] {
        ask(stranger, &call.id, "content").problem(404, "not_found").await;
    }
    ask(&world.chain_viewer(app).await, &call.id, "content").problem(403, "not_allowed").await;
    app.client()
        .post(&format!("/v1/evidence/{}/links", call.id), &json!({"file": "content"}))
        .problem(401, "unauthenticated")
        .await;
    ask(&world.auditor, &call.id, "film").invalid(&[("/file", "bad_value")]).await;
    let body = json!({"file": "content", "seconds": 86_400});
    let wrong = world.auditor.client.post(&format!("/v1/evidence/{}/links", call.id), &body);
    wrong.invalid(&[("/seconds", "unknown_field")]).await;
    // What the file itself would answer is answered at once.
    ask(&world.auditor, &call.id, "preview_320").problem(404, "not_found").await;
    set_policy(&world, "needs_proof").await;
    ask(&world.reviewer, &call.id, "content").problem(403, "recording_not_permitted").await;
    let view = world.admin.client.get(&format!("/v1/visits/{visit}")).ok().await;
    assert_eq!(view["unheard"], json!([call.id]));
}

/// A link as if it had been made some seconds ago.
fn aged(app: &TestApp, url: &str, seconds: i64) -> String {
    let (start, sealed) = url.split_at("/v1/links/pgl_url_".len());
    let token = resealed(app, "link", sealed, |text| {
        let (expires, rest) = text.split_once(' ').expect("a time");
        format!("{} {rest}", expires.parse::<i64>().expect("microseconds") - seconds * 1_000_000)
    });
    format!("{start}{token}")
}

async fn a_link_ends_after_five_minutes(app: &TestApp) {
    let world = World::make(app).await;
    let call = recording();
    visit_with(&world, 0, &[&call]).await;
    let url = link(ask(&world.auditor, &call.id, "content")).await;
    assert_eq!(aged(app, &url, 0), url);
    fetch(app, &aged(app, &url, 240)).send().await.expect(200);
    let ended = aged(app, &url, 301);
    for _ in 0..2 {
        let answer = fetch(app, &ended).header("range", "bytes=0-9").problem(410, "link_expired").await;
        assert_eq!(answer.header("cache-control"), "no-store");
    }
    fetch(app, &url).send().await.expect(200);
}

async fn a_link_is_good_for_its_file_alone(app: &TestApp) {
    let world = World::make(app).await;
    let (one, other) = (recording(), recording());
    visit_with(&world, 0, &[&one, &other]).await;
    let url = link(ask(&world.auditor, &one.id, "content")).await;
    let second = link(ask(&world.auditor, &other.id, "content")).await;
    for at in (10..url.len()).step_by(7).chain([url.len() - 1]) {
        let letter = if &url[at..=at] == "x" { "y" } else { "x" };
        let mut changed = url.clone();
        changed.replace_range(at..=at, letter);
        fetch(app, &changed).problem(403, "bad_link").await;
    }
    let half = url.len() / 2;
    for wrong in [
        url[..half].to_owned(),
        format!("{url}A"),
        format!("{}{}", &url[..half], &second[half..]),
        "/v1/links/x".to_owned(),
        "/v1/links/%00".to_owned(),
        "/v1/links/pgl_url_".to_owned(),
        format!("/v1/links/{}", world.auditor.client.token()),
    ] {
        fetch(app, &wrong).problem(403, "bad_link").await;
    }
    // Its address in other words is the same link, with whatever query; only its own method goes.
    fetch(app, &url.replace("pgl", "%70gl")).send().await.expect(200);
    fetch(app, &format!("{url}?file={}", other.id)).send().await.expect(200);
    app.client().call(reqwest::Method::DELETE, &url).problem(405, "method_not_allowed").await;
    // A signed-in stranger gets no more by it, and no less.
    assert_eq!(world.other_auditor.client.get(&url).send().await.expect(200).body, one.bytes);
    assert!(!app.log().contains("gl_url_"), "no form of it is in the log");
}

async fn a_link_ends_with_its_maker(app: &TestApp) {
    let world = World::make(app).await;
    let call = recording();
    visit_with(&world, 0, &[&call]).await;
    let fresh = async |person: &Person| {
        let url = link(ask(person, &call.id, "content")).await;
        fetch(app, &url).send().await.expect(200);
        url
    };
    let ended = async |url: &str| {
        fetch(app, url).problem(403, "link_ended").await;
    };
    // Signing out, here and everywhere.
    let again = |person: &Person, client| Person { client, ..person.clone() };
    let other_device = again(&world.reviewer, app.client().sign_in(&world.reviewer.email, PASSWORD).await);
    let (here, there) = (fresh(&world.reviewer).await, fresh(&other_device).await);
    other_device.client.delete("/v1/sessions").send().await.expect(204);
    ended(&there).await;
    fetch(app, &here).send().await.expect(200);
    world.reviewer.client.delete("/v1/sessions?all=true").send().await.expect(204);
    ended(&here).await;
    // By the firm.
    let second = world.person(app, "second", "reviewer", None).await;
    let url = fresh(&second).await;
    world.admin.client.act(&format!("/v1/users/{}/sign-out", second.id)).send().await.expect(204);
    ended(&url).await;
    // Another role, and disabled.
    let path = format!("/v1/users/{}", second.id);
    let second = again(&second, app.client().sign_in(&second.email, PASSWORD).await);
    let url = fresh(&second).await;
    world.admin.client.patch(&path, &json!({"role": "firm_admin"})).ok().await;
    ended(&url).await;
    let url = fresh(&second).await;
    world.admin.client.patch(&path, &json!({"enabled": false})).ok().await;
    ended(&url).await;
    world.admin.client.patch(&path, &json!({"enabled": true})).ok().await;
    ended(&url).await;
    // A program's end with its key.
    let key = json!({"name": "Player", "rights": ["read_visits"], "expires_on": today(), "password": PASSWORD});
    let made = world.auditor.client.post("/v1/api-keys", &key).created().await;
    let program = again(&world.auditor, app.client().with_token(made["key"].as_str().expect("a key")));
    let (by_key, by_hand) = (fresh(&program).await, fresh(&world.auditor).await);
    world.auditor.client.delete(&format!("/v1/api-keys/{}", id_of(&made))).send().await.expect(204);
    ended(&by_key).await;
    fetch(app, &by_hand).send().await.expect(200);
    // A refreshed session is the same one; a changed password ends the others.
    app.execute("UPDATE memberships SET state = 'pending' WHERE role = 'auditor'").await.expect("an update");
    ended(&by_hand).await;
}

async fn consent_is_asked_at_every_fetch(app: &TestApp) {
    let world = World::make(app).await;
    let call = recording();
    let visit = visit_with(&world, 0, &[&call]).await;
    let consent = json!({
        "visit_id": visit, "basis": "explicit_consent", "given_at": "2026-05-04T13:00:00Z", "notice": "Kas tohib?",
    });
    set_policy(&world, "needs_proof").await;
    let consent = id_of(&world.reviewer.client.post("/v1/consents", &consent).created().await);
    let url = link(ask(&world.reviewer, &call.id, "content")).await;
    let part = async |range: &str| fetch(app, &url).header("range", range).send().await;
    part("bytes=0-99").await.expect(206);
    world.reviewer.client.post(&format!("/v1/consents/{consent}/withdraw"), &json!({"reason": "Ei soovi."})).ok().await;
    part("bytes=100-199").await.problem(403, "recording_not_permitted");
    fetch(app, &url).problem(403, "recording_not_permitted").await;
    // What somebody has already is not confirmed either.
    let tag = format!("\"{}\"", sha256(&call.bytes));
    fetch(app, &url).header("if-none-match", &tag).problem(403, "recording_not_permitted").await;
    let anew = json!({
        "visit_id": visit, "basis": "explicit_consent", "given_at": "2026-05-05T13:00:00Z", "notice": "Kas tohib?",
    });
    world.reviewer.client.post("/v1/consents", &anew).created().await;
    part("bytes=100-199").await.expect(206);
    set_policy(&world, "refuse").await;
    part("bytes=200-299").await.problem(403, "recording_not_permitted");
    set_policy(&world, "allow").await;
    part("bytes=200-299").await.expect(206);
    app.execute("UPDATE evidence SET state = 'purged' WHERE kind = 'recording'").await.expect("an update");
    part("bytes=200-299").await.problem(404, "purged");
}

async fn chains_have_links_to_photos_and_plans(app: &TestApp) {
    let world = World::make(app).await;
    let visit = world.publish(0, &tiny::fair()).await;
    let result = world.result_of(0).await["result_id"].as_str().expect("an id").to_owned();
    let photo = format!("/v1/results/{result}/photos/1/links");
    let plan = format!("/v1/branches/{}/action-plan/links", world.branches[0]);
    let mut links = Vec::new();
    let (viewer, manager) = (world.chain_viewer(app).await, world.branch_manager(app).await);
    for person in [&viewer, &manager, &world.admin] {
        let url = link(person.client.post(&photo, &json!({"size": "320"}))).await;
        let answer = fetch(app, &url).send().await.expect(200);
        let plain = person.client.get(&format!("/v1/results/{result}/photos/1?size=320")).send().await;
        assert_eq!(answer.body, plain.body);
        assert_eq!(answer.header("content-disposition"), plain.header("content-disposition"));
        links.push(url);
        let url = link(person.client.post(&photo, &json!({"size": "1600", "download": true}))).await;
        let saved = fetch(app, &url).send().await.expect(200);
        assert!(saved.header("content-disposition").starts_with("attachment; filename=\"photo-1.jpg\""));
        let url = link(person.client.post(&plan, &json!({"lang": "hu"}))).await;
        let answer = fetch(app, &url).send().await.expect(200);
        let path = format!("/v1/branches/{}/action-plan.pdf?lang=hu&wave={}", world.branches[0], world.wave);
        let plain = person.client.get(&path).send().await;
        assert!(answer.body == plain.body, "the same data gives the same bytes");
        for name in ["etag", "content-type", "content-disposition", "x-content-type-options"] {
            assert_eq!(answer.header(name), plain.header(name), "{name}");
        }
        assert_eq!(answer.header("cache-control"), "private, no-store");
        assert!(checked_text(app.folder(), &answer.body).await.contains("Pood 1"));
        let part = fetch(app, &url).header("range", "bytes=5-9").send().await.expect(206);
        assert_eq!(part.body, answer.body[5..10]);
        fetch(app, &url).header("if-none-match", &answer.etag()).send().await.expect(304);
    }
    viewer.client.post(&photo, &json!({"size": "640"})).invalid(&[("/size", "bad_value")]).await;
    viewer
        .client
        .post(&photo.replace("/photos/1/", "/photos/9/"), &json!({"size": "320"}))
        .problem(404, "not_found")
        .await;
    world.auditor.client.post(&photo, &json!({"size": "320"})).problem(403, "not_allowed").await;
    world.auditor.client.post(&plan, &json!({})).problem(403, "not_allowed").await;
    let elsewhere = plan.replace(&world.branches[0], &world.branches[2]);
    manager.client.post(&elsewhere, &json!({})).problem(404, "not_found").await;
    viewer.client.post(&plan, &json!({"lang": "fi", "wave_id": "x"})).problem(422, "invalid").await;
    viewer.client.post(&plan, &json!({"wave_id": new_id()})).problem(404, "not_found").await;
    // Kept back, unpublished, and out of one's reach: gone at the next fetch.
    let view = world.admin.client.get(&format!("/v1/visits/{visit}")).ok().await;
    let photos: Vec<_> =
        view["files"].as_array().expect("files").iter().filter(|file| file["kind"] == "photo").map(id_of).collect();
    for (is_visible, status) in [(false, 404), (true, 200)] {
        for id in &photos {
            let change = json!({"chain_visible": is_visible});
            world.reviewer.client.patch(&format!("/v1/evidence/{id}"), &change).ok().await;
        }
        fetch(app, &links[0]).send().await.expect(status);
    }
    let scope = json!({"chain_id": world.chain, "branch_ids": [world.branches[2]]});
    world.admin.client.patch(&format!("/v1/users/{}", manager.id), &json!({"scope": scope})).ok().await;
    fetch(app, &links[1]).problem(404, "not_found").await;
    fetch(app, &links[0]).send().await.expect(200);
    world.review(&visit, &["unpublish"]).await;
    for (url, status, code) in
        [(&links[0], 410, "withdrawn"), (&links[1], 404, "not_found"), (&links[2], 410, "withdrawn")]
    {
        fetch(app, url).problem(status, code).await;
    }
}

async fn many_fetch_at_once(app: &TestApp) {
    let world = World::make(app).await;
    let call = recording();
    visit_with(&world, 0, &[&call]).await;
    let url = link(ask(&world.auditor, &call.id, "content")).await;
    let length = call.bytes.len();
    let fetches = (0..50).map(|n| {
        let from = n * length / 50;
        let range = format!("bytes={from}-{}", (n + 1) * length / 50 - 1);
        fetch(app, &url).header("range", &range).send()
    });
    let parts = futures_util::future::join_all(fetches).await;
    let whole: Vec<u8> = parts.into_iter().flat_map(|part| part.expect(206).body).collect();
    assert!(whole == call.bytes);
    // Some are under way when the policy changes: each gets all it asked for, or nothing.
    let fetches = (0..50).map(|_| fetch(app, &url).send());
    let (answers, ()) = tokio::join!(futures_util::future::join_all(fetches), set_policy(&world, "refuse"));
    for answer in answers {
        match answer.status {
            200 => assert!(answer.body == call.bytes),
            _ => drop(answer.problem(403, "recording_not_permitted")),
        }
    }
    fetch(app, &url).problem(403, "recording_not_permitted").await;
}

async fn a_browser_shows_and_plays_by_links(app: &TestApp) {
    let world = World::make(app).await;
    let photo = File::new("photo", &["front"], "front.jpg", fixture("media/front_nurmeaken_tallinn.jpg"));
    let call = File::new("recording", &["offer"], "call.mp3", fixture("media/call_hu_parcel_rude.mp3"));
    visit_with(&world, 0, &[&photo, &call]).await;
    let base = app.base();
    let to = async |file: &File, what: &str| format!("{base}{}", link(ask(&world.reviewer, &file.id, what)).await);
    let port = TcpListener::bind("127.0.0.1:0").expect("a free port").local_addr().expect("an address").port();
    let download = json!({"file": "content", "download": true});
    let download = world.reviewer.client.post(&format!("/v1/evidence/{}/links", photo.id), &download);
    let plan = json!({
        "modules": tools().join("node_modules"), "chromium": chromium(), "page_port": port,
        "image": to(&photo, "preview_1600").await, "sound": to(&call, "content").await,
        "download": format!("{base}{}", link(download).await), "bytes": photo.bytes.len(), "file_name": "front.jpg",
    });
    let path = app.folder().join("plan.json");
    std::fs::write(&path, plan.to_string()).expect("a plan");
    let mut node = Command::new("node");
    node.arg(in_repository("tests/clients/links.mjs")).arg(&path).stdin(Stdio::null()).kill_on_drop(true);
    let output = tokio::time::timeout(Duration::from_secs(120), node.output()).await.expect("it ends in time");
    let output = output.expect("node; tests/run.sh installs it");
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}");
    assert!(!app.log().contains("gl_url_"));
}
