"""Line charts as SVG text: no drawing library, readable in a diff, themed by CSS.

    svg.chart([Line("webp", "WebP", xs, ys)], x=log_axis(...), y=linear_axis(...))

Colours come from the CSS variable --c of each line's class (palette.py), text
and grid from currentColor, so one chart serves light and dark pages. That, curves
that a page shows and hides, and words under the pointer are why this is no plotting
library's: matplotlib's SVG has fixed colours and none of the rest.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from html import escape

from .palette import DASHES, css_name

LETTER = 8  # units of width, of bold names: no more in the fonts that browsers take


@dataclass(frozen=True)
class Line:
    key: str
    name: str
    xs: list[float]
    ys: list[float]
    notes: list[str]  # shown when the pointer rests on a point
    dash: str = ""
    width: float = 1.8
    hidden: bool = False
    marker: str = "circle"  # or "square", or "" for none


@dataclass(frozen=True)
class Axis:
    label: str
    low: float
    high: float
    ticks: list[float]
    log: bool = False

    def at(self, value: float) -> float:
        """Position in 0..1 (outside for values outside)."""
        f = math.log if self.log else float
        return (f(value) - f(self.low)) / (f(self.high) - f(self.low))

    def text(self, tick: float) -> str:
        return f"{tick:g}"


def log_axis(label: str, values: list[float], margin: float = 1.12) -> Axis:
    """Log axis around ``values`` (all > 0) with ticks at 1, 2, 5 times powers of ten."""
    low, high = min(values) / margin, max(values) * margin
    ticks = [m * 10.0**e for e in range(-6, 7) for m in (1, 2, 5) if low <= m * 10.0**e <= high]
    if len(ticks) < 3:  # less than a decade
        ticks = [m * 10.0**e for e in range(-6, 7) for m in (1, 1.5, 2, 3, 4, 5, 6, 8) if low <= m * 10.0**e <= high]
    if len(ticks) > 8:
        ticks = [t for t in ticks if math.isclose(math.log10(t) % 1, 0, abs_tol=1e-9)]
    return Axis(label, low, high, ticks, log=True)


def linear_axis(label: str, values: list[float], steps: int = 6) -> Axis:
    """Linear axis around ``values`` with round ticks."""
    low, high = min(values), max(values)
    span = (high - low) or 1.0
    raw = span / steps
    unit = 10 ** math.floor(math.log10(raw))
    step = min((m * unit for m in (1, 2, 2.5, 5, 10)), key=lambda s: abs(s - raw))
    low, high = low - 0.04 * span, high + 0.04 * span
    first = math.ceil(low / step)
    return Axis(label, low, high, [round(k * step, 9) for k in range(first, int(high / step) + 1)])


def dash(index: int) -> str:
    return DASHES[index % len(DASHES)]


def chart(
    lines: list[Line],
    x: Axis,
    y: Axis,
    *,
    title: str,
    width: int = 520,
    height: int = 380,
    end_labels: bool = False,
    point_labels: bool = False,
    style: str = "",
) -> str:
    """The <svg> element. ``title`` is read by screen readers; ``style`` makes it stand alone."""
    named = 46 + LETTER * max((len(line.name) for line in lines), default=0)  # leader, dash, and the longest name
    left, right, top, bottom = 50, (named if end_labels else 14), 34, 44
    W, H = width - left - right, height - top - bottom

    def px(value):
        return left + W * x.at(value)

    def py(value):
        return top + H * (1 - y.at(value))

    clip = f"clip-{abs(hash((title, len(lines), width))) % 10**8}"
    parts = [
        f'<svg class="chart" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'role="img" aria-label="{escape(title)}">'
    ]
    if style:
        parts.append(f"<style>{style}</style>")
        parts.append(f'<rect class="back" width="{width}" height="{height}" rx="8"/>')
    parts.append(
        f'<clipPath id="{clip}"><rect x="{left - 5}" y="{top - 5}" '
        f'width="{W + 10}" height="{H + 10}"/></clipPath><g class="grid">'
    )
    parts += [f'<line x1="{px(t):.1f}" x2="{px(t):.1f}" y1="{top}" y2="{top + H}"/>' for t in x.ticks]
    parts += [f'<line x1="{left}" x2="{left + W}" y1="{py(t):.1f}" y2="{py(t):.1f}"/>' for t in y.ticks]
    parts.append('</g><g class="ticks">')
    parts += [f'<text x="{px(t):.1f}" y="{top + H + 17}" text-anchor="middle">{x.text(t)}</text>' for t in x.ticks]
    parts += [f'<text x="{left - 7}" y="{py(t) + 4:.1f}" text-anchor="end">{y.text(t)}</text>' for t in y.ticks]
    parts.append(
        f'<text class="axis" x="{left + W / 2:.0f}" y="{height - 8}" text-anchor="middle">{escape(x.label)}</text>'
    )
    parts.append(f'<text class="axis" x="8" y="20">{escape(y.label)}</text></g>')
    parts.append(f'<g clip-path="url(#{clip})">')
    for line in lines:
        parts.append(_curve(line, px, py))
    parts.append("</g>")
    if point_labels:
        parts += _point_labels(lines, px, py, left, left + W, top + H)
    if end_labels:
        parts += _labels(lines, x, y, px, py, left + W + 10, top, H)
    return "".join(parts) + "</svg>"


def _curve(line: Line, px, py) -> str:
    points = [(px(a), py(b), note) for a, b, note in zip(line.xs, line.ys, line.notes, strict=True)]
    path = " ".join(f"{'L' if i else 'M'}{a:.1f} {b:.1f}" for i, (a, b, _) in enumerate(points))
    dashes = f' stroke-dasharray="{line.dash}"' if line.dash else ""
    out = [
        f'<g class="curve {css_name(line.key)}" data-key="{escape(line.key)}"'
        f"{' hidden' if line.hidden else ''}>"
        f'<path d="{path}" stroke-width="{line.width}"{dashes}/>'
    ]
    for a, b, note in points if line.marker else []:
        tip = f"<title>{escape(note)}</title>" if note else ""
        r = 1.5 + line.width * 0.75
        if line.marker == "square":
            out.append(f'<rect x="{a - r:.1f}" y="{b - r:.1f}" width="{2 * r:g}" height="{2 * r:g}">{tip}</rect>')
        else:
            out.append(f'<circle cx="{a:.1f}" cy="{b:.1f}" r="{r:g}">{tip}</circle>')
    return "".join(out) + "</g>"


def _point_labels(lines: list[Line], px, py, left: float, right: float, bottom: float) -> list[str]:
    """A name beside each line's first point, moved until it covers nothing."""
    out = []
    taken = [(py(line.ys[0]) + 4, px(line.xs[0]) - 6, px(line.xs[0]) + 6) for line in lines]
    for line in sorted(lines, key=lambda line: py(line.ys[0])):
        a, b = px(line.xs[0]), py(line.ys[0])
        half = 7.2 * len(line.name)  # about the width of the text
        sides = [(False, a + 10), (True, a - 10 - half)]
        offers = [
            (abs(shift), flip, start, b + 4 + shift)
            for flip, start in sides
            for shift in (0, -8, 8, -15, 15, -22, 22, -30, 30, -45, 45)
            if left < start and start + half < right + 10 and b + 4 + shift < bottom
        ]
        free = [
            offer
            for offer in sorted(offers)
            if not any(abs(offer[3] - y) < 14 and offer[2] < end and begin < offer[2] + half for y, begin, end in taken)
        ]
        _, flip, start, place = (free or sorted(offers) or [(0, False, a + 10, b + 4)])[0]
        taken.append((place, start, start + half))
        out.append(
            f'<g class="curve {css_name(line.key)}" data-key="{escape(line.key)}">'
            f'<text x="{a - 10 if flip else a + 10:.1f}" y="{place:.1f}" '
            f'text-anchor="{"end" if flip else "start"}">{escape(line.name)}</text></g>'
        )
    return out


def _labels(lines: list[Line], x: Axis, y: Axis, px, py, left: float, top: float, H: float) -> list[str]:
    """Names at the right edge, in the order of the curves' ends, 17 units apart, tied by a leader."""
    ends = []
    for line in lines:
        inside = [
            (a, b) for a, b in zip(line.xs, line.ys, strict=True) if x.low <= a <= x.high and y.low <= b <= y.high
        ]
        if inside:
            ends.append((py(inside[-1][1]), px(inside[-1][0]), line))
    ends.sort(key=lambda end: end[0])
    gap, places, out = 17, [], []
    for b, _, _ in ends:
        places.append(max(b, places[-1] + gap if places else top + 4))
    overflow = (places[-1] if places else 0) - (top + H)
    if overflow > 0:  # push the whole column up from below
        limit = top + H
        for i in reversed(range(len(places))):
            places[i] = min(places[i], limit)
            limit = places[i] - gap
    for place, (b, a, line) in zip(places, ends, strict=True):
        dashes = f' stroke-dasharray="{line.dash}"' if line.dash else ""
        out.append(
            f'<g class="curve {css_name(line.key)}">'
            f'<path class="leader" d="M{a + 4:.1f} {max(b, top):.1f} L{left - 4:.1f} {place:.1f}"/>'
            f'<path d="M{left:.1f} {place:.1f} h20" stroke-width="{line.width}"{dashes}/>'
            f'<text x="{left + 26:.1f}" y="{place + 4:.1f}">{escape(line.name)}</text></g>'
        )
    return out


STANDALONE_CSS = (
    "svg{font:13px system-ui,-apple-system,'Segoe UI',Roboto,sans-serif;color:#24292f}"
    ".back{fill:#fff}.grid line{stroke:currentColor;stroke-opacity:.13}"
    ".ticks text{fill:currentColor;fill-opacity:.75}.ticks .axis{fill-opacity:1;font-weight:600}"
    ".curve path{fill:none;stroke:var(--c);stroke-linejoin:round}"
    ".curve circle,.curve rect{fill:var(--c)}.curve text{fill:var(--c);font-weight:600}"
    ".curve .leader{stroke-width:1;stroke-opacity:.35}"
    "@media(prefers-color-scheme:dark){svg{color:#e6edf3}.back{fill:#0d1117}}"
)
