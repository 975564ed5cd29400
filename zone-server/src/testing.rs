//! A zone server without its gRPC service, for tests of what gateways cannot bring about: regions, recovery, and one account, Anna's.

use std::{future::poll_fn, sync::Arc, time::Duration};

use runtime::{health::Health, shutdown::Shutdown, tasks::Tasks};
use store::{
    Store,
    accounts::Role,
    announce::InProcess,
    entities::{Claim, EntityRow},
};
use tempfile::TempDir;
use tokio::task::JoinHandle;
use world::{
    region::{Enter, Input, LinkId, Message, Session},
    region_id::RegionId,
};

use crate::{
    heartbeat,
    holdings::keeper::{Keeper, NotDrained},
    links::Queue,
    recovery,
    server::{Loaded, Server},
    yard::{self, WEST},
};

/// How long anything may take that is waited for.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// The server.
pub(crate) struct Running {
    pub(crate) server: Arc<Server>,
    halt: Shutdown,
    keeping: JoinHandle<Result<(), NotDrained>>,
    stop: Shutdown,
    tasks: Tasks,
    _folder: TempDir,
}

impl Running {
    pub(crate) async fn start() -> Self {
        let mut running = Self::start_without_recovery().await;
        let recovery = recovery::run(Arc::clone(&running.server), running.stop.clone());
        running.tasks.spawn("recovery", recovery);
        running
    }

    /// The same, and rows that nobody owns stay so.
    pub(crate) async fn start_without_recovery() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = yard::published(folder.path()).await;
        yard::account(&store, "Anna", Role::Player).await;
        let (announcements, address) = (Arc::new(InProcess::default()), "http://127.0.0.1:1");
        let loaded = Server::load(store, announcements, address.to_owned(), false).await;
        let Loaded { server, .. } = loaded.unwrap().unwrap();
        heartbeat::say(&server).await.unwrap();
        let (halt, stop) = (Shutdown::default(), Shutdown::default());
        let health = Health::default().part("zone-server");
        let keeper = Keeper::begin(Arc::clone(&server), health).await.unwrap();
        let mut tasks = Tasks::new();
        let heartbeat = heartbeat::run(Arc::clone(&server), Shutdown::default(), stop.clone());
        tasks.spawn("heartbeat", heartbeat);
        Self {
            keeping: tokio::spawn(keeper.run(halt.clone(), PATIENCE)),
            halt,
            stop,
            tasks,
            server,
            _folder: folder,
        }
    }

    pub(crate) async fn stop(self) -> Store {
        self.halt.trigger();
        self.keeping.await.unwrap().unwrap();
        self.stop.trigger();
        self.tasks.finish(PATIENCE).await.unwrap();
        self.server.store.clone()
    }
}

/// The next message for a gateway; None: the link has ended.
pub(crate) async fn next(queue: &mut Queue) -> Option<Message> {
    let mut taken = Vec::new();
    let taking = poll_fn(|context| queue.poll_take(context, &mut taken, 1));
    tokio::time::timeout(PATIENCE, taking).await.unwrap();
    taken.pop()
}

/// Tells a region something.
pub(crate) async fn send(server: &Server, region: RegionId, input: Input) {
    let mailbox = server.regions.mailbox(region).unwrap();
    mailbox.send(input.into()).await.unwrap();
}

/// Anna's first session, on some link.
pub(crate) fn enter(link: LinkId) -> Enter {
    Enter {
        session: Session { link, number: 1 },
        key: "anna".to_owned(),
        generation: 1,
    }
}

/// Lets Anna enter until she is in.
pub(crate) async fn bring_in(server: &Server, link: LinkId, queue: &mut Queue) {
    let trying = async {
        loop {
            send(server, WEST, Input::Enter(enter(link))).await;
            match next(queue).await.unwrap() {
                Message::Entered { region, .. } => return assert_eq!(region, WEST),
                // It is in other hands just now, or on its way into the mailbox.
                Message::Elsewhere {
                    region: None | Some(WEST),
                    ..
                } => tokio::task::yield_now().await,
                other => panic!("{other:?}"),
            }
        }
    };
    tokio::time::timeout(PATIENCE, trying).await.unwrap();
}

/// Anna's row.
pub(crate) async fn row(server: &Server) -> EntityRow {
    server.store.entities().peek("anna").await.unwrap().unwrap()
}

/// Anna's row is ours, and no region has it: as if the answer to a claim had been lost. Its `own`.
pub(crate) async fn lose(server: &Server) -> u64 {
    let claim = Claim {
        key: "anna".to_owned(),
        seen: row(server).await.own,
        me: server.me,
        enter: Some(1),
    };
    let lost = server.store.entities().claim(claim).await.unwrap();
    lost.unwrap().own
}
