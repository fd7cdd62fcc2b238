//! What changes all sessions, slice by slice.

use std::sync::Arc;
use std::time::Duration;

use super::selection::fate;
use super::{Outcome, old_id};
use crate::backend::{Backend, Fate, Id, Ids, Removal, SliceOutcome, Sweep, Swept, Which};
use crate::batch::BulkKind;
use crate::error::Result;
use crate::options::Config;

/// The next ids of a sweep, behind this one.
pub async fn ids(
    backend: &dyn Backend,
    config: &Config,
    kind: &BulkKind,
    after: Option<&Id>,
) -> Result<Swept> {
    let (sweep, fate) = sweep_of(config, kind);
    let sweep = sparing(backend, config, sweep).await?;
    let swept = backend.swept(&config.prefix, &sweep, after).await?;
    Ok(Swept {
        may_have_moved: matches!(fate, Fate::Flagged(_)),
        ..swept
    })
}

/// Carries out a sweep for some sessions.
pub async fn slice(
    backend: &dyn Backend,
    config: &Config,
    kind: &BulkKind,
    ids: &[Id],
    patience: Option<Duration>,
) -> Result<SliceOutcome> {
    let (sweep, fate) = sweep_of(config, kind);
    let sweep = sparing(backend, config, sweep).await?;
    let mut outcome = backend.sweep(&sweep, ids, fate, patience).await?;
    let done = &ids[..outcome.held.unwrap_or(ids.len())];
    // Where each was one to flag, none has moved on. In a field of their own ids may have several documents.
    let has_missed = outcome.count < done.len() as u64 || config.layout.has_own_id();
    if matches!(fate, Fate::Flagged(_)) && has_missed {
        outcome.count += old_id::pursue(backend, config, &sweep, done, fate).await?;
    }
    Ok(outcome)
}

/// What a sweep answers that is over.
pub fn outcome(kind: &BulkKind, count: u64) -> Outcome {
    match kind {
        BulkKind::Clear => Outcome::Done,
        _ => Outcome::Count(count),
    }
}

fn sweep_of(config: &Config, kind: &BulkKind) -> (Sweep, Fate) {
    let now = config.clock.called_ms();
    match kind {
        BulkKind::Remove(removal) => {
            let fate = match removal.which {
                // What never was a session is in nobody's way.
                Which::ExpiringAt(_) if !config.delete_flags => Fate::Deleted,
                _ => fate(config, now),
            };
            (Sweep::Sessions(removal.clone()), fate)
        }
        BulkKind::Cleanup => (Sweep::Flagged(now), Fate::Deleted),
        BulkKind::Clear if !config.delete_flags => (Sweep::All, Fate::Deleted),
        _ => (Sweep::Unflagged, Fate::Flagged(config.flagged_until(now))),
    }
}

/// A sweep that leaves a session alone, under the id that it has now: the request that asks for it may have been
/// under way with an id that was given up. While that is going to be given up, the engine leaves both alone.
async fn sparing(backend: &dyn Backend, config: &Config, sweep: Sweep) -> Result<Sweep> {
    let Sweep::Sessions(removal) = &sweep else {
        return Ok(sweep);
    };
    let Ids::AllBut(id) = &removal.ids else {
        return Ok(sweep);
    };
    if !config.delete_flags {
        return Ok(sweep);
    }
    Ok(match old_id::current(backend, config, id).await? {
        Some(id) => Sweep::Sessions(Arc::new(Removal {
            ids: Ids::AllBut(id),
            ..Removal::clone(removal)
        })),
        None => sweep,
    })
}
