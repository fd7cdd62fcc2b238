//! Sessions, and lists of them, as slots of an array.

use std::fmt::Write as _;

use napi::JsValue;
use napi::bindgen_prelude::{Array, Env};

use crate::codec::Place;
use crate::document::{Encoding, Loaded};
use crate::store::{Entries, Users};

/// How many slots a session takes: text, specials, moment for `cookie.expires`, places, metadata.
const SESSION_SLOTS: u32 = 5;

/// How many slots an entry of a list takes: id, moment of its expiry, those of the session, and what it holds of
/// what the list is sorted by.
const ENTRY_SLOTS: u32 = 3 + SESSION_SLOTS;

/// How many slots a user takes: who it is, how many sessions, when the last of them expires and was used.
const USER_SLOTS: u32 = 4;

/// Text, specials, moment and places of a session; what there is not stays a hole.
pub fn set_session(
    env: Env,
    array: &mut Array<'_>,
    position: u32,
    session: &Loaded,
) -> napi::Result<()> {
    let text = &session.json.text;
    if text.is_ascii() {
        // V8 copies one byte per character instead of decoding UTF-8.
        array.set(
            position,
            env.create_string_latin1(text.as_bytes())?.to_unknown(),
        )?;
    } else {
        array.set(position, text.as_str())?;
    }
    if !session.json.specials.is_empty() {
        array.set(position + 1, session.json.specials.as_str())?;
    }
    if let Some(moment) = session.cookie_expires_ms {
        array.set(position + 2, moment)?;
    }
    if !session.places.is_empty() {
        let mut places = String::new();
        for Place { key, value, end } in &session.places {
            // Writing into a String cannot fail.
            let _ = write!(places, "{key},{value},{end},");
        }
        array.set(position + 3, places)?;
    }
    if session.encoding == Encoding::Text || session.metadata.is_some() {
        array.set(position + 4, metadata(&env, session)?)?;
    }
    Ok(())
}

/// Whether the session is stored as a text; when it expires; when it was created, NaN if its document
/// does not say; whose it is; and where documents hold that, its public name, when it was used last, and text and
/// specials of the values by which it is found.
fn metadata<'env>(env: &'env Env, session: &Loaded) -> napi::Result<Array<'env>> {
    let mut array = env.create_array(4)?;
    array.set(0, session.encoding == Encoding::Text)?;
    if let Some(metadata) = &session.metadata {
        array.set(1, metadata.expires_ms)?;
        #[expect(clippy::cast_precision_loss, reason = "moments are below 2^53")]
        let created = metadata.created_ms.map_or(f64::NAN, |at| at as f64);
        array.set(2, created)?;
        array.set(3, metadata.user.as_deref())?;
        if let Some(handle) = &metadata.handle {
            array.set(4, handle.as_str())?;
        }
        if let Some(seen) = metadata.seen_ms {
            array.set(5, seen)?;
        }
        if let Some(indexes) = &metadata.indexes {
            array.set(6, indexes.text.as_str())?;
            array.set(7, indexes.specials.as_str())?;
        }
    }
    Ok(array)
}

/// The entries as one flat array, and what the next page needs.
pub fn set_entries(
    env: Env,
    drained: &mut Array<'_>,
    position: u32,
    Entries { entries, next, .. }: &Entries,
) -> napi::Result<()> {
    let count = u32::try_from(entries.len()).unwrap_or(u32::MAX / ENTRY_SLOTS);
    let length = count * ENTRY_SLOTS;
    let mut array = env.create_array(length)?;
    for (at, entry) in (0..length).step_by(ENTRY_SLOTS as usize).zip(entries) {
        array.set(at, entry.id.as_str())?;
        if let Some(expires) = entry.expires_ms {
            array.set(at + 1, expires)?;
        }
        if let Some(session) = &entry.session {
            set_session(env, &mut array, at + 2, session)?;
        }
        if let Some(value) = &entry.value {
            array.set(at + 2 + SESSION_SLOTS, value.as_str())?;
        }
    }
    drained.set(position, array)?;
    if let Some(next) = next {
        drained.set(position + 1, next.id.as_str())?;
        drained.set(position + 2, next.most)?;
        if let Some(value) = &next.value {
            drained.set(position + 3, value.as_str())?;
        }
    }
    Ok(())
}

/// The users as one flat array, and behind whom the next page begins.
pub fn set_users(
    env: Env,
    drained: &mut Array<'_>,
    position: u32,
    Users { users, next }: &Users,
) -> napi::Result<()> {
    let count = u32::try_from(users.len()).unwrap_or(u32::MAX / USER_SLOTS);
    let length = count * USER_SLOTS;
    let mut array = env.create_array(length)?;
    for (at, user) in (0..length).step_by(USER_SLOTS as usize).zip(users) {
        array.set(at, user.user.as_str())?;
        array.set(at + 1, user.count)?;
        if let Some(expires) = user.expires_ms {
            array.set(at + 2, expires)?;
        }
        if let Some(seen) = user.seen_ms {
            array.set(at + 3, seen)?;
        }
    }
    drained.set(position, array)?;
    if let Some(next) = next {
        drained.set(position + 1, next.as_str())?;
    }
    Ok(())
}
