/* Tables of frequencies, and which of them codes what (coding/lookup.py). */
#ifndef SELFVAE_TABLES_H
#define SELFVAE_TABLES_H

#include <stdint.h>

#define PRECISION 24
#define PARTS 256
#define PART_BITS 16
#define RAW_BITS 16
#define RAW_OFFSET 32768 /* escaped symbols are 16-bit numbers around this */

/* Rows of cumulative frequencies, which start with 0; the last one, 2^24, is left out */
typedef struct {
    const uint32_t *cumulative;
    const uint8_t *first; /* see read_one */
    int32_t count, alphabet;
} Tables;

/* The integer nearest to each mean, in units of 2^-unit_bits, and the table for the rest */
static inline void symbol_tables(int unit_bits, int fraction_bits, const int32_t *mean, const int32_t *level, int64_t n,
                                 int32_t *base, int32_t *ids) {
    const int32_t half = 1 << unit_bits >> 1, inside = (1 << unit_bits) - 1, together = unit_bits - fraction_bits;
    for (int64_t i = 0; i < n; i++) { /* a right shift rounds down */
        const int32_t v = mean[i] + half;
        base[i] = v >> unit_bits;
        ids[i] = (level[i] << fraction_bits) + ((v & inside) >> together);
    }
}

static inline void digit_tables(int limit, const int32_t *mean, const int32_t *level, int64_t n, int32_t *ids) {
    for (int64_t i = 0; i < n; i++) {
        const int32_t offset = mean[i] < -limit ? -limit : mean[i] > limit ? limit : mean[i];
        ids[i] = level[i] * (2 * limit + 1) + offset + limit;
    }
}

#endif
