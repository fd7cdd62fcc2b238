//! What a save changes: the session, or what differs in it, and what is stored beside it.

use std::sync::Arc;

use super::super::{Indexed, Owner, SaveMode, SessionText};
use super::Worker;
use crate::backend::{Change, Extra, Id, IndexValue, Stored};
use crate::codec::{self, Json, raw};
use crate::document::Encoding;
use crate::error::Result;
use crate::options::Save;
use crate::{cipher, merge};

impl Worker {
    /// What a save changes, and what is stored beside the session.
    pub(super) fn save(
        &self,
        id: &Id,
        session: SessionText,
        encoding: Encoding,
        mode: SaveMode,
        owner: Option<Owner>,
        indexed: Option<Indexed>,
    ) -> Result<(Change, Extra)> {
        let of_indexes = indexed.iter().flat_map(|indexed| &indexed.keys);
        let groups: Vec<&[String]> = of_indexes
            .chain(owner.as_ref().map(|owner| &owner.keys))
            .map(Vec::as_slice)
            .collect();
        let has_bigints = session.has_bigints();
        let change = self.change(id, session, encoding, &mode, &groups)?;
        let values = indexed.map(|indexed| self.index_values(&indexed, &change));
        let extra = Extra {
            has_bigints,
            indexes: values.transpose()?.unwrap_or_default(),
            ..self.beside(owner, mode, &change)
        };
        Ok((change, extra))
    }

    /// What a save writes beside the session, and what it asks of the stored one.
    fn beside(&self, owner: Option<Owner>, mode: SaveMode, change: &Change) -> Extra {
        let expected = match mode {
            SaveMode::Exchange(SessionText { text, specials }) => {
                Some(Arc::new(Json { text, specials }))
            }
            _ => None,
        };
        let Some(mut owner) = owner else {
            return Extra {
                expected,
                ..Extra::default()
            };
        };
        let handle = owner.handle.take().map(Into::into);
        let most_sessions = owner.most_sessions;
        Extra {
            handle,
            most_sessions,
            expected,
            ..self.owned(owner, change).unwrap_or_default()
        }
    }

    /// What a save writes about whose session it is. One that leaves the keys alone which make the user
    /// leaves that alone, too: a parallel request may have changed them. Where the document says something
    /// else all the same, as one from before the option does, it is put right unless somebody else has done
    /// so. Since when a session that is added is its user's is not known.
    fn owned(&self, owner: Owner, change: &Change) -> Option<Extra> {
        let Owner {
            user, before, keys, ..
        } = owner;
        let is_written = is_written(change, &keys);
        let before = before.map(|before| before.map(Into::into));
        (is_written || before.is_some()).then(|| Extra {
            marks_since: self.limit.is_some() && !matches!(change, Change::Insert(_)),
            user: Some(user.map(Into::into)),
            user_before: before.filter(|_| !is_written),
            ..Extra::default()
        })
    }

    /// What a save writes of the values by which the session is found: by the same rule as whose it is.
    fn index_values(&self, indexed: &Indexed, change: &Change) -> Result<Vec<IndexValue>> {
        let values = encode(&indexed.values)?;
        let before = indexed.before.as_ref().map(encode).transpose()?;
        let value_in = |values: &[u8], name: &str| {
            let element = raw::find(values, name)?;
            Some((element.kind, element.value.to_vec()))
        };
        let mut changed = Vec::new();
        for (position, name) in self.config.indexes.iter().enumerate() {
            let keys = indexed.keys.get(position).map_or(&[][..], Vec::as_slice);
            let is_written = is_written(change, keys);
            let value = value_in(&values, name);
            let before = before.as_ref().map(|before| value_in(before, name));
            let before = before.filter(|before| !is_written && *before != value);
            if is_written || before.is_some() {
                changed.push(IndexValue {
                    name: name.clone(),
                    value,
                    before,
                });
            }
        }
        Ok(changed)
    }

    /// What a save changes of the session itself. Keys of one of the `groups` are written together.
    fn change(
        &self,
        id: &Id,
        session: SessionText,
        encoding: Encoding,
        mode: &SaveMode,
        groups: &[&[String]],
    ) -> Result<Change> {
        let session = match encoding {
            Encoding::Document => Stored::Document(encode(&session)?),
            Encoding::Text => Stored::Text(session.text),
        };
        let size = match (&session, &self.config.cipher) {
            (Stored::Document(session), Some(cipher)) if cipher.encrypts() => {
                cipher::encrypted_size(session)?
            }
            _ => session.size(),
        };
        self.config.layout.check_size(id.len(), size)?;
        let bases = match mode {
            SaveMode::Create => return Ok(Change::Upsert(session)),
            SaveMode::Add => return Ok(Change::Insert(session)),
            SaveMode::Exchange(_) => return Ok(Change::Replace(session)),
            SaveMode::Loaded(bases) => bases,
        };
        match session {
            Stored::Document(session)
                if self.config.save == Save::Difference && !bases.is_empty() =>
            {
                let bases = bases.iter().map(encode).collect::<Result<Vec<_>>>()?;
                let mut difference = merge::difference(&bases, &session)?;
                difference.complete(groups, &session)?;
                Ok(Change::Merge(difference))
            }
            session => Ok(Change::Replace(session)),
        }
    }
}

/// Whether a save writes what is made of these keys.
fn is_written(change: &Change, keys: &[String]) -> bool {
    match change {
        Change::Merge(difference) => difference.has_any(keys),
        _ => true,
    }
}

/// The cookie as a difference from a session without one.
pub(super) fn cookie_change(cookie: &SessionText) -> Result<Change> {
    const EMPTY: [u8; 5] = [5, 0, 0, 0, 0];
    merge::difference(&[EMPTY.to_vec()], &encode(cookie)?).map(Change::Merge)
}

fn encode(session: &SessionText) -> Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(session.text.len() + session.text.len() / 4 + 16);
    codec::encode(&session.text, &session.specials, &mut bytes)?;
    Ok(bytes)
}
