//! The present moment, for the few places that must ask.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Milliseconds since the epoch, as BSON dates and JavaScript count them.
#[must_use]
pub fn now_ms() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |elapsed| {
            i64::try_from(elapsed.as_millis()).unwrap_or(i64::MAX)
        })
}

/// About as long as `pause`, 0.8 to 1.2 times, so that processes started together do not go on doing
/// everything at the same moment.
#[must_use]
pub fn jittered(pause: Duration) -> Duration {
    // Every RandomState has new random keys, which is random enough for this.
    let random = RandomState::new().build_hasher().finish();
    let thousandth = u32::try_from(random % 401).unwrap_or_default();
    pause * (800 + thousandth) / 1000
}
