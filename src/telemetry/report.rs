//! What is told about single commands and connections while somebody listens.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

/// Takes a report. Called from the runtime's threads.
pub type Tell = Box<dyn Fn(Report) + Send + Sync>;

/// What has happened.
#[derive(Debug)]
pub enum Report {
    /// A command has got a connection and leaves.
    Sent(Sent),
    /// It is over.
    Done {
        /// The number of the command.
        command: u64,
        /// How long that took.
        elapsed: Duration,
        /// How it has ended.
        ending: Ending,
    },
    /// Something about a connection, or who takes the writes.
    Connection(Server, ConnectionEvent),
    /// An index is there.
    Index(String),
}

/// A command that leaves.
#[derive(Debug)]
pub struct Sent {
    /// The number of the command in this process.
    pub command: u64,
    /// MongoDB's name for it.
    pub name: &'static str,
    /// Where it goes.
    pub server: Server,
    /// The tickets of the calls that it carries.
    pub calls: Arc<[u32]>,
    /// How many sessions it is about, as far as they are named one by one.
    pub sessions: usize,
    /// For how long the first of these calls has waited for it.
    pub waited: Option<Duration>,
    /// For how long the command has waited for its connection.
    pub waited_for_connection: Duration,
    /// When it left.
    pub at: Instant,
}

/// Where a server is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// The name of its host, or the path of a socket.
    pub host: String,
    /// None of a socket.
    pub port: Option<u16>,
}

/// How a command has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The server has carried it out.
    Answered,
    /// It has failed.
    Failed(Failure),
    /// Nobody waited for its answer any more.
    Abandoned,
}

/// Why a command has failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The code that errors of the store have.
    pub code: &'static str,
    /// The server's code and its name for that, if it was the server that refused.
    pub server_code: Option<(i32, String)>,
}

/// What knows why a command has failed.
pub trait Describe {
    /// Why, without anything of what the command holds.
    fn failure(&self) -> Failure;
}

/// Something about a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConnectionEvent {
    /// One is being opened.
    Created,
    /// It can be used, so long after that.
    Ready(Duration),
    /// It is closed, for this reason.
    Closed(&'static str),
    /// Who has waited for one so long gets none.
    CheckoutFailed(Duration),
    /// The server is the primary, in the place of another one.
    Primary,
}

/// Who is told. What is rare is told always, and what is about single commands while somebody listens.
#[derive(Default)]
pub struct Listener {
    is_on: AtomicBool,
    tell: OnceLock<Tell>,
}

impl Listener {
    /// Says whom to tell, once.
    pub fn set(&self, tell: Tell) {
        let _ = self.tell.set(tell);
    }

    /// Says whether somebody listens to commands from now on.
    pub fn turn(&self, is_on: bool) {
        self.is_on.store(is_on, Ordering::Relaxed);
    }

    /// Whether somebody does.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.is_on.load(Ordering::Relaxed)
    }

    /// Tells.
    pub fn tell(&self, report: Report) {
        if let Some(tell) = self.tell.get() {
            tell(report);
        }
    }
}
