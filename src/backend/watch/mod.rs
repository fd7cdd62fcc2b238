//! Sessions that end, for those who watch: what they are told, and how the end of a session is known from
//! what becomes of its document.
//!
//! A deletion says no more than an id. Whether a session had expired is known from what was seen of its
//! document before, which is kept in [`Known`].

mod facts;
mod known;
mod recent;

use std::sync::Arc;

pub use self::facts::Facts;
pub use self::known::Known;
pub use self::recent::Recent;
use super::Id;
use crate::error::Error;

/// What is told.
#[derive(Debug)]
pub enum Notice {
    /// A session has ended.
    Ended(Ended),
    /// Something the operator should know about and which stops nothing.
    Warning(Error),
}

/// A session that has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// The id of its document; without the prefix where it is told.
    pub id: Id,
    /// Its public name, as far as that was seen.
    pub handle: Option<Arc<str>>,
    /// Whether its time was up. Otherwise somebody has ended it, or it is not known.
    pub is_expired: bool,
}

/// Somebody who is told of the sessions of a prefix.
pub struct Listener {
    /// What their ids begin with.
    pub prefix: String,
    /// How it is told. Called from the runtime's threads, in order.
    pub tell: Box<dyn Fn(Vec<Notice>) + Send + Sync>,
}

impl Listener {
    /// Tells of those of the sessions that have the prefix.
    pub fn hear(&self, ended: &[Ended]) {
        let own = ended.iter().filter_map(|ended| {
            let id = ended.id.strip_prefix(&*self.prefix)?;
            Some(Notice::Ended(Ended {
                id: id.into(),
                ..ended.clone()
            }))
        });
        let own: Vec<Notice> = own.collect();
        if !own.is_empty() {
            (self.tell)(own);
        }
    }
}
