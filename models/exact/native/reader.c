/* Reads symbols that rANS wrote: the stream of constriction's AnsCoder (32-bit words, 64-bit state, 24-bit frequencies),
 * together with the look-ups around it: from means and scale levels to tables, and from there to symbols. */
#include <stdlib.h>
#include <string.h>

#include "library.h"
#include "reader.h"
#include "tables.h"

/* Fills ``first`` of tables, (count, PARTS) */
EXPORT void selfvae_starts(const uint32_t *cumulative, int count, int alphabet, uint8_t *first) {
    for (int i = 0; i < count; i++, cumulative += alphabet)
        for (int part = 0, symbol = 0; part < PARTS; part++) {
            while (symbol + 1 < alphabet && cumulative[symbol + 1] <= (uint32_t)part << PART_BITS) symbol++;
            *first++ = (uint8_t)(symbol < 255 ? symbol : 255);
        }
}

/* n values of so many bits each */
EXPORT void selfvae_read_raw(Reader *r, int bits, int64_t n, int32_t *out) {
    for (int64_t i = 0; i < n; i++) out[i] = read_bits(r, bits);
}

/* n symbols in order, one table for each. Returns 0 for a table that is not there. */
EXPORT int selfvae_read_rows(Reader *r, const Tables *tables, const int32_t *ids, int64_t n, int32_t *out) {
    for (int64_t i = 0; i < n; i++) {
        if (ids[i] < 0 || ids[i] >= tables->count) return 0;
        out[i] = read_from(r, tables, ids[i]);
    }
    return 1;
}

/* n symbols around their means, table by table, in ascending order of tables and in each in that of positions; those that
 * no table holds follow. certain: tables whose middle goes unsaid, or NULL. A mean is in units of 2^-unit_bits, split into
 * 2^fraction_bits fractions. Returns 0 for a table that is not there, -1 where memory is out. */
EXPORT int selfvae_read_symbols(Reader *r, const Tables *tables, const uint8_t *certain, int unit_bits, int fraction_bits,
                                const int32_t *mean, const int32_t *level, int64_t n, int32_t *out) {
    const int tail = (tables->alphabet - 2) / 2, escape = tables->alphabet - 1;
    int64_t *starts = calloc(tables->count + 1, sizeof *starts), escaped = 0;
    int32_t *ids = malloc((n + 1) * sizeof *ids), *order = malloc((n + 1) * sizeof *order);
    int done = starts && ids && order ? 1 : -1;
    if (done > 0) {
        symbol_tables(unit_bits, fraction_bits, mean, level, n, out, ids);
        for (int64_t i = 0; i < n; i++) {
            const int32_t id = ids[i];
            if (id < 0 || id >= tables->count) done = 0;
            else if (certain && certain[id]) ids[i] = -1;
            else starts[id + 1]++;
        }
    }
    if (done > 0) {
        for (int i = 0; i < tables->count; i++) starts[i + 1] += starts[i];
        const int64_t said = starts[tables->count];
        for (int64_t i = 0; i < n; i++)
            if (ids[i] >= 0) order[starts[ids[i]]++] = (int32_t)i;
        for (int64_t k = 0; k < said; k++) {
            const int32_t i = order[k];
            const int symbol = read_from(r, tables, ids[i]);
            if (symbol == escape) ids[i] = -2, escaped++;
            else out[i] += symbol - tail;
        }
        for (int64_t i = 0; escaped > 0 && i < n; i++)
            if (ids[i] == -2) {
                out[i] += read_bits(r, RAW_BITS) - RAW_OFFSET;
                escaped--;
            }
    }
    free(starts), free(ids), free(order);
    return done;
}

/* n digits -1, 0 or 1 by means relative to the middle, which are clamped to limit. likeliest: by table, what goes unsaid
 * where certain says so; certain: NULL if nothing does. Returns 0 for a table that is not there. */
EXPORT int selfvae_read_digits(Reader *r, const Tables *tables, const uint8_t *certain, const int32_t *likeliest, int limit,
                               const int32_t *mean, const int32_t *level, int64_t n, int32_t *out) {
    digit_tables(limit, mean, level, n, out);
    for (int64_t i = 0; i < n; i++) {
        const int32_t id = out[i];
        if (id < 0 || id >= tables->count) return 0;
        out[i] = certain && certain[id] ? likeliest[id] : read_from(r, tables, id) - 1;
    }
    return 1;
}
