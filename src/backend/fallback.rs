//! The engine of the option `fallbackMemory`: MongoDB, or the memory engine when no server can be
//! reached at start. This is decided once, and everything that is called waits for it: sessions that
//! are in one place for a while and then in another would be lost.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::sync::SetOnce;
use tokio::time::{Instant, sleep, timeout_at};

use super::memory::Memory;
use super::mongo::Mongo;
use super::watch::Listener;
use super::{
    Backend, Fate, Id, Index, OtherIndex, Page, Reach, Removal, SliceOutcome, Sweep, Swept,
    UserPage, Visit, Which, Write, Written,
};
use crate::connection::Connection;
use crate::document::Alive;
use crate::error::{Error, Result};

/// How long a server is looked for where no connection string says so, the driver's default.
const SERVER_SELECTION: Duration = Duration::from_secs(30);

/// Between two attempts to reach a server.
const BREATH: Duration = Duration::from_millis(100);

/// Methods of [`Backend`] that are those of the engine that was decided on, as soon as it is.
macro_rules! forward {
    ($($method:ident($($name:ident: $type:ty),*) -> $answer:ty;)*) => {$(
        fn $method<'a>(&'a self, $($name: $type),*) -> BoxFuture<'a, $answer> {
            Box::pin(async move { self.engine().await.$method($($name),*).await })
        }
    )*};
}

/// One engine out of two.
pub struct Fallback {
    mongo: Arc<Mongo>,
    memory: Memory,
    connection: Arc<Connection>,
    patience: Duration,
    /// Whether the documents are in memory.
    is_in_memory: SetOnce<bool>,
}

impl Fallback {
    /// The engine `mongo` on `connection`; `memory`, if no server answers within `patience` or the
    /// `serverSelectionTimeoutMS` of the connection string.
    pub fn new(
        mongo: Mongo,
        memory: Memory,
        connection: Arc<Connection>,
        patience: Duration,
    ) -> Self {
        Self {
            mongo: Arc::new(mongo),
            memory,
            connection,
            patience,
            is_in_memory: SetOnce::new(),
        }
    }

    /// The engine that was decided on, as soon as it is.
    async fn engine(&self) -> &dyn Backend {
        if *self.is_in_memory.wait().await {
            &self.memory
        } else {
            &*self.mongo
        }
    }

    /// Looks for a server. What it says does not matter: one that does not accept the credentials is
    /// there, and so is an address that is of no use. Both are to be mended, and not to be covered up.
    async fn reach(&self) -> Result<()> {
        let selection = match self.connection.server_selection_timeout().await {
            Ok(selection) => selection,
            // The application has looked for one itself.
            Err(error @ (Error::Connection { .. } | Error::Refused { .. })) => return Err(error),
            Err(_) => return Ok(()),
        };
        let patience = self.patience.min(selection.unwrap_or(SERVER_SELECTION));
        let deadline = Instant::now() + patience;
        let mut trouble = Error::connection("no MongoDB server could be reached");
        while let Ok(answer) = timeout_at(deadline, self.mongo.ping(Reach::Any)).await {
            match answer {
                Err(error @ Error::Connection { .. }) => trouble = error,
                _ => return Ok(()),
            }
            sleep(BREATH).await;
        }
        // It may be slow to log in, which takes some computing.
        if self.connection.sees_server() {
            return Ok(());
        }
        let silence = format!("no answer within {} ms", patience.as_millis());
        Err(trouble.because(self.mongo.trouble()).because(Some(silence)))
    }
}

impl Backend for Fallback {
    fn start(&self) -> BoxFuture<'_, Result<()>> {
        Box::pin(async {
            let reached = self.reach().await;
            // Called once, so that it cannot have been set.
            let _ = self.is_in_memory.set(reached.is_err());
            if reached.is_err() {
                // Nobody wants to know any more whether the server comes, or waits for the farewell.
                let mongo = self.mongo.clone();
                tokio::spawn(async move { mongo.close().await });
            }
            reached
        })
    }

    fn connections(&self) -> usize {
        self.mongo.connections()
    }

    fn ping(&self, reach: Reach) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move { self.engine().await.ping(reach).await })
    }

    fn reconnect(&self) -> BoxFuture<'_, Result<()>> {
        Box::pin(async { self.engine().await.reconnect().await })
    }

    fn lost(&self) -> BoxFuture<'_, ()> {
        Box::pin(async { self.engine().await.lost().await })
    }

    fn trouble(&self) -> Option<String> {
        match self.is_in_memory.get() {
            Some(true) => None,
            _ => self.mongo.trouble(),
        }
    }

    fn collation(&self) -> BoxFuture<'_, Option<Error>> {
        Box::pin(async { self.engine().await.collation().await })
    }

    fn explain(&self, error: Error) -> Error {
        self.mongo.explain(error)
    }

    forward! {
        create_index(index: &'a Index, limit: Duration) -> Result<bool>;
        index_instead_of(index: &'a Index) -> Option<OtherIndex>;
        find(ids: &'a [Id], visit: Visit<'a>) -> Result<()>;
        find_latest(ids: &'a [Id], visit: Visit<'a>) -> Result<()>;
        write(writes: &'a [Write]) -> Result<Vec<Result<Written>>>;
        write_within(writes: &'a [Write], patience: Duration) -> Result<Vec<Result<Written>>>;
        delete(ids: &'a [Id]) -> Result<()>;
        delete_within(ids: &'a [Id], patience: Duration) -> Result<Vec<Result<Written>>>;
        count(prefix: &'a str, which: &'a Which, most: Option<u32>, alive: Alive) -> Result<u64>;
        page(prefix: &'a str, page: &'a Page, alive: Alive, visit: Visit<'a>) -> Result<()>;
        users(prefix: &'a str, page: &'a UserPage, alive: Alive, visit: Visit<'a>) -> Result<()>;
        of_users(prefix: &'a str, users: &'a [Arc<str>], alive: Alive, visit: Visit<'a>) -> Result<()>;
        remove(prefix: &'a str, removals: &'a [Removal], fate: Fate) -> Result<u64>;
        remove_expired(prefix: &'a str, now_ms: i64) -> Result<()>;
        lease_removal(prefix: &'a str, now_ms: i64, until_ms: i64) -> Result<bool>;
        swept(prefix: &'a str, sweep: &'a Sweep, after: Option<&'a Id>) -> Result<Swept>;
        sweep(sweep: &'a Sweep, ids: &'a [Id], fate: Fate, patience: Option<Duration>) -> Result<SliceOutcome>;
    }

    fn watch(&self, listener: Listener) -> BoxFuture<'_, ()> {
        Box::pin(async { self.engine().await.watch(listener).await })
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        // Whether it is in use or was only looked for.
        self.mongo.close()
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Change, Extra, Stored};
    use super::*;
    use crate::clock::Clock;
    use crate::document::Layout;
    use crate::options::Address;

    /// An engine on a server that does not exist.
    fn on(uri: &str) -> Fallback {
        let address = Address {
            uri: uri.to_owned(),
            ..Address::default()
        };
        let connection = Arc::new(Connection::new(&address).unwrap());
        around(connection)
    }

    fn around(connection: Arc<Connection>) -> Fallback {
        let layout = Layout::default();
        let collection = "sessions".to_owned();
        let mongo = Mongo::new(connection.clone(), collection, layout.clone(), false);
        let memory = Memory::new(layout, Clock::default());
        Fallback::new(mongo, memory, connection, Duration::from_secs(5))
    }

    #[tokio::test]
    async fn what_is_called_before_it_is_decided_waits_and_finds_itself_in_memory() {
        let engine = on("mongodb://127.0.0.1:1/d?serverSelectionTimeoutMS=50");
        let id = Id::from("sid");
        let writes = [Write {
            id: id.clone(),
            expires_ms: i64::MAX,
            change: Change::Upsert(Stored::Document(vec![5, 0, 0, 0, 0])),
            extra: Extra::default(),
            is_encrypted: false,
        }];
        let (written, started) = tokio::join!(engine.write(&writes), engine.start());
        assert_eq!(written.unwrap()[0].clone().unwrap(), Written::Created);
        let trouble = started.unwrap_err();
        assert_eq!(trouble.code(), "ERR_STORE_CONNECTION");
        let mut found = 0;
        engine.find(&[id], &mut |_| found += 1).await.unwrap();
        assert_eq!(found, 1);
        assert_eq!(engine.trouble(), None);
    }

    #[tokio::test]
    async fn an_address_that_is_of_no_use_is_not_covered_up() {
        let connection = Arc::new(Connection::later());
        connection.lead_to(Err(Error::InvalidOption("no client".to_owned())));
        let engine = around(connection);
        engine.start().await.unwrap();
        let error = engine.ping(Reach::Any).await.unwrap_err();
        assert_eq!(error.code(), "ERR_STORE_OPTION");
    }

    #[tokio::test]
    async fn an_application_that_has_found_no_server_goes_on_in_memory() {
        let connection = Arc::new(Connection::later());
        connection.lead_to(Err(Error::connection("no client")));
        let engine = around(connection);
        let trouble = engine.start().await.unwrap_err();
        assert_eq!(trouble.to_string(), "no client");
        engine.ping(Reach::Any).await.unwrap();
    }
}
