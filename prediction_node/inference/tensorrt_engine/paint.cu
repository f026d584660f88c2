// The raster, drawn by one thread for each cell from a sketch and two textures.
//
// What a polygon covers of a cell is a sum over its edges, so a thread needs nothing of its
// neighbours. Bytes are those of raster/fill.py and raster/warp.py as long as products and sums are not
// contracted; what a cell is covered by is summed in another order, so that rounding may differ.
//
// As C++ without CUDA it builds too: the same functions then run in a loop (paint_all, place_all).
//
// Sizes come from outside (painter.py): AGENTS, STRIPS, MARKS, MARK_POINTS, MARK_VALUES,
// CLASS_SHARES, STATE_VALUES, CHANNELS, CELLS, TEXTURE_CELLS, TILE_CELLS, TILE_CHANNELS,
// SKETCH_BYTES and TILE_BYTES.

#ifdef __CUDACC__
#define WORKS __device__ static
#else
#include <cmath>
#define WORKS static
#endif

typedef unsigned char Byte;

// As domain/sketch.py says.
struct Sketch {
    double origin[4];
    double cell_m[2];
    double mark_value[2][MARKS][MARK_VALUES];
    double mark_point[2][MARK_POINTS][2];
    double strip_corner[2][STRIPS][4][2];
    double strip_strength[STRIPS];
    double box_corner[2][AGENTS][4][2];
    int has_map;
    int direction_channel;
    int class_channel;
    int value_channel;
    int marks[2];
    int strips;
    int boxes;
    int mark_offset[2][MARKS + 1];
    int mark_window[2][MARKS][4];
    int mark_channel[2][MARKS];
    int mark_values[2][MARKS];
    int strip_window[2][STRIPS][4];
    int strip_channel[STRIPS];
    int box_window[2][AGENTS][4];
    int box_share[AGENTS][CLASS_SHARES];
    int box_value[AGENTS][STATE_VALUES];
    Byte empty[CHANNELS];
};
static_assert(sizeof(Sketch) == SKETCH_BYTES, "the sketch is laid out as Python lays it out");

struct Tile {
    int scale;
    int row;
    int column;
    int unused;
    Byte texel[TILE_CELLS][TILE_CELLS][TILE_CHANNELS];
};
static_assert(sizeof(Tile) == TILE_BYTES, "a tile is laid out as Python lays it out");

// Sixteen bytes at once, from and to where sixteen may be.
struct alignas(16) Chunk {
    Byte byte[16];
};

WORKS void copy(Byte *to, const Byte *from, int count) {
    for (int k = 0; k < count; k += 16) *(Chunk *)(to + k) = *(const Chunk *)(from + k);
}

// Where agents cover less than 16/255 of a cell, their values fade out.
const int FULL_VALUE = 16;

// What the edge from (ra, ca) down to (rb, cb), ra < rb, covers to its right of the cell whose low
// corner is (row, column); a cell is one high and wide.
WORKS double right_of(double ra, double ca, double rb, double cb, int row, int column) {
    const double begin = ra > row ? ra : row;
    const double end = rb < row + 1.0 ? rb : row + 1.0;
    if (begin >= end) return 0.0;
    const double slope = (cb - ca) / (rb - ra);
    double a = ca + slope * (begin - ra);
    double b = ca + slope * (end - ra);
    if (a > b) {
        const double swapped = a;
        a = b;
        b = swapped;
    }
    const double height = end - begin;
    if (b <= column) return height;
    if (a >= column + 1.0) return 0.0;
    if (b - a < 1e-9) {
        if (a < column) a = column;
        return height * (1.0 - (a - column));
    }
    const double density = height / (b - a);
    double covered = 0.0;
    if (a < column) {
        covered = density * (column - a);
        a = column;
    }
    if (b > column + 1.0) b = column + 1.0;
    const double part = 0.5 * (a + b) - column;
    return covered + density * (b - a) * (1.0 - part);
}

WORKS bool within(const int *window, int row, int column) {
    return row >= window[0] && column >= window[1] && row < window[2] && column < window[3];
}

// The share of a cell that a closed polygon covers, its points in rows and columns.
WORKS double share_of(const double (*point)[2], int count, int row, int column) {
    double total = 0.0;
    int before = count - 1;
    for (int k = 0; k < count; ++k) {
        const double *p = point[before], *q = point[k];
        if (p[0] < q[0]) total += right_of(p[0], p[1], q[0], q[1], row, column);
        if (p[0] > q[0]) total -= right_of(q[0], q[1], p[0], p[1], row, column);
        before = k;
    }
    total = fabs(total);
    return total < 1.0 ? total : 1.0;
}

// The map at a cell, from its texture.
WORKS void warp(const Sketch &sketch, const Byte *texture, int scale, int row, int column, Byte *cell) {
    const double cell_m = sketch.cell_m[scale], cosine = sketch.origin[2], sine = sketch.origin[3];
    const double middle = 0.5 * (CELLS - 1);
    const double ahead = middle - row, aside = middle - column;
    const double u = sketch.origin[0] / cell_m + cosine * ahead - 0.5 - sine * aside;
    const double v = sketch.origin[1] / cell_m + sine * ahead - 0.5 + cosine * aside;
    const double u_cell = floor(u), v_cell = floor(v);
    const float fu = (float)(u - u_cell), fv = (float)(v - v_cell);
    const long long last = TEXTURE_CELLS - 1;
    const long long i0 = (long long)u_cell & last, j0 = (long long)v_cell & last;
    const long long i1 = (i0 + 1) & last, j1 = (j0 + 1) & last;
    alignas(16) Byte a[TILE_CHANNELS], b[TILE_CHANNELS], e[TILE_CHANNELS], f[TILE_CHANNELS];
    copy(a, texture + (i0 * TEXTURE_CELLS + j0) * TILE_CHANNELS, TILE_CHANNELS);
    copy(b, texture + (i1 * TEXTURE_CELLS + j0) * TILE_CHANNELS, TILE_CHANNELS);
    copy(e, texture + (i0 * TEXTURE_CELLS + j1) * TILE_CHANNELS, TILE_CHANNELS);
    copy(f, texture + (i1 * TEXTURE_CELLS + j1) * TILE_CHANNELS, TILE_CHANNELS);
    // The last channel is not 0 where anything is there.
    const int there = TILE_CHANNELS - 1;
    if (!(a[there] | b[there] | e[there] | f[there])) return;
    const float w11 = fu * fv;
    const float w10 = fu - w11, w01 = fv - w11;
    const float w00 = 1.0f - fu - fv + w11;
    for (int q = 0; q < there; ++q) {
        cell[q] = (Byte)((float)a[q] * w00 + (float)b[q] * w10 + (float)e[q] * w01
                         + (float)f[q] * w11 + 0.5f);
    }
    cell[there] = 0;
    const int d = sketch.direction_channel;
    const int x = (int)cell[d] - 128, y = (int)cell[d + 1] - 128;
    if (x != 0 || y != 0) {
        const double turned_x = floor(128.5 + cosine * x + sine * y);
        const double turned_y = floor(128.5 + cosine * y - sine * x);
        cell[d] = (Byte)(turned_x < 255.0 ? turned_x : 255.0);
        cell[d + 1] = (Byte)(turned_y < 255.0 ? turned_y : 255.0);
    }
}

WORKS void paint_marks(const Sketch &sketch, int scale, int row, int column, Byte *cell) {
    for (int m = 0; m < sketch.marks[scale]; ++m) {
        if (!within(sketch.mark_window[scale][m], row, column)) continue;
        const int first = sketch.mark_offset[scale][m];
        const int count = sketch.mark_offset[scale][m + 1] - first;
        const double share = share_of(sketch.mark_point[scale] + first, count, row, column);
        for (int v = 0; v < sketch.mark_values[scale][m]; ++v) {
            Byte &byte = cell[sketch.mark_channel[scale][m] + v];
            const double full = sketch.mark_value[scale][m][v], there = byte;
            const double most = full > there ? full : there, sum = there + share * full;
            byte = (Byte)((sum < most ? sum : most) + 0.5);
        }
    }
}

WORKS void paint_strips(const Sketch &sketch, int scale, int row, int column, Byte *cell) {
    for (int i = 0; i < sketch.strips; ++i) {
        if (!within(sketch.strip_window[scale][i], row, column)) continue;
        const double share = share_of(sketch.strip_corner[scale][i], 4, row, column);
        const Byte byte = (Byte)(share * sketch.strip_strength[i] + 0.5);
        Byte &there = cell[sketch.strip_channel[i]];
        if (byte > there) there = byte;
    }
}

WORKS void paint_boxes(const Sketch &sketch, int scale, int row, int column, Byte *cell) {
    int shares[CLASS_SHARES] = {0}, values[STATE_VALUES] = {0}, weight = 0;
    for (int i = 0; i < sketch.boxes; ++i) {
        if (!within(sketch.box_window[scale][i], row, column)) continue;
        const double share = share_of(sketch.box_corner[scale][i], 4, row, column);
        const int covered = (int)(share * 255.0 + 0.5);
        if (covered == 0) continue;
        weight += covered;
        for (int k = 0; k < CLASS_SHARES; ++k) shares[k] += covered * sketch.box_share[i][k];
        for (int k = 0; k < STATE_VALUES; ++k) values[k] += covered * sketch.box_value[i][k];
    }
    if (weight == 0) return;
    for (int k = 0; k < CLASS_SHARES; ++k) {
        const int byte = (shares[k] + 127) / 255;
        cell[sketch.class_channel + k] = (Byte)(byte < 255 ? byte : 255);
    }
    const double divisor = weight > FULL_VALUE ? weight : FULL_VALUE;
    for (int k = 0; k < STATE_VALUES; ++k) {
        const int channel = sketch.value_channel + k;
        const double byte = floor(values[k] / divisor + 0.5) + sketch.empty[channel];
        cell[channel] = (Byte)(byte < 0.0 ? 0.0 : byte > 255.0 ? 255.0 : byte);
    }
}

WORKS void paint_cell(
    const Sketch &sketch, const Byte *texture, int scale, int row, int column, Byte *picture
) {
    alignas(16) Byte cell[CHANNELS];
    for (int q = 0; q < CHANNELS; ++q) cell[q] = sketch.empty[q];
    if (sketch.has_map) warp(sketch, texture, scale, row, column, cell);
    paint_marks(sketch, scale, row, column, cell);
    paint_strips(sketch, scale, row, column, cell);
    paint_boxes(sketch, scale, row, column, cell);
    copy(picture + ((long long)row * CELLS + column) * CHANNELS, cell, CHANNELS);
}

WORKS void place_texel(const Tile *tiles, int tile, int row, int column, Byte *near, Byte *far) {
    const Tile &from = tiles[tile];
    Byte *texture = from.scale == 0 ? near : far;
    Byte *to = texture
        + ((long long)(from.row + row) * TEXTURE_CELLS + from.column + column) * TILE_CHANNELS;
    copy(to, from.texel[row][column], TILE_CHANNELS);
}

#ifdef __CUDACC__

// Blocks of 16 x 16 threads; the third axis of the grid is the scale.
extern "C" __global__ void paint(
    const Sketch *sketch, const Byte *near_texture, const Byte *far_texture, Byte *near, Byte *far
) {
    const int column = blockIdx.x * blockDim.x + threadIdx.x;
    const int row = blockIdx.y * blockDim.y + threadIdx.y;
    const int scale = blockIdx.z;
    if (row >= CELLS || column >= CELLS) return;
    paint_cell(*sketch, scale == 0 ? near_texture : far_texture, scale, row, column,
               scale == 0 ? near : far);
}

// One block of TILE_CELLS x TILE_CELLS threads for each tile.
extern "C" __global__ void place(const Tile *tiles, Byte *near_texture, Byte *far_texture) {
    place_texel(tiles, blockIdx.x, threadIdx.y, threadIdx.x, near_texture, far_texture);
}

#else

extern "C" void paint_all(
    const Sketch *sketch, const Byte *near_texture, const Byte *far_texture, Byte *near, Byte *far
) {
    for (int scale = 0; scale < 2; ++scale)
        for (int row = 0; row < CELLS; ++row)
            for (int column = 0; column < CELLS; ++column)
                paint_cell(*sketch, scale == 0 ? near_texture : far_texture, scale, row, column,
                           scale == 0 ? near : far);
}

extern "C" void place_all(const Tile *tiles, int count, Byte *near_texture, Byte *far_texture) {
    for (int tile = 0; tile < count; ++tile)
        for (int row = 0; row < TILE_CELLS; ++row)
            for (int column = 0; column < TILE_CELLS; ++column)
                place_texel(tiles, tile, row, column, near_texture, far_texture);
}

#endif
