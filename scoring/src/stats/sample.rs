//! Mean and spread of a list of numbers.

/// A sum of squares up to this part of the raw sum of squares is rounding, not variation.
const ROUNDING: f64 = 1e-12;

/// What a list of numbers says about its mean.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sample {
    /// How many numbers.
    pub(super) n: usize,
    /// Their mean; not a number without any.
    pub(super) mean: f64,
    /// Sum of squared differences from the mean, 0 when it is mere rounding.
    pub(super) squares: f64,
}

impl Sample {
    pub(super) fn of(values: &[f64]) -> Self {
        let mean = mean(values);
        Sample { n: values.len(), mean, squares: counted(squares(values, mean), squares(values, 0.0)) }
    }

    /// Degrees of freedom of the spread, 0 of none or one.
    pub(super) fn df(&self) -> usize {
        self.n.saturating_sub(1)
    }

    /// The variance with divisor n - 1; `None` of fewer than two numbers.
    pub(super) fn variance(&self) -> Option<f64> {
        (self.n > 1).then(|| self.squares / self.df() as f64)
    }
}

/// The mean; not a number of an empty list.
pub(super) fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// Sum of squared differences from `center`; with center 0 the raw sum of squares.
pub(super) fn squares(values: &[f64], center: f64) -> f64 {
    values.iter().map(|value| (value - center).powi(2)).sum()
}

/// A sum of squares, but 0 when it is mere rounding of the `raw` sum of squares.
pub(super) fn counted(squares: f64, raw: f64) -> f64 {
    // An overflow stays one, for the caller to refuse.
    if raw.is_finite() && squares <= ROUNDING * raw { 0.0 } else { squares }
}
