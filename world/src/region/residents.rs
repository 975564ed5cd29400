//! Who is in a region: by name, in the order of names, and by seat, which is found at once. It does not know what becomes of them.

use std::{collections::BTreeMap, ops::Index};

use super::Resident;

/// Where somebody is kept as long as it is in the region; afterwards it is another's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Seat(usize);

/// Everybody, by [`crate::name::key`].
#[derive(Debug, Default)]
pub(super) struct Residents {
    seats: Vec<Option<Box<Resident>>>,
    vacant: Vec<Seat>,
    by_key: BTreeMap<String, Seat>,
}

impl Residents {
    /// Puts somebody in; who had the name before.
    pub(super) fn insert(&mut self, key: String, resident: Resident) -> Option<Resident> {
        let resident = Box::new(resident);
        if let Some(seat) = self.by_key.get(&key) {
            return self.seats[seat.0].replace(resident).map(|old| *old);
        }
        let seat = match self.vacant.pop() {
            Some(seat) => {
                self.seats[seat.0] = Some(resident);
                seat
            }
            None => {
                self.seats.push(Some(resident));
                Seat(self.seats.len() - 1)
            }
        };
        self.by_key.insert(key, seat);
        None
    }

    pub(super) fn remove(&mut self, key: &str) -> Option<Resident> {
        let seat = self.by_key.remove(key)?;
        self.vacant.push(seat);
        self.seats[seat.0].take().map(|resident| *resident)
    }

    pub(super) fn get(&self, key: &str) -> Option<&Resident> {
        self.at(self.seat(key)?)
    }

    pub(super) fn get_mut(&mut self, key: &str) -> Option<&mut Resident> {
        self.at_mut(self.seat(key)?)
    }

    pub(super) fn contains_key(&self, key: &str) -> bool {
        self.by_key.contains_key(key)
    }

    /// Where somebody is kept.
    pub(super) fn seat(&self, key: &str) -> Option<Seat> {
        self.by_key.get(key).copied()
    }

    /// Who is kept there.
    pub(super) fn at(&self, seat: Seat) -> Option<&Resident> {
        self.seats.get(seat.0)?.as_deref()
    }

    pub(super) fn at_mut(&mut self, seat: Seat) -> Option<&mut Resident> {
        self.seats.get_mut(seat.0)?.as_deref_mut()
    }

    pub(super) fn len(&self) -> usize {
        self.by_key.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.by_key.is_empty()
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = &String> {
        self.by_key.keys()
    }

    pub(super) fn values(&self) -> impl Iterator<Item = &Resident> {
        self.iter().map(|(_, resident)| resident)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&String, &Resident)> {
        let all = self.by_key.iter();
        all.filter_map(|(key, seat)| Some((key, self.at(*seat)?)))
    }
}

impl Index<&str> for Residents {
    type Output = Resident;

    fn index(&self, key: &str) -> &Resident {
        self.get(key).expect("somebody who is here")
    }
}
