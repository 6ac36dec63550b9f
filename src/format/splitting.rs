//! Error-free splitting of the operands of a projection, so that its products are exact (Ozaki et al., 2012).

/// How the operands of a projection are split into components whose products are exact in f32: at most 24 bits together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Splitting {
    /// Significant bits of each component of x and of G, the largest component first.
    pub x: Vec<u32>,
    pub g: Vec<u32>,
    /// Components (of x, of G) that are multiplied, the largest product first. What is left out is below the last bit.
    pub products: Vec<(usize, usize)>,
}

impl Splitting {
    /// Nothing to multiply, nothing to split.
    pub fn whole() -> Splitting {
        Splitting { x: vec![24], g: vec![24], products: vec![(0, 0)] }
    }

    /// For operands of `x` and `g` significant bits, each at most 24.
    pub fn new(x: u32, g: u32) -> Splitting {
        let components = |bits: u32, width: u32| vec![width.min(bits); bits.div_ceil(width) as usize];
        if x > 16 && g > 16 {
            // The product of the two small components is below the last bit of the sum.
            return Splitting { x: vec![12; 2], g: vec![12; 2], products: vec![(0, 0), (0, 1), (1, 0)] };
        }
        let (x, g) = match (x <= 16, x + g <= 24) {
            (_, true) => (vec![x], vec![g]),
            (true, _) => (vec![x], components(g, 24 - x)),
            (false, _) => (components(x, 24 - g), vec![g]),
        };
        let products = (0..x.len()).flat_map(|i| (0..g.len()).map(move |j| (i, j))).collect();
        Splitting { x, g, products }
    }
}
