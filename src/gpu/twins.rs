//! Every kernel composed in every variant, read by naga without any adapter: it is valid WGSL, and what it shares with
//! the host (structs, constants) is the same on both sides.

use std::collections::{BTreeSet, HashSet};
use std::path::Path;

use wgpu::naga::valid::{Capabilities, ValidationFlags, Validator};
use wgpu::naga::{Block, Expression, Literal, Module, Scalar, ScalarKind, Statement, StructMember, TypeInner};

use super::facts::{Facts, Needs, module, needs};
use super::gram::{ENTRY_LOOPS, STEP_LOOPS};
use super::in_words::IN_WORDS;
use super::kernels::{GRAM, KERNELS, Kernel, LABEL, MAXIMA, MODEL_SIZES, SKETCH, TRAIN, Variant, compose, model_size};
use super::loaders;
use super::operands::{OPERATION_LOOPS, SLICE_LOOPS};
use super::shapes::Tuning;
use super::slice::LANES;
use super::train::layout::Exchange;
use super::train::schedule::{OTHER_LOOPS, UPDATE_LOOPS};
use super::{draw, gram, own_pipelines, peaks, probe, project, slice, tally, train, turn};
use crate::codec;
use crate::codec::bits;
use crate::config::{Config, MAX_BATCH, MAX_HEAD, MAX_MODEL};
use crate::format::{BLOCK_SIZES, Law, NO_CODE, QuantOp, Specials, WHOLE, class, direction, policy};
use crate::plan::Plan;
use crate::random::normal::{self, TABLE};
use crate::random::{self, Purpose};
use crate::reference::maxima;
use crate::reference::peaks::{QUADS, QUADS_APART, QUADS_FIRST};
use crate::reference::verify::{CHUNK, Question};
use crate::twin::{Member, Shared};

/// Structs that several kernels share, or that stand in `words`.
fn structs() -> Vec<Shared> {
    [IN_WORDS, &[Shared::of::<slice::Panel>(), Shared::of::<probe::Found>()]].concat()
}

macro_rules! named {
    ($($path:path),* $(,)?) => {
        [$((stringify!($path).rsplit("::").next().unwrap_or_default().trim(), $path)),*]
    };
}

/// Constants that shaders have by the same name, or by the one here.
fn constants() -> Vec<(String, Literal)> {
    let own =
        [tally::CONSTANTS, draw::CONSTANTS, project::CONSTANTS, slice::CONSTANTS, turn::CONSTANTS, gram::CONSTANTS];
    let mut all: Vec<(&str, u32)> =
        [&own[..], &[train::CONSTANTS, train::state::CONSTANTS, peaks::CONSTANTS, maxima::CONSTANTS]].concat().concat();
    all.extend(named![QUADS, QUADS_FIRST, QUADS_APART]);
    all.extend(named![
        codec::SATURATED,
        codec::UNDERFLOWED,
        codec::NAN,
        codec::INFINITE,
        codec::FLOOR,
        codec::DIVERGED
    ]);
    all.extend(named![bits::SIGN, bits::MAGNITUDE, bits::FRACTION, bits::IMPLICIT, bits::ONE, bits::INFINITY]);
    all.extend(named![bits::QUIET, bits::LARGEST, bits::SMALLEST_NORMAL, bits::SMALLEST_POWER, NO_CODE, WHOLE, CHUNK]);
    all.extend(named![random::PARITY, normal::TAIL_BITS, normal::SEGMENT_BITS, normal::SLOPE_BITS]);
    all.extend(named![policy::OVERFLOWS, policy::SATFINITE, policy::FLUSHES, policy::ZERO_MEAN]);
    all.extend(named![policy::INTEGER, policy::ABRUPT, policy::OWN_SIGN, policy::ONE_ZERO, policy::OFFSET]);
    all.extend(named![policy::EVEN_SCALE, policy::FOUR_OVER_SIX, policy::TO_FOUR, bits::SIX_OVER_FOUR]);
    all.extend(named![direction::NEAREST_EVEN, direction::NEAREST_AWAY, direction::TOWARD_ZERO]);
    all.extend(named![direction::UP, direction::DOWN, direction::STOCHASTIC, direction::DITHER]);
    all.extend([
        ("NAN_CODE", Specials::Nan as u32),
        ("IEEE", Specials::Ieee as u32),
        ("FNUZ", Specials::Fnuz as u32),
        ("LAW_TWO_POINT", Law::TwoPoint as u32),
        ("PURPOSE_COVARIATE", Purpose::Covariate as u32),
        ("PURPOSE_LABEL_NOISE", Purpose::LabelNoise as u32),
        ("PURPOSE_SKETCH", Purpose::Sketch as u32),
        ("PURPOSE_TAIL", Purpose::Tail as u32),
        ("PURPOSE_ELEMENT", Purpose::Element as u32),
        ("ASK_CODEC", Question::Codec(QuantOp::none()).number()),
        ("ASK_NORMAL", Question::Normal.number()),
        ("ASK_WORDS", Question::Words.number()),
        ("NORMALS", 0),
        ("ROOTS", TABLE.len() as u32),
        ("SMALLEST_BLOCK", BLOCK_SIZES[0]),
    ]);
    let classes = named![class::NONE, class::SCALAR, class::BLOCK, class::STEP, class::LOGARITHMIC, class::TWO_LEVEL];
    let others = named![class::EXPONENT, class::ADDITIVE, class::RELATIVE, class::ABSMAX, class::POSIT];
    let classes = classes.into_iter().chain(others);
    let classes = classes.map(|(name, value)| (format!("CLASS_{name}"), value));
    let words = IN_WORDS.iter().map(|shared| (loaders::constant(shared.name), (shared.size / 4) as u32));
    let all = all.into_iter().map(|(name, value)| (name.to_string(), value)).chain(classes).chain(words);
    let all = all.map(|(name, value)| (name, Literal::U32(value)));
    all.chain([("UNIT".into(), Literal::F32(normal::UNIT))]).collect()
}

/// What a shader derives from other constants or from its variant, or settles for itself: the host reads sizes of
/// workgroups from its text.
const SHADERS_OWN: &str = "STRICT HAS_SCALED HAS_POSIT OWN ALONE AVERAGE GROUPS THREADS KEPT SUMS SINGLE PARTIAL_STRIDE \
    PACK TOTALS PAIRED SAMPLE_QUADS ROW_QUADS COLUMN_QUADS ALONG_ROWS ALONG_SAMPLES WIDE WIDE_BLOCKS X_LOADS X_OWN \
    ROWS_LOADED TILE_QUADS COLUMN_LOADS G_LOADS G_OWN SWIZZLE TURNED_STRIDE ROWS_OF_WORD";

/// Pipelines that some runs have alone: of one sample and of batches, for each class of formats.
fn own_variants() -> Vec<(Kernel, Variant)> {
    let text = r#"
        problem = { dim = 140, spectrum = { kind = "power", exponent = 1.0 } }
        train = { model = [5, 64, 130], samples = [66], batch = [1, 3], output = ["last", "average"] }
        recipe = [
            { name = "none", data = "e4m3" },
            { name = "blocks", feature_grad = "mxfp8", weight = { format = "mxfp4", rounding = "stochastic" } },
            { name = "classes", parameter = "log8", label = "nvfp4", gradient = { format = "int8", step = 0.3 } },
            { name = "noise", activation = { noise = "additive", eps = 0.1 } },
        ]
    "#;
    let plan = Config::parse(text, &[]).and_then(Plan::new).expect("this is a plan");
    [None, Some(4), Some(32)].into_iter().flat_map(|subgroup| own_pipelines(&plan, subgroup)).collect()
}

/// Every kernel in every variant, once per text.
fn modules() -> Vec<(Kernel, Variant, String, Module)> {
    let mut seen = HashSet::new();
    let all = KERNELS.iter().flat_map(|kernel| Variant::all().map(move |variant| (*kernel, variant)));
    let all = all.chain(own_variants());
    let texts = all.map(|(kernel, variant)| (kernel, variant, compose(&kernel, variant)));
    let new = texts.filter(|(.., text)| seen.insert(text.clone()));
    new.map(|(kernel, variant, text)| {
        let module = module(&kernel, &text);
        (kernel, variant, text, module)
    })
    .collect()
}

/// Whether it exchanges within subgroups: no other may, as not every device has them.
fn uses_subgroups(kernel: &Kernel, variant: Variant) -> bool {
    kernel.name == MAXIMA.name || kernel.name == TRAIN.name && variant.layout().exchange == Exchange::Shuffle
}

/// What a kernel asks of a device beyond what all have.
fn capabilities(kernel: &Kernel, variant: Variant, module: &Module) -> Capabilities {
    let doubles = Capabilities::FLOAT64 | Capabilities::SHADER_INT64;
    let doubles = if has_doubles(module) { doubles } else { Capabilities::empty() };
    doubles | if uses_subgroups(kernel, variant) { Capabilities::SUBGROUP } else { Capabilities::empty() }
}

fn type_name(module: &Module, member: &StructMember) -> String {
    let kind = &module.types[member.ty];
    match (&kind.inner, &kind.name) {
        (TypeInner::Scalar(scalar), _) => match scalar.kind {
            ScalarKind::Uint => "u32".into(),
            ScalarKind::Sint => "i32".into(),
            ScalarKind::Float => "f32".into(),
            other => format!("{other:?}"),
        },
        (_, Some(name)) => name.clone(),
        (other, None) => format!("{other:?}"),
    }
}

/// What a shader's struct has other than the host's.
fn difference(module: &Module, members: &[StructMember], host: &[Member]) -> Option<String> {
    let own: Vec<_> = members
        .iter()
        .map(|member| (member.name.clone().unwrap_or_default(), type_name(module, member), member.offset as usize))
        .collect();
    let host: Vec<_> =
        host.iter().map(|member| (member.name.to_string(), member.kind.to_string(), member.offset)).collect();
    let place = (0..own.len().max(host.len())).find(|&k| own.get(k) != host.get(k))?;
    Some(format!("the shader has {:?}, the host {:?}", own.get(place), host.get(place)))
}

/// Whether it computes with f64, which the WGSL of browsers does not have.
fn has_doubles(module: &Module) -> bool {
    module.types.iter().any(|(_, kind)| kind.inner.scalar() == Some(Scalar::F64))
}

/// With `ROUNDLAW_SHADERS` each that a browser could compile goes to a file of that folder, for tests/browser.
#[test]
fn every_composed_shader_is_valid_and_its_entry_point_is_main() {
    for (number, (kernel, variant, text, module)) in modules().into_iter().enumerate() {
        assert_eq!(has_doubles(&module), kernel.name == GRAM.name, "{}", kernel.name);
        if let (Some(folder), false) = (std::env::var_os("ROUNDLAW_SHADERS"), has_doubles(&module)) {
            let path = Path::new(&folder).join(format!("{}-{number:02}.wgsl", kernel.name));
            // Browsers want to be told, and naga does not let itself be.
            let enabled = if uses_subgroups(&kernel, variant) { "enable subgroups;\n" } else { "" };
            std::fs::write(&path, enabled.to_string() + &text).expect("the folder can be written");
        }
        let validated =
            Validator::new(ValidationFlags::all(), capabilities(&kernel, variant, &module)).validate(&module);
        validated.unwrap_or_else(|error| panic!("{}, {variant:?}: {}", kernel.name, error.emit_to_string(&text)));
        let names: Vec<&str> = module.entry_points.iter().map(|entry| entry.name.as_str()).collect();
        assert_eq!(names, ["main"], "{}", kernel.name);
    }
}

#[test]
fn structs_have_the_members_of_their_twins() {
    let structs = structs();
    let mut found = HashSet::new();
    for (kernel, _, _, module) in modules() {
        for (_, kind) in module.types.iter() {
            let (TypeInner::Struct { members, span }, Some(name)) = (&kind.inner, &kind.name) else { continue };
            let place = format!("shader {}, struct {name}", kernel.name);
            if name == "Params" {
                let (last, members) = members.split_last().expect("a struct has members");
                assert_eq!(difference(&module, members, kernel.params), None, "{place}");
                assert_eq!(last.name.as_deref(), Some("words"), "{place}");
                let array = &module.types[last.ty].inner;
                assert!(matches!(array, TypeInner::Array { stride: 4, .. }), "{place}: words is {array:?}");
                // An array without a length counts as one element.
                assert_eq!(*span, last.offset + 4, "{place}");
                assert_eq!(last.offset as usize, kernel.span, "{place}: where words start");
            } else if let Some(twin) = structs.iter().find(|twin| twin.name == name) {
                assert_eq!(difference(&module, members, twin.members), None, "{place}");
                assert_eq!(*span as usize, twin.size, "{place}");
                found.insert(name.clone());
            } else {
                let loads = |name: &Option<String>| name.as_ref().is_some_and(|name| name.starts_with("load_"));
                let loaded = module.functions.iter().filter(|(_, function)| loads(&function.name));
                let results = loaded.filter_map(|(_, function)| function.result.as_ref());
                let types: Vec<_> = results.map(|result| module.types[result.ty].name.as_ref()).collect();
                assert!(!types.contains(&Some(name)), "{place} is loaded from words and has no twin here");
            }
        }
    }
    for Shared { name, .. } in structs {
        assert!(found.contains(name), "no shader has a struct {name}");
    }
}

#[test]
fn constants_have_the_values_of_their_twins() {
    let constants = constants();
    let (mut found, mut alone, mut own) = (HashSet::new(), BTreeSet::new(), BTreeSet::new());
    for (kernel, variant, _, module) in modules() {
        let batch = variant.own.map_or(MAX_BATCH, |own| own.batch);
        let tile = variant.tile;
        let of_variant = [
            ("MODEL", variant.model),
            ("BATCH", batch),
            ("WIDTH", variant.layout().width),
            ("TILE_ROWS", tile.rows),
            ("TILE_COLUMNS", tile.columns),
        ];
        let of_variant = of_variant.map(|(name, value)| (name.to_string(), Literal::U32(value)));
        for (_, constant) in module.constants.iter() {
            let Some(name) = &constant.name else { continue };
            // An operation is written by its twin.
            if name.starts_with("OP_") {
                continue;
            }
            let twin = constants.iter().chain(&of_variant).find(|(twin, _)| twin == name);
            let Some((_, value)) = twin else {
                match SHADERS_OWN.split_whitespace().any(|own| own == name) {
                    true => own.insert(name.clone()),
                    false => alone.insert(format!("{name} of {}", kernel.name)),
                };
                continue;
            };
            let init = &module.global_expressions[constant.init];
            let is_same = matches!(init, Expression::Literal(init) if init == value);
            assert!(is_same, "shader {}: {name} is {init:?}, on the host {value:?}", kernel.name);
            found.insert(name.clone());
        }
    }
    assert!(alone.is_empty(), "constants of shaders without a twin here: {alone:?}");
    assert_eq!(own, SHADERS_OWN.split_whitespace().map(str::to_string).collect(), "constants without a twin");
    for (name, _) in constants {
        assert!(found.contains(&name), "no shader has a constant {name}");
    }
}

/// Loops of a statement, those of what it calls included, once for each call: as where a compiler inlines all.
fn loops_of(module: &Module, statement: &Statement) -> usize {
    match statement {
        Statement::Loop { body, continuing, .. } => 1 + loops(module, body) + loops(module, continuing),
        Statement::Block(body) => loops(module, body),
        Statement::If { accept, reject, .. } => loops(module, accept) + loops(module, reject),
        Statement::Switch { cases, .. } => cases.iter().map(|case| loops(module, &case.body)).sum(),
        Statement::Call { function, .. } => loops(module, &module.functions[*function].body),
        _ => 0,
    }
}

fn loops(module: &Module, body: &Block) -> usize {
    body.iter().map(|statement| loops_of(module, statement)).sum()
}

/// Modules are compiled without naga's counters that end endless loops (src/os.rs).
#[test]
fn every_loop_counts() {
    let counts = |line: &str| {
        let (name, rest) = line.strip_prefix("for (var ")?.split_once(' ')?;
        let [_, condition, step] = rest.split("; ").collect::<Vec<_>>()[..] else { return None };
        let is_bounded = condition.split(' ').any(|word| word == name);
        let step = step.strip_prefix(name)?;
        Some(is_bounded && ["++) {", "--) {", " += ", " /= 2u) {"].iter().any(|known| step.starts_with(known)))
    };
    let loops = ["for ", "for(", "while", "loop ", "loop{"];
    for (kernel, _, text, _) in modules() {
        for line in text.lines().map(str::trim).filter(|line| loops.iter().any(|start| line.starts_with(start))) {
            assert_eq!(counts(line), Some(true), "{}: {line}", kernel.name);
        }
    }
}

/// Some drivers end an invocation's loops after so many iterations: the host counts them, so it must know every loop.
#[test]
fn the_host_knows_every_loop_of_long_kernels() {
    let mut most_of_train = (0, 0);
    for (kernel, _, _, module) in modules() {
        let main = &module.entry_points[0].function.body;
        let of_function = |name: &str| {
            let function = module.functions.iter().find(|(_, function)| function.name.as_deref() == Some(name));
            function.map(|(_, function)| loops(&module, &function.body))
        };
        // The long loop, of updates or of slices, and those in it.
        let longest = main.iter().map(|statement| loops_of(&module, statement)).max().unwrap_or(0);
        if kernel.name == TRAIN.name {
            // Layouts differ in what their lanes exchange.
            let (of_updates, others) = most_of_train;
            most_of_train = (longest.max(of_updates), others.max(loops(&module, main) - longest));
        } else if let Some(of_operations) = of_function("quantize_slice") {
            // The sketch has no components of w*.
            let own = if kernel.name == SKETCH.name { SLICE_LOOPS - 2 } else { SLICE_LOOPS };
            assert_eq!(of_operations, OPERATION_LOOPS, "{} in the operations of a slice", kernel.name);
            assert_eq!(longest, own + OPERATION_LOOPS, "{} in the loop of slices", kernel.name);
        } else if kernel.name == GRAM.name {
            assert_eq!(longest, STEP_LOOPS.len(), "{} in the loop of coordinates", kernel.name);
            assert_eq!(loops(&module, main), STEP_LOOPS.len() + ENTRY_LOOPS.len(), "{}", kernel.name);
        } else if kernel.name == LABEL.name {
            // Of coordinates, and of components in it.
            let iterations = (1 + 3) * u64::from((MAX_HEAD + MAX_MODEL).div_ceil(LANES));
            assert_eq!(longest, 2, "{} in the loop of coordinates", kernel.name);
            assert!(iterations < Tuning::default().loops, "{}: {iterations} iterations", kernel.name);
        }
    }
    assert_eq!(most_of_train, (1 + UPDATE_LOOPS, OTHER_LOOPS), "train: the loop of updates, and others");
}

#[test]
fn a_model_has_the_smallest_size_with_room() {
    assert_eq!([1, 1024, 1025, MAX_MODEL].map(model_size), [1024, 1024, MAX_MODEL, MAX_MODEL]);
}

#[test]
fn what_kernels_ask_for_is_read_from_their_text() {
    let text = "struct Params { zero: u32, words: array<u32> }\n\
        @group(0) @binding(0) var<storage, read> params: Params;\n\
        @group(0) @binding(1) var<storage, read_write> out: array<vec4<f32>>;\n\
        var<workgroup> sums: array<f32, 65>;\n\
        @compute @workgroup_size(8, 4) fn main() { out[0].x = sums[0] + f32(params.zero); }";
    let facts = Facts::of(&KERNELS[0], text);
    let bindings: Vec<_> = facts.bindings.iter().map(|b| (b.name.as_str(), b.read_only, b.least)).collect();
    assert_eq!(bindings, [("params", true, 8), ("out", false, 16)]);
    assert_eq!((facts.workgroup_size, facts.workgroup_bytes), ([8, 4, 1], 272));
    let all = MODEL_SIZES.map(needs);
    // WebGPU promises every device as much.
    assert!(all.iter().all(|needs| needs.invocations <= 256 && needs.buffers <= 8), "{all:?}");
    assert!(all.iter().all(|needs| needs.workgroup_bytes <= 16 << 10), "{all:?}");
    let told = |needs: Needs| format!("{},{:03}", needs.workgroup_bytes / 1000, needs.workgroup_bytes % 1000);
    let page = include_str!("../../docs/adapters.md").replace('\n', " ");
    let most = all.into_iter().max_by_key(|needs| needs.workgroup_bytes).expect("a list of sizes");
    let sentence = format!("the kernels need {} bytes of workgroup memory.", told(most));
    assert!(page.contains(&sentence), "docs/adapters.md does not say: {sentence}");
}
