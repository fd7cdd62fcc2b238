//! What the commands of a job read and answer.

use std::collections::HashMap;

use super::Outcome;
use crate::backend::{Backend, Id, Selection};
use crate::batch::BulkKind;
use crate::clock::now_ms;
use crate::document::{self, Loaded, Reading};
use crate::error::Result;
use crate::options::Config;

/// What a batch of gets has read, in the order of its requests.
pub struct Found {
    pub sessions: Vec<Result<Option<Loaded>>>,
    pub bytes: usize,
    pub documents: usize,
    pub foreign: bool,
}

/// Reads the sessions with these ids, transcoding each document while it lies in the reply.
pub async fn get(backend: &dyn Backend, ids: &[Id]) -> Result<Found> {
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
            found.sessions[position] = match document::read(document, now) {
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

pub async fn bulk(backend: &dyn Backend, config: &Config, kind: BulkKind) -> Result<Outcome> {
    let now = now_ms();
    let prefix = &config.prefix;
    let flag_all = || backend.flag_all(prefix, now + config.delete_grace_ms);
    match kind {
        BulkKind::All => {
            let mut sessions = Vec::new();
            backend
                .scan(prefix, now, &mut |document| {
                    // A document that cannot be read is no session of ours; `get` warns of it.
                    if let Ok(Reading::Live(loaded)) = document::read(document, now) {
                        sessions.push(loaded);
                    }
                })
                .await?;
            Ok(Outcome::Sessions(sessions))
        }
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
        BulkKind::Close => {
            backend.close().await;
            Ok(Outcome::Done)
        }
    }
}
