//! A link in requests and in answers.

use chrono::{DateTime, Utc};
use poem_openapi::{Enum, Object};
use uuid::Uuid;

use crate::evidence::types::PreviewSize;
use crate::links::grant::Target;

/// Which file of a piece of evidence a link is for.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
pub struct EvidenceLinkIn {
    /// The file.
    pub file: LinkedFile,
    /// Whether browsers save it instead of showing it; they show it if absent.
    pub download: Option<bool>,
}

/// A file of a piece of evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[oai(rename_all = "snake_case")]
pub enum LinkedFile {
    /// As it was sent.
    Content,
    /// The preview for lists.
    #[oai(rename = "preview_320")]
    Small,
    /// The preview for looking closely.
    #[oai(rename = "preview_1600")]
    Large,
}

impl LinkedFile {
    /// This file of a piece of evidence.
    pub fn of(self, evidence_id: Uuid) -> Target {
        match self {
            Self::Content => Target::Content(evidence_id),
            Self::Small => Target::Preview(evidence_id, PreviewSize::Small),
            Self::Large => Target::Preview(evidence_id, PreviewSize::Large),
        }
    }
}

/// Which preview of a photo a link is for.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
pub struct PhotoLinkIn {
    /// The long edge in pixels.
    pub size: PreviewSize,
    /// Whether browsers save it instead of showing it; they show it if absent.
    pub download: Option<bool>,
}

/// Which plan a link is for.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
pub struct PlanLinkIn {
    /// The wave; the latest with published visits if absent.
    pub wave_id: Option<Uuid>,
    /// The language; the chain's if absent.
    #[oai(validator(pattern = "^(en|et|hu)$"))]
    pub lang: Option<String>,
    /// Whether browsers save it instead of showing it; they show it if absent.
    pub download: Option<bool>,
}

/// An address of a file that works without headers.
#[derive(Debug, Object)]
pub struct LinkView {
    /// The address, relative to that of the API. Whoever has it can fetch the file.
    pub url: String,
    /// Until when it is good: five minutes. It ends before when its maker is signed out, loses the role or may not see the
    /// file any more.
    pub expires_at: DateTime<Utc>,
}
