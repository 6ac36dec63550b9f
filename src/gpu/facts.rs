//! What a kernel asks of a device, as its text says: bindings, size of a workgroup, workgroup memory.

use std::sync::LazyLock;

use wgpu::naga::proc::Layouter;
use wgpu::naga::{AddressSpace, GlobalVariable, Module, StorageAccess, front::wgsl::parse_str};

use super::kernels::{KERNELS, Kernel, MODEL_SIZES, Variant, compose};

/// A storage buffer of a kernel.
#[derive(Clone, Debug, PartialEq)]
pub struct Binding {
    /// In the shader.
    pub name: String,
    pub read_only: bool,
    /// Bytes that its type has at least.
    pub least: u64,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Facts {
    /// By number, from 0.
    pub bindings: Vec<Binding>,
    pub workgroup_size: [u32; 3],
    /// Bytes of workgroup memory.
    pub workgroup_bytes: u64,
}

/// Reads a composed kernel. A test parses all of them.
pub fn module(kernel: &Kernel, text: &str) -> Module {
    parse_str(text).unwrap_or_else(|error| panic!("{}: {}", kernel.name, error.emit_to_string(text)))
}

impl Facts {
    pub fn of(kernel: &Kernel, text: &str) -> Facts {
        let module = module(kernel, text);
        let mut layouter = Layouter::default();
        layouter.update(module.to_ctx()).expect("a composed shader has types of known size");
        let bytes = |global: &GlobalVariable| u64::from(layouter[global.ty].size);
        let mut bound: Vec<(u32, Binding)> = Vec::new();
        let mut workgroup_bytes = 0;
        for (_, global) in module.global_variables.iter() {
            match (global.space, &global.binding, &global.name) {
                (AddressSpace::Storage { access }, Some(at), Some(name)) => {
                    let read_only = !access.contains(StorageAccess::STORE);
                    bound.push((at.binding, Binding { name: name.clone(), read_only, least: bytes(global) }));
                }
                // Devices round each variable up to 16 bytes.
                (AddressSpace::WorkGroup, ..) => workgroup_bytes += bytes(global).next_multiple_of(16),
                _ => {}
            }
        }
        bound.sort_by_key(|(number, _)| *number);
        let bindings = bound.into_iter().map(|(_, binding)| binding).collect();
        Facts { bindings, workgroup_size: module.entry_points[0].workgroup_size, workgroup_bytes }
    }
}

/// The most that any kernel asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Needs {
    /// Invocations of a workgroup, and along x.
    pub invocations: u32,
    pub along_x: u32,
    /// Storage buffers of a stage.
    pub buffers: u32,
    /// Bytes of workgroup memory.
    pub workgroup_bytes: u64,
}

/// For each of [`MODEL_SIZES`].
static NEEDS: LazyLock<[Needs; 2]> = LazyLock::new(|| {
    MODEL_SIZES.map(|model| {
        let variant = Variant { model, ..Variant::least() };
        let all = KERNELS.iter().map(|kernel| Facts::of(kernel, &compose(kernel, variant)));
        all.fold(Needs::default(), |most, facts| Needs {
            invocations: most.invocations.max(facts.workgroup_size.iter().product()),
            along_x: most.along_x.max(facts.workgroup_size[0]),
            buffers: most.buffers.max(facts.bindings.len() as u32),
            workgroup_bytes: most.workgroup_bytes.max(facts.workgroup_bytes),
        })
    })
});

/// The most that any kernel asks for with models of that size, one of [`MODEL_SIZES`].
pub fn needs(model: u32) -> Needs {
    let known = MODEL_SIZES.iter().zip(NEEDS.iter()).find(|(size, _)| **size == model);
    *known.expect("one of the sizes of models").1
}
