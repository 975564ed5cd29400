//! A small world for tests: a yard of two regions, side by side, with a wall, somebody in it and a way to a cellar.

use std::path::Path;

use bytes::Bytes;
use store::{
    Store,
    accounts::{Created, NewAccount, Role},
    content::Publication,
};
use world::{
    content::{Content, Files, Placements, load},
    entity::EntityState,
    region_id::RegionId,
};

/// The region in which everybody begins: tiles 0 to 7.
pub(crate) const WEST: RegionId = region(0);
/// The one beside it: tiles 8 to 15.
pub(crate) const EAST: RegionId = region(1);

const fn region(column: i32) -> RegionId {
    RegionId {
        level: 0,
        column,
        row: 0,
    }
}

const RULES: &str = "
name = 'Yard'
cell = 8
view_distance = 8.0
speed = 1000.0
speed_burst = 1000.0

[attributes.gold]
type = 'int'
default = 10

[attributes.mood]
visible = true
write = { near = 100 }
";

/// 16 by 8 tiles; everybody begins at (4.5, 4.5), Mara stands at (2.5, 2.5), and a `#` blocks.
pub(crate) const YARD: [&str; 8] = [
    "................",
    ".....#..........",
    ".....#..........",
    "................",
    "................",
    "................",
    "................",
    "................",
];

pub(crate) const OBJECTS: &str = r#"
<object id="1" type="start" x="72" y="72"><point/></object>
<object id="2" name="Mara" type="npc" x="40" y="40"><point/></object>
"#;

/// The world's files.
pub(crate) fn files() -> Files {
    with(&[("yard.tmx", map(&YARD, OBJECTS))])
}

/// The world's files, with these maps.
pub(crate) fn with(maps: &[(&str, String)]) -> Files {
    let rules = ("world.toml", RULES.to_owned());
    maps.iter()
        .chain([&rules])
        .map(|(name, text)| ((*name).to_owned(), Bytes::from(text.clone().into_bytes())))
        .collect()
}

/// A map.
pub(crate) fn map(rows: &[&str], objects: &str) -> String {
    let width = rows[0].len();
    let tiles = rows.iter().flat_map(|row| row.chars());
    let gids: Vec<&str> = tiles.map(|c| if c == '#' { "2" } else { "0" }).collect();
    format!(
        "<?xml version=\"1.0\"?>\n<map version=\"1.10\" orientation=\"orthogonal\" width=\"{width}\" height=\"{height}\" tilewidth=\"16\" tileheight=\"16\">\n \
         <tileset firstgid=\"1\" name=\"t\" tilewidth=\"16\" tileheight=\"16\"><image source=\"t.png\" width=\"64\" height=\"16\"/></tileset>\n \
         <layer id=\"1\" name=\"Ground\" width=\"{width}\" height=\"{height}\"><data encoding=\"csv\">{ones}</data></layer>\n \
         <layer id=\"2\" name=\"Collision\" width=\"{width}\" height=\"{height}\"><data encoding=\"csv\">{gids}</data></layer>\n \
         <objectgroup id=\"3\" name=\"o\">\n{objects}\n</objectgroup>\n</map>",
        height = rows.len(),
        ones = vec!["1"; width * rows.len()].join(","),
        gids = gids.join(","),
    )
}

/// A database of its own, with the world in it.
pub(crate) async fn published(folder: &Path) -> Store {
    let store = Store::embedded(folder).await.unwrap();
    publish(&store, files()).await;
    store
}

/// Publishes a world.
pub(crate) async fn publish(store: &Store, files: Files) {
    let known = store.content().placements().await.unwrap();
    let content = read(&files, &known);
    let maps = content
        .fingerprints
        .iter()
        .map(|(name, fingerprint)| {
            let place = content.placements[name];
            (name.clone(), (place, fingerprint.clone()))
        })
        .collect();
    let publication = Publication {
        world: content.settings.name.clone(),
        files,
        maps,
        client_version: content.client_version.clone(),
        start_region: WEST,
        start_state: EntityState::at(content.terrain.start()),
    };
    store.content().publish(publication).await.unwrap();
}

fn read(files: &Files, known: &Placements) -> Content {
    let loaded = load(files, known);
    loaded
        .content
        .unwrap_or_else(|| panic!("{:?}", loaded.report.problems))
}

/// A player's account, and its character at the start.
pub(crate) async fn account(store: &Store, name: &str, role: Role) {
    let content = store.content().current().await.unwrap().unwrap();
    let new = NewAccount {
        name: name.to_owned(),
        password_hash: "none".to_owned(),
        region: content.start_region,
        state: content.start_state,
    };
    let created = store.accounts().create(new).await.unwrap();
    assert!(matches!(created, Created::Done(_)), "{created:?}");
    store.accounts().set_role(name, role).await.unwrap();
}
