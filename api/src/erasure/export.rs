//! Everything that is held on a person, written as it is read: memory does not grow with it.
//!
//! Rows go out whole, so that a column that is added later is exported without anybody thinking of it; what opens
//! something, such as hashes of tokens, is left out where the rows are declared.

use std::io::Error;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::Stream;
use poem_openapi::types::ToJSON;
use serde::Serialize;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use uuid::Uuid;

use crate::account;
use crate::app::App;
use crate::appeals;
use crate::consent;
use crate::consent::service::heard;
use crate::entity::{user, visit};
use crate::erasure::acts::{self, shown_transcript};
use crate::erasure::export_store as store;
use crate::evidence::store::evidence_of_visits;
use crate::failure::Failure;
use crate::mail::service::SEND_JOB;
use crate::notices;
use crate::people::store::firm_by_id;
use crate::review;
use crate::signals;
use crate::signals::types::SignalView;
use crate::transcripts::store::transcript_of;
use crate::visits::store::{draft_of, revisions_of, stay_of};

/// What the document is.
const FORMAT: &str = "peegel.person-data/1";
/// Rows read at once.
pub const PAGE: u64 = 200;
/// Pieces that wait to be sent.
const WAITING: usize = 8;
/// Columns that hold JSON.
const NESTED: [&str; 11] = [
    "scope",
    "rights",
    "answers",
    "withheld",
    "device",
    "positions",
    "body",
    "item_ids",
    "payload",
    "reasons",
    "return_items",
];
/// Columns of files that hold JSON.
const NESTED_OF_FILES: [&str; 3] = ["item_ids", "facts", "exif"];

/// What is held on a person, by one firm or by all.
pub fn stream(
    app: Arc<App>,
    person: user::Model,
    only: Option<Uuid>,
) -> impl Stream<Item = Result<Bytes, Error>> + Send + 'static {
    let (sender, receiver) = mpsc::channel(WAITING);
    tokio::spawn(async move {
        let mut out = Out { sender, is_first: true };
        if let Err(Stopped::Failed(failure)) = write(&app, &mut out, &person, only).await {
            // Whoever reads it has to notice that it is not whole.
            drop(out.sender.send(Err(Error::other(failure.code))).await);
        }
    });
    futures_util::stream::unfold(receiver, |mut receiver| async move {
        let piece = receiver.recv().await?;
        Some((piece, receiver))
    })
}

/// Why it ends before the end.
pub enum Stopped {
    /// Nobody reads on.
    Gone,
    /// It cannot be read.
    Failed(Failure),
}

impl<E: Into<Failure>> From<E> for Stopped {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

/// Where it is written to.
pub struct Out {
    sender: mpsc::Sender<Result<Bytes, Error>>,
    is_first: bool,
}

impl Out {
    /// Writes a piece of text.
    ///
    /// # Errors
    ///
    /// [`Stopped::Gone`] when nobody reads on.
    pub async fn text(&mut self, text: impl Into<Bytes>) -> Result<(), Stopped> {
        self.sender.send(Ok(text.into())).await.map_err(|_| Stopped::Gone)
    }

    /// Begins a list under a name.
    ///
    /// # Errors
    ///
    /// As [`Self::text`].
    pub async fn begin(&mut self, name: &str) -> Result<(), Stopped> {
        self.is_first = true;
        self.text(format!(",\"{name}\":[")).await
    }

    /// Writes an entry of a list.
    ///
    /// # Errors
    ///
    /// As [`Self::text`], and when it cannot be written.
    pub async fn entry(&mut self, entry: &impl Serialize) -> Result<(), Stopped> {
        let mut text = if std::mem::take(&mut self.is_first) { String::new() } else { ",".to_owned() };
        text.push_str(&serde_json::to_string(entry).map_err(Failure::internal)?);
        self.text(text).await
    }

    /// Writes a whole list.
    ///
    /// # Errors
    ///
    /// As [`Self::entry`].
    pub async fn list(&mut self, name: &str, rows: Vec<Value>) -> Result<(), Stopped> {
        self.begin(name).await?;
        for row in rows {
            self.entry(&row).await?;
        }
        self.text("]").await
    }
}

/// A row, with what is JSON in it.
///
/// # Errors
///
/// [`Failure`] (500) when it cannot be written.
pub fn row(row: &impl Serialize, nested: &[&str]) -> Result<Value, Failure> {
    let mut value = serde_json::to_value(row).map_err(Failure::internal)?;
    for name in nested {
        if let Some(member) = value.get_mut(*name)
            && let Some(parsed) = member.as_str().and_then(|text| serde_json::from_str(text).ok())
        {
            *member = parsed;
        }
    }
    Ok(value)
}

fn rows(all: &[impl Serialize]) -> Result<Vec<Value>, Failure> {
    all.iter().map(|one| row(one, &NESTED)).collect()
}

async fn write(app: &App, out: &mut Out, person: &user::Model, only: Option<Uuid>) -> Result<(), Stopped> {
    let db = app.db.reader();
    let (totp_since, _) = account::service::second_factor_of(app, person.id).await?;
    let account = json!({
        "user_id": person.id, "email": person.email, "name": person.name, "locale": person.locale,
        "created_at": person.created_at, "proven_at": person.proven_at, "totp_since": totp_since,
    });
    let exported_at = json!(app.clock.now());
    out.text(format!("{{\"format\":\"{FORMAT}\",\"exported_at\":{exported_at},\"person\":{account}")).await?;
    let memberships = store::all_memberships(db, person.id).await?;
    let memberships: Vec<_> =
        memberships.into_iter().filter(|row| only.is_none_or(|firm| firm == row.firm_id)).collect();
    // What a device does in other firms is none of this one's business.
    let bound: Vec<_> = memberships.iter().map(|row| row.id).collect();
    let sessions = store::sessions(db, person.id, only.map(|_| bound.as_slice())).await?;
    out.list("sessions", rows(&sessions)?).await?;
    let links = store::links(db, person.id, only.map(|_| bound.as_slice())).await?;
    out.list("links", rows(&links)?).await?;
    let mut words: Vec<_> = bound.iter().map(Uuid::to_string).collect();
    words.extend([person.id.to_string(), person.email.clone()]);
    let letters = store::letters(db, SEND_JOB, &words, only).await?;
    let letter = |job: &crate::entity::job::Model| {
        let letter: Value = serde_json::from_str(&job.payload).unwrap_or_default();
        json!({"letter": letter, "created_at": job.created_at, "run_at": job.run_at, "attempts": job.attempts})
    };
    out.list("letters", letters.iter().map(letter).collect()).await?;
    out.text(",\"firms\":[").await?;
    let mut firms: Vec<_> = memberships.iter().map(|row| row.firm_id).collect();
    firms.sort_unstable();
    firms.dedup();
    for (at, firm_id) in firms.into_iter().enumerate() {
        if at > 0 {
            out.text(",").await?;
        }
        let name = firm_by_id(db, firm_id).await?.map(|firm| firm.name).unwrap_or_default();
        out.text(format!("{{\"firm_id\":{},\"firm_name\":{}", json!(firm_id), json!(name))).await?;
        let here: Vec<_> = memberships.iter().filter(|row| row.firm_id == firm_id).cloned().collect();
        out.list("memberships", rows(&here)?).await?;
        let ids: Vec<_> = here.iter().map(|row| row.id).collect();
        firm(app, out, firm_id, &ids, only.is_none()).await?;
        acts::write(app, out, firm_id, &here).await?;
        out.text("}").await?;
    }
    out.text("]}").await
}

/// What a firm holds on the memberships of a person; `is_own` when they read it themselves.
async fn firm(app: &App, out: &mut Out, firm_id: Uuid, ids: &[Uuid], is_own: bool) -> Result<(), Stopped> {
    let db = app.db.reader();
    out.list("api_keys", rows(&store::keys(db, firm_id, ids).await?)?).await?;
    out.begin("assignments").await?;
    let mut after = None;
    loop {
        let some = store::assignments(db, firm_id, ids, after, PAGE).await?;
        let Some(last) = some.last() else { break };
        after = Some(last.id);
        for assignment in &some {
            out.entry(assignment).await?;
        }
    }
    out.text("]").await?;
    out.begin("visits").await?;
    let mut after = None;
    loop {
        let some = store::visits(db, firm_id, ids, after, PAGE).await?;
        let Some(last) = some.last() else { break };
        after = Some(last.id);
        for visit in &some {
            out.entry(&whole(app, visit, is_own).await?).await?;
        }
    }
    out.text("]").await?;
    out.begin("notices").await?;
    let mut after = None;
    loop {
        let some = notices::store::of_people(db, firm_id, ids, after, PAGE).await?;
        let Some(last) = some.last() else { break };
        after = Some(last.id);
        for notice in &some {
            out.entry(notice).await?;
        }
    }
    out.text("]").await?;
    let settings = notices::store::settings_of(db, firm_id, ids).await?;
    out.list("notice_settings", settings.iter().map(|set| row(set, &["kinds"])).collect::<Result<_, _>>()?).await?;
    out.list("uploads", rows(&store::uploads(db, firm_id, ids).await?)?).await?;
    out.list("upload_days", rows(&store::upload_days(db, firm_id, ids).await?)?).await?;
    out.begin("events").await?;
    let mut after = 0;
    loop {
        let some = store::events_about(db, firm_id, ids, after, PAGE).await?;
        let Some(last) = some.last() else { break };
        after = last.seq;
        for event in &some {
            out.entry(&row(event, &NESTED)?).await?;
        }
    }
    out.text("]").await
}

/// A visit with everything that hangs on it. A table that comes to hold data of visits is a line here.
///
/// Who filed it reads those signals that a reviewer asked about, as everywhere; the firm, which decides what it gives on,
/// has all of them. What is said in a recording that may not be heard is withheld from both.
async fn whole(app: &App, visit: &visit::Model, is_own: bool) -> Result<Value, Failure> {
    let (db, firm_id, id) = (app.db.reader(), visit.firm_id, visit.id);
    let mut value = row(visit, &NESTED)?;
    value["revisions"] = json!(rows(&revisions_of(db, firm_id, id).await?)?);
    value["draft"] = draft_of(db, firm_id, id).await?.map(|draft| row(&draft, &NESTED)).transpose()?.into();
    value["stay"] = stay_of(db, firm_id, id).await?.map(|stay| row(&stay, &NESTED)).transpose()?.into();
    let sketch = signals::store::sketch_of(db, firm_id, id).await?;
    value["sketch"] = sketch.map(|sketch| row(&sketch, &[])).transpose()?.into();
    let signals = signals::store::of_visits(db, firm_id, &[id]).await?.into_iter();
    let shown = signals.filter(|signal| !is_own || signal.shared_at.is_some()).map(|signal| match is_own {
        true => SignalView::for_auditor(signal),
        false => SignalView::of_person(signal),
    });
    value["signals"] = shown.filter_map(|signal| signal.to_json()).collect();
    value["questions"] = json!(rows(&review::store::questions_of(db, firm_id, &[id]).await?)?);
    value["question_messages"] = json!(rows(&review::store::messages_of(db, firm_id, &[id]).await?)?);
    value["consents"] = json!(rows(&consent::store::of_visit(db, firm_id, id).await?)?);
    let appeals = appeals::store::of_visit(db, firm_id, id).await?.into_iter();
    let appeals = appeals.map(|appeal| {
        // What is said of the visit is the auditor's matter; who said it is not.
        json!({
            "item_id": appeal.item_id, "state": appeal.state, "reason": appeal.reason, "decision": appeal.decision,
            "filed_at": appeal.filed_at, "decided_at": appeal.decided_at,
        })
    });
    value["appeals"] = appeals.collect();
    let files = evidence_of_visits(db, firm_id, &[id]).await?;
    let may_be_heard = heard(db, firm_id, &files).await?;
    let mut listed = Vec::with_capacity(files.len());
    for file in &files {
        let mut entry = row(file, &NESTED_OF_FILES)?;
        let transcript = transcript_of(db, firm_id, file.id).await?;
        let shown = transcript.map(|transcript| shown_transcript(&transcript, may_be_heard.contains(&file.id)));
        entry["transcript"] = shown.transpose()?.into();
        listed.push(entry);
    }
    value["files"] = json!(listed);
    Ok(value)
}
