/* Coefficients of z[1], channel by channel and row by row on a few threads: steps, what is settled, what is chosen. */
#include "coefficients.h"

#include <math.h>

#include "layers.h"
#include "library.h"
#include "threads.h"

#define TOGETHER (1 << 13)

/* One call: what to do with every row, and with what */
typedef struct Call Call;
struct Call {
    void (*row)(const Call *call, int channel, int row);
    const Path *path;
    const Field *field;
    const Source *a, *b;
    const void *mean, *level, *tables;
    void *out, *more;
    int channels, height, width, rows;
    int32_t limits[4];
    float scale, most;
    const void *choice;
    const Source *c, *d, *e;
};

static void some_rows(void *context, int worker, int item) {
    const Call *call = context;
    const int parts = (call->height + call->rows - 1) / call->rows, channel = item / parts;
    const int top = item % parts * call->rows, end = top + call->rows < call->height ? top + call->rows : call->height;
    (void)worker;
    for (int row = top; row < end; row++) call->row(call, channel, row);
}

static void every_row(Call *call, int threads) {
    const int64_t size = (int64_t)call->channels * call->height * call->width;
    if (size == 0) return;
    call->rows = TOGETHER / call->width + 1;
    if (call->rows > call->height) call->rows = call->height;
    in_parallel(size < ALONE ? 1 : threads, call->channels * ((call->height + call->rows - 1) / call->rows), some_rows, call);
}

#define AT(channel, row) (((int64_t)(channel) * call->height + (row)) * call->width)

static void local_row(const Call *call, int channel, int row) {
    const Gain g = gain_of(call->field, channel, row);
    const int64_t at = AT(channel, row);
    call->path->to_local(&g, row_of(call->a, channel, row), row_of(call->b, channel, row), call->limits[0], call->limits[1],
                         (int32_t *)call->out + at, (int32_t *)call->more + at, call->width);
}

/* Means and levels of steps of D, int16, columns side by side -> of local steps, int32 (channels, height, width) */
EXPORT void selfvae_local(int path, const Field *field, const Source *mean, const Source *level, int mean_limit, int levels,
                          int height, int width, int32_t *means, int32_t *out, int threads) {
    Call call = {.row = local_row, .path = selfvae_paths[path], .field = field, .a = mean, .b = level, .out = means};
    call.more = out, call.channels = (int)mean->channels, call.height = height, call.width = width;
    call.limits[0] = mean_limit, call.limits[1] = levels;
    every_row(&call, threads);
}

static void known_row(const Call *call, int channel, int row) {
    const Gain g = gain_of(call->field, channel, row);
    call->path->to_known(&g, row_of(call->a, channel, row), call->a->by_column / 2, call->limits[0], call->limits[1],
                         call->limits[2], (int16_t *)call->out + AT(channel, row), call->width);
}

/* Symbols of local steps, int16 -> what networks see of them, int16 (channels, height, width) */
EXPORT void selfvae_known(int path, const Field *field, const Source *symbols, int limit, int bits, int out_limit,
                          int height, int width, int16_t *out, int threads) {
    Call call = {.row = known_row, .path = selfvae_paths[path], .field = field, .a = symbols, .out = out};
    call.channels = (int)symbols->channels, call.height = height, call.width = width;
    call.limits[0] = limit, call.limits[1] = bits, call.limits[2] = out_limit;
    every_row(&call, threads);
}

static void whole_row(const Call *call, int channel, int row) {
    const Gain g = gain_of(call->field, channel, row);
    int32_t *z = (int32_t *)call->out + AT(channel, row);
    call->path->to_whole(&g, row_of(call->a, channel, row), row_of(call->b, channel, row), call->b->type == 1,
                         call->limits[0], call->limits[1], z, call->width);
    if (!call->more) return;
    int16_t *rounded = (int16_t *)call->more + AT(channel, row);
    const int32_t bits = call->limits[2], half = 1 << bits >> 1;
    for (int i = 0; i < call->width; i++) {
        const int32_t v = (z[i] + half) >> bits;
        rounded[i] = (int16_t)(v < INT16_MIN ? INT16_MIN : v > INT16_MAX ? INT16_MAX : v);
    }
}

/* Symbols, int16, and what is beside them, int8 or int16, columns side by side -> z_hat, int32 (channels, height, width).
 * rounded: NULL, or for round(z_hat / 2^bits) as far as int16 goes. */
EXPORT void selfvae_whole(int path, const Field *field, const Source *symbols, const Source *beside, int units, int limit,
                          int bits, int height, int width, int32_t *out, int16_t *rounded, int threads) {
    Call call = {.row = whole_row, .path = selfvae_paths[path], .field = field, .a = symbols, .b = beside, .out = out};
    call.channels = (int)symbols->channels, call.height = height, call.width = width, call.more = rounded;
    call.limits[0] = units, call.limits[1] = limit, call.limits[2] = bits;
    every_row(&call, threads);
}

static void steps_row(const Call *call, int channel, int row) {
    const Gain g = gain_of(call->field, channel, row);
    call->path->to_steps(&g, row_of(call->a, channel, row), call->b ? row_of(call->b, channel, row) : 0,
                         call->a->by_column / 4, call->b ? call->b->by_column / 2 : 0, call->scale, call->most,
                         (float *)call->out + AT(channel, row), call->width);
}

/* Latents, float -> in local steps, less three times the coarser symbols, if these are given, int16 */
EXPORT void selfvae_steps(int path, const Field *field, const Source *z, const Source *symbols, float scale, float most,
                          int height, int width, float *out, int threads) {
    Call call = {.row = steps_row, .path = selfvae_paths[path], .field = field, .a = z, .b = symbols, .out = out};
    call.channels = (int)z->channels, call.height = height, call.width = width, call.scale = scale, call.most = most;
    every_row(&call, threads);
}

static void settle_row(const Call *call, int channel, int row) {
    const int64_t at = AT(channel, row), step = call->a->by_column / 2;
    call->path->settle(call->tables, call->limits[0], call->limits[1], (const int32_t *)call->out + at,
                       (const int32_t *)call->mean + at, (const int32_t *)call->level + at, call->limits[2],
                       row_of(call->a, channel, row), row_of(call->b, channel, row), call->b->type == 1, step, call->width);
}

/* Symbols of a plane into what is settled, int16, and their centroids beside it, int8 or int16 that lie as it does */
EXPORT void selfvae_settle(int path, const int16_t *centroids, int limit, int units, const int32_t *symbols,
                           const int32_t *mean, const int32_t *level, int refines, const Source *settled,
                           const Source *beside, int height, int width, int threads) {
    Call call = {.row = settle_row, .path = selfvae_paths[path], .a = settled, .b = beside, .mean = mean, .level = level};
    call.tables = centroids, call.out = (void *)symbols, call.channels = (int)settled->channels, call.height = height;
    call.width = width, call.limits[0] = limit, call.limits[1] = units, call.limits[2] = refines;
    every_row(&call, threads);
}

static void choice_row(const Call *call, int channel, int row) {
    const int64_t at = AT(channel, row);
    call->path->choose(call->tables, call->limits[0], (const float *)call->more + at, (const int32_t *)call->mean + at,
                       (const int32_t *)call->level + at, (int32_t *)call->out + at, call->width);
}

/* n symbols, or digits, that cost least; one after the other */
EXPORT void selfvae_choose(int path, const Choice *choice, int digits, const float *z, const int32_t *mean,
                           const int32_t *level, int64_t n, int32_t *out, int threads) {
    Call call = {.row = choice_row, .path = selfvae_paths[path], .tables = choice, .mean = mean, .level = level, .out = out};
    call.more = (void *)z, call.limits[0] = digits, call.channels = 1, call.width = CHUNK, call.height = (int)(n / CHUNK);
    every_row(&call, threads);
    call.width = (int)(n % CHUNK), z += n - call.width, mean += n - call.width, level += n - call.width, out += n - call.width;
    if (call.width) call.path->choose(choice, digits, z, mean, level, out, call.width);
}

static void widened(const Source *s, const char *from, long n, int32_t *out) {
    if (s->type == 2) for (long i = 0; i < n; i++) out[i] = ((const int16_t *)from)[i];
    else for (long i = 0; i < n; i++) out[i] = ((const int8_t *)from)[i];
}

static void again_row(const Call *call, int channel, int row) {
    const Gain all = gain_of(call->field, channel, row);
    const long z_step = call->a->by_column / 4, step = call->b->by_column / 2;
    const float *z = row_of(call->a, channel, row);
    int16_t *settled = row_of(call->b, channel, row);
    char *beside = row_of(call->c, channel, row);
    const char *mean = row_of(call->d, channel, row);
    const int refines = call->limits[2], level_bits = call->limits[3], narrow = call->c->type == 1;
    const uint8_t *level = row_of(call->e, channel, row);
    float steps[CHUNK];
    int32_t means[CHUNK], levels[CHUNK], symbols[CHUNK];
    for (long first = 0, many; first < call->width; first += many) {
        many = call->width - first < CHUNK ? call->width - first : CHUNK;
        const Gain g = gain_from(all, first);
        int16_t *here = settled + first * step;
        call->path->to_steps(&g, z + first * z_step, refines ? here : 0, z_step, step, call->scale, call->most, steps, many);
        widened(call->d, mean + first * call->d->type, many, means);
        if (level_bits)
            for (long i = 0; i < many; i++) levels[i] = means[i] & ((1 << level_bits) - 1), means[i] >>= level_bits;
        else
            for (long i = 0; i < many; i++) levels[i] = level[first + i];
        call->path->choose(call->choice, refines, steps, means, levels, symbols, many);
        call->path->settle(call->tables, call->limits[0], call->limits[1], symbols, means, levels, refines, here,
                           beside + first * call->c->by_column, narrow, step, many);
    }
}

/* What an encoder chooses of latents z, float, goes into what is settled: selfvae_steps, selfvae_choose and selfvae_settle
 * in one. mean: int8 or int16, level: uint8, both of local steps with columns side by side; or levels are the lowest
 * level_bits of the means. */
EXPORT void selfvae_again(int path, const Field *field, const Choice *choice, const int16_t *centroids, int limit, int units,
                          int refines, int level_bits, const Source *z, const Source *settled, const Source *beside, const Source *mean,
                          const Source *level, float scale, float most, int height, int width, int threads) {
    Call call = {.row = again_row, .path = selfvae_paths[path], .field = field, .choice = choice, .tables = centroids};
    call.a = z, call.b = settled, call.c = beside, call.d = mean, call.e = level, call.scale = scale, call.most = most;
    call.channels = (int)z->channels, call.height = height, call.width = width;
    call.limits[0] = limit, call.limits[1] = units, call.limits[2] = refines;
    call.limits[3] = level_bits;
    every_row(&call, threads);
}

static void move_row(const Call *call, int channel, int row) {
    const Gain all = gain_of(call->field, channel, row);
    const int16_t *symbols = row_of(call->a, channel, row);
    const char *beside = row_of(call->b, channel, row);
    const float *pull = row_of(call->c, channel, row);
    float *z = row_of(call->d, channel, row);
    const double step = call->scale, pace = call->most;
    int32_t whole[CHUNK];
    for (long first = 0, many; first < call->width; first += many) {
        many = call->width - first < CHUNK ? call->width - first : CHUNK;
        const Gain g = gain_from(all, first);
        call->path->to_whole(&g, symbols + first, beside + first * call->b->type, call->b->type == 1, call->limits[0],
                             call->limits[1], whole, many);
        for (long i = 0; i < many; i++) {
            const double here = z[first + i];
            z[first + i] = (float)(here + pace * (whole[i] * step + pull[first + i] - here));
        }
    }
}

/* Moves latents z, float, at some pace to z_hat, as selfvae_whole has it, times step, plus what pulls at them, float; all
 * with columns side by side */
EXPORT void selfvae_move(int path, const Field *field, const Source *symbols, const Source *beside, int units, int limit,
                         const Source *pull, const Source *z, float step, float pace, int height, int width, int threads) {
    Call call = {.row = move_row, .path = selfvae_paths[path], .field = field, .a = symbols, .b = beside, .c = pull, .d = z};
    call.channels = (int)z->channels, call.height = height, call.width = width, call.scale = step, call.most = pace;
    call.limits[0] = units, call.limits[1] = limit;
    every_row(&call, threads);
}

static void logarithms_row(const Call *call, int channel, int row) {
    const float *z = row_of(call->a, channel, row);
    int16_t *to = (int16_t *)call->out + AT(channel, row);
    for (int i = 0; i < call->width; i++) {
        const float v = log1pf(fabsf(z[i]) / 8) * call->scale + 0.5f;
        to[i] = (int16_t)(v < call->most ? v : call->most);
    }
}

/* round(log(1 + |z| / 8)) in 1/units, at most so much, of latents with columns side by side -> (channels, height, width);
 * floats, since an encoder alone asks */
EXPORT void selfvae_logarithms(const Source *z, float units, float most, int height, int width, int16_t *out, int threads) {
    Call call = {.row = logarithms_row, .a = z, .out = out, .channels = (int)z->channels, .height = height, .width = width};
    call.scale = units, call.most = most;
    every_row(&call, threads);
}
