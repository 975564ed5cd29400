//! Ways round what is in the way: a search over tiles, and then as few straight walks as the ground allows. It does not know who walks.

use std::cell::Cell;

use pathfinding::directed::astar::astar;

use crate::{
    movement::{Ground, is_free},
    position::Position,
};

/// How many tiles one search looks round from, at most: less than a millisecond (0.55 µs each on The Mana World's maps). A way that takes more to be found is none.
pub const NODES_MAX: u32 = 1_500;

/// The cost of a walk to the next tile, and to the next across a corner. A tile is 1,000, so that sums are whole.
const STRAIGHT: u32 = 1_000;
const ACROSS: u32 = 1_414;

/// The eight tiles beside one; those of odd index are across its corners, and next to each of those is what it must not cut.
const BESIDE: [(i32, i32); 8] = [
    (0, -1),
    (1, -1),
    (1, 0),
    (1, 1),
    (0, 1),
    (-1, 1),
    (-1, 0),
    (-1, -1),
];

/// The places to walk straight to, one after the other, to get somewhere; the last is where it ends. Empty: one is there already.
///
/// A place in a wall is got to beside: the nearest free tile, from which one could reach into it. The way over the tiles is the shortest that cuts no corner;
/// None: it is longer than `cost_max` tiles, or more than [`NODES_MAX`] were looked at in vain.
#[must_use]
pub fn find(
    ground: &dyn Ground,
    from: Position,
    to: Position,
    cost_max: f64,
) -> Option<Vec<Position>> {
    if from.z != to.z || !is_free(ground, from) || !to.is_valid() {
        return None;
    }
    let to = if is_free(ground, to) {
        to
    } else {
        beside(ground, from, to)?
    };
    if from == to {
        return Some(Vec::new());
    }
    let tiles = search(ground, from, to, cost_max)?;
    let mut places: Vec<Position> = tiles
        .iter()
        .map(|&(x, y)| Position::centre_of(x, y, from.z))
        .collect();
    // The ends are where they are, and not in the middle of their tiles.
    places.pop();
    places.push(to);
    Some(pull(ground, from, &places[usize::from(places.len() > 1)..]))
}

/// The free tile beside a wall that is nearest to it, and of those the one on the side that one comes from.
fn beside(ground: &dyn Ground, from: Position, to: Position) -> Option<Position> {
    let (x, y) = to.tile();
    let near = BESIDE
        .iter()
        .map(|(east, south)| Position::centre_of(x + east, y + south, to.z))
        .filter(|&place| is_free(ground, place))
        .min_by(|one, two| {
            let key = |place: &Position| (place.distance(&to), place.distance(&from));
            let ((one, one_from), (two, two_from)) = (key(one), key(two));
            one.total_cmp(&two).then(one_from.total_cmp(&two_from))
        });
    let far = || {
        ground
            .nearest_free(to)
            .filter(|place| place.z == to.z && is_free(ground, *place))
    };
    near.or_else(far)
}

/// The tiles of the shortest way, its ends among them.
fn search(
    ground: &dyn Ground,
    from: Position,
    to: Position,
    cost_max: f64,
) -> Option<Vec<(i32, i32)>> {
    let (start, end) = (from.tile(), to.tile());
    let cost_max = cost(cost_max);
    let nodes = Cell::new(0);
    let (tiles, cost) = astar(
        &start,
        |&(x, y)| {
            nodes.set(nodes.get() + 1);
            let free = BESIDE.map(|(east, south)| !ground.is_blocked(from.z, x + east, y + south));
            let steps = std::array::from_fn::<_, 8, _>(|index| {
                let is_across = index % 2 == 1;
                let cuts = is_across && !(free[index - 1] && free[(index + 1) % 8]);
                let tile = (x + BESIDE[index].0, y + BESIDE[index].1);
                // What is too far from both ends is on no way that is short enough.
                let is_near = octile(start, tile).saturating_add(octile(tile, end)) <= cost_max;
                (free[index] && !cuts && is_near)
                    .then_some((tile, if is_across { ACROSS } else { STRAIGHT }))
            });
            steps.into_iter().flatten()
        },
        |&tile| octile(tile, end),
        |&tile| tile == end || nodes.get() >= NODES_MAX,
    )?;
    (tiles.last() == Some(&end) && cost <= cost_max).then_some(tiles)
}

/// What a way between two tiles costs at least.
fn octile(one: (i32, i32), two: (i32, i32)) -> u32 {
    let (dx, dy) = (one.0.abs_diff(two.0), one.1.abs_diff(two.1));
    let (short, long) = (dx.min(dy), dx.max(dy));
    (long - short)
        .saturating_mul(STRAIGHT)
        .saturating_add(short.saturating_mul(ACROSS))
}

/// So many tiles, as costs are counted.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "`as` saturates, and NaN becomes 0: no way is that short"
)]
fn cost(tiles: f64) -> u32 {
    (tiles * f64::from(STRAIGHT)) as u32
}

/// Leaves out every place that can be passed by: from each, one goes straight as far as the ground lets one.
fn pull(ground: &dyn Ground, from: Position, places: &[Position]) -> Vec<Position> {
    let mut legs = Vec::new();
    let mut corner = from;
    for pair in places.windows(2) {
        if !ground.sweep(corner, pair[1]) {
            corner = pair[0];
            legs.push(corner);
        }
    }
    legs.extend(places.last());
    legs
}

#[cfg(test)]
mod tests;
