//! The order of values in MongoDB, "Comparison/Sort Order" in the manual.

use std::cmp::Ordering;

use mongodb::bson::Decimal128;

use crate::codec::raw::{self, Element, kind};

/// Values of different classes are never equal, and none is less than the other in a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    MinKey,
    Undefined,
    Null,
    Number,
    Text,
    Document,
    Array,
    Binary,
    ObjectId,
    Boolean,
    Date,
    Timestamp,
    RegExp,
    Pointer,
    Code,
    CodeWithScope,
    MaxKey,
}

/// The class of values of a type of BSON.
pub fn class(kind: u8) -> Class {
    match kind {
        kind::UNDEFINED => Class::Undefined,
        kind::NULL => Class::Null,
        kind::DOUBLE | kind::INT32 | kind::INT64 | kind::DECIMAL128 => Class::Number,
        kind::STRING | kind::SYMBOL => Class::Text,
        kind::DOCUMENT => Class::Document,
        kind::ARRAY => Class::Array,
        kind::BINARY => Class::Binary,
        kind::OBJECT_ID => Class::ObjectId,
        kind::BOOLEAN => Class::Boolean,
        kind::DATE => Class::Date,
        kind::TIMESTAMP => Class::Timestamp,
        kind::REGEX => Class::RegExp,
        kind::DB_POINTER => Class::Pointer,
        kind::CODE => Class::Code,
        kind::CODE_WITH_SCOPE => Class::CodeWithScope,
        kind::MAX_KEY => Class::MaxKey,
        _ => Class::MinKey,
    }
}

/// Compares two values, those of different classes by their classes. NaN is less than every other
/// number and equal to itself.
pub fn compare(left: Element<'_>, right: Element<'_>) -> Ordering {
    let classes = class(left.kind);
    classes.cmp(&class(right.kind)).then_with(|| match classes {
        Class::Number => compare_numbers(number(left), number(right)),
        Class::Text | Class::Code => text(left).cmp(text(right)),
        Class::Document | Class::Array => compare_documents(left.value, right.value),
        Class::Date => left.as_date().cmp(&right.as_date()),
        Class::Timestamp => timestamp(left).cmp(&timestamp(right)),
        // The length stands in front, with its lowest byte first.
        Class::Binary => left
            .value
            .len()
            .cmp(&right.value.len())
            .then_with(|| left.value.cmp(right.value)),
        _ => left.value.cmp(right.value),
    })
}

/// Whether a value is the number that is none.
pub fn is_nan(value: Element<'_>) -> bool {
    class(value.kind) == Class::Number && matches!(number(value), Number::Float(n) if n.is_nan())
}

#[derive(Clone, Copy)]
enum Number {
    Whole(i64),
    Float(f64),
}

fn number(value: Element<'_>) -> Number {
    let bytes = value.value.first_chunk();
    match value.kind {
        kind::DOUBLE => Number::Float(bytes.map_or(f64::NAN, |bytes| f64::from_le_bytes(*bytes))),
        kind::DECIMAL128 => Number::Float(decimal(value.value)),
        _ => value
            .as_i64()
            .map_or(Number::Float(f64::NAN), Number::Whole),
    }
}

/// As near as a double comes.
fn decimal(value: &[u8]) -> f64 {
    let decimal = value
        .first_chunk()
        .map(|bytes| Decimal128::from_bytes(*bytes));
    decimal
        .and_then(|decimal| decimal.to_string().parse().ok())
        .unwrap_or(f64::NAN)
}

fn compare_numbers(left: Number, right: Number) -> Ordering {
    match (left, right) {
        (Number::Whole(left), Number::Whole(right)) => left.cmp(&right),
        (Number::Whole(left), Number::Float(right)) => compare_mixed(left, right),
        (Number::Float(left), Number::Whole(right)) => compare_mixed(right, left).reverse(),
        (Number::Float(left), Number::Float(right)) => left
            .partial_cmp(&right)
            .unwrap_or_else(|| right.is_nan().cmp(&left.is_nan())),
    }
}

/// Without rounding: a double holds no whole number beyond 2^53 exactly.
fn compare_mixed(whole: i64, float: f64) -> Ordering {
    const LIMIT: f64 = 9_223_372_036_854_775_808.0;
    if float.is_nan() || float < -LIMIT {
        return Ordering::Greater;
    }
    if float >= LIMIT {
        return Ordering::Less;
    }
    #[expect(
        clippy::cast_possible_truncation,
        reason = "within the range, and the fraction is compared behind it"
    )]
    let truncated = float as i64;
    whole.cmp(&truncated).then_with(|| {
        0.0_f64
            .partial_cmp(&float.fract())
            .unwrap_or(Ordering::Equal)
    })
}

/// The bytes of a string between its length and its NUL.
fn text(value: Element<'_>) -> &[u8] {
    let end = value.value.len().saturating_sub(1);
    value.value.get(4..end).unwrap_or_default()
}

fn timestamp(value: Element<'_>) -> u64 {
    let bytes = value.value.first_chunk();
    bytes.map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

/// Field by field: by the classes of the values, then by the names, then by the values.
fn compare_documents(left: &[u8], right: &[u8]) -> Ordering {
    let mut left = raw::elements(left).map_while(Result::ok);
    let mut right = raw::elements(right).map_while(Result::ok);
    loop {
        let order = match (left.next(), right.next()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => return Ordering::Less,
            (Some(_), None) => return Ordering::Greater,
            (Some(left), Some(right)) => class(left.kind)
                .cmp(&class(right.kind))
                .then_with(|| left.key.cmp(right.key))
                .then_with(|| compare(left, right)),
        };
        if order.is_ne() {
            return order;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mongodb::bson::{Bson, Document, doc};

    fn order(left: impl Into<Bson>, right: impl Into<Bson>) -> Ordering {
        let document = |value: Bson| doc! { "": value }.to_vec().unwrap();
        let (left, right) = (document(left.into()), document(right.into()));
        compare(
            raw::find(&left, "").unwrap(),
            raw::find(&right, "").unwrap(),
        )
    }

    #[test]
    fn numbers_of_all_kinds_are_compared_exactly() {
        assert_eq!(order(5_i32, 5.0_f64), Ordering::Equal);
        assert_eq!(order(5_i64, 5.5_f64), Ordering::Less);
        assert_eq!(order(-5_i64, -5.5_f64), Ordering::Greater);
        assert_eq!(
            order((1_i64 << 53) + 1, 9_007_199_254_740_992.0),
            Ordering::Greater
        );
        assert_eq!(order(i64::MAX, 9_223_372_036_854_775_808.0), Ordering::Less);
        assert_eq!(order(i64::MIN, f64::NEG_INFINITY), Ordering::Greater);
        assert_eq!(order(f64::NAN, f64::NAN), Ordering::Equal);
        assert_eq!(order(f64::NAN, f64::NEG_INFINITY), Ordering::Less);
        assert_eq!(order(0.0_f64, -0.0_f64), Ordering::Equal);
        let decimal: Decimal128 = "1.50".parse().unwrap();
        assert_eq!(order(Bson::Decimal128(decimal), 1.5_f64), Ordering::Equal);
    }

    #[test]
    fn the_order_of_the_fields_counts_and_the_kind_of_a_number_does_not() {
        let one: Document = doc! { "a": 1, "b": 2 };
        assert_eq!(
            order(one.clone(), doc! { "a": 1.0, "b": 2_i64 }),
            Ordering::Equal
        );
        assert_ne!(order(one.clone(), doc! { "b": 2, "a": 1 }), Ordering::Equal);
        assert_eq!(order(one, doc! { "a": 1 }), Ordering::Greater);
    }
}
