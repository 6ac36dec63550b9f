//! What rounding did to an array, and to each row of its blocks.

use rayon::prelude::*;
use serde_json::{Value, json};

use crate::codec::{NAN, SATURATED, UNDERFLOWED};
use crate::cpu::quantize::Rounding;
use crate::tensor::blocks::Blocks;

/// Elements whose sums are made by one thread, one after the other.
const RUN: usize = 1 << 13;

/// Sums over elements. Those of a number that became none, or was none, are in the counts alone.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Sums {
    elements: u64,
    saturated: u64,
    flushed: u64,
    not_finite: u64,
    /// Of x^2 and of (value - x)^2.
    signal: f64,
    noise: f64,
    /// The largest |value - x|.
    largest: f64,
}

impl Sums {
    fn of(inputs: &[u32], values: &[u32], flags: &[u8]) -> Sums {
        let mut sums = Sums { elements: inputs.len() as u64, ..Sums::default() };
        for ((x, value), flags) in inputs.iter().zip(values).zip(flags) {
            let (x, value) = (f64::from(f32::from_bits(*x)), f64::from(f32::from_bits(*value)));
            let is = |flag: u32| u64::from(u32::from(*flags) & flag != 0);
            sums.saturated += is(SATURATED);
            sums.flushed += is(UNDERFLOWED);
            let error = value - x;
            if is(NAN) == 1 || !error.is_finite() {
                sums.not_finite += 1;
                continue;
            }
            sums.signal += x * x;
            sums.noise += error * error;
            sums.largest = sums.largest.max(error.abs());
        }
        sums
    }

    /// The sums of both, first those of what comes first.
    fn add(&mut self, next: &Sums) {
        self.elements += next.elements;
        self.saturated += next.saturated;
        self.flushed += next.flushed;
        self.not_finite += next.not_finite;
        self.signal += next.signal;
        self.noise += next.noise;
        self.largest = self.largest.max(next.largest);
    }

    /// 10 log10 of the sum of squares over that of the errors; `None` where one of them is zero.
    fn sqnr(&self) -> Option<f64> {
        (self.signal > 0.0 && self.noise > 0.0).then(|| 10.0 * libm::log10(self.signal / self.noise))
    }

    fn mean_squared_error(&self) -> f64 {
        self.noise / (self.elements - self.not_finite).max(1) as f64
    }

    fn share(&self, count: u64) -> f64 {
        count as f64 / self.elements.max(1) as f64
    }

    pub fn document(&self) -> Value {
        json!({
            "sqnr_db": self.sqnr(),
            "mean_squared_error": self.mean_squared_error(),
            "largest_error": self.largest,
            "saturated": self.share(self.saturated),
            "flushed": self.share(self.flushed),
            "not_finite": self.share(self.not_finite),
        })
    }

    pub fn line(&self) -> String {
        let sqnr = self.sqnr().map_or("SQNR -".to_string(), |sqnr| format!("SQNR {sqnr:.2} dB"));
        let percent = |count: u64| 100.0 * self.share(count);
        format!(
            "{sqnr}, mean squared error {:e}, largest error {:e}, {:.3} % saturated, {:.3} % flushed to 0",
            self.mean_squared_error(),
            self.largest,
            percent(self.saturated),
            percent(self.flushed)
        )
    }
}

/// The columns of a row's line.
pub const COLUMNS: &str = "row,elements,sqnr_db,mean_squared_error,largest_error,saturated,flushed,not_finite\n";

/// The sums of an array that is rounded batch by batch: they depend on neither batches nor threads.
pub struct Stats {
    strips: Box<dyn Iterator<Item = usize>>,
    /// Elements that the current row of blocks is yet to get.
    left: usize,
    row: u64,
    of_row: Sums,
    pub of_all: Sums,
}

impl Stats {
    pub fn new(blocks: Blocks) -> Stats {
        let (row, of_row, of_all) = (0, Sums::default(), Sums::default());
        Stats { strips: Box::new(blocks.strips()), left: 0, row, of_row, of_all }
    }

    /// Adds a batch; `lines` gets one for each row of blocks that it ends.
    pub fn add(&mut self, inputs: &[u32], rounding: &Rounding, lines: &mut String) {
        let mut pieces = Vec::new();
        let mut at = 0;
        while at < inputs.len() {
            if self.left == 0 {
                self.left = self.strips.next().unwrap_or(inputs.len());
            }
            let count = self.left.min(inputs.len() - at).min(RUN);
            self.left -= count;
            pieces.push((at, count, self.left == 0));
            at += count;
        }
        let sums = |&(at, count, _): &(usize, usize, bool)| {
            let range = at..at + count;
            Sums::of(&inputs[range.clone()], &rounding.values[range.clone()], &rounding.flags[range])
        };
        let sums: Vec<Sums> = pieces.par_iter().map(sums).collect();
        for (sums, (.., is_last)) in sums.iter().zip(&pieces) {
            self.of_row.add(sums);
            if *is_last {
                self.end_row(lines);
            }
        }
    }

    fn end_row(&mut self, lines: &mut String) {
        let sums = std::mem::take(&mut self.of_row);
        let sqnr = sums.sqnr().map_or(String::new(), |sqnr| format!("{sqnr:?}"));
        let shares = [sums.saturated, sums.flushed, sums.not_finite].map(|count| format!("{:?}", sums.share(count)));
        lines.push_str(&format!(
            "{},{},{sqnr},{:?},{:?},{}\n",
            self.row,
            sums.elements,
            sums.mean_squared_error(),
            sums.largest,
            shares.join(",")
        ));
        self.row += 1;
        self.of_all.add(&sums);
    }
}
