// Products of components of Qdata(x) and Qsketch(G_j) over one panel of columns. Twin of src/reference/project.rs.
// A thread holds 4 samples by 4 rows; the products are exact, slices of 128 columns are summed in order.
// needs: common

struct Params {
    zero: u32,
    seed_low: u32,
    seed_high: u32,
    quads: u32, // of columns in the panel
    quads_before: u32, // the panel in a row of G
    row_quads: u32, // of a row of G
    samples: u32,
    rows: u32,
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
@group(0) @binding(2) var<storage, read> x: array<vec4<f32>>; // [component][slot][sample][panel]
@group(0) @binding(3) var<storage, read> g: array<vec4<f32>>; // [component][slot][row][column]
@group(0) @binding(4) var<storage, read_write> p: array<f32>; // [product][slot][sample][row]

const SIDE: u32 = 8u; // threads of a workgroup along rows, and along samples
const TILE: u32 = 4u; // rows, and samples, of a thread
const SLICE_QUADS: u32 = SLICE / 4u;

fn add_quad(sums: vec4<f32>, x: vec4<f32>, g0: vec4<f32>, g1: vec4<f32>, g2: vec4<f32>, g3: vec4<f32>) -> vec4<f32> {
    var s = sums;
    s = guarded4(s + guarded4(x.x * vec4<f32>(g0.x, g1.x, g2.x, g3.x)));
    s = guarded4(s + guarded4(x.y * vec4<f32>(g0.y, g1.y, g2.y, g3.y)));
    s = guarded4(s + guarded4(x.z * vec4<f32>(g0.z, g1.z, g2.z, g3.z)));
    return guarded4(s + guarded4(x.w * vec4<f32>(g0.w, g1.w, g2.w, g3.w)));
}

fn load_total(at: u32, rows: u32, row: u32) -> vec4<f32> {
    var total = vec4<f32>(0.0);
    for (var c = 0u; c < TILE; c++) {
        if row + c < rows {
            total[c] = p[at + row + c];
        }
    }
    return total;
}

fn store_total(at: u32, rows: u32, row: u32, total: vec4<f32>) {
    for (var c = 0u; c < TILE; c++) {
        if row + c < rows {
            p[at + row + c] = total[c];
        }
    }
}

@compute @workgroup_size(SIDE, SIDE)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_id) local: vec3<u32>) {
    let quads = params.quads;
    let samples = params.samples;
    let rows = params.rows;
    let slots = params.slots;
    let product = load_product(params.products_at + PRODUCT_WORDS * (group.z / slots));
    let slot = group.z % slots;
    let row = (group.x * SIDE + local.x) * TILE;
    let sample = (group.y * SIDE + local.y) * TILE;
    if row >= product.rows || sample >= samples {
        return;
    }
    let x_base = (product.x * slots + slot) * samples;
    let g_base = (product.g * slots + slot) * rows;
    let last_sample = samples - 1u;
    let last_row = rows - 1u;
    // Rows and samples past the end repeat the last one; their sums are not stored.
    let x0 = (x_base + sample) * quads;
    let x1 = (x_base + min(sample + 1u, last_sample)) * quads;
    let x2 = (x_base + min(sample + 2u, last_sample)) * quads;
    let x3 = (x_base + min(sample + 3u, last_sample)) * quads;
    let g0 = (g_base + row) * params.row_quads + params.quads_before;
    let g1 = (g_base + min(row + 1u, last_row)) * params.row_quads + params.quads_before;
    let g2 = (g_base + min(row + 2u, last_row)) * params.row_quads + params.quads_before;
    let g3 = (g_base + min(row + 3u, last_row)) * params.row_quads + params.quads_before;

    let p0 = (group.z * samples + sample) * rows;
    var t0 = vec4<f32>(0.0);
    var t1 = vec4<f32>(0.0);
    var t2 = vec4<f32>(0.0);
    var t3 = vec4<f32>(0.0);
    if params.is_first == 0u {
        t0 = load_total(p0, rows, row);
        if sample + 1u < samples { t1 = load_total(p0 + rows, rows, row); }
        if sample + 2u < samples { t2 = load_total(p0 + 2u * rows, rows, row); }
        if sample + 3u < samples { t3 = load_total(p0 + 3u * rows, rows, row); }
    }
    for (var start = 0u; start < quads; start += SLICE_QUADS) {
        var s0 = vec4<f32>(0.0);
        var s1 = vec4<f32>(0.0);
        var s2 = vec4<f32>(0.0);
        var s3 = vec4<f32>(0.0);
        for (var k = start; k < start + SLICE_QUADS; k++) {
            let a = g[g0 + k];
            let b = g[g1 + k];
            let c = g[g2 + k];
            let d = g[g3 + k];
            s0 = add_quad(s0, x[x0 + k], a, b, c, d);
            s1 = add_quad(s1, x[x1 + k], a, b, c, d);
            s2 = add_quad(s2, x[x2 + k], a, b, c, d);
            s3 = add_quad(s3, x[x3 + k], a, b, c, d);
        }
        t0 = guarded4(t0 + s0);
        t1 = guarded4(t1 + s1);
        t2 = guarded4(t2 + s2);
        t3 = guarded4(t3 + s3);
    }
    store_total(p0, rows, row, t0);
    if sample + 1u < samples { store_total(p0 + rows, rows, row, t1); }
    if sample + 2u < samples { store_total(p0 + 2u * rows, rows, row, t2); }
    if sample + 3u < samples { store_total(p0 + 3u * rows, rows, row, t3); }
}
