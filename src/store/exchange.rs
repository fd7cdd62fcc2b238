//! Writes that go only if a session still is what their callers have read, and others that are more than one
//! command.

use futures_util::future::BoxFuture;
use futures_util::{FutureExt, StreamExt, stream};

use super::commands::{encrypt, one};
use super::reading::{keys, reader};
use super::{old_id, renewal};
use crate::backend::{Backend, Change, Stored, Write, Written};
use crate::document::Reading;
use crate::error::Result;
use crate::options::Config;

/// How many of them may be under way that are of one batch.
const AT_ONCE: usize = 4;

/// Carries out such writes, each by itself: a reply says how many documents a command has found, but not
/// which.
pub async fn exchange(
    backend: &dyn Backend,
    config: &Config,
    writes: &mut [Write],
) -> Vec<Result<Written>> {
    let exchanges: Vec<BoxFuture<'_, _>> = writes
        .iter_mut()
        .map(|write| exchange_one(backend, config, write).boxed())
        .collect();
    stream::iter(exchanges).buffered(AT_ONCE).collect().await
}

/// What the caller has read is compared as it reads, since there are many ways to store the same. What is
/// then written goes only if the document holds the very bytes that have read so.
async fn exchange_one(
    backend: &dyn Backend,
    config: &Config,
    write: &mut Write,
) -> Result<Written> {
    if let Change::Renew { to, grace_ms } = &write.change {
        return renewal::renew(backend, config, &write.id, to, *grace_ms).await;
    }
    if config.delete_flags
        && let Some(id) = old_id::current(backend, config, &write.id).await?
    {
        write.id = id;
    }
    if let Some(keys) = keys(config).await.filter(|keys| keys.encrypts()) {
        encrypt(keys, write)?;
    }
    let before = stored_as_expected(backend, config, write).await?;
    let (Some(before), Change::Replace(after)) = (before, &write.change) else {
        return Ok(Written::Missing);
    };
    let swap = Write {
        id: write.id.clone(),
        expires_ms: write.expires_ms,
        change: Change::Swap {
            before,
            after: after.clone(),
        },
        extra: write.extra.clone(),
        is_encrypted: true,
    };
    one(backend, &swap).await
}

/// What is stored in the place of a session, if that reads as is expected.
async fn stored_as_expected(
    backend: &dyn Backend,
    config: &Config,
    write: &Write,
) -> Result<Option<Stored>> {
    let reader = reader(config).await;
    let mut first = None;
    backend
        .find_latest(std::slice::from_ref(&write.id), &mut |document| {
            first.get_or_insert_with(|| {
                let reading = reader.read(document);
                reading.map(|reading| match reading {
                    Reading::Live(loaded)
                        if write.extra.expected.as_deref() == Some(&loaded.json) =>
                    {
                        Stored::of(document, &config.layout)
                    }
                    _ => None,
                })
            });
        })
        .await?;
    first.transpose().map(Option::flatten)
}
