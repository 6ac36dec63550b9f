//! The stdin of `quantize`: numbers, each between the f32 around it, or refused in a line.
#![no_main]

use libfuzzer_sys::fuzz_target;
use roundlaw::decimal;
use roundlaw_fuzz::is_refusal;

fuzz_target!(|text: &str| {
    let numbers = match decimal::numbers(text, usize::MAX) {
        Ok(numbers) => numbers,
        Err(error) => return is_refusal(&error),
    };
    for number in numbers {
        let around = number.around();
        assert!(around.contains(&number.nearest) && around.contains(&number.odd()), "{number:?}");
        let [low, high] = around.map(|bits| f64::from(f32::from_bits(bits)).abs());
        let value = number.error_of(0.0).abs();
        assert!(value.is_nan() && low.is_nan() || (low..=high).contains(&value), "{number:?}");
    }
});
