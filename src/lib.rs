//! Keeps express-session's sessions in MongoDB, off Node's event loop.
//!
//! # Layout
//!
//! A call goes down through these rooms and its answer comes back up; each room knows only those
//! below it.
//!
//! - `binding`: what JavaScript sees, and the queue on which answers go back to it
//! - [`options`]: what can be configured, and every default
//! - [`store`]: the verbs (`get`, `set`, `touch`, …) and the rules of a session store
//! - [`batch`]: which requests leave together, and in which order
//! - [`document`], [`codec`], [`expiry`], [`merge`], [`cipher`], [`filter`]: pure; the stored
//!   document, JSON ⇄ BSON, lifetimes, differences, encryption, queries
//! - [`backend`]: the engines, [`backend::mongo`], [`backend::memory`] and [`backend::fallback`], and how sessions
//!   that end are told, [`backend::watch`]
//! - [`connection`]: client, connection string, shutdown
//! - [`progress`]: how far a command has got
//! - [`telemetry`]: what a store does, for those who watch it
//! - [`error`]: the one error type
//! - [`clock`]: the present moment
//!
//! To follow one `get`: `get` in `lib/store/store.cjs` has `lib/store/admission.cjs` open a call and leaves it
//! with `lib/calls/channel.cjs`, which calls `NativeStore::get` in `binding/mod.rs`; that leaves a submission in
//! `store/inbox.rs`, where it is decided when the worker wakes up. `store/worker/admission.rs` makes a request of it,
//! `store/worker/sending.rs` sends the batch that `batch/schedule/mod.rs` puts together,
//! `backend/mongo/query.rs` sends the command, `document/read.rs` reads the reply,
//! `store/worker/settlement.rs` settles it, and `binding/answer.rs` hands the text to JavaScript. There,
//! `lib/calls/channel.cjs` drains the answers, `lib/store/answers.cjs` has `lib/sessions/encoding.cjs` make the
//! session and keeps its loaded state on it (`lib/sessions/loaded-state.cjs`), and the call answers its caller.
//!
//! A `set` goes the same way by other files: `lib/store/saves.cjs` leaves it with `NativeStore::set` in
//! `binding/writes.rs`, `store/worker/saving.rs` makes BSON of the session and decides what of it is written,
//! `store/worker/writing.rs` carries out the writes of a batch, and `backend/mongo/update.rs` sends them in a
//! command, each with a statement of `backend/mongo/statement.rs`.

pub mod backend;
pub mod batch;
mod binding;
pub mod cipher;
pub mod clock;
pub mod codec;
pub mod connection;
pub mod document;
pub mod error;
pub mod expiry;
pub mod filter;
#[cfg(test)]
mod hostile;
pub mod merge;
pub mod options;
pub mod progress;
pub mod store;
pub mod telemetry;

/// The name by which the fuzz targets know the crate, for `hostile`.
#[cfg(test)]
extern crate self as mongodb_session_store;

use std::sync::LazyLock;

use tokio::runtime::{Builder, Runtime};

/// The runtime of all stores in the process. One worker is enough: it waits for sockets and
/// transcodes, and the machine's other cores belong to the application and the database. It is
/// never dropped, so nothing of it can outlive its thread at exit.
pub(crate) static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    #[expect(
        clippy::expect_used,
        reason = "without threads and sockets no operation could ever work; napi turns the panic into an exception of the constructor"
    )]
    Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name("session-store")
        .enable_all()
        .build()
        .expect("the operating system gives the session store a thread")
});
