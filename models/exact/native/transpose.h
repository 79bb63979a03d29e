/* Eight times eight values by their columns, which is how planes become positions with all their channels, and back. */
#ifndef SELFVAE_TRANSPOSE_H
#define SELFVAE_TRANSPOSE_H

#include <stdint.h>
#include <string.h>

#if defined(__SSE2__) || defined(_M_X64)
#include <emmintrin.h>

/* from: eight rows, as many values apart as stride says. to: (8, 8) */
static inline void transpose8(const int16_t *from, long stride, int16_t *to) {
    __m128i a[8], b[8];
    for (int i = 0; i < 8; i++) a[i] = _mm_loadu_si128((const void *)(from + i * stride));
    for (int i = 0; i < 4; i++) {
        b[2 * i] = _mm_unpacklo_epi16(a[i], a[i + 4]);
        b[2 * i + 1] = _mm_unpackhi_epi16(a[i], a[i + 4]);
    }
    for (int i = 0; i < 4; i++) {
        a[2 * i] = _mm_unpacklo_epi16(b[i], b[i + 4]);
        a[2 * i + 1] = _mm_unpackhi_epi16(b[i], b[i + 4]);
    }
    for (int i = 0; i < 4; i++) {
        _mm_storeu_si128((void *)(to + 16 * i), _mm_unpacklo_epi16(a[i], a[i + 4]));
        _mm_storeu_si128((void *)(to + 16 * i + 8), _mm_unpackhi_epi16(a[i], a[i + 4]));
    }
}

/* The same of values of 32 bits; strides in bytes */
static inline void transpose8_wide(const void *from, int64_t stride, void *to, int64_t to_stride) {
    for (int i = 0; i < 8; i += 4)
        for (int k = 0; k < 8; k += 4) {
            __m128i a[4], b[4];
            for (int n = 0; n < 4; n++) a[n] = _mm_loadu_si128((const void *)((const char *)from + (i + n) * stride + 4 * k));
            for (int n = 0; n < 2; n++) {
                b[2 * n] = _mm_unpacklo_epi32(a[2 * n], a[2 * n + 1]);
                b[2 * n + 1] = _mm_unpackhi_epi32(a[2 * n], a[2 * n + 1]);
            }
            for (int n = 0; n < 2; n++) {
                char *at = (char *)to + (k + 2 * n) * to_stride + 4 * i;
                _mm_storeu_si128((void *)at, _mm_unpacklo_epi64(b[n], b[n + 2]));
                _mm_storeu_si128((void *)(at + to_stride), _mm_unpackhi_epi64(b[n], b[n + 2]));
            }
        }
}
#else
static inline void transpose8(const int16_t *from, long stride, int16_t *to) {
    for (int i = 0; i < 8; i++)
        for (int k = 0; k < 8; k++) to[8 * k + i] = from[i * stride + k];
}

static inline void transpose8_wide(const void *from, int64_t stride, void *to, int64_t to_stride) {
    for (int i = 0; i < 8; i++)
        for (int k = 0; k < 8; k++) memcpy((char *)to + k * to_stride + 4 * i, (const char *)from + i * stride + 4 * k, 4);
}
#endif

#endif
