//! How a stored document is laid out: the names of its fields, and what its moment says.

use super::MAX_DOCUMENT_BYTES;
use crate::codec::raw;
use crate::error::{Error, Result};

/// Names of the top-level fields, and what the moment means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// The prefix and the session id or its hash. `_id`, or a field with a unique index.
    pub id: String,
    /// The session: an embedded document, or a text.
    pub session: String,
    /// The moment that the TTL index is on.
    pub moment: String,
    /// What that moment says.
    pub meaning: Moment,
    /// True in a session that was flagged as deleted; no other document has the field.
    pub deleted: String,
}

/// What the moment of a document says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// When the session expires.
    Expiry,
    /// When it was used last; it expires so many milliseconds later.
    LastAccess(i64),
}

impl Default for Layout {
    fn default() -> Self {
        Self {
            id: "_id".to_owned(),
            session: "session".to_owned(),
            moment: "expires".to_owned(),
            meaning: Moment::Expiry,
            deleted: "deleted".to_owned(),
        }
    }
}

impl Layout {
    /// The id of a stored document, if it is a string.
    #[must_use]
    pub fn id_of<'a>(&self, document: &'a [u8]) -> Option<&'a str> {
        raw::find(document, &self.id)?.as_str()
    }

    /// Whether documents are found by a field of their own, for which there has to be an index.
    #[must_use]
    pub fn has_own_id(&self) -> bool {
        self.id != "_id"
    }

    /// What a document holds whose session expires at `expires_ms`.
    #[must_use]
    pub fn moment_of(&self, expires_ms: i64) -> i64 {
        match self.meaning {
            Moment::Expiry => expires_ms,
            Moment::LastAccess(lifetime_ms) => expires_ms.saturating_sub(lifetime_ms),
        }
    }

    /// When the session of a document that holds `moment_ms` expires.
    #[must_use]
    pub fn expiry_of(&self, moment_ms: i64) -> i64 {
        match self.meaning {
            Moment::Expiry => moment_ms,
            Moment::LastAccess(lifetime_ms) => moment_ms.saturating_add(lifetime_ms),
        }
    }

    /// Refuses a session that would not fit into a document of MongoDB.
    ///
    /// # Errors
    ///
    /// [`Error::TooLarge`] with the size that the document would have.
    pub fn check_size(&self, id_bytes: usize, session_bytes: usize) -> Result<()> {
        let names = self.id.len() + self.moment.len() + self.session.len();
        // The document's length and end; per field its type and the NUL of its name; the length and
        // the NUL of the id, and the moment.
        let size = 4 + 1 + 3 * 2 + names + (4 + id_bytes + 1) + 8 + session_bytes;
        if size > MAX_DOCUMENT_BYTES {
            return Err(Error::TooLarge { size: Some(size) });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_of_last_access_is_a_lifetime_before_the_expiry() {
        let layout = Layout {
            meaning: Moment::LastAccess(1000),
            ..Layout::default()
        };
        assert_eq!(layout.moment_of(5000), 4000);
        assert_eq!(layout.expiry_of(4000), 5000);
        assert_eq!(Layout::default().moment_of(5000), 5000);
        assert_eq!(Layout::default().expiry_of(5000), 5000);
    }
}
