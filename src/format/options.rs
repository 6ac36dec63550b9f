//! The options of number formats. A row here, and what it means to the codec, is all that an option takes: the config's
//! parser, the resolved config, the columns of rows, `formats`, the command line and the pages derive from the table.

use super::layout_options::{BASE_FACTOR, BIAS, GRADUAL_UNDERFLOW, SPECIALS};
use super::limits::{direction_limits, dither_bits, has_codes, is_scale, knows, scales};
use super::option::{Allowed, Kind, OptionRow, Setting, Unset, between, number, set, truths, word};
use super::{
    BLOCK_SIZES, Direction, Format, Layout, Nan, Overflow, Quantizer, Rounding, ScaleFormat, ScaleMode, Sharing,
    Specials, Subnormals, WHOLE, format, names,
};
use crate::words::words;

/// Which codes of two's complement an integer uses.
#[derive(Clone, Copy, PartialEq, strum::IntoStaticStr, strum::VariantArray)]
#[strum(serialize_all = "kebab-case")]
enum Codes {
    Symmetric,
    Full,
}

/// Of stochastic rounding.
#[derive(Clone, Copy, PartialEq, strum::IntoStaticStr, strum::VariantArray)]
#[strum(serialize_all = "kebab-case")]
enum Variant {
    A,
    B,
}

/// Steps of integers that follow from the largest magnitude of a vector.
const STEPS: [(&str, ScaleMode); 2] = [("absmax", ScaleMode::Rceil), ("absmax-f32", ScaleMode::Absmax)];

type Row = OptionRow<Quantizer>;

/// In the order of `--help`.
pub const FORMAT_OPTIONS: &[Row] = &[
    Row {
        name: "format",
        kind: Kind::Name,
        help: "A format of `roundlaw formats`, or any eXmY",
        allowed: Allowed::Text("see [formats.md](formats.md)"),
        unset: Unset::Required,
        read: |q, value| set(q, value.as_str().and_then(format).map(Quantizer::new)),
        limits: |q| match q.layout {
            Layout::Float(float) if float.max_code() == 0 => {
                Some((false, "with specials = \"none\" or \"fnuz\" alone: it has no number but 0".into()))
            }
            _ => Some((true, names())),
        },
        write: |q| Some(Setting::Word(q.format.name)),
        ..Row::FREE
    },
    Row {
        name: "rounding",
        kind: Kind::Rounding,
        help: "How values are rounded: {}",
        allowed: Allowed::Words(words::<Direction>),
        applies: has_codes,
        read: |q, value| set(&mut q.rounding, word(value).map(Rounding::new)),
        limits: direction_limits,
        write: |q| Some(Setting::Word(q.rounding.direction.name())),
        ..Row::FREE
    },
    Row {
        name: "bits",
        kind: Kind::Rounding,
        help: "Random bits of stochastic and dither: 8, 16, 32",
        allowed: Allowed::Text(
            "8, 16, 32; of `dither` at most 24 less the bits of the integer, one less where it is unsigned or has `range = \"full\"`",
        ),
        applies: |q| has_codes(q) && knows(q, Direction::Stochastic),
        read: |q, value| {
            let known = [8, 16, 32].into_iter().find(|known| value.as_integer() == Some((*known).into()));
            q.rounding.direction.is_random() && set(&mut q.rounding.bits, known)
        },
        limits: |q| match (q.rounding.direction, dither_bits(q)) {
            (Direction::Dither, Some(most)) => {
                let allowed = format!("8, 16, 32, and at most {most}, so that a dithered value is exact in f32");
                Some((q.rounding.bits <= most, allowed))
            }
            (Direction::Stochastic, _) => Some((true, "8, 16, 32".into())),
            _ => Some((true, "nothing, but with rounding = \"stochastic\" or \"dither\"".into())),
        },
        write: |q| q.rounding.direction.is_random().then_some(Setting::Whole(q.rounding.bits.into())),
        ..Row::FREE
    },
    Row {
        name: "variant",
        kind: Kind::Rounding,
        help: "Of stochastic: {}; the mean error of b is 0",
        allowed: Allowed::Words(words::<Variant>),
        applies: |q| has_codes(q) && knows(q, Direction::Stochastic),
        read: |q, value| {
            let variant = word::<Variant>(value).map(|variant| variant == Variant::B);
            q.rounding.direction == Direction::Stochastic && set(&mut q.rounding.zero_mean, variant)
        },
        limits: |q| match q.rounding.direction {
            Direction::Stochastic => None,
            _ => Some((true, "nothing, but with rounding = \"stochastic\"".into())),
        },
        write: |q| {
            let variant = if q.rounding.zero_mean { Variant::B } else { Variant::A };
            (q.rounding.direction == Direction::Stochastic).then_some(Setting::Word(variant.into()))
        },
        ..Row::FREE
    },
    Row {
        name: "step",
        kind: Kind::Scale,
        help: "Of integers: a number, or absmax or absmax-f32 where they are signed; if it is no power of two, values are multiplied by its f32 reciprocal",
        allowed: Allowed::Text(
            "a number from 2^-48 to 2^48, best a power of two as 0.03125, or `\"absmax\"`, `\"absmax-f32\"`",
        ),
        unset: Unset::Required,
        applies: |q| q.layout.is_integer(),
        read: |q, value| match STEPS.iter().find(|(word, _)| value.as_str() == Some(word)) {
            Some((_, mode)) => {
                matches!(q.layout, Layout::Integer { .. })
                    && set(&mut q.sharing, Some(Some(Sharing { size: WHOLE, mode: *mode })))
            }
            None => set(&mut q.scale, between(value, -48, 48)),
        },
        limits: |q| match q.layout {
            Layout::Unsigned { .. } => {
                Some((true, "a number from 2^-48 to 2^48, best a power of two as 0.03125".into()))
            }
            _ => None,
        },
        write: |q| {
            let word = STEPS.iter().find(|(_, mode)| q.sharing.is_some_and(|sharing| sharing.mode == *mode));
            Some(word.map_or(Setting::Step(q.scale), |(word, _)| Setting::Word(word)))
        },
        always: |_| true,
    },
    Row {
        name: "range",
        kind: Kind::Scale,
        help: "Of signed integers: {}",
        allowed: Allowed::Words(words::<Codes>),
        applies: |q| matches!(q.layout, Layout::Integer { .. }),
        read: |q, value| match &mut q.layout {
            Layout::Integer { full, .. } => set(full, word::<Codes>(value).map(|codes| codes == Codes::Full)),
            _ => false,
        },
        write: |q| match q.layout {
            Layout::Integer { full, .. } => {
                Some(Setting::Word(if full { Codes::Full } else { Codes::Symmetric }.into()))
            }
            _ => None,
        },
        ..Row::FREE
    },
    Row {
        name: "zero_point",
        kind: Kind::Scale,
        help: "Of unsigned integers: the code of 0",
        allowed: Allowed::Text("a whole number from 0 to the largest code, 255 of uint8"),
        applies: |q| matches!(q.layout, Layout::Unsigned { .. }),
        read: |q, value| match &mut q.layout {
            Layout::Unsigned { zero_point, .. } => {
                set(zero_point, value.as_integer().and_then(|v| u32::try_from(v).ok()))
            }
            _ => false,
        },
        limits: |q| match q.layout {
            Layout::Unsigned { bits, zero_point } => {
                let largest = (1 << bits) - 1;
                Some((zero_point <= largest, format!("a whole number from 0 to {largest}")))
            }
            _ => None,
        },
        write: |q| match q.layout {
            Layout::Unsigned { zero_point, .. } => Some(Setting::Whole(zero_point.into())),
            _ => None,
        },
        ..Row::FREE
    },
    Row {
        name: "scale",
        kind: Kind::Scale,
        help: "Power of two that float and logarithmic formats are multiplied by",
        allowed: Allowed::Text(
            "a power of two, 2^-32 to 2^32; less where the largest or the smallest value would leave f32",
        ),
        applies: |q| matches!(q.layout, Layout::Float(_) | Layout::Logarithmic { .. }),
        read: |q, value| set(&mut q.scale, number(value)),
        limits: |q| {
            let (least, most) = scales(&q.layout);
            let allowed = format!("a power of two from 2^{least} to 2^{most}, as 0.03125");
            Some((is_scale(q.scale, least, most), allowed))
        },
        write: |q| Some(Setting::Number(q.scale)),
        ..Row::FREE
    },
    Row {
        name: "block",
        kind: Kind::Layout,
        help: "Elements that share a scale: 8, 16, 32, 64, vector",
        allowed: Allowed::Text("8, 16, 32, 64, `\"vector\"`"),
        unset: Unset::Layout,
        applies: |q| q.layout.sharing().is_some(),
        read: |q, value| {
            let known = BLOCK_SIZES.into_iter().find(|known| value.as_integer() == Some((*known).into()));
            let size = known.or((value.as_str() == Some("vector")).then_some(WHOLE));
            q.sharing.as_mut().is_some_and(|sharing| set(&mut sharing.size, size))
        },
        write: |q| q.sharing.map(|sharing| block(sharing.size)),
        ..Row::FREE
    },
    Row {
        name: "scale_mode",
        kind: Kind::Layout,
        help: "Of block formats: {}",
        allowed: Allowed::Words(words::<ScaleMode>),
        applies: |q| matches!(q.layout, Layout::Block { .. }),
        read: |q, value| {
            let mode = word(value);
            q.sharing.as_mut().is_some_and(|sharing| set(&mut sharing.mode, mode))
        },
        write: |q| q.sharing.map(|sharing| Setting::Word(sharing.mode.name())),
        ..Row::FREE
    },
    Row {
        name: "scale_format",
        kind: Kind::Layout,
        help: "Of nvfp4: the type of a block's scale: {}",
        allowed: Allowed::Words(words::<ScaleFormat>),
        applies: |q| matches!(q.layout, Layout::TwoLevel { .. }),
        read: |q, value| match &mut q.layout {
            Layout::TwoLevel { scale, .. } => set(scale, word(value)),
            _ => false,
        },
        write: |q| match q.layout {
            Layout::TwoLevel { scale, .. } => Some(Setting::Word(scale.name())),
            _ => None,
        },
        ..Row::FREE
    },
    Row {
        name: "four_over_six",
        kind: Kind::Layout,
        help: "Of nvfp4, but not in a sweep: whether a block's largest magnitude may go to 4 in place of 6: {}",
        allowed: Allowed::Words(truths),
        applies: |q| matches!(q.layout, Layout::TwoLevel { .. }),
        read: |q, value| set(&mut q.four_over_six, value.as_bool()),
        write: |q| Some(Setting::Truth(q.four_over_six)),
        ..Row::FREE
    },
    Row {
        name: "tensor_scale",
        kind: Kind::Scale,
        help: "Of nvfp4: the tensor's scale; without it, it follows from the largest magnitude",
        allowed: Allowed::Text("a number from 2^-48 to 2^48; outside a recipe any positive f32"),
        applies: |q| matches!(q.layout, Layout::TwoLevel { .. }),
        read: |q, value| {
            let given = number(value).map(|v| v as f32);
            set(&mut q.tensor_scale, given.filter(|v| *v > 0.0 && v.is_finite()))
        },
        write: |q| Some(Setting::Single(q.tensor_scale)),
        ..Row::FREE
    },
    Row {
        name: "overflow",
        help: "Beyond the largest value: {} (infinity, or NaN where there is none)",
        allowed: Allowed::Words(words::<Overflow>),
        applies: |q| match q.layout {
            Layout::Float(_) => true,
            Layout::Coded(coding) => coding.specials != Specials::None,
            _ => false,
        },
        read: |q, value| set(&mut q.overflow, word(value)),
        write: |q| Some(Setting::Word(q.overflow.name())),
        ..Row::FREE
    },
    Row {
        name: "nan",
        help: "NaN, and NaN or infinity in a block: {}",
        allowed: Allowed::Words(words::<Nan>),
        applies: has_codes,
        read: |q, value| set(&mut q.nan, word(value)),
        write: |q| Some(Setting::Word(q.nan.name())),
        ..Row::FREE
    },
    Row {
        name: "subnormals",
        help: "f32 inputs below 2^-126: {}",
        allowed: Allowed::Words(words::<Subnormals>),
        applies: has_codes,
        read: |q, value| set(&mut q.subnormals, word(value)),
        write: |q| Some(Setting::Word(q.subnormals.name())),
        ..Row::FREE
    },
    BASE_FACTOR,
    BIAS,
    SPECIALS,
    GRADUAL_UNDERFLOW,
];

fn block(size: u32) -> Setting {
    if size == WHOLE { Setting::Word("vector") } else { Setting::Whole(size.into()) }
}

/// A block's size in a config: a number, or `vector`.
pub fn block_name(size: u32) -> String {
    block(size).to_string()
}

/// What an option is where a format does not set it. Where that takes a random rounding, the one of `stochastic`, and
/// that of `dither` if it differs.
pub fn usual(row: &Row, format: &'static Format) -> Vec<(Direction, Setting)> {
    let plain = Quantizer::new(format);
    let rounded = |direction| Quantizer { rounding: Rounding::new(direction), ..plain };
    let setting = |q: Quantizer| (row.write)(&q).map(|setting| (q.rounding.direction, setting));
    let mut settings: Vec<(Direction, Setting)> = match setting(plain) {
        Some(setting) => vec![setting],
        None if dither_bits(&plain).is_some() => {
            [Direction::Stochastic, Direction::Dither].into_iter().filter_map(|d| setting(rounded(d))).collect()
        }
        None => setting(rounded(Direction::Stochastic)).into_iter().collect(),
    };
    settings.dedup_by_key(|(_, setting)| *setting);
    settings
}
