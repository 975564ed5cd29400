//! `kill -9` of a process that writes: whatever it had acknowledged is there.
//!
//! The process that is killed is this test's own program, started again with a database in its environment.

#![expect(clippy::unwrap_used, reason = "a test ends where something is missing")]

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader},
    process::{Child, ChildStdout, Command, Stdio},
    time::{Duration, Instant},
};

use servers::Postgres;
use store::{
    Database, Store,
    accounts::{Created, NewAccount},
    content::Publication,
    edits::{Audit, Outcome},
    entities::{Claim, EntityRow, Incarnation, Save, Saved},
};
use wire::Value;
use world::{
    applied::{Applied, CommandId},
    content::{Files, Placement},
    entity::{Attribute, EntityState},
    position::Position,
    region_id::RegionId,
    terrain::TileEdit,
};

const FOLDER: &str = "PYMMORPG_CRASH_FOLDER";
const URL: &str = "PYMMORPG_CRASH_URL";
const ROUND: &str = "PYMMORPG_CRASH_ROUND";
/// How often the process is killed, on one database.
const ROUND_COUNT: u64 = 6;
/// How many rows are saved over and over at the same time.
const ROW_COUNT: usize = 8;
const REGION: RegionId = RegionId {
    level: 0,
    column: 0,
    row: 0,
};

/// How soon a row is anybody's that a stopped process was about to write.
const FREED_AFTER: Duration = Duration::from_secs(4);

#[tokio::test]
async fn what_was_acknowledged_is_in_sqlite_after_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    kill_writers(&Database::Embedded(folder.path().to_owned())).await;
}

#[tokio::test]
async fn what_was_acknowledged_is_in_postgres_after_a_kill() {
    let url = Postgres::shared().create_database();
    kill_writers(&Database::Postgres(url)).await;
}

async fn kill_writers(database: &Database) {
    for round in 1..=ROUND_COUNT {
        let mut writer = Writer::start(database, round);
        let mut acknowledged = Acknowledged::new();
        let mut line_count = 0;
        while let Some((what, number)) = writer.next() {
            acknowledged.insert(what, number);
            line_count += 1;
            // It goes on while it is being killed, and what it says until then counts.
            if line_count == 60 * round {
                writer.process.kill().unwrap();
            }
        }
        let status = writer.process.wait().unwrap();
        assert!(
            !status.success() && line_count >= 60 * round,
            "it ended by itself: {status}"
        );
        let store = Store::open(database).await.unwrap();
        check(&store, round, &acknowledged).await;
        store.close().await;
    }
}

#[tokio::test]
async fn a_process_that_is_stopped_keeps_no_row_and_writes_none_when_it_goes_on() {
    let database = Database::Postgres(Postgres::shared().create_database());
    let store = Store::open(&database).await.unwrap();
    for round in 1..=3 {
        let mut writer = Writer::start(&database, round);
        let mut acknowledged = Acknowledged::new();
        while acknowledged.len() < ROW_COUNT || acknowledged.values().any(|number| *number < 20) {
            let (what, number) = writer.next().unwrap();
            if what.starts_with("row") {
                acknowledged.insert(what, number);
            }
        }
        writer.signal("STOP");
        let stopped = Instant::now();
        for what in acknowledged.keys() {
            let key = what.strip_prefix("row ").unwrap();
            take(&store, key).await;
        }
        assert!(stopped.elapsed() < FREED_AFTER, "{:?}", stopped.elapsed());
        writer.signal("CONT");
        while writer.next().is_some() {}
        // It found that its rows are no longer its own.
        assert!(!writer.process.wait().unwrap().success());
        for what in acknowledged.keys() {
            let key = what.strip_prefix("row ").unwrap();
            let row = store.entities().peek(key).await.unwrap().unwrap();
            assert_eq!((gold(&row), row.owner), (TAKEN, Some(HEIR)));
        }
    }
    store.close().await;
}

/// Who takes what the stopped process had, and what is written then.
const HEIR: Incarnation = Incarnation(1_000);
const TAKEN: u64 = 1 << 40;

async fn take(store: &Store, key: &str) {
    // Its last write may still have been on the way.
    let row = loop {
        let seen = store.entities().peek(key).await.unwrap().unwrap();
        let claim = Claim {
            key: key.to_owned(),
            seen: seen.own,
            me: HEIR,
            enter: None,
        };
        if let Ok(Some(row)) = store.entities().claim(claim).await {
            break row;
        }
    };
    let saved = store.entities().save(save(key, HEIR, row.own, TAKEN)).await;
    assert_eq!(saved.unwrap(), Saved::Committed);
}

/// What a process says was written, by what it is: the last number of each.
type Acknowledged = BTreeMap<String, u64>;

/// A process that writes.
struct Writer {
    process: Child,
    output: BufReader<ChildStdout>,
}

impl Writer {
    fn start(database: &Database, round: u64) -> Self {
        let (name, value) = match database {
            Database::Embedded(folder) => (FOLDER, folder.display().to_string()),
            Database::Postgres(url) => (URL, url.clone()),
        };
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "writes_until_it_is_killed", "--nocapture"])
            .env(name, value)
            .env(ROUND, round.to_string())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let output = BufReader::new(process.stdout.take().unwrap());
        Self { process, output }
    }

    /// What it says next; None: it has ended.
    fn next(&mut self) -> Option<(String, u64)> {
        let mut line = String::new();
        while self.output.read_line(&mut line).unwrap() > 0 {
            // What is cut off was not said.
            let said = line
                .strip_suffix('\n')
                .and_then(|line| line.strip_prefix("written "));
            if let Some(said) = said {
                let (what, number) = said.rsplit_once(' ').unwrap();
                return Some((what.to_owned(), number.parse().unwrap()));
            }
            line.clear();
        }
        None
    }

    fn signal(&self, name: &str) {
        let sent = Command::new("kill")
            .args([format!("-{name}"), self.process.id().to_string()])
            .status();
        assert!(sent.unwrap().success());
    }
}

async fn check(store: &Store, round: u64, acknowledged: &Acknowledged) {
    let tiles = store.edits().tiles().await.unwrap();
    for (what, &number) in acknowledged {
        let found = match what.split_once(' ').unwrap_or((what, "")) {
            ("account", prefix) => {
                for number in 0..=number {
                    let name = format!("{prefix} {number}");
                    let account = store.accounts().find(&name).await.unwrap();
                    let row = store.entities().peek(&name).await.unwrap();
                    assert!(account.is_some() && row.is_some(), "{name} is missing");
                }
                number
            }
            ("row", key) => gold(&store.entities().peek(key).await.unwrap().unwrap()),
            ("tile", _) => {
                let is_done = store.edits().is_done("gwen", command(round, number)).await;
                assert!(is_done.unwrap(), "{what} {number} is not in the log");
                let tile = tiles
                    .iter()
                    .find(|tile| u64::try_from(tile.x).unwrap() == round);
                u64::from(tile.unwrap().gid)
            }
            ("content", _) => store.content().current().await.unwrap().unwrap().version,
            other => panic!("{other:?}"),
        };
        // Of each, one more was under way at most.
        assert!(
            found == number || found == number + 1,
            "round {round}: {what} is {found}, and {number} was acknowledged"
        );
    }
    let kinds = ["account", "row", "tile", "content"];
    for kind in kinds {
        assert!(
            acknowledged.keys().any(|what| what.starts_with(kind)),
            "no {kind} was written"
        );
    }
}

/// The process that is killed. It is no test of its own, and does nothing unless it is told where to.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writes_until_it_is_killed() {
    let database = match (std::env::var(FOLDER), std::env::var(URL)) {
        (Ok(folder), _) => Database::Embedded(folder.into()),
        (_, Ok(url)) => Database::Postgres(url),
        _ => return,
    };
    let round: u64 = std::env::var(ROUND).unwrap().parse().unwrap();
    let store = Store::open(&database).await.unwrap();
    publish(&store, round * 1_000_000).await;
    tokio::join!(
        futures::future::join_all((0..ROW_COUNT).map(|row| save_for_ever(&store, round, row))),
        create_for_ever(&store, round),
        edit_for_ever(&store, round),
        publish_for_ever(&store, round),
    );
}

fn say(what: &str, number: u64) {
    println!("written {what} {number}");
}

async fn create_for_ever(store: &Store, round: u64) {
    for number in 0.. {
        let new = NewAccount {
            name: format!("anna {round} {number}"),
            password_hash: "hash".to_owned(),
            region: REGION,
            state: state(0),
        };
        let created = store.accounts().create(new).await.unwrap();
        assert!(matches!(created, Created::Done(_)));
        say(&format!("account anna {round}"), number);
    }
}

async fn save_for_ever(store: &Store, round: u64, row: usize) {
    let name = format!("owl {round} {row}");
    let me = Incarnation(i64::try_from(round).unwrap());
    let audit = Audit {
        author: name.clone(),
        id: command(round, 0),
        command: "spawn".to_owned(),
    };
    let spawned = EntityRow {
        key: name.clone(),
        name: name.clone(),
        player: false,
        region: REGION,
        present: true,
        owner: None,
        own: 1,
        generation: 0,
        moved: CommandId::default(),
        applied: Applied::default(),
        state: state(0),
    };
    store.edits().spawn(spawned, audit).await.unwrap();
    let claim = Claim {
        key: name.clone(),
        seen: 1,
        me,
        enter: None,
    };
    let claimed = store.entities().claim(claim).await.unwrap().unwrap();
    for number in 1.. {
        let save = save(&name, me, claimed.own, number);
        assert_eq!(store.entities().save(save).await.unwrap(), Saved::Committed);
        say(&format!("row {name}"), number);
    }
}

fn save(key: &str, owner: Incarnation, own: u64, gold: u64) -> Save {
    Save {
        key: key.to_owned(),
        owner,
        own,
        region: REGION,
        present: true,
        generation: 0,
        moved: CommandId::default(),
        applied: Applied::default(),
        state: state(gold),
        release: false,
    }
}

async fn edit_for_ever(store: &Store, round: u64) {
    for number in 1.. {
        let audit = Audit {
            author: "gwen".to_owned(),
            id: command(round, number),
            command: format!("tile {number}"),
        };
        let edit = TileEdit {
            map: "meadow".to_owned(),
            layer: "Ground".to_owned(),
            x: i32::try_from(round).unwrap(),
            y: 0,
            gid: u32::try_from(number).unwrap(),
        };
        let done = store.edits().tile(edit, audit).await.unwrap();
        assert!(matches!(done, Outcome::Done(_)));
        say("tile", number);
    }
}

async fn publish_for_ever(store: &Store, round: u64) {
    for number in 1.. {
        let version = publish(store, round * 1_000_000 + number).await;
        say("content", version);
    }
}

async fn publish(store: &Store, text: u64) -> u64 {
    let placement = Placement {
        level: 0,
        x: 0,
        y: 0,
        is_current: true,
    };
    let publication = Publication {
        world: "Meadow".to_owned(),
        files: Files::from([("meadow.tmx".to_owned(), text.to_string().into())]),
        maps: BTreeMap::from([("meadow".to_owned(), (placement, text.to_string()))]),
        client_version: "1".to_owned(),
        start_region: REGION,
        start_state: state(0),
    };
    store.content().publish(publication).await.unwrap().version
}

fn command(round: u64, number: u64) -> CommandId {
    CommandId {
        generation: round,
        counter: number,
    }
}

fn state(gold: u64) -> EntityState {
    let gold = Attribute::lasting(Value::Int(i64::try_from(gold).unwrap()));
    EntityState {
        attributes: BTreeMap::from([("gold".to_owned(), gold)]),
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
