//! What all tasks of one zone server share: handles, and nothing that decides.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use arc_swap::ArcSwap;
use store::{
    Store, announce::Announcements, content::World, directory::ZoneServer, entities::Incarnation,
};
use tokio::sync::{Notify, mpsc};
use world::region::Neighbours;

use crate::{
    clock::Clock,
    failures::Failures,
    ground::{self, MapEdit},
    heartbeat::Standing,
    holdings::Holdings,
    links::Links,
    lives::Lives,
    neighbours::Neighbourhood,
    outage::Outage,
    peers::Peers,
    recovery::Begun,
    regions::Regions,
    scene::Scene,
    trust::Trust,
    whereabouts::Whereabouts,
};

/// A zone server.
#[derive(Debug)]
pub(crate) struct Server {
    /// This run of it.
    pub(crate) me: Incarnation,
    pub(crate) clock: Clock,
    pub(crate) store: Store,
    pub(crate) announcements: Arc<dyn Announcements>,
    /// What the directory says of this server.
    pub(crate) standing: Standing,
    /// Whether it may speak.
    pub(crate) trust: Trust,
    /// Who holds which region.
    pub(crate) holdings: Arc<Holdings>,
    /// The gateways.
    pub(crate) links: Arc<Links>,
    /// The other zone servers.
    pub(crate) peers: Peers,
    /// What entities see over the borders of their regions.
    pub(crate) neighbourhood: Arc<Neighbourhood>,
    /// The same, as regions have it.
    pub(crate) neighbours: Arc<dyn Neighbours>,
    /// What lives in the regions, for operators.
    pub(crate) lives: Lives,
    /// What has failed in them.
    pub(crate) failures: Failures,
    /// The regions' mailboxes.
    pub(crate) regions: Regions,
    /// Regions whose rows are to be looked for.
    pub(crate) begun: Begun,
    pub(crate) whereabouts: Whereabouts,
    /// The ground and the rules.
    pub(crate) scene: ArcSwap<Scene>,
    /// The content version that is served.
    pub(crate) content: AtomicU64,
    /// The [`world::name::key`]s of all game masters.
    pub(crate) game_masters: ArcSwap<BTreeSet<String>>,
    /// The way to the ground's task.
    pub(crate) map_edits: mpsc::Sender<MapEdit>,
    /// Told when the terrain has other regions than before.
    pub(crate) terrain_changed: Notify,
    /// Whether a row may be ours that no region has: a claim's outcome is unknown, or a region has failed while it had rows in its hands.
    pub(crate) rows_in_doubt: AtomicBool,
    /// Whether rows can be looked for.
    pub(crate) rows_outage: Outage,
}

/// A zone server that does nothing yet, and what its ground needs.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) server: Arc<Server>,
    /// The world that it serves.
    pub(crate) world: Arc<World>,
    /// What [`Server::map_edits`] leads to.
    pub(crate) edits: mpsc::Receiver<MapEdit>,
}

impl Server {
    /// Reads the published world, for a server that is reached at an address, and that may be alone with its database. None: there is none.
    ///
    /// # Errors
    /// The database did not answer, or the world cannot be served.
    pub(crate) async fn load(
        store: Store,
        announcements: Arc<dyn Announcements>,
        address: String,
        is_alone: bool,
    ) -> Result<Option<Loaded>, store::Error> {
        let Some(world) = store.content().world().await? else {
            return Ok(None);
        };
        let (map_edits, edits) = mpsc::channel(ground::EDITS_MAX);
        let me = Incarnation::draw();
        let standing = Standing::new(ZoneServer {
            incarnation: me,
            address,
            is_leaving: false,
            map: 0,
        });
        let holdings = Arc::new(Holdings::new(me));
        let links = Arc::new(Links::default());
        let peers = Peers::new(Arc::clone(&links), Arc::clone(&holdings));
        let neighbourhood = Arc::new(Neighbourhood::new(peers.ghosts()));
        let neighbours: Arc<dyn Neighbours> = neighbourhood.clone();
        let server = Arc::new(Self {
            me,
            standing,
            trust: Trust::new(is_alone),
            peers,
            neighbourhood,
            neighbours,
            holdings,
            clock: Clock::start(),
            content: AtomicU64::new(world.version.version),
            scene: ArcSwap::from_pointee(ground::scene(&store, &world).await?),
            game_masters: ArcSwap::from_pointee(store.accounts().game_masters().await?),
            store,
            announcements,
            links,
            lives: Lives::default(),
            failures: Failures::default(),
            regions: Regions::default(),
            begun: Begun::default(),
            whereabouts: Whereabouts::default(),
            map_edits,
            terrain_changed: Notify::new(),
            rows_in_doubt: AtomicBool::new(false),
            rows_outage: Outage::default(),
        });
        Ok(Some(Loaded {
            server,
            world,
            edits,
        }))
    }

    /// Whether a zone server is alive. That one is dead is not taken from what was read a while ago.
    ///
    /// # Errors
    /// The database did not answer.
    pub(crate) async fn lives(&self, other: Incarnation) -> Result<bool, store::Error> {
        let is_other = |server: &ZoneServer| server.incarnation == other;
        if self.holdings.servers().iter().any(is_other) {
            return Ok(true);
        }
        Ok(self.store.directory().live().await?.iter().any(is_other))
    }

    /// A row may be ours that no region has.
    pub(crate) fn doubt_rows(&self) {
        self.rows_in_doubt.store(true, Ordering::Relaxed);
    }
}
