//! Lists and removals of sessions by their user or by what they hold.

use napi::bindgen_prelude::{Array, Env};
use napi_derive::napi;

use super::NativeStore;
use super::answer::set_session;
use crate::store::{Entries, Selection, SessionText, Ticket, Verb};

/// How many slots an entry of a list takes: id, moment of its expiry, five for the session.
const ENTRY_SLOTS: u32 = 7;

#[napi]
impl NativeStore {
    /// Reads a page of a list: of the sessions of `user`, or of those that match a filter, given as
    /// text and specials, or of all. `after` and `most` are what the page before has said.
    #[napi]
    #[allow(
        clippy::too_many_arguments,
        reason = "an object would cost a look-up per field; the macro copies the attribute, so not `expect`"
    )]
    pub fn page(
        &self,
        env: Env,
        ticket: Ticket,
        ids_only: bool,
        user: Option<String>,
        filter: Option<String>,
        specials: Option<String>,
        after: Option<String>,
        most: Option<u32>,
    ) -> napi::Result<()> {
        let filter = filter.zip(specials);
        let selection = Selection::Page {
            user,
            filter: filter.map(|(text, specials)| SessionText { text, specials }),
            after: after.zip(most),
            ids_only,
        };
        self.submit(env, ticket, Verb::Select(selection))
    }

    /// Deletes the sessions of a user but for one.
    #[napi]
    pub fn destroy_by_user(
        &self,
        env: Env,
        ticket: Ticket,
        user: String,
        except: Option<String>,
    ) -> napi::Result<()> {
        let selection = Selection::DestroyByUser { user, except };
        self.submit(env, ticket, Verb::Select(selection))
    }

    /// Deletes the sessions that match a filter, given as text and specials.
    #[napi]
    pub fn destroy_many(
        &self,
        env: Env,
        ticket: Ticket,
        text: String,
        specials: String,
    ) -> napi::Result<()> {
        let filter = SessionText { text, specials };
        self.submit(env, ticket, Verb::Select(Selection::DestroyMany { filter }))
    }
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
    }
    drained.set(position, array)?;
    if let Some((after, most)) = next {
        drained.set(position + 1, after.as_str())?;
        drained.set(position + 2, *most)?;
    }
    Ok(())
}
