//! Risk as a model size: A(M), and its inverse.

/// The side of the measured sizes on which one lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outside {
    /// Smaller than the smallest: the risk is larger.
    Below,
    Above,
}

/// Risks as model sizes, by means of A at the sizes that were measured.
#[derive(Clone, Debug)]
pub struct Sizes<'a> {
    models: &'a [u32],
    /// A of each.
    approximation: &'a [f64],
}

impl<'a> Sizes<'a> {
    /// Both by M, ascending.
    pub fn new(models: &'a [u32], approximation: &'a [f64]) -> Sizes<'a> {
        Sizes { models, approximation }
    }

    /// The M whose A is this risk, log-log linear between measured sizes and beyond them; NaN where A does not fall.
    pub fn at(&self, risk: f64) -> f64 {
        let last = self.models.len().saturating_sub(2);
        let place = (0..last).find(|place| risk >= self.approximation[place + 1]).unwrap_or(last);
        let (Some([from, to]), Some([m, n])) =
            (self.approximation.get(place..place + 2), self.models.get(place..place + 2))
        else {
            return f64::NAN;
        };
        let slope = (libm::log(f64::from(*n)) - libm::log(f64::from(*m))) / libm::log(to / from);
        if slope < 0.0 { f64::from(*m) * libm::exp(slope * libm::log(risk / from)) } else { f64::NAN }
    }

    /// Where a risk lies that no measured size has, nor two of them have between them.
    pub fn outside(&self, risk: f64) -> Option<Outside> {
        match (self.approximation.first(), self.approximation.last()) {
            (Some(largest), _) if risk > *largest => Some(Outside::Below),
            (_, Some(smallest)) if risk < *smallest => Some(Outside::Above),
            _ => None,
        }
    }

    /// The measured size next to those outside; 0 of none.
    pub fn end(&self, outside: Outside) -> u32 {
        let end = match outside {
            Outside::Below => self.models.first(),
            Outside::Above => self.models.last(),
        };
        end.copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_risk_is_the_size_that_has_it() {
        let models = [8, 16, 32];
        let sizes = Sizes::new(&models, &[0.5, 0.25, 0.0625]);
        // A = 4/M, then 64/M^2; beyond both ends as the ends go.
        for (risk, size) in
            [(0.5, 8.0), (0.4, 10.0), (0.25, 16.0), (0.16, 20.0), (0.0625, 32.0), (0.04, 40.0), (1.0, 4.0)]
        {
            assert!((sizes.at(risk) - size).abs() < 1e-12 * size, "{risk}: {}", sizes.at(risk));
        }
        assert_eq!(
            [0.6, 0.5, 0.0625, 0.06].map(|risk| sizes.outside(risk)),
            [Some(Outside::Below), None, None, Some(Outside::Above)]
        );
        assert_eq!([Outside::Below, Outside::Above].map(|end| sizes.end(end)), [8, 32]);
        assert!(
            Sizes::new(&models, &[0.5, 0.5, 0.5]).at(0.5).is_nan() && Sizes::new(&models[..1], &[0.5]).at(0.5).is_nan()
        );
    }
}
