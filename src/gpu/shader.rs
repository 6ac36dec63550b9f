//! The list of kernels and the composer that joins their WGSL files.

use crate::config::{MAX_BATCH, MAX_MODEL};

/// One WGSL file and what it needs. Bindings 0 (parameters) and 1 (tables of the normals and of roots of two) are common
/// to all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Kernel {
    /// File, entry point and label.
    pub name: &'static str,
    /// Files in front of the kernel's own.
    parts: &'static [Part],
    /// Whether each binding from 2 on is read-only.
    pub read_only: &'static [bool],
    /// Whether workgroup memory must start as zeros. Where it need not, llvmpipe compiles `train` as GL in
    /// seconds instead of minutes.
    pub zeroed: bool,
}

/// Name and text of a file.
type Part = (&'static str, &'static str);

const RANDOM: Part = ("random", include_str!("../../shaders/random.wgsl"));
const NORMAL: Part = ("normal", include_str!("../../shaders/normal.wgsl"));
const COMMON: Part = ("common", include_str!("../../shaders/common.wgsl"));
const OP: Part = ("op", include_str!("../../shaders/op.wgsl"));
const SCALE: Part = ("scale", include_str!("../../shaders/scale.wgsl"));
const CODEC: Part = ("codec", include_str!("../../shaders/codec.wgsl"));
const PRODUCT: Part = ("product", include_str!("../../shaders/product.wgsl"));
const LOGARITHMIC: Part = ("logarithmic", include_str!("../../shaders/logarithmic.wgsl"));
const SITE: Part = ("site", include_str!("../../shaders/site.wgsl"));
const BLOCK: Part = ("block", include_str!("../../shaders/block.wgsl"));
const TREE: Part = ("tree", include_str!("../../shaders/tree.wgsl"));

pub const SKETCH: Kernel = Kernel {
    name: "sketch",
    parts: &[
        RANDOM,
        NORMAL,
        COMMON,
        OP,
        CODEC,
        SCALE,
        PRODUCT,
        LOGARITHMIC,
        SITE,
        BLOCK,
        ("sketch", include_str!("../../shaders/sketch.wgsl")),
    ],
    read_only: &[true, false, false],
    zeroed: true,
};
pub const DRAW: Kernel = Kernel {
    name: "draw",
    parts: &[
        RANDOM,
        NORMAL,
        COMMON,
        OP,
        CODEC,
        SCALE,
        PRODUCT,
        LOGARITHMIC,
        SITE,
        BLOCK,
        TREE,
        ("draw", include_str!("../../shaders/draw.wgsl")),
    ],
    read_only: &[true, true, false, false, false, false],
    zeroed: true,
};
pub const PROJECT: Kernel = Kernel {
    name: "project",
    parts: &[RANDOM, NORMAL, COMMON, ("project", include_str!("../../shaders/project.wgsl"))],
    read_only: &[true, true, false],
    zeroed: true,
};
pub const FEATURE: Kernel = Kernel {
    name: "feature",
    parts: &[
        RANDOM,
        NORMAL,
        COMMON,
        OP,
        CODEC,
        SCALE,
        PRODUCT,
        LOGARITHMIC,
        SITE,
        BLOCK,
        ("feature", include_str!("../../shaders/feature.wgsl")),
    ],
    read_only: &[true, true, true, false, false],
    zeroed: false,
};
pub const TRAIN: Kernel = Kernel {
    name: "train",
    parts: &[
        RANDOM,
        NORMAL,
        COMMON,
        OP,
        CODEC,
        SCALE,
        PRODUCT,
        LOGARITHMIC,
        SITE,
        BLOCK,
        TREE,
        ("train", include_str!("../../shaders/train.wgsl")),
    ],
    read_only: &[true, true, true, false, false],
    zeroed: false,
};
pub const PROBE: Kernel = Kernel {
    name: "probe",
    parts: &[RANDOM, NORMAL, COMMON, ("probe", include_str!("../../shaders/probe.wgsl"))],
    read_only: &[false, false],
    zeroed: true,
};

pub const QUANTIZE: Kernel = Kernel {
    name: "quantize_tensor",
    parts: &[
        RANDOM,
        NORMAL,
        COMMON,
        OP,
        CODEC,
        SCALE,
        PRODUCT,
        LOGARITHMIC,
        ("quantize", include_str!("../../shaders/quantize.wgsl")),
    ],
    read_only: &[true, true, false, false, false],
    zeroed: true,
};
pub const VERIFY: Kernel = Kernel {
    name: "verify",
    parts: &[
        RANDOM,
        NORMAL,
        COMMON,
        OP,
        CODEC,
        SCALE,
        PRODUCT,
        LOGARITHMIC,
        ("verify", include_str!("../../shaders/verify.wgsl")),
    ],
    read_only: &[false],
    zeroed: true,
};
pub const GEMV: Kernel = Kernel {
    name: "gemv",
    parts: &[RANDOM, NORMAL, COMMON, TREE, ("gemv", include_str!("../../shaders/gemv.wgsl"))],
    read_only: &[true, true, false],
    zeroed: true,
};

/// Every kernel.
pub const KERNELS: [Kernel; 9] = [SKETCH, DRAW, PROJECT, FEATURE, TRAIN, PROBE, QUANTIZE, VERIFY, GEMV];

/// Hash of every shader's text: which kernels computed a result.
pub fn hash() -> u64 {
    let texts = KERNELS.iter().flat_map(|kernel| kernel.parts).flat_map(|(_, text)| text.bytes());
    crate::hash::fnv1a64(texts)
}

/// Largest models for which pipelines of train and feature are built: the weights of the one and the largest
/// magnitudes of the blocks of both lie in workgroup memory.
pub const MODEL_SIZES: [u32; 2] = [1024, MAX_MODEL];

/// What distinguishes two pipelines of one kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Variant {
    /// The barrier stands on every accumulator, not only where a compiler may contract.
    pub strict: bool,
    /// One of [`MODEL_SIZES`]; kernels other than train and feature ignore it.
    pub model: u32,
    /// The codec knows every class of format, not only grids and blocks of them: three times the code.
    pub every_class: bool,
}

impl Variant {
    /// The one for such a model, at least as large as this one.
    pub fn of_model(self, model: u32) -> Variant {
        Variant { model: if model <= MODEL_SIZES[0] { self.model } else { MAX_MODEL }, ..self }
    }
}

/// Workgroup memory of a train pipeline in bytes, its 1 KiB of small arrays included.
pub fn train_memory(model: u32) -> u32 {
    let maxima = 3 * model.max(MAX_BATCH) / 8;
    4 * (model + MAX_BATCH + maxima) + 1024
}

/// The WGSL of a kernel.
pub fn compose(kernel: &Kernel, variant: Variant) -> String {
    let mut text = format!(
        "const STRICT: bool = {};\nconst EVERY_CLASS: bool = {};\nconst MODEL: u32 = {}u;\nconst BATCH: u32 = {}u;\n",
        variant.strict, variant.every_class, variant.model, MAX_BATCH
    );
    for (name, part) in kernel.parts {
        text.push_str(&format!("\n// {name}.wgsl\n{part}"));
    }
    text
}
