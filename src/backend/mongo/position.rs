//! Where a page of a list begins, as a condition. Written as raw BSON.
//!
//! A comparison in a query is about values of one type, so that those of the types behind it are named. A field may
//! hold several values, of which MongoDB would sort by another one in each direction, or something that no store
//! writes: what does is a list of its own, behind the sorted one.

use super::super::{Order, Page, Position};
use crate::codec::raw::{Writer, index};
use crate::document::Layout;
use crate::filter::{OTHER_TYPES, SortValue};

/// A list of which a page is read.
#[derive(Clone, Copy)]
pub struct Place<'a> {
    /// Its order.
    order: &'a Order,
    /// Where the page begins; None for the first one.
    from: Option<&'a Position>,
    /// Whether it is of those documents that cannot be sorted.
    is_among_others: bool,
}

impl<'a> Place<'a> {
    /// That of a page.
    pub fn of(page: &'a Page) -> Self {
        let from = page.from.as_ref();
        let value = from.and_then(|from| from.value.as_ref());
        Self {
            order: &page.order,
            from,
            is_among_others: value.is_some_and(SortValue::is_other),
        }
    }

    /// The beginning of those that cannot be sorted, if it is behind this one.
    pub fn behind(self) -> Option<Self> {
        let has_more = self.order.field.is_some() && !self.is_among_others;
        has_more.then_some(Self {
            from: None,
            is_among_others: true,
            ..self
        })
    }

    /// Whether it is no condition: that of all documents in the order of their ids.
    pub fn is_everything(self) -> bool {
        self.from.is_none() && self.order.field.is_none()
    }

    /// The field by which the documents of the page are sorted before their ids.
    pub fn sort_field(self) -> Option<&'a str> {
        let field = self.order.field.as_deref();
        field.filter(|_| !self.is_among_others)
    }

    /// Writes what a query needs for what comes behind it.
    pub fn write(self, query: &mut Writer, layout: &Layout) {
        let Some(field) = &self.order.field else {
            return self.behind_id(query, layout);
        };
        query.start_document(field);
        if !self.is_among_others {
            query.start_document("$not");
        }
        types(query, OTHER_TYPES);
        query.end();
        if self.is_among_others {
            return self.behind_id(query, layout);
        }
        query.end();
        if let Some(value) = self.from.and_then(|from| from.value.as_ref()) {
            self.behind_value(query, layout, field, value);
        }
    }

    fn behind_value(self, query: &mut Writer, layout: &Layout, field: &str, value: &SortValue) {
        query.start_array("$or");
        let mut count = 0;
        let mut start = |query: &mut Writer| {
            query.start_document(&index(count));
            count += 1;
        };
        start(query);
        query.start_document(field);
        value.write(query, "$eq");
        query.end();
        self.behind_id(query, layout);
        query.end();
        if value.is_nan() && !self.order.descends {
            start(query);
            query.start_document(field);
            query.string("$type", "number");
            value.write(query, "$ne");
            query.end_levels(2);
        } else if !value.is_null() {
            start(query);
            query.start_document(field);
            value.write(query, if self.order.descends { "$lt" } else { "$gt" });
            query.end_levels(2);
        }
        if value.is_number() && self.order.descends {
            start(query);
            query.double(field, f64::NAN);
            query.end();
        }
        let mut names = value.types_behind(self.order.descends).peekable();
        if names.peek().is_some() {
            start(query);
            query.start_document(field);
            types(query, names);
            query.end_levels(2);
        }
        if self.order.descends && !value.is_null() {
            // What is missing, too.
            start(query);
            query.null(field);
            query.end();
        }
        query.end();
    }

    fn behind_id(self, query: &mut Writer, layout: &Layout) {
        let Some(from) = self.from else { return };
        let Some(id) = &from.id else { return };
        let operator = match (self.order.descends, from.is_before_id) {
            (true, _) => "$lt",
            (false, true) => "$gte",
            (false, false) => "$gt",
        };
        query.start_document(&layout.id);
        query.string(operator, id);
        query.end();
    }
}

/// Writes the condition that a field is of one of these types.
fn types<'a>(query: &mut Writer, names: impl IntoIterator<Item = &'a str>) {
    query.start_array("$type");
    for (position, name) in names.into_iter().enumerate() {
        query.string(&index(position), name);
    }
    query.end();
}
