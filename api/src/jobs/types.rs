//! A job in answers.

use chrono::{DateTime, Utc};
use poem_openapi::Object;
use serde::Serialize;
use uuid::Uuid;

use crate::entity::job;
use crate::words::JobState;

/// Work that waits, runs or was given up. What is done is gone.
#[derive(Debug, Object, Serialize)]
pub struct JobView {
    /// The job.
    pub id: Uuid,
    /// What it does, such as `evidence.process`.
    pub kind: String,
    /// How far it has come; `dead` jobs are run again only when somebody asks for it.
    pub state: JobState,
    /// How often it was begun.
    pub attempts: i32,
    /// When it is due, or was.
    pub run_at: DateTime<Utc>,
    /// Why it failed last.
    pub last_error: Option<String>,
    /// When it was queued.
    pub created_at: DateTime<Utc>,
}

impl From<job::Model> for JobView {
    fn from(row: job::Model) -> Self {
        Self {
            id: row.id,
            kind: row.kind,
            state: row.state,
            attempts: row.attempts,
            run_at: row.run_at,
            last_error: row.last_error,
            created_at: row.created_at,
        }
    }
}
