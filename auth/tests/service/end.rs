//! Readiness, and a shutdown that leaves nobody without an answer.

use std::time::Duration;

use crate::harness::{auth, session};

/// Far longer than anything here takes.
const DEADLINE: Duration = Duration::from_secs(30);

#[tokio::test]
async fn what_was_asked_before_the_shutdown_is_answered() {
    let mut auth = auth().await;
    tokio::time::timeout(DEADLINE, auth.context.health.ready())
        .await
        .unwrap();
    let serving = auth.serving.take().unwrap();
    let auth = auth;
    let all = ["Anna", "Bert", "Cleo"].map(|name| auth.create(name, b"secret"));
    let all = futures::future::try_join_all(all);
    let stop_in_the_middle = async {
        // When the first of them is written, the others have been read: all three came in one segment.
        while auth.store.accounts().list().await.unwrap().is_empty() {
            tokio::task::yield_now().await;
        }
        auth.context.shutdown.trigger();
    };
    let served = async {
        serving.await.unwrap().unwrap();
        // It has not left anything to be done by what it leaves behind.
        assert_eq!(auth.store.accounts().list().await.unwrap().len(), 3);
    };
    let all = futures::future::join3(all, stop_in_the_middle, served);
    let (heard, (), ()) = tokio::time::timeout(DEADLINE, all).await.unwrap();
    let expected = ["Anna", "Bert", "Cleo"].map(|name| session(name, 1));
    assert_eq!(heard.unwrap(), expected);
    assert_eq!(auth.context.health.parts(), [("auth", false)]);
}
