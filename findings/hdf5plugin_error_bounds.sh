#!/usr/bin/env bash
# hdf5plugin 7.1.0 takes an error bound for its lossy filters, and for some types of pixels ignores it without a word. SZ3
# "ensures that the resulting values will be within the provided absolute tolerance", but half floats come back as rubbish,
# here nothing but 0, and SZ spoils them too. Zfp refuses 8 and 16 bits, but takes 32-bit integers, on which accuracy has
# no effect: the pixels read back are the same for 0.01 and for 4, and in unsigned ones black becomes 4294967295 or so.
# 32-bit floats, the witness, keep every bound. Seen on 2026-11-30; fails when that changes.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install --quiet --no-input hdf5plugin==7.1.0 h5py==3.16.0 numpy==2.4.6 2>/dev/null
cd "$work"
env/bin/python - <<'PY'
import h5py
import hdf5plugin
import numpy as np

rows, columns = np.mgrid[:128, :160]
picture = (np.sin(columns / 5) * np.cos(rows / 7) + 1) / 2  # 0 to 1


def stored(x, compression):
    with h5py.File("x.h5", "w") as file:
        file.create_dataset("x", data=x, chunks=x.shape, compression=compression)
    with h5py.File("x.h5") as file:
        return file["x"][:]


def broken(name, bound, x):
    option = "accuracy" if name == "Zfp" else "absolute"
    y = stored(x, getattr(hdf5plugin, name)(**{option: bound}))
    error = np.abs(y.astype(float) - x.astype(float))
    share = float((~(error <= bound)).mean())  # NaN counts as broken
    print(f"{name:3} {option}={bound:<4} {x.dtype!s:7} {share:5.1%} of the pixels off by more, {x[0, 0]} became {y[0, 0]}")
    return share, y


for name in ("SZ", "SZ3", "Zfp"):
    assert broken(name, 0.01, picture.astype(np.float32))[0] == 0, f"{name} breaks its bound in 32-bit floats too"
for name in ("SZ", "SZ3"):
    assert broken(name, 0.01, picture.astype(np.float16))[0] > 0.3, f"{name} keeps its bound in half floats now"
grey = (picture * 200).round()
fine, coarse = (broken("Zfp", bound, grey.astype(np.int32)) for bound in (0.01, 4))
assert fine[0] > 0.3 and (fine[1] == coarse[1]).all(), "Zfp heeds accuracy for integers now"
_, y = broken("Zfp", 0.01, grey.astype(np.uint32))
print("Zfp: of", int((grey == 0).sum()), "black pixels", int((y[grey == 0] > 2**31).sum()), "became larger than", 2**31)
assert y.max() > 2**31, "Zfp no longer wraps unsigned pixels"
PY
echo "as found: hdf5plugin 7.1.0 lets lossy filters break their bounds in half floats and in 32-bit integers"
