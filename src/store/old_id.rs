//! Where the old id of a session leads that has a new one (see `renewal.rs`), and what is done for those who come
//! with it: gets read the session there, saves and whatever ends it are carried out there.
//!
//! Who ends a session by either id ends it: by the new one, the old one leads to nothing; by the old one, either
//! before the moment of the renewal, which then does not come, or after it, when what it leads to is ended as well,
//! revealed or not. Who ends many reads their ids first, so a session may have moved when its turn comes: those
//! who end it pursue it.

use std::collections::HashMap;
use std::mem;

use super::commands::{Found, encrypt, one};
use super::reading::{keys, look, reader};
use crate::backend::{Backend, Change, Fate, Id, Ids, Stored, Sweep, Write, Written};
use crate::cipher::Keys;
use crate::document::{Loaded, Reader, Reading, Renewed};
use crate::error::Result;
use crate::merge::{self, Difference};
use crate::options::Config;

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
        match arrival(backend, config, &reader, &ids[position], moved).await {
            Ok(Arrival::Reused) => found.reused.push(position),
            Ok(Arrival::At(_, session)) => found.sessions[position] = Ok(Some(*session)),
            Ok(Arrival::Nowhere) => {}
            Err(error) => found.sessions[position] = Err(error),
        }
    }
    Ok(found)
}

/// Follows an old id to its session.
async fn arrival(
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
        one(backend, &Write::of(&to, Change::Reveal(from))).await?;
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
    Ok(match arrival(backend, config, &reader, id, moved).await? {
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
        one(backend, &Write::of(to, Change::Reveal(from.clone()))).await?;
    }
    one(backend, &write).await
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
