//! Watching a collection for sessions that end. All stores of a process on the same collection share one
//! [`Watch`], which tells each of the sessions with its prefix.
//!
//! A replica set or a sharded cluster has a change stream, in `stream.rs`; a standalone is asked regularly, in
//! `poll.rs`. What either of them sees is judged by [`Known`](super::super::watch::Known).

mod event;
mod poll;
mod stream;

use std::mem;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mongodb::Collection;
use mongodb::bson::RawDocumentBuf;
use mongodb::error::Error as DriverError;
use mongodb::options::{ReadPreference, SelectionCriteria};
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::super::watch::{Ended, Listener, Notice};
use super::Mongo;
use crate::clock::jittered;
use crate::connection::{Servers, from_driver};
use crate::document::Layout;
use crate::error::Error;

/// Between two attempts, at first and at most.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LAST_PAUSE: Duration = Duration::from_secs(5);

/// Between two attempts to do what the server has refused.
const PAUSE_AFTER_REFUSAL: Duration = Duration::from_secs(60);

/// How many sessions are told at once, and the pause in which event loops may do something else.
const MOST_AT_ONCE: usize = 1000;
const BREATH: Duration = Duration::from_millis(5);

/// The server's code for a command that the user may not send.
const UNAUTHORIZED: i32 = 13;

/// Those of a process.
static OPEN: LazyLock<Mutex<Vec<Arc<Watch>>>> = LazyLock::new(Mutex::default);

/// What a store has of them.
#[derive(Default)]
pub enum Watching {
    /// Nothing.
    #[default]
    Not,
    /// A place among those who are told.
    Joined(Membership),
    /// Nothing any more.
    Closed,
}

impl Mongo {
    /// Lets somebody be told of sessions that end, until [`end_watching`](Self::end_watching).
    pub(super) async fn begin_watching(&self, listener: Listener) {
        let mut pause = FIRST_PAUSE;
        let (servers, database) = loop {
            match self.connection.place().await {
                Ok(place) => break place,
                // Reported by who finds it out first.
                Err(Error::InvalidOption(_)) => return,
                Err(_) => sleep(jittered(next(&mut pause))).await,
            }
        };
        let place = Place {
            connections: self.connection.connections(),
            servers,
            database,
            collection: self.collection.clone(),
            layout: self.layout.clone(),
        };
        let mut watching = lock(&self.watching);
        if matches!(*watching, Watching::Not) {
            *watching = Watching::Joined(Membership::begin(place, listener));
        }
    }

    /// Ends that. The last one ends the watch of the collection.
    pub(super) async fn end_watching(&self) {
        let watching = mem::replace(&mut *lock(&self.watching), Watching::Closed);
        if let Watching::Joined(mut membership) = watching
            && let Some(task) = membership.end()
        {
            // What it has open is closed before the connections are.
            let _ = task.await;
        }
    }
}

/// What is watched.
struct Place {
    servers: Arc<Servers>,
    /// How many connections there may be to a server.
    connections: usize,
    database: String,
    collection: String,
    layout: Layout,
}

impl PartialEq for Place {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.servers, &other.servers)
            && self.database == other.database
            && self.collection == other.collection
            && self.layout == other.layout
    }
}

/// The watch of a collection.
struct Watch {
    place: Place,
    listeners: Mutex<Listeners>,
    task: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Default)]
struct Listeners {
    last_number: u64,
    present: Vec<(u64, Listener)>,
    /// What the server refuses at present, for those who come later.
    refusal: Option<Error>,
}

impl Watch {
    /// The collection, as the present client has it.
    fn collection(&self) -> Collection<RawDocumentBuf> {
        let database = self.place.servers.client().database(&self.place.database);
        database.collection(&self.place.collection)
    }

    /// Watches for ever.
    async fn run(self: Arc<Self>) {
        let mut stream = stream::State::default();
        loop {
            if self.place.servers.monitor.learn_takes_numbers().await {
                stream.follow(&self).await;
            } else {
                poll::run(&self).await;
            }
        }
    }

    /// Tells of sessions that have ended, of many of them bit by bit.
    async fn tell(&self, ended: &mut Vec<Ended>) {
        for (count, some) in ended.chunks(MOST_AT_ONCE).enumerate() {
            if count > 0 {
                sleep(BREATH).await;
            }
            for (_, listener) in &lock(&self.listeners).present {
                listener.hear(some);
            }
        }
        ended.clear();
    }

    fn warn(&self, error: &Error) {
        for (_, listener) in &lock(&self.listeners).present {
            (listener.tell)(vec![Notice::Warning(error.clone())]);
        }
    }

    /// Warns of something that the server does not do, once for as long as that is so.
    fn refused(&self, error: &DriverError) {
        let Place {
            database,
            collection,
            ..
        } = &self.place;
        let cause = from_driver("watch", error);
        let place = format!("the collection '{collection}' of the database '{database}'");
        let reason = match cause {
            Error::Server {
                code: UNAUTHORIZED, ..
            } => format!(
                "the user in the connection string needs the right 'changeStream' beside 'find' on {place}, as the role readWrite has it"
            ),
            _ => format!("the server does not let {place} be watched"),
        };
        let message = format!(
            "sessions that end are not told, as the option 'watch' says: {reason}. It is tried again every minute"
        );
        let error = Error::Watch {
            message,
            cause: Box::new(cause),
        };
        if lock(&self.listeners)
            .refusal
            .replace(error.clone())
            .is_none()
        {
            self.warn(&error);
        }
    }

    /// Takes note that the server does what it is asked for.
    fn accepted(&self) {
        lock(&self.listeners).refusal = None;
    }
}

/// A place among those who are told. It ends when it is dropped.
pub struct Membership {
    watch: Arc<Watch>,
    number: u64,
    is_over: bool,
}

impl Membership {
    /// Begins one, and the watch with it if it is the first.
    fn begin(place: Place, listener: Listener) -> Self {
        let mut open = lock(&OPEN);
        let known = open.iter().find(|watch| watch.place == place).cloned();
        let watch = known.unwrap_or_else(|| {
            let watch = Arc::new(Watch {
                place,
                listeners: Mutex::default(),
                task: Mutex::default(),
            });
            *lock(&watch.task) = Some(tokio::spawn(watch.clone().run()));
            open.push(watch.clone());
            watch
        });
        let mut listeners = lock(&watch.listeners);
        listeners.last_number += 1;
        let number = listeners.last_number;
        if let Some(error) = listeners.refusal.clone() {
            (listener.tell)(vec![Notice::Warning(error)]);
        }
        listeners.present.push((number, listener));
        drop(listeners);
        Self {
            watch,
            number,
            is_over: false,
        }
    }

    /// Ends it. The last one answers the task of the watch, which is ending.
    fn end(&mut self) -> Option<JoinHandle<()>> {
        if mem::replace(&mut self.is_over, true) {
            return None;
        }
        let mut open = lock(&OPEN);
        let mut listeners = lock(&self.watch.listeners);
        listeners
            .present
            .retain(|(number, _)| *number != self.number);
        if !listeners.present.is_empty() {
            return None;
        }
        open.retain(|watch| !Arc::ptr_eq(watch, &self.watch));
        let task = lock(&self.watch.task).take()?;
        task.abort();
        Some(task)
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        self.end();
    }
}

/// The pause before the next attempt, which grows.
fn next(pause: &mut Duration) -> Duration {
    let present = *pause;
    *pause = (present * 2).min(LAST_PAUSE);
    present
}

/// Lists, and what else a panic while one of the locks was held leaves whole behind.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Where sessions are looked at: what a secondary says may be old.
fn primary() -> SelectionCriteria {
    ReadPreference::Primary.into()
}
