//! Tables of text: what is read of them.

use roundlaw::format::{Quantizer, ScaleMode, Sharing, format};
use roundlaw::verify::foreign::{self, Found, table};

fn read(name: &str, text: &str) -> roundlaw::Result<foreign::Case> {
    table::read("table", text, Quantizer::new(format(name).unwrap()), false)
}

#[test]
fn dialects_hold_the_same_rows() {
    let texts = [
        "0x3f800000,0x38\n0xbf000000,0xb0\n",
        "\u{feff}input,code\r\n0x3f800000,56\r\n0xbf000000,176\r\n",
        "\"input\";\"code\"\n\"1.0\";\"0x38\"\n\"-0.5\";\"0xB0\"\n",
        "code\tinput\n0x38\t1065353216\n0xb0\t3204448256\n",
        "line,input,code,value\n\n1,1e0,56,1.0\n2,-5.0e-1,176,-0.5\n",
    ];
    for text in texts {
        let case = read("e4m3", text).unwrap();
        assert_eq!(case.inputs, [0x3f80_0000, 0xbf00_0000], "{text:?}");
        assert_eq!(case.found, Found::Codes { codes: vec![0x38, 0xb0], scales: vec![] }, "{text:?}");
        assert_eq!(foreign::check(&case).different, 0);
    }
}

#[test]
fn decimals_are_rounded_once() {
    // 431.99999999999994 is below a tie, and the f32 nearest it is that tie.
    let text = "input,code\n431.99999999999994,0x7d\n";
    assert_eq!(foreign::check(&read("e4m3", text).unwrap()).different, 0);
    let text = "input,code\n431.99999999999994,0x7e\n-431.99999999999994,0xfe\n";
    let found = foreign::check(&read("e4m3", text).unwrap());
    let cause = "double rounding: values go through f32, its subnormals too";
    assert_eq!(found.causes[0].name, cause, "{:?}", found.causes);
    // What is told is the f32 nearest it.
    assert_eq!(f32::from_bits(found.first[0].input), 432.0);
}

#[test]
fn values_and_scales_have_columns() {
    let case = read("e4m3", "input,value\n0.3,0.3125\n-0.3,0xbea00000\n").unwrap();
    assert_eq!(case.found, Found::Values(vec![0.3125f32.to_bits(), (-0.3125f32).to_bits()]));
    assert_eq!(foreign::check(&case).different, 0);
    let rows =
        |scale: u32| (0..40).map(|k| format!("{k}.0,{},{scale}\n", if k < 32 { 0 } else { 1 })).collect::<String>();
    let case = read("mxfp4", &format!("input,code,scale\n{}", rows(130))).unwrap();
    let Found::Codes { scales, codes } = case.found else { panic!() };
    assert_eq!((scales, codes.len()), (vec![130, 130], 40));
    // A scale that is an f32 may be a decimal.
    let absmax = Quantizer {
        sharing: Some(Sharing { size: 32, mode: ScaleMode::Absmax }),
        ..Quantizer::new(format("mxfp4").unwrap())
    };
    let read_absmax = |text: &str| table::read("table", text, absmax, false);
    for scale in ["0.25", "0x3e800000"] {
        let case = read_absmax(&format!("input,code,scale\n1.5,0x7,{scale}\n-0.5,0xc,{scale}\n")).unwrap();
        assert_eq!(foreign::check(&case).different, 0);
    }
    for wrong in ["-0.25", "0x80000001", "a"] {
        let message = read_absmax(&format!("input,code,scale\n1.5,0x7,{wrong}\n")).err().unwrap().to_string();
        assert!(message.contains("a scale, which is an f32"), "{message}");
    }
    for (text, part) in [
        ("1.0,1\n", "a scale's byte"),
        ("input,code\n1.0,1\n", "no column scale"),
        ("1.0,1,127\n2.0,2,128\n", "rows 0 to 1, from 0 on, are a block"),
        ("1.0,1,256\n", "line 1"),
    ] {
        let message = read("mxfp4", text).err().unwrap().to_string();
        assert!(message.contains(part), "{text:?}: {message}");
    }
}

#[test]
fn two_s_complement_may_be_signed_or_extended() {
    let text = "bits,code\n0xbf800000,-10\n0xbf800000,0xf6\n3212836864,246\n";
    let case = read("int8", text).unwrap();
    assert_eq!(case.found, Found::Codes { codes: vec![0xf6; 3], scales: vec![] });
    assert_eq!(case.inputs, [0xbf80_0000; 3]);
    for wrong in ["0x3g,1\n", "1,256\n", "1,2\n1.5,2\n", "1.5,2\n1,2\n", "1,2\n-1,2\n"] {
        assert!(read("int8", wrong).is_err(), "{wrong}");
    }
}
