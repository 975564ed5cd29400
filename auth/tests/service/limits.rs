//! The queue of hashes is bounded, and who finds it full is told so.

use std::num::NonZeroUsize;

use auth::Config;
use proto::Refusal;

use crate::harness::{Heard, publication, session, unpublished};

#[tokio::test]
async fn who_finds_the_queue_full_is_told() {
    let auth = unpublished(Config {
        hashes_running_max: NonZeroUsize::new(1),
        hashes_waiting_max: 2,
        ..Config::default()
    })
    .await;
    auth.store.content().publish(publication()).await.unwrap();
    auth.create("Anna", b"secret").await.unwrap();
    // They all arrive within the time of one hash.
    let all = (0..100).map(|_| auth.login("Nobody", b"secret"));
    let heard = futures::future::try_join_all(all).await.unwrap();
    let busy = heard
        .iter()
        .filter(|heard| **heard == Heard::Refused(Refusal::Busy))
        .count();
    let wrong = heard
        .iter()
        .filter(|heard| **heard == Heard::Refused(Refusal::Wrong))
        .count();
    assert_eq!(busy + wrong, 100);
    assert!(wrong >= 3, "three have a place: {wrong}");
    assert!(busy > 0);
    assert_eq!(
        auth.login("Anna", b"secret").await.unwrap(),
        session("Anna", 2),
        "there is room again"
    );
}
