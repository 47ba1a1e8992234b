//! One unit of work: a transaction, the facts it will add to the firm's history, and its idempotency key.

use poem_openapi::types::ToJSON;
use sea_orm::{ActiveModelTrait, DatabaseTransaction, DbErr, EntityTrait, IntoActiveModel, SqlErr};
use serde_json::Value;
use uuid::Uuid;

use crate::app::App;
use crate::canonical::canonical;
use crate::entity::idempotency_key;
use crate::events;
use crate::events::types::NewEvent;
use crate::failure::{Failure, Kind};
use crate::http::json::text_problem;
use crate::notices;
use crate::people::service::still_may;
use crate::people::types::Caller;

/// A transaction of one firm. Dropping it undoes everything.
pub struct Write<'a> {
    app: &'a App,
    /// The firm.
    pub firm_id: Uuid,
    /// The transaction.
    pub tx: DatabaseTransaction,
    events: Vec<NewEvent>,
}

impl<'a> Write<'a> {
    /// Begins.
    ///
    /// # Errors
    ///
    /// [`Failure`] (500) when the database fails.
    pub async fn begin(app: &'a App, firm_id: Uuid) -> Result<Self, Failure> {
        Ok(Self { app, firm_id, tx: app.db.begin().await?, events: Vec::new() })
    }

    /// Begins for somebody whose rights must still be what they were when the request began: its body may have taken a
    /// minute to come.
    ///
    /// # Errors
    ///
    /// As [`still_may`], and [`Failure`] (500) when the database fails.
    pub async fn begin_by(app: &'a App, caller: &Caller) -> Result<Self, Failure> {
        let write = Self::begin(app, caller.firm_id).await?;
        still_may(&write.tx, caller).await?;
        Ok(write)
    }

    /// What everything shares.
    pub fn app(&self) -> &'a App {
        self.app
    }

    /// Adds a fact, which is written with the rest at the commit.
    pub fn event(&mut self, event: NewEvent) {
        self.events.push(event);
    }

    /// Writes the facts and commits.
    ///
    /// # Errors
    ///
    /// [`Failure`] (500) when the database fails; nothing has happened then.
    pub async fn commit(self) -> Result<(), Failure> {
        let tells = self.events.iter().any(|event| notices::rules::tells(event.kind));
        events::service::append(self.app, &self.tx, self.firm_id, self.events).await?;
        self.tx.commit().await?;
        if tells {
            self.app.wake.wake();
        }
        Ok(())
    }

    /// Remembers the answer under the idempotency key, if there is one, and commits.
    ///
    /// # Errors
    ///
    /// * 409 `in_flight` when another request with the same key committed meanwhile.
    /// * [`Failure`] (500) when the database fails.
    pub async fn commit_once(self, once: &Once, answer: &impl ToJSON) -> Result<String, Failure> {
        let text = answer.to_json_string();
        if let Some(key) = &once.key {
            let row = idempotency_key::Model {
                firm_id: self.firm_id,
                membership_id: once.membership_id,
                operation: once.operation.to_owned(),
                key: key.clone(),
                body_sha256: once.body_sha256.clone(),
                answer: text.clone(),
                created_at: self.app.clock.now(),
            };
            row.into_active_model().insert(&self.tx).await.map_err(in_flight)?;
        }
        self.commit().await?;
        Ok(text)
    }
}

fn in_flight(error: DbErr) -> Failure {
    match error.sql_err() {
        Some(SqlErr::UniqueConstraintViolation(_)) => Failure::conflict(
            "in_flight",
            "A request with this Idempotency-Key is being answered. Repeat it in a moment.",
        ),
        _ => error.into(),
    }
}

/// An `Idempotency-Key`: the same request sent again gets the first answer and has no second effect.
pub struct Once {
    membership_id: Uuid,
    operation: &'static str,
    key: Option<String>,
    body_sha256: String,
}

impl Once {
    /// Reads the key of a request, bare or quoted.
    ///
    /// # Errors
    ///
    /// 400 `bad_idempotency_key` when it is empty, longer than 128 characters or unprintable.
    pub fn of(caller: &Caller, operation: &'static str, key: Option<String>, body: &Value) -> Result<Self, Failure> {
        let key = key.map(|key| key.trim().trim_matches('"').to_owned());
        let is_printable = |key: &str| key.bytes().all(|b| matches!(b, b' '..=b'~'));
        if key.as_deref().is_some_and(|key| text_problem(key, 128).is_some() || !is_printable(key)) {
            let detail = "`Idempotency-Key` is 1 to 128 printable characters, best a UUID.";
            return Err(Failure::malformed("bad_idempotency_key", detail));
        }
        let body_sha256 = canonical(body)?.sha256;
        Ok(Self { membership_id: caller.membership_id, operation, key, body_sha256 })
    }

    /// The first answer, if this request was already answered.
    ///
    /// # Errors
    ///
    /// 422 `idempotency_key_reused` when the key came with another body before.
    pub async fn answered(&self, write: &Write<'_>) -> Result<Option<String>, Failure> {
        let Some(key) = &self.key else { return Ok(None) };
        let id = (write.firm_id, self.membership_id, self.operation.to_owned(), key.clone());
        match idempotency_key::Entity::find_by_id(id).one(&write.tx).await? {
            Some(row) if row.body_sha256 == self.body_sha256 => Ok(Some(row.answer)),
            Some(_) => Err(Failure::new(
                Kind::Invalid,
                "idempotency_key_reused",
                "This Idempotency-Key was used with another body. Use a new key for a new request.",
            )),
            None => Ok(None),
        }
    }
}
