//! The writes of a batch: those that are sent together, those that go by themselves, and those that are not
//! sent because a user has as many sessions as may be.

use std::time::Duration;

use futures_util::future::join;

use super::super::commands;
use super::super::exchange::exchange;
use super::super::limit::{Limit, LogIns};
use super::super::old_id::follow;
use crate::backend::{Backend, Change, Write, Written};
use crate::batch::Batch;
use crate::error::{Error, Result};
use crate::options::Config;

/// Carries out the writes of a batch, in which they may change their places, and answers one result for each.
/// The outer error means that none of them is known to have happened.
pub async fn write(
    backend: &dyn Backend,
    config: &Config,
    limit: Option<&Limit>,
    batch: &mut Batch<Write>,
    patience: Duration,
) -> Result<Vec<Result<Written>>> {
    let log_ins = match limit {
        Some(limit) => limit.refuse(backend, batch).await,
        None => LogIns::default(),
    };
    let sent = batch.items.len() - log_ins.refused.len();
    if sent == 0
        && let Some(failure) = failure_among(&log_ins.refused)
    {
        return Err(failure.clone());
    }
    let is_apart = |write: &Write| {
        write.extra.expected.is_some() || matches!(write.change, Change::Renew { .. })
    };
    let together = batch.set_apart(sent, is_apart);
    let mut written = if together == batch.items.len() {
        commands::write(backend, config, &mut batch.items, patience).await?
    } else {
        let (joint, exchanges) = batch.items[..sent].split_at_mut(together);
        mixed(backend, config, joint, exchanges, patience).await
    };
    follow(
        backend,
        config,
        &batch.items[..together],
        &mut written[..together],
    )
    .await;
    if let Some(limit) = limit {
        limit
            .keep(backend, &batch.items[..sent], &log_ins, &mut written)
            .await;
    }
    written.extend(log_ins.refused.into_iter().map(Err));
    Ok(written)
}

/// Carries out what is sent together and what goes by itself, at the same time.
async fn mixed(
    backend: &dyn Backend,
    config: &Config,
    joint: &mut [Write],
    apart: &mut [Write],
    patience: Duration,
) -> Vec<Result<Written>> {
    let count = joint.len();
    let joint = async {
        match joint {
            [] => Ok(Vec::new()),
            joint => commands::write(backend, config, joint, patience).await,
        }
    };
    let (written, exchanged) = join(joint, exchange(backend, config, apart)).await;
    let written = written.unwrap_or_else(|error| vec![Err(error); count]);
    written.into_iter().chain(exchanged).collect()
}

/// Why it is not known how many sessions the users have.
fn failure_among(refused: &[Error]) -> Option<&Error> {
    refused
        .iter()
        .find(|error| !matches!(error, Error::TooManySessions))
}
