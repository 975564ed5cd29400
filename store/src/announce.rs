//! Announcements: "look now". Each is a hint about something whose truth is in SQL and which is polled as well, so one that is lost delays and
//! never deceives.

use tokio::sync::watch;

/// What there may be something new about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Topic {
    /// [`crate::versions::Versions`].
    Flags,
    /// Which zone servers there are, and who holds which region.
    Directory,
}

impl Topic {
    /// All there are.
    pub const ALL: [Self; 2] = [Self::Flags, Self::Directory];
}

/// A way to announce and to listen. The embedded form is [`InProcess`]; [`crate::redis`] has another.
pub trait Announcements: Send + Sync + std::fmt::Debug {
    /// Tells everybody to look.
    fn announce(&self, topic: Topic);
    /// A receiver that changes whenever there was an announcement; several may be told as one.
    fn listen(&self, topic: Topic) -> watch::Receiver<u64>;
}

/// Announcements within one process.
#[derive(Debug, Default)]
pub struct InProcess {
    flags: watch::Sender<u64>,
    directory: watch::Sender<u64>,
}

impl InProcess {
    fn of(&self, topic: Topic) -> &watch::Sender<u64> {
        match topic {
            Topic::Flags => &self.flags,
            Topic::Directory => &self.directory,
        }
    }
}

impl Announcements for InProcess {
    fn announce(&self, topic: Topic) {
        self.of(topic).send_modify(|count| *count += 1);
    }

    fn listen(&self, topic: Topic) -> watch::Receiver<u64> {
        self.of(topic).subscribe()
    }
}
