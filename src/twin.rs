//! Structs that the host and the shaders share, word by word: plain data here, a `struct` of the same name and members
//! in WGSL. A test of [`crate::gpu`] compares both.

use bytemuck::Pod;

/// A member as WGSL declares it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member {
    pub name: &'static str,
    /// `u32`, `i32`, `f32`, or another shared struct.
    pub kind: &'static str,
    /// In bytes.
    pub offset: usize,
}

/// What has the same bytes in a shader.
pub trait Twin: Pod {
    /// Its type in WGSL.
    const NAME: &'static str;
    /// None for a scalar.
    const MEMBERS: &'static [Member];

    /// The value of a struct of scalars as an expression in WGSL.
    fn literal(&self) -> String {
        let words: &[u32] = bytemuck::cast_slice(std::slice::from_ref(self));
        let member = |member: &Member| {
            let word = words[member.offset / 4];
            match member.kind {
                "u32" => format!("{word}u"),
                "i32" => format!("{}i", word as i32),
                "f32" => format!("bitcast<f32>({word}u)"),
                other => unreachable!("{other} is no scalar"),
            }
        };
        let members: Vec<String> = Self::MEMBERS.iter().map(member).collect();
        format!("{}({})", Self::NAME, members.join(", "))
    }
}

macro_rules! scalar {
    ($($kind:ident)*) => {
        $(impl Twin for $kind {
            const NAME: &'static str = stringify!($kind);
            const MEMBERS: &'static [Member] = &[];
        })*
    };
}

scalar!(u32 i32 f32);

/// Defines a struct that shaders declare alike.
macro_rules! twin {
    ($(#[$about:meta])* pub struct $name:ident { $($(#[$on:meta])* pub $member:ident: $kind:ty,)* }) => {
        $(#[$about])*
        #[repr(C)]
        #[derive(Clone, Copy, Debug, PartialEq, bytemuck::Pod, bytemuck::Zeroable)]
        pub struct $name { $($(#[$on])* pub $member: $kind,)* }
        impl $crate::twin::Twin for $name {
            const NAME: &'static str = stringify!($name);
            const MEMBERS: &'static [$crate::twin::Member] = &[$($crate::twin::member!($name, $member: $kind)),*];
        }
    };
}

macro_rules! member {
    ($name:ident, $member:ident: $kind:ty) => {
        $crate::twin::Member {
            name: stringify!($member),
            kind: <$kind as $crate::twin::Twin>::NAME,
            offset: std::mem::offset_of!($name, $member),
        }
    };
}

/// Defines constants that shaders have by the same name, and the list of them that the test compares.
macro_rules! constants {
    ($($(#[$about:meta])* pub const $name:ident: u32 = $value:expr;)*) => {
        $($(#[$about])* #[allow(dead_code, reason = "some only a shader reads")] pub const $name: u32 = $value;)*
        #[cfg(test)]
        pub const CONSTANTS: &[(&str, u32)] = &[$((stringify!($name), $name)),*];
    };
}

pub(crate) use {constants, member, twin};

/// A shared struct, whichever it is.
#[derive(Clone, Copy, Debug)]
pub struct Shared {
    pub name: &'static str,
    pub members: &'static [Member],
    /// In bytes.
    pub size: usize,
}

impl Shared {
    pub const fn of<T: Twin>() -> Shared {
        Shared { name: T::NAME, members: T::MEMBERS, size: size_of::<T>() }
    }
}

/// Words of a shared struct.
pub const fn words<T: Twin>() -> u32 {
    (size_of::<T>() / 4) as u32
}
