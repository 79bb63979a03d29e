/* What an encoder chooses (choice/quantise.py): the rounded latent or its neighbour towards the mean, whichever costs
 * less. In loops that every path includes; floats, since no decoder depends on them. */
#include <stdint.h>

#include "coefficients.h"

#define NEAREST 12582912.0f /* 1.5 * 2^23: floats next to it are whole numbers */

static inline int32_t nearest(float v) { return (int32_t)((v + NEAREST) - NEAREST); }

static inline int32_t within(int32_t v, int32_t low, int32_t high) { return v < low ? low : v > high ? high : v; }

static inline int32_t floored(int32_t v, int bits) { return v >> bits; } /* rounded down, as all compilers shift */

static inline double cost_of(const Choice *c, int digits, float z, int32_t v, int32_t mean, int32_t level) {
    const int limit = c->limit, columns = 2 * limit + 1, units = 1 << c->unit_bits;
    const double decoded = v + (double)c->centroids[level * columns + limit + within(v * units - mean, -limit, limit)];
    float bits;
    if (digits) bits = c->digit_bits[(level * columns + limit + within(mean, -limit, limit)) * 3 + v + 1];
    else {
        const int32_t shifted = mean + units / 2, base = floored(shifted, c->unit_bits);
        const int32_t fraction = floored(shifted - base * units, c->unit_bits - c->fraction_bits);
        const int32_t table = (level << c->fraction_bits) + fraction;
        bits = c->symbol_bits[(long)table * c->alphabet + within(v - base, -c->tail, c->tail + 1) + c->tail];
    }
    const double wrong = z - decoded;
    return (double)(c->rate * bits) + wrong * wrong / c->slope;
}

static inline double whole_cost(const Choice *c, int digits, float z, int32_t v, int32_t mean, int32_t level) {
    const double here = cost_of(c, digits, z, v, mean, level);
    if (c->times == 1) return here;
    const int32_t centre = v * c->times, further = level + c->wider;
    const float deep = z * (float)c->times;
    const int32_t end = within(nearest(deep), centre - c->times / 2, centre + c->times / 2);
    return c->stop_share * here + cost_of(c, 0, deep, end, mean * c->times, further < c->levels ? further : c->levels - 1);
}

static void choose(const Choice *c, int digits, const float *z, const int32_t *mean, const int32_t *level, int32_t *out,
                   long n) {
    const int units = 1 << c->unit_bits;
    uint8_t open[CHUNK];
    for (long first = 0, many; first < n; first += many) {
        many = n - first < CHUNK ? n - first : CHUNK;
        const float *at = z + first;
        int32_t *to = out + first;
        int any = 0;
        for (long i = 0; i < many; i++) to[i] = nearest(at[i]);
        if (digits)
            for (long i = 0; i < many; i++) to[i] = within(to[i], -1, 1);
        for (long i = 0; i < many; i++) {
            const int32_t distance = mean[first + i] - to[i] * units;
            int is = distance > units / 2 || distance < -units / 2;
            if (digits) is &= distance > 0 ? to[i] < 1 : to[i] > -1;
            open[i] = (uint8_t)is;
            any |= is;
        }
        if (!any) continue;
        for (long i = 0; i < many; i++)
            if (open[i]) {
                const int32_t m = mean[first + i], l = level[first + i], plain = to[i];
                const int32_t towards = m > plain * units ? plain + 1 : plain - 1;
                if (whole_cost(c, digits, at[i], towards, m, l) < whole_cost(c, digits, at[i], plain, m, l)) to[i] = towards;
            }
    }
}
