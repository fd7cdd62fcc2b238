//! Sessions that are listed or removed by their user or by what they hold.

use std::sync::Arc;

use super::id;
use super::lists::{FIRST_PAGE, Place, USER_PAGE};
use super::save::SessionText;
use crate::backend::{Fate, Ids, Page, Removal, UserPage, Which};
use crate::batch::BulkKind;
use crate::codec;
use crate::error::{Error, Result};
use crate::filter::Filter;
use crate::options::Config;

/// A call about sessions that are chosen by their user or by what they hold. Not `Debug`, which would
/// show both.
pub enum Selection {
    /// One page of a list.
    Page {
        /// Whose sessions; None for everybody's.
        user: Option<String>,
        /// What they hold, as a filter.
        filter: Option<SessionText>,
        /// Which part of the list.
        place: Place,
        /// Whether nothing but ids is wanted.
        ids_only: bool,
    },
    /// Destroys the sessions of a user.
    DestroyByUser {
        /// Whose sessions.
        user: String,
        /// The id of the one that stays.
        except: Option<String>,
    },
    /// Destroys that session of a user that has this public name.
    Revoke {
        /// The user.
        user: String,
        /// The name.
        handle: String,
    },
    /// Takes back a session that was added, unless it has been confirmed.
    TakeBack {
        /// Its id.
        sid: String,
        /// What adding it has answered.
        reserved_ms: i64,
    },
    /// Counts the sessions that match a filter.
    Count {
        /// What they hold.
        filter: SessionText,
        /// Up to how many.
        most: Option<u32>,
    },
    /// A page of the list of users.
    Users {
        /// The user behind whom it begins; the empty text for the first one.
        after: String,
    },
    /// Destroys the sessions that match a filter.
    DestroyMany {
        /// What they hold.
        filter: SessionText,
    },
}

impl Selection {
    /// The request for it.
    ///
    /// # Errors
    ///
    /// [`Error::Filter`] for a filter that cannot be used.
    pub fn request(self, config: &Config) -> Result<BulkKind> {
        Ok(match self {
            Self::Page {
                user,
                filter,
                place,
                ids_only,
            } => {
                let which = match (user, filter) {
                    (Some(user), _) => Which::Of(user.into()),
                    (None, Some(filter)) => matching(&filter, config)?,
                    (None, None) => Which::All,
                };
                BulkKind::Page(Arc::new(Page {
                    which,
                    order: place.order(config)?,
                    from: place.position()?,
                    most: place.most.unwrap_or(FIRST_PAGE),
                    ids_only,
                }))
            }
            Self::Count { filter, most } => {
                BulkKind::Count(Arc::new(matching(&filter, config)?), most)
            }
            Self::Users { after } => BulkKind::Users(Arc::new(UserPage::Behind(after, USER_PAGE))),
            Self::DestroyByUser { user, except } => {
                let id = |sid| id::of_document(&config.prefix, sid, config.hash_ids).into();
                BulkKind::Remove(Arc::new(Removal {
                    which: Which::Of(user.into()),
                    takes_any_text: config.takes_any_text,
                    ids: except.map_or(Ids::Any, |sid| Ids::AllBut(id(sid))),
                }))
            }
            Self::Revoke { user, handle } => BulkKind::Remove(Arc::new(Removal {
                which: Which::Handle {
                    user: user.into(),
                    handle: handle.into(),
                },
                takes_any_text: config.takes_any_text,
                ids: Ids::Any,
            })),
            Self::TakeBack { sid, reserved_ms } => BulkKind::Remove(Arc::new(Removal {
                which: Which::ExpiringAt(reserved_ms),
                takes_any_text: true,
                ids: Ids::Only(vec![
                    id::of_document(&config.prefix, sid, config.hash_ids).into(),
                ]),
            })),
            Self::DestroyMany { filter } => BulkKind::Remove(Arc::new(Removal {
                which: matching(&filter, config)?,
                takes_any_text: config.takes_any_text,
                ids: Ids::Any,
            })),
        })
    }
}

/// A filter without conditions means all sessions, however they are stored.
fn matching(filter: &SessionText, config: &Config) -> Result<Which> {
    let mut document = Vec::new();
    codec::encode(&filter.text, &filter.specials, &mut document)?;
    let filter = Filter::parse(&document, &config.indexes)?;
    if filter.is_empty() {
        return Ok(Which::All);
    }
    if let Some(option) = config.hidden_by().filter(|_| filter.looks_into_session()) {
        let problem = format!(
            "sessions cannot be found by what they hold while the option '{option}' is set"
        );
        return Err(Error::Filter(problem));
    }
    Ok(Which::Matching(filter))
}

/// What becomes of sessions that are removed. Where sessions move in, a flag keeps those from coming once more
/// that are still in the previous store: who has moved one destroys it there only afterwards.
pub fn fate(config: &Config, now_ms: i64) -> Fate {
    if config.delete_flags || config.moves_in {
        Fate::Flagged(config.flagged_until(now_ms))
    } else {
        Fate::Deleted
    }
}
