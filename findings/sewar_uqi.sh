#!/usr/bin/env bash
# uqi of sewar 0.4.10, the Universal Quality Index of Wang and Bovik, gives far too high marks: a picture against pure noise
# gets 0.81 where the index itself says 0.00, with much noise 0.98 (0.42), upside down 0.87 (-0.45). Its formula is the one
# for sums over a window, but what it puts in are means, so that the product of the means drowns the covariance. Two
# witnesses agree with each other: the index from its definition, and scikit-image's SSIM with both constants at nothing,
# which is the same index. Seen on 2026-11-30; fails when that changes.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install --quiet --no-input sewar==0.4.10 scikit-image==0.26.0 scipy==1.17.1 numpy==2.4.6 2>/dev/null
cd "$work"
env/bin/python - <<'PY'
import numpy as np
from sewar import uqi
from skimage.metrics import structural_similarity

rows, columns = np.mgrid[:192, :256]
random = np.random.default_rng(0)
a = (128 + 60 * np.sin(rows / 5) * np.cos(columns / 7)).round().astype(np.uint8)
others = {
    "itself": a,
    "with much noise": (a + random.normal(0, 25, a.shape)).clip(0, 255).round().astype(np.uint8),
    "upside down and moved": np.roll(a[::-1], 37, 1),
    "pure noise": random.integers(0, 256, a.shape).astype(np.uint8),
}


def defined(a, b, size=8):
    """4 cov(a, b) mean(a) mean(b) / ((var a + var b) (mean(a)^2 + mean(b)^2)), averaged over all windows."""
    a, b = (np.lib.stride_tricks.sliding_window_view(v.astype(float), (size, size)) for v in (a, b))
    p, q = a.mean((2, 3)), b.mean((2, 3))
    cov = (a * b).mean((2, 3)) - p * q
    return float((4 * cov * p * q / ((a.var((2, 3)) + b.var((2, 3))) * (p * p + q * q))).mean())


for name, b in others.items():
    found, truth = float(uqi(a, b)), defined(a, b)
    ssim = structural_similarity(a, b, win_size=7, K1=1e-9, K2=1e-9, use_sample_covariance=False)
    print(f"{name:22} sewar {found:.2f}, by the definition {truth:.2f}, scikit-image (window of 7) {ssim:.2f}")
    assert abs(ssim - truth) < 0.1, "the two witnesses differ"
    assert (abs(found - truth) < 1e-6) if name == "itself" else found > truth + 0.3, f"{name}: sewar's mark is another now"
assert uqi(a, others["pure noise"]) > 0.7, "pure noise does not get a high mark any more"
PY
echo "as found: sewar 0.4.10 gives pure noise a Universal Quality Index of about 0.8"
