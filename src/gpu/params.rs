//! The parameters of a dispatch: a kernel's named members, and behind them `words`, lists whose starts are members.

use bytemuck::{Pod, Zeroable};

use crate::twin::{Member, Twin};

/// What the parameters of every kernel start with.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Pod, Zeroable)]
pub struct Head {
    /// 0, which no compiler can know.
    pub zero: u32,
    pub seed_low: u32,
    pub seed_high: u32,
}

impl Head {
    pub fn of(seed: u64) -> Head {
        Head { zero: 0, seed_low: seed as u32, seed_high: (seed >> 32) as u32 }
    }
}

/// Defines the `Params` of a kernel: a [`Head`], whose members WGSL has as its own, and the members listed.
macro_rules! params {
    ($(#[$about:meta])* pub struct Params { $($(#[$on:meta])* pub $member:ident: $kind:ty,)* }) => {
        $(#[$about])*
        #[repr(C)]
        #[derive(Clone, Copy, Debug, PartialEq, bytemuck::Pod, bytemuck::Zeroable)]
        pub struct Params {
            pub head: $crate::gpu::params::Head,
            $($(#[$on])* pub $member: $kind,)*
        }
        impl $crate::twin::Twin for Params {
            const NAME: &'static str = "Params";
            const MEMBERS: &'static [$crate::twin::Member] = &[
                $crate::twin::Member { name: "zero", kind: "u32", offset: std::mem::offset_of!(Params, head.zero) },
                $crate::twin::Member { name: "seed_low", kind: "u32", offset: std::mem::offset_of!(Params, head.seed_low) },
                $crate::twin::Member { name: "seed_high", kind: "u32", offset: std::mem::offset_of!(Params, head.seed_high) },
                $($crate::twin::member!(Params, $member: $kind)),*
            ];
        }
    };
}
pub(super) use params;

/// The words behind the members, while they are gathered.
#[derive(Default)]
pub struct Tail(Vec<u32>);

impl Tail {
    /// Appends a list and returns where in `words` it starts.
    pub fn append<T: Pod>(&mut self, items: &[T]) -> u32 {
        let at = self.0.len() as u32;
        self.0.extend_from_slice(bytemuck::cast_slice(items));
        at
    }

    /// The whole parameters.
    pub fn behind<P: Twin>(self, members: P) -> Parameters {
        let mut words: Vec<u32> = bytemuck::cast_slice(&[members]).to_vec();
        words.extend(self.0);
        // A list in a shader has at least one element.
        words.push(0);
        Parameters { words, members: P::MEMBERS }
    }
}

/// The words of a dispatch's parameters, and what they start with.
pub struct Parameters {
    pub words: Vec<u32>,
    pub members: &'static [Member],
}

impl Parameters {
    /// Of a kernel that needs no lists.
    pub fn of<P: Twin>(members: P) -> Parameters {
        Tail::default().behind(members)
    }
}
