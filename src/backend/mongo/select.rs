//! Commands about sessions that are chosen by their user or by what they hold.

use std::sync::Arc;

use super::super::{Fate, Id, Ids, Page, Removal, Visit, Which, Written};
use super::Mongo;
use super::collation::by_bytes;
use super::concerns::After;
use super::filter::{any_of, in_prefix, is_object, is_session, lasting, live, not_ended};
use super::position::Place;
use super::query::one_reply;
use super::repeat::Again;
use super::reply::write_errors;
use super::statement::flag;
use crate::codec::raw::{self, Writer, index};
use crate::document::{self, Alive, Layout, field};
use crate::error::Result;

impl Mongo {
    /// One reply holds the page, so that no cursor stays open while its reader takes its time.
    /// MongoDB ends a reply at 16 MiB, whatever was asked for.
    pub(super) async fn read_page(
        &self,
        prefix: &str,
        page: &Page,
        alive: Alive,
        visit: Visit<'_>,
    ) -> Result<()> {
        let place = Place::of(page);
        let mut is_empty = true;
        let mut seen = |document: &[u8]| {
            is_empty = false;
            visit(document);
        };
        self.read_from(prefix, page, place, alive, &mut seen)
            .await?;
        match place.behind() {
            Some(others) if is_empty => self.read_from(prefix, page, others, alive, visit).await,
            _ => Ok(()),
        }
    }

    async fn read_from(
        &self,
        prefix: &str,
        page: &Page,
        place: Place<'_>,
        alive: Alive,
        visit: Visit<'_>,
    ) -> Result<()> {
        let layout = &self.layout;
        let mut command = self.command("find", prefix.len() * 3);
        command.start_document("filter");
        live(&mut command, layout, prefix, alive);
        choose(&mut command, layout, &page.which, Some(place));
        command.end();
        by_bytes(&mut command);
        command.start_document("sort");
        let direction = if page.order.descends { -1 } else { 1 };
        if let Some(field) = place.sort_field() {
            command.int32(field, direction);
        }
        command.int32(&layout.id, direction);
        command.end();
        if page.ids_only {
            command.start_document("projection");
            command.int32(&layout.id, 1);
            command.end();
        }
        let most = i32::try_from(page.most).unwrap_or(i32::MAX);
        command.int32("limit", most);
        command.int32("batchSize", most);
        command.boolean("singleBatch", true);
        self.query("find", command, After::AllWrites, visit).await
    }

    pub(super) async fn count_selected(
        &self,
        prefix: &str,
        which: &Which,
        most: Option<u32>,
        alive: Alive,
    ) -> Result<u64> {
        let mut command = self.command("aggregate", prefix.len() * 2);
        command.start_array("pipeline");
        command.start_document("0");
        command.start_document("$match");
        live(&mut command, &self.layout, prefix, alive);
        choose(&mut command, &self.layout, which, None);
        command.end_levels(2);
        if let Some(most) = most {
            command.start_document("1");
            command.int64("$limit", most.into());
            command.end();
        }
        command.start_document(if most.is_some() { "2" } else { "1" });
        command.string("$count", "count");
        command.end_levels(2);
        command.start_document("cursor");
        command.end();
        by_bytes(&mut command);
        let operation = match which {
            Which::All => "length",
            _ => "count",
        };
        let mut count = 0;
        self.query(operation, command, After::AllWrites, &mut |document| {
            let found = raw::find(document, "count").and_then(|element| element.as_i64());
            count = found.unwrap_or_default();
        })
        .await?;
        Ok(u64::try_from(count).unwrap_or_default())
    }

    /// Asks the primary, and without a read concern: what this store has just written has to be
    /// among it.
    pub(super) async fn read_users(
        &self,
        prefix: &str,
        users: &[Arc<str>],
        alive: Alive,
        visit: Visit<'_>,
    ) -> Result<()> {
        let layout = &self.layout;
        let mut command = self.command("find", prefix.len() * 2);
        command.start_document("filter");
        lasting(&mut command, layout, prefix, alive);
        not_ended(&mut command, layout);
        command.start_document(field::USER);
        command.start_array("$in");
        for (position, user) in users.iter().enumerate() {
            command.string(&index(position), user);
        }
        command.end();
        command.end();
        command.end();
        by_bytes(&mut command);
        command.start_document("projection");
        let own = [&*layout.id, field::RENEWED_FROM];
        for name in own.into_iter().chain([field::USER, field::USER_SINCE]) {
            command.int32(name, 1);
        }
        command.end();
        one_reply(&mut command);
        self.query_primary("set", command, visit).await
    }

    pub(super) async fn remove_selected(
        &self,
        prefix: &str,
        removals: &[Removal],
        fate: Fate,
    ) -> Result<u64> {
        let layout = &self.layout;
        let (name, list) = match fate {
            Fate::Deleted => ("delete", "deletes"),
            Fate::Flagged(_) => {
                self.guard_flags();
                ("update", "updates")
            }
        };
        let is_about_one = !layout.has_own_id()
            && removals
                .iter()
                .all(|removal| matches!(removal.ids, Ids::Only(_)));
        let statements = statements_of(removals, is_about_one);
        let mut command = self.command(name, 256 * statements.len());
        command.boolean("ordered", false);
        command.start_array(list);
        for (position, (removal, only)) in statements.iter().enumerate() {
            command.start_document(&index(position));
            command.start_document("q");
            match only {
                Some(id) => command.string(&layout.id, id),
                None => among(&mut command, layout, prefix, &removal.ids),
            }
            choose(&mut command, layout, &removal.which, None);
            // What another program keeps in the collection must not be taken for a session.
            if !removal.which.looks_into_session() {
                is_session(&mut command, layout, removal.takes_any_text);
            }
            not_ended(&mut command, layout);
            command.end();
            by_bytes(&mut command);
            match fate {
                Fate::Deleted => command.int32("limit", is_about_one.into()),
                Fate::Flagged(expires_ms) => {
                    flag(&mut command, layout, expires_ms);
                    command.boolean("multi", !is_about_one);
                }
            }
            command.end();
        }
        command.end();
        let again = if is_about_one {
            Again::Known
        } else {
            Again::Harmful
        };
        let reply = self.run("removal", again, command).await?;
        for removal in removals {
            match &removal.ids {
                Ids::Only(ids) => self.saw_write(&reply, ids),
                Ids::Any | Ids::AllBut(_) => self.saw_write_of_any(&reply),
            }
        }
        let mut results = vec![Ok(Written::Stored); statements.len()];
        write_errors(&reply, &mut results);
        for result in results {
            result?;
        }
        let count = reply.get_i32("n").unwrap_or_default();
        Ok(u64::try_from(count).unwrap_or_default())
    }
}

/// What statements are about: a removal, and the session of those that it names, where each is about one
/// document and may so carry a transaction number.
fn statements_of(removals: &[Removal], is_about_one: bool) -> Vec<(&Removal, Option<&Id>)> {
    removals
        .iter()
        .flat_map(|removal| match &removal.ids {
            Ids::Only(ids) if is_about_one => {
                ids.iter().map(|id| (removal, Some(id))).collect::<Vec<_>>()
            }
            _ => vec![(removal, None)],
        })
        .collect()
}

/// Which sessions, and of those the ones behind a place in a list.
pub(super) fn choose(
    filter: &mut Writer,
    layout: &Layout,
    which: &Which,
    place: Option<Place<'_>>,
) {
    match which {
        Which::Of(user) => filter.string(field::USER, user),
        Which::Handle { user, handle } => {
            filter.string(field::USER, user);
            filter.string(field::HANDLE, handle);
        }
        Which::ExpiringAt(at_ms) => filter.date(&layout.moment, layout.moment_of(*at_ms)),
        Which::Matching(_) | Which::All => {}
    }
    let fields = match which {
        Which::Matching(fields) => Some(fields),
        _ => None,
    };
    let place = place.filter(|place| !place.is_everything());
    if fields.is_none() && place.is_none() {
        return;
    }
    filter.start_array("$and");
    let mut count = 0;
    if let Some(fields) = fields {
        count = fields.write(filter, &layout.session, field::INDEXES);
        if fields.looks_into_session() {
            // In a text every field is missing, and what is missing meets some conditions.
            filter.start_document(&index(count));
            is_object(filter, layout);
            filter.end();
            count += 1;
        }
    }
    if let Some(place) = place {
        filter.start_document(&index(count));
        place.write(filter, layout);
        filter.end();
    }
    filter.end();
}

fn among(filter: &mut Writer, layout: &Layout, prefix: &str, ids: &Ids) {
    match ids {
        Ids::Any => in_prefix(filter, layout, prefix),
        Ids::Only(ids) => any_of(filter, layout, ids),
        Ids::AllBut(id) => {
            filter.start_document(&layout.id);
            filter.string("$gte", prefix);
            if let Some(end) = document::prefix_end(prefix) {
                filter.string("$lt", &end);
            }
            filter.string("$ne", id);
            filter.end();
        }
    }
}
