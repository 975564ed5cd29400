//! Taking up what others have done to the world: edits of maps, reloads, resets, and content that was published. Each time, regions are told.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, atomic::Ordering},
};

use store::announce::Topic;
use world::{region::Input, region_id::RegionId};

use super::{Ground, scene};
use crate::scene::Scene;

impl Ground {
    /// Follows, if that can be done now.
    pub(super) async fn look(&mut self) {
        if let Err(error) = self.follow().await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "versions of the world cannot be read"
            );
        }
    }

    /// Takes up what others have edited and published since.
    pub(super) async fn follow(&mut self) -> Result<(), store::Error> {
        let versions = self.server.store.versions().await?;
        let is_new = versions.content != self.world.version.version;
        if is_new && Some(versions.content) != self.refused {
            self.load(versions.content).await?;
        }
        if self.served.version != Some(versions.map) {
            self.catch_up(versions.map).await?;
        }
        Ok(())
    }

    /// Takes the maps that are other ones from SQL, where they have at least this version.
    async fn catch_up(&mut self, version: u64) -> Result<(), store::Error> {
        let edits = self.server.store.edits();
        let (of_map, resets) = (edits.map_versions().await?, edits.resets().await?);
        let reloads = edits.reloads().await?;
        let changed: BTreeSet<&String> = of_map
            .iter()
            .filter(|(map, version)| self.served.of_map.get(*map) != Some(version))
            .map(|(map, _)| map)
            .collect();
        if !changed.is_empty() {
            let mut edits = edits.tiles().await?;
            edits.retain(|edit| changed.contains(&edit.map));
            let (scene, published) = (self.server.scene.load(), &self.world.content.terrain);
            let terrain = changed.iter().fold(scene.terrain.clone(), |terrain, map| {
                terrain.with_map_of(published, map)
            });
            self.serve(scene.on(terrain.with_edits(&edits)));
            self.tell_maps(changed).await;
        }
        let reset = raised(self.served.resets.as_ref(), &resets);
        let reloaded = raised(self.served.reloads.as_ref(), &reloads);
        if !reset.is_empty() || !reloaded.is_empty() {
            let afresh = self.regions_of(reset);
            self.tell_all(&afresh).await;
        }
        self.served.resets = Some(resets);
        self.served.reloads = Some(reloads);
        self.served.of_map = of_map;
        self.served.version = Some(version);
        self.server.standing.serve_map(version);
        Ok(())
    }

    /// From now on, this is the ground.
    pub(super) fn serve(&self, scene: Scene) {
        self.server.scene.store(Arc::new(scene));
    }

    fn regions_of<'m>(&self, maps: impl IntoIterator<Item = &'m String>) -> BTreeSet<RegionId> {
        let scene = self.server.scene.load();
        let cell_tiles = scene.terrain.cell_tiles();
        maps.into_iter()
            .filter_map(|map| scene.terrain.map(map))
            .flat_map(|map| map.regions(cell_tiles))
            .collect()
    }

    /// Tells the regions of maps that the ground is another one. Those whom the content puts there stay as they are.
    pub(super) async fn tell_maps<'m>(&self, maps: impl IntoIterator<Item = &'m String>) {
        for region in self.regions_of(maps) {
            let (creatures, afresh) = (None, false);
            self.tell(region, Input::Changed { creatures, afresh })
                .await;
        }
    }

    /// Tells all regions that the ground is another one, and whom the content puts there: whoever has been taken elsewhere goes there and is at home
    /// again. In some regions they begin anew.
    pub(super) async fn tell_all(&self, afresh: &BTreeSet<RegionId>) {
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

    /// Serves a content version that was published since.
    async fn load(&mut self, version: u64) -> Result<(), store::Error> {
        let world = match self.server.store.content().world().await {
            Ok(Some(world)) => world,
            Ok(None) => return Ok(()),
            Err(error @ store::Error::Unservable { .. }) => {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "the earlier content stays"
                );
                self.refused = Some(version);
                return Ok(());
            }
            Err(error) => return Err(error),
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
            return Ok(());
        }
        // Before the edits: what is edited after this is followed.
        let of_map = self.server.store.edits().map_versions().await?;
        let scene = scene(&self.server.store, &world).await?;
        tracing::info!(version = world.version.version, "content is served");
        self.world = world;
        self.refused = None;
        self.served.of_map = of_map;
        self.serve(scene);
        self.server
            .content
            .store(self.world.version.version, Ordering::Relaxed);
        // New regions begin, those that no map has a part of end.
        self.server.terrain_changed.notify_one();
        self.tell_all(&BTreeSet::new()).await;
        self.server.announcements.announce(Topic::Flags);
        Ok(())
    }
}

/// The maps whose counts have been raised. What is on a map that is new has just begun.
fn raised<'m>(
    before: Option<&BTreeMap<String, u64>>,
    counts: &'m BTreeMap<String, u64>,
) -> Vec<&'m String> {
    let is_raised = |(map, count): &(&String, &u64)| {
        let before = before.and_then(|before| before.get(*map));
        before.is_some_and(|before| before < *count)
    };
    let raised = counts.iter().filter(is_raised);
    raised.map(|(map, _)| map).collect()
}
