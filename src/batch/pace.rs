//! What the answers tell about the pace: how far the server is, how large the documents are.

use std::time::Duration;

use super::{BATCH_BYTES, BATCH_REQUESTS, Lane};

/// How many commands of a lane are in flight at most if the server is near, unless many requests wait.
/// Measured: a second one for few adds no throughput, and the smaller batches cost a sixth more CPU on
/// both sides.
pub const COMMANDS_NEAR: usize = 1;

/// The same if the server is far: a request that just missed a command would wait for most of a
/// round trip before its own begins.
pub const COMMANDS_FAR: usize = 4;

/// From which round trip on a server is far.
pub const FAR: Duration = Duration::from_millis(1);

/// From how many commands the fastest tells how far the server is. The others tell how busy it is.
pub const ROUND_TRIPS: u32 = 64;

/// How long a busy server may work on each request of a command but the first. What a command takes
/// beyond that is the way there and back.
const WORK_PER_READ: Duration = Duration::from_micros(50);
const WORK_PER_WRITE: Duration = Duration::from_micros(250);

/// The fastest round trip of late.
#[derive(Default)]
pub struct RoundTrip {
    /// That of the commands before those that are being counted.
    fastest: Option<Duration>,
    current: Option<Duration>,
    count: u32,
}

impl RoundTrip {
    /// Takes note that a command with so many requests was answered after `elapsed`.
    pub fn saw(&mut self, lane: Lane, requests: usize, elapsed: Duration) {
        let work = match lane {
            Lane::Read => WORK_PER_READ,
            Lane::Write => WORK_PER_WRITE,
        };
        let others = u32::try_from(requests.saturating_sub(1)).unwrap_or(u32::MAX);
        let round_trip = elapsed.saturating_sub(work.saturating_mul(others));
        self.current = Some(
            self.current
                .map_or(round_trip, |fastest| fastest.min(round_trip)),
        );
        self.count += 1;
        if self.count == ROUND_TRIPS {
            self.fastest = self.current.take();
            self.count = 0;
        }
    }

    pub fn commands(&self) -> usize {
        match self.fastest {
            Some(fastest) if fastest >= FAR => COMMANDS_FAR,
            _ => COMMANDS_NEAR,
        }
    }
}

/// A running estimate of how large a document is, from which follows how many fit into a reply.
pub struct DocumentBytes(usize);

impl Default for DocumentBytes {
    fn default() -> Self {
        Self(2048)
    }
}

impl DocumentBytes {
    pub fn saw(&mut self, bytes: usize) {
        self.0 = (self.0 * 15 + bytes) / 16;
    }

    pub fn batch_size(&self) -> usize {
        (BATCH_BYTES / self.0.max(1)).clamp(1, BATCH_REQUESTS)
    }
}
