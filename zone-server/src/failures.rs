//! What has failed in uthreads, for the log: a thousand creatures that fail in one way are two lines in ten seconds, and not a thousand. Time is an argument.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use parking_lot::Mutex;

/// How long a text is silent after it was logged. What it was wanted for meanwhile is counted.
const SILENCE: Duration = Duration::from_secs(10);
/// How many texts are told apart: more than a world has scripts that fail at once. What comes with more of them counts as [`OTHERS`].
const TEXTS_MAX: usize = 64;
/// What stands for all texts that there is no room for.
const OTHERS: &str = "others, each in its own way";

/// What was logged of late.
#[derive(Debug, Default)]
pub(crate) struct Failures(Mutex<BTreeMap<String, Repeats>>);

#[derive(Debug)]
struct Repeats {
    said_at: Instant,
    /// How often it was wanted since.
    count: u64,
}

impl Failures {
    /// Somebody fails. Whether that is logged.
    pub(crate) fn note(&self, text: &str, now: Instant) -> bool {
        let mut all = self.0.lock();
        let is_known = all.contains_key(text);
        let text = match is_known || all.len() < TEXTS_MAX {
            true => text,
            false => OTHERS,
        };
        if let Some(repeats) = all.get_mut(text) {
            repeats.count += 1;
            return false;
        }
        let said_at = now;
        all.insert(text.to_owned(), Repeats { said_at, count: 0 });
        true
    }

    /// Those whose silence is over, and how often each was wanted meanwhile. They are to be logged now.
    pub(crate) fn repeats(&self, now: Instant) -> Vec<(String, u64)> {
        let mut repeated = Vec::new();
        self.0.lock().retain(|text, repeats| {
            if now.saturating_duration_since(repeats.said_at) < SILENCE {
                return true;
            }
            let count = std::mem::take(&mut repeats.count);
            repeats.said_at = now;
            if count > 0 {
                repeated.push((text.clone(), count));
            }
            count > 0
        });
        repeated
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is logged of a thousand failures in a second for so many seconds.
    fn lines(seconds: u64, text: impl Fn(u64) -> String) -> (u64, Vec<(String, u64)>) {
        let (failures, start) = (Failures::default(), Instant::now());
        let (mut said_count, mut repeated) = (0, Vec::new());
        for second in 0..seconds {
            let now = start + Duration::from_secs(second);
            repeated.extend(failures.repeats(now));
            for number in 0..1000 {
                said_count += u64::from(failures.note(&text(number), now));
            }
        }
        (said_count, repeated)
    }

    #[test]
    fn one_text_is_said_once_and_counted_every_ten_seconds() {
        let text = "behaviours/x.lua:2: no";
        let (said_count, repeated) = lines(25, |_| text.to_owned());
        assert_eq!(said_count, 1);
        let counted = |count| (text.to_owned(), count);
        assert_eq!(repeated, [counted(9_999), counted(10_000)]);
    }

    #[test]
    fn many_texts_are_no_flood_either() {
        let (said_count, repeated) = lines(11, |number| format!("it is {number}"));
        assert_eq!(said_count, 65);
        assert_eq!(repeated.len(), 65);
        let count: u64 = repeated.iter().map(|(_, count)| count).sum();
        assert_eq!(count + said_count, 10_000, "each is counted");
    }

    #[test]
    fn what_was_long_ago_is_said_again() {
        let (failures, now) = (Failures::default(), Instant::now());
        assert!(failures.note("no", now));
        let later = now + SILENCE;
        assert!(failures.repeats(later).is_empty());
        assert!(failures.note("no", later));
        assert!(!failures.note("no", later + SILENCE / 2));
    }
}
