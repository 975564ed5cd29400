//! Any data, drawn at random.

use num_bigint::BigInt;
use proptest::prelude::*;
use wire::{Dialect, Value, pickle::encode};

/// Data that Python can hash.
fn hashable() -> impl Strategy<Value = Value> {
    let atom = prop_oneof![
        Just(Value::None),
        any::<i64>().prop_map(Value::Int),
        (-300i64..70_000).prop_map(Value::Int),
        prop::collection::vec(any::<u8>(), 9..60)
            .prop_map(|bytes| Value::from_big(BigInt::from_signed_bytes_le(&bytes))),
        any::<i32>().prop_map(|number| Value::Float(f64::from(number) + 0.25)),
        "[a-zé€😀\\\\\n]{0,12}".prop_map(Value::Str),
        prop::collection::vec(any::<u8>(), 0..300).prop_map(Value::Bytes),
    ];
    atom.prop_recursive(3, 12, 4, |inner| {
        prop::collection::vec(inner, 0..5).prop_map(Value::Tuple)
    })
}

/// Any data. No two keys or members are equal.
pub(crate) fn value() -> impl Strategy<Value = Value> {
    let atom = prop_oneof![
        4 => hashable(),
        1 => any::<bool>().prop_map(Value::Bool),
        1 => prop::collection::vec(any::<u8>(), 0..20).prop_map(Value::ByteArray),
    ];
    let members = || {
        prop::collection::vec(hashable(), 0..5).prop_map(|members| {
            members.into_iter().fold(Vec::new(), |mut unique, member| {
                if !unique.contains(&member) {
                    unique.push(member);
                }
                unique
            })
        })
    };
    atom.prop_recursive(4, 40, 5, move |inner| {
        let items = prop::collection::vec(inner.clone(), 0..6);
        prop_oneof![
            items.clone().prop_map(Value::List),
            items.clone().prop_map(Value::Tuple),
            members().prop_map(Value::Set),
            members().prop_map(Value::FrozenSet),
            (members(), items)
                .prop_map(|(keys, values)| Value::Dict(keys.into_iter().zip(values).collect())),
        ]
    })
}

/// The same with the members of sets in an order that does not depend on who wrote them, and with one NaN.
pub(crate) fn canonical(value: Value) -> Value {
    let all = |values: Vec<Value>| values.into_iter().map(canonical).collect::<Vec<_>>();
    let sorted = |values: Vec<Value>| {
        let mut values = all(values);
        values.sort_by_cached_key(|value| encode(value, Dialect::Four));
        values
    };
    match value {
        Value::List(items) => Value::List(all(items)),
        Value::Tuple(items) => Value::Tuple(all(items)),
        Value::Set(members) => Value::Set(sorted(members)),
        Value::FrozenSet(members) => Value::FrozenSet(sorted(members)),
        Value::Dict(entries) => Value::Dict(
            entries
                .into_iter()
                .map(|(key, value)| (canonical(key), canonical(value)))
                .collect(),
        ),
        Value::Float(number) if number.is_nan() => Value::Float(f64::NAN),
        other => other,
    }
}
