//! `new`: an account is on the disk before the answer, or it is none.

use proto::Refusal;
use store::accounts::Role;
use tonic::Code;

use crate::harness::{GATEWAY, Heard, START, auth, publication, session, start_state, unpublished};

#[tokio::test]
async fn a_new_account_has_a_character_at_the_start() {
    let auth = auth().await;
    let heard = auth.create("Anna Lena", b"secret").await.unwrap();
    assert_eq!(heard, session("Anna Lena", 1));
    let account = auth.store.accounts().find("anna lena").await.unwrap();
    let account = account.unwrap();
    assert_eq!(
        (account.name.as_str(), account.role, account.generation),
        ("Anna Lena", Role::Player, 1)
    );
    assert!(
        account
            .password_hash
            .starts_with("$argon2id$v=19$m=19456,t=2,p=1$")
    );
    let row = auth.store.entities().peek("anna lena").await.unwrap();
    let row = row.unwrap();
    assert_eq!((row.region, row.present, row.owner), (START, false, None));
    assert_eq!(row.state, start_state());
    assert_eq!(auth.noted("Anna Lena").await, Some((GATEWAY.to_owned(), 1)));
}

#[tokio::test]
async fn a_name_is_taken_in_every_case() {
    let auth = auth().await;
    auth.create("Ännchen", b"secret").await.unwrap();
    for name in ["Ännchen", "ännchen", "ÄNNCHEN"] {
        assert_eq!(
            auth.create(name, b"other").await.unwrap(),
            Heard::Refused(Refusal::NameTaken),
            "{name}"
        );
    }
    assert_eq!(
        auth.login("Ännchen", b"secret").await.unwrap(),
        session("Ännchen", 2),
        "the first one's password counts"
    );
}

#[tokio::test]
async fn names_and_passwords_that_are_none() {
    let auth = auth().await;
    let (long_name, long_password) = ("x".repeat(33), [b'x'; 257]);
    let (name, password) = ("x".repeat(32), [b'x'; 256]);
    for wrong in [
        "", " Anna", "Anna ", "An  na", "Anna!", "map:town", "Slime#1", "a\0b", &long_name,
    ] {
        assert_eq!(
            auth.create(wrong, &password).await.unwrap(),
            Heard::Refused(Refusal::NameInvalid),
            "{wrong:?}"
        );
    }
    for wrong in [&b""[..], &long_password] {
        assert_eq!(
            auth.create(&name, wrong).await.unwrap(),
            Heard::Refused(Refusal::PasswordInvalid)
        );
    }
    assert!(auth.store.accounts().list().await.unwrap().is_empty());
    assert_eq!(
        auth.create(&name, &password).await.unwrap(),
        session(&name, 1)
    );
}

#[tokio::test]
async fn of_many_who_want_one_name_one_gets_it() {
    let auth = auth().await;
    let passwords: Vec<String> = (0..64).map(|number| format!("secret {number}")).collect();
    let all = passwords.iter().enumerate().map(|(number, password)| {
        let name = if number % 2 == 0 { "Anna" } else { "aNNA" };
        auth.create(name, password.as_bytes())
    });
    let heard: Vec<Heard> = futures::future::try_join_all(all).await.unwrap();
    let winners: Vec<usize> = (0..64)
        .filter(|&number| matches!(heard[number], Heard::Session { .. }))
        .collect();
    assert_eq!(winners.len(), 1, "{heard:?}");
    for (number, heard) in heard.iter().enumerate() {
        if number != winners[0] {
            assert_eq!(heard, &Heard::Refused(Refusal::NameTaken));
        }
    }
    let password = passwords[winners[0]].as_bytes();
    let again = auth.login("anna", password).await.unwrap();
    assert!(
        matches!(again, Heard::Session { generation: 2, .. }),
        "{again:?}"
    );
}

#[tokio::test]
async fn without_a_world_nobody_begins() {
    let auth = unpublished(auth::Config::default()).await;
    let status = auth.create("Anna", b"secret").await.unwrap_err();
    assert_eq!(status.code(), Code::FailedPrecondition);
    assert!(
        status.message().contains("no world was published"),
        "{status}"
    );
    auth.store.content().publish(publication()).await.unwrap();
    assert_eq!(
        auth.create("Anna", b"secret").await.unwrap(),
        session("Anna", 1)
    );
}
