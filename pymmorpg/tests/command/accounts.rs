//! `pymmorpg account …`.

use serde_json::json;
use store::{
    Store,
    accounts::{Created, NewAccount, Role},
};
use world::{entity::EntityState, position::Position, region_id::RegionId};

use crate::{
    folders::Folders,
    run::{run, run_with_input, text},
};

/// A data folder with an account, made as the auth service makes one.
async fn with_anna() -> (Folders, Store) {
    let folders = Folders::new();
    let store = Store::embedded(&folders.data()).await.unwrap();
    let position = Position {
        x: 0.5,
        y: 0.5,
        z: 0,
    };
    let new = NewAccount {
        name: "Anna".to_owned(),
        password_hash: "none".to_owned(),
        region: RegionId::of(position, 64),
        state: EntityState::at(position),
    };
    assert!(matches!(
        store.accounts().create(new).await.unwrap(),
        Created::Done(_)
    ));
    (folders, store)
}

// The store stays open in all of these, as it is while a cluster runs.

#[tokio::test]
async fn roles_are_granted_and_revoked() {
    let (folders, store) = with_anna().await;
    let data = folders.data();
    let role = async || store.accounts().find("anna").await.unwrap().unwrap().role;
    run(&["account", "grant", "anna", "gm", "--data", text(&data)]).ended(0);
    assert_eq!(role().await, Role::Gm);
    let list = run(&["account", "list", "--json", "--data", text(&data)]).ended(0);
    let mut list = list.json();
    assert!(list[0]["created_ms"].take().as_u64().unwrap() > 1_700_000_000_000);
    assert_eq!(
        list,
        json!([{ "name": "Anna", "role": "gm", "created_ms": null, "logins": 1 }])
    );
    run(&["account", "revoke", "ANNA", "--data", text(&data)]).ended(0);
    assert_eq!(role().await, Role::Player);
    let table = run(&["account", "list", "--data", text(&data)])
        .ended(0)
        .out;
    assert!(
        table
            .lines()
            .any(|line| line.contains("Anna") && line.contains("player")),
        "{table}"
    );
    store.close().await;
}

#[tokio::test]
async fn what_cannot_be_is_refused() {
    let (folders, store) = with_anna().await;
    let data = folders.data();
    for command in [
        &["account", "grant", "Bert", "gm"][..],
        &["account", "revoke", "Bert"],
        &["account", "password", "Bert"],
    ] {
        let ran =
            run_with_input(&[command, &["--data", text(&data)]].concat(), "secret\n").ended(1);
        assert_eq!(
            ran.err,
            format!(
                "error: there is no account \"Bert\" in {}; `pymmorpg account list` names those that there are\n",
                text(&data)
            )
        );
    }
    run(&["account", "grant", "Anna", "king", "--data", text(&data)]).ended(2);
    run(&["account", "grant", "Anna", "--data", text(&data)]).ended(2);
    run(&["account"]).ended(2);
    store.close().await;
}

#[tokio::test]
async fn a_password_is_one_line_of_input() {
    let (folders, store) = with_anna().await;
    let data = folders.data();
    let hash = async || {
        store
            .accounts()
            .find("Anna")
            .await
            .unwrap()
            .unwrap()
            .password_hash
    };
    let password = |input: &str| {
        run_with_input(
            &["account", "password", "anna", "--data", text(&data)],
            input,
        )
    };
    assert_eq!(
        password("new secret\nand more\n").ended(0).out,
        "Anna has a new password\n"
    );
    let first = hash().await;
    assert!(first.starts_with("$argon2id$"), "{first}");
    for bad in ["", "\n", &"x".repeat(257), &"x".repeat(10_000)] {
        let ran = password(bad).ended(1);
        assert!(ran.err.starts_with("error: "), "{ran:?}");
        assert_eq!(hash().await, first);
    }
    password(&"x".repeat(256)).ended(0);
    assert_ne!(hash().await, first);
    store.close().await;
}
