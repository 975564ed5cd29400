//! Whoever lives on a map: NPCs, spawns and paths, with what their templates give them.

use wire::Value;
use world::{
    content::{Placements, load},
    position::Position,
};

use super::{files, map, warnings, world_file};

/// An object with properties, each on a line of its own.
fn object(id: u32, head: &str, properties: &[(&str, &str)], shape: &str) -> String {
    let properties: Vec<String> = properties
        .iter()
        .map(|(name, value)| format!("<property name=\"{name}\" value=\"{value}\"/>\n"))
        .collect();
    format!(
        "<object id=\"{id}\" {head} x=\"16\" y=\"16\"><properties>\n{}</properties>{shape}</object>\n",
        properties.concat()
    )
}

const TEMPLATES: &str = r#"
[attributes.hp]
type = "int"
max = 100
[templates.slime]
visual = "green"
hp = 5
damage = 2
behaviour = "chase radius=4"
"#;

#[test]
fn spawns_have_what_their_template_and_the_map_say() {
    let objects = [
        object(
            1,
            "name=\"slime\" type=\"spawn\" width=\"32\" height=\"16\"",
            &[
                ("max_beings", "7"),
                ("spawn", "5000"),
                ("death", "30000"),
                ("hp", "9"),
                ("monster_id", "17"),
            ],
            "",
        ),
        object(
            2,
            "name=\"Snail\" type=\"spawn\"",
            &[("template", "slime"), ("behaviour", "wander leash=9")],
            "",
        ),
        object(3, "name=\"Bat\" type=\"spawn\"", &[], ""),
    ];
    let files = files(&[
        ("a.tmx", map(&["....", "...."], &objects.concat())),
        ("w.world", world_file(&[("a", 32, 0)])),
        ("world.toml", TEMPLATES.to_owned()),
    ]);
    let loaded = load(&files, &Placements::new());
    assert_eq!(warnings(&loaded).len(), 1, "{:?}", warnings(&loaded));
    assert_eq!(loaded.report.maps[0].creature_count, 9);
    let terrain = loaded.content.unwrap().terrain;
    let map = terrain.map("a").unwrap();
    let [slime, snail, bat] = &map.spawns[..] else {
        panic!("{:?}", map.spawns);
    };
    assert_eq!(slime.area, (3, 1, 5, 2));
    assert_eq!(
        (slime.being_count_max, slime.spawn_ms, slime.death_ms),
        (7, 5_000, 30_000)
    );
    assert_eq!(
        (slime.kind.as_str(), slime.behaviour.as_str()),
        ("slime", "chase radius=4")
    );
    let attributes = |spawn: &world::terrain::Spawn| {
        let attributes = spawn.attributes.iter();
        let attributes = attributes.map(|(name, value)| (name.clone(), value.clone()));
        attributes.collect::<Vec<_>>()
    };
    let text = |text: &str| Value::Str(text.to_owned());
    let expected = [
        ("damage", Value::Int(2)),
        ("hp", Value::Int(9)),
        ("monster_id", Value::Int(17)),
        ("title", text("slime")),
        ("visual", text("green")),
    ];
    assert_eq!(
        attributes(slime),
        expected.map(|(name, value)| (name.to_owned(), value))
    );
    assert_eq!(
        (snail.kind.as_str(), snail.template.as_str()),
        ("Snail", "slime")
    );
    assert_eq!(snail.behaviour, "wander leash=9");
    assert_eq!(snail.attributes["hp"], Value::Int(5));
    assert_eq!(snail.attributes["title"], text("Snail"));
    assert_eq!(snail.area, map.area(), "without a size it is the whole map");
    assert_eq!((bat.behaviour.as_str(), bat.being_count_max), ("wander", 1));
    assert_eq!(bat.attributes["visual"], text("Bat"));
}

#[test]
fn npcs_have_templates_and_walk_along_paths() {
    let line = "<polyline points=\"0,0 32,0 32,16\"/>";
    let ring = "<polyline points=\"0,0 32,0 32,16 0,0\"/>";
    let square = "<polygon points=\"0,0 32,0 32,16\"/>";
    let objects = [
        object(1, "name=\"round\" type=\"path\"", &[], line),
        object(2, "name=\"ring\" type=\"path\"", &[], ring),
        object(3, "name=\"square\" type=\"path\"", &[], square),
        object(
            4,
            "name=\"Mara\" type=\"npc\"",
            &[
                ("template", "slime"),
                ("behaviour", "patrol"),
                ("path", "round"),
            ],
            "<point/>",
        ),
        object(5, "name=\"Ben\" type=\"npc\"", &[], "<point/>"),
    ];
    let files = files(&[
        ("a.tmx", map(&["....", "...."], &objects.concat())),
        ("b.tmx", map(&["...."], "")),
        ("w.world", world_file(&[("a", 32, 16), ("b", 96, 16)])),
        (
            "world.toml",
            format!("start = {{ map = 'a', x = 0, y = 0 }}\n{TEMPLATES}"),
        ),
    ]);
    let loaded = load(&files, &Placements::new());
    assert_eq!(warnings(&loaded), Vec::<String>::new());
    assert!(loaded.report.maps[0].unknown_classes.is_empty());
    let terrain = loaded.content.unwrap().terrain;
    let npcs = &terrain.map("a").unwrap().npcs;
    assert_eq!(npcs[0].behaviour.as_deref(), Some("patrol"));
    assert_eq!(npcs[0].attributes["visual"], Value::Str("green".to_owned()));
    assert_eq!(npcs[0].attributes["title"], Value::Str("Mara".to_owned()));
    assert_eq!(npcs[0].attributes["path"], Value::Str("round".to_owned()));
    assert!(
        !npcs[0].attributes.contains_key("behaviour")
            && !npcs[0].attributes.contains_key("template")
    );
    assert_eq!(
        (&npcs[1].behaviour, &npcs[1].attributes["visual"]),
        (&None, &Value::Str("npc".to_owned()))
    );
    // The map begins at (2, 1), and the paths at (1, 1) of it; those on the other map have none of their own.
    let at = |x: f64, y: f64| Position { x, y, z: 0 };
    assert_eq!(npcs[0].position, at(3.0, 2.0));
    for home in [npcs[0].position, at(7.5, 1.5)] {
        let path = |name| terrain.path(home, name).unwrap();
        let points = [at(3.0, 2.0), at(5.0, 2.0), at(5.0, 3.0)];
        assert_eq!(
            (&path("round").points[..], path("round").is_closed),
            (&points[..], false)
        );
        assert_eq!(
            (&path("ring").points[..], path("ring").is_closed),
            (&points[..], true)
        );
        assert_eq!(
            (&path("square").points[..], path("square").is_closed),
            (&points[..], true)
        );
        assert!(terrain.path(home, "nowhere").is_none());
    }
}

#[test]
fn what_is_wrong_with_those_who_live_there_is_named_with_its_place() {
    let line = "<polyline points=\"0,0 32,0 32,16\"/>";
    let objects = [
        object(1, "name=\"round\" type=\"path\"", &[], line),
        object(2, "name=\"round\" type=\"path\"", &[], line),
        object(3, "type=\"path\"", &[], line),
        object(4, "name=\"p\" type=\"path\"", &[], "<point/>"),
        object(
            5,
            "name=\"a\" type=\"npc\"",
            &[("behaviour", "dance")],
            "<point/>",
        ),
        object(
            6,
            "name=\"b\" type=\"npc\"",
            &[("behaviour", "patrol path=square")],
            "<point/>",
        ),
        object(
            7,
            "name=\"c\" type=\"npc\"",
            &[("behaviour", "patrol")],
            "<point/>",
        ),
        object(
            8,
            "name=\"d\" type=\"npc\"",
            &[("template", "troll"), ("hp", "101")],
            "<point/>",
        ),
        object(
            9,
            "name=\"e\" type=\"spawn\"",
            &[("behaviour", "wander leash=x")],
            "",
        ),
        object(
            10,
            "name=\"f\" type=\"spawn\"",
            &[("behaviour", "quest.lua")],
            "",
        ),
        object(
            11,
            "name=\"g\" type=\"spawn\"",
            &[("behaviour", "other.lua")],
            "",
        ),
        object(12, "name=\"bad\" type=\"spawn\"", &[], ""),
    ];
    let toml = format!(
        "start = {{ map = 'a', x = 0, y = 0 }}\n{TEMPLATES}[templates.bad]\nbehaviour = 'jump'\n"
    );
    let files = files(&[
        ("a.tmx", map(&["....", "...."], &objects.concat())),
        ("behaviours/quest.lua", "return function(me) end".to_owned()),
        ("world.toml", toml),
    ]);
    let loaded = load(&files, &Placements::new());
    let expected = [
        "warning: a.tmx:9: there is a path \"round\" on this map already",
        "warning: a.tmx:11: a path without a name, by which nobody can be told to walk along it",
        "warning: a.tmx:13: a path that is neither a polyline nor a polygon",
        "warning: world.toml: templates.bad: behaviour: there is no behaviour \"jump\"; there are stand, wander, patrol, flee, chase, guard, merchant, and scripts: NAME.lua",
        "warning: a.tmx:15: behaviour: there is no behaviour \"dance\"; there are stand, wander, patrol, flee, chase, guard, merchant, and scripts: NAME.lua",
        "warning: a.tmx:18: there is no path \"square\"; there are round",
        "warning: a.tmx:21: a patrol without a path: name one by its property path",
        "warning: a.tmx:24: there is no template \"troll\" in world.toml",
        "warning: a.tmx:24: hp: 101 is out of bounds",
        "warning: a.tmx:28: behaviour: leash=x is no number from 0 to 256",
        "warning: a.tmx:34: there is no script behaviours/other.lua",
    ];
    assert_eq!(warnings(&loaded), expected);
    let terrain = loaded.content.unwrap().terrain;
    let map = terrain.map("a").unwrap();
    assert_eq!(map.npcs[0].behaviour, None);
    let behaviours: Vec<&str> = map
        .spawns
        .iter()
        .map(|spawn| spawn.behaviour.as_str())
        .collect();
    assert_eq!(behaviours, ["stand", "quest.lua", "other.lua", "wander"]);
}
