//! PostgreSQL that goes away, hangs, or keeps somebody waiting: what was acknowledged is there, nobody waits for ever, and what can be done is done.

#![expect(clippy::unwrap_used, reason = "a test ends where something is missing")]

use std::{
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    time::{Duration, Instant},
};

use servers::{Postgres, Wire};
use store::{
    Error, Store,
    accounts::{Created, NewAccount},
    content::Publication,
    directory::ZoneServer,
    edits::{Audit, Outcome},
    entities::{Claim, EntityRow, Incarnation, Save, Saved},
    processes::{About, Facts, Id, Kind},
};
use wire::Value;
use world::{
    applied::CommandId,
    content::{Files, Placement},
    entity::{Attribute, EntityState},
    position::Position,
    region_id::RegionId,
    terrain::TileEdit,
};

const ME: Incarnation = Incarnation(1);
const REGION: RegionId = RegionId {
    level: 0,
    column: 0,
    row: 0,
};
/// How long an operation may take: the deadline, and room for a busy machine.
const PATIENCE: Duration = Duration::from_secs(9);
/// The same for what goes by the lines of heartbeats.
const SHORT_PATIENCE: Duration = Duration::from_secs(4);

fn state(gold: u64) -> EntityState {
    let gold = Attribute::lasting(Value::Int(i64::try_from(gold).unwrap()));
    EntityState {
        attributes: [("gold".to_owned(), gold)].into(),
        ..EntityState::at(Position {
            x: 0.5,
            y: 0.5,
            z: 0,
        })
    }
}

fn gold(row: &EntityRow) -> u64 {
    match row.state.attribute("gold", 0) {
        Some(Value::Int(gold)) => u64::try_from(*gold).unwrap(),
        other => panic!("{other:?}"),
    }
}

async fn create(store: &Store, name: &str) -> Result<Created, Error> {
    let new = NewAccount {
        name: name.to_owned(),
        password_hash: "hash".to_owned(),
        region: REGION,
        state: state(0),
    };
    store.accounts().create(new).await
}

async fn claim(store: &Store, name: &str) -> Result<Option<EntityRow>, Error> {
    let Some(row) = store.entities().peek(name).await? else {
        return Ok(None);
    };
    let claim = Claim {
        key: row.key,
        seen: row.own,
        me: ME,
        enter: Some(row.generation),
    };
    store.entities().claim(claim).await
}

async fn enter(store: &Store, name: &str) -> EntityRow {
    create(store, name).await.unwrap();
    claim(store, name).await.unwrap().unwrap()
}

fn save_of(row: &EntityRow, gold: u64) -> Save {
    Save {
        key: row.key.clone(),
        owner: ME,
        own: row.own,
        region: REGION,
        present: true,
        generation: row.generation,
        moved: row.moved,
        applied: row.applied.clone(),
        state: state(gold),
        release: false,
    }
}

async fn beat(store: &Store) -> Result<(), Error> {
    let server = ZoneServer {
        incarnation: ME,
        address: "http://127.0.0.1:1".to_owned(),
        is_leaving: false,
        map: 0,
    };
    store.directory().heartbeat(server).await.map(drop)
}

/// Waits until something is so.
async fn until(what: &str, is_so: impl AsyncFn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !is_so().await {
        assert!(Instant::now() < deadline, "{what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// What goes on while the server comes and goes.
#[derive(Default)]
struct Load {
    is_over: AtomicBool,
    done: AtomicU64,
    longest_ms: AtomicU64,
}

impl Load {
    fn note(&self, begun: Instant, is_done: bool) {
        let ms = u64::try_from(begun.elapsed().as_millis()).unwrap();
        self.longest_ms.fetch_max(ms, Ordering::Relaxed);
        self.done.fetch_add(u64::from(is_done), Ordering::Relaxed);
    }

    /// Saves one row over and over, as its owner does: whatever is not known is read again.
    async fn save(&self, store: &Store, name: &str) {
        let mut row = claim(store, name).await.unwrap().unwrap();
        let (mut acknowledged, mut tried) = (0, 0);
        while !self.is_over.load(Ordering::Relaxed) {
            tried += 1;
            let begun = Instant::now();
            let saved = store.entities().save(save_of(&row, tried)).await;
            self.note(begun, saved.is_ok());
            match saved {
                Ok(Saved::Committed) => acknowledged = tried,
                Ok(Saved::Fenced) => panic!("nobody else claims {name}"),
                Err(_) => {
                    row = loop {
                        let begun = Instant::now();
                        let claimed = claim(store, name).await;
                        self.note(begun, false);
                        if let Ok(Some(row)) = claimed {
                            break row;
                        }
                    };
                    let found = gold(&row);
                    assert!(
                        found == acknowledged || found == tried,
                        "{name} has {found}, {acknowledged} was acknowledged and {tried} tried"
                    );
                    acknowledged = found;
                }
            }
        }
        let row = store.entities().peek(name).await.unwrap().unwrap();
        assert_eq!(gold(&row), acknowledged);
    }

    /// Creates accounts; those that were acknowledged.
    async fn create(&self, store: &Store, prefix: &str) -> Vec<String> {
        let mut acknowledged = Vec::new();
        for number in 0.. {
            if self.is_over.load(Ordering::Relaxed) {
                break;
            }
            let name = format!("{prefix} {number}");
            let begun = Instant::now();
            let created = create(store, &name).await;
            self.note(begun, created.is_ok());
            match created {
                Ok(Created::Done(_)) => acknowledged.push(name),
                Ok(Created::NameTaken) => panic!("nobody else is called {name}"),
                Err(_) => {}
            }
        }
        acknowledged
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_killed_under_load_has_lost_nothing_that_was_acknowledged() {
    let server = Postgres::start();
    let store = Store::connect(&server.create_database()).await.unwrap();
    let names: Vec<String> = (0..8).map(|n| format!("owl {n}")).collect();
    for name in &names {
        create(&store, name).await.unwrap();
    }
    let load = Load::default();
    let outages = async {
        for _ in 0..3 {
            let before = load.done.load(Ordering::Relaxed);
            until("nothing gets done", async || {
                load.done.load(Ordering::Relaxed) >= before + 200
            })
            .await;
            tokio::task::block_in_place(|| server.kill());
            tokio::task::block_in_place(|| server.start_again());
        }
        let before = load.done.load(Ordering::Relaxed);
        until("it does not go on", async || {
            load.done.load(Ordering::Relaxed) >= before + 200
        })
        .await;
        load.is_over.store(true, Ordering::Relaxed);
    };
    let (_, _, anna, bert) = tokio::join!(
        outages,
        futures::future::join_all(names.iter().map(|name| load.save(&store, name))),
        load.create(&store, "anna"),
        load.create(&store, "bert"),
    );
    for name in anna.iter().chain(&bert) {
        assert!(
            store.accounts().find(name).await.unwrap().is_some(),
            "{name}"
        );
        assert!(
            store.entities().peek(name).await.unwrap().is_some(),
            "{name}"
        );
    }
    let longest = Duration::from_millis(load.longest_ms.load(Ordering::Relaxed));
    assert!(longest < 2 * PATIENCE, "one took {longest:?}");
    store.close().await;
}

#[tokio::test]
async fn a_connection_that_died_while_nobody_looked_is_nobodys_trouble() {
    let server = Postgres::shared();
    let url = server.create_database();
    let store = Store::connect(&url).await.unwrap();
    let row = enter(&store, "Anna").await;
    for gold in 1..6 {
        let end = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
                   WHERE datname = current_database() AND pid <> pg_backend_pid()";
        server.execute(&url, end);
        let saved = store.entities().save(save_of(&row, gold)).await;
        assert_eq!(saved.unwrap(), Saved::Committed);
        beat(&store).await.unwrap();
        assert_eq!(store.directory().live().await.unwrap().len(), 1);
        let row = store.entities().peek("anna").await.unwrap().unwrap();
        assert_eq!(self::gold(&row), gold);
    }
    store.close().await;
}

#[tokio::test]
async fn a_line_that_swallows_everything_keeps_nobody_for_ever() {
    let server = Postgres::shared();
    let line = Wire::to(server.port());
    let direct = server.create_database();
    let url = direct.replace(
        &format!(":{}/", server.port()),
        &format!(":{}/", line.port()),
    );
    let store = Store::connect(&url).await.unwrap();
    let row = enter(&store, "Anna").await;
    beat(&store).await.unwrap();
    store.directory().live().await.unwrap();

    line.cut();
    let begun = Instant::now();
    let (entities, directory) = (store.entities(), store.directory());
    let timed = async |done: bool| (done, begun.elapsed());
    let (saved, read, beaten, looked) = tokio::join!(
        async { timed(entities.save(save_of(&row, 1)).await.is_ok()).await },
        async { timed(entities.peek("anna").await.is_ok()).await },
        async { timed(beat(&store).await.is_ok()).await },
        async { timed(directory.live().await.is_ok()).await },
    );
    for ((is_done, took), patience) in [
        (saved, PATIENCE),
        (read, PATIENCE),
        (beaten, SHORT_PATIENCE),
        (looked, SHORT_PATIENCE),
    ] {
        assert!(!is_done && took < patience, "{is_done}, {took:?}");
    }

    line.mend();
    // What was on the line has an outcome that nobody knew. A claim makes an end of it.
    until("it is not found again", async || {
        matches!(claim(&store, "anna").await, Ok(Some(_)))
    })
    .await;
    until("there are no heartbeats", async || {
        beat(&store).await.is_ok()
    })
    .await;
    let other = Store::connect(&direct).await.unwrap();
    let row = other.entities().peek("anna").await.unwrap().unwrap();
    assert!(gold(&row) <= 1);
    other.close().await;
    store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_that_was_not_answered_is_not_done_again() {
    let server = Postgres::shared();
    let line = Wire::to(server.port());
    let direct = server.create_database();
    let url = direct.replace(
        &format!(":{}/", server.port()),
        &format!(":{}/", line.port()),
    );
    let store = Store::connect(&url).await.unwrap();
    // What is checked at the commit takes its time.
    let slow = "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(1); RETURN NULL; END $$; \
                CREATE CONSTRAINT TRIGGER slow AFTER INSERT ON accounts DEFERRABLE INITIALLY DEFERRED \
                FOR EACH ROW EXECUTE FUNCTION slow()";
    server.execute(&direct, slow);
    let committing = "SELECT count(*) FROM pg_stat_activity \
                      WHERE datname = current_database() AND query = 'COMMIT' AND state = 'active'";
    let hang_up = async {
        until("there is no commit", async || {
            server.execute(&direct, committing) == "1"
        })
        .await;
        line.hang_up();
    };
    let (created, ()) = tokio::join!(create(&store, "Anna"), hang_up);
    assert!(matches!(created, Err(Error::Unknown(_))), "{created:?}");
    // It was done, as it happens.
    until("it was not done", async || {
        matches!(store.accounts().find("anna").await, Ok(Some(_)))
    })
    .await;
    store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_that_another_has_locked_delays_no_heartbeat_and_fails_alone() {
    let server = Postgres::shared();
    let url = server.create_database();
    let store = Store::connect(&url).await.unwrap();
    let (anna, bert) = (enter(&store, "Anna").await, enter(&store, "Bert").await);
    let locked = "BEGIN; UPDATE entities SET seq = seq WHERE key = 'anna'; SELECT pg_advisory_lock(1); SELECT pg_sleep(20); COMMIT";
    let holder = {
        let url = url.clone();
        std::thread::spawn(move || std::panic::catch_unwind(|| server.execute(&url, locked)))
    };
    let asked =
        "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted AND objid = 1";
    until("the row is not locked", async || {
        server.execute(&url, asked) == "1"
    })
    .await;

    let is_over = AtomicBool::new(false);
    let beating = async {
        let mut beats = 0;
        while !is_over.load(Ordering::Relaxed) {
            let begun = Instant::now();
            beat(&store).await.unwrap();
            store.regions().all().await.unwrap();
            assert!(
                begun.elapsed() < Duration::from_secs(1),
                "{:?}",
                begun.elapsed()
            );
            beats += 1;
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        beats
    };
    let saving = async {
        let entities = store.entities();
        let (stuck, free) = tokio::join!(
            entities.save(save_of(&anna, 1)),
            entities.save(save_of(&bert, 2)),
        );
        is_over.store(true, Ordering::Relaxed);
        (stuck, free)
    };
    let (beats, (stuck, free)) = tokio::join!(beating, saving);
    assert!(beats > 5, "{beats}");
    assert!(matches!(stuck, Err(Error::Unknown(_))), "{stuck:?}");
    assert_eq!(free.unwrap(), Saved::Committed);
    let end =
        "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND objid = 1";
    server.execute(&url, end);
    let _ended = holder.join();
    store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_operators_are_shown_keeps_no_heartbeat_waiting() {
    let server = Postgres::shared();
    let url = server.create_database();
    let store = Store::connect(&url).await.unwrap();
    let about = About::this(Id(1), Kind::ZoneServer, "127.0.0.1:1".to_owned(), None);
    let say = async || {
        let processes = store.processes();
        processes.heartbeat(about.clone(), Facts::default()).await
    };
    say().await.unwrap();
    let locked =
        "BEGIN; LOCK TABLE processes; SELECT pg_advisory_lock(3); SELECT pg_sleep(20); COMMIT";
    let holder = {
        let url = url.clone();
        std::thread::spawn(move || std::panic::catch_unwind(|| server.execute(&url, locked)))
    };
    let asked =
        "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted AND objid = 3";
    until("the table is not locked", async || {
        server.execute(&url, asked) == "1"
    })
    .await;

    for _ in 0..5 {
        let begun = Instant::now();
        let (beaten, said) = tokio::join!(beat(&store), say());
        beaten.unwrap();
        assert!(said.is_err());
        assert!(
            begun.elapsed() < Duration::from_secs(1),
            "{:?}",
            begun.elapsed()
        );
    }
    let end =
        "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND objid = 3";
    server.execute(&url, end);
    let _ended = holder.join();
    until("it is not said again", async || say().await.is_ok()).await;
    store.close().await;
}

fn publication(text: u64, maps: &[&str]) -> Publication {
    let maps = maps.iter().zip(0..).map(|(name, level)| {
        let placement = Placement {
            level,
            x: 0,
            y: 0,
            is_current: true,
        };
        ((*name).to_owned(), (placement, text.to_string()))
    });
    Publication {
        world: "Meadow".to_owned(),
        files: Files::from([("f".to_owned(), text.to_string().into())]),
        maps: maps.collect(),
        client_version: "1".to_owned(),
        start_region: REGION,
        start_state: state(0),
    }
}

/// Edits maps in every way.
async fn edit(store: &Store, author: &str, maps: &[&str]) {
    let edits = store.edits();
    let audit = |counter| Audit {
        author: author.to_owned(),
        id: CommandId {
            generation: 1,
            counter,
        },
        command: "edit".to_owned(),
    };
    for counter in 0..60 {
        let map = maps[counter as usize / 3 % maps.len()].to_owned();
        let tile = TileEdit {
            map: map.clone(),
            layer: "Ground".to_owned(),
            x: 0,
            y: 0,
            gid: 1,
        };
        // Each in a transaction of its own.
        let audit = audit(counter);
        let done = match counter % 3 {
            0 => edits.reset(map, audit).await,
            1 => edits.tile(tile, audit).await,
            _ => edits.reload(map, vec![tile], audit).await,
        };
        assert!(matches!(done.unwrap(), Outcome::Done(_)));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_edits_and_publishes_at_once_never_waits_in_a_circle() {
    let server = Postgres::start();
    let url = server.create_database();
    let stores = [
        Store::connect(&url).await.unwrap(),
        Store::connect(&url).await.unwrap(),
        Store::connect(&url).await.unwrap(),
    ];
    let maps = ["cave", "meadow", "town"];
    let reversed = ["town", "meadow", "cave"];
    stores[0]
        .content()
        .publish(publication(0, &maps))
        .await
        .unwrap();
    let publish = async {
        for text in 1..20 {
            let published = stores[2].content().publish(publication(text, &maps)).await;
            assert!(published.unwrap().is_new);
        }
    };
    tokio::join!(
        edit(&stores[0], "gwen", &maps),
        edit(&stores[1], "carl", &reversed),
        publish,
    );
    let log = server.log();
    assert!(!log.contains("deadlock detected"), "{log}");
    for store in stores {
        store.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_is_swept_away_while_it_is_published_anew_is_stored_again() {
    let server = Postgres::shared();
    let url = server.create_database();
    let store = Store::connect(&url).await.unwrap();
    let content = store.content();
    for text in [1, 2] {
        content.publish(publication(text, &["town"])).await.unwrap();
    }
    // Another publishes, and forgets the first version with its file.
    let sweep = "BEGIN; UPDATE versions SET value = value; SELECT pg_advisory_lock(2); SELECT pg_sleep(2); \
                 DELETE FROM content_chunks WHERE hash IN (SELECT hash FROM content_files WHERE version = 1); \
                 DELETE FROM content_files WHERE version = 1; COMMIT";
    let sweeping = {
        let url = url.clone();
        std::thread::spawn(move || server.execute(&url, sweep))
    };
    let asked =
        "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted AND objid = 2";
    until("nobody publishes", async || {
        server.execute(&url, asked) == "1"
    })
    .await;
    let published = content.publish(publication(1, &["town"])).await.unwrap();
    assert_eq!((published.version, published.is_new), (3, true));
    sweeping.join().unwrap();
    let files = content.load(3).await.unwrap();
    assert_eq!(files["f"], "1");
    store.close().await;
}
