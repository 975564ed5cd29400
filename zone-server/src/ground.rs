//! The one task that changes the ground: game masters' edits of maps, and newly published content, one after the other. Regions read what it
//! leaves in the [`Scene`].

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use runtime::shutdown::Shutdown;
use store::{announce::Topic, content::World, edits};
use tokio::{
    sync::{mpsc, watch},
    time::MissedTickBehavior,
};
use tracing::{Instrument, Span};
use world::{
    region::{Answer, Asker, Audit, Edit, Input, Message},
    region_id::RegionId,
    terrain::TileEdit,
};

use crate::{
    answer::{reply, try_again},
    audit,
    scene::Scene,
    server::Server,
};

/// How many edits wait. When there are more, the gateway is told to ask again.
pub(crate) const EDITS_MAX: usize = 256;
/// How often versions are looked at, besides when something is announced.
const INTERVAL: Duration = Duration::from_secs(1);

/// A game master's edit of a map.
#[derive(Debug)]
pub(crate) struct MapEdit {
    /// Who waits for the answer.
    pub(crate) asker: Asker,
    pub(crate) edit: Edit,
    /// The request.
    pub(crate) span: Span,
}

/// The task's state.
#[derive(Debug)]
pub(crate) struct Ground {
    server: Arc<Server>,
    edits: mpsc::Receiver<MapEdit>,
    announced: watch::Receiver<u64>,
    world: Arc<World>,
    /// A version that was looked at and is not served.
    refused: Option<u64>,
    /// Whether an edit may be in SQL that the scene has not got.
    is_stale: bool,
}

/// What an edit of a map does to those whom the content puts into the world.
#[derive(Debug, Clone, Copy)]
enum Creatures {
    /// Nothing.
    Stay,
    /// Whoever is not there, or not at home, is again.
    Return,
    /// The map's begin anew.
    BeginAnew,
}

/// The scene of a world with all edits in force.
///
/// # Errors
/// The database did not answer.
pub(crate) async fn scene(store: &store::Store, world: &World) -> Result<Scene, store::Error> {
    let edits = store.edits().tiles().await?;
    Ok(Scene::new(world, world.content.terrain.with_edits(&edits)))
}

impl Ground {
    /// The ground of a server that serves `world`.
    pub(crate) fn new(
        server: Arc<Server>,
        world: Arc<World>,
        edits: mpsc::Receiver<MapEdit>,
    ) -> Self {
        let announced = server.announcements.listen(Topic::Flags);
        Self {
            server,
            edits,
            announced,
            world,
            refused: None,
            is_stale: false,
        }
    }

    /// Works until told to stop.
    pub(crate) async fn run(mut self, stop: Shutdown) -> anyhow::Result<()> {
        let mut interval = tokio::time::interval(INTERVAL);
        interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stop.triggered() => return Ok(()),
                Some(edit) = self.edits.recv() => self.edit(edit).await,
                _ = interval.tick() => self.follow().await,
                Ok(()) = self.announced.changed() => self.follow().await,
            }
        }
    }

    /// Makes an edit, and answers.
    async fn edit(&mut self, MapEdit { asker, edit, span }: MapEdit) {
        let link = asker.session.link;
        let message = self.try_edit(asker, edit).instrument(span).await;
        self.server.links.tell(link, message);
    }

    async fn try_edit(&mut self, asker: Asker, edit: Edit) -> Message {
        if self.is_stale && !self.refresh().await {
            return try_again(&asker);
        }
        let done = match &edit {
            Edit::Tile(tile) => self.tile(tile, log(&asker, &edit)).await,
            Edit::Reload(map) => self.replace(map, true, log(&asker, &edit)).await,
            Edit::Reset(map) => self.replace(map, false, log(&asker, &edit)).await,
            // Not of the ground: no region sends them here.
            Edit::Spawn { .. } | Edit::Despawn(_) | Edit::Teleport { .. } | Edit::Kick(_) => {
                Ok(false)
            }
        };
        match done {
            Ok(done) => reply(&asker, Answer::Done(done)),
            Err(error) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "an edit's outcome is unknown"
                );
                self.is_stale = true;
                try_again(&asker)
            }
        }
    }

    async fn tile(&mut self, tile: &TileEdit, log: edits::Audit) -> Result<bool, store::Error> {
        let scene = self.server.scene.load_full();
        if scene.terrain.check_edit(tile).is_err() {
            return Ok(false);
        }
        let outcome = self.server.store.edits().tile(tile.clone(), log).await?;
        Ok(match outcome {
            edits::Outcome::Done(_) => {
                let terrain = scene.terrain.with_edits(std::slice::from_ref(tile));
                self.change_map(&tile.map, scene.on(terrain), Creatures::Stay)
                    .await;
                true
            }
            edits::Outcome::Repeated => true,
            edits::Outcome::Refused => false,
        })
    }

    /// Takes a map as it was published, with those of its edits that still fit, or with none.
    async fn replace(
        &mut self,
        map: &str,
        keeps_edits: bool,
        log: edits::Audit,
    ) -> Result<bool, store::Error> {
        let published = Arc::clone(&self.world);
        let published = &published.content.terrain;
        if published.map(map).is_none() {
            return Ok(false);
        }
        let mut keep = Vec::new();
        if keeps_edits {
            keep = self.server.store.edits().tiles().await?;
            keep.retain(|edit| edit.map == map && published.check_edit(edit).is_ok());
        }
        let edits = self.server.store.edits();
        let outcome = edits.replace(map.to_owned(), keep.clone(), log).await?;
        Ok(match outcome {
            edits::Outcome::Done(_) => {
                let scene = self.server.scene.load_full();
                let terrain = scene.terrain.with_map_of(published, map).with_edits(&keep);
                let creatures = if keeps_edits {
                    Creatures::Return
                } else {
                    Creatures::BeginAnew
                };
                self.change_map(map, scene.on(terrain), creatures).await;
                true
            }
            edits::Outcome::Repeated => true,
            edits::Outcome::Refused => false,
        })
    }

    /// A map is another one: in force at once, then told.
    async fn change_map(&self, map: &str, scene: Scene, creatures: Creatures) {
        let cell_tiles = scene.terrain.cell_tiles();
        let map = scene.terrain.map(map);
        let of_map: BTreeSet<RegionId> = map
            .into_iter()
            .flat_map(|map| map.regions(cell_tiles))
            .collect();
        self.server.scene.store(Arc::new(scene));
        match creatures {
            Creatures::Stay => {
                for region in of_map {
                    let (creatures, afresh) = (None, false);
                    self.tell(region, Input::Changed { creatures, afresh })
                        .await;
                }
            }
            Creatures::Return => self.tell_all(&BTreeSet::new()).await,
            Creatures::BeginAnew => self.tell_all(&of_map).await,
        }
        self.server.announcements.announce(Topic::Flags);
    }

    /// Tells all regions that the ground is another one, and whom the content puts there: whoever has been taken elsewhere goes there and is at home
    /// again. In some regions they begin anew.
    async fn tell_all(&self, afresh: &BTreeSet<RegionId>) {
        let scene = self.server.scene.load_full();
        for (region, _) in self.server.regions.all() {
            let changed = Input::Changed {
                creatures: Some(scene.creatures(region)),
                afresh: afresh.contains(&region),
            };
            self.tell(region, changed).await;
        }
    }

    async fn tell(&self, region: RegionId, changed: Input) {
        if let Some(mailbox) = self.server.regions.mailbox(region) {
            // One that has ended begins with the ground as it is then.
            let _ended = mailbox.send(changed.into()).await;
        }
    }

    /// Takes all edits from SQL again; whether that could be done.
    async fn refresh(&mut self) -> bool {
        match scene(&self.server.store, &self.world).await {
            Ok(scene) => {
                self.is_stale = false;
                self.change_all(scene).await;
                true
            }
            Err(error) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "edits cannot be read"
                );
                false
            }
        }
    }

    /// Everything may be another one: new regions begin, those that no map has a part of end.
    async fn change_all(&self, scene: Scene) {
        self.server.scene.store(Arc::new(scene));
        self.server.terrain_changed.notify_one();
        self.tell_all(&BTreeSet::new()).await;
        self.server.announcements.announce(Topic::Flags);
    }

    /// Takes up a content version that was published since.
    async fn follow(&mut self) {
        if self.is_stale {
            self.refresh().await;
        }
        match self.server.store.versions().await {
            Ok(versions)
                if versions.content == self.world.version.version
                    || Some(versions.content) == self.refused => {}
            Ok(versions) => self.load(versions.content).await,
            Err(error) => tracing::warn!(
                error = &error as &dyn std::error::Error,
                "versions cannot be read"
            ),
        }
    }

    async fn load(&mut self, version: u64) {
        let world = match self.server.store.content().world().await {
            Ok(Some(world)) => world,
            Ok(None) => return,
            Err(error @ store::Error::Unservable { .. }) => {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "the earlier content stays"
                );
                self.refused = Some(version);
                return;
            }
            Err(error) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "content cannot be read"
                );
                return;
            }
        };
        let cell_tiles = self.world.content.terrain.cell_tiles();
        if world.content.terrain.cell_tiles() != cell_tiles {
            tracing::warn!(
                version,
                cell = world.content.terrain.cell_tiles(),
                served = cell_tiles,
                "another cell is served after a restart; the earlier content stays"
            );
            self.refused = Some(version);
            return;
        }
        match scene(&self.server.store, &world).await {
            Ok(scene) => {
                tracing::info!(version = world.version.version, "content is served");
                self.world = world;
                self.refused = None;
                self.change_all(scene).await;
            }
            Err(error) => tracing::warn!(
                error = &error as &dyn std::error::Error,
                "edits cannot be read"
            ),
        }
    }
}

fn log(asker: &Asker, edit: &Edit) -> edits::Audit {
    audit::line(&Audit {
        author: asker.key.clone(),
        id: asker.id,
        edit: edit.clone(),
    })
}
