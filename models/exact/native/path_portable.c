/* Plain C, in loops of sixteen lanes that compilers turn into whatever vectors the machine has. */
#include "layers.h"

#include <string.h>

#include "plain.h"
#include "steps.h"
#include "choice.h"
#include "restore.h"

/* [outputs / LANES][inputs][LANES] */
static void pack_pointwise(int16_t *packed, const int16_t *weight, int inputs, int outputs) {
    for (int o = 0; o < outputs; o += LANES)
        for (int i = 0; i < inputs; i++)
            for (int k = 0; k < LANES; k++) *packed++ = weight[(o + k) * inputs + i];
}

static inline int32_t clamped(int32_t v, int32_t low, int32_t high) { return v < low ? low : v > high ? high : v; }

#define P 4 /* positions whose sums are kept together */

static inline void add_up(const int16_t *weight, int inputs, const int16_t *from, int32_t sum[P][LANES]) {
    for (int i = 0; i < inputs; i++) {
        const int16_t *w = weight + (long)i * LANES;
        for (int l = 0; l < LANES; l++)
            for (int k = 0; k < P; k++) sum[k][l] += from[(long)k * inputs + i] * w[l];
    }
}

static void product(const int16_t *packed, int inputs, int outputs, const int16_t *x, int32_t *y, int n) {
    for (int o = 0; o < outputs; o += LANES)
        for (int p = 0; p < n; p += P) {
            int32_t sum[P][LANES] = {{0}};
            add_up(packed + (long)o * inputs, inputs, x + (long)p * inputs, sum);
            for (int k = 0; k < P; k++) memcpy(y + (long)(p + k) * outputs + o, sum[k], sizeof sum[k]);
        }
}

static void pointwise(const Conv *conv, const int32_t *bias, const Film *film, const int16_t *added, const int16_t *x,
                      int16_t *y, int n) {
    const int inputs = conv->inputs, outputs = conv->outputs;
    for (int o = 0; o < outputs; o += LANES) {
        const int16_t *weight = conv->weight + (long)o * inputs;
        const int32_t *shift = conv->shift + o;
        const int16_t *low = conv->low + o, *high = conv->high + o;
        for (int p = 0; p < n; p += P) {
            const int16_t *from = x + (long)p * inputs;
            int32_t sum[P][LANES];
            for (int k = 0; k < P; k++) memcpy(sum[k], bias + o, sizeof sum[k]);
            add_up(weight, inputs, from, sum);
            for (int k = 0; k < P; k++) {
                long at = (long)(p + k) * outputs + o;
                int32_t *v = sum[k];
                for (int l = 0; l < LANES; l++) v[l] = (v[l] >> shift[l]) + (added ? added[at + l] : 0);
                for (int l = 0; l < LANES; l++) v[l] = clamped(v[l], low[l], high[l]);
                if (film)
                    for (int l = 0; l < LANES; l++) {
                        int32_t gained = v[l] * (int16_t)film->gain[o + l] + film->bias[o + l];
                        v[l] = clamped(gained >> film->shift[o + l], 0, ACTIVATION);
                    }
                for (int l = 0; l < LANES; l++) y[at + l] = (int16_t)v[l];
            }
        }
    }
}

/* [9][channels] */
static void pack_depthwise(int16_t *packed, int32_t *bias, int32_t *shift, const int16_t *weight, int channels) {
    (void)bias, (void)shift;
    for (int tap = 0; tap < 9; tap++)
        for (int c = 0; c < channels; c++) *packed++ = weight[9 * c + tap];
}

static void depthwise(const Conv *conv, const int16_t *above, const int16_t *here, const int16_t *below, int16_t *y,
                      int n) {
    const int C = conv->outputs;
    const int16_t *rows[3] = {above, here, below};
    for (int p = 0; p < n; p++)
        for (int c = 0; c < C; c += LANES) {
            int32_t sum[LANES];
            memcpy(sum, conv->bias + c, sizeof sum);
            for (int tap = 0; tap < 9; tap++) {
                const int16_t *from = rows[tap / 3] + (long)(p + tap % 3 - 1) * C + c;
                const int16_t *w = conv->weight + (long)tap * C + c;
                for (int l = 0; l < LANES; l++) sum[l] += from[l] * w[l];
            }
            for (int l = 0; l < LANES; l++)
                y[(long)p * C + c + l] = (int16_t)clamped(sum[l] >> conv->shift[c + l], 0, ACTIVATION);
        }
}

const Path portable_path = {"portable", pack_pointwise, pack_depthwise, pointwise, depthwise, product,
                            filter_down, filter_along, widen, subtract, halve, halve_across, join_across,
                            to_pixels, residuals, to_local, to_known, to_whole,
                            to_steps, settle, choose, correct, know,
                            to_planes, weigh, to_colour, differ, products};
