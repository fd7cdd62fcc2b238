//! JSON text to BSON bytes.

use crate::error::{Error, Result};

use super::escape::{
    LITERAL_MARK, MARK, MARKED_MARK, NUL_IN_KEY, Role, hex, is_surrogate, plain, unhex,
};
use super::number::{self, Number};
use super::raw::writer::{end, start, stated};
use super::raw::{index, kind};
use super::specials::Specials;
use super::{MAX_DEPTH, too_deep};

/// Appends one BSON document for the JSON object in `text` to `out`.
///
/// `specials` holds the values that JSON cannot carry, or nothing; see [the module](super). Keys
/// are written in their order and as often as they occur.
///
/// # Errors
///
/// [`Error::Serialization`] if `text` is not a JSON object, is nested more than [`MAX_DEPTH`]
/// levels deep, or does not match `specials`. `out` is then what it was before.
pub fn encode(text: &str, specials: &str, out: &mut Vec<u8>) -> Result<()> {
    let before = out.len();
    out.reserve(text.len() + specials.len() + 64);
    Encoder {
        text: text.as_bytes(),
        at: 0,
        fields: 0,
        nulls: 0,
        specials: Specials::parse(specials)?,
        out,
    }
    .session()
    .inspect_err(|_| out.truncate(before))
}

struct Encoder<'a> {
    text: &'a [u8],
    /// The position of the next byte.
    at: usize,
    /// How many fields of the session have passed.
    fields: usize,
    /// How many `null`s of the present one have passed.
    nulls: usize,
    specials: Specials,
    out: &'a mut Vec<u8>,
}

/// The error for a text that is not a JSON object. `JSON.stringify` writes none, so where it
/// breaks off helps nobody, and what stands there may be private.
fn malformed() -> Error {
    Error::Serialization("the session is not a JSON object".to_owned())
}

impl Encoder<'_> {
    fn session(mut self) -> Result<()> {
        self.skip_space();
        self.expect(b'{')?;
        self.object(1)?;
        self.skip_space();
        if self.at < self.text.len() {
            return Err(malformed());
        }
        self.specials.finish()
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn expect(&mut self, byte: u8) -> Result<()> {
        if self.accept(byte) {
            Ok(())
        } else {
            Err(malformed())
        }
    }

    fn accept(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn literal(&mut self, rest: &[u8]) -> Result<()> {
        if self.text[self.at..].starts_with(rest) {
            self.at += rest.len();
            Ok(())
        } else {
            Err(malformed())
        }
    }

    fn skip_space(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.peek() {
            self.at += 1;
        }
    }

    /// Reads an object behind its brace. `depth` is its own level.
    fn object(&mut self, depth: usize) -> Result<()> {
        if depth > MAX_DEPTH {
            return Err(too_deep());
        }
        let start = start(self.out);
        self.skip_space();
        if !self.accept(b'}') {
            loop {
                let kind_at = self.out.len();
                self.out.push(kind::NULL);
                self.expect(b'"')?;
                self.string(Role::Key)?;
                self.out.push(0);
                self.skip_space();
                self.expect(b':')?;
                self.skip_space();
                self.out[kind_at] = self.value(depth)?;
                if depth == 1 {
                    self.fields += 1;
                    self.nulls = 0;
                }
                self.skip_space();
                if !self.accept(b',') {
                    break;
                }
                self.skip_space();
            }
            self.expect(b'}')?;
        }
        end(self.out, start);
        Ok(())
    }

    /// Reads an array behind its bracket. `depth` is its own level.
    fn array(&mut self, depth: usize) -> Result<()> {
        if depth > MAX_DEPTH {
            return Err(too_deep());
        }
        let start = start(self.out);
        self.skip_space();
        if !self.accept(b']') {
            for position in 0.. {
                let kind_at = self.out.len();
                self.out.push(kind::NULL);
                self.out.extend_from_slice(index(position).as_bytes());
                self.out.push(0);
                self.out[kind_at] = self.value(depth)?;
                self.skip_space();
                if !self.accept(b',') {
                    break;
                }
                self.skip_space();
            }
            self.expect(b']')?;
        }
        end(self.out, start);
        Ok(())
    }

    /// Writes the value that starts here and returns its kind.
    fn value(&mut self, depth: usize) -> Result<u8> {
        let first = self.peek().ok_or_else(malformed)?;
        if matches!(first, b'-' | b'0'..=b'9') {
            return self.number();
        }
        self.at += 1;
        match first {
            b'"' => {
                let start = start(self.out);
                self.string(Role::Value)?;
                self.out.push(0);
                let length = stated(self.out.len() - start - 4);
                self.out[start..start + 4].copy_from_slice(&length);
                Ok(kind::STRING)
            }
            b'{' => self.object(depth + 1).map(|()| kind::DOCUMENT),
            b'[' => self.array(depth + 1).map(|()| kind::ARRAY),
            b't' => {
                self.literal(b"rue")?;
                self.out.push(1);
                Ok(kind::BOOLEAN)
            }
            b'f' => {
                self.literal(b"alse")?;
                self.out.push(0);
                Ok(kind::BOOLEAN)
            }
            b'n' => {
                self.literal(b"ull")?;
                self.null(depth)
            }
            _ => Err(malformed()),
        }
    }

    /// Writes a null, or what stands in its place.
    fn null(&mut self, depth: usize) -> Result<u8> {
        let special = self.specials.take(self.fields, self.nulls);
        self.nulls += 1;
        let Some(special) = special else {
            return Ok(kind::NULL);
        };
        if depth + special.depth > MAX_DEPTH {
            return Err(too_deep());
        }
        self.out.extend_from_slice(special.value);
        Ok(special.kind)
    }

    fn number(&mut self) -> Result<u8> {
        let (number, taken) = number::parse(&self.text[self.at..]).ok_or_else(malformed)?;
        self.at += taken;
        Ok(match number {
            Number::Int32(value) => {
                self.out.extend_from_slice(&value.to_le_bytes());
                kind::INT32
            }
            Number::Double(value) => {
                self.out.extend_from_slice(&value.to_le_bytes());
                kind::DOUBLE
            }
        })
    }

    /// Copies a string behind its opening quote, without its length and its NUL.
    fn string(&mut self, role: Role) -> Result<()> {
        loop {
            let run = plain(&self.text[self.at..]);
            self.out
                .extend_from_slice(&self.text[self.at..self.at + run]);
            self.at += run;
            let byte = self.peek().ok_or_else(malformed)?;
            self.at += 1;
            match byte {
                b'"' => return Ok(()),
                b'\\' => self.escape(role)?,
                0..0x20 => return Err(malformed()),
                _ if self.text[self.at..].starts_with(&MARK.as_bytes()[1..]) => {
                    self.at += MARK.len() - 1;
                    self.out.extend_from_slice(LITERAL_MARK.as_bytes());
                }
                _ => self.out.push(byte),
            }
        }
    }

    /// Writes the character that an escape stands for, behind its backslash.
    fn escape(&mut self, role: Role) -> Result<()> {
        let byte = self.peek().ok_or_else(malformed)?;
        self.at += 1;
        self.out.push(match byte {
            b'"' | b'\\' | b'/' => byte,
            b'b' => 0x08,
            b't' => b'\t',
            b'n' => b'\n',
            b'f' => 0x0C,
            b'r' => b'\r',
            b'u' => return self.unicode_escape(role),
            _ => return Err(malformed()),
        });
        Ok(())
    }

    fn unicode_escape(&mut self, role: Role) -> Result<()> {
        let unit = self.code_unit().ok_or_else(malformed)?;
        match unit {
            0 if role == Role::Key => self.out.extend_from_slice(NUL_IN_KEY.as_bytes()),
            MARKED_MARK => self.out.extend_from_slice(LITERAL_MARK.as_bytes()),
            _ => {
                let character = char::from_u32(u32::from(unit)).or_else(|| self.pair(unit));
                if let Some(character) = character {
                    let mut bytes = [0; 4];
                    let character = character.encode_utf8(&mut bytes);
                    self.out.extend_from_slice(character.as_bytes());
                } else {
                    self.out.extend_from_slice(MARK.as_bytes());
                    self.out.extend_from_slice(&hex(unit));
                }
            }
        }
        Ok(())
    }

    /// Reads the four digits of an escape.
    fn code_unit(&mut self) -> Option<u16> {
        let digits = self.text.get(self.at..)?.first_chunk()?;
        self.at += digits.len();
        unhex(*digits)
    }

    /// The character that a surrogate and the escape behind it make up. That escape is read only
    /// if there is one.
    fn pair(&mut self, first: u16) -> Option<char> {
        let before = self.at;
        if self.text[self.at..].starts_with(b"\\u") {
            self.at += 2;
            let second = self.code_unit().filter(|&second| is_surrogate(second));
            if let Some(Ok(character)) =
                second.and_then(|second| char::decode_utf16([first, second]).next())
            {
                return Some(character);
            }
        }
        self.at = before;
        None
    }
}
