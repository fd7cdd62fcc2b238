//! What is asked for, and what is sent for it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::traffic::Place;
use crate::backend::{Change, Extra, Id, Page, Removal, UserPage, Which, Write};
use crate::error::Result;

/// Names a request towards JavaScript. Never used twice while a request is pending.
pub type Ticket = u32;

/// Reads and writes have commands of their own, so that neither holds up the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// Gets.
    Read,
    /// Writes and destroys.
    Write,
}

/// One request about one session.
#[derive(Debug)]
pub struct Request {
    /// Who waits for the answer.
    pub ticket: Ticket,
    /// What the caller has called, for messages.
    pub verb: &'static str,
    /// Which document.
    pub id: Id,
    /// What to do.
    pub work: Work,
    /// When the caller must have an answer.
    pub deadline: Instant,
}

/// What a request does.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "each is in one slot for a moment; a box would cost every write an allocation"
)]
pub enum Work {
    /// Reads the document.
    Get,
    /// Writes the document.
    Write {
        /// The new `expires`, in milliseconds since the epoch.
        expires_ms: i64,
        /// What else changes.
        change: Change,
        /// Fields that only some options have.
        extra: Extra,
    },
    /// Writes the document, which was tried before and has changed nothing.
    Again(Box<Write>),
    /// Deletes the document.
    Destroy,
    /// The part of a sweep that is about the document.
    Sweep(SweepKey),
}

impl Work {
    /// The id that the session gets, if it gets a new one.
    #[must_use]
    pub const fn new_id(&self) -> Option<&Id> {
        match self {
            Self::Write {
                change: Change::Renew { to, .. },
                ..
            } => Some(to),
            _ => None,
        }
    }
}

/// A request about all sessions of the prefix. What was called before it is covered by it, and what is
/// called after it is not undone by it.
#[derive(Clone, Debug)]
pub struct Bulk {
    /// Who waits for the answer.
    pub ticket: Ticket,
    /// What to do.
    pub kind: BulkKind,
    /// When the caller must have an answer; closing takes as long as what it waits for.
    pub deadline: Option<Instant>,
}

/// What a bulk request does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BulkKind {
    /// Counts all live sessions.
    Length,
    /// Counts those that are meant, up to so many.
    Count(Arc<Which>, Option<u32>),
    /// Reads a page of the list of users.
    Users(Arc<UserPage>),
    /// Deletes every session, or flags them all.
    Clear,
    /// Flags every session as deleted.
    FlagAll,
    /// Deletes the flagged ones, which a save that is called later does not meet any more.
    Cleanup,
    /// Reads a page of a list.
    Page(Arc<Page>),
    /// Removes sessions by their user or by what they hold.
    Remove(Arc<Removal>),
    /// Ends the store.
    Close,
}

impl BulkKind {
    /// What the caller has called, for messages.
    #[must_use]
    pub fn verb(&self) -> &'static str {
        match self {
            Self::Page(page) => match page.which {
                Which::Of(_) | Which::Handle { .. } => "sessionsOf",
                Which::Matching(_) => "find",
                Which::All if page.ids_only => "ids",
                Which::All | Which::ExpiringAt(_) => "scan",
            },
            Self::Remove(removal) => match removal.which {
                Which::Of(_) => "destroyByUser",
                Which::Handle { .. } => "revoke",
                Which::Matching(_) | Which::All => "destroyMany",
                Which::ExpiringAt(_) => "move",
            },
            Self::Length => "length",
            Self::Count(..) => "count",
            Self::Users(_) => "users",
            Self::Clear => "clear",
            Self::FlagAll => "flagDeletion",
            Self::Cleanup => "cleanup",
            Self::Close => "close",
        }
    }

    /// Whether it is carried out one slice of the sessions after the other, in order with what is called
    /// for each of them.
    #[must_use]
    pub const fn is_sweep(&self) -> bool {
        matches!(
            self,
            Self::Clear | Self::FlagAll | Self::Cleanup | Self::Remove(_)
        )
    }
}

/// A caller whose time is up.
#[derive(Debug, PartialEq, Eq)]
pub struct Expired {
    /// Who it is.
    pub ticket: Ticket,
    /// What was called.
    pub verb: &'static str,
    /// Whether the command was out; otherwise it was never sent.
    pub was_sent: bool,
}

/// The place of a request in the schedule while it is pending.
pub type Key = usize;

/// A command of a batch that is under way.
#[derive(Clone, Copy, Debug)]
pub struct Command {
    /// To which of them it belongs.
    pub lane: Lane,
    pub(super) place: Place,
}

/// Names a sweep while it is pending.
pub type SweepKey = u64;

/// A command that may be sent now.
#[derive(Debug)]
pub enum Job {
    /// One `find` for many sessions.
    Get(Batch<Id>),
    /// One `update` with many statements.
    Write(Batch<Write>),
    /// One `delete` for many sessions.
    Destroy(Batch<Id>),
    /// A bulk request that is one command.
    Bulk(Bulk),
    /// Reads the next ids of a sweep, behind this one.
    Ids(SweepKey, Bulk, Option<Id>),
    /// Carries out a sweep for some sessions.
    Sweep(SweepKey, Bulk, Slice),
}

/// Why a slice of a sweep leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SliceKind {
    /// It is its turn.
    InTurn,
    /// Somebody waits for what was called later for its sessions. It does not wait for others.
    Awaited,
    /// It is the one session whose document another client holds. Nothing waits for it.
    Held,
}

/// Some sessions of a sweep, in parallel lists.
#[derive(Debug)]
pub struct Slice {
    /// Why it leaves.
    pub kind: SliceKind,
    /// The places of its parts in the schedule.
    pub keys: Vec<Key>,
    /// Which sessions.
    pub ids: Vec<Id>,
}

/// A sweep that is over.
#[derive(Debug)]
pub struct Finished {
    /// The request.
    pub bulk: Bulk,
    /// For how many sessions it was carried out, or why it was not for all.
    pub outcome: Result<u64>,
}

/// The requests of a command, in parallel lists.
#[derive(Debug)]
pub struct Batch<T> {
    /// The command.
    pub command: Command,
    /// Their places in the schedule.
    pub keys: Vec<Key>,
    /// What the engine needs of them.
    pub items: Vec<T>,
    /// How many calls they are.
    pub calls: usize,
    /// When the last of their callers must have an answer.
    pub deadline: Option<Instant>,
    /// After what time the command is late: such commands have lately taken less.
    pub late_after: Duration,
}

impl<T> Batch<T> {
    /// Puts those of the first `count` requests behind the others of them that are to be kept apart, and answers
    /// how many the others are.
    pub fn set_apart(&mut self, count: usize, is_apart: impl Fn(&T) -> bool) -> usize {
        if !self.items[..count].iter().any(&is_apart) {
            return count;
        }
        let keys: Vec<_> = self.keys.drain(..count).collect();
        let items: Vec<_> = self.items.drain(..count).collect();
        let (apart, others): (Vec<_>, Vec<_>) = keys
            .into_iter()
            .zip(items)
            .partition(|(_, item)| is_apart(item));
        let together = others.len();
        let (keys, items): (Vec<_>, Vec<_>) = others.into_iter().chain(apart).unzip();
        self.keys.splice(..0, keys);
        self.items.splice(..0, items);
        together
    }
}
