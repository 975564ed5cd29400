//! The four ways in which clients get their answers.

/// How to pickle for a client, chosen by how it pickled (PROTOCOL, "Out").
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// Protocol 2 for a Python 2 that uses byte strings as text.
    Python2,
    /// Protocol 2 for a Python that uses unicode as text.
    Text2,
    /// Protocol 3.
    Three,
    /// Protocol 4, for 4 and up.
    Four,
}

impl Dialect {
    /// All of them, in the order of [`Dialect::index`].
    pub const ALL: [Dialect; 4] = [Self::Python2, Self::Text2, Self::Three, Self::Four];

    /// A number from 0 to 3, for tables.
    #[must_use]
    pub fn index(self) -> usize {
        self as usize
    }

    /// The dialect of a pickle of this protocol, with or without Python 2's byte strings in it.
    #[must_use]
    pub fn of(protocol: u8, has_byte_strings: bool) -> Self {
        match protocol {
            0..=2 if has_byte_strings => Self::Python2,
            0..=2 => Self::Text2,
            3 => Self::Three,
            _ => Self::Four,
        }
    }

    /// The protocol that it is written in.
    #[must_use]
    pub fn protocol(self) -> u8 {
        match self {
            Self::Python2 | Self::Text2 => 2,
            Self::Three => 3,
            Self::Four => 4,
        }
    }
}
