//! Deletions of documents by their ids.

use super::super::{Id, Written};
use super::Mongo;
use super::collation::ids_by_bytes;
use super::filter::any_of;
use super::repeat::Again;
use super::reply::{count_of, write_errors};
use crate::codec::raw::{Writer, index};
use crate::error::Result;

impl Mongo {
    /// With a statement for each document: only those that are about one carry transaction numbers.
    pub(super) async fn delete_each(&self, ids: &[Id]) -> Result<()> {
        let reply = self
            .run("destroy", Again::Known, self.delete_command(ids))
            .await?;
        self.saw_write(&reply, ids);
        let mut results = vec![Ok(Written::Stored); ids.len()];
        write_errors(&reply, &mut results);
        results.into_iter().try_for_each(|result| result.map(drop))
    }

    /// A command with a statement for each document.
    pub(super) fn delete_command(&self, ids: &[Id]) -> Writer {
        let capacity = ids.iter().map(|id| id.len() + 64).sum();
        let mut command = self.command("delete", capacity);
        command.boolean("ordered", false);
        command.start_array("deletes");
        for (position, id) in ids.iter().enumerate() {
            command.start_document(&index(position));
            command.start_document("q");
            command.string(&self.layout.id, id);
            command.end();
            command.int32("limit", 1);
            command.end();
        }
        command.end();
        command
    }

    /// With one statement for all of them.
    pub(super) async fn delete_any(&self, ids: &[Id]) -> Result<()> {
        let capacity = ids.iter().map(|id| id.len() + 16).sum();
        let mut command = self.command("delete", capacity);
        command.start_array("deletes");
        command.start_document("0");
        command.start_document("q");
        any_of(&mut command, &self.layout, ids);
        command.end();
        ids_by_bytes(&mut command, &self.layout);
        command.int32("limit", 0);
        command.end();
        command.end();
        let reply = self.run("destroy", Again::Harmful, command).await?;
        self.saw_write(&reply, ids);
        count_of(&reply).map(drop)
    }
}
