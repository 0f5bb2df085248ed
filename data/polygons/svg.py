"""SVG: a drawing for each photo, of its size, with a path for each object.

A path has all rings of an object, filled by the rule `evenodd`. Paths of straight lines, polygons
and rectangles are read; curves, transforms and drawings inside drawings are refused.
"""

import re
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from xml.parsers import expat
from xml.sax.saxutils import quoteattr

import numpy as np

from data.arrays import Mask
from data.errors import InputError
from data.geometry import Size
from data.polygons.annotation import UNNAMED, Annotation, Entry, Shape, file_entry, ring_of, size_of
from data.polygons.contour import DECIMALS, Ring, rings_of, signed_area
from data.polygons.filling import filled
from data.polygons.json_file import files_in
from data.polygons.options import Logits, PolygonOptions

SUFFIX = ".svg"

MAX_BYTES = 2**28
"""Most bytes of a file."""

NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
COMMAND = re.compile(rf"\s*,?\s*(?:([A-Za-z])|({NUMBER.pattern}))")

DRAWN = ("path", "polygon", "rect")
OTHERS = ("circle", "ellipse", "image", "line", "polyline", "text", "use")
"""Elements that show something and are refused."""

Attributes = dict[str, str]


def encode(
    mask: Mask,
    photo: str,  # noqa: ARG001 (the file is named by it)
    options: PolygonOptions,
    logits: Logits | None = None,
) -> bytes:
    """Return the drawing of one photo; see `data.polygons.coco.encode` for the arguments."""
    height, width = mask.shape
    category = quoteattr(options.category)
    paths = [
        f'<path data-category={category} fill-rule="evenodd" d="{"".join(map(_path, rings))}"/>\n'
        for polygons in options.objects(mask, logits)
        if (rings := rings_of(polygons))
    ]
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
    box = f'viewBox="0 0 {width} {height}">\n'
    return f"{head}{box}{''.join(paths)}</svg>\n".encode()


def entries(path: Path) -> list[Entry]:
    """Return the photos whose drawings are in the folder `path`, or the one of the file `path`."""
    return entries_of([path] if path.is_file() else files_in(path, SUFFIX))


def entries_of(files: Iterable[Path]) -> list[Entry]:
    """Return the photos whose drawings are `files`."""
    return [file_entry(file, decode, MAX_BYTES) for file in files]


def _path(ring: Ring) -> str:
    return "M" + " ".join(f"{number:.12g}" for number in ring.round(DECIMALS).ravel()) + "Z"


def decode(data: bytes) -> Annotation:
    """Return what is in the file of a photo.

    Raises:
        InputError: it is damaged.
    """
    elements = _elements(data)
    if not elements or elements[0][0] != "svg":
        raise InputError("it is no SVG")
    size = _size(elements[0][1])
    shapes: list[Shape] = []
    for name, attributes in elements[1:]:
        what = f"{name} {len(shapes) + 1}"
        try:
            shapes.append(_shape(what, name, attributes))
        except InputError as error:
            raise InputError(f"{what}: {error}") from None
    return Annotation(size, tuple(shapes))


def _elements(data: bytes) -> list[tuple[str, Attributes]]:
    """Return the outermost element and all that draw, in order."""
    found: list[tuple[str, Attributes]] = []

    def on_start(tag: str, attributes: Attributes) -> None:
        name = tag.rpartition(":")[2]
        if name in ("svg", *DRAWN, *OTHERS) or not found:
            found.append((name, attributes))
        if "transform" in attributes:
            raise InputError(f"{name} has a transform; apply it first")

    def on_entity(*_: object) -> None:
        raise InputError("it defines entities, which are not read")

    parser = expat.ParserCreate()
    parser.StartElementHandler = on_start
    parser.EntityDeclHandler = on_entity
    try:
        parser.Parse(data, True)
    except expat.ExpatError as error:
        raise InputError(f"it is no XML: {error}") from None
    return found


def _size(attributes: Attributes) -> Size:
    """Return the size that the view box says, which must begin at 0, or the width and height."""
    numbers = NUMBER.findall(attributes.get("viewBox", ""))
    if not numbers:
        sides = [attributes.get(side, "").removesuffix("px") for side in ("width", "height")]
        numbers = ["0", "0", *sides]
    try:
        left, top, width, height = map(float, numbers)
        if (left, top) != (0, 0) or width % 1 or height % 1:
            raise ValueError
        return size_of(int(height), int(width))
    except (ValueError, OverflowError) as error:
        reason = error if isinstance(error, InputError) else "its viewBox must be 0 0 width height"
        raise InputError(f"{reason}, in whole pixels") from None


def _shape(what: str, name: str, attributes: Attributes) -> Shape:
    if name not in DRAWN:
        raise InputError("only paths, polygons and rectangles are read")
    if name == "path":
        rings = _rings(attributes.get("d", ""))
    elif name == "polygon":
        numbers = [float(number) for number in NUMBER.findall(attributes.get("points", ""))]
        if len(numbers) % 2:
            raise InputError("points are pairs x, y")
        rings = [ring_of(np.reshape(numbers, (-1, 2)))]
    else:
        rings = [_rectangle(attributes)]
    style = attributes.get("style", "").replace(" ", "")
    is_even_odd = "evenodd" in (attributes.get("fill-rule"), *re.split("[:;]", style))
    category = attributes.get("data-category", UNNAMED)
    return Shape(what, category, partial(_draw, rings, is_even_odd))


def _rectangle(attributes: Attributes) -> Ring:
    try:
        x, y, width, height = (float(attributes.get(k, 0)) for k in ("x", "y", "width", "height"))
    except ValueError:
        raise InputError("a rectangle has x, y, width and height in pixels") from None
    return ring_of([(x, y), (x + width, y), (x + width, y + height), (x, y + height)])


def _rings(path: str) -> list[Ring]:
    """Return the rings of a path of the commands M, L, H, V and Z, absolute or relative."""
    rings: list[list[tuple[float, float]]] = []
    pen, command, words = (0.0, 0.0), "", _words(path)
    while words:
        if words[-1].isalpha():
            command = words.pop()
            if command in "Zz":
                pen = rings[-1][0] if rings else pen
                continue
        if not command or command in "Zz":
            raise InputError("its path does not begin with M")
        pen = STEPS[command.upper()](words, pen, command.islower())
        if command in "Mm":
            rings.append([pen])
            command = "l" if command == "m" else "L"
        else:
            if not rings:
                raise InputError("its path does not begin with M")
            rings[-1].append(pen)
    return [ring_of(ring) for ring in rings]


def _words(path: str) -> list[str]:
    """Return commands and numbers of a path, the last one first."""
    words, end = [], 0
    path = path.strip()
    while end < len(path):
        match = COMMAND.match(path, end)
        word = match and (match[1] or match[2])
        if not match or not word or (match[1] and match[1].upper() not in {*STEPS, "Z"}):
            raise InputError(f"{path[end : end + 10]!r} in its path is no straight line")
        words.append(word)
        end = match.end()
    return words[::-1]


def _number(words: list[str]) -> float:
    if not words or words[-1].isalpha():
        raise InputError("its path lacks a number")
    return float(words.pop())


def _to_point(words: list[str], pen: tuple[float, float], is_step: bool) -> tuple[float, float]:
    x, y = _number(words), _number(words)
    return (pen[0] + x, pen[1] + y) if is_step else (x, y)


def _to_x(words: list[str], pen: tuple[float, float], is_step: bool) -> tuple[float, float]:
    return _number(words) + (pen[0] if is_step else 0.0), pen[1]


def _to_y(words: list[str], pen: tuple[float, float], is_step: bool) -> tuple[float, float]:
    return pen[0], _number(words) + (pen[1] if is_step else 0.0)


Step = Callable[[list[str], tuple[float, float], bool], tuple[float, float]]

STEPS: dict[str, Step] = {"M": _to_point, "L": _to_point, "H": _to_x, "V": _to_y}


def _draw(rings: list[Ring], is_even_odd: bool, size: Size) -> Mask:
    """Fill rings by the even-odd rule, or by that of winding numbers other than zero."""
    winding = np.zeros(size, np.int32)
    for ring in rings:
        way = 1 if is_even_odd or signed_area(ring) > 0 else -1
        winding += np.int32(way) * filled(ring, size)
    return np.asarray(winding % 2 == 1 if is_even_odd else winding != 0)
