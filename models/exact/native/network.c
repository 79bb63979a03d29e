/* One exact network: stem, blocks and head, row by row.
 *
 * A tile's rows run through all layers at once: each block keeps three rows of what its 3x3 layer reads and two of the
 * stream, so that everything stays in the caches. Tiles compute what they need around them anew, and nothing else, so
 * that a picture's bits do not depend on how it is cut or how many threads share it.
 */
#include <stdlib.h>
#include <string.h>

#include "layers.h"
#include "library.h"
#include "threads.h"
#include "transpose.h"

#define ROWS_IN_CACHE (1600 * 1024) /* bytes of a tile's rows */
#define WORTH_A_THREAD 256          /* positions that are not worth a thread */

typedef struct {
    const Path *path;
    int blocks, inputs, grow; /* grow: 2 where a pixel shuffle ends the network, else 1 */
    int outputs;              /* of the head, not padded */
    Conv stem, head;
    Conv *layers; /* expand, spatial, project of every block */
} Net;

/* int16; strides in values */
typedef struct {
    int16_t *data;
    int64_t by_channel, by_row, by_column;
} Target;

typedef struct {
    const Net *net;
    const Source *sources;
    int n_sources;
    const int16_t *limits; /* largest |input| of every channel */
    const Film *films;     /* of every block, or NULL */
    const int32_t *head_bias;
    Target target;
    int height, width, tile_height, tile_width, columns;
    char *scratch;
    size_t scratch_size;
    int16_t *borders; /* see Border */
    Step *said;
} Run;

static int padded(int channels) { return (channels + LANES - 1) / LANES * LANES; }

const Path *const selfvae_paths[] = {
#ifdef X86_PATHS
    &avx512_path, &avx2_path,
#endif
    &portable_path,
};
#define PATHS ((int)(sizeof selfvae_paths / sizeof *selfvae_paths))

static int runs_here(const Path *path) {
#ifdef X86_PATHS
    __builtin_cpu_init();
    if (path == &avx512_path)
        return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
               __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512vnni");
    if (path == &avx2_path) return __builtin_cpu_supports("avx2");
#endif
    return path == &portable_path;
}

EXPORT int selfvae_interface(void) { return 19; }

/* The name of the index-th path, the fastest first; NULL beyond the last. runs: whether this machine runs it. */
EXPORT const char *selfvae_path(int index, int *runs) {
    if (index < 0 || index >= PATHS) return 0;
    *runs = runs_here(selfvae_paths[index]);
    return selfvae_paths[index]->name;
}

EXPORT void selfvae_net_free(Net *net) {
    if (!net) return;
    for (int i = 0; net->layers && i < 3 * net->blocks + 2; i++) {
        Conv *conv = i < 3 * net->blocks ? &net->layers[i] : i == 3 * net->blocks ? &net->stem : &net->head;
        free(conv->weight), free(conv->bias), free(conv->shift), free(conv->low), free(conv->high);
    }
    free(net->layers);
    free(net);
}

/* NULL where memory is out */
EXPORT Net *selfvae_net_new(int path, int blocks, int upsample) {
    Net *net = calloc(1, sizeof *net);
    if (!net) return 0;
    net->path = selfvae_paths[path];
    net->blocks = blocks;
    net->grow = upsample ? 2 : 1;
    net->layers = calloc(3 * blocks + 1, sizeof *net->layers);
    if (net->layers) return net;
    selfvae_net_free(net);
    return 0;
}

/* Packs a layer: 0 is the stem, then expand, spatial and project of every block, then the head. Returns 0 where memory is
 * out. weight: (outputs, inputs), or (outputs, 9) of a 3x3 layer. */
EXPORT int selfvae_net_layer(Net *net, int index, int inputs, int outputs, const int16_t *weight, const int32_t *bias,
                             const int32_t *shift, const int16_t *low, const int16_t *high) {
    int last = 3 * net->blocks + 1, depthwise = index % 3 == 2 && index < last;
    int O = padded(outputs), I = depthwise ? 12 : padded(inputs), taps = depthwise ? 9 : I, given = depthwise ? 9 : inputs;
    Conv *conv = index == 0 ? &net->stem : index == last ? &net->head : &net->layers[index - 1];
    int16_t *wide = calloc((size_t)O * taps, sizeof *wide);
    conv->inputs = depthwise ? O : I;
    conv->outputs = O;
    conv->weight = malloc((size_t)O * I * sizeof *conv->weight);
    conv->bias = calloc(O, sizeof *conv->bias);
    conv->shift = calloc(O, sizeof *conv->shift);
    conv->low = calloc(O, sizeof *conv->low);
    conv->high = calloc(O, sizeof *conv->high);
    if (!wide || !conv->weight || !conv->bias || !conv->shift || !conv->low || !conv->high) {
        free(wide);
        return 0;
    }
    int cells = index == last ? net->grow * net->grow : 1; /* of a pixel shuffle: its channels are put together */
    for (int o = 0; o < outputs; o++) {
        int from = o % (outputs / cells) * cells + o / (outputs / cells);
        memcpy(wide + (size_t)o * taps, weight + (size_t)from * given, given * sizeof *wide);
        conv->bias[o] = bias[from];
        conv->shift[o] = shift[from];
        conv->low[o] = low[from];
        conv->high[o] = high[from];
    }
    if (depthwise) net->path->pack_depthwise(conv->weight, conv->bias, conv->shift, wide, O);
    else net->path->pack_pointwise(conv->weight, wide, I, O);
    free(wide);
    if (index == 0) net->inputs = inputs;
    if (index == last) net->outputs = outputs;
    return 1;
}

static inline int16_t within(int32_t v, int32_t limit) { return (int16_t)(v < -limit ? -limit : v > limit ? limit : v); }

/* in int16 throughout, for which there are instructions everywhere */
static inline void clamp(const int16_t *from, const int16_t *limits, int n, int16_t *restrict to) {
    for (int i = 0; i < n; i++) {
        const int16_t most = limits[i], least = (int16_t)-most, v = from[i] < most ? from[i] : most;
        to[i] = v > least ? v : least;
    }
}

#define READ(type)                                                                                                   \
    for (int c = 0; c < channels; c++) {                                                                             \
        const char *p = from + c * s->by_channel;                                                                    \
        for (int i = 0; i < n; i++, p += s->by_column)                                                               \
            to[(size_t)i * stride + c] = within((int32_t) * (const type *)p, limits[c]);                             \
    }

/* Planes whose columns are side by side, eight channels of eight positions at a time */
static void read_planes(const char *from, int64_t by_channel, int channels, int n, const int16_t *limits, int16_t *to,
                        int stride) {
    int16_t square[64];
    for (int c = 0; c < channels; c += 8) {
        const int many = channels - c < 8 ? channels - c : 8;
        const int16_t *plane = (const int16_t *)(from + c * by_channel);
        int16_t limit[8] = {0};
        memcpy(limit, limits + c, many * sizeof *limit);
        int i = 0;
        for (; many == 8 && i + 8 <= n; i += 8) {
            transpose8(plane + i, by_channel / 2, square);
            for (int k = 0; k < 8; k++) {
                int16_t *q = to + (size_t)(i + k) * stride + c;
                clamp(square + 8 * k, limit, 8, q);
            }
        }
        for (; i < n; i++)
            for (int l = 0; l < many; l++) to[(size_t)i * stride + c + l] = within(plane[l * (by_channel / 2) + i], limit[l]);
    }
}

/* Clamped inputs of n positions of a row, from the column on */
static void read_row(const Run *run, int row, int column, int n, int16_t *to, int stride) {
    const int16_t *limits = run->limits;
    for (int k = 0; k < run->n_sources; k++) {
        const Source *s = &run->sources[k];
        const char *from = s->data + row * s->by_row + column * s->by_column;
        int channels = (int)s->channels;
        if (s->type == 2 && s->by_channel == 2) {
            for (int i = 0; i < n; i++)
                clamp((const int16_t *)(from + i * s->by_column), limits, channels, to + (size_t)i * stride);
        } else if (s->type == 2 && s->by_column == 2) read_planes(from, s->by_channel, channels, n, limits, to, stride);
        else if (s->type == 2) READ(int16_t)
        else if (s->type == 4) READ(int32_t)
        else READ(uint8_t)
        to += channels;
        limits += channels;
    }
}

/* Channels of n positions, stride apart, to planes whose columns are side by side */
static void write_planes(const int16_t *from, int stride, int channels, int n, int16_t *to, int64_t by_channel) {
    int16_t square[64];
    for (int c = 0; c < channels; c += 8) /* there is room for whole squares: rows end with POSITIONS more */
        for (int i = 0; i < n; i += 8) {
            const int many = n - i < 8 ? n - i : 8;
            transpose8(from + (size_t)i * stride + c, stride, square);
            for (int k = 0; k < 8 && c + k < channels; k++) {
                int16_t *here = to + (c + k) * by_channel + i;
                if (many == 8) memcpy(here, square + 8 * k, 8 * sizeof *here);
                else memcpy(here, square + 8 * k, many * sizeof *here);
            }
        }
}

static void write_row(const Run *run, int row, int column, int n, const int16_t *from, int stride) {
    const Target *t = &run->target;
    int grow = run->net->grow, channels = run->net->outputs / (grow * grow);
    for (int cell = 0; cell < grow * grow; cell++, from += channels) {
        int16_t *to = t->data + (row * grow + cell / 2) * t->by_row + (column * grow + cell % 2) * t->by_column;
        int64_t step = grow * t->by_column;
        if (t->by_channel == 1)
            for (int i = 0; i < n; i++) memcpy(to + i * step, from + (size_t)i * stride, channels * sizeof *to);
        else if (step == 1) write_planes(from, stride, channels, n, to, t->by_channel);
        else
            for (int c = 0; c < channels; c++)
                for (int i = 0; i < n; i++) to[c * t->by_channel + i * step] = from[(size_t)i * stride + c];
    }
}

static int most(int a, int b) { return a > b ? a : b; }
static int least(int a, int b) { return a < b ? a : b; }

/* Values of a tile's rows of positions: room for one more on each side, and for whole batches */
static size_t row_size(const Run *run, int channels) {
    return (size_t)(run->tile_width + 2 * run->net->blocks + 2 + POSITIONS) * channels;
}

static size_t scratch_values(const Run *run) {
    const Net *net = run->net;
    size_t values = row_size(run, net->stem.inputs) + row_size(run, net->head.outputs);
    int widest = net->stem.outputs;
    values += (size_t)(net->blocks + 1) * 2 * row_size(run, net->stem.outputs);
    for (int b = 0; b < net->blocks; b++) {
        int hidden = net->layers[3 * b].outputs;
        values += 3 * row_size(run, hidden);
        widest = most(widest, hidden);
    }
    return values + 2 * row_size(run, widest);
}

typedef struct {
    int16_t *input, *head, *spatial, *zero, *stream, *hidden;
} Rows;

static Rows rows_of(const Run *run, int16_t *scratch) {
    const Net *net = run->net;
    Rows rows;
    int widest = net->stem.outputs;
    for (int b = 0; b < net->blocks; b++) widest = most(widest, net->layers[3 * b].outputs);
    rows.input = scratch, scratch += row_size(run, net->stem.inputs);
    rows.head = scratch, scratch += row_size(run, net->head.outputs);
    rows.spatial = scratch, scratch += row_size(run, widest);
    rows.zero = scratch, scratch += row_size(run, widest);
    rows.stream = scratch, scratch += (size_t)(net->blocks + 1) * 2 * row_size(run, net->stem.outputs);
    rows.hidden = scratch;
    return rows;
}

/* A strip that others lie next to: hidden rows at its borders are computed once, and read by both sides. Neighbours come to
 * a border at the same time, since they go away from it or towards it. */
typedef struct {
    int16_t *rows;  /* [border][side][column % 2][block] */
    Step *said;     /* of the same rows: the column that they are of, from 1 on */
    int first, end; /* borders at the first and the last row, -1 for none */
    int side;       /* of this strip, at both */
    int column;
} Border;

static size_t hidden_values(const Run *run) {
    size_t values = 0;
    for (int b = 0; b < run->net->blocks; b++) values += row_size(run, run->net->layers[3 * b].outputs);
    return values;
}

static size_t border_at(const Border *border, int which, int side) {
    return ((size_t)2 * which + side) * 2 + border->column % 2;
}

/* The row that the other side has of a block */
static const int16_t *other_row(const Run *run, const Border *border, int which, int block, size_t before) {
    const size_t at = border_at(border, which, !border->side);
    wait_for_step(&border->said[at * run->net->blocks + block], border->column + 1);
    return border->rows + at * hidden_values(run) + before;
}

static void say_row(const Run *run, const Border *border, int which, int block, size_t before, const int16_t *row, size_t n) {
    const size_t at = border_at(border, which, border->side);
    memcpy(border->rows + at * hidden_values(run) + before, row, n * sizeof *row);
    say_step(&border->said[at * run->net->blocks + block], border->column + 1);
}

/* Rows top to bottom and columns left to right of what is asked for. border: NULL where what lies around is computed anew.
 * up: rows are counted, and run, from the last one on. */
static void run_rows(const Run *run, int16_t *scratch, int top, int bottom, int left, int right, const Border *border, int up) {
    const Net *net = run->net;
    const Path *path = net->path;
    const int B = net->blocks, H = run->height, W = run->width, S = net->stem.outputs;
    const int base = most(left - B, 0); /* position of the first column that is computed; it lies in slot 1 */
    const int before = border ? top : most(top - B, 0); /* rows that are computed */
    Rows rows = rows_of(run, scratch);
    memset(rows.zero, 0, (char *)rows.stream - (char *)rows.zero);
#define FIRST(b) most(left - (B - (b)), 0) /* columns of the stream before block b */
#define END(b) least(right + (B - (b)), W)
#define TOP(b) (border ? top : most(top - (B - (b)), 0)) /* rows of it */
#define BOTTOM(b) (border ? bottom : least(bottom + (B - (b)), H))
#define STREAM(b, row) (rows.stream + ((size_t)2 * (b) + (row) % 2) * row_size(run, S) + (size_t)S)
#define SLOT(column) ((column) - base)
    for (int s = before; s < bottom + B; s++) {
        if (s < BOTTOM(0)) {
            int first = FIRST(0), n = END(0) - first;
            read_row(run, up ? H - 1 - s : s, first, n, rows.input, net->stem.inputs);
            path->pointwise(&net->stem, net->stem.bias, 0, 0, rows.input, STREAM(0, s), n);
        }
        int16_t *hidden = rows.hidden;
        for (int b = 0; b < B; b++) {
            const Conv *expand = &net->layers[3 * b], *spatial = expand + 1, *project = expand + 2;
            const int C = expand->outputs;
            const size_t size = row_size(run, C), passed = hidden - rows.hidden;
#define RING(row) (hidden + (size_t)((row) % 3) * size + C)
            int e = s - b, d = e - 1;
            if (e >= TOP(b) && e < BOTTOM(b)) {
                int first = FIRST(b), end = END(b);
                int16_t *to = RING(e) + (size_t)SLOT(first) * C;
                path->pointwise(expand, expand->bias, run->films ? &run->films[b] : 0, 0,
                                STREAM(b, e) + (size_t)SLOT(first) * S, to, end - first);
                if (first == 0) memset(to - C, 0, C * sizeof *to);
                if (end == W) memset(to + (size_t)(end - first) * C, 0, C * sizeof *to);
                if (border && e == top && border->first >= 0)
                    say_row(run, border, border->first, b, passed / 3, RING(e) - C, size);
                if (border && e == bottom - 1 && border->end >= 0)
                    say_row(run, border, border->end, b, passed / 3, RING(e) - C, size);
            }
            if (d >= TOP(b + 1) && d < BOTTOM(b + 1)) {
                int first = FIRST(b + 1), n = END(b + 1) - first;
                size_t at = (size_t)SLOT(first) * C, here = (size_t)SLOT(first) * S;
                const int16_t *around[2];
                for (int k = 0; k < 2; k++) {
                    const int row = k ? d + 1 : d - 1;
                    if (row < 0 || row >= H) around[k] = rows.zero + C;
                    else if (border && row == top - 1) around[k] = other_row(run, border, border->first, b, passed / 3) + C;
                    else if (border && row == bottom) around[k] = other_row(run, border, border->end, b, passed / 3) + C;
                    else around[k] = RING(row);
                }
                path->depthwise(spatial, around[up] + at, RING(d) + at, around[!up] + at, rows.spatial, n);
                path->pointwise(project, project->bias, 0, STREAM(b, d) + here, rows.spatial, STREAM(b + 1, d) + here, n);
            }
            hidden += 3 * size;
        }
        int row = s - B;
        if (row >= top && row < bottom) {
            path->pointwise(&net->head, run->head_bias, 0, 0, STREAM(B, row) + (size_t)SLOT(left) * S, rows.head,
                            right - left);
            write_row(run, up ? H - 1 - row : row, left, right - left, rows.head, net->head.outputs);
        }
    }
}

static int16_t *scratch_of(const Run *run, int worker) { return (int16_t *)(run->scratch + worker * run->scratch_size); }

static void run_tile(void *context, int worker, int item) {
    const Run *run = context;
    const int top = item / run->columns * run->tile_height, left = item % run->columns * run->tile_width;
    run_rows(run, scratch_of(run, worker), top, least(top + run->tile_height, run->height), left,
             least(left + run->tile_width, run->width), 0, 0);
}

/* One strip for each thread. Those with even numbers go up, so that two of them begin, or end, where they meet. */
static void run_strip(void *context, int strip, int strips) {
    const Run *run = context;
    const int H = run->height, up = strip % 2 == 0;
    const int top = (int)((int64_t)H * strip / strips), bottom = (int)((int64_t)H * (strip + 1) / strips);
    const int above = strip > 0 ? strip - 1 : -1, below = strip + 1 < strips ? strip : -1;
    Border border = {run->borders, run->said, up ? below : above, up ? above : below, up, 0};
    for (; border.column < run->columns; border.column++) {
        const int left = border.column * run->tile_width, right = least(left + run->tile_width, run->width);
        run_rows(run, scratch_of(run, strip), up ? H - bottom : top, up ? H - top : bottom, left, right, &border, up);
    }
}

/* Runs a network over arrays of height x width positions. Returns 0 where memory is out.
 *
 * limits: by input channel. film: for every block gain, bias and shift of its channels, padded, or NULL. head_bias: by
 * padded output, in the order of the packed head. tile: positions on a side, 0 for what suits the caches. */
EXPORT int selfvae_net_run(const Net *net, const Source *sources, int n_sources, const int16_t *limits,
                           const int32_t *film, const int32_t *head_bias, const Target *target, int height, int width,
                           int tile, int threads) {
    Run run = {.net = net, .sources = sources, .n_sources = n_sources, .limits = limits, .target = *target};
    run.head_bias = head_bias ? head_bias : net->head.bias;
    run.height = height, run.width = width;
    Film films[64];
    size_t per_position = 2 * sizeof(int16_t) * net->stem.outputs;
    if (net->blocks > 64) return 0;
    for (int b = 0; b < net->blocks; b++) {
        int C = net->layers[3 * b].outputs;
        per_position += sizeof(int16_t) * (2 * net->stem.outputs + 3 * C);
        if (film) {
            films[b].gain = film, films[b].bias = film + C, films[b].shift = film + 2 * C;
            film += 3 * C;
            run.films = films;
        }
    }
    int columns, strips = (height + tile - 1) / most(tile, 1), in_strips = 0;
    if (tile > 0) columns = (width + tile - 1) / tile;
    else {
        int widest = most((int)(ROWS_IN_CACHE / per_position), 32);
        columns = (width + widest - 1) / widest;
        threads = least(threads, most(1, least(height / 2, (int)((int64_t)height * width / WORTH_A_THREAD))));
        /* more than one for each thread, so that none waits long, where what strips compute twice is little beside */
        int each = most(1, least(4, height / threads / (16 * (net->blocks + 1))));
        in_strips = threads > 1 && each == 1;
        strips = threads == 1 ? 1 : each * threads;
    }
    run.tile_width = (width + columns - 1) / columns;
    run.tile_height = (height + strips - 1) / strips;
    run.columns = (width + run.tile_width - 1) / run.tile_width;
    strips = (height + run.tile_height - 1) / run.tile_height;
    threads = most(1, least(threads, run.columns * strips));
    run.scratch_size = (scratch_values(&run) * sizeof(int16_t) + 127) / 64 * 64;
    run.scratch = malloc(threads * run.scratch_size); /* what is never written meets weights of zero, or is never read */
    int done = run.scratch != 0;
    if (done && in_strips) {
        const size_t rows = 4 * (size_t)(threads - 1);
        run.borders = malloc((rows * hidden_values(&run) + 1) * sizeof *run.borders);
        run.said = calloc(rows * net->blocks + 1, sizeof *run.said);
        done = run.borders && run.said;
        if (done) in_step(threads, run_strip, &run);
        free(run.borders), free((void *)run.said);
    } else if (done) in_parallel(threads, run.columns * strips, run_tile, &run);
    free(run.scratch);
    return done;
}
