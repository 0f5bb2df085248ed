"""The options of `predict` that say what is written for each photo."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter, validators

from data.errors import SettingsError
from data.polygons import POLYGONS
from pipeline.cli.arguments import Flag, Tolerance
from pipeline.inference import OUTPUT_NAMES as NAMES

if TYPE_CHECKING:
    from data.photo_files import PhotoFile
    from data.polygons.options import PolygonOptions
    from pipeline.inference.cutouts.crop_box import Box
    from pipeline.inference.cutouts.cutout_options import CutoutOptions
    from pipeline.inference.job import Job
    from pipeline.inference.mask_options import MaskOptions
    from pipeline.inference.outputs import Output
    from pipeline.inference.segmenter import Segmenter

log = logging.getLogger(__name__)

USERS: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(("background", "format", "quality", "crop", "group", "margin"), ("cutout",)),
    **dict.fromkeys(("alpha", "grow"), ("cutout", "alpha")),
    **dict.fromkeys(("tolerance", "instances", "category"), POLYGONS),
}
"""The outputs that an option is of."""

ALONE = (
    "each of the %d photos is cropped by itself, since no two are in one group; --group says which "
    "photos belong together"
)

Quality = Annotated[int | None, Parameter(validator=validators.Number(gte=1, lte=100))]


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class OutputArguments:
    """The options of what is written for each photo."""

    output: str = "mask"
    """What to write, with commas between: mask, cutout (the object without its background), alpha
    (how much of each pixel is object, in grey), and as polygons coco (one file,
    annotations.json), yolo, labelme, svg, geojson. Of several each has its own folder,
    OUT/<output>/."""
    alpha: Literal["contour", "probability"] = "contour"
    """Alpha is the share of a pixel inside the contour, which is crisp, or its probability, which
    is soft."""
    grow: float = 0.0
    """Pixels by which the contour is moved outward, such as 0.5; negative moves it inward."""
    background: str | None = None
    """Lay cutouts on a colour (white, '#rrggbb') or on a picture, which is scaled to cover them; by
    default they are transparent."""
    format: Literal["png", "webp", "jpg", "avif"] | None = None
    """Format of cutouts; by default png."""
    quality: Quality = None
    """From 1 to 100, of webp (by default 90), jpg (92) and avif (80)."""
    crop: Literal["object", "group"] | None = None
    """Crop cutouts to the object, or all photos of a group to one box, for which they are predicted
    twice; by default the whole photo is kept."""
    group: str | None = None
    """Which photos --crop group takes together: a regular expression for the whole name of a photo
    without its ending, whose first brackets hold the name of the group, such as '(.+)_[0-9]+'; by
    default that of the Carvana challenge."""
    margin: str | None = None
    """What is kept around that box: a share of its longer side, such as 3%, or pixels."""
    metadata: bool = True
    """Let results say how they were made (version, hashes of model and photo, options), and carry
    EXIF data (camera, time, place) and colour profile over to cutouts."""
    tolerance: Tolerance = 0.0
    """Pixels by which a polygon may leave the contour in order to have fewer corners; 0 gives the
    mask exactly."""
    instances: Flag = False
    """Make each connected part of a mask an object; by default a photo has one object."""
    category: str = "object"
    """Name of the object in files of polygons."""

    def names(self) -> list[str]:
        """Return what to write.

        Raises:
            SettingsError: there is no such output, or one is named twice.
        """
        names = [name.strip() for name in self.output.split(",")]
        unknown = [name for name in names if name not in NAMES]
        if unknown or len(set(names)) < len(names):
            raise SettingsError(
                f"--output takes {', '.join(NAMES)}, each once, not {self.output!r}"
            )
        return names

    def cutouts(self) -> "CutoutOptions":
        """Return how alpha and cutouts are made.

        Raises:
            SettingsError: options contradict each other, or belong to no output.
            InputError: the picture of the background cannot be read.
        """
        from pipeline.inference.cutouts.background import Background
        from pipeline.inference.cutouts.crop_box import NO_MARGIN, Margin
        from pipeline.inference.cutouts.cutout_options import CutoutOptions

        self._check_used()
        return CutoutOptions(
            alpha=self.alpha,
            grow=self.grow,
            background=None if self.background is None else Background.parse(self.background),
            format=self.format,
            quality=self.quality,
            crop=self.crop,
            margin=NO_MARGIN if self.margin is None else Margin.parse(self.margin),
            metadata=self.metadata,
        )

    def polygons(self) -> "PolygonOptions | None":
        """Return how polygons are drawn, if any are.

        Raises:
            SettingsError: the category is no name.
        """
        if not set(POLYGONS) & set(self.names()):
            return None
        from data.polygons.options import PolygonOptions  # which takes half a second to import

        return PolygonOptions(self.category, self.tolerance, self.instances)

    def maker(self) -> "OutputMaker":
        """Return what makes the outputs once there is a model.

        Raises:
            SettingsError: options contradict each other, or belong to no output.
            InputError: the picture of the background cannot be read.
        """
        cutouts, polygons = self.cutouts(), self.polygons()
        if self.group is not None and self.crop != "group":
            raise SettingsError("--group says which photos share a box: add --crop group")
        return OutputMaker(self.names(), cutouts, polygons, self.group)

    def _check_used(self) -> None:
        """Raise if an option is given that no output uses.

        Raises:
            SettingsError: there is one.
        """
        names = self.names()
        for option, outputs in USERS.items():
            given = getattr(self, option) != getattr(OutputArguments, option)
            if given and not set(outputs) & set(names):
                *most, last = outputs
                listed = f"{', '.join(most)} and {last}" if most else last
                raise SettingsError(f"--{option} is of {listed}: add --output {outputs[0]}")


@dataclass(frozen=True)
class OutputMaker:
    """What is to be written for photos."""

    names: Sequence[str]
    cutouts: "CutoutOptions"
    polygons: "PolygonOptions | None" = None
    """None if there are none to write."""
    group_pattern: str | None = None
    """Of photos whose cutouts share a box; None for the default."""

    @property
    def shares_boxes(self) -> bool:
        """Whether the cutouts of a group are cropped to one box."""
        return "cutout" in self.names and self.cutouts.crop == "group"

    def keys(self, photos: "Sequence[PhotoFile]") -> list[str]:
        """Return what decides which part each photo is in: its name, or that of its group.

        Raises:
            SettingsError: the pattern of groups is none, takes too long, or fits no photo.
        """
        if not self.shares_boxes:
            return [photo.name for photo in photos]
        from data.groups import CARVANA_GROUP, unmatched
        from pipeline.inference.cutouts.group_boxes import group_names

        pattern = self.group_pattern or CARVANA_GROUP
        try:
            others = unmatched(pattern, [photo.path.stem for photo in photos])
            names = group_names(photos, pattern)
        except SettingsError as error:
            raise SettingsError(str(error).replace("data.group", "--group")) from error
        if self.group_pattern is not None and len(others) == len(photos):
            raise SettingsError(
                f"--group {pattern!r} fits none of the {len(photos)} photos, such as "
                f"{others[0]!r}; it must fit the whole name of a photo without its ending"
            )
        if len(set(names)) == len(names) > 1:
            log.warning(ALONE, len(names))
        return names

    def without_boxes(self, out: Path | None) -> "tuple[Output, ...]":
        """Return the outputs where no photo has a box, which tell what files are called.

        Args:
            out: folder for the results; None for none.
        """
        return self._made({}, out)

    def outputs(
        self,
        photos: "Sequence[PhotoFile]",
        job: "Job",
        segmenter: "Segmenter",
        options: "MaskOptions",
    ) -> "tuple[Output, ...]":
        """Return the outputs; where photos of a group share a box, that is found first.

        Raises:
            InputError: it takes a box, and the folder has other results, which are not overwritten.
        """
        from pipeline.inference.cutouts.group_boxes import (
            KEPT_BOXES,
            KeptBoxes,
            ObjectBoxes,
            group_boxes,
        )
        from pipeline.inference.made_with import made_with
        from pipeline.inference.manifest import check_same, has_results

        if not self.shares_boxes:
            return self._made(None, job.out)
        making = made_with(segmenter, options, self.without_boxes(job.out), job.given)
        if has_results(job.out) and not job.overwrite:
            check_same(job.out, making)
        objects = ObjectBoxes(
            segmenter=segmenter,
            options=options,
            cutouts=self.cutouts,
            job=job,
            kept=KeptBoxes(job.out / KEPT_BOXES, making),
        )
        boxes = group_boxes(photos, self.keys(photos), objects)
        return self._made(boxes, job.out)

    def _made(self, boxes: "Mapping[Path, Box] | None", out: Path | None) -> "tuple[Output, ...]":
        from pipeline.inference.chosen_outputs import chosen_outputs

        return chosen_outputs(self.names, self.cutouts, self.polygons, boxes, out)


DEFAULT_OUTPUTS = OutputArguments()
