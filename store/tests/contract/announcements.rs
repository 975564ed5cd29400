//! Announcements: "look now".

use std::time::Duration;

use store::{announce::Topic, redis::Hints};
use tokio::{sync::watch, time::timeout};

/// Long enough for an announcement to come from another machine.
const SOON: Duration = Duration::from_secs(10);

async fn told(listener: &mut watch::Receiver<u64>) {
    timeout(SOON, listener.changed())
        .await
        .expect("nothing was told")
        .unwrap();
}

pub(crate) async fn who_listens_is_told(hints: &Hints) {
    let announcements = &*hints.announcements;
    // Nobody need be listening.
    announcements.announce(Topic::Flags);
    let mut listeners = [
        announcements.listen(Topic::Flags),
        announcements.listen(Topic::Flags),
    ];
    announcements.announce(Topic::Flags);
    for listener in &mut listeners {
        told(listener).await;
    }
    announcements.announce(Topic::Flags);
    for listener in &mut listeners {
        told(listener).await;
    }
}

pub(crate) async fn topics_are_apart(hints: &Hints) {
    let announcements = &*hints.announcements;
    let mut flags = announcements.listen(Topic::Flags);
    let mut directory = announcements.listen(Topic::Directory);
    announcements.announce(Topic::Directory);
    told(&mut directory).await;
    announcements.announce(Topic::Flags);
    told(&mut flags).await;
    announcements.announce(Topic::Directory);
    told(&mut directory).await;
    assert!(!flags.has_changed().unwrap() && !directory.has_changed().unwrap());
}

pub(crate) async fn nothing_is_told_twice(hints: &Hints) {
    let announcements = &*hints.announcements;
    let mut listener = announcements.listen(Topic::Flags);
    for _ in 0..5 {
        announcements.announce(Topic::Flags);
    }
    told(&mut listener).await;
    // Several may be told as one. When all are, there is nothing more.
    let quiet = async { while timeout(SOON / 100, listener.changed()).await.is_ok() {} };
    timeout(SOON, quiet).await.expect("it does not end");
    assert!(!listener.has_changed().unwrap());
}
