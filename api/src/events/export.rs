//! The history of a firm as a file that anybody can verify: JSON lines, first what it is, then the events, then the
//! head, signed.

use std::io::{BufRead, Write};

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::app::App;
use crate::canonical::canonical;
use crate::entity::{event, firm};
use crate::events::verify::{Chain, FORMAT, Flaw, Head, is_named, walk};
use crate::failure::Failure;
use crate::signing::key::{PublicKey, sign};

/// Longest line that is read, in bytes.
const LINE_LIMIT_BYTES: u64 = 16 * 1024 * 1024;
/// How the last line begins, and no event.
const END: &[u8] = b"{\"head\":";

/// The first line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Title {
    format: String,
    firm: String,
    firm_id: Uuid,
    exported_at: String,
}

/// What is signed: the title once more, and where the chain stood.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stand {
    firm: String,
    firm_id: Uuid,
    exported_at: String,
    seq: i64,
    hash: String,
}

impl Stand {
    fn new(title: &Title, head: &Head) -> Self {
        Self {
            firm: title.firm.clone(),
            firm_id: title.firm_id,
            exported_at: title.exported_at.clone(),
            seq: head.seq,
            hash: head.hash.clone(),
        }
    }
}

/// The last line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct End {
    head: Stand,
    /// The public key, as `x` of a JWK.
    key: String,
    /// Its signature over the name of the format, a line feed and `head` in canonical form.
    signature: String,
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
            // Whom it concerned is no part of the history.
            audience_id: None,
            on_board: None,
        })
    }
}

/// Writes the history of a firm, whole or not, signs how far it goes, and says what is wrong with it.
///
/// # Errors
///
/// [`Failure`] when the database or the file fails, or the keys that sign cannot be used.
pub async fn export(app: &App, firm: &firm::Model, out: &mut impl Write) -> Result<(Head, Option<Flaw>), Failure> {
    let now = app.clock.now();
    app.signing.prepare(now).await?;
    let exported_at = now.to_rfc3339_opts(SecondsFormat::Micros, true);
    let title = Title { format: FORMAT.to_owned(), firm: firm.code.clone(), firm_id: firm.id, exported_at };
    write_line(out, &title)?;
    let mut last = Head::before_all(firm.id);
    let (reached, flaw) = walk(app, firm, |row| {
        last = Head { seq: row.seq, hash: row.hash.clone() };
        write_line(out, &Line::from(row))
    })
    .await?;
    let head = Stand::new(&title, if flaw.is_none() { &reached } else { &last });
    let keys = app.signing.keys().await?;
    let signature = sign(keys.signer(), FORMAT, canonical(&head)?.text.as_bytes());
    write_line(out, &End { head, key: PublicKey::of(keys.signer()).to_text(), signature })?;
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
    /// The firm.
    pub firm_id: Uuid,
    /// When it was written.
    pub exported_at: String,
    /// How far the chain is whole.
    pub reached: Head,
    /// The id of the key that signed it, if one did.
    pub key_id: Option<String>,
    /// The first thing wrong with it.
    pub flaw: Option<Flaw>,
}

/// A file that is read line by line; memory does not grow with its length.
#[derive(Debug)]
pub struct Reader<R> {
    input: R,
    number: u64,
    title: Title,
}

/// A line of a file.
enum Part {
    Event(Box<event::Model>),
    /// An event in another form than the one that is written, by its number.
    Odd(i64),
    End(Option<End>),
    Nothing,
}

impl<R: BufRead> Reader<R> {
    /// Reads the first line.
    ///
    /// # Errors
    ///
    /// What makes it unreadable.
    pub fn open(input: R) -> Result<Self, String> {
        let nobody =
            Title { format: String::new(), firm: String::new(), firm_id: Uuid::nil(), exported_at: String::new() };
        let mut reader = Self { input, number: 0, title: nobody };
        let first = reader.line()?;
        reader.title = serde_json::from_slice(&first).map_err(|error| format!("line 1: {error}"))?;
        if reader.title.format != FORMAT {
            return Err(format!("line 1: the format is {}, not {FORMAT}", reader.title.format));
        }
        Ok(reader)
    }

    fn line(&mut self) -> Result<Vec<u8>, String> {
        self.number += 1;
        let mut line = Vec::new();
        let read = std::io::Read::take(&mut self.input, LINE_LIMIT_BYTES).read_until(b'\n', &mut line);
        read.map_err(|error| format!("line {}: {error}", self.number))?;
        Ok(line)
    }

    fn part(&mut self) -> Result<Part, String> {
        let line = self.line()?;
        if line.is_empty() {
            return Ok(Part::Nothing);
        }
        if line.starts_with(END) {
            return Ok(Part::End(serde_json::from_slice(&line).ok()));
        }
        let number = self.number;
        let unreadable = |why: String| format!("line {number}: {why}");
        let event: Line = serde_json::from_slice(&line).map_err(|error| unreadable(error.to_string()))?;
        let event = event.into_event(self.title.firm_id).map_err(unreadable)?;
        let mut written = Vec::with_capacity(line.len());
        write_line(&mut written, &Line::from(&event)).map_err(|failure| unreadable(failure.detail))?;
        Ok(if written == line { Part::Event(Box::new(event)) } else { Part::Odd(event.seq) })
    }

    /// The next event; none behind the last.
    ///
    /// # Errors
    ///
    /// What makes it unreadable, with the number of the line.
    pub fn event(&mut self) -> Result<Option<event::Model>, String> {
        match self.part()? {
            Part::Event(event) => Ok(Some(*event)),
            _ => Ok(None),
        }
    }

    /// Verifies the file: the chain, where it ends, and that one of the keys has signed that. Without keys given, the key
    /// in the file is taken, which says nothing of who signed.
    ///
    /// # Errors
    ///
    /// What makes it unreadable, with the number of the line.
    pub fn verify(mut self, given: Option<&[PublicKey]>) -> Result<Read, String> {
        let mut chain = Chain::new(self.title.firm_id, given);
        let mut key_id = None;
        let flaw = loop {
            let followed = match self.part()? {
                Part::Event(event) => chain.follow(&event).and_then(|()| is_named(&event, &self.title.firm)),
                Part::Odd(seq) => Err(Flaw::new(seq, "it is not in the form in which it was exported")),
                Part::Nothing => Err(Flaw::new(chain.head.seq + 1, "the file ends before its head")),
                Part::End(end) => match self.ends(end, &chain, given) {
                    Ok(key) => {
                        key_id = Some(key.id());
                        break None;
                    }
                    Err(flaw) => Err(flaw),
                },
            };
            if let Err(flaw) = followed {
                break Some(flaw);
            }
        };
        let Title { firm, firm_id, exported_at, .. } = self.title;
        Ok(Read { firm, firm_id, exported_at, reached: chain.head, key_id, flaw })
    }

    fn ends(&mut self, end: Option<End>, chain: &Chain<'_>, given: Option<&[PublicKey]>) -> Result<PublicKey, Flaw> {
        let Some(End { head, key, signature }) = end else {
            return Err(Flaw::of_all("its last line is not a signed head"));
        };
        if self.line().map_or(true, |rest| !rest.is_empty()) {
            return Err(Flaw::new(chain.head.seq + 1, "something follows the head"));
        }
        chain.ends_at(&Head { seq: head.seq, hash: head.hash.clone() })?;
        if chain.head.seq == 0 {
            return Err(Flaw::new(1, "it is missing: there is no event"));
        }
        if head != Stand::new(&self.title, &chain.head) {
            return Err(Flaw::of_all("the first line is not the one of this head"));
        }
        let key = PublicKey::parse(&key).ok_or_else(|| Flaw::of_all("its last line names no key"))?;
        if given.is_some_and(|given| !given.contains(&key)) {
            return Err(Flaw::of_all(format!("key {}, which signed it, is none of those given", key.id())));
        }
        let text = canonical(&head).map_err(|failure| Flaw::of_all(failure.detail))?.text;
        if !key.has_signed(FORMAT, text.as_bytes(), &signature) {
            return Err(Flaw::of_all(format!("its head is not signed by key {}", key.id())));
        }
        Ok(key)
    }
}
