//! The text forms of protocol 0: quoted byte strings, escaped unicode, decimal numbers.

use num_bigint::BigInt;

use super::{Budget, Error, Form, Limits};

/// The longest text form of a float: the longest that Python writes has 24 characters.
const FLOAT_CHARS_MAX: usize = 64;

/// Undoes the escapes of a Python 2 `repr` of a byte string.
pub(super) fn unquote(line: &[u8]) -> Result<Vec<u8>, Error> {
    const WRONG: Error = Error::Malformed(Form::String);
    let line = line.trim_ascii_end();
    let (&quote, rest) = line.split_first().ok_or(WRONG)?;
    let (&end, inner) = rest.split_last().ok_or(WRONG)?;
    if quote != end || !matches!(quote, b'\'' | b'"') {
        return Err(WRONG);
    }
    let mut out = Vec::with_capacity(inner.len());
    let mut bytes = inner.iter().copied();
    while let Some(byte) = bytes.next() {
        if byte != b'\\' {
            out.push(byte);
            continue;
        }
        match bytes.next().ok_or(WRONG)? {
            b'\n' => {}
            b'n' => out.push(b'\n'),
            b'r' => out.push(b'\r'),
            b't' => out.push(b'\t'),
            b'a' => out.push(7),
            b'b' => out.push(8),
            b'f' => out.push(12),
            b'v' => out.push(11),
            b'x' => {
                let digit = |byte: Option<u8>| {
                    byte.and_then(|byte| char::from(byte).to_digit(16))
                        .ok_or(WRONG)
                };
                let value = digit(bytes.next())? * 16 + digit(bytes.next())?;
                out.push(value.to_le_bytes()[0]);
            }
            first @ b'0'..=b'7' => {
                let mut value = u32::from(first - b'0');
                for _ in 0..2 {
                    let Some(digit @ b'0'..=b'7') = bytes.clone().next() else {
                        break;
                    };
                    value = value * 8 + u32::from(digit - b'0');
                    bytes.next();
                }
                out.push(value.to_le_bytes()[0]);
            }
            byte @ (b'\\' | b'\'' | b'"') => out.push(byte),
            other => out.extend_from_slice(&[b'\\', other]),
        }
    }
    Ok(out)
}

/// Undoes `raw-unicode-escape`. A Python 2 of narrow build writes characters beyond U+FFFF as two halves; they are put together.
pub(super) fn unescape(line: &[u8]) -> Result<String, Error> {
    const WRONG: Error = Error::Malformed(Form::Unicode);
    let mut out = String::with_capacity(line.len());
    let mut high_half: Option<u32> = None;
    let mut rest = line;
    while let Some((&byte, after)) = rest.split_first() {
        let (code, after) = match (byte, after.first()) {
            (b'\\', Some(b'u')) => hexadecimal(after, 4).ok_or(WRONG)?,
            (b'\\', Some(b'U')) => hexadecimal(after, 8).ok_or(WRONG)?,
            (b'\\', Some(&second)) if high_half.is_none() => {
                // A backslash that escapes nothing takes the next character with it, which then begins no escape.
                out.push('\\');
                (u32::from(second), &after[1..])
            }
            _ => (u32::from(byte), after),
        };
        rest = after;
        let code = match (high_half.take(), code) {
            (None, 0xD800..=0xDBFF) => {
                high_half = Some(code);
                continue;
            }
            (Some(high), 0xDC00..=0xDFFF) => 0x10000 + ((high - 0xD800) << 10) + (code - 0xDC00),
            (Some(_), _) => return Err(WRONG),
            (None, code) => code,
        };
        out.push(char::from_u32(code).ok_or(WRONG)?);
    }
    if high_half.is_some() {
        Err(WRONG)
    } else {
        Ok(out)
    }
}

fn hexadecimal(after_backslash: &[u8], digits: usize) -> Option<(u32, &[u8])> {
    let code = std::str::from_utf8(after_backslash.get(1..=digits)?).ok()?;
    let is_plain = code.bytes().all(|byte| byte.is_ascii_hexdigit());
    Some((
        u32::from_str_radix(code, 16).ok().filter(|_| is_plain)?,
        &after_backslash[1 + digits..],
    ))
}

/// A memo index of protocol 0.
pub(super) fn memo_index(line: &[u8]) -> Result<u32, Error> {
    std::str::from_utf8(line)
        .ok()
        .and_then(|text| text.parse().ok())
        .ok_or(Error::Memo)
}

/// A decimal integer with an optional sign. One with zeros before it is octal to some Pythons and an error to others; none writes it.
pub(super) fn integer(line: &[u8], limits: &Limits) -> Result<Integer, Error> {
    const WRONG: Error = Error::Malformed(Form::Integer);
    let line = std::str::from_utf8(line).map_err(|_| WRONG)?;
    let digits = line.strip_prefix(['-', '+']).unwrap_or(line);
    let has_leading_zero = digits.len() > 1 && digits.starts_with('0');
    if digits.is_empty() || has_leading_zero || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(WRONG);
    }
    if digits.len() > limits.digits_max() {
        return Err(Error::Limit(Budget::IntegerBytes));
    }
    if let Ok(number) = line.parse() {
        return Ok(Integer::Fits(number));
    }
    let bytes = line
        .parse::<BigInt>()
        .map_err(|_| WRONG)?
        .to_signed_bytes_le();
    if bytes.len() > limits.integer_bytes_max as usize {
        Err(Error::Limit(Budget::IntegerBytes))
    } else {
        Ok(Integer::Big(bytes))
    }
}

/// An integer as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Integer {
    Fits(i64),
    /// Little-endian two's complement.
    Big(Vec<u8>),
}

/// What Python's `float()` reads. Digits that come to more than a float holds are none.
pub(super) fn float(line: &[u8]) -> Result<f64, Error> {
    const WRONG: Error = Error::Malformed(Form::Float);
    if line.len() > FLOAT_CHARS_MAX {
        return Err(WRONG);
    }
    let has_digits = line.iter().any(u8::is_ascii_digit);
    std::str::from_utf8(line)
        .ok()
        .and_then(|text| text.parse().ok())
        .filter(|number: &f64| number.is_finite() || !has_digits)
        .ok_or(WRONG)
}
