//! The queue on which answers go back to JavaScript.

use std::sync::{Mutex, MutexGuard, PoisonError};

use napi::Status;
use napi::bindgen_prelude::{Env, Function, Unknown};
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};

use crate::store::{Deliver, Delivery};

/// Calls a function of JavaScript without arguments. Weak: it does not keep the process alive by
/// itself.
type Wake = ThreadsafeFunction<(), Unknown<'static>, (), Status, false, true>;

/// Answers on their way to JavaScript.
pub struct Completions {
    /// None once nobody waits for answers any more.
    wake: Mutex<Option<Wake>>,
    queue: Mutex<Queue>,
}

#[derive(Default)]
struct Queue {
    deliveries: Vec<Delivery>,
    /// Calls that have not been answered yet.
    pending: u32,
}

impl Completions {
    /// A queue that calls `wake` when it is no longer empty.
    pub fn new(wake: &Function<(), Unknown<'static>>) -> napi::Result<Self> {
        let wake = wake
            .build_threadsafe_function()
            .weak::<true>()
            .build_callback(|_| Ok(()))?;
        Ok(Self {
            wake: Mutex::new(Some(wake)),
            queue: Mutex::default(),
        })
    }

    /// Takes note of a call that will be answered. True if it is the only one.
    pub fn begin(&self, env: Env) -> napi::Result<bool> {
        let mut queue = self.queue();
        queue.pending += 1;
        let is_alone = queue.pending == 1;
        drop(queue);
        if is_alone {
            self.hold_event_loop(env, true)?;
        }
        Ok(is_alone)
    }

    /// Takes what has been answered since the last time.
    pub fn take(&self) -> Vec<Delivery> {
        std::mem::take(&mut self.queue().deliveries)
    }

    /// Takes note of how many calls have been answered.
    pub fn end(&self, env: Env, answered: u32) -> napi::Result<()> {
        let mut queue = self.queue();
        queue.pending -= answered;
        let is_idle = queue.pending == 0;
        drop(queue);
        if is_idle && answered > 0 {
            self.hold_event_loop(env, false)?;
        }
        Ok(())
    }

    /// A panic while one of the locks was held leaves a list of whole answers behind.
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets go of the function of JavaScript, which Node counts among the open handles: there will be no
    /// more answers, and events are no longer told.
    pub fn release(&self) {
        drop(self.wake().take());
    }

    fn wake(&self) -> MutexGuard<'_, Option<Wake>> {
        self.wake.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Pending operations keep the event loop alive, an idle store does not.
    #[expect(
        deprecated,
        reason = "the replacement, dropping the function, cannot be undone, and a store becomes busy again"
    )]
    fn hold_event_loop(&self, env: Env, hold: bool) -> napi::Result<()> {
        match self.wake().as_mut() {
            Some(wake) if hold => wake.refer(&env),
            Some(wake) => wake.unref(&env),
            None => Ok(()),
        }
    }
}

impl Deliver for Completions {
    fn deliver(&self, deliveries: Vec<Delivery>) {
        let mut queue = self.queue();
        let was_empty = queue.deliveries.is_empty();
        queue.deliveries.extend(deliveries);
        drop(queue);
        if was_empty && let Some(wake) = self.wake().as_ref() {
            // Fails only when the environment is gone, and nobody waits any more.
            wake.call((), ThreadsafeFunctionCallMode::NonBlocking);
        }
    }
}
