"""One picture through the whole codec: what each level costs, as a table, and shows, as pictures."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

import numpy as np

import selfvae_codec

from ..coding.depth import to_8
from ..errors import CodecError, ImageError
from ..format import container
from ..pictures import files, imaging
from ..pictures.psnr import psnr_db

# Photographs that packages ship, by package: the first that is installed is the demo's picture.
_SHIPPED = {
    "skimage": "data/coffee.png",
    "sklearn": "datasets/images/china.jpg",
    "matplotlib": "mpl-data/sample_data/grace_hopper.jpg",
}


def find_picture() -> Path:
    """A photograph that an installed package ships. Raises ImageError if there is none."""
    for package, name in _SHIPPED.items():
        spec = importlib.util.find_spec(package)  # finds the folder without importing the package
        if spec is not None and spec.origin is not None:
            path = Path(spec.origin).parent / name
            if path.is_file():
                return path
    raise ImageError("give a picture; no installed package ships one (pip install 'selfvae-codec[demo]')")


def run(path: Path | None, folder: Path, *, quality: float = 50, backend: str = "auto") -> list[str]:
    """Encodes a picture, decodes it at every level, writes all into ``folder``; returns the table's lines.

    A row's bytes are those of the file cut after that level, header included; its PSNR is that of the colours. Files of
    an earlier demo are replaced, so that the folder may not be the picture's own. Raises what the codec raises.
    """
    path = find_picture() if path is None else path
    if any(files.same(folder, own.parent) for own in (path, Path(os.path.realpath(path)))):
        raise CodecError(f"the pictures of a demo replace others of their names: give another folder than {folder}")
    original = imaging.from_bytes(files.read(path))
    folder.mkdir(parents=True, exist_ok=True)
    x = original.rgb if original.alpha is None else np.dstack([original.rgb, original.alpha])
    outputs = [(f"{path.stem}.png", imaging.to_bytes(x, "PNG", grey=original.grey))]
    data = selfvae_codec.encode(original, quality=quality, backend=backend)
    outputs.append((f"{path.stem}.svae", data))

    header = container.read_header(data)
    lines = [
        f"{path.name}: {header.width}x{header.height}, quality {quality:g}",
        f"{'level':>5}  {'name':<5}{'bytes':>9}{'bpp':>8}{'PSNR dB':>9}  picture",
    ]
    for level in header.levels:
        x = selfvae_codec.decode(data, level.index, dtype="uint8", backend=backend)
        name = f"{path.stem}-level{level.index}.png"
        outputs.append((name, imaging.to_bytes(x, "PNG", grey=header.grey)))
        lines.append(
            f"{level.index:>5}  {level.name:<5}{level.end:>9,}{header.bpp(level.end):>8.3f}"
            f"{psnr_db(x[..., :3], to_8(original.rgb)):>9.2f}  {folder / name}"
        )
    for name, content in outputs:
        with files.Output(folder / name) as output:
            output.write(content)
    return lines
