//! How letters leave: as files in a folder, or to an SMTP server.

use std::fmt::{Debug, Formatter};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use chrono::{DateTime, Utc};
use lettre::message::header::{ContentType, HeaderName, HeaderValue, MIME_VERSION_1_0};
use lettre::message::{Mailbox, Message};
use lettre::{AsyncSmtpTransport, AsyncTransport, Tokio1Executor};
use tokio::io::AsyncWriteExt;
use uuid::Uuid;

use crate::config::MailSettings;
use crate::failure::{Failure, Kind};
use crate::mail::words::Text;

/// How long an SMTP server may take for each answer.
const SMTP_TIMEOUT: Duration = Duration::from_secs(30);

/// Sends letters.
pub struct Mailer {
    way: Way,
    from: Mailbox,
    app_url: Option<String>,
    api_url: Option<String>,
}

enum Way {
    Folder(PathBuf),
    Smtp(Box<AsyncSmtpTransport<Tokio1Executor>>),
}

impl Debug for Mailer {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        let way = match &self.way {
            Way::Folder(folder) => folder.display().to_string(),
            Way::Smtp(_) => "SMTP".to_owned(),
        };
        f.debug_struct("Mailer").field("way", &way).finish_non_exhaustive()
    }
}

impl Mailer {
    /// A mailer by the settings; to the folder when they name no SMTP server.
    ///
    /// # Errors
    ///
    /// What is wrong with the settings. The address of the server, which may hold a password, is not repeated.
    pub fn new(settings: &MailSettings, folder: PathBuf) -> Result<Self, String> {
        let from = settings.mail_from.parse();
        let from = from.map_err(|error| format!("--mail-from {} is no address: {error}", settings.mail_from))?;
        let way = match &settings.smtp_url {
            None => Way::Folder(folder),
            Some(url) => {
                let builder = AsyncSmtpTransport::<Tokio1Executor>::from_url(url.reveal())
                    .map_err(|error| format!("--smtp-url is not like smtps://USER:PASSWORD@HOST: {error}"))?;
                Way::Smtp(Box::new(builder.timeout(Some(SMTP_TIMEOUT)).build()))
            }
        };
        let api_url = settings.api_url.as_ref().map(|url| url.trim_end_matches('/').to_owned());
        Ok(Self { way, from, app_url: settings.app_url.clone(), api_url })
    }

    /// The address of the app, if it is set.
    pub fn app_url(&self) -> Option<&str> {
        self.app_url.as_deref()
    }

    /// The address of this API as the world reaches it, if it is set, without a slash at its end.
    pub fn api_url(&self) -> Option<&str> {
        self.api_url.as_deref()
    }

    /// What a letter says to open a one-time code: the page of the app with the code behind `#`, which browsers keep to
    /// themselves, or the bare code.
    pub fn link(&self, page: &str, code: &str) -> String {
        match &self.app_url {
            Some(url) => format!("{}/{page}#{code}", url.trim_end_matches('/')),
            None => code.to_owned(),
        }
    }

    /// Sends a letter. Sending the same again gives it the same name. `unsubscribe` is an address that ends letters like it at
    /// one click (RFC 8058).
    ///
    /// # Errors
    ///
    /// [`Failure`] without the address in it, when the letter cannot be written or the server does not take it.
    pub async fn send(
        &self,
        id: Uuid,
        to: &str,
        text: Text,
        unsubscribe: Option<&str>,
        now: DateTime<Utc>,
    ) -> Result<(), Failure> {
        let refused = |what: String| Failure::new(Kind::Unavailable, "mail_not_sent", what);
        let to = to.parse().map_err(|_| refused("the address cannot be written in a mail".to_owned()))?;
        let host = self.from.email.domain();
        let mut message = Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, to))
            .subject(text.subject)
            .date(SystemTime::from(now))
            .message_id(Some(format!("<{id}@{host}>")))
            .header(MIME_VERSION_1_0)
            .header(ContentType::TEXT_PLAIN);
        if let Some(url) = unsubscribe {
            let header = |name, value: &str| HeaderValue::new(HeaderName::new_from_ascii_str(name), value.to_owned());
            message = message
                .raw_header(header("List-Unsubscribe", &format!("<{url}>")))
                .raw_header(header("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"));
        }
        let message = message.body(text.body).map_err(|_| refused("the letter cannot be written".to_owned()))?;
        match &self.way {
            Way::Folder(folder) => write(folder.clone(), id, message.formatted()).await,
            Way::Smtp(server) => server.send(message).await.map(drop).map_err(|error| refused(said(&error))),
        }
    }

    /// Looks whether letters can leave, and sends none: how it went, either way.
    ///
    /// # Errors
    ///
    /// What is wrong, without the server's address.
    pub async fn test(&self) -> Result<String, String> {
        match &self.way {
            Way::Folder(folder) => Ok(format!("letters are written to {}", folder.display())),
            Way::Smtp(server) => match server.test_connection().await {
                Ok(true) => Ok("the SMTP server answers".to_owned()),
                Ok(false) => Err("the SMTP server answers and takes nothing".to_owned()),
                Err(error) => Err(said(&error)),
            },
        }
    }
}

/// What went wrong. The server's own words may repeat an address.
fn said(error: &lettre::transport::smtp::Error) -> String {
    match error.status() {
        Some(code) => format!("the SMTP server answered {code}"),
        None if error.is_timeout() => "the SMTP server is too slow".to_owned(),
        None => "the SMTP server cannot be reached, or speaks differently".to_owned(),
    }
}

/// Writes `ID.eml`, whole or not at all.
async fn write(folder: PathBuf, id: Uuid, bytes: Vec<u8>) -> Result<(), Failure> {
    tokio::fs::create_dir_all(&folder).await?;
    let (part, path) = (folder.join(format!("{id}.part")), folder.join(format!("{id}.eml")));
    let mut file = tokio::fs::OpenOptions::new();
    let mut file = file.write(true).create(true).truncate(true).mode(0o600).open(&part).await?;
    file.write_all(&bytes).await?;
    file.sync_all().await?;
    tokio::fs::rename(&part, &path).await?;
    Ok(())
}
