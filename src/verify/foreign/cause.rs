//! What another implementation may do otherwise, and what it would have stored.

use std::borrow::Cow;

use rayon::prelude::*;

use super::case::{Blocked, Case, Codec, Cut, Stored};
use super::parts::{Element, code_at};
use crate::codec::{quantize, stored};
use crate::format::{Format, Layout, QuantOp, Quantizer};

/// A cause of differences.
pub struct Cause {
    pub name: String,
    pub habit: Habit,
}

/// What is done otherwise; all else is as the format asks for.
pub enum Habit {
    /// It is another format, or has other options.
    Format(Quantizer),
    /// Other elements share a scale.
    Cut(Cut),
    /// A two-level format has another scale of the tensor.
    TensorScale(f32),
    /// Values are rounded to a format before, by its defaults.
    Through(&'static Format),
    /// Values are others before: f32 bits of an element.
    Input(fn(&Case, usize) -> u32),
    /// The largest magnitude of each block is another, as bits.
    Largest(fn(&Case) -> Vec<u32>),
    /// A block with that largest magnitude has another scale.
    Scale(fn(&QuantOp, u32) -> u32),
    /// A block uses the scale of another one to find its codes, or has it stored, or both.
    Place { of: fn(&Case, usize) -> usize, is_used: bool, is_stored: bool },
    /// Another byte is stored for a scale.
    ScaleByte(fn(&QuantOp, u32) -> u32),
    /// An element has another code.
    Code(fn(&QuantOp, Element) -> u32),
    /// An element has another code, and the code another value; the second as bits.
    Number(fn(&QuantOp, Element) -> (u32, u32)),
    /// An element of that input has another value, both as bits.
    Value(fn(u32, u32) -> u32),
    /// The codes of two neighbours are exchanged.
    Swap,
}

/// What `quantize` has to be told to do the same.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Repeat {
    pub quantizer: Quantizer,
    /// What values are rounded to before.
    pub through: Option<&'static Format>,
    pub cut: Cut,
    /// That of a two-level format, where it is not as the case has it.
    pub tensor_scale: Option<f32>,
    /// The codes of two neighbours are exchanged.
    pub is_swapped: bool,
}

impl Cause {
    pub fn new(name: impl Into<String>, habit: Habit) -> Cause {
        Cause { name: name.into(), habit }
    }

    /// What an implementation with this habit gives for each element; `None` if its files would have other shapes.
    pub fn codec<'a>(&self, case: &'a Case) -> Option<Codec<'a>> {
        let op = case.op;
        let of_inputs = |inputs: Vec<u32>| {
            let blocks = case.blocked(&op, case.cut, &inputs);
            case.rounded(op, inputs.into(), blocks)
        };
        let of_blocks = |op: QuantOp, blocks: Blocked| {
            case.has_room(&blocks).then(|| case.rounded(op, Cow::Borrowed(&case.inputs), blocks))
        };
        match self.habit {
            Habit::Format(quantizer) => {
                let op = case.operation(&quantizer);
                of_blocks(op, case.blocked(&op, case.cut, &case.inputs))
            }
            Habit::TensorScale(tensor_scale) => {
                of_blocks(QuantOp::of(&Quantizer { tensor_scale, ..case.quantizer }), case.blocks.clone())
            }
            Habit::Cut(cut) => of_blocks(op, case.blocked(&op, cut, &case.inputs)),
            Habit::Through(format) => Some(of_inputs(rounded_to(format, &case.inputs))),
            Habit::Input(input) => {
                Some(of_inputs((0..case.inputs.len()).into_par_iter().map(|k| input(case, k)).collect()))
            }
            Habit::Largest(largest) => of_blocks(op, Blocked { maxima: largest(case), ..case.blocks.clone() }),
            Habit::Scale(scale) => {
                let maxima = case.blocks.maxima.iter().enumerate();
                let scales: Vec<u32> = maxima.map(|(block, most)| scale(&case.of_block(block), *most)).collect();
                Some(case.scaled(scales.clone(), scales))
            }
            Habit::Place { of, is_used, is_stored } => {
                let own = case.own_scales();
                let others: Vec<u32> = (0..own.len()).map(|block| own[of(case, block)]).collect();
                let choose = |other: bool| if other { others.clone() } else { own.clone() };
                Some(case.scaled(choose(is_used), choose(is_stored)))
            }
            Habit::ScaleByte(byte) => {
                let own = case.own_scales();
                let stored = own.iter().map(|scale| byte(&op, *scale)).collect();
                Some(case.scaled(own, stored))
            }
            Habit::Code(code) => Some(case.numbers(move |x| {
                let code = code(&op, x);
                (code, stored(&op, code, x.scale))
            })),
            Habit::Number(number) => Some(case.numbers(move |x| number(&op, x))),
            Habit::Value(value) => {
                let ours = case.ours();
                Some(Box::new(move |k| Stored { value: value(case.inputs[k], ours(k).value), ..ours(k) }))
            }
            Habit::Swap => case.can_swap().then(|| -> Codec {
                let ours = case.ours();
                Box::new(move |k| {
                    let (code, scale) = (ours(k ^ 1).code, ours(k).scale);
                    Stored { code, scale, value: stored(&op, code, scale) }
                })
            }),
        }
    }

    /// How `quantize` repeats it, if it can.
    pub fn repeat(&self, case: &Case) -> Option<Repeat> {
        let own =
            Repeat { quantizer: case.quantizer, through: None, cut: case.cut, tensor_scale: None, is_swapped: false };
        match self.habit {
            // No option changes the elements of blocks.
            Habit::Format(Quantizer {
                layout: layout @ (Layout::Block { .. } | Layout::TwoLevel { .. }),
                format,
                ..
            }) if layout != format.layout => None,
            Habit::Format(quantizer) => Some(Repeat { quantizer, ..own }),
            Habit::TensorScale(scale) => Some(Repeat { tensor_scale: Some(scale), ..own }),
            Habit::Cut(cut) => Some(Repeat { cut, ..own }),
            Habit::Through(format) => Some(Repeat { through: Some(format), ..own }),
            Habit::Swap => Some(Repeat { is_swapped: true, ..own }),
            _ => None,
        }
    }
}

impl Case {
    /// Codes by these scales, stored with those: a byte for each block.
    fn scaled(&self, used: Vec<u32>, kept: Vec<u32>) -> Codec<'_> {
        let op = self.op;
        Box::new(move |k| {
            let block = self.block_of(k);
            let (code, scale) = (code_at(&op, self.inputs[k], used[block]), kept[block]);
            Stored { code, scale, value: stored(&op, code, scale) }
        })
    }

    /// Codes of elements and their values, each found from what it must be.
    fn numbers<'a>(&'a self, number: impl Fn(Element) -> (u32, u32) + Sync + 'a) -> Codec<'a> {
        let ours = self.ours();
        Box::new(move |k| {
            let Stored { code, scale, .. } = ours(k);
            let (code, value) = number(Element { bits: self.inputs[k], scale, code });
            Stored { code, scale, value }
        })
    }

    /// Whether codes are two in a byte, along the axis that is stored last.
    fn can_swap(&self) -> bool {
        self.op.width <= 4 && self.row().is_multiple_of(2)
    }
}

/// The values of a format without shared scales, as bits.
fn rounded_to(format: &'static Format, inputs: &[u32]) -> Vec<u32> {
    let op = QuantOp::of(&Quantizer::new(format));
    inputs.par_iter().map(|bits| quantize(&op, *bits, 0, 0).bits).collect()
}
