//! The loop that reads a pickle's opcodes: an explicit list of those that build data, and no other.

use super::{
    Budget, Dialect, Error, Limits, Pickle, arena::NodeKind, check, handle::Handle, input::Input,
    machine::Machine, text,
};

/// Decodes one pickle after the other, with the same tables.
#[derive(Debug)]
pub struct Decoder {
    machine: Machine,
}

/// Inputs of more bytes are refused before anything is looked at: handles have thirty bits.
const INPUT_BYTES_MAX: usize = 1 << 29;

impl Decoder {
    /// A decoder with these limits.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            machine: Machine::new(limits),
        }
    }

    /// Decodes a pickle. Bytes after its end are ignored, as `pickle.loads` ignores them.
    ///
    /// # Errors
    /// Says why the bytes are no pickle of data within the limits.
    pub fn decode<'a>(&'a mut self, input: &'a [u8]) -> Result<Pickle<'a>, Error> {
        if input.len() > INPUT_BYTES_MAX {
            return Err(Error::Limit(Budget::Input));
        }
        let machine = &mut self.machine;
        machine.clear();
        let (root, protocol) = run(machine, input)?;
        if machine.must_check {
            check::check(&machine.arena, input, root, &machine.limits)?;
        }
        let dialect = Dialect::of(protocol, machine.has_byte_strings);
        Ok(Pickle::new(&machine.arena, input, root, dialect))
    }
}

/// Reads opcodes up to STOP; the outermost value, and the protocol that was named.
fn run(machine: &mut Machine, bytes: &[u8]) -> Result<(Handle, u8), Error> {
    let mut input = Input::new(bytes);
    let mut protocol = 0;
    loop {
        match input.opcode()? {
            b'.' => return Ok((machine.pop()?, protocol)),
            0x80 => protocol = supported(input.byte()?)?,
            0x95 => {
                let length = input.u64()?;
                input.enter_frame(length)?;
            }

            b'N' => machine.push(Handle::NONE),
            0x88 => machine.push(Handle::TRUE),
            0x89 => machine.push(Handle::FALSE),

            b'K' => machine.int(i64::from(input.byte()?)),
            b'M' => machine.int(i64::from(input.u16()?)),
            b'J' => machine.int(i64::from(input.u32()?.cast_signed())),
            0x8a => {
                let length = input.byte()?;
                machine.long(input.take(length)?)?;
            }
            0x8b => {
                let length = input.u32()?;
                machine.long(input.take(length)?)?;
            }
            b'I' => match input.line()? {
                b"00" => machine.push(Handle::FALSE),
                b"01" => machine.push(Handle::TRUE),
                line => machine.decimal(line)?,
            },
            b'L' => {
                let line = input.line()?;
                machine.decimal(line.strip_suffix(b"L").unwrap_or(line))?;
            }
            b'G' => machine.float(f64::from_be_bytes(input.array()?)),
            b'F' => machine.float(text::float(input.line()?)?),

            b'V' => machine.unicode_line(input.line()?)?,
            0x8c => {
                let length = input.byte()?;
                machine.unicode(input.take(length)?)?;
            }
            b'X' => {
                let length = input.u32()?;
                machine.unicode(input.take(length)?)?;
            }
            0x8d => {
                let length = input.u64()?;
                machine.unicode(input.take(length)?)?;
            }
            b'S' => machine.byte_string_line(input.line()?)?,
            b'U' => {
                let length = input.byte()?;
                machine.byte_string(input.take(length)?)?;
            }
            b'T' => {
                let length = input.u32()?;
                machine.byte_string(input.take(length)?)?;
            }
            b'C' => {
                let length = input.byte()?;
                machine.span(NodeKind::Bytes, input.take(length)?)?;
            }
            b'B' => {
                let length = input.u32()?;
                machine.span(NodeKind::Bytes, input.take(length)?)?;
            }
            0x8e => {
                let length = input.u64()?;
                machine.span(NodeKind::Bytes, input.take(length)?)?;
            }
            0x96 => {
                let length = input.u64()?;
                machine.span(NodeKind::ByteArray, input.take(length)?)?;
            }

            b'(' => machine.mark()?,
            b'0' => machine.discard()?,
            b'1' => machine.discard_to_mark()?,
            b'2' => machine.duplicate()?,

            b')' => machine.push(Handle::EMPTY_TUPLE),
            0x85 => machine.tuple(1)?,
            0x86 => machine.tuple(2)?,
            0x87 => machine.tuple(3)?,
            b't' => machine.collect_to_mark(NodeKind::Tuple)?,
            b']' => machine.empty(NodeKind::List),
            b'l' => machine.collect_to_mark(NodeKind::List)?,
            b'a' => machine.extend(NodeKind::List, 1)?,
            b'e' => machine.extend_to_mark(NodeKind::List)?,
            b'}' => machine.empty(NodeKind::Dict),
            b'd' => machine.collect_to_mark(NodeKind::Dict)?,
            b's' => machine.extend(NodeKind::Dict, 2)?,
            b'u' => machine.extend_to_mark(NodeKind::Dict)?,
            0x8f => machine.empty(NodeKind::Set),
            0x90 => machine.extend_to_mark(NodeKind::Set)?,
            0x91 => machine.collect_to_mark(NodeKind::FrozenSet)?,

            0x94 => machine.memoize()?,
            b'q' => machine.put(u32::from(input.byte()?))?,
            b'r' => machine.put(input.u32()?)?,
            b'p' => machine.put(text::memo_index(input.line()?)?)?,
            b'h' => machine.get(u32::from(input.byte()?))?,
            b'j' => machine.get(input.u32()?)?,
            b'g' => machine.get(text::memo_index(input.line()?)?)?,

            b'c' => {
                let module = input.line()?;
                machine.name(module, input.line()?)?;
            }
            0x93 => machine.name_from_stack(bytes)?,
            b'R' => machine.reduce(bytes)?,

            other => return Err(Error::Opcode(other)),
        }
        if machine.arena.nodes.len() > machine.limits.nodes_max as usize {
            return Err(Error::Limit(Budget::Nodes));
        }
    }
}

fn supported(protocol: u8) -> Result<u8, Error> {
    if protocol <= 5 {
        Ok(protocol)
    } else {
        Err(Error::Protocol(protocol))
    }
}
