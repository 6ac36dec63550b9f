//! The list of numbers that `quantize` reads on stdin.
#![no_main]

use libfuzzer_sys::fuzz_target;
use roundlaw::decimal;
use roundlaw_fuzz::is_refusal;

fuzz_target!(|text: &str| match decimal::numbers(text) {
    Ok(numbers) => {
        for number in numbers {
            let around = number.around();
            assert!(around.contains(&number.nearest) && around.contains(&number.odd()), "{number:?}");
            let [below, above] = around.map(|bits| f64::from(f32::from_bits(bits)).abs());
            let magnitude = number.value().abs();
            assert!(magnitude.is_nan() || (below..=above).contains(&magnitude), "{number:?}");
        }
    }
    Err(error) => is_refusal(&error),
});
