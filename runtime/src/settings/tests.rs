//! What settings come to, from what each source says.

use serde::Deserialize;

use super::*;

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Settings {
    gateway: Gateway,
    redis: Option<String>,
    redis_password: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Gateway {
    listen: std::net::SocketAddr,
    connections_max: u16,
    mode: Mode,
    origins: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Mode {
    Open,
    Closed,
}

impl Default for Gateway {
    fn default() -> Self {
        Self {
            listen: ([127, 0, 0, 1], 7777).into(),
            connections_max: 100,
            mode: Mode::Open,
            origins: Vec::new(),
        }
    }
}

/// Flags as a command has them: None is what was not given.
#[derive(Debug, Default, Serialize)]
struct Flags {
    gateway: GatewayFlags,
}

#[derive(Debug, Default, Serialize)]
struct GatewayFlags {
    listen: Option<String>,
    connections_max: Option<u32>,
}

/// A file, an environment, and what an error about them names.
type Wrong<'t> = (&'t str, &'t [(&'t str, &'t str)], &'t [&'t str]);

fn load_texts(toml: &str, environment: &[(&str, &str)], flags: Flags) -> Result<Settings, Error> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pymmorpg.toml");
    std::fs::write(&file, toml).unwrap();
    let environment = environment
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    load_from(Some(&file), Settings::default(), environment, flags, &[])
        .map(|loaded| loaded.settings)
}

#[test]
fn nothing_said_means_the_defaults() {
    let settings = load_texts("", &[], Flags::default()).unwrap();
    assert_eq!(settings, Settings::default());
    let without_file: Loaded<Settings> =
        load_from(None, Settings::default(), Vec::new(), (), &[]).unwrap();
    assert_eq!(without_file.settings, Settings::default());
}

#[test]
fn flags_win_over_the_environment_and_that_over_the_file() {
    let toml = "redis = \"redis://file\"\n[gateway]\nlisten = \"0.0.0.0:1\"\nconnections_max = 1\nmode = \"closed\"";
    let environment = [
        ("PYMMORPG_GATEWAY__LISTEN", "0.0.0.0:2"),
        ("PYMMORPG_GATEWAY__CONNECTIONS_MAX", "2"),
        ("PYMMORPG_GATEWAY__ORIGINS", "[a, b]"),
        ("HOME", "/root"),
    ];
    let flags = Flags {
        gateway: GatewayFlags {
            connections_max: Some(3),
            ..GatewayFlags::default()
        },
    };
    let settings = load_texts(toml, &environment, flags).unwrap();
    assert_eq!(settings.redis.as_deref(), Some("redis://file"));
    assert_eq!(settings.gateway.mode, Mode::Closed);
    assert_eq!(settings.gateway.listen.port(), 2);
    assert_eq!(settings.gateway.origins, ["a", "b"]);
    assert_eq!(settings.gateway.connections_max, 3);
}

#[test]
fn an_error_names_key_value_and_source() {
    let file = "[gateway]\nconnections_max = \"many\"\nlisten = \"here\"\nmode = \"ajar\"";
    let only = |line: usize| file.lines().nth(line).unwrap();
    let cases: [Wrong; 8] = [
        (
            &format!("[gateway]\n{}", only(1)),
            &[],
            &[
                "gateway.connections_max",
                "\"many\"",
                "u16",
                "pymmorpg.toml",
            ],
        ),
        (
            &format!("[gateway]\n{}", only(2)),
            &[],
            &[
                "gateway.listen",
                "\"here\"",
                "invalid socket address",
                "pymmorpg.toml",
            ],
        ),
        (
            &format!("[gateway]\n{}", only(3)),
            &[],
            &["gateway.mode", "\"ajar\"", "open, closed", "pymmorpg.toml"],
        ),
        (
            "",
            &[("PYMMORPG_GATEWAY__CONNECTIONS_MAX", "70000")],
            &[
                "gateway.connections_max",
                "70000",
                "u16",
                "PYMMORPG_GATEWAY__CONNECTIONS_MAX",
            ],
        ),
        (
            "",
            &[("PYMMORPG_GATEWAY__LISTN", "x")],
            &[
                "gateway.listn",
                "\"x\"",
                "no such setting",
                "listen",
                "PYMMORPG_GATEWAY__LISTN",
            ],
        ),
        (
            "gatway = 3",
            &[],
            &["gatway", "3", "no such setting", "pymmorpg.toml"],
        ),
        (
            "",
            &[("PYMMORPG_GATEWAY", "x")],
            &["gateway", "\"x\"", "PYMMORPG_GATEWAY"],
        ),
        ("", &[("PYMMORPG_", "x")], &["no such setting", "PYMMORPG_"]),
    ];
    for (toml, environment, expected) in cases {
        let error = load_texts(toml, environment, Flags::default())
            .expect_err(&format!("{toml} {environment:?}"))
            .to_string();
        for part in expected {
            assert!(error.contains(part), "{part:?} is not in {error:?}");
        }
    }
}

#[test]
fn a_wrong_flag_is_named_as_one() {
    let flags = Flags {
        gateway: GatewayFlags {
            listen: Some("nowhere".to_owned()),
            ..GatewayFlags::default()
        },
    };
    let error = load_texts("[gateway]\nlisten = \"0.0.0.0:1\"", &[], flags)
        .unwrap_err()
        .to_string();
    assert!(error.starts_with("gateway.listen = \"nowhere\""), "{error}");
    assert!(error.ends_with("(from a flag)"), "{error}");
}

#[test]
fn an_error_keeps_a_secret() {
    let error = load_texts("redis_password = [\"hunter2\"]", &[], Flags::default())
        .unwrap_err()
        .to_string();
    assert!(error.contains("redis_password = ***"), "{error}");
    assert!(error.contains("pymmorpg.toml"), "{error}");
    assert!(!error.contains("hunter2"), "{error}");
}

#[test]
fn what_looks_like_something_else_may_be_a_string() {
    let environment = [
        ("PYMMORPG_REDIS_PASSWORD", "007"),
        ("PYMMORPG_REDIS", "[true]"),
        ("PYMMORPG_GATEWAY__CONNECTIONS_MAX", "7"),
    ];
    let settings = load_texts("", &environment, Flags::default()).unwrap();
    assert_eq!(settings.redis_password, "007");
    assert_eq!(settings.redis.as_deref(), Some("[true]"));
    assert_eq!(settings.gateway.connections_max, 7);
}

#[test]
fn files_that_are_none() {
    let missing = Path::new("/nowhere/pymmorpg.toml");
    let error = load_from::<Settings>(
        Some(missing),
        Settings::default(),
        Vec::new(),
        Flags::default(),
        &[],
    )
    .unwrap_err();
    assert!(
        matches!(&error, Error::File { path, .. } if path == missing),
        "{error}"
    );
    let error = load_texts("gateway = [\n", &[], Flags::default()).unwrap_err();
    assert!(error.to_string().contains("line 1"), "{error}");
}

#[test]
fn secrets_are_masked() {
    #[derive(Serialize)]
    struct Shown {
        api_token: Vec<u8>,
        database: &'static str,
        list: Vec<&'static str>,
        name: &'static str,
        nothing: Option<u8>,
        ratio: f64,
        secrets: Inner,
        small: i8,
        token_free: bool,
    }
    #[derive(Serialize)]
    struct Inner {
        first: &'static str,
    }
    let text = describe(&Shown {
        api_token: vec![1, 2],
        database: "postgres://anna:pass/w@rd@db:5432/x?sslmode=on&sslpassword=pw2",
        list: vec!["redis://:pw3@one,redis://two", "http://host:80/path"],
        name: "user: a@b",
        nothing: None,
        ratio: 0.5,
        secrets: Inner { first: "pw4" },
        small: -3,
        token_free: true,
    });
    assert_eq!(
        text,
        r#"api_token=*** database="postgres://anna:***@db:5432/x?sslmode=on&sslpassword=***" list=["redis://:***@one,redis://two", "http://host:80/path"] name="user: a@b" ratio=0.5 secrets.first=*** small=-3 token_free=***"#
    );
}

#[test]
fn what_cannot_be_used_is_refused_with_its_source() {
    let environment = vec![("PYMMORPG_REDIS".to_owned(), "redis://:hunter2@x".to_owned())];
    let Loaded { sources, .. } =
        load_from::<Settings>(None, Settings::default(), environment, (), &[]).unwrap();
    let cases = [
        (
            "redis",
            "redis = \"redis://:***@x\": is down (from the environment's PYMMORPG_REDIS)",
        ),
        (
            "gateway.connections_max",
            "gateway.connections_max = 100: is down (from the defaults)",
        ),
        ("gateway.nothing", "gateway.nothing: is down"),
        (
            "gateway.origins",
            "gateway.origins = []: is down (from the defaults)",
        ),
    ];
    for (key, expected) in cases {
        assert_eq!(sources.refuse(key, "is down").to_string(), expected);
    }
    assert!(sources.is_set("redis"));
    let Loaded { sources, .. } =
        load_from::<Settings>(None, Settings::default(), Vec::new(), (), &[]).unwrap();
    assert_eq!(
        sources.refuse("redis", "is not set").to_string(),
        "redis: is not set"
    );
    assert!(!sources.is_set("redis"));
    assert!(!sources.is_set("gateway.connections_max"));
    assert!(!sources.is_set("no.such.thing"));
}

#[test]
fn unknown_keys_of_a_file_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pymmorpg.toml");
    std::fs::write(&file, "redis = \"x\"\nrediss = 3\n").unwrap();
    refuse_unknown(&file, &["redis", "rediss"]).unwrap();
    let error = refuse_unknown(&file, &["redis", "sql"])
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with("rediss: there is no such setting (from the file "),
        "{error}"
    );
    assert!(error.ends_with("; there are redis, sql"), "{error}");
}

/// Settings whose `redis` may be in a file.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct WithSecrets {
    redis: Option<String>,
    number: u8,
}

fn load_secret(
    file: Option<&Path>,
    environment: &[(&str, &str)],
) -> Result<Loaded<WithSecrets>, Error> {
    let environment = environment
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    load_from(file, WithSecrets::default(), environment, (), &["redis"])
}

#[test]
fn a_value_may_be_in_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secret");
    let named = path.to_str().unwrap();
    for (written, expected) in [
        ("redis://:hunter2@x\n", "redis://:hunter2@x"),
        ("redis://:hunter2@x\r\n", "redis://:hunter2@x"),
        ("redis://:hunter2@x", "redis://:hunter2@x"),
        (" 007 ", " 007 "),
    ] {
        std::fs::write(&path, written).unwrap();
        let loaded = load_secret(None, &[("PYMMORPG_REDIS_FILE", named)]).unwrap();
        assert_eq!(loaded.settings.redis.as_deref(), Some(expected));
        assert!(loaded.sources.is_set("redis"));
        let refused = loaded.sources.refuse("redis", "is no URL").to_string();
        assert_eq!(
            refused,
            format!("redis = ***: is no URL (from the file {named}, which redis_file names)")
        );
    }
    let toml = folder.path().join("pymmorpg.toml");
    std::fs::write(&toml, format!("redis_file = {named:?}\n")).unwrap();
    let loaded = load_secret(Some(&toml), &[]).unwrap();
    assert_eq!(loaded.settings.redis.as_deref(), Some(" 007 "));
    // Whoever does not ask for it does not read it.
    let environment = vec![("PYMMORPG_REDIS_FILE".to_owned(), named.to_owned())];
    let without: Loaded<WithSecrets> =
        load_from(None, WithSecrets::default(), environment, (), &[]).unwrap();
    assert_eq!(without.settings.redis, None);
}

#[test]
fn a_file_that_holds_no_value_is_named_and_not_shown() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secret");
    let named = path.to_str().unwrap();
    let long = "hunter2".repeat(10_000);
    let cases: [(&[u8], &str); 5] = [
        (b"", "is empty"),
        (b"\n", "is empty"),
        (b"a\nhunter2\n", "has more than one line"),
        (b"\xffhunter2", "is no text"),
        (long.as_bytes(), "holds more than 65536 bytes"),
    ];
    let refused = || {
        let error = load_secret(None, &[("PYMMORPG_REDIS_FILE", named)]).unwrap_err();
        error.to_string()
    };
    let expected = |problem: &str| {
        format!("redis_file = {named:?}: {problem} (from the environment's PYMMORPG_REDIS_FILE)")
    };
    for (written, problem) in cases {
        std::fs::write(&path, written).unwrap();
        assert_eq!(refused(), expected(problem));
    }
    std::fs::remove_file(&path).unwrap();
    let gone = "cannot be read: No such file or directory (os error 2)";
    assert_eq!(refused(), expected(gone));
}

#[test]
fn a_value_and_a_file_are_two_places() {
    let folder = tempfile::tempdir().unwrap();
    let (path, toml) = (folder.path().join("secret"), folder.path().join("x.toml"));
    let named = path.to_str().unwrap();
    std::fs::write(&path, "redis://:hunter2@x").unwrap();
    std::fs::write(&toml, "redis = \"redis://:hunter3@x\"\n").unwrap();
    let variable = ("PYMMORPG_REDIS_FILE", named);
    for (file, environment, other) in [
        (
            None,
            &[variable, ("PYMMORPG_REDIS", "redis://:hunter3@x")][..],
            "the environment's PYMMORPG_REDIS".to_owned(),
        ),
        (
            Some(&*toml),
            &[variable],
            format!("the file {}", toml.display()),
        ),
    ] {
        let error = load_secret(file, environment).unwrap_err().to_string();
        assert_eq!(
            error,
            format!(
                "redis_file = {named:?}: redis is set too, from {other}; choose one of them (from the environment's PYMMORPG_REDIS_FILE)"
            )
        );
    }
    // What else is wrong is said as ever.
    let error = load_secret(None, &[variable, ("PYMMORPG_NUMBER", "many")]).unwrap_err();
    assert!(
        error.to_string().starts_with("number = \"many\": expected"),
        "{error}"
    );
}
