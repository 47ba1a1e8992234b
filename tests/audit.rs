//! The history of a firm: whatever is done to it beside the program is found, on both databases, and in an export.

use serde_json::{Value, json};

use crate::support::app::TestApp;
use crate::support::world::World;
use crate::support::{new_id, on_both};

on_both!(whatever_is_done_to_the_history_is_found, the_history_can_be_taken_away_and_verified);

/// Some history: the firm's own, and a few chains, whose names are in the events' objects.
async fn history(app: &TestApp) -> i64 {
    let world = World::make(app).await;
    for n in 0..30 {
        let chain = json!({"code": format!("c{n}"), "name": "Chain", "kind": "competitor", "locale": "en", "colour": "#112233"});
        world.admin.client.post("/v1/chains", &chain).created().await;
    }
    let events = world.admin.client.all("/v1/events", 200).await;
    let last = events.last().expect("events")["seq"].as_i64().expect("a number");
    assert!(last >= 30, "{last} events");
    last
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
    let firm = "firm_id = (SELECT id FROM firms WHERE code = 'alpha')";
    let keep = format!("CREATE TABLE kept_events AS SELECT * FROM events WHERE {firm}");
    app.execute(&keep).await.expect("a copy");
    app.execute(&format!("CREATE TABLE kept_heads AS SELECT * FROM firm_heads WHERE {firm}")).await.expect("a copy");
    let (first, middle, end) = (1, last / 2, last);
    let zeros = "0".repeat(64);
    let attacks: Vec<(i64, &str, Vec<String>)> = vec![
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
            "does not follow",
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
        // With a payload and a hash of its own that fit.
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
        // An end cut off together with its head is another history, which only a head kept elsewhere gives away.
        (0, "the firm has no head", vec![format!("DELETE FROM firm_heads WHERE {firm}")]),
    ];
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
    // What may be erased: payload and salt together.
    app.execute(&format!("UPDATE events SET payload = NULL, salt = NULL WHERE {firm} AND seq = {middle}"))
        .await
        .expect("an erased payload");
    app.peegel(&["audit", "verify"]).await.expect(0);
}

async fn the_history_can_be_taken_away_and_verified(app: &TestApp) {
    let last = history(app).await;
    let said = app.peegel(&["audit", "export", "-o", "alpha.jsonl"]).await.expect(0);
    assert!(said.text().contains("the chain is whole"), "{}", said.text());
    let text = std::fs::read_to_string(app.folder().join("alpha.jsonl")).expect("the file");
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!((&lines[0]["format"], &lines[0]["firm"]), (&json!("peegel.audit/1"), &json!("alpha")));
    assert_eq!(lines.len(), usize::try_from(last).expect("a number") + 2);
    assert_eq!(lines[lines.len() - 1]["head"]["seq"], last);
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

    let middle = lines.len() / 2;
    let with = |change: &dyn Fn(&mut Vec<String>)| {
        let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
        change(&mut lines);
        lines.join("\n") + "\n"
    };
    let actor = lines[middle]["actor_id"].as_str().expect("an actor");
    let (feed, other_feed) = (lines[middle]["feed"] == true, lines[middle]["feed"] == false);
    let (feed, other_feed) = (format!("\"feed\":{feed}"), format!("\"feed\":{other_feed}"));
    let wrong = [
        (middle, with(&|lines| drop(lines.remove(middle)))),
        (middle, with(&|lines| lines.swap(middle, middle + 1))),
        (middle, with(&|lines| lines[middle] = lines[middle].replace("\"kind\":\"", "\"kind\":\"x"))),
        (middle, with(&|lines| lines[middle] = lines[middle].replace(actor, &new_id()))),
        (middle, with(&|lines| lines[middle] = lines[middle].replace(&feed, &other_feed))),
        (middle, with(&|lines| lines[middle] = lines[middle].replace("\"payload\":\"{", "\"payload\":\"{ "))),
        (lines.len() - 2, with(&|lines| drop(lines.remove(lines.len() - 2)))),
        (lines.len() - 1, with(&|lines| drop(lines.pop()))),
        (lines.len() - 1, with(&|lines| lines.push(lines[1].clone()))),
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
