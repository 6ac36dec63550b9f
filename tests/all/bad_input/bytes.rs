//! Random damage to the files of a config: it is read, or refused in one line that names the file.

use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug)]
enum Edit {
    Replace(prop::sample::Index, u8),
    Flip(prop::sample::Index, u8),
    Insert(prop::sample::Index, u8),
    Delete(prop::sample::Index),
    Cut(prop::sample::Index),
}

fn edits() -> impl Strategy<Value = Vec<Edit>> {
    let at = any::<prop::sample::Index>;
    let edit = prop_oneof![
        (at(), any::<u8>()).prop_map(|(at, byte)| Edit::Replace(at, byte)),
        (at(), 0..8u8).prop_map(|(at, bit)| Edit::Flip(at, bit)),
        (at(), any::<u8>()).prop_map(|(at, byte)| Edit::Insert(at, byte)),
        at().prop_map(Edit::Delete),
        at().prop_map(Edit::Cut),
    ];
    prop::collection::vec(edit, 1..4)
}

/// `header` keeps the damage to the first 80 bytes.
fn damage(mut bytes: Vec<u8>, edits: &[Edit], header: bool) -> Vec<u8> {
    for edit in edits {
        let range = if header { bytes.len().min(80) } else { bytes.len() };
        if range == 0 {
            break;
        }
        match edit {
            Edit::Replace(at, byte) => bytes[at.index(range)] = *byte,
            Edit::Flip(at, bit) => bytes[at.index(range)] ^= 1 << bit,
            Edit::Insert(at, byte) => bytes.insert(at.index(range), *byte),
            Edit::Delete(at) => drop(bytes.remove(at.index(range))),
            Edit::Cut(at) => bytes.truncate(at.index(range)),
        }
    }
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_damaged_array_is_read_or_refused(key in 0..KEYS.len(), edits in edits(), header in any::<bool>()) {
        let (place, key) = (Place::new(), &KEYS[key]);
        fs::write(place.path("config.toml"), key.config).unwrap();
        fs::write(place.path("bad.npy"), damage(f32_file(1, key.shape, &key.values()), &edits, header)).unwrap();
        if let Some(message) = is_read_or_refused(&place.path("config.toml"), &[key.set("bad.npy")]) {
            // Damage may also leave fewer rows than the config trains on.
            prop_assert!(message.contains(key.name) && message.contains("bad.npy") || message.contains("train."), "{}", message);
            prop_assert!(message.contains("allowed"), "{}", message);
        }
    }

    #[test]
    fn a_damaged_config_is_read_or_refused(edits in edits(), real in any::<bool>()) {
        let place = Place::new();
        let text = if real { REAL } else { PLAIN };
        fs::write(place.path("config.toml"), damage(text.as_bytes().to_vec(), &edits, false)).unwrap();
        is_read_or_refused(&place.path("config.toml"), &[]);
    }
}
