//! The adapters that wgpu finds.

use wgpu::{Backends, DeviceType, Instance, InstanceDescriptor};

/// What a user needs to know of an adapter.
#[derive(Clone, Debug, PartialEq)]
pub struct AdapterInfo {
    /// Position in the list of [`adapters`].
    pub index: usize,
    pub name: String,
    /// `vulkan`, `metal`, `dx12` or `gl`.
    pub backend: String,
    /// `discrete`, `integrated`, `virtual`, `cpu` or `other`.
    pub device_type: String,
    pub driver: String,
    pub driver_info: String,
    /// PCI bus id, empty where the backend does not tell.
    pub pci: String,
    /// The limits that decide what fits, by wgpu's names.
    pub limits: Vec<(&'static str, u64)>,
    pub features: Vec<String>,
}

/// wgpu's adapters in the order of [`adapters`]: those of the backends in WGPU_BACKEND, else of Vulkan, Metal and
/// Direct3D 12, else, where these have none, of OpenGL.
pub(super) fn enumerate() -> Vec<wgpu::Adapter> {
    let of = |backends: Backends| {
        let mut descriptor = InstanceDescriptor::new_without_display_handle();
        descriptor.backends = backends;
        pollster::block_on(Instance::new(descriptor).enumerate_adapters(backends))
    };
    if let Some(backends) = Backends::from_env() {
        return of(backends);
    }
    let found = of(Backends::VULKAN | Backends::METAL | Backends::DX12);
    if found.is_empty() { of(Backends::GL) } else { found }
}

pub(super) fn describe(index: usize, adapter: &wgpu::Adapter) -> AdapterInfo {
    let info = adapter.get_info();
    let limits = adapter.limits();
    let device_type = match info.device_type {
        DeviceType::DiscreteGpu => "discrete",
        DeviceType::IntegratedGpu => "integrated",
        DeviceType::VirtualGpu => "virtual",
        DeviceType::Cpu => "cpu",
        DeviceType::Other => "other",
    };
    AdapterInfo {
        index,
        name: info.name,
        backend: info.backend.to_string(),
        device_type: device_type.to_string(),
        driver: info.driver,
        driver_info: info.driver_info,
        pci: info.device_pci_bus_id,
        limits: vec![
            ("max_buffer_size", limits.max_buffer_size),
            ("max_storage_buffer_binding_size", limits.max_storage_buffer_binding_size),
            ("max_storage_buffers_per_shader_stage", limits.max_storage_buffers_per_shader_stage.into()),
            ("max_compute_invocations_per_workgroup", limits.max_compute_invocations_per_workgroup.into()),
            ("max_compute_workgroup_storage_size", limits.max_compute_workgroup_storage_size.into()),
            ("max_compute_workgroups_per_dimension", limits.max_compute_workgroups_per_dimension.into()),
            ("subgroup_min_size", info.subgroup_min_size.into()),
            ("subgroup_max_size", info.subgroup_max_size.into()),
        ],
        features: adapter.features().iter_names().map(|(name, _)| name.to_string()).collect(),
    }
}

/// All adapters; an index stays valid while drivers and devices do not change.
pub fn adapters() -> Vec<AdapterInfo> {
    enumerate().iter().enumerate().map(|(index, adapter)| describe(index, adapter)).collect()
}

/// Where an adapter is listed by now, if it is: by its bus, for one that fell off its own changes the positions of others;
/// by its position where it has none.
pub fn find_again(known: &AdapterInfo) -> Option<usize> {
    let identity = |info: &AdapterInfo| match info.pci.is_empty() {
        true => (info.index.to_string(), String::new()),
        false => (info.pci.to_lowercase(), info.backend.clone()),
    };
    adapters().iter().find(|info| identity(info) == identity(known)).map(|info| info.index)
}

/// A GPU, not a program that plays one.
pub fn is_hardware(adapter: &AdapterInfo) -> bool {
    matches!(adapter.device_type.as_str(), "discrete" | "integrated")
}
