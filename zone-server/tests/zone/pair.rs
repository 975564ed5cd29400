//! Two zone servers over one database: one has the yard's west, the other its east.

use std::{sync::Arc, time::Duration};

use runtime::Context;
use store::{
    Store,
    accounts::{Created, NewAccount, Role},
    announce::InProcess,
    entities::{EntityRow, Incarnation},
};
use tempfile::TempDir;
use tokio::{net::TcpListener, task::JoinHandle, time::timeout};
use world::{
    content::Files,
    entity::EntityState,
    placement::{Candidate, holder},
    position::Position,
    region_id::RegionId,
};
use zone_server::{Config, Error};

use crate::{
    cluster::{row, until, within},
    gateway::{Answer, Body, Gateway, Player, command},
    watch::Watch,
    yard::{self, EAST, WEST},
};

/// How long an answer is waited for before the command is sent again, as gateways do.
const REPEAT: Duration = Duration::from_secs(1);
/// How long after an `Again`. Gateways wait longer.
const AGAIN: Duration = Duration::from_millis(10);

/// The two servers, and their database.
pub(crate) struct Pair {
    pub(crate) store: Store,
    pub(crate) announcements: Arc<InProcess>,
    pub(crate) west: Node,
    pub(crate) east: Node,
    pub(crate) watch: Watch,
    _folder: TempDir,
}

/// One of them.
pub(crate) struct Node {
    pub(crate) address: String,
    context: Context,
    running: JoinHandle<Result<(), Error>>,
}

/// A gateway with a stream to each.
pub(crate) struct Streams {
    pub(crate) west: Gateway,
    pub(crate) east: Gateway,
}

impl Pair {
    /// The yard with these accounts, each in the middle of its region; those in capitals are game masters.
    pub(crate) async fn start(accounts: &[(&str, RegionId)]) -> Self {
        Self::start_with(yard::files(), accounts).await
    }

    /// The same in another world that has the yard.
    pub(crate) async fn start_with(files: Files, accounts: &[(&str, RegionId)]) -> Self {
        let watch = Watch::begin();
        let folder = tempfile::tempdir().unwrap();
        let store = Store::embedded(folder.path()).await.unwrap();
        yard::publish(&store, files).await;
        for (name, region) in accounts {
            account(&store, name, *region).await;
        }
        let (west, east) = listeners().await;
        let announcements = Arc::new(InProcess::default());
        let serve = |listener| Node::serve(listener, store.clone(), announcements.clone());
        let (west, east) = (serve(west), serve(east));
        let pair = Self {
            west,
            east,
            store,
            announcements,
            watch,
            _folder: folder,
        };
        for node in [&pair.west, &pair.east] {
            within("ready", node.context.health.ready()).await;
        }
        for (region, node) in [(WEST, &pair.west), (EAST, &pair.east)] {
            let is_held =
                async || (pair.holder(region).await? == pair.me(node).await?).then_some(());
            until("each has its own", is_held).await;
        }
        pair
    }

    /// The run of a server, as long as it lives.
    pub(crate) async fn me(&self, node: &Node) -> Option<Incarnation> {
        let live = self.store.directory().live().await.unwrap();
        let me = live.iter().find(|server| server.address == node.address);
        me.map(|me| me.incarnation)
    }

    /// Who holds a region.
    pub(crate) async fn holder(&self, region: RegionId) -> Option<Incarnation> {
        let all = self.store.regions().all().await.unwrap();
        all.iter().find(|held| held.region == region)?.holder
    }

    /// Streams to both.
    pub(crate) async fn streams(&self) -> Streams {
        Streams {
            west: Gateway::connect(&self.west.address).await,
            east: Gateway::connect(&self.east.address).await,
        }
    }

    /// Waits until every server has the maps in force as they are in SQL now.
    pub(crate) async fn maps_are_in_force(&self) {
        let version = self.store.versions().await.unwrap().map;
        let follows = async || {
            let live = self.store.directory().live().await.unwrap();
            let all = live.iter().all(|server| server.map >= version);
            all.then_some(())
        };
        until("the maps are in force everywhere", follows).await;
    }

    /// A row as it is now.
    pub(crate) async fn row(&self, name: &str) -> EntityRow {
        row(&self.store, name).await
    }
}

impl Node {
    fn serve(listener: TcpListener, store: Store, announcements: Arc<InProcess>) -> Self {
        let address = url(&listener);
        let context = Context::default();
        // Registered before the service runs, so that `ready` waits for it.
        let _part = context.health.part("zone-server");
        let config = Config::default();
        let serving = zone_server::serve(listener, store, announcements, config, context.clone());
        Self {
            address,
            context,
            running: tokio::spawn(serving),
        }
    }

    /// Ends it where it is, as `kill -9` does.
    pub(crate) async fn kill(&mut self) {
        self.running.abort();
        let _aborted = (&mut self.running).await;
    }
}

impl Streams {
    /// Brings in a player whose character is in the west.
    pub(crate) async fn enter_west(&mut self, session: u64, name: &str) -> Player {
        let mut player = Player::new(session, name);
        self.west.enter(&mut player).await;
        player
    }

    /// Brings in a player whose character is in the east.
    pub(crate) async fn enter_east(&mut self, session: u64, name: &str) -> Player {
        let mut player = Player::new(session, name);
        player.region = EAST;
        self.east.enter(&mut player).await;
        player
    }

    /// What answers the player's last command, by whichever stream.
    pub(crate) async fn hear_answer(&mut self, player: &Player, attempt: u32) -> Answer {
        tokio::select! {
            (_, answer) = self.west.hear_answer(player, attempt) => answer,
            (_, answer) = self.east.hear_answer(player, attempt) => answer,
        }
    }

    /// Sends a player's command to the server that has the character, until it is answered by either; and how often it was sent before.
    pub(crate) async fn ask(&mut self, player: &mut Player, body: Body) -> (Answer, u32) {
        player.counter += 1;
        let asking = async {
            for attempt in 0.. {
                self.say(player, attempt, body.clone()).await;
                match timeout(REPEAT, self.hear_answer(player, attempt)).await {
                    Ok(Answer::Again) => tokio::time::sleep(AGAIN).await,
                    Ok(answer) => return (answer, attempt),
                    Err(_lost) => {}
                }
            }
            unreachable!("it is tried again for ever")
        };
        within("an answer", asking).await
    }

    /// Sends a player's last command.
    pub(crate) async fn say(&self, player: &Player, attempt: u32, body: Body) {
        let stream = if player.region == WEST {
            &self.west
        } else {
            &self.east
        };
        stream.say([command(player, attempt, body)]).await;
    }

    /// The same, when the server of the east is gone.
    pub(crate) async fn is_done_by_the_west(&mut self, player: &mut Player, body: Body) -> bool {
        player.counter += 1;
        let west = &mut self.west;
        let asking = async {
            for attempt in 0.. {
                west.say([command(player, attempt, body.clone())]).await;
                match timeout(REPEAT, west.hear_answer(player, attempt)).await {
                    Ok((_, Answer::Again)) => tokio::time::sleep(AGAIN).await,
                    Ok((_, Answer::Done(done))) => return done,
                    Ok(other) => panic!("{other:?}"),
                    Err(_lost) => {}
                }
            }
            unreachable!("it is tried again for ever")
        };
        within("an answer", asking).await
    }

    /// Sends a command that must be answered by a truth value.
    pub(crate) async fn is_done(&mut self, player: &mut Player, body: Body) -> bool {
        match self.ask(player, body).await {
            (Answer::Done(done), _) => done,
            other => panic!("{other:?}"),
        }
    }
}

/// Two listeners, of which the first gets the west and the second the east.
async fn listeners() -> (TcpListener, TcpListener) {
    let bind = async || TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut one = bind().await;
    loop {
        let two = bind().await;
        let candidates = [&one, &two].map(|listener| Candidate {
            incarnation: 0,
            address: url(listener),
        });
        let holds = |region| holder(region, &candidates).unwrap() == &candidates[0];
        match (holds(WEST), holds(EAST)) {
            (true, false) => return (one, two),
            (false, true) => return (two, one),
            _ => one = two,
        }
    }
}

fn url(listener: &TcpListener) -> String {
    format!("http://{}", listener.local_addr().unwrap())
}

async fn account(store: &Store, name: &str, region: RegionId) {
    let centre = f64::from(region.column) * 8.0 + 4.5;
    let position = Position {
        x: centre,
        y: 4.5,
        z: 0,
    };
    let new = NewAccount {
        name: name.to_owned(),
        password_hash: "none".to_owned(),
        region,
        state: EntityState::at(position),
    };
    let created = store.accounts().create(new).await.unwrap();
    assert!(matches!(created, Created::Done(_)), "{created:?}");
    let is_gm = name.chars().all(char::is_uppercase);
    let role = if is_gm { Role::Gm } else { Role::Player };
    store.accounts().set_role(name, role).await.unwrap();
}
