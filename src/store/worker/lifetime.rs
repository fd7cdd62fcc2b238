//! When a session expires that is written, and until when it may be.

use super::super::commands::{RESERVED_MS, reservation_ms};
use super::Worker;
use crate::backend::{Change, Created, Extra};
use crate::batch::Work;
use crate::document::Moment;
use crate::expiry::{self, Creation, Lifetime};

impl Worker {
    /// A write of the lifetime of a session, and of what options ask for.
    pub(super) fn write(
        &self,
        now_ms: i64,
        lifetime: Lifetime,
        change: Change,
        extra: Extra,
    ) -> Work {
        let created = match lifetime.creation {
            _ if !self.config.stores_creation() => None,
            Creation::Unknown => Some(match self.absolute_timeout_ms(lifetime) {
                Some(timeout_ms) => Created::UnlessAfter {
                    now_ms,
                    ended_ms: now_ms - timeout_ms,
                },
                None => Created::OnInsert(now_ms),
            }),
            Creation::NotStored => Some(Created::Now(now_ms)),
            Creation::At(_) => None,
        };
        let expires_ms = self.expires(lifetime, now_ms);
        // Only a cookie that nobody has changed may be behind the times.
        let is_of_cookie = lifetime.is_unchanged
            && lifetime.ttl_ms.is_none()
            && lifetime.cookie_expires_ms.is_some()
            && self.config.layout.meaning == Moment::Expiry;
        let is_natural = expires_ms == self.natural_end(lifetime, now_ms);
        // What is confirmed was written when it was added.
        let is_confirmation = matches!(change, Change::Confirm { .. });
        let extra = Extra {
            keeps_expiry: lifetime.is_passive && !change.creates(),
            keeps_later: is_of_cookie && is_natural && !change.creates(),
            unless_expired_ms: self.unless_expired_ms(&change, now_ms),
            created,
            updated_ms: (self.config.timestamps && !is_confirmation).then_some(now_ms),
            seen_ms: (self.config.devices && !is_confirmation && !lifetime.is_passive)
                .then_some(now_ms),
            ..extra
        };
        Work::Write {
            expires_ms: match change {
                // Nobody is to read it before it is confirmed.
                Change::Insert(_) => reservation_ms(),
                _ => expires_ms,
            },
            change,
            extra,
        }
    }

    /// A session that has expired by then is not to be prolonged.
    fn unless_expired_ms(&self, change: &Change, now_ms: i64) -> Option<i64> {
        match change {
            // Its place may be taken by the time that it comes back.
            Change::Touch | Change::Merge(_) | Change::Replace(_) if self.limit.is_some() => {
                Some(now_ms)
            }
            // What is not confirmed would be by a request that had read it before it was destroyed.
            Change::Touch | Change::Merge(_) | Change::Replace(_) if self.config.moves_in => {
                Some(RESERVED_MS.end)
            }
            _ => None,
        }
    }

    /// When a session expires, unless it would be too old by then.
    pub(super) fn natural_end(&self, mut lifetime: Lifetime, now_ms: i64) -> i64 {
        if let Moment::LastAccess(_) = self.config.layout.meaning {
            lifetime.ttl_ms = Some(self.config.ttl_ms);
        }
        expiry::expires(lifetime, self.config.ttl_ms, now_ms)
    }

    /// When a session expires: at its natural end, or as soon as it is too old.
    pub(super) fn expires(&self, lifetime: Lifetime, now_ms: i64) -> i64 {
        let expires_ms = self.natural_end(lifetime, now_ms);
        let end = |timeout_ms| expiry::absolute_end(lifetime.creation, timeout_ms, now_ms);
        let end = self.absolute_timeout_ms(lifetime).map_or(i64::MAX, end);
        expires_ms.min(end)
    }

    /// How long after its creation a session ends in any case.
    fn absolute_timeout_ms(&self, lifetime: Lifetime) -> Option<i64> {
        #[expect(clippy::cast_possible_truncation, reason = "what is beyond is clamped")]
        let own = lifetime.absolute_timeout_ms.map(|ms| ms as i64);
        own.or(self.config.absolute_timeout_ms)
    }
}
