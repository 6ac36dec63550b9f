//! Grids that round weights in the pass that makes them: to nearest, saturating, alone or with a power of two for each row
//! of lanes. What `usual` does with values in memory, for values that are still in registers.

use super::block::Scale;
use super::grid::is_rarer;
use super::largest_of;
use super::usual::{Grid, nearest_even};
use crate::codec::{DIVERGED, MAGNITUDE};
use crate::cpu::lanes::{LANES, flush48};
use crate::format::direction::NEAREST_EVEN;
use crate::format::{QuantOp, class, policy};
use crate::site::Counts;

/// One of a kind in [`Fused::row`]'s counts: a lane sees at most 2^7 rows, all lanes 2^12 elements.
const ONE_UNDERFLOWED: u32 = 1;
const ONE_SATURATED: u32 = 1 << 16;

/// An operation that rounds so, at the parameter site: no result is moved by a unit there.
pub struct Fused {
    grid: Grid,
    /// Unset where nothing is shared.
    scale: Option<Scale>,
}

impl Fused {
    /// `None`: the operation is not of this kind.
    pub fn new(op: &QuantOp) -> Option<Fused> {
        let shares = op.kind == class::BLOCK && op.block == LANES as u32;
        let is_usual = op.rounding == NEAREST_EVEN && !op.has(policy::OVERFLOWS) && !is_rarer(op);
        // No weight of a run that goes on is as large as this.
        let most = (DIVERGED >> 23) as i32 - 127 - op.emax;
        let (grid, down) = Grid::new(op, if shares { most } else { 0 });
        // Alone no result falls below the floor.
        let fits = shares || op.kind == class::SCALAR && op.lsb_min >= -48;
        (is_usual && fits && down == 0).then(|| Fused { grid, scale: shares.then(|| Scale::new(op)) })
    }

    pub fn shares(&self) -> bool {
        self.scale.is_some()
    }

    /// Rounds a row of weights of a run that goes on; of another the result is nothing anybody reads.
    #[inline(always)]
    pub fn row<const SHARES: bool>(&self, weights: &[f32; LANES], counted: &mut [u32; LANES]) -> [f32; LANES] {
        let scale = match &self.scale {
            Some(scale) if SHARES => scale.of(largest_of(weights)),
            _ => 0,
        };
        let (least, largest) = (self.grid.least(scale), self.grid.largest(scale));
        let mut rounded = [0.0; LANES];
        for l in 0..LANES {
            let (weight, sign) = (weights[l], weights[l].to_bits() & !MAGNITUDE);
            let value = nearest_even(weight, self.grid.normal(weight).max(least));
            let over = value.abs() > largest;
            let underflowed = (value == 0.0) & (weight != 0.0);
            counted[l] += if over { ONE_SATURATED } else { 0 } | if underflowed { ONE_UNDERFLOWED } else { 0 };
            let kept = if over { f32::from_bits(largest.to_bits() | sign) } else { value };
            rounded[l] = if SHARES { flush48(kept) } else { kept };
        }
        rounded
    }
}

/// What all rows were counted as.
#[inline(always)]
pub fn counts_of(counted: &[u32; LANES]) -> Counts {
    let all: u32 = counted.iter().sum();
    Counts { saturated: (all / ONE_SATURATED).into(), underflowed: (all % ONE_SATURATED).into(), nan: 0 }
}
