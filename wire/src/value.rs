//! The data that clients and server exchange: what a pickle may hold, as a tree.

use num_bigint::BigInt;
use num_bigint::Sign;

/// One piece of Python data.
///
/// Trees are as deep as [`crate::pickle::Limits::depth_max`] lets them be, so plain recursion over one (as in its drop) is safe: a
/// stranger's data becomes a `Value` only after its depth was checked.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// `None`.
    None,
    /// `True` or `False`.
    Bool(bool),
    /// An `int` that fits.
    Int(i64),
    /// An `int` that does not fit [`Value::Int`], never one that does.
    BigInt(Box<BigInt>),
    /// A `float`.
    Float(f64),
    /// A `str`, or a Python 2 byte string that is valid UTF-8.
    Str(String),
    /// `bytes`.
    Bytes(Vec<u8>),
    /// `bytearray`.
    ByteArray(Vec<u8>),
    /// `list`.
    List(Vec<Value>),
    /// `tuple`.
    Tuple(Vec<Value>),
    /// `dict`, in the order of insertion, keys unique and hashable.
    Dict(Vec<(Value, Value)>),
    /// `set`, members unique and hashable.
    Set(Vec<Value>),
    /// `frozenset`, members unique and hashable.
    FrozenSet(Vec<Value>),
}

impl Value {
    /// An integer of any size, in the variant that is its own.
    #[must_use]
    pub fn from_big(number: BigInt) -> Self {
        i64::try_from(&number).map_or_else(|_| Self::BigInt(Box::new(number)), Self::Int)
    }

    /// The text of a `str`.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Str(text) => Some(text),
            _ => None,
        }
    }

    /// A number, rounded to a float; a bool is none. An integer too large for a float is infinite.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "rounding is what is asked for")]
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Self::Int(number) => Some(*number as f64),
            Self::BigInt(number) => {
                let digits = number.to_string();
                Some(digits.parse().unwrap_or(if number.sign() == Sign::Minus {
                    f64::NEG_INFINITY
                } else {
                    f64::INFINITY
                }))
            }
            Self::Float(number) => Some(*number),
            _ => None,
        }
    }

    /// Whether it is an `int` or a `float`; a bool is neither.
    #[must_use]
    pub fn is_number(&self) -> bool {
        matches!(self, Self::Int(_) | Self::BigInt(_) | Self::Float(_))
    }

    /// The value of a text key in a dict.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Value> {
        match self {
            Self::Dict(entries) => entries
                .iter()
                .find(|(name, _)| name.as_str() == Some(key))
                .map(|(_, value)| value),
            _ => None,
        }
    }

    /// The sum of two numbers, as Python adds them: integers exactly, and a float as soon as one of them is one. None: one of them
    /// is no number, or the sum needs more than `integer_bytes_max` bytes.
    #[must_use]
    pub fn plus(&self, other: &Value, integer_bytes_max: usize) -> Option<Value> {
        if let (Self::Int(one), Self::Int(two)) = (self, other)
            && let Some(sum) = one.checked_add(*two)
        {
            return Some(Self::Int(sum));
        }
        match (self.as_big(), other.as_big()) {
            (Some(one), Some(two)) => {
                let sum = one + two;
                (sum.bits() < integer_bytes_max as u64 * 8).then(|| Self::from_big(sum))
            }
            _ => Some(Self::Float(self.as_f64()? + other.as_f64()?)),
        }
    }

    fn as_big(&self) -> Option<BigInt> {
        match self {
            Self::Int(number) => Some(BigInt::from(*number)),
            Self::BigInt(number) => Some((**number).clone()),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_pythons() {
        let big = |text: &str| Value::from_big(text.parse().unwrap());
        let cases = [
            (Value::Int(2), Value::Int(3), Some(Value::Int(5))),
            (
                Value::Int(i64::MAX),
                Value::Int(1),
                Some(big("9223372036854775808")),
            ),
            (
                big("9223372036854775808"),
                Value::Int(-1),
                Some(Value::Int(i64::MAX)),
            ),
            (Value::Int(2), Value::Float(0.5), Some(Value::Float(2.5))),
            (Value::Bool(true), Value::Int(1), None),
            (Value::Str("a".to_owned()), Value::Int(1), None),
            (
                big(&"9".repeat(153)),
                big(&"9".repeat(153)),
                Some(big(&format!("1{}8", "9".repeat(152)))),
            ),
            (big(&"9".repeat(154)), big(&"9".repeat(154)), None),
        ];
        for (one, two, sum) in cases {
            assert_eq!(one.plus(&two, 64), sum, "{one:?} + {two:?}");
        }
    }
}
