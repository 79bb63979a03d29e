#!/usr/bin/env bash
# OpenCV 5.0.0 hands out a black picture of the right size for a TIFF whose compression it does not know (JPEG 2000, JPEG XL,
# JPEG XR or PNG inside). imread should return nothing when it cannot read a file, and does so for the same file with 16
# bits as stored, or with Zstandard. A data loader that looks for None learns from black pictures; only a line on standard
# error tells. pyvips 3.2.0 (libvips 8.18) does the same at every depth, and raises with fail_on="error".
# tifffile is the witness for what the files hold. Seen on 2026-11-30; fails when that changes.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install --quiet --no-input opencv-python-headless==5.0.0.93 pyvips==3.2.0 pyvips-binary==8.18.7 \
    tifffile==2026.3.3 imagecodecs==2026.3.6 numpy==2.4.6 2>/dev/null
cd "$work"
env/bin/python - 2>/dev/null <<'PY'
import cv2
import numpy as np
import pyvips
import tifffile

rows, columns = np.mgrid[:64, :80]
x = np.stack([128 + 60 * np.sin(rows / k) * np.cos(columns / (k + 2)) for k in (5, 9, 17)], 2).round().astype(np.uint8)


def seen(picture):
    return "nothing" if picture is None else "black" if not picture.any() else "a picture"


for compression in ("jpeg2000", "jpegxl", "jpegxr", "png", "zstd", "deflate"):
    unknown, row = compression in ("jpeg2000", "jpegxl", "jpegxr", "png"), {}
    for pixels, bits in ((x, 8), (x.astype(np.uint16) * 257, 16)):
        name = f"{compression}{bits}.tif"
        tifffile.imwrite(name, pixels, compression=compression, photometric="rgb")
        assert (tifffile.imread(name) == pixels).all(), name
        row[f"OpenCV, {bits} bits"] = seen(cv2.imread(name))
        row[f"{bits} bits as stored"] = seen(cv2.imread(name, cv2.IMREAD_UNCHANGED))
        row[f"pyvips, {bits} bits"] = seen(pyvips.Image.new_from_file(name).numpy())
    print(f"{compression:9}", ", ".join(f"{key}: {value}" for key, value in row.items()))
    known = compression == "deflate"
    opencv = ["black", "black", "black", "nothing"] if unknown else ["a picture" if known else "nothing"] * 4
    values = list(row.values())
    assert [values[i] for i in (0, 1, 3, 4)] == opencv, f"OpenCV reads {compression} otherwise now"
    assert values[2] == values[5] == ("a picture" if known else "black"), f"pyvips reads {compression} otherwise now"
try:
    pyvips.Image.new_from_file("png8.tif", fail_on="error").numpy()
    raise SystemExit("pyvips raises nothing with fail_on now")
except pyvips.Error:
    pass
PY
echo "as found: OpenCV 5.0.0 and pyvips 3.2.0 return black pictures for TIFFs that they cannot decode"
