//! How decoder and encoder behave, shape by shape and for arbitrary data.

use num_bigint::BigInt;

use super::{Budget, Decoder, Dialect, Error, Form, Limits, fragment, load};
use crate::Value;

fn read(bytes: &[u8]) -> Result<Value, Error> {
    load(bytes, &Limits::default())
}

fn text(text: &str) -> Value {
    Value::Str(text.to_owned())
}

fn ints<const N: usize>(numbers: [i64; N]) -> Vec<Value> {
    numbers.into_iter().map(Value::Int).collect()
}

#[test]
fn what_python_writes() {
    let shared = Value::List(vec![Value::List(vec![]), Value::List(vec![])]);
    let cases: [(&[u8], Value); 45] = [
        (b"N.", Value::None),
        (b"I01\n.", Value::Bool(true)),
        (b"I1\n.", Value::Int(1)),
        (b"I-12345678901234567890\n.", Value::from_big("-12345678901234567890".parse().unwrap())),
        (b"L5L\n.", Value::Int(5)),
        (b"\x80\x02\x8a\x00.", Value::Int(0)),
        (b"\x80\x02\x8a\x01\xff.", Value::Int(-1)),
        (b"\x80\x02\x8a\x09\x00\x00\x00\x00\x00\x00\x00\x80\x00.", Value::from_big(BigInt::from(1u64 << 63))),
        (b"\x80\x02\x8a\x09\x00\x00\x00\x00\x00\x00\x00\x80\xff.", Value::Int(i64::MIN)),
        (b"J\xff\xff\xff\xff.", Value::Int(-1)),
        (b"M\xff\xff.", Value::Int(65_535)),
        (b"J\x00\x00\x00\x80.", Value::Int(i64::from(i32::MIN))),
        (b"F1.5\n.", Value::Float(1.5)),
        (b"Finf\n.", Value::Float(f64::INFINITY)),
        (b"G?\xf8\x00\x00\x00\x00\x00\x00.", Value::Float(1.5)),
        (b"S'it\\'s\\x41\\101\\n'\np0\n.", text("it'sAA\n")),
        (b"S\"\\xff\"\n.", Value::Bytes(vec![255])),
        (b"U\x02\xc3\xa9.", text("\u{e9}")),
        (b"U\x01\xe9.", Value::Bytes(vec![0xe9])),
        (b"V\\u00e9\xe9\n.", text("\u{e9}\u{e9}")),
        (b"V\\ud83d\\ude00\n.", text("\u{1f600}")),
        (b"V\\U0001f600\n.", text("\u{1f600}")),
        (b"V\\\\u00e9\\x\\\n.", text("\\\\u00e9\\x\\")),
        (b"X\x02\x00\x00\x00\xc3\xa9.", text("\u{e9}")),
        (b"\x80\x03C\x01a.", Value::Bytes(b"a".to_vec())),
        (b"\x80\x05\x96\x01\x00\x00\x00\x00\x00\x00\x00a.", Value::ByteArray(b"a".to_vec())),
        (b"(lp0\nI1\naI2\na.", Value::List(ints([1, 2]))),
        (b"(I1\nI2\ntp0\n.", Value::Tuple(ints([1, 2]))),
        (b"(t.", Value::Tuple(vec![])),
        (b"(I1\nI2\nd.", Value::Dict(vec![(Value::Int(1), Value::Int(2))])),
        (b"}(K\x01K\x02K\x01K\x03u.", Value::Dict(vec![(Value::Int(1), Value::Int(3))])),
        (b"}(K\x01K\x02I01\nK\x03u.", Value::Dict(vec![(Value::Int(1), Value::Int(3))])),
        (b"](]q\x00h\x00e.", shared.clone()),
        (b"](]2e.", shared),
        (b"K\x01K\x020.", Value::Int(1)),
        (b"K\x01(K\x021.", Value::Int(1)),
        (b"K\x01(0.", Value::Int(1)),
        (b"K\x01.and what is behind it", Value::Int(1)),
        (b"\x80\x02c_codecs\nencode\nq\x00X\x02\x00\x00\x00\xc3\xbfX\x06\x00\x00\x00latin1\x86R.", Value::Bytes(vec![255])),
        (b"\x80\x02c__builtin__\nbytes\n)R.", Value::Bytes(vec![])),
        (b"\x80\x03cbuiltins\nbytearray\nC\x01a\x85R.", Value::ByteArray(b"a".to_vec())),
        (b"c__builtin__\nbytearray\n(Va\nS'latin-1'\ntR.", Value::ByteArray(b"a".to_vec())),
        (b"c__builtin__\nset\n((lI1\naI1\natR.", Value::Set(ints([1]))),
        (b"\x80\x04\x8f(K\x01K\x02K\x01\x90.", Value::Set(ints([1, 2]))),
        (b"\x80\x04\x95\x07\x00\x00\x00\x00\x00\x00\x00(K\x01K\x02\x91.", Value::FrozenSet(ints([1, 2]))),
    ];
    for (bytes, value) in cases {
        assert_eq!(read(bytes), Ok(value), "{}", bytes.escape_ascii());
    }
}

#[test]
fn what_is_refused() {
    let cases: [(&[u8], Error); 46] = [
        (b"", Error::Truncated),
        (b"N", Error::Truncated),
        (b".", Error::Stack),
        (b"(.", Error::Stack),
        (b"K\x01(.", Error::Stack),
        (b"a.", Error::Stack),
        (b"K\x01K\x01a.", Error::Stack),
        (b"](a.", Error::Stack),
        (b"]K\x01K\x02s.", Error::Stack),
        (b"}(K\x01u.", Error::Stack),
        (b"(K\x01d.", Error::Stack),
        (b"\x85.", Error::Stack),
        (b"K\x01(\x85.", Error::Stack),
        (b"h\x00.", Error::Memo),
        (b"g-1\n.", Error::Memo),
        (b"]2a.", Error::Cycle),
        (b"]q\x00h\x00a.", Error::Cycle),
        (b"]q\x00h\x00\x85a.", Error::Cycle),
        (b"}q\x00K\x01h\x00s.", Error::Cycle),
        (b"}]K\x01s.", Error::Unhashable),
        (b"}]\x85K\x01s.", Error::Unhashable),
        (b"\x8f(]\x90.", Error::Unhashable),
        (b"cos\nsystem\n(S'true'\ntR.", Error::Call),
        (b"\x8c\x02os\x8c\x06system\x93.", Error::Call),
        (b"c__builtin__\nset\n.", Error::Call),
        (b"](c__builtin__\nset\ne.", Error::Call),
        (b"c__builtin__\neval\n.", Error::Call),
        (b"c__builtin__\nset\nK\x01\x85R.", Error::Call),
        (b"c__builtin__\nbytearray\nK\x05\x85R.", Error::Call),
        (b"c__builtin__\nbytes\nK\x05\x85R.", Error::Call),
        (
            b"c_codecs\nencode\nX\x01\x00\x00\x00aX\x03\x00\x00\x00hex\x86R.",
            Error::Call,
        ),
        (
            b"c_codecs\nencode\nX\x03\x00\x00\x00\xe2\x82\xacX\x06\x00\x00\x00latin1\x86R.",
            Error::Malformed(Form::Latin1),
        ),
        (b"\x80\x06N.", Error::Protocol(6)),
        (
            b"\x80\x04\x95\xff\xff\xff\xff\xff\xff\xff\xffN.",
            Error::Malformed(Form::Frame),
        ),
        (
            b"\x80\x04\x95\x01\x00\x00\x00\x00\x00\x00\x00K\x01.",
            Error::Truncated,
        ),
        (
            b"\x80\x04\x95\x0b\x00\x00\x00\x00\x00\x00\x00\x95\x01\x00\x00\x00\x00\x00\x00\x00N0N.",
            Error::Malformed(Form::Frame),
        ),
        (b"X\xff\xff\xff\xffa.", Error::Truncated),
        (b"\x8d\xff\xff\xff\xff\xff\xff\xff\xffa.", Error::Truncated),
        (b"X\x05\x00\x00\x00a.", Error::Truncated),
        (b"X\x01\x00\x00\x00\xff.", Error::Malformed(Form::Unicode)),
        (b"\x8b\xff\xff\xff\x7f.", Error::Truncated),
        (b"S'a\n.", Error::Malformed(Form::String)),
        (b"I010\n.", Error::Malformed(Form::Integer)),
        (b"I1 \n.", Error::Malformed(Form::Integer)),
        (b"F1.5 \n.", Error::Malformed(Form::Float)),
        (b"F1e999\n.", Error::Malformed(Form::Float)),
    ];
    for (bytes, error) in cases {
        assert_eq!(read(bytes), Err(error), "{}", bytes.escape_ascii());
    }
    for opcode in *b"biouPQ\x81\x82\x83\x84\x92\x97\x98\xff" {
        if opcode != b'u' {
            assert_eq!(
                read(&[b'N', opcode, b'N', b'.']),
                Err(Error::Opcode(opcode))
            );
        }
    }
}

#[test]
fn what_would_cost_too_much_is_refused() {
    let digits = [b"I".as_slice(), &b"9".repeat(1_000_000), b"\n."].concat();
    let unfolding = [b"](NNe".as_slice(), &b"q\x00](h\x00h\x00e".repeat(27), b"."].concat();
    let doubling = [b"]".as_slice(), &b"2\x86".repeat(26), b"."].concat();
    let texts = [
        b"]((X\x00\x80\x00\x00".as_slice(),
        &[b'a'; 0x8000],
        b"q\x00",
        &b"h\x00".repeat(20),
        b"te.",
    ]
    .concat();
    let long = [b"\x8aA".as_slice(), &[1; 65], b"."].concat();
    let text = [b"X\x01\x00\x01\x00".as_slice(), &[b'a'; 0x1_0001], b"."].concat();
    let quoted = [b"S'".as_slice(), &[b'a'; 0x1_0000], b"'\n."].concat();
    let memo = [b"N".as_slice(), &b"\x94".repeat(5_000), b"."].concat();
    // A list that is deep inside gets something deep when it is already there.
    let deepened = [
        b"N".as_slice(),
        &b"\x85".repeat(29),
        b"q\x00]q\x01",
        &b"\x85".repeat(20),
        b"h\x01h\x00a0\x86.",
    ]
    .concat();
    let cases: [(&[u8], Error); 14] = [
        (&deepened, Error::Limit(Budget::Depth)),
        (&digits, Error::Limit(Budget::IntegerBytes)),
        (&long, Error::Limit(Budget::IntegerBytes)),
        (&text, Error::Limit(Budget::StringBytes)),
        (&quoted, Error::Limit(Budget::StringBytes)),
        (&memo, Error::Limit(Budget::Memo)),
        (&unfolding, Error::Limit(Budget::ExpandedNodes)),
        (&doubling, Error::Limit(Budget::ExpandedNodes)),
        (&texts, Error::Limit(Budget::ExpandedBytes)),
        (
            &[b"N".as_slice(), &b"\x85".repeat(20_000), b"."].concat(),
            Error::Limit(Budget::Depth),
        ),
        (
            &[b"]".repeat(3_000), b"a".repeat(2_999), b".".to_vec()].concat(),
            Error::Limit(Budget::Depth),
        ),
        (
            &[b"]".repeat(100_000), b".".to_vec()].concat(),
            Error::Limit(Budget::Nodes),
        ),
        (
            &[b"(".repeat(64_000), b".".to_vec()].concat(),
            Error::Limit(Budget::Marks),
        ),
        (
            &[b"](".to_vec(), b"N".repeat(60_000), b"e.".to_vec()].concat(),
            Error::Limit(Budget::ExpandedNodes),
        ),
    ];
    for (bytes, error) in cases {
        assert_eq!(
            read(bytes),
            Err(error),
            "{}",
            bytes[..bytes.len().min(40)].escape_ascii()
        );
    }
}

#[test]
fn the_dialect_is_the_writers() {
    let cases: [(&[u8], Dialect); 7] = [
        (b"(lp0\nS'ver'\na.", Dialect::Python2),
        (b"\x80\x02]U\x03vera.", Dialect::Python2),
        (b"(lp0\nVver\na.", Dialect::Text2),
        (b"\x80\x02]X\x03\x00\x00\x00vera.", Dialect::Text2),
        (b"\x80\x03]X\x03\x00\x00\x00vera.", Dialect::Three),
        (b"\x80\x04]\x8c\x03vera.", Dialect::Four),
        (b"\x80\x05]\x8c\x03vera.", Dialect::Four),
    ];
    for (bytes, dialect) in cases {
        let mut decoder = Decoder::new(Limits::default());
        assert_eq!(
            decoder.decode(bytes).unwrap().dialect(),
            dialect,
            "{}",
            bytes.escape_ascii()
        );
    }
}

#[test]
fn what_is_written_is_what_python_writes() {
    let text = |text: &str| Value::Str(text.to_owned());
    let one = || vec![Value::Int(1)];
    let bytes = |bytes: &[u8]| Value::Bytes(bytes.to_vec());
    // Each value in the four dialects, without the envelope.
    let cases: [(Value, [&[u8]; 4]); 7] = [
        (
            text("a"),
            [b"U\x01a", b"U\x01a", b"X\x01\x00\x00\x00a", b"\x8c\x01a"],
        ),
        (
            text("\u{e9}"),
            [
                b"X\x02\x00\x00\x00\xc3\xa9",
                b"X\x02\x00\x00\x00\xc3\xa9",
                b"X\x02\x00\x00\x00\xc3\xa9",
                b"\x8c\x02\xc3\xa9",
            ],
        ),
        (
            bytes(b"a\xe9"),
            [
                b"U\x02a\xe9",
                b"c_codecs\nencode\nX\x03\x00\x00\x00a\xc3\xa9X\x06\x00\x00\x00latin1\x86R",
                b"C\x02a\xe9",
                b"C\x02a\xe9",
            ],
        ),
        (
            bytes(b""),
            [b"U\x00", b"c__builtin__\nbytes\n)R", b"C\x00", b"C\x00"],
        ),
        (
            Value::ByteArray(vec![0xe9]),
            [
                b"c__builtin__\nbytearray\nX\x02\x00\x00\x00\xc3\xa9X\x07\x00\x00\x00latin-1\x86R",
                b"c__builtin__\nbytearray\nX\x02\x00\x00\x00\xc3\xa9X\x07\x00\x00\x00latin-1\x86R",
                b"cbuiltins\nbytearray\nC\x01\xe9\x85R",
                b"cbuiltins\nbytearray\nC\x01\xe9\x85R",
            ],
        ),
        (
            Value::Set(one()),
            [
                b"c__builtin__\nset\n](K\x01e\x85R",
                b"c__builtin__\nset\n](K\x01e\x85R",
                b"cbuiltins\nset\n](K\x01e\x85R",
                b"\x8f(K\x01\x90",
            ],
        ),
        (
            Value::Tuple(vec![Value::Int(-1), Value::Int(300), Value::Int(1 << 40)]),
            [b"J\xff\xff\xff\xffM\x2c\x01\x8a\x06\x00\x00\x00\x00\x00\x01\x87"; 4],
        ),
    ];
    for (value, written) in cases {
        for (dialect, expected) in Dialect::ALL.into_iter().zip(written) {
            let mut out = Vec::new();
            fragment(&value, dialect, &mut out);
            assert_eq!(
                out.escape_ascii().to_string(),
                expected.escape_ascii().to_string(),
                "{dialect:?}"
            );
        }
    }
}
