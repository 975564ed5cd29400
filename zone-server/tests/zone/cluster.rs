//! A zone server under test, with a database of its own, and what can be seen of it from outside.

use std::{sync::Arc, time::Duration};

use runtime::Context;
use store::{Store, accounts::Role, announce::InProcess, entities::EntityRow};
use tempfile::TempDir;
use tokio::{net::TcpListener, task::JoinHandle};
use zone_server::{Config, Error};

use crate::{gateway::Gateway, watch::Watch, yard};

/// How long anything may take that is waited for.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A folder with a database, and a zone server on it.
pub(crate) struct Cluster {
    folder: TempDir,
    pub(crate) store: Store,
    pub(crate) announcements: Arc<InProcess>,
    context: Context,
    address: String,
    running: JoinHandle<Result<(), Error>>,
    pub(crate) watch: Watch,
}

impl Cluster {
    /// The yard, with these accounts; those in capitals are game masters.
    pub(crate) async fn start(names: &[&str]) -> Self {
        let watch = Watch::begin();
        let folder = tempfile::tempdir().unwrap();
        let store = yard::published(folder.path()).await;
        for name in names {
            let is_gm = name.chars().all(char::is_uppercase);
            let role = if is_gm { Role::Gm } else { Role::Player };
            yard::account(&store, name, role).await;
        }
        Self::serve(folder, store, watch).await
    }

    async fn serve(folder: TempDir, store: Store, watch: Watch) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let (context, announcements) = (Context::default(), Arc::new(InProcess::default()));
        // Registered before the service runs, so that `ready` waits for it.
        let _part = context.health.part("zone-server");
        let serving = zone_server::serve(
            listener,
            store.clone(),
            announcements.clone(),
            Config::default(),
            context.clone(),
        );
        let running = tokio::spawn(serving);
        let cluster = Self {
            folder,
            store,
            announcements,
            context,
            address,
            running,
            watch,
        };
        within("ready", cluster.context.health.ready()).await;
        cluster
    }

    /// Where the server listens.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Whether the server calls itself ready.
    pub(crate) fn is_ready(&self) -> bool {
        self.context.health.is_ready()
    }

    /// A gateway with a stream to the server.
    pub(crate) async fn gateway(&self) -> Gateway {
        Gateway::connect(&self.address).await
    }

    /// Stops the server in good order.
    pub(crate) async fn stop(self) -> Stopped {
        self.context.shutdown.trigger();
        within("stopped", self.running).await.unwrap().unwrap();
        Stopped {
            folder: self.folder,
            store: self.store,
            watch: self.watch,
        }
    }

    /// Stops the server, which cannot let go of everything.
    pub(crate) async fn stop_in_vain(self) -> (Error, Stopped) {
        self.context.shutdown.trigger();
        let error = within("stopped", self.running).await.unwrap().unwrap_err();
        let stopped = Stopped {
            folder: self.folder,
            store: self.store,
            watch: self.watch,
        };
        (error, stopped)
    }

    /// Ends the server where it is, as `kill -9` does.
    pub(crate) async fn kill(self) -> Stopped {
        self.running.abort();
        let _aborted = self.running.await;
        Stopped {
            folder: self.folder,
            store: self.store,
            watch: self.watch,
        }
    }

    /// A row as it is now.
    pub(crate) async fn row(&self, name: &str) -> EntityRow {
        row(&self.store, name).await
    }

    /// A row, as soon as it is so.
    pub(crate) async fn row_until(
        &self,
        name: &str,
        is_so: impl Fn(&EntityRow) -> bool,
    ) -> EntityRow {
        until(name, async || Some(self.row(name).await).filter(&is_so)).await
    }

    /// The lines of the audit log, oldest first.
    pub(crate) async fn audit(&self) -> Vec<String> {
        let lines = self.store.edits().audit_log(100).await.unwrap();
        let lines = lines.into_iter().rev();
        lines
            .map(|line| format!("{}: {}", line.author, line.command))
            .collect()
    }
}

/// What a server has left behind.
pub(crate) struct Stopped {
    folder: TempDir,
    pub(crate) store: Store,
    pub(crate) watch: Watch,
}

impl Stopped {
    /// Another server on the same data.
    pub(crate) async fn start_again(self) -> Cluster {
        Cluster::serve(self.folder, self.store, self.watch).await
    }
}

/// A row as it is now.
pub(crate) async fn row(store: &Store, name: &str) -> EntityRow {
    store.entities().peek(name).await.unwrap().unwrap()
}

/// Asks until there is an answer.
pub(crate) async fn until<T>(what: &str, ask: impl AsyncFn() -> Option<T>) -> T {
    let asking = async {
        let mut interval = tokio::time::interval(Duration::from_millis(10));
        loop {
            interval.tick().await;
            if let Some(answer) = ask().await {
                return answer;
            }
        }
    };
    within(what, asking).await
}

/// Waits, but not for ever.
pub(crate) async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future)
        .await
        .unwrap_or_else(|_| panic!("{what}: not within {PATIENCE:?}"))
}
