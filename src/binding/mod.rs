//! The only `#[napi]` items: the store as JavaScript sees it.
//!
//! A call crosses as plain arguments and leaves a submission. Answers and events collect in a
//! queue; one wake-up of the event loop lets JavaScript drain all of them at once.

mod answer;
mod completions;
mod maintenance;
mod report;
mod selection;
mod settings;
mod slots;
mod stats;
mod writes;

use std::sync::Arc;

use napi::bindgen_prelude::{Array, Either, Env, Float64Array, Function, Uint8ArraySlice, Unknown};
use napi_derive::napi;
use zeroize::Zeroizing;

use self::answer::{EVENT, REPORT, STRIDE, set_event, set_failure, set_outcome};
use self::completions::Completions;
use self::report::set_report;
use self::stats::NativeStats;
use crate::RUNTIME;
use crate::error::Error;
use crate::options::{Config, GivenKey, Options};
use crate::store::{BulkKind, Delivery, Store, Ticket, Verb};

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

    /// Reads a session.
    #[napi]
    pub fn get(&self, env: Env, ticket: Ticket, sid: String) -> napi::Result<()> {
        self.submit(env, ticket, Verb::Get { sid })
    }

    /// Reads a session as part of another call, which is what the application has called.
    #[napi]
    #[allow(
        clippy::needless_pass_by_value,
        reason = "napi has no borrowed string to pass; its macro copies the attribute, so not `expect`"
    )]
    pub fn read(&self, env: Env, ticket: Ticket, sid: String, verb: String) -> napi::Result<()> {
        let verb = match &*verb {
            "take" => "take",
            "devices" => "devices",
            _ => "update",
        };
        self.submit(env, ticket, Verb::Read { sid, verb })
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

/// An error as napi throws it: the code of ours in the place of its status.
fn thrown(error: &Error) -> napi::Error {
    napi::Error::from_reason(format!("{}\n{error}", error.code()))
}
