//! Which sessions are live.

/// When a session counts as live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Alive {
    /// It has not expired at this moment, in milliseconds since the epoch.
    pub at_ms: i64,
    /// It was not created at this moment or before, likewise.
    pub created_after_ms: Option<i64>,
    /// Whether a text in its place may be another one than JSON.
    pub takes_any_text: bool,
}
