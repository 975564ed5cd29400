//! The life of a zone server: it loads the world, starts its tasks, and drains when told to stop.

use std::{
    io,
    pin::pin,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use runtime::{
    Context,
    shutdown::Shutdown,
    tasks::{self, Tasks},
};
use store::{
    Store,
    announce::{Announcements, Topic},
    processes::{self, About, Facts, Kind},
};
use tokio::net::TcpListener;

use crate::{
    Config, NotDrained,
    ground::Ground,
    heartbeat,
    holdings::keeper::Keeper,
    peers, recovery, roles,
    server::{Loaded, Server},
    service,
};

/// How long the tasks may take to end after the regions are drained: the last answers go out in that time.
const FINISH_TIMEOUT: Duration = Duration::from_secs(5);

/// Why a zone server does not run, or not any more.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no world to serve.
    #[error("no world has been published; publish one with `pymmorpg world publish DIR`")]
    NoWorld,
    /// The world, its edits or the roles cannot be read, or the server cannot be entered into the directory.
    #[error("cannot load the world")]
    Store(#[from] store::Error),
    /// The listener has no address.
    #[error("cannot listen")]
    Listen(#[source] io::Error),
    /// A part of the server has failed. Its regions have been drained.
    #[error("a part of the zone server has failed")]
    Task(#[from] tasks::Failure),
    /// Not all rows were released. They are claimed by whoever comes next.
    #[error("the zone server has not let go of everything")]
    Drain(#[from] NotDrained),
}

/// Serves the published world until the shutdown, and returns when all is saved and released.
///
/// # Errors
/// Says what keeps it from running, or what has ended it.
pub async fn serve(
    listener: TcpListener,
    store: Store,
    announcements: Arc<dyn Announcements>,
    config: Config,
    context: Context,
) -> Result<(), Error> {
    let health = context.health.part("zone-server");
    let address = listener.local_addr().map_err(Error::Listen)?;
    let reached = config.advertise.clone();
    // Settings have refused a listener that nobody else could name.
    let reached = reached.unwrap_or_else(|| format!("http://{address}"));
    let loaded = Server::load(store, announcements, reached, config.is_alone).await?;
    let Loaded {
        server,
        world,
        edits,
    } = loaded.ok_or(Error::NoWorld)?;
    // In the directory before the first claim: whoever is not there is not alive, and loses what it has.
    heartbeat::say(&server).await?;

    let keeper = Keeper::begin(Arc::clone(&server), health.clone()).await?;
    let ground = Ground::new(Arc::clone(&server), world, edits);
    let drain_timeout = Duration::from_millis(config.drain_timeout_ms);
    let [halt, quiet, stop] = [(); 3].map(|()| Shutdown::default());
    let mut tasks = Tasks::new();
    let handle = || Arc::clone(&server);
    tasks.spawn("ground", ground.run(stop.clone()));
    tasks.spawn("peers", peers::run(handle(), stop.clone()));
    tasks.spawn("roles", roles::run(handle(), stop.clone()));
    tasks.spawn("recovery", recovery::run(handle(), stop.clone()));
    let beating = heartbeat::run(handle(), context.end.clone(), quiet.clone());
    tasks.spawn("heartbeat", beating);
    let admin = context.admin.map(|admin| admin.to_string());
    tasks.spawn("listing", list(handle(), admin, stop.clone()));
    let service = service::serve(listener, handle(), config, stop.clone());
    tasks.spawn("service", service);
    server.announcements.announce(Topic::Directory);
    let region_count = server.regions.depth().0;
    tracing::info!(incarnation = %server.me, %address, region_count, "zone server is ready");

    let mut regions = pin!(keeper.run(halt.clone(), drain_timeout));
    let failure = tokio::select! {
        () = context.shutdown.triggered() => None,
        failure = tasks.first_failure() => failure,
        // It ends only when it is told to.
        drained = &mut regions => return Ok(drained?),
    };
    tracing::info!("zone server drains");
    health.not_ready();
    halt.trigger();
    let drained = regions.await;
    quiet.trigger();
    if let Err(error) = server.store.directory().remove(server.me).await {
        tracing::warn!(
            error = &error as &dyn std::error::Error,
            "the directory keeps us until our time to live has passed"
        );
    }
    server.announcements.announce(Topic::Directory);
    server.links.close_all();
    stop.trigger();
    let finished = tasks.finish(FINISH_TIMEOUT).await;
    if let Some(failure) = failure {
        return Err(failure.into());
    }
    drained?;
    finished?;
    tracing::info!("zone server has stopped");
    Ok(())
}

/// Tells operators that this server runs, and what lives in it.
async fn list(server: Arc<Server>, admin: Option<String>, stop: Shutdown) -> anyhow::Result<()> {
    let address = server.standing.get().address;
    let about = About::this(server.me.into(), Kind::ZoneServer, address, admin);
    let facts = || Facts {
        content: Some(server.content.load(Ordering::Relaxed)),
        players: None,
        creatures: Some(server.lives.sums().population.alive_count as u64),
    };
    processes::keep(server.store.clone(), about, facts, stop.triggered()).await;
    Ok(())
}
