//! What an adapter's peaks allow a kernel at most: the slowest of the things that an element of its work cannot do
//! without.

/// What was measured, per second.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Peaks {
    /// f32 multiply-adds, which may be fused.
    pub multiply_adds: f64,
    /// f32 multiply-adds of which both parts are rounded; on the CPU they are two instructions of the former.
    pub opaque: f64,
    /// u32 additions, rotations and XORs.
    pub integers: f64,
    /// Bytes read and written by a copy.
    pub bytes: f64,
}

/// What one element of a kernel's work takes at least.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Cost {
    pub multiply_adds: f64,
    pub opaque: f64,
    pub integers: f64,
    /// Of memory beyond caches.
    pub bytes: f64,
}

/// A rate that a peak allows, and that peak's name.
#[derive(Clone, Debug, PartialEq)]
pub struct Bound {
    pub rate: f64,
    pub by: &'static str,
}

/// u32 operations of a random word: a counter's 13 rounds of two sums, rotations and XORs and 19 sums with the key give
/// four words.
pub const WORD: f64 = (13.0 * 6.0 + 19.0) / 4.0;
/// Of a normal from its word, as shaders/normal.wgsl has it, the table's index counted once; of its scaling and
/// rounding to 16 bits with a floor.
pub const NORMAL: f64 = 22.0;
pub const GRID: f64 = 11.0;
/// Bytes of an f32.
pub const F32: f64 = 4.0;

impl Peaks {
    /// The bound of a kernel; `None` of one that takes nothing that is measured.
    pub fn bound(&self, cost: &Cost) -> Option<Bound> {
        let of = [
            ("f32 multiply-add", cost.multiply_adds, self.multiply_adds),
            ("opaque multiply-add", cost.opaque, self.opaque),
            ("u32 operations", cost.integers, self.integers),
            ("copy", cost.bytes, self.bytes),
        ];
        let bounds = of.into_iter().filter(|(_, amount, peak)| *amount > 0.0 && *peak > 0.0);
        let bounds = bounds.map(|(by, amount, peak)| Bound { rate: peak / amount, by });
        bounds.min_by(|a, b| a.rate.total_cmp(&b.rate))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scarcest_peak_is_the_bound() {
        let peaks = Peaks { multiply_adds: 100.0, opaque: 10.0, integers: 50.0, bytes: 80.0 };
        let bound = |cost: Cost| peaks.bound(&cost).map(|bound| (bound.rate, bound.by));
        assert_eq!(bound(Cost { multiply_adds: 1.0, bytes: 1.0, ..Cost::default() }), Some((80.0, "copy")));
        assert_eq!(bound(Cost { opaque: 2.0, integers: 1.0, ..Cost::default() }), Some((5.0, "opaque multiply-add")));
        assert_eq!(bound(Cost::default()), None);
    }
}
