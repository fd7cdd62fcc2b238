//! What the commands of a job read and answer.

use std::collections::HashMap;

use super::{Outcome, selection};
use crate::backend::{Backend, Change, Id, Selection, Write, Written};
use crate::batch::BulkKind;
use crate::cipher::{Cipher, Keys};
use crate::clock::now_ms;
use crate::document::{self, Loaded, Reading};
use crate::error::{Error, Result};
use crate::options::Config;

/// What a batch of gets has read, in the order of its requests.
pub struct Found {
    pub sessions: Vec<Result<Option<Loaded>>>,
    pub bytes: usize,
    pub documents: usize,
    pub foreign: bool,
}

/// Reads the sessions with these ids, transcoding each document while it lies in the reply.
pub async fn get(backend: &dyn Backend, cipher: Option<&Cipher>, ids: &[Id]) -> Result<Found> {
    let keys = keys(cipher).await;
    let mut found = Found {
        sessions: ids.iter().map(|_| Ok(None)).collect(),
        bytes: 0,
        documents: 0,
        foreign: false,
    };
    let positions: HashMap<&str, usize> = ids
        .iter()
        .enumerate()
        .map(|(position, id)| (&**id, position))
        .collect();
    let now = now_ms();
    backend
        .find(ids, &mut |document| {
            found.bytes += document.len();
            found.documents += 1;
            let position = document::id(document).and_then(|id| positions.get(id));
            let Some(&position) = position else { return };
            found.sessions[position] = match document::read(document, now, keys) {
                Ok(Reading::Live(loaded)) => Ok(Some(loaded)),
                Ok(Reading::Gone) => Ok(None),
                Ok(Reading::Foreign) => {
                    found.foreign = true;
                    Ok(None)
                }
                Err(error) => Err(error),
            };
        })
        .await?;
    Ok(found)
}

/// Carries out writes, whose sessions are encrypted in their places if there is a cipher.
pub async fn write(
    backend: &dyn Backend,
    cipher: Option<&Cipher>,
    writes: &mut [Write],
) -> Result<Vec<Result<Written>>> {
    if let Some(keys) = keys(cipher).await {
        for write in &mut *writes {
            encrypt(keys, write)?;
        }
    }
    backend.write(writes).await
}

fn encrypt(keys: &Keys, Write { id, change, .. }: &mut Write) -> Result<()> {
    match change {
        Change::Upsert(session) | Change::Replace(session) => {
            *session = keys.encrypt_session(id, session)?;
        }
        Change::Merge(difference) => keys.encrypt_fields(id, &mut difference.set)?,
        Change::Touch | Change::Flag { .. } => {}
    }
    Ok(())
}

/// The keys of a cipher, which may still have to be derived from passphrases.
pub async fn keys(cipher: Option<&Cipher>) -> Option<&Keys> {
    match cipher {
        Some(cipher) => Some(cipher.keys().await),
        None => None,
    }
}

pub async fn bulk(backend: &dyn Backend, config: &Config, kind: &BulkKind) -> Result<Outcome> {
    let now = now_ms();
    let prefix = &config.prefix;
    let flag_all = || backend.flag_all(prefix, now + config.delete_grace_ms);
    match kind {
        BulkKind::All => all(backend, config).await,
        BulkKind::Length => backend.count(prefix, now).await.map(Outcome::Count),
        BulkKind::Clear if config.delete_flags => flag_all().await.map(|_| Outcome::Done),
        BulkKind::Clear => backend
            .clear(prefix, Selection::All)
            .await
            .map(|_| Outcome::Done),
        BulkKind::FlagAll => flag_all().await.map(Outcome::Count),
        BulkKind::Cleanup => backend
            .clear(prefix, Selection::Flagged)
            .await
            .map(Outcome::Count),
        BulkKind::Page(page) => selection::page(backend, config, page).await,
        BulkKind::Remove(removal) => selection::remove(backend, config, removal).await,
        BulkKind::Close => {
            backend.close().await;
            Ok(Outcome::Done)
        }
    }
}

/// Reads every session that can be read; one that cannot does not hide the others.
async fn all(backend: &dyn Backend, config: &Config) -> Result<Outcome> {
    let keys = keys(config.cipher.as_ref()).await;
    let now = now_ms();
    let mut sessions = Vec::new();
    let mut left_out = None;
    backend
        .scan(&config.prefix, now, &mut |document| {
            match document::read(document, now, keys) {
                Ok(Reading::Live(loaded)) => sessions.push(loaded),
                Err(error @ Error::Decryption(_)) => left_out = Some(error),
                // No session of ours; `get` warns of it.
                _ => {}
            }
        })
        .await?;
    Ok(Outcome::Sessions { sessions, left_out })
}
