//! Numbers that follow from a seed, so that it means the same on every machine and with every version of a library: SplitMix64 (Steele, Lea, Flood, "Fast
//! splittable pseudorandom number generators", 2014). It does not know what is decided with them.

/// How far apart the states of two numbers in a row are.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// A sequence of numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Chance(u64);

impl Chance {
    /// The sequence of a seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Any number.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(STEP);
        mix(self.0)
    }

    /// A number below `bound`; 0 if that is 0.
    pub fn below(&mut self, bound: u32) -> u32 {
        let drawn = u128::from(self.number()) * u128::from(bound);
        u32::try_from(drawn >> 64).unwrap_or_default()
    }

    /// A number from 0 to before 1.
    pub fn part(&mut self) -> f64 {
        const PARTS: u32 = 1 << 24;
        f64::from(self.below(PARTS)) / f64::from(PARTS)
    }
}

/// Another number for each, from which nothing is to be seen of the first.
#[must_use]
pub fn mix(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_are_those_of_the_paper() {
        let mut chance = Chance::new(0);
        let numbers = [(); 3].map(|()| chance.number());
        let expected = [
            0xe220_a839_7b1d_cdaf,
            0x6e78_9e6a_a1b9_65f4,
            0x06c4_5d18_8009_454f,
        ];
        assert_eq!(numbers, expected);
        assert_eq!(Chance::new(1).below(0), 0);
    }
}
