//! Whether the database is away, as somebody sees it who asks again and again: that it is, and that it is not any more, is said once.

use std::sync::atomic::{AtomicBool, Ordering};

/// What was seen last.
#[derive(Debug, Default)]
pub(crate) struct Outage {
    is_noticed: AtomicBool,
}

impl Outage {
    /// The database did not answer. True: it did so before.
    pub(crate) fn begins(&self) -> bool {
        !self.is_noticed.swap(true, Ordering::Relaxed)
    }

    /// The database has answered. True: it did not before.
    pub(crate) fn ends(&self) -> bool {
        self.is_noticed.swap(false, Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_outage_is_noticed_once_and_so_is_its_end() {
        let outage = Outage::default();
        assert!(!outage.ends());
        for _ in 0..2 {
            let failed = [(); 3].map(|()| outage.begins());
            assert_eq!(failed, [true, false, false]);
            let answered = [(); 3].map(|()| outage.ends());
            assert_eq!(answered, [true, false, false]);
        }
    }
}
