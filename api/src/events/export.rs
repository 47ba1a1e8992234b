//! The history of a firm as a file that anybody can verify: JSON lines, first what it is, then the events, then the
//! head.

use std::io::{BufRead, Write};

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::app::App;
use crate::entity::{event, firm};
use crate::events::verify::{Flaw, Head, walk};
use crate::failure::Failure;

/// The name of the format.
const FORMAT: &str = "peegel.audit/1";
/// Longest line that is read, in bytes.
const LINE_LIMIT_BYTES: u64 = 16 * 1024 * 1024;

/// The first line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Title {
    format: String,
    firm: String,
    firm_id: Uuid,
    exported_at: String,
}

/// The last line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct End {
    head: Head,
}

/// One event. The payload is the text that was hashed.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    seq: i64,
    kind: String,
    object: String,
    actor_id: Option<Uuid>,
    at: String,
    feed: bool,
    payload: Option<String>,
    salt: Option<String>,
    payload_sha256: String,
    hash: String,
}

impl From<&event::Model> for Line {
    fn from(row: &event::Model) -> Self {
        Self {
            seq: row.seq,
            kind: row.kind.clone(),
            object: row.object.clone(),
            actor_id: row.actor_id,
            at: row.at.to_rfc3339_opts(SecondsFormat::Micros, true),
            feed: row.feed,
            payload: row.payload.clone(),
            salt: row.salt.clone(),
            payload_sha256: row.payload_sha256.clone(),
            hash: row.hash.clone(),
        }
    }
}

impl Line {
    fn into_event(self, firm_id: Uuid) -> Result<event::Model, String> {
        let at = DateTime::parse_from_rfc3339(&self.at).map_err(|error| format!("`at`: {error}"))?;
        Ok(event::Model {
            firm_id,
            seq: self.seq,
            kind: self.kind,
            object: self.object,
            actor_id: self.actor_id,
            at: at.with_timezone(&Utc),
            feed: self.feed,
            payload: self.payload,
            salt: self.salt,
            payload_sha256: self.payload_sha256,
            hash: self.hash,
        })
    }
}

/// Writes the history of a firm, whole or not, and says what is wrong with it.
///
/// # Errors
///
/// [`Failure`] when the database or the file fails.
pub async fn export(app: &App, firm: &firm::Model, out: &mut impl Write) -> Result<(Head, Option<Flaw>), Failure> {
    let exported_at = app.clock.now().to_rfc3339_opts(SecondsFormat::Micros, true);
    let title = Title { format: FORMAT.to_owned(), firm: firm.code.clone(), firm_id: firm.id, exported_at };
    write_line(out, &title)?;
    let mut last = Head::default();
    let (reached, flaw) = walk(app, firm.id, |row| {
        last = Head { seq: row.seq, hash: row.hash.clone() };
        write_line(out, &Line::from(row))
    })
    .await?;
    write_line(out, &End { head: if flaw.is_none() { reached.clone() } else { last } })?;
    out.flush()?;
    Ok((reached, flaw))
}

fn write_line(out: &mut impl Write, line: &impl Serialize) -> Result<(), Failure> {
    serde_json::to_writer(&mut *out, line).map_err(|error| Failure::from(std::io::Error::from(error)))?;
    Ok(out.write_all(b"\n")?)
}

/// What a file says of itself.
#[derive(Debug)]
pub struct Read {
    /// The firm's code.
    pub firm: String,
    /// How far the chain is whole.
    pub reached: Head,
    /// The first thing wrong with it.
    pub flaw: Option<Flaw>,
}

/// Verifies a file line by line; memory does not grow with its length.
///
/// # Errors
///
/// What makes it unreadable, with the number of the line.
pub fn verify(input: &mut impl BufRead) -> Result<Read, String> {
    let mut number = 0;
    let mut next = || {
        number += 1;
        let mut line = Vec::new();
        let read = std::io::Read::take(&mut *input, LINE_LIMIT_BYTES).read_until(b'\n', &mut line);
        read.map_err(|error| format!("line {number}: {error}"))?;
        Ok::<_, String>((number, line))
    };
    let (_, first) = next()?;
    let title: Title = serde_json::from_slice(&first).map_err(|error| format!("line 1: {error}"))?;
    if title.format != FORMAT {
        return Err(format!("line 1: the format is {}, not {FORMAT}", title.format));
    }
    let mut reached = Head::default();
    loop {
        let (number, line) = next()?;
        if line.is_empty() {
            let flaw = Flaw { seq: reached.seq + 1, why: "the file ends before its head".to_owned() };
            return Ok(Read { firm: title.firm, reached, flaw: Some(flaw) });
        }
        if let Ok(End { head }) = serde_json::from_slice(&line) {
            let rest = next()?.1;
            let flaw = if rest.is_empty() {
                reached.ends_at(&head).err()
            } else {
                Some(Flaw { seq: reached.seq + 1, why: "something follows the head".to_owned() })
            };
            return Ok(Read { firm: title.firm, reached, flaw });
        }
        let event: Line = serde_json::from_slice(&line).map_err(|error| format!("line {number}: {error}"))?;
        let event = event.into_event(title.firm_id).map_err(|message| format!("line {number}: {message}"))?;
        if let Err(flaw) = reached.follow(&event) {
            return Ok(Read { firm: title.firm, reached, flaw: Some(flaw) });
        }
    }
}
