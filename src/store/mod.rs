//! The verbs of a session store and their rules: expiry, order, no lost updates, destroyed stays
//! destroyed, a deadline for everything.
//!
//! A call only leaves a [`Submission`] and returns; [`worker`] turns it into requests, runs them in
//! batches and delivers the answers.

mod commands;
mod deadline;
mod delivery;
mod exchange;
mod health;
mod hedge;
mod id;
mod inbox;
mod limit;
mod lists;
mod maintenance;
mod old_id;
mod reading;
mod renewal;
mod save;
mod selection;
mod sweep;
mod upkeep;
mod verb;
mod watch;
mod worker;

use std::sync::Arc;

use tokio::runtime::Handle;
use tokio::time::Instant;

pub use self::delivery::{Deliver, Delivery, Event, Outcome};
use self::inbox::Inbox;
pub use self::lists::{Entries, Entry, Place, Users};
pub use self::maintenance::{Conversion, Maintenance, Target as ConversionTarget};
pub use self::save::{Indexed, Owner, SaveCall, SaveMode, SessionText};
pub use self::selection::Selection;
pub use self::upkeep::indexes;
pub use self::verb::{Submission, Verb};
use crate::backend::Backend;
use crate::backend::fallback::Fallback;
use crate::backend::memory::Memory;
use crate::backend::mongo::Mongo;
pub use crate::batch::{BulkKind, Ticket};
use crate::connection::{Connection, Uri};
use crate::error::Result;
use crate::options::{Address, Config, Target};
use crate::telemetry::{Snapshot, Telemetry};

/// What lists have for a session id: the `_id` of its document without the prefix.
#[must_use]
pub fn listed_id(sid: String, hash_ids: bool) -> String {
    id::of_document("", sid, hash_ids)
}

/// A handle to a store. Dropping it ends the store once everything pending has been answered.
pub struct Store {
    inbox: Arc<Inbox>,
    telemetry: Arc<Telemetry>,
    /// None for the memory engine.
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
