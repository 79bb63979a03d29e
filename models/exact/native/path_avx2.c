/* AVX2: pairs of int16 products in one instruction, added to eight int32 sums by another. */
#include "layers.h"
#ifdef X86_PATHS

#ifdef __clang__
#pragma clang attribute push(__attribute__((target("avx2"))), apply_to = function)
#else
#pragma GCC target("avx2")
#endif
#include <immintrin.h>
#include <string.h>

#include "plain.h"
#include "steps.h"
#include "choice.h"
#include "restore.h"

#define INLINE static inline __attribute__((always_inline))
#define LOAD(p) _mm256_loadu_si256((const void *)(p))

/* [outputs / 16][inputs / 2][16][2] */
static void pack_pointwise(int16_t *packed, const int16_t *weight, int inputs, int outputs) {
    for (int o = 0; o < outputs; o += 16)
        for (int i = 0; i < inputs; i += 2)
            for (int k = 0; k < 16; k++)
                for (int j = 0; j < 2; j++) *packed++ = weight[(o + k) * inputs + i + j];
}

INLINE __m256i packed16(__m256i a, __m256i b) { return _mm256_permute4x64_epi64(_mm256_packs_epi32(a, b), 0xD8); }

INLINE __m256i clamped(__m256i v, __m256i low, __m256i high) { return _mm256_min_epi16(_mm256_max_epi16(v, low), high); }

INLINE __m256i widened(__m256i v, int half) {
    return _mm256_cvtepi16_epi32(half ? _mm256_extracti128_si256(v, 1) : _mm256_castsi256_si128(v));
}

INLINE void finish(const Conv *conv, const Film *film, const int16_t *added, int16_t *y, int o, __m256i a, __m256i b) {
    a = _mm256_srav_epi32(a, LOAD(conv->shift + o));
    b = _mm256_srav_epi32(b, LOAD(conv->shift + o + 8));
    if (added) {
        __m256i v = LOAD(added);
        a = _mm256_add_epi32(a, widened(v, 0));
        b = _mm256_add_epi32(b, widened(v, 1));
    }
    __m256i r = clamped(packed16(a, b), LOAD(conv->low + o), LOAD(conv->high + o));
    if (film) {
        a = _mm256_add_epi32(_mm256_madd_epi16(widened(r, 0), LOAD(film->gain + o)), LOAD(film->bias + o));
        b = _mm256_add_epi32(_mm256_madd_epi16(widened(r, 1), LOAD(film->gain + o + 8)), LOAD(film->bias + o + 8));
        a = _mm256_srav_epi32(a, LOAD(film->shift + o));
        b = _mm256_srav_epi32(b, LOAD(film->shift + o + 8));
        r = clamped(packed16(a, b), _mm256_setzero_si256(), _mm256_set1_epi16(ACTIVATION));
    }
    _mm256_storeu_si256((void *)y, r);
}

#define P 6 /* positions by sixteen outputs in registers */

INLINE void all(const Conv *conv, const int32_t *bias, const Film *film, const int16_t *added, const int16_t *x,
                int16_t *y, int32_t *sums, int n) {
    const int inputs = conv->inputs, outputs = conv->outputs;
    for (int first = 0; first < n; first += 8 * P) { /* whose inputs stay in the first cache */
        int last = first + 8 * P < n ? first + 8 * P : n;
        for (int o = 0; o < outputs; o += 16) {
            const int16_t *weight = conv->weight + (long)o * inputs;
            for (int p = first; p < last; p += P) {
                const int16_t *from = x + (long)p * inputs;
                __m256i sum[P][2];
                for (int k = 0; k < P; k++) {
                    sum[k][0] = bias ? LOAD(bias + o) : _mm256_setzero_si256();
                    sum[k][1] = bias ? LOAD(bias + o + 8) : _mm256_setzero_si256();
                }
                for (int i = 0; i < inputs; i += 2) {
                    __m256i w0 = LOAD(weight + 16 * i), w1 = LOAD(weight + 16 * i + 16);
#pragma GCC unroll 6
                    for (int k = 0; k < P; k++) {
                        int32_t pair;
                        memcpy(&pair, from + (long)k * inputs + i, 4);
                        __m256i v = _mm256_set1_epi32(pair);
                        sum[k][0] = _mm256_add_epi32(sum[k][0], _mm256_madd_epi16(v, w0));
                        sum[k][1] = _mm256_add_epi32(sum[k][1], _mm256_madd_epi16(v, w1));
                    }
                }
#pragma GCC unroll 6
                for (int k = 0; k < P; k++) {
                    long at = (long)(p + k) * outputs + o;
                    if (sums) {
                        _mm256_storeu_si256((void *)(sums + at), sum[k][0]);
                        _mm256_storeu_si256((void *)(sums + at + 8), sum[k][1]);
                    } else finish(conv, film, added ? added + at : 0, y + at, o, sum[k][0], sum[k][1]);
                }
            }
        }
    }
}

#include "x86.h"

/* [channels / 16][half][6][8][2]: halves as unpacking orders them. Pairs: the taps above and here of each of three
 * columns, then the tap below and 0. */
static void pack_depthwise(int16_t *packed, int32_t *bias, int32_t *shift, const int16_t *weight, int channels) {
    memset(packed, 0, sizeof(int16_t) * 12 * channels);
    for (int g = 0; g < channels; g += 16) {
        int32_t old_bias[16], old_shift[16];
        memcpy(old_bias, bias + g, sizeof old_bias);
        memcpy(old_shift, shift + g, sizeof old_shift);
        for (int to = 0; to < 16; to++) {
            int half = to / 8, lane = to % 8 / 4, from = 8 * lane + 4 * half + to % 4;
            const int16_t *w = weight + 9 * (g + from);
            bias[g + to] = old_bias[from];
            shift[g + to] = old_shift[from];
            for (int column = 0; column < 3; column++) {
                int16_t *pair = packed + 12 * g + 96 * half + 16 * column + 2 * (to % 8);
                pair[0] = w[column];
                pair[1] = w[3 + column];
                pair[48] = w[6 + column];
            }
        }
    }
}

static void depthwise(const Conv *conv, const int16_t *above, const int16_t *here, const int16_t *below, int16_t *y,
                      int n) {
    const int C = conv->outputs;
    const __m256i zero = _mm256_setzero_si256(), most = _mm256_set1_epi16(ACTIVATION);
    for (int g = 0; g < C; g += 16) {
        const int16_t *w = conv->weight + 12 * g;
        const __m256i b0 = LOAD(conv->bias + g), b1 = LOAD(conv->bias + g + 8);
        const __m256i s0 = LOAD(conv->shift + g), s1 = LOAD(conv->shift + g + 8);
        for (int p = 0; p < n; p++) {
            __m256i a = b0, b = b1;
#pragma GCC unroll 3
            for (int column = 0; column < 3; column++) {
                long at = (long)(p + column - 1) * C + g;
                __m256i u = LOAD(above + at), v = LOAD(here + at), t = LOAD(below + at);
                const int16_t *pair = w + 16 * column;
                a = _mm256_add_epi32(a, _mm256_madd_epi16(_mm256_unpacklo_epi16(u, v), LOAD(pair)));
                b = _mm256_add_epi32(b, _mm256_madd_epi16(_mm256_unpackhi_epi16(u, v), LOAD(pair + 96)));
                a = _mm256_add_epi32(a, _mm256_madd_epi16(_mm256_unpacklo_epi16(t, zero), LOAD(pair + 48)));
                b = _mm256_add_epi32(b, _mm256_madd_epi16(_mm256_unpackhi_epi16(t, zero), LOAD(pair + 144)));
            }
            __m256i r = _mm256_packs_epi32(_mm256_srav_epi32(a, s0), _mm256_srav_epi32(b, s1));
            _mm256_storeu_si256((void *)(y + (long)p * C + g), clamped(r, zero, most));
        }
    }
}

const Path avx2_path = {"avx2", pack_pointwise, pack_depthwise, pointwise, depthwise, product,
                        filter_down, filter_along, widen, subtract, halve, halve_across, join_across,
                        to_pixels, residuals, to_local, to_known, to_whole,
                        to_steps, settle, choose, correct, know,
                        to_planes, weigh, to_colour, differ, products};

#ifdef __clang__
#pragma clang attribute pop
#endif
#endif
