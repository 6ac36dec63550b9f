//! What every kind of panel comes to.

use super::quantized_test::TestLine;
use crate::report::curves::Chart;
use crate::report::settings::PanelSettings;
use crate::report::variables::RiskKind;

/// All that shares every setting but M, N and the recipe, or these and the step size.
#[derive(Clone, Debug, PartialEq)]
pub struct Panel {
    pub settings: PanelSettings,
    /// The step sizes among which each point has its best, ascending; empty where there is but the one in the
    /// settings.
    pub best_of: Vec<f64>,
    pub risk: RiskKind,
    /// In `Axis::ALL` order.
    pub charts: Vec<Chart>,
    pub tests: Vec<TestLine>,
}
