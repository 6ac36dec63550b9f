// What the lanes of a run exchange in an update, by shuffles within a subgroup: batches of one. Subgroups have one size,
// which the width divides, and the workgroup's invocations in their order; that they do, the proof of a pipeline shows.
// No subgroupMax: in kernels like these a driver returned what no lane had.
// needs: update, block, tree

const GROUPS: u32 = 1u; // of batches alone

var<private> refuses: bool;
var<private> largest_kept: array<u32, KEPT>; // of the blocks of this lane's elements

fn clear_exchange(index: u32) {}

// The lanes' sums of one vector, by halving: lane l adds l + 16 and lane l + 16 adds l, the same bits.
fn total(sum: f32) -> f32 {
    var all = sum;
    for (var half = WIDTH / 2u; half > 0u; half /= 2u) {
        all = opaque(all + subgroupShuffleXor(all, half));
    }
    return all;
}

// This update is not applied: what one lane says is known to all when they ask.
fn refuse() {
    refuses = true;
}

fn refused(last: u32) -> bool {
    var any = select(0u, 1u, refuses);
    for (var half = WIDTH / 2u; half > 0u; half /= 2u) {
        any |= subgroupShuffleXor(any, half);
    }
    return any != 0u;
}

// Elements of a lane in a block: the lanes of a row may be of several.
fn rows_of_block(op: QuantOp) -> u32 {
    return max(op.block / WIDTH, 1u);
}

fn measure(op: QuantOp, k: u32, magnitude: u32) {
    let block = k / rows_of_block(op);
    let so_far = select(largest_kept[block], 0u, k % rows_of_block(op) == 0u);
    largest_kept[block] = max(so_far, magnitude);
}

fn settle_measures(op: QuantOp, len: u32) {
    for (var block = 0u; block < (rows(len) - 1u) / rows_of_block(op) + 1u; block++) {
        var largest = largest_kept[block];
        for (var half = min(op.block, WIDTH) / 2u; half > 0u; half /= 2u) {
            largest = max(largest, subgroupShuffleXor(largest, half));
        }
        largest_kept[block] = largest;
    }
}

fn measured(op: QuantOp, k: u32) -> u32 {
    if !shares(op) {
        return 0u;
    }
    return largest_kept[k / rows_of_block(op)];
}
