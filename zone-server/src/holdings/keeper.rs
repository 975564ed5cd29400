//! The task that keeps this server's regions: it looks at who holds what and who lives, several times a second and whenever there may be something new,
//! and does what [`plan`](super::plan) makes of it. Between two looks it does what it has begun.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use futures::{FutureExt, future::BoxFuture};
use runtime::{health::Part, shutdown::Shutdown};
use store::{
    announce::Topic,
    directory::{HEARTBEAT_TTL_MS, ZoneServer},
    entities::Incarnation,
};
use tokio::{
    sync::watch,
    time::{Instant, Interval, MissedTickBehavior},
};
use world::region_id::RegionId;

use super::{
    giving::{Given, Giving},
    look::{Look, Looked, read},
    plan::{Found, Holding, Plan, plan},
};
use crate::{count, heartbeat, regions::supervisor::Supervisor, server::Server, trust::TRUST};

/// How often the census is taken.
const CENSUS_INTERVAL: Duration = Duration::from_secs(1);

/// Regions that this server had not let go of in time. Others take them when this server does not count as living any more.
#[derive(Debug, thiserror::Error)]
#[error("{region_count} regions were not given away within {within:?}")]
pub struct NotDrained {
    /// How many.
    pub region_count: usize,
    /// How long they had.
    pub within: Duration,
}

/// The keeper.
pub(crate) struct Keeper {
    server: Arc<Server>,
    supervisor: Supervisor,
    giving: Giving,
    taking: Option<Taking>,
    look: Look,
    /// Since when each of those who live is known.
    known_since: BTreeMap<Incarnation, Instant>,
    trusted: watch::Receiver<bool>,
    announced: watch::Receiver<u64>,
    census: Interval,
    health: Part,
}

/// Regions that are being taken.
struct Taking {
    /// Each, and whether somebody who does not live holds it.
    regions: BTreeMap<RegionId, bool>,
    outcome: BoxFuture<'static, Result<Vec<(RegionId, u64)>, store::Error>>,
}

impl Keeper {
    /// Looks for the first time, and starts the regions that are held then. Trust begins with it, and the server is ready.
    ///
    /// # Errors
    /// The database did not answer.
    pub(crate) async fn begin(server: Arc<Server>, health: Part) -> Result<Self, store::Error> {
        let mut census = tokio::time::interval(CENSUS_INTERVAL);
        census.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut keeper = Self {
            supervisor: Supervisor::new(Arc::clone(&server)),
            giving: Giving::new(Arc::clone(&server)),
            taking: None,
            look: Look::new(),
            known_since: BTreeMap::new(),
            trusted: server.trust.changes(),
            announced: server.announcements.listen(Topic::Directory),
            census,
            health,
            server,
        };
        let looked = read(Arc::clone(&keeper.server)).await?;
        keeper.act_on(looked);
        if let Some(Taking { regions, outcome }) = keeper.taking.take() {
            keeper.taken(&regions, outcome.await);
        }
        keeper.note_trust();
        Ok(keeper)
    }

    /// Keeps the regions until told to stop, and then gives them all away.
    ///
    /// # Errors
    /// Not all could be given away in time.
    pub(crate) async fn run(
        mut self,
        shutdown: Shutdown,
        drain_timeout: Duration,
    ) -> Result<(), NotDrained> {
        loop {
            tokio::select! {
                () = shutdown.triggered() => break,
                () = self.step() => {}
            }
        }
        let is_done = tokio::time::timeout(drain_timeout, self.leave()).await;
        let region_count = self.supervisor.stop_all().await;
        if is_done.is_ok() {
            return Ok(());
        }
        Err(NotDrained {
            region_count,
            within: drain_timeout,
        })
    }

    /// Gives everything away, once others know that we are to be given nothing.
    async fn leave(&mut self) {
        self.server.standing.leave();
        if let Err(error) = heartbeat::say(&self.server).await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "others may not know that we leave"
            );
        }
        // One that began before has seen us stay.
        self.look.restart();
        let count = self.look.count;
        while self.look.count == count || !self.is_rid_of_all() {
            self.step().await;
        }
    }

    fn is_rid_of_all(&self) -> bool {
        self.taking.is_none()
            && self.giving.is_idle()
            && self.supervisor.running().is_empty()
            && self.server.holdings.mine().is_empty()
    }

    /// Waits for something to happen, and does what is to be done then. It may be dropped and called again.
    async fn step(&mut self) {
        let server = Arc::clone(&self.server);
        tokio::select! {
            looked = under_way(self.look.under_way.as_mut()), if self.look.under_way.is_some() => {
                self.look.under_way = None;
                self.looked(looked);
            }
            taken = under_way(self.taking.as_mut().map(|taking| &mut taking.outcome)), if self.taking.is_some() => {
                if let Some(Taking { regions, .. }) = self.taking.take() {
                    self.taken(&regions, taken);
                }
            }
            given = self.giving.next() => self.given(given),
            ended = self.supervisor.next_ends() => self.ended(&ended),
            () = tokio::time::sleep_until(self.look.next), if self.look.under_way.is_none() => self.look.begin(&server),
            Ok(()) = self.trusted.changed() => self.note_trust(),
            Ok(()) = self.announced.changed() => {
                // Most of what is announced while regions are given away is just that.
                if self.giving.is_idle() {
                    self.look.hasten();
                }
            }
            () = server.holdings.hint.notified() => self.look.hasten(),
            () = server.terrain_changed.notified() => self.look.hasten(),
            _ = self.census.tick() => take_census(&server),
        }
    }

    fn looked(&mut self, looked: Result<Looked, store::Error>) {
        count::looked(self.look.began.elapsed());
        match looked {
            Ok(looked) => {
                self.look.succeeded();
                self.act_on(looked);
            }
            Err(error) => self.look.failed(&error),
        }
    }

    /// Does what a look comes to.
    fn act_on(&mut self, looked: Looked) {
        let Looked {
            term,
            servers,
            holdings,
        } = looked;
        let mut changing = self.giving.regions();
        changing.append(&mut self.look.outdated);
        if let Some(taking) = &self.taking {
            changing.extend(taking.regions.keys());
        }
        let newcomers = self.newcomers(&servers);
        let server = Arc::clone(&self.server);
        let (scene, trust) = (server.scene.load_full(), &server.trust);
        let plan = plan(&Found {
            me: &server.standing.get(),
            is_acknowledged: term.is_some() && trust.term() == term,
            may_judge: trust.may_judge(),
            live: &servers,
            newcomers: &newcomers,
            terrain: scene.terrain.regions(),
            holdings: &holdings,
            running: &self.supervisor.running(),
            changing: &changing,
        });
        self.carry_out(plan, &holdings);
        server.holdings.read(&servers, &holdings, &changing);
        if let Some(term) = term
            && !trust.is_trusted()
        {
            // Whoever still has a stream may have missed something.
            server.links.suspend();
            if trust.open(term) {
                server.links.resume();
                if term.follows_a_lapse() {
                    // What we have written late is ours, whoever has its region by now; and others leave to us what is ours.
                    server.doubt_rows();
                }
            }
        }
    }

    /// Those of the living who have come within the last time to live.
    fn newcomers(&mut self, live: &[ZoneServer]) -> BTreeSet<Incarnation> {
        let now = Instant::now();
        let living: BTreeSet<Incarnation> = live.iter().map(|server| server.incarnation).collect();
        self.known_since.retain(|server, _| living.contains(server));
        for server in living {
            self.known_since.entry(server).or_insert(now);
        }
        let ttl = Duration::from_millis(HEARTBEAT_TTL_MS.unsigned_abs());
        let known = self.known_since.iter();
        known
            .filter(|(server, since)| **server != self.server.me && now - **since < ttl)
            .map(|(server, _)| *server)
            .collect()
    }

    /// Trust has come or gone. Without it, whoever speaks with this server must speak with another, until it has come again.
    fn note_trust(&mut self) {
        let is_trusted = *self.trusted.borrow_and_update();
        count::trusted(is_trusted);
        if !is_trusted {
            self.health.not_ready();
            self.server.links.suspend();
            tracing::warn!(since = ?TRUST, "the database does not acknowledge that we are alive");
        } else if !self.server.standing.is_leaving() {
            self.health.ready();
            tracing::info!("the database acknowledges that we are alive");
        }
    }

    fn carry_out(&mut self, plan: Plan, holdings: &BTreeMap<RegionId, Holding>) {
        let region_count = self.supervisor.stop(&plan.drop);
        if region_count > 0 {
            tracing::warn!(
                region_count,
                "others hold regions of ours; they are dropped"
            );
            // Nobody here speaks for the characters that were in them.
            self.server.links.forget_all();
        }
        if !plan.start.is_empty() {
            count::received(plan.start.len());
            self.supervisor.start(&plan.start);
        }
        if !plan.take.is_empty() && self.taking.is_none() {
            let regions = plan.take.iter().map(|(region, _)| {
                let held = holdings.get(region);
                (*region, held.is_some_and(|held| held.holder.is_some()))
            });
            let (server, take) = (Arc::clone(&self.server), plan.take.clone());
            self.taking = Some(Taking {
                regions: regions.collect(),
                outcome: async move { server.store.regions().take(server.me, take).await }.boxed(),
            });
        }
        self.giving.set(plan.give, &mut self.supervisor);
    }

    fn taken(
        &mut self,
        tried: &BTreeMap<RegionId, bool>,
        taken: Result<Vec<(RegionId, u64)>, store::Error>,
    ) {
        self.look.outdated.extend(tried.keys());
        let taken = match taken {
            Ok(taken) => taken,
            Err(error) => {
                // The next look finds out.
                return tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    region_count = tried.len(),
                    "whether regions were taken is unknown"
                );
            }
        };
        let is_takeover = |(region, _): &&(RegionId, u64)| tried.get(region) == Some(&true);
        count::taken(taken.len(), taken.iter().filter(is_takeover).count());
        self.server.holdings.taken(&taken);
        if !self.server.standing.is_leaving() {
            self.supervisor.start(&taken);
        }
        if !taken.is_empty() {
            tracing::info!(region_count = taken.len(), "regions were taken");
            self.server.announcements.announce(Topic::Directory);
        }
        if taken.len() < tried.len() {
            self.look.hasten();
        }
    }

    fn given(&mut self, Given { tried, given }: Given) {
        self.server.holdings.given(&given);
        self.look.outdated.extend(tried);
        self.giving.go_on(&mut self.supervisor);
    }

    fn ended(&mut self, regions: &[RegionId]) {
        if !self.giving.drained(regions) {
            // One has ended by itself, or what was stopped may be ours again.
            self.look.hasten();
        }
    }
}

/// What is looked at once a second, for operators.
fn take_census(server: &Server) {
    let (region_count, depth_max) = server.regions.depth();
    count::census(region_count, depth_max, server.links.depth());
    count::lives(&server.lives.sums());
    for (text, count) in server.failures.repeats(std::time::Instant::now()) {
        tracing::warn!(count, text, "more uthreads have failed like this");
    }
}

/// Waits for something that has begun.
async fn under_way<T>(future: Option<impl Future<Output = T> + Unpin>) -> T {
    match future {
        Some(future) => future.await,
        None => std::future::pending().await,
    }
}
