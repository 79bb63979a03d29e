/* Restoration: pixels moved by clipped differences to their neighbours (models/exact/restoration.py), in parts of so many
 * rows and columns that they fit a cache. */
#include <stdlib.h>
#include <string.h>

#include "layers.h"
#include "library.h"
#include "restoration.h"
#include "threads.h"

#define ROWS 16 /* in a part; RESTORE_RADIUS more on each side are seen */
#define HELD (ROWS + 2 * RESTORE_RADIUS)

/* As restoration.py lists it */
typedef struct {
    int32_t moves, plane, down, along, limit, weight;
} Term;

typedef struct {
    const Path *path;
    const uint16_t *x; /* (3, height, width); strides in values */
    long x_by_channel, x_by_row, height, edge, width; /* edge: the width of x, of which ``width`` is wanted */
    const Term *terms;
    int count;
    long first, last; /* rows that are wanted */
    char *out;
    int64_t by_channel, by_row, by_column;
    int deep;
    long abreast;
    void *held[MOST_THREADS];
    volatile int out_of_memory;
} Job;

static const int SIXTHS[3][3] = {{2, 3, 1}, {2, 0, -2}, {2, -3, 1}};

/* Planes of a part and what is seen around it */
static void to_parts(const Job *job, long top, long end, long left, long n, int16_t *planes) {
    for (long row = top - RESTORE_RADIUS; row < end + RESTORE_RADIUS; row++) {
        const long there = row < 0 ? 0 : row < job->height ? row : job->height - 1;
        job->path->to_planes(job->x + there * job->x_by_row, job->x_by_channel, job->edge, left - RESTORE_RADIUS,
                             planes + (row - top + RESTORE_RADIUS) * 3 * RESTORE_PLANE, n + 2 * RESTORE_RADIUS);
    }
}

static void run(void *context, int worker, int item) {
    Job *job = context;
    const long top = job->first + item / job->abreast * ROWS, left = item % job->abreast * RESTORE_MOST;
    const long end = top + ROWS < job->last ? top + ROWS : job->last;
    const long n = left + RESTORE_MOST < job->width ? RESTORE_MOST : job->width - left;
    if (!job->held[worker]) job->held[worker] = malloc(HELD * 3 * RESTORE_PLANE * sizeof(int16_t));
    int16_t *planes = job->held[worker], moved[3 * RESTORE_MOST];
    if (!planes) {
        job->out_of_memory = 1;
        return;
    }
    to_parts(job, top, end, left, n, planes);
    for (long row = top; row < end; row++) {
        memset(moved, 0, sizeof moved);
        for (const Term *t = job->terms; t < job->terms + job->count; t++) {
            const long by = 3 * RESTORE_PLANE * t->down + t->along;
            const int16_t *here = planes + ((row - top + RESTORE_RADIUS) * 3 + t->plane) * RESTORE_PLANE + RESTORE_RADIUS;
            job->path->weigh(here, here + by, here - by, (int16_t)t->limit, (int16_t)t->weight,
                             moved + t->moves * RESTORE_MOST, n);
        }
        for (int c = 0; c < 3; c++)
            job->path->to_colour(
                job->x + c * job->x_by_channel + row * job->x_by_row + left, moved, SIXTHS[c], job->deep,
                job->out + c * job->by_channel + (row - job->first) * job->by_row + left * job->by_column, job->by_column,
                n);
    }
}

/* What weights are fitted by: products of differences, and of these with what planes lack, in every so many rows */
typedef struct {
    Job job;         /* its terms without what they move and weigh */
    Source picture;  /* uint8 (3, height, width), that x should be */
    const float *weights; /* of blocks of 8 x 8 pixels, ``across`` in a row, or NULL */
    long across;
    int rows, every; /* of terms and planes, and some more: a multiple of RESTORE_ROWS */
    double *out;     /* (parts, rows, rows) */
} Equations;

static void add_equations(void *context, int worker, int item) {
    Equations *e = context;
    Job *job = &e->job;
    const long top = item / job->abreast * ROWS, left = item % job->abreast * RESTORE_MOST;
    const long end = top + ROWS < job->last ? top + ROWS : job->last;
    const long n = left + RESTORE_MOST < job->width ? RESTORE_MOST : job->width - left;
    const size_t held = HELD * 3 * RESTORE_PLANE * sizeof(int16_t), values = (size_t)e->rows * RESTORE_MOST;
    if (!job->held[worker]) job->held[worker] = malloc(held + values * sizeof(float));
    int16_t *planes = job->held[worker];
    if (!planes) {
        job->out_of_memory = 1;
        return;
    }
    float *rows = (float *)((char *)planes + held), *weights = NULL, spread[RESTORE_MOST];
    memset(rows, 0, values * sizeof *rows);
    to_parts(job, top, end, left, n, planes);
    for (long row = (top + e->every - 1) / e->every * e->every; row < end; row += e->every) {
        if (e->weights) {
            const float *of = e->weights + row / 8 * e->across;
            for (long i = 0; i < n; i++) spread[i] = of[(left + i) / 8];
            weights = spread;
        }
        const int16_t *at = planes + (row - top + RESTORE_RADIUS) * 3 * RESTORE_PLANE + RESTORE_RADIUS;
        for (int k = 0; k < job->count; k++) {
            const Term *t = job->terms + k;
            const int16_t *here = at + t->plane * RESTORE_PLANE;
            const long by = 3 * RESTORE_PLANE * t->down + t->along;
            job->path->differ(here, here + by, here - by, (int16_t)t->limit, weights, rows + k * RESTORE_MOST, n);
        }
        const uint8_t *x = (const uint8_t *)e->picture.data + row * e->picture.by_row + left * e->picture.by_column;
        float *lacks = rows + job->count * RESTORE_MOST;
        for (long i = 0; i < n; i++, x += e->picture.by_column) {
            const int r = x[0] * RESTORE_FINE, g = x[e->picture.by_channel] * RESTORE_FINE;
            const int b = x[2 * e->picture.by_channel] * RESTORE_FINE;
            const float times = weights ? weights[i] : 1;
            lacks[i] = times * (float)(r + g + b - at[i]);
            lacks[RESTORE_MOST + i] = times * (float)(r - b - at[RESTORE_PLANE + i]);
            lacks[2 * RESTORE_MOST + i] = times * (float)(r - 2 * g + b - at[2 * RESTORE_PLANE + i]);
        }
        job->path->products(rows, e->rows, (n + RESTORE_LANES - 1) / RESTORE_LANES * RESTORE_LANES,
                            e->out + (size_t)item * e->rows * e->rows);
    }
}

EXPORT int selfvae_restore_parts(int height, int width) {
    return (width + RESTORE_MOST - 1) / RESTORE_MOST * ((height + ROWS - 1) / ROWS);
}

/* terms: of which what moves and weighs is ignored; picture: uint8 (3, height, width), whose sides x may exceed; out: (parts,
 * rows, rows) zeros, whose upper halves are written to. Returns -1 where memory is out. */
EXPORT int selfvae_restore_equations(int path, const uint16_t *x, int64_t x_by_channel, int64_t x_by_row, int x_height,
                                     int x_width, const void *terms, int count, const Source *picture, int height, int width,
                                     const float *weights, int across, int rows, int every, double *out, int threads) {
    Equations e = {.job = {.path = selfvae_paths[path], .x = x, .terms = terms, .count = count}, .picture = *picture};
    e.job.x_by_channel = (long)x_by_channel, e.job.x_by_row = (long)x_by_row;
    e.job.height = x_height, e.job.edge = x_width, e.job.width = width, e.job.last = height;
    e.job.abreast = (width + RESTORE_MOST - 1) / RESTORE_MOST;
    e.weights = weights, e.across = across, e.rows = rows, e.every = every, e.out = out;
    in_parallel(threads, selfvae_restore_parts(height, width), add_equations, &e);
    for (int i = 0; i < MOST_THREADS; i++) free(e.job.held[i]);
    return e.job.out_of_memory ? -1 : 1;
}

/* Rows first to last of x -> out, uint8 where deep is 1, else uint16. Returns -1 where memory is out. */
EXPORT int selfvae_restore(int path, const uint16_t *x, int64_t x_by_channel, int64_t x_by_row, int height, int width,
                           const void *terms, int count, int first, int last, char *out, int64_t by_channel,
                           int64_t by_row, int64_t by_column, int deep, int threads) {
    Job job = {.path = selfvae_paths[path], .x = x, .terms = terms, .count = count, .height = height, .edge = width, .width = width};
    job.x_by_channel = (long)x_by_channel, job.x_by_row = (long)x_by_row, job.first = first, job.last = last;
    job.out = out, job.by_channel = by_channel, job.by_row = by_row, job.by_column = by_column, job.deep = deep;
    job.abreast = (width + RESTORE_MOST - 1) / RESTORE_MOST;
    in_parallel(threads, (int)(job.abreast * ((last - first + ROWS - 1) / ROWS)), run, &job);
    for (int i = 0; i < MOST_THREADS; i++) free(job.held[i]);
    return job.out_of_memory ? -1 : 1;
}
