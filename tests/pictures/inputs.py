"""Pictures as people have them, and what becomes of each: the table of docs/inputs.md, held to the code by a test.

python tests/pictures/inputs.py > docs/inputs.md
"""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageCms, ImageOps, TiffImagePlugin

from selfvae_codec.errors import ImageError, PictureWarning
from selfvae_codec.pictures import png, profiles, reading

SIZE = (21, 17)
RNG = np.random.default_rng(7)
DEEP = RNG.integers(0, 65536, (SIZE[1], SIZE[0], 4), dtype=np.uint16)
RGB = Image.fromarray((DEEP[..., :3] >> 8).astype(np.uint8))
GREY = RGB.convert("L")
RGBA = Image.fromarray((DEEP >> 8).astype(np.uint8))
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
P3 = profiles.profile(profiles.from_code_points(12, 13))


class Input(NamedTuple):
    format: str
    what: str
    make: Callable[[], bytes]
    becomes: str  # as ``outcome`` has it


def saved(image: Image.Image, name: str = "PNG", **options) -> bytes:
    buffer = io.BytesIO()
    image.copy().save(buffer, name, **options)  # a copy, since Pillow leaves settings of one format to the next
    return buffer.getvalue()


def exif(**tags) -> Image.Exif:
    made = Image.Exif()
    for tag, value in tags.items():
        made[int(tag.strip("t"))] = value
    return made


def with_chunks(data: bytes, *added: tuple[bytes, bytes]) -> bytes:
    """A PNG with chunks after its head."""
    chunks = b"".join(
        struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        for kind, content in added
    )
    return data[:33] + chunks + data[33:]


def tiff16(
    channels: int,
    *,
    order: str = "<",
    photometric: int | None = None,
    planar: bool = False,
    packed: bool = False,
    orientation: int = 1,
) -> bytes:
    """A TIFF of 16 bits: one strip, or one for each plane."""
    x = DEEP[..., :channels]
    planes = [x[..., c] for c in range(channels)] if planar else [x]
    strips = [plane.astype(order + "u2").tobytes() for plane in planes]
    strips = [zlib.compress(strip) for strip in strips] if packed else strips
    tags = TiffImagePlugin.ImageFileDirectory_v2(prefix=b"II" if order == "<" else b"MM")
    layout = {256: SIZE[0], 257: SIZE[1], 258: (16,) * channels, 259: 8 if packed else 1, 277: channels, 278: SIZE[1]}
    layout |= {262: (2 if channels > 2 else 1) if photometric is None else photometric, 284: 2 if planar else 1}
    layout |= {279: tuple(map(len, strips)), 273: tuple(int(s) for s in np.cumsum([0, *map(len, strips)])[:-1])}
    layout |= {338: (2,)} if channels == 4 else {}
    layout |= {274: orientation}
    for tag, value in layout.items():
        tags[tag] = value
    file = io.BytesIO()
    tags.save(file)
    return file.getvalue() + b"".join(strips)


def png16(channels: int, *chunks: tuple[bytes, bytes]) -> bytes:
    return png.pack(DEEP[..., :channels], list(chunks))


def ppm16(plain: bool = False) -> bytes:
    x = DEEP[..., :3]
    if plain:
        return b"P3 %d %d 65535\n" % SIZE + b" ".join(b"%d" % v for v in x.ravel())
    return b"P6 %d %d 65535\n" % SIZE + x.astype(">u2").tobytes()


def sgi16() -> bytes:
    head = struct.pack(">HBBHHHH", 474, 0, 2, 3, *SIZE, 3).ljust(512, b"\0")
    return head + np.moveaxis(DEEP[::-1, :, :3], 2, 0).astype(">u2").tobytes()


def jpeg2000(bits: int) -> bytes:
    """A JPEG 2000 file that says it has so many bits: the header alone is read before it is refused."""
    data = bytearray(saved(RGB, "JPEG2000"))
    start = data.find(b"\xff\x4f\xff\x51") + 42
    data[start : start + 9 : 3] = bytes([bits - 1] * 3)
    return bytes(data)


def avif(code_points: tuple[int, int] | None = None) -> bytes:
    """An AVIF, of other colours if it is told so."""
    data = bytearray(saved(RGB, "AVIF", quality=50))
    if code_points:
        at = data.find(b"colrnclx") + 8
        data[at : at + 4] = struct.pack(">HH", *code_points)
    return bytes(data)


def deep_avif(bits: int) -> bytes:
    """An AVIF of more than 8 bits, which Pillow does not write."""
    import imagecodecs

    return bytes(imagecodecs.avif_encode(DEEP[..., :3] >> 16 - bits, bitspersample=bits))


def jpeg_with(*segments: tuple[int, bytes], tail: bytes = b"") -> bytes:
    data = saved(RGB, "JPEG", quality=90)
    added = b"".join(b"\xff" + bytes([marker]) + struct.pack(">H", len(s) + 2) + s for marker, s in segments)
    return data[:2] + added + data[2:] + tail


def xmp_segment(inside: str) -> tuple[int, bytes]:
    text = f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">{inside}</rdf:RDF></x:xmpmeta>'
    return 0xE1, b"http://ns.adobe.com/xap/1.0/\0" + text.encode()


GAIN_MAP = '<rdf:Description xmlns:hdrgm="http://ns.adobe.com/hdr-gain-map/1.0/" hdrgm:Version="1.0"/>'
MOTION = '<rdf:Description xmlns:GCamera="http://ns.google.com/photos/1.0/camera/" GCamera:MotionPhoto="1"/>'


def cmyk_profile() -> bytes:
    """A profile of four inks: a coarse table of what they look like, made here (ICC.1:2022, lut16Type)."""
    grid = np.stack(np.meshgrid(*[np.linspace(0, 1, 2)] * 4, indexing="ij"), -1).reshape(-1, 4)
    light = (1 - grid[:, :3]) * (1 - grid[:, 3:])
    lab = np.column_stack(
        [light @ [0.3, 0.6, 0.1], 0.5 + 0.3 * (light[:, 0] - light[:, 1]), 0.5 + 0.3 * (light[:, 1] - light[:, 2])]
    )
    identity = struct.pack(">9i", *(65536 if i % 4 == 0 else 0 for i in range(9)))
    ramp = struct.pack(">HH", 0, 65535)
    table = b"mft2" + bytes(4) + bytes([4, 3, 2, 0]) + identity + struct.pack(">HH", 2, 2) + ramp * 4
    table += np.round(lab * 65280).astype(">u2").tobytes() + ramp * 3
    text = b"desc" + bytes(4) + struct.pack(">I", 6) + b"press\0" + bytes(78)
    white = b"XYZ " + bytes(4) + struct.pack(">3i", 63190, 65536, 54061)
    tags = {b"desc": text, b"cprt": b"text" + bytes(4) + b"none\0", b"wtpt": white, b"A2B0": table}
    body, places, start = b"", [], 128 + 4 + 12 * len(tags)
    for tag, content in tags.items():
        places.append(tag + struct.pack(">II", start + len(body), len(content)))
        body += content + bytes(-len(content) % 4)
    head = struct.pack(
        ">I4sI4s4s4s12s4s", start + len(body), b"", 0x02400000, b"prtr", b"CMYK", b"Lab ", bytes(12), b"acsp"
    )
    return (
        (head.ljust(68, b"\0") + white[8:]).ljust(128, b"\0") + struct.pack(">I", len(tags)) + b"".join(places) + body
    )


CHRM = struct.pack(">8I", *(round(100000 * v) for v in (0.3127, 0.329, 0.68, 0.32, 0.265, 0.69, 0.15, 0.06)))
PALETTE = RGB.convert("P", palette=Image.Palette.ADAPTIVE)

INPUTS = [
    Input("PNG", "RGB, 8 bits", lambda: saved(RGB), "8 bits, colour"),
    Input("PNG", "grey, 8 bits", lambda: saved(GREY), "8 bits, grey"),
    Input("PNG", "black and white, 1 bit", lambda: saved(GREY.convert("1")), "8 bits, grey"),
    Input("PNG", "palette", lambda: saved(PALETTE), "8 bits, colour"),
    Input("PNG", "palette with a transparent colour", lambda: saved(PALETTE, transparency=0), "8 bits, colour, alpha"),
    Input(
        "PNG",
        "RGB with a transparent colour",
        lambda: saved(RGB, transparency=RGB.getpixel((0, 0))),
        "8 bits, colour, alpha",
    ),
    Input("PNG", "RGBA", lambda: saved(RGBA), "8 bits, colour, alpha"),
    Input("PNG", "grey with alpha", lambda: saved(RGBA.convert("LA")), "8 bits, grey, alpha"),
    Input("PNG", "alpha that is opaque everywhere", lambda: saved(RGB.convert("RGBA")), "8 bits, colour"),
    Input("PNG", "grey, 16 bits", lambda: png16(1), "16 bits, grey"),
    Input("PNG", "RGB, 16 bits", lambda: png16(3), "16 bits, colour"),
    Input("PNG", "RGBA, 16 bits", lambda: png16(4), "16 bits, colour, alpha"),
    Input("PNG", "grey with alpha, 16 bits", lambda: png16(2), "16 bits, grey, alpha"),
    Input(
        "PNG",
        "RGB, 16 bits, a transparent colour",
        lambda: png16(3, (b"tRNS", DEEP[0, 0, :3].astype(">u2").tobytes())),
        "16 bits, colour, alpha",
    ),
    Input("PNG", "ICC profile", lambda: saved(RGB, icc_profile=P3), "8 bits, colour, ICC"),
    Input(
        "PNG",
        "EXIF, turned by 90 degrees",
        lambda: saved(RGB, exif=exif(t274=6, t271="maker")),
        "8 bits, colour, turned, EXIF",
    ),
    Input("PNG", "300 dpi", lambda: saved(RGB, dpi=(300, 300)), "8 bits, colour, EXIF"),
    Input(
        "PNG", "gAMA of sRGB", lambda: with_chunks(saved(RGB), (b"gAMA", struct.pack(">I", 45455))), "8 bits, colour"
    ),
    Input(
        "PNG",
        "gAMA of linear light",
        lambda: with_chunks(saved(RGB), (b"gAMA", struct.pack(">I", 100000))),
        "8 bits, colour, ICC",
    ),
    Input(
        "PNG",
        "cHRM of P3",
        lambda: with_chunks(saved(RGB), (b"gAMA", struct.pack(">I", 45455)), (b"cHRM", CHRM)),
        "8 bits, colour, ICC",
    ),
    Input("PNG", "cICP of sRGB", lambda: with_chunks(saved(RGB), (b"cICP", bytes([1, 13, 0, 1]))), "8 bits, colour"),
    Input(
        "PNG",
        "cICP of Display P3",
        lambda: with_chunks(saved(RGB), (b"cICP", bytes([12, 13, 0, 1]))),
        "8 bits, colour, ICC",
    ),
    Input(
        "PNG",
        "cICP of HDR, 16 bits",
        lambda: png16(3, (b"cICP", bytes([9, 16, 0, 1]))),
        "16 bits, colour, ICC; it says: is of high dynamic range (BT.2020, PQ): few programs heed its profile",
    ),
    Input(
        "PNG",
        "text",
        lambda: with_chunks(saved(RGB), (b"tEXt", b"Author\0me")),
        "8 bits, colour; it says: left out: text (Author)",
    ),
    Input(
        "PNG",
        "two megabytes of packed text",
        lambda: with_chunks(saved(RGB), (b"zTXt", b"Log\0\0" + zlib.compress(bytes(2 << 20)))),
        "8 bits, colour; it says: left out: text (Log)",
    ),
    Input(
        "PNG",
        "bytes after its end",
        lambda: saved(RGB) + b"more",
        "8 bits, colour; it says: left out: 4 bytes after its end",
    ),
    Input(
        "APNG",
        "two frames",
        lambda: saved(RGB, save_all=True, append_images=[ImageOps.invert(RGB)]),
        "refused: holds 2 frames; extract one of them first",
    ),
    Input("JPEG", "RGB", lambda: saved(RGB, "JPEG"), "8 bits, colour"),
    Input("JPEG", "grey", lambda: saved(GREY, "JPEG"), "8 bits, grey"),
    Input(
        "JPEG",
        "EXIF, turned by 180 degrees",
        lambda: saved(RGB, "JPEG", exif=exif(t274=3, t271="maker")),
        "8 bits, colour, turned, EXIF",
    ),
    Input("JPEG", "XMP", lambda: jpeg_with(xmp_segment("")), "8 bits, colour, XMP"),
    Input(
        "JPEG", "comment", lambda: saved(RGB, "JPEG", comment=b"hello"), "8 bits, colour; it says: left out: comment"
    ),
    Input(
        "JPEG",
        "IPTC",
        lambda: jpeg_with((0xED, b"Photoshop 3.0\x008BIM\x04\x04\0\0\0\0\0\4\x1c\x02\0\0")),
        "8 bits, colour; it says: left out: IPTC",
    ),
    Input(
        "JPEG",
        "gain map (Ultra HDR)",
        lambda: jpeg_with(xmp_segment(GAIN_MAP)),
        "8 bits, colour, XMP; it says: left out: gain map",
    ),
    Input(
        "JPEG",
        "gain map (ISO 21496-1)",
        lambda: jpeg_with((0xE2, b"urn:iso:std:iso:ts:21496:-1\0\0\0\0\0")),
        "8 bits, colour; it says: left out: gain map",
    ),
    Input(
        "JPEG",
        "motion photo",
        lambda: jpeg_with(xmp_segment(MOTION), tail=b"\0\0\0\x18ftypmp42" + bytes(32)),
        "8 bits, colour, XMP; it says: left out: motion video",
    ),
    Input(
        "JPEG",
        "CMYK without a profile",
        lambda: saved(RGB.convert("CMYK"), "JPEG"),
        "refused: has mode CMYK: its colours have no RGB values without a press's profile; convert with it first",
    ),
    Input(
        "JPEG",
        "CMYK with a profile",
        lambda: saved(RGB.convert("CMYK"), "JPEG", icc_profile=cmyk_profile()),
        "8 bits, colour; it says: CMYK colours were converted to sRGB by the picture's profile (press)",
    ),
    Input(
        "JPEG",
        "12 bits",
        lambda: saved(RGB, "JPEG").replace(b"\xff\xc0\0\x11\x08", b"\xff\xc1\0\x11\x0c"),
        "refused: has 12 bits per channel; more than 8 are read as 16, from PNG and TIFF: convert it first",
    ),
    Input("JPEG", "cut off", lambda: saved(RGB, "JPEG")[:400], "refused: is a damaged picture (Truncated File Read)"),
    Input(
        "MPO",
        "two views",
        lambda: saved(RGB, "MPO", save_all=True, append_images=[RGB]),
        "8 bits, colour; it says: left out: second picture",
    ),
    Input("TIFF", "RGB, LZW", lambda: saved(RGB, "TIFF", compression="tiff_lzw"), "8 bits, colour"),
    Input("TIFF", "grey, 16 bits", lambda: saved(Image.fromarray(DEEP[..., 0]), "TIFF"), "16 bits, grey"),
    Input("TIFF", "grey, 16 bits, white is zero", lambda: tiff16(1, photometric=0), "16 bits, grey, inverted"),
    Input("TIFF", "RGB, 16 bits, little-endian", lambda: tiff16(3), "16 bits, colour"),
    Input("TIFF", "RGBA, 16 bits, big-endian", lambda: tiff16(4, order=">"), "16 bits, colour, alpha"),
    Input(
        "TIFF",
        "RGB, turned by 90 degrees",
        lambda: saved(RGB, "TIFF", exif=exif(t274=6)),
        "8 bits, colour, turned",
    ),
    Input("TIFF", "RGB, 16 bits, turned by 90 degrees", lambda: tiff16(3, orientation=6), "16 bits, colour, turned"),
    Input("TIFF", "RGB, 16 bits, deflated", lambda: tiff16(3, packed=True), "16 bits, colour"),
    Input("TIFF", "RGB, 16 bits, separate planes", lambda: tiff16(3, planar=True), "16 bits, colour"),
    Input(
        "TIFF",
        "RGB, 16 bits, separate planes, deflated",
        lambda: tiff16(3, planar=True, packed=True),
        "refused: has 16 bits per channel in separate, compressed planes; save it with interleaved channels",
    ),
    Input(
        "TIFF",
        "32-bit floating point",
        lambda: saved(GREY.convert("F"), "TIFF"),
        "refused: has 32 bits per channel; more than 8 are read as 16, from PNG and TIFF: convert it first",
    ),
    Input(
        "TIFF",
        "L*a*b*",
        lambda: saved(Image.new("LAB", SIZE), "TIFF"),
        "refused: has mode LAB, which is not supported; convert to RGB or grey of 8 or 16 bits first",
    ),
    Input(
        "TIFF",
        "two pages",
        lambda: saved(RGB, "TIFF", save_all=True, append_images=[GREY]),
        "refused: holds 2 frames; extract one of them first",
    ),
    Input(
        "TIFF",
        "raw photograph (DNG)",
        lambda: saved(RGB, "TIFF", tiffinfo={50706: b"\1\4\0\0"}),
        "refused: is a raw photograph (DNG), of which only a preview could be read; develop it first",
    ),
    Input("PPM", "RGB", lambda: saved(RGB, "PPM"), "8 bits, colour"),
    Input(
        "PPM",
        "16 bits",
        ppm16,
        "refused: has 16 bits per channel; more than 8 are read as 16, from PNG and TIFF: convert it first",
    ),
    Input(
        "PPM",
        "16 bits, plain",
        lambda: ppm16(plain=True),
        "refused: has 16 bits per channel; more than 8 are read as 16, from PNG and TIFF: convert it first",
    ),
    Input(
        "SGI",
        "16 bits",
        sgi16,
        "refused: has 16 bits per channel; more than 8 are read as 16, from PNG and TIFF: convert it first",
    ),
    Input("JPEG 2000", "RGB", lambda: saved(RGB, "JPEG2000"), "8 bits, colour"),
    Input(
        "JPEG 2000",
        "12 bits",
        lambda: jpeg2000(12),
        "refused: has 12 bits per channel; more than 8 are read as 16, from PNG and TIFF: convert it first",
    ),
    Input("AVIF", "8 bits", avif, "8 bits, colour"),
    Input(
        "AVIF",
        "10 bits",
        lambda: deep_avif(10),
        "refused: has 10 bits per channel; more than 8 are read as 16, from PNG and TIFF: convert it first",
    ),
    Input("AVIF", "Display P3", lambda: avif((12, 13)), "8 bits, colour, ICC"),
    Input("WebP", "RGBA, lossless", lambda: saved(RGBA, "WEBP", lossless=True, exact=True), "8 bits, colour, alpha"),
    Input(
        "WebP",
        "animation",
        lambda: saved(RGB, "WEBP", save_all=True, append_images=[ImageOps.invert(RGB)]),
        "refused: holds 2 frames; extract one of them first",
    ),
    Input("GIF", "one frame", lambda: saved(PALETTE, "GIF"), "8 bits, colour"),
    Input(
        "GIF",
        "animation",
        lambda: saved(RGB, "GIF", save_all=True, append_images=[ImageOps.invert(RGB)]),
        "refused: holds 2 frames; extract one of them first",
    ),
    Input("BMP", "RGB, 96 dpi", lambda: saved(RGB, "BMP"), "8 bits, colour, EXIF"),
    Input(
        "ICO",
        "two sizes",
        lambda: saved(RGB.resize((32, 32)), "ICO", sizes=[(16, 16), (32, 32)]),
        "8 bits, colour; it says: left out: other sizes",
    ),
    Input("TGA", "RGBA", lambda: saved(RGBA, "TGA"), "8 bits, colour, alpha"),
    Input("TGA", "palette, RGBA", lambda: saved(RGBA.quantize(64), "TGA"), "8 bits, colour, alpha"),
    Input("QOI", "RGB", lambda: saved(RGB, "QOI"), "8 bits, colour"),
    Input("-", "empty file", lambda: b"", "refused: is empty (0 bytes), not a picture"),
    Input("-", "text", lambda: b"hello, world", "refused: is not a picture in a format that Pillow reads"),
    Input("-", "a coded file", lambda: b"\x8aSVA" + bytes(60), "refused: is a coded file already: decode it"),
]


def outcome(data: bytes) -> str:
    """What becomes of a file, in words."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always", PictureWarning)
        try:
            picture = reading.from_bytes(data)
        except ImageError as error:
            return f"refused: {error}".partition(" (cannot")[0].partition(" (image file")[0]
    words = [f"{picture.depth} bits", "grey" if picture.grey else "colour"]
    words += ["alpha"] * (picture.alpha is not None)
    if picture.rgb.shape[:2] == SIZE[::-1] and picture.depth == 8 and not np.array_equal(picture.rgb, np.array(RGB)):
        words += ["turned"] * bool(_turned(picture.rgb))
    words += ["turned"] * (picture.rgb.shape[:2] == SIZE)
    words += ["inverted"] * (picture.depth == 16 and np.array_equal(picture.rgb[..., 0], 65535 - DEEP[..., 0]))
    kept = {"ICC": picture.metadata.icc, "EXIF": picture.metadata.exif, "XMP": picture.metadata.xmp}
    words += [name for name, content in kept.items() if content]
    return "; it says: ".join([", ".join(words), *(str(warning.message) for warning in said)])


def _turned(x: np.ndarray) -> bool:
    """Whether a picture is more like the one turned by 180 degrees."""
    a = np.array(RGB).astype(int)
    return np.abs(x - a[::-1, ::-1]).mean() < np.abs(x - a).mean()


def table() -> str:
    rows = [f"| {i.format} | {i.what} | {i.becomes} |" for i in INPUTS]
    return "\n".join(["| file | holds | becomes |", "|---|---|---|", *rows])


if __name__ == "__main__":
    print(table())
