//! The present moment, for the few places that must ask.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The application's clock. Its moments are those of its `Date`, which a test may move or hold. Clones are the
/// same clock.
#[derive(Clone, Debug, Default)]
pub struct Clock(Arc<Told>);

/// What the `Date` said when it was asked last.
#[derive(Debug, Default)]
struct Told {
    ms: AtomicI64,
    /// By how much it was ahead of the system's clock.
    ahead_ms: AtomicI64,
}

impl Clock {
    /// The moment of the last call, in milliseconds since the epoch, as BSON dates and JavaScript count them.
    /// By it calls are judged: a `Date` that is held stands still until they are answered.
    #[must_use]
    pub fn called_ms(&self) -> i64 {
        self.0.ms.load(Ordering::Relaxed)
    }

    /// The present moment for what nobody has called, if the `Date` goes on as the system's clock does.
    #[must_use]
    pub fn now_ms(&self) -> i64 {
        system_ms().saturating_add(self.0.ahead_ms.load(Ordering::Relaxed))
    }

    /// Takes note of what `Date.now()` answers at a call, and answers it in whole milliseconds. A test may
    /// make anything of that; what is no moment of a `Date` is not believed.
    #[expect(
        clippy::must_use_candidate,
        reason = "what it answers is what was given, as a whole number"
    )]
    pub fn set(&self, date_ms: f64) -> i64 {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "moments of a Date are far below 2^53"
        )]
        let now_ms = if date_ms.abs() <= MAX_DATE_MS {
            date_ms as i64
        } else {
            self.now_ms()
        };
        let ahead_ms = now_ms - system_ms();
        self.0.ms.store(now_ms, Ordering::Relaxed);
        self.0.ahead_ms.store(ahead_ms, Ordering::Relaxed);
        now_ms
    }
}

/// The largest moment that a JavaScript `Date` can hold, in milliseconds from the epoch
/// (ECMAScript, "Time Values and Time Range").
const MAX_DATE_MS: f64 = 8.64e15;

/// The system's clock.
fn system_ms() -> i64 {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_those_of_the_date_that_was_told_last() {
        let clock = Clock::default();
        let same = clock.clone();
        let day_ms = 86_400_000;
        assert!((same.now_ms() - system_ms()).abs() < day_ms / 2);
        for date_ms in [
            0,
            -5_000_000_000_000,
            4_000_000_000_000,
            8_640_000_000_000_000,
        ] {
            #[expect(clippy::cast_precision_loss, reason = "it is below 2^53")]
            let told = clock.set(date_ms as f64);
            assert_eq!(told, date_ms);
            assert_eq!(same.called_ms(), date_ms);
            assert!((0..day_ms / 2).contains(&(same.now_ms() - date_ms)));
        }
    }

    #[test]
    fn what_is_no_moment_changes_nothing() {
        let clock = Clock::default();
        let told = clock.set(1e12);
        for no_moment in [f64::NAN, f64::INFINITY, -8.65e15] {
            assert!(clock.set(no_moment) >= told);
        }
        assert!(clock.now_ms() - told < 60_000);
    }
}
