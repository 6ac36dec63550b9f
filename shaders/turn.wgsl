// G by columns, as project reads it: a workgroup turns 64 rows of 32 columns. In pairs of bf16 where PAIRED, which are
// exact: no component has more than 8 significant bits.
// needs: common

struct Params {
    zero: u32,
    seed_low: u32,
    seed_high: u32,
    rows: u32, // that there are
    row_stride: u32, // rows of a column, a multiple of 8
    columns: u32,
    first: u32, // column of this dispatch
    words: array<u32>,
}

@group(0) @binding(0) var<storage, read> params: Params;
@group(0) @binding(2) var<storage, read> by_row: array<u32>; // [component][slot][row][column]
@group(0) @binding(3) var<storage, read_write> by_column: array<u32>; // [component][slot][column][row], or of two rows

const THREADS: u32 = 256u;
const TURNED_COLUMNS: u32 = 32u;
const TURNED_ROWS: u32 = 64u;
const TURNED_STRIDE: u32 = TURNED_ROWS + 1u; // keeps columns off each other's banks
const ROWS_OF_WORD: u32 = select(1u, 2u, PAIRED);

var<workgroup> tile: array<u32, TURNED_COLUMNS * TURNED_STRIDE>;

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let first_column = params.first + group.x * TURNED_COLUMNS;
    let first_row = group.y * TURNED_ROWS;
    for (var at = thread; at < TURNED_COLUMNS * TURNED_ROWS; at += THREADS) {
        let row = at / TURNED_COLUMNS;
        let column = at % TURNED_COLUMNS;
        var bits = 0u;
        if first_row + row < params.rows {
            bits = by_row[(group.z * params.rows + first_row + row) * params.columns + first_column + column];
        }
        tile[column * TURNED_STRIDE + row] = bits;
    }
    workgroupBarrier();
    for (var at = thread; at < TURNED_COLUMNS * TURNED_ROWS / ROWS_OF_WORD; at += THREADS) {
        let column = at / (TURNED_ROWS / ROWS_OF_WORD);
        let row = at % (TURNED_ROWS / ROWS_OF_WORD) * ROWS_OF_WORD;
        if first_row + row < params.row_stride {
            var word = tile[column * TURNED_STRIDE + row];
            if PAIRED {
                word = (word >> 16u) | tile[column * TURNED_STRIDE + row + 1u];
            }
            let cell = group.z * params.columns + first_column + column;
            by_column[(cell * params.row_stride + first_row + row) / ROWS_OF_WORD] = word;
        }
    }
}
