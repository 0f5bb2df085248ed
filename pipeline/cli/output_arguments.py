"""The options of `predict` that say what is written for each photo."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter, validators

from data.errors import SettingsError

if TYPE_CHECKING:
    from data.photo_files import PhotoFile
    from pipeline.inference.cutouts.crop_box import Box
    from pipeline.inference.cutouts.cutout_options import CutoutOptions
    from pipeline.inference.job import Job
    from pipeline.inference.mask_options import MaskOptions
    from pipeline.inference.outputs import Output
    from pipeline.inference.segmenter import Segmenter

NAMES = ("mask", "cutout", "alpha")

Quality = Annotated[int | None, Parameter(validator=validators.Number(gte=1, lte=100))]


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class OutputArguments:
    """The options of what is written for each photo."""

    output: str = "mask"
    """What to write, with commas between: mask, cutout (the object without its background), alpha
    (how much of each pixel is object, in grey). Of several each has its own folder,
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
    margin: str | None = None
    """What is kept around that box: a share of its longer side, such as 3%, or pixels."""
    metadata: bool = True
    """Carry EXIF data (camera, time, place) and colour profile over to cutouts."""

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

    def maker(self) -> "OutputMaker":
        """Return what makes the outputs once there is a model.

        Raises:
            SettingsError: options contradict each other, or belong to no output.
            InputError: the picture of the background cannot be read.
        """
        return OutputMaker(self.names(), self.cutouts())

    def _check_used(self) -> None:
        """Raise if an option is given that no output uses.

        Raises:
            SettingsError: there is one.
        """
        names = self.names()
        of_cutouts = ("background", "format", "quality", "crop", "margin", "metadata")
        users: dict[str, tuple[str, ...]] = dict.fromkeys(of_cutouts, ("cutout",))
        users |= {"alpha": ("cutout", "alpha"), "grow": ("cutout", "alpha")}
        for option, outputs in users.items():
            given = getattr(self, option) != getattr(OutputArguments, option)
            if given and not set(outputs) & set(names):
                raise SettingsError(
                    f"--{option} is of {' and '.join(outputs)}: add --output {outputs[0]}"
                )


@dataclass(frozen=True)
class OutputMaker:
    """What is to be written for photos."""

    names: Sequence[str]
    cutouts: "CutoutOptions"

    @property
    def shares_boxes(self) -> bool:
        """Whether the cutouts of a group are cropped to one box."""
        return "cutout" in self.names and self.cutouts.crop == "group"

    def keys(self, photos: "Sequence[PhotoFile]") -> list[str]:
        """Return what decides which part each photo is in: its name, or that of its group."""
        from pipeline.inference.cutouts.cutout_files import group_names

        return group_names(photos) if self.shares_boxes else [photo.name for photo in photos]

    def without_boxes(self) -> "tuple[Output, ...]":
        """Return the outputs for checks of their files' names: no photo has a box."""
        return self._made({})

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
        from pipeline.inference.cutouts.cutout_files import group_boxes
        from pipeline.inference.manifest import check_same, has_results, made_with

        if not self.shares_boxes:
            return self._made(None)
        if has_results(job.out) and not job.overwrite:
            check_same(job.out, made_with(segmenter, options, self.without_boxes(), job.given))
        return self._made(group_boxes(photos, segmenter, options, self.cutouts, given=job.given))

    def _made(self, boxes: "Mapping[Path, Box] | None") -> "tuple[Output, ...]":
        from pipeline.inference.cutouts.cutout_files import alpha_output, cutout_output
        from pipeline.inference.outputs import MASK, in_folders

        makers = {
            "mask": lambda: MASK,
            "cutout": lambda: cutout_output(self.cutouts, boxes),
            "alpha": lambda: alpha_output(self.cutouts),
        }
        return in_folders([makers[name]() for name in self.names])


DEFAULT_OUTPUTS = OutputArguments()
