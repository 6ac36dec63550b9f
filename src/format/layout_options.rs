//! The options that say which values a float or a logarithmic format has: rows of [`super::FORMAT_OPTIONS`].

use super::limits::{bias, biases, is_other_logarithm};
use super::option::{Allowed, Kind, OptionRow, Setting, Unset, set, truths, word};
use super::{Layout, MAX_BASE_FACTOR, Quantizer, Specials};
use crate::words::words;

type Row = OptionRow<Quantizer>;

pub(super) const BASE_FACTOR: Row = Row {
    name: "base_factor",
    kind: Kind::Layout,
    help: "Of logarithmic formats: values per octave, 1 to 16",
    allowed: Allowed::Text("a whole number from 1 to 16"),
    unset: Unset::Layout,
    applies: |q| matches!(q.layout, Layout::Logarithmic { .. }),
    read: |q, value| match &mut q.layout {
        Layout::Logarithmic { base_factor, .. } => {
            let whole = value.as_integer().and_then(|v| u32::try_from(v).ok());
            set(base_factor, whole.filter(|v| (1..=MAX_BASE_FACTOR).contains(v)))
        }
        _ => false,
    },
    write: |q| match q.layout {
        Layout::Logarithmic { base_factor, .. } => Some(Setting::Whole(base_factor.into())),
        _ => None,
    },
    always: is_other_logarithm,
    ..Row::FREE
};

pub(super) const BIAS: Row = Row {
    name: "bias",
    kind: Kind::Layout,
    help: "Exponent bias of a float format; of a logarithmic one the code of 1",
    allowed: Allowed::Text("a whole number with which every value is an f32"),
    unset: Unset::Layout,
    applies: |q| matches!(q.layout, Layout::Float(_) | Layout::Logarithmic { .. }),
    read: |q, value| {
        let whole = value.as_integer().and_then(|v| i32::try_from(v).ok());
        bias(&mut q.layout).is_some_and(|bias| set(bias, whole))
    },
    limits: |q| {
        let ((low, high), mut layout) = (biases(q), q.layout);
        let fits = bias(&mut layout).is_some_and(|bias| (low..=high).contains(bias));
        Some((fits, format!("a whole number from {low} to {high}, so that every value is an f32")))
    },
    write: |q| bias(&mut { q.layout }).map(|bias| Setting::Whole((*bias).into())),
    always: is_other_logarithm,
};

pub(super) const SPECIALS: Row = Row {
    name: "specials",
    kind: Kind::Layout,
    help: "What the top codes of a float format are: {}",
    allowed: Allowed::Words(words::<Specials>),
    unset: Unset::Layout,
    applies: |q| matches!(q.layout, Layout::Float(_)),
    read: |q, value| match &mut q.layout {
        Layout::Float(float) => set(&mut float.specials, word(value)),
        _ => false,
    },
    write: |q| match q.layout {
        Layout::Float(float) => Some(Setting::Word(float.specials.name())),
        _ => None,
    },
    ..Row::FREE
};

pub(super) const GRADUAL_UNDERFLOW: Row = Row {
    name: "gradual_underflow",
    kind: Kind::Layout,
    help: "Whether a float format has subnormal numbers: {}",
    allowed: Allowed::Words(truths),
    applies: |q| matches!(q.layout, Layout::Float(_)),
    read: |q, value| match &mut q.layout {
        Layout::Float(float) => set(&mut float.gradual, value.as_bool()),
        _ => false,
    },
    limits: |q| match q.layout {
        Layout::Float(float) if float.max_code() < 1 << float.mantissa => Some((
            float.gradual,
            "true: with these specials all numbers are subnormal, and without them there is no number but 0".into(),
        )),
        _ => None,
    },
    write: |q| match q.layout {
        Layout::Float(float) => Some(Setting::Truth(float.gradual)),
        _ => None,
    },
    ..Row::FREE
};
