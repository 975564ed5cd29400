//! A gateway with everything around it.

use std::{collections::BTreeMap, net::SocketAddr, sync::Arc};

use bytes::Bytes;
use gateway::{Config, Peers};
use proto::Region;
use store::{
    Store,
    announce::{Announcements, InProcess, Topic},
    content::Publication,
    directory::ZoneServer,
    entities::Incarnation,
    sessions::InMemory,
};
use tokio::{net::TcpListener, task::JoinHandle};
use world::{
    content::{Files, Placements, load},
    entity::EntityState,
    region_id::RegionId,
};

use crate::{
    client::{Client, DEADLINE, login},
    fake_auth::FakeAuth,
    fake_zone::{FakeZone, region},
};

/// Where everybody begins, at (4.5, 4.5).
pub(crate) const START: Region = Region {
    level: 0,
    column: 0,
    row: 0,
};
/// A map of so many regions in a row, each eight tiles wide.
const REGION_COUNT: usize = 8;
const RULES: &str = "name = 'Row'\ncell = 8\nview_distance = 4.0\n";

/// Everything. It ends when this is dropped.
pub(crate) struct Cluster {
    /// The first of the zone servers.
    pub(crate) zone: FakeZone,
    pub(crate) auth: FakeAuth,
    pub(crate) store: Store,
    pub(crate) announcements: Arc<InProcess>,
    pub(crate) address: SocketAddr,
    pub(crate) context: runtime::Context,
    pub(crate) serving: JoinHandle<Result<(), gateway::Error>>,
    servers: Vec<Server>,
    _folder: tempfile::TempDir,
}

/// A zone server that is on the list.
struct Server {
    me: Incarnation,
    address: String,
    zone: FakeZone,
    heart: JoinHandle<()>,
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.serving.abort();
        for server in &self.servers {
            server.heart.abort();
        }
    }
}

/// The files of the world.
pub(crate) fn files() -> Files {
    let width = REGION_COUNT * 8;
    let row = vec!["0"; width].join(",");
    let csv = vec![row; 8].join(",\n");
    let tmx = format!(
        r#"<?xml version="1.0" encoding="UTF-8"?>
<map version="1.10" orientation="orthogonal" renderorder="right-down" width="{width}" height="8" tilewidth="16" tileheight="16" infinite="0">
 <tileset firstgid="1" name="t" tilewidth="16" tileheight="16" tilecount="8" columns="8"><image source="t.png" width="128" height="16"/></tileset>
 <layer id="1" name="Ground" width="{width}" height="8"><data encoding="csv">
{csv}
</data></layer>
 <objectgroup id="2" name="o"><object id="1" type="start" x="72" y="72"><point/></object></objectgroup>
</map>
"#
    );
    BTreeMap::from([
        ("row.tmx".to_owned(), Bytes::from(tmx)),
        (
            "world.toml".to_owned(),
            Bytes::from_static(RULES.as_bytes()),
        ),
        ("client/VERSION".to_owned(), Bytes::from_static(b"1.0.0")),
    ])
}

/// Makes files the current world.
pub(crate) async fn publish(store: &Store, files: Files) {
    let loaded = load(&files, &Placements::default());
    let content = loaded
        .content
        .unwrap_or_else(|| panic!("{:?}", loaded.report));
    let start = content.terrain.start();
    let maps = content.fingerprints.iter().map(|(name, fingerprint)| {
        let place = *content.placements.get(name).unwrap();
        (name.clone(), (place, fingerprint.clone()))
    });
    let publication = Publication {
        world: content.settings.name.clone(),
        maps: maps.collect(),
        client_version: content.client_version.clone(),
        start_region: RegionId::of(start, content.settings.cell_tiles),
        start_state: EntityState::at(start),
        files,
    };
    store.content().publish(publication).await.unwrap();
}

impl Cluster {
    /// With the usual settings and world.
    pub(crate) async fn start() -> Self {
        Self::start_with(Config::default(), files()).await
    }

    pub(crate) async fn start_with(config: Config, files: Files) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::embedded(folder.path()).await.unwrap();
        publish(&store, files).await;
        let (zone, auth) = (FakeZone::new(), FakeAuth::default());
        let servers = vec![Server::start(zone.clone(), &store).await];
        let announcements = Arc::new(InProcess::default());
        let peers = Peers {
            store: store.clone(),
            sessions: Arc::new(InMemory::default()),
            announcements: announcements.clone(),
            auth: auth.start().await,
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let context = runtime::Context::default();
        let serving = tokio::spawn(gateway::serve(listener, peers, config, context.clone()));
        tokio::time::timeout(DEADLINE, context.health.ready())
            .await
            .expect("the gateway is not ready in time");
        Self {
            zone,
            auth,
            store,
            announcements,
            address,
            context,
            serving,
            servers,
            _folder: folder,
        }
    }

    /// With two zone servers, of which the first holds the region in which everybody begins, and the second the others.
    pub(crate) async fn pair() -> (Self, FakeZone) {
        let mut cluster = Self::start().await;
        // Before there is another: of a region that nobody was ever given, a gateway guesses who takes it.
        cluster.hand(&[START], 0).await;
        let other = FakeZone::new();
        let server = Server::start(other.clone(), &cluster.store).await;
        cluster.servers.push(server);
        cluster.hand(&others(), 1).await;
        other.linked().await;
        (cluster, other)
    }

    /// Makes one of the zone servers the holder of regions, and announces nothing. Those that are alive know it.
    pub(crate) async fn hand_quietly(&self, regions: &[Region], to: usize) {
        let (rows, live) = (self.store.regions(), self.store.directory());
        let before = rows.all().await.unwrap();
        let live = live.live().await.unwrap();
        let is_live = |me: Incarnation| live.iter().any(|server| server.incarnation == me);
        let taker = self.servers[to].me;
        for id in regions.iter().map(id) {
            let held = before.iter().find(|held| held.region == id);
            let epoch = held.map_or(0, |held| held.epoch);
            let giver = held.and_then(|held| held.holder);
            let moved = match giver.filter(|giver| is_live(*giver)) {
                Some(giver) => {
                    let given = rows.give(giver, Some(taker), vec![(id, epoch)]);
                    given.await.unwrap().len()
                }
                None => rows.take(taker, vec![(id, epoch)]).await.unwrap().len(),
            };
            assert_eq!(moved, 1, "{id} cannot be handed over");
        }
        let after = rows.all().await.unwrap();
        for server in self.servers.iter().filter(|server| is_live(server.me)) {
            let mine = after.iter().filter(|held| held.holder == Some(server.me));
            let epoch = mine.clone().map(|held| held.epoch).max().unwrap_or(0);
            let regions = mine.map(|held| proto_region(held.region)).collect();
            server.zone.hold(regions, epoch);
        }
    }

    /// Makes one of the zone servers the holder of regions.
    pub(crate) async fn hand(&self, regions: &[Region], to: usize) {
        self.hand_quietly(regions, to).await;
        self.announcements.announce(Topic::Directory);
    }

    /// A zone server that was killed is started again, at the same address. The database does not know yet that the earlier run is dead.
    pub(crate) async fn restart(&mut self, which: usize) {
        let server = &mut self.servers[which];
        server.heart.abort();
        server.me = Incarnation::draw();
        server.zone.revive();
        let new = ZoneServer {
            incarnation: server.me,
            address: server.address.clone(),
            is_leaving: false,
            map: 0,
        };
        self.store.directory().heartbeat(new.clone()).await.unwrap();
        server.heart = tokio::spawn(beat(self.store.clone(), new));
    }

    /// Waits until no earlier run of a zone server is alive, as far as the database knows.
    pub(crate) async fn until_alone(&self, which: usize) {
        let server = &self.servers[which];
        let end = tokio::time::Instant::now() + DEADLINE;
        loop {
            let live = self.store.directory().live().await.unwrap();
            let there = live.iter().filter(|other| other.address == server.address);
            if there.count() == 1 {
                return;
            }
            assert!(tokio::time::Instant::now() < end, "it does not die");
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    }

    /// A zone server is dead, as far as the database knows.
    pub(crate) async fn lose(&self, which: usize) {
        let server = &self.servers[which];
        server.heart.abort();
        self.store.directory().remove(server.me).await.unwrap();
    }

    pub(crate) async fn connect(&self) -> Client {
        Client::connect(self.address).await
    }

    /// A client whose character is in the world.
    pub(crate) async fn play(&self, name: &str) -> Client {
        let mut client = self.connect().await;
        assert_eq!(client.ask(login(name)).await, wire::Value::Bool(true));
        client
    }

    /// Lets the gateway look at the versions.
    pub(crate) fn announce(&self) {
        self.announcements.announce(Topic::Flags);
    }
}

impl Server {
    async fn start(zone: FakeZone, store: &Store) -> Self {
        let server = ZoneServer {
            incarnation: Incarnation::draw(),
            address: zone.start().await,
            is_leaving: false,
            map: 0,
        };
        store.directory().heartbeat(server.clone()).await.unwrap();
        Self {
            me: server.incarnation,
            address: server.address.clone(),
            zone,
            heart: tokio::spawn(beat(store.clone(), server)),
        }
    }
}

/// All regions but [`START`].
pub(crate) fn others() -> Vec<Region> {
    let columns = 1..i32::try_from(REGION_COUNT).unwrap();
    columns.map(region).collect()
}

fn id(region: &Region) -> RegionId {
    let Region { level, column, row } = *region;
    RegionId { level, column, row }
}

fn proto_region(region: RegionId) -> Region {
    let RegionId { level, column, row } = region;
    Region { level, column, row }
}

async fn beat(store: Store, server: ZoneServer) {
    loop {
        tokio::time::sleep(store::directory::HEARTBEAT_INTERVAL).await;
        let _stopping = store.directory().heartbeat(server.clone()).await;
    }
}
