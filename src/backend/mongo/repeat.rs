//! Which writes may be sent a second time when their first reply was lost, and how the server knows
//! them then.
//!
//! Where there are transaction numbers, a write carries a logical session and a number, every time the
//! same ones, and the server carries out each of its statements at most once (the driver specification
//! "Retryable Writes"). The driver numbers none of the raw commands that it is given. So the numbers are
//! ours, and the logical sessions the driver's: it pools them, lets go of those that are about to expire
//! or whose connection broke, and ends them with the client.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use mongodb::bson::Document;
use mongodb::error::Result as DriverResult;
use mongodb::{ClientSession, Database};

use super::super::{Change, Write};
use super::reply;
use crate::clock::jittered;
use crate::connection::{Connection, is_overload, is_overtaken, is_retryable, is_untouched};
use crate::progress;

/// How often a command is sent at most while its errors are retryable. A write that a primary could
/// not replicate any more tells the driver nothing about that primary; the refusal of the second
/// attempt does, and so the third one waits for the new primary.
pub(super) const ATTEMPTS: u32 = 3;

/// How often a write is sent again that something else has overtaken, the pause before the first time, and how
/// often that is doubled: for some seconds. A database takes no new collections from the drop of the first one in
/// it until most members of the replica set have dropped them all.
const AGAIN_AFTER_OTHERS: u32 = 32;
const PAUSE_FOR_OTHERS: Duration = Duration::from_millis(10);
const DOUBLINGS: u32 = 4;

/// What a server makes of a write that it is sent a second time.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Again {
    /// It knows which statements it has carried out, where it takes transaction numbers: each of them is
    /// about one document.
    Known,
    /// The same of touches, which are not worth a second attempt while the server is overloaded.
    KnownTouches,
    /// It carries the write out anew, which undoes nothing that others have written meanwhile.
    Harmless,
    /// It carries the write out anew, and that may undo what others have written meanwhile.
    Harmful,
}

impl Again {
    /// That of writes which are about one document each.
    pub fn of(writes: &[&Write]) -> Self {
        let is_touch = |write: &&Write| matches!(write.change, Change::Touch);
        if writes.iter().all(is_touch) {
            Self::KnownTouches
        } else {
            Self::Known
        }
    }

    /// Whether each statement is about one document, so that it may carry a transaction number.
    pub fn is_known(self) -> bool {
        matches!(self, Self::Known | Self::KnownTouches)
    }
}

/// A logical session for one command, or for one write that is several commands.
pub(super) struct LogicalSession {
    /// Taken when it is abandoned.
    session: Option<ClientSession>,
    /// The transaction number of the write.
    number: Option<i64>,
    is_answered: bool,
    connection: Arc<Connection>,
}

impl LogicalSession {
    /// One that nobody else uses meanwhile.
    pub async fn start(database: &Database, connection: &Arc<Connection>) -> DriverResult<Self> {
        let session = database.client().start_session().await?;
        Ok(Self {
            session: Some(session),
            number: None,
            is_answered: true,
            connection: connection.clone(),
        })
    }

    /// The same with a transaction number.
    pub async fn numbered(database: &Database, connection: &Arc<Connection>) -> DriverResult<Self> {
        // Those of one logical session have to rise. As they do in the whole process, it does not
        // matter who has used it before.
        static LAST: AtomicI64 = AtomicI64::new(0);
        let mut session = Self::start(database, connection).await?;
        session.number = Some(LAST.fetch_add(1, Ordering::Relaxed) + 1);
        Ok(session)
    }

    /// What names it.
    pub fn id(&self) -> Document {
        let session = self.session.as_ref();
        session.map_or_else(Document::new, |session| session.id().clone())
    }

    /// The number that the command carries, if it carries one.
    pub fn number(&self) -> Option<i64> {
        self.number
    }

    /// The logical session that the driver puts into the command.
    pub fn session(&mut self) -> Option<&mut ClientSession> {
        self.session.as_mut()
    }

    /// Takes note that a command is sent.
    pub fn sends(&mut self) {
        self.is_answered = false;
    }

    /// Takes note that the server is done with the command, or that the driver knows that it may not be.
    pub fn answered(&mut self) {
        self.is_answered = true;
    }
}

/// A command that was given up may go on at the server, for as long as another client holds a document.
/// The next one of its logical session would wait for it there.
impl Drop for LogicalSession {
    fn drop(&mut self) {
        if !self.is_answered
            && let Some(session) = self.session.take()
        {
            self.connection.abandon(session);
        }
    }
}

/// Decides after each attempt of a write whether there may be another one.
pub(super) struct Attempts {
    left: u32,
    /// How many may still follow one that was refused for the load of the server.
    left_under_load: u32,
    /// How many may still follow one that something else has overtaken.
    left_after_others: u32,
    repeats: bool,
    is_outcome_unknown: bool,
}

impl Attempts {
    /// Of a write to these servers that may be sent again, or of one that may not unless it was not
    /// carried out.
    pub fn new(connection: &Connection, again: Again, is_numbered: bool) -> Self {
        let retries = connection.retries_writes();
        let is_worth_it = retries && again != Again::KnownTouches;
        Self {
            left: if retries { ATTEMPTS - 1 } else { 0 },
            left_under_load: if is_worth_it {
                connection.retries_under_load()
            } else {
                0
            },
            left_after_others: if retries { AGAIN_AFTER_OTHERS } else { 0 },
            repeats: is_numbered || again == Again::Harmless,
            is_outcome_unknown: false,
        }
    }

    /// Whether another attempt is to follow one that was answered so, because it may succeed, does no
    /// harm, and somebody waits for it.
    pub fn may_follow(&mut self, answer: &DriverResult<Document>) -> bool {
        let is_overtaken = was_overtaken(answer);
        let (may_succeed, may_be_done) = match answer {
            Ok(reply) => (
                is_overtaken || reply::is_retryable(reply),
                !reply::has_done_nothing(reply),
            ),
            Err(error) => (
                is_overtaken || is_retryable(error),
                progress::was_sent() && !is_untouched(error),
            ),
        };
        self.is_outcome_unknown |= may_succeed && may_be_done;
        let is_left = if answer.as_ref().is_err_and(is_overload) {
            count_down(&mut self.left_under_load)
        } else if is_overtaken {
            count_down(&mut self.left_after_others)
        } else {
            count_down(&mut self.left)
        };
        let does_no_harm = self.repeats || !self.is_outcome_unknown;
        may_succeed && does_no_harm && is_left && progress::may_retry()
    }

    /// How long what something else has overtaken waits before it comes again.
    pub fn pause_for_others(&self, answer: &DriverResult<Document>) -> Duration {
        if was_overtaken(answer) {
            let before = (AGAIN_AFTER_OTHERS - self.left_after_others).saturating_sub(1);
            jittered(PAUSE_FOR_OTHERS * 2_u32.pow(before.min(DOUBLINGS)))
        } else {
            Duration::ZERO
        }
    }

    /// Whether one of the attempts may have been carried out, though none was answered.
    pub fn is_outcome_unknown(&self) -> bool {
        self.is_outcome_unknown
    }
}

/// Whether something else that went on at that moment is why a command or one of its statements has failed.
fn was_overtaken(answer: &DriverResult<Document>) -> bool {
    match answer {
        Ok(reply) => reply::is_overtaken(reply),
        Err(error) => is_overtaken(error),
    }
}

/// Takes one of those that are left, if there is one.
pub(super) fn count_down(left: &mut u32) -> bool {
    let is_left = *left > 0;
    *left = left.saturating_sub(1);
    is_left
}
