//! The tiles that a straight step goes through.

use crate::position::{Position, floor};

/// Steps over more tile borders than this are not walked along: no speed allows one.
const CROSSINGS_MAX: f64 = 40_000.0;

/// Whether no tile on the way blocks. A step exactly through a corner, between two tiles that it does not enter, is blocked if both of them are.
pub(super) fn is_clear(
    from: Position,
    to: Position,
    is_blocked: impl Fn(i32, i32) -> bool,
) -> bool {
    let (dx, dy) = (to.x - from.x, to.y - from.y);
    let crossings = dx.abs() + dy.abs();
    if crossings.is_nan() || crossings > CROSSINGS_MAX {
        return false;
    }
    let (mut x, mut y) = from.tile();
    let end = to.tile();
    let mut across_x = Axis::new(from.x, dx);
    let mut across_y = Axis::new(from.y, dy);
    while (x, y) != end {
        if is_blocked(x, y) {
            return false;
        }
        // An axis on which the last tile is reached has no border left, whatever rounding says.
        let next_x = if x == end.0 {
            f64::INFINITY
        } else {
            across_x.next
        };
        let next_y = if y == end.1 {
            f64::INFINITY
        } else {
            across_y.next
        };
        if next_x == next_y && is_blocked(x + across_x.step, y) && is_blocked(x, y + across_y.step)
        {
            return false;
        }
        if next_x <= next_y {
            x += across_x.step;
            across_x.advance();
        }
        if next_y <= next_x {
            y += across_y.step;
            across_y.advance();
        }
    }
    !is_blocked(x, y)
}

/// Where a step crosses the borders of one axis, as parts of its whole length.
struct Axis {
    start: f64,
    length: f64,
    border: f64,
    step: i32,
    next: f64,
}

impl Axis {
    fn new(start: f64, length: f64) -> Self {
        let (border, step) = if length > 0.0 {
            (start.floor() + 1.0, 1)
        } else {
            (f64::from(floor(start)), -1)
        };
        let mut axis = Self {
            start,
            length,
            border,
            step,
            next: 0.0,
        };
        axis.next = axis.part();
        axis
    }

    fn part(&self) -> f64 {
        if self.length == 0.0 {
            f64::INFINITY
        } else {
            (self.border - self.start) / self.length
        }
    }

    fn advance(&mut self) {
        self.border += f64::from(self.step);
        self.next = self.part();
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn at(x: f64, y: f64) -> Position {
        Position { x, y, z: 0 }
    }

    fn clear(from: (f64, f64), to: (f64, f64), blocked: &[(i32, i32)]) -> bool {
        is_clear(at(from.0, from.1), at(to.0, to.1), |x, y| {
            blocked.contains(&(x, y))
        })
    }

    #[test]
    fn steps() {
        assert!(clear((0.5, 0.5), (3.5, 0.5), &[(0, 1), (4, 0)]));
        assert!(!clear((0.5, 0.5), (3.5, 0.5), &[(2, 0)]));
        assert!(!clear((0.5, 0.5), (3.5, 0.5), &[(3, 0)]));
        assert!(!clear((3.5, 0.5), (-3.5, 0.5), &[(-2, 0)]));
        // Along a border one is in the tiles to its south and east.
        assert!(clear((0.0, 5.0), (9.0, 5.0), &[(3, 4)]));
        assert!(!clear((0.0, 5.0), (9.0, 5.0), &[(3, 5)]));
        // Through a corner: between two walls there is no way.
        assert!(clear((0.5, 0.5), (1.5, 1.5), &[(1, 0)]));
        assert!(!clear((0.5, 0.5), (1.5, 1.5), &[(1, 0), (0, 1)]));
        assert!(!clear((0.5, 0.5), (f64::INFINITY, 0.5), &[]));
        assert!(!clear((0.5, 0.5), (f64::NAN, 0.5), &[]));
        assert!(!clear((0.5, 0.5), (1e300, 0.5), &[]));
    }

    proptest! {
        #[test]
        fn every_tile_that_a_sample_of_the_way_is_in_is_looked_at(
            x in -20.0..20.0f64, y in -20.0..20.0f64, dx in -15.0..15.0f64, dy in -15.0..15.0f64,
        ) {
            let seen = std::cell::RefCell::new(BTreeSet::new());
            let clear = is_clear(at(x, y), at(x + dx, y + dy), |x, y| { seen.borrow_mut().insert((x, y)); false });
            prop_assert!(clear);
            let seen = seen.into_inner();
            for part in 0..=1000 {
                let part = f64::from(part) / 1000.0;
                let (sx, sy) = (x + dx * part, y + dy * part);
                let is_near_a_border = [sx, sy].iter().any(|c| (c - c.round()).abs() < 1e-9);
                prop_assert!(is_near_a_border || seen.contains(&(floor(sx), floor(sy))), "({sx}, {sy})");
            }
        }
    }
}
