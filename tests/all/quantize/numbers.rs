//! Stored numbers as f32.

use roundlaw::tensor::Element;
use roundlaw::tensor::numbers::Numbers;

#[track_caller]
fn becomes(element: Element, bytes: &[u8], odd_and_nearest: [f32; 2]) {
    for (to_odd, must) in [true, false].into_iter().zip(odd_and_nearest) {
        let mut bits = [0];
        Numbers::new(element, to_odd).bits(bytes, &mut bits);
        assert_eq!(bits, [must.to_bits()], "{element:?} {bytes:?} {to_odd}");
    }
}

#[test]
fn codes_of_sixteen_bits_are_those_of_the_half_crate() {
    let bytes: Vec<u8> = (0..=u16::MAX).flat_map(u16::to_le_bytes).collect();
    let mut bits = vec![0; 1 << 16];
    for (element, of) in [
        (Element::F16, (|code| half::f16::from_bits(code).to_f32()) as fn(u16) -> f32),
        (Element::Bf16, |code| half::bf16::from_bits(code).to_f32()),
    ] {
        assert_eq!(Numbers::new(element, true).bits(&bytes, &mut bits), 0);
        for (code, bits) in (0..=u16::MAX).zip(&bits) {
            let (own, must) = (f32::from_bits(*bits), of(code));
            let same = own.to_bits() == must.to_bits() || own.is_nan() && must.is_nan();
            assert!(same, "{element:?} 0x{code:04x}: {own:?}, must be {must:?}");
        }
    }
}

#[test]
fn what_f32_holds_stays_and_the_rest_is_rounded_to_odd_or_to_the_nearest() {
    let f64s = |x: f64| x.to_le_bytes();
    for exact in [0.0, -0.0, 1.5, -1e-45f32, f32::MAX, f32::INFINITY] {
        becomes(Element::F64, &f64s(exact.into()), [exact; 2]);
    }
    let ulp = f32::EPSILON;
    becomes(Element::F64, &f64s(1.0 + 1e-12), [1.0 + ulp, 1.0]);
    becomes(Element::F64, &f64s(-1.0 - 1e-12), [-1.0 - ulp, -1.0]);
    becomes(Element::F64, &f64s(1.0 - 1e-12), [1.0 - ulp / 2.0, 1.0]);
    becomes(Element::F64, &f64s(1e300), [f32::MAX, f32::INFINITY]);
    becomes(Element::F64, &f64s(-1e-300), [-f32::from_bits(1), -0.0]);
    // 2^24 + 1 lies between 2^24 and 2^24 + 2, whose last bit is 1.
    becomes(Element::I32, &(-16_777_217i32).to_le_bytes(), [-16_777_218.0, -16_777_216.0]);
    becomes(Element::U32, &u32::MAX.to_le_bytes(), [4_294_967_040.0, 4_294_967_296.0]);
    becomes(Element::U64, &u64::MAX.to_le_bytes(), [18_446_742_974_197_923_840.0, 18_446_744_073_709_551_616.0]);
    becomes(Element::I64, &i64::MIN.to_le_bytes(), [-9_223_372_036_854_775_808.0; 2]);
    becomes(Element::I64, &(-3i64).to_le_bytes(), [-3.0; 2]);
    becomes(Element::I8, &[0x80], [-128.0; 2]);
    becomes(Element::U16, &[0xff, 0xff], [65535.0; 2]);
    becomes(Element::E4m3, &[0xfe], [-448.0; 2]);
    becomes(Element::E5m2, &[0x7c], [f32::INFINITY; 2]);
    becomes(Element::E8m0, &[0x00], [f32::from_bits(0x0040_0000); 2]);
}

#[test]
fn numbers_that_are_no_f32_are_counted() {
    let bytes: Vec<u8> = [0.1, 0.5, f64::NAN, 1e300, 3.0].into_iter().flat_map(f64::to_le_bytes).collect();
    let mut bits = [0; 5];
    assert_eq!(Numbers::new(Element::F64, false).bits(&bytes, &mut bits), 2);
    let bytes: Vec<u8> = [1i64 << 53, (1 << 53) + 1, i64::MAX].into_iter().flat_map(i64::to_le_bytes).collect();
    assert_eq!(Numbers::new(Element::I64, false).bits(&bytes, &mut bits[..3]), 2);
}
