// Residuals of a batch from its activations: activations, labels and residuals are rounded where a run rounds them. The
// kernel says which `lane` of 32 an invocation is. Twin of the scalars in src/reference/train.rs.
// needs: update, block

var<workgroup> values: array<f32, BATCH>; // activations, then residuals

// The residual of a batch of one from its activation, in every lane; one of them counts.
fn residual(run: Run, activation: f32) -> f32 {
    let counts = counted;
    let a = scalar(run, ACTIVATION, activation);
    let y = scalar(run, LABEL, labels[label_row]);
    let r = scalar(run, GRADIENT, opaque(y - opaque(a)));
    if lane != 0u {
        counted = counts;
    }
    return r;
}

fn scalar(run: Run, site: u32, value: f32) -> f32 {
    let op = run_op(run, site);
    let bits = bitcast<u32>(value);
    return opaque(bitcast<f32>(quantized(op, site, bits, bits & MAGNITUDE, scalar_word(op, 0u))));
}

// Activations, labels and residuals of a batch, where blocks of formats run along it. `values` holds the activations,
// then y - a, then the residuals. Operations that are data share one copy of the codec.
fn residuals(run: Run) {
    if OWN {
        round_batch(run, ACTIVATION);
        round_batch(run, LABEL);
        round_batch(run, GRADIENT);
    } else {
        let sites = vec3<u32>(ACTIVATION, LABEL, GRADIENT);
        for (var stage = 0u; stage < 3u; stage++) {
            round_batch(run, sites[stage]);
        }
    }
    workgroupBarrier();
}

fn round_batch(run: Run, site: u32) {
    let op = run_op(run, site);
    if shares(op) {
        for (var b = lane; b < run.batch; b += LANES) {
            offer(b / op.block, batch_value(site, b) & MAGNITUDE);
        }
        settle(lane, groups_of(op, run.batch));
    }
    for (var b = lane; b < run.batch; b += LANES) {
        let rounded = quantized(op, site, batch_value(site, b), block_maximum(op, b), scalar_word(op, b));
        let value = opaque(bitcast<f32>(rounded));
        if site == LABEL {
            values[b] = opaque(value - opaque(values[b]));
        } else {
            values[b] = value;
        }
    }
}

// What a site along the batch rounds of sample b.
fn batch_value(site: u32, b: u32) -> u32 {
    if site == LABEL {
        return bitcast<u32>(labels[label_row + b]);
    }
    return bitcast<u32>(values[b]);
}
