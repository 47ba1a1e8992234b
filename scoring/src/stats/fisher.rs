//! The F distribution at any degrees of freedom.
//!
//! The incomplete beta function comes from `statrs`. Its F quantile does not serve: it is infinite for
//! less than one degree of freedom, loses digits from 10 000 on and does not return for billions.

use statrs::function::beta::beta_reg;

/// 1/F for the point that F with these degrees of freedom exceeds with probability `tail`.
///
/// The inverse, because F itself is beyond any number for few degrees of freedom.
pub(super) fn upper_point_inverse(tail: f64, df1: f64, df2: f64) -> f64 {
    let (mut low, mut high) = (f64::MIN_POSITIVE.ln(), f64::MAX.ln());
    loop {
        let log = f64::midpoint(low, high);
        if log <= low || log >= high {
            return (-log).exp();
        }
        if above(log.exp(), df1, df2) > tail {
            low = log;
        } else {
            high = log;
        }
    }
}

// The probability that F exceeds `f`.
fn above(f: f64, df1: f64, df2: f64) -> f64 {
    let share = df1 * f / (df1 * f + df2);
    // From the side that is not near 1, where its distance from 1 would be lost.
    if share < 1e-4 {
        1.0 - beta_reg(df1 / 2.0, df2 / 2.0, share)
    } else {
        beta_reg(df2 / 2.0, df1 / 2.0, df2 / (df1 * f + df2))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_agree_with_scipy() {
        for (tail, df1, df2, f) in [
            (0.05, 4.0, 10.0, 3.478_049_690_765_229),
            (0.025, 1.0, 1.0, 647.789_011_477_849_8),
            (0.025, 0.1, 5.0, 15.888_117_744_478_299),
            (0.025, 3.0, 0.5, 731_147.019_985_439_5),
            (0.005, 29.0, 1e5, 1.804_905_093_032_419_5),
            (0.025, 1e5, 1e5, 1.012_473_119_817_824_5),
        ] {
            let found = 1.0 / upper_point_inverse(tail, df1, df2);
            assert!((found / f - 1.0).abs() < 1e-10, "F({df1}, {df2}): {found}");
        }
    }

    #[test]
    fn extreme_degrees_of_freedom_and_tails_return() {
        for df1 in [1e-9, 0.3, 1.0, 1e3, 1e6, 1e12] {
            for df2 in [1e-9, 0.3, 1.0, 1e3, 1e6, 1e12] {
                for tail in [1e-16, 0.025, 0.5] {
                    assert!(upper_point_inverse(tail, df1, df2) >= 0.0);
                }
            }
        }
    }
}
