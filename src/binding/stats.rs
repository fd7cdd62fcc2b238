//! What a store has done, as an object.

use std::collections::HashMap;
use std::time::Duration;

use napi_derive::napi;

use crate::telemetry::{Percentiles, Snapshot};

/// What `lib/observability/figures.cjs` adds to its own. Numbers as JavaScript has them, times in milliseconds.
#[napi(object)]
pub struct NativeStats {
    /// By name.
    pub commands: HashMap<String, CommandStats>,
    /// Commands that were sent again because the first attempt had failed.
    pub retries: f64,
    /// Reads that were sent a second time because the first one was late.
    pub hedged_reads: f64,
    /// Requests that wait for a command.
    pub queued: u32,
    /// Those that there are at present.
    pub connections: ConnectionStats,
    /// The fastest of late; None while none is known.
    pub round_trip: Option<f64>,
    /// By verb.
    pub latency: HashMap<String, LatencyStats>,
}

/// The commands of one name.
#[napi(object)]
pub struct CommandStats {
    /// How many were sent.
    pub sent: f64,
    /// How many of them were not answered, or with an error.
    pub failed: f64,
    /// How many calls they carried together.
    pub calls: f64,
}

/// Connections at present.
#[napi(object)]
pub struct ConnectionStats {
    /// To all servers.
    pub open: u32,
    /// With a command of this store.
    pub in_use: u32,
    /// Commands that wait for one.
    pub waiting: u32,
}

/// How long the calls of one verb took that were answered of late.
#[napi(object)]
pub struct LatencyStats {
    /// How many there were.
    pub count: u32,
    /// Percentiles, and the longest.
    pub p50: f64,
    pub p90: f64,
    pub p99: f64,
    pub max: f64,
}

impl From<(Snapshot, usize)> for NativeStats {
    fn from((snapshot, open): (Snapshot, usize)) -> Self {
        let commands = snapshot.commands.into_iter().map(|(name, commands)| {
            let stats = CommandStats {
                sent: number(commands.sent),
                failed: number(commands.failed),
                calls: number(commands.calls),
            };
            (name.to_owned(), stats)
        });
        let latency = snapshot.latency.into_iter();
        Self {
            commands: commands.collect(),
            retries: number(snapshot.retries),
            hedged_reads: number(snapshot.hedged_reads),
            queued: count(snapshot.queued),
            connections: ConnectionStats {
                open: count(open),
                in_use: count(snapshot.connections_in_use),
                waiting: count(snapshot.connections_awaited),
            },
            round_trip: snapshot.round_trip.map(millis),
            latency: latency
                .map(|(verb, percentiles)| (verb.to_owned(), percentiles.into()))
                .collect(),
        }
    }
}

impl From<Percentiles> for LatencyStats {
    fn from(percentiles: Percentiles) -> Self {
        let Percentiles {
            count,
            p50,
            p90,
            p99,
            max,
        } = percentiles;
        Self {
            count,
            p50,
            p90,
            p99,
            max,
        }
    }
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

#[expect(clippy::cast_precision_loss, reason = "a JavaScript number is an f64")]
fn number(count: u64) -> f64 {
    count as f64
}

fn count(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
