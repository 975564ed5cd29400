//! What is asked of the decoder for every input: an answer, for no more memory than the input pays for.

use allocation_counter::measure;
use wire::{
    Dialect, Value,
    command::Request,
    pickle::{Decoder, Error, Limits, encode, load},
};

/// The heap that any input may take, in bytes.
const HEAP_BASE_BYTES: u64 = 64 * 1024;
/// The heap that an input may take for each of its bytes.
const HEAP_PER_INPUT_BYTE: u64 = 16;
/// The heap that what an input unfolds to may take once it is built as a tree, in bytes: the limits bound it, whatever the input's size.
const TREE_BYTES_MAX: u64 = 8 << 20;

/// What became of an input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It is data, and asks for something.
    Request,
    /// It is data, and asks for nothing known.
    Data,
    /// It is refused.
    Refused(Error),
}

/// What an input took.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Trial {
    /// What became of it.
    pub(crate) outcome: Outcome,
    /// The most heap at one time that decoding took, in bytes.
    pub(crate) heap_bytes: u64,
    /// The most heap at one time that reading the request and building the tree took, in bytes.
    pub(crate) tree_bytes: u64,
}

/// Tries an input: with a decoder of its own, whose heap is counted, and with one that has decoded all inputs before it.
///
/// # Panics
/// The decoder does, or a promise is broken.
pub(crate) fn run(input: &[u8], used: &mut Decoder) -> Trial {
    let limits = Limits::default();
    let mut result = None;
    let mut tree_bytes = 0;
    let mut decoder = None;
    let heap = measure(|| {
        result = Some(decoder.insert(Decoder::new(limits)).decode(input));
    });
    let result = result.expect("the decoder has answered");
    let again = used.decode(input);
    assert_eq!(
        again
            .as_ref()
            .map(|pickle| pickle.dialect())
            .map_err(Clone::clone),
        result
            .as_ref()
            .map(|pickle| pickle.dialect())
            .map_err(Clone::clone),
        "a decoder that was used before answers otherwise"
    );
    let outcome = match result {
        Err(error) => Outcome::Refused(error),
        Ok(pickle) => {
            let mut parsed = None;
            let mut tree = Value::None;
            tree_bytes = measure(|| parsed = Some(Request::parse(&pickle).is_ok()))
                .bytes_max
                .max(measure(|| tree = pickle.to_value()).bytes_max);
            let written = encode(&tree, Dialect::Four);
            let read = load(&written, &Limits::stored()).map(|tree| encode(&tree, Dialect::Four));
            assert_eq!(
                read,
                Ok(written),
                "data is not what it was after it was written"
            );
            if parsed == Some(true) {
                Outcome::Request
            } else {
                Outcome::Data
            }
        }
    };
    let allowed = heap_bytes_allowed(input);
    assert!(
        heap.bytes_max <= allowed,
        "{} bytes of heap for {} bytes of input; {allowed} are allowed",
        heap.bytes_max,
        input.len()
    );
    assert!(
        tree_bytes <= TREE_BYTES_MAX,
        "a tree of {tree_bytes} bytes; {TREE_BYTES_MAX} are allowed"
    );
    Trial {
        outcome,
        heap_bytes: heap.bytes_max,
        tree_bytes,
    }
}

/// The heap that decoding an input may take.
pub(crate) fn heap_bytes_allowed(input: &[u8]) -> u64 {
    HEAP_BASE_BYTES + HEAP_PER_INPUT_BYTE * input.len() as u64
}
