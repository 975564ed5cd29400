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

#[test]
fn a_folder_and_a_database_are_two_places() {
    let said = refused("data = \"here\"\nsql = \"postgres://a:hunter2@b/c\"\n");
    assert_eq!(
        said,
        "error: data = \"here\": sql is set too; choose one of them (from the file FILE)\n"
    );
    run(&["up", "--data", "here", "--sql", "postgres://b/c"]).ended(2);
    run(&[
        "account",
        "list",
        "--data",
        "here",
        "--sql",
        "postgres://b/c",
    ])
    .ended(2);
}

#[test]
fn what_is_no_url_is_named_without_its_password() {
    let said = refused("sql = \"mysql://a:hunter2@b/c\"\n");
    assert_eq!(
        said,
        "error: sql = \"mysql://a:***@b/c\": expected postgres://user:password@host/database (from the file FILE)\n"
    );
    let said = refused("redis = \"b:6379\"\n");
    assert!(
        said.starts_with("error: redis = \"b:6379\": expected redis://host:port"),
        "{said}"
    );
    for command in [["account", "list"], ["world", "versions"]] {
        let ran = run(&[&command[..], &["--sql", "mysql://a:hunter2@b/c"]].concat()).ended(1);
        assert_eq!(
            ran.err,
            "error: sql = \"mysql://a:***@b/c\": expected postgres://user:password@host/database (from a flag)\n"
        );
        let ran = run(&[&command[..], &["--redis", "cache"]].concat()).ended(1);
        assert!(
            ran.err
                .starts_with("error: redis = \"cache\": expected redis://"),
            "{ran:?}"
        );
    }
}

#[test]
fn what_is_for_processes_alone_is_not_for_all_in_one() {
    let said = refused("[gateway]\nauth = \"http://b:7790\"\n");
    assert!(said.starts_with("error: gateway.auth = \"http://b:7790\": `pymmorpg up` has an account service of its own"), "{said}");
    let said = refused("[zone_server]\nlisten = \"0.0.0.0:7800\"\n");
    assert!(
        said.starts_with(
            "error: zone_server.advertise: is not set, and nobody can connect to 0.0.0.0:7800"
        ),
        "{said}"
    );
}
