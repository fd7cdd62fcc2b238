//! What a store does, for those who watch it: its commands, what waits, and how long calls take. Counting
//! costs little, and all of it is done off the event loop.
//!
//! Who sends a command need not know for which store and which calls that is: the task knows its [`Load`].

mod command;
mod latency;
mod report;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

pub use self::command::{Load, Told, command, connected, repeated, tell};
pub use self::latency::Percentiles;
use self::latency::{Latency, VERBS};
pub use self::report::{
    ConnectionEvent, Describe, Ending, Failure, Listener, Report, Sent, Server, Tell,
};

/// What one store has done since it was opened.
pub struct Telemetry {
    /// That of the event loop to which it belongs.
    thread: ThreadId,
    commands: Mutex<BTreeMap<&'static str, Commands>>,
    retries: AtomicU64,
    hedged_reads: AtomicU64,
    connections_in_use: AtomicUsize,
    connections_awaited: AtomicUsize,
    queued: AtomicUsize,
    /// 0 while it is not known.
    round_trip_us: AtomicU64,
    latency: Mutex<Latency>,
    /// Who is told about single commands.
    pub listener: Listener,
}

/// The commands of one kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Commands {
    /// How many have got a connection.
    pub sent: u64,
    /// How many of them were not answered, or with an error.
    pub failed: u64,
    /// How many calls they carried.
    pub calls: u64,
}

/// All of it at one moment.
#[derive(Debug)]
pub struct Snapshot {
    /// By the name that MongoDB has for them.
    pub commands: BTreeMap<&'static str, Commands>,
    /// Commands that were sent again because the first attempt had failed.
    pub retries: u64,
    /// Reads that were sent a second time because the first one was late.
    pub hedged_reads: u64,
    /// Connections that carry a command.
    pub connections_in_use: usize,
    /// Commands that wait for a connection.
    pub connections_awaited: usize,
    /// Requests that wait for a command.
    pub queued: usize,
    /// The fastest round trip of late; None while none is known.
    pub round_trip: Option<Duration>,
    /// How long the calls of a verb took that were answered within the last minute.
    pub latency: [(&'static str, Percentiles); VERBS.len()],
}

impl Default for Telemetry {
    fn default() -> Self {
        Self {
            thread: thread::current().id(),
            commands: Mutex::default(),
            retries: AtomicU64::default(),
            hedged_reads: AtomicU64::default(),
            connections_in_use: AtomicUsize::default(),
            connections_awaited: AtomicUsize::default(),
            queued: AtomicUsize::default(),
            round_trip_us: AtomicU64::default(),
            latency: Mutex::default(),
            listener: Listener::default(),
        }
    }
}

impl Telemetry {
    /// The thread on which the store was opened.
    #[must_use]
    pub fn thread(&self) -> ThreadId {
        self.thread
    }

    /// What is known at present.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        let round_trip_us = self.round_trip_us.load(Ordering::Relaxed);
        Snapshot {
            commands: lock(&self.commands).clone(),
            retries: self.retries.load(Ordering::Relaxed),
            hedged_reads: self.hedged_reads.load(Ordering::Relaxed),
            connections_in_use: self.connections_in_use.load(Ordering::Relaxed),
            connections_awaited: self.connections_awaited.load(Ordering::Relaxed),
            queued: self.queued.load(Ordering::Relaxed),
            round_trip: (round_trip_us > 0).then(|| Duration::from_micros(round_trip_us)),
            latency: lock(&self.latency).percentiles(Instant::now()),
        }
    }

    /// Takes note that a read is sent a second time.
    pub fn hedged(&self) {
        self.hedged_reads.fetch_add(1, Ordering::Relaxed);
    }

    /// Takes note of how many requests wait for a command.
    pub fn set_queued(&self, queued: usize) {
        self.queued.store(queued, Ordering::Relaxed);
    }

    /// Takes note of how far the server is.
    pub fn set_round_trip(&self, round_trip: Duration) {
        let micros = u64::try_from(round_trip.as_micros()).unwrap_or(u64::MAX);
        self.round_trip_us.store(micros.max(1), Ordering::Relaxed);
    }

    /// Takes note of calls that are answered `now`, each a verb and the moment when it was called.
    pub fn answered(&self, calls: &[(&'static str, Instant)], now: Instant) {
        if calls.is_empty() {
            return;
        }
        let mut latency = lock(&self.latency);
        for (verb, called) in calls {
            latency.saw(verb, now.saturating_duration_since(*called), now);
        }
    }

    fn count(&self, command: &'static str, count: impl FnOnce(&mut Commands)) {
        count(lock(&self.commands).entry(command).or_default());
    }
}

/// A panic while the lock was held leaves whole numbers behind.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
