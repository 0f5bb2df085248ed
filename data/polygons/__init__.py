"""Masks as polygons and back, in the formats of labelling tools and of other trainers.

Coordinates are (x, y) in pixels, and a pixel is a square: that of column 0 and row 0 covers 0 to 1
in x and in y, its centre is (0.5, 0.5). A pixel belongs to a polygon if its centre lies inside.
"""

from typing import Literal, get_args

PolygonName = Literal["coco", "yolo", "labelme", "svg", "geojson"]
"""The formats of polygons."""

POLYGONS: tuple[PolygonName, ...] = get_args(PolygonName)

SUFFIXES = (".json", ".txt", ".svg", ".geojson")
"""Endings of files of polygons."""

FormatName = Literal[PolygonName, "png", "csv"]
"""The formats of annotations; `data.polygons.formats` has what they do."""
