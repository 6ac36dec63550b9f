// Products of components of Qdata(x) and Qsketch(G_j) over one panel of columns. Twin of src/reference/project.rs.
// A workgroup makes a tile of TILE_ROWS rows by TILE_SAMPLES samples, a thread 8 by 8 of it: TILE_COLUMNS columns of x and
// of G lie in workgroup memory while the next ones are on their way. The products are exact, slices of 128 columns are
// summed in order.
// needs: common, pairs

struct Params {
    zero: u32,
    seed_low: u32,
    seed_high: u32,
    columns: u32, // of the panel, a multiple of SLICE
    first: u32, // column
    stride: u32, // columns of G
    samples: u32,
    row_quads: u32, // of a sample's sums, and of a column of G: of rows
    slots: u32,
    is_first: u32, // panel
    products_at: u32,
    words: array<u32>,
}

// A component of x times a component of G, for so many rows.
struct Product {
    x: u32,
    g: u32,
    rows: u32,
}

@group(0) @binding(0) var<storage, read> params: Params;
@group(0) @binding(2) var<storage, read> x: array<vec4<f32>>; // [component][slot][sample][column of the panel]
@group(0) @binding(3) var<storage, read> g: array<vec4<u32>>; // [component][slot][column][row], in pairs of bf16 where PAIRED
@group(0) @binding(4) var<storage, read_write> p: array<vec4<f32>>; // [product][slot][sample][row]

const TILE_SAMPLES: u32 = 128u;
const SAMPLE_QUADS: u32 = TILE_SAMPLES / 4u;
const ROW_QUADS: u32 = TILE_ROWS / 4u;
const COLUMN_QUADS: u32 = TILE_COLUMNS / 4u;
// Threads along rows and along samples, of which 32 that run together form a block of WIDE by 32 / WIDE.
const ALONG_ROWS: u32 = TILE_ROWS / 8u;
const ALONG_SAMPLES: u32 = TILE_SAMPLES / 8u;
const THREADS: u32 = ALONG_ROWS * ALONG_SAMPLES;
const WIDE: u32 = min(ALONG_ROWS, 8u);
const WIDE_BLOCKS: u32 = ALONG_ROWS / WIDE;
// Quads of x, and words of four of G, that a tile has, and that a thread loads.
const X_LOADS: u32 = TILE_SAMPLES * COLUMN_QUADS;
const X_OWN: u32 = X_LOADS / THREADS;
const ROWS_LOADED: u32 = select(4u, 8u, PAIRED);
const COLUMN_LOADS: u32 = TILE_ROWS / ROWS_LOADED; // of a column of G
const G_LOADS: u32 = COLUMN_LOADS * TILE_COLUMNS;
const G_OWN: u32 = (G_LOADS + THREADS - 1u) / THREADS;
// Threads that store one after the other's columns of x would meet at the same banks.
const SWIZZLE: u32 = 8u / COLUMN_QUADS;

// No vectors of x: a store to a component of one may write all of it.
var<workgroup> x_tile: array<f32, 2u * TILE_COLUMNS * TILE_SAMPLES>; // [buffer][column][sample]
var<workgroup> g_tile: array<vec4<f32>, 2u * TILE_COLUMNS * ROW_QUADS>; // [buffer][column][quad of rows]

// 8 samples by 8 rows, 4 by 4 each: a matrix has a column for each sample.
struct Sums {
    first_low: mat4x4<f32>,
    first_high: mat4x4<f32>,
    second_low: mat4x4<f32>,
    second_high: mat4x4<f32>,
}

// What the threads of a workgroup have in common.
struct Tile {
    x_at: u32, // first quad of the slot's x
    g_at: u32, // first word of four of the panel's first column
    column_words: u32, // of four, from one column of G to the next
    sample: u32, // the first
    row: u32,
}

var<private> thread: u32;
var<private> x_next: array<vec4<f32>, X_OWN>;
var<private> g_next: array<vec4<u32>, G_OWN>;

fn x_place(column: u32, quad: u32) -> u32 {
    return column * TILE_SAMPLES + 4u * (quad ^ (SWIZZLE * (column % TILE_COLUMNS / 4u)));
}

fn four_samples(column: u32, quad: u32) -> vec4<f32> {
    let at = x_place(column, quad);
    return vec4<f32>(x_tile[at], x_tile[at + 1u], x_tile[at + 2u], x_tile[at + 3u]);
}

// Loads of the tile that starts at column `first` of the panel. Samples past the end repeat the last one, rows past the
// end the last ones of their column: their sums are not stored.
fn load(tile: Tile, first: u32) {
    for (var i = 0u; i < X_OWN; i++) {
        let at = THREADS * i + thread;
        let sample = min(tile.sample + at / COLUMN_QUADS, params.samples - 1u);
        x_next[i] = x[tile.x_at + sample * (params.columns / 4u) + first / 4u + at % COLUMN_QUADS];
    }
    for (var i = 0u; i < G_OWN; i++) {
        let at = THREADS * i + thread;
        if at < G_LOADS {
            let row_words = min(tile.row / ROWS_LOADED + at % COLUMN_LOADS, tile.column_words - 1u);
            g_next[i] = g[tile.g_at + (first + at / COLUMN_LOADS) * tile.column_words + row_words];
        }
    }
}

// Puts what was loaded into a buffer, x turned and G widened.
fn put(buffer: u32) {
    for (var i = 0u; i < X_OWN; i++) {
        let at = THREADS * i + thread;
        let sample = at / COLUMN_QUADS;
        let column = buffer * TILE_COLUMNS + 4u * (at % COLUMN_QUADS);
        for (var c = 0u; c < 4u; c++) {
            x_tile[x_place(column + c, sample / 4u) + sample % 4u] = x_next[i][c];
        }
    }
    for (var i = 0u; i < G_OWN; i++) {
        let at = THREADS * i + thread;
        if at < G_LOADS {
            let w = g_next[i];
            let place = buffer * TILE_COLUMNS * ROW_QUADS + at * (ROWS_LOADED / 4u);
            if PAIRED {
                g_tile[place] = pairs(w.xy);
                g_tile[place + 1u] = pairs(w.zw);
            } else {
                g_tile[place] = bitcast<vec4<f32>>(w);
            }
        }
    }
}

// Adds the products of four samples with four rows.
fn with_products(sums: mat4x4<f32>, x: vec4<f32>, g: vec4<f32>) -> mat4x4<f32> {
    return mat4x4<f32>(
        guarded4(sums[0] + guarded4(x.x * g)),
        guarded4(sums[1] + guarded4(x.y * g)),
        guarded4(sums[2] + guarded4(x.z * g)),
        guarded4(sums[3] + guarded4(x.w * g)),
    );
}

fn sum(a: mat4x4<f32>, b: mat4x4<f32>) -> mat4x4<f32> {
    return mat4x4<f32>(guarded4(a[0] + b[0]), guarded4(a[1] + b[1]), guarded4(a[2] + b[2]), guarded4(a[3] + b[3]));
}

// Adds what a column of the tile brings to this thread's sums.
fn with_column(s: Sums, column: u32, sample_quad: u32, row_quad: u32) -> Sums {
    let g0 = g_tile[column * ROW_QUADS + row_quad];
    let g1 = g_tile[column * ROW_QUADS + row_quad + ROW_QUADS / 2u];
    let x0 = four_samples(column, sample_quad);
    let x1 = four_samples(column, sample_quad + SAMPLE_QUADS / 2u);
    return Sums(
        with_products(s.first_low, x0, g0),
        with_products(s.first_high, x0, g1),
        with_products(s.second_low, x1, g0),
        with_products(s.second_high, x1, g1),
    );
}

// The sums so far of four samples from `sample` on with the quad of rows `row_quad`.
fn totals(slot_at: u32, sample: u32, row_quad: u32) -> mat4x4<f32> {
    var t = mat4x4<f32>();
    for (var c = 0u; c < 4u; c++) {
        if sample + c < params.samples && row_quad < params.row_quads {
            t[c] = p[(slot_at + sample + c) * params.row_quads + row_quad];
        }
    }
    return t;
}

fn store(slot_at: u32, sample: u32, row_quad: u32, t: mat4x4<f32>) {
    var total = t;
    for (var c = 0u; c < 4u; c++) {
        if sample + c < params.samples && row_quad < params.row_quads {
            p[(slot_at + sample + c) * params.row_quads + row_quad] = total[c];
        }
    }
}

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) index: u32) {
    thread = index;
    let slot = group.z % params.slots;
    let product = load_product(params.products_at + PRODUCT_WORDS * (group.z / params.slots));
    var tile: Tile;
    tile.sample = group.y * TILE_SAMPLES;
    tile.row = group.x * TILE_ROWS;
    if tile.row >= product.rows {
        return;
    }
    tile.column_words = params.row_quads * 4u / ROWS_LOADED;
    tile.x_at = (product.x * params.slots + slot) * params.samples * (params.columns / 4u);
    tile.g_at = ((product.g * params.slots + slot) * params.stride + params.first) * tile.column_words;
    // This thread's quads in the tile: the second of each kind lies half a tile behind the first.
    let block = index / 32u;
    let row_quad = block % WIDE_BLOCKS * WIDE + index % 32u % WIDE;
    let sample_quad = block / WIDE_BLOCKS * (32u / WIDE) + index % 32u / WIDE;
    let p_at = group.z * params.samples;
    let sample = tile.sample + 4u * sample_quad;
    let row = tile.row / 4u + row_quad;

    var t = Sums();
    if params.is_first == 0u {
        t.first_low = totals(p_at, sample, row);
        t.first_high = totals(p_at, sample, row + ROW_QUADS / 2u);
        t.second_low = totals(p_at, sample + TILE_SAMPLES / 2u, row);
        t.second_high = totals(p_at, sample + TILE_SAMPLES / 2u, row + ROW_QUADS / 2u);
    }
    var s = Sums();
    load(tile, 0u);
    put(0u);
    workgroupBarrier();
    for (var first = 0u; first < params.columns; first += TILE_COLUMNS) {
        let next = first + TILE_COLUMNS;
        let buffer = first / TILE_COLUMNS % 2u;
        if next < params.columns {
            load(tile, next);
        }
        // More columns at once than four would not fit the cache of instructions.
        for (var k = buffer * TILE_COLUMNS; k < (buffer + 1u) * TILE_COLUMNS; k += 4u) {
            s = with_column(s, k, sample_quad, row_quad);
            s = with_column(s, k + 1u, sample_quad, row_quad);
            s = with_column(s, k + 2u, sample_quad, row_quad);
            s = with_column(s, k + 3u, sample_quad, row_quad);
        }
        if next < params.columns {
            put(1u - buffer);
        }
        workgroupBarrier();
        if next % SLICE == 0u {
            t = Sums(
                sum(t.first_low, s.first_low),
                sum(t.first_high, s.first_high),
                sum(t.second_low, s.second_low),
                sum(t.second_high, s.second_high),
            );
            s = Sums();
        }
    }
    store(p_at, sample, row, t.first_low);
    store(p_at, sample, row + ROW_QUADS / 2u, t.first_high);
    store(p_at, sample + TILE_SAMPLES / 2u, row, t.second_low);
    store(p_at, sample + TILE_SAMPLES / 2u, row + ROW_QUADS / 2u, t.second_high);
}
