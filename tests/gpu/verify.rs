//! The cases of `verify` on every adapter, and that they can fail.

use roundlaw::Watch;
use roundlaw::format::{Direction, QuantOp, Quantizer, Rounding, format};
use roundlaw::reference::verify::Question;
use roundlaw::verify::everywhere::{Stretch, compare};
use roundlaw::verify::{Device, Level, Verdict, cases, run};

use crate::gpus;

#[test]
fn every_quick_case_passes() {
    let cases = cases(Level::Quick);
    for gpu in gpus() {
        for case in &cases {
            let name = &case.name;
            match run(case, &Device::Gpu(gpu), Level::Quick, &Watch::default()) {
                Ok(Verdict::Pass(count)) => assert!(count > 0, "{name}"),
                Ok(Verdict::Unsupported(_)) if name == "driver/subgroup-max" && gpu.subgroup().is_none() => {}
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
        // Between 1.125 and 1.25 even is away from zero; between 1 and 1.125 it is not.
        let stretches = [0x3f90_0000, 0x3f80_0000].map(|first| Stretch { first, chunks: 16 });
        let compare = |asked| {
            compare(gpu, (asked, &even), Some(&e4m3), &stretches, &Watch::default()).expect("the device answers")
        };
        let Verdict::Fail(lines) = compare(&away) else { panic!("the ties go to even") };
        assert_eq!(lines[0], "input 1.0625 0x3f880000");
        assert!(lines[1].starts_with("device: value 1.125 0x3f900000, code 0x39 (0 0111 001)"), "{lines:?}");
        assert!(lines[2].starts_with("must be: value 1.0 0x3f800000, code 0x38 (0 0111 000)"), "{lines:?}");
        assert_eq!(compare(&even), Verdict::Pass((2 * 16) << 16));
    }
}
