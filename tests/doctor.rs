//! Settings and what is wrong with an installation: `peegel.toml` and `peegel doctor`.

use std::os::unix::fs::PermissionsExt;

use serde_json::{Value, json};

use crate::support::app::{Kind, Said, TestApp};
use crate::support::files::in_repository;
use crate::support::mail::letter;
use crate::support::smtp::SmtpServer;
use crate::support::world::World;
use crate::support::{on_both, tiny};

on_both!(
    a_sound_installation_is_found_sound,
    what_is_wrong_is_named_with_what_to_do,
    mail_is_looked_at_and_secrets_are_not_shown,
    a_bad_vault_key_stops_the_server,
    what_is_made_is_for_its_owner_alone,
);

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
    // Where files are known, it is no new folder that is missing.
    World::make(app).await.publish(0, &tiny::perfect()).await;
    std::fs::rename(&blobs, app.data().join("aside")).expect("a moved folder");
    fails("files", &[], "mount its volume").await;
    std::fs::rename(app.data().join("aside"), &blobs).expect("a moved folder");

    let keys = app.data().join("keys");
    let sealing = keys.join("vault.secret");
    let key = std::fs::read(&sealing).expect("a key");
    for damaged in ["damaged", "", "c2hvcnQ="] {
        std::fs::write(&sealing, damaged).expect("a file");
        fails("vault_key", &[], "backed up").await;
    }
    std::fs::write(&sealing, key).expect("a file");
    std::fs::create_dir_all(&keys).expect("a folder");
    std::fs::write(keys.join("a.key"), "secret").expect("a key");
    let mode = |mode: u32| {
        let permissions = PermissionsExt::from_mode(mode);
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

async fn mail_is_looked_at_and_secrets_are_not_shown(app: &TestApp) {
    World::make(app).await;
    let doctor = async |arguments: &[&str], code: i32| {
        let said = app.peegel(&[&["doctor"], arguments].concat()).await.expect(code);
        for secret in ["hush", KEY] {
            assert!(!said.text().contains(secret) && !said.stderr.contains(secret), "{}{}", said.text(), said.stderr);
        }
        said
    };
    const KEY: &str = "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2U=";
    assert!(line(&doctor(&[], 0).await, "mail: ").starts_with("ok "));
    let said = doctor(&["--vault-key", KEY], 0).await;
    assert!(line(&said, "setting: vault_key").contains("vault_key = (set) (flag)"), "{}", said.text());
    let said = doctor(&["--vault-key", "hush"], 1).await;
    assert!(line(&said, "vault_key").starts_with("fail "), "{}", said.text());

    let smtp = SmtpServer::start(0).await;
    let said = doctor(&["--smtp-url", &format!("smtp://{}", smtp.address)], 0).await;
    assert!(line(&said, "mail: ").contains("answers"), "{}", said.text());
    assert!(line(&said, "setting: smtp_url").contains("smtp_url = (set) (flag)"), "{}", said.text());
    assert!(line(&said, "setting: mail_from").contains("(default)"));
    // Nobody listens; somebody listens and says nothing; what is no address.
    let said = doctor(&["--smtp-url", "smtp://me:hush@127.0.0.1:1"], 0).await;
    assert!(line(&said, "mail: ").starts_with("warn "), "{}", said.text());
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("smtp://me:hush@{}", silent.local_addr().expect("an address"));
    let said = doctor(&["--smtp-url", &url], 0).await;
    assert!(line(&said, "mail: ").contains("within 5 s"), "{}", said.text());
    for url in ["hush", "imap://me:hush@mail.example"] {
        assert!(line(&doctor(&["--smtp-url", url], 1).await, "mail: ").starts_with("fail "));
    }
    assert!(line(&doctor(&["--mail-from", "nobody"], 1).await, "mail: ").starts_with("fail "));
}

async fn a_bad_vault_key_stops_the_server(app: &TestApp) {
    World::make(app).await;
    app.stop().await;
    for (command, more) in [("serve", &["--listen", "127.0.0.1:0"][..]), ("worker", &[])] {
        for key in ["hush hush hush", "c2hvcnQ="] {
            let said = app.peegel(&[&[command, "--vault-key", key], more].concat()).await.expect(2);
            assert!(
                said.stderr.contains("--vault-key") && said.stderr.contains("32 bytes in base64"),
                "{}",
                said.stderr
            );
            assert!(!said.stderr.contains("hush") && !said.stderr.contains("c2hvcnQ"), "{}", said.stderr);
        }
        let file = app.data().join("keys/vault.secret");
        let mode = |mode| std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).expect("a mode");
        mode(0o640);
        let said = app.peegel(&[&[command], more].concat()).await.expect(1);
        assert!(said.stderr.contains("unusable_keys") && said.stderr.contains("chmod 600 "), "{}", said.stderr);
        mode(0o600);
        let key = std::fs::read(&file).expect("the key");
        std::fs::write(&file, "damaged").expect("a file");
        let said = app.peegel(&[&[command], more].concat()).await.expect(1);
        assert!(said.stderr.contains("32 bytes in base64") && !said.stderr.contains("damaged"), "{}", said.stderr);
        std::fs::write(&file, key).expect("a file");
    }
    app.serve(&[]).await;
}

async fn what_is_made_is_for_its_owner_alone(app: &TestApp) {
    let world = World::make(app).await;
    world.file(&world.assign_one().await, &tiny::fair()).await;
    let user = json!({"email": "new@alpha.example", "name": "New", "role": "auditor"});
    world.admin.client.post("/v1/users", &user).created().await;
    letter(app, "new@alpha.example", 1).await;
    // By the commands that may come first, and by the server.
    app.peegel(&["firm", "add", "--code", "first", "--name", "First", "--data", "parent/first"]).await.expect(0);
    let mut count = 0;
    let mut folders = vec![app.data(), app.folder().join("parent")];
    while let Some(path) = folders.pop() {
        let metadata = std::fs::symlink_metadata(&path).expect("something");
        let mode = metadata.permissions().mode() & 0o777;
        assert_eq!(mode & 0o077, 0, "{} has mode {mode:o}", path.display());
        count += 1;
        if metadata.is_dir() {
            folders.extend(std::fs::read_dir(&path).expect("a folder").map(|entry| entry.expect("an entry").path()));
        }
    }
    assert!(count > 15, "{count} files and folders");
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
