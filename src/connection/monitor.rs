//! What the driver's monitoring of the servers says: whether any of them can be reached.

use mongodb::event::sdam::SdamEvent;
use mongodb::{ServerInfo, ServerType};
use tokio::sync::watch;

use super::from_driver;

/// Hears the driver's events.
pub struct Monitor {
    trouble: watch::Sender<Option<String>>,
}

impl Default for Monitor {
    fn default() -> Self {
        Self {
            trouble: watch::Sender::new(None),
        }
    }
}

impl Monitor {
    /// Why no server can be reached, while that is so. Names hosts, and nothing secret.
    pub fn trouble(&self) -> Option<String> {
        self.trouble.borrow().clone()
    }

    /// Returns when no server can be reached.
    pub async fn lost(&self) {
        // Fails only when there is no sender, and that is here.
        let _ = self.trouble.subscribe().wait_for(Option::is_some).await;
    }

    /// Takes note of an event.
    pub fn hear(&self, event: SdamEvent) {
        let SdamEvent::TopologyDescriptionChanged(event) = event else {
            return;
        };
        let servers = event.new_description.servers();
        let is_known = |server: &ServerInfo<'_>| server.server_type() != ServerType::Unknown;
        let trouble = if servers.values().any(is_known) {
            None
        } else {
            servers.values().find_map(|server| {
                let error = from_driver("connect", server.error()?);
                Some(format!("{}: {}", server.address(), error.detail()))
            })
        };
        self.trouble.send_replace(trouble);
    }
}
