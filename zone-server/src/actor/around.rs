//! What a region sees of the rest of the server, and the places in other regions' mailboxes that are kept for it while it decides.

use std::{
    cell::RefCell,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::sync::mpsc::OwnedPermit;
use world::{
    region::{LinkId, Passage, Surroundings},
    region_id::RegionId,
    scheduler::Meter,
    scripts,
};

use super::Mail;
use crate::server::Server;

/// What a tick of one region's uthreads may take: a fifth of its 50 ms. What is left then waits for the next.
const TICK_BUDGET: Duration = Duration::from_millis(10);
/// How many uthreads are resumed before the clock is read again.
const RESUMES_AT_ONCE: u64 = 16;

/// The time that the present thread was given: a script is not to blame for what else the machine does.
fn thread_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::try_from(time).unwrap_or_default()
}

/// The budget of a tick, by the clock.
struct Watch(Instant);

impl Watch {
    fn start() -> Self {
        Self(Instant::now())
    }
}

impl Meter for Watch {
    fn grant(&mut self, _resumed: u64) -> u64 {
        match self.0.elapsed() < TICK_BUDGET {
            true => RESUMES_AT_ONCE,
            false => 0,
        }
    }

    fn now_ns(&mut self) -> u64 {
        u64::try_from(self.0.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}

/// The surroundings during one input.
pub(super) struct Around<'s> {
    server: &'s Server,
    permits: RefCell<Permits>,
}

/// Places in mailboxes.
#[derive(Default)]
pub(super) struct Permits(Vec<(RegionId, OwnedPermit<Mail>)>);

impl<'s> Around<'s> {
    pub(super) fn new(server: &'s Server) -> Self {
        Self {
            server,
            permits: RefCell::default(),
        }
    }

    /// Whether a region that does not run here is about to: it is this server's, or no map has it, so that nobody has it.
    fn is_awaited(&self, region: RegionId) -> bool {
        let scene = self.server.scene.load();
        self.server.holdings.is_mine(region) || !scene.terrain.regions().contains(&region)
    }

    /// What was promised.
    pub(super) fn into_permits(self) -> Permits {
        self.permits.into_inner()
    }
}

impl Permits {
    /// Uses a place.
    pub(super) fn take(&mut self, region: RegionId) -> Option<OwnedPermit<Mail>> {
        let place = self.0.iter().position(|(to, _)| *to == region)?;
        Some(self.0.swap_remove(place).1)
    }
}

impl Surroundings for Around<'_> {
    fn whereabouts(&self, key: &str) -> Option<RegionId> {
        let whereabouts = &self.server.whereabouts;
        whereabouts.of(key).or_else(|| whereabouts.abroad(key))
    }

    fn passage(&self, region: RegionId) -> Passage {
        let Some(mailbox) = self.server.regions.mailbox(region) else {
            return match self.is_awaited(region) {
                true => Passage::Busy,
                false => Passage::Away,
            };
        };
        match mailbox.try_reserve_owned() {
            Ok(permit) if self.server.regions.is_open(region) => {
                self.permits.borrow_mut().0.push((region, permit));
                Passage::Open
            }
            _ => Passage::Busy,
        }
    }

    fn is_linked(&self, link: LinkId) -> bool {
        self.server.links.is_linked(link)
    }

    fn is_seen_by(&self, link: LinkId) -> bool {
        self.server.links.gateway_of(link).is_some()
    }

    fn watch(&self) -> Option<scripts::Watch> {
        Some(Arc::new(thread_time))
    }

    fn meter(&self) -> Box<dyn Meter + '_> {
        Box::new(Watch::start())
    }
}
