//! Idealised laws in place of a format, and their options.

use super::option::{Allowed, Kind, OptionRow, Setting, Unset, number, set, truths, word};
use crate::words::words;

/// How an idealised noise law joins a value u; e = sqrt(eps), n has mean 0 and variance 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::IntoStaticStr, strum::VariantArray)]
#[strum(serialize_all = "kebab-case")]
pub enum Noise {
    /// u + e n, one n per element.
    Additive,
    /// u (1 + e n), one n per element.
    Relative,
    /// u (1 + e n), one n per vector.
    Multiplicative,
}

impl Noise {
    pub fn name(self) -> &'static str {
        self.into()
    }
}

/// The distribution of n.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::IntoStaticStr, strum::VariantArray)]
#[strum(serialize_all = "kebab-case")]
#[repr(u32)]
pub enum Law {
    Gaussian = 0,
    /// The Rademacher distribution: +1 or -1, each with probability 1/2.
    TwoPoint = 1,
}

impl Law {
    pub fn name(self) -> &'static str {
        self.into()
    }
}

/// A law with every option, as its table reads and writes it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LawOptions {
    pub noise: Noise,
    pub eps: f64,
    pub law: Law,
    /// One draw per batch.
    pub shared: bool,
    /// Whether it stands where a sample has one value, so that a batch can share a draw.
    pub per_sample: bool,
}

impl LawOptions {
    /// With the defaults; `noise` and `eps` have none.
    pub fn new(per_sample: bool) -> LawOptions {
        LawOptions { noise: Noise::Additive, eps: 0.0, law: Law::Gaussian, shared: false, per_sample }
    }

    /// As texts tell it: where a batch shares no draw, they leave the option out.
    pub(super) fn told(noise: Noise, eps: f64, law: Law, shared: bool) -> LawOptions {
        LawOptions { noise, eps, law, shared, per_sample: shared }
    }
}

type Row = OptionRow<LawOptions>;

/// In the order in which texts list them.
pub const LAW_OPTIONS: &[Row] = &[
    Row {
        name: "noise",
        kind: Kind::Name,
        help: "An idealised law in place of a format: {}",
        allowed: Allowed::Words(words::<Noise>),
        unset: Unset::Nothing,
        read: |law, value| set(&mut law.noise, word(value)),
        write: |law| Some(Setting::Word(law.noise.name())),
        ..Row::FREE
    },
    Row {
        name: "eps",
        kind: Kind::Law,
        help: "Variance of the law's error",
        allowed: Allowed::Text("a number from 2^-96 to 1e6, as 0.01"),
        unset: Unset::Required,
        read: |law, value| set(&mut law.eps, number(value).filter(|eps| (2f64.powi(-96)..=1e6).contains(eps))),
        write: |law| Some(Setting::Number(law.eps)),
        always: |_| true,
        ..Row::FREE
    },
    Row {
        name: "law",
        kind: Kind::Law,
        help: "Distribution of the law's error: {}",
        allowed: Allowed::Words(words::<Law>),
        read: |law, value| set(&mut law.law, word(value)),
        write: |law| Some(Setting::Word(law.law.name())),
        always: |_| true,
        ..Row::FREE
    },
    Row {
        name: "shared_batch",
        kind: Kind::Law,
        help: "Whether a batch shares one draw: {}",
        allowed: Allowed::Words(truths),
        applies: |law| law.per_sample,
        read: |law, value| set(&mut law.shared, value.as_bool()),
        write: |law| Some(Setting::Truth(law.shared)),
        ..Row::FREE
    },
];
