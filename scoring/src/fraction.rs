//! Exact fractions: small ones in machine integers, large ones in big integers.

use std::cmp::Ordering;
use std::fmt;
use std::ops::{Add, Mul, Sub};

use num_bigint::BigInt;
use num_integer::Integer;
use num_rational::BigRational;
use num_traits::{Signed, ToPrimitive};
use serde::{Serialize, Serializer};

/// Longest decimal accepted in an answer, a knot, a bound or a condition, in characters.
///
/// Far above any real measurement, low enough that the answers of a visit cannot make the arithmetic
/// of a published standard slow: 500 of them, all this long, take a tenth of a second.
pub const MAX_DECIMAL_LENGTH: usize = 100;

/// An exact fraction in lowest terms with a positive denominator.
///
/// Numbers of any size are held exactly: arithmetic runs in 128-bit integers and moves to big
/// integers when one would overflow. Displayed and serialised as `"n/d"`, whole numbers as `"n/1"`.
/// Adds, subtracts and multiplies by reference, orders by value.
///
/// ```
/// use peegel_scoring::Fraction;
/// let share = Fraction::new(6, 8).expect("the denominator is not zero");
/// assert_eq!(share.to_string(), "3/4");
/// assert_eq!(share.to_bp(), 7500);
/// assert_eq!(&share - &Fraction::ONE, Fraction::new(-1, 4).unwrap());
/// assert!(share < Fraction::from_bp(7501));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Fraction(Repr);

// `Small` whenever both numbers fit (and neither is i128::MIN, so that negation is safe). One
// value therefore has one representation, and the derived equality is numeric equality.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Repr {
    Small(i128, i128),
    Big(Box<BigRational>),
}

use Repr::{Big, Small};

impl Fraction {
    /// Zero.
    pub const ZERO: Fraction = Fraction(Small(0, 1));
    /// One: a full score.
    pub const ONE: Fraction = Fraction(Small(1, 1));

    /// The fraction `numerator / denominator`, or `None` when the denominator is zero.
    ///
    /// ```
    /// use peegel_scoring::Fraction;
    /// assert_eq!(Fraction::new(3, -6).map(|half| half.to_string()).as_deref(), Some("-1/2"));
    /// assert_eq!(Fraction::new(1, 0), None);
    /// ```
    pub fn new(numerator: i128, denominator: i128) -> Option<Self> {
        (denominator != 0).then(|| Self::reduced(numerator, denominator))
    }

    /// A whole number.
    ///
    /// ```
    /// use peegel_scoring::Fraction;
    /// assert_eq!(Fraction::whole(-3).to_string(), "-3/1");
    /// ```
    pub fn whole(n: i64) -> Self {
        Fraction(Small(n.into(), 1))
    }

    /// A whole number of up to 128 bits.
    pub(crate) fn integer(n: i128) -> Self {
        Self::reduced(n, 1)
    }

    /// A share given in basis points: `10000` is one.
    ///
    /// ```
    /// use peegel_scoring::Fraction;
    /// assert_eq!(Fraction::from_bp(8250), Fraction::decimal("0.825").unwrap());
    /// ```
    pub fn from_bp(bp: i64) -> Self {
        Self::reduced(bp.into(), 10_000)
    }

    /// Reads a decimal written as `-?\d+(\.\d+)?`, at most [`MAX_DECIMAL_LENGTH`] characters.
    ///
    /// No sign `+`, exponent, spaces or bare point: anything else gives `None`. Every digit counts,
    /// so that no answer is ever rounded.
    ///
    /// ```
    /// use peegel_scoring::{Fraction, MAX_DECIMAL_LENGTH};
    /// assert_eq!(Fraction::decimal("200.5"), Fraction::new(401, 2));
    /// assert_eq!(Fraction::decimal("2e2"), None);
    /// assert_eq!(Fraction::decimal(&"9".repeat(MAX_DECIMAL_LENGTH + 1)), None);
    /// ```
    pub fn decimal(text: &str) -> Option<Self> {
        if text.len() > MAX_DECIMAL_LENGTH {
            return None;
        }
        let unsigned = text.strip_prefix('-').unwrap_or(text);
        let (whole, decimals) = match unsigned.split_once('.') {
            Some((_, "")) => return None,
            Some(parts) => parts,
            None => (unsigned, ""),
        };
        let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
        if whole.is_empty() || !digits(whole) || !digits(decimals) {
            return None;
        }
        let negative = unsigned.len() < text.len();
        let scale = u32::try_from(decimals.len()).ok()?;
        // Nearly every number has so few digits that it needs no allocation.
        if whole.len() + decimals.len() <= 18 {
            let digits = whole.bytes().chain(decimals.bytes()).map(|digit| i128::from(digit - b'0'));
            let numerator = digits.fold(0, |number, digit| 10 * number + digit);
            return Some(Self::reduced(if negative { -numerator } else { numerator }, 10_i128.pow(scale)));
        }
        let numerator: BigInt = format!("{whole}{decimals}").parse().ok()?;
        let numerator = if negative { -numerator } else { numerator };
        Some(match (numerator.to_i128(), 10_i128.checked_pow(scale)) {
            (Some(n), Some(d)) => Self::reduced(n, d),
            _ => Self::from_big(BigRational::new(numerator, BigInt::from(10).pow(scale))),
        })
    }

    /// Whether this is exactly zero.
    ///
    /// ```
    /// use peegel_scoring::Fraction;
    /// assert!(Fraction::decimal("-0.00").unwrap().is_zero());
    /// assert!(!Fraction::decimal("0.0000000000000000000001").unwrap().is_zero());
    /// ```
    pub fn is_zero(&self) -> bool {
        *self == Self::ZERO
    }

    /// Whether this is exactly one.
    ///
    /// ```
    /// use peegel_scoring::Fraction;
    /// let third = Fraction::new(1, 3).unwrap();
    /// assert!((&(&third + &third) + &third).is_one());
    /// assert!(!Fraction::new(9_999, 10_000).unwrap().is_one());
    /// ```
    pub fn is_one(&self) -> bool {
        *self == Self::ONE
    }

    /// Basis points, rounded half up: `1/20000` is 1. The one place where a score is rounded.
    ///
    /// ```
    /// use peegel_scoring::Fraction;
    /// // 8999.95 basis points are shown as 9000, and graded so.
    /// assert_eq!(Fraction::new(179_999, 200_000).unwrap().to_bp(), 9_000);
    /// assert_eq!(Fraction::new(-1, 20_000).unwrap().to_bp(), 0);
    /// ```
    pub fn to_bp(&self) -> i64 {
        self.scaled(10_000)
    }

    /// This times `n`, rounded half up (towards plus infinity) to a whole number.
    ///
    /// Results beyond the range of `i64` stop at its ends.
    ///
    /// ```
    /// use peegel_scoring::Fraction;
    /// assert_eq!(Fraction::new(5, 8).unwrap().scaled(100), 63);
    /// assert_eq!(Fraction::whole(i64::MIN).scaled(2), i64::MIN);
    /// ```
    pub fn scaled(&self, n: i64) -> i64 {
        if let Small(num, den) = self.0
            && let Some(twice) = num.checked_mul(2 * i128::from(n))
            && let Some(double_den) = den.checked_mul(2)
            && let Some(top) = twice.checked_add(den)
        {
            return clamp_i64(Integer::div_floor(&top, &double_den));
        }
        let big = self.to_big();
        let top: BigInt = big.numer() * BigInt::from(n) * 2 + big.denom();
        let floor = top.div_floor(&(big.denom() * 2));
        let end = if floor.is_negative() { i64::MIN } else { i64::MAX };
        floor.to_i64().unwrap_or(end)
    }

    /// The floating-point number at or next to this, for statistics: scores themselves stay exact.
    ///
    /// Beyond the range of `f64` this is infinite. No score is computed from it.
    ///
    /// ```
    /// use peegel_scoring::Fraction;
    /// assert_eq!(Fraction::new(-3, 8).unwrap().to_f64(), -0.375);
    /// ```
    pub fn to_f64(&self) -> f64 {
        match &self.0 {
            Small(num, den) => *num as f64 / *den as f64,
            // Always some number for a quotient of whole numbers.
            Big(big) => big.to_f64().unwrap_or(f64::NAN),
        }
    }

    /// This divided by `other`, or `None` when `other` is zero.
    ///
    /// ```
    /// use peegel_scoring::Fraction;
    /// let (earned, possible) = (Fraction::whole(6), Fraction::whole(8));
    /// assert_eq!(earned.checked_div(&possible), Fraction::new(3, 4));
    /// assert_eq!(earned.checked_div(&Fraction::ZERO), None);
    /// ```
    pub fn checked_div(&self, other: &Self) -> Option<Self> {
        if other.is_zero() {
            return None;
        }
        if let (Small(a, b), Small(c, d)) = (&self.0, &other.0)
            && let (Some(num), Some(den)) = (product(*a, *d), product(*b, *c))
        {
            return Some(Self::reduced(num, den));
        }
        Some(Self::from_big(self.to_big() / other.to_big()))
    }

    /// The denominator when it fits 128 bits.
    pub(crate) fn small_denominator(&self) -> Option<i128> {
        match &self.0 {
            Small(_, den) => Some(*den),
            Big(_) => None,
        }
    }

    /// The numerator over `denominator`, a multiple of this one's; `None` when it does not fit 128 bits.
    pub(crate) fn numerator_over(&self, denominator: i128) -> Option<i128> {
        match &self.0 {
            Small(num, den) => num.checked_mul(quotient(denominator, *den)),
            Big(_) => None,
        }
    }

    fn reduced(num: i128, den: i128) -> Self {
        if num == i128::MIN || den == i128::MIN {
            return Self::from_big(BigRational::new(num.into(), den.into()));
        }
        let (num, den) = if den < 0 { (-num, -den) } else { (num, den) };
        match gcd(num.unsigned_abs(), den.unsigned_abs()) {
            1 => Fraction(Small(num, den)),
            // The divisor is at most the denominator, which is a positive i128.
            divisor => {
                let divisor = divisor as i128;
                Fraction(Small(quotient(num, divisor), quotient(den, divisor)))
            }
        }
    }

    // A whole number and a fraction in lowest terms have a sum in lowest terms: nothing is to be reduced.
    fn add_whole(one: (i128, i128), other: (i128, i128)) -> Option<Self> {
        let (whole, (num, den)) = match (one, other) {
            ((whole, 1), other) => (whole, other),
            (one, (whole, 1)) => (whole, one),
            _ => return None,
        };
        let num = product(whole, den)?.checked_add(num)?;
        (num != i128::MIN).then_some(Fraction(Small(num, den)))
    }

    fn from_big(big: BigRational) -> Self {
        match (big.numer().to_i128(), big.denom().to_i128()) {
            (Some(num), Some(den)) if num != i128::MIN => Fraction(Small(num, den)),
            _ => Fraction(Big(Box::new(big))),
        }
    }

    fn to_big(&self) -> BigRational {
        match &self.0 {
            // Already in lowest terms, so no division is needed.
            Small(num, den) => BigRational::new_raw((*num).into(), (*den).into()),
            Big(big) => (**big).clone(),
        }
    }
}

fn clamp_i64(n: i128) -> i64 {
    n.clamp(i64::MIN.into(), i64::MAX.into()) as i64
}

// 128-bit division is many times slower than 64-bit division, and nearly every number is small.
fn quotient(n: i128, divisor: i128) -> i128 {
    match (i64::try_from(n), i64::try_from(divisor)) {
        (Ok(n), Ok(divisor)) => (n / divisor).into(),
        _ => n / divisor,
    }
}

// Two factors of 64 bits cannot overflow, and are multiplied by one instruction.
fn product(a: i128, b: i128) -> Option<i128> {
    match (i64::try_from(a), i64::try_from(b)) {
        (Ok(a), Ok(b)) => Some(i128::from(a) * i128::from(b)),
        _ => a.checked_mul(b),
    }
}

fn gcd(a: u128, b: u128) -> u128 {
    if a == 1 || b == 1 {
        return 1;
    }
    match (u64::try_from(a), u64::try_from(b)) {
        (Ok(a), Ok(b)) => a.gcd(&b).into(),
        _ => a.gcd(&b),
    }
}

impl Add for &Fraction {
    type Output = Fraction;
    fn add(self, other: &Fraction) -> Fraction {
        if let (Small(a, b), Small(c, d)) = (&self.0, &other.0) {
            if b == d {
                if let Some(num) = a.checked_add(*c) {
                    return Fraction::reduced(num, *b);
                }
            } else if let Some(sum) = Fraction::add_whole((*a, *b), (*c, *d)) {
                return sum;
            } else if let (Some(left), Some(right), Some(den)) = (product(*a, *d), product(*c, *b), product(*b, *d))
                && let Some(num) = left.checked_add(right)
            {
                return Fraction::reduced(num, den);
            }
        }
        Fraction::from_big(self.to_big() + other.to_big())
    }
}

impl Sub for &Fraction {
    type Output = Fraction;
    fn sub(self, other: &Fraction) -> Fraction {
        let negated = match &other.0 {
            Small(num, den) => Fraction(Small(-num, *den)),
            Big(big) => Fraction::from_big(-(**big).clone()),
        };
        self + &negated
    }
}

impl Mul for &Fraction {
    type Output = Fraction;
    fn mul(self, other: &Fraction) -> Fraction {
        if let (Small(a, b), Small(c, d)) = (&self.0, &other.0)
            && let (Some(num), Some(den)) = (product(*a, *c), product(*b, *d))
        {
            return Fraction::reduced(num, den);
        }
        Fraction::from_big(self.to_big() * other.to_big())
    }
}

impl Ord for Fraction {
    fn cmp(&self, other: &Self) -> Ordering {
        if let (Small(a, b), Small(c, d)) = (&self.0, &other.0) {
            if b == d {
                return a.cmp(c);
            }
            if let (Some(left), Some(right)) = (product(*a, *d), product(*c, *b)) {
                return left.cmp(&right);
            }
        }
        self.to_big().cmp(&other.to_big())
    }
}

impl PartialOrd for Fraction {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Fraction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Small(num, den) => write!(f, "{num}/{den}"),
            Big(big) => write!(f, "{}/{}", big.numer(), big.denom()),
        }
    }
}

impl Serialize for Fraction {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn big(n: i128, d: i128) -> BigRational {
        BigRational::new(n.into(), d.into())
    }

    #[test]
    fn small_and_big_arithmetic_agree_around_the_overflow() {
        let sizes = [1, -3, 7, 10_000, i128::MAX / 3, i128::MAX, i128::MIN];
        let all: Vec<(i128, i128)> = sizes.iter().flat_map(|n| sizes.iter().map(move |d| (*n, *d))).collect();
        for &(a, b) in &all {
            for &(c, d) in &all {
                let (x, y) = (Fraction::reduced(a, b), Fraction::reduced(c, d));
                let (p, q) = (big(a, b), big(c, d));
                assert_eq!(&x + &y, Fraction::from_big(&p + &q));
                assert_eq!(&x - &y, Fraction::from_big(&p - &q));
                assert_eq!(&x * &y, Fraction::from_big(&p * &q));
                assert_eq!(x.checked_div(&y), Some(Fraction::from_big(&p / &q)));
                assert_eq!(x.cmp(&y), p.cmp(&q));
            }
        }
    }

    #[test]
    fn rounding_is_half_up_also_for_big_and_negative_numbers() {
        let bp = |n, d| Fraction::new(n, d).map(|x| x.to_bp());
        assert_eq!(bp(1, 80_000), Some(0));
        assert_eq!(bp(1, 20_000), Some(1));
        assert_eq!(bp(-1, 20_000), Some(0));
        assert_eq!(bp(i128::MAX - 1, i128::MAX), Some(10_000));
        assert_eq!(bp(i128::MAX, 1), Some(i64::MAX));
        assert_eq!(bp(i128::MIN, 1), Some(i64::MIN));
        assert_eq!(bp(1, 0), None);
    }

    #[test]
    fn decimals_follow_the_grammar_and_the_length_limit() {
        for bad in ["", "-", ".5", "5.", "+1", "1e3", " 1", "1.2.3", "--1", "1_0"] {
            assert_eq!(Fraction::decimal(bad), None, "{bad:?}");
        }
        assert_eq!(Fraction::decimal("-0.50"), Fraction::new(-1, 2));
        assert_eq!(Fraction::decimal("007"), Fraction::new(7, 1));
        let huge = format!("1{}", "0".repeat(60));
        let value = Fraction::decimal(&huge).expect("within the limit");
        assert_eq!(value.to_string(), format!("{huge}/1"));
        assert!(Fraction::decimal(&"9".repeat(MAX_DECIMAL_LENGTH)).is_some());
        assert!(Fraction::decimal(&"9".repeat(MAX_DECIMAL_LENGTH + 1)).is_none());
        assert!((&value - &value).is_zero());
    }

    #[test]
    fn floating_point_is_near_whatever_the_size() {
        let tiny = Fraction::decimal(&format!("0.{}3", "0".repeat(60))).expect("a decimal");
        assert_eq!(tiny.to_f64(), 3e-61);
        assert_eq!(Fraction::reduced(-22, 7).to_f64(), -22.0 / 7.0);
        let squared = |x: &Fraction| x * x;
        let huge = squared(&squared(&Fraction::decimal(&"9".repeat(90)).expect("a decimal")));
        assert_eq!(huge.to_f64(), f64::INFINITY);
        assert_eq!((&Fraction::ZERO - &huge).to_f64(), f64::NEG_INFINITY);
        assert_eq!((&huge + &huge).checked_div(&huge).map(|two| two.to_f64()), Some(2.0));
        let most = (&huge + &Fraction::ONE).checked_div(&(&huge + &huge)).map(|half| half.to_f64());
        assert!(most.is_some_and(|half| (half - 0.5).abs() < 1e-15), "{most:?}");
    }
}
