//! Checks a firm's history as an outsider can: numbers without gaps, and hashes that follow from one another.

use serde_json::Value;

use super::client::Client;
use super::files::sha256;

/// All events of a firm, checked.
pub async fn checked_events(admin: &Client) -> Vec<Value> {
    let events = admin.all("/v1/events", 200).await;
    let firm = events[0]["object"].as_str().and_then(|object| object.strip_prefix("firm/")).expect("the firm's first");
    let mut before = sha256(format!("peegel.audit/1\n{firm}").as_bytes());
    for (position, event) in events.iter().enumerate() {
        let text = |member: &str| event[member].as_str().unwrap_or_else(|| panic!("{member} of {event}"));
        assert_eq!(event["seq"], position + 1, "numbers have no gaps");
        let payload = serde_json_canonicalizer::to_string(&event["payload"]).expect("canonical JSON");
        let payload_sha256 = sha256(format!("{}\n{payload}", text("salt")).as_bytes());
        assert_eq!(text("payload_sha256"), payload_sha256, "{event}");
        let at: chrono::DateTime<chrono::Utc> = text("at").parse().expect("a time");
        let micros = at.timestamp_micros().to_string();
        let actor = event["actor_id"].as_str().unwrap_or("-");
        let kept_in = if event["feed"] == true { "feed" } else { "log" };
        let seq = event["seq"].to_string();
        let lines = [&before, &seq, text("kind"), text("object"), actor, kept_in, &micros, &payload_sha256];
        assert_eq!(text("hash"), sha256(lines.join("\n").as_bytes()), "{event}");
        text("hash").clone_into(&mut before);
    }
    events
}

/// How many events are of a kind.
pub fn count(events: &[Value], kind: &str) -> usize {
    events.iter().filter(|event| event["kind"] == kind).count()
}
