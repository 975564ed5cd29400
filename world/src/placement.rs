//! Which server should hold which region: rendezvous hashing. It does not know which servers live, nor who holds what now.
//!
//! Every server that looks at the same candidates comes to the same answer without talking to anybody; a candidate that joins or leaves
//! moves only the regions that it gets or had.

use crate::{chance::Chance, region_id::RegionId};

/// A zone server that could hold regions.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Candidate {
    /// Its incarnation.
    pub incarnation: i64,
    /// Where it is reached. A server that starts again at the same address gets the same regions.
    pub address: String,
}

/// The server that should hold a region; None: there is no candidate. The order of the candidates does not matter. Of two runs at one address, it is the later.
#[must_use]
pub fn holder(region: RegionId, servers: &[Candidate]) -> Option<&Candidate> {
    servers.iter().max_by_key(|server| {
        let weight = weight(region, &server.address);
        (weight, &server.address, server.incarnation)
    })
}

/// How much a region is drawn to an address.
fn weight(region: RegionId, address: &str) -> u64 {
    let coordinates = [region.level, region.column, region.row];
    coordinates
        .into_iter()
        .fold(fnv1a(address.as_bytes()), |state, coordinate| {
            Chance::new(state ^ u64::from(coordinate.cast_unsigned())).number()
        })
}

/// FNV-1a with 64 bits (<http://www.isthe.com/chongo/tech/comp/fnv/>).
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |state, byte| {
        (state ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn candidates(count: i64) -> Vec<Candidate> {
        let candidate = |incarnation| Candidate {
            incarnation,
            address: format!("http://10.0.0.{incarnation}:4100"),
        };
        (1..=count).map(candidate).collect()
    }

    fn regions() -> impl Iterator<Item = RegionId> {
        (0..2).flat_map(|level| {
            (-12..13)
                .flat_map(move |row| (-12..13).map(move |column| RegionId { level, column, row }))
        })
    }

    #[test]
    fn each_gets_its_share() {
        for count in 2..=8 {
            let servers = candidates(count);
            let mut shares = BTreeMap::<i64, i64>::new();
            for region in regions() {
                *shares
                    .entry(holder(region, &servers).unwrap().incarnation)
                    .or_default() += 1;
            }
            let fair = 2 * 25 * 25 / count;
            for server in &servers {
                let share = shares.get(&server.incarnation).copied().unwrap_or(0);
                assert!(
                    share > fair * 7 / 10 && share < fair * 13 / 10,
                    "{count}: {shares:?}"
                );
            }
        }
    }

    #[test]
    fn who_joins_takes_and_who_stays_keeps() {
        let before = candidates(3);
        let after = candidates(4);
        let mut moved = 0;
        for region in regions() {
            let (old, new) = (holder(region, &before), holder(region, &after));
            if old != new {
                assert_eq!(
                    new,
                    after.last(),
                    "{region} went to one that had been there"
                );
                moved += 1;
            }
        }
        assert!(moved > 0);
        let mut backwards = after.clone();
        backwards.reverse();
        for region in regions() {
            assert_eq!(holder(region, &after), holder(region, &backwards));
        }
    }

    #[test]
    fn a_later_run_at_an_address_takes_the_place_of_an_earlier_one() {
        let mut servers = candidates(3);
        let before: Vec<i64> = regions()
            .map(|region| holder(region, &servers).unwrap().incarnation)
            .collect();
        let again = Candidate {
            incarnation: 9,
            ..servers[1].clone()
        };
        servers.push(again);
        for (region, before) in regions().zip(before) {
            let expected = if before == 2 { 9 } else { before };
            assert_eq!(holder(region, &servers).unwrap().incarnation, expected);
        }
        assert_eq!(
            holder(
                RegionId {
                    level: 0,
                    column: 0,
                    row: 0
                },
                &[]
            ),
            None
        );
    }

    /// Servers of different builds must agree: the weights are for ever.
    #[test]
    fn the_weights_are_those_that_were_published() {
        let region = RegionId {
            level: 2,
            column: -3,
            row: 5,
        };
        assert_eq!(
            weight(region, "http://127.0.0.1:4100"),
            1_725_759_071_696_301_394
        );
    }
}
