/* Runs networks that elsewhere.py writes down, with the C library as it is compiled here, and writes what they answer.
 *
 * stdin: int32 blocks, upsample, inputs, height, width, values of film and of bias; for every layer int32 inputs, outputs,
 * then weight, bias, shift, low, high; limits, film, bias and the input, (inputs, height, width) int16. stdout: int16. */
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

static void *values(size_t count, size_t size) {
    void *data = malloc(count * size + 1);
    if (!data || fread(data, size, count, stdin) != count) exit(1);
    return data;
}

int main(void) {
    int32_t head[7];
    int path = 0, runs;
    while (selfvae_path(path + 1, &runs)) path++; /* the last one is portable */
    fprintf(stderr, "%s\n", selfvae_path(path, &runs));
    while (fread(head, sizeof head, 1, stdin) == 1) {
        int blocks = head[0], grow = head[1] ? 2 : 1, height = head[3], width = head[4], outputs = 0;
        void *net = selfvae_net_new(path, blocks, head[1]);
        for (int i = 0; i < 3 * blocks + 2; i++) {
            int32_t *shape = values(2, sizeof *shape);
            size_t n = outputs = shape[1];
            int16_t *weight = values(n * shape[0], sizeof *weight);
            int32_t *bias = values(n, sizeof *bias), *shift = values(n, sizeof *shift);
            int16_t *low = values(n, sizeof *low), *high = values(n, sizeof *high);
            if (!selfvae_net_layer(net, i, shape[0], shape[1], weight, bias, shift, low, high)) return 1;
            free(shape), free(weight), free(bias), free(shift), free(low), free(high);
        }
        size_t positions = (size_t)height * width;
        int16_t *limits = values(head[2], sizeof *limits);
        int32_t *film = values(head[5], sizeof *film), *bias = values(head[6], sizeof *bias);
        int16_t *x = values(positions * head[2], sizeof *x), *y = calloc(positions * outputs, sizeof *y);
        Source source = {x, 2, head[2], 2 * positions, 2 * width, 2};
        Target target = {y, positions * grow * grow, width * grow, 1};
        if (!selfvae_net_run(net, &source, 1, limits, head[5] ? film : 0, head[6] ? bias : 0, &target, height, width, 8, 2))
            return 1;
        fwrite(y, sizeof *y, positions * outputs, stdout);
        free(limits), free(film), free(bias), free(x), free(y);
        selfvae_net_free(net);
    }
    return 0;
}
