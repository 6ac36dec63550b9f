//! Temporary: replaced by the full reader.
use std::path::Path;

use crate::error::{Error, Result};

pub struct Npy {
    pub shape: Vec<usize>,
    pub values: Vec<f32>,
    pub hash: u64,
}

impl Npy {
    pub fn read(path: &Path) -> Result<Npy> {
        let b = std::fs::read(path).map_err(|e| Error::Input(format!("{}: {e}", path.display())))?;
        let len = u16::from_le_bytes([b[8], b[9]]) as usize;
        let head = String::from_utf8_lossy(&b[10..10 + len]).to_string();
        let s = head.split("'shape': (").nth(1).unwrap().split(')').next().unwrap();
        let shape = s.split(',').filter_map(|t| t.trim().parse().ok()).collect();
        let data = &b[10 + len..];
        let values = if head.contains("<f4") {
            data.chunks(4).map(|c| f32::from_le_bytes(c.try_into().unwrap())).collect()
        } else {
            data.chunks(8).map(|c| f64::from_le_bytes(c.try_into().unwrap()) as f32).collect()
        };
        Ok(Npy { shape, values, hash: crate::hash::fnv1a64(b) })
    }
}
