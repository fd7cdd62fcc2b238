//! Lifetimes. Pure: `now` is always a parameter.
//!
//! All moments are milliseconds since the epoch, as BSON dates are.

/// The largest moment that a JavaScript `Date` can hold, in milliseconds from the epoch
/// (ECMAScript, "Time Values and Time Range").
pub const MAX_DATE_MS: i64 = 8_640_000_000_000_000;

/// What the caller knows about the lifetime of a session at the time of a write.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Lifetime {
    /// What the `ttl` function answered for the session, in milliseconds.
    pub ttl_ms: Option<f64>,
    /// The moment in `cookie.expires`.
    pub cookie_expires_ms: Option<f64>,
    /// When the session began to be.
    pub creation: Creation,
    /// Whether that moment is only what the cookie says without having been changed: then the session may
    /// have been moved on by others since.
    pub is_unchanged: bool,
    /// How long after its creation the session ends in any case, in milliseconds, where the application says
    /// so for each session.
    pub absolute_timeout_ms: Option<f64>,
    /// Whether the write is no use of the session, and leaves its expiry alone.
    pub is_passive: bool,
}

/// What the caller knows about the creation of a session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Creation {
    /// Nothing: it may be created by this write.
    #[default]
    Unknown,
    /// It was read, and its document does not say.
    NotStored,
    /// The moment.
    At(i64),
}

/// When a session written at `now_ms` expires: the `ttl` function decides, else `cookie.expires`,
/// else the number `default_ttl_ms`. Zero and negative lifetimes mean that it has expired.
#[must_use]
pub fn expires(lifetime: Lifetime, default_ttl_ms: f64, now_ms: i64) -> i64 {
    #[expect(
        clippy::cast_precision_loss,
        reason = "moments are below 2^53, where f64 is exact"
    )]
    let now = now_ms as f64;
    let at = match lifetime {
        Lifetime {
            ttl_ms: Some(ttl), ..
        } => now + ttl,
        Lifetime {
            cookie_expires_ms: Some(at),
            ..
        } => at,
        _ => now + default_ttl_ms,
    };
    #[expect(clippy::cast_possible_truncation, reason = "what is beyond is clamped")]
    let at = at as i64;
    at.clamp(-MAX_DATE_MS, MAX_DATE_MS)
}

/// When a session ends that must not outlive its creation by more than `timeout_ms`. One whose creation
/// is not known counts as created now.
#[must_use]
pub fn absolute_end(creation: Creation, timeout_ms: i64, now_ms: i64) -> i64 {
    let created_ms = match creation {
        Creation::At(at) => at,
        Creation::Unknown | Creation::NotStored => now_ms,
    };
    let end = created_ms.saturating_add(timeout_ms);
    end.clamp(-MAX_DATE_MS, MAX_DATE_MS)
}

/// Whether a document is past its lifetime. One without `expires` never is, as for MongoDB's
/// own TTL monitor.
#[must_use]
pub fn is_expired(expires_ms: Option<i64>, now_ms: i64) -> bool {
    expires_ms.is_some_and(|expires| expires <= now_ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_700_000_000_000;

    #[test]
    fn the_ttl_function_beats_the_cookie_and_the_cookie_beats_the_number() {
        let both = Lifetime {
            ttl_ms: Some(5.0),
            cookie_expires_ms: Some(99.0),
            ..Lifetime::default()
        };
        assert_eq!(expires(both, 1000.0, NOW), NOW + 5);
        let cookie = Lifetime {
            ttl_ms: None,
            ..both
        };
        assert_eq!(expires(cookie, 1000.0, NOW), 99);
        assert_eq!(expires(Lifetime::default(), 1000.0, NOW), NOW + 1000);
    }

    #[test]
    fn zero_and_negative_lifetimes_have_expired() {
        for ttl in [0.0, -1.0, -1e300] {
            let lifetime = Lifetime {
                ttl_ms: Some(ttl),
                ..Lifetime::default()
            };
            assert!(is_expired(Some(expires(lifetime, 1000.0, NOW)), NOW));
        }
    }

    #[test]
    fn a_moment_beyond_what_a_date_holds_is_the_last_one() {
        let lifetime = Lifetime {
            ttl_ms: Some(1e300),
            ..Lifetime::default()
        };
        assert_eq!(expires(lifetime, 0.0, NOW), 8_640_000_000_000_000);
    }

    #[test]
    fn a_session_ends_so_long_after_its_creation() {
        assert_eq!(absolute_end(Creation::At(NOW - 400), 1000, NOW), NOW + 600);
        assert_eq!(absolute_end(Creation::Unknown, 1000, NOW), NOW + 1000);
        assert_eq!(absolute_end(Creation::NotStored, 1000, NOW), NOW + 1000);
    }

    #[test]
    fn a_document_without_expires_lives() {
        assert!(!is_expired(None, NOW));
    }
}
