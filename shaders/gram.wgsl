// What the exact risk needs of the clean sketch, in f64: the lower triangle of G H G^T, and G H w*, summed over the
// coordinates in ascending order. Twin of src/risk/gram.rs. Needs a device with f64 and u64, so no browser.
// A workgroup makes a tile of GRAM_TILE by GRAM_TILE entries, a thread 4 by 4 of it: GRAM_COORDINATES coordinates of its
// rows and columns lie in workgroup memory. A product of lambda, which has 37 significant bits, and two entries of G,
// which have 8 each, is exact: fused or not, only the sum is rounded. Those with w* are exact for some targets alone.
// needs: common, pairs

struct Params {
    zero: u32,
    seed_low: u32,
    seed_high: u32,
    rows: u32, // of the draw
    row_stride: u32, // rows of a coordinate, a multiple of 8
    stride: u32, // coordinates of G
    first: u32, // coordinate
    coordinates: u32, // of this dispatch, a multiple of GRAM_COORDINATES
    component: u32, // of G: the clean draw
    slots: u32,
    sums_at: u32, // of the draw, in those of a slot
    slot_sums: u32,
    words: array<u32>,
}

@group(0) @binding(0) var<storage, read> params: Params;
@group(0) @binding(2) var<storage, read> g: array<vec4<u32>>; // [component][slot][coordinate][row], in pairs of bf16 where PAIRED
@group(0) @binding(3) var<storage, read> spectrum: array<f64>; // lambda, then w* of each slot: [coordinate]
@group(0) @binding(4) var<storage, read_write> sums: array<f64>; // [slot][draw]: each row up to its diagonal, then G H w*

const THREADS: u32 = 256u;
const GRAM_TILE: u32 = 64u;
const GRAM_COORDINATES: u32 = 16u;
const TILE_QUADS: u32 = GRAM_TILE / 4u;
const ROWS_LOADED: u32 = select(4u, 8u, PAIRED);

// [coordinate][quad]: of the tile's rows, and of its columns times lambda. A thread puts one of each there.
var<workgroup> plain: array<vec4<f64>, THREADS>;
var<workgroup> weighted: array<vec4<f64>, THREADS>;

fn opaque_double(x: f64) -> f64 {
    return bitcast<f64>(bitcast<u64>(x) ^ u64(params.zero));
}

fn guarded_doubles(x: vec4<f64>) -> vec4<f64> {
    if STRICT {
        return bitcast<vec4<f64>>(bitcast<vec4<u64>>(x) ^ vec4<u64>(u64(params.zero)));
    }
    return x;
}

// Four rows of a coordinate of G; rows past the end are 0.
fn entries(vector: u32, coordinate: u32, row: u32) -> vec4<f64> {
    if row >= params.row_stride {
        return vec4<f64>();
    }
    let w = g[((vector * params.stride + coordinate) * params.row_stride + row) / ROWS_LOADED];
    if PAIRED {
        return vec4<f64>(pairs(select(w.xy, w.zw, row % 8u != 0u)));
    }
    return vec4<f64>(bitcast<vec4<f32>>(w));
}

// Adds the products of four rows with four columns.
fn with_products(s: mat4x4<f64>, rows: vec4<f64>, columns: vec4<f64>) -> mat4x4<f64> {
    return mat4x4<f64>(
        guarded_doubles(s[0] + rows.x * columns),
        guarded_doubles(s[1] + rows.y * columns),
        guarded_doubles(s[2] + rows.z * columns),
        guarded_doubles(s[3] + rows.w * columns),
    );
}

// Number of an entry among those of a draw.
fn place(row: u32, column: u32) -> u32 {
    return row * (row + 1u) / 2u + column;
}

// The sums so far of four rows from `row` on with four columns from `column` on.
fn totals(slot_at: u32, row: u32, column: u32) -> mat4x4<f64> {
    var t = mat4x4<f64>();
    for (var r = 0u; r < 4u; r++) {
        for (var c = 0u; c < 4u; c++) {
            if row + r < params.rows && column + c <= row + r {
                t[r][c] = sums[slot_at + place(row + r, column + c)];
            }
        }
    }
    return t;
}

fn store(slot_at: u32, row: u32, column: u32, s: mat4x4<f64>) {
    var total = s;
    for (var r = 0u; r < 4u; r++) {
        for (var c = 0u; c < 4u; c++) {
            if row + r < params.rows && column + c <= row + r {
                sums[slot_at + place(row + r, column + c)] = total[r][c];
            }
        }
    }
}

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    // The matrix is symmetric.
    if group.x > group.y {
        return;
    }
    let first_row = GRAM_TILE * group.y;
    let first_column = GRAM_TILE * group.x;
    let row_quad = thread / TILE_QUADS;
    let column_quad = thread % TILE_QUADS;
    let row = first_row + 4u * row_quad;
    let column = first_column + 4u * column_quad;
    let slot_at = params.slot_sums * group.z + params.sums_at;
    // Tiles on the diagonal have threads that add the products with w*, one for each row.
    let has_target = group.x == group.y && thread < GRAM_TILE && first_row + thread < params.rows;
    let target_at = slot_at + place(params.rows, first_row + thread);

    var s = mat4x4<f64>();
    var with_target = f64();
    if params.first > 0u {
        s = totals(slot_at, row, column);
        if has_target {
            with_target = sums[target_at];
        }
    }
    let vector = params.component * params.slots + group.z;
    for (var at = params.first; at < params.first + params.coordinates; at += GRAM_COORDINATES) {
        let coordinate = at + thread / TILE_QUADS;
        let quad = 4u * (thread % TILE_QUADS);
        workgroupBarrier();
        plain[thread] = entries(vector, coordinate, first_row + quad);
        weighted[thread] = spectrum[coordinate] * entries(vector, coordinate, first_column + quad);
        workgroupBarrier();
        for (var i = 0u; i < GRAM_COORDINATES; i++) {
            s = with_products(s, plain[TILE_QUADS * i + row_quad], weighted[TILE_QUADS * i + column_quad]);
        }
        if has_target {
            for (var i = 0u; i < GRAM_COORDINATES; i++) {
                let w = spectrum[params.stride * (1u + group.z) + at + i];
                let product = weighted[TILE_QUADS * i + thread / 4u][thread % 4u] * w;
                with_target = opaque_double(with_target + opaque_double(product));
            }
        }
    }
    store(slot_at, row, column, s);
    if has_target {
        sums[target_at] = with_target;
    }
}
