//! Conditions (`show_if`): when an item is asked, given the answers to earlier items.

use std::sync::Arc;

use serde_json::Value;

use crate::answer::{Reply, State, Status};
use crate::fraction::Fraction;
use crate::kind::{ItemKind, TypeName};
use crate::parse::Ids;
use crate::parse_item::Draft;
use crate::problem::{ProblemCode, Problems};
use crate::read::{Object, entry, number, whole};
use crate::words::{Word, words};

/// Deepest nesting of `all`, `any` and `not`, so that no input can exhaust the stack.
const MAX_DEPTH: usize = 128;

/// A compiled condition.
#[derive(Clone, Debug)]
pub(crate) enum Condition {
    All(Vec<Condition>),
    Any(Vec<Condition>),
    Not(Box<Condition>),
    Atom { item: usize, test: Test },
}

/// A question about one answered item. Two-valued: false unless the status of the item is `ok`.
#[derive(Clone, Debug)]
pub(crate) enum Test {
    Answered,
    IsNa,
    /// The boolean equals one of these.
    Bool {
        wanted: Vec<bool>,
        negate: bool,
    },
    /// The chosen option (or one of them) equals one of these, given by position. `equals` has the
    /// first equal option of each: `"1"` and `"1.0"` are ids of two options and one number.
    Option {
        equals: Arc<[usize]>,
        wanted: Vec<usize>,
        negate: bool,
    },
    /// The number compares so with one of these.
    Number {
        compare: Compare,
        with: Vec<Fraction>,
        negate: bool,
    },
}

/// How an answered number is compared.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Compare {
    Equal,
    AtLeast,
    Above,
    AtMost,
    Below,
}

words! {
    /// The operations of a condition.
    Op {
        /// Equal.
        Eq = "eq",
        /// Not equal.
        Ne = "ne",
        /// Equal to one of a list.
        In = "in",
        /// At least.
        Ge = "ge",
        /// Above.
        Gt = "gt",
        /// At most.
        Le = "le",
        /// Below.
        Lt = "lt",
        /// One of the chosen options.
        Contains = "contains",
        /// Answered, not with N/A.
        Answered = "answered",
        /// Answered with N/A.
        IsNa = "is_na",
    }
}

impl Condition {
    /// Whether the condition holds, given the states of the items before.
    pub(crate) fn holds<'a>(&self, state_of: &impl Fn(usize) -> Option<&'a State>) -> bool {
        match self {
            Condition::All(parts) => parts.iter().all(|part| part.holds(state_of)),
            Condition::Any(parts) => parts.iter().any(|part| part.holds(state_of)),
            Condition::Not(part) => !part.holds(state_of),
            Condition::Atom { item, test } => state_of(*item).is_some_and(|state| test.holds(state)),
        }
    }
}

impl Test {
    /// Whether an item in this state passes.
    pub(crate) fn holds(&self, state: &State) -> bool {
        match (self, &state.reply) {
            (Test::IsNa, _) => state.status == Status::Na,
            (Test::Answered, _) => state.status == Status::Ok,
            (Test::Bool { wanted, negate }, Reply::Bool(answer)) => wanted.contains(answer) != *negate,
            (Test::Option { equals, wanted, negate }, Reply::Option(chosen)) => {
                wanted.contains(&equals[*chosen]) != *negate
            }
            (Test::Option { equals, wanted, .. }, Reply::Options(chosen)) => {
                chosen.iter().any(|&chosen| wanted.contains(&equals[chosen]))
            }
            (Test::Number { compare, with, negate }, Reply::Number(answer)) => {
                with.iter().any(|number| compare.holds(answer, number)) != *negate
            }
            (Test::Number { compare, with, negate }, Reply::Whole(answer)) => {
                let answer = Fraction::whole(*answer);
                with.iter().any(|number| compare.holds(&answer, number)) != *negate
            }
            _ => false,
        }
    }
}

impl Compare {
    fn holds(self, answer: &Fraction, number: &Fraction) -> bool {
        match self {
            Compare::Equal => answer == number,
            Compare::AtLeast => answer >= number,
            Compare::Above => answer > number,
            Compare::AtMost => answer <= number,
            Compare::Below => answer < number,
        }
    }
}

impl Op {
    fn allowed_for(self, type_name: TypeName) -> bool {
        use TypeName::{Choice, Multi, Nps, Numeric, Rating, YesNo};
        match self {
            Op::Answered | Op::IsNa => true,
            Op::Eq | Op::Ne | Op::In => matches!(type_name, YesNo | Choice | Rating | Nps | Numeric),
            Op::Ge | Op::Gt | Op::Le | Op::Lt => matches!(type_name, Rating | Nps | Numeric),
            Op::Contains => type_name == Multi,
        }
    }

    fn compare(self) -> Compare {
        match self {
            Op::Ge => Compare::AtLeast,
            Op::Gt => Compare::Above,
            Op::Le => Compare::AtMost,
            Op::Lt => Compare::Below,
            _ => Compare::Equal,
        }
    }
}

/// What a condition may refer to.
pub(crate) struct Context<'a, 'b> {
    /// Position of the item that has the condition.
    pub(crate) position: usize,
    pub(crate) ids: &'a Ids<'b>,
    pub(crate) drafts: &'a [Draft<'b>],
}

/// Compiles a condition, noting every fault.
pub(crate) fn compile(value: &Value, pointer: String, context: &Context, problems: &mut Problems) -> Option<Condition> {
    nested(value, pointer, context, 0, problems)
}

fn nested(
    value: &Value,
    pointer: String,
    context: &Context,
    depth: usize,
    problems: &mut Problems,
) -> Option<Condition> {
    if depth > MAX_DEPTH {
        problems.push(pointer, ProblemCode::BadValue, "nest conditions less deeply");
        return None;
    }
    let object = Object::open(value, pointer, problems)?;
    for key in ["all", "any"] {
        if !object.has(key) {
            continue;
        }
        object.only(&[&[key]], false, problems);
        let list = object.list(key, problems)?;
        let pointer = object.at(key);
        let mut parts = Vec::with_capacity(list.len());
        for (position, value) in list.iter().enumerate() {
            parts.extend(nested(value, entry(&pointer, position), context, depth + 1, problems));
        }
        return Some(if key == "all" { Condition::All(parts) } else { Condition::Any(parts) });
    }
    if let Some(inner) = object.get("not") {
        object.only(&[&["not"]], false, problems);
        let inner = nested(inner, object.at("not"), context, depth + 1, problems)?;
        return Some(Condition::Not(Box::new(inner)));
    }
    atom(&object, context, problems)
}

fn atom(object: &Object, context: &Context, problems: &mut Problems) -> Option<Condition> {
    object.only(&[&["item", "op", "value"]], false, problems);
    let item = parent(object, context, problems);
    let type_name = item.and_then(|item| context.drafts[item].type_name);
    let word = object.text("op", problems);
    let op = word.and_then(Op::from_word);
    let allowed = op.is_some_and(|op| type_name.is_none_or(|type_name| op.allowed_for(type_name)));
    if word.is_some() && !allowed {
        let allowed_here = |op: &Op| type_name.is_none_or(|type_name| op.allowed_for(type_name));
        let words: Vec<_> = Op::ALL.iter().copied().filter(allowed_here).map(Op::as_str).collect();
        let message = format!("choose an operation that fits the item: {}", words.join(", "));
        problems.push(object.at("op"), ProblemCode::BadOp, message);
    }
    if matches!(op, Some(Op::Answered | Op::IsNa)) {
        let test = if op == Some(Op::Answered) { Test::Answered } else { Test::IsNa };
        return item.map(|item| Condition::Atom { item, test });
    }
    let value = object.required("value", problems)?;
    let values = values(op.filter(|_| allowed)?, value, object.at("value"), problems)?;
    let (item, op) = item.zip(op)?;
    let test = test(op, &values, &context.drafts[item])?;
    Some(Condition::Atom { item, test })
}

fn parent(object: &Object, context: &Context, problems: &mut Problems) -> Option<usize> {
    let id = object.text("item", problems)?;
    let found = context.ids.get(id).copied();
    match found {
        None => {
            let message = format!("no item has the id \"{id}\": correct it");
            problems.push(object.at("item"), ProblemCode::UnknownRef, message);
        }
        Some(position) if position >= context.position => {
            let message = "refer to an earlier item, or move this item behind it";
            problems.push(object.at("item"), ProblemCode::ForwardRef, message);
        }
        Some(_) => {}
    }
    found
}

// The values an answer is compared with: one, or a list for `in`.
fn values<'a>(op: Op, value: &'a Value, pointer: String, problems: &mut Problems) -> Option<Vec<&'a Value>> {
    match (op, value) {
        (Op::In, Value::Array(list)) => {
            let mut good = true;
            for (position, value) in list.iter().enumerate() {
                good &= scalar(value, &entry(&pointer, position), problems);
            }
            good.then(|| list.iter().collect())
        }
        (Op::In, _) => {
            problems.push(pointer, ProblemCode::BadType, "write a list of values here");
            None
        }
        (Op::Ge | Op::Gt | Op::Le | Op::Lt, _) if number(value).is_none() => {
            let message = "write a whole number, or a decimal as a string such as \"200.5\"";
            problems.push(pointer, ProblemCode::BadType, message);
            None
        }
        _ => scalar(value, &pointer, problems).then(|| vec![value]),
    }
}

fn scalar(value: &Value, pointer: &str, problems: &mut Problems) -> bool {
    let good = matches!(value, Value::Bool(_) | Value::String(_)) || whole(value).is_some();
    if !good {
        let message = "write true or false, a whole number, or a string (decimals as strings)";
        problems.push(pointer, ProblemCode::BadType, message);
    }
    good
}

fn test(op: Op, values: &[&Value], parent: &Draft) -> Option<Test> {
    let negate = op == Op::Ne;
    Some(match parent.type_name? {
        TypeName::YesNo => Test::Bool { wanted: values.iter().filter_map(|value| value.as_bool()).collect(), negate },
        TypeName::Choice | TypeName::Multi => {
            let (ItemKind::Choice { options } | ItemKind::Multi { options, .. }) = &parent.item.as_ref()?.kind else {
                return None;
            };
            let equal = |value: &&Value| options.first_equal(number(value).as_ref(), value.as_str());
            Test::Option {
                equals: Arc::clone(&options.equals),
                wanted: values.iter().filter_map(equal).collect(),
                negate,
            }
        }
        TypeName::Rating | TypeName::Nps | TypeName::Numeric => Test::Number {
            compare: op.compare(),
            with: values.iter().filter_map(|value| number(value)).collect(),
            negate,
        },
        TypeName::Text => return None,
    })
}
