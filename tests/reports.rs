//! The PDF of a branch, read back with the programs that others read it with.

use serde_json::json;

use crate::support::app::TestApp;
use crate::support::files::{fixture, sha256};
use crate::support::pdf::{checked_text, images};
use crate::support::world::{File, World, filing};
use crate::support::{new_id, on_both, on_buckets, tiny};

on_both!(
    a_report_reads_well_in_three_languages,
    the_same_data_gives_the_same_bytes,
    a_report_shows_photos_and_no_people,
    a_report_without_visits,
    the_command_finds_the_branch_meant,
);

on_buckets!(a_report_shows_photos_and_no_people);

async fn a_report_reads_well_in_three_languages(app: &TestApp) {
    let world = World::make(app).await;
    world.publish(0, &tiny::fair()).await;
    world.publish(0, &tiny::dishonest()).await;
    // (7225 + 4000) / 2 = 5612.5 bp
    let languages = [
        ("en", ["Next steps", "Action plan", "56.1", "Greet everybody.", "Offer two choices.", "Needs discovery"]),
        (
            "et",
            [
                "Järgmised sammud",
                "Tegevuskava",
                "56,1",
                "Tervita kõiki.",
                "Paku kahte valikut.",
                "Vajaduste väljaselgitamine",
            ],
        ),
        (
            "hu",
            [
                "A következő lépések",
                "Cselekvési terv",
                "56,1",
                "Köszöntsön mindenkit.",
                "Kínáljon két választást.",
                "Igényfelmérés",
            ],
        ),
    ];
    for (lang, [steps, plan, score, greet, offer, needs]) in languages {
        let path = format!("/v1/branches/{}/action-plan.pdf?lang={lang}", world.branches[0]);
        let answer = world.admin.client.get(&path).send().await.expect(200);
        assert_eq!(answer.header("content-type"), "application/pdf");
        assert_eq!(answer.etag(), format!("\"{}\"", sha256(&answer.body)));
        let name = format!("inline; filename=\"B1 2026 spring {lang}.pdf\"");
        assert!(answer.header("content-disposition").starts_with(&name), "{}", answer.header("content-disposition"));
        let text = checked_text(app.folder(), &answer.body).await;
        for words in [steps, plan, score, offer, needs, "Kauplused", "Pood 1", "2026 spring"] {
            assert!(text.contains(words), "{words:?} in the report ({lang}):\n{text}");
        }
        // Greeting was met, so there is nothing to do about it.
        assert!(!text.contains(greet), "{greet:?} in the report ({lang}):\n{text}");
        world.admin.client.get(&path).header("if-none-match", &answer.etag()).send().await.expect(304);
    }
    // The chain's own language is the default.
    let path = format!("/v1/branches/{}/action-plan.pdf", world.branches[0]);
    let own = world.admin.client.get(&path).send().await.expect(200);
    assert!(checked_text(app.folder(), &own.body).await.contains("Järgmised sammud"));
    world.admin.client.get(&format!("{path}?lang=ru")).problem(400, "malformed").await;
    world.admin.client.get(&format!("{path}?wave={}", new_id())).problem(404, "not_found").await;
}

async fn the_same_data_gives_the_same_bytes(app: &TestApp) {
    let world = World::make(app).await;
    world.publish(0, &tiny::fair()).await;
    let path = format!("/v1/branches/{}/action-plan.pdf?lang=et", world.branches[0]);
    let fetch = async || world.reviewer.client.get(&path).send().await.expect(200).body;
    let first = fetch().await;
    assert!(first == fetch().await, "fetched twice");
    let file = app.folder().join("report.pdf");
    let output = file.to_str().expect("a path");
    let report = ["report", "--branch", "B1", "--wave", "2026 spring", "--lang", "et", "-o", output];
    app.peegel(&report).await.expect(0);
    assert!(first == std::fs::read(&file).expect("a report"), "written by the command");
    app.stop().await;
    app.serve(&[]).await;
    assert!(first == fetch().await, "fetched after a restart");
    // Other data, other bytes; the old data again, the old bytes.
    let visit = world.publish(0, &tiny::perfect()).await;
    assert!(first != fetch().await, "a visit more");
    world.review(&visit, &["unpublish"]).await;
    assert!(first == fetch().await, "and less");
}

async fn a_report_shows_photos_and_no_people(app: &TestApp) {
    let world = World::make(app).await;
    let photo = |name: &str, item: &str| File::new("photo", &[item], name, fixture(&format!("media/{name}")));
    let files = [
        photo("front_nurmeaken_tallinn.jpg", "front"),
        photo("queue_nurmeaken_long.jpg", "offer"),
        photo("chat_nurmeaken_rude.png", "offer"),
    ];
    let visit = new_id();
    let mut answers = tiny::fair();
    answers["why"] = json!({"v": "Müüja Mari Maasikas ütles, et pole."});
    let body = filing(&world.assign_one().await, "submitted", &answers, &files.iter().collect::<Vec<_>>());
    world.auditor.client.put(&format!("/v1/visits/{visit}"), &body).if_absent().created().await;
    for file in &files {
        file.upload(&world.auditor).await;
    }
    world.processed(&visit).await;
    world.review(&visit, &["review", "approve", "publish"]).await;
    let viewer = world.chain_viewer(app).await;
    let path = format!("/v1/branches/{}/action-plan.pdf", world.branches[0]);
    let pdf = viewer.client.get(&path).send().await.expect(200).body;
    let text = checked_text(app.folder(), &pdf).await;
    for secret in ["Maasikas", "auditor", &world.auditor.id, &visit] {
        assert!(!text.contains(secret), "{secret:?} in what a chain reads:\n{text}");
    }
    let images = images(app.folder(), &pdf).await;
    assert_eq!(images.len(), 3, "{images:?}");
    for (width, height, encoding) in &images {
        assert!(*width.max(height) <= 960 && encoding == "jpeg", "{images:?}");
    }
    assert!(!pdf.windows(4).any(|window| window == b"Exif"), "photos in reports carry no EXIF");
}

async fn a_report_without_visits(app: &TestApp) {
    let world = World::make(app).await;
    let path = format!("/v1/branches/{}/action-plan.pdf?lang=en", world.branches[2]);
    let pdf = world.admin.client.get(&path).send().await.expect(200).body;
    let text = checked_text(app.folder(), &pdf).await;
    assert!(text.contains("no scored visits"), "{text}");
    assert!(pdf.len() < 100_000, "fonts are subsets: {} bytes", pdf.len());
}

async fn the_command_finds_the_branch_meant(app: &TestApp) {
    let world = World::make(app).await;
    let output = app.folder().join("report.pdf");
    let output = output.to_str().expect("a path");
    let report = async |more: &[&str]| {
        let arguments = [&["report", "--wave", "2026 spring", "-o", output], more].concat();
        app.peegel(&arguments).await
    };
    report(&["--branch", "B1"]).await.expect(0);
    let unknown = report(&["--branch", "B9"]).await.expect(2);
    assert!(unknown.stderr.contains("there are: B1, B2, B3"), "{}", unknown.stderr);
    let said = app.peegel(&["report", "--branch", "B1", "--wave", "1999", "-o", output]).await.expect(2);
    assert!(said.stderr.contains("2026 spring"), "{}", said.stderr);
    report(&["--branch", "B1", "--lang", "xx"]).await.expect(2);

    // The same code in another chain, and in another firm.
    let more = json!({"code": "more", "name": "Veel", "kind": "client", "locale": "et", "colour": "#00ff00"});
    let more = world.admin.client.post("/v1/chains", &more).created().await;
    let branch = json!({"code": "B1", "name": "Teine", "address": "Pikk 1", "time_zone": "Europe/Tallinn"});
    world.admin.client.post("/v1/branches", &json!({"chain_id": more["id"], "branches": [branch]})).created().await;
    World::named(app, "beta").await;
    let ambiguous = report(&["--branch", "B1"]).await.expect(2);
    for candidate in ["--firm alpha --chain shops", "--firm alpha --chain more", "--firm beta --chain shops"] {
        assert!(ambiguous.stderr.contains(candidate), "{candidate} in {}", ambiguous.stderr);
    }
    report(&["--branch", "B1", "--firm", "alpha"]).await.expect(2);
    report(&["--branch", "B1", "--firm", "gamma"]).await.expect(2);
    report(&["--branch", "B1", "--firm", "alpha", "--chain", "shops"]).await.expect(0);
    report(&["--branch", "B1", "--firm", "beta"]).await.expect(0);
    let nowhere =
        ["report", "--branch", "B1", "--firm", "beta", "--wave", "2026 spring", "-o", "/no/such/folder/x.pdf"];
    app.peegel(&nowhere).await.expect(1);
}
