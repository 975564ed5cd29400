//! A running service, and a gateway that asks it.

use std::{collections::BTreeMap, sync::Arc};

use auth::Config;
use proto::{Credentials, Refusal, auth_client::AuthClient, verdict::Outcome};
use store::{Store, content::Publication, sessions::InMemory};
use tokio::{net::TcpListener, task::JoinHandle};
use tonic::{Request, Status, transport::Channel};
use world::{
    content::Files,
    entity::{Attribute, EntityState},
    position::Position,
    region_id::RegionId,
};

/// Where characters begin here.
pub(crate) const START: RegionId = RegionId {
    level: 2,
    column: -1,
    row: 3,
};
/// The gateway that asks.
pub(crate) const GATEWAY: &str = "gateway-1";

/// A service that runs until this is dropped.
pub(crate) struct Auth {
    pub(crate) client: AuthClient<Channel>,
    pub(crate) store: Store,
    pub(crate) sessions: Arc<InMemory>,
    pub(crate) context: runtime::Context,
    /// The service's task, for whoever wants to see its end.
    pub(crate) serving: Option<JoinHandle<Result<(), auth::Error>>>,
    _folder: tempfile::TempDir,
}

/// What a gateway hears.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Heard {
    Session {
        name: String,
        generation: u64,
        region: RegionId,
        map_told: u64,
    },
    Refused(Refusal),
}

pub(crate) fn start_state() -> EntityState {
    let mut state = EntityState::at(Position {
        x: -3.5,
        y: 200.0,
        z: 2,
    });
    let gold = Attribute::lasting(wire::Value::Int(10));
    state.attributes.insert("gold".to_owned(), gold);
    state
}

pub(crate) fn publication() -> Publication {
    Publication {
        world: "Test".to_owned(),
        files: Files::from([("world.toml".to_owned(), Vec::new().into())]),
        maps: BTreeMap::new(),
        client_version: "1".to_owned(),
        start_region: START,
        start_state: start_state(),
    }
}

/// A service of a world that is published.
pub(crate) async fn auth() -> Auth {
    let auth = unpublished(Config::default()).await;
    auth.store.content().publish(publication()).await.unwrap();
    auth
}

/// A service of no world.
pub(crate) async fn unpublished(config: Config) -> Auth {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::embedded(folder.path()).await.unwrap();
    let sessions = Arc::new(InMemory::default());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let context = runtime::Context::default();
    let serving = tokio::spawn(auth::serve(
        listener,
        store.clone(),
        Arc::clone(&sessions) as Arc<dyn store::sessions::Sessions>,
        config,
        context.clone(),
    ));
    let client = AuthClient::connect(address).await.unwrap();
    Auth {
        client,
        store,
        sessions,
        context,
        serving: Some(serving),
        _folder: folder,
    }
}

pub(crate) fn credentials(name: &str, password: &[u8]) -> Request<Credentials> {
    Request::new(Credentials {
        name: name.to_owned(),
        password: password.to_vec().into(),
        gateway: GATEWAY.to_owned(),
    })
}

pub(crate) fn session(name: &str, generation: u64) -> Heard {
    Heard::Session {
        name: name.to_owned(),
        generation,
        region: START,
        map_told: 0,
    }
}

impl Auth {
    pub(crate) async fn create(&self, name: &str, password: &[u8]) -> Result<Heard, Status> {
        let verdict = self
            .client
            .clone()
            .create(credentials(name, password))
            .await?;
        Ok(heard(verdict.into_inner()))
    }

    pub(crate) async fn login(&self, name: &str, password: &[u8]) -> Result<Heard, Status> {
        let verdict = self
            .client
            .clone()
            .login(credentials(name, password))
            .await?;
        Ok(heard(verdict.into_inner()))
    }

    /// The session that others are told of: its gateway and generation.
    pub(crate) async fn noted(&self, name: &str) -> Option<(String, u64)> {
        use store::sessions::Sessions;
        let session = self.sessions.get(name).await.unwrap()?;
        Some((session.gateway, session.generation))
    }
}

fn heard(verdict: proto::Verdict) -> Heard {
    match verdict.outcome.unwrap() {
        Outcome::Session(session) => {
            let region = session.region.unwrap();
            Heard::Session {
                name: session.name,
                generation: session.generation,
                region: RegionId {
                    level: region.level,
                    column: region.column,
                    row: region.row,
                },
                map_told: session.map_told,
            }
        }
        Outcome::Refusal(refusal) => Heard::Refused(refusal.try_into().unwrap()),
    }
}
