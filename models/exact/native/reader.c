/* Reads symbols that rANS wrote: the stream of constriction's AnsCoder (32-bit words, 64-bit state, 24-bit frequencies),
 * together with the look-ups around it: from means and scale levels to tables, and from there to symbols.
 *
 * Rows of cumulative frequencies start with 0; the last one, 2^24, is left out. */
#include <stdlib.h>
#include <string.h>

#include "library.h"

#define PRECISION 24
#define RAW_OFFSET 32768 /* escaped symbols are 16-bit numbers around this */

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

static inline int read_one(Reader *r, const uint32_t *row, int alphabet) {
    const uint32_t quantile = (uint32_t)(r->state & ((1u << PRECISION) - 1));
    const uint32_t *at = row;
    for (int n = alphabet; n > 1;) { /* the last entry that is not above */
        const int half = n / 2;
        at = at[half] <= quantile ? at + half : at;
        n -= half;
    }
    const int symbol = (int)(at - row);
    advance(r, row[symbol], symbol + 1 < alphabet ? row[symbol + 1] : 1u << PRECISION);
    return symbol;
}

/* n values of so many bits each */
EXPORT void selfvae_read_raw(Reader *r, int bits, int64_t n, int32_t *out) {
    for (int64_t i = 0; i < n; i++) {
        out[i] = (int32_t)((r->state & ((1u << PRECISION) - 1)) >> (PRECISION - bits));
        advance(r, (uint32_t)out[i] << (PRECISION - bits), ((uint32_t)out[i] + 1) << (PRECISION - bits));
    }
}

/* n symbols in order, one row for each. Returns 0 for a row that is not there. */
EXPORT int selfvae_read_rows(Reader *r, const uint32_t *tables, int n_tables, int alphabet, const int32_t *ids, int64_t n,
                             int32_t *out) {
    for (int64_t i = 0; i < n; i++) {
        if (ids[i] < 0 || ids[i] >= n_tables) return 0;
        out[i] = read_one(r, tables + (int64_t)ids[i] * alphabet, alphabet);
    }
    return 1;
}

/* n symbols around their means, table by table, in ascending order of tables and in each in that of positions; those that
 * no table holds follow. certain: tables whose middle goes unsaid, or NULL. units: of a mean, split into so many fractions.
 * Returns 0 for a table that is not there, -1 where memory is out. */
EXPORT int selfvae_read_symbols(Reader *r, const uint32_t *tables, int n_tables, int alphabet, const uint8_t *certain,
                                int units, int fractions, const int32_t *mean, const int32_t *level, int64_t n,
                                int32_t *out) {
    const int tail = (alphabet - 2) / 2, escape = alphabet - 1, together = units / fractions;
    int64_t *starts = calloc(n_tables + 1, sizeof *starts), escaped = 0;
    int32_t *ids = malloc((n + 1) * sizeof *ids), *order = malloc((n + 1) * sizeof *order);
    int done = starts && ids && order ? 1 : -1;
    for (int64_t i = 0; done > 0 && i < n; i++) {
        const int32_t v = mean[i] + units / 2;
        const int32_t base = v >= 0 ? v / units : -((units - 1 - v) / units); /* rounded down */
        const int64_t id = (int64_t)level[i] * fractions + (v - base * units) / together;
        if (id < 0 || id >= n_tables) done = 0;
        else if (certain && certain[id]) ids[i] = -1;
        else ids[i] = (int32_t)id, starts[id + 1]++;
        out[i] = base;
    }
    if (done > 0) {
        for (int i = 0; i < n_tables; i++) starts[i + 1] += starts[i];
        const int64_t said = starts[n_tables];
        for (int64_t i = 0; i < n; i++)
            if (ids[i] >= 0) order[starts[ids[i]]++] = (int32_t)i;
        for (int64_t k = 0; k < said; k++) {
            const int32_t i = order[k];
            const int symbol = read_one(r, tables + (int64_t)ids[i] * alphabet, alphabet);
            if (symbol == escape) ids[i] = -2, escaped++;
            else out[i] += symbol - tail;
        }
        for (int64_t i = 0; escaped > 0 && i < n; i++)
            if (ids[i] == -2) {
                int32_t value;
                selfvae_read_raw(r, 16, 1, &value);
                out[i] += value - RAW_OFFSET;
                escaped--;
            }
    }
    free(starts), free(ids), free(order);
    return done;
}

/* n digits -1, 0 or 1 by means relative to the middle, which are clamped to limit. likeliest: by table, what goes unsaid
 * where certain says so; certain: NULL if nothing does. Returns 0 for a table that is not there. */
EXPORT int selfvae_read_digits(Reader *r, const uint32_t *tables, int n_tables, const uint8_t *certain,
                               const int32_t *likeliest, int limit, const int32_t *mean, const int32_t *level, int64_t n,
                               int32_t *out) {
    for (int64_t i = 0; i < n; i++) {
        const int32_t offset = mean[i] < -limit ? -limit : mean[i] > limit ? limit : mean[i];
        const int64_t id = (int64_t)level[i] * (2 * limit + 1) + offset + limit;
        if (id < 0 || id >= n_tables) return 0;
        if (certain && certain[id]) out[i] = likeliest[id];
        else out[i] = read_one(r, tables + 3 * id, 3) - 1;
    }
    return 1;
}
