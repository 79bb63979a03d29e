/* What loops over coefficients of z[1] share. */
#ifndef SELFVAE_COEFFICIENTS_H
#define SELFVAE_COEFFICIENTS_H

#include <stdint.h>

#define COEFFICIENTS 192 /* of a block: channels of z[1] */
#define CHUNK 256       /* columns that are computed together */
#define ALONE (1 << 13) /* coefficients that one thread is done with before another has begun */

/* Local steps of a part of z[1] */
typedef struct {
    const int32_t *gains, *channels, *blocks; /* blocks: what is added at every block, or NULL */
    int64_t by_row, by_column;                /* of blocks, in values */
    int32_t limit, bits;
} Field;

/* An array: (channels, H, W), strides in bytes. type: bytes of a value, negative if it is unsigned. */
typedef struct {
    const char *data;
    int64_t type, channels, by_channel, by_row, by_column;
} Source;

/* Of a row: g as 2^(k STEP) in 1/2^bits, where log2 g is k, or what a block adds to it; at most limit either way */
typedef struct {
    const int32_t *gains; /* 2 limit + 1 of them */
    const int32_t *blocks; /* or NULL */
    int64_t by_column;     /* values from one block to the next */
    int k, limit, bits;
} Gain;

static inline Gain gain_of(const Field *f, int channel, int row) {
    Gain g = {f->gains, f->blocks ? f->blocks + row * f->by_row : 0, f->by_column, f->channels[channel], f->limit, f->bits};
    return g;
}

/* Columns of a row from the first-th on */
static inline Gain gain_from(Gain g, long first) {
    if (g.blocks) g.blocks += first * g.by_column;
    return g;
}

static inline void *row_of(const Source *s, int channel, int row) {
    return (char *)s->data + channel * s->by_channel + row * s->by_row;
}

/* What symbols cost: bits and errors by the tables, as choice/quantise.py weighs them */
typedef struct {
    const float *symbol_bits, *digit_bits, *centroids;
    int alphabet, tail, levels, limit, unit_bits, fraction_bits;
    int times, wider; /* of the finest plane: how many of its steps are one of this plane, and its further levels */
    float rate;
    double slope, stop_share;
} Choice;

#endif
