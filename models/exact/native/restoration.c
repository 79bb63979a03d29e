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
    long x_by_channel, x_by_row, height, width;
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
    for (long row = top - RESTORE_RADIUS; row < end + RESTORE_RADIUS; row++) {
        const long there = row < 0 ? 0 : row < job->height ? row : job->height - 1;
        job->path->to_planes(job->x + there * job->x_by_row, job->x_by_channel, job->width, left - RESTORE_RADIUS,
                             planes + (row - top + RESTORE_RADIUS) * 3 * RESTORE_PLANE, n + 2 * RESTORE_RADIUS);
    }
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

/* Rows first to last of x -> out, uint8 where deep is 1, else uint16. Returns -1 where memory is out. */
EXPORT int selfvae_restore(int path, const uint16_t *x, int64_t x_by_channel, int64_t x_by_row, int height, int width,
                           const void *terms, int count, int first, int last, char *out, int64_t by_channel,
                           int64_t by_row, int64_t by_column, int deep, int threads) {
    Job job = {.path = selfvae_paths[path], .x = x, .terms = terms, .count = count, .height = height, .width = width};
    job.x_by_channel = (long)x_by_channel, job.x_by_row = (long)x_by_row, job.first = first, job.last = last;
    job.out = out, job.by_channel = by_channel, job.by_row = by_row, job.by_column = by_column, job.deep = deep;
    job.abreast = (width + RESTORE_MOST - 1) / RESTORE_MOST;
    in_parallel(threads, (int)(job.abreast * ((last - first + ROWS - 1) / ROWS)), run, &job);
    for (int i = 0; i < MOST_THREADS; i++) free(job.held[i]);
    return job.out_of_memory ? -1 : 1;
}
