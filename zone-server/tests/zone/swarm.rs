//! Zone servers that come, go, die and are stopped for a while, each with a thread and a database connection of its own, over a world of many regions.

use std::{collections::BTreeMap, sync::Arc, thread, time::Duration};

use runtime::Context;
use store::{
    Store,
    accounts::Role,
    announce::InProcess,
    directory::ZoneServer,
    entities::{EntityRow, Incarnation},
};
use tempfile::TempDir;
use tokio::{net::TcpListener, runtime::Handle, sync::oneshot};
use world::{
    placement::{Candidate, holder},
    region_id::RegionId,
};
use zone_server::{Config, Error};

use crate::{
    cluster::{row, until, within},
    gateway::Gateway,
    watch::Watch,
    yard::{self, OBJECTS},
};

/// The database, and what is announced.
pub(crate) struct Swarm {
    pub(crate) store: Store,
    announcements: Arc<InProcess>,
    folder: TempDir,
}

/// A zone server.
pub(crate) struct Node {
    pub(crate) address: String,
    pub(crate) me: Incarnation,
    context: Context,
    runtime: Handle,
    kill: Option<oneshot::Sender<()>>,
    thread: Option<thread::JoinHandle<Option<Result<(), Error>>>>,
}

/// Who holds a region, and its epoch.
pub(crate) type Held = (Option<Incarnation>, u64);

impl Swarm {
    /// A database with a world that is so many regions wide and high, and with these accounts, which begin in the first of the regions; those in capitals
    /// are game masters.
    pub(crate) async fn new(columns: usize, rows: usize, accounts: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::embedded(folder.path()).await.unwrap();
        let line = ".".repeat(columns * 8);
        let lines = vec![line.as_str(); rows * 8];
        let map = yard::map(&lines, OBJECTS);
        yard::publish(&store, yard::with(&[("yard.tmx", map)])).await;
        for name in accounts {
            let is_gm = name.chars().all(char::is_uppercase);
            let role = if is_gm { Role::Gm } else { Role::Player };
            yard::account(&store, name, role).await;
        }
        Self {
            store,
            announcements: Arc::default(),
            folder,
        }
    }

    /// Another zone server.
    pub(crate) async fn join(&self) -> Node {
        let (context, path) = (Context::default(), self.folder.path().to_owned());
        // Registered before the service runs, so that `ready` waits for it.
        let _part = context.health.part("zone-server");
        let (kill, killed) = oneshot::channel();
        let (tell, told) = oneshot::channel();
        let (announcements, theirs) = (Arc::clone(&self.announcements), context.clone());
        let thread = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async move {
                let watch = Watch::begin();
                let store = Store::embedded(&path).await.unwrap();
                let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
                let address = format!("http://{}", listener.local_addr().unwrap());
                tell.send((address, Handle::current())).unwrap();
                let config = Config::default();
                let serving = zone_server::serve(listener, store, announcements, config, theirs);
                let served = tokio::select! {
                    served = serving => Some(served),
                    Ok(()) = killed => None,
                };
                watch.forgive("others hold regions of ours");
                watch.forgive("does not acknowledge that we are alive");
                served
            })
        });
        let (address, runtime) = told.await.unwrap();
        within("ready", context.health.ready()).await;
        let live = self.live().await;
        let me = live.iter().find(|server| server.address == address);
        Node {
            me: me.unwrap().incarnation,
            address,
            context,
            runtime,
            kill: Some(kill),
            thread: Some(thread),
        }
    }

    pub(crate) async fn live(&self) -> Vec<ZoneServer> {
        self.store.directory().live().await.unwrap()
    }

    /// Who holds what.
    pub(crate) async fn held(&self) -> BTreeMap<RegionId, Held> {
        let all = self.store.regions().all().await.unwrap();
        all.into_iter()
            .map(|held| (held.region, (held.holder, held.epoch)))
            .collect()
    }

    /// Waits until each of these servers has its share, and nobody else has any; and says who holds what then.
    pub(crate) async fn shared_by(&self, nodes: &[&Node]) -> BTreeMap<RegionId, Held> {
        let share = async || {
            let held = self.held().await;
            let mut all = held.iter();
            all.all(|(region, (holder, _))| *holder == Some(share_of(*region, nodes)))
                .then_some(held)
        };
        until("each has its share", share).await
    }

    pub(crate) async fn row(&self, name: &str) -> EntityRow {
        row(&self.store, name).await
    }
}

/// Who should have a region.
pub(crate) fn share_of(region: RegionId, nodes: &[&Node]) -> Incarnation {
    let candidates: Vec<Candidate> = nodes
        .iter()
        .map(|node| Candidate {
            incarnation: node.me.0,
            address: node.address.clone(),
        })
        .collect();
    Incarnation(holder(region, &candidates).unwrap().incarnation)
}

impl Node {
    /// A gateway with a stream to it.
    pub(crate) async fn gateway(&self) -> Gateway {
        Gateway::connect(&self.address).await
    }

    /// Asks it to stop.
    pub(crate) fn begin_to_stop(&self) {
        self.context.shutdown.trigger();
    }

    /// Stops it in good order.
    pub(crate) async fn stop(mut self) {
        self.begin_to_stop();
        self.end().await.unwrap().unwrap();
    }

    /// Ends it where it is, as `kill -9` does.
    pub(crate) async fn kill(mut self) {
        self.kill.take().unwrap().send(()).unwrap();
        assert!(self.end().await.is_none());
    }

    /// Nothing of it runs for a while, as after SIGSTOP, and then it goes on, as after SIGCONT.
    pub(crate) fn pause(&self, time: Duration) {
        self.runtime.spawn(async move { thread::sleep(time) });
    }

    async fn end(&mut self) -> Option<Result<(), Error>> {
        let thread = self.thread.take().unwrap();
        let join = tokio::task::spawn_blocking(move || thread.join().unwrap());
        within("ended", join).await.unwrap()
    }
}

impl Drop for Node {
    /// A test that is over leaves no thread behind.
    fn drop(&mut self) {
        drop(self.kill.take());
        self.context.shutdown.trigger();
    }
}
