//! Settings and what is wrong with an installation: `peegel.toml` and `peegel doctor`.

use serde_json::Value;

use crate::support::app::{Kind, Said, TestApp};
use crate::support::files::in_repository;
use crate::support::on_both;
use crate::support::world::World;

on_both!(a_sound_installation_is_found_sound, what_is_wrong_is_named_with_what_to_do);

fn line(said: &Said, name: &str) -> String {
    let is_it = |line: &&str| line.split_once(' ').is_some_and(|(_, rest)| rest.trim_start().starts_with(name));
    said.text().lines().find(is_it).unwrap_or_else(|| panic!("{name} in {}", said.text())).to_owned()
}

async fn a_sound_installation_is_found_sound(app: &TestApp) {
    World::make(app).await;
    let said = app.peegel(&["doctor"]).await.expect(0);
    for line in said.text().lines() {
        let (verdict, rest) = line.split_once(' ').expect("a verdict");
        assert!(matches!(verdict, "ok" | "warn"), "{line}");
        let (_, what) = rest.trim().split_once(": ").expect("a name");
        assert_eq!(what.contains(" - "), verdict == "warn", "{line}: what to do, where there is something to do");
    }
    let version = if app.kind() == Kind::Sqlite { "SQLite 3." } else { "PostgreSQL " };
    assert!(line(&said, "database").contains(version), "{}", said.text());
    assert!(line(&said, "migrations").starts_with("ok "));
    assert!(line(&said, "files").starts_with("ok "));
    assert!(line(&said, "clock").starts_with("ok "));
    assert!(line(&said, "setting: listen").contains("127.0.0.1:8080 (default)"));
    assert!(line(&said, "setting: data").contains("(environment)"));
    let said = app.peegel(&["doctor", "--json", "--listen", "127.0.0.1:9"]).await.expect(0);
    let findings: Vec<Value> = serde_json::from_str(said.text()).expect("JSON");
    let listen =
        findings.iter().find(|finding| finding["what"].as_str().is_some_and(|what| what.starts_with("listen =")));
    assert_eq!(listen.expect("a setting")["what"], "listen = 127.0.0.1:9 (flag)");
    assert!(findings.iter().all(|finding| finding["name"].is_string() && finding["verdict"].is_string()));
}

async fn what_is_wrong_is_named_with_what_to_do(app: &TestApp) {
    let fails = async |name: &str, arguments: &[&str], todo: &str| {
        let said = app.peegel(&[&["doctor"], arguments].concat()).await.expect(1);
        let line = line(&said, name);
        assert!(line.starts_with("fail ") && line.contains(" - ") && line.contains(todo), "{line}");
    };
    fails("data", &["--data", "nowhere"], "name the folder with --data").await;
    if app.kind() == Kind::Sqlite {
        fails("database", &["--data", "nowhere"], "peegel firm add").await;
        assert!(!app.folder().join("nowhere").exists(), "nothing is made");
    }
    fails("database", &["--database-url", "postgres://me:hush@127.0.0.1:1/none"], "check database_url").await;
    let said =
        app.peegel(&["doctor", "--database-url", "postgres://me:hush@127.0.0.1:1/none?password=hush"]).await.expect(1);
    assert!(!said.text().contains("hush") && !said.stderr.contains("hush"), "{}{}", said.text(), said.stderr);
    fails("address", &["--listen", "nowhere"], "HOST:PORT").await;
    fails("tls", &["--tls-cert", "a.pem"], "set both").await;
    fails("tls", &["--tls-cert", "a.pem", "--tls-key", "b.pem"], "both PEM").await;
    let said = app.peegel(&["doctor", "--listen", "0.0.0.0:80"]).await.expect(0);
    assert!(line(&said, "address").starts_with("warn "), "{}", said.text());

    let blobs = app.data().join("blobs");
    std::fs::rename(&blobs, app.data().join("aside")).expect("a moved folder");
    let said = app.peegel(&["doctor"]).await.expect(0);
    assert!(line(&said, "files").starts_with("warn "), "{}", said.text());
    std::fs::rename(app.data().join("aside"), &blobs).expect("a moved folder");

    let keys = app.data().join("keys");
    std::fs::create_dir_all(&keys).expect("a folder");
    std::fs::write(keys.join("a.key"), "secret").expect("a key");
    let mode = |mode: u32| {
        let permissions = std::os::unix::fs::PermissionsExt::from_mode(mode);
        std::fs::set_permissions(keys.join("a.key"), permissions).expect("a mode");
    };
    mode(0o644);
    fails("keys", &[], "chmod 600").await;
    mode(0o600);
    assert!(line(&app.peegel(&["doctor"]).await.expect(0), "keys").starts_with("ok "));

    app.execute("DELETE FROM seaql_migrations WHERE version LIKE '%dead_jobs'").await.expect("a migration undone");
    fails("migrations", &[], "peegel migrate").await;
    let list = "INSERT INTO seaql_migrations (version, applied_at) VALUES ('m20261122_000022_dead_jobs', 0)";
    app.execute(list).await.expect("a migration done");
    app.peegel(&["doctor"]).await.expect(0);
    app.execute("INSERT INTO seaql_migrations (version, applied_at) VALUES ('m29990101_000001_later', 0)")
        .await
        .expect("a row");
    fails("migrations", &[], "newer").await;
    app.execute("DELETE FROM seaql_migrations WHERE version LIKE '%later'").await.expect("a row");
}

#[tokio::test]
async fn every_setting_is_documented_once() {
    let app = TestApp::stopped(Kind::Sqlite).await;
    let said = app.peegel(&["doctor", "--json"]).await;
    let findings: Vec<Value> = serde_json::from_str(said.text()).expect("JSON");
    let readme = std::fs::read_to_string(in_repository("README.md")).expect("the README");
    let rows: Vec<_> = readme.lines().filter(|line| line.starts_with('|')).collect();
    let mut count = 0;
    for finding in findings.iter().filter(|finding| finding["name"] == "setting") {
        let name = finding["what"].as_str().and_then(|what| what.split(' ').next()).expect("a name");
        let environment = format!("`PEEGEL_{}`", name.to_uppercase());
        let flag = format!("`--{}", name.replace('_', "-"));
        let rows: Vec<_> = rows.iter().filter(|row| row.contains(&environment)).collect();
        assert!(
            rows.len() == 1 && rows[0].contains(&flag),
            "{environment} has a row in the table of README.md: {rows:?}"
        );
        count += 1;
    }
    assert!(count >= 15, "{count} settings");
}

#[tokio::test]
async fn settings_may_stand_in_a_file() {
    let app = TestApp::stopped(Kind::Sqlite).await;
    std::fs::create_dir(app.data()).expect("a folder");
    let file = app.data().join("peegel.toml");
    let write = |text: &str| std::fs::write(&file, text).expect("a file");

    write("cors_origins = [\"https://a.example\", \"https://b.example\"]\nmax_connections_per_address = 50\n");
    app.serve(&[]).await;
    for origin in ["https://a.example", "https://b.example"] {
        let answer = app.client().get("/livez").header("origin", origin).send().await;
        assert_eq!(answer.header("access-control-allow-origin"), origin);
    }
    let said = app.peegel(&["doctor"]).await.expect(0);
    assert!(line(&said, "settings").contains("peegel.toml"), "{}", said.text());
    assert!(line(&said, "setting: max_connections_per_address").contains("= 50 (file)"));
    let said = app.peegel(&["doctor", "--max-connections-per-address", "60"]).await.expect(0);
    assert!(line(&said, "setting: max_connections_per_address").contains("= 60 (flag)"));
    let mut command = app.command(["doctor"]);
    let output = command.env("PEEGEL_MAX_CONNECTIONS_PER_ADDRESS", "70").output().await.expect("it runs");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("max_connections_per_address = 70 (environment)"), "{text}");
    app.stop().await;

    write("lisen = \"127.0.0.1:0\"\n");
    for command in [&["serve"][..], &["doctor"], &["migrate"], &["firm", "add", "--code", "a", "--name", "A"]] {
        let said = app.peegel(command).await.expect(2);
        assert!(said.stderr.contains("there is no setting `lisen`; did you mean `listen`?"), "{}", said.stderr);
    }
    app.peegel(&["serve", "--help"]).await.expect(0);
    write("idle_timeout = \"long\"\n");
    let said = app.peegel(&["serve"]).await.expect(2);
    assert!(said.stderr.contains("--idle-timeout") && said.stderr.contains("peegel.toml"), "{}", said.stderr);
    write("max_connections =\n");
    assert!(app.peegel(&["serve"]).await.expect(2).stderr.contains("peegel.toml: "));

    // Another file may be named, and one that is named must be there.
    std::fs::remove_file(&file).expect("the file");
    std::fs::write(app.folder().join("other.toml"), "listen = \"127.0.0.1:7\"\nlog = \"warn\"\n").expect("a file");
    let said = app.peegel(&["doctor", "--config", "other.toml"]).await.expect(0);
    assert!(line(&said, "setting: listen").contains("127.0.0.1:7 (file)"), "{}", said.text());
    app.peegel(&["doctor", "--config", "none.toml"]).await.expect(2);
    app.finish().await;
}
