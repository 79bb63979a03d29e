/* The lapped transform and its inverse, a part of so many rows and columns of blocks at a time that it fits a cache.
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
#define LOW_BITS 12
#define HIGH_LIMIT 2048 /* of the upper halves: the sums of larger ones could overflow */
#define ROWS 16 /* of blocks in a part; one more on each side is computed */
#define COLUMNS 64
#define UPSAMPLE_ONE 32 /* columns of the bilinear kernel sum to this */

/* Of the pixel i of a cell and the cell before, its own or the one after: an integer, in sum UPSAMPLE_ONE */
static int weight_of(int tap, int stride, int i) {
    const int before = stride - 1 - 2 * i, after = 2 * i + 1 - stride, part = UPSAMPLE_ONE / (2 * stride);
    const int b = before > 0 ? before : 0, a = after > 0 ? after : 0;
    return part * (tap == 0 ? b : tap == 2 ? a : 2 * stride - b - a);
}

/* What is upsampled from y: (3, height, width) int32 */
typedef struct {
    const int32_t *y;
    int height, width, stride;
    int32_t weights[3 * UPSAMPLE_ONE]; /* of the columns before, at and after a cell's, for each of its pixels */
} Base;

static Base base_of(const int32_t *y, int height, int width, int stride) {
    Base base = {.y = y, .height = height, .width = width, .stride = stride};
    for (int tap = 0; tap < 3; tap++)
        for (int i = 0; y && i < stride; i++) base.weights[tap * stride + i] = weight_of(tap, stride, i);
    return base;
}

/* Rows top to end and columns left to right of blocks, and what the filter reads for them */
typedef struct {
    int top, end, left, right, start, stop, from, to;
} Part;

/* How rows first to last are parted; (height, width): of the whole */
typedef struct {
    int first, last, height, width;
    int rows, columns; /* of a part; those at the end may have fewer */
    int abreast, parts;
} Parts;

/* What a thread needs for a part, once for all parts of a call: the system clears memory that it hands out */
typedef struct {
    int16_t *low, *high; /* rows of positions */
    int32_t *sums;       /* of both, one after the other */
    int32_t *x;          /* three colours of rows of pixels */
    int32_t *row;        /* of pixels, and of y with one more on each side */
    size_t positions;    /* values of a row of positions */
} Room;

static int shares(int whole, int most) {
    return (whole + most - 1) / most;
}

/* So many rows that every thread has some; columns in equal shares */
static Parts parts_of(int first, int last, int height, int width, int threads) {
    Parts p = {.first = first, .last = last, .height = height, .width = width};
    p.rows = (last - first) / threads < ROWS ? shares(last - first, threads) : ROWS;
    p.columns = shares(width, shares(width, COLUMNS));
    p.abreast = shares(width, p.columns), p.parts = p.abreast * shares(last - first, p.rows);
    return p;
}

static Part part_of(const Parts *p, int item) {
    Part it = {.top = p->first + item / p->abreast * p->rows, .left = item % p->abreast * p->columns};
    it.end = it.top + p->rows < p->last ? it.top + p->rows : p->last;
    it.right = it.left + p->columns < p->width ? it.left + p->columns : p->width;
    it.start = it.top > 0 ? it.top - 1 : 0, it.stop = it.end < p->height ? it.end + 1 : it.end;
    it.from = it.left > 0 ? it.left - 1 : 0, it.to = it.right < p->width ? it.right + 1 : it.right;
    return it;
}

static int room_of(void **held, int worker, const Parts *p, Room *room) {
    const size_t pixels = (size_t)BLOCK * (p->columns + 2), rows = pixels * BLOCK * (p->rows + 2);
    room->positions = (size_t)(p->columns + 2 + POSITIONS) * COEFFICIENTS;
    const size_t values = 2 * room->positions + 3 * rows + 2 * pixels + 3;
    if (!held[worker]) held[worker] = malloc(2 * room->positions * sizeof(int16_t) + values * sizeof(int32_t));
    if (!held[worker]) return 0;
    room->sums = held[worker], room->x = room->sums + 2 * room->positions, room->row = room->x + 3 * rows;
    room->low = (int16_t *)(room->row + 2 * pixels + 3), room->high = room->low + room->positions;
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
    Source z, learned;    /* int32, columns side by side, and int16, (192, .., width), from the row first_given on */
    int first_given;
    const int32_t *bound; /* (height, width), of what is learned, or NULL */
    Base base;
    int base_shift;
    int64_t delta;
    int pixel_bits;
    Parts parts;
    int deep;  /* out has uint8 where this is 1, else uint16 */
    char *out; /* from the first row that is wanted on; strides in bytes */
    int64_t by_channel, by_row, by_column;
    void *held[MOST_THREADS];
    volatile int too_large, out_of_memory;
} Job;

/* Residuals of a row of blocks, spread over eight rows of pixels; rows of one colour lie next to each other */
static void spread(const Job *job, const Part *part, int row, const int32_t *low, const int32_t *high, int32_t *x,
                   long colour) {
    const Source *learned = &job->learned;
    const long pixels = (long)BLOCK * (part->to - part->from);
    int16_t added[COEFFICIENTS];
    for (int p = part->from; p < part->to; p++, x += BLOCK, low += COEFFICIENTS, high += COEFFICIENTS) {
        const char *more = learned->data + (row - job->first_given) * learned->by_row + p * learned->by_column;
        if (learned->by_channel == sizeof *added) memcpy(added, more, sizeof added);
        else
            for (int k = 0; k < COEFFICIENTS; k++, more += learned->by_channel) added[k] = *(const int16_t *)more;
        const int32_t bound = job->bound ? job->bound[(long)row * job->parts.width + p] : INT16_MAX;
        job->path->residuals(low, high, LOW_BITS, job->bits, added, bound, x, colour, pixels);
    }
}

/* Pixels of a row, from the pixel first on, of one colour of the picture that is upsampled from y */
static void upsampled(const Path *path, const Base *base, int colour, int row, long first, long pixels, int32_t *column,
                      int32_t *out) {
    const int stride = base->stride, n = row / stride, i = row % stride, H = base->height, W = base->width;
    const int32_t *y = base->y + (long)colour * H * W;
    const int32_t *above = y + (long)(n > 0 ? n - 1 : 0) * W, *here = y + (long)n * W;
    const int32_t *below = y + (long)(n + 1 < H ? n + 1 : H - 1) * W;
    const int u = weight_of(0, stride, i), v = weight_of(1, stride, i), w = weight_of(2, stride, i);
    const long left = first / stride - 1, right = (first + pixels - 1) / stride + 1;
    for (long k = left; k <= right; k++) {
        const long c = k < 0 ? 0 : k < W ? k : W - 1;
        column[k - left] = u * above[c] + v * here[c] + w * below[c];
    }
    path->widen(column, base->weights, stride, (int)(first % stride), out, pixels);
}

static void run_synthesis(void *context, int worker, int item) {
    Job *job = context;
    const Path *path = job->path;
    const Part it = part_of(&job->parts, item);
    const int columns = it.to - it.from;
    const long pixels = (long)BLOCK * columns, colour = pixels * BLOCK * (it.stop - it.start);
    const long before = (long)BLOCK * (it.left - it.from), wanted = (long)BLOCK * (it.right - it.left);
    Room room;
    if (!room_of(job->held, worker, &job->parts, &room)) {
        job->out_of_memory = 1;
        return;
    }
    for (int row = it.start; row < it.stop; row++) {
        const char *z = job->z.data + (row - job->first_given) * job->z.by_row + it.from * sizeof(int32_t);
        const int32_t upper =
            path->halve_across(z, job->z.by_channel, LOW_BITS, room.low, room.high, columns);
        if (upper > HIGH_LIMIT) job->too_large = 1;
        for (int k = 0; k < 2; k++)
            path->product(job->packed, COEFFICIENTS, COEFFICIENTS, k ? room.high : room.low,
                          room.sums + k * room.positions, columns);
        spread(job, &it, row, room.sums, room.sums + room.positions, room.x + (row - it.start) * BLOCK * pixels, colour);
    }
    for (int c = 0; c < 3; c++) {
        int32_t *rows = room.x + c * colour, *base = room.row;
        for (int border = 1; border < it.stop - it.start; border++)
            path->filter_down(rows + (border * BLOCK - BLOCK / 2) * pixels, pixels, pixels, job->filter, job->bits);
        for (int row = it.top * BLOCK; row < it.end * BLOCK; row++) {
            int32_t *here = rows + (row - it.start * BLOCK) * pixels;
            path->filter_along(here + BLOCK / 2, columns - 1, job->transposed, job->bits);
            upsampled(path, &job->base, c, row, (long)BLOCK * it.left, wanted, base + pixels, base);
            path->to_pixels(here + before, base, job->delta, job->base_shift, job->deep, job->pixel_bits,
                            job->out + c * job->by_channel + (row - job->parts.first * BLOCK) * job->by_row
                                + BLOCK * it.left * job->by_column,
                            job->by_column / (job->deep == 1 ? 1 : 2), wanted);
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
    job.base = base_of(base, base_height, base_width, stride);
    job.base_shift = base_shift, job.delta = delta, job.pixel_bits = pixel_bits, job.deep = deep;
    job.out = out, job.by_channel = by_channel, job.by_row = by_row, job.by_column = by_column;
    job.parts = parts_of(first, last, height, width, threads);
    in_parallel(threads, job.parts.parts, run_synthesis, &job);
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
    Parts parts;
    double scale;
    float *out; /* (192, height, width), columns side by side, */
    int64_t by_channel, by_row; /* in values */
    void *held[MOST_THREADS];
    volatile int out_of_memory;
} Forward;

/* Pixels of a row, from the pixel first on, of one colour, times 2^shift, less what is upsampled from y */
static void differences(const Forward *job, int colour, int row, long first, long pixels, int32_t *column, int32_t *out) {
    const int there = row < job->rows_given ? row : job->rows_given - 1;
    const char *from = job->x.data + colour * job->x.by_channel + there * job->x.by_row;
    if (job->base.y) upsampled(job->path, &job->base, colour, row, first, pixels, column, out);
    else memset(out, 0, pixels * sizeof *out);
    const long left = job->columns_given - first, step = job->x.by_column;
    const long given = left < 0 ? 0 : left < pixels ? left : pixels;
    const int bytes = job->x.type == 1 ? 1 : 2, times = 1 << job->shift;
    job->path->subtract(from + first * step, bytes, step, times, out, given);
    for (long i = given; i < pixels; i++) job->path->subtract(from + (job->columns_given - 1) * step, bytes, step, times, out + i, 1);
}

static void run_forward(void *context, int worker, int item) {
    Forward *job = context;
    const Path *path = job->path;
    const Part it = part_of(&job->parts, item);
    const int columns = it.right - it.left;
    const long pixels = (long)BLOCK * (it.to - it.from), colour = pixels * BLOCK * (it.stop - it.start);
    Room room;
    if (!room_of(job->held, worker, &job->parts, &room)) {
        job->out_of_memory = 1;
        return;
    }
    int16_t *low = room.low, *high = room.high;
    int32_t *sums = room.sums, *x = room.x;
    for (int c = 0; c < 3; c++) {
        int32_t *rows = x + c * colour;
        for (int row = it.start * BLOCK; row < it.stop * BLOCK; row++)
            differences(job, c, row, (long)BLOCK * it.from, pixels, room.row, rows + (row - it.start * BLOCK) * pixels);
        for (int border = 1; border < it.stop - it.start; border++)
            path->filter_down(rows + (border * BLOCK - BLOCK / 2) * pixels, pixels, pixels, job->filter, job->bits);
        for (int row = it.top * BLOCK; row < it.end * BLOCK; row++)
            path->filter_along(rows + (row - it.start * BLOCK) * pixels + BLOCK / 2, it.to - it.from - 1,
                               job->transposed, job->bits);
    }
    for (int row = it.top; row < it.end; row++) {
        for (int k = 0; k < COEFFICIENTS; k += BLOCK) {
            const int32_t *from = x + k / 64 * colour + ((row - it.start) * BLOCK + k % 64 / BLOCK) * pixels;
            path->halve(from + BLOCK * (it.left - it.from), LOW_BITS, low + k, high + k, COEFFICIENTS, columns);
        }
        for (int k = 0; k < 2; k++)
            path->product(job->packed, COEFFICIENTS, COEFFICIENTS, k ? high : low, sums + k * room.positions, columns);
        path->join_across(sums, sums + room.positions, LOW_BITS, job->scale,
                          job->out + row * job->by_row + it.left, job->by_channel, columns);
    }
}

/* The filter across borders, then the matrix, of an array of pixels less what is upsampled from y. |x| must stay below
 * 2^(LOW_BITS + 11) after the filter. scale: of the sums, as floats. Returns -1 where memory is out. */
EXPORT int selfvae_forward(int path, const int16_t *packed, const int32_t *filter, const int32_t *transposed, int bits,
                           const Source *x, int rows, int columns, int shift, const int32_t *base, int base_height,
                           int base_width, int stride, int height, int width, double scale, float *out, int64_t by_channel,
                           int64_t by_row, int threads) {
    Forward job = {.path = selfvae_paths[path], .packed = packed, .filter = filter, .transposed = transposed};
    job.bits = bits, job.x = *x, job.rows_given = rows, job.columns_given = columns, job.shift = shift;
    job.scale = scale, job.out = out, job.by_channel = by_channel, job.by_row = by_row;
    job.base = base_of(base, base_height, base_width, stride);
    job.parts = parts_of(0, height, height, width, threads);
    in_parallel(threads, job.parts.parts, run_forward, &job);
    free_rooms(job.held);
    return job.out_of_memory ? -1 : 1;
}
