/* A stream of rANS that is read, symbol by symbol: that of constriction's AnsCoder (32-bit words, 64-bit state, 24-bit
 * frequencies). */
#ifndef SELFVAE_READER_H
#define SELFVAE_READER_H

#include "tables.h"

typedef struct {
    uint64_t state;
    const uint32_t *words;
    int64_t left; /* words that are not read */
} Reader;

static inline void advance(Reader *r, uint32_t start, uint32_t end) {
    const uint32_t quantile = (uint32_t)(r->state & ((1u << PRECISION) - 1));
    r->state = (r->state >> PRECISION) * (end - start) + (quantile - start);
    if (r->state >> 32 == 0 && r->left > 0) {
        r->state = r->state << 32 | *r->words++;
        r->left--;
    }
}

/* The middle symbol is likely and found at once. first: the symbol in which each of PARTS equal parts of the range begins,
 * or one before it; NULL for a small alphabet. */
static inline int read_one(Reader *r, const uint32_t *row, const uint8_t *first, int alphabet) {
    const uint32_t quantile = (uint32_t)(r->state & ((1u << PRECISION) - 1));
    const int middle = (alphabet - 1) / 2;
    const uint32_t start = row[middle], end = row[middle + 1];
    if (quantile - start < end - start) {
        advance(r, start, end);
        return middle;
    }
    int symbol = first ? first[quantile >> PART_BITS] : 0;
    while (symbol + 1 < alphabet && row[symbol + 1] <= quantile) symbol++;
    advance(r, row[symbol], symbol + 1 < alphabet ? row[symbol + 1] : 1u << PRECISION);
    return symbol;
}

static inline int read_from(Reader *r, const Tables *tables, int64_t id) {
    return read_one(r, tables->cumulative + id * tables->alphabet, tables->first ? tables->first + id * PARTS : 0, tables->alphabet);
}

/* A value of so many bits */
static inline int32_t read_bits(Reader *r, int bits) {
    const int32_t value = (int32_t)((r->state & ((1u << PRECISION) - 1)) >> (PRECISION - bits));
    advance(r, (uint32_t)value << (PRECISION - bits), ((uint32_t)value + 1) << (PRECISION - bits));
    return value;
}

#endif
