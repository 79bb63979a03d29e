#!/usr/bin/env bash
# pydicom 3.0.2 knows that near-lossless JPEG-LS can turn the largest signed pixels into the smallest, and so refuses such
# pixels. But it looks only where they come as an array. Dataset.compress of the pixels that a data set holds already, the
# usual way, takes them: with jls_error=2 ("the allowed absolute compression error") white comes back as black, 4095 off.
# JPEG-LS codes unsigned numbers, so 2047 is followed by -2048. Seen on 2026-11-30; fails when that changes.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install --quiet --no-input pydicom==3.0.2 pyjpegls==1.5.1 numpy==2.4.6 2>/dev/null
cd "$work"
env/bin/python - <<'PY'
import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, JPEGLSLossless, JPEGLSNearLossless, generate_uid

rows, columns = np.mgrid[:64, :64]
x = 2500 * np.sin(columns / 5) * np.cos(rows / 7) + np.random.default_rng(0).normal(0, 5, (64, 64))
x = x.clip(-2048, 2047).round().astype(np.int16)  # 12 bits, signed; the brightest and the darkest parts are clipped


def dataset():
    d = Dataset()
    d.file_meta = FileMetaDataset()
    d.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    d.SOPClassUID, d.SOPInstanceUID = CTImageStorage, generate_uid()
    d.Rows, d.Columns, d.SamplesPerPixel, d.PhotometricInterpretation = *x.shape, 1, "MONOCHROME2"
    d.BitsAllocated, d.BitsStored, d.HighBit, d.PixelRepresentation = 16, 12, 11, 1
    d.add_new("PixelData", "OW", x.astype("<i2").tobytes())
    return d


assert (dataset().pixel_array == x).all()
error = {}
for syntax, more in ((JPEGLSLossless, {}), (JPEGLSNearLossless, {"jls_error": 2})):
    d = dataset()
    d.compress(syntax, **more)
    error[syntax] = np.abs(d.pixel_array.astype(int) - x)
    many = int((error[syntax] > 2).sum())
    print(f"{syntax.name}: largest error {error[syntax].max()}, {many} of {x.size} pixels off by more than 2")
try:
    dataset().compress(JPEGLSNearLossless, x, jls_error=2)
    raise SystemExit("the same pixels as an array are taken now")
except ValueError as refusal:
    print("the same pixels as an array:", refusal)
assert error[JPEGLSLossless].max() == 0, "lossless is not exact any more"
assert error[JPEGLSNearLossless].max() > 4000, "near-lossless keeps its bound or refuses now"
PY
echo "as found: pydicom 3.0.2 flips white to black with jls_error=2 where the data set brings its own pixels"
