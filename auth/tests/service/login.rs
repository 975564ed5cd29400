//! `login`: a session for who knows the password, and nothing to learn for who does not.

use metrics_exporter_prometheus::PrometheusBuilder;
use proto::Refusal;

use crate::harness::{GATEWAY, Heard, auth, session};

#[tokio::test]
async fn the_password_opens_it_whatever_the_names_case() {
    let auth = auth().await;
    auth.create("Anna", b"secret\0\xff").await.unwrap();
    for (name, generation) in [("Anna", 2), ("anna", 3), ("ANNA", 4)] {
        assert_eq!(
            auth.login(name, b"secret\0\xff").await.unwrap(),
            session("Anna", generation)
        );
        assert_eq!(
            auth.noted("Anna").await,
            Some((GATEWAY.to_owned(), generation))
        );
    }
}

#[tokio::test]
async fn concurrent_logins_have_generations_of_their_own() {
    let auth = auth().await;
    auth.create("Anna", b"secret").await.unwrap();
    let all = (0..8).map(|_| auth.login("Anna", b"secret"));
    let heard = futures::future::try_join_all(all).await.unwrap();
    let mut generations: Vec<u64> = heard
        .iter()
        .map(|heard| match heard {
            Heard::Session { generation, .. } => *generation,
            Heard::Refused(refusal) => panic!("{refusal:?}"),
        })
        .collect();
    generations.sort_unstable();
    assert_eq!(generations, (2..10).collect::<Vec<u64>>());
    assert_eq!(auth.noted("anna").await, Some((GATEWAY.to_owned(), 9)));
}

#[tokio::test]
async fn a_wrong_password_changes_nothing() {
    let auth = auth().await;
    auth.create("Anna", b"secret").await.unwrap();
    for wrong in [&b"Secret"[..], b"", b"secret ", &[b's'; 300]] {
        assert_eq!(
            auth.login("Anna", wrong).await.unwrap(),
            Heard::Refused(Refusal::Wrong)
        );
    }
    let account = auth.store.accounts().find("Anna").await.unwrap().unwrap();
    assert_eq!(account.generation, 1);
    assert_eq!(auth.noted("Anna").await, Some((GATEWAY.to_owned(), 1)));
}

/// Every way to fail is answered alike, after the work of one verification.
#[tokio::test]
async fn who_fails_learns_nothing() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let _recording = metrics::set_default_local_recorder(&recorder);
    let auth = auth().await;
    auth.create("Anna", b"secret").await.unwrap();
    let count = |purpose: &str| {
        let line = format!("pymmorpg_auth_hash_seconds_count{{purpose=\"{purpose}\"}} ");
        let text = recorder.handle().render();
        text.lines()
            .find_map(|text| text.strip_prefix(&line))
            .map_or(0, |number| number.parse::<u32>().unwrap())
    };
    let long_name = "x".repeat(1_000);
    let (mut verified, mut dummies) = (0, 0);
    let cases: [(&str, &[u8], bool); 7] = [
        ("Anna", b"wrong", true),
        ("Nobody", b"secret", false),
        ("Not a name!", b"secret", false),
        ("a\0b", b"secret", false),
        (&long_name, b"secret", false),
        ("", b"secret", false),
        ("Nobody", &[b'x'; 10_000], false),
    ];
    for (name, password, is_account) in cases {
        assert_eq!(
            auth.login(name, password).await.unwrap(),
            Heard::Refused(Refusal::Wrong),
            "{name:?}"
        );
        verified += u32::from(is_account);
        dummies += u32::from(!is_account);
        assert_eq!(
            (count("verify"), count("dummy")),
            (verified, dummies),
            "{name:?}"
        );
    }
    let too_long = [b'x'; 10_000];
    auth.login("Anna", &too_long).await.unwrap();
    assert_eq!(count("verify") + count("dummy"), 8);
}
