/* Restoration of a row of pixels (models/exact/restoration.py), in loops that every path includes. */
#include <stdint.h>

#include "restoration.h"

/* Three planes of n pixels of a row of ``width``, from the pixel first on, which may lie before it: its edges go on.
 * x: colours by_channel apart; planes: RESTORE_PLANE apart */
static void to_planes(const uint16_t *restrict x, long by_channel, long width, long first, int16_t *restrict planes,
                      long n) {
    const long before = first < 0 ? -first : 0, after = first + n > width ? first + n - width : 0;
    for (long i = before; i < n - after; i++) {
        const uint16_t *r = x + first + i;
        const int16_t red = (int16_t)r[0], green = (int16_t)r[by_channel], blue = (int16_t)r[2 * by_channel];
        planes[i] = (int16_t)(red + green + blue);
        planes[RESTORE_PLANE + i] = (int16_t)(red - blue);
        planes[2 * RESTORE_PLANE + i] = (int16_t)(red - 2 * green + blue);
    }
    for (int p = 0; p < 3; p++, planes += RESTORE_PLANE) {
        for (long i = 0; i < before; i++) planes[i] = planes[before];
        for (long i = n - after; i < n; i++) planes[i] = planes[n - after - 1];
    }
}

/* moved += round(weight / 2^15 (clipped differences to one side and to the other)) */
static void weigh(const int16_t *restrict here, const int16_t *restrict one, const int16_t *restrict other, int16_t limit,
                  int16_t weight, int16_t *restrict moved, long n) {
    for (long i = 0; i < n; i++) {
        int16_t a = (int16_t)(one[i] - here[i]), b = (int16_t)(other[i] - here[i]);
        a = a < -limit ? (int16_t)-limit : a > limit ? limit : a;
        b = b < -limit ? (int16_t)-limit : b > limit ? limit : b;
        const int16_t sum = (int16_t)(a + b);
        moved[i] = (int16_t)(moved[i] + (int16_t)((((sum * weight) >> 14) + 1) >> 1));
    }
}

/* What planes move by, RESTORE_MOST apart, to one colour of n pixels: it moves by sixths of what ``sixths`` weighs -> out */
static void to_colour(const uint16_t *restrict x, const int16_t *restrict moved, const int *sixths, int deep, char *out,
                      long by_column, long n) {
    const int light = sixths[0], red = sixths[1], green = sixths[2];
    int32_t here[RESTORE_MOST];
    for (long i = 0; i < n; i++) {
        const int32_t sum = light * moved[i] + red * moved[RESTORE_MOST + i] + green * moved[2 * RESTORE_MOST + i];
        int32_t v = x[i] + ((sum * 10923 + (1 << 15)) >> 16);
        v = v < 0 ? 0 : v > 255 * RESTORE_FINE ? 255 * RESTORE_FINE : v;
        here[i] = (v * deep + RESTORE_FINE / 2) / RESTORE_FINE;
    }
    if (deep == 1) for (long i = 0; i < n; i++) *(uint8_t *)(out + i * by_column) = (uint8_t)here[i];
    else for (long i = 0; i < n; i++) *(uint16_t *)(out + i * by_column) = (uint16_t)here[i];
}

/* Clipped differences to both sides, times ``weights`` of every eight pixels if there are some: n floats */
static void differ(const int16_t *restrict here, const int16_t *restrict one, const int16_t *restrict other, int16_t limit,
                   const float *restrict weights, float *restrict out, long n) {
    for (long i = 0; i < n; i++) {
        int16_t a = (int16_t)(one[i] - here[i]), b = (int16_t)(other[i] - here[i]);
        a = a < -limit ? (int16_t)-limit : a > limit ? limit : a;
        b = b < -limit ? (int16_t)-limit : b > limit ? limit : b;
        out[i] = (float)(int16_t)(a + b);
    }
    if (weights) for (long i = 0; i < n; i++) out[i] *= weights[i];
}

/* out += products of every two of ``count`` rows of RESTORE_MOST floats, on and above the diagonal: a multiple of
 * RESTORE_ROWS. n: a multiple of RESTORE_LANES */
static void products(const float *restrict rows, int count, long n, double *restrict out) {
    for (int i = 0; i < count; i += RESTORE_ROWS)
        for (int j = i; j < count; j += RESTORE_ROWS) {
            const float *a = rows + (long)i * RESTORE_MOST, *b = rows + (long)j * RESTORE_MOST;
            float sums[RESTORE_ROWS][RESTORE_ROWS][RESTORE_LANES] = {{{0}}};
            for (long k = 0; k < n; k += RESTORE_LANES)
                for (int p = 0; p < RESTORE_ROWS; p++)
                    for (int q = 0; q < RESTORE_ROWS; q++)
                        for (int l = 0; l < RESTORE_LANES; l++)
                            sums[p][q][l] += a[p * RESTORE_MOST + k + l] * b[q * RESTORE_MOST + k + l];
            for (int p = 0; p < RESTORE_ROWS; p++)
                for (int q = 0; q < RESTORE_ROWS; q++) {
                    float sum = 0;
                    for (int l = 0; l < RESTORE_LANES; l++) sum += sums[p][q][l];
                    out[(i + p) * count + j + q] += sum;
                }
        }
}
