//! Every key and every channel that we have in Redis.

use crate::announce::Topic;

/// A hash of how often each topic was announced, by [`field`]: whoever has missed an announcement sees it there.
pub(super) const COUNTS: &str = "pymmorpg:flags";

/// Every channel.
pub(super) const CHANNELS: [&str; 2] = ["pymmorpg:flags", "pymmorpg:directory"];

/// A hash of `generation` and `gateway`, with a time to live. `key` is a [`world::name::key`].
pub(super) fn session(key: &str) -> String {
    format!("pymmorpg:session:{key}")
}

/// Where a topic is announced.
pub(super) fn channel(topic: Topic) -> &'static str {
    match topic {
        Topic::Flags => CHANNELS[0],
        Topic::Directory => CHANNELS[1],
    }
}

/// The field of [`COUNTS`] of a topic.
pub(super) fn field(topic: Topic) -> &'static str {
    match topic {
        Topic::Flags => "flags",
        Topic::Directory => "directory",
    }
}
