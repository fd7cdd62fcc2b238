//! Writes that share a command, which another client that holds one of their documents is not to hold up.
//!
//! The server works through the statements of a command one after the other, and waits at a document that
//! a transaction holds. So a command of several statements has a time limit. When that is up, the server
//! does not say how far it has got. But it knows every statement by the transaction number and its place:
//! those that come again with both are told their results if they were carried out, and are carried out
//! if they were not. That finds the one that is held, and none is carried out twice, which could undo what
//! somebody else has written in between. What comes behind the held one has not been carried out.

use std::ops::Range;
use std::time::Duration;

use mongodb::bson::Document;

use super::super::{Fate, Id, Sweep, Write, Written};
use super::Mongo;
use super::repeat::{Again, LogicalSession};
use super::reply::{is_out_of_time, is_unconfirmed, write_errors};
use super::statement::Attempt;
use crate::codec::raw::{Writer, index};
use crate::connection::from_driver;
use crate::error::{Error, Result};

/// How many parts of a command that was out of time come again one after the other, and of the one that was
/// so, too. Fewer would be out of time more often, and more are more to be answered.
const PARTS: usize = 8;

/// How much of the time that the whole command had each part has. Most of what it is about has been carried
/// out by then, or waits for the one that is held, in which case it makes no difference when that is told.
const PART_OF_PATIENCE: u32 = 4;

/// What shares a command.
pub(super) enum Statements<'a> {
    Updates(&'a [&'a Write]),
    Deletions(&'a [Id]),
    Sweep(&'a Sweep, &'a [Id], Fate),
}

/// What became of them.
pub(super) struct Narrowed {
    /// Of each.
    pub results: Vec<Result<Written>>,
    /// About how many documents they were.
    pub count: u64,
}

impl Statements<'_> {
    fn count(&self) -> usize {
        match self {
            Self::Updates(writes) => writes.len(),
            Self::Deletions(ids) | Self::Sweep(_, ids, _) => ids.len(),
        }
    }
}

impl Mongo {
    /// Carries out several statements as one command, and tells of each what became of it after not much
    /// more than `patience`, if that is given. Only where the server takes transaction numbers.
    pub(super) async fn within(
        &self,
        statements: Statements<'_>,
        patience: Option<Duration>,
    ) -> Result<Narrowed> {
        let database = self.connection.database().await?;
        let session = LogicalSession::numbered(&database, &self.connection).await;
        let mut session = session.map_err(|error| from_driver("write", &error))?;
        let count = statements.count();
        let mut results = vec![Ok(Written::Held); count];
        let mut part = 0..count;
        let mut size = count;
        // The one that is held, if any, lies before this.
        let mut end = count;
        let mut limit = patience;
        let again = match &statements {
            Statements::Updates(writes) => Again::of(writes),
            Statements::Deletions(_) | Statements::Sweep(..) => Again::Known,
        };
        let mut has_begun = false;
        let mut is_carried_out = false;
        let mut documents = 0;
        while !part.is_empty() {
            let mut known = part.start;
            let limit_of_part = limit.filter(|_| !is_carried_out);
            let command = self.part_of(&statements, part.clone(), limit_of_part);
            let numbered = Some(&mut session);
            let reply = self.run_in(&database, "write", again, numbered, command);
            match self.connection.unless_refused(reply).await {
                // It waits for its write concern, as everything does then.
                Ok(reply) if is_unconfirmed(&reply) && limit_of_part.is_some() => {
                    is_carried_out = true;
                    continue;
                }
                Ok(reply) => {
                    is_carried_out = false;
                    let matched = reply.get_i32("n").unwrap_or_default();
                    documents += u64::try_from(matched).unwrap_or_default();
                    let found = self.results_of(&statements, part.clone(), &reply).await;
                    results.splice(part.clone(), found);
                    known = part.end;
                    if known == end {
                        // None is: the server was slow.
                        end = count;
                        size = count;
                        limit = patience;
                    }
                }
                Err(error) if is_out_of_time(&error) && part.len() == 1 => break,
                Err(error) if is_out_of_time(&error) => {
                    end = part.end;
                    size = part.len().div_ceil(PARTS);
                    limit = patience.map(|patience| patience / PART_OF_PATIENCE);
                    has_begun = true;
                }
                Err(error) if known > 0 => {
                    results[known..].fill(Err(error));
                    break;
                }
                // Some were carried out before the time was up, and which of them is not known now.
                Err(error @ Error::Overloaded { .. }) if has_begun => {
                    return Err(Error::OutcomeUnknown(Box::new(error)));
                }
                Err(error) => return Err(error),
            }
            part = known..end.min(known + size);
        }
        Ok(Narrowed {
            results,
            count: documents,
        })
    }

    fn part_of(
        &self,
        statements: &Statements<'_>,
        part: Range<usize>,
        limit: Option<Duration>,
    ) -> Writer {
        let mut command = match statements {
            Statements::Updates(writes) => {
                self.update_command(&writes[part.clone()], Attempt::First)
            }
            Statements::Deletions(ids) => self.delete_command(&ids[part.clone()]),
            Statements::Sweep(sweep, ids, fate) => {
                self.sweep_each(sweep, &ids[part.clone()], *fate)
            }
        };
        places(&mut command, part);
        if let Some(limit) = limit {
            let limit = i64::try_from(limit.as_millis()).unwrap_or(i64::MAX);
            command.int64("maxTimeMS", limit);
        }
        command
    }

    async fn results_of(
        &self,
        statements: &Statements<'_>,
        part: Range<usize>,
        reply: &Document,
    ) -> Vec<Result<Written>> {
        match statements {
            Statements::Updates(writes) => self.results(&writes[part], reply).await,
            Statements::Deletions(ids) | Statements::Sweep(_, ids, _) => {
                self.saw_write(reply, &ids[part.clone()]);
                let mut results = vec![Ok(Written::Stored); part.len()];
                write_errors(reply, &mut results);
                results
            }
        }
    }
}

/// Names statements by their places in the command that was sent first.
fn places(command: &mut Writer, part: Range<usize>) {
    command.start_array("stmtIds");
    for (position, place) in part.enumerate() {
        command.int32(&index(position), i32::try_from(place).unwrap_or(i32::MAX));
    }
    command.end();
}
