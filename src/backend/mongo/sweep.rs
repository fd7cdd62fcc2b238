//! Commands about many sessions, one slice after the other: each is short, so that nobody else waits
//! for the whole, and names its documents, so that what is called later for one of them can wait for
//! that one slice and is not undone by a later one.

use std::slice;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::super::{Fate, Id, Ids, SliceOutcome, Sweep, Swept, Written};
use super::Mongo;
use super::collation::{by_bytes, ids_by_bytes};
use super::filter::{any_of, behind, is_session, leads_no_more, not_ended};
use super::repeat::Again;
use super::reply::count_of;
use super::select::choose;
use super::statement::flag;
use super::within::{Narrowed, Statements};
use crate::codec::raw::{Writer, index};
use crate::document::{Layout, field};
use crate::error::Result;

/// How many ids are read at once. Measured: deleting as many takes a server a few milliseconds.
const IDS: i32 = 500;

/// From so many bytes on a reply may have ended before the last id; MongoDB's limit is 16 MiB, and one
/// id cannot be longer.
const MANY_BYTES: usize = 1024 * 1024;

impl Mongo {
    /// Asks the primary, and without a read concern: what this store has just written has to be
    /// among it.
    pub(super) async fn read_swept(
        &self,
        prefix: &str,
        sweep: &Sweep,
        after: Option<&Id>,
    ) -> Result<Swept> {
        let layout = &self.layout;
        let mut command = self.command("find", prefix.len() * 3);
        command.start_document("filter");
        behind(&mut command, layout, prefix, after, exception(sweep));
        conditions(&mut command, layout, sweep);
        command.end();
        command.start_document("sort");
        command.int32(&layout.id, 1);
        command.end();
        command.start_document("projection");
        if layout.has_own_id() {
            command.int32("_id", 0);
        }
        command.int32(&layout.id, 1);
        command.end();
        by_bytes(&mut command);
        command.int32("limit", IDS);
        command.int32("batchSize", IDS);
        command.boolean("singleBatch", true);
        let mut ids = Vec::new();
        let mut documents = 0;
        let mut bytes = 0;
        self.query_primary("removal", command, &mut |document| {
            documents += 1;
            bytes += document.len();
            ids.extend(layout.id_of(document).map(Id::from));
        })
        .await?;
        let goes_on = documents == IDS || bytes >= MANY_BYTES;
        let next = ids.last().filter(|_| goes_on).cloned();
        Ok(Swept {
            ids,
            next,
            ..Swept::default()
        })
    }

    pub(super) async fn carry_out_sweep(
        &self,
        sweep: &Sweep,
        ids: &[Id],
        fate: Fate,
        patience: Option<Duration>,
    ) -> Result<SliceOutcome> {
        if let Fate::Flagged(_) = fate {
            self.guard_flags();
        }
        let kept = exception(sweep);
        let others: Vec<Id>;
        let swept = if ids.iter().any(|id| Some(id) == kept) {
            others = ids.iter().filter(|id| Some(*id) != kept).cloned().collect();
            &others
        } else {
            ids
        };
        if swept.is_empty() {
            return Ok(SliceOutcome::default());
        }
        let database = self.connection.database().await?;
        // A transaction that holds documents needs servers that take transaction numbers, too.
        if !self.has_index_for(sweep) || !self.numbers_writes(&database).await? {
            let count = self.sweep_at_once(sweep, swept, fate).await?;
            return Ok(SliceOutcome { count, held: None });
        }
        let narrowed = self.within(Statements::Sweep(sweep, swept, fate), patience);
        let Narrowed { results, count } = narrowed.await?;
        let mut held = None;
        for (id, result) in swept.iter().zip(results) {
            if let Written::Held = result? {
                held = ids.iter().position(|each| each == id);
                break;
            }
        }
        Ok(SliceOutcome { count, held })
    }

    /// Whether a statement for each session is as good as one for all, because an index leads to it.
    fn has_index_for(&self, sweep: &Sweep) -> bool {
        let is_of_no_use = || {
            let compares_bytes = matches!(sweep, Sweep::Sessions(_));
            compares_bytes && self.is_collated.load(Ordering::Relaxed)
        };
        // In a field of their own, which need not be unique, ids may have several documents.
        !self.layout.has_own_id() && !is_of_no_use()
    }

    /// With one statement for all sessions.
    async fn sweep_at_once(&self, sweep: &Sweep, ids: &[Id], fate: Fate) -> Result<u64> {
        let (name, list) = command_of(fate);
        let capacity = ids.iter().map(|id| id.len() + 16).sum();
        let mut command = self.command(name, capacity);
        command.start_array(list);
        command.start_document("0");
        self.sweep_statement(&mut command, sweep, ids, fate, false);
        command.end();
        command.end();
        let again = match sweep {
            // What is flagged stays so.
            Sweep::Flagged(_) => Again::Harmless,
            Sweep::All | Sweep::Unflagged | Sweep::Sessions(_) => Again::Harmful,
        };
        let reply = self.run("removal", again, command).await?;
        self.saw_write(&reply, ids);
        count_of(&reply)
    }

    /// A command with a statement for each session: only those that are about one document carry transaction
    /// numbers.
    pub(super) fn sweep_each(&self, sweep: &Sweep, ids: &[Id], fate: Fate) -> Writer {
        let (name, list) = command_of(fate);
        let capacity = ids.iter().map(|id| id.len() + 128).sum();
        let mut command = self.command(name, capacity);
        command.boolean("ordered", false);
        command.start_array(list);
        for (position, id) in ids.iter().enumerate() {
            command.start_document(&index(position));
            self.sweep_statement(&mut command, sweep, slice::from_ref(id), fate, true);
            command.end();
        }
        command.end();
        command
    }

    fn sweep_statement(
        &self,
        command: &mut Writer,
        sweep: &Sweep,
        ids: &[Id],
        fate: Fate,
        is_about_one: bool,
    ) {
        command.start_document("q");
        any_of(command, &self.layout, ids);
        conditions(command, &self.layout, sweep);
        command.end();
        match sweep {
            Sweep::Sessions(_) => by_bytes(command),
            Sweep::All | Sweep::Flagged(_) | Sweep::Unflagged => {
                ids_by_bytes(command, &self.layout);
            }
        }
        match fate {
            Fate::Deleted => command.int32("limit", is_about_one.into()),
            Fate::Flagged(expires_ms) => {
                flag(command, &self.layout, expires_ms);
                if !is_about_one {
                    command.boolean("multi", true);
                }
            }
        }
    }
}

/// The command that brings about a fate, and the list of its statements.
fn command_of(fate: Fate) -> (&'static str, &'static str) {
    match fate {
        Fate::Deleted => ("delete", "deletes"),
        Fate::Flagged(_) => ("update", "updates"),
    }
}

/// The session that a sweep leaves alone.
fn exception(sweep: &Sweep) -> Option<&Id> {
    match sweep {
        Sweep::Sessions(removal) => match &removal.ids {
            Ids::AllBut(id) => Some(id),
            Ids::Any | Ids::Only(_) => None,
        },
        Sweep::All | Sweep::Flagged(_) | Sweep::Unflagged => None,
    }
}

/// What a document has to be besides its id.
fn conditions(filter: &mut Writer, layout: &Layout, sweep: &Sweep) {
    match sweep {
        Sweep::All => {}
        Sweep::Flagged(now_ms) => {
            filter.boolean(&layout.deleted, true);
            leads_no_more(filter, *now_ms);
        }
        Sweep::Unflagged => not_ended(filter, layout),
        Sweep::Sessions(removal) => {
            choose(filter, layout, &removal.which, None);
            // What another program keeps in the collection must not be taken for a session.
            if !removal.which.looks_into_session() {
                is_session(filter, layout, removal.takes_any_text);
            }
            not_ended(filter, layout);
            // Nor is one to which the session is going to move that stays.
            if let Ids::AllBut(id) = &removal.ids {
                filter.start_document(field::RENEWED_FROM);
                filter.string("$ne", id);
                filter.end();
            }
        }
    }
}
