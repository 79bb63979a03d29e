/* Runs what elsewhere.py writes down with the C library as it is compiled here, and writes what that gives.
 *
 * stdin: 'N' and a network, 'T' and a picture for the lapped transform, or 'R' and one to be restored, as the functions
 * below read them. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct {
    const void *data;
    int64_t type, channels, by_channel, by_row, by_column;
} Source;
typedef struct {
    int16_t *data;
    int64_t by_channel, by_row, by_column;
} Target;

void *selfvae_net_new(int path, int blocks, int upsample);
int selfvae_net_layer(void *net, int index, int inputs, int outputs, const int16_t *weight, const int32_t *bias,
                      const int32_t *shift, const int16_t *low, const int16_t *high);
int selfvae_net_run(const void *net, const Source *sources, int n_sources, const int16_t *limits, const int32_t *film,
                    const int32_t *head_bias, const Target *target, int height, int width, int tile, int threads);
void selfvae_net_free(void *net);
const char *selfvae_path(int index, int *runs);
void selfvae_pack(int path, const int16_t *weight, int inputs, int outputs, int16_t *packed);
int selfvae_synthesis(int path, const int16_t *packed, const int32_t *filter, const int32_t *transposed, int bits,
                      const Source *z, const Source *learned, int first_given, const int32_t *bound, const int32_t *base,
                      int base_height, int base_width, int stride, int base_shift, int64_t delta, int pixel_bits, int deep,
                      int height, int width, int first, int last, char *out, int64_t by_channel, int64_t by_row,
                      int64_t by_column, int threads);
int selfvae_forward(int path, const int16_t *packed, const int32_t *filter, const int32_t *transposed, int bits,
                    const Source *x, int rows, int columns, int shift, const int32_t *base, int base_height, int base_width,
                    int stride, int height, int width, double scale, float *out, int64_t by_channel, int64_t by_row,
                    int threads);
int selfvae_restore(int path, const uint16_t *x, int64_t x_by_channel, int64_t x_by_row, int height, int width,
                    const void *terms, int count, int first, int last, char *out, int64_t by_channel, int64_t by_row,
                    int64_t by_column, int deep, int threads);

#define COEFFICIENTS 192

static void *values(size_t count, size_t size) {
    void *data = malloc(count * size + 1);
    if (!data || fread(data, size, count, stdin) != count) exit(1);
    return data;
}

static int path; /* the last one is portable */

/* int32 blocks, upsample, inputs, height, width, values of film and of bias; for every layer int32 inputs, outputs, then
 * weight, bias, shift, low, high; limits, film, bias and the input, (inputs, height, width) int16 -> int16 */
static int network(void) {
    int32_t *head = values(7, sizeof *head);
    int blocks = head[0], grow = head[1] ? 2 : 1, height = head[3], width = head[4], outputs = 0;
    void *net = selfvae_net_new(path, blocks, head[1]);
    for (int i = 0; i < 3 * blocks + 2; i++) {
        int32_t *shape = values(2, sizeof *shape);
        size_t n = outputs = shape[1];
        int16_t *weight = values(n * shape[0], sizeof *weight);
        int32_t *bias = values(n, sizeof *bias), *shift = values(n, sizeof *shift);
        int16_t *low = values(n, sizeof *low), *high = values(n, sizeof *high);
        if (!selfvae_net_layer(net, i, shape[0], shape[1], weight, bias, shift, low, high)) return 0;
        free(shape), free(weight), free(bias), free(shift), free(low), free(high);
    }
    size_t positions = (size_t)height * width;
    int16_t *limits = values(head[2], sizeof *limits);
    int32_t *film = values(head[5], sizeof *film), *bias = values(head[6], sizeof *bias);
    int16_t *x = values(positions * head[2], sizeof *x), *y = calloc(positions * outputs, sizeof *y);
    Source source = {x, 2, head[2], 2 * positions, 2 * width, 2};
    Target target = {y, positions * grow * grow, width * grow, 1};
    if (!selfvae_net_run(net, &source, 1, limits, head[5] ? film : 0, head[6] ? bias : 0, &target, height, width, 8, 2))
        return 0;
    fwrite(y, sizeof *y, positions * outputs, stdout);
    free(head), free(limits), free(film), free(bias), free(x), free(y);
    selfvae_net_free(net);
    return 1;
}

static int16_t *packed(void) {
    int16_t *matrix = values(COEFFICIENTS * COEFFICIENTS, sizeof *matrix);
    int16_t *out = malloc(COEFFICIENTS * COEFFICIENTS * sizeof *out);
    selfvae_pack(path, matrix, COEFFICIENTS, COEFFICIENTS, out);
    free(matrix);
    return out;
}

/* int32 rows and columns of blocks, those of the base and its stride, and seven numbers as selfvae_synthesis and
 * selfvae_forward take them; twice a matrix, a filter and its transpose; z int32 and what is learned int16, (192, rows,
 * columns), bounds, the base, and a picture, (3, 8 rows, 8 columns) -> the picture of z, then the latents of the picture */
static int transform(void) {
    int32_t *head = values(12, sizeof *head);
    const int rows = head[0], columns = head[1], *base_size = head + 2, stride = head[4];
    const size_t blocks = (size_t)rows * columns, n = COEFFICIENTS * blocks;
    int16_t *back = packed();
    int32_t *post = values(128, sizeof *post);
    int16_t *forth = packed();
    int32_t *pre = values(128, sizeof *pre), *z = values(n, sizeof *z);
    int16_t *learned = values(n, sizeof *learned);
    int32_t *bound = values(blocks, sizeof *bound), *base = values(3 * base_size[0] * base_size[1], sizeof *base);
    uint8_t *x = values(n, 1), *out = calloc(n, 1);
    float *latents = calloc(n, sizeof *latents);
    Source zs = {z, 4, COEFFICIENTS, 4 * blocks, 4 * columns, 4}, ls = {learned, 2, COEFFICIENTS, 2 * blocks, 2 * columns, 2};
    Source xs = {x, 1, 3, 64 * blocks, 8 * columns, 1};
    if (selfvae_synthesis(path, back, post, post + 64, head[5], &zs, &ls, 0, bound, base, base_size[0], base_size[1], stride,
                          head[6], head[7], head[8], 1, rows, columns, 0, rows, (char *)out, 64 * blocks, 8 * columns, 1, 2)
        <= 0)
        return 0;
    fwrite(out, 1, n, stdout);
    if (selfvae_forward(path, forth, pre, pre + 64, head[9], &xs, 8 * rows, 8 * columns, head[10], base, base_size[0],
                        base_size[1], stride, rows, columns, 1.0 / (1 << head[11]), latents, blocks, columns, 2)
        <= 0)
        return 0;
    fwrite(latents, sizeof *latents, n, stdout);
    free(head), free(back), free(post), free(forth), free(pre), free(z), free(learned), free(bound), free(base), free(x);
    free(out), free(latents);
    return 1;
}

/* int32 height, width and number of terms; these, six int32 each, and a picture, (3, height, width) uint16 -> restored */
static int restoration(void) {
    int32_t *head = values(3, sizeof *head), *terms = values(6 * head[2], sizeof *terms);
    const int height = head[0], width = head[1];
    const size_t n = (size_t)height * width;
    uint16_t *x = values(3 * n, sizeof *x);
    char *out = calloc(3 * n, 1);
    if (selfvae_restore(path, x, n, width, height, width, terms, head[2], 0, height, out, n, width, 1, 1, 2) < 0) return 0;
    fwrite(out, 1, 3 * n, stdout);
    free(head), free(terms), free(x), free(out);
    return 1;
}

int main(void) {
    int runs, kind;
    while (selfvae_path(path + 1, &runs)) path++;
    fprintf(stderr, "%s\n", selfvae_path(path, &runs));
    while ((kind = getchar()) != EOF)
        if (!(kind == 'N' ? network() : kind == 'T' ? transform() : restoration())) return 1;
    return 0;
}
