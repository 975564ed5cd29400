//! The same world, told the same, is the same world to the last bit, whatever lives in it.

use super::{super::*, words::*, yard::*};
use crate::{position::Position, scheduler::Stats};

/// Eight minutes of the world's time.
const TICKS: u64 = 10_000;

/// A script that uses chance, its attributes and what it sees.
const MOLE: &str = "return function(me)
  while true do
    local near = me:look(6)
    me:set('seen', (me:get('seen') or 0) + #near)
    me:step((random(21) - 11) / 20, (random(21) - 11) / 20)
    coroutine.yield(3)
  end
end";

/// What there is to be compared of a region: who is in it, what chance draws next, and what its uthreads have done.
type Remains = (RegionId, Vec<String>, u64, Stats);

/// Those who live in the yard: one of each kind in each region.
fn creatures(id: RegionId) -> Vec<Creature> {
    let kinds = ["wander", "chase", "guard", "flee", "mole.lua"];
    let creature = |(number, kind): (i32, &&str)| Creature {
        name: format!("{kind}#{id}"),
        position: Position::centre_of(id.column * 8 + 1 + number, id.row * 8 + 3, 0),
        attributes: [("hp".to_owned(), wire::Value::Int(10))].into(),
        behaviour: Some((*kind).to_owned()),
        respawn: None,
    };
    (0..).zip(&kinds).map(creature).collect()
}

/// What is left of a world after so many ticks in which Anna walks about. Regions that have had so many holders more draw other numbers.
fn run(holder_count: u64, ticks: u64) -> Vec<Remains> {
    let mut yard = Yard::new();
    for _ in 0..holder_count {
        regions().into_iter().for_each(|id| yard.hold(id, FIRST));
    }
    let files = [("behaviours/mole.lua".to_owned(), MOLE.into())].into();
    let (scripts, problems) = Scripts::load(&files);
    assert!(problems.is_empty(), "{problems:?}");
    yard.scripts = scripts;
    yard.account("anna", 2.5, 2.5);
    yard.enter("anna", 1, 1);
    for id in regions() {
        let changed = Input::Changed {
            creatures: Some(creatures(id)),
            afresh: true,
        };
        yard.give(id, changed);
    }
    yard.give(region(0, 0), Input::Subscribe(LINK));
    yard.give(region(1, 0), Input::Subscribe(LINK));
    for tick in 1..=ticks {
        // There and back, over the border too.
        let east = if tick / 30 % 2 == 0 { 0.3 } else { -0.3 };
        yard.command("anna", 1, id(1, tick), 0, step(east, 0.0));
        yard.pass_time(TICK_MS);
        yard.told.clear();
    }
    let remains = |at: RegionId| {
        let region = yard.region(at);
        let residents = region.residents.values();
        let residents =
            residents.map(|one| format!("{} {:?} {:?}", one.key, one.state, one.said()));
        let uthreads = region.uthreads();
        (at, residents.collect(), region.life.drawn(), uthreads)
    };
    regions().map(remains).into()
}

#[test]
fn the_same_world_is_the_same_to_the_last_bit() {
    let [one, same] = [0, 0].map(|holder_count| run(holder_count, TICKS));
    assert_eq!(one, same);
    let resumed = one.iter().map(|(.., uthreads)| uthreads);
    let resume_count: u64 = resumed.map(|uthreads| uthreads.resume_count).sum();
    assert!(resume_count > 10_000, "{resume_count}");
    let [short, other] = [0, 1].map(|holder_count| run(holder_count, 300));
    let residents = |remains: Vec<Remains>| -> Vec<_> {
        let residents = remains.into_iter().map(|(_, residents, ..)| residents);
        residents.collect()
    };
    assert_ne!(residents(short), residents(other), "chance has its part");
}
