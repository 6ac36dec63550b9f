//! Random damage: a config is read or refused, in one line.

use proptest::prelude::*;

use super::*;

fn is_read_or_refused(bytes: &[u8]) {
    if let Err(error) = Config::parse(&String::from_utf8_lossy(bytes), &[]).and_then(Plan::new) {
        assert_eq!(error.exit_code(), exit::INPUT, "{error}");
        assert_eq!(error.to_string().lines().count(), 1, "{error}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn damaged_configs_are_read_or_refused(
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..4u8), 1..6),
    ) {
        let mut bytes = QUICKSTART.as_bytes().to_vec();
        for (place, byte, kind) in edits {
            let at = place.index(bytes.len());
            match kind {
                0 => bytes[at] = byte,
                1 => bytes[at] = b"0123456789-.e[]{}=\"\n,"[usize::from(byte) % 21],
                2 => bytes.insert(at, byte),
                _ => drop(bytes.remove(at)),
            }
        }
        is_read_or_refused(&bytes);
    }

    /// Damage to a config that uses every option: a byte, a cut, or a line of another one.
    #[test]
    fn damaged_configs_of_every_option_are_read_or_refused(
        case in 0..200u64,
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..6u8), 1..4),
    ) {
        let mut bytes = crate::plans::random_config(case).into_bytes();
        for (place, byte, kind) in edits {
            let at = place.index(bytes.len().max(1));
            match kind {
                _ if bytes.is_empty() => {}
                0 => bytes[at] = byte,
                1 => bytes[at] = b"0123456789-.e[]{}=\"\n,"[usize::from(byte) % 21],
                2 => bytes.insert(at, byte),
                3 => drop(bytes.remove(at)),
                4 => bytes.truncate(at),
                _ => {
                    let other = crate::plans::random_config(u64::from(byte));
                    let line = other.lines().nth(at % 12).unwrap_or_default();
                    bytes.splice(at..at, format!("\n{line}\n").into_bytes());
                }
            }
        }
        is_read_or_refused(&bytes);
    }

    #[test]
    fn any_override_is_read_or_refused(
        key in "[a-z.]{0,12}|problem\\.(dim|noise|sketch|tail|spectrum|target)|train\\.(model|samples|batch|step_size|checkpoints)|sweep\\.(seeds|check)",
        value in "\\PC{0,12}|-?[0-9]{1,5}(\\.[0-9]{1,3})?(e-?[0-9]{1,2})?|\\[[0-9]{1,3},[0-9]{1,3}\\]",
    ) {
        if let Err(error) = Config::parse(PLAIN, &[format!("{key}={value}")]).and_then(Plan::new) {
            prop_assert_eq!(error.exit_code(), exit::INPUT);
            prop_assert_eq!(error.to_string().lines().count(), 1);
        }
    }
}
