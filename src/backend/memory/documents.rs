//! The documents of the memory engine: which a request is about, and when they go.

use std::collections::BTreeMap;
use std::ops::Bound;

use super::super::watch::{Facts, Known, Listener};
use super::super::{Id, Ids, Removal, Stored, Sweep, Which};
use crate::clock::Clock;
use crate::codec::raw;
use crate::document::{Alive, Layout, field};
use crate::expiry;

/// How often expired documents are looked for at most.
const EXPIRE_INTERVAL_MS: i64 = 60_000;

/// How many documents are looked at without letting others work.
pub const SLICE: usize = 1000;

/// Documents by id.
#[derive(Default)]
pub struct Documents {
    /// How they are laid out.
    pub layout: Layout,
    /// As raw BSON.
    pub by_id: BTreeMap<Id, Vec<u8>>,
    clock: Clock,
    expire_at_ms: i64,
    /// Whether expired documents are being looked for, and behind which id next.
    is_expiring: bool,
    expires_behind: Option<Id>,
    watched: Option<Watched>,
}

/// Who is told of sessions that end, and what is known of them.
struct Watched {
    known: Known,
    listener: Listener,
}

impl Documents {
    /// None yet, of this layout; they expire by this clock.
    pub fn new(layout: Layout, clock: Clock) -> Self {
        Self {
            layout,
            clock,
            ..Self::default()
        }
    }

    /// Tells somebody of sessions that end from now on.
    pub fn watch(&mut self, listener: Listener) {
        let mut known = Known::default();
        for (id, document) in &self.by_id {
            let facts = Facts::of_document(document, &self.layout);
            known.saw(id, &facts, true, &mut Vec::new());
        }
        self.watched = Some(Watched { known, listener });
    }

    /// Puts a document in the place of the one with its id.
    pub(super) fn put(&mut self, id: &Id, document: Vec<u8>) {
        if let Some(Watched { known, listener }) = &mut self.watched {
            let is_first = !self.by_id.contains_key(id);
            let facts = Facts::of_document(&document, &self.layout);
            let mut ended = Vec::new();
            known.saw(id, &facts, is_first, &mut ended);
            listener.hear(&ended);
        }
        self.by_id.insert(id.clone(), document);
    }

    /// Removes a document, and answers whether it was there.
    pub fn delete(&mut self, id: &Id) -> bool {
        let was_there = self.by_id.remove(id).is_some();
        if was_there && let Some(Watched { known, listener }) = &mut self.watched {
            let mut ended = Vec::new();
            known.lost(id, self.clock.now_ms(), &mut ended);
            listener.hear(&ended);
        }
        was_there
    }

    /// The documents of a prefix, from the first id behind another one on.
    pub fn behind<'a>(
        &'a self,
        prefix: &'a str,
        id: Option<&'a str>,
    ) -> impl Iterator<Item = (&'a Id, &'a Vec<u8>)> {
        let start = id.map_or(Bound::Included(prefix), Bound::Excluded);
        self.by_id
            .range::<str, _>((start, Bound::Unbounded))
            .take_while(move |(id, _)| id.starts_with(prefix))
    }

    /// Whether a document holds a session that can be read: its time is not up, and it is not flagged.
    pub fn is_live(&self, document: &[u8], alive: Alive) -> bool {
        !self.is_flagged(document) && self.lasts(document, alive)
    }

    /// Whether the time of a document is not up, flagged or not.
    pub fn lasts(&self, document: &[u8], alive: Alive) -> bool {
        let created = || raw::find(document, field::CREATED)?.as_date();
        let has_ended = |first| expiry::is_expired(created(), first);
        !expiry::is_expired(self.expires(document), alive.at_ms)
            && !alive.created_after_ms.is_some_and(has_ended)
    }

    /// When a document expires, in milliseconds since the epoch; None if never.
    pub fn expires(&self, document: &[u8]) -> Option<i64> {
        let moment = raw::find(document, &self.layout.moment)?.as_date()?;
        Some(self.layout.expiry_of(moment))
    }

    /// Whether a document is flagged as deleted.
    pub fn is_flagged(&self, document: &[u8]) -> bool {
        raw::find(document, &self.layout.deleted).is_some()
    }

    /// Whether a session that the document holds has ended: not while one is going to move here.
    pub(super) fn has_ended(&self, document: &[u8]) -> bool {
        self.is_flagged(document) && !is_awaiting(document)
    }

    /// What is stored in the place of the session.
    pub fn session(&self, document: &[u8]) -> Option<Stored> {
        Stored::of(document, &self.layout)
    }

    /// Whether a document holds one of the sessions that are meant.
    pub fn is_one_of(&self, document: &[u8], which: &Which) -> bool {
        match which {
            Which::All => true,
            Which::ExpiringAt(at_ms) => self.expires(document) == Some(*at_ms),
            Which::Of(wanted) => user(document) == Some(wanted),
            Which::Handle {
                user: owner,
                handle: wanted,
            } => user(document) == Some(owner) && handle(document) == Some(wanted),
            Which::Matching(filter) => {
                let document_at = |name: &str| raw::find(document, name)?.as_document();
                filter.matches(
                    document_at(&self.layout.session),
                    document_at(field::INDEXES),
                )
            }
        }
    }

    /// Whether a sweep is about a document.
    pub fn is_swept(&self, id: &Id, document: &[u8], sweep: &Sweep) -> bool {
        match sweep {
            Sweep::All => true,
            Sweep::Flagged(now_ms) => self.is_flagged(document) && !leads(document, *now_ms),
            Sweep::Unflagged => !self.has_ended(document),
            Sweep::Sessions(removal) => self.is_removed(id, document, removal),
        }
    }

    /// Whether a removal is about a document.
    pub fn is_removed(&self, id: &Id, document: &[u8], removal: &Removal) -> bool {
        let is_among = match &removal.ids {
            Ids::Any | Ids::Only(_) => true,
            Ids::AllBut(other) => id != other && awaited(document) != Some(&**other),
        };
        is_among && !self.has_ended(document) && self.is_one_of(document, &removal.which)
    }

    /// The present moment.
    pub fn now_ms(&self) -> i64 {
        self.clock.now_ms()
    }

    /// Removes expired documents when a minute has passed since that was begun the last time: some at
    /// each call, so that none takes long.
    pub fn expire(&mut self) {
        let now_ms = self.clock.now_ms();
        if !self.is_expiring && now_ms >= self.expire_at_ms {
            self.is_expiring = true;
            self.expire_at_ms = now_ms + EXPIRE_INTERVAL_MS;
        }
        if self.is_expiring {
            let after = self.expires_behind.take();
            self.expires_behind = self.remove_expired("", after.as_deref(), now_ms);
            self.is_expiring = self.expires_behind.is_some();
        }
    }

    /// Removes those of the next documents behind an id that have expired, and answers the last one, if
    /// there are more.
    pub fn remove_expired(&mut self, prefix: &str, after: Option<&str>, now_ms: i64) -> Option<Id> {
        let mut expired = Vec::new();
        let mut last = None;
        let mut documents = self.behind(prefix, after);
        for (id, document) in documents.by_ref().take(SLICE) {
            if expiry::is_expired(self.expires(document), now_ms) {
                expired.push(id.clone());
            }
            last = Some(id);
        }
        let last = last.filter(|_| documents.next().is_some()).cloned();
        drop(documents);
        for id in &expired {
            self.delete(id);
        }
        last
    }
}

/// Whose session a document holds.
pub fn user(document: &[u8]) -> Option<&str> {
    raw::find(document, field::USER)?.as_str()
}

/// The public name of the session that a document holds.
pub fn handle(document: &[u8]) -> Option<&str> {
    raw::find(document, field::HANDLE)?.as_str()
}

/// The document from which a session is going to move to this one.
pub fn awaited(document: &[u8]) -> Option<&str> {
    raw::find(document, field::RENEWED_FROM)?.as_str()
}

/// Whether a session is going to move to a document.
pub fn is_awaiting(document: &[u8]) -> bool {
    awaited(document).is_some()
}

/// Whether a document still leads to another one after a moment, or is one to which a session may be going to
/// move by then.
fn leads(document: &[u8], now_ms: i64) -> bool {
    let until = raw::find(document, field::RENEWED_UNTIL).and_then(|element| element.as_date());
    until.is_some_and(|until| until > now_ms)
}
