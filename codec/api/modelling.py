"""What the model makes without a file: pictures of its own, pictures of which it is told a part."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from ..models.config import DEFAULT_MODEL
from .checks import check_seed, check_whole
from .encoding import check_settings

if TYPE_CHECKING:
    import numpy as np
    from PIL import Image

    from ..coding.modes import Reconstruction
    from ..pictures.imaging import Picture


def generate(size: tuple[int, int], seed: int, *, model: str = DEFAULT_MODEL, backend: str = "auto") -> np.ndarray:
    """A picture drawn from the model alone, uint8 (H, W, 3). size: (width, height), as in Pillow; model: its name.

    seed: 0 or more; the same one draws the same picture. Raises ImageError for sizes that no file has, CodecError for
    a seed out of range.
    """
    from ..coding import modes
    from ..pictures import imaging

    width, height = size
    check_whole(width=width, height=height)
    check_seed(seed=seed)
    imaging.check_size(width, height)
    return modes.generate(height, width, seed=seed, model=model, backend=backend)


def reconstruct(
    image: np.ndarray | Image.Image | Picture,
    given: Iterable[str] = ("y", "z"),
    *,
    seed: int | None = None,
    quality: float = 50,
    model: str = DEFAULT_MODEL,
    backend: str = "auto",
) -> Reconstruction:
    """What the model makes of a picture of which it is given some variables: the modes of the paper, as one function.

    given: nothing, ("y",), ("y", "z"), ("u",), ("u", "z") or ("y", "z", "x"); these are taken from the picture, as an
    encoder takes them. All else is what the model expects, or with ``seed`` a draw from it; the same seed draws the
    same. quality: as in ``encode``; at 100, or where x is given, the stream ends with the exact pixels x.

    Returns the picture, uint8 (H, W, 3), without alpha, and ``bits``, what each variable that was given costs.
    Raises ImageError for a picture that cannot be coded, CodecError for settings out of range.
    """
    from ..choice import encoder
    from ..coding import depth
    from ..pictures import imaging

    check_settings(quality=quality)
    check_seed(seed=seed)
    picture = imaging.as_picture(image)
    return encoder.reconstruct(
        depth.to_8(picture.rgb), given, seed=seed, quality=quality, grey=picture.grey, model=model, backend=backend
    )


def set_threads(count: int | None) -> None:
    """How many threads networks run on from now on, in this process; None: as many as there are cores.

    Files and pictures are the same for any number. Raises ValueError for a count below 1, TypeError for one that is no
    whole number.
    """
    from ..models.exact import backends

    backends.set_threads(count)
