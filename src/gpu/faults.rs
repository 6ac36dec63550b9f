//! Faults of a device, for tests of what becomes of them.

use wgpu::{
    BindGroupDescriptor, BindGroupEntry, BufferDescriptor, BufferUsages, ComputePassDescriptor,
    ComputePipelineDescriptor, Device, Queue, ShaderModuleDescriptor, ShaderSource, SubmissionIndex,
};

use super::Gpu;

/// What may happen to a device at any moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It goes away, as when a driver resets it.
    Lost,
    /// It is given a kernel that takes longer than it is waited for.
    Hang { seconds: u32 },
    /// It is given a shader that does not compile.
    Shader,
    /// It says that it has no memory for a buffer.
    Memory,
    /// A bit of its memory flips.
    Flip(Flip),
}

/// A bit of one of the buffers that a kernel binds after those that all have, which flips before one of its dispatches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flip {
    pub kernel: &'static str,
    /// Dispatches of the kernel before that.
    pub after: u32,
    pub buffer: usize,
    pub word: u64,
    pub bit: u32,
}

impl Flip {
    /// Counts a dispatch; whether the bit flips before it.
    pub(super) fn is_due(&mut self, kernel: &str) -> bool {
        let is_due = self.kernel == kernel && self.after == 0;
        self.after -= u32::from(self.kernel == kernel && self.after > 0);
        is_due
    }
}

impl Gpu {
    /// Lets the device meet a fault, now.
    #[doc(hidden)]
    pub fn meet(&self, fault: Fault) {
        self.context.meet(fault);
    }
}

/// As many steps as every driver lets a loop have, each of which waits for the one before, as every dispatch does: seconds
/// on any processor.
const LONG: &str = "
@group(0) @binding(0) var<storage, read_write> state: array<u32>;

@compute @workgroup_size(1)
fn main() {
    var x = state[0];
    for (var k = 0u; k < 60000u; k++) {
        x = (x ^ (x >> 3u)) * 1664525u + k;
    }
    state[0] = x;
}
";
const LONG_DISPATCHES: u32 = 30_000;

pub(super) fn hang(device: &Device, queue: &Queue) -> SubmissionIndex {
    let module =
        device.create_shader_module(ShaderModuleDescriptor { label: None, source: ShaderSource::Wgsl(LONG.into()) });
    let pipeline = device.create_compute_pipeline(&ComputePipelineDescriptor {
        label: None,
        layout: None,
        module: &module,
        entry_point: Some("main"),
        compilation_options: Default::default(),
        cache: None,
    });
    let usage = BufferUsages::STORAGE;
    let state = device.create_buffer(&BufferDescriptor { label: None, size: 4, usage, mapped_at_creation: false });
    let group = device.create_bind_group(&BindGroupDescriptor {
        label: None,
        layout: &pipeline.get_bind_group_layout(0),
        entries: &[BindGroupEntry { binding: 0, resource: state.as_entire_binding() }],
    });
    let mut encoder = device.create_command_encoder(&Default::default());
    let mut pass = encoder.begin_compute_pass(&ComputePassDescriptor::default());
    pass.set_pipeline(&pipeline);
    pass.set_bind_group(0, &group, &[]);
    (0..LONG_DISPATCHES).for_each(|_| pass.dispatch_workgroups(1, 1, 1));
    drop(pass);
    queue.submit([encoder.finish()])
}

pub(super) fn shader(device: &Device) {
    let source = ShaderSource::Wgsl("@compute fn main( {}".into());
    drop(device.create_shader_module(ShaderModuleDescriptor { label: None, source }));
}
