//! Lists and removals of sessions by their user or by what they hold.

use napi::bindgen_prelude::Env;
use napi_derive::napi;

use super::NativeStore;
use crate::store::{Place, Selection, SessionText, Ticket, Verb};

/// Which part of a list is wanted.
#[napi(object)]
#[derive(Default)]
pub struct ListPlace {
    /// By what it is sorted, besides by the ids.
    pub sorted_by: Option<String>,
    /// Whether what is greatest comes first.
    pub descends: Option<bool>,
    /// What the page before has said, or where the list is to begin: what it is sorted by, and an id.
    pub value: Option<String>,
    /// The id.
    pub after: Option<String>,
    /// Whether it begins before this id.
    pub is_before_id: Option<bool>,
    /// How many documents the page may have.
    pub most: Option<u32>,
}

#[napi]
impl NativeStore {
    /// Reads a page of a list: of the sessions of `user`, or of those that match a filter, given as
    /// text and specials, or of all.
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
        place: ListPlace,
    ) -> napi::Result<()> {
        let filter = filter.zip(specials);
        let selection = Selection::Page {
            user,
            filter: filter.map(|(text, specials)| SessionText { text, specials }),
            place: Place {
                sorted_by: place.sorted_by,
                descends: place.descends == Some(true),
                value: place.value,
                after: place.after,
                is_before_id: place.is_before_id == Some(true),
                most: place.most,
            },
            ids_only,
        };
        self.submit(env, ticket, Verb::Select(Box::new(selection)))
    }

    /// Counts the sessions that match a filter, given as text and specials; up to `most`, if that is given.
    #[napi]
    pub fn count(
        &self,
        env: Env,
        ticket: Ticket,
        text: String,
        specials: String,
        most: Option<u32>,
    ) -> napi::Result<()> {
        let filter = SessionText { text, specials };
        self.submit(
            env,
            ticket,
            Verb::Select(Box::new(Selection::Count { filter, most })),
        )
    }

    /// Reads a page of the list of users, behind one of them; the empty text for the first page.
    #[napi]
    pub fn users(&self, env: Env, ticket: Ticket, after: String) -> napi::Result<()> {
        self.submit(
            env,
            ticket,
            Verb::Select(Box::new(Selection::Users { after })),
        )
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
        self.submit(env, ticket, Verb::Select(Box::new(selection)))
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
        self.submit(env, ticket, Verb::Select(Box::new(selection)))
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
        self.submit(env, ticket, Verb::Select(Box::new(selection)))
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
        self.submit(
            env,
            ticket,
            Verb::Select(Box::new(Selection::DestroyMany { filter })),
        )
    }
}
