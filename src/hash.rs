//! FNV-1a, the one hash behind every digest this crate prints or stores, and samples that a hash chooses.

use std::collections::{BTreeSet, BinaryHeap};

/// Offset basis of the 64-bit hash (draft-eastlake-fnv, section 5).
const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
/// Prime of the 64-bit hash.
const PRIME: u64 = 0x0000_0100_0000_01b3;

/// FNV-1a 64 of a stream of bytes. It detects differences; it does not resist forgery.
pub fn fnv1a64(bytes: impl IntoIterator<Item = u8>) -> u64 {
    fnv1a64_more(OFFSET, bytes)
}

/// The hash of a stream whose bytes so far hash to `hash`, once `bytes` have followed.
pub fn fnv1a64_more(hash: u64, bytes: impl IntoIterator<Item = u8>) -> u64 {
    bytes.into_iter().fold(hash, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(PRIME))
}

/// The `count` items of the least hashes: a sample that nothing about the items but the hash decides, the same each time.
pub fn least<T: Ord>(hashed: impl IntoIterator<Item = (u64, T)>, count: usize) -> BTreeSet<T> {
    let mut smallest = BinaryHeap::new();
    for item in hashed {
        smallest.push(item);
        if smallest.len() > count {
            smallest.pop();
        }
    }
    smallest.into_iter().map(|(_, item)| item).collect()
}

#[cfg(test)]
mod tests {
    use super::{fnv1a64, fnv1a64_more};

    // The test vectors of draft-eastlake-fnv, appendix C.
    #[test]
    fn known_answers() {
        assert_eq!(fnv1a64([]), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv1a64(*b"a"), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(fnv1a64(*b"foobar"), 0x8594_4171_f739_67e8);
    }

    #[test]
    fn a_stream_in_two_parts_hashes_as_one() {
        assert_eq!(fnv1a64_more(fnv1a64(*b"foo"), *b"bar"), fnv1a64(*b"foobar"));
    }
}
