//! Watching a standalone, which has no change streams: it is asked regularly for ids and moments of all
//! documents. What was created and has ended between two looks is not seen.

use std::collections::HashSet;
use std::time::Duration;

use mongodb::bson::{Document, doc};
use mongodb::error::Result as DriverResult;
use tokio::task::yield_now;
use tokio::time::{Instant, sleep, timeout};

use super::super::super::Id;
use super::super::super::watch::{Ended, Facts, Known};
use super::{FIRST_PAUSE, Watch, next, primary};
use crate::clock::{Clock, jittered};
use crate::document::{Layout, field};

/// Between two looks at least.
const PAUSE: Duration = Duration::from_secs(1);

/// How much longer than a look the pause behind it is: looking takes a twentieth of the time at most.
const LONGER: u32 = 19;

/// How long a look may take.
const LONGEST: Duration = Duration::from_secs(300);

/// How many documents are read without letting others work.
const SLICE: usize = 100;

/// Watches until the servers have become a replica set.
pub async fn run(watch: &Watch) {
    let mut known = Known::unbounded();
    let mut pause = FIRST_PAUSE;
    while watch.place.servers.monitor.takes_numbers() != Some(true) {
        let since = Instant::now();
        let mut ended = Vec::new();
        let look = look(watch, &mut known, &mut ended);
        let looked = timeout(LONGEST, look).await;
        // Also if the look was ended by something: the next one takes what was seen for known.
        watch.tell(&mut ended).await;
        match looked {
            Ok(Ok(())) => {
                pause = FIRST_PAUSE;
                sleep(jittered(PAUSE.max(since.elapsed() * LONGER))).await;
            }
            // An outage is reported by who finds it out, and what it has kept from being seen is seen then.
            Ok(Err(_)) | Err(_) => sleep(jittered(next(&mut pause))).await,
        }
    }
}

/// Compares all documents with what is known of them.
async fn look(watch: &Watch, known: &mut Known, ended: &mut Vec<Ended>) -> DriverResult<()> {
    let layout = &watch.place.layout;
    let find = watch.collection();
    let find = find.find(doc! {}).projection(projection(layout));
    let mut documents = find.selection_criteria(primary()).await?;
    let mut seen = HashSet::new();
    while documents.advance().await? {
        let document = documents.current().as_bytes();
        if let Some(id) = layout.id_of(document).map(Id::from) {
            known.saw(&id, &Facts::of_document(document, layout), true, ended);
            seen.insert(id);
        }
        if seen.len().is_multiple_of(SLICE) {
            yield_now().await;
        }
    }
    let gone: Vec<Id> = known
        .ids()
        .filter(|id| !seen.contains(*id))
        .cloned()
        .collect();
    let now_ms = Clock::default().now_ms();
    for id in gone {
        known.lost(&id, now_ms, ended);
    }
    Ok(())
}

fn projection(layout: &Layout) -> Document {
    let names = [
        &*layout.id,
        &*layout.moment,
        &*layout.deleted,
        field::RENEWED_TO,
        field::RENEWED_FROM,
        field::HANDLE,
    ];
    names
        .into_iter()
        .map(|name| (name.to_owned(), 1.into()))
        .collect()
}
