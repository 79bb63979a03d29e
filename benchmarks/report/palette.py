"""One colour per codec, the same in every chart; a light and a dark shade of each."""

from __future__ import annotations

COLOURS = {  # key: (on light, on dark)
    "ours": ("#d6244f", "#ff6f8f"),
    "ours-embedded": ("#e07b00", "#ffb14a"),
    "ours-psnr": ("#b5502a", "#ff9d72"),
    "ours-edge": ("#8a1f6b", "#d77fc0"),
    "jpeg420": ("#8d8d8d", "#8f959c"),
    "jpeg444": ("#a98a5b", "#c2a878"),
    "webp": ("#2b9348", "#5fd07c"),
    "jpeg2000": ("#7048c8", "#a98bff"),
    "jpegxl": ("#1769c2", "#63b0ff"),
    "avif": ("#0a8a96", "#3cc9d4"),
    "avif-psnr": ("#0b5f8a", "#7fd3ee"),
    "avif-ssimulacra2": ("#116b4f", "#5fd3a8"),
    "heif": ("#8c5a46", "#d19a83"),
}
PUBLISHED = [("#3b3f46", "#d5d9df"), ("#6b7078", "#a9afb8"), ("#9a9fa8", "#7d838d")]
DASHES = ("6 3", "2 3", "8 3 2 3", "10 4", "1 4", "5 2 1 2", "12 3", "3 6")


def base_key(key: str) -> str:
    """'webp' for 'webp-lossless': a format keeps its colour across tables."""
    return key.removesuffix("-lossless") if key not in COLOURS else key


def colour(key: str, index: int = 0, published: bool = False) -> tuple[str, str]:
    """(light, dark) of a codec; published and unknown ones get greys by ``index``."""
    if not published and base_key(key) in COLOURS:
        return COLOURS[base_key(key)]
    return PUBLISHED[index % len(PUBLISHED)]


def css_name(key: str) -> str:
    """A class name: letters, digits and hyphens only."""
    return "c-" + "".join(ch if ch.isalnum() else "-" for ch in key)


def stylesheet(keys: list[tuple[str, int, bool]], dark_selector: str | None = None) -> str:
    """CSS that gives each (key, index, published) its colour as --c.

    With ``dark_selector`` None the dark shades hang on the system's preference alone
    (a picture in a README); else on the page's own switch as well.
    """
    light = "".join(f".{css_name(k)}{{--c:{colour(k, i, p)[0]}}}" for k, i, p in keys)
    dark = [(f".{css_name(k)}", f"{{--c:{colour(k, i, p)[1]}}}") for k, i, p in keys]
    if dark_selector is None:
        return light + "@media(prefers-color-scheme:dark){" + "".join(a + b for a, b in dark) + "}"
    return light + "".join(f"{dark_selector} {a}{b}" for a, b in dark)
