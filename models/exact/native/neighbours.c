/* Corrections by neighbours (codec/coding/neighbours.py): what is known around pixels of a quarter of a sub-lattice moves
 * means and scale levels, and is known of them in turn. */
#include "neighbours.h"

#include "layers.h"
#include "library.h"
#include "threads.h"

static void correct_row(void *context, int worker, int row) {
    const Correction *c = context;
    (void)worker;
    c->path->correct(c, row);
}

/* out = clamp(given + floor((start + sum of weights times what is known, taps values away) / 2^bits), low, high), int32
 * (height, width); given: int32 (1, height, width) */
EXPORT void selfvae_correct(int path, const Known *known, const int64_t *taps, const int32_t *weights, int count, int32_t start,
                            int bits, int32_t low, int32_t high, const Source *given, int height, int width, int32_t *out,
                            int threads) {
    Correction c = {selfvae_paths[path], known, taps, weights, count, bits, start, low, high, given, out, width};
    in_parallel((int64_t)height * width < ALONE ? 1 : threads, height, correct_row, &c);
}

static void know_row(void *context, int worker, int row) {
    const Knowing *k = context;
    (void)worker;
    k->path->know(k, row);
}

/* How far residuals, int16, lie from their means, and how surprising that is at their levels, int32, each (1, height,
 * width) -> positions two rows and columns apart, rows by_row values */
EXPORT void selfvae_know(int path, const Source *mean, const Source *level, const Source *residual, int units, int limit, int near,
                         const int32_t *logarithms, const int32_t *expected, int16_t *distances, int8_t *surprises,
                         int64_t by_row, int height, int width, int threads) {
    Knowing k = {selfvae_paths[path], mean, level, residual, units, limit, near, logarithms, expected, distances, surprises, by_row, width};
    in_parallel((int64_t)height * width < ALONE ? 1 : threads, height, know_row, &k);
}
