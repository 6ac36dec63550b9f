//! What every kind of panel comes to.

use super::quantized_test::TestLine;
use crate::report::curves::Chart;
use crate::report::settings::Settings;
use crate::report::variables::Risk;

/// All that shares every setting but M, N and the recipe, or these and the step size.
#[derive(Clone, Debug, PartialEq)]
pub struct Panel {
    pub settings: Settings,
    /// The step sizes among which each point has its best, ascending; empty where there is but the one in the
    /// settings.
    pub best_of: Vec<f64>,
    pub risk: Risk,
    /// In `Axis::ALL` order.
    pub charts: Vec<Chart>,
    pub tests: Vec<TestLine>,
}
