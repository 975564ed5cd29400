//! `pymmorpg world …`.

use std::{fs, os::unix::fs::symlink};

use serde_json::{Value, json};

use crate::{
    folders::{Folders, map},
    run::{Ran, run, text},
};

fn check(folders: &Folders) -> Ran {
    run(&["world", "check", text(&folders.world())])
}

/// The problems that `world check --json` names, as `severity file:line text`.
fn problems(folders: &Folders) -> Vec<String> {
    let document = run(&["world", "check", "--json", text(&folders.world())]).json();
    let problems = document["problems"].as_array().unwrap();
    let shown = |problem: &Value| {
        let line = problem["line"]
            .as_u64()
            .map(|line| format!(":{line}"))
            .unwrap_or_default();
        let part = |name: &str| problem[name].as_str().unwrap().to_owned();
        format!(
            "{} {}{line} {}",
            part("severity"),
            part("file"),
            part("text")
        )
    };
    problems.iter().map(shown).collect()
}

fn publish(folders: &Folders) -> Ran {
    let (world, data) = (folders.world(), folders.data());
    run(&[
        "world",
        "publish",
        text(&world),
        "--data",
        text(&data),
        "--json",
    ])
}

fn versions(folders: &Folders) -> Vec<u64> {
    let ran = run(&[
        "world",
        "versions",
        "--json",
        "--data",
        text(&folders.data()),
    ])
    .ended(0);
    let versions = ran.json();
    assert!(
        versions
            .as_array()
            .unwrap()
            .iter()
            .enumerate()
            .all(|(index, version)| version["current"] == json!(index == 0))
    );
    versions
        .as_array()
        .unwrap()
        .iter()
        .map(|version| version["version"].as_u64().unwrap())
        .collect()
}

#[test]
fn a_good_world_is_a_table_and_a_summary() {
    let folders = Folders::new();
    let ran = check(&folders).ended(0);
    let cells = |line: &str| {
        line.split_whitespace()
            .map(str::to_owned)
            .collect::<Vec<_>>()
            .join(" ")
    };
    let lines: Vec<String> = ran.out.lines().map(cells).collect();
    assert_eq!(
        lines[0],
        "map size level place regions blocked warps nowhere spawns creatures NPCs unknown classes"
    );
    assert_eq!(lines[2], "cellar 2 × 3 0 0, 0 1 33.3 % 1 0 0 0 0");
    assert_eq!(lines[3], "hall 4 × 3 1 0, 0 1 8.3 % 1 0 0 0 1");
    assert_eq!(
        lines[4],
        "\"Hall and cellar\" can be served: 2 maps, 2 regions, 16.7 % blocked, 2 warps, 1 NPC; 0 errors, 0 warnings"
    );
    assert_eq!(lines.len(), 5, "{lines:?}");
}

#[test]
fn a_good_world_is_one_document() {
    let folders = Folders::new();
    let document = run(&["world", "check", "--json", text(&folders.world())])
        .ended(0)
        .json();
    assert_eq!(document["servable"], json!(true));
    assert_eq!(document["name"], json!("Hall and cellar"));
    assert_eq!(document["problems"], json!([]));
    assert_eq!(
        document["maps"][1],
        json!({
            "name": "hall", "width": 4, "height": 3, "level": 1, "x": 0, "y": 0, "regions": 1, "blocked": 1,
            "blocked_share": 1.0 / 12.0, "warps": 1, "dead_warps": 0, "spawns": 0, "creatures": 0, "npcs": 1,
            "unknown_classes": {},
        })
    );
    assert_eq!(
        document["total"],
        json!({
            "maps": 2, "regions": 2, "tiles": 18, "blocked_share": 3.0 / 18.0, "warps": 2, "dead_warps": 0, "spawns": 0,
            "creatures": 0, "npcs": 1,
        })
    );
}

#[test]
fn every_problem_is_named_with_file_and_line_and_errors_come_last() {
    let folders = Folders::new();
    folders.write("world.toml", "name = \"x\"\n\nspeed = \"fast\"\n");
    folders.write("hall.tmx", &map(&["s...", "w..w"], "attic"));
    folders.write("torn.tmx", "<map>");
    let problems = problems(&folders);
    assert_eq!(
        problems[..2],
        [
            "warning hall.tmx:7 the warp leads to map \"attic\", which is not here",
            "warning hall.tmx:8 the warp leads to map \"attic\", which is not here",
        ]
    );
    assert_eq!(
        problems[2],
        "error world.toml:3 invalid type: string \"fast\", expected f64"
    );
    assert!(problems[3].starts_with("error torn.tmx "), "{problems:?}");
    assert_eq!(problems.len(), 4, "{problems:?}");
    let ran = check(&folders).ended(1);
    assert!(
        ran.out
            .contains("error: world.toml:3: invalid type: string \"fast\", expected f64\n"),
        "{ran:?}"
    );
    assert!(
        ran.out
            .ends_with("This world cannot be served: 2 maps; 2 errors, 2 warnings\n"),
        "{ran:?}"
    );
}

#[test]
fn what_is_no_world_is_said_to_be_none() {
    let folders = Folders::new();
    let missing = folders.world().join("nowhere");
    let ran = run(&["world", "check", text(&missing)]).ended(1);
    assert!(
        ran.err
            .starts_with(&format!("error: cannot read the world {}", text(&missing))),
        "{ran:?}"
    );
    let file = folders.world().join("hall.tmx");
    let ran = run(&["world", "check", text(&file)]).ended(1);
    assert!(
        ran.err.contains("is a file; a world is a folder"),
        "{ran:?}"
    );
    run(&["world", "check"]).ended(2);
    run(&["world", "rollback", "two"]).ended(2);
}

#[test]
fn symbolic_links_are_refused_and_not_followed() {
    let folders = Folders::new();
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("secret"), "key").unwrap();
    symlink(
        outside.path().join("secret"),
        folders.world().join("client/notes.txt"),
    )
    .unwrap();
    symlink(outside.path(), folders.world().join("more")).unwrap();
    symlink("hall.tmx", folders.world().join("copy.tmx")).unwrap();
    let reason = "is a symbolic link; put the file itself into the world";
    assert_eq!(
        problems(&folders),
        ["client/notes.txt", "copy.tmx", "more"].map(|name| format!("error {name} {reason}"))
    );
    check(&folders).ended(1);
    let ran = publish(&folders).ended(1);
    assert_eq!(ran.json()["published"], json!(false));
    assert_eq!(versions(&folders), Vec::<u64>::new());
}

#[test]
fn what_others_leave_lying_about_is_no_part_of_a_world() {
    let folders = Folders::new();
    for name in [
        ".git/config",
        ".hidden",
        "hall.tmx~",
        "#hall.tmx#",
        "client/__pycache__/a.pyc",
        "x.swp",
    ] {
        folders.write(name, "junk");
    }
    publish(&folders).ended(0);
    let ran = run(&[
        "world",
        "versions",
        "--json",
        "--data",
        text(&folders.data()),
    ]);
    assert_eq!(ran.json()[0]["files"], json!(4));
}

#[test]
fn names_that_lead_elsewhere_on_other_systems_are_refused() {
    let folders = Folders::new();
    folders.write("client/a\\..\\evil.py", "x");
    folders.write("client/C:evil.py", "x");
    assert_eq!(
        problems(&folders),
        [
            "error client/C:evil.py its name has a ':', which means something else on other systems",
            "error client/a\\..\\evil.py its name has a '\\\\', which means something else on other systems",
        ]
    );
}

#[test]
fn a_data_folder_is_no_part_of_a_world() {
    let folders = Folders::new();
    let inside = folders.world().join("data");
    let ran = run(&[
        "world",
        "publish",
        text(&folders.world()),
        "--data",
        text(&inside),
    ])
    .ended(1);
    assert!(
        ran.err
            .contains("error: data: this is a data folder; keep it outside the world's folder"),
        "{ran:?}"
    );
}

#[test]
fn versions_are_published_and_rolled_back() {
    let folders = Folders::new();
    let is = |ran: Ran, version: u64, is_new: bool, map: bool, client: bool| {
        let document = ran.ended(0).json();
        let told = ["version", "new", "map_changed", "client_changed"].map(|key| &document[key]);
        assert_eq!(
            told,
            [&json!(version), &json!(is_new), &json!(map), &json!(client)],
            "{document}"
        );
    };
    is(publish(&folders), 1, true, false, false);
    is(publish(&folders), 1, false, false, false);
    folders.write("cellar.tmx", &map(&["#.", "..", "w."], "hall"));
    is(publish(&folders), 2, true, true, false);
    folders.write("client/VERSION", "1.1.0\n");
    is(publish(&folders), 3, true, false, true);

    folders.write("cellar.tmx", "<map>");
    let ran = publish(&folders).ended(1);
    assert!(
        ran.err.contains("error: cellar.tmx: ")
            && ran
                .err
                .ends_with("cannot be served; nothing was published\n"),
        "{ran:?}"
    );
    assert_eq!(versions(&folders), [3, 2, 1]);

    let data = folders.data();
    let back = |to: &str| run(&["world", "rollback", to, "--data", text(&data)]);
    assert_eq!(
        back("1").ended(0).out,
        "content version 1 is current again, as version 4\n"
    );
    assert_eq!(versions(&folders), [4, 3, 2, 1]);
    let ran = back("99").ended(1);
    assert_eq!(
        ran.err,
        "error: there is no content version 99; `pymmorpg world versions` lists those that are kept\n"
    );
    let table = run(&["world", "versions", "--data", text(&data)])
        .ended(0)
        .out;
    let current: Vec<&str> = table
        .lines()
        .filter(|line| line.contains("current"))
        .collect();
    assert!(
        matches!(current.as_slice(), [line] if line.trim().starts_with('4') && line.contains("Hall and cellar") && line.contains("1.0.0")),
        "{table}"
    );
}

#[test]
fn a_slip_in_the_data_folder_makes_none() {
    let folders = Folders::new();
    let data = folders.data();
    for command in [
        &["world", "versions"][..],
        &["world", "rollback", "1"],
        &["account", "list"],
        &["account", "grant", "Anna", "gm"],
    ] {
        let ran = run(&[command, &["--data", text(&data)]].concat()).ended(1);
        assert!(
            ran.err
                .starts_with(&format!("error: there is no data in {}", text(&data))),
            "{ran:?}"
        );
        assert!(!data.exists());
    }
}
