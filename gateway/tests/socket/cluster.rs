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
    fake_zone::FakeZone,
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
    pub(crate) zone: FakeZone,
    pub(crate) auth: FakeAuth,
    pub(crate) store: Store,
    pub(crate) announcements: Arc<InProcess>,
    pub(crate) address: SocketAddr,
    pub(crate) context: runtime::Context,
    pub(crate) serving: JoinHandle<Result<(), gateway::Error>>,
    heart: JoinHandle<()>,
    _folder: tempfile::TempDir,
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.serving.abort();
        self.heart.abort();
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
        let server = ZoneServer {
            incarnation: Incarnation::draw(),
            address: zone.start().await,
            is_leaving: false,
            map: 0,
        };
        store.directory().heartbeat(server.clone()).await.unwrap();
        let heart = tokio::spawn(beat(store.clone(), server));
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
            heart,
            _folder: folder,
        }
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

async fn beat(store: Store, server: ZoneServer) {
    loop {
        tokio::time::sleep(store::directory::HEARTBEAT_INTERVAL).await;
        let _stopping = store.directory().heartbeat(server.clone()).await;
    }
}
