use std::{
    collections::{BTreeMap, BinaryHeap},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use proptest::prelude::*;

use super::*;
use crate::{movement::tests::Picture, terrain::Path};

fn at(x: f64, y: f64) -> Position {
    Position { x, y, z: 0 }
}

/// The cost of the shortest way to each tile that is free, by a plain search for all of them.
fn costs(ground: &dyn Ground, start: (i32, i32)) -> BTreeMap<(i32, i32), u32> {
    let mut costs = BTreeMap::new();
    let mut ahead = BinaryHeap::from([(std::cmp::Reverse(0), start)]);
    while let Some((std::cmp::Reverse(cost), (x, y))) = ahead.pop() {
        if costs.contains_key(&(x, y)) {
            continue;
        }
        costs.insert((x, y), cost);
        let is_free = |dx: i32, dy: i32| !ground.is_blocked(0, x + dx, y + dy);
        for (dx, dy) in BESIDE {
            if is_free(dx, dy) && is_free(dx, 0) && is_free(0, dy) {
                let step = if dx != 0 && dy != 0 { ACROSS } else { STRAIGHT };
                ahead.push((std::cmp::Reverse(cost + step), (x + dx, y + dy)));
            }
        }
    }
    costs
}

fn length(from: Position, legs: &[Position]) -> f64 {
    let places: Vec<Position> = std::iter::once(from).chain(legs.iter().copied()).collect();
    let legs = places.windows(2);
    legs.map(|pair| pair[0].distance(&pair[1])).sum()
}

#[test]
fn straight_where_nothing_is_in_the_way() {
    let ground = Picture::open(30, 10);
    let (from, to) = (at(1.2, 1.7), at(28.9, 7.1));
    assert_eq!(find(&ground, from, to, 100.0), Some(vec![to]));
    assert_eq!(find(&ground, from, from, 100.0), Some(Vec::new()));
    assert_eq!(
        find(&ground, from, at(1.9, 1.1), 1.0),
        Some(vec![at(1.9, 1.1)])
    );
}

#[test]
fn round_a_house_in_few_walks() {
    let ground = Picture::new(&[
        "..........",
        "..######..",
        "..######..",
        "..######..",
        "..........",
    ]);
    let legs = find(&ground, at(0.5, 2.5), at(9.5, 2.5), 40.0).unwrap();
    assert!(legs.len() <= 4, "{legs:?}");
    assert_eq!(legs.last(), Some(&at(9.5, 2.5)));
}

#[test]
fn a_place_in_a_wall_is_got_to_beside() {
    let ground = Picture::new(&[".......", "...#...", ".......", "######.", "######."]);
    let place = |from, to| {
        find(&ground, from, to, 40.0)
            .unwrap()
            .last()
            .copied()
            .unwrap()
    };
    assert_eq!(place(at(0.5, 1.5), at(3.5, 1.5)), at(2.5, 1.5));
    assert_eq!(place(at(6.5, 1.5), at(3.5, 1.5)), at(4.5, 1.5));
    assert_eq!(
        place(at(0.5, 0.5), at(0.5, 4.5)),
        at(0.5, 2.5),
        "a thick wall"
    );
}

#[test]
fn no_way_is_none() {
    let ground = Picture::new(&[".#...", ".#.#.", "#..#.", "...#."]);
    let find = |from, to, cost_max| find(&ground, from, to, cost_max);
    assert_eq!(
        find(at(0.5, 0.5), at(2.5, 2.5), 99.0),
        None,
        "a corner is not cut"
    );
    assert!(find(at(2.5, 2.5), at(4.5, 2.5), 6.0).is_some());
    assert_eq!(find(at(2.5, 2.5), at(4.5, 2.5), 5.9), None, "too long");
    assert_eq!(find(at(2.5, 2.5), at(4.5, 2.5), f64::NAN), None);
    assert_eq!(find(at(1.5, 0.5), at(4.5, 2.5), 99.0), None, "from a wall");
    let above = Position {
        z: 1,
        ..at(2.5, 2.5)
    };
    assert_eq!(find(at(2.5, 2.5), above, 99.0), None, "another level");
}

#[test]
fn a_search_is_bounded() {
    let mut ground = Picture::open(200, 200);
    for (x, y) in BESIDE {
        ground.block((150 + x) as usize, (150 + y) as usize);
    }
    #[derive(Debug)]
    struct Counted(Picture, AtomicU32);
    impl Ground for Counted {
        fn is_blocked(&self, level: i32, x: i32, y: i32) -> bool {
            self.1.fetch_add(1, Ordering::Relaxed);
            self.0.is_blocked(level, x, y)
        }
        fn sweep(&self, from: Position, to: Position) -> bool {
            self.0.sweep(from, to)
        }
        fn warp_at(&self, place: Position) -> Option<Position> {
            self.0.warp_at(place)
        }
        fn nearest_free(&self, place: Position) -> Option<Position> {
            self.0.nearest_free(place)
        }
        fn place_of_tile(&self, map: &str, x: i32, y: i32) -> Option<Position> {
            self.0.place_of_tile(map, x, y)
        }
        fn start(&self) -> Position {
            self.0.start()
        }
        fn path(&self, home: Position, name: &str) -> Option<Arc<Path>> {
            self.0.path(home, name)
        }
    }
    let ground = Counted(ground, AtomicU32::new(0));
    let found = find(&ground, at(20.5, 150.5), at(150.5, 150.5), 1e9);
    assert_eq!(found, None);
    let count = ground.1.into_inner();
    assert!(count <= 8 * NODES_MAX + 20, "{count}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn there_is_a_way_wherever_a_plain_search_finds_one_and_each_leg_of_it_can_be_walked(
        walls in prop::collection::vec((0..24usize, 0..24usize), 0..260),
        from in (0.0..24.0f64, 0.0..24.0f64), to in (0.0..24.0f64, 0.0..24.0f64), cost_max in 0.0..60.0f64,
    ) {
        let mut ground = Picture::open(24, 24);
        walls.iter().for_each(|&(x, y)| ground.block(x, y));
        let (from, to) = (at(from.0, from.1), at(to.0, to.1));
        prop_assume!(is_free(&ground, from) && is_free(&ground, to));
        let cost = costs(&ground, from.tile()).get(&to.tile()).copied();
        let expected = cost.is_some_and(|cost| cost <= super::cost(cost_max));
        let found = find(&ground, from, to, cost_max);
        prop_assert_eq!(found.is_some(), expected, "{:?} of {}", cost, cost_max);
        if let Some(legs) = found {
            let mut corner = from;
            for leg in &legs {
                prop_assert!(ground.sweep(corner, *leg), "{:?} to {:?}", corner, leg);
                corner = *leg;
            }
            prop_assert_eq!(corner, to);
            // The ends are up to half a tile's diagonal from the middles of theirs.
            let shortest = f64::from(cost.unwrap()) / 1_000.0;
            prop_assert!(length(from, &legs) <= shortest + 1.5, "{:?} for {}", legs, shortest);
        }
    }
}
