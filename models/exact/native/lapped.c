/* The lapped transform and its inverse, a strip of rows of blocks at a time.
 *
 * A 192 x 192 matrix of int16 times values that are split into two halves of int16, so that every sum fits int32, and a
 * filter across the borders of blocks, in int64. Back: after the matrix what the network adds, then the filter, the step,
 * and the picture that is upsampled from y. */
#include <stdlib.h>
#include <string.h>

#include "layers.h"
#include "library.h"
#include "threads.h"

#define BLOCK 8
#define COEFFICIENTS 192
#define LOW_BITS 12
#define SQUARE 16
#define HIGH_LIMIT 2048 /* of the upper halves: the sums of larger ones could overflow */
#define ROWS 16 /* of blocks at a time; one more on each side is computed */
#define UPSAMPLE_ONE 32 /* columns of the bilinear kernel sum to this */

/* What is upsampled from y: (3, height, width) int32 */
typedef struct {
    const int32_t *y;
    int height, width, stride;
} Base;

/* What a thread needs for a strip, once for all strips of a call: the system clears memory that it hands out */
typedef struct {
    int16_t *low, *high; /* rows of positions */
    int32_t *sums;       /* of both, one after the other */
    int32_t *x;          /* three colours of rows of pixels */
    int32_t *row;        /* of pixels, and a row of y with one more on each side */
} Room;

/* So many that every thread has some */
static int rows_at_once(int wanted, int threads) {
    return wanted / threads < ROWS ? (wanted + threads - 1) / threads : ROWS;
}

static int room_of(void **held, int worker, int width, int rows, int base_width, Room *room) {
    const size_t positions = (size_t)(width + POSITIONS) * COEFFICIENTS, pixels = (size_t)BLOCK * width;
    const size_t values = 2 * positions + 3 * pixels * BLOCK * rows + pixels + base_width + 2;
    if (!held[worker]) held[worker] = malloc(2 * positions * sizeof(int16_t) + values * sizeof(int32_t));
    if (!held[worker]) return 0;
    room->sums = held[worker], room->x = room->sums + 2 * positions, room->row = room->x + 3 * pixels * BLOCK * rows;
    room->low = (int16_t *)(room->row + pixels + base_width + 2), room->high = room->low + positions;
    return 1;
}

static void free_rooms(void **held) {
    for (int i = 0; i < MOST_THREADS; i++) free(held[i]);
}

typedef struct {
    const Path *path;
    const int16_t *packed;
    const int32_t *filter, *transposed; /* (8, 8), real value times 2^bits */
    int bits;
    Source z, learned;    /* int32 and int16, (192, .., width), from the row first_given on */
    int first_given;
    const int32_t *bound; /* (height, width), of what is learned, or NULL */
    Base base;
    int base_shift;
    int64_t delta;
    int pixel_bits;
    int height, width, first, last; /* in blocks; the rows that are wanted */
    int deep;                       /* out has uint8 where this is 1, else uint16 */
    char *out;                      /* from the row first on; strides in bytes */
    int64_t by_channel, by_row, by_column;
    int rows; /* of a strip */
    void *held[MOST_THREADS];
    volatile int too_large, out_of_memory;
} Job;

static void split(Job *job, int row, int16_t *low, int16_t *high) {
    const Source *z = &job->z;
    int32_t largest = 0;
    for (int c = 0; c < COEFFICIENTS; c++) {
        const char *from = z->data + c * z->by_channel + (row - job->first_given) * z->by_row;
        for (int p = 0; p < job->width; p++, from += z->by_column) {
            const int32_t v = *(const int32_t *)from, upper = v >> LOW_BITS;
            low[p * COEFFICIENTS + c] = (int16_t)(v & ((1 << LOW_BITS) - 1));
            high[p * COEFFICIENTS + c] = (int16_t)upper;
            const int32_t size = upper < 0 ? -upper : upper;
            largest = size > largest ? size : largest;
        }
    }
    if (largest > HIGH_LIMIT) job->too_large = 1;
}

/* Residuals of a row of blocks, spread over eight rows of pixels; rows of one colour lie next to each other */
static void spread(const Job *job, int row, const int32_t *low, const int32_t *high, int32_t *x, long colour) {
    const Source *learned = &job->learned;
    const long pixels = (long)BLOCK * job->width;
    int16_t added[COEFFICIENTS];
    for (int p = 0; p < job->width; p++, low += COEFFICIENTS, high += COEFFICIENTS) {
        const char *more = learned->data + (row - job->first_given) * learned->by_row + p * learned->by_column;
        if (learned->by_channel == sizeof *added) memcpy(added, more, sizeof added);
        else
            for (int k = 0; k < COEFFICIENTS; k++, more += learned->by_channel) added[k] = *(const int16_t *)more;
        const int32_t bound = job->bound ? job->bound[(long)row * job->width + p] : INT16_MAX;
        job->path->residuals(low, high, LOW_BITS, job->bits, added, bound, x + (long)p * BLOCK, colour, pixels);
    }
}

static int weight_of(int tap, int stride, int i) {
    const int before = stride - 1 - 2 * i, after = 2 * i + 1 - stride, part = UPSAMPLE_ONE / (2 * stride);
    const int b = before > 0 ? before : 0, a = after > 0 ? after : 0;
    return part * (tap == 0 ? b : tap == 2 ? a : 2 * stride - b - a);
}

/* A row of pixels of one colour of the picture that is upsampled from y */
static void upsampled(const Base *base, int colour, int row, long pixels, int32_t *column, int32_t *out) {
    const int stride = base->stride, n = row / stride, i = row % stride, H = base->height, W = base->width;
    const int32_t *y = base->y + (long)colour * H * W;
    const int32_t *above = y + (long)(n > 0 ? n - 1 : 0) * W, *here = y + (long)n * W;
    const int32_t *below = y + (long)(n + 1 < H ? n + 1 : H - 1) * W;
    const int u = weight_of(0, stride, i), v = weight_of(1, stride, i), w = weight_of(2, stride, i);
    for (int c = 0; c < W; c++) column[c + 1] = u * above[c] + v * here[c] + w * below[c];
    column[0] = column[1], column[W + 1] = column[W];
    for (int j = 0; j < stride; j++) {
        const int a = weight_of(0, stride, j), b = weight_of(1, stride, j), c = weight_of(2, stride, j);
        for (long k = 0, p = j; p < pixels; k++, p += stride)
            out[p] = a * column[k] + b * column[k + 1] + c * column[k + 2];
    }
}

static void run_strip(void *context, int worker, int item) {
    Job *job = context;
    const Path *path = job->path;
    const int top = job->first + item * job->rows, end = top + job->rows < job->last ? top + job->rows : job->last;
    const int start = top > 0 ? top - 1 : 0, stop = end < job->height ? end + 1 : end; /* what the filter reads */
    const long pixels = (long)BLOCK * job->width, colour = pixels * BLOCK * (stop - start);
    const size_t positions = (size_t)(job->width + POSITIONS) * COEFFICIENTS;
    Room room;
    if (!room_of(job->held, worker, job->width, job->rows + 2, job->base.width, &room)) {
        job->out_of_memory = 1;
        return;
    }
    for (int row = start; row < stop; row++) {
        split(job, row, room.low, room.high);
        for (int k = 0; k < 2; k++)
            path->product(job->packed, COEFFICIENTS, COEFFICIENTS, k ? room.high : room.low, room.sums + k * positions,
                          job->width);
        spread(job, row, room.sums, room.sums + positions, room.x + (row - start) * BLOCK * pixels, colour);
    }
    for (int c = 0; c < 3; c++) {
        int32_t *rows = room.x + c * colour, *base = room.row;
        for (int border = 1; border < stop - start; border++)
            path->filter_down(rows + (border * BLOCK - BLOCK / 2) * pixels, pixels, pixels, job->filter, job->bits);
        for (int row = top * BLOCK; row < end * BLOCK; row++) {
            int32_t *here = rows + (row - start * BLOCK) * pixels;
            path->filter_along(here + BLOCK / 2, job->width - 1, job->transposed, job->bits);
            upsampled(&job->base, c, row, pixels, base + pixels, base);
            path->to_pixels(here, base, job->delta, job->base_shift, job->deep, job->pixel_bits,
                            job->out + c * job->by_channel + (row - job->first * BLOCK) * job->by_row,
                            job->by_column / (job->deep == 1 ? 1 : 2), pixels);
        }
    }
}

EXPORT void selfvae_pack(int path, const int16_t *weight, int inputs, int outputs, int16_t *packed) {
    selfvae_paths[path]->pack_pointwise(packed, weight, inputs, outputs);
}

/* Rows first to last of blocks as pixels. Returns 0 where latents are so large that sums could overflow, -1 where memory
 * is out. */
EXPORT int selfvae_synthesis(int path, const int16_t *packed, const int32_t *filter, const int32_t *transposed, int bits,
                             const Source *z, const Source *learned, int first_given, const int32_t *bound,
                             const int32_t *base, int base_height, int base_width, int stride, int base_shift,
                             int64_t delta, int pixel_bits, int deep, int height, int width, int first, int last, char *out,
                             int64_t by_channel, int64_t by_row, int64_t by_column, int threads) {
    Job job = {.path = selfvae_paths[path], .packed = packed, .filter = filter, .transposed = transposed, .bits = bits};
    job.z = *z, job.learned = *learned, job.first_given = first_given, job.bound = bound;
    job.base.y = base, job.base.height = base_height, job.base.width = base_width, job.base.stride = stride;
    job.base_shift = base_shift, job.delta = delta, job.pixel_bits = pixel_bits, job.deep = deep;
    job.height = height, job.width = width, job.first = first, job.last = last;
    job.out = out, job.by_channel = by_channel, job.by_row = by_row, job.by_column = by_column;
    const int wanted = last - first;
    job.rows = rows_at_once(wanted, threads);
    in_parallel(threads, (wanted + job.rows - 1) / job.rows, run_strip, &job);
    free_rooms(job.held);
    return job.out_of_memory ? -1 : job.too_large ? 0 : 1;
}

typedef struct {
    const Path *path;
    const int16_t *packed;
    const int32_t *filter, *transposed;
    int bits;
    Source x; /* uint8 or int16, (3, rows, columns); its edge goes on where blocks reach beyond */
    int rows_given, columns_given;
    int shift;
    Base base; /* of what is taken from the picture, in units of 2^-shift; y may be NULL */
    int height, width;
    double scale;
    float *out; /* (192, height, width), columns side by side, */
    int64_t by_channel, by_row; /* in values */
    int rows;
    void *held[MOST_THREADS];
    volatile int out_of_memory;
} Forward;

/* A row of pixels of one colour, times 2^shift, less what is upsampled from y */
static void differences(const Forward *job, int colour, int row, int32_t *column, int32_t *out) {
    const long pixels = (long)BLOCK * job->width;
    const int there = row < job->rows_given ? row : job->rows_given - 1;
    const char *from = job->x.data + colour * job->x.by_channel + there * job->x.by_row;
    if (job->base.y) upsampled(&job->base, colour, row, pixels, column, out);
    else memset(out, 0, pixels * sizeof *out);
    const long given = job->columns_given < pixels ? job->columns_given : pixels, step = job->x.by_column;
    const int32_t one = 1 << job->shift;
    int32_t last = 0;
#define DIFFERENCES(type)                                                                                             \
    for (long i = 0; i < given; i++) out[i] = *(const type *)(from + i * step) * one - out[i];                        \
    last = *(const type *)(from + (given - 1) * step) * one;
    if (job->x.type == 1) { DIFFERENCES(uint8_t) } else { DIFFERENCES(int16_t) }
#undef DIFFERENCES
    for (long i = given; i < pixels; i++) out[i] = last - out[i];
}

static void run_forward(void *context, int worker, int item) {
    Forward *job = context;
    const Path *path = job->path;
    const int top = item * job->rows, end = top + job->rows < job->height ? top + job->rows : job->height;
    const int start = top > 0 ? top - 1 : 0, stop = end < job->height ? end + 1 : end;
    const long pixels = (long)BLOCK * job->width, colour = pixels * BLOCK * (stop - start);
    const size_t positions = (size_t)(job->width + POSITIONS) * COEFFICIENTS;
    Room room;
    if (!room_of(job->held, worker, job->width, job->rows + 2, job->base.width, &room)) {
        job->out_of_memory = 1;
        return;
    }
    int16_t *low = room.low, *high = room.high;
    int32_t *sums = room.sums, *x = room.x, *column = room.row;
    for (int c = 0; c < 3; c++) {
        int32_t *rows = x + c * colour;
        for (int row = start * BLOCK; row < stop * BLOCK; row++)
            differences(job, c, row, column, rows + (row - start * BLOCK) * pixels);
        for (int border = 1; border < stop - start; border++)
            path->filter_down(rows + (border * BLOCK - BLOCK / 2) * pixels, pixels, pixels, job->filter, job->bits);
        for (int row = top * BLOCK; row < end * BLOCK; row++)
            path->filter_along(rows + (row - start * BLOCK) * pixels + BLOCK / 2, job->width - 1, job->transposed,
                               job->bits);
    }
    for (int row = top; row < end; row++) {
        for (int k = 0; k < COEFFICIENTS; k += BLOCK) {
            const int32_t *from = x + k / 64 * colour + ((row - start) * BLOCK + k % 64 / BLOCK) * pixels;
            for (int p = 0; p < job->width; p++, from += BLOCK)
                for (int i = 0; i < BLOCK; i++) {
                    low[p * COEFFICIENTS + k + i] = (int16_t)(from[i] & ((1 << LOW_BITS) - 1));
                    high[p * COEFFICIENTS + k + i] = (int16_t)(from[i] >> LOW_BITS);
                }
        }
        for (int k = 0; k < 2; k++)
            path->product(job->packed, COEFFICIENTS, COEFFICIENTS, low + k * positions, sums + k * positions, job->width);
        /* a few positions of a few coefficients at a time, since these lie apart here and those there */
        for (int first = 0; first < job->width; first += SQUARE)
            for (int k = 0; k < COEFFICIENTS; k += SQUARE) {
                const int many = job->width - first < SQUARE ? job->width - first : SQUARE;
                float square[SQUARE][SQUARE];
                for (int p = 0; p < many; p++) {
                    const int32_t *sum = sums + (first + p) * COEFFICIENTS + k;
                    for (int i = 0; i < SQUARE; i++)
                        square[p][i] = (float)((double)(((int64_t)sum[positions + i] * (1 << LOW_BITS)) + sum[i]) * job->scale);
                }
                for (int i = 0; i < SQUARE; i++) {
                    float *to = job->out + (k + i) * job->by_channel + row * job->by_row + first;
                    for (int p = 0; p < many; p++) to[p] = square[p][i];
                }
            }
    }
}

/* The filter across borders, then the matrix, of an array of pixels less what is upsampled from y. |x| must stay below
 * 2^(LOW_BITS + 11) after the filter. scale: of the sums, as floats. Returns -1 where memory is out. */
EXPORT int selfvae_forward(int path, const int16_t *packed, const int32_t *filter, const int32_t *transposed, int bits,
                           const Source *x, int rows, int columns, int shift, const int32_t *base, int base_height,
                           int base_width, int stride, int height, int width, double scale, float *out, int64_t by_channel,
                           int64_t by_row, int threads) {
    Forward job = {.path = selfvae_paths[path], .packed = packed, .filter = filter, .transposed = transposed};
    job.bits = bits, job.x = *x, job.rows_given = rows, job.columns_given = columns, job.shift = shift, job.scale = scale, job.out = out;
    job.base.y = base, job.base.height = base_height, job.base.width = base_width, job.base.stride = stride;
    job.height = height, job.width = width, job.by_channel = by_channel, job.by_row = by_row;
    job.rows = rows_at_once(height, threads);
    in_parallel(threads, (height + job.rows - 1) / job.rows, run_forward, &job);
    free_rooms(job.held);
    return job.out_of_memory ? -1 : 1;
}
