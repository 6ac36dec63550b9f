// A panel of columns through the operations of a dispatch, slice by slice: covariates of a sample, or a row of the
// sketch. A pipeline may have one operation alone (ALONE) as a constant, which a driver folds. One workgroup of 32 lanes
// per vector; lane c owns the elements 32 j + c of a slice. The kernel declares `components`, where results go, and
// `counts`: tallies [op][slot][vector], then largest magnitudes [slot][vector].
// needs: op, site, block

const SLICE_OPS: u32 = 32u; // operations of a dispatch, at most
const GROUPS: u32 = SLICE / SMALLEST_BLOCK;

struct Panel {
    dim: u32,
    rounded: u32, // columns that the operations round, the first ones
    first: u32, // column
    columns: u32, // a multiple of SLICE
    vectors: u32, // of a slot
    slots: u32,
    is_first: u32,
    ops: u32,
    ops_at: u32,
    seeds_at: u32,
    first_op: u32, // its number in `counts`
    first_component: u32, // its number in `components`
    stride: u32, // words of a vector in `components`
    place: u32, // of the panel's first column there
    maxima_at: u32, // in `counts`
    measures: u32, // takes largest magnitudes only: blocks of a whole vector need those of all panels
}

// An operation, and the components that its results are cut into.
struct SplitOp {
    op: QuantOp,
    components: u32,
    bits: u32, // significant ones, of each component
}

// The vector of a workgroup.
struct Vector {
    index: u32, // among those of its slot
    slot: u32,
    seed_index: u32,
    second: u32, // second word of its random words
}

var<workgroup> tallies: array<atomic<u32>, SLICE_OPS * TALLY>;

fn cell_of(vector: Vector) -> u32 {
    return vector.slot * params.panel.vectors + vector.index;
}

// Uniform control flow only, before the first slice.
fn start_slices(lane: u32) {
    clear_maxima(lane);
    for (var k = lane; k < SLICE_OPS * TALLY; k += LANES) {
        atomicStore(&tallies[k], 0u);
    }
    workgroupBarrier();
}

// One slice, which starts `at` columns into the panel: x[j] are the bits of this lane's element 32 j + lane. `whole` is
// the largest magnitude of the vector.
fn quantize_slice(vector: Vector, at: u32, x: vec4<u32>, whole: u32, lane: u32) {
    let column = params.panel.first + at;
    var component_index = params.panel.first_component;
    for (var q = 0u; q < select(params.panel.ops, 1u, ALONE); q++) {
        let split = split_op(q);
        let op = split.op;
        let is_blocked = is_within_slice(op);
        if is_blocked {
            for (var j = 0u; j < 4u; j++) {
                offer((LANES * j + lane) / op.block, rounded_magnitude(column + LANES * j + lane, x[j]));
            }
            settle(lane, groups_of(op, SLICE));
        }
        // One draw serves all rows of the sketch.
        let second = select(vector.second, 0u, op.one_draw != 0u);
        let words = vector_words(op, vector.seed_index, counter_of(column + lane), second);
        var total = vec3<u32>(0u);
        for (var j = 0u; j < 4u; j++) {
            let within = LANES * j + lane;
            var value = Stored(0u, 0u);
            if column + within < params.panel.rounded {
                var largest = whole;
                if is_blocked {
                    largest = largest_of(within / op.block);
                }
                value = apply_one(op, x[j], largest, words[j]);
            } else if column + within < params.panel.dim {
                value = Stored(in_unit(op, x[j]), 0u);
            }
            total += tally(value.flags);
            store_components(vector, component_index, split, params.panel.place + at + within, value.bits);
        }
        component_index += split.components;
        if any(total != vec3<u32>(0u)) {
            atomicAdd(&tallies[TALLY * q], total.x);
            atomicAdd(&tallies[TALLY * q + 1u], total.y);
            atomicAdd(&tallies[TALLY * q + 2u], total.z);
        }
    }
}

// The magnitude of a value that is rounded, else 0.
fn rounded_magnitude(column: u32, bits: u32) -> u32 {
    return select(0u, bits & MAGNITUDE, column < params.panel.rounded);
}

// A value that stays as it is, in the unit of the operation.
fn in_unit(op: QuantOp, bits: u32) -> u32 {
    let units = select(bitcast<u32>(op.unit) << 23u, 0u, (bits & MAGNITUDE) == 0u);
    return flush48(bits - units);
}

fn split_op(q: u32) -> SplitOp {
    if ALONE {
        return OP_ALONE;
    }
    return load_split_op(params.panel.ops_at + q * SPLIT_OP_WORDS);
}

// The components of a value, from number `first` on.
fn store_components(vector: Vector, first: u32, split: SplitOp, column: u32, bits: u32) {
    let step = params.panel.slots * params.panel.vectors;
    var rest = bitcast<f32>(bits);
    for (var k = 0u; k < split.components; k++) {
        let part = component(rest, split.bits);
        rest = opaque(rest - part);
        components[((first + k) * step + cell_of(vector)) * params.panel.stride + column] = part;
    }
}

// Joins the largest magnitude of this lane's elements to that of the vector; uniform control flow only.
fn measure(vector: Vector, largest: u32, whole: u32, lane: u32) {
    offer(0u, max(largest, select(whole, 0u, params.panel.is_first != 0u)));
    settle(lane, 1u);
    if lane == 0u {
        counts[params.panel.maxima_at + cell_of(vector)] = largest_of(0u);
    }
}

// Adds what the slices counted; uniform control flow only.
fn add_tallies(vector: Vector, lane: u32) {
    workgroupBarrier();
    let step = params.panel.slots * params.panel.vectors;
    for (var k = lane; k < TALLY * params.panel.ops; k += LANES) {
        let at = ((params.panel.first_op + k / TALLY) * step + cell_of(vector)) * TALLY + k % TALLY;
        var before = 0u;
        if params.panel.is_first == 0u {
            before = counts[at];
        }
        counts[at] = before + atomicLoad(&tallies[k]);
    }
}
