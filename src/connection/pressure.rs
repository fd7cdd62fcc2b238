//! How much the servers take at present.
//!
//! A server that has more to do than it can refuses commands before it has begun with them, and says so (the
//! driver specification "Client Backpressure"). It is given room then: for a while the whole store sends
//! nothing, and after that one command. The answer to that tells whether there is room again.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use mongodb::error::{Error as DriverError, ErrorKind, SYSTEM_OVERLOADED_ERROR};
use tokio::sync::Notify;
use tokio::time::sleep_until;

use crate::clock::jittered;
use crate::error::{Error, Result};

#[cfg(test)]
mod tests;

/// How often a command that was refused for the load is sent again, unless the connection string says
/// otherwise. This, the pauses and their growth are those of the specification.
pub const RETRIES: u32 = 2;

/// The pause before the first repetition, doubled once, if the server names none.
pub const BASE_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// How long a pause callers are kept waiting for. Who would have to wait longer is told at once.
const PATIENCE: Duration = Duration::from_secs(1);

/// The server's codes for what its limits on operations do not let in: `IngressRequestRateLimitExceeded`
/// and `IngressOperationRateLimitExceeded`.
const CODES: [i32; 2] = [462, 463];

/// Whether an error says that the server has not begun with a command because of its load. A connection
/// that cannot be opened has the same label, and says nothing of that kind: the server may be gone.
#[must_use]
pub fn is_overload(error: &DriverError) -> bool {
    match &*error.kind {
        ErrorKind::Io(_)
        | ErrorKind::ConnectionPoolCleared { .. }
        | ErrorKind::ProxyConnect { .. } => false,
        ErrorKind::Command(command) if CODES.contains(&command.code) => true,
        _ => error.contains_label(SYSTEM_OVERLOADED_ERROR),
    }
}

/// Whether a code is one of those for overload.
#[must_use]
pub fn is_overload_code(code: i32) -> bool {
    CODES.contains(&code)
}

/// What an error for overload means to the caller of `operation`.
pub fn overloaded(operation: &'static str, error: &DriverError) -> Error {
    let base = base_pause(error);
    Refusal::of(error).into_error(operation, base)
}

fn base_pause(error: &DriverError) -> Duration {
    let named = error.base_backoff().filter(|base| !base.is_zero());
    named.unwrap_or(BASE_PAUSE)
}

/// How long the next attempt to open a connection waits that could not be opened: the driver leaves such a
/// server in its list, as it may only have too many of them to open.
#[must_use]
pub fn pause_before_connecting(error: &DriverError, attempt: u32) -> Option<Duration> {
    let is_labelled = error.contains_label(SYSTEM_OVERLOADED_ERROR);
    (is_labelled && !is_overload(error)).then(|| pause(BASE_PAUSE, attempt))
}

/// From the base of the pauses to the next one, which is never shorter than that.
fn pause(base: Duration, attempt: u32) -> Duration {
    let factor = 1_u32.checked_shl(attempt).unwrap_or(u32::MAX);
    let most = base.saturating_mul(factor).min(LONGEST_PAUSE);
    jittered(most * 3 / 4)
}

/// The load of the servers of a store, as far as they tell.
#[derive(Default)]
pub struct Pressure {
    /// Whether the state says so: asked at every call.
    is_high: AtomicBool,
    state: Mutex<State>,
    /// For commands that wait for their turn.
    turns: Notify,
    /// For the one who decides what is sent.
    changed: Notify,
}

#[derive(Default)]
struct State {
    /// How often in a row a command was refused; 0 while all is well.
    sheds: u32,
    /// Nothing is sent before.
    until: Option<Instant>,
    /// Whether callers are not kept waiting until then.
    is_long: bool,
    /// Whether a command is under way that finds out whether there is room again.
    is_tried: bool,
    refusal: Option<Refusal>,
}

/// What the server has said.
#[derive(Clone, Default)]
struct Refusal {
    code: i32,
    code_name: String,
    labels: Vec<String>,
}

impl Refusal {
    fn of(error: &DriverError) -> Self {
        let (code, code_name) = match &*error.kind {
            ErrorKind::Command(command) => (command.code, command.code_name.clone()),
            // A log-in was refused for it, and the driver keeps the code to itself.
            _ => (CODES[0], "IngressRequestRateLimitExceeded".to_owned()),
        };
        Self {
            code,
            code_name,
            labels: error.labels().iter().cloned().collect(),
        }
    }

    fn into_error(self, operation: &'static str, retry_after: Duration) -> Error {
        let Self {
            code,
            code_name,
            labels,
        } = self;
        Error::Overloaded {
            operation,
            code,
            code_name,
            labels,
            // Whoever waits by a timer of whole milliseconds is not to come too early.
            retry_after: retry_after + Duration::from_millis(1),
        }
    }
}

impl State {
    fn pauses(&self, now: Instant) -> bool {
        self.until.is_some_and(|until| until > now)
    }

    fn error(&self, operation: &'static str, now: Instant) -> Error {
        let until = self.until.unwrap_or(now);
        let retry_after = until.saturating_duration_since(now);
        let refusal = self.refusal.clone().unwrap_or_default();
        refusal.into_error(operation, retry_after)
    }
}

impl Pressure {
    /// Whether the server has refused what was sent last, so that nothing is to be sent that need not be.
    #[must_use]
    pub fn is_high(&self) -> bool {
        self.is_high.load(Ordering::Relaxed)
    }

    /// Whether a command would have its turn at once.
    #[must_use]
    pub fn may_send(&self) -> bool {
        if !self.is_high() {
            return true;
        }
        let state = self.state();
        !state.is_tried && !state.pauses(Instant::now())
    }

    /// When the next command may be sent, if that is later.
    #[must_use]
    pub fn pauses_until(&self) -> Option<Instant> {
        if !self.is_high() {
            return None;
        }
        let state = self.state();
        state.until.filter(|until| *until > Instant::now())
    }

    /// Why a call is not to wait, if it is not.
    #[must_use]
    pub fn refusal(&self, operation: &'static str) -> Option<Error> {
        let (state, now) = (self.state(), Instant::now());
        (state.is_long && state.pauses(now)).then(|| state.error(operation, now))
    }

    /// Why a call that has waited ends now, while the server is overloaded.
    #[must_use]
    pub fn trouble(&self, operation: &'static str) -> Option<Error> {
        let (state, now) = (self.state(), Instant::now());
        (state.sheds > 0).then(|| state.error(operation, now))
    }

    /// Waits for the server to be overloaded, or to be so no more.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }

    /// Waits until a command may be sent.
    ///
    /// # Errors
    ///
    /// [`Error::Overloaded`] where that would take too long.
    pub async fn turn(&self, operation: &'static str) -> Result<Turn<'_>> {
        loop {
            let next = self.turns.notified();
            let until = {
                let (mut state, now) = (self.state(), Instant::now());
                if state.sheds == 0 {
                    return Ok(Turn::new(self, 0));
                }
                let pauses = state.pauses(now);
                if pauses && state.is_long {
                    return Err(state.error(operation, now));
                }
                if !pauses && !state.is_tried {
                    state.is_tried = true;
                    return Ok(Turn::new(self, state.sheds));
                }
                state.until.filter(|_| pauses)
            };
            match until {
                Some(until) => tokio::select! {
                    () = next => {}
                    () = sleep_until(until.into()) => {}
                },
                None => next.await,
            }
        }
    }

    fn tell(&self) {
        self.turns.notify_waiters();
        self.changed.notify_one();
    }

    /// A panic while the lock was held leaves a whole state behind.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Leave to send one command.
pub struct Turn<'a> {
    pressure: &'a Pressure,
    /// How often commands had been refused by then. While that is never, nobody else waits for the answer.
    sheds: u32,
}

impl<'a> Turn<'a> {
    fn new(pressure: &'a Pressure, sheds: u32) -> Self {
        Self { pressure, sheds }
    }

    /// Takes note that the server had room for the command.
    pub fn carried_out(self) {
        if self.sheds == 0 {
            return;
        }
        let mut state = self.pressure.state();
        if state.sheds == self.sheds {
            *state = State::default();
            self.pressure.is_high.store(false, Ordering::Relaxed);
        }
    }

    /// Takes note that the server has refused the command for its load. Others that were sent before it
    /// said so say the same.
    pub fn shed(self, error: &DriverError) {
        self.refused(Refusal::of(error), base_pause(error));
    }

    fn refused(self, refusal: Refusal, base: Duration) {
        let mut state = self.pressure.state();
        let now = Instant::now();
        let pause = if state.sheds == self.sheds {
            state.sheds += 1;
            pause(base, state.sheds)
        } else {
            base
        };
        state.until = state.until.max(Some(now + pause));
        state.is_long |= state.sheds > RETRIES || pause > PATIENCE;
        state.refusal = Some(refusal);
        self.pressure.is_high.store(true, Ordering::Relaxed);
        drop(state);
        self.pressure.tell();
    }
}

/// Whatever has become of the command, the next one is not kept waiting for it.
impl Drop for Turn<'_> {
    fn drop(&mut self) {
        if self.sheds > 0 {
            self.pressure.state().is_tried = false;
            self.pressure.tell();
        }
    }
}
