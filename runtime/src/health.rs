//! Whether the process is ready: when each of its parts has said so. It does not know what a part does to become ready.

use std::{collections::BTreeMap, sync::Arc};

use tokio::sync::watch;

/// The parts that must be ready. Clones share them.
#[derive(Debug, Clone)]
pub struct Health {
    parts: Arc<watch::Sender<BTreeMap<&'static str, bool>>>,
}

/// One part, which begins as not ready. Clones speak for the same part.
#[derive(Debug, Clone)]
pub struct Part {
    name: &'static str,
    health: Health,
}

impl Default for Health {
    fn default() -> Self {
        Self {
            parts: Arc::new(watch::Sender::default()),
        }
    }
}

impl Health {
    /// The part of a name. It is added, as not ready, if there is none; whoever starts services may so name the parts that are to come,
    /// and the service that asks for its part gets the same.
    #[must_use]
    pub fn part(&self, name: &'static str) -> Part {
        self.parts
            .send_if_modified(|parts| match parts.contains_key(name) {
                true => false,
                false => parts.insert(name, false).is_none(),
            });
        Part {
            name,
            health: self.clone(),
        }
    }

    /// Whether there are parts, and all are ready.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        are_ready(&self.parts.borrow())
    }

    /// Every part by name, and whether it is ready.
    #[must_use]
    pub fn parts(&self) -> Vec<(&'static str, bool)> {
        self.parts
            .borrow()
            .iter()
            .map(|(name, is_ready)| (*name, *is_ready))
            .collect()
    }

    /// Waits until there are parts and all are ready at the same time.
    pub async fn ready(&self) {
        self.parts
            .subscribe()
            .wait_for(are_ready)
            .await
            .expect("the sender is in self");
    }
}

impl Part {
    /// Says that it is ready.
    pub fn ready(&self) {
        self.set(true);
    }

    /// Says that it is not ready, or not any more.
    pub fn not_ready(&self) {
        self.set(false);
    }

    fn set(&self, is_ready: bool) {
        self.health
            .parts
            .send_if_modified(|parts| parts.insert(self.name, is_ready) != Some(is_ready));
    }
}

fn are_ready(parts: &BTreeMap<&'static str, bool>) -> bool {
    !parts.is_empty() && parts.values().all(|is_ready| *is_ready)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_ready_before_every_part_is() {
        let health = Health::default();
        assert!(!health.is_ready(), "no part has said anything");
        let (auth, zone) = (health.part("auth"), health.part("zone"));
        auth.ready();
        assert!(!health.is_ready());
        assert_eq!(health.parts(), [("auth", true), ("zone", false)]);
        zone.clone().ready();
        assert!(health.is_ready());
        auth.not_ready();
        assert!(!health.is_ready());
    }

    #[test]
    fn a_part_that_is_asked_for_again_is_the_same() {
        let health = Health::default();
        health.part("auth").ready();
        let _again = health.part("auth");
        assert_eq!(health.parts(), [("auth", true)]);
    }

    #[tokio::test]
    async fn ready_waits_for_the_last_part() {
        let health = Health::default();
        let (auth, zone) = (health.part("auth"), health.part("zone"));
        auth.ready();
        let mut waiting = std::pin::pin!(health.ready());
        assert!(is_pending(waiting.as_mut()).await);
        zone.ready();
        waiting.await;
    }

    async fn is_pending(mut future: std::pin::Pin<&mut impl Future<Output = ()>>) -> bool {
        std::future::poll_fn(|context| {
            std::task::Poll::Ready(future.as_mut().poll(context).is_pending())
        })
        .await
    }
}
