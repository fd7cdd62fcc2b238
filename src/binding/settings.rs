//! What holds for all calls, as JavaScript asks for it.

use napi_derive::napi;

use super::NativeStore;
use crate::document::Encoding;
use crate::options::{AutoRemove, Save};
use crate::store::listed_id;

#[napi]
impl NativeStore {
    /// The name of the collection in use.
    #[napi(getter)]
    pub fn collection(&self) -> String {
        self.config.collection.clone()
    }

    /// The lifetime in use, in milliseconds.
    #[napi(getter)]
    pub fn ttl(&self) -> f64 {
        self.config.ttl_ms
    }

    /// The prefix in use.
    #[napi(getter)]
    pub fn prefix(&self) -> String {
        self.config.prefix.clone()
    }

    /// Whether the TTL index is created.
    #[napi(getter, js_name = "createTTLIndex")]
    pub fn create_ttl_index(&self) -> bool {
        self.config.auto_remove == AutoRemove::Native
    }

    /// Whether JavaScript has to remember what was loaded.
    #[napi(getter)]
    pub fn saves_differences(&self) -> bool {
        self.config.save == Save::Difference
    }

    /// Whether the next write of a session has to come with what was read.
    #[napi(getter)]
    pub fn wants_metadata(&self) -> bool {
        self.config.wants_metadata()
    }

    /// What lists have for a session id, which is what its document holds behind the prefix.
    #[napi]
    pub fn listed_id(&self, sid: String) -> String {
        listed_id(sid, self.config.hash_ids)
    }

    /// The time within which every operation ends, in milliseconds.
    #[napi(getter)]
    pub fn operation_timeout(&self) -> f64 {
        self.config.operation_timeout.as_secs_f64() * 1000.0
    }

    /// Whether sessions are written as a text.
    #[napi(getter)]
    pub fn writes_text(&self) -> bool {
        self.config.encoding == Encoding::Text
    }

    /// Whether express-session is told of outages.
    #[napi(getter)]
    pub fn skips_when_down(&self) -> bool {
        self.config.skip_when_down
    }

    /// Whether JavaScript has to touch what it gets.
    #[napi(getter)]
    pub fn touches_on_get(&self) -> bool {
        self.config.touch_on_get
    }

    /// Whether sessions are flagged where they would be deleted.
    #[napi(getter)]
    pub fn delete_flags(&self) -> bool {
        self.config.delete_flags
    }

    /// The name of the database; nothing while it is not known, and in memory.
    #[napi(getter)]
    pub fn database(&self) -> Option<String> {
        self.store.database()
    }

    /// The servers that the connection string names, `host:port` or the path of a socket, or
    /// `mongodb+srv://name`; nothing while it is not known, and in memory.
    #[napi(getter)]
    pub fn endpoints(&self) -> Option<Vec<String>> {
        self.store.endpoints()
    }
}
