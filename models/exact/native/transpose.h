/* Eight times eight int16 by their columns, which is how planes become positions with all their channels, and back. */
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
#else
static inline void transpose8(const int16_t *from, long stride, int16_t *to) {
    for (int i = 0; i < 8; i++)
        for (int k = 0; k < 8; k++) to[8 * k + i] = from[i * stride + k];
}
#endif

#endif
