//! Accounts: unique names, rising generations.

use store::accounts::{Created, Role};

use crate::ground::{Backend, ME, account, audit, create, enter, peek, region, spawned, state};

pub(crate) async fn a_new_account_has_a_character_and_a_session(backend: &impl Backend) {
    let store = backend.open().await;
    let start = create(&store, "Anna").await;
    assert_eq!(
        (
            start.name.as_str(),
            start.generation,
            start.region,
            start.map_told
        ),
        ("Anna", 1, region(0), 0)
    );
    let found = store.accounts().find("Anna").await.unwrap().unwrap();
    assert_eq!(
        (found.name.as_str(), found.password_hash.as_str()),
        ("Anna", "hash of Anna")
    );
    assert_eq!((found.role, found.generation), (Role::Player, 1));
    let row = peek(&store, "Anna").await;
    assert!(row.player && !row.present && row.owner.is_none());
    assert_eq!(
        (row.state, row.region, row.generation),
        (state(0), region(0), 1)
    );
    assert_eq!(store.accounts().find("Bert").await.unwrap(), None);
}

pub(crate) async fn a_name_is_taken_in_every_case_by_whatever_has_it(backend: &impl Backend) {
    let store = backend.open().await;
    create(&store, "Änna").await;
    store.edits().spawn(spawned("Owl"), audit(1)).await.unwrap();
    for name in ["Änna", "änna", "ÄNNA", "owl", "OWL"] {
        let created = store.accounts().create(account(name)).await.unwrap();
        assert_eq!(created, Created::NameTaken, "{name}");
    }
    let found = store.accounts().find("äNNa").await.unwrap().unwrap();
    assert_eq!(
        (found.name.as_str(), found.password_hash.as_str()),
        ("Änna", "hash of Änna")
    );
    assert_eq!(peek(&store, "OWL").await.name, "Owl");
    assert_eq!(store.accounts().list().await.unwrap().len(), 1);
}

pub(crate) async fn of_many_who_want_a_name_one_gets_it(backend: &impl Backend) {
    let store = backend.open().await;
    let wanted = (0..20).map(|n| {
        let store = &store;
        async move {
            let name = if n % 2 == 0 { "Anna" } else { "ANNA" };
            store.accounts().create(account(name)).await.unwrap()
        }
    });
    let created = futures::future::join_all(wanted).await;
    let done = created
        .iter()
        .filter(|created| matches!(created, Created::Done(_)));
    assert_eq!(done.count(), 1, "{created:?}");
}

pub(crate) async fn each_session_has_a_higher_generation(backend: &impl Backend) {
    let store = backend.open().await;
    let mut row = enter(&store, "Anna").await;
    row.region = region(5);
    store
        .entities()
        .save(crate::ground::save_of(&row, 1))
        .await
        .unwrap();
    let accounts = store.accounts();
    let begun = (0..10).map(|_| accounts.begin_session("aNNa"));
    let mut generations = Vec::new();
    for start in futures::future::join_all(begun).await {
        let start = start.unwrap().unwrap();
        assert_eq!((start.name.as_str(), start.region), ("Anna", region(5)));
        generations.push(start.generation);
    }
    generations.sort_unstable();
    assert_eq!(generations, (2..12).collect::<Vec<_>>());
    assert_eq!(
        store
            .accounts()
            .find("Anna")
            .await
            .unwrap()
            .unwrap()
            .generation,
        11
    );
    assert_eq!(store.accounts().begin_session("Bert").await.unwrap(), None);
    // The row's own generation is the owner's to write.
    assert_eq!(
        (peek(&store, "Anna").await.generation, row.owner),
        (1, Some(ME))
    );
}

pub(crate) async fn roles_and_passwords_change(backend: &impl Backend) {
    let store = backend.open().await;
    let accounts = store.accounts();
    create(&store, "Gwen").await;
    create(&store, "Anna").await;
    assert!(accounts.game_masters().await.unwrap().is_empty());
    assert!(accounts.set_role("GWEN", Role::Gm).await.unwrap());
    assert!(!accounts.set_role("Bert", Role::Gm).await.unwrap());
    assert_eq!(
        accounts.game_masters().await.unwrap(),
        ["gwen".to_owned()].into()
    );
    assert!(
        accounts
            .set_password("anna", "new".to_owned())
            .await
            .unwrap()
    );
    assert!(
        !accounts
            .set_password("Bert", "new".to_owned())
            .await
            .unwrap()
    );
    let of = async |name| accounts.find(name).await.unwrap().unwrap();
    assert_eq!(
        (of("Gwen").await.role, of("Gwen").await.password_hash),
        (Role::Gm, "hash of Gwen".to_owned())
    );
    assert_eq!(
        (of("Anna").await.role, of("Anna").await.password_hash),
        (Role::Player, "new".to_owned())
    );
    let names: Vec<_> = accounts
        .list()
        .await
        .unwrap()
        .into_iter()
        .map(|account| account.name)
        .collect();
    assert_eq!(names, ["Anna", "Gwen"]);
    assert!(accounts.set_role("Gwen", Role::Player).await.unwrap());
    assert!(accounts.game_masters().await.unwrap().is_empty());
}

pub(crate) async fn what_a_player_was_told_of_is_kept_and_never_falls(backend: &impl Backend) {
    let store = backend.open().await;
    create(&store, "Anna").await;
    create(&store, "Bert").await;
    let told = |name: &str, version| (name.to_owned(), version);
    store
        .accounts()
        .told(vec![told("ANNA", 7), told("Nobody", 9)])
        .await
        .unwrap();
    // A gateway that lost the character has still something to say.
    store.accounts().told(vec![told("Anna", 5)]).await.unwrap();
    let of = async |name| {
        store
            .accounts()
            .begin_session(name)
            .await
            .unwrap()
            .unwrap()
            .map_told
    };
    assert_eq!((of("Anna").await, of("Bert").await), (7, 0));
}

pub(crate) async fn names_are_in_the_order_of_their_bytes(backend: &impl Backend) {
    let store = backend.open().await;
    let names = ["a b", "a-c", "a_d", "ab", "z", "é"];
    for name in names.iter().rev() {
        create(&store, name).await;
    }
    let list = store.accounts().list().await.unwrap();
    let list: Vec<_> = list.iter().map(|account| account.name.as_str()).collect();
    assert_eq!(list, names);
}
