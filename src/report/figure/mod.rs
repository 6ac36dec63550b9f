//! Figures as SVG: a chart of curves, a measured spectrum, and what both are drawn with.

mod axis;
pub mod chart;
mod legend;
pub mod pen;
pub mod spectrum;
