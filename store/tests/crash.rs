//! `kill -9` of a process that writes: whatever it had acknowledged is there.
//!
//! The process that is killed is this test's own program, started again with a folder in its environment.

#![expect(clippy::unwrap_used, reason = "a test ends where something is missing")]

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader},
    path::Path,
    process::{Command, Stdio},
};

use store::{
    Store,
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
const ROUND: &str = "PYMMORPG_CRASH_ROUND";
/// How often the process is killed, on one folder.
const ROUND_COUNT: u64 = 6;
/// How many rows are saved over and over at the same time.
const ROW_COUNT: usize = 8;
const REGION: RegionId = RegionId {
    level: 0,
    column: 0,
    row: 0,
};

#[tokio::test]
async fn what_was_acknowledged_is_there_after_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    for round in 1..=ROUND_COUNT {
        let acknowledged = write_and_be_killed(folder.path(), round);
        let store = Store::embedded(folder.path()).await.unwrap();
        check(&store, round, &acknowledged).await;
        store.close().await;
    }
}

/// What a process says was written, by what it is: the last number of each.
type Acknowledged = BTreeMap<String, u64>;

/// Starts a process that writes, kills it in the middle, and returns what it has acknowledged.
fn write_and_be_killed(folder: &Path, round: u64) -> Acknowledged {
    let mut process = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "writes_until_it_is_killed", "--nocapture"])
        .env(FOLDER, folder)
        .env(ROUND, round.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut output = BufReader::new(process.stdout.take().unwrap());
    let mut acknowledged = Acknowledged::new();
    let mut line_count = 0;
    let mut line = String::new();
    while output.read_line(&mut line).unwrap() > 0 {
        // What is cut off was not said.
        if let Some(said) = line
            .strip_suffix('\n')
            .and_then(|line| line.strip_prefix("written "))
        {
            let (what, number) = said.rsplit_once(' ').unwrap();
            acknowledged.insert(what.to_owned(), number.parse().unwrap());
            line_count += 1;
        }
        // It goes on while it is being killed, and what it says until then counts.
        if line_count == 60 * round {
            process.kill().unwrap();
        }
        line.clear();
    }
    let status = process.wait().unwrap();
    assert!(
        !status.success() && line_count >= 60 * round,
        "it ended by itself: {status}"
    );
    acknowledged
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
    let (Ok(folder), Ok(round)) = (std::env::var(FOLDER), std::env::var(ROUND)) else {
        return;
    };
    let round: u64 = round.parse().unwrap();
    let store = Store::embedded(Path::new(&folder)).await.unwrap();
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
        let save = Save {
            key: name.clone(),
            owner: me,
            own: claimed.own,
            region: REGION,
            present: true,
            generation: 0,
            moved: CommandId::default(),
            applied: Applied::default(),
            state: state(number),
            release: false,
        };
        assert_eq!(store.entities().save(save).await.unwrap(), Saved::Committed);
        say(&format!("row {name}"), number);
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
