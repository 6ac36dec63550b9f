//! The digest stands for the results: all of them, and nothing else.

use roundlaw::site::Site;
use roundlaw::store;
use roundlaw::store::row::Row;

use super::{full, sparse};

type Change = fn(&mut Row);

/// A change to each field; fields of one value per site are changed at the last site.
const CHANGES: [(&str, Change); 44] = [
    ("run_id", |r| r.run_id += 1),
    ("cell", |r| r.cell += 1),
    ("seed_index", |r| r.seed_index += 1),
    ("seen", |r| r.seen += 1),
    ("output", |r| r.output.push('x')),
    ("dim", |r| r.dim += 1),
    ("spectrum", |r| r.spectrum.push('x')),
    ("spectrum_exponent", |r| r.spectrum_exponent = None),
    ("target", |r| r.target.push('x')),
    ("target_exponent", |r| r.target_exponent = None),
    ("noise", |r| r.noise = r.noise.next_up()),
    ("sketch_kind", |r| r.sketch_kind.push('x')),
    ("sampling", |r| r.sampling.push('x')),
    ("tail", |r| r.tail.push('x')),
    ("model", |r| r.model += 1),
    ("samples", |r| r.samples += 1),
    ("batch", |r| r.batch += 1),
    ("step_size", |r| r.step_size = r.step_size.next_up()),
    ("schedule", |r| r.schedule.push('x')),
    ("recipe", |r| r.recipe.push('x')),
    ("recipe_bits", |r| r.recipe_bits = None),
    ("phases", |r| r.phases = None),
    ("formats", |r| r.formats[Site::Weight] = None),
    ("roundings", |r| r.roundings[Site::Weight] = Some("null".into())),
    ("eps", |r| r.eps[Site::Weight] = None),
    ("bits", |r| r.bits[Site::Weight] = None),
    ("excess", |r| r.excess = None),
    ("reducible", |r| r.reducible = Some(0.0)),
    ("approximation", |r| r.approximation = None),
    ("signal", |r| r.signal = None),
    ("overlap", |r| r.overlap = None),
    ("quantized_test", |r| r.quantized_test = None),
    ("quantized_test_se", |r| r.quantized_test_se = None),
    ("quantized_test_exact", |r| r.quantized_test_exact = None),
    ("held_out", |r| r.held_out = None),
    ("held_out_se", |r| r.held_out_se = None),
    ("diverged_at", |r| r.diverged_at = None),
    ("counts", |r| r.counts[Site::Weight] = None),
    ("v_digest", |r| r.v_digest.push('x')),
    ("stream_version", |r| r.stream_version += 1),
    ("checked", |r| r.checked.push('x')),
    ("adapter", |r| r.adapter.push('x')),
    ("driver", |r| r.driver.push('x')),
    ("fingerprint", |r| r.fingerprint.push('x')),
];

#[test]
fn the_digest_covers_settings_and_results_alone() {
    let row = full(1);
    let before = store::digest(std::slice::from_ref(&row));
    let fields: Vec<_> = serde_json::to_value(&row).unwrap().as_object().unwrap().keys().cloned().collect();
    assert_eq!(fields, CHANGES.map(|(name, _)| name));
    for (name, change) in CHANGES {
        let mut changed = row.clone();
        change(&mut changed);
        assert_ne!(changed_text(&changed), changed_text(&row), "{name} was not changed");
        let besides = [
            "recipe_bits",
            "phases",
            "eps",
            "bits",
            "signal",
            "overlap",
            "checked",
            "adapter",
            "driver",
            "fingerprint",
        ]
        .contains(&name);
        assert_eq!(store::digest(&[changed]) == before, besides, "{name}");
    }
}

/// Tells -0 from 0, which `==` does not.
fn changed_text(row: &Row) -> String {
    format!("{row:?}")
}

#[test]
fn the_digest_covers_every_site() {
    let row = full(1);
    let mut digests = vec![store::digest(std::slice::from_ref(&row))];
    for site in Site::ALL {
        let changes: [&dyn Fn(&mut Row); 5] = [
            &|r| r.formats[site] = None,
            &|r| r.roundings[site] = None,
            &|r| r.counts[site].as_mut().unwrap().saturated += 1000,
            &|r| r.counts[site].as_mut().unwrap().underflowed += 1000,
            &|r| r.counts[site].as_mut().unwrap().nan += 1000,
        ];
        for change in changes {
            let mut changed = row.clone();
            change(&mut changed);
            digests.push(store::digest(&[changed]));
        }
    }
    let count = digests.len();
    digests.sort();
    digests.dedup();
    assert_eq!(digests.len(), count);
}

#[test]
fn the_digest_does_not_depend_on_row_order() {
    let (a, b, c) = (full(1), sparse(2), full(3));
    let forward = store::digest(&[a.clone(), b.clone(), c.clone()]);
    assert_eq!(forward, store::digest(&[c, a, b]));
    assert_eq!(forward.len(), 16);
    assert_eq!(store::digest(&[]), "cbf29ce484222325");
}
