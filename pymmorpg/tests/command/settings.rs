//! Settings that cannot be used, and where they come from.

use crate::{
    folders::{Folders, write},
    run::{run, text},
};

/// Runs `up` with a settings file, which must be refused; what it said.
fn refused(file: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "settings.toml", file);
    let path = folder.path().join("settings.toml");
    let ran = run(&["up", "--config", text(&path)]).ended(1);
    assert!(ran.out.is_empty(), "{ran:?}");
    ran.err.replace(text(&path), "FILE")
}

#[test]
fn an_error_names_the_key_and_the_file() {
    let cases = [
        ("lissten = 3\n", "lissten"),
        ("listen = \"here\"\n", "listen"),
        ("[gateway]\nno_such_thing = 1\n", "gateway.no_such_thing"),
        ("[telemetry]\nformat = \"xml\"\n", "telemetry.format"),
        ("listen = \n", "the settings file FILE"),
    ];
    for (file, key) in cases {
        let said = refused(file);
        assert!(said.starts_with(&format!("error: {key}")), "{said}");
        assert!(said.contains("FILE"), "{said}");
    }
}

#[test]
fn a_flag_that_makes_no_sense_is_a_matter_of_usage() {
    run(&["up", "--listen", "here"]).ended(2);
    run(&["up", "--no-such-flag"]).ended(2);
    let ran = run(&["up", "--config", "/no/such/file"]).ended(1);
    assert!(
        ran.err
            .starts_with("error: cannot read the settings file /no/such/file"),
        "{ran:?}"
    );
}

#[test]
fn a_world_that_cannot_be_served_does_not_start() {
    let folders = Folders::new();
    folders.write("world.toml", "\ncell = 3\n");
    let ran = run(&[
        "up",
        "--listen",
        "127.0.0.1:0",
        "--admin-listen",
        "127.0.0.1:0",
        "--world",
        text(&folders.world()),
        "--data",
        text(&folders.data()),
    ])
    .ended(1);
    assert!(
        ran.err
            .contains("\nerror: world.toml:2: cell: 3 is not between 8 and 1024\n"),
        "{ran:?}"
    );
    assert!(
        ran.err.contains(&format!(
            "\nerror: the world {} cannot be served: ",
            text(&folders.world())
        )),
        "{ran:?}"
    );
}
