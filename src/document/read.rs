//! What a stored document means to a reader.

use super::cookie::{CookieExpiry, write_cookie};
use super::loaded::{Encoding, Loaded, Metadata, Reading, Renewed};
use super::{Layout, Moment, field};
use crate::cipher::{self, Keys};
use crate::codec::raw::{self, Element};
use crate::codec::{Json, JsonWriter, Place};
use crate::error::{Error, Result, Undecryptable};
use crate::expiry::{self, MAX_DATE_MS};

/// From which size of its text on a session is large: sending less of it back saves more than
/// looking for what has changed costs.
pub(super) const LARGE: usize = 4096;

/// Who reads documents, and when.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a> {
    /// How they are laid out.
    pub layout: &'a Layout,
    /// The moment, in milliseconds since the epoch.
    pub now_ms: i64,
    /// The keys of a store that encrypts.
    pub keys: Option<&'a Keys>,
    /// How long after its creation a session ends in any case.
    pub absolute_timeout_ms: Option<i64>,
    /// Whether [`Loaded::metadata`] are wanted.
    pub wants_metadata: bool,
    /// Whether a stored text may be another one than JSON.
    pub takes_any_text: bool,
    /// The names of the values by which sessions are found.
    pub indexes: &'a [String],
}

/// The fields of a document that count.
#[derive(Default)]
struct Parts<'a> {
    expires_ms: Option<i64>,
    created_ms: Option<i64>,
    user: Option<&'a str>,
    handle: Option<&'a str>,
    seen_ms: Option<i64>,
    renewed_to: Option<&'a str>,
    renewed_until_ms: Option<i64>,
    session: Option<Element<'a>>,
    is_flagged: bool,
    has_bigints: bool,
    indexes: Option<&'a [u8]>,
}

impl<'a> Reader<'a> {
    /// A reader of a store whose options say nothing about reading.
    #[must_use]
    pub fn new(layout: &'a Layout, now_ms: i64) -> Self {
        Self {
            layout,
            now_ms,
            keys: None,
            absolute_timeout_ms: None,
            wants_metadata: false,
            takes_any_text: false,
            indexes: &[],
        }
    }

    /// Reads a stored document.
    ///
    /// # Errors
    ///
    /// [`Error::Serialization`] when the bytes are not BSON, [`Error::Decryption`] when the session
    /// cannot be decrypted, is encrypted where there are no keys, or is not where there are.
    pub fn read(&self, document: &[u8]) -> Result<Reading> {
        let parts = self.parts(document)?;
        if parts.is_flagged || self.has_ended(&parts) {
            let renewed = parts.renewed_to.filter(|_| parts.is_flagged);
            let renewed = renewed.zip(parts.renewed_until_ms);
            return Ok(renewed.map_or(Reading::Gone, |(to, until_ms)| {
                Reading::Renewed(Renewed {
                    to: to.to_owned(),
                    until_ms,
                })
            }));
        }
        let Some(session) = parts.session else {
            return Ok(Reading::Foreign);
        };
        let is_text = |text: &&str| self.takes_any_text || text.trim_start().starts_with('{');
        let mut loaded = if let Some(text) = session.as_str().filter(is_text) {
            self.text(text, &parts)?
        } else if let Some(session) = session.as_document() {
            self.session(document, session, &parts)?
        } else {
            return Ok(Reading::Foreign);
        };
        if self.wants_metadata {
            loaded.metadata = Some(Box::new(Metadata {
                expires_ms: parts.expires_ms,
                created_ms: parts.created_ms,
                user: parts.user.map(str::to_owned),
                handle: parts.handle.map(str::to_owned),
                seen_ms: parts.seen_ms,
                indexes: self.index_values(&parts),
            }));
        }
        Ok(Reading::Live(loaded))
    }

    fn parts<'d>(&self, document: &'d [u8]) -> Result<Parts<'d>> {
        let mut parts = Parts::default();
        for element in raw::distinct(document) {
            let element = element?;
            let key = element.key;
            if key == self.layout.moment.as_bytes() {
                let expiry = |moment| self.layout.expiry_of(moment);
                parts.expires_ms = earliest(element).map(expiry);
            } else if key == self.layout.session.as_bytes() {
                parts.session = Some(element);
            } else if key == self.layout.deleted.as_bytes() {
                parts.is_flagged = element.as_bool() == Some(true);
            } else if key == field::CREATED.as_bytes() {
                parts.created_ms = earliest(element);
            } else if key == field::USER.as_bytes() {
                parts.user = element.as_str();
            } else if key == field::HANDLE.as_bytes() {
                parts.handle = element.as_str();
            } else if key == field::SEEN.as_bytes() {
                parts.seen_ms = element.as_date();
            } else if key == field::RENEWED_TO.as_bytes() {
                parts.renewed_to = element.as_str();
            } else if key == field::RENEWED_UNTIL.as_bytes() {
                parts.renewed_until_ms = element.as_date();
            } else if key == field::BIGINT.as_bytes() {
                parts.has_bigints = element.as_bool() == Some(true);
            } else if key == field::INDEXES.as_bytes() {
                parts.indexes = element.as_document();
            }
        }
        Ok(parts)
    }

    /// The values that the document holds under the names of this store. What another program has put there
    /// and cannot be read counts as nothing.
    fn index_values(&self, parts: &Parts<'_>) -> Option<Json> {
        if self.indexes.is_empty() {
            return None;
        }
        let mut json = JsonWriter::new();
        json.start_object();
        for name in self.indexes {
            let value = parts.indexes.and_then(|values| raw::find(values, name));
            if let Some(value) = value
                && json.element(value).is_err()
            {
                return Some(Json {
                    text: "{}".to_owned(),
                    specials: String::new(),
                });
            }
        }
        json.end_object();
        Some(json.finish())
    }

    fn has_ended(&self, parts: &Parts<'_>) -> bool {
        let last = |timeout_ms| parts.created_ms.map(|at| at.saturating_add(timeout_ms));
        expiry::is_expired(parts.expires_ms, self.now_ms)
            || expiry::is_expired(self.absolute_timeout_ms.and_then(last), self.now_ms)
    }

    /// A session that is stored as a text, which JavaScript takes apart.
    fn text(&self, text: &str, parts: &Parts<'_>) -> Result<Loaded> {
        if self.keys.is_some_and(|keys| !keys.accepts_unencrypted()) {
            return Err(Error::Decryption(Undecryptable::NotEncrypted));
        }
        Ok(Loaded {
            json: Json {
                text: text.to_owned(),
                specials: String::new(),
            },
            encoding: Encoding::Text,
            cookie_expires_ms: self.touched(parts),
            places: Vec::new(),
            metadata: None,
        })
    }

    /// A touch moves only the moment of the document; the session reads as touched. The moment of the
    /// last access says nothing about the cookie.
    fn touched(&self, parts: &Parts<'_>) -> Option<i64> {
        let expires = parts
            .expires_ms
            .map(|at| at.clamp(-MAX_DATE_MS, MAX_DATE_MS));
        expires.filter(|_| self.layout.meaning == Moment::Expiry)
    }

    fn session(&self, document: &[u8], session: &[u8], parts: &Parts<'_>) -> Result<Loaded> {
        let id = || self.layout.id_of(document).unwrap_or_default();
        let decrypted = self
            .keys
            .map(|keys| keys.decrypt_session(id(), session))
            .transpose()?;
        let session = decrypted.as_deref().unwrap_or(session);
        let mut writer = JsonWriter::with_capacity(session.len() + session.len() / 4);
        writer.set_bigints(parts.has_bigints);
        let mut cookie_expires = CookieExpiry::None;
        let mut has_cookie = false;
        let mut places = Vec::new();
        writer.start_object();
        for element in raw::distinct(session) {
            let element = element?;
            has_cookie |= element.key == field::COOKIE.as_bytes();
            if element.key == field::COOKIE.as_bytes()
                && let Some(cookie) = element.as_document()
            {
                cookie_expires = write_cookie(&mut writer, cookie)?;
                continue;
            }
            if self.keys.is_none() && cipher::is_encrypted(&element) {
                return Err(Error::Decryption(Undecryptable::NoKeys));
            }
            places.push(writer.element(element)?);
        }
        writer.end_object();
        let written = writer.len();
        let json = writer.finish();
        // What was no UTF-8 has been replaced, and with three bytes for three everything keeps its
        // place.
        let shift = usize::from(json.text.starts_with(' '));
        let is_as_written = json.text.len() == written + shift;
        for place in &mut places {
            place.key += shift;
            place.value += shift;
            place.end += shift;
        }
        Ok(Loaded {
            places: if json.text.len() >= LARGE && is_as_written {
                in_code_units(&json.text, places)
            } else {
                Vec::new()
            },
            json,
            encoding: Encoding::Document,
            cookie_expires_ms: match cookie_expires {
                // Where it is then, only the application knows.
                CookieExpiry::None if !has_cookie => self.touched(parts),
                CookieExpiry::None => None,
                CookieExpiry::Own => self.touched(parts),
                CookieExpiry::At(at) => {
                    let at = at.max(self.touched(parts).unwrap_or(i64::MIN));
                    Some(at.clamp(-MAX_DATE_MS, MAX_DATE_MS))
                }
            },
            metadata: None,
        })
    }
}

/// Places counted in UTF-16 code units instead of bytes.
fn in_code_units(text: &str, places: Vec<Place>) -> Vec<Place> {
    if text.is_ascii() {
        return places;
    }
    let mut at = (0, 0);
    let mut advance = |to: usize| {
        let between = text.get(at.0..to)?;
        at = (to, at.1 + between.encode_utf16().count());
        Some(at.1)
    };
    let convert = |place: Place| {
        Some(Place {
            key: advance(place.key)?,
            value: advance(place.value)?,
            end: advance(place.end)?,
        })
    };
    let converted: Option<Vec<Place>> = places.into_iter().map(convert).collect();
    converted.unwrap_or_default()
}

/// The moment in a field with an index on it: of several in an array, the earliest, as for MongoDB's TTL
/// monitor and its queries.
#[must_use]
pub fn earliest(element: Element<'_>) -> Option<i64> {
    match element.as_array() {
        Some(array) => raw::elements(array)
            .map_while(Result::ok)
            .filter_map(|element| element.as_date())
            .min(),
        None => element.as_date(),
    }
}
