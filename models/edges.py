"""d(x) as a sketch: a binary edge map of luma, as the encoder makes it. Decoders only read edges.

Canny 1986, "A computational approach to edge detection", by scikit-image, on luma that is averaged to the size of the
map. The result is a level's content like any other: other versions of the library may sketch a picture otherwise, and
every decoder still shows what was sketched.
"""

from __future__ import annotations

import numpy as np

from ..errors import CodecError

LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601
SIGMA = 1.0  # of the smoothing, in positions of the map


def edge_map(x: np.ndarray, stride: int) -> np.ndarray:
    """1 where there is an edge, int32 (1, H/stride, W/stride). x: (3, H, W) in 0..255.

    Raises CodecError where scikit-image is not installed.
    """
    try:
        from skimage.feature import canny
    except ImportError:
        raise CodecError(
            "finding edges needs scikit-image, which is not installed: pip install 'selfvae-codec[edge]'"
        ) from None
    luma = np.tensordot(np.array(LUMA) / 255, x.astype(np.float64), 1)
    H, W = luma.shape
    luma = luma.reshape(H // stride, stride, W // stride, stride).mean((1, 3))
    return canny(luma, SIGMA, mode="nearest").astype(np.int32)[None]
