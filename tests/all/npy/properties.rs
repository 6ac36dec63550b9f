//! Laws of the reader over random files and random damage to them.

use proptest::prelude::*;
use roundlaw::hash::fnv1a64;
use roundlaw::npy::{MAX_MAGNITUDE, Values};

use super::read;
use crate::npy_file::{f32_file, f64_file, file};

fn shapes() -> impl Strategy<Value = Vec<usize>> {
    prop::collection::vec(1usize..6, 0..4)
}

/// A valid file, and what it holds.
fn files() -> impl Strategy<Value = (Vec<u8>, Vec<usize>, Values)> {
    let float = prop_oneof![-MAX_MAGNITUDE..=MAX_MAGNITUDE, Just(-0.0), -1e-40..1e-40];
    (1u8..=3, shapes(), any::<bool>(), prop::collection::vec(float, 125)).prop_map(
        |(version, shape, wide, mut values)| {
            values.truncate(shape.iter().product());
            let single: Vec<f32> = values.iter().map(|&v| v as f32).collect();
            match wide {
                true => (f64_file(version, &shape, &values), shape, Values::F64(values)),
                false => (f32_file(version, &shape, &single), shape, Values::F32(single)),
            }
        },
    )
}

/// What is read must be consistent in itself; a refusal is checked by `read`.
fn consistent(bytes: &[u8]) {
    if let Ok(npy) = read(bytes) {
        let (count, size) = match &npy.values {
            Values::F32(values) => (values.len(), 4),
            Values::F64(values) => (values.len(), 8),
            Values::U32(_) => panic!("words are read only where they are asked for"),
        };
        assert_eq!(npy.shape.iter().product::<usize>(), count);
        assert!(count * size + 10 < bytes.len());
        assert_eq!(npy.hash, fnv1a64(bytes.iter().copied()));
        let data = &bytes[bytes.len() - count * size..];
        let again = match &npy.values {
            Values::F32(values) => f32_file(1, &npy.shape, values),
            Values::F64(values) => f64_file(1, &npy.shape, values),
            Values::U32(_) => panic!("words are read only where they are asked for"),
        };
        assert!(again.ends_with(data));
        npy.check("finite", |v| v.is_finite() && v.abs() <= MAX_MAGNITUDE).unwrap();
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_is_read((bytes, shape, values) in files()) {
        let npy = read(&bytes).unwrap();
        prop_assert_eq!(&npy.shape, &shape);
        prop_assert_eq!(format!("{:?}", npy.values), format!("{values:?}"));
        prop_assert_eq!(npy.hash, fnv1a64(bytes));
    }

    #[test]
    fn changed_bytes_are_read_or_refused(
        (mut bytes, _, _) in files(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        header in any::<bool>(),
    ) {
        let range = if header { 76 } else { bytes.len() };
        for (at, byte) in changes {
            bytes[at.index(range)] = byte;
        }
        consistent(&bytes);
    }

    #[test]
    fn a_changed_digit_or_bracket_of_the_header_is_read_or_refused(
        (mut bytes, _, _) in files(),
        changes in prop::collection::vec((10usize..72, prop::sample::select(b"0123456789()[]{}<>=|,:' -TFf\n".to_vec())), 1..3),
    ) {
        for (at, byte) in changes {
            bytes[at] = byte;
        }
        consistent(&bytes);
    }

    #[test]
    fn cut_bytes_are_refused((bytes, _, _) in files(), cut in any::<prop::sample::Index>()) {
        prop_assert!(read(&bytes[..cut.index(bytes.len())]).is_err());
    }

    #[test]
    fn inserted_bytes_are_read_or_refused(
        (mut bytes, _, _) in files(),
        at in any::<prop::sample::Index>(),
        inserted in prop::collection::vec(any::<u8>(), 1..20),
    ) {
        let at = at.index(bytes.len() + 1);
        bytes.splice(at..at, inserted);
        consistent(&bytes);
    }

    #[test]
    fn any_bytes_after_the_magic_are_read_or_refused(
        version in 1u8..4,
        rest in prop::collection::vec(any::<u8>(), 0..200),
        text in "[{}()'a-z0-9<>,: ]{0,80}",
    ) {
        consistent(&[b"\x93NUMPY", &[version, 0][..], &rest].concat());
        consistent(&rest);
        consistent(&file(version, &text, &rest));
    }
}
