//! Ending mails at one click (RFC 8058), without signing in: what to end is sealed into the address.

use serde_json::json;
use uuid::Uuid;

use crate::app::App;
use crate::entity::{membership, notice_setting, user};
use crate::events::types::NewEvent;
use crate::failure::Failure;
use crate::notices::settings::Settings;
use crate::notices::store;
use crate::notices::words::{Page, page};
use crate::people::store::{firm_by_id, membership_by_id, user_by_id};
use crate::vault::Vault;
use crate::words::NoticeKind;
use crate::write::Write;

/// In front of every such token, so that programs that search for leaked secrets recognise it.
const PREFIX: &str = "pgl_uns_";
/// For whom they are sealed: no other text of the vault can pass for one.
const OWNER: &str = "unsubscribe";

/// Mails that can be ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subscription {
    /// The firm.
    pub firm_id: Uuid,
    /// Whose.
    pub membership_id: Uuid,
    /// About what; all if absent.
    pub kind: Option<NoticeKind>,
}

/// The token that ends the address. It is good as long as the membership is there: letters are old when they are read.
///
/// # Errors
///
/// [`Failure`] (500) when the key of the installation cannot be read.
pub async fn token(vault: &Vault, what: &Subscription) -> Result<String, Failure> {
    let kind = what.kind.map_or("all", NoticeKind::as_str);
    let text = format!("{} {} {kind}", what.firm_id.simple(), what.membership_id.simple());
    Ok(format!("{PREFIX}{}", vault.seal_for_address(OWNER, text.as_bytes()).await?))
}

/// Reads what [`token`] gave out.
///
/// # Errors
///
/// 404 when it is no such token.
async fn read(vault: &Vault, token: &str) -> Result<Subscription, Failure> {
    let opened = match token.strip_prefix(PREFIX) {
        Some(sealed) => vault.open_of_address(OWNER, sealed).await?,
        None => None,
    };
    let text = opened.and_then(|bytes| String::from_utf8(bytes).ok());
    text.as_deref().and_then(of_text).ok_or_else(|| Failure::not_found("subscription"))
}

fn of_text(text: &str) -> Option<Subscription> {
    let parts: Vec<_> = text.split(' ').collect();
    let [firm_id, membership_id, kind] = parts[..] else { return None };
    let kind = if kind == "all" { None } else { Some(NoticeKind::from_word(kind)?) };
    Some(Subscription { firm_id: firm_id.parse().ok()?, membership_id: membership_id.parse().ok()?, kind })
}

/// Whose mails, and what the page says, in their language.
async fn known(app: &App, token: &str) -> Result<(Subscription, membership::Model, Page, user::Model), Failure> {
    let gone = || Failure::not_found("subscription");
    let what = read(&app.vault, token).await?;
    let db = app.db.reader();
    let row = membership_by_id(db, what.firm_id, what.membership_id).await?;
    let row = row.filter(|row| row.erased_at.is_none()).ok_or_else(gone)?;
    let firm = firm_by_id(db, what.firm_id).await?.ok_or_else(gone)?;
    let user = user_by_id(db, row.user_id).await?.ok_or_else(gone)?;
    let words = page(&user.locale, &firm.name, what.kind);
    Ok((what, row, words, user))
}

/// The page that asks whether to end the mails. Asking ends nothing: programs follow the links in letters.
///
/// # Errors
///
/// 404 when the address is no such one, or whose it was is gone.
pub async fn asked(app: &App, token: &str) -> Result<String, Failure> {
    let (_, _, words, user) = known(app, token).await?;
    let button = format!("<form method=\"post\"><button>{}</button></form>", escaped(words.button));
    Ok(html(&user.locale, words.title, &words.question, &button))
}

/// Ends the mails, and gives the page that says so. Doing it again changes nothing.
///
/// # Errors
///
/// As [`asked`].
pub async fn end(app: &App, token: &str) -> Result<String, Failure> {
    let (what, row, words, user) = known(app, token).await?;
    let mut write = Write::begin(app, what.firm_id).await?;
    let stored = store::settings(&write.tx, what.firm_id, what.membership_id).await?;
    let before = Settings::of(stored.as_ref())?;
    let after = before.clone().without_mail(what.kind);
    if after != before {
        put(app, &mut write, what.membership_id, &after).await?;
        let payload = json!({"kind": what.kind, "by": "link"});
        write.event(NewEvent::new("membership.unsubscribed", "membership", row.id, row.id, payload).log_only());
        write.commit().await?;
    }
    Ok(html(&user.locale, words.title, &words.done, ""))
}

/// Keeps how somebody wants to be told.
///
/// # Errors
///
/// [`Failure`] (500) when the database fails.
pub async fn put(app: &App, write: &mut Write<'_>, membership_id: Uuid, settings: &Settings) -> Result<(), Failure> {
    let row = notice_setting::Model {
        firm_id: write.firm_id,
        membership_id,
        digest: settings.digest,
        kinds: settings.kinds()?,
        changed_at: app.clock.now(),
    };
    Ok(store::put_settings(&write.tx, row).await?)
}

fn html(locale: &str, title: &str, text: &str, more: &str) -> String {
    let (title, text) = (escaped(title), escaped(text));
    format!(
        "<!doctype html><html lang=\"{locale}\"><head><meta charset=\"utf-8\"><title>{title}</title>\
         <meta name=\"viewport\" content=\"width=device-width\"></head><body><h1>{title}</h1><p>{text}</p>{more}</body>\
         </html>"
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    #[tokio::test]
    async fn what_to_end_is_read_as_it_was_written_and_from_nothing_else() {
        let vault =
            Vault::new(PathBuf::from("/nowhere"), Some("AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=".to_owned()));
        for kind in [None, Some(NoticeKind::SecondScoringWaiting)] {
            let what = Subscription { firm_id: Uuid::from_u128(1), membership_id: Uuid::from_u128(2), kind };
            let token = token(&vault, &what).await.unwrap();
            assert!(token.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b)) && token.len() < 200);
            assert_eq!(read(&vault, &token).await.unwrap(), what);
            for changed in [token[1..].to_owned(), format!("{token}A"), token.replace("pgl_uns_", "pgl_url_")] {
                assert_eq!(read(&vault, &changed).await.unwrap_err().code, "not_found");
            }
        }
        let link = vault.seal_for_address("link", b"x").await.unwrap();
        assert!(read(&vault, &format!("{PREFIX}{link}")).await.is_err());
        assert_eq!(escaped("<a href=\"x\">&"), "&lt;a href=&quot;x&quot;&gt;&amp;");
    }
}
