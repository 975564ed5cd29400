//! Maps as entities.

use store::edits::Audit;
use wire::Value;
use world::{applied::CommandId, terrain::TileEdit};

use crate::{
    client::{get, text},
    cluster::{Cluster, files},
};

/// What a game master's `tile` does in the end.
pub(crate) async fn edit(cluster: &Cluster, counter: u64, gid: u32) {
    let edit = TileEdit {
        map: "row".to_owned(),
        layer: "Ground".to_owned(),
        x: 3,
        y: 2,
        gid,
    };
    let audit = Audit {
        author: "gm".to_owned(),
        id: CommandId {
            generation: 1,
            counter,
        },
        command: "tile".to_owned(),
    };
    cluster.store.edits().tile(edit, audit).await.unwrap();
}

#[tokio::test]
async fn a_map_has_a_version_bounds_a_file_and_edits() {
    let cluster = Cluster::start().await;
    let mut client = cluster.play("anna").await;
    let numbers = [0, 0, 0, 64, 8].map(Value::Int).to_vec();
    assert_eq!(
        client.ask(get("map:row", "bounds")).await,
        Value::Tuple(numbers)
    );
    let file = Value::Bytes(files()["row.tmx"].to_vec());
    assert_eq!(client.ask(get("map:row", "tmx")).await, file);
    assert_eq!(
        client.ask(get("map:row", "edits")).await,
        Value::List(vec![])
    );
    for (name, attribute) in [("map:row", "nosuch"), ("map:nowhere", "version")] {
        assert_eq!(client.ask(get(name, attribute)).await, Value::None);
    }
    assert_eq!(cluster.zone.commands_so_far().await, []);
}

#[tokio::test]
async fn an_edit_is_read_as_soon_as_it_is_made() {
    let cluster = Cluster::start().await;
    let mut client = cluster.play("anna").await;
    let mut last = client.ask(get("map:row", "version")).await;
    for counter in 1..6_u32 {
        // Nobody announces it: only the question makes the gateway look.
        edit(&cluster, u64::from(counter), counter).await;
        let edits = client.ask(get("map:row", "edits")).await;
        let line = vec![
            text("Ground"),
            Value::Int(3),
            Value::Int(2),
            Value::Int(i64::from(counter)),
        ];
        assert_eq!(edits, Value::List(vec![Value::Tuple(line)]));
        let Value::Bytes(file) = client.ask(get("map:row", "tmx")).await else {
            panic!("no file")
        };
        let file = String::from_utf8(file).unwrap();
        let row = file
            .lines()
            .find(|line| line.starts_with("0,0,0,") && !line.starts_with("0,0,0,0"));
        assert!(
            row.is_some_and(|row| row.starts_with(&format!("0,0,0,{counter},"))),
            "edit {counter} is not in the file"
        );
        let version = client.ask(get("map:row", "version")).await;
        assert_ne!(version, last);
        last = version;
    }
}

#[tokio::test]
async fn nothing_is_read_before_a_login() {
    let cluster = Cluster::start().await;
    let mut client = cluster.connect().await;
    assert_eq!(
        client.ask(get("map:row", "version")).await,
        Value::Bool(false)
    );
}
