//! The only room that knows protobuf: what others' messages say, and how what they are told is written. It does not know what becomes of either.

mod ask;
mod peer;
mod said;
mod serving;
mod told;
mod word;

use prost::bytes::Bytes;
use proto as p;
use wire::{
    Dialect, Value,
    pickle::{self, Limits},
};
use world::{position::Position, region_id::RegionId};

use super::Invalid;
pub(crate) use peer::{Error, Incoming, Outgoing, open};
pub(super) use serving::service;

/// The longest text of a client's request (`wire`'s limit on one string).
const TEXT_BYTES_MAX: usize = 64 * 1024;
/// The longest pickled value: what a client's request may unfold to, and room for how it is written.
const VALUE_BYTES_MAX: usize = 1 << 20;

fn text(what: &'static str, text: String) -> Result<String, Invalid> {
    if text.len() > TEXT_BYTES_MAX {
        return Err(Invalid::TooLong(what, TEXT_BYTES_MAX));
    }
    Ok(text)
}

fn value(bytes: &[u8]) -> Result<Value, Invalid> {
    if bytes.len() > VALUE_BYTES_MAX {
        return Err(Invalid::TooLong("a value", VALUE_BYTES_MAX));
    }
    // The gateway has written it: what it refers to by one reference in the request is written out.
    pickle::load(bytes, &Limits::stored()).map_err(|_| Invalid::Pickle("a value", "data"))
}

fn region(region: Option<p::Region>) -> Result<RegionId, Invalid> {
    let p::Region { level, column, row } = region.ok_or(Invalid::Missing("a region"))?;
    Ok(RegionId { level, column, row })
}

fn position(position: Option<p::Position>) -> Result<Position, Invalid> {
    let p::Position { x, y, z } = position.ok_or(Invalid::Missing("a position"))?;
    Ok(Position { x, y, z })
}

fn written(RegionId { level, column, row }: RegionId) -> p::Region {
    p::Region { level, column, row }
}

fn pickled(value: &Value) -> Bytes {
    pickle::encode(value, Dialect::Four).into()
}

fn written_position(Position { x, y, z }: Position) -> p::Position {
    p::Position { x, y, z }
}
