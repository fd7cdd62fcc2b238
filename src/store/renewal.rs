//! A new id for a session, and what becomes of those who still have the old one.
//!
//! Each step is an update of one document, so that it needs no transaction. A copy of the session is placed under
//! the new id, flagged as deleted, as one to which a session is going to move: nobody can read it, and no list has
//! it. Then the old document is made to lead there, if it still is exactly what was copied: this is the moment
//! of the renewal. Last the copy is revealed. Who stops before that moment leaves the session where it was, and
//! a copy that nobody can reach; who stops behind it leaves an old id that leads to the copy, which whoever comes
//! with the old id in time reveals. So there is one session at any time, under the one id or the other.
//!
//! Each step may come again, so one whose reply was lost does, if its outcome cannot be seen in the old document.
//!
//! Who ends the session by either id ends it: by the new one, the old one leads to nothing; by the old one, either
//! before that moment, which then does not come, or after it, when what it leads to is ended as well, revealed
//! or not. Who ends many reads their ids first, so a session may have moved when its turn comes: those who end it
//! pursue it, and a copy that they have ended is not placed again.

use std::collections::HashMap;
use std::mem;

use super::commands::{Found, encrypt, one};
use super::reading::{keys, reader};
use crate::backend::{Backend, Change, Extra, Fate, Id, Ids, Stored, Sweep, Write, Written};
use crate::cipher::Keys;
use crate::codec::raw::{self, Writer};
use crate::document::{Loaded, Reader, Reading, Renewed, field};
use crate::error::{Error, Result};
use crate::merge::{self, Difference};
use crate::options::Config;
use crate::progress;

/// How often a copy is made that others change or touch while it is.
const ATTEMPTS: usize = 100;

/// How often a copy is revealed whose reply is lost.
const REVEALS: usize = 3;

/// How many renewals an old id leads through. Each of them is younger than the one before.
const MOST_STEPS: usize = 8;

/// Where an old id leads.
enum Arrival {
    /// To a session in this document.
    At(Id, Box<Loaded>),
    /// To one that is gone.
    Nowhere,
    /// Nowhere any more, and it should not have been used.
    Reused,
}

/// Gives a session a new id. Missing if it is gone, or has been given one by another request.
pub async fn renew(
    backend: &dyn Backend,
    config: &Config,
    from: &Id,
    to: &Id,
    grace_ms: i64,
) -> Result<Written> {
    let keys = keys(config).await;
    let until_ms = config.clock.called_ms().saturating_add(grace_ms);
    let mut lost = None;
    let mut has_place = true;
    for _ in 0..ATTEMPTS {
        let found = look(backend, config, from).await;
        // What has gone wrong first is what the caller has to know.
        let found = found.map_err(|error| lost.clone().unwrap_or(error))?;
        let Some((before, reading)) = found else {
            break;
        };
        match reading? {
            // Nothing is to change behind the back of a caller who has been told that it has failed.
            Reading::Live(_) if has_place && progress::is_awaited() => {}
            Reading::Renewed(moved) if *moved.to == **to => {
                return reveal(backend, config, from, to).await;
            }
            _ => break,
        }
        let place = Change::Place {
            copy: copied(&before, config, keys, from, to, until_ms)?,
            from: from.clone(),
        };
        match one(backend, &write(to, place)).await {
            Ok(written) => has_place = written != Written::Missing,
            Err(error @ Error::OutcomeUnknown(_)) => {
                lost = Some(error);
                continue;
            }
            Err(error) => return Err(error),
        }
        if !has_place || !progress::is_awaited() {
            continue;
        }
        let forward = Change::Forward {
            before,
            to: to.clone(),
            until_ms,
        };
        match one(backend, &write(from, forward)).await {
            Ok(Written::Stored) => return reveal(backend, config, from, to).await,
            Ok(_) => {}
            Err(error @ Error::OutcomeUnknown(_)) => lost = Some(error),
            Err(error) => return Err(error),
        }
    }
    // Nothing leads to the copy, and where that is not quite sure, or it cannot be deleted, it expires.
    if lost.is_none() {
        let _ = backend.delete(std::slice::from_ref(to)).await;
    }
    Ok(Written::Missing)
}

/// Reveals the copy to which a session has moved. Missing if the session has been ended meanwhile.
async fn reveal(backend: &dyn Backend, config: &Config, from: &Id, to: &Id) -> Result<Written> {
    let mut lost = None;
    for _ in 0..REVEALS {
        match one(backend, &write(to, Change::Reveal(from.clone()))).await {
            Ok(Written::Missing) => {
                // Perhaps somebody has done so who came with the old id.
                let found = look(backend, config, to).await?;
                let is_live = matches!(found, Some((_, Ok(Reading::Live(_)))));
                return Ok(if is_live {
                    Written::Stored
                } else {
                    Written::Missing
                });
            }
            Err(error @ Error::OutcomeUnknown(_)) => lost = Some(error),
            // The session has moved.
            Err(error) => return Err(lost.unwrap_or(Error::OutcomeUnknown(Box::new(error)))),
            written => return written,
        }
    }
    lost.map_or(Ok(Written::Missing), Err)
}

/// Puts the sessions that have new ids where gets have asked for them by their old ones.
pub async fn arrive(
    backend: &dyn Backend,
    config: &Config,
    ids: &[Id],
    mut found: Found,
) -> Result<Found> {
    if found.renewed.is_empty() {
        return Ok(found);
    }
    let reader = reader(config).await;
    for (position, moved) in mem::take(&mut found.renewed) {
        match read(backend, config, &reader, &ids[position], moved).await {
            Ok(Arrival::Reused) => found.reused.push(position),
            Ok(Arrival::At(_, session)) => found.sessions[position] = Ok(Some(*session)),
            Ok(Arrival::Nowhere) => {}
            Err(error) => found.sessions[position] = Err(error),
        }
    }
    Ok(found)
}

/// Follows an old id to its session.
async fn read(
    backend: &dyn Backend,
    config: &Config,
    reader: &Reader<'_>,
    from: &Id,
    mut moved: Renewed,
) -> Result<Arrival> {
    let mut from = from.clone();
    for _ in 0..MOST_STEPS {
        if moved.until_ms <= reader.now_ms {
            return Ok(Arrival::Reused);
        }
        let to = Id::from(moved.to);
        one(backend, &write(&to, Change::Reveal(from))).await?;
        moved = match look(backend, config, &to).await? {
            None => return Ok(Arrival::Nowhere),
            Some((_, reading)) => match reading? {
                Reading::Live(loaded) => return Ok(Arrival::At(to, Box::new(loaded))),
                Reading::Renewed(moved) => moved,
                Reading::Gone | Reading::Foreign => return Ok(Arrival::Nowhere),
            },
        };
        from = to;
    }
    Ok(Arrival::Nowhere)
}

/// The id under which a session is that has been given a new one; None if it has not, or that leads nowhere.
pub async fn current(backend: &dyn Backend, config: &Config, id: &Id) -> Result<Option<Id>> {
    let reader = reader(config).await;
    let Some((_, Ok(Reading::Renewed(moved)))) = look(backend, config, id).await? else {
        return Ok(None);
    };
    Ok(match read(backend, config, &reader, id, moved).await? {
        Arrival::At(id, _) => Some(id),
        Arrival::Nowhere | Arrival::Reused => None,
    })
}

/// Carries out anew, where their old ids lead, those writes that have met none but an old id: saves in time, and
/// what ends a session at any time.
pub async fn follow(
    backend: &dyn Backend,
    config: &Config,
    writes: &[Write],
    results: &mut [Result<Written>],
) {
    if !config.delete_flags {
        return;
    }
    let is_end = |write: &Write| matches!(write.change, Change::Flag { .. });
    let may_be_old = |(write, result): &(&Write, &Result<Written>)| {
        matches!(result, Ok(Written::Missing)) || result.is_ok() && is_end(write)
    };
    let ids: Vec<Id> = writes
        .iter()
        .zip(&*results)
        .filter(may_be_old)
        .map(|(write, _)| write.id.clone())
        .collect();
    if ids.is_empty() {
        return;
    }
    let renewed = renewed(backend, config, &ids).await;
    for (write, result) in writes.iter().zip(results) {
        match &renewed {
            Ok(renewed) => {
                if let Some(moved) = renewed.get(&write.id) {
                    *result = follow_one(backend, config, write, moved.clone()).await;
                }
            }
            Err(error) if ids.contains(&write.id) => *result = Err(error.clone()),
            Err(_) => {}
        }
    }
}

async fn follow_one(
    backend: &dyn Backend,
    config: &Config,
    write: &Write,
    mut moved: Renewed,
) -> Result<Written> {
    let now_ms = config.clock.called_ms();
    let is_end = matches!(write.change, Change::Flag { .. });
    let mut from = write.id.clone();
    for _ in 0..MOST_STEPS {
        if !is_end && moved.until_ms <= now_ms {
            break;
        }
        let to = Id::from(moved.to);
        let written = follow_to(backend, config, write, &from, &to).await?;
        if !is_end && written != Written::Missing {
            return Ok(written);
        }
        moved = match look(backend, config, &to).await? {
            Some((_, Ok(Reading::Renewed(moved)))) => moved,
            _ => return Ok(written),
        };
        from = to;
    }
    Ok(Written::Missing)
}

/// Ends those of the sessions that a sweep is about which have got new ids since it has read these, and answers how
/// many.
pub async fn pursue(
    backend: &dyn Backend,
    config: &Config,
    sweep: &Sweep,
    ids: &[Id],
    fate: Fate,
) -> Result<u64> {
    let mut count = 0;
    let mut old = ids.to_vec();
    for _ in 0..MOST_STEPS {
        if let Sweep::Sessions(removal) = sweep
            && let Ids::AllBut(id) = &removal.ids
        {
            old.retain(|other| other != id);
        }
        let moved = renewed(backend, config, &old).await?;
        if moved.is_empty() {
            break;
        }
        old = moved
            .into_values()
            .map(|moved| Id::from(moved.to))
            .collect();
        count += backend.sweep(sweep, &old, fate, None).await?.count;
    }
    Ok(count)
}

/// Which of these ids have been given up, and where each of them leads.
pub(super) async fn renewed(
    backend: &dyn Backend,
    config: &Config,
    ids: &[Id],
) -> Result<HashMap<Id, Renewed>> {
    let reader = reader(config).await;
    let mut renewed = HashMap::new();
    backend
        .find_latest(ids, &mut |document| {
            if let (Some(id), Ok(Reading::Renewed(moved))) =
                (config.layout.id_of(document), reader.read(document))
            {
                renewed.insert(Id::from(id), moved);
            }
        })
        .await?;
    Ok(renewed)
}

/// Carries out a write where an old id leads.
async fn follow_to(
    backend: &dyn Backend,
    config: &Config,
    before: &Write,
    from: &Id,
    to: &Id,
) -> Result<Written> {
    let keys = keys(config).await;
    let change = match &before.change {
        Change::Flag { counted } => Change::Flag { counted: *counted },
        Change::Upsert(session) | Change::Replace(session) => {
            Change::Replace(decrypted(keys, &before.id, session)?)
        }
        Change::Merge(difference) => Change::Merge(match keys {
            Some(keys) => decrypted_difference(keys, &before.id, difference)?,
            None => difference.clone(),
        }),
        _ => return Ok(Written::Missing),
    };
    let mut write = Write {
        id: to.clone(),
        expires_ms: before.expires_ms,
        change,
        extra: before.extra.clone(),
        is_encrypted: false,
    };
    if let Some(keys) = keys.filter(|keys| keys.encrypts()) {
        encrypt(keys, &mut write)?;
    }
    if !matches!(write.change, Change::Flag { .. }) {
        one(backend, &self::write(to, Change::Reveal(from.clone()))).await?;
    }
    one(backend, &write).await
}

/// A document as it is now, and what it means.
async fn look(
    backend: &dyn Backend,
    config: &Config,
    id: &Id,
) -> Result<Option<(Vec<u8>, Result<Reading>)>> {
    let reader = reader(config).await;
    let mut first = None;
    backend
        .find_latest(std::slice::from_ref(id), &mut |document| {
            first.get_or_insert_with(|| (document.to_vec(), reader.read(document)));
        })
        .await?;
    Ok(first)
}

/// A copy of a document under another id, flagged as one to which its session is going to move.
fn copied(
    document: &[u8],
    config: &Config,
    keys: Option<&Keys>,
    from: &Id,
    to: &Id,
    until_ms: i64,
) -> Result<Vec<u8>> {
    let layout = &config.layout;
    let mut writer = Writer::with_capacity(document.len() + 256);
    writer.string(&layout.id, to);
    for element in raw::distinct(document) {
        let element = element?;
        if element.key == layout.id.as_bytes() || element.key == b"_id" {
            continue;
        }
        match (keys, element.as_document()) {
            (Some(keys), Some(session)) if element.key == layout.session.as_bytes() => {
                let mut session = keys.decrypt_session(from, session)?;
                if keys.encrypts() {
                    session = keys.encrypt_session(to, &session)?;
                }
                writer.document(&layout.session, &session);
            }
            _ => writer.element(element),
        }
    }
    writer.boolean(&layout.deleted, true);
    writer.string(field::RENEWED_FROM, from);
    writer.date(field::RENEWED_UNTIL, until_ms);
    Ok(writer.finish())
}

fn decrypted(keys: Option<&Keys>, id: &Id, session: &Stored) -> Result<Stored> {
    Ok(match (keys, session) {
        (Some(keys), Stored::Document(session)) => {
            Stored::Document(keys.decrypt_session(id, session)?)
        }
        (_, session) => session.clone(),
    })
}

/// The difference that was encrypted for a document with this id.
fn decrypted_difference(keys: &Keys, id: &Id, difference: &Difference) -> Result<Difference> {
    const EMPTY: [u8; 5] = [5, 0, 0, 0, 0];
    let fields = merge::apply(difference, &EMPTY)?;
    let fields = keys.decrypt_session(id, &fields)?;
    let plain = merge::difference(&[EMPTY.to_vec()], &fields)?;
    Ok(Difference {
        set: plain.set,
        unset: difference.unset.clone(),
    })
}

/// A write of nothing but its change.
fn write(id: &Id, change: Change) -> Write {
    Write {
        id: id.clone(),
        expires_ms: 0,
        change,
        extra: Extra::default(),
        is_encrypted: true,
    }
}
