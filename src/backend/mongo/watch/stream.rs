//! Watching a replica set or a sharded cluster by a change stream.
//!
//! It begins a little before it is opened, so that nothing is missed of a session that was read meanwhile. When it
//! breaks it is opened again at the place where it was. If the servers do not know that place any more, it goes on
//! from the present, and the operator is warned.

use std::future::poll_fn;
use std::pin::pin;
use std::time::Duration;

use mongodb::bson::{RawDocumentBuf, Timestamp, doc};
use mongodb::change_stream::ChangeStream;
use mongodb::change_stream::event::ResumeToken;
use mongodb::error::{Error as DriverError, ErrorKind, Result as DriverResult};
use mongodb::options::ReadConcern;
use tokio::task::yield_now;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::event::{self, Reader};
use super::{FIRST_PAUSE, PAUSE_AFTER_REFUSAL, UNAUTHORIZED, Watch, next, primary};
use crate::clock::jittered;
use crate::connection::{from_driver, is_passing};
use crate::error::Error;

/// How long before it was to be opened first it begins.
const BEFORE: Duration = Duration::from_secs(5);

/// How a server is asked.
struct Pace {
    /// How long it waits for an event before it answers that there is none. It takes a connection.
    waits: Duration,
    /// Between two requests at least: what happens meanwhile comes together.
    pause: Duration,
}

const PATIENT: Pace = Pace {
    waits: Duration::from_secs(1),
    pause: Duration::from_millis(100),
};

/// Where the calls of the store need all connections.
const BRIEF: Pace = Pace {
    waits: Duration::from_millis(1),
    pause: Duration::from_millis(250),
};

/// How many connections there have to be for one to be left: calls take seven eighths at most.
const ENOUGH_CONNECTIONS: usize = 8;

/// How long an answer may take, and how long the opening, which after a failover has to find a server first.
const PATIENCE: Duration = Duration::from_secs(10);
const PATIENCE_AT_OPENING: Duration = Duration::from_secs(40);

/// How many events are read without letting others work.
const SLICE: usize = 100;

/// How often the same place is tried that the servers refuse for reasons that may be about it.
const ATTEMPTS: u32 = 3;

/// `InvalidResumeToken`, `ChangeStreamFatalError` and `ChangeStreamHistoryLost`: the place is lost.
const LOST: [i32; 3] = [260, 280, 286];

/// What says nothing of the place: `NamespaceNotFound`, which sharded clusters say of a database that is still to
/// be created, `CursorNotFound`, `RetryChangeStream`, `CursorKilled` and `Interrupted`.
const OF_THE_MOMENT: [i32; 5] = [26, 43, 234, 237, 11_601];

/// Where it goes on.
#[derive(Clone, Default)]
enum Position {
    /// A little before it was to be opened first.
    #[default]
    Begin,
    /// The present.
    Now,
    /// Behind an event.
    Behind(ResumeToken),
    /// Behind the event by which the stream had ended.
    BehindEnd(ResumeToken),
}

/// What a stream has ended with.
enum Break {
    /// The collection was dropped or renamed.
    Over,
    /// No answer came in time.
    Silence,
    Failed(DriverError),
}

/// A stream, open or not.
pub struct State {
    since: Instant,
    position: Position,
    reader: Reader,
    pause: Duration,
    attempts: u32,
}

impl Default for State {
    fn default() -> Self {
        Self {
            since: Instant::now(),
            position: Position::default(),
            reader: Reader::default(),
            pause: FIRST_PAUSE,
            attempts: 0,
        }
    }
}

impl State {
    /// Opens the stream and follows it until it breaks.
    pub async fn follow(&mut self, watch: &Watch) {
        let opened = timeout(PATIENCE_AT_OPENING, self.open(watch)).await;
        let end = match opened {
            Ok(Ok(mut stream)) => {
                let end = self.read(watch, &mut stream).await;
                if let Some(token) = stream.resume_token() {
                    self.position = match end {
                        Break::Over => Position::BehindEnd(token),
                        _ => Position::Behind(token),
                    };
                }
                end
            }
            Ok(Err(error)) => Break::Failed(error),
            Err(_) => Break::Silence,
        };
        match end {
            Break::Over => {}
            Break::Silence => self.rest().await,
            Break::Failed(error) => self.recover(watch, &error).await,
        }
    }

    async fn open(&self, watch: &Watch) -> DriverResult<ChangeStream<RawDocumentBuf>> {
        let collection = watch.collection();
        let stages = [event::projection(&watch.place.layout)];
        let open = collection
            .watch()
            .pipeline(stages)
            .max_await_time(pace(watch).waits)
            .read_concern(ReadConcern::majority())
            .selection_criteria(primary());
        let open = match &self.position {
            Position::Begin => match beginning(watch, self.since).await? {
                Some(time) => open.start_at_operation_time(time),
                None => open,
            },
            Position::Now => open,
            Position::Behind(token) => open.resume_after(token.clone()),
            Position::BehindEnd(token) => open.start_after(token.clone()),
        };
        Ok(open.await?.with_type())
    }

    async fn read(&mut self, watch: &Watch, stream: &mut ChangeStream<RawDocumentBuf>) -> Break {
        let mut ended = Vec::new();
        let mut count: usize = 0;
        let mut asked = Instant::now();
        loop {
            let (event, has_asked) = match timeout(PATIENCE, step(stream)).await {
                Ok((Ok(event), has_asked)) => (event, has_asked),
                Ok((Err(error), _)) => return Break::Failed(error),
                Err(_) => return Break::Silence,
            };
            if has_asked {
                // It works.
                watch.accepted();
                (self.pause, self.attempts) = (FIRST_PAUSE, 0);
                sleep_until(asked + pace(watch).pause).await;
                asked = Instant::now();
            }
            let Some(event) = event else {
                // It may have ended before its last events were read.
                if stream.is_alive() {
                    continue;
                }
                return Break::Over;
            };
            let layout = &watch.place.layout;
            self.reader.read(event.as_bytes(), layout, &mut ended);
            if !ended.is_empty() {
                watch.tell(&mut ended).await;
            }
            count += 1;
            if count.is_multiple_of(SLICE) {
                yield_now().await;
            }
        }
    }

    /// Finds out what to do about an error.
    async fn recover(&mut self, watch: &Watch, error: &DriverError) {
        let code = match &*error.kind {
            ErrorKind::Command(command) => command.code,
            _ => 0,
        };
        let cause = from_driver("watch", error);
        if is_passing(&cause) || code == 0 || OF_THE_MOMENT.contains(&code) {
            return self.rest().await;
        }
        self.attempts += 1;
        if code == UNAUTHORIZED {
            watch.refused(error);
            sleep(jittered(PAUSE_AFTER_REFUSAL)).await;
        } else if LOST.contains(&code) || self.attempts > ATTEMPTS {
            match self.position {
                Position::Now => {
                    watch.refused(error);
                    sleep(jittered(PAUSE_AFTER_REFUSAL)).await;
                }
                // It was young then, and there was nothing before.
                Position::Begin => self.position = Position::Now,
                Position::Behind(_) | Position::BehindEnd(_) => {
                    self.position = Position::Now;
                    watch.warn(&Error::Watch {
                        message: "the place in MongoDB's oplog was lost, so sessions that have ended meanwhile were not told, as the option 'watch' says: read those again that you hold. Those that end from now on are told".to_owned(),
                        cause: Box::new(cause),
                    });
                }
            }
            self.attempts = 0;
        } else {
            self.rest().await;
        }
    }

    async fn rest(&mut self) {
        sleep(jittered(next(&mut self.pause))).await;
    }
}

fn pace(watch: &Watch) -> &'static Pace {
    if watch.place.connections < ENOUGH_CONNECTIONS {
        &BRIEF
    } else {
        &PATIENT
    }
}

/// The next event, if there is one; and whether the server was asked for it.
async fn step(
    stream: &mut ChangeStream<RawDocumentBuf>,
) -> (DriverResult<Option<RawDocumentBuf>>, bool) {
    let mut has_asked = false;
    let mut step = pin!(stream.next_if_any());
    let event = poll_fn(|context| {
        let event = step.as_mut().poll(context);
        has_asked |= event.is_pending();
        event
    })
    .await;
    (event, has_asked)
}

/// A moment a little before another one, by the servers' clock. It may have taken several attempts to open a
/// stream, and what has ended meanwhile is to be told.
async fn beginning(watch: &Watch, since: Instant) -> DriverResult<Option<Timestamp>> {
    let database = watch.place.servers.client().database(&watch.place.database);
    let reply = database.run_command(doc! { "ping": 1 }).await?;
    let before = u32::try_from((since.elapsed() + BEFORE).as_secs()).unwrap_or(u32::MAX);
    Ok(reply
        .get_timestamp("operationTime")
        .ok()
        .map(|now| Timestamp {
            time: now.time.saturating_sub(before),
            increment: 0,
        }))
}
