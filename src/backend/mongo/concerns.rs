//! The read and write concerns of the connection string, which go into every command, and which own writes a read
//! waits for.

use mongodb::Database;
use mongodb::bson::Document;
use mongodb::options::{ReadConcernLevel, ReadPreference, SelectionCriteria};

use super::super::Id;
use super::Mongo;
use super::own_writes::OwnWrites;
use crate::codec::raw::{self, Writer};

/// Read concern and write concern as raw BSON.
pub(super) struct Concerns {
    pub(super) read: Option<Vec<u8>>,
    pub(super) write: Option<Vec<u8>>,
    /// Its level in a read that waits for own writes.
    waiting: Option<&'static str>,
}

/// Which of this store's own writes a read has to see.
#[derive(Clone, Copy)]
pub(super) enum After<'a> {
    /// Those of these sessions, and of any.
    WritesOf(&'a [Id]),
    /// Every one.
    AllWrites,
}

impl Mongo {
    /// What of the connection string goes into every command.
    pub(super) fn concerns(&self, database: &Database) -> &Concerns {
        self.concerns.get_or_init(|| {
            let concern = |concern: Option<mongodb::bson::error::Result<Document>>| {
                concern
                    .and_then(std::result::Result::ok)
                    .filter(|document| !document.is_empty())
                    .and_then(|document| document.to_vec().ok())
            };
            let level = database.read_concern().map(|concern| &concern.level);
            let reads_elsewhere = match database.selection_criteria() {
                Some(SelectionCriteria::ReadPreference(preference)) => {
                    *preference != ReadPreference::Primary
                }
                _ => false,
            };
            // These go to the primary or fail.
            let can_wait = !matches!(
                level,
                Some(ReadConcernLevel::Linearizable | ReadConcernLevel::Snapshot)
            );
            if reads_elsewhere && can_wait {
                self.own_writes.get_or_init(OwnWrites::default);
            }
            Concerns {
                waiting: match level {
                    // But for that it does not wait, the same in a replica set.
                    Some(ReadConcernLevel::Local | ReadConcernLevel::Available) => Some("local"),
                    Some(ReadConcernLevel::Majority) => Some("majority"),
                    // What the server has as its default.
                    _ => None,
                },
                read: concern(
                    database
                        .read_concern()
                        .map(mongodb::bson::serialize_to_document),
                ),
                write: concern(
                    database
                        .write_concern()
                        .map(mongodb::bson::serialize_to_document),
                ),
            }
        })
    }

    /// What a read asks for, where it may go to a server that has not seen every write.
    pub(super) fn write_read_concern(
        &self,
        command: &mut Writer,
        database: &Database,
        after: After<'_>,
    ) {
        let concerns = self.concerns(database);
        let point = self.own_writes.get().map_or(0, |own_writes| match after {
            After::WritesOf(ids) => own_writes.of(ids),
            After::AllWrites => own_writes.last(),
        });
        if point > 0 {
            command.start_document("readConcern");
            if let Some(level) = concerns.waiting {
                command.string("level", level);
            }
            command.value(
                "afterClusterTime",
                raw::kind::TIMESTAMP,
                &point.to_le_bytes(),
            );
            command.end();
        } else if let Some(concern) = &concerns.read {
            command.document("readConcern", concern);
        }
    }

    /// Takes note of the reply to a write of any sessions.
    pub(super) fn saw_write_of_any(&self, reply: &Document) {
        if let Some(own_writes) = self.own_writes.get() {
            own_writes.saw_any(reply);
        }
    }

    /// Takes note of the reply to a write of these sessions.
    pub(super) fn saw_write<'a>(&self, reply: &Document, ids: impl IntoIterator<Item = &'a Id>) {
        if let Some(own_writes) = self.own_writes.get() {
            own_writes.saw(reply, ids);
        }
    }
}
