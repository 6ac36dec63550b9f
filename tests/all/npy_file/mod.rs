//! Makes the bytes of `.npy` files, right ones and wrong ones.

/// A file of format version `version`.0 with that dict, padded as NumPy pads it.
pub fn file(version: u8, dict: &str, data: &[u8]) -> Vec<u8> {
    let before = if version == 1 { 10 } else { 12 };
    let header =
        format!("{dict}{}\n", " ".repeat((before + dict.len() + 1).next_multiple_of(64) - before - dict.len() - 1));
    let mut bytes = vec![0x93, b'N', b'U', b'M', b'P', b'Y', version, 0];
    bytes.extend(&(header.len() as u32).to_le_bytes()[..before - 8]);
    bytes.extend(header.bytes());
    bytes.extend(data);
    bytes
}

/// The dict with these Python literals.
pub fn dict(descr: &str, fortran_order: &str, shape: &str) -> String {
    format!("{{'descr': {descr}, 'fortran_order': {fortran_order}, 'shape': {shape}, }}")
}

/// The tuple as Python writes it.
pub fn tuple(shape: &[usize]) -> String {
    match shape {
        [extent] => format!("({extent},)"),
        _ => format!("({})", shape.iter().map(usize::to_string).collect::<Vec<_>>().join(", ")),
    }
}

pub fn f32_file(version: u8, shape: &[usize], values: &[f32]) -> Vec<u8> {
    let data: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
    file(version, &dict("'<f4'", "False", &tuple(shape)), &data)
}

pub fn f64_file(version: u8, shape: &[usize], values: &[f64]) -> Vec<u8> {
    let data: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
    file(version, &dict("'<f8'", "False", &tuple(shape)), &data)
}
