//! Lists of sessions and of their users, in memory that is bounded by the page.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::ops::ControlFlow;

use super::super::{Id, Page, Position, UserPage};
use super::Memory;
use super::documents::user;
use crate::codec::raw::{self, Writer};
use crate::document::{self, Alive, field};
use crate::filter::SortValue;

/// The sessions of a user so far.
#[derive(Default)]
struct Count {
    sessions: i64,
    moment: Option<i64>,
    endless: i64,
    seen: Option<i64>,
}

impl Memory {
    /// The documents of a page, in its order.
    pub(super) async fn first(&self, prefix: &str, page: &Page, alive: Alive) -> Vec<Vec<u8>> {
        let most = page.most as usize;
        let is_by_id = page.order.field.is_none() && !page.order.descends;
        let after = page.from.as_ref().filter(|_| is_by_id);
        let after = after.and_then(|from| from.id.as_ref().filter(|_| !from.is_before_id));
        let mut first: Vec<(Position, Vec<u8>)> = Vec::new();
        self.each(prefix, after, |documents, id, document| {
            if is_by_id && first.len() == most {
                return ControlFlow::Break(());
            }
            if !documents.is_live(document, alive) || !documents.is_one_of(document, &page.which) {
                return ControlFlow::Continue(());
            }
            let place = place(page, id, document);
            if page
                .from
                .as_ref()
                .is_some_and(|from| !is_behind(page, &place, from))
            {
                return ControlFlow::Continue(());
            }
            let at = first.partition_point(|(other, _)| compare(page, other, &place).is_lt());
            if at < most {
                first.insert(at, (place, document.to_vec()));
                first.truncate(most);
            }
            ControlFlow::Continue(())
        })
        .await;
        first.into_iter().map(|(_, document)| document).collect()
    }

    /// What is said of the users of a page, in the order of their texts.
    pub(super) async fn count_by_user(
        &self,
        prefix: &str,
        page: &UserPage,
        alive: Alive,
    ) -> Vec<Vec<u8>> {
        let mut users: BTreeMap<String, Count> = BTreeMap::new();
        self.each(prefix, None, |documents, _, document| {
            let owner = user(document).filter(|_| documents.is_live(document, alive));
            let Some(owner) = owner else {
                return ControlFlow::Continue(());
            };
            let (is_meant, most) = match page {
                UserPage::Behind(user, most) => (owner > user.as_str(), *most as usize),
                UserPage::Only(user) => (owner == user, 1),
            };
            if !is_meant {
                return ControlFlow::Continue(());
            }
            let count = users.entry(owner.to_owned()).or_default();
            let date = |name| raw::find(document, name).and_then(document::earliest);
            let moment = date(&documents.layout.moment);
            count.sessions += 1;
            count.endless += i64::from(moment.is_none());
            count.moment = count.moment.max(moment);
            count.seen = count.seen.max(date(field::SEEN));
            // Who comes behind the page has no part in it, however many of their sessions follow.
            if users.len() > most {
                users.pop_last();
            }
            ControlFlow::Continue(())
        })
        .await;
        users
            .iter()
            .map(|(user, count)| said(user, count))
            .collect()
    }
}

fn said(user: &str, count: &Count) -> Vec<u8> {
    let mut writer = Writer::new();
    writer.string("_id", user);
    writer.int64("sessions", count.sessions);
    writer.int64("endless", count.endless);
    for (name, at) in [("moment", count.moment), ("seen", count.seen)] {
        if let Some(at) = at {
            writer.date(name, at);
        }
    }
    writer.finish()
}

/// Where a document is in an order.
fn place(page: &Page, id: &Id, stored: &[u8]) -> Position {
    let value = page.order.field.as_ref();
    Position {
        value: value.map(|field| SortValue::of(document::at_path(stored, field))),
        id: Some(id.clone()),
        is_before_id: false,
    }
}

fn compare(page: &Page, one: &Position, other: &Position) -> Ordering {
    let values = match (&one.value, &other.value) {
        (Some(one), Some(other)) => one.compare(other),
        _ => Ordering::Equal,
    };
    let order = values.then_with(|| one.id.cmp(&other.id));
    if page.order.descends {
        order.reverse()
    } else {
        order
    }
}

fn is_behind(page: &Page, place: &Position, from: &Position) -> bool {
    let begin = Position {
        // Among those that hold the same, all are behind no id.
        id: from.id.clone().or_else(|| place.id.clone()),
        ..from.clone()
    };
    let order = compare(page, place, &begin);
    order.is_gt()
        || order.is_eq() && (from.id.is_none() || from.is_before_id && !page.order.descends)
}
