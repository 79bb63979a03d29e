/* AVX-512 with VNNI: pairs of int16 products are added to sixteen int32 sums by one instruction. */
#include "layers.h"
#ifdef X86_PATHS

#ifdef __clang__
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni"))), apply_to = function)
#else
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")
#endif
#include <immintrin.h>
#include <string.h>

#include "plain.h"
#include "steps.h"
#include "choice.h"
#include "restore.h"

#define INLINE static inline __attribute__((always_inline))

/* [outputs / 16][inputs / 2][16][2] */
static void pack_pointwise(int16_t *packed, const int16_t *weight, int inputs, int outputs) {
    for (int o = 0; o < outputs; o += 16)
        for (int i = 0; i < inputs; i += 2)
            for (int k = 0; k < 16; k++)
                for (int j = 0; j < 2; j++) *packed++ = weight[(o + k) * inputs + i + j];
}

INLINE void finish(const Conv *conv, const Film *film, const int16_t *added, int16_t *y, int o, __m512i sum) {
    __m512i v = _mm512_srav_epi32(sum, _mm512_loadu_si512(conv->shift + o));
    __m256i low = _mm256_loadu_si256((const void *)(conv->low + o));
    __m256i high = _mm256_loadu_si256((const void *)(conv->high + o));
    if (added) v = _mm512_add_epi32(v, _mm512_cvtepi16_epi32(_mm256_loadu_si256((const void *)added)));
    __m256i r = _mm512_cvtsepi32_epi16(v);
    r = _mm256_min_epi16(_mm256_max_epi16(r, low), high);
    if (film) {
        v = _mm512_dpwssd_epi32(_mm512_loadu_si512(film->bias + o), _mm512_cvtepi16_epi32(r),
                                _mm512_loadu_si512(film->gain + o));
        v = _mm512_srav_epi32(v, _mm512_loadu_si512(film->shift + o));
        r = _mm512_cvtsepi32_epi16(v);
        r = _mm256_min_epi16(_mm256_max_epi16(r, _mm256_setzero_si256()), _mm256_set1_epi16(ACTIVATION));
    }
    _mm256_storeu_si256((void *)y, r);
}

/* sum += v * w; as an intrinsic, GCC copies the sum from register to register and to memory */
#define DOT(sum, v, w) __asm__("vpdpwssd %2, %1, %0" : "+v"(sum) : "v"(v), "v"(w));

#define EACH(M) \
    M(0) M(1) M(2) M(3) M(4) M(5) M(6) M(7) M(8) M(9) M(10) M(11) M(12) M(13) M(14) M(15)

/* P positions by B blocks of sixteen outputs, each sum a variable of its own, which compilers keep in a register */
INLINE void tile(const Conv *conv, const int32_t *bias, const Film *film, const int16_t *added, const int16_t *x,
                 int16_t *y, int32_t *sums, int n, int o, const int P, const int B) {
    const int inputs = conv->inputs, outputs = conv->outputs;
    const int16_t *weight = conv->weight + (long)o * inputs;
    const __m512i zero = _mm512_setzero_si512(), bias0 = bias ? _mm512_loadu_si512(bias + o) : zero;
    const __m512i bias1 = bias && B > 1 ? _mm512_loadu_si512(bias + o + 16) : zero;
    const __m512i bias2 = bias && B > 2 ? _mm512_loadu_si512(bias + o + 32) : zero;
    const __m512i bias3 = bias && B > 3 ? _mm512_loadu_si512(bias + o + 48) : zero;
    for (int p = 0; p < n; p += P) {
        const int16_t *from = x + (long)p * inputs;
#define START(k) __m512i a##k = bias0, b##k = bias1, c##k = bias2, d##k = bias3;
        EACH(START)
        for (int i = 0; i < inputs; i += 2) {
            const int16_t *w = weight + 16 * (long)i;
            const __m512i w0 = _mm512_loadu_si512(w), w1 = B > 1 ? _mm512_loadu_si512(w + 16 * (long)inputs) : zero;
            const __m512i w2 = B > 2 ? _mm512_loadu_si512(w + 32 * (long)inputs) : zero;
            const __m512i w3 = B > 3 ? _mm512_loadu_si512(w + 48 * (long)inputs) : zero;
#define ADD(k)                                                  \
    if (P > k) {                                                \
        int32_t pair;                                           \
        memcpy(&pair, from + (long)k * inputs + i, 4);          \
        const __m512i v = _mm512_set1_epi32(pair);              \
        DOT(a##k, v, w0)                                        \
        if (B > 1) DOT(b##k, v, w1)                             \
        if (B > 2) DOT(c##k, v, w2)                             \
        if (B > 3) DOT(d##k, v, w3)                             \
    }
            EACH(ADD)
        }
#define FINISH(k)                                                                                       \
    if (P > k) {                                                                                        \
        const long at = (long)(p + k) * outputs + o;                                                    \
        if (sums) {                                                                                     \
            _mm512_storeu_si512(sums + at, a##k);                                                       \
            if (B > 1) _mm512_storeu_si512(sums + at + 16, b##k);                                       \
            if (B > 2) _mm512_storeu_si512(sums + at + 32, c##k);                                       \
            if (B > 3) _mm512_storeu_si512(sums + at + 48, d##k);                                       \
        } else {                                                                                        \
            finish(conv, film, added ? added + at : 0, y + at, o, a##k);                                \
            if (B > 1) finish(conv, film, added ? added + at + 16 : 0, y + at + 16, o + 16, b##k);      \
            if (B > 2) finish(conv, film, added ? added + at + 32 : 0, y + at + 32, o + 32, c##k);      \
            if (B > 3) finish(conv, film, added ? added + at + 48 : 0, y + at + 48, o + 48, d##k);      \
        }                                                                                               \
    }
        EACH(FINISH)
    }
}

#define BATCH 48 /* positions whose inputs stay in the first cache; a multiple of every P */

INLINE void all(const Conv *conv, const int32_t *bias, const Film *film, const int16_t *added, const int16_t *x,
                int16_t *y, int32_t *sums, int n) {
    for (; n > 0; n -= BATCH, x += (long)BATCH * conv->inputs) {
        const int now = n < BATCH ? n : BATCH;
        for (int left = conv->outputs / 16, o = 0, take; left; left -= take, o += 16 * take) {
            take = left % 3 == 1 && left > 3 ? 4 : left % 3 ? left % 3 : 3;
            if (take == 4) tile(conv, bias, film, added, x, y, sums, now, o, 6, 4);
            else if (take == 3) tile(conv, bias, film, added, x, y, sums, now, o, 8, 3);
            else if (take == 2) tile(conv, bias, film, added, x, y, sums, now, o, 12, 2);
            else tile(conv, bias, film, added, x, y, sums, now, o, 16, 1);
        }
        if (added) added += (long)BATCH * conv->outputs;
        if (sums) sums += (long)BATCH * conv->outputs;
        else y += (long)BATCH * conv->outputs;
    }
}

#include "x86.h"

/* A group of 32 channels (the last one may have 16) in two halves as unpacking orders them: [group][half][6][16][2].
 * Pairs: the taps above and here of each of three columns, then the tap below and 0. */
static void pack_depthwise(int16_t *packed, int32_t *bias, int32_t *shift, const int16_t *weight, int channels) {
    memset(packed, 0, sizeof(int16_t) * 12 * channels);
    for (int g = 0; g < channels; g += 32) {
        int half = channels - g < 32 ? 8 : 16, lanes = 2 * half / 8;
        int32_t old_bias[32], old_shift[32];
        memcpy(old_bias, bias + g, sizeof(int32_t) * 2 * half);
        memcpy(old_shift, shift + g, sizeof(int32_t) * 2 * half);
        for (int h = 0; h < 2; h++)
            for (int lane = 0; lane < lanes; lane++)
                for (int k = 0; k < 4; k++) {
                    int from = 8 * lane + 4 * h + k, to = h * half + 4 * lane + k;
                    const int16_t *w = weight + 9 * (g + from);
                    bias[g + to] = old_bias[from];
                    shift[g + to] = old_shift[from];
                    for (int column = 0; column < 3; column++) {
                        int16_t *pair = packed + 12 * g + 2 * (h * 6 * half + column * half + 4 * lane + k);
                        pair[0] = w[column];
                        pair[1] = w[3 + column];
                        pair += 2 * 3 * half;
                        pair[0] = w[6 + column];
                    }
                }
    }
}

static void depthwise(const Conv *conv, const int16_t *above, const int16_t *here, const int16_t *below, int16_t *y,
                      int n) {
    const int C = conv->outputs;
    const __m512i zero = _mm512_setzero_si512(), most = _mm512_set1_epi16(ACTIVATION);
    int g = 0;
    for (; g + 32 <= C; g += 32) {
        const int16_t *w = conv->weight + 12 * g;
        const __m512i b0 = _mm512_loadu_si512(conv->bias + g), b1 = _mm512_loadu_si512(conv->bias + g + 16);
        const __m512i s0 = _mm512_loadu_si512(conv->shift + g), s1 = _mm512_loadu_si512(conv->shift + g + 16);
        __m512i W[2][6];
        for (int i = 0; i < 6; i++) {
            W[0][i] = _mm512_loadu_si512(w + 32 * i);
            W[1][i] = _mm512_loadu_si512(w + 192 + 32 * i);
        }
#define COLUMN(name, at)                                                                                  \
    const __m512i name##a = _mm512_loadu_si512(above + (at)), name##h = _mm512_loadu_si512(here + (at)),  \
                  name##b = _mm512_loadu_si512(below + (at));                                             \
    const __m512i name##0 = _mm512_unpacklo_epi16(name##a, name##h), name##1 = _mm512_unpackhi_epi16(name##a, name##h), \
                  name##2 = _mm512_unpacklo_epi16(name##b, zero), name##3 = _mm512_unpackhi_epi16(name##b, zero);
        COLUMN(l, g - C)
        COLUMN(m, g)
        __m512i l0_ = l0, l1_ = l1, l2_ = l2, l3_ = l3, m0_ = m0, m1_ = m1, m2_ = m2, m3_ = m3;
        for (int p = 0; p < n; p++) {
            long at = (long)p * C + g;
            COLUMN(r, at + C)
            __m512i a = _mm512_dpwssd_epi32(b0, l0_, W[0][0]), b = _mm512_dpwssd_epi32(b1, l1_, W[1][0]);
            __m512i c = _mm512_dpwssd_epi32(zero, l2_, W[0][3]), d = _mm512_dpwssd_epi32(zero, l3_, W[1][3]);
            a = _mm512_dpwssd_epi32(a, m0_, W[0][1]);
            b = _mm512_dpwssd_epi32(b, m1_, W[1][1]);
            c = _mm512_dpwssd_epi32(c, m2_, W[0][4]);
            d = _mm512_dpwssd_epi32(d, m3_, W[1][4]);
            a = _mm512_dpwssd_epi32(a, r0, W[0][2]);
            b = _mm512_dpwssd_epi32(b, r1, W[1][2]);
            c = _mm512_dpwssd_epi32(c, r2, W[0][5]);
            d = _mm512_dpwssd_epi32(d, r3, W[1][5]);
            a = _mm512_srav_epi32(_mm512_add_epi32(a, c), s0);
            b = _mm512_srav_epi32(_mm512_add_epi32(b, d), s1);
            _mm512_storeu_si512(y + at, _mm512_min_epi16(_mm512_max_epi16(_mm512_packs_epi32(a, b), zero), most));
            l0_ = m0_, l1_ = m1_, l2_ = m2_, l3_ = m3_;
            m0_ = r0, m1_ = r1, m2_ = r2, m3_ = r3;
        }
#undef COLUMN
    }
    if (g == C) return;
    const int16_t *w = conv->weight + 12 * g;
    const __m256i zero2 = _mm256_setzero_si256(), most2 = _mm256_set1_epi16(ACTIVATION);
    const __m256i b0 = _mm256_loadu_si256((const void *)(conv->bias + g));
    const __m256i b1 = _mm256_loadu_si256((const void *)(conv->bias + g + 8));
    const __m256i s0 = _mm256_loadu_si256((const void *)(conv->shift + g));
    const __m256i s1 = _mm256_loadu_si256((const void *)(conv->shift + g + 8));
    for (int p = 0; p < n; p++) {
        __m256i a = b0, b = b1;
        for (int column = 0; column < 3; column++) {
            long at = (long)(p + column - 1) * C + g;
            __m256i u = _mm256_loadu_si256((const void *)(above + at)), v = _mm256_loadu_si256((const void *)(here + at));
            __m256i t = _mm256_loadu_si256((const void *)(below + at));
#define W(half, i) _mm256_loadu_si256((const void *)(w + 96 * (half) + 16 * (i)))
            a = _mm256_dpwssd_epi32(a, _mm256_unpacklo_epi16(u, v), W(0, column));
            b = _mm256_dpwssd_epi32(b, _mm256_unpackhi_epi16(u, v), W(1, column));
            a = _mm256_dpwssd_epi32(a, _mm256_unpacklo_epi16(t, zero2), W(0, 3 + column));
            b = _mm256_dpwssd_epi32(b, _mm256_unpackhi_epi16(t, zero2), W(1, 3 + column));
#undef W
        }
        __m256i r = _mm256_packs_epi32(_mm256_srav_epi32(a, s0), _mm256_srav_epi32(b, s1));
        _mm256_storeu_si256((void *)(y + (long)p * C + g), _mm256_min_epi16(_mm256_max_epi16(r, zero2), most2));
    }
}

const Path avx512_path = {"avx512", pack_pointwise, pack_depthwise, pointwise, depthwise, product,
                          filter_down, filter_along, widen, subtract, halve, halve_across, join_across,
                          to_pixels, residuals, to_local, to_known, to_whole,
                          to_steps, settle, choose, correct, know,
                          to_planes, weigh, to_colour, differ, products};

#ifdef __clang__
#pragma clang attribute pop
#endif
#endif
