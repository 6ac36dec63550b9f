//! The list of kernels, and the composer that joins their WGSL files.

use std::collections::BTreeSet;

use super::in_words::SplitOp;
use super::loaders::loaders;
use super::project::TILE_SAMPLES;
use super::slice::SLICE;
use super::train::layout::{Exchange, Layout};
use crate::config::{MAX_BATCH, MAX_MODEL};
use crate::format::{Classes, QuantOp};
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
    LABEL = label;
    TURN = turn;
    GRAM = gram;
    PROJECT = project;
    FEATURE = feature;
    TRAIN = train;
    PROBE = probe;
    QUANTIZE = quantize;
    CHOOSE = choose as quantize;
    VERIFY = verify;
    GEMV = gemv;
    PEAKS = peaks;
    MAXIMA = maxima;
}

macro_rules! parts {
    ($($name:ident)*) => {
        /// Files that kernels share, by the name in a line `// needs: ...`.
        const PARTS: &[(&str, &str)] = &[$((stringify!($name), file!($name))),*];
    };
}

parts! {
    random normal common op bits codec special grid power logarithmic posit gap scale product choice site block slice tree
    update residual
    by_barrier by_shuffle pairs
}

/// What the lines `// needs: ...` of a file name.
fn needs(text: &'static str) -> impl Iterator<Item = &'static str> {
    text.lines().filter_map(|line| line.strip_prefix("// needs: ")).flat_map(|names| names.split(", "))
}

/// The files of a kernel by name, its own the last. What it needs as `exchange` is the file of that name.
fn files(kernel: &Kernel, exchange: Exchange) -> Vec<(&'static str, &'static str)> {
    fn gather(text: &'static str, exchange: &'static str, files: &mut Vec<(&'static str, &'static str)>) {
        for name in needs(text) {
            let name = if name == "exchange" { exchange } else { name };
            if !files.iter().any(|(have, _)| *have == name) {
                let part = PARTS.iter().find(|(part, _)| *part == name);
                let part = part.unwrap_or_else(|| panic!("no part of a shader has the name {name:?}"));
                files.push(*part);
                gather(part.1, exchange, files);
            }
        }
    }
    let mut files = Vec::new();
    gather(kernel.text, exchange.part(), &mut files);
    files.push((kernel.name, kernel.text));
    files
}

/// What variants of a kernel have in common: its files, with the loaders of their structs.
fn body(kernel: &Kernel, exchange: Exchange) -> String {
    let of_file = |(name, text)| format!("\n// {name}.wgsl\n{text}{}", loaders(text));
    files(kernel, exchange).into_iter().map(of_file).collect()
}

/// Hash of every shader's text: which kernels computed a result.
pub fn hash() -> u64 {
    let bodies = |kernel| BTreeSet::from([Exchange::Barrier, Exchange::Shuffle].map(|exchange| body(kernel, exchange)));
    crate::hash::fnv1a64(KERNELS.iter().flat_map(bodies).flat_map(String::into_bytes))
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
    /// The classes of formats that the codec knows: all of them take three times the code.
    pub classes: Classes,
    /// One of [`MODEL_SIZES`]; of a pipeline of [`Own`] runs, their model.
    pub model: u32,
    /// What a workgroup of the projection makes.
    pub tile: Tile,
    /// Two rows of G share a word, as bf16: a launch decides it for its sketch.
    pub paired: bool,
    /// Runs of train that have a pipeline of their own.
    pub own: Option<Own>,
    /// The one operation of a pipeline of draw.
    pub alone: Option<SplitOp>,
}

/// A workgroup of the projection makes so many rows of 128 samples, and holds so many columns of both at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Tile {
    pub rows: u32,
    pub columns: u32,
}

impl Tile {
    /// For models of that many rows on a device with so many bytes of workgroup memory.
    pub fn of(model: u32, workgroup: u64) -> Tile {
        let rows = if model <= 32 { 32 } else { 128 };
        let wide = Tile { rows, columns: 16 };
        if wide.bytes() <= workgroup { wide } else { Tile { columns: 8, ..wide } }
    }

    /// Of workgroup memory.
    pub fn bytes(&self) -> u64 {
        u64::from(2 * 4 * self.columns * (self.rows + TILE_SAMPLES))
    }

    /// Loop iterations that a thread spends on a slice of columns, with the last test of each loop: what it loads of x and of
    /// G, puts into workgroup memory, and multiplies by four columns.
    fn slice_loops(&self) -> u64 {
        let threads = self.rows / 8 * (TILE_SAMPLES / 8);
        let x = TILE_SAMPLES * self.columns / 4 / threads;
        let g = (self.rows * self.columns / 4).div_ceil(threads);
        let load = (x + 1) + (g + 1);
        let put = (6 * x + 1) + (g + 1);
        u64::from(SLICE / self.columns * (1 + load + put + self.columns / 4 + 1))
    }

    /// The most of [`Tile::slice_loops`].
    pub fn most_slice_loops() -> u64 {
        Tile::all().iter().map(Tile::slice_loops).max().unwrap_or(0)
    }

    fn all() -> [Tile; 4] {
        [(32, 8), (32, 16), (128, 8), (128, 16)].map(|(rows, columns)| Tile { rows, columns })
    }
}

/// What is constant in a pipeline of train that is compiled for some runs alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Own {
    pub ops: TrainOps,
    pub batch: u32,
    pub average: bool,
    pub layout: Layout,
}

impl Variant {
    /// Those that every kernel has between them, not each combination: kernels choose among some of it each.
    pub fn all() -> impl Iterator<Item = Variant> {
        let of_size = |model| Variant { model, ..Variant::least() };
        let of_tile = |tile| [false, true].map(|paired| Variant { tile, paired, ..Variant::least() });
        let plain = MODEL_SIZES.into_iter().map(of_size).chain(Tile::all().into_iter().flat_map(of_tile));
        let (few, more) = (Classes::GRIDS, Classes::SCALED);
        let choices = [(false, few), (false, more), (true, few), (true, more)];
        let usual =
            plain.flat_map(move |variant| choices.map(|(strict, classes)| Variant { strict, classes, ..variant }));
        usual.chain([Variant { classes: Classes::POSIT, ..Variant::least() }])
    }

    /// That of grids and laws, for the smaller models, on every device.
    pub fn least() -> Variant {
        let (model, tile) = (MODEL_SIZES[0], Tile::of(MODEL_SIZES[0], 0));
        Variant { strict: false, classes: Classes::GRIDS, model, tile, paired: true, own: None, alone: None }
    }

    /// Whether it serves some runs or some operation alone.
    pub fn is_own(&self) -> bool {
        self.own.is_some() || self.alone.is_some()
    }

    /// That of a pipeline of train.
    pub fn layout(&self) -> Layout {
        self.own.map_or(Layout::of_all(), |own| own.layout)
    }

    /// That of an operation on covariates alone.
    pub fn of_op(op: SplitOp, strict: bool) -> Variant {
        Variant { strict, classes: op.op.classes(), alone: Some(op), ..Variant::least() }
    }

    /// That of the runs of a trajectory alone, in the phase with these operations.
    pub fn of_runs(t: &Trajectory, ops: &TrainOps, average: bool, layout: Layout, strict: bool) -> Variant {
        let classes = ops.by_site().iter().map(|(_, op)| op.classes()).collect();
        let own = Some(Own { ops: *ops, batch: t.batch, average, layout });
        Variant { strict, classes, model: t.model, own, ..Variant::least() }
    }
}

/// The WGSL of a kernel. It starts with those constants of the variant that occur, so that variants between which a
/// kernel does not choose have the same text.
pub fn compose(kernel: &Kernel, variant: Variant) -> String {
    let layout = variant.layout();
    let body = body(kernel, layout.exchange);
    let Variant { strict, classes, model, tile, paired, own, alone } = variant;
    let none = SplitOp { op: QuantOp::none(), components: 1, bits: 24 };
    let SplitOp { op, components, bits } = alone.unwrap_or(none);
    let batch = own.map_or(MAX_BATCH, |own| own.batch);
    let ops = own.map_or_else(|| TrainOps::new(|_| QuantOp::none()), |own| own.ops);
    let constants = [
        ("STRICT".into(), format!("{strict}")),
        ("MODEL".into(), format!("{model}u")),
        ("BATCH".into(), format!("{batch}u")),
        ("TILE_ROWS".into(), format!("{}u", tile.rows)),
        ("TILE_COLUMNS".into(), format!("{}u", tile.columns)),
        ("PAIRED".into(), format!("{paired}")),
        ("ALONE".into(), format!("{}", alone.is_some())),
        ("OP_ALONE".into(), format!("SplitOp({}, {components}u, {bits}u)", op.literal())),
        ("OWN".into(), format!("{}", own.is_some())),
        ("WIDTH".into(), format!("{}u", layout.width)),
        ("AVERAGE".into(), format!("{}", own.is_some_and(|own| own.average))),
    ];
    let of_site = |(site, op): (Site, &QuantOp)| (format!("OP_{}", site.name().to_uppercase()), op.literal());
    let of_group = |(name, group): &(&str, Classes)| (name.to_string(), format!("{}", classes.contain(*group)));
    let groups = Classes::GROUPS.iter().map(of_group);
    let constants = constants.into_iter().chain(groups).chain(ops.by_site().into_iter().map(of_site));
    let occur = constants.filter(|(name, _)| body.contains(name));
    let text: String = occur.map(|(name, value)| format!("const {name} = {value};\n")).collect();
    text + &body
}
