"""The methods that are compared, as settings that override those they share."""

from dataclasses import dataclass
from typing import Any, Literal

Settings = dict[str, Any]


FROM_NOTHING: Settings = {
    "data": {"stretch_to": ()},
    "coarse": {"init": "", "lr": 2e-3, "ema_decay": 0.998},
    "tiles": {"patch_source": "final"},
    "refiner": {"init": "", "lr": 3e-3},
}
"""Replaces settings of the package's model so that networks are trained from random weights. The
package's own settings initialise both stages from trained models."""

LINKNET_RECIPE: Settings = {
    "network": "linknet",
    "optimizer": "rmsprop",
    "lr": 1e-3,
    "schedule": "plateau",
    "weight_decay": 0.0,
    "batch_size": 6,
    "ema_decay": 0.0,
    "augment": {
        "flip": 0.5,
        "shift": 0.0625,
        "scale": 0.1,
        "brightness": 0.0,
        "contrast": 0.0,
        "saturation": 0.0,
        "tint": 0.0,
        "hue": 50.0,
        "hsv_saturation": 5.0,
        "hsv_value": 15.0,
    },
}
"""The recipe that LinkNet was trained with for the challenge, in Keras."""

TILES = 400
"""Most tiles of a photo to refine after a coarse network of the ablation, which is uncertain nearly
everywhere after so short a training."""


@dataclass(frozen=True)
class Variant:
    """A method to compare with others of its stage."""

    stage: Literal["coarse", "refiner"]
    """`coarse` trains both networks, `refiner` only that one, on the package's coarse network."""
    name: str
    settings: Settings

    @property
    def folder(self) -> str:
        """Name of its run folder."""
        return self.name.replace(" ", "-").replace(",", "")

    @property
    def budget(self) -> int | None:
        """Most tiles of a photo to refine."""
        return TILES if self.stage == "coarse" else None


def _coarse(name: str, **settings: Any) -> Variant:
    tiles = {"max_patches_per_photo": TILES}
    return Variant("coarse", name, {"coarse": settings, "tiles": tiles})


def _refiner(name: str, tiles: Settings | None = None, **settings: Any) -> Variant:
    return Variant("refiner", name, {"tiles": tiles or {}, "refiner": settings})


VARIANTS: tuple[Variant, ...] = (
    _coarse("ENet"),
    _coarse("ENet, nearest unpooling", enet={"unpool": "nearest"}),
    _coarse("ENet, stride 8", stride=8),
    _coarse("LinkNet", network="linknet"),
    _coarse("LinkNet, its own recipe", **LINKNET_RECIPE),
    _coarse("fully connected, stride 16", network="mlp", stride=16),
    _refiner("3 levels, tile 16"),
    _refiner("photo alone, in place of the coarse logits", inputs="photo", residual=False),
    _refiner("photo alone, added to the coarse logits", inputs="photo"),
    _refiner("photo and mask, in place of the coarse logits", residual=False),
    _refiner("the tile alone", {"levels": 1}),
    _refiner("around the tile only the coarse mask", {"levels": 2}, inputs="mask_around"),
    _refiner("2 levels", {"levels": 2}),
    _refiner("4 levels", {"levels": 4}),
    _refiner("tile 8", {"side": 8}),
    _refiner("tile 32", {"side": 32}),
)
"""First coarse networks, each with the default refiner; then refiners on the coarse network of the
package."""

POSTPROCESS: tuple[str, ...] = (
    "smooth=3",
    "smooth=5",
    "close-open=5",
    "components=200",
    "coarse-regions=32",
    "regions=32",
    "close-open=5,components=200,coarse-regions=32,regions=32",
)
"""Chains of post-processing; the last one is the whole chain of the source."""
