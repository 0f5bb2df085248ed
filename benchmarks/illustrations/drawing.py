"""Boxes, arrows and squares as SVG, on white ground, so that they are readable on any page."""

from collections.abc import Sequence
from html import escape

INK, FAINT, PAPER = "#1f2933", "#7b8794", "#ffffff"
FONT = "font-family='DejaVu Sans, Verdana, sans-serif'"


def picture(width: int, height: int, title: str, parts: Sequence[str]) -> str:
    """Return a whole SVG file of these parts, with a line break in the end."""
    head = (
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {width} {height}' "
        f"width='{width}' height='{height}' role='img' aria-label='{escape(title)}' {FONT}>"
    )
    arrow = (
        "<defs><marker id='end' viewBox='0 0 8 8' refX='7' refY='4' markerWidth='8' "
        f"markerHeight='8' orient='auto'><path d='M0 0 8 4 0 8z' fill='{INK}'/></marker></defs>"
    )
    ground = rectangle(0, 0, width, height, PAPER, PAPER)
    return "\n".join([head, f"<title>{escape(title)}</title>", arrow, ground, *parts, "</svg>", ""])


def rectangle(x: float, y: float, width: float, height: float, fill: str, line: str = INK) -> str:
    """Return a rectangle."""
    return (
        f"<rect x='{x:g}' y='{y:g}' width='{width:g}' height='{height:g}' fill='{fill}' "
        f"stroke='{line}'/>"
    )


def text(
    x: float, y: float, words: str, *, size: int = 13, bold: bool = False, anchor: str = "middle"
) -> str:
    """Return a line of text; `anchor` says what of it is at `x`: start, middle or end."""
    weight = " font-weight='bold'" if bold else ""
    return (
        f"<text x='{x:g}' y='{y:g}' font-size='{size}' fill='{INK}' "
        f"text-anchor='{anchor}'{weight}>{escape(words)}</text>"
    )


def arrow(x0: float, y0: float, x1: float, y1: float) -> str:
    """Return a line with a head at its end."""
    return (
        f"<line x1='{x0:g}' y1='{y0:g}' x2='{x1:g}' y2='{y1:g}' stroke='{INK}' "
        "stroke-width='1.5' marker-end='url(#end)'/>"
    )
