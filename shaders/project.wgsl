// Products of components of Qdata(x) and Qsketch(G_j) over one panel of columns. Twin of `dot` in src/reference/project.rs.
// A thread holds 4 samples by 4 rows; the products are exact, slices of 128 columns are summed in order.

// params: 3 quads of columns in the panel, 4 quads before the panel in a row of G, 5 quads of a row of G,
// 6 samples, 7 rows, 8 slots, 9 this panel is the first, 10 first word of the products: component of x, component of G, rows.
@group(0) @binding(2) var<storage, read> x: array<vec4<f32>>; // [component][slot][sample][panel]
@group(0) @binding(3) var<storage, read> g: array<vec4<f32>>; // [component][slot][row][column]
@group(0) @binding(4) var<storage, read_write> p: array<f32>; // [product][slot][sample][row]

fn add_quad(sums: vec4<f32>, x: vec4<f32>, g0: vec4<f32>, g1: vec4<f32>, g2: vec4<f32>, g3: vec4<f32>) -> vec4<f32> {
    var s = sums;
    s = guarded4(s + guarded4(x.x * vec4<f32>(g0.x, g1.x, g2.x, g3.x)));
    s = guarded4(s + guarded4(x.y * vec4<f32>(g0.y, g1.y, g2.y, g3.y)));
    s = guarded4(s + guarded4(x.z * vec4<f32>(g0.z, g1.z, g2.z, g3.z)));
    return guarded4(s + guarded4(x.w * vec4<f32>(g0.w, g1.w, g2.w, g3.w)));
}

fn load_total(at: u32, rows: u32, row: u32) -> vec4<f32> {
    var total = vec4<f32>(0.0);
    for (var c = 0u; c < 4u; c++) {
        if row + c < rows {
            total[c] = p[at + row + c];
        }
    }
    return total;
}

fn store_total(at: u32, rows: u32, row: u32, total: vec4<f32>) {
    for (var c = 0u; c < 4u; c++) {
        if row + c < rows {
            p[at + row + c] = total[c];
        }
    }
}

@compute @workgroup_size(8, 8)
fn project(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_id) local: vec3<u32>) {
    let quads = params[3];
    let samples = params[6];
    let rows = params[7];
    let slots = params[8];
    let product = params[10] + 3u * (group.z / slots);
    let slot = group.z % slots;
    let row = (group.x * 8u + local.x) * 4u;
    let sample = (group.y * 8u + local.y) * 4u;
    if row >= params[product + 2u] || sample >= samples {
        return;
    }
    let x_base = (params[product] * slots + slot) * samples;
    let g_base = (params[product + 1u] * slots + slot) * rows;
    let last_sample = samples - 1u;
    let last_row = rows - 1u;
    // Rows and samples past the end repeat the last one; their sums are not stored.
    let x0 = (x_base + sample) * quads;
    let x1 = (x_base + min(sample + 1u, last_sample)) * quads;
    let x2 = (x_base + min(sample + 2u, last_sample)) * quads;
    let x3 = (x_base + min(sample + 3u, last_sample)) * quads;
    let g0 = (g_base + row) * params[5] + params[4];
    let g1 = (g_base + min(row + 1u, last_row)) * params[5] + params[4];
    let g2 = (g_base + min(row + 2u, last_row)) * params[5] + params[4];
    let g3 = (g_base + min(row + 3u, last_row)) * params[5] + params[4];

    let p0 = (group.z * samples + sample) * rows;
    var t0 = vec4<f32>(0.0);
    var t1 = vec4<f32>(0.0);
    var t2 = vec4<f32>(0.0);
    var t3 = vec4<f32>(0.0);
    if params[9] == 0u {
        t0 = load_total(p0, rows, row);
        if sample + 1u < samples { t1 = load_total(p0 + rows, rows, row); }
        if sample + 2u < samples { t2 = load_total(p0 + 2u * rows, rows, row); }
        if sample + 3u < samples { t3 = load_total(p0 + 3u * rows, rows, row); }
    }
    for (var start = 0u; start < quads; start += 32u) {
        var s0 = vec4<f32>(0.0);
        var s1 = vec4<f32>(0.0);
        var s2 = vec4<f32>(0.0);
        var s3 = vec4<f32>(0.0);
        for (var k = start; k < start + 32u; k++) {
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
