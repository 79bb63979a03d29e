/* Reads a part of a plane of z[1] and settles it: what steps, look-ups, entropy coding and centroids are one by one
 * elsewhere, here in passes that keep two bytes of each coefficient between them, and six of each that something is said
 * of. The stream is read by one thread; all that is before it and after it is shared. */
#include <stdlib.h>

#include "coefficients.h"
#include "layers.h"
#include "library.h"
#include "reader.h"
#include "threads.h"

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
    int height, width, rows, items, shares;
    int32_t *at;     /* where something is said: of every share from its first coefficient on, in their order */
    uint16_t *ids;   /* beside it, the tables */
    int64_t *said;   /* by share, how many these are */
    int64_t *starts; /* by share and table, how many; then, where in order they go; NULL for digits */
    int32_t *order;  /* positions table by table, and in ascending order in each */
} Part;

/* Local means and scale levels of some columns of a row */
static void local(const Part *part, int channel, int row, long first, long many, int32_t *means, int32_t *levels) {
    const Gain g = gain_from(gain_of(part->field, channel, row), first);
    part->path->to_local(&g, (const int16_t *)row_of(part->mean, channel, row) + first,
                         (const int16_t *)row_of(part->level, channel, row) + first, part->prior->mean_limit,
                         part->prior->levels, means, levels, many);
}

#define EACH_CHUNK(part, item)                                                                                        \
    const int parts = ((part)->height + (part)->rows - 1) / (part)->rows, channel = (item) / parts;                   \
    const int top = (item) % parts * (part)->rows;                                                                    \
    const int end = top + (part)->rows < (part)->height ? top + (part)->rows : (part)->height;                        \
    int32_t means[CHUNK], levels[CHUNK];                                                                              \
    for (int row = top; row < end; row++)                                                                             \
        for (long first = 0, many; first < (part)->width; first += many)                                              \
            if (many = (part)->width - first < CHUNK ? (part)->width - first : CHUNK,                                 \
                local(part, channel, row, first, many, means, levels), 1)

static int64_t place(const Part *part, int channel, int row) { return ((int64_t)channel * part->height + row) * part->width; }

/* Items of a share lie side by side, and so do their coefficients. */
static int first_item(const Part *part, int share) { return (int)((int64_t)part->items * share / part->shares); }

static int64_t first_place(const Part *part, int share) {
    const int parts = (part->height + part->rows - 1) / part->rows, item = first_item(part, share);
    return place(part, item / parts, item % parts * part->rows);
}

/* Symbols that go unsaid, or what symbols stand around; and of what something is said, by which tables */
static void look_up(void *context, int worker, int share) {
    const Part *part = context;
    const Prior *prior = part->prior;
    const int64_t begin = first_place(part, share);
    int64_t said = begin;
    int64_t *counts = part->starts ? part->starts + (int64_t)share * prior->tables->count : 0;
    (void)worker;
    for (int item = first_item(part, share); item < first_item(part, share + 1); item++) {
        EACH_CHUNK(part, item) {
            const int64_t here = place(part, channel, row) + first;
            int32_t base[CHUNK], found[CHUNK];
            if (prior->likeliest) {
                digit_tables(prior->limit, means, levels, many, found);
                for (long i = 0; i < many; i++) base[i] = prior->likeliest[found[i]];
            } else symbol_tables(prior->unit_bits, prior->fraction_bits, means, levels, many, base, found);
            for (long i = 0; i < many; i++) part->symbols[here + i] = (int16_t)base[i];
            for (long i = 0; i < many; i++) { /* each is noted, and kept where it is said */
                part->at[said] = (int32_t)(here + i), part->ids[said] = (uint16_t)found[i];
                said += !(prior->certain && prior->certain[found[i]]);
            }
        }
    }
    part->said[share] = said - begin;
    if (counts) for (int64_t k = begin; k < said; k++) counts[part->ids[k]]++;
}

static void settle_all(void *context, int worker, int share) {
    const Part *part = context;
    const Prior *prior = part->prior;
    (void)worker;
    for (int item = first_item(part, share); item < first_item(part, share + 1); item++) {
        EACH_CHUNK(part, item) {
            const int16_t *symbols = part->symbols + place(part, channel, row) + first;
            const int64_t step = part->settled->by_column / 2;
            int32_t wide[CHUNK];
            for (long i = 0; i < many; i++) wide[i] = symbols[i];
            part->path->settle(prior->centroids, prior->limit, prior->units, wide, means, levels, prior->likeliest != 0,
                               (int16_t *)row_of(part->settled, channel, row) + first * step,
                               (char *)row_of(part->beside, channel, row) + first * part->beside->by_column,
                               part->beside->type == 1, step, many);
        }
    }
}

static void put_in_order(void *context, int worker, int share) {
    const Part *part = context;
    const int64_t begin = first_place(part, share), end = begin + part->said[share];
    int64_t *next = part->starts + (int64_t)share * part->prior->tables->count;
    (void)worker;
    for (int64_t k = begin; k < end; k++) part->order[next[part->ids[k]]++] = part->at[k];
}

static void read_digits(Reader *r, const Part *part) {
    Reader here = *r; /* in registers */
    for (int share = 0; share < part->shares; share++) {
        const int64_t begin = first_place(part, share), end = begin + part->said[share];
        for (int64_t k = begin; k < end; k++)
            part->symbols[part->at[k]] = (int16_t)(read_from(&here, part->prior->tables, part->ids[k]) - 1);
    }
    *r = here;
}

static int ascending(const void *a, const void *b) {
    const int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    return (x > y) - (x < y);
}

/* In the order of selfvae_read_symbols. Returns -1 where memory is out, 0 for a symbol beyond 16 bits. */
static int read_symbols(Reader *r, Part *part, int threads) {
    const Tables *tables = part->prior->tables;
    const int tail = (tables->alphabet - 2) / 2, escape = tables->alphabet - 1;
    int64_t said = 0, escaped = 0;
    for (int id = 0; id < tables->count; id++)
        for (int share = 0; share < part->shares; share++) {
            int64_t *starts = &part->starts[(int64_t)share * tables->count + id], many = *starts;
            *starts = said, said += many;
        }
    part->order = malloc((said + 1) * sizeof *part->order);
    if (!part->order) return -1;
    in_parallel(threads, part->shares, put_in_order, part);
    const int64_t *ends = part->starts + (int64_t)(part->shares - 1) * tables->count; /* now that all are in order */
    Reader here = *r;
    for (int64_t k = 0, id = 0; id < tables->count; id++)
        for (; k < ends[id]; k++) {
            const int32_t i = part->order[k];
            const int symbol = read_from(&here, tables, id);
            if (symbol == escape) part->order[escaped++] = i; /* over what is done with */
            else part->symbols[i] = (int16_t)(part->symbols[i] + symbol - tail);
        }
    qsort(part->order, escaped, sizeof *part->order, ascending);
    int done = 1;
    for (int64_t k = 0; k < escaped; k++) {
        int16_t *symbol = &part->symbols[part->order[k]];
        const int32_t v = *symbol + read_bits(&here, RAW_BITS) - RAW_OFFSET;
        if (v != (int16_t)v) done = 0;
        *symbol = (int16_t)v;
    }
    *r = here;
    free(part->order);
    return done;
}

/* Reads symbols of z[1], or digits that refine settled ones, by means and scale levels in steps of D, int16 with columns
 * side by side, and settles them. symbols: (channels, height, width), what was read. Returns -1 where memory is out; 0 for
 * tables or symbols beyond 16 bits, which no encoder has: nothing is settled then, and the stream is where it was. */
EXPORT int selfvae_fill(Reader *r, int path, const Field *field, const Prior *prior, const Source *mean, const Source *level,
                        const Source *settled, const Source *beside, int height, int width, int16_t *symbols, int threads) {
    Part part = {selfvae_paths[path], field, prior, mean, level, settled, beside, symbols, height, width};
    const int64_t n = mean->channels * height * width;
    const int64_t reached = (int64_t)prior->levels * (prior->likeliest ? 2 * prior->limit + 1 : 1 << prior->fraction_bits);
    const Reader before = *r;
    if (n == 0) return 1;
    if (reached > prior->tables->count || reached > UINT16_MAX) return 0;
    part.rows = TOGETHER / width + 1 < height ? TOGETHER / width + 1 : height;
    part.items = (int)mean->channels * ((height + part.rows - 1) / part.rows);
    if (n < ALONE) threads = 1;
    part.shares = threads == 1 ? 1 : 4 * threads < part.items ? 4 * threads : part.items;
    part.at = malloc(n * sizeof *part.at), part.ids = malloc(n * sizeof *part.ids);
    part.said = malloc(part.shares * sizeof *part.said);
    if (!prior->likeliest) part.starts = calloc((size_t)part.shares * prior->tables->count, sizeof *part.starts);
    int done = part.at && part.ids && part.said && (part.starts || prior->likeliest) ? 1 : -1;
    if (done > 0) {
        in_parallel(threads, part.shares, look_up, &part);
        if (prior->likeliest) read_digits(r, &part);
        else done = read_symbols(r, &part, threads);
    }
    free(part.at), free(part.ids), free(part.said), free(part.starts);
    if (done > 0) in_parallel(threads, part.shares, settle_all, &part);
    else *r = before;
    return done;
}
