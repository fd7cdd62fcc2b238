//! What the answers tell about the pace: how far the server is, how large the documents are.

use std::time::Duration;

use super::{BATCH_BYTES, BATCH_REQUESTS};

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

/// The fastest round trip of late.
#[derive(Default)]
pub struct RoundTrip {
    /// That of the commands before those that are being counted.
    fastest: Option<Duration>,
    current: Option<Duration>,
    count: u32,
}

impl RoundTrip {
    pub fn saw(&mut self, round_trip: Duration) {
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
