//! What holds for any data, with the opinions of two others who read and write pickles: the crate serde-pickle, and Python.

#[path = "properties/python.rs"]
mod python;
#[path = "properties/serde_opinion.rs"]
mod serde_opinion;
#[path = "properties/values.rs"]
mod values;

use std::cell::RefCell;

use proptest::{prelude::*, test_runner::TestRunner};
use wire::{
    Dialect, Value,
    pickle::{Decoder, Error, Limits, encode, load},
};

use python::Python;
use values::{canonical, value};

#[path = "../examples/hostile/attacks.rs"]
mod attacks;
#[path = "../examples/hostile/inputs.rs"]
mod inputs;

fn read(bytes: &[u8]) -> Result<Value, Error> {
    load(bytes, &Limits::default())
}

/// What becomes of a value on its way through Python 2's text: byte strings that are UTF-8 come back as text.
fn through_python2(value: Value) -> Value {
    let all = |values: Vec<Value>| values.into_iter().map(through_python2).collect();
    match value {
        Value::Bytes(bytes) => String::from_utf8(bytes)
            .map_or_else(|error| Value::Bytes(error.into_bytes()), Value::Str),
        Value::List(items) => Value::List(all(items)),
        Value::Tuple(items) => Value::Tuple(all(items)),
        Value::Set(items) => Value::Set(all(items)),
        Value::FrozenSet(items) => Value::FrozenSet(all(items)),
        Value::Dict(entries) => Value::Dict(
            entries
                .into_iter()
                .map(|(key, value)| (through_python2(key), through_python2(value)))
                .collect(),
        ),
        other => other,
    }
}

/// Whether two keys may become one in Python 2, where text and its bytes are equal.
fn merges_in_python2(value: &Value) -> bool {
    format!("{value:?}").contains("Bytes")
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_reads_the_same(value in value()) {
        for dialect in [Dialect::Text2, Dialect::Three, Dialect::Four] {
            prop_assert_eq!(read(&encode(&value, dialect)), Ok(value.clone()));
        }
        if !merges_in_python2(&value) {
            prop_assert_eq!(read(&encode(&value, Dialect::Python2)), Ok(through_python2(value)));
        }
    }

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _any = read(&bytes);
    }

    #[test]
    fn serde_pickle_reads_what_is_written(value in value()) {
        let expected = serde_opinion::of(&value);
        for dialect in [Dialect::Text2, Dialect::Three, Dialect::Four] {
            let options = serde_pickle::DeOptions::new().decode_strings();
            match serde_pickle::value_from_slice(&encode(&value, dialect), options) {
                Ok(theirs) => prop_assert_eq!(&theirs, &expected, "{:?}", dialect),
                // It does not know the call that empty bytes are.
                Err(error) => prop_assert_eq!(dialect, Dialect::Text2, "{}", error),
            }
        }
    }

    #[test]
    fn what_serde_pickle_writes_reads_the_same(value in value()) {
        let theirs = serde_opinion::of(&value);
        for options in [serde_pickle::SerOptions::new(), serde_pickle::SerOptions::new().proto_v2()] {
            let written = serde_pickle::value_to_vec(&theirs, options).unwrap();
            let ours = read(&written).map(|value| serde_opinion::of(&value));
            prop_assert_eq!(ours, Ok(theirs.clone()), "{}", written.escape_ascii());
        }
    }
}

/// Python, which every machine that runs these tests has: `tests/run` installs it.
fn python() -> RefCell<Python> {
    RefCell::new(Python::start())
}

#[test]
fn python_reads_what_is_written_and_writes_what_reads_the_same() {
    let python = python();
    TestRunner::default()
        .run(&value(), |value| {
            for dialect in [Dialect::Text2, Dialect::Three, Dialect::Four] {
                let again = python.borrow_mut().write_again(&encode(&value, dialect));
                prop_assert!(again.is_ok(), "{:?}: {:?}", dialect, again);
                for written in again.unwrap() {
                    let read = read(&written).map(canonical);
                    prop_assert_eq!(
                        read,
                        Ok(canonical(value.clone())),
                        "{}",
                        written.escape_ascii()
                    );
                }
            }
            Ok(())
        })
        .unwrap();
}

/// How many changed pickles Python is asked about.
const CHANGED_COUNT: u64 = 4_000;

#[test]
fn python_reads_the_same_in_what_was_changed_and_is_still_accepted() {
    let seed = rand::random();
    println!("seed {seed}");
    let inputs = inputs::Inputs::new(seed);
    let mut python = Python::start();
    let mut decoder = Decoder::new(Limits::default());
    let mut asked_count = 0;
    for number in 0..CHANGED_COUNT {
        let input = inputs.make(number);
        let Ok(pickle) = decoder.decode(&input) else {
            continue;
        };
        let ours = encode(&canonical(pickle.to_value()), Dialect::Four);
        println!("number {number}: {}", input.escape_ascii());
        let again = match python.write_again(&input) {
            // Python 3 is told to take Python 2's byte strings for text, and cannot take those for bytes that are none.
            Err(error) if error.contains("UnicodeDecodeError") => continue,
            // It makes its memo as large as the largest number in it.
            Err(error) if error.contains("MemoryError") => continue,
            // We look only at what the pickle comes to, not at what was thrown away again on the way.
            Err(error) if error.contains("unhashable") => continue,
            again => again.unwrap(),
        };
        asked_count += 1;
        for written in again {
            let theirs = load(&written, &Limits::stored())
                .map(|value| encode(&canonical(value), Dialect::Four));
            assert_eq!(
                theirs.as_deref(),
                Ok(ours.as_slice()),
                "{}",
                written.escape_ascii()
            );
        }
    }
    assert!(asked_count > CHANGED_COUNT / 20, "{asked_count}");
}

#[test]
fn what_pythons_wrote_of_one_value_reads_as_one_value() {
    let mut by_name = std::collections::BTreeMap::new();
    for (name, pickle) in inputs::corpus() {
        let value = read(&pickle).map(canonical);
        let first = by_name.entry(name).or_insert_with(|| value.clone());
        assert_eq!(&value, first, "{name}: {}", pickle.escape_ascii());
    }
    assert_eq!(by_name.len(), 33);
}
