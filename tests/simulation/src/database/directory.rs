//! Who lives and who holds what: `store/src/directory.rs` and `store/src/regions.rs`.

use store::{
    directory::{HEARTBEAT_TTL_MS, ZoneServer},
    entities::Incarnation,
    regions::Holding,
};
use world::region_id::RegionId;

use super::{Database, Listed};
use crate::mutant::Mutant;

impl Database {
    pub(super) fn heartbeat(&mut self, server: ZoneServer, heartbeat_ms: u64) {
        let listed = Listed {
            server,
            heartbeat_ms,
        };
        self.servers.insert(listed.server.incarnation, listed);
    }

    pub(super) fn live(&self, now_ms: u64) -> Vec<ZoneServer> {
        self.servers
            .values()
            .filter(|listed| is_alive(listed, now_ms))
            .map(|listed| listed.server.clone())
            .collect()
    }

    /// Whether a zone server is alive by the database's clock.
    #[must_use]
    pub fn is_alive(&self, incarnation: Incarnation, now_ms: u64) -> bool {
        self.servers
            .get(&incarnation)
            .is_some_and(|listed| is_alive(listed, now_ms))
    }

    pub(super) fn take(
        &mut self,
        me: Incarnation,
        regions: Vec<(RegionId, u64)>,
        now_ms: u64,
    ) -> Vec<(RegionId, u64)> {
        let mut taken = Vec::new();
        for (region, seen) in regions {
            let present = self.regions.get(&region).copied();
            let may_take = match present {
                None => true,
                Some(_) if self.is(Mutant::TakeWithoutEpoch) => true,
                Some(Holding { holder, epoch, .. }) => {
                    let is_free =
                        holder.is_none_or(|other| other == me || !self.is_alive(other, now_ms));
                    epoch == seen && is_free
                }
            };
            if may_take {
                let epoch = seen + 1;
                self.regions.insert(
                    region,
                    Holding {
                        region,
                        holder: Some(me),
                        epoch,
                    },
                );
                taken.push((region, epoch));
            }
        }
        taken
    }

    pub(super) fn give(
        &mut self,
        me: Incarnation,
        to: Option<Incarnation>,
        regions: Vec<(RegionId, u64)>,
    ) -> Vec<RegionId> {
        let mut given = Vec::new();
        for (region, epoch) in regions {
            if let Some(holding) = self.regions.get_mut(&region)
                && holding.holder == Some(me)
                && holding.epoch == epoch
            {
                holding.holder = to;
                holding.epoch += 1;
                given.push(region);
            }
        }
        given
    }
}

fn is_alive(listed: &Listed, now_ms: u64) -> bool {
    listed.heartbeat_ms + HEARTBEAT_TTL_MS.unsigned_abs() > now_ms
}
