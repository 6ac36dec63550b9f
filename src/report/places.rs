//! Keys numbered in the order in which they first appear.

use std::collections::HashMap;
use std::hash::Hash;

#[derive(Debug)]
pub struct Places<K>(HashMap<K, usize>);

impl<K> Default for Places<K> {
    fn default() -> Self {
        Places(HashMap::new())
    }
}

impl<K: Clone + Eq + Hash> Places<K> {
    /// The place of a key, the next one if it is new.
    pub fn of(&mut self, key: &K) -> usize {
        if let Some(place) = self.0.get(key) {
            return *place;
        }
        let next = self.0.len();
        self.0.insert(key.clone(), next);
        next
    }
}
