//! What goes back to who has called, or listens.

use super::lists::{Entries, Users};
use crate::backend::watch::Ended;
use crate::batch::Ticket;
use crate::document::Loaded;
use crate::error::{Error, Result};
use crate::telemetry::Report;

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
