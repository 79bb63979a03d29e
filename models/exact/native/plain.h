/* Loops that need no instruction by name: every path includes them, so that its compiler uses the path's vectors. */
#include <stdint.h>
#include <string.h>

#include "neighbours.h"
#include "transpose.h"

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

static void filter_along(int32_t *restrict row, long n, const int32_t *restrict transposed, int bits) {
    const int64_t half = (int64_t)1 << (bits - 1);
    for (long k = 0; k < n; k++, row += 8) {
        int64_t sum[8];
        for (int o = 0; o < 8; o++) sum[o] = half;
        for (int i = 0; i < 8; i++)
            for (int o = 0; o < 8; o++) sum[o] += (int64_t)transposed[8 * i + o] * row[i];
        for (int o = 0; o < 8; o++) row[o] = (int32_t)(sum[o] >> bits);
    }
}

/* A row's cells of ``stride`` pixels from three columns and their weights, (3, stride): the first cell from its
 * pixel ``skip`` on, n pixels in all */
static void widen(const int32_t *restrict column, const int32_t *restrict weights, int stride, int skip,
                  int32_t *restrict out, long n) {
    const int32_t *before = weights, *here = weights + stride, *after = here + stride;
    for (long done = 0; done < n; column++, skip = 0) {
        const int many = stride - skip < n - done ? stride - skip : (int)(n - done);
        for (int j = 0; j < many; j++)
            out[done + j] = before[skip + j] * column[0] + here[skip + j] * column[1] + after[skip + j] * column[2];
        done += many;
    }
}

/* out = times x - out. x: uint8 where ``bytes`` is 1, else int16 */
static void subtract(const char *restrict x, int bytes, long step, int32_t times, int32_t *restrict out, long n) {
#define DIFFERENCES(type, step) \
    for (long i = 0; i < n; i++) out[i] = *(const type *)(x + i * (step)) * times - out[i];
    if (bytes == 1) {
        if (step == 1) { DIFFERENCES(uint8_t, 1) } else if (step == 3) { DIFFERENCES(uint8_t, 3) }
        else { DIFFERENCES(uint8_t, step) }
    } else if (step == 6) { DIFFERENCES(int16_t, 6) } else { DIFFERENCES(int16_t, step) }
#undef DIFFERENCES
}

/* Eight values of each of n blocks -> their lower and upper halves, by_block apart */
static void halve(const int32_t *restrict x, int low_bits, int16_t *restrict low, int16_t *restrict high, long by_block,
                  long n) {
    const int32_t mask = (1 << low_bits) - 1;
    for (; n > 0; n--, x += 8, low += by_block, high += by_block)
        for (int i = 0; i < 8; i++) low[i] = (int16_t)(x[i] & mask), high[i] = (int16_t)(x[i] >> low_bits);
}

/* The same of n positions of z[1], int32 that lie one after the other in channels by_channel bytes apart -> positions with
 * all their channels. Returns how far the upper halves reach. */
static int32_t halve_across(const char *restrict z, int64_t by_channel, int low_bits, int16_t *restrict low,
                            int16_t *restrict high, int n) {
    const int32_t mask = (1 << low_bits) - 1;
    int32_t most = 0, least = 0, all[8 * COEFFICIENTS], some[8][8] = {{0}};
    for (; n > 0; n -= 8, z += sizeof some[0], low += 8 * COEFFICIENTS, high += 8 * COEFFICIENTS) {
        const int many = n < 8 ? n : 8;
        for (int c = 0; c < COEFFICIENTS; c += 8) {
            const char *from = z + c * by_channel;
            if (many < 8) for (int k = 0; k < 8; k++) memcpy(some[k], from + k * by_channel, many * sizeof **some);
            if (many < 8) transpose8_wide(some, sizeof *some, all + c, COEFFICIENTS * sizeof *all);
            else transpose8_wide(from, by_channel, all + c, COEFFICIENTS * sizeof *all);
        }
        for (int i = 0; i < many * COEFFICIENTS; i++) {
            const int32_t v = all[i] >> low_bits;
            low[i] = (int16_t)(all[i] & mask), high[i] = (int16_t)v;
            most = v > most ? v : most, least = v < least ? v : least;
        }
    }
    return most > -least ? most : -least;
}

/* Sums of halves of n positions with all their channels, times scale -> floats, one position after the other, channels
 * by_channel apart: as many at a time as fill a line of a cache */
static void join_across(const int32_t *restrict low, const int32_t *restrict high, int low_bits, double scale,
                        float *restrict out, int64_t by_channel, int n) {
    float all[16 * COEFFICIENTS] = {0}, some[8][8];
    for (; n > 0; n -= 16, low += 16 * COEFFICIENTS, high += 16 * COEFFICIENTS, out += 16) {
        const int many = n < 16 ? n : 16;
        for (int i = 0; i < many * COEFFICIENTS; i++)
            all[i] = (float)((double)((int64_t)high[i] * (1 << low_bits) + low[i]) * scale);
        for (int c = 0; c < COEFFICIENTS; c += 8)
            for (int first = 0; first < many; first += 8) {
                const float *from = all + first * COEFFICIENTS + c;
                float *to = out + c * by_channel + first;
                if (many - first >= 8) transpose8_wide(from, COEFFICIENTS * sizeof *all, to, by_channel * sizeof *out);
                else {
                    transpose8_wide(from, COEFFICIENTS * sizeof *all, some, sizeof *some);
                    for (int k = 0; k < 8; k++) memcpy(to + k * by_channel, some[k], (many - first) * sizeof *out);
                }
            }
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
