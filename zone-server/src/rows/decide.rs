//! What to do about a row as it was read: who may claim it, and who has to look elsewhere. Pure functions; what is read and what is done about it is
//! none of their business.

use store::entities::{EntityRow, Incarnation};
use world::region_id::RegionId;

/// What a server knows that has read a row.
#[derive(Debug, Clone, Copy)]
pub struct Reader {
    /// Who it is.
    pub me: Incarnation,
    /// The region that has what the row says to be in a region: that one, or the start's if no map has it any more.
    pub home: RegionId,
    /// Whether that region is on this server.
    pub is_home_here: bool,
    /// Whether the row's owner is another zone server that lives.
    pub has_other_owner: bool,
    /// The region of this server that has the entity, or in whose mailbox it is.
    pub whereabouts: Option<RegionId>,
}

/// What becomes of a session that wants to speak for a character in a region.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entrance {
    /// The row is nobody's who lives: claim it as it was seen.
    Claim {
        /// Its `own`.
        seen: u64,
    },
    /// The character belongs to that region, which is another than the one where the session is.
    Elsewhere(RegionId),
    /// A later session has come.
    Superseded,
    /// It is in somebody's hands, or about to come, and then the region lets the session in. That ends soon.
    Later,
}

/// A session of a generation wants to speak for the character of a row, in the region `here` of this server.
#[must_use]
pub fn enter(row: &EntityRow, generation: u64, here: RegionId, reader: &Reader) -> Entrance {
    if row.owner == Some(reader.me) {
        // Otherwise a claim, a release or a recovery is under way, which may come back with this very session.
        let elsewhere = reader.whereabouts.filter(|there| *there != here);
        return elsewhere.map_or(Entrance::Later, Entrance::Elsewhere);
    }
    if row.generation > generation {
        Entrance::Superseded
    } else if reader.home != here {
        Entrance::Elsewhere(reader.home)
    } else if reader.has_other_owner {
        // It was in another region there, or is about to be released.
        Entrance::Later
    } else {
        Entrance::Claim { seen: row.own }
    }
}

/// What becomes of a row that this server had, or may have had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recovery {
    /// Claim it as it was seen. What a claim returns is certain.
    Claim {
        /// Its `own`.
        seen: u64,
    },
    /// It is for the holder of that region to claim, or is claimed already: by another server, or for a region of this one.
    Away(RegionId),
    /// It is not to be in the world.
    Gone,
}

/// What is in memory of a row is not certain any more, or never was there.
#[must_use]
pub fn recover(row: &EntityRow, reader: &Reader) -> Recovery {
    let is_mine = row.owner == Some(reader.me);
    if !row.present {
        Recovery::Gone
    } else if let (true, Some(there)) = (is_mine, reader.whereabouts) {
        // A later claim has brought it there meanwhile; another one would take it away from whoever plays.
        Recovery::Away(there)
    } else if is_mine || reader.is_home_here && !reader.has_other_owner {
        Recovery::Claim { seen: row.own }
    } else {
        Recovery::Away(reader.home)
    }
}

/// A row was released for a region, as its last owner says: its `own`, if it is for this server to claim.
#[must_use]
pub fn arrive(row: &EntityRow, reader: &Reader) -> Option<u64> {
    let is_free = row.owner.is_none() && reader.whereabouts.is_none();
    (row.present && is_free && reader.is_home_here).then_some(row.own)
}

/// Where a target is that no region of this server has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Absence {
    /// With the holder of that region.
    Away(RegionId),
    /// Between two regions, or on its way to one: it is asked for again.
    Between,
    /// Not in the world.
    Gone,
}

/// How often in a row a change of somebody of whom there is nothing is asked for again before it is answered False: a second, as gateways send again. It was
/// sent before, and whoever it is about may just be spawned: what that sending does would not be known to this answer.
pub const NOBODY_ATTEMPTS: u32 = 4;

/// Looks for a target by its row.
#[must_use]
pub fn absent(row: &EntityRow, reader: &Reader) -> Absence {
    if !row.present {
        Absence::Gone
    } else if row.owner == Some(reader.me) || reader.is_home_here {
        Absence::Between
    } else {
        Absence::Away(reader.home)
    }
}

#[cfg(test)]
mod tests {
    use world::{
        applied::{Applied, CommandId},
        entity::EntityState,
        position::Position,
    };

    use super::*;

    const ME: Incarnation = Incarnation(1);
    const OTHER: Incarnation = Incarnation(2);

    fn region(column: i32) -> RegionId {
        RegionId {
            level: 0,
            column,
            row: 0,
        }
    }

    fn row(owner: Option<Incarnation>) -> EntityRow {
        EntityRow {
            key: "anna".to_owned(),
            name: "Anna".to_owned(),
            player: true,
            region: region(0),
            present: true,
            owner,
            own: 7,
            generation: 3,
            moved: CommandId::default(),
            applied: Applied::default(),
            state: EntityState::at(Position {
                x: 0.0,
                y: 0.0,
                z: 0,
            }),
        }
    }

    /// This server, which has the row's region.
    const HOME: Reader = Reader {
        me: ME,
        home: RegionId {
            level: 0,
            column: 0,
            row: 0,
        },
        is_home_here: true,
        has_other_owner: false,
        whereabouts: None,
    };
    /// This server, which has not.
    const AWAY: Reader = Reader {
        is_home_here: false,
        ..HOME
    };
    const OWNED: Reader = Reader {
        has_other_owner: true,
        ..HOME
    };

    #[test]
    fn who_enters_claims_what_is_nobodys() {
        let here = region(0);
        let seen = Entrance::Claim { seen: 7 };
        assert_eq!(enter(&row(None), 3, here, &HOME), seen);
        assert_eq!(enter(&row(Some(OTHER)), 4, here, &HOME), seen, "it is dead");
        assert_eq!(
            enter(&row(Some(OTHER)), 3, here, &OWNED),
            Entrance::Later,
            "it lives"
        );
        assert_eq!(enter(&row(None), 2, here, &HOME), Entrance::Superseded);
        let elsewhere = enter(&row(Some(OTHER)), 3, region(1), &OWNED);
        assert_eq!(elsewhere, Entrance::Elsewhere(here));
    }

    #[test]
    fn who_enters_where_it_is_ours_follows_it() {
        let there = Reader {
            whereabouts: Some(region(1)),
            ..HOME
        };
        let elsewhere = Entrance::Elsewhere(region(1));
        assert_eq!(enter(&row(Some(ME)), 1, region(0), &there), elsewhere);
        let about_to_come = enter(&row(Some(ME)), 1, region(1), &there);
        assert_eq!(about_to_come, Entrance::Later);
        assert_eq!(enter(&row(Some(ME)), 3, region(0), &HOME), Entrance::Later);
    }

    #[test]
    fn what_was_lost_is_claimed_by_whoever_has_its_region() {
        let claim = Recovery::Claim { seen: 7 };
        let away = Recovery::Away(region(0));
        assert_eq!(recover(&row(Some(ME)), &AWAY), claim, "to be let go of");
        assert_eq!(recover(&row(Some(ME)), &HOME), claim);
        assert_eq!(recover(&row(None), &HOME), claim);
        assert_eq!(recover(&row(None), &AWAY), away);
        assert_eq!(recover(&row(Some(OTHER)), &OWNED), away);
        let there = Reader {
            whereabouts: Some(region(1)),
            ..HOME
        };
        let found = recover(&row(Some(ME)), &there);
        assert_eq!(found, Recovery::Away(region(1)), "a later claim has it");
        let absent = EntityRow {
            present: false,
            ..row(Some(ME))
        };
        assert_eq!(recover(&absent, &HOME), Recovery::Gone);
    }

    #[test]
    fn an_arrival_is_claimed_once_and_only_at_home() {
        assert_eq!(arrive(&row(None), &HOME), Some(7));
        assert_eq!(arrive(&row(None), &AWAY), None);
        assert_eq!(arrive(&row(Some(ME)), &HOME), None);
        assert_eq!(arrive(&row(Some(OTHER)), &HOME), None, "dead or alive");
        let here = Reader {
            whereabouts: Some(region(0)),
            ..HOME
        };
        assert_eq!(arrive(&row(None), &here), None);
        let absent = EntityRow {
            present: false,
            ..row(None)
        };
        assert_eq!(arrive(&absent, &HOME), None);
    }

    #[test]
    fn a_target_is_asked_for_where_its_row_says() {
        assert_eq!(absent(&row(None), &AWAY), Absence::Away(region(0)));
        assert_eq!(absent(&row(Some(OTHER)), &AWAY), Absence::Away(region(0)));
        assert_eq!(absent(&row(Some(OTHER)), &HOME), Absence::Between);
        assert_eq!(absent(&row(Some(ME)), &AWAY), Absence::Between);
        let gone = EntityRow {
            present: false,
            ..row(None)
        };
        assert_eq!(absent(&gone, &AWAY), Absence::Gone);
    }
}
