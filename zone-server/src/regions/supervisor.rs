//! The owner of the regions' tasks: starts one for each region of the terrain, starts afresh those that fail, and drains all at the end.

use std::{collections::HashMap, sync::Arc, time::Duration};

use runtime::{shutdown::Shutdown, tasks};
use tokio::{
    sync::mpsc,
    task::{Id, JoinError, JoinSet},
    time::{Instant, MissedTickBehavior},
};
use world::{region::Input, region_id::RegionId};

use crate::{
    actor::{self, Beginning, MAILBOX_MAX},
    count,
    server::Server,
};

/// How long after its start a region that fails is started again, at the earliest: one that fails at once must not keep the server busy.
const RESTART_INTERVAL: Duration = Duration::from_secs(1);
/// How often the census is taken.
const CENSUS_INTERVAL: Duration = Duration::from_secs(1);

/// Regions that had not let go of everything in time. Their rows are claimed by others when this server does not count as living any more.
#[derive(Debug, thiserror::Error)]
#[error("{region_count} regions were not drained within {within:?}")]
pub struct NotDrained {
    /// How many.
    pub region_count: usize,
    /// How long they had.
    pub within: Duration,
}

/// The owner.
#[derive(Debug)]
pub(crate) struct Supervisor {
    server: Arc<Server>,
    running: JoinSet<()>,
    /// Each region, and when it began or will begin.
    regions: HashMap<Id, (RegionId, Instant)>,
    epoch: u64,
}

impl Supervisor {
    /// Starts the regions of the terrain.
    pub(crate) fn start(server: Arc<Server>) -> Self {
        let mut supervisor = Self {
            server,
            running: JoinSet::new(),
            regions: HashMap::new(),
            epoch: 0,
        };
        supervisor.start_missing();
        supervisor
    }

    /// Looks after them until told to stop, and then drains them.
    ///
    /// # Errors
    /// Not all could let go in time.
    pub(crate) async fn run(
        mut self,
        shutdown: Shutdown,
        drain_timeout: Duration,
    ) -> Result<(), NotDrained> {
        let mut census = tokio::time::interval(CENSUS_INTERVAL);
        census.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = shutdown.triggered() => break,
                () = self.server.terrain_changed.notified() => self.start_missing(),
                Some(ended) = self.running.join_next_with_id() => self.ended(ended),
                _ = census.tick() => {
                    let (region_count, depth_max) = self.server.regions.depth();
                    count::census(region_count, depth_max, self.server.links.depth());
                }
            }
        }
        if tokio::time::timeout(drain_timeout, self.drain())
            .await
            .is_ok()
        {
            return Ok(());
        }
        let region_count = self.running.len();
        self.running.shutdown().await;
        Err(NotDrained {
            region_count,
            within: drain_timeout,
        })
    }

    /// Every region of the terrain that has no task gets one.
    fn start_missing(&mut self) {
        let scene = self.server.scene.load();
        let missing = scene
            .terrain
            .regions()
            .iter()
            .filter(|region| self.server.regions.mailbox(**region).is_none());
        let missing = missing.map(|region| (*region, Vec::new())).collect();
        drop(scene);
        self.start_all(missing, Instant::now());
    }

    /// Starts regions at a time, each with those whom an earlier run of it has lost.
    fn start_all(&mut self, regions: Vec<(RegionId, Vec<String>)>, at: Instant) {
        // Milliseconds go on faster than regions fail, and on over a restart of the server.
        self.epoch = self.server.clock.now_ms().max(self.epoch + 1);
        let mut mailboxes = Vec::new();
        let mut inboxes = Vec::new();
        for (region, lost) in regions {
            let (mailbox, inbox) = mpsc::channel(MAILBOX_MAX);
            mailboxes.push((region, mailbox));
            inboxes.push((region, inbox, lost));
        }
        // First the mailbox, then the listeners: whoever subscribes meanwhile is in one of them, or in both.
        self.server.regions.add(&mailboxes);
        for (region, inbox, lost) in inboxes {
            let listeners = self.server.links.listeners(region);
            let beginning = Beginning { listeners, lost };
            let server = Arc::clone(&self.server);
            let actor = actor::run(server, region, self.epoch, inbox, beginning);
            let task = async move {
                tokio::time::sleep_until(at).await;
                actor.await;
            };
            let id = self.running.spawn(task).id();
            self.regions.insert(id, (region, at));
        }
    }

    /// A region's task has ended: it failed, or no map has a part of the region any more.
    fn ended(&mut self, ended: Result<(Id, ()), JoinError>) {
        let Some((region, began)) = self.note_end(ended) else {
            return;
        };
        let lost = self.server.whereabouts.forget(region);
        let scene = self.server.scene.load();
        if scene.terrain.regions().contains(&region) {
            drop(scene);
            let at = Instant::now().max(began + RESTART_INTERVAL);
            self.start_all(vec![(region, lost)], at);
        } else {
            self.server.regions.remove(region);
        }
    }

    /// Which region it was, and when it began. A failure is said, and counted.
    fn note_end(&mut self, ended: Result<(Id, ()), JoinError>) -> Option<(RegionId, Instant)> {
        let error = match ended {
            Ok((id, ())) => return self.regions.remove(&id),
            Err(error) => error,
        };
        let (region, began) = self.regions.remove(&error.id())?;
        // Only `run` aborts tasks, when it does not look at them any more.
        let payload = error.try_into_panic().ok()?;
        tracing::error!(%region, message = tasks::panic_message(payload.as_ref()), "a region failed");
        count::failed();
        // It may have had claims in its hands that are in no list, and nobody knows now who spoke for whom.
        self.server.doubt_rows();
        self.server.links.forget_all();
        Some((region, began))
    }

    /// Lets all regions let go of their rows.
    async fn drain(&mut self) {
        for (_, mailbox) in self.server.regions.all() {
            // One that has ended has nothing to let go of.
            let _ended = mailbox.send(Input::Drain.into()).await;
        }
        while let Some(ended) = self.running.join_next_with_id().await {
            let _ended = self.note_end(ended);
        }
    }
}

#[cfg(test)]
mod tests {
    use world::region::Enter;

    use super::*;
    use crate::{
        links::End,
        testing::{Running, bring_in, enter, next, row, send},
        yard::{EAST, WEST},
    };

    #[tokio::test]
    async fn a_region_that_fails_begins_afresh_and_has_its_people_back() {
        let running = Running::start().await;
        let server = &running.server;
        let (link, mut queue) = server.links.open();
        bring_in(server, link, &mut queue).await;
        let before = row(server).await;
        let poison = Enter {
            key: actor::POISON.to_owned(),
            ..enter(link)
        };
        send(server, WEST, Input::Leave(poison)).await;
        while next(&mut queue).await.is_some() {}
        assert!(matches!(queue.end(), Some(End::Forgotten)));

        let (link, mut queue) = server.links.open();
        bring_in(server, link, &mut queue).await;
        let after = row(server).await;
        assert_eq!((after.own, after.owner), (before.own + 1, Some(server.me)));
        assert_eq!(server.whereabouts.of("anna"), Some(WEST));
        assert_eq!(server.whereabouts.of("mara#yard"), Some(WEST));
        assert!(server.regions.mailbox(EAST).is_some());

        let store = running.stop().await;
        let row = store.entities().peek("anna").await.unwrap().unwrap();
        assert!(!row.present && row.owner.is_none());
    }
}
