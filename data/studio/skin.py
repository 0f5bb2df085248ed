"""The whole skin of a car."""

from data.studio.atlas import Atlas, Layout, Material
from data.studio.brush import Brush
from data.studio.end_skin import paint_front, paint_rear
from data.studio.hull import Outline
from data.studio.materials import DASH, LOOKING_GLASS, PLASTIC, SILVER, WELL
from data.studio.mesh import FloatArray
from data.studio.scene import Scene
from data.studio.side_skin import paint_side
from data.studio.top_skin import paint_roof, paint_top
from data.studio.wheel_skin import paint_wheel

SWATCHES = ("paint", "plastic", "silver", "looking glass", "well", "dash", "seats")


def paint_atlas(scene: Scene, shape: Outline, layout: Layout) -> Atlas:
    """Return the finished atlas of a car."""
    atlas = Atlas(layout, scene.paint)
    brush = Brush(scene, shape, atlas)
    for stroke in (paint_roof, paint_side, paint_top, paint_front, paint_rear):
        stroke(brush)
    paint_wheel(atlas, scene.trim)
    seats = Material(scene.trim.seats)
    atlas.swatches([scene.paint, PLASTIC, SILVER, LOOKING_GLASS, WELL, DASH, seats])
    return atlas


def swatch(layout: Layout, name: str) -> FloatArray:
    """Return where in the atlas a plain material of `SWATCHES` lies, (2,)."""
    return layout.swatch(SWATCHES.index(name))
