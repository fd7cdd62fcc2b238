//! What a store does without being asked: creating its indexes, and perhaps removing expired sessions
//! itself.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{sleep, timeout};

use super::health::Health;
use super::{Deliver, Delivery, Event};
use crate::backend::{Backend, Index, OtherIndex};
use crate::clock::jittered;
use crate::connection::{is_ended_build, is_passing};
use crate::document::{field, index_path};
use crate::error::{Error, Result};
use crate::options::{AutoRemove, Config};
use crate::telemetry::{self, Report};

/// Between two attempts to create an index.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LAST_PAUSE: Duration = Duration::from_secs(5);

/// How long the server may take to create an index, at first and at most.
const FIRST_LIMIT: Duration = Duration::from_secs(60);
const LAST_LIMIT: Duration = Duration::from_secs(4 * 60 * 60);

/// How much later than its limit the answer of the server may be.
const LATE: Duration = Duration::from_secs(5);

/// Between two looks whether the indexes are there.
const LOOK: Duration = Duration::from_secs(2);

/// Runs for as long as the store is open. `created` tells of documents that were created.
pub async fn run(
    config: Arc<Config>,
    backend: Arc<dyn Backend>,
    health: Arc<Health>,
    caller: Arc<dyn Deliver>,
    created: Arc<Notify>,
) {
    if config.is_tool {
        return;
    }
    let warn = |error| caller.deliver(vec![Delivery::Event(Event::Warning(error))]);
    let mut kept = Vec::new();
    for index in indexes(&config) {
        match create_index(&*backend, &index, &health, &warn).await {
            Ok(_) => {
                telemetry::tell(Report::Index(index.name()));
                kept.push(index);
            }
            // Reported by who finds it out first.
            Err(Error::InvalidOption(_)) => {}
            Err(error) => refused(&*backend, &index, error)
                .await
                .into_iter()
                .for_each(warn),
        }
    }
    if let Some(trouble) = backend.collation().await {
        warn(trouble);
    }
    tokio::join!(
        keep_indexes(&config, &*backend, &health, kept, &created, &warn),
        remove_regularly(&config, &*backend, &warn),
    );
}

/// Creates the indexes again that have gone. Only a collection that is there needs them, so nobody looks before
/// a document is created; a dropped collection begins with one.
async fn keep_indexes(
    config: &Config,
    backend: &dyn Backend,
    health: &Health,
    mut kept: Vec<Index>,
    created: &Notify,
    warn: &(dyn Fn(Error) + Sync),
) {
    while !kept.is_empty() {
        created.notified().await;
        let mut names = Vec::new();
        let mut given_up = Vec::new();
        for index in &kept {
            match create_index(backend, index, health, warn).await {
                Ok(true) => names.push(format!("'{}'", index.name())),
                Ok(false) => {}
                Err(error) => {
                    refused(backend, index, error)
                        .await
                        .into_iter()
                        .for_each(warn);
                    given_up.push(index.clone());
                }
            }
        }
        kept.retain(|index| !given_up.contains(index));
        if !names.is_empty() {
            let collection = config.collection.clone();
            warn(Error::IndexLost { collection, names });
        }
        sleep(jittered(LOOK)).await;
    }
}

/// Removes what has expired, if that is to be done from here.
async fn remove_regularly(config: &Config, backend: &dyn Backend, warn: &(dyn Fn(Error) + Sync)) {
    let AutoRemove::Interval(interval) = config.auto_remove else {
        return;
    };
    loop {
        sleep(jittered(interval)).await;
        let removal = remove_expired(backend, config, interval);
        match timeout(interval, removal).await {
            Ok(Ok(())) | Err(_) => {}
            // An outage is reported by who finds it out.
            Ok(Err(error)) if is_passing(&error) => {}
            Ok(Err(error)) => warn(Error::AutoRemove(Box::new(backend.explain(error)))),
        }
    }
}

/// What is missing in a new collection.
#[must_use]
pub fn indexes(config: &Config) -> Vec<Index> {
    let mut indexes = Vec::new();
    if config.layout.has_own_id() {
        indexes.push(Index::of_id(&config.layout));
    }
    if config.users.is_some() {
        indexes.push(Index {
            fields: vec![field::USER.to_owned()],
            expire_after_seconds: None,
            is_unique: false,
            is_sparse: true,
        });
    }
    for name in &config.indexes {
        // With the ids, so that the sessions of a value have an order, in which pages of them follow each other.
        indexes.push(Index {
            fields: vec![index_path(name), config.layout.id.clone()],
            expire_after_seconds: None,
            is_unique: false,
            is_sparse: false,
        });
    }
    if config.auto_remove == AutoRemove::Native {
        indexes.push(Index {
            fields: vec![config.layout.moment.clone()],
            expire_after_seconds: Some(config.expire_after_seconds),
            is_unique: false,
            is_sparse: false,
        });
    }
    indexes
}

/// What the operator has to know about an index that could not be created; nothing if there is another one
/// that serves as well.
async fn refused(backend: &dyn Backend, index: &Index, error: Error) -> Option<Error> {
    let other = backend.index_instead_of(index).await;
    if other.as_ref().is_some_and(|other| other.serves(index)) {
        return None;
    }
    let error = backend.explain(error);
    let fields: Vec<_> = index
        .fields
        .iter()
        .map(|field| format!("{field}: 1"))
        .collect();
    let fields = fields.join(", ");
    let (loss, advice) = match index.expire_after_seconds {
        Some(seconds) => (
            not_removed(other, seconds),
            format!(
                "Create it with {{ {fields} }}, {{ expireAfterSeconds: {seconds} }}, drop an index that stands in its way, or set the option autoRemove to 'interval' or 'disabled'"
            ),
        ),
        None if index.is_sparse => (
            "MongoDB reads the whole collection to find the sessions of a user".to_owned(),
            format!(
                "Create it with {{ {fields} }}, {{ sparse: true }}, or drop an index that stands in its way"
            ),
        ),
        None if !index.is_unique => (
            "MongoDB reads the whole collection to find sessions by this value".to_owned(),
            format!("Create it with {{ {fields} }}, or drop an index that stands in its way"),
        ),
        None => (
            "MongoDB reads the whole collection to find a session, and may store one twice"
                .to_owned(),
            format!(
                "Create it with {{ {fields} }}, {{ unique: true }}, or drop what stands in its way"
            ),
        ),
    };
    Some(Error::Index {
        name: index.name(),
        loss,
        advice,
        cause: Box::new(error),
    })
}

/// What becomes of expired sessions without the TTL index that was wanted.
fn not_removed(other: Option<OtherIndex>, seconds: i32) -> String {
    match other {
        Some(OtherIndex {
            name,
            expire_after_seconds: Some(theirs),
            is_partial,
            ..
        }) => {
            let which = if is_partial {
                "those expired sessions alone that its partialFilterExpression selects"
            } else {
                "expired sessions"
            };
            format!(
                "MongoDB deletes {which} by the index '{name}', {theirs} seconds after they have expired instead of {seconds}"
            )
        }
        _ => "MongoDB does not delete expired sessions by itself".to_owned(),
    }
}

/// Tries until the index is there or has been refused, one attempt after the other, and answers whether it was
/// missing. A collection may be large, so each may take longer than the one before.
async fn create_index(
    backend: &dyn Backend,
    index: &Index,
    health: &Health,
    warn: &(dyn Fn(Error) + Sync),
) -> Result<bool> {
    let mut limit = FIRST_LIMIT;
    let mut pause = FIRST_PAUSE;
    let mut is_told = false;
    loop {
        let attempt = timeout(limit + LATE, backend.create_index(index, limit));
        let created = tokio::select! {
            created = attempt => created,
            // Its answer would not come.
            _ = health.lost() => {
                health.answers().await;
                continue;
            }
        };
        match created {
            Ok(Err(error)) if is_worth_telling(&error, pause) => {
                if matches!(error, Error::Timeout { .. }) {
                    limit = (limit * 4).min(LAST_LIMIT);
                }
                if !is_told {
                    is_told = true;
                    refused(backend, index, error)
                        .await
                        .into_iter()
                        .for_each(warn);
                }
            }
            Ok(Err(error)) if is_ended_build(&error) => {}
            Ok(Err(error)) if !is_passing(&error) => return Err(error),
            Ok(Ok(was_missing)) => return Ok(was_missing),
            _ => {}
        }
        sleep(jittered(pause)).await;
        pause = (pause * 2).min(LAST_PAUSE);
    }
}

/// Whether an attempt that is followed by another one is to be told: that it takes long, or that the build has
/// been ended time after time, which is not by a drop.
fn is_worth_telling(error: &Error, pause: Duration) -> bool {
    matches!(error, Error::Timeout { .. }) || pause == LAST_PAUSE && is_ended_build(error)
}

/// Deletes what has expired, if no other process has done so within the interval.
async fn remove_expired(backend: &dyn Backend, config: &Config, interval: Duration) -> Result<()> {
    let prefix = &config.prefix;
    let now = config.clock.now_ms();
    // Shorter than the shortest pause, so that the process that did it last is not kept away.
    let lease = i64::try_from(interval.as_millis()).unwrap_or(i64::MAX) / 2;
    if backend.lease_removal(prefix, now, now + lease).await? {
        let ended = now.saturating_sub(config.expire_after_ms());
        backend.remove_expired(prefix, ended).await?;
    }
    Ok(())
}
