//! `formats NAME --table`: every code of a format with its value.

use roundlaw::{QuantizeOptions, quantize};

use super::*;

#[test]
fn the_table_of_e2m1_is_that_of_its_specification() {
    let place = Place::new(&[1], &[1.0]);
    let text = place.stdout("formats e2m1 --table", "");
    let values = ["0.0", "0.5", "1.0", "1.5", "2.0", "3.0", "4.0", "6.0"];
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!((lines[0], lines.len()), ("code,fields,value,value_bits", 17));
    for (code, line) in lines[1..].iter().enumerate() {
        let cells: Vec<&str> = line.split(',').collect();
        let sign = if code < 8 { "" } else { "-" };
        assert_eq!(cells[0], format!("0x{code:x}"));
        assert_eq!(cells[1], format!("{:b} {:02b} {:b}", code >> 3, code >> 1 & 3, code & 1));
        assert_eq!(cells[2], format!("{sign}{}", values[code % 8]));
        assert_eq!(cells[3], format!("0x{:08x}", cells[2].parse::<f32>().unwrap().to_bits()));
    }
}

#[test]
fn every_number_of_a_table_has_the_code_beside_it() {
    let place = Place::new(&[1], &[1.0]);
    for format in FORMATS.iter().filter(|format| format.layout.width() <= 16) {
        let options = if format.layout.is_integer() { " --step 1" } else { "" };
        let rows = document(&place.stdout(&format!("formats {} --table --json{options}", format.name), ""));
        let rows = rows.as_array().unwrap();
        assert_eq!(rows.len(), 1 << format.layout.width(), "{}", format.name);
        // Where blocks share a scale a number's code is that of a block of its own scale.
        if format.layout.sharing().is_some() {
            continue;
        }
        let number = |text: &Value| u32::from_str_radix(&text.as_str().unwrap()[2..], 16).unwrap();
        let table: Vec<(u32, f32)> =
            rows.iter().map(|row| (number(&row["code"]), f32::from_bits(number(&row["value_bits"])))).collect();
        let finite: Vec<(u32, f32)> = table.into_iter().filter(|(_, value)| value.is_finite()).collect();
        let values: Vec<f32> = finite.iter().map(|(_, value)| *value).collect();
        let named = match options {
            "" => format.name.to_string(),
            _ => format!("{{ format = {:?}, step = 1 }}", format.name),
        };
        let done = quantize(&values, &named, &QuantizeOptions::default()).unwrap();
        for ((code, value), found) in finite.into_iter().zip(done.codes) {
            // The most negative code of two's complement is no symmetric one.
            let is_other = format.name.starts_with("int") && code == 1 << (format.layout.width() - 1);
            assert!(found == Some(code) || is_other, "{}: {value:?} is 0x{code:x}, got {found:x?}", format.name);
        }
    }
}

#[test]
fn options_change_the_table_and_wide_codes_have_none() {
    let place = Place::new(&[1], &[1.0]);
    let text = place.stdout("formats int2 --table --step 0.5", "");
    assert_eq!(
        text,
        "code,fields,value,value_bits\n0x0,0,0.0,0x00000000\n0x1,1,0.5,0x3f000000\n0x2,-2,-1.0,0xbf800000\n0x3,-1,-0.5,0xbf000000\n"
    );
    assert_eq!(
        place.stdout("formats uint2 --table --step 0.5 --zero-point 1", ""),
        "code,fields,value,value_bits\n0x0,-1,-0.5,0xbf000000\n0x1,0,0.0,0x00000000\n0x2,1,0.5,0x3f000000\n0x3,2,1.0,0x3f800000\n"
    );
    assert!(
        place
            .stdout("formats --format e4m3 --specials ieee --table", "")
            .contains("\n0x78,0 1111 000,inf,0x7f800000\n")
    );
    // A shared scale of 1.
    assert!(place.stdout("formats nvfp4 --table", "").contains("\n0x7,0 11 1,6.0,0x40c00000\n"));
    place.refused("formats tf32 --table", b"", &["tf32: codes have 19 bits", "up to 16"]);
    place.refused("formats e4 --table", b"", &["e4", "e4m3"]);
    place.refused("formats --table", b"", &["--format is missing"]);
    place.refused("formats e4m3", b"", &["--table"]);
    place.refused("formats --block 8", b"", &["NAME --table"]);
}
