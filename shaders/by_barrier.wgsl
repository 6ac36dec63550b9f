// What the lanes of a run exchange in an update, through workgroup memory: any width and batch, any device. The barrier
// that settles it serves all runs of the workgroup.
// needs: update, block, tree

const GROUPS: u32 = PACK * ((max(MODEL, BATCH) + SMALLEST_BLOCK - 1u) / SMALLEST_BLOCK);

var<workgroup> ended: array<atomic<u32>, 2u * PACK>; // by run and parity of the update: it is not applied

// A barrier must follow.
fn clear_exchange(index: u32) {
    clear_maxima(index);
    if index < 2u * PACK {
        atomicStore(&ended[index], 0u);
    }
}

// The lanes' sums of one vector, by halving. A barrier.
fn total(sum: f32) -> f32 {
    let at = PARTIAL_STRIDE * (update % 2u) + WIDTH * member;
    put_partial(at, lane, sum);
    workgroupBarrier();
    if WIDTH == LANES {
        return tree(at);
    }
    var sums: array<f32, WIDTH>;
    for (var i = 0u; i < WIDTH; i++) {
        sums[i] = partials[at + i];
    }
    for (var half = WIDTH / 2u; half > 0u; half /= 2u) {
        for (var i = 0u; i < half; i++) {
            sums[i] = opaque(sums[i] + sums[i + half]);
        }
    }
    return sums[0];
}

// This update is not applied: what one lane says is known to all behind a barrier.
fn refuse() {
    atomicStore(&ended[2u * member + update % 2u], 1u);
}

fn refused(last: u32) -> bool {
    return atomicLoad(&ended[2u * member + last % 2u]) != 0u;
}

// Offers the magnitude of element k of this lane to its block.
fn measure(op: QuantOp, k: u32, magnitude: u32) {
    offer(PACK * (element(k) / op.block) + member, magnitude);
}

// A barrier.
fn settle_measures(op: QuantOp, len: u32) {
    settle(WIDTH * member + lane, PACK * groups_of(op, len));
}

// Largest magnitude in the settled block of element k of this lane; 0 for operations without blocks.
fn measured(op: QuantOp, k: u32) -> u32 {
    if !shares(op) {
        return 0u;
    }
    return largest_of(PACK * (element(k) / op.block) + member);
}
