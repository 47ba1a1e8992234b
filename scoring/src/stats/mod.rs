//! Statistics of scores: how sure a number is, what moves it, and what cannot be told.
//!
//! Scores of visits are exact (see the crate's front page); what is said *about* them is estimated
//! here in `f64`. The sampling unit is the visit, never the item. Scores keep the unit they come in,
//! in this system basis points.
//!
//! Every method is one file with one typed function, and answers one JSON object with another in
//! [`stats_json`], as `peegel stats` prints it. Nothing here reads a clock or draws a random number.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

pub mod bh;
mod command;
pub mod crossed;
pub mod csi;
pub mod d_study;
pub mod drivers;
pub mod exact_bootstrap;
mod failure;
mod fisher;
pub mod flags;
pub mod icc;
pub mod interval;
pub mod krippendorff;
pub mod moderated_variance;
pub mod nps;
mod numbers;
pub mod ranks;
mod sample;
pub mod servqual;
pub mod shrink;
mod student;
pub mod ttest;
pub mod uplift;
pub mod variance_components;
pub mod wilson;

pub use command::{Printed, answer, case_output, unreadable};
pub use failure::{ConnectedGroup, StatError, StatErrorCode};

/// What a method does with its JSON input.
type Run = fn(Value) -> Result<Value, StatError>;

/// Every method by the name of `peegel stats`, in the order of `peegel stats --list`.
const METHODS: [(&str, Run); 19] = [
    ("wilson", wilson::run),
    ("nps", nps::run),
    ("csi", csi::run),
    ("servqual", servqual::run),
    ("bh", bh::run),
    ("ttest", ttest::run),
    ("interval", interval::run),
    ("moderated-variance", moderated_variance::run),
    ("exact-bootstrap", exact_bootstrap::run),
    ("icc", icc::run),
    ("krippendorff", krippendorff::run),
    ("variance-components", variance_components::run),
    ("d-study", d_study::run),
    ("shrink", shrink::run),
    ("crossed", crossed::run),
    ("ranks", ranks::run),
    ("uplift", uplift::run),
    ("drivers", drivers::run),
    ("flags", flags::run),
];

/// The names of all methods, in the order of `peegel stats --list`.
pub fn method_names() -> impl Iterator<Item = &'static str> {
    METHODS.iter().map(|(name, _)| *name)
}

/// Answers one JSON object with another by the method's name; `None` for an unknown method.
///
/// # Errors
///
/// [`StatError`] with the code and message that `peegel stats` prints.
pub fn stats_json(method: &str, input: Value) -> Option<Result<Value, StatError>> {
    let (_, run) = METHODS.iter().find(|(name, _)| *name == method)?;
    Some(run(input))
}

// The input object of a method; unknown, missing and badly typed members are `bad_input`.
fn read<T: DeserializeOwned>(input: Value) -> Result<T, StatError> {
    if !input.is_object() {
        return Err(StatError::bad_input("give one JSON object"));
    }
    serde_json::from_value(input).map_err(|fault| StatError::bad_input(fault.to_string()))
}

fn written<T: Serialize>(output: &T) -> Result<Value, StatError> {
    serde_json::to_value(output).map_err(|fault| StatError::undefined(format!("the result is not a number: {fault}")))
}
