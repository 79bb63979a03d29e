/* Reads a part of a plane of z[1] and settles it: what steps, look-ups, entropy coding and centroids are one by one
 * elsewhere, here in three passes that keep four bytes of each coefficient between them. The stream is read by one thread;
 * what is before it, where most symbols go unsaid, and after it, is shared. */
#include <stdlib.h>
#include <string.h>

#include "coefficients.h"
#include "layers.h"
#include "library.h"
#include "reader.h"
#include "threads.h"

#define UNSAID 0xFFFF
#define ESCAPED 0xFFFE
#define TOGETHER (1 << 14) /* coefficients of rows that one thread does at a time */

/* What the tables are, and how means and scale levels in steps of D lead to them */
typedef struct {
    const Tables *tables;
    const uint8_t *certain;   /* by table: whether the likeliest symbol goes unsaid; or NULL */
    const int32_t *likeliest; /* of digits, by table; NULL for symbols around means */
    const int16_t *centroids;
    int32_t limit, units, mean_limit, levels; /* of offsets, of a step, of means and scale levels in local steps */
    int32_t unit_bits, fraction_bits;
} Prior;

typedef struct {
    const Path *path;
    const Field *field;
    const Prior *prior;
    const Source *mean, *level, *settled, *beside;
    int16_t *symbols;
    uint16_t *ids;
    int height, width, rows;
} Part;

/* Local means and scale levels of some columns of a row */
static void local(const Part *part, int channel, int row, long first, long many, int32_t *means, int32_t *levels) {
    const Gain g = gain_from(gain_of(part->field, channel, row), first);
    part->path->to_local(&g, (const int16_t *)row_of(part->mean, channel, row) + first,
                         (const int16_t *)row_of(part->level, channel, row) + first, part->prior->mean_limit,
                         part->prior->levels, means, levels, many);
}

#define EACH_CHUNK                                                                                                    \
    const Part *part = context;                                                                                       \
    const Prior *prior = part->prior;                                                                                 \
    const int parts = (part->height + part->rows - 1) / part->rows, channel = item / parts;                           \
    const int top = item % parts * part->rows, end = top + part->rows < part->height ? top + part->rows : part->height; \
    int32_t means[CHUNK], levels[CHUNK];                                                                              \
    (void)worker;                                                                                                     \
    for (int row = top; row < end; row++)                                                                             \
        for (long first = 0, many; first < part->width; first += many)                                                \
            if (many = part->width - first < CHUNK ? part->width - first : CHUNK,                                     \
                local(part, channel, row, first, many, means, levels), 1)

/* Tables of symbols, and what symbols are where they go unsaid, or stand around */
static void look_up(void *context, int worker, int item) {
    EACH_CHUNK {
        const int64_t at = ((int64_t)channel * part->height + row) * part->width + first;
        int16_t *symbols = part->symbols + at;
        uint16_t *ids = part->ids + at;
        int32_t base[CHUNK], found[CHUNK];
        if (prior->likeliest) {
            digit_tables(prior->limit, means, levels, many, found);
            for (long i = 0; i < many; i++) base[i] = prior->likeliest[found[i]];
        } else symbol_tables(prior->unit_bits, prior->fraction_bits, means, levels, many, base, found);
        for (long i = 0; i < many; i++) symbols[i] = (int16_t)base[i];
        if (prior->certain) for (long i = 0; i < many; i++) ids[i] = (uint16_t)(found[i] | -prior->certain[found[i]]);
        else for (long i = 0; i < many; i++) ids[i] = (uint16_t)found[i];
    }
}

static void settle_all(void *context, int worker, int item) {
    EACH_CHUNK {
        const int16_t *symbols = part->symbols + ((int64_t)channel * part->height + row) * part->width + first;
        const int64_t step = part->settled->by_column / 2;
        int32_t wide[CHUNK];
        for (long i = 0; i < many; i++) wide[i] = symbols[i];
        part->path->settle(prior->centroids, prior->limit, prior->units, wide, means, levels, prior->likeliest != 0,
                           (int16_t *)row_of(part->settled, channel, row) + first * step,
                           (char *)row_of(part->beside, channel, row) + first * part->beside->by_column,
                           part->beside->type == 1, step, many);
    }
}

/* Whether nothing is said of eight coefficients */
static inline int silent(const uint16_t *ids) {
    uint64_t halves[2];
    memcpy(halves, ids, sizeof halves);
    return (halves[0] & halves[1]) == UINT64_MAX;
}

/* i: of every coefficient that something is said of. Most are not, side by side. */
#define EACH_SAID                                                                                                     \
    for (int64_t eight = 0; eight < n; eight += 8)                                                                    \
        if (n - eight < 8 || !silent(ids + eight))                                                                    \
            for (int64_t i = eight; i < n && i < eight + 8; i++)                                                      \
                if (ids[i] != UNSAID)

static void read_digits(Reader *r, const Tables *tables, const uint16_t *ids, int64_t n, int16_t *symbols) {
    EACH_SAID symbols[i] = (int16_t)(read_from(r, tables, ids[i]) - 1);
}

/* In the order of selfvae_read_symbols. Returns -1 where memory is out, 0 for a symbol beyond 16 bits. */
static int read_symbols(Reader *r, const Tables *tables, uint16_t *ids, int64_t n, int16_t *symbols) {
    const int tail = (tables->alphabet - 2) / 2, escape = tables->alphabet - 1;
    int64_t *starts = calloc(tables->count + 1, sizeof *starts), escaped = 0;
    if (!starts) return -1;
    EACH_SAID starts[ids[i] + 1]++;
    for (int i = 0; i < tables->count; i++) starts[i + 1] += starts[i];
    const int64_t said = starts[tables->count];
    int32_t *order = malloc((said + 1) * sizeof *order);
    int done = order ? 1 : -1;
    if (done > 0) {
        EACH_SAID order[starts[ids[i]]++] = (int32_t)i;
        for (int64_t k = 0, id = 0; id < tables->count; id++)
            for (; k < starts[id]; k++) {
                const int32_t i = order[k];
                const int symbol = read_from(r, tables, id);
                if (symbol == escape) ids[i] = ESCAPED, escaped++;
                else symbols[i] = (int16_t)(symbols[i] + symbol - tail);
            }
        for (int64_t i = 0; escaped > 0 && i < n; i++)
            if (ids[i] == ESCAPED) {
                const int32_t v = symbols[i] + read_bits(r, RAW_BITS) - RAW_OFFSET;
                if (v != (int16_t)v) done = 0;
                symbols[i] = (int16_t)v;
                escaped--;
            }
    }
    free(starts), free(order);
    return done;
}

/* Reads symbols of z[1], or digits that refine settled ones, by means and scale levels in steps of D, int16 with columns
 * side by side, and settles them. symbols: (channels, height, width), what was read. Returns -1 where memory is out; 0 for
 * tables or symbols beyond 16 bits, which no encoder has: nothing is settled then, and the stream is where it was. */
EXPORT int selfvae_fill(Reader *r, int path, const Field *field, const Prior *prior, const Source *mean, const Source *level,
                        const Source *settled, const Source *beside, int height, int width, int16_t *symbols, int threads) {
    Part part = {selfvae_paths[path], field, prior, mean, level, settled, beside, symbols, 0, height, width, 0};
    const int64_t n = mean->channels * height * width;
    const int64_t reached = (int64_t)prior->levels * (prior->likeliest ? 2 * prior->limit + 1 : 1 << prior->fraction_bits);
    const Reader before = *r;
    if (n == 0) return 1;
    if (reached > prior->tables->count || reached > ESCAPED) return 0;
    part.rows = TOGETHER / width + 1 < height ? TOGETHER / width + 1 : height;
    part.ids = malloc(n * sizeof *part.ids);
    if (!part.ids) return -1;
    const int items = (int)mean->channels * ((height + part.rows - 1) / part.rows);
    if (n < ALONE) threads = 1;
    in_parallel(threads, items, look_up, &part);
    int done = 1;
    if (prior->likeliest) read_digits(r, prior->tables, part.ids, n, symbols);
    else done = read_symbols(r, prior->tables, part.ids, n, symbols);
    free(part.ids);
    if (done > 0) in_parallel(threads, items, settle_all, &part);
    else *r = before;
    return done;
}
