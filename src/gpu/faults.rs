//! Faults of a device, for tests of what becomes of them.

use super::Gpu;

/// What may happen to a device at any moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It goes away, as when a driver resets it.
    Lost,
    /// It is given a shader that does not compile.
    Shader,
    /// It says that it has no memory for a buffer.
    Memory,
}

impl Gpu {
    /// Lets the device meet a fault, now.
    #[doc(hidden)]
    pub fn meet(&self, fault: Fault) {
        self.context.meet(fault);
    }
}
