//! A new id for a session.
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
//! A copy that somebody has ended meanwhile is not placed again. What becomes of those who still come with the old
//! id is in `old_id.rs`.

use super::commands::one;
use super::reading::{keys, look};
use crate::backend::{Backend, Change, Id, Write, Written};
use crate::cipher::Keys;
use crate::codec::raw::{self, Writer};
use crate::document::{Reading, field};
use crate::error::{Error, Result};
use crate::options::Config;
use crate::progress;

/// How often a copy is made that others change or touch while it is.
const ATTEMPTS: usize = 100;

/// How often a copy is revealed whose reply is lost.
const REVEALS: usize = 3;

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
        match one(backend, &Write::of(to, place)).await {
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
        match one(backend, &Write::of(from, forward)).await {
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
        match one(backend, &Write::of(to, Change::Reveal(from.clone()))).await {
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
