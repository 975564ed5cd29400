//! The one source of chance of a run: the world's own generator, so that a seed means the same run on every machine and with every version of a
//! library. It does not know what is decided with it.

/// The generator of the world, and what else a run draws with it.
#[derive(Debug, Clone)]
pub struct Chance(world::chance::Chance);

impl Chance {
    /// The sequence of a seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        // Neighbouring seeds begin far from each other.
        let apart = world::chance::Chance::new(seed).number();
        Self(world::chance::Chance::new(apart ^ seed.rotate_left(32)))
    }

    /// A sequence of its own, so that what one part of a run draws does not shift what another does.
    #[must_use]
    pub fn branch(&mut self) -> Self {
        Self::new(self.number())
    }

    /// Any number.
    pub fn number(&mut self) -> u64 {
        self.0.number()
    }

    /// A number below `end`; 0 if that is 0.
    pub fn below(&mut self, end: u64) -> u64 {
        ((u128::from(self.number()) * u128::from(end)) >> 64) as u64
    }

    /// A number from `low` to `high`, both included.
    pub fn within(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high.saturating_sub(low) + 1)
    }

    /// True in so many cases of a thousand.
    pub fn per_mille(&mut self, share: u64) -> bool {
        self.below(1_000) < share
    }

    /// One of them; None: there is none.
    pub fn pick<'i, T>(&mut self, items: &'i [T]) -> Option<&'i T> {
        let index = self.below(items.len() as u64);
        items.get(usize::try_from(index).ok()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_means_the_same_on_every_machine() {
        let mut chance = Chance::new(7);
        let drawn: Vec<u64> = (0..4).map(|_| chance.below(1_000)).collect();
        assert_eq!(drawn, [342, 178, 146, 419]);
        let mut counts = [0; 10];
        for _ in 0..10_000 {
            counts[usize::try_from(chance.below(10)).unwrap()] += 1;
        }
        assert!(
            counts.iter().all(|count| (900..1_100).contains(count)),
            "{counts:?}"
        );
        assert!((0..1_000).all(|_| (3..=5).contains(&chance.within(3, 5))));
    }
}
