//! Which sessions of a prefix are meant, where they are not named by their ids alone.

use std::fmt;
use std::sync::Arc;

use super::Id;
use crate::filter::{Filter, SortValue};

/// Sessions by what they hold.
#[derive(Clone, Default, PartialEq, Eq)]
pub enum Which {
    /// Every one.
    #[default]
    All,
    /// Those of a user.
    Of(Arc<str>),
    /// That of a user that has this public name.
    Handle {
        /// The user.
        user: Arc<str>,
        /// The name.
        handle: Arc<str>,
    },
    /// Those whose fields match.
    Matching(Filter),
    /// Those that expire at this moment, in milliseconds since the epoch.
    ExpiringAt(i64),
}

impl Which {
    /// Whether only a session that is stored as a document can be meant, whose fields are looked at.
    #[must_use]
    pub fn looks_into_session(&self) -> bool {
        matches!(self, Self::Matching(filter) if filter.looks_into_session())
    }
}

/// Whose sessions are looked for, and by what, is as private as the sessions.
impl fmt::Debug for Which {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::All => "All",
            Self::Of(_) => "Of(<redacted>)",
            Self::Handle { .. } => "Handle(<redacted>)",
            Self::Matching(_) => "Matching(<redacted>)",
            Self::ExpiringAt(_) => "ExpiringAt",
        })
    }
}

/// Part of a list of live sessions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// Which sessions are listed.
    pub which: Which,
    /// In which order.
    pub order: Order,
    /// Where the page begins; None for the first page.
    pub from: Option<Position>,
    /// How many documents it has at most.
    pub most: u32,
    /// Whether nothing but their ids is wanted.
    pub ids_only: bool,
}

/// The order of a list: by what a field holds, and where that is the same by the ids.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Order {
    /// The path of the field in the document; None for the order of the ids alone.
    pub field: Option<String>,
    /// Whether what is greatest comes first, among ids too.
    pub descends: bool,
}

/// A place in a list.
#[derive(Clone, PartialEq, Eq)]
pub struct Position {
    /// What the field of the order holds there; None without such a field.
    pub value: Option<SortValue>,
    /// Where it is among the ids of those that hold the same; None for their beginning.
    pub id: Option<Id>,
    /// Whether a session with this very id comes behind it. In descending order none does.
    pub is_before_id: bool,
}

/// Whose sessions they are, and what they hold, is as private as the sessions.
impl fmt::Debug for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Position(<redacted>)")
    }
}

/// Part of a list of users in the order of their texts.
#[derive(Clone, PartialEq, Eq)]
pub enum UserPage {
    /// Those behind a user, the empty text for the first page, of at most so many sessions.
    Behind(String, u32),
    /// This one.
    Only(String),
}

impl fmt::Debug for UserPage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UserPage(<redacted>)")
    }
}

/// What a call for many sessions is about, and what becomes of it one slice after the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sweep {
    /// Every document.
    All,
    /// Those that are flagged as deleted and not needed for a session that has got a new id: not until after
    /// this moment, in milliseconds since the epoch.
    Flagged(i64),
    /// Those that are not. Expired ones too, which a request may still hold and save.
    Unflagged,
    /// Sessions that are chosen. Nothing in the collection that is no session is among them.
    Sessions(Arc<Removal>),
}

/// The next ids of a sweep.
#[derive(Debug, Default)]
pub struct Swept {
    /// In their order; perhaps none, where many documents had to be looked at.
    pub ids: Vec<Id>,
    /// The id behind which it goes on; None at its end.
    pub next: Option<Id>,
    /// Whether sessions may have got new ids meanwhile that lie before.
    pub may_have_moved: bool,
}

/// What became of a slice of a sweep.
#[derive(Clone, Copy, Debug, Default)]
pub struct SliceOutcome {
    /// For how many sessions there was something to do.
    pub count: u64,
    /// The place of the session whose document another client holds, if one was not to be waited for. What
    /// comes behind it has not been carried out.
    pub held: Option<usize>,
}

/// Sessions that are removed, expired ones too: a request may still hold one and save it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Removal {
    /// Which sessions.
    pub which: Which,
    /// And which of those.
    pub ids: Ids,
    /// Whether a stored text may be another one than JSON.
    pub takes_any_text: bool,
}

/// A choice among ids.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ids {
    /// All of them.
    Any,
    /// All but this one.
    AllBut(Id),
    /// These.
    Only(Vec<Id>),
}

/// What becomes of sessions that are removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Their documents are deleted.
    Deleted,
    /// They are flagged as deleted, to expire at this moment, in milliseconds since the epoch.
    Flagged(i64),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_no_user() {
        let which = Which::Of("ada".into());
        assert!(!format!("{which:?}").contains("ada"));
    }
}
