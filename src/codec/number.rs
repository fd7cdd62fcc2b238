//! Numbers as JSON text.

use serde_json::ser::{CompactFormatter, Formatter as _};

/// A JavaScript number as BSON stores it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Number {
    Int32(i32),
    Double(f64),
}

/// Reads the JSON number at the start of `text`, and how many bytes it takes. Its value decides
/// about its kind, not its notation, as in the Node driver.
///
/// A number beyond the range of a double is refused: `JSON.stringify` writes none.
pub(super) fn parse(text: &[u8]) -> Option<(Number, usize)> {
    let sign = usize::from(text.first() == Some(&b'-'));
    let digits = &text[sign..][..digits(&text[sign..])?];
    // A leading zero is not JSON, and would be an octal number in old JavaScript.
    if digits.len() > 1 && digits[0] == b'0' {
        return None;
    }
    let integer = sign + digits.len();
    let length = integer + fraction_and_exponent(&text[integer..])?;
    // Most numbers are integers, and fifteen digits fit into a double exactly.
    if length == integer && digits.len() <= 15 {
        let value = digits
            .iter()
            .fold(0, |value, &digit| value * 10 + i64::from(digit - b'0'));
        if value != 0 || sign == 0 {
            return Some((whole_number(if sign == 1 { -value } else { value }), length));
        }
    }
    let value: f64 = str::from_utf8(&text[..length]).ok()?.parse().ok()?;
    let number = match int32(value) {
        Some(value) => Number::Int32(value),
        None => Number::Double(value),
    };
    value.is_finite().then_some((number, length))
}

/// An integer that a double holds exactly.
#[expect(clippy::cast_precision_loss, reason = "the caller sees to it")]
fn whole_number(value: i64) -> Number {
    i32::try_from(value).map_or(Number::Double(value as f64), Number::Int32)
}

/// How many digits `text` starts with, at least one.
fn digits(text: &[u8]) -> Option<usize> {
    let other = text.iter().position(|byte| !byte.is_ascii_digit());
    Some(other.unwrap_or(text.len())).filter(|&length| length > 0)
}

/// How many bytes the parts behind the integer take; `None` if one has begun without digits.
fn fraction_and_exponent(text: &[u8]) -> Option<usize> {
    let mut length = 0;
    if text.first() == Some(&b'.') {
        length = 1 + digits(&text[1..])?;
    }
    if let Some(b'e' | b'E') = text.get(length) {
        length += 1;
        length += usize::from(matches!(text.get(length), Some(b'+' | b'-')));
        length += digits(&text[length..])?;
    }
    Some(length)
}

/// The number as an int32 if it is one; `-0` is not.
#[expect(
    clippy::cast_possible_truncation,
    reason = "a cast that changes the number is noticed"
)]
fn int32(value: f64) -> Option<i32> {
    let integer = value as i32;
    (f64::from(integer).to_bits() == value.to_bits()).then_some(integer)
}

/// Appends an integer.
pub(super) fn integer(out: &mut Vec<u8>, value: i64) {
    // Writing to memory does not fail.
    let _infallible = CompactFormatter.write_i64(out, value);
}

/// Appends a finite double with the fewest digits that read back as the same one.
pub(super) fn double(out: &mut Vec<u8>, value: f64) {
    if let Some(whole) = whole(value) {
        integer(out, whole);
    } else {
        let _infallible = CompactFormatter.write_f64(out, value);
        if out.ends_with(b".0") {
            out.truncate(out.len() - 2);
        }
    }
}

/// The integer that `value` is, as long as all its digits are significant: from 2^53 on, shorter
/// notations than all digits name the same double. `-0` is none.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "casts that change the number are noticed"
)]
fn whole(value: f64) -> Option<i64> {
    let whole = value as i64;
    let exact = (whole as f64).to_bits() == value.to_bits();
    (exact && whole.unsigned_abs() < 1 << 53).then_some(whole)
}
