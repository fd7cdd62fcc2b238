//! Where a page of a list begins, as a condition. Written as raw BSON.
//!
//! A comparison in a query is about values of one type, so that those of the types behind it are named.

use super::super::{Order, Position};
use crate::codec::raw::{Writer, index};
use crate::document::Layout;

/// Writes what a query needs for what comes behind a place.
pub fn behind(query: &mut Writer, layout: &Layout, order: &Order, from: &Position) {
    let (Some(field), Some(value)) = (&order.field, &from.value) else {
        return behind_id(query, layout, order, from);
    };
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
    behind_id(query, layout, order, from);
    query.end();
    if !value.is_null() {
        start(query);
        query.start_document(field);
        value.write(query, if order.descends { "$lt" } else { "$gt" });
        query.end_levels(2);
    }
    let mut types = value.types_behind(order.descends).peekable();
    if types.peek().is_some() {
        start(query);
        query.start_document(field);
        query.start_array("$type");
        for (position, name) in types.enumerate() {
            query.string(&index(position), name);
        }
        query.end_levels(3);
    }
    if order.descends && !value.is_null() {
        // What is missing, too.
        start(query);
        query.null(field);
        query.end();
    }
    query.end();
}

fn behind_id(query: &mut Writer, layout: &Layout, order: &Order, from: &Position) {
    let Some(id) = &from.id else { return };
    let operator = match (order.descends, from.is_before_id) {
        (true, _) => "$lt",
        (false, true) => "$gte",
        (false, false) => "$gt",
    };
    query.start_document(&layout.id);
    query.string(operator, id);
    query.end();
}
