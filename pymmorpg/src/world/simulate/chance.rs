//! All that is left to chance in a simulation, besides what regions draw for themselves.

/// Numbers that follow from a seed: SplitMix64 (Steele, Lea, Flood, "Fast splittable pseudorandom number generators", 2014).
#[derive(Debug)]
pub(super) struct Chance(u64);

impl Chance {
    pub(super) fn new(seed: u32) -> Self {
        Self(u64::from(seed))
    }

    /// A number below `bound`; 0 if that is 0.
    pub(super) fn below(&mut self, bound: u32) -> u32 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^= bits >> 31;
        let drawn = u128::from(bits) * u128::from(bound);
        u32::try_from(drawn >> 64).unwrap_or_default()
    }

    /// A number from 0 to 1.
    pub(super) fn part(&mut self) -> f64 {
        const PARTS: u32 = 1 << 24;
        f64::from(self.below(PARTS)) / f64::from(PARTS)
    }
}
