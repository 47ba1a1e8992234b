//! Student's t at any confidence and degrees of freedom.
//!
//! The incomplete beta function comes from `statrs`. Its t quantile does not serve: it loses digits
//! from 5000 degrees on, does not return from 1e8 on, and is cut off in far tails. Above
//! [`LARGE`] degrees the expansion of Hill 1970 (algorithms 395 and 396) is exact to 1e-12; below,
//! the quantile is found on the logarithms of t and its tail, where Newton's method cannot overshoot
//! twice because the tail is log-concave there.

use statrs::function::beta::beta_reg;
use statrs::function::gamma::ln_gamma;

use super::numbers::{critical_z, normal_p};

/// Degrees of freedom from which Hill's expansion replaces the incomplete beta function.
const LARGE: f64 = 200.0;

/// Steps after which a quantile that still moves is taken as it is.
const MOST_STEPS: usize = 100;

/// The share of Student's t distribution beyond -|t| and |t|, 0..=1; `df` above 0.
pub(super) fn t_tail(t: f64, df: f64) -> f64 {
    let t = t.abs();
    let tail = if df > LARGE { hill_tail(t, df) } else { beta_tail(t, df) };
    // Rounding may pass either end.
    tail.clamp(0.0, 1.0)
}

/// The t that a statistic stays within with the given confidence, both sides counted; `df` above 0.
///
/// Infinite when it exceeds what a number can hold.
pub(super) fn critical_t(conf: f64, df: f64) -> f64 {
    if df > LARGE { hill_quantile(critical_z(conf), df) } else { newton_quantile(conf, df) }
}

fn beta_tail(t: f64, df: f64) -> f64 {
    let square = t * t;
    // Half of the smallest number is 0, which is no parameter.
    let df = df.max(f64::MIN_POSITIVE);
    if t < 1.0 {
        // From the middle: a small t would drown in the rounding of df / (df + t^2), as a far tail would here.
        1.0 - beta_reg(0.5, df / 2.0, square / (df + square))
    } else {
        beta_reg(df / 2.0, 0.5, df / (df + square))
    }
}

fn newton_quantile(conf: f64, df: f64) -> f64 {
    let wanted = (-conf).ln_1p();
    let ln_peak = ln_gamma((df + 1.0) / 2.0) - ln_gamma(df / 2.0) - (df * std::f64::consts::PI).ln() / 2.0;
    let start = critical_z(conf);
    if start <= 0.0 {
        return 0.0;
    }
    let mut ln_t = start.ln();
    for _ in 0..MOST_STEPS {
        let t = ln_t.exp();
        let ln_tail = beta_tail(t, df).ln();
        let ln_density = ln_peak - (df + 1.0) / 2.0 * (t * t / df).ln_1p();
        let slope = 2.0 * (ln_density + ln_t - ln_tail).exp();
        let step = (ln_tail - wanted) / slope;
        if !step.is_finite() {
            return f64::INFINITY;
        }
        ln_t += step;
        if step.abs() < 1e-14 {
            break;
        }
    }
    ln_t.exp()
}

fn hill_tail(t: f64, df: f64) -> f64 {
    let a = df - 0.5;
    let y = a * (t * t / df).ln_1p();
    // Beyond 38 standard deviations nothing is left, and the expansion is none.
    if y > 1444.0 { 0.0 } else { normal_p(y.sqrt() * hill_factor(y, a)) }
}

fn hill_quantile(z: f64, df: f64) -> f64 {
    let a = df - 0.5;
    let mut y = z * z;
    // The factor is within 1e-4 of 1, so every turn gains four digits.
    for _ in 0..6 {
        y = (z / hill_factor(y, a)).powi(2);
    }
    (df * (y / a).exp_m1()).sqrt()
}

fn hill_factor(y: f64, a: f64) -> f64 {
    let b = 48.0 * a * a;
    let second = (((-0.4 * y - 3.3) * y - 24.0) * y - 85.5) / (0.8 * y * y + 100.0 + b);
    (second + y + 3.0) / b + 1.0
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Tails of t with 1, 2 and 4 degrees are elementary functions.
    fn exact_tail(t: f64, df: u8) -> f64 {
        let t2 = t * t;
        match df {
            1 => 2.0 / std::f64::consts::PI * (1.0 / t).atan(),
            2 => 2.0 / ((2.0 + t2).sqrt() * ((2.0 + t2).sqrt() + t)),
            _ => 1.0 - t / (4.0 + t2).sqrt() * (1.0 + 2.0 / (4.0 + t2)),
        }
    }

    #[test]
    fn tails_agree_with_closed_forms() {
        for t in [1e-9, 0.01, 0.7, 1.0, 2.0, 12.7, 63.6] {
            for df in [1, 2, 4] {
                let (got, exact) = (t_tail(t, df.into()), exact_tail(t, df));
                assert!((got - exact).abs() < 1e-12, "t {t} df {df}: {got} {exact}");
            }
        }
        for t in [1e4, 1e9] {
            assert!((t_tail(-t, 2.0) / exact_tail(t, 2) - 1.0).abs() < 1e-11);
        }
    }

    #[test]
    fn quantiles_undo_tails_at_any_degrees() {
        for df in [0.3, 0.8, 1.0, 1.5, 2.0, 7.7, 60.0, 199.9, 200.1, 1e4, 1e8, 1e15, 1e300] {
            for conf in [1e-12, 1e-4, 0.1, 0.5, 0.8, 0.95, 0.999, 1.0 - 1e-9] {
                let t = critical_t(conf, df);
                assert!((t_tail(t, df) / (1.0 - conf) - 1.0).abs() < 1e-11, "df {df} conf {conf}");
            }
        }
    }

    #[test]
    fn the_expansion_continues_the_beta_function() {
        for conf in [0.01, 0.5, 0.95, 0.999_999] {
            let (below, above) = (newton_quantile(conf, LARGE), hill_quantile(critical_z(conf), LARGE));
            assert!((below / above - 1.0).abs() < 1e-11, "{conf}: {below} {above}");
        }
    }

    #[test]
    fn what_exceeds_numbers_is_infinite_and_never_hangs() {
        assert_eq!(critical_t(0.999, 1e-4), f64::INFINITY);
        assert_eq!(critical_t(1e-300, 3.0), 0.0);
        assert!((0.0..1.0).contains(&t_tail(f64::MAX, 1e-3)));
        assert_eq!(t_tail(f64::MAX, 1e9), 0.0);
        assert!((t_tail(3.0, f64::from_bits(1)) - 1.0).abs() < 1e-12);
    }
}
