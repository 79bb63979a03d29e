#!/usr/bin/env bash
# The PyPI package ssimulacra2 0.3.0 scores a pair of pictures otherwise once both are turned by a quarter: it blurs with
# zeros beyond two opposite borders and with mirrored pixels beyond the other two, so that faults in the outermost columns
# count much less than the same faults in the outermost rows: 88 points and 80. Mirrored left to right nothing changes.
# Seen on 2026-11-29; fails when that changes.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install --quiet --no-input ssimulacra2==0.3.0 numpy==2.2.6 scipy==1.15.3 pillow==12.0.0 2>/dev/null
cd "$work"
env/bin/python - <<'PY'
import numpy as np
from PIL import Image
from ssimulacra2 import compute_ssimulacra2

rows, columns = np.mgrid[:256, :256]
a = np.stack([128 + 60 * np.sin(rows / k) * np.cos(columns / (k + 2)) for k in (5, 9, 17)], 2)
b = a.copy()
b[:, :4] += np.random.default_rng(0).normal(0, 12, (256, 4, 3))  # faults in the four columns on the left
a, b = (v.clip(0, 255).round().astype(np.uint8) for v in (a, b))


def score(a, b):
    for name, pixels in (("a.png", a), ("b.png", b)):
        Image.fromarray(pixels).save(name)
    return compute_ssimulacra2("a.png", "b.png")


upright, mirrored, turned = score(a, b), score(a[:, ::-1], b[:, ::-1]), score(np.rot90(a), np.rot90(b))
print(f"upright {upright:.2f}, mirrored {mirrored:.2f}, turned by a quarter {turned:.2f}")
assert abs(upright - mirrored) < 0.01, "left and right differ now"
assert upright - turned > 5, "turning hardly matters any more"
PY
echo "as found: ssimulacra2 0.3.0 does not give turned pictures the score of upright ones"
