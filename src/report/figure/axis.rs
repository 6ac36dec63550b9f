//! An axis, logarithmic, even or both, whose ticks fall on values a reader can use.

use std::f64::consts::LN_10;
use std::ops::Range;

use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, Ranged, ValueFormatter};

/// How far apart values are on an axis.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Scale {
    Even,
    Decades,
    /// asinh(v / 2u) / ln 10: decades of either sign beyond the unit u, even within it.
    Symmetric(f64),
}

impl Scale {
    fn place(self, value: f64) -> f64 {
        match self {
            Scale::Even => value,
            Scale::Decades => value.log10(),
            Scale::Symmetric(unit) => (value / (2.0 * unit)).asinh() / LN_10,
        }
    }

    fn value(self, place: f64) -> f64 {
        match self {
            Scale::Even => place,
            Scale::Decades => 10_f64.powf(place),
            Scale::Symmetric(unit) => 2.0 * unit * (place * LN_10).sinh(),
        }
    }
}

/// Axis with chosen ticks.
#[derive(Clone, Debug)]
pub struct Axis {
    /// Ends, as places of the scale.
    low: f64,
    high: f64,
    ticks: Vec<(f64, String)>,
    /// Between ticks, without names.
    minor: Vec<f64>,
    scale: Scale,
}

impl Axis {
    /// Axis for the few values of a variable the user chose: the ticks are the values themselves.
    /// Labels that would come closer than 1/9 of the axis are left out.
    pub fn of_values(values: &[f64]) -> Self {
        let (low, high) = ends(values, 0.06, 0.6);
        let powers = values.iter().all(|v| v.log2().fract() == 0.0);
        let largest = values.iter().copied().fold(0.0, f64::max);
        let mut ticks: Vec<(f64, String)> = Vec::new();
        for &value in values {
            let near = ticks.last().is_some_and(|(last, _)| (value.log10() - last.log10()) / (high - low) < 1.0 / 9.0);
            if near {
                continue;
            }
            let label = match () {
                () if largest < 1e5 => value.to_string(),
                () if powers => format!("2{}", superscript(value.log2() as i32)),
                () => scientific(value, 2),
            };
            ticks.push((value, label));
        }
        let left_out = values.iter().copied().filter(|value| ticks.iter().all(|(tick, _)| tick != value)).collect();
        Self { low, high, ticks, minor: left_out, scale: Scale::Decades }
    }

    /// Axis for measured values: decades, 1-2-5 steps within few decades, even steps within one.
    pub fn of_measures(values: &[f64]) -> Self {
        let (low, high) = ends(values, 0.05, 0.04);
        let ticks = match high - low {
            decades if decades >= 2.2 => decade_ticks(low, high),
            decades if decades >= 1.0 => step_ticks(low, high),
            _ => even_ticks(10_f64.powf(low), 10_f64.powf(high)),
        };
        let minor = if high - low >= 1.0 { digits(low, high, &ticks) } else { halves(&ticks) };
        let inside = |value: &f64| (low..=high).contains(&value.log10());
        Self { low, high, minor: minor.into_iter().filter(inside).collect(), ticks, scale: Scale::Decades }
    }

    /// Axis for values of either sign, with zero on it: even, or where they reach from `unit`, the least of what is told
    /// from zero, over more than a decade and a half, symmetric with decades on both sides.
    pub fn of_differences(values: &[f64], unit: f64) -> Self {
        const EVEN: f64 = 30.0;
        const DECADES: f64 = 1e6;
        let finite = || values.iter().copied().filter(|v| v.is_finite()).chain([0.0]);
        let largest = finite().fold(0.0, |most: f64, v| most.max(v.abs()));
        let unit = unit.max(largest / DECADES);
        let scale = if largest > EVEN * unit { Scale::Symmetric(unit) } else { Scale::Even };
        let places = || finite().map(|v| scale.place(v));
        let (low, high) = places().fold((f64::MAX, f64::MIN), |(l, h), v| (l.min(v), h.max(v)));
        let margin = (0.06 * (high - low)).max(f64::MIN_POSITIVE);
        let (low, high) = if low < high { (low - margin, high + margin) } else { (-1.0, 1.0) };
        let (ticks, minor) = match scale {
            Scale::Symmetric(unit) => symmetric_ticks(scale.value(low), scale.value(high), unit),
            _ => {
                let ticks = even_ticks(low, high);
                let minor = halves(&ticks);
                (ticks, minor)
            }
        };
        Self { low, high, ticks, minor, scale }
    }

    /// Where the axis has a mark without a name.
    pub fn minor(&self) -> &[f64] {
        &self.minor
    }

    /// Ends, as values.
    pub fn ends(&self) -> (f64, f64) {
        (self.scale.value(self.low), self.scale.value(self.high))
    }
}

/// Digits times powers of ten, without those that are ticks.
fn digits(low: f64, high: f64, ticks: &[(f64, String)]) -> Vec<f64> {
    let all = (low.floor() as i32..=high.ceil() as i32).flat_map(|e| (1..10).map(move |m| decimal(f64::from(m), e)));
    all.filter(|value| ticks.iter().all(|(tick, _)| tick != value)).collect()
}

/// Half way between ticks.
fn halves(ticks: &[(f64, String)]) -> Vec<f64> {
    ticks.windows(2).map(|pair| (pair[0].0 + pair[1].0) / 2.0).collect()
}

/// Ends with a margin, at least `least` decades apart.
fn ends(values: &[f64], margin: f64, least: f64) -> (f64, f64) {
    let logs = values.iter().filter(|v| **v > 0.0 && v.is_finite()).map(|v| v.log10());
    let (low, high) = logs.fold((f64::MAX, f64::MIN), |(l, h), v| (l.min(v), h.max(v)));
    if low > high {
        return (-1.0, 0.0);
    }
    let margin = (margin * (high - low)).max((least - (high - low)) / 2.0);
    (low - margin, high + margin)
}

fn decade_ticks(low: f64, high: f64) -> Vec<(f64, String)> {
    let stride = ((high - low) / 6.0).ceil().max(1.0) as i32;
    (low.ceil() as i32..=high.floor() as i32)
        .filter(|e| e.rem_euclid(stride) == 0)
        .map(|e| (10_f64.powi(e), format!("10{}", superscript(e))))
        .collect()
}

/// Zero, and decades on both sides: about six have names, on each side the outermost; the others are marks.
fn symmetric_ticks(from: f64, to: f64, unit: f64) -> (Vec<(f64, String)>, Vec<f64>) {
    let first = unit.log10().ceil() as i32;
    let decades = |end: f64| (first..=end.log10().floor() as i32).rev().collect::<Vec<_>>();
    let sides = [("-", -1.0, -from), ("", 1.0, to)].map(|(sign, one, end)| (sign, one, decades(end.max(unit))));
    let stride = sides.iter().map(|(.., decades)| decades.len()).sum::<usize>().div_ceil(6).max(1);
    let (mut ticks, mut minor) = (vec![(0.0, "0".to_owned())], Vec::new());
    for (sign, one, decades) in sides {
        for (place, exponent) in decades.into_iter().enumerate() {
            let value = decimal(one, exponent);
            match place % stride {
                0 => ticks.push((value, format!("{sign}10{}", superscript(exponent)))),
                _ => minor.push(value),
            }
        }
    }
    ticks.sort_by(|(a, _), (b, _)| a.total_cmp(b));
    (ticks, minor)
}

fn step_ticks(low: f64, high: f64) -> Vec<(f64, String)> {
    let inside = |v: &f64| (low..=high).contains(&v.log10());
    let values: Vec<f64> = (low.floor() as i32..=high.floor() as i32)
        .flat_map(|e| [1.0, 2.0, 5.0].map(|m| decimal(m, e)))
        .filter(inside)
        .collect();
    let plain = is_plain(&values);
    let label = |v: f64| {
        if plain { v.to_string() } else { scientific(v, 0) }
    };
    values.into_iter().map(|v| (v, label(v))).collect()
}

/// Steps of 1, 2 or 5 times a power of ten, about five of them.
fn even_ticks(from: f64, to: f64) -> Vec<(f64, String)> {
    let rough = (to - from) / 5.0;
    if !rough.is_normal() {
        return Vec::new();
    }
    let exponent = rough.log10().floor() as i32;
    let step = [1.0, 2.0, 5.0, 10.0].map(|m| decimal(m, exponent));
    let step = step.into_iter().find(|s| *s >= rough).unwrap_or(rough);
    let last = (to / step).floor();
    let values: Vec<f64> =
        (0..12).map(|i| (from / step).ceil() + f64::from(i)).filter(|n| *n <= last).map(|n| n * step).collect();
    let plain = is_plain(&values);
    let places = |v: f64| (v.abs().log10().floor() - (step.log10() + 1e-9).floor()).max(0.0) as usize;
    let label = |v: f64| {
        let fraction = (-(step.log10() + 1e-9).floor()).max(0.0) as usize;
        if plain { format!("{v:.fraction$}") } else { scientific(v, places(v)) }
    };
    values.into_iter().map(|v| (v, label(v))).collect()
}

/// Whether all values read well without an exponent.
fn is_plain(values: &[f64]) -> bool {
    values.iter().all(|v| *v == 0.0 || (0.9e-3..1e5).contains(&v.abs()))
}

/// `mantissa` times ten to the `exponent`, rounded as a decimal literal would be.
fn decimal(mantissa: f64, exponent: i32) -> f64 {
    format!("{mantissa}e{exponent}").parse().unwrap_or(0.0)
}

/// `2.5×10⁻³`: at most `places` decimals in the mantissa, a mantissa of 1 left out.
fn scientific(value: f64, places: usize) -> String {
    if value == 0.0 {
        return "0".into();
    }
    let text = format!("{value:.places$e}");
    let Some((mantissa, exponent)) = text.split_once('e') else {
        return text;
    };
    let power = format!("10{}", superscript(exponent.parse().unwrap_or(0)));
    let short = match mantissa.contains('.') {
        true => mantissa.trim_end_matches('0').trim_end_matches('.'),
        false => mantissa,
    };
    if short == "1" { power } else { format!("{short}×{power}") }
}

fn superscript(value: i32) -> String {
    const DIGITS: [char; 10] = ['⁰', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹'];
    let digit = |c: char| c.to_digit(10).map_or('⁻', |d| DIGITS[d as usize]);
    value.to_string().chars().map(digit).collect()
}

impl Ranged for Axis {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, limit: (i32, i32)) -> i32 {
        let place = ((self.scale.place(*value) - self.low) / (self.high - self.low)).clamp(0.0, 1.0);
        limit.0 + (place * f64::from(limit.1 - limit.0)).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, _: Hint) -> Vec<f64> {
        self.ticks.iter().map(|(value, _)| *value).collect()
    }

    fn range(&self) -> Range<f64> {
        let (low, high) = self.ends();
        low..high
    }
}

impl ValueFormatter<f64> for Axis {
    fn format(value: &f64) -> String {
        value.to_string()
    }

    fn format_ext(&self, value: &f64) -> String {
        let label = self.ticks.iter().find(|(tick, _)| tick == value);
        label.map_or_else(String::new, |(_, label)| label.replace('-', "−"))
    }
}
