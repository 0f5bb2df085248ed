"""How alpha and cutouts are made."""

from dataclasses import dataclass
from typing import Literal, get_args

from data.encoding import FORMATS, PNG, Format
from data.errors import SettingsError
from pipeline.inference.cutouts.background import Background
from pipeline.inference.cutouts.crop_box import NO_MARGIN, Margin

AlphaKind = Literal["contour", "probability"]
Crop = Literal["object", "group"]
FormatName = Literal["png", "webp", "jpg", "avif"]

MOST_GROWTH = 100.0
"""Most pixels that a contour is moved by."""


@dataclass(frozen=True, kw_only=True)
class CutoutOptions:
    """How alpha and cutouts are made.

    Raises:
        SettingsError: options contradict each other, such as JPEG and transparency.
    """

    alpha: AlphaKind = "contour"
    """The share of each pixel inside the contour, or its probability."""
    grow: float = 0.0
    """Pixels by which the contour is moved outward; negative moves it inward."""
    background: Background | None = None
    """What the object is laid on; None leaves it transparent."""
    format: FormatName | None = None
    """Format of cutouts; by default PNG."""
    quality: int | None = None
    """From 1 to 100, of formats that lose something; by default that of the format."""
    crop: Crop | None = None
    """The box of each object, or one box for all photos of a group; None keeps the whole photo."""
    margin: Margin = NO_MARGIN
    """What is kept around the object."""
    metadata: bool = True
    """Whether files say how they were made, and cutouts carry the EXIF data and the colour profile
    of the photo over."""

    def __post_init__(self) -> None:
        if self.alpha not in get_args(AlphaKind):
            raise SettingsError(f"--alpha is one of {get_args(AlphaKind)}, not {self.alpha!r}")
        if not abs(self.grow) <= MOST_GROWTH:
            raise SettingsError(
                f"--grow is a number of pixels from {-MOST_GROWTH:g} to {MOST_GROWTH:g}, not "
                f"{self.grow}"
            )
        if self.grow and self.alpha == "probability":
            raise SettingsError("--grow moves the contour; --alpha probability has none to move")
        self._check_format()
        if self.margin != NO_MARGIN and self.crop is None:
            raise SettingsError("--margin is kept around a box: add --crop object or --crop group")

    def _check_format(self) -> None:
        if self.format is not None and self.format not in FORMATS:
            raise SettingsError(f"--format is one of {', '.join(FORMATS)}, not {self.format!r}")
        if self.background is None and not self.form.has_alpha:
            raise SettingsError(
                f"--format {self.form.name} has no transparency: add --background white, or "
                "choose png, webp or avif"
            )
        if self.quality is not None and self.form.quality is None:
            raise SettingsError(f"--format {self.form.name} loses nothing, so it has no --quality")
        if self.quality is not None and not 1 <= self.quality <= 100:
            raise SettingsError(f"--quality is a number from 1 to 100, not {self.quality}")

    @property
    def form(self) -> Format:
        """The format of cutouts."""
        return PNG if self.format is None else FORMATS[self.format]

    def alpha_text(self) -> str:
        """Return all that alpha depends on, for manifests."""
        return f"alpha={self.alpha} grow={self.grow:g}"

    def cutout_text(self) -> str:
        """Return all that cutouts depend on, for manifests."""
        background = self.background.text if self.background else "none"
        return (
            f"{self.alpha_text()} background={background} format={self.form.name} "
            f"quality={self.quality or self.form.quality} crop={self.crop or 'none'} "
            f"margin={self.margin}"
        )


DEFAULT_CUTOUTS = CutoutOptions()
