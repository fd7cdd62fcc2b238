//! What is left of a store when its end is told.

use std::sync::{Mutex, MutexGuard, PoisonError, Weak};

use super::super::{Submission, Verb};
use super::*;
use crate::backend::memory::Memory;
use crate::options::Options;

/// Looks at each answer whether anybody still has what was configured, the keys among it.
struct Caller {
    config: Weak<Config>,
    is_left: Mutex<Vec<bool>>,
}

impl Deliver for Caller {
    fn deliver(&self, deliveries: Vec<Delivery>) {
        for delivery in deliveries {
            if let Delivery::Answer(..) = delivery {
                self.is_left().push(self.config.strong_count() > 0);
            }
        }
    }
}

impl Caller {
    fn is_left(&self) -> MutexGuard<'_, Vec<bool>> {
        self.is_left.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[tokio::test]
async fn who_is_told_that_a_store_is_closed_finds_nothing_of_it() {
    let options: Options = serde_json::from_str(r#"{"uri":"memory:"}"#).unwrap();
    let config = Arc::new(options.validate().unwrap());
    let backend = Memory::new(config.layout.clone(), config.clock.clone());
    let caller = Arc::new(Caller {
        config: Arc::downgrade(&config),
        is_left: Mutex::default(),
    });
    let inbox = Arc::<Inbox>::default();
    let store = run(
        config,
        Arc::new(backend),
        caller.clone(),
        inbox.clone(),
        Arc::default(),
        Arc::default(),
    );
    let submission = |ticket, kind| Submission {
        ticket,
        called: Instant::now(),
        called_ms: 0,
        verb: Verb::Bulk(kind),
    };
    inbox.push(submission(1, BulkKind::Length)).unwrap();
    inbox.push(submission(2, BulkKind::Close)).unwrap();
    inbox.flush();
    store.await;
    assert_eq!(*caller.is_left(), [true, false]);
}
