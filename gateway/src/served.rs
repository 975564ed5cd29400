//! What this gateway serves: the published world, the client's image, and the versions that flags tell of. Versions are polled, and looked at
//! sooner when they are announced to have changed.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use runtime::shutdown::Shutdown;
use store::{
    Store,
    announce::{Announcements, Topic},
    content::World,
};
use tokio::sync::watch;
use wire::reply::Image;
use world::region_id::RegionId;

use crate::{flags::Current, image, replica::Scale, throttle::Throttle};

/// How often the versions are read.
const POLL_INTERVAL: Duration = Duration::from_secs(1);
/// How soon a world is looked for again while there is none that can be served.
const RETRY_INTERVAL: Duration = Duration::from_millis(200);

/// What is served at one time.
#[derive(Debug)]
pub(crate) struct Serving {
    /// The published world.
    pub(crate) world: Arc<World>,
    /// The client's image.
    pub(crate) image: Image,
    /// What a player's eyes need to know of it.
    pub(crate) scale: Scale,
}

/// What is served, whenever one looks.
#[derive(Debug)]
pub(crate) struct Served {
    serving: ArcSwap<Serving>,
    versions: Current,
}

impl Served {
    /// Waits until there is a world that can be served, and serves it. None: the shutdown came first.
    pub(crate) async fn begin(store: &Store, shutdown: &Shutdown) -> Option<Self> {
        let mut last_problem = String::new();
        loop {
            let problem = match begin(store).await {
                Ok(Some(served)) => return Some(served),
                Ok(None) => "no world has been published".to_owned(),
                Err(error) => format!("{:#}", anyhow::Error::new(error)),
            };
            if problem != last_problem {
                tracing::warn!(problem, "waiting for a world");
                last_problem = problem;
            }
            tokio::select! {
                () = tokio::time::sleep(RETRY_INTERVAL) => {}
                () = shutdown.triggered() => return None,
            }
        }
    }

    /// What is served now.
    pub(crate) fn now(&self) -> arc_swap::Guard<Arc<Serving>> {
        self.serving.load()
    }

    /// The versions that clients are told of.
    pub(crate) fn versions(&self) -> &Current {
        &self.versions
    }

    /// Follows what is published, until the shutdown.
    pub(crate) async fn follow(
        self: Arc<Self>,
        store: Store,
        announcements: Arc<dyn Announcements>,
        shutdown: Shutdown,
    ) -> anyhow::Result<()> {
        let mut announced: watch::Receiver<u64> = announcements.listen(Topic::Flags);
        let warnings = Throttle::default();
        while !shutdown.is_triggered() {
            if let Err(error) = self.look(&store).await
                && warnings.is_due()
            {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "still serving what was published before"
                );
            }
            tokio::select! {
                () = tokio::time::sleep(POLL_INTERVAL) => {}
                _ = announced.changed() => {}
                () = shutdown.triggered() => {}
            }
        }
        Ok(())
    }

    /// Serves what is newest, and tells of it only then.
    async fn look(&self, store: &Store) -> Result<(), store::Error> {
        let versions = store.versions().await?;
        let before = self.serving.load_full();
        if versions.content != before.world.version.version
            && let Some(world) = store.content().world().await?
            && world.version.version != before.world.version.version
        {
            let serving = serve(world, before.scale.cell_tiles).await?;
            tracing::info!(
                content = serving.world.version.version,
                client = serving.world.content.client_version,
                "serving a new world"
            );
            self.serving.store(Arc::new(serving));
        }
        self.versions.raise(versions.map, versions.client);
        Ok(())
    }
}

async fn begin(store: &Store) -> Result<Option<Served>, store::Error> {
    let versions = store.versions().await?;
    let Some(world) = store.content().world().await? else {
        return Ok(None);
    };
    let cell_tiles = world.content.settings.cell_tiles;
    let serving = serve(world, cell_tiles).await?;
    let served = Served {
        serving: ArcSwap::from_pointee(serving),
        versions: Current::default(),
    };
    served.versions.raise(versions.map, versions.client);
    Ok(Some(served))
}

/// Makes what is served from a world. The side of a region stays what it was when the gateway started, as it does at zone servers.
async fn serve(world: Arc<World>, cell_tiles: u32) -> Result<Serving, store::Error> {
    if world.content.settings.cell_tiles != cell_tiles {
        tracing::warn!(
            cell_tiles,
            published = world.content.settings.cell_tiles,
            "the side of a region changes with the next start"
        );
    }
    let for_image = Arc::clone(&world);
    let image = tokio::task::spawn_blocking(move || {
        image::build(&for_image.files, &for_image.content.terrain)
    })
    .await
    .map_err(|_| store::Error::Closing)?;
    let maps = world.content.terrain.maps();
    let regions: BTreeSet<RegionId> = maps.flat_map(|map| map.regions(cell_tiles)).collect();
    let scale = Scale {
        view_distance: world.content.settings.view_distance,
        cell_tiles,
        regions: Arc::new(regions),
    };
    Ok(Serving {
        world,
        image,
        scale,
    })
}
