"""ICC profiles of colours that a file names by numbers: PNG's gAMA and cHRM, and the code points of cICP and nclx.

A profile of three primaries and a curve (ICC.1:2022): what such numbers say, in the one form that our files carry.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

D50 = np.array([0.9642, 1.0, 0.8249])
BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
_D65, _DCI = (0.3127, 0.3290), (0.314, 0.351)
SRGB_PRIMARIES = (0.64, 0.33, 0.30, 0.60, 0.15, 0.06, *_D65)
SRGB, BT709 = "sRGB", "BT.709"

# ITU-T H.273: xy of red, green, blue and white
PRIMARIES: dict[int, tuple[str, tuple[float, ...]]] = {
    1: ("BT.709", SRGB_PRIMARIES),
    4: ("BT.470 M", (0.67, 0.33, 0.21, 0.71, 0.14, 0.08, 0.310, 0.316)),
    5: ("BT.601 625", (0.64, 0.33, 0.29, 0.60, 0.15, 0.06, *_D65)),
    6: ("BT.601 525", (0.630, 0.340, 0.310, 0.595, 0.155, 0.070, *_D65)),
    7: ("SMPTE 240M", (0.630, 0.340, 0.310, 0.595, 0.155, 0.070, *_D65)),
    9: ("BT.2020", (0.708, 0.292, 0.170, 0.797, 0.131, 0.046, *_D65)),
    11: ("DCI-P3", (0.680, 0.320, 0.265, 0.690, 0.150, 0.060, *_DCI)),
    12: ("Display P3", (0.680, 0.320, 0.265, 0.690, 0.150, 0.060, *_D65)),
    22: ("EBU 3213", (0.630, 0.340, 0.295, 0.605, 0.155, 0.077, *_D65)),
}
PQ, HLG = "PQ", "HLG"
TRANSFERS: dict[int, float | str] = {
    1: BT709, 4: 2.2, 5: 2.8, 6: BT709, 8: 1.0, 13: SRGB, 14: BT709, 15: BT709, 16: PQ, 17: 2.6, 18: HLG,
}  # fmt: skip
_PARAMETRIC = {  # type 3 of parametricCurveType: g, a, b, c, d
    SRGB: (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045),
    BT709: (1 / 0.45, 1 / 1.099, 0.099 / 1.099, 1 / 4.5, 0.081),
}


@dataclass(frozen=True)
class Colours:
    """What a file says of its numbers. primaries: xy of red, green, blue, white; transfer: an exponent, or a name.

    cicp: the code points themselves, for profiles of high dynamic range, which curves alone cannot say.
    """

    primaries: tuple[float, ...] = SRGB_PRIMARIES
    transfer: float | str = SRGB
    name: str = ""
    cicp: tuple[int, int, int, int] | None = None

    @property
    def hdr(self) -> bool:
        return self.transfer in (PQ, HLG)

    @property
    def usual(self) -> bool:
        """Whether they are those of a picture that says nothing."""
        near = np.abs(np.subtract(self.primaries, SRGB_PRIMARIES)).max() < 0.002
        curve = self.transfer in (SRGB, BT709) or (
            not isinstance(self.transfer, str) and abs(self.transfer - 2.2) < 0.03
        )
        return bool(near and curve)


def from_code_points(primaries: int, transfer: int, matrix: int = 0, full: int = 1) -> Colours | None:
    """Colours of H.273's numbers; None where they say nothing (2, or reserved). Unspecified parts are those of sRGB."""
    if primaries not in PRIMARIES and transfer not in TRANSFERS:
        return None
    name, xy = PRIMARIES.get(primaries, PRIMARIES[1])
    curve = TRANSFERS.get(transfer, SRGB)
    shown = curve if isinstance(curve, str) else f"gamma {curve:g}"
    return Colours(xy, curve, f"{name}, {shown}", (primaries, transfer, 0, full))


def profile(colours: Colours, *, grey: bool = False) -> bytes:
    """An ICC profile, version 4. grey: of one channel. Raises ValueError for primaries that span no space."""
    white, columns = _columns(colours.primaries)
    adaptation = _adaptation(white)
    curve = _curve(colours.transfer)
    tags = {
        b"desc": _text(colours.name or "gamma and primaries of the file"),
        b"cprt": _text("No copyright: made from numbers in a picture"),
        b"wtpt": _xyz(D50),
        b"chad": b"sf32" + bytes(4) + _fixed(adaptation.ravel()),
    }
    if colours.cicp and colours.hdr:
        tags[b"cicp"] = b"cicp" + bytes(4) + bytes(colours.cicp)
    if grey:
        tags[b"kTRC"] = curve
    else:
        for letter, column in zip(b"rgb", (adaptation @ columns).T):
            tags[bytes([letter]) + b"XYZ"] = _xyz(column)
            tags[bytes([letter]) + b"TRC"] = curve
    return _assembled(tags, b"GRAY" if grey else b"RGB ")


def _columns(primaries: tuple[float, ...]) -> tuple[np.ndarray, np.ndarray]:
    """XYZ of white, and of the three primaries as columns."""
    xy = np.reshape(primaries, (4, 2))
    if (xy[:, 1] <= 0).any():
        raise ValueError("a colour has no brightness")
    xyz = np.column_stack([xy, 1 - xy.sum(1)]) / xy[:, 1:]
    red_green_blue, white = xyz[:3].T, xyz[3]
    try:
        return white, red_green_blue * np.linalg.solve(red_green_blue, white)
    except np.linalg.LinAlgError:
        raise ValueError("the primaries span no space") from None


def _adaptation(white: np.ndarray) -> np.ndarray:
    """From that white to D50, by Bradford's cones (ICC.1:2022, annex E)."""
    to_d50: np.ndarray = np.linalg.inv(BRADFORD) @ np.diag(BRADFORD @ D50 / (BRADFORD @ white)) @ BRADFORD
    return to_d50


def _curve(transfer: float | str) -> bytes:
    if transfer in _PARAMETRIC:
        return b"para" + bytes(4) + struct.pack(">HH", 3, 0) + _fixed(_PARAMETRIC[transfer])
    if not isinstance(transfer, str):
        return b"para" + bytes(4) + struct.pack(">HH", 0, 0) + _fixed([transfer])
    e = np.linspace(0, 1, 1024)
    light = _pq(e) if transfer == PQ else _hlg(e)
    return b"curv" + bytes(4) + struct.pack(">I", len(e)) + np.round(65535 * light).astype(">u2").tobytes()


def _pq(e: np.ndarray) -> np.ndarray:
    """SMPTE ST 2084: light of a signal, 1 at 10,000 cd/m2."""
    p = e ** (32 / 2523)
    return (np.maximum(p - 107 / 128, 0) / (2413 / 128 - 2392 / 128 * p)) ** (16384 / 2610)


def _hlg(e: np.ndarray) -> np.ndarray:
    """BT.2100: light of a signal in the scene, 1 at its brightest."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    return np.where(e <= 0.5, e * e / 3, (np.exp((e - c) / a) + b) / 12)


def _fixed(values: ArrayLike) -> bytes:
    return np.round(np.asarray(values, float) * 65536).astype(">i4").tobytes()


def _xyz(values: np.ndarray) -> bytes:
    return b"XYZ " + bytes(4) + _fixed(values)


def _text(text: str) -> bytes:
    content = text.encode("utf-16-be")
    return b"mluc" + bytes(4) + struct.pack(">II2s2sII", 1, 12, b"en", b"US", len(content), 28) + content


def _assembled(tags: dict[bytes, bytes], space: bytes) -> bytes:
    """Header, table and contents; contents that are equal are kept once."""
    start = 128 + 4 + 12 * len(tags)
    places: dict[bytes, int] = {}
    body = b""
    for content in tags.values():
        if content not in places:
            places[content] = start + len(body)
            body += content + bytes(-len(content) % 4)
    table = b"".join(tag + struct.pack(">II", places[content], len(content)) for tag, content in tags.items())
    head = struct.pack(
        ">I4sI4s4s4s12s4s4sI4s4s8sI12s48s", start + len(body), b"", 0x04400000, b"mntr", space, b"XYZ ",
        struct.pack(">6H", 2026, 1, 1, 0, 0, 0), b"acsp", b"", 0, b"", b"", b"", 0, _fixed(D50), b"",
    )  # fmt: skip
    return head + struct.pack(">I", len(tags)) + table + body
