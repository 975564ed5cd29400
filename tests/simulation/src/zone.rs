//! A zone server: the tasks of `zone-server` as one state machine in virtual time, around the real regions. What it decides is the product's; in which
//! order its tasks get to do it is drawn.
//!
//! `actor` and `outputs` are in step with `zone-server/src/actor.rs` and `actor/outputs.rs`, `rows` with `rows.rs`, `recovery` with `recovery.rs` and
//! `actor/lost.rs`, `trust` with `trust.rs` and `heartbeat.rs`, `holdings` with `holdings/`, `links` with `links.rs`, `service/listen.rs` and `peers.rs`.

mod actor;
mod around;
mod heartbeat;
mod holdings;
mod links;
mod outputs;
mod reading;
mod recovery;
mod rows;
mod trust;

use std::collections::{BTreeMap, BTreeSet};

use store::{
    directory::ZoneServer,
    entities::{EntityRow, Incarnation},
    regions::Holding,
};
use world::{
    region::{Ask, Asker, Claimed, Enter, Session},
    region_id::RegionId,
};

use crate::{
    desk::Ticket,
    mutant::Mutant,
    network::{NodeId, StreamId},
    schedule::{MILLI, Micros},
    shared::{Event, Shared},
    statement::{Answered, Statement},
};
use actor::Actor;
use holdings::Holdings;
use links::Links;
use reading::Purpose;
use recovery::{Loss, Recovery};
use trust::Trust;
use zone_server::holdings::plan::Gift;

/// What a zone server does by itself, when its time has come.
#[derive(Debug)]
pub enum Due {
    /// A region takes what is in its mailbox.
    Mailbox(At),
    /// A region wakes.
    Wake(At),
    /// A session tries again to enter, for the so manyth time.
    Enter(At, Enter, u32),
    /// A region tries to have a row back.
    Recover(Loss),
    /// A leave is given to the region where the character should be by now.
    Leave(RegionId, Enter),
    /// A heartbeat is sent.
    Heartbeat,
    /// A heartbeat that was sent then is waited for no more.
    NoHeartbeat(Micros),
    /// Trust may have lapsed.
    Lapse,
    /// It is looked who holds what.
    Look,
    /// It is announced that regions have changed hands.
    Announced,
    /// Rows without an owner are looked for.
    Rows,
    /// Rows that were said to be released are claimed.
    Arrivals,
    /// Streams to other zone servers are made.
    Peers,
    /// It begins to hand everything over, and ends.
    Leaving,
    /// It ends, whatever it still has.
    DrainTimeout,
}

/// One run of a region's actor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct At {
    region: RegionId,
    run: u64,
}

/// What follows an answer of the database.
#[derive(Debug)]
enum Then {
    Nothing,
    Peeked(Purpose),
    Lived(Purpose, Box<EntityRow>),
    EnterClaimed(At, Enter, u32),
    Recovered(Loss, RegionId),
    Adopted(RegionId),
    Saved { at: At, key: String, own: u64 },
    Spawned(At, Box<Asker>, Box<Claimed>),
    Absent(At, Box<Ask>),
    Undergone(At, Box<Asker>),
    WasDone(At, Box<Asker>),
    Living(Vec<RegionId>),
    Orphans,
    Doubtful,
    SentAway(String, RegionId, Option<Session>),
    Heartbeat(Micros),
    HoldingsRead(Option<trust::Term>),
    Looked(Option<trust::Term>, Vec<Holding>),
    Taken,
    Given(Gift),
    Removed,
}

/// A zone server.
#[derive(Debug)]
pub struct Zone {
    /// Its process.
    pub node: NodeId,
    /// Its run.
    pub me: Incarnation,
    /// What the directory says of it.
    pub standing: ZoneServer,
    /// How far its clock is ahead of the database's, in milliseconds.
    skew_ms: u64,
    actors: BTreeMap<RegionId, Actor>,
    run_count: u64,
    whereabouts: BTreeMap<String, RegionId>,
    /// For the watch: the `own` of those who are between two regions, by where they go.
    travelling: BTreeMap<(String, RegionId), u64>,
    /// For the watch: the `own` of who arrives just now.
    arriving: Option<u64>,
    links: Links,
    trust: Trust,
    holdings: Holdings,
    recovery: Recovery,
    pending: BTreeMap<Ticket, Then>,
    /// When the heartbeat under way was sent.
    beat: Option<Micros>,
    /// Whether it has handed everything over and ends.
    has_ended: bool,
}

impl Zone {
    /// One that has just started.
    pub fn start(node: NodeId, address: String, shared: &mut Shared) -> Self {
        #[expect(clippy::cast_possible_wrap, reason = "the sign bit is cleared")]
        let me = Incarnation((shared.chance.number() >> 1) as i64);
        let zone = Self {
            node,
            me,
            standing: ZoneServer {
                incarnation: me,
                address,
                is_leaving: false,
                map: 0,
            },
            skew_ms: shared.chance.below(40),
            actors: BTreeMap::new(),
            run_count: 0,
            whereabouts: BTreeMap::new(),
            travelling: BTreeMap::new(),
            arriving: None,
            links: Links::default(),
            trust: Trust::new(shared.is(Mutant::TrustForEver)),
            holdings: Holdings::default(),
            recovery: Recovery::default(),
            pending: BTreeMap::new(),
            beat: None,
            has_ended: false,
        };
        shared.note(|| format!("{} starts as {}", zone.standing.address, zone.me));
        for due in [Due::Heartbeat, Due::Look, Due::Rows, Due::Peers] {
            let delay = shared.chance.below(20 * MILLI);
            zone.later(delay, due, shared);
        }
        zone
    }

    /// The time has come.
    pub fn due(&mut self, due: Due, shared: &mut Shared) {
        match due {
            Due::Mailbox(at) => self.empty_mailbox(at, shared),
            Due::Wake(at) => self.wake(at, shared),
            Due::Enter(at, enter, tries) => self.try_enter(at, enter, tries, shared),
            Due::Recover(loss) => self.try_recover(loss, shared),
            Due::Leave(region, leave) => self.deliver_leave(region, leave, shared),
            Due::Heartbeat => self.heartbeat(shared),
            Due::NoHeartbeat(sent) => self.no_heartbeat(sent, shared),
            Due::Lapse => self.lapse(shared),
            Due::Look => self.look(shared),
            Due::Announced => self.announced(shared),
            Due::Rows => self.look_for_rows(shared),
            Due::Arrivals => self.take_arrivals(shared),
            Due::Peers => self.make_peers(shared),
            Due::Leaving => self.leave(shared),
            Due::DrainTimeout => self.stop_all(shared),
        }
    }

    /// The database answers.
    pub fn answered(&mut self, ticket: Ticket, answered: Answered, shared: &mut Shared) {
        let Some(then) = self.pending.remove(&ticket) else {
            return;
        };
        match then {
            Then::Nothing => {}
            Then::Peeked(purpose) => self.peeked(purpose, answered, shared),
            Then::Lived(purpose, row) => self.lived(purpose, &row, answered, shared),
            Then::EnterClaimed(at, enter, tries) => {
                self.enter_claimed(at, enter, tries, answered, shared);
            }
            Then::Recovered(loss, region) => self.recovered(loss, region, answered, shared),
            Then::Adopted(region) => self.adopted(region, answered, shared),
            Then::Saved { at, key, own } => self.saved(at, key, own, answered, shared),
            Then::Spawned(at, asker, row) => self.spawned(at, *asker, row, answered, shared),
            Then::Absent(at, ask) => self.absent_peeked(at, *ask, answered, shared),
            Then::Undergone(at, asker) => self.answer_undergone(at, &asker, answered, shared),
            Then::WasDone(at, asker) => self.was_done(at, &asker, answered, shared),
            Then::Living(regions) => self.living(regions, answered, shared),
            Then::Orphans => self.orphans(answered, shared),
            Then::Doubtful => self.doubtful(answered, shared),
            Then::SentAway(key, region, session) => {
                self.sent_away(key, region, session, answered, shared);
            }
            Then::Heartbeat(sent) => self.heartbeat_answered(sent, answered, shared),
            Then::HoldingsRead(term) => self.holdings_read(term, answered, shared),
            Then::Looked(term, holdings) => self.looked(term, holdings, answered, shared),
            Then::Taken => self.taken(answered, shared),
            Then::Given(gift) => self.given(gift, answered, shared),
            Then::Removed => self.removed(shared),
        }
    }

    /// All streams break, as they do when a process ends: which there are.
    #[must_use]
    pub fn streams(&self) -> Vec<StreamId> {
        self.links.streams()
    }

    /// Whether it may speak.
    #[must_use]
    pub fn is_trusted(&self, shared: &Shared) -> bool {
        self.trust.is_trusted(shared.now())
    }

    /// The regions that it runs, and does not give away.
    #[must_use]
    pub fn regions(&self) -> BTreeSet<RegionId> {
        let actors = self.actors.iter();
        let undrained = actors.filter(|(_, actor)| !actor.is_draining());
        undrained.map(|(region, _)| *region).collect()
    }

    /// All regions that it runs.
    #[must_use]
    pub fn all_regions(&self) -> Vec<RegionId> {
        self.actors.keys().copied().collect()
    }

    /// Whether a region of it has an entity.
    #[must_use]
    pub fn has(&self, region: RegionId, key: &str) -> bool {
        self.actors
            .get(&region)
            .is_some_and(|actor| actor.region.has(key))
    }

    fn now_ms(&self, shared: &Shared) -> u64 {
        shared.now_ms() + self.skew_ms
    }

    fn later(&self, delay: Micros, due: Due, shared: &mut Shared) {
        shared.after(delay, Event::Zone(self.node, due));
    }

    fn submit(&mut self, statement: Statement, then: Then, shared: &mut Shared) {
        let ticket = shared.submit(self.node, statement);
        self.pending.insert(ticket, then);
    }
}
