//! Appending facts, always as the last call before a commit.

use sea_orm::DatabaseTransaction;
use uuid::Uuid;

use crate::app::App;
use crate::canonical::canonical;
use crate::entity::event;
use crate::events::store;
use crate::events::types::NewEvent;
use crate::failure::Failure;
use crate::notices;
use crate::secrets::{hex, random_bytes, sha256_hex};

/// Appends facts to the history of a firm.
///
/// It locks the firm's head row, so that the order of numbers is the order of commits and no number is missing. Call
/// it last: the lock is held until the commit.
///
/// # Errors
///
/// [`Failure`] (500) when the database fails.
pub async fn append(app: &App, tx: &DatabaseTransaction, firm_id: Uuid, new: Vec<NewEvent>) -> Result<(), Failure> {
    if new.is_empty() {
        return Ok(());
    }
    let at = app.clock.now();
    let mut head = store::lock_head(tx, firm_id).await?;
    // After the head, whose lock the job waits for: whoever finds it queued already is read by it.
    notices::cursor::queue(app, tx, firm_id, &new).await?;
    let mut rows = Vec::with_capacity(new.len());
    for fact in new {
        app.metrics.event(fact.kind);
        let payload = canonical(&fact.payload)?.text;
        let salt = hex(&random_bytes::<16>());
        let payload_sha256 = sha256_hex(format!("{salt}\n{payload}").as_bytes());
        head.seq += 1;
        let row = event::Model {
            firm_id,
            seq: head.seq,
            kind: fact.kind.to_owned(),
            object: fact.object,
            actor_id: fact.actor_id,
            at,
            feed: fact.feed,
            payload: Some(payload),
            salt: Some(salt),
            payload_sha256,
            hash: String::new(),
            audience_id: fact.audience_id,
            on_board: fact.on_board.then_some(true),
        };
        head.hash = chained_hash(&head.hash, &row);
        rows.push(event::Model { hash: head.hash.clone(), ..row });
    }
    store::insert(tx, rows).await?;
    store::set_head(tx, head).await?;
    Ok(())
}

/// The hash of an event: sha256 over the hash before it, seq, kind, object, the actor (`-` if there is none), `feed` or
/// `log`, time in microseconds and the hash of the salted payload, one a line. The payload itself may be erased later
/// without breaking the chain; who did it and who is told of it may not be changed.
pub fn chained_hash(previous: &str, row: &event::Model) -> String {
    let seq = row.seq.to_string();
    let actor = row.actor_id.map_or_else(|| "-".to_owned(), |id| id.to_string());
    let kept_in = if row.feed { "feed" } else { "log" };
    let micros = row.at.timestamp_micros().to_string();
    let lines = [previous, &seq, &row.kind, &row.object, &actor, kept_in, &micros, &row.payload_sha256];
    sha256_hex(lines.join("\n").as_bytes())
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;

    #[test]
    fn the_hash_is_what_anybody_can_compute() {
        let row = event::Model {
            firm_id: Uuid::nil(),
            seq: 7,
            kind: "chain.created".to_owned(),
            object: "chain/x".to_owned(),
            actor_id: None,
            at: DateTime::from_timestamp_micros(1_700_000_000_000_001).unwrap(),
            feed: true,
            payload: None,
            salt: None,
            payload_sha256: "p".to_owned(),
            hash: String::new(),
            audience_id: None,
            on_board: None,
        };
        let lines = "h\n7\nchain.created\nchain/x\n-\nfeed\n1700000000000001\np";
        assert_eq!(chained_hash("h", &row), sha256_hex(lines.as_bytes()));
        let actor_id = Some(Uuid::from_u128(1));
        let lines = "h\n7\nchain.created\nchain/x\n00000000-0000-0000-0000-000000000001\nlog\n1700000000000001\np";
        let row = event::Model { actor_id, feed: false, ..row };
        assert_eq!(chained_hash("h", &row), sha256_hex(lines.as_bytes()));
    }
}
