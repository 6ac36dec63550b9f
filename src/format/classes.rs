//! Which classes of formats a pipeline knows.

use std::ops::BitOr;

/// Groups of classes. Every pipeline knows grids, blocks of them, and laws; of the groups here it knows those that its
/// operations are of, since each makes it longer to compile.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Classes(u32);

impl Classes {
    /// No group: grids, blocks of them, and laws.
    pub const GRIDS: Classes = Classes(0);
    /// Values that are multiplied before they are rounded, roots and powers of two.
    pub const SCALED: Classes = Classes(1);
    pub const POSIT: Classes = Classes(2);
    /// Every group, with the constant of the shaders that says whether a pipeline knows it.
    pub const GROUPS: &[(&str, Classes)] = &[("HAS_SCALED", Classes::SCALED), ("HAS_POSIT", Classes::POSIT)];

    /// Every group.
    pub fn all() -> Classes {
        Classes::GROUPS.iter().map(|(_, group)| *group).collect()
    }

    /// Whether all of these groups are among its own.
    pub fn contain(self, groups: Classes) -> bool {
        self.0 & groups.0 == groups.0
    }
}

impl BitOr for Classes {
    type Output = Classes;

    fn bitor(self, other: Classes) -> Classes {
        Classes(self.0 | other.0)
    }
}

impl FromIterator<Classes> for Classes {
    fn from_iter<I: IntoIterator<Item = Classes>>(groups: I) -> Classes {
        groups.into_iter().fold(Classes::GRIDS, Classes::bitor)
    }
}
