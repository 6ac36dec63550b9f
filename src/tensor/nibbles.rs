//! Codes of up to four bits, two in a byte.

/// Where the first of two codes is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::IntoStaticStr, strum::VariantArray)]
#[strum(serialize_all = "kebab-case")]
pub enum Nibbles {
    /// In the low four bits, as in PyTorch's float4_e2m1fn_x2.
    Low,
    /// In the high four bits.
    High,
}

impl Nibbles {
    fn shifts(self) -> [u32; 2] {
        match self {
            Nibbles::Low => [0, 4],
            Nibbles::High => [4, 0],
        }
    }

    /// Two codes in each byte; their number is even.
    pub fn pack(self, codes: &[u32], bytes: &mut Vec<u8>) {
        let [first, second] = self.shifts();
        bytes.extend(codes.as_chunks::<2>().0.iter().map(|[a, b]| (a << first | b << second) as u8));
    }

    /// The two codes of each byte.
    pub fn unpack(self, bytes: &[u8], codes: &mut [u32]) {
        let (shifts, pairs) = (self.shifts(), codes.as_chunks_mut::<2>().0);
        for (pair, byte) in pairs.iter_mut().zip(bytes) {
            *pair = shifts.map(|shift| u32::from(*byte) >> shift & 15);
        }
    }
}
