//! How kernels count what a quantizer did: the words of a tally, which shaders/site.wgsl names alike.

use crate::twin::constants;

constants! {
    /// Words of a tally: saturated, underflowed, nan.
    pub const TALLY: u32 = 3;
    pub const TALLY_NAN: u32 = 2;
    /// Words of the tally of a feature vector: the last says whether a nan stands behind any z.
    pub const FEATURE_TALLY: u32 = 4;
    pub const TALLY_NAN_BEHIND: u32 = 3;
}
