//! Keeping a stream to each zone server that lives, and telling each which regions we listen to. What is said on a stream is [`super::stream`]'s to know.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use runtime::shutdown::Shutdown;
use store::{directory::ZoneServer, entities::Incarnation};
use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
    time::{Instant, MissedTickBehavior},
};
use world::{region::HYSTERESIS_TILES, region_id::RegionId};

use super::{Peer, QUEUE_MAX, interest::Interest, stream};
use crate::{count, server::Server};

/// How often it is looked which regions are near, besides when holdings change: view distances and what lingers change as well.
const INTERVAL: Duration = Duration::from_secs(1);

/// Keeps streams until told to stop, and while this server is trusted.
pub(crate) async fn run(server: Arc<Server>, stop: Shutdown) -> anyhow::Result<()> {
    let mut interval = tokio::time::interval(INTERVAL);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut held = server.holdings.changes();
    let mut trusted = server.trust.changes();
    let mut keeping = Keeping {
        interest: Interest::default(),
        kept: BTreeMap::new(),
        keepers: JoinSet::new(),
        server,
    };
    loop {
        tokio::select! {
            () = stop.triggered() => break,
            _ = interval.tick() => {
                let (stream_count, ghost_count) = keeping.server.peers.depth();
                count::neighbours(stream_count, ghost_count);
            }
            Ok(()) = held.changed() => {}
            Ok(()) = trusted.changed() => {}
            Some(ended) = keeping.keepers.join_next() => keeping.forget(ended?),
        }
        keeping.follow();
    }
    for kept in keeping.kept.values() {
        kept.gone.trigger();
    }
    while let Some(ended) = keeping.keepers.join_next().await {
        keeping.forget(ended?);
    }
    Ok(())
}

struct Keeping {
    server: Arc<Server>,
    interest: Interest,
    kept: BTreeMap<Incarnation, Kept>,
    keepers: JoinSet<Incarnation>,
}

/// A stream that is kept.
struct Kept {
    gone: Shutdown,
    /// The regions that we listen to by it.
    wanted: watch::Sender<BTreeSet<RegionId>>,
}

impl Keeping {
    /// Streams to those that live, and no others; none while we may not speak. Each is told what we listen to.
    fn follow(&mut self) {
        let server = Arc::clone(&self.server);
        let servers = server.holdings.servers();
        let is_trusted = server.trust.is_trusted();
        let live: BTreeMap<Incarnation, &ZoneServer> = servers
            .iter()
            .filter(|other| is_trusted && other.incarnation != server.me)
            .map(|other| (other.incarnation, other))
            .collect();
        for (incarnation, kept) in &self.kept {
            if !live.contains_key(incarnation) {
                kept.gone.trigger();
            }
        }
        for (incarnation, other) in live {
            if !self.kept.contains_key(&incarnation) {
                self.keep(other.clone());
            }
        }
        self.listen();
    }

    fn keep(&mut self, other: ZoneServer) {
        let (queue, messages) = mpsc::channel(QUEUE_MAX);
        let (wanted, wants) = watch::channel(BTreeSet::new());
        let (gone, is_up) = (Shutdown::default(), Arc::default());
        let peer = Peer {
            queue,
            is_up: Arc::clone(&is_up),
        };
        let incarnation = other.incarnation;
        self.server.peers.peers.write().insert(incarnation, peer);
        let kept = Kept {
            gone: gone.clone(),
            wanted,
        };
        self.kept.insert(incarnation, kept);
        let server = Arc::clone(&self.server);
        self.keepers.spawn(async move {
            let keeper = stream::Keeper {
                server,
                other,
                is_up,
                messages,
                wants,
            };
            keeper.run(&gone).await;
            incarnation
        });
    }

    /// A keeper has ended.
    fn forget(&mut self, incarnation: Incarnation) {
        self.kept.remove(&incarnation);
        self.server.peers.peers.write().remove(&incarnation);
    }

    /// Tells everybody what we listen to.
    fn listen(&mut self) {
        let server = &self.server;
        let scene = server.scene.load();
        let (settings, regions) = (&scene.settings, scene.terrain.regions());
        // Who is beyond a border by less than that is still told of by the region behind it.
        let distance = settings.view_distance + HYSTERESIS_TILES;
        let near: BTreeSet<RegionId> = server
            .holdings
            .mine()
            .into_iter()
            .flat_map(|(region, _)| region.near(distance, settings.cell_tiles))
            .filter(|region| regions.contains(region))
            .collect();
        let others = |region| {
            let holder = server.holdings.holder(region)?.incarnation;
            (holder != server.me).then_some(holder)
        };
        let mut plan = self.interest.plan(&near, others, Instant::now());
        let all: BTreeSet<RegionId> = plan.values().flatten().copied().collect();
        server.peers.ghosts.lock().want(&all);
        for (incarnation, kept) in &self.kept {
            let wanted = plan.remove(incarnation).unwrap_or_default();
            kept.wanted.send_if_modified(|told| {
                let is_new = *told != wanted;
                *told = wanted;
                is_new
            });
        }
    }
}
