//! Reads the events of a change stream, "Change Events" in MongoDB's manual.

use mongodb::bson::{Document, doc};

use super::super::super::Id;
use super::super::super::watch::{Ended, Facts, Known, Recent};
use crate::codec::raw::{self, Element, kind};
use crate::document::{Layout, field};

/// Of how many documents the ids are known that have a field of their own for it.
const MOST: usize = 100_000;

/// What a process knows of the documents of a collection.
pub struct Reader {
    known: Known,
    /// The ids of documents by their `_id`, where that is another one: it is all that most events tell.
    ids: Recent<Box<[u8]>, Id>,
}

impl Default for Reader {
    fn default() -> Self {
        Self {
            known: Known::default(),
            ids: Recent::new(MOST),
        }
    }
}

/// What of an event is looked at, as a stage of a pipeline: neither the session nor what has changed in it
/// leaves the server.
pub fn projection(layout: &Layout) -> Document {
    let mut fields = doc! {
        "operationType": 1,
        "clusterTime": 1,
        "documentKey": 1,
        "updateDescription.removedFields": 1,
    };
    let names = [
        &*layout.moment,
        &*layout.deleted,
        field::RENEWED_TO,
        field::RENEWED_FROM,
        field::HANDLE,
    ];
    for name in names {
        fields.insert(format!("fullDocument.{name}"), 1);
        fields.insert(format!("updateDescription.updatedFields.{name}"), 1);
    }
    fields.insert(format!("fullDocument.{}", layout.id), 1);
    doc! { "$project": fields }
}

/// The parts of an event.
#[derive(Default)]
struct Event<'a> {
    operation: &'a str,
    /// When it happened, in milliseconds since the epoch: the end of that second, by the server's clock.
    at_ms: i64,
    key: Option<Element<'a>>,
    document: Option<&'a [u8]>,
    set: Option<&'a [u8]>,
    removed: Option<&'a [u8]>,
}

impl<'a> Event<'a> {
    fn of(event: &'a [u8]) -> Self {
        let mut parts = Self::default();
        for element in raw::elements(event).map_while(Result::ok) {
            match element.key {
                b"operationType" => parts.operation = element.as_str().unwrap_or_default(),
                b"clusterTime" => parts.at_ms = end_of_second(element),
                b"documentKey" => {
                    let key = element.as_document();
                    parts.key = key.and_then(|key| raw::find(key, "_id"));
                }
                b"fullDocument" => parts.document = element.as_document(),
                b"updateDescription" => {
                    let change = element.as_document().unwrap_or_default();
                    let set = raw::find(change, "updatedFields");
                    parts.set = set.and_then(|set| set.as_document());
                    let removed = raw::find(change, "removedFields");
                    parts.removed = removed.and_then(|removed| removed.as_array());
                }
                _ => {}
            }
        }
        parts
    }
}

impl Reader {
    /// Takes note of an event, and of the sessions that have ended by it.
    pub fn read(&mut self, event: &[u8], layout: &Layout, ended: &mut Vec<Ended>) {
        let event = Event::of(event);
        match (event.operation, event.document) {
            ("drop" | "rename" | "dropDatabase", _) => self.known.lost_all(event.at_ms, ended),
            ("insert" | "replace", Some(document)) => {
                if let Some(id) = self.id(&event, layout) {
                    let facts = Facts::of_document(document, layout);
                    let is_first = event.operation == "insert";
                    self.known.saw(&id, &facts, is_first, ended);
                }
            }
            ("update", _) => {
                if let Some(id) = self.id(&event, layout) {
                    let facts = Facts::of_change(event.set, event.removed, layout);
                    self.known.saw(&id, &facts, false, ended);
                }
            }
            ("delete", _) => {
                if let Some(id) = self.id(&event, layout) {
                    self.known.lost(&id, event.at_ms, ended);
                }
            }
            _ => {}
        }
    }

    /// The id of the document that an event is about. Where that is a field of its own, it is known of documents
    /// that were seen when they were created.
    fn id(&mut self, event: &Event<'_>, layout: &Layout) -> Option<Id> {
        let key = event.key?;
        if !layout.has_own_id() {
            return key.as_str().map(Id::from);
        }
        let key: Box<[u8]> = [&[key.kind], key.value].concat().into();
        match event.document.and_then(|document| layout.id_of(document)) {
            Some(id) => {
                self.ids.note(key, id.into());
                Some(id.into())
            }
            None if event.operation == "delete" => self.ids.take(&key),
            None => self.ids.get(&key).cloned(),
        }
    }
}

/// The end of the second of a timestamp, in milliseconds since the epoch.
fn end_of_second(element: Element<'_>) -> i64 {
    if element.kind != kind::TIMESTAMP {
        return 0;
    }
    // The seconds are behind a counter.
    let seconds = element.value.get(4..).and_then(<[u8]>::first_chunk);
    seconds.map_or(0, |bytes| {
        (i64::from(u32::from_le_bytes(*bytes)) + 1) * 1000
    })
}

#[cfg(test)]
mod tests {
    use mongodb::bson::{Bson, DateTime, Timestamp, oid::ObjectId};

    use super::*;

    struct Stream {
        reader: Reader,
        layout: Layout,
    }

    impl Stream {
        fn of(layout: Layout) -> Self {
            Self {
                reader: Reader::default(),
                layout,
            }
        }

        fn read(&mut self, event: &Document) -> Vec<(String, bool)> {
            let mut ended = Vec::new();
            let event = event.to_vec().unwrap();
            self.reader.read(&event, &self.layout, &mut ended);
            let told = ended
                .iter()
                .map(|ended| (ended.id.to_string(), ended.is_expired));
            told.collect()
        }
    }

    fn event(operation: &str, seconds: u32, key: impl Into<Bson>) -> Document {
        let time = Timestamp {
            time: seconds,
            increment: 7,
        };
        let key: Bson = key.into();
        doc! {
            "_id": { "_data": "82" },
            "operationType": operation,
            "clusterTime": time,
            "documentKey": { "_id": key },
        }
    }

    fn insert(key: impl Into<Bson>, document: Document) -> Document {
        let mut event = event("insert", 1, key);
        event.insert("fullDocument", document);
        event
    }

    #[test]
    fn a_deletion_is_an_expiry_from_the_second_on_in_which_the_time_was_up() {
        let mut stream = Stream::of(Layout::default());
        for (seconds, is_expired) in [(4, false), (5, true), (6, true)] {
            let document = doc! { "_id": "a", "expires": DateTime::from_millis(5500) };
            assert_eq!(stream.read(&insert("a", document)), []);
            let told = stream.read(&event("delete", seconds, "a"));
            assert_eq!(told, [("a".to_owned(), is_expired)]);
        }
    }

    #[test]
    fn an_update_that_flags_a_session_ends_it() {
        let mut stream = Stream::of(Layout::default());
        let mut update = event("update", 1, "a");
        let set = doc! { "expires": DateTime::from_millis(1), "deleted": true };
        let change = doc! { "updatedFields": set, "removedFields": [] };
        update.insert("updateDescription", change);
        assert_eq!(stream.read(&update), [("a".to_owned(), false)]);
        assert_eq!(stream.read(&event("delete", 9, "a")), []);
    }

    #[test]
    fn what_takes_the_moment_away_lets_a_session_live() {
        let removal = doc! { "updatedFields": {}, "removedFields": ["expires"] };
        let other = doc! { "updatedFields": { "expires": "never" }, "removedFields": [] };
        for change in [removal, other] {
            let mut stream = Stream::of(Layout::default());
            let document = doc! { "_id": "a", "expires": DateTime::from_millis(5500) };
            assert_eq!(stream.read(&insert("a", document)), []);
            let mut update = event("update", 2, "a");
            update.insert("updateDescription", change);
            assert_eq!(stream.read(&update), []);
            let told = stream.read(&event("delete", 9, "a"));
            assert_eq!(told, [("a".to_owned(), false)]);
        }
    }

    #[test]
    fn an_id_of_its_own_is_known_of_documents_that_were_seen() {
        let layout = Layout {
            id: "SessionID".to_owned(),
            ..Layout::default()
        };
        let mut stream = Stream::of(layout);
        let key = ObjectId::new();
        assert_eq!(stream.read(&insert(key, doc! { "SessionID": "a" })), []);
        let told = stream.read(&event("delete", 1, key));
        assert_eq!(told, [("a".to_owned(), false)]);
        assert_eq!(stream.read(&event("delete", 1, ObjectId::new())), []);
    }

    #[test]
    fn a_document_that_is_no_session_is_none() {
        let mut stream = Stream::of(Layout::default());
        let lease = doc! { "autoRemove": "" };
        assert_eq!(stream.read(&event("delete", 1, lease)), []);
        assert_eq!(stream.read(&doc! {}), []);
    }
}
