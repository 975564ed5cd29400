//! Our data as serde-pickle has it.

use num_bigint::BigInt;
use serde_pickle::{HashableValue, Value as Theirs};
use wire::Value;

/// The same data. serde-pickle has no bytearrays: they are bytes to it.
pub(crate) fn of(value: &Value) -> Theirs {
    let all = |values: &[Value]| values.iter().map(of).collect::<Vec<_>>();
    let members = |values: &[Value]| values.iter().map(hashable).collect();
    match value {
        Value::None => Theirs::None,
        Value::Bool(flag) => Theirs::Bool(*flag),
        Value::Int(number) => Theirs::I64(*number),
        Value::BigInt(number) => Theirs::Int(BigInt::clone(number)),
        Value::Float(number) => Theirs::F64(*number),
        Value::Str(text) => Theirs::String(text.clone()),
        Value::Bytes(bytes) | Value::ByteArray(bytes) => Theirs::Bytes(bytes.clone()),
        Value::List(items) => Theirs::List(all(items)),
        Value::Tuple(items) => Theirs::Tuple(all(items)),
        Value::Dict(entries) => Theirs::Dict(
            entries
                .iter()
                .map(|(key, value)| (hashable(key), of(value)))
                .collect(),
        ),
        Value::Set(values) => Theirs::Set(members(values)),
        Value::FrozenSet(values) => Theirs::FrozenSet(members(values)),
    }
}

fn hashable(value: &Value) -> HashableValue {
    match value {
        Value::None => HashableValue::None,
        Value::Bool(flag) => HashableValue::Bool(*flag),
        Value::Int(number) => HashableValue::I64(*number),
        Value::BigInt(number) => HashableValue::Int(BigInt::clone(number)),
        Value::Float(number) => HashableValue::F64(*number),
        Value::Str(text) => HashableValue::String(text.clone()),
        Value::Bytes(bytes) => HashableValue::Bytes(bytes.clone()),
        Value::Tuple(items) => HashableValue::Tuple(items.iter().map(hashable).collect()),
        Value::FrozenSet(values) => HashableValue::FrozenSet(values.iter().map(hashable).collect()),
        other => panic!("{other:?} cannot be hashed"),
    }
}
