//! Who has sessions, and how many.

use super::super::{UserPage, Visit};
use super::Mongo;
use super::collation::by_bytes;
use super::concerns::After;
use super::filter::live;
use super::query::one_reply;
use crate::codec::raw::{Writer, index};
use crate::document::{Alive, field};
use crate::error::Result;

impl Mongo {
    /// The index on the users gives their order, so that the server reads no more than the sessions of a page.
    pub(super) async fn count_by_user(
        &self,
        prefix: &str,
        page: &UserPage,
        alive: Alive,
        visit: Visit<'_>,
    ) -> Result<()> {
        let mut command = self.command("aggregate", prefix.len() * 2);
        command.start_array("pipeline");
        command.start_document("0");
        command.start_document("$match");
        live(&mut command, &self.layout, prefix, alive);
        command.start_document(field::USER);
        match page {
            UserPage::Behind(user, _) => command.string("$gt", user),
            UserPage::Only(user) => command.string("$eq", user),
        }
        command.end_levels(3);
        let mut stages = 1;
        if let UserPage::Behind(_, most) = page {
            command.start_document("1");
            command.start_document("$sort");
            command.int32(field::USER, 1);
            command.end_levels(2);
            command.start_document("2");
            command.int64("$limit", (*most).into());
            command.end();
            stages = 3;
        }
        command.start_document(&index(stages));
        group(&mut command, &self.layout.moment);
        command.end();
        command.start_document(&index(stages + 1));
        command.start_document("$sort");
        command.int32("_id", 1);
        command.end_levels(3);
        command.start_document("cursor");
        one_reply(&mut command);
        command.end();
        by_bytes(&mut command);
        self.query("users", command, After::AllWrites, visit).await
    }
}

fn group(command: &mut Writer, moment: &str) {
    command.start_document("$group");
    command.string("_id", &format!("${}", field::USER));
    command.start_document("sessions");
    command.int32("$sum", 1);
    command.end();
    command.start_document("moment");
    command.start_document("$max");
    earliest(command, moment);
    command.end_levels(2);
    command.start_document("endless");
    command.start_document("$sum");
    command.start_array("$cond");
    command.start_document("0");
    command.start_array("$eq");
    command.start_document("0");
    earliest(command, moment);
    command.end();
    command.null("1");
    command.end_levels(2);
    command.int32("1", 1);
    command.int32("2", 0);
    command.end_levels(3);
    command.start_document("seen");
    command.string("$max", &format!("${}", field::SEEN));
    command.end();
    command.end();
}

/// The earliest of the dates that a field holds, null without any: what `document::earliest` answers.
fn earliest(command: &mut Writer, field: &str) {
    let field = format!("${field}");
    command.start_document("$min");
    command.start_document("$filter");
    command.start_document("input");
    command.start_array("$cond");
    command.start_document("0");
    command.string("$isArray", &field);
    command.end();
    command.string("1", &field);
    command.start_array("2");
    command.string("0", &field);
    command.end_levels(3);
    command.start_document("cond");
    command.start_array("$eq");
    command.start_document("0");
    command.string("$type", "$$this");
    command.end();
    command.string("1", "date");
    command.end_levels(4);
}
