//! Natural batching and per-session order. Pure: it decides, and never waits.
//!
//! While as many commands as allowed are in flight, requests collect; when one of the commands
//! comes back, all that have collected leave together as the next one. A lone request leaves at
//! once. Nothing ever waits for company, so batching costs no latency.
//!
//! A command that has been under way for longer than such commands lately took is late, and holds up
//! nobody any more: others leave beside it, on other connections, and are more and smaller for as long
//! as it is out. Why it is late does not matter: a document that another client holds, a connection
//! that stands still, a shard that is slow.
//!
//! Requests for one session take effect in the order in which they were called: at most one of
//! them is out at any time, and the others queue behind it. Two neighbours of a queue that mean
//! the same, a get behind a get or a touch behind a touch, become one.
//!
//! What changes all sessions is a sweep: it reads ids and is carried out for a slice of them at a time.
//! Its part for one session stands in the queue of that session like any other request, so that it
//! holds up nobody else.

mod pace;
mod request;
mod schedule;
mod slot;
mod traffic;

#[cfg(test)]
mod tests;

pub use request::{
    Batch, Bulk, BulkKind, Command, Expired, Finished, Job, Key, Lane, Request, Slice, SliceKind,
    SweepKey, Ticket, Work,
};
pub use schedule::Schedule;
pub use slot::Waiter;

/// The most requests of one command. Measured: larger batches gain nothing.
const BATCH_REQUESTS: usize = 512;

/// The most sessions of a sweep in one command. A session that is in it waits for it, and so does the
/// server's next command for a document of them.
const SLICE: usize = 500;

/// About the most bytes of one command or its reply; a single larger request goes alone. Measured:
/// with larger ones the server, this side and JavaScript wait for each other instead of working at
/// the same time.
const BATCH_BYTES: usize = 128 * 1024;
