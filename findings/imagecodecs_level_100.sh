#!/usr/bin/env bash
# imagecodecs 2026.3.6 has one argument, level, for all its formats, and the best of it is another thing in each. On 8-bit
# RGB: level=100 is exact in AVIF and JPEG XR; in JPEG XL it is lossy and yet larger than the exact file (no level); in
# JPEG 2000 it is lossy, the same bytes as level=70, and 0 is exact; in WebP every level is exact, and only
# lossless=False makes it a quality. Whoever sweeps level over formats compares other things than the numbers say.
# Seen on 2026-11-29; fails when that changes.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install --quiet --no-input imagecodecs==2026.3.6 numpy==2.4.6 2>/dev/null
cd "$work"
env/bin/python - <<'PY'
import imagecodecs
import numpy as np

rows, columns = np.mgrid[:64, :64]
waves = [128 + 60 * np.sin(columns / 5), 100 + 50 * np.cos(columns / 7 + rows / 9), 90 + 40 * np.sin(rows / 4)]
x = np.stack(waves, 2) + np.random.default_rng(0).normal(0, 6, (64, 64, 3))
x = x.clip(0, 255).round().astype(np.uint8)
LEVELS = (None, 0, 50, 70, 100)


def coded(name, level, **more):
    """Bytes, and the largest error."""
    data = getattr(imagecodecs, f"{name}_encode")(x, level=level, **more)
    back = getattr(imagecodecs, f"{name}_decode")(data)
    return data, int(np.abs(back.astype(int) - x).max())


made = {name: {level: coded(name, level) for level in LEVELS} for name in ("avif", "jpegxr", "jpegxl", "jpeg2k", "webp")}
for name, row in made.items():
    print(f"{name:7}", ", ".join(f"level {level}: {len(data)} bytes, error {error}" for level, (data, error) in row.items()))
for name, exact in {"avif": {100, None}, "jpegxr": {0, 100, None}, "jpegxl": {None}, "jpeg2k": {0, None}, "webp": set(LEVELS)}.items():
    found = {level for level, (_, error) in made[name].items() if error == 0}
    assert found == exact, f"{name} is exact at {found} now"
assert len(made["jpegxl"][100][0]) > len(made["jpegxl"][None][0]), "JPEG XL's level 100 is smaller than the exact file now"
assert made["jpeg2k"][70][0] == made["jpeg2k"][100][0], "JPEG 2000's levels 70 and 100 differ now"
lossy, error = coded("webp", 50, lossless=False)
assert error > 0 and len(lossy) < len(made["webp"][50][0]) / 4, "lossless=False is not what makes WebP lossy"
PY
echo "as found: imagecodecs 2026.3.6 means another thing by level=100 in each format"
