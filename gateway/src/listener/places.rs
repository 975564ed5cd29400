//! How many may be in at once, in all and from one address. Who somebody is may be known later than that he is there.

use std::{collections::HashMap, net::IpAddr, sync::Arc};

use parking_lot::Mutex;

use crate::config::Config;

/// Who is in.
#[derive(Debug)]
pub(super) struct Places {
    count_max: usize,
    per_address_max: usize,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    count: usize,
    by_address: HashMap<IpAddr, usize>,
}

/// Why somebody is not let in. The words are metric labels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Full {
    InAll,
    PerAddress,
}

impl Full {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::InAll => "full",
            Self::PerAddress => "address_full",
        }
    }
}

/// A place that is free again when this is dropped.
#[derive(Debug)]
pub(super) struct Place {
    /// For whom it counts, once that is known.
    address: Option<IpAddr>,
    places: Arc<Places>,
}

impl Places {
    pub(super) fn new(config: &Config) -> Self {
        Self {
            count_max: config.connection_count_max,
            per_address_max: config.connections_per_address_max,
            taken: Mutex::default(),
        }
    }

    /// A place for somebody, whoever it is.
    pub(super) fn take(places: &Arc<Self>) -> Result<Place, Full> {
        let mut taken = places.taken.lock();
        if taken.count >= places.count_max {
            return Err(Full::InAll);
        }
        taken.count += 1;
        Ok(Place {
            address: None,
            places: Arc::clone(places),
        })
    }
}

impl Place {
    /// Now it is known who it is.
    pub(super) fn count_for(&mut self, address: IpAddr) -> Result<(), Full> {
        let mut taken = self.places.taken.lock();
        taken.leave(self.address.take());
        let from_address = taken.by_address.get(&address).copied().unwrap_or(0);
        if from_address >= self.places.per_address_max {
            return Err(Full::PerAddress);
        }
        taken.by_address.insert(address, from_address + 1);
        self.address = Some(address);
        Ok(())
    }
}

impl Taken {
    fn leave(&mut self, address: Option<IpAddr>) {
        if let Some(address) = address
            && let Some(count) = self.by_address.get_mut(&address)
        {
            *count -= 1;
            if *count == 0 {
                self.by_address.remove(&address);
            }
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.taken.lock();
        taken.count -= 1;
        taken.leave(self.address);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_limited_in_all_and_per_address() {
        let places = Arc::new(Places {
            count_max: 3,
            per_address_max: 2,
            taken: Mutex::default(),
        });
        let address = |last| IpAddr::from([10, 0, 0, last]);
        let take = |last| -> Result<Place, Full> {
            let mut place = Places::take(&places)?;
            place.count_for(address(last))?;
            Ok(place)
        };
        let one = take(1).unwrap();
        let _two = take(1).unwrap();
        assert_eq!(take(1).unwrap_err(), Full::PerAddress);
        let _three = take(2).unwrap();
        assert_eq!(take(3).unwrap_err(), Full::InAll);
        drop(one);
        let _four = take(1).unwrap();
        assert_eq!(take(2).unwrap_err(), Full::InAll);
    }

    #[test]
    fn who_is_not_known_yet_counts_in_all() {
        let places = Arc::new(Places {
            count_max: 2,
            per_address_max: 1,
            taken: Mutex::default(),
        });
        let (mut one, mut two) = (
            Places::take(&places).unwrap(),
            Places::take(&places).unwrap(),
        );
        assert_eq!(Places::take(&places).unwrap_err(), Full::InAll);
        let address = IpAddr::from([10, 0, 0, 1]);
        one.count_for(address).unwrap();
        assert_eq!(two.count_for(address), Err(Full::PerAddress));
        drop(one);
        two.count_for(address).unwrap();
        drop(two);
        let taken = places.taken.lock();
        assert_eq!((taken.count, taken.by_address.len()), (0, 0));
    }
}
