//! What is drawn against what.

/// What a curve is drawn against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Axis {
    /// Against the model size M, at the panel's largest N.
    Model,
    /// Against the samples N, at the panel's largest M.
    Samples,
}

impl Axis {
    pub const ALL: [Axis; 2] = [Axis::Model, Axis::Samples];

    /// Column name of the variable, also used in file names.
    pub fn name(self) -> &'static str {
        match self {
            Axis::Model => "model",
            Axis::Samples => "samples",
        }
    }

    /// The variable as a formula has it.
    pub fn symbol(self) -> &'static str {
        match self {
            Axis::Model => "M",
            Axis::Samples => "N",
        }
    }

    /// The variable as the axis of a figure names it.
    pub fn label(self) -> &'static str {
        match self {
            Axis::Model => "model size M",
            Axis::Samples => "samples N",
        }
    }

    /// The variable held while this one is drawn.
    pub fn other(self) -> Axis {
        match self {
            Axis::Model => Axis::Samples,
            Axis::Samples => Axis::Model,
        }
    }
}

/// Which risk a panel shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RiskKind {
    Reducible,
    /// Mean squared error on held-out rows: shown where no run has a reducible risk, as for a user's data.
    HeldOut,
}

impl RiskKind {
    /// Column name.
    pub fn name(self) -> &'static str {
        match self {
            RiskKind::Reducible => "reducible",
            RiskKind::HeldOut => "held_out",
        }
    }

    /// The risk as the axis of a figure names it.
    pub fn label(self) -> &'static str {
        match self {
            RiskKind::Reducible => "reducible risk",
            RiskKind::HeldOut => "held-out risk",
        }
    }
}
