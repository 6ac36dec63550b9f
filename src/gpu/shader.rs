//! The list of kernels and the composer that joins their WGSL files.

use crate::config::{MAX_BATCH, MAX_MODEL};

/// One WGSL file and what it needs. Bindings 0 (parameters) and 1 (tables of the normals and of roots of two) are common
/// to all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Kernel {
    /// File, entry point and label.
    pub name: &'static str,
    /// Groups of files, the kernel's own the last.
    parts: &'static [&'static [Part]],
    /// Whether each binding from 2 on is read-only.
    pub read_only: &'static [bool],
    /// Whether workgroup memory must start as zeros. Where it need not, llvmpipe compiles `train` as GL in
    /// seconds instead of minutes.
    pub zeroed: bool,
}

/// Name and text of a file.
type Part = (&'static str, &'static str);

macro_rules! part {
    ($name:literal) => {
        ($name, include_str!(concat!("../../shaders/", $name, ".wgsl")))
    };
}

const DRAWS: &[Part] = &[part!("random"), part!("normal"), part!("common")];
const FORMATS: &[Part] = &[
    part!("op"),
    part!("bits"),
    part!("codec"),
    part!("special"),
    part!("grid"),
    part!("power"),
    part!("logarithmic"),
    part!("scale"),
    part!("product"),
];
const SITES: &[Part] = &[part!("site")];
const BLOCKS: &[Part] = &[part!("block")];
const SUMS: &[Part] = &[part!("tree")];

pub const SKETCH: Kernel = Kernel {
    name: "sketch",
    parts: &[DRAWS, FORMATS, SITES, BLOCKS, &[part!("sketch")]],
    read_only: &[true, false, false],
    zeroed: true,
};
pub const DRAW: Kernel = Kernel {
    name: "draw",
    parts: &[DRAWS, FORMATS, SITES, BLOCKS, SUMS, &[part!("draw")]],
    read_only: &[true, true, false, false, false, false],
    zeroed: true,
};
pub const PROJECT: Kernel =
    Kernel { name: "project", parts: &[DRAWS, &[part!("project")]], read_only: &[true, true, false], zeroed: true };
pub const FEATURE: Kernel = Kernel {
    name: "feature",
    parts: &[DRAWS, FORMATS, SITES, BLOCKS, &[part!("feature")]],
    read_only: &[true, true, true, false, false],
    zeroed: false,
};
pub const TRAIN: Kernel = Kernel {
    name: "train",
    parts: &[DRAWS, FORMATS, SITES, BLOCKS, SUMS, &[part!("train")]],
    read_only: &[true, true, true, false, false],
    zeroed: false,
};
pub const PROBE: Kernel =
    Kernel { name: "probe", parts: &[DRAWS, &[part!("probe")]], read_only: &[false, false], zeroed: true };
pub const QUANTIZE: Kernel = Kernel {
    name: "quantize_tensor",
    parts: &[DRAWS, FORMATS, &[part!("quantize")]],
    read_only: &[true, true, false, false, false],
    zeroed: true,
};
pub const VERIFY: Kernel =
    Kernel { name: "verify", parts: &[DRAWS, FORMATS, &[part!("verify")]], read_only: &[false], zeroed: true };
pub const GEMV: Kernel =
    Kernel { name: "gemv", parts: &[DRAWS, SUMS, &[part!("gemv")]], read_only: &[true, true, false], zeroed: true };

/// Every kernel.
pub const KERNELS: [Kernel; 9] = [SKETCH, DRAW, PROJECT, FEATURE, TRAIN, PROBE, QUANTIZE, VERIFY, GEMV];

/// Hash of every shader's text: which kernels computed a result.
pub fn hash() -> u64 {
    let texts = KERNELS.iter().flat_map(|kernel| kernel.parts).copied().flatten().flat_map(|(_, text)| text.bytes());
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
    for (name, part) in kernel.parts.iter().copied().flatten() {
        text.push_str(&format!("\n// {name}.wgsl\n{part}"));
    }
    text
}
