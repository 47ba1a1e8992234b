//! Shrinkage: the best guess of a branch's level when every branch has few visits.
//!
//! A branch mean from 3 visits is mostly luck at the ends of the list: the worst tenth "improves" with
//! nothing done. The estimate pulls each mean towards the network by its unreliability, which lowers
//! the expected error of all branches together. Three models:
//!
//! - [`oneway()`]: visits per branch are given; variances between and within branches are estimated from
//!   them, or given. The usual one.
//! - [`known_variance()`]: one figure per branch with its sampling variance, such as a published mean with
//!   its standard error; the variance between branches is estimated (as in a meta-analysis) or given.
//! - [`james_stein()`]: one figure per branch, all with the same known variance.
//!
//! Show both numbers, "measured 91.2 (3 visits), estimate 84.6". Use estimates to rank and to judge
//! actions; a contract bonus uses what was measured. When the variance between branches comes out as 0,
//! all estimates are equal: no difference between branches can be seen, which is not proof that there
//! is none. The estimate of a truly outstanding branch is too modest.

mod james_stein;
mod known_variance;
mod oneway;

pub use james_stein::{JamesStein, james_stein};
pub use known_variance::{BetweenVariance, KnownVariance, ShrunkenFigure, known_variance};
pub use oneway::{Oneway, OnewayComponents, ShrunkenBranch, oneway, oneway_of_moments};

use serde_json::Value;

use super::failure::StatError;

pub(super) fn run(mut input: Value) -> Result<Value, StatError> {
    let model = input.as_object_mut().and_then(|members| members.remove("model"));
    match model.as_ref().and_then(Value::as_str) {
        Some("oneway") => oneway::run(input),
        Some("known-variance") => known_variance::run(input),
        Some("james-stein") => james_stein::run(input),
        _ => Err(StatError::bad_input("choose the \"model\" \"oneway\", \"known-variance\" or \"james-stein\"")),
    }
}

// What both models that give a posterior variance say of one branch.
struct Shrunken {
    reliability: f64,
    estimate: f64,
    post_var: f64,
}

// Pulls `figure` with its sampling variance towards `mu`, which itself has the variance `var_mu`.
fn shrink(figure: f64, mu: f64, [between, sampling, var_mu]: [f64; 3]) -> Shrunken {
    let reliability = between / (between + sampling);
    let pulled = sampling / (between + sampling);
    Shrunken {
        reliability,
        estimate: mu + reliability * (figure - mu),
        post_var: between * pulled + pulled * pulled * var_mu,
    }
}
