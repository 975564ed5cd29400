//! Writing values. Nothing is memoised, so pieces can be put one after the other: an entity's dict is pickled once and copied into every
//! reply that shows it.

use num_bigint::BigInt;

use super::Dialect;
use crate::Value;

/// A whole pickle.
#[must_use]
pub fn encode(value: &Value, dialect: Dialect) -> Vec<u8> {
    let mut out = vec![0x80, dialect.protocol()];
    fragment(value, dialect, &mut out);
    out.push(b'.');
    out
}

/// The opcodes that leave a value on the stack, without the envelope. It recurses as deep as the value is.
pub fn fragment(value: &Value, dialect: Dialect, out: &mut Vec<u8>) {
    match value {
        Value::None => out.push(b'N'),
        Value::Bool(flag) => out.push(if *flag { 0x88 } else { 0x89 }),
        Value::Int(number) => int(*number, out),
        Value::BigInt(number) => big(number, out),
        Value::Float(number) => {
            out.push(b'G');
            out.extend_from_slice(&number.to_be_bytes());
        }
        Value::Str(text) => str(text, dialect, out),
        Value::Bytes(data) => bytes(data, dialect, out),
        Value::ByteArray(data) => bytearray(data, dialect, out),
        Value::List(items) => list(items, dialect, out),
        Value::Tuple(items) => tuple(items, dialect, out),
        Value::Dict(entries) => {
            out.push(b'}');
            if !entries.is_empty() {
                out.push(b'(');
                for (key, value) in entries {
                    fragment(key, dialect, out);
                    fragment(value, dialect, out);
                }
                out.push(b'u');
            }
        }
        Value::Set(members) if dialect == Dialect::Four => {
            out.extend_from_slice(b"\x8f(");
            run(members, dialect, out);
            out.push(0x90);
        }
        Value::FrozenSet(members) if dialect == Dialect::Four => {
            out.push(b'(');
            run(members, dialect, out);
            out.push(0x91);
        }
        Value::Set(members) => call("set", members, dialect, out),
        Value::FrozenSet(members) => call("frozenset", members, dialect, out),
    }
}

/// A `str`.
pub(crate) fn str(text: &str, dialect: Dialect, out: &mut Vec<u8>) {
    let bytes = text.as_bytes();
    match dialect {
        Dialect::Python2 | Dialect::Text2 if text.is_ascii() => sized(b'U', b'T', bytes, out),
        Dialect::Four => sized(0x8c, b'X', bytes, out),
        _ => {
            out.push(b'X');
            length(bytes.len(), out);
            out.extend_from_slice(bytes);
        }
    }
}

fn run(items: &[Value], dialect: Dialect, out: &mut Vec<u8>) {
    for item in items {
        fragment(item, dialect, out);
    }
}

fn list(items: &[Value], dialect: Dialect, out: &mut Vec<u8>) {
    out.push(b']');
    if !items.is_empty() {
        out.push(b'(');
        run(items, dialect, out);
        out.push(b'e');
    }
}

fn tuple(items: &[Value], dialect: Dialect, out: &mut Vec<u8>) {
    let short = match items.len() {
        0 => Some(b')'),
        1 => Some(0x85),
        2 => Some(0x86),
        3 => Some(0x87),
        _ => None,
    };
    if short.is_none() {
        out.push(b'(');
    }
    run(items, dialect, out);
    out.push(short.unwrap_or(b't'));
}

fn int(number: i64, out: &mut Vec<u8>) {
    if let Ok(byte) = u8::try_from(number) {
        out.extend_from_slice(&[b'K', byte]);
    } else if let Ok(short) = u16::try_from(number) {
        out.push(b'M');
        out.extend_from_slice(&short.to_le_bytes());
    } else if let Ok(four) = i32::try_from(number) {
        out.push(b'J');
        out.extend_from_slice(&four.to_le_bytes());
    } else {
        big(&BigInt::from(number), out);
    }
}

fn big(number: &BigInt, out: &mut Vec<u8>) {
    let bytes = number.to_signed_bytes_le();
    if let Ok(short) = u8::try_from(bytes.len()) {
        out.extend_from_slice(&[0x8a, short]);
    } else {
        out.push(0x8b);
        length(bytes.len(), out);
    }
    out.extend_from_slice(&bytes);
}

/// A `bytes`.
pub(crate) fn bytes(data: &[u8], dialect: Dialect, out: &mut Vec<u8>) {
    match dialect {
        Dialect::Python2 => sized(b'U', b'T', data, out),
        Dialect::Three | Dialect::Four => sized(b'C', b'B', data, out),
        Dialect::Text2 if data.is_empty() => out.extend_from_slice(b"c__builtin__\nbytes\n)R"),
        Dialect::Text2 => {
            out.extend_from_slice(b"c_codecs\nencode\n");
            latin1(data, out);
            out.extend_from_slice(b"X\x06\x00\x00\x00latin1\x86R");
        }
    }
}

fn bytearray(data: &[u8], dialect: Dialect, out: &mut Vec<u8>) {
    match dialect {
        Dialect::Three | Dialect::Four => {
            out.extend_from_slice(b"cbuiltins\nbytearray\n");
            bytes(data, dialect, out);
            out.extend_from_slice(b"\x85R");
        }
        Dialect::Python2 | Dialect::Text2 => {
            out.extend_from_slice(b"c__builtin__\nbytearray\n");
            latin1(data, out);
            out.extend_from_slice(b"X\x07\x00\x00\x00latin-1\x86R");
        }
    }
}

fn call(name: &str, members: &[Value], dialect: Dialect, out: &mut Vec<u8>) {
    let module = if dialect == Dialect::Three {
        "builtins"
    } else {
        "__builtin__"
    };
    out.extend_from_slice(format!("c{module}\n{name}\n").as_bytes());
    list(members, dialect, out);
    out.extend_from_slice(b"\x85R");
}

/// Text whose characters are the bytes.
fn latin1(data: &[u8], out: &mut Vec<u8>) {
    let wide_count = data.iter().filter(|byte| !byte.is_ascii()).count();
    out.push(b'X');
    length(data.len() + wide_count, out);
    out.reserve(data.len() + wide_count);
    for &byte in data {
        if byte.is_ascii() {
            out.push(byte);
        } else {
            out.extend_from_slice(&[0xc0 | byte >> 6, 0x80 | byte & 0x3f]);
        }
    }
}

fn sized(short: u8, long: u8, data: &[u8], out: &mut Vec<u8>) {
    if let Ok(byte) = u8::try_from(data.len()) {
        out.extend_from_slice(&[short, byte]);
    } else {
        out.push(long);
        length(data.len(), out);
    }
    out.extend_from_slice(data);
}

/// A length of four bytes. Nothing of 4 GiB is ever written: files of the client image and frames are bounded far below.
fn length(bytes: usize, out: &mut Vec<u8>) {
    let bytes = u32::try_from(bytes).expect("no single text or file has 4 GiB");
    out.extend_from_slice(&bytes.to_le_bytes());
}
