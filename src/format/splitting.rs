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

#[cfg(test)]
mod tests {
    use super::Splitting;
    use crate::codec::{component, round_significand};

    /// A number from 1 to 2 of at most so many significant bits.
    fn operand(word: u32, significand: u32) -> f32 {
        f32::from_bits(round_significand(0x3f80_0000 | word >> 9, significand))
    }

    fn components(mut rest: f32, bits: &[u32]) -> Vec<f64> {
        let components = bits.iter().map(|&bits| component(&mut rest, bits).into()).collect();
        assert_eq!(rest, 0.0, "a remainder behind {bits:?}");
        components
    }

    #[test]
    fn products_of_components_are_exact_and_add_up_to_the_product() {
        for (x_bits, g_bits) in (1..=24).flat_map(|x| (1..=24).map(move |g| (x, g))) {
            let splitting = Splitting::new(x_bits, g_bits);
            let left_out = if x_bits > 16 && g_bits > 16 { 2f64.powi(-24) } else { 0.0 };
            for k in 0..200u32 {
                let word = |tag: u32| (2 * k + tag + 1).wrapping_mul(2_654_435_761);
                let (x, g) = (operand(word(0), x_bits), operand(word(1), g_bits));
                let (xs, gs) = (components(x, &splitting.x), components(g, &splitting.g));
                let mut sum = 0.0;
                for &(i, j) in &splitting.products {
                    let product = xs[i] * gs[j];
                    assert_eq!(f64::from(product as f32), product, "{x_bits} by {g_bits} bits: {x} {g}");
                    sum += product;
                }
                let product = f64::from(x) * f64::from(g);
                assert!((sum - product).abs() <= left_out * product, "{x_bits} by {g_bits} bits: {x} {g}");
            }
        }
    }
}
