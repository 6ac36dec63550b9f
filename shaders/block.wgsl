// Largest magnitudes of the blocks of a vector. The 32 lanes of a workgroup offer all elements, a barrier settles
// them, and then each block's can be read: an integer maximum, so its order is free. The kernel says how many GROUPS
// it measures at once. A block of the whole vector has 2^32 - 1 elements, so j / op.block is 0 for all of them.
// needs: op

const WHOLE: u32 = 0xffffffffu;
const SMALLEST_BLOCK: u32 = 8u;

// Three sets take turns, so that one barrier suffices: a lane may still read the settled set while another offers to
// the open one, and the set cleared meanwhile was last read before the previous barrier.
var<workgroup> maxima: array<atomic<u32>, 3u * GROUPS>;
var<private> settled: u32 = 2u;
var<private> open: u32 = 0u;
// Groups that were offered to the open set, and to the two before it.
var<private> groups_offered: vec3<u32> = vec3<u32>(0u);
// A lane offers the maximum of what it has of a group at once.
var<private> own_group: u32 = 0u;
var<private> own_largest: u32 = 0u;

// Workgroup memory does not start as zeros; a barrier must follow.
fn clear_maxima(lane: u32) {
    for (var i = lane; i < 3u * GROUPS; i += LANES) {
        atomicStore(&maxima[i], 0u);
    }
}

fn offer(group: u32, magnitude: u32) {
    if group != own_group {
        hand_over();
        own_group = group;
    }
    own_largest = max(own_largest, magnitude);
}

fn hand_over() {
    if own_largest != 0u {
        atomicMax(&maxima[GROUPS * open + own_group], own_largest);
        own_largest = 0u;
    }
}

// The barrier between offers to `groups` groups and their reading; uniform control flow only.
fn settle(lane: u32, groups: u32) {
    hand_over();
    groups_offered = vec3<u32>(groups, groups_offered.xy);
    let next = (open + 1u) % 3u;
    for (var i = lane; i < groups_offered.z; i += LANES) {
        atomicStore(&maxima[GROUPS * next + i], 0u);
    }
    workgroupBarrier();
    settled = open;
    open = next;
}

fn largest_of(group: u32) -> u32 {
    return atomicLoad(&maxima[GROUPS * settled + group]);
}

// Blocks of a vector of `len` elements.
fn groups_of(op: QuantOp, len: u32) -> u32 {
    return (len - 1u) / op.block + 1u;
}

// Whether blocks lie inside a slice.
fn is_within_slice(op: QuantOp) -> bool {
    return shares(op) && op.block != WHOLE;
}

// Largest magnitude in the settled block of element j; 0 for operations without blocks.
fn block_maximum(op: QuantOp, j: u32) -> u32 {
    if !shares(op) {
        return 0u;
    }
    return largest_of(j / op.block);
}
