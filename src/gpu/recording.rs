//! What a device was asked to do and what it answered, so that any other WebGPU host can ask another device the same.

use wgpu::Buffer;

use super::facts::Binding;
use super::pipeline::{Dispatch, Pipeline};

/// A composed kernel.
#[derive(Clone, Debug, PartialEq)]
pub struct Shader {
    pub kernel: &'static str,
    pub text: String,
    /// Of each binding whether the kernel only reads it. Binding 0 are the parameters, 1 the tables.
    pub read_only: Vec<bool>,
}

/// A storage buffer, zeroed where it is not filled.
#[derive(Clone, Debug, PartialEq)]
pub struct Storage {
    pub label: String,
    pub words: u64,
    pub fill: Option<Vec<u32>>,
}

/// Words of a buffer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Range {
    /// Index into [`Recording::buffers`].
    pub buffer: usize,
    pub first: u64,
    pub words: u64,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    Dispatch {
        /// Index into [`Recording::shaders`].
        shader: usize,
        params: Vec<u32>,
        /// From binding 2 on: indices into [`Recording::buffers`].
        buffers: Vec<usize>,
        groups: [u32; 3],
        times: u32,
    },
    /// From the first word on.
    Write { buffer: usize, words: Vec<u32> },
    /// The words of the ranges one after the other, as everything before leaves them; empty until they came.
    Read { ranges: Vec<Range>, found: Vec<u32> },
}

/// Steps in order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Recording {
    pub shaders: Vec<Shader>,
    pub buffers: Vec<Storage>,
    pub steps: Vec<Step>,
    /// That of each of `buffers`.
    handles: Vec<Buffer>,
    /// Filled ones that no step has touched so far.
    filled: Vec<(Buffer, Storage)>,
}

impl Recording {
    pub fn fill(&mut self, buffer: &Buffer, label: &str, words: &[u32]) {
        let fill = Some(words.to_vec());
        self.filled.push((buffer.clone(), Storage { label: label.into(), words: words.len() as u64, fill }));
    }

    fn buffer(&mut self, buffer: &Buffer, label: &str) -> usize {
        if let Some(known) = self.handles.iter().position(|handle| handle == buffer) {
            return known;
        }
        let filled = self.filled.iter().position(|(handle, _)| handle == buffer);
        let empty = || Storage { label: label.into(), words: buffer.size() / 4, fill: None };
        self.buffers.push(filled.map_or_else(empty, |at| self.filled.swap_remove(at).1));
        self.handles.push(buffer.clone());
        self.handles.len() - 1
    }

    pub fn dispatch(&mut self, dispatch: &Dispatch, pipeline: &Pipeline, times: u32) {
        let facts = &pipeline.facts.bindings;
        let shader = Shader {
            kernel: dispatch.kernel.name,
            text: pipeline.text().to_owned(),
            read_only: facts.iter().map(|fact| fact.read_only).collect(),
        };
        let known = self.shaders.iter().position(|known| *known == shader);
        let shader = known.unwrap_or_else(|| {
            self.shaders.push(shader);
            self.shaders.len() - 1
        });
        let own = facts.iter().skip(facts.len() - dispatch.buffers.len());
        let bound = dispatch.buffers.iter().zip(own);
        let buffers = bound.map(|(bound, Binding { name, .. })| self.buffer(bound.buffer, name)).collect();
        let (params, groups) = (dispatch.params.words.clone(), dispatch.groups);
        self.steps.push(Step::Dispatch { shader, params, buffers, groups, times });
    }

    pub fn write(&mut self, buffer: &Buffer, words: &[u32]) {
        let buffer = self.buffer(buffer, "written");
        self.steps.push(Step::Write { buffer, words: words.to_vec() });
    }

    /// The number of the step, for [`Recording::answer`].
    pub fn read(&mut self, ranges: &[(&Buffer, u64, u64)]) -> usize {
        let range =
            |&(buffer, first, words): &(&Buffer, u64, u64)| Range { buffer: self.buffer(buffer, "read"), first, words };
        let ranges = ranges.iter().map(range).collect();
        self.steps.push(Step::Read { ranges, found: Vec::new() });
        self.steps.len() - 1
    }

    pub fn answer(&mut self, step: usize, words: &[u32]) {
        if let Some(Step::Read { found, .. }) = self.steps.get_mut(step) {
            *found = words.to_vec();
        }
    }
}
