//! What is known of the sessions of a collection, and when one of them has ended.
//!
//! The rules:
//!
//! - a document that is flagged as deleted: its session was ended;
//! - a document that is gone: its session has expired if it was to expire before, else it was ended. It was ended, too,
//!   if the document was never seen: a log-out is never taken for an expiry;
//! - a document that leads to another one: its session goes on there. When it ends, its former ids are told
//!   as well, as those who hold it may know it by one of them;
//! - each session is told once: what becomes of a flagged document afterwards says nothing new.

use std::sync::Arc;

use super::super::Id;
use super::{Ended, Facts, Recent};

/// How many sessions are known at most, of which each takes about 200 bytes.
const MOST: usize = 100_000;

/// How many former ids of a session are told.
const MOST_FORMER: usize = 8;

/// The sessions of a collection, as far as something was seen of them.
pub struct Known {
    sessions: Recent<Id, Session>,
}

#[derive(Default)]
struct Session {
    life: Life,
    expires_ms: Option<i64>,
    handle: Option<Arc<str>>,
    /// The id under which it was before.
    former: Option<Id>,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Life {
    #[default]
    Alive,
    /// A copy to which a session may be going to move.
    Copy,
    /// It was told, or has moved.
    Over,
}

impl Default for Known {
    /// Those that were seen last, within bounds.
    fn default() -> Self {
        Self {
            sessions: Recent::new(MOST),
        }
    }
}

impl Known {
    /// However many there are.
    #[must_use]
    pub fn unbounded() -> Self {
        Self {
            sessions: Recent::new(usize::MAX),
        }
    }

    /// Takes note of a document, or of what has changed in it, and of the sessions that have ended by that.
    /// `is_first` says that nothing can be said of what was before.
    pub fn saw(&mut self, id: &Id, facts: &Facts<'_>, is_first: bool, ended: &mut Vec<Ended>) {
        let known = self.sessions.take(id);
        let is_unknown = known.is_none();
        let mut session = known.unwrap_or_default();
        session.expires_ms = facts.expires_ms.or(session.expires_ms);
        if let Some(handle) = facts.handle {
            session.handle = Some(handle.into());
        }
        if let Some(to) = facts.leads_to {
            session.life = Life::Over;
            self.lead(id, to);
        } else {
            let goes_on = match (facts.is_flagged, facts.is_awaiting) {
                // It may have been found out from the other document that the session has moved here.
                (Some(true), Some(true)) if is_unknown || session.life == Life::Over => {
                    session.life = Life::Copy;
                    true
                }
                (Some(true), Some(true)) | (None, None | Some(true)) => true,
                (Some(true), _) | (None, Some(false)) => false,
                (Some(false), _) => {
                    session.life = Life::Alive;
                    true
                }
            };
            if !goes_on {
                if session.life == Life::Alive && !(is_unknown && is_first) {
                    self.end(id, &session, false, ended);
                }
                session.life = Life::Over;
            }
        }
        self.sessions.note(id.clone(), session);
    }

    /// Takes note that a document is gone since `at_ms`, in milliseconds since the epoch.
    pub fn lost(&mut self, id: &Id, at_ms: i64, ended: &mut Vec<Ended>) {
        let Some(session) = self.sessions.take(id) else {
            self.end(id, &Session::default(), false, ended);
            return;
        };
        match session.life {
            Life::Alive => {
                let is_expired = session.expires_ms.is_some_and(|expires| expires <= at_ms);
                self.end(id, &session, is_expired, ended);
            }
            // It leads from a later id to earlier ones.
            Life::Over if session.former.is_some() => self.sessions.note(id.clone(), session),
            Life::Over | Life::Copy => {}
        }
    }

    /// Takes note that all documents are gone.
    pub fn lost_all(&mut self, at_ms: i64, ended: &mut Vec<Ended>) {
        let ids: Vec<Id> = self.sessions.keys().cloned().collect();
        for id in ids {
            self.lost(&id, at_ms, ended);
        }
    }

    /// The ids of the documents of which something is known.
    pub fn ids(&self) -> impl Iterator<Item = &Id> {
        self.sessions.keys()
    }

    /// Takes note that the session of a document goes on in another one.
    fn lead(&mut self, from: &Id, to: &str) {
        let to = Id::from(to);
        let mut session = self.sessions.take(&to).unwrap_or_default();
        if session.life == Life::Copy {
            session.life = Life::Alive;
        }
        session.former = Some(from.clone());
        self.sessions.note(to, session);
    }

    fn end(&self, id: &Id, session: &Session, is_expired: bool, ended: &mut Vec<Ended>) {
        let tell = |id: &Id| Ended {
            id: id.clone(),
            handle: session.handle.clone(),
            is_expired,
        };
        ended.push(tell(id));
        let mut former = session.former.as_ref();
        for _ in 0..MOST_FORMER {
            let Some(id) = former else { break };
            ended.push(tell(id));
            former = self.sessions.get(id).and_then(|it| it.former.as_ref());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALIVE: Facts<'static> = Facts {
        expires_ms: Some(1000),
        is_flagged: Some(false),
        is_awaiting: Some(false),
        leads_to: None,
        handle: Some("handle"),
    };
    const FLAGGED: Facts<'static> = Facts {
        expires_ms: Some(9000),
        is_flagged: Some(true),
        is_awaiting: None,
        leads_to: None,
        handle: None,
    };
    const COPY: Facts<'static> = Facts {
        is_flagged: Some(true),
        is_awaiting: Some(true),
        ..ALIVE
    };

    #[derive(Default)]
    struct Watched {
        known: Known,
        ended: Vec<Ended>,
    }

    impl Watched {
        fn saw(&mut self, id: &str, facts: Facts<'_>, is_first: bool) {
            let id = Id::from(id);
            self.known.saw(&id, &facts, is_first, &mut self.ended);
        }

        fn lost(&mut self, id: &str, at_ms: i64) {
            self.known.lost(&Id::from(id), at_ms, &mut self.ended);
        }

        fn forward(&mut self, from: &str, to: &str) {
            let leads_to = Some(to);
            self.saw(
                from,
                Facts {
                    leads_to,
                    ..FLAGGED
                },
                false,
            );
        }

        /// What was told since the last time, as `id`, and whether it had expired.
        fn told(&mut self) -> Vec<(String, bool)> {
            let told = self.ended.drain(..);
            told.map(|ended| (ended.id.to_string(), ended.is_expired))
                .collect()
        }
    }

    fn told(id: &str, is_expired: bool) -> (String, bool) {
        (id.to_owned(), is_expired)
    }

    #[test]
    fn what_is_gone_before_its_time_was_ended_and_what_is_gone_later_has_expired() {
        let mut watched = Watched::default();
        for (at_ms, is_expired) in [(999, false), (1000, true)] {
            watched.saw("a", ALIVE, true);
            watched.lost("a", at_ms);
            assert_eq!(watched.ended[0].handle.as_deref(), Some("handle"));
            assert_eq!(watched.told(), [told("a", is_expired)]);
        }
    }

    #[test]
    fn a_touch_moves_the_time() {
        let mut watched = Watched::default();
        watched.saw("a", ALIVE, true);
        let touch = Facts {
            expires_ms: Some(2000),
            ..Facts::default()
        };
        watched.saw("a", touch, false);
        watched.lost("a", 1500);
        assert_eq!(watched.told(), [told("a", false)]);
    }

    #[test]
    fn what_was_never_seen_was_ended() {
        let mut watched = Watched::default();
        watched.lost("a", i64::MAX);
        watched.saw("b", FLAGGED, false);
        assert_eq!(watched.told(), [told("a", false), told("b", false)]);
    }

    #[test]
    fn a_flag_is_told_once_and_the_document_may_go_later() {
        let mut watched = Watched::default();
        watched.saw("a", ALIVE, true);
        watched.saw("a", FLAGGED, false);
        assert_eq!(watched.told(), [told("a", false)]);
        watched.saw("a", FLAGGED, false);
        watched.lost("a", 9000);
        assert_eq!(watched.told(), []);
        // The same id may be that of a new session.
        watched.saw("a", ALIVE, true);
        watched.lost("a", 0);
        assert_eq!(watched.told(), [told("a", false)]);
    }

    #[test]
    fn what_is_flagged_when_it_is_first_seen_has_ended_before() {
        let mut watched = Watched::default();
        watched.saw("a", FLAGGED, true);
        watched.lost("a", 0);
        assert_eq!(watched.told(), []);
    }

    #[test]
    fn a_session_that_moves_goes_on_and_ends_under_all_of_its_ids() {
        let mut watched = Watched::default();
        watched.saw("a", ALIVE, true);
        for (from, to) in [("a", "b"), ("b", "c")] {
            watched.saw(to, COPY, true);
            watched.forward(from, to);
            watched.saw(to, ALIVE, false);
        }
        // The time of grace is over.
        watched.lost("a", 5000);
        watched.lost("b", 5000);
        assert_eq!(watched.told(), []);
        watched.lost("c", 0);
        let ids = ["c", "b", "a"];
        assert_eq!(watched.told(), ids.map(|id| told(id, false)));
    }

    #[test]
    fn a_copy_to_which_nothing_has_moved_ends_nothing() {
        let mut watched = Watched::default();
        watched.saw("a", ALIVE, true);
        watched.saw("b", COPY, true);
        watched.lost("b", 0);
        assert_eq!(watched.told(), []);
        watched.lost("a", 0);
        assert_eq!(watched.told(), [told("a", false)]);
    }

    #[test]
    fn a_session_that_has_moved_ends_before_it_is_revealed() {
        let mut watched = Watched::default();
        watched.saw("a", ALIVE, true);
        watched.saw("b", COPY, true);
        watched.forward("a", "b");
        let flag = Facts {
            is_awaiting: Some(false),
            ..Facts::default()
        };
        watched.saw("b", flag, false);
        assert_eq!(watched.told(), [told("b", false), told("a", false)]);
    }

    #[test]
    fn all_of_a_dropped_collection_end() {
        let mut watched = Watched::default();
        watched.saw("a", ALIVE, true);
        watched.saw("b", FLAGGED, true);
        watched.known.lost_all(0, &mut watched.ended);
        assert_eq!(watched.told(), [told("a", false)]);
        assert_eq!(watched.known.ids().count(), 0);
    }
}
