//! The fingerprint: how an adapter's arithmetic was found to behave. The host of shaders/probe.wgsl.

use super::device::Context;
use super::kernels::{PROBE, Variant};
use super::params::{Head, Parameters, params};
use super::pipeline::{Bound, Dispatch};
use crate::error::Result;
use crate::twin::{twin, words};

params! {
    /// With e = 2^-23: operands of sums and products that are ties, to the even number below and above; (1+e)^2, whose
    /// square has a bit f32 drops; products around the smallest normal number.
    pub struct Params {
        pub one: f32,
        pub half_ulp: f32,
        pub odd: f32,
        pub minus_square: f32,
        pub above_half_ulp: f32,
        pub factor: f32,
        pub smallest: f32,
        pub half: f32,
        pub subnormal: f32,
        pub four: f32,
        pub three_halves: f32,
        pub three_ulps: f32,
        /// NaNs, each with a payload.
        pub signalling: u32,
        pub quiet: u32,
        /// Four signed bytes each, with the extremes.
        pub bytes: u32,
        pub other_bytes: u32,
        /// First of the whole numbers that become floats, and how many do: most have more bits than f32 holds.
        pub whole: u32,
        pub wholes: u32,
        /// Of a loop.
        pub turns: u32,
    }
}

twin! {
    /// What came out, as bits.
    pub struct Found {
        pub tie_down: u32,
        pub above_tie: u32,
        pub square: u32,
        pub product: u32,
        pub contracted: u32,
        pub opaque_contracted: u32,
        pub associated: u32,
        pub opaque_associated: u32,
        pub subnormal_result: u32,
        pub subnormal_operand: u32,
        pub tie_up: u32,
        pub product_tie: u32,
        pub other_product_tie: u32,
        pub bytes: u32,
        pub converted: u32,
        pub turns: u32,
        pub turned: u32,
    }
}

/// More turns than the drivers known to stop a loop allow.
const TURNS: u32 = 100_000;

fn operands() -> Params {
    let e = f32::EPSILON;
    Params {
        head: Head::of(0),
        one: 1.0,
        half_ulp: e / 2.0,
        odd: 1.0 + e,
        minus_square: -(1.0 + e) * (1.0 + e),
        above_half_ulp: e * 0.75,
        factor: 1.0 + 2.0 * e + 0.5,
        smallest: f32::MIN_POSITIVE,
        half: 0.5,
        subnormal: f32::MIN_POSITIVE * 0.5,
        four: 4.0,
        three_halves: 1.5,
        three_ulps: 1.0 + 3.0 * e,
        signalling: 0x7fa0_0001,
        quiet: 0xffc1_2345,
        bytes: 0x8080_7f81,
        other_bytes: 0x807f_7f05,
        whole: 0xffff_ff80,
        wholes: 256,
        turns: TURNS,
    }
}

/// Words by place that tell one behaviour of the arithmetic from others: of [`Found`], and behind it the NaNs.
pub type Shown = Vec<(u32, u32)>;

/// A part of the fingerprint.
pub struct Trait {
    /// The first whose words are found gives its name.
    pub named: Vec<(Shown, String)>,
    /// Where none is, with the word at a place in decimal behind it where there is one.
    pub otherwise: (String, Option<u32>),
}

impl Trait {
    fn name(&self, found: &[u32]) -> String {
        let is_found = |(shown, _): &&(Shown, String)| shown.iter().all(|(at, word)| found[*at as usize] == *word);
        let (otherwise, word) = &self.otherwise;
        self.named.iter().find(is_found).map_or_else(
            || otherwise.clone() + &word.map_or(String::new(), |at| found[at as usize].to_string()),
            |(_, name)| name.clone(),
        )
    }
}

/// Word of a member of [`Found`].
macro_rules! at {
    ($member:ident) => {
        (std::mem::offset_of!(Found, $member) / 4) as u32
    };
}

/// What the fingerprint tells, in order, but for the sizes of subgroups, as docs/arithmetic.md lists it.
pub fn traits() -> Vec<Trait> {
    let p = operands();
    let is = |at: u32, value: f32| (at, value.to_bits());
    let (a, b, c, d) = (p.one, p.half_ulp, p.odd, p.minus_square);
    let sums = [is(at!(tie_down), a + b), is(at!(above_tie), a + p.above_half_ulp), is(at!(tie_up), c + b)];
    let products = [is(at!(square), c * c), is(at!(product), c * p.factor)];
    let ties = [is(at!(product_tie), c * p.three_halves), is(at!(other_product_tie), p.three_ulps * p.three_halves)];
    let opaque = [is(at!(opaque_contracted), c * c + d), is(at!(opaque_associated), (a + b) - a)];
    let subnormals = [is(at!(subnormal_result), p.smallest * p.half), is(at!(subnormal_operand), p.subnormal * p.four)];
    let carried = words::<Found>();
    let turned = (0..TURNS).fold(1, |state, _| turn(state));
    let choose =
        |shown: Shown, yes: &str, no: &str| Trait { named: vec![(shown, yes.into())], otherwise: (no.into(), None) };
    vec![
        choose([&sums[..], &products, &ties].concat(), "rne", "not-rne"),
        Trait {
            named: vec![
                (vec![is(at!(contracted), c * c + d)], "separate".into()),
                (vec![is(at!(contracted), c.mul_add(c, d))], "fused".into()),
            ],
            otherwise: ("other-contraction".into(), None),
        },
        choose(vec![is(at!(associated), (a + b) - a)], "in-order", "reassociates"),
        choose(opaque.to_vec(), "opaque-holds", "opaque-fails"),
        choose(subnormals.to_vec(), "subnormals-kept", "subnormals-flushed"),
        choose(vec![(carried, p.signalling), (carried + 1, p.quiet)], "nans-kept", "nans-changed"),
        choose(vec![(at!(bytes), dot(&p))], "dot4i8", "dot4i8-wrong"),
        choose(vec![(at!(converted), converted(&p))], "u32-rne", "u32-not-rne"),
        Trait {
            named: vec![(vec![(at!(turns), TURNS), (at!(turned), turned)], format!("loops-{TURNS}"))],
            otherwise: ("loops-stop-at-".into(), Some(at!(turns))),
        },
    ]
}

/// Runs the probe: the words that [`traits`] places.
pub fn probe(context: &Context) -> Result<Vec<u32>> {
    let found_words = u64::from(words::<Found>());
    let (found, carried) = (context.buffer("probe", found_words), context.buffer("carried", 2));
    context.dispatch(Dispatch {
        kernel: &PROBE,
        variant: Variant::least(),
        params: &Parameters::of(operands()),
        buffers: &[Bound::new(&found, found_words), Bound::new(&carried, 2)],
        groups: [2, 1, 1],
    })?;
    context.read(&[(&found, 0, found_words), (&carried, 0, 2)])
}

/// Names what the probe shows. `subgroups`: the sizes the adapter tells.
pub fn fingerprint(context: &Context, subgroups: (u32, u32)) -> Result<String> {
    let found = probe(context)?;
    let mut names: Vec<String> = traits().iter().map(|part| part.name(&found)).collect();
    names.push(format!("subgroups-{}-{}", subgroups.0, subgroups.1));
    Ok(names.join(","))
}

/// The packed product of four signed bytes.
fn dot(p: &Params) -> u32 {
    let bytes = p.bytes.to_le_bytes().into_iter().zip(p.other_bytes.to_le_bytes());
    bytes.map(|(a, b)| a as i8 as i32 * b as i8 as i32).sum::<i32>() as u32
}

/// The floats of the whole numbers, as one number.
fn converted(p: &Params) -> u32 {
    let words = std::iter::successors(Some(p.whole), |word| Some(turn(*word))).take(p.wholes as usize);
    words.fold(0, |sum: u32, word| sum.wrapping_mul(31).wrapping_add((word as f32).to_bits()))
}

fn turn(state: u32) -> u32 {
    state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223)
}
