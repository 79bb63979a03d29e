/* Loops that need no instruction by name: every path includes them, so that its compiler uses the path's vectors. */
#include <stdint.h>

#include "neighbours.h"

static void filter_down(int32_t *rows, long stride, long n, const int32_t *matrix, int bits) {
    const int64_t half = (int64_t)1 << (bits - 1);
    for (long first = 0; first < n; first += 16) {
        const int m = n - first < 16 ? (int)(n - first) : 16;
        int64_t sum[8][16];
        int32_t in[16];
        for (int o = 0; o < 8; o++)
            for (int k = 0; k < 16; k++) sum[o][k] = half;
        for (int i = 0; i < 8; i++) {
            for (int k = 0; k < m; k++) in[k] = rows[i * stride + first + k];
            for (int k = m; k < 16; k++) in[k] = 0;
            for (int o = 0; o < 8; o++)
                for (int k = 0; k < 16; k++) sum[o][k] += (int64_t)matrix[8 * o + i] * in[k];
        }
        for (int o = 0; o < 8; o++)
            for (int k = 0; k < m; k++) rows[o * stride + first + k] = (int32_t)(sum[o][k] >> bits);
    }
}

static void filter_along(int32_t *row, long n, const int32_t *transposed, int bits) {
    for (long k = 0; k < n; k++, row += 8) {
        int64_t sum[8];
        for (int o = 0; o < 8; o++) sum[o] = (int64_t)1 << (bits - 1);
        for (int i = 0; i < 8; i++)
            for (int o = 0; o < 8; o++) sum[o] += (int64_t)transposed[8 * i + o] * row[i];
        for (int o = 0; o < 8; o++) row[o] = (int32_t)(sum[o] >> bits);
    }
}

static void to_pixels(const int32_t *x, const int32_t *base, int64_t delta, int base_shift, int deep, int bits,
                      void *out, long step, long n) {
    const int64_t half = (int64_t)1 << (bits - 1), most = 255 * (int64_t)deep;
    const int32_t times = (int32_t)delta;
#define PIXELS(type)                                                                                                 \
    for (long first = 0, many; first < n; first += many) { /* spread afterwards, since no vector is stored in steps */  \
        type here[64];                                                                                                   \
        many = n - first < 64 ? n - first : 64;                                                                         \
        for (long i = 0; i < many; i++) {                                                                               \
            const int64_t v = (int64_t)x[first + i] * times + ((int64_t)base[first + i] << base_shift);                 \
            const int64_t w = (v * deep + half) >> bits;                                                                \
            here[i] = (type)(w < 0 ? 0 : w > most ? most : w);                                                          \
        }                                                                                                               \
        for (long i = 0; i < many; i++) ((type *)out)[(first + i) * step] = here[i];                                    \
    }
    if (deep == 1) PIXELS(uint8_t)
    else PIXELS(uint16_t)
#undef PIXELS
}

/* sums of two halves in 2^-bits, and what is added, at most bound: three colours of 8x8 values, each row of eight to its
 * place */
static void residuals(const int32_t *low, const int32_t *high, int high_bits, int bits, const int16_t *added, int bound,
                      int32_t *out, long by_colour, long by_row) {
    for (int c = 0; c < 3; c++)
        for (int row = 0; row < 8; row++) {
            int32_t *to = out + c * by_colour + row * by_row;
            const int k = 64 * c + 8 * row;
            for (int i = 0; i < 8; i++) {
                const int64_t sum = (int64_t)high[k + i] * (1 << high_bits) + low[k + i];
                const int32_t more = added[k + i];
                to[i] = (int32_t)(sum >> bits) + (more > bound ? bound : more < -bound ? -bound : more);
            }
        }
}

#define SUMS(type)                                                                              \
    for (int k = 0; k < c->count; k++) {                                                        \
        const type *v = (const type *)c->known->first + 2 * row * c->known->by_row + c->taps[k] + 2 * first; \
        const int32_t weight = c->weights[k];                                                   \
        for (long i = 0; i < n; i++) sum[i] += weight * v[2 * i];                               \
    }

static void correct(const Correction *c, int row) {
    const int64_t step = c->given->by_column / 4;
    for (long first = 0; first < c->width; first += CHUNK) {
        const long n = c->width - first < CHUNK ? c->width - first : CHUNK;
        const int32_t *given = (const int32_t *)row_of(c->given, 0, row) + first * step;
        int32_t *out = c->out + (int64_t)row * c->width + first, sum[CHUNK];
        for (long i = 0; i < n; i++) sum[i] = c->start;
        if (c->known->type == 2) SUMS(int16_t) else SUMS(int8_t)
        for (long i = 0; i < n; i++) {
            const int32_t v = given[i * step] + (sum[i] >> c->bits);
            out[i] = v < c->low ? c->low : v > c->high ? c->high : v;
        }
    }
}
#undef SUMS

static void know(const Knowing *k, int row) {
    const char *mean = row_of(k->mean, 0, row), *level = row_of(k->level, 0, row), *residual = row_of(k->residual, 0, row);
    int16_t *distances = k->distances + 2 * row * k->by_row;
    int8_t *surprises = k->surprises + 2 * row * k->by_row;
    for (long i = 0; i < k->width; i++) {
        int32_t d = k->units * *(const int16_t *)(residual + i * k->residual->by_column)
                    - *(const int32_t *)(mean + i * k->mean->by_column);
        d = d > k->limit ? k->limit : d < -k->limit ? -k->limit : d;
        distances[2 * i] = (int16_t)d;
        surprises[2 * i] = (int8_t)(k->logarithms[(d < 0 ? -d : d) + k->near]
                                    - k->expected[*(const int32_t *)(level + i * k->level->by_column)]);
    }
}
