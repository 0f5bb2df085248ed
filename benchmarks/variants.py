"""The methods that are compared: settings over those that all of them share."""

from typing import Any

Settings = dict[str, Any]

LINKNET_RECIPE: Settings = {
    "network": "linknet",
    "optimizer": "rmsprop",
    "lr": 1e-3,
    "schedule": "plateau",
    "weight_decay": 0.0,
    "batch_size": 6,
    "ema": 0.0,
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
"""How LinkNet was trained for the challenge in Keras."""

COARSE: dict[str, Settings] = {
    "ENet": {},
    "ENet, nearest unpooling": {"coarse": {"unpool": "nearest"}},
    "ENet, stride 8": {"coarse": {"stride": 8}},
    "LinkNet": {"coarse": {"network": "linknet"}},
    "LinkNet, its own recipe": {"coarse": LINKNET_RECIPE},
    "fully connected, stride 16": {"coarse": {"network": "mlp", "stride": 16}},
}
"""Networks of the coarse stage, each with the refiner that it would have by default."""

REFINER: dict[str, Settings] = {
    "3 levels, tile 16": {},
    "photo alone, in place of the coarse logits": {
        "refiner": {"sees": "photo", "residual": False},
    },
    "photo alone, added to the coarse logits": {"refiner": {"sees": "photo"}},
    "everything, in place of the coarse logits": {"refiner": {"residual": False}},
    "the tile alone": {"tiles": {"levels": 1}},
    "around the tile only the coarse mask": {
        "tiles": {"levels": 2},
        "refiner": {"sees": "mask_around"},
    },
    "2 levels": {"tiles": {"levels": 2}},
    "4 levels": {"tiles": {"levels": 4}},
    "tile 8": {"tiles": {"side": 8}},
    "tile 32": {"tiles": {"side": 32}},
}
"""Second stages, all of them on the coarse network that comes with the package."""

POSTPROCESS: tuple[str, ...] = (
    "smooth=3",
    "smooth=5",
    "close-open=5",
    "components=200",
    "coarse-regions=32",
    "regions=32",
    "close-open=5,components=200,coarse-regions=32,regions=32",
)
"""What is done to finished masks; the last one is the whole chain of the source."""
