//! A gateway from its start to its end: what all connections share, and the tasks that keep it.

use std::{sync::Arc, time::Duration};

use runtime::{Context, shutdown::Shutdown, tasks::Tasks};
use store::{
    Store,
    announce::Announcements,
    processes::{self, About, Facts, Id, Kind},
    sessions::Sessions,
};
use tokio::net::TcpListener;
use world::region_id::RegionId;

use crate::{
    config::Config,
    counters::Counters,
    flags::Notes,
    grpc, listener,
    login::Accounts,
    maps::Maps,
    presence::Presence,
    replica::Replica,
    router::{Keeping, Router},
    served::Served,
    throttle::Throttle,
    zone_message::Character,
};

/// How long the tasks that keep a gateway have to end after its last connection: the last words to zone servers, and a last note.
const END_TIMEOUT: Duration = Duration::from_secs(5);

/// Whom a gateway works with.
#[derive(Debug, Clone)]
pub struct Peers {
    /// Where worlds, maps and rows are read.
    pub store: Store,
    /// Where it is noted who is logged in here.
    pub sessions: Arc<dyn Sessions>,
    /// Where changes are announced.
    pub announcements: Arc<dyn Announcements>,
    /// The account service, as `http://host:port`.
    pub auth: String,
}

/// Why a gateway ended that should not have.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The account service's address is none.
    #[error("the address of the account service cannot be used")]
    Auth(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The listener has no address.
    #[error("cannot listen")]
    Listen(#[source] std::io::Error),
    /// One of its tasks failed.
    #[error("the gateway cannot go on")]
    Task(#[from] runtime::tasks::Failure),
}

/// What all connections share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) config: Config,
    pub(crate) counters: Arc<Counters>,
    pub(crate) served: Arc<Served>,
    pub(crate) replica: Arc<Replica>,
    pub(crate) router: Arc<Router>,
    pub(crate) accounts: Accounts,
    pub(crate) maps: Maps,
    pub(crate) notes: Arc<Notes>,
    pub(crate) presence: Arc<Presence>,
    pub(crate) store: Store,
    /// Of characters that cannot be looked up.
    pub(crate) warnings: Throttle,
}

impl Shared {
    /// Where a character's row says that it is. An error: the database did not answer.
    pub(crate) async fn locate(&self, character: &Character) -> Result<Option<RegionId>, ()> {
        match self.store.entities().peek(&character.key).await {
            Ok(row) => Ok(row.map(|row| row.region)),
            Err(error) => {
                if self.warnings.is_due() {
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "characters cannot be looked up"
                    );
                }
                Err(())
            }
        }
    }
}

/// Serves clients until the shutdown, those who are in then for as long as they may linger, and until what was read of them is answered.
///
/// # Errors
/// Something that it cannot be without has failed.
pub async fn serve(
    listener: TcpListener,
    peers: Peers,
    config: Config,
    context: Context,
) -> Result<(), Error> {
    let health = context.health.part("gateway");
    let address = listener.local_addr().map_err(Error::Listen)?;
    let Some(served) = Served::begin(&peers.store, &context.shutdown).await else {
        return Ok(());
    };
    // The keepers outlive the connections, which have last words to say.
    let end = Shutdown::default();
    let mut keepers = Tasks::new();
    let shared = keep(&mut keepers, &peers, config, served, &end)?;
    let admin = context.admin.map(|admin| admin.to_string());
    let about = About::this(Id::draw(), Kind::Gateway, address.to_string(), admin);
    keepers.spawn(
        "gateway listing",
        list(Arc::clone(&shared), about, end.clone()),
    );
    health.ready();
    let listening = listener::run(listener, Arc::clone(&shared), &context.shutdown, &health);
    let failed = tokio::select! {
        () = listening => None,
        failure = keepers.first_failure() => failure,
    };
    health.not_ready();
    end.trigger();
    let finished = keepers.finish(END_TIMEOUT).await;
    match failed {
        Some(failure) => Err(failure.into()),
        None => Ok(finished?),
    }
}

/// Tells operators that this gateway runs, and how many play by it.
async fn list(shared: Arc<Shared>, about: About, end: Shutdown) -> anyhow::Result<()> {
    let facts = || Facts {
        content: Some(shared.served.now().world.version.version),
        players: Some(shared.presence.count_here() as u64),
        creatures: None,
    };
    processes::keep(shared.store.clone(), about, facts, end.triggered()).await;
    Ok(())
}

/// Starts the tasks that keep a gateway.
fn keep(
    keepers: &mut Tasks,
    peers: &Peers,
    config: Config,
    served: Served,
    end: &Shutdown,
) -> Result<Arc<Shared>, Error> {
    let gateway = draw_name();
    let auth = grpc::Auth::new(&peers.auth, gateway.clone())
        .map_err(|error| Error::Auth(Box::new(error)))?;
    let counters = Arc::new(Counters::default());
    let served = Arc::new(served);
    let replica = Arc::new(Replica::new(served.now().scale.view_distance));
    let router = Arc::new(Router::new());
    let notes = Arc::new(Notes::default());
    let presence = Arc::new(Presence::new(
        gateway.clone(),
        Arc::clone(&peers.sessions),
        Arc::clone(&counters),
    ));
    let (store, announcements) = (&peers.store, &peers.announcements);
    let keeping = Keeping {
        gateway,
        replica: Arc::clone(&replica),
        counters: Arc::clone(&counters),
        shutdown: end.clone(),
    };
    keepers.spawn(
        "gateway content",
        Arc::clone(&served).follow(store.clone(), Arc::clone(announcements), end.clone()),
    );
    keepers.spawn(
        "gateway zone streams",
        Arc::clone(&router).keep(store.clone(), Arc::clone(announcements), keeping),
    );
    keepers.spawn(
        "gateway subscriptions",
        Arc::clone(&replica).keep_subscribed(
            Arc::clone(&router),
            Arc::clone(&counters),
            end.clone(),
        ),
    );
    keepers.spawn(
        "gateway notes",
        Arc::clone(&notes).keep(store.clone(), end.clone()),
    );
    keepers.spawn("gateway sessions", Arc::clone(&presence).keep(end.clone()));
    Ok(Arc::new(Shared {
        config,
        counters,
        served,
        replica,
        router,
        accounts: Accounts::new(auth),
        maps: Maps::new(store.clone()),
        notes,
        presence,
        store: store.clone(),
        warnings: Throttle::default(),
    }))
}

/// A gateway's name is new at each of its starts, so that nothing of an earlier run is taken for its own.
fn draw_name() -> String {
    format!("gateway-{:016x}", rand::random::<u64>())
}
