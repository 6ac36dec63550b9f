//! Maxima over subgroups, by shuffles as kernels may take them, and by subgroupMax, which no kernel takes.

use super::{Device, Verdict};
use crate::error::Result;
use crate::reference::maxima::{WORD_BLOCKS, maxima};

/// Turns of the loop: a driver was found that is wrong in the first.
const TURNS: u32 = 64;

/// Runs the case.
pub fn run(device: &Device) -> Result<Verdict> {
    let Device::Gpu(gpu) = device else {
        return Ok(Verdict::Unsupported("the CPU has no subgroups".into()));
    };
    let Some(lanes) = gpu.subgroup() else {
        return Ok(Verdict::Unsupported("it has no subgroups of one size".into()));
    };
    Ok(verdict(&gpu.maxima(lanes, TURNS)?, &maxima(lanes, TURNS)))
}

/// Of what every invocation found in each turn and block, and what each must be.
fn verdict(found: &[Vec<[u32; 2]>], must: &[u32]) -> Verdict {
    let first = |by: usize| {
        let pairs = found.iter().zip(must).enumerate();
        pairs
            .flat_map(|(place, (found, must))| found.iter().map(move |found| (place as u32, found[by], *must)))
            .find(|(_, found, must)| found != must)
    };
    let lines = |name: &str, (place, found, must): (u32, u32, u32)| {
        let (turn, block) = (place / WORD_BLOCKS, place % WORD_BLOCKS);
        vec![
            format!("{name}, turn {turn}, block {block} of {WORD_BLOCKS}"),
            format!("device: 0x{found:08x}"),
            format!("must be: 0x{must:08x}"),
        ]
    };
    match (first(1), first(0)) {
        (Some(wrong), _) => Verdict::Fail(lines("maximum by subgroupShuffleXor", wrong)),
        (None, Some(wrong)) => {
            let mut lines = lines("subgroupMax", wrong);
            lines.push("a fault of the driver: by shuffles all are right, and no kernel uses subgroupMax".into());
            Verdict::Fault(lines)
        }
        (None, None) => Verdict::Pass(found.iter().map(|found| found.len() as u64).sum()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_subgroup_max_is_the_drivers_fault_and_a_wrong_shuffle_a_failure() {
        let must = maxima(8, 2);
        assert_eq!(must.len() as u32, 2 * WORD_BLOCKS);
        let right: Vec<Vec<[u32; 2]>> = must.iter().map(|largest| vec![[*largest; 2]; 16]).collect();
        assert_eq!(verdict(&right, &must), Verdict::Pass(16 * must.len() as u64));
        // As on an NVIDIA H200: in every lane, from the second block on.
        let mut wrong = right.clone();
        wrong.iter_mut().skip(1).flatten().for_each(|found| found[0] = u32::MAX);
        let Verdict::Fault(lines) = verdict(&wrong, &must) else { panic!("{wrong:?}") };
        assert_eq!(lines[..2], ["subgroupMax, turn 0, block 1 of 4", "device: 0xffffffff"]);
        assert_eq!(lines[2], format!("must be: 0x{:08x}", must[1]));
        wrong[6][15][1] -= 1;
        let Verdict::Fail(lines) = verdict(&wrong, &must) else { panic!("{wrong:?}") };
        assert_eq!(lines[0], "maximum by subgroupShuffleXor, turn 1, block 2 of 4");
    }
}
