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
        let raw: f64 = values.iter().map(|value| value * value).sum();
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        // An overflow stays one, for the caller to refuse.
        let rounding = raw.is_finite() && squares <= ROUNDING * raw;
        Sample { n: values.len(), mean, squares: if rounding { 0.0 } else { squares } }
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
