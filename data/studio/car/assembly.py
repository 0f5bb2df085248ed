"""A whole car: all of its meshes, and the atlas with their skin."""

from dataclasses import dataclass

from data.studio.car.body import cabin, hull, outside, wells, wheels
from data.studio.car.design import DASH, LOOKING_GLASS, PLASTIC, SILVER, WELL, CarDesign
from data.studio.car.outline import Outline, outline_of
from data.studio.car.ribbon_skin import paint_front, paint_rear, paint_roof, paint_top
from data.studio.car.side_skin import paint_side, paint_wheel
from data.studio.car.skin import Brush, Layout
from data.studio.render.atlas import Atlas, Material
from data.studio.render.mesh import Mesh


@dataclass(frozen=True)
class Car:
    """A car in its own coordinates, and its skin."""

    design: CarDesign
    body: Mesh
    wells: Mesh
    wheels: Mesh
    cabin: Mesh
    outside: Mesh
    atlas: Atlas


def assemble(design: CarDesign, scale: float) -> Car:
    """Return the car of a design, its skin painted with `scale` atlas pixels in a metre."""
    outline = outline_of(design.style)
    layout = Layout(scale, design.style.length, float(outline.along[-1]))
    return Car(
        design=design,
        body=hull(design.style, outline, layout),
        wells=wells(design.style, layout),
        wheels=wheels(design.style, layout),
        cabin=cabin(design, layout),
        outside=outside(design, outline, layout),
        atlas=paint_skin(design, outline, layout),
    )


def paint_skin(design: CarDesign, outline: Outline, layout: Layout) -> Atlas:
    """Return the finished atlas of a car."""
    brush = Brush(design, outline, layout)
    # A roof of its own colour reaches down to the windows, which are painted over it.
    for stroke in (paint_roof, paint_side, paint_top, paint_front, paint_rear, paint_wheel):
        stroke(brush)
    swatches = {
        "paint": design.paint,
        "plastic": PLASTIC,
        "silver": SILVER,
        "looking glass": LOOKING_GLASS,
        "well": WELL,
        "dash": DASH,
        "seats": Material(design.trim.seats),
    }
    for name, material in swatches.items():
        brush.fill_swatch(name, material)
    return brush.atlas
