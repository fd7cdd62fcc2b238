//! Answers and events as slots of the drained array.

use napi::bindgen_prelude::{Array, Buffer, Env, Object};
use napi_derive::napi;

use super::slots::{set_entries, set_session, set_users};
use crate::connection::was_refused;
use crate::error::Error;
use crate::store::{Event, Outcome};

/// How many slots of the drained array one answer takes: ticket, kind and up to five values.
pub const STRIDE: u32 = 7;

/// Kinds of an answer, known to `lib/store/answers.cjs` by the same names.
#[napi]
pub const DONE: u32 = 0;
/// A session follows: text, specials, moment for `cookie.expires`, places, metadata; or nothing.
#[napi]
pub const SESSION: u32 = 1;
/// A number follows.
#[napi]
pub const COUNT: u32 = 3;
/// An error as an object follows, and whether it is known that nothing was sent.
#[napi]
pub const FAILED: u32 = 4;
/// An event: its name, and perhaps an error. The ticket is 0.
#[napi]
pub const EVENT: u32 = 5;
/// The same as [`DONE`] for a save that was dropped, because the session had been destroyed.
#[napi]
pub const DISCARDED: u32 = 6;
/// The same for a touch that was not worth sending.
#[napi]
pub const SKIPPED: u32 = 7;
/// The same for a save that created the document.
#[napi]
pub const CREATED: u32 = 8;
/// A page of a list follows: an array of entries, and what the next page needs.
#[napi]
pub const ENTRIES: u32 = 9;
/// Documents of BSON follow, one behind the other, as a buffer.
#[napi]
pub const BYTES: u32 = 10;

/// The same as [`SESSION`] without one, for an id that was given up for a new one.
#[napi]
pub const REUSED: u32 = 11;
/// A page of the list of users follows: an array, and the user behind whom the next one begins.
#[napi]
pub const USERS: u32 = 13;
/// A report: its name, and an object. The ticket is 0.
#[napi]
pub const REPORT: u32 = 12;

/// Puts what a call has ended with into the array that is drained, from `position` on: its kind and its values.
pub fn set_outcome(
    env: Env,
    drained: &mut Array<'_>,
    position: u32,
    outcome: crate::error::Result<Outcome>,
) -> napi::Result<()> {
    match outcome {
        Ok(Outcome::Done) => drained.set(position, DONE),
        Ok(Outcome::Discarded) => drained.set(position, DISCARDED),
        Ok(Outcome::Skipped) => drained.set(position, SKIPPED),
        Ok(Outcome::Created) => drained.set(position, CREATED),
        Ok(Outcome::Reused) => drained.set(position, REUSED),
        Ok(Outcome::Session(session)) => {
            drained.set(position, SESSION)?;
            match session {
                Some(session) => set_session(env, drained, position + 1, &session),
                None => Ok(()),
            }
        }
        Ok(Outcome::Entries(entries)) => {
            drained.set(position, ENTRIES)?;
            set_entries(env, drained, position + 1, &entries)
        }
        Ok(Outcome::Users(users)) => {
            drained.set(position, USERS)?;
            set_users(env, drained, position + 1, &users)
        }
        #[expect(clippy::cast_precision_loss, reason = "a JavaScript number is an f64")]
        Ok(Outcome::Count(count)) => {
            drained.set(position, COUNT)?;
            drained.set(position + 1, count as f64)
        }
        Ok(Outcome::Bytes(bytes)) => {
            drained.set(position, BYTES)?;
            drained.set(position + 1, Buffer::from(bytes))
        }
        Err(error) => set_failure(env, drained, position, &error, false),
    }
}

/// The same of a call that has failed. `is_unsent` says that nothing of it was sent to the server.
pub fn set_failure(
    env: Env,
    drained: &mut Array<'_>,
    position: u32,
    error: &Error,
    is_unsent: bool,
) -> napi::Result<()> {
    drained.set(position, FAILED)?;
    drained.set(position + 1, error_object(&env, error)?)?;
    if is_unsent {
        drained.set(position + 2, true)?;
    }
    if was_refused(error) {
        drained.set(position + 3, true)?;
    }
    Ok(())
}

/// The same of an event: its name, and what it tells.
pub fn set_event(
    env: Env,
    drained: &mut Array<'_>,
    position: u32,
    event: Event,
) -> napi::Result<()> {
    match event {
        Event::Connected => drained.set(position, "connected"),
        Event::Ended(session) => {
            let event = if session.is_expired {
                "expired"
            } else {
                "revoked"
            };
            let mut object = Object::new(&env)?;
            object.set("id", &*session.id)?;
            if let Some(handle) = &session.handle {
                object.set("handle", &**handle)?;
            }
            drained.set(position, event)?;
            drained.set(position + 1, object)
        }
        Event::Warning(error) => {
            drained.set(position, "warning")?;
            drained.set(position + 1, error_object(&env, &error)?)
        }
        Event::Disconnected(error) => {
            drained.set(position, "disconnected")?;
            drained.set(position + 1, error_object(&env, &error)?)
        }
    }
}

/// What `lib/error.cjs` makes an error of.
fn error_object<'env>(env: &'env Env, error: &Error) -> napi::Result<Object<'env>> {
    let mut object = Object::new(env)?;
    object.set("code", error.code())?;
    object.set("message", error.to_string())?;
    let known = match error {
        Error::OutcomeUnknown(error) => error,
        error => error,
    };
    match known {
        Error::Index { cause, .. }
        | Error::Watch { cause, .. }
        | Error::AutoRemove(cause)
        | Error::Fallback(cause) => {
            object.set("cause", error_object(env, cause)?)?;
        }
        Error::Connection { cause, .. }
        | Error::Refused { cause, .. }
        | Error::Timeout { cause, .. } => {
            object.set("cause", cause.as_deref())?;
        }
        _ => {}
    }
    let refusal = match known {
        Error::Server {
            code,
            code_name,
            labels,
            ..
        }
        | Error::Overloaded {
            code,
            code_name,
            labels,
            ..
        } => Some((code, code_name, labels.clone())),
        Error::Refused {
            code, code_name, ..
        } => Some((code, code_name, Vec::new())),
        _ => None,
    };
    if let Some((code, code_name, labels)) = refusal {
        object.set("mongoCode", *code)?;
        object.set("mongoCodeName", code_name.as_str())?;
        object.set("mongoLabels", labels)?;
    }
    if let Error::Overloaded { retry_after, .. } = known {
        let milliseconds = u32::try_from(retry_after.as_millis()).unwrap_or(u32::MAX);
        object.set("retryAfter", milliseconds)?;
    }
    Ok(object)
}
