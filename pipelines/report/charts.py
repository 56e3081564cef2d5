"""Charts as inline SVG. Colours come from the page's style sheet, so that they follow light, dark and print."""

from __future__ import annotations

from collections.abc import Sequence

from pipelines.report.markup import Html, compact, decimal, h, number

_WIDTH, _HEIGHT = 360, 168
_LEFT, _RIGHT, _TOP, _BOTTOM = 8, 8, 22, 24


def bar(parts: Sequence[tuple[str, float]], whole: float, label: str, thick: bool = False) -> Html:
    """A horizontal bar of stacked parts (class, value), as wide as `whole`."""
    tall = 14 if thick else 8
    rects, x = [], 0.0
    for kind, value in parts:
        if value > 0 and whole > 0:
            width = max(1000 * value / whole, 3)  # the smallest loss is still seen
            rects.append(h("rect", x=f"{x:.1f}", y=0, width=f"{width:.1f}", height=tall, cls=kind))
            x += width
    return h(
        "svg",
        rects,
        cls="bar",
        viewBox=f"0 0 {max(1000, x):.0f} {tall}",
        preserveAspectRatio="none",
        height=tall,
        role="img",
        aria_label=label,
    )


def sparkline(bins: tuple[float, float, list[int]], thresholds: tuple[float, float] | None, label: str) -> Html:
    """The scores of a rule in a few bars, and where the threshold lies."""
    low, high, counts = bins
    width, tall = 120, 26
    step, most = width / len(counts), max([*counts, 1])
    shapes = [
        h(
            "rect",
            x=f"{place * step:.1f}",
            y=f"{tall - max(1.5, count / most * tall):.1f}",
            width=f"{step - 0.8:.1f}",
            height=f"{max(1.5, count / most * tall):.1f}",
            cls="spark",
        )
        for place, count in enumerate(counts)
        if count
    ]
    shapes.append(h("line", x1=0, x2=width, y1=tall, y2=tall, cls="axis"))
    for edge in dict.fromkeys(thresholds or ()):
        x = min(width - 0.75, max(0.75, (edge - low) / (high - low) * width))
        shapes.append(h("line", x1=f"{x:.1f}", x2=f"{x:.1f}", y1=0, y2=tall, cls="mark"))
    return h(
        "svg",
        shapes,
        cls="sparkline",
        viewBox=f"0 -1 {width} {tall + 2}",
        width=width,
        height=tall + 2,
        role="img",
        aria_label=label,
    )


def histogram(
    low: float, high: float, counts: Sequence[int], label: str, *, log: bool = False, median: float | None = None
) -> Html:
    """Bars of equal width between `low` and `high` (powers of ten where `log`), with the median marked."""
    import math

    inner_width, inner_height = _WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM
    base, most = _HEIGHT - _BOTTOM, max([*counts, 1])
    step = inner_width / max(1, len(counts))
    shapes = [
        h("line", x1=_LEFT, x2=_WIDTH - _RIGHT, y1=_TOP, y2=_TOP, cls="grid"),
        h("line", x1=_LEFT, x2=_WIDTH - _RIGHT, y1=_TOP + inner_height / 2, y2=_TOP + inner_height / 2, cls="grid"),
        h("text", number(most), x=_WIDTH - _RIGHT, y=_TOP - 5, text_anchor="end", cls="tick"),
    ]
    for place, count in enumerate(counts):
        if count:
            tall = max(1.5, count / most * inner_height)
            shapes.append(
                h(
                    "rect",
                    x=f"{_LEFT + place * step + 0.5:.2f}",
                    y=f"{base - tall:.2f}",
                    width=f"{step - 1:.2f}",
                    height=f"{tall:.2f}",
                    cls="column",
                )
            )
    shapes.append(h("line", x1=_LEFT, x2=_WIDTH - _RIGHT, y1=base, y2=base, cls="axis"))
    for value, name in _ticks(low, high, log):
        x = _LEFT + (value - low) / (high - low) * inner_width
        anchor = "start" if x < _LEFT + 8 else "end" if x > _WIDTH - _RIGHT - 8 else "middle"
        shapes.append(h("line", x1=f"{x:.1f}", x2=f"{x:.1f}", y1=base, y2=base + 4, cls="axis"))
        shapes.append(h("text", name, x=f"{x:.1f}", y=base + 17, text_anchor=anchor, cls="tick"))
    if median is not None:
        at = math.log10(max(median, 1)) if log else median
        x = _LEFT + (at - low) / (high - low) * inner_width
        anchor, shift = ("end", -5) if x > _WIDTH * 0.6 else ("start", 5)
        shapes.append(h("line", x1=f"{x:.1f}", x2=f"{x:.1f}", y1=_TOP - 14, y2=base, cls="median"))
        name = compact(median) if log else decimal(round(median, 3))
        shapes.append(h("text", f"median {name}", x=f"{x + shift:.1f}", y=_TOP - 6, text_anchor=anchor, cls="told"))
    return h("svg", shapes, cls="histogram", viewBox=f"0 0 {_WIDTH} {_HEIGHT}", role="img", aria_label=label)


def _ticks(low: float, high: float, log: bool) -> list[tuple[float, str]]:
    if log:
        return [(float(power), compact(10**power)) for power in range(round(low), round(high) + 1)]
    return [(low + (high - low) * part / 4, decimal(round(low + (high - low) * part / 4, 3))) for part in range(5)]


def overlay(
    edges: Sequence[float], before: Sequence[int], after: Sequence[int], label: str, *, log: bool = False
) -> Html:
    """Two histograms over one axis, each as shares of its own: now as bars, before as a line."""
    import math

    inner_width, inner_height, base = _WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM, _HEIGHT - _BOTTOM
    places = [math.log10(max(edge, 1)) if log else edge for edge in edges]
    low, high = (math.floor(places[0]), math.ceil(places[-1])) if log else (min(0.0, places[0]), max(1.0, places[-1]))
    high = high if high > low else low + 1
    # A bar's area is its share, whatever its width.
    sides = [
        [count / max(sum(side), 1) / max(b - a, 1e-9) for count, a, b in zip(side, places, places[1:], strict=False)]
        for side in (before, after)
    ]
    most = max([*sides[0], *sides[1], 1e-12])

    def x(place: float) -> float:
        return _LEFT + (place - low) / (high - low) * inner_width

    shapes = [h("line", x1=_LEFT, x2=_WIDTH - _RIGHT, y1=base, y2=base, cls="axis")]
    for tall, a, b in zip(sides[1], places, places[1:], strict=False):
        if tall:
            up = max(1.0, tall / most * inner_height)
            shapes.append(
                h("rect", x=f"{x(a):.2f}", y=f"{base - up:.2f}", width=f"{max(x(b) - x(a) - 0.5, 0.5):.2f}", height=f"{up:.2f}", cls="column")
            )  # fmt: skip
    way = [f"M{x(places[0]):.1f} {base}"]
    for tall, a, b in zip(sides[0], places, places[1:], strict=False):
        y = base - tall / most * inner_height
        way.append(f"L{x(a):.1f} {y:.1f}L{x(b):.1f} {y:.1f}")
    shapes.append(h("path", d="".join([*way, f"L{x(places[-1]):.1f} {base}"]), cls="before"))
    for value, name in _ticks(low, high, log):
        at = x(value)
        anchor = "start" if at < _LEFT + 8 else "end" if at > _WIDTH - _RIGHT - 8 else "middle"
        shapes.append(h("text", name, x=f"{at:.1f}", y=base + 17, text_anchor=anchor, cls="tick"))
    return h("svg", shapes, cls="histogram", viewBox=f"0 0 {_WIDTH} {_HEIGHT}", role="img", aria_label=label)
