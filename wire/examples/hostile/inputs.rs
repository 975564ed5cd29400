//! Inputs that strangers might send: noise, opcodes in no order, pickles with something changed, and attacks. Each has a number, from which
//! it can be made again.

use rand::{RngExt, SeedableRng, rngs::StdRng, seq::IndexedRandom};

use crate::attacks;

/// What Pythons from 2.7 to 3.13 write, in hexadecimal; `write.py` beside it says how.
const PICKLES: &str = include_str!("../../tests/corpus/pickles.txt");

/// The longest input, but for attacks that need to be longer: what a gateway lets through.
const BYTES_MAX: usize = wire::frame::FRAME_BYTES_MAX;

/// Opcodes that the decoder knows, and a few that it refuses.
const OPCODES: &[u8] =
    b".NKMJIL\x8a\x8bGFV\x8cX\x8dSUTCB\x8e\x96(012)\x85\x86\x87t]la}dsue\x8f\x90\x91\x94qrphjgc\x93R\x80\x95bioPQ\x81\x97\x98";

/// Makes inputs.
pub(crate) struct Inputs {
    seed: u64,
    corpus: Vec<Vec<u8>>,
}

impl Inputs {
    /// All inputs of a seed.
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            seed,
            corpus: corpus().map(|(_, pickle)| pickle).collect(),
        }
    }

    /// The input of this number.
    pub(crate) fn make(&self, number: u64) -> Vec<u8> {
        let mut random =
            StdRng::seed_from_u64(self.seed ^ number.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let mut input = match number % 8 {
            0 => noise(&mut random),
            1 | 2 => opcodes(&mut random),
            3..=6 => {
                let mut input = self.pick(&mut random).to_vec();
                // One change leaves much as it was; a few take the decoder to places that nobody thought of.
                for _ in 0..1 << random.random_range(0..4) {
                    self.mutate(&mut input, &mut random);
                }
                input
            }
            _ => {
                let mut input = attacks::make(&mut random);
                for _ in 0..random.random_range(0..3) {
                    self.mutate(&mut input, &mut random);
                }
                return input;
            }
        };
        input.truncate(BYTES_MAX);
        input
    }

    fn pick(&self, random: &mut StdRng) -> &[u8] {
        self.corpus.choose(random).expect("the corpus is not empty")
    }

    fn mutate(&self, input: &mut Vec<u8>, random: &mut StdRng) {
        let (start, end) = range(input.len(), random);
        match random.random_range(0..9) {
            0 if start < input.len() => input[start] ^= 1 << random.random_range(0..8),
            1 if start < input.len() => input[start] = random.random(),
            2 if start < input.len() => {
                input[start] = *OPCODES.choose(random).expect("there are opcodes")
            }
            3 => drop(input.drain(start..end)),
            4 => input.truncate(start),
            5 => drop(input.splice(start..start, opcodes(random))),
            6 => {
                // A run of the same, again and again.
                let run = input[start..end.min(start + 24)].to_vec();
                let log2 = random.random_range(1..10);
                let times = random.random_range(1..=1_usize << log2);
                drop(input.splice(start..start, run.repeat(times)));
            }
            7 => {
                let other = self.pick(random);
                let (from, to) = range(other.len(), random);
                drop(input.splice(start..end, other[from..to].iter().copied()));
            }
            _ => {
                // What may be a length, or a memo index, becomes an extreme one.
                let extreme: u64 = *[
                    0,
                    1,
                    0x7F,
                    0xFF,
                    0x7FFF_FFFF,
                    0xFFFF_FFFF,
                    u64::MAX >> 1,
                    u64::MAX,
                ]
                .choose(random)
                .expect("there are extremes");
                let bytes = extreme.to_le_bytes();
                let width = (input.len() - start).min(1 << random.random_range(0..4));
                input[start..start + width].copy_from_slice(&bytes[..width]);
            }
        }
    }
}

/// Every pickle of the corpus, with the name of the value that it holds.
pub(crate) fn corpus() -> impl Iterator<Item = (&'static str, Vec<u8>)> {
    PICKLES.lines().map(|line| {
        let (name, digits) = line.split_once(' ').expect("a name and digits");
        let byte = |at| u8::from_str_radix(&digits[at..at + 2], 16).expect("hexadecimal digits");
        (name, (0..digits.len()).step_by(2).map(byte).collect())
    })
}

fn noise(random: &mut StdRng) -> Vec<u8> {
    let mut bytes = vec![0; random.random_range(0..200)];
    random.fill(bytes.as_mut_slice());
    bytes
}

/// Opcodes that mostly find on the stack what they need, and mostly end the way a pickle ends.
fn opcodes(random: &mut StdRng) -> Vec<u8> {
    let mut out = Vec::new();
    // What each value on the stack is: the opcode that made it.
    let mut stack = vec![];
    let mut has_memo = false;
    for _ in 0..random.random_range(0..60) {
        let opcode = *OPCODES.choose(random).expect("there are opcodes");
        let is_good = fits(opcode, &stack) && (has_memo || !matches!(opcode, b'h' | b'j' | b'g'));
        if !is_good && random.random_range(0..50) > 0 {
            continue;
        }
        out.push(opcode);
        operand(opcode, random.random_range(0..6), &mut out);
        apply(opcode, &mut stack);
        has_memo |= matches!(opcode, b'q' | b'r' | b'p' | 0x94);
    }
    while stack.len() > 1 && random.random_range(0..20) > 0 {
        let opcode = if stack.contains(&b'(') { b't' } else { 0x86 };
        out.push(opcode);
        apply(opcode, &mut stack);
    }
    out.push(b'.');
    out
}

/// Whether an opcode finds what it needs.
fn fits(opcode: u8, stack: &[u8]) -> bool {
    let mark = stack.iter().rposition(|&value| value == b'(');
    let above = stack.len() - mark.map_or(0, |mark| mark + 1);
    let is_below = |kinds: &[u8], depth: usize| {
        stack
            .len()
            .checked_sub(depth + 1)
            .is_some_and(|at| kinds.contains(&stack[at]))
    };
    let below_mark = |kinds: &[u8]| mark.is_some_and(|mark| is_below(kinds, stack.len() - mark));
    match opcode {
        b'.' => false,
        b'0' | b'2' | b'q' | b'r' | b'p' | 0x94 | 0x85 => above >= 1,
        0x86 => above >= 2,
        0x87 => above >= 3,
        b'a' => above >= 2 && is_below(b"]l", 1),
        b's' => above >= 3 && is_below(b"}d", 2),
        b't' | b'l' | b'1' | 0x91 => mark.is_some(),
        b'd' => mark.is_some() && above.is_multiple_of(2),
        b'e' => below_mark(b"]l"),
        b'u' => above.is_multiple_of(2) && below_mark(b"}d"),
        0x90 => below_mark(b"\x8f"),
        b'R' => above >= 2 && is_below(b"c", 1),
        0x93 => above >= 2 && is_below(b"X\x8c", 1),
        b'b' | b'i' | b'o' | b'P' | b'Q' | 0x81 | 0x97 | 0x98 | 0x95 => false,
        _ => true,
    }
}

/// What an opcode leaves on the stack.
fn apply(opcode: u8, stack: &mut Vec<u8>) {
    let mark = stack.iter().rposition(|&value| value == b'(').unwrap_or(0);
    let kept = match opcode {
        b'a' | b'0' => stack.len().saturating_sub(1),
        b's' => stack.len().saturating_sub(2),
        b'e' | b'u' | 0x90 | b'1' => mark,
        b'q' | b'r' | b'p' | 0x94 | 0x80 | 0x95 => stack.len(),
        b't' | b'l' | b'd' | 0x91 => {
            stack.truncate(mark);
            stack.push(opcode);
            return;
        }
        0x85 | 0x86 | 0x87 | b'R' | 0x93 => {
            let taken = if opcode == 0x85 {
                1
            } else {
                2 + usize::from(opcode == 0x87)
            };
            stack.truncate(stack.len().saturating_sub(taken));
            stack.push(opcode);
            return;
        }
        _ => {
            stack.push(opcode);
            return;
        }
    };
    stack.truncate(kept);
}

/// An operand for an opcode, of this size or value.
fn operand(opcode: u8, small: u8, out: &mut Vec<u8>) {
    let width = match opcode {
        b'K' | b'U' | b'C' | 0x8a | 0x8c | b'q' | b'h' | 0x80 => 1,
        b'M' => 2,
        b'J' | b'X' | b'T' | b'B' | 0x8b | b'r' | b'j' => 4,
        b'G' | 0x8d | 0x8e | 0x96 | 0x95 => 8,
        _ => 0,
    };
    out.extend_from_slice(&u64::from(small).to_le_bytes()[..width]);
    match opcode {
        b'U' | b'C' | 0x8a | 0x8c | b'X' | b'T' | b'B' | 0x8b | 0x8d | 0x8e | 0x96 => {
            out.extend(std::iter::repeat_n(b'a' + small, usize::from(small)));
        }
        b'I' | b'L' | b'F' | b'p' | b'g' => {
            out.extend_from_slice(format!("{small}\n").as_bytes());
        }
        b'V' => out.extend_from_slice(b"a\\u00e9\n"),
        b'S' => out.extend_from_slice(b"'a\\x00'\n"),
        b'c' => out.extend_from_slice(match small {
            0 | 1 => b"__builtin__\nset\n",
            2 | 3 => b"_codecs\nencode\n",
            _ => b"builtins\nbytearray\n",
        }),
        _ => {}
    }
}

fn range(len: usize, random: &mut StdRng) -> (usize, usize) {
    let (one, two) = (random.random_range(0..=len), random.random_range(0..=len));
    (one.min(two), one.max(two))
}
