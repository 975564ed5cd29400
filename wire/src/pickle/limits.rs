//! How much a pickle may ask for.

/// Budgets of one pickle. All are checked before the work or the memory is spent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// How deep containers may nest; the outermost is 1.
    pub depth_max: u32,
    /// How many containers, texts and large numbers the pickle may build, whether or not they end up in the data.
    pub nodes_max: u32,
    /// How many values the data may have when everything that is shared is written out.
    pub expanded_nodes_max: u32,
    /// How many bytes of text the data may have when everything that is shared is written out.
    pub expanded_bytes_max: u32,
    /// How many entries the memo may have.
    pub memo_max: u32,
    /// How many marks may be open at once.
    pub marks_max: u32,
    /// How many bytes an integer may need. Text forms may have as many digits as that allows.
    pub integer_bytes_max: u32,
    /// How many bytes one text may have.
    pub string_bytes_max: u32,
}

/// The widest integer that attributes hold, in bytes: 512 bits, more than any game counts to and cheap to print.
pub const INTEGER_BYTES_MAX: u32 = 64;

impl Default for Limits {
    /// For requests of clients. A request has some ten nodes; these leave room for a chest of a thousand things.
    fn default() -> Self {
        Self {
            depth_max: 32,
            nodes_max: 4_096,
            expanded_nodes_max: 16_384,
            expanded_bytes_max: 256 * 1024,
            memo_max: 4_096,
            marks_max: 64,
            integer_bytes_max: INTEGER_BYTES_MAX,
            string_bytes_max: 64 * 1024,
        }
    }
}

impl Limits {
    /// For what we ourselves wrote: an entity's whole state, which holds many values that each came within the default limits.
    #[must_use]
    pub fn stored() -> Self {
        Self {
            depth_max: 64,
            nodes_max: 1 << 22,
            expanded_nodes_max: 1 << 22,
            expanded_bytes_max: 1 << 28,
            memo_max: 1 << 20,
            marks_max: 256,
            integer_bytes_max: INTEGER_BYTES_MAX,
            string_bytes_max: 1 << 28,
        }
    }

    /// Decimal digits that an integer of `integer_bytes_max` bytes can have, its sign not counted: log10(256) < 2.41.
    #[must_use]
    pub fn digits_max(&self) -> usize {
        self.integer_bytes_max as usize * 241 / 100 + 1
    }
}
