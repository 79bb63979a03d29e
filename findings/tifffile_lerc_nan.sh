#!/usr/bin/env bash
# tifffile 2026.3.3 reads NaN as 0.0 from TIFFs compressed with LERC: holes in a map of heights come up at sea level. LERC
# keeps NaN as a mask beside the numbers; rasterio (GDAL) puts them back, tifffile and the imagecodecs 2026.3.6 that it
# calls drop the mask without a word. So it is with files that GDAL wrote, and with tifffile's own, though the compression is
# exact by default. Two witnesses: rasterio on the very same file, and tifffile itself with deflate.
# Seen on 2026-11-30; fails when that changes.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install --quiet --no-input tifffile==2026.3.3 imagecodecs==2026.3.6 rasterio==1.4.4 \
    numpy==2.4.6 2>/dev/null
cd "$work"
env/bin/python -W ignore - <<'PY'
import numpy as np
import rasterio
import tifffile

rows, columns = np.mgrid[:64, :80]
heights = (500 + 100 * np.sin(columns / 5) * np.cos(rows / 7)).astype(np.float32)
heights[10:20, 30:50] = np.nan
holes = np.isnan(heights)


def by_gdal(name, compression):
    shape = {"height": 64, "width": 80, "count": 1, "dtype": "float32"}
    with rasterio.open(name, "w", driver="GTiff", compress=compression, **shape) as file:
        file.write(heights, 1)


def by_tifffile(name, compression):
    tifffile.imwrite(name, heights, compression=compression, photometric="minisblack")


for writer in (by_gdal, by_tifffile):
    for compression in ("deflate", "lerc"):
        writer("x.tif", compression)
        tiff, gdal = tifffile.imread("x.tif"), rasterio.open("x.tif").read(1)
        found = f"tifffile reads the holes as {tiff[holes].max()}, rasterio as {gdal[holes].max()}"
        print(f"{compression:7} written {writer.__name__:11}: {found}")
        assert (tiff[~holes] == heights[~holes]).all() and (gdal[~holes] == heights[~holes]).all(), "the rest is not exact"
        assert np.isnan(gdal[holes]).all(), "rasterio loses NaN too"
        as_found = np.isnan(tiff[holes]) if compression == "deflate" else tiff[holes] == 0
        assert as_found.all(), f"tifffile reads the holes of {compression} otherwise now"
PY
echo "as found: tifffile 2026.3.3 reads NaN as 0.0 from LERC"
