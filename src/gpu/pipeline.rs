//! Compiled kernels, and the check of a dispatch against what its kernel binds.

use std::collections::HashMap;
use std::num::NonZeroU64;
use std::sync::Arc;

use wgpu::{
    BindGroupLayout, BindGroupLayoutDescriptor, BindGroupLayoutEntry, BindingType, Buffer, BufferBindingType,
    ComputePipeline, ComputePipelineDescriptor, Device, PipelineCompilationOptions, PipelineLayoutDescriptor,
    ShaderModuleDescriptor, ShaderSource, ShaderStages,
};

use super::facts::Facts;
use super::kernels::{Kernel, Variant, compose};
use super::params::Parameters;
use crate::os;

/// Bindings that every kernel has: parameters and tables.
const COMMON_BINDINGS: usize = 2;

pub struct Pipeline {
    text: String,
    pub facts: Facts,
    pub pipeline: ComputePipeline,
    pub layout: BindGroupLayout,
}

/// What was compiled so far. Variants of one text share a pipeline.
#[derive(Default)]
pub struct Pipelines(HashMap<(&'static str, Variant), Arc<Pipeline>>);

impl Pipelines {
    /// Compiles it where that is new.
    pub fn get(&mut self, device: &Device, kernel: &Kernel, variant: Variant) -> Arc<Pipeline> {
        if let Some(known) = self.0.get(&(kernel.name, variant)) {
            return known.clone();
        }
        let text = compose(kernel, variant);
        let same = self.0.values().find(|known| known.text == text).cloned();
        let pipeline = same.unwrap_or_else(|| Arc::new(build(device, kernel, text)));
        self.0.insert((kernel.name, variant), pipeline.clone());
        pipeline
    }
}

impl Pipelines {
    /// Those of a kernel that are not compiled yet.
    pub fn missing(&self, kernel: &Kernel, variants: &[Variant]) -> Vec<Variant> {
        variants.iter().copied().filter(|variant| !self.0.contains_key(&(kernel.name, *variant))).collect()
    }

    pub fn insert(&mut self, kernel: &Kernel, variant: Variant, pipeline: Pipeline) {
        self.0.insert((kernel.name, variant), Arc::new(pipeline));
    }
}

pub fn build(device: &Device, kernel: &Kernel, text: String) -> Pipeline {
    let label = Some(kernel.name);
    let facts = Facts::of(kernel, &text);
    let entries: Vec<BindGroupLayoutEntry> = (0..)
        .zip(&facts.bindings)
        .map(|(binding, fact)| BindGroupLayoutEntry {
            binding,
            visibility: ShaderStages::COMPUTE,
            ty: BindingType::Buffer {
                ty: BufferBindingType::Storage { read_only: fact.read_only },
                has_dynamic_offset: false,
                min_binding_size: NonZeroU64::new(fact.least),
            },
            count: None,
        })
        .collect();
    let layout = device.create_bind_group_layout(&BindGroupLayoutDescriptor { label, entries: &entries });
    let pipeline_layout = device.create_pipeline_layout(&PipelineLayoutDescriptor {
        label,
        bind_group_layouts: &[Some(&layout)],
        immediate_size: 0,
    });
    let source = ShaderSource::Wgsl(text.as_str().into());
    let module = os::module_without_loop_counters(device, ShaderModuleDescriptor { label, source });
    let pipeline = device.create_compute_pipeline(&ComputePipelineDescriptor {
        label,
        layout: Some(&pipeline_layout),
        module: &module,
        entry_point: Some("main"),
        // Kernels clear what must start as zeros: for a large array llvmpipe as GL compiles zeros for minutes.
        compilation_options: PipelineCompilationOptions {
            zero_initialize_workgroup_memory: false,
            ..Default::default()
        },
        cache: None,
    });
    Pipeline { text, facts, pipeline, layout }
}

impl Pipeline {
    /// The composed WGSL.
    pub fn text(&self) -> &str {
        &self.text
    }
}

/// A buffer as a dispatch binds it.
#[derive(Clone, Copy)]
pub struct Bound<'a> {
    pub buffer: &'a Buffer,
    /// Words that the dispatch may touch: the buffer has as many.
    words: u64,
}

impl<'a> Bound<'a> {
    pub fn new(buffer: &'a Buffer, words: u64) -> Bound<'a> {
        Bound { buffer, words }
    }
}

/// One run of a kernel.
pub struct Dispatch<'a> {
    pub kernel: &'a Kernel,
    pub variant: Variant,
    pub params: &'a Parameters,
    /// From binding 2 on.
    pub buffers: &'a [Bound<'a>],
    /// Workgroups along each axis.
    pub groups: [u32; 3],
}

impl Dispatch<'_> {
    /// Panics where the host calls the kernel with what it does not take, or with more than `most` workgroups along an
    /// axis.
    pub fn assert_fits(&self, facts: &Facts, most: u32) {
        let name = self.kernel.name;
        assert!(self.params.members == self.kernel.params, "kernel {name} has other parameters");
        assert!(
            self.groups.iter().all(|&n| n <= most),
            "kernel {name}: {:?} workgroups, allowed are {most}",
            self.groups
        );
        let own = &facts.bindings[COMMON_BINDINGS..];
        assert_eq!(self.buffers.len(), own.len(), "kernel {name} and the number of its buffers");
        for (bound, fact) in self.buffers.iter().zip(own) {
            let (size, needed) = (bound.buffer.size(), fact.least.max(4 * bound.words));
            assert!(size >= needed, "kernel {name}, buffer {}: {size} bytes, needed are {needed}", fact.name);
        }
    }
}
