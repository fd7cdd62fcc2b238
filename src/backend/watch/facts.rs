//! What a document, or a change of one, says about the life of its session.

use crate::codec::raw;
use crate::document::{Layout, earliest, field};

/// What is known of a document. Of a change, nothing is said that stays as it was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Facts<'a> {
    /// When the session expires, in milliseconds since the epoch: the last there is for one that never does.
    pub expires_ms: Option<i64>,
    /// Whether the session is flagged as deleted.
    pub is_flagged: Option<bool>,
    /// Whether a session is going to move here.
    pub is_awaiting: Option<bool>,
    /// The id of the document to which the session has moved.
    pub leads_to: Option<&'a str>,
    /// The public name of the session.
    pub handle: Option<&'a str>,
}

impl<'a> Facts<'a> {
    /// Those of a whole document.
    #[must_use]
    pub fn of_document(document: &'a [u8], layout: &Layout) -> Self {
        let facts = Self::of_fields(document, layout);
        Self {
            expires_ms: Some(facts.expires_ms.unwrap_or(i64::MAX)),
            is_flagged: Some(facts.is_flagged == Some(true)),
            is_awaiting: Some(facts.is_awaiting == Some(true)),
            ..facts
        }
    }

    /// Those of a change: the fields that it has set, in a document, and the names of those that it has removed,
    /// in an array.
    #[must_use]
    pub fn of_change(set: Option<&'a [u8]>, removed: Option<&[u8]>, layout: &Layout) -> Self {
        let mut facts = set.map_or_else(Self::default, |set| Self::of_fields(set, layout));
        for element in removed.into_iter().flat_map(raw::elements) {
            match element.ok().and_then(|element| element.as_str()) {
                Some(field::RENEWED_FROM) => facts.is_awaiting = Some(false),
                Some(name) if name == layout.deleted => facts.is_flagged = Some(false),
                Some(name) if name == layout.moment => facts.expires_ms = Some(i64::MAX),
                _ => {}
            }
        }
        facts
    }

    fn of_fields(fields: &'a [u8], layout: &Layout) -> Self {
        let mut facts = Self::default();
        for element in raw::elements(fields).map_while(Result::ok) {
            match str::from_utf8(element.key) {
                Ok(field::RENEWED_FROM) => facts.is_awaiting = Some(true),
                Ok(field::RENEWED_TO) => facts.leads_to = element.as_str(),
                Ok(field::HANDLE) => facts.handle = element.as_str(),
                // As for a reader, nothing else is a flag or a moment.
                Ok(name) if name == layout.deleted => {
                    facts.is_flagged = Some(element.as_bool() == Some(true));
                }
                Ok(name) if name == layout.moment => {
                    let expiry = |moment| layout.expiry_of(moment);
                    facts.expires_ms = Some(earliest(element).map_or(i64::MAX, expiry));
                }
                _ => {}
            }
        }
        facts
    }
}
