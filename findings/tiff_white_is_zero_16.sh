#!/usr/bin/env bash
# Pillow 13.0.0 turns 8-bit TIFFs whose photometric interpretation is WhiteIsZero into pictures (0 becomes white), but
# 16-bit ones it hands out as they are stored: the same picture is right at 8 bits and a negative at 16. tifffile is the
# witness for what the files hold. Seen on 2026-11-28; fails when that changes.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install --quiet --no-input pillow==13.0.0 tifffile==2025.5.10 numpy==2.2.6 2>/dev/null
cd "$work"
env/bin/python - <<'PY'
import numpy as np, tifffile
from PIL import Image

stored = np.array([[0, 64, 128, 255]] * 4, np.uint8)  # WhiteIsZero: 0 is white, 255 is black
tifffile.imwrite("8.tif", stored, photometric="miniswhite")
tifffile.imwrite("16.tif", stored.astype(np.uint16) * 257, photometric="miniswhite")
for name in ("8.tif", "16.tif"):
    with tifffile.TiffFile(name) as file:
        assert file.pages[0].photometric.name == "MINISWHITE", file.pages[0].photometric
eight, sixteen = (np.asarray(Image.open(name)) for name in ("8.tif", "16.tif"))
print(" 8 bits:", eight[0], "16 bits, high byte:", sixteen[0] // 257)
assert (eight == 255 - stored).all(), "8 bits were not inverted"
assert (sixteen // 257 == stored).all(), "16 bits are inverted now"
PY
echo "as found: Pillow 13.0.0 inverts WhiteIsZero at 8 bits and not at 16"
