/* Rows of coefficients between steps of D and local steps (coding/field.py), in loops that every path includes. */
#include <stdint.h>

#include "coefficients.h"

/* g, or 1 / g where sign is -1, and log2 g of n columns of a row */
static void gains_of(const Gain *g, long first, int n, int sign, int32_t *restrict gain, int32_t *restrict k) {
    const int32_t *gains = g->gains + g->limit;
    if (!g->blocks) {
        for (int i = 0; i < n; i++) k[i] = g->k, gain[i] = gains[sign * g->k];
        return;
    }
    const int32_t *blocks = g->blocks + first * g->by_column;
    const int32_t here = g->k, limit = g->limit;
#define WITHIN(v) ((v) < -limit ? -limit : (v) > limit ? limit : (v))
    if (g->by_column == 1) for (int i = 0; i < n; i++) k[i] = WITHIN(here + blocks[i]);
    else for (int i = 0; i < n; i++) k[i] = WITHIN(here + blocks[i * g->by_column]);
#undef WITHIN
    if (sign > 0) for (int i = 0; i < n; i++) gain[i] = gains[k[i]];
    else for (int i = 0; i < n; i++) gain[i] = gains[-k[i]];
}

#define CHUNKS(sign)                                                                                                  \
    int32_t gain[CHUNK], k[CHUNK];                                                                                    \
    for (long first = 0, many; first < n; first += many)                                                              \
        if (many = n - first < CHUNK ? n - first : CHUNK, gains_of(g, first, (int)many, sign, gain, k), 1)

static void to_local(const Gain *g, const int16_t *mean, const int16_t *level, int mean_limit, int levels, int32_t *means,
                     int32_t *out, long n) {
    const int32_t half = 1 << (g->bits - 1);
    CHUNKS(1) {
        for (long i = 0; i < many; i++) {
            const int32_t v = (mean[first + i] * gain[i] + half) >> g->bits;
            means[first + i] = v < -mean_limit ? -mean_limit : v > mean_limit ? mean_limit : v;
        }
        for (long i = 0; i < many; i++) {
            const int32_t v = level[first + i] + k[i];
            out[first + i] = v < 0 ? 0 : v >= levels ? levels - 1 : v;
        }
    }
}

static void to_known(const Gain *g, const int16_t *symbols, long step, int limit, int bits, int out_limit, int16_t *out,
                     long n) {
    const int32_t half = 1 << (bits - 1);
    CHUNKS(-1)
    for (long i = 0; i < many; i++) {
        int32_t v = symbols[(first + i) * step];
        v = v < -limit ? -limit : v > limit ? limit : v;
        v = (v * gain[i] + half) >> bits;
        out[first + i] = (int16_t)(v < -out_limit ? -out_limit : v > out_limit ? out_limit : v);
    }
}

/* beside: int8 where narrow, else int16 */
static void to_whole(const Gain *g, const int16_t *symbols, const void *beside, int narrow, int units, int limit,
                     int32_t *out, long n) {
    const int64_t half = (int64_t)1 << (g->bits - 1);
    CHUNKS(-1) {
        int32_t z[CHUNK];
        if (narrow) for (long i = 0; i < many; i++) z[i] = units * symbols[first + i] + ((const int8_t *)beside)[first + i];
        else for (long i = 0; i < many; i++) z[i] = units * symbols[first + i] + ((const int16_t *)beside)[first + i];
        for (long i = 0; i < many; i++) {
            const int64_t v = ((int64_t)z[i] * gain[i] + half) >> g->bits;
            out[first + i] = (int32_t)(v < -limit ? -limit : v > limit ? limit : v);
        }
    }
}

static void to_steps(const Gain *g, const float *z, const int16_t *symbols, long z_step, long step, float scale, float limit,
                     float *out, long n) {
    const float unit = 1.0f / (float)(1 << g->bits);
    CHUNKS(1) {
        for (long i = 0; i < many; i++) {
            const float v = z[(first + i) * z_step] * (scale * ((float)gain[i] * unit));
            out[first + i] = v < -limit ? -limit : v > limit ? limit : v;
        }
        if (symbols)
            for (long i = 0; i < many; i++) out[first + i] -= (float)(3 * symbols[(first + i) * step]);
    }
}

#undef CHUNKS

static void settle(const int16_t *centroids, int limit, int units, const int32_t *symbols, const int32_t *mean,
                   const int32_t *level, int refines, int16_t *settled, void *beside, int narrow, long step, long n) {
    for (long i = 0; i < n; i++)
        settled[i * step] = (int16_t)(symbols[i] + (refines ? 3 * settled[i * step] : 0));
    for (long i = 0; i < n; i++) {
        const int32_t v = units * symbols[i] - mean[i], at = v < -limit ? -limit : v > limit ? limit : v;
        const int16_t found = centroids[level[i] * (2 * limit + 1) + limit + at];
        if (narrow) ((int8_t *)beside)[i * step] = (int8_t)found;
        else ((int16_t *)beside)[i * step] = found;
    }
}
