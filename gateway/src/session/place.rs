//! Where a session's character is believed to be, and how that is found out when nobody there knows it.

use std::time::{Duration, Instant};

use world::region_id::RegionId;

use super::Output;
use crate::zone_message::Character;

/// How long after "not here, and I know not where" SQL is asked; doubled each time that it did not help.
const BACK_OFF: Duration = Duration::from_millis(100);
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
        back_off: Duration,
        detour_count: u32,
    },
    /// There, as far as anybody has said.
    Here { region: RegionId, detour_count: u32 },
    /// Nobody knows. SQL is asked at that time.
    Lost {
        region: RegionId,
        at: Instant,
        back_off: Duration,
    },
    /// SQL is being asked.
    Locating {
        region: RegionId,
        back_off: Duration,
    },
    /// No zone server can be reached.
    Unreachable(RegionId),
}

impl Place {
    pub(super) fn entering(region: RegionId, now: Instant) -> Self {
        Self::Entering {
            region,
            since: now,
            back_off: BACK_OFF,
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
        let back_off = self.back_off();
        *self = Self::Lost {
            region,
            at: now + back_off,
            back_off: (back_off * 2).min(BACK_OFF_MAX),
        };
    }

    /// It is asked for there.
    pub(super) fn enter(&mut self, region: RegionId, now: Instant) {
        *self = Self::Entering {
            region,
            since: now,
            back_off: self.back_off(),
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
            back_off,
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
                    back_off,
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
        *self = Self::Locating {
            region,
            back_off: self.back_off(),
        };
        out.push(Output::Locate(character.clone()));
    }

    fn back_off(&self) -> Duration {
        match self {
            Self::Entering { back_off, .. }
            | Self::Lost { back_off, .. }
            | Self::Locating { back_off, .. } => *back_off,
            Self::Nowhere | Self::Here { .. } | Self::Unreachable(_) => BACK_OFF,
        }
    }
}
