//! Redis between several processes, and Redis that goes away: nobody waits for it, and whoever missed something is told to look.

#![expect(clippy::unwrap_used, reason = "a test ends where something is missing")]

use std::time::{Duration, Instant};

use servers::Redis;
use store::{
    Error,
    announce::Topic,
    redis::{Hints, connect},
    sessions::Session,
};
use tokio::{sync::watch, time::timeout};

const TTL: Duration = Duration::from_secs(600);
/// Long enough for a busy machine.
const SOON: Duration = Duration::from_secs(20);
/// How long anybody may be kept by a Redis that is away.
const AT_ONCE: Duration = Duration::from_secs(2);

fn session(generation: u64) -> Session {
    Session {
        gateway: "one".to_owned(),
        generation,
    }
}

async fn told(listener: &mut watch::Receiver<u64>) {
    timeout(SOON, listener.changed())
        .await
        .expect("nothing was told")
        .unwrap();
}

/// Waits until sessions are shared again.
async fn is_back(hints: &Hints) {
    let deadline = Instant::now() + SOON;
    while hints.sessions.get("nobody").await.is_err() {
        assert!(Instant::now() < deadline, "Redis is not found again");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn what_one_process_says_all_others_hear() {
    let redis = Redis::start();
    let [one, two, three] = [
        connect(&redis.url()).await.unwrap(),
        connect(&redis.url()).await.unwrap(),
        connect(&redis.url()).await.unwrap(),
    ];
    let listen = |topic| [&one, &two, &three].map(|hints| hints.announcements.listen(topic));
    let (mut flags, mut directory) = (listen(Topic::Flags), listen(Topic::Directory));
    two.announcements.announce(Topic::Directory);
    for listener in &mut directory {
        told(listener).await;
    }
    one.announcements.announce(Topic::Flags);
    for listener in &mut flags {
        told(listener).await;
    }
    // Whoever has heard both has heard nothing else, and has not heard his own again.
    assert!(
        directory
            .iter()
            .all(|listener| !listener.has_changed().unwrap())
    );
    assert!(
        flags
            .iter()
            .all(|listener| !listener.has_changed().unwrap())
    );

    one.sessions.put("Anna", session(5), TTL).await.unwrap();
    two.sessions.put("anna", session(4), TTL).await.unwrap();
    three.sessions.remove("Anna", 4).await.unwrap();
    assert_eq!(two.sessions.get("ANNA").await.unwrap(), Some(session(5)));
    assert_eq!(redis.ask("KEYS *anna*"), "*1");
    let ttl = redis.ask("PTTL pymmorpg:session:anna");
    let ttl: u64 = ttl.strip_prefix(':').unwrap().parse().unwrap();
    assert!((500_000..=600_000).contains(&ttl), "{ttl}");
}

#[tokio::test]
async fn a_redis_that_is_killed_is_found_again_and_nobody_waits_for_it() {
    let redis = Redis::start();
    let (one, two) = (
        connect(&redis.url()).await.unwrap(),
        connect(&redis.url()).await.unwrap(),
    );
    one.sessions.put("Anna", session(5), TTL).await.unwrap();
    let mut here = one.announcements.listen(Topic::Flags);
    let mut there = two.announcements.listen(Topic::Flags);
    let mut silent = two.announcements.listen(Topic::Directory);

    redis.kill();
    for _ in 0..3 {
        let begun = Instant::now();
        let put = one.sessions.put("Anna", session(6), TTL).await;
        assert!(matches!(put, Err(Error::Redis { .. })), "{put:?}");
        assert!(one.sessions.get("Anna").await.is_err());
        assert!(one.sessions.remove("Anna", 5).await.is_err());
        // Who listens here is told all the same.
        one.announcements.announce(Topic::Flags);
        told(&mut here).await;
        assert!(begun.elapsed() < AT_ONCE);
    }

    redis.start_again();
    is_back(&one).await;
    is_back(&two).await;
    // Something may have been missed, of every kind.
    told(&mut there).await;
    told(&mut silent).await;
    // It has forgotten everything, scripts included.
    assert_eq!(one.sessions.get("Anna").await.unwrap(), None);
    one.sessions.put("Anna", session(1), TTL).await.unwrap();
    assert_eq!(two.sessions.get("Anna").await.unwrap(), Some(session(1)));
    // What is announced from now on is heard.
    let mut later = two.announcements.listen(Topic::Directory);
    one.announcements.announce(Topic::Directory);
    told(&mut later).await;
}

#[tokio::test]
async fn an_announcement_that_did_not_get_through_is_made_later() {
    let redis = Redis::start();
    let one = connect(&redis.url()).await.unwrap();
    redis.kill();
    while one.sessions.get("nobody").await.is_ok() {}
    for _ in 0..1_000 {
        one.announcements.announce(Topic::Flags);
    }
    redis.start_again();
    let deadline = Instant::now() + SOON;
    // As one: Redis counts them.
    while redis.ask("HLEN pymmorpg:flags") != ":1" {
        assert!(Instant::now() < deadline, "it was not made");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    is_back(&one).await;
    assert_eq!(redis.ask("HINCRBY pymmorpg:flags flags 0"), ":1");
}

#[tokio::test]
async fn a_redis_that_is_flushed_goes_on() {
    let redis = Redis::start();
    let (one, two) = (
        connect(&redis.url()).await.unwrap(),
        connect(&redis.url()).await.unwrap(),
    );
    one.sessions.put("Anna", session(5), TTL).await.unwrap();
    let mut there = two.announcements.listen(Topic::Flags);
    one.announcements.announce(Topic::Flags);
    told(&mut there).await;
    assert_eq!(redis.ask("FLUSHALL"), "+OK");
    assert_eq!(redis.ask("SCRIPT FLUSH"), "+OK");
    assert_eq!(two.sessions.get("Anna").await.unwrap(), None);
    two.sessions.put("Anna", session(2), TTL).await.unwrap();
    assert_eq!(one.sessions.get("Anna").await.unwrap(), Some(session(2)));
    one.announcements.announce(Topic::Flags);
    told(&mut there).await;
}

#[tokio::test]
async fn whoever_missed_a_message_sees_that_there_was_one() {
    let redis = Redis::start();
    let one = connect(&redis.url()).await.unwrap();
    let mut listener = one.announcements.listen(Topic::Flags);
    // Counted, and not published: as if the message had been lost.
    assert_eq!(redis.ask("HINCRBY pymmorpg:flags flags 1"), ":1");
    told(&mut listener).await;
}

#[tokio::test]
async fn a_redis_that_is_not_there_yet_is_waited_for_in_the_background() {
    let redis = Redis::start();
    redis.kill();
    let begun = Instant::now();
    let one = connect(&redis.url()).await.unwrap();
    assert!(begun.elapsed() < 2 * AT_ONCE);
    let mut listener = one.announcements.listen(Topic::Directory);
    assert!(one.sessions.get("Anna").await.is_err());
    redis.start_again();
    is_back(&one).await;
    told(&mut listener).await;
}

#[tokio::test]
async fn what_is_no_url_of_redis_is_refused() {
    for url in [
        "",
        "localhost:6379",
        "http://localhost",
        "redis://",
        "redis://anna:secret@host:port",
    ] {
        match connect(url).await {
            Err(error @ Error::RedisUrl { .. }) => {
                let said = error.to_string();
                assert!(
                    said.contains("redis://host:port") && !said.contains("secret"),
                    "{said}"
                );
            }
            other => panic!("{url}: {other:?}"),
        }
    }
}
