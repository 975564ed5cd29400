//! What a message weighs in a queue.

use wire::{Value, pickle::INTEGER_BYTES_MAX};
use world::region::{Answer, Message, Shown};

/// Roughly how many bytes a message has, in memory or written, whichever is more.
pub(super) fn weight(message: &Message) -> usize {
    const EMPTY: usize = 128;
    let entity = |shown: &Shown| {
        let attributes = shown.attributes.as_ref();
        EMPTY + shown.name.len() + attributes.map_or(0, |bytes| bytes.len())
    };
    EMPTY
        + match message {
            Message::Reply {
                answer: Answer::Value(value),
                ..
            } => value_weight(value),
            Message::Snapshot(update) | Message::Changes(update) => {
                update.changed.iter().map(entity).sum::<usize>() + update.departed.len() * EMPTY
            }
            _ => 0,
        }
}

fn value_weight(value: &Value) -> usize {
    size_of::<Value>()
        + match value {
            Value::None | Value::Bool(_) | Value::Int(_) | Value::Float(_) => 0,
            Value::BigInt(_) => INTEGER_BYTES_MAX as usize,
            Value::Str(text) => text.len(),
            Value::Bytes(bytes) | Value::ByteArray(bytes) => bytes.len(),
            Value::List(values)
            | Value::Tuple(values)
            | Value::Set(values)
            | Value::FrozenSet(values) => values.iter().map(value_weight).sum(),
            Value::Dict(entries) => entries
                .iter()
                .map(|(key, value)| value_weight(key) + value_weight(value))
                .sum(),
        }
}
