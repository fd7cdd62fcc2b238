//! The verbs of a session store and their rules: expiry, order, no lost updates, destroyed stays
//! destroyed, a deadline for everything.
//!
//! A call only leaves a [`Submission`] and returns; [`worker`] turns it into requests, runs them in
//! batches and delivers the answers.

mod commands;
mod deadline;
mod exchange;
mod health;
mod hedge;
mod id;
mod inbox;
mod lists;
mod maintenance;
mod reading;
mod renewal;
mod selection;
mod sweep;
mod upkeep;
mod watch;
mod worker;

use std::sync::Arc;

use tokio::runtime::Handle;
use tokio::time::Instant;

use self::inbox::Inbox;
pub use self::lists::{Entries, Entry, Place, Users};
pub use self::maintenance::{Conversion, Maintenance, Target as ConversionTarget};
pub use self::selection::Selection;
pub use self::upkeep::indexes;
use crate::backend::Backend;
use crate::backend::fallback::Fallback;
use crate::backend::memory::Memory;
use crate::backend::mongo::Mongo;
use crate::backend::watch::Ended;
pub use crate::batch::{BulkKind, Ticket};
use crate::connection::{Connection, Uri};
use crate::document::{Encoding, Loaded};
use crate::error::{Error, Result};
use crate::expiry::Lifetime;
use crate::options::{Address, Config, Target};
use crate::telemetry::{Report, Snapshot, Telemetry};

/// What lists have for a session id: the `_id` of its document without the prefix.
#[must_use]
pub fn listed_id(sid: String, hash_ids: bool) -> String {
    id::of_document("", sid, hash_ids)
}

/// A session as it comes from JavaScript: JSON text, and what JSON cannot carry.
#[derive(Debug)]
pub struct SessionText {
    /// What `JSON.stringify` wrote.
    pub text: String,
    /// See [`crate::codec`]; empty when there are none.
    pub specials: String,
}

impl SessionText {
    /// Whether it holds 64-bit integers that JavaScript calls `BigInt`.
    fn has_bigints(&self) -> bool {
        // Nothing else in what JavaScript writes there can be read as the name of a type.
        self.specials.contains(r#""bigint""#)
    }
}

/// How a session is saved.
#[derive(Debug)]
pub enum SaveMode {
    /// It was generated here or passed as a plain object: its document is created if missing.
    Create,
    /// It comes from another store: its document is created, unless it exists, and is none that can be read
    /// until that is confirmed.
    Add,
    /// It was loaded, and is in one of these states in the database: what differs from any of them
    /// is written, and a document that is gone stays gone.
    Loaded(Vec<SessionText>),
    /// It was read like this, and all of it is written if it still is what it was.
    Exchange(SessionText),
}

/// Whose session is saved.
#[derive(Debug)]
pub struct Owner {
    /// The user, if there is one.
    pub user: Option<String>,
    /// What the document said when it was loaded, where that is something else.
    pub before: Option<Option<String>>,
    /// The top-level keys that make the user. They are written together, and with them whose session it
    /// is, so that the document never says another user than its session does.
    pub keys: Vec<String>,
    /// What names the session among those of the user, unless its document has such a name.
    pub handle: Option<String>,
    /// How many sessions the user may have, where that is not the same for all.
    pub most_sessions: Option<usize>,
}

/// The values by which a session is found, as the functions of the application have answered them.
#[derive(Debug)]
pub struct Indexed {
    /// By their names; what is missing is none.
    pub values: SessionText,
    /// What the document said when it was loaded, where that is something else.
    pub before: Option<SessionText>,
    /// For each of the names of the option, the top-level keys that make its value. They are written together,
    /// and with them the value.
    pub keys: Vec<Vec<String>>,
}

/// One call of a verb.
pub struct Submission {
    /// Who waits for the answer.
    pub ticket: Ticket,
    /// When it was called.
    pub called: Instant,
    /// The same by the application's clock, in milliseconds since the epoch.
    pub called_ms: i64,
    /// What was called.
    pub verb: Verb,
}

/// The verbs. `sid` is without the prefix. Not `Debug`, which would show it.
pub enum Verb {
    /// Reads a session.
    Get {
        /// The session id.
        sid: String,
    },
    /// Reads a session as part of another call.
    Read {
        /// The session id.
        sid: String,
        /// What the application has called.
        verb: &'static str,
    },
    /// Stores a session.
    Set(Box<SaveCall>),
    /// Moves the expiry of a session.
    Touch {
        /// The session id.
        sid: String,
        /// How long it lives from now.
        lifetime: Lifetime,
        /// When it expires as far as the caller knows, in milliseconds since the epoch.
        loaded_expires_ms: Option<i64>,
        /// A session of nothing but the cookie, if that has changed.
        cookie: Option<Box<SessionText>>,
    },
    /// Lets a session that was added be one that can be read.
    Confirm {
        /// The session id.
        sid: String,
        /// What adding it has answered.
        reserved_ms: i64,
        /// How long it lives from now.
        lifetime: Lifetime,
    },
    /// Gives a session a new id.
    Renew {
        /// The session id.
        sid: String,
        /// The new one.
        to: String,
        /// How long the old one leads there, in milliseconds.
        grace_ms: i64,
    },
    /// Deletes a session.
    Destroy {
        /// The session id.
        sid: String,
    },
    /// Flags a session as deleted.
    Flag {
        /// The session id.
        sid: String,
    },
    /// Lists or removes sessions by their user or by what they hold.
    Select(Box<Selection>),
    /// Something about all sessions.
    Bulk(BulkKind),
    /// Asks the server for a sign of life.
    Ping,
    /// What a tool of an operator needs.
    Maintain(Box<Maintenance>),
}

/// A session that is to be stored. Not `Debug`, which would show its id.
pub struct SaveCall {
    /// The session id.
    pub sid: String,
    /// The session.
    pub session: SessionText,
    /// How it is to be stored. Of a text there are no specials, and it is not looked into.
    pub encoding: Encoding,
    /// How long it lives.
    pub lifetime: Lifetime,
    /// What is written.
    pub mode: SaveMode,
    /// Whose session it is, if that is stored.
    pub owner: Option<Owner>,
    /// By what it is found, if there is anything.
    pub indexed: Option<Indexed>,
}

impl Verb {
    /// What the caller has called, for messages.
    fn name(&self) -> &'static str {
        match self {
            Self::Get { .. } => "get",
            Self::Read { verb, .. } => verb,
            Self::Set(save) if matches!(save.mode, SaveMode::Exchange(_)) => "update",
            Self::Set(_) => "set",
            Self::Touch { .. } => "touch",
            Self::Confirm { .. } => "move",
            Self::Renew { .. } => "renew",
            Self::Destroy { .. } => "destroy",
            Self::Flag { .. } => "flagDeletion",
            Self::Select(_) => "find",
            Self::Bulk(kind) => kind.verb(),
            Self::Ping => "ping",
            Self::Maintain(what) => what.verb(),
        }
    }
}

/// What a call answers.
#[derive(Debug)]
pub enum Outcome {
    /// Nothing but that it is done.
    Done,
    /// The session was destroyed before it was saved, so the save was dropped.
    Discarded,
    /// There was nothing to do: a touch would have moved the expiry by too little to be sent, or a
    /// session that was to be added was there.
    Skipped,
    /// It is done, and the save has created the document.
    Created,
    /// The session, if there is one.
    Session(Option<Loaded>),
    /// There is none any more under this id, which was given up for a new one.
    Reused,
    /// A page of a list.
    Entries(Entries),
    /// A page of the list of users.
    Users(Users),
    /// How many sessions.
    Count(u64),
    /// Documents of BSON, one behind the other.
    Bytes(Vec<u8>),
}

/// What the store has to say without having been asked.
#[derive(Debug)]
pub enum Event {
    /// A server was reached, for the first time or again.
    Connected,
    /// No server can be reached, for this reason. Calls fail at once until the next `Connected`.
    Disconnected(Error),
    /// Something the operator should know about and which stops nothing.
    Warning(Error),
    /// A session has ended, and somebody watches.
    Ended(Ended),
}

/// What goes back to the caller's side.
#[derive(Debug)]
pub enum Delivery {
    /// The answer to a call.
    Answer(Ticket, Result<Outcome>),
    /// The error of a call of which nothing was sent: it has changed nothing.
    Refusal(Ticket, Error),
    /// An event.
    Event(Event),
    /// What somebody listens to.
    Report(Report),
}

/// Where answers and events go. Called from the runtime's threads, in order.
pub trait Deliver: Send + Sync + 'static {
    /// Takes over what has collected.
    fn deliver(&self, deliveries: Vec<Delivery>);
}

/// A handle to a store. Dropping it ends the store once everything pending has been answered.
pub struct Store {
    inbox: Arc<Inbox>,
    telemetry: Arc<Telemetry>,
    /// None for the embedded engine.
    connection: Option<Arc<Connection>>,
}

impl Drop for Store {
    fn drop(&mut self) {
        self.inbox.close();
    }
}

impl Store {
    /// Opens a store on `runtime`. Nothing is waited for: a server that cannot be reached now is
    /// an [`Event::Disconnected`], and the store works as soon as there is one.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidOption`](crate::error::Error::InvalidOption) for a connection string that cannot be used.
    pub fn open(mut config: Config, runtime: &Handle, caller: Arc<dyn Deliver>) -> Result<Self> {
        let mut connection = None;
        let backend: Arc<dyn Backend> = match &config.target {
            Target::Memory => Arc::new(Memory::new(config.layout.clone(), config.clock.clone())),
            Target::Mongo(address) => {
                let new = match address {
                    Some(address) => Connection::new(address)?,
                    None => Connection::later(),
                };
                let new = Arc::new(new);
                if let Some(timeout) = new.timeout() {
                    config.operation_timeout = config.operation_timeout.min(timeout);
                }
                connection = Some(new.clone());
                let collection = config.collection.clone();
                let layout = config.layout.clone();
                let flags = config.delete_flags || config.moves_in;
                let mongo = Mongo::new(new.clone(), collection, layout.clone(), flags);
                if config.fallback_memory {
                    // What is called meanwhile is to have its answer in time all the same.
                    Arc::new(Fallback::new(
                        mongo,
                        Memory::new(layout, config.clock.clone()),
                        new,
                        config.operation_timeout / 2,
                    ))
                } else {
                    Arc::new(mongo)
                }
            }
        };
        let telemetry = Arc::<Telemetry>::default();
        let teller = caller.clone();
        let tell = move |report| teller.deliver(vec![Delivery::Report(report)]);
        telemetry.listener.set(Box::new(tell));
        if let Some(connection) = &connection {
            connection.tell(telemetry.clone());
        }
        if let Some(cipher) = config.cipher.clone() {
            runtime.spawn_blocking(move || cipher.derive());
        }
        let pressure = connection.as_ref().map(|each| each.pressure().clone());
        let inbox = Arc::new(Inbox::default());
        runtime.spawn(worker::run(
            Arc::new(config),
            backend,
            caller,
            inbox.clone(),
            pressure.unwrap_or_default(),
            telemetry.clone(),
        ));
        Ok(Self {
            inbox,
            telemetry,
            connection,
        })
    }

    /// Tells a store that was opened without an address where its sessions are, or that this will
    /// never be known.
    pub fn lead_to(&self, address: Result<Address>) {
        if let Some(connection) = &self.connection {
            connection.lead_to(address.and_then(|address| Uri::parse(&address)));
        }
    }

    /// What the store has done so far, and how many connections are open to its servers, which other
    /// stores of the process may share.
    #[must_use]
    pub fn stats(&self) -> (Snapshot, usize) {
        let mut snapshot = self.telemetry.snapshot();
        snapshot.queued += self.inbox.len();
        let connection = self.connection.as_ref();
        // In memory nothing is on its way.
        snapshot.round_trip = snapshot.round_trip.filter(|_| connection.is_some());
        let open = connection.map_or(0, |connection| connection.open_connections());
        (snapshot, open)
    }

    /// Has single commands and connections told, from now on or no longer.
    pub fn report(&self, is_on: bool) {
        self.telemetry.listener.turn(is_on);
    }

    /// The name of the database. None as long as it is not known, and in memory.
    #[must_use]
    pub fn database(&self) -> Option<String> {
        self.connection.as_ref()?.database_name()
    }

    /// The servers that the connection string names, likewise.
    #[must_use]
    pub fn endpoints(&self) -> Option<Vec<String>> {
        self.connection.as_ref()?.endpoints()
    }

    /// Lets the worker take what was submitted.
    pub fn flush(&self) {
        self.inbox.flush();
    }

    /// Leaves a call for the worker, which takes it after the next [`flush`](Self::flush) at the latest.
    /// `called_ms` is the moment, by the application's clock.
    ///
    /// # Errors
    ///
    /// [`Error::Closed`](crate::error::Error::Closed) after the store was closed.
    pub fn submit(&self, ticket: Ticket, called_ms: i64, verb: Verb) -> Result<()> {
        let submission = Submission {
            ticket,
            called: Instant::now(),
            called_ms,
            verb,
        };
        self.inbox.push(submission)
    }
}
