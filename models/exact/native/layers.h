/* Layers of exact networks on int16: what every instruction set's path provides.
 *
 * Positions lie one after the other, each with all its channels (NHWC); channels are padded to a multiple of LANES, with
 * zeros. Sums are int32 and cannot overflow: models/exact checks when weights are loaded that they stay below 2^24.
 */
#ifndef SELFVAE_LAYERS_H
#define SELFVAE_LAYERS_H

#include <stdint.h>

#include "coefficients.h"
#include "neighbours.h"

#define LANES 16       /* channels are padded to a multiple of this */
#define POSITIONS 16   /* rows of positions have room for this many more, since they are computed in batches */
#define ACTIVATION 1023

/* clamp((weight * input + bias) >> shift, low, high); weights as the path packs them */
typedef struct {
    int inputs, outputs; /* padded */
    int16_t *weight;
    int32_t *bias, *shift;
    int16_t *low, *high;
} Conv;

/* clamp((gain * clamp(sum) + bias) >> shift, 0, ACTIVATION), for one step */
typedef struct {
    const int32_t *gain; /* as pairs of int16: the gain and 0 */
    const int32_t *bias, *shift;
} Film;

typedef struct Path {
    const char *name;
    /* weight: (outputs, inputs) -> inputs * outputs values */
    void (*pack_pointwise)(int16_t *packed, const int16_t *weight, int inputs, int outputs);
    /* weight: (channels, 9), row by row -> 12 * channels values; bias and shift may be reordered */
    void (*pack_depthwise)(int16_t *packed, int32_t *bias, int32_t *shift, const int16_t *weight, int channels);
    /* 1x1: n positions of x -> y; at most POSITIONS - 1 more are written. bias: in place of the conv's own.
     * film: may be NULL; added: NULL, or (n, outputs) that are added after the shift, before the clamp. */
    void (*pointwise)(const Conv *conv, const int32_t *bias, const Film *film, const int16_t *added, const int16_t *x,
                      int16_t *y, int n);
    /* 3x3: positions 0 .. n - 1 of y from positions -1 .. n of three rows, clamped to 0 .. ACTIVATION */
    void (*depthwise)(const Conv *conv, const int16_t *above, const int16_t *here, const int16_t *below, int16_t *y,
                      int n);
    /* sums of a 1x1 layer without bias, shift or clamp: n positions of x -> y, (n, outputs) int32 */
    void (*product)(const int16_t *packed, int inputs, int outputs, const int16_t *x, int32_t *y, int n);
    /* n columns of rows that lie stride apart: round(matrix * eight rows / 2^bits), in place. matrix: (8, 8) */
    void (*filter_down)(int32_t *rows, long stride, long n, const int32_t *matrix, int bits);
    /* the same along a row, for n times eight values that lie one after the other. transposed: (8, 8) */
    void (*filter_along)(int32_t *row, long n, const int32_t *transposed, int bits);
    /* how a picture is upsampled, and what is taken from it: plain.h */
    void (*widen)(const int32_t *column, const int32_t *weights, int stride, int skip, int32_t *out, long n);
    void (*subtract)(const char *x, int bytes, long step, int32_t times, int32_t *out, long n);
    /* values of int32 in two halves of int16, and back: plain.h */
    void (*halve)(const int32_t *x, int low_bits, int16_t *low, int16_t *high, long by_block, long n);
    int32_t (*halve_across)(const char *z, int64_t by_channel, int low_bits, int16_t *low, int16_t *high, int n);
    void (*join_across)(const int32_t *low, const int32_t *high, int low_bits, double scale, float *out,
                        int64_t by_channel, int n);
    /* out[i * step] = round((x[i] * delta + base[i] * 2^base_shift) * deep / 2^bits), clamped to 0 .. 255 deep: uint8
     * where deep is 1, else uint16 */
    void (*to_pixels)(const int32_t *x, const int32_t *base, int64_t delta, int base_shift, int deep, int bits, void *out,
                      long step, long n);
    /* one block's 192 residuals: low + high * 2^high_bits in 2^-bits, plus what is added, at most bound either way */
    void (*residuals)(const int32_t *low, const int32_t *high, int high_bits, int bits, const int16_t *added, int bound,
                      int32_t *out, long by_colour, long by_row);
    /* rows of coefficients: steps.h, choice.h */
    void (*to_local)(const Gain *g, const int16_t *mean, const int16_t *level, int mean_limit, int levels, int32_t *means,
                     int32_t *out, long n);
    void (*to_known)(const Gain *g, const int16_t *symbols, long step, int limit, int bits, int out_limit, int16_t *out,
                     long n);
    void (*to_whole)(const Gain *g, const int16_t *symbols, const void *beside, int narrow, int units, int limit,
                     int32_t *out, long n);
    void (*to_steps)(const Gain *g, const float *z, const int16_t *symbols, long z_step, long step, float scale, float limit,
                     float *out, long n);
    void (*settle)(const int16_t *centroids, int limit, int units, const int32_t *symbols, const int32_t *mean,
                   const int32_t *level, int refines, int16_t *settled, void *beside, int narrow, long step, long n);
    void (*choose)(const Choice *c, int digits, const float *z, const int32_t *mean, const int32_t *level, int32_t *out,
                   long n);
    /* a row of positions: neighbours.h */
    void (*correct)(const Correction *c, int row);
    void (*know)(const Knowing *k, int row);
    /* a row of pixels: restore.h */
    void (*to_planes)(const uint16_t *x, long by_channel, long width, long first, int16_t *planes, long n);
    void (*weigh)(const int16_t *here, const int16_t *one, const int16_t *other, int16_t limit, int16_t weight,
                  int16_t *moved, long n);
    void (*to_colour)(const uint16_t *x, const int16_t *moved, const int *sixths, int deep, char *out, long by_column,
                      long n);
    void (*differ)(const int16_t *here, const int16_t *one, const int16_t *other, int16_t limit, const float *weights,
                   float *out, long n);
    void (*products)(const float *rows, int count, long n, double *out);
} Path;

extern const Path portable_path;
#if defined(__GNUC__) && defined(__x86_64__)
#define X86_PATHS 1
extern const Path avx2_path, avx512_path;
#endif
extern const Path *const selfvae_paths[]; /* the fastest first */

#endif
