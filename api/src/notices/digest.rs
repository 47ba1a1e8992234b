//! Letters with notices: what is due for somebody in a firm, in one letter, in their language.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use sea_orm::DatabaseTransaction;
use serde::Deserialize;
use serde_json::json;
use tokio::sync::watch;
use uuid::Uuid;

use crate::app::App;
use crate::entity::notice;
use crate::failure::Failure;
use crate::jobs::queue;
use crate::mail;
use crate::mail::types::Letter;
use crate::mail::words::{Text, letter, one_line};
use crate::notices::service::Places;
use crate::notices::settings::Settings;
use crate::notices::unsubscribe::{self, Subscription};
use crate::notices::{store, words};
use crate::people::store::{firm_by_id, membership_by_id, user_by_id};
use crate::words::{MembershipState, NoticeKind};

/// The kind of the job that puts what is due for somebody into a letter.
pub const JOB: &str = "notices.digest";
/// How often it is looked whether something is due.
const EVERY: Duration = Duration::from_secs(10);
/// Memberships that are looked after at once.
const AT_ONCE: u64 = 200;
/// Lines of one kind that a letter shows.
const SHOWN: usize = 30;

/// What the job carries.
#[derive(Deserialize)]
pub struct OfDigest {
    membership_id: Uuid,
}

/// Queues a letter for somebody.
///
/// # Errors
///
/// [`Failure`] (500) when the database fails.
pub async fn queue(app: &App, tx: &DatabaseTransaction, firm_id: Uuid, membership_id: Uuid) -> Result<(), Failure> {
    let payload = json!({"membership_id": membership_id});
    queue::add(app, tx, firm_id, JOB, &membership_id.to_string(), &payload).await
}

/// Looks now and then whose letters are due, until `stop` becomes true. Any number of processes may do so at once.
pub async fn run(app: Arc<App>, mut stop: watch::Receiver<bool>) {
    while !*stop.borrow() {
        if let Err(failure) = schedule(&app).await {
            tracing::warn!(%failure, "letters with notices could not be queued");
        }
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            changed = stop.changed() => if changed.is_err() { return },
        }
    }
}

async fn schedule(app: &App) -> Result<(), Failure> {
    let mut due = store::due(app.db.reader(), app.clock.now(), AT_ONCE).await?;
    // In one order, so that two processes do not wait for each other.
    due.sort_unstable();
    if due.is_empty() {
        return Ok(());
    }
    let tx = app.db.begin().await?;
    for (firm_id, membership_id) in due {
        queue(app, &tx, firm_id, membership_id).await?;
    }
    tx.commit().await?;
    app.wake.wake();
    Ok(())
}

/// Puts what is due for somebody into a letter and queues it: both, or nothing.
///
/// # Errors
///
/// [`Failure`] (500) when the database fails; the job tries again.
pub async fn run_job(app: &App, firm_id: Uuid, of: &OfDigest) -> Result<(), Failure> {
    let (letter_id, now) = (app.ids.next(), app.clock.now());
    let tx = app.db.begin().await?;
    let count = store::put_into_letter(&tx, (firm_id, of.membership_id), letter_id, now).await?;
    if count > 0 {
        let letter = Letter::Notices { letter_id, firm_id, membership_id: of.membership_id };
        mail::service::post(app, &tx, Some(firm_id), &letter).await?;
    }
    tx.commit().await?;
    app.wake.wake();
    Ok(())
}

/// A letter that is ready to go.
pub struct Ready {
    /// The address.
    pub to: String,
    /// What it says.
    pub text: Text,
    /// The address that ends letters like it at one click, if the API has one.
    pub unsubscribe: Option<String>,
}

/// Writes a letter; none when its reader is gone, or wants no such mails any more.
///
/// # Errors
///
/// [`Failure`] (500) when the database or the key fails.
pub async fn write(app: &App, firm_id: Uuid, membership_id: Uuid, letter_id: Uuid) -> Result<Option<Ready>, Failure> {
    let db = app.db.reader();
    let reader = membership_by_id(db, firm_id, membership_id).await?;
    let reader = reader.filter(|row| row.state == MembershipState::Active && row.erased_at.is_none());
    let (Some(reader), Some(firm)) = (reader, firm_by_id(db, firm_id).await?) else { return Ok(None) };
    let Some(user) = user_by_id(db, reader.user_id).await? else { return Ok(None) };
    let settings = Settings::of(store::settings(db, firm_id, membership_id).await?.as_ref())?;
    let mut rows = store::of_letter(db, firm_id, letter_id).await?;
    rows.retain(|row| settings.is_mailed(row.kind));
    if rows.is_empty() {
        return Ok(None);
    }
    let places = Places::read(db, firm_id, &rows).await?;
    let kinds = by_kind(&rows);
    let (locale, firm_name) = (user.locale.as_str(), one_line(&firm.name));
    let mut body = words::opening(locale, &firm_name);
    for (kind, rows) in &kinds {
        body.push_str(&format!("\n\n{}\n{}", words::phrase(locale, *kind), lines(locale, rows, &places)));
        if let Some(url) = address(app, (firm_id, membership_id), Some(*kind)).await? {
            body.push_str(&format!("  {}", words::end_kind(locale, &url)));
        }
    }
    if let Some(url) = app.mailer.app_url() {
        body.push_str(&format!("\n\n{}", words::read_on(locale, url)));
    }
    let all = address(app, (firm_id, membership_id), None).await?;
    match &all {
        Some(url) => body.push_str(&format!("\n\n{}", words::end_all(locale, &firm_name, url))),
        None => body.push_str(&format!("\n\n{}", words::settings_hint(locale))),
    }
    // One click ends what the letter is about: its one kind, or all.
    let unsubscribe = match kinds.as_slice() {
        [(kind, _)] => address(app, (firm_id, membership_id), Some(*kind)).await?,
        _ => all,
    };
    let text = letter(locale, &user.name, words::subject(locale, &firm_name, rows.len()), &body);
    Ok(Some(Ready { to: user.email, text, unsubscribe }))
}

/// The notices by kind, each kind where it comes first.
fn by_kind(rows: &[notice::Model]) -> Vec<(NoticeKind, Vec<&notice::Model>)> {
    let mut kinds: Vec<(NoticeKind, Vec<&notice::Model>)> = Vec::new();
    for row in rows {
        match kinds.iter_mut().find(|(kind, _)| *kind == row.kind) {
            Some((_, of_kind)) => of_kind.push(row),
            None => kinds.push((row.kind, vec![row])),
        }
    }
    kinds
}

/// One line a place, with how often where it is more than once.
fn lines(locale: &str, rows: &[&notice::Model], places: &Places) -> String {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for row in rows {
        *counts.entry(one_line(&places.of(row))).or_default() += 1;
    }
    let hidden = counts.len().saturating_sub(SHOWN);
    let line =
        |(place, n): (&String, &usize)| if *n > 1 { format!("- {place} ({n})\n") } else { format!("- {place}\n") };
    let mut text: String = counts.iter().take(SHOWN).map(line).collect();
    if hidden > 0 {
        text.push_str(&format!("- {}\n", words::more(locale, hidden)));
    }
    text
}

async fn address(app: &App, of: (Uuid, Uuid), kind: Option<NoticeKind>) -> Result<Option<String>, Failure> {
    let Some(base) = app.mailer.api_url() else { return Ok(None) };
    let token = unsubscribe::token(&app.vault, &Subscription { firm_id: of.0, membership_id: of.1, kind }).await?;
    Ok(Some(format!("{base}/v1/unsubscribe/{token}")))
}
