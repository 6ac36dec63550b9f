//! The list of kernels, and the composer that joins their WGSL files.

use super::loaders::loaders;
use crate::config::{MAX_BATCH, MAX_MODEL};
use crate::format::QuantOp;
use crate::plan::{TrainOps, Trajectory};
use crate::site::Site;
use crate::twin::{Member, Twin};

/// One WGSL file whose entry point is `main`. Bindings 0 (parameters) and 1 (tables of the normals and of roots of two)
/// are common to all; what else a kernel binds, `facts.rs` reads from the file.
#[derive(Clone, Copy, Debug)]
pub struct Kernel {
    /// File and label.
    pub name: &'static str,
    text: &'static str,
    /// Members of its `Params`, but `words`, and their bytes.
    pub params: &'static [Member],
    pub span: usize,
}

macro_rules! file {
    ($name:ident) => {
        include_str!(concat!("../../shaders/", stringify!($name), ".wgsl"))
    };
}

/// The host's file of a kernel: the one of its name, or another kernel's whose parameters it takes.
macro_rules! params {
    ($name:ident) => {
        super::$name::Params
    };
    ($name:ident, $host:ident) => {
        super::$host::Params
    };
}

macro_rules! kernels {
    ($($kernel:ident = $name:ident $(as $host:ident)?;)*) => {
        $(pub const $kernel: Kernel = Kernel {
            name: stringify!($name),
            text: file!($name),
            params: <params!($name $(, $host)?) as Twin>::MEMBERS,
            span: size_of::<params!($name $(, $host)?)>(),
        };)*

        /// Every kernel.
        pub const KERNELS: &[Kernel] = &[$($kernel),*];
    };
}

kernels! {
    SKETCH = sketch;
    DRAW = draw;
    PROJECT = project;
    FEATURE = feature;
    TRAIN = train;
    PROBE = probe;
    QUANTIZE = quantize;
    VERIFY = verify;
    GEMV = gemv;
    PEAKS = peaks;
}

macro_rules! parts {
    ($($name:ident)*) => {
        /// Files that kernels share, by the name in a line `// needs: ...`.
        const PARTS: &[(&str, &str)] = &[$((stringify!($name), file!($name))),*];
    };
}

parts! { random normal common op bits codec special grid power logarithmic scale product site block slice tree update }

/// What the lines `// needs: ...` of a file name.
fn needs(text: &'static str) -> impl Iterator<Item = &'static str> {
    text.lines().filter_map(|line| line.strip_prefix("// needs: ")).flat_map(|names| names.split(", "))
}

/// The files of a kernel by name, its own the last.
fn files(kernel: &Kernel) -> Vec<(&'static str, &'static str)> {
    fn gather(text: &'static str, files: &mut Vec<(&'static str, &'static str)>) {
        for name in needs(text) {
            if !files.iter().any(|(have, _)| *have == name) {
                let part = PARTS.iter().find(|(part, _)| *part == name);
                let part = part.unwrap_or_else(|| panic!("no part of a shader has the name {name:?}"));
                files.push(*part);
                gather(part.1, files);
            }
        }
    }
    let mut files = Vec::new();
    gather(kernel.text, &mut files);
    files.push((kernel.name, kernel.text));
    files
}

/// What all variants of a kernel have in common: its files, with the loaders of their structs.
fn body(kernel: &Kernel) -> String {
    let of_file = |(name, text)| format!("\n// {name}.wgsl\n{text}{}", loaders(text));
    files(kernel).into_iter().map(of_file).collect()
}

/// Hash of every shader's text: which kernels computed a result.
pub fn hash() -> u64 {
    crate::hash::fnv1a64(KERNELS.iter().flat_map(|kernel| body(kernel).into_bytes()))
}

/// Sizes of models for which pipelines of train and feature are built, ascending: the weights of the one and the
/// largest magnitudes of the blocks of both lie in workgroup memory.
pub const MODEL_SIZES: [u32; 2] = [1024, MAX_MODEL];

/// The smallest of [`MODEL_SIZES`] with room for a model.
pub fn model_size(model: u32) -> u32 {
    MODEL_SIZES.into_iter().find(|size| model <= *size).expect("a plan has no model beyond MAX_MODEL")
}

/// What distinguishes two pipelines of one kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Variant {
    /// Every accumulator is opaque, not only what a compiler may contract.
    pub strict: bool,
    /// The codec knows every class of format, not only grids and blocks of them: three times the code.
    pub every_class: bool,
    /// One of [`MODEL_SIZES`]; of a pipeline of [`Own`] runs, their model.
    pub model: u32,
    /// Runs of train that have a pipeline of their own.
    pub own: Option<Own>,
}

/// What is constant in a pipeline of train that is compiled for some runs alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Own {
    pub ops: TrainOps,
    pub batch: u32,
    pub average: bool,
}

impl Variant {
    /// All choices.
    pub fn all() -> impl Iterator<Item = Variant> {
        let choices = [(false, false), (false, true), (true, false), (true, true)];
        let of = |(strict, every_class)| MODEL_SIZES.map(|model| Variant { strict, every_class, model, own: None });
        choices.into_iter().flat_map(of)
    }

    /// That of the runs of a trajectory alone.
    pub fn of(t: &Trajectory, average: bool, strict: bool) -> Variant {
        let every_class = !t.ops.by_site().iter().all(|(_, op)| op.is_grid());
        Variant { strict, every_class, model: t.model, own: Some(Own { ops: t.ops, batch: t.batch, average }) }
    }
}

/// The WGSL of a kernel. It starts with those constants of the variant that occur, so that variants between which a
/// kernel does not choose have the same text.
pub fn compose(kernel: &Kernel, variant: Variant) -> String {
    let body = body(kernel);
    let Variant { strict, every_class, model, own } = variant;
    let batch = own.map_or(MAX_BATCH, |own| own.batch);
    let ops = own.map_or_else(|| TrainOps::new(|_| QuantOp::none()), |own| own.ops);
    let constants = [
        ("STRICT".into(), format!("{strict}")),
        ("EVERY_CLASS".into(), format!("{every_class}")),
        ("MODEL".into(), format!("{model}u")),
        ("BATCH".into(), format!("{batch}u")),
        ("OWN".into(), format!("{}", own.is_some())),
        ("AVERAGE".into(), format!("{}", own.is_some_and(|own| own.average))),
    ];
    let of_site = |(site, op): (Site, &QuantOp)| (format!("OP_{}", site.name().to_uppercase()), op.literal());
    let constants = constants.into_iter().chain(ops.by_site().into_iter().map(of_site));
    let occur = constants.filter(|(name, _)| body.contains(name));
    let text: String = occur.map(|(name, value)| format!("const {name} = {value};\n")).collect();
    text + &body
}
