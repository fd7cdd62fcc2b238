//! Filters: which sessions are meant, by what they hold. Pure.
//!
//! A filter comes as a document whose keys are dotted paths inside the session, or the names of values that are
//! kept beside it to find it by. It means what the same
//! query means in MongoDB, of whose operators it may use a few; `matches` is the same judgement for
//! the memory engine. Every value is written behind an operator, so that none is taken for one.

mod compare;
mod parse;
mod path;
mod sort;

#[cfg(test)]
mod tests;

use std::cmp::Ordering;
use std::fmt;

use self::compare::{Class, class, compare, is_nan};
pub use self::sort::{OTHER_TYPES, SortValue};
use crate::codec::raw::{self, Element, Writer, index};

/// Conditions that a session has to meet, all of them.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Filter {
    conditions: Vec<Condition>,
}

/// What is looked for may be private.
impl fmt::Debug for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Filter(<redacted>)")
    }
}

#[derive(Clone, PartialEq, Eq)]
struct Condition {
    /// Whether it is about a value beside the session, of which the path is the name.
    is_index: bool,
    path: String,
    operator: Operator,
    /// BSON type and bytes of what the operator compares with.
    operand: (u8, Vec<u8>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    Eq,
    Ne,
    Gt,
    Gte,
    Lt,
    Lte,
    In,
    Nin,
    Exists,
}

impl Operator {
    const ALL: [Self; 9] = [
        Self::Eq,
        Self::Ne,
        Self::Gt,
        Self::Gte,
        Self::Lt,
        Self::Lte,
        Self::In,
        Self::Nin,
        Self::Exists,
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::Eq => "$eq",
            Self::Ne => "$ne",
            Self::Gt => "$gt",
            Self::Gte => "$gte",
            Self::Lt => "$lt",
            Self::Lte => "$lte",
            Self::In => "$in",
            Self::Nin => "$nin",
            Self::Exists => "$exists",
        }
    }

    fn of_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|operator| operator.name() == name)
    }
}

impl Filter {
    /// Whether every session meets it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.conditions.is_empty()
    }

    /// Whether it is about anything in the session itself.
    #[must_use]
    pub fn looks_into_session(&self) -> bool {
        self.conditions.iter().any(|condition| !condition.is_index)
    }

    /// Writes its conditions as the first elements of a list of queries that all have to be met, in
    /// which the session lies under `session`, and the values beside it under `indexes`. Answers how many they
    /// are; several may be about one path.
    pub fn write(&self, list: &mut Writer, session: &str, indexes: &str) -> usize {
        for (position, condition) in self.conditions.iter().enumerate() {
            list.start_document(&index(position));
            let field = if condition.is_index { indexes } else { session };
            list.start_document(&[field, ".", &condition.path].concat());
            let (kind, value) = &condition.operand;
            list.value(condition.operator.name(), *kind, value);
            list.end();
            list.end();
        }
        self.conditions.len()
    }

    /// Whether a stored session meets it, with the values beside it. Of a session that is no document nothing
    /// in it does.
    #[must_use]
    pub fn matches(&self, session: Option<&[u8]>, indexes: Option<&[u8]>) -> bool {
        const EMPTY: &[u8] = &[5, 0, 0, 0, 0];
        self.conditions.iter().all(|condition| {
            if condition.is_index {
                condition.matches(indexes.unwrap_or(EMPTY))
            } else {
                session.is_some_and(|session| condition.matches(session))
            }
        })
    }
}

impl Condition {
    fn operand(&self) -> Element<'_> {
        Element {
            kind: self.operand.0,
            key: b"",
            value: &self.operand.1,
        }
    }

    fn matches(&self, session: &[u8]) -> bool {
        let path: Vec<&str> = self.path.split('.').collect();
        let operand = self.operand();
        let any = |test: &dyn Fn(Option<Element<'_>>) -> bool| {
            path::any(session, &path, &mut |found| test(found))
        };
        let in_list = |found: Option<Element<'_>>| {
            let mut list = raw::elements(operand.value).map_while(Result::ok);
            list.any(|wanted| equals(found, wanted))
        };
        let is_ordered = |expected: fn(Ordering) -> bool| {
            move |found: Option<Element<'_>>| {
                found.is_some_and(|found| {
                    class(found.kind) == class(operand.kind)
                        // NaN is neither less nor greater than any number, but as much as itself.
                        && if is_nan(found) || is_nan(operand) {
                            is_nan(found) && is_nan(operand) && expected(Ordering::Equal)
                        } else {
                            expected(compare(found, operand))
                        }
                })
            }
        };
        match self.operator {
            Operator::Eq => any(&|found| equals(found, operand)),
            Operator::Ne => !any(&|found| equals(found, operand)),
            Operator::In => any(&in_list),
            Operator::Nin => !any(&in_list),
            Operator::Exists => any(&|found| found.is_some()) == (operand.as_bool() == Some(true)),
            Operator::Gt => any(&is_ordered(Ordering::is_gt)),
            Operator::Gte => any(&is_ordered(Ordering::is_ge)),
            Operator::Lt => any(&is_ordered(Ordering::is_lt)),
            Operator::Lte => any(&is_ordered(Ordering::is_le)),
        }
    }
}

/// Nothing equals null.
fn equals(found: Option<Element<'_>>, wanted: Element<'_>) -> bool {
    let Some(found) = found else {
        return class(wanted.kind) == Class::Null;
    };
    match (class(found.kind), class(wanted.kind)) {
        (Class::Undefined, Class::Null) => true,
        (found_class, wanted_class) => {
            found_class == wanted_class && compare(found, wanted).is_eq()
        }
    }
}
