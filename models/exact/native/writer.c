/* Writes symbols with rANS, as reader.c reads them: what is said of every symbol, in the order in which it is read, and
 * then the words, from the last symbol to the first, since rANS is a stack. */
#include <stdlib.h>

#include "library.h"
#include "tables.h"

typedef struct {
    uint64_t state;
    uint32_t *words; /* room for one more with every symbol */
    int64_t count;
} Writer;

static inline void push(Writer *w, uint32_t start, uint32_t frequency) {
    if (w->state >= (uint64_t)frequency << (64 - PRECISION)) {
        w->words[w->count++] = (uint32_t)w->state;
        w->state >>= 32;
    }
    w->state = (w->state / frequency << PRECISION) + start + w->state % frequency;
}

/* n values of so many bits each, the last one first */
EXPORT void selfvae_write_raw(Writer *w, int bits, const int32_t *values, int64_t n) {
    while (n-- > 0) push(w, (uint32_t)values[n] << (PRECISION - bits), 1u << (PRECISION - bits));
}

/* n symbols, one table for each, the last one first. skipped: tables whose symbols are left out, or NULL. wide: uint16
 * symbols in place of uint8. Returns 0 for a table or a symbol that is not there. */
EXPORT int selfvae_write_rows(Writer *w, const Tables *tables, const uint8_t *skipped, const uint16_t *ids,
                              const void *symbols, int wide, int64_t n) {
    const int alphabet = tables->alphabet;
    while (n-- > 0) {
        const int symbol = wide ? ((const uint16_t *)symbols)[n] : ((const uint8_t *)symbols)[n];
        if (ids[n] >= tables->count || symbol >= alphabet) return 0;
        if (skipped && skipped[ids[n]]) continue;
        const uint32_t *row = tables->cumulative + (int64_t)ids[n] * alphabet, start = row[symbol];
        push(w, start, (symbol + 1 < alphabet ? row[symbol + 1] : 1u << PRECISION) - start);
    }
    return 1;
}

/* What is said of n symbols around their means, in the order of selfvae_read_symbols: table and symbol of each, and those
 * that no table holds. certain: tables whose middle is all but certain, or NULL. counts: of these how many symbols are
 * others, then how many are escaped. Returns 0 for a table that is not there, -1 where memory is out. */
EXPORT int selfvae_say_symbols(const Tables *tables, const uint8_t *certain, int unit_bits, int fraction_bits,
                               const int32_t *mean, const int32_t *level, const int32_t *symbols, int64_t n,
                               uint16_t *said_ids, uint8_t *said_symbols, int32_t *escaped, int64_t *counts) {
    const int tail = (tables->alphabet - 2) / 2, escape = tables->alphabet - 1;
    int64_t *starts = calloc(tables->count + 1, sizeof *starts);
    int32_t *ids = malloc((n + 1) * sizeof *ids), *base = malloc((n + 1) * sizeof *base);
    int done = starts && ids && base ? 1 : -1;
    counts[0] = counts[1] = 0;
    if (done > 0) {
        symbol_tables(unit_bits, fraction_bits, mean, level, n, base, ids);
        for (int64_t i = 0; i < n; i++) {
            if (ids[i] < 0 || ids[i] >= tables->count) done = 0;
            else starts[ids[i] + 1]++;
        }
    }
    if (done > 0) {
        for (int i = 0; i < tables->count; i++) starts[i + 1] += starts[i];
        for (int64_t i = 0; i < n; i++) {
            const int32_t offset = symbols[i] - base[i];
            const int64_t at = starts[ids[i]]++;
            const int held = offset >= -tail && offset <= tail;
            said_ids[at] = (uint16_t)ids[i];
            said_symbols[at] = (uint8_t)(held ? offset + tail : escape);
            counts[0] += certain && certain[ids[i]] && offset;
            if (!held) escaped[counts[1]++] = offset + RAW_OFFSET;
        }
    }
    free(starts), free(ids), free(base);
    return done;
}

/* The same of digits, in the order of selfvae_read_digits */
EXPORT int selfvae_say_digits(const Tables *tables, const uint8_t *certain, const int32_t *likeliest, int limit,
                              const int32_t *mean, const int32_t *level, const int32_t *digits, int64_t n,
                              uint16_t *said_ids, uint8_t *said_symbols, int64_t *counts) {
    int32_t *ids = malloc((n + 1) * sizeof *ids);
    int done = 1;
    counts[0] = counts[1] = 0;
    if (!ids) return -1;
    digit_tables(limit, mean, level, n, ids);
    for (int64_t i = 0; i < n && done; i++) {
        const int32_t id = ids[i];
        if (id < 0 || id >= tables->count) {
            done = 0;
        } else {
            said_ids[i] = (uint16_t)id;
            said_symbols[i] = (uint8_t)(digits[i] + 1);
            counts[0] += certain && certain[id] && digits[i] != likeliest[id];
        }
    }
    free(ids);
    return done;
}
