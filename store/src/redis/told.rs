//! Who listens within this process, and what he has been told of. It does not know where announcements come from.

use std::{
    collections::HashMap,
    sync::atomic::{AtomicU64, Ordering},
};

use tokio::sync::watch;

use crate::announce::Topic;

use super::keys;

/// The listeners to every topic.
#[derive(Debug)]
pub(super) struct Told {
    /// Drawn at random: by which our own announcements are known when they come back.
    me: String,
    flags: Listeners,
    directory: Listeners,
}

#[derive(Debug, Default)]
struct Listeners {
    sender: watch::Sender<u64>,
    /// How often the topic had been announced in Redis, when we last heard.
    known: AtomicU64,
}

impl Default for Told {
    fn default() -> Self {
        Self {
            me: format!("{:016x}", rand::random::<u64>()),
            flags: Listeners::default(),
            directory: Listeners::default(),
        }
    }
}

impl Told {
    fn of(&self, topic: Topic) -> &Listeners {
        match topic {
            Topic::Flags => &self.flags,
            Topic::Directory => &self.directory,
        }
    }

    pub(super) fn me(&self) -> &str {
        &self.me
    }

    pub(super) fn listen(&self, topic: Topic) -> watch::Receiver<u64> {
        self.of(topic).sender.subscribe()
    }

    pub(super) fn tell(&self, topic: Topic) {
        self.of(topic).sender.send_modify(|count| *count += 1);
    }

    /// There was an announcement by somebody, and the count of them is this now. Our own has been told here already.
    pub(super) fn hear(&self, topic: Topic, whose: &str, count: u64) {
        self.of(topic).known.store(count, Ordering::Relaxed);
        if whose != self.me {
            self.tell(topic);
        }
    }

    /// The counts are these: tells of what was not heard.
    pub(super) fn compare(&self, counts: &HashMap<String, u64>) {
        for topic in Topic::ALL {
            let count = counts.get(keys::field(topic)).copied().unwrap_or(0);
            if self.of(topic).known.swap(count, Ordering::Relaxed) != count {
                self.tell(topic);
            }
        }
    }

    /// Something may have been missed, and the counts may be others than those that we know.
    pub(super) fn begin_anew(&self, counts: &HashMap<String, u64>) {
        self.compare(counts);
        for topic in Topic::ALL {
            self.tell(topic);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(flags: u64) -> HashMap<String, u64> {
        HashMap::from([("flags".to_owned(), flags)])
    }

    #[test]
    fn what_was_missed_is_told_at_the_next_look_and_once() {
        let told = Told::default();
        let mut flags = told.listen(Topic::Flags);
        let mut changed = || {
            let changed = flags.has_changed().unwrap();
            flags.mark_unchanged();
            changed
        };
        told.compare(&counts(0));
        assert!(!changed());
        told.hear(Topic::Flags, "another", 1);
        assert!(changed());
        told.compare(&counts(1));
        assert!(!changed(), "it was heard");
        told.compare(&counts(2));
        assert!(changed(), "one was missed");
        told.compare(&counts(2));
        assert!(!changed());
        told.hear(Topic::Flags, told.me(), 3);
        told.compare(&counts(3));
        assert!(!changed(), "it was ours");
        told.compare(&HashMap::new());
        assert!(changed(), "all is forgotten");
        assert!(!told.listen(Topic::Directory).has_changed().unwrap());
        assert_eq!(*told.directory.sender.borrow(), 0);
    }
}
