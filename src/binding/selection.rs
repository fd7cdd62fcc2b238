//! Lists and removals of sessions by their user or by what they hold.

use napi::bindgen_prelude::Env;
use napi_derive::napi;

use super::NativeStore;
use crate::store::{Selection, SessionText, Ticket, Verb};

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

    /// Deletes that session of a user that has this public name.
    #[napi]
    pub fn revoke(
        &self,
        env: Env,
        ticket: Ticket,
        user: String,
        handle: String,
    ) -> napi::Result<()> {
        let selection = Selection::Revoke { user, handle };
        self.submit(env, ticket, Verb::Select(selection))
    }

    /// Deletes a session that was added, unless it has been confirmed; `reserved` is what adding it has
    /// answered.
    #[napi]
    pub fn take_back(
        &self,
        env: Env,
        ticket: Ticket,
        sid: String,
        reserved: i64,
    ) -> napi::Result<()> {
        let selection = Selection::TakeBack {
            sid,
            reserved_ms: reserved,
        };
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
