//! Why a statistic cannot be given.

use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

use crate::words::words;

words! {
    /// The kind of reason why a statistic cannot be given.
    StatErrorCode {
        /// The input has a wrong shape, type or range, or unknown or missing members.
        BadInput = "bad_input",
        /// Not enough data.
        TooFew = "too_few",
        /// More data than the method takes.
        TooMany = "too_many",
        /// Branches and shoppers fall into groups that share nobody.
        Disconnected = "disconnected",
        /// The data do not determine it: no variation, a zero denominator or a singular design.
        Undefined = "undefined",
    }
}

/// Why a statistic cannot be given, in words and as a code.
///
/// Serialises as `{"code", "message"}`, and with `"groups"` when the design is disconnected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatError {
    /// The kind of reason.
    pub code: StatErrorCode,
    /// What is wrong and what to do; free text.
    pub message: String,
    /// The parts a disconnected design falls into, sorted by their first branch; else empty.
    pub groups: Vec<ConnectedGroup>,
}

/// Branches and shoppers that are linked by visits, and by none to the rest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ConnectedGroup {
    /// Ids of the branches, sorted.
    pub branches: Vec<String>,
    /// Ids of the shoppers, sorted.
    pub shoppers: Vec<String>,
}

impl StatError {
    fn new(code: StatErrorCode, message: impl Into<String>) -> Self {
        StatError { code, message: message.into(), groups: Vec::new() }
    }

    pub(super) fn bad_input(message: impl Into<String>) -> Self {
        Self::new(StatErrorCode::BadInput, message)
    }

    pub(super) fn too_few(message: impl Into<String>) -> Self {
        Self::new(StatErrorCode::TooFew, message)
    }

    pub(super) fn too_many(message: impl Into<String>) -> Self {
        Self::new(StatErrorCode::TooMany, message)
    }

    pub(super) fn undefined(message: impl Into<String>) -> Self {
        Self::new(StatErrorCode::Undefined, message)
    }

    pub(super) fn disconnected(groups: Vec<ConnectedGroup>) -> Self {
        let message = "let some shopper visit branches of two groups: nobody links them, so strictness and quality \
                       cannot be told apart";
        StatError { groups, ..Self::new(StatErrorCode::Disconnected, message) }
    }
}

impl std::fmt::Display for StatError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.code.as_str(), self.message)
    }
}

impl std::error::Error for StatError {}

impl Serialize for StatError {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let disconnected = self.code == StatErrorCode::Disconnected;
        let mut object = serializer.serialize_struct("StatError", if disconnected { 3 } else { 2 })?;
        object.serialize_field("code", &self.code)?;
        object.serialize_field("message", &self.message)?;
        if disconnected {
            object.serialize_field("groups", &self.groups)?;
        } else {
            object.skip_field("groups")?;
        }
        object.end()
    }
}
