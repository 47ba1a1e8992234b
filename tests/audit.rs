//! The history of a firm: whatever is done to it beside the program is found, on both databases, and in an export.

use serde_json::{Value, json};

use crate::retention::{age, close, keep, purge};
use crate::support::app::{Kind, TestApp};
use crate::support::world::World;
use crate::support::{new_id, on_both, tiny};

on_both!(
    whatever_is_done_to_the_history_is_found,
    whole_histories_cannot_be_taken_away_or_swapped,
    the_history_can_be_taken_away_and_verified,
    an_export_is_signed,
    an_export_shows_what_was_cut_off_or_written_anew,
    a_stranger_cannot_say_that_something_was_purged,
);

/// The events of the first firm.
const ALPHA: &str = "firm_id = (SELECT id FROM firms WHERE code = 'alpha')";

/// Some history: the firm's own, and a few chains, whose names are in the events' objects.
async fn history(app: &TestApp) -> i64 {
    history_of(&World::make(app).await).await
}

async fn history_of(world: &World) -> i64 {
    for n in 0..30 {
        add_chain(world, &format!("c{n}")).await;
    }
    let events = world.admin.client.all("/v1/events", 200).await;
    let last = events.last().expect("events")["seq"].as_i64().expect("a number");
    assert!(last >= 30, "{last} events");
    last
}

async fn add_chain(world: &World, code: &str) {
    let chain = json!({"code": code, "name": "Chain", "kind": "competitor", "locale": "en", "colour": "#112233"});
    world.admin.client.post("/v1/chains", &chain).created().await;
}

/// Does something to the tables that foreign keys forbid, as whoever can write to the database can.
async fn force(app: &TestApp, statements: &[String]) {
    let unbound = match app.kind() {
        Kind::Sqlite => "PRAGMA foreign_keys = off",
        Kind::Postgres => "SET session_replication_role = replica",
    };
    let script = format!("{unbound}; {}", statements.join("; "));
    app.execute(&script).await.unwrap_or_else(|error| panic!("{script}: {error}"));
}

/// What `audit verify` says of the history as it is, and how it ends.
async fn audit(app: &TestApp, code: i32, arguments: &[&str]) -> String {
    app.peegel(&[&["audit", "verify"], arguments].concat()).await.expect(code).text().to_owned()
}

async fn whatever_is_done_to_the_history_is_found(app: &TestApp) {
    let last = history(app).await;
    World::named(app, "beta").await;
    let whole = app.peegel(&["audit", "verify"]).await.expect(0);
    assert!(whole.text().contains(&format!("alpha: {last} events, the chain is whole, head ")), "{}", whole.text());
    assert!(whole.text().contains("beta: "), "{}", whole.text());
    app.peegel(&["audit", "verify", "--firm", "alpha"]).await.expect(0);
    app.peegel(&["audit", "verify", "--firm", "nobody"]).await.expect(2);

    // Each of these is done to the first firm, found, and undone.
    let firm = ALPHA;
    let keep = format!("CREATE TABLE kept_events AS SELECT * FROM events WHERE {firm}");
    app.execute(&keep).await.expect("a copy");
    app.execute(&format!("CREATE TABLE kept_heads AS SELECT * FROM firm_heads WHERE {firm}")).await.expect("a copy");
    let (first, middle, end) = (1, last / 2, last);
    let zeros = "0".repeat(64);
    let mut attacks: Vec<(i64, &str, Vec<String>)> = vec![
        (
            middle,
            "its payload is not",
            vec![format!("UPDATE events SET payload = '{{}}' WHERE {firm} AND seq = {middle}")],
        ),
        (middle, "its payload is not", vec![format!("UPDATE events SET salt = 'x' WHERE {firm} AND seq = {middle}")]),
        (
            middle,
            "together with its salt",
            vec![format!("UPDATE events SET payload = NULL WHERE {firm} AND seq = {middle}")],
        ),
        (
            middle,
            "does not follow",
            vec![format!("UPDATE events SET kind = 'visit.made' WHERE {firm} AND seq = {middle}")],
        ),
        (
            first,
            "with which its history begins",
            vec![format!("UPDATE events SET object = 'chain/x' WHERE {firm} AND seq = {first}")],
        ),
        (
            end,
            "does not follow",
            vec![format!(
                "UPDATE events SET at = (SELECT at FROM kept_events WHERE seq = 1) WHERE {firm} AND seq = {end}"
            )],
        ),
        // Who did it, and who is told of it.
        (middle, "does not follow", vec![format!("UPDATE events SET actor_id = NULL WHERE {firm} AND seq = {middle}")]),
        (
            middle,
            "does not follow",
            vec![format!(
                "UPDATE events SET actor_id = (SELECT id FROM users WHERE email LIKE 'reviewer@alpha%') \
                 WHERE {firm} AND seq = {middle}"
            )],
        ),
        (middle, "does not follow", vec![format!("UPDATE events SET feed = NOT feed WHERE {firm} AND seq = {middle}")]),
        (
            middle,
            "does not follow",
            vec![format!("UPDATE events SET hash = '{zeros}' WHERE {firm} AND seq = {middle}")],
        ),
        // Erased, as nothing of the program does; with a hash of its own that fits, too.
        (
            middle,
            "no event says that it was erased",
            vec![format!("UPDATE events SET payload = NULL, salt = NULL WHERE {firm} AND seq = {middle}")],
        ),
        (
            middle,
            "does not follow",
            vec![format!(
                "UPDATE events SET payload = NULL, salt = NULL, payload_sha256 = '{zeros}' WHERE {firm} AND seq = {middle}"
            )],
        ),
        (first, "it is missing", vec![format!("DELETE FROM events WHERE {firm} AND seq = {first}")]),
        (middle, "it is missing", vec![format!("DELETE FROM events WHERE {firm} AND seq = {middle}")]),
        (end, "the head says that there are", vec![format!("DELETE FROM events WHERE {firm} AND seq = {end}")]),
        (first, "the head says that there are", vec![format!("DELETE FROM events WHERE {firm}")]),
        // Removed, with the numbers closed up behind it.
        (
            middle,
            "does not follow",
            vec![
                format!("DELETE FROM events WHERE {firm} AND seq = {middle}"),
                format!("UPDATE events SET seq = -seq WHERE {firm} AND seq > {middle}"),
                format!("UPDATE events SET seq = -seq - 1 WHERE {firm} AND seq < 0"),
            ],
        ),
        // Two that change places.
        (
            middle,
            "does not follow",
            vec![
                format!("UPDATE events SET seq = -1 WHERE {firm} AND seq = {middle}"),
                format!("UPDATE events SET seq = {middle} WHERE {firm} AND seq = {middle} + 1"),
                format!("UPDATE events SET seq = {middle} + 1 WHERE {firm} AND seq = -1"),
            ],
        ),
        (end, "another hash", vec![format!("UPDATE firm_heads SET hash = '{zeros}' WHERE {firm}")]),
        (end - 1, "another hash", vec![format!("UPDATE firm_heads SET seq = {end} - 1 WHERE {firm}")]),
        (
            end,
            "the head does not know it",
            vec![format!(
                "UPDATE firm_heads SET seq = {end} - 1, hash = (SELECT hash FROM kept_events WHERE seq = {end} - 1) \
             WHERE {firm}"
            )],
        ),
        (end + 1, "the head says that there are", vec![format!("UPDATE firm_heads SET seq = {end} + 1 WHERE {firm}")]),
        // Nothing at all, with a head that knows of nothing.
        (
            first,
            "it is missing",
            vec![
                format!("DELETE FROM events WHERE {firm}"),
                format!("UPDATE firm_heads SET seq = 0, hash = '{zeros}' WHERE {firm}"),
            ],
        ),
        // Numbers before the first.
        (
            -1,
            "they begin at 1",
            vec![format!(
                "INSERT INTO events SELECT firm_id, -1, kind, object, actor_id, at, feed, payload, salt, payload_sha256, \
                 hash, audience_id, on_board FROM events WHERE {firm} AND seq = 1"
            )],
        ),
        (
            i64::MIN,
            "they begin at 1",
            vec![format!("UPDATE events SET seq = {} WHERE {firm} AND seq = {middle}", i64::MIN)],
        ),
    ];
    if app.kind() == Kind::Sqlite {
        // The same time, and the same mark, in other words.
        for (column, value) in [("at", "replace(at, '+00:00', 'Z')"), ("feed", "2")] {
            let change = format!("UPDATE events SET {column} = {value} WHERE {firm} AND feed = 1 AND seq = {end}");
            attacks.push((end, "not stored as it was written", vec![change]));
        }
        let change =
            format!("UPDATE events SET at = substr(at, 1, 19) || '.123456789+00:00' WHERE {firm} AND seq = {end}");
        attacks.push((end, "whole microseconds", vec![change]));
    }
    for (seq, why, statements) in attacks {
        for statement in &statements {
            app.execute(statement).await.unwrap_or_else(|error| panic!("{statement}: {error}"));
        }
        let said = app.peegel(&["audit", "verify"]).await.expect(1);
        let line = said.text().lines().find(|line| line.starts_with("alpha: ")).expect("a line").to_owned();
        assert!(
            line.starts_with(&format!("alpha: event {seq} is wrong: ")) && line.contains(why),
            "{statements:?}: {line}"
        );
        let others = said.text().lines().find(|line| line.starts_with("beta: ")).expect("a line");
        assert!(others.contains("the chain is whole"), "{others}");
        for undo in [
            format!("DELETE FROM events WHERE {firm}"),
            "INSERT INTO events SELECT * FROM kept_events".to_owned(),
            format!("DELETE FROM firm_heads WHERE {firm}"),
            "INSERT INTO firm_heads SELECT * FROM kept_heads".to_owned(),
        ] {
            app.execute(&undo).await.unwrap_or_else(|error| panic!("{undo}: {error}"));
        }
    }
    for (change, why) in [
        (format!("DELETE FROM firm_heads WHERE {firm}"), "the firm has no head"),
        ("UPDATE firms SET code = 'omega' WHERE code = 'alpha'".to_owned(), "event 1 is wrong: the firm was made with"),
    ] {
        app.execute(&change).await.expect("a change");
        let said = audit(app, 1, &[]).await;
        assert!(said.contains(why), "{change}: {said}");
        app.execute("UPDATE firms SET code = 'alpha' WHERE code = 'omega'").await.expect("a row");
        app.execute(&format!("DELETE FROM firm_heads WHERE {firm}")).await.expect("no head");
        app.execute("INSERT INTO firm_heads SELECT * FROM kept_heads").await.expect("a head");
    }
    audit(app, 0, &[]).await;
}

async fn whole_histories_cannot_be_taken_away_or_swapped(app: &TestApp) {
    history(app).await;
    history_of(&World::named(app, "beta").await).await;
    app.stop().await;
    audit(app, 0, &[]).await;
    let id = |code: &str| format!("(SELECT id FROM kept_firms WHERE code = '{code}')");
    for table in ["firms", "events", "firm_heads"] {
        app.execute(&format!("CREATE TABLE kept_{table} AS SELECT * FROM {table}")).await.expect("a copy");
    }
    let restore = async || {
        for table in ["firms", "events", "firm_heads"] {
            let back = [format!("DELETE FROM {table}"), format!("INSERT INTO {table} SELECT * FROM kept_{table}")];
            force(app, &back).await;
        }
        audit(app, 0, &[]).await;
    };
    // Each firm with the history of the other.
    for table in ["events", "firm_heads"] {
        let swapped = format!("CASE WHEN firm_id = {0} THEN {1} ELSE {0} END", id("alpha"), id("beta"));
        force(
            app,
            &[
                format!("CREATE TABLE swapped_{table} AS SELECT * FROM {table}"),
                format!("UPDATE swapped_{table} SET firm_id = {swapped}"),
                format!("DELETE FROM {table}"),
                format!("INSERT INTO {table} SELECT * FROM swapped_{table}"),
            ],
        )
        .await;
    }
    let said = audit(app, 1, &[]).await;
    for firm in ["alpha", "beta"] {
        assert!(said.contains(&format!("{firm}: event 1 is wrong: it is not the firm.created of this firm")), "{said}");
    }
    restore().await;
    // A firm whose row is gone, with all else or a part of it left.
    let gone = ["DELETE FROM firms WHERE code = 'alpha'".to_owned()];
    let of_alpha = format!("firm_id = {}", id("alpha"));
    for more in ["events", "firm_heads"] {
        force(app, &gone).await;
        let said = audit(app, 1, &[]).await;
        assert!(said.contains("the history is wrong: it has a history and is not among the firms"), "{said}");
        force(app, &[format!("DELETE FROM {more} WHERE {of_alpha}")]).await;
        let said = audit(app, 1, &[]).await;
        assert!(said.contains("is not among the firms") && said.contains("beta: "), "{said}");
        restore().await;
    }
    app.serve(&[]).await;
}

async fn the_history_can_be_taken_away_and_verified(app: &TestApp) {
    let last = history(app).await;
    let said = app.peegel(&["audit", "export", "-o", "alpha.jsonl"]).await.expect(0);
    assert!(said.text().contains("the chain is whole"), "{}", said.text());
    let text = std::fs::read_to_string(app.folder().join("alpha.jsonl")).expect("the file");
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!((&lines[0]["format"], &lines[0]["firm"]), (&json!("peegel.audit/1"), &json!("alpha")));
    assert_eq!(lines.len(), usize::try_from(last).expect("a number") + 2);
    let end = &lines[lines.len() - 1];
    for member in ["firm", "firm_id", "exported_at"] {
        assert_eq!(end["head"][member], lines[0][member]);
    }
    assert_eq!(end["head"]["seq"], last);
    for (line, seq) in lines[1..lines.len() - 1].iter().zip(1..) {
        assert_eq!(line["seq"], seq);
        let hashed =
            format!("{}\n{}", line["salt"].as_str().expect("a salt"), line["payload"].as_str().expect("a payload"));
        assert_eq!(
            line["payload_sha256"],
            crate::support::files::sha256(hashed.as_bytes()),
            "as anybody can compute it"
        );
    }
    let verify = async |text: &str| {
        std::fs::write(app.folder().join("file.jsonl"), text).expect("a file");
        app.peegel(&["audit", "verify", "file.jsonl"]).await
    };
    let good = verify(&text).await.expect(0);
    assert!(good.text().contains(&format!("alpha: {last} events, the chain is whole")), "{}", good.text());

    let (middle, count) = (lines.len() / 2, i64::try_from(lines.len()).expect("a number"));
    let seq = i64::try_from(middle).expect("a number");
    let with = |change: &dyn Fn(&mut Vec<String>)| {
        let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
        change(&mut lines);
        lines.join("\n") + "\n"
    };
    let erased = |line: &str| {
        let mut event: Value = serde_json::from_str(line).expect("JSON");
        (event["payload"], event["salt"]) = (Value::Null, Value::Null);
        let (salt, payload) = (&lines[middle]["salt"], &lines[middle]["payload"]);
        let line = line.replace(&format!("\"payload\":{payload},"), "\"payload\":null,");
        let line = line.replace(&format!("\"salt\":{salt},"), "\"salt\":null,");
        assert_eq!(serde_json::from_str::<Value>(&line).expect("JSON"), event);
        line
    };
    let with_time = |line: &str, change: &dyn Fn(&str) -> String| {
        let at = lines[middle]["at"].as_str().expect("a time");
        line.replace(at, &change(at))
    };
    let firm_id = lines[0]["firm_id"].as_str().expect("an id");
    let actor = lines[middle]["actor_id"].as_str().expect("an actor");
    let (feed, other_feed) = (lines[middle]["feed"] == true, lines[middle]["feed"] == false);
    let (feed, other_feed) = (format!("\"feed\":{feed}"), format!("\"feed\":{other_feed}"));
    let wrong = [
        (seq, with(&|lines| drop(lines.remove(middle)))),
        (seq, with(&|lines| lines.swap(middle, middle + 1))),
        (seq, with(&|lines| lines[middle] = lines[middle].replace("\"kind\":\"", "\"kind\":\"x"))),
        (seq, with(&|lines| lines[middle] = lines[middle].replace(actor, &new_id()))),
        (seq, with(&|lines| lines[middle] = lines[middle].replace(&feed, &other_feed))),
        (seq, with(&|lines| lines[middle] = lines[middle].replace("\"payload\":\"{", "\"payload\":\"{ "))),
        (seq, with(&|lines| lines[middle] = erased(&lines[middle]))),
        // The same in other words.
        (seq, with(&|lines| lines[middle] = lines[middle].replace(",\"feed\":", ", \"feed\":"))),
        (seq, with(&|lines| lines[middle] = lines[middle].replace(actor, &actor.to_uppercase()))),
        (seq, with(&|lines| lines[middle] = with_time(&lines[middle], &|at| at.replace('Z', "+00:00")))),
        (seq, with(&|lines| lines[middle] = with_time(&lines[middle], &|at| at.replace('Z', "999Z")))),
        (-1, with(&|lines| lines.insert(1, lines[1].replace("\"seq\":1,", "\"seq\":-1,")))),
        (1, with(&|lines| lines[0] = lines[0].replace(firm_id, &new_id()))),
        (count - 2, with(&|lines| drop(lines.remove(lines.len() - 2)))),
        (count - 1, with(&|lines| drop(lines.pop()))),
        (count - 1, with(&|lines| lines.push(lines[1].clone()))),
    ];
    for (seq, text) in wrong {
        let said = verify(&text).await.expect(1);
        assert!(said.text().contains(&format!("alpha: event {seq} is wrong: ")), "{seq}: {}", said.text());
    }
    for unreadable in ["", "{}", "not json", "{\"format\":\"other\",\"firm\":\"a\"}\n"] {
        verify(unreadable).await.expect(2);
    }
    verify(&with(&|lines| lines[middle] = lines[middle].replace("\"feed\"", "\"feeed\""))).await.expect(2);
    app.peegel(&["audit", "verify", "/no/such/file"]).await.expect(2);
    app.peegel(&["audit", "export", "-o", "/no/such/folder/file"]).await.expect(2);
    app.peegel(&["audit", "export"]).await.expect(2);
    // A history that is not whole is exported, too, and says so.
    app.execute("UPDATE events SET kind = 'x' WHERE seq = 3").await.expect("a changed row");
    let said = app.peegel(&["audit", "export", "-o", "alpha.jsonl"]).await.expect(1);
    assert!(said.text().contains("event 3 is wrong"), "{}", said.text());
    let text = std::fs::read_to_string(app.folder().join("alpha.jsonl")).expect("the file");
    assert_eq!(text.lines().count(), lines.len());
    assert!(verify(&text).await.expect(1).text().contains("event 3 is wrong"));
}

async fn an_export_is_signed(app: &TestApp) {
    let last = history(app).await;
    let keys = app.client().get("/v1/keys").ok().await;
    std::fs::write(app.folder().join("keys.json"), keys.to_string()).expect("a file");
    app.peegel(&["audit", "export", "-o", "alpha.jsonl"]).await.expect(0);
    let text = std::fs::read_to_string(app.folder().join("alpha.jsonl")).expect("the file");
    let said = audit(app, 0, &["alpha.jsonl", "--key", "keys.json"]).await;
    let key_id = keys["keys"][0]["kid"].as_str().expect("an id");
    assert!(said.contains(&format!("signed by {key_id}\n")), "{said}");
    assert!(audit(app, 0, &["alpha.jsonl"]).await.contains("whose it is, --key checks"));
    audit(app, 0, &["alpha.jsonl", "--key", keys["keys"][0]["x"].as_str().expect("a key")]).await;
    for arguments in [&["alpha.jsonl", "--key", "nonsense"][..], &["--key", "keys.json"], &["x", "--against", "x"]] {
        audit(app, 2, arguments).await;
    }

    let lines: Vec<&str> = text.lines().collect();
    let (title, events, end) = (lines[0], &lines[1..lines.len() - 1], lines[lines.len() - 1]);
    let end_json: Value = serde_json::from_str(end).expect("JSON");
    let of = |member: &str| end_json["head"][member].as_str().expect("a text").to_owned();
    let (exported_at, hash) = (of("exported_at"), of("hash"));
    let cut = events.len() - 5;
    let before: Value = serde_json::from_str(events[cut - 1]).expect("JSON");
    let hash_before = before["hash"].as_str().expect("a hash");
    let other = end.replace(&format!("\"seq\":{last}"), &format!("\"seq\":{cut}")).replace(&hash, hash_before);
    let unsigned = json!({"head": {"seq": cut, "hash": hash_before}}).to_string();
    let (was, later) = (exported_at.as_str(), "2031-01-01T00:00:00.000000Z");
    let signature = end_json["signature"].as_str().expect("a signature");
    let (half, rest) = signature.split_at(43);
    let swapped = end.replace(signature, &format!("{rest}{half}"));
    let file = |title: &str, events: &[&str], end: &str| format!("{title}\n{}\n{end}\n", events.join("\n"));
    for (why, text) in [
        ("event 1 is wrong: the firm was made with another code", file(&title.replace("alpha", "beta"), events, end)),
        ("the first line is not the one of this head", file(&title.replace(was, later), events, end)),
        ("not signed by", file(&title.replace(was, later), events, &end.replace(was, later))),
        ("not signed by", file(title, &events[..cut], &other)),
        ("not signed by", file(title, events, &swapped)),
        ("its last line is not a signed head", file(title, &events[..cut], &unsigned)),
        ("the head says that there are", file(title, &events[..cut], end)),
        ("names no key", file(title, events, &end.replace(end_json["key"].as_str().expect("a key"), "AAAA"))),
    ] {
        std::fs::write(app.folder().join("file.jsonl"), text).expect("a file");
        let said = audit(app, 1, &["file.jsonl"]).await;
        assert!(said.contains(why), "{why}: {said}");
        // What is wrong with an export is told before anything is compared with it.
        assert!(audit(app, 1, &["--against", "file.jsonl"]).await.contains(why));
    }
    // A name is shown, whatever it would do to a terminal.
    let text = file(&title.replace("alpha", "alpha\\u001b[31m\\n"), events, end);
    std::fs::write(app.folder().join("file.jsonl"), text).expect("a file");
    let said = audit(app, 1, &["file.jsonl"]).await;
    assert!(said.starts_with("alpha\\u{1b}[31m\\n: event 1 is wrong"), "{said}");
    let format = title.replace("peegel.audit/1", "\\u001b[31m");
    std::fs::write(app.folder().join("file.jsonl"), format).expect("a file");
    let said = app.peegel(&["audit", "verify", "file.jsonl"]).await.expect(2);
    assert!(said.stderr.contains("\\u{1b}[31m") && !said.stderr.contains('\u{1b}'), "{}", said.stderr);

    // Another key is not the one that was kept; exports by the earlier one still hold.
    app.peegel(&["receipt", "rotate-key"]).await.expect(0);
    app.peegel(&["audit", "export", "-o", "later.jsonl"]).await.expect(0);
    let said = audit(app, 1, &["later.jsonl", "--key", "keys.json"]).await;
    assert!(said.contains("none of those given"), "{said}");
    audit(app, 1, &["--against", "later.jsonl", "--key", "keys.json"]).await;
    audit(app, 0, &["alpha.jsonl", "--key", "keys.json"]).await;
}

async fn an_export_shows_what_was_cut_off_or_written_anew(app: &TestApp) {
    let world = World::make(app).await;
    let last = history_of(&world).await;
    World::named(app, "beta").await;
    app.peegel(&["audit", "export", "--firm", "alpha", "-o", "alpha.jsonl"]).await.expect(0);
    let against = ["--against", "alpha.jsonl"];
    add_chain(&world, "later").await;
    let said = audit(app, 0, &against).await;
    assert!(said.contains("alpha: it goes through the export of ") && !said.contains("beta"), "{said}");

    // Cut off together with the head: the rest is whole by itself.
    let cut = last - 3;
    let cut_off = [
        format!("DELETE FROM events WHERE {ALPHA} AND seq > {cut}"),
        format!(
            "UPDATE firm_heads SET seq = {cut}, hash = (SELECT hash FROM events WHERE {ALPHA} AND seq = {cut}) \
             WHERE {ALPHA}"
        ),
    ];
    force(app, &cut_off).await;
    audit(app, 0, &[]).await;
    let said = audit(app, 1, &against).await;
    assert!(said.contains(&format!("alpha: event {} is wrong: it is missing: the export", cut + 1)), "{said}");
    // Other events in their place.
    for n in 0..5 {
        add_chain(&world, &format!("new{n}")).await;
    }
    audit(app, 0, &[]).await;
    let said = audit(app, 1, &against).await;
    assert!(said.contains(&format!("alpha: event {} is wrong: it is another one", cut + 1)), "{said}");
    // What the chain itself shows is told first where it comes first.
    app.execute(&format!("UPDATE events SET kind = 'x' WHERE {ALPHA} AND seq = 5")).await.expect("a change");
    assert!(audit(app, 1, &against).await.contains("alpha: event 5 is wrong: it does not follow"));
    audit(app, 2, &["--against", "/no/such/file"]).await;
    // Nothing of the firm.
    let gone = ["events", "firm_heads"].map(|table| format!("DELETE FROM {table} WHERE {ALPHA}"));
    force(app, &gone).await;
    force(app, &["DELETE FROM firms WHERE code = 'alpha'".to_owned()]).await;
    audit(app, 0, &[]).await;
    assert!(audit(app, 1, &against).await.contains("the firm of the export is not here any more"));
}

/// A line of a purge that is signed, but with a key that was never this installation's, explains no missing payload.
async fn a_stranger_cannot_say_that_something_was_purged(app: &TestApp) {
    let world = World::make(app).await;
    let visit = world.publish(0, &tiny::fair()).await;
    world.review(&visit, &["unpublish", "publish"]).await;
    keep(&world, &json!({"free_text": 1})).await;
    close(app, &world, 40).await;
    age(app, 40).await;
    purge(app).await;
    audit(app, 0, &[]).await;
    // As if whoever writes to the database had made up a key: the line is the same, and the folder knows it not.
    let (keys, own) = (app.data().join("keys"), app.data().join("keys of the line"));
    app.stop().await;
    std::fs::rename(&keys, &own).expect("another name");
    app.serve(&[]).await;
    let said = audit(app, 1, &[]).await;
    assert!(said.contains("the line of the purge is wrong"), "{said}");
    // An earlier key of the installation is as good as the one of now.
    for entry in std::fs::read_dir(&own).expect("a folder").flatten() {
        if !keys.join(entry.file_name()).exists() {
            std::fs::copy(entry.path(), keys.join(entry.file_name())).expect("a copy");
        }
    }
    audit(app, 0, &[]).await;

    // Whoever reads one line of what it says and goes is no reason to panic.
    let mut reader = app.command(["audit", "verify"]);
    reader.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
    let mut child = reader.spawn().expect("peegel runs");
    drop(child.stdout.take());
    let ended = child.wait_with_output().await.expect("it ends");
    assert_eq!(ended.status.code(), Some(0), "{}", String::from_utf8_lossy(&ended.stderr));
}
