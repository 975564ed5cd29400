//! Announcements that other processes hear too. They reach those who listen in this process in any case, and the others once Redis is there: each
//! topic that is still to be announced is noted once, however often it was asked for.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use redis::Script;
use tokio::{
    sync::{Notify, watch},
    task::JoinHandle,
};

use crate::{
    announce::{Announcements, Topic},
    error::Error,
};

use super::{keys, link::Link, told::Told};

/// The pause after an announcement that did not get through.
const PAUSE: Duration = Duration::from_millis(500);

/// Counts an announcement, and tells those who listen whose it is and which.
const ANNOUNCE: &str = "\
local count = redis.call('HINCRBY', KEYS[1], ARGV[1], 1)
redis.call('PUBLISH', ARGV[2], ARGV[3] .. ' ' .. count)
return count";

/// Announcements, through Redis.
#[derive(Debug)]
pub(super) struct ThroughRedis {
    told: Arc<Told>,
    pending: Arc<Pending>,
    publishing: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Pending {
    flags: AtomicBool,
    directory: AtomicBool,
    asked: Notify,
}

impl Pending {
    fn of(&self, topic: Topic) -> &AtomicBool {
        match topic {
            Topic::Flags => &self.flags,
            Topic::Directory => &self.directory,
        }
    }
}

impl ThroughRedis {
    /// And the task that publishes, for as long as it is there.
    pub(super) fn start(link: Arc<Link>, told: Arc<Told>) -> Self {
        let pending = Arc::new(Pending::default());
        let publisher = Publisher {
            link,
            told: Arc::clone(&told),
            pending: Arc::clone(&pending),
            script: Script::new(ANNOUNCE),
        };
        Self {
            told,
            pending,
            publishing: tokio::spawn(publisher.run()),
        }
    }
}

impl Announcements for ThroughRedis {
    fn announce(&self, topic: Topic) {
        self.told.tell(topic);
        self.pending.of(topic).store(true, Ordering::Release);
        self.pending.asked.notify_one();
    }

    fn listen(&self, topic: Topic) -> watch::Receiver<u64> {
        self.told.listen(topic)
    }
}

impl Drop for ThroughRedis {
    fn drop(&mut self) {
        self.publishing.abort();
    }
}

struct Publisher {
    link: Arc<Link>,
    told: Arc<Told>,
    pending: Arc<Pending>,
    script: Script,
}

impl Publisher {
    async fn run(self) {
        loop {
            self.pending.asked.notified().await;
            for topic in Topic::ALL {
                while self.pending.of(topic).swap(false, Ordering::AcqRel) {
                    if self.publish(topic).await.is_err() {
                        // The link has said why.
                        self.pending.of(topic).store(true, Ordering::Release);
                        tokio::time::sleep(PAUSE).await;
                        self.link.up().await;
                    }
                }
            }
        }
    }

    async fn publish(&self, topic: Topic) -> Result<(), Error> {
        let mut connection = self.link.connection()?;
        let mut announce = self.script.key(keys::COUNTS);
        announce
            .arg(keys::field(topic))
            .arg(keys::channel(topic))
            .arg(self.told.me());
        self.link
            .reply(announce.invoke_async(&mut connection))
            .await
    }
}
