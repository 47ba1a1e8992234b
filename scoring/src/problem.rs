//! What is wrong with a standard, where, and what to do about it.

use std::fmt;

use serde::{Serialize, Serializer};

/// One fault of a standard, at one place.
///
/// Problems order by pointer (plain string order), then by the name of the code: the order in
/// which every list of problems is given. Displayed as `pointer: code: message`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// JSON pointer of the member at fault; `""` is the whole document.
    pub pointer: String,
    /// What kind of fault it is, for programs.
    pub code: ProblemCode,
    /// What to do next, for people. Free text: do not compare it.
    pub message: String,
}

impl Problem {
    /// A problem with `code` at `pointer`.
    ///
    /// ```
    /// use peegel_scoring::{Problem, ProblemCode};
    /// let problem = Problem::new("/items/2/weight", ProblemCode::OutOfRange, "choose a number from 0 to 1000000");
    /// assert_eq!(problem.to_string(), "/items/2/weight: out_of_range: choose a number from 0 to 1000000");
    /// ```
    pub fn new(pointer: impl Into<String>, code: ProblemCode, message: impl Into<String>) -> Self {
        Problem { pointer: pointer.into(), code, message: message.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}", self.pointer, self.code.as_str(), self.message)
    }
}

macro_rules! codes {
    ($($(#[doc = $doc:literal])+ $name:ident = $text:literal,)+) => {
        /// The kinds of problems a standard can have.
        ///
        /// The first group makes a standard invalid everywhere; the second is checked only when a
        /// standard is published or imported; the third only warns.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum ProblemCode {
            $($(#[doc = $doc])+ $name,)+
        }

        impl ProblemCode {
            /// The code as it stands in JSON.
            ///
            /// ```
            /// use peegel_scoring::ProblemCode;
            /// assert_eq!(ProblemCode::NotIncreasing.as_str(), "not_increasing");
            /// assert_eq!(ProblemCode::NotIncreasing.to_string(), "not_increasing");
            /// ```
            pub fn as_str(self) -> &'static str {
                match self {
                    $(ProblemCode::$name => $text,)+
                }
            }
        }
    };
}

codes! {
    /// The document cannot be read at all.
    Unreadable = "unreadable",
    /// The member has the wrong JSON type.
    BadType = "bad_type",
    /// A required member is absent.
    Missing = "missing",
    /// The member is not known here.
    UnknownField = "unknown_field",
    /// The word is not one of those allowed.
    BadValue = "bad_value",
    /// The number is outside its range.
    OutOfRange = "out_of_range",
    /// The id, limit or phrase was used before.
    Duplicate = "duplicate",
    /// The id refers to nothing.
    UnknownRef = "unknown_ref",
    /// A condition refers to its own or a later item.
    ForwardRef = "forward_ref",
    /// The operation is not allowed for the type of that item.
    BadOp = "bad_op",
    /// The list is too short: fewer than two options, or empty bands, steps or phrases.
    TooFew = "too_few",
    /// The numbers do not increase: the bounds of a rating, the values of bands or steps.
    NotIncreasing = "not_increasing",
    /// The table of a rating does not have one entry a step, or a phrase is too long.
    BadLength = "bad_length",
    /// No grade band starts at zero.
    NoZeroBand = "no_zero_band",

    /// Publishing: the id does not match `[A-Za-z_][A-Za-z0-9._-]{0,63}`.
    BadId = "bad_id",
    /// Publishing: the list is longer than the import limit.
    TooMany = "too_many",
    /// Publishing: a text lacks one of the listed languages.
    MissingLanguage = "missing_language",
    /// Publishing: the common denominator of the item scores is too large.
    DenominatorTooLarge = "denominator_too_large",

    /// Warning: no scored item of role normal has weight, so every score will be null.
    NothingScored = "nothing_scored",
    /// Warning: every item of the section has weight zero.
    ZeroWeightSection = "zero_weight_section",
    /// Warning: a section without items.
    EmptySection = "empty_section",
    /// Warning: an N/A policy on an item that does not allow N/A does nothing.
    NaWithoutNaAllowed = "na_without_na_allowed",
}

impl fmt::Display for ProblemCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for ProblemCode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// Problems found so far.
#[derive(Default)]
pub(crate) struct Problems(Vec<Problem>);

impl Problems {
    pub(crate) fn push(&mut self, pointer: impl Into<String>, code: ProblemCode, message: impl Into<String>) {
        self.0.push(Problem::new(pointer, code, message));
    }

    /// All of them, in the order they are reported.
    pub(crate) fn into_sorted(mut self) -> Vec<Problem> {
        self.0.sort_by(|a, b| (a.pointer.as_str(), a.code.as_str()).cmp(&(b.pointer.as_str(), b.code.as_str())));
        self.0
    }
}
