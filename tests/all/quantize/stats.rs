//! What rounding did to an array and to its rows of blocks.

use super::*;

#[test]
fn the_statistics_of_a_few_numbers_are_those_of_a_calculation() {
    // 1 stays; 1.0625 and 500 become 1 and 448; 2^-12 is flushed; NaN is in no sum.
    let place = Place::new(&[2, 3], &[1.0, 1.0625, 500.0, 2f32.powi(-12), f32::NAN, -2.0]);
    let json = document(&place.stdout("quantize --format e4m3 in.npy out.npy --json --stats=rows.csv", ""));
    let (signal, noise) =
        (1.0 + 1.0625f64.powi(2) + 500f64.powi(2) + 2f64.powi(-24) + 4.0, 2f64.powi(-8) + 2704.0 + 2f64.powi(-24));
    let stats = &json["stats"];
    let close = |key: &str, must: f64| {
        let found = stats[key].as_f64().unwrap();
        assert!((found - must).abs() <= 1e-12 * must, "{key}: {found}, must be {must}");
    };
    close("sqnr_db", 10.0 * (signal / noise).log10());
    close("mean_squared_error", noise / 5.0);
    close("largest_error", 52.0);
    close("saturated", 1.0 / 6.0);
    close("flushed", 1.0 / 6.0);
    close("not_finite", 1.0 / 6.0);
    let rows = fs::read_to_string(place.0.path().join("rows.csv")).unwrap();
    let lines: Vec<&str> = rows.lines().collect();
    assert_eq!(lines[0], "row,elements,sqnr_db,mean_squared_error,largest_error,saturated,flushed,not_finite");
    assert!(lines[1].starts_with("0,3,") && lines[1].ends_with(",52.0,0.3333333333333333,0.0,0.0"), "{rows}");
    // Of the second row the flushed number is all the noise: 2^-24 of two numbers.
    let sqnr = 10.0 * libm::log10((4.0 + 2f64.powi(-24)) / 2f64.powi(-24));
    let (mean, largest, third) = (2f64.powi(-25), 2f64.powi(-12), 1.0 / 3.0);
    assert_eq!(lines[2..], [format!("1,3,{sqnr:?},{mean:?},{largest:?},0.0,{third:?},{third:?}")]);
    let text = place.stdout("quantize --format e4m3 in.npy out.npy --stats", "");
    assert!(text.contains("\nSQNR 19.66 dB, mean squared error 5.408"), "{text}");
    assert!(text.contains("16.667 % saturated, 16.667 % flushed to 0\n"), "{text}");
    // Without an error there is no ratio.
    let json = document(&place.stdout("quantize --format fp32 in.npy out.npy --json --stats", ""));
    assert_eq!((&json["stats"]["sqnr_db"], &json["stats"]["mean_squared_error"]), (&Value::Null, &0.0.into()));
}

#[test]
fn rows_of_blocks_are_rows_strips_or_rows_of_tiles() {
    let values: Vec<f32> = (0..40 * 70).map(|k| 1.0 + k as f32 / 1024.0).collect();
    let place = Place::new(&[40, 70], &values);
    for (options, must) in
        [("", vec![70; 40]), (" --axis 0", vec![32 * 70, 8 * 70]), (" --tile 16x16", vec![16 * 70, 16 * 70, 8 * 70])]
    {
        place.stdout(&format!("quantize --format mxfp4 in.npy out.npy --stats=rows.csv{options}"), "");
        let rows = fs::read_to_string(place.0.path().join("rows.csv")).unwrap();
        let elements: Vec<usize> =
            rows.lines().skip(1).map(|line| line.split(',').nth(1).unwrap().parse().unwrap()).collect();
        assert_eq!(elements, must, "{options}");
    }
    // A row of several pieces is one row.
    let place = Place::new(&[300_000], &vec![1.3; 300_000]);
    place.stdout("quantize --format e4m3 in.npy out.npy --stats=rows.csv", "");
    let rows = fs::read_to_string(place.0.path().join("rows.csv")).unwrap();
    assert_eq!(rows.lines().count(), 2, "{rows}");
    assert!(rows.lines().nth(1).unwrap().starts_with("0,300000,"), "{rows}");
}
