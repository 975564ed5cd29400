//! Where a session's character is believed to be, and how that is found out when nobody there knows it.

use std::time::{Duration, Instant};

use world::region_id::RegionId;

use super::Output;
use crate::zone_message::Character;

/// How long after "not here, and I know not where" the character is asked for again; doubled each time that it did not help. The first time is about what
/// a zone server needs to claim a row that another one has just released.
const BACK_OFF: Duration = Duration::from_millis(20);
/// The longest that it is doubled to.
const BACK_OFF_MAX: Duration = Duration::from_secs(1);
/// An entrance that nobody answers is tried again: a stream delivers or breaks, so this is for a zone server with a fault.
const ENTRANCE_PATIENCE: Duration = Duration::from_secs(5);
/// How often in a row a command or an entrance is sent on to where it is said that the character is, before SQL is asked instead.
const DETOUR_COUNT_MAX: u32 = 8;

/// Where the character is.
#[derive(Debug)]
pub(super) enum Place {
    /// There is none, or it is not ours any more.
    Nowhere,
    /// It was asked for; nobody has answered.
    Entering {
        region: RegionId,
        since: Instant,
        failure_count: u32,
        detour_count: u32,
    },
    /// There, as far as anybody has said.
    Here { region: RegionId, detour_count: u32 },
    /// Nobody knows. At that time it is asked for where it was last heard of; if that does not help, SQL is asked, and again each time.
    Lost {
        region: RegionId,
        at: Instant,
        failure_count: u32,
    },
    /// SQL is being asked.
    Locating {
        region: RegionId,
        failure_count: u32,
    },
    /// No zone server can be reached.
    Unreachable(RegionId),
}

impl Place {
    pub(super) fn entering(region: RegionId, now: Instant) -> Self {
        Self::Entering {
            region,
            since: now,
            failure_count: 0,
            detour_count: 0,
        }
    }

    /// The last that was heard of it.
    pub(super) fn region(&self) -> Option<RegionId> {
        match *self {
            Self::Nowhere => None,
            Self::Unreachable(region)
            | Self::Entering { region, .. }
            | Self::Here { region, .. }
            | Self::Lost { region, .. }
            | Self::Locating { region, .. } => Some(region),
        }
    }

    /// Whether commands may be sent there.
    pub(super) fn is_settled(&self) -> bool {
        matches!(self, Self::Here { .. })
    }

    pub(super) fn is_locating(&self) -> bool {
        matches!(self, Self::Locating { .. })
    }

    /// The character is there.
    pub(super) fn settle(&mut self, region: RegionId) {
        *self = Self::Here {
            region,
            detour_count: 0,
        };
    }

    /// The character is said to be there, by somebody who has it not.
    pub(super) fn settle_again(&mut self, region: RegionId) {
        let detour_count = match self {
            Self::Here { detour_count, .. } => *detour_count + 1,
            _ => 0,
        };
        *self = Self::Here {
            region,
            detour_count,
        };
    }

    pub(super) fn may_detour(&self) -> bool {
        !matches!(self, Self::Here { detour_count, .. } if *detour_count >= DETOUR_COUNT_MAX)
    }

    /// It has answered a command.
    pub(super) fn progress(&mut self) {
        if let Self::Here { detour_count, .. } = self {
            *detour_count = 0;
        }
    }

    /// Nobody knows where it is.
    pub(super) fn lose(&mut self, now: Instant) {
        let Some(region) = self.region() else { return };
        let failure_count = self.failure_count();
        *self = Self::Lost {
            region,
            at: now + back_off(failure_count),
            failure_count: failure_count.saturating_add(1),
        };
    }

    /// It is asked for there, after it was not found elsewhere.
    pub(super) fn enter(&mut self, region: RegionId, now: Instant) {
        *self = Self::Entering {
            region,
            since: now,
            failure_count: self.failure_count(),
            detour_count: 0,
        };
    }

    /// It was asked for, and is not there.
    pub(super) fn not_there(
        &mut self,
        region: Option<RegionId>,
        character: &Option<Character>,
        now: Instant,
        out: &mut Vec<Output>,
    ) {
        let Self::Entering {
            detour_count,
            failure_count,
            ..
        } = *self
        else {
            return;
        };
        match (region, character) {
            (Some(region), Some(character)) if detour_count < DETOUR_COUNT_MAX => {
                *self = Self::Entering {
                    region,
                    since: now,
                    failure_count,
                    detour_count: detour_count + 1,
                };
                out.push(Output::Enter(character.clone(), region));
            }
            _ => self.lose(now),
        }
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        match self {
            Self::Lost { at, .. } => Some(*at),
            Self::Entering { since, .. } => Some(*since + ENTRANCE_PATIENCE),
            _ => None,
        }
    }

    pub(super) fn tick(
        &mut self,
        character: &Option<Character>,
        now: Instant,
        out: &mut Vec<Output>,
    ) {
        if self.deadline().is_none_or(|deadline| deadline > now) {
            return;
        }
        let (Some(region), Some(character)) = (self.region(), character) else {
            return;
        };
        if let Self::Lost {
            failure_count: 1, ..
        } = self
        {
            self.enter(region, now);
            out.push(Output::Enter(character.clone(), region));
        } else {
            *self = Self::Locating {
                region,
                failure_count: self.failure_count(),
            };
            out.push(Output::Locate(character.clone()));
        }
    }

    /// How often in a row it was not found.
    fn failure_count(&self) -> u32 {
        match self {
            Self::Entering { failure_count, .. }
            | Self::Lost { failure_count, .. }
            | Self::Locating { failure_count, .. } => *failure_count,
            Self::Nowhere | Self::Here { .. } | Self::Unreachable(_) => 0,
        }
    }
}

fn back_off(failure_count: u32) -> Duration {
    let doubled = 1_u32.checked_shl(failure_count).unwrap_or(u32::MAX);
    BACK_OFF.saturating_mul(doubled).min(BACK_OFF_MAX)
}
