//! The types that numbers are stored in.

/// The type of a stored number; those of several bytes are little-endian, and those of less than a byte lie one after
/// the other from the lowest bit of a byte up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Element {
    F32,
    F64,
    F16,
    Bf16,
    E5m2,
    E4m3,
    E8m0,
    E5m2Fnuz,
    E4m3Fnuz,
    E3m2,
    E2m3,
    E2m1,
    I8,
    I16,
    I32,
    I64,
    U8,
    U16,
    U32,
    U64,
}

/// What is known of a type.
struct Row {
    element: Element,
    bits: u32,
    /// NumPy's name for it. NumPy has none for bfloat16: arrays of ml_dtypes are stored as two bytes of no type.
    npy: Option<&'static str>,
    safetensors: &'static str,
}

const fn row(element: Element, bits: u32, npy: Option<&'static str>, safetensors: &'static str) -> Row {
    Row { element, bits, npy, safetensors }
}

/// Every type, in the order of [`Element`].
const ROWS: [Row; 20] = [
    row(Element::F32, 32, Some("<f4"), "F32"),
    row(Element::F64, 64, Some("<f8"), "F64"),
    row(Element::F16, 16, Some("<f2"), "F16"),
    row(Element::Bf16, 16, Some("<V2"), "BF16"),
    row(Element::E5m2, 8, None, "F8_E5M2"),
    row(Element::E4m3, 8, None, "F8_E4M3"),
    row(Element::E8m0, 8, None, "F8_E8M0"),
    row(Element::E5m2Fnuz, 8, None, "F8_E5M2FNUZ"),
    row(Element::E4m3Fnuz, 8, None, "F8_E4M3FNUZ"),
    row(Element::E3m2, 6, None, "F6_E3M2"),
    row(Element::E2m3, 6, None, "F6_E2M3"),
    row(Element::E2m1, 4, None, "F4"),
    row(Element::I8, 8, Some("|i1"), "I8"),
    row(Element::I16, 16, Some("<i2"), "I16"),
    row(Element::I32, 32, Some("<i4"), "I32"),
    row(Element::I64, 64, Some("<i8"), "I64"),
    row(Element::U8, 8, Some("|u1"), "U8"),
    row(Element::U16, 16, Some("<u2"), "U16"),
    row(Element::U32, 32, Some("<u4"), "U32"),
    row(Element::U64, 64, Some("<u8"), "U64"),
];

impl Element {
    /// What `quantize` takes for numbers.
    pub const NUMBERS: [Element; ROWS.len()] = {
        let mut all = [Element::F32; ROWS.len()];
        let mut k = 0;
        while k < all.len() {
            all[k] = ROWS[k].element;
            k += 1;
        }
        all
    };
    /// What may hold codes or the bytes of scales.
    pub const CODES: [Element; 13] = [
        Element::U8,
        Element::U16,
        Element::U32,
        Element::I8,
        Element::I16,
        Element::E5m2,
        Element::E4m3,
        Element::E8m0,
        Element::E5m2Fnuz,
        Element::E4m3Fnuz,
        Element::E3m2,
        Element::E2m3,
        Element::E2m1,
    ];

    fn row(self) -> &'static Row {
        &ROWS[self as usize]
    }

    /// Bits of an element in a file.
    pub fn bits(self) -> u32 {
        self.row().bits
    }

    /// Bytes of an element in memory: one at least.
    pub fn bytes(self) -> usize {
        self.bits().div_ceil(8) as usize
    }

    /// NumPy's name for it; that of safetensors where NumPy has none.
    pub fn name(self) -> &'static str {
        self.row().npy.unwrap_or(self.row().safetensors)
    }

    /// What a safetensors file calls it.
    pub fn safetensors(self) -> &'static str {
        self.row().safetensors
    }

    /// The type that an `.npy` file calls so. `=` is the byte order of the machine that reads; `|` is for types without
    /// one, so never for floats.
    pub fn of_npy(name: &str) -> Option<Element> {
        let is = |row: &&Row| {
            row.npy.is_some_and(|npy| {
                let native = cfg!(target_endian = "little") && npy.starts_with('<');
                name == npy
                    || native && name.strip_prefix('=') == npy.strip_prefix('<')
                    || npy == "<V2" && name == "|V2"
            })
        };
        ROWS.iter().find(is).map(|row| row.element)
    }

    /// The type that a safetensors file calls so.
    pub fn of_safetensors(name: &str) -> Option<Element> {
        ROWS.iter().find(|row| row.safetensors == name).map(|row| row.element)
    }

    /// The number format whose codes are stored, where they are codes.
    pub fn format(self) -> Option<&'static str> {
        match self {
            Element::F16 => Some("f16"),
            Element::Bf16 => Some("bf16"),
            Element::E5m2 => Some("e5m2"),
            Element::E4m3 => Some("e4m3"),
            Element::E8m0 => Some("e8m0"),
            Element::E5m2Fnuz => Some("e5m2fnuz"),
            Element::E4m3Fnuz => Some("e4m3fnuz"),
            Element::E3m2 => Some("e3m2"),
            Element::E2m3 => Some("e2m3"),
            Element::E2m1 => Some("e2m1"),
            _ => None,
        }
    }
}

/// Number of elements and the bytes they fill, the last perhaps not all of it, unless these exceed every file and address.
pub fn size(element: Element, shape: &[usize]) -> Option<(usize, u64)> {
    let count = shape.iter().try_fold(1usize, |count, &extent| count.checked_mul(extent))?;
    let bytes = u64::try_from(count).ok()?.checked_mul(element.bits().into())?.div_ceil(8);
    i64::try_from(bytes).is_ok().then_some((count, bytes))
}

#[cfg(test)]
mod tests {
    use super::{Element, ROWS};

    #[test]
    fn every_type_is_found_by_its_names() {
        for (index, row) in ROWS.iter().enumerate() {
            assert_eq!(row.element as usize, index);
            assert_eq!(Element::of_safetensors(row.safetensors), Some(row.element));
            assert_eq!(row.npy.and_then(Element::of_npy), row.npy.map(|_| row.element));
        }
        let [native, no_float] = ["=f4", "|f4"].map(Element::of_npy);
        assert_eq!((native, no_float), (cfg!(target_endian = "little").then_some(Element::F32), None));
        assert_eq!(Element::of_npy("|V2"), Some(Element::Bf16));
    }
}
