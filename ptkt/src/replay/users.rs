//! Who used a ticket of one second, and which: an exact set of 13 bytes a place.
//!
//! A use is user ID, number of the application and mark of the ticket. The user ID is put in another order by a
//! permutation, so that nothing but the same use is taken for it. The places hold the uses in ascending order with gaps between. As the permutation spreads them
//! evenly, the value of a use tells where it must be, give or take a few places: that is where to look for it, and where
//! it goes when all are moved to more or fewer places, from first to last.
//!
//! While a second is fresh and uses pour in, its places become three times as many when they run out; later they are made
//! as few as will do, and stragglers add an eighth. So a use takes 15 to 16 bytes in the end, however many there are.

use super::applications;
use crate::id::UserId;

/// The permuted user ID, the number of the application, and the mark.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Place([u8; 13]);

/// After all others; no application has its number.
const FREE: Place = Place([0xFF; 13]);

impl Place {
    fn of(user: &UserId, application: u32, mark: u16, seed: u64) -> Self {
        debug_assert!(application < applications::MOST);
        let value = permuted(u64::from_le_bytes(*user.ebcdic()) ^ seed ^ spread(application));
        let [a, b, c, d, e, f, g, h] = value.to_le_bytes();
        let [i, j, k, _] = application.to_le_bytes();
        let [l, m] = mark.to_le_bytes();
        Self([a, b, c, d, e, f, g, h, i, j, k, l, m])
    }

    fn value(self) -> u64 {
        let [a, b, c, d, e, f, g, h, ..] = self.0;
        u64::from_le_bytes([a, b, c, d, e, f, g, h])
    }

    fn application(self) -> u32 {
        let [.., i, j, k, _, _] = self.0;
        u32::from_le_bytes([i, j, k, 0])
    }

    /// Where it is among so many places, if those before leave it room. The last sixteenth is for those moved on.
    #[expect(clippy::cast_possible_truncation, reason = "less than a count of places")]
    fn home(self, places: usize) -> usize {
        ((u128::from(self.value()) * (places - places / 16) as u128) >> 64) as usize
    }
}

/// A permutation of all numbers (odd factors, shifts to the right) that spreads those which differ in few bits.
fn permuted(number: u64) -> u64 {
    let number = (number ^ number >> 32).wrapping_mul(0xFF51_AFD7_ED55_8CCD);
    (number ^ number >> 29).wrapping_mul(0xC4CE_B9FE_1A85_EC53)
}

/// So that few users of two applications have the same value.
fn spread(application: u32) -> u64 {
    u64::from(application).wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

#[derive(Default)]
pub(super) struct Users {
    places: Box<[Place]>,
    taken: usize,
}

impl Users {
    /// Whether the use was not there yet. It is now. `application` is less than [`applications::MOST`]; `seed` is the same
    /// in all calls.
    pub(super) fn insert(&mut self, user: &UserId, application: u32, mark: u16, fresh: bool, seed: u64) -> bool {
        let entry = Place::of(user, application, mark, seed);
        let value = entry.value();
        loop {
            let has_room = self.taken < room(self.places.len(), fresh);
            let rest = self.places.get_mut(entry.home(self.places.len())..).unwrap_or_default();
            let before = rest.iter().take_while(|place| place.value() < value).count();
            let rest = rest.get_mut(before..).unwrap_or_default();
            // A user of another application may have the same value, and so has one with another ticket.
            if rest.iter().take_while(|place| place.value() == value).any(|place| *place == entry) {
                return false;
            }
            if has_room && let Some(gap) = rest.iter().position(|place| *place == FREE) {
                rest.copy_within(..gap, 1);
                rest.iter_mut().take(1).for_each(|place| *place = entry);
                self.taken += 1;
                return true;
            }
            let more = if fresh { self.places.len() * 2 } else { self.places.len() / 8 };
            self.resize(self.places.len() + more + 4);
        }
    }

    /// Gives back the places that are not needed, though they may be needed again.
    pub(super) fn shrink(&mut self) {
        self.resize(self.taken + self.taken / 7);
    }

    /// Moves all to so many places, or a few more if they do not fit.
    fn resize(&mut self, mut count: usize) {
        let mut places = vec![FREE; count];
        while !self.fill(&mut places) {
            count += count / 16 + 1;
            places = vec![FREE; count];
        }
        self.places = places.into();
    }

    fn fill(&self, places: &mut [Place]) -> bool {
        let count = places.len();
        let mut next = 0;
        // A free place is moved like the others, for speed; it goes behind them, and the next one takes no notice of it.
        for entry in &self.places {
            let free = *entry == FREE;
            let at = next.max(entry.home(count));
            match places.get_mut(at) {
                Some(place) => *place = *entry,
                None if free => {}
                None => return false,
            }
            next = if free { next } else { at + 1 };
        }
        true
    }

    /// The numbers of the applications, one for each use.
    pub(super) fn applications(&self) -> impl Iterator<Item = u32> {
        self.places.iter().filter(|place| **place != FREE).map(|place| place.application())
    }

    pub(super) fn len(&self) -> usize {
        self.taken
    }

    /// Memory on the heap.
    pub(super) fn bytes(&self) -> usize {
        size_of_val(&*self.places)
    }
}

/// How many uses so many places take: the fewer gaps, the more is to be moved for a new one.
fn room(places: usize, fresh: bool) -> usize {
    if fresh { places * 5 / 8 } else { places - places / 8 }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn user(bytes: [u8; 8]) -> Option<UserId> {
        UserId::from_ebcdic(&bytes).ok()
    }

    #[test]
    fn equal_values_of_two_applications_are_two_uses() {
        let one = *b"\xE4\xE2\xC5\xD9\xF0\xF0\xF0\xF1";
        let mut users = Users::default();
        let mut uses = Vec::new();
        for application in 0..200 {
            let other = u64::from_le_bytes(one) ^ spread(0) ^ spread(application);
            uses.extend(user(other.to_le_bytes()).map(|user| (user, application)));
        }
        assert!(uses.len() > 150);
        let value = |(user, application): &(UserId, u32)| Place::of(user, *application, 0, 7).value();
        assert!(uses.iter().all(|one| value(one) == value(&uses[0])));
        for fresh in [true, false] {
            for (at, (user, application)) in uses.iter().enumerate() {
                assert_eq!(users.insert(user, *application, 0, fresh, 7), fresh, "{at}");
            }
            users.shrink();
        }
        assert_eq!(users.len(), uses.len());
    }

    /// Only the highest bits of a value say where it is, and these have them in common.
    #[test]
    fn a_crowd_at_either_end_finds_room() {
        for end in [0_u64, u64::MAX] {
            let mut users = Users::default();
            let mut entries: Vec<Place> = (0..500_u64)
                .map(|n| {
                    let [a, b, c, d, e, f, g, h] = (end ^ n).to_le_bytes();
                    Place([a, b, c, d, e, f, g, h, 1, 0, 0, 0, 0])
                })
                .collect();
            entries.sort_by_key(|entry| entry.value());
            users.places = entries.into();
            users.taken = 500;
            users.shrink();
            let values: Vec<u64> = users.places.iter().filter(|p| **p != FREE).map(|p| p.value()).collect();
            assert_eq!(values.len(), 500);
            assert!(values.is_sorted());
        }
    }

    /// Exactness rests on it: two numbers never become one.
    fn undone(value: u64) -> u64 {
        let inverse = |odd: u64| (0..6).fold(odd, |x, _| x.wrapping_mul(2_u64.wrapping_sub(odd.wrapping_mul(x))));
        let number = value.wrapping_mul(inverse(0xC4CE_B9FE_1A85_EC53));
        let number = (number ^ number >> 29 ^ number >> 58).wrapping_mul(inverse(0xFF51_AFD7_ED55_8CCD));
        number ^ number >> 32
    }

    proptest! {
        #[test]
        fn the_permutation_can_be_undone(number: u64) {
            prop_assert_eq!(undone(permuted(number)), number);
        }

        #[test]
        fn answers_like_a_plain_set(
            steps in prop::collection::vec((0..300_u32, 0..3_u32, 0..3_u16, 0..50_u8), 0..3000),
            seed: u64,
        ) {
            let (mut users, mut plain, mut fresh) = (Users::default(), BTreeSet::new(), true);
            for (number, application, mark, step) in steps {
                match step {
                    0 => users.shrink(),
                    1 => fresh = !fresh,
                    _ => {
                        let user = format!("U{number}").parse().unwrap();
                        let first = plain.insert((user, application, mark));
                        prop_assert_eq!(users.insert(&user, application, mark, fresh, seed), first);
                    }
                }
                prop_assert_eq!(users.len(), plain.len());
            }
            let mut numbers: Vec<u32> = plain.iter().map(|(_, application, _)| *application).collect();
            numbers.sort_unstable();
            let mut told: Vec<u32> = users.applications().collect();
            told.sort_unstable();
            prop_assert_eq!(told, numbers);
        }
    }
}
