/* What the paths for x86 make of their ``all``: one copy of it for each use, without the branches of the others. */
static void pointwise(const Conv *conv, const int32_t *bias, const Film *film, const int16_t *added, const int16_t *x,
                      int16_t *y, int n) {
    if (film) all(conv, bias, film, 0, x, y, 0, n);
    else if (added) all(conv, bias, 0, added, x, y, 0, n);
    else all(conv, bias, 0, 0, x, y, 0, n);
}

static void product(const int16_t *packed, int inputs, int outputs, const int16_t *x, int32_t *y, int n) {
    const Conv conv = {.inputs = inputs, .outputs = outputs, .weight = (int16_t *)packed};
    all(&conv, 0, 0, 0, x, 0, y, n);
}
