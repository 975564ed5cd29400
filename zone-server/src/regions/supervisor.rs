//! The owner of the regions' tasks: it starts and drains them when it is told to, starts afresh those that fail, and forgets those that are not ours any
//! more. Which regions run is decided in [`crate::holdings`].

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};

use futures::{FutureExt, StreamExt, future::BoxFuture, stream::FuturesUnordered};
use runtime::tasks;
use tokio::{
    sync::mpsc,
    task::{AbortHandle, Id, JoinError, JoinSet},
    time::Instant,
};
use world::{name, region::Input, region_id::RegionId};

use crate::{
    actor::{self, Beginning, MAILBOX_MAX},
    count,
    server::Server,
};

/// How long after its start a region that fails is started again, at the earliest: one that fails at once must not keep the server busy.
const RESTART_INTERVAL: Duration = Duration::from_secs(1);
/// How many bits of what is published as a region's epoch count its runs under one holding. The last number stands for all that would follow it: that
/// are eighteen hours of failing each second.
const RUN_BITS: u32 = 16;

/// The owner.
#[derive(Debug)]
pub(crate) struct Supervisor {
    server: Arc<Server>,
    tasks: JoinSet<()>,
    names: HashMap<Id, RegionId>,
    running: BTreeMap<RegionId, Running>,
    /// Mailboxes that have no place yet for the word to drain.
    words: FuturesUnordered<BoxFuture<'static, ()>>,
}

/// A region that has a task.
#[derive(Debug)]
struct Running {
    /// Under which it is held.
    epoch: u64,
    /// How often it was started under it, besides the first time.
    run: u64,
    /// When it began or will begin.
    began: Instant,
    task: AbortHandle,
    aim: Aim,
}

/// What becomes of a region.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Aim {
    /// It runs on, and is started again if it fails.
    Stay,
    /// It is told to let go of everything, and then ends.
    Drain,
    /// It is not ours any more, and is being stopped where it is.
    Stop,
}

/// A region's task has ended, otherwise than by failing.
#[derive(Debug, Clone, Copy)]
struct End {
    region: RegionId,
    /// Whether it was stopped where it was. Otherwise everything that it had is let go of: it was told to drain, or no map has a part of it any more.
    is_stopped: bool,
    /// Whether somebody is not where the content has put them, and was there, or belongs there.
    leaves_strays: bool,
}

impl Supervisor {
    /// Nothing runs yet.
    pub(crate) fn new(server: Arc<Server>) -> Self {
        Self {
            server,
            tasks: JoinSet::new(),
            names: HashMap::new(),
            running: BTreeMap::new(),
            words: FuturesUnordered::new(),
        }
    }

    /// Every region that has a task, and the epoch under which it is held.
    pub(crate) fn running(&self) -> BTreeMap<RegionId, u64> {
        self.running
            .iter()
            .map(|(region, running)| (*region, running.epoch))
            .collect()
    }

    /// Whether a region has a task.
    pub(crate) fn runs(&self, region: RegionId) -> bool {
        self.running.contains_key(&region)
    }

    /// Starts regions, each under the epoch at which it is held. One that is still being stopped is left to the next look.
    pub(crate) fn start(&mut self, regions: &[(RegionId, u64)]) {
        let starts: Vec<Start> = regions
            .iter()
            .filter(|(region, _)| !self.runs(*region))
            .map(|(region, epoch)| Start {
                region: *region,
                epoch: *epoch,
                run: 0,
                lost: Vec::new(),
            })
            .collect();
        let begun: Vec<RegionId> = starts.iter().map(|start| start.region).collect();
        self.start_all(starts, Instant::now());
        self.server.begun.add(begun);
    }

    /// Tells regions to let go of everything.
    pub(crate) fn drain(&mut self, regions: &[RegionId]) {
        if regions.is_empty() {
            return;
        }
        self.server.regions.drain(regions);
        for region in regions {
            let Some(running) = self.running.get_mut(region) else {
                continue;
            };
            if running.aim != Aim::Stay {
                continue;
            }
            running.aim = Aim::Drain;
            if let Some(mailbox) = self.server.regions.mailbox(*region) {
                let word = async move {
                    // One that has ended has nothing to let go of.
                    let _ended = mailbox.send(Input::Drain.into()).await;
                };
                self.words.push(word.boxed());
            }
        }
    }

    /// Stops regions where they are: others hold them, and nothing that we think of them counts. How many there were, besides those that are being
    /// stopped already.
    pub(crate) fn stop(&mut self, regions: &[RegionId]) -> usize {
        if regions.is_empty() {
            return 0;
        }
        self.server.regions.remove(regions);
        let mut region_count = 0;
        for region in regions {
            if let Some(running) = self.running.get_mut(region)
                && std::mem::replace(&mut running.aim, Aim::Stop) != Aim::Stop
            {
                running.task.abort();
                region_count += 1;
            }
        }
        region_count
    }

    /// Waits until the tasks of some regions have ended otherwise than by failing, or for ever. Failures are said, counted and mended. It may be dropped and
    /// called again.
    pub(crate) async fn next_ends(&mut self) -> Vec<RegionId> {
        loop {
            let mut next = tokio::select! {
                Some(()) = self.words.next(), if !self.words.is_empty() => None,
                Some(ended) = self.tasks.join_next_with_id() => Some(ended),
                else => return std::future::pending().await,
            };
            let mut ends = Vec::new();
            while let Some(ended) = next {
                ends.extend(self.ended(ended));
                next = self.tasks.try_join_next_with_id();
            }
            if !ends.is_empty() {
                return self.clear_away(&ends);
            }
        }
    }

    /// Regions whose tasks have ended are not here any more.
    fn clear_away(&mut self, ends: &[End]) -> Vec<RegionId> {
        let regions: Vec<RegionId> = ends.iter().map(|end| end.region).collect();
        self.server.regions.remove(&regions);
        if ends.iter().any(|end| end.is_stopped) {
            // Of what it had in its hands, something may be ours still.
            self.server.doubt_rows();
        }
        if ends.iter().any(|end| end.leaves_strays) {
            self.call_home();
        }
        regions
    }

    /// Whoever the content puts into a region of ours and was taken elsewhere is at home again: where it was, or where it belongs, is not here any more.
    fn call_home(&mut self) {
        let scene = self.server.scene.load_full();
        for (region, mailbox) in self.server.regions.all() {
            let creatures = Some(scene.creatures(region));
            let afresh = false;
            let word = async move {
                // One that has ended begins with those who belong there.
                let _ended = mailbox
                    .send(Input::Changed { creatures, afresh }.into())
                    .await;
            };
            self.words.push(word.boxed());
        }
    }

    /// Whether somebody whom the content has put into the world was left in a region that has ended, or is left elsewhere without its home.
    fn leaves_strays(&self, region: RegionId, left: &[String]) -> bool {
        let scene = self.server.scene.load();
        let is_stray = |key: &String| {
            let home = scene.creature_home(key);
            home.is_some_and(|home| home != region)
        };
        let creatures = scene.creatures(region);
        let mut keys = creatures.iter().map(|creature| name::key(&creature.name));
        left.iter().any(is_stray) || keys.any(|key| self.server.whereabouts.of(&key).is_some())
    }

    /// Stops everything where it is; how many regions that were.
    pub(crate) async fn stop_all(&mut self) -> usize {
        let region_count = self.running.len();
        self.server
            .regions
            .remove(&self.running.keys().copied().collect::<Vec<_>>());
        self.running.clear();
        self.tasks.shutdown().await;
        region_count
    }

    /// Starts regions at a time.
    fn start_all(&mut self, starts: Vec<Start>, at: Instant) {
        let mut mailboxes = Vec::new();
        let mut inboxes = Vec::new();
        for start in starts {
            let (mailbox, inbox) = mpsc::channel(MAILBOX_MAX);
            mailboxes.push((start.region, mailbox));
            inboxes.push((start, inbox));
        }
        // First the mailbox, then the listeners: whoever subscribes meanwhile is in one of them, or in both.
        self.server.regions.add(&mailboxes);
        for (start, inbox) in inboxes {
            let Start {
                region,
                epoch,
                run,
                lost,
            } = start;
            let listeners = self.server.links.listeners(region);
            let beginning = Beginning { listeners, lost };
            let server = Arc::clone(&self.server);
            let actor = actor::run(server, region, published(epoch, run), inbox, beginning);
            let task = self.tasks.spawn(async move {
                tokio::time::sleep_until(at).await;
                actor.await;
            });
            self.names.insert(task.id(), region);
            let running = Running {
                epoch,
                run,
                began: at,
                task,
                aim: Aim::Stay,
            };
            self.running.insert(region, running);
        }
    }

    /// A region's task has ended. None: it has failed, and begins afresh.
    fn ended(&mut self, ended: Result<(Id, ()), JoinError>) -> Option<End> {
        let id = match &ended {
            Ok((id, ())) => *id,
            Err(error) => error.id(),
        };
        let region = self.names.remove(&id)?;
        let running = self.running.remove(&region)?;
        let lost = self.server.whereabouts.forget(region);
        let leaves_strays = self.leaves_strays(region, &lost);
        let has_failed = ended.is_err_and(|error| self.note_failure(region, error));
        if has_failed && running.aim == Aim::Stay {
            let at = Instant::now().max(running.began + RESTART_INTERVAL);
            let start = Start {
                region,
                epoch: running.epoch,
                run: running.run + 1,
                lost,
            };
            self.start_all(vec![start], at);
            if leaves_strays {
                self.call_home();
            }
            return None;
        }
        Some(End {
            region,
            is_stopped: running.aim == Aim::Stop,
            leaves_strays,
        })
    }

    /// Whether a region has failed; if so, that is said and counted.
    fn note_failure(&self, region: RegionId, error: JoinError) -> bool {
        // Otherwise it was stopped.
        let Ok(payload) = error.try_into_panic() else {
            return false;
        };
        tracing::error!(%region, message = tasks::panic_message(payload.as_ref()), "a region failed");
        count::failed();
        // It may have had claims in its hands that are in no list, and nobody knows now who spoke for whom.
        self.server.doubt_rows();
        self.server.links.forget_all();
        true
    }
}

/// A region that is to begin.
struct Start {
    region: RegionId,
    epoch: u64,
    run: u64,
    /// Whom an earlier run of it has lost.
    lost: Vec<String>,
}

/// The epoch of what a region publishes: higher in each later run, whoever runs it.
fn published(epoch: u64, run: u64) -> u64 {
    epoch << RUN_BITS | run.min((1 << RUN_BITS) - 1)
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
        assert!(
            row.present && row.owner.is_none(),
            "it is for whoever has the region next"
        );
    }
}
