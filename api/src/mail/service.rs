//! Queuing letters, and sending them.

use chrono::Duration;
use sea_orm::DatabaseTransaction;
use uuid::Uuid;

use crate::account::store::put_link;
use crate::app::App;
use crate::entity::{link, user};
use crate::failure::Failure;
use crate::jobs::queue;
use crate::mail::types::Letter;
use crate::mail::words::{About, text};
use crate::notices;
use crate::notices::digest::Ready;
use crate::people::store::{firm_by_id, membership_by_id, user_by_email, user_by_id};
use crate::secrets::{TokenKind, token_sha256};
use crate::words::{LinkKind, MembershipState};

/// The kind of the job that sends a letter.
pub const SEND_JOB: &str = "send_mail";
/// How long an invitation can be accepted.
const INVITATION_LASTS: Duration = Duration::days(7);
/// How long a password can be reset.
const RESET_LASTS: Duration = Duration::hours(1);

/// Queues a letter of a firm, or of the installation. Call `app.wake.wake()` after the commit.
///
/// # Errors
///
/// [`Failure`] (500) when the database fails.
pub async fn post(app: &App, tx: &DatabaseTransaction, firm_id: Option<Uuid>, letter: &Letter) -> Result<(), Failure> {
    let payload = serde_json::to_value(letter).map_err(Failure::internal)?;
    queue::add(app, tx, firm_id, SEND_JOB, &letter.id().to_string(), &payload).await
}

/// Sends a letter, unless there is no reason for it any more. When it is sent twice, the code of the later one counts.
///
/// # Errors
///
/// [`Failure`] when it cannot be sent now; the job tries again.
pub async fn send(app: &App, letter: Letter) -> Result<(), Failure> {
    let db = app.db.reader();
    match &letter {
        Letter::Invitation { link_id, firm_id, membership_id } => {
            let row = membership_by_id(db, *firm_id, *membership_id).await?;
            let Some(row) = row.filter(|row| row.state == MembershipState::Pending) else { return Ok(()) };
            let firm = firm_by_id(db, *firm_id).await?;
            let (Some(firm), Some(user)) = (firm, user_by_id(db, row.user_id).await?) else { return Ok(()) };
            let of = Some((*firm_id, *membership_id));
            let code = new_link(app, *link_id, LinkKind::Invitation, user.id, of, INVITATION_LASTS).await?;
            let link = app.mailer.link("invitation", &code);
            deliver(app, letter.id(), &user, About::Invitation { firm: &firm.name, link: &link }).await
        }
        Letter::Reset { link_id, email } => {
            let Some(user) = user_by_email(db, email).await? else { return Ok(()) };
            let code = new_link(app, *link_id, LinkKind::Reset, user.id, None, RESET_LASTS).await?;
            let link = app.mailer.link("reset", &code);
            deliver(app, letter.id(), &user, About::Reset { link: &link }).await
        }
        Letter::PasswordChanged { user_id, .. } => notify(app, letter.id(), *user_id, About::PasswordChanged).await,
        Letter::SecondFactorChanged { user_id, is_set_up, .. } => {
            let about = if *is_set_up { About::SecondFactorSetUp } else { About::SecondFactorRemoved };
            notify(app, letter.id(), *user_id, about).await
        }
        Letter::Notices { letter_id, firm_id, membership_id } => {
            let ready = notices::digest::write(app, *firm_id, *membership_id, *letter_id).await?;
            let Some(Ready { to, text, unsubscribe }) = ready else { return Ok(()) };
            app.mailer.send(*letter_id, &to, text, unsubscribe.as_deref(), app.clock.now()).await
        }
        Letter::WrongCodes { user_id, .. } => notify(app, letter.id(), *user_id, About::WrongCodes).await,
    }
}

async fn notify(app: &App, id: Uuid, user_id: Uuid, about: About<'_>) -> Result<(), Failure> {
    match user_by_id(app.db.reader(), user_id).await? {
        Some(user) => deliver(app, id, &user, about).await,
        None => Ok(()),
    }
}

async fn deliver(app: &App, id: Uuid, user: &user::Model, about: About<'_>) -> Result<(), Failure> {
    app.mailer.send(id, &user.email, text(&user.locale, &user.name, about), None, app.clock.now()).await
}

/// Makes the one-time code of a letter, in place of the one that an earlier attempt to send it made.
async fn new_link(
    app: &App,
    id: Uuid,
    kind: LinkKind,
    user_id: Uuid,
    of: Option<(Uuid, Uuid)>,
    lasts: Duration,
) -> Result<String, Failure> {
    let (code, now) = (TokenKind::Link.new_token(), app.clock.now());
    let row = link::Model {
        id,
        kind,
        token_sha256: token_sha256(&code),
        user_id,
        firm_id: of.map(|(firm_id, _)| firm_id),
        membership_id: of.map(|(_, membership_id)| membership_id),
        created_at: now,
        expires_at: now + lasts,
        used_at: None,
    };
    let tx = app.db.begin().await?;
    put_link(&tx, row).await?;
    tx.commit().await?;
    Ok(code)
}
