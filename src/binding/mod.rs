//! The only `#[napi]` items: the store as JavaScript sees it.
//!
//! A call crosses as plain arguments and leaves a submission. Answers and events collect in a
//! queue; one wake-up of the event loop lets JavaScript drain all of them at once.

mod answer;
mod completions;
mod maintenance;
mod report;
mod selection;
mod slots;
mod stats;

use std::sync::Arc;

use napi::bindgen_prelude::{Array, Either, Env, Float64Array, Function, Uint8ArraySlice, Unknown};
use napi_derive::napi;
use zeroize::Zeroizing;

use self::answer::{EVENT, REPORT, STRIDE, set_event, set_failure, set_outcome};
use self::completions::Completions;
use self::report::set_report;
use self::stats::NativeStats;
use crate::RUNTIME;
use crate::document::Encoding;
use crate::error::Error;
use crate::expiry::{Creation, Lifetime};
use crate::options::{AutoRemove, Config, GivenKey, Options, Save};
use crate::store::{
    BulkKind, Delivery, Indexed, Owner, SaveMode, SessionText, Store, Ticket, Verb, listed_id,
};

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
    fn indexed(self) -> Indexed {
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
    /// By what the session is found.
    pub indexes: Option<IndexTerms>,
}

/// The native half of a `MongoSessionStore`.
#[napi]
pub struct NativeStore {
    store: Store,
    config: Config,
    completions: Arc<Completions>,
    date: Float64Array,
}

#[napi]
impl NativeStore {
    /// Opens a store. `options` is a JSON object, `wake` is called when there is something to
    /// drain. `keys` are those of the option `encryption`; they are copied. Before each call, JavaScript
    /// writes what `Date.now()` says into the one place of `date`, which costs less than an argument.
    #[napi(constructor)]
    #[allow(
        clippy::needless_pass_by_value,
        reason = "napi has no borrowed string to pass; its macro copies the attribute, so not `expect`"
    )]
    pub fn new(
        options: String,
        wake: Function<(), Unknown<'static>>,
        keys: Vec<Either<Uint8ArraySlice<'_>, String>>,
        date: Float64Array,
    ) -> napi::Result<Self> {
        // The connection string may hold a password.
        let options = Zeroizing::new(options);
        let options: Options = serde_json::from_str(&options)
            .map_err(|error| thrown(&Error::InvalidOption(format!("bad options: {error}"))))?;
        let keys = keys.into_iter().map(|key| match key {
            Either::A(bytes) => GivenKey::Bytes(Zeroizing::new(bytes.to_vec())),
            Either::B(text) => GivenKey::Text(Zeroizing::new(text)),
        });
        let options = options.with_keys(keys.collect());
        let config = options.validate().map_err(|error| thrown(&error))?;
        let completions = Arc::new(Completions::new(&wake)?);
        let store = Store::open(config.clone(), RUNTIME.handle(), completions.clone())
            .map_err(|error| thrown(&error))?;
        Ok(Self {
            store,
            // The keys are to be wiped from memory as soon as the store has ended.
            config: Config {
                cipher: None,
                ..config
            },
            completions,
            date,
        })
    }

    /// Tells a store that was opened without an address where its sessions are, as a JSON object;
    /// or, without, that this will never be known: for this reason, which is a mistake of the options, or
    /// because the application itself could not reach a server.
    #[napi]
    pub fn lead_to(&self, address: Option<String>, reason: Option<String>) {
        let unknown = || match reason {
            Some(reason) => Error::InvalidOption(reason),
            None => Error::connection("the application could not connect to MongoDB itself"),
        };
        let address = address.map(Zeroizing::new).ok_or_else(unknown);
        let address = address.and_then(|address| {
            serde_json::from_str(&address)
                .map_err(|error| Error::InvalidOption(format!("bad address: {error}")))
        });
        self.store.lead_to(address);
    }

    /// The name of the collection in use.
    #[napi(getter)]
    pub fn collection(&self) -> String {
        self.config.collection.clone()
    }

    /// The lifetime in use, in milliseconds.
    #[napi(getter)]
    pub fn ttl(&self) -> f64 {
        self.config.ttl_ms
    }

    /// The prefix in use.
    #[napi(getter)]
    pub fn prefix(&self) -> String {
        self.config.prefix.clone()
    }

    /// Whether the TTL index is created.
    #[napi(getter, js_name = "createTTLIndex")]
    pub fn create_ttl_index(&self) -> bool {
        self.config.auto_remove == AutoRemove::Native
    }

    /// Whether JavaScript has to remember what was loaded.
    #[napi(getter)]
    pub fn saves_differences(&self) -> bool {
        self.config.save == Save::Difference
    }

    /// Whether the next write of a session has to come with what was read.
    #[napi(getter)]
    pub fn wants_metadata(&self) -> bool {
        self.config.wants_metadata()
    }

    /// What lists have for a session id, which is what its document holds behind the prefix.
    #[napi]
    pub fn listed_id(&self, sid: String) -> String {
        listed_id(sid, self.config.hash_ids)
    }

    /// The time within which every operation ends, in milliseconds.
    #[napi(getter)]
    pub fn operation_timeout(&self) -> f64 {
        self.config.operation_timeout.as_secs_f64() * 1000.0
    }

    /// Whether sessions are written as a text.
    #[napi(getter)]
    pub fn writes_text(&self) -> bool {
        self.config.encoding == Encoding::Text
    }

    /// Whether express-session is told of outages.
    #[napi(getter)]
    pub fn skips_when_down(&self) -> bool {
        self.config.skip_when_down
    }

    /// Whether JavaScript has to touch what it gets.
    #[napi(getter)]
    pub fn touches_on_get(&self) -> bool {
        self.config.touch_on_get
    }

    /// Reads a session.
    #[napi]
    pub fn get(&self, env: Env, ticket: Ticket, sid: String) -> napi::Result<()> {
        self.submit(env, ticket, Verb::Get { sid })
    }

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
        let mode = bases.map_or(SaveMode::Create, |bases| {
            let mut bases = bases.into_iter();
            let mut states = Vec::new();
            while let (Some(text), Some(specials)) = (bases.next(), bases.next()) {
                states.push(SessionText { text, specials });
            }
            match states.pop() {
                Some(state) if terms.is_exchange == Some(true) => SaveMode::Exchange(state),
                state => {
                    states.extend(state);
                    SaveMode::Loaded(states)
                }
            }
        });
        let verb = Verb::Set {
            sid,
            session: SessionText { text, specials },
            encoding: encoding(is_text),
            lifetime: Lifetime {
                absolute_timeout_ms: terms.absolute_timeout,
                is_passive: terms.is_passive == Some(true),
                ..lifetime(ttl, cookie_expires, created, is_unchanged)
            },
            mode,
            owner: user.map(|user| Owner {
                user: named(user),
                before: user_before.map(named),
                keys: user_keys.unwrap_or_default(),
                handle: terms.handle,
                most_sessions: terms.most_sessions.map(|most| most as usize),
            }),
            indexed: terms.indexes.map(|indexes| Box::new(indexes.indexed())),
        };
        self.submit(env, ticket, verb)
    }

    /// Stores a session that comes from another store, given as in [`set`](Self::set), unless there is
    /// one already. `user` says whose it is. Nobody can read it before it is confirmed with what this answers;
    /// nothing if there was one.
    #[napi]
    #[allow(
        clippy::too_many_arguments,
        reason = "an object would cost a look-up per field; the macro copies the attribute, so not `expect`"
    )]
    pub fn add(
        &self,
        env: Env,
        ticket: Ticket,
        sid: String,
        text: String,
        specials: String,
        ttl: Option<f64>,
        cookie_expires: Option<f64>,
        is_text: Option<bool>,
        user: Option<String>,
        terms: Option<Terms>,
    ) -> napi::Result<()> {
        let terms = terms.unwrap_or_default();
        let verb = Verb::Set {
            sid,
            session: SessionText { text, specials },
            encoding: encoding(is_text),
            lifetime: Lifetime {
                absolute_timeout_ms: terms.absolute_timeout,
                ..lifetime(ttl, cookie_expires, None, None)
            },
            mode: SaveMode::Add,
            owner: user.map(|user| Owner {
                user: named(user),
                before: None,
                keys: Vec::new(),
                handle: terms.handle,
                most_sessions: None,
            }),
            indexed: terms.indexes.map(|indexes| Box::new(indexes.indexed())),
        };
        self.submit(env, ticket, verb)
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
        let cookie = text.map(|text| SessionText {
            text,
            specials: specials.unwrap_or_default(),
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

    /// Whether sessions are flagged where they would be deleted.
    #[napi(getter)]
    pub fn delete_flags(&self) -> bool {
        self.config.delete_flags
    }

    /// Deletes a session.
    #[napi]
    pub fn destroy(&self, env: Env, ticket: Ticket, sid: String) -> napi::Result<()> {
        self.submit(env, ticket, Verb::Destroy { sid })
    }

    /// Counts the live sessions of the prefix.
    #[napi]
    pub fn length(&self, env: Env, ticket: Ticket) -> napi::Result<()> {
        self.submit(env, ticket, Verb::Bulk(BulkKind::Length))
    }

    /// Deletes all sessions of the prefix.
    #[napi]
    pub fn clear(&self, env: Env, ticket: Ticket) -> napi::Result<()> {
        self.submit(env, ticket, Verb::Bulk(BulkKind::Clear))
    }

    /// Flags a session as deleted, or all of the prefix when there is no sid.
    #[napi]
    pub fn flag_deletion(&self, env: Env, ticket: Ticket, sid: Option<String>) -> napi::Result<()> {
        let verb = sid.map_or(Verb::Bulk(BulkKind::FlagAll), |sid| Verb::Flag { sid });
        self.submit(env, ticket, verb)
    }

    /// Deletes the flagged sessions of the prefix.
    #[napi]
    pub fn cleanup(&self, env: Env, ticket: Ticket) -> napi::Result<()> {
        self.submit(env, ticket, Verb::Bulk(BulkKind::Cleanup))
    }

    /// Asks the server for a sign of life.
    #[napi]
    pub fn ping(&self, env: Env, ticket: Ticket) -> napi::Result<()> {
        self.submit(env, ticket, Verb::Ping)
    }

    /// Ends the store after what is pending.
    #[napi]
    pub fn close(&self, env: Env, ticket: Ticket) -> napi::Result<()> {
        self.submit(env, ticket, Verb::Bulk(BulkKind::Close))
    }

    /// Lets go of the function that was to drain answers, after the last of them.
    #[napi]
    pub fn release(&self) {
        self.completions.release();
    }

    /// What the store has done so far.
    #[napi]
    pub fn stats(&self) -> NativeStats {
        self.store.stats().into()
    }

    /// Has single commands and connections told, from now on or no longer.
    #[napi]
    pub fn report(&self, is_on: bool) {
        self.store.report(is_on);
    }

    /// The name of the database; nothing while it is not known, and in memory.
    #[napi(getter)]
    pub fn database(&self) -> Option<String> {
        self.store.database()
    }

    /// Sends what was called since the last time.
    #[napi]
    pub fn flush(&self) {
        self.store.flush();
    }

    /// Everything that has been answered since the last call, as one flat array with [`STRIDE`]
    /// slots for each answer.
    #[napi]
    pub fn drain<'env>(&self, env: &'env Env) -> napi::Result<Array<'env>> {
        let deliveries = self.completions.take();
        let length = u32::try_from(deliveries.len()).unwrap_or(u32::MAX / STRIDE) * STRIDE;
        let mut drained = env.create_array(length)?;
        let mut answered = 0;
        for (position, delivery) in (0..length).step_by(STRIDE as usize).zip(deliveries) {
            match delivery {
                Delivery::Answer(ticket, outcome) => {
                    answered += 1;
                    drained.set(position, ticket)?;
                    set_outcome(*env, &mut drained, position + 1, outcome)?;
                }
                Delivery::Refusal(ticket, error) => {
                    answered += 1;
                    drained.set(position, ticket)?;
                    set_failure(*env, &mut drained, position + 1, &error, true)?;
                }
                Delivery::Event(event) => {
                    drained.set(position, 0)?;
                    drained.set(position + 1, EVENT)?;
                    set_event(*env, &mut drained, position + 2, event)?;
                }
                Delivery::Report(report) => {
                    drained.set(position, 0)?;
                    drained.set(position + 1, REPORT)?;
                    set_report(*env, &mut drained, position + 2, &report)?;
                }
            }
        }
        self.completions.end(*env, answered)?;
        Ok(drained)
    }

    fn submit(&self, env: Env, ticket: Ticket, verb: Verb) -> napi::Result<()> {
        let date = self.date.first().copied();
        let called_ms = self.config.clock.set(date.unwrap_or(f64::NAN));
        self.store
            .submit(ticket, called_ms, verb)
            .map_err(|error| thrown(&error))?;
        if self.completions.begin(env)? {
            // Alone, a call has nobody to wait for; JavaScript flushes the others.
            self.store.flush();
        }
        Ok(())
    }
}

fn encoding(is_text: Option<bool>) -> Encoding {
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

/// An error as napi throws it: the code of ours in the place of its status.
fn thrown(error: &Error) -> napi::Error {
    napi::Error::from_reason(format!("{}\n{error}", error.code()))
}
