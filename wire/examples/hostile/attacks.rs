//! Pickles that were made to hurt: those known from other decoders, and those that this one's own tables invite. Each comes in any size.

use rand::{RngExt, rngs::StdRng};

/// The longest attack, in bytes: twice what a gateway lets through.
const BYTES_MAX_LOG2: u32 = 17;

/// One of the attacks, in a random size.
pub(crate) fn make(random: &mut StdRng) -> Vec<u8> {
    let log2 = random.random_range(4..=BYTES_MAX_LOG2);
    let bytes = random.random_range(1..=1_usize << log2);
    let kind = random.random_range(0..KINDS);
    attack(kind, bytes)
}

/// How many kinds of attack there are.
pub(crate) const KINDS: u32 = 43;

/// A part again and again, up to `bytes`, between a beginning and an end.
fn filled(beginning: &[u8], part: &[u8], end: &[u8], bytes: usize) -> Vec<u8> {
    [beginning, &part.repeat(bytes / part.len() + 1), end].concat()
}

/// The same with a part that depends on its number.
fn counted(beginning: &[u8], part: impl Fn(usize) -> Vec<u8>, end: &[u8], bytes: usize) -> Vec<u8> {
    let mut out = beginning.to_vec();
    for number in 0.. {
        if out.len() >= bytes {
            break;
        }
        out.extend(part(number));
    }
    out.extend_from_slice(end);
    out
}

/// An attack of this kind and about this size.
pub(crate) fn attack(kind: u32, bytes: usize) -> Vec<u8> {
    let text = |text: &str| {
        let length = u32::try_from(text.len())
            .expect("texts are short")
            .to_le_bytes();
        [b"X", &length[..], text.as_bytes()].concat()
    };
    match kind {
        // Nesting.
        0 => filled(b"N", b"\x85", b".", bytes),
        1 => filled(b"", b"]", b".", bytes),
        2 => [
            filled(b"", b"]", b"", bytes / 2),
            filled(b"", b"a", b".", bytes / 2),
        ]
        .concat(),
        3 => filled(b"", b"(", b".", bytes),
        4 => filled(b"", b"(]", b".", bytes),
        5 => filled(b"N", b"\x85q\x00h\x00", b".", bytes),
        // Unfolding.
        6 => filled(b"]", b"2a", b".", bytes),
        7 => filled(b"](NNe", b"q\x00](h\x00h\x00e", b".", bytes),
        8 => filled(b"]", b"2\x86", b".", bytes),
        9 => filled(b"](", b"2", b"e.", bytes),
        10 => filled(
            b"](U\xff",
            &[b"a".repeat(255), b"q\x00".to_vec(), b"h\x00".repeat(64)].concat(),
            b"e.",
            bytes,
        ),
        11 => filled(b")", b"2\x86\x94", b"N\x86]\x86}s.", bytes),
        12 => filled(b"N", b"2\x86", b"q\x00}(h\x00Nh\x00Nu.", bytes.min(28)),
        // Numbers.
        13 => filled(b"I", b"9", b"\n.", bytes),
        14 => filled(b"L", b"9", b"L\n.", bytes),
        15 => filled(b"F", b"9", b"\n.", bytes),
        16 => filled(
            b"](",
            b"\x8a\x40aaaaaaaabbbbbbbbccccccccddddddddeeeeeeeeffffffffgggggggghhhhhhhh",
            b"e.",
            bytes,
        ),
        17 => filled(b"](", b"G\x7f\xf8\x00\x00\x00\x00\x00\x00", b"e.", bytes),
        // Lengths that promise more than there is.
        18 => filled(b"\x8b\xff\xff\xff\x7f", b"a", b".", bytes),
        19 => filled(b"\x8e\xff\xff\xff\xff\xff\xff\xff\x7f", b"a", b".", bytes),
        20 => filled(
            b"\x80\x04\x95\xff\xff\xff\xff\xff\xff\xff\xff",
            b"N",
            b".",
            bytes,
        ),
        21 => filled(b"X\xff\xff\xff\xff", b"a", b".", bytes),
        22 => filled(b"\x80\xff", b"N", b".", bytes),
        // The memo.
        23 => filled(b"Nr\xff\xff\xff\x7f", b"j\xff\xff\xff\x7f", b".", bytes),
        24 => filled(b"N", b"\x94", b".", bytes),
        25 => counted(
            b"N",
            |n| [b"r", &u32::try_from(n * 2).unwrap_or(0).to_le_bytes()[..]].concat(),
            b".",
            bytes,
        ),
        26 => counted(
            b"N",
            |n| {
                [
                    b"r",
                    &u32::try_from(n * 0x1001).unwrap_or(0).to_le_bytes()[..],
                ]
                .concat()
            },
            b".",
            bytes,
        ),
        27 => counted(b"N", |n| format!("p{}\n", n * 9).into_bytes(), b".", bytes),
        28 => filled(b"", b"]\x94", b".", bytes),
        // Texts that are written anew.
        29 => filled(b"](", b"S'a'\n", b"e.", bytes),
        30 => filled(b"](V", b"\\u00e9", b"\ne.", bytes),
        31 => filled(b"](", b"V\xe9\n", b"e.", bytes),
        32 => filled(
            &[
                &b"c_codecs\nencode\nq\x00"[..],
                &text(&"\u{e9}".repeat(bytes / 8)),
                b"q\x01",
                &text("latin1"),
                b"q\x02](",
            ]
            .concat(),
            b"h\x00h\x01h\x02\x86R",
            b"e.",
            bytes / 2,
        ),
        // Hashing.
        33 => counted(
            b"}(",
            |n| {
                [
                    b"M",
                    &u16::try_from(n % 65_536).unwrap_or(0).to_le_bytes()[..],
                    b"N",
                ]
                .concat()
            },
            b"u.",
            bytes,
        ),
        34 => filled(b"}(", b"K\x01K\x01K\x01\x87N", b"u.", bytes),
        35 => filled(b"\x8f(", b"(K\x01\x91", b"\x90.", bytes),
        36 => filled(b"c__builtin__\nset\n](", b"K\x01", b"e\x85R.", bytes),
        // Everything at once: nodes, cells, memo entries and values that stay on the stack.
        37 => filled(b"](", b"]\x94", b"e.", bytes),
        38 => filled(b"", b"]\x94N\x85\x94U\x00\x94", b"}h\x01Ns.", bytes),
        39 => filled(b"](", b"N", b"e(Ne.", bytes),
        40 => [
            filled(b"](", b"N", b"e", bytes / 2),
            filled(b"", b"(NNe", b".", bytes / 2),
        ]
        .concat(),
        41 => filled(b"(", b"N", b"l\x94(]\x94\x85\x94l.", bytes),
        // What is no data.
        _ => filled(b"", b"cos\nsystem\n(S'true'\ntR", b".", bytes),
    }
}
