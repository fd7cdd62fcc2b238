//! What the answers tell about the pace: how far the server is, how long its commands take, how large
//! the documents are.

use std::time::Duration;

use super::{BATCH_BYTES, BATCH_REQUESTS, Lane};

/// How many commands of a lane are in flight at most if the server is near, unless many requests wait.
/// Measured: a second one for few adds no throughput, and the smaller batches cost a sixth more CPU on
/// both sides.
pub const COMMANDS_NEAR: usize = 1;

/// From which round trip on a server is far.
pub const FAR: Duration = Duration::from_millis(1);

/// How much of its round trip a request to a server that is far may wait for others. By Little's law as
/// many commands are under way as requests are called in a round trip, if each of them leaves by itself;
/// those that are called in quicker succession than this share commands.
pub const INTERVAL: Duration = Duration::from_micros(250);

/// From how many commands the fastest tells how far the server is. The others tell how busy it is.
pub const ROUND_TRIPS: u32 = 64;

/// How long a busy server may work on each request of a command but the first. What a command takes
/// beyond that is the way there and back.
const WORK_PER_READ: Duration = Duration::from_micros(50);
const WORK_PER_WRITE: Duration = Duration::from_micros(250);

fn work(lane: Lane, requests: usize) -> Duration {
    let work = match lane {
        Lane::Read => WORK_PER_READ,
        Lane::Write => WORK_PER_WRITE,
    };
    let others = u32::try_from(requests.saturating_sub(1)).unwrap_or(u32::MAX);
    work.saturating_mul(others)
}

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
        let round_trip = elapsed.saturating_sub(work(lane, requests));
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

    /// It, as far as is known.
    pub fn fastest(&self) -> Option<Duration> {
        self.fastest.or(self.current)
    }

    /// How many commands of a lane may be under way while all is well.
    pub fn commands(&self) -> usize {
        match self.fastest() {
            Some(fastest) if fastest >= FAR => {
                let commands = fastest.as_micros() / INTERVAL.as_micros();
                usize::try_from(commands).unwrap_or(usize::MAX)
            }
            _ => COMMANDS_NEAR,
        }
    }
}

/// No command is late before this. So much a server that is well, or this machine, may stand still.
pub const LATE: Duration = Duration::from_millis(10);

/// The same while nothing is known of a lane: its first command may have to open a connection.
pub const LATE_AT_FIRST: Duration = Duration::from_millis(200);

/// A running estimate of how long the commands of a lane take, from which follows when one is late.
#[derive(Default)]
pub struct Usual(Option<Estimate>);

/// Mean and mean deviation, smoothed as TCP does it for its retransmissions (RFC 6298).
#[derive(Clone, Copy)]
struct Estimate {
    mean: Duration,
    deviation: Duration,
}

impl Usual {
    /// Takes note that a command took `elapsed`. What has taken much longer than usual counts as twice
    /// the time after which it was late: one document that is held for seconds says nothing about the
    /// others, and a server that has become slow is known as such after a few commands all the same.
    pub fn saw(&mut self, lane: Lane, requests: usize, elapsed: Duration, late_after: Duration) {
        let sample = elapsed.min(late_after.saturating_mul(2));
        let sample = sample.saturating_sub(work(lane, requests));
        self.0 = Some(match self.0 {
            // It may have opened a connection: no more is believed than makes the next one late as soon.
            None => Estimate {
                mean: sample.min(LATE_AT_FIRST / 4),
                deviation: sample.min(LATE_AT_FIRST / 4) / 2,
            },
            Some(Estimate { mean, deviation }) => Estimate {
                mean: (mean * 7 + sample) / 8,
                deviation: (deviation * 3 + sample.abs_diff(mean)) / 4,
            },
        });
    }

    /// After what time a command with so many requests is late.
    pub fn late_after(&self, lane: Lane, requests: usize) -> Duration {
        let usual = self
            .0
            .map_or(LATE_AT_FIRST, |Estimate { mean, deviation }| {
                LATE.max(mean * 2 + deviation * 4)
            });
        usual + work(lane, requests)
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
    /// Takes note of the size of a document, or of the mean of several.
    pub fn saw(&mut self, bytes: usize) {
        self.0 = (self.0 * 15 + bytes) / 16;
    }

    /// How many documents a command asks for.
    pub fn batch_size(&self) -> usize {
        (BATCH_BYTES / self.0.max(1)).clamp(1, BATCH_REQUESTS)
    }
}
