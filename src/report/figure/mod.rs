//! Figures as SVG and PDF: a chart of lines, spectra, a histogram, and what they are drawn with.

mod axis;
pub mod bars;
pub mod chart;
mod legend;
pub mod pdf;
pub mod pen;
pub mod spectrum;
