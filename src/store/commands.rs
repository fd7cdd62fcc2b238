//! What the commands of a job read and answer.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

use super::delivery::Outcome;
use super::lists;
use super::reading::{keys, reader};
use crate::backend::{Backend, Change, Id, Stored, Which, Write, Written};
use crate::batch::BulkKind;
use crate::cipher::Keys;
use crate::codec::{self, raw};
use crate::document::{Loaded, Reading, Renewed};
use crate::error::{Error, Result, Undecryptable};
use crate::merge;
use crate::options::Config;

/// When a session expires that moves in and is not confirmed: a moment that is its own, and long over for
/// whoever reads it.
pub const RESERVED_MS: std::ops::Range<i64> = 1 << 38..1 << 39;

/// Such a moment, by chance, so that no two moves of a session have the same.
pub fn reservation_ms() -> i64 {
    let random = RandomState::new().build_hasher().finish().cast_signed();
    RESERVED_MS.start + random.rem_euclid(RESERVED_MS.end - RESERVED_MS.start)
}

/// What a batch of gets has read, in the order of its requests.
pub struct Found {
    /// None for those that are missing.
    pub sessions: Vec<Result<Option<Loaded>>>,
    /// How large the documents were together.
    pub bytes: usize,
    /// How many there were.
    pub documents: usize,
    /// Whether one of them is no session.
    pub foreign: bool,
    /// The positions of ids that were given up for new ones, longer ago than they lead there.
    pub reused: Vec<usize>,
    /// Where the sessions are that have new ids, by the positions of their old ones.
    pub renewed: Vec<(usize, Renewed)>,
}

/// Reads the sessions with these ids, transcoding each document while it lies in the reply.
pub async fn get(backend: &dyn Backend, config: &Config, ids: &[Id]) -> Result<Found> {
    let reader = reader(config).await;
    let mut found = Found {
        sessions: ids.iter().map(|_| Ok(None)).collect(),
        bytes: 0,
        documents: 0,
        foreign: false,
        reused: Vec::new(),
        renewed: Vec::new(),
    };
    let mut positions: HashMap<&str, usize> = ids
        .iter()
        .enumerate()
        .map(|(position, id)| (&**id, position))
        .collect();
    backend
        .find(ids, &mut |document| {
            found.bytes += document.len();
            found.documents += 1;
            let id = config.layout.id_of(document);
            // In a field that is not unique, several documents may hold one id. Updates are about the
            // first of them.
            let Some(position) = id.and_then(|id| positions.remove(id)) else {
                return;
            };
            found.sessions[position] = match reader.read(document) {
                Ok(Reading::Live(loaded)) => Ok(Some(loaded)),
                Ok(Reading::Gone) => Ok(None),
                Ok(Reading::Renewed(moved)) => {
                    found.renewed.push((position, moved));
                    Ok(None)
                }
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
    config: &Config,
    writes: &mut [Write],
    patience: Duration,
) -> Result<Vec<Result<Written>>> {
    let keys = keys(config).await;
    if let Some(keys) = keys.filter(|keys| keys.encrypts()) {
        for write in &mut *writes {
            encrypt(keys, write)?;
        }
    }
    let mut results = backend.write_within(writes, patience).await?;
    for (write, result) in writes.iter().zip(&mut results) {
        if is_refused_merge(write, result) {
            *result = convert(backend, config, keys, write).await;
        }
        // One that is missing has met a flagged document.
        if matches!(
            (&write.change, &*result),
            (Change::Insert(_), Ok(Written::Stored | Written::Missing))
        ) {
            *result = present(backend, config, &write.id).await;
        }
    }
    Ok(results)
}

/// Whether the server would not change single fields, because it holds no document in their place.
fn is_refused_merge(write: &Write, result: &Result<Written>) -> bool {
    // PathNotViable, and what $mergeObjects and $objectToArray say in a pipeline.
    const CODES: [i32; 3] = [28, 40_400, 40_390];
    let is_merge = matches!(write.change, Change::Merge(_));
    is_merge && matches!(result, Err(Error::Server { code, .. }) if CODES.contains(code))
}

/// Writes a difference to a session that is stored as JSON text, by another version of the application
/// for example: the text becomes a document and the difference is applied to it, unless somebody else
/// has changed the text meanwhile.
async fn convert(
    backend: &dyn Backend,
    config: &Config,
    keys: Option<&Keys>,
    write: &Write,
) -> Result<Written> {
    const ATTEMPTS: usize = 10;
    let mut attempts = 0;
    while let Change::Merge(difference) = &write.change
        && attempts < ATTEMPTS
        && let Some(text) = text_of(backend, config, &write.id).await?
    {
        attempts += 1;
        if keys.is_some_and(|keys| !keys.accepts_unencrypted()) {
            return Err(Error::Decryption(Undecryptable::NotEncrypted));
        }
        let mut session = Vec::new();
        codec::encode(&text, "", &mut session)?;
        if let Some(keys) = keys.filter(|keys| keys.encrypts()) {
            session = keys.encrypt_session(&write.id, &session)?;
        }
        let session = merge::apply(difference, &session)?;
        let swap = Write {
            id: write.id.clone(),
            expires_ms: write.expires_ms,
            change: Change::Swap {
                before: Stored::Text(text),
                after: Stored::Document(session),
            },
            extra: write.extra.clone(),
            is_encrypted: true,
        };
        match one(backend, &swap).await {
            Ok(Written::Missing) => {}
            written => return written,
        }
    }
    // It is gone, or somebody else has made a document of it.
    one(backend, write).await
}

/// What the document is that was there before a session could be added: another session, be it one that has
/// ended, one whose move is not confirmed, or none any more.
async fn present(backend: &dyn Backend, config: &Config, id: &Id) -> Result<Written> {
    let mut expires = None;
    let mut is_there = false;
    backend
        .find_latest(std::slice::from_ref(id), &mut |document| {
            is_there = true;
            let moment = raw::find(document, &config.layout.moment);
            let moment = moment.and_then(|element| element.as_date());
            expires = expires.or(moment.map(|moment| config.layout.expiry_of(moment)));
        })
        .await?;
    Ok(match expires {
        Some(at) if RESERVED_MS.contains(&at) => Written::Reserved(at),
        _ if is_there => Written::Stored,
        _ => Written::Missing,
    })
}

pub(super) async fn one(backend: &dyn Backend, write: &Write) -> Result<Written> {
    let mut results = backend.write(std::slice::from_ref(write)).await?;
    results.pop().unwrap_or(Ok(Written::Missing))
}

/// The text that is stored in the place of a session, if it is one.
async fn text_of(backend: &dyn Backend, config: &Config, id: &Id) -> Result<Option<String>> {
    let mut first = None;
    backend
        .find_latest(std::slice::from_ref(id), &mut |document| {
            first.get_or_insert_with(|| {
                let session = raw::find(document, &config.layout.session);
                session.and_then(|session| session.as_str().map(str::to_owned))
            });
        })
        .await?;
    Ok(first.flatten())
}

pub(super) fn encrypt(keys: &Keys, write: &mut Write) -> Result<()> {
    if write.is_encrypted {
        return Ok(());
    }
    let Write { id, change, .. } = write;
    match change {
        Change::Upsert(Stored::Document(session))
        | Change::Insert(Stored::Document(session))
        | Change::Replace(Stored::Document(session)) => {
            *session = keys.encrypt_session(id, session)?;
        }
        Change::Merge(difference) => keys.encrypt_fields(id, &mut difference.set)?,
        // A store that encrypts writes no texts.
        Change::Upsert(Stored::Text(_))
        | Change::Insert(Stored::Text(_))
        | Change::Replace(Stored::Text(_))
        | Change::Touch
        | Change::Confirm { .. }
        | Change::Flag { .. }
        | Change::Place { .. }
        | Change::Forward { .. }
        | Change::Reveal(_)
        | Change::Renew { .. }
        | Change::Swap { .. } => {}
    }
    write.is_encrypted = true;
    Ok(())
}

/// Carries out a request about all sessions that is one command.
pub async fn bulk(backend: &dyn Backend, config: &Config, kind: &BulkKind) -> Result<Outcome> {
    match kind {
        BulkKind::Length => {
            let count = lists::count(backend, config, &Which::All, None).await;
            count.map(Outcome::Count)
        }
        BulkKind::Count(which, most) => {
            let count = lists::count(backend, config, which, *most).await;
            count.map(Outcome::Count)
        }
        BulkKind::Users(page) => {
            let users = lists::users(backend, config, page).await;
            users.map(Outcome::Users)
        }
        BulkKind::Page(page) => {
            let entries = lists::page(backend, config, page).await;
            entries.map(Outcome::Entries)
        }
        BulkKind::Close => {
            backend.close().await;
            Ok(Outcome::Done)
        }
        // They are carried out in slices.
        BulkKind::Clear | BulkKind::FlagAll | BulkKind::Cleanup | BulkKind::Remove(_) => {
            Ok(Outcome::Done)
        }
    }
}
