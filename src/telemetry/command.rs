//! A command on its way, from the moment that it looks for a connection.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use tokio::task::futures::TaskLocalFuture;

use super::Telemetry;
use super::report::{Describe, Ending, Report, Sent, Server};

tokio::task_local! {
    static LOAD: Load;
    static UNDER_WAY: Arc<UnderWay>;
}

/// For which store, and for which of its calls, a task sends commands.
#[derive(Clone)]
pub struct Load {
    telemetry: Arc<Telemetry>,
    calls: usize,
    told: Option<Arc<Told>>,
}

/// What is told of the calls of a command while somebody listens.
pub struct Told {
    /// Their tickets.
    pub tickets: Arc<[u32]>,
    /// How many sessions they are about, as far as they are named one by one.
    pub sessions: usize,
    /// When the first of them was called.
    pub called: Option<Instant>,
}

impl Load {
    /// So many calls of a store. None for what it does by itself.
    #[must_use]
    pub fn new(telemetry: &Arc<Telemetry>, calls: usize) -> Self {
        Self {
            telemetry: telemetry.clone(),
            calls,
            told: None,
        }
    }

    /// The same with what is told of them.
    #[must_use]
    pub fn told(mut self, told: Option<Told>) -> Self {
        self.told = told.map(Arc::new);
        self
    }

    /// Lets commands be counted and told that are sent on the way.
    pub fn of<F: Future>(&self, work: F) -> TaskLocalFuture<Self, F> {
        LOAD.scope(self.clone(), work)
    }
}

/// A command that waits for a connection or has one.
struct UnderWay {
    load: Load,
    name: &'static str,
    began: Instant,
    departure: OnceLock<Departure>,
    ending: OnceLock<Ending>,
}

/// When a command has left, and its number if that was told.
struct Departure {
    at: Instant,
    number: Option<u64>,
}

impl UnderWay {
    fn begin(load: Load, name: &'static str) -> Arc<Self> {
        let awaited = &load.telemetry.connections_awaited;
        awaited.fetch_add(1, Ordering::Relaxed);
        Arc::new(Self {
            load,
            name,
            began: Instant::now(),
            departure: OnceLock::new(),
            ending: OnceLock::new(),
        })
    }

    fn connected(&self, server: impl FnOnce() -> Server) {
        let at = Instant::now();
        let listener = &self.load.telemetry.listener;
        let number = listener.is_on().then(next_number);
        if self.departure.set(Departure { at, number }).is_err() {
            return;
        }
        let Load {
            telemetry, calls, ..
        } = &self.load;
        telemetry
            .connections_awaited
            .fetch_sub(1, Ordering::Relaxed);
        telemetry.connections_in_use.fetch_add(1, Ordering::Relaxed);
        telemetry.count(self.name, |commands| {
            commands.sent += 1;
            commands.calls += *calls as u64;
        });
        if let Some(command) = number {
            listener.tell(Report::Sent(self.sent(command, at, server())));
        }
    }

    fn sent(&self, command: u64, at: Instant, server: Server) -> Sent {
        let told = self.load.told.as_ref();
        let called = told.and_then(|told| told.called);
        Sent {
            command,
            name: self.name,
            server,
            calls: told.map(|told| told.tickets.clone()).unwrap_or_default(),
            sessions: told.map_or(0, |told| told.sessions),
            waited: called.map(|called| at.saturating_duration_since(called)),
            waited_for_connection: at.saturating_duration_since(self.began),
            at,
        }
    }

    fn end<T, E: Describe>(&self, answer: &Result<T, E>) {
        let ending = match answer {
            Ok(_) => Ending::Answered,
            Err(error) => Ending::Failed(error.failure()),
        };
        // Only here.
        let _ = self.ending.set(ending);
    }
}

/// However it ends: it may also be given up.
impl Drop for UnderWay {
    fn drop(&mut self) {
        let telemetry = &self.load.telemetry;
        let Some(Departure { at, number }) = self.departure.take() else {
            telemetry
                .connections_awaited
                .fetch_sub(1, Ordering::Relaxed);
            return;
        };
        telemetry.connections_in_use.fetch_sub(1, Ordering::Relaxed);
        let ending = self.ending.take().unwrap_or(Ending::Abandoned);
        if ending != Ending::Answered {
            telemetry.count(self.name, |commands| commands.failed += 1);
        }
        if let Some(command) = number {
            telemetry.listener.tell(Report::Done {
                command,
                elapsed: at.elapsed(),
                ending,
            });
        }
    }
}

fn next_number() -> u64 {
    static LAST: AtomicU64 = AtomicU64::new(0);
    LAST.fetch_add(1, Ordering::Relaxed) + 1
}

/// Sends a command of this name, and counts it if it gets a connection.
///
/// # Errors
///
/// Those of the command.
pub async fn command<T, E: Describe>(
    name: &'static str,
    command: impl IntoFuture<Output = Result<T, E>>,
) -> Result<T, E> {
    let Ok(load) = LOAD.try_with(Clone::clone) else {
        return command.await;
    };
    let under_way = UnderWay::begin(load, name);
    let scope = UNDER_WAY.scope(under_way.clone(), command.into_future());
    let answer = scope.await;
    under_way.end(&answer);
    answer
}

/// Takes note that the present command has got a connection to this server.
pub fn connected(server: impl FnOnce() -> Server) {
    // Not so of what the driver sends by itself.
    let _ = UNDER_WAY.try_with(|under_way| under_way.connected(server));
}

/// Tells something about the store for which the present task works.
pub fn tell(report: Report) {
    let _ = LOAD.try_with(|load| load.telemetry.listener.tell(report));
}

/// Takes note that the present command is sent again.
pub fn repeated() {
    let _ = LOAD.try_with(|load| load.telemetry.retries.fetch_add(1, Ordering::Relaxed));
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use std::sync::Mutex;

    use futures_util::poll;

    use super::super::{Commands, Failure};
    use super::*;

    #[derive(Debug)]
    struct Refused;

    impl Describe for Refused {
        fn failure(&self) -> Failure {
            Failure {
                code: "ERR_STORE_SERVER",
                server_code: Some((50, "MaxTimeMSExpired".to_owned())),
            }
        }
    }

    fn server() -> Server {
        Server {
            host: "localhost".to_owned(),
            port: Some(27_017),
        }
    }

    #[tokio::test]
    async fn a_command_is_counted_with_its_calls_once_it_has_a_connection() {
        let telemetry = Arc::<Telemetry>::default();
        let load = Load::new(&telemetry, 3);
        let answer = load.of(command("find", async {
            assert_eq!(telemetry.snapshot().connections_awaited, 1);
            connected(server);
            assert_eq!(telemetry.snapshot().connections_in_use, 1);
            Ok::<_, Refused>(())
        }));
        answer.await.unwrap();
        let unconnected = load.of(command("find", async { Err::<(), _>(Refused) }));
        unconnected.await.unwrap_err();
        let snapshot = telemetry.snapshot();
        let expected = Commands {
            sent: 1,
            failed: 0,
            calls: 3,
        };
        assert_eq!(snapshot.commands["find"], expected);
        assert_eq!(snapshot.connections_awaited, 0);
        assert_eq!(snapshot.connections_in_use, 0);
    }

    #[tokio::test]
    async fn one_that_is_given_up_has_failed_and_holds_nothing() {
        let telemetry = Arc::<Telemetry>::default();
        let load = Load::new(&telemetry, 1);
        let mut given_up = Box::pin(load.of(command("update", async {
            connected(server);
            pending::<Result<(), Refused>>().await
        })));
        assert!(poll!(&mut given_up).is_pending());
        assert_eq!(telemetry.snapshot().connections_in_use, 1);
        drop(given_up);
        let snapshot = telemetry.snapshot();
        assert_eq!(snapshot.commands["update"].failed, 1);
        assert_eq!(snapshot.connections_in_use, 0);
    }

    #[tokio::test]
    async fn each_is_told_twice_while_somebody_listens() {
        let telemetry = Arc::<Telemetry>::default();
        let told = Arc::<Mutex<Vec<Report>>>::default();
        let reports = told.clone();
        let tell = move |report| reports.lock().unwrap().push(report);
        telemetry.listener.set(Box::new(tell));
        let load = Load::new(&telemetry, 1).told(Some(Told {
            tickets: [7].into(),
            sessions: 1,
            called: Some(Instant::now()),
        }));
        let refused = || {
            load.of(command("find", async {
                connected(server);
                Err::<(), _>(Refused)
            }))
        };
        refused().await.unwrap_err();
        assert!(told.lock().unwrap().is_empty(), "nobody listens yet");
        telemetry.listener.turn(true);
        refused().await.unwrap_err();
        telemetry.listener.turn(false);
        let told = told.lock().unwrap();
        let [
            Report::Sent(sent),
            Report::Done {
                command, ending, ..
            },
        ] = &told[..]
        else {
            panic!("{told:?}");
        };
        assert_eq!((sent.command, &*sent.calls), (*command, &[7][..]));
        assert_eq!(sent.server, server());
        assert!(sent.waited.is_some());
        assert_eq!(*ending, Ending::Failed(Refused.failure()));
    }
}
