//! What a link grants: sealed into its address, so that nobody makes one up, changes one, or reads ids from it.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::access::Operation;
use crate::evidence::types::PreviewSize;
use crate::failure::{Failure, Kind};
use crate::people::types::By;
use crate::vault::Vault;
use crate::words::Role;

/// In front of every link, so that programs that search for leaked secrets recognise it.
const PREFIX: &str = "pgl_url_";
/// For whom links are sealed: no other text of the vault can pass for one.
const OWNER: &str = "link";

/// What a link opens, and for whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The firm.
    pub firm_id: Uuid,
    /// The membership that made it.
    pub membership_id: Uuid,
    /// By what it acted then.
    pub by: By,
    /// Its role then.
    pub role: Role,
    /// Until when it is good.
    pub expires_at: DateTime<Utc>,
    /// Whether it is to be saved instead of shown.
    pub download: bool,
    /// The file.
    pub target: Target,
}

/// A file, named by what its plain address names it by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A file of a visit, as it was sent.
    Content(Uuid),
    /// A preview of a photo.
    Preview(Uuid, PreviewSize),
    /// A photo of a result.
    ResultPhoto(Uuid, u32, PreviewSize),
    /// The action plan of a branch after a wave, in a language.
    ActionPlan(Uuid, Uuid, String),
    /// A file of an appeal.
    AppealFile(Uuid, Uuid),
}

impl Target {
    /// The operation that gives the same file to whoever can send headers.
    pub fn operation(&self) -> Operation {
        match self {
            Self::Content(_) => Operation::GetEvidenceContent,
            Self::Preview(..) => Operation::GetEvidencePreview,
            Self::ResultPhoto(..) => Operation::GetResultPhoto,
            Self::ActionPlan(..) => Operation::GetActionPlanPdf,
            Self::AppealFile(..) => Operation::GetAppealFile,
        }
    }

    fn text(&self) -> String {
        match self {
            Self::Content(id) => format!("c:{}", id.simple()),
            Self::Preview(id, size) => format!("p:{}:{}", id.simple(), size.px()),
            Self::ResultPhoto(id, n, size) => format!("r:{}:{n}:{}", id.simple(), size.px()),
            Self::ActionPlan(branch_id, wave_id, lang) => {
                format!("a:{}:{}:{lang}", branch_id.simple(), wave_id.simple())
            }
            Self::AppealFile(appeal_id, file_id) => format!("f:{}:{}", appeal_id.simple(), file_id.simple()),
        }
    }

    fn of_text(text: &str) -> Option<Self> {
        let parts: Vec<_> = text.split(':').collect();
        let id = |text: &str| text.parse().ok();
        Some(match parts[..] {
            ["c", file] => Self::Content(id(file)?),
            ["p", file, px] => Self::Preview(id(file)?, PreviewSize::of_px(px)?),
            ["r", result, n, px] => Self::ResultPhoto(id(result)?, n.parse().ok()?, PreviewSize::of_px(px)?),
            ["a", branch, wave, lang] => Self::ActionPlan(id(branch)?, id(wave)?, lang.to_owned()),
            ["f", appeal, file] => Self::AppealFile(id(appeal)?, id(file)?),
            _ => return None,
        })
    }
}

impl Grant {
    /// The token that ends the address of the link.
    ///
    /// # Errors
    ///
    /// [`Failure`] (500) when the key of the installation cannot be read.
    pub async fn token(&self, vault: &Vault) -> Result<String, Failure> {
        Ok(format!("{PREFIX}{}", vault.seal_for_address(OWNER, self.text().as_bytes()).await?))
    }

    /// Reads what [`Grant::token`] gave out.
    ///
    /// # Errors
    ///
    /// * 403 `bad_link` when it is not one, or was changed.
    /// * 410 `link_expired` after its five minutes.
    pub async fn read(vault: &Vault, token: &str, now: DateTime<Utc>) -> Result<Self, Failure> {
        let bad =
            || Failure::new(Kind::Forbidden, "bad_link", "This is no link of this installation. Ask for a new one.");
        let sealed = token.strip_prefix(PREFIX).ok_or_else(bad)?;
        let text = vault.open_of_address(OWNER, sealed).await?.and_then(|text| String::from_utf8(text).ok());
        let grant = text.as_deref().and_then(Self::of_text).ok_or_else(bad)?;
        if grant.expires_at <= now {
            return Err(Failure::new(
                Kind::Gone,
                "link_expired",
                "Links are good for five minutes. Ask for a new one.",
            ));
        }
        Ok(grant)
    }

    fn text(&self) -> String {
        let (by, id) = match self.by {
            By::Session(id) => ('s', id),
            By::Key(id) => ('k', id),
        };
        let ids = [self.firm_id, self.membership_id, id].map(|id| id.simple().to_string()).join(" ");
        let how = if self.download { "d" } else { "i" };
        format!("{} {by} {ids} {} {how} {}", self.expires_at.timestamp_micros(), self.role, self.target.text())
    }

    fn of_text(text: &str) -> Option<Self> {
        let parts: Vec<_> = text.split(' ').collect();
        let [expires_at, by, firm_id, membership_id, by_id, role, how, target] = parts[..] else { return None };
        let by_id = by_id.parse().ok()?;
        Some(Self {
            firm_id: firm_id.parse().ok()?,
            membership_id: membership_id.parse().ok()?,
            by: if by == "s" { By::Session(by_id) } else { By::Key(by_id) },
            role: role.parse().ok()?,
            expires_at: DateTime::from_timestamp_micros(expires_at.parse().ok()?)?,
            download: how == "d",
            target: Target::of_text(target)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::clock::Clock;
    use crate::links::service::LIFE;

    fn vault() -> Vault {
        Vault::new(PathBuf::from("/nowhere"), Some("AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=".to_owned()))
    }

    fn grant(target: Target, now: DateTime<Utc>) -> Grant {
        let [firm_id, membership_id, session] = [1, 2, 3].map(Uuid::from_u128);
        let (by, expires_at) = (By::Session(session), now + LIFE);
        Grant { firm_id, membership_id, by, role: Role::Reviewer, expires_at, download: false, target }
    }

    #[tokio::test]
    async fn a_link_is_read_as_it_was_written() {
        let (clock, id) = (Clock::manual(DateTime::from_timestamp(1_796_000_000, 0).unwrap()), Uuid::from_u128(4));
        for target in [
            Target::Content(id),
            Target::Preview(id, PreviewSize::Small),
            Target::ResultPhoto(id, 7, PreviewSize::Large),
            Target::ActionPlan(id, Uuid::from_u128(5), "et".to_owned()),
            Target::AppealFile(id, Uuid::from_u128(6)),
        ] {
            let mut grant = grant(target, clock.now());
            for by in [grant.by, By::Key(id)] {
                (grant.by, grant.download) = (by, !grant.download);
                let token = grant.token(&vault()).await.unwrap();
                assert!(token.len() < 340 && token.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b)));
                assert!(!token.contains(&id.simple().to_string()));
                assert_eq!(Grant::read(&vault(), &token, clock.now()).await.unwrap(), grant);
            }
        }
    }

    #[tokio::test]
    async fn a_link_ends_after_five_minutes() {
        let clock = Clock::manual(DateTime::from_timestamp(1_796_000_000, 0).unwrap());
        let token = grant(Target::Content(Uuid::nil()), clock.now()).token(&vault()).await.unwrap();
        let begun = clock.now();
        clock.set(begun + LIFE - chrono::TimeDelta::microseconds(1));
        assert!(Grant::read(&vault(), &token, clock.now()).await.is_ok());
        clock.set(begun + LIFE);
        let ended = Grant::read(&vault(), &token, clock.now()).await.unwrap_err();
        assert_eq!((ended.kind, ended.code), (Kind::Gone, "link_expired"));
    }

    #[tokio::test]
    async fn no_letter_of_a_link_can_be_changed() {
        let now = DateTime::from_timestamp(1_796_000_000, 0).unwrap();
        let token = grant(Target::Content(Uuid::nil()), now).token(&vault()).await.unwrap();
        for at in 0..token.len() {
            for letter in ["A", "B"] {
                let mut changed = token.clone();
                changed.replace_range(at..=at, letter);
                if changed != token {
                    let refused = Grant::read(&vault(), &changed, now).await.unwrap_err();
                    assert_eq!((refused.kind, refused.code), (Kind::Forbidden, "bad_link"), "{at}");
                }
            }
            assert!(Grant::read(&vault(), &token[..at], now).await.is_err());
        }
        assert!(Grant::read(&vault(), &format!("{token}A"), now).await.is_err());
        let other = Vault::new(PathBuf::new(), Some("AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI=".to_owned()));
        assert!(Grant::read(&other, &token, now).await.is_err());
        // What was sealed for something else is no link.
        let cursor = vault().seal_for_address("sync cursor\n1\n2", b"x").await.unwrap();
        assert!(Grant::read(&vault(), &format!("{PREFIX}{cursor}"), now).await.is_err());
    }
}
