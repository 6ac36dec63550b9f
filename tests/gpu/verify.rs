//! The cases of `verify` on every adapter, and that they can fail.

use roundlaw::format::{Direction, QuantOp, Quantizer, Rounding, format};
use roundlaw::reference::verify::Question;
use roundlaw::verify::{Device, Level, Verdict, cases, run, stretch_of_chunks};

use crate::gpus;

#[test]
fn every_quick_case_passes() {
    let cases = cases(Level::Quick);
    for gpu in gpus() {
        for case in &cases {
            let name = &case.name;
            match run(case, &Device::Gpu(gpu), Level::Quick) {
                Ok(Verdict::Pass(count)) => assert!(count > 0, "{name}"),
                other => panic!("{}: {name}: {other:?}", gpu.info.name),
            }
        }
    }
}

#[test]
fn another_rounding_of_ties_is_found_by_its_hash_and_told_by_its_first_input() {
    let e4m3 = Quantizer::new(format("e4m3").unwrap());
    let question = |direction| Question::Codec(QuantOp::of(&Quantizer { rounding: Rounding::new(direction), ..e4m3 }));
    let (even, away) = (question(Direction::NearestEven), question(Direction::NearestAway));
    for gpu in gpus() {
        // From 1 on, the first tie whose lower code is even lies between 1 and 1.125.
        let verdict = stretch_of_chunks(gpu, (&away, &even), Some(&e4m3), 0x3f80_0000, 16).expect("the device answers");
        let Verdict::Fail(lines) = verdict else { panic!("{verdict:?}") };
        assert_eq!(lines[0], "input 1.0625 0x3f880000");
        assert!(lines[1].starts_with("device: value 1.125 0x3f900000, code 0x39 (0 0111 001)"), "{lines:?}");
        assert!(lines[2].starts_with("must be: value 1.0 0x3f800000, code 0x38 (0 0111 000)"), "{lines:?}");
        let same = stretch_of_chunks(gpu, (&even, &even), Some(&e4m3), 0x3f80_0000, 16).expect("the device answers");
        assert_eq!(same, Verdict::Pass(16 << 16));
    }
}
