//! Which regions we listen to, and at whom: those of other servers that can be seen from one of ours. Pure: time is an argument.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use store::entities::Incarnation;
use tokio::time::Instant;
use world::region_id::RegionId;

/// How long we go on listening to a region that is not near any more: regions that go to and fro are not told of anew each time.
pub(super) const LINGER: Duration = Duration::from_secs(5);

/// The regions that we listen to.
#[derive(Debug, Default)]
pub(super) struct Interest {
    /// Each, and since when it has not been near any of ours.
    wanted: BTreeMap<RegionId, Option<Instant>>,
}

impl Interest {
    /// Who has to be listened to about which regions, when `near` are those that can be seen from ours, ours among them, and `holder` knows who holds
    /// each that is not ours.
    pub(super) fn plan(
        &mut self,
        near: &BTreeSet<RegionId>,
        holder: impl Fn(RegionId) -> Option<Incarnation>,
        now: Instant,
    ) -> BTreeMap<Incarnation, BTreeSet<RegionId>> {
        for region in near {
            self.wanted.insert(*region, None);
        }
        self.wanted.retain(|region, unneeded_since| {
            if near.contains(region) {
                return true;
            }
            now - *unneeded_since.get_or_insert(now) < LINGER
        });
        let mut plan: BTreeMap<Incarnation, BTreeSet<RegionId>> = BTreeMap::new();
        for region in self.wanted.keys() {
            if let Some(holder) = holder(*region) {
                plan.entry(holder).or_default().insert(*region);
            }
        }
        plan
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn region(column: i32) -> RegionId {
        RegionId {
            level: 0,
            column,
            row: 0,
        }
    }

    const ANNA: Incarnation = Incarnation(1);
    const BERT: Incarnation = Incarnation(2);

    fn check(
        interest: &mut Interest,
        near: &[i32],
        holder: impl Fn(RegionId) -> Option<Incarnation>,
        now: Instant,
        expected: &[(Incarnation, &[i32])],
    ) {
        let regions = |columns: &[i32]| columns.iter().map(|column| region(*column)).collect();
        let expected: BTreeMap<Incarnation, BTreeSet<RegionId>> = expected
            .iter()
            .map(|(holder, columns)| (*holder, regions(columns)))
            .collect();
        assert_eq!(interest.plan(&regions(near), holder, now), expected);
    }

    #[test]
    fn each_holder_is_listened_to_about_what_is_near() {
        let mut interest = Interest::default();
        let holder = |region: RegionId| match region.column {
            0 => None,
            1 | 2 => Some(ANNA),
            _ => Some(BERT),
        };
        let now = Instant::now();
        check(&mut interest, &[0, 1], holder, now, &[(ANNA, &[1])]);
        let both: &[(Incarnation, &[i32])] = &[(ANNA, &[1, 2]), (BERT, &[3])];
        check(&mut interest, &[0, 1, 2, 3], holder, now, both);
        // One of them is another's now.
        let both: &[(Incarnation, &[i32])] = &[(ANNA, &[1]), (BERT, &[2, 3])];
        let moved = |region: RegionId| match region.column {
            2 => Some(BERT),
            _ => holder(region),
        };
        check(&mut interest, &[0, 1, 2, 3], moved, now, both);
    }

    #[test]
    fn what_is_not_near_any_more_lingers() {
        let mut interest = Interest::default();
        let (holder, began) = (|_| Some(ANNA), Instant::now());
        check(&mut interest, &[1], holder, began, &[(ANNA, &[1])]);
        let later = began + LINGER;
        check(&mut interest, &[2], holder, later, &[(ANNA, &[1, 2])]);
        let almost = later + LINGER - Duration::from_millis(1);
        check(&mut interest, &[2], holder, almost, &[(ANNA, &[1, 2])]);
        check(&mut interest, &[1], holder, almost, &[(ANNA, &[1, 2])]);
        let end = almost + LINGER;
        check(&mut interest, &[1], holder, end, &[(ANNA, &[1])]);
    }
}
