/* What loops over coefficients of z[1] share. */
#ifndef SELFVAE_COEFFICIENTS_H
#define SELFVAE_COEFFICIENTS_H

#include <stdint.h>

#define CHUNK 256 /* columns that are computed together */

/* Of a row: g as 2^(k STEP) in 1/2^bits, where log2 g is k, or what a block adds to it; at most limit either way */
typedef struct {
    const int32_t *gains; /* 2 limit + 1 of them */
    const int32_t *blocks; /* or NULL */
    int64_t by_column;     /* values from one block to the next */
    int k, limit, bits;
} Gain;

/* What symbols cost: bits and errors by the tables, as choice/quantise.py weighs them */
typedef struct {
    const float *symbol_bits, *digit_bits, *centroids;
    int alphabet, tail, levels, limit, unit_bits, fraction_bits;
    int times, wider; /* of the finest plane: how many of its steps are one of this plane, and its further levels */
    float rate;
    double slope, stop_share;
} Choice;

#endif
