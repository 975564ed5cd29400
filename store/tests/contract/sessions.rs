//! Who is logged in where: a hint, by generation.

use std::time::Duration;

use store::{
    redis::Hints,
    sessions::{Session, Sessions},
};

const LONG: Duration = Duration::from_secs(600);

fn session(generation: u64) -> Session {
    Session {
        gateway: format!("gateway of {generation}"),
        generation,
    }
}

async fn get(sessions: &dyn Sessions, name: &str) -> Option<u64> {
    let found = sessions.get(name).await.unwrap()?;
    assert_eq!(found, session(found.generation));
    Some(found.generation)
}

pub(crate) async fn a_session_is_found_in_any_case_until_it_is_removed(hints: &Hints) {
    let sessions = &*hints.sessions;
    assert_eq!(get(sessions, "Änna").await, None);
    sessions.put("Änna", session(1), LONG).await.unwrap();
    sessions.put("Bert", session(7), LONG).await.unwrap();
    assert_eq!(
        (get(sessions, "änna").await, get(sessions, "BERT").await),
        (Some(1), Some(7))
    );
    sessions.remove("ÄNNA", 1).await.unwrap();
    assert_eq!(
        (get(sessions, "Änna").await, get(sessions, "Bert").await),
        (None, Some(7))
    );
}

pub(crate) async fn a_higher_generation_replaces_a_lower_one_and_not_the_other_way(hints: &Hints) {
    let sessions = &*hints.sessions;
    sessions.put("Anna", session(4), LONG).await.unwrap();
    sessions.put("Anna", session(5), LONG).await.unwrap();
    assert_eq!(get(sessions, "Anna").await, Some(5));
    sessions.put("anna", session(4), LONG).await.unwrap();
    assert_eq!(get(sessions, "Anna").await, Some(5));
    // The same one again is a sign of life.
    sessions.put("Anna", session(5), LONG).await.unwrap();
    assert_eq!(get(sessions, "Anna").await, Some(5));
}

pub(crate) async fn only_the_session_of_that_generation_is_removed(hints: &Hints) {
    let sessions = &*hints.sessions;
    sessions.put("Anna", session(5), LONG).await.unwrap();
    for generation in [4, 6] {
        sessions.remove("Anna", generation).await.unwrap();
        assert_eq!(get(sessions, "Anna").await, Some(5));
    }
    sessions.remove("Anna", 5).await.unwrap();
    assert_eq!(get(sessions, "Anna").await, None);
    sessions.remove("Anna", 5).await.unwrap();
}

pub(crate) async fn a_session_ends_with_its_time(hints: &Hints) {
    let sessions = &*hints.sessions;
    let short = Duration::from_millis(20);
    sessions.put("Anna", session(5), short).await.unwrap();
    ended(sessions, "Anna").await;
    // From then on it is as if it had never been.
    sessions.put("Anna", session(4), LONG).await.unwrap();
    assert_eq!(get(sessions, "Anna").await, Some(4));
    // Who says again that he is there stays for longer.
    sessions.put("Bert", session(1), short).await.unwrap();
    sessions.put("Bert", session(1), LONG).await.unwrap();
    sessions.put("Carl", session(1), short).await.unwrap();
    ended(sessions, "Carl").await;
    assert_eq!(get(sessions, "Bert").await, Some(1));
}

/// Waits until a session has ended.
async fn ended(sessions: &dyn Sessions, name: &str) {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
    while get(sessions, name).await.is_some() {
        assert!(tokio::time::Instant::now() < deadline, "it did not end");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
