//! Reading members of a JSON object, with every fault noted at its pointer.

use serde_json::{Map, Value};

use crate::fraction::Fraction;
use crate::problem::{ProblemCode, Problems};
use crate::words::Word;

/// Whole numbers stop at this distance from zero.
const WHOLE_LIMIT: i128 = 1 << 100;

/// Members that scoring ignores, allowed on the standard, sections, dimensions, bands, items and options.
const PRESENTATION: [&str; 10] =
    ["format", "title", "text", "help", "advice", "channel", "languages", "unit", "evidence_kind", "measured"];

/// A JSON integer, or `None` for any other value.
///
/// Numbers written with a fraction or an exponent (`4.0`, `1e1`) are not integers. Without the
/// `arbitrary_precision` feature of `serde_json`, integers beyond 64 bits reach us as floating
/// point and are refused too. Integers beyond 100 bits stop there: no rating or weight is near.
pub(crate) fn whole(value: &Value) -> Option<i128> {
    let Value::Number(number) = value else { return None };
    if let Some(n) = number.as_i64() {
        return Some(n.into());
    }
    if let Some(n) = number.as_u64() {
        return Some(n.into());
    }
    let text = number.to_string();
    let digits = text.strip_prefix('-').unwrap_or(&text);
    if !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let end = if digits.len() < text.len() { -WHOLE_LIMIT } else { WHOLE_LIMIT };
    Some(text.parse::<i128>().map_or(end, |n| n.clamp(-WHOLE_LIMIT, WHOLE_LIMIT)))
}

/// A JSON integer or a decimal string.
pub(crate) fn number(value: &Value) -> Option<Fraction> {
    match value {
        Value::String(text) => Fraction::decimal(text),
        Value::Number(number) => match number.as_i64() {
            Some(n) => Some(Fraction::whole(n)),
            // The grammar of decimals without a point is that of JSON integers.
            None => {
                Some(number.to_string()).filter(|text| !text.contains('.')).and_then(|text| Fraction::decimal(&text))
            }
        },
        _ => None,
    }
}

/// The pointer of member `key` of the object or array at `pointer`.
pub(crate) fn join(pointer: &str, key: &str) -> String {
    format!("{pointer}/{}", key.replace('~', "~0").replace('/', "~1"))
}

/// The pointer of entry `position` of the array at `pointer`.
pub(crate) fn entry(pointer: &str, position: usize) -> String {
    format!("{pointer}/{position}")
}

/// An object of the standard at its pointer.
pub(crate) struct Object<'a> {
    map: &'a Map<String, Value>,
    pub(crate) pointer: String,
}

impl<'a> Object<'a> {
    /// Opens `value`, or notes that it is not an object.
    pub(crate) fn open(value: &'a Value, pointer: String, problems: &mut Problems) -> Option<Self> {
        match value {
            Value::Object(map) => Some(Object { map, pointer }),
            _ => {
                problems.push(pointer, ProblemCode::BadType, "write an object {..} here");
                None
            }
        }
    }

    pub(crate) fn at(&self, key: &str) -> String {
        join(&self.pointer, key)
    }

    pub(crate) fn has(&self, key: &str) -> bool {
        self.map.contains_key(key)
    }

    pub(crate) fn get(&self, key: &str) -> Option<&'a Value> {
        self.map.get(key)
    }

    /// The member, or a note that it is missing.
    pub(crate) fn required(&self, key: &str, problems: &mut Problems) -> Option<&'a Value> {
        let found = self.map.get(key);
        if found.is_none() {
            problems.push(self.at(key), ProblemCode::Missing, format!("add the member \"{key}\""));
        }
        found
    }

    /// Notes every member that is neither in `known` nor, where allowed, a presentation field.
    pub(crate) fn only(&self, known: &[&[&str]], presentation: bool, problems: &mut Problems) {
        for key in self.map.keys() {
            let key = key.as_str();
            let ignored = presentation && PRESENTATION.contains(&key);
            if !ignored && !known.iter().any(|names| names.contains(&key)) {
                problems.push(
                    self.at(key),
                    ProblemCode::UnknownField,
                    "remove this member or correct its name: it is not known here",
                );
            }
        }
    }

    /// A required string.
    pub(crate) fn text(&self, key: &str, problems: &mut Problems) -> Option<&'a str> {
        let found = self.required(key, problems)?;
        self.typed(key, found.as_str(), "a string", problems)
    }

    /// An optional boolean.
    pub(crate) fn flag(&self, key: &str, default: bool, problems: &mut Problems) -> bool {
        let Some(value) = self.get(key) else { return default };
        self.typed(key, value.as_bool(), "true or false", problems).unwrap_or(default)
    }

    /// A required array with the pointers of its entries.
    pub(crate) fn list(&self, key: &str, problems: &mut Problems) -> Option<&'a [Value]> {
        let found = self.required(key, problems)?;
        self.typed(key, found.as_array(), "a list [..]", problems).map(Vec::as_slice)
    }

    /// An optional array.
    pub(crate) fn optional_list(&self, key: &str, problems: &mut Problems) -> Option<&'a [Value]> {
        if self.has(key) { self.list(key, problems) } else { None }
    }

    /// A required whole number in `low..=high`.
    pub(crate) fn int(&self, key: &str, low: i64, high: i64, problems: &mut Problems) -> Option<i64> {
        let found = self.required(key, problems)?;
        int_in(found, &self.at(key), low, high, problems)
    }

    /// An optional share in basis points.
    pub(crate) fn optional_bp(&self, key: &str, problems: &mut Problems) -> Option<i64> {
        let found = self.get(key)?;
        bp(found, &self.at(key), problems)
    }

    /// A required word of `W`.
    pub(crate) fn word<W: Word>(&self, key: &str, problems: &mut Problems) -> Option<W> {
        let text = self.text(key, problems)?;
        let found = W::from_word(text);
        if found.is_none() {
            let words: Vec<_> = W::ALL.iter().map(|w| format!("\"{}\"", w.word())).collect();
            let message = format!("choose one of {}", words.join(", "));
            problems.push(self.at(key), ProblemCode::BadValue, message);
        }
        found
    }

    /// An optional word of `W`.
    pub(crate) fn optional_word<W: Word>(&self, key: &str, default: W, problems: &mut Problems) -> W {
        if self.has(key) { self.word(key, problems).unwrap_or(default) } else { default }
    }

    fn typed<T>(&self, key: &str, found: Option<T>, what: &str, problems: &mut Problems) -> Option<T> {
        if found.is_none() {
            problems.push(self.at(key), ProblemCode::BadType, format!("write {what} here"));
        }
        found
    }
}

/// A whole number in `low..=high`.
pub(crate) fn int_in(value: &Value, pointer: &str, low: i64, high: i64, problems: &mut Problems) -> Option<i64> {
    let Some(n) = whole(value) else {
        problems.push(pointer, ProblemCode::BadType, "write a whole number without quotes, point or exponent");
        return None;
    };
    let fitting = i64::try_from(n).ok().filter(|n| (low..=high).contains(n));
    if fitting.is_none() {
        problems.push(pointer, ProblemCode::OutOfRange, format!("choose a number from {low} to {high}"));
    }
    fitting
}

/// A share in basis points, 0..=10000.
pub(crate) fn bp(value: &Value, pointer: &str, problems: &mut Problems) -> Option<i64> {
    int_in(value, pointer, 0, 10_000, problems)
}

/// A decimal: an integer or a decimal string.
pub(crate) fn decimal(value: &Value, pointer: &str, problems: &mut Problems) -> Option<Fraction> {
    let found = number(value);
    if found.is_none() {
        let message = "write a whole number, or a decimal as a string such as \"200.5\" (at most 100 characters)";
        problems.push(pointer, ProblemCode::BadType, message);
    }
    found
}
