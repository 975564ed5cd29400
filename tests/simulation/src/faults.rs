//! What goes wrong in a run, and when: drawn before it begins, so that a run can be repeated with less of it. It does not know how things go wrong.

use crate::{
    chance::Chance,
    schedule::{MILLI, Micros, SECOND},
};

/// How many zone servers there are at most.
pub const ZONE_SLOTS: usize = 4;
/// How many gateways there are.
pub const GATEWAY_SLOTS: usize = 2;
/// When things begin to go wrong.
const BEGIN: Micros = 1_200 * MILLI;
/// From when on nothing new goes wrong.
const END: Micros = 5 * SECOND;
/// When everything that went wrong has passed.
pub const CALM: Micros = 9 * SECOND;
/// The longest that something stands still: more than twice a zone server's time to live.
const PAUSE_MAX: Micros = 4_200 * MILLI;
/// The most that goes wrong in one run.
const FAULTS_MAX: u64 = 6;

/// Something that goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// A zone server is killed; another starts in its place after a while, or none does.
    KillZone(usize, Option<Micros>),
    /// A zone server stands still for a while.
    PauseZone(usize, Micros),
    /// A zone server is told to stop; another starts after a while, or none does.
    StopZone(usize, Option<Micros>),
    /// A zone server joins, if there is none in its place.
    JoinZone(usize),
    /// A zone server cannot reach the database for a while.
    CutOffZone(usize, Micros),
    /// A gateway is killed; another starts in its place after a while.
    KillGateway(usize, Micros),
    /// A gateway stands still for a while.
    PauseGateway(usize, Micros),
    /// Of a thousand streams, so many break.
    BreakStreams(u64),
    /// Of a thousand streams, so many carry nothing for a while.
    HoldStreams(u64, Micros),
    /// The database is down for a while.
    DatabaseDown(Micros),
    /// Of a thousand statements, so many get lost or late for a while.
    DatabaseTrouble(u64, Micros),
}

/// What goes wrong in a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// How many zone servers there are at first.
    pub zone_count: usize,
    /// How many play, besides the game master.
    pub player_count: usize,
    /// What, and when, in its order.
    pub faults: Vec<(Micros, Fault)>,
}

impl Plan {
    /// The plan of a seed.
    #[must_use]
    pub fn draw(chance: &mut Chance) -> Self {
        let count = chance.within(1, FAULTS_MAX);
        let mut faults: Vec<(Micros, Fault)> = (0..count)
            .map(|_| (chance.within(BEGIN, END), fault(chance)))
            .collect();
        faults.sort_by_key(|(at, _)| *at);
        Self {
            zone_count: size(chance.within(2, 3)),
            player_count: size(chance.within(2, 4)),
            faults,
        }
    }

    /// Whether the database is in trouble at some time, or out of somebody's reach.
    #[must_use]
    pub fn hurts_database(&self) -> bool {
        self.faults.iter().any(|(_, fault)| {
            matches!(
                fault,
                Fault::DatabaseDown(_) | Fault::DatabaseTrouble(..) | Fault::CutOffZone(..)
            )
        })
    }
}

fn fault(chance: &mut Chance) -> Fault {
    let zone = size(chance.below(ZONE_SLOTS as u64));
    let gateway = size(chance.below(GATEWAY_SLOTS as u64));
    let pause = chance.within(20 * MILLI, PAUSE_MAX);
    let restart = chance
        .per_mille(700)
        .then(|| chance.within(10 * MILLI, 3 * SECOND));
    match chance.below(16) {
        0..3 => Fault::KillZone(zone, restart),
        3..5 => Fault::PauseZone(zone, pause),
        5..7 => Fault::StopZone(zone, restart),
        7 => Fault::JoinZone(zone),
        8 => Fault::CutOffZone(zone, pause),
        9 => Fault::KillGateway(gateway, chance.within(10 * MILLI, 2 * SECOND)),
        10 => Fault::PauseGateway(gateway, pause),
        11 => Fault::BreakStreams(chance.within(100, 1_000)),
        12 => Fault::HoldStreams(chance.within(100, 700), pause),
        13 => Fault::DatabaseDown(pause),
        _ => Fault::DatabaseTrouble(chance.within(20, 300), pause),
    }
}

fn size(number: u64) -> usize {
    usize::try_from(number).unwrap_or_default()
}
