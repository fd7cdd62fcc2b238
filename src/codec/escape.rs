//! Finds the few places in a text where JSON or BSON needs something else than its bytes.

/// U+FDD0 in UTF-8, which introduces a code unit that BSON cannot hold.
pub(super) const MARK: &str = "\u{FDD0}";
/// U+FDD0 as a UTF-16 code unit.
pub(super) const MARKED_MARK: u16 = 0xFDD0;
/// What stands for a NUL in a key.
pub(super) const NUL_IN_KEY: &str = "\u{FDD0}0000";
/// What stands for U+FDD0 itself.
pub(super) const LITERAL_MARK: &str = "\u{FDD0}fdd0";

/// The digits of every hexadecimal number that the codec writes.
const HEX: &[u8; 16] = b"0123456789abcdef";

/// Where a text stands in a document. A key cannot hold a NUL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Key,
    Value,
}

/// How many bytes at the start of `text` are plain: neither a quote, a backslash nor a control
/// character, and not the first byte of [`MARK`] either.
#[inline]
pub(super) fn plain(text: &[u8]) -> usize {
    let (words, rest) = text.as_chunks::<8>();
    for (position, word) in words.iter().enumerate() {
        let found = special_bytes(u64::from_le_bytes(*word));
        if found != 0 {
            return position * 8 + found.trailing_zeros() as usize / 8;
        }
    }
    // The last word overlaps the one before, which is cheaper than going on byte by byte.
    if let Some(word) = text.last_chunk() {
        let found = special_bytes(u64::from_le_bytes(*word));
        // Without a special byte there are 64 zeros, and this is the length.
        return text.len() - word.len() + found.trailing_zeros() as usize / 8;
    }
    let special = rest.iter().position(|&byte| is_special(byte));
    special.unwrap_or(text.len())
}

fn is_special(byte: u8) -> bool {
    byte < 0x20 || matches!(byte, b'"' | b'\\') || byte == MARK.as_bytes()[0]
}

/// Marks the special bytes of eight at once, with the high bit of each. Bytes above the first one
/// that is marked may be marked wrongly, so only that one counts.
///
/// A byte is below `n` where subtracting `n` from it borrows and its own high bit is not set; it
/// equals `n` where its difference to `n` is below 1.
fn special_bytes(word: u64) -> u64 {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    const HIGH: u64 = u64::from_le_bytes([0x80; 8]);
    const fn below(word: u64, n: u8) -> u64 {
        word.wrapping_sub(ONES * n as u64) & !word & HIGH
    }
    const fn equal(word: u64, n: u8) -> u64 {
        below(word ^ (ONES * n as u64), 1)
    }
    below(word, 0x20) | equal(word, b'"') | equal(word, b'\\') | equal(word, MARK.as_bytes()[0])
}

/// The four lower-case hex digits of a UTF-16 code unit.
pub(super) fn hex(unit: u16) -> [u8; 4] {
    [12, 8, 4, 0].map(|shift| HEX[usize::from(unit >> shift & 0xF)])
}

/// The code unit that four hex digits of either case name.
pub(super) fn unhex(digits: [u8; 4]) -> Option<u16> {
    digits.iter().try_fold(0, |unit, &digit| {
        let value = char::from(digit).to_digit(16)?;
        Some(unit << 4 | u16::try_from(value).ok()?)
    })
}

/// Whether a UTF-16 code unit is half of a pair.
pub(super) const fn is_surrogate(unit: u16) -> bool {
    matches!(unit, 0xD800..=0xDFFF)
}

/// What JSON writes for a control character.
fn control(byte: u8, out: &mut Vec<u8>) {
    let short = match byte {
        0x08 => b'b',
        b'\t' => b't',
        b'\n' => b'n',
        0x0C => b'f',
        b'\r' => b'r',
        _ => {
            out.extend_from_slice(b"\\u");
            out.extend_from_slice(&hex(u16::from(byte)));
            return;
        }
    };
    out.extend_from_slice(&[b'\\', short]);
}

/// Appends a string or key from BSON to a JSON text, without the quotes around it. Bytes that are
/// not UTF-8 are passed on.
pub(super) fn to_json(mut text: &[u8], role: Role, out: &mut Vec<u8>) {
    loop {
        let (run, rest) = text.split_at(plain(text));
        out.extend_from_slice(run);
        let Some((&byte, rest)) = rest.split_first() else {
            return;
        };
        text = rest;
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            0..0x20 => control(byte, out),
            _ => match marked(rest, role) {
                Some((unit, after)) => {
                    text = after;
                    if unit == MARKED_MARK {
                        out.extend_from_slice(MARK.as_bytes());
                    } else {
                        out.extend_from_slice(b"\\u");
                        out.extend_from_slice(&hex(unit));
                    }
                }
                None => out.push(byte),
            },
        }
    }
}

/// The code unit that a [`MARK`] introduces, and what follows it. `text` starts behind the first
/// byte of what may be a mark.
fn marked(text: &[u8], role: Role) -> Option<(u16, &[u8])> {
    let (digits, after) = text
        .strip_prefix(&MARK.as_bytes()[1..])?
        .split_first_chunk()?;
    let unit = unhex(*digits).filter(|&unit| hex(unit) == *digits)?;
    let known = unit == MARKED_MARK || is_surrogate(unit) || (unit == 0 && role == Role::Key);
    known.then_some((unit, after))
}
