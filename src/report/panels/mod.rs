//! The panels of a report: one kind a file.

mod best;
mod panel;
mod plain;
mod quantized_test;

pub use self::panel::Panel;
pub use self::quantized_test::TestLine;
use super::cells::Cells;

/// Plain panels in order of first appearance, then those of the best step sizes.
pub fn panels(cells: &Cells) -> Vec<Panel> {
    plain::panels(cells).chain(best::panels(cells)).collect()
}
