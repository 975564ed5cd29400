//! The one task that changes the ground: game masters' edits of maps, those of other zone servers, and newly published content, one after the other. Regions read what it leaves in the [`Scene`].
//!
//! A map is edited in SQL, in which it has a version. What is read of it is never older than the version that this server says to have in force.

mod everywhere;
mod following;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use runtime::shutdown::Shutdown;
use store::{announce::Topic, content::World, edits};
use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
    time::MissedTickBehavior,
};
use tracing::{Instrument, Span};
use world::{
    movement::Ground as _,
    region::{Answer, Asker, Audit, Edit},
    region_id::RegionId,
    terrain::{Terrain, TileEdit},
};

use crate::{
    answer::{reply, try_again},
    audit, rows,
    scene::Scene,
    server::Server,
};

/// How many edits wait, and how many answers to edits. When there are more, the gateway is told to ask again.
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
    /// What the scene has.
    served: Served,
    /// Answers that are given when every zone server has in force what they are about.
    waiting: JoinSet<()>,
}

/// What is in the scene, as SQL counts it.
#[derive(Debug, Default)]
struct Served {
    /// The version of all maps; None: an edit may be in SQL that the scene has not got.
    version: Option<u64>,
    /// The version of each map.
    of_map: BTreeMap<String, u64>,
    /// How often each map was reset, and how often it was reloaded; None: nobody has looked yet.
    resets: Option<BTreeMap<String, u64>>,
    reloads: Option<BTreeMap<String, u64>>,
}

/// What becomes of an edit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// It is in force wherever it has to be.
    Done,
    /// It is done as soon as every zone server has it in force.
    DoneEverywhere,
    /// It cannot be done; it may be that it was, before.
    Refused,
    /// It is another server's to do.
    NotOurs,
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
            served: Served::default(),
            waiting: JoinSet::new(),
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
                _ = interval.tick() => self.look().await,
                Ok(()) = self.announced.changed() => self.look().await,
                Some(answered) = self.waiting.join_next() => answered?,
            }
        }
    }

    /// Makes an edit, and answers.
    async fn edit(&mut self, MapEdit { asker, edit, span }: MapEdit) {
        let link = asker.session.link;
        let verdict = self.try_edit(&asker, &edit).instrument(span).await;
        let message = match verdict {
            Ok(Verdict::Done) => reply(&asker, Answer::Done(true)),
            Ok(Verdict::Refused) => rows::was_done(&self.server, &asker).await,
            Ok(Verdict::DoneEverywhere) if self.waiting.len() < EDITS_MAX => {
                return self.answer_later(asker);
            }
            Ok(Verdict::DoneEverywhere | Verdict::NotOurs) => try_again(&asker),
            Err(error) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "an edit's outcome is unknown"
                );
                self.served.version = None;
                try_again(&asker)
            }
        };
        self.server.links.tell(link, message);
    }

    /// Answers when every zone server that lives has in force what this one has.
    fn answer_later(&mut self, asker: Asker) {
        let server = Arc::clone(&self.server);
        let version = self.served.version.unwrap_or(u64::MAX);
        let answering = async move {
            let message = if everywhere::is_served(&server, version).await {
                reply(&asker, Answer::Done(true))
            } else {
                try_again(&asker)
            };
            server.links.tell(asker.session.link, message);
        };
        self.waiting.spawn(answering);
    }

    async fn try_edit(&mut self, asker: &Asker, edit: &Edit) -> Result<Verdict, store::Error> {
        if self.served.version.is_none() {
            self.follow().await?;
        }
        match edit {
            Edit::Tile(tile) => self.tile(tile, log(asker, edit)).await,
            Edit::Reload(map) => self.reload(map, log(asker, edit)).await,
            Edit::Reset(map) => self.reset(map, log(asker, edit)).await,
            // Not of the ground: no region sends them here.
            Edit::Spawn { .. } | Edit::Despawn(_) | Edit::Teleport { .. } | Edit::Kick(_) => {
                Ok(Verdict::Refused)
            }
        }
    }

    async fn tile(&mut self, tile: &TileEdit, log: edits::Audit) -> Result<Verdict, store::Error> {
        let scene = self.server.scene.load_full();
        if scene.terrain.check_edit(tile).is_err() {
            return Ok(Verdict::Refused);
        }
        if !self.has(&scene.terrain, tile) {
            return Ok(Verdict::NotOurs);
        }
        match self.server.store.edits().tile(tile.clone(), log).await? {
            edits::Outcome::Done(version) => {
                let terrain = scene.terrain.with_edits(std::slice::from_ref(tile));
                let before = self.served.of_map.insert(tile.map.clone(), version);
                if before != version.checked_sub(1) {
                    // Somebody else has edited it as well: that is read from SQL.
                    self.served.of_map.remove(&tile.map);
                    self.served.version = None;
                }
                self.serve(scene.on(terrain));
                self.tell_maps([&tile.map]).await;
                self.server.announcements.announce(Topic::Flags);
            }
            // By whoever had the region then, perhaps.
            edits::Outcome::Repeated => self.follow().await?,
            edits::Outcome::Refused | edits::Outcome::Denied => return Ok(Verdict::Refused),
        }
        if self.has(&scene.terrain, tile) {
            return Ok(Verdict::Done);
        }
        // Whoever has the region by now need not have the edit in force.
        self.follow().await?;
        Ok(Verdict::DoneEverywhere)
    }

    /// Whether the region of a tile is here.
    fn has(&self, terrain: &Terrain, tile: &TileEdit) -> bool {
        let place = terrain.place_of_tile(&tile.map, tile.x, tile.y);
        place.is_some_and(|place| {
            let region = RegionId::of(place, terrain.cell_tiles());
            self.server.regions.is_open(region)
        })
    }

    /// Takes a map as it was published, with those of its edits that still fit.
    async fn reload(&mut self, map: &str, log: edits::Audit) -> Result<Verdict, store::Error> {
        self.follow().await?;
        let world = Arc::clone(&self.world);
        let published = &world.content.terrain;
        if published.map(map).is_none() {
            return Ok(Verdict::Refused);
        }
        let edits = self.server.store.edits();
        let mut unfit = edits.tiles().await?;
        unfit.retain(|edit| edit.map == map && published.check_edit(edit).is_err());
        let outcome = edits.reload(map.to_owned(), unfit, log).await?;
        self.replaced(outcome).await
    }

    /// Takes a map as it was published, and those whom it puts into the world anew.
    async fn reset(&mut self, map: &str, log: edits::Audit) -> Result<Verdict, store::Error> {
        if self.world.content.terrain.map(map).is_none() {
            return Ok(Verdict::Refused);
        }
        let edits = self.server.store.edits();
        let outcome = edits.reset(map.to_owned(), log).await?;
        self.replaced(outcome).await
    }

    /// A map is another one in SQL, which this server follows as all others do.
    async fn replaced(&mut self, outcome: edits::Outcome<u64>) -> Result<Verdict, store::Error> {
        if matches!(outcome, edits::Outcome::Refused | edits::Outcome::Denied) {
            return Ok(Verdict::Refused);
        }
        self.follow().await?;
        self.server.announcements.announce(Topic::Flags);
        Ok(Verdict::DoneEverywhere)
    }
}

fn log(asker: &Asker, edit: &Edit) -> edits::Audit {
    audit::line(&Audit {
        author: asker.key.clone(),
        id: asker.id,
        edit: edit.clone(),
    })
}
