//! The calls that write one session, and what options ask of them.

use napi::bindgen_prelude::Env;
use napi_derive::napi;

use super::NativeStore;
use crate::document::Encoding;
use crate::expiry::{Creation, Lifetime};
use crate::store::{Indexed, Owner, SaveCall, SaveMode, SessionText, Ticket, Verb};

/// The values by which a session is found, as the functions of the application have answered them.
#[napi(object)]
pub struct IndexTerms {
    /// Text and specials of an object of the values by their names.
    pub text: String,
    /// The specials.
    pub specials: String,
    /// The same of what the document said when it was loaded, where that is something else.
    pub text_before: Option<String>,
    /// The specials.
    pub specials_before: Option<String>,
    /// For each name, in the order of the option, the top-level keys that make the value.
    pub keys: Option<Vec<Vec<String>>>,
}

impl IndexTerms {
    pub(super) fn indexed(self) -> Indexed {
        let before = self.text_before.map(|text| SessionText {
            text,
            specials: self.specials_before.unwrap_or_default(),
        });
        Indexed {
            values: SessionText {
                text: self.text,
                specials: self.specials,
            },
            before,
            keys: self.keys.unwrap_or_default(),
        }
    }
}

/// What only some options or methods ask of a save. One argument, so that the others pay nothing for it.
#[napi(object)]
#[derive(Default)]
pub struct Terms {
    /// What names the session, unless its document has such a name.
    pub handle: Option<String>,
    /// How long after its creation the session ends in any case, in milliseconds.
    pub absolute_timeout: Option<f64>,
    /// Whether the save is no use of the session, and leaves its expiry alone.
    pub is_passive: Option<bool>,
    /// How many sessions its user may have.
    pub most_sessions: Option<u32>,
    /// Whether the only one of the bases is what the session has to read as for this to be written.
    pub is_exchange: Option<bool>,
    /// Whether the session comes from another store, and is stored only if there is none yet. Nobody can read it
    /// before it is confirmed with what this answers; nothing if there was one.
    pub is_addition: Option<bool>,
    /// By what the session is found.
    pub indexes: Option<IndexTerms>,
}

impl Terms {
    /// How a session is saved that may have these states in the database, each a text and its specials.
    fn mode(&self, bases: Option<Vec<String>>) -> SaveMode {
        let Some(bases) = bases else {
            return match self.is_addition {
                Some(true) => SaveMode::Add,
                _ => SaveMode::Create,
            };
        };
        let mut bases = bases.into_iter();
        let mut states = Vec::new();
        while let (Some(text), Some(specials)) = (bases.next(), bases.next()) {
            states.push(SessionText { text, specials });
        }
        match states.pop() {
            Some(state) if self.is_exchange == Some(true) => SaveMode::Exchange(state),
            state => {
                states.extend(state);
                SaveMode::Loaded(states)
            }
        }
    }
}

#[napi]
impl NativeStore {
    /// Stores a session given as text and specials, or as a text without a meaning here. `bases` is
    /// absent for a session that may be created, else the texts and specials of the states it may have
    /// in the database; without any, all of it is written. `created` is its creation, NaN for one whose
    /// document does not say. `user` says whose session it is, empty for nobody's, `user_before` what the
    /// document said when it was loaded, if that is something else, and `user_keys` which top-level keys
    /// make it; without the first of them, what the document says stays.
    /// `is_unchanged` says that nobody has changed the cookie since the session was read.
    #[napi]
    #[allow(
        clippy::too_many_arguments,
        reason = "an object would cost a look-up per field; the macro copies the attribute, so not `expect`"
    )]
    pub fn set(
        &self,
        env: Env,
        ticket: Ticket,
        sid: String,
        text: String,
        specials: String,
        ttl: Option<f64>,
        cookie_expires: Option<f64>,
        bases: Option<Vec<String>>,
        created: Option<f64>,
        is_text: Option<bool>,
        is_unchanged: Option<bool>,
        user: Option<String>,
        user_before: Option<String>,
        user_keys: Option<Vec<String>>,
        terms: Option<Terms>,
    ) -> napi::Result<()> {
        let terms = terms.unwrap_or_default();
        let save = SaveCall {
            sid,
            session: SessionText { text, specials },
            encoding: encoding(is_text),
            lifetime: Lifetime {
                absolute_timeout_ms: terms.absolute_timeout,
                is_passive: terms.is_passive == Some(true),
                ..lifetime(ttl, cookie_expires, created, is_unchanged)
            },
            mode: terms.mode(bases),
            owner: user.map(|user| Owner {
                user: named(user),
                before: user_before.map(named),
                keys: user_keys.unwrap_or_default(),
                handle: terms.handle,
                most_sessions: terms.most_sessions.map(|most| most as usize),
            }),
            indexed: terms.indexes.map(IndexTerms::indexed),
        };
        self.submit(env, ticket, Verb::Set(Box::new(save)))
    }

    /// Lets a session that was added be one that can be read, if it is still there; `reserved` is what adding
    /// it has answered. Answers 1 if it was, else 0.
    #[napi]
    #[allow(
        clippy::too_many_arguments,
        reason = "an object would cost a look-up per field; the macro copies the attribute, so not `expect`"
    )]
    pub fn confirm(
        &self,
        env: Env,
        ticket: Ticket,
        sid: String,
        reserved: i64,
        ttl: Option<f64>,
        cookie_expires: Option<f64>,
        absolute_timeout: Option<f64>,
    ) -> napi::Result<()> {
        let verb = Verb::Confirm {
            sid,
            reserved_ms: reserved,
            lifetime: Lifetime {
                absolute_timeout_ms: absolute_timeout,
                ..lifetime(ttl, cookie_expires, None, None)
            },
        };
        self.submit(env, ticket, verb)
    }

    /// Moves the expiry of a session, which is `expires` as far as is known. `text` and `specials` are a
    /// session of nothing but the cookie, where that is to be stored, too; `is_unchanged` is as in
    /// [`set`](Self::set).
    #[napi]
    #[allow(
        clippy::too_many_arguments,
        reason = "an object would cost a look-up per field; the macro copies the attribute, so not `expect`"
    )]
    pub fn touch(
        &self,
        env: Env,
        ticket: Ticket,
        sid: String,
        ttl: Option<f64>,
        cookie_expires: Option<f64>,
        expires: Option<i64>,
        created: Option<f64>,
        is_unchanged: Option<bool>,
        text: Option<String>,
        specials: Option<String>,
        absolute_timeout: Option<f64>,
    ) -> napi::Result<()> {
        let cookie = text.map(|text| {
            Box::new(SessionText {
                text,
                specials: specials.unwrap_or_default(),
            })
        });
        let verb = Verb::Touch {
            sid,
            lifetime: Lifetime {
                absolute_timeout_ms: absolute_timeout,
                ..lifetime(ttl, cookie_expires, created, is_unchanged)
            },
            loaded_expires_ms: expires,
            cookie,
        };
        self.submit(env, ticket, verb)
    }

    /// Gives a session a new id, to which the old one leads for `grace` milliseconds. Answers 1, or 0 if there
    /// was none that could be given one.
    #[napi]
    pub fn renew(
        &self,
        env: Env,
        ticket: Ticket,
        sid: String,
        to: String,
        grace: i64,
    ) -> napi::Result<()> {
        let verb = Verb::Renew {
            sid,
            to,
            grace_ms: grace,
        };
        self.submit(env, ticket, verb)
    }
}

pub(super) fn encoding(is_text: Option<bool>) -> Encoding {
    match is_text {
        Some(true) => Encoding::Text,
        _ => Encoding::Document,
    }
}

/// A user, or nobody.
fn named(user: String) -> Option<String> {
    Some(user).filter(|user| !user.is_empty())
}

fn lifetime(
    ttl_ms: Option<f64>,
    cookie_expires_ms: Option<f64>,
    created_ms: Option<f64>,
    is_unchanged: Option<bool>,
) -> Lifetime {
    Lifetime {
        ttl_ms,
        cookie_expires_ms,
        creation: match created_ms {
            None => Creation::Unknown,
            Some(at) if at.is_nan() => Creation::NotStored,
            #[expect(clippy::cast_possible_truncation, reason = "it was an i64 before")]
            Some(at) => Creation::At(at as i64),
        },
        is_unchanged: is_unchanged == Some(true),
        ..Lifetime::default()
    }
}
