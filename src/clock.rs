//! The present moment, for the few places that must ask.

use std::time::{SystemTime, UNIX_EPOCH};

/// Milliseconds since the epoch, as BSON dates and JavaScript count them.
#[must_use]
pub fn now_ms() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |elapsed| {
            i64::try_from(elapsed.as_millis()).unwrap_or(i64::MAX)
        })
}
