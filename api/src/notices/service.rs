//! Reading notices, and saying how one wants to be told.

use std::collections::BTreeMap;

use sea_orm::ConnectionTrait;
use serde_json::json;
use uuid::Uuid;

use crate::app::App;
use crate::chains::store::branches_by_ids;
use crate::entity::notice;
use crate::events::types::NewEvent;
use crate::failure::{Failure, FieldProblem};
use crate::fieldwork::store::waves_by_ids;
use crate::http::paging::{Page, Slice};
use crate::notices::settings::{Settings, Ways, is_for, kinds_of};
use crate::notices::types::{NewNoticeSettings, NoticeSettings, NoticeView, NoticeWays, NoticesRead};
use crate::notices::{store, unsubscribe, words};
use crate::people::store::{membership_by_id, user_by_id};
use crate::people::types::Caller;
use crate::words::Role;
use crate::write::Write;

/// Names of the branches and waves of some notices.
pub struct Places {
    branches: BTreeMap<Uuid, String>,
    waves: BTreeMap<Uuid, String>,
}

impl Places {
    /// Reads them.
    ///
    /// # Errors
    ///
    /// [`Failure`] (500) when the database fails.
    pub async fn read(db: &impl ConnectionTrait, firm_id: Uuid, rows: &[notice::Model]) -> Result<Self, Failure> {
        let ids = |of: fn(&notice::Model) -> Option<Uuid>| {
            let mut ids: Vec<_> = rows.iter().filter_map(of).collect();
            ids.sort_unstable();
            ids.dedup();
            ids
        };
        let branches = branches_by_ids(db, firm_id, &ids(|row| row.branch_id)).await?;
        let waves = waves_by_ids(db, firm_id, &ids(|row| row.wave_id)).await?;
        Ok(Self {
            branches: branches.into_iter().map(|row| (row.id, row.name)).collect(),
            waves: waves.into_iter().map(|row| (row.id, row.name)).collect(),
        })
    }

    /// The place of a notice in words.
    pub fn of(&self, row: &notice::Model) -> String {
        let branch = row.branch_id.and_then(|id| self.branches.get(&id)).map(String::as_str);
        words::place(branch, row.wave_id.and_then(|id| self.waves.get(&id)).map(String::as_str))
    }
}

/// The language of the caller.
async fn locale(db: &impl ConnectionTrait, caller: &Caller) -> Result<String, Failure> {
    let row = membership_by_id(db, caller.firm_id, caller.membership_id).await?;
    let user = match row {
        Some(row) => user_by_id(db, row.user_id).await?,
        None => None,
    };
    Ok(user.map(|user| user.locale).unwrap_or_default())
}

/// A notice as its reader sees it. Chains are told days, not minutes.
fn view(caller: &Caller, locale: &str, places: &Places, row: notice::Model) -> NoticeView {
    let is_of_firm = matches!(caller.role, Role::FirmAdmin | Role::Reviewer | Role::Auditor);
    NoticeView {
        id: row.id,
        kind: row.kind,
        text: words::line(locale, row.kind, &places.of(&row)),
        about: row.about,
        about_id: row.about_id,
        branch_id: row.branch_id,
        wave_id: row.wave_id,
        happened_on: row.at.date_naive(),
        at: Some(row.at).filter(|_| is_of_firm),
        read_at: row.read_at,
    }
}

/// A page of the caller's notices, the newest first.
///
/// # Errors
///
/// 400 for a bad cursor.
pub async fn list(app: &App, caller: &Caller, unread: bool, slice: &Slice) -> Result<Page<NoticeView>, Failure> {
    let (db, firm_id) = (app.db.reader(), caller.firm_id);
    let rows = store::list(db, firm_id, caller.membership_id, unread, slice.after()?, slice.limit + 1).await?;
    let places = Places::read(db, firm_id, &rows).await?;
    let locale = locale(db, caller).await?;
    Ok(slice.page(rows, |row| row.seq.to_string(), |row| view(caller, &locale, &places, row)))
}

/// Marks a notice as read. Doing it again changes nothing.
///
/// # Errors
///
/// 404 when the caller has no such notice.
pub async fn read_one(app: &App, caller: &Caller, id: Uuid) -> Result<NoticeView, Failure> {
    let (firm_id, membership_id) = (caller.firm_id, caller.membership_id);
    let write = Write::begin_by(app, caller).await?;
    let gone = || Failure::not_found("notice");
    let row = store::by_id(&write.tx, firm_id, membership_id, id).await?.ok_or_else(gone)?;
    store::set_read(&write.tx, (firm_id, membership_id), row.seq, false, app.clock.now()).await?;
    let row = store::by_id(&write.tx, firm_id, membership_id, id).await?.ok_or_else(gone)?;
    write.commit().await?;
    let db = app.db.reader();
    let places = Places::read(db, firm_id, std::slice::from_ref(&row)).await?;
    Ok(view(caller, &locale(db, caller).await?, &places, row))
}

/// Marks notices as read, up to one; those that came since are not.
///
/// # Errors
///
/// 422 `unknown_ref` when the caller has no such notice.
pub async fn read_until(app: &App, caller: &Caller, until: Uuid) -> Result<NoticesRead, Failure> {
    let write = Write::begin_by(app, caller).await?;
    let of = (caller.firm_id, caller.membership_id);
    let row = store::by_id(&write.tx, of.0, of.1, until).await?.ok_or_else(|| {
        Failure::invalid(vec![FieldProblem::new("/until_id", "unknown_ref", "is not a notice of yours")])
    })?;
    let read = store::set_read(&write.tx, of, row.seq, true, app.clock.now()).await?;
    write.commit().await?;
    Ok(NoticesRead { read: i64::try_from(read).unwrap_or(i64::MAX) })
}

fn settings_view(role: Role, settings: &Settings) -> NoticeSettings {
    let ways = |kind| {
        let Ways { in_app, email } = settings.ways(kind);
        NoticeWays { kind, in_app, email }
    };
    NoticeSettings { digest: settings.digest, kinds: kinds_of(role).map(ways).collect() }
}

/// How the caller is told.
///
/// # Errors
///
/// [`Failure`] (500) when the database fails.
pub async fn settings(app: &App, caller: &Caller) -> Result<NoticeSettings, Failure> {
    let row = store::settings(app.db.reader(), caller.firm_id, caller.membership_id).await?;
    Ok(settings_view(caller.role, &Settings::of(row.as_ref())?))
}

/// Keeps how the caller wants to be told.
///
/// # Errors
///
/// 422 `duplicate` for a kind that is named twice, `not_allowed` for one that the role is never told.
pub async fn put_settings(app: &App, caller: &Caller, new: NewNoticeSettings) -> Result<NoticeSettings, Failure> {
    let mut problems = Vec::new();
    for (at, ways) in new.kinds.iter().enumerate() {
        let mut problem = |code, message: &str| {
            problems.push(FieldProblem::new(format!("/kinds/{at}/kind"), code, message));
        };
        if !is_for(ways.kind, caller.role) {
            problem("not_allowed", "is nothing that your role is told");
        } else if new.kinds[..at].iter().any(|earlier| earlier.kind == ways.kind) {
            problem("duplicate", "is named before");
        }
    }
    if !problems.is_empty() {
        return Err(Failure::invalid(problems));
    }
    let ways = |ways: &NoticeWays| (ways.kind, Ways { in_app: ways.in_app, email: ways.email });
    let settings = Settings::new(new.digest, new.kinds.iter().map(ways));
    let mut write = Write::begin_by(app, caller).await?;
    unsubscribe::put(app, &mut write, caller.membership_id, &settings).await?;
    let payload = json!({"digest": settings.digest});
    let id = caller.membership_id;
    write.event(NewEvent::new("membership.notices_set", "membership", id, id, payload).log_only());
    write.commit().await?;
    Ok(settings_view(caller.role, &settings))
}
