//! Tells the caller of sessions that end, with the option `watch`.

use std::sync::Arc;

use super::{Deliver, Delivery, Event};
use crate::backend::Backend;
use crate::backend::watch::{Listener, Notice};

/// Runs for as long as the store is open.
pub async fn run(prefix: String, backend: Arc<dyn Backend>, caller: Arc<dyn Deliver>) {
    let tell = move |notices: Vec<Notice>| {
        let events = notices.into_iter().map(|notice| {
            Delivery::Event(match notice {
                Notice::Ended(session) => Event::Ended(session),
                Notice::Warning(error) => Event::Warning(error),
            })
        });
        caller.deliver(events.collect());
    };
    let tell = Box::new(tell);
    backend.watch(Listener { prefix, tell }).await;
}
