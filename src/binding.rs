//! The only `#[napi]` items: the store as JavaScript sees it.
//!
//! A call crosses as plain arguments and leaves a submission. Answers and events collect in a
//! queue; one wake-up of the event loop lets JavaScript drain all of them at once.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use napi::bindgen_prelude::{Array, Env, Function, Object, Unknown};
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};
use napi::{JsValue, Status};
use napi_derive::napi;

use crate::RUNTIME;
use crate::codec::Place;
use crate::document::Loaded;
use crate::error::Error;
use crate::expiry::Lifetime;
use crate::options::{Config, Options, Save};
use crate::store::{
    BulkKind, Deliver, Delivery, Event, Outcome, SaveMode, SessionText, Store, Ticket, Verb,
};

/// Calls a function of JavaScript without arguments. Weak: it does not keep the process alive by
/// itself.
type Wake = ThreadsafeFunction<(), Unknown<'static>, (), Status, false, true>;

/// How many slots of the drained array one answer takes: ticket, kind and up to four values.
const STRIDE: u32 = 6;

/// How many slots a session takes: text, specials, moment for `cookie.expires`, places.
const SESSION_SLOTS: u32 = 4;

/// Kinds of an answer, known to `lib/store.cjs` by the same names.
#[napi]
pub const DONE: u32 = 0;
/// A session follows: text, specials, moment for `cookie.expires`; or nothing.
#[napi]
pub const SESSION: u32 = 1;
/// An array of such triples follows.
#[napi]
pub const SESSIONS: u32 = 2;
/// A number follows.
#[napi]
pub const COUNT: u32 = 3;
/// An error as an object follows.
#[napi]
pub const FAILED: u32 = 4;
/// An event: its name, and an error or a text. The ticket is 0.
#[napi]
pub const EVENT: u32 = 5;

/// Answers on their way to JavaScript.
struct Completions {
    wake: Mutex<Wake>,
    queue: Mutex<Queue>,
}

#[derive(Default)]
struct Queue {
    deliveries: Vec<Delivery>,
    /// Calls that have not been answered yet.
    pending: u32,
}

impl Completions {
    /// A panic while one of the locks was held leaves a list of whole answers behind.
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wake(&self) -> MutexGuard<'_, Wake> {
        self.wake.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Pending operations keep the event loop alive, an idle store does not.
    #[expect(
        deprecated,
        reason = "the replacement, dropping the function, cannot be undone, and a store becomes busy again"
    )]
    fn hold_event_loop(&self, env: Env, hold: bool) -> napi::Result<()> {
        let mut wake = self.wake();
        if hold {
            wake.refer(&env)
        } else {
            wake.unref(&env)
        }
    }
}

impl Deliver for Completions {
    fn deliver(&self, deliveries: Vec<Delivery>) {
        let mut queue = self.queue();
        let was_empty = queue.deliveries.is_empty();
        queue.deliveries.extend(deliveries);
        drop(queue);
        if was_empty {
            // Fails only when the environment is gone, and nobody waits any more.
            self.wake()
                .call((), ThreadsafeFunctionCallMode::NonBlocking);
        }
    }
}

/// The native half of a `MongoSessionStore`.
#[napi]
pub struct NativeStore {
    store: Store,
    config: Config,
    completions: Arc<Completions>,
}

#[napi]
impl NativeStore {
    /// Opens a store. `options` is a JSON object, `wake` is called when there is something to
    /// drain.
    #[napi(constructor)]
    #[allow(
        clippy::needless_pass_by_value,
        reason = "napi has no borrowed string to pass; its macro copies the attribute, so not `expect`"
    )]
    pub fn new(options: String, wake: Function<(), Unknown<'static>>) -> napi::Result<Self> {
        let options: Options = serde_json::from_str(&options)
            .map_err(|error| thrown(&Error::InvalidOption(format!("bad options: {error}"))))?;
        let config = options.validate().map_err(|error| thrown(&error))?;
        let wake = wake
            .build_threadsafe_function()
            .weak::<true>()
            .build_callback(|_| Ok(()))?;
        let completions = Arc::new(Completions {
            wake: Mutex::new(wake),
            queue: Mutex::default(),
        });
        let store = Store::open(config.clone(), RUNTIME.handle(), completions.clone())
            .map_err(|error| thrown(&error))?;
        Ok(Self {
            store,
            config,
            completions,
        })
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
        self.config.create_ttl_index
    }

    /// Whether JavaScript has to remember what was loaded.
    #[napi(getter)]
    pub fn saves_differences(&self) -> bool {
        self.config.save == Save::Difference
    }

    /// Reads a session.
    #[napi]
    pub fn get(&self, env: Env, ticket: Ticket, sid: String) -> napi::Result<()> {
        self.submit(env, ticket, Verb::Get { sid })
    }

    /// Stores a session given as text and specials. `bases` is absent for a session that may be
    /// created, else the texts and specials of the states it may have in the database.
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
    ) -> napi::Result<()> {
        let mode = bases.map_or(SaveMode::Create, |bases| {
            let mut bases = bases.into_iter();
            let mut states = Vec::new();
            while let (Some(text), Some(specials)) = (bases.next(), bases.next()) {
                states.push(SessionText { text, specials });
            }
            SaveMode::Loaded(states)
        });
        let verb = Verb::Set {
            sid,
            session: SessionText { text, specials },
            lifetime: lifetime(ttl, cookie_expires),
            mode,
        };
        self.submit(env, ticket, verb)
    }

    /// Moves the expiry of a session.
    #[napi]
    pub fn touch(
        &self,
        env: Env,
        ticket: Ticket,
        sid: String,
        ttl: Option<f64>,
        cookie_expires: Option<f64>,
    ) -> napi::Result<()> {
        let lifetime = lifetime(ttl, cookie_expires);
        self.submit(env, ticket, Verb::Touch { sid, lifetime })
    }

    /// Deletes a session.
    #[napi]
    pub fn destroy(&self, env: Env, ticket: Ticket, sid: String) -> napi::Result<()> {
        self.submit(env, ticket, Verb::Destroy { sid })
    }

    /// Reads all live sessions of the prefix.
    #[napi]
    pub fn all(&self, env: Env, ticket: Ticket) -> napi::Result<()> {
        self.submit(env, ticket, Verb::Bulk(BulkKind::All))
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

    /// Ends the store after what is pending.
    #[napi]
    pub fn close(&self, env: Env, ticket: Ticket) -> napi::Result<()> {
        self.submit(env, ticket, Verb::Bulk(BulkKind::Close))
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
        let deliveries = std::mem::take(&mut self.completions.queue().deliveries);
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
                Delivery::Event(event) => {
                    drained.set(position, 0)?;
                    drained.set(position + 1, EVENT)?;
                    set_event(*env, &mut drained, position + 2, event)?;
                }
            }
        }
        let mut queue = self.completions.queue();
        queue.pending -= answered;
        let idle = queue.pending == 0;
        drop(queue);
        if idle && answered > 0 {
            self.completions.hold_event_loop(*env, false)?;
        }
        Ok(drained)
    }

    fn submit(&self, env: Env, ticket: Ticket, verb: Verb) -> napi::Result<()> {
        self.store
            .submit(ticket, verb)
            .map_err(|error| thrown(&error))?;
        let mut queue = self.completions.queue();
        queue.pending += 1;
        let first = queue.pending == 1;
        drop(queue);
        if first {
            self.completions.hold_event_loop(env, true)?;
            // Alone, a call has nobody to wait for; JavaScript flushes the others.
            self.store.flush();
        }
        Ok(())
    }
}

fn lifetime(ttl_ms: Option<f64>, cookie_expires_ms: Option<f64>) -> Lifetime {
    Lifetime {
        ttl_ms,
        cookie_expires_ms,
    }
}

/// An error as napi throws it: the code of ours in the place of its status.
fn thrown(error: &Error) -> napi::Error {
    napi::Error::from_reason(format!("{}\n{error}", error.code()))
}

fn set_outcome(
    env: Env,
    drained: &mut Array<'_>,
    position: u32,
    outcome: crate::error::Result<Outcome>,
) -> napi::Result<()> {
    match outcome {
        Ok(Outcome::Done) => drained.set(position, DONE),
        Ok(Outcome::Session(session)) => {
            drained.set(position, SESSION)?;
            match session {
                Some(session) => set_session(env, drained, position + 1, &session),
                None => Ok(()),
            }
        }
        Ok(Outcome::Sessions(sessions)) => {
            let count = u32::try_from(sessions.len()).unwrap_or(u32::MAX / SESSION_SLOTS);
            let length = count * SESSION_SLOTS;
            let mut array = env.create_array(length)?;
            let positions = (0..length).step_by(SESSION_SLOTS as usize);
            for (position, session) in positions.zip(&sessions) {
                set_session(env, &mut array, position, session)?;
            }
            drained.set(position, SESSIONS)?;
            drained.set(position + 1, array)
        }
        #[expect(clippy::cast_precision_loss, reason = "a JavaScript number is an f64")]
        Ok(Outcome::Count(count)) => {
            drained.set(position, COUNT)?;
            drained.set(position + 1, count as f64)
        }
        Err(error) => {
            drained.set(position, FAILED)?;
            drained.set(position + 1, error_object(&env, &error)?)
        }
    }
}

/// Text, specials, moment and places of a session; what there is not stays a hole.
fn set_session(
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
    Ok(())
}

fn set_event(env: Env, drained: &mut Array<'_>, position: u32, event: Event) -> napi::Result<()> {
    match event {
        Event::Connected => drained.set(position, "connected"),
        Event::Warning(error) => {
            drained.set(position, "warning")?;
            drained.set(position + 1, error_object(&env, &error)?)
        }
        Event::Error(error) => {
            drained.set(position, "error")?;
            drained.set(position + 1, error_object(&env, &error)?)
        }
        Event::Discard(sid) => {
            drained.set(position, "discard")?;
            drained.set(position + 1, sid)
        }
    }
}

/// What `lib/error.cjs` makes an error of.
fn error_object<'env>(env: &'env Env, error: &Error) -> napi::Result<Object<'env>> {
    let mut object = Object::new(env)?;
    object.set("code", error.code())?;
    object.set("message", error.to_string())?;
    if let Error::Index(cause) = error {
        object.set("cause", error_object(env, cause)?)?;
    }
    if let Error::Server {
        code,
        code_name,
        labels,
        ..
    } = error
    {
        object.set("mongoCode", *code)?;
        object.set("mongoCodeName", code_name.as_str())?;
        object.set("mongoLabels", labels.clone())?;
    }
    Ok(object)
}
