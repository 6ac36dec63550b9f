// Largest magnitudes over groups of the 32 lanes of a workgroup: an integer maximum, so its order is free.

const LANES: u32 = 32u;
const GROUPS: u32 = 16u;

// Three sets take turns, so that one barrier a round suffices: a lane may still read the last round's set while
// another offers to this round's, and the set cleared meanwhile was last read before the previous barrier.
var<workgroup> maxima: array<atomic<u32>, 48>;
var<private> turn: u32 = 0u;

// For kernels whose workgroup memory does not start as zeros; a barrier must follow.
fn clear_maxima(lane: u32) {
    for (var i = lane; i < 3u * GROUPS; i += LANES) {
        atomicStore(&maxima[i], 0u);
    }
}

fn offer(group: u32, magnitude: u32) {
    atomicMax(&maxima[GROUPS * turn + group], magnitude);
}

// The barrier between offers and reads; uniform control flow only.
fn settle(lane: u32) {
    let next = (turn + 1u) % 3u;
    if lane < GROUPS {
        atomicStore(&maxima[GROUPS * next + lane], 0u);
    }
    workgroupBarrier();
}

fn largest_of(group: u32) -> u32 {
    return atomicLoad(&maxima[GROUPS * turn + group]);
}

fn next_turn() {
    turn = (turn + 1u) % 3u;
}

// Largest magnitude in the block of this lane, for one element per lane; uniform control flow only.
fn lane_block_maximum(op: Op, lane: u32, magnitude: u32) -> u32 {
    let group = lane / op.block;
    offer(group, magnitude);
    settle(lane);
    let largest = largest_of(group);
    next_turn();
    return largest;
}
