//! Worlds as designers make them: small ones written here, and a real one if it is beside the project.

#[path = "content/living.rs"]
mod living;

use std::path::Path;

use bytes::Bytes;
use proptest::prelude::*;
use world::{
    content::{Files, Loaded, Placements, load},
    position::Position,
    report::Severity,
    terrain::TileEdit,
    tmx,
};

/// A map of `width` by `height` tiles, blocked where the rows have a `#`, with objects.
fn map(rows: &[&str], objects: &str) -> String {
    let width = rows[0].len();
    let gids: Vec<String> = rows
        .iter()
        .flat_map(|row| row.chars())
        .map(|c| {
            if c == '#' {
                "2".to_owned()
            } else {
                "0".to_owned()
            }
        })
        .collect();
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

fn files(entries: &[(&str, String)]) -> Files {
    entries
        .iter()
        .map(|(name, text)| ((*name).to_owned(), Bytes::from(text.clone().into_bytes())))
        .collect()
}

fn world_file(maps: &[(&str, i32, i32)]) -> String {
    let maps: Vec<String> = maps
        .iter()
        .map(|(name, x, y)| format!("{{\"fileName\":\"{name}.tmx\",\"x\":{x},\"y\":{y}}}"))
        .collect();
    format!("{{\"maps\":[{}],\"type\":\"world\"}}", maps.join(","))
}

fn warnings(loaded: &Loaded) -> Vec<String> {
    loaded
        .report
        .problems
        .iter()
        .map(ToString::to_string)
        .collect()
}

#[test]
fn two_maps_side_by_side() {
    let warp = r#"<object id="1" type="warp" x="0" y="0" width="16" height="16"><properties><property name="dest_map" value="b"/><property name="dest_x" value="1"/><property name="dest_y" value="1"/></properties></object>"#;
    let npc = r#"<object id="2" name="Mara" type="npc" x="40" y="24"><point/></object><object id="3" type="start" x="24" y="24"><point/></object>"#;
    let files = files(&[
        ("a.tmx", map(&["...", "..#"], &format!("{warp}{npc}"))),
        ("b.tmx", map(&["...", "#.."], "")),
        ("w.world", world_file(&[("a", 0, 0), ("b", 48, 0)])),
        ("client/VERSION", "1.2.3\n".to_owned()),
    ]);
    let loaded = load(&files, &Placements::new());
    assert_eq!(warnings(&loaded), Vec::<String>::new());
    let content = loaded.content.unwrap();
    assert_eq!(content.client_version, "1.2.3");
    let terrain = &content.terrain;
    assert_eq!(
        terrain.start(),
        Position {
            x: 1.5,
            y: 1.5,
            z: 0
        }
    );
    assert!(
        terrain.is_blocked(0, 2, 1) && terrain.is_blocked(0, 3, 1) && !terrain.is_blocked(0, 4, 1)
    );
    assert!(
        terrain.is_blocked(0, -1, 0) && terrain.is_blocked(0, 6, 0) && terrain.is_blocked(1, 0, 0)
    );
    assert_eq!(
        terrain.warp_at(Position {
            x: 0.9,
            y: 0.1,
            z: 0
        }),
        Some(Position {
            x: 4.5,
            y: 1.5,
            z: 0
        })
    );
    assert_eq!(
        terrain.map_at(0, 3, 0).map(|map| map.name.as_str()),
        Some("b")
    );
    let npcs: Vec<&str> = terrain
        .creatures("0:0:0".parse().unwrap())
        .map(|npc| npc.name.as_str())
        .collect();
    assert_eq!(npcs, ["Mara#a"]);
}

#[test]
fn what_is_wrong_is_named_with_its_place() {
    let dead = "<object id=\"1\" type=\"warp\" x=\"0\" y=\"0\">\n<properties><property name=\"dest_map\" value=\"nowhere\"/><property name=\"dest_x\" value=\"1\"/><property name=\"dest_y\" value=\"1\"/></properties></object>\n<object id=\"2\" type=\"music\" x=\"0\" y=\"0\"/>";
    let files = files(&[
        ("a.tmx", map(&["..."], dead)),
        ("broken.tmx", "<map".to_owned()),
        ("sub/a.tmx", map(&["..."], "")),
        ("w.world", world_file(&[("a", 7, 0), ("gone", 0, 0)])),
        ("world.toml", "speed = -1".to_owned()),
    ]);
    let loaded = load(&files, &Placements::new());
    assert!(loaded.content.is_none());
    let text = warnings(&loaded).join("\n");
    for expected in [
        "warning: a.tmx:7: the warp leads to map \"nowhere\", which is not here",
        "error: broken.tmx: ",
        "error: sub/a.tmx: a map of the same name is in a.tmx",
        "error: w.world: map \"a.tmx\" is at (7, 0), which are no whole tiles",
        "warning: w.world: names map \"gone.tmx\", which is not here",
        "error: world.toml:1: speed: -1 is not between",
    ] {
        assert!(text.contains(expected), "{expected} is not in\n{text}");
    }
    assert_eq!(loaded.report.maps[0].unknown_classes["music"], 1);
    assert!(
        load(&Files::new(), &Placements::new()).report.problems[0]
            .text
            .contains("there is no map")
    );
}

#[test]
fn edits_change_what_blocks_and_the_file() {
    let files = files(&[("a.tmx", map(&["...", "..#"], ""))]);
    let terrain = load(&files, &Placements::new()).content.unwrap().terrain;
    let edit = |layer: &str, x, y, gid| TileEdit {
        map: "a".to_owned(),
        layer: layer.to_owned(),
        x,
        y,
        gid,
    };
    let edits = [
        edit("Collision", 0, 0, 2),
        edit("Collision", 2, 1, 0),
        edit("Ground", 1, 0, 0x8000_0003),
    ];
    let edited = terrain.with_edits(&edits);
    assert!(
        edited.is_blocked(0, 0, 0) && !edited.is_blocked(0, 2, 1) && !edited.is_blocked(0, 1, 0)
    );
    assert!(!terrain.is_blocked(0, 0, 0), "the old snapshot has changed");
    for bad in [
        edit("Roof", 0, 0, 1),
        edit("Ground", 3, 0, 1),
        edit("Ground", 0, -1, 1),
        edit("Ground", 0, 0, 5),
    ] {
        assert!(terrain.check_edit(&bad).is_err(), "{bad:?}");
    }
    let written = tmx::with_edits(&files["a.tmx"], &edits).unwrap();
    let again = load(
        &Files::from([("a.tmx".to_owned(), Bytes::from(written))]),
        &Placements::new(),
    )
    .content
    .unwrap()
    .terrain;
    for (x, y) in [(0, 0), (1, 0), (2, 0), (0, 1), (1, 1), (2, 1)] {
        assert_eq!(
            again.is_blocked(0, x, y),
            edited.is_blocked(0, x, y),
            "({x}, {y})"
        );
    }
}

#[test]
fn maps_that_overlap_or_are_in_no_world_have_levels_of_their_own() {
    let files = files(&[
        ("a.tmx", map(&["..."], "")),
        ("b.tmx", map(&["..."], "")),
        ("c.tmx", map(&["..."], "")),
        ("w.world", world_file(&[("a", 0, 0), ("b", 32, 0)])),
    ]);
    let loaded = load(&files, &Placements::new());
    assert!(
        warnings(&loaded)[0].contains("map \"b\" overlaps map \"a\""),
        "{:?}",
        warnings(&loaded)
    );
    let levels: std::collections::BTreeSet<i32> = loaded
        .content
        .unwrap()
        .placements
        .values()
        .map(|place| place.level)
        .collect();
    assert_eq!(levels.len(), 3);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn maps_that_come_and_go_move_nobody(steps in prop::collection::vec(prop::collection::btree_set(0..6usize, 1..6), 1..8)) {
        let places = [("m0", 0, 0), ("m1", 48, 0), ("m2", 16, 0), ("m3", 96, 0)];
        let mut known = Placements::new();
        for present in steps {
            let mut entries: Vec<(String, String)> = present.iter().map(|n| (format!("m{n}.tmx"), map(&["..."], ""))).collect();
            let listed: Vec<_> = places.iter().copied().filter(|(name, ..)| present.contains(&name[1..].parse().unwrap())).collect();
            entries.push(("w.world".to_owned(), world_file(&listed)));
            let files = entries.into_iter().map(|(name, text)| (name, Bytes::from(text.into_bytes()))).collect();
            let loaded = load(&files, &known);
            prop_assert!(loaded.report.problems.iter().all(|problem| problem.severity == Severity::Warning));
            let now = loaded.content.unwrap().placements;
            let is_here = |name: &str| present.contains(&name[1..].parse().unwrap());
            for (name, place) in known.iter().filter(|(_, place)| place.is_current) {
                let expected = world::content::Placement { is_current: is_here(name), ..*place };
                prop_assert_eq!(now.get(name), Some(&expected), "{} has moved", name);
            }
            let mut taken = std::collections::BTreeSet::new();
            for name in present.iter().map(|n| format!("m{n}")) {
                for x in 0..3 {
                    prop_assert!(taken.insert((now[&name].level, now[&name].x + x, now[&name].y)), "{} overlaps", name);
                }
            }
            known = now;
        }
    }
}

/// Fifteen maps of The Mana World, if they are beside the project.
#[test]
fn the_mana_world() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/tmw-1");
    if !folder.is_dir() {
        println!("{} is not here: nothing to read", folder.display());
        return;
    }
    let mut files = Files::new();
    for part in ["maps", "tilesets"] {
        for entry in std::fs::read_dir(folder.join(part)).unwrap() {
            let path = entry.unwrap().path();
            let name = format!("{part}/{}", path.file_name().unwrap().to_str().unwrap());
            files.insert(name, Bytes::from(std::fs::read(path).unwrap()));
        }
    }
    let loaded = load(&files, &Placements::new());
    let text = warnings(&loaded).join("\n");
    let content = loaded.content.unwrap_or_else(|| panic!("{text}"));
    assert_eq!(loaded.report.maps.len(), 15);
    let live = |map: &world::report::MapSummary| map.warp_count - map.dead_warp_count;
    assert!(
        loaded.report.maps.iter().map(live).sum::<usize>() > 20,
        "{text}"
    );
    let maps = content.terrain.maps();
    let spawns: Vec<_> = maps.flat_map(|map| map.spawns.iter()).collect();
    assert_eq!(spawns.len(), 268);
    let ids = spawns.iter().map(|spawn| &spawn.attributes["monster_id"]);
    assert!(ids.into_iter().all(|id| id.as_f64().is_some()));
    let deaths = spawns.iter().filter(|spawn| spawn.death_ms > 0);
    assert_eq!(deaths.count(), 242);
    let edits: Vec<TileEdit> = content
        .terrain
        .maps()
        .map(|map| TileEdit {
            map: map.name.clone(),
            layer: "Collision".to_owned(),
            x: 3,
            y: 4,
            gid: 1,
        })
        .collect();
    let mut again = files.clone();
    for (map, edit) in content.terrain.maps().zip(&edits) {
        let written = tmx::with_edits(&files[&map.file], std::slice::from_ref(edit)).unwrap();
        again.insert(map.file.clone(), Bytes::from(written));
    }
    let again = load(&again, &content.placements).content.unwrap();
    let edited = content.terrain.with_edits(&edits);
    for map in again.terrain.maps() {
        let expected = edited.map(&map.name).unwrap().blocked_count();
        assert_eq!(map.blocked_count(), expected, "{}", map.name);
    }
}

#[test]
fn the_start_is_free_whatever_becomes_of_its_tile() {
    let files = files(&[(
        "a.tmx",
        map(
            &["....", "...."],
            r#"<object id="1" name="s" type="start" x="0" y="0"><point/></object>"#,
        ),
    )]);
    let loaded = load(&files, &Placements::new());
    let terrain = loaded.content.unwrap().terrain;
    let (x, y) = terrain.start().tile();
    let wall = TileEdit {
        map: "a".to_owned(),
        layer: "Collision".to_owned(),
        x,
        y,
        gid: 2,
    };
    let walled = terrain.with_edits(&[wall]);
    assert!(!walled.is_free(walled.start()));
    let nowhere = Position::centre_of(0, 0, 9_999);
    assert_eq!(terrain.nearest_free(nowhere), terrain.start());
    assert!(walled.is_free(walled.nearest_free(nowhere)));
}
