/* What corrections by neighbours are computed from. */
#ifndef SELFVAE_NEIGHBOURS_H
#define SELFVAE_NEIGHBOURS_H

#include "coefficients.h"

/* What is known of positions, two rows and two columns apart: the first of them, int16 or int8, and strides in values */
typedef struct {
    const void *first;
    int64_t type, by_row;
} Known;

/* Of every position: what is known, taps values away, times weights */
typedef struct {
    const struct Path *path;
    const Known *known;
    const int64_t *taps;
    const int32_t *weights;
    int count, bits;
    int32_t start, low, high;
    const Source *given;
    int32_t *out;
    int width;
} Correction;

/* How far residuals lie from their means, and how surprising that is */
typedef struct {
    const struct Path *path;
    const Source *mean, *level, *residual;
    int units, limit, near;
    const int32_t *logarithms, *expected;
    int16_t *distances;
    int8_t *surprises;
    int64_t by_row;
    int width;
} Knowing;

#endif
